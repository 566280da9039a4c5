//! Who may do what. The only place that makes a [`Permit`].
//!
//! A use case asks for a permit by type: [`Read`] to look, [`Write`] to change, [`Administer`] to manage tokens,
//! identity providers and schemas. Forgetting the check does not compile.

use std::marker::PhantomData;

use crate::cx::{Cx, Mode, TokenKind};
use crate::error::{Error, Result};

/// To look at resources.
#[derive(Clone, Copy, Debug)]
pub struct Read;
/// To change resources.
#[derive(Clone, Copy, Debug)]
pub struct Write;
/// To look at how the tenant is set up: tokens, identity providers, schemas.
#[derive(Clone, Copy, Debug)]
pub struct Inspect;
/// To change how the tenant is set up.
#[derive(Clone, Copy, Debug)]
pub struct Administer;

/// Proof that the caller may do `V`.
#[derive(Clone, Copy, Debug)]
pub struct Permit<V>(PhantomData<V>);

impl Permit<Read> {
    /// Every good token may look at resources.
    ///
    /// # Errors
    /// None today; the signature is that of the other permits.
    pub fn read(_: &Cx) -> Result<Self> {
        Ok(Self(PhantomData))
    }
}

impl Permit<Write> {
    /// A token in mode `write`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a token in mode `read`.
    pub fn write(cx: &Cx) -> Result<Self> {
        match cx.caller.mode {
            Mode::Write => Ok(Self(PhantomData)),
            Mode::Read => Err(Error::Forbidden("this token may read, not change".to_owned())),
        }
    }
}

impl Permit<Inspect> {
    /// An administrator's token.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any other token.
    pub fn inspect(cx: &Cx) -> Result<Self> {
        match cx.caller.kind {
            TokenKind::Admin => Ok(Self(PhantomData)),
            TokenKind::Scim => Err(Error::Forbidden("this needs an administrator's token".to_owned())),
        }
    }
}

impl Permit<Administer> {
    /// An administrator's token in mode `write`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any other token.
    pub fn administer(cx: &Cx) -> Result<Self> {
        Permit::inspect(cx)?;
        Permit::write(cx)?;
        Ok(Self(PhantomData))
    }
}
