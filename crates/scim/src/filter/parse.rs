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
mod tests;
