//! A request line: `GET /conversations/{number:int}`, or `GET @platform/accounts/{id}` where the
//! dialect has several roots.

use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Span, closest};

use crate::dialect::Base;
use crate::dialect::route::{Route, Segment, Telling, Template};
use crate::dialect::scheme::{Credential, Place};

/// The methods that a route may have.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The roots of a dialect's addresses.
#[derive(Debug, Default)]
pub(super) struct Bases {
    /// (name, address without a trailing slash); the first is meant where none is named. A name is
    /// empty where the dialect has one root.
    pub(super) list: Vec<(Box<str>, Box<str>)>,
}

/// A request line that was read.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) method: &'static str,
    pub(super) template: Template,
    /// Where each parameter of the template stands, in order.
    pub(super) spans: Vec<Span>,
}

impl Bases {
    /// Reads `mount` and `bases` of `dialect.yaml`.
    pub(super) fn read(
        mount: Option<&Node>,
        bases: Option<&[Entry]>,
        whole: Span,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut list = Vec::new();
        let named = bases.unwrap_or_default().iter().map(|e| (e.key.as_str(), &e.value));
        for (name, node) in mount.map(|node| ("", node)).into_iter().chain(named) {
            let address = node.as_text().map(|t| t.strip_suffix('/').unwrap_or(t));
            match address.filter(|a| a.is_empty() || is_address(a)) {
                Some(address) => list.push((name.into(), address.into())),
                None => diagnostics.push(
                    Diagnostic::error(
                        Code::WrongType,
                        node.span,
                        "a root is a path without parameters",
                    )
                    .help("write it as in `/api/v1`, or `/` for none"),
                ),
            }
        }
        if mount.is_none() && bases.is_none() {
            diagnostics.push(Diagnostic::error(
                Code::MissingKey,
                whole,
                "a dialect must have the key `mount`, the root of its addresses (or `bases`, several)",
            ));
        }
        Self { list }
    }

    /// The roots, each with the credential that most of its routes ask for.
    pub(super) fn of(self, routes: &[Route], credentials: &[Credential]) -> Vec<Base> {
        let bare = |(name, address)| Base { name, address, credential: None };
        let bases: Vec<Base> = self.list.into_iter().map(bare).collect();
        let in_header = |index: usize| {
            credentials.get(index).is_some_and(|c| !matches!(c.place, Place::Path(_)))
        };
        let own = |base: &Base, route: &Route| {
            let path = route.template.text.split('?').next().unwrap_or_default();
            let longest = bases.iter().filter(|b| b.holds(path)).max_by_key(|b| b.address.len());
            longest == Some(base)
        };
        let asked = |base: &Base, index: usize| {
            routes.iter().filter(|r| r.credential == Some(index) && own(base, r)).count()
        };
        let most = |base: &Base| {
            let counted = (0..credentials.len()).filter(|i| in_header(*i));
            let counted = counted.map(|i| (asked(base, i), std::cmp::Reverse(i)));
            counted.filter(|(count, _)| *count > 0).max().map(|(_, index)| index.0)
        };
        bases.iter().map(|base| Base { credential: most(base), ..base.clone() }).collect()
    }

    /// The address of `@name`, or the first.
    fn address(&self, name: Option<&str>) -> Option<&str> {
        let found = match name {
            None => self.list.first(),
            Some(name) => self.list.iter().find(|(n, _)| &**n == name),
        };
        found.map(|(_, address)| &**address)
    }
}

/// Reads a request line; what is wrong with it is reported.
pub(super) fn read(node: &Node, bases: &Bases, diagnostics: &mut Diagnostics) -> Option<Line> {
    let bad = |span: Span, message: String| Diagnostic::error(Code::BadRequestLine, span, message);
    let Some(text) = node.as_text() else {
        diagnostics.push(
            bad(node.span, format!("a request line is text, not {}", node.kind()))
                .help("write it as in `GET /conversations/{id}`; inside { } it must be quoted"),
        );
        return None;
    };
    let Some((method, path)) = text.split_once(' ').map(|(m, p)| (m, p.trim())) else {
        diagnostics.push(
            bad(node.span, "a request line is a method, a space and a path".into())
                .help("write it as in `GET /conversations/{id}`"),
        );
        return None;
    };
    let known = METHODS.iter().find(|m| **m == method).copied();
    if known.is_none() {
        diagnostics.push(
            bad(part(node, text, method), format!("`{method}` is no method of a route"))
                .suggest(closest(&method.to_ascii_uppercase(), METHODS))
                .label(format!("one of {}", METHODS.join(", "))),
        );
    }
    let (base, path) = match path.strip_prefix('@') {
        None => (None, path),
        Some(rest) => {
            let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(name), path)
        }
    };
    let address = bases.address(base);
    if let (Some(name), None) = (base, address) {
        diagnostics.push(
            bad(part(node, text, name), format!("this dialect has no root `{name}`"))
                .suggest(closest(name, bases.list.iter().map(|(n, _)| &**n))),
        );
        return None;
    }
    if !path.is_empty() && !path.starts_with('/') {
        diagnostics.push(
            bad(part(node, text, path), "a path begins with `/`".into())
                .help("the root (`mount`) and the prefix of the configuration come before it"),
        );
        return None;
    }
    let (path, query) = match path.split_once('?') {
        None => (path, Vec::new()),
        Some((path, written)) => match literals(written) {
            Some(query) => (path, query),
            None => {
                diagnostics.push(
                    bad(
                        part(node, text, written),
                        "this is no query that tells requests apart".into(),
                    )
                    .help("write it as in `?type=agent`, or `?proof` for one with any value"),
                );
                return None;
            }
        },
    };
    let mut line = Line {
        method: known.unwrap_or("GET"),
        template: Template { text: Box::default(), segments: Vec::new(), query },
        spans: Vec::new(),
    };
    let address = address.unwrap_or_default();
    let literals = address.split('/').skip(1).map(|s| Segment::Literal(s.into()));
    line.template.segments.extend(literals);
    for written in path.split('/').skip(1) {
        let segment = segment(written);
        match segment {
            Ok(segment) => {
                let name = segment.name();
                if let Some(name) = name {
                    if line.template.parameters().any(|s| s.name() == Some(name)) {
                        let span = part(node, text, written);
                        diagnostics.push(bad(span, format!("`{name}` stands twice in this path")));
                    }
                    line.spans.push(part(node, text, written));
                }
                line.template.segments.push(segment);
            }
            Err(why) => {
                diagnostics.push(bad(part(node, text, written), why.to_owned()));
                return None;
            }
        }
    }
    let fixed = line.template.query.iter().enumerate().map(|(index, Telling { name, value })| {
        let mark = if index == 0 { '?' } else { '&' };
        match value {
            Some(value) => format!("{mark}{name}={value}"),
            None => format!("{mark}{name}"),
        }
    });
    line.template.text = format!("{address}{path}{}", fixed.collect::<String>()).into();
    known.map(|_| line)
}

/// `type=agent&proof`, in the order of the names, each once.
fn literals(query: &str) -> Option<Vec<Telling>> {
    let plain = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~[]".contains(&b))
    };
    let mut all = Vec::new();
    for member in query.split('&') {
        let (name, value) = match member.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (member, None),
        };
        if !plain(name) || !value.is_none_or(plain) {
            return None;
        }
        all.push(Telling { name: name.into(), value: value.map(Box::from) });
    }
    all.sort_unstable();
    let twice = all.windows(2).any(|pair| matches!(pair, [a, b] if a.name == b.name));
    (!twice).then_some(all)
}

/// Where `piece`, a part of the node's text, stands. Quoted text begins one byte later.
fn part(node: &Node, text: &str, piece: &str) -> Span {
    let Some(at) = text.find(piece).filter(|_| !piece.is_empty()) else { return node.span };
    let length = (node.span.end - node.span.start) as usize;
    let at = if length == text.len() + 2 { at + 1 } else { at };
    node.span.part(at, at + piece.len())
}

fn is_address(text: &str) -> bool {
    text.starts_with('/')
        && text.split('/').skip(1).all(|s| matches!(segment(s), Ok(Segment::Literal(_))))
}

fn segment(written: &str) -> Result<Segment, &'static str> {
    let Some(inner) = written.strip_prefix('{').and_then(|w| w.strip_suffix('}')) else {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
        return match written {
            "" => Err("a path has no empty segment and no slash at its end"),
            "." | ".." => Err("`.` and `..` are no segments of an address"),
            _ if written.contains(['{', '}']) => {
                Err("a parameter is a whole segment: `{name}` or `{name:int}`")
            }
            _ if written.bytes().all(plain) => Ok(Segment::Literal(written.into())),
            _ => Err("a segment is letters, digits and marks that addresses may have"),
        };
    };
    let (name, kind) = match inner.split_once(':') {
        None => (inner, None),
        Some((name, kind)) => (name, Some(kind)),
    };
    let named = |n: &str| {
        n.starts_with(|c: char| c.is_ascii_lowercase())
            && n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    match kind {
        _ if !named(name) => Err("a parameter's name is lower-case letters, digits and `_`"),
        None => Ok(Segment::Text(name.into())),
        Some("int") => Ok(Segment::Integer(name.into())),
        Some(_) => Err("a parameter is text, or an integer where it is written `{name:int}`"),
    }
}
