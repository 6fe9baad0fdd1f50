//! What was wrong with the documents of a run, in the words of who sent them.

use std::fmt;

use crate::json::scan::ScanError;
use crate::json::text::{self, Kind};
use crate::mapping::plan::{Site, Step, Types};
use crate::syntax::Span;

/// Most faults reported of one run.
pub const MOST_FAULTS: usize = 32;

/// Why a run wrote nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Faults {
    /// A document is no JSON.
    Malformed(Malformed),
    /// Documents do not hold what the mapping needs: one fault or more, at most [`MOST_FAULTS`].
    Invalid(Vec<Fault>),
}

/// A document that is no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Index of the document.
    pub document: u8,
    /// Byte offset.
    pub offset: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Why, in plain words: ``expected `,` or `}` ``.
    pub reason: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Index of the document.
    pub document: u8,
    /// RFC 6901 pointer into it.
    pub pointer: String,
    /// The key of the rule, as the dialect writes it.
    pub field: String,
    /// The rule.
    pub rule: Span,
    /// `required`, `invalid`, `wrong_type`, or what the contract's check says (`too_long`, …).
    pub code: &'static str,
    /// The rest of a sentence that begins with the field: `must be text, not a number`.
    pub detail: String,
}

impl Malformed {
    pub(super) fn new(document: usize, bytes: &[u8], error: &ScanError) -> Self {
        let (line, column) = error.line_column(bytes);
        let document = u8::try_from(document).unwrap_or(u8::MAX);
        Self { document, offset: error.offset, line, column, reason: error.to_string() }
    }
}

impl Fault {
    /// A fault at a site; `element` gives the index of the element that a frame stands for.
    pub(super) fn new(
        site: &Site,
        element: impl Fn(u8) -> Option<u32>,
        code: &'static str,
        detail: String,
    ) -> Self {
        let mut pointer = String::new();
        for step in &site.pointer {
            pointer.push('/');
            match step {
                Step::Member(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => pointer.push_str(&index.to_string()),
                // `-` is the element that is not there.
                Step::Element(frame) => match element(*frame) {
                    Some(index) => pointer.push_str(&index.to_string()),
                    None => pointer.push('-'),
                },
            }
        }
        Self {
            document: site.document,
            pointer,
            field: site.field.to_string(),
            rule: site.rule,
            code,
            detail,
        }
    }

    /// Keeps the fault, unless it is known already or there are enough.
    pub(super) fn keep(self, faults: &mut Vec<Self>) {
        if faults.len() < MOST_FAULTS && !faults.contains(&self) {
            faults.push(self);
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {}", self.field, self.pointer, self.detail)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(m) => write!(f, "line {}, column {}: {}", m.line, m.column, m.reason),
            Self::Invalid(faults) => {
                for (n, fault) in faults.iter().enumerate() {
                    write!(f, "{}{fault}", if n == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Faults {}

pub(super) const REQUIRED: &str = "is required";
pub(super) const MISSING: &str = "is missing, and the contract promises it";

/// The wording of a value of the wrong type.
pub(super) fn wrong_type(accepted: Types, token: &str) -> String {
    let mut words = Vec::new();
    for (types, word) in [
        (Types::STRING, "text"),
        (Types::NUMBER, "a number"),
        (Types::INTEGER, "a whole number"),
        (Types::BOOLEAN, "true or false"),
        (Types::TEXTS, "a list of texts"),
        (Types::LIST, "a list"),
        (Types::OBJECT, "an object"),
    ] {
        let told = (types == Types::INTEGER && accepted.has(Types::NUMBER))
            || (types == Types::LIST && accepted == Types::TEXTS);
        if accepted.has(types) && !told {
            words.push(word);
        }
    }
    let found = match text::kind(token) {
        Kind::Null => "null",
        Kind::Boolean => "true or false",
        Kind::Integer => "a whole number",
        Kind::Number => "a number",
        Kind::String => "text",
        Kind::List if accepted == Types::TEXTS => "one of something else",
        Kind::List => "a list",
        Kind::Object => "an object",
    };
    format!("must be {}, not {found}", words.join(" or "))
}

/// The wording of a value that is none of those known.
pub(super) fn unknown_word<'a>(known: impl Iterator<Item = &'a [u8]>) -> String {
    const MOST: usize = 12;
    let mut known: Vec<_> = known.map(String::from_utf8_lossy).collect();
    known.dedup();
    let more = known.len() > MOST;
    known.truncate(MOST);
    let rest = if more { ", …" } else { "" };
    format!("must be one of {}{rest}", known.join(", "))
}

/// The wording of a row that does not exist.
pub(super) fn no_row<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let columns: Vec<_> = columns.collect();
    format!("cannot be combined like this: {}", columns.join(", "))
}

/// The type of a token, as a set of one.
pub(super) fn type_of(token: &str) -> u8 {
    match text::kind(token) {
        Kind::Null => 0,
        Kind::Boolean => Types::BOOLEAN.0,
        Kind::Integer => Types::INTEGER.0,
        Kind::Number => Types::NUMBER.0 & !Types::INTEGER.0,
        Kind::String => Types::STRING.0,
        Kind::List => Types::LIST.0,
        Kind::Object => Types::OBJECT.0,
    }
}
