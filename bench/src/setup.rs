//! Before the measuring: servers are started, users and groups are loaded into them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::driver::{Load, Until, drive};
use crate::measure::{Figure, Scale, median};
use crate::process::{Process, free_address, output};
use crate::site::{Server, Site, text_of};
use crate::works::{TEAM, stride};
use crate::{Result, ceiling, data};

/// Users that are loaded between two lines of progress.
const CHUNK: usize = 10_000;
const LOADERS: usize = 64;
/// Starts of which the median counts.
const STARTS: usize = 5;
/// After this, a server that does nothing has done what it does on the side.
const SETTLE: Duration = Duration::from_millis(2_500);

/// All servers.
pub(crate) struct Fleet {
    /// With the large directory (but bare has none).
    pub(crate) large: Vec<Site>,
    /// With the small directory.
    pub(crate) small: Vec<Site>,
    pub(crate) loads: Vec<Loaded>,
}

/// What was seen while a large directory was loaded.
pub(crate) struct Loaded {
    pub(crate) server: Server,
    pub(crate) figure: Figure,
    /// Resident bytes when idle on an empty database.
    pub(crate) fresh: u64,
    /// Resident bytes after all users were loaded.
    pub(crate) resident: u64,
    /// From start to ready on the loaded database.
    pub(crate) ready: Duration,
    /// Resident bytes when idle on the loaded database.
    pub(crate) idle: u64,
}

/// Starts and fills every server; durward only if there is a binary.
pub(crate) async fn fleet(durward: Option<&Path>, folder: &Path, scale: &Scale) -> Result<Fleet> {
    let mut fleet = Fleet { large: Vec::new(), small: Vec::new(), loads: Vec::new() };
    let servers = durward.map(|_| Server::Durward).into_iter().chain([Server::Ceiling]);
    for server in servers {
        let mut small = empty(server, durward, &folder.join(format!("{}-small", server.name()))).await?;
        load(&mut small, scale.small).await?;
        groups(&mut small, scale).await?;
        fleet.small.push(small);
        let mut large = empty(server, durward, &folder.join(server.name())).await?;
        settle().await;
        let fresh = large.process.resident()?;
        let figure = load(&mut large, scale.users).await?;
        let resident = large.process.resident()?;
        groups(&mut large, scale).await?;
        if server == Server::Durward {
            model(&mut large).await?;
        }
        let (mut large, ready) = restarted(large, durward).await?;
        settle().await;
        let idle = large.process.resident()?;
        large.far_page = far_page(&large, scale).await?;
        fleet.loads.push(Loaded { server, figure, fresh, resident, ready, idle });
        fleet.large.push(large);
    }
    let address = free_address()?;
    let mut bare = Command::new(std::env::current_exe()?);
    bare.arg("bare").arg("--listen").arg(address.to_string());
    let process = Process::start(&mut bare, address, &folder.join("bare.log")).await?;
    let mut bare = Site::new(Server::Bare, folder.to_owned(), process, String::new());
    bare.users.push("0".to_owned());
    fleet.large.push(bare);
    Ok(fleet)
}

/// Waits until servers have done what they do on the side.
pub(crate) async fn settle() {
    tokio::time::sleep(SETTLE).await;
}

/// A server with a tenant and a token, and no user.
async fn empty(server: Server, durward: Option<&Path>, folder: &Path) -> Result<Site> {
    std::fs::create_dir_all(folder)?;
    let token = match durward.filter(|_| server == Server::Durward) {
        Some(binary) => {
            let command = |words: &[&str]| output(Command::new(binary).args(words).arg("--data").arg(folder));
            command(&["migrate"])?;
            command(&["tenant", "create", "bench"])?;
            command(&["token", "create", "--tenant", "bench", "--kind", "scim"])?
        }
        None => ceiling::TOKEN.to_owned(),
    };
    let process = start(server, durward, folder).await?;
    Ok(Site::new(server, folder.to_owned(), process, token))
}

async fn start(server: Server, durward: Option<&Path>, folder: &Path) -> Result<Process> {
    let address = free_address()?;
    let mut command = match durward.filter(|_| server == Server::Durward) {
        Some(binary) => Command::new(binary),
        None => Command::new(std::env::current_exe()?),
    };
    command.arg(if server == Server::Durward { "serve" } else { "ceiling" });
    command.arg("--listen").arg(address.to_string()).arg("--data").arg(folder);
    Process::start(&mut command, address, &folder.join("server.log")).await
}

/// The same directory served by a new process, and how long it took until it was ready.
async fn restarted(site: Site, durward: Option<&Path>) -> Result<(Site, Duration)> {
    let Site { server, folder, process, token, users, next_user, large, tenth, teams, far_page } = site;
    process.stop().await?;
    let mut times = Vec::new();
    loop {
        let process = start(server, durward, &folder).await?;
        times.push(process.ready);
        if times.len() == STARTS {
            let ready = median(times);
            let site =
                Site { server, folder, process, token, users, next_user, large, tenth, teams, far_page };
            return Ok((site, ready));
        }
        process.stop().await?;
    }
}

/// POSTs users, as many as are missing.
pub(crate) async fn load(site: &mut Site, users: usize) -> Result<Figure> {
    let mut latencies = Vec::new();
    let (mut elapsed, mut bytes, cpu) = (Duration::ZERO, 0, site.process.cpu()?);
    while site.users.len() < users {
        let from = site.users.len();
        let to = users.min(from + CHUNK);
        let requests =
            (from..to).map(|number| site.request("POST", "/Users", Some(&data::user(number)))).collect();
        let load = Load { address: site.process.address, connections: LOADERS, requests, expected: 201 };
        let mut outcome = drive(&load, Until::Sent(0, usize::MAX), Some(|body| text_of("id", body))).await?;
        outcome.kept.sort_unstable();
        site.users.extend(outcome.kept.into_iter().map(|(_, id)| id));
        if site.users.len() != to {
            return Err("a created user came without an id".into());
        }
        elapsed += outcome.elapsed;
        bytes += outcome.bytes;
        latencies.extend(outcome.latencies);
        eprintln!("{}: {to} of {users} users, {:.1} s", site.server.name(), elapsed.as_secs_f64());
    }
    site.next_user = users;
    latencies.sort_unstable();
    Ok(Figure::new(&latencies, elapsed, site.process.cpu()?.saturating_sub(cpu), bytes))
}

/// POSTs the groups.
async fn groups(site: &mut Site, scale: &Scale) -> Result<()> {
    let users = site.users.len();
    let everyone = data::group("Everyone", site.users.iter().map(String::as_str));
    site.large = group(site, &everyone).await?;
    let tenth = data::group("Engineering", site.users.iter().step_by(10).map(String::as_str));
    site.tenth = group(site, &tenth).await?;
    let teams = scale.teams.min(users / TEAM);
    let requests = (0..teams).map(|team| {
        let members = (0..TEAM).map(|place| site.user(stride(team, place)));
        site.request("POST", "/Groups", Some(&data::group(&format!("Team {team}"), members)))
    });
    let (requests, address) = (requests.collect(), site.process.address);
    let load = Load { address, connections: LOADERS, requests, expected: 201 };
    let mut outcome = drive(&load, Until::Sent(0, usize::MAX), Some(|body| text_of("id", body))).await?;
    outcome.kept.sort_unstable();
    site.teams = outcome.kept.into_iter().map(|(_, id)| id).collect();
    eprintln!("{}: a group of {users}, one of {}, {teams} of {TEAM}", site.server.name(), users.div_ceil(10));
    Ok(())
}

async fn group(site: &Site, body: &str) -> Result<String> {
    let answer = site.ask("POST", "/Groups", Some(body), 201).await?;
    text_of("id", &answer).ok_or_else(|| "a created group came without an id".into())
}

/// What is POSTed for a team, by its number and id.
type Part = fn(usize, &str) -> String;

/// POSTs an access model: a thing, a permission and a role for each team.
async fn model(site: &mut Site) -> Result<()> {
    let action = format!(r#"{{"name":"{}"}}"#, data::ACTION);
    site.ask("POST", "/Actions", Some(&action), 201).await?;
    let kind = format!(r#"{{"name":"Thing","actions":["{}"]}}"#, data::ACTION);
    site.ask("POST", "/Resource-Types", Some(&kind), 201).await?;
    let thing = |number: usize, _: &str| format!(r#"{{"name":"Thing {number}","type":"thing"}}"#);
    let permission = |number: usize, _: &str| {
        let action = data::ACTION;
        format!(
            r#"{{"name":"permission {number}","statements":[{{"actions":["{action}"],"resource":"thing-{number}"}}]}}"#
        )
    };
    let role = |number: usize, team: &str| {
        format!(
            r#"{{"name":"role {number}","permissions":["permission {number}"],"members":[{{"value":"{team}"}}]}}"#
        )
    };
    let parts: [(&str, Part); 3] = [("/Resources", thing), ("/Permissions", permission), ("/Roles", role)];
    for (endpoint, part) in parts {
        let teams = site.teams.iter().enumerate();
        let requests = teams.map(|(number, team)| site.request("POST", endpoint, Some(&part(number, team))));
        let (requests, address) = (requests.collect(), site.process.address);
        let load = Load { address, connections: LOADERS, requests, expected: 201 };
        drive(&load, Until::Sent(0, usize::MAX), None).await?;
    }
    eprintln!("{}: {} roles", site.server.name(), site.teams.len());
    Ok(())
}

/// Goes from page to page to nine tenths of the users.
async fn far_page(site: &Site, scale: &Scale) -> Result<String> {
    let mut target = "/Users?count=100&cursor".to_owned();
    for _ in 0..scale.users * 9 / 10 / 100 {
        let body = site.ask("GET", &target, None, 200).await?;
        let next = text_of("nextCursor", &body).ok_or("a page without a `nextCursor`")?;
        target = format!("/Users?count=100&cursor={next}");
    }
    Ok(target)
}
