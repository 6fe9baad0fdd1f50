//! Records: dropped places, relations and the lines that show them.

use crate::json::place::{Hop, Place};
use crate::mapping::check::relations;
use crate::mapping::document::{Body, Line, Op, PlaceText, Record, Source, Table};
use crate::mapping::library::Library;
use crate::mapping::types::{Lost, Ty};
use crate::syntax::{Code, Diagnostic, Diagnostics, Span, closest};

/// Checks what lowering does not come across.
pub(crate) fn check(library: &Library, record: &Record, d: &mut Diagnostics) {
    let Some(ty) = library.record_type(record, d) else { return };
    let mut mapped = Vec::new();
    if let Body::Fields(table) = &record.body {
        collect(table, &mut mapped);
    }
    for relation in &record.relations {
        mapped.extend(relation.canonical.iter().filter(|(_, g)| !g).map(|(p, _)| p));
    }
    mapped.extend(record.fill.iter().map(|(p, _)| p));
    for dropped in &record.drops {
        if !exists(library, &ty, dropped, d) {
            continue;
        }
        let hops = &dropped.place.hops;
        let other = mapped.iter().find(|m| {
            m.place.root == dropped.place.root && m.place.hops.get(..hops.len()) == Some(hops)
        });
        if let Some(other) = other {
            let message = format!("`{}` is both mapped and dropped", dropped.place);
            d.push(
                Diagnostic::error(Code::TwoWriters, dropped.span, message)
                    .related(other.span, "mapped here"),
            );
        }
    }
    for relation in &record.relations {
        for column in relation.dialect.iter().filter(|c| !c.guard) {
            let shown = match &record.body {
                Body::Fields(table) => shows(&table.lines, &[], &relation.name.0, &column.key),
                Body::OneOf(_) => false,
            };
            // A line of a relation that is not there may have meant this one.
            let strays = match &record.body {
                Body::Fields(table) => strays(&table.lines, record),
                Body::OneOf(_) => false,
            };
            if !shown && !strays && !record.broken {
                let message = format!(
                    "no field line says where `{}` of the relation `{}` stands",
                    column.name.0, relation.name.0
                );
                let help = format!(
                    "add `{}: {{ relation: {} }}` to the fields",
                    column.name.0, relation.name.0
                );
                d.push(Diagnostic::error(Code::UnknownRelation, column.name.1, message).help(help));
            }
        }
        relations::check(library, record, relation, &ty, d);
    }
}

/// The places of the record's own object that lines map, those in objects of the dialect included.
fn collect<'r>(table: &'r Table, mapped: &mut Vec<&'r PlaceText>) {
    for line in &table.lines {
        match (&line.rule.source, &line.rule.op) {
            (Source::None, Op::Fields(inside)) => collect(inside, mapped),
            (
                Source::At(place)
                | Source::WhenSet(_, place)
                | Source::IsSet(place)
                | Source::Count(place),
                _,
            ) => {
                mapped.push(place);
            }
            _ => {}
        }
    }
}

fn shows(lines: &[Line], prefix: &[Box<str>], relation: &str, key: &[Box<str>]) -> bool {
    lines.iter().any(|line| {
        let mut own = prefix.to_vec();
        own.extend(line.key.iter().cloned());
        match (&line.rule.source, &line.rule.op) {
            (Source::Relation(name), _) => *name.0 == *relation && own == key,
            (Source::None, Op::Fields(inside)) => shows(&inside.lines, &own, relation, key),
            _ => false,
        }
    })
}

/// Whether a line names a relation that the record does not have.
fn strays(lines: &[Line], record: &Record) -> bool {
    lines.iter().any(|line| match (&line.rule.source, &line.rule.op) {
        (Source::Relation(name), _) => !record.relations.iter().any(|r| r.name.0 == name.0),
        (Source::None, Op::Fields(inside)) => strays(&inside.lines, record),
        _ => false,
    })
}

/// Whether a place is there; reports it otherwise.
fn exists(library: &Library, ty: &Ty, at: &PlaceText, d: &mut Diagnostics) -> bool {
    let mut ty = ty.clone();
    for (index, hop) in at.place.hops.iter().enumerate() {
        match ty.step(&library.contract, hop) {
            Ok((next, _)) => ty = next,
            Err(lost) => {
                d.push(unknown(library, &ty, hop, lost, &at.place, index, at.span));
                return false;
            }
        }
    }
    true
}

/// A hop that leads nowhere, with the place that was probably meant.
fn unknown(
    library: &Library,
    ty: &Ty,
    hop: &Hop,
    lost: Lost,
    place: &Place,
    index: usize,
    span: Span,
) -> Diagnostic {
    let what = ty.describe(&library.contract);
    let (Lost::Member(names), Hop::Member(name)) = (lost, hop) else {
        return Diagnostic::error(Code::UnknownPlace, span, format!("{what} is no list"));
    };
    let near = closest(name, names.iter().map(|n| &**n)).map(|near| {
        let mut place = place.clone();
        if let Some(hop) = place.hops.get_mut(index) {
            *hop = Hop::Member(near.into());
        }
        place.to_string()
    });
    Diagnostic::error(Code::UnknownPlace, span, format!("{what} has no member `{name}`"))
        .suggest(near.as_deref())
}
