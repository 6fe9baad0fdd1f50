//! The end: whoever was let in is answered, nobody else is let in.

use deskbridge::server::Drained;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::desk::{self, ACCOUNT, AGENT, CANONICAL};
use crate::support::gateway::{Gateway, in_front_of};
use crate::support::shipped::{Shipped, configuration};

/// A gateway before a backend that holds its answers, and `count` requests under way.
async fn held(backend: &Backend, more: &str, count: usize) -> (Shipped, JoinSet<Option<u16>>) {
    desk::serve(backend);
    let (_folder, file) = configuration(&in_front_of(&backend.address.to_string(), more));
    let gateway = Shipped::start(&["--config", &file]).await;
    backend.hold();
    let mut requests = JoinSet::new();
    for number in 1..=count {
        // Each has a question of its own, so that every one of them is at the backend.
        let path = ACCOUNT.replace("418", &number.to_string());
        backend.tell(
            Method::GET,
            &CANONICAL.replace("418", &number.to_string()),
            200,
            desk::conversation().to_string(),
        );
        let client = gateway.client();
        requests.spawn(async move {
            client.try_send(Method::GET, &path, AGENT, "").await.map(|a| a.status.as_u16())
        });
    }
    backend.wait_for(count).await;
    (gateway, requests)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_under_way_are_answered_before_it_ends() {
    let backend = Backend::start().await;
    let (mut gateway, requests) = held(&backend, "", 100).await;
    let admin: Client = gateway.admin();
    admin.get("/ready", &[]).await.expect(200);
    gateway.terminate();
    gateway.line(|line| line.contains("draining")).await;
    let ready = admin.get("/ready", &[]).await.expect(503).value();
    assert_eq!(ready["ready"], false, "{ready}");
    assert!(ready["checks"]["serving"].as_str().unwrap().contains("drain"), "{ready}");
    admin.get("/serving", &[]).await.expect(503);
    admin.get("/live", &[]).await.expect(200);
    // The listener closes just after it is said.
    while TcpStream::connect(gateway.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    backend.release();
    let statuses = requests.join_all().await;
    assert_eq!(statuses, vec![Some(200); 100]);
    let (code, written) = gateway.ended().await;
    assert_eq!(code, Some(0));
    assert!(written.iter().any(|line| line.contains("\"message\":\"drained\"")), "{written:#?}");
    let accesses =
        written.iter().filter(|l| l.contains("deskbridge::access") && l.contains("\"status\":200"));
    assert_eq!(accesses.count(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_answered_within_the_grace_period_is_cut_off() {
    let backend = Backend::start().await;
    let (gateway, requests) = held(&backend, "limits: { grace: 50ms }\n", 3).await;
    gateway.terminate();
    let statuses = requests.join_all().await;
    assert_eq!(statuses, vec![None; 3]);
    let (code, written) = gateway.ended().await;
    assert_eq!(code, Some(0));
    let line = written.iter().find(|line| line.contains("cut off")).unwrap();
    assert!(line.contains("\"level\":\"warn\"") && line.contains("\"count\":3"), "{line}");
}

#[tokio::test]
async fn an_interrupt_ends_it_as_well_and_nothing_under_way_is_no_wait() {
    let gateway = Shipped::start(&[]).await;
    gateway.signal("INT");
    let (code, _) = gateway.ended().await;
    assert_eq!(code, Some(0));
}

/// A client that keeps its connection open, as every pool does, is no reason to wait.
#[tokio::test]
async fn a_connection_without_a_request_does_not_hold_up_the_end() {
    let gateway = Gateway::sandbox().await;
    let mut idle = TcpStream::connect(gateway.address).await.unwrap();
    let request = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n";
    idle.write_all(request).await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
    assert_eq!(gateway.stop().await, Drained::Clean);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
}
