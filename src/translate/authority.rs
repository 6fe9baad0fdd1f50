//! The host that a request is for: exactly one, valid, before mounts are chosen by it. And heads that
//! are larger than any client of these APIs has reason to send.

use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{Either, Ready, ready};
use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, StatusCode, Version};
use tower::{Layer, Service};

use crate::call::{Call, Claim};
use crate::canonical::{Problem, ProblemCode};
use crate::error::Error;

use super::Answer;
use super::outgoing::Outgoing;

/// The cause of a 400 for the sake of the host; its connection is closed.
pub const CAUSE: &str = "host";

/// The host of a request, with its port, as it was sent.
///
/// Of a target that names one, that is it (RFC 9112, 3.2.2), while `Host` must be there once and
/// valid all the same. With HTTP/2 the two must agree (RFC 9113, 8.3.1). HTTP/1.0 knows no `Host`.
///
/// # Errors
/// What is wrong with it.
pub fn of(head: &Parts) -> Result<&str, &'static str> {
    let mut sent = head.headers.get_all(HOST).iter();
    let host = match (sent.next(), sent.next()) {
        (_, Some(_)) => return Err("There is more than one Host"),
        (Some(host), None) => {
            let host = host.to_str().ok().filter(|host| is_valid(host));
            Some(host.ok_or("Host is no host name and port")?)
        }
        (None, None) => None,
    };
    let target = head.uri.authority().map(Authority::as_str);
    if target.is_some_and(|target| !is_valid(target)) {
        return Err("The target names no host and port");
    }
    match (target, host) {
        (Some(target), Some(host))
            if head.version == Version::HTTP_2 && !target.eq_ignore_ascii_case(host) =>
        {
            Err("Host and :authority name different hosts")
        }
        (None, None) if head.version == Version::HTTP_2 => Err("There is no :authority"),
        (_, None) if head.version == Version::HTTP_11 => Err("There is no Host"),
        (target, host) => Ok(target.or(host).unwrap_or_default()),
    }
}

/// A host and maybe a port, and no more (RFC 9110, 7.2).
#[must_use]
pub fn is_valid(text: &str) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(b);
    let (host, rest) = match text.strip_prefix('[') {
        Some(literal) => {
            let Some((address, rest)) = literal.split_once(']') else { return false };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("[]", rest)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let named = host == "[]" || (!host.is_empty() && host.bytes().all(|b| plain(&b)));
    let port = rest.strip_prefix(':');
    let port = port.is_none_or(|p| p.len() <= 5 && p.bytes().all(|b| b.is_ascii_digit()));
    named && port && (rest.is_empty() || rest.starts_with(':'))
}

/// The longest target that is taken. The standard asks for 8,000 bytes at least.
const TARGET_BYTES: usize = 16 * 1024;
/// Most header lines; hyper's own bound for HTTP/1.1, here for HTTP/2.
const HEADERS: usize = 100;

/// 414 or 431, where the head is too large. No contract has words for it, so the status speaks.
fn too_large(head: &Parts) -> Option<(StatusCode, &'static str)> {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES {
        return Some((StatusCode::URI_TOO_LONG, "target_too_long"));
    }
    let many = head.headers.len() > HEADERS;
    many.then_some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too_many_headers"))
}

fn told(status: StatusCode) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    let body = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
    });
    let mut answer = Answer::new(Outgoing::whole(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    let media = HeaderValue::from_static("application/problem+json");
    answer.headers_mut().insert(CONTENT_TYPE, media);
    answer
}

/// Refuses what [`of`] found no host in, and heads that are too large. Stands below `rescue`, which
/// writes the former's refusal.
pub fn layer<S>() -> impl Layer<S, Service = Addressed<S>> + Clone {
    tower::layer::layer_fn(|inner| Addressed { inner })
}

/// The service.
#[derive(Clone, Debug)]
pub struct Addressed<S> {
    inner: S,
}

impl<S, B> Service<Call<B>> for Addressed<S>
where
    S: Service<Call<B>, Response = Answer, Error = Error>,
{
    type Response = Answer;
    type Error = Error;
    type Future = Either<Ready<Result<Answer, Error>>, S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<B>) -> Self::Future {
        if let Some((status, reason)) = too_large(&call.head) {
            call.record.refused(reason);
            return Either::Left(ready(Ok(told(status))));
        }
        if let Claim::Misaddressed(why) = call.claim {
            let problem = Problem::new(ProblemCode::BadRequest).cause(CAUSE).detail(why);
            return Either::Left(ready(Err(problem.into())));
        }
        Either::Right(self.inner.call(call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(version: Version, target: &str, hosts: &[&str]) -> Parts {
        let mut request = http::Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_has_one_valid_host() {
        use Version as V;
        for (version, target, hosts, host) in [
            (V::HTTP_11, "/a", &["a.example"][..], Some("a.example")),
            (V::HTTP_11, "/a", &["a.example:8080"], Some("a.example:8080")),
            (V::HTTP_11, "/a", &["a.example:"], Some("a.example:")),
            (V::HTTP_11, "/a", &["[2001:db8::1]:80"], Some("[2001:db8::1]:80")),
            (V::HTTP_11, "/a", &[], None),
            (V::HTTP_11, "/a", &["a", "b"], None),
            (V::HTTP_11, "/a", &["a", "a"], None),
            (V::HTTP_11, "/a", &[""], None),
            (V::HTTP_11, "/a", &["a b"], None),
            (V::HTTP_11, "/a", &["a/b"], None),
            (V::HTTP_11, "/a", &["a?b"], None),
            (V::HTTP_11, "/a", &["u@a"], None),
            (V::HTTP_11, "/a", &["a, b"], None),
            (V::HTTP_11, "/a", &["[::1"], None),
            (V::HTTP_11, "/a", &["[::1]x"], None),
            (V::HTTP_11, "/a", &["[x]"], None),
            (V::HTTP_11, "/a", &["::1"], None),
            (V::HTTP_11, "/a", &["a:b"], None),
            (V::HTTP_11, "/a", &["a:123456"], None),
            (V::HTTP_11, "/a", &[":80"], None),
            (V::HTTP_11, "http://t.example/a", &["a"], Some("t.example")),
            (V::HTTP_11, "http://t.example/a", &[], None),
            (V::HTTP_11, "http://u@t.example/a", &["a"], None),
            (V::HTTP_10, "/a", &[], Some("")),
            (V::HTTP_10, "/a", &["a", "b"], None),
            (V::HTTP_2, "http://t.example/a", &[], Some("t.example")),
            (V::HTTP_2, "http://t.example/a", &["T.example"], Some("t.example")),
            (V::HTTP_2, "http://t.example/a", &["a.example"], None),
            (V::HTTP_2, "/a", &["a.example"], Some("a.example")),
            (V::HTTP_2, "/a", &[], None),
        ] {
            let head = head(version, target, hosts);
            assert_eq!(of(&head).ok(), host, "{version:?} {target} {hosts:?}");
        }
    }
}
