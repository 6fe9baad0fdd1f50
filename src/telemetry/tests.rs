use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use jiff::Timestamp;
use tower::{Layer, Service, service_fn};
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::fmt::MakeWriter;

use super::record::MappingEvent;
use super::*;
use crate::canonical::{
    Actor, Contract, OperationId, Outcome, Payload, ProblemCode, Request, Response, Seen, Tenant,
};
use crate::error::Error;
use crate::forwarded::{Of, Proxies, of};

fn contract() -> Arc<Contract> {
    crate::canonical::contract::tests::embedded()
}

fn metrics() -> Arc<Metrics> {
    let metrics = Metrics::new("1.2.3", "abc").unwrap();
    metrics.routes([("account".into(), "conversations.get".into())]);
    Arc::new(metrics)
}

/// The value of a sample: name, and labels as `a=b`.
fn value(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let lines = metrics.text().lines().map(|l| Ok(l.to_owned())).collect::<Vec<io::Result<_>>>();
    let scrape = prometheus_parse::Scrape::parse(lines.into_iter()).unwrap();
    let sample = scrape.samples.iter().find(|s| {
        s.metric == name
            && s.labels.len() == labels.len()
            && labels.iter().all(|(k, v)| s.labels.get(k) == Some(*v))
    })?;
    match &sample.value {
        prometheus_parse::Value::Counter(v) | prometheus_parse::Value::Gauge(v) => Some(*v),
        prometheus_parse::Value::Histogram(buckets) => buckets.last().map(|b| b.count),
        other => panic!("{other:?}"),
    }
}

type Answer = http::Response<Full<Bytes>>;

fn get() -> http::Request<()> {
    http::Request::get("/api/v1/accounts/1/conversations/4711?q=private").body(()).unwrap()
}

/// The layer over a service, for the requests of one peer.
fn layered<S>(metrics: Arc<Metrics>, params: &Params, service: S) -> Of<Telemetry<S>> {
    let layer = layer(metrics, params, Proxies::default());
    of(layer.layer(service), IpAddr::from([192, 0, 2, 77]))
}

async fn conversation(traced: Traced<()>) -> Result<Answer, Infallible> {
    let record = &traced.record;
    record.route("account".into(), "conversations.get".into());
    record.principal("dashboards".into());
    record.cache(Outcome::Miss { stored: true });
    record.upstream(Duration::from_millis(20));
    record.mapping(MappingEvent { record: "message".into(), kind: "folded", count: 2 });
    Ok(http::Response::new(Full::new(Bytes::from_static(b"{\"id\":1}"))))
}

#[tokio::test]
async fn every_answer_carries_an_id_and_a_sane_one_is_the_clients_own() {
    let mut service = layered(
        metrics(),
        &Params::default(),
        service_fn(async |traced: Traced<()>| -> Result<Answer, Infallible> {
            let id = traced.record.request_id().header();
            let mut answer = conversation(traced).await?;
            answer.headers_mut().insert("id", id);
            Ok(answer)
        }),
    );
    let made = service.call(get()).await.unwrap();
    assert_eq!(made.headers()["x-request-id"].len(), 36);
    assert_eq!(made.headers()["x-request-id"], made.headers()["id"]);
    assert!(!made.headers().contains_key("server-timing"));

    let mut request = get();
    request.headers_mut().insert("x-request-id", "mine-1".parse().unwrap());
    assert_eq!(service.call(request).await.unwrap().headers()["x-request-id"], "mine-1");

    let mut request = get();
    request.headers_mut().insert("x-request-id", "a b".parse().unwrap());
    assert_ne!(service.call(request).await.unwrap().headers()["x-request-id"], "a b");
}

#[tokio::test]
async fn a_trace_is_handed_down_and_a_missing_one_begun() {
    let mut service = layered(
        metrics(),
        &Params::default(),
        service_fn(async |traced: Traced<()>| -> Result<Answer, Infallible> {
            let trace = traced.record.trace().to_string();
            Ok(http::Response::builder().header("t", trace).body(Full::default()).unwrap())
        }),
    );
    let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut request = get();
    request.headers_mut().insert("traceparent", sent.parse().unwrap());
    assert_eq!(service.call(request).await.unwrap().headers()["t"], sent);
    assert_eq!(service.call(get()).await.unwrap().headers()["t"].len(), 55);
}

#[tokio::test(start_paused = true)]
async fn server_timing_tells_the_gateways_part_from_the_backends() {
    let params = Params { server_timing: true, ..Params::default() };
    let mut service = layered(
        metrics(),
        &params,
        service_fn(async |traced: Traced<()>| {
            tokio::time::sleep(Duration::from_millis(25)).await;
            conversation(traced).await
        }),
    );
    let answer = service.call(get()).await.unwrap();
    assert_eq!(answer.headers()["server-timing"], "gateway;dur=5.000, upstream;dur=20.000");
}

#[tokio::test]
async fn each_request_is_counted_once_with_labels_of_the_catalog_only() {
    let metrics = metrics();
    let mut service = layered(
        Arc::clone(&metrics),
        &Params::default(),
        service_fn(async |traced: Traced<()>| -> Result<Answer, Infallible> {
            match traced.head.uri.path() {
                "/stranger" => traced.record.route("account".into(), "made.up".into()),
                "/refused" => traced.record.refused("rate"),
                "/nobody" => {}
                _ => return conversation(traced).await,
            }
            Ok(http::Response::builder().status(429).body(Full::default()).unwrap())
        }),
    );
    service.call(get()).await.unwrap();
    service.call(get()).await.unwrap();
    for path in ["/stranger", "/refused", "/nobody"] {
        service.call(http::Request::get(path).body(()).unwrap()).await.unwrap();
    }
    let route = [("dialect", "account"), ("operation", "conversations.get")];
    let none = [("dialect", "none"), ("operation", "none")];
    let counted = |route: [(&str, &str); 2], status: &str| {
        value(&metrics, "deskbridge_requests_total", &[route[0], route[1], ("status", status)])
    };
    assert_eq!(counted(route, "200"), Some(2.0));
    assert_eq!(counted(none, "429"), Some(3.0));
    assert!(!metrics.text().contains("made.up"));
    assert_eq!(value(&metrics, "deskbridge_request_duration_seconds", &route), Some(2.0));
    assert_eq!(value(&metrics, "deskbridge_refused_total", &[("reason", "rate")]), Some(1.0));
    assert_eq!(value(&metrics, "deskbridge_requests_in_flight", &[]), Some(0.0));
    let folded = [("dialect", "account"), ("record", "message"), ("kind", "folded")];
    assert_eq!(value(&metrics, "deskbridge_mapping_events_total", &folded), Some(4.0));
}

#[tokio::test]
async fn a_client_that_leaves_is_counted_too() {
    let metrics = metrics();
    let never = service_fn(|_: Traced<()>| pending::<Result<Answer, Infallible>>());
    let mut service = layered(Arc::clone(&metrics), &Params::default(), never);
    let under_way = service.call(get());
    assert_eq!(value(&metrics, "deskbridge_requests_in_flight", &[]), Some(1.0));
    drop(under_way);
    assert_eq!(value(&metrics, "deskbridge_requests_in_flight", &[]), Some(0.0));
    let none = [("dialect", "none"), ("operation", "none"), ("status", "499")];
    assert_eq!(value(&metrics, "deskbridge_requests_total", &none), Some(1.0));
}

#[test]
fn what_is_exported_has_the_names_that_dashboards_ask_for() {
    let metrics = metrics();
    metrics.register_gauge("deskbridge_cache_bytes", "Bytes kept.", || 7.0).unwrap();
    let samples: Vec<(_, metrics::Read)> = vec![("size", Box::new(|| 3.0))];
    metrics
        .register_counter("deskbridge_cache_evictions_total", "Entries dropped.", "cause", samples)
        .unwrap();
    assert!(metrics.register_gauge("deskbridge_cache_bytes", "Again.", || 0.0).is_err());
    assert_eq!(value(&metrics, "deskbridge_cache_bytes", &[]), Some(7.0));
    let size = [("cause", "size")];
    assert_eq!(value(&metrics, "deskbridge_cache_evictions_total", &size), Some(3.0));
    let build = [("version", "1.2.3"), ("revision", "abc")];
    assert_eq!(value(&metrics, "deskbridge_build_info", &build), Some(1.0));
    if cfg!(target_os = "linux") {
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_threads"] {
            assert!(value(&metrics, name, &[]).is_some_and(|v| v > 0.0), "{name}");
        }
        let started = value(&metrics, "process_start_time_seconds", &[]).unwrap();
        assert!((Timestamp::now().as_second() as f64 - started).abs() < 3600.0, "{started}");
        assert!(value(&metrics, "process_cpu_seconds_total", &[]).is_some());
    }
    for line in metrics.text().lines().filter(|l| l.starts_with("# HELP")) {
        assert!(line.ends_with('.') && line.split(' ').count() > 3, "{line}");
    }
}

fn request(operation: OperationId) -> Request {
    Request {
        tenant: Tenant("acme".into()),
        operation,
        params: crate::canonical::Params::default(),
        body: Bytes::new(),
        actor: Actor::Gateway,
        viewer: None,
        upload: None,
        seen: Seen::default(),
        fresh: false,
        record: record::Record::default(),
    }
}

fn empty(outcome: Outcome) -> Response {
    Response { payload: Arc::new(Payload::new(204, Bytes::new(), None)), outcome }
}

#[tokio::test(start_paused = true)]
async fn calls_to_an_upstream_are_counted_and_timed_and_noted() {
    let (metrics, contract) = (metrics(), contract());
    let get_one = contract.operation("conversations.get").unwrap();
    let mut answers = vec![
        Err(ProblemCode::UpstreamTimeout),
        Err(ProblemCode::NotFound),
        Ok(empty(Outcome::Miss { stored: false })),
    ];
    let inner = service_fn(move |_: Request| {
        let answer = answers.pop().unwrap().map_err(Error::from);
        async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            answer
        }
    });
    let mut service = upstream::layer(&metrics, Arc::clone(&contract), "main".into()).layer(inner);
    let first = request(get_one);
    let record = first.record.clone();
    assert!(service.call(first).await.is_ok());
    assert!(record.has_arrived());
    assert_eq!(record.upstream_time(), (Duration::from_millis(30), 1));
    assert!(service.call(request(get_one)).await.is_err());
    drop(service.call(request(get_one)));

    let main = [("upstream", "main"), ("operation", "conversations.get")];
    for outcome in ["success", "refused", "cancelled"] {
        let labels = [main[0], main[1], ("outcome", outcome)];
        assert_eq!(
            value(&metrics, "deskbridge_upstream_requests_total", &labels),
            Some(1.0),
            "{outcome}"
        );
    }
    assert_eq!(value(&metrics, "deskbridge_upstream_duration_seconds", &main), Some(3.0));
}

#[tokio::test]
async fn what_the_cache_did_is_counted() {
    let (metrics, contract) = (metrics(), contract());
    let messages_list = contract.operation("messages.list").unwrap();
    let mut answers = vec![
        Err(ProblemCode::UpstreamError.into()),
        Ok(empty(Outcome::Hit(Duration::from_secs(3)))),
        Ok(empty(Outcome::Hit(Duration::from_secs(4)))),
    ];
    let inner = service_fn(move |_: Request| std::future::ready(answers.pop().unwrap()));
    let mut service = cache::layer(&metrics, contract).layer(inner);
    for _ in 0..3 {
        let _: Result<Response, Error> = service.call(request(messages_list)).await;
    }
    let counted = |outcome| {
        let labels = [("operation", "messages.list"), ("outcome", outcome)];
        value(&metrics, "deskbridge_cache_requests_total", &labels)
    };
    assert_eq!((counted("hit"), counted("error"), counted("miss")), (Some(2.0), Some(1.0), None));
}

/// Log lines, kept.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(bytes.clone()).unwrap()
    }
}

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Kept {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

fn noon() -> Timestamp {
    "2026-01-02T12:00:00.5Z".parse().unwrap()
}

async fn access_lines(log: LogForm) -> String {
    access_lines_with(Params { log, ..Params::default() }).await
}

async fn access_lines_with(params: Params) -> String {
    let kept = Kept::default();
    let (lines, _) = subscriber::build(&params, false, noon, kept.clone());
    async {
        let mut service = layered(
            metrics(),
            &params,
            service_fn(async |traced: Traced<()>| {
                tokio::time::sleep(Duration::from_micros(23_456)).await;
                match traced.head.uri.path() {
                    "/refused" => {
                        traced.record.refused("too_large");
                        Ok(http::Response::builder().status(413).body(Full::default()).unwrap())
                    }
                    _ => conversation(traced).await,
                }
            }),
        );
        for path in ["/api/v1/accounts/1/conversations/4711?q=private", "/refused"] {
            let request = http::Request::builder()
                .method("GET")
                .uri(path)
                .header("x-request-id", "r-1")
                .header("authorization", "Bearer s3cret")
                .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
                .body(())
                .unwrap();
            service.call(request).await.unwrap();
        }
        let made_up = http::Request::builder().method("S3CRET").uri("/refused").body(()).unwrap();
        drop(service.call(made_up));
    }
    .with_subscriber(lines)
    .await;
    kept.text()
}

#[tokio::test(start_paused = true)]
async fn a_clients_address_is_written_as_far_as_it_may_be() {
    for (client_address, written) in [
        (ClientAddress::None, None),
        (ClientAddress::Network, Some("192.0.2.0/24")),
        (ClientAddress::Full, Some("192.0.2.77")),
    ] {
        let params = Params { log: LogForm::Json, client_address, ..Params::default() };
        let lines = access_lines_with(params).await;
        let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(line["client"].as_str(), written, "{line}");
        assert_eq!(lines.contains("192.0.2"), written.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn one_access_line_a_request_and_nothing_private_in_it() {
    let json = access_lines(LogForm::Auto).await;
    let text = access_lines(LogForm::Text).await;
    for lines in [&json, &text] {
        assert_eq!(lines.lines().count(), 3);
        for private in ["4711", "private", "s3cret", "S3CRET", "Bearer"] {
            assert!(!lines.contains(private), "{private} in {lines}");
        }
    }
    for line in json.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object());
    }
    let known = |lines: &str| lines.lines().take(2).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("access_line_json", known(&json));
    insta::assert_snapshot!("access_line_text", known(&text));
}

#[test]
fn the_level_can_change() {
    let kept = Kept::default();
    let params = Params { log: LogForm::Text, ..Params::default() };
    let (lines, handle) = subscriber::build(&params, false, noon, kept.clone());
    tracing::subscriber::with_default(lines, || {
        let both = || {
            tracing::debug!(target: "deskbridge::x", "quiet");
            tracing::info!(target: "deskbridge::x", "loud");
        };
        both();
        handle.reload(subscriber::targets(tracing::Level::WARN)).unwrap();
        both();
        handle.reload(subscriber::targets(tracing::Level::DEBUG)).unwrap();
        both();
    });
    let text = kept.text();
    let said: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(said, ["loud", "quiet", "loud"]);
}

#[tokio::test]
async fn a_forbidden_field_is_redacted_whoever_logs_it() {
    let kept = Kept::default();
    let params = Params { log: LogForm::Text, ..Params::default() };
    async {
        tracing::error!(target: "deskbridge::x", authorization = "Bearer s3cret", n = 1, "line\nbreak");
        tracing::info!(target: "h2::frame", "chatter of a library");
    }
    .with_subscriber(subscriber::build(&params, false, noon, kept.clone()).0)
    .await;
    assert_eq!(
        kept.text(),
        "2026-01-02T12:00:00.500Z error deskbridge::x line\\nbreak authorization=[redacted] n=1\n"
    );
}
