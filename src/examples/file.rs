//! An example file as it is written.

use super::form;
use crate::dialect::embedded::Files;
use crate::json::place::{Hop, Place};
use crate::json::walk;
use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::{self, FILE_NODES};
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Sources, Span, Value};

/// One case.
#[derive(Clone, Debug)]
pub(super) struct Example {
    /// The route it is about.
    pub(super) route: String,
    /// The credential is looked up as it is in earnest; else the principal is taken as told.
    pub(super) credential: bool,
    /// Facts of the principal: name and JSON text. Where the credential is looked up, of whom the
    /// secret `example` stands for.
    pub(super) principal: Vec<(Box<str>, Box<str>)>,
    pub(super) method: String,
    /// Path and query, below the dialect's root.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    /// The body that is sent, and its media type.
    pub(super) sent: Option<(String, String)>,
    pub(super) request_span: Span,
    /// Every canonical call, in order.
    pub(super) calls: Vec<Expected>,
    pub(super) status: u16,
    pub(super) status_span: Span,
    /// Headers that are compared; others are not.
    pub(super) reply_headers: Vec<(String, String, Span)>,
    pub(super) reply: Body,
}

/// What the client gets.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// JSON, compared text by text without white space between tokens.
    Json(Written),
    /// These bytes.
    Bytes(String, Span),
    /// A page with these texts in it, one after the other.
    Shows(Vec<(String, Span)>, Span),
    /// Zero bytes.
    Empty(Span),
}

/// A body as the example says it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// JSON.
    pub(super) text: String,
    pub(super) span: Span,
    /// What stands in the file at `span`: the text with its indentation, or where the text is.
    pub(super) source: String,
}

/// One canonical call and what the backend answers.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) operation: String,
    pub(super) span: Span,
    /// (name, values) of path, query and headers together.
    pub(super) parameters: Vec<(String, Vec<String>, Span)>,
    pub(super) body: Option<Written>,
    /// The file that is sent instead.
    pub(super) file: Option<Sent>,
    pub(super) status: u16,
    pub(super) answer: String,
}

/// A file that a call sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) name: Option<String>,
    pub(super) media: String,
    pub(super) text: String,
}

/// Reads one file; problems are at its lines.
pub(super) fn read(
    files: &Files,
    path: &str,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Example> {
    let text = files.read(path)?.into_owned();
    let id = sources.add(files.shown(path), text);
    let node = match yaml::parse(sources, id, FILE_NODES) {
        Ok(node) => node,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return None;
        }
    };
    Reader { files, path, sources, diagnostics }.example(&node)
}

/// Line, headers, and body with its media type.
type Asked = (String, Vec<(String, String)>, Option<(String, String)>);

struct Reader<'a> {
    files: &'a Files,
    path: &'a str,
    sources: &'a Sources,
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn example(&mut self, node: &Node) -> Option<Example> {
        let mut f = Fields::of(node, "an example", self.diagnostics)?;
        let route = f.required("route").and_then(Node::as_text);
        let _ = (f.get("about"), f.get("source"), f.get("decodes"), f.get("why"));
        let credential = f.get("credential");
        let principal = f.map("principal").unwrap_or_default();
        let principal = principal
            .iter()
            .map(|e| (e.key.as_str().into(), e.value.to_json().to_string().into()))
            .collect();
        let (request, calls, reply) = (f.required("request"), f.list("calls"), f.required("reply"));
        f.finish();
        if let Some(other) = credential.filter(|n| n.as_text() != Some("run")) {
            self.bad(other.span, "`credential` is `run`, or left out: the principal is as told");
            return None;
        }
        let (request, reply) = (request?, reply?);
        let (line, headers, sent) = self.request(request)?;
        let Some((method, target)) = line.split_once(' ') else {
            self.bad(request.span, "a request line is a method and a path");
            return None;
        };
        let calls =
            calls.unwrap_or_default().iter().map(|c| self.call(c)).collect::<Option<Vec<_>>>()?;
        let mut f = Fields::of(reply, "a reply", self.diagnostics)?;
        let status = f.required("status").cloned();
        let headers_node = f.map("headers").unwrap_or_default();
        let (body, bytes, empty) = (f.get("body"), f.get("bytes"), f.boolean("empty"));
        let shows = f.list("shows");
        f.finish();
        let status = status?;
        let Value::Integer(code) = status.value else {
            self.diagnostics.push(wrong_type(&status, "`status` is a number"));
            return None;
        };
        let reply = match (body, bytes, shows, empty) {
            (Some(body), None, None, None) => Body::Json(self.written(body)?),
            (None, Some(bytes), None, None) => Body::Bytes(scalar(bytes), bytes.span),
            (None, None, Some(shows), None) => {
                let texts = shows.iter().map(|text| (scalar(text), text.span));
                Body::Shows(texts.collect(), reply.span)
            }
            (None, None, None, _) => Body::Empty(reply.span),
            _ => {
                self.bad(reply.span, "a reply has one of `body`, `bytes`, `shows` and `empty`");
                return None;
            }
        };
        Some(Example {
            route: route?.to_owned(),
            credential: credential.is_some(),
            principal,
            method: method.to_owned(),
            target: target.trim().to_owned(),
            headers,
            sent,
            request_span: request.span,
            calls,
            status: u16::try_from(code).unwrap_or(0),
            status_span: status.span,
            reply_headers: headers_node
                .iter()
                .map(|e| (e.key.clone(), scalar(&e.value), e.value.span))
                .collect(),
            reply,
        })
    }

    fn request(&mut self, node: &Node) -> Option<Asked> {
        if let Some(line) = node.as_text() {
            return Some((line.to_owned(), Vec::new(), None));
        }
        let mut f = Fields::of(node, "a request", self.diagnostics)?;
        let line = f.required("line").and_then(Node::as_text);
        let headers = f.map("headers").unwrap_or_default();
        let (json, form, parts) = (f.get("json"), f.get("form"), f.get("multipart"));
        f.finish();
        let headers = headers.iter().map(|e| (e.key.clone(), scalar(&e.value))).collect();
        let sent = match (json, form, parts) {
            (None, None, None) => None,
            // A body may be broken on purpose, so it is not read here.
            (Some(json), None, None) => Some((scalar(json), "application/json".to_owned())),
            (None, Some(form), None) => Some(form::urlencoded(form)),
            (None, None, Some(parts)) => Some(form::multipart(parts)),
            _ => {
                self.bad(node.span, "a request has one of `json`, `form` and `multipart`");
                return None;
            }
        };
        Some((line?.to_owned(), headers, sent))
    }

    fn call(&mut self, node: &Node) -> Option<Expected> {
        let mut f = Fields::of(node, "a call", self.diagnostics)?;
        let operation = f.required("operation").and_then(Node::as_text);
        let mut parameters = Vec::new();
        for part in ["path", "query", "headers"] {
            for entry in f.map(part).unwrap_or_default() {
                let values = match entry.value.as_list() {
                    Some(items) => items.iter().map(scalar).collect(),
                    None => vec![scalar(&entry.value)],
                };
                parameters.push((entry.key.clone(), values, entry.value.span));
            }
        }
        let (body, answer) = (f.get("body"), f.required("answer"));
        let file = f.get("sends");
        f.finish();
        let file = match file {
            Some(node) => {
                let mut f = Fields::of(node, "a file", self.diagnostics)?;
                let (name, media) = (f.text("name"), f.text("type").unwrap_or_default());
                let text = f.get("text").map_or_else(String::new, scalar);
                f.finish();
                Some(Sent { name: name.map(str::to_owned), media: media.to_owned(), text })
            }
            None => None,
        };
        let body = match body {
            Some(node) => Some(self.written(node)?),
            None => None,
        };
        let mut f = Fields::of(answer?, "an answer", self.diagnostics)?;
        let (status, text) = (f.count("status"), f.get("body"));
        f.finish();
        Some(Expected {
            operation: operation?.to_owned(),
            span: node.span,
            parameters,
            body,
            file,
            status: u16::try_from(status.unwrap_or(200)).unwrap_or(0),
            answer: match text {
                Some(text) => self.body(text)?,
                None => String::new(),
            },
        })
    }

    fn written(&mut self, node: &Node) -> Option<Written> {
        let source = self.sources.slice(node.span).to_owned();
        let text = self.body(node)?;
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            self.bad(node.span, &format!("this body is no JSON: {error}"));
            return None;
        }
        Some(Written { text, span: node.span, source })
    }

    /// JSON text, or a file shared by examples with places of it set.
    fn body(&mut self, node: &Node) -> Option<String> {
        let Value::Map(_) = node.value else { return Some(scalar(node)) };
        let mut f = Fields::of(node, "a body (JSON text, or `file` and `set`)", self.diagnostics)?;
        let file = f.required("file");
        let set = f.map("set").unwrap_or_default();
        f.finish();
        let file = file?;
        let path = resolve(self.path, file.as_text().unwrap_or_default());
        let Some(text) = self.files.read(&path) else {
            self.diagnostics.push(Diagnostic::error(
                Code::MissingFile,
                file.span,
                format!("there is no file `{path}` beside the mappings"),
            ));
            return None;
        };
        let mut text = text.into_owned();
        for entry in set {
            let Ok(place) = entry.key.parse::<Place>() else {
                self.bad(entry.key_span, "this is no place");
                return None;
            };
            let Some(set) = splice(&text, &place.hops, &entry.value.to_json().to_string()) else {
                self.bad(entry.key_span, "the file has no such place");
                return None;
            };
            text = set;
        }
        Some(text)
    }

    fn bad(&mut self, span: Span, message: &str) {
        self.diagnostics.push(Diagnostic::error(Code::BadExample, span, message));
    }
}

/// A scalar as it would stand in an address, a header or a text block.
pub(super) fn scalar(node: &Node) -> String {
    match node.as_text() {
        Some(text) => text.to_owned(),
        None => node.to_json().to_string(),
    }
}

/// `../../canonical/examples/x.json`, as seen from an example file.
fn resolve(from: &str, to: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The text with the value at a place replaced; everything else stays byte for byte.
fn splice(text: &str, hops: &[Hop], value: &str) -> Option<String> {
    let mut token = text.trim();
    for hop in hops {
        token = match hop {
            Hop::Member(name) => {
                walk::members(token).find(|(key, _)| crate::json::text::eq(key, name))?.1
            }
            Hop::Index(index) => walk::elements(token).nth(usize::try_from(*index).ok()?)?,
            Hop::Each => return None,
        };
    }
    let start = token.as_ptr() as usize - text.as_ptr() as usize;
    let (before, rest) = text.split_at_checked(start)?;
    Some(format!("{before}{value}{}", rest.get(token.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_replaced_and_the_rest_stays_byte_for_byte() {
        let text = r#"{ "a": [ 1.10, {"b": null} ], "c": "x" }"#;
        let place: Place = "$.a[1].b".parse().unwrap();
        assert_eq!(
            splice(text, &place.hops, "12345678901234567890").unwrap(),
            r#"{ "a": [ 1.10, {"b": 12345678901234567890} ], "c": "x" }"#
        );
        assert!(splice(text, &"$.z".parse::<Place>().unwrap().hops, "1").is_none());
        assert_eq!(
            resolve("account/examples/a.yaml", "../../canonical/examples/c.json"),
            "canonical/examples/c.json"
        );
    }
}
