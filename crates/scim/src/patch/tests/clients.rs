//! What real clients send; see the table in [`crate::quirks`].

use super::*;

#[test]
fn entra_id_in_its_legacy_dialect() {
    check_auto(r#"{"op":"Replace","path":"active","value":"False"}"#, expect!["active: false"]);
    check_auto(
        r#"{"op":"Add","path":"emails[type eq \"other\"].Value","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"type":"other","value":"x"}]"#
        ]],
    );
    check_auto(
        r#"{"op":"Replace","path":"emails[type eq \"work\"].value","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"x","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"}]"#
        ]],
    );
    check_auto(
        r#"{"op":"Replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1 555"}"#,
        expect![[r#"phoneNumbers: [{"type":"mobile","value":"+1 555"}]"#]],
    );
    check_auto(
        r#"{"op":"Add","path":"addresses[type eq \"work\"].formatted","value":"x"}"#,
        expect![[r#"addresses: [{"type":"work","formatted":"x"}]"#]],
    );
    check_auto(
        r#"{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"{\"id\":\"1\"}"}"#,
        expect![[r#"roles: [{"primary":true,"value":"{\"id\":\"1\"}"}]"#]],
    );
    check_auto(
        &format!(r#"{{"op":"Replace","path":"{ENTERPRISE}:department","value":"Sales"}}"#),
        expect![[r#"department: "Sales""#]],
    );
    check_auto(
        &format!(r#"{{"op":"Add","path":"{ENTERPRISE}:manager","value":"2"}}"#),
        expect![[r#"manager: {"value":"2"}"#]],
    );
    check_auto(
        &format!(r#"{{"op":"Replace","path":"{ENTERPRISE}:manager","value":""}}"#),
        expect!["manager is gone"],
    );
    check_auto(
        &format!(r#"{{"op":"Replace","path":"{ENTERPRISE}.department","value":"Sales"}}"#),
        expect![[r#"department: "Sales""#]],
    );
    check_auto(
        r#"{"op":"Remove","path":"emails[type eq \"work\"].value","value":"stale@work.org"}"#,
        expect![[
            r#"emails: [{"type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"}]"#
        ]],
    );
    check_group(
        r#"{"op":"Remove","path":"members","value":[{"$ref":null,"value":"1"}]}"#,
        expect![[r#"remove members: [{"value":"1"}]"#]],
    );
    check_group(
        r#"{"op":"Add","path":"members","value":[{"value":"1","displayName":"Ada"}]}"#,
        expect![[r#"add members: [{"value":"1"}]"#]],
    );
    // Its validator sends a PATCH without operations.
    check_group("", expect!["nothing"]);
}

#[test]
fn entra_id_after_aad_opt_scim_062020() {
    check_auto(
        &format!(
            r#"{{"op":"replace","value":{{"name.givenName":"Augusta","active":false,"{ENTERPRISE}:department":"Sales",
                "emails[type eq \"work\"].value":"x","{ENTERPRISE}:manager":{{"value":"2"}}}}}}"#
        ),
        expect![[r#"
            name: {"givenName":"Augusta","familyName":"King"}
            active: false
            emails: [{"value":"x","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"}]
            department: "Sales"
            manager: {"value":"2"}"#]],
    );
    check_group(
        r#"{"op":"remove","path":"members[value eq \"1\"]"}"#,
        expect!["remove members where members.value"],
    );
}

#[test]
fn okta() {
    check_auto(r#"{"op":"replace","value":{"active":false}}"#, expect!["active: false"]);
    check_group(r#"{"op":"replace","value":{"id":"7","displayName":"h"}}"#, expect![[r#"displayName: "h""#]]);
    check_group(
        r#"{"op":"remove","path":"members[value eq \"1\"]"},
           {"op":"add","path":"members","value":[{"value":"2","display":"ada@work.org"}]}"#,
        expect![[r#"
            remove members where members.value
            add members: [{"value":"2"}]"#]],
    );
    check_group(r#"{"op":"replace","path":"members","value":[]}"#, expect!["replace members: []"]);
}

#[test]
fn others() {
    // SailPoint disables.
    check_auto(r#"{"op":"add","value":{"active":false}}"#, expect!["active: false"]);
    // Keycloak empties a group.
    check_group(r#"{"op":"remove","path":"members","value":null}"#, expect!["replace members: []"]);
    // authentik sends the whole group.
    check_group(
        r#"{"op":"replace","value":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"7","externalId":"x",
            "displayName":"h"}}"#,
        expect![[r#"
            displayName: "h"
            externalId: "x""#]],
    );
    // A library that writes null for what it does not know empties nothing.
    check_group(
        r#"{"op":"replace","value":{"displayName":"h","members":null}}"#,
        expect![[r#"displayName: "h""#]],
    );
    // Rauthy unlinks.
    check_auto(r#"{"op":"replace","value":{"externalId":null}}"#, expect!["externalId: null"]);
    // OneLogin sends one bare object.
    check_auto(
        r#"{"op":"replace","value":{"emails":{"value":"x","primary":true}}}"#,
        expect![[r#"emails: [{"value":"x","primary":true}]"#]],
    );
    // StackSpot writes a path as an object and wraps attributes.
    check_auto(
        r#"{"op":"replace","path":{"attributePath":{"attributeName":"name","subAttribute":"givenName"}},"value":"A"}"#,
        expect![[r#"name: {"givenName":"A","familyName":"King"}"#]],
    );
    // With the expression as a tree: just what it chooses is changed.
    let work = r#"{"attributePath":{"attributeName":"emails"},"valueExpression":{"attributePath":{"attributeName":"type"},"operator":"eq","compareValue":"work"}"#;
    check_auto(
        &format!(r#"{{"op":"remove","path":{work}}}}}"#),
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check_auto(
        &format!(r#"{{"op":"replace","path":{work},"subAttribute":"display"}},"value":"W"}}"#),
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"W","primary":true},{"value":"ada@home.org","type":"home"}]"#
        ]],
    );
    check_auto(
        r#"{"op":"replace","value":{"attributes":{"title":"Lady"},"externalID":"7"}}"#,
        expect![[r#"
        title: "Lady"
        externalId: "7""#]],
    );
}
