//! The OpenAPI document: sound, complete, and true.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use durward_server::rest::{ROUTES, TOKEN_ROUTES, decisions};
use iam::limits::*;
use serde_json::Value;

use crate::world::{Answer, World};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&durward_server::rest::openapi::text()).unwrap());
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Sees that the document announces an answer.
#[track_caller]
pub(crate) fn expect_announced(method: &str, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap();
    let template = template(path).unwrap_or_else(|| panic!("{path} is in no path of the document"));
    let announced = &DOCUMENT["paths"][&template][method.to_lowercase()]["responses"];
    let response = &announced[answer.status.as_str()];
    assert!(response.is_object(), "{method} {template} does not announce {}", answer.status);
    if !answer.text.is_empty() {
        let media_type = answer.header("content-type").unwrap();
        assert!(response["content"][media_type].is_object(), "{method} {template}: {media_type}");
        let schema = &response["content"][media_type]["schema"];
        fits(schema, &answer.json(), &format!("{method} {template} {}", answer.status));
    }
}

/// What the document says of an input's size is what is accepted.
#[test]
fn its_figures_are_the_limits() {
    for (schema, property, figure, limit) in [
        ("NewToken", "actions", "maxItems", TOKEN_ACTIONS_MAX as u64),
        ("NewToken", "expiresInDays", "maximum", TOKEN_DAYS_MAX.into()),
        ("Rotation", "expiresInDays", "maximum", TOKEN_DAYS_MAX.into()),
        ("Rotation", "overlapHours", "maximum", TOKEN_OVERLAP_HOURS_MAX.into()),
        ("Evaluations", "evaluations", "maxItems", EVALUATIONS_MAX as u64),
        ("Members", "subjectIds", "maxItems", MEMBERS_CHANGED_MAX as u64),
        ("SchemaDefinition", "attributes", "maxItems", SCHEMA_ATTRIBUTES_MAX as u64),
        ("SchemaDefinition", "indexed", "maxItems", SCHEMA_INDEXED_MAX as u64),
        ("TypeDefinition", "indexed", "maxItems", SCHEMA_INDEXED_MAX as u64),
    ] {
        let said = &DOCUMENT["components"]["schemas"][schema]["properties"][property][figure];
        assert_eq!(*said, limit, "{schema}.{property}");
    }
}

/// The path of the document that this one is an instance of; that with the fewest parameters.
fn template(path: &str) -> Option<String> {
    let fits = |template: &str| {
        let (a, b): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| *a == b || a.starts_with('{'))
    };
    let paths = DOCUMENT["paths"].as_object().unwrap().keys();
    paths.filter(|template| fits(template)).min_by_key(|template| template.matches('{').count()).cloned()
}

/// Sees that a value has the members its schema requires, and no others, of the types it says.
#[track_caller]
fn fits(schema: &Value, value: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(resolve(name), value, place);
    }
    if let Some(all) = schema["allOf"].as_array() {
        let known: BTreeSet<&str> = all.iter().flat_map(members).collect();
        for (name, _) in value.as_object().unwrap() {
            assert!(known.contains(name.as_str()), "{place}: `{name}` is not described");
        }
        return all.iter().for_each(|part| required(part, value, place));
    }
    if let Some(one) = schema["oneOf"].as_array() {
        let of_its_sort = |schema: &&Value| (followed(schema)["type"] == "array") == value.is_array();
        return fits(one.iter().find(of_its_sort).unwrap(), value, place);
    }
    match schema["type"].as_str() {
        Some("object") if schema["properties"].is_object() => {
            required(schema, value, place);
            for (name, value) in value.as_object().unwrap() {
                let known = schema["properties"].get(name);
                fits(known.unwrap_or_else(|| panic!("{place}: `{name}` is not described")), value, place);
            }
        }
        Some("array") => {
            value.as_array().unwrap().iter().for_each(|value| fits(&schema["items"], value, place));
        }
        Some("string") => assert!(value.is_string(), "{place}: {value}"),
        Some("integer") => assert!(value.is_u64(), "{place}: {value}"),
        Some("boolean") => assert!(value.is_boolean(), "{place}: {value}"),
        _ => {}
    }
}

fn resolve(name: &str) -> &'static Value {
    let found = DOCUMENT.pointer(name.strip_prefix('#').unwrap());
    found.unwrap_or_else(|| panic!("{name} leads nowhere"))
}

fn followed(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(name) => resolve(name),
        None => schema,
    }
}

fn members(schema: &Value) -> Vec<&str> {
    let schema = followed(schema);
    schema["properties"]
        .as_object()
        .map(|known| known.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

#[track_caller]
fn required(schema: &Value, value: &Value, place: &str) {
    let schema = followed(schema);
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(!value[name.as_str().unwrap()].is_null(), "{place}: {name} is missing in {value}");
    }
}

#[tokio::test]
async fn it_is_served_to_anybody() {
    let world = World::new().await;
    let answer = world.nobody("acme").get("!/openapi.json").await.check(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), *DOCUMENT);
}

/// What the specification (3.1.0, §4.8) requires of each object that occurs here.
#[test]
fn it_is_a_sound_document_of_openapi_3_1() {
    assert!(DOCUMENT["openapi"].as_str().unwrap().starts_with("3.1."));
    for member in ["title", "version"] {
        assert!(DOCUMENT["info"][member].is_string(), "info.{member}");
    }
    assert_eq!(DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut names = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(METHODS.contains(&method.as_str()), "{place}");
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{place}: operationId twice");
            assert!(operation["summary"].is_string(), "{place}");
            let given: BTreeSet<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let wanted: BTreeSet<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(given, wanted, "{place}: path parameters");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(status.parse::<u16>().is_ok_and(|s| (200..600).contains(&s)), "{place} {status}");
                assert!(response["description"].is_string(), "{place} {status}");
            }
        }
    }
    references(&DOCUMENT);
}

fn references(value: &Value) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value.as_str() {
            Some(text) if name == "$ref" => assert!(resolve(text).is_object()),
            _ => references(value),
        }),
        Value::Array(items) => items.iter().for_each(references),
        _ => {}
    }
}

#[test]
fn it_describes_the_routes_that_there_are_and_no_others() {
    let tokens = TOKEN_ROUTES.iter().map(|(path, methods)| (format!("/v1/scim{path}"), *methods));
    let others = ROUTES.iter().map(|(path, methods)| (format!("/v1{path}"), *methods));
    let decisions = decisions::ROUTES.iter().map(|(path, methods)| (format!("/access/v1{path}"), *methods));
    let served: BTreeSet<(String, String)> = tokens
        .chain(others)
        .chain(decisions)
        .flat_map(|(path, methods)| methods.iter().map(move |method| (path.clone(), method.to_lowercase())))
        .collect();
    let described = DOCUMENT["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
    });
    assert_eq!(served, described.collect());
}
