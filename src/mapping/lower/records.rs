//! Records by name: whether they are there, go that way, are of the type, get their arguments.

use std::sync::atomic::Ordering;

use crate::mapping::document::{Only, PlaceText, Record, Word};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::{Cursor, Env, Lower};

impl<'l> Lower<'l, '_> {
    /// A record by its name, in a direction; problems and cycles are reported.
    pub(super) fn record(&mut self, name: &Word, direction: Only) -> Option<&'l Record> {
        let lib = self.lib;
        let Some(record) = lib.record(&name.0) else {
            if !lib.is_lost(&name.0) {
                let known = lib.records.iter().map(|r| &*r.name.0);
                self.error(
                    Diagnostic::error(
                        Code::UnknownRecord,
                        name.1,
                        format!("there is no record `{}`", name.0),
                    )
                    .suggest(closest(&name.0, known)),
                );
            }
            self.failed = true;
            return None;
        };
        if self.stack.contains(&name.0) {
            let from = self.stack.iter().position(|n| *n == name.0).unwrap_or(0);
            let cycle = self.stack.get(from..).unwrap_or_default();
            // One report for a cycle: where it comes back to the first of its names.
            if cycle.iter().any(|n| *n < name.0) {
                self.failed = true;
                return None;
            }
            let mut way = cycle.join(" → ");
            way.push_str(&format!(" → {}", name.0));
            self.error(Diagnostic::error(
                Code::RecordCycle,
                name.1,
                format!("the record `{}` contains itself: {way}", name.0),
            ));
            return None;
        }
        if !record.goes(direction) {
            let (is, due) = match direction {
                Only::Encode => ("decode", "encode"),
                Only::Decode => ("encode", "decode"),
            };
            self.error(
                Diagnostic::error(
                    Code::NotInvertible,
                    name.1,
                    format!("the record `{}` is `only: {is}`, but here it must {due}", name.0),
                )
                .related(record.name.1, "defined here"),
            );
            return None;
        }
        if self.mark {
            record.used.store(true, Ordering::Relaxed);
        }
        Some(record)
    }

    /// Whether a record is of the type that stands at its place.
    pub(super) fn fits(&mut self, record: &Record, ty: &Ty, span: Span) -> Option<()> {
        let Some(own) = self.lib.record_type(record, self.d) else {
            self.failed = true;
            return None;
        };
        // A record of one alternative, or of the whole union, is fine for an alternative.
        let (mine, theirs) = (own.leaves(self.contract()), ty.leaves(self.contract()));
        let within = !theirs.is_empty()
            && theirs.iter().all(|t| {
                mine.iter().any(|m| Ty::of(*m).same(&Ty::of(*t), self.lib.contract.as_ref()))
            });
        if own.same(ty, self.contract()) || within {
            return Some(());
        }
        let (mine, theirs) = (own.describe(self.contract()), ty.describe(self.contract()));
        self.error(
            Diagnostic::error(
                Code::TypeMismatch,
                span,
                format!("the record `{}` is of {mine}, but here stands {theirs}", record.name.0),
            )
            .related(record.name.1, "defined here"),
        );
        None
    }

    /// The arguments of a record, by name.
    pub(super) fn arguments(
        &mut self,
        record: &Record,
        give: &[(Word, PlaceText)],
        span: Span,
        env: &Env<'_>,
    ) -> Option<Vec<(Box<str>, Cursor)>> {
        for (name, _) in give {
            if !record.needs.iter().any(|n| n.name.0 == name.0) {
                let message = format!("the record `{}` needs no `{}`", record.name.0, name.0);
                let known = record.needs.iter().map(|n| &*n.name.0);
                self.error(
                    Diagnostic::error(Code::MissingArgument, name.1, message)
                        .suggest(closest(&name.0, known)),
                );
            }
        }
        let mut names = Vec::new();
        let mut sound = true;
        for need in &record.needs {
            let Some((_, place)) = give.iter().find(|(n, _)| n.0 == need.name.0) else {
                let message = format!("the record `{}` needs `{}`", record.name.0, need.name.0);
                let help = format!("add `give: {{ {}: $.place }}`", need.name.0);
                self.error(
                    Diagnostic::error(Code::MissingArgument, span, message)
                        .help(help)
                        .related(need.name.1, "declared here"),
                );
                sound = false;
                continue;
            };
            let (Some(cursor), Some(ty)) =
                (self.place(place, env), self.lib.need_type(need, self.d))
            else {
                sound = false;
                continue;
            };
            if !ty.same(&cursor.ty, self.contract()) {
                let (due, is) = (ty.describe(self.contract()), cursor.ty.describe(self.contract()));
                let message = format!("`{}` must be {due}, but this is {is}", need.name.0);
                self.error(
                    Diagnostic::error(Code::TypeMismatch, place.span, message)
                        .related(need.name.1, "declared here"),
                );
                sound = false;
            }
            names.push((need.name.0.clone(), cursor));
        }
        sound.then_some(names)
    }
}
