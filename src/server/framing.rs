//! Where one HTTP/1.1 request ends and the next begins, followed byte by byte, and strictly.
//!
//! hyper is lenient where the standard lets a server be: it drops `Content-Length` beside
//! `Transfer-Encoding`, takes any coding before `chunked`, and lines that end in LF alone. A proxy in
//! front that reads such bytes differently sees other requests in them than we do, and that is how
//! a request is smuggled past it. So heads are read here first. Where there are two ways to read one,
//! the byte that ends the line is spoilt before hyper sees it: hyper answers 400 and closes.
//!
//! Everything else a head may have wrong is hyper's to refuse. Bodies are followed to find the next
//! head, not looked at. HTTP/2 has frames and none of this.

use memchr::memchr;

/// How HTTP/2 begins: no request of HTTP/1.1 may.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// As much of a line as is looked at. `Content-Length` and `Transfer-Encoding` fit; one that is
/// drawn out past it is refused.
const LINE: usize = 64;
/// No header's value has it, no line ends in it: hyper refuses it anywhere.
const SPOILT: u8 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// So many bytes of the preface were seen, and nothing else.
    Preface(usize),
    /// A line of a head, the first (the request line) included.
    Head,
    /// So much of a body is to come.
    Body(u64),
    /// The size of a chunk; whether a digit of it was seen, and its value so far.
    Size(bool, u64),
    /// What may stand behind the size.
    Extension,
    /// The LF behind a chunk's size.
    SizeEnd(u64),
    /// So much of a chunk is to come.
    Chunk(u64),
    /// CR and LF behind a chunk.
    ChunkCr,
    ChunkLf,
    /// A line behind the last chunk.
    Trailer,
    /// It is HTTP/2, or over.
    Over,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// The framing of one connection.
#[derive(Debug)]
pub(super) struct Framing {
    at: At,
    line: [u8; LINE],
    /// Length of the line so far; more than is in `line`, maybe.
    length: usize,
    last: u8,
    request_line: bool,
    size: u64,
    body: Length,
    heads: u64,
    http2: bool,
}

/// What a head says of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Unsaid,
    Bytes(u64),
    Chunked,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            at: At::Preface(0),
            line: [0; LINE],
            length: 0,
            last: 0,
            request_line: false,
            size: 0,
            body: Length::Unsaid,
            heads: 0,
            http2: false,
        }
    }

    /// What the first bytes say; `None` while they could be either.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        match self.at {
            At::Preface(_) => None,
            _ if self.http2 => Some(Protocol::Http2),
            _ => Some(Protocol::Http1),
        }
    }

    /// Whole heads so far.
    pub(super) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether a head has begun that is not over.
    pub(super) fn is_in_head(&self) -> bool {
        let begun = self.request_line || self.length > 0;
        matches!(self.at, At::Preface(1..)) || (self.at == At::Head && begun)
    }

    /// Whether all that came was whole requests.
    pub(super) fn is_between_requests(&self) -> bool {
        self.at == At::Head && !self.is_in_head()
    }

    /// Reads what the peer sent. `false`: it can be read in two ways, and was spoilt.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match self.at {
                At::Over => return true,
                At::Preface(seen) => self.preface(seen, rest),
                At::Head | At::Trailer => self.line(rest),
                At::Body(left) => {
                    let taken = past(left, rest.len());
                    let left = left - taken as u64;
                    self.at = if left == 0 { self.next() } else { At::Body(left) };
                    Some(taken)
                }
                At::Chunk(left) => {
                    let taken = past(left, rest.len());
                    let left = left - taken as u64;
                    self.at = if left == 0 { At::ChunkCr } else { At::Chunk(left) };
                    Some(taken)
                }
                _ => rest.first().filter(|byte| self.around_a_chunk(**byte)).map(|_| 1),
            };
            let Some(taken) = taken else {
                // Found at the line's last byte, or at the first that does not belong.
                let wrong = match self.at {
                    At::Head | At::Trailer => rest.iter().position(|b| *b == b'\n').unwrap_or(0),
                    _ => 0,
                };
                // An extension may hold any byte but the one that was found.
                if self.at != At::Extension
                    && let Some(byte) = rest.get_mut(wrong)
                {
                    *byte = SPOILT;
                }
                self.at = At::Over;
                return false;
            };
            rest = rest.get_mut(taken..).unwrap_or_default();
        }
        true
    }

    fn preface(&mut self, seen: usize, bytes: &[u8]) -> Option<usize> {
        let due = PREFACE.get(seen..).unwrap_or_default();
        let same = due.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        let seen = seen + same;
        if seen == PREFACE.len() {
            self.http2 = true;
            self.at = At::Over;
        } else if same == bytes.len() {
            self.at = At::Preface(seen);
        } else {
            // Nothing of the preface's first line asks for a body, so its start is read again here
            // and cannot be wrong before its last line.
            self.at = At::Head;
            let mut again = PREFACE.get(..seen).unwrap_or_default();
            while !again.is_empty() {
                let taken = self.line(again)?;
                again = again.get(taken..).unwrap_or_default();
            }
        }
        Some(same)
    }

    /// Takes up to the end of a line.
    fn line(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = memchr(b'\n', bytes);
        let piece = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if let Some(end) = end
            && self.length == 0
        {
            // All of it is here, as nearly always.
            let line = piece.strip_suffix(b"\r")?;
            self.ended(line, line.len())?;
            return Some(end + 1);
        }
        let room = self.line.get_mut(self.length.min(LINE)..).unwrap_or_default();
        room.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
        self.length += piece.len();
        self.last = piece.last().copied().unwrap_or(self.last);
        let Some(end) = end else { return Some(bytes.len()) };
        let ends_well = self.length > 0 && self.last == b'\r';
        let length = std::mem::take(&mut self.length);
        self.last = 0;
        if !ends_well {
            return None;
        }
        let line = self.line;
        self.ended(line.get(..(length - 1).min(LINE)).unwrap_or_default(), length - 1)?;
        Some(end + 1)
    }

    /// A line is over that has so many bytes without its end; of a longer one only the start is
    /// looked at.
    fn ended(&mut self, line: &[u8], length: usize) -> Option<()> {
        if self.at == At::Trailer {
            if length == 0 {
                self.at = self.next();
            }
            return Some(());
        }
        if length == 0 {
            // Empty lines before a request are skipped.
            if self.request_line {
                self.heads += 1;
                self.at = match self.body {
                    Length::Chunked => At::Size(false, 0),
                    Length::Bytes(n) if n > 0 => At::Body(n),
                    _ => self.next(),
                };
            }
            return Some(());
        }
        if !std::mem::replace(&mut self.request_line, true) {
            return Some(());
        }
        // Most lines are told by their first byte to be neither of the two that count.
        if line.first().is_some_and(|b| b.is_ascii_alphabetic() && !b"cCtT".contains(b)) {
            return Some(());
        }
        let whole = length <= LINE;
        let line = line.get(..length.min(LINE)).unwrap_or_default();
        // A name as long as that is none of ours, and a line without one is hyper's to refuse.
        let Some(colon) = line.iter().position(|b| *b == b':') else { return Some(()) };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        // A space before the colon is hyper's to refuse, and is no way around this.
        let is = |word: &[u8]| name.trim_ascii().eq_ignore_ascii_case(word);
        let said = if is(b"content-length") {
            Length::Bytes(number(value)?)
        } else if is(b"transfer-encoding") {
            value.eq_ignore_ascii_case(b"chunked").then_some(Length::Chunked)?
        } else {
            return Some(());
        };
        // Said twice, even alike, is said by two.
        if !whole || self.body != Length::Unsaid {
            return None;
        }
        self.body = said;
        Some(())
    }

    fn around_a_chunk(&mut self, byte: u8) -> bool {
        self.at = match (self.at, byte) {
            (At::Size(_, size), _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                let Some(size) = size.checked_mul(16) else { return false };
                At::Size(true, size | u64::from(digit))
            }
            (At::Size(true, size), b'\r') => At::SizeEnd(size),
            (At::Size(true, size), b';') => {
                self.size = size;
                At::Extension
            }
            (At::Extension, b'\r') => At::SizeEnd(self.size),
            (At::Extension, b'\n') => return false,
            (At::Extension, _) => At::Extension,
            (At::SizeEnd(0), b'\n') => At::Trailer,
            (At::SizeEnd(size), b'\n') => At::Chunk(size),
            (At::ChunkCr, b'\r') => At::ChunkLf,
            (At::ChunkLf, b'\n') => At::Size(false, 0),
            _ => return false,
        };
        true
    }

    /// The next request begins.
    fn next(&mut self) -> At {
        self.request_line = false;
        self.body = Length::Unsaid;
        At::Head
    }
}

/// How much of what is there belongs to what is left.
fn past(left: u64, there: usize) -> usize {
    usize::try_from(left).map_or(there, |left| left.min(there))
}

/// Digits and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether these requests are let through, however they are cut into pieces.
    fn read(text: &str) -> bool {
        let mut found = Vec::new();
        for piece in [1, 2, 3, 7, 64, usize::MAX] {
            let (mut framing, mut clean) = (Framing::new(), true);
            let mut bytes = text.as_bytes().to_vec();
            for part in bytes.chunks_mut(piece.min(text.len().max(1))) {
                clean &= framing.read(part);
            }
            let spoilt = bytes.iter().filter(|b| **b == SPOILT).count();
            let own = clean || text.contains("3;a\nb");
            assert_eq!(spoilt, usize::from(!own), "{text:?}");
            found.push(clean);
        }
        assert!(found.windows(2).all(|w| w[0] == w[1]), "{text:?} {found:?}");
        found[0]
    }

    const END: &str = "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";

    #[test]
    fn requests_that_can_be_read_in_one_way_are_let_through_and_the_next_is_found() {
        let long = "x".repeat(5_000);
        for first in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "PRI / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            format!("GET /{long} HTTP/1.1\r\nA: {long}\r\nContent-Lengths: 1, 2\r\n\r\n"),
            "POST / HTTP/1.1\r\ncontent-length:  5 \r\n\r\nab\ncd".to_owned(),
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA;a=\"b\"\r\n0123456789\r\n00\r\nT: 1\r\n\r\n"
                .to_owned(),
        ] {
            assert!(read(&first), "{first:?}");
            assert!(read(&format!("{first}{first}")), "{first:?}");
            assert!(!read(&format!("{first}GET / HTTP/1.1\r\n{END}")), "{first:?}");
        }
        let two = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\n\n\n";
        let mut bytes = two.as_bytes().to_vec();
        assert!(Framing::new().read(&mut bytes), "frames are not looked at");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_spoilt() {
        let twice = "Content-Length: 3\r\nContent-Length: 3\r\n";
        let drawn_out = format!("Content-Length:{}3\r\n", " ".repeat(80));
        for headers in [
            END,
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            twice,
            "Content-Length: 3, 3\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: 0x3\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: identity, chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding:\r\n",
            "Content-Length : 3\r\nContent-Length: 3\r\n",
            "A: b\nContent-Length: 3\r\n",
            "A: b\r\n\nContent-Length: 3\r\n",
            drawn_out.as_str(),
        ] {
            assert!(!read(&format!("POST / HTTP/1.1\r\n{headers}\r\nabc")), "{headers:?}");
        }
        assert!(!read("GET / HTTP/1.1\n\n"));
        assert!(!read("PRI * HTTP/2.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"));
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for body in [
            "3\nabc\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            "\r\nabc",
            "-3\r\nabc",
            "0x3\r\nabc",
            "3;a\nb\r\nabc",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "10000000000000000\r\n",
            "0\r\nA: b\n\r\n",
        ] {
            assert!(!read(&format!("{chunked}{body}")), "{body:?}");
        }
    }
}
