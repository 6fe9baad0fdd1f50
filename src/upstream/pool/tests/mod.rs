//! The connections, over loopback; and what one of them reads and writes, counted.

mod counted;

use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const PATIENCE: Duration = Duration::from_secs(4);

/// A pool, and a backend that answers with the number of the connection. `/close` closes it
/// behind the answer, `/cut` instead of it; `/pieces` takes its time over an answer of no known
/// length.
struct Both {
    pool: Pool,
    accepted: Arc<AtomicUsize>,
}

async fn both() -> Both {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answers(stream, counted.fetch_add(1, Ordering::SeqCst)));
        }
    });
    let pool = Pool::new(Connector::new(None, PATIENCE), origin, PATIENCE);
    Both { pool, accepted }
}

async fn answers(mut stream: TcpStream, number: usize) {
    let mut asked = Vec::new();
    loop {
        while !asked.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let path = String::from_utf8(std::mem::take(&mut asked)).unwrap();
        let path = path.split(' ').nth(1).unwrap().to_owned();
        if path == "/cut" {
            return;
        }
        let answer = if path == "/pieces" {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n";
            stream.write_all(head).await.unwrap();
            tokio::task::yield_now().await;
            "4\r\ncdef\r\n0\r\n\r\n".to_owned()
        } else {
            format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}")
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        if path == "/close" {
            return;
        }
        if path == "/stray" {
            // When its answer was read.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let stray = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray";
            stream.write_all(stray).await.unwrap();
        }
    }
}

fn endless() -> Patience {
    Patience::endless(Instant::now())
}

impl Both {
    async fn send(&self, path: &str) -> Result<(Wire, Incoming), Failure> {
        let mut request = Request::new(Sent::Whole(Full::default()));
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert("host", http::HeaderValue::from_static("x"));
        let (wire, answer) = self.pool.send(&mut request, &endless()).await?;
        Ok((wire, answer.into_body()))
    }

    /// What is answered, once the connection waits again.
    async fn ask(&self, path: &str) -> String {
        let (wire, body) = self.send(path).await.unwrap();
        self.end(wire, body).await
    }

    async fn end(&self, mut wire: Wire, body: Incoming) -> String {
        let body = wire.read(body, 64, &endless()).await.unwrap();
        self.pool.keep(wire, Instant::now()).await;
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn waiting(&self) -> usize {
        self.pool.0.waiting().wires.len()
    }
}

#[tokio::test]
async fn the_one_that_was_used_last_is_taken_first() {
    let both = both().await;
    let (first, second) = (both.send("/").await.unwrap(), both.send("/").await.unwrap());
    assert_eq!(both.end(second.0, second.1).await, "1");
    assert_eq!(both.end(first.0, first.1).await, "0");
    assert_eq!(both.waiting(), 2);
    for _ in 0..3 {
        assert_eq!(both.ask("/").await, "0");
    }
    assert_eq!(both.accepted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_waits_too_long_is_closed_and_what_does_not_is_kept() {
    let both = both().await;
    let (first, second) = (both.send("/").await.unwrap(), both.send("/").await.unwrap());
    both.end(first.0, first.1).await;
    // Between requests nothing but time passes.
    tokio::time::pause();
    let pass = async |time| {
        tokio::time::advance(time).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    };
    let half = PATIENCE / 2 + Duration::from_millis(10);
    // Whoever closes the old ones has begun.
    pass(Duration::ZERO).await;
    pass(half).await;
    both.pool.keep(second.0, Instant::now()).await;
    for (waiting, watched) in [(1, true), (0, false)] {
        assert_ne!(both.waiting(), waiting);
        pass(half).await;
        let now = both.pool.0.waiting();
        assert_eq!((now.wires.len(), now.watched), (waiting, watched));
    }
    tokio::time::resume();
    assert_eq!(both.ask("/").await, "2");
    assert_eq!((both.waiting(), both.pool.0.waiting().watched), (1, true));
}

#[tokio::test]
async fn one_that_the_backend_closed_costs_a_new_one_and_no_error() {
    let both = both().await;
    for number in ["0", "1", "2"] {
        assert_eq!(both.ask("/close").await, number);
        // Until the news is here.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(both.ask("/").await, "3");
}

/// Else every answer over it would be somebody else's.
#[tokio::test]
async fn one_that_says_what_nobody_asked_for_costs_a_new_one() {
    let both = both().await;
    assert_eq!(both.ask("/stray").await, "0");
    // Until it is written, and until the news of it is here.
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(both.ask("/").await, "1");
    assert_eq!(both.accepted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_request_is_an_error_and_is_gone() {
    let both = both().await;
    for accepted in [1, 2] {
        let broken = both.send("/cut").await.unwrap_err();
        assert!(matches!(broken, Failure::Broken(_)), "{broken:?}");
        assert_eq!(both.accepted.load(Ordering::SeqCst), accepted);
    }
    // Used before, and broken after something was written: nothing is sent twice.
    both.ask("/").await;
    assert!(matches!(both.send("/cut").await.unwrap_err(), Failure::Broken(_)));
    assert_eq!((both.accepted.load(Ordering::SeqCst), both.waiting()), (3, 0));
}

#[tokio::test]
async fn an_answer_in_pieces_is_gathered_and_one_that_is_too_large_is_refused() {
    let both = both().await;
    assert_eq!(both.ask("/pieces").await, "abcdef");
    assert_eq!((both.ask("/").await.as_str(), both.waiting()), ("0", 1));
    for (path, most) in [("/pieces", 5), ("/", 0)] {
        let (mut wire, body) = both.send(path).await.unwrap();
        let refused = wire.read(body, most, &endless()).await.unwrap_err();
        assert!(matches!(refused, Failure::TooLarge(m) if m == most), "{refused:?}");
        // What is left of the answer is not the start of another one.
        both.pool.keep(wire, Instant::now()).await;
        assert_eq!(both.ask("/").await.len(), 1);
    }
}

#[tokio::test]
async fn one_that_runs_by_itself_is_kept_when_the_answer_was_read_and_closed_when_it_was_not() {
    use http_body_util::BodyExt as _;
    let both = both().await;
    let (wire, body) = both.send("/pieces").await.unwrap();
    both.pool.lend(wire);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "abcdef");
    while both.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(both.ask("/").await, "0");
    let (wire, body) = both.send("/pieces").await.unwrap();
    both.pool.lend(wire);
    drop(body);
    assert_eq!(both.ask("/").await, "1");
}
