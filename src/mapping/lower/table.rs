//! Tables of words: which one a line names, whether it fits the place, and what it reads.

use std::sync::atomic::Ordering;

use crate::json::place::Hop;
use crate::mapping::document::{EnumTable, Json, Only, PlaceText, Word, text};
use crate::mapping::plan::{EnumOp, RawBack, Types};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::value::listed;
use super::{Cursor, Env, Lower};

impl<'l> Lower<'l, '_> {
    /// A table read from the dialect, and the JSON types it reads.
    pub(super) fn enum_decode(
        &mut self,
        table: &EnumTable,
        record: Option<&crate::mapping::document::Record>,
    ) -> (EnumOp, Types) {
        let folds = self.event(record, "folded");
        let mut types = Types::default();
        let mut rows = Vec::new();
        for (row, fold) in table.decoding() {
            if text::is_null(&row.dialect.0) {
                continue;
            }
            types = types.or(text::type_of(&row.dialect.0));
            let folds = folds.filter(|_| fold);
            rows.push((row.dialect.0.clone(), row.canonical.0.clone(), folds));
        }
        let unknown = table.unknown_as.as_ref().and_then(|(word, _)| {
            let event = self.event(record, "unknown")?;
            types = types.or(Types::ANY);
            Some((word.clone(), event))
        });
        (EnumOp { rows, unknown, raw: None }, types)
    }

    /// The raw sibling of a table, when encoding.
    pub(super) fn raw_back(
        &mut self,
        table: &EnumTable,
        raw: &PlaceText,
        source: &crate::mapping::document::Source,
        env: &Env<'_>,
    ) -> Option<RawBack> {
        // The sibling stands in the object that the value's own place begins at.
        let mut sibling = raw.clone();
        if let crate::mapping::document::Source::At(place) = source {
            sibling.place.root = place.place.root.clone();
        }
        let holder = self.place(&sibling, env)?;
        let (system, value) = self.raw_members(&holder, raw.span)?;
        Some(RawBack {
            system: system.at,
            value: value.at,
            ours: text::quoted(&self.lib.settings.system),
            back: table
                .decoding()
                .map(|(r, _)| (r.dialect.0.clone(), r.canonical.0.clone()))
                .collect(),
        })
    }

    /// `system` and `value` of a raw sibling.
    pub(super) fn raw_members(&mut self, c: &Cursor, span: Span) -> Option<(Cursor, Cursor)> {
        let mut member = |name: &str| {
            let hop = Hop::Member(name.into());
            match c.ty.step(self.contract(), &hop) {
                Ok((ty, _)) => Some(self.down(c, &hop, ty)),
                Err(_) => None,
            }
        };
        let found = member("system").zip(member("value"));
        if found.is_none() {
            let is = c.ty.describe(self.contract());
            self.error(Diagnostic::error(
                Code::TypeMismatch,
                span,
                format!("a raw value is an object of `system` and `value`, but this is {is}"),
            ));
        }
        found
    }

    /// An enum table by its name, in a direction.
    pub(super) fn table(&mut self, name: &Word, direction: Only) -> Option<&'l EnumTable> {
        let lib = self.lib;
        let Some(table) = lib.enums.iter().find(|e| e.name.0 == name.0) else {
            if !lib.is_lost(&name.0) {
                let known = lib.enums.iter().map(|e| &*e.name.0);
                self.error(
                    Diagnostic::error(
                        Code::UnknownEnum,
                        name.1,
                        format!("there is no enum table `{}`", name.0),
                    )
                    .suggest(closest(&name.0, known)),
                );
            }
            self.failed = true;
            return None;
        };
        if self.mark {
            table.used.store(true, Ordering::Relaxed);
        }
        if table.only.is_some_and(|only| only != direction) {
            let (is, due) = match direction {
                Only::Encode => ("decode", "encode"),
                Only::Decode => ("encode", "decode"),
            };
            self.error(
                Diagnostic::error(
                    Code::NotInvertible,
                    name.1,
                    format!("the table `{}` is `only: {is}`, but here it must {due}", name.0),
                )
                .related(table.name.1, "defined here"),
            );
            return None;
        }
        Some(table)
    }

    /// Whether a table is of the words that stand at its place.
    pub(super) fn table_fits(&mut self, table: &EnumTable, ty: &Ty, span: Span) -> Option<()> {
        if let Some(row) = table.decoding().map(|(r, _)| r).find(|r| r.lists()) {
            let message = "several values at once are for a parameter that is a list";
            self.error(
                Diagnostic::error(Code::TypeMismatch, row.canonical.1, message)
                    .related(span, "here one value is due"),
            );
            return None;
        }
        self.words_fit(table, ty, span)
    }

    /// The same where a list of such words stands: one word of theirs is one value of it or several.
    /// Null is none.
    pub(super) fn table_of_list(
        &mut self,
        table: &EnumTable,
        item: &Ty,
        span: Span,
    ) -> Option<(EnumOp, Types)> {
        self.words_fit(table, item, span)?;
        let (mut op, types) = self.enum_decode(table, None);
        for (_, canonical, _) in &mut op.rows {
            if !text::is_null(canonical) {
                *canonical = listed(canonical);
            }
        }
        Some((op, types))
    }

    fn words_fit(&mut self, table: &EnumTable, ty: &Ty, span: Span) -> Option<()> {
        let Some(own) = self.lib.enum_type(table, self.d) else {
            self.failed = true;
            return None;
        };
        let types = ty.types(self.contract());
        let (mine, theirs) = (own.words(self.contract()), ty.words(self.contract()));
        let words = |a: &[Box<str>], b: &[Box<str>]| a.iter().all(|w| b.contains(w));
        let fits = match (&own, mine.is_empty(), theirs.is_empty()) {
            // A table without a type: its words must be words of the place.
            (Ty::Any, ..) | (_, true, _) => {
                theirs.is_empty()
                    || table.encoding().chain(table.decoding()).all(|(r, _)| {
                        let word =
                            |value: &Json| theirs.iter().any(|w| *text::quoted(w) == **value);
                        text::is_null(&r.canonical.0) || r.values().iter().all(word)
                    })
            }
            (_, false, false) => words(&theirs, &mine),
            (_, false, true) => types == Types::ANY,
        };
        if fits && types.0 & (Types::STRING.0 | Types::NUMBER.0 | Types::BOOLEAN.0) != 0 {
            return Some(());
        }
        let (mine, theirs) = (own.describe(self.contract()), ty.describe(self.contract()));
        self.error(
            Diagnostic::error(
                Code::TypeMismatch,
                span,
                format!("the table `{}` is of {mine}, but here stands {theirs}", table.name.0),
            )
            .related(table.name.1, "defined here"),
        );
        None
    }
}
