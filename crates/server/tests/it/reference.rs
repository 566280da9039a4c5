//! The generated pages of `docs/reference` say what the code says. `cargo xtask generate` rewrites them.

use expect_test::expect_file;
use serde_json::Value;

use crate::world::World;

#[test]
fn openapi_is_up_to_date() {
    let text = durward_server::rest::openapi::text() + "\n";
    expect_file!["../../../../docs/reference/openapi.json"].assert_eq(&text);
}

#[tokio::test]
async fn scim_schemas_are_up_to_date() {
    let world = World::new().await;
    let schemas = world.admin("acme").await.get("/Schemas").await.check(200).json();
    let text = serde_json::to_string_pretty(&without_locations(&schemas["Resources"])).unwrap() + "\n";
    expect_file!["../../../../docs/reference/scim-schemas.json"].assert_eq(&text);
}

/// Where a schema is depends on who asks.
fn without_locations(schemas: &Value) -> Value {
    let mut schemas = schemas.clone();
    for schema in schemas.as_array_mut().unwrap() {
        schema.as_object_mut().unwrap().remove("meta");
    }
    schemas
}
