//! Connections without a request, over streams that note how they are read and written. Time is paused.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream;
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use super::*;

/// What became of a stream.
#[derive(Debug, Default)]
struct Notes {
    /// Reads and writes that moved something; each is a call of the system, over a socket.
    reads: AtomicUsize,
    writes: AtomicUsize,
    /// Room that the last one who asked had for what comes.
    room: AtomicUsize,
}

struct Noting<T>(T, Arc<Notes>);

impl<T: AsyncRead + Unpin> AsyncRead for Noting<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.room.store(buffer.remaining(), Ordering::SeqCst);
        let poll = Pin::new(&mut self.0).poll_read(cx, buffer);
        // A read that fills its room is followed by one that finds nothing.
        let calls = 1 + usize::from(buffer.remaining() == 0);
        self.1.reads.fetch_add(if poll.is_ready() { calls } else { 0 }, Ordering::SeqCst);
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Noting<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

type Pieces = StreamBody<Pin<Box<dyn futures_util::Stream<Item = Piece> + Send>>>;
type Piece = Result<Frame<Bytes>, Infallible>;

/// One connection to a service: `/slow` answers `ok` in two pieces, the second of them half
/// a minute later; `/unread` answers and leaves the request's body alone.
struct One<T> {
    client: T,
    notes: Arc<Notes>,
    peers: Arc<Peers>,
    drain: watch::Sender<bool>,
    ended: JoinHandle<()>,
}

fn one<T>(client: T, server: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> One<T> {
    let (notes, peers) = (Arc::<Notes>::default(), Arc::<Peers>::default());
    let (drain, draining) = watch::channel(false);
    let service = tower::service_fn(move |request: http::Request<RequestBody>| async move {
        let slow = request.uri().path() == "/slow";
        let second = async move {
            if slow {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            Ok(Frame::data(Bytes::from_static(b"k")))
        };
        let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"o")))]);
        let pieces = futures_util::StreamExt::chain(first, stream::once(second));
        let pieces: Pieces = StreamBody::new(Box::pin(pieces));
        let mut answer = http::Response::new(pieces);
        answer.headers_mut().insert("content-length", http::HeaderValue::from_static("2"));
        Ok::<_, Infallible>(answer)
    });
    let served = Connections::new(&Params::default()).serve(
        Noting(server, Arc::clone(&notes)),
        service,
        Arc::clone(&peers),
        draining,
    );
    One { client, notes, peers, drain, ended: tokio::spawn(served) }
}

impl<T: AsyncRead + AsyncWrite + Unpin> One<T> {
    async fn ask(&mut self, request: &[u8], answers: usize) -> String {
        self.client.write_all(request).await.unwrap();
        let mut all = Vec::new();
        while String::from_utf8_lossy(&all).matches("\r\n\r\nok").count() < answers {
            assert_ne!(self.client.read_buf(&mut all).await.unwrap(), 0, "{all:?}");
        }
        String::from_utf8(all).unwrap()
    }

    /// Whether there is no more than a first look for it: hyper would have a buffer.
    async fn rests(&self) -> bool {
        tokio::time::sleep(Duration::from_millis(600)).await;
        self.notes.room.load(Ordering::SeqCst) < 8192
    }
}

fn paused() -> One<DuplexStream> {
    let (client, server) = duplex(1 << 20);
    one(client, server)
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_rests_and_wakes_as_often_as_it_likes() {
    let mut one = paused();
    let post = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\r\n";
    let chunked = b"POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let two = [get("/"), get("/")].concat();
    for (request, answers) in
        [(&get("/")[..], 1), (&two, 2), (post, 1), (&get("/slow"), 1), (chunked, 1), (&two, 2)]
    {
        one.ask(request, answers).await;
        assert!(one.notes.room.load(Ordering::SeqCst) >= 8192, "hyper has it");
        assert!(one.rests().await, "{:?}", String::from_utf8_lossy(request));
    }
    // Beginning to ask is as good as ever, and ended as ever.
    one.client.write_all(b"GET / HT").await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(!one.ended.is_finished());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(one.ended.is_finished());
    assert_eq!(one.peers.refused(Refusal::SlowHead), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_anything_under_way_does_not_rest() {
    let mut one = paused();
    // The service has answered, and half of the answer is sent.
    one.client.write_all(&get("/slow")).await.unwrap();
    assert!(!one.rests().await);
    assert!(one.ask(b"", 1).await.ends_with("\r\n\r\nok"));
    assert!(one.rests().await);
    // A body is to come; then a head.
    for begun in
        ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na", "bcGET / HTTP/1.1\r\n"]
    {
        one.client.write_all(begun.as_bytes()).await.unwrap();
        assert!(!one.rests().await, "{begun}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resting_connection_ends_when_told_and_when_its_time_is_over() {
    for told in [true, false] {
        let mut one = paused();
        one.ask(&get("/"), 1).await;
        assert!(one.rests().await);
        if told {
            one.drain.send(true).unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        } else {
            tokio::time::sleep(Duration::from_secs(73)).await;
            assert!(!one.ended.is_finished());
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        assert!(one.ended.is_finished(), "{told}");
        assert_eq!(one.client.read(&mut [0]).await.unwrap(), 0);
        // Nobody was refused anything.
        assert!(Refusal::ALL.iter().all(|reason| one.peers.refused(*reason) == 0));
    }
}

/// Each time it takes something before its patience is over, and all the same it is not worth the
/// memory of an answer.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_an_answer_by_the_byte_is_cut_off() {
    let (client, server) = duplex(16);
    let mut one = one(client, server);
    one.client.write_all(&get("/")).await.unwrap();
    let mut taken = 0;
    while !one.ended.is_finished() {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut piece = [0; 8];
        taken += one.client.read(&mut piece).await.unwrap();
        assert!(taken < 48, "{taken}");
    }
    assert_eq!(one.peers.refused(Refusal::Stalled), 1);
}

/// How often a connection is looked at until an answer is written that is at hand, or is not.
async fn looked_at(at_hand: bool) -> u32 {
    let (mut client, server) = duplex(1 << 20);
    let notes = Arc::<Notes>::default();
    let service = tower::service_fn(move |_: http::Request<RequestBody>| async move {
        if !at_hand {
            tokio::task::yield_now().await;
        }
        Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
    });
    let (_drain, draining) = watch::channel(false);
    let stream = Noting(server, Arc::clone(&notes));
    let connections = Connections::new(&Params::default());
    let mut served = Box::pin(connections.serve(stream, service, Arc::default(), draining));
    client.write_all(&get("/")).await.unwrap();
    let mut looked = 0;
    while notes.writes.load(Ordering::SeqCst) == 0 {
        assert!(futures_util::poll!(&mut served).is_pending());
        looked += 1;
    }
    looked
}

/// What was waited for is written together with what others have waited for, where that is much. What
/// was at hand is written where its request was read.
#[tokio::test]
async fn what_is_at_hand_waits_for_nobody_elses_turn() {
    // All in one turn, as nobody tells that it is over.
    let mut waited = 0;
    for _ in 0..16 {
        waited = looked_at(false).await;
    }
    assert_eq!((waited, looked_at(true).await), (3, 1));
}

#[tokio::test]
async fn a_request_is_one_read_and_its_answer_one_write() {
    const REQUESTS: usize = 64;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let mut one = one(client, server);
    for _ in 0..REQUESTS {
        one.ask(&get("/"), 1).await;
    }
    let calls = (&one.notes.reads, &one.notes.writes);
    assert_eq!(calls.0.load(Ordering::SeqCst), REQUESTS);
    assert_eq!(calls.1.load(Ordering::SeqCst), REQUESTS);
}
