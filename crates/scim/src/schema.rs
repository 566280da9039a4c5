//! Schemas and resource types (RFC 7643 §2, §6, §7): what a document of some kind may hold.
//!
//! A schema is data: it is read from the JSON that `/Schemas` serves, and compiled once. Looking an attribute
//! up is a scan of a short list without regard to case (RFC 7643 §2.1); nothing is allocated for it.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::error::{Error, quoted};

/// The data type of an attribute (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    /// Unicode text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A real number.
    Decimal,
    /// A whole number.
    Integer,
    /// An instant, as `xsd:dateTime`.
    DateTime,
    /// Base64 (RFC 4648 §4 or §5).
    Binary,
    /// A URI.
    Reference,
    /// An object of sub-attributes; without sub-attributes, any JSON object.
    Complex,
}

/// Who may change an attribute, and when (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// Only the service provider.
    ReadOnly,
    /// Anyone at any time.
    #[default]
    ReadWrite,
    /// Once, when it has no value.
    Immutable,
    /// May be set, is never returned.
    WriteOnly,
}

/// When an attribute is returned (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// Whatever the client asks.
    Always,
    /// Under no circumstances.
    Never,
    /// Unless the client asks otherwise.
    #[default]
    Default,
    /// Only if the client asks for it.
    Request,
}

/// Within what a value must be unique (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Not at all.
    #[default]
    None,
    /// Within the tenant.
    Server,
    /// In the world; kept like `server`.
    Global,
}

/// Where the values of an attribute are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    /// In the document.
    #[default]
    Document,
    /// As rows of their own, because there may be very many (a group's members).
    Edges,
    /// Nowhere: made from other data when it is read (a user's groups).
    Derived,
}

/// One attribute or sub-attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// Its name in the spelling that is returned.
    pub name: String,
    /// Its data type.
    #[serde(rename = "type", default = "string")]
    pub kind: Type,
    /// What a complex attribute is made of; empty for any other type.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub sub_attributes: Attributes,
    /// Whether it holds a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether a resource must have it.
    #[serde(default)]
    pub required: bool,
    /// Values that are suggested; others are accepted (RFC 7643 §7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether strings compare with regard to case.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may change it.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is returned.
    #[serde(default)]
    pub returned: Returned,
    /// Within what it is unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a reference may point to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// Where its values are kept.
    #[serde(skip)]
    pub held: Held,
    /// Whether strings compare as user names do (PRECIS UsernameCaseMapped, RFC 7644 §7.8).
    #[serde(skip)]
    pub precis: bool,
    /// Whether its values name other resources. What is kept of each is `value` alone.
    #[serde(skip)]
    pub refers: bool,
    /// Whether a replacement that is silent about it leaves it as it was.
    #[serde(skip)]
    pub lasting: bool,
}

fn string() -> Type {
    Type::String
}

impl Attribute {
    /// An attribute of which nothing but the type of its values is known.
    pub(crate) const fn untold(kind: Type) -> Self {
        Self {
            name: String::new(),
            kind,
            sub_attributes: Attributes(Vec::new()),
            multi_valued: false,
            description: String::new(),
            required: false,
            canonical_values: Vec::new(),
            case_exact: true,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            reference_types: Vec::new(),
            held: Held::Document,
            precis: false,
            refers: false,
            lasting: false,
        }
    }

    /// The sub-attribute of that name, without regard to case.
    pub fn sub(&self, name: &str) -> Option<&Attribute> {
        self.sub_attributes.find(name)
    }

    /// The sub-attribute that stands for the whole in a comparison or a bare value (RFC 7643 §2.4): `value`.
    pub fn value_sub(&self) -> Option<&Attribute> {
        self.sub("value")
    }

    /// Whether this is a complex attribute that holds any JSON object.
    pub fn is_free_form(&self) -> bool {
        self.kind == Type::Complex && self.sub_attributes.is_empty()
    }

    /// Whether its values are kept in the document. What is write-only is kept aside.
    pub fn in_document(&self) -> bool {
        self.held == Held::Document && self.mutability != Mutability::WriteOnly
    }
}

/// A list of attributes, found by name without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Vec<Attribute>);

impl Attributes {
    /// The attribute of that name, without regard to case (RFC 7643 §2.1).
    pub fn find(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|a| a.name.eq_ignore_ascii_case(name))
    }

    /// The attribute of that name, to be changed while a kind is set up.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Attribute> {
        self.0.iter_mut().find(|a| a.name.eq_ignore_ascii_case(name))
    }

    /// In the order of the schema.
    pub fn iter(&self) -> std::slice::Iter<'_, Attribute> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = &'a Attribute;
    type IntoIter = std::slice::Iter<'a, Attribute>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

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

/// How large and deep a schema may be; the figures are the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most attributes and sub-attributes of one schema.
    pub attributes: usize,
    /// Longest name or URN, in bytes.
    pub name_bytes: usize,
}

impl Schema {
    /// Reads a schema from the JSON that `/Schemas` serves.
    ///
    /// # Errors
    /// `invalidValue` naming what does not fit.
    pub fn parse(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(|e| Error::value(format!("schema: {e}")))
    }

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
        let count = self.attributes.iter().map(|a| 1 + a.sub_attributes.0.len()).sum::<usize>();
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
        if sub.kind == Type::Complex && !sub.refers {
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
