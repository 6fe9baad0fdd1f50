//! What a vendor's documents promise: `documented.yaml`, loaded. What a mapping writes is held
//! against it; nothing on the way of a request reads it.

use crate::canonical::contract::{Dropped, SchemaId, Schemas};
use crate::canonical::validate::{Violation, validate_published};
use crate::mapping::law::{Json, Links, Promises, Unlike};

/// The documents of one dialect.
#[derive(Debug, Default)]
pub struct Documented {
    /// `components/schemas`.
    pub schemas: Schemas,
    /// Every operation, in the order of the document.
    pub operations: Vec<Operation>,
    /// `x-ordered`: members are written in the order of the schemas.
    pub ordered: bool,
    /// `x-drops`: so many fields may be dropped.
    pub most_drops: Option<usize>,
    /// Records of the mapping that say which schema they encode.
    pub records: Vec<(Box<str>, SchemaId)>,
    /// `x-canonical`: the places that members show.
    pub links: Links,
}

/// An operation as it is published.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`.
    pub name: Box<str>,
    /// `summary`: the title of its page.
    pub title: Box<str>,
    /// `GET`, `POST`, …
    pub method: Box<str>,
    /// The path as it is published.
    pub path: Box<str>,
    /// The path with its parameters numbered, so that two that match the same addresses are equal.
    pub pattern: Box<str>,
    /// The parameters of query and headers.
    pub parameters: Vec<Parameter>,
    /// What it takes, by media type.
    pub body: Vec<(Box<str>, SchemaId)>,
    /// What it answers with; nothing where the operation is only listed, and not written out yet.
    pub responses: Vec<(Status, Promise)>,
    /// `x-served-by`: the route of another dialect that answers at this address, `dialect/route`.
    pub served_by: Option<Box<str>>,
    /// `x-evidence`: how it is known, where that is said.
    pub evidence: Option<Evidence>,
}

/// What lists of routes tell of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// `operationId`.
    pub name: Box<str>,
    /// `summary`: the title of its page.
    pub title: Box<str>,
    /// `x-evidence`: how it is known, where that is said.
    pub evidence: Option<Evidence>,
}

/// A parameter as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: Box<str>,
    /// `query` or `header`.
    pub location: Box<str>,
    /// `x-dropped`: no route reads it, and why.
    pub dropped: Option<Dropped>,
}

/// How an operation is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A page shows it.
    Seen,
    /// No page shows it; it follows from those that are shown.
    Inferred,
    /// Nothing is known but that it is there.
    Unknown,
}

impl Evidence {
    /// Every word, as it is written.
    pub(super) const WORDS: [&str; 3] = ["seen", "inferred", "unknown"];

    /// The one with a word.
    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Seen, Self::Inferred, Self::Unknown].into_iter().find(|e| e.word() == word)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

/// Which answers a response is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Of this status.
    Exact(u16),
    /// `4XX`: of every status that begins with this figure.
    Class(u16),
    /// Of every other status.
    Default,
}

impl Status {
    /// Whether no success is meant.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::Exact(status) => status >= 400,
            Self::Class(class) => class >= 4,
            Self::Default => true,
        }
    }
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Zero bytes.
    Nothing,
    /// JSON of this schema.
    Json(SchemaId),
    /// Bytes of another media type.
    Other,
    /// `x-differs`: known to be something else.
    Anything,
}

impl Documented {
    /// What lists tell of each operation.
    #[must_use]
    pub fn published(&self) -> Box<[Published]> {
        let of = |o: &Operation| Published {
            name: o.name.clone(),
            title: o.title.clone(),
            evidence: o.evidence,
        };
        self.operations.iter().map(of).collect()
    }

    /// The operation with an `operationId`.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<usize> {
        self.operations.iter().position(|o| &*o.name == name)
    }

    /// The operation that is asked for with a method on addresses of a pattern.
    #[must_use]
    pub fn at(&self, method: &str, pattern: &str) -> Option<usize> {
        let of = |wanted: fn(&str) -> &str| {
            let found = |o: &Operation| &*o.method == method && wanted(&o.pattern) == pattern;
            self.operations.iter().position(found)
        };
        // What is published with a slash at its end is at the address without it, too.
        of(|pattern| pattern).or_else(|| of(|pattern| pattern.trim_end_matches('/')))
    }

    /// Whether an operation is only listed: named, and nothing is written down of its answers.
    #[must_use]
    pub fn is_listed(&self, operation: usize) -> bool {
        self.operations.get(operation).is_some_and(|o| o.responses.is_empty())
    }

    /// What is promised of an answer of an operation; `None` where the documents are silent.
    #[must_use]
    pub fn promise(&self, operation: usize, status: u16) -> Option<Promise> {
        let (_, promise) = self.response(operation, status)?;
        Some(promise)
    }

    /// Which response of an operation an answer is.
    #[must_use]
    pub fn answers(&self, operation: usize, status: u16) -> Option<Status> {
        let (found, _) = self.response(operation, status)?;
        Some(found)
    }

    fn response(&self, operation: usize, status: u16) -> Option<(Status, Promise)> {
        let responses = &self.operations.get(operation)?.responses;
        [Status::Exact(status), Status::Class(status / 100), Status::Default]
            .iter()
            .find_map(|wanted| responses.iter().find(|(s, _)| s == wanted).copied())
    }

    /// What is wrong with a text of a schema.
    #[must_use]
    pub fn check(&self, schema: SchemaId, json: &[u8]) -> Vec<Violation> {
        let mut faults = Vec::new();
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(json) {
            return vec![whole("invalid", format!("is no JSON: {error}"))];
        }
        validate_published(&self.schemas, self.ordered, schema, json, &mut faults);
        faults
    }

    /// What is wrong with an answer of an operation. A failure that the documents do not mention may
    /// be anything.
    #[must_use]
    pub fn check_answer(&self, operation: usize, status: u16, body: &[u8]) -> Vec<Violation> {
        match self.promise(operation, status) {
            Some(Promise::Json(schema)) => self.check(schema, body),
            Some(Promise::Nothing) if !body.is_empty() => {
                vec![whole("unknown", "must be empty".to_owned())]
            }
            None if status < 400 && self.is_listed(operation) => {
                vec![whole("invalid", "is not written down".to_owned())]
            }
            None if status < 400 => {
                let promised = self.operations.get(operation).map(|o| &o.responses);
                let promised: Vec<String> = promised
                    .into_iter()
                    .flatten()
                    .filter_map(|(status, _)| match status {
                        Status::Exact(status) => Some(status.to_string()),
                        Status::Class(class) => Some(format!("{class}XX")),
                        Status::Default => None,
                    })
                    .collect();
                vec![whole("invalid", format!("must be one of {}", promised.join(", ")))]
            }
            Some(Promise::Nothing | Promise::Other | Promise::Anything) | None => Vec::new(),
        }
    }
}

impl Promises for Documented {
    fn check(&self, record: &str, theirs: &[u8]) -> Vec<Violation> {
        let schema = self.records.iter().find(|(name, _)| **name == *record);
        schema.map(|(_, schema)| self.check(*schema, theirs)).unwrap_or_default()
    }

    fn compare(&self, record: &str, canonical: &Json, theirs: &Json, read: bool) -> Vec<Unlike> {
        let Some((_, schema)) = self.records.iter().find(|(name, _)| **name == *record) else {
            return Vec::new();
        };
        let name = self.schemas.names().find(|name| self.schemas.named(name) == Some(*schema));
        name.map(|name| self.links.compare(name, canonical, theirs, read)).unwrap_or_default()
    }
}

fn whole(code: &'static str, detail: String) -> Violation {
    Violation { pointer: String::new(), code, detail }
}

#[cfg(test)]
mod tests {
    use crate::dialect::load::documented;
    use crate::syntax::{Diagnostics, Sources, yaml};

    use super::*;

    const FILE: &str = r##"
openapi: 3.1.0
x-ordered: true
paths:
  /a/{id}/b:
    get:
      operationId: b.get
      responses:
        "200": { content: { application/json: { schema: { $ref: "#/components/schemas/B" } } } }
        "204": { description: nothing }
        "409": { $ref: "#/components/responses/Page", x-differs: it was never sent }
        4XX: { $ref: "#/components/responses/Page" }
components:
  responses:
    Page: { content: { text/html: {} } }
  schemas:
    B:
      type: object
      additionalProperties: false
      required: [ id, kind, gone ]
      properties:
        id: { type: integer }
        kind: { enum: [ 0, 1, odd, null ] }
        gone: { type: string, x-differs: no server sends it }
        at: { oneOf: [ { type: object, required: [ x ], properties: { x: { type: integer } } }, { type: array, minItems: 2, items: { type: integer } } ] }
"##;

    fn documented() -> Documented {
        let (mut sources, mut d) = (Sources::default(), Diagnostics::default());
        let id = sources.add("documented.yaml", FILE);
        let node = yaml::parse(&sources, id, yaml::FILE_NODES).unwrap();
        let read = documented::read(Some(&node), &[], &mut d);
        assert!(d.is_empty(), "{}", d.render(&sources, false));
        read.unwrap()
    }

    #[test]
    fn an_answer_is_held_against_its_status() {
        let documented = documented();
        let operation = documented.at("GET", "/a/{p1}/b").unwrap();
        assert_eq!(documented.operation("b.get"), Some(operation));
        let said = |status, body: &str| -> Vec<String> {
            let faults = documented.check_answer(operation, status, body.as_bytes());
            faults.iter().map(|f| format!("{} {}", f.pointer, f.detail)).collect()
        };
        assert!(said(200, r#"{"id":1,"kind":null,"at":{"x":1}}"#).is_empty());
        assert!(said(200, r#"{"id":1,"kind":"odd","gone":7,"at":[1,2]}"#).is_empty());
        assert_eq!(said(200, r#"{"kind":1}"#), ["/id must be there"]);
        assert_eq!(said(200, r#"{"id":1,"kind":2}"#), ["/kind must be 0 or 1 or `odd`"]);
        assert_eq!(said(200, r#"{"id":1,"kind":true}"#), ["/kind must be 0 or 1 or `odd`"]);
        assert_eq!(said(200, r#"{"kind":1,"id":1}"#), ["/id must stand before `kind`"]);
        assert_eq!(
            said(200, r#"{"id":1,"kind":1,"at":{"x":""}}"#),
            ["/at/x must be a whole number"]
        );
        assert_eq!(
            said(200, r#"{"id":1,"kind":1,"at":[1]}"#),
            ["/at must have at least 2 elements"]
        );
        assert_eq!(said(200, r#"{"id":1,"kind":1,"new":1}"#), ["/new is not known here"]);
        assert_eq!(said(204, "{}"), [" must be empty"]);
        assert_eq!(said(201, "{}"), [" must be one of 200, 204, 409, 4XX"]);
        assert!(said(404, "<html>").is_empty() && said(409, "x").is_empty());
        assert!(said(503, "what the pages do not mention").is_empty());
        assert_eq!(said(200, "").len(), 1);
    }
}
