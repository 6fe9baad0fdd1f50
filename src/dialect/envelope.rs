//! How a dialect writes a problem.

use std::sync::Arc;

use super::page::Page;
use crate::canonical::problem::{Problem, ProblemCode};
use crate::mapping::plan::Program;

/// An error table, of a dialect or of one of its routes.
#[derive(Clone, Debug, Default)]
pub struct Envelopes {
    rows: Vec<Envelope>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// `None` is the default row.
    pub code: Option<ProblemCode>,
    /// A refinement: `missing`, `invalid`, `account`, `role`, `route`, `condition`.
    pub cause: Option<Box<str>>,
    /// A member of the client's: only problems that name it.
    pub field: Option<Box<str>>,
    /// The status; `None` keeps the canonical one.
    pub status: Option<u16>,
    /// The body.
    pub body: EnvelopeBody,
}

/// The body of a problem.
#[derive(Clone, Debug)]
pub enum EnvelopeBody {
    /// Written by a program over the document `` (a Problem).
    Program(Box<Program>, &'static str),
    /// A page, filled in from what a program over a Problem writes.
    Page(Box<Program>, Arc<Page>),
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

    /// The row for a problem: code and the member it names, code and cause, the code, the default.
    #[must_use]
    pub fn find(&self, problem: &Problem) -> Option<&Envelope> {
        let of = |cause: Option<&str>| {
            let plain = |r: &&Envelope| r.field.is_none() && r.cause.as_deref() == cause;
            self.rows.iter().filter(plain).find(|r| r.code == Some(problem.code))
        };
        let named = |name: &str| problem.errors.iter().any(|e| e.field.as_deref() == Some(name));
        let about = |r: &&Envelope| r.field.as_deref().is_some_and(named);
        let about = self.rows.iter().filter(about).find(|r| r.code == Some(problem.code));
        about
            .or_else(|| problem.cause.and_then(|cause| of(Some(cause))))
            .or_else(|| of(None))
            .or_else(|| self.rows.iter().find(|r| r.code.is_none()))
    }

    /// The programs that write rows, to be put in place.
    pub(super) fn programs_mut(&mut self) -> impl Iterator<Item = &mut Program> {
        self.rows.iter_mut().filter_map(|row| match &mut row.body {
            EnvelopeBody::Program(program, _) | EnvelopeBody::Page(program, _) => {
                Some(&mut **program)
            }
            EnvelopeBody::Constant(..) => None,
        })
    }

    /// The pages that rows answer with, to be put in place.
    pub(super) fn pages_mut(&mut self) -> impl Iterator<Item = &mut Arc<Page>> {
        self.rows.iter_mut().filter_map(|row| match &mut row.body {
            EnvelopeBody::Page(_, page) => Some(page),
            _ => None,
        })
    }

    /// The pages that rows answer with.
    pub fn pages(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.rows.iter().filter_map(|row| match &row.body {
            EnvelopeBody::Page(_, page) => Some(page),
            _ => None,
        })
    }
}
