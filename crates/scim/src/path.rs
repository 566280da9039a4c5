//! Names of attributes as clients write them (RFC 7644 §3.10), and the paths of a PATCH (§3.5.2).
//!
//! Parsing knows no schema; binding finds what is named in a resource type. Where a URN ends cannot be told
//! without the schemas (URNs hold colons and dots), so a parsed path keeps its text.

use std::fmt;

use crate::admit::is_read_only;
use crate::error::{Error, quoted};
use crate::filter::{self, BoundFilter, Filter, Limits};
use crate::quirks::Dialect;
use crate::schema::{Attribute, Found, ResourceType, Schema, is_name};

/// `[URN ":"] ATTRNAME ["." subAttr]` as it is written, or the URN of a schema alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttrPath {
    text: String,
}

impl AttrPath {
    /// Checks the shape of a name; whether anything is called so is for [`AttrPath::bind`] to say.
    ///
    /// # Errors
    /// `invalidPath` if it is not an attribute path.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match is_attr_path(text) {
            true => Ok(Self { text: text.to_owned() }),
            false => Err(Error::path(format!("{} is not the name of an attribute", quoted(text)))),
        }
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the last colon.
    pub fn urn(&self) -> Option<&str> {
        self.text.rsplit_once(':').map(|(urn, _)| urn)
    }

    /// The attribute's name, if what stands before the last colon is the URN of a schema.
    pub fn name(&self) -> &str {
        let local = self.local();
        local.split_once('.').map_or(local, |(name, _)| name)
    }

    /// The sub-attribute's name, if what stands before the last colon is the URN of a schema.
    pub fn sub(&self) -> Option<&str> {
        self.local().split_once('.').map(|(_, sub)| sub)
    }

    fn local(&self) -> &str {
        self.text.rsplit_once(':').map_or(&self.text, |(_, local)| local)
    }

    /// Finds what is named. Nothing regards case (RFC 7643 §2.1).
    ///
    /// # Errors
    /// `invalidPath` naming what is unknown.
    pub fn bind<'s>(&self, resource: &'s ResourceType) -> Result<Place<'s>, Error> {
        place(resource, &self.text).ok_or_else(|| unknown(resource, &self.text))
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a name stands for in a resource type.
#[derive(Clone, Copy, Debug)]
pub enum Place<'s> {
    /// All attributes of an extension, named by its URN; of the resource, if it is the URN of the core schema.
    Extension(&'s Schema),
    /// An attribute or one of its sub-attributes.
    Attribute {
        /// The attribute, and the extension it belongs to.
        found: Found<'s>,
        /// The sub-attribute, if one is named.
        sub: Option<&'s Attribute>,
    },
}

/// What `name` stands for in `resource`: an attribute, a sub-attribute (`name.givenName`), a schema. None if
/// nothing is called so.
pub fn place<'s>(resource: &'s ResourceType, name: &str) -> Option<Place<'s>> {
    let (urn, local) = match resource.split_urn(name) {
        Some((schema, "")) => return Some(Place::Extension(schema)),
        Some((schema, local)) => (Some(schema.id.as_str()), local),
        None => (None, name),
    };
    let (attribute, sub) = match local.split_once('.') {
        Some((attribute, sub)) => (attribute, Some(sub)),
        None => (local, None),
    };
    let found = resource.find(urn, attribute)?;
    let sub = match sub {
        Some(sub) => Some(found.attribute.sub(sub)?),
        None => None,
    };
    Some(Place::Attribute { found, sub })
}

/// The attribute without sub-attributes of its own of which `name` names a part, and that part's name:
/// `properties.color`.
pub(crate) fn free_part<'s, 'n>(resource: &'s ResourceType, name: &'n str) -> Option<(Found<'s>, &'n str)> {
    let (parent, part) = name.rsplit_once('.')?;
    match place(resource, parent)? {
        Place::Attribute { found, sub: None } if found.attribute.is_free_form() => Some((found, part)),
        _ => None,
    }
}

/// Which part of the name is unknown, for a person.
fn unknown(resource: &ResourceType, name: &str) -> Error {
    let parent = name.rsplit_once('.').and_then(|(parent, _)| place(resource, parent));
    match parent {
        Some(Place::Attribute { found, sub: None }) => {
            let sub = name.rsplit_once('.').map_or(name, |(_, sub)| sub);
            Error::path(format!("`{}` has no sub-attribute {}", found.attribute.name, quoted(sub)))
        }
        _ => Error::path(format!("{} is not an attribute of {}", quoted(name), resource.name)),
    }
}

/// `attrPath / valuePath [subAttr]` (RFC 7644 §3.5.2) as it is written: `emails[type eq "work"].value`.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchPath {
    /// The attribute.
    pub attr: AttrPath,
    /// What its elements must satisfy.
    pub filter: Option<Filter>,
    /// The sub-attribute named after the filter; without a filter it is part of `attr`.
    pub sub: Option<String>,
}

impl PatchPath {
    /// Reads a path. Spaces around it are ignored.
    ///
    /// # Errors
    /// `invalidPath`; for what stands between the brackets `invalidFilter`, with the column in the whole path.
    pub fn parse(text: &str, limits: &Limits, dialect: Dialect) -> Result<Self, Error> {
        filter::parse_patch_path(text, limits, dialect)
    }

    /// Finds what is named.
    ///
    /// # Errors
    /// `invalidPath` naming what is unknown; for what stands between the brackets `invalidFilter`.
    pub fn bind<'s>(&self, resource: &'s ResourceType, dialect: Dialect) -> Result<BoundPath<'s>, Error> {
        let place = self.attr.bind(resource)?;
        let Some(filter) = &self.filter else {
            let sub = match place {
                Place::Attribute { sub, .. } => sub,
                Place::Extension(_) => None,
            };
            return Ok(BoundPath { place, filter: None, sub });
        };
        let Place::Attribute { found, sub: None } = place else {
            return Err(Error::path(format!("{} has no elements to filter", quoted(self.attr.as_str()))));
        };
        let filter = filter::bind_within(filter, resource, found, dialect)?;
        let sub = match &self.sub {
            Some(name) => Some(found.attribute.sub(name).ok_or_else(|| {
                Error::path(format!("`{}` has no sub-attribute {}", found.attribute.name, quoted(name)))
            })?),
            None => None,
        };
        Ok(BoundPath { place: Place::Attribute { found, sub }, filter: Some(filter), sub })
    }
}

impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.attr)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// A path whose names were found.
#[derive(Clone, Debug)]
pub struct BoundPath<'s> {
    /// What is named.
    pub place: Place<'s>,
    /// What the elements of the attribute must satisfy; see [`BoundFilter::matches_element`].
    pub filter: Option<BoundFilter<'s>>,
    /// The sub-attribute that is named, after a filter or without one; the one in `place`.
    pub sub: Option<&'s Attribute>,
}

impl BoundPath<'_> {
    /// Whether clients may not change what is named.
    pub fn is_read_only(&self) -> bool {
        match self.place {
            Place::Extension(_) => false,
            Place::Attribute { found, sub } => is_read_only(found.attribute) || sub.is_some_and(is_read_only),
        }
    }
}

/// Whether the text has the shape of an attribute path. With a colon only the characters can be checked.
pub(crate) fn is_attr_path(text: &str) -> bool {
    if text.contains(':') {
        let shaped = text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.ends_with([':', '.']);
        return shaped && text.bytes().all(|b| b.is_ascii_graphic() && !b"()[]\"`".contains(&b));
    }
    match text.split_once('.') {
        Some((name, sub)) => is_name(name) && is_sub_name(sub),
        // Within the brackets of a value path a sub-attribute stands alone.
        None => is_sub_name(text),
    }
}

/// Whether the text is the name of a sub-attribute; `$ref` is one (RFC 7643 §2.4).
pub(crate) fn is_sub_name(text: &str) -> bool {
    is_name(text.strip_prefix('$').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::filter::sample::{LIMITS, people, user};
    use crate::schema::common;

    fn shown(place: Place<'_>) -> String {
        match place {
            Place::Extension(schema) => format!("all of {}", schema.id),
            Place::Attribute { found: Found { extension, attribute }, sub } => {
                filter::At { extension, attribute, sub }.to_string()
            }
        }
    }

    fn check(path: &str, expect: Expect) {
        let user = user();
        let bound = PatchPath::parse(path, &LIMITS, Dialect::Auto).and_then(|parsed| {
            let bound = parsed.bind(&user, Dialect::Auto)?;
            let filter = parsed.filter.as_ref().map(|f| format!(" where {f}")).unwrap_or_default();
            Ok(format!("{}{filter}", shown(bound.place)))
        });
        expect.assert_eq(&bound.unwrap_or_else(|e| e.to_string()));
    }

    #[test]
    fn a_path_names_an_attribute_a_sub_attribute_or_a_schema() {
        check("userName", expect!["userName"]);
        check(" USERNAME ", expect!["userName"]);
        check("name.familyname", expect!["name.familyName"]);
        check("meta.lastModified", expect!["meta.lastModified"]);
        check("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", expect!["name.givenName"]);
        check("URN:IETF:params:scim:schemas:core:2.0:user:ID", expect!["id"]);
        check(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$ref",
            expect!["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$ref"],
        );
        // Microsoft's inbound client writes a dot for the last colon.
        check(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager.value",
            expect!["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"],
        );
        check(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            expect!["all of urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        );
        check(
            "urn:ietf:params:scim:schemas:core:2.0:User",
            expect!["all of urn:ietf:params:scim:schemas:core:2.0:User"],
        );
    }

    #[test]
    fn a_path_selects_elements() {
        check(r#"emails[type eq "work"]"#, expect![[r#"emails where type eq "work""#]]);
        // Entra ID: capital sub-attribute, boolean as a string.
        check(r#"emails[type eq "other"].Value"#, expect![[r#"emails.value where type eq "other""#]]);
        check(r#"emails[primary eq "True"].value"#, expect![[r#"emails.value where primary eq "True""#]]);
        check(
            r#"EMAILS[not (Type eq "work") and value co "]"].type"#,
            expect![[r#"emails.type where not (Type eq "work") and value co "]""#]],
        );
        check(r#"groups[$ref pr]"#, expect!["groups where $ref pr"]);
        check(r#"tags[value eq "red"]"#, expect![[r#"tags where value eq "red""#]]);
        check(r#"name[familyName eq "x"]"#, expect![[r#"name where familyName eq "x""#]]);
        check(r#"emails[emails.type eq "work"]"#, expect![[r#"emails where emails.type eq "work""#]]);
    }

    #[test]
    fn an_unknown_name_is_an_invalid_path_that_names_it() {
        check("nonsense", expect!["invalidPath: `nonsense` is not an attribute of User"]);
        check("name.nonsense", expect!["invalidPath: `name` has no sub-attribute `nonsense`"]);
        check("userName.value", expect!["invalidPath: `userName` has no sub-attribute `value`"]);
        check(
            "urn:other:User:title",
            expect!["invalidPath: `urn:other:User:title` is not an attribute of User"],
        );
        check(
            "urn:ietf:params:scim:schemas:core:2.0:User:department",
            expect![
                "invalidPath: `urn:ietf:params:scim:schemas:core:2.0:User:department` is not an attribute of User"
            ],
        );
        check(
            r#"emails[type eq "work"].nonsense"#,
            expect!["invalidPath: `emails` has no sub-attribute `nonsense`"],
        );
        check(
            r#"emails[nonsense eq "work"]"#,
            expect!["invalidFilter: `emails` has no sub-attribute `nonsense`"],
        );
        check(
            r#"emails.value[type eq "work"]"#,
            expect!["invalidPath: `emails.value` has no elements to filter"],
        );
        check(r#"userName[value eq "work"]"#, expect!["invalidFilter: `userName` has no elements to filter"]);
    }

    #[test]
    fn what_is_not_a_path_is_refused() {
        check("", expect!["invalidPath: `` is not the name of an attribute"]);
        check("1", expect!["invalidPath: `1` is not the name of an attribute"]);
        check("a.b.c", expect!["invalidPath: `a.b.c` is not the name of an attribute"]);
        check("name.", expect!["invalidPath: `name.` is not the name of an attribute"]);
        check("urn:", expect!["invalidPath: `urn:` is not the name of an attribute"]);
        check("user name", expect!["invalidPath: column 6: expected the end of the path, found `name`"]);
        check("emails[]", expect!["invalidFilter: column 8: expected the name of an attribute, found `]`"]);
        check(
            r#"emails[type eq "work""#,
            expect!["invalidFilter: column 22: expected `and`, `or` or `]`, found the end"],
        );
        check(r#"emails[type eq "work"]."#, expect!["invalidPath: `` is not the name of a sub-attribute"]);
        check(
            r#"emails[type eq "work"]x"#,
            expect!["invalidPath: column 23: expected the end of the path, found `x`"],
        );
        check(&"e".repeat(5000), expect!["invalidPath: longer than 4096 bytes"]);
        check(
            &format!("emails{}", "[".repeat(20)),
            expect!["invalidFilter: column 8: expected the name of an attribute, found `[`"],
        );
    }

    #[test]
    fn the_filter_of_a_path_is_asked_of_elements() {
        let user = user();
        let matched = |path: &str, attribute: &str| {
            let path = PatchPath::parse(path, &LIMITS, Dialect::Auto).unwrap();
            let filter = path.bind(&user, Dialect::Auto).unwrap().filter.unwrap();
            let elements = people()[0][attribute].as_array().unwrap().clone();
            elements.iter().map(|element| filter.matches_element(element)).collect::<Vec<_>>()
        };
        assert_eq!(matched(r#"emails[type eq "HOME"]"#, "emails"), [false, true]);
        assert_eq!(matched(r#"emails[primary eq "True"].value"#, "emails"), [true, false]);
        assert_eq!(matched(r#"emails[not (primary pr)]"#, "emails"), [false, true]);
        assert_eq!(matched(r#"tags[value eq "RED"]"#, "tags"), [true, false]);
        assert_eq!(matched(r#"tags[value ne "red"]"#, "tags"), [false, true]);
    }

    #[test]
    fn a_path_knows_what_clients_may_not_change() {
        let user = user();
        let read_only = |path: &str| {
            let path = PatchPath::parse(path, &LIMITS, Dialect::Auto).unwrap();
            path.bind(&user, Dialect::Auto).unwrap().is_read_only()
        };
        assert!(read_only("id") && read_only("meta.version") && read_only("groups.value"));
        assert!(!read_only("userName") && !read_only("emails.value"));
    }

    #[test]
    fn parts_of_a_name_are_told_without_a_schema() {
        let path = AttrPath::parse("urn:x:2.0:User:name.givenName").unwrap();
        assert_eq!(
            (path.urn(), path.name(), path.sub()),
            (Some("urn:x:2.0:User"), "name", Some("givenName"))
        );
        let path = AttrPath::parse("title").unwrap();
        assert_eq!((path.urn(), path.name(), path.sub()), (None, "title", None));
    }

    #[test]
    fn every_attribute_of_a_resource_type_is_found_by_its_name() {
        let user = user();
        let found = |name: &str| place(&user, name).map(shown);
        for attribute in common().iter().chain(&user.schema.attributes) {
            assert_eq!(found(&attribute.name.to_uppercase()).as_ref(), Some(&attribute.name));
            assert_eq!(
                found(&format!("{}:{}", user.schema.id, attribute.name)).as_ref(),
                Some(&attribute.name)
            );
            for sub in &attribute.sub_attributes {
                let name = format!("{}.{}", attribute.name, sub.name);
                assert_eq!(found(&name), Some(name));
            }
        }
    }

    proptest! {
        #[test]
        fn a_printed_path_parses_to_itself(
            name in "[a-z][a-zA-Z0-9_-]{0,4}(\\.[a-z]{1,3}|\\.\\$ref)?",
            urn in prop::option::of("urn:[a-z]{2,4}:[a-zA-Z0-9.:]{0,6}[a-z]"),
            selection in prop::option::of(crate::filter::sample::comparisons()),
            sub in "(value|\\$ref)",
        ) {
            let attr = AttrPath::parse(&urn.map_or(name.clone(), |urn| format!("{urn}:{name}"))).unwrap();
            let nested = selection.as_ref().is_some_and(|f| f.to_string().contains('['));
            let filter = selection.filter(|_| !nested);
            let path = PatchPath { attr, sub: filter.is_some().then_some(sub), filter };
            let limits = Limits { depth: 32, terms: 1000, bytes: 10_000 };
            prop_assert_eq!(PatchPath::parse(&path.to_string(), &limits, Dialect::Strict), Ok(path));
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "[a-z.:$\\[\\]()\" \\\\é]{0,24}") {
            let _ = PatchPath::parse(&text, &LIMITS, Dialect::Auto).map(|p| p.bind(&user(), Dialect::Auto).is_ok());
        }
    }
}
