//! What is said of one attribute (RFC 7643 §2.2, §2.3, §7), and lists of attributes.

use serde::{Deserialize, Serialize};

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

/// Resources that others name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refers {
    /// Their kind.
    pub kind: String,
    /// The endpoint in their URIs.
    pub endpoint: String,
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
    /// What its values name, if they name other resources. What is kept of each is `value` alone.
    #[serde(skip)]
    pub refers: Option<Refers>,
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
            refers: None,
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

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
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
