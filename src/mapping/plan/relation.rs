//! Decision tables.

use crate::canonical::contract::SchemaId;

use super::{Convert, Ref, SiteId, Test, Types};

/// A decision table in one direction, hit policy *first*.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Relation {
    /// What is looked at.
    pub inputs: Vec<Input>,
    /// How many columns are written; [`Row::writes`] has as many.
    pub outputs: Vec<Output>,
    /// In order.
    pub rows: Vec<Row>,
    /// Where problems point: the first input that is no guard.
    pub site: SiteId,
    /// Encode only: the raw sibling, for one output.
    pub raw: Option<RelationRaw>,
}

/// A column looked at. Tests see the value after `also_null`, `missing` and `convert`'s table; a
/// copy copies the converted value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Input {
    /// The place.
    pub at: Ref,
    /// Where it comes from.
    pub site: SiteId,
    /// What is done with a value before the tests and for a copy.
    pub convert: Convert,
    /// Which JSON types are accepted.
    pub accept: Types,
    /// JSON texts read as null.
    pub also_null: Vec<Box<[u8]>>,
    /// What absent is read as: a JSON text, or absent.
    pub missing: Option<Box<[u8]>>,
}

/// A column written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Output {
    /// What the written value must satisfy (decode).
    pub check: Option<SchemaId>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// One per input.
    pub tests: Vec<Test>,
    /// One per output.
    pub writes: Vec<Write>,
    /// Counted when set.
    pub event: Option<u16>,
}

/// What a row writes in a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// This JSON value.
    Const(Box<[u8]>),
    /// The converted value of an input.
    Copy(u8),
    /// Nothing.
    Absent,
}

/// The raw sibling of a relation's column, when encoding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelationRaw {
    /// The output it stands in for.
    pub output: u8,
    /// Its `system`.
    pub system: Ref,
    /// Its `value`.
    pub value: Ref,
    /// Ours, as JSON text.
    pub ours: Box<[u8]>,
    /// The decoding rows, dialect side as tests over *outputs*, canonical side as tests over
    /// *inputs*: given back only if the first row whose tests all hold for the outputs (with the raw
    /// value in its place) has canonical tests that hold for the inputs.
    pub back: Vec<(Vec<Test>, Vec<Test>)>,
}
