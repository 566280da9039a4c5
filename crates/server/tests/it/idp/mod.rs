//! Recorded identity providers: what each of them sends, from `recordings/`, and the whole answers it must get.

mod print;
mod replay;

use std::collections::BTreeSet;

macro_rules! recordings {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            replay::replay(stringify!($name)).await;
        })*
        const RECORDINGS: &[&str] = &[$(stringify!($name)),*];
    };
}

recordings! {
    arculix
    authentik
    clients
    contract
    entra_aad_opt_scim
    entra_inbound
    entra_legacy
    entra_validator
    google
    jumpcloud
    keycloak
    okta_catalogue
    okta_push
    okta_spec
    okta_wizard
    onelogin
    ping
    rauthy
    sailpoint
    stackspot_actions
    stackspot_documented
    stackspot_flat
    stackspot_permissions
    stackspot_resource_types
    stackspot_resources
    stackspot_roles
    strict
}

#[test]
fn every_recording_is_replayed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/idp/recordings");
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let replayed = RECORDINGS.iter().map(|name| format!("{name}.http"));
    assert_eq!(replayed.collect::<BTreeSet<_>>(), files.collect::<BTreeSet<_>>());
}
