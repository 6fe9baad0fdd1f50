//! Whom a proxy speaks for: `Forwarded` (RFC 7239) and `X-Forwarded-For`, `X-Forwarded-Host`.
//!
//! Anybody can send these headers, so they are believed hop by hop from the right: what the peer
//! says if the peer is a trusted proxy, what is said before that if the hop it names is one, too.
//! The first hop that is none is the client. A proxy usually writes one family of headers and hands
//! the other on as a client made it up; so where both are there and name different clients, neither
//! is believed. `X-Forwarded-Proto` decides nothing: links begin with `server.public_url`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;
use tower::Service;

use crate::server::Network;

pub use crate::server::household;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<[Network]>);

/// What is believed of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'h> {
    /// The client's address.
    pub client: IpAddr,
    /// The host that the client asked for, where a proxy says it.
    pub host: Option<&'h str>,
}

impl Proxies {
    /// These networks are believed.
    #[must_use]
    pub fn new(networks: &[Network]) -> Self {
        Self(networks.into())
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Who asked the peer to ask.
    #[must_use]
    pub fn origin<'h>(&self, peer: IpAddr, headers: &'h HeaderMap) -> Origin<'h> {
        let itself = Origin { client: peer.to_canonical(), host: None };
        if !self.trust(peer) {
            return itself;
        }
        let standard = self.standard(peer, headers);
        match (standard, self.customary(peer, headers)) {
            (Some(standard), Some(customary)) if standard.client == customary.client => {
                Origin { host: standard.host.or(customary.host), ..standard }
            }
            (Some(_), Some(_)) | (None, None) => itself,
            (Some(one), None) | (None, Some(one)) => one,
        }
    }

    /// By `Forwarded`; `None` where it is not there or cannot be read.
    fn standard<'h>(&self, peer: IpAddr, headers: &'h HeaderMap) -> Option<Origin<'h>> {
        let mut hops = SmallVec::<[Hop<'h>; 4]>::new();
        for value in headers.get_all(FORWARDED) {
            for element in outside_quotes(value.to_str().ok()?, b',') {
                hops.push(Hop::read(element)?);
            }
        }
        let mut origin = Origin { client: peer.to_canonical(), host: None };
        for hop in hops.iter().rev() {
            origin.host = hop.host.or(origin.host);
            match hop.node.and_then(address) {
                Some(address) => origin.client = address,
                // Hidden, or a name: who is behind it is not known.
                None => break,
            }
            if !self.trust(origin.client) {
                break;
            }
        }
        (!hops.is_empty()).then_some(origin)
    }

    /// By `X-Forwarded-*`.
    fn customary<'h>(&self, peer: IpAddr, headers: &'h HeaderMap) -> Option<Origin<'h>> {
        let mut client = peer.to_canonical();
        let lines = headers.get_all(FOR).iter().rev();
        for hop in lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')) {
            let Some(address) = address(hop.trim()) else { break };
            client = address;
            if !self.trust(client) {
                break;
            }
        }
        // The nearest proxy's word, in front of which anything may stand.
        let host = headers.get_all(HOST).iter().next_back();
        let host = host.and_then(|host| host.to_str().ok()?.rsplit(',').next());
        let host = host.map(str::trim).filter(|host| !host.is_empty());
        (headers.contains_key(FOR) || host.is_some()).then_some(Origin { client, host })
    }
}

/// One element of `Forwarded`.
struct Hop<'h> {
    node: Option<&'h str>,
    host: Option<&'h str>,
}

impl<'h> Hop<'h> {
    fn read(element: &'h str) -> Option<Self> {
        let mut hop = Self { node: None, host: None };
        for pair in outside_quotes(element, b';').filter(|pair| !pair.trim().is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let value = value.trim();
            let value = match value.strip_prefix('"') {
                // Neither addresses nor hosts have anything to escape.
                Some(quoted) => quoted.strip_suffix('"').filter(|v| !v.contains(['"', '\\']))?,
                None => value,
            };
            let name = name.trim();
            let place = if name.eq_ignore_ascii_case("for") {
                &mut hop.node
            } else if name.eq_ignore_ascii_case("host") {
                &mut hop.host
            } else {
                continue;
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(hop)
    }
}

/// The parts of a text, but for separators in quotes.
fn outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        !quoted && c == char::from(separator)
    })
}

/// `192.0.2.1`, `192.0.2.1:47`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:47`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let plain = bare.parse::<IpAddr>().ok();
    let address = plain.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

/// A request and who sent it here.
#[derive(Debug)]
pub struct Arrived<B> {
    /// As it came in.
    pub request: http::Request<B>,
    /// The other end of the connection.
    pub peer: IpAddr,
}

/// A service for the requests of one peer.
#[derive(Clone, Debug)]
pub struct Of<S> {
    inner: S,
    peer: IpAddr,
}

/// `inner` for the requests of `peer`.
pub fn of<S>(inner: S, peer: IpAddr) -> Of<S> {
    Of { inner, peer }
}

impl<S: Service<Arrived<B>>, B> Service<http::Request<B>> for Of<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> S::Future {
        self.inner.call(Arrived { request, peer: self.peer })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn hops_are_believed_from_the_right_as_far_as_they_are_trusted() {
        const FWD: &str = "forwarded";
        const XFF: &str = "x-forwarded-for";
        const XFH: &str = "x-forwarded-host";
        let proxies = Proxies::new(&["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let (near, far) = ("10.0.0.1", "192.0.2.9");
        #[expect(clippy::type_complexity, reason = "a table of cases")]
        let cases: &[(&str, &[(&str, &str)], &str, Option<&str>)] = &[
            // Nobody is believed but who is trusted.
            (far, &[(XFF, "198.51.100.1"), (XFH, "evil.example")], far, None),
            (far, &[(FWD, "for=198.51.100.1;host=evil.example")], far, None),
            (near, &[], near, None),
            (near, &[(XFF, "198.51.100.1")], "198.51.100.1", None),
            ("::ffff:10.0.0.1", &[(XFF, "::ffff:198.51.100.1")], "198.51.100.1", None),
            // What stands before the first that is not trusted is made up.
            (near, &[(XFF, "127.0.0.1, 198.51.100.1")], "198.51.100.1", None),
            (near, &[(XFF, "127.0.0.1, 198.51.100.1,10.9.9.9")], "198.51.100.1", None),
            (near, &[(XFF, "1.1.1.1"), (XFF, "198.51.100.1, 10.2.3.4")], "198.51.100.1", None),
            (near, &[(XFF, "10.7.7.7")], "10.7.7.7", None),
            (near, &[(XFF, "198.51.100.1:4711")], "198.51.100.1", None),
            (near, &[(XFF, "[2001:db8::1]:4711")], "2001:db8::1", None),
            (near, &[(XFF, "2001:db8::1")], "2001:db8::1", None),
            (near, &[(XFF, "198.51.100.1, unknown")], near, None),
            (near, &[(XFF, "198.51.100.1, unknown, 10.5.5.5")], "10.5.5.5", None),
            (near, &[(XFF, "")], near, None),
            (near, &[(XFF, "198.51.100.1"), (XFH, "a.example")], "198.51.100.1", Some("a.example")),
            (near, &[(XFH, "evil.example, a.example")], near, Some("a.example")),
            (near, &[(FWD, "for=198.51.100.1")], "198.51.100.1", None),
            (
                near,
                &[(FWD, "For=\"[2001:db8::1]:4711\"; Host=\"a.example:8\"")],
                "2001:db8::1",
                Some("a.example:8"),
            ),
            (
                near,
                &[(
                    FWD,
                    "for=1.1.1.1;host=evil.example, for=198.51.100.1;host=a.example, for=10.0.0.2;host=b",
                )],
                "198.51.100.1",
                Some("a.example"),
            ),
            (
                near,
                &[(FWD, "for=198.51.100.1;host=evil.example"), (FWD, "for=_hidden;host=a.example")],
                near,
                Some("a.example"),
            ),
            (near, &[(FWD, "for=\"x,y;z\", for=198.51.100.1")], "198.51.100.1", None),
            // What cannot be read is not believed at all.
            (near, &[(FWD, "nonsense")], near, None),
            (near, &[(FWD, "for=1.1.1.1;for=198.51.100.1")], near, None),
            (near, &[(FWD, "for=\"198.51.100.1")], near, None),
            (near, &[(FWD, "for=\"198.51.100.\\1\"")], near, None),
            // Two stories.
            (
                near,
                &[(FWD, "for=198.51.100.1;host=x"), (XFF, "198.51.100.2"), (XFH, "y")],
                near,
                None,
            ),
            (
                near,
                &[(FWD, "for=198.51.100.1"), (XFF, "198.51.100.1"), (XFH, "y")],
                "198.51.100.1",
                Some("y"),
            ),
        ];
        for (peer, lines, client, host) in cases {
            let headers = headers(lines);
            let origin = proxies.origin(peer.parse().unwrap(), &headers);
            let due = Origin { client: client.parse().unwrap(), host: *host };
            assert_eq!(origin, due, "{peer} {lines:?}");
        }
    }
}
