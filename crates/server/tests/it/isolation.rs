//! Tenants see nothing of each other: with another tenant's token and another tenant's ids, on every route, nothing
//! is shown and nothing changes.

use durward_server::rest::{BASES, ROUTES, TOKEN_BASES, TOKEN_ROUTES};
use durward_server::router::{SCIM_ROUTES, scim_bases};
use http::Method;
use iam::cx::TokenKind;
use iam::token::Draft;
use serde_json::{Value, json};

use crate::rest::{new_token, provider, schema};
use crate::world::{Answer, Caller, World, encoded, group, operations, user};

/// What stands in everything that `acme` has, and in nothing else.
const MARK: &str = "kestrel";
const URN: &str = "urn:example:kestrel:2.0:Badge";

/// Two tenants; one is full.
struct Two {
    world: World,
    admin: Caller,
    other: Caller,
    other_admin: Caller,
    user: String,
    group: String,
    device: String,
    token: String,
    provider: String,
}

impl Two {
    async fn new() -> Self {
        let world = World::new().await;
        let (admin, other_admin) = (world.admin("acme").await, world.admin("globex").await);
        let other = world.provider("globex").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        admin.post("!/v1/schemas", schema(URN, "kestrelNumber")).await.check(201);
        let extension = json!({ "id": "urn:example:kestrel:2.0:User", "name": MARK, "extends": ["User"],
            "attributes": [{ "name": "kestrelBadge", "type": "string", "multiValued": false }] });
        admin.post("!/v1/schemas", extension).await.check(201);
        let kind = json!({ "name": "Kestrel", "endpoint": "/Kestrels", "schema": URN });
        admin.post("!/v1/resource-types", kind).await.check(201);
        let made = admin.post("!/v1/sso/custom", provider(MARK)).await.check(201).json();
        let provider = text(&made["id"]);
        let token = text(&admin.post("!/v1/scim", new_token(MARK)).await.check(200).json()["id"]);
        let mut ada = user("kestrel@acme");
        ada["externalId"] = "kestrel-7".into();
        let user = admin.make("/Users", ada).await;
        let group = admin.make("/Groups", group("kestrel crew", &[&user])).await;
        let device = admin.make("/Kestrels", json!({ "kestrelNumber": "kestrel-1" })).await;
        other.make("/Users", crate::world::user("bob")).await;
        Self { world, admin, other, other_admin, user, group, device, token, provider }
    }

    /// Everything the database has of `acme`.
    fn dump(&self) -> String {
        let mut out = String::new();
        for table in self.world.place.tables() {
            let tenant = "(select tenant from tenant where name = 'acme')";
            let rows = self.world.place.rows(&format!("select * from {table} where tenant = {tenant}"));
            rows.iter().for_each(|row| out += &format!("{table} {row}\n"));
        }
        assert!(out.matches(MARK).count() > 10, "the dump has not everything:\n{out}");
        out
    }

    /// Sees that an answer shows nothing of the other tenant, beside what was asked.
    #[track_caller]
    fn blind(&self, answer: &Answer) {
        let text = answer.text.to_lowercase();
        // A refusal repeats the endpoint that was asked for.
        let text = if answer.asked.contains("Kestrels") { text.replace("`kestrels`", "") } else { text };
        assert!(!text.contains(MARK), "{} shows {}", answer.asked, answer.text);
        if answer.status.is_success() {
            for id in [&self.user, &self.group, &self.device, &self.token, &self.provider] {
                assert!(!text.contains(id.as_str()), "{} shows {}", answer.asked, answer.text);
            }
        }
    }

    fn ids(&self) -> [(&str, &str); 4] {
        [("Users", &self.user), ("Groups", &self.group), ("Kestrels", &self.device), ("Users", &self.token)]
    }
}

fn body(method: &str, path: &str) -> Option<Value> {
    match method {
        "GET" | "DELETE" => None,
        "PATCH" => {
            Some(operations(json!([{ "op": "replace", "path": "displayName", "value": "taken over" }])))
        }
        _ if path.starts_with("/sso") => Some(provider("taken-over")),
        _ if path.starts_with("/scim/") => Some(json!({})),
        _ if path.ends_with(".search") => {
            Some(json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] }))
        }
        _ => Some(json!({ "userName": "mallory", "displayName": "taken over" })),
    }
}

#[tokio::test]
async fn every_route_with_anothers_ids_shows_and_changes_nothing() {
    let two = Two::new().await;
    let before = two.dump();
    for caller in [&two.other, &two.other_admin] {
        for base in scim_bases() {
            for (path, methods) in SCIM_ROUTES {
                for (method, (endpoint, id)) in methods.iter().flat_map(|m| two.ids().map(|ids| (*m, ids))) {
                    for tenant in ["globex", "acme"] {
                        let route = path.replace("{endpoint}", endpoint).replace("{id}", id);
                        let target = format!("!{}{route}", base.replace("{tenant}", tenant));
                        let answer = caller.send(method.parse().unwrap(), &target, body(method, path)).await;
                        two.blind(&answer);
                        if tenant == "acme" && base.contains("{tenant}") {
                            assert_eq!(answer.status, 401, "{}", answer.asked);
                        } else if path.ends_with("{endpoint}/{id}") {
                            assert_eq!(answer.status, 404, "{}", answer.asked);
                        }
                    }
                }
            }
        }
    }
    assert_eq!(two.dump(), before);
}

#[tokio::test]
async fn every_administration_route_with_anothers_ids_shows_and_changes_nothing() {
    let two = Two::new().await;
    let before = two.dump();
    let tokens = TOKEN_BASES.iter().flat_map(|base| TOKEN_ROUTES.map(|(path, all)| (*base, path, all)));
    let rest = BASES.iter().flat_map(|base| ROUTES.map(|(path, all)| (*base, path, all)));
    let urn = encoded("urn:example:KESTREL:2.0:Badge");
    for (base, path, methods) in tokens.chain(rest).filter(|(_, path, _)| path.contains("{id}")) {
        for (method, id) in methods
            .iter()
            .flat_map(|m| [&two.token, &two.provider, &urn, &"Kestrel".to_owned()].map(|id| (*m, id.clone())))
        {
            let target = format!("!{base}{}", path.replace("{id}", &id).replace("{type}", "custom"));
            let answer = two.other_admin.send(method.parse().unwrap(), &target, body(method, path)).await;
            assert_eq!(answer.status, 404, "{}: {}", answer.asked, answer.text);
        }
    }
    for list in ["/scim", "/scim?query=kestrel", "/sso", "/sso/custom", "/schemas", "/resource-types"] {
        two.blind(&two.other_admin.get(&format!("!/v1{list}")).await.check(200));
    }
    assert_eq!(two.dump(), before);
}

#[tokio::test]
async fn nothing_can_refer_to_what_another_tenant_has() {
    let two = Two::new().await;
    let before = two.dump();
    let own = two.other.make("/Groups", group("own", &[])).await;
    for id in [&two.user, &two.group] {
        two.other.post("/Groups", group("g", &[id])).await.check(400);
        two.other.put(&format!("/Groups/{own}"), group("own", &[id])).await.check(400);
        let add = operations(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
        two.other.patch(&format!("/Groups/{own}"), add).await.check(400);
    }
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Groups", "bulkId": "a", "data": group("g", &[&two.user]) },
            { "method": "PUT", "path": format!("/Users/{}", two.user), "data": user("mallory") },
            { "method": "PATCH", "path": format!("/Groups/{}", two.group),
              "data": operations(json!([{ "op": "remove", "path": "members" }])) },
            { "method": "DELETE", "path": format!("/Users/{}", two.user) },
            { "method": "DELETE", "path": format!("/Kestrels/{}", two.device) },
        ],
    });
    let answer = two.other.post("/Bulk", bulk).await.check(200).json();
    let statuses: Vec<_> =
        answer["Operations"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, ["400", "404", "404", "404", "404"]);
    let api = |path: &str, body: Value| {
        let (caller, path) = (two.other_admin.clone(), format!("!/v1{path}"));
        async move { caller.post(&path, body).await }
    };
    two.other_admin.post("!/v1/sso/custom", provider("own")).await.check(201);
    let mut token = new_token("own");
    token["subject"] = two.user.as_str().into();
    api("/scim", token).await.check(400);
    api("/scim", new_token(MARK)).await.check(400);
    let kind = json!({ "name": "Thing", "endpoint": "/Things", "schema": URN });
    api("/resource-types", kind).await.check(400);
    let extension = json!({ "id": "urn:example:x", "name": "X", "extends": ["Kestrel"],
        "attributes": [{ "name": "a", "type": "string", "multiValued": false }] });
    api("/schemas", extension).await.check(400);
    // What is another's to name is free: its names are not taken here, and say nothing.
    api("/schemas", schema(URN, "a")).await.check(201);
    api("/sso/custom", provider(MARK)).await.check(201);
    assert_eq!(two.dump(), before);
}

#[tokio::test]
async fn filters_find_nothing_of_another_tenant() {
    let two = Two::new().await;
    let (user, group) = (&two.user, &two.group);
    for (endpoint, filter) in [
        ("/Users", format!("id eq \"{user}\"")),
        ("/Users", "userName eq \"kestrel@acme\"".to_owned()),
        ("/Users", "userName sw \"k\"".to_owned()),
        ("/Users", "externalId eq \"kestrel-7\"".to_owned()),
        ("/Users", format!("groups.value eq \"{group}\"")),
        ("/Groups", format!("members.value eq \"{user}\"")),
        ("/Groups", format!("members[value eq \"{user}\"]")),
        ("/Groups", "displayName co \"kestrel\"".to_owned()),
        ("/Groups", "meta.created pr".to_owned()),
        ("", format!("id eq \"{group}\"")),
    ] {
        assert!(!two.admin.find(endpoint, &filter).await.is_empty(), "{filter} finds nothing at home");
        for caller in [&two.other, &two.other_admin] {
            assert!(caller.find(endpoint, &filter).await.is_empty(), "{filter}");
        }
    }
    // An attribute that only another tenant's schema has is unknown here.
    let filter = encoded("urn:example:kestrel:2.0:User:kestrelBadge pr");
    two.admin.get(&format!("/Users?filter={filter}")).await.check(200);
    let answer = two.other.get(&format!("/Users?filter={filter}")).await.check(400).json();
    assert_eq!(answer["scimType"], "invalidFilter");
}

#[tokio::test]
async fn discovery_shows_the_tenants_own_kinds() {
    let two = Two::new().await;
    for path in ["/Schemas", "/ResourceTypes"] {
        let home = two.admin.get(path).await.check(200);
        assert!(home.text.to_lowercase().contains(MARK), "{}", home.text);
        two.blind(&two.other.get(path).await.check(200));
    }
    two.other.get(&format!("/Schemas/{URN}")).await.check(404);
    two.other.get("/ResourceTypes/Kestrel").await.check(404);
    two.other.get("/Kestrels").await.check(404);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_tenant_alone() {
    let two = Two::new().await;
    two.admin.make("/Users", user("second")).await;
    two.other.make("/Users", user("third")).await;
    let page = two.admin.get("/Users?cursor&count=1").await.check(200).json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let next = format!("/Users?count=1&cursor={cursor}");
    two.admin.get(&next).await.check(200);
    for caller in [&two.other, &two.other_admin] {
        let answer = caller.get(&next).await.check(400);
        assert_eq!(answer.json()["scimType"], "invalidCursor");
        two.blind(&answer);
    }
}

#[tokio::test]
async fn an_external_id_is_seen_by_the_connection_that_gave_it() {
    let world = World::new().await;
    let (one, two) = (world.provider("acme").await, world.provider("acme").await);
    let mut ada = user("ada");
    ada["externalId"] = "kestrel-7".into();
    let id = one.make("/Users", ada).await;
    assert_eq!(one.find("/Users", "externalId eq \"kestrel-7\"").await, std::slice::from_ref(&id));
    assert!(two.find("/Users", "externalId eq \"kestrel-7\"").await.is_empty());
    assert!(two.find("/Users", "externalId pr").await.is_empty());
    let seen = two.get(&format!("/Users/{id}")).await.check(200);
    assert!(!seen.text.contains("kestrel"), "{}", seen.text);
    assert!(!two.get("/Users?sortBy=externalId").await.check(200).text.contains("kestrel"));
    // The same id from another connection is another one, and takes nothing away.
    let mut bob = user("bob");
    bob["externalId"] = "kestrel-7".into();
    let bob = two.make("/Users", bob).await;
    assert_eq!(two.find("/Users", "externalId eq \"kestrel-7\"").await, [bob]);
    assert_eq!(one.find("/Users", "externalId eq \"kestrel-7\"").await, [id]);
}

#[tokio::test]
async fn a_deleted_tenants_tokens_are_dead_and_its_name_starts_empty() {
    let two = Two::new().await;
    two.world.iam.delete_tenant(crate::world::OPERATOR, "acme").await.unwrap();
    two.admin.get("/Users").await.check(401);
    two.world.iam.create_tenant(crate::world::OPERATOR, "acme").await.unwrap();
    two.admin.get("/Users").await.check(401);
    let fresh = two.world.caller("acme", Draft::new(TokenKind::Admin, "fresh")).await;
    assert_eq!(fresh.get("/Users").await.check(200).json()["totalResults"], 0);
    for path in ["/Schemas", "/ResourceTypes"] {
        two.blind(&fresh.get(path).await.check(200));
    }
    fresh.send(Method::GET, &format!("/Users/{}", two.user), None).await.check(404);
}
