//! What operators see: metrics, access lines, and the pages of the admin listener. Nothing in them
//! comes from a client.

use std::collections::{BTreeMap, BTreeSet};

use deskbridge::dialect::embedded::Files;
use http::Method;
use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::desk::{
    self, ACCOUNT, AGENT, BEARER, CANONICAL, NONE, PUBLIC, READS, THIRD_PARTY,
};
use crate::support::gateway::{Gateway, in_front_of};
use crate::support::shipped::{Shipped, configuration};

type Scrape = prometheus_parse::Scrape;

async fn scrape(gateway: &Gateway) -> Scrape {
    let text = gateway.admin().get("/metrics", &[]).await.expect(200);
    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4");
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
    // Every family has a type; sum and count of a histogram are part of it.
    for sample in &scrape.samples {
        let part =
            sample.metric.ends_with("_seconds_sum") || sample.metric.ends_with("_seconds_count");
        let untyped = matches!(sample.value, prometheus_parse::Value::Untyped(_));
        assert!(part || !untyped, "{sample:?}");
    }
    scrape
}

/// Reads, a write and refusals, so that every metric has something to say.
async fn some_of_everything(gateway: &Gateway, backend: &Backend) {
    let client = gateway.client();
    for (_, path, credential) in READS {
        client.get(path, credential).await.expect(200);
    }
    client
        .json(Method::POST, &format!("{ACCOUNT}/messages"), AGENT, &json!({ "content": "x" }))
        .await
        .expect(200);
    client.get(ACCOUNT, NONE).await.expect(401);
    backend.tell(Method::GET, CANONICAL, 503, crate::support::backend::problem(503, "unavailable"));
    client.get(ACCOUNT, AGENT).await.expect(503);
}

#[tokio::test]
async fn names_and_labels_are_those_that_people_script_against() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let gateway = Gateway::before(&backend).await;
    some_of_everything(&gateway, &backend).await;
    let scrape = scrape(&gateway).await;
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in &scrape.samples {
        let kind = match sample.value {
            prometheus_parse::Value::Counter(_) => "counter",
            prometheus_parse::Value::Gauge(_) => "gauge",
            prometheus_parse::Value::Histogram(_) => "histogram",
            _ => continue,
        };
        let labels = found.entry(format!("{kind} {}", sample.metric)).or_default();
        labels.extend(sample.labels.keys().cloned());
    }
    let text: String = found
        .iter()
        .map(|(name, labels)| {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            format!(
                "{name}{{{}}}: {}\n",
                labels.join(","),
                scrape.docs.get(name.split(' ').nth(1).unwrap()).map_or("", String::as_str)
            )
        })
        .collect();
    insta::assert_snapshot!("metrics", text);
}

#[tokio::test]
async fn counters_move_by_what_happened() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    let cache = |operation, outcome| {
        ("deskbridge_cache_requests_total", vec![("operation", operation), ("outcome", outcome)])
    };
    let asked = |operation, outcome| {
        (
            "deskbridge_upstream_requests_total",
            vec![("upstream", "main"), ("operation", operation), ("outcome", outcome)],
        )
    };
    let answered = |operation, status| {
        (
            "deskbridge_requests_total",
            vec![("dialect", "account"), ("operation", operation), ("status", status)],
        )
    };
    let refused = |reason| ("deskbridge_refused_total", vec![("reason", reason)]);
    let expect = async |wanted: &[(&str, Vec<(&str, &str)>, f64)]| {
        for (name, labels, value) in wanted {
            let found = gateway.metric(name, labels).await;
            assert!((found - value).abs() < 0.1, "{name} {labels:?}: {found}, not {value}");
        }
    };
    let row = |(name, labels): (&'static str, Vec<(&'static str, &'static str)>), value: f64| {
        (name, labels, value)
    };
    let get = "conversations.get";
    expect(&[row(cache(get, "miss"), 0.0), row(answered(get, "200"), 0.0)]).await;
    client.get(ACCOUNT, AGENT).await.expect(200);
    expect(&[
        row(cache(get, "miss"), 1.0),
        row(cache(get, "hit"), 0.0),
        row(asked(get, "success"), 1.0),
        row(answered(get, "200"), 1.0),
    ])
    .await;
    client.get(ACCOUNT, AGENT).await.expect(200);
    expect(&[
        row(cache(get, "miss"), 1.0),
        row(cache(get, "hit"), 1.0),
        row(asked(get, "success"), 1.0),
        row(answered(get, "200"), 2.0),
    ])
    .await;
    let create = "messages.create";
    client
        .json(Method::POST, &format!("{ACCOUNT}/messages"), AGENT, &json!({ "content": "x" }))
        .await
        .expect(200);
    expect(&[
        row(cache(create, "bypass"), 1.0),
        row(asked(create, "success"), 1.0),
        row(answered(create, "200"), 1.0),
    ])
    .await;
    client.get(ACCOUNT, NONE).await.expect(401);
    client.get("/api/v1/nothing", AGENT).await.expect(404);
    client
        .json(Method::POST, &format!("{ACCOUNT}/messages"), AGENT, &json!({ "content": 7 }))
        .await
        .expect(422);
    expect(&[
        row(answered(get, "401"), 1.0),
        row(refused("unauthorized"), 1.0),
        row(refused("not_found"), 1.0),
        row(refused("validation_failed"), 1.0),
        row(answered(create, "422"), 1.0),
        row(asked(create, "success"), 1.0),
    ])
    .await;
    // What the backend refuses is no refusal of the gateway's.
    client.get(&ACCOUNT.replace("418", "7"), AGENT).await.expect(404);
    expect(&[
        row(refused("not_found"), 1.0),
        row(asked(get, "refused"), 1.0),
        row(cache(get, "error"), 1.0),
    ])
    .await;
    backend.tell(Method::GET, "/v1/accounts/1/conversations/n:8", 500, "oops");
    client.get(&ACCOUNT.replace("418", "8"), AGENT).await.expect(502);
    expect(&[row(asked(get, "failure"), 1.0), row(answered(get, "502"), 1.0)]).await;
    // Everything at rest, every request in the histogram.
    expect(&[("deskbridge_requests_in_flight", vec![], 0.0)]).await;
    let scrape = scrape(&gateway).await;
    let is = |s: &&prometheus_parse::Sample| {
        s.metric == "deskbridge_request_duration_seconds"
            && s.labels.get("operation") == Some(get)
            && s.labels.get("dialect") == Some("account")
    };
    let sample = scrape.samples.iter().find(is).unwrap();
    let prometheus_parse::Value::Histogram(buckets) = &sample.value else { panic!("{sample:?}") };
    let all = buckets.iter().find(|b| b.less_than.is_infinite()).unwrap();
    assert!((all.count - 5.0).abs() < 0.1, "{sample:?}");
}

/// Whatever a client sends, the label values stay those that the mappings, the contract and our own
/// words make.
#[tokio::test]
async fn labels_hold_nothing_that_a_client_sent() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    let hostile = "evil\u{7f}{a=\"b\"}";
    let shout = Method::from_bytes(b"EVILMETHOD").unwrap();
    for n in 0..40 {
        let path = [
            format!("/evil-{n}/x"),
            format!("/api/v1/accounts/evil-{n}/conversations/1"),
            format!("/public/api/v1/inboxes/evil-{n}/contacts/evil/conversations/{n}"),
            format!("/v1/accounts/1/conversations/evil-{n}?include=evil-{n}"),
            format!("/third-party/v1/conversations/{n}?evil-{n}=1"),
        ];
        for path in path {
            let host = format!("evil-{n}.example");
            let id = format!("evil-{n}");
            let headers = [
                ("host", host.as_str()),
                ("x-request-id", id.as_str()),
                ("authorization", "Bearer evil-token"),
                ("api_access_token", "evil-token"),
                ("deskbridge-actor", "agent:evil"),
                ("content-type", "evil/evil"),
                ("user-agent", "evil"),
            ];
            client.send(Method::GET, &path, &headers, "").await;
            client.send(shout.clone(), &path, &headers, "").await;
            client.send(Method::POST, &path, &headers, hostile).await;
            let own = [BEARER[0], ("deskbridge-actor", "evil:evil"), ("content-type", "evil/evil")];
            client.send(Method::PATCH, &path, &own, hostile).await;
        }
    }
    let scrape = scrape(&gateway).await;
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sample in &scrape.samples {
        for (label, value) in sample.labels.iter() {
            assert!(!value.to_lowercase().contains("evil"), "{sample:?}");
            values.entry(label).or_default().insert(value);
        }
    }
    let own = |label: &str, all: &[&str]| {
        let found = values.get(label).cloned().unwrap_or_default();
        assert!(found.iter().all(|v| all.contains(v)), "{label}: {found:?}");
    };
    let dialects = Files::embedded();
    let mut dialects = dialects.dialects();
    dialects.push("none");
    own("dialect", &dialects);
    own(
        "outcome",
        &[
            "hit",
            "miss",
            "heard",
            "invalid",
            "applied",
            "unchanged",
            "collapsed",
            "bypass",
            "error",
            "success",
            "refused",
            "failure",
            "timeout",
            "unavailable",
            "cancelled",
        ],
    );
    own("upstream", &["main"]);
    own("status", &["200", "400", "401", "403", "404", "405", "415", "422"]);
    let routes = gateway.admin().get("/routes", &[]).await.expect(200).value();
    let words = |key: &str| -> BTreeSet<String> {
        let of = |route: &Value| match &route[key] {
            Value::Array(all) => all.iter().map(|w| w.as_str().unwrap().to_owned()).collect(),
            one => vec![one.as_str().unwrap().to_owned()],
        };
        routes.as_array().unwrap().iter().flat_map(of).collect()
    };
    let known: BTreeSet<String> = &words("route") | &words("operations");
    for found in &values["operation"] {
        assert!(known.contains(*found) || *found == "none" || *found == "other", "{found}");
    }
}

/// A line of the access log: its fields by name.
fn access(line: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["target"] == "deskbridge::access").then_some(line)
}

#[tokio::test]
async fn every_request_leaves_one_line_and_nothing_of_its_content() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let (_folder, file) =
        configuration(&in_front_of(&backend.address.to_string(), "telemetry: { level: trace }\n"));
    let gateway = Shipped::start(&["--config", &file]).await;
    let client = gateway.client();
    let body = json!({ "content": "a secret of Mira's", "email": "mira@example.org" });
    let shout = Method::from_bytes(b"SHOUT").unwrap();
    let evil: &[(&str, &str)] =
        &[("authorization", "Bearer wrong-token"), ("x-request-id", "not sane!")];
    let tries: Vec<(u16, Method, String, &[(&str, &str)], String)> = vec![
        (200, Method::GET, PUBLIC.to_owned(), NONE, String::new()),
        (200, Method::HEAD, PUBLIC.to_owned(), NONE, String::new()),
        (200, Method::GET, ACCOUNT.to_owned(), AGENT, String::new()),
        (200, Method::GET, format!("{THIRD_PARTY}?secret=query-value"), BEARER, String::new()),
        (
            200,
            Method::POST,
            format!("{PUBLIC}/messages"),
            &[("content-type", "application/json")],
            body.to_string(),
        ),
        (404, Method::GET, PUBLIC.replace("demo-inbox", "sesame-inbox"), NONE, String::new()),
        (401, Method::GET, THIRD_PARTY.to_owned(), evil, String::new()),
        (404, Method::GET, "/no/such/sesame-path".to_owned(), NONE, String::new()),
        (405, Method::DELETE, PUBLIC.to_owned(), NONE, String::new()),
        (405, shout, PUBLIC.to_owned(), NONE, String::new()),
        (
            415,
            Method::POST,
            format!("{PUBLIC}/messages"),
            &[("content-type", "text/plain")],
            "sesame body".to_owned(),
        ),
        (
            400,
            Method::POST,
            format!("{PUBLIC}/messages"),
            &[("content-type", "application/json")],
            "{\"sesame".to_owned(),
        ),
        (
            422,
            Method::POST,
            format!("{PUBLIC}/messages"),
            &[("content-type", "application/json")],
            "{\"content\":[\"sesame\"]}".to_owned(),
        ),
    ];
    let mut wanted = Vec::new();
    for (number, (status, method, path, headers, body)) in tries.into_iter().enumerate() {
        let id = format!("line-{number}");
        let mut all = headers.to_vec();
        if !headers.iter().any(|(name, _)| *name == "x-request-id") {
            all.push(("x-request-id", &id));
        }
        let answer = client.send(method.clone(), &path, &all, body).await;
        assert_eq!(
            answer.status,
            status,
            "{method} {path} {}",
            String::from_utf8_lossy(&answer.body)
        );
        wanted.push((answer.header("x-request-id").to_owned(), u64::from(status)));
    }
    gateway.terminate();
    let (code, written) = gateway.ended().await;
    assert_eq!(code, Some(0));
    let lines: Vec<Value> = written.iter().filter_map(|line| access(line)).collect();
    let found: Vec<(String, u64)> = lines
        .iter()
        .map(|l| (l["request_id"].as_str().unwrap().to_owned(), l["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, wanted, "one line each, in their order");
    assert_eq!(lines[0]["dialect"], "public-inbox");
    assert_eq!(lines[0]["operation"], "conversations.get");
    assert_eq!(lines[0]["cache"], "miss");
    assert_eq!(lines[2]["cache"], "hit");
    assert_eq!(lines[2]["principal"], "agent");
    assert_eq!(lines[6]["refused"], "unauthorized");
    assert_eq!(lines[9]["method"], "other");
    let all = written.join("\n");
    for never in [
        "demo-inbox",
        "demo-contact",
        "sesame",
        "wrong-token",
        "demo-agent",
        "demo-bearer",
        "backend-secret",
        "secret of Mira",
        "mira@example.org",
        "Mira",
        "query-value",
        "SHOUT",
        "not sane",
    ] {
        let line = written.iter().find(|line| line.contains(never));
        assert!(line.is_none(), "{never}: {line:?}");
    }
    assert!(all.contains("line-0"));
}

#[tokio::test]
async fn the_admin_pages_say_what_runs_and_no_secret() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let gateway = Gateway::before(&backend).await;
    let admin = gateway.admin();
    assert_eq!(admin.get("/live", &[]).await.expect(200).value(), json!({ "live": true }));
    let ready = admin.get("/ready", &[]).await.expect(200).value();
    assert_eq!(ready["ready"], true);
    let version = admin.get("/version", &[]).await.expect(200).value();
    assert_eq!(version["version"], deskbridge::VERSION);
    let shipped = crate::support::gateway::deskbridge(&["version", "--format", "json"]);
    let shipped: Value = serde_json::from_slice(&shipped.stdout).unwrap();
    assert_eq!(version["mappings"], shipped["mappings"], "the same digest, written the same way");
    let config = admin.get("/config", &[]).await.expect(200);
    let text = String::from_utf8(config.body.to_vec()).unwrap();
    for secret in ["demo-agent", "demo-bearer", "backend-secret"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let config = config.value();
    let names = config["credentials"].as_array().unwrap().iter().map(|c| &c["name"]);
    let names: Vec<_> = names.collect();
    assert!(names.contains(&&json!("agent")), "{names:?}");
    assert_eq!(config["upstreams"]["main"]["credential"], "[redacted]");
    assert_eq!(config["limits"]["grace"], "20s");
    let routes = admin.get("/routes", &[]).await.expect(200).value();
    let listed = crate::support::gateway::deskbridge(&["routes", "--format", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let key = |route: &Value| format!("{} {} {}", route["dialect"], route["method"], route["path"]);
    let keys = |all: &Value| all.as_array().unwrap().iter().map(key).collect::<BTreeSet<_>>();
    assert_eq!(keys(&routes), keys(&listed));
    // Operators' pages are not on the clients' side, nor the other way round.
    gateway.client().get("/metrics", &[]).await.expect(404);
    admin.get(ACCOUNT, AGENT).await.expect(404);
}

#[tokio::test]
async fn a_backend_that_cannot_be_reached_makes_it_not_ready() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let gateway = Gateway::configured(&in_front_of(&nobody.to_string(), "")).await;
    let admin = gateway.admin();
    let ready = loop {
        let ready = admin.get("/ready", &[]).await;
        if ready.status == 503 {
            break ready.value();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(ready["checks"]["upstream main"], "not reachable", "{ready}");
    admin.get("/live", &[]).await.expect(200);
    let answer = gateway.client().get(ACCOUNT, AGENT).await.expect(503);
    assert!(answer.value()["description"].is_string());
    assert_eq!(answer.header("cache-status"), "deskbridge; fwd=uri-miss");
}
