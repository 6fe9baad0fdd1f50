//! Canonical documents made from the contract: JSON text for any schema, awkward values first. The
//! same seed gives the same document.

use std::collections::HashMap;

use crate::canonical::contract::{Additional, Contract, Kind, Property, SchemaId};
use crate::canonical::validate::validate;

use super::rng::Rng;
use super::tokens::{ANYTHING, EXTRAS, NUMBERS, TEXTS};

/// About where a document stops to grow, in bytes.
const ENOUGH: usize = 6_000;
/// Below it, lists are empty and optional members absent.
const DEEPEST: usize = 7;

/// How much of what may be there is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    /// As it comes.
    Some,
    /// No nulls, every member, a few elements; less and less further down.
    All,
}

/// Makes documents of a contract.
#[derive(Debug)]
pub struct Generator<'c> {
    contract: &'c Contract,
    fill: Fill,
    /// What each schema of text or number takes, found out once.
    known: HashMap<SchemaId, Vec<String>>,
}

impl<'c> Generator<'c> {
    /// One for a contract.
    #[must_use]
    pub fn new(contract: &'c Contract) -> Self {
        Self { contract, fill: Fill::Some, known: HashMap::new() }
    }

    /// A document of a schema.
    pub fn document(&mut self, schema: SchemaId, seed: u64) -> String {
        let mut rng = Rng::new(seed);
        let mut out = String::new();
        space(&mut rng, &mut out);
        // The first ones are bare: as little as the schema allows.
        let depth = if seed == 0 { DEEPEST } else { 0 };
        self.present(schema, depth, &mut rng, &mut out);
        space(&mut rng, &mut out);
        out
    }

    /// A document with everything in it that the schema knows, for a few levels.
    pub fn full(&mut self, schema: SchemaId, seed: u64) -> String {
        let mut out = String::new();
        self.fill = Fill::All;
        self.present(schema, 0, &mut Rng::new(seed), &mut out);
        self.fill = Fill::Some;
        out
    }

    /// Any JSON value, of no schema.
    pub fn anything(&mut self, seed: u64) -> String {
        let mut rng = Rng::new(seed);
        let mut out = String::new();
        self.any(0, &mut rng, &mut out);
        out
    }

    fn value(&mut self, schema: SchemaId, depth: usize, rng: &mut Rng, out: &mut String) {
        let nulls = if out.len() > ENOUGH { 2 } else { 5 };
        let full = self.fill == Fill::All && depth < 4;
        if self.contract.schema(schema).nullable && !full && rng.once_in(nulls) {
            return out.push_str("null");
        }
        self.present(schema, depth, rng, out);
    }

    fn present(&mut self, schema: SchemaId, depth: usize, rng: &mut Rng, out: &mut String) {
        let contract = self.contract;
        match &contract.schema(schema).kind {
            Kind::String(_) | Kind::Integer { .. } | Kind::Number { .. } => {
                let tokens = self.tokens(schema);
                out.push_str(rng.choose(tokens).map_or("null", String::as_str));
            }
            Kind::Boolean => out.push_str(rng.pick(&["true", "false"])),
            Kind::Value(only) => out.push_str(only),
            Kind::List { items, unique, min, max } => {
                self.list(*items, *unique, (*min, *max), depth, rng, out);
            }
            Kind::Object { properties, additional, min_properties } => {
                self.object(properties, *additional, *min_properties, depth, rng, out);
            }
            Kind::Any(of) if of.is_empty() => self.any(depth, rng, out),
            Kind::Union(of) | Kind::Any(of) => {
                if let Some(of) = rng.choose(of) {
                    self.value(*of, depth, rng, out);
                }
            }
        }
    }

    /// What a scalar schema takes: its words, or those of the tables of awkward values that pass the
    /// check. Nothing for objects and lists.
    pub fn tokens(&mut self, schema: SchemaId) -> &[String] {
        let contract = self.contract;
        self.known.entry(schema).or_insert_with(|| {
            let words = match &contract.schema(schema).kind {
                Kind::String(text) => text.words.iter().flatten().collect::<Vec<_>>(),
                Kind::Boolean => return vec!["true".into(), "false".into()],
                Kind::Integer { .. } | Kind::Number { .. } => Vec::new(),
                _ => return Vec::new(),
            };
            let words = words.iter().map(|word| format!("\"{word}\""));
            let long = [format!("\"{}\"", "long ".repeat(50)), format!("\"{}\"", "é".repeat(700))];
            let texts = TEXTS.iter().chain(NUMBERS).map(|&token| token.to_owned()).chain(long);
            words
                .chain(texts)
                .filter(|token| {
                    let mut faults = Vec::new();
                    validate(contract, schema, token.as_bytes(), &mut faults);
                    faults.is_empty()
                })
                .collect()
        })
    }

    fn list(
        &mut self,
        items: SchemaId,
        unique: bool,
        (min, max): (u32, Option<u32>),
        depth: usize,
        rng: &mut Rng,
        out: &mut String,
    ) {
        let most = if depth >= DEEPEST || out.len() > ENOUGH { 1 } else { 4 };
        let most = most.min(max.map_or(usize::MAX, |max| max as usize + 1));
        let at_most = most.saturating_sub(1);
        let full = self.fill == Fill::All && depth < 3;
        // Three elements of a list, two of a list inside, then one.
        let count = if full { at_most.min(4_usize.saturating_sub(depth)) } else { rng.below(most) };
        let count = count.max(min as usize);
        let (mut seen, mut first) = (Vec::new(), true);
        out.push('[');
        for _ in 0..count {
            let before = out.len();
            if !first {
                out.push(',');
            }
            space(rng, out);
            let start = out.len();
            self.value(items, depth + 1, rng, out);
            if unique {
                let value = super::json::Json::read(out.get(start..).unwrap_or_default());
                if seen.contains(&value) {
                    out.truncate(before);
                    continue;
                }
                seen.push(value);
            }
            first = false;
        }
        space(rng, out);
        out.push(']');
    }

    fn object(
        &mut self,
        properties: &[Property],
        additional: Additional,
        min_properties: u32,
        depth: usize,
        rng: &mut Rng,
        out: &mut String,
    ) {
        let full = self.fill == Fill::All && depth < 4;
        let bare = depth >= DEEPEST || out.len() > ENOUGH && (!full || depth > 2);
        let sparse = if full { 0 } else { rng.below(3) };
        let mut members: Vec<(String, Option<SchemaId>)> = Vec::new();
        let mut order: Vec<_> = properties.iter().collect();
        rng.shuffle(&mut order);
        for property in order {
            let few = members.len() < min_properties as usize;
            if property.required || few || !bare && rng.below(3) >= sparse {
                members.push((spelled(&property.name, rng), Some(property.schema)));
            }
        }
        let extra = match additional {
            Additional::Refused => None,
            Additional::Allowed => Some(None),
            Additional::Typed(of) => Some(Some(of)),
        };
        if let Some(of) = extra.filter(|_| !bare) {
            for name in EXTRAS {
                if rng.once_in(4) {
                    let at = rng.below(members.len() + 1);
                    members.insert(at, ((*name).to_owned(), of));
                }
            }
        }
        out.push('{');
        for (index, (name, of)) in members.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            space(rng, out);
            out.push_str(name);
            space(rng, out);
            out.push(':');
            space(rng, out);
            match of {
                Some(of) => self.value(*of, depth + 1, rng, out),
                None => self.any(depth + 1, rng, out),
            }
        }
        space(rng, out);
        out.push('}');
    }

    fn any(&mut self, depth: usize, rng: &mut Rng, out: &mut String) {
        let bare = depth >= DEEPEST || out.len() > ENOUGH;
        match rng.below(if bare { 3 } else { 6 }) {
            0 => out.push_str(rng.pick(TEXTS)),
            1 => out.push_str(rng.pick(NUMBERS)),
            2 => out.push_str(rng.pick(ANYTHING)),
            3 => out.push_str(rng.pick(&["null", "true", "false"])),
            4 => {
                out.push('[');
                for index in 0..rng.below(3) {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.any(depth + 1, rng, out);
                }
                out.push(']');
            }
            _ => {
                out.push('{');
                for (index, name) in EXTRAS.iter().take(rng.below(4)).enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(name);
                    out.push(':');
                    self.any(depth + 1, rng, out);
                }
                out.push('}');
            }
        }
    }
}

/// The token of a name, now and then with an escape that need not be.
fn spelled(name: &str, rng: &mut Rng) -> String {
    let mut rest = name.chars();
    match rest.next() {
        Some(first) if rng.once_in(40) => {
            format!("\"\\u{:04x}{}\"", u32::from(first), rest.as_str())
        }
        _ => format!("\"{name}\""),
    }
}

fn space(rng: &mut Rng, out: &mut String) {
    if rng.once_in(6) {
        out.push_str(rng.pick(&[" ", "\n", "\r\n\t", "  "]));
    }
}
