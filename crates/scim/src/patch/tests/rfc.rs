//! The examples of RFC 7644 §3.5.2.1 to §3.5.2.3, on the users and groups of RFC 7643 §8.

use super::*;

fn check_example(kind: &ResourceType, document: &str, patch: &str, expect: Expect) {
    let [auto, strict] = [AUTO, STRICT].map(|rules| {
        let before = admit::admit(kind, object(document), rules).unwrap().document;
        told(kind, rules, &before, object(patch)).unwrap_or_else(|e| e.to_string())
    });
    assert_eq!(auto, strict);
    expect.assert_eq(&auto);
}

macro_rules! user {
    ($patch:literal, $expect:expr) => {{
        let document = include_str!("../../../tests-data/rfc7643-8.2-full-user.json");
        check_example(
            &USER,
            document,
            include_str!(concat!("../../../tests-data/rfc7644-3.5.2.", $patch, ".json")),
            $expect,
        );
    }};
}

macro_rules! group {
    ($patch:literal, $expect:expr) => {{
        let document = include_str!("../../../tests-data/rfc7643-8.4-group.json");
        check_example(
            &GROUP,
            document,
            include_str!(concat!("../../../tests-data/rfc7644-3.5.2.", $patch, ".json")),
            $expect,
        );
    }};
}

#[test]
fn add() {
    group!(
        "1-add-a-member",
        expect![[
            r#"add members: [{"$ref":"https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646","value":"2819c223-7f76-453a-919d-413861904646"}]"#
        ]]
    );
    // The user has both already: nothing changes.
    user!("1-add-without-a-path", expect!["nothing"]);
}

#[test]
fn remove() {
    group!("2-remove-a-member", expect!["remove members where members.value"]);
    group!("2-remove-all-members", expect!["replace members: []"]);
    group!(
        "2-remove-and-add",
        expect![[r#"
        remove members where members.value
        add members: [{"$ref":"https://example.com/v2/Users/08e1d05d-121c-4561-8b96-473d93df9210","value":"08e1d05d-121c-4561-8b96-473d93df9210"}]"#]]
    );
    user!(
        "2-remove-by-a-complex-filter",
        expect![[r#"emails: [{"value":"babs@jensen.org","type":"home"}]"#]]
    );
}

#[test]
fn replace() {
    group!(
        "3-replace-all-members",
        expect![[
            r#"replace members: [{"$ref":"https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646","value":"2819c223-7f76-453a-919d-413861904646"},{"$ref":"https://example.com/v2/Users/08e1d05d-121c-4561-8b96-473d93df9210","value":"08e1d05d-121c-4561-8b96-473d93df9210"}]"#
        ]]
    );
    user!(
        "3-replace-an-address",
        expect![[
            r#"addresses: [{"type":"work","streetAddress":"911 Universal City Plaza","locality":"Hollywood","region":"CA","postalCode":"91608","country":"US","formatted":"911 Universal City Plaza\nHollywood, CA 91608 US","primary":true},{"type":"home","streetAddress":"456 Hollywood Blvd","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","formatted":"456 Hollywood Blvd\nHollywood, CA 91608 USA"}]"#
        ]]
    );
    user!(
        "3-replace-a-sub-attribute",
        expect![[
            r#"addresses: [{"type":"work","streetAddress":"1010 Broadway Ave","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","formatted":"100 Universal City Plaza\nHollywood, CA 91608 USA","primary":true},{"type":"home","streetAddress":"456 Hollywood Blvd","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","formatted":"456 Hollywood Blvd\nHollywood, CA 91608 USA"}]"#
        ]]
    );
    user!("3-replace-without-a-path", expect!["nothing"]);
}
