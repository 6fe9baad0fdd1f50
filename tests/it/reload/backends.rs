use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Desk, reload, unwatched};
use crate::support::backend::Backend;
use crate::support::desk::{self, ACCOUNT, AGENT, CANONICAL, MESSAGES};
use crate::support::gateway::Gateway;

/// A backend that knows the conversation under another subject.
async fn another() -> Backend {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let mut conversation = desk::conversation();
    conversation["subject"] = json!("of the other one");
    desk::show(&backend, &conversation);
    backend
}

#[tokio::test]
async fn not_one_answer_of_the_old_backend_is_given_after_a_switch() {
    let desk = Desk::new().await;
    desk.mappings.with_subject();
    desk.applied().await;
    let other = another().await;
    let subject = async || {
        let answer = desk.client().get(ACCOUNT, AGENT).await.expect(200);
        (answer.value()["subject"].clone(), answer.header("cache-status").contains("hit"))
    };
    let (old, new) = (desk::conversation()["subject"].clone(), json!("of the other one"));
    assert_eq!(subject().await, (old.clone(), false));
    assert_eq!(subject().await, (old.clone(), true));
    // One question is under way while the backend changes; what it brings is of the old one.
    let flight = format!("{ACCOUNT}/messages");
    desk.backend.hold();
    let client = desk.client();
    let held = tokio::spawn({
        let flight = flight.clone();
        async move { client.get(&flight, AGENT).await }
    });
    desk.backend.wait_for_call(&Method::GET, MESSAGES, 1).await;

    desk.write(&unwatched(&other));
    desk.applied().await;
    assert_eq!(subject().await, (new.clone(), false));
    assert_eq!(subject().await, (new.clone(), true));
    let messages = desk.client().get(&flight, AGENT).await.expect(200);
    assert!(messages.header("cache-status").contains("miss"), "{}", messages.text());
    assert_eq!(other.count(&Method::GET, MESSAGES), 1);
    desk.backend.release();
    held.await.unwrap().expect(200);
    // What landed late is nobody's.
    let messages = desk.client().get(&flight, AGENT).await.expect(200);
    assert!(messages.header("cache-status").starts_with("deskbridge; hit"));
    assert_eq!((desk::reads(&desk.backend), desk::reads(&other)), (1, 1));

    // And back: what was known of it then may be long over.
    desk.write(&unwatched(&desk.backend));
    desk.applied().await;
    assert_eq!(subject().await, (old, false));
}

#[tokio::test]
async fn another_credential_is_another_backend() {
    let desk = Desk::new().await;
    let client = desk.client();
    client.get(ACCOUNT, AGENT).await.expect(200);
    let secret = desk.gateway.folder.path().join("backend.secret");
    std::fs::write(&secret, "rotated\n").unwrap();
    let yaml = unwatched(&desk.backend).replace("${env:BACKEND_TOKEN}", "${file:backend.secret}");
    desk.write(&yaml);
    desk.applied().await;
    let answer = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(answer.header("cache-status").contains("miss"), "{}", answer.text());
    let got = desk.backend.got();
    assert_eq!(got.last().unwrap().headers["authorization"], "Bearer rotated");
}

#[tokio::test]
async fn a_backend_that_is_left_as_it_is_goes_on_with_what_it_knows() {
    let desk = Desk::new().await;
    let client = desk.client();
    let calls = async || {
        let all = desk.gateway.admin().get("/upstreams", &[]).await.expect(200).value();
        all[0]["calls"].as_u64().unwrap_or_else(|| panic!("{all:#}"))
    };
    client.get(ACCOUNT, AGENT).await.expect(200);
    let before = calls().await;
    assert!(before > 0);
    desk.mappings.with_subject();
    desk.applied().await;
    assert_eq!(calls().await, before);
    // With another patience it is asked anew, and what it answered holds.
    let yaml = unwatched(&desk.backend).replace("credential:", "timeout: 9s, credential:");
    desk.write(&yaml);
    desk.applied().await;
    assert_eq!(calls().await, 0);
    let answer = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(answer.header("cache-status").starts_with("deskbridge; hit"), "{}", answer.text());
}

/// A backend that answers one request when it is told to, and then waits for the end of the
/// connection.
#[tokio::test]
async fn the_connections_of_a_backend_that_is_gone_end_with_its_last_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // All longer than the test may take: nothing else ends the connection.
    let more = "reload: { watch: false }\nlimits: { request_timeout: 10m }\n\
                resilience: { attempts: 1, attempt_timeout: 10m }\n";
    let yaml = crate::support::gateway::in_front_of(&address, more);
    let patient = yaml.replace("credential:", "timeout: 10m, pool_idle: 10m, credential:");
    let gateway = Gateway::start(Some(&patient), None).await;
    let client = gateway.client();
    let request =
        tokio::spawn(async move { client.get(&CANONICAL.replace("418", "7"), desk::BEARER).await });
    // Others only look whether the port is open.
    let mut asked = loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        if head(&mut stream).await.contains("conversations/n:7") {
            break stream;
        }
    };
    let other = another().await;
    std::fs::write(gateway.folder.path().join("deskbridge.yaml"), unwatched(&other)).unwrap();
    reload(&gateway.admin()).await.expect(200);
    let body = desk::conversation().to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    asked.write_all(answer.as_bytes()).await.unwrap();
    request.await.unwrap().expect(200);
    let mut rest = Vec::new();
    asked.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

/// The head of a request; empty where none comes.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return String::new();
        }
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn the_sandbox_keeps_what_was_written_into_it() {
    let yaml = "upstreams: { main: { kind: sandbox } }
tenants: { demo: { upstream: main } }
credentials:
  - { name: agent, secret: \"${env:AGENT_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:2\" }
reload: { watch: false }\n";
    let gateway = Gateway::start(Some(yaml), None).await;
    let client = gateway.client();
    let path = "/api/v1/accounts/1/conversations/1/messages";
    let message = json!({ "content": "still here?", "message_type": "outgoing" });
    client.json(Method::POST, path, AGENT, &message).await.expect(200);
    let file = gateway.folder.path().join("deskbridge.yaml");
    std::fs::write(&file, format!("{yaml}telemetry: {{ server_timing: true }}\n")).unwrap();
    let told = reload(&gateway.admin()).await.expect(200).value();
    assert_eq!(told["outcome"], "applied", "{told:#}");
    let messages = client.get(path, AGENT).await.expect(200);
    assert!(!messages.header("server-timing").is_empty());
    assert!(messages.text().contains("still here?"));
}
