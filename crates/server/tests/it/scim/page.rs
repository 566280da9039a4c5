//! Pages: by index (RFC 7644 §3.4.2.4) and by cursor (RFC 9865).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Caller, World, encoded, operations, user};

async fn crowd(world: &World, people: usize) -> Caller {
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    globex.post("/Users", user("stranger")).await;
    for n in 0..people {
        // Resources that are made in the same millisecond have no order among them.
        world.pass(Duration::from_millis(1));
        let title = ["even", "odd"][n % 2];
        acme.make(
            "/Users",
            json!({ "userName": format!("u{n:02}"), "title": title, "nickName": format!("n{}", n % 3) }),
        )
        .await;
    }
    acme
}

fn names(page: &Value) -> Vec<String> {
    let resources = page["Resources"].as_array().unwrap();
    assert_eq!(page["itemsPerPage"], resources.len());
    resources.iter().map(|r| r["userName"].as_str().unwrap().to_owned()).collect()
}

async fn page(caller: &Caller, query: &str) -> Value {
    caller.get(&format!("/Users?{query}")).await.check(200).json()
}

/// Every page from the first to the last, by cursor.
async fn walk(caller: &Caller, query: &str) -> Vec<Value> {
    let mut pages = vec![page(caller, &format!("{query}&cursor=")).await];
    while let Some(next) = pages.last().unwrap()["nextCursor"].as_str() {
        pages.push(page(caller, &format!("{query}&cursor={next}")).await);
        assert!(pages.len() < 100, "the cursors of {query} never end");
    }
    pages
}

#[tokio::test]
async fn index_pages_show_everything_exactly_once() {
    let world = World::new().await;
    let acme = crowd(&world, 23).await;
    for (query, total) in [
        ("", 23),
        ("&sortBy=userName&sortOrder=descending", 23),
        ("&sortBy=nickName", 23),
        ("&filter=title%20eq%20%22odd%22", 11),
        ("&filter=userName%20sw%20%22u1%22", 10),
        ("&filter=userName%20sw%20%22u1%22&sortBy=nickName", 10),
        ("&filter=nickName%20pr%20and%20meta.created%20gt%20%222020-01-01T00:00:00Z%22", 23),
    ] {
        let mut seen = Vec::new();
        for start in (1..=total).step_by(4) {
            let page = page(&acme, &format!("startIndex={start}&count=4{query}")).await;
            assert_eq!(
                (&page["totalResults"], &page["startIndex"]),
                (&json!(total), &json!(start)),
                "{query}"
            );
            assert!(page.get("nextCursor").is_none());
            seen.extend(names(&page));
        }
        assert_eq!(seen.len(), total, "{query}: {seen:?}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), total, "{query}: {seen:?}");
    }
}

#[tokio::test]
async fn a_page_may_begin_and_end_anywhere() {
    let world = World::new().await;
    let acme = crowd(&world, 5).await;
    for (query, start, expected) in [
        ("", 1, 5),
        ("startIndex=0", 1, 5),
        ("startIndex=-7", 1, 5),
        ("startindex=0&count=5", 1, 5),
        ("startIndex=3", 3, 3),
        ("startIndex=6", 6, 0),
        ("startIndex=1000000", 1_000_000, 0),
        ("startIndex=9223372036854775807", i64::MAX, 0),
        ("count=0", 1, 0),
        ("count=-3", 1, 0),
        ("count=2", 1, 2),
        ("count=1000000000", 1, 5),
        ("count=99999999999999999999", 1, 5),
        ("count=-99999999999999999999", 1, 0),
        ("startIndex=99999999999999999999", i64::MAX, 0),
        ("startIndex=-99999999999999999999", 1, 5),
        ("startIndex=5&count=5", 5, 1),
        ("count=0&filter=title%20pr", 1, 0),
        ("startIndex=2&count=2&filter=title%20pr", 2, 2),
        ("startIndex=&count=", 1, 5),
    ] {
        let page = page(&acme, query).await;
        assert_eq!(page["totalResults"], 5, "{query}");
        assert_eq!(page["startIndex"], start, "{query}");
        assert_eq!(names(&page).len(), expected, "{query}");
        assert_eq!(page["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    }
    let nothing = page(&acme, "filter=userName%20eq%20%22nobody%22").await;
    assert_eq!((&nothing["totalResults"], &nothing["Resources"]), (&json!(0), &json!([])));
    for (query, kind) in
        [("count=many", "invalidCount"), ("startIndex=1.5", "invalidValue"), ("count=2.5", "invalidCount")]
    {
        let body = acme.get(&format!("/Users?{query}")).await.check(400).json();
        assert_eq!(body["scimType"], kind, "{query}");
    }
}

#[tokio::test]
async fn cursors_lead_through_everything_and_back() {
    let world = World::new().await;
    let acme = crowd(&world, 10).await;
    for (query, total) in [
        ("count=3", 10),
        ("count=5", 10),
        ("count=3&sortBy=userName&sortOrder=descending", 10),
        ("count=3&sortBy=nickName", 10),
        ("count=3&sortBy=nickName&sortOrder=descending", 10),
        ("count=2&filter=title%20eq%20%22odd%22", 5),
        ("count=2&filter=title%20eq%20%22odd%22&sortBy=nickName", 5),
        ("count=2&filter=not%20(title%20eq%20%22odd%22)%20or%20nickName%20eq%20%22none%22", 5),
        ("count=4&filter=userName%20sw%20%22u0%22", 10),
        ("count=4&filter=userName%20sw%20%22u0%22%20and%20title%20eq%20%22even%22", 5),
        ("count=3&filter=meta.lastModified%20gt%20%222020-01-01T00:00:00Z%22", 10),
        ("count=3&filter=meta.lastModified%20gt%20%222020-01-01T00:00:00Z%22&sortBy=id", 10),
    ] {
        let pages = walk(&acme, query).await;
        let seen: Vec<_> = pages.iter().flat_map(names).collect();
        assert_eq!(seen.len(), total, "{query}: {seen:?}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), total, "{query}: {seen:?}");
        for page in &pages {
            assert!(page.get("startIndex").is_none(), "{page}");
            assert!(page.get("totalResults").is_none_or(|n| *n == total), "{query}");
        }
        assert!(pages[0].get("previousCursor").is_none());
        // Backwards over the same pages, and forwards again from the middle.
        for at in (1..pages.len()).rev() {
            let Some(previous) = pages[at]["previousCursor"].as_str() else {
                panic!("{query}: page {at} has no way back")
            };
            let back = page(&acme, &format!("{query}&cursor={previous}")).await;
            assert_eq!(names(&back), names(&pages[at - 1]), "{query}: back from page {at}");
            let next = back["nextCursor"].as_str().unwrap();
            let again = page(&acme, &format!("{query}&cursor={next}")).await;
            assert_eq!(names(&again), names(&pages[at]), "{query}: and to page {at} again");
        }
    }
}

#[tokio::test]
async fn whoever_pages_by_cursor_misses_nobody_while_others_come_and_go() {
    let world = World::new().await;
    for query in [
        "count=3&sortBy=userName",
        "count=3",
        "count=3&filter=nickName%20sw%20%22n%22",
        "count=3&sortBy=title",
    ] {
        let acme = crowd(&world, 9).await;
        let first = page(&acme, &format!("{query}&cursor=")).await;
        // What the cursor points at is deleted, and so is somebody who has been seen.
        for gone in [&first["Resources"][2], &first["Resources"][0]] {
            acme.delete(&format!("/Users/{}", gone["id"].as_str().unwrap())).await.check(204);
        }
        acme.make("/Users", json!({ "userName": "u0", "title": "even", "nickName": "n" })).await;
        let mut seen = names(&first);
        let mut next = first["nextCursor"].as_str().map(str::to_owned);
        while let Some(cursor) = next {
            let page = page(&acme, &format!("{query}&cursor={cursor}")).await;
            seen.extend(names(&page));
            next = page["nextCursor"].as_str().map(str::to_owned);
        }
        for n in 0..9 {
            let name = format!("u{n:02}");
            assert_eq!(seen.iter().filter(|s| **s == name).count(), 1, "{query}: {name} in {seen:?}");
        }
        for id in acme.find("/Users", "userName pr").await {
            acme.delete(&format!("/Users/{id}")).await.check(204);
        }
    }
}

#[tokio::test]
async fn an_empty_cursor_begins_and_no_page_is_empty() {
    let world = World::new().await;
    let acme = crowd(&world, 4).await;
    let begun = page(&acme, "cursor&count=3").await;
    assert_eq!(names(&begun), ["u00", "u01", "u02"]);
    assert_eq!(begun["totalResults"], 4);
    let cursor = begun["nextCursor"].as_str().unwrap();
    assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{cursor}");
    // RFC 9865 §2: a count is positive; an answer without `nextCursor` would say that the list ended.
    for query in [
        "cursor=&count=0",
        "cursor=&count=-3",
        "cursor=&count=0&filter=title%20pr",
        &format!("cursor={cursor}&count=0"),
    ] {
        let refused = acme.get(&format!("/Users?{query}")).await.check(400).json();
        assert_eq!(refused["scimType"], "invalidCount", "{query}");
    }
    let whole = page(&acme, "cursor=&count=4").await;
    assert!(whole.get("nextCursor").is_none(), "{whole}");
}

#[tokio::test]
async fn a_cursor_expires_by_the_clock() {
    let world = World::new().await;
    let acme = crowd(&world, 4).await;
    let cursor = page(&acme, "cursor=&count=2").await["nextCursor"].as_str().unwrap().to_owned();
    world.pass(Duration::from_secs(3_600));
    page(&acme, &format!("cursor={cursor}&count=2")).await;
    world.pass(Duration::from_secs(1));
    let body = acme.get(&format!("/Users?cursor={cursor}&count=2")).await.check(400).json();
    assert_eq!((&body["scimType"], &body["status"]), (&json!("expiredCursor"), &json!("400")));
}

#[tokio::test]
async fn a_cursor_is_good_for_its_query_and_its_owner_only() {
    let world = World::new().await;
    let acme = crowd(&world, 6).await;
    let (other, globex) = (world.provider("acme").await, world.provider("globex").await);
    let query = format!("filter={}&sortBy=userName&count=2", encoded("userName pr"));
    let cursor = page(&acme, &format!("{query}&cursor=")).await["nextCursor"].as_str().unwrap().to_owned();
    page(&acme, &format!("{query}&cursor={cursor}")).await;
    let mut tampered = cursor.clone().into_bytes();
    tampered[12] = if tampered[12] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let requests = [
        (&acme, format!("/Users?{query}&cursor={tampered}")),
        (&acme, format!("/Users?{query}&cursor={}", &cursor[1..])),
        (&acme, format!("/Users?{query}&cursor=hello")),
        (&acme, format!("/Users?{query}&cursor=%20")),
        (&acme, format!("/Users?{query}&cursor={}", "A".repeat(5_000))),
        (&acme, format!("/Users?{query}&sortOrder=descending&cursor={cursor}")),
        (&acme, format!("/Users?sortBy=userName&count=2&cursor={cursor}")),
        (&acme, format!("/Users?filter=userName%20pr&count=2&cursor={cursor}")),
        (&acme, format!("/Groups?sortBy=displayName&cursor={cursor}")),
        (&acme, format!("?{query}&cursor={cursor}")),
        (&other, format!("/Users?{query}&cursor={cursor}")),
        (&globex, format!("/Users?{query}&cursor={cursor}")),
    ];
    for (caller, target) in requests {
        let body = caller.get(&target).await.check(400).json();
        assert_eq!(body["scimType"], "invalidCursor", "{target}: {body}");
    }
    let body = acme.get(&format!("/Users?{query}&cursor={cursor}&startIndex=1")).await.check(400).json();
    assert_eq!(body["scimType"], "invalidValue", "{body}");
}

#[tokio::test]
async fn a_page_by_cursor_shows_what_is_now() {
    let world = World::new().await;
    let acme = crowd(&world, 4).await;
    let first = page(&acme, "cursor=&count=2&sortBy=userName").await;
    let last = acme.find("/Users", r#"userName eq "u03""#).await.remove(0);
    let rename = operations(json!([{ "op": "replace", "path": "title", "value": "moved" }]));
    acme.patch(&format!("/Users/{last}"), rename).await.check(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = page(&acme, &format!("cursor={cursor}&count=2&sortBy=userName")).await;
    assert_eq!(names(&second), ["u02", "u03"]);
    assert_eq!(second["Resources"][1]["title"], "moved");
}
