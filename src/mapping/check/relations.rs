//! Relations, checked by going through every combination of both sides.
//!
//! A canonical column can be any of its listed words, or *some value*, and null where it or
//! something above it can be; a dialect column the values its cells name, or *some value* and null.
//! Null and absence count for a column with listed values only where a cell names them; in a patch
//! any column may be absent.

use crate::json::place::Hop;
use crate::mapping::document::{Cell, Json, Only, Record, Relation, Row, text};
use crate::mapping::library::Library;
use crate::mapping::plan::Types;
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Diagnostics};

/// Most combinations of one side.
const MOST: usize = 4096;
/// Most combinations named in one report.
const NAMED: usize = 4;

/// What a column holds in one combination.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    Word(Json),
    Some,
    Null,
    Absent,
}

/// Checks one relation in the directions that its record claims.
pub(crate) fn check(
    library: &Library,
    record: &Record,
    relation: &Relation,
    ty: &Ty,
    d: &mut Diagnostics,
) {
    let canonical: Option<Vec<_>> = relation
        .canonical
        .iter()
        .enumerate()
        .map(|(i, (place, _))| canonical_domain(library, relation, i, &place.place.hops, ty))
        .collect();
    // A place that does not exist is reported when the record is lowered.
    let Some(canonical) = canonical else { return };
    let dialect: Vec<_> =
        (0..relation.dialect.len()).map(|i| dialect_domain(relation, i, record.patch)).collect();
    let size = |side: &[Vec<Held>]| side.iter().map(Vec::len).product::<usize>();
    if size(&canonical) > MOST || size(&dialect) > MOST {
        let message = format!(
            "the relation `{}` has more than {MOST} combinations, which is too many to check",
            relation.name.0
        );
        d.push(Diagnostic::error(Code::NotTotal, relation.name.1, message));
        return;
    }
    let (canonical, dialect) = (combinations(&canonical), combinations(&dialect));
    let encoding: Vec<&Row> = relation.rows.iter().chain(&relation.encode_only).collect();
    let decoding: Vec<&Row> = relation.rows.iter().chain(&relation.decode_only).collect();
    if record.goes(Only::Encode) {
        let names: Vec<String> =
            relation.canonical.iter().map(|(p, _)| p.place.to_string()).collect();
        one_way(relation, &names, &encoding, &canonical, |r| &r.canonical, d);
    }
    if record.goes(Only::Decode) {
        let names: Vec<String> = relation.dialect.iter().map(|c| c.name.0.to_string()).collect();
        one_way(relation, &names, &decoding, &dialect, |r| &r.dialect, d);
    }
    if record.only.is_none() {
        both_ways(relation, &canonical, &dialect, &encoding, &decoding, d);
    }
}

/// The values a canonical column can have. A value that some cell names and the type does not have
/// is a column of the domain too, so that its row is reported as what it is: a wrong word.
fn canonical_domain(
    library: &Library,
    relation: &Relation,
    index: usize,
    hops: &[Hop],
    ty: &Ty,
) -> Option<Vec<Held>> {
    let (ty, gap) = ty.walk(&library.contract, hops)?;
    let words = ty.words(&library.contract);
    let mut domain: Vec<Held> = words.iter().map(|w| Held::Word(text::quoted(w))).collect();
    if domain.is_empty() {
        if ty.types(&library.contract) == Types::BOOLEAN {
            domain.push(Held::Word(b"true".as_slice().into()));
            domain.push(Held::Word(b"false".as_slice().into()));
        } else {
            for row in rows(relation) {
                add(&mut domain, row.canonical.get(index));
            }
            domain.push(Held::Some);
        }
    }
    if gap {
        domain.push(Held::Null);
    }
    Some(domain)
}

fn dialect_domain(relation: &Relation, index: usize, patch: bool) -> Vec<Held> {
    let mut domain = Vec::new();
    let cells = || rows(relation).filter_map(|r| r.dialect.get(index));
    for row in rows(relation) {
        add(&mut domain, row.dialect.get(index));
    }
    let listed = !domain.is_empty();
    if !listed || cells().any(|c| matches!(c, Cell::Set | Cell::Copy)) {
        domain.push(Held::Some);
    }
    if !listed || cells().any(|c| *c == Cell::Null) {
        domain.push(Held::Null);
    }
    if patch || cells().any(|c| *c == Cell::Absent) {
        domain.push(Held::Absent);
    }
    domain
}

fn rows(relation: &Relation) -> impl Iterator<Item = &Row> {
    relation.rows.iter().chain(&relation.decode_only).chain(&relation.encode_only)
}

fn add(domain: &mut Vec<Held>, cell: Option<&Cell>) {
    if let Some(Cell::Value(json)) = cell {
        let held = Held::Word(json.clone());
        if !domain.contains(&held) {
            domain.push(held);
        }
    }
}

fn combinations(domains: &[Vec<Held>]) -> Vec<Vec<Held>> {
    let mut all = vec![Vec::new()];
    for domain in domains {
        all = all
            .into_iter()
            .flat_map(|head: Vec<Held>| {
                domain.iter().map(move |held| {
                    let mut next = head.clone();
                    next.push(held.clone());
                    next
                })
            })
            .collect();
    }
    all
}

fn fits(cell: &Cell, held: &Held) -> bool {
    match cell {
        Cell::Any => true,
        Cell::Null => *held == Held::Null,
        Cell::Absent => *held == Held::Absent,
        Cell::Set | Cell::Copy => matches!(held, Held::Word(_) | Held::Some),
        Cell::Value(json) => matches!(held, Held::Word(word) if word == json),
    }
}

/// The first row that applies.
fn hit(rows: &[&Row], side: impl Fn(&Row) -> &[Cell], held: &[Held]) -> Option<usize> {
    rows.iter().position(|row| side(row).iter().zip(held).all(|(c, h)| fits(c, h)))
}

/// Combinations without a row, and rows without a combination.
fn one_way(
    relation: &Relation,
    names: &[String],
    rows: &[&Row],
    all: &[Vec<Held>],
    side: impl Fn(&Row) -> &[Cell] + Copy,
    d: &mut Diagnostics,
) {
    let mut reached = vec![false; rows.len()];
    let mut gaps = Vec::new();
    for held in all {
        match hit(rows, side, held) {
            Some(row) => {
                if let Some(reached) = reached.get_mut(row) {
                    *reached = true;
                }
            }
            None => gaps.push(held),
        }
    }
    if !gaps.is_empty() {
        let more = match gaps.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown: Vec<String> = gaps.iter().take(NAMED).map(|g| show(g)).collect();
        d.push(
            Diagnostic::error(
                Code::NotTotal,
                relation.name.1,
                format!(
                    "the relation `{}` has no row for {}{more}",
                    relation.name.0,
                    shown.join(", ")
                ),
            )
            .help(format!("the columns are {}", names.join(", "))),
        );
    }
    for (row, reached) in rows.iter().zip(reached) {
        if !reached {
            d.push(Diagnostic::error(
                Code::DeadRow,
                row.span,
                "this row can never apply: rows above it take everything it is for",
            ));
        }
    }
}

fn show(held: &[Held]) -> String {
    let words: Vec<String> = held
        .iter()
        .map(|h| match h {
            Held::Word(json) => text::show(json),
            Held::Some => "set".into(),
            Held::Null => "null".into(),
            Held::Absent => "absent".into(),
        })
        .collect();
    format!("[ {} ]", words.join(", "))
}

/// Rows of `rows` that are not read back by themselves, from either side.
fn both_ways(
    relation: &Relation,
    canonical: &[Vec<Held>],
    dialect: &[Vec<Held>],
    encoding: &[&Row],
    decoding: &[&Row],
    d: &mut Diagnostics,
) {
    let own: Vec<bool> = relation.canonical.iter().map(|(_, guard)| *guard).collect();
    let theirs: Vec<bool> = relation.dialect.iter().map(|c| c.guard).collect();
    for (index, row) in relation.rows.iter().enumerate() {
        // What is written, and comes back by another row.
        let lost = canonical
            .iter()
            .filter(|held| hit(encoding, |r| &r.canonical, held) == Some(index))
            .find_map(|held| {
                let written =
                    dialect.iter().filter(|w| follows(&row.dialect, &theirs, w, held, &own));
                written
                    .filter(|w| hit(decoding, |r| &r.dialect, w) != Some(index))
                    .map(|w| (held, w))
                    .next()
            })
            .map(|(from, to)| (from, to, "decoded", decoding, true))
            .or_else(|| {
                dialect
                    .iter()
                    .filter(|held| hit(decoding, |r| &r.dialect, held) == Some(index))
                    .find_map(|held| {
                        let written = canonical
                            .iter()
                            .filter(|w| follows(&row.canonical, &own, w, held, &theirs));
                        written
                            .filter(|w| hit(encoding, |r| &r.canonical, w) != Some(index))
                            .map(|w| (held, w))
                            .next()
                    })
                    .map(|(from, to)| (from, to, "encoded", encoding, false))
            });
        let Some((from, to, verb, rows, inward)) = lost else { continue };
        let other = match inward {
            true => hit(rows, |r| &r.dialect, to),
            false => hit(rows, |r| &r.canonical, to),
        };
        let mut problem = Diagnostic::error(
            Code::NotInvertible,
            row.span,
            format!(
                "{} becomes {} by this row, which is not {verb} by it again",
                show(from),
                show(to)
            ),
        );
        if let Some(other) = other.and_then(|o| rows.get(o)) {
            problem = problem.related(other.span, "but by this one");
        }
        d.push(problem);
    }
}

/// Whether a combination is what a row writes for `from`: columns that the row names hold just
/// that, a guard what the paired guard of the other side holds, and what it leaves open null.
fn follows(cells: &[Cell], guards: &[bool], held: &[Held], from: &[Held], paired: &[bool]) -> bool {
    let mut others = from.iter().zip(paired).filter(|(_, guard)| **guard).map(|(h, _)| h);
    cells.iter().zip(guards).zip(held).all(|((cell, guard), held)| {
        if *guard {
            let other = others.next();
            let set = |h: &Held| matches!(h, Held::Word(_) | Held::Some);
            return fits(cell, held)
                && other.is_none_or(|o| {
                    set(o) == set(held) && (*o == Held::Null) == (*held == Held::Null)
                });
        }
        match cell {
            Cell::Any => matches!(held, Held::Null | Held::Absent),
            _ => fits(cell, held),
        }
    })
}
