//! Finds what a filter names, and brings its literals to the form in which they are compared.

use serde_json::{Number, Value};

use super::{At, BoundFilter, Filter, Literal, Numeral, Op, Probe, terms};
use crate::error::{Error, quoted};
use crate::path::{AttrPath, Place, place};
use crate::quirks::Dialect;
use crate::schema::{Attribute, Found, Mutability, ResourceType, Returned, Schema, Type};
use crate::value;

/// Binds a filter to a resource type.
///
/// # Errors
/// `invalidFilter` naming the first attribute that is unknown, may not be filtered on, or cannot be compared so.
pub fn bind<'s>(
    filter: &Filter,
    resource: &'s ResourceType,
    dialect: Dialect,
) -> Result<BoundFilter<'s>, Error> {
    let mut binder = Binder { resource, dialect, failures: Vec::new() };
    let bound = binder.filter(filter, Scope::Resource);
    match binder.failures.into_iter().flatten().next() {
        None => Ok(bound),
        Some(failure) => Err(failure.error),
    }
}

/// Binds one filter to several resource types, for a search over all of them: a comparison that one type knows
/// and another does not is, in the other, a comparison with an attribute that has no value.
///
/// # Errors
/// `invalidFilter` for the first comparison that none of the types can make.
pub fn bind_each<'s>(
    filter: &Filter,
    resources: &[&'s ResourceType],
    dialect: Dialect,
) -> Result<Vec<BoundFilter<'s>>, Error> {
    let (mut bound, mut failures) = (Vec::new(), Vec::new());
    for resource in resources {
        let mut binder = Binder { resource, dialect, failures: Vec::new() };
        bound.push(binder.filter(filter, Scope::Resource));
        failures.push(binder.failures.into_iter());
    }
    let Some((first, others)) = failures.split_first_mut() else { return Ok(bound) };
    for failure in first {
        // Every type is asked about the same terms in the same order.
        let others: Vec<_> = others.iter_mut().map(|f| f.next().flatten()).collect();
        let all: Option<Vec<Failure>> = std::iter::once(failure).chain(others).collect();
        if let Some(mut all) = all {
            // That it cannot be compared so says more than that it is unknown elsewhere.
            all.sort_by_key(|failure| failure.unknown);
            if let Some(failure) = all.into_iter().next() {
                return Err(failure.error);
            }
        }
    }
    Ok(bound)
}

/// Binds a filter whose names are those of one element of the attribute, as in the brackets of a PATCH path. In
/// an attribute that is not complex, `value` is the element itself.
///
/// # Errors
/// As [`bind`].
pub fn bind_within<'s>(
    filter: &Filter,
    resource: &'s ResourceType,
    found: Found<'s>,
    dialect: Dialect,
) -> Result<BoundFilter<'s>, Error> {
    if let Some(failure) = refused(&At { extension: found.extension, attribute: found.attribute, sub: None })
    {
        return Err(failure.error);
    }
    if !has_elements(found.attribute) {
        return Err(Error::filter(format!("`{}` has no elements to filter", found.attribute.name)));
    }
    let mut binder = Binder { resource, dialect, failures: Vec::new() };
    let bound = binder.filter(filter, Scope::Element(found));
    match binder.failures.into_iter().flatten().next() {
        None => Ok(bound),
        Some(failure) => Err(failure.error),
    }
}

/// Why a comparison cannot be made.
#[derive(Clone)]
struct Failure {
    error: Error,
    /// Because the attribute is unknown.
    unknown: bool,
}

impl Failure {
    fn new(detail: String) -> Self {
        Self { error: Error::filter(detail), unknown: false }
    }

    fn unknown(detail: String) -> Self {
        Self { error: Error::filter(detail), unknown: true }
    }
}

/// Whose names the filter uses.
#[derive(Clone, Copy)]
enum Scope<'s> {
    Resource,
    Element(Found<'s>),
}

/// What a path in a filter names.
enum Target<'s> {
    Extension(&'s Schema),
    At(At<'s>),
}

struct Binder<'s> {
    resource: &'s ResourceType,
    dialect: Dialect,
    /// For each comparison and each value path in the order of the text, what is wrong with it, if anything is.
    failures: Vec<Option<Failure>>,
}

impl<'s> Binder<'s> {
    /// What cannot be bound becomes a comparison with an attribute that has no value.
    fn filter(&mut self, filter: &Filter, scope: Scope<'s>) -> BoundFilter<'s> {
        match filter {
            Filter::And(all) => BoundFilter::And(all.iter().map(|f| self.filter(f, scope)).collect()),
            Filter::Or(any) => BoundFilter::Or(any.iter().map(|f| self.filter(f, scope)).collect()),
            Filter::Not(inner) => BoundFilter::Not(Box::new(self.filter(inner, scope))),
            Filter::Present(path) => {
                let bound = self.present(path, scope);
                self.note(bound, BoundFilter::never())
            }
            Filter::Compare { path, op, value } => {
                let bound = self.compare(path, *op, value, scope);
                let absent = match (op, value) {
                    (Op::Ne, Literal::Null) => BoundFilter::never(),
                    (Op::Eq, Literal::Null) | (Op::Ne, _) => BoundFilter::always(),
                    _ => BoundFilter::never(),
                };
                self.note(bound, absent)
            }
            Filter::Has { path, inner } => match self.has(path, scope) {
                Ok(found) => {
                    self.failures.push(None);
                    let at = At { extension: found.extension, attribute: found.attribute, sub: None };
                    let inner = self.filter(inner, Scope::Element(found));
                    BoundFilter::Has { at, inner: Box::new(inner) }
                }
                Err(failure) => {
                    let terms = 1 + terms(inner);
                    self.failures.extend(std::iter::repeat_n(Some(failure), terms));
                    BoundFilter::never()
                }
            },
        }
    }

    fn note(&mut self, bound: Result<BoundFilter<'s>, Failure>, absent: BoundFilter<'s>) -> BoundFilter<'s> {
        let (bound, failure) = match bound {
            Ok(bound) => (bound, None),
            Err(failure) => (absent, Some(failure)),
        };
        self.failures.push(failure);
        bound
    }

    fn target(&self, path: &AttrPath, scope: Scope<'s>) -> Result<Target<'s>, Failure> {
        let target = match scope {
            Scope::Resource => self.in_resource(path.as_str()),
            Scope::Element(found) => in_element(path.as_str(), found, self.resource).map(Target::At),
        };
        let Some(target) = target else {
            let owner = match scope {
                Scope::Resource => {
                    format!("{} is not an attribute of {}", quoted(path.as_str()), self.resource.name)
                }
                Scope::Element(found) => {
                    format!("`{}` has no sub-attribute {}", found.attribute.name, quoted(path.as_str()))
                }
            };
            return Err(Failure::unknown(owner));
        };
        match target {
            Target::At(at) => refused(&at).map_or(Ok(Target::At(at)), Err),
            extension => Ok(extension),
        }
    }

    fn in_resource(&self, name: &str) -> Option<Target<'s>> {
        let placed = place(self.resource, name).or_else(|| self.in_an_extension(name))?;
        Some(match placed {
            Place::Extension(schema) => Target::Extension(schema),
            Place::Attribute { found, sub } => {
                Target::At(At { extension: found.extension, attribute: found.attribute, sub })
            }
        })
    }

    /// Entra ID asks `manager eq "…"` without the extension's URN. That is understood if one extension alone
    /// has such an attribute.
    fn in_an_extension(&self, name: &str) -> Option<Place<'s>> {
        if self.dialect == Dialect::Strict || name.contains(':') {
            return None;
        }
        let (attribute, sub) = match name.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (name, None),
        };
        let mut known = self.resource.extensions.iter().filter_map(|e| {
            let attribute = e.schema.attributes.find(attribute)?;
            Some(Found { extension: Some(&e.schema), attribute })
        });
        let (Some(found), None) = (known.next(), known.next()) else { return None };
        let sub = match sub {
            Some(sub) => Some(found.attribute.sub(sub)?),
            None => None,
        };
        Some(Place::Attribute { found, sub })
    }

    fn present(&self, path: &AttrPath, scope: Scope<'s>) -> Result<BoundFilter<'s>, Failure> {
        Ok(match self.target(path, scope)? {
            Target::At(at) => BoundFilter::Present(at),
            // A schema has a value if one of its attributes has.
            Target::Extension(schema) => {
                let extension = (schema.id != self.resource.schema.id).then_some(schema);
                let places = schema.attributes.iter().map(|attribute| At { extension, attribute, sub: None });
                BoundFilter::Or(places.filter(|at| refused(at).is_none()).map(BoundFilter::Present).collect())
            }
        })
    }

    fn compare(
        &self,
        path: &AttrPath,
        op: Op,
        literal: &Literal,
        scope: Scope<'s>,
    ) -> Result<BoundFilter<'s>, Failure> {
        if *literal == Literal::Null {
            return match op {
                Op::Eq => Ok(BoundFilter::Not(Box::new(self.present(path, scope)?))),
                Op::Ne => self.present(path, scope),
                _ => Err(Failure::new(format!(
                    "{} cannot be compared with null by `{}`",
                    named(path),
                    op.as_str()
                ))),
            };
        }
        let Target::At(at) = self.target(path, scope)? else {
            return Err(Failure::new(format!("{} is a schema and cannot be compared", named(path))));
        };
        let at = comparable(at, path)?;
        let probe = self.probe(at.compared(), path, op, literal)?;
        Ok(BoundFilter::Compare { at, op, probe })
    }

    fn probe(
        &self,
        attribute: &Attribute,
        path: &AttrPath,
        op: Op,
        literal: &Literal,
    ) -> Result<Probe, Failure> {
        let no_operator = || {
            Failure::new(format!(
                "`{}` does not apply to {}, {}",
                op.as_str(),
                named(path),
                noun(attribute.kind)
            ))
        };
        let wrong_type = || {
            let literal = quoted(&literal.to_string());
            Failure::new(format!("{} is {}; {literal} is not", named(path), noun(attribute.kind)))
        };
        match (op, attribute.kind) {
            (Op::Co | Op::Sw | Op::Ew, Type::String | Type::Reference) => {
                let text = self.text(literal).ok_or_else(wrong_type)?;
                Ok(Probe::Text(value::fold(attribute, &text).into_owned()))
            }
            (Op::Co | Op::Sw | Op::Ew, _) => Err(no_operator()),
            // RFC 7644 §3.4.2.2: a boolean or binary attribute compared by order is invalidFilter.
            (Op::Gt | Op::Ge | Op::Lt | Op::Le, Type::Boolean | Type::Binary | Type::Complex) => {
                Err(no_operator())
            }
            (_, Type::Integer | Type::Decimal) => {
                // A fraction has its place in the order of integers too.
                let key = self.number(literal).and_then(|number| value::number_key(&number));
                key.map(|key| Probe::Key(Vec::from(key))).ok_or_else(wrong_type)
            }
            (_, kind) => {
                let value = match kind {
                    Type::Boolean => self.boolean(literal).map(Value::Bool),
                    Type::DateTime => literal_text(literal).map(Value::String),
                    _ => self.text(literal).map(Value::String),
                };
                value.and_then(|value| value::key(attribute, &value)).map(Probe::Key).ok_or_else(wrong_type)
            }
        }
    }

    fn has(&self, path: &AttrPath, scope: Scope<'s>) -> Result<Found<'s>, Failure> {
        match self.target(path, scope)? {
            Target::At(At { extension, attribute, sub: None })
                if matches!(scope, Scope::Resource) && has_elements(attribute) =>
            {
                Ok(Found { extension, attribute })
            }
            _ => Err(Failure::new(format!("{} has no elements to filter", named(path)))),
        }
    }

    /// A string; without quotes `eq 007` or `eq true` may have meant one.
    fn text(&self, literal: &Literal) -> Option<String> {
        match (literal, self.dialect) {
            (Literal::Number(numeral), Dialect::Auto) => Some(numeral.as_str().to_owned()),
            (Literal::Boolean(truth), Dialect::Auto) => Some(truth.to_string()),
            _ => literal_text(literal),
        }
    }

    /// A boolean; Entra ID writes `"True"`.
    fn boolean(&self, literal: &Literal) -> Option<bool> {
        match (literal, self.dialect) {
            (Literal::Boolean(truth), _) => Some(*truth),
            (Literal::Text(text), Dialect::Auto) if text.eq_ignore_ascii_case("true") => Some(true),
            (Literal::Text(text), Dialect::Auto) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    fn number(&self, literal: &Literal) -> Option<Number> {
        match (literal, self.dialect) {
            (Literal::Number(numeral), _) => numeral.to_number(),
            (Literal::Text(text), Dialect::Auto) => Numeral::parse(text)?.to_number(),
            _ => None,
        }
    }
}

fn literal_text(literal: &Literal) -> Option<String> {
    match literal {
        Literal::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// Inside an element a name is a sub-attribute, or the attribute written out again.
fn in_element<'s>(name: &str, found: Found<'s>, resource: &'s ResourceType) -> Option<At<'s>> {
    let at = |sub| At { extension: found.extension, attribute: found.attribute, sub };
    if let Some(sub) = found.attribute.sub(name) {
        return Some(at(Some(sub)));
    }
    if found.attribute.kind != Type::Complex && name.eq_ignore_ascii_case("value") {
        return Some(at(None));
    }
    match place(resource, name)? {
        Place::Attribute { found: written, sub: Some(sub) }
            if std::ptr::eq(written.attribute, found.attribute) =>
        {
            Some(at(Some(sub)))
        }
        _ => None,
    }
}

/// A complex attribute is compared by its `value`: `emails co "example.com"` (RFC 7644 §3.4.2.2, examples).
fn comparable<'s>(at: At<'s>, path: &AttrPath) -> Result<At<'s>, Failure> {
    if at.compared().kind != Type::Complex && (at.sub.is_some() || at.leaf().kind != Type::Complex) {
        return Ok(at);
    }
    match at.attribute.value_sub() {
        Some(value) => {
            let at = At { sub: Some(value), ..at };
            refused(&at).map_or(Ok(at), Err)
        }
        None => {
            let such_as = at.attribute.sub_attributes.iter().next();
            let such_as = such_as.map(|sub| format!(", such as `{}.{}`", path.as_str(), sub.name));
            let such_as = such_as.unwrap_or_default();
            Err(Failure::new(format!("{} is complex: compare a sub-attribute{such_as}", named(path))))
        }
    }
}

/// What no one may read, no one may find out by asking.
fn refused(at: &At<'_>) -> Option<Failure> {
    let secret = |a: &Attribute| a.mutability == Mutability::WriteOnly || a.returned == Returned::Never;
    let refused = secret(at.attribute) || at.sub.is_some_and(secret);
    refused.then(|| Failure::new(format!("`{at}` cannot be filtered on")))
}

fn has_elements(attribute: &Attribute) -> bool {
    attribute.multi_valued || attribute.kind == Type::Complex
}

fn named(path: &AttrPath) -> String {
    quoted(path.as_str())
}

fn noun(kind: Type) -> &'static str {
    match kind {
        Type::String => "a string",
        Type::Boolean => "a boolean",
        Type::Decimal => "a number",
        Type::Integer => "an integer",
        Type::DateTime => "a dateTime",
        Type::Binary => "binary",
        Type::Reference => "a reference",
        Type::Complex => "complex",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::parse;
    use super::super::sample::{LIMITS, group, people, user};
    use super::*;

    /// What is bound, in a notation near the filter's own.
    fn shown(filter: &BoundFilter<'_>) -> String {
        let joined = |all: &[BoundFilter<'_>], sign: &str, none: &str| match all {
            [] => none.to_owned(),
            all => format!("({})", all.iter().map(shown).collect::<Vec<_>>().join(sign)),
        };
        match filter {
            BoundFilter::And(all) => joined(all, " & ", "always"),
            BoundFilter::Or(any) => joined(any, " | ", "never"),
            BoundFilter::Not(inner) => format!("!{}", shown(inner)),
            BoundFilter::Present(at) => format!("{at} pr"),
            BoundFilter::Has { at, inner } => format!("{at}[{}]", shown(inner)),
            BoundFilter::Compare { at, op, probe: Probe::Text(text) } => {
                format!("{at} {} {text:?}", op.as_str())
            }
            BoundFilter::Compare { at, op, probe: Probe::Key(key) } => {
                format!("{at} {} {}", op.as_str(), key.escape_ascii())
            }
        }
    }

    fn check_as(dialect: Dialect, text: &str, expect: Expect) {
        let user = user();
        let bound = parse(text, &LIMITS, dialect).and_then(|f| bind(&f, &user, dialect).map(|f| shown(&f)));
        expect.assert_eq(&bound.unwrap_or_else(|e| e.to_string()));
    }

    fn check(text: &str, expect: Expect) {
        check_as(Dialect::Strict, text, expect);
    }

    #[test]
    fn names_are_found_wherever_they_belong() {
        check(r#"USERNAME eq "Ada""#, expect!["userName eq ada"]);
        check(
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
            expect![[r#"userName sw "j""#]],
        );
        check(r#"id eq "Ab" and externalId eq "Cd""#, expect!["(id eq Ab & externalId eq Cd)"]);
        check(r#"Name.FAMILYname co "O'M""#, expect![[r#"name.familyName co "o'm""#]]);
        check(
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.displayname eq "X""#,
            expect!["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName eq x"],
        );
        check(
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department eq "X""#,
            expect!["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq x"],
        );
        check("urn:example:2.0:User pr", expect!["(urn:example:2.0:User:department pr)"]);
    }

    #[test]
    fn a_complex_attribute_is_compared_by_its_value() {
        check(r#"emails co "Example.com""#, expect![[r#"emails.value co "example.com""#]]);
        check("emails pr", expect!["emails pr"]);
        check("emails eq null", expect!["!emails pr"]);
        check("emails.type ne null", expect!["emails.type pr"]);
        check(
            r#"name eq "x""#,
            expect!["invalidFilter: `name` is complex: compare a sub-attribute, such as `name.givenName`"],
        );
        check("name pr", expect!["name pr"]);
    }

    #[test]
    fn a_value_path_is_bound_to_the_elements() {
        check(
            r#"emails[Type eq "Work" and value co "@X"]"#,
            expect![[r#"emails[(emails.type eq work & emails.value co "@x")]"#]],
        );
        check(r#"emails[emails.type eq "work"]"#, expect!["emails[emails.type eq work]"]);
        check(
            r#"emails[urn:ietf:params:scim:schemas:core:2.0:User:emails.type eq "work"]"#,
            expect!["emails[emails.type eq work]"],
        );
        check(r#"tags[value eq "Red"]"#, expect!["tags[tags eq red]"]);
        check(r#"name[familyName eq "X"]"#, expect!["name[name.familyName eq x]"]);
        check(r#"emails[title eq "x"]"#, expect!["invalidFilter: `emails` has no sub-attribute `title`"]);
        check(
            r#"emails[ims.type eq "x"]"#,
            expect!["invalidFilter: `emails` has no sub-attribute `ims.type`"],
        );
        check(r#"title[value eq "x"]"#, expect!["invalidFilter: `title` has no elements to filter"]);
        check(
            r#"emails.value[value eq "x"]"#,
            expect!["invalidFilter: `emails.value` has no elements to filter"],
        );
    }

    #[test]
    fn an_unknown_attribute_is_named() {
        check("nonsense pr", expect!["invalidFilter: `nonsense` is not an attribute of User"]);
        check(
            "title pr or name.nonsense pr",
            expect!["invalidFilter: `name.nonsense` is not an attribute of User"],
        );
        check(
            "urn:unknown:User:title pr",
            expect!["invalidFilter: `urn:unknown:User:title` is not an attribute of User"],
        );
        check("title.value pr", expect!["invalidFilter: `title.value` is not an attribute of User"]);
        check("department pr", expect!["invalidFilter: `department` is not an attribute of User"]);
        check("members[value pr]", expect!["invalidFilter: `members` is not an attribute of User"]);
    }

    #[test]
    fn a_secret_cannot_be_filtered_on() {
        check("password pr", expect!["invalidFilter: `password` cannot be filtered on"]);
        check(r#"password sw "a""#, expect!["invalidFilter: `password` cannot be filtered on"]);
        check("password eq null", expect!["invalidFilter: `password` cannot be filtered on"]);
        check(
            "urn:example:2.0:User:secret pr",
            expect!["invalidFilter: `urn:example:2.0:User:secret` cannot be filtered on"],
        );
    }

    #[test]
    fn every_operator_fits_some_types_and_no_others() {
        let user = user();
        let mut table = String::new();
        for (name, literal) in [
            ("title", r#""a""#),
            ("profileUrl", r#""a""#),
            ("active", "true"),
            ("age", "1"),
            ("score", "1.5"),
            ("hired", r#""2011-05-13T04:42:34Z""#),
            ("photo", r#""AA==""#),
            ("tags", r#""a""#),
            ("emails", r#""a""#),
            ("name", r#""a""#),
        ] {
            table.push_str(&format!("{name:>10}"));
            for (op, _) in Op::ALL {
                let filter = parse(&format!("{name} {op} {literal}"), &LIMITS, Dialect::Strict).unwrap();
                let fits = bind(&filter, &user, Dialect::Strict).is_ok();
                table.push_str(&format!(" {}", if fits { op } else { "--" }));
            }
            table.push('\n');
        }
        expect![[r#"
                 title eq ne co sw ew gt ge lt le
            profileUrl eq ne co sw ew gt ge lt le
                active eq ne -- -- -- -- -- -- --
                   age eq ne -- -- -- gt ge lt le
                 score eq ne -- -- -- gt ge lt le
                 hired eq ne -- -- -- gt ge lt le
                 photo eq ne -- -- -- -- -- -- --
                  tags eq ne co sw ew gt ge lt le
                emails eq ne co sw ew gt ge lt le
                  name -- -- -- -- -- -- -- -- --
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_literal_has_the_type_of_the_attribute() {
        check("title eq 1", expect!["invalidFilter: `title` is a string; `1` is not"]);
        check("title co true", expect!["invalidFilter: `title` is a string; `true` is not"]);
        check(r#"active eq "true""#, expect![[r#"invalidFilter: `active` is a boolean; `"true"` is not"#]]);
        check(r#"age eq "1""#, expect![[r#"invalidFilter: `age` is an integer; `"1"` is not"#]]);
        check("age gt 1.5", expect![[r#"age gt \xbf\xf8\x00\x00\x00\x00\x00\x00\x80\x00"#]]);
        check(
            r#"hired eq "2011-05-13""#,
            expect![[r#"invalidFilter: `hired` is a dateTime; `"2011-05-13"` is not"#]],
        );
        check("hired gt 1", expect!["invalidFilter: `hired` is a dateTime; `1` is not"]);
        check("title gt null", expect!["invalidFilter: `title` cannot be compared with null by `gt`"]);
        check("active gt true", expect!["invalidFilter: `gt` does not apply to `active`, a boolean"]);
        check(r#"photo co "A""#, expect!["invalidFilter: `co` does not apply to `photo`, binary"]);
        check(
            r#"urn:example:2.0:User eq "x""#,
            expect!["invalidFilter: `urn:example:2.0:User` is a schema and cannot be compared"],
        );
    }

    #[test]
    fn auto_takes_literals_as_they_were_meant() {
        let check = |text, expect| check_as(Dialect::Auto, text, expect);
        check(r#"active eq "False""#, expect![[r#"active eq \x00"#]]);
        check(
            r#"emails[primary eq "True"].value eq "x""#,
            expect![[r#"emails[(emails.primary eq \x01 & emails.value eq x)]"#]],
        );
        check(r#"age eq "5""#, expect![[r#"age eq \xc0\x14\x00\x00\x00\x00\x00\x00\x80\x00"#]]);
        check("userName eq 12345", expect!["userName eq 12345"]);
        check("userName eq 1e5", expect!["userName eq 1e5"]);
        check("userName eq True", expect!["userName eq true"]);
        check(r#"active eq "yes""#, expect![[r#"invalidFilter: `active` is a boolean; `"yes"` is not"#]]);
        check(r#"age eq " 5""#, expect![[r#"invalidFilter: `age` is an integer; `" 5"` is not"#]]);
        check("hired gt 2011-05-13T04:42:34Z", expect![[r#"hired gt \x80._IW\xdcY\x00"#]]);
    }

    #[test]
    fn auto_finds_an_attribute_of_one_extension_without_its_urn() {
        let check = |text, expect| check_as(Dialect::Auto, text, expect);
        check(
            r#"id eq "1" and manager eq "26""#,
            expect![
                "(id eq 1 & urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq 26)"
            ],
        );
        check(
            "manager.displayName pr",
            expect!["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr"],
        );
        // Two extensions have it.
        check("department pr", expect!["invalidFilter: `department` is not an attribute of User"]);
    }

    fn check_each(text: &str, expect: Expect) {
        let (user, group) = (user(), group());
        let filter = parse(text, &LIMITS, Dialect::Strict).unwrap();
        let bound = bind_each(&filter, &[&user, &group], Dialect::Strict);
        let lines = |all: Vec<BoundFilter<'_>>| all.iter().map(shown).collect::<Vec<_>>().join("\n");
        expect.assert_eq(&bound.map_or_else(|e| e.to_string(), lines));
    }

    #[test]
    fn over_several_types_it_is_enough_that_one_knows_an_attribute() {
        check_each(
            r#"userName eq "x" or displayName eq "x""#,
            expect![[r#"
                (userName eq x | never)
                (never | displayName eq x)"#]],
        );
        check_each(
            r#"title ne "x" and title eq null and not (title pr)"#,
            expect![[r#"
                (title ne x & !title pr & !title pr)
                (always & always & !never)"#]],
        );
        check_each(
            r#"emails[value eq "x"] or members[value eq "y"]"#,
            expect![[r#"
                (emails[emails.value eq x] | never)
                (never | members[members.value eq y])"#]],
        );
        // Of another type in each.
        check_each(
            "active eq true",
            expect![[r#"
                active eq \x01
                never"#]],
        );
        check_each(
            "id pr",
            expect![[r#"
            id pr
            id pr"#]],
        );
        check_each(
            "title pr and nonsense pr",
            expect!["invalidFilter: `nonsense` is not an attribute of User"],
        );
        check_each("emails[nonsense pr]", expect!["invalidFilter: `emails` has no sub-attribute `nonsense`"]);
        check_each(
            "members[nonsense pr] or id pr",
            expect!["invalidFilter: `members` is not an attribute of User"],
        );
        // Why it cannot be compared says more than that another type does not know it.
        check_each("displayName eq 1", expect!["invalidFilter: `displayName` is a string; `1` is not"]);
        check_each("password pr", expect!["invalidFilter: `password` cannot be filtered on"]);
    }

    #[test]
    fn every_place_is_mentioned() {
        let user = user();
        let filter = parse(
            r#"userName eq "x" and (groups[value eq "g"] or not (emails pr)) and meta.lastModified gt "2011-05-13T04:42:34Z""#,
            &LIMITS,
            Dialect::Strict,
        );
        let mut mentioned = Vec::new();
        bind(&filter.unwrap(), &user, Dialect::Strict)
            .unwrap()
            .mentions(&mut |at| mentioned.push(at.to_string()));
        assert_eq!(mentioned, ["userName", "groups", "groups.value", "emails", "meta.lastModified"]);
    }

    #[test]
    fn binding_and_matching_many_terms_does_not_recurse() {
        let user = user();
        let limits = super::super::Limits { bytes: 1 << 24, depth: 8, terms: 100_000 };
        let text = vec![r#"userName eq "nobody""#; 100_000].join(" or ");
        let filter = parse(&text, &limits, Dialect::Strict).unwrap();
        assert!(!bind(&filter, &user, Dialect::Strict).unwrap().matches(&people()[0]));
    }

    #[test]
    fn equalities_describe_an_element() {
        let described = |text: &str| {
            let filter = parse(text, &LIMITS, Dialect::Strict).unwrap();
            let mut element = crate::Object::new();
            let only = super::super::equalities(&filter, &mut |name, value| {
                element.insert(name.to_owned(), value.clone());
            });
            only.then(|| Value::Object(element).to_string())
        };
        assert_eq!(described(r#"type eq "work""#).unwrap(), r#"{"type":"work"}"#);
        assert_eq!(
            described(r#"(emails.type eq "work") and primary eq true"#).unwrap(),
            r#"{"type":"work","primary":true}"#
        );
        assert_eq!(described(r#"type eq "work" or primary eq true"#), None);
        assert_eq!(described(r#"type ne "work""#), None);
        assert_eq!(described("type pr"), None);
    }
}
