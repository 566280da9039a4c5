//! The report: what was measured, beside what it should reach.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::Result;
use crate::data::QUESTIONS;
use crate::measure::{Figure, Figures, Scale};
use crate::setup::{Fleet, Loaded};
use crate::site::Server;
use crate::works::{TEAM, Work, grouped};

/// One megabyte of memory as people count it.
const MIB: f64 = 1024.0 * 1024.0;

/// Answers are alike when their sizes differ by less than this part.
const UNLIKE: f64 = 0.1;

/// A row of the table of works.
struct Row {
    name: &'static str,
    label: String,
    durward: Option<Figure>,
    ceiling: Option<Figure>,
    bare: Option<Figure>,
    reach: Option<f64>,
}

/// Something that a figure must reach.
struct Check {
    what: String,
    value: f64,
    /// The same of the ceiling, for orientation.
    ceiling: Option<f64>,
    limit: f64,
    unit: &'static str,
    /// Whether more is better.
    at_least: bool,
}

impl Check {
    fn holds(&self) -> bool {
        // What is printed is what is judged.
        let value = (self.value * 100.0).round() / 100.0;
        if self.at_least { value >= self.limit } else { value <= self.limit }
    }

    fn verdict(&self) -> &'static str {
        if self.holds() { "ok" } else { "MISS" }
    }
}

/// Everything that is reported.
pub(crate) struct Report<'a> {
    rows: Vec<Row>,
    checks: Vec<Check>,
    /// (what, durward, ceiling): for orientation.
    sizes: Vec<(&'static str, Option<String>, Option<String>)>,
    figures: &'a Figures,
    scale: &'a Scale,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        fleet: &Fleet,
        suites: &[Vec<Work>],
        figures: &'a Figures,
        scale: &'a Scale,
    ) -> Result<Self> {
        let of = |name, server| figures.get(&(name, server)).map(|all| Figure::median(all));
        let loaded = |server| fleet.loads.iter().find(|loaded| loaded.server == server);
        let load = Row {
            name: "load",
            label: format!("POST /Users, 64 connections, the first {}", grouped(scale.users)),
            durward: loaded(Server::Durward).map(|loaded| loaded.figure),
            ceiling: loaded(Server::Ceiling).map(|loaded| loaded.figure),
            bare: None,
            reach: None,
        };
        let works = suites.iter().flatten().map(|work| Row {
            name: work.name,
            label: work.label.clone(),
            durward: of(work.name, Server::Durward),
            ceiling: of(work.name, Server::Ceiling),
            bare: of(work.name, Server::Bare),
            reach: work.reach,
        });
        let rows: Vec<Row> = works.chain([load]).collect();
        let mut checks = ratios(&rows);
        checks.extend(decisions(&rows));
        let mut sizes = Vec::new();
        let shown = |make: fn(&Loaded) -> String| {
            (loaded(Server::Durward).map(make), loaded(Server::Ceiling).map(make))
        };
        let mut size = |what, make: fn(&Loaded) -> String| {
            let (durward, ceiling) = shown(make);
            sizes.push((what, durward, ceiling));
        };
        size("resident, fresh and idle", |loaded| mib(loaded.fresh));
        size("resident after the load", |loaded| mib(loaded.resident));
        size("resident, restarted and idle", |loaded| mib(loaded.idle));
        size("start to ready on the loaded database", |loaded| format!("{} ms", loaded.ready.as_millis()));
        if let Some(loaded) = loaded(Server::Durward) {
            checks.extend(absolutes(loaded, scale));
        }
        for site in fleet.large.iter().filter(|site| site.server == Server::Durward) {
            sizes.push(("resident in the end", Some(mib(site.process.resident()?)), None));
        }
        Ok(Self { rows, checks, sizes, figures, scale })
    }

    /// As tables for people.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Scale { users, rounds, span, .. } = self.scale;
        writeln!(
            out,
            "{} users, 16 connections unless said, median of {rounds} rounds, reads for {} s each; µs is processor time \
             of the server per request\n",
            grouped(*users),
            span.as_secs_f64()
        )?;
        writeln!(
            out,
            "| work | req/s | p50 ms | p99 ms | µs | ceiling req/s | ceiling µs | bare µs | × ceiling | reach | |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")?;
        for row in &self.rows {
            let main = row.durward.or(row.ceiling);
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                row.label,
                shown(main, |f| format!("{:.0}", f.rate)),
                shown(main, |f| format!("{:.2}", f.p50.as_secs_f64() * 1e3)),
                shown(main, |f| format!("{:.2}", f.p99.as_secs_f64() * 1e3)),
                shown(row.durward, |f| format!("{:.1}", f.cpu)),
                shown(row.ceiling, |f| format!("{:.0}", f.rate)),
                shown(row.ceiling, |f| format!("{:.1}", f.cpu)),
                shown(row.bare, |f| format!("{:.1}", f.cpu)),
                shown(row.ratio(), |ratio| format!("{ratio:.2}")),
                shown(row.reach, |reach| format!("≤ {reach}")),
                row.check().map_or("", |check| check.verdict()),
            )?;
        }
        for row in self.rows.iter().filter(|row| row.is_unlike()) {
            let bytes = |figure| shown(figure, |f: Figure| format!("{:.0}", f.bytes));
            let (label, durward, ceiling) = (&row.label, bytes(row.durward), bytes(row.ceiling));
            writeln!(out, "\nNot alike: {label}: answers of {durward} bytes, from the ceiling {ceiling}.")?;
        }
        writeln!(out, "\n| figure | durward | ceiling |\n|---|--:|--:|")?;
        for (what, durward, ceiling) in &self.sizes {
            let (durward, ceiling) = (durward.as_deref().unwrap_or("–"), ceiling.as_deref().unwrap_or("–"));
            writeln!(out, "| {what} | {durward} | {ceiling} |")?;
        }
        if !self.checks.is_empty() {
            writeln!(out, "\n| what | is | ceiling | reach | |\n|---|--:|--:|--:|---|")?;
        }
        for check in &self.checks {
            let (sign, verdict) = (if check.at_least { "≥" } else { "≤" }, check.verdict());
            let Check { what, value, limit, unit, .. } = check;
            let ceiling = shown(check.ceiling, |ceiling| format!("{ceiling:.2}{unit}"));
            writeln!(out, "| {what} | {value:.2}{unit} | {ceiling} | {sign} {limit}{unit} | {verdict} |")?;
        }
        Ok(())
    }

    /// Every figure of every round.
    pub(crate) fn json(&self) -> Value {
        let figure = |f: &Figure| {
            let (p50, p99) = (f.p50.as_secs_f64() * 1e3, f.p99.as_secs_f64() * 1e3);
            json!({ "answered": f.answered, "rate": f.rate, "p50_ms": p50, "p99_ms": p99, "cpu_us": f.cpu, "bytes": f.bytes })
        };
        let rows = self.rows.iter().map(|row| {
            let rounds = [Server::Durward, Server::Ceiling, Server::Bare].map(|server| {
                let all = self.figures.get(&(row.name, server)).map(Vec::as_slice).unwrap_or_default();
                (server.name().to_owned(), Value::from(all.iter().map(figure).collect::<Vec<_>>()))
            });
            let [durward, ceiling, bare] =
                [&row.durward, &row.ceiling, &row.bare].map(|f| f.as_ref().map(figure));
            json!({
                "name": row.name, "label": row.label, "durward": durward, "ceiling": ceiling, "bare": bare,
                "ratio": row.ratio(), "reach": row.reach, "ok": row.check().map(|check| check.holds()),
                "rounds": Value::Object(rounds.into_iter().collect()),
            })
        });
        let checks = self.checks.iter().map(|check| {
            let Check { what, value, ceiling, limit, unit, at_least } = check;
            json!({ "what": what, "value": value, "ceiling": ceiling, "limit": limit, "unit": unit.trim(), "at_least": at_least, "ok": check.holds() })
        });
        let sizes = self
            .sizes
            .iter()
            .map(|(what, durward, ceiling)| json!({ "what": what, "durward": durward, "ceiling": ceiling }));
        json!({
            "users": self.scale.users, "rounds": self.scale.rounds,
            "works": rows.collect::<Vec<_>>(), "checks": checks.collect::<Vec<_>>(), "sizes": sizes.collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        Some(self.durward?.cpu / self.ceiling?.cpu)
    }

    /// Whether the answers are of different sizes, so that the figures compare different work.
    fn is_unlike(&self) -> bool {
        let bytes = self
            .durward
            .zip(self.ceiling)
            .map(|(durward, ceiling)| (durward.bytes - ceiling.bytes, ceiling.bytes));
        bytes.is_some_and(|(more, of)| more.abs() > of * UNLIKE)
    }

    fn check(&self) -> Option<Check> {
        let (what, value, limit) = (self.label.clone(), self.ratio()?, self.reach?);
        Some(Check { what, value, ceiling: None, limit, unit: "", at_least: false })
    }
}

/// What durward must reach compared with itself.
fn ratios(rows: &[Row]) -> Vec<Check> {
    type Of = fn(&Figure) -> f64;
    let ratio = |server: fn(&Row) -> Option<Figure>, name, base, of: Of| {
        let figure = |name| server(rows.iter().find(|row| row.name == name)?);
        Some(of(&figure(name)?) / of(&figure(base)?))
    };
    let check = |what: &str, name, base, of: Of, limit, at_least| {
        let (value, ceiling) =
            (ratio(|row| row.durward, name, base, of)?, ratio(|row| row.ceiling, name, base, of));
        Some(Check { what: what.to_owned(), value, ceiling, limit, unit: " ×", at_least })
    };
    let cpu = |what: &str, name, base, limit| check(what, name, base, |figure| figure.cpu, limit, false);
    let rate = |what: &str, name, base, limit| check(what, name, base, |figure| figure.rate, limit, true);
    let team = format!("the same on a group of {TEAM}");
    [
        cpu(
            "µs of `userName eq`, hit, to the same in the small directory",
            "filter-hit",
            "filter-hit-small",
            1.1,
        ),
        cpu(
            "µs of `userName eq`, miss, to the same in the small directory",
            "filter-miss",
            "filter-miss-small",
            1.1,
        ),
        cpu("µs of a page at startIndex far in, to the first page", "page-far", "page-first", 2.0),
        cpu("µs of a page by cursor far in, to the first page by cursor", "cursor-far", "cursor-first", 1.1),
        cpu(&format!("µs of adding a member to the large group, to {team}"), "add-large", "add-small", 1.2),
        cpu(
            &format!("µs of removing a member from the large group, to {team}"),
            "remove-large",
            "remove-small",
            1.2,
        ),
        rate("POST /Users/s on 64 connections, to one connection", "create-64", "create-1", 8.0),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What decisions must reach, beside a server that does nothing.
fn decisions(rows: &[Row]) -> Vec<Check> {
    let find = |name| rows.iter().find(|row| row.name == name);
    let one = find("evaluation").and_then(|row| {
        let value = row.durward?.rate / row.bare?.rate;
        let what = "POST /access/v1/evaluation/s, to a server that does nothing".to_owned();
        Some(Check { what, value, ceiling: None, limit: 0.6, unit: " ×", at_least: true })
    });
    let many = find("evaluations-100").and_then(|row| {
        let value = row.durward?.rate * QUESTIONS as f64;
        let what = format!("decisions/s in messages of {QUESTIONS}");
        Some(Check { what, value, ceiling: None, limit: 500_000.0, unit: "", at_least: true })
    });
    one.into_iter().chain(many).collect()
}

fn absolutes(loaded: &Loaded, scale: &Scale) -> [Check; 4] {
    let check = |what, value, limit, unit| Check { what, value, ceiling: None, limit, unit, at_least: false };
    let users = grouped(scale.users);
    [
        check(format!("resident memory after {users} users"), bytes(loaded.resident) / MIB, 120.0, " MiB"),
        check("resident memory, fresh and idle".to_owned(), bytes(loaded.fresh) / MIB, 40.0, " MiB"),
        check(format!("resident memory, idle with {users} users"), bytes(loaded.idle) / MIB, 40.0, " MiB"),
        check(format!("start to ready with {users} users"), loaded.ready.as_secs_f64() * 1e3, 300.0, " ms"),
    ]
}

fn shown<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), show)
}

fn bytes(bytes: u64) -> f64 {
    bytes as f64
}

fn mib(size: u64) -> String {
    format!("{:.1} MiB", bytes(size) / MIB)
}
