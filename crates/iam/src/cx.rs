//! Who asks, when, and on behalf of which tenant: the first argument of every use case.

use std::sync::Arc;

use authz::Action;
use scim::admit::Rules;
use scim::quirks::Dialect;
use store::TenantId;

use crate::error::{Error, Result};
use crate::kind::{Kind, Kinds};
use crate::limits;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Provisioning by an identity provider.
    Scim,
    /// Administration of the tenant.
    Admin,
}

impl TokenKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Admin => "admin",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Scim, Self::Admin].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What a token may do with what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

impl Mode {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Read, Self::Write].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// What happens when a connection creates a resource that exists and is inactive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnInactive {
    /// It is activated again, keeping its id.
    #[default]
    Reactivate,
    /// The request is refused as a conflict.
    Conflict,
}

impl OnInactive {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reactivate => "reactivate",
            Self::Conflict => "conflict",
        }
    }

    /// The setting of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Reactivate, Self::Conflict].into_iter().find(|setting| setting.as_str() == name)
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The id of the token, or the name of the command that acts for the operator.
    pub actor: String,
    /// What the token is for.
    pub kind: TokenKind,
    /// What it may do.
    pub mode: Mode,
    /// The actions it is narrowed to.
    pub only: Option<Arc<[Action]>>,
    /// Whose `externalId`s it sees and sets.
    pub connection: String,
    /// How literally its requests are taken.
    pub dialect: Dialect,
    /// What happens when it creates what exists and is inactive.
    pub on_inactive: OnInactive,
    /// The user the token stands for.
    pub subject: Option<String>,
}

/// The circumstances of one request.
#[derive(Clone, Debug)]
pub struct Cx {
    /// The tenant, as the store knows it.
    pub tenant: TenantId,
    /// The tenant, as people know it.
    pub tenant_name: Arc<str>,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// When, in milliseconds since the Unix epoch.
    pub now: i64,
    /// The request's id, as in the logs.
    pub trace: String,
    /// The URI under which the caller sees its resources, without a slash at the end.
    pub base: String,
    /// Whether references are shown with what they refer to; else by id and URI, as the schemas say.
    pub expands: bool,
    /// The kinds that the tenant has.
    pub kinds: Arc<Kinds>,
}

impl Cx {
    /// How documents of this caller are admitted.
    pub fn rules(&self) -> Rules<'static> {
        Rules { dialect: self.caller.dialect, limits: &limits::ADMIT, names: None }
    }
}

/// The kind of what a token may stand for.
pub(crate) const SUBJECT_KIND: &str = "User";

impl Cx {
    /// The resource behind `/Me` (RFC 7644 §3.11): what the token stands for.
    ///
    /// # Errors
    /// [`Error::NotImplemented`] when the token stands for nobody.
    pub fn me(&self) -> Result<(Arc<Kind>, String)> {
        let kind = self.kinds.named(SUBJECT_KIND).cloned();
        kind.zip(self.caller.subject.clone()).ok_or_else(|| {
            Error::NotImplemented("this token stands for no user, so there is no `/Me`".to_owned())
        })
    }
}
