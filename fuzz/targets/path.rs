//! Any text as the path of a PATCH, in both dialects: it is read or refused, never worse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scim::filter::Limits;
use scim::path::PatchPath;
use scim::quirks::Dialect;

const LIMITS: Limits = Limits { bytes: 8 * 1024, depth: 16, terms: 200 };

fuzz_target!(|text: &str| {
    for dialect in [Dialect::Auto, Dialect::Strict] {
        let _ = PatchPath::parse(text, &LIMITS, dialect);
    }
});
