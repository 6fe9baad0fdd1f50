//! Lowering: rules and what the contract says about them become a program.
//!
//! A record is lowered anew wherever it is used: slots belong to the frame it is used in, so its
//! places become plain references and cost nothing at run time. Problems are collected and lowering
//! goes on beside them; a program is given only where there was none.

mod conditions;
mod decode;
mod encode;
mod expr;
mod list;
pub(super) mod page;
mod place;
mod records;
mod relation;
mod roots;
mod sight;
mod table;
mod target;
mod union;
mod value;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::canonical::Sight;
use crate::canonical::contract::Contract;
use crate::json::place::Hop;
use crate::json::shape::{Elements, Member, NodeId, Shape};
use crate::mapping::document::{Line, Record};
use crate::mapping::library::{Compiled, Library, RootKind, Scope};
use crate::mapping::plan::{
    Document, Emit, Guard, Program, Ref, Relation, Site, SiteId, Step, Types,
};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Diagnostics, Span};

/// Most rules of one program, records counted wherever they are used.
const MOST_RULES: u32 = 50_000;

/// What a decoded value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// An answer, read back.
    Answer,
    /// A client's body.
    Request,
    /// A client's body that changes only what it names.
    Patch,
}

/// A place in a document that is read.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(super) at: Ref,
    pub(super) ty: Ty,
    /// It is a document, not a part of one.
    pub(super) whole: bool,
    /// Values of a discriminator it is known to have; empty where nothing is known.
    pub(super) among: Vec<Box<str>>,
    /// The contract promises a value here. Where it may be null, it may as well be left out.
    pub(super) promised: bool,
    canonical: bool,
    block: usize,
    seat: Seat,
    document: u8,
    pointer: Vec<Step>,
}

/// Where a cursor's own node hangs, which is made when something inside is read.
#[derive(Clone, Copy, Debug)]
enum Seat {
    Root(NodeId),
    Member(NodeId, usize),
    Index(NodeId, usize),
}

/// What the names of a rule mean.
#[derive(Clone, Debug)]
pub(crate) struct Env<'e> {
    /// `$`.
    pub(super) dollar: Option<Cursor>,
    /// Arguments and joins.
    pub(super) names: Vec<(Box<str>, Cursor)>,
    pub(super) record: Option<&'e Record>,
    /// The lines that `same_as` looks among.
    pub(super) table: &'e [Line],
    /// The way from the record to this table.
    pub(super) prefix: Vec<Box<str>>,
    /// Tells uses of one record apart.
    pub(super) instance: usize,
    /// Whether the roots of the scope may be named (in routes, not in records).
    pub(super) open: bool,
}

/// A program in the making.
pub(crate) struct Lower<'l, 'd> {
    pub(crate) lib: &'l Library,
    pub(crate) scope: &'l Scope,
    pub(crate) d: &'d mut Diagnostics,
    pub(crate) sight: Option<&'l Sight>,
    /// A client sees what is written.
    pub(crate) shown: bool,
    /// Uses of records and enums count.
    pub(crate) mark: bool,
    pub(crate) mode: Mode,
    /// Decode of an answer would leave something required unwritten.
    pub(crate) incomplete: bool,
    failed: bool,
    /// That internal objects could be shown has been said.
    told: bool,
    shape: Shape,
    /// The next free slot of every block.
    blocks: Vec<u16>,
    /// Lists that are entered, with the block of their elements.
    lists: Vec<(NodeId, usize)>,
    documents: Vec<Cursor>,
    depth: u8,
    instances: usize,
    sites: Vec<Site>,
    /// Objects that keys of the dialect lie in, checked before anything is written.
    pub(super) objects: Vec<(Ref, SiteId)>,
    events: Vec<(Arc<str>, &'static str)>,
    relations: Vec<Relation>,
    /// (instance, name) of relations, with their index.
    known: Vec<(usize, Box<str>, Option<u16>)>,
    includes: BTreeSet<(usize, Box<str>)>,
    inputs: BTreeSet<(Box<str>, Box<str>)>,
    /// Arguments of the record that is decoded.
    pub(crate) given: Vec<(Box<str>, Cursor)>,
    /// Records being lowered, outermost first.
    stack: Vec<Box<str>>,
    /// Guards met while an object is made, innermost last.
    guards: Vec<Vec<Guard>>,
    /// An alternative is being made: what is not there leaves its place to the next.
    trying: bool,
    /// Objects whose guards hold here.
    passed: Vec<Ref>,
    spent: u32,
}

impl<'l, 'd> Lower<'l, 'd> {
    /// Begins a program over the documents of `scope`.
    pub(crate) fn new(lib: &'l Library, scope: &'l Scope, d: &'d mut Diagnostics) -> Self {
        let mut lower = Self {
            lib,
            scope,
            d,
            sight: None,
            shown: false,
            mark: true,
            mode: Mode::Request,
            incomplete: false,
            failed: false,
            told: false,
            shape: Shape::default(),
            blocks: Vec::new(),
            lists: Vec::new(),
            documents: Vec::new(),
            depth: u8::try_from(scope.roots.len()).unwrap_or(u8::MAX),
            instances: 0,
            sites: Vec::new(),
            objects: Vec::new(),
            events: Vec::new(),
            relations: Vec::new(),
            known: Vec::new(),
            includes: BTreeSet::new(),
            inputs: BTreeSet::new(),
            given: Vec::new(),
            stack: Vec::new(),
            guards: Vec::new(),
            trying: false,
            passed: Vec::new(),
            spent: 0,
        };
        for (index, root) in scope.roots.iter().enumerate() {
            let frame = u8::try_from(index).unwrap_or(u8::MAX);
            let node = lower.shape.add();
            lower.blocks.push(1);
            lower.documents.push(Cursor {
                at: Ref { frame, slot: 0 },
                ty: match &root.kind {
                    RootKind::Canonical(id) => Ty::of(*id),
                    RootKind::Inputs | RootKind::Request | RootKind::Any => Ty::Any,
                },
                whole: true,
                among: Vec::new(),
                promised: false,
                canonical: matches!(root.kind, RootKind::Canonical(_)),
                block: index,
                seat: Seat::Root(node),
                document: frame,
                pointer: Vec::new(),
            });
        }
        lower
    }

    /// A document of a type that no single schema is.
    pub(crate) fn retype(&mut self, index: usize, ty: Ty) -> Option<Cursor> {
        let document = self.documents.get_mut(index)?;
        document.ty = ty;
        document.canonical = true;
        Some(document.clone())
    }

    /// A document, as a place.
    pub(crate) fn document(&self, index: usize) -> Option<Cursor> {
        self.documents.get(index).cloned()
    }

    /// The program that writes `emit`, where no problem was met.
    pub(crate) fn finish(mut self, emit: Option<Emit>, lenient: bool) -> Option<Compiled> {
        let emit = emit.filter(|_| !self.failed)?;
        for (list, block) in &self.lists {
            let width = self.blocks.get(*block).copied().unwrap_or(u16::MAX);
            if let Some(elements) =
                self.shape.node_mut(*list).and_then(|node| node.elements.as_mut())
            {
                elements.width = width;
            }
        }
        let documents = (self.scope.roots.iter().zip(&self.documents))
            .map(|(root, cursor)| Document {
                name: root.name.clone(),
                node: match cursor.seat {
                    Seat::Root(node) | Seat::Member(node, _) | Seat::Index(node, _) => node,
                },
                width: self.blocks.get(cursor.block).copied().unwrap_or(1),
            })
            .collect();
        // It stays as it is from here on: room to grow would stay as well.
        self.shape.shrink();
        self.objects.shrink_to_fit();
        self.relations.shrink_to_fit();
        self.sites.shrink_to_fit();
        self.events.shrink_to_fit();
        Some(Compiled {
            program: Program {
                objects: self.objects,
                documents,
                shape: Arc::new(self.shape),
                emit: Arc::new(emit),
                relations: self.relations,
                sites: self.sites,
                events: self.events,
                contract: Arc::clone(&self.lib.contract),
                lenient,
            },
            includes: self.includes.into_iter().collect(),
            inputs: self.inputs.into_iter().collect(),
        })
    }

    pub(super) fn contract(&self) -> &'l Contract {
        &self.lib.contract
    }

    /// Reports a problem; the program is not given.
    pub(crate) fn error(&mut self, diagnostic: Diagnostic) {
        self.failed = true;
        self.d.push(diagnostic);
    }

    /// Counts a rule; `false` where there are too many.
    pub(super) fn spend(&mut self, span: Span) -> bool {
        self.spent += 1;
        if self.spent == MOST_RULES {
            self.error(
                Diagnostic::error(
                    Code::RecordCycle,
                    span,
                    format!("this makes a program of more than {MOST_RULES} rules"),
                )
                .help("records are written out wherever they are used: use fewer levels of them"),
            );
        }
        self.spent < MOST_RULES
    }

    /// A number that tells this use of a record from others.
    pub(super) fn instance(&mut self) -> usize {
        self.instances += 1;
        self.instances
    }

    /// Remembers where a value comes from.
    pub(super) fn site(&mut self, c: &Cursor, field: &str, rule: Span) -> SiteId {
        let site =
            Site { document: c.document, pointer: c.pointer.clone(), field: field.into(), rule };
        let index = self.sites.iter().position(|s| *s == site).unwrap_or_else(|| {
            self.sites.push(site);
            self.sites.len() - 1
        });
        SiteId(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The number of something that is counted.
    pub(super) fn event(&mut self, record: Option<&Record>, kind: &'static str) -> Option<u16> {
        let name = record.map_or("", |r| &*r.name.0);
        let found = self.events.iter().position(|(n, k)| **n == *name && *k == kind);
        let index = found.unwrap_or_else(|| {
            self.events.push((name.into(), kind));
            self.events.len() - 1
        });
        u16::try_from(index).ok()
    }

    fn inside(&mut self, c: &Cursor) -> NodeId {
        let (parent, index, member) = match c.seat {
            Seat::Root(node) => return node,
            Seat::Member(node, index) => (node, index, true),
            Seat::Index(node, index) => (node, index, false),
        };
        let slot = |shape: &mut Shape, set: Option<NodeId>| {
            let node = shape.node_mut(parent)?;
            let member = match member {
                true => node.members.get_mut(index)?,
                false => &mut node.indexes.get_mut(index)?.1,
            };
            member.node = member.node.or(set);
            member.node
        };
        if let Some(node) = slot(&mut self.shape, None) {
            return node;
        }
        let node = self.shape.add();
        slot(&mut self.shape, Some(node)).unwrap_or(node)
    }

    fn slot(&mut self, block: usize) -> u16 {
        let Some(next) = self.blocks.get_mut(block) else { return 0 };
        let slot = *next;
        *next = next.saturating_add(1);
        slot
    }

    /// The place one hop further down; `[*]` is [`Self::enter`]'s.
    pub(super) fn down(&mut self, c: &Cursor, hop: &Hop, ty: Ty) -> Cursor {
        let node = self.inside(c);
        let (name, index): (&str, Option<u32>) = match hop {
            Hop::Member(name) => (name, None),
            Hop::Index(index) => ("", Some(*index)),
            Hop::Each => ("", Some(0)),
        };
        let found = self.shape.node(node).and_then(|n| match index {
            None => n.members.iter().position(|m| *m.name == *name).map(|i| (i, n.members.get(i))),
            Some(index) => n
                .indexes
                .iter()
                .position(|(i, _)| *i == index)
                .map(|i| (i, n.indexes.get(i).map(|(_, m)| m))),
        });
        let (position, slot) = match found {
            Some((position, member)) => (position, member.map_or(0, |m| m.slot)),
            None => {
                let slot = self.slot(c.block);
                let member = Member { name: name.into(), slot, node: None };
                let mut position = 0;
                if let Some(node) = self.shape.node_mut(node) {
                    if let Some(index) = index {
                        node.indexes.push((index, member));
                        position = node.indexes.len() - 1;
                    } else {
                        node.members.push(member);
                        position = node.members.len() - 1;
                    }
                }
                (position, slot)
            }
        };
        let mut pointer = c.pointer.clone();
        pointer.push(match index {
            None => Step::Member(name.into()),
            Some(index) => Step::Index(index),
        });
        Cursor {
            at: Ref { frame: c.at.frame, slot },
            ty,
            whole: false,
            among: Vec::new(),
            promised: false,
            canonical: c.canonical,
            block: c.block,
            seat: match index {
                None => Seat::Member(node, position),
                Some(_) => Seat::Index(node, position),
            },
            document: c.document,
            pointer,
        }
    }

    /// A place inside what is made of it: that is made only where the object is there.
    pub(super) fn present(&self, c: &Cursor) -> Cursor {
        let object = c.ty.types(self.contract()).has(Types::OBJECT);
        Cursor { promised: c.promised || object, ..c.clone() }
    }

    /// The way to a key of a dialect's object.
    pub(super) fn key(&mut self, c: &Cursor, key: &[Box<str>]) -> Cursor {
        let mut c = c.clone();
        for part in key {
            c = self.down(&c, &Hop::Member(part.clone()), Ty::Any);
        }
        c
    }

    /// Makes the elements of a list the next frame, until [`Self::leave`].
    pub(super) fn enter(&mut self, list: &Cursor, items: Ty) -> Cursor {
        let node = self.inside(list);
        let known = self.lists.iter().find(|(n, _)| *n == node).map(|(_, block)| *block);
        let block = known.unwrap_or_else(|| {
            let of = self.shape.add();
            if let Some(node) = self.shape.node_mut(node) {
                node.elements = Some(Elements { node: of, width: 1 });
            }
            self.blocks.push(1);
            self.lists.push((node, self.blocks.len() - 1));
            self.blocks.len() - 1
        });
        let of = self.shape.node(node).and_then(|n| n.elements).map_or(node, |e| e.node);
        let frame = self.depth;
        self.depth = self.depth.saturating_add(1);
        let mut pointer = list.pointer.clone();
        pointer.push(Step::Element(frame));
        Cursor {
            at: Ref { frame, slot: 0 },
            ty: items,
            whole: false,
            among: Vec::new(),
            promised: false,
            canonical: list.canonical,
            block,
            seat: Seat::Root(of),
            document: list.document,
            pointer,
        }
    }

    /// Ends what [`Self::enter`] began.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}
