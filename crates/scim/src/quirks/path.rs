//! A PATCH path given as an object: the structs that `github.com/scim2/filter-parser` parses paths and filters into, as
//! JSON. Members are known whatever their case; one that is not known is refused, for it might have narrowed the path.

use serde_json::Value;

use crate::Object;
use crate::error::{Error, quoted};
use crate::filter::{Filter, Literal, Numeral, Op};
use crate::path::AttrPath;

/// `{"attributePath": {"attributeName", "subAttribute", "uriprefix"}, "valueExpression", "subAttribute"}` as the path it
/// stands for; none if it names nothing. The expression may be the text of a filter, or a tree: an attribute's
/// `{"attributePath", "operator", "compareValue"}`, `{"left", "operator", "right"}`, `{"expression"}` that is not so.
///
/// # Errors
/// `invalidPath` when it is no such object, `invalidFilter` when its expression is none.
pub(crate) fn path_from_object(path: &Object) -> Result<Option<String>, Error> {
    if says_nothing(path) {
        return Ok(None);
    }
    let [attribute, expression, sub] =
        members(path, ["attributePath", "valueExpression", "subAttribute"]).map_err(Error::path)?;
    let (name, inner) = attribute_path(attribute).map_err(Error::path)?;
    let sub = text(sub, "subAttribute").map_err(Error::path)?;
    let sub = match (inner, sub) {
        (sub, "") | ("", sub) => sub,
        (one, other) if one.eq_ignore_ascii_case(other) => one,
        _ => return Err(Error::path("the `path` names two sub-attributes")),
    };
    let filter = match expression {
        None => String::new(),
        Some(Value::String(filter)) if filter.is_empty() => String::new(),
        Some(Value::String(filter)) => format!("[{filter}]"),
        Some(tree) => format!("[{}]", filter(tree).map_err(Error::filter)?),
    };
    let sub = if sub.is_empty() { String::new() } else { format!(".{sub}") };
    Ok(Some([name, filter, sub].concat()))
}

/// Whether it holds nothing: no member, or empty ones alone.
fn says_nothing(path: &Object) -> bool {
    path.values().all(|part| match part {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(object) => says_nothing(object),
        _ => false,
    })
}

/// The name of an attribute with its URN, and that of a sub-attribute, which may be empty.
fn attribute_path(value: Option<&Value>) -> Result<(String, &str), String> {
    let Some(Value::Object(object)) = value else {
        return Err("`attributePath` must be an object".to_owned());
    };
    let [name, sub, urn] = members(object, ["attributeName", "subAttribute", "uriprefix"])?;
    let (name, urn) = (text(name, "attributeName")?, text(urn, "uriprefix")?);
    if name.is_empty() {
        return Err("`attributePath` names no attribute".to_owned());
    }
    let colon = if urn.is_empty() || urn.ends_with(':') { "" } else { ":" };
    Ok(([urn, colon, name].concat(), text(sub, "subAttribute")?))
}

/// The filter that a tree stands for.
fn filter(tree: &Value) -> Result<Filter, String> {
    let Value::Object(tree) = tree else {
        return Err("an expression must be an object".to_owned());
    };
    let has = |name: &str| tree.keys().any(|key| key.eq_ignore_ascii_case(name));
    if has("expression") {
        let [inner] = members(tree, ["expression"])?;
        return Ok(Filter::Not(Box::new(filter(inner.unwrap_or(&Value::Null))?)));
    }
    if has("left") || has("right") {
        let [left, operator, right] = members(tree, ["left", "operator", "right"])?;
        let [left, right] = [left, right].map(|side| filter(side.unwrap_or(&Value::Null)));
        return joined(text(operator, "operator")?, left?, right?);
    }
    let [attribute, operator, value] = members(tree, ["attributePath", "operator", "compareValue"])?;
    let (name, sub) = attribute_path(attribute)?;
    let name = if sub.is_empty() { name } else { format!("{name}.{sub}") };
    let path = AttrPath::parse(&name).map_err(|error| error.detail)?;
    let operator = text(operator, "operator")?;
    if operator.eq_ignore_ascii_case("pr") {
        return Ok(Filter::Present(path));
    }
    let op = Op::parse(operator).ok_or_else(|| format!("{} is no operator", quoted(operator)))?;
    Ok(Filter::Compare { path, op, value: literal(value)? })
}

/// Two filters as one; several that are joined alike stand side by side, as if they had been written so.
fn joined(operator: &str, left: Filter, right: Filter) -> Result<Filter, String> {
    let is_and = operator.eq_ignore_ascii_case("and");
    if !is_and && !operator.eq_ignore_ascii_case("or") {
        return Err(format!("{} is neither `and` nor `or`", quoted(operator)));
    }
    let side = |filter| match filter {
        Filter::And(all) if is_and => all,
        Filter::Or(any) if !is_and => any,
        filter => vec![filter],
    };
    let all = side(left).into_iter().chain(side(right)).collect();
    Ok(if is_and { Filter::And(all) } else { Filter::Or(all) })
}

fn literal(value: Option<&Value>) -> Result<Literal, String> {
    let none = || "`compareValue` must be a string, a number, a boolean or null".to_owned();
    Ok(match value {
        None | Some(Value::Null) => Literal::Null,
        Some(Value::Bool(truth)) => Literal::Boolean(*truth),
        Some(Value::Number(number)) => Literal::Number(Numeral::parse(&number.to_string()).ok_or_else(none)?),
        Some(Value::String(text)) => Literal::Text(text.clone()),
        Some(_) => return Err(none()),
    })
}

/// The members of those names; null is as good as none.
fn members<'o, const N: usize>(
    object: &'o Object,
    names: [&str; N],
) -> Result<[Option<&'o Value>; N], String> {
    let mut found = [None; N];
    for (key, value) in object {
        let place = names.iter().position(|name| name.eq_ignore_ascii_case(key));
        match place.and_then(|at| found.get_mut(at)) {
            Some(slot @ None) => *slot = Some(value),
            Some(Some(_)) => return Err(format!("{} stands twice", quoted(key))),
            None => return Err(format!("{} has no meaning in a `path`", quoted(key))),
        }
    }
    Ok(found.map(|value| value.filter(|value| !value.is_null())))
}

fn text<'v>(value: Option<&'v Value>, name: &str) -> Result<&'v str, String> {
    match value {
        None => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("`{name}` must be a string")),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::sample::parse;

    fn check(path: &str, expect: Expect) {
        let shown = match path_from_object(&parse(path)) {
            Ok(path) => path.unwrap_or("nothing".to_owned()),
            Err(error) => error.to_string(),
        };
        expect.assert_eq(&shown);
    }

    #[test]
    fn a_path_may_be_an_object() {
        check(r#"{"attributePath":{"attributeName":"title"}}"#, expect!["title"]);
        check(
            r#"{"attributePath":{"attributeName":"name","subAttribute":"givenName"}}"#,
            expect!["name.givenName"],
        );
        check(
            r#"{"AttributePath":{"AttributeName":"manager","URIPrefix":"urn:x:2.0:User"},"subAttribute":"value"}"#,
            expect!["urn:x:2.0:User:manager.value"],
        );
        check(
            r#"{"attributePath":{"attributeName":"emails"},"valueExpression":"type eq \"work\"","subAttribute":"value"}"#,
            expect![[r#"emails[type eq "work"].value"#]],
        );
        check("{}", expect!["nothing"]);
        check(r#"{"attributePath":{"attributeName":""},"valueExpression":null}"#, expect!["nothing"]);
    }

    #[test]
    fn what_may_narrow_a_path_is_not_passed_over() {
        check(r#"{"attributePath":"title"}"#, expect!["invalidPath: `attributePath` must be an object"]);
        check(
            r#"{"attributePath":{"subAttribute":"value"}}"#,
            expect!["invalidPath: `attributePath` names no attribute"],
        );
        check(
            r#"{"attributePath":{"attributeName":5}}"#,
            expect!["invalidPath: `attributeName` must be a string"],
        );
        check(
            r#"{"attributePath":{"attributeName":"members"},"valueFilter":{}}"#,
            expect!["invalidPath: `valueFilter` has no meaning in a `path`"],
        );
        check(
            r#"{"attributePath":{"attributeName":"name"},"subAttribute":["givenName"]}"#,
            expect!["invalidPath: `subAttribute` must be a string"],
        );
        check(
            r#"{"attributePath":{"attributeName":"name","subAttribute":"familyName"},"subAttribute":"givenName"}"#,
            expect!["invalidPath: the `path` names two sub-attributes"],
        );
        check(
            r#"{"subAttribute":"a","subattribute":"b"}"#,
            expect!["invalidPath: `subattribute` stands twice"],
        );
    }

    fn check_expression(expression: &str, expect: Expect) {
        check(
            &format!(r#"{{"attributePath":{{"attributeName":"a"}},"valueExpression":{expression}}}"#),
            expect,
        );
    }

    /// A comparison of an attribute as the library holds it.
    fn term(name: &str, operator: &str, value: &str) -> String {
        format!(
            r#"{{"attributePath":{{"attributeName":"{name}","subAttribute":null}},"operator":"{operator}","compareValue":{value}}}"#
        )
    }

    #[test]
    fn an_expression_is_a_filter() {
        check_expression(&term("type", "EQ", r#""\"work\" ]""#), expect![[r#"a[type eq "\"work\" ]"]"#]]);
        check_expression(&term("primary", "ne", "true"), expect!["a[primary ne true]"]);
        check_expression(&term("rank", "gt", "5.0"), expect!["a[rank gt 5.0]"]);
        check_expression(&term("value", "eq", "null"), expect!["a[value eq null]"]);
        check_expression(&term("value", "pr", "null"), expect!["a[value pr]"]);
        check_expression(
            r#"{"attributePath":{"attributeName":"emails","subAttribute":"type"},"operator":"eq","compareValue":"x"}"#,
            expect![[r#"a[emails.type eq "x"]"#]],
        );
        let both = |operator: &str, left: &str, right: &str| {
            format!(r#"{{"left":{left},"operator":"{operator}","right":{right}}}"#)
        };
        let [x, y, z] = ["x", "y", "z"].map(|name| term(name, "eq", "1"));
        check_expression(&both("and", &both("and", &x, &y), &z), expect!["a[x eq 1 and y eq 1 and z eq 1]"]);
        check_expression(&both("AND", &x, &both("or", &y, &z)), expect!["a[x eq 1 and (y eq 1 or z eq 1)]"]);
        check_expression(&both("or", &both("and", &x, &y), &z), expect!["a[x eq 1 and y eq 1 or z eq 1]"]);
        check_expression(
            &format!(r#"{{"expression":{}}}"#, both("or", &x, &y)),
            expect!["a[not (x eq 1 or y eq 1)]"],
        );
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        check_expression("{}", expect!["invalidFilter: `attributePath` must be an object"]);
        check_expression("[]", expect!["invalidFilter: an expression must be an object"]);
        check_expression("5", expect!["invalidFilter: an expression must be an object"]);
        check_expression(&term("type", "", "1"), expect!["invalidFilter: `` is no operator"]);
        check_expression(&term("type", "like", "1"), expect!["invalidFilter: `like` is no operator"]);
        check_expression(
            &term("type", "eq", "{}"),
            expect!["invalidFilter: `compareValue` must be a string, a number, a boolean or null"],
        );
        check_expression(
            &term("type eq 1 or value", "eq", "1"),
            expect!["invalidFilter: `type eq 1 or value` is not the name of an attribute"],
        );
        check_expression(
            &format!(r#"{{"left":{},"operator":"and"}}"#, term("x", "pr", "null")),
            expect!["invalidFilter: an expression must be an object"],
        );
        let [x, y] = ["x", "y"].map(|name| term(name, "pr", "null"));
        check_expression(
            &format!(r#"{{"left":{x},"operator":"xor","right":{y}}}"#),
            expect!["invalidFilter: `xor` is neither `and` nor `or`"],
        );
        check_expression(r#"{"expression":null}"#, expect!["invalidFilter: an expression must be an object"]);
        check_expression(
            r#"{"attributePath":{"attributeName":"a"},"valueFilter":{}}"#,
            expect!["invalidFilter: `valueFilter` has no meaning in a `path`"],
        );
    }
}
