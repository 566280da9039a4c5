//! How subjects are called on the wire: `user-…`, `client-…`, `group-…`, or by type and id, or a user by its user name.

use std::borrow::Cow;
use std::fmt;

use crate::graph::{Graph, Kind, Subject, SubjectKind};

impl SubjectKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Client, Self::Group];

    /// The kind's name on the wire.
    pub fn as_str(self) -> &'static str {
        Kind::from(self).as_str()
    }
}

impl<'a> Subject<'a> {
    /// The subject of a prefixed id: `user-…`, `client-…`, `group-…`.
    pub fn parse(text: &'a str) -> Option<Self> {
        SubjectKind::ALL.into_iter().find_map(|kind| {
            let id = text.strip_prefix(kind.as_str())?.strip_prefix('-')?;
            (!id.is_empty()).then_some(Self { kind, id })
        })
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.as_str(), self.id)
    }
}

/// Finds the subject that a type and an id mean: an id, an id with its prefix, or, of a user, what `user_named` takes for a user
/// name. A type of our own, `subject`, takes an id with its prefix. Returns its kind and id; nothing when there is none.
pub fn resolve<'a>(
    graph: &Graph,
    kind: &str,
    id: &'a str,
    user_named: impl FnOnce(&str) -> Option<String>,
) -> Option<(SubjectKind, Cow<'a, str>)> {
    let there = |subject: &Subject<'_>| graph.has_subject(*subject);
    let found = |subject: Subject<'a>| (subject.kind, Cow::Borrowed(subject.id));
    let prefixed = || Subject::parse(id).filter(there);
    if kind == "subject" {
        return prefixed().map(found);
    }
    let kind = SubjectKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    let plain = Some(Subject { kind, id }).filter(there);
    if let Some(subject) = plain.or_else(|| prefixed().filter(|subject| subject.kind == kind)) {
        return Some(found(subject));
    }
    let id = (kind == SubjectKind::User).then(|| user_named(id)).flatten()?;
    there(&Subject { kind, id: &id }).then_some((kind, Cow::Owned(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Change;

    #[test]
    fn a_subject_has_many_names() {
        let mut graph = Graph::seeded(1);
        for subject in ["user-1", "client-1", "group-staff", "user-user-2"] {
            let subject = Subject::parse(subject).unwrap();
            graph.apply(&Change::Subject { subject, active: true }).unwrap();
        }
        let named = |name: &str| (name == "ada@acme.com").then(|| "1".to_owned());
        for (kind, id, expected) in [
            ("user", "1", Some("user-1")),
            ("user", "user-1", Some("user-1")),
            ("user", "user-2", Some("user-user-2")),
            ("user", "ada@acme.com", Some("user-1")),
            ("client", "1", Some("client-1")),
            ("client", "ada@acme.com", None),
            ("client", "user-1", None),
            ("group", "staff", Some("group-staff")),
            ("subject", "group-staff", Some("group-staff")),
            ("subject", "staff", None),
            ("user", "nobody", None),
            ("robot", "1", None),
            ("user", "", None),
        ] {
            let found = resolve(&graph, kind, id, named);
            let found = found.as_ref().map(|(kind, id)| Subject { kind: *kind, id }.to_string());
            assert_eq!(found.as_deref(), expected, "{kind} {id}");
        }
        assert_eq!(Subject::parse("user-"), None);
        assert_eq!(Subject::parse("users-1"), None);
    }
}
