//! Content codings of answers: which one a client wants, and making it once.
//!
//! A compressed form is kept beside the rendering that it was made of, so a hot answer is compressed
//! once. It has a validator of its own (RFC 9110, 8.8.3.3): the plain one with `--gzip` or `--br`
//! before its last quote. A client that sends such a validator back with a write means the resource,
//! whose revision knows nothing of codings: [`plain_tags`].
//!
//! Lengths of compressed answers tell something of their content (BREACH) to whoever can make a
//! victim's client ask, put text of his own into the answer and watch the wire. No credential here is
//! sent by a browser of its own accord, so nobody can make a victim's browser ask with it; answers
//! are therefore compressed whatever is in them. What holds attachments is not compressed.

use std::io::Write as _;

use bytes::{Bytes, BytesMut};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

use crate::canonical::payload::{Coding, Rendering};

use super::head::Asked;
use super::render::Rendered;

/// Answers of no more bytes are sent as they are: they fit a packet either way.
pub const LEAST_COMPRESSED: usize = 1024;

/// What is longer is compressed off the threads that serve everybody: about a millisecond's work.
const LONG: usize = 64 * 1024;

/// Past these levels a conversation takes twice the time and is less than 3 % shorter.
const GZIP_LEVEL: u32 = 5;
const BROTLI_LEVEL: i32 = 4;

/// The coding a client would rather have than none (RFC 9110, 12.5.3); of equals the shorter one.
/// Whatever the header says, an answer as it is stays acceptable: better than a refusal.
#[must_use]
pub fn wanted(headers: &HeaderMap) -> Option<Coding> {
    let mut said = Said::default();
    for value in headers.get_all(ACCEPT_ENCODING) {
        for element in value.as_bytes().split(|b| *b == b',') {
            said.element(element);
        }
    }
    let weight = |coding: Coding| {
        let own = match coding {
            Coding::Gzip => said.gzip,
            Coding::Brotli => said.brotli,
        };
        own.or(said.any).unwrap_or(0)
    };
    let (gzip, brotli) = (weight(Coding::Gzip), weight(Coding::Brotli));
    let (best, coding) =
        if brotli >= gzip { (brotli, Coding::Brotli) } else { (gzip, Coding::Gzip) };
    // What is not named is welcome, and less so than what is.
    (best > 0 && best >= said.identity.unwrap_or(0)).then_some(coding)
}

/// Weights in thousandths.
#[derive(Debug, Default)]
struct Said {
    gzip: Option<u16>,
    brotli: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Said {
    fn element(&mut self, element: &[u8]) {
        let mut parts = element.split(|b| *b == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let mut weight = Some(1000);
        for part in parts {
            if let Some((b'q' | b'Q', rest)) = part.split_first() {
                let value = rest.trim_ascii_start().strip_prefix(b"=");
                weight = value.and_then(|value| thousandths(value.trim_ascii_start()));
            }
        }
        // What cannot be read is not guessed at.
        let Some(weight) = weight else { return };
        let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
        let place = if is(b"gzip") || is(b"x-gzip") {
            &mut self.gzip
        } else if is(b"br") {
            &mut self.brotli
        } else if is(b"identity") {
            &mut self.identity
        } else if is(b"*") {
            &mut self.any
        } else {
            return;
        };
        *place = Some(weight);
    }
}

/// `0`, `0.5`, `1.000` in thousandths.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text {
        [whole] | [whole, b'.'] => (whole, &[][..]),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    if !matches!(whole, b'0' | b'1') || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = std::iter::once(whole).chain(fraction);
    let read = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let scale = [1000, 100, 10, 1].get(fraction.len())?;
    Some(read * scale).filter(|n| *n <= 1000)
}

/// The answer in the coding that the client wants, where it is worth it.
pub async fn apply(asked: Asked<'_>, rendered: Rendered, wanted: Option<Coding>) -> Rendered {
    match (apply_here(asked, rendered, wanted), wanted) {
        (Ok(rendered), _) => rendered,
        (Err(rendered), None) => rendered,
        (Err(rendered), Some(coding)) => {
            let plain = rendered.body.clone();
            let compressing = tokio::task::spawn_blocking(move || compress(&plain, coding));
            let coded = compressing.await.ok().flatten();
            coded_form(rendered, coding, coded)
        }
    }
}

/// As [`apply`], without waiting.
///
/// # Errors
/// The answer as it is, where it is so long that it should be compressed elsewhere.
pub fn apply_here(
    asked: Asked<'_>,
    rendered: Rendered,
    wanted: Option<Coding>,
) -> Result<Rendered, Rendered> {
    let Some(coding) = wanted.filter(|_| rendered.varies && rendered.coding.is_none()) else {
        return Ok(rendered);
    };
    let etag = rendered.etag.as_deref().map(|etag| tag(etag, coding));
    if asked.reads() && etag.as_deref().is_some_and(|etag| asked.has(etag)) {
        // The client has it: there is nothing to compress.
        return Ok(Rendered { etag, coding: Some(coding), ..rendered });
    }
    if rendered.body.len() > LONG {
        return Err(rendered);
    }
    let coded = compress(&rendered.body, coding);
    Ok(coded_form(rendered, coding, coded))
}

/// What was compressed in the place of what it was made of, and kept beside it.
fn coded_form(rendered: Rendered, coding: Coding, coded: Option<Vec<u8>>) -> Rendered {
    let Some(body) = coded.map(Bytes::from) else { return rendered };
    let etag = rendered.etag.as_deref().map(|etag| tag(etag, coding));
    if let (Some((payload, key)), Some(etag)) = (&rendered.home, &etag) {
        payload.keep_coded(*key, coding, Rendering { body: body.clone(), etag: etag.clone() });
    }
    Rendered { body, etag, coding: Some(coding), ..rendered }
}

/// `None` where the encoder fails, as it cannot over memory.
fn compress(plain: &[u8], coding: Coding) -> Option<Vec<u8>> {
    let mut coded = Vec::with_capacity(plain.len() / 4);
    match coding {
        Coding::Gzip => {
            let level = flate2::Compression::new(GZIP_LEVEL);
            let mut encoder = flate2::write::GzEncoder::new(&mut coded, level);
            encoder.write_all(plain).ok()?;
            encoder.finish().ok()?;
        }
        Coding::Brotli => {
            let params = brotli::enc::BrotliEncoderParams {
                quality: BROTLI_LEVEL,
                // A window no larger than what is in it: the default takes 4 MiB for every answer.
                lgwin: i32::try_from(plain.len().ilog2()).map_or(22, |n| (n + 1).clamp(16, 22)),
                size_hint: plain.len(),
                ..Default::default()
            };
            brotli::BrotliCompress(&mut &*plain, &mut coded, &params).ok()?;
        }
    }
    // It may be kept for long.
    coded.shrink_to_fit();
    Some(coded)
}

fn mark(coding: Coding) -> &'static [u8] {
    match coding {
        Coding::Gzip => b"--gzip\"",
        Coding::Brotli => b"--br\"",
    }
}

/// The validator of a compressed form.
fn tag(plain: &[u8], coding: Coding) -> Bytes {
    let mark = mark(coding);
    let mut tag = BytesMut::with_capacity(plain.len() + mark.len());
    tag.extend_from_slice(plain.strip_suffix(b"\"").unwrap_or(plain));
    tag.extend_from_slice(mark);
    tag.freeze()
}

/// The validators of `If-Match` without codings, where one has one.
#[must_use]
pub fn plain_tags(sent: &HeaderValue) -> Option<HeaderValue> {
    let marked = |text: &[u8]| {
        let end = |coding| text.ends_with(mark(coding)).then(|| mark(coding).len());
        Coding::ALL.into_iter().find_map(end)
    };
    let mut elements = sent.as_bytes().split(|b| *b == b',');
    if !elements.clone().any(|element| marked(element.trim_ascii_end()).is_some()) {
        return None;
    }
    let mut plain = Vec::with_capacity(sent.len());
    while let Some(element) = elements.next() {
        let element = element.trim_ascii_end();
        let own = element.len() - marked(element).unwrap_or(0);
        plain.extend_from_slice(element.get(..own).unwrap_or_default());
        if own < element.len() {
            plain.push(b'"');
        }
        if elements.clone().next().is_some() {
            plain.push(b',');
        }
    }
    HeaderValue::from_bytes(&plain).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_heaviest_coding_is_the_one() {
        use Coding::{Brotli, Gzip};
        for (said, is) in [
            ("", None),
            ("gzip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("GZIP, deflate", Some(Gzip)),
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("br;q=0.5, gzip;q=0.8", Some(Gzip)),
            ("br;q=0.8,gzip;q=0.8", Some(Brotli)),
            ("*", Some(Brotli)),
            ("br;q=0, *;q=0.1", Some(Gzip)),
            ("*;q=0", None),
            ("gzip;q=0", None),
            ("gzip; q=0.000", None),
            ("gzip ; Q = 1.000", Some(Gzip)),
            ("identity", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip", Some(Gzip)),
            ("identity, gzip", Some(Gzip)),
            ("identity;q=0", None),
            ("deflate, zstd", None),
            ("gzip;q=1.001", None),
            ("gzip;q=2", None),
            ("gzip;q=0.5000", None),
            ("gzip;q=-1, br;q=x", None),
            (",,;;q,gzip", Some(Gzip)),
        ] {
            let value = HeaderValue::from_static(said);
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, value)]);
            assert_eq!(wanted(&headers), is, "{said}");
        }
        let mut lines = HeaderMap::new();
        lines.append(ACCEPT_ENCODING, HeaderValue::from_static("br;q=0.1"));
        lines.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(wanted(&lines), Some(Gzip));
        assert_eq!(wanted(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_compressed_is_what_it_was_and_shorter() {
        let plain = "{\"content\":\"Where is my parcel?\"},".repeat(400);
        let gzip = compress(plain.as_bytes(), Coding::Gzip).unwrap();
        let mut read = String::new();
        flate2::read::GzDecoder::new(&*gzip).read_to_string(&mut read).unwrap();
        assert_eq!(read, plain);
        let brotli = compress(plain.as_bytes(), Coding::Brotli).unwrap();
        let mut read = Vec::new();
        brotli::BrotliDecompress(&mut &*brotli, &mut read).unwrap();
        assert_eq!(read, plain.as_bytes());
        assert!(gzip.len() < plain.len() / 10 && brotli.len() < plain.len() / 10);
    }

    #[test]
    fn a_validator_knows_its_coding_and_a_write_does_not() {
        assert_eq!(tag(b"\"r1\"", Coding::Gzip), "\"r1--gzip\"");
        assert_eq!(tag(b"\"r1\"", Coding::Brotli), "\"r1--br\"");
        for (sent, is) in [
            ("\"r1--gzip\"", "\"r1\""),
            ("\"r1--br\"", "\"r1\""),
            ("\"a\", \"r1--br\" , \"b--gzip\"", "\"a\", \"r1\", \"b\""),
            ("\"a\",  \"b\"", "\"a\",  \"b\""),
            ("*", "*"),
            ("r1--gzip", "r1--gzip"),
        ] {
            let plain = plain_tags(&HeaderValue::from_static(sent));
            assert_eq!(plain.map_or(sent.into(), |plain| plain.to_str().unwrap().to_owned()), is);
        }
    }
}
