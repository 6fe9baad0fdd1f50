//! One connection: requests in, answers out, and what is done to them. HTTP/1.1 by hand, because no
//! server library would send half of what it promised.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use deskbridge::mapping::law::rng::Rng;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fault::{At, Fault, What};
use super::{Busy, Seen, State};

/// Most bytes of a head.
const MOST: usize = 64 << 10;

struct Head {
    method: Method,
    target: String,
    headers: HeaderMap,
}

/// An answer in memory.
struct Whole {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// What comes after a request.
enum Then {
    Next,
    Close,
    Reset,
}

/// Serves a connection to its end.
pub(super) async fn converse(stream: &mut TcpStream, state: &State) {
    let mut read = BytesMut::new();
    while let Some(head) = head(stream, &mut read).await {
        let _busy = Busy::new(state);
        match exchange(stream, &mut read, state, head).await {
            Some(Then::Next) => {}
            Some(Then::Reset) => {
                let _ = stream.set_zero_linger();
                return;
            }
            Some(Then::Close) | None => return,
        }
    }
}

/// `None`: the client is gone, or it is not HTTP.
async fn exchange(
    stream: &mut TcpStream,
    read: &mut BytesMut,
    state: &State,
    head: Head,
) -> Option<Then> {
    let (fault, mut lots) = state
        .judge(&head.method, &head.target)
        .map_or_else(|| (None, Rng::new(0)), |(fault, lots)| (Some(fault), lots));
    let place = state.note(Seen {
        method: head.method.clone(),
        target: head.target.clone(),
        headers: head.headers.clone(),
        body: Bytes::new(),
        whole: false,
        fault: fault.as_ref().map(Fault::name),
        answered: None,
    });
    if let Some(Fault { what: What::Reset(At::Head), .. }) = fault {
        return Some(Then::Reset);
    }
    let body = body(stream, read, &head.headers).await?;
    state.amend(place, |seen| (seen.body, seen.whole) = (body.clone(), true));
    pause(fault.as_ref().map_or(Duration::ZERO, |fault| fault.wait(&mut lots))).await;
    let close = head.headers.get(CONNECTION).is_some_and(|v| v == "close");
    let answer = if fault.as_ref().is_none_or(Fault::asks) {
        let plain = fault.as_ref().is_some_and(Fault::looks_inside);
        let Some(answer) = ask(state, head, body, plain).await else {
            // The backend is gone: so are we.
            return Some(Then::Reset);
        };
        state.amend(place, |seen| seen.answered = Some(answer.status));
        Some(answer)
    } else {
        None
    };
    if let Some(fault) = &fault {
        pause(fault.after).await;
        if let Some(gate) = &fault.gate {
            gate.passed().await;
        }
    }
    let what = fault.map_or(What::Pass, |fault| fault.what);
    let then = answer_as(stream, what, answer).await?;
    Some(if close && matches!(then, Then::Next) { Then::Close } else { then })
}

/// Answers as the fault wants it.
async fn answer_as(stream: &mut TcpStream, what: What, answer: Option<Whole>) -> Option<Then> {
    let whole = match (what, answer) {
        (What::Reset(At::Head | At::Request), _) => return Some(Then::Reset),
        (What::BlackHole, _) => {
            // Until the client gives up.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
            return None;
        }
        (What::Answer(status, headers, body), _) => Whole { status, headers, body },
        (What::Reset(At::Headers), Some(whole)) => {
            send(stream, &whole.head()).await?;
            return Some(Then::Reset);
        }
        (What::Reset(At::Half), Some(whole)) => {
            send(stream, &whole.head()).await?;
            send(stream, whole.half()).await?;
            return Some(Then::Reset);
        }
        (What::Half, Some(whole)) => {
            send(stream, &whole.head()).await?;
            send(stream, whole.half()).await?;
            return Some(Then::Close);
        }
        (What::Drip(bytes, time), Some(whole)) => {
            send(stream, &whole.head()).await?;
            for piece in whole.body.chunks(bytes) {
                send(stream, piece).await?;
                pause(time).await;
            }
            return Some(Then::Next);
        }
        (What::Body(body), Some(whole)) => Whole { body, ..whole },
        (What::Truncated, Some(whole)) => {
            let half = whole.body.slice(..whole.half().len());
            Whole { body: half, ..whole }
        }
        (What::Pass, Some(whole)) => whole,
        (_, None) => return None,
    };
    send(stream, &whole.head()).await?;
    send(stream, &whole.body).await?;
    Some(Then::Next)
}

impl Whole {
    fn head(&self) -> Vec<u8> {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|s| s.canonical_reason());
        let mut head =
            format!("HTTP/1.1 {} {}\r\n", self.status, reason.unwrap_or("-")).into_bytes();
        let framing = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
        for (name, value) in self.headers.iter().filter(|(name, _)| !framing.contains(name)) {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        if !matches!(self.status, 204 | 304) {
            head.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes());
        }
        head.extend(b"\r\n");
        head
    }

    fn half(&self) -> &[u8] {
        &self.body[..self.body.len() / 2]
    }
}

/// What the backend answers; `None`: nothing.
async fn ask(state: &State, head: Head, body: Bytes, plain: bool) -> Option<Whole> {
    let uri = format!("http://{}{}", state.backend, head.target);
    let mut request = Request::builder().method(head.method).uri(uri).body(Full::new(body)).ok()?;
    *request.headers_mut() = head.headers;
    for ours in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        request.headers_mut().remove(ours);
    }
    if plain {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let (head, body) = state.pool.request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some(Whole { status: head.status.as_u16(), headers: head.headers, body })
}

/// The head of the next request.
async fn head(stream: &mut TcpStream, read: &mut BytesMut) -> Option<Head> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(length) = request.parse(read).ok()? {
            let method = Method::from_bytes(request.method?.as_bytes()).ok()?;
            let target = request.path?.to_owned();
            let headers = request
                .headers
                .iter()
                .map(|h| {
                    let name = HeaderName::from_bytes(h.name.as_bytes()).ok()?;
                    Some((name, HeaderValue::from_bytes(h.value).ok()?))
                })
                .collect::<Option<HeaderMap>>()?;
            read.advance(length);
            return Some(Head { method, target, headers });
        }
        if read.len() > MOST {
            return None;
        }
        more(stream, read).await?;
    }
}

/// The body that belongs to a head.
async fn body(stream: &mut TcpStream, read: &mut BytesMut, headers: &HeaderMap) -> Option<Bytes> {
    if !headers.contains_key(TRANSFER_ENCODING) {
        let length = headers.get(CONTENT_LENGTH).map_or(Some(0), |v| v.to_str().ok()?.parse().ok());
        return take(stream, read, length?).await;
    }
    let mut whole = BytesMut::new();
    loop {
        let (start, size) = loop {
            match httparse::parse_chunk_size(read).ok()? {
                httparse::Status::Complete(found) => break found,
                httparse::Status::Partial => more(stream, read).await?,
            }
        };
        read.advance(start);
        let chunk = take(stream, read, usize::try_from(size).ok()?).await?;
        // The line's end. No client here sends trailers.
        take(stream, read, 2).await?;
        if chunk.is_empty() {
            return Some(whole.freeze());
        }
        whole.extend(chunk);
    }
}

async fn take(stream: &mut TcpStream, read: &mut BytesMut, length: usize) -> Option<Bytes> {
    while read.len() < length {
        more(stream, read).await?;
    }
    Some(read.split_to(length).freeze())
}

async fn more(stream: &mut TcpStream, read: &mut BytesMut) -> Option<()> {
    (stream.read_buf(read).await.ok()? > 0).then_some(())
}

/// `None`: the client is gone.
async fn send(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
