//! Servers, and a client that allocates nothing.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves `answer` on a free port, as hyper does by itself.
pub(crate) async fn serve<F, A>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            tokio::spawn(async move {
                let protocol = auto::Builder::new(TokioExecutor::new());
                let _ = protocol.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// A connection that stays open, and a place for its answers.
pub(crate) struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// Where an answer's head ends, and where its body does.
struct Ends {
    head: usize,
    body: usize,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, answer: vec![0; 1 << 20] }
    }

    /// Sends a request and waits for the last byte of its answer. Takes no memory.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Answer<'_> {
        self.stream.write_all(request).await.unwrap();
        let mut read = 0;
        loop {
            read += self.stream.read(&mut self.answer[read..]).await.unwrap();
            if let Some(ends) = ends(&self.answer[..read])
                && ends.body <= read
            {
                assert_eq!(ends.body, read, "more than one answer");
                let (head, body) = self.answer[..read].split_at(ends.head);
                return Answer { head: std::str::from_utf8(head).unwrap(), body };
            }
        }
    }
}

/// An answer as it came.
pub(crate) struct Answer<'a> {
    pub(crate) head: &'a str,
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// A 200, or a panic that shows what it was.
    pub(crate) fn ok(self) -> Self {
        let body = String::from_utf8_lossy(self.body);
        assert!(self.head.starts_with("HTTP/1.1 200 "), "{}{body}", self.head);
        self
    }

    /// Its headers, but those that every hyper server adds by itself.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(name, _)| !matches!(*name, "date" | "content-length"))
    }
}

fn ends(answer: &[u8]) -> Option<Ends> {
    let head = answer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    Some(Ends { head, body: head + length.parse::<usize>().unwrap() })
}
