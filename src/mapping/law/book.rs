//! What the rules of a dialect say, asked one value at a time.
//!
//! The laws compare what programs did with what the files say; so nothing here looks at a program.
//! Only the codecs are shared: they have tests of their own.

use crate::canonical::contract::Contract;
use crate::json::place::Hop;
use crate::mapping::document::{
    Cell, Column, EnumTable, Need, Op, PlaceText, Presence, Raw, Record, Relation, Row, Rule,
    Source, Table, ValueText, text,
};
use crate::mapping::library::Library;
use crate::mapping::plan::{Codec, Omit, Types};
use crate::mapping::run::codec::{self, Coded};
use crate::mapping::types::Ty;
use crate::syntax::Diagnostics;

use super::json::Json;

/// The rules of a dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Book<'l> {
    pub(super) lib: &'l Library,
}

impl<'l> Book<'l> {
    pub(super) fn contract(self) -> &'l Contract {
        &self.lib.contract
    }

    pub(super) fn record(self, name: &str) -> Option<&'l Record> {
        self.lib.record(name)
    }

    pub(super) fn table(self, name: &str) -> Option<&'l EnumTable> {
        self.lib.enums.iter().find(|table| *table.name.0 == *name)
    }

    pub(super) fn type_of(self, record: &Record) -> Ty {
        self.lib.record_type(record, &mut Diagnostics::default()).unwrap_or(Ty::Any)
    }

    pub(super) fn type_of_need(self, need: &Need) -> Ty {
        self.lib.need_type(need, &mut Diagnostics::default()).unwrap_or(Ty::Any)
    }

    /// The type at a place below another, and whether null may stand there or above.
    pub(super) fn walk(self, ty: &Ty, hops: &[Hop]) -> (Ty, bool) {
        ty.walk(self.contract(), hops).unwrap_or((Ty::Any, true))
    }

    /// A canonical value as the dialect spells it; null where it has no spelling. `None` where no
    /// rule says.
    pub(super) fn outward(self, value: &ValueText, json: &Json) -> Option<Json> {
        if let Some((codec, _)) = value.codec {
            return coded(codec, false, value.write_text, json);
        }
        if let Some(name) = &value.table {
            let table = self.table(&name.0)?;
            let row = table.encoding().find(|(row, _)| Json::of(&row.canonical.0) == *json)?;
            return Some(Json::of(&row.0.dialect.0));
        }
        if value.write_text && matches!(json, Json::Number(_)) {
            return coded(Codec::NumberText, false, true, json);
        }
        Some(json.clone())
    }

    /// A value of the dialect as it is read; `None` where it is refused.
    pub(super) fn inward(self, value: &ValueText, ty: &Ty, json: &Json) -> Option<Json> {
        if let Some((codec, _)) = value.codec {
            return coded(codec, true, value.write_text, json);
        }
        if let Some(name) = &value.table {
            let table = self.table(&name.0)?;
            let row = table.decoding().find(|(row, _)| Json::of(&row.dialect.0) == *json);
            let unknown = table.unknown_as.as_ref().map(|(word, _)| word);
            return row.map(|(row, _)| &row.canonical.0).or(unknown).map(|json| Json::of(json));
        }
        let own = ty.types(self.contract());
        if value.raw == Some(Raw::Object) && *json == Json::List(Vec::new()) {
            return Some(Json::Object(Vec::new()));
        }
        if value.write_text && !own.has(Types::STRING) {
            return coded(Codec::NumberText, true, true, json);
        }
        if own == Types::STRING && value.accept.has(Types::INTEGER) {
            return coded(Codec::Text, true, false, json);
        }
        if own.has(Types::INTEGER) && !own.has(Types::STRING) && value.accept.has(Types::STRING) {
            return coded(Codec::NumberText, true, true, json);
        }
        Some(json.clone())
    }

    /// The type of `$` in a case of a union.
    pub(super) fn narrowed(self, ty: &Ty, words: &[Json]) -> Ty {
        let words: Vec<Box<str>> = words.iter().filter_map(Json::as_text).map(Into::into).collect();
        if words.is_empty() { ty.clone() } else { ty.narrow(self.contract(), &words) }
    }

    /// A dialect column's value as cells see it.
    pub(super) fn seen(self, column: &Column, json: Option<&Json>) -> Option<Json> {
        let json = match json {
            None => Json::of(column.missing_as.as_ref()?),
            Some(json) if column.also_null.iter().any(|null| Json::of(null) == *json) => Json::Null,
            Some(json) => json.clone(),
        };
        match (&column.value.table, &json) {
            (None, _) | (_, Json::Null) => Some(json),
            (Some(_), _) => self.inward(&column.value, &Ty::Any, &json),
        }
    }
}

/// Whether a rule claims to go both ways.
pub(super) fn both(rule: &Rule) -> bool {
    if rule.only.is_some() {
        return false;
    }
    match &rule.source {
        Source::None => matches!(rule.op, Op::Fields(_)),
        Source::At(place) => {
            own(place)
                && match &rule.op {
                    Op::Group { .. } | Op::Join { .. } => false,
                    Op::Value(value) => !matches!(value.codec, Some((Codec::FileExtension, _))),
                    _ => true,
                }
        }
        Source::SameAs(_) | Source::Relation(_) => true,
        _ => false,
    }
}

/// Whether a place is one of `$` that can be written.
pub(super) fn own(place: &PlaceText) -> bool {
    place.place.root.is_empty() && !place.place.hops.contains(&Hop::Each)
}

/// Null or not there.
pub(super) fn unset(json: Option<&Json>) -> bool {
    json.is_none_or(Json::is_null)
}

/// Whether a value is read as null.
pub(super) fn reads_null(presence: &Presence, json: &Json) -> bool {
    json.is_null()
        || presence.null_as.as_ref().is_some_and(|node| Json::of(&text::json(node)) == *json)
        || presence.also_null.iter().any(|null| Json::of(null) == *json)
}

/// Whether a value is what a rule writes where there is none.
pub(super) fn is_gap(presence: &Presence, json: Option<&Json>) -> bool {
    let Some(json) = json else { return presence.omit.is_some() };
    let written = presence.null_as.as_ref().or(presence.default.as_ref());
    json.is_null()
        || written.is_some_and(|node| Json::of(&text::json(node)) == *json)
        || presence.omit == Some(Omit::Empty) && json.is_empty()
}

/// Whether a cell takes a value (`None` is absent).
pub(super) fn fits(cell: &Cell, json: Option<&Json>) -> bool {
    match cell {
        Cell::Any => true,
        Cell::Null => json.is_some_and(Json::is_null),
        Cell::Absent => json.is_none(),
        Cell::Set | Cell::Copy => !unset(json),
        Cell::Value(word) => json == Some(&Json::of(word)),
    }
}

/// The first row that takes the values of one side, and whether it goes both ways.
pub(super) fn row<'r>(
    relation: &'r Relation,
    decode: bool,
    values: &[Option<Json>],
) -> Option<(&'r Row, bool)> {
    let rest = if decode { &relation.decode_only } else { &relation.encode_only };
    let rows = relation.rows.iter().map(|row| (row, true)).chain(rest.iter().map(|r| (r, false)));
    let mut rows = rows;
    rows.find(|(row, _)| {
        let cells = if decode { &row.dialect } else { &row.canonical };
        cells.iter().zip(values).all(|(cell, value)| fits(cell, value.as_ref()))
    })
}

/// Whether nothing that a table reads is in an object: decode makes none of it.
pub(super) fn hollow(book: Book<'_>, table: &Table, object: &Json) -> bool {
    table.lines.iter().filter(|line| both(&line.rule)).all(|line| {
        let value = object.key(&line.key);
        let Some(json) = value else { return true };
        match (&line.rule.source, &line.rule.op) {
            _ if reads_null(&line.rule.presence, json) => true,
            (Source::Relation(_), _) => false,
            (_, Op::Fields(table)) => hollow(book, table, json),
            (_, Op::Record(name)) => book.record(&name.0).is_some_and(|record| {
                matches!(&record.body, crate::mapping::document::Body::Fields(table)
                    if hollow(book, table, json))
            }),
            (_, Op::Each(_)) => json.is_empty(),
            (_, Op::Value(_)) => line.rule.presence.ignore.iter().any(|i| Json::of(i) == *json),
            _ => false,
        }
    })
}

fn coded(codec: Codec, decode: bool, as_text: bool, json: &Json) -> Option<Json> {
    let token = json.to_string();
    let mut out = Vec::new();
    match codec::convert(codec, decode, as_text, &token, &mut out) {
        Ok(Coded::Value) => Some(Json::of(&out)),
        Ok(Coded::Null) => Some(Json::Null),
        Err(_) => None,
    }
}
