//! Filters (RFC 7644 §3.4.2.2) over HTTP: every operator on every type, paths of every shape, and their refusals.

use std::time::Duration;

use serde_json::json;

use crate::world::{Caller, World, encoded, group, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// Three people and two groups of acme, and a namesake in globex who must never be seen.
struct People {
    world: World,
    acme: Caller,
    ids: [String; 3],
    groups: [String; 2],
}

impl People {
    async fn new() -> Self {
        let world = World::new().await;
        let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
        globex.make("/Users", json!({ "userName": "ada", "title": "Analyst", "externalId": "E-1" })).await;
        let charles = acme
            .make(
                "/Users",
                json!({
                    "userName": "Charles", "active": false, "displayName": "Charles Babbage", "nickName": "Égide",
                    "emails": [{ "value": "charles@home.example", "type": "home" }],
                }),
            )
            .await;
        world.pass(Duration::from_secs(60));
        let ada = acme
            .make(
                "/Users",
                json!({
                    "userName": "ada", "externalId": "E-1", "displayName": "Ada \"Countess\" Lovelace",
                    "name": { "familyName": "Lovelace", "givenName": "Ada" }, "title": "Analyst",
                    "userType": "Employee", "profileUrl": "https://ada.example/Me", "password": "t0p-Secret-Word",
                    "emails": [
                        { "value": "Ada@Work.example", "type": "work", "primary": true },
                        { "value": "ada@home.example", "type": "home" },
                    ],
                    "addresses": [{ "type": "work", "locality": "London", "country": "GB" }],
                    "photos": [{ "value": "https://photos.example/Ada.png", "type": "photo" }],
                    "x509Certificates": [{ "value": "TUlJQg==" }],
                    "roles": [{ "value": "admin", "primary": true }, { "value": "reader" }],
                    ENTERPRISE: { "employeeNumber": "701", "department": "Engines", "manager": { "value": charles } },
                }),
            )
            .await;
        world.pass(Duration::from_secs(60));
        let grace = acme
            .make(
                "/Users",
                json!({ "userName": "grace", "title": "Admiral", ENTERPRISE: { "employeeNumber": "1906" } }),
            )
            .await;
        let crew = acme.make("/Groups", group("Crew", &[&ada, &grace])).await;
        let fleet = acme.make("/Groups", group("Fleet", &[&crew])).await;
        Self { world, acme, ids: [charles, ada, grace], groups: [crew, fleet] }
    }

    /// Whom a filter finds: the first letters of their names, in the order of the alphabet.
    async fn find(&self, path: &str, filter: &str) -> String {
        let target = format!("{path}?filter={}", encoded(filter));
        let found = self.acme.get(&target).await.check(200).json();
        let name = |r: &serde_json::Value| {
            r["userName"].as_str().or(r["displayName"].as_str()).unwrap()[..1].to_lowercase()
        };
        let mut names: Vec<_> = found["Resources"].as_array().unwrap().iter().map(name).collect();
        assert_eq!(found["totalResults"], names.len(), "{filter}");
        names.sort();
        names.concat()
    }

    #[track_caller]
    fn checked(&self, found: &str, expected: &str, filter: &str) {
        assert_eq!(found, expected, "{filter}");
    }

    async fn check(&self, path: &str, table: &[(&str, &str)]) {
        for (filter, expected) in table {
            self.checked(&self.find(path, filter).await, expected, filter);
        }
    }
}

#[tokio::test]
async fn every_operator_on_strings_regards_case_only_where_the_schema_says_so() {
    let people = People::new().await;
    let table = [
        (r#"userName eq "ADA""#, "a"),
        (r#"userName eq "charles""#, "c"),
        (r#"userName ne "Ada""#, "cg"),
        (r#"userName sw "CHA""#, "c"),
        (r#"userName co "A""#, "acg"),
        (r#"userName ew "E""#, "g"),
        (r#"userName gt "ada""#, "cg"),
        (r#"userName ge "ada""#, "acg"),
        (r#"userName lt "grace""#, "ac"),
        (r#"userName le "GRACE""#, "acg"),
        ("userName pr", "acg"),
        (r#"title eq "analyst""#, "a"),
        (r#"title ne "analyst""#, "cg"),
        (r#"title sw "A""#, "ag"),
        (r#"title co "mir""#, "g"),
        (r#"title ew "yst""#, "a"),
        (r#"title gt "admiral""#, "a"),
        (r#"title ge "Admiral""#, "ag"),
        (r#"title lt "B""#, "ag"),
        (r#"title le "Admiral""#, "g"),
        ("title pr", "ag"),
        ("not (title pr)", "c"),
        (r#"title eq """#, ""),
        (r#"title sw """#, "ag"),
        (r#"nickName eq "éGIDE""#, "c"),
        (r#"displayName eq "ada \"countess\" lovelace""#, "a"),
        (r#"displayName co "\u0042abbage""#, "c"),
        (r#"name.familyName eq "LOVELACE""#, "a"),
        (r#"name.familyName sw "love" and name.givenName eq "ada""#, "a"),
        ("name pr", "a"),
        (r#"externalId eq "E-1""#, "a"),
        (r#"externalId eq "e-1""#, ""),
        (r#"externalId sw "E""#, "a"),
        (r#"externalId ne "E-1""#, "cg"),
        ("externalId pr", "a"),
    ];
    people.check("/Users", &table).await;
}

#[tokio::test]
async fn booleans_references_binaries_and_null() {
    let people = People::new().await;
    let table = [
        ("active eq true", "ag"),
        ("active eq false", "c"),
        ("active ne true", "c"),
        ("active pr", "acg"),
        ("emails.primary eq true", "a"),
        ("emails.primary ne true", "cg"),
        (r#"profileUrl eq "https://ada.example/Me""#, "a"),
        (r#"profileUrl sw "https://ada""#, "a"),
        (r#"photos.value co "photos.example""#, "a"),
        (r#"photos.value eq "https://photos.example/ada.png""#, ""),
        (r#"x509Certificates.value eq "TUlJQg==""#, "a"),
        (r#"x509Certificates.value eq "tUlJQg==""#, ""),
        ("x509Certificates pr", "a"),
        ("title eq null", "c"),
        ("title ne null", "ag"),
    ];
    people.check("/Users", &table).await;
}

#[tokio::test]
async fn names_may_be_in_any_case_and_qualified_by_their_schema() {
    let people = People::new().await;
    for name in
        ["USERNAME", "username", &format!("{CORE}:userName"), &format!("{}:USERNAME", CORE.to_uppercase())]
    {
        assert_eq!(people.find("/Users", &format!(r#"{name} EQ "ada""#)).await, "a", "{name}");
    }
    let table = [
        (format!(r#"{CORE}:name.familyName eq "lovelace""#), "a"),
        (format!(r#"{CORE}:emails[type eq "home"]"#), "ac"),
        (format!(r#"{ENTERPRISE}:department eq "engines""#), "a"),
        (format!(r#"{ENTERPRISE}:employeeNumber pr"#), "ag"),
        (format!(r#"{ENTERPRISE}:employeeNumber gt "2""#), "a"),
        (format!(r#"{ENTERPRISE}:manager.value eq "{}""#, people.ids[0]), "a"),
        (format!(r#"{ENTERPRISE}:manager eq "{}""#, people.ids[0]), "a"),
        (format!(r#"{ENTERPRISE}:manager[value eq "{}"]"#, people.ids[0]), "a"),
        (format!(r#"{ENTERPRISE}:manager pr"#), "a"),
        (format!(r#"id eq "{}" and manager eq "{}""#, people.ids[1], people.ids[0]), "a"),
        (format!(r#"schemas eq "{ENTERPRISE}""#), "ag"),
        (format!(r#"schemas eq "{CORE}""#), "acg"),
    ];
    for (filter, expected) in table {
        assert_eq!(people.find("/Users", &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_value_path_is_about_one_value_and_a_dotted_name_about_any() {
    let people = People::new().await;
    let table = [
        (r#"emails[type eq "work" and value co "@WORK"]"#, "a"),
        (r#"emails[type eq "home" and value co "@work"]"#, ""),
        (r#"emails.type eq "home" and emails.value co "@work""#, "a"),
        (r#"emails[type eq "work" or value sw "charles"]"#, "ac"),
        (r#"emails[not (type eq "work")]"#, "ac"),
        (r#"not (emails[type eq "work"])"#, "cg"),
        (r#"emails[type eq "home"].value eq "ada@HOME.example""#, "a"),
        (r#"emails[type eq "work"].value eq "ada@home.example""#, ""),
        (r#"emails[primary eq true].value pr"#, "a"),
        (r#"emails eq "charles@home.example""#, "c"),
        (r#"emails co "home.example""#, "ac"),
        (r#"emails.value ne "charles@home.example""#, "ag"),
        (r#"addresses[type eq "work" and country eq "gb"]"#, "a"),
        (r#"addresses.locality eq "london""#, "a"),
        (r#"roles[value eq "admin"]"#, "a"),
        (r#"roles.value eq "reader""#, "a"),
        (r#"roles[value eq "reader" and primary eq true]"#, ""),
        ("emails pr", "ac"),
        ("emails[value pr]", "ac"),
    ];
    people.check("/Users", &table).await;
}

#[tokio::test]
async fn and_binds_tighter_than_or_and_parentheses_decide() {
    let people = People::new().await;
    let table = [
        (r#"userName eq "grace" or userName eq "ada" and active eq false"#, "g"),
        (r#"(userName eq "grace" or userName eq "ada") and active eq true"#, "ag"),
        (r#"active eq false and title pr or userName eq "ada""#, "a"),
        (r#"not (userName eq "ada") and active eq true"#, "g"),
        (r#"not (userName eq "ada" and active eq true)"#, "cg"),
        (r#"NOT (title PR) OR title Sw "an""#, "ac"),
        (r#"  userName   eq   "ada"  "#, "a"),
        (r#"((userName eq "ada"))"#, "a"),
    ];
    people.check("/Users", &table).await;
}

#[tokio::test]
async fn dates_are_instants_whatever_their_offset_and_fraction() {
    let people = People::new().await;
    // ada was made at 03:05:05.678Z.
    let table = [
        (r#"meta.created eq "2026-01-02T03:05:05.678Z""#, "a"),
        (r#"meta.created eq "2026-01-02T04:05:05.678000+01:00""#, "a"),
        (r#"meta.created gt "2026-01-02T03:05:05.678Z""#, "g"),
        (r#"meta.created ge "2026-01-01T22:05:05.678-05:00""#, "ag"),
        (r#"meta.lastModified lt "2026-01-02T03:05:05.679Z""#, "ac"),
        (r#"meta.lastModified le "2026-01-02T03:05:05.678Z""#, "ac"),
        (r#"meta.lastModified le "2026-01-02T03:05:05.677999Z""#, "c"),
        (
            r#"meta.lastModified gt "2026-01-02T03:05:05.6779Z" and meta.lastModified lt "2026-01-02T03:05:06Z""#,
            "a",
        ),
        (r#"meta.lastModified ne "2026-01-02T03:05:05.678Z""#, "cg"),
        (
            r#"active eq true and (meta.lastModified ge "2026-01-02T03:05:00Z" and meta.lastModified le "2026-01-02T03:06:00Z")"#,
            "a",
        ),
        (r#"meta.resourceType eq "User""#, "acg"),
        (r#"meta.resourceType eq "Group""#, ""),
        (r#"meta.version eq "W/\"1\"""#, "acg"),
        ("meta.created pr", "acg"),
    ];
    people.check("/Users", &table).await;
    for wrong in [r#"meta.created gt "yesterday""#, "meta.created gt 5"] {
        let answer = people.acme.get(&format!("/Users?filter={}", encoded(wrong))).await.check(400).json();
        assert_eq!(answer["scimType"], "invalidFilter", "{wrong}");
    }
}

#[tokio::test]
async fn ids_and_both_sides_of_membership() {
    let people = People::new().await;
    let ([charles, ada, _], [crew, fleet]) = (&people.ids, &people.groups);
    let users = [
        (format!(r#"id eq "{ada}""#), "a"),
        (format!(r#"id ne "{ada}""#), "cg"),
        (format!(r#"id eq "{}""#, ada.to_uppercase()), ""),
        (format!(r#"id eq "{ada}" or id eq "{charles}""#), "ac"),
        (format!(r#"groups.value eq "{crew}""#), "ag"),
        (format!(r#"groups.value eq "{fleet}""#), "ag"),
        (format!(r#"groups[value eq "{fleet}" and type eq "indirect"]"#), "ag"),
        (format!(r#"groups[value eq "{fleet}" and type eq "direct"]"#), ""),
        (format!(r#"groups eq "{crew}" and title eq "analyst""#), "a"),
        (r#"groups.display eq "crew""#.to_owned(), "ag"),
        ("not (groups pr)".to_owned(), "c"),
    ];
    for (filter, expected) in users {
        assert_eq!(people.find("/Users", &filter).await, expected, "{filter}");
    }
    let groups = [
        (format!(r#"members.value eq "{ada}""#), "c"),
        (format!(r#"members[value eq "{ada}"]"#), "c"),
        (format!(r#"members eq "{crew}""#), "f"),
        (format!(r#"members.value eq "{ada}" and displayName eq "fleet""#), ""),
        (r#"members.type eq "Group""#.to_owned(), "f"),
        (r#"members.display eq "ada \"countess\" lovelace""#.to_owned(), "c"),
        (r#"displayName eq "CREW""#.to_owned(), "c"),
        (r#"displayName sw "c" or displayName sw "F""#.to_owned(), "cf"),
        ("members pr".to_owned(), "cf"),
    ];
    for (filter, expected) in groups {
        assert_eq!(people.find("/Groups", &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn what_stands_in_an_object_of_any_form_is_found_by_its_own_type() {
    let people = People::new().await;
    for (name, properties) in [
        ("kay", json!({ "shift": "Night", "badge": 7 })),
        ("lou", json!({ "shift": ["day", "late"], "badge": "7", "on": true })),
    ] {
        people.acme.make("/Users", json!({ "userName": name, CUSTOM: { "properties": properties } })).await;
    }
    let place = format!("{CUSTOM}:properties");
    for (filter, expected) in [
        (format!(r#"{place}.shift eq "Night""#), "k"),
        (format!(r#"{place}.shift eq "night""#), ""),
        (format!(r#"{place}.shift sw "la""#), "l"),
        (format!("{place}.badge eq 7"), "k"),
        (format!("{place}.badge ge 6.5 or {place}.on eq true"), "kl"),
        (format!("{place}.on pr"), "l"),
        (format!("{place}.shift pr and {place}.on eq null"), "k"),
        (format!(r#"{place}.badge ne "7" and userName gt "h""#), "k"),
        (r#"properties.badge eq "7""#.to_owned(), "l"),
    ] {
        people.checked(&people.find("/Users", &filter).await, expected, &filter);
    }
    for wrong in [format!("{place}.on gt true"), format!("{place}.badge co 7"), format!("{place}.a.b pr")] {
        let target = format!("/Users?filter={}", encoded(&wrong));
        let answer = people.acme.get(&target).await.check(400).json();
        assert_eq!(answer["scimType"], "invalidFilter", "{wrong}");
    }
}

#[tokio::test]
async fn a_url_may_encode_a_filter_as_it_likes() {
    let people = People::new().await;
    for query in [
        "filter=userName+eq+%22ada%22",
        "filter=userName%20eq%20%22ada%22",
        "filter=userName+eq+%22ada%22&",
        "FILTER=userName%20eq%20%22ada%22&startIndex=1&count=100",
        "filter=%75serName%20eq%20%22%61da%22",
    ] {
        let found = people.acme.get(&format!("/Users?{query}")).await.check(200).json();
        assert_eq!(found["totalResults"], 1, "{query}");
    }
    people.acme.make("/Users", user("o'neil+tag&co@example.org")).await;
    assert_eq!(people.find("/Users", r#"userName eq "o'neil+tag&co@example.org""#).await, "o");
    let all = people.acme.get("/Users?filter=").await.check(200).json();
    assert_eq!(all["totalResults"], 4);
}

#[tokio::test]
async fn what_cannot_be_filtered_is_refused_and_says_what() {
    let people = People::new().await;
    let deep = format!("{}title pr{}", "(".repeat(50), ")".repeat(50));
    let long = format!(r#"title eq "{}""#, "x".repeat(9_000));
    let many = vec!["title pr"; 500].join(" or ");
    for (filter, named) in [
        (r#"nonsense eq "x""#, "nonsense"),
        (r#"name.nonsense eq "x""#, "nonsense"),
        (r#"emails[nonsense eq "x"]"#, "nonsense"),
        (r#"urn:example:other:User:department eq "x""#, "department"),
        (r#"members.value eq "x""#, "members"),
        (r#"password eq "t0p-Secret-Word""#, "password"),
        ("password pr", "password"),
        (r#"title foo "x""#, "foo"),
        ("title eq", ""),
        ("title", ""),
        (r#"eq "x""#, ""),
        (r#"title eq "x" and"#, ""),
        (r#"title eq "x" title eq "y""#, ""),
        (r#"(title eq "x""#, ""),
        (r#"emails[type eq "work""#, ""),
        (r#"title eq "x"#, ""),
        ("active gt true", "active"),
        ("active co \"t\"", "active"),
        (r#"x509Certificates.value gt "TUlJQg==""#, "x509Certificates"),
        (r#"name eq "x""#, "name"),
        (r#"title gt null"#, ""),
        (&deep, ""),
        (&long, ""),
        (&many, ""),
    ] {
        let answer = people.acme.get(&format!("/Users?filter={}", encoded(filter))).await.check(400);
        let body = answer.json();
        assert_eq!(body["scimType"], "invalidFilter", "{filter}: {body}");
        assert!(body["detail"].as_str().unwrap().contains(named), "{filter}: {body}");
        assert!(!answer.text.contains("t0p-Secret-Word"), "{body}");
    }
}

#[tokio::test]
async fn a_connection_filters_by_its_own_external_ids_only() {
    let people = People::new().await;
    let other = people.world.provider("acme").await;
    assert_eq!(other.find("/Users", r#"externalId eq "E-1""#).await, [""; 0]);
    assert_eq!(other.find("/Users", "externalId pr").await, [""; 0]);
    let nobody = people.world.nobody("acme");
    nobody.get("/Users?filter=nonsense").await.check(401);
    let globex = people.world.provider("globex").await;
    assert_eq!(globex.find("/Users", &format!(r#"id eq "{}""#, people.ids[1])).await, [""; 0]);
    assert_eq!(globex.find("/Users", &format!(r#"groups.value eq "{}""#, people.groups[0])).await, [""; 0]);
    assert_eq!(globex.find("/Users", r#"title eq "analyst""#).await.len(), 1);
}
