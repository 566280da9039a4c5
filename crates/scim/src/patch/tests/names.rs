//! What operations call other resources.

use serde_json::Value;

use super::*;
use crate::admit::{Names, Unknown};
use crate::schema::Refers;

/// A device whose ports are jacks, each of which is called something.
fn device() -> ResourceType {
    let mut kind = DEVICE.clone();
    let ports = std::sync::Arc::make_mut(&mut kind.schema).attributes.find_mut("ports").unwrap();
    ports.refers = Some(Refers { kind: "Jack".to_owned(), endpoint: "Jacks".to_owned() });
    kind
}

fn applied(kind: &ResourceType, names: &Names, operation: &str) -> Vec<Value> {
    let body =
        object(&format!(r#"{{"schemas":["{}"],"Operations":[{operation}]}}"#, crate::message::PATCH_OP));
    let rules = Rules { names: Some(names), ..AUTO };
    let operations = parse(body, rules.dialect, 10).unwrap();
    let out = apply(kind, &printer(), operations, rules, &PATCH).unwrap();
    let ports = out.document.get("ports").and_then(Value::as_array).into_iter().flatten();
    ports.map(|port| port["value"].clone()).collect()
}

#[test]
fn names_are_asked_for_once_and_are_ids_when_they_are_known() {
    let kind = device();
    for (operation, is_value, ports) in [
        (r#"{"op":"add","path":"ports","value":["left"]}"#, true, vec!["a", "b"]),
        (r#"{"op":"remove","path":"ports","value":["left"]}"#, true, vec!["b"]),
        (r#"{"op":"remove","path":"ports[value eq \"left\"]"}"#, false, vec!["b"]),
        (r#"{"op":"remove","path":"ports[value ne \"left\"]"}"#, false, vec!["a"]),
        (r#"{"op":"replace","value":{"ports[value eq \"left\"]":"left"}}"#, true, vec!["a", "b"]),
    ] {
        let mut names = Names::default();
        applied(&kind, &names, operation);
        let unknown = Unknown { kind: "Jack".to_owned(), written: "left".to_owned(), is_value };
        assert_eq!(names.unknown(), [unknown], "{operation}");
        names.learn("Jack", "left", Some("a"));
        assert!(names.is_id("Jack", "a") && !names.is_id("Jack", "left") && !names.is_id("Plug", "a"));
        assert_eq!(applied(&kind, &names, operation), ports, "{operation}");
        assert_eq!(names.unknown(), [], "{operation}");
    }
}

#[test]
fn what_is_called_nothing_stays_as_it_is_written_and_is_not_asked_for_again() {
    let (kind, mut names) = (device(), Names::default());
    names.learn("Jack", "ghost", None);
    assert_eq!(applied(&kind, &names, r#"{"op":"remove","path":"ports[value eq \"ghost\"]"}"#), ["a", "b"]);
    assert_eq!(names.unknown(), []);
}
