//! What comes back to the dialect against what went: of its own writing everything that goes both
//! ways stays as it is, of anybody's else the meaning.

use crate::mapping::document::codecs;
use crate::mapping::document::{
    Body, CaseWord, Element, Line, Only, Op, Record, Relation, Rule, Source, Table, Union,
    ValueText,
};
use crate::mapping::types::Ty;
use crate::syntax::Span;

use super::Finding;
use super::book::{Book, both, hollow, is_gap, own, reads_null, row, unset};
use super::json::Json;

/// Compares an object of the dialect with what became of it there and back.
pub(super) struct Settled<'l, 'f> {
    pub(super) book: Book<'l>,
    /// The dialect's own writing: nothing changes. Else it may be spelled anew.
    pub(super) strict: bool,
    pub(super) found: &'f mut Vec<Finding>,
}

impl Settled<'_, '_> {
    pub(super) fn record(&mut self, record: &Record, ty: &Ty, was: &Json, is: &Json, way: &str) {
        match &record.body {
            Body::Fields(table) => self.table(Some(record), table, ty, was, is, way),
            Body::OneOf(union) => self.union(Some(record), union, ty, was, is, way),
        }
    }

    fn table(
        &mut self,
        record: Option<&Record>,
        table: &Table,
        ty: &Ty,
        was: &Json,
        is: &Json,
        way: &str,
    ) {
        let mut seen: Vec<&str> = Vec::new();
        for line in table.lines.iter().filter(|line| !line.key.is_empty() && both(&line.rule)) {
            let way = joined(way, &line.text);
            let (mut before, after) = (was.key(&line.key), is.key(&line.key));
            match &line.rule.source {
                Source::SameAs(name) => {
                    let other = table.lines.iter().find(|l| *l.text == *name.0);
                    let other = other.and_then(|other| is.key(&other.key));
                    if other != after {
                        self.tell(line.span, &way, other, after);
                    }
                }
                Source::Relation(name) => {
                    if self.strict {
                        if before != after {
                            self.tell(line.span, &way, before, after);
                        }
                    } else if !seen.contains(&&*name.0) {
                        seen.push(&name.0);
                        let relations = record.map_or(&[][..], |r| r.relations.as_slice());
                        if let Some(relation) = relations.iter().find(|r| r.name.0 == name.0) {
                            self.relation(relation, table, was, is, &way);
                        }
                    }
                }
                Source::None => {
                    let Op::Fields(inside) = &line.rule.op else { continue };
                    let none = Json::Object(Vec::new());
                    let before = before.filter(|json| matches!(json, Json::Object(_)));
                    match (before.unwrap_or(&none), after) {
                        (before, Some(after @ Json::Object(_))) => {
                            self.table(record, inside, ty, before, after, &way);
                        }
                        (before, after) if !hollow(self.book, inside, before) => {
                            self.tell(line.span, &way, Some(before), after);
                        }
                        _ => {}
                    }
                }
                Source::At(place) => {
                    if before.is_none() {
                        before = aliases(table, line).find_map(|alias| was.key(&alias.key));
                    }
                    let (ty, _) = self.book.walk(ty, &place.place.hops);
                    self.rule(record, &line.rule, &ty, (before, after), line.span, &way);
                }
                _ => {}
            }
        }
    }

    /// What an operator makes of a value. `ty` is the type of its canonical place.
    fn rule(
        &mut self,
        record: Option<&Record>,
        rule: &Rule,
        ty: &Ty,
        (was, is): (Option<&Json>, Option<&Json>),
        span: Span,
        way: &str,
    ) {
        match &rule.op {
            Op::Value(value) => self.value(value, rule, ty, (was, is), span, way),
            Op::Record(name) => {
                let Some(record) = self.book.record(&name.0) else { return };
                self.object(rule, (was, is), span, way, Inside::Record(record), ty);
            }
            Op::Fields(table) => {
                self.object(rule, (was, is), span, way, Inside::Table(record, table), ty);
            }
            Op::OneOf(union) => {
                self.object(rule, (was, is), span, way, Inside::Union(record, union), ty);
            }
            Op::Each(element) => self.list(element, rule, ty, (was, is), span, way),
            Op::Conditions(_) if self.strict && was != is => self.tell(span, way, was, is),
            Op::Group { .. } | Op::Join { .. } | Op::Conditions(_) => {}
        }
    }

    fn object(
        &mut self,
        rule: &Rule,
        (was, is): (Option<&Json>, Option<&Json>),
        span: Span,
        way: &str,
        inside: Inside<'_>,
        ty: &Ty,
    ) {
        let none = Json::Object(Vec::new());
        let before = was.filter(|json| !reads_null(&rule.presence, json));
        let gap = is_gap(&rule.presence, is);
        match (before, is) {
            // A scalar that a record makes an object of.
            (Some(before), Some(is))
                if !gap || matches!(before, Json::Object(_)) && matches!(is, Json::Object(_)) =>
            {
                self.inside(&inside, ty, before, is, way);
            }
            (Some(before), _) => {
                let table = match &inside {
                    Inside::Record(record) => match &record.body {
                        Body::Fields(table) => Some(table),
                        Body::OneOf(_) => None,
                    },
                    Inside::Table(_, table) => Some(*table),
                    Inside::Union(..) => None,
                };
                if !table.is_some_and(|table| hollow(self.book, table, before)) {
                    self.tell(span, way, was, is);
                }
            }
            (None, _) if gap || is.is_none() => {}
            (None, Some(after)) if !self.strict && matches!(after, Json::Object(_)) => {
                if !matches!(inside, Inside::Union(..)) {
                    self.inside(&inside, ty, &none, after, way);
                }
            }
            (None, _) => self.tell(span, way, was, is),
        }
    }

    fn inside(&mut self, inside: &Inside<'_>, ty: &Ty, was: &Json, is: &Json, way: &str) {
        match inside {
            Inside::Record(record) => self.record(record, ty, was, is, way),
            Inside::Table(record, table) => self.table(*record, table, ty, was, is, way),
            Inside::Union(record, union) => self.union(*record, union, ty, was, is, way),
        }
    }

    fn list(
        &mut self,
        element: &Element,
        rule: &Rule,
        ty: &Ty,
        (was, is): (Option<&Json>, Option<&Json>),
        span: Span,
        way: &str,
    ) {
        if rule.list.take.is_some() {
            if let Element::Word(name) = element
                && let Some(record) = self.book.record(&name.0)
            {
                let items = ty.items(self.book.contract()).unwrap_or(Ty::Any);
                self.object(rule, (was, is), span, way, Inside::Record(record), &items);
            }
            return;
        }
        let before = was.filter(|json| !reads_null(&rule.presence, json));
        let (Some(Json::List(all)), Some(Json::List(after))) = (before, is) else {
            let nothing = before.is_none_or(Json::is_empty);
            if !(nothing && (is_gap(&rule.presence, is) || is.is_some_and(Json::is_empty))) {
                self.tell(span, way, was, is);
            }
            return;
        };
        // Nulls are no elements, and what the rules leave out is not there again.
        let all: Vec<&Json> = all.iter().filter(|element| !element.is_null()).collect();
        if all.len() != after.len() {
            if self.strict || !self.may_leave_out(element, rule) {
                self.tell(span, way, was, is);
            }
            return;
        }
        let items = ty.items(self.book.contract()).unwrap_or(Ty::Any);
        let plain = Rule::plain(rule.span);
        for (index, (before, after)) in all.iter().zip(after).enumerate() {
            let way = format!("{way}[{index}]");
            let pair = (Some(*before), Some(after));
            match element {
                Element::Word(name) => match self.book.record(&name.0) {
                    Some(record) => self.record(record, &items, before, after, &way),
                    None => {
                        self.value(&named_value(&name.0, name.1), &plain, &items, pair, span, &way);
                    }
                },
                Element::Copy => {
                    self.value(&ValueText::default(), &plain, &items, pair, span, &way)
                }
                Element::Rule(rule) => {
                    if let Source::At(place) = &rule.source
                        && own(place)
                    {
                        let (ty, _) = self.book.walk(&items, &place.place.hops);
                        self.rule(None, rule, &ty, pair, span, &way);
                    }
                }
            }
        }
    }

    /// Whether elements of a list may be lost on the way, as the rules say.
    fn may_leave_out(&self, element: &Element, rule: &Rule) -> bool {
        !rule.list.filter.is_empty()
            || rule.list.take.is_some()
            || match element {
                Element::Word(name) => self
                    .book
                    .record(&name.0)
                    .is_some_and(|record| matches!(record.body, Body::OneOf(_))),
                Element::Rule(rule) => matches!(rule.op, Op::OneOf(_)),
                Element::Copy => false,
            }
    }

    fn value(
        &mut self,
        value: &ValueText,
        rule: &Rule,
        ty: &Ty,
        (was, is): (Option<&Json>, Option<&Json>),
        span: Span,
        way: &str,
    ) {
        if self.strict {
            if was != is {
                self.tell(span, way, was, is);
            }
            return;
        }
        let presence = &rule.presence;
        let there = was.filter(|json| !presence.ignore.iter().any(|i| Json::of(i) == **json));
        let missing = presence.missing_as.as_ref();
        let read = match there {
            Some(json) if reads_null(presence, json) => Json::Null,
            Some(json) => json.clone(),
            None => match missing {
                Some(node) => Json::of(&crate::mapping::document::text::json(node)),
                None => Json::Null,
            },
        };
        let table = value.table.as_ref().and_then(|name| self.book.table(&name.0));
        let meant = match (&read, table) {
            (Json::Null, Some(table)) => {
                let row = table.decoding().find(|(row, _)| Json::of(&row.dialect.0).is_null());
                row.map(|(row, _)| Json::of(&row.canonical.0)).unwrap_or(Json::Null)
            }
            (Json::Null, None) => Json::Null,
            (json, _) => match self.book.inward(value, ty, json) {
                Some(json) => json,
                None => return,
            },
        };
        let null = table.and_then(|table| {
            table.encoding().find(|(row, _)| Json::of(&row.canonical.0).is_null())
        });
        let due = match &meant {
            Json::Null => null.map(|(row, _)| Json::of(&row.dialect.0)).filter(|j| !j.is_null()),
            json => self.book.outward(value, json).filter(|json| !json.is_null()),
        };
        let right = match due {
            // What the contract does not let be null is empty instead.
            None => {
                is_gap(presence, is)
                    || !ty.nullable(self.book.contract()) && is.is_some_and(Json::is_empty)
            }
            Some(due) => {
                is == Some(&due)
                    || is.is_none() && presence.omit.is_some() && due.is_empty()
                    || table.is_some_and(|t| t.raw.is_some()) && is == Some(&read)
            }
        };
        if !right {
            self.tell(span, way, was, is);
        }
    }

    fn relation(&mut self, relation: &Relation, table: &Table, was: &Json, is: &Json, way: &str) {
        let before: Vec<Option<Json>> = relation
            .dialect
            .iter()
            .map(|column| {
                let seen = self.book.seen(column, was.key(&column.key));
                // In an answer what is not there is null.
                Some(seen.unwrap_or(Json::Null))
            })
            .collect();
        let Some((row, both)) = row(relation, true, &before) else { return };
        for column in &relation.dialect {
            if column.guard {
                // Written by a line of its own, which is judged there.
                if unset(was.key(&column.key)) != unset(is.key(&column.key)) {
                    return;
                }
            }
        }
        for (index, column) in relation.dialect.iter().enumerate().filter(|(_, c)| !c.guard) {
            let kept = relation.raw.as_ref().is_some_and(|(of, _)| of.0 == column.name.0);
            if !both && !kept {
                continue;
            }
            let line = table.lines.iter().find(|line| line.key == column.key);
            let span = line.map_or(row.span, |line| line.span);
            let (old, new) = (was.key(&column.key), is.key(&column.key));
            let due = match before.get(index) {
                Some(Some(Json::Null)) | None | Some(None) => {
                    if !unset(new) && !line.is_some_and(|l| is_gap(&l.rule.presence, new)) {
                        self.tell(span, way, old, new);
                    }
                    continue;
                }
                Some(Some(json)) if column.value.codec.is_some() => {
                    let meant = self.book.inward(&column.value, &Ty::Any, json);
                    meant.and_then(|json| self.book.outward(&column.value, &json))
                }
                Some(Some(json)) if column.value.table.is_some() => {
                    self.book.outward(&column.value, json)
                }
                Some(Some(json)) => Some(json.clone()),
            };
            if due.is_some() && new != due.as_ref() && new != old {
                self.tell(span, way, old, new);
            }
        }
    }

    fn union(
        &mut self,
        record: Option<&Record>,
        union: &Union,
        ty: &Ty,
        was: &Json,
        is: &Json,
        way: &str,
    ) {
        let word = was.at(&union.dialect.hops);
        let case = union.cases.iter().filter(|case| case.only != Some(Only::Encode)).find(|case| {
            case.dialect.iter().any(|w| match w {
                CaseWord::Value(json, _) => word == Some(&Json::of(json)),
                CaseWord::Absent(_) => unset(word),
                CaseWord::Other => false,
            })
        });
        let Some(case) = case else { return };
        let (Some(rule), None) = (&case.rule, case.only) else { return };
        if self.strict && is.at(&union.dialect.hops) != word {
            self.tell(case.span, way, word, is.at(&union.dialect.hops));
            return;
        }
        let words: Vec<Json> = words(&case.canonical);
        let ty = self.book.narrowed(ty, &words);
        match (&rule.source, &rule.op) {
            (Source::None, Op::Fields(table)) => self.table(record, table, &ty, was, is, way),
            (Source::At(place), _) if both(rule) => {
                let (ty, _) = self.book.walk(&ty, &place.place.hops);
                self.rule(record, rule, &ty, (Some(was), Some(is)), rule.span, way);
            }
            _ => {}
        }
    }

    fn tell(&mut self, span: Span, way: &str, was: Option<&Json>, is: Option<&Json>) {
        self.found.push(Finding::changed(span, way, was, is));
    }
}

enum Inside<'r> {
    Record(&'r Record),
    Table(Option<&'r Record>, &'r Table),
    Union(Option<&'r Record>, &'r Union),
}

/// The lines that are other names of a line.
pub(super) fn aliases<'t>(table: &'t Table, line: &'t Line) -> impl Iterator<Item = &'t Line> {
    let same = |l: &&Line| matches!(&l.rule.source, Source::SameAs(name) if name.0 == line.text);
    table.lines.iter().filter(same)
}

/// The canonical words of a case.
pub(super) fn words(words: &[CaseWord]) -> Vec<Json> {
    words
        .iter()
        .filter_map(|word| match word {
            CaseWord::Value(json, _) => Some(Json::of(json)),
            _ => None,
        })
        .collect()
}

/// The operators that the word of `each` stands for: a codec, or a simple type that is copied.
pub(super) fn named_value(name: &str, span: Span) -> ValueText {
    ValueText { codec: codecs::named(name).map(|codec| (codec, span)), ..ValueText::default() }
}

/// A key below a way.
pub(super) fn joined(way: &str, key: &str) -> String {
    if way.is_empty() { key.to_owned() } else { format!("{way}.{key}") }
}
