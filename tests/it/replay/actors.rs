//! As whom a request is carried out crosses the hop: what an agent, a bot, a platform, a contact or
//! the gateway itself sees and leaves behind is the same in two processes as in one.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::pair::Pair;
use crate::support::backend::Backend;
use crate::support::client::{Answer, Sends as _};
use crate::support::desk;
use crate::support::gateway::Gateway;

/// Who asks: a name, and the secret of a credential.
const CALLERS: [(&str, &str); 6] = [
    ("agent 2", "demo-agent"),
    ("agent 1", "demo-bearer"),
    ("agent 5, who sees one inbox", "demo-limited"),
    ("a bot", "demo-bot"),
    ("a platform", "demo-platform"),
    ("a contact", "demo-identity"),
];

/// Whom one may name who is allowed to.
const NAMED: [&str; 8] = [
    "gateway",
    "agent:n:1",
    "agent:n:2",
    "agent:n:5",
    "bot:n:1",
    "platform:n:1",
    "contact-identity:n:1",
    "agent:nobody",
];

/// What an answer of depends on who asks, or may.
const READS: [&str; 12] = [
    "/conversations?limit=100",
    "/conversations?assignee=me&limit=100",
    "/conversations/counts",
    "/conversations/n:1",
    "/conversations/n:1?include=messages,contact,last_note",
    "/conversations/n:1/messages",
    "/conversations/n:1/notes",
    "/conversations/n:1/labels",
    "/conversations/n:6",
    "/conversations/n:6/messages",
    "/teams",
    "/contacts/n:1",
];

/// What leaves a name behind.
fn writes() -> [(Method, &'static str, Value); 5] {
    let message = json!({ "kind": "outgoing", "visibility": "public", "text": "Hello" });
    [
        (Method::POST, "/conversations/n:1/messages", message.clone()),
        (Method::POST, "/conversations/n:6/messages", message),
        (Method::POST, "/conversations/n:1/notes", json!({ "text": "Aside" })),
        (Method::PATCH, "/conversations/n:1", json!({ "status": "resolved" })),
        (Method::PATCH, "/conversations/n:1", json!({ "status": "open" })),
    ]
}

async fn ask(pair: &Pair, path: &str, headers: &[(&str, &str)]) -> Answer {
    pair.send(Method::GET, path, headers, Bytes::new()).await
}

/// Sends everything as one caller.
async fn everything(pair: &Pair, headers: &[(&str, &str)]) {
    for path in READS {
        ask(pair, &format!("/v1/accounts/1{path}"), headers).await;
    }
    for (method, path, body) in writes() {
        let kind = if method == Method::PATCH { "merge-patch+json" } else { "json" };
        let kind = format!("application/{kind}");
        let headers = [headers, &[("content-type", kind.as_str())]].concat();
        let path = format!("/v1/accounts/1{path}");
        pair.send(method, &path, &headers, body.to_string().into()).await;
    }
}

#[tokio::test]
async fn whoever_asks_is_answered_alike_by_one_process_and_by_two() {
    let pair = Pair::here().await;
    for (_, secret) in CALLERS {
        let bearer = format!("Bearer {secret}");
        everything(&pair, &[("authorization", &bearer)]).await;
        // The dialects read other operations, several to a route.
        for path in [
            "/api/v1/accounts/1/conversations?assignee_type=me&status=all",
            "/api/v1/accounts/1/conversations/meta?status=all",
            "/api/v1/accounts/1/conversations/1",
            "/api/v1/accounts/1/conversations/1/messages",
            "/chatwoot/api/v1/accounts/1/conversations/1",
            "/chatwoot/api/v1/accounts/1/conversations/6",
            "/third-party/v1/conversations",
            "/third-party/v1/conversations/1",
            "/third-party/v1/conversations/1/messages",
        ] {
            let headers = [("authorization", bearer.as_str()), ("api_access_token", secret)];
            ask(&pair, path, &headers).await;
        }
    }
    for actor in NAMED {
        let bearer = ("authorization", "Bearer demo-bearer");
        everything(&pair, &[bearer, ("deskbridge-actor", actor)]).await;
    }
    let (compared, successes) = pair.settle();
    println!("{compared} answers compared, {successes} of them successes");
    let each = READS.len() + writes().len();
    assert_eq!(compared, CALLERS.len() * (each + 9) + NAMED.len() * each);
    assert!(successes * 2 > compared, "{successes} of {compared}");
}

/// `me` is the caller on the other side of the hop as well, not the gateway's own credential.
#[tokio::test]
async fn me_is_who_asked() {
    let pair = Pair::here().await;
    let mut mine = Vec::new();
    for secret in ["demo-agent", "demo-limited"] {
        let headers = [("api_access_token", secret)];
        let meta = "/api/v1/accounts/1/conversations/meta?status=all";
        let meta = ask(&pair, meta, &headers).await.expect(200).value();
        let list = "/api/v1/accounts/1/conversations?assignee_type=me&status=all";
        let list = ask(&pair, list, &headers).await.expect(200).value();
        for conversation in list["data"]["payload"].as_array().unwrap() {
            assert_eq!(conversation["meta"]["assignee"]["id"], 2, "{conversation}");
        }
        mine.push(meta["meta"]["mine_count"].as_u64().unwrap());
    }
    assert!(mine[0] > 0 && mine[1] == 0, "{mine:?}");
    pair.settle();
}

/// One who sees one inbox sees nothing of another in any way: not in lists, not by number, not what
/// somebody else has just read.
#[tokio::test]
async fn an_agent_with_few_inboxes_is_held_back_everywhere() {
    let pair = Pair::here().await;
    let all = [("authorization", "Bearer demo-bearer"), ("api_access_token", "demo-agent")];
    let few = [("authorization", "Bearer demo-limited"), ("api_access_token", "demo-limited")];
    let named = [("authorization", "Bearer demo-bearer"), ("deskbridge-actor", "agent:n:5")];
    let list = "/v1/accounts/1/conversations?limit=100";
    let (own, every) = (ask(&pair, list, &few).await, ask(&pair, list, &all).await);
    let (own, every) = (own.expect(200).value(), every.expect(200).value());
    let number = |c: &Value| c["number"].as_u64().unwrap();
    let own: Vec<u64> = own["data"].as_array().unwrap().iter().map(number).collect();
    let every: Vec<u64> = every["data"].as_array().unwrap().iter().map(number).collect();
    assert!(!own.is_empty() && own.len() < every.len(), "{own:?} of {every:?}");
    assert!(!own.contains(&1));
    let (mut open, mut shut) = (0, 0);
    for number in [1, own[0]] {
        let status = if number == 1 { 404 } else { 200 };
        for (path, headers) in [
            (format!("/v1/accounts/1/conversations/n:{number}"), few.as_slice()),
            (format!("/v1/accounts/1/conversations/n:{number}/messages"), &few),
            (format!("/v1/accounts/1/conversations/n:{number}/notes"), &few),
            (format!("/v1/accounts/1/conversations/n:{number}/labels"), &few),
            (format!("/v1/accounts/1/conversations/n:{number}"), &named),
            (format!("/v1/accounts/1/conversations/n:{number}/messages"), &named),
            (format!("/api/v1/accounts/1/conversations/{number}"), &few),
            (format!("/api/v1/accounts/1/conversations/{number}/messages"), &few),
            (format!("/api/v1/accounts/1/conversations/{number}/labels"), &few),
            (format!("/chatwoot/api/v1/accounts/1/conversations/{number}"), &few),
            (format!("/chatwoot/api/v1/accounts/1/conversations/{number}/messages"), &few),
            (format!("/third-party/v1/conversations/{number}"), &few),
            (format!("/third-party/v1/conversations/{number}/messages"), &few),
        ] {
            // Somebody who may has it remembered first, and has it after.
            for round in 0..2 {
                ask(&pair, &path, &all).await.expect(200);
                let answer = ask(&pair, &path, headers).await;
                assert_eq!(answer.status, status, "{round} {path} {headers:?}: {}", answer.text());
            }
            match status {
                200 => open += 1,
                _ => shut += 1,
            }
        }
    }
    assert_eq!((open, shut), (13, 13));
    pair.settle();
}

/// Who may not name an actor is who they are, whatever they say.
#[tokio::test]
async fn only_who_may_act_as_others_is_believed_and_what_is_no_actor_is_refused() {
    let pair = Pair::here().await;
    let post = async |headers: &[(&str, &str)]| {
        let headers = [headers, &[("content-type", "application/json")]].concat();
        let body = json!({ "content": "Hello" }).to_string().into();
        let path = "/api/v1/accounts/1/conversations/1/messages";
        pair.send(Method::POST, path, &headers, body).await
    };
    let agent = ("api_access_token", "demo-agent");
    for said in ["agent:n:1", "gateway", "nonsense"] {
        let made = post(&[agent, ("deskbridge-actor", said)]).await.expect(200).value();
        assert_eq!(made["sender"]["id"], 2, "{said}: {made}");
    }
    let bearer = ("authorization", "Bearer demo-bearer");
    for said in
        ["", "agents:n:1", "agent:", "agent:a b", "agent:n:0", "agent:n:1, gateway", "gateway "]
    {
        for path in ["/v1/accounts/1/conversations/n:1", "/third-party/v1/conversations/1"] {
            let answer = ask(&pair, path, &[bearer, ("deskbridge-actor", said)]).await;
            if said.trim() == "gateway" {
                answer.expect(200);
                continue;
            }
            assert_eq!(answer.status, 400, "{said:?}: {}", answer.text());
            assert!(!answer.text().contains("n:0"), "nothing of what was sent: {}", answer.text());
        }
    }
    pair.settle();
}

/// As whom the backend is asked, seen from the backend.
#[tokio::test]
async fn look_ups_and_shared_reads_are_the_gateways_own() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    let message = json!({ "content": "Hello" });
    let body = &message;
    let list = "/api/v1/accounts/1/conversations";
    client.get(desk::PUBLIC, desk::NONE).await.expect(200);
    client.get(desk::ACCOUNT, desk::AGENT).await.expect(200);
    client.get(list, desk::AGENT).await;
    let path = format!("{}/messages", desk::PUBLIC);
    client.json(Method::POST, &path, desk::NONE, body).await.expect(200);
    let path = format!("{}/messages", desk::ACCOUNT);
    client.json(Method::POST, &path, desk::AGENT, body).await.expect(200);
    let named = [desk::BEARER, &[("deskbridge-actor", "agent:n:5")]].concat();
    client.get(desk::CANONICAL, &named).await.expect(200);
    let identity = desk::conversation()["contact_identity"]["id"].as_str().unwrap().to_owned();
    let identity = format!("contact-identity:{identity}");
    let got: Vec<(String, String)> = backend
        .got()
        .into_iter()
        .map(|got| {
            let path = got.target.split('?').next().unwrap().to_owned();
            let actor = got.headers["deskbridge-actor"].to_str().unwrap().to_owned();
            (format!("{} {path}", got.method), actor)
        })
        .collect();
    let conversation = format!("GET {}", desk::CANONICAL);
    let asked = |what: &str| -> Vec<&str> {
        got.iter().filter(|(line, _)| line == what).map(|(_, actor)| &**actor).collect()
    };
    assert_eq!(asked("GET /v1/resolve/inboxes/demo-inbox"), ["gateway"]);
    assert_eq!(asked("GET /v1/accounts/1/identities"), ["gateway"]);
    // Once for the public client and the agent; again for one who is named, and for nobody else.
    assert_eq!(asked(&conversation).first(), Some(&"gateway"));
    assert_eq!(asked(&conversation).last(), Some(&"agent:n:5"));
    assert_eq!(asked("GET /v1/accounts/1/conversations"), ["agent:n:2"]);
    let writes = asked(&format!("POST {}", desk::MESSAGES));
    assert_eq!(writes, [identity.as_str(), "agent:n:2"]);
}

/// Where the account is the credential's, one without an account has nothing to ask for.
#[tokio::test]
async fn a_credential_without_an_account_is_refused_where_it_needs_one() {
    let pair = Pair::here().await;
    let gateway = [("authorization", "Bearer demo-gateway")];
    let refused = ask(&pair, "/third-party/v1/conversations", &gateway).await.expect(403);
    assert_eq!(refused.value(), json!({ "message": "This action is unauthorized." }));
    ask(&pair, "/v1/resolve/inboxes/demo-inbox", &gateway).await.expect(200);
    // A platform application is nobody there.
    let platform = [("authorization", "Bearer demo-platform")];
    ask(&pair, "/third-party/v1/conversations", &platform).await.expect(401);
    pair.settle();
}
