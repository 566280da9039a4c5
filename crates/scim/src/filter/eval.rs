//! Whether a document matches.
//!
//! The document is a resource as JSON: names in canonical spelling, the attributes of an extension under its URN.
//! A value that has not its attribute's type matches nothing.

use std::cmp::Ordering;

use serde_json::Value;

use super::{At, BoundFilter, Op, Probe};
use crate::Object;
use crate::schema::{Attribute, Type};
use crate::value;

/// From here on a needle is searched for by an algorithm that is linear whatever the text.
const NAIVE_SEARCH_MAX: usize = 16;

impl<'s> BoundFilter<'s> {
    /// Whether the document matches.
    pub fn matches(&self, document: &Object) -> bool {
        self.holds(Subject::Document(document))
    }

    /// Whether one element matches a filter made by [`super::bind_within`], or the inner filter of a `Has`.
    pub fn matches_element(&self, element: &Value) -> bool {
        self.holds(Subject::Element(element))
    }

    /// Visits every place that the filter reads, in the order of its text.
    pub fn mentions(&self, f: &mut dyn FnMut(At<'s>)) {
        match self {
            Self::And(inner) | Self::Or(inner) => inner.iter().for_each(|filter| filter.mentions(f)),
            Self::Not(inner) => inner.mentions(f),
            Self::Compare { at, .. } | Self::Present(at) | Self::Part { at, .. } => f(*at),
            Self::Has { at, inner } => {
                f(*at);
                inner.mentions(f);
            }
        }
    }

    fn holds(&self, subject: Subject<'_>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.holds(subject)),
            Self::Or(any) => any.iter().any(|filter| filter.holds(subject)),
            Self::Not(inner) => !inner.holds(subject),
            Self::Compare { at, op: Op::Ne, probe } => {
                // RFC 7644 §3.4.2.2: one of several values is enough. Where there is none, nothing is equal.
                any_value(at, subject, |v| !satisfies(at.compared(), at.bare(v), Op::Eq, probe))
                    || !any_value(at, subject, |_| true)
            }
            Self::Compare { at, op, probe } => {
                any_value(at, subject, |v| satisfies(at.compared(), at.bare(v), *op, probe))
            }
            Self::Present(at) => any_value(at, subject, is_present),
            Self::Has { at, inner } => {
                any_value(at, subject, |element| inner.holds(Subject::Element(element)))
            }
            Self::Part { at, name, inner } => any_value(at, subject, |object| {
                object.get(name).is_some_and(|part| inner.holds(Subject::Element(part)))
            }),
        }
    }
}

/// What a filter is asked about.
#[derive(Clone, Copy)]
enum Subject<'d> {
    Document(&'d Object),
    Element(&'d Value),
}

/// Whether any value at the place passes the test. An array counts as its elements.
fn any_value(at: &At<'_>, subject: Subject<'_>, test: impl Fn(&Value) -> bool) -> bool {
    let value = match subject {
        Subject::Element(element) => Some(element),
        Subject::Document(document) => match at.extension {
            None => document.get(&at.attribute.name),
            Some(schema) => document.get(&schema.id).and_then(|extension| extension.get(&at.attribute.name)),
        },
    };
    let each = |element: &Value| match at.sub {
        None => test(element),
        Some(sub) => element.get(&sub.name).is_some_and(|value| any_of(value, &test)),
    };
    value.is_some_and(|value| any_of(value, &each))
}

fn any_of(value: &Value, test: &impl Fn(&Value) -> bool) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(test),
        single => test(single),
    }
}

/// RFC 7644 §3.4.2.2: `pr` matches a value that is not empty.
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn satisfies(attribute: &Attribute, value: &Value, op: Op, probe: &Probe) -> bool {
    match (probe, value) {
        (Probe::Key(key), _) => value::compare(attribute, value, key).is_some_and(|order| match op {
            Op::Eq => order == Ordering::Equal,
            Op::Ne => order != Ordering::Equal,
            Op::Gt => order == Ordering::Greater,
            Op::Ge => order != Ordering::Less,
            Op::Lt => order == Ordering::Less,
            Op::Le => order != Ordering::Greater,
            Op::Co | Op::Sw | Op::Ew => false,
        }),
        (Probe::Text(part), Value::String(text))
            if matches!(attribute.kind, Type::String | Type::Reference) =>
        {
            holds_part(attribute, text, op, part)
        }
        (Probe::Text(_), _) => false,
    }
}

/// Whether the text, once folded, holds the folded part where the operator says.
fn holds_part(attribute: &Attribute, text: &str, op: Op, part: &str) -> bool {
    if !value::is_exact(attribute) && text.is_ascii() && (op != Op::Co || part.len() <= NAIVE_SEARCH_MAX) {
        return holds_part_ascii(text.as_bytes(), op, part.as_bytes());
    }
    let text = value::fold(attribute, text);
    match op {
        Op::Sw => text.starts_with(part),
        Op::Ew => text.ends_with(part),
        _ => text.contains(part),
    }
}

/// For ASCII no folded text has to be made.
fn holds_part_ascii(text: &[u8], op: Op, part: &[u8]) -> bool {
    let is_part = |window: &[u8]| window.eq_ignore_ascii_case(part);
    match op {
        Op::Sw => text.get(..part.len()).is_some_and(is_part),
        Op::Ew => text.len().checked_sub(part.len()).and_then(|from| text.get(from..)).is_some_and(is_part),
        _ => part.is_empty() || text.windows(part.len()).any(is_part),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::sample::{LIMITS, comparisons, documents, object, people, terms, user};
    use super::super::{Filter, bind, parse};
    use super::*;
    use crate::quirks::Dialect;

    /// The ids of the sample's people that match.
    fn check(text: &str, expect: Expect) {
        let user = user();
        let filter = parse(text, &LIMITS, Dialect::Strict).unwrap();
        let filter = bind(&filter, &user, Dialect::Strict).unwrap();
        let people = people();
        let matching = people.iter().filter(|person| filter.matches(person));
        let ids: Vec<_> = matching.map(|person| person["id"].as_str().unwrap()).collect();
        expect.assert_eq(&ids.join(" "));
    }

    #[test]
    fn the_examples_of_rfc_7644_section_3_4_2_2() {
        check(r#"userName eq "bjensen""#, expect!["1"]);
        check(r#"name.familyName co "O'Malley""#, expect!["2"]);
        check(r#"userName sw "J""#, expect!["2"]);
        check(r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#, expect!["2"]);
        check("title pr", expect!["1"]);
        check(r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, expect!["2"]);
        check(r#"meta.lastModified ge "2011-05-13T04:42:34Z""#, expect!["1 2"]);
        check(r#"meta.lastModified lt "2011-05-13T04:42:34Z""#, expect!["3"]);
        check(r#"meta.lastModified le "2011-05-13T04:42:34Z""#, expect!["1 3"]);
        check(r#"title pr and userType eq "Employee""#, expect!["1"]);
        check(r#"title pr or userType eq "Intern""#, expect!["1 2"]);
        check(r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#, expect!["1"]);
        check(
            r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
            expect!["1"],
        );
        check(
            r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
            expect!["3"],
        );
        check(r#"userType eq "Employee" and (emails.type eq "work")"#, expect!["1"]);
        check(
            r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
            expect!["1"],
        );
        check(
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
            expect!["1"],
        );
    }

    #[test]
    fn and_binds_tighter_than_or() {
        check(r#"id eq "1" or id eq "2" and active eq true"#, expect!["1"]);
        check(r#"(id eq "1" or id eq "2") and active eq false"#, expect!["2"]);
        check(r#"not (id eq "1") and active pr"#, expect!["2"]);
    }

    #[test]
    fn case_matters_where_the_schema_says_so() {
        check(r#"userName eq "BJENSEN""#, expect!["1"]);
        check(r#"userName eq "JÜRGEN""#, expect!["2"]);
        check(r#"userName eq "ju\u0308rgen""#, expect!["2"]);
        check(r#"userName eq "No Body""#, expect!["3"]);
        check(r#"name.givenName eq "JÜRGEN""#, expect!["2"]);
        check(r#"nickName eq "babs""#, expect![""]);
        check(r#"nickName eq "Babs""#, expect!["1"]);
        check(r#"nickName co "AB""#, expect![""]);
        check(r#"nickName co "ab""#, expect!["1"]);
        check(r#"externalId eq "ext-1""#, expect![""]);
        check(r#"profileUrl ew "/Babs""#, expect!["1"]);
        check(r#"photo eq "AbC=""#, expect!["1"]);
        check(r#"photo eq "abc=""#, expect![""]);
    }

    #[test]
    fn parts_are_found_where_the_operator_says() {
        check(r#"userName co "ENS""#, expect!["1"]);
        check(r#"userName sw "BJ""#, expect!["1"]);
        check(r#"userName ew "SEN""#, expect!["1"]);
        check(r#"userName ew "xbjensen""#, expect![""]);
        check(r#"userName co "ÜR""#, expect!["2"]);
        check(r#"userName co """#, expect!["1 2 3"]);
        check(r#"nickName sw """#, expect!["1"]);
        check(r#"emails.value ew "@EXAMPLE.org""#, expect!["2"]);
        check(r#"emails.value co "BJENSEN@example.com""#, expect!["1"]);
    }

    #[test]
    fn numbers_dates_and_booleans_compare_as_such() {
        check("age gt 17", expect!["1"]);
        check("age ge 17", expect!["1 2"]);
        check("age lt 100", expect!["1 2"]);
        check("score eq 4.0", expect!["2"]);
        check("score gt 4", expect!["1"]);
        check("active eq true", expect!["1"]);
        check("active ne true", expect!["2 3"]);
        check(r#"hired eq "2011-12-31T23:00:00Z""#, expect!["2"]);
        check(r#"hired lt "2011-12-31T23:00:00.0000001Z""#, expect!["1 2"]);
        check(r#"userName gt "c""#, expect!["2 3"]);
    }

    #[test]
    fn any_value_of_many_is_enough() {
        check(r#"tags eq "red""#, expect!["1"]);
        check(r#"tags ne "red""#, expect!["1 2 3"]);
        check(r#"emails.type eq "home""#, expect!["1 2"]);
        check(r#"emails.value eq "j@example.com" and emails.type eq "work""#, expect!["2"]);
        check(r#"emails[value eq "j@example.com" and type eq "work"]"#, expect![""]);
        check(r#"emails[not (type eq "work") and value ew ".com"]"#, expect!["2"]);
        check(r#"emails[primary ne true].value ew ".org""#, expect!["1 2"]);
        check(r#"groups[value eq "G1"]"#, expect!["1"]);
        check(r#"groups.$ref ew "G1""#, expect!["1"]);
        check(r#"tags[value sw "b"]"#, expect!["1"]);
        check(r#"name[givenName eq "barbara" and familyName eq "jensen"]"#, expect!["1"]);
    }

    #[test]
    fn null_is_no_value_and_so_is_what_is_empty() {
        check("title eq null", expect!["2 3"]);
        check("title ne null", expect!["1"]);
        check("tags pr", expect!["1"]);
        check("emails pr", expect!["1 2"]);
        check("emails.primary pr", expect!["1"]);
        check("name pr", expect!["1 2"]);
        check("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr", expect!["1"]);
        check("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr", expect!["1"]);
        check(r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "26""#, expect!["1"]);
        let empty = [json!(null), json!(""), json!([]), json!({}), json!([""]), json!([null, {}])];
        assert!(!empty.iter().any(|value| any_of(value, &is_present)));
        assert!([json!(false), json!(0), json!(["", "x"])].iter().all(|value| any_of(value, &is_present)));
    }

    #[test]
    fn a_value_of_the_wrong_type_matches_nothing() {
        let user = user();
        let document = object(json!({ "userName": 5, "age": "x", "emails": "x", "hired": [1], "name": [] }));
        for text in
            [r#"userName sw "5""#, "age ge 0", r#"emails co "x""#, r#"emails[value pr]"#, "name.givenName pr"]
        {
            let filter = parse(text, &LIMITS, Dialect::Strict).unwrap();
            assert!(!bind(&filter, &user, Dialect::Strict).unwrap().matches(&document), "{text}");
        }
    }

    #[test]
    fn a_part_of_what_may_hold_anything_compares_by_its_own_type() {
        let user = user();
        let part = |value: Value| object(json!({ "urn:example:2.0:User": { "properties": { "k": value } } }));
        for (filter, value, expected) in [
            (r#"eq "V""#, json!("V"), true),
            (r#"eq "v""#, json!("V"), false),
            (r#"co "A""#, json!("bAr"), true),
            (r#"gt "a""#, json!("b"), true),
            (r#"eq "5""#, json!(5), false),
            ("eq 5", json!("5"), false),
            ("eq 5", json!(5.0), true),
            ("lt 5", json!(-5), true),
            ("eq true", json!(true), true),
            ("eq true", json!("true"), false),
            ("ne 5", json!("5"), true),
            ("ne 5", json!({}), true),
            ("ne 5", json!([4, 5]), true),
            ("ne 5", json!([5, 5]), false),
            ("eq 5", json!([4, 5]), true),
            (r#"eq "a""#, json!({ "a": "a" }), false),
            ("pr", json!({ "a": null }), true),
            ("pr", json!(false), true),
            ("pr", json!(""), false),
            ("eq null", json!([]), true),
        ] {
            let text = format!("urn:example:2.0:User:properties.k {filter}");
            let parsed = parse(&text, &LIMITS, Dialect::Strict).unwrap();
            let bound = bind(&parsed, &user, Dialect::Strict).unwrap();
            assert_eq!(bound.matches(&part(value.clone())), expected, "{filter}: {value}");
            let absent = filter.starts_with("ne") || filter.ends_with("null");
            assert_eq!(bound.matches(&object(json!({}))), absent, "{filter}: nothing");
            assert_eq!(
                bound.matches(&object(json!({ "urn:example:2.0:User": 1 }))),
                absent,
                "{filter}: broken"
            );
        }
    }

    fn matches(filter: &Filter, document: &Object) -> bool {
        bind(filter, &user(), Dialect::Strict).unwrap().matches(document)
    }

    fn not(filter: Filter) -> Filter {
        Filter::Not(Box::new(filter))
    }

    fn listed(value: Value) -> Vec<Value> {
        match value {
            Value::Array(values) => values,
            value => vec![value],
        }
    }

    /// The values at a place, brought together the slow way.
    fn values_at(at: &At<'_>, document: &Object) -> Vec<Value> {
        let holder = match at.extension {
            Some(schema) => document.get(&schema.id).cloned().unwrap_or_default(),
            None => Value::Object(document.clone()),
        };
        let mut values = holder.get(&at.attribute.name).cloned().map(listed).unwrap_or_default();
        if let Some(sub) = at.sub {
            values = values.iter().filter_map(|v| v.get(&sub.name).cloned()).flat_map(listed).collect();
        }
        values
    }

    proptest! {
        #[test]
        fn de_morgan_holds(a in comparisons(), b in comparisons(), document in documents()) {
            let neither = not(Filter::Or(vec![a.clone(), b.clone()]));
            let both_not = Filter::And(vec![not(a.clone()), not(b.clone())]);
            prop_assert_eq!(matches(&neither, &document), matches(&both_not, &document));
            let not_both = not(Filter::And(vec![a.clone(), b.clone()]));
            let one_not = Filter::Or(vec![not(a.clone()), not(b)]);
            prop_assert_eq!(matches(&not_both, &document), matches(&one_not, &document));
            prop_assert_eq!(matches(&not(not(a.clone())), &document), matches(&a, &document));
        }

        #[test]
        fn ne_is_the_complement_of_eq_where_there_is_at_most_one_value(filter in terms(), document in documents()) {
            let Filter::Compare { path, value, op: Op::Eq | Op::Ne | Op::Gt | Op::Co } = filter else { return Ok(()) };
            let with = |op| Filter::Compare { path: path.clone(), op, value: value.clone() };
            let user = user();
            let (eq, ne) = (matches(&with(Op::Eq), &document), matches(&with(Op::Ne), &document));
            let several = match bind(&with(Op::Eq), &user, Dialect::Strict).unwrap() {
                BoundFilter::Compare { at, .. } => values_at(&at, &document).len() > 1,
                BoundFilter::Part { at, name, .. } => {
                    let parts = values_at(&at, &document).into_iter().map(|value| value[name.as_str()].clone());
                    parts.flat_map(listed).count() > 1
                }
                bound => panic!("a comparison became {bound:?}"),
            };
            prop_assert!(eq || ne);
            prop_assert!(several || eq != ne);
        }

        #[test]
        fn comparing_is_comparing_keys_and_folds(filter in terms(), document in documents()) {
            let user = user();
            let bound = bind(&filter, &user, Dialect::Strict).unwrap();
            let BoundFilter::Compare { at, op, probe } = &bound else { return Ok(()) };
            let values = values_at(at, &document);
            let wanted = match probe {
                Probe::Key(probe) => {
                    let mut keys = values.iter().filter_map(|v| value::key(at.leaf(), v));
                    match op {
                        Op::Eq => keys.any(|key| key == *probe),
                        Op::Ne => values.is_empty() || values.iter().any(|v| value::key(at.leaf(), v).as_ref() != Some(probe)),
                        Op::Gt => keys.any(|key| key > *probe),
                        Op::Ge => keys.any(|key| key >= *probe),
                        Op::Lt => keys.any(|key| key < *probe),
                        _ => keys.any(|key| key <= *probe),
                    }
                }
                Probe::Text(part) => values.iter().filter_map(Value::as_str).any(|text| {
                    let text = value::fold(at.leaf(), text);
                    match op {
                        Op::Co => text.contains(part),
                        Op::Sw => text.starts_with(part),
                        _ => text.ends_with(part),
                    }
                }),
            };
            prop_assert_eq!(bound.matches(&document), wanted);
        }

        #[test]
        fn a_printed_filter_means_the_same(filter in comparisons(), document in documents()) {
            let limits = super::super::Limits { bytes: 1 << 20, depth: 64, terms: 10_000 };
            let again = parse(&filter.to_string(), &limits, Dialect::Auto).unwrap();
            prop_assert_eq!(matches(&again, &document), matches(&filter, &document));
        }
    }
}
