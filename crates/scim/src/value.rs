//! What values mean when they are compared (RFC 7643 §2.2, §2.3): keys whose bytes order as the values do.
//!
//! Everything that compares goes through here: filters, sorting, uniqueness and a store's index. So a database
//! only ever compares bytes. This module knows no filter and no document, only one attribute and one value.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde_json::{Number, Value};

use crate::schema::{Attribute, Type};

/// Bytes that order as the values of `attribute` do, equal where the values are the same; none for a value
/// that has not the attribute's type, and for complex values. An array has no key; its elements have.
pub fn key(attribute: &Attribute, value: &Value) -> Option<Vec<u8>> {
    match (attribute.kind, value) {
        (Type::String | Type::Reference | Type::Binary, Value::String(text)) => {
            Some(fold(attribute, text).into_owned().into_bytes())
        }
        (Type::Boolean, Value::Bool(truth)) => Some(vec![u8::from(*truth)]),
        (Type::Integer | Type::Decimal, Value::Number(number)) => {
            let fits = attribute.kind == Type::Decimal || is_whole(number);
            fits.then(|| number_key(number)).flatten().map(Vec::from)
        }
        (Type::DateTime, Value::String(text)) => instant(text).map(|at| Vec::from(instant_key(at))),
        _ => None,
    }
}

/// How the key of `value` orders against `key`; as [`key`] would tell, mostly without building one.
pub fn compare(attribute: &Attribute, value: &Value, key: &[u8]) -> Option<Ordering> {
    match (attribute.kind, value) {
        (Type::String | Type::Reference | Type::Binary, Value::String(text)) => {
            Some(compare_text(attribute, text, key))
        }
        (Type::Boolean, Value::Bool(truth)) => Some([u8::from(*truth)].as_slice().cmp(key)),
        (Type::Integer | Type::Decimal, Value::Number(number)) => {
            let fits = attribute.kind == Type::Decimal || is_whole(number);
            fits.then(|| number_key(number)).flatten().map(|own| own.as_slice().cmp(key))
        }
        (Type::DateTime, Value::String(text)) => instant(text).map(|at| instant_key(at).as_slice().cmp(key)),
        _ => None,
    }
}

fn compare_text(attribute: &Attribute, text: &str, key: &[u8]) -> Ordering {
    if is_exact(attribute) {
        text.as_bytes().cmp(key)
    } else if text.is_ascii() {
        text.bytes().map(|b| b.to_ascii_lowercase()).cmp(key.iter().copied())
    } else {
        fold(attribute, text).as_bytes().cmp(key)
    }
}

/// Whether strings of this attribute compare byte for byte. Base64 does, whatever the schema says (RFC 7643 §2.3.6).
pub(crate) fn is_exact(attribute: &Attribute) -> bool {
    attribute.case_exact || attribute.kind == Type::Binary
}

/// The text as it is compared: itself under `caseExact`, else without case, else as user names are (RFC 7644 §7.8).
///
/// Case is folded char by char, so that the fold of a part is part of the fold: `co`, `sw` and `ew` need that.
pub fn fold<'a>(attribute: &Attribute, text: &'a str) -> Cow<'a, str> {
    if is_exact(attribute) {
        return Cow::Borrowed(text);
    }
    // PRECIS does to ASCII what lower-casing does, or refuses it; both end here.
    if text.is_ascii() {
        return match text.bytes().any(|b| b.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    if attribute.precis
        && let Ok(name) = UsernameCaseMapped::enforce(text)
    {
        return name;
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

/// Whether a number has no fraction, however it is written: `5.0` has none.
pub(crate) fn is_whole(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|n| n.fract() == 0.0)
}

/// The nearest double made order-preserving, then what an integer beyond 2^53 lost by it. So whole and real
/// numbers share one order, and `5` is `5.0`.
pub(crate) fn number_key(number: &Number) -> Option<[u8; 10]> {
    // Adding zero makes -0.0 and 0.0 one.
    let near = number.as_f64()? + 0.0;
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    // At 2^64 doubles stand 2^11 apart, so the rest is small.
    let rest = i16::try_from(whole.map_or(0, |n| n - near as i128)).ok()?;
    let bits = near.to_bits();
    let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    let [a, b, c, d, e, f, g, h] = ordered.to_be_bytes();
    let [i, j] = ((rest as u16) ^ 0x8000).to_be_bytes();
    Some([a, b, c, d, e, f, g, h, i, j])
}

/// An instant in ticks of 100 ns since the Unix epoch: 64 bits of them hold every dateTime that can be written, and they are
/// what the finest client writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(i64);

/// The key of an instant.
pub fn instant_key(at: Instant) -> [u8; 8] {
    (at.0 as u64 ^ 1 << 63).to_be_bytes()
}

/// The millisecond that the [`instant_key`] `key` falls in, since the Unix epoch, and whether it is just its beginning.
pub fn instant_millis(key: &[u8]) -> Option<(i64, bool)> {
    const TICKS: i64 = 10_000;
    let ticks = (u64::from_be_bytes(key.try_into().ok()?) ^ 1 << 63) as i64;
    Some((ticks.div_euclid(TICKS), ticks.rem_euclid(TICKS) == 0))
}

/// Reads an `xsd:dateTime` (RFC 7643 §2.3.5). Without an offset it is taken as UTC; a fraction may be of any
/// length, what is finer than a tick is dropped; `24:00:00` is the next midnight.
pub fn instant(text: &str) -> Option<Instant> {
    let mut rest = Digits(text.as_bytes());
    let negative = rest.eat(b'-');
    let year = i16::try_from(rest.number(4)?).ok()?;
    rest.expect(b'-')?;
    let month = rest.small()?;
    rest.expect(b'-')?;
    let day = rest.small()?;
    if !(rest.eat(b'T') || rest.eat(b't')) {
        return None;
    }
    let hour = rest.small()?;
    rest.expect(b':')?;
    let minute = rest.small()?;
    rest.expect(b':')?;
    let second = rest.small()?;
    let nano = if rest.eat(b'.') { rest.fraction()? } else { 0 };
    let offset = rest.offset()?;
    // xsd:dateTime: hour 24 only with minute and second zero.
    let end_of_day = hour == 24 && minute == 0 && second == 0 && nano == 0;
    let hour = if end_of_day { 0 } else { hour };
    // A leap second is the last of its minute; POSIX time has no other place for it.
    let second = if second == 60 { 59 } else { second };
    let year = if negative { -year } else { year };
    let civil = DateTime::new(year, month, day, hour, minute, second, nano).ok()?;
    // Counted here, for a `Timestamp` ends before the last day of the year 9999 does.
    let local = civil.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let day = SignedDuration::from_hours(if end_of_day { 24 } else { 0 });
    let since = local.checked_add(day)?.checked_sub(SignedDuration::from_secs(i64::from(offset)))?;
    i64::try_from(since.as_nanos().div_euclid(100)).ok().map(Instant)
}

/// What is left of a dateTime to read.
struct Digits<'t>(&'t [u8]);

impl Digits<'_> {
    fn eat(&mut self, wanted: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        self.eat(wanted).then_some(())
    }

    fn digit(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        let digit = first.is_ascii_digit().then(|| first - b'0')?;
        self.0 = rest;
        Some(digit)
    }

    fn number(&mut self, digits: u8) -> Option<u32> {
        let mut number = 0;
        for _ in 0..digits {
            number = number * 10 + u32::from(self.digit()?);
        }
        Some(number)
    }

    fn small(&mut self) -> Option<i8> {
        i8::try_from(self.number(2)?).ok()
    }

    fn fraction(&mut self) -> Option<i32> {
        let mut nanos = i32::from(self.digit()?) * 100_000_000;
        let mut place = 10_000_000;
        while let Some(digit) = self.digit() {
            nanos += i32::from(digit) * place;
            place /= 10;
        }
        Some(nanos)
    }

    /// Seconds east of UTC, at the end of the text.
    fn offset(&mut self) -> Option<i32> {
        if self.0.is_empty() || ((self.eat(b'Z') || self.eat(b'z')) && self.0.is_empty()) {
            return Some(0);
        }
        let sign = if self.eat(b'-') { -1 } else { self.expect(b'+').map(|()| 1)? };
        let hours = i32::from(self.small()?);
        self.expect(b':')?;
        let minutes = i32::from(self.small()?);
        // xsd:dateTime: from -14:00 to +14:00.
        let fits = minutes < 60 && hours * 60 + minutes <= 14 * 60 && self.0.is_empty();
        fits.then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Prints an instant given in milliseconds since 1970 as `2026-11-21T18:14:21.123Z`. What lies outside of the
/// years -9999 to 9999 is printed as their end.
pub fn timestamp(millis: i64) -> String {
    let mut out = String::with_capacity(25);
    push_timestamp(&mut out, millis);
    out
}

/// Appends an instant to `out`, printed as [`timestamp`] does.
pub fn push_timestamp(out: &mut String, millis: i64) {
    let end = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let civil = Offset::UTC.to_datetime(Timestamp::from_millisecond(millis).unwrap_or(end));
    if civil.year() < 0 {
        out.push('-');
    }
    let two = |number: i8| {
        let number = number.unsigned_abs();
        [b'0' + number / 10 % 10, b'0' + number % 10]
    };
    let [century, year] =
        [civil.year() / 100, civil.year() % 100].map(|half| i8::try_from(half).unwrap_or(0));
    let [[a, b], [c, d]] = [two(century), two(year)];
    let [[e, f], [g, h]] = [two(civil.month()), two(civil.day())];
    let [[i, j], [k, l], [m, n]] = [two(civil.hour()), two(civil.minute()), two(civil.second())];
    let [hundreds, rest] =
        [civil.millisecond() / 100, civil.millisecond() % 100].map(|part| i8::try_from(part).unwrap_or(0));
    let ([_, o], [p, q]) = (two(hundreds), two(rest));
    let text = [a, b, c, d, b'-', e, f, b'-', g, h, b'T', i, j, b':', k, l, b':', m, n, b'.', o, p, q, b'Z'];
    // Digits and signs are ASCII.
    out.push_str(std::str::from_utf8(&text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn attribute(kind: &str) -> Attribute {
        serde_json::from_value(json!({ "name": "a", "type": kind })).unwrap()
    }

    fn exact() -> Attribute {
        Attribute { case_exact: true, ..attribute("string") }
    }

    fn user_name() -> Attribute {
        Attribute { precis: true, ..attribute("string") }
    }

    fn check(kind: &str, value: Value, expect: Expect) {
        let key = key(&attribute(kind), &value);
        let shown = key.map_or("none".to_owned(), |key| key.iter().map(|b| format!("{b:02x}")).collect());
        expect.assert_eq(&shown);
    }

    #[test]
    fn each_type_has_its_key() {
        check("string", json!("Ab"), expect!["6162"]);
        check("string", json!(""), expect![""]);
        check("string", json!(1), expect!["none"]);
        check("string", json!(["a"]), expect!["none"]);
        check("reference", json!("Ab"), expect!["6162"]);
        check("binary", json!("Ab=="), expect!["41623d3d"]);
        check("boolean", json!(false), expect!["00"]);
        check("boolean", json!(true), expect!["01"]);
        check("boolean", json!("true"), expect!["none"]);
        check("integer", json!(5), expect!["c0140000000000008000"]);
        check("integer", json!(5.0), expect!["c0140000000000008000"]);
        check("integer", json!(5.5), expect!["none"]);
        check("decimal", json!(5), expect!["c0140000000000008000"]);
        check("decimal", json!(5.5), expect!["c0160000000000008000"]);
        check("decimal", json!(-0.0), expect!["80000000000000008000"]);
        check("decimal", json!("5"), expect!["none"]);
        check("dateTime", json!("1970-01-01T00:00:00Z"), expect!["8000000000000000"]);
        check("dateTime", json!("1969-12-31T23:59:59.9999999Z"), expect!["7fffffffffffffff"]);
        check("dateTime", json!("1969-12-31T23:59:59.999999999Z"), expect!["7fffffffffffffff"]);
        check("dateTime", json!("yesterday"), expect!["none"]);
        check("dateTime", json!(0), expect!["none"]);
        check("complex", json!({ "value": "a" }), expect!["none"]);
        check("string", json!(null), expect!["none"]);
    }

    #[test]
    fn text_folds_as_its_attribute_says() {
        assert_eq!(fold(&exact(), "Ab É"), "Ab É");
        assert_eq!(fold(&attribute("string"), "Ab É ΑΣ"), "ab é ας".replace('ς', "σ"));
        assert_eq!(fold(&Attribute { case_exact: false, ..attribute("binary") }, "AbC="), "AbC=");
        // PRECIS UsernameCaseMapped: full width becomes half width, decomposed becomes composed.
        assert_eq!(fold(&user_name(), "ＡＤＡ"), "ada");
        assert_eq!(fold(&user_name(), "Jose\u{301}"), "josé");
        assert_eq!(fold(&attribute("string"), "Jose\u{301}"), "jose\u{301}");
        // PRECIS refuses the space; case still does not matter.
        assert_eq!(fold(&user_name(), "José Ñu"), "josé ñu");
        assert!(matches!(fold(&attribute("string"), "plain"), Cow::Borrowed(_)));
    }

    fn check_instant(text: &str, expect: Expect) {
        let shown = |at: Instant| {
            let at = Timestamp::from_nanosecond(i128::from(at.0) * 100);
            at.map_or("beyond a timestamp".to_owned(), |at| at.to_string())
        };
        expect.assert_eq(&instant(text).map_or("none".to_owned(), shown));
    }

    #[test]
    fn an_instant_is_an_xsd_date_time() {
        check_instant("2011-05-13T04:42:34Z", expect!["2011-05-13T04:42:34Z"]);
        check_instant("2011-05-13T04:42:34", expect!["2011-05-13T04:42:34Z"]);
        check_instant("2011-05-13t04:42:34z", expect!["2011-05-13T04:42:34Z"]);
        check_instant("2011-05-13T04:42:34+05:30", expect!["2011-05-12T23:12:34Z"]);
        check_instant("2011-05-13T04:42:34-08:00", expect!["2011-05-13T12:42:34Z"]);
        check_instant("2011-05-13T04:42:34.5Z", expect!["2011-05-13T04:42:34.5Z"]);
        check_instant("2011-05-13T04:42:34.1234567Z", expect!["2011-05-13T04:42:34.1234567Z"]);
        check_instant(
            "2011-05-13T04:42:34.123456789987654321+00:00",
            expect!["2011-05-13T04:42:34.1234567Z"],
        );
        check_instant("2011-05-13T24:00:00Z", expect!["2011-05-14T00:00:00Z"]);
        check_instant("2016-12-31T23:59:60Z", expect!["2016-12-31T23:59:59Z"]);
        check_instant("2012-02-29T00:00:00Z", expect!["2012-02-29T00:00:00Z"]);
        check_instant("-0044-03-15T12:00:00Z", expect!["-000044-03-15T12:00:00Z"]);
    }

    #[test]
    fn instants_reach_from_the_first_day_to_the_last() {
        let ordered = [
            "-9999-01-01T00:00:00+14:00",
            "-9999-01-01T00:00:00Z",
            "-9998-01-01T00:00:00Z",
            "9999-12-30T22:00:01Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T24:00:00Z",
            "9999-12-31T23:59:59-14:00",
        ];
        let keys: Vec<_> =
            ordered.iter().map(|text| key(&attribute("dateTime"), &json!(text)).unwrap()).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
        // The key of another instant is what it was when it was kept.
        check("dateTime", json!("2011-05-13T04:42:34.1234567+05:30"), expect!["802e5f1b3e36f387"]);
    }

    #[test]
    fn what_is_not_an_xsd_date_time_is_no_instant() {
        check_instant("", expect!["none"]);
        check_instant("2011-05-13", expect!["none"]);
        check_instant("2011-05-13 04:42:34Z", expect!["none"]);
        check_instant("2011-05-13T04:42Z", expect!["none"]);
        check_instant("2011-05-13T04:42:34.Z", expect!["none"]);
        check_instant("2011-05-13T04:42:34+0530", expect!["none"]);
        check_instant("2011-05-13T04:42:34+15:00", expect!["none"]);
        check_instant("2011-05-13T04:42:34Zz", expect!["none"]);
        check_instant("2011-05-13T24:00:01Z", expect!["none"]);
        check_instant("2011-02-29T00:00:00Z", expect!["none"]);
        check_instant("2011-13-01T00:00:00Z", expect!["none"]);
        check_instant("12011-01-01T00:00:00Z", expect!["none"]);
        check_instant("２011-05-13T04:42:34Z", expect!["none"]);
    }

    #[test]
    fn a_timestamp_is_printed_with_milliseconds() {
        assert_eq!(timestamp(1_795_284_861_123), "2026-11-21T18:14:21.123Z");
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(timestamp(-62_167_219_200_001), "-0001-12-31T23:59:59.999Z");
        assert_eq!(timestamp(i64::MAX), "9999-12-30T22:00:00.999Z");
    }

    #[test]
    fn integers_beyond_the_precision_of_a_double_differ() {
        let number = attribute("integer");
        let ordered = [
            json!(i64::MIN),
            json!(i64::MIN + 1),
            json!(-9_007_199_254_740_993_i64),
            json!(-9_007_199_254_740_992_i64),
            json!(-1),
            json!(0),
            json!(1),
            json!(9_007_199_254_740_992_i64),
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_994_i64),
            json!(i64::MAX - 1),
            json!(i64::MAX),
            json!(u64::MAX - 1),
            json!(u64::MAX),
            json!(1e300),
        ];
        let keys: Vec<_> = ordered.iter().map(|value| key(&number, value).unwrap()).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn keys_order_as_integers_do(a: i64, b: i64) {
            let number = attribute("integer");
            prop_assert_eq!(key(&number, &json!(a)).cmp(&key(&number, &json!(b))), a.cmp(&b));
        }

        #[test]
        fn keys_order_as_numbers_do(a in -1e18..1e18, b: i32, scale in 0..40) {
            let number = attribute("decimal");
            let a: f64 = a / 10f64.powi(scale);
            let order = key(&number, &json!(a)).cmp(&key(&number, &json!(b)));
            prop_assert_eq!(order, a.partial_cmp(&f64::from(b)).unwrap());
            prop_assert_eq!(key(&number, &json!(b)), key(&number, &json!(f64::from(b))));
        }

        #[test]
        fn keys_order_as_texts_do(a: String, b: String) {
            let order = |of: &Attribute| key(of, &json!(a)).cmp(&key(of, &json!(b)));
            prop_assert_eq!(order(&exact()), a.cmp(&b));
            let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
            prop_assert_eq!(order(&attribute("string")), lower(&a).cmp(&lower(&b)));
        }

        #[test]
        fn keys_order_as_instants_do(a in -62_000_000_000_000_i64..253_000_000_000_000, far: i32, east in -14..=14_i64) {
            let b = a.saturating_add(i64::from(far));
            let date = attribute("dateTime");
            let local = timestamp(b + east * 3_600_000);
            let b_text = format!("{}{}{:02}:00", local.trim_end_matches('Z'), if east < 0 { '-' } else { '+' }, east.abs());
            prop_assert_eq!(key(&date, &json!(timestamp(a))).cmp(&key(&date, &json!(b_text))), a.cmp(&b));
        }

        #[test]
        fn a_printed_timestamp_is_that_instant(millis in -200_000_000_000_000_i64..253_402_207_200_000) {
            prop_assert_eq!(instant(&timestamp(millis)), Some(Instant(millis * 10_000)));
        }

        #[test]
        fn comparing_is_comparing_keys(
            a in prop_oneof!["[aAbB]{0,3}", "[aAéÉ ]{0,3}", any::<String>()],
            b in prop_oneof!["[aAbB]{0,3}", "[aAéÉ ]{0,3}", any::<String>()],
        ) {
            for of in [exact(), attribute("string"), user_name(), attribute("binary")] {
                let (a, b) = (json!(a), json!(b));
                let wanted = key(&of, &b).unwrap();
                prop_assert_eq!(compare(&of, &a, &wanted), Some(key(&of, &a).unwrap().cmp(&wanted)));
            }
        }

        #[test]
        fn the_fold_of_a_part_is_part_of_the_fold(a: String, b: String) {
            let of = attribute("string");
            let whole = a.clone() + &b;
            prop_assert_eq!(fold(&of, &whole), fold(&of, &a) + fold(&of, &b));
        }

        #[test]
        fn no_text_makes_reading_an_instant_panic(text in any::<String>(), near in "-?[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.Z+-]{0,20}") {
            let _ = (instant(&text), instant(&near));
        }
    }
}
