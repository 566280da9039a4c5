//! What a token carries: what is for its kind and mode, and of that, if it is narrowed to some actions, no more than these.

use std::sync::Arc;

use authz::Action;
use authz::graph::Graph;

use super::area::{self, Area, DURWARD, For, SERVICES};
use super::{is_granted, standing};
use crate::cx::{Caller, Cx, Mode, TokenKind};
use crate::error::{Error, Result};
use crate::kind::Kinds;
use crate::{Iam, limits};

fn is_for(kind: TokenKind, who: For) -> bool {
    match kind {
        TokenKind::Admin => true,
        TokenKind::Scim => who != For::Administrators,
    }
}

fn is_in(mode: Mode, writes: bool) -> bool {
    mode == Mode::Write || !writes
}

fn covers(held: &Action, asked: &Action) -> bool {
    let is_all = |action: &Action| [DURWARD, SERVICES].contains(&action.as_str());
    held.covers(asked) || held.as_str() == SERVICES || (is_all(held) && is_all(asked))
}

impl Caller {
    /// Whether the token carries an area's action.
    pub(super) fn carries(&self, area: &Area, writes: bool) -> bool {
        is_for(self.kind, area.who) && is_in(self.mode, writes) && self.is_narrowed_to(area.action(writes))
    }

    fn is_narrowed_to(&self, action: &Action) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|held| covers(held, action)))
    }
}

/// The actions that a token of this kind and mode is to be narrowed to.
///
/// # Errors
/// [`Error::Invalid`] naming one that is no action of Durward's, or that no such token carries.
pub(crate) fn narrowed(
    kinds: &Kinds,
    kind: TokenKind,
    mode: Mode,
    names: &[String],
) -> Result<Arc<[Action]>> {
    if names.is_empty() || names.len() > limits::TOKEN_ACTIONS_MAX {
        let most = limits::TOKEN_ACTIONS_MAX;
        return Err(Error::invalid(format!(
            "a token is narrowed to at least one and at most {most} actions"
        )));
    }
    let all = area::all(kinds)?;
    let known = |name: &String| {
        let action = area::action(name).map_err(|error| Error::invalid(error.to_string()))?;
        let mut covered = all.iter().filter(|known| covers(&action, &known.action)).peekable();
        let quoted = scim::error::quoted(name);
        if covered.peek().is_none() {
            return Err(Error::invalid(format!("{quoted} is no action of Durward's")));
        }
        match covered.any(|known| is_for(kind, known.who) && is_in(mode, known.writes)) {
            true => Ok(action),
            false => Err(Error::invalid(format!(
                "a token of kind `{}` and mode `{}` does not carry {quoted}",
                kind.as_str(),
                mode.as_str()
            ))),
        }
    };
    names.iter().map(known).collect()
}

impl Iam {
    /// Sees that a token that is to be made carries no more than the caller, and stands for nobody else.
    ///
    /// # Errors
    /// [`Error::Forbidden`] naming the action that the caller must not hand on.
    pub(crate) async fn check_handed_on(
        &self,
        cx: &Cx,
        only: Option<&[Action]>,
        subject: Option<&str>,
    ) -> Result<()> {
        let caller = &cx.caller;
        let whole = [area::action(DURWARD).map_err(Error::internal)?];
        // Whoever makes one that stands for somebody else does at `/Me` what that user does.
        let is_own = subject.is_none() || subject == caller.subject.as_deref();
        let handed = only.filter(|_| is_own).unwrap_or(&whole);
        let all = is_for(caller.kind, For::Administrators) && is_in(caller.mode, true);
        let not_carried = handed.iter().find(|action| !all || !caller.is_narrowed_to(action));
        let missing = match (not_carried, &caller.subject) {
            (None, Some(user)) => {
                let asked = |graph: &Graph| {
                    let standing = standing(graph, user);
                    let is_held = |action: &Action| match area::is_own(action) {
                        true => standing.barred().is_none(),
                        false => area::scope_of(action).is_ok_and(|on| is_granted(&standing, action, &on)),
                    };
                    handed.iter().find(|action| !is_held(action)).cloned()
                };
                Box::pin(self.with_graph(cx.tenant, asked)).await?
            }
            (missing, _) => missing.cloned(),
        };
        match missing {
            None => Ok(()),
            Some(action) => {
                Err(Error::Forbidden(format!("who does not have `{action}` makes no token that carries it")))
            }
        }
    }
}
