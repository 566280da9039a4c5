//! The role of a tenant's administrators: what it grants, who gives it, and that somebody keeps it.

use expect_test::expect;
use http::Method;
use iam::access::{Decisions, Read};
use serde_json::{Value, json};

use super::{detail, person, policy, standing_for};
use crate::world::{Caller, OPERATOR, World, group, operations, user};

const ROLE: &str = "/Roles/TenantAdmin";

fn members(verb: &str, ids: &[&str]) -> Value {
    let values: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    operations(json!([{ "op": verb, "path": "members", "value": values }]))
}

fn set(path: &str, value: Value) -> Value {
    operations(json!([{ "op": "replace", "path": path, "value": value }]))
}

#[tokio::test]
async fn a_tenant_comes_with_the_role_and_it_grants_everything() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &[]).await;
    let admin = world.admin("acme").await;
    assert_eq!(world.admin("globex").await.get(ROLE).await.check(200).json()["name"], "TenantAdmin");
    ada.get("/Users").await.check(403);
    admin.patch(ROLE, members("add", &[&id])).await.check(204);
    for path in ["/Users", "/", "!/v1/sso", "!/v1/scim", "!/v1/schemas"] {
        ada.get(path).await.check(200);
    }
    ada.post("/Users", user("ben")).await.check(201);
    let cx = world.iam.operate(OPERATOR, "acme").await.unwrap();
    let permit = world.iam.permit(&cx, Read, Decisions).await.unwrap();
    let resource = ("scope", "durward:/users");
    let why = world.iam.explain(&cx, permit, ("user", &id), "durward.users.read", resource).await.unwrap();
    expect![[r#"
        allowed: user ada (1) may durward.users.read on scope durward:/users
        └─ role TenantAdmin (TenantAdmin)
           └─ durward on scope durward:/
    "#]]
    .assert_eq(&why.text().replace(&id, "1"));
}

#[tokio::test]
async fn the_role_stays_as_it_is() {
    let world = World::new().await;
    let admin = world.admin("acme").await;
    let before = admin.get(ROLE).await.check(200).json();
    admin.delete(ROLE).await.check(409);
    let action = admin.make("/Actions", json!({ "name": "x" })).await;
    let sort = admin.make("/Resource-Types", json!({ "name": "sort", "actions": [action] })).await;
    let thing = admin.make("/Resources", json!({ "name": "thing", "type": sort })).await;
    let statements = json!([{ "actions": ["x"], "resource": thing }]);
    for change in [
        set("name", json!("Other")),
        set("statements", statements.clone()),
        set("claim_mapper", json!({ "group": "everybody" })),
        set("client_id", json!("app")),
    ] {
        let refused = admin.patch(ROLE, change).await.check(409);
        assert_eq!(
            detail(&refused),
            "the role `TenantAdmin` is Durward's own; only its description and its members change"
        );
    }
    admin.put(ROLE, json!({ "name": "TenantAdmin", "statements": statements })).await.check(409);
    assert_eq!(admin.get(ROLE).await.check(200).json(), before);
    let described = admin.patch(ROLE, set("description", json!("Chiefs"))).await.check(200).json();
    assert_eq!((&described["description"], &described["name"]), (&json!("Chiefs"), &json!("TenantAdmin")));
    admin.post("/Roles", json!({ "id": "TenantAdmin", "name": "second" })).await.check(409);
    admin.post("/Roles", json!({ "name": "tenantadmin" })).await.check(409);
}

#[tokio::test]
async fn only_who_may_do_everything_makes_an_administrator() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &[]).await;
    let admin = world.admin("acme").await;
    for action in ["durward.roles", "durward.policies", "durward.users", "durward.groups", "durward.actions"]
    {
        admin.post("/Policies", policy(&format!("user-{id}"), action)).await.check(201);
    }
    let provider = world.provider("acme").await;
    let everything = policy(&format!("user-{id}"), "durward");
    let harmless =
        admin.post("/Policies", json!({ "subject": format!("user-{id}"), "scope": "/a", "action": "a" }));
    let harmless = format!("/Policies/{}", harmless.await.check(201).id());
    let eve = admin.make("/Users", user("eve")).await;
    let own = admin.post("/Policies", policy(&eve, "durward.users.read")).await.check(201).id();
    let own = format!("/Policies/{own}");
    let spelled =
        json!({ "subject": format!("user-{id}"), "scope": "DURWARD:/%75sers", "action": "durward" });
    let bulk = |method: &str, path: &str, data: &Value| {
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": method, "path": path, "bulkId": "a", "data": data }],
        })
    };
    let join = members("add", &[&id]);
    for caller in [&ada, &provider] {
        let refused = [
            caller.patch(ROLE, join.clone()).await,
            caller.put(ROLE, json!({ "name": "TenantAdmin", "members": [{ "value": id }] })).await,
            caller.post("/Policies", everything.clone()).await,
            caller.post("/Policies", spelled.clone()).await,
            caller.post("!/v1/policies", everything.clone()).await,
            caller.patch(&harmless, set("scope", json!("durward:/"))).await,
            caller.put(&harmless, everything.clone()).await,
            caller.patch(&own, set("subject", json!(format!("user-{id}")))).await,
            caller.patch(&own, set("scope", json!("/a"))).await,
            caller.delete(&own).await,
            caller.delete(&format!("!/v1{own}").replace("Policies", "policies")).await,
        ];
        for answer in refused {
            assert_eq!(answer.status, 403, "{}: {}", answer.asked, answer.text);
            assert!(detail(&answer).contains("`durward`"), "{}", answer.text);
        }
        for (method, path, data) in [("PATCH", ROLE, &join), ("POST", "/Policies", &everything)] {
            let answer = caller.post("/Bulk", bulk(method, path, data)).await.check(200).json();
            assert_eq!(answer["Operations"][0]["status"], "403", "{answer}");
        }
        // An action that is recorded as not active would be done by nobody.
        for name in ["durward", "durward.users.read", "services.iam"] {
            caller.post("/Actions", json!({ "name": name, "active": false })).await.check(409);
        }
    }
    ada.get("!/v1/sso").await.check(403);
    admin.patch(ROLE, join).await.check(204);
    ada.get("!/v1/sso").await.check(200);
    // From now on it is hers to give.
    let ben = ada.make("/Users", user("ben")).await;
    ada.patch(ROLE, members("add", &[&ben])).await.check(204);
}

/// A tenant with one administrator, by way of a group in a group.
struct Firm {
    world: World,
    admin: Caller,
    ada: String,
    ben: String,
    inner: String,
    outer: String,
}

impl Firm {
    async fn new() -> Self {
        let world = World::new().await;
        let admin = world.admin("acme").await;
        let ada = admin.make("/Users", user("ada")).await;
        let ben = admin.make("/Users", user("ben")).await;
        let inner = admin.make("/Groups", group("inner", &[&ada])).await;
        let outer = admin.make("/Groups", group("outer", &[&inner])).await;
        admin.patch(ROLE, members("add", &[&outer])).await.check(204);
        Self { world, admin, ada, ben, inner, outer }
    }

    /// Every way to take the last administrator away.
    fn ways(&self) -> Vec<(Method, String, Option<Value>)> {
        let Self { ada, inner, outer, .. } = self;
        let blocked = "urn:ietf:params:scim:schemas:extension:custom:2.0:User:blocked";
        let (user_path, inner_path, outer_path) =
            (format!("/Users/{ada}"), format!("/Groups/{inner}"), format!("/Groups/{outer}"));
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "DELETE", "path": user_path }],
        });
        vec![
            (Method::DELETE, user_path.clone(), None),
            (Method::PATCH, user_path.clone(), Some(set("active", json!(false)))),
            (Method::PATCH, user_path.clone(), Some(set(blocked, json!(true)))),
            (Method::PUT, user_path, Some(json!({ "userName": "ada", "active": false }))),
            (Method::DELETE, inner_path.clone(), None),
            (Method::PATCH, inner_path.clone(), Some(members("remove", &[ada]))),
            (Method::PUT, inner_path, Some(group("inner", &[]))),
            (Method::DELETE, outer_path.clone(), None),
            (Method::PATCH, outer_path, Some(members("replace", &[&self.ben]))),
            (Method::PATCH, ROLE.to_owned(), Some(members("remove", &[outer]))),
            (
                Method::PATCH,
                ROLE.to_owned(),
                Some(operations(json!([{ "op": "remove", "path": "members" }]))),
            ),
            (Method::POST, "/Bulk".to_owned(), Some(bulk)),
        ]
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let firm = Firm::new().await;
    // Somebody who is no longer active is none.
    let eve = firm.admin.make("/Users", user("eve")).await;
    firm.admin.patch(&format!("/Users/{eve}"), set("active", json!(false))).await.check(200);
    firm.admin.patch(ROLE, members("add", &[&eve])).await.check(204);
    let why = "the tenant would be left without an administrator: nobody else who is active has the role `TenantAdmin`";
    for (method, path, body) in firm.ways() {
        // Replacing the members of a group by others who are active leaves one.
        let leaves_one = path.contains(&firm.outer) && method == Method::PATCH;
        if leaves_one {
            continue;
        }
        let answer = firm.admin.send(method, &path, body).await;
        if path == "/Bulk" {
            let done = &answer.check(200).json()["Operations"][0];
            assert_eq!((&done["status"], &done["response"]["detail"]), (&json!("409"), &json!(why)));
            continue;
        }
        assert_eq!(detail(&answer.check(409)), why);
    }
    let ada = standing_for(&firm.world, &firm.ada, &[]).await;
    assert_eq!(detail(&ada.delete("/Me").await.check(409)), why);
    assert_eq!(detail(&ada.patch("/Me", set("active", json!(false))).await.check(409)), why);
    ada.get("!/v1/sso").await.check(200);
    // What does not concern it is free, and so is everything once there is another.
    firm.admin.delete(&format!("/Users/{eve}")).await.check(204);
    firm.admin.patch(&format!("/Users/{}", firm.ada), set("title", json!("Chief"))).await.check(200);
    firm.admin.patch(ROLE, members("add", &[&firm.ben])).await.check(204);
    firm.admin.delete(&format!("/Groups/{}", firm.outer)).await.check(204);
    firm.admin.delete(&format!("/Users/{}", firm.ada)).await.check(204);
    assert_eq!(detail(&firm.admin.delete(&format!("/Users/{}", firm.ben)).await.check(409)), why);
    // The operator deletes the tenant with all who are in it.
    firm.world.iam.delete_tenant(OPERATOR, "acme").await.unwrap();
}

#[tokio::test]
async fn each_way_is_free_while_another_administrator_stays() {
    let count = Firm::new().await.ways().len();
    for way in 0..count {
        let firm = Firm::new().await;
        firm.admin.patch(ROLE, members("add", &[&firm.ben])).await.check(204);
        let (method, path, body) = firm.ways().swap_remove(way);
        if path == ROLE && body.as_ref().unwrap()["Operations"][0].get("value").is_none() {
            // All go at once.
            firm.admin.send(method, &path, body).await.check(409);
            continue;
        }
        let answer = firm.admin.send(method, &path, body).await;
        assert!(answer.status.is_success(), "{}: {}", answer.asked, answer.text);
    }
}

#[tokio::test]
async fn the_last_administrator_hands_over_in_one_write() {
    let swap = |leaves: &str, joins: &str| {
        operations(json!([
            { "op": "add", "path": "members", "value": [{ "value": joins }] },
            { "op": "remove", "path": format!("members[value eq \"{leaves}\"]") },
        ]))
    };
    // Ben comes himself, or by a group; to the role, to the group that has it, or to the group in that.
    for way in 0..8 {
        let firm = Firm::new().await;
        let Firm { admin, ada, ben, inner, outer, .. } = &firm;
        let crew = admin.make("/Groups", group("crew", &[ben])).await;
        let role = |id: &str| json!({ "name": "TenantAdmin", "members": [{ "value": id }] });
        let (inner, outer_path) = (format!("/Groups/{inner}"), format!("/Groups/{outer}"));
        let done = match way {
            0 => admin.patch(ROLE, members("replace", &[ben])).await,
            1 => admin.patch(ROLE, swap(outer, ben)).await,
            2 => admin.put(ROLE, role(ben)).await,
            3 => admin.put(ROLE, role(&crew)).await,
            4 => admin.put(&inner, group("inner", &[ben])).await,
            5 => admin.patch(&inner, swap(ada, ben)).await,
            6 => admin.patch(&outer_path, members("replace", &[&crew])).await,
            _ => admin.patch(&inner, swap(ada, &crew)).await,
        };
        assert!(done.status.is_success(), "{way}: {}", done.text);
        let there = standing_for(&firm.world, ben, &[]).await;
        there.get("!/v1/sso").await.check(200);
        standing_for(&firm.world, ada, &[]).await.get("!/v1/sso").await.check(403);
        // Now he is the last.
        admin.delete(&format!("/Users/{ada}")).await.check(204);
        admin.delete(&format!("/Users/{ben}")).await.check(409);
    }
}

#[tokio::test]
async fn who_could_not_administer_is_handed_nothing() {
    let firm = Firm::new().await;
    let Firm { admin, ada, ben, inner, outer, .. } = &firm;
    admin.patch(&format!("/Users/{ben}"), set("active", json!(false))).await.check(200);
    let crew = admin.make("/Groups", group("crew", &[ben])).await;
    let robot = admin.make("/Clients", json!({ "name": "Robot" })).await;
    let empty = admin.make("/Groups", group("empty", &[&robot])).await;
    for nobody in [ben, &crew, &robot, &empty] {
        for path in [ROLE, &format!("/Groups/{outer}"), &format!("/Groups/{inner}")] {
            let refused = admin.patch(path, members("replace", &[nobody])).await.check(409);
            assert!(detail(&refused).starts_with("the tenant would be left without an administrator"));
        }
    }
    // Who is not there at all is refused as that.
    let refused = admin.patch(ROLE, members("replace", &["nobody"])).await;
    assert!([400, 409].contains(&refused.status.as_u16()), "{}", refused.text);
    standing_for(&firm.world, ada, &[]).await.get("!/v1/sso").await.check(200);
}

#[tokio::test]
async fn of_a_handover_and_the_end_of_its_heir_one_is_refused() {
    for round in 0..8 {
        let world = World::new().await;
        let beside = world.beside().await;
        let admin = world.admin("acme").await;
        let there = Caller { router: beside.router.clone(), ..admin.clone() };
        let ada = admin.make("/Users", user("ada")).await;
        let ben = admin.make("/Users", user("ben")).await;
        let crew = admin.make("/Groups", group("crew", &[&ben])).await;
        admin.patch(ROLE, members("add", &[&ada])).await.check(204);
        let heir = if round % 2 == 0 { &ben } else { &crew };
        let handover = admin.patch(ROLE, members("replace", &[heir]));
        let end = async {
            match round % 4 {
                0 => there.delete(&format!("/Users/{ben}")).await,
                1 => there.patch(&format!("/Groups/{crew}"), members("remove", &[&ben])).await,
                2 => there.patch(&format!("/Users/{ben}"), set("active", json!(false))).await,
                _ => there.delete(&format!("/Groups/{crew}")).await,
            }
        };
        let (handover, end) = tokio::join!(handover, end);
        let refused = [&handover, &end].into_iter().filter(|answer| !answer.status.is_success()).count();
        assert_eq!(refused, 1, "{round}: {} {}", handover.text, end.text);
    }
}

#[tokio::test]
async fn a_tenant_that_has_no_administrator_needs_none() {
    let world = World::new().await;
    let admin = world.admin("acme").await;
    let ada = admin.make("/Users", user("ada")).await;
    let crew = admin.make("/Groups", group("crew", &[&ada])).await;
    admin.patch(ROLE, members("add", &[&crew])).await.check(204);
    let ben = admin.make("/Users", user("ben")).await;
    admin.patch(&format!("/Groups/{crew}"), members("add", &[&ben])).await.check(204);
    admin.patch(&format!("/Users/{ada}"), set("active", json!(false))).await.check(200);
    admin.patch(&format!("/Users/{ben}"), set("active", json!(false))).await.check(409);
    // Nobody in it is active any more, and it may go.
    let other = World::new().await;
    let admin = other.admin("acme").await;
    let eve = admin.make("/Users", json!({ "userName": "eve", "active": false })).await;
    admin.patch(ROLE, members("add", &[&eve])).await.check(204);
    admin.patch(ROLE, members("remove", &[&eve])).await.check(204);
    let dan = admin.make("/Users", user("dan")).await;
    admin.delete(&format!("/Users/{dan}")).await.check(204);
}

#[tokio::test]
async fn of_two_who_go_at_once_one_stays() {
    for round in 0..12 {
        let world = World::new().await;
        let beside = world.beside().await;
        let admin = world.admin("acme").await;
        let there = Caller { router: beside.router.clone(), ..admin.clone() };
        let ada = admin.make("/Users", user("ada")).await;
        let ben = admin.make("/Users", user("ben")).await;
        let crew = admin.make("/Groups", group("crew", &[&ben])).await;
        admin.patch(ROLE, members("add", &[&ada, &crew])).await.check(204);
        let (ada, ben) = (format!("/Users/{ada}"), ben.clone());
        let one = async {
            match round % 3 {
                0 => admin.delete(&ada).await,
                1 => admin.patch(&ada, set("active", json!(false))).await,
                _ => admin.patch(ROLE, members("remove", &[ada.trim_start_matches("/Users/")])).await,
            }
        };
        let other = async {
            match round % 4 {
                0 => there.delete(&format!("/Users/{ben}")).await,
                1 => there.delete(&format!("/Groups/{crew}")).await,
                2 => there.patch(&format!("/Groups/{crew}"), members("remove", &[&ben])).await,
                _ => there.patch(ROLE, members("remove", &[&crew])).await,
            }
        };
        let (one, other) = tokio::join!(one, other);
        let refused = [&one, &other].into_iter().filter(|answer| answer.status == 409).count();
        assert_eq!(refused, 1, "{round}: {} {}", one.text, other.text);
    }
}

#[tokio::test]
async fn a_tenant_that_came_without_the_role_gets_it_at_the_next_start() {
    let world = World::new().await;
    let store = world.iam.store();
    let tenant = store.tenants().create("initech", 1, "test").await.unwrap();
    assert!(store.tenant(tenant.id).record("Role", "TenantAdmin").await.unwrap().is_none());
    for _ in 0..2 {
        world.iam.make_administrators(OPERATOR).await.unwrap();
        let role = store.tenant(tenant.id).record("Role", "TenantAdmin").await.unwrap().unwrap();
        assert_eq!(role.version, 1);
    }
}
