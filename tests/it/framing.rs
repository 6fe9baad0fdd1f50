//! What may be read in two ways is read in none: a table of requests over raw sockets, each refused
//! with its connection closed, or let through as the one request it is. Behind every request there
//! is another, so that a body's end in the wrong place shows.

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::backend::Backend;
use crate::support::client::raw;
use crate::support::dialects::{ACCOUNT, BEARER, PUBLIC};
use crate::support::gateway::{Gateway, in_front_of};

#[derive(Deserialize)]
struct Case {
    name: String,
    request: String,
    /// The statuses that come, in their order.
    answers: Vec<u16>,
    /// Whether nothing behind it is answered.
    closed: bool,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&crate::support::text("tests/fixtures/http/framing.json")).unwrap()
}

fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.match_indices("HTTP/1.1 ").map(|(at, mark)| &answer[at + mark.len()..]);
    lines.map(|rest| rest[..3].parse().unwrap()).collect()
}

#[tokio::test]
async fn every_request_of_the_table_is_refused_or_is_the_one_it_is() {
    let gateway = Gateway::sandbox().await;
    let address = format!("{}1", PUBLIC.conversations);
    let next = format!("GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut wrong = Vec::new();
    for case in cases() {
        let request = case.request.replace("{address}", &address) + &next;
        let answer = raw(gateway.address, request.as_bytes()).await;
        let found = statuses(&answer);
        // What is refused may be cut off before the refusal is read: it was still writing.
        let cut = case.closed && found.is_empty() && request.len() > 10_000;
        if found != case.answers && !cut {
            wrong.push(format!("{}: {found:?}, not {:?}", case.name, case.answers));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let refused = gateway.metric("deskbridge_connections_refused_total", &[("reason", "framing")]);
    assert!(refused.await > 10.0);
}

#[tokio::test]
async fn a_request_is_the_same_in_whatever_pieces_it_comes() {
    let gateway = Gateway::sandbox().await;
    let address = format!("{}1", PUBLIC.conversations);
    let named = |name: &str| cases().into_iter().find(|case| case.name == name).unwrap();
    let next = format!("GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    for name in ["chunks, spelt otherwise", "both lengths, the codings last"] {
        let case = named(name);
        let request = case.request.replace("{address}", &address) + &next;
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in request.as_bytes() {
            // The refused one is closed at some point.
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let found = statuses(&String::from_utf8_lossy(&answer));
        let cut = case.closed && found.is_empty();
        assert!(found == case.answers || cut, "{name}: {found:?}");
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_is_not_waited_for() {
    let backend = Backend::start().await;
    let more = "limits: { body_timeout: 100ms }\n";
    let gateway = Gateway::configured(&in_front_of(&backend.address.to_string(), more)).await;
    for dialect in [ACCOUNT, BEARER] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let mut head = format!("POST {}1/messages HTTP/1.1\r\n", dialect.conversations);
        for (name, value) in dialect.credential {
            head += &format!("{name}: {value}\r\n");
        }
        head += "Host: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"con";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 408", "{}", dialect.name);
    }
    assert!(backend.got().iter().all(|got| got.method == http::Method::GET));
}
