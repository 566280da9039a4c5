//! What clients call other resources, and the ids of those: who keeps them looks up what is asked for here.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The ids of resources by kind and by what a client wrote for them. What is asked for and not known is noted.
#[derive(Debug, Default)]
pub struct Names {
    /// Kind, and what was written -> the id; none where nothing is called so.
    known: BTreeMap<String, BTreeMap<String, Option<String>>>,
    /// Kind and what was written, and whether something must be called so.
    asked: Mutex<BTreeMap<(String, String), bool>>,
}

/// A name that is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The kind of the resource.
    pub kind: String,
    /// What a client wrote for it.
    pub written: String,
    /// Whether it is a value, which must name something; a filter may ask for what is not there.
    pub is_value: bool,
}

impl Names {
    /// Learns what a name stands for, if for anything; an id stands for itself.
    pub fn learn(&mut self, kind: &str, written: &str, id: Option<&str>) {
        let known = self.known.entry(kind.to_owned()).or_default();
        known.insert(written.to_owned(), id.map(str::to_owned));
        if let Some(id) = id {
            known.insert(id.to_owned(), Some(id.to_owned()));
        }
    }

    /// Whether this is known to be the id of a resource of that kind.
    pub fn is_id(&self, kind: &str, id: &str) -> bool {
        let known = self.known.get(kind).and_then(|known| known.get(id));
        known.is_some_and(|known| known.as_deref() == Some(id))
    }

    /// What was asked for since this was last called and is not known.
    pub fn unknown(&mut self) -> Vec<Unknown> {
        let asked = std::mem::take(self.asked.get_mut().unwrap_or_else(PoisonError::into_inner));
        asked.into_iter().map(|((kind, written), is_value)| Unknown { kind, written, is_value }).collect()
    }

    /// The id of what a client named so; what was written itself, where that is not known.
    pub(crate) fn id<'n>(&'n self, kind: &str, written: &'n str, is_value: bool) -> &'n str {
        match self.known.get(kind).and_then(|known| known.get(written)) {
            Some(id) => id.as_deref().unwrap_or(written),
            None => {
                let key = (kind.to_owned(), written.to_owned());
                let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                *asked.entry(key).or_default() |= is_value;
                written
            }
        }
    }
}
