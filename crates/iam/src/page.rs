//! Parts of lists, for an API that counts pages.

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// How many come before it.
    pub skip: u64,
    /// How many it holds at most.
    pub take: u64,
}

impl Part {
    /// What is left of it after a list of `total`, of which it took `taken`.
    pub(crate) fn after(self, total: u64, taken: u64) -> Self {
        Self { skip: self.skip.saturating_sub(total), take: self.take.saturating_sub(taken) }
    }

    /// That part of a list that is in memory.
    pub(crate) fn of<T>(self, items: Vec<T>) -> Page<T> {
        let total = count(items.len());
        let (skip, take) = (size(self.skip), size(self.take));
        Page { items: items.into_iter().skip(skip).take(take).collect(), total }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
}

pub(crate) fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

pub(crate) fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
