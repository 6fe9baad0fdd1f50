//! The document `inputs`: what of a request a route's programs may read beside its body.

use http::header::IF_MATCH;

use crate::canonical::Principal;
use crate::dialect::recognise::PathValues;
use crate::dialect::route::{Arity, Inputs, Route, Segment};
use crate::json::write;

use super::coding;

/// Where the values come from.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// The route.
    pub route: &'a Route,
    /// Where its path values stand.
    pub path: &'a PathValues,
    /// The request's path.
    pub address: &'a str,
    /// The query string, undecoded.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a http::HeaderMap,
    /// `$config`: name and JSON text.
    pub config: &'a [(Box<str>, Box<str>)],
}

impl Values<'_> {
    /// Writes the parts of `wanted` as `{"path":{…},"query":{…},…}`.
    pub fn write(&self, wanted: &Inputs, principal: Option<&Principal>, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        object.part("path", &wanted.path, |out, name| self.path_value(name, out));
        object.part("query", &wanted.query, |out, name| self.query_value(name, out));
        object.part("header", &wanted.header, |out, name| {
            let Some(sent) = self.headers.get(name) else { return false };
            let tags = name.eq_ignore_ascii_case(IF_MATCH.as_str());
            let plain = tags.then(|| coding::plain_tags(sent)).flatten();
            let text = plain.as_ref().unwrap_or(sent).to_str().ok();
            text.map(|text| write::string(out, text)).is_some()
        });
        object.part("principal", &wanted.principal, |out, name| {
            let fact = principal.and_then(|p| p.fact(name));
            fact.map(|json| out.extend_from_slice(json.as_bytes())).is_some()
        });
        object.part("config", &wanted.config, |out, name| {
            let value = self.config.iter().find(|(n, _)| &**n == name);
            value.map(|(_, json)| out.extend_from_slice(json.as_bytes())).is_some()
        });
        object.part("paged", &wanted.paged, |out, name| {
            self.paged(name, out);
            true
        });
        object.close();
    }

    /// Path and query of the request as they were sent, up to the number of a page: the parameter
    /// that holds it comes last.
    fn paged(&self, page: &str, out: &mut Vec<u8>) {
        out.push(b'"');
        write::escaped(out, self.address.trim_end_matches('/'));
        out.push(b'?');
        let encoded = |out: &mut Vec<u8>, text: &str| {
            // What is percent-encoded has nothing that a string would escape.
            let parts = form_urlencoded::byte_serialize(text.as_bytes());
            parts.for_each(|part| out.extend_from_slice(part.as_bytes()));
        };
        let query = self.query.unwrap_or_default().as_bytes();
        for (name, value) in form_urlencoded::parse(query).filter(|(name, _)| name != page) {
            encoded(out, &name);
            out.push(b'=');
            encoded(out, &value);
            out.push(b'&');
        }
        encoded(out, page);
        out.extend_from_slice(b"=\"");
    }

    fn path_value(&self, name: &str, out: &mut Vec<u8>) -> bool {
        let mut parameters = self.route.template.parameters().enumerate();
        let found = parameters.find(|(_, segment)| segment.name() == Some(name));
        let Some((index, segment)) = found else { return false };
        let Some(value) = self.path.get(index, self.address) else { return false };
        match segment {
            Segment::Integer(_) => out.extend_from_slice(value.as_bytes()),
            Segment::Text(_) | Segment::Literal(_) => write::string(out, &value),
        }
        true
    }

    fn query_value(&self, name: &str, out: &mut Vec<u8>) -> bool {
        let known = self.route.query.iter().find(|q| &*q.name == name);
        let arity = known.map_or(Arity::One, |q| q.arity);
        let query = self.query.unwrap_or_default();
        let mut values = form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| named(name, key))
            .map(|(_, value)| value);
        if arity == Arity::One {
            // The last one counts, as with most servers.
            return values.last().map(|value| write::string(out, &value)).is_some();
        }
        let mut values = values.by_ref().peekable();
        if values.peek().is_none() {
            return false;
        }
        out.push(b'[');
        let mut first = true;
        for value in values {
            for part in split(&value, arity) {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                write::string(out, part);
            }
        }
        out.push(b']');
        true
    }
}

/// Whether a client's `key` is the parameter `name`. What is named as a list (`labels[]`) is sent
/// without the brackets, too.
pub(super) fn named(name: &str, key: &str) -> bool {
    key == name || name.strip_suffix("[]") == Some(key)
}

/// The elements in one value of a list.
fn split(value: &str, arity: Arity) -> impl Iterator<Item = &str> {
    let commas = arity == Arity::Commas;
    value.split(move |c| commas && c == ',').filter(move |part| !commas || !part.is_empty())
}

/// An object being written, member by member.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn key(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        write::string(self.out, name);
        self.out.push(b':');
    }

    /// A member that is an object of `names`, each written by `value`, which says whether it is
    /// there.
    fn part(
        &mut self,
        part: &str,
        names: &[Box<str>],
        mut value: impl FnMut(&mut Vec<u8>, &str) -> bool,
    ) {
        if names.is_empty() {
            return;
        }
        self.key(part);
        let mut inner = Object::open(self.out);
        for name in names {
            let (before, first) = (inner.out.len(), inner.first);
            inner.key(name);
            if !value(inner.out, name) {
                inner.out.truncate(before);
                inner.first = first;
            }
        }
        inner.close();
    }

    fn close(self) {
        self.out.push(b'}');
    }
}
