//! Mapping files as they are written: every part with the place where it stands.
//!
//! Reading here knows the words of the language and nothing of the contract; what places and names
//! mean is found out in `lower`.

pub(crate) mod codecs;
mod conditions;
mod enums;
pub(crate) mod operators;
mod record;
mod relation;
mod rule;
pub(crate) mod text;
mod union;

use std::sync::atomic::AtomicBool;

use crate::json::place::Hop;
use crate::mapping::plan::{Codec, Omit, Test, Types};
use crate::syntax::{Node, Span};

pub(crate) use conditions::{ConditionKey, Conditions, read_conditions};
pub(crate) use enums::read_enums;
pub(crate) use record::{read_record_like, read_records};
pub(crate) use rule::{read_give, read_rule};
pub(crate) use text::PlaceText;

/// A word and where it stands.
pub(crate) type Word = (Box<str>, Span);
/// One JSON value as text.
pub(crate) type Json = Box<[u8]>;

/// The one direction of what does not go both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    Encode,
    Decode,
}

/// A record: an object of the dialect and the canonical one it corresponds to.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) name: Word,
    /// Parts of it could not be read; what is missing is not worth a second report.
    pub(crate) broken: bool,
    /// Its canonical type; `None` for a table in place that takes the type of where it stands.
    pub(crate) canonical: Option<Word>,
    pub(crate) only: Option<Only>,
    pub(crate) patch: bool,
    pub(crate) needs: Vec<Need>,
    pub(crate) joins: Vec<Join>,
    pub(crate) body: Body,
    pub(crate) relations: Vec<Relation>,
    pub(crate) fill: Vec<(PlaceText, Node)>,
    pub(crate) drops: Vec<PlaceText>,
    pub(crate) used: AtomicBool,
}

/// An argument.
#[derive(Debug)]
pub(crate) struct Need {
    pub(crate) name: Word,
    pub(crate) canonical: Word,
    pub(crate) list: bool,
}

/// An element of another list, found by its id.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) name: Word,
    pub(crate) list: PlaceText,
    pub(crate) by: Path,
    pub(crate) key: PlaceText,
}

/// What a record is made of.
#[derive(Debug)]
pub(crate) enum Body {
    Fields(Table),
    OneOf(Union),
}

/// Field lines in order.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) lines: Vec<Line>,
}

/// One field line.
#[derive(Debug)]
pub(crate) struct Line {
    /// The way to the dialect's key; empty for `.`, the object itself.
    pub(crate) key: Vec<Box<str>>,
    pub(crate) text: Box<str>,
    pub(crate) span: Span,
    pub(crate) rule: Rule,
}

impl Line {
    /// Whether its key is a place of an argument (`$file.id`), which decode reads.
    pub(crate) fn is_argument(&self) -> bool {
        self.text.starts_with('$')
    }
}

/// A path below something known: members and fixed indexes.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) hops: Vec<Hop>,
    pub(crate) span: Span,
}

/// A test of a place.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) at: Path,
    pub(crate) test: Test,
    /// Equal to another place instead (`conversation_id: $guard.id`).
    pub(crate) same: Option<PlaceText>,
    pub(crate) span: Span,
}

/// One rule: where a value comes from and what is done with it.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) span: Span,
    pub(crate) source: Source,
    pub(crate) op: Op,
    pub(crate) list: ListOps,
    pub(crate) presence: Presence,
    pub(crate) only: Option<Only>,
    pub(crate) give: Vec<(Word, PlaceText)>,
    /// Of an alternative: it counts only while these hold.
    pub(crate) when: Vec<(PlaceText, Test, Span)>,
}

/// Where a value comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Nowhere: an object of the dialect alone.
    None,
    At(PlaceText),
    Const(Node),
    FirstOf(Vec<Rule>),
    SameAs(Word),
    WhenSet(Node, PlaceText),
    IsSet(PlaceText),
    Count(PlaceText),
    Pick(PlaceText),
    Find {
        list: PlaceText,
        by: Path,
        key: PlaceText,
    },
    Relation(Word),
    Drop,
}

/// What is done with a value.
#[derive(Debug)]
pub(crate) enum Op {
    Value(ValueText),
    Record(Word),
    Fields(Table),
    OneOf(Box<Union>),
    Each(Box<Element>),
    Group {
        by: Path,
        value: Path,
    },
    /// A list of conditions, by a table.
    Conditions(Word),
    Join {
        separator: Box<str>,
        value: Option<Path>,
    },
}

/// What an element of a list becomes.
#[derive(Debug)]
pub(crate) enum Element {
    /// A record, a codec or a simple type.
    Word(Word),
    Rule(Box<Rule>),
    /// As it is.
    Copy,
}

/// Operators of a single value.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueText {
    pub(crate) codec: Option<(Codec, Span)>,
    pub(crate) write_text: bool,
    pub(crate) table: Option<Word>,
    pub(crate) raw: Option<Raw>,
    pub(crate) accept: Types,
    pub(crate) within: Option<Within>,
}

/// A whole number from 1, whatever a client sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within {
    pub(crate) otherwise: u32,
    pub(crate) most: Option<u32>,
    pub(crate) span: Span,
}

/// A subtree byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Object,
    List,
    Any,
}

/// Operators of a list.
#[derive(Debug, Default)]
pub(crate) struct ListOps {
    pub(crate) filter: Vec<Condition>,
    pub(crate) sort_by: Option<Path>,
    pub(crate) take: Option<TakeText>,
    pub(crate) reverse: bool,
    pub(crate) at_most: Option<u32>,
}

/// `take`.
#[derive(Debug)]
pub(crate) enum TakeText {
    First,
    Last,
    /// Of `pick` and `find`: a place of the element.
    Place(Path),
}

/// What null, absence and emptiness mean.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    pub(crate) null_as: Option<Node>,
    pub(crate) also_null: Vec<Json>,
    pub(crate) omit: Option<Omit>,
    pub(crate) default: Option<Node>,
    pub(crate) missing_as: Option<Node>,
    pub(crate) ignore: Vec<Json>,
    pub(crate) required: bool,
    pub(crate) null_with: Option<PlaceText>,
}

/// `one_of`.
#[derive(Debug)]
pub(crate) struct Union {
    pub(crate) span: Span,
    pub(crate) dialect: Path,
    pub(crate) canonical: Path,
    pub(crate) cases: Vec<Case>,
}

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) span: Span,
    /// Empty where the case says nothing of the dialect.
    pub(crate) dialect: Vec<CaseWord>,
    pub(crate) canonical: Vec<CaseWord>,
    pub(crate) only: Option<Only>,
    pub(crate) rule: Option<Rule>,
}

/// A value of a discriminator.
#[derive(Clone, Debug)]
pub(crate) enum CaseWord {
    Value(Json, Span),
    Absent(Span),
    Other,
}

/// A decision table.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) name: Word,
    pub(crate) dialect: Vec<Column>,
    pub(crate) canonical: Vec<(PlaceText, bool)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) decode_only: Vec<Row>,
    pub(crate) encode_only: Vec<Row>,
    /// The dialect column that is kept, and where.
    pub(crate) raw: Option<(Word, PlaceText)>,
}

/// A dialect column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: Word,
    pub(crate) key: Vec<Box<str>>,
    pub(crate) guard: bool,
    pub(crate) value: ValueText,
    pub(crate) also_null: Vec<Json>,
    pub(crate) missing_as: Option<Json>,
}

/// A row: cells of both sides.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) span: Span,
    pub(crate) dialect: Vec<Cell>,
    pub(crate) canonical: Vec<Cell>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Any,
    Null,
    Absent,
    Set,
    Copy,
    Value(Json),
}

/// A table of values.
#[derive(Debug)]
pub(crate) struct EnumTable {
    pub(crate) name: Word,
    pub(crate) canonical: Option<Word>,
    pub(crate) only: Option<Only>,
    pub(crate) rows: Vec<EnumRow>,
    pub(crate) decode_only: Vec<EnumRow>,
    pub(crate) encode_only: Vec<EnumRow>,
    /// What an unknown dialect value is read as.
    pub(crate) unknown_as: Option<(Json, Span)>,
    pub(crate) raw: Option<PlaceText>,
    pub(crate) used: AtomicBool,
}

/// (dialect, canonical)
#[derive(Debug)]
pub(crate) struct EnumRow {
    pub(crate) dialect: (Json, Span),
    pub(crate) canonical: (Json, Span),
}

/// JSON's null.
pub(crate) const NULL: &[u8] = b"null";
