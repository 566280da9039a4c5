//! Finds what a filter names, and brings its literals to the form in which they are compared.

mod literal;
mod name;
#[cfg(test)]
mod tests;

use super::{At, BoundFilter, Filter, Literal, Op, terms};
use crate::error::{Error, quoted};
use crate::path::AttrPath;
use crate::quirks::Dialect;
use crate::schema::{Attribute, Found, ResourceType};
use name::{Target, comparable, has_elements, refused};

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

    fn present(&self, path: &AttrPath, scope: Scope<'s>) -> Result<BoundFilter<'s>, Failure> {
        Ok(match self.target(path, scope)? {
            Target::At(at) => BoundFilter::Present(at),
            Target::Part(at, name) => part(at, name, BoundFilter::Present(whole(&literal::TEXT))),
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
        match self.target(path, scope)? {
            Target::At(at) => {
                let at = comparable(at, path)?;
                let probe = self.probe(at.compared(), path, op, literal)?;
                Ok(BoundFilter::Compare { at, op, probe })
            }
            Target::Part(at, name) => self.compare_part(at, name, path, op, literal),
            Target::Extension(_) => {
                Err(Failure::new(format!("{} is a schema and cannot be compared", named(path))))
            }
        }
    }

    /// No schema says what type a part has: it compares with a literal of the same JSON type.
    fn compare_part(
        &self,
        at: At<'s>,
        name: String,
        path: &AttrPath,
        op: Op,
        literal: &Literal,
    ) -> Result<BoundFilter<'s>, Failure> {
        let attribute = literal::untold(literal);
        let probe = self.probe(attribute, path, op, literal)?;
        let bound = part(at, name.clone(), BoundFilter::Compare { at: whole(attribute), op, probe });
        // What is not equal need not be there.
        let absent = || BoundFilter::Not(Box::new(part(at, name, BoundFilter::always())));
        Ok(if op == Op::Ne { BoundFilter::Or(vec![bound, absent()]) } else { bound })
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
}

fn part<'s>(at: At<'s>, name: String, inner: BoundFilter<'s>) -> BoundFilter<'s> {
    BoundFilter::Part { at, name, inner: Box::new(inner) }
}

/// A value that is no part of another.
fn whole(attribute: &Attribute) -> At<'_> {
    At { extension: None, attribute, sub: None }
}

fn named(path: &AttrPath) -> String {
    quoted(path.as_str())
}
