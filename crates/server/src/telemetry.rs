//! Log lines to standard error and, when asked for, traces to an OpenTelemetry collector.
//!
//! Sets up the global subscriber once. Knows nothing of requests: [`crate::observe`] does.

mod otlp;

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Config, LogFormat};

/// How long the last traces may take to leave at shutdown.
const FLUSH: Duration = Duration::from_secs(5);

/// What has to be flushed before the process ends.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Why logging or tracing could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter cannot be read.
    #[error("`log_level`: {0}")]
    Filter(#[from] ParseError),
    /// The exporter cannot be made.
    #[error("cannot export traces to `{endpoint}`: {reason}")]
    Exporter {
        /// Where to.
        endpoint: String,
        /// Why not.
        reason: String,
    },
    /// Somebody else has set the global subscriber.
    #[error("logging was set up twice")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// Sets up logging and tracing for the whole process. Exports run on `runtime`.
pub fn start(config: &Config, runtime: &Handle) -> Result<Telemetry, TelemetryError> {
    let provider = provider(config, runtime)?;
    let traces = provider.as_ref().map(traces);
    let logs = logs(config.log_format, filter(&config.log_level)?);
    Registry::default().with(logs).with(traces).try_init()?;
    Ok(Telemetry { provider })
}

/// Warnings only: for the commands that are over in a moment.
pub fn start_quietly() -> Result<(), TelemetryError> {
    let logs = logs(LogFormat::Text, EnvFilter::new("warn"));
    Ok(Registry::default().with(logs).try_init()?)
}

impl Telemetry {
    /// Whether spans are worth making.
    pub fn traces(&self) -> bool {
        self.provider.is_some()
    }

    /// Sends what has not been sent. Blocks; call it outside of the runtime, while the runtime is still there.
    pub fn flush(self) {
        let Some(provider) = self.provider else { return };
        if let Err(error) = provider.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "some traces were not sent");
        }
    }
}

fn provider(config: &Config, runtime: &Handle) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    let Some(endpoint) = &config.otlp_endpoint else { return Ok(None) };
    let provider = otlp::provider(endpoint, &config.otlp_service_name, runtime);
    provider.map(Some).map_err(|reason| TelemetryError::Exporter { endpoint: endpoint.clone(), reason })
}

/// A bare level past `info` is meant for Durward: its libraries would drown it.
fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    let level = text.parse::<LevelFilter>();
    match level.is_ok_and(|level| level > LevelFilter::INFO) {
        true => EnvFilter::builder().parse(format!("info,durward={text}")),
        false => EnvFilter::builder().parse(text),
    }
}

fn logs<S>(format: LogFormat, filter: EnvFilter) -> BoxedLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let stderr = std::io::stderr;
    match format {
        LogFormat::Text => {
            fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).with_filter(filter).boxed()
        }
        LogFormat::Json => {
            let layer =
                fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
            layer.with_writer(stderr).with_filter(filter).boxed()
        }
    }
}

/// Spans of Durward itself, whatever the log filter says; never those of the exporter's own HTTP client.
fn traces<S>(provider: &SdkTracerProvider) -> BoxedLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let ours = Targets::new().with_target("durward", LevelFilter::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(otlp::tracer(provider));
    layer.with_location(false).with_threads(false).with_filter(ours).boxed()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Reads one request with a body and answers it.
    async fn collect(mut stream: TcpStream) -> String {
        let mut received = Vec::new();
        loop {
            assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "the request ended early");
            let text = String::from_utf8_lossy(&received).to_lowercase();
            let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if received.len() == head.len() + 4 + length.parse::<usize>().unwrap() {
                break;
            }
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&received).into_owned()
    }

    #[test]
    fn a_bare_level_is_meant_for_durward() {
        assert_eq!(filter("debug").unwrap().to_string(), "durward=debug,info");
        assert_eq!(filter("error").unwrap().to_string(), "error");
        assert_eq!(filter("info,h2=trace").unwrap().to_string(), "h2=trace,info");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_span_reaches_the_collector() {
        let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", collector.local_addr().unwrap());
        let provider = otlp::provider(&endpoint, "durward-test", &Handle::current()).unwrap();

        let subscriber = Registry::default().with(traces(&provider));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!(target: "durward", "open the door").in_scope(|| {});
            tracing::info_span!(target: "hyper", "not ours").in_scope(|| {});
        });
        let mut flushed = tokio::task::spawn_blocking(|| Telemetry { provider: Some(provider) }.flush());
        let (stream, _) = tokio::select! {
            accepted = collector.accept() => accepted.unwrap(),
            _ = &mut flushed => panic!("flushed without a connection"),
        };
        let request = collect(stream).await;
        flushed.await.unwrap();

        assert!(request.starts_with("POST /v1/traces HTTP/1.1"), "{request}");
        assert!(request.contains("open the door") && request.contains("durward-test"), "{request}");
        assert!(!request.contains("not ours"), "{request}");
    }
}
