//! Objects of the dialect made from its own rules: what its clients send and its servers answer, in
//! every spelling that the rules read.

use crate::mapping::document::{
    Body, CaseWord, Cell, Element, Op, Record, Relation, Rule, Source, Table, Union, ValueText,
    text,
};
use crate::mapping::types::Ty;

use super::book::{Book, own};
use super::generate::Generator;
use super::json::Json;
use super::rng::Rng;
use super::settled::{named_value, words};
use super::tokens::TEXTS;

/// Records inside records that are made before nothing more is.
const DEEPEST: usize = 6;

/// Makes objects of a dialect.
pub(super) struct Theirs<'l, 'g> {
    pub(super) book: Book<'l>,
    pub(super) generator: &'g mut Generator<'l>,
    pub(super) rng: Rng,
    pub(super) depth: usize,
}

impl<'l> Theirs<'l, '_> {
    /// What a record is read from; `None` is not there.
    pub(super) fn record(&mut self, record: &'l Record, ty: &Ty) -> Option<Json> {
        match &record.body {
            Body::Fields(table) => match table.lines.as_slice() {
                // A record of a plain value.
                [line] if line.key.is_empty() => self.rule(Some(record), &line.rule, ty),
                _ => Some(self.table(Some(record), table, ty)),
            },
            Body::OneOf(union) => self.union(Some(record), union, ty),
        }
    }

    fn table(&mut self, record: Option<&'l Record>, table: &'l Table, ty: &Ty) -> Json {
        let mut object = Json::Object(Vec::new());
        let mut relations: Vec<&str> = Vec::new();
        for line in &table.lines {
            let made = match &line.rule.source {
                Source::Relation(name) => {
                    if !relations.contains(&&*name.0) {
                        relations.push(&name.0);
                    }
                    continue;
                }
                Source::SameAs(_) => continue,
                _ => self.rule(record, &line.rule, ty),
            };
            match (made, line.key.as_slice()) {
                (None, _) => {}
                (Some(Json::Object(members)), []) => {
                    for (name, value) in members {
                        object.put_key(&[name], value);
                    }
                }
                (Some(_), []) => {}
                (Some(json), key) => object.put_key(key, json),
            }
        }
        for line in &table.lines {
            if let Source::SameAs(name) = &line.rule.source
                && let Some(other) = table.lines.iter().find(|l| *l.text == *name.0)
                && let Some(json) = object.key(&other.key).cloned()
                && !self.rng.once_in(4)
            {
                object.put_key(&line.key, json);
            }
        }
        let known = record.map_or(&[][..], |record| record.relations.as_slice());
        for name in relations {
            if let Some(relation) = known.iter().find(|relation| *relation.name.0 == *name) {
                self.relation(relation, &mut object, ty);
            }
        }
        object
    }

    /// What a rule reads; `None` is not there.
    fn rule(&mut self, record: Option<&'l Record>, rule: &'l Rule, ty: &Ty) -> Option<Json> {
        match &rule.source {
            Source::Const(node) => Some(Json::of(&text::json(node))),
            Source::None => match &rule.op {
                Op::Fields(_) if self.rng.once_in(16) => None,
                Op::Fields(table) => Some(self.table(record, table, ty)),
                _ => None,
            },
            Source::At(place)
                if own(place)
                    && rule
                        .only
                        .is_none_or(|only| only == crate::mapping::document::Only::Decode) =>
            {
                let (of, _) = self.book.walk(ty, &place.place.hops);
                self.made(record, rule, &of)
            }
            _ => None,
        }
    }

    fn made(&mut self, record: Option<&'l Record>, rule: &'l Rule, ty: &Ty) -> Option<Json> {
        let presence = &rule.presence;
        let nullable = ty.nullable(self.book.contract());
        let often = if presence.required || !nullable { 40 } else { 9 };
        if self.rng.once_in(often) {
            return None;
        }
        if self.rng.once_in(often) {
            return Some(Json::Null);
        }
        let mut spellings: Vec<Json> =
            presence.also_null.iter().map(|json| Json::of(json)).collect();
        let said = [&presence.null_as, &presence.default, &presence.missing_as];
        spellings.extend(said.into_iter().flatten().map(|node| Json::of(&text::json(node))));
        if !spellings.is_empty() && self.rng.once_in(6) {
            return self.rng.choose(&spellings).cloned();
        }
        match &rule.op {
            Op::Value(value) => self.value(value, ty),
            Op::Record(_) | Op::Fields(_) | Op::OneOf(_) | Op::Each(_) if self.depth >= DEEPEST => {
                None
            }
            op => {
                self.depth += 1;
                let made = match op {
                    Op::Record(name) => {
                        self.book.record(&name.0).and_then(|record| self.record(record, ty))
                    }
                    Op::Fields(table) => Some(self.table(record, table, ty)),
                    Op::OneOf(union) => self.union(record, union, ty),
                    Op::Each(element) => Some(self.list(element, rule, ty)),
                    _ => None,
                };
                self.depth -= 1;
                made
            }
        }
    }

    fn list(&mut self, element: &'l Element, rule: &'l Rule, ty: &Ty) -> Json {
        let items = ty.items(self.book.contract()).unwrap_or(Ty::Any);
        if rule.list.take.is_some() {
            return self.element(element, &items).unwrap_or(Json::Null);
        }
        let count = self.rng.below(4);
        Json::List((0..count).filter_map(|_| self.element(element, &items)).collect())
    }

    fn element(&mut self, element: &'l Element, items: &Ty) -> Option<Json> {
        match element {
            Element::Word(name) => match self.book.record(&name.0) {
                Some(record) => self.record(record, items),
                None => self.value(&named_value(&name.0, name.1), items),
            },
            Element::Copy => self.value(&ValueText::default(), items),
            Element::Rule(rule) => self.rule(None, rule, items),
        }
    }

    fn value(&mut self, value: &ValueText, ty: &Ty) -> Option<Json> {
        if let Some(name) = &value.table {
            let rows: Vec<_> = self.book.table(&name.0)?.decoding().collect();
            return self.rng.choose(&rows).map(|(row, _)| Json::of(&row.dialect.0));
        }
        let canonical = self.canonical(ty)?;
        self.book.outward(value, &canonical)
    }

    /// A canonical value of a type.
    fn canonical(&mut self, ty: &Ty) -> Option<Json> {
        let leaves = ty.leaves(self.book.contract());
        match ty {
            Ty::Of(_) => {
                let leaf = *self.rng.choose(&leaves)?;
                let tokens = self.generator.tokens(leaf);
                if let Some(token) = self.rng.choose(tokens) {
                    return Some(Json::read(token));
                }
                Some(Json::read(&self.generator.document(leaf, self.rng.seed())))
            }
            Ty::Any => Some(Json::read(&self.generator.anything(self.rng.seed()))),
            Ty::Simple(types, _) => Some(plain(*types, &mut self.rng)),
            Ty::List(of) => Some(Json::List(vec![self.canonical(of)?])),
        }
    }

    fn union(&mut self, record: Option<&'l Record>, union: &'l Union, ty: &Ty) -> Option<Json> {
        let cases: Vec<_> = union
            .cases
            .iter()
            .filter(|case| case.only != Some(crate::mapping::document::Only::Encode))
            .filter(|case| !case.dialect.is_empty())
            .collect();
        let case = *self.rng.choose(&cases)?;
        let known = words(&case.canonical);
        let ty = self.book.narrowed(ty, &known);
        let made = case.rule.as_ref().and_then(|rule| match (&rule.source, &rule.op) {
            (Source::At(place), Op::Record(name)) if place.place.hops.is_empty() => {
                self.book.record(&name.0).and_then(|record| self.record(record, &ty))
            }
            _ => self.rule(record, rule, &ty),
        });
        let word = self.rng.choose(&case.dialect)?;
        let CaseWord::Value(word, _) = word else { return made };
        let mut object = match made {
            Some(object @ Json::Object(_)) => object,
            _ => Json::Object(Vec::new()),
        };
        object.put(&union.dialect.hops, Some(Json::of(word)));
        Some(object)
    }

    fn relation(&mut self, relation: &'l Relation, object: &mut Json, ty: &Ty) {
        let rows: Vec<_> = relation.rows.iter().chain(&relation.decode_only).collect();
        let fits: Vec<_> = rows
            .into_iter()
            .filter(|row| {
                row.dialect.iter().zip(&relation.dialect).filter(|(_, c)| c.guard).all(
                    |(cell, column)| {
                        super::book::fits(
                            cell,
                            Some(object.key(&column.key).unwrap_or(&Json::Null)),
                        )
                    },
                )
            })
            .collect();
        let Some(row) = self.rng.choose(&fits).copied() else { return };
        for (index, (cell, column)) in row.dialect.iter().zip(&relation.dialect).enumerate() {
            if column.guard {
                continue;
            }
            let made = match cell {
                Cell::Value(word) => {
                    let word = Json::of(word);
                    match &column.value.table {
                        None => Some(word),
                        Some(name) => self.book.table(&name.0).and_then(|table| {
                            let mut rows = table.decoding();
                            rows.find(|(row, _)| Json::of(&row.canonical.0) == word)
                                .map(|(row, _)| Json::of(&row.dialect.0))
                        }),
                    }
                }
                Cell::Null => Some(Json::Null),
                Cell::Copy => {
                    let nth = row.dialect.iter().take(index).filter(|c| **c == Cell::Copy).count();
                    let copies = row.canonical.iter().zip(&relation.canonical);
                    let place = copies.filter(|(cell, _)| **cell == Cell::Copy).nth(nth);
                    place.and_then(|(_, (place, _))| {
                        let (of, _) = self.book.walk(ty, &place.place.hops);
                        let json = self.canonical(&of)?;
                        self.book.outward(&column.value, &json)
                    })
                }
                Cell::Set => {
                    let time = Json::text("2026-03-04T09:15:30.000Z");
                    self.book.outward(&column.value, &time)
                }
                Cell::Absent | Cell::Any => None,
            };
            if let Some(json) = made {
                object.put_key(&column.key, json);
            }
        }
    }
}

/// A value of a simple type.
pub(super) fn plain(types: crate::mapping::plan::Types, rng: &mut Rng) -> Json {
    use crate::mapping::plan::Types;
    let token = if types.has(Types::STRING) {
        rng.pick(TEXTS)
    } else if types.has(Types::INTEGER) {
        rng.pick(&["0", "1", "-1", "9007199254740993"])
    } else if types.has(Types::BOOLEAN) {
        rng.pick(&["true", "false"])
    } else {
        "{}"
    };
    Json::read(token)
}
