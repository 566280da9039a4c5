//! What is asked, what is answered, and how far an answer may look.

use crate::action::Action;
use crate::graph::{Subject, Target};

/// May this subject do this action on this target?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Who.
    pub subject: Subject<'a>,
    /// What.
    pub action: &'a Action,
    /// On what.
    pub target: &'a Target,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the subject may.
    pub allowed: bool,
    /// Why, in a word. All of it is said by [`explain`](crate::explain::explain).
    pub reason: Reason,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Something grants it.
    Granted,
    /// Nothing grants it.
    NotGranted,
    /// There is no such subject.
    UnknownSubject,
    /// The subject is not active.
    InactiveSubject,
    /// The action is recorded as not active.
    InactiveAction,
    /// Nothing grants it as far as was looked: the subject is in more groups than are walked.
    TooManyGroups,
}

impl Reason {
    /// The reason as a person reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::NotGranted => "nothing grants it",
            Self::UnknownSubject => "there is no such subject",
            Self::InactiveSubject => "the subject is not active",
            Self::InactiveAction => "the action is not active",
            Self::TooManyGroups => {
                "the subject is in more groups than are walked, and those that were do not grant it"
            }
        }
    }
}

/// How far an answer may look. What is over a limit is left out, and the answer says so; nothing is allowed for it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most groups of a subject, direct and through other groups, that are walked.
    pub groups: usize,
    /// Most paths of an explanation.
    pub paths: usize,
    /// Most steps that are taken in search of those paths.
    pub steps: usize,
    /// Most others that an explanation of a denial names.
    pub others: usize,
    /// Most candidates that one page of a search examines.
    pub examined: usize,
}
