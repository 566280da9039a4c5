//! Measuring: every work on every server in turn, in rounds, so that a slow minute of the machine meets all alike.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::driver::{Load, Until, drive};
use crate::setup::{Fleet, settle};
use crate::site::{Server, Site};
use crate::works::Work;
use crate::{Options, Result};

/// How much of everything.
#[derive(Debug)]
pub(crate) struct Scale {
    /// Users of the large directory.
    pub(crate) users: usize,
    /// Users of the small one.
    pub(crate) small: usize,
    /// Groups of ten.
    pub(crate) teams: usize,
    /// Writes in one measurement.
    pub(crate) writes: usize,
    /// Writes in one measurement of a single connection, each of which waits for the disk.
    pub(crate) writes_singly: usize,
    pub(crate) rounds: usize,
    /// How long reads are measured.
    pub(crate) span: Duration,
    /// How long a server is warmed up for reads.
    pub(crate) warm_up: Duration,
}

impl Scale {
    pub(crate) fn of(options: &Options) -> Self {
        let users = if options.quick { options.users.min(10_000) } else { options.users };
        // A tenth of the users are members that go and come; every team gets five more.
        let writes = if options.quick { users / 10 } else { (users / 10).min(8_000) };
        let millis = if options.quick { 500 } else { 2_000 };
        Scale {
            users,
            small: users.min(1_000),
            teams: writes / 5,
            writes,
            writes_singly: writes / 10,
            rounds: options.rounds.max(1),
            span: Duration::from_millis(millis),
            warm_up: Duration::from_millis(millis / 5),
        }
    }
}

/// What one measurement, or the median of several, says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    /// Requests answered.
    pub(crate) answered: usize,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Microseconds of processor the server spent per request.
    pub(crate) cpu: f64,
    /// Bytes of an answer's body, on average.
    pub(crate) bytes: f64,
}

impl Figure {
    /// Latencies come in ascending order.
    pub(crate) fn new(latencies: &[Duration], elapsed: Duration, cpu: Duration, bytes: usize) -> Self {
        let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
        let count = latencies.len().max(1) as f64;
        Figure {
            answered: latencies.len(),
            rate: count / elapsed.as_secs_f64(),
            p50: at(50),
            p99: at(99),
            cpu: cpu.as_secs_f64() * 1e6 / count,
            bytes: bytes as f64 / count,
        }
    }

    /// Of a program that says no more than how fast it was.
    pub(crate) fn of_rate(answered: usize, rate: f64) -> Figure {
        let none = Duration::ZERO;
        Figure { answered, rate, p50: none, p99: none, cpu: 0.0, bytes: 0.0 }
    }

    /// The median of each figure for itself.
    pub(crate) fn median(figures: &[Figure]) -> Figure {
        fn of<T: PartialOrd + Copy + Default>(figures: &[Figure], field: fn(&Figure) -> T) -> T {
            median(figures.iter().map(field).collect())
        }
        Figure {
            answered: figures.iter().map(|figure| figure.answered).sum(),
            rate: of(figures, |f| f.rate),
            p50: of(figures, |f| f.p50),
            p99: of(figures, |f| f.p99),
            cpu: of(figures, |f| f.cpu),
            bytes: of(figures, |f| f.bytes),
        }
    }
}

/// The one in the middle.
pub(crate) fn median<T: PartialOrd + Copy + Default>(mut values: Vec<T>) -> T {
    values.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The figures of every round, by the name of the work and the server.
pub(crate) type Figures = BTreeMap<(&'static str, Server), Vec<Figure>>;

/// Measures all works. Those of a suite follow each other in every round.
pub(crate) async fn all(fleet: &mut Fleet, suites: &[Vec<Work>], scale: &Scale) -> Result<Figures> {
    let mut figures = Figures::new();
    for works in suites {
        settle().await;
        for round in 0..scale.rounds {
            for work in works {
                let sites = if work.is_small { &mut fleet.small } else { &mut fleet.large };
                for site in sites.iter_mut().filter(|site| work.servers.contains(&site.server)) {
                    let figure = one(work, site, scale, round).await?;
                    let (server, number) = (site.server.name(), round + 1);
                    eprintln!(
                        "round {number}: {}: {server}: {:.1} µs, {:.0}/s",
                        work.name, figure.cpu, figure.rate
                    );
                    figures.entry((work.name, site.server)).or_default().push(figure);
                }
            }
        }
    }
    Ok(figures)
}

/// Measures one work on one server.
pub(crate) async fn one(work: &Work, site: &mut Site, scale: &Scale, round: usize) -> Result<Figure> {
    let requests = (work.requests)(site, scale, round);
    let (connections, expected) = (work.connections, work.expected);
    let load = Load { address: site.process.address, connections, requests: requests.into(), expected };
    let (warm_up, measured) = if work.repeats {
        (Until::Passed(scale.warm_up), Until::Passed(scale.span))
    } else {
        let few = load.requests.len() / 20;
        (Until::Sent(0, few), Until::Sent(few, usize::MAX))
    };
    drive(&load, warm_up, None).await?;
    let cpu = site.process.cpu()?;
    let outcome = drive(&load, measured, None).await?;
    let cpu = site.process.cpu()?.saturating_sub(cpu);
    Ok(Figure::new(&outcome.latencies, outcome.elapsed, cpu, outcome.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_says_what_was_measured() {
        let latencies: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        let figure = Figure::new(&latencies, Duration::from_secs(2), Duration::from_millis(10), 200);
        assert_eq!((figure.answered, figure.rate, figure.cpu, figure.bytes), (100, 50.0, 100.0, 2.0));
        assert_eq!((figure.p50, figure.p99), (Duration::from_millis(51), Duration::from_millis(100)));
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![7]), 7);
        assert_eq!(median(Vec::<i32>::new()), 0);
    }
}
