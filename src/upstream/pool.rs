//! Connections to one backend, and those of them that wait for the next request.
//!
//! Whoever asks moves its connection forward itself: the task that waits for an answer is the one
//! that the socket wakes, and no other task stands between them. A connection that waits for the next
//! request is moved by nobody; that the backend closed it is seen when it is taken, before anything is
//! written to it. The one that was used last is taken first, so that those that are not needed get old.
//!
//! A pool that comes with hyper has a task for each connection, and channels to it; what they cost is
//! in `docs/decisions/0007-connections-to-backends.md`.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::upstream::client::Failure;
use crate::upstream::connect::Connector;
use crate::upstream::sent::Sent;

/// Most bytes of an answer's head.
const MOST_HEAD: usize = 64 << 10;
/// Most headers of an answer.
const MOST_HEADERS: usize = 100;
/// As much memory is taken at once for an answer that says how long it will be.
const TRUSTED: usize = 1 << 20;

/// The connections.
#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connector: Connector,
    origin: Uri,
    protocol: http1::Builder,
    /// So long one waits.
    patience: Duration,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Since when, the longest first.
    wires: Vec<(Instant, Wire)>,
    /// Somebody closes those that get old.
    watched: bool,
}

/// A connection with nobody else's request on it.
#[derive(Debug)]
pub(super) struct Wire {
    sender: http1::SendRequest<Sent>,
    /// `None` once it is closed.
    connection: Option<Pin<Box<Connection>>>,
}

type Connection = http1::Connection<MaybeHttpsStream<TokioIo<TcpStream>>, Sent>;

impl Pool {
    /// Connections to `origin`, of which those that are not used are kept for `patience`.
    pub(super) fn new(connector: Connector, origin: Uri, patience: Duration) -> Self {
        let mut protocol = http1::Builder::new();
        protocol.max_buf_size(MOST_HEAD).max_headers(MOST_HEADERS);
        let waiting = Mutex::default();
        Self(Arc::new(Inner { connector, origin, protocol, patience, waiting }))
    }

    /// Sends a request and waits for the head of its answer. Where a connection that had waited turns
    /// out to be closed before anything was written to it, another one is taken.
    pub(super) async fn send(
        &self,
        request: &mut Request<Sent>,
    ) -> Result<(Wire, Response<Incoming>), Failure> {
        loop {
            let waited = self.0.take();
            let is_new = waited.is_none();
            let mut wire = match waited {
                Some(wire) => wire,
                // Boxed: mostly one has waited.
                None => Box::pin(self.0.connect()).await?,
            };
            let mut answered = pin!(wire.sender.try_send_request(std::mem::take(request)));
            let answered = poll_fn(|cx| {
                wire.drive(cx);
                answered.as_mut().poll(cx)
            });
            match answered.await {
                Ok(answer) => return Ok((wire, answer)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !is_new => *request = unsent,
                    _ => return Err(Failure::Broken(error.into_error().into())),
                },
            }
        }
    }

    /// Lets a connection run by itself until whoever has its answer's body has read it, and keeps it
    /// then; where the body was dropped before its end, it is closed.
    pub(super) fn lend(&self, mut wire: Wire) {
        let pool = self.clone();
        tokio::spawn(async move {
            let over = poll_fn(|cx| {
                wire.drive(cx);
                if wire.connection.is_none() {
                    Poll::Ready(())
                } else {
                    wire.sender.poll_ready(cx).map(drop)
                }
            });
            over.await;
            pool.keep(wire).await;
        });
    }

    /// Keeps a connection whose answer was read, for the next request; unless one of its ends closed
    /// it.
    pub(super) async fn keep(&self, mut wire: Wire) {
        if !wire.sender.is_ready() {
            poll_fn(|cx| {
                wire.drive(cx);
                Poll::Ready(())
            })
            .await;
        }
        if wire.connection.is_none() || !wire.sender.is_ready() {
            return;
        }
        let mut waiting = self.0.waiting();
        waiting.wires.push((Instant::now(), wire));
        if !std::mem::replace(&mut waiting.watched, true) {
            tokio::spawn(close_the_old(Arc::downgrade(&self.0), self.0.patience));
        }
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that waited. Whether the backend has closed it is seen when it is moved, which looks for
    /// something to read before it writes.
    fn take(&self) -> Option<Wire> {
        loop {
            let (since, wire) = self.waiting().wires.pop()?;
            if since.elapsed() < self.patience && wire.sender.is_ready() {
                return Some(wire);
            }
        }
    }

    async fn connect(&self) -> Result<Wire, Failure> {
        let stream = self.connector.clone().oneshot(self.origin.clone()).await;
        let made = self.protocol.handshake(stream.map_err(Failure::Connect)?).await;
        let (sender, connection) = made.map_err(|error| Failure::Broken(error.into()))?;
        Ok(Wire { sender, connection: Some(Box::pin(connection)) })
    }
}

/// Closes what has waited too long, while anything waits.
async fn close_the_old(pool: Weak<Inner>, patience: Duration) {
    let mut pause = patience;
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        let now = Instant::now();
        let mut waiting = pool.waiting();
        let old = waiting.wires.partition_point(|(since, _)| *since + patience <= now);
        let old: Vec<_> = waiting.wires.drain(..old).collect();
        match waiting.wires.first() {
            Some((since, _)) => pause = (*since + patience).saturating_duration_since(now),
            None => waiting.watched = false,
        }
        let ends = !waiting.watched;
        drop(waiting);
        // To close is a system call each, and nobody waits for it.
        drop(old);
        if ends {
            return;
        }
    }
}

impl Wire {
    /// Moves the connection as far forward as it goes.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && connection.as_mut().poll(cx).is_ready()
        {
            // What became of the request is told to whoever waits for its answer when the connection
            // is dropped, at the latest.
            self.connection = None;
        }
    }

    /// Reads the whole body of the answer that came over it.
    pub(super) async fn read(&mut self, mut body: Incoming, most: usize) -> Result<Bytes, Failure> {
        let expected = body.size_hint().lower();
        if expected > most as u64 {
            return Err(Failure::TooLarge(most));
        }
        let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
        loop {
            let frame = poll_fn(|cx| {
                let frame = Pin::new(&mut body).poll_frame(cx);
                if frame.is_ready() {
                    return frame;
                }
                self.drive(cx);
                Pin::new(&mut body).poll_frame(cx)
            });
            let Some(frame) = frame.await else { break };
            let frame = frame.map_err(|error| Failure::Cut(error.into()))?;
            // Trailers say nothing that is asked for.
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > most.saturating_sub(first.len().max(whole.len())) {
                return Err(Failure::TooLarge(most));
            }
            if first.is_empty() && whole.is_empty() {
                first = data;
                // Mostly the only one.
                if body.is_end_stream() {
                    break;
                }
                continue;
            }
            if whole.is_empty() {
                // No more than a few pieces are taken on the backend's word.
                let told = usize::try_from(expected).unwrap_or(most).min(TRUSTED);
                whole.reserve(told.max(first.len() + data.len()));
                whole.extend_from_slice(&first);
                first = Bytes::new();
            }
            whole.extend_from_slice(&data);
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }
}

#[cfg(test)]
mod tests {
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
        }
    }

    impl Both {
        async fn send(&self, path: &str) -> Result<(Wire, Incoming), Failure> {
            let mut request = Request::new(Sent::Whole(Full::default()));
            *request.uri_mut() = path.parse().unwrap();
            request.headers_mut().insert("host", http::HeaderValue::from_static("x"));
            let (wire, answer) = self.pool.send(&mut request).await?;
            Ok((wire, answer.into_body()))
        }

        /// What is answered, once the connection waits again.
        async fn ask(&self, path: &str) -> String {
            let (wire, body) = self.send(path).await.unwrap();
            self.end(wire, body).await
        }

        async fn end(&self, mut wire: Wire, body: Incoming) -> String {
            let body = wire.read(body, 64).await.unwrap();
            self.pool.keep(wire).await;
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
        both.pool.keep(second.0).await;
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
            let refused = wire.read(body, most).await.unwrap_err();
            assert!(matches!(refused, Failure::TooLarge(m) if m == most), "{refused:?}");
            // What is left of the answer is not the start of another one.
            both.pool.keep(wire).await;
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
}
