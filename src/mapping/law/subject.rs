//! A record to be tried, and the values it is tried with.

use crate::canonical::contract::SchemaId;
use crate::json::place::Hop;
use crate::mapping::document::{Body, Op, Record, Rule, Source, Table, Union};
use crate::mapping::plan::Program;
use crate::mapping::types::Ty;

use super::book::own;
use super::damage::wrong;
use super::json::Json;
use super::judge::{Case, Judge};
use super::rng::Rng;
use super::theirs::{Theirs, plain};

/// A record and its programs.
#[derive(Debug)]
pub(super) struct Subject<'l> {
    pub(super) record: &'l Record,
    pub(super) ty: Ty,
    pub(super) encode: Option<Program>,
    pub(super) decode: Option<Program>,
    /// Values that went through so far.
    pub(super) held: u64,
    /// Types of the arguments.
    needs: Vec<Ty>,
    /// Places that lines read, each with the values it is to have once.
    /// `None` is whatever comes.
    edges: Vec<(Vec<Hop>, Vec<Option<Json>>)>,
    /// How many rounds that takes.
    rounds: u64,
}

impl<'l> Subject<'l> {
    /// `None` where the record does not compile, which is told elsewhere.
    pub(super) fn of(judge: &mut Judge<'l>, record: &'l Record) -> Option<Self> {
        let book = judge.book;
        let program = |decode| book.lib.program(&record.name.0, decode);
        let (encode, decode) = (program(false), program(true));
        if encode.is_none() && decode.is_none() {
            return None;
        }
        let ty = book.type_of(record);
        let mut places = Vec::new();
        body(&record.body, &[], &mut places);
        for relation in &record.relations {
            places.extend(relation.canonical.iter().map(|(place, _)| place.place.hops.clone()));
        }
        places.sort();
        places.dedup();
        let mut edges = Vec::new();
        for hops in places {
            let (of, _) = book.walk(&ty, &hops);
            let mut values = judge.edges(&of);
            if of.nullable(book.contract()) && !values.is_empty() {
                values.insert(0, Some(Json::Null));
            }
            if !values.is_empty() {
                edges.push((hops, values));
            }
        }
        let rounds = edges.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let needs = record.needs.iter().map(|need| book.type_of_need(need)).collect();
        Some(Self {
            record,
            ty,
            encode,
            decode,
            held: 0,
            needs,
            edges,
            rounds: u64::try_from(rounds).unwrap_or(0),
        })
    }

    /// The values of a round.
    pub(super) fn cases(&self, judge: &mut Judge<'l>, seed: u64, round: u64) -> Vec<Case> {
        let mut rng = Rng::of(seed, &self.record.name.0, round);
        let mut cases = Vec::new();
        if self.encode.is_some() {
            cases.push(self.canonical(judge, &mut rng, round));
        }
        if self.decode.is_some() {
            // What is only read has no canonical value to try: it is given one more of theirs, or
            // most of what is tried with it would be damaged.
            let whole = if self.encode.is_some() { 1 } else { 2 };
            let mut made = Vec::new();
            for _ in 0..whole {
                let mut theirs = Theirs {
                    book: judge.book,
                    generator: &mut judge.generator,
                    rng: Rng::new(rng.seed()),
                    depth: 0,
                };
                made.extend(theirs.record(self.record, &self.ty));
            }
            let damaged = made.first().map(|first| wrong(first, &mut rng));
            cases.extend(made.into_iter().map(Case::Theirs));
            cases.extend(damaged.map(Case::Damaged));
            if round.is_multiple_of(4) {
                let anything = judge.generator.anything(rng.seed());
                cases.push(Case::Damaged(Json::read(&anything)));
            }
        }
        cases
    }

    fn canonical(&self, judge: &mut Judge<'l>, rng: &mut Rng, round: u64) -> Case {
        let mut object = self.object(judge, rng, round);
        let mut arguments = Vec::new();
        for (need, ty) in self.record.needs.iter().zip(&self.needs) {
            let mut made = match rng.below(6) {
                0 if round > 2 => None,
                _ => Some(judge.any_of(ty, rng)),
            };
            for join in self.record.joins.iter().filter(|join| join.list.place.root == need.name.0)
            {
                // Mostly somebody is found.
                let key = object.at(&join.key.place.hops).cloned();
                if let (Some(Json::List(all)), Some(key)) = (&mut made, key)
                    && !key.is_null()
                    && !rng.once_in(4)
                {
                    let index = rng.below(all.len());
                    if let Some(element) = all.get_mut(index) {
                        element.put(&join.by.hops, Some(key));
                    }
                }
            }
            arguments.push(made);
        }
        if !judge.valid(&self.ty, &object) {
            object = judge.any_of(&self.ty, rng);
        }
        Case::Canonical { object, arguments }
    }

    /// The first ones have every place at its edges, in turn; then comes what comes.
    fn object(&self, judge: &mut Judge<'l>, rng: &mut Rng, round: u64) -> Json {
        let contract = judge.book.contract();
        let leaves = self.ty.leaves(contract);
        let turn = usize::try_from(round).unwrap_or(0);
        let leaf: Option<SchemaId> = leaves.get(turn % leaves.len().max(1)).copied();
        let Some(leaf) = leaf else { return judge.any_of(&self.ty, rng) };
        if round >= self.rounds {
            let seed = if round == self.rounds { 0 } else { rng.seed() };
            return Json::read(&judge.generator.document(leaf, seed));
        }
        let mut object = Json::read(&judge.generator.full(leaf, rng.seed()));
        let plain = object.clone();
        // Each place is a few values ahead of the one before, so that no two hold the same.
        let edge = |index: usize, values: &[Option<Json>]| {
            values.get((turn + index * 5) % values.len().max(1)).cloned().flatten()
        };
        for (index, (hops, values)) in self.edges.iter().enumerate() {
            if object.at(hops).is_some()
                && let Some(value) = edge(index, values)
            {
                object.put(hops, Some(value));
            }
        }
        if judge.valid(&Ty::of(leaf), &object) {
            return object;
        }
        // Alternatives of a union may have one name for two things: those one by one.
        let mut object = plain;
        for (index, (hops, values)) in self.edges.iter().enumerate() {
            let (Some(before), Some(value)) = (object.at(hops).cloned(), edge(index, values))
            else {
                continue;
            };
            object.put(hops, Some(value));
            if !judge.valid(&Ty::of(leaf), &object) {
                object.put(hops, Some(before));
            }
        }
        object
    }
}

fn body(body: &Body, prefix: &[Hop], places: &mut Vec<Vec<Hop>>) {
    match body {
        Body::Fields(inside) => table(inside, prefix, places),
        Body::OneOf(of) => union(of, prefix, places),
    }
}

fn table(table: &Table, prefix: &[Hop], places: &mut Vec<Vec<Hop>>) {
    table.lines.iter().for_each(|line| rule(&line.rule, prefix, places));
}

fn union(union: &Union, prefix: &[Hop], places: &mut Vec<Vec<Hop>>) {
    union.cases.iter().filter_map(|case| case.rule.as_ref()).for_each(|r| rule(r, prefix, places));
}

/// The places of `$` that a rule reads.
fn rule(of: &Rule, prefix: &[Hop], places: &mut Vec<Vec<Hop>>) {
    let place = match &of.source {
        Source::At(place) | Source::WhenSet(_, place) | Source::IsSet(place) => place,
        Source::FirstOf(rules) => {
            return rules.iter().for_each(|of| rule(of, prefix, places));
        }
        Source::None => {
            if let Op::Fields(inside) = &of.op {
                table(inside, prefix, places);
            }
            return;
        }
        _ => return,
    };
    if !own(place) {
        return;
    }
    let mut hops = prefix.to_vec();
    hops.extend(place.place.hops.iter().cloned());
    match &of.op {
        Op::Fields(inside) => table(inside, &hops, places),
        Op::OneOf(of) => union(of, &hops, places),
        _ => {}
    }
    if !hops.is_empty() {
        places.push(hops);
    }
}

impl<'l> Judge<'l> {
    /// The values that a place has once each: what its schema takes of the awkward ones; of lists
    /// and objects that they are empty, and mostly what comes.
    fn edges(&mut self, ty: &Ty) -> Vec<Option<Json>> {
        let contract = self.book.contract();
        let mut values = Vec::new();
        for leaf in ty.leaves(contract) {
            let tokens = self.generator.tokens(leaf).iter();
            values.extend(tokens.map(|token| Some(Json::read(token))));
            for empty in [Json::List(Vec::new()), Json::Object(Vec::new())] {
                if self.valid(&Ty::of(leaf), &empty) {
                    values.extend([None, None, Some(empty), None]);
                }
            }
        }
        values
    }

    /// A value of a type.
    pub(super) fn any_of(&mut self, ty: &Ty, rng: &mut Rng) -> Json {
        match ty {
            Ty::Any => Json::read(&self.generator.anything(rng.seed())),
            Ty::Simple(types, _) => plain(*types, rng),
            Ty::List(of) => {
                let count = rng.below(4);
                Json::List((0..count).map(|_| self.any_of(of, rng)).collect())
            }
            Ty::Of(_) => {
                let leaves = ty.leaves(self.book.contract());
                let leaf = rng.choose(&leaves).copied();
                leaf.map_or(Json::Null, |leaf| {
                    Json::read(&self.generator.document(leaf, rng.seed()))
                })
            }
        }
    }
}
