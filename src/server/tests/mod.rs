mod rest;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;

/// A listener on a port of its own, whose service answers `ok`, or, under `/held`, when told.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
    release: Arc<Notify>,
    asked: Arc<AtomicUsize>,
    peers: Arc<Peers>,
}

async fn served(params: Params) -> Served {
    served_as(watch::channel(params).1).await
}

/// With parameters that may change.
async fn served_as(params: watch::Receiver<Params>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let release = Arc::new(Notify::new());
    let asked = Arc::new(AtomicUsize::new(0));
    let make = {
        let (release, asked) = (Arc::clone(&release), Arc::clone(&asked));
        move |peer: SocketAddr| {
            assert!(peer.ip().is_loopback());
            let (release, asked) = (Arc::clone(&release), Arc::clone(&asked));
            tower::service_fn(move |request: http::Request<RequestBody>| {
                let (release, asked) = (Arc::clone(&release), Arc::clone(&asked));
                async move {
                    asked.fetch_add(1, Ordering::SeqCst);
                    if request.uri().path() == "/held" {
                        release.notified().await;
                    }
                    Ok(http::Response::new(Full::new(Bytes::from_static(b"ok"))))
                }
            })
        }
    };
    let peers = Arc::<Peers>::default();
    let counted = Arc::clone(&peers);
    let ended = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        serve(listener, make, stopped, params, &counted).await
    });
    Served { address, stop, ended, release, asked, peers }
}

impl Served {
    async fn until_asked(&self, times: usize) {
        while self.asked.load(Ordering::SeqCst) < times {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()
}

/// Reads until the peer closes; everything must happen well within the test's patience.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = stream.read_to_end(&mut all);
    let _ = tokio::time::timeout(Duration::from_secs(10), read).await.expect("closed in time");
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads one answer to its known last bytes.
async fn answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    while !all.ends_with(b"ok") {
        assert_ne!(stream.read_buf(&mut all).await.unwrap(), 0);
    }
    String::from_utf8(all).unwrap()
}

fn quick() -> Params {
    Params {
        header_timeout: Duration::from_millis(150),
        idle_timeout: Duration::from_millis(600),
        ..Params::default()
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_after_the_shutdown_began() {
    let served = served(Params::default()).await;
    let mut held = TcpStream::connect(served.address).await.unwrap();
    held.write_all(&get("/held")).await.unwrap();
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(&get("/")).await.unwrap();
    answer(&mut idle).await;
    served.until_asked(2).await;

    served.stop.send(()).unwrap();
    // What is idle ends at once, and nobody new gets in.
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(served.address).await.is_err());
    assert!(!served.ended.is_finished());
    served.release.notify_one();

    let answer = rest(&mut held).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    assert_eq!(served.ended.await.unwrap(), Drained::Clean);
}

#[tokio::test]
async fn what_outlives_the_grace_period_is_cut_off() {
    let served = served(Params { grace: Duration::from_millis(50), ..Params::default() }).await;
    let mut held = TcpStream::connect(served.address).await.unwrap();
    held.write_all(&get("/held")).await.unwrap();
    served.until_asked(1).await;

    served.stop.send(()).unwrap();

    assert_eq!(served.ended.await.unwrap(), Drained::CutOff(1));
    assert_eq!(rest(&mut held).await, "");
}

#[tokio::test]
async fn a_silent_peer_is_cut_off() {
    let served = served(quick()).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(served.peers.refused(Refusal::Silent), 1);
}

#[tokio::test]
async fn a_peer_that_never_ends_its_head_is_cut_off() {
    let served = served(quick()).await;
    // The second also hides behind the first letters of HTTP/2's preface.
    for begun in ["GET / HTTP/1.1\r\nHost: x\r\nA: ", "PRI * HT"] {
        let mut slow = TcpStream::connect(served.address).await.unwrap();
        slow.write_all(begun.as_bytes()).await.unwrap();
        rest(&mut slow).await;
    }
    assert_eq!(served.peers.refused(Refusal::SlowHead), 1);
    assert_eq!(served.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_limit_of_a_head_and_not_its_own() {
    let served = served(quick()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(&get("/")).await.unwrap();
    answer(&mut stream).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.write_all(&get("/")).await.unwrap();
    answer(&mut stream).await;
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(served.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_request_in_flight_is_not_idle() {
    let served = served(quick()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(&get("/held")).await.unwrap();
    served.until_asked(1).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    served.release.notify_one();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_oversized_head_is_refused() {
    let served = served(Params::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(200_000));
    // The answer may come before everything is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 431");
    assert_eq!(served.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn beyond_the_most_connections_the_next_waits_for_a_place() {
    let served = served(Params { max_connections: 1, ..Params::default() }).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first.write_all(&get("/")).await.unwrap();
    answer(&mut first).await;
    let mut second = TcpStream::connect(served.address).await.unwrap();
    second.write_all(&get("/")).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), second.readable()).await;
    assert!(early.is_err());
    drop(first);
    assert!(answer(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn http2_is_served_on_the_same_port_and_drained_too() {
    let served = served(quick()).await;
    let stream = TcpStream::connect(served.address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = |path: &str| {
        let uri = format!("http://x{path}");
        http::Request::get(uri).body(Full::<Bytes>::default()).unwrap()
    };
    let response = client.send_request(request("/")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    // Longer than a head may take: between requests that limit does not count.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = tokio::spawn(client.send_request(request("/held")));
    served.until_asked(2).await;
    served.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    served.release.notify_one();
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    assert_eq!(served.ended.await.unwrap(), Drained::Clean);
    drop(client);
    let _ = connection.await;
}

#[tokio::test]
async fn limits_that_change_hold_for_who_comes() {
    let params = Params { max_connections: 1, ..Params::default() };
    let (change, params) = watch::channel(params);
    let served = served_as(params).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first.write_all(&get("/")).await.unwrap();
    answer(&mut first).await;
    // Accepted by the kernel alone, until there is a place.
    let mut second = TcpStream::connect(served.address).await.unwrap();
    second.write_all(&get("/")).await.unwrap();
    change.send_modify(|params| *params = Params { max_connections: 2, ..quick() });
    answer(&mut second).await;
    // It lives by the new limits and is cut off; the first one lives by the old ones.
    assert_eq!(rest(&mut second).await, "");
    first.write_all(&get("/")).await.unwrap();
    answer(&mut first).await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let params = Params { grace: Duration::from_secs(10), ..quick() };
    let (_params, params) = watch::channel(params);
    let much = Bytes::from(vec![b'x'; 64 * 1024 * 1024]);
    let make = move |_| {
        let much = much.clone();
        tower::service_fn(move |_: http::Request<RequestBody>| {
            let much = much.clone();
            async move { Ok::<_, Infallible>(http::Response::new(Full::new(much))) }
        })
    };
    let ended = tokio::spawn(async move {
        let peers = Arc::default();
        let stopped = async { drop(stopped.await) };
        let drained = serve(listener, make, stopped, params, &peers).await;
        (drained, peers.refused(Refusal::Stalled))
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&get("/")).await.unwrap();
    stream.readable().await.unwrap();
    stop.send(()).unwrap();
    // It would take for ever, but for the limit.
    let ended = tokio::time::timeout(Duration::from_secs(8), ended).await.unwrap();
    assert_eq!(ended.unwrap(), (Drained::Clean, 1));
}

#[tokio::test]
async fn an_http2_stream_that_opens_no_window_is_cut_off() {
    let served = served(quick()).await;
    let stream = TcpStream::connect(served.address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    // A window of nothing: the head of the answer comes, its body never.
    let (mut client, connection) = hyper::client::conn::http2::Builder::new(executor)
        .initial_stream_window_size(0)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("http://x/").body(Full::<Bytes>::default()).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = tokio::time::timeout(Duration::from_secs(10), response.into_body().collect());
    assert!(body.await.expect("cut off").is_err());
    let _ = connection.await;
}

#[tokio::test]
async fn a_peer_that_takes_its_answer_slowly_gets_all_of_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let params = watch::channel(Params { idle_timeout: Duration::from_secs(1), ..quick() }).1;
    let much = Bytes::from(vec![b'x'; 24 * 1024 * 1024]);
    let length = much.len();
    let make = move |_| {
        let much = much.clone();
        tower::service_fn(move |_: http::Request<RequestBody>| {
            let much = much.clone();
            async move { Ok::<_, Infallible>(http::Response::new(Full::new(much))) }
        })
    };
    tokio::spawn(async move {
        serve(listener, make, std::future::pending(), params, &Arc::default()).await
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&get("/")).await.unwrap();
    // Longer than a connection may be idle, and never as long without taking something.
    let (mut taken, mut piece) = (0, vec![0; 4 * 1024 * 1024]);
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        taken += stream.read_exact(&mut piece).await.unwrap();
    }
    let mut rest = Vec::new();
    while taken + rest.len() < length {
        assert_ne!(stream.read_buf(&mut rest).await.unwrap(), 0, "cut off");
    }
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let served = served(Params { max_connections_per_address: 2, ..Params::default() }).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    let mut second = TcpStream::connect(served.address).await.unwrap();
    for stream in [&mut first, &mut second] {
        stream.write_all(&get("/")).await.unwrap();
        answer(stream).await;
    }
    let mut third = TcpStream::connect(served.address).await.unwrap();
    assert_eq!(rest(&mut third).await, "");
    assert_eq!(served.peers.refused(Refusal::Address), 1);
    assert_eq!((served.peers.open(), served.peers.accepted()), (2, 3));
    // A proxy is many clients.
    drop(served);
    let proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let params = Params { max_connections_per_address: 1, proxies, ..Params::default() };
    let served = self::served(params).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(&get("/")).await.unwrap();
        answer(&mut stream).await;
        kept.push(stream);
    }
    assert_eq!(served.peers.refused(Refusal::Address), 0);
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read() {
    let served = served(Params::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let two =
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
        0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(&get("/")).await.unwrap();
    answer(&mut stream).await;
    stream.write_all(two).await.unwrap();
    let told = rest(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    assert_eq!(told.matches("HTTP/1.1").count(), 1);
    assert_eq!(served.asked.load(Ordering::SeqCst), 1);
    assert_eq!(served.peers.refused(Refusal::Framing), 1);
}

#[tokio::test]
async fn an_answer_before_the_body_was_sent_keeps_the_connection() {
    let served = served(Params::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n").await.unwrap();
    answer(&mut stream).await;
    // The service has long answered, as it does where a credential is missing.
    stream.write_all(b"twelve bytes").await.unwrap();
    stream.write_all(&get("/")).await.unwrap();
    answer(&mut stream).await;
    assert_eq!(served.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_body_too_long_to_be_read_for_nothing_ends_the_connection() {
    let served = served(Params::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 1 << 30);
    stream.write_all(head.as_bytes()).await.unwrap();
    answer(&mut stream).await;
    let piece = vec![b'x'; 64 * 1024];
    // Far less than was announced is taken.
    let sent = async { while stream.write_all(&piece).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), sent).await.expect("cut off");
}
