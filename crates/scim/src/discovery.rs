//! What a server says of itself (RFC 7643 §5, §6, §7; RFC 7644 §4; RFC 9865 §4), generated from the kinds.

use serde_json::{Value, json};

use crate::Object;
use crate::schema::{Attribute, Attributes, ResourceType, Schema};

/// The schema of the service provider's configuration.
pub const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// The schema of a resource type.
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// The schema of a schema.
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// What the server is able to do and where its limits are.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// Most operations of one bulk request.
    pub bulk_operations: usize,
    /// Largest bulk request, in bytes.
    pub bulk_bytes: usize,
    /// Most resources of one page.
    pub page_max: usize,
    /// Resources of a page when the client does not say.
    pub page_default: usize,
    /// How long a cursor is good, in seconds.
    pub cursor_seconds: u64,
}

/// `/ServiceProviderConfig` (RFC 7643 §5) with the block of RFC 9865 §4.
pub fn service_provider_config(base: &str, abilities: &Abilities) -> Value {
    json!({
        "schemas": [SERVICE_PROVIDER_CONFIG],
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": abilities.bulk_operations,
            "maxPayloadSize": abilities.bulk_bytes,
        },
        "filter": { "supported": true, "maxResults": abilities.page_max },
        "changePassword": { "supported": true },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": abilities.page_default,
            "maxPageSize": abilities.page_max,
            "cursorTimeout": abilities.cursor_seconds,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "An opaque token sent as `Authorization: Bearer …`, made for one connection and revocable at once",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// One entry of `/ResourceTypes` (RFC 7643 §6).
pub fn resource_type(base: &str, kind: &ResourceType) -> Value {
    let mut out = json!({
        "schemas": [RESOURCE_TYPE],
        "id": kind.name,
        "name": kind.name,
        "endpoint": format!("/{}", kind.endpoint),
        "description": kind.description,
        "schema": kind.schema.id,
    });
    let extensions: Vec<Value> =
        kind.extensions.iter().map(|e| json!({ "schema": e.schema.id, "required": e.required })).collect();
    if let Some(object) = out.as_object_mut() {
        if !extensions.is_empty() {
            object.insert("schemaExtensions".to_owned(), Value::Array(extensions));
        }
        let location = format!("{base}/ResourceTypes/{}", kind.name);
        object.insert("meta".to_owned(), json!({ "resourceType": "ResourceType", "location": location }));
    }
    out
}

/// One entry of `/Schemas` (RFC 7643 §7).
pub fn schema(base: &str, schema: &Schema) -> Value {
    json!({
        "schemas": [SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": attributes(&schema.attributes),
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id) },
    })
}

fn attributes(list: &Attributes) -> Value {
    list.iter().map(|a| Value::Object(attribute(a))).collect()
}

fn attribute(attribute: &Attribute) -> Object {
    let mut out = match serde_json::to_value(attribute) {
        Ok(Value::Object(object)) => object,
        _ => Object::new(),
    };
    if let Some(subs) = out.get_mut("subAttributes") {
        *subs = attributes(&attribute.sub_attributes);
    }
    out
}
