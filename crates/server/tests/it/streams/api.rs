//! The management of streams (SSF 1.0 §8.1).

use durward_server::client::{Client, Reach};
use durward_server::extract::App;
use durward_server::router::router;
use expect_test::expect;
use http::Method;
use serde_json::json;

use super::receiver::Receiver;
use super::{LONG, deliverer, listen, reaching, stream};
use crate::rest::Api;
use crate::world::{World, user};

#[tokio::test]
async fn a_stream_is_made_shown_changed_and_removed() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let body = json!({
        "delivery": {
            "method": "urn:ietf:rfc:8935",
            "endpoint_url": "https://receiver.example/events?a=b",
            "authorization_header": "Bearer hush",
        },
        "events_requested": ["urn:ietf:params:scim:event:prov:delete"],
        "description": "the directory",
    });
    let made = api.post("/ssf/streams", body).await.check(201);
    let id = made.json()["stream_id"].as_str().unwrap().to_owned();
    let text = made.text.replace(&id, "…");
    expect![[r#"{"stream_id":"…","iss":"https://id.example/acme","aud":"https://receiver.example/events?a=b","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://receiver.example/events?a=b"},"events_supported":["urn:ietf:params:scim:event:prov:create:notice","urn:ietf:params:scim:event:prov:patch:notice","urn:ietf:params:scim:event:prov:put:notice","urn:ietf:params:scim:event:prov:delete","urn:ietf:params:scim:event:prov:activate","urn:ietf:params:scim:event:prov:deactivate"],"events_requested":["urn:ietf:params:scim:event:prov:delete"],"events_delivered":["urn:ietf:params:scim:event:prov:delete"],"description":"the directory"}"#]].assert_eq(&text);
    let one = format!("/ssf/streams?stream_id={id}");
    assert_eq!(api.get("/ssf/streams").await.check(200).json(), json!([made.json()]));

    // What is left out of a PATCH stays, and what was answered can be sent back.
    let patched = json!({ "stream_id": id, "description": "renamed" });
    let patched = api.send(Method::PATCH, "/ssf/streams", Some(patched)).await.check(200).json();
    assert_eq!(
        (&patched["description"], &patched["delivery"]),
        (&json!("renamed"), &made.json()["delivery"])
    );
    assert_eq!(patched["events_requested"], made.json()["events_requested"]);
    let again = api.send(Method::PUT, "/ssf/streams", Some(patched.clone())).await.check(200).json();
    assert_eq!(again, patched);
    for (name, other) in
        [("iss", json!("https://id.example/globex")), ("aud", json!("x")), ("events_delivered", json!([]))]
    {
        for method in [Method::PUT, Method::PATCH] {
            let mut changed = patched.clone();
            changed[name] = other.clone();
            let answer = api.send(method, "/ssf/streams", Some(changed)).await.check(400);
            assert!(answer.text.contains(&format!("`{name}`")), "{}", answer.text);
        }
    }
    let mut bare = stream("https://other.example/");
    bare["stream_id"] = json!(id);
    let replaced = api.send(Method::PUT, "/ssf/streams", Some(bare)).await.check(200).json();
    assert_eq!(replaced["description"], json!(null));
    assert_eq!(replaced["delivery"]["endpoint_url"], "https://other.example/");
    assert_eq!(replaced["aud"], made.json()["aud"], "it does not change");
    assert_eq!(replaced["events_delivered"], replaced["events_supported"]);
    assert_eq!(api.get(&one).await.check(200).json(), replaced);

    api.delete(&one).await.check(204);
    for answer in [api.get(&one).await, api.delete(&one).await] {
        assert!(answer.check(404).text.contains(&id));
    }
    let audited = world.place.rows("select verb from audit where kind = 'EventStream' order by sequence");
    assert_eq!(audited, ["create", "replace", "replace", "replace", "delete"]);
}

/// A secret goes to whom it was given for, and nobody is shown it.
#[tokio::test]
async fn a_receivers_secret_stays_with_its_address() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deliverer = deliverer(&world, "a", LONG);
    let caller = world.provider("acme").await;
    let mut body = stream(&receiver.url("one"));
    body["delivery"]["authorization_header"] = json!("Bearer hush");
    let made = api.post("/ssf/streams", body).await.check(201);
    assert!(!made.text.contains("hush"));
    let id = made.json()["stream_id"].clone();
    let mut heard = async |number: u32| {
        caller.make("/Users", user(&number.to_string())).await;
        deliverer.once().await;
        let pushed = receiver.pushed();
        assert_eq!(pushed.len(), 1);
        pushed[0].headers.get("authorization").map(|value| value.to_str().unwrap().to_owned())
    };
    let put = async |path: &str, header: Option<&str>| {
        let mut body = stream(&receiver.url(path));
        body["stream_id"] = id.clone();
        if let Some(header) = header {
            body["delivery"]["authorization_header"] = json!(header);
        }
        api.send(Method::PUT, "/ssf/streams", Some(body)).await.check(200);
    };
    assert_eq!(heard(1).await.as_deref(), Some("Bearer hush"));
    put("one", None).await;
    assert_eq!(heard(2).await.as_deref(), Some("Bearer hush"));
    put("two", None).await;
    assert_eq!(heard(3).await, None);
    put("two", Some("Bearer other")).await;
    assert_eq!(heard(4).await.as_deref(), Some("Bearer other"));
    put("two", Some("")).await;
    assert_eq!(heard(5).await, None);
    let shown = api.get("/ssf/streams").await.check(200).text;
    assert!(!shown.contains("authorization"), "{shown}");
}

#[tokio::test]
async fn what_is_wrong_with_a_stream_is_named() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let id = listen(&api, "https://receiver.example/").await;
    let delivery = |method: &str, url: &str| json!({ "delivery": { "method": method, "endpoint_url": url } });
    let push = "urn:ietf:rfc:8935";
    for (body, named) in [
        (json!({}), "`delivery` is required"),
        (json!({ "delivery": { "method": push } }), "`delivery.endpoint_url` is required"),
        (delivery("urn:ietf:rfc:8936", "https://a.example/"), "`delivery.method`"),
        (delivery(push, "ftp://a.example/"), "`delivery.endpoint_url`"),
        (delivery(push, "https://u:p@a.example/"), "`delivery.endpoint_url`"),
        (json!({ "deliver": {} }), "`deliver` is not known"),
        (
            json!({ "delivery": { "method": push, "endpoint_url": "https://a.example/", "authorization_header": "a\r\nb: c" } }),
            "`delivery.authorization_header`",
        ),
    ] {
        let detail = api.refused(400, "/ssf/streams", body.clone()).await;
        assert!(detail.contains(named), "{body}: {detail}");
    }
    for (path, body, named) in [
        ("/ssf/status", json!({ "stream_id": id, "status": "asleep" }), "status"),
        ("/ssf/status", json!({ "status": "paused" }), "`stream_id` is required"),
        ("/ssf/verification", json!({ "state": "x" }), "`stream_id` is required"),
    ] {
        let detail = api.refused(400, path, body.clone()).await;
        assert!(detail.contains(named), "{body}: {detail}");
    }
    for path in ["/ssf/status", "/ssf/verification"] {
        let body = match path {
            "/ssf/status" => json!({ "stream_id": "nothing", "status": "paused" }),
            _ => json!({ "stream_id": "nothing" }),
        };
        assert!(api.refused(404, path, body).await.contains("`nothing`"));
    }
    let patch = api.send(Method::PATCH, "/ssf/streams", Some(json!({}))).await.check(400);
    assert!(patch.text.contains("`stream_id` is required"), "{}", patch.text);
    api.delete("/ssf/streams").await.check(400);
    api.get("/ssf/status").await.check(400);
    // Of another tenant there is nothing to see.
    let other = Api::admin(&world, "globex").await;
    other.get(&format!("/ssf/streams?stream_id={id}")).await.check(404);
    other.delete(&format!("/ssf/streams?stream_id={id}")).await.check(404);
    assert_eq!(other.get("/ssf/streams").await.check(200).json(), json!([]));
}

/// What can be seen of it before it is looked up is said at once.
#[tokio::test]
async fn a_receiver_that_may_not_be_reached_is_refused() {
    let world = World::new().await;
    let router = router(App {
        iam: std::sync::Arc::clone(&world.iam),
        public_url: "https://id.example".into(),
        receivers: Reach::Public,
        patience: std::time::Duration::from_secs(10),
    });
    let api = Api::of(&world.admin("acme").await.through(router));
    for (url, why) in [
        ("http://receiver.example/", "only https is allowed"),
        ("https://10.0.0.1/", "not one of the public internet"),
        ("https://[::ffff:127.0.0.1]/", "not one of the public internet"),
    ] {
        let detail = api.refused(400, "/ssf/streams", stream(url)).await;
        assert!(detail.contains("`delivery.endpoint_url`") && detail.contains(why), "{url}: {detail}");
    }
    let id = listen(&api, "https://receiver.example/").await;
    let mut other = stream("https://127.0.0.1/");
    other["stream_id"] = json!(id);
    for method in [Method::PUT, Method::PATCH] {
        api.send(method, "/ssf/streams", Some(other.clone())).await.check(400);
    }
}

#[tokio::test]
async fn a_transmitter_describes_itself() {
    let world = World::new().await;
    let nobody = world.nobody("acme");
    let shown = nobody.get("!/.well-known/ssf-configuration/acme").await.check(200);
    expect![[r#"
        {
          "spec_version": "1_0",
          "issuer": "https://id.example/acme",
          "jwks_uri": "https://id.example/acme/.well-known/jwks.json",
          "delivery_methods_supported": [
            "urn:ietf:rfc:8935"
          ],
          "configuration_endpoint": "https://id.example/v1/ssf/streams",
          "status_endpoint": "https://id.example/v1/ssf/status",
          "verification_endpoint": "https://id.example/v1/ssf/verification",
          "authorization_schemes": [
            {
              "spec_urn": "urn:ietf:rfc:6750"
            }
          ],
          "default_subjects": "ALL"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&shown.json()).unwrap());
    assert_eq!(nobody.get("!/acme/.well-known/jwks.json").await.check(200).json(), json!({ "keys": [] }));
    for path in ["!/.well-known/ssf-configuration/No%20Tenant", "!/No%20Tenant/.well-known/jwks.json"] {
        nobody.get(path).await.check(404);
    }
}

/// Over TLS, to a receiver whose certificate is trusted; and to no other.
#[tokio::test]
async fn events_are_pushed_over_tls() {
    use rustls::pki_types::PrivateKeyDer;

    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let inner = receiver.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut plain = tokio::net::TcpStream::connect(inner.address).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut plain).await });
        }
    });
    let url = format!("https://localhost:{port}/tls");
    let id = listen(&api, &url).await;
    world.provider("acme").await.make("/Users", user("a")).await;
    reaching(&world, "a", LONG, Client::new(Reach::Any)).once().await;
    assert!(receiver.pushed().is_empty());
    let status = api.get(&format!("/ssf/status?stream_id={id}")).await.check(200).json();
    assert!(status["reason"].as_str().unwrap().contains("certificate"), "{status}");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    world.pass(std::time::Duration::from_secs(1));
    reaching(&world, "a", LONG, Client::trusting(roots, Reach::Any)).once().await;
    assert_eq!(receiver.pushed().len(), 1);
}
