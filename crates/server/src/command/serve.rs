//! `durward serve`: from the configuration to a server that runs, and back down without losing anything.

use std::sync::Arc;

use axum::Router;
use clap::Args;
use tokio::runtime::{Builder, Runtime};

use super::{Context, Failure, print};
use crate::config::Config;
use crate::env::System;
use crate::health::{self, Health};
use crate::listen::{self, Ended, Server};
use crate::metrics::Metrics;
use crate::observe::Observe;
use crate::telemetry::{self, Telemetry};

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  durward serve\n  \
    durward serve --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --data /var/lib/durward")]
pub struct Serve {
    /// Everything a server can be told.
    #[command(flatten)]
    pub config: Config,
}

impl Serve {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        let config = self.config;
        config.check()?;
        let runtime = runtime(config.worker_threads).map_err(Failure::failed)?;
        let telemetry = telemetry::start(&config, runtime.handle()).map_err(Failure::failed)?;
        let ended = runtime.block_on(serve(&config, &telemetry));
        telemetry.flush();
        runtime.shutdown_background();
        match ended? {
            Ended::Clean => Ok(()),
            Ended::Cut(connections) => Err(Failure::Failed(format!(
                "the shutdown timeout has passed: requests on {connections} connections were cut"
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

async fn serve(config: &Config, telemetry: &Telemetry) -> Result<Ended, Failure> {
    let stop = listen::stop_signal().map_err(Failure::failed)?;
    let server = Server::bind(config).await.map_err(Failure::failed)?;
    let metrics = Arc::new(Metrics::default());
    let health = Arc::new(Health::default());
    let observe = Observe::new(Arc::clone(&metrics), telemetry.traces(), &System);
    let router = Router::new().merge(health::routes(Arc::clone(&health), metrics)).layer(observe);
    print(&format!("durward is ready at {}\n", config.public_url(server.address())))?;
    server.run(router, &health, stop).await.map_err(Failure::failed)
}
