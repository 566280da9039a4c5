//! Scopes: URIs that name a resource or an area of resources and inherit downwards, segment by segment.
//!
//! What would let a path be read in two ways is refused, not repaired. Whether the resource exists is not known here.

use std::fmt;
use std::net::Ipv6Addr;

use crate::error::{Error, quoted};

/// Where something may be done: `/subscriptions/123`, `https://api.acme.com/orders`, `urn:acme:orders`.
///
/// Kept in one spelling: scheme and host in lower case, percent escapes only where a path needs them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

/// What bounds a scope.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest scope, in bytes.
    pub bytes: usize,
    /// Most segments of its path.
    pub segments: usize,
}

impl Scope {
    /// A scope as somebody wrote it: a path that begins with `/`, or a URI (RFC 3986) without query and fragment.
    ///
    /// # Errors
    /// When it is neither, longer or deeper than the limits, or its path has an empty segment, `.`, `..`, a space, a backslash,
    /// a control character, an escape that is none, or one of what a path must not hide (`/`, `\`, control characters).
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Error> {
        read(text, limits).map_err(|why| match text {
            "" => Error::new("a scope must not be empty"),
            _ => Error::new(format!("the scope {} {why}", quoted(text))),
        })
    }

    /// The scope of a resource that is known by its type and id alone: `/{type}/{id}`. An id with slashes lies that deep, so
    /// that who may do something on `folder` may do it on `folder/file`. Any text is an id (AuthZEN §5.2): one that makes no path,
    /// such as a URL, is one segment in a spelling that no scope can be written in, and lies in the type alone.
    ///
    /// # Errors
    /// When it is longer or deeper than the limits, or has a segment `.` or `..`.
    pub fn of(kind: &str, id: &str, limits: &Limits) -> Result<Self, Error> {
        let refused = |why: String| Err(Error::new(format!("the resource {} {why}", quoted(id))));
        let is_one = |text: &str| {
            !text.is_empty() && !text.bytes().any(|byte| b"/\\".contains(&byte) || byte.is_ascii_control())
        };
        if kind.is_empty() || id.is_empty() {
            return Err(Error::new("type and id of a resource must not be empty"));
        }
        let inner = id.strip_prefix('/').unwrap_or(id);
        let is_path = inner.split('/').all(is_one);
        let mut path = String::with_capacity(kind.len() + id.len() + 2);
        let segments = is_path.then(|| inner.split('/')).into_iter().flatten();
        for (count, segment) in std::iter::once(kind).chain(segments).enumerate() {
            if count == limits.segments {
                return refused(format!("has more than {} segments", limits.segments));
            }
            if [".", ".."].contains(&segment) {
                return refused("has a segment `.` or `..`".to_owned());
            }
            path.push('/');
            segment.bytes().for_each(|byte| push(byte, &mut path));
        }
        if !is_path {
            path.push('/');
            id.bytes().for_each(|byte| push(byte, &mut path));
        }
        match path.len() > limits.bytes {
            true => refused(format!("is longer than {} bytes", limits.bytes)),
            false => Ok(Self(path)),
        }
    }

    /// The scope in its one spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what holds on this scope holds on the other.
    pub fn covers(&self, other: &Self) -> bool {
        other.ancestors().any(|ancestor| ancestor == self.0)
    }

    /// The scope itself, what it lies in, and so on up to its root.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        ancestors(&self.0)
    }
}

/// As [`Scope::ancestors`], of the text of a scope.
pub(crate) fn ancestors(scope: &str) -> impl Iterator<Item = &str> {
    // A root ends after the first slash of a path without a host, before the path of a URI, or after a scheme alone.
    let root = match scope.find("://").map(|at| at + 3) {
        _ if scope.starts_with('/') => 1,
        Some(host) => scope.get(host..).and_then(|rest| rest.find('/')).map_or(scope.len(), |at| host + at),
        None => match scope.split_once(':') {
            Some((scheme, path)) => scheme.len() + 1 + usize::from(path.starts_with('/')),
            None => 0,
        },
    };
    let mut end = Some(scope.len());
    std::iter::from_fn(move || {
        let here = scope.get(..end?)?;
        end = (here.len() > root).then(|| here.rfind('/').unwrap_or(0).max(root));
        Some(here)
    })
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of the resource of this type that a scope `/{type}/{id}` names.
pub(crate) fn resource_of(scope: &str, kind: &str) -> Option<String> {
    let (first, id) = scope.strip_prefix('/')?.split_once('/')?;
    (decode(first)? == kind).then(|| decode(id)).flatten()
}

/// The text with its escapes resolved.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => nibble(rest.next()?)? << 4 | nibble(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn read(text: &str, limits: &Limits) -> Result<Scope, String> {
    if text.len() > limits.bytes {
        return Err(format!("is longer than {} bytes", limits.bytes));
    }
    let (prefix, path) = match text.strip_prefix('/') {
        Some(_) => (String::new(), text),
        None => prefix(text)?,
    };
    if path.contains('?') {
        return Err("has a query".to_owned());
    }
    if path.contains('#') {
        return Err("has a fragment".to_owned());
    }
    // `/`, `scheme:/` and `https://host` are roots; the slash of `https://host/` adds nothing.
    if path == "/" || path.is_empty() {
        let has_host = !prefix.is_empty() && !prefix.ends_with(':');
        return Ok(Scope(if has_host { prefix } else { prefix + "/" }));
    }
    Ok(Scope(prefix + &segments(path, limits)?))
}

/// The scheme and authority in lower case, and the path. Of a URI without authority the scheme alone comes first.
fn prefix(text: &str) -> Result<(String, &str), String> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err("is neither a path that begins with `/` nor a URI".to_owned());
    };
    let mut letters = scheme.bytes();
    let first = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if !first || !letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
        return Err(format!("has {} for a scheme", quoted(scheme)));
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return match rest {
            "" => Err("names nothing".to_owned()),
            _ => Ok((format!("{}:", scheme.to_ascii_lowercase()), rest)),
        };
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !is_authority(authority) {
        return Err(format!("has {} for a host", quoted(authority)));
    }
    Ok((format!("{scheme}://{authority}").to_ascii_lowercase(), path))
}

/// Whether it is a host, by name or by address, with or without a port (RFC 3986 §3.2), and nobody's name.
pub fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => (None, port),
        Some(_) => return false,
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (Some(host), port)
        }
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    // `acme.com` and `acme.com.` are one host.
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(allowed);
    host.is_none_or(|host| host.split('.').all(is_label))
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// The path in its one spelling.
fn segments(path: &str, limits: &Limits) -> Result<String, String> {
    let mut text = String::with_capacity(path.len());
    let (lead, relative) = match path.strip_prefix('/') {
        Some(relative) => ("/", relative),
        None => ("", path),
    };
    text.push_str(lead);
    for (count, segment) in relative.split('/').enumerate() {
        if count == limits.segments {
            return Err(format!("has more than {} segments", limits.segments));
        }
        if count > 0 {
            text.push('/');
        }
        let start = text.len();
        unescape(segment, &mut text)?;
        match text.get(start..) {
            None | Some("") => return Err("has an empty segment".to_owned()),
            Some("." | "..") => return Err("has a segment `.` or `..`".to_owned()),
            Some(_) => {}
        }
    }
    match text.len() > limits.bytes {
        true => Err(format!("is longer than {} bytes", limits.bytes)),
        false => Ok(text),
    }
}

/// A segment in its one spelling: every byte that may stand as it is does, every other one is escaped in upper case.
fn unescape(segment: &str, text: &mut String) -> Result<(), String> {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = bytes.next().zip(bytes.next());
                let value = digits.and_then(|(high, low)| Some(nibble(high)? << 4 | nibble(low)?));
                let Some(value) = value else { return Err("has a `%` that is no escape".to_owned()) };
                if b"/\\".contains(&value) || value.is_ascii_control() {
                    return Err(format!("has the escape `%{value:02X}`, which no path needs"));
                }
                push(value, text);
            }
            b' ' | b'\\' => return Err("has a space or a backslash".to_owned()),
            _ if byte.is_ascii_control() => return Err("has a control character".to_owned()),
            _ => push(byte, text),
        }
    }
    Ok(())
}

/// RFC 3986 §3.3: `pchar` stands as it is.
fn push(byte: u8, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
        text.push(char::from(byte));
        return;
    }
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().map_or('0', char::from);
    text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 64, segments: 4 };

    fn scope(text: &str) -> Scope {
        Scope::parse(text, &LIMITS).unwrap()
    }

    #[track_caller]
    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&match Scope::parse(text, &LIMITS) {
            Ok(scope) => scope.ancestors().collect::<Vec<_>>().join(" < "),
            Err(error) => format!("error: {error}"),
        });
    }

    #[test]
    fn scopes_are_read_with_what_they_lie_in() {
        check("/", expect!["/"]);
        check("/subscriptions/123", expect!["/subscriptions/123 < /subscriptions < /"]);
        check("/a/b/c/d", expect!["/a/b/c/d < /a/b/c < /a/b < /a < /"]);
        check(
            "https://API.acme.com:8443/Orders/1",
            expect![
                "https://api.acme.com:8443/Orders/1 < https://api.acme.com:8443/Orders < https://api.acme.com:8443"
            ],
        );
        check("https://acme.com", expect!["https://acme.com"]);
        check(
            "https://[2001:DB8::1]:443/a",
            expect!["https://[2001:db8::1]:443/a < https://[2001:db8::1]:443"],
        );
        check("https://acme.com/", expect!["https://acme.com"]);
        check("durward:/users/1", expect!["durward:/users/1 < durward:/users < durward:/"]);
        check("Durward:/", expect!["durward:/"]);
        check("urn:acme:orders/1", expect!["urn:acme:orders/1 < urn:acme:orders < urn:"]);
        check(
            "/%61/%c3%a9/é/a%20b",
            expect!["/a/%C3%A9/%C3%A9/a%20b < /a/%C3%A9/%C3%A9 < /a/%C3%A9 < /a < /"],
        );
        check("/a:b@c/~d", expect!["/a:b@c/~d < /a:b@c < /"]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        check("", expect!["error: a scope must not be empty"]);
        check(
            "subscriptions/123",
            expect!["error: the scope `subscriptions/123` is neither a path that begins with `/` nor a URI"],
        );
        check("/a/", expect!["error: the scope `/a/` has an empty segment"]);
        check("//a", expect!["error: the scope `//a` has an empty segment"]);
        check("/a//b", expect!["error: the scope `/a//b` has an empty segment"]);
        check("/a/../b", expect!["error: the scope `/a/../b` has a segment `.` or `..`"]);
        check("/a/.", expect!["error: the scope `/a/.` has a segment `.` or `..`"]);
        check("/a/%2e%2E/b", expect!["error: the scope `/a/%2e%2E/b` has a segment `.` or `..`"]);
        check("/a%2Fb", expect!["error: the scope `/a%2Fb` has the escape `%2F`, which no path needs"]);
        check("/a%5cb", expect!["error: the scope `/a%5cb` has the escape `%5C`, which no path needs"]);
        check("/a%00", expect!["error: the scope `/a%00` has the escape `%00`, which no path needs"]);
        check("/a%", expect!["error: the scope `/a%` has a `%` that is no escape"]);
        check("/a%2", expect!["error: the scope `/a%2` has a `%` that is no escape"]);
        check("/a%zz", expect!["error: the scope `/a%zz` has a `%` that is no escape"]);
        check("/a\\b", expect![[r#"error: the scope `/a\b` has a space or a backslash"#]]);
        check("/a b", expect!["error: the scope `/a b` has a space or a backslash"]);
        check("/a\nb", expect!["error: the scope `/a�b` has a control character"]);
        check("/a?b", expect!["error: the scope `/a?b` has a query"]);
        check("/a#b", expect!["error: the scope `/a#b` has a fragment"]);
        check("https://", expect!["error: the scope `https://` has `` for a host"]);
        check(
            "https://user@acme.com/",
            expect!["error: the scope `https://user@acme.com/` has `user@acme.com` for a host"],
        );
        check(
            "https://acme.com./a",
            expect!["error: the scope `https://acme.com./a` has `acme.com.` for a host"],
        );
        check("https://..", expect!["error: the scope `https://..` has `..` for a host"]);
        check("https://:80", expect!["error: the scope `https://:80` has `:80` for a host"]);
        for authority in
            ["[", "]x[", "[]", "[1]", "[::1]x", "[::1]:", "a:b:c", "x:99999", "x:+80", "x:", "x:8 0"]
        {
            assert!(Scope::parse(&format!("https://{authority}/a"), &LIMITS).is_err(), "{authority}");
        }
        check("https:///a", expect!["error: the scope `https:///a` has `` for a host"]);
        check("urn:", expect!["error: the scope `urn:` names nothing"]);
        check("1a:b", expect!["error: the scope `1a:b` has `1a` for a scheme"]);
        check("/a/b/c/d/e", expect!["error: the scope `/a/b/c/d/e` has more than 4 segments"]);
        check(
            &format!("/{}", "é".repeat(20)),
            expect!["error: the scope `/éééééééééééééééééééé` is longer than 64 bytes"],
        );
        check(
            &"/a".repeat(40),
            expect![
                "error: the scope `/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a` is longer than 64 bytes"
            ],
        );
    }

    #[test]
    fn a_resource_without_a_record_is_a_scope() {
        let of = |kind, id| match Scope::of(kind, id, &LIMITS) {
            Ok(scope) => scope.to_string(),
            Err(error) => format!("error: {error}"),
        };
        let all = [
            ("document", "1"),
            ("route", "/todos/1"),
            ("a b", "50%"),
            ("a/b", "1"),
            ("route", "https://acme.com/todos"),
            ("route", "/"),
            ("route", "a/"),
            ("route", "a//b"),
            ("file", r"C:\tmp"),
            ("file", "a\tb"),
            ("a", "b/../c"),
            ("a", "."),
            ("..", "a"),
            ("a", "1/2/3/4"),
            ("a", ""),
        ];
        expect![[r#"
            /document/1
            /route/todos/1
            /a%20b/50%25
            /a%2Fb/1
            /route/https:%2F%2Facme.com%2Ftodos
            /route/%2F
            /route/a%2F
            /route/a%2F%2Fb
            /file/C:%5Ctmp
            /file/a%09b
            error: the resource `b/../c` has a segment `.` or `..`
            error: the resource `.` has a segment `.` or `..`
            error: the resource `a` has a segment `.` or `..`
            error: the resource `1/2/3/4` has more than 4 segments
            error: type and id of a resource must not be empty"#]]
        .assert_eq(&all.map(|(kind, id)| of(kind, id)).join("\n"));
        // What makes no path lies in its type, and no scope can be written that is the same.
        let route = Scope::of("route", "https://acme.com/todos", &LIMITS).unwrap();
        assert!(scope("/route").covers(&route) && Scope::parse(route.as_str(), &LIMITS).is_err());
    }

    #[test]
    fn a_scope_covers_what_lies_in_it_by_whole_segments() {
        for (one, other, covered) in [
            ("/", "/a/b", true),
            ("/a", "/a", true),
            ("/a", "/a/b", true),
            ("/a", "/ab", false),
            ("/a/b", "/a", false),
            ("/A", "/a", false),
            ("/", "https://acme.com/a", false),
            ("https://acme.com", "https://acme.com/a", true),
            ("https://acme.com", "https://acme.com.evil.com/a", false),
            ("HTTPS://ACME.com", "https://acme.com/a", true),
            ("durward:/", "durward:/users", true),
            ("/", "durward:/users", false),
            ("durward:/", "durward:users", false),
            ("urn:acme:orders", "urn:acme:orders/1", true),
            ("urn:acme:orders", "urn:acme:orders:1", false),
        ] {
            assert_eq!(scope(one).covers(&scope(other)), covered, "{one} {other}");
        }
    }

    proptest! {
        /// What was read prints as something that reads the same.
        #[test]
        fn a_scope_has_one_spelling(text in "((https://[aA]|urn:)?(/|a|%61|%2e|\\.|é){0,6})") {
            if let Ok(read) = Scope::parse(&text, &LIMITS) {
                prop_assert_eq!(Scope::parse(read.as_str(), &LIMITS), Ok(read));
            }
        }
    }
}
