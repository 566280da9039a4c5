//! durward on PostgreSQL, beside what PostgreSQL itself allows in the same minutes: `pgbench` inserting the same rows,
//! and a handler with one SELECT. One node and two; commits in groups and alone. Row security holds for durward, as in the
//! guide, and not for what it is held against.

mod cluster;
mod inserts;
mod select;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::measure::{Figure, Scale, one};
use crate::process::{Process, free_address, output};
use crate::setup::{load, settle};
use crate::site::{Server, Site};
use crate::works::{self, Work, grouped};
use crate::{Options, Result};

use cluster::Cluster;
use inserts::Inserts;

pub(crate) use select::serve;

/// Two nodes, PostgreSQL and the load driver each want a core of their own.
const CORES: usize = 4;
/// So many times the writes, as each run of `pgbench` prepares its statements anew.
const LONGER: usize = 4;
/// Beyond the numbers of every user of the first node.
const APART: usize = 10_000_000;

/// Who was measured at what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Node,
    GroupOfOne,
    TwoNodes,
    Baseline,
}

type Figures = BTreeMap<(&'static str, Way), Vec<Figure>>;

/// A ratio to reach.
struct Line {
    what: &'static str,
    work: &'static str,
    /// The baseline's, where it is another.
    like: &'static str,
    /// Whose figure is divided by whose.
    of: (Way, Way),
    baseline: &'static str,
    reach: Option<f64>,
    /// Processor time per request is compared, not requests per second.
    is_cpu: bool,
}

const LINES: [Line; 7] = [
    line(
        "POST /Users, 64 connections",
        "create-64",
        (Way::Node, Way::Baseline),
        "pgbench, 64 clients",
        Some(0.5),
    ),
    line("… in groups", "create-64", (Way::Node, Way::GroupOfOne), "each commit alone", None),
    line("… two nodes", "create-64", (Way::TwoNodes, Way::Node), "one node", Some(1.5)),
    line("GET /Users/{id}", "get", (Way::Node, Way::Baseline), "one SELECT", Some(0.6)),
    Line {
        is_cpu: true,
        ..line("… its processor time", "get", (Way::Node, Way::Baseline), "one SELECT", None)
    },
    Line {
        like: "get",
        ..line(
            "… without what is beside the record",
            "get-alone",
            (Way::Node, Way::Baseline),
            "one SELECT",
            Some(0.6),
        )
    },
    line("… two nodes", "get", (Way::TwoNodes, Way::Node), "one node", Some(1.5)),
];

const fn line(
    what: &'static str,
    work: &'static str,
    of: (Way, Way),
    baseline: &'static str,
    reach: Option<f64>,
) -> Line {
    Line { what, work, like: work, of, baseline, reach, is_cpu: false }
}

/// Measures and prints the table.
pub(crate) async fn run(durward: &Path, folder: &Path, options: &Options, scale: &Scale) -> Result<()> {
    let postgres = folder.join("postgres");
    std::fs::create_dir(&postgres)?;
    // Its user must be able to get there.
    output(Command::new("chmod").arg("a+x").arg(folder))?;
    let cluster = Cluster::start(&postgres)?;
    let figures = measured(&cluster, durward, folder, scale).await?;
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&shown(&figures))?)?;
    }
    print!("{}", table(&figures, scale)?);
    Ok(())
}

async fn measured(cluster: &Cluster, durward: &Path, folder: &Path, scale: &Scale) -> Result<Figures> {
    let (url, above) = cluster.database("bench")?;
    let command = |words: &[&str]| output(Command::new(durward).args(words).args(["--database", &url]));
    command(&["migrate"])?;
    command(&["tenant", "create", "bench"])?;
    let token = command(&["token", "create", "--tenant", "bench", "--kind", "scim"])?;
    let mut node = site(durward, &["serve", "--database", &url], folder, &token, "node").await?;
    load(&mut node, scale.users).await?;
    let alone = format!("{url}?group=1");
    let mut alone = site(durward, &["serve", "--database", &alone], folder, &token, "alone").await?;
    let mut second = site(durward, &["serve", "--database", &url], folder, &token, "second").await?;
    let beside = std::env::current_exe()?;
    let mut bare = site(&beside, &["select", "--database", &above], folder, &token, "select").await?;
    for (number, other) in (1..).zip([&mut alone, &mut second, &mut bare]) {
        other.users.clone_from(&node.users);
        other.next_user = number * APART;
    }
    let (same, same_above) = cluster.database("same")?;
    output(Command::new(durward).args(["migrate", "--database", &same]))?;
    let sample: Vec<&str> = (0..inserts::SAMPLE).map(|number| node.user(number)).collect();
    let mut inserts = Inserts::like(&sample, &above, same_above.clone(), folder).await?;
    // As many rows as in durward's tables.
    inserts.run(cluster, scale.users)?;
    vacuum(&above).await?;
    vacuum(&same_above).await?;
    settle().await;

    let mut figures = Figures::new();
    let mut keep = |work: &Work, way: Way, round: usize, figure: Figure| {
        let (name, number) = (work.name, round + 1);
        eprintln!("round {number}: {name}: {way:?}: {:.0}/s, {:.1} µs", figure.rate, figure.cpu);
        figures.entry((name, way)).or_default().push(figure);
    };
    let [create, get, record] =
        [works::named("create-64", scale)?, works::named("get", scale)?, works::named("get-alone", scale)?];
    for round in 0..scale.rounds {
        keep(&create, Way::Node, round, one(&create, &mut node, scale, round).await?);
        keep(&create, Way::Baseline, round, inserts.run(cluster, scale.writes * LONGER)?);
        keep(&create, Way::GroupOfOne, round, one(&create, &mut alone, scale, round).await?);
        keep(&create, Way::TwoNodes, round, both(&create, [&mut node, &mut second], scale, round).await?);
    }
    // What PostgreSQL does on the side after writes would be laid to whoever reads first.
    vacuum(&above).await?;
    settle().await;
    for round in 0..scale.rounds {
        keep(&get, Way::Node, round, one(&get, &mut node, scale, round).await?);
        keep(&get, Way::Baseline, round, one(&get, &mut bare, scale, round).await?);
        keep(&record, Way::Node, round, one(&record, &mut node, scale, round).await?);
        keep(&get, Way::TwoNodes, round, both(&get, [&mut node, &mut second], scale, round).await?);
    }
    Ok(figures)
}

/// Starts a server on the database.
async fn site(program: &Path, words: &[&str], folder: &Path, token: &str, name: &str) -> Result<Site> {
    let address = free_address()?;
    let mut command = Command::new(program);
    command.args(words).arg("--listen").arg(address.to_string());
    let process = Process::start(&mut command, address, &folder.join(format!("{name}.log"))).await?;
    Ok(Site::new(Server::Durward, folder.to_owned(), process, token.to_owned()))
}

/// Cleans up after what was written, shows it to the planner and puts it in its place, as PostgreSQL would in a while.
async fn vacuum(url: &str) -> Result<()> {
    let client = inserts::client(url).await?;
    client.batch_execute("vacuum analyze").await?;
    Ok(client.batch_execute("checkpoint").await?)
}

/// Two nodes at once, each with half of the connections and of the work.
async fn both(work: &Work, [first, second]: [&mut Site; 2], scale: &Scale, round: usize) -> Result<Figure> {
    let half = Work { connections: work.connections / 2, label: work.label.clone(), ..*work };
    let less = Scale { writes: scale.writes / 2, ..*scale };
    let (first, second) = tokio::join!(one(&half, first, &less, round), one(&half, second, &less, round));
    let (first, second) = (first?, second?);
    let rate = first.rate + second.rate;
    // Each spends its own time on its own share.
    let cpu = (first.cpu * first.rate + second.cpu * second.rate) / rate;
    Ok(Figure { answered: first.answered + second.answered, rate, cpu, ..first })
}

fn table(figures: &Figures, scale: &Scale) -> Result<String> {
    let of = |work, way| figures.get(&(work, way)).map(|all| Figure::median(all));
    let cores = std::thread::available_parallelism()?.get();
    let mut out = String::new();
    writeln!(
        out,
        "{} users on PostgreSQL (fsync on), median of {} rounds, {cores} cores; µs is processor time of the server per \
         request, without PostgreSQL's\n",
        grouped(scale.users),
        scale.rounds
    )?;
    writeln!(out, "| work | req/s | p50 ms | p99 ms | µs | beside | req/s | µs | × | reach | |")?;
    writeln!(out, "|---|--:|--:|--:|--:|---|--:|--:|--:|--:|---|")?;
    for line in &LINES {
        let (Some(is), Some(beside)) = (of(line.work, line.of.0), of(line.like, line.of.1)) else { continue };
        let ratio = ratio(line, &is, &beside);
        let verdict = match line.reach {
            None => "",
            Some(reach) if ratio >= reach => "ok",
            Some(_) if line.of.0 == Way::TwoNodes && cores < CORES => "cannot be shown here",
            Some(_) => "MISS",
        };
        let millis = |time: std::time::Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
        let reach = line.reach.map_or_else(|| "–".to_owned(), |reach| format!("≥ {reach}"));
        let cpu = |figure: &Figure| {
            if figure.cpu > 0.0 { format!("{:.1}", figure.cpu) } else { "–".to_owned() }
        };
        writeln!(
            out,
            "| {} | {:.0} | {} | {} | {} | {} | {:.0} | {} | {ratio:.2} | {reach} | {verdict} |",
            line.what,
            is.rate,
            millis(is.p50),
            millis(is.p99),
            cpu(&is),
            line.baseline,
            beside.rate,
            cpu(&beside),
        )?;
    }
    if cores < CORES {
        writeln!(
            out,
            "\nTwo nodes, PostgreSQL and the load driver share {cores} cores: that two nodes do more than one cannot be \
             shown on this machine."
        )?;
    }
    Ok(out)
}

/// More is better.
fn ratio(line: &Line, is: &Figure, beside: &Figure) -> f64 {
    if line.is_cpu { beside.cpu / is.cpu } else { is.rate / beside.rate }
}

fn shown(figures: &Figures) -> serde_json::Value {
    let all = figures.iter().map(|((work, way), rounds)| {
        let rounds = rounds.iter().map(|figure| json!({ "rate": figure.rate, "cpu_us": figure.cpu }));
        json!({ "work": work, "way": format!("{way:?}"), "rounds": rounds.collect::<Vec<_>>() })
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_reached_is_told_from_what_is_missed() {
        let figure =
            |rate, cpu| vec![Figure { cpu, p50: Duration::from_millis(2), ..Figure::of_rate(9, rate) }];
        let figures = Figures::from([
            (("create-64", Way::Node), figure(600.0, 300.0)),
            (("create-64", Way::Baseline), figure(1_000.0, 0.0)),
            (("get", Way::Node), figure(700.0, 50.0)),
            (("get-alone", Way::Node), figure(590.0, 50.0)),
            (("get", Way::Baseline), figure(1_000.0, 20.0)),
        ]);
        let scale = Scale {
            users: 1_000,
            small: 10,
            teams: 1,
            writes: 10,
            writes_singly: 1,
            rounds: 1,
            span: Duration::ZERO,
            warm_up: Duration::ZERO,
        };
        let table = table(&figures, &scale).unwrap();
        let rows: Vec<&str> =
            table.lines().filter(|line| line.starts_with("| ") && !line.contains("p50")).collect();
        assert_eq!(
            rows,
            [
                "| POST /Users, 64 connections | 600 | 2.00 | 0.00 | 300.0 | pgbench, 64 clients | 1000 | – | 0.60 | ≥ 0.5 | ok |",
                "| GET /Users/{id} | 700 | 2.00 | 0.00 | 50.0 | one SELECT | 1000 | 20.0 | 0.70 | ≥ 0.6 | ok |",
                "| … its processor time | 700 | 2.00 | 0.00 | 50.0 | one SELECT | 1000 | 20.0 | 0.40 | – |  |",
                "| … without what is beside the record | 590 | 2.00 | 0.00 | 50.0 | one SELECT | 1000 | 20.0 | 0.59 | ≥ 0.6 | MISS |",
            ]
        );
    }
}
