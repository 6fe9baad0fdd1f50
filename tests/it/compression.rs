//! Compression both ways: what a client may send, what it gets, and that nothing is lost in it.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use http::Method;

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::dialects::{ACCOUNT, ALL, CANONICAL, Dialect, PUBLIC};
use crate::support::gateway::{Gateway, in_front_of};

const CODINGS: [(&str, &str); 2] = [("gzip", "--gzip\""), ("br", "--br\"")];

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap().into()
}

fn plain(answer: &Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    match answer.header("content-encoding") {
        "gzip" => {
            flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut plain).unwrap();
        }
        "br" => brotli::BrotliDecompress(&mut &*answer.body, &mut plain).unwrap(),
        other => {
            assert_eq!(other, "");
            plain.extend_from_slice(&answer.body);
        }
    }
    plain
}

async fn ask(
    client: &Client,
    dialect: Dialect,
    method: Method,
    rest: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let path = format!("{}{rest}", dialect.conversations);
    client.send(method, &path, &[dialect.credential, headers].concat(), "").await
}

#[tokio::test]
async fn an_answer_is_the_same_in_every_coding() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in ALL {
        let as_it_is = ask(&client, dialect, Method::GET, "1", &[]).await.expect(200);
        assert!(as_it_is.body.len() > 1024);
        assert_eq!(as_it_is.header("content-encoding"), "");
        assert_eq!(as_it_is.header("vary"), "Accept-Encoding");
        let etag = as_it_is.header("etag");
        for (coding, mark) in CODINGS {
            let coded = [("accept-encoding", coding)];
            let first = ask(&client, dialect, Method::GET, "1", &coded).await.expect(200);
            assert_eq!(first.header("content-encoding"), coding, "{}", dialect.name);
            assert!(first.header("cache-status").contains("; hit"));
            assert!(first.body.len() < as_it_is.body.len() / 2);
            assert_eq!(plain(&first), as_it_is.body);
            assert_eq!(first.header("vary"), "Accept-Encoding");
            let own = first.header("etag");
            assert_eq!(own, etag.trim_end_matches('"').to_owned() + mark);
            assert_eq!(first.header("content-type"), as_it_is.header("content-type"));
            assert_eq!(first.header("content-length"), first.body.len().to_string());

            let again = ask(&client, dialect, Method::GET, "1", &coded).await.expect(200);
            assert_eq!((&again.body, again.header("etag")), (&first.body, own));
            let head = ask(&client, dialect, Method::HEAD, "1", &coded).await.expect(200);
            for name in ["content-encoding", "content-length", "content-type", "etag", "vary"] {
                assert_eq!(head.header(name), first.header(name), "{name}");
            }
            assert!(head.body.is_empty());

            // A validator is of one coding.
            for (method, sent, status) in [
                (Method::GET, own, 304),
                (Method::HEAD, own, 304),
                (Method::GET, etag, 200),
                (Method::GET, "*", 304),
            ] {
                let headers = [coded[0], ("if-none-match", sent)];
                let answer = ask(&client, dialect, method, "1", &headers).await.expect(status);
                assert_eq!(answer.header("etag"), own);
                assert_eq!(answer.header("vary"), "Accept-Encoding");
                assert_eq!(answer.header("content-encoding").is_empty(), status == 304);
            }
            let headers = [("if-none-match", own)];
            ask(&client, dialect, Method::GET, "1", &headers).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_validator_is_known_before_anything_is_compressed() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let etag = ACCOUNT.get(&client, 1).await.expect(200).header("etag").to_owned();
    let coded = etag.trim_end_matches('"').to_owned() + "--br\"";
    let headers = [("accept-encoding", "br"), ("if-none-match", coded.as_str())];
    let answer = ask(&client, ACCOUNT, Method::GET, "1", &headers).await.expect(304);
    assert_eq!(answer.header("etag"), coded);
}

#[tokio::test]
async fn what_is_small_binary_or_a_refusal_is_sent_as_it_is() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let coded = [("accept-encoding", "gzip, br"), ("api_access_token", "demo-admin")];
    // A list of labels is short.
    for path in ["/api/v1/accounts/1/conversations/1/labels", "/api/v1/accounts/1/nothing-here"] {
        let answer = client.get(path, &coded).await;
        assert!(answer.body.len() < 1024, "{path}");
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("", ""), "{path}");
    }
    let public = PUBLIC.get(&client, 1).await.expect(200).value();
    let mut links = public["messages"].as_array().unwrap().iter().filter_map(|message| {
        message["attachments"].as_array()?.first()?["data_url"].as_str().map(str::to_owned)
    });
    let link = links.next().unwrap();
    let path = link.strip_prefix(&format!("http://{}", gateway.address)).unwrap();
    let file = client.get(path, &coded).await.expect(200);
    assert_eq!((file.header("content-encoding"), file.header("vary")), ("", ""));
}

#[tokio::test]
async fn a_change_is_in_every_coding_at_once() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let mut before = Vec::new();
    for (coding, _) in CODINGS {
        let headers = [("accept-encoding", coding)];
        before.push(ask(&client, PUBLIC, Method::GET, "1", &headers).await.expect(200));
    }
    let sent = serde_json::json!({ "content": "one more" });
    PUBLIC.post(&client, "1/messages", &sent).await.expect(200);
    let now = PUBLIC.get(&client, 1).await.expect(200);
    for ((coding, _), before) in CODINGS.iter().zip(before) {
        let etag = before.header("etag").to_owned();
        let headers = [("accept-encoding", *coding), ("if-none-match", etag.as_str())];
        let after = ask(&client, PUBLIC, Method::GET, "1", &headers).await.expect(200);
        assert_eq!(plain(&after), now.body);
        assert_ne!(plain(&after), plain(&before));
    }
}

#[tokio::test]
async fn the_validator_of_a_coding_opens_a_conditional_write() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let read = ask(&client, CANONICAL, Method::GET, "1", &[("accept-encoding", "gzip")]).await;
    let etag = read.header("etag").to_owned();
    assert!(etag.ends_with("--gzip\""));
    let patch = async |tag: &str, status: u16| {
        let path = format!("{}1", CANONICAL.conversations);
        let headers = [CANONICAL.credential, &[("if-match", tag)]].concat();
        let body = serde_json::json!({ "priority": "low" });
        client.json(Method::PATCH, &path, &headers, &body).await.expect(status)
    };
    patch("\"other--gzip\"", 412).await;
    patch(&etag, 200).await;
    // It has changed by that.
    patch(&etag, 412).await;
}

#[tokio::test]
async fn the_backend_is_asked_once_for_all_codings() {
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    let sandbox = Gateway::sandbox().await;
    let body = CANONICAL.get(&sandbox.client(), 1).await.expect(200).body;
    let path = "/v1/accounts/1/conversations/n:1";
    backend.tell(Method::GET, path, 200, body.clone());
    for coding in ["br", "gzip", "identity", "gzip", "br"] {
        let headers = [("accept-encoding", coding)];
        let answer = ask(&client, CANONICAL, Method::GET, "1", &headers).await.expect(200);
        assert_eq!(plain(&answer), body);
    }
    assert_eq!(backend.count(&Method::GET, path), 1);
}

#[tokio::test]
async fn origin_and_coding_stand_in_one_vary() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = deskbridge::dialect::embedded::Files::embedded();
    let target = folder.path().join("public-inbox");
    std::fs::create_dir(&target).unwrap();
    for file in ["dialect.yaml", "records.yaml", "enums.yaml", "routes.yaml", "documented.yaml"] {
        let text = shipped.read(&format!("public-inbox/{file}")).unwrap();
        let text = text.replace("origins: [ \"*\" ]", "origins: [ \"https://shop.example\" ]");
        std::fs::write(target.join(file), text).unwrap();
    }
    let gateway = Gateway::start(None, Some(folder.path())).await;
    let client = gateway.client();
    let headers = [("origin", "https://shop.example"), ("accept-encoding", "gzip")];
    let answer = ask(&client, PUBLIC, Method::GET, "1", &headers).await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
    assert_eq!(answer.header("vary"), "Accept-Encoding, Origin");
    assert_eq!(answer.headers.get_all("vary").iter().count(), 1);
    let refused = ask(&client, PUBLIC, Method::GET, "999", &headers).await.expect(404);
    assert_eq!(refused.header("vary"), "Origin");
}

#[tokio::test]
async fn compression_can_be_left_to_the_proxy_in_front() {
    let backend = Backend::start().await;
    let more = "server: { compression: false }\n";
    let gateway = Gateway::configured(&in_front_of(&backend.address.to_string(), more)).await;
    let sandbox = Gateway::sandbox().await;
    let body = CANONICAL.get(&sandbox.client(), 1).await.expect(200).body;
    backend.tell(Method::GET, "/v1/accounts/1/conversations/n:1", 200, body);
    let headers = [("accept-encoding", "gzip")];
    let client = gateway.client();
    let answer = ask(&client, CANONICAL, Method::GET, "1", &headers).await.expect(200);
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("", ""));
}

/// What a dialect that takes forms is sent: media type and body.
const BODIES: [(&str, &str); 3] = [
    ("application/json", "{\"content\":\"Hola\"}"),
    ("application/x-www-form-urlencoded", "content=Hola"),
    (
        "multipart/form-data; boundary=B",
        "--B\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nHola\r\n--B--\r\n",
    ),
];

async fn send(client: &Client, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let path = format!("{}1/messages", ACCOUNT.conversations);
    client.send(Method::POST, &path, &[ACCOUNT.credential, headers].concat(), body).await
}

#[tokio::test]
async fn a_gzip_body_is_taken_in_every_kind_of_body() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for (media, body) in BODIES {
        for coding in ["gzip", "x-gzip", "GZIP", "identity, gzip"] {
            let headers = [("content-type", media), ("content-encoding", coding)];
            let answer = send(&client, &headers, gzip(body.as_bytes())).await.expect(200);
            assert_eq!(answer.value()["content"], "Hola", "{media} {coding}");
        }
        let headers = [("content-type", media), ("content-encoding", "identity")];
        send(&client, &headers, body).await.expect(200);
    }
}

#[tokio::test]
async fn every_other_coding_is_refused_with_the_one_that_is_taken() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in ALL {
        let path = format!("{}1/messages", dialect.conversations);
        for coding in ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "compress", "nonsense"] {
            let headers = [
                dialect.credential,
                &[("content-type", "application/json"), ("content-encoding", coding)],
            ]
            .concat();
            let answer = client.send(Method::POST, &path, &headers, "{}").await;
            dialect.assert_refusal(&answer, 415);
            assert_eq!(answer.header("accept-encoding"), "gzip", "{} {coding}", dialect.name);
        }
        // Any other 415 does not speak of codings.
        let headers = [dialect.credential, &[("content-type", "text/plain")]].concat();
        let answer = client.send(Method::POST, &path, &headers, "{}").await.expect(415);
        assert_eq!(answer.header("accept-encoding"), "");
    }
}

#[tokio::test]
async fn a_gzip_body_is_bounded_and_whole() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let kind = ("content-type", "application/json");
    let coded = [kind, ("content-encoding", "gzip")];
    // 64 MiB in 64 KiB, where 1 MiB is taken.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let answer = send(&client, &coded, bomb).await;
    ACCOUNT.assert_refusal(&answer, 413);
    let whole = gzip(b"{\"content\":\"Hola\"}");
    for cut in [1, 5, whole.len() / 2, whole.len() - 1] {
        let answer = send(&client, &coded, whole.slice(..cut)).await;
        ACCOUNT.assert_refusal(&answer, 400);
    }
    let answer = send(&client, &coded, "{\"content\":\"Hola\"}").await;
    ACCOUNT.assert_refusal(&answer, 400);
    // And what is in it is looked at as ever.
    let answer = send(&client, &coded, gzip(b"{\"content\":")).await;
    ACCOUNT.assert_refusal(&answer, 400);
}
