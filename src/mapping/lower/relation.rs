//! Decision tables, in both directions.

use crate::mapping::document::codecs;
use crate::mapping::document::{Cell, Column, Json, Only, Relation, Row, Word, text};
use crate::mapping::plan::{
    self, Codec, Convert, Emit, Input, Omit, Output, RelationRaw, Test, Types, Write,
};
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::decode::Aim;
use super::target::Tree;
use super::{Env, Lower, Mode};

impl Lower<'_, '_> {
    /// The relation of a record by its name.
    fn relation<'r>(
        &mut self,
        name: &Word,
        record: Option<&'r crate::mapping::document::Record>,
    ) -> Option<&'r Relation> {
        let all = record.map_or(&[][..], |r| r.relations.as_slice());
        let found = all.iter().find(|r| r.name.0 == name.0);
        if found.is_none() {
            self.failed = true;
            if !record.is_some_and(|r| r.broken) {
                self.error(
                    Diagnostic::error(
                        Code::UnknownRelation,
                        name.1,
                        format!("there is no relation `{}` here", name.0),
                    )
                    .suggest(closest(&name.0, all.iter().map(|r| &*r.name.0))),
                );
            }
        }
        found
    }

    /// The column of a relation that a field line names.
    fn column(&mut self, relation: &Relation, key: &[Box<str>], span: Span) -> Option<()> {
        let found = relation.dialect.iter().find(|c| c.key == key);
        let whole = key.join(".");
        match found {
            Some(column) if !column.guard => Some(()),
            Some(_) => {
                let message = format!(
                    "`{whole}` is a guard of `{}`: looked at, never written",
                    relation.name.0
                );
                self.error(Diagnostic::error(Code::UnknownRelation, span, message));
                None
            }
            None => {
                let names = relation.dialect.iter().filter(|c| !c.guard).map(|c| &*c.name.0);
                let message = format!("the relation `{}` has no column `{whole}`", relation.name.0);
                self.error(
                    Diagnostic::error(Code::UnknownRelation, span, message)
                        .suggest(closest(&whole, names)),
                );
                None
            }
        }
    }

    /// What a field line of a relation writes when encoding.
    pub(super) fn encode_column(
        &mut self,
        name: &Word,
        key: &[Box<str>],
        span: Span,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let relation = self.relation(name, env.record)?;
        self.column(relation, key, span)?;
        let known = self
            .known
            .iter()
            .find(|(i, n, _)| *i == env.instance && *n == relation.name.0)
            .map(|(.., index)| *index);
        let index = match known {
            Some(index) => index,
            None => {
                let made = self.encode_relation(relation, env);
                let index = made.map(|made| {
                    self.relations.push(made);
                    u16::try_from(self.relations.len() - 1).unwrap_or(u16::MAX)
                });
                self.known.push((env.instance, relation.name.0.clone(), index));
                index
            }
        };
        let order = guards_last(relation, relation.dialect.iter().collect());
        let column = order.iter().position(|c| c.key == key)?;
        Some(Emit::Column { relation: index?, column: u8::try_from(column).ok()? })
    }

    /// Outputs are all dialect columns, guards last: a guard's is what the paired canonical guard
    /// holds, which only the raw sibling looks at.
    fn encode_relation(&mut self, relation: &Relation, env: &Env<'_>) -> Option<plan::Relation> {
        let mut inputs = Vec::new();
        let mut first = None;
        for (index, (place, guard)) in relation.canonical.iter().enumerate() {
            let c = self.place(place, env)?;
            let site = self.site(&c, &relation.name.0, place.span);
            if !guard {
                first = first.or(Some(site));
            }
            inputs.push(Input {
                at: c.at,
                site,
                convert: self.copied_as(relation, index, &c.ty)?,
                accept: match c.ty.types(self.contract()) {
                    types if types == Types::default() => Types::ANY,
                    types => types,
                },
                also_null: Vec::new(),
                missing: Some(b"null".as_slice().into()),
            });
        }
        let rows = relation.rows.iter().map(|r| (r, false));
        let rows: Vec<_> = rows
            .chain(relation.encode_only.iter().map(|r| (r, true)))
            .map(|(row, folds)| self.encode_row(relation, row, folds, env))
            .collect();
        let raw = match &relation.raw {
            None => None,
            Some((of, at)) => {
                let holder = self.place(at, env)?;
                let (system, value) = self.raw_members(&holder, at.span)?;
                let order = guards_last(relation, relation.dialect.iter().collect());
                let output = order.iter().position(|c| c.name.0 == of.0)?;
                let back = relation.rows.iter().chain(&relation.decode_only);
                Some(RelationRaw {
                    output: u8::try_from(output).ok()?,
                    system: system.at,
                    value: value.at,
                    ours: text::quoted(&self.lib.settings.system),
                    back: back
                        .map(|row| {
                            let outputs = row
                                .dialect
                                .iter()
                                .zip(&relation.dialect)
                                .map(|(cell, column)| self.outward(cell, column))
                                .collect();
                            let outputs = guards_last(relation, outputs);
                            (outputs, row.canonical.iter().map(test).collect())
                        })
                        .collect(),
                })
            }
        };
        Some(plan::Relation {
            site: first.or_else(|| inputs.first().map(|i| i.site))?,
            inputs,
            outputs: relation.dialect.iter().map(|_| Output { check: None }).collect(),
            rows: rows.into_iter().collect::<Option<_>>()?,
            raw,
        })
    }

    /// A dialect cell as a test of what is written: words of a table in the dialect's spelling.
    fn outward(&self, cell: &Cell, column: &Column) -> Test {
        match (cell, &column.value.table) {
            (Cell::Value(word), Some(name)) => {
                let table = self.lib.enums.iter().find(|e| e.name.0 == name.0);
                let spellings: Vec<Json> = table
                    .into_iter()
                    .flat_map(|t| t.decoding())
                    .filter(|(r, _)| r.canonical.0 == *word)
                    .map(|(r, _)| r.dialect.0.clone())
                    .collect();
                Test::Is(spellings)
            }
            _ => test(cell),
        }
    }

    /// How a canonical column is converted for the dialect column that copies it.
    fn copied_as(
        &mut self,
        relation: &Relation,
        index: usize,
        ty: &crate::mapping::types::Ty,
    ) -> Option<Convert> {
        let rows = relation.rows.iter().chain(&relation.encode_only);
        let mut found: Option<(Codec, bool, Span)> = None;
        let mut plain = false;
        for row in rows {
            let Some(column) = paired(&row.canonical, &row.dialect, index) else { continue };
            let Some(column) = relation.dialect.get(column) else { continue };
            match column.value.codec {
                Some((codec, span)) => found = Some((codec, column.value.write_text, span)),
                None => plain = true,
            }
        }
        if let (Some((.., span)), true) = (found, plain) {
            let message = "one canonical column is copied into columns of different codecs";
            self.error(Diagnostic::error(Code::TypeMismatch, span, message));
            return None;
        }
        Some(match found {
            Some((codec, text, span)) => {
                self.codec_fits(codec, ty, span);
                Convert::Codec { codec, decode: false, text }
            }
            None => Convert::Copy,
        })
    }

    fn encode_row(
        &mut self,
        relation: &Relation,
        row: &Row,
        folds: bool,
        env: &Env<'_>,
    ) -> Option<plan::Row> {
        let guards: Vec<usize> = (relation.canonical.iter().enumerate())
            .filter(|(_, (_, guard))| *guard)
            .map(|(i, _)| i)
            .collect();
        let mut guard = 0;
        let mut writes = Vec::new();
        for (index, (cell, column)) in row.dialect.iter().zip(&relation.dialect).enumerate() {
            if column.guard {
                let from = guards.get(guard).and_then(|i| u8::try_from(*i).ok());
                writes.push(from.map_or(Write::Absent, Write::Copy));
                guard += 1;
                continue;
            }
            writes.push(match cell {
                Cell::Value(word) => Write::Const(self.spelled(word, column, row.span)?),
                Cell::Null => Write::Const(b"null".as_slice().into()),
                Cell::Absent => Write::Absent,
                Cell::Copy => {
                    let from = paired(&row.dialect, &row.canonical, index)?;
                    Write::Copy(u8::try_from(from).ok()?)
                }
                Cell::Any | Cell::Set => {
                    let message =
                        format!("this row does not say what `{}` is written as", column.name.0);
                    self.error(Diagnostic::error(Code::Unwritten, row.span, message));
                    return None;
                }
            });
        }
        let event = folds.then(|| self.event(env.record, "folded")).flatten();
        let writes = guards_last(relation, writes);
        Some(plan::Row { tests: row.canonical.iter().map(test).collect(), writes, event })
    }

    /// A word of a row in the dialect's spelling.
    fn spelled(&mut self, word: &Json, column: &Column, span: Span) -> Option<Json> {
        let Some(name) = &column.value.table else { return Some(word.clone()) };
        let table = self.table(name, Only::Encode)?;
        if let Some((row, _)) = table.encoding().find(|(r, _)| r.canonical.0 == *word) {
            return Some(row.dialect.0.clone());
        }
        let shown = text::show(word);
        let known: Vec<String> =
            table.encoding().map(|(r, _)| text::show(&r.canonical.0)).collect();
        self.error(
            Diagnostic::error(
                Code::TypeMismatch,
                span,
                format!("the table `{}` has no `{shown}`", table.name.0),
            )
            .suggest(closest(&shown, known.iter().map(String::as_str))),
        );
        None
    }

    /// A field line of a relation when decoding: the first one puts every canonical column.
    pub(super) fn decode_relation(
        &mut self,
        name: &Word,
        key: &[Box<str>],
        span: Span,
        aim: &Aim<'_>,
        tree: &mut Tree,
    ) {
        let Some(relation) = self.relation(name, aim.record) else { return };
        if self.column(relation, key, span).is_none() {
            return;
        }
        let instance = self.known.iter().any(|(i, n, _)| *i == aim.instance && *n == name.0);
        if instance {
            return;
        }
        self.known.push((aim.instance, name.0.clone(), None));
        let Some(made) = self.decode_table_of(relation, aim) else { return };
        self.relations.push(made);
        let index = u16::try_from(self.relations.len() - 1).unwrap_or(u16::MAX);
        let outputs = relation.canonical.iter().filter(|(_, guard)| !guard);
        for (column, (place, _)) in outputs.enumerate() {
            let column = u8::try_from(column).unwrap_or(u8::MAX);
            let emit = Emit::Column { relation: index, column };
            self.put(tree, place, emit, Omit::Never, place.span);
        }
        if let Some((of, at)) = &relation.raw
            && let Some(column) = relation.dialect.iter().find(|c| c.name.0 == of.0)
            && let Some(target) = self.target(at, aim)
        {
            let d = self.key(&aim.object, &column.key);
            let omit = if self.mode == Mode::Patch { Omit::Null } else { Omit::Never };
            if let Some(emit) = self.raw_value(&d, &target.ty, at.span) {
                self.put(tree, at, emit, omit, at.span);
            }
        }
    }

    fn decode_table_of(&mut self, relation: &Relation, aim: &Aim<'_>) -> Option<plan::Relation> {
        let mut targets = Vec::new();
        for (place, guard) in &relation.canonical {
            let found = match guard {
                true => None,
                false => Some(self.target(place, aim)?),
            };
            targets.push(found);
        }
        let mut inputs = Vec::new();
        let mut first = None;
        for (index, column) in relation.dialect.iter().enumerate() {
            let d = self.key(&aim.object, &column.key);
            let site = self.site(&d, &aim.field(&column.name.0), column.name.1);
            if !column.guard {
                first = first.or(Some(site));
            }
            let (convert, accept) = self.read_as(relation, index, column, &targets, aim)?;
            inputs.push(Input {
                at: d.at,
                site,
                convert,
                accept,
                also_null: column.also_null.clone(),
                missing: match (self.mode, &column.missing_as) {
                    (Mode::Patch, _) => None,
                    (_, Some(json)) => Some(json.clone()),
                    (Mode::Answer, None) => Some(b"null".as_slice().into()),
                    (Mode::Request, None) => None,
                },
            });
        }
        let rows = relation.rows.iter().map(|r| (r, false));
        let rows = rows.chain(relation.decode_only.iter().map(|r| (r, true)));
        let mut made = Vec::new();
        for (row, folds) in rows {
            let mut writes = Vec::new();
            for (index, (cell, target)) in row.canonical.iter().zip(&targets).enumerate() {
                let Some(target) = target else { continue };
                writes.push(match cell {
                    Cell::Value(json) => Write::Const(json.clone()),
                    Cell::Null => Write::Const(b"null".as_slice().into()),
                    Cell::Absent => Write::Absent,
                    Cell::Copy => {
                        let from = paired(&row.canonical, &row.dialect, index)?;
                        Write::Copy(u8::try_from(from).ok()?)
                    }
                    Cell::Any | Cell::Set if self.mode == Mode::Patch || !target.required => {
                        Write::Absent
                    }
                    Cell::Any | Cell::Set
                        if target.hollow || target.ty.nullable(self.contract()) =>
                    {
                        Write::Const(b"null".as_slice().into())
                    }
                    Cell::Any | Cell::Set => {
                        let place = relation.canonical.get(index).map(|(p, _)| p.place.to_string());
                        let message = format!(
                            "this row leaves `{}` unwritten, which the contract requires",
                            place.unwrap_or_default()
                        );
                        self.error(Diagnostic::error(Code::Unwritten, row.span, message));
                        return None;
                    }
                });
            }
            let event = folds.then(|| self.event(aim.record, "folded")).flatten();
            made.push(plan::Row { tests: row.dialect.iter().map(test).collect(), writes, event });
        }
        Some(plan::Relation {
            site: first.or_else(|| inputs.first().map(|i| i.site))?,
            inputs,
            outputs: targets
                .iter()
                .flatten()
                .map(|t| Output { check: t.ty.schema().filter(|_| !t.hollow) })
                .collect(),
            rows: made,
            raw: None,
        })
    }

    /// How a dialect column is read, and of which types.
    fn read_as(
        &mut self,
        relation: &Relation,
        index: usize,
        column: &Column,
        targets: &[Option<super::decode::Target>],
        aim: &Aim<'_>,
    ) -> Option<(Convert, Types)> {
        let rows = || relation.rows.iter().chain(&relation.decode_only);
        let mut types = column.value.accept;
        if let Some((codec, span)) = column.value.codec {
            for row in rows() {
                let target = paired(&row.dialect, &row.canonical, index)
                    .and_then(|i| targets.get(i))
                    .and_then(Option::as_ref);
                if let Some(target) = target {
                    self.codec_fits(codec, &target.ty, span);
                }
            }
            types = types.or(codecs::codec_types(codec).1);
            if column.value.write_text {
                types = types.or(Types::STRING);
            }
            let convert = Convert::Codec { codec, decode: true, text: column.value.write_text };
            return Some((convert, types));
        }
        if let Some(name) = &column.value.table {
            let table = self.table(name, Only::Decode)?;
            let (op, own) = self.enum_decode(table, aim.record);
            return Some((Convert::Enum(Box::new(op)), types.or(own)));
        }
        let mut open = column.guard;
        for row in rows() {
            match row.dialect.get(index) {
                Some(Cell::Value(json)) => types = types.or(text::type_of(json)),
                Some(Cell::Copy) => {
                    let target = paired(&row.dialect, &row.canonical, index)
                        .and_then(|i| targets.get(i))
                        .and_then(Option::as_ref);
                    types = types.or(target.map_or(Types::ANY, |t| t.ty.types(self.contract())));
                }
                Some(Cell::Set) => open = true,
                _ => {}
            }
        }
        let accept = if open || types == Types::default() { Types::ANY } else { types };
        Some((Convert::Copy, accept))
    }
}

/// Values of the dialect columns, those of guards moved to the end.
fn guards_last<T>(relation: &Relation, values: Vec<T>) -> Vec<T> {
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for (value, column) in values.into_iter().zip(&relation.dialect) {
        if column.guard { last.push(value) } else { first.push(value) }
    }
    first.extend(last);
    first
}

/// The column of the other side that the copy at `index` stands with.
fn paired(own: &[Cell], other: &[Cell], index: usize) -> Option<usize> {
    if own.get(index) != Some(&Cell::Copy) {
        return None;
    }
    let nth = own.iter().take(index).filter(|c| **c == Cell::Copy).count();
    other.iter().enumerate().filter(|(_, c)| **c == Cell::Copy).nth(nth).map(|(i, _)| i)
}

fn test(cell: &Cell) -> Test {
    match cell {
        Cell::Any => Test::Any,
        Cell::Null => Test::Null,
        Cell::Absent => Test::Absent,
        Cell::Set | Cell::Copy => Test::Set,
        Cell::Value(json) => Test::Is(vec![json.clone()]),
    }
}
