//! The benchmark behind `cargo xtask bench`: a load driver, and the two baselines durward is compared with.
//!
//! Every server is a process of its own, so that its processor time is its own: `durward serve`, *bare* (a router that
//! answers a fixed user) and *ceiling* (a router over SQLite that does the storage work of each request and nothing
//! else); on PostgreSQL (`--database`) `pgbench`, and a router with one SELECT. Knows nothing of durward's crates; it talks to the binary.

mod bare;
mod ceiling;
mod data;
mod database;
mod driver;
mod http;
mod measure;
mod process;
mod setup;
mod site;
mod table;
mod works;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::measure::Scale;

/// As durward's, so that an allocator is no difference.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever went wrong; there is nobody to tell but the person who started the benchmark.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// Measure durward against what the machine, the framework and the database allow
///
/// Prints a Markdown table. The figure to compare is the processor time the server spends per request, as a ratio to the
/// baselines of the same run; the rest depends on the machine.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    baseline: Option<Baseline>,

    #[command(flatten)]
    options: Options,
}

/// The servers that durward is compared with; the benchmark starts them itself.
#[derive(Debug, Subcommand)]
enum Baseline {
    /// Serve a fixed user of 1.5 KB at every path
    Bare {
        /// Address to listen on
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Serve users and groups from SQLite with nothing but the storage work
    Ceiling {
        /// Address to listen on
        #[arg(long)]
        listen: SocketAddr,
        /// Folder for the database
        #[arg(long)]
        data: PathBuf,
    },
    /// Serve users from PostgreSQL with one prepared SELECT
    Select {
        /// Address to listen on
        #[arg(long)]
        listen: SocketAddr,
        /// URL of durward's database
        #[arg(long)]
        database: String,
    },
}

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The binary to measure; by default `durward` beside this program
    #[arg(long, value_name = "PATH")]
    durward: Option<PathBuf>,

    /// Measure durward on PostgreSQL, beside what a throw-away PostgreSQL allows
    #[arg(long, conflicts_with_all = ["without_durward", "only"])]
    database: bool,

    /// Measure the baselines alone
    #[arg(long)]
    without_durward: bool,

    /// Users in the large directory; the small one has 1,000
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = at_least_a_thousand)]
    users: usize,

    /// A smoke run: 10,000 users and short rounds, whose figures prove little
    #[arg(long)]
    quick: bool,

    /// Rounds, of which the median is taken
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    rounds: usize,

    /// Only works whose name contains this; works that undo each other run together
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// File to write every figure to
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Folder for the databases, on the disk to measure; by default a temporary one beside this program
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

fn at_least_a_thousand(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1_000..) => Ok(number),
        _ => Err("is no number from 1000".to_owned()),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.baseline {
        Some(Baseline::Bare { listen }) => serving(bare::serve(listen)),
        Some(Baseline::Ceiling { listen, data }) => serving(ceiling::serve(listen, data)),
        Some(Baseline::Select { listen, database }) => serving(database::serve(listen, &database)),
        None => measuring(&cli.options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// With as many threads as durward has.
fn serving(server: impl Future<Output = Result<()>>) -> Result<()> {
    Builder::new_multi_thread().enable_all().build()?.block_on(server)
}

/// On one thread: the driver must leave the machine to the server.
fn measuring(options: &Options) -> Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (mut killed, mut interrupted) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        // Who gives up leaves no server and no database behind.
        tokio::select! {
            done = run(options) => done,
            _ = killed.recv() => Err("given up".into()),
            _ = interrupted.recv() => Err("given up".into()),
        }
    })
}

async fn run(options: &Options) -> Result<()> {
    let scale = Scale::of(options);
    let beside = std::env::current_exe()?;
    let folder = beside.parent().unwrap_or(&beside);
    let temporary =
        tempfile::Builder::new().prefix("bench-").tempdir_in(options.data.as_deref().unwrap_or(folder))?;
    let durward = (!options.without_durward)
        .then(|| options.durward.clone().unwrap_or_else(|| beside.with_file_name("durward")));
    if let Some(durward) = durward.as_deref().filter(|_| options.database) {
        return database::run(durward, temporary.path(), options, &scale).await;
    }
    let suites = works::chosen(&scale, options.only.as_deref())?;
    let mut fleet = setup::fleet(durward.as_deref(), temporary.path(), &scale).await?;
    let figures = measure::all(&mut fleet, &suites, &scale).await?;
    let report = table::Report::new(&fleet, &suites, &figures, &scale)?;
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&report.json())?)?;
    }
    print!("{}", report.markdown());
    Ok(())
}
