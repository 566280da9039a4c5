//! What a schema from outside must obey beyond its shape (RFC 7643 §2.1, §2.3.8, §7; RFC 8141).

use super::{Attribute, Attributes, COMMON, Mutability, Returned, Schema, Type};
use crate::error::{Error, quoted};

/// How large and deep a schema may be; the figures are the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most attributes and sub-attributes of one schema.
    pub attributes: usize,
    /// Longest name or URN, in bytes.
    pub name_bytes: usize,
}

impl Schema {
    /// Checks what a schema from outside must obey beyond its shape (RFC 7643 §2.1, §7): names are
    /// `ALPHA *(nameChar)`, unique without regard to case; sub-attributes do not nest; only complex attributes
    /// have them.
    ///
    /// # Errors
    /// `invalidValue` naming the attribute.
    pub fn check(&self, limits: &Limits) -> Result<(), Error> {
        if !is_urn(&self.id) || self.id.len() > limits.name_bytes {
            return Err(Error::value(format!("`id` must be a URN of at most {} bytes", limits.name_bytes)));
        }
        let count = self.attributes.iter().map(|a| 1 + a.sub_attributes.len()).sum::<usize>();
        if count == 0 || count > limits.attributes {
            return Err(Error::value(format!("a schema has from 1 to {} attributes", limits.attributes)));
        }
        check_names(&self.attributes, &self.id, limits)?;
        for attribute in &self.attributes {
            // RFC 7643 §3.1: these are part of every resource.
            if attribute.name.starts_with('$') || COMMON.find(&attribute.name).is_some() {
                let name = quoted(&attribute.name);
                return Err(Error::value(format!("{name} cannot be the name of an attribute of a schema")));
            }
            check_attribute(attribute, limits)?;
        }
        Ok(())
    }
}

fn check_attribute(attribute: &Attribute, limits: &Limits) -> Result<(), Error> {
    if attribute.kind != Type::Complex && !attribute.sub_attributes.is_empty() {
        return Err(Error::value(format!(
            "{}: only a complex attribute has subAttributes",
            quoted(&attribute.name)
        )));
    }
    check_names(&attribute.sub_attributes, &attribute.name, limits)?;
    for sub in &attribute.sub_attributes {
        // RFC 7643 §2.3.8: a complex attribute must not contain sub-attributes that have sub-attributes. A reference has
        // them for its URI alone.
        if sub.kind == Type::Complex && sub.refers.is_none() {
            return Err(Error::value(format!(
                "`{}.{}`: a sub-attribute cannot be complex",
                attribute.name, sub.name
            )));
        }
        // What is write-only is kept aside as a whole; a part of it would be lost.
        if sub.mutability == Mutability::WriteOnly {
            return Err(Error::value(format!(
                "`{}.{}`: a sub-attribute cannot be writeOnly",
                attribute.name, sub.name
            )));
        }
    }
    if attribute.mutability == Mutability::WriteOnly && attribute.returned != Returned::Never {
        return Err(Error::value(format!(
            "{}: a writeOnly attribute has returned `never`",
            quoted(&attribute.name)
        )));
    }
    Ok(())
}

fn check_names(attributes: &Attributes, parent: &str, limits: &Limits) -> Result<(), Error> {
    for (at, attribute) in attributes.iter().enumerate() {
        let name = attribute.name.as_str();
        if !(is_name(name) || name == "$ref") || name.len() > limits.name_bytes {
            return Err(Error::value(format!("{} is not an attribute name", quoted(name))));
        }
        if attributes.iter().take(at).any(|other| other.name.eq_ignore_ascii_case(name)) {
            return Err(Error::value(format!("{} stands twice in {}", quoted(name), quoted(parent))));
        }
    }
    Ok(())
}

/// `ATTRNAME = ALPHA *(nameChar)`, `nameChar = "-" / "_" / DIGIT / ALPHA` (RFC 7643 §2.1).
pub fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// `urn:NID:NSS` (RFC 8141 §2), as far as a schema needs it.
pub fn is_urn(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    parts.next().is_some_and(|p| p.eq_ignore_ascii_case("urn"))
        && parts.next().is_some_and(|nid| nid.len() > 1 && is_name(nid))
        && parts.next().is_some_and(|nss| {
            !nss.is_empty() && nss.bytes().all(|b| b.is_ascii_graphic() && !b"\"`()[]".contains(&b))
        })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const LIMITS: Limits = Limits { attributes: 4, name_bytes: 20 };

    fn check_schema(text: &str, expect: Expect) {
        let checked = Schema::parse(text).and_then(|schema| schema.check(&LIMITS));
        expect.assert_eq(&checked.map_or_else(|e| e.to_string(), |()| "good".to_owned()));
    }

    fn check(attributes: &str, expect: Expect) {
        check_schema(&format!(r#"{{"id":"urn:ex:2.0:Y","name":"Y","attributes":[{attributes}]}}"#), expect);
    }

    #[test]
    fn a_schema_from_outside_is_checked() {
        check(r#"{"name":"a"},{"name":"b-_9"}"#, expect!["good"]);
        check(
            r#"{"name":"a","type":"complex","subAttributes":[{"name":"$ref"},{"name":"value"},{"name":"c"}]}"#,
            expect!["good"],
        );
        check("", expect!["invalidValue: a schema has from 1 to 4 attributes"]);
        check(
            r#"{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"},{"name":"e"}"#,
            expect!["invalidValue: a schema has from 1 to 4 attributes"],
        );
        check(r#"{"name":"9a"}"#, expect!["invalidValue: `9a` is not an attribute name"]);
        check(r#"{"name":"a.b"}"#, expect!["invalidValue: `a.b` is not an attribute name"]);
        check(r#"{"name":"é"}"#, expect!["invalidValue: `é` is not an attribute name"]);
        check(
            r#"{"name":"$ref"}"#,
            expect!["invalidValue: `$ref` cannot be the name of an attribute of a schema"],
        );
        check(
            r#"{"name":"a23456789012345678901"}"#,
            expect!["invalidValue: `a23456789012345678901` is not an attribute name"],
        );
        check(r#"{"name":"a"},{"name":"A"}"#, expect!["invalidValue: `A` stands twice in `urn:ex:2.0:Y`"]);
        check(
            r#"{"name":"a","type":"complex","subAttributes":[{"name":"b"},{"name":"B"}]}"#,
            expect!["invalidValue: `B` stands twice in `a`"],
        );
        check(
            r#"{"name":"ID"}"#,
            expect!["invalidValue: `ID` cannot be the name of an attribute of a schema"],
        );
        check(
            r#"{"name":"schemas"}"#,
            expect!["invalidValue: `schemas` cannot be the name of an attribute of a schema"],
        );
        check(
            r#"{"name":"a","subAttributes":[{"name":"b"}]}"#,
            expect!["invalidValue: `a`: only a complex attribute has subAttributes"],
        );
        check(
            r#"{"name":"a","type":"complex","subAttributes":[{"name":"b","type":"complex"}]}"#,
            expect!["invalidValue: `a.b`: a sub-attribute cannot be complex"],
        );
        check(
            r#"{"name":"a","mutability":"writeOnly"}"#,
            expect!["invalidValue: `a`: a writeOnly attribute has returned `never`"],
        );
        check(r#"{"name":"a","mutability":"writeOnly","returned":"never"}"#, expect!["good"]);
        check(
            r#"{"name":"a","type":"complex","subAttributes":[{"name":"b","mutability":"writeOnly","returned":"never"}]}"#,
            expect!["invalidValue: `a.b`: a sub-attribute cannot be writeOnly"],
        );
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        check_schema("{", expect!["invalidValue: schema: EOF while parsing an object at line 1 column 1"]);
        check_schema(
            r#"{"id":"x"}"#,
            expect!["invalidValue: schema: missing field `name` at line 1 column 10"],
        );
        check(
            r#"{"name":"a","type":"text"}"#,
            expect![
                "invalidValue: schema: unknown variant `text`, expected one of `string`, `boolean`, `decimal`, `integer`, `dateTime`, `binary`, `reference`, `complex` at line 1 column 71"
            ],
        );
        check(
            r#"{"name":"a","multivalued":true}"#,
            expect![
                "invalidValue: schema: unknown field `multivalued`, expected one of `name`, `type`, `subAttributes`, `multiValued`, `description`, `required`, `canonicalValues`, `caseExact`, `mutability`, `returned`, `uniqueness`, `referenceTypes` at line 1 column 71"
            ],
        );
        check_schema(
            r#"{"id":"urn:x:y","name":"Y","attributes":[{"name":"a"}]}"#,
            expect!["invalidValue: `id` must be a URN of at most 20 bytes"],
        );
        check_schema(
            r#"{"id":"urn:ex:23456789012345","name":"Y","attributes":[{"name":"a"}]}"#,
            expect!["invalidValue: `id` must be a URN of at most 20 bytes"],
        );
    }

    #[test]
    fn a_urn_names_a_namespace_and_something_in_it() {
        for good in ["urn:ietf:params:scim:schemas:core:2.0:User", "URN:x1:y", "urn:example:a.b_c"] {
            assert!(is_urn(good), "{good}");
        }
        for bad in [
            "",
            "urn",
            "urn:",
            "urn:ietf:",
            "urn:ietf",
            "uri:ietf:x",
            "urn:ietf:a b",
            "urn:ietf:a]",
            "urn:ietf:\"",
            "urn:é9:x",
        ] {
            assert!(!is_urn(bad), "{bad}");
        }
        assert!(!is_urn("urn:x:y"), "a namespace has two characters at least");
    }
}
