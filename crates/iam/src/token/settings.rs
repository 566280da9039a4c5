//! What is kept with a token beside its columns: the settings of its connection, and what it is narrowed to.

use std::sync::Arc;

use authz::Action;
use scim::quirks::Dialect;
use serde::{Deserialize, Serialize};

use crate::cx::OnInactive;
use crate::error::{Error, Result};
use crate::limits;

/// The settings of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How literally its requests are taken.
    pub dialect: Dialect,
    /// What happens when it creates what exists and is inactive.
    pub on_inactive: OnInactive,
}

/// As it is kept: a JSON object.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dialect: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_inactive: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) provider_display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) actions: Option<Vec<String>>,
}

impl Kept {
    pub(super) fn new(
        settings: Settings,
        provider_display_name: Option<String>,
        actions: Option<Vec<String>>,
    ) -> Self {
        Self {
            dialect: Some(settings.dialect.as_str().to_owned()),
            on_inactive: Some(settings.on_inactive.as_str().to_owned()),
            provider_display_name,
            actions,
        }
    }

    pub(super) fn print(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            dialect: self.dialect.as_deref().and_then(Dialect::parse).unwrap_or_default(),
            on_inactive: self.on_inactive.as_deref().and_then(OnInactive::parse).unwrap_or_default(),
        }
    }
}

/// The actions of that name; one that is none is carried by nobody.
pub(super) fn parsed(names: &[String]) -> Arc<[Action]> {
    names.iter().filter_map(|name| Action::parse(name, limits::ACTION_BYTES_MAX).ok()).collect()
}
