//! `durward serve`: from the configuration to a server that runs, and back down without losing anything.

use std::fmt::Write as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::parser::ValueSource;
use iam::access::{Tokens, Write};
use iam::cx::TokenKind;
use iam::tenant::Operator;
use iam::token::Draft;
use iam::{Iam, Secret};
use store::Location;
use tokio::runtime::{Builder, Runtime};

use super::open::{OPERATOR, database, open};
use super::{Context, Failure, print};
use crate::client::Client;
use crate::config::{Config, Place};
use crate::deliver::Deliverer;
use crate::env::System;
use crate::extract::App;
use crate::health::{self, Health};
use crate::host::OneHost;
use crate::listen::{self, Ended, Server};
use crate::metrics::Metrics;
use crate::observe::Observe;
use crate::router::router;
use crate::telemetry::{self, Telemetry};

/// The tenant that the first start makes.
const FIRST_TENANT: &str = "default";
/// Between two times that the use of tokens is noted.
const UPKEEP: Duration = Duration::from_secs(30);
/// Between two times that tokens which ended long ago are deleted.
const SWEEP: Duration = Duration::from_secs(3_600);
/// Between two times that a database which is away is looked for: at first, and at most.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(15);
/// How long a stopping server waits until it is noted which events were delivered.
const NOTING: Duration = Duration::from_secs(5);
/// What the audit log calls who deletes them.
const SWEEPER: Operator<'static> = Operator { name: "sweeper" };

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  durward serve\n  \
    durward serve --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --data /var/lib/durward\n  \
    DURWARD_DATABASE='postgres://durward:…@db1,db2/durward?sslmode=verify-full' durward serve")]
pub struct Serve {
    /// Everything a server can be told.
    #[command(flatten)]
    pub config: Config,
}

impl Serve {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let config = self.config;
        config.check()?;
        let runtime = runtime(config.worker_threads).map_err(Failure::failed)?;
        let telemetry = telemetry::start(&config, runtime.handle()).map_err(Failure::failed)?;
        let is_typed = |option: &str| context.matches.value_source(option) == Some(ValueSource::CommandLine);
        let hint = hint(&config.place, is_typed);
        let ended = runtime.block_on(serve(&config, &telemetry, &hint));
        telemetry.flush();
        runtime.shutdown_background();
        match ended? {
            Ended::Clean => Ok(()),
            Ended::Cut(requests) => Err(Failure::Failed(format!(
                "the shutdown timeout has passed: requests that were cut: {requests}"
            ))),
        }
    }
}

fn runtime(threads: Option<usize>) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.thread_name("durward").enable_all().build()
}

async fn serve(config: &Config, telemetry: &Telemetry, hint: &str) -> Result<Ended, Failure> {
    let mut stop = pin!(listen::stop_signal().map_err(Failure::failed)?);
    let server = Server::bind(config).await.map_err(Failure::failed)?;
    let public_url = config.public_url(server.address());
    let iam = tokio::select! {
        iam = open_in_time(&config.place) => Arc::new(iam?),
        () = &mut stop => return Ok(Ended::Clean),
    };
    let first_token = first_start(&iam).await?;
    let metrics = Arc::new(Metrics::default());
    let store = iam.store().clone();
    let health = Arc::new(Health::default().check("store", move || {
        let store = store.clone();
        async move { store.healthy().await.map_err(|error| error.to_string()) }
    }));
    let observe = Observe::new(Arc::clone(&metrics), telemetry.traces(), &System);
    let app = App {
        iam: Arc::clone(&iam),
        public_url: public_url.as_str().into(),
        receivers: config.event_receivers,
        patience: config.request_timeout,
    };
    let routes = router(app).merge(health::routes(Arc::clone(&health), Arc::clone(&metrics)));
    let router = routes.layer(OneHost).layer(observe);
    let making = tokio::spawn(make_administrators(Arc::clone(&iam)));
    let upkeep = tokio::spawn(upkeep(Arc::clone(&iam), config.token_retention));
    let client = Client::new(config.event_receivers);
    let deliverer = Deliverer::new(Arc::clone(&iam), &public_url, client, Arc::clone(&metrics));
    let (stop_delivering, stopped) = tokio::sync::oneshot::channel::<()>();
    let delivering = tokio::spawn(deliverer.run(async { drop(stopped.await) }));
    let token = first_token.as_ref().map(|token| token.expose().as_str());
    print(&greeting(&public_url, hint, token))?;
    let ended = server.run(router, &health, stop).await.map_err(Failure::failed);
    drop(stop_delivering);
    if tokio::time::timeout(NOTING, delivering).await.is_err() {
        tracing::warn!("events may be sent again: it is not noted that they were delivered");
    }
    making.abort();
    upkeep.abort();
    if let Err(error) = iam.flush_used().await {
        tracing::warn!(%error, "when tokens were last used is not written down");
    }
    iam.store().clone().close().await;
    ended
}

/// Opens the installation. A server that is away is waited for, as requests will wait for it later; one that refuses is not.
async fn open_in_time(place: &Place) -> Result<Iam, Failure> {
    let mut pause = RETRY;
    loop {
        match (open(place).await, database(place)) {
            (Err(Failure::Unavailable(reason)), Location::Server(_)) => {
                tracing::warn!(reason, "the database is away; waiting for it");
            }
            (opened, _) => return opened,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Makes the first tenant and its administrator's token, if there is no tenant yet.
async fn first_start(iam: &Iam) -> Result<Option<Secret<String>>, Failure> {
    if !iam.tenants(OPERATOR).await?.is_empty() {
        return Ok(None);
    }
    match iam.create_tenant(OPERATOR, FIRST_TENANT).await {
        Ok(_) => {}
        // Another node was faster, and shows the token.
        Err(iam::Error::Conflict { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let cx = iam.operate(OPERATOR, FIRST_TENANT).await?;
    let draft = Draft::new(TokenKind::Admin, "first administrator");
    let permit = iam.permit(&cx, Write, Tokens).await?;
    let (_, secret) = iam.create_token(&cx, permit, draft).await?;
    Ok(Some(secret))
}

/// Makes the role of the administrators for tenants that came without it.
async fn make_administrators(iam: Arc<Iam>) {
    if let Err(error) = iam.make_administrators(OPERATOR).await {
        tracing::warn!(%error, "not every tenant has the role of its administrators yet");
    }
}

/// What is done now and then: noting when tokens were used here, and what the whole installation needs.
async fn upkeep(iam: Arc<Iam>, retention: Duration) {
    let mut pause = tokio::time::interval(UPKEEP);
    let mut hourly = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = pause.tick() => {}
            _ = hourly.tick() => {
                sweep(&iam, retention).await;
                continue;
            }
        }
        iam.forget_idle_graphs();
        if let Err(error) = iam.flush_used().await {
            tracing::warn!(%error, "when tokens were last used is not written down yet");
        }
    }
}

/// Finishes deletions of tenants that were cut off, which any number of nodes may do at once; deletes tokens that ended
/// long ago, if it is this node's turn.
async fn sweep(iam: &Iam, retention: Duration) {
    if let Err(error) = iam.store().tenants().sweep().await {
        tracing::warn!(%error, "a deleted tenant's rows are still there");
    }
    match iam.sweep_tokens_in_turn(SWEEPER, SWEEP, retention).await {
        Ok(None | Some(0)) => {}
        Ok(Some(tokens)) => tracing::info!(tokens, "deleted tokens that ended long ago"),
        Err(error) => tracing::warn!(%error, "tokens that ended long ago are still there"),
    }
}

/// What is printed when the server is ready. Only the first start knows a token.
fn greeting(url: &str, hint: &str, token: Option<&str>) -> String {
    let mut text = format!("durward is ready at {url}\n");
    let Some(token) = token else { return text };
    let scim = format!("{url}/{FIRST_TENANT}/api/scim/v2");
    let _ = write!(
        text,
        "\nThe tenant `{FIRST_TENANT}` is there. Its administrator's token, shown this once:\n\n  {token}\n\n\
        SCIM   {scim}\nAPI    {url}/v1   described at {url}/openapi.json\nHealth {url}/health/ready\n\n\
        Try it:\n\n  TOKEN={token}\n\
        \x20 curl -H \"Authorization: Bearer $TOKEN\" {scim}/Users\n\
        \x20 curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/scim+json' \\\n\
        \x20      -d '{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"ada@example.com\"}}' {scim}/Users\n\n\
        {hint}"
    );
    text
}

/// How a token is made by another command, which has to find the same data: the environment and the configuration file say
/// again what they said to this one, what was typed has to be typed again. But not the database: a password may be in it.
fn hint(place: &Place, is_typed: impl Fn(&str) -> bool) -> String {
    let given = [("config", place.config.as_deref()), ("data", Some(place.data.as_path()))];
    let mut options = String::new();
    for (name, path) in given {
        if let Some(path) = path.filter(|_| is_typed(name)) {
            let _ = write!(options, " --{name} {}", quoted(path));
        }
    }
    let with = if is_typed("database") { ", with the database in DURWARD_DATABASE" } else { "" };
    format!(
        "A token for an identity provider{with}:\n\n  \
        durward token create --tenant {FIRST_TENANT} --kind scim --name 'Entra ID'{options}\n"
    )
}

/// As a shell reads it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    match path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&b)) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Place, greeting, hint};

    #[test]
    fn only_the_first_start_shows_a_token() {
        expect!["durward is ready at http://127.0.0.1:8080\n"].assert_eq(&greeting(
            "http://127.0.0.1:8080",
            "how",
            None,
        ));
        let first = greeting("http://127.0.0.1:8080", "how", Some("dw_admin_x"));
        assert!(first.contains(
            "curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/default/api/scim/v2/Users"
        ));
        assert!(first.ends_with("\n\nhow"));
    }

    #[test]
    fn another_command_is_told_what_was_typed_but_for_the_password() {
        let hint = |data: &str, config: Option<&str>, typed: &[&str]| {
            let database = Some("postgres://durward:hush@db/durward".parse().unwrap());
            let place = Place { data: data.into(), database, config: config.map(Into::into) };
            let hint = hint(&place, |option| typed.contains(&option));
            let (said, rest) = hint.split_once(":\n\n").unwrap();
            let said = said.strip_prefix("A token for an identity provider").unwrap();
            (said.to_owned(), rest.trim_end().split_once("'Entra ID'").unwrap().1.to_owned())
        };
        let said = |said: &str, options: &str| (said.to_owned(), options.to_owned());
        assert_eq!(hint("data", Some("a.toml"), &[]), said("", ""));
        assert_eq!(hint("/var/lib/durward", None, &["data"]), said("", " --data /var/lib/durward"));
        assert_eq!(hint("it's", None, &["data", "config"]), said("", r" --data 'it'\''s'"));
        assert_eq!(
            hint("my data", Some("a.toml"), &["data", "config", "database"]),
            said(", with the database in DURWARD_DATABASE", " --config a.toml --data 'my data'")
        );
    }
}
