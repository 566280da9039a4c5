//! What is admitted, what is refused, and what each refusal names.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::message;
use crate::sample::{AUTO, DEVICE, GROUP, STRICT, USER, parse, shown};

/// What became of a draft, without `schemas`; each part on a line of its own.
fn admitted(kind: &ResourceType, rules: Rules<'_>, draft: &str) -> String {
    let out = match admit(kind, parse(draft), rules) {
        Ok(out) => out,
        Err(error) => return error.to_string(),
    };
    let mut document = out.document;
    document.shift_remove("schemas");
    let mut lines = vec![Value::Object(document).to_string()];
    if !out.secrets.is_empty() {
        lines.push(format!("secrets {}", Value::Object(out.secrets)));
    }
    lines.extend(out.external_id.map(|id| format!("externalId {}", json!(id))));
    lines.extend(out.id.map(|id| format!("id {id}")));
    lines.extend(out.relations.iter().map(|(name, values)| format!("{name} {}", json!(values))));
    lines.join("\n")
}

fn check(draft: &str, expect: Expect) {
    expect.assert_eq(&admitted(&USER, AUTO, draft));
}

fn check_strict(draft: &str, expect: Expect) {
    let draft = format!(r#"{{"schemas":["{}"],{draft}}}"#, USER.schema.id);
    expect.assert_eq(&admitted(&USER, STRICT, &draft));
}

fn check_group(draft: &str, expect: Expect) {
    expect.assert_eq(&admitted(&GROUP, AUTO, draft));
}

fn check_device(draft: &str, expect: Expect) {
    let draft = format!(r#"{{"name":"n","tags":["t"],{draft}}}"#);
    expect.assert_eq(&admitted(&DEVICE, AUTO, &draft));
}

fn check_example(kind: &ResourceType, text: &str, expect: Expect) {
    let (auto, strict) = (admit(kind, parse(text), AUTO).unwrap(), admit(kind, parse(text), STRICT).unwrap());
    assert_eq!(auto, strict);
    let Admitted { document, secrets, external_id, id, relations } = auto;
    let whole = json!({ "document": document, "secrets": secrets, "externalId": external_id, "id": id,
        "relations": relations });
    expect.assert_eq(&shown(&whole));
}

#[test]
fn the_minimal_user_of_rfc_7643() {
    check_example(
        &USER,
        include_str!("../../tests-data/rfc7643-8.1-minimal-user.json"),
        expect![[r#"
        {
          "document": {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "bjensen@example.com"
          },
          "secrets": {},
          "externalId": null,
          "id": "2819c223-7f76-453a-919d-413861904646",
          "relations": []
        }"#]],
    );
}

#[test]
fn the_enterprise_user_of_rfc_7643() {
    check_example(
        &USER,
        include_str!("../../tests-data/rfc7643-8.3-enterprise-user.json"),
        expect![[r#"
        {
          "document": {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
            "userName": "bjensen@example.com",
            "name": {"formatted":"Ms. Barbara J Jensen, III","familyName":"Jensen","givenName":"Barbara","middleName":"Jane","honorificPrefix":"Ms.","honorificSuffix":"III"},
            "displayName": "Babs Jensen",
            "nickName": "Babs",
            "profileUrl": "https://login.example.com/bjensen",
            "emails": [
              {"value":"bjensen@example.com","type":"work","primary":true},
              {"value":"babs@jensen.org","type":"home"}
            ],
            "addresses": [
              {"type":"work","streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","formatted":"100 Universal City Plaza\nHollywood, CA 91608 USA","primary":true},
              {"type":"home","streetAddress":"456 Hollywood Blvd","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","formatted":"456 Hollywood Blvd\nHollywood, CA 91608 USA"}
            ],
            "phoneNumbers": [
              {"value":"555-555-5555","type":"work"},
              {"value":"555-555-4444","type":"mobile"}
            ],
            "ims": [
              {"value":"someaimhandle","type":"aim"}
            ],
            "photos": [
              {"value":"https://photos.example.com/profilephoto/72930000000Ccne/F","type":"photo"},
              {"value":"https://photos.example.com/profilephoto/72930000000Ccne/T","type":"thumbnail"}
            ],
            "userType": "Employee",
            "title": "Tour Guide",
            "preferredLanguage": "en-US",
            "locale": "en-US",
            "timezone": "America/Los_Angeles",
            "active": true,
            "x509Certificates": [
              {"value":"MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx"}
            ],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
              "employeeNumber": "701984",
              "costCenter": "4130",
              "organization": "Universal Studios",
              "division": "Theme Park",
              "department": "Tour Operations",
              "manager": {"value":"26118915-6090-4610-87e4-49d8ca9f808d","$ref":"../Users/26118915-6090-4610-87e4-49d8ca9f808d"}
            }
          },
          "secrets": {"password":"t1meMa$heen"},
          "externalId": "701984",
          "id": "2819c223-7f76-453a-919d-413861904646",
          "relations": []
        }"#]],
    );
}

#[test]
fn the_full_user_of_rfc_7643_is_the_enterprise_user_without_the_extension() {
    let full =
        admit(&USER, parse(include_str!("../../tests-data/rfc7643-8.2-full-user.json")), STRICT).unwrap();
    let text = include_str!("../../tests-data/rfc7643-8.3-enterprise-user.json");
    let mut enterprise = admit(&USER, parse(text), STRICT).unwrap();
    enterprise.document.shift_remove(crate::sample::ENTERPRISE);
    seal(&USER, &mut enterprise.document).unwrap();
    assert_eq!(full, enterprise);
}

#[test]
fn the_group_of_rfc_7643() {
    check_example(
        &GROUP,
        include_str!("../../tests-data/rfc7643-8.4-group.json"),
        expect![[r#"
        {
          "document": {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "Tour Guides"
          },
          "secrets": {},
          "externalId": null,
          "id": "e9e30dba-f08f-4109-8486-d5c6a331660a",
          "relations": [
            [
              "members",
              [
                {"value":"2819c223-7f76-453a-919d-413861904646","$ref":"https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646"},
                {"value":"902c246b-6245-4190-8e05-00816be7344a","$ref":"https://example.com/v2/Users/902c246b-6245-4190-8e05-00816be7344a"}
              ]
            ]
          ]
        }"#]],
    );
}

#[test]
fn names_take_the_spelling_of_the_schema() {
    check(
        r#"{"USERNAME":"a","Name":{"GIVENNAME":"A"},"emails":[{"Value":"x","PRIMARY":true}]}"#,
        expect![[r#"{"userName":"a","name":{"givenName":"A"},"emails":[{"value":"x","primary":true}]}"#]],
    );
    check(
        r#"{"userName":"a","URN:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:User":{"Department":"d"}}"#,
        expect![[
            r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}"#
        ]],
    );
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    check(r#"{"userName":"a","USERNAME":"b"}"#, expect!["invalidSyntax: `userName` stands twice"]);
    check(
        r#"{"userName":"a","name":{"givenName":"A","GivenName":"B"}}"#,
        expect!["invalidSyntax: `name.givenName` stands twice"],
    );
    check(
        r#"{"userName":"a","emails":[{"value":"x","Value":"y"}]}"#,
        expect!["invalidSyntax: `emails.value` stands twice"],
    );
    check(
        r#"{"userName":"a","externalId":"1","externalID":"2"}"#,
        expect!["invalidSyntax: `externalID` stands twice"],
    );
    check(
        r#"{"userName":"a","password":"1","Password":"2"}"#,
        expect!["invalidSyntax: `password` stands twice"],
    );
    check(
        r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"},
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"e"}"#,
        expect!["invalidSyntax: `department` stands twice"],
    );
    check_group(
        r#"{"displayName":"g","members":[{"value":"1"}],"Members":[{"value":"2"}]}"#,
        expect!["invalidSyntax: `Members` stands twice"],
    );
}

#[test]
fn null_and_nothing_are_no_value() {
    check(
        r#"{"userName":"a","title":null,"emails":[],"name":{},"roles":[null,{}],"photos":null}"#,
        expect![[r#"{"userName":"a"}"#]],
    );
    check(
        r#"{"userName":"a","name":{"givenName":null},"emails":[{"value":null}],"externalId":null}"#,
        expect![[r#"
        {"userName":"a"}
        externalId null"#]],
    );
    // Entra ID sends the attributes of the extension, unqualified and null.
    check(
        r#"{"userName":"a","department":null,"manager":null,"roles":[],"meta":{"resourceType":"User"}}"#,
        expect![[r#"{"userName":"a"}"#]],
    );
    check(
        r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":null}"#,
        expect![[r#"{"userName":"a"}"#]],
    );
    check(
        r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":null}}"#,
        expect![[r#"{"userName":"a"}"#]],
    );
}

#[test]
fn what_is_required_must_be_there() {
    check(r#"{}"#, expect!["invalidValue: `userName` is required"]);
    check(r#"{"userName":null}"#, expect!["invalidValue: `userName` is required"]);
    check(r#"{"userName":"  "}"#, expect!["invalidValue: `userName` is required"]);
    check_group(r#"{"members":[]}"#, expect!["invalidValue: `displayName` is required"]);
    expect!["invalidValue: `tags` is required"].assert_eq(&admitted(
        &DEVICE,
        AUTO,
        r#"{"name":"n","tags":[]}"#,
    ));
    check_device(r#""ports":[{"speeds":[1]}]"#, expect!["invalidValue: `ports.value` is required"]);
    check_device(r#""owner":{"since":"x"}"#, expect!["invalidValue: `owner.value` is required"]);
    // An extension must be whole if it is there at all.
    check_device(r#""urn:example:2.0:Lease":{"rate":1}"#, expect!["invalidValue: `contract` is required"]);
    check_device(r#""urn:example:2.0:Lease":{"rate":null}"#, expect![[r#"{"name":"n","tags":["t"]}"#]]);
}

#[test]
fn an_extension_that_is_required_must_be_there() {
    let mut device = DEVICE.clone();
    device.extensions[0].required = true;
    expect!["invalidValue: `urn:example:2.0:Lease` is required"].assert_eq(&admitted(
        &device,
        AUTO,
        r#"{"name":"n","tags":["t"]}"#,
    ));
}

#[test]
fn every_type_is_checked() {
    check(r#"{"userName":["a","b"]}"#, expect!["invalidValue: `userName` must be a string"]);
    check(r#"{"userName":"a","active":1}"#, expect!["invalidValue: `active` must be a boolean"]);
    check(r#"{"userName":"a","active":"yes"}"#, expect!["invalidValue: `active` must be a boolean"]);
    check(r#"{"userName":"a","name":"Ada"}"#, expect!["invalidValue: `name` must be an object"]);
    check(
        r#"{"userName":"a","name":{"givenName":{}}}"#,
        expect!["invalidValue: `name.givenName` must be a string"],
    );
    check(r#"{"userName":"a","emails":[1]}"#, expect!["invalidValue: `emails` must be an object"]);
    check(r#"{"userName":"a","profileUrl":1}"#, expect!["invalidValue: `profileUrl` must be a URI"]);
    check(
        r#"{"userName":"a","x509Certificates":[{"value":"no base64!"}]}"#,
        expect!["invalidValue: `x509Certificates.value` must be a base64 string"],
    );
    check(
        r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":"x"}"#,
        expect![
            "invalidValue: `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` must be an object"
        ],
    );
    check_device(r#""stock":1.5"#, expect!["invalidValue: `stock` must be a whole number"]);
    check_device(r#""stock":18446744073709551615"#, expect!["invalidValue: `stock` must be a whole number"]);
    check_device(
        r#""stock":5.0,"weight":1e-3,"bought":"2026-01-31T09:30:00+01:00","seal":"AbC_-=="  "#,
        expect![[
            r#"{"name":"n","tags":["t"],"stock":5,"weight":0.001,"bought":"2026-01-31T09:30:00+01:00","seal":"AbC_-=="}"#
        ]],
    );
    check_device(
        r#""bought":"yesterday""#,
        expect!["invalidValue: `bought` must be a date and time such as `2026-01-31T09:30:00Z`"],
    );
    check_device(r#""extra":[1,2]"#, expect!["invalidValue: `extra` must be an object"]);
}

#[test]
fn limits_are_kept() {
    let long = "x".repeat(101);
    check(
        &format!(r#"{{"userName":"{long}"}}"#),
        expect!["invalidValue: `userName` is longer than 100 bytes"],
    );
    check(
        &format!(r#"{{"userName":"a","emails":[{{"value":"{long}"}}]}}"#),
        expect!["invalidValue: `emails.value` is longer than 100 bytes"],
    );
    check(
        &format!(r#"{{"userName":"a","externalId":"{long}"}}"#),
        expect!["invalidValue: `externalId` must be a string of at most 40 bytes"],
    );
    let many = json!({ "userName": "a", "roles": (0..21).map(|n| json!({ "value": n.to_string() })).collect::<Vec<_>>() });
    check(&many.to_string(), expect!["invalidValue: `roles` has more than 20 values"]);
}

#[test]
fn a_value_is_kept_once() {
    check(
        r#"{"userName":"a","roles":[{"value":"x"},{"value":"y"},{"value":"x"},{"type":"t","value":"x"}]}"#,
        expect![[r#"{"userName":"a","roles":[{"value":"x"},{"value":"y"},{"type":"t","value":"x"}]}"#]],
    );
    let many: Vec<Value> = (0..20).map(|n| json!({ "value": (n % 18).to_string() })).collect();
    let out = admit(&USER, parse(&json!({ "userName": "a", "roles": many }).to_string()), AUTO).unwrap();
    assert_eq!(out.document["roles"].as_array().map(Vec::len), Some(18));
}

#[test]
fn one_value_is_primary_at_most() {
    check(
        r#"{"userName":"a","emails":[{"value":"x","primary":true},{"value":"y","primary":"True"}]}"#,
        expect!["invalidValue: `emails` has more than one primary value"],
    );
}

#[test]
fn values_that_the_client_cannot_set_fall_away() {
    check(
        r#"{"userName":"a","id":"7","meta":{"version":"1"},"groups":[{"value":"g"}]}"#,
        expect![[r#"
            {"userName":"a"}
            id "7""#]],
    );
    check_device(
        r#""seen":"not even a date","ports":[{"value":"p","state":"up"}]"#,
        expect![[r#"{"name":"n","tags":["t"],"ports":[{"value":"p"}]}"#]],
    );
}

#[test]
fn secrets_are_taken_aside() {
    check(
        r#"{"userName":"a","password":"s3cret"}"#,
        expect![[r#"
        {"userName":"a"}
        secrets {"password":"s3cret"}"#]],
    );
    check_device(
        r#""pin":"1234","urn:example:2.0:Lease":{"contract":"c","code":"x"}"#,
        expect![[r#"
        {"name":"n","tags":["t"],"urn:example:2.0:Lease":{"contract":"c"}}
        secrets {"pin":"1234","code":"x"}"#]],
    );
    // Nothing but a secret is no extension.
    check_device(
        r#""urn:example:2.0:Lease":{"code":"x"}"#,
        expect![[r#"
        {"name":"n","tags":["t"]}
        secrets {"code":"x"}"#]],
    );
}

#[test]
fn members_are_handed_over() {
    check_group(
        r#"{"displayName":"g","members":[{"VALUE":"1","display":"Ada","type":"User","$ref":null},null]}"#,
        expect![[r#"
        {"displayName":"g"}
        members [{"value":"1","type":"User"}]"#]],
    );
    check_group(
        r#"{"displayName":"g","members":[{"value":"1","displayName":"Ada"}]}"#,
        expect![[r#"
        {"displayName":"g"}
        members [{"value":"1"}]"#]],
    );
    check_group(
        r#"{"displayName":"g","members":[]}"#,
        expect![[r#"
        {"displayName":"g"}
        members []"#]],
    );
    // Silence is not the same as an empty list, and null is silence.
    check_group(r#"{"displayName":"g","members":null}"#, expect![[r#"{"displayName":"g"}"#]]);
    check_group(
        r#"{"displayName":"g","members":"1"}"#,
        expect![[r#"
        {"displayName":"g"}
        members [{"value":"1"}]"#]],
    );
    check_group(
        r#"{"displayName":"g","members":[{"display":"Ada"}]}"#,
        expect!["invalidValue: `members.value` is required"],
    );
    check_group(
        r#"{"displayName":"g","members":[{}]}"#,
        expect!["invalidValue: `members.value` is required"],
    );
    check_group(
        r#"{"displayName":"g","members":[{"value":""}]}"#,
        expect!["invalidValue: `members.value` is required"],
    );
}

#[test]
fn any_json_object_is_kept_where_any_will_do() {
    check_device(
        r#""extra":{"a":{"b":[null,1]},"c":null}"#,
        expect![[r#"{"name":"n","tags":["t"],"extra":{"a":{"b":[null,1]}}}"#]],
    );
    check_device(r#""extra":{}"#, expect![[r#"{"name":"n","tags":["t"],"extra":{}}"#]]);
}

#[test]
fn auto_understands_qualified_names() {
    check(r#"{"urn:ietf:params:scim:schemas:core:2.0:User:userName":"a"}"#, expect![[r#"{"userName":"a"}"#]]);
    check(
        r#"{"urn:ietf:params:scim:schemas:core:2.0:User":{"userName":"a","nothing":1,"schemas":[]}}"#,
        expect![[r#"{"userName":"a"}"#]],
    );
    check(
        r#"{"userName":"a","urn:ietf:params:scim:schemas:core:2.0:User":7}"#,
        expect!["invalidValue: `urn:ietf:params:scim:schemas:core:2.0:User` must be an object"],
    );
    check(
        r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"d",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"division":"e"}}"#,
        expect![[
            r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d","division":"e"}}"#
        ]],
    );
}

#[test]
fn auto_understands_what_clients_send() {
    // OneLogin: schemas that do not exist, one bare object for a list.
    check(
        r#"{"schemas":["urn:scim:schemas:core:2.0","urn:scim:schemas:extension:enterprise:2.0"],"userName":"a",
            "emails":{"value":"x","type":"work","primary":true}}"#,
        expect![[r#"{"userName":"a","emails":[{"value":"x","type":"work","primary":true}]}"#]],
    );
    // Keycloak.
    check(
        r#"{"schemas":[],"userName":"a","active":"true","externalId":"7"}"#,
        expect![[r#"
        {"userName":"a","active":true}
        externalId "7""#]],
    );
    // Entra ID: a manager by id, roles whose value is JSON.
    check(
        r#"{"userName":"a","roles":[{"primary":"True","value":"{\"id\":\"1\"}"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":"2"}}"#,
        expect![[
            r#"{"userName":"a","roles":[{"primary":true,"value":"{\"id\":\"1\"}"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"2"}}}"#
        ]],
    );
    check(
        r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":"","department":"d"}}"#,
        expect![[
            r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}"#
        ]],
    );
    // Okta: a placeholder for a password, groups.
    check(
        r#"{"userName":"a","password":"x","groups":[],"locale":"en-US","externalId":"7"}"#,
        expect![[r#"
        {"userName":"a","locale":"en-US"}
        secrets {"password":"x"}
        externalId "7""#]],
    );
    // StackSpot.
    check(
        r#"{"attributes":{"userName":"a","active":"False"},"externalID":{}}"#,
        expect![[r#"
        {"userName":"a","active":false}
        externalId null"#]],
    );
}

#[test]
fn a_name_that_repeats_its_urn_without_end_is_just_unknown() {
    let name = format!("{}:", USER.schema.id).repeat(50_000);
    check(&format!(r#"{{"userName":"a","{name}userName":"b"}}"#), expect![[r#"{"userName":"a"}"#]]);
}

#[test]
fn strict_wants_what_the_rfcs_say() {
    check_strict(
        r#""userName":"a","name":{"givenName":"A"}"#,
        expect![[r#"{"userName":"a","name":{"givenName":"A"}}"#]],
    );
    check_strict(
        r#""userName":"a","shoeSize":42"#,
        expect!["invalidSyntax: `shoeSize` is not an attribute of User"],
    );
    check_strict(
        r#""userName":"a","name":{"shoeSize":42}"#,
        expect!["invalidSyntax: `name.shoeSize` is not an attribute"],
    );
    check_strict(r#""userName":"a","active":"True""#, expect!["invalidValue: `active` must be a boolean"]);
    check_strict(
        r#""userName":"a","emails":{"value":"x"}"#,
        expect!["invalidValue: `emails` must be an array"],
    );
    check_strict(
        r#""userName":"a","externalId":7"#,
        expect!["invalidValue: `externalId` must be a string of at most 40 bytes"],
    );
    check_strict(
        r#""userName":"a","urn:ietf:params:scim:schemas:core:2.0:User:title":"t""#,
        expect![
            "invalidSyntax: `urn:ietf:params:scim:schemas:core:2.0:User:title` is not an attribute of User"
        ],
    );
    let check = |draft, expect: Expect| expect.assert_eq(&admitted(&USER, STRICT, draft));
    check(r#"{"userName":"a"}"#, expect!["invalidSyntax: `schemas` is required"]);
    check(
        r#"{"userName":"a","schemas":"urn:ietf:params:scim:schemas:core:2.0:User"}"#,
        expect!["invalidValue: `schemas` must be an array of URNs"],
    );
    check(
        r#"{"userName":"a","schemas":["urn:x:other"]}"#,
        expect!["invalidValue: `urn:x:other` is not a schema of User"],
    );
    check(
        r#"{"userName":"a","schemas":["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]}"#,
        expect!["invalidValue: `schemas` lacks `urn:ietf:params:scim:schemas:core:2.0:User`"],
    );
}

fn check_successor(previous: Value, next: &str, expect: Expect) {
    let mut next = admit(&DEVICE, parse(next), AUTO).unwrap().document;
    let previous = previous.as_object().unwrap();
    let out = succeed(&DEVICE, previous, &mut next).map(|()| Value::Object(next).to_string());
    expect.assert_eq(&out.unwrap_or_else(|e| e.to_string()));
}

#[test]
fn a_successor_keeps_what_cannot_change() {
    let previous = json!({ "name": "n", "serial": "1", "tags": ["t"], "seen": "2026-01-01T00:00:00Z",
        "owner": { "value": "u", "since": "x" }, "urn:example:2.0:Lease": { "contract": "c", "number": "7" } });
    check_successor(
        previous.clone(),
        r#"{"name":"m","tags":["t"]}"#,
        expect!["invalidValue: `contract` is required"],
    );
    check_successor(
        previous.clone(),
        r#"{"name":"m","tags":["t"],"serial":"1","urn:example:2.0:Lease":{"contract":"c","number":"7"}}"#,
        expect![[
            r#"{"schemas":["urn:example:2.0:Device","urn:example:2.0:Lease"],"name":"m","tags":["t"],"serial":"1","urn:example:2.0:Lease":{"contract":"c","number":"7"},"owner":{"value":"u","since":"x"},"seen":"2026-01-01T00:00:00Z"}"#
        ]],
    );
    check_successor(
        previous.clone(),
        r#"{"name":"m","tags":["t"],"serial":"2"}"#,
        expect!["mutability: `serial` cannot change once it is set"],
    );
    check_successor(
        previous.clone(),
        r#"{"name":"m","tags":["t"],"urn:example:2.0:Lease":{"contract":"c","number":"8"}}"#,
        expect!["mutability: `number` cannot change once it is set"],
    );
    check_successor(
        previous.clone(),
        r#"{"name":"m","tags":["t"],"owner":{"value":"v"}}"#,
        expect!["invalidValue: `contract` is required"],
    );
    // What is silent about a value keeps what cannot change of it, and what that cannot be without.
    let owned = json!({ "name": "n", "tags": ["t"], "owner": { "value": "u", "since": "x" } });
    for silent in [r#"{"name":"m","tags":["t"]}"#, r#"{"name":"m","tags":["t"],"owner":null}"#] {
        check_successor(
            owned.clone(),
            silent,
            expect![[
                r#"{"schemas":["urn:example:2.0:Device"],"name":"m","tags":["t"],"owner":{"value":"u","since":"x"}}"#
            ]],
        );
    }
    check_successor(
        previous,
        r#"{"name":"m","tags":["t"],"owner":{"value":"v","since":"y"}}"#,
        expect!["mutability: `owner.since` cannot change once it is set"],
    );
}

#[test]
fn sealing_puts_schemas_first() {
    let mut document = parse(
        r#"{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}"#,
    );
    seal(&USER, &mut document).unwrap();
    expect![[r#"
        {
          "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
          "userName": "a",
          "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department":"d"}
        }"#]].assert_eq(&shown(&Value::Object(document)));
}

fn drafts() -> impl Strategy<Value = Value> {
    let names = vec![
        "userName",
        "USERNAME",
        "name",
        "givenName",
        "emails",
        "value",
        "type",
        "primary",
        "active",
        "schemas",
        "id",
        "externalId",
        "meta",
        "groups",
        "password",
        "x509Certificates",
        "properties",
        "manager",
        "department",
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:core:2.0:User:title",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "attributes",
        "nonsense",
        "urn:ietf:params:scim:schemas:extension:custom:2.0:User",
        "urn:ietf:params:scim:schemas:core:2.0:User:",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["", "a", "True", "ada@example.com"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let name = prop::sample::select(names.clone());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_admitted_is_admitted_unchanged(mut draft in drafts()) {
        if let Value::Object(draft) = &mut draft {
            draft.insert("userName".to_owned(), json!("ada"));
            for rules in [AUTO, STRICT] {
                let Ok(once) = admit(&USER, draft.clone(), rules) else { continue };
                let again = admit(&USER, once.document.clone(), STRICT).unwrap();
                prop_assert_eq!(again.document, once.document);
            }
        }
    }

    #[test]
    fn no_body_makes_admission_panic(text in "[\\[\\]{}\",:a-c0-9.eE\\\\ -]{0,60}") {
        if let Ok(draft) = message::object(text.as_bytes(), 8) {
            let _ = admit(&USER, draft, AUTO);
        }
    }
}
