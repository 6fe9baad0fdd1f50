//! TLS to a backend: who is believed, and what is said where nobody is.
//!
//! One shipped process, and a tenant for each way to set TLS up, so that the log can be read too.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::client::Client;
use crate::support::shipped::Shipped;

const NAME: &str = "helpdesk.internal";

/// An authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
struct Identity {
    certificate: String,
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str, expired: bool) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(if expired { 2020 } else { 2120 }, 2, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), der: certificate.der().clone(), key }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }
}

/// What a backend over TLS saw.
#[derive(Clone, Default)]
struct Seen {
    /// Name asked for, protocol agreed on, whether the client had a certificate.
    handshakes: Arc<Mutex<Vec<(Option<String>, Option<String>, bool)>>>,
    requests: Arc<Mutex<Vec<Method>>>,
}

/// A backend that answers any request with one conversation.
async fn backend(
    identity: &Identity,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> (SocketAddr, Seen) {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients {
        Some(authority) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authority.roots(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(vec![identity.der.clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let told = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), told.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let (_, session) = stream.get_ref();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                seen.handshakes.lock().unwrap().push((
                    session.server_name().map(str::to_owned),
                    session.alpn_protocol().map(text),
                    session.peer_certificates().is_some(),
                ));
                let service = service_fn(move |request: http::Request<_>| {
                    seen.requests.lock().unwrap().push(request.method().clone());
                    async { Ok::<_, Infallible>(conversation()) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (address, seen)
}

fn conversation() -> Response<Full<Bytes>> {
    let body = json!({ "id": "cnv_1", "revision": "r1" }).to_string();
    Response::builder().header("content-type", "application/json").body(body.into()).unwrap()
}

/// A way to set TLS up, under its own tenant.
struct Way<'w> {
    name: &'static str,
    address: SocketAddr,
    tls: &'w str,
    more: &'static str,
}

fn configuration(ways: &[Way<'_>]) -> String {
    let mut upstreams = String::from("upstreams:\n");
    let mut tenants = String::from("tenants:\n");
    let mut mounts = String::from("mounts:\n");
    let mut credentials = String::from("credentials:\n");
    for Way { name, address, tls, more } in ways {
        upstreams.push_str(&format!(
            "  {name}: {{ kind: canonical, url: \"https://{address}/v1\", credential: \"${{env:BACKEND_TOKEN}}\", tls: {{ {tls} }}{more} }}\n"
        ));
        tenants.push_str(&format!("  {name}: {{ upstream: {name} }}\n"));
        mounts
            .push_str(&format!("  - {{ dialect: canonical, tenant: {name}, prefix: /{name} }}\n"));
        credentials.push_str(&format!(
            "  - {{ name: {name}, secret: \"${{env:BEARER_TOKEN}}\", tenant: {name}, account: \"1\", actor: gateway, dialects: [canonical] }}\n"
        ));
    }
    format!("{upstreams}{tenants}{mounts}{credentials}telemetry: {{ log: json }}\n")
}

async fn read(client: &Client, name: &str) -> crate::support::client::Answer {
    let path = format!("/{name}/v1/accounts/1/conversations/n:1");
    client.get(&path, &[("authorization", "Bearer demo-bearer")]).await
}

async fn write(client: &Client, name: &str) -> crate::support::client::Answer {
    let path = format!("/{name}/v1/accounts/1/conversations/n:1/messages");
    let credential = [("authorization", "Bearer demo-bearer")];
    client.json(Method::POST, &path, &credential, &json!({ "text": "x" })).await
}

fn file(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn who_is_believed_and_what_is_said_otherwise() {
    let (ours, others) = (Authority::new("ours"), Authority::new("somebody else's"));
    let folder = tempfile::tempdir().unwrap();
    let gateway = ours.issue("gateway.example", false);
    let stranger = others.issue("gateway.example", false);
    for (name, text) in [
        ("ca.pem", ours.0.pem()),
        ("gateway.pem", gateway.certificate.clone()),
        ("gateway.key", gateway.key.serialize_pem()),
        ("stranger.pem", stranger.certificate.clone()),
        ("stranger.key", stranger.key.serialize_pem()),
    ] {
        file(folder.path(), name, &text);
    }
    let both: &[_] = &[&version::TLS13, &version::TLS12];
    let (good, good_seen) = backend(&ours.issue(NAME, false), None, both).await;
    let (old, old_seen) = backend(&ours.issue(NAME, false), None, &[&version::TLS12]).await;
    let (by_address, _) = backend(&ours.issue("127.0.0.1", false), None, both).await;
    let (unknown, unknown_seen) = backend(&others.issue(NAME, false), None, both).await;
    let (expired, _) = backend(&ours.issue(NAME, true), None, both).await;
    let (picky, picky_seen) = backend(&ours.issue(NAME, false), Some(&ours), both).await;
    let (picky_old, picky_old_seen) =
        backend(&ours.issue(NAME, false), Some(&ours), &[&version::TLS12]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_address = plain.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            tokio::spawn(async move {
                let _ = stream.read_u8().await;
                let text = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text).await;
            });
        }
    });

    let named = "ca: ca.pem, server_name: helpdesk.internal";
    let with_certificate =
        format!("{named}, client_certificate: gateway.pem, client_key: gateway.key");
    let with_strangers =
        format!("{named}, client_certificate: stranger.pem, client_key: stranger.key");
    let way = |name, address, tls, more| Way { name, address, tls, more };
    let ways = [
        way("good", good, named, ""),
        way("old", old, named, ""),
        way("by_address", by_address, "ca: ca.pem", ""),
        way("of_the_system", good, "ca: system, server_name: helpdesk.internal", ""),
        way("unknown", unknown, named, ""),
        way("other_name", good, "ca: ca.pem, server_name: elsewhere.internal", ""),
        way("expired", expired, named, ""),
        way("picky", picky, &with_certificate, ""),
        way("picky_none", picky, named, ""),
        way("picky_other", picky, &with_strangers, ""),
        way("picky_old_none", picky_old, named, ""),
        way("silent", silent.local_addr().unwrap(), named, ", connect_timeout: 150ms"),
        way("plain", plain_address, named, ""),
    ];
    let yaml = configuration(&ways);
    file(folder.path(), "deskbridge.yaml", &yaml);
    let path = folder.path().join("deskbridge.yaml").display().to_string();
    let mut shipped = Shipped::start(&["--config", &path]).await;
    let client = shipped.client();

    for name in ["good", "old", "by_address", "picky"] {
        read(&client, name).await.expect(200);
        write(&client, name).await.expect(201);
    }
    let agreed = (Some(NAME.to_owned()), Some("http/1.1".to_owned()), false);
    for seen in [&good_seen, &old_seen] {
        let handshakes = seen.handshakes.lock().unwrap();
        assert!(handshakes.iter().all(|handshake| *handshake == agreed), "{handshakes:?}");
    }
    assert!(picky_seen.handshakes.lock().unwrap().iter().all(|(.., certificate)| *certificate));

    for (name, word, why) in [
        ("of_the_system", "tls_certificate_error", "UnknownIssuer"),
        ("unknown", "tls_certificate_error", "UnknownIssuer"),
        ("other_name", "tls_certificate_error", "not valid for name"),
        ("expired", "tls_certificate_error", "certificate expired"),
        ("picky_old_none", "tls_alert_received", "fatal alert"),
        ("silent", "connection_timeout", "no connection within 150ms (connect_timeout)"),
        ("plain", "tls_protocol_error", "corrupt message"),
    ] {
        for answer in [read(&client, name).await, write(&client, name).await] {
            assert_eq!(answer.status, 503, "{name}: {}", answer.text());
            assert_eq!(
                answer.header("proxy-status"),
                format!("deskbridge; error={word}"),
                "{name}"
            );
            let body = answer.text();
            assert!(!body.contains(NAME) && !body.contains("127.0.0.1"), "{body}");
            assert_eq!(answer.value()["code"], "unavailable", "{body}");
        }
        let logged = |line: &str| {
            line.contains("the backend failed") && line.contains(&format!("upstream {name},"))
        };
        let line = shipped.line(logged).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        let context = line["context"].as_str().unwrap();
        assert!(context.contains(why), "{name}: {context}");
        assert_eq!(line["level"], "warn");
    }
    assert!(unknown_seen.requests.lock().unwrap().is_empty(), "nothing was sent to a stranger");
    assert!(picky_old_seen.requests.lock().unwrap().is_empty());

    // With TLS 1.3 the backend says only after the handshake that it does not like us; whether its
    // word or the end of the connection is seen first is a race. Nothing reaches it in any case.
    let before = picky_seen.requests.lock().unwrap().len();
    for name in ["picky_none", "picky_other"] {
        for answer in [read(&client, name).await, write(&client, name).await] {
            assert!([502, 503].contains(&answer.status.as_u16()), "{name}: {}", answer.text());
            let told = answer.header("proxy-status");
            let words = ["tls_alert_received", "connection_terminated", "destination_unavailable"];
            assert!(words.iter().any(|word| told.ends_with(word)), "{told}");
        }
    }
    assert_eq!(picky_seen.requests.lock().unwrap().len(), before);

    // A certificate that is not believed is not asked about again; what has no connection is.
    let admin = shipped.admin();
    let told = admin.get("/upstreams", &[]).await.expect(200).value();
    let upstream = |name: &str| {
        let all = told.as_array().unwrap();
        all.iter().find(|upstream| upstream["upstream"] == name).unwrap().clone()
    };
    assert_eq!(upstream("unknown")["attempts"], 2);
    assert_eq!(upstream("unknown")["breaker"]["last_failure"]["kind"], "untrusted");
    assert_eq!(upstream("silent")["attempts"], 6);
    let config = admin.get("/config", &[]).await.expect(200).value();
    let tls = &config["upstreams"]["picky"]["tls"];
    assert!(tls["client_key"].as_str().unwrap().ends_with("gateway.key"), "{tls}");
    assert_eq!(config["upstreams"]["of_the_system"]["tls"]["ca"], "system");
}
