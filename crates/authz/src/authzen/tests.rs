//! The examples of the specification, and everything that may be wrong with a message.

use expect_test::{Expect, expect};
use serde_json::{Map, from_str};

use super::*;

const LIMITS: Limits = Limits { action_bytes: 32, id_bytes: 32, evaluations: 3, page: 50, token_bytes: 16 };

macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("../../tests-data/authzen/", $name, ".json"))
    };
}

fn request(text: &str) -> Request<'_> {
    from_str(text).unwrap()
}

/// The text of an object, with a member changed, or without it.
fn with(text: &str, name: &str, value: &str) -> String {
    let mut whole: Map<String, Value> = from_str(text).unwrap();
    match value {
        "" => _ = whole.remove(name),
        value => _ = whole.insert(name.to_owned(), from_str(value).unwrap()),
    }
    Value::Object(whole).to_string()
}

fn say(entity: &Entity<'_>) -> String {
    format!("{} {}", entity.kind, entity.id)
}

fn one(evaluation: &Evaluation<'_>) -> String {
    let Evaluation { subject, action, resource, explain } = evaluation;
    let explain = if *explain { ", explained" } else { "" };
    format!("{} {action} {}{explain}", say(subject), say(resource))
}

fn or_error(read: Result<String, Error>) -> String {
    read.unwrap_or_else(|error| format!("error: {error}"))
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&or_error(evaluation(&request(text), &LIMITS).map(|read| one(&read))));
}

#[track_caller]
fn check_many(text: &str, expected: Expect) {
    expected.assert_eq(&or_error(evaluations(&request(text), &LIMITS).map(|read| match read {
        Evaluations::One(read) => format!("one: {}", one(&read)),
        Evaluations::Many { items, semantic } => {
            let items = items.into_iter().map(|item| or_error(item.map(|item| one(&item))));
            format!("{semantic:?}\n{}", items.collect::<Vec<_>>().join("\n"))
        }
    })));
}

/// With documents 1 and 3 allowed.
#[track_caller]
fn check_answers(text: &str, expected: Expect) {
    let request = request(text);
    let read = evaluations(&request, &LIMITS).unwrap();
    let answer = read.answer(|item| Answer::bare(["1", "3"].contains(&&*item.resource.id)));
    expected.assert_eq(&serde_json::to_string(&answer).unwrap());
}

#[test]
fn an_evaluation_is_read() {
    check(example!("evaluation"), expect!["user alice@acmecorp.com can_read account 123"]);
    check(
        r#"{"subject":{"type":"user","id":"a","properties":{}},"action":{"name":"read","properties":{"soft":true}},
            "resource":{"type":"record","id":"1"},"foo":"bar","context":{"explain":true}}"#,
        expect!["user a read record 1, explained"],
    );
    check(
        r#"{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{"type":"record","id":"1"},
            "context":{"explain":"no boolean, so somebody else's"}}"#,
        expect!["user a read record 1"],
    );
}

#[test]
fn what_is_wrong_is_named() {
    const GOOD: &str =
        r#"{"subject":{"type":"user","id":"a"},"action":{"name":"b"},"resource":{"type":"c","id":"d"}}"#;
    let read = |text: &str| or_error(evaluation(&request(text), &LIMITS).map(|read| one(&read)));
    let long = format!(r#"{{"type":"user","id":"{}"}}"#, "a".repeat(33));
    let cases = [
        ("subject", ""),
        ("action", ""),
        ("resource", ""),
        ("subject", r#""alice""#),
        ("subject", "null"),
        ("subject", "[]"),
        ("subject", r#"{"id":"a"}"#),
        ("subject", r#"{"type":"user"}"#),
        ("subject", r#"{"type":"user","id":1}"#),
        ("subject", r#"{"type":"","id":"a"}"#),
        ("subject", &long),
        ("subject", r#"{"type":"user","id":"a","properties":[]}"#),
        ("action", "{}"),
        ("action", r#"{"name":123}"#),
        ("action", r#"{"name":"a..b"}"#),
        ("action", r#"{"name":"a.*"}"#),
        ("resource", r#"{"type":"c"}"#),
        ("resource", r#"{"id":"c"}"#),
        ("context", "true"),
    ];
    expect![[r#"
        error: `subject`: is missing
        error: `action`: is missing
        error: `resource`: is missing
        error: `subject`: must be an object, not a string
        error: `subject`: must be an object, not null
        error: `subject`: must be an object, not an array
        error: `subject.type`: is missing
        error: `subject.id`: is missing
        error: `subject.id`: must be a string, not a number
        error: `subject.type`: must not be empty
        error: `subject.id`: is longer than 32 bytes
        error: `subject.properties`: must be an object, not an array
        error: `action.name`: is missing
        error: `action.name`: must be a string, not a number
        error: `action.name`: the action `a..b` has an empty segment
        error: `action.name`: the action `a.*` has a wildcard; `x.manage` covers everything below `x`
        error: `resource.id`: is missing
        error: `resource.type`: is missing
        error: `context`: must be an object, not a boolean"#]]
    .assert_eq(&cases.map(|(name, value)| read(&with(GOOD, name, value))).join("\n"));
}

#[test]
fn many_evaluations_are_read_with_their_defaults() {
    check_many(
        example!("evaluations"),
        expect![[r#"
        ExecuteAll
        user alice@acmecorp.com can_read document boxcarring.md
        user alice@acmecorp.com can_read document subject-search.md
        user alice@acmecorp.com can_read document resource-search.md"#]],
    );
    check_many(
        example!("evaluations-defaults"),
        expect![[r#"
        ExecuteAll
        user alice@acmecorp.com can_read document boxcarring.md
        user alice@acmecorp.com can_read document subject-search.md
        user alice@acmecorp.com can_edit document resource-search.md"#]],
    );
    check_many(
        example!("evaluations-execute-all"),
        expect![[r#"
        ExecuteAll
        user alice@example.com read document 1
        user alice@example.com read document 2
        user alice@example.com read document 3"#]],
    );
    check_many(example!("evaluation"), expect!["one: user alice@acmecorp.com can_read account 123"]);
    check_many(
        r#"{"subject":{"type":"user","id":"a"},"action":{"name":"b"},"resource":{"type":"c","id":"d"},"evaluations":[]}"#,
        expect!["one: user a b c d"],
    );
    // What an evaluation says stands as a whole: one that says half of an entity must not be answered for another.
    check_many(
        r#"{"subject":{"type":"user","id":"a"},"action":{"name":"write"},"resource":{"type":"record","id":"1"},
            "context":{"explain":true},"evaluations":[{},{"resource":{"id":"2"}},{"context":{},"resource":{"type":"d","id":"2"}}]}"#,
        expect![[r#"
            ExecuteAll
            user a write record 1, explained
            error: `evaluations[1].resource.type`: is missing
            user a write d 2"#]],
    );
}

#[test]
fn what_is_wrong_with_one_of_many_is_its_own_answer() {
    check_many(
        r#"{"subject":{"type":"user","id":"a"},"action":{"name":"b"},"evaluations":[{"resource":{"type":"c","id":"d"}},{},7]}"#,
        expect![[r#"
            ExecuteAll
            user a b c d
            error: `evaluations[1].resource`: is missing
            error: `evaluations[2]`: must be an object, not a number"#]],
    );
    check_answers(
        r#"{"subject":{"type":"user","id":"a"},"action":{"name":"b"},"evaluations":[{},{"resource":{"type":"c","id":"1"}}]}"#,
        expect![[
            r#"{"evaluations":[{"decision":false,"context":{"error":{"status":400,"message":"`evaluations[0].resource`: is missing"}}},{"decision":true}]}"#
        ]],
    );
    check_answers(
        r#"{"subject":{"type":"user","id":"a"},"action":{"name":"b"},"evaluations":[{},{"resource":{"type":"c","id":"1"}}],
            "options":{"evaluations_semantic":"deny_on_first_deny"}}"#,
        expect![[
            r#"{"evaluations":[{"decision":false,"context":{"error":{"status":400,"message":"`evaluations[0].resource`: is missing"},"reason":"deny_on_first_deny"}}]}"#
        ]],
    );
}

#[test]
fn what_is_wrong_with_the_whole_is_an_error() {
    for (text, expected) in [
        (r#"{"evaluations":{}}"#, expect!["error: `evaluations`: must be an array, not an object"]),
        (r#"{"evaluations":[{},{},{},{}]}"#, expect!["error: `evaluations`: must not be more than 3"]),
        (
            r#"{"evaluations":[{}],"subject":"a"}"#,
            expect!["error: `subject`: must be an object, not a string"],
        ),
        (
            r#"{"evaluations":[{}],"context":[]}"#,
            expect!["error: `context`: must be an object, not an array"],
        ),
        (
            r#"{"evaluations":[{}],"options":[]}"#,
            expect!["error: `options`: must be an object, not an array"],
        ),
        (
            r#"{"evaluations":[{}],"options":{"evaluations_semantic":"all"}}"#,
            expect![
                "error: `options.evaluations_semantic`: `all` is none of `execute_all`, `deny_on_first_deny`, `permit_on_first_permit`"
            ],
        ),
        (
            r#"{"evaluations":[{}],"options":{"evaluations_semantic":1}}"#,
            expect!["error: `options.evaluations_semantic`: must be a string, not a number"],
        ),
        (r#"{"evaluations":[]}"#, expect!["error: `subject`: is missing"]),
    ] {
        check_many(text, expected);
    }
}

#[test]
fn semantics_end_the_list() {
    check_answers(
        example!("evaluations-execute-all"),
        expect![[r#"{"evaluations":[{"decision":true},{"decision":false},{"decision":true}]}"#]],
    );
    check_answers(
        example!("evaluations-deny-on-first-deny"),
        expect![[
            r#"{"evaluations":[{"decision":true},{"decision":false,"context":{"reason":"deny_on_first_deny"}}]}"#
        ]],
    );
    check_answers(
        example!("evaluations-permit-on-first-permit"),
        expect![[r#"{"evaluations":[{"decision":true}]}"#]],
    );
    check_answers(example!("evaluation"), expect![[r#"{"decision":false}"#]]);
}

#[test]
fn searches_are_read() {
    let page = |page: Page| format!("{:?} after {:?}", page.limit, page.token);
    let subject = |text| {
        or_error(subject_search(&request(text), &LIMITS).map(|search| {
            let SubjectSearch { kind, action, resource, page: part } = search;
            format!("{kind} {action} {} {}", say(&resource), page(part))
        }))
    };
    expect!["user can_read account 123 None after None"].assert_eq(&subject(example!("search-subject")));
    expect![[r#"user can_read account 123 None after Some("alsehrq3495u8")"#]]
        .assert_eq(&subject(example!("search-subject-page")));
    let resource = resource_search(&request(example!("search-resource")), &LIMITS).unwrap();
    expect!["user alice@acmecorp.com can_read account None after None"].assert_eq(&format!(
        "{} {} {} {}",
        say(&resource.subject),
        resource.action,
        resource.kind,
        page(resource.page)
    ));
    let action = action_search(&request(example!("search-action")), &LIMITS).unwrap();
    expect!["user 123 account 123 None after None"].assert_eq(&format!(
        "{} {} {}",
        say(&action.subject),
        say(&action.resource),
        page(action.page)
    ));
}

#[test]
fn what_is_wrong_with_a_search_is_named() {
    let read = |text: &str| {
        or_error(subject_search(&request(text), &LIMITS).map(|search| format!("{:?}", search.page)))
    };
    let cases = [
        ("page", r#"{"token":"a","limit":7}"#),
        ("page", r#"{"token":"","limit":700}"#),
        ("page", "[]"),
        ("page", r#"{"token":1}"#),
        ("page", r#"{"next_token":null}"#),
        ("page", r#"{"token":"12345678901234567"}"#),
        ("page", r#"{"limit":0}"#),
        ("page", r#"{"limit":-1}"#),
        ("page", r#"{"limit":1.5}"#),
        ("page", r#"{"limit":"1"}"#),
        ("subject", "{}"),
        ("context", "1"),
    ];
    expect![[r#"
        Page { token: Some("a"), limit: Some(7) }
        Page { token: None, limit: Some(50) }
        error: `page`: must be an object, not an array
        error: `page.token`: must be a string, not a number
        error: `page.next_token`: must be a string, not null
        error: `page.token`: is longer than 16 bytes
        Page { token: None, limit: Some(0) }
        error: `page.limit`: must be a whole number from 0, not `-1`
        error: `page.limit`: must be a whole number from 0, not `1.5`
        error: `page.limit`: must be a number, not a string
        error: `subject.type`: is missing
        error: `context`: must be an object, not a number"#]]
    .assert_eq(&cases.map(|(name, value)| read(&with(example!("search-subject"), name, value))).join("\n"));
    let missing = |read: Result<String, Error>| read.unwrap_err().to_string();
    let resource = resource_search(&request("{}"), &LIMITS).map(|search| search.kind);
    let action = action_search(&request(r#"{"subject":{"type":"user","id":"a"}}"#), &LIMITS)
        .map(|search| search.subject.id.into_owned());
    expect![[r#"
        `subject`: is missing
        `resource`: is missing"#]]
    .assert_eq(&[missing(resource), missing(action)].join("\n"));
}

#[test]
fn results_and_metadata_are_written() {
    let results = vec![json!({ "type": "user", "id": "alice@acmecorp.com" })];
    expect![[
        r#"{"results":[{"type":"user","id":"alice@acmecorp.com"}],"page":{"next_token":"alsehrq3495u8"}}"#
    ]]
    .assert_eq(&found(results.clone(), Some("alsehrq3495u8")).to_string());
    expect![[r#"{"results":[{"type":"user","id":"alice@acmecorp.com"}],"page":{"next_token":""}}"#]]
        .assert_eq(&found(results, None).to_string());
    expect![[r#"
        {
          "policy_decision_point": "https://pdp.example.com/acme",
          "access_evaluation_endpoint": "https://pdp.example.com/acme/access/v1/evaluation",
          "access_evaluations_endpoint": "https://pdp.example.com/acme/access/v1/evaluations",
          "search_subject_endpoint": "https://pdp.example.com/acme/access/v1/search/subject",
          "search_resource_endpoint": "https://pdp.example.com/acme/access/v1/search/resource",
          "search_action_endpoint": "https://pdp.example.com/acme/access/v1/search/action"
        }"#]]
    .assert_eq(&format!("{:#}", metadata("https://pdp.example.com/acme")));
}
