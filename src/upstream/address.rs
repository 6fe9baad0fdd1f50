//! A canonical request as an HTTP request: the operation's own path, query, headers and body.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, IF_MATCH, USER_AGENT};
use http::uri::{self, Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

use crate::canonical::contract::{Location, Operation};
use crate::canonical::{FieldProblem, Params, Problem, ProblemCode, Request};
use crate::error::Error;
use crate::upstream::sent::{Form, Sent};
use crate::upstream::{Unusable, room};

/// What stands as it is in a path or query: unreserved (RFC 3986), and the colon of aliases.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The same, as a table: what does not stand there is `false`.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut rest: &mut [bool] = &mut plain;
    let mut byte = 0_u8;
    while let Some((stands, others)) = rest.split_first_mut() {
        *stands = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':');
        byte = byte.wrapping_add(1);
        rest = others;
    }
    plain
};

const ACTOR: HeaderName = HeaderName::from_static("deskbridge-actor");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("deskbridge/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const MERGE_PATCH: HeaderValue = HeaderValue::from_static("application/merge-patch+json");
const ACCEPTED: HeaderValue =
    HeaderValue::from_static("application/json, application/problem+json");
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// Where the contract's paths begin.
#[derive(Debug)]
pub(super) struct Base {
    scheme: Scheme,
    authority: Authority,
    /// What the `Host` header says.
    host: HeaderValue,
    /// `/v1`, without a slash at the end.
    prefix: String,
}

impl Base {
    /// Whether the way there is TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The address without a path, to connect to.
    pub(super) fn origin(&self) -> Uri {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        // Its parts were an address before.
        Uri::from_parts(parts).unwrap_or_default()
    }

    pub(super) fn parse(url: &str) -> Result<Self, Unusable> {
        if url.contains(['?', '#', '@']) {
            return Err(Unusable::Extras);
        }
        let uri: Uri = url.parse().map_err(|_| Unusable::Url)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::HTTP,
            Some("https") => Scheme::HTTPS,
            _ => return Err(Unusable::Url),
        };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        match uri.into_parts().authority {
            Some(authority) if !authority.host().is_empty() => {
                let usual = if scheme == Scheme::HTTPS { 443 } else { 80 };
                let host = match authority.port_u16().filter(|port| *port != usual) {
                    Some(port) => format!("{}:{port}", authority.host()),
                    None => authority.host().to_owned(),
                };
                let host = HeaderValue::try_from(host).map_err(|_| Unusable::Url)?;
                Ok(Self { scheme, authority, host, prefix })
            }
            _ => Err(Unusable::Url),
        }
    }
}

/// The headers that requests to one backend have, those included that are written for each.
#[derive(Debug)]
pub(super) struct Letterhead {
    json: HeaderMap,
    binary: HeaderMap,
}

impl Letterhead {
    pub(super) fn new(base: &Base, authorization: HeaderValue) -> Self {
        let with = |accepted: HeaderValue| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, base.host.clone());
            headers.insert(ACCEPT, accepted);
            headers.insert(USER_AGENT, AGENT);
            headers.insert(AUTHORIZATION, authorization.clone());
            for of_each in [ACTOR, REQUEST_ID, TRACEPARENT] {
                headers.insert(of_each, HeaderValue::from_static(""));
            }
            headers
        };
        Self { json: with(ACCEPTED), binary: with(ANYTHING) }
    }
}

/// How one operation is asked for.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) name: Box<str>,
    /// It answers with JSON.
    pub(super) json: bool,
    /// It answers with bytes of any media type.
    pub(super) binary: bool,
    /// It changes nothing.
    pub(super) safe: bool,
    method: Method,
    path: Vec<Piece>,
    query: Vec<Query>,
    headers: Vec<(u8, HeaderName)>,
    media: Option<HeaderValue>,
    /// The part of a form that is a file, where it takes one.
    file: Option<Box<str>>,
}

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    /// A parameter, by position; `None` for one that the operation does not list.
    Parameter(Option<u8>),
}

#[derive(Debug)]
struct Query {
    position: u8,
    /// With what comes before and after it: `&name=`.
    name: Box<str>,
    explode: bool,
}

impl Address {
    pub(super) fn new(operation: &Operation) -> Self {
        let at = |location| {
            let numbered = (0_u8..).zip(&operation.parameters);
            numbered.filter(move |(_, p)| p.location == location)
        };
        let header = |(position, p): (u8, &crate::canonical::contract::Parameter)| {
            Some((position, HeaderName::from_bytes(p.name.as_bytes()).ok()?))
        };
        let mut path = Vec::new();
        let mut rest = &*operation.path;
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(b, a)| Some((b, a.split_once('}')?)))
        {
            path.push(Piece::Text(before.into()));
            let position = at(Location::Path).find(|(_, p)| *p.name == *name).map(|(at, _)| at);
            path.push(Piece::Parameter(position));
            rest = after;
        }
        path.push(Piece::Text(rest.into()));
        let query = at(Location::Query).map(|(position, p)| Query {
            position,
            name: format!("&{}=", utf8_percent_encode(&p.name, ENCODED)).into(),
            explode: p.explode,
        });
        Self {
            name: operation.name.clone(),
            json: operation.answer.is_some(),
            binary: operation.binary,
            safe: operation.safe,
            method: Method::from_bytes(operation.method.as_bytes()).unwrap_or_default(),
            path,
            query: query.collect(),
            headers: at(Location::Header).filter_map(header).collect(),
            media: operation.body.as_ref().map(|b| if b.patch { MERGE_PATCH } else { JSON }),
            file: operation.file.clone(),
        }
    }

    /// Writes the request.
    ///
    /// # Errors
    ///
    /// A path parameter that is missing (ours), or a value that cannot stand where it belongs.
    pub(super) fn request(
        &self,
        base: &Base,
        head: &Letterhead,
        asked: &Request,
    ) -> Result<http::Request<Sent>, Error> {
        room::within(|text| self.written(base, head, asked, text))
    }

    /// As [`Self::request`]; everything that is written for it is written to the end of `text`.
    fn written(
        &self,
        base: &Base,
        head: &Letterhead,
        asked: &Request,
        text: &mut BytesMut,
    ) -> Result<http::Request<Sent>, Error> {
        let body = if self.media.is_some() { asked.body.clone() } else { Bytes::new() };
        let mut request = http::Request::new(Sent::default());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri(base, &asked.params, text)?;
        let headers = request.headers_mut();
        *headers = if self.binary { head.binary.clone() } else { head.json.clone() };
        let record = &asked.record;
        let is_traced = !record.request_id().is_empty();
        // Each has its place there: none has to be looked up.
        for (name, value) in headers.iter_mut() {
            if *name == ACTOR {
                let (kind, id) = asked.actor.parts();
                text.extend_from_slice(kind.as_bytes());
                text.extend_from_slice(id.as_bytes());
                *value = sealed("Deskbridge-Actor", text)?;
            } else if is_traced && *name == REQUEST_ID {
                *value = record.request_id().header();
            } else if is_traced && *name == TRACEPARENT {
                record.trace().child().write(|piece| text.extend_from_slice(piece.as_bytes()));
                *value = sealed("traceparent", text)?;
            }
        }
        if !is_traced {
            headers.remove(REQUEST_ID);
            headers.remove(TRACEPARENT);
        }
        for (position, name) in &self.headers {
            if let Some(given) = asked.params.get(*position) {
                let given = if *name == IF_MATCH { tag(given) } else { Cow::Borrowed(given) };
                text.extend_from_slice(given.as_bytes());
                headers.insert(name.clone(), sealed(name.as_str(), text)?);
            }
        }
        if let Some(media) = self.media.as_ref().filter(|_| !body.is_empty()) {
            headers.insert(CONTENT_TYPE, media.clone());
        }
        *request.body_mut() = Sent::Whole(Full::new(body));
        if let Some((part, file)) = self.file.as_ref().zip(asked.upload.as_ref()) {
            let (form, media) = Form::new(part, file);
            request.headers_mut().extend(media.map(|media| (CONTENT_TYPE, media)));
            *request.body_mut() = Sent::Form(Box::new(form));
        }
        Ok(request)
    }

    fn uri(&self, base: &Base, params: &Params, text: &mut BytesMut) -> Result<Uri, Error> {
        text.extend_from_slice(base.prefix.as_bytes());
        for piece in &self.path {
            match piece {
                Piece::Text(literal) => text.extend_from_slice(literal.as_bytes()),
                Piece::Parameter(position) => {
                    match position.and_then(|position| params.bytes(position).next()) {
                        // Dots would be taken as steps through the path, encoded or not.
                        Some(b"" | b"." | b"..") => return Err(ProblemCode::NotFound.into()),
                        Some(value) => encode(value, text),
                        None => {
                            let error = Error::from(ProblemCode::Internal);
                            return Err(error.within("a path parameter is missing"));
                        }
                    }
                }
            }
        }
        let query = text.len();
        for query in &self.query {
            for (index, value) in params.bytes(query.position).enumerate() {
                let before = if query.explode || index == 0 { query.name.as_bytes() } else { b"," };
                text.extend_from_slice(before);
                encode(value, text);
            }
        }
        // The first of them is told apart.
        if let Some(separator) = text.get_mut(query) {
            *separator = b'?';
        }
        let none = |e: http::Error| {
            Error::from(ProblemCode::Internal).within("an address that is none").because(e)
        };
        let path = PathAndQuery::from_maybe_shared(text.split().freeze());
        Ok(Uri::from(path.map_err(|e| none(e.into()))?))
    }
}

/// A mapping gives the bare revision; the wire wants an entity tag, in quotes.
fn tag(text: &str) -> Cow<'_, str> {
    if text == "*" || text.contains('"') { text.into() } else { format!("\"{text}\"").into() }
}

fn encode(value: &[u8], text: &mut BytesMut) {
    // Mostly ids and words, of which nothing is encoded.
    if value.iter().all(|byte| PLAIN.get(usize::from(*byte)) == Some(&true)) {
        text.extend_from_slice(value);
        return;
    }
    for part in percent_encode(value, ENCODED) {
        text.extend_from_slice(part.as_bytes());
    }
}

/// A header's value: all of `text`, which is empty then.
fn sealed(header: &str, text: &mut BytesMut) -> Result<HeaderValue, Error> {
    HeaderValue::from_maybe_shared(text.split().freeze()).map_err(|_| {
        let field = FieldProblem {
            header: Some(header.to_owned()),
            code: "invalid".to_owned(),
            detail: "has characters that cannot stand in a header".to_owned(),
            ..FieldProblem::default()
        };
        Problem::new(ProblemCode::BadRequest).field(field).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_is_encoded() {
        for byte in 0..=u8::MAX {
            let mut text = BytesMut::new();
            encode(&[byte], &mut text);
            let encoded: String = percent_encode(&[byte], ENCODED).collect();
            assert_eq!(text, encoded, "{byte}");
            assert_eq!(PLAIN.get(usize::from(byte)), Some(&(encoded.len() == 1)), "{byte}");
        }
    }
}
