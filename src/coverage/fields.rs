//! The fields of published operations: every member of every object that is asked or answered, and
//! every parameter, with whether the routes speak it.
//!
//! A field is known by the published schema it stands in, or by the operation where its object has
//! no name, and by whether it is asked or answered. It is spoken where every operation that has it
//! speaks it; what one of them does not speak is dropped with a reason, or missing.

use std::collections::BTreeMap;

use crate::canonical::contract::{Dropped, Kind, SchemaId, Schemas};

use super::keys::Keys;

/// Which way a field goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A client sends it.
    Asked,
    /// A client gets it.
    Answered,
}

impl Way {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "request",
            Self::Answered => "answer",
        }
    }
}

/// A published field.
#[derive(Clone, Debug)]
pub struct Field {
    /// The schema, or the operation, and the way to the member in it: `message.sender.id`.
    pub place: String,
    /// Which way it goes.
    pub way: Way,
    /// The operations that speak it, by index.
    pub spoken: Vec<usize>,
    /// Those that have it, and the object it stands in, and do not speak it.
    pub silent: Vec<usize>,
    /// Why not, where that is written down.
    pub dropped: Option<Dropped>,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Every operation that has it speaks it.
    Mapped,
    /// It is not spoken everywhere, with a reason.
    Dropped,
    /// It is not spoken everywhere, and nobody says why.
    Missing,
}

impl Field {
    /// What becomes of it.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match (&self.dropped, self.silent.is_empty() && !self.spoken.is_empty()) {
            (_, true) => Fate::Mapped,
            (Some(_), false) => Fate::Dropped,
            (None, false) => Fate::Missing,
        }
    }

    /// Whether it stands nowhere but in objects that are not spoken themselves: these are told of.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.spoken.is_empty() && self.silent.is_empty()
    }

    /// The last name of its place.
    #[must_use]
    pub fn name(&self) -> &str {
        let last = self.place.rsplit(['.', '?']).next().unwrap_or_default();
        last.trim_end_matches("[]")
    }
}

/// Collects fields, operation by operation.
pub(super) struct Fields<'d> {
    schemas: &'d Schemas,
    found: BTreeMap<(String, Way), Field>,
}

/// Where in the documents something stands.
#[derive(Clone, Copy)]
struct At<'a> {
    operation: usize,
    way: Way,
    place: &'a str,
    /// An object around it is not spoken; why, where that is written down.
    within: Option<Option<&'a Dropped>>,
}

impl<'d> Fields<'d> {
    pub(super) fn new(schemas: &'d Schemas) -> Self {
        Self { schemas, found: BTreeMap::new() }
    }

    pub(super) fn finish(self) -> Vec<Field> {
        self.found.into_values().collect()
    }

    /// A parameter of an operation.
    pub(super) fn parameter(
        &mut self,
        operation: usize,
        place: &str,
        spoken: bool,
        dropped: Option<&Dropped>,
    ) {
        let at = At { operation, way: Way::Asked, place, within: None };
        self.note(at, spoken, dropped);
    }

    /// A value of an operation: `place` names it where its schema has no name.
    pub(super) fn value(
        &mut self,
        operation: usize,
        way: Way,
        place: &str,
        schema: SchemaId,
        keys: &Keys,
    ) {
        let at = At { operation, way, place, within: None };
        self.walk(at, schema, Some(keys), &mut Vec::new());
    }

    /// `open`: the schemas that this one stands in.
    fn walk(&mut self, at: At<'_>, id: SchemaId, keys: Option<&Keys>, open: &mut Vec<SchemaId>) {
        // Keys end; what takes everything, or nothing, goes round in the schemas.
        if keys.is_none_or(|keys| keys.any) && open.contains(&id) {
            return;
        }
        let schemas = self.schemas;
        let schema = schemas.schema(id);
        let place = schema.name.as_deref().unwrap_or(at.place);
        open.push(id);
        match &schema.kind {
            Kind::Object { properties, .. } => {
                for property in properties {
                    let place = format!("{place}.{}", property.name);
                    let inner = keys.and_then(|keys| keys.member(&property.name));
                    let at = At { place: &place, ..at };
                    self.note(at, inner.is_some(), property.dropped.as_ref());
                    let why = at.within.flatten().or(property.dropped.as_ref());
                    let within = inner.is_none().then_some(why);
                    self.walk(At { within, ..at }, property.schema, inner.as_ref(), open);
                }
            }
            Kind::List { items, .. } => {
                let place = format!("{place}[]");
                let inner = keys.and_then(Keys::element);
                self.walk(At { place: &place, ..at }, *items, inner.as_ref(), open);
            }
            Kind::Union(of) | Kind::Any(of) => {
                for id in of {
                    self.walk(At { place, ..at }, *id, keys, open);
                }
            }
            _ => {}
        }
        open.pop();
    }

    fn note(&mut self, at: At<'_>, spoken: bool, own: Option<&Dropped>) {
        let field = self.found.entry((at.place.to_owned(), at.way)).or_insert_with(|| Field {
            place: at.place.to_owned(),
            way: at.way,
            spoken: Vec::new(),
            silent: Vec::new(),
            dropped: None,
        });
        if own.is_some() || field.dropped.is_none() {
            field.dropped = own.or(at.within.flatten()).cloned();
        }
        let list = match (spoken, at.within) {
            (true, _) => &mut field.spoken,
            (false, None) => &mut field.silent,
            (false, Some(_)) => return,
        };
        if !list.contains(&at.operation) {
            list.push(at.operation);
        }
        // Of several ways to a member, the one by which it is spoken counts.
        let spoken = &field.spoken;
        field.silent.retain(|operation| !spoken.contains(operation));
    }
}
