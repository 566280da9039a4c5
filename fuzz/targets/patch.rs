//! Any text as the body of a PATCH of a user, in both dialects: it is applied or refused, never worse; what it makes is a
//! document that the schema admits as it is.
#![no_main]

use iam::kind::Kinds;
use iam::limits;
use libfuzzer_sys::fuzz_target;
use scim::admit::{Rules, admit};
use scim::quirks::Dialect;
use scim::{Object, message, patch};

const USER: &str = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada","active":true,
    "name":{"givenName":"Ada"},"emails":[{"value":"a@b","type":"work","primary":true},{"value":"c@d","type":"home"}],
    "addresses":[{"type":"work","locality":"London"}]}"#;

fuzz_target!(|text: &[u8]| {
    let Ok(body) = message::object(text, limits::BODY_DEPTH_MAX) else { return };
    let kinds = Kinds::standard().unwrap();
    let kind = &kinds.named("User").unwrap().schema;
    let user: Object = serde_json::from_str(USER).unwrap();
    for dialect in [Dialect::Auto, Dialect::Strict] {
        let rules = Rules { dialect, limits: &limits::ADMIT, names: None };
        let Ok(operations) = patch::parse(body.clone(), dialect, limits::PATCH_OPERATIONS_MAX) else { continue };
        let Ok(patched) = patch::apply(kind, &user, operations, rules, &limits::PATCH) else { continue };
        let again = admit(kind, patched.document.clone(), rules);
        assert_eq!(again.map(|admitted| admitted.document), Ok(patched.document), "{dialect:?}");
    }
});
