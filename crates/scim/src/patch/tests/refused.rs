//! What is refused: what cannot change, what is not there, what is too much, what is no PATCH.

use super::*;

#[test]
fn what_clients_cannot_change_is_refused() {
    check(r#"{"op":"replace","path":"id","value":"7"}"#, expect!["mutability: `id` is read-only"]);
    check(r#"{"op":"remove","path":"meta.version"}"#, expect!["mutability: `meta.version` is read-only"]);
    check(
        r#"{"op":"add","path":"groups","value":[{"value":"g"}]}"#,
        expect!["mutability: `groups` is read-only"],
    );
    check(
        &format!(r#"{{"op":"add","path":"{ENTERPRISE}:manager.displayName","value":"M"}}"#),
        expect!["mutability: `manager.displayName` is read-only"],
    );
    // Within a larger value it is passed over, as in a PUT.
    check(
        &format!(r#"{{"op":"add","path":"{ENTERPRISE}:manager","value":{{"displayName":"M"}}}}"#),
        expect!["nothing"],
    );
    check(r#"{"op":"remove","path":"userName"}"#, expect!["mutability: `userName` cannot be removed"]);
    check(
        r#"{"op":"replace","path":"userName","value":null}"#,
        expect!["mutability: `userName` cannot be removed"],
    );
    check(
        r#"{"op":"replace","path":"userName","value":" "}"#,
        expect!["invalidValue: `userName` is required"],
    );
    // Not even if it comes back at once.
    check(
        r#"{"op":"remove","path":"userName"},{"op":"add","path":"userName","value":"b"}"#,
        expect!["mutability: `userName` cannot be removed"],
    );
    check_device(r#"{"op":"remove","path":"tags"}"#, expect!["mutability: `tags` cannot be removed"]);
    check_device(
        r#"{"op":"replace","path":"tags","value":[]}"#,
        expect!["mutability: `tags` cannot be removed"],
    );
    check_device(
        r#"{"op":"remove","path":"tags[value pr]"}"#,
        expect!["mutability: `tags` cannot be removed"],
    );
    check_device(
        r#"{"op":"remove","path":"ports[value eq \"a\"].value"}"#,
        expect!["mutability: `ports.value` cannot be removed"],
    );
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"].state","value":"up"}"#,
        expect!["mutability: `ports.state` is read-only"],
    );
    check_device(
        r#"{"op":"add","path":"ports[maker eq \"x\"].speeds","value":[1]}"#,
        expect!["invalidValue: `ports.value` is required"],
    );
    check_device(
        r#"{"op":"remove","path":"owner.value"}"#,
        expect!["mutability: `owner.value` cannot be removed"],
    );
    check_device(
        r#"{"op":"replace","path":"seen","value":null}"#,
        expect!["mutability: `seen` is read-only"],
    );
}

#[test]
fn what_is_immutable_is_set_once() {
    check_device(
        r#"{"op":"replace","path":"serial","value":"2"}"#,
        expect!["mutability: `serial` cannot change once it is set"],
    );
    check_device(r#"{"op":"add","path":"serial","value":"1"}"#, expect!["nothing"]);
    check_device(r#"{"op":"remove","path":"serial"}"#, expect!["mutability: `serial` cannot be removed"]);
    check_device(
        r#"{"op":"add","path":"ports[value eq \"b\"].maker","value":"x"}"#,
        expect![[r#"ports: [{"value":"a","speeds":[1,10],"maker":"m"},{"value":"b","maker":"x"}]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"].maker","value":"x"}"#,
        expect!["mutability: `ports.maker` cannot change once it is set"],
    );
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"].maker","value":null}"#,
        expect!["mutability: `ports.maker` cannot change once it is set"],
    );
    check_device(
        r#"{"op":"add","path":"ports[value eq \"a\"]","value":{"maker":"x"}}"#,
        expect!["mutability: `ports.maker` cannot change once it is set"],
    );
    // An element as a whole is another one afterwards.
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"]","value":{"maker":"x"}}"#,
        expect![[r#"ports: [{"maker":"x","value":"a"},{"value":"b"}]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"owner","value":{"since":"June"}}"#,
        expect!["mutability: `owner.since` cannot change once it is set"],
    );
    check_device(
        r#"{"op":"replace","path":"owner","value":{"value":"v"}}"#,
        expect![[r#"owner: {"value":"v","since":"May"}"#]],
    );
    // Nor does a value go that would come again with another such part.
    for gone in [
        r#"{"op":"remove","path":"owner"}"#,
        r#"{"op":"replace","path":"owner","value":null}"#,
        r#"{"op":"replace","value":{"owner":null}}"#,
        r#"{"op":"remove","path":"owner"},{"op":"add","path":"owner","value":{"value":"v","since":"June"}}"#,
    ] {
        check_device(gone, expect!["mutability: `owner.since` cannot be removed"]);
    }
    let mut free = printer();
    free["owner"].as_object_mut().unwrap().shift_remove("since");
    check_as(&DEVICE, AUTO, &free, r#"{"op":"remove","path":"owner"}"#, expect!["owner is gone"]);
    let mut bare = printer();
    bare.shift_remove("serial");
    let twice = r#"{"op":"add","path":"serial","value":"1"},{"op":"add","path":"serial","value":"2"}"#;
    check_as(&DEVICE, AUTO, &bare, twice, expect!["mutability: `serial` cannot change once it is set"]);
}

#[test]
fn a_path_that_names_nothing_is_refused() {
    check(
        r#"{"op":"add","path":"shoeSize","value":42}"#,
        expect!["invalidPath: `shoeSize` is not an attribute of User"],
    );
    check(
        r#"{"op":"add","path":"name.shoeSize","value":42}"#,
        expect!["invalidPath: `name` has no sub-attribute `shoeSize`"],
    );
    check(
        r#"{"op":"remove","path":"emails[shoeSize eq 42]"}"#,
        expect!["invalidFilter: `emails` has no sub-attribute `shoeSize`"],
    );
    check(
        r#"{"op":"remove","path":"emails[type eq \"work\""}"#,
        expect!["invalidFilter: column 22: expected `and`, `or` or `]`, found the end"],
    );
    check(
        r#"{"op":"remove","path":"title[value eq \"x\"]"}"#,
        expect!["invalidFilter: `title` has no elements to filter"],
    );
    check(
        r#"{"op":"remove","path":"urn:x:y:title"}"#,
        expect!["invalidPath: `urn:x:y:title` is not an attribute of User"],
    );
}

#[test]
fn limits_are_kept() {
    let many: Vec<Value> = (0..19).map(|n| json!({ "value": n.to_string() })).collect();
    check(
        &json!({ "op": "add", "path": "emails", "value": many }).to_string(),
        expect!["invalidValue: `emails` would have more than 20 values"],
    );
    let too_many: Vec<Value> = (0..21).map(|n| json!({ "value": n.to_string() })).collect();
    check(
        &json!({ "op": "add", "path": "emails", "value": too_many }).to_string(),
        expect!["invalidValue: `emails` has more than 20 values"],
    );
    check(
        &format!(r#"{{"op":"remove","path":"emails[type eq \"{}\"]"}}"#, "x".repeat(500)),
        expect!["invalidPath: longer than 400 bytes"],
    );
    check(
        &[r#"{"op":"remove","path":"title"}"#; 11].join(","),
        expect!["invalidValue: `Operations` holds more than 10 operations"],
    );
}

#[test]
fn a_patch_has_only_so_many_comparisons() {
    let limits = admit::Limits { values: 1000, ..crate::sample::LIMITS };
    let rules = Rules { limits: &limits, ..AUTO };
    let mut user = ada();
    user.insert("roles".to_owned(), (0..1000).map(|n| json!({ "value": n.to_string() })).collect());
    let value = Some(json!(vec![Value::Null; 1000]));
    let idle = Operation { op: Op::Remove, path: Some("roles".to_owned()), value };
    assert!(apply(&USER, &user, vec![idle.clone(); 3], rules, &PATCH).is_ok());
    let refused = apply(&USER, &user, vec![idle; 4], rules, &PATCH).unwrap_err();
    expect!["invalidValue: the operations need more than 4000000 comparisons of values"]
        .assert_eq(&refused.to_string());
}

#[test]
fn what_is_not_a_patch_body_is_refused() {
    let check = |rules: Rules<'_>, body: &str, expect: Expect| {
        expect.assert_eq(&told(&USER, rules, &ada(), object(body)).unwrap_or_else(|e| e.to_string()));
    };
    check(AUTO, r#"{"Operations":[]}"#, expect!["nothing"]);
    check(
        AUTO,
        r#"{"operations":[{"OP":"REPLACE","Path":"title","VALUE":"Lady"}]}"#,
        expect![[r#"title: "Lady""#]],
    );
    check(AUTO, r#"{"Operations":[],"operations":[]}"#, expect!["invalidSyntax: `Operations` stands twice"]);
    check(
        AUTO,
        r#"{"Operations":[{"op":"add","Op":"remove","path":"title"}]}"#,
        expect!["invalidSyntax: `op` stands twice"],
    );
    check(
        AUTO,
        r#"{"op":"replace","path":"title","value":"Lady"}"#,
        expect!["invalidSyntax: `Operations` must be an array"],
    );
    check(AUTO, r#"{"Operations":{}}"#, expect!["invalidSyntax: `Operations` must be an array"]);
    check(AUTO, r#"{"Operations":[7]}"#, expect!["invalidSyntax: `Operations[0]` must be an object"]);
    check(
        AUTO,
        r#"{"Operations":[{"path":"title"}]}"#,
        expect!["invalidSyntax: `Operations[0].op` is required"],
    );
    check(
        AUTO,
        r#"{"Operations":[{"op":"move","path":"title"}]}"#,
        expect!["invalidSyntax: `op` is `add`, `remove` or `replace`, not `move`"],
    );
    check(
        AUTO,
        r#"{"Operations":[{"op":"remove","path":7}]}"#,
        expect!["invalidPath: `Operations[0].path` must be a string"],
    );
    check(
        AUTO,
        r#"{"Operations":[{"op":"add","path":{"a":1},"value":{"title":"x"}}]}"#,
        expect!["invalidPath: `a` has no meaning in a `path`"],
    );
    check(
        STRICT,
        r#"{"Operations":[{"op":"remove","path":"title"}]}"#,
        expect!["invalidSyntax: `schemas` must name `urn:ietf:params:scim:api:messages:2.0:PatchOp`"],
    );
    let schemas = format!(r#""schemas":["{}"]"#, crate::message::PATCH_OP);
    check(
        STRICT,
        &format!(r#"{{{schemas},"Operations":[]}}"#),
        expect!["invalidSyntax: `Operations` must not be empty"],
    );
    check(
        STRICT,
        &format!(r#"{{{schemas},"operations":[]}}"#),
        expect!["invalidSyntax: `Operations` must be an array"],
    );
    check(
        STRICT,
        &format!(r#"{{{schemas},"Operations":[{{"op":"Remove","path":"title"}}]}}"#),
        expect!["invalidSyntax: `op` is `add`, `remove` or `replace`, not `Remove`"],
    );
    check(
        STRICT,
        &format!(r#"{{{schemas},"Operations":[{{"op":"remove","path":{{}}}}]}}"#),
        expect!["invalidPath: `Operations[0].path` must be a string"],
    );
}

#[test]
fn an_error_leaves_everything_as_it_was() {
    let before = ada();
    let operations = r#"{"op":"replace","path":"title","value":"Lady"},{"op":"remove","path":"userName"}"#;
    assert!(patched(&USER, AUTO, &before, operations).is_err());
    assert_eq!(before, ada());
}
