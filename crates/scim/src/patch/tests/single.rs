//! One value: simple, complex, a manager, any JSON object.

use super::*;

#[test]
fn a_single_value_is_set_and_removed() {
    check(r#"{"op":"add","path":"nickName","value":"A"}"#, expect![[r#"nickName: "A""#]]);
    check(r#"{"op":"add","path":"title","value":"Lady"}"#, expect![[r#"title: "Lady""#]]);
    check(r#"{"op":"replace","path":"TITLE","value":"Lady"}"#, expect![[r#"title: "Lady""#]]);
    check(r#"{"op":"replace","path":"nickName","value":"A"}"#, expect![[r#"nickName: "A""#]]);
    check(r#"{"op":"replace","path":"title","value":null}"#, expect!["title is gone"]);
    check(r#"{"op":"remove","path":"title"}"#, expect!["title is gone"]);
    check(r#"{"op":"remove","path":"nickName"}"#, expect!["nothing"]);
    // A stale value beside a removal says nothing.
    check(r#"{"op":"remove","path":"title","value":"stale"}"#, expect!["title is gone"]);
    check(
        r#"{"op":"replace","path":"title"}"#,
        expect!["invalidValue: `value` is required to replace `title`"],
    );
    check_auto(r#"{"op":"add","path":"title","value":[]}"#, expect!["title is gone"]);
    check_strict(
        r#"{"op":"add","path":"title","value":[]}"#,
        expect!["invalidValue: `title` must be a string"],
    );
    check(r#"{"op":"add","path":"title","value":{}}"#, expect!["invalidValue: `title` must be a string"]);
}

#[test]
fn a_complex_value_is_merged() {
    check(
        r#"{"op":"replace","path":"name","value":{"givenName":"Augusta"}}"#,
        expect![[r#"name: {"givenName":"Augusta","familyName":"King"}"#]],
    );
    check(
        r#"{"op":"add","path":"name","value":{"middleName":"B"}}"#,
        expect![[r#"name: {"givenName":"Ada","familyName":"King","middleName":"B"}"#]],
    );
    check(
        r#"{"op":"replace","path":"name","value":{"givenName":null}}"#,
        expect![[r#"name: {"familyName":"King"}"#]],
    );
    check(
        r#"{"op":"replace","path":"name","value":{"givenName":null,"familyName":null}}"#,
        expect!["name is gone"],
    );
    check(r#"{"op":"replace","path":"name","value":{}}"#, expect!["nothing"]);
    check(r#"{"op":"replace","path":"name","value":null}"#, expect!["name is gone"]);
    check(r#"{"op":"remove","path":"name"}"#, expect!["name is gone"]);
    check(
        r#"{"op":"replace","path":"name","value":{"givenName":"A","GivenName":"B"}}"#,
        expect!["invalidSyntax: `GivenName` stands twice"],
    );
    check(
        r#"{"op":"replace","path":"name.givenName","value":"Augusta"}"#,
        expect![[r#"name: {"givenName":"Augusta","familyName":"King"}"#]],
    );
    check(r#"{"op":"remove","path":"name.givenName"}"#, expect![[r#"name: {"familyName":"King"}"#]]);
    check(r#"{"op":"remove","path":"name.middleName"}"#, expect!["nothing"]);
    check(
        r#"{"op":"remove","path":"name.givenName"},{"op":"remove","path":"name.familyName"}"#,
        expect!["name is gone"],
    );
    check(
        r#"{"op":"replace","path":"name[givenName eq \"Ada\"]","value":{}}"#,
        expect![[r#"invalidPath: `name` has one value; `[givenName eq "Ada"]` cannot choose among them"#]],
    );
    check_auto(r#"{"op":"replace","path":"name","value":{"shoeSize":1}}"#, expect!["nothing"]);
    check_strict(
        r#"{"op":"replace","path":"name","value":{"shoeSize":1}}"#,
        expect!["invalidSyntax: `name.shoeSize` is not an attribute"],
    );
}

#[test]
fn a_manager_is_an_object_a_string_or_nobody() {
    let check = |value: &str, auto: Expect, strict: Expect| {
        let operation = format!(r#"{{"op":"replace","path":"{ENTERPRISE}:manager","value":{value}}}"#);
        check_auto(&operation, auto);
        check_strict(&operation, strict);
    };
    // The old `$ref` would name somebody else.
    check(
        r#"{"value":"2"}"#,
        expect![[r#"manager: {"value":"2"}"#]],
        expect![[r#"manager: {"value":"2","$ref":"../Users/1"}"#]],
    );
    check(
        r#"{"$ref":"../Users/2","value":"2"}"#,
        expect![[r#"manager: {"value":"2","$ref":"../Users/2"}"#]],
        expect![[r#"manager: {"value":"2","$ref":"../Users/2"}"#]],
    );
    check(r#"{"value":"1"}"#, expect!["nothing"], expect!["nothing"]);
    check(
        r#""2""#,
        expect![[r#"manager: {"value":"2"}"#]],
        expect!["invalidValue: `manager` must be an object"],
    );
    check(r#""""#, expect!["manager is gone"], expect!["invalidValue: `manager` must be an object"]);
    check("null", expect!["manager is gone"], expect!["manager is gone"]);
    check(
        r#"[{"value":"2"}]"#,
        expect![[r#"manager: {"value":"2"}"#]],
        expect!["invalidValue: `manager` must be an object"],
    );
    check("{}", expect!["nothing"], expect!["nothing"]);
}

#[test]
fn any_json_object_is_merged_by_its_names() {
    check_device(
        r#"{"op":"replace","path":"extra","value":{"a":null,"b":{"d":3}}}"#,
        expect![[r#"extra: {"b":{"d":3}}"#]],
    );
    check_device(r#"{"op":"replace","path":"extra","value":{"a":null,"b":null}}"#, expect!["extra: {}"]);
    check_device(r#"{"op":"remove","path":"extra"}"#, expect!["extra is gone"]);
    check_device(r#"{"op":"replace","path":"extra","value":[]}"#, expect!["extra is gone"]);
}
