//! Pages of lists: what each kind of paging asks a backend, and how its envelope answers. The dialect
//! is a small one of its own, so that each kind is there whatever the shipped ones have.

use std::path::Path;

use http::Method;
use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::desk;
use crate::support::gateway::Gateway;

const MESSAGES: &str = "/v1/accounts/1/conversations/n:418/messages";
const KEY: &[(&str, &str)] = &[("x-key", "demo-agent")];

const HEAD: &str = "
language: 1
dialect: lists
system: lists
roles: [ client ]
mount: /lists
accepts: [ json ]
quirks: { trailing_slash: ignore }
credentials: { key: { default: true, in: { header: x-key }, yields: { kind: agent } } }
errors: { default: { record: problem } }
pagination:
  bare: { kind: page, page: page, size: 25 }
  sized: { kind: page, page: p, per_page: n, size: 25, most: 50 }
  framed: { kind: laravel, page: page, per_page: per_page, size: 2, most: 4 }
  around: { kind: anchor, before: before, after: after, size: { none: 20, before: 21, after: 100, both: 1000 } }
";

const RECORDS: &str = "
records:
  message: { canonical: Message, only: encode, why: never read, fields: { id: $.number } }
  problem: { canonical: Problem, only: encode, why: an error body, fields: { error: $.code } }
";

fn routes() -> String {
    let path = "{ account_id: $principal.account, conversation_id: { at: $path.id, as: alias } }";
    let route = |name: &str, query: &str, more: &str, reply: &str| {
        format!(
            "  {name}:
    request: GET /{name}/{{id:int}}
    query: {{ {query} }}
    call: {{ operation: messages.list, path: {path}{more} }}
    reply: {reply}
"
        )
    };
    [
        "routes:\n".to_owned(),
        route("bare", "page: { page: bare }", "", "{ page: bare, each: message }"),
        route(
            "sized",
            "p: { page: sized }, n: { page: sized }",
            "",
            "{ page: sized, each: message }",
        ),
        route(
            "framed",
            "page: { page: framed }, per_page: { page: framed }",
            ", query: { order: desc }",
            "{ page: framed, each: message }",
        ),
        route(
            "around",
            "before: { page: around }, after: { page: around }",
            "",
            "{ page: around, each: message }",
        ),
        route(
            "walked",
            "",
            ", walk: { pages: 3 }",
            "{ fields: { count: { count: $.data }, all: { at: $.data, each: message } } }",
        ),
        route(
            "echoed",
            "page: { page: bare }",
            "",
            "{ fields: { current_page: { at: $request.query.page, default: 1 } } }",
        ),
    ]
    .concat()
}

async fn set_up() -> (Backend, Gateway, Client) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join("lists").join(name), text).unwrap();
    };
    std::fs::create_dir(folder.path().join("lists")).unwrap();
    write("dialect.yaml", HEAD);
    write("records.yaml", RECORDS);
    write("routes.yaml", &routes());
    let backend = Backend::start().await;
    let gateway = start(&backend, folder.path()).await;
    let client = gateway.client();
    (backend, gateway, client)
}

async fn start(backend: &Backend, mappings: &Path) -> Gateway {
    let yaml = format!(
        "server: {{ public_url: \"https://desk.example\" }}
upstreams: {{ main: {{ kind: canonical, url: \"http://{}/v1\", credential: \"${{env:BACKEND_TOKEN}}\" }} }}
tenants: {{ demo: {{ upstream: main }} }}
mounts: [ {{ dialect: lists, tenant: demo, prefix: /old }} ]
credentials: [ {{ name: agent, secret: \"${{env:AGENT_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:2\" }} ]
",
        backend.address
    );
    Gateway::start(Some(&yaml), Some(mappings)).await
}

/// A page of the backend's.
fn page(numbers: &[u64], next: Value, limit: u64, total: Value) -> String {
    let data: Vec<Value> = numbers
        .iter()
        .map(|number| {
            let mut message = desk::message(5001);
            message["number"] = json!(number);
            message["sequence"] = json!(number);
            message["id"] = json!(format!("msg_{number}"));
            message
        })
        .collect();
    let page =
        json!({ "next": next, "prev": null, "limit": limit, "number": null, "total": total });
    json!({ "data": data, "page": page }).to_string()
}

/// The query that the backend got last, sorted.
fn asked(backend: &Backend) -> String {
    let got = backend.got();
    let target = got.last().unwrap().target.clone();
    let mut parts: Vec<&str> = target.split_once('?').unwrap().1.split('&').collect();
    parts.sort_unstable();
    parts.join("&")
}

#[tokio::test]
async fn whatever_a_client_sends_is_a_page_and_a_size_within_bounds() {
    let (backend, _gateway, client) = set_up().await;
    backend.tell(Method::GET, MESSAGES, 200, page(&[3, 2], Value::Null, 25, Value::Null));
    for (route, query, expected) in [
        ("bare", "", "limit=25&page=1"),
        ("bare", "?page=2", "limit=25&page=2"),
        ("bare", "?page=0", "limit=25&page=1"),
        ("bare", "?page=-1", "limit=25&page=1"),
        ("bare", "?page=abc&page=3", "limit=25&page=3"),
        ("bare", "?page=99999999999999999999", "limit=25&page=1"),
        ("bare", "?n=3", "limit=25&page=1"),
        ("sized", "?p=4&n=7", "limit=7&page=4"),
        ("sized", "?n=0", "limit=25&page=1"),
        ("sized", "?n=51", "limit=50&page=1"),
        ("sized", "?n=99999999999999999999", "limit=50&page=1"),
    ] {
        let answer = client.get(&format!("/old/lists/{route}/418{query}"), KEY).await.expect(200);
        assert_eq!(answer.value(), json!([{ "id": 3 }, { "id": 2 }]), "{route}{query}");
        // Equal questions are one entry: the backend is asked afresh only where they differ.
        if answer.header("cache-status").contains("uri-miss") {
            assert_eq!(asked(&backend), expected, "{route}{query}");
        }
    }
    assert_eq!(backend.got().len(), 5);
}

#[tokio::test]
async fn a_page_that_was_sent_is_shown_as_it_was_sent() {
    let (backend, _gateway, client) = set_up().await;
    backend.tell(Method::GET, MESSAGES, 200, page(&[], Value::Null, 25, Value::Null));
    for (query, shown) in [
        ("", json!(1)),
        ("?page=1", json!("1")),
        ("?page=01", json!("01")),
        ("?page=x", json!("x")),
    ] {
        let answer = client.get(&format!("/old/lists/echoed/418{query}"), KEY).await.expect(200);
        assert_eq!(answer.value(), json!({ "current_page": shown }), "{query}");
    }
}

#[tokio::test]
async fn anchors_ask_for_either_end_and_answer_oldest_first() {
    let (backend, _gateway, client) = set_up().await;
    backend.tell(Method::GET, MESSAGES, 200, page(&[7, 9, 8], Value::Null, 20, Value::Null));
    for (query, expected) in [
        ("", "limit=20&order=desc"),
        ("?before=9", "before=n:9&limit=21&order=desc"),
        ("?after=5", "after=n:5&limit=100&order=asc"),
        ("?before=9&after=5", "after=n:4&before=n:9&limit=1000&order=asc"),
        ("?before=9&after=1", "before=n:9&limit=1000&order=asc"),
    ] {
        let answer = client.get(&format!("/old/lists/around/418{query}"), KEY).await.expect(200);
        assert_eq!(answer.value(), json!([{ "id": 7 }, { "id": 8 }, { "id": 9 }]), "{query}");
        assert_eq!(asked(&backend).replace("%3A", ":"), expected, "{query}");
    }
    client.get("/old/lists/around/418?after=x", KEY).await.expect(422);
}

/// Two questions that share a canonical answer differ in the addresses of their envelopes.
#[tokio::test]
async fn addresses_of_pages_are_those_of_the_request_though_answers_are_shared() {
    let (backend, _gateway, client) = set_up().await;
    backend.tell(Method::GET, MESSAGES, 200, page(&[3, 2], Value::Null, 2, json!(5)));
    let read = async |query: &str| {
        let answer = client.get(&format!("/old/lists/framed/418{query}"), KEY).await.expect(200);
        (answer.header("cache-status").to_owned(), answer.value())
    };
    let (_, first) = read("/?page=2&label=a%26b&label=%C3%A9").await;
    assert_eq!(asked(&backend), "count=exact&limit=2&order=desc&page=2");
    let base = "https://desk.example/old/lists/framed/418";
    let at = |n: u64| json!(format!("{base}?label=a%26b&label=%C3%A9&page={n}"));
    assert_eq!(
        first["links"],
        json!({ "first": at(1), "last": at(3), "prev": at(1), "next": at(3) })
    );
    assert_eq!(first["meta"]["path"], base);
    assert_eq!(first["meta"]["from"], 3);
    assert_eq!(first["meta"]["to"], 4);
    assert_eq!(first["data"], json!([{ "id": 3 }, { "id": 2 }]));
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["data", "links", "meta"]);

    let (cache, other) = read("?label=c&page=2").await;
    assert!(cache.contains("; hit"), "{cache}");
    assert_eq!(other["links"]["next"], format!("{base}?label=c&page=3"));
    let (cache, again) = read("/?page=2&label=a%26b&label=%C3%A9").await;
    assert!(cache.contains("; hit"), "{cache}");
    assert_eq!(again, first);
    assert_eq!(backend.count(&Method::GET, MESSAGES), 1);
}

#[tokio::test]
async fn a_backend_that_does_not_count_is_at_fault() {
    let (backend, _gateway, client) = set_up().await;
    backend.tell(Method::GET, MESSAGES, 200, page(&[3], Value::Null, 2, Value::Null));
    let answer = client.get("/old/lists/framed/418", KEY).await.expect(502);
    assert_eq!(answer.value(), json!({ "error": "upstream_invalid" }));
}

#[tokio::test]
async fn a_walk_joins_pages_and_refuses_a_list_that_goes_on() {
    let (backend, _gateway, client) = set_up().await;
    // One page is passed on as it is.
    backend.tell(Method::GET, MESSAGES, 200, page(&[1], Value::Null, 1, Value::Null));
    let walked = client.get("/old/lists/walked/418", KEY).await.expect(200);
    assert_eq!(walked.value(), json!({ "count": 1, "all": [{ "id": 1 }] }));
    assert_eq!(backend.got().len(), 1);

    // This backend's list never ends: three pages are asked for, and no fourth.
    let (backend, _gateway, client) = set_up().await;
    backend.tell(Method::GET, MESSAGES, 200, page(&[1], json!("c/1"), 1, Value::Null));
    let walked = client.get("/old/lists/walked/418", KEY).await.expect(413);
    assert_eq!(walked.value(), json!({ "error": "payload_too_large" }));
    let targets: Vec<String> = backend.got().iter().map(|got| got.target.clone()).collect();
    assert_eq!(targets.len(), 2, "{targets:?}");
    assert!(targets[1].ends_with("?cursor=c%2F1"), "{targets:?}");
}
