//! Compressed bodies of requests: gzip and nothing else, never more than a plain body may have.

use std::io::Read as _;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::canonical::{Problem, ProblemCode};
use crate::error::Error;

use super::body::too_large;

/// The cause of a 415 for the sake of a coding: its answer says which one is taken.
pub const CODING: &str = "coding";

/// What is longer may take a while, and is read off the threads that serve everybody.
const LONG: usize = 16 * 1024;

/// Whether a body of these headers is compressed.
///
/// # Errors
/// 415 for any coding but gzip, and for one over the other.
pub fn is_gzip(headers: &HeaderMap) -> Result<bool, Error> {
    let mut gzip = false;
    for value in headers.get_all(CONTENT_ENCODING) {
        for coding in value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            let is = |word: &[u8]| coding.eq_ignore_ascii_case(word);
            if coding.is_empty() || is(b"identity") {
                continue;
            }
            if gzip || !(is(b"gzip") || is(b"x-gzip")) {
                return Err(Problem::new(ProblemCode::UnsupportedMediaType)
                    .cause(CODING)
                    .detail("A body is plain or compressed with gzip, once")
                    .into());
            }
            gzip = true;
        }
    }
    Ok(gzip)
}

/// The body that was compressed, one piece or several.
///
/// # Errors
/// 413 where it is longer than `most` bytes, 400 where it is no gzip or breaks off.
pub async fn inflate(packed: Bytes, most: u64) -> Result<Bytes, Error> {
    if packed.len() <= LONG {
        return unpack(&packed, most);
    }
    let unpacking = tokio::task::spawn_blocking(move || unpack(&packed, most));
    match unpacking.await {
        Ok(unpacked) => unpacked,
        Err(error) => Err(Error::from(ProblemCode::Internal).because(error)),
    }
}

fn unpack(packed: &[u8], most: u64) -> Result<Bytes, Error> {
    let mut unpacked = Vec::new();
    // One byte more than is taken: that is how too long a body is told from a long one.
    MultiGzDecoder::new(packed).take(most.saturating_add(1)).read_to_end(&mut unpacked).map_err(
        |error| {
            let detail = "The body is not what gzip makes, or breaks off";
            Error::from(Problem::new(ProblemCode::BadRequest).detail(detail)).because(error)
        },
    )?;
    if unpacked.len() as u64 > most {
        return Err(too_large(most));
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use http::HeaderValue;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    async fn code(packed: Vec<u8>, most: u64) -> Result<Bytes, ProblemCode> {
        inflate(packed.into(), most).await.map_err(|e| e.into_problem().code)
    }

    #[test]
    fn gzip_is_taken_once_and_nothing_else() {
        let read = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(line));
            }
            is_gzip(&headers).map_err(|e| e.into_problem().cause)
        };
        for plain in [&[][..], &["identity"], &[""], &["identity, identity"]] {
            assert_eq!(read(plain), Ok(false), "{plain:?}");
        }
        for packed in [&["gzip"][..], &["X-Gzip"], &["identity,GZIP"], &["identity", "gzip"]] {
            assert_eq!(read(packed), Ok(true), "{packed:?}");
        }
        let wrong = [
            &["br"][..],
            &["deflate"],
            &["zstd"],
            &["gzip, gzip"],
            &["gzip", "x-gzip"],
            &["br, gzip"],
            &["gzip;q=1"],
        ];
        for wrong in wrong {
            assert_eq!(read(wrong), Err(Some(CODING)), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_bounded_by_what_it_becomes() {
        let plain = b"0123456789".repeat(10_000);
        let packed = gzip(&plain);
        assert!(packed.len() < 1_000);
        assert_eq!(code(packed.clone(), 100_000).await.unwrap(), plain);
        assert_eq!(code(packed, 99_999).await, Err(ProblemCode::PayloadTooLarge));
        // A gigabyte in a megabyte: no more of it is made than is taken.
        let bomb = gzip(&vec![0; 1 << 24]).repeat(64);
        assert!(bomb.len() > LONG);
        assert_eq!(code(bomb, 1 << 16).await, Err(ProblemCode::PayloadTooLarge));
        // Several pieces are one body (RFC 1952, 2.2).
        let two = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
        assert_eq!(code(two, 100).await.unwrap(), "{\"a\":1}");
    }

    #[tokio::test]
    async fn what_is_no_gzip_is_malformed() {
        let good = gzip(b"{\"content\":\"Hello\"}");
        for end in 1..good.len() {
            assert_eq!(
                code(good[..end].to_vec(), 100).await,
                Err(ProblemCode::BadRequest),
                "{end}"
            );
        }
        let mut spoilt = good.clone();
        let checksum = spoilt.len() - 6;
        spoilt[checksum] ^= 1;
        let behind = [&good[..], b"more"].concat();
        for wrong in [spoilt, behind, b"{\"content\":\"Hello\"}".to_vec()] {
            assert_eq!(code(wrong, 100).await, Err(ProblemCode::BadRequest));
        }
    }
}
