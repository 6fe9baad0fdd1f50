//! What comes back to the canonical side: every place that decode writes from a two-way rule holds
//! what was there, but for what the rules say is lost.

use crate::canonical::contract::Contract;
use crate::mapping::document::{
    Body, CaseWord, Cell, Element, Only, Op, Record, Relation, Rule, Source, Table, Union,
    ValueText,
};
use crate::mapping::types::Ty;
use crate::syntax::Span;

use super::Finding;
use super::book::{Book, both, hollow, reads_null, row, unset};
use super::json::Json;
use super::settled::{joined, named_value, words};

/// A canonical object, what came back of it, and the dialect's in between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip<'j> {
    pub(super) was: &'j Json,
    pub(super) is: &'j Json,
    pub(super) theirs: &'j Json,
}

/// A place of all three.
#[derive(Clone, Copy, Debug)]
struct Spot<'j> {
    was: Option<&'j Json>,
    is: Option<&'j Json>,
    theirs: Option<&'j Json>,
}

/// Compares what came back with what was there.
pub(super) struct Carried<'l, 'f> {
    pub(super) book: Book<'l>,
    pub(super) found: &'f mut Vec<Finding>,
}

impl<'l> Carried<'l, '_> {
    fn contract(&self) -> &'l Contract {
        self.book.contract()
    }

    pub(super) fn record(&mut self, record: &Record, ty: &Ty, trip: Trip<'_>, way: &str) {
        match &record.body {
            Body::Fields(table) => self.table(Some(record), table, ty, trip, way),
            Body::OneOf(union) => self.union(Some(record), union, ty, trip, way),
        }
    }

    fn table(
        &mut self,
        record: Option<&Record>,
        table: &Table,
        ty: &Ty,
        trip: Trip<'_>,
        way: &str,
    ) {
        let mut seen: Vec<&str> = Vec::new();
        for line in table.lines.iter().filter(|line| !line.key.is_empty() && both(&line.rule)) {
            let theirs = trip.theirs.key(&line.key);
            match &line.rule.source {
                Source::Relation(name) if !seen.contains(&&*name.0) => {
                    seen.push(&name.0);
                    let relations = record.map_or(&[][..], |r| r.relations.as_slice());
                    if let Some(relation) = relations.iter().find(|r| r.name.0 == name.0) {
                        self.relation(relation, line.span, trip, way);
                    }
                }
                Source::None => {
                    if let (Op::Fields(inside), Some(theirs @ Json::Object(_))) =
                        (&line.rule.op, theirs)
                    {
                        self.table(record, inside, ty, Trip { theirs, ..trip }, way);
                    }
                }
                Source::At(place) => {
                    let hops = &place.place.hops;
                    let (of, _) = self.book.walk(ty, hops);
                    let way = joined(way, place.place.to_string().trim_start_matches(['$', '.']));
                    let spot = Spot { was: trip.was.at(hops), is: trip.is.at(hops), theirs };
                    self.rule(record, &line.rule, &of, spot, line.span, &way);
                }
                _ => {}
            }
        }
    }

    fn rule(
        &mut self,
        record: Option<&Record>,
        rule: &Rule,
        ty: &Ty,
        spot: Spot<'_>,
        span: Span,
        way: &str,
    ) {
        match &rule.op {
            Op::Value(value) => self.value(value, rule, ty, spot, span, way),
            Op::Record(name) => {
                let Some(inside) = self.book.record(&name.0) else { return };
                let table = match &inside.body {
                    Body::Fields(table) => Some(table),
                    Body::OneOf(_) => None,
                };
                if let Some(trip) = self.object(rule, table, spot, span, way) {
                    self.record(inside, ty, trip, way);
                }
            }
            Op::Fields(table) => {
                if let Some(trip) = self.object(rule, Some(table), spot, span, way) {
                    self.table(record, table, ty, trip, way);
                }
            }
            Op::OneOf(union) => {
                if let Some(trip) = self.object(rule, None, spot, span, way) {
                    self.union(record, union, ty, trip, way);
                }
            }
            Op::Each(element) => self.list(element, rule, ty, spot, span, way),
            // A filter has many spellings; that its own is kept is another law's.
            Op::Group { .. } | Op::Join { .. } | Op::Conditions(_) => {}
        }
    }

    /// The three objects, where all are there; a finding where one should be.
    fn object<'j>(
        &mut self,
        rule: &Rule,
        table: Option<&Table>,
        spot: Spot<'j>,
        span: Span,
        way: &str,
    ) -> Option<Trip<'j>> {
        if unset(spot.was) {
            // What stands for null may be read as an object that says it.
            let said = spot.theirs.is_some_and(|json| !reads_null(&rule.presence, json));
            if !unset(spot.is) && !said && table.is_some() {
                self.tell(span, way, spot);
            }
            return None;
        }
        match (spot.was, spot.is, spot.theirs) {
            (Some(was), Some(is), Some(theirs)) if !is.is_null() => Some(Trip { was, is, theirs }),
            // A union's case may write nothing.
            (.., None) if table.is_none() => None,
            (.., theirs) => {
                let nothing = theirs.is_none_or(|json| {
                    reads_null(&rule.presence, json)
                        || table.is_some_and(|table| hollow(self.book, table, json))
                });
                let written = theirs.is_some_and(|json| !json.is_null());
                if !(nothing && written) {
                    self.tell(span, way, spot);
                }
                None
            }
        }
    }

    fn list(
        &mut self,
        element: &Element,
        rule: &Rule,
        ty: &Ty,
        spot: Spot<'_>,
        span: Span,
        way: &str,
    ) {
        if !rule.list.filter.is_empty() || rule.list.take.is_some() {
            return;
        }
        let items = ty.items(self.contract()).unwrap_or(Ty::Any);
        let (Some(Json::List(was)), Some(Json::List(theirs))) = (spot.was, spot.theirs) else {
            let nothing = unset(spot.was) || spot.was.is_some_and(Json::is_empty);
            if !(nothing && (unset(spot.is) || spot.is.is_some_and(Json::is_empty))) {
                self.tell(span, way, spot);
            }
            return;
        };
        let was: Vec<&Json> =
            was.iter().filter(|json| !json.is_null() && self.written(element, json)).collect();
        let is = spot.is.map_or(&[][..], Json::elements);
        if was.len() != is.len() {
            self.tell(span, way, spot);
            return;
        }
        let mut theirs: Vec<&Json> = theirs.iter().collect();
        if rule.list.reverse {
            theirs.reverse();
        }
        let plain = Rule::plain(rule.span);
        let sorted = rule.list.sort_by.is_some();
        for (index, (was, is)) in was.iter().zip(is).enumerate().filter(|_| !sorted) {
            let way = format!("{way}[{index}]");
            let theirs = theirs.get(index).copied();
            let spot = Spot { was: Some(was), is: Some(is), theirs };
            match element {
                Element::Word(name) => match (self.book.record(&name.0), theirs) {
                    (Some(record), Some(theirs)) => {
                        self.record(record, &items, Trip { was, is, theirs }, &way);
                    }
                    (Some(_), None) => {}
                    (None, _) => {
                        let value = named_value(&name.0, name.1);
                        self.value(&value, &plain, &items, spot, span, &way);
                    }
                },
                Element::Copy => {
                    self.value(&ValueText::default(), &plain, &items, spot, span, &way)
                }
                Element::Rule(_) => {}
            }
        }
    }

    /// Whether an element becomes one of theirs: a case may write nothing.
    fn written(&self, element: &Element, json: &Json) -> bool {
        let union = match element {
            Element::Word(name) => match self.book.record(&name.0).map(|r| &r.body) {
                Some(Body::OneOf(union)) => union,
                _ => return true,
            },
            Element::Rule(rule) => match &rule.op {
                Op::OneOf(union) => union,
                _ => return true,
            },
            Element::Copy => return true,
        };
        case_of(union, json.at(&union.canonical.hops)).is_some_and(|case| case.rule.is_some())
    }

    fn value(
        &mut self,
        value: &ValueText,
        rule: &Rule,
        ty: &Ty,
        spot: Spot<'_>,
        span: Span,
        way: &str,
    ) {
        let presence = &rule.presence;
        let read = |json: &Json| match reads_null(presence, json) {
            true => Some(Json::Null),
            false => self.book.inward(value, ty, json),
        };
        let empty = spot.is.is_some_and(Json::is_empty);
        if unset(spot.was) {
            // A default is read as what it says; a list that cannot be null is empty.
            let stands = presence.default.is_some() || presence.null_as.is_some();
            let said = spot.theirs.filter(|_| stands).and_then(read);
            let word = value.table.is_some().then(|| spot.theirs.and_then(read)).flatten();
            let right = unset(spot.is)
                || empty && !ty.nullable(self.contract())
                || said.is_some() && said.as_ref() == spot.is
                || word.is_some() && word.as_ref() == spot.is;
            if !right {
                self.tell(span, way, spot);
            }
            return;
        }
        let due = spot.was.and_then(|json| self.book.outward(value, json));
        let Some(due) = due else { return };
        let back = match reads_null(presence, &due) {
            true => Json::Null,
            false => match self.book.inward(value, ty, &due) {
                Some(json) => json,
                None => return,
            },
        };
        let right = match &back {
            Json::Null => unset(spot.is) || empty,
            json if json.is_empty() => unset(spot.is) || spot.is == Some(json),
            json => spot.is == Some(json),
        };
        // A word that was kept is read as what is there, whatever the table writes.
        let kept = value.table.is_some() && spot.is == spot.was;
        if !right && !kept {
            self.tell(span, way, spot);
        }
    }

    fn relation(&mut self, relation: &Relation, span: Span, trip: Trip<'_>, way: &str) {
        let values: Vec<Option<Json>> = relation
            .canonical
            .iter()
            .map(|(place, _)| Some(trip.was.at(&place.place.hops).cloned().unwrap_or(Json::Null)))
            .collect();
        let Some((row, true)) = row(relation, false, &values) else { return };
        for (cell, (place, guard)) in row.canonical.iter().zip(&relation.canonical) {
            let hops = &place.place.hops;
            let spot = Spot { was: trip.was.at(hops), is: trip.is.at(hops), theirs: None };
            let right = match cell {
                _ if *guard => true,
                Cell::Any | Cell::Set | Cell::Absent => true,
                Cell::Null => unset(spot.is),
                Cell::Value(_) => spot.was == spot.is,
                // Through the codec of the column it is copied into.
                Cell::Copy => {
                    let mut columns = relation.dialect.iter();
                    !unset(spot.is)
                        && (spot.was == spot.is || columns.any(|c| c.value.codec.is_some()))
                }
            };
            if !right {
                let name = place.place.to_string();
                let way = joined(way, name.trim_start_matches(['$', '.']));
                self.tell(span, &way, spot);
            }
        }
    }

    fn union(
        &mut self,
        record: Option<&Record>,
        union: &Union,
        ty: &Ty,
        trip: Trip<'_>,
        way: &str,
    ) {
        let hops = &union.canonical.hops;
        let word = trip.was.at(hops);
        let Some(case) = case_of(union, word) else { return };
        let Some(rule) = &case.rule else { return };
        let reads = case.only.is_none() && !case.dialect.is_empty();
        if !reads {
            return;
        }
        let known = words(&case.canonical);
        // Several words of one case are one word of theirs.
        let right = match trip.is.at(hops) {
            Some(is) if known.len() > 1 => known.contains(is),
            is => is == word,
        };
        if !right {
            let spot = Spot { was: word, is: trip.is.at(hops), theirs: Some(trip.theirs) };
            self.tell(case.span, way, spot);
            return;
        }
        let ty = self.book.narrowed(ty, &known);
        match (&rule.source, &rule.op) {
            (Source::None, Op::Fields(table)) => self.table(record, table, &ty, trip, way),
            (Source::At(place), _) if both(rule) => {
                let hops = &place.place.hops;
                let (ty, _) = self.book.walk(&ty, hops);
                let (was, is) = (trip.was.at(hops), trip.is.at(hops));
                let spot = Spot { was, is, theirs: Some(trip.theirs) };
                self.rule(record, rule, &ty, spot, rule.span, way);
            }
            _ => {}
        }
    }

    fn tell(&mut self, span: Span, way: &str, spot: Spot<'_>) {
        self.found.push(Finding::changed(span, way, spot.was, spot.is));
    }
}

/// The case that encodes a canonical word.
pub(super) fn case_of<'u>(
    union: &'u Union,
    word: Option<&Json>,
) -> Option<&'u crate::mapping::document::Case> {
    let cases = || union.cases.iter().filter(|case| case.only != Some(Only::Decode));
    let own = cases().find(|case| {
        case.canonical.iter().any(|w| match w {
            CaseWord::Value(json, _) => word == Some(&Json::of(json)),
            CaseWord::Absent(_) => unset(word),
            CaseWord::Other => false,
        })
    });
    own.or_else(|| cases().find(|case| case.canonical.iter().any(|w| matches!(w, CaseWord::Other))))
}
