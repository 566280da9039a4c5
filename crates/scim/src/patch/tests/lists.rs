//! Lists of values: as wholes, through filters, by their parts; one of them primary.

use super::*;

#[test]
fn values_are_added_to_a_list_once() {
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"x"}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":{"value":"x"}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"ada@home.org","type":"home"}]}"#,
        expect!["nothing"],
    );
    // Case does not matter in an e-mail address; the element takes what is new, but keeps its spelling.
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"ADA@home.org","type":"Home","display":"D"}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home","display":"D"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"ada@home.org"}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"ada@home.org"}]"#
        ]],
    );
    check(r#"{"op":"add","path":"emails","value":[]}"#, expect!["nothing"]);
    check(r#"{"op":"add","path":"emails","value":null}"#, expect!["nothing"]);
    check(r#"{"op":"add","path":"emails","value":[null]}"#, expect!["nothing"]);
    check(
        r#"{"op":"add","path":"addresses","value":[{"type":"work","country":"GB"}]}"#,
        expect![[r#"addresses: [{"type":"work","country":"GB"}]"#]],
    );
    check_device(
        r#"{"op":"add","path":"tags","value":["RED","green"]}"#,
        expect![[r#"tags: ["red","blue","green"]"#]],
    );
    check_auto(
        r#"{"op":"add","path":"emails","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x"}]"#
        ]],
    );
    check_strict(
        r#"{"op":"add","path":"emails","value":"x"}"#,
        expect!["invalidValue: `emails` must be an object"],
    );
}

#[test]
fn a_list_is_replaced_as_a_whole() {
    check(
        r#"{"op":"replace","path":"emails","value":[{"value":"x"}]}"#,
        expect![[r#"emails: [{"value":"x"}]"#]],
    );
    check(r#"{"op":"replace","path":"emails","value":[]}"#, expect!["emails is gone"]);
    check(r#"{"op":"replace","path":"emails","value":null}"#, expect!["emails is gone"]);
    check_auto(
        r#"{"op":"replace","path":"emails","value":{"value":"x"}}"#,
        expect![[r#"emails: [{"value":"x"}]"#]],
    );
    check_auto(r#"{"op":"replace","path":"emails","value":"x"}"#, expect![[r#"emails: [{"value":"x"}]"#]]);
    check_strict(
        r#"{"op":"replace","path":"emails","value":{"value":"x"}}"#,
        expect!["invalidValue: `emails` must be an array"],
    );
}

#[test]
fn values_are_removed_from_a_list() {
    check(r#"{"op":"remove","path":"emails"}"#, expect!["emails is gone"]);
    check(r#"{"op":"remove","path":"emails","value":null}"#, expect!["emails is gone"]);
    check(r#"{"op":"remove","path":"emails","value":[]}"#, expect!["nothing"]);
    check(
        r#"{"op":"remove","path":"emails","value":[{"value":"ADA@work.org"}]}"#,
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"remove","path":"emails","value":[{"value":"ada@work.org","type":"home"}]}"#,
        expect!["nothing"],
    );
    check(
        r#"{"op":"remove","path":"emails","value":{"value":"ada@work.org","display":"stale"}}"#,
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"remove","path":"emails","value":[{"type":"home"}]}"#,
        expect![[r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true}]"#]],
    );
    check(
        r#"{"op":"remove","path":"emails","value":[{"type":"home","display":"stale"}]}"#,
        expect!["nothing"],
    );
    check(
        r#"{"op":"remove","path":"emails[type eq \"home\"]"}"#,
        expect![[r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true}]"#]],
    );
    check(r#"{"op":"remove","path":"emails[type pr]"}"#, expect!["emails is gone"]);
    check(
        r#"{"op":"remove","path":"emails[type eq \"home\"].type"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org"}]"#
        ]],
    );
    check(
        r#"{"op":"remove","path":"emails[type eq \"home\"].value","value":"stale"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"type":"home"}]"#
        ]],
    );
    check(
        r#"{"op":"remove","path":"emails.display"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","primary":true},{"value":"ada@home.org","type":"home"}]"#
        ]],
    );
    check(r#"{"op":"remove","path":"photos.display"}"#, expect!["nothing"]);
    check_auto(r#"{"op":"remove","path":"emails[type eq \"other\"]"}"#, expect!["nothing"]);
    check_strict(
        r#"{"op":"remove","path":"emails[type eq \"other\"]"}"#,
        expect!["noTarget: the path matches no value of `emails`"],
    );
    check_auto(r#"{"op":"remove","path":"emails[type eq \"other\"].value"}"#, expect!["nothing"]);
    check_strict(
        r#"{"op":"remove","path":"emails[type eq \"other\"].value"}"#,
        expect!["noTarget: the path matches no value of `emails`"],
    );
    check_device(r#"{"op":"remove","path":"tags[value eq \"RED\"]"}"#, expect![[r#"tags: ["blue"]"#]]);
    check_device(r#"{"op":"remove","path":"tags","value":["Red"]}"#, expect![[r#"tags: ["blue"]"#]]);
}

#[test]
fn elements_that_match_are_replaced() {
    // What the filter says stays true, what neither says goes.
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"x"}}"#,
        expect![[r#"emails: [{"value":"x","type":"work"},{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"x","type":"other"}]}"#,
        expect![[r#"emails: [{"value":"x","type":"other"},{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"replace","path":"emails[value ew \".org\"]","value":{"value":"x"}}"#,
        expect![[r#"emails: [{"value":"x"}]"#]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":null}"#,
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":[]}"#,
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(r#"{"op":"replace","path":"emails[type eq \"work\"]","value":{}}"#, expect!["nothing"]);
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"x"},{"value":"y"}]}"#,
        expect!["invalidValue: one value is expected for what a filter chooses in `emails`"],
    );
    check_auto(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":"x"}"#,
        expect![[r#"emails: [{"value":"x","type":"work"},{"value":"ada@home.org","type":"home"}]"#]],
    );
    check_strict(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":"x"}"#,
        expect!["invalidValue: `emails` must be an object"],
    );
    check_device(
        r#"{"op":"replace","path":"tags[value eq \"red\"]","value":"green"}"#,
        expect![[r#"tags: ["green","blue"]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"tags[value eq \"red\"]","value":"blue"}"#,
        expect![[r#"tags: ["blue"]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"tags[value eq \"black\"]","value":"green"}"#,
        expect![[r#"tags: ["red","blue","green"]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"tags[value eq \"red\"]","value":["a","b"]}"#,
        expect!["invalidValue: one value is expected for what a filter chooses in `tags`"],
    );
}

#[test]
fn elements_that_match_are_added_to() {
    check(
        r#"{"op":"add","path":"emails[type eq \"home\"]","value":{"display":"D"}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home","display":"D"}]"#
        ]],
    );
    check(r#"{"op":"add","path":"emails[type eq \"home\"]","value":null}"#, expect!["nothing"]);
    check(
        r#"{"op":"add","path":"emails[type eq \"other\"]","value":{"value":"x"}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x","type":"other"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails[type eq \"other\"].value","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"type":"other","value":"x"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails[type eq \"other\" and primary eq true].value","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home"},{"type":"other","primary":true,"value":"x"}]"#
        ]],
    );
}

#[test]
fn a_filter_that_matches_nothing_creates_what_it_describes() {
    let (auto, strict) = (check_auto, check_strict);
    for (operation, in_auto, in_strict) in [
        (
            r#"{"op":"replace","path":"emails[type eq \"other\"].value","value":"x"}"#,
            expect![[
                r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"type":"other","value":"x"}]"#
            ]],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type eq \"other\"]","value":{"value":"x"}}"#,
            expect![[
                r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x","type":"other"}]"#
            ]],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"addresses[type eq \"work\"].formatted","value":"x"}"#,
            expect![[r#"addresses: [{"type":"work","formatted":"x"}]"#]],
            expect!["noTarget: the path matches no value of `addresses`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type eq \"other\"].value","value":null}"#,
            expect!["nothing"],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type eq \"other\"]","value":{}}"#,
            expect!["nothing"],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type sw \"oth\"].value","value":"x"}"#,
            expect![[r#"noTarget: `emails[type sw "oth"]` matches no value and cannot be created"#]],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type eq \"a\" and type eq \"b\"].value","value":"x"}"#,
            expect![[
                r#"noTarget: `emails[type eq "a" and type eq "b"]` matches no value and cannot be created"#
            ]],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"add","path":"emails[type eq \"a\" or type eq \"b\"].value","value":"x"}"#,
            expect![[
                r#"noTarget: `emails[type eq "a" or type eq "b"]` matches no value and cannot be created"#
            ]],
            expect![[
                r#"noTarget: `emails[type eq "a" or type eq "b"]` matches no value and cannot be created"#
            ]],
        ),
    ] {
        auto(operation, in_auto);
        strict(operation, in_strict);
    }
}

#[test]
fn a_part_of_all_elements_is_set() {
    check(
        r#"{"op":"replace","path":"emails.display","value":"D"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"D","primary":true},{"value":"ada@home.org","type":"home","display":"D"}]"#
        ]],
    );
    check(r#"{"op":"add","path":"photos.value","value":"x"}"#, expect![[r#"photos: [{"value":"x"}]"#]]);
    // Two elements that become the same are one.
    check(
        r#"{"op":"remove","path":"emails.display"},{"op":"remove","path":"emails.primary"},
            {"op":"replace","path":"emails.type","value":"t"},{"op":"replace","path":"emails.value","value":"v"}"#,
        expect![[r#"emails: [{"value":"v","type":"t"}]"#]],
    );
}

#[test]
fn one_value_stays_primary() {
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"x","primary":true}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home"},{"value":"x","primary":true}]"#
        ]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home","primary":true}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails[type eq \"home\"]","value":{"primary":true}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home","primary":true}]"#
        ]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"x","primary":true}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"x","primary":true,"type":"home"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"ada@home.org","type":"home","primary":true}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home","primary":true}]"#
        ]],
    );
    check(r#"{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}"#, expect!["nothing"]);
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"x","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"}]"#
        ]],
    );
    check(
        r#"{"op":"replace","path":"emails.primary","value":true}"#,
        expect!["invalidValue: `emails` would have more than one primary value"],
    );
    check(
        r#"{"op":"replace","path":"emails.primary","value":false}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home","primary":false}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"x","primary":true},{"value":"y","primary":true}]}"#,
        expect!["invalidValue: `emails` has more than one primary value"],
    );
}

#[test]
fn sub_attributes_may_be_lists() {
    check_device(
        r#"{"op":"add","path":"ports[value eq \"a\"].speeds","value":[10,100]}"#,
        expect![[r#"ports: [{"value":"a","speeds":[1,10,100],"maker":"m"},{"value":"b"}]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"].speeds","value":[100]}"#,
        expect![[r#"ports: [{"value":"a","speeds":[100],"maker":"m"},{"value":"b"}]"#]],
    );
    check_device(
        r#"{"op":"remove","path":"ports[value eq \"a\"].speeds","value":[1]}"#,
        expect![[r#"ports: [{"value":"a","speeds":[10],"maker":"m"},{"value":"b"}]"#]],
    );
    check_device(
        r#"{"op":"remove","path":"ports[value eq \"a\"].speeds"}"#,
        expect![[r#"ports: [{"value":"a","maker":"m"},{"value":"b"}]"#]],
    );
}
