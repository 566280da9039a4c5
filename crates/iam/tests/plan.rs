//! The planner's one property: for any documents, filters and indexes, a list holds what brute force finds.
//!
//! Brute force renders every resource and asks the pure filter about it; the list goes through plan, index and
//! residual filter. Both are compared as a whole, by index page and by cursor.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use durward_iam::access::{Read, Schemas, Write};
use durward_iam::kind::Kind;
use durward_iam::schemas::{SchemaDefinition, TypeDefinition};
use durward_iam::tenant::Operator;
use durward_iam::{Cx, Env, Iam, limits};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use scim::filter;
use scim::message::{ListQuery, SortOrder};
use scratch::Place;
use serde_json::{Value, json};
use store::{Options, Store};

/// A clock that goes on by one millisecond every second time it is read, so that some resources share an instant.
struct Ticking(AtomicU64);

impl Env for Ticking {
    fn now(&self) -> Timestamp {
        let millis = 1_767_323_045_000 + self.0.fetch_add(1, Ordering::Relaxed) / 2;
        Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap()
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let n = self.0.fetch_add(2, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&(n ^ (n >> 29)).to_be_bytes()[..chunk.len()]);
        }
    }
}

struct World {
    iam: Iam,
    _place: Place,
}

const OPERATOR: Operator<'static> = Operator { name: "test" };

impl World {
    async fn new() -> Self {
        let place = Place::new();
        let store = Store::open(&place.url().parse().unwrap(), Options::default()).await.unwrap();
        let iam = Iam::open(store, Arc::new(Ticking(AtomicU64::new(1)))).await.unwrap();
        for name in ["acme", "globex"] {
            iam.create_tenant(OPERATOR, name).await.unwrap();
        }
        Self { iam, _place: place }
    }

    async fn cx(&self, tenant: &str) -> Cx {
        self.iam.operate(OPERATOR, tenant).await.unwrap()
    }

    async fn define_device(&self, indexed: &[&str]) {
        for tenant in ["acme", "globex"] {
            let cx = self.cx(tenant).await;
            let schema: SchemaDefinition = serde_json::from_value(device_schema()).unwrap();
            let permit = self.iam.permit(&cx, Write, Schemas).await.unwrap();
            self.iam.define_schema(&cx, permit, schema).await.unwrap();
            let cx = self.cx(tenant).await;
            let kind =
                json!({ "name": "Device", "endpoint": "/Devices", "schema": DEVICE, "indexed": indexed });
            let kind: TypeDefinition = serde_json::from_value(kind).unwrap();
            let permit = self.iam.permit(&cx, Write, Schemas).await.unwrap();
            self.iam.define_type(&cx, permit, kind).await.unwrap();
        }
    }

    async fn create(&self, tenant: &str, kind: &str, body: &Value) -> Option<String> {
        let cx = self.cx(tenant).await;
        let kind = Arc::clone(cx.kinds.named(kind).unwrap());
        let draft = body.as_object().unwrap().clone();
        let permit = self.iam.permit(&cx, Write, &*kind).await.unwrap();
        let made = self.iam.create(&cx, permit, draft, &ListQuery::default()).await;
        made.ok().map(|made| made.id)
    }

    /// A page: its resources, and where the next one begins.
    async fn page(
        &self,
        cx: &Cx,
        kind: &Kind,
        query: &ListQuery,
    ) -> (Vec<Value>, Option<u64>, Option<String>) {
        let permit = self.iam.permit(cx, Read, kind).await.unwrap();
        let listing = self.iam.list(cx, permit, query).await.unwrap();
        let resources = serde_json::from_str(&format!("[{}]", listing.resources)).unwrap();
        (resources, listing.head.total_results, listing.head.next_cursor)
    }

    /// Compares what lists find with what brute force finds.
    async fn check(
        &self,
        kind: &str,
        text: &str,
        count: i64,
        sort: Option<&str>,
    ) -> Result<(), TestCaseError> {
        let cx = self.cx("acme").await;
        let kind = Arc::clone(cx.kinds.named(kind).unwrap());
        let dialect = cx.caller.dialect;
        let parsed = filter::parse(text, &limits::FILTER, dialect).unwrap();
        let bound = filter::bind(&parsed, &kind.schema, dialect).unwrap();
        let (all, ..) =
            self.page(&cx, &kind, &ListQuery { count: Some(1_000), ..ListQuery::default() }).await;
        let expected: Vec<&str> =
            all.iter().filter(|r| bound.matches(r.as_object().unwrap())).map(id).collect();
        let expected_set: BTreeSet<&str> = expected.iter().copied().collect();
        let query = |order| ListQuery {
            filter: Some(text.to_owned()),
            sort_by: sort.map(str::to_owned),
            sort_order: order,
            count: Some(count),
            ..ListQuery::default()
        };
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            let mut found = Vec::new();
            for page in 0.. {
                let start = 1 + page * count;
                let query = ListQuery { start_index: Some(start), ..query(order) };
                let (resources, total, _) = self.page(&cx, &kind, &query).await;
                prop_assert_eq!(total, u64::try_from(expected.len()).ok(), "total of {} at {}", text, start);
                found.extend(resources.iter().map(|r| id(r).to_owned()));
                if resources.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found.len(), expected.len(), "pages of {} by {:?}: {:?}", text, sort, found);
            let set: BTreeSet<&str> = found.iter().map(String::as_str).collect();
            prop_assert_eq!(&set, &expected_set, "pages of {} by {:?}", text, sort);
            let (mut walked, mut cursor) = (Vec::new(), Some(String::new()));
            while let Some(at) = cursor {
                let query = ListQuery { cursor: Some(at), ..query(order) };
                let (resources, _, next) = self.page(&cx, &kind, &query).await;
                walked.extend(resources.iter().map(|r| id(r).to_owned()));
                cursor = next;
                prop_assert!(
                    walked.len() <= expected.len(),
                    "cursors of {} by {:?}: {:?}",
                    text,
                    sort,
                    walked
                );
            }
            if sort.is_some() {
                prop_assert_eq!(&walked, &found, "cursors of {} by {:?} in order", text, sort);
            }
            let set: BTreeSet<&str> = walked.iter().map(String::as_str).collect();
            prop_assert_eq!(&set, &expected_set, "cursors of {} by {:?}", text, sort);
        }
        Ok(())
    }
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

/// Runs a property whose check is asynchronous.
fn property<S: Strategy>(
    cases: u32,
    strategy: S,
    check: impl AsyncFn(S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |value| runtime.block_on(check(value)));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

// --- filters ---------------------------------------------------------------------------------------------------

/// An attribute that can be filtered, the operators it has, and literals near its values.
#[derive(Clone, Debug)]
struct Term {
    name: &'static str,
    ops: &'static [&'static str],
    literals: Vec<String>,
}

const TEXT: &[&str] = &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
const ORDER: &[&str] = &["eq", "ne", "gt", "ge", "lt", "le"];
const SAME: &[&str] = &["eq", "ne"];

fn term(name: &'static str, ops: &'static [&'static str], literals: &[&str]) -> Term {
    Term { name, ops, literals: literals.iter().map(|l| (*l).to_owned()).collect() }
}

fn atom(terms: Vec<Term>) -> BoxedStrategy<String> {
    let any = select(terms).prop_flat_map(|term| {
        let name = term.name;
        let compared = (select(term.ops), select(term.literals))
            .prop_map(move |(op, literal)| format!("{name} {op} {literal}"));
        prop_oneof![9 => compared, 1 => Just(format!("{name} pr"))]
    });
    any.boxed()
}

/// A filter over these attributes, and over elements of these.
fn any_filter(terms: Vec<Term>, inner: Vec<(&'static str, Vec<Term>)>) -> BoxedStrategy<String> {
    let element = select(inner).prop_flat_map(|(name, parts)| {
        let part = atom(parts);
        let two = (part.clone(), part.clone());
        prop_oneof![
            part.prop_map(move |p| format!("{name}[{p}]")),
            two.clone().prop_map(move |(a, b)| format!("{name}[{a} and {b}]")),
            two.prop_map(move |(a, b)| format!("{name}[{a} or not ({b})]")),
        ]
    });
    let leaf = prop_oneof![4 => atom(terms), 1 => element];
    let nested = leaf.prop_recursive(3, 8, 3, |filter| {
        prop_oneof![
            2 => prop::collection::vec(filter.clone(), 2..4).prop_map(|all| format!("({})", all.join(" and "))),
            2 => prop::collection::vec(filter.clone(), 2..4).prop_map(|any| format!("({})", any.join(" or "))),
            1 => filter.prop_map(|filter| format!("not ({filter})")),
        ]
    });
    nested.boxed()
}

/// A filter, the size of its pages, and an order.
fn questions(filter: BoxedStrategy<String>, orders: &'static [&'static str]) -> BoxedStrategy<Vec<Question>> {
    let sort = prop::option::of(select(orders));
    prop::collection::vec((filter, 1..5_i64, sort), 6).boxed()
}

type Question = (String, i64, Option<&'static str>);

/// An object of those members that have a value.
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| prop::option::weighted(0.7, value).prop_map(move |value| (name, value)))
        .collect();
    members
        .prop_map(|members| {
            members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect::<Value>()
        })
        .boxed()
}

fn one_of(values: &[Value]) -> BoxedStrategy<Value> {
    select(values.to_vec()).boxed()
}

fn several(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop::collection::vec(value, 0..4).prop_map(Value::Array).boxed()
}

// --- a kind of a tenant's own ------------------------------------------------------------------------------------

const DEVICE: &str = "urn:example:Device";

fn device_schema() -> Value {
    let attribute = |name: &str, kind: &str, more: Value| {
        let mut out = json!({
            "name": name, "type": kind, "multiValued": false, "description": name, "required": false, "caseExact": false,
            "mutability": "readWrite", "returned": "default", "uniqueness": "none",
        });
        out.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        out
    };
    json!({
        "id": DEVICE, "name": "Device", "description": "a thing",
        "attributes": [
            attribute("label", "string", json!({})),
            attribute("serial", "string", json!({ "caseExact": true, "uniqueness": "server" })),
            attribute("badges", "string", json!({ "multiValued": true, "uniqueness": "server" })),
            attribute("tags", "string", json!({ "multiValued": true })),
            attribute("size", "integer", json!({})),
            attribute("weight", "decimal", json!({})),
            attribute("made", "dateTime", json!({})),
            attribute("on", "boolean", json!({})),
            attribute("ports", "complex", json!({ "multiValued": true, "subAttributes": [
                attribute("value", "string", json!({})),
                attribute("speed", "integer", json!({})),
                attribute("type", "string", json!({})),
            ] })),
        ],
    })
}

/// Values that differ by case, by what is cut off of keys, and by nothing but their form.
fn texts() -> Vec<Value> {
    let long = "l".repeat(140);
    [
        "a",
        "A",
        "ab",
        "b",
        "É",
        "é",
        "zz",
        "a b",
        "",
        &long,
        &format!("{long}A"),
        &format!("{long}b"),
        "\u{10ffff}",
    ]
    .iter()
    .map(|text| json!(text))
    .collect()
}

fn text_literals() -> Vec<String> {
    let mut literals: Vec<String> = texts().iter().map(Value::to_string).collect();
    literals.push(json!("l".repeat(128)).to_string());
    literals.push(json!("c").to_string());
    literals
}

fn device() -> BoxedStrategy<Value> {
    let text = || one_of(&texts());
    let number = || one_of(&[json!(-1), json!(0), json!(5), json!(7), json!(i64::MAX), json!(i64::MIN)]);
    let port =
        object(vec![("value", text()), ("speed", number()), ("type", one_of(&[json!("x"), json!("y")]))]);
    let instants = [
        "2026-01-02T03:04:05Z",
        "2026-01-02T04:04:05+01:00",
        "2026-01-02T03:04:05.001Z",
        "1969-12-31T23:59:59Z",
        "2026-01-02T03:04:05.0001Z",
    ];
    object(vec![
        ("label", text()),
        ("serial", (0..40_u32).prop_map(|n| json!(format!("{}{n}", ["s", "S"][n as usize % 2]))).boxed()),
        (
            "badges",
            prop::collection::vec((0..60_u32).prop_map(|n| json!(format!("b{n}"))), 0..3)
                .prop_map(Value::Array)
                .boxed(),
        ),
        ("tags", several(text())),
        ("size", number()),
        ("weight", one_of(&[json!(5), json!(5.5), json!(-0.5), json!(1e300)])),
        ("made", one_of(&instants.map(Value::from))),
        ("on", one_of(&[json!(true), json!(false)])),
        ("ports", several(port)),
    ])
}

fn device_filter() -> BoxedStrategy<String> {
    let text = text_literals();
    let text = || text.iter().map(String::as_str).collect::<Vec<_>>();
    let numbers = ["-1", "0", "5", "5.0", "6", "7", "9223372036854775807"];
    let dates = ["\"2026-01-02T03:04:05Z\"", "\"2026-01-02T03:04:05.0005Z\"", "\"1970-01-01T00:00:00Z\""];
    any_filter(
        vec![
            term("label", TEXT, &text()),
            term("serial", TEXT, &["\"s2\"", "\"S\"", "\"s\"", "\"S3\"", "\"\""]),
            term("badges", TEXT, &["\"b1\"", "\"B\"", "\"b2\"", "\"b33\""]),
            term("tags", TEXT, &text()),
            term("size", ORDER, &numbers),
            term("weight", ORDER, &["5", "5.5", "-1", "1e299"]),
            term("made", ORDER, &dates),
            term("on", SAME, &["true", "false"]),
            term("ports.value", TEXT, &text()),
            term("ports.speed", ORDER, &numbers),
            term("ports", TEXT, &text()),
        ],
        vec![(
            "ports",
            vec![
                term("value", TEXT, &text()),
                term("speed", ORDER, &numbers),
                term("type", TEXT, &["\"x\"", "\"Y\""]),
            ],
        )],
    )
}

const DEVICE_INDEXES: [&str; 9] =
    ["label", "tags", "size", "weight", "made", "ports.value", "ports.speed", "ports.type", "on"];

#[test]
fn plan_and_residual_find_what_brute_force_finds_in_a_kind_of_a_tenants_own() {
    let indexes = subsequence(DEVICE_INDEXES.to_vec(), 0..=8);
    let orders = &["label", "serial", "size", "made", "tags", "ports.speed", "id", "meta.lastModified"];
    let strategy = (indexes, prop::collection::vec(device(), 0..14), questions(device_filter(), orders));
    property(32, strategy, async |(indexed, devices, questions)| {
        let world = World::new().await;
        world.define_device(&indexed).await;
        for device in &devices {
            // One whose serial or badge is taken already is left out.
            world.create("acme", "Device", device).await;
            world.create("globex", "Device", device).await;
        }
        for (filter, count, sort) in &questions {
            world.check("Device", filter, *count, *sort).await?;
        }
        Ok(())
    });
}

#[tokio::test]
async fn a_resource_with_several_values_in_a_range_is_found_once() {
    let world = World::new().await;
    world.define_device(&["tags"]).await;
    let device = json!({ "badges": ["b1", "b5"], "tags": ["b1", "b5"] });
    world.create("acme", "Device", &device).await.unwrap();
    world.create("acme", "Device", &json!({ "badges": ["b2"], "tags": ["b2"] })).await.unwrap();
    for name in ["badges", "tags"] {
        for filter in [
            format!("{name} sw \"b\""),
            format!("{name} gt \"b\" and {name} co \"b\""),
            // One value satisfies the one, another the other.
            format!("{name} gt \"b4\" and {name} lt \"b2\""),
        ] {
            for sort in [None, Some("id"), Some(name)] {
                world.check("Device", &filter, 1, sort).await.unwrap();
            }
        }
    }
}

// --- users, their groups and their roles --------------------------------------------------------------------------------------

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";

fn person() -> BoxedStrategy<Value> {
    let text = |values: &[&str]| one_of(&values.iter().map(|v| json!(v)).collect::<Vec<_>>());
    let email = object(vec![
        ("value", text(&["a@x", "A@X", "b@x", "c@y"])),
        ("type", text(&["work", "home"])),
        ("display", text(&["d", "e"])),
    ]);
    // Some are called as a role is that the service has.
    let role = object(vec![("value", text(&["r0", "x"])), ("type", text(&["app"]))]);
    let name = object(vec![("familyName", text(&["Ng", "ng", "Oe"])), ("givenName", text(&["Al", "Bo"]))]);
    // The place of the manager among those that were there before.
    let manager = object(vec![("value", (0..8_usize).prop_map(Value::from).boxed())]);
    let extension = object(vec![
        ("department", text(&["x", "Y"])),
        ("employeeNumber", text(&["1", "2"])),
        ("manager", manager),
    ]);
    let anything =
        [json!("a"), json!("A"), json!(5), json!(5.5), json!(true), json!(["a", 5]), json!({ "a": 1 })];
    let anything = one_of(&anything);
    let rest = object(vec![
        ("externalId", text(&["e1", "E1", "e2", "e3", "e4"])),
        ("title", text(&["t", "T", "u"])),
        ("displayName", text(&["d", "D", "e"])),
        ("active", one_of(&[json!(true), json!(false)])),
        ("name", name),
        ("emails", several(email)),
        ("roles", several(role)),
        (ENTERPRISE, extension),
        (CUSTOM, object(vec![("properties", object(vec![("k", anything)]))])),
    ]);
    (rest, "[a-cA-C]{1,2}")
        .prop_map(|(mut rest, name)| {
            rest["userName"] = json!(name);
            rest
        })
        .boxed()
}

fn person_filter() -> BoxedStrategy<String> {
    let email = ["\"a@x\"", "\"B@x\"", "\"c\"", "\"\""];
    let groups = ["\"g0\"", "\"G1\"", "\"none\""];
    let roles = ["\"r0\"", "\"r1\"", "\"R1\"", "\"x\"", "\"none\""];
    let ways = ["\"direct\"", "\"indirect\"", "\"app\""];
    any_filter(
        vec![
            term("userName", TEXT, &["\"a\"", "\"AB\"", "\"b\"", "\"cc\"", "\"\""]),
            term("externalId", TEXT, &["\"e1\"", "\"E1\"", "\"e\"", "\"e9\""]),
            term("title", TEXT, &["\"t\"", "\"U\""]),
            term("active", SAME, &["true", "false"]),
            term("name.familyName", TEXT, &["\"ng\"", "\"N\"", "\"o\""]),
            term("name.givenName", TEXT, &["\"al\"", "\"B\""]),
            term("emails", TEXT, &email),
            term("emails.type", TEXT, &["\"work\"", "\"h\""]),
            term("groups.display", TEXT, &groups),
            term("groups.type", SAME, &["\"direct\"", "\"indirect\""]),
            term("roles.value", TEXT, &roles),
            term("roles.type", SAME, &ways),
            term("meta.created", ORDER, &["\"2026-01-02T03:04:05.040Z\"", "\"2026-01-02T03:04:05.0615Z\""]),
            term(
                "meta.lastModified",
                ORDER,
                &["\"2026-01-02T03:04:05.080Z\"", "\"2026-01-02T03:04:05.0995Z\""],
            ),
            term(
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                TEXT,
                &["\"X\"", "\"y\""],
            ),
            term("properties.k", TEXT, &["\"a\"", "\"\""]),
            term("properties.k", ORDER, &["5", "5.2"]),
            term("properties.k", SAME, &["true", "null"]),
            term("manager.displayName", TEXT, &["\"d\"", "\"E\""]),
            term("manager.$ref", SAME, &["\"x\""]),
            term("schemas", SAME, &["\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\""]),
        ],
        vec![
            ("roles", vec![term("value", TEXT, &roles), term("type", SAME, &ways)]),
            ("emails", vec![term("value", TEXT, &email), term("type", TEXT, &["\"work\"", "\"h\""])]),
            (
                "groups",
                vec![term("display", TEXT, &groups), term("type", SAME, &["\"direct\"", "\"indirect\""])],
            ),
            ("manager", vec![term("displayName", TEXT, &["\"d\"", "\"E\""])]),
        ],
    )
}

#[test]
fn plan_and_residual_find_what_brute_force_finds_among_users() {
    let of = (subsequence(vec![0, 1, 2], 0..=3), subsequence(vec![0, 1], 0..=2));
    let people = prop::collection::vec((person(), of), 0..14);
    let orders = &[
        "userName",
        "name.familyName",
        "emails",
        "title",
        "meta.created",
        "meta.lastModified",
        "externalId",
        "groups.display",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
    ];
    // `{group}` stands for the id of a group, which is known when it has been made.
    let by_group = select(vec![
        "groups.value eq \"{group}\"",
        "groups[value eq \"{group}\"]",
        "groups[value eq \"{group}\" and type eq \"direct\"]",
        "not (groups.value eq \"{group}\")",
        "roles.value eq \"r0\"",
        "roles.value eq \"r1\"",
        "roles[value eq \"r1\" and type eq \"indirect\"]",
        "not (roles.value eq \"r0\")",
    ]);
    let filter = (person_filter(), prop::option::weighted(0.4, by_group), any::<bool>()).prop_map(
        |(filter, group, both)| match (group, both) {
            (None, _) => filter,
            (Some(group), true) => format!("{group} and {filter}"),
            (Some(group), false) => format!("{group} or {filter}"),
        },
    );
    let strategy = (people, questions(filter.boxed(), orders));
    property(32, strategy, async |(people, questions)| {
        let world = World::new().await;
        let mut members: [Vec<Value>; 3] = Default::default();
        let mut holders: [Vec<Value>; 2] = Default::default();
        let mut ids: Vec<String> = Vec::new();
        for (person, (of, has)) in &people {
            let mut person = person.clone();
            if let Some(manager) = person.pointer_mut(&format!("/{ENTERPRISE}/manager/value")) {
                let at = manager.as_u64().and_then(|at| usize::try_from(at).ok()).unwrap();
                *manager = ids.get(at).map_or("nobody", String::as_str).into();
            }
            let person = &person;
            world.create("globex", "User", person).await;
            let Some(id) = world.create("acme", "User", person).await else { continue };
            ids.push(id.clone());
            of.iter().for_each(|group| members[*group].push(json!({ "value": id })));
            has.iter().for_each(|role| holders[*role].push(json!({ "value": id })));
        }
        let mut groups: Vec<String> = Vec::new();
        for (at, mut members) in members.into_iter().enumerate() {
            // Each group is in the next.
            members.extend(groups.last().map(|id| json!({ "value": id })));
            let body = json!({ "displayName": format!("g{at}"), "members": members });
            groups.push(world.create("acme", "Group", &body).await.unwrap());
        }
        for (at, mut members) in holders.into_iter().enumerate() {
            // One is that of the middle group, and so of the first.
            members.extend((at == 1).then(|| json!({ "value": groups[1] })));
            let body = json!({ "id": format!("r{at}"), "name": format!("r{at}"), "members": members });
            world.create("acme", "Role", &body).await.unwrap();
        }
        for (at, (filter, count, sort)) in questions.iter().enumerate() {
            let filter = filter.replace("{group}", &groups[at % groups.len()]);
            world.check("User", &filter, *count, *sort).await?;
        }
        Ok(())
    });
}
