//! What filters are bound to, and what is refused.

use expect_test::{Expect, expect};
use serde_json::Value;

use super::*;
use crate::filter::sample::{LIMITS, group, people, user};
use crate::filter::{Probe, equalities, parse};

/// What is bound, in a notation near the filter's own.
fn shown(filter: &BoundFilter<'_>) -> String {
    let joined = |all: &[BoundFilter<'_>], sign: &str, none: &str| match all {
        [] => none.to_owned(),
        all => format!("({})", all.iter().map(shown).collect::<Vec<_>>().join(sign)),
    };
    match filter {
        BoundFilter::And(all) => joined(all, " & ", "always"),
        BoundFilter::Or(any) => joined(any, " | ", "never"),
        BoundFilter::Not(inner) => format!("!{}", shown(inner)),
        BoundFilter::Present(at) => format!("{at} pr"),
        BoundFilter::Part { at, name, inner } => format!("{at}/{name}:{}", shown(inner)),
        BoundFilter::Has { at, inner } => format!("{at}[{}]", shown(inner)),
        BoundFilter::Compare { at, op, probe: Probe::Text(text) } => {
            format!("{at} {} {text:?}", op.as_str())
        }
        BoundFilter::Compare { at, op, probe: Probe::Key(key) } => {
            format!("{at} {} {}", op.as_str(), key.escape_ascii())
        }
    }
}

fn check_as(dialect: Dialect, text: &str, expect: Expect) {
    let user = user();
    let bound = parse(text, &LIMITS, dialect).and_then(|f| bind(&f, &user, dialect).map(|f| shown(&f)));
    expect.assert_eq(&bound.unwrap_or_else(|e| e.to_string()));
}

fn check(text: &str, expect: Expect) {
    check_as(Dialect::Strict, text, expect);
}

#[test]
fn names_are_found_wherever_they_belong() {
    check(r#"USERNAME eq "Ada""#, expect!["userName eq ada"]);
    check(r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#, expect![[r#"userName sw "j""#]]);
    check(r#"id eq "Ab" and externalId eq "Cd""#, expect!["(id eq Ab & externalId eq Cd)"]);
    check(r#"Name.FAMILYname co "O'M""#, expect![[r#"name.familyName co "o'm""#]]);
    check(
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.displayname eq "X""#,
        expect!["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName eq x"],
    );
    check(
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department eq "X""#,
        expect!["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq x"],
    );
    check(
        "urn:example:2.0:User pr",
        expect!["(urn:example:2.0:User:department pr | urn:example:2.0:User:properties pr)"],
    );
}

#[test]
fn a_complex_attribute_is_compared_by_its_value() {
    check(r#"emails co "Example.com""#, expect![[r#"emails.value co "example.com""#]]);
    check("emails pr", expect!["emails pr"]);
    check("emails eq null", expect!["!emails pr"]);
    check("emails.type ne null", expect!["emails.type pr"]);
    check(
        r#"name eq "x""#,
        expect!["invalidFilter: `name` is complex: compare a sub-attribute, such as `name.givenName`"],
    );
    check("name pr", expect!["name pr"]);
}

#[test]
fn a_value_path_is_bound_to_the_elements() {
    check(
        r#"emails[Type eq "Work" and value co "@X"]"#,
        expect![[r#"emails[(emails.type eq work & emails.value co "@x")]"#]],
    );
    check(r#"emails[emails.type eq "work"]"#, expect!["emails[emails.type eq work]"]);
    check(
        r#"emails[urn:ietf:params:scim:schemas:core:2.0:User:emails.type eq "work"]"#,
        expect!["emails[emails.type eq work]"],
    );
    check(r#"tags[value eq "Red"]"#, expect!["tags[tags eq red]"]);
    check(r#"name[familyName eq "X"]"#, expect!["name[name.familyName eq x]"]);
    check(r#"emails[title eq "x"]"#, expect!["invalidFilter: `emails` has no sub-attribute `title`"]);
    check(r#"emails[ims.type eq "x"]"#, expect!["invalidFilter: `emails` has no sub-attribute `ims.type`"]);
    check(r#"title[value eq "x"]"#, expect!["invalidFilter: `title` has no elements to filter"]);
    check(
        r#"emails.value[value eq "x"]"#,
        expect!["invalidFilter: `emails.value` has no elements to filter"],
    );
}

#[test]
fn an_unknown_attribute_is_named() {
    check("nonsense pr", expect!["invalidFilter: `nonsense` is not an attribute of User"]);
    check(
        "title pr or name.nonsense pr",
        expect!["invalidFilter: `name.nonsense` is not an attribute of User"],
    );
    check(
        "urn:unknown:User:title pr",
        expect!["invalidFilter: `urn:unknown:User:title` is not an attribute of User"],
    );
    check("title.value pr", expect!["invalidFilter: `title.value` is not an attribute of User"]);
    check("department pr", expect!["invalidFilter: `department` is not an attribute of User"]);
    check("members[value pr]", expect!["invalidFilter: `members` is not an attribute of User"]);
}

#[test]
fn a_secret_cannot_be_filtered_on() {
    check("password pr", expect!["invalidFilter: `password` cannot be filtered on"]);
    check(r#"password sw "a""#, expect!["invalidFilter: `password` cannot be filtered on"]);
    check("password eq null", expect!["invalidFilter: `password` cannot be filtered on"]);
    check(
        "urn:example:2.0:User:secret pr",
        expect!["invalidFilter: `urn:example:2.0:User:secret` cannot be filtered on"],
    );
}

#[test]
fn every_operator_fits_some_types_and_no_others() {
    let user = user();
    let mut table = String::new();
    for (name, literal) in [
        ("title", r#""a""#),
        ("profileUrl", r#""a""#),
        ("active", "true"),
        ("age", "1"),
        ("score", "1.5"),
        ("hired", r#""2011-05-13T04:42:34Z""#),
        ("photo", r#""AA==""#),
        ("tags", r#""a""#),
        ("emails", r#""a""#),
        ("name", r#""a""#),
    ] {
        table.push_str(&format!("{name:>10}"));
        for (op, _) in Op::ALL {
            let filter = parse(&format!("{name} {op} {literal}"), &LIMITS, Dialect::Strict).unwrap();
            let fits = bind(&filter, &user, Dialect::Strict).is_ok();
            table.push_str(&format!(" {}", if fits { op } else { "--" }));
        }
        table.push('\n');
    }
    expect![[r#"
             title eq ne co sw ew gt ge lt le
        profileUrl eq ne co sw ew gt ge lt le
            active eq ne -- -- -- -- -- -- --
               age eq ne -- -- -- gt ge lt le
             score eq ne -- -- -- gt ge lt le
             hired eq ne -- -- -- gt ge lt le
             photo eq ne -- -- -- -- -- -- --
              tags eq ne co sw ew gt ge lt le
            emails eq ne co sw ew gt ge lt le
              name -- -- -- -- -- -- -- -- --
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_literal_has_the_type_of_the_attribute() {
    check("title eq 1", expect!["invalidFilter: `title` is a string; `1` is not"]);
    check("title co true", expect!["invalidFilter: `title` is a string; `true` is not"]);
    check(r#"active eq "true""#, expect![[r#"invalidFilter: `active` is a boolean; `"true"` is not"#]]);
    check(r#"age eq "1""#, expect![[r#"invalidFilter: `age` is an integer; `"1"` is not"#]]);
    check("age gt 1.5", expect![[r#"age gt \xbf\xf8\x00\x00\x00\x00\x00\x00\x80\x00"#]]);
    check(
        r#"hired eq "2011-05-13""#,
        expect![[r#"invalidFilter: `hired` is a dateTime; `"2011-05-13"` is not"#]],
    );
    check("hired gt 1", expect!["invalidFilter: `hired` is a dateTime; `1` is not"]);
    check("title gt null", expect!["invalidFilter: `title` cannot be compared with null by `gt`"]);
    check("active gt true", expect!["invalidFilter: `gt` does not apply to `active`, a boolean"]);
    check(r#"photo co "A""#, expect!["invalidFilter: `co` does not apply to `photo`, binary"]);
    check(
        r#"urn:example:2.0:User eq "x""#,
        expect!["invalidFilter: `urn:example:2.0:User` is a schema and cannot be compared"],
    );
}

#[test]
fn auto_takes_literals_as_they_were_meant() {
    let check = |text, expect| check_as(Dialect::Auto, text, expect);
    check(r#"active eq "False""#, expect![[r#"active eq \x00"#]]);
    check(
        r#"emails[primary eq "True"].value eq "x""#,
        expect![[r#"emails[(emails.primary eq \x01 & emails.value eq x)]"#]],
    );
    check(r#"age eq "5""#, expect![[r#"age eq \xc0\x14\x00\x00\x00\x00\x00\x00\x80\x00"#]]);
    check("userName eq 12345", expect!["userName eq 12345"]);
    check("userName eq 1e5", expect!["userName eq 1e5"]);
    check("userName eq True", expect!["userName eq true"]);
    check(r#"active eq "yes""#, expect![[r#"invalidFilter: `active` is a boolean; `"yes"` is not"#]]);
    check(r#"age eq " 5""#, expect![[r#"invalidFilter: `age` is an integer; `" 5"` is not"#]]);
    check("hired gt 2011-05-13T04:42:34Z", expect![[r#"hired gt \x80._IW\xdcY\x00"#]]);
}

#[test]
fn auto_finds_an_attribute_of_one_extension_without_its_urn() {
    let check = |text, expect| check_as(Dialect::Auto, text, expect);
    check(
        r#"id eq "1" and manager eq "26""#,
        expect!["(id eq 1 & urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq 26)"],
    );
    check(
        "manager.displayName pr",
        expect!["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr"],
    );
    // Two extensions have it.
    check("department pr", expect!["invalidFilter: `department` is not an attribute of User"]);
}

fn check_each(text: &str, expect: Expect) {
    let (user, group) = (user(), group());
    let filter = parse(text, &LIMITS, Dialect::Strict).unwrap();
    let bound = bind_each(&filter, &[&user, &group], Dialect::Strict);
    let lines = |all: Vec<BoundFilter<'_>>| all.iter().map(shown).collect::<Vec<_>>().join("\n");
    expect.assert_eq(&bound.map_or_else(|e| e.to_string(), lines));
}

#[test]
fn a_part_of_what_may_hold_anything_is_compared_by_the_type_of_the_literal() {
    check(r#"urn:example:2.0:User:properties.k eq "V""#, expect!["urn:example:2.0:User:properties/k: eq V"]);
    check(
        r#"urn:example:2.0:user:PROPERTIES.K sw "V""#,
        expect![[r#"urn:example:2.0:User:properties/K: sw "V""#]],
    );
    check(
        "urn:example:2.0:User:properties.k ne true",
        expect![[
            r#"(urn:example:2.0:User:properties/k: ne \x01 | !urn:example:2.0:User:properties/k:always)"#
        ]],
    );
    check(
        "urn:example:2.0:User:properties.k ge 5",
        expect![[r"urn:example:2.0:User:properties/k: ge \xc0\x14\x00\x00\x00\x00\x00\x00\x80\x00"]],
    );
    check("urn:example:2.0:User:properties.k pr", expect!["urn:example:2.0:User:properties/k: pr"]);
    check("urn:example:2.0:User:properties.k eq null", expect!["!urn:example:2.0:User:properties/k: pr"]);
    check_as(Dialect::Auto, "properties.k pr", expect!["urn:example:2.0:User:properties/k: pr"]);
    check("properties.k pr", expect!["invalidFilter: `properties.k` is not an attribute of User"]);
    check(
        "urn:example:2.0:User:properties.k gt true",
        expect!["invalidFilter: `gt` does not apply to `urn:example:2.0:User:properties.k`, a boolean"],
    );
    check(
        "urn:example:2.0:User:properties.k co 5",
        expect!["invalidFilter: `co` does not apply to `urn:example:2.0:User:properties.k`, a number"],
    );
    check(
        "urn:example:2.0:User:properties.k gt null",
        expect!["invalidFilter: `urn:example:2.0:User:properties.k` cannot be compared with null by `gt`"],
    );
    check(
        "urn:example:2.0:User:properties.k.l pr",
        expect!["invalidFilter: `urn:example:2.0:User:properties.k.l` is not an attribute of User"],
    );
    check(
        r#"urn:example:2.0:User:properties eq "x""#,
        expect!["invalidFilter: `urn:example:2.0:User:properties` is complex: compare a sub-attribute"],
    );
    check(
        "urn:example:2.0:User:vault.k pr",
        expect!["invalidFilter: `urn:example:2.0:User:vault` cannot be filtered on"],
    );
}

#[test]
fn over_several_types_it_is_enough_that_one_knows_an_attribute() {
    check_each(
        r#"userName eq "x" or displayName eq "x""#,
        expect![[r#"
            (userName eq x | never)
            (never | displayName eq x)"#]],
    );
    check_each(
        r#"title ne "x" and title eq null and not (title pr)"#,
        expect![[r#"
            (title ne x & !title pr & !title pr)
            (always & always & !never)"#]],
    );
    check_each(
        r#"emails[value eq "x"] or members[value eq "y"]"#,
        expect![[r#"
            (emails[emails.value eq x] | never)
            (never | members[members.value eq y])"#]],
    );
    // Of another type in each.
    check_each(
        "active eq true",
        expect![[r#"
            active eq \x01
            never"#]],
    );
    check_each(
        "id pr",
        expect![[r#"
        id pr
        id pr"#]],
    );
    check_each("title pr and nonsense pr", expect!["invalidFilter: `nonsense` is not an attribute of User"]);
    check_each("emails[nonsense pr]", expect!["invalidFilter: `emails` has no sub-attribute `nonsense`"]);
    check_each(
        "members[nonsense pr] or id pr",
        expect!["invalidFilter: `members` is not an attribute of User"],
    );
    // Why it cannot be compared says more than that another type does not know it.
    check_each("displayName eq 1", expect!["invalidFilter: `displayName` is a string; `1` is not"]);
    check_each("password pr", expect!["invalidFilter: `password` cannot be filtered on"]);
}

#[test]
fn every_place_is_mentioned() {
    let user = user();
    let filter = parse(
        r#"userName eq "x" and (groups[value eq "g"] or not (emails pr)) and meta.lastModified gt "2011-05-13T04:42:34Z""#,
        &LIMITS,
        Dialect::Strict,
    );
    let mut mentioned = Vec::new();
    bind(&filter.unwrap(), &user, Dialect::Strict)
        .unwrap()
        .mentions(&mut |at| mentioned.push(at.to_string()));
    assert_eq!(mentioned, ["userName", "groups", "groups.value", "emails", "meta.lastModified"]);
}

#[test]
fn binding_and_matching_many_terms_does_not_recurse() {
    let user = user();
    let limits = crate::filter::Limits { bytes: 1 << 24, depth: 8, terms: 100_000 };
    let text = vec![r#"userName eq "nobody""#; 100_000].join(" or ");
    let filter = parse(&text, &limits, Dialect::Strict).unwrap();
    assert!(!bind(&filter, &user, Dialect::Strict).unwrap().matches(&people()[0]));
}

#[test]
fn equalities_describe_an_element() {
    let described = |text: &str| {
        let filter = parse(text, &LIMITS, Dialect::Strict).unwrap();
        let mut element = crate::Object::new();
        let only = equalities(&filter, &mut |name, value| {
            element.insert(name.to_owned(), value.clone());
        });
        only.then(|| Value::Object(element).to_string())
    };
    assert_eq!(described(r#"type eq "work""#).unwrap(), r#"{"type":"work"}"#);
    assert_eq!(
        described(r#"(emails.type eq "work") and primary eq true"#).unwrap(),
        r#"{"type":"work","primary":true}"#
    );
    assert_eq!(described(r#"type eq "work" or primary eq true"#), None);
    assert_eq!(described(r#"type ne "work""#), None);
    assert_eq!(described("type pr"), None);
}
