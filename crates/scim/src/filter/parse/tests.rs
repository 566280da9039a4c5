//! What is read, what is refused and how, and what is understood of clients that depart from the grammar.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::super::sample::LIMITS;
use super::*;

fn check(text: &str, expect: Expect) {
    check_as(Dialect::Strict, text, expect);
}

fn check_as(dialect: Dialect, text: &str, expect: Expect) {
    let parsed = parse(text, &LIMITS, dialect);
    expect.assert_eq(&parsed.map_or_else(|e| e.to_string(), |f| f.to_string()));
}

#[test]
fn and_binds_tighter_than_or() {
    let grouped = |text: &str| match parse(text, &LIMITS, Dialect::Strict).unwrap() {
        Filter::Or(any) => format!("or of {}", any.len()),
        Filter::And(all) => format!("and of {}", all.len()),
        Filter::Not(_) => "not".to_owned(),
        _ => "term".to_owned(),
    };
    assert_eq!(grouped("a pr and b pr or c pr"), "or of 2");
    assert_eq!(grouped("a pr or b pr and c pr or d pr"), "or of 3");
    assert_eq!(grouped("(a pr or b pr) and c pr"), "and of 2");
    assert_eq!(grouped("not (a pr) and b pr"), "and of 2");
    assert_eq!(grouped("not (a pr and b pr)"), "not");
    assert_eq!(grouped("((a pr))"), "term");
}

#[test]
fn spelling_and_space_do_not_matter() {
    check("a PR AND B eQ True", expect!["a pr and B eq true"]);
    check(" \t a   pr \n or  b  Eq\t1 ", expect!["a pr or b eq 1"]);
    check("NOT(a pr)", expect!["not (a pr)"]);
    check("not   ( a pr )", expect!["not (a pr)"]);
    check("( a pr )and( b pr )", expect!["a pr and b pr"]);
    check("(a pr and b pr) or c pr", expect!["a pr and b pr or c pr"]);
    check("(a pr or b pr) or c pr", expect!["(a pr or b pr) or c pr"]);
    check("a eq NULL", expect!["a eq null"]);
    check(r#"e[ t eq "w" ]"#, expect![[r#"e[t eq "w"]"#]]);
}

#[test]
fn literals_are_those_of_json() {
    check(r#"a eq "\"\\\/\n\u00e9\ud83d\ude00""#, expect![[r#"a eq "\"\\/\né😀""#]]);
    check(r#"a eq """#, expect![[r#"a eq """#]]);
    check(r#"a eq "x) or (b""#, expect![[r#"a eq "x) or (b""#]]);
    check("a eq -1.5e3", expect!["a eq -1.5e3"]);
    check("a eq 18446744073709551615", expect!["a eq 18446744073709551615"]);
    check(
        "a eq 01",
        expect![
            "invalidFilter: column 6: expected a string in double quotes, a number, true, false or null, found `01`"
        ],
    );
    check(
        "a eq 1e999",
        expect![
            "invalidFilter: column 6: expected a string in double quotes, a number, true, false or null, found `1e999`"
        ],
    );
    check(r#"a eq "x"#, expect!["invalidFilter: column 6: the string has no closing quote"]);
    check(r#"a eq "\""#, expect!["invalidFilter: column 6: the string has no closing quote"]);
    check(r#"a eq "\x""#, expect![[r#"invalidFilter: column 6: `"\x"` is not a JSON string"#]]);
    check(r#"a eq "\ud800""#, expect![[r#"invalidFilter: column 6: `"\ud800"` is not a JSON string"#]]);
}

#[test]
fn names_may_be_words_of_the_grammar() {
    check("not pr", expect!["not pr"]);
    check("not eq 1 and and pr or or eq 2", expect!["not eq 1 and and pr or or eq 2"]);
    check("not (not eq 1)", expect!["not (not eq 1)"]);
    check("not[a pr]", expect!["not[a pr]"]);
    check("eq eq true", expect!["eq eq true"]);
    check("groups[$ref pr]", expect!["groups[$ref pr]"]);
    check(
        "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName pr",
        expect!["urn:ietf:params:scim:schemas:core:2.0:User:name.givenName pr"],
    );
}

#[test]
fn a_value_path_may_be_followed_by_a_comparison() {
    check(r#"e[t eq "w"].value eq "x""#, expect![[r#"e[t eq "w" and value eq "x"]"#]]);
    check(r#"e[t eq "w" and p pr].value pr"#, expect![[r#"e[t eq "w" and p pr and value pr]"#]]);
    check(r#"e[t eq "w" or p pr].$ref pr"#, expect![[r#"e[(t eq "w" or p pr) and $ref pr]"#]]);
    check(
        "e[t pr].value",
        expect![
            "invalidFilter: column 14: expected an operator (eq ne co sw ew gt ge lt le pr), found the end"
        ],
    );
    check(
        "e[t pr].a.b pr",
        expect!["invalidFilter: column 9: expected the name of a sub-attribute, found `a.b`"],
    );
}

#[test]
fn errors_say_where_and_what() {
    check("", expect!["invalidFilter: column 1: expected the name of an attribute, found the end"]);
    check("   ", expect!["invalidFilter: column 4: expected the name of an attribute, found the end"]);
    check(
        "a",
        expect![
            "invalidFilter: column 2: expected an operator (eq ne co sw ew gt ge lt le pr), found the end"
        ],
    );
    check(
        "a like 1",
        expect![
            "invalidFilter: column 3: expected an operator (eq ne co sw ew gt ge lt le pr), found `like`"
        ],
    );
    check(
        "a eq",
        expect![
            "invalidFilter: column 5: expected a string in double quotes, a number, true, false or null, found the end"
        ],
    );
    check(
        "a eq x",
        expect![
            "invalidFilter: column 6: expected a string in double quotes, a number, true, false or null, found `x`"
        ],
    );
    check("a pr b pr", expect!["invalidFilter: column 6: expected `and`, `or` or the end, found `b`"]);
    check("a pr and", expect!["invalidFilter: column 9: expected the name of an attribute, found the end"]);
    check(
        "and a pr",
        expect!["invalidFilter: column 5: expected an operator (eq ne co sw ew gt ge lt le pr), found `a`"],
    );
    check("(a pr", expect!["invalidFilter: column 6: expected `and`, `or` or `)`, found the end"]);
    check("(a pr]", expect!["invalidFilter: column 6: expected `and`, `or` or `)`, found `]`"]);
    check("a pr)", expect!["invalidFilter: column 5: expected `and`, `or` or the end, found `)`"]);
    check("()", expect!["invalidFilter: column 2: expected the name of an attribute, found `)`"]);
    check("not a pr", expect!["invalidFilter: column 5: expected `(` after `not`, found `a`"]);
    check("1a pr", expect!["invalidFilter: column 1: expected the name of an attribute, found `1a`"]);
    check("ä pr", expect!["invalidFilter: column 1: expected the name of an attribute, found `ä`"]);
    check(r#""a" pr"#, expect![[r#"invalidFilter: column 1: expected the name of an attribute, found `"`"#]]);
    check("e[x[y pr]]", expect!["invalidFilter: column 4: brackets cannot stand within brackets"]);
    check("e[x pr)", expect!["invalidFilter: column 7: expected `and`, `or` or `]`, found `)`"]);
    check(r#"a eq "x"&"#, expect!["invalidFilter: column 9: expected `and`, `or` or the end, found `&`"]);
}

#[test]
fn auto_takes_unquoted_strings_and_a_trailing_ampersand() {
    let check = |text, expect| check_as(Dialect::Auto, text, expect);
    check("userName eq name", expect![[r#"userName eq "name""#]]);
    check("(a eq ada@example.com) or b eq x-y", expect![[r#"a eq "ada@example.com" or b eq "x-y""#]]);
    check("e[t eq work]", expect![[r#"e[t eq "work"]"#]]);
    check("a eq O'Malley", expect![[r#"a eq "O'Malley""#]]);
    check("a gt 2011-05-13T04:42:34Z", expect![[r#"a gt "2011-05-13T04:42:34Z""#]]);
    check("a eq 007", expect![[r#"a eq "007""#]]);
    check(r#"userName eq "x"&"#, expect![[r#"userName eq "x""#]]);
    check(r#"userName eq "x" & "#, expect![[r#"userName eq "x""#]]);
    check(
        "a eq 'x'",
        expect![
            "invalidFilter: column 6: expected a string in double quotes, a number, true, false or null, found `'x'`"
        ],
    );
    check(
        r#"a eq x"y"#,
        expect![
            "invalidFilter: column 6: expected a string in double quotes, a number, true, false or null, found `x`"
        ],
    );
    check(
        "a eq two words",
        expect!["invalidFilter: column 10: expected `and`, `or` or the end, found `words`"],
    );
}

#[test]
fn limits_are_kept_without_deep_recursion() {
    let wide = Limits { bytes: 1 << 24, ..LIMITS };
    let refused = |text: &str| parse(text, &wide, Dialect::Auto).unwrap_err().detail;
    let bomb = 100_000;
    assert_eq!(refused(&"(".repeat(bomb)), "column 10: nested deeper than 8 levels");
    assert_eq!(refused(&"not (".repeat(bomb)), "column 46: nested deeper than 8 levels");
    assert_eq!(refused(&"a[(".repeat(bomb)), "column 5: brackets cannot stand within brackets");
    assert_eq!(refused(&"a pr or ".repeat(bomb)), "column 258: more than 32 comparisons");
    assert_eq!(refused(&"a pr and ".repeat(bomb)), "column 290: more than 32 comparisons");
    assert_eq!(
        parse("a pr ", &Limits { bytes: 4, ..LIMITS }, Dialect::Strict).unwrap_err().detail,
        "longer than 4 bytes"
    );
    // As deep and as many as allowed.
    assert!(parse(&format!("{}a pr{}", "(".repeat(8), ")".repeat(8)), &wide, Dialect::Strict).is_ok());
    assert!(parse(&vec!["a pr"; 32].join(" or "), &wide, Dialect::Strict).is_ok());
    // Groups side by side are not nested.
    assert!(parse(&vec!["(a pr)"; 32].join(" or "), &wide, Dialect::Strict).is_ok());
    // Terms side by side do not recurse.
    let many = Limits { terms: bomb, ..wide };
    assert!(parse(&vec!["a pr"; bomb].join(" and "), &many, Dialect::Strict).is_ok());
}

fn filters() -> impl Strategy<Value = Filter> {
    let path = || {
        let names = ["a", "not", "and", "OR", "pr", "name.givenName", "e.$ref", "urn:x:2.0:User:b.c", "true"];
        prop::sample::select(names.to_vec()).prop_map(|name| AttrPath::parse(name).unwrap())
    };
    let literal = prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        any::<String>().prop_map(Literal::Text),
        prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            (-1e300..1e300).prop_map(|n: f64| format!("{n:e}")),
            Just("0.10E+2".to_owned()),
        ]
        .prop_map(|text| Literal::Number(Numeral::parse(&text).unwrap())),
    ];
    let op =
        prop::sample::select(vec![Op::Eq, Op::Ne, Op::Co, Op::Sw, Op::Ew, Op::Gt, Op::Ge, Op::Lt, Op::Le]);
    let leaf = prop_oneof![
        path().prop_map(Filter::Present),
        (path(), op, literal).prop_map(|(path, op, value)| Filter::Compare { path, op, value }),
    ];
    let joined = |leaf: BoxedStrategy<Filter>| {
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
                inner.prop_map(|f| Filter::Not(Box::new(f))),
            ]
        })
        .boxed()
    };
    let inner = joined(leaf.clone().boxed());
    let has = (path(), inner).prop_map(|(path, inner)| Filter::Has { path, inner: Box::new(inner) });
    joined(prop_oneof![3 => leaf, 1 => has].boxed())
}

proptest! {
    #[test]
    fn a_printed_filter_parses_to_itself(filter in filters()) {
        let limits = Limits { bytes: 1 << 20, depth: 64, terms: 10_000 };
        for dialect in [Dialect::Strict, Dialect::Auto] {
            prop_assert_eq!(parse(&filter.to_string(), &limits, dialect), Ok(filter.clone()));
        }
    }

    #[test]
    fn no_text_makes_parsing_panic(text in any::<String>(), near in "[a-c ()\\[\\].\"\\\\éprnotqe&1$-]{0,32}") {
        for text in [text, near] {
            for dialect in [Dialect::Strict, Dialect::Auto] {
                let _ = parse(&text, &LIMITS, dialect);
            }
        }
    }
}
