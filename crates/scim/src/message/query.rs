//! What a client asks of a list (RFC 7644 §3.4.2, §3.4.3; RFC 9865 §2).

use std::borrow::Cow;
use std::num::IntErrorKind;

use serde_json::Value;

use super::{SEARCH_REQUEST, expect_schema};
use crate::Object;
use crate::error::{Error, ErrorKind, quoted};

/// The order of a sorted answer (RFC 7644 §3.4.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest first; resources without a value last.
    #[default]
    Ascending,
    /// Largest first; resources without a value first.
    Descending,
}

/// What a client asks of a list (RFC 7644 §3.4.2, §3.4.3; RFC 9865 §2), as parsed but not yet understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListQuery {
    /// The filter, unparsed.
    pub filter: Option<String>,
    /// The attribute to sort by, unparsed.
    pub sort_by: Option<String>,
    /// The order.
    pub sort_order: SortOrder,
    /// The first result, counted from one.
    pub start_index: Option<i64>,
    /// The most results.
    pub count: Option<i64>,
    /// A cursor; empty for the first page.
    pub cursor: Option<String>,
    /// The attributes to return.
    pub attributes: Option<Vec<String>>,
    /// The attributes not to return.
    pub excluded_attributes: Option<Vec<String>>,
}

impl ListQuery {
    /// Reads decoded URL parameters. Names regard no case; unknown ones and empty lists are passed over.
    ///
    /// # Errors
    /// `invalidValue` naming the parameter.
    pub fn from_parameters<'p>(
        parameters: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    ) -> Result<Self, Error> {
        let mut query = Self::default();
        for (name, value) in parameters {
            let Some(name) = canonical(&name) else { continue };
            query.set(name, &value)?;
        }
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "filter" => self.filter = Some(value.to_owned()),
            "sortBy" => self.sort_by = Some(value.trim().to_owned()).filter(|v| !v.is_empty()),
            "sortOrder" => self.sort_order = sort_order(value)?,
            "startIndex" => self.start_index = number(name, value)?,
            "count" => self.count = number(name, value)?,
            "cursor" => self.cursor = Some(value.to_owned()),
            // A list may come in parts, one parameter each.
            "attributes" => extend(&mut self.attributes, list(value)),
            _ => extend(&mut self.excluded_attributes, list(value)),
        }
        Ok(())
    }

    /// Reads the body of a `.search` (RFC 7644 §3.4.3).
    ///
    /// # Errors
    /// `invalidSyntax` or `invalidValue` naming the member.
    pub fn from_body(body: &Object, strict: bool) -> Result<Self, Error> {
        expect_schema(body, SEARCH_REQUEST, strict)?;
        let mut query = Self::default();
        for (name, value) in body {
            let Some(name) = canonical(name) else { continue };
            match value {
                Value::Null => {}
                Value::String(text) => query.set(name, text)?,
                Value::Number(n) if matches!(name, "startIndex" | "count") => {
                    query.set(name, &n.to_string())?
                }
                Value::Array(items) if matches!(name, "attributes" | "excludedAttributes") => {
                    let names =
                        items.iter().map(|i| i.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
                    let names =
                        names.ok_or_else(|| Error::value(format!("`{name}` must be an array of strings")))?;
                    let names = Some(names).filter(|n| !n.is_empty());
                    if name == "attributes" {
                        query.attributes = names
                    } else {
                        query.excluded_attributes = names
                    }
                }
                _ => return Err(Error::value(format!("`{name}` has the wrong type"))),
            }
        }
        Ok(query)
    }
}

fn canonical(name: &str) -> Option<&'static str> {
    ["filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

fn sort_order(value: &str) -> Result<SortOrder, Error> {
    if value.is_empty() || value.eq_ignore_ascii_case("ascending") {
        Ok(SortOrder::Ascending)
    } else if value.eq_ignore_ascii_case("descending") {
        Ok(SortOrder::Descending)
    } else {
        Err(Error::value(format!("`sortOrder` is `ascending` or `descending`, not {}", quoted(value))))
    }
}

/// A whole number; one that is too large is the largest there is, for as many results there are not.
fn number(name: &str, value: &str) -> Result<Option<i64>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let kind = if name == "count" { ErrorKind::InvalidCount } else { ErrorKind::InvalidValue };
    match value.trim().parse::<i64>().map_err(|error| *error.kind()) {
        Ok(number) => Ok(Some(number)),
        Err(IntErrorKind::PosOverflow) => Ok(Some(i64::MAX)),
        Err(IntErrorKind::NegOverflow) => Ok(Some(i64::MIN)),
        Err(_) => Err(Error::new(kind, format!("`{name}` must be a whole number, not {}", quoted(value)))),
    }
}

fn extend(known: &mut Option<Vec<String>>, more: Option<Vec<String>>) {
    if let Some(more) = more {
        known.get_or_insert_default().extend(more);
    }
}

fn list(value: &str) -> Option<Vec<String>> {
    let names: Vec<String> =
        value.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn query(parameters: &[(&'static str, &'static str)]) -> Result<ListQuery, Error> {
        ListQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn check_query(parameters: &[(&'static str, &'static str)], expect: Expect) {
        expect.assert_debug_eq(&query(parameters).map_err(|e| e.to_string()));
    }

    #[test]
    fn a_query_is_read_from_parameters() {
        check_query(
            &[
                ("filter", r#"userName eq "x""#),
                ("sortBy", " name.familyName "),
                ("sortOrder", "Descending"),
                ("startIndex", "11"),
                ("count", "10"),
                ("cursor", ""),
                ("attributes", "userName, emails.value,"),
            ],
            expect![[r#"
                Ok(
                    ListQuery {
                        filter: Some(
                            "userName eq \"x\"",
                        ),
                        sort_by: Some(
                            "name.familyName",
                        ),
                        sort_order: Descending,
                        start_index: Some(
                            11,
                        ),
                        count: Some(
                            10,
                        ),
                        cursor: Some(
                            "",
                        ),
                        attributes: Some(
                            [
                                "userName",
                                "emails.value",
                            ],
                        ),
                        excluded_attributes: None,
                    },
                )
            "#]],
        );
        // The names of one client are in lower case, others leave parameters empty.
        assert_eq!(
            query(&[
                ("startindex", "0"),
                ("COUNT", "-1"),
                ("sortby", ""),
                ("unknown", "x"),
                ("excludedattributes", ",")
            ]),
            Ok(ListQuery { start_index: Some(0), count: Some(-1), ..ListQuery::default() })
        );
        assert_eq!(query(&[("startIndex", ""), ("count", ""), ("sortOrder", "")]), Ok(ListQuery::default()));
    }

    #[test]
    fn a_parameter_that_makes_no_sense_is_named() {
        let check =
            |name, value, expect: Expect| expect.assert_eq(&query(&[(name, value)]).unwrap_err().to_string());
        check("startIndex", "one", expect!["invalidValue: `startIndex` must be a whole number, not `one`"]);
        check("startIndex", "1.5", expect!["invalidValue: `startIndex` must be a whole number, not `1.5`"]);
        check("startIndex", "-", expect!["invalidValue: `startIndex` must be a whole number, not `-`"]);
        check(
            "startIndex",
            "1 000",
            expect!["invalidValue: `startIndex` must be a whole number, not `1 000`"],
        );
        check("count", "all", expect!["invalidCount: `count` must be a whole number, not `all`"]);
        check(
            "sortOrder",
            "sideways",
            expect!["invalidValue: `sortOrder` is `ascending` or `descending`, not `sideways`"],
        );
    }

    #[test]
    fn a_number_too_large_is_the_largest() {
        for (text, expected) in [
            ("9223372036854775808", i64::MAX),
            ("-99999999999999999999", i64::MIN),
            ("+99999999999999999999", i64::MAX),
        ] {
            assert_eq!(query(&[("count", text)]).unwrap().count, Some(expected), "{text}");
        }
        let body = json!({ "startIndex": u64::MAX });
        let body = ListQuery::from_body(body.as_object().unwrap(), false).unwrap();
        assert_eq!(body.start_index, Some(i64::MAX));
    }

    #[test]
    fn a_query_is_read_from_a_body() {
        let parse = |body: Value, strict| match body {
            Value::Object(body) => ListQuery::from_body(&body, strict).map_err(|e| e.to_string()),
            _ => unreachable!(),
        };
        let body = json!({ "schemas": [SEARCH_REQUEST], "attributes": ["displayName", "userName"],
            "excludedAttributes": [], "filter": "displayName sw \"smith\"", "startIndex": 1, "count": "10", "sortBy": null });
        let expected = ListQuery {
            filter: Some("displayName sw \"smith\"".to_owned()),
            start_index: Some(1),
            count: Some(10),
            attributes: Some(vec!["displayName".to_owned(), "userName".to_owned()]),
            ..ListQuery::default()
        };
        assert_eq!(parse(body.clone(), true), Ok(expected.clone()));
        assert_eq!(parse(body, false), Ok(expected));
        let check = |body, expect: Expect| expect.assert_eq(&parse(body, false).unwrap_err());
        check(json!({ "count": true }), expect!["invalidValue: `count` has the wrong type"]);
        check(json!({ "count": 1.5 }), expect!["invalidCount: `count` must be a whole number, not `1.5`"]);
        check(
            json!({ "attributes": [1] }),
            expect!["invalidValue: `attributes` must be an array of strings"],
        );
        check(json!({ "filter": ["a"] }), expect!["invalidValue: `filter` has the wrong type"]);
        expect!["invalidSyntax: `schemas` must name `urn:ietf:params:scim:api:messages:2.0:SearchRequest`"]
            .assert_eq(&parse(json!({ "count": 1 }), true).unwrap_err());
    }
}
