//! Bulk requests: what is read, in which order it runs, how names become ids.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::sample::parse;

fn read(text: &str, strict: bool) -> Request {
    Request::parse(parse(text), strict).unwrap()
}

/// What each operation is, and the order of the steps.
fn told(request: &Request) -> String {
    let mut lines: Vec<String> = request
        .operations
        .iter()
        .map(|operation| match operation {
            Ok(o) => {
                let parts = [
                    Some(o.method.as_str()),
                    o.bulk_id.as_deref(),
                    Some(o.endpoint.as_str()),
                    o.id.as_deref(),
                    o.version.as_deref(),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            Err(unreadable) => {
                format!("{:?} {:?} {}", unreadable.method, unreadable.bulk_id, unreadable.error)
            }
        })
        .collect();
    lines.push(steps(request));
    lines.join("\n")
}

fn steps(request: &Request) -> String {
    in_order(&schedule(&request.operations))
}

/// Single steps as they are, circles in brackets.
fn in_order(schedule: &[Vec<Step>]) -> String {
    let circle = |steps: &Vec<Step>| match steps.as_slice() {
        [step @ Step::Run(_)] => format!("{step:?}"),
        steps => format!("{steps:?}"),
    };
    format!("[{}]", schedule.iter().map(circle).collect::<Vec<_>>().join(", "))
}

fn check(operations: &str, expect: Expect) {
    let request = read(&format!(r#"{{"Operations":[{operations}]}}"#), false);
    expect.assert_eq(&told(&request));
}

fn check_example(text: &str, expect: Expect) {
    assert_eq!(read(text, true), read(text, false));
    expect.assert_eq(&told(&read(text, true)));
}

#[test]
fn the_examples_of_rfc_7644() {
    check_example(
        include_str!("../../tests-data/rfc7644-3.7.1-circular-groups.json"),
        expect![[r#"
            POST qwerty Groups
            POST ytrewq Groups
            [[Begin(0), Run(1), Complete(0)]]"#]],
    );
    check_example(
        include_str!("../../tests-data/rfc7644-3.7.2-user-and-group.json"),
        expect![[r#"
        POST qwerty Users
        POST ytrewq Groups
        [Run(0), Run(1)]"#]],
    );
    check_example(
        include_str!("../../tests-data/rfc7644-3.7.2-manager.json"),
        expect![[r#"
        POST qwerty Users
        POST ytrewq Users
        [Run(0), Run(1)]"#]],
    );
    check_example(
        include_str!("../../tests-data/rfc7644-3.7.3-four-methods.json"),
        expect![[r#"
        POST qwerty Users
        PUT Users b7c14771-226c-4d05-8860-134711653041 W/"3694e05e9dff591"
        PATCH Users 5d8d29d3-342c-4b5f-8683-a3cb6763ffcc W/"edac3253e2c0ef2"
        DELETE Users e9025315-6bea-44e1-899c-1e07454e468b W/"0ee8add0a938e1a"
        [Run(0), Run(1), Run(2), Run(3)]"#]],
    );
}

#[test]
fn what_is_wrong_with_an_operation_stays_with_it() {
    check(
        "7",
        expect![[r#"
        "" None invalidSyntax: an operation must be an object
        [Run(0)]"#]],
    );
    check(
        "{}",
        expect![[r#"
        "" None invalidSyntax: `method` is POST, PUT, PATCH or DELETE, not ``
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"GET","path":"/Users/1"}"#,
        expect![[r#"
        "GET" None invalidSyntax: `method` is POST, PUT, PATCH or DELETE, not `GET`
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"post","path":"/Users","bulkId":"a","data":{}}"#,
        expect![[r#"
        POST a Users
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"POST","path":"/Users","data":{}}"#,
        expect![[r#"
        "POST" None invalidSyntax: `bulkId` is required for POST
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"POST","path":"/Users/1","bulkId":"a","data":{}}"#,
        expect![[r#"
        "POST" Some("a") invalidPath: `/Users/1` is not a path for POST
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"PUT","path":"/Users","data":{}}"#,
        expect![[r#"
        "PUT" None invalidPath: `/Users` is not a path for PUT
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"PUT","path":"Users/1/x","data":{}}"#,
        expect![[r#"
        "PUT" None invalidPath: `Users/1/x` is not a path for PUT
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"PUT","path":"/","data":{}}"#,
        expect![[r#"
        "PUT" None invalidPath: `/` is not a path for PUT
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"PUT"}"#,
        expect![[r#"
        "PUT" None invalidSyntax: `path` is required
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"PUT","path":"/Users/1"}"#,
        expect![[r#"
        "PUT" None invalidSyntax: `data` must be an object
        [Run(0)]"#]],
    );
    check(
        r#"{"method":"PATCH","path":"Users/1?attributes=id","data":{}}"#,
        expect![[r#"
        PATCH Users 1
        [Run(0)]"#]],
    );
    // A precondition that is not understood is not passed over.
    for (name, value) in
        [("version", "1"), ("version", r#"["W/\"1\""]"#), ("bulkId", "5"), ("path", "{}"), ("method", "true")]
    {
        let mut members = vec![("method", r#""DELETE""#), ("path", r#""/Users/1""#), ("bulkId", r#""d""#)];
        members.retain(|(known, _)| *known != name);
        members.push((name, value));
        let members: Vec<_> = members.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        let request = read(&format!(r#"{{"Operations":[{{{}}}]}}"#, members.join(",")), false);
        let error = request.operations[0].as_ref().unwrap_err().error.to_string();
        assert_eq!(error, format!("invalidSyntax: `{name}` must be a string"));
    }
    check(
        r#"{"method":"DELETE","path":"/Users/1","data":null,"bulkId":"d"}"#,
        expect![[r#"
        DELETE d Users 1
        [Run(0)]"#]],
    );
}

#[test]
fn a_bulk_id_stands_for_one_resource() {
    check(
        r#"{"method":"POST","path":"/Users","bulkId":"a","data":{}},{"method":"POST","path":"/Users","bulkId":"a","data":{}},
           {"method":"DELETE","path":"/Users/bulkId:a","bulkId":"a"}"#,
        expect![[r#"
            POST a Users
            "POST" Some("a") invalidValue: `bulkId` `a` stands twice
            DELETE a Users bulkId:a
            [Run(0), Run(1), Run(2)]"#]],
    );
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let check = |text, strict, expect: Expect| {
        expect.assert_eq(
            &Request::parse(parse(text), strict).map(|r| told(&r)).unwrap_or_else(|e| e.to_string()),
        );
    };
    check(r#"{"operations":[]}"#, false, expect!["[]"]);
    check(
        r#"{"operations":[]}"#,
        true,
        expect!["invalidSyntax: `schemas` must name `urn:ietf:params:scim:api:messages:2.0:BulkRequest`"],
    );
    check(r#"{"Operations":{}}"#, false, expect!["invalidSyntax: `Operations` must be an array"]);
    check(r#"{"Operations":[],"operations":[]}"#, false, expect!["invalidSyntax: `Operations` stands twice"]);
    check(
        r#"{"Operations":[],"failOnErrors":0}"#,
        false,
        expect!["invalidValue: `failOnErrors` must be a whole number above 0"],
    );
    check(
        r#"{"Operations":[],"failOnErrors":"1"}"#,
        false,
        expect!["invalidValue: `failOnErrors` must be a whole number above 0"],
    );
    check(r#"{"Operations":[],"failOnErrors":null}"#, false, expect!["[]"]);
}

/// Operations by what they refer to: each creates a resource named after its place.
fn creating(references: &[&[usize]]) -> Vec<Result<Operation, Unreadable>> {
    let operation = |(at, on): (usize, &&[usize])| {
        let members: Vec<_> = on.iter().map(|on| json!({ "value": format!("bulkId:{on}") })).collect();
        Ok(Operation {
            method: Method::Post,
            bulk_id: Some(at.to_string()),
            version: None,
            endpoint: "Groups".to_owned(),
            id: None,
            data: Object::from_iter([("members".to_owned(), Value::from(members))]),
        })
    };
    references.iter().enumerate().map(operation).collect()
}

fn check_order(references: &[&[usize]], expect: Expect) {
    expect.assert_eq(&in_order(&schedule(&creating(references))));
}

#[test]
fn whatever_is_ready_runs_in_the_order_given() {
    check_order(&[&[], &[], &[]], expect!["[Run(0), Run(1), Run(2)]"]);
    check_order(&[&[2], &[0], &[]], expect!["[Run(2), Run(0), Run(1)]"]);
    check_order(&[&[1, 2], &[3], &[3], &[]], expect!["[Run(3), Run(1), Run(2), Run(0)]"]);
    // What nobody creates is not waited for.
    check_order(&[&[9], &[0]], expect!["[Run(0), Run(1)]"]);
}

#[test]
fn a_circle_begins_with_one_of_its_members() {
    check_order(&[&[0]], expect!["[[Begin(0), Complete(0)]]"]);
    check_order(&[&[1], &[0]], expect!["[[Begin(0), Run(1), Complete(0)]]"]);
    check_order(&[&[1], &[2], &[0]], expect!["[[Begin(0), Run(2), Run(1), Complete(0)]]"]);
    // The first waits for the circle but is not part of it: it comes when the circle is whole.
    check_order(&[&[1], &[2], &[1]], expect!["[[Begin(1), Run(2), Complete(1)], Run(0)]"]);
    check_order(
        &[&[1], &[0], &[3], &[2], &[0, 2]],
        expect!["[[Begin(0), Run(1), Complete(0)], [Begin(2), Run(3), Complete(2)], Run(4)]"],
    );
    check_order(
        &[&[1, 2], &[0, 2], &[0, 1]],
        expect!["[[Begin(0), Begin(1), Run(2), Complete(0), Complete(1)]]"],
    );
}

#[test]
fn ids_take_the_place_of_names() {
    let known = HashMap::from([("a".to_owned(), "1".to_owned())]);
    assert_eq!(resolve_id("bulkId:a", &known), Ok("1".to_owned()));
    assert_eq!(resolve_id("a", &known), Ok("a".to_owned()));
    assert_eq!(resolve_id("bulkId:b", &known), Err("b".to_owned()));
    let mut data =
        parse(r#"{"members":[{"value":"bulkId:a"},{"value":"x"}],"e":{"m":{"value":"bulkId:a"}}}"#);
    resolve(&mut data, &known).unwrap();
    expect![[r#"{"members":[{"value":"1"},{"value":"x"}],"e":{"m":{"value":"1"}}}"#]]
        .assert_eq(&json!(data).to_string());
    let mut data = parse(r#"{"members":["bulkId:b"]}"#);
    assert_eq!(resolve(&mut data, &known), Err("b".to_owned()));
}

#[test]
fn what_is_not_known_yet_is_left_out_and_nothing_else() {
    let known = HashMap::from([("a".to_owned(), "1".to_owned())]);
    let mut data = parse(
        r#"{"displayName":"g","members":[{"value":"bulkId:a"},{"value":"bulkId:b"},{"value":"x"}],
            "owner":{"value":"bulkId:b","display":"B"},"title":"bulkId:b",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d","manager":{"value":"bulkId:b"}}}"#,
    );
    strip(&mut data, &known);
    expect![[r#"{"displayName":"g","members":[{"value":"bulkId:a"},{"value":"x"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}"#]].assert_eq(&json!(data).to_string());
}

proptest! {
    #[test]
    fn every_operation_runs_once_and_none_too_early(
        references in prop::collection::vec(prop::collection::vec(0..12_usize, 0..3), 0..10),
    ) {
        let references: Vec<&[usize]> = references.iter().map(Vec::as_slice).collect();
        let steps = schedule(&creating(&references));
        let mut exists = vec![false; references.len()];
        let mut done = vec![false; references.len()];
        for step in steps.iter().flatten() {
            let (Step::Run(at) | Step::Begin(at) | Step::Complete(at)) = *step;
            let all_exist = references[at].iter().all(|on| exists.get(*on).is_none_or(|exists| *exists));
            prop_assert!(!done[at]);
            match step {
                Step::Run(_) => prop_assert!(all_exist && !exists[at]),
                // Only what is in a circle is begun.
                Step::Begin(_) => prop_assert!(!all_exist && !exists[at] && reaches(&references, at, at)),
                Step::Complete(_) => prop_assert!(all_exist && exists[at]),
            }
            exists[at] = true;
            done[at] = !matches!(step, Step::Begin(_));
        }
        prop_assert!(done.iter().all(|done| *done));
        // What stands together is what refers to each other.
        let group_of = |at: usize| {
            let is_here = |step: &Step| matches!(step, Step::Run(n) | Step::Complete(n) if *n == at);
            steps.iter().position(|group| group.iter().any(is_here))
        };
        for (a, b) in (0..references.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let each_other = reaches(&references, a, b) && reaches(&references, b, a);
            prop_assert_eq!(group_of(a) == group_of(b), each_other);
        }
    }
}

/// Whether following references from one operation comes to another.
fn reaches(references: &[&[usize]], from: usize, to: usize) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(at) = next.pop() {
        for on in references.get(at).copied().unwrap_or_default() {
            if *on == to {
                return true;
            }
            if seen.insert(*on) {
                next.push(*on);
            }
        }
    }
    false
}
