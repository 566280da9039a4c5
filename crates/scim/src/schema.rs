//! Schemas and resource types (RFC 7643 §2, §6, §7): what a document of some kind may hold.
//!
//! A schema is data: it is read from the JSON that `/Schemas` serves, and compiled once. Looking an attribute
//! up is a scan of a short list without regard to case (RFC 7643 §2.1); nothing is allocated for it.

mod attribute;
mod check;

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::error::{Error, quoted};

pub use attribute::{Attribute, Attributes, Held, Mutability, Refers, Returned, Type, Uniqueness};
pub use check::{Limits, is_name, is_urn};

/// A schema (RFC 7643 §7): a URN and the attributes it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// Its URN.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// What it names.
    pub attributes: Attributes,
}

impl Schema {
    /// Reads a schema from the JSON that `/Schemas` serves.
    ///
    /// # Errors
    /// `invalidValue` naming what does not fit.
    pub fn parse(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(|e| Error::value(format!("schema: {e}")))
    }
}

/// A schema that extends a resource type.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The schema.
    pub schema: Arc<Schema>,
    /// Whether every resource must have it.
    pub required: bool,
}

/// A resource type (RFC 7643 §6): an endpoint, its core schema and its extensions.
#[derive(Clone, Debug)]
pub struct ResourceType {
    /// Its name and id, such as `User`.
    pub name: String,
    /// Its endpoint without a slash, such as `Users`.
    pub endpoint: String,
    /// For people.
    pub description: String,
    /// Its core schema.
    pub schema: Arc<Schema>,
    /// Its extensions.
    pub extensions: Vec<Extension>,
}

/// The attributes that every resource has (RFC 7643 §3.1).
static COMMON: LazyLock<Attributes> =
    LazyLock::new(|| serde_json::from_str(include_str!("common.json")).unwrap_or_default());

/// The attributes that every resource has beside its schemas: `schemas`, `id`, `externalId`, `meta` (RFC 7643 §3.1).
pub fn common() -> &'static Attributes {
    &COMMON
}

/// An attribute found in a resource type.
#[derive(Clone, Copy, Debug)]
pub struct Found<'s> {
    /// The extension it belongs to; none for the core schema and the common attributes.
    pub extension: Option<&'s Schema>,
    /// The attribute.
    pub attribute: &'s Attribute,
}

impl ResourceType {
    /// The attribute of that name, in the schema of that URN or, without one, in the common attributes and the
    /// core schema. Neither name regards case (RFC 7643 §2.1, RFC 7644 §3.10).
    pub fn find(&self, urn: Option<&str>, name: &str) -> Option<Found<'_>> {
        let core = || {
            let attribute = self.schema.attributes.find(name).or_else(|| COMMON.find(name))?;
            Some(Found { extension: None, attribute })
        };
        match urn {
            None => core(),
            Some(urn) if self.schema.id.eq_ignore_ascii_case(urn) => core(),
            Some(urn) => {
                let schema = self.extension(urn)?;
                Some(Found { extension: Some(schema), attribute: schema.attributes.find(name)? })
            }
        }
    }

    /// The extension schema of that URN, without regard to case.
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions.iter().map(|e| &*e.schema).find(|s| s.id.eq_ignore_ascii_case(urn))
    }

    /// Checks that an extension can join this type: no schema is there twice, and no two write-only attributes are
    /// called the same, because what is kept aside is known by the attribute's name.
    ///
    /// # Errors
    /// `invalidValue` naming the schema or the attribute.
    pub fn check_extension(&self, schema: &Schema) -> Result<(), Error> {
        if self.schema.id.eq_ignore_ascii_case(&schema.id) || self.extension(&schema.id).is_some() {
            return Err(Error::value(format!("{} is a schema of {} already", quoted(&schema.id), self.name)));
        }
        let is_secret = |a: &&Attribute| a.mutability == Mutability::WriteOnly;
        let schemas = std::iter::once(&self.schema).chain(self.extensions.iter().map(|e| &e.schema));
        let known: Vec<&Attribute> = schemas.flat_map(|s| &s.attributes).filter(is_secret).collect();
        match schema
            .attributes
            .iter()
            .filter(is_secret)
            .find(|a| known.iter().any(|k| k.name.eq_ignore_ascii_case(&a.name)))
        {
            Some(taken) => {
                Err(Error::value(format!("{} is a writeOnly attribute already", quoted(&taken.name))))
            }
            None => Ok(()),
        }
    }

    /// Splits `urn:…:User:name.givenName` into the URN of one of this type's schemas and the rest; the rest is
    /// empty when the text is the URN alone. Some clients write a dot for the last colon.
    pub fn split_urn<'t>(&self, text: &'t str) -> Option<(&Schema, &'t str)> {
        let schemas = std::iter::once(&*self.schema).chain(self.extensions.iter().map(|e| &*e.schema));
        let mut best: Option<(&Schema, &'t str)> = None;
        for schema in schemas {
            let Some((head, tail)) = text.split_at_checked(schema.id.len()) else { continue };
            if !head.eq_ignore_ascii_case(&schema.id) {
                continue;
            }
            let rest = match tail.strip_prefix([':', '.']) {
                Some(rest) if !rest.is_empty() => rest,
                None if tail.is_empty() => "",
                _ => continue,
            };
            // One URN may begin with another; the longest names the schema.
            if best.is_none_or(|(known, _)| known.id.len() < schema.id.len()) {
                best = Some((schema, rest));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::sample::{DEVICE, ENTERPRISE, USER};

    #[test]
    fn names_regard_no_case_and_may_be_qualified() {
        let found = |urn: Option<&str>, name: &str| USER.find(urn, name).map(|f| f.attribute.name.clone());
        assert_eq!(found(None, "USERNAME").as_deref(), Some("userName"));
        assert_eq!(found(None, "meta").as_deref(), Some("meta"));
        assert_eq!(found(None, "department"), None);
        assert_eq!(found(Some(&ENTERPRISE.to_uppercase()), "Department").as_deref(), Some("department"));
        assert_eq!(found(Some(ENTERPRISE), "userName"), None);
        assert_eq!(found(Some(&USER.schema.id), "externalid").as_deref(), Some("externalId"));
        assert_eq!(found(Some("urn:x:y"), "userName"), None);
    }

    #[test]
    fn a_urn_is_split_from_what_it_qualifies() {
        let split = |text: &str| USER.split_urn(text).map(|(schema, rest)| format!("{} {rest}", schema.name));
        assert_eq!(
            split(&format!("{ENTERPRISE}:manager.value")).as_deref(),
            Some("EnterpriseUser manager.value")
        );
        assert_eq!(
            split(&format!("{}.manager", ENTERPRISE.to_lowercase())).as_deref(),
            Some("EnterpriseUser manager")
        );
        assert_eq!(split(ENTERPRISE).as_deref(), Some("EnterpriseUser "));
        for none in
            [format!("{ENTERPRISE}:"), format!("{ENTERPRISE}x"), "userName".to_owned(), "ürn".repeat(30)]
        {
            assert_eq!(split(&none), None, "{none}");
        }
        // One URN may begin with another.
        let mut kind = DEVICE.clone();
        let longer = r#"{"id":"urn:example:2.0:Lease:Old","name":"Old","attributes":[{"name":"a"}]}"#;
        kind.extensions.push(Extension { schema: Arc::new(Schema::parse(longer).unwrap()), required: false });
        assert_eq!(
            kind.split_urn("urn:example:2.0:Lease:Old:a").map(|(s, rest)| (s.name.as_str(), rest)),
            Some(("Old", "a"))
        );
        assert_eq!(
            kind.split_urn("urn:example:2.0:Lease:rate").map(|(s, rest)| (s.name.as_str(), rest)),
            Some(("Lease", "rate"))
        );
    }

    #[test]
    fn an_extension_joins_a_type_once_and_takes_no_secret_of_it() {
        let check = |id: &str, attribute: &str, expect: Expect| {
            let text = format!(r#"{{"id":"{id}","name":"X","attributes":[{attribute}]}}"#);
            let checked = USER.check_extension(&Schema::parse(&text).unwrap());
            expect.assert_eq(&checked.map_or_else(|e| e.to_string(), |()| "good".to_owned()));
        };
        let secret = r#"{"name":"Password","mutability":"writeOnly","returned":"never"}"#;
        check("urn:x:1", r#"{"name":"password"}"#, expect!["good"]);
        check("urn:x:1", secret, expect!["invalidValue: `Password` is a writeOnly attribute already"]);
        check(
            &ENTERPRISE.to_uppercase(),
            r#"{"name":"a"}"#,
            expect![
                "invalidValue: `URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER` is a schema of User already"
            ],
        );
        check(
            &USER.schema.id,
            r#"{"name":"a"}"#,
            expect!["invalidValue: `urn:ietf:params:scim:schemas:core:2.0:User` is a schema of User already"],
        );
    }

    #[test]
    fn every_resource_has_the_common_attributes() {
        let names: Vec<_> = common().iter().map(|a| (a.name.as_str(), a.returned)).collect();
        expect![[r#"
            [
                (
                    "schemas",
                    Always,
                ),
                (
                    "id",
                    Always,
                ),
                (
                    "externalId",
                    Default,
                ),
                (
                    "meta",
                    Default,
                ),
            ]
        "#]]
        .assert_debug_eq(&names);
    }
}
