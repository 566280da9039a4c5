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

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::sample::{DEVICE, GROUP, USER, shown};

    const BASE: &str = "https://example.com/scim/v2";

    #[test]
    fn the_service_provider_config_says_what_is_true() {
        let abilities =
            Abilities { bulk_operations: 1, bulk_bytes: 2, page_max: 3, page_default: 4, cursor_seconds: 5 };
        expect![[r#"
            {
              "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
              "patch": {"supported":true},
              "bulk": {"supported":true,"maxOperations":1,"maxPayloadSize":2},
              "filter": {"supported":true,"maxResults":3},
              "changePassword": {"supported":true},
              "sort": {"supported":true},
              "etag": {"supported":true},
              "pagination": {"cursor":true,"index":true,"defaultPaginationMethod":"index","defaultPageSize":4,"maxPageSize":3,"cursorTimeout":5},
              "authenticationSchemes": [
                {"type":"oauthbearertoken","name":"Bearer token","description":"An opaque token sent as `Authorization: Bearer …`, made for one connection and revocable at once","specUri":"https://www.rfc-editor.org/rfc/rfc6750","primary":true}
              ],
              "meta": {"resourceType":"ServiceProviderConfig","location":"https://example.com/scim/v2/ServiceProviderConfig"}
            }"#]].assert_eq(&shown(&service_provider_config(BASE, &abilities)));
    }

    #[test]
    fn a_resource_type_names_its_schemas() {
        expect![[r#"
            {
              "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
              "id": "User",
              "name": "User",
              "endpoint": "/Users",
              "description": "",
              "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
              "schemaExtensions": [
                {"schema":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","required":false},
                {"schema":"urn:ietf:params:scim:schemas:extension:custom:2.0:User","required":false}
              ],
              "meta": {"resourceType":"ResourceType","location":"https://example.com/scim/v2/ResourceTypes/User"}
            }"#]].assert_eq(&shown(&resource_type(BASE, &USER)));
        expect![[r#"
            {
              "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
              "id": "Group",
              "name": "Group",
              "endpoint": "/Groups",
              "description": "",
              "schema": "urn:ietf:params:scim:schemas:core:2.0:Group",
              "meta": {"resourceType":"ResourceType","location":"https://example.com/scim/v2/ResourceTypes/Group"}
            }"#]].assert_eq(&shown(&resource_type(BASE, &GROUP)));
    }

    #[test]
    fn a_schema_shows_every_characteristic() {
        expect![[r#"
            {
              "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
              "id": "urn:ietf:params:scim:schemas:core:2.0:Group",
              "name": "Group",
              "description": "A set of users, clients and other groups",
              "attributes": [
                {"name":"displayName","type":"string","multiValued":false,"description":"The group's name.","required":true,"caseExact":false,"mutability":"readWrite","returned":"default","uniqueness":"none"},
                {"name":"description","type":"string","multiValued":false,"description":"What the group is for.","required":false,"caseExact":false,"mutability":"readWrite","returned":"default","uniqueness":"none"},
                {
                  "name": "members",
                  "type": "complex",
                  "subAttributes": [
                    {"name":"value","type":"string","multiValued":false,"description":"The member's id.","required":false,"caseExact":true,"mutability":"immutable","returned":"default","uniqueness":"none"},
                    {
                      "name": "$ref",
                      "type": "reference",
                      "multiValued": false,
                      "description": "The member's URI.",
                      "required": false,
                      "caseExact": true,
                      "mutability": "immutable",
                      "returned": "default",
                      "uniqueness": "none",
                      "referenceTypes": ["User","Client","Group"]
                    },
                    {
                      "name": "type",
                      "type": "string",
                      "multiValued": false,
                      "description": "What the member is.",
                      "required": false,
                      "canonicalValues": ["User","Client","Group"],
                      "caseExact": false,
                      "mutability": "immutable",
                      "returned": "default",
                      "uniqueness": "none"
                    },
                    {"name":"display","type":"string","multiValued":false,"description":"The member's name.","required":false,"caseExact":false,"mutability":"readOnly","returned":"request","uniqueness":"none"}
                  ],
                  "multiValued": true,
                  "description": "Who belongs to the group: users, clients, and groups with all who belong to them.",
                  "required": false,
                  "caseExact": false,
                  "mutability": "readWrite",
                  "returned": "default",
                  "uniqueness": "none"
                },
                {
                  "name": "roles",
                  "type": "complex",
                  "subAttributes": [
                    {"name":"value","type":"string","multiValued":false,"description":"The role's id.","required":false,"caseExact":true,"mutability":"readOnly","returned":"default","uniqueness":"none"},
                    {
                      "name": "$ref",
                      "type": "reference",
                      "multiValued": false,
                      "description": "The role's URI.",
                      "required": false,
                      "caseExact": true,
                      "mutability": "readOnly",
                      "returned": "default",
                      "uniqueness": "none",
                      "referenceTypes": ["Role"]
                    },
                    {
                      "name": "type",
                      "type": "string",
                      "multiValued": false,
                      "description": "Whether the group has the role itself or through another group.",
                      "required": false,
                      "canonicalValues": ["direct","indirect"],
                      "caseExact": false,
                      "mutability": "readOnly",
                      "returned": "default",
                      "uniqueness": "none"
                    },
                    {"name":"display","type":"string","multiValued":false,"description":"The role's name.","required":false,"caseExact":false,"mutability":"readOnly","returned":"default","uniqueness":"none"}
                  ],
                  "multiValued": true,
                  "description": "The roles that the members have through this group.",
                  "required": false,
                  "caseExact": false,
                  "mutability": "readOnly",
                  "returned": "default",
                  "uniqueness": "none"
                }
              ],
              "meta": {"resourceType":"Schema","location":"https://example.com/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group"}
            }"#]].assert_eq(&shown(&schema(BASE, &GROUP.schema)));
    }

    #[test]
    fn a_schema_that_is_shown_is_that_schema() {
        for kind in [&*USER, &*GROUP, &*DEVICE] {
            for known in std::iter::once(&kind.schema).chain(kind.extensions.iter().map(|e| &e.schema)) {
                let shown = schema(BASE, known);
                let again = Schema::parse(&shown.to_string()).unwrap();
                assert_eq!(schema(BASE, &again), shown);
            }
        }
    }
}
