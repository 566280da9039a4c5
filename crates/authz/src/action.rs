//! Actions: dotted names that form a hierarchy. Which of them exist is not known here.

use std::fmt;

use crate::error::{Error, quoted};

/// The last segment of an action that covers everything beside and below it.
const MANAGE: &str = "manage";

/// What somebody may do, such as `banking.ais.read`. Case counts.
///
/// An action covers itself and everything below it (`banking` covers `banking.ais.read`), and `x.manage` covers
/// everything below `x`. `manage` alone is an action like any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(String);

impl Action {
    /// An action as somebody wrote it.
    ///
    /// # Errors
    /// When it is empty or longer than `bytes_max`, has an empty segment or one that begins or ends with a space, a control
    /// character, or a wildcard.
    pub fn parse(text: &str, bytes_max: usize) -> Result<Self, Error> {
        let refused = |why: &str| Err(Error::new(format!("the action {} {why}", quoted(text))));
        if text.is_empty() {
            return Err(Error::new("an action must not be empty"));
        }
        if text.len() > bytes_max {
            return refused(&format!("is longer than {bytes_max} bytes"));
        }
        if text.chars().any(char::is_control) {
            return refused("has a control character");
        }
        for segment in text.split('.') {
            if segment.is_empty() {
                return refused("has an empty segment");
            }
            if segment.trim() != segment {
                return refused("has a segment that begins or ends with a space");
            }
            if segment.contains('*') {
                return refused("has a wildcard; `x.manage` covers everything below `x`");
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The action as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether who may do this may do the other.
    pub fn covers(&self, other: &Self) -> bool {
        self == other || below(&self.0, &other.0) || self.managed().is_some_and(|area| below(area, &other.0))
    }

    /// `x` of `x.manage`.
    fn managed(&self) -> Option<&str> {
        self.0.strip_suffix(MANAGE)?.strip_suffix('.')
    }

    /// Calls `visit` with every action that covers this one, itself first; one of them may come twice.
    pub(crate) fn covering(&self, mut visit: impl FnMut(&str)) {
        visit(&self.0);
        let mut manage = String::with_capacity(self.0.len() + MANAGE.len() + 1);
        for (end, _) in self.0.rmatch_indices('.') {
            let Some(area) = self.0.get(..end) else { continue };
            visit(area);
            manage.clear();
            manage.extend([area, ".", MANAGE]);
            visit(&manage);
        }
    }
}

/// Whether the action stands strictly below the area.
fn below(area: &str, action: &str) -> bool {
    action.strip_prefix(area).is_some_and(|rest| rest.starts_with('.'))
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const BYTES_MAX: usize = 64;

    fn action(text: &str) -> Action {
        Action::parse(text, BYTES_MAX).unwrap()
    }

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&match Action::parse(text, BYTES_MAX) {
            Ok(action) => action.to_string(),
            Err(error) => format!("error: {error}"),
        });
    }

    #[test]
    fn actions_are_read_or_refused_with_a_reason() {
        check("read", expect!["read"]);
        check("banking.ais.read", expect!["banking.ais.read"]);
        check("Create user", expect!["Create user"]);
        check("can_read", expect!["can_read"]);
        check("", expect!["error: an action must not be empty"]);
        check(".", expect!["error: the action `.` has an empty segment"]);
        check("a..b", expect!["error: the action `a..b` has an empty segment"]);
        check("a.", expect!["error: the action `a.` has an empty segment"]);
        check("a. b", expect!["error: the action `a. b` has a segment that begins or ends with a space"]);
        check("a\0", expect!["error: the action `a\u{fffd}` has a control character"]);
        check(
            "a.*",
            expect!["error: the action `a.*` has a wildcard; `x.manage` covers everything below `x`"],
        );
        check(
            &"a".repeat(BYTES_MAX),
            expect![[r#"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"#]],
        );
        assert!(Action::parse(&"a".repeat(BYTES_MAX + 1), BYTES_MAX).is_err());
    }

    #[test]
    fn an_action_covers_what_is_below_it() {
        for (one, other, covered) in [
            ("banking.manage", "banking.ais.read", true),
            ("banking.manage", "banking.manage", true),
            ("banking.manage", "banking.pis.manage", true),
            ("banking.manage", "banking", false),
            ("banking.manage", "bankingx.read", false),
            ("banking.pis.manage", "banking.ais.read", false),
            ("banking.pis.manage", "banking.manage", false),
            ("banking", "banking.ais.read", true),
            ("banking", "bankingx", false),
            ("banking.ais.read", "banking.ais", false),
            ("banking.Manage", "banking.read", false),
            ("manage", "banking.read", false),
            ("manage", "manage.users", true),
            ("xmanage", "x", false),
        ] {
            assert_eq!(action(one).covers(&action(other)), covered, "{one} {other}");
        }
    }

    proptest! {
        /// What `covering` lists is exactly what covers.
        #[test]
        fn covering_lists_exactly_what_covers(
            one in "(a|b|manage)(\\.(a|b|manage)){0,3}", other in "(a|b|manage)(\\.(a|b|manage)){0,3}",
        ) {
            let (one, other) = (action(&one), action(&other));
            let mut listed = false;
            other.covering(|text| listed |= text == one.as_str());
            prop_assert_eq!(listed, one.covers(&other));
        }
    }
}
