//! The HTTP client with which the server itself asks others: the collector of traces, the receivers of events.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);
/// Largest answer that is read, in bytes; those asked for here are a few.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where a client may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Reach {
    /// To addresses of the public internet, over TLS.
    Public,
    /// Anywhere, also to this machine and its networks, and without TLS.
    Any,
}

impl Reach {
    /// Sees what of a URL can be seen before its name is looked up.
    ///
    /// # Errors
    /// Says why it leads where nobody may go.
    pub fn check(self, url: &http::Uri) -> Result<(), &'static str> {
        if self == Self::Any {
            return Ok(());
        }
        if url.scheme() != Some(&Scheme::HTTPS) {
            return Err("only https is allowed");
        }
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        match host.parse::<IpAddr>() {
            Ok(address) if !is_public(address) => Err(NOT_PUBLIC),
            _ => Ok(()),
        }
    }
}

/// The client. It follows no redirection. It costs nothing until it is used.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<OnceLock<Result<Inner, String>>>,
    /// Which authorities are trusted; none where those are that the system trusts.
    roots: Option<Arc<rustls::RootCertStore>>,
    reach: Reach,
}

type Inner = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

impl Client {
    /// A client that trusts the authorities that the system trusts.
    pub fn new(reach: Reach) -> Self {
        Self { inner: Arc::default(), roots: None, reach }
    }

    /// A client that trusts these authorities.
    pub fn trusting(roots: rustls::RootCertStore, reach: Reach) -> Self {
        Self { roots: Some(Arc::new(roots)), ..Self::new(reach) }
    }

    fn inner(&self) -> Result<&Inner, String> {
        let made = self.inner.get_or_init(|| {
            let roots = self.roots.clone().unwrap_or_else(|| {
                let mut roots = rustls::RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                Arc::new(roots)
            });
            connecting(roots, self.reach).map_err(|error| error.to_string())
        });
        made.as_ref().map_err(Clone::clone)
    }

    /// Sends a request and reads the answer, all in that time. Of one that says that all is well the body may be missing.
    ///
    /// # Errors
    /// Says why there is no answer, without what was sent.
    pub async fn send(&self, request: Request<Bytes>, within: Duration) -> Result<Response<Bytes>, String> {
        self.reach.check(request.uri())?;
        let inner = self.inner()?;
        let (begun, late) = (Instant::now(), || format!("there was no answer within {} s", within.as_secs()));
        let response = tokio::time::timeout(within, inner.request(request.map(Full::new)));
        let response = response.await.map_err(|_| late())?.map_err(|error| chain(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect();
        let body = match tokio::time::timeout(within.saturating_sub(begun.elapsed()), body).await {
            Ok(Ok(body)) => body.to_bytes(),
            // What was taken was taken, whatever else is said of it.
            _ if head.status.is_success() => Bytes::new(),
            Ok(Err(error)) => return Err(chain(&*error)),
            Err(_) => return Err(late()),
        };
        Ok(Response::from_parts(head, body))
    }
}

fn connecting(roots: Arc<rustls::RootCertStore>, reach: Reach) -> Result<Inner, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let mut connector = HttpConnector::new_with_resolver(Resolver { inner: GaiResolver::new(), reach });
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(connector))
}

const NOT_PUBLIC: &str = "its address is not one of the public internet";
/// The same of a name that is not there and of one that leads to a private address: nobody learns names of this network.
const NOT_FOUND: &str = "its name leads to no address of the public internet";

/// An error with what it came from: hyper's own says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Finds addresses by name, and keeps those that may be reached: what a name leads to may change from one look to the next.
#[derive(Clone, Debug)]
struct Resolver {
    inner: GaiResolver,
    reach: Reach,
}

type Found = Pin<Box<dyn Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + Send>>;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Found;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Found {
        let (reach, found) = (self.reach, self.inner.call(name));
        Box::pin(async move {
            if reach == Reach::Any {
                return Ok(found.await?.collect::<Vec<_>>().into_iter());
            }
            let all = found.await.map_err(|_| io::Error::other(NOT_FOUND))?;
            let reached: Vec<SocketAddr> = all.filter(|address| is_public(address.ip())).collect();
            if reached.is_empty() { Err(io::Error::other(NOT_FOUND)) } else { Ok(reached.into_iter()) }
        })
    }
}

/// Whether an address is one of the public internet: globally reachable in the registries of special-purpose addresses
/// (RFC 6890), and of one host.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // IPv4 in IPv6: mapped, or for translation (RFC 6052).
    if let [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] = segments {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Of what is given out for one host each (2000::/3) all but protocols' own, documentation, and 6to4, which holds any IPv4.
    let [first, second, ..] = segments;
    let is_unicast = first & 0xe000 == 0x2000;
    let is_special = match first {
        0x2001 => second < 0x200 || second == 0xdb8,
        0x2002 => true,
        0x3fff => second < 0x1000,
        _ => false,
    };
    is_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_private_network_is_not_public() {
        for (address, public) in [
            ("1.1.1.1", true),
            ("93.184.216.34", true),
            ("100.63.0.1", true),
            ("198.20.0.1", true),
            ("2606:4700:4700::1111", true),
            ("::ffff:1.1.1.1", true),
            ("64:ff9b::101:101", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.1", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::7f00:1", false),
            ("64:ff9b::7f00:1", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("3fff::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[tokio::test]
    async fn who_may_reach_the_public_alone_is_kept_from_the_rest() {
        let client = Client::new(Reach::Public);
        for (url, why) in [
            ("http://example.com/", "only https"),
            ("https://127.0.0.1:1/", NOT_PUBLIC),
            ("https://[::1]:1/", NOT_PUBLIC),
            ("https://localhost:1/", NOT_FOUND),
        ] {
            let request = Request::post(url).body(Bytes::new()).unwrap();
            let error = client.send(request, Duration::from_secs(10)).await.unwrap_err();
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
