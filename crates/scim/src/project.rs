//! Which attributes of a resource are returned (RFC 7644 §3.9, RFC 7643 §7 "returned").
//!
//! A projection is made once per request from `attributes` or `excludedAttributes` and applied to each resource.
//! The plain projection of a kind that hides nothing changes nothing, and says so, so that a stored document can
//! be sent as it is.

use serde_json::Value;

use crate::Object;
use crate::error::Error;
use crate::path::{Place, place};
use crate::quirks::Dialect;
use crate::schema::{Attribute, Attributes, Found, ResourceType, Returned};

/// One name of a list: an extension as a whole, an attribute, or a sub-attribute, in the schemas' spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    extension: Option<String>,
    attribute: Option<String>,
    sub: Option<String>,
}

/// Which attributes are returned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    only: Option<Vec<Named>>,
    except: Vec<Named>,
}

impl Projection {
    /// Reads the lists of a request. Names that the kind does not have are passed over: they have no value to
    /// return or to hold back.
    ///
    /// # Errors
    /// `invalidValue` in the strict dialect when both lists are given (RFC 7644 §3.9).
    pub fn new<'n>(
        kind: &ResourceType,
        only: Option<impl Iterator<Item = &'n str>>,
        except: Option<impl Iterator<Item = &'n str>>,
        dialect: Dialect,
    ) -> Result<Self, Error> {
        if only.is_some() && except.is_some() && dialect == Dialect::Strict {
            return Err(Error::value("`attributes` and `excludedAttributes` exclude each other"));
        }
        Ok(Self {
            only: only.map(|names| names.filter_map(|n| named(kind, n)).collect()),
            except: except.map(|names| names.filter_map(|n| named(kind, n)).collect()).unwrap_or_default(),
        })
    }

    /// Whether the client asked for nothing in particular.
    pub fn is_plain(&self) -> bool {
        self.only.is_none() && self.except.is_empty()
    }

    /// Whether the client named a list at all: some answers carry a body only then.
    pub fn is_asked(&self) -> bool {
        !self.is_plain()
    }

    /// Whether any part of this attribute of the core schema (or of a common attribute) is returned.
    pub fn wants(&self, attribute: &Attribute) -> bool {
        self.shows(None, attribute)
    }

    /// Whether that attribute is returned with all that it has: no part of it is named.
    pub fn wants_whole(&self, attribute: &Attribute) -> bool {
        let part = |n: &Named| n.sub.is_some() && n.covers(None, attribute);
        self.wants(attribute) && !self.only.iter().flatten().chain(&self.except).any(part)
    }

    /// Whether that part of an attribute of the core schema is returned, where the attribute is.
    pub fn wants_part(&self, attribute: &Attribute, sub: &Attribute) -> bool {
        self.shows_sub(None, attribute, sub)
    }

    /// Whether the part of that name is returned of an attribute, in whatever schema.
    pub fn wants_part_of(&self, found: &Found<'_>, sub: &str) -> bool {
        let extension = found.extension.map(|schema| schema.id.as_str());
        let sub = found.attribute.sub(sub);
        self.shows(extension, found.attribute)
            && sub.is_some_and(|sub| self.shows_sub(extension, found.attribute, sub))
    }

    /// Whether only attributes of that list are held back, each as a whole: then a stored document, which
    /// has none of them, is already what is returned.
    pub fn holds_back_only(&self, names: &[&str]) -> bool {
        self.only.is_none()
            && self.except.iter().all(|named| {
                named.extension.is_none()
                    && named.sub.is_none()
                    && named.attribute.as_deref().is_some_and(|name| names.contains(&name))
            })
    }

    /// The attributes of a resource that are returned.
    pub fn apply(&self, kind: &ResourceType, resource: Object) -> Object {
        let mut out = Object::with_capacity(resource.len());
        for (name, value) in resource {
            if let Some(schema) = kind.extension(&name) {
                if let Value::Object(object) = value {
                    let inner = self.object(Some(&schema.id), &schema.attributes, object);
                    if !inner.is_empty() {
                        out.insert(name, Value::Object(inner));
                    }
                }
            } else if let Some(found) = kind.find(None, &name)
                && let Some(value) = self.attribute(None, found.attribute, value)
            {
                out.insert(name, value);
            }
        }
        out
    }

    fn object(&self, extension: Option<&str>, attributes: &Attributes, object: Object) -> Object {
        object
            .into_iter()
            .filter_map(|(name, value)| {
                let value = self.attribute(extension, attributes.find(&name)?, value)?;
                Some((name, value))
            })
            .collect()
    }

    fn attribute(&self, extension: Option<&str>, attribute: &Attribute, value: Value) -> Option<Value> {
        if !self.shows(extension, attribute) {
            return None;
        }
        if attribute.sub_attributes.is_empty() {
            return Some(value);
        }
        // A value none of whose parts is returned says nothing.
        match value {
            Value::Array(items) => {
                let items: Vec<Value> =
                    items.into_iter().filter_map(|item| self.element(extension, attribute, item)).collect();
                (!items.is_empty()).then_some(Value::Array(items))
            }
            value => self.element(extension, attribute, value),
        }
    }

    fn element(&self, extension: Option<&str>, attribute: &Attribute, value: Value) -> Option<Value> {
        let Value::Object(object) = value else { return Some(value) };
        let kept: Object = object
            .into_iter()
            .filter(|(name, _)| {
                attribute.sub(name).is_none_or(|sub| self.shows_sub(extension, attribute, sub))
            })
            .collect();
        (!kept.is_empty()).then_some(Value::Object(kept))
    }

    fn shows(&self, extension: Option<&str>, attribute: &Attribute) -> bool {
        let named = |list: &[Named]| list.iter().any(|n| n.covers(extension, attribute));
        match attribute.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Request => self.only.as_deref().is_some_and(named),
            Returned::Default => {
                let whole = |n: &Named| n.sub.is_none() && n.covers(extension, attribute);
                self.only.as_deref().is_none_or(named) && !self.except.iter().any(whole)
            }
        }
    }

    fn shows_sub(&self, extension: Option<&str>, attribute: &Attribute, sub: &Attribute) -> bool {
        let covers = |n: &Named| {
            n.covers(extension, attribute) && n.sub.as_deref().is_none_or(|name| name == sub.name)
        };
        let only = self.only.as_deref().unwrap_or_default();
        match sub.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Request => only.iter().any(covers),
            Returned::Default => {
                // An attribute that nobody asked for is here because it is always returned; then it is whole.
                let is_asked = only.iter().any(|n| n.covers(extension, attribute));
                let except =
                    |n: &Named| covers(n) && (n.sub.is_some() || attribute.returned != Returned::Always);
                (!is_asked || only.iter().any(covers)) && !self.except.iter().any(except)
            }
        }
    }
}

impl Named {
    /// Whether it names that attribute, a part of it, or the extension it belongs to.
    fn covers(&self, extension: Option<&str>, attribute: &Attribute) -> bool {
        self.extension.as_deref() == extension
            && self.attribute.as_ref().is_none_or(|name| *name == attribute.name)
    }
}

fn named(kind: &ResourceType, name: &str) -> Option<Named> {
    match place(kind, name.trim())? {
        Place::Extension(schema) => {
            let extension = (schema.id != kind.schema.id).then(|| schema.id.clone());
            Some(Named { extension, attribute: None, sub: None })
        }
        Place::Attribute { found, sub } => Some(Named {
            extension: found.extension.map(|schema| schema.id.clone()),
            attribute: Some(found.attribute.name.clone()),
            sub: sub.map(|sub| sub.name.clone()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::sample::{DEVICE, ENTERPRISE, USER, parse, shown};

    fn ada() -> Object {
        parse(
            r#"{ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "7", "userName": "ada",
            "name": { "givenName": "Ada", "familyName": "King" }, "emails": [ { "value": "w", "type": "work" }, { "value": "h" } ],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                { "department": "Engines", "manager": { "value": "1", "displayName": "B" } },
            "externalId": "x", "groups": [ { "value": "g", "display": "G" } ], "meta": { "version": "1", "location": "l" } }"#,
        )
    }

    fn printer() -> Object {
        parse(
            r#"{ "schemas": ["urn:example:2.0:Device"], "id": "7", "name": "printer", "tags": ["t"], "notes": "n",
            "tamper": { "count": 1, "log": "l" }, "pin": "1234", "extra": { "a": 1 } }"#,
        )
    }

    fn projection(kind: &ResourceType, only: Option<&str>, except: Option<&str>) -> Projection {
        Projection::new(kind, only.map(|n| n.split(',')), except.map(|n| n.split(',')), Dialect::Auto)
            .unwrap()
    }

    /// The names that are left, with those of their parts where some are not.
    fn check(only: Option<&str>, except: Option<&str>, expect: Expect) {
        let left = projection(&USER, only, except).apply(&USER, ada());
        expect.assert_eq(&names(&ada(), &left));
    }

    fn names(whole: &Object, left: &Object) -> String {
        let short = |name: &str| if name == ENTERPRISE { "enterprise".to_owned() } else { name.to_owned() };
        let named = left.iter().map(|(name, value)| match (&whole[name], value) {
            (a, b) if a == b => short(name),
            (Value::Object(a), Value::Object(b)) => format!("{}({})", short(name), names(a, b)),
            (Value::Array(a), Value::Array(b)) => {
                let parts =
                    a.iter().zip(b).map(|(a, b)| names(a.as_object().unwrap(), b.as_object().unwrap()));
                format!("{}[{}]", short(name), parts.collect::<Vec<_>>().join("; "))
            }
            _ => format!("{name}?"),
        });
        named.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn nothing_asked_is_everything_that_is_not_hidden() {
        check(None, None, expect!["schemas id userName name emails enterprise externalId groups meta"]);
        let left = projection(&DEVICE, None, None).apply(&DEVICE, printer());
        expect![[r#"
            {
              "schemas": ["urn:example:2.0:Device"],
              "id": "7",
              "name": "printer",
              "tags": ["t"],
              "tamper": {"count":1},
              "extra": {"a":1}
            }"#]]
        .assert_eq(&shown(&Value::Object(left)));
    }

    #[test]
    fn attributes_are_asked_for_in_any_spelling() {
        check(Some("userName"), None, expect!["schemas id userName"]);
        check(Some(" USERNAME , emails.VALUE"), None, expect!["schemas id userName emails[value; value]"]);
        check(Some("name.familyName,name.givenName"), None, expect!["schemas id name"]);
        check(Some("name,name.givenName"), None, expect!["schemas id name"]);
        check(
            Some("urn:ietf:params:scim:schemas:core:2.0:user:userName"),
            None,
            expect!["schemas id userName"],
        );
        check(
            Some("urn:ietf:params:scim:schemas:core:2.0:User"),
            None,
            expect!["schemas id userName name emails externalId groups meta"],
        );
        check(Some(ENTERPRISE), None, expect!["schemas id enterprise"]);
        check(Some(&format!("{ENTERPRISE}:department")), None, expect!["schemas id enterprise(department)"]);
        check(
            Some(&format!("{}:Manager.displayname", ENTERPRISE.to_uppercase())),
            None,
            expect!["schemas id enterprise(manager(displayName))"],
        );
        check(Some("groups.value,meta.version"), None, expect!["schemas id groups[value] meta(version)"]);
        // What the kind does not have has no value; the rest is still not asked for.
        check(Some("nonsense,name.nonsense,photos"), None, expect!["schemas id"]);
    }

    #[test]
    fn attributes_are_excluded_unless_they_are_always_returned() {
        check(None, Some("userName,GROUPS"), expect!["schemas id name emails enterprise externalId meta"]);
        check(
            None,
            Some("id,schemas,meta"),
            expect!["schemas id userName name emails enterprise externalId groups"],
        );
        check(
            None,
            Some("name.givenName,emails.type"),
            expect![
                "schemas id userName name(familyName) emails[value; value] enterprise externalId groups meta"
            ],
        );
        check(
            None,
            Some("name.givenName,name.familyName"),
            expect!["schemas id userName emails enterprise externalId groups meta"],
        );
        check(None, Some(ENTERPRISE), expect!["schemas id userName name emails externalId groups meta"]);
        check(
            None,
            Some(&format!("{ENTERPRISE}:manager.displayName")),
            expect![
                "schemas id userName name emails enterprise(department manager(value)) externalId groups meta"
            ],
        );
        check(None, Some("urn:ietf:params:scim:schemas:core:2.0:User"), expect!["schemas id enterprise"]);
        check(
            None,
            Some("nonsense"),
            expect!["schemas id userName name emails enterprise externalId groups meta"],
        );
        check(Some("name,emails"), Some("name.givenName,emails"), expect!["schemas id name(familyName)"]);
    }

    #[test]
    fn each_attribute_says_when_it_is_returned() {
        let check = |only: Option<&str>, except: Option<&str>, expect: Expect| {
            let left = projection(&DEVICE, only, except).apply(&DEVICE, printer());
            expect.assert_eq(&names(&printer(), &left));
        };
        check(Some("notes"), None, expect!["schemas id notes tamper(count)"]);
        check(Some("tamper.log"), None, expect!["schemas id tamper(log)"]);
        check(Some("tamper"), None, expect!["schemas id tamper"]);
        check(Some("pin"), None, expect!["schemas id tamper(count)"]);
        check(Some("extra"), None, expect!["schemas id tamper(count) extra"]);
        check(None, Some("tamper,name"), expect!["schemas id tags tamper(count) extra"]);
        check(None, Some("tamper.count"), expect!["schemas id name tags extra"]);
    }

    #[test]
    fn both_lists_exclude_each_other_in_the_strict_dialect() {
        let both =
            |dialect| Projection::new(&USER, Some(["a"].into_iter()), Some(["b"].into_iter()), dialect);
        assert!(both(Dialect::Auto).is_ok());
        expect!["invalidValue: `attributes` and `excludedAttributes` exclude each other"]
            .assert_eq(&both(Dialect::Strict).unwrap_err().to_string());
    }

    #[test]
    fn a_projection_knows_what_it_does_to_a_stored_document() {
        let wants = |p: &Projection, name| p.wants(USER.find(None, name).unwrap().attribute);
        let plain = projection(&USER, None, None);
        assert!(
            plain.is_plain() && !plain.is_asked() && plain.holds_back_only(&[]) && wants(&plain, "groups")
        );
        let no_groups = projection(&USER, None, Some("Groups"));
        assert!(!no_groups.is_plain() && no_groups.is_asked());
        assert!(no_groups.holds_back_only(&["groups"]) && !no_groups.holds_back_only(&["members"]));
        assert!(!wants(&no_groups, "groups") && wants(&no_groups, "emails"));
        let part = projection(&USER, None, Some("groups.display"));
        assert!(!part.holds_back_only(&["groups"]) && wants(&part, "groups"));
        let asked = projection(&USER, Some("groups.display"), None);
        assert!(!asked.holds_back_only(&["groups"]) && wants(&asked, "groups") && !wants(&asked, "emails"));
    }

    fn lists() -> impl Strategy<Value = Option<Vec<&'static str>>> {
        let names = vec![
            "name",
            "tags",
            "notes",
            "tamper",
            "tamper.count",
            "tamper.log",
            "pin",
            "extra",
            "id",
            "schemas",
            "meta",
            "urn:example:2.0:Device",
            "urn:example:2.0:Lease",
            "nonsense",
            "externalId",
            "NAME",
        ];
        prop::option::of(prop::collection::vec(prop::sample::select(names), 0..4))
    }

    /// Whether all of `part` is in `whole`.
    fn is_part(part: &Value, whole: &Value) -> bool {
        match (part, whole) {
            (Value::Object(part), Value::Object(whole)) => {
                part.iter().all(|(name, value)| whole.get(name).is_some_and(|known| is_part(value, known)))
            }
            (part, whole) => part == whole,
        }
    }

    proptest! {
        #[test]
        fn a_projection_invents_nothing_and_keeps_what_is_always_returned(only in lists(), except in lists()) {
            let projection = Projection::new(
                &DEVICE,
                only.map(Vec::into_iter),
                except.clone().map(Vec::into_iter),
                Dialect::Auto,
            ).unwrap();
            let left = projection.apply(&DEVICE, printer());
            prop_assert!(is_part(&json!(left), &json!(printer())));
            prop_assert!(left.contains_key("schemas") && left.contains_key("id") && !left.contains_key("pin"));
            // Nothing of it is returned only if that was asked for.
            prop_assert!(left.contains_key("tamper") || except.unwrap_or_default().contains(&"tamper.count"));
            prop_assert_eq!(projection.apply(&DEVICE, left.clone()), left);
        }
    }
}
