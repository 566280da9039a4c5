//! Resources and extensions as wholes, and what is not in the document: secrets, `externalId`, members.

use super::*;

#[test]
fn without_a_path_the_value_is_attributes() {
    check(
        r#"{"op":"replace","value":{"title":"Lady","active":false,"name":{"middleName":"B"}}}"#,
        expect![[r#"
        name: {"givenName":"Ada","familyName":"King","middleName":"B"}
        title: "Lady"
        active: false"#]],
    );
    check(
        r#"{"op":"add","value":{"emails":[{"value":"x"}]}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x"}]"#
        ]],
    );
    check(r#"{"op":"replace","value":{"emails":[{"value":"x"}]}}"#, expect![[r#"emails: [{"value":"x"}]"#]]);
    check(r#"{"op":"replace","value":{"title":null}}"#, expect!["title is gone"]);
    check(r#"{"op":"replace","value":{}}"#, expect!["nothing"]);
    check(
        r#"{"op":"replace","value":{"title":"a","TITLE":"b"}}"#,
        expect!["invalidSyntax: `TITLE` stands twice"],
    );
    check(
        r#"{"op":"replace","value":"title"}"#,
        expect!["invalidValue: without a `path`, `value` must be an object of attributes"],
    );
    check(
        r#"{"op":"replace"}"#,
        expect!["invalidValue: without a `path`, `value` must be an object of attributes"],
    );
    check(r#"{"op":"remove"}"#, expect!["noTarget: `remove` needs a `path`"]);
    check(r#"{"op":"remove","value":{"title":"Countess"}}"#, expect!["noTarget: `remove` needs a `path`"]);
    let whole = r#"{"op":"replace","value":{"schemas":[],"id":"7","meta":{},"groups":[],"title":"Lady"}}"#;
    check_auto(whole, expect![[r#"title: "Lady""#]]);
    check_strict(whole, expect!["mutability: `id` is read-only"]);
    check_auto(
        r#"{"op":"replace","value":{"shoeSize":42,"no name!":1,"name.shoeSize":1}}"#,
        expect!["nothing"],
    );
    check_strict(
        r#"{"op":"replace","value":{"shoeSize":42}}"#,
        expect!["invalidPath: `shoeSize` is not an attribute of User"],
    );
    check_auto(r#"{"op":"replace","path":"","value":{"title":"Lady"}}"#, expect![[r#"title: "Lady""#]]);
    check_strict(
        r#"{"op":"replace","path":"","value":{"title":"Lady"}}"#,
        expect!["invalidPath: `` is not the name of an attribute"],
    );
}

#[test]
fn a_part_of_what_may_hold_anything_is_set_and_taken_away() {
    for (operation, expected) in [
        (r#"{"op":"replace","path":"extra.b","value":"x"}"#, r#"extra: {"a":1,"b":"x"}"#),
        (r#"{"op":"add","path":"extra.d","value":[]}"#, r#"extra: {"a":1,"b":{"c":2},"d":[]}"#),
        (r#"{"op":"remove","path":"extra.a"}"#, r#"extra: {"b":{"c":2}}"#),
        (r#"{"op":"remove","path":"extra.z"}"#, "nothing"),
        (r#"{"op":"replace","value":{"extra.a":2}}"#, r#"extra: {"a":2,"b":{"c":2}}"#),
        (
            r#"{"op":"replace","path":{"attributePath":{"attributeName":"extra","subAttribute":"a"}},"value":2}"#,
            r#"extra: {"a":2,"b":{"c":2}}"#,
        ),
    ] {
        assert_eq!(patched(&DEVICE, AUTO, &printer(), operation).unwrap(), expected, "{operation}");
    }
    let refused = patched(&DEVICE, AUTO, &printer(), r#"{"op":"add","path":"extra.a"}"#).unwrap_err();
    assert_eq!(refused.to_string(), "invalidValue: `value` is required to add to `extra.a`");
}

#[test]
fn extensions_come_and_go() {
    let custom = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
    check(
        &format!(r#"{{"op":"add","path":"{custom}:company","value":"C"}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:custom:2.0:User"]
        company: "C""#]],
    );
    check(
        &format!(r#"{{"op":"add","value":{{"{custom}":{{"company":"C","properties":{{"a":1}}}}}}}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:custom:2.0:User"]
        company: "C"
        properties: {"a":1}"#]],
    );
    check(
        &format!(r#"{{"op":"add","path":"{custom}","value":{{"company":"C"}}}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:custom:2.0:User"]
        company: "C""#]],
    );
    check(
        &format!(r#"{{"op":"replace","path":"{ENTERPRISE}","value":{{"division":"D"}}}}"#),
        expect![[r#"division: "D""#]],
    );
    check(
        &format!(r#"{{"op":"remove","path":"{ENTERPRISE}"}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"]
        User is gone"#]],
    );
    check(
        &format!(r#"{{"op":"replace","value":{{"{ENTERPRISE}":null}}}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"]
        User is gone"#]],
    );
    check(&format!(r#"{{"op":"add","value":{{"{ENTERPRISE}":null}}}}"#), expect!["nothing"]);
    check(
        &format!(r#"{{"op":"replace","path":"{ENTERPRISE}"}}"#),
        expect![
            "invalidValue: `value` is required to replace `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`"
        ],
    );
    check(
        &format!(r#"{{"op":"replace","path":"{ENTERPRISE}","value":"x"}}"#),
        expect![
            "invalidValue: `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` must be an object"
        ],
    );
    check(
        &format!(r#"{{"op":"add","path":"{ENTERPRISE}","value":{{"division":"a","Division":"b"}}}}"#),
        expect!["invalidSyntax: `Division` stands twice"],
    );
    check(
        &format!(
            r#"{{"op":"remove","path":"{ENTERPRISE}:department"}},{{"op":"remove","path":"{ENTERPRISE}:manager"}}"#
        ),
        expect![[r#"
            schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"]
            User is gone"#]],
    );
    check(
        r#"{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:User:title"}"#,
        expect!["title is gone"],
    );
    check(
        r#"{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User","value":{"title":"Lady"}}"#,
        expect![[r#"title: "Lady""#]],
    );
    check(
        r#"{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:User"}"#,
        expect!["noTarget: `remove` needs a `path`"],
    );
    check_device(
        r#"{"op":"remove","path":"urn:example:2.0:Lease"}"#,
        expect!["mutability: `number` cannot be removed"],
    );
    check_device(
        r#"{"op":"remove","path":"urn:example:2.0:Lease:contract"}"#,
        expect!["mutability: `contract` cannot be removed"],
    );
    // What the extension requires goes with it.
    let mut free = printer();
    free["urn:example:2.0:Lease"] = json!({ "contract": "c" });
    check_as(
        &DEVICE,
        AUTO,
        &free,
        r#"{"op":"remove","path":"urn:example:2.0:Lease"}"#,
        expect![[r#"
        schemas: ["urn:example:2.0:Device"]
        Lease is gone
        secret code: null"#]],
    );
    let mut bound = DEVICE.clone();
    bound.extensions[0].required = true;
    check_as(
        &bound,
        AUTO,
        &free,
        r#"{"op":"remove","path":"urn:example:2.0:Lease"}"#,
        expect!["mutability: `urn:example:2.0:Lease` cannot be removed"],
    );
    free.shift_remove("urn:example:2.0:Lease");
    check_as(
        &DEVICE,
        AUTO,
        &free,
        r#"{"op":"add","path":"urn:example:2.0:Lease:rate","value":1}"#,
        expect!["invalidValue: `contract` is required"],
    );
}

#[test]
fn secrets_and_external_ids_are_handed_over() {
    check(
        r#"{"op":"replace","path":"password","value":"s3cret"}"#,
        expect![[r#"secret password: "s3cret""#]],
    );
    check(r#"{"op":"remove","path":"password"}"#, expect!["secret password: null"]);
    check(r#"{"op":"replace","value":{"password":null}}"#, expect!["secret password: null"]);
    check(
        r#"{"op":"replace","path":"password","value":{}}"#,
        expect!["invalidValue: `password` must be a string"],
    );
    check(
        r#"{"op":"replace","path":"password[value eq \"x\"]","value":"y"}"#,
        expect!["invalidFilter: `password` cannot be filtered on"],
    );
    check(r#"{"op":"add","path":"externalId","value":"7"}"#, expect![[r#"externalId: "7""#]]);
    check(r#"{"op":"replace","value":{"externalId":null}}"#, expect!["externalId: null"]);
    check(r#"{"op":"remove","path":"externalId"}"#, expect!["externalId: null"]);
    check(
        r#"{"op":"replace","path":"externalId"}"#,
        expect!["invalidValue: `value` is required to replace `externalId`"],
    );
    check(r#"{"op":"remove","path":"schemas"}"#, expect!["nothing"]);
    check_device(
        r#"{"op":"replace","value":{"urn:example:2.0:Lease":{"code":"x"}}}"#,
        expect![[r#"secret code: "x""#]],
    );
}

#[test]
fn members_become_changes() {
    check_group(
        r#"{"op":"add","path":"members","value":[{"value":"1","display":"Ada"}]}"#,
        expect![[r#"add members: [{"value":"1"}]"#]],
    );
    check_group(r#"{"op":"add","path":"members","value":[]}"#, expect!["add members: []"]);
    check_group(
        r#"{"op":"replace","path":"members","value":[{"value":"1"},{"value":"2"}]}"#,
        expect![[r#"replace members: [{"value":"1"},{"value":"2"}]"#]],
    );
    check_group(r#"{"op":"replace","path":"members","value":[]}"#, expect!["replace members: []"]);
    check_group(r#"{"op":"remove","path":"members"}"#, expect!["replace members: []"]);
    check_group(r#"{"op":"remove","path":"members","value":[]}"#, expect!["remove members: []"]);
    check_group(
        r#"{"op":"remove","path":"members[value eq \"1\"]"}"#,
        expect!["remove members where members.value"],
    );
    check_group(
        r#"{"op":"remove","path":"members[type eq \"Group\" or display sw \"A\"]"}"#,
        expect!["remove members where members.type, members.display"],
    );
    check_group(
        r#"{"op":"add","path":"members[value eq \"1\"]","value":{"type":"User"}}"#,
        expect![[r#"add members: [{"type":"User","value":"1"}]"#]],
    );
    check_group(
        r#"{"op":"replace","path":"members[value eq \"1\"]","value":{"value":"2"}}"#,
        expect![[r#"replace members where members.value: [{"value":"2"}]"#]],
    );
    check_group(
        r#"{"op":"replace","path":"members[type eq \"User\"]","value":[{"value":"2"},{"value":"3"}]}"#,
        expect![[
            r#"replace members where members.type: [{"value":"2","type":"User"},{"value":"3","type":"User"}]"#
        ]],
    );
    check_group(
        r#"{"op":"replace","path":"members[value eq \"1\"]","value":null}"#,
        expect!["replace members where members.value: []"],
    );
    check_group(
        r#"{"op":"add","path":"members[type pr]","value":{"type":"User"}}"#,
        expect!["invalidValue: `members.value` is required"],
    );
    check_group(
        r#"{"op":"replace","path":"members[value eq \"1\"].value","value":"2"}"#,
        expect!["mutability: the parts of `members` cannot change; add or remove whole values"],
    );
    check_group(
        r#"{"op":"replace","path":"members.value","value":"2"}"#,
        expect!["mutability: the parts of `members` cannot change; add or remove whole values"],
    );
    check_group(
        r#"{"op":"add","path":"members","value":[{"display":"Ada"}]}"#,
        expect!["invalidValue: `members.value` is required"],
    );
    check_group(
        r#"{"op":"add","path":"members"}"#,
        expect!["invalidValue: `value` is required to add to `members`"],
    );
    // Changes keep their order.
    check_group(
        r#"{"op":"remove","path":"members[value eq \"1\"]"},{"op":"add","path":"members","value":[{"value":"2"}]},
           {"op":"replace","value":{"displayName":"h"}}"#,
        expect![[r#"
            displayName: "h"
            remove members where members.value
            add members: [{"value":"2"}]"#]],
    );
}
