//! How a dialect writes a problem.

use crate::canonical::problem::ProblemCode;
use crate::mapping::plan::Program;

/// An error table, of a dialect or of one of its routes.
#[derive(Debug, Default)]
pub struct Envelopes {
    rows: Vec<Envelope>,
}

/// One row.
#[derive(Debug)]
pub struct Envelope {
    /// `None` is the default row.
    pub code: Option<ProblemCode>,
    /// A refinement: `missing`, `invalid`, `account`, `role`, `route`, `condition`.
    pub cause: Option<Box<str>>,
    /// The status; `None` keeps the canonical one.
    pub status: Option<u16>,
    /// The body.
    pub body: EnvelopeBody,
}

/// The body of a problem.
#[derive(Debug)]
pub enum EnvelopeBody {
    /// Written by a program over the document `` (a Problem).
    Program(Box<Program>, &'static str),
    /// A constant with its media type.
    Constant(Box<[u8]>, &'static str),
}

impl Envelopes {
    /// A table of these rows.
    #[must_use]
    pub fn new(rows: Vec<Envelope>) -> Self {
        Self { rows }
    }

    /// Every row.
    #[must_use]
    pub fn rows(&self) -> &[Envelope] {
        &self.rows
    }

    /// The status of each row.
    pub fn statuses(&self) -> impl Iterator<Item = u16> + '_ {
        self.rows.iter().filter_map(|row| row.status.or(row.code.map(ProblemCode::status)))
    }

    /// The row for a problem: code and cause, then the code, then the default.
    #[must_use]
    pub fn find(&self, code: ProblemCode, cause: Option<&str>) -> Option<&Envelope> {
        let of = |cause: Option<&str>| {
            self.rows.iter().find(|r| r.code == Some(code) && r.cause.as_deref() == cause)
        };
        cause
            .and_then(|c| of(Some(c)))
            .or_else(|| of(None))
            .or_else(|| self.rows.iter().find(|r| r.code.is_none()))
    }
}
