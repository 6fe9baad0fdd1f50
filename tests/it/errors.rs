//! What a client may get wrong, in each dialect: the status, the shape of the body, the field as the
//! client wrote it; and that nothing has changed afterwards. Never a 500.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client, raw};
use crate::support::dialects::{ACCOUNT, ALL, BEARER, CANONICAL, Dialect, PUBLIC};
use crate::support::gateway::Gateway;

const JSON: (&str, &str) = ("content-type", "application/json");

async fn send(
    client: &Client,
    dialect: Dialect,
    (method, rest): (Method, &str),
    headers: &[(&str, &str)],
    body: impl Into<bytes::Bytes>,
) -> Answer {
    let path = format!("{}{rest}", dialect.conversations);
    let headers = [dialect.credential, headers].concat();
    client.send(method, &path, &headers, body).await
}

/// Conversation 1 with all that may have been written into it.
async fn state(client: &Client) -> Value {
    let rest = "1?include=messages,contact&messages_limit=0";
    let conversation = CANONICAL.get(client, rest).await.expect(200).value();
    assert!(conversation["messages"].as_array().unwrap().len() >= 17);
    conversation
}

/// (whose API, below the conversations, body, status, the fields to blame)
type Case = (Dialect, &'static str, String, u16, &'static [&'static str]);

const MESSAGES: &str = "1/messages";
const TOGGLE: &str = "1/toggle_status";
const SELF: &str = "1";

fn case(
    dialect: Dialect,
    rest: &'static str,
    body: &str,
    status: u16,
    blamed: &'static [&'static str],
) -> Case {
    (dialect, rest, body.to_owned(), status, blamed)
}

#[rustfmt::skip]
fn bodies() -> Vec<Case> {
    let deep = |member: &str| format!(r#"{{"{member}":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let long = "x".repeat(150_001);
    let mut cases = Vec::new();
    for dialect in ALL {
        for text in ["{", "{\"content\":", "{'content':'x'}", "{\"content\":\"x\"}}", "nul", "{\"a\":1,}", "{\"a\":01}", "\u{feff}{}x"] {
            cases.push(case(dialect, MESSAGES, text, 400, &[]));
        }
        match dialect.name {
            "canonical" => cases.push(case(dialect, MESSAGES, r#"{"text":"a","text":"b"}"#, 422, &["text"])),
            "third-party" => cases.push(case(dialect, MESSAGES, r#"{"type":"text","type":"text"}"#, 400, &[])),
            _ => cases.push(case(dialect, MESSAGES, r#"{"content":"a","content":"b"}"#, 400, &[])),
        }
        cases.push(case(dialect, MESSAGES, r#"{"content":"\ud800"}"#, 400, &[]));
        cases.push((dialect, MESSAGES, deep("content"), 400, &[]));
        cases.push((dialect, MESSAGES, deep("nobody_knows_me"), 400, &[]));
        for body in ["[]", "\"x\"", "17", "null", "true"] {
            cases.push(case(dialect, MESSAGES, body, 422, &[""]));
        }
    }
    for dialect in [PUBLIC, ACCOUNT] {
        cases.push(case(dialect, MESSAGES, r#"{"content":5}"#, 422, &["content"]));
        cases.push(case(dialect, MESSAGES, r#"{"content":{}}"#, 422, &["content"]));
        cases.push(case(dialect, MESSAGES, r#"{"echo_id":[]}"#, 422, &["echo_id"]));
        cases.push((dialect, MESSAGES, format!(r#"{{"content":"{long}"}}"#), 422, &["content"]));
        cases.push(case(dialect, MESSAGES, "{}", 422, &["content"]));
        cases.push(case(dialect, MESSAGES, "", 422, &["content"]));
        cases.push(case(dialect, MESSAGES, r#"{"content":null}"#, 422, &["content"]));
    }
    cases.extend([
        case(ACCOUNT, MESSAGES, r#"{"content":5,"private":"yes","echo_id":7}"#, 422, &["content", "private", "echo_id"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","message_type":"shout"}"#, 422, &["message_type"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","message_type":"activity"}"#, 422, &["message_type"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","content_type":"shout"}"#, 422, &["content_type"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","content_type":"form"}"#, 422, &["content_attributes.items"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","content_type":"input_select","content_attributes":{"items":"z"}}"#, 422, &["content_attributes.items"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","content_type":"input_select","content_attributes":{"items":[{"title":"a","value":"b"},{"title":"a"}]}}"#, 422, &["content_attributes.items.1.value"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","content_type":"form","content_attributes":{"items":[{"type":"colour","name":"n"}]}}"#, 422, &["content_attributes.items.0.type"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","content_attributes":{"in_reply_to":99999}}"#, 422, &["content_attributes.in_reply_to"]),
        case(ACCOUNT, MESSAGES, r#"{"content":"x","content_attributes":{"in_reply_to":-1}}"#, 422, &["content_attributes.in_reply_to"]),
        case(ACCOUNT, TOGGLE, r#"{"status":"opeen"}"#, 422, &["status"]),
        case(ACCOUNT, TOGGLE, r#"{"status":5}"#, 422, &["status"]),
        case(ACCOUNT, TOGGLE, "[", 400, &[]),
        case(BEARER, MESSAGES, "{}", 422, &["type"]),
        case(BEARER, MESSAGES, "", 422, &["type"]),
        case(BEARER, MESSAGES, r#"{"type":"shout"}"#, 422, &["type"]),
        case(BEARER, MESSAGES, r#"{"type":5}"#, 422, &["type"]),
        case(BEARER, MESSAGES, r#"{"type":"text"}"#, 422, &["text.content"]),
        case(BEARER, MESSAGES, r#"{"type":"text","text":{"content":[]}}"#, 422, &["text.content"]),
        case(BEARER, MESSAGES, r#"{"type":"location","location":{"latitude":"north","longitude":1}}"#, 422, &["location.latitude"]),
        case(BEARER, MESSAGES, r#"{"type":"location","location":{"latitude":"90.5","longitude":1}}"#, 422, &["location.latitude"]),
        case(BEARER, MESSAGES, r#"{"type":"location","location":{"latitude":1}}"#, 422, &["location.longitude"]),
        case(BEARER, MESSAGES, r#"{"type":"contact","contact":{"name":{"formatted_name":"A"},"phones":[{"phone":5}]}}"#, 422, &["contact.phones.0.phone"]),
        case(BEARER, MESSAGES, r#"{"type":"text","text":{"content":"x"},"reference_id":99999}"#, 422, &["reference_id"]),
        (BEARER, MESSAGES, format!(r#"{{"type":"text","text":{{"content":"{long}"}}}}"#), 422, &["text.content"]),
        case(BEARER, SELF, r#"{"status":"open"}"#, 422, &["status"]),
        case(BEARER, SELF, r#"{"status":null}"#, 422, &["status"]),
        case(BEARER, SELF, r#"{"status":"done","user_id":77}"#, 422, &["user_id"]),
        case(BEARER, SELF, r#"{"user_id":-1}"#, 422, &["user_id"]),
        case(BEARER, SELF, r#"{"user_id":1.5}"#, 422, &["user_id"]),
        case(BEARER, SELF, r#"{"user_id":"x"}"#, 422, &["user_id"]),
        case(BEARER, SELF, r#"{"user_id":99999999999999999999}"#, 422, &["user_id"]),
        case(BEARER, SELF, "{}", 422, &[""]),
        case(CANONICAL, MESSAGES, "", 400, &[]),
        case(CANONICAL, MESSAGES, "{}", 422, &[""]),
        case(CANONICAL, MESSAGES, r#"{"text":5}"#, 422, &["text"]),
        case(CANONICAL, MESSAGES, r#"{"text":"x","colour":1,"id":"msg_1"}"#, 422, &["colour", "id"]),
        case(CANONICAL, MESSAGES, r#"{"text":"x","kind":"shout"}"#, 422, &["kind"]),
        case(CANONICAL, MESSAGES, r#"{"blocks":[{"type":"text","text":"x"},{"type":"choices"}]}"#, 422, &["blocks.1.items"]),
        case(CANONICAL, MESSAGES, r#"{"text":"x","in_reply_to_id":"n:99999"}"#, 422, &["in_reply_to_id"]),
        (CANONICAL, MESSAGES, format!(r#"{{"text":"{long}"}}"#), 422, &["text"]),
        case(CANONICAL, SELF, "{}", 422, &[""]),
        case(CANONICAL, SELF, r#"{"status":"opeen"}"#, 422, &["status"]),
        case(CANONICAL, SELF, r#"{"status":null}"#, 422, &["status"]),
        case(CANONICAL, SELF, r#"{"statuss":"open"}"#, 422, &["statuss"]),
        case(CANONICAL, SELF, r#"{"status":"resolved","assignee_id":"n:77"}"#, 422, &["assignee_id"]),
        case(CANONICAL, SELF, r#"{"status":"resolved","assignee_id":"agt_nobody"}"#, 422, &["assignee_id"]),
        case(CANONICAL, SELF, r#"{"status":"resolved","team_id":"n:77"}"#, 422, &["team_id"]),
        case(CANONICAL, SELF, r#"{"revision":"r9"}"#, 422, &["revision"]),
        case(CANONICAL, SELF, r#"{"snooze":{"until":"tomorrow"}}"#, 422, &["snooze.until"]),
    ]);
    cases
}

#[tokio::test]
async fn bad_bodies_are_refused_by_name_and_change_nothing() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let before = state(&client).await;
    for (dialect, rest, body, status, blamed) in bodies() {
        let method = if rest == SELF { Method::PATCH } else { Method::POST };
        let shown: String = body.chars().take(120).collect();
        let answer = send(&client, dialect, (method, rest), &[JSON], body).await;
        let context = format!("{} {rest} {shown}: {}", dialect.name, answer.text());
        assert_eq!(answer.status, status, "{context}");
        dialect.assert_refusal(&answer, status);
        // A body as a whole has no name, and the bearer API names nothing else.
        let blamed = if dialect.name == "third-party" && blamed == [""] { &[] } else { blamed };
        let mut found = dialect.blamed(&answer);
        found.sort_by_key(|field| blamed.iter().position(|b| b == field));
        assert_eq!(found, blamed, "{context}");
        assert_eq!(state(&client).await, before, "{context}");
    }
}

#[tokio::test]
async fn a_complaint_is_written_as_its_dialect_writes_them() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let body = json!({ "content": 5 });
    let errors = json!([{ "field": "content", "message": "must be text, not a whole number", "code": "wrong_type" }]);
    let expected = json!({ "description": "The request is not valid", "errors": errors });
    assert_eq!(PUBLIC.post(&client, MESSAGES, &body).await.expect(422).value(), expected);
    assert_eq!(ACCOUNT.post(&client, MESSAGES, &body).await.expect(422).value(), expected);
    let refused = BEARER.patch(&client, 1, &json!({ "user_id": 77 })).await.expect(422).value();
    let text = refused["message"].clone();
    assert_eq!(refused, json!({ "message": text, "errors": { "user_id": [text] } }));
    let refused =
        CANONICAL.patch(&client, 1, &json!({ "assignee_id": "n:77" })).await.expect(422).value();
    assert_eq!(refused["code"], "validation_failed");
    assert_eq!(refused["errors"][0]["pointer"], "/assignee_id");
    assert_eq!(refused["errors"][0]["code"], "not_found");
    let refused =
        CANONICAL.patch(&client, 1, &json!({ "statuss": "open" })).await.expect(422).value();
    let detail = refused["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("did you mean `status`?"), "{detail}");
    let refused = ACCOUNT.get(&client, 999).await.expect(404).value();
    assert_eq!(refused, json!({ "description": "There is no such conversation", "errors": [] }));
    let refused = BEARER.get(&client, 999).await.expect(404).value();
    assert_eq!(refused, json!({ "message": "There is no such conversation" }));
}

#[tokio::test]
async fn ids_that_are_none_are_not_found() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let ids = [
        "999",
        "0",
        "-1",
        "01",
        "1.5",
        "1e3",
        "abc",
        "%00",
        "%ff",
        "1%2F2",
        "n:1",
        "9007199254740992",
        "99999999999999999999999",
        "１",
    ];
    for dialect in ALL {
        for id in ids {
            let id = if id == "１" { "%EF%BC%91" } else { id };
            for rest in [id.to_owned(), format!("{id}/messages")] {
                let answer = dialect.get(&client, &rest).await;
                let status =
                    if dialect.name == "canonical" && answer.status != 404 { 422 } else { 404 };
                dialect.assert_refusal(&answer, status);
                if status == 422 {
                    assert_eq!(dialect.blamed(&answer), ["conversation_id"], "{rest}");
                }
            }
        }
    }
}

#[tokio::test]
async fn queries_that_make_no_sense_name_their_parameter() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in [PUBLIC, ACCOUNT] {
        for before in
            ["abc", "-1", "0", "1.5", "", "%00", "9007199254740992", "99999999999999999999"]
        {
            let answer = dialect.get(&client, format!("1/messages?before={before}")).await;
            dialect.assert_refusal(&answer, 422);
            assert_eq!(dialect.blamed(&answer), ["before"], "{before}");
        }
    }
    // The bearer API reads what it can: what is no size is the usual one.
    for (per_page, size) in [("0", 100), ("abc", 100), ("", 100), ("2", 2), ("1001", 200)] {
        let answer = BEARER.get(&client, format!("1/messages?per_page={per_page}")).await;
        assert_eq!(answer.expect(200).value()["meta"]["per_page"], size, "{per_page}");
    }
    for (rest, blamed, status) in [
        ("1?include=nope", "include", 422),
        ("1?include=contact,nope", "include", 422),
        ("1?messages_limit=-1", "messages_limit", 422),
        ("1?messages_visibility=some", "messages_visibility", 422),
        ("1?inclued=contact", "inclued", 422),
        ("1/messages?limit=0", "limit", 422),
        ("1/messages?limit=1001", "limit", 422),
        ("1/messages?order=up", "order", 422),
        ("1/messages?kind=shout", "kind", 422),
        ("1/messages?cursor=zzz", "cursor", 400),
        ("1/messages?before=msg_none", "before", 400),
    ] {
        let answer = CANONICAL.get(&client, rest).await;
        CANONICAL.assert_refusal(&answer, status);
        assert_eq!(CANONICAL.blamed(&answer), [blamed], "{rest}");
        assert_eq!(answer.value()["errors"][0]["parameter"], blamed, "{rest}");
    }
}

#[tokio::test]
async fn who_is_not_known_learns_nothing_else() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let token = |value| ("api_access_token", value);
    let bearer = |value| ("authorization", value);
    // No credential, wrong ones, those of the other API: before anything is looked for.
    for rest in ["1", "999", "abc", "1/nothing-here", "1/messages"] {
        for headers in [
            vec![],
            vec![token("wrong")],
            vec![token("")],
            vec![token("demo-bearer")],
            vec![bearer("Bearer demo-agent")],
        ] {
            let answer = client.get(&format!("{}{rest}", ACCOUNT.conversations), &headers).await;
            ACCOUNT.assert_refusal(&answer, 401);
            assert_eq!(answer.header("www-authenticate"), "");
        }
        for dialect in [BEARER, CANONICAL] {
            for headers in [
                vec![],
                vec![bearer("Bearer wrong")],
                vec![bearer("Bearer")],
                vec![bearer("Basic demo-bearer")],
                vec![bearer("demo-bearer")],
                vec![token("demo-bearer")],
            ] {
                let answer =
                    client.get(&format!("{}{rest}", dialect.conversations), &headers).await;
                dialect.assert_refusal(&answer, 401);
                assert_eq!(answer.header("www-authenticate"), "Bearer");
            }
        }
    }
    // A body is not read for a stranger, and the method does not matter.
    let path = format!("{}1/messages", ACCOUNT.conversations);
    for method in [Method::POST, Method::DELETE] {
        ACCOUNT.assert_refusal(&client.send(method, &path, &[JSON], "{").await, 401);
    }
    // Known, but of another account.
    for account in ["2", "01", "abc", "99999999999999999999"] {
        let path = format!("/api/v1/accounts/{account}/conversations/1");
        ACCOUNT.assert_refusal(&client.get(&path, ACCOUNT.credential).await, 403);
        let path = format!("/v1/accounts/{account}/conversations/n:1");
        CANONICAL.assert_refusal(&client.get(&path, CANONICAL.credential).await, 403);
    }
}

#[tokio::test]
async fn a_contact_sees_and_changes_only_its_own() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let before = state(&client).await;
    let absent = PUBLIC.get(&client, 2).await;
    PUBLIC.assert_refusal(&absent, 404);
    for (inbox, contact) in [
        ("demo-inbox", "demo-contact-2"),
        ("demo-inbox", "nobody"),
        ("nowhere", "demo-contact"),
        ("demo-website", "demo-contact"),
        ("1", "demo-contact"),
        ("demo-inbox", "1"),
        ("demo-inbox", "%00"),
    ] {
        let path = format!("/public/api/v1/inboxes/{inbox}/contacts/{contact}/conversations/1");
        PUBLIC.assert_refusal(&client.get(&path, &[]).await, 404);
        PUBLIC.assert_refusal(&client.get(&format!("{path}/messages"), &[]).await, 404);
        let body = json!({ "content": "mine now" });
        let answer = client.json(Method::POST, &format!("{path}/messages"), &[], &body).await;
        PUBLIC.assert_refusal(&answer, 404);
        let answer =
            client.json(Method::POST, &format!("{path}/toggle_status"), &[], &json!({})).await;
        PUBLIC.assert_refusal(&answer, 404);
    }
    assert_eq!(state(&client).await, before);
}

#[tokio::test]
async fn a_reading_credential_reads() {
    let yaml = r#"
upstreams: { main: { kind: sandbox } }
tenants: { demo: { upstream: main } }
credentials:
  - { name: rw, secret: "${env:BEARER_TOKEN}", tenant: demo, account: "1", actor: "agent:n:2", dialects: [third-party, canonical], act_as: true }
  - { name: ro, secret: "${env:OTHER_TOKEN}", tenant: demo, account: "1", actor: "agent:n:2", dialects: [account, third-party, canonical], access: read }
"#;
    let gateway = Gateway::configured(yaml).await;
    let client = gateway.client();
    let before = state(&client).await;
    let as_reader = |dialect: Dialect| -> &'static [(&'static str, &'static str)] {
        if dialect.name == "account" {
            &[("api_access_token", "other-bearer")]
        } else {
            &[("authorization", "Bearer other-bearer")]
        }
    };
    for dialect in [ACCOUNT, BEARER, CANONICAL] {
        let dialect = Dialect { credential: as_reader(dialect), ..dialect };
        dialect.get(&client, 1).await.expect(200);
        let body = json!({ "content": "x", "text": "x", "type": "text" });
        dialect.assert_refusal(&dialect.post(&client, MESSAGES, &body).await, 403);
        let answer = match dialect.name {
            "account" => dialect.post(&client, TOGGLE, &json!({})).await,
            _ => dialect.patch(&client, SELF, &json!({ "status": "done" })).await,
        };
        dialect.assert_refusal(&answer, 403);
    }
    assert_eq!(state(&client).await, before);
}

#[tokio::test]
async fn addresses_and_methods_that_are_none() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for path in ["/", "/nope", "/api/v3/accounts/1/conversations/1", "/v1x", "/public"] {
        CANONICAL.assert_refusal(&client.get(path, &[]).await, 404);
    }
    for dialect in ALL {
        dialect.assert_refusal(&dialect.get(&client, "1/nothing-here").await, 404);
        dialect.assert_refusal(&dialect.get(&client, "1/messages/2/3").await, 404);
        let own = match dialect.name {
            "third-party" => "DELETE, GET, HEAD, OPTIONS, PATCH",
            "account" => "GET, HEAD, OPTIONS, PATCH, PUT",
            "canonical" => "DELETE, GET, HEAD, OPTIONS, PATCH",
            _ => "GET, HEAD, OPTIONS",
        };
        for (method, rest, allow) in [
            (Method::TRACE, SELF, own),
            (Method::POST, SELF, own),
            (Method::DELETE, MESSAGES, "GET, HEAD, OPTIONS, POST"),
            (Method::from_bytes(b"BREW").unwrap(), MESSAGES, "GET, HEAD, OPTIONS, POST"),
            (Method::TRACE, MESSAGES, "GET, HEAD, OPTIONS, POST"),
        ] {
            let answer = send(&client, dialect, (method.clone(), rest), &[], "").await;
            dialect.assert_refusal(&answer, 405);
            assert_eq!(answer.header("allow"), allow, "{} {method} {rest}", dialect.name);
        }
    }
}

#[tokio::test]
async fn only_kinds_of_bodies_that_a_dialect_speaks_are_read() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let before = state(&client).await;
    for dialect in ALL {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded; charset=latin1",
            "multipart/form-data",
            "application/json; charset=utf-16",
            "jsonp",
        ] {
            // Forms of these are read, and held against what a message must have.
            let forms = dialect.name == "public-inbox" || dialect.name == "account";
            if forms
                && ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
                    .contains(&kind)
            {
                continue;
            }
            let answer =
                send(&client, dialect, (Method::POST, MESSAGES), &[("content-type", kind)], "{}")
                    .await;
            dialect.assert_refusal(&answer, 415);
        }
        for coding in ["br", "zstd", "gzip, gzip"] {
            let headers = [JSON, ("content-encoding", coding)];
            let answer = send(&client, dialect, (Method::POST, MESSAGES), &headers, "{}").await;
            dialect.assert_refusal(&answer, 415);
        }
    }
    assert_eq!(state(&client).await, before);
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_however_it_comes() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let before = state(&client).await;
    let most = 1 << 20;
    for dialect in ALL {
        let mut head = format!(
            "POST {}{MESSAGES} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n",
            dialect.conversations
        );
        for (name, value) in dialect.credential {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // Said beforehand: refused without waiting for it.
        let said = format!("{head}content-length: {}\r\n\r\n", most + 1);
        // Said piece by piece: refused when the limit is passed, long before the end.
        let piece = "x".repeat(64 << 10);
        let mut pieces = format!("{head}transfer-encoding: chunked\r\n\r\n");
        for _ in 0..16 {
            pieces.push_str(&format!("{:x}\r\n{piece}\r\n", piece.len()));
        }
        pieces.push_str("1\r\nx\r\n");
        for request in [said, pieces] {
            let answer = raw(gateway.address, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{}: {answer}", dialect.name);
            let body: Value =
                serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            assert!(body.is_object());
        }
    }
    // As long as is allowed is a question of the text's length, not of the body's.
    let body = format!("{}{{}}", " ".repeat(most - 2));
    let answer = send(&client, ACCOUNT, (Method::POST, MESSAGES), &[JSON], body).await;
    ACCOUNT.assert_refusal(&answer, 422);
    assert_eq!(state(&client).await, before);
}

#[tokio::test]
async fn a_state_that_does_not_allow_it_is_said_so() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    // 7 is closed for good.
    for (dialect, rest, body) in [
        (ACCOUNT, "7/messages", json!({ "content": "x" })),
        (ACCOUNT, "7/toggle_status", json!({ "status": "open" })),
        (ACCOUNT, "7/toggle_status", json!({})),
        (BEARER, "7/messages", json!({ "type": "text", "text": { "content": "x" } })),
        (CANONICAL, "7/messages", json!({ "text": "x" })),
    ] {
        dialect.assert_refusal(&dialect.post(&client, rest, &body).await, 422);
    }
    let refused = BEARER.patch(&client, 7, &json!({ "status": "to-do" })).await;
    BEARER.assert_refusal(&refused, 422);
    assert_eq!(CANONICAL.get(&client, 7).await.expect(200).value()["status"], "closed");
}
