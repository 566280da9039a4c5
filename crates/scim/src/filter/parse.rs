//! The grammar of RFC 7644 §3.4.2.2, Figure 1, and of PATCH paths (§3.5.2, Figure 7).
//!
//! One pass over the text, recursing only where it nests, never deeper than `Limits::depth`.

use super::{Filter, Limits, Literal, Numeral, Op};
use crate::error::{Error, quoted};
use crate::path::{AttrPath, PatchPath, is_sub_name};
use crate::quirks::Dialect;

/// Reads a filter.
///
/// # Errors
/// `invalidFilter` with the column (in bytes, from 1) and what was expected there, or the limit that is exceeded.
pub fn parse(text: &str, limits: &Limits, dialect: Dialect) -> Result<Filter, Error> {
    // OneLogin sends `filter=…&`, and some layers on the way encode the ampersand.
    let text = match dialect {
        Dialect::Auto => text.trim_end_matches(|c: char| c == '&' || c.is_ascii_whitespace()),
        Dialect::Strict => text,
    };
    let mut parser = Parser::new(text, limits, dialect)?;
    let filter = parser.disjunction()?;
    match parser.at_end() {
        true => Ok(filter),
        false => Err(parser.expected("`and`, `or` or the end")),
    }
}

/// Reads the path of a PATCH operation; see [`PatchPath::parse`].
pub(crate) fn parse_patch_path(text: &str, limits: &Limits, dialect: Dialect) -> Result<PatchPath, Error> {
    let mut parser = Parser::new(text, limits, dialect).map_err(|e| Error::path(e.detail))?;
    parser.skip_space();
    let attr = AttrPath::parse(parser.word())?;
    let (mut filter, mut sub) = (None, None);
    if parser.eat('[') {
        filter = Some(parser.value_filter()?);
        if parser.eat('.') {
            let name = parser.word();
            if !is_sub_name(name) {
                return Err(Error::path(format!("{} is not the name of a sub-attribute", quoted(name))));
            }
            sub = Some(name.to_owned());
        }
    }
    match parser.at_end() {
        true => Ok(PatchPath { attr, filter, sub }),
        false => Err(Error::path(parser.expected("the end of the path").detail)),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    limits: Limits,
    dialect: Dialect,
    depth: usize,
    terms: usize,
    in_value_path: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, limits: &Limits, dialect: Dialect) -> Result<Self, Error> {
        match text.len() > limits.bytes {
            true => Err(Error::filter(format!("longer than {} bytes", limits.bytes))),
            false => {
                Ok(Self { text, at: 0, limits: *limits, dialect, depth: 0, terms: 0, in_value_path: false })
            }
        }
    }

    /// Filters joined by `or`, which binds least.
    fn disjunction(&mut self) -> Result<Filter, Error> {
        let first = self.conjunction()?;
        let mut rest = Vec::new();
        while self.keyword("or") {
            rest.push(self.conjunction()?);
        }
        Ok(joined(first, rest, Filter::Or))
    }

    /// Filters joined by `and`.
    fn conjunction(&mut self) -> Result<Filter, Error> {
        let first = self.term()?;
        let mut rest = Vec::new();
        while self.keyword("and") {
            rest.push(self.term()?);
        }
        Ok(joined(first, rest, Filter::And))
    }

    /// `attrExp / valuePath / *1"not" "(" FILTER ")"`.
    fn term(&mut self) -> Result<Filter, Error> {
        self.skip_space();
        if self.eat('(') {
            return self.group(')');
        }
        let start = self.at;
        let word = self.word();
        if word.eq_ignore_ascii_case("not") {
            let after = self.at;
            self.skip_space();
            if self.eat('(') {
                return Ok(Filter::Not(Box::new(self.group(')')?)));
            }
            // An attribute may be called `not`; then an operator or a bracket follows.
            if !self.peek('[') && self.operator().is_none() {
                return Err(self.expected("`(` after `not`"));
            }
            self.at = after;
        }
        let Ok(path) = AttrPath::parse(word) else {
            self.at = start;
            return Err(self.expected("the name of an attribute"));
        };
        if !self.eat('[') {
            return self.comparison(path);
        }
        if self.in_value_path {
            self.at -= 1;
            return Err(self.error("brackets cannot stand within brackets".to_owned()));
        }
        let inner = self.value_filter()?;
        let inner = match self.eat('.') {
            true => self.and_sub_comparison(inner)?,
            false => inner,
        };
        Ok(Filter::Has { path, inner: Box::new(inner) })
    }

    /// What stands in brackets, after the opening one.
    fn value_filter(&mut self) -> Result<Filter, Error> {
        self.in_value_path = true;
        let inner = self.group(']')?;
        self.in_value_path = false;
        Ok(inner)
    }

    /// `emails[type eq "work"].value eq "x"`, as Entra ID writes it, is `emails[type eq "work" and value eq "x"]`.
    fn and_sub_comparison(&mut self, inner: Filter) -> Result<Filter, Error> {
        let start = self.at;
        let word = self.word();
        let (true, Ok(path)) = (is_sub_name(word), AttrPath::parse(word)) else {
            self.at = start;
            return Err(self.expected("the name of a sub-attribute"));
        };
        let last = self.comparison(path)?;
        Ok(match inner {
            Filter::And(mut all) => {
                all.push(last);
                Filter::And(all)
            }
            other => Filter::And(vec![other, last]),
        })
    }

    /// What stands between parentheses or brackets, after the opening one.
    fn group(&mut self, close: char) -> Result<Filter, Error> {
        if self.depth >= self.limits.depth {
            return Err(self.error(format!("nested deeper than {} levels", self.limits.depth)));
        }
        self.depth += 1;
        let filter = self.disjunction()?;
        self.depth -= 1;
        self.skip_space();
        match self.eat(close) {
            true => Ok(filter),
            false => Err(self.expected(&format!("`and`, `or` or `{close}`"))),
        }
    }

    /// `SP "pr"` or `SP compareOp SP compValue` after an attribute.
    fn comparison(&mut self, path: AttrPath) -> Result<Filter, Error> {
        self.terms += 1;
        if self.terms > self.limits.terms {
            return Err(self.error(format!("more than {} comparisons", self.limits.terms)));
        }
        self.skip_space();
        match self.operator() {
            Some(Operator::Present) => Ok(Filter::Present(path)),
            Some(Operator::Compare(op)) => Ok(Filter::Compare { path, op, value: self.literal()? }),
            None => Err(self.expected("an operator (eq ne co sw ew gt ge lt le pr)")),
        }
    }

    /// The operator that stands here, if one does.
    fn operator(&mut self) -> Option<Operator> {
        let start = self.at;
        let word = self.word();
        let operator = match word.eq_ignore_ascii_case("pr") {
            true => Some(Operator::Present),
            false => Op::parse(word).map(Operator::Compare),
        };
        if operator.is_none() {
            self.at = start;
        }
        operator
    }

    /// `compValue = false / null / true / number / string`.
    fn literal(&mut self) -> Result<Literal, Error> {
        self.skip_space();
        if self.peek('"') {
            return self.string();
        }
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == ')' || c == ']').unwrap_or(rest.len());
        let token = rest.get(..end).unwrap_or_default();
        let literal = if token.eq_ignore_ascii_case("true") {
            Literal::Boolean(true)
        } else if token.eq_ignore_ascii_case("false") {
            Literal::Boolean(false)
        } else if token.eq_ignore_ascii_case("null") {
            Literal::Null
        } else if let Some(numeral) = Numeral::parse(token) {
            Literal::Number(numeral)
        } else if self.dialect == Dialect::Auto && is_bare(token) {
            Literal::Text(token.to_owned())
        } else {
            return Err(self.expected("a string in double quotes, a number, true, false or null"));
        };
        self.at += end;
        Ok(literal)
    }

    /// A JSON string.
    fn string(&mut self) -> Result<Literal, Error> {
        let rest = self.rest();
        let mut escaped = false;
        let close = rest.bytes().enumerate().skip(1).find(|(_, byte)| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        let Some(text) = close.and_then(|(close, _)| rest.get(..=close)) else {
            return Err(self.error("the string has no closing quote".to_owned()));
        };
        match serde_json::from_str(text) {
            Ok(value) => {
                self.at += text.len();
                Ok(Literal::Text(value))
            }
            Err(_) => Err(self.error(format!("{} is not a JSON string", quoted(text)))),
        }
    }

    /// Takes `and` or `or`, if it stands next.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let start = self.at;
        let found = self.word().eq_ignore_ascii_case(keyword);
        if !found {
            self.at = start;
        }
        found
    }

    /// What stands up to a space, a quote, a parenthesis or a bracket.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_ascii_whitespace() || "()[]\"".contains(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_ascii_start().len();
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn peek(&self, wanted: char) -> bool {
        self.rest().starts_with(wanted)
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&mut self, what: &str) -> Error {
        self.skip_space();
        let at = self.at;
        let found = match (self.word(), self.rest().chars().next()) {
            ("", None) => "the end".to_owned(),
            ("", Some(sign)) => quoted(sign.encode_utf8(&mut [0; 4])),
            (word, _) => quoted(word),
        };
        self.at = at;
        self.error(format!("expected {what}, found {found}"))
    }

    fn error(&self, what: String) -> Error {
        Error::filter(format!("column {}: {what}", self.at + 1))
    }
}

enum Operator {
    Present,
    Compare(Op),
}

fn joined(first: Filter, rest: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    if rest.is_empty() {
        return first;
    }
    join(std::iter::once(first).chain(rest).collect())
}

/// Whether a lenient server may take the token for a string whose quotes were forgotten, as authentik does. In
/// other kinds of quotes it would be taken with them and match nothing.
fn is_bare(token: &str) -> bool {
    !token.is_empty() && !token.contains('"') && !token.starts_with(['\'', '`', '[', '('])
}

#[cfg(test)]
mod tests {
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
        check(
            "a pr and",
            expect!["invalidFilter: column 9: expected the name of an attribute, found the end"],
        );
        check(
            "and a pr",
            expect![
                "invalidFilter: column 5: expected an operator (eq ne co sw ew gt ge lt le pr), found `a`"
            ],
        );
        check("(a pr", expect!["invalidFilter: column 6: expected `and`, `or` or `)`, found the end"]);
        check("(a pr]", expect!["invalidFilter: column 6: expected `and`, `or` or `)`, found `]`"]);
        check("a pr)", expect!["invalidFilter: column 5: expected `and`, `or` or the end, found `)`"]);
        check("()", expect!["invalidFilter: column 2: expected the name of an attribute, found `)`"]);
        check("not a pr", expect!["invalidFilter: column 5: expected `(` after `not`, found `a`"]);
        check("1a pr", expect!["invalidFilter: column 1: expected the name of an attribute, found `1a`"]);
        check("ä pr", expect!["invalidFilter: column 1: expected the name of an attribute, found `ä`"]);
        check(
            r#""a" pr"#,
            expect![[r#"invalidFilter: column 1: expected the name of an attribute, found `"`"#]],
        );
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
            let names =
                ["a", "not", "and", "OR", "pr", "name.givenName", "e.$ref", "urn:x:2.0:User:b.c", "true"];
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
        let op = prop::sample::select(vec![
            Op::Eq,
            Op::Ne,
            Op::Co,
            Op::Sw,
            Op::Ew,
            Op::Gt,
            Op::Ge,
            Op::Lt,
            Op::Le,
        ]);
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
}
