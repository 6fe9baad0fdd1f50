//! HTTP as it should be, and the habits that clients of the dialects have got used to.

use http::header::HeaderValue;
use http::{Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client, raw};
use crate::support::dialects::{ACCOUNT, ALL, BEARER, CANONICAL, Dialect, PUBLIC};
use crate::support::gateway::Gateway;

const ORIGIN: (&str, &str) = ("origin", "https://shop.example");

fn one(dialect: Dialect) -> String {
    format!("{}1", dialect.conversations)
}

async fn send(
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
async fn head_is_get_without_its_body_from_the_same_entry() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in ALL {
        for rest in ["1", "1/messages", "999", "1/nothing-here"] {
            let get = send(&client, dialect, Method::GET, rest, &[]).await;
            let head = send(&client, dialect, Method::HEAD, rest, &[]).await;
            assert_eq!(head.status, get.status);
            assert!(head.body.is_empty());
            assert_eq!(head.header("content-length"), get.body.len().to_string());
            for name in ["content-type", "etag", "cache-control", "vary"] {
                assert_eq!(head.header(name), get.header(name), "{} {rest} {name}", dialect.name);
            }
            if get.status == StatusCode::OK {
                assert!(
                    head.header("cache-status").contains("; hit"),
                    "{}",
                    head.header("cache-status")
                );
            }
        }
    }
    // Nor does a HEAD of a stranger say more.
    let head = client.send(Method::HEAD, &one(ACCOUNT), &[], "").await;
    assert_eq!((head.status, head.body.len()), (StatusCode::UNAUTHORIZED, 0));
}

#[tokio::test]
async fn an_entity_tag_spares_the_body() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in ALL {
        for rest in ["1", "1/messages"] {
            let first = send(&client, dialect, Method::GET, rest, &[]).await.expect(200);
            let etag = first.header("etag").to_owned();
            assert!(etag.starts_with('"') && etag.len() > 2, "{etag}");
            let weak = format!("W/{etag}");
            let listed = format!("\"other\", {etag}");
            for sent in [etag.as_str(), weak.as_str(), listed.as_str(), "*"] {
                for method in [Method::GET, Method::HEAD] {
                    let answer =
                        send(&client, dialect, method, rest, &[("if-none-match", sent)]).await;
                    assert_eq!(answer.status, 304, "{} {rest} {sent}", dialect.name);
                    assert!(answer.body.is_empty());
                    assert_eq!(answer.header("etag"), etag);
                    assert_eq!(answer.header("content-type"), "");
                }
            }
            for sent in ["\"other\"", etag.trim_matches('"'), ""] {
                let answer =
                    send(&client, dialect, Method::GET, rest, &[("if-none-match", sent)]).await;
                assert_eq!(answer.body, first.body, "{} {rest} {sent}", dialect.name);
            }
        }
    }
    // A change changes it, in every dialect.
    let before: Vec<String> = tags(&client).await;
    ACCOUNT.post(&client, "1/messages", &json!({ "content": "new" })).await.expect(200);
    let after: Vec<String> = tags(&client).await;
    for (dialect, (before, after)) in ALL.iter().zip(before.iter().zip(&after)) {
        assert_ne!(before, after, "{}", dialect.name);
        let answer =
            send(&client, *dialect, Method::GET, "1", &[("if-none-match", before.as_str())]).await;
        assert_eq!(answer.status, 200, "{}", dialect.name);
    }
}

async fn tags(client: &Client) -> Vec<String> {
    let mut tags = Vec::new();
    for dialect in ALL {
        tags.push(dialect.get(client, 1).await.expect(200).header("etag").to_owned());
    }
    tags
}

#[tokio::test]
async fn options_lists_the_methods_of_an_address() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for (dialect, rest, allow) in [
        (PUBLIC, "1", "GET, HEAD, OPTIONS"),
        (PUBLIC, "1/messages", "GET, HEAD, OPTIONS, POST"),
        (PUBLIC, "1/toggle_status", "OPTIONS, POST"),
        (ACCOUNT, "1/toggle_status", "OPTIONS, POST"),
        (BEARER, "1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        (CANONICAL, "1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ] {
        let path = format!("{}{rest}", dialect.conversations);
        let answer = client.send(Method::OPTIONS, &path, &[], "").await;
        assert!(answer.status.is_success());
        assert_eq!(answer.header("allow"), allow);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn browsers_may_use_the_public_api_and_no_other() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let preflight = [
        ORIGIN,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type, x-anything"),
    ];
    let path = format!("{}1/messages", PUBLIC.conversations);
    let answer = client.send(Method::OPTIONS, &path, &preflight, "").await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD, OPTIONS, POST");
    assert_eq!(answer.header("access-control-allow-headers"), "content-type, x-anything");
    assert_eq!(answer.header("access-control-max-age"), "7200");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(answer.body.is_empty());

    // Answers and refusals of every kind are readable.
    let marked = async |method: Method, path: &str, body: &str| {
        let headers = [ORIGIN, ("content-type", "application/json")];
        let answer = client.send(method, path, &headers, body.to_owned()).await;
        let told = answer.header("access-control-allow-origin").to_owned();
        assert_eq!(answer.header("access-control-expose-headers"), "", "nothing extra is shown");
        (answer.status.as_u16(), told)
    };
    let wild = |status: u16| (status, "*".to_owned());
    assert_eq!(marked(Method::GET, &one(PUBLIC), "").await, wild(200));
    assert_eq!(marked(Method::GET, "/public/api/v1/nothing-here", "").await, wild(404));
    assert_eq!(marked(Method::GET, &format!("{}999", PUBLIC.conversations), "").await, wild(404));
    assert_eq!(marked(Method::DELETE, &one(PUBLIC), "").await, wild(405));
    assert_eq!(marked(Method::POST, &path, "{").await, wild(400));
    assert_eq!(marked(Method::POST, &path, "{}").await, wild(422));
    // Without an origin nobody is told.
    assert_eq!(client.get(&one(PUBLIC), &[]).await.header("access-control-allow-origin"), "");

    for dialect in [ACCOUNT, BEARER, CANONICAL] {
        let answer = send(&client, dialect, Method::OPTIONS, "1/messages", &preflight).await;
        let got = send(&client, dialect, Method::GET, "1", &[ORIGIN]).await.expect(200);
        let refused = client.get(&one(dialect), &[ORIGIN]).await.expect(401);
        for answer in [answer, got, refused] {
            let marks = answer.headers.keys().filter(|n| n.as_str().starts_with("access-control"));
            assert_eq!(marks.count(), 0, "{}", dialect.name);
        }
    }
}

#[tokio::test]
async fn every_answer_has_an_id_and_a_sane_one_is_kept() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for path in [one(ACCOUNT), one(PUBLIC), "/nope".to_owned()] {
        let kept = client.get(&path, &[("x-request-id", "abc-1.2_3:X")]).await;
        assert_eq!(kept.header("x-request-id"), "abc-1.2_3:X", "{path}");
        let long = "x".repeat(129);
        for bad in ["", "a b", "x\"y", "<script>", long.as_str()] {
            let replaced = client.get(&path, &[("x-request-id", bad)]).await;
            let id = replaced.header("x-request-id");
            assert!(id.len() == 36 && id != bad, "{id}");
        }
        let (a, b) = (client.get(&path, &[]).await, client.get(&path, &[]).await);
        assert_ne!(a.header("x-request-id"), b.header("x-request-id"));
    }
}

#[tokio::test]
async fn id_and_trace_go_on_to_the_backend_and_nothing_else() {
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [
        ("x-request-id", "req-1"),
        ("traceparent", trace),
        ("cookie", "s=1"),
        ("x-forwarded-for", "10.1.1.1"),
        ("user-agent", "widget/1"),
        ("accept-language", "es"),
    ];
    send(&client, ACCOUNT, Method::GET, "1", &headers).await.expect(404);
    let got = backend.got().remove(0);
    assert_eq!(got.headers["x-request-id"], "req-1");
    let told = got.headers["traceparent"].to_str().unwrap();
    assert!(told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{told}");
    assert_ne!(told, trace, "a call is a span of its own");
    for name in ["cookie", "x-forwarded-for", "accept-language", "api_access_token"] {
        assert!(!got.headers.contains_key(name), "{name}");
    }
    assert_ne!(got.headers["user-agent"], "widget/1");
    assert_eq!(got.headers["deskbridge-actor"], "gateway");
    // A trace that is none is not passed on.
    for bad in ["x", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        send(&client, ACCOUNT, Method::GET, "2", &[("traceparent", bad)]).await.expect(404);
        let got = backend.got().pop().unwrap();
        assert_ne!(got.headers.get("traceparent"), Some(&HeaderValue::from_static("x")));
        assert!(
            !got.headers["traceparent"]
                .to_str()
                .unwrap()
                .contains("00000000000000000000000000000000")
        );
    }
}

#[tokio::test]
async fn habits_of_addresses() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in ALL {
        let plain = dialect.get(&client, 1).await.expect(200);
        let rails = dialect.name == "public-inbox" || dialect.name == "account";
        for (rest, same) in [
            ("1/", dialect.name != "canonical"),
            ("1.json", rails),
            ("%31", true),
            ("1?", true),
            ("1//", false),
            ("1.xml", false),
            ("./1", false),
            ("1/messages/../", false),
        ] {
            let answer = dialect.get(&client, rest).await;
            if same {
                assert_eq!(answer.expect(200).body, plain.body, "{} {rest}", dialect.name);
            } else {
                assert!(
                    answer.status.is_client_error(),
                    "{} {rest}: {}",
                    dialect.name,
                    answer.status
                );
            }
        }
    }
    let before = ACCOUNT.get(&client, "1/messages?before=5").await.expect(200);
    for rest in [
        "1/messages.json?before=5",
        "1/messages/?before=5",
        "1/messages?before=%35",
        "1/messages?x=1&before=5",
    ] {
        assert_eq!(ACCOUNT.get(&client, rest).await.expect(200).body, before.body, "{rest}");
    }
    let encoded = "/public/api/v1/inboxes/demo%2Dinbox/contacts/%64emo-contact/conversations/1";
    let plain = PUBLIC.get(&client, 1).await;
    assert_eq!(client.get(encoded, &[]).await.expect(200).body, plain.body);
    let canonical = "/v1/accounts/1/conversations/n%3A1";
    client.get(canonical, CANONICAL.credential).await.expect(200);
}

#[tokio::test]
async fn put_is_patch_only_where_that_is_a_habit() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in [BEARER, CANONICAL] {
        let answer = dialect.send(&client, Method::PUT, 1, &json!({ "status": "resolved" })).await;
        dialect.assert_refusal(&answer, 405);
        assert!(!answer.header("allow").contains("PUT"));
    }
    // A dialect that has the habit takes it, and says so.
    let folder = tempfile::tempdir().unwrap();
    let shipped = deskbridge::dialect::embedded::Files::embedded();
    let target = folder.path().join("third-party");
    std::fs::create_dir(&target).unwrap();
    for file in ["dialect.yaml", "records.yaml", "enums.yaml", "routes.yaml", "documented.yaml"] {
        let text = shipped.read(&format!("third-party/{file}")).unwrap();
        let text = text.replace("\nquirks:\n", "\nquirks:\n  put_is_patch: true\n");
        std::fs::write(target.join(file), text).unwrap();
    }
    let gateway = Gateway::start(None, Some(folder.path())).await;
    let client = gateway.client();
    let answer =
        BEARER.send(&client, Method::PUT, 1, &json!({ "status": "done" })).await.expect(200);
    assert_eq!(answer.value()["status"], "done");
    let answer = BEARER.send(&client, Method::DELETE, 1, &Value::Null).await.expect(405);
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, PATCH, PUT");
}

#[tokio::test]
async fn credentials_in_every_spelling() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let path = one(ACCOUNT);
    for name in ["api_access_token", "api-access-token"] {
        client.get(&path, &[(name, "demo-agent")]).await.expect(200);
        client.get(&path, &[(name, "demo-admin")]).await.expect(200);
    }
    // The pool writes names in lower case; a client need not.
    for name in ["API_ACCESS_TOKEN", "Api-Access-Token", "api_Access_token"] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: demo-agent\r\n\r\n"
        );
        let answer = raw(gateway.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{name}: {answer}");
    }
    for value in
        ["Bearer demo-bearer", "bearer demo-bearer", "BEARER demo-bearer", "Bearer   demo-bearer"]
    {
        client.get(&one(BEARER), &[("authorization", value)]).await.expect(200);
        client.get(&one(CANONICAL), &[("authorization", value)]).await.expect(200);
    }
}

#[tokio::test]
async fn the_link_of_an_attachment_works_without_a_credential() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let public = PUBLIC.get(&client, 1).await.expect(200).value();
    let base = format!("http://{}", gateway.address);
    let mut seen = 0;
    for message in public["messages"].as_array().unwrap() {
        for file in message["attachments"].as_array().into_iter().flatten() {
            let Some(link) = file["data_url"].as_str() else { continue };
            let path = link.strip_prefix(&base).unwrap();
            let answer = client.get(path, &[]).await.expect(200);
            assert_eq!(
                answer.body.len(),
                usize::try_from(file["file_size"].as_u64().unwrap()).unwrap()
            );
            let (media, starts): (&str, &[u8]) = match file["file_type"].as_str().unwrap() {
                "image" => ("image/png", b"\x89PNG\r\n\x1a\n"),
                _ => ("audio/wav", b"RIFF"),
            };
            assert_eq!(answer.header("content-type"), media);
            assert!(answer.body.starts_with(starts));
            let head = client.send(Method::HEAD, path, &[], "").await.expect(200);
            assert_eq!(head.header("content-length"), answer.body.len().to_string());
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
    // Only the id itself opens it.
    for id in ["n:4", "n:1", "att_nothing", "..", "%2e%2e"] {
        let answer = client.get(&format!("/v1/accounts/1/attachments/{id}/content"), &[]).await;
        assert!(answer.status.is_client_error(), "{id}: {}", answer.status);
    }
    let avatar = public["messages"][0]["sender"]["thumbnail"].as_str().unwrap();
    let answer = client.get(avatar.strip_prefix(&base).unwrap(), &[]).await.expect(200);
    assert_eq!(answer.header("content-type"), "image/png");
}

#[tokio::test]
async fn reads_say_what_may_be_kept_and_what_the_cache_did() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let first = ACCOUNT.get(&client, 1).await.expect(200);
    assert!(
        first.header("cache-status").starts_with("deskbridge; fwd="),
        "{}",
        first.header("cache-status")
    );
    for dialect in ALL {
        let answer = dialect.get(&client, 1).await.expect(200);
        assert!(answer.header("cache-status").starts_with("deskbridge; hit"), "{}", dialect.name);
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        let refused = dialect.get(&client, "1/nothing-here").await.expect(404);
        assert_eq!(refused.header("cache-status"), "");
        assert_eq!(refused.header("etag"), "");
    }
}

#[tokio::test]
async fn http_2_without_tls_works() {
    let gateway = Gateway::sandbox().await;
    let pool: Pool<_, Full<bytes::Bytes>> =
        Pool::builder(TokioExecutor::new()).http2_only(true).build_http();
    let ask = async |dialect: Dialect| {
        let mut request = Request::get(format!("http://{}{}", gateway.address, one(dialect)));
        for (name, value) in dialect.credential {
            request = request.header(*name, *value);
        }
        let answer = pool.request(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
        answer.into_body().collect().await.unwrap().to_bytes()
    };
    let client = gateway.client();
    for dialect in ALL {
        assert_eq!(ask(dialect).await, dialect.get(&client, 1).await.expect(200).body);
    }
}

#[tokio::test]
async fn absurd_requests_harm_nobody() {
    let gateway = Gateway::sandbox().await;
    let path = one(PUBLIC);
    let long = "x".repeat(100_000);
    let many = "x-a: b\r\n".repeat(1_000);
    let end = "connection: close\r\n\r\n";
    for request in [
        format!("GET {path} HTTP/1.1\r\nhost: a\r\nhost: b\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nhost: \x7f\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nhost: [::1\r\n{end}"),
        format!("GET {path} HTTP/1.0\r\n\r\n"),
        format!("GET http://other.example{path} HTTP/1.1\r\nhost: x\r\n{end}"),
        format!("GET {path}?{long} HTTP/1.1\r\nhost: x\r\n{end}"),
        format!("GET /{long} HTTP/1.1\r\nhost: x\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nhost: x\r\n{many}{end}"),
        format!("GET {path}%zz HTTP/1.1\r\nhost: x\r\n{end}"),
        format!("GET * HTTP/1.1\r\nhost: x\r\n{end}"),
        format!("OPTIONS * HTTP/1.1\r\nhost: x\r\n{end}"),
        format!("CONNECT other.example:443 HTTP/1.1\r\nhost: x\r\n{end}"),
        format!("GET {path} HTTP/9.9\r\nhost: x\r\n{end}"),
        format!("POST {path}/messages HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n{end}"),
        format!(
            "POST {path}/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n{end}{{}}"
        ),
        format!(
            "POST {path}/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n{end}0\r\n\r\n"
        ),
        format!(
            "POST {path}/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{end}zz\r\n"
        ),
        "\r\n\r\n\r\n".to_owned() + "GET",
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
    ] {
        let mut stream = request.into_bytes();
        // What is cut short is not waited for.
        if !stream.ends_with(b"\r\n") {
            stream.extend_from_slice(b"\r\n\r\n");
        }
        let answer = raw(gateway.address, &stream).await;
        let shown = String::from_utf8_lossy(&stream[..stream.len().min(80)]).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(!status.starts_with('5'), "{shown}: {answer}");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1."), "{shown}: {answer}");
        // And the next one is served.
        PUBLIC.get(&gateway.client(), 1).await.expect(200);
    }
}
