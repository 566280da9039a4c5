//! What is measured: the table of issue 2, section 6, as data.

use crate::measure::Scale;
use crate::site::{Server, Site};
use crate::{Result, data};

/// Members of a small group.
pub(crate) const TEAM: usize = 10;
/// Requests made beforehand for a work that repeats: more than caches of a single thing would profit from.
const PREPARED: usize = 20_000;
/// A prime, so that numbers times it meet every user once before they meet one twice, and not in the order of ids.
const PRIME: usize = 7_919;

const ALL: &[Server] = &[Server::Durward, Server::Ceiling, Server::Bare];
/// The ceiling decides nothing.
const DECIDING: &[Server] = &[Server::Durward, Server::Bare];
/// What is no less work for the others.
const ALONE: &[Server] = &[Server::Durward];
const BOTH: &[Server] = &[Server::Durward, Server::Ceiling];

/// The number of the user in a place of a team. It may exceed the number of users, and is then counted from the start.
pub(crate) fn stride(team: usize, place: usize) -> usize {
    team * 101 + place * PRIME
}

/// One kind of request.
pub(crate) struct Work {
    /// What figures and `--only` call it.
    pub(crate) name: &'static str,
    /// What the table calls it.
    pub(crate) label: String,
    pub(crate) servers: &'static [Server],
    /// Whether it goes to the small directory.
    pub(crate) is_small: bool,
    pub(crate) connections: usize,
    /// Whether the requests can be sent over and over.
    pub(crate) repeats: bool,
    pub(crate) expected: u16,
    /// At most so many times the ceiling's processor time.
    pub(crate) reach: Option<f64>,
    /// The requests of a round.
    pub(crate) requests: fn(&mut Site, &Scale, round: usize) -> Vec<Vec<u8>>,
}

type Requests = fn(&mut Site, &Scale, usize) -> Vec<Vec<u8>>;

fn read(
    name: &'static str,
    label: impl Into<String>,
    reach: impl Into<Option<f64>>,
    requests: Requests,
) -> Work {
    let (label, reach) = (label.into(), reach.into());
    Work {
        name,
        label,
        servers: BOTH,
        is_small: false,
        connections: 16,
        repeats: true,
        expected: 200,
        reach,
        requests,
    }
}

fn write(
    name: &'static str,
    label: impl Into<String>,
    reach: f64,
    expected: u16,
    requests: Requests,
) -> Work {
    Work { repeats: false, expected, ..read(name, label, reach, requests) }
}

/// The works to measure. Reads come first, as writes make the directory grow.
pub(crate) fn chosen(scale: &Scale, only: Option<&str>) -> Result<Vec<Vec<Work>>> {
    let mut suites: Vec<Vec<Work>> = reads(scale).into_iter().map(|work| vec![work]).collect();
    suites.extend([members(scale), vec![active()], creations()]);
    if let Some(only) = only {
        suites.retain(|works| works.iter().any(|work| work.name.contains(only)));
        if suites.is_empty() {
            return Err(format!("no work has `{only}` in its name").into());
        }
    }
    // Reads leave everything as it was: they can be one suite, whose works take turns.
    let (reads, writes): (Vec<_>, Vec<_>) =
        suites.into_iter().partition(|works| works.iter().all(|work| work.repeats));
    let reads: Vec<Work> = reads.into_iter().flatten().collect();
    Ok(std::iter::once(reads).chain(writes).filter(|works| !works.is_empty()).collect())
}

/// One work by its name.
pub(crate) fn named(name: &str, scale: &Scale) -> Result<Work> {
    let works = reads(scale).into_iter().chain(creations()).find(|work| work.name == name);
    works.ok_or_else(|| format!("no work is called `{name}`").into())
}

fn reads(scale: &Scale) -> Vec<Work> {
    let (users, small) = (grouped(scale.users), grouped(scale.small));
    vec![
        Work { servers: ALL, ..read("get", "GET /Users/{id}", 1.5, get) },
        Work {
            servers: ALONE, ..read("get-alone", "… without what is beside the record", None, get_alone)
        },
        read("filter-hit", format!("filter `userName eq`, hit, {users} users"), 1.6, hit),
        Work { is_small: true, ..read("filter-hit-small", format!("… hit, {small} users"), None, hit) },
        read("filter-miss", format!("… miss, {users} users"), 1.6, miss),
        Work { is_small: true, ..read("filter-miss-small", format!("… miss, {small} users"), None, miss) },
        read("page-first", "page of 100 users, startIndex 1", 1.6, |site, _, _| page(site, 1)),
        read("page-far", format!("… startIndex {}", grouped(far(scale))), None, |site, scale, _| {
            page(site, far(scale))
        }),
        read("cursor-first", "… by cursor, the first", 1.6, |site, _, _| {
            vec![site.request("GET", "/Users?count=100&cursor", None)]
        }),
        read("cursor-far", format!("… by cursor, at {}", grouped(far(scale))), 1.6, |site, _, _| {
            vec![site.request("GET", &site.far_page, None)]
        }),
        read(
            "group-whole",
            format!("GET a group of {} members", grouped(scale.users / 10)),
            1.6,
            |site, _, _| vec![site.request("GET", &format!("/Groups/{}", site.tenth), None)],
        ),
        read("group-excluded", "… excludedAttributes=members", 1.6, |site, _, _| {
            vec![site.request("GET", &format!("/Groups/{}?excludedAttributes=members", site.tenth), None)]
        }),
        Work {
            servers: DECIDING,
            ..read("evaluation", "POST /access/v1/evaluation", None, |site, _, _| {
                (0..PREPARED)
                    .map(|number| {
                        let (user, thing) = asked(site, number);
                        site.question("/evaluation", &data::evaluation(user, thing))
                    })
                    .collect()
            })
        },
        Work {
            servers: DECIDING,
            ..read("evaluations-100", "POST /access/v1/evaluations, 100 of them", None, |site, _, _| {
                (0..PREPARED / data::QUESTIONS)
                    .map(|batch| {
                        let numbers = (0..data::QUESTIONS).map(|number| batch * data::QUESTIONS + number);
                        site.question("/evaluations", &data::evaluations(numbers.map(|n| asked(site, n))))
                    })
                    .collect()
            })
        },
    ]
}

/// Members go from the group of all users and come back; they come to groups of ten and go again.
fn members(scale: &Scale) -> Vec<Work> {
    let users = grouped(scale.users);
    vec![
        write(
            "remove-large",
            format!("PATCH remove a member, group of {users}"),
            1.6,
            204,
            |site, scale, round| large(site, scale, round, remove),
        ),
        write(
            "add-large",
            format!("PATCH add a member, group of {users}"),
            1.6,
            204,
            |site, scale, round| large(site, scale, round, add),
        ),
        write("add-small", format!("PATCH add a member, group of {TEAM}"), 1.6, 204, |site, scale, _| {
            small(site, scale, add)
        }),
        write(
            "remove-small",
            format!("PATCH remove a member, group of {TEAM}"),
            1.6,
            204,
            |site, scale, _| small(site, scale, remove),
        ),
    ]
}

/// Every user becomes inactive, then active again.
fn active() -> Work {
    write("patch-active", "PATCH active", 1.6, 200, |site, scale, round| {
        let patch = |(number, value): (usize, bool)| {
            let body = data::patch("replace", &format!(r#""path":"active","value":{value}"#));
            let number = (round * scale.writes + number) * PRIME;
            site.request("PATCH", &format!("/Users/{}", site.user(number)), Some(&body))
        };
        [false, true]
            .into_iter()
            .flat_map(|value| (0..scale.writes).map(move |n| (n, value)))
            .map(patch)
            .collect()
    })
}

fn creations() -> Vec<Work> {
    let label = "POST /Users";
    vec![
        write("create", label, 1.6, 201, |site, scale, _| create(site, scale.writes)),
        Work {
            connections: 64,
            ..write("create-64", format!("{label}, 64 connections"), 1.6, 201, |site, scale, _| {
                create(site, scale.writes)
            })
        },
        Work {
            connections: 1,
            reach: None,
            ..write("create-1", format!("{label}, 1 connection"), 0.0, 201, |site, scale, _| {
                create(site, scale.writes_singly)
            })
        },
    ]
}

/// Who is asked about, and the number of the thing: two in three are allowed, as the user is in the team that may.
fn asked(site: &Site, number: usize) -> (&str, usize) {
    let team = number * PRIME % site.teams.len().max(1);
    let other = usize::from(number.is_multiple_of(3));
    (site.user(stride(team, number % TEAM)), (team + other) % site.teams.len().max(1))
}

fn far(scale: &Scale) -> usize {
    scale.users / 10 * 9
}

fn get(site: &mut Site, _: &Scale, _: usize) -> Vec<Vec<u8>> {
    (0..PREPARED).map(|n| site.request("GET", &format!("/Users/{}", site.user(n * PRIME)), None)).collect()
}

/// The document as it is kept: no groups, no roles, and of the manager what the client had set.
fn get_alone(site: &mut Site, _: &Scale, _: usize) -> Vec<Vec<u8>> {
    const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    let without = format!("?excludedAttributes=groups,roles,{MANAGER}.$ref,{MANAGER}.displayName");
    let path = |site: &Site, n: usize| format!("/Users/{}{without}", site.user(n * PRIME));
    (0..PREPARED).map(|n| site.request("GET", &path(site, n), None)).collect()
}

fn hit(site: &mut Site, _: &Scale, _: usize) -> Vec<Vec<u8>> {
    let users = site.users.len().max(1);
    (0..PREPARED).map(|n| find(site, &data::user_name(n * PRIME % users))).collect()
}

fn miss(site: &mut Site, _: &Scale, _: usize) -> Vec<Vec<u8>> {
    let users = site.users.len().max(1);
    (0..PREPARED).map(|n| find(site, &format!("{}.nobody", data::user_name(n * PRIME % users)))).collect()
}

fn find(site: &Site, name: &str) -> Vec<u8> {
    site.request("GET", &format!("/Users?filter=userName%20eq%20%22{}%22", name.replace('@', "%40")), None)
}

fn page(site: &Site, start: usize) -> Vec<Vec<u8>> {
    vec![site.request("GET", &format!("/Users?startIndex={start}&count=100"), None)]
}

fn add(site: &Site, group: &str, member: &str) -> Vec<u8> {
    let body = data::patch("add", &format!(r#""path":"members","value":[{{"value":"{member}"}}]"#));
    site.request("PATCH", &format!("/Groups/{group}"), Some(&body))
}

fn remove(site: &Site, group: &str, member: &str) -> Vec<u8> {
    let body = data::patch("remove", &format!(r#""path":"members[value eq \"{member}\"]""#));
    site.request("PATCH", &format!("/Groups/{group}"), Some(&body))
}

type Change = fn(&Site, &str, &str) -> Vec<u8>;

fn large(site: &Site, scale: &Scale, round: usize, change: Change) -> Vec<Vec<u8>> {
    let numbers = (0..scale.writes).map(|number| (round * scale.writes + number) * PRIME);
    numbers.map(|number| change(site, &site.large, site.user(number))).collect()
}

/// The teams take turns, so that none grows far beyond its size.
fn small(site: &Site, scale: &Scale, change: Change) -> Vec<Vec<u8>> {
    let teams = site.teams.iter().enumerate();
    let places = TEAM..TEAM + scale.writes / scale.teams.max(1);
    places
        .flat_map(|place| teams.clone().map(move |(team, id)| (id, stride(team, place))))
        .map(|(id, number)| change(site, id, site.user(number)))
        .collect()
}

fn create(site: &mut Site, count: usize) -> Vec<Vec<u8>> {
    let first = site.next_user;
    site.next_user += count;
    (first..site.next_user).map(|number| site.request("POST", "/Users", Some(&data::user(number)))).collect()
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_team_has_no_member_twice() {
        for users in [1_000, 10_000, 100_000] {
            for team in 0..300 {
                let members: HashSet<_> = (0..TEAM + 5).map(|place| stride(team, place) % users).collect();
                assert_eq!(members.len(), TEAM + 5, "team {team} of {users} users");
            }
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, expected) in
            [(10, "10"), (1_000, "1,000"), (123_456, "123,456"), (1_000_000, "1,000,000")]
        {
            assert_eq!(grouped(number), expected);
        }
    }
}
