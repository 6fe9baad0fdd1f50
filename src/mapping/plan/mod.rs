//! The program a mapping compiles to: what to read, what to write. Immutable and shared.
//!
//! A program reads one or several JSON documents (an answer, a client's body, the bound inputs of a
//! request) and writes one JSON value. Both directions of a mapping are programs of the same kind:
//! `encode` reads canonical documents and writes a dialect's, `decode` the other way round.
//!
//! Reading is one scan per document that fills a **block** of slots (spans of the members the
//! program needs, at all depths of nested objects). Each element of a list that the program enters
//! gets a block of its own. While a program runs it keeps a stack of **frames**, one block each: the
//! first frames are the documents, in order; [`Each`] and [`Bind`] push one more. So a place is a
//! frame (known when compiling) and a slot in it: arguments (`give`) cost nothing at run time.

mod conditions;
mod list;
mod object;
mod page;
mod relation;
mod value;

use std::sync::Arc;

use crate::canonical::contract::Contract;
use crate::json::shape::{NodeId, Shape};
use crate::syntax::Span;

pub use conditions::{
    COMPARISONS, Comparison, ConditionKey, ConditionTable, Conditions, MOST_CONDITIONS, Meaning,
    OtherKeys, Takes,
};
pub use list::{Bind, Cut, Each, Guard, GuardValue, Narrow, Take};
pub use object::{Case, Hollow, Member, ObjectOp, Omit, OneOf, Source, Test};
pub use page::{Page, PagePart, Standing};
pub use relation::{Input, Output, Relation, RelationRaw, Row, Write};
pub use value::{Codec, Convert, EnumOp, Gap, Json, Naming, RawBack, Types, ValueOp};

/// A compiled translation in one direction. A clone shares with it nothing but the contract.
#[derive(Debug)]
pub struct Program {
    /// What is read; document *i* is frame *i*.
    pub documents: Vec<Document>,
    /// Which members of them.
    pub shape: Arc<Shape>,
    /// Places in the documents themselves that are objects where they are anything: a key such as
    /// `text.content` says so of `text`. An empty list is read as an empty object.
    pub objects: Vec<(Ref, SiteId)>,
    /// What is written.
    pub emit: Arc<Emit>,
    /// Decision tables, for [`Emit::Column`].
    pub relations: Vec<Relation>,
    /// Where values come from, for problems.
    pub sites: Vec<Site>,
    /// What is worth counting: (record, kind).
    pub events: Vec<(Arc<str>, &'static str)>,
    /// For [`ValueOp::check`].
    pub contract: Arc<Contract>,
    /// Whether texts that spell a number or boolean are read as one (`numbers_as_text`).
    pub lenient: bool,
}

impl Clone for Program {
    fn clone(&self) -> Self {
        let event = |(record, kind): &(Arc<str>, _)| (Arc::from(&**record), *kind);
        Self {
            documents: self.documents.clone(),
            shape: Arc::new(Shape::clone(&self.shape)),
            objects: self.objects.clone(),
            emit: Arc::new(Emit::clone(&self.emit)),
            relations: self.relations.clone(),
            sites: self.sites.clone(),
            events: self.events.iter().map(event).collect(),
            contract: Arc::clone(&self.contract),
            lenient: self.lenient,
        }
    }
}

/// One document a program reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    /// The root it is known by in the mapping: `` for `$`, `now` for `$now`, `inputs` for
    /// `$path`, `$query`, `$header`, `$principal` and `$config` together.
    pub name: Box<str>,
    /// Its shape.
    pub node: NodeId,
    /// Slots of its block.
    pub width: u16,
}

/// A place: a slot of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref {
    /// Index into the stack of frames.
    pub frame: u8,
    /// Index into the frame's block.
    pub slot: u16,
}

/// Index into [`Program::sites`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SiteId(pub u32);

/// Where a value comes from, so that a problem can name it as its sender wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// Index of the document it is read from.
    pub document: u8,
    /// The way to it.
    pub pointer: Vec<Step>,
    /// The key of the rule, as the dialect writes it.
    pub field: Box<str>,
    /// The rule.
    pub rule: Span,
}

/// A step of a pointer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A member.
    Member(Box<str>),
    /// The element that a frame stands for at run time.
    Element(u8),
    /// A fixed index.
    Index(u32),
}

/// What writes one JSON value, or nothing (*absent*).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Emit {
    /// These bytes: one JSON value.
    Const(Box<[u8]>),
    /// Nothing.
    Absent,
    /// A value read at a place.
    Value(Box<ValueOp>),
    /// An object.
    Object(Box<ObjectOp>),
    /// A list made from a list.
    Each(Box<Each>),
    /// One element of a list, found or picked.
    Bind(Box<Bind>),
    /// One of several, by a discriminator.
    OneOf(Box<OneOf>),
    /// The first that is neither absent nor null; null when there is none, absent when all are.
    FirstOf(Vec<Self>),
    /// A column of a decision table.
    Column {
        /// Index into [`Program::relations`].
        relation: u16,
        /// Index into [`Relation::outputs`].
        column: u8,
    },
    /// A list of exactly these, absent written as null: the arguments of a call.
    Tuple(Vec<Self>),
    /// A list of those that are neither absent nor null; the gap instead when none is left. How
    /// decode writes a fixed element (`$.blocks[0]`).
    List(Vec<Self>, Gap),
    /// `true` when every test holds, else `false`.
    All(Vec<(Ref, Test)>),
    /// `bytes` while the place is neither null nor absent, else null (`when_set`).
    WhenSet(Ref, Box<[u8]>),
    /// `true` while the place is neither null nor absent, else `false` (`is_set`).
    IsSet(Ref),
    /// How many elements a list has, those kept back included; null where there is no list. It must
    /// be one whose elements have blocks of their own.
    Count(Ref),
    /// The value while every test holds, else nothing (`when` of an alternative).
    When(Vec<(Ref, Test)>, Box<Self>),
    /// Where a page stands in a list, as one part of its envelope.
    Page(Box<Page>),
    /// An object of lists (`group: { by, value }`), keys in the order first met. Elements without a
    /// key are left out.
    Group {
        /// The list; its elements are the next frame.
        list: Ref,
        /// Text in the element's frame.
        by: Ref,
        /// Anything in the element's frame.
        value: Ref,
    },
    /// The texts of a list, joined.
    Join {
        /// The list; its elements are the next frame.
        list: Ref,
        /// Text in the element's frame.
        value: Ref,
        /// Between two.
        separator: Box<str>,
    },
    /// The whole document, without the members that the include list does not name and with no more
    /// messages than asked: how an identity dialect narrows a widened view.
    Narrow(Box<Narrow>),
    /// A flat list of conditions as a filter, or a filter as such a list.
    Conditions(Box<Conditions>),
}
