//! OTLP over HTTP: the exporter, over the server's own client.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::client::{Client, Reach};

/// One export, from connecting to the whole answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A provider that sends its spans to `endpoint` in batches.
pub(super) fn provider(endpoint: &str, service: &str, runtime: &Handle) -> Result<SdkTracerProvider, String> {
    let client = Exporting { runtime: runtime.clone(), client: Client::new(Reach::Any) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|error| error.to_string())?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name(service.to_owned()).with_attribute(version).build();
    global::set_text_map_propagator(TextMapCompositePropagator::new(vec![Box::new(
        TraceContextPropagator::new(),
    )]));
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// The tracer under whose name all spans stand.
pub(super) fn tracer(provider: &SdkTracerProvider) -> SdkTracer {
    provider.tracer("durward")
}

/// The exporter calls from a thread of its own; the sockets live on the server's runtime.
#[derive(Clone, Debug)]
struct Exporting {
    runtime: Handle,
    client: Client,
}

#[async_trait::async_trait]
impl HttpClient for Exporting {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let answer = self.runtime.spawn(async move { client.send(request, TIMEOUT).await });
        Ok(answer.await??)
    }
}
