//! Any text as a filter: it is read or refused, never worse; what was read prints as something that reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scim::filter::{self, Limits};
use scim::quirks::Dialect;

const LIMITS: Limits = Limits { bytes: 8 * 1024, depth: 16, terms: 200 };

fuzz_target!(|text: &str| {
    let Ok(parsed) = filter::parse(text, &LIMITS, Dialect::Strict) else { return };
    let printed = parsed.to_string();
    // What is printed may be longer than what was written.
    let again = filter::parse(&printed, &Limits { bytes: usize::MAX, ..LIMITS }, Dialect::Strict);
    assert_eq!(again.as_ref().map(ToString::to_string).as_deref(), Ok(printed.as_str()), "{text:?}");
});
