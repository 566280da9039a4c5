//! The application: every use case, once.
//!
//! A use case takes the circumstances of a request (`Cx`) and a `Permit`, decides by pure functions, and commits
//! once. Nothing here knows HTTP, SQL, or which database there is.

pub mod access;
pub mod actions;
mod administrators;
pub mod audit;
mod chore;
pub mod cursor;
pub mod cx;
pub mod decision;
pub mod env;
pub mod error;
mod graph;
pub mod kind;
mod lately;
pub mod limits;
pub mod member;
pub mod page;
mod password;
pub mod permission;
mod plan;
pub mod policy;
pub mod provider;
pub mod resource;
pub mod schemas;
pub mod secret;
pub mod stream;
pub mod subject;
pub mod tenant;
pub mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use store::{Store, TenantId};

pub use cx::Cx;
pub use env::Env;
pub use error::{Error, Result};
pub use secret::Secret;

use cursor::Cursors;
use graph::Graphs;
use kind::Kinds;
use lately::Lately;
use password::Passwords;
use resource::Turns;
use token::{Authentic, Used};

/// The installation itself, as a tenant of its own store: its settings and its audit chain.
pub const INSTALLATION: TenantId = TenantId(0);

/// The application over one store.
pub struct Iam {
    store: Store,
    env: Arc<dyn Env>,
    cursors: Cursors,
    graphs: Graphs,
    passwords: Passwords,
    /// Each tenant's kinds, and the version of its own schemas they were made from.
    kinds: Mutex<HashMap<TenantId, (i64, Arc<Kinds>)>>,
    used: Used,
    turns: Turns,
    /// Whom the tokens that came lately stand for, by their hashes.
    authentic: Lately<[u8; 32], Authentic>,
    /// The number of the newest entry of each tenant that was asked for lately.
    newest: Lately<TenantId, i64>,
}

impl Iam {
    /// The application over `store`, in the world of `env`.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn open(store: Store, env: Arc<dyn Env>) -> Result<Self> {
        let cursors = Cursors::open(&store, &*env).await?;
        Ok(Self {
            store,
            env,
            cursors,
            graphs: Graphs::default(),
            passwords: Passwords::new(),
            kinds: Mutex::default(),
            used: Used::default(),
            turns: Turns::default(),
            authentic: Lately::new(lately::TOKENS_MAX),
            newest: Lately::new(lately::TENANTS_MAX),
        })
    }

    /// The time, in milliseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.env.now().as_millisecond()
    }

    /// The store, for what concerns it as a whole: readiness, backup, shutdown.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
