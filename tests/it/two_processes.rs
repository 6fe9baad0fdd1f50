//! The real set-up with two hops, from the shipped binary alone: one process is the backend (the
//! sandbox under `/v1`), the other the gateway in front of it. Clients cannot tell them from one.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::desk::{AGENT, BEARER, NONE};
use crate::support::shipped::{Shipped, configuration};

const PUBLIC: &str = "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/1";
const ACCOUNT: &str = "/api/v1/accounts/1/conversations/1";
const THIRD_PARTY: &str = "/third-party/v1/conversations/1";
const CANONICAL: &str = "/v1/accounts/1/conversations/n:1";

/// The backend, and the gateway in front of it.
struct Hops {
    backend: Shipped,
    gateway: Shipped,
    _folder: tempfile::TempDir,
}

async fn two() -> Hops {
    // Addresses in answers begin alike, whichever process writes them.
    let (folder, file) = configuration(&sandbox());
    let backend = Shipped::start(&["--config", &file]).await;
    // A file of its own: the backend reads its own again when that changes.
    let file = folder.path().join("gateway.yaml").display().to_string();
    std::fs::write(&file, in_front_of(&backend)).unwrap();
    let gateway = Shipped::start(&["--config", &file]).await;
    Hops { backend, gateway, _folder: folder }
}

const CREDENTIALS: &str = "
credentials:
  - { name: agent, secret: \"${env:AGENT_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:2\", dialects: [account] }
  - { name: bearer, secret: \"${env:BEARER_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:1\", dialects: [third-party, canonical], act_as: true }
mounts:
  - { dialect: public-inbox, tenant: demo }
  - { dialect: account, tenant: demo }
  - { dialect: third-party, tenant: demo }
  - { dialect: canonical, tenant: demo }
server: { public_url: http://desk.example }
";

fn sandbox() -> String {
    format!(
        "upstreams: {{ main: {{ kind: sandbox }} }}\ntenants: {{ demo: {{ upstream: main }} }}{CREDENTIALS}"
    )
}

fn in_front_of(backend: &Shipped) -> String {
    format!(
        "upstreams:\n  main: {{ kind: canonical, url: \"http://{}/v1\", credential: \"${{env:BEARER_TOKEN}}\" }}\n\
         tenants: {{ demo: {{ upstream: main }} }}{CREDENTIALS}",
        backend.address
    )
}

fn shown(answer: &Answer) -> String {
    format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body))
}

#[tokio::test]
async fn one_process_and_two_answer_the_same_bytes() {
    let hops = two().await;
    let (one, two) = (hops.backend.client(), hops.gateway.client());
    let mut reads: Vec<(String, &[(&str, &str)])> = Vec::new();
    for number in 1..=5 {
        let contact = if number == 1 { "demo-contact" } else { "demo-contact-2" };
        let public = PUBLIC.replace("demo-contact", contact);
        for (path, credential) in
            [(public.as_str(), NONE), (ACCOUNT, AGENT), (THIRD_PARTY, BEARER), (CANONICAL, BEARER)]
        {
            let (stem, last) = path.rsplit_once('1').unwrap();
            let path = format!("{stem}{number}{last}");
            reads.push((format!("{path}/messages"), credential));
            reads.push((path, credential));
        }
    }
    reads.push((format!("{CANONICAL}?include=contact,messages&messages_limit=3"), BEARER));
    reads.push((format!("{CANONICAL}/messages?limit=2&order=desc"), BEARER));
    reads.push(("/v1/resolve/inboxes/demo-inbox".to_owned(), BEARER));
    reads.push(("/v1/accounts/1/identities?source_id=demo-contact".to_owned(), BEARER));
    let mut found = 0;
    for (path, credential) in reads {
        let (a, b) = (one.get(&path, credential).await, two.get(&path, credential).await);
        assert_eq!(shown(&a), shown(&b), "{path}");
        assert_eq!(a.header("etag"), b.header("etag"), "{path}");
        assert_eq!(a.header("content-type"), b.header("content-type"), "{path}");
        found += usize::from(a.status == 200);
    }
    assert!(found >= 35, "only {found} of the addresses have something");
}

#[tokio::test]
async fn who_writes_crosses_the_hop() {
    let hops = two().await;
    let (backend, gateway) = (hops.backend.client(), hops.gateway.client());
    let post = async |path: &str, credential: &[(&str, &str)], body: Value| {
        let path = format!("{path}/messages");
        gateway.json(Method::POST, &path, credential, &body).await.expect(200);
    };
    post(PUBLIC, NONE, json!({ "content": "from the contact" })).await;
    post(ACCOUNT, AGENT, json!({ "content": "from the second agent" })).await;
    let text = json!({ "type": "text", "text": { "content": "from the first agent" } });
    post(THIRD_PARTY, BEARER, text).await;
    let newest = format!("{CANONICAL}/messages?order=desc&limit=3");
    // Read from the backend itself: what it stored.
    let page = backend.get(&newest, BEARER).await.expect(200).value();
    let found: Vec<[&Value; 4]> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|m| [&m["body"]["text"], &m["kind"], &m["author"]["type"], &m["author"]["number"]])
        .collect();
    let expected = json!([
        ["from the contact", "incoming", "contact", 1],
        ["from the second agent", "outgoing", "agent", 2],
        ["from the first agent", "outgoing", "agent", 1],
    ]);
    assert_eq!(json!(found), expected);
    // And what the gateway shows of it, in another dialect, at once.
    let shown = gateway.get(PUBLIC, NONE).await.expect(200).value();
    let last = shown["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["content"], "from the first agent");
}

/// A caller who may act as others says so to the gateway, which says so to the backend.
#[tokio::test]
async fn an_actor_that_a_caller_names_crosses_the_hop() {
    let hops = two().await;
    let gateway = hops.gateway.client();
    let body = json!({ "kind": "outgoing", "visibility": "public", "text": "as the second agent" });
    let headers = [BEARER, &[("deskbridge-actor", "agent:n:2")]].concat();
    let path = format!("{CANONICAL}/messages");
    let made = gateway.json(Method::POST, &path, &headers, &body).await.expect(201).value();
    assert_eq!(made["author"]["number"], 2);
    let own = gateway.json(Method::POST, &path, BEARER, &body).await.expect(201).value();
    assert_eq!(own["author"]["number"], 1);
}

#[tokio::test]
async fn errors_come_out_the_same() {
    let hops = two().await;
    let (one, two) = (hops.backend.client(), hops.gateway.client());
    let merge: &[(&str, &str)] =
        &[BEARER[0], ("content-type", "application/merge-patch+json"), ("if-match", "\"old\"")];
    let json_of = |credential: &[(&'static str, &'static str)]| {
        [credential, &[("content-type", "application/json")]].concat()
    };
    let nobody = PUBLIC.replace("demo-contact", "nobody");
    let tries: Vec<(u16, Method, String, Vec<(&str, &str)>, String)> = vec![
        (
            404,
            Method::GET,
            ACCOUNT.replace("conversations/1", "conversations/99999"),
            AGENT.to_vec(),
            String::new(),
        ),
        (
            404,
            Method::GET,
            THIRD_PARTY.replace("/conversations/1", "/conversations/99999"),
            BEARER.to_vec(),
            String::new(),
        ),
        (404, Method::GET, CANONICAL.replace("n:1", "n:99999"), BEARER.to_vec(), String::new()),
        (
            404,
            Method::GET,
            PUBLIC.replace("conversations/1", "conversations/2"),
            NONE.to_vec(),
            String::new(),
        ),
        (404, Method::GET, nobody, NONE.to_vec(), String::new()),
        (404, Method::GET, PUBLIC.replace("demo-inbox", "no-inbox"), NONE.to_vec(), String::new()),
        (401, Method::GET, ACCOUNT.to_owned(), NONE.to_vec(), String::new()),
        (
            412,
            Method::PATCH,
            CANONICAL.to_owned(),
            merge.to_vec(),
            r#"{"status":"resolved"}"#.to_owned(),
        ),
        // Only the backend knows these.
        (
            422,
            Method::PATCH,
            THIRD_PARTY.to_owned(),
            json_of(BEARER),
            r#"{"user_id":99999}"#.to_owned(),
        ),
        (
            422,
            Method::POST,
            format!("{ACCOUNT}/messages"),
            json_of(AGENT),
            r#"{"content":"x","content_attributes":{"in_reply_to":99999}}"#.to_owned(),
        ),
        (
            422,
            Method::POST,
            format!("{ACCOUNT}/messages"),
            json_of(AGENT),
            r#"{"content":""}"#.to_owned(),
        ),
        // These the gateway finds itself.
        (
            422,
            Method::POST,
            format!("{ACCOUNT}/messages"),
            json_of(AGENT),
            r#"{"content":7}"#.to_owned(),
        ),
        (
            422,
            Method::POST,
            format!("{THIRD_PARTY}/messages"),
            json_of(BEARER),
            r#"{"type":"fax"}"#.to_owned(),
        ),
        (400, Method::POST, format!("{PUBLIC}/messages"), json_of(NONE), "{".to_owned()),
    ];
    for (status, method, path, headers, body) in tries {
        let ask = async |client: &Client| {
            client.send(method.clone(), &path, &headers, body.clone()).await
        };
        let (a, b) = (ask(&one).await, ask(&two).await);
        assert_eq!(a.status, status, "{method} {path} {body}: {}", shown(&a));
        assert_eq!(shown(&a), shown(&b), "{method} {path} {body}");
    }
    let body = json!({ "content": "x", "content_attributes": { "in_reply_to": 99999 } });
    let path = format!("{ACCOUNT}/messages");
    let refused = two.json(Method::POST, &path, AGENT, &body).await.expect(422).value();
    assert_eq!(refused["errors"][0]["field"], "content_attributes.in_reply_to", "{refused}");
}
