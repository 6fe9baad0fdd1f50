//! Decision tables: the first row whose tests hold says what a column is.
//!
//! Each column looks for its row by itself: rows are few, and nothing has to be remembered between
//! columns. Events of rows and tables are counted when the first column is written.

use smallvec::SmallVec;

use super::test::{holds, is};
use super::value::{accepted, spelled};
use super::{Run, Wrote, fault};
use crate::mapping::plan::{Convert, Input, Relation, RelationRaw, Row, Test, Write};

/// The inputs as the tests see them; `None` is absent.
type Inputs<'a> = SmallVec<[Option<&'a str>; 8]>;

impl<'a> Run<'a> {
    pub(super) fn column(&mut self, relation: &'a Relation, column: u8) -> Wrote {
        let counted = column == 0;
        let mut inputs = Inputs::new();
        let mut sound = true;
        for input in &relation.inputs {
            match self.input(input, counted) {
                Some(value) => inputs.push(value),
                None => sound = false,
            }
        }
        if !sound {
            return Wrote::Absent;
        }
        let Some(row) = relation.rows.iter().find(|row| all(&row.tests, &inputs)) else {
            let fields =
                relation.inputs.iter().filter_map(|i| self.program.sites.get(i.site.0 as usize));
            let detail = fault::no_row(fields.map(|site| &*site.field));
            return self.fault(relation.site, "invalid", detail);
        };
        if counted {
            self.count(row.event);
        }
        let start = self.out.len();
        let raw = relation.raw.as_ref().filter(|raw| raw.output == column);
        let wrote = match raw.and_then(|raw| self.given_back(relation, raw, row, &inputs)) {
            Some(value) => self.constant(value.as_bytes()),
            None => self.write(relation, row.writes.get(usize::from(column)), &inputs),
        };
        let check = relation.outputs.get(usize::from(column)).and_then(|output| output.check);
        match check {
            Some(schema) if wrote != Wrote::Absent => {
                self.check(schema, start, relation.site, wrote)
            }
            _ => wrote,
        }
    }

    /// An input as the tests see it; the outer `None` is a fault.
    fn input(&mut self, input: &'a Input, counted: bool) -> Option<Option<&'a str>> {
        let missing = || input.missing.as_deref().and_then(|m| std::str::from_utf8(m).ok());
        let Some(token) = self.token(input.at).or_else(missing) else { return Some(None) };
        if token == "null" || super::test::one_of(token, &input.also_null) {
            return Some(Some("null"));
        }
        let token = if self.program.lenient { spelled(input.accept, token) } else { token };
        if !accepted(input.accept, token) {
            self.fault(input.site, "wrong_type", fault::wrong_type(input.accept, token));
            return None;
        }
        match &input.convert {
            Convert::Enum(op) => {
                let word = self.word(op, token, input.site, counted)?;
                Some(std::str::from_utf8(word).ok())
            }
            _ => Some(Some(token)),
        }
    }

    fn write(
        &mut self,
        relation: &'a Relation,
        write: Option<&'a Write>,
        inputs: &Inputs<'a>,
    ) -> Wrote {
        match write {
            None | Some(Write::Absent) => Wrote::Absent,
            Some(Write::Const(bytes)) => self.constant(bytes),
            Some(Write::Copy(from)) => {
                let from = usize::from(*from);
                let Some(input) = relation.inputs.get(from) else { return Wrote::Absent };
                match inputs.get(from).copied().flatten() {
                    None => Wrote::Absent,
                    Some("null") => self.null(),
                    // The table has been looked up already.
                    Some(word) if matches!(input.convert, Convert::Enum(_)) => {
                        self.constant(word.as_bytes())
                    }
                    Some(token) => self.convert(&input.convert, input.accept, token, input.site),
                }
            }
        }
    }

    /// The raw word, if decoding it beside the other columns as they are about to be written gives
    /// what is there.
    fn given_back(
        &mut self,
        relation: &'a Relation,
        raw: &'a RelationRaw,
        row: &'a Row,
        inputs: &Inputs<'a>,
    ) -> Option<&'a str> {
        let system = self.token(raw.system)?;
        let value = self.token(raw.value).filter(|value| *value != "null")?;
        if !is(system, &raw.ours) {
            return None;
        }
        for (dialect, canonical) in &raw.back {
            let mut matches = true;
            for (at, test) in dialect.iter().enumerate() {
                matches = if at == usize::from(raw.output) {
                    holds(test, Some(value))
                } else {
                    self.would_hold(relation, test, row.writes.get(at), inputs)
                };
                if !matches {
                    break;
                }
            }
            if matches {
                return all(canonical, inputs).then_some(value);
            }
        }
        None
    }

    /// Whether a test holds for what a column is about to write: it is written and cut off again.
    fn would_hold(
        &mut self,
        relation: &'a Relation,
        test: &Test,
        write: Option<&'a Write>,
        inputs: &Inputs<'a>,
    ) -> bool {
        if *test == Test::Any {
            return true;
        }
        let start = self.out.len();
        let wrote = self.write(relation, write, inputs);
        let written = self.out.get(start..).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let held = holds(test, written.filter(|_| wrote != Wrote::Absent));
        self.out.truncate(start);
        held
    }
}

fn all(tests: &[Test], inputs: &Inputs<'_>) -> bool {
    tests.iter().enumerate().all(|(at, test)| holds(test, inputs.get(at).copied().flatten()))
}
