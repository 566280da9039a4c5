//! One decision, at the size that the figures are promised for and at a hundredth of it, and how long a rebuild takes.
//!
//! `cargo bench -p durward-authz --bench decide`
#![expect(clippy::indexing_slicing, clippy::panic, reason = "what cannot be set up is not measured")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use durward_authz::graph::{ActionRef, Change, Graph, Statement, Subject, SubjectKind, Target};
use durward_authz::{Action, Limits, Question, Scope, Standing, decide};

const SCOPE: durward_authz::scope::Limits = durward_authz::scope::Limits { bytes: 2_048, segments: 32 };
const LIMITS: Limits = Limits { groups: 10_000, paths: 20, steps: 10_000, others: 10, examined: 10_000 };

/// How many there are of everything.
#[derive(Clone, Copy)]
struct Size {
    users: u32,
    groups: u32,
    roles: u32,
    permissions: u32,
    resources: u32,
}

const LARGE: Size =
    Size { users: 100_000, groups: 2_000, roles: 1_000, permissions: 10_000, resources: 50_000 };
const SMALL: Size = Size { users: 1_000, groups: 20, roles: 10, permissions: 100, resources: 500 };

/// An id as records have them.
fn id(kind: u32, number: u32) -> String {
    format!("0198c0de-{kind:04x}-7abc-8def-{:012x}", u64::from(number) * 0x9E37_79B9)
}

/// Numbers that are spread and the same in each run.
fn spread(number: u32, salt: u32, within: u32) -> u32 {
    (number.wrapping_mul(0x9E37_79B9) ^ salt.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35) % within
}

fn user(id: &str) -> Subject<'_> {
    Subject { kind: SubjectKind::User, id }
}

/// Each user is in two teams, each team in a department, each department in a division. A group has one role and a user one more, so
/// that a user has about as much at either size; each role has ten permissions, each permission two statements on a resource or, one
/// in fifty, on all of them.
fn graph(size: Size) -> Graph {
    let mut graph = Graph::seeded(1);
    let mut apply = |change: Change<'_>| graph.apply(&change).unwrap_or_else(|full| panic!("{full}"));
    let verbs = ["read", "write", "share", "manage"];
    for number in 0..size.resources {
        let scope = resource(number);
        apply(Change::Resource { id: &id(9, number), kind: "documents", scope: &scope });
    }
    for number in 0..size.permissions {
        let statement = |salt| {
            let name = format!("documents.{}", verbs[spread(number, salt, 4) as usize]);
            let target = match spread(number, salt, 50) {
                0 => Target::Scope(parse("/documents")),
                _ => Target::Resource(id(9, spread(number, salt, size.resources))),
            };
            Statement::new(vec![ActionRef::Name(action(&name))], target)
                .unwrap_or_else(|error| panic!("{error}"))
        };
        apply(Change::Permission { id: &id(4, number), statements: &[statement(1), statement(2)] });
    }
    for number in 0..size.roles {
        let permissions: Vec<_> = (0..10).map(|salt| id(4, spread(number, salt, size.permissions))).collect();
        apply(Change::Role { id: &id(3, number), permissions: &permissions, statements: &[] });
    }
    for number in 0..size.groups {
        let group = id(2, number);
        apply(Change::Subject { subject: Subject { kind: SubjectKind::Group, id: &group }, active: true });
        let member = Subject { kind: SubjectKind::Group, id: &group };
        if let Some(outer) = outer(size, number) {
            apply(Change::Member { group: &id(2, outer), member });
        }
        apply(Change::RoleMember { role: &id(3, spread(number, 2, size.roles)), member });
    }
    for number in 0..size.users {
        let name = id(1, number);
        apply(Change::Subject { subject: user(&name), active: true });
        for salt in 0..2 {
            apply(Change::Member { group: &id(2, spread(number, salt, teams(size))), member: user(&name) });
        }
        apply(Change::RoleMember { role: &id(3, spread(number, 3, size.roles)), member: user(&name) });
    }
    graph
}

/// Four of five groups are teams.
fn teams(size: Size) -> u32 {
    size.groups / 5 * 4
}

/// The group that a group is in: departments come after the teams, divisions, of which there are few, last.
fn outer(size: Size, number: u32) -> Option<u32> {
    let (teams, divisions) = (teams(size), size.groups - size.groups / 20);
    match number {
        _ if number < teams => Some(teams + number % (divisions - teams)),
        _ if number < divisions => Some(divisions + number % (size.groups - divisions)),
        _ => None,
    }
}

fn parse(text: &str) -> Scope {
    Scope::parse(text, &SCOPE).unwrap_or_else(|error| panic!("{error}"))
}

fn resource(number: u32) -> Scope {
    parse(&format!("/documents/{number}"))
}

fn action(name: &str) -> Action {
    Action::parse(name, 256).unwrap_or_else(|error| panic!("{error}"))
}

fn decisions(criterion: &mut Criterion) {
    for (name, size) in [("small", SMALL), ("large", LARGE)] {
        let graph = graph(size);
        println!("{name}: {} bytes, {} a user", graph.bytes(), graph.bytes() / size.users as usize);
        let actions = ["documents.read", "documents.write", "documents.share"].map(action);
        let asked: Vec<_> = (0..4_096)
            .map(|number| {
                let resource = spread(number, 11, size.resources);
                let target = match number % 2 {
                    0 => Target::Resource(id(9, resource)),
                    _ => Target::Scope(self::resource(resource)),
                };
                (id(1, spread(number, 10, size.users)), actions[number as usize % 3].clone(), target)
            })
            .collect();
        let question = |(who, action, target): &'_ (String, Action, Target)| {
            decide(&graph, &Question { subject: user(who), action, target }, &LIMITS)
        };
        let allowed = asked.iter().filter(|asked| question(asked).allowed).count();
        println!("{name}: {allowed} of {} allowed", asked.len());
        let mut next = asked.iter().cycle();
        criterion.bench_function(&format!("decide/{name}"), |bencher| {
            bencher.iter_batched(|| next.next(), |asked| asked.map(question), BatchSize::SmallInput);
        });
        let standing = Standing::of(&graph, user(&asked[0].0), &LIMITS);
        let mut next = asked.iter().cycle();
        criterion.bench_function(&format!("decide of one subject/{name}"), |bencher| {
            bencher.iter_batched(
                || next.next(),
                |asked| asked.map(|(_, action, target)| standing.decide(action, target)),
                BatchSize::SmallInput,
            );
        });
    }
    let mut group = criterion.benchmark_group("build");
    group.sample_size(10);
    group.bench_function("large", |bencher| bencher.iter(|| black_box(graph(LARGE))));
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
