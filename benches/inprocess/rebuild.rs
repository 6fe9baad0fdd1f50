//! What a translation is held against: the same answer, made by hand with `serde_json::Value`.
//!
//! A plan is worked out beforehand, from the source and the answer that the translator gave. To run
//! it is what a handler in plain Rust would do: parse the source to a tree, walk from each object to
//! what the answer takes of it, clone that into new objects under new keys, and write them. A value
//! that stands nowhere in the source (a converted time, a word of a table) is cloned from the plan,
//! and what it costs to convert it is left out.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// How one value of the answer is made.
pub(crate) enum Plan {
    /// The value that these steps lead to.
    Copy(Vec<Step>),
    /// Always this.
    Constant(Value),
    /// An object whose members lie at or below what these steps lead to.
    Object(Vec<Step>, Vec<(String, Self)>),
    /// A list, likewise.
    List(Vec<Step>, Vec<Self>),
}

/// From a value to one in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Member(String),
    Element(usize),
}

impl Plan {
    /// How `answer` is made of `source`.
    pub(crate) fn new(source: &Value, answer: &Value) -> Self {
        let mut known = HashMap::new();
        note(source, &mut Vec::new(), &mut known);
        let mut plan = Self::of(answer, &mut Vec::new(), &known);
        plan.shorten(&[]);
        plan
    }

    fn of(answer: &Value, at: &mut Vec<Step>, known: &HashMap<String, Vec<Vec<Step>>>) -> Self {
        match answer {
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| {
                    at.push(Step::Member(name.clone()));
                    let plan = Self::of(value, at, known);
                    at.pop();
                    (name.clone(), plan)
                });
                Self::Object(Vec::new(), members.collect())
            }
            Value::Array(elements) => {
                let elements = elements.iter().enumerate().map(|(index, value)| {
                    at.push(Step::Element(index));
                    let plan = Self::of(value, at, known);
                    at.pop();
                    plan
                });
                Self::List(Vec::new(), elements.collect())
            }
            // What any two objects may have by chance is as cheap either way.
            Value::Null | Value::Bool(_) => Self::Constant(answer.clone()),
            scalar => match known.get(&scalar.to_string()) {
                Some(places) => {
                    let best = places.iter().max_by_key(|place| likeness(place, at));
                    Self::Copy(best.cloned().unwrap_or_default())
                }
                None => Self::Constant(answer.clone()),
            },
        }
    }

    /// Makes its steps begin at a value that is reached already.
    fn shorten(&mut self, from: &[Step]) {
        let place = self.place().filter(|place| place.starts_with(from));
        let place = place.unwrap_or_else(|| from.to_vec());
        let rest = place.get(from.len()..).unwrap_or_default().to_vec();
        match self {
            Self::Constant(_) => {}
            Self::Copy(steps) => *steps = rest,
            Self::Object(steps, members) => {
                *steps = rest;
                members.iter_mut().for_each(|(_, plan)| plan.shorten(&place));
            }
            Self::List(steps, elements) => {
                *steps = rest;
                elements.iter_mut().for_each(|plan| plan.shorten(&place));
            }
        }
    }

    /// The deepest value in the source that holds all that it takes.
    fn place(&self) -> Option<Vec<Step>> {
        let common = |one: Vec<Step>, other: Vec<Step>| {
            one.into_iter().zip(other).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
        };
        match self {
            Self::Constant(_) => None,
            Self::Copy(steps) => Some(steps.clone()),
            Self::Object(_, members) => {
                // A scalar itself holds nothing: its object does.
                let places = members.iter().filter_map(|(_, plan)| plan.holder());
                places.reduce(common)
            }
            Self::List(_, elements) => elements.iter().filter_map(Self::holder).reduce(common),
        }
    }

    fn holder(&self) -> Option<Vec<Step>> {
        let mut place = self.place()?;
        if matches!(self, Self::Copy(_)) {
            place.pop();
        }
        Some(place)
    }

    /// Makes the value.
    pub(crate) fn run(&self, from: &Value) -> Value {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Copy(steps) => walk(from, steps).clone(),
            Self::Object(steps, members) => {
                let from = walk(from, steps);
                let mut made = Map::with_capacity(members.len());
                for (name, plan) in members {
                    made.insert(name.clone(), plan.run(from));
                }
                Value::Object(made)
            }
            Self::List(steps, elements) => {
                let from = walk(from, steps);
                Value::Array(elements.iter().map(|plan| plan.run(from)).collect())
            }
        }
    }
}

fn walk<'v>(from: &'v Value, steps: &[Step]) -> &'v Value {
    steps.iter().fold(from, |value, step| match step {
        Step::Member(name) => &value[name.as_str()],
        Step::Element(index) => &value[*index],
    })
}

/// Where each text and number of the source stands.
fn note(value: &Value, at: &mut Vec<Step>, known: &mut HashMap<String, Vec<Vec<Step>>>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                at.push(Step::Member(name.clone()));
                note(value, at, known);
                at.pop();
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                at.push(Step::Element(index));
                note(value, at, known);
                at.pop();
            }
        }
        Value::Null | Value::Bool(_) => {}
        scalar => known.entry(scalar.to_string()).or_default().push(at.clone()),
    }
}

/// How likely a place in the source is the origin of one in the answer: the same element of a list,
/// then the same name.
fn likeness(source: &[Step], answer: &[Step]) -> (usize, bool) {
    let elements = |steps: &[Step]| {
        let index = |step: &Step| match step {
            Step::Element(index) => Some(*index),
            Step::Member(_) => None,
        };
        steps.iter().filter_map(index).collect::<Vec<_>>()
    };
    let (own, wanted) = (elements(source), elements(answer));
    let same = own.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
    (same, source.last() == answer.last())
}
