//! Who may do what with Durward itself. The only place that makes a [`Permit`].
//!
//! Durward obeys the engine it offers: whatever is asked of it is an action on a scope (`durward.users.read` on
//! `durward:/users`). A token is decided by what it carries; one that stands for a user may besides do only what that user may
//! do by the tenant's graph of roles and policies.

mod area;
mod carried;

use std::marker::PhantomData;

use authz::graph::{Graph, Subject, SubjectKind, Target};
use authz::{Action, Decision, Reason, Standing};

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::{Iam, limits};

use area::For;
pub use area::{
    Area, Audit, DURWARD, Decisions, EventStreams, Me, Place, Providers, SERVICES, Schemas, Tokens, Whole,
    actions,
};
pub(crate) use area::{is_durwards, is_taken};
pub(crate) use carried::narrowed;

/// To look.
#[derive(Clone, Copy, Debug)]
pub struct Read;
/// To change.
#[derive(Clone, Copy, Debug)]
pub struct Write;

/// What is done in an area.
pub trait Verb {
    /// Whether it changes something.
    const WRITES: bool;
}

impl Verb for Read {
    const WRITES: bool = false;
}

impl Verb for Write {
    const WRITES: bool = true;
}

/// Proof that the caller may do `V` with `P`: the resources of a kind, or an area that is none.
///
/// Forgetting to ask for it does not compile, and a use case takes the kind from its permit.
#[derive(Clone, Copy, Debug)]
pub struct Permit<V, P>(P, PhantomData<V>);

impl<V, P> Permit<V, P> {
    fn made(decision: Decision, place: P) -> Option<Self> {
        decision.allowed.then_some(Self(place, PhantomData))
    }
}

impl<'k, V> Permit<V, &'k Kind> {
    /// The kind it is for.
    pub fn kind(self) -> &'k Kind {
        self.0
    }
}

impl<'k, V> Permit<V, Vec<&'k Kind>> {
    /// The kinds it is for.
    pub fn kinds(&self) -> &[&'k Kind] {
        &self.0
    }

    /// That for each of them.
    pub fn each(&self) -> impl Iterator<Item = Permit<V, &'k Kind>> {
        self.0.iter().map(|kind| Permit(*kind, PhantomData))
    }
}

impl<P> Permit<Write, P> {
    /// To look at what one may change: a write shows what comes of it.
    pub fn reading(self) -> Permit<Read, P> {
        Permit(self.0, PhantomData)
    }
}

impl Iam {
    /// Permission to look at a place, or to change it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] naming the action that is missing; [`Error::Unauthenticated`] when the user that the token stands
    /// for is gone.
    pub async fn permit<V: Verb, P: Place>(&self, cx: &Cx, _: V, place: P) -> Result<Permit<V, P>> {
        let area = place.area()?;
        let decision = self.decide(cx, area, V::WRITES).await?;
        Permit::made(decision, place).ok_or_else(|| missing(cx, decision, area, V::WRITES))
    }

    /// Permission for `/Me`: it is for the kind of what the token stands for, and of this kind for that alone.
    ///
    /// # Errors
    /// As [`Iam::permit`].
    pub async fn permit_me<'k, V: Verb>(&self, cx: &Cx, _: V, kind: &'k Kind) -> Result<Permit<V, &'k Kind>> {
        let area = Me.area()?;
        let decision = self.decide(cx, area, V::WRITES).await?;
        Permit::made(decision, kind).ok_or_else(|| missing(cx, decision, area, V::WRITES))
    }

    /// Permission for all of these kinds.
    ///
    /// # Errors
    /// As [`Iam::permit`], of the first kind for which there is none.
    pub async fn permit_all<'k, V: Verb + Copy>(
        &self,
        cx: &Cx,
        verb: V,
        kinds: Vec<&'k Kind>,
    ) -> Result<Permit<V, Vec<&'k Kind>>> {
        for kind in &kinds {
            self.permit(cx, verb, *kind).await?;
        }
        Ok(Permit(kinds, PhantomData))
    }

    /// Permission for those kinds for which there is one.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when there is none; else as [`Iam::permit`].
    pub async fn permit_any<'k, V: Verb>(&self, cx: &'k Cx, _: V) -> Result<Permit<V, Vec<&'k Kind>>> {
        let kinds = cx.kinds.iter().map(std::convert::AsRef::as_ref);
        let mut kinds: Vec<&Kind> = kinds.filter(|kind| cx.caller.carries(&kind.area, V::WRITES)).collect();
        let is_carried = !kinds.is_empty();
        let mut decision = told(is_carried);
        if let Some(subject) = cx.caller.subject.as_deref().filter(|_| is_carried) {
            let asked = |graph: &Graph| {
                let standing = standing(graph, subject);
                kinds.retain(|kind| {
                    decision = granted(&standing, &kind.area, V::WRITES);
                    decision.allowed
                });
            };
            Box::pin(self.with_graph(cx.tenant, asked)).await?;
            decision.allowed = !kinds.is_empty();
        }
        let verb = if V::WRITES { "write" } else { "read" };
        let action = format!("no action to {verb} resources");
        Permit::made(decision, kinds).ok_or_else(|| match is_carried {
            false => Error::Forbidden(format!("this token carries {action}")),
            true => refused(decision, &action, is_carried),
        })
    }

    async fn decide(&self, cx: &Cx, area: &Area, writes: bool) -> Result<Decision> {
        let carried = told(cx.caller.carries(area, writes));
        match cx.caller.subject.as_deref().filter(|_| carried.allowed) {
            None => Ok(carried),
            // Its future is large, and most tokens stand for nobody.
            Some(subject) => {
                let asked = |graph: &Graph| granted(&standing(graph, subject), area, writes);
                let decision = Box::pin(self.with_recent_graph(cx.tenant, asked)).await?;
                match decision.allowed {
                    true => Ok(decision),
                    // Another node may have granted it just now.
                    false => Box::pin(self.with_graph(cx.tenant, asked)).await,
                }
            }
        }
    }
}

/// What a token carries, as a decision.
fn told(allowed: bool) -> Decision {
    Decision { allowed, reason: if allowed { Reason::Granted } else { Reason::NotGranted } }
}

fn standing<'g>(graph: &'g Graph, user: &str) -> Standing<'g> {
    Standing::of(graph, Subject { kind: SubjectKind::User, id: user }, &limits::DECISION)
}

/// What the graph says of a user and an area.
fn granted(standing: &Standing<'_>, area: &Area, writes: bool) -> Decision {
    let barred = standing.barred();
    if area.who == For::Themselves || barred.is_some() {
        return Decision { allowed: barred.is_none(), reason: barred.unwrap_or(Reason::Granted) };
    }
    told(is_granted(standing, area.action(writes), &area.scope))
}

/// Whether an action of Durward's is granted to a user, by itself or with the whole.
fn is_granted(standing: &Standing<'_>, action: &Action, scope: &Target) -> bool {
    let has_whole = |name| area::action(name).is_ok_and(|whole| standing.decide(&whole, scope).allowed);
    standing.decide(action, scope).allowed || [SERVICES, DURWARD].into_iter().any(has_whole)
}

fn missing(cx: &Cx, decision: Decision, area: &Area, writes: bool) -> Error {
    refused(decision, &format!("`{}`", area.action(writes)), cx.caller.carries(area, writes))
}

fn refused(decision: Decision, action: &str, is_carried: bool) -> Error {
    Error::Forbidden(match decision.reason {
        _ if !is_carried => format!("this token does not carry {action}"),
        // It is as good as one that was revoked.
        Reason::UnknownSubject => return Error::Unauthenticated("the user this token stands for is gone"),
        Reason::InactiveSubject => "the user this token stands for is not active".to_owned(),
        _ => format!("{action} is not granted to the user this token stands for"),
    })
}
