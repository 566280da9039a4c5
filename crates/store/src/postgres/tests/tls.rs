//! TLS to the server, as `sslmode` and `sslrootcert` say.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use scratch::Cluster;

use crate::{Options, Store, StoreError};

/// An authority's certificate, and its certificate of `localhost` with the key of that.
fn authority() -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let host = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (own, host.pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_as_encrypted_and_as_verified_as_asked() {
    let cluster = Cluster::listening();
    let folder = tempfile::TempDir::new().unwrap();
    let ((root, certificate, key), (other, ..)) = (authority(), authority());
    let root_of = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        format!("sslrootcert={}", path.display())
    };
    let (root, other) = (root_of("root.pem", &root), root_of("other.pem", &other));
    let ours = "pg_stat_activity where application_name = 'durward'";
    let open = async |host: &str, parameters: &str| {
        // Those of the store before are on their way out.
        while cluster.run(&format!("select count(*) from {ours}")).trim() != "0" {}
        let url = format!("postgres://postgres@{host}:{}/postgres?{parameters}", cluster.port());
        let store = Store::open(&url.parse().unwrap(), Options::default()).await?;
        store.healthy().await?;
        let encrypted = format!("select distinct ssl from pg_stat_ssl natural join {ours}");
        Ok::<_, StoreError>(cluster.run(&encrypted).trim().to_owned())
    };
    assert_eq!(open("localhost", "").await.unwrap(), "f", "the server offers none");
    let refused = open("localhost", "sslmode=require").await.unwrap_err().to_string();
    assert!(refused.contains("server does not support TLS"), "{refused}");
    for parameters in [root.clone(), format!("sslmode=prefer&{root}"), "sslrootcert=system".to_owned()] {
        let refused = open("localhost", &parameters).await.unwrap_err().to_string();
        assert!(refused.contains("server does not support TLS"), "{parameters}: {refused}");
    }

    let kept = [
        ("ssl_cert_file", cluster.keep("cert.pem", &certificate)),
        ("ssl_key_file", cluster.keep("key.pem", &key)),
    ];
    for (name, path) in kept {
        cluster.run(&format!("alter system set {name} = '{}'", path.display()));
    }
    cluster.run("alter system set ssl = on");
    cluster.run("select pg_reload_conf()");
    while cluster.run("show ssl").trim() != "on" {}

    for (host, parameters, expected) in [
        ("localhost", "sslmode=disable", Ok("f")),
        ("localhost", "", Ok("t")),
        ("127.0.0.1", "sslmode=require", Ok("t")),
        ("localhost", &format!("sslmode=verify-full&{root}"), Ok("t")),
        ("localhost", &root, Ok("t")),
        ("127.0.0.1", &format!("sslmode=verify-full&{root}"), Err("not valid for name")),
        ("127.0.0.1", &format!("sslmode=require&{root}"), Err("not valid for name")),
        ("localhost", &format!("sslmode=verify-full&{other}"), Err("invalid peer certificate")),
        ("localhost", &other, Err("invalid peer certificate")),
        ("localhost", "sslmode=verify-full", Err("certificate")),
    ] {
        match (open(host, parameters).await, expected) {
            (Ok(encrypted), Ok(expected)) => assert_eq!(encrypted, expected, "{host} {parameters}"),
            (Err(error), Err(named)) => {
                assert!(error.to_string().contains(named), "{host} {parameters}: {error}")
            }
            (result, _) => panic!("{host} {parameters}: {result:?}"),
        }
    }
}
