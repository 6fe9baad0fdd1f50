//! How often a connection reads and writes: each is a system call.

use std::io::{self, IoSlice};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::*;

/// One end of a pipe, which counts what was read from it and written to it.
struct Counting {
    pipe: DuplexStream,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Counts {
    fn taken(&self) -> [usize; 2] {
        [&self.reads, &self.writes].map(|count| count.swap(0, Ordering::Relaxed))
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.pipe).poll_read(cx, into);
        // Where nothing is there, a socket is not asked: it is waited for.
        self.counts.reads.fetch_add(usize::from(read.is_ready()), Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.counts.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// What it gives, and how often it was polled for that.
async fn polls<T>(waited: impl Future<Output = T>) -> (T, usize) {
    let mut waited = pin!(waited);
    let mut polls = 0;
    let given = poll_fn(|cx| {
        polls += 1;
        waited.as_mut().poll(cx)
    });
    let given = given.await;
    (given, polls)
}

#[tokio::test]
async fn a_request_is_one_write_and_an_ordinary_answer_one_read_and_one_wait() {
    let (near, mut far) = tokio::io::duplex(64 << 10);
    let counts = Arc::new(Counts::default());
    let stream = TokioIo::new(Counting { pipe: near, counts: Arc::clone(&counts) });
    let (sender, connection) = http1::handshake(stream).await.unwrap();
    let mut wire = Wire {
        sender,
        connection: Some(Box::pin(connection)),
        alarm: Alarm::new(Duration::ZERO),
        bell: Bell::default(),
    };
    let body = "x".repeat(4_000);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let patience = endless();
    for sent in ["", "{}"] {
        let mut request = Request::new(Sent::Whole(Full::new(sent.into())));
        request.headers_mut().insert("host", http::HeaderValue::from_static("x"));
        let text = answer.clone();
        let backend = tokio::spawn(async move {
            let mut asked = Vec::new();
            while !asked.ends_with(format!("\r\n\r\n{sent}").as_bytes()) {
                assert_ne!(far.read_buf(&mut asked).await.unwrap(), 0);
            }
            far.write_all(text.as_bytes()).await.unwrap();
            far
        });
        let exchange = async {
            let answered = wire.ask(&mut request, &patience).await;
            wire.read(answered.unwrap().into_body(), 8_000, &patience).await.unwrap()
        };
        // Once to send and once for the answer, and neither its own doings nor what it waits for
        // wakes it besides.
        let (read, polled) = polls(exchange).await;
        assert_eq!(polled, 2);
        far = backend.await.unwrap();
        assert_eq!(read, body);
        // What comes next is sent over it, and not before it is ready.
        assert!(wire.sender.is_ready() && wire.connection.is_some());
        assert_eq!(counts.taken(), [1, 1]);
    }
}
