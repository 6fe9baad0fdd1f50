//! How a route's programs read the client's body, for bodies in which every value is text.

use std::collections::HashMap;

use crate::dialect::catalog::documents::REQUEST;
use crate::dialect::form::{Guide, Reads, Spot};
use crate::dialect::route::{ReplyBody, Route};
use crate::json::shape::{NodeId, Shape};
use crate::mapping::plan::{Convert, Emit, Program, Ref, Test, Types, ValueOp};

/// What all programs of a route read of the body that was sent; `around` are names that it may stand
/// under as a whole.
pub(crate) fn guide(route: &Route, around: &[Box<str>]) -> Guide {
    let calls = route.calls.iter();
    let calls = calls.flat_map(|c| c.when.iter().chain([&c.params]).chain(&c.body));
    let replies = route.replies.iter().flat_map(|reply| {
        let body = match &reply.body {
            ReplyBody::Program(program) | ReplyBody::Page(program, _) => Some(&**program),
            _ => None,
        };
        reply.when.iter().chain(body)
    });
    let body = route.body.iter().map(|body| &body.program);
    let mut guide = Guide::default();
    for program in body.chain(calls).chain(replies) {
        if let Some(read) = of(program) {
            guide.merge(read);
        }
    }
    let whole = guide.clone();
    for name in around.iter().filter(|name| whole.member(name).is_none()) {
        guide.members.push((name.clone(), whole.clone()));
    }
    guide
}

fn of(program: &Program) -> Option<Guide> {
    let root = program.documents.get(REQUEST)?.node;
    let mut walk = Walk {
        program,
        frames: program.documents.iter().map(|d| Some(d.node)).collect(),
        found: HashMap::new(),
    };
    walk.emit(&program.emit);
    let found = walk.found;
    Some(below(&program.shape, root, root, 0, &found))
}

/// The guide of one node. `block` is the node that the block around it was opened for.
fn below(
    shape: &Shape,
    block: NodeId,
    node: NodeId,
    slot: u16,
    found: &HashMap<Spot, Reads>,
) -> Guide {
    let mut guide =
        Guide { reads: found.get(&(block, slot)).cloned().unwrap_or_default(), ..Guide::default() };
    let Some(node) = shape.node(node) else { return guide };
    if !node.members.is_empty() {
        guide.reads.types = guide.reads.types.or(Types::OBJECT);
    }
    for member in &node.members {
        let inner = match member.node {
            Some(inner) => below(shape, block, inner, member.slot, found),
            None => Guide {
                reads: found.get(&(block, member.slot)).cloned().unwrap_or_default(),
                ..Guide::default()
            },
        };
        guide.members.push((member.name.clone(), inner));
    }
    guide.elements = node
        .elements
        .map(|elements| Box::new(below(shape, elements.node, elements.node, 0, found)));
    guide
}

struct Walk<'p> {
    program: &'p Program,
    /// What the block of each frame was opened for.
    frames: Vec<Option<NodeId>>,
    found: HashMap<Spot, Reads>,
}

impl<'p> Walk<'p> {
    fn note(&mut self, at: Ref, types: Types, words: Vec<Box<[u8]>>) {
        if let Some(Some(node)) = self.frames.get(usize::from(at.frame)) {
            self.found.entry((*node, at.slot)).or_default().merge(Reads { types, words });
        }
    }

    fn tests<'t>(&mut self, tests: impl IntoIterator<Item = (Ref, &'t Test)>) {
        for (at, test) in tests {
            if let Test::Is(words) = test {
                self.note(at, Types::default(), words.clone());
            }
        }
    }

    fn value(&mut self, op: &ValueOp) {
        let (types, mut words) = reads(&op.convert, op.accept);
        words.extend(op.also_null.iter().chain(&op.ignore).cloned());
        for at in &op.from {
            self.note(*at, types, words.clone());
        }
    }

    /// Walks `emit` with the elements of a list as one more frame.
    fn within(&mut self, list: Ref, emit: &'p Emit, filter: &[(Ref, Test)]) {
        self.note(list, Types::LIST, Vec::new());
        let node = self.frames.get(usize::from(list.frame)).copied().flatten();
        let node = node.and_then(|block| self.elements(block, list.slot));
        self.frames.push(node);
        self.tests(filter.iter().map(|(at, test)| (*at, test)));
        self.emit(emit);
        self.frames.pop();
    }

    /// What is read of each element of the list in a slot.
    fn elements(&self, block: NodeId, slot: u16) -> Option<NodeId> {
        let shape = &self.program.shape;
        let mut open = vec![(block, 0)];
        while let Some((id, at)) = open.pop() {
            let node = shape.node(id)?;
            if at == slot
                && let Some(elements) = node.elements
            {
                return Some(elements.node);
            }
            let members = node.members.iter().chain(node.indexes.iter().map(|(_, m)| m));
            open.extend(members.filter_map(|m| m.node.map(|inner| (inner, m.slot))));
        }
        None
    }

    fn emit(&mut self, emit: &'p Emit) {
        match emit {
            Emit::Value(op) => self.value(op),
            Emit::Object(op) => op.members.iter().for_each(|member| self.emit(&member.emit)),
            Emit::Each(op) => self.within(op.list, &op.element, &op.filter),
            Emit::Bind(op) => {
                self.within(op.list, &op.then, &op.filter);
                op.otherwise.iter().for_each(|emit| self.emit(emit));
            }
            Emit::OneOf(op) => {
                self.tests(op.cases.iter().map(|case| (op.by, &case.test)));
                op.cases.iter().for_each(|case| self.emit(&case.emit));
                op.otherwise.iter().for_each(|emit| self.emit(emit));
            }
            Emit::FirstOf(items) | Emit::Tuple(items) | Emit::List(items, _) => {
                items.iter().for_each(|item| self.emit(item));
            }
            Emit::Column { relation, .. } => self.relation(usize::from(*relation)),
            Emit::When(tests, emit) => {
                self.tests(tests.iter().map(|(at, test)| (*at, test)));
                self.emit(emit);
            }
            Emit::All(tests) => self.tests(tests.iter().map(|(at, test)| (*at, test))),
            Emit::Const(_)
            | Emit::Absent
            | Emit::WhenSet(..)
            | Emit::IsSet(_)
            | Emit::Group { .. }
            | Emit::Join { .. }
            | Emit::Narrow(_)
            | Emit::Count(_)
            | Emit::Page(_)
            | Emit::Conditions(_) => {}
        }
    }

    fn relation(&mut self, index: usize) {
        let Some(relation) = self.program.relations.get(index) else { return };
        for (column, input) in relation.inputs.iter().enumerate() {
            let (types, mut words) = reads(&input.convert, input.accept);
            words.extend(input.also_null.iter().cloned());
            self.note(input.at, types, words);
            if matches!(input.convert, Convert::Copy) {
                let tests = relation.rows.iter().filter_map(|row| row.tests.get(column));
                self.tests(tests.map(|test| (input.at, test)));
            }
        }
    }
}

/// Types and single values that an operator reads.
fn reads(convert: &Convert, accept: Types) -> (Types, Vec<Box<[u8]>>) {
    match convert {
        Convert::Enum(table) => {
            (Types::default(), table.rows.iter().map(|(read, ..)| read.clone()).collect())
        }
        _ => (accept, Vec::new()),
    }
}
