//! Programs by hand, with no compiler.

use std::sync::Arc;

use crate::canonical::contract::Contract;
use crate::json::shape::{Elements, Member as Needed, NodeId, Shape};
use crate::json::write;
use crate::mapping::plan::*;
use crate::syntax::Span;
use crate::syntax::span::Sources;

/// Width of every block: more than any program here needs.
const WIDTH: u16 = 64;

/// A program under construction.
pub(super) struct Build {
    shape: Shape,
    sites: Vec<Site>,
    pub(super) relations: Vec<Relation>,
    next: Vec<(NodeId, u16)>,
}

/// A frame under construction: the node of its block, where the block is counted, its index.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    node: NodeId,
    frame: u8,
}

impl Build {
    pub(super) fn new() -> (Self, Scope, Scope) {
        let mut build = Self {
            shape: Shape::default(),
            sites: Vec::new(),
            relations: Vec::new(),
            next: Vec::new(),
        };
        let document = build.open(0);
        let inputs = build.open(1);
        (build, document, inputs)
    }

    fn open(&mut self, frame: u8) -> Scope {
        let node = self.shape.add();
        self.next.push((node, 1));
        Scope { node, frame }
    }

    fn slot(&mut self, scope: Scope) -> u16 {
        let next = self.next.iter_mut().find(|(node, _)| *node == scope.node).unwrap();
        next.1 += 1;
        assert!(next.1 < WIDTH);
        next.1 - 1
    }

    /// `a.b.0`: members, and digits for fixed elements; `` is the value of the scope itself.
    pub(super) fn at(&mut self, scope: Scope, path: &str) -> Ref {
        self.descend(scope, path).0
    }

    fn descend(&mut self, scope: Scope, path: &str) -> (Ref, NodeId) {
        let (mut node, mut slot) = (scope.node, 0);
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let known = self.shape.node(node).unwrap();
            let index = step.parse::<u32>().ok();
            let member = match index {
                Some(index) => known.indexes.iter().find(|(i, _)| *i == index).map(|(_, m)| m),
                None => known.members.iter().find(|m| &*m.name == step),
            };
            if let Some(member) = member {
                (node, slot) = (member.node.unwrap(), member.slot);
                continue;
            }
            let (inner, new) = (self.shape.add(), self.slot(scope));
            let name = if index.is_some() { "" } else { step };
            let member = Needed { name: name.into(), slot: new, node: Some(inner) };
            let parent = self.shape.node_mut(node).unwrap();
            match index {
                Some(index) => parent.indexes.push((index, member)),
                None => parent.members.push(member),
            }
            (node, slot) = (inner, new);
        }
        (Ref { frame: scope.frame, slot }, node)
    }

    /// A list and the frame of its elements, which is number `frame`.
    pub(super) fn list(&mut self, scope: Scope, path: &str, frame: u8) -> (Ref, Scope) {
        let (place, node) = self.descend(scope, path);
        let known = self.shape.node(node).unwrap().elements;
        let element = match known {
            Some(elements) => Scope { node: elements.node, frame },
            None => self.open(frame),
        };
        self.shape.node_mut(node).unwrap().elements =
            Some(Elements { node: element.node, width: WIDTH });
        (place, element)
    }

    /// What narrowing reads of a document.
    pub(super) fn narrowed(&mut self, scope: Scope, op: &Narrow) {
        op.read(&mut self.shape, scope.node);
    }

    pub(super) fn site(&mut self, scope: Scope, path: &str) -> SiteId {
        let mut pointer: Vec<Step> = Vec::new();
        if scope.frame >= 2 {
            pointer.extend([Step::Member("items".into()), Step::Element(scope.frame)]);
        }
        pointer.extend(path.split('.').filter(|s| !s.is_empty()).map(|s| match s.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Member(s.into()),
        }));
        self.sites.push(Site {
            document: u8::from(scope.frame == 1),
            pointer,
            field: path.into(),
            rule: span(),
        });
        SiteId(self.sites.len() as u32 - 1)
    }

    /// A plain copy, null and absent as null.
    pub(super) fn copy(&mut self, scope: Scope, path: &str) -> ValueOp {
        ValueOp {
            from: vec![self.at(scope, path)],
            site: self.site(scope, path),
            accept: Types::ANY,
            convert: Convert::Copy,
            also_null: Vec::new(),
            ignore: Vec::new(),
            when_null: Gap::Null,
            when_absent: Gap::Null,
            check: None,
        }
    }

    pub(super) fn value(
        &mut self,
        scope: Scope,
        path: &str,
        convert: Convert,
        accept: Types,
    ) -> Emit {
        Emit::Value(Box::new(ValueOp { convert, accept, ..self.copy(scope, path) }))
    }

    pub(super) fn plain(&mut self, scope: Scope, path: &str) -> Emit {
        Emit::Value(Box::new(self.copy(scope, path)))
    }

    pub(super) fn each(&mut self, scope: Scope, path: &str, list: Ref, element: Emit) -> Each {
        Each {
            list,
            site: self.site(scope, path),
            when_null: Gap::Null,
            when_absent: Gap::Const(b("[]"), Some(0)),
            guard: Vec::new(),
            filter: Vec::new(),
            sort_by: None,
            take: None,
            reverse: false,
            at_most: None,
            element,
        }
    }

    pub(super) fn program(self, emit: Emit) -> Program {
        let document =
            |name: &str, node| Document { name: name.into(), node: NodeId(node), width: WIDTH };
        Program {
            objects: Vec::new(),
            documents: vec![document("", 0), document("inputs", 1)],
            shape: Arc::new(self.shape),
            emit: Arc::new(emit),
            relations: self.relations,
            sites: self.sites,
            events: (0..4).map(|_| (Arc::from("record"), "defaulted")).collect(),
            contract: Arc::new(Contract::default()),
            lenient: false,
        }
    }
}

pub(super) fn b(json: &str) -> Box<[u8]> {
    json.as_bytes().into()
}

pub(super) fn bs(json: &[&str]) -> Vec<Box<[u8]>> {
    json.iter().map(|json| b(json)).collect()
}

fn span() -> Span {
    Span::start_of(Sources::default().add("records.yaml", ""))
}

/// An object that is always made, of members that are left out only when absent.
pub(super) fn object(members: Vec<(&str, Emit)>) -> ObjectOp {
    let member = |(key, emit)| Member { key: write::key(key), emit, omit: Omit::Never };
    ObjectOp {
        from: None,
        guard: Vec::new(),
        members: members.into_iter().map(member).collect(),
        null_with: None,
        hollow: Hollow::Keep,
        needed: Vec::new(),
    }
}

pub(super) fn made(members: Vec<(&str, Emit)>) -> Emit {
    Emit::Object(Box::new(object(members)))
}

pub(super) fn table(rows: &[(&str, &str, Option<u16>)], unknown: Option<(&str, u16)>) -> EnumOp {
    EnumOp {
        rows: rows.iter().map(|(read, write, event)| (b(read), b(write), *event)).collect(),
        unknown: unknown.map(|(word, event)| (b(word), event)),
        raw: None,
    }
}
