//! Where programs begin: a record over a whole document, a specification, a place.

use crate::mapping::document::{Only, PlaceText, Record, Rule, Word, read_give};
use crate::mapping::plan::{Emit, Gap, Source};
use crate::mapping::types::Ty;
use crate::syntax::{Node, Span, Value};

use super::{Cursor, Lower};

impl<'l> Lower<'l, '_> {
    /// A record over a whole document of the dialect.
    pub(crate) fn decode_root(
        &mut self,
        record: &Record,
        object: &Cursor,
        ty: &Ty,
        at: &Word,
    ) -> Option<Emit> {
        let from = Source {
            at: object.at,
            site: self.site(object, "", at.1),
            when_null: Gap::Refuse,
            when_absent: Gap::Absent,
        };
        self.decode_body("", record, object, ty, Some(from))
    }

    /// A record over a whole canonical document.
    pub(crate) fn encode_root(
        &mut self,
        record: &Record,
        object: &Cursor,
        names: Vec<(Box<str>, Cursor)>,
    ) -> Option<Emit> {
        let rule = Rule::plain(record.name.1);
        let env = self.open();
        self.encode_body("", record, object, names, &rule, &env)
    }

    /// A rule that stands for itself.
    pub(crate) fn specified(&mut self, rule: &Rule) -> Option<Emit> {
        let env = self.open();
        self.encode_rule("", rule, &env).map(|(emit, _)| emit)
    }

    /// The record of a body.
    pub(crate) fn body_record(&mut self, name: &Word) -> Option<&'l Record> {
        self.record(name, Only::Decode)
    }

    /// Whether it is of the type that the operation takes.
    pub(crate) fn body_fits(&mut self, record: &Record, ty: &Ty, span: Span) -> Option<()> {
        self.fits(record, ty, span)
    }

    /// Takes the arguments that `give` of a body fills. A body before any call has none to give.
    pub(crate) fn arguments_of(&mut self, record: &Record, spec: &Node, span: Span) -> Option<()> {
        let Some(give) = spec.get("give") else { return Some(()) };
        let give = read_give(give, self.d);
        let env = self.open();
        self.given = self.arguments(record, &give, span, &env)?;
        Some(())
    }

    /// A whole value of a type, copied from a place.
    pub(crate) fn whole(&mut self, place: &PlaceText, ty: &Ty) -> Option<Emit> {
        let env = self.open();
        let node = Node { span: place.span, value: Value::Text(place.place.to_string()) };
        self.expression("", &node, ty, false, &env)
    }
}
