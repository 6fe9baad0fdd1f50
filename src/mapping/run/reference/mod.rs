//! The slow twin: runs the same [`Program`] over trees, as literally as its description reads.
//!
//! No slots, no shared buffer, nothing is cut off again: every value is a new text or nothing. It
//! shares with the fast one only the codecs, the order of `sort_by` and the wording of faults. A
//! needed member that stands twice, which the fast one refuses, is not noticed here.

mod conditions;
mod lists;
mod page;
mod relation;
mod tree;

use crate::canonical::contract::SchemaId;
use crate::canonical::validate::validate;
use crate::json::scan::{self, Limits};
use crate::json::shape::{Member, NodeId};
use crate::json::text;
use crate::mapping::plan::{
    Convert, Emit, EnumOp, Gap, Guard, GuardValue, Hollow, ObjectOp, Omit, OneOf, Program, Ref,
    SiteId, Source, Test, Types, ValueOp,
};
use crate::mapping::run::codec::{self, Coded};
use crate::mapping::run::fault::{self, Fault, Faults, Malformed};
use tree::{Is, Tree};

/// What a run wrote, and what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The JSON value; `None` is absent.
    pub json: Option<String>,
    /// As [`super::Scratch::events`].
    pub events: Vec<u32>,
    /// As [`super::Scratch::hidden`].
    pub hidden: u32,
}

/// Runs a program as [`super::run`] does, slowly.
///
/// # Errors
///
/// The same as [`super::run`].
pub fn run(program: &Program, documents: &[Option<&[u8]>]) -> Result<Ran, Faults> {
    let mut texts = Vec::new();
    for index in 0..program.documents.len() {
        let bytes = documents.get(index).copied().flatten();
        let text =
            bytes.map(|bytes| scan::validate(bytes, Limits::default()).map_err(|e| (bytes, e)));
        let text = text.transpose();
        texts.push(text.map_err(|(b, e)| Faults::Malformed(Malformed::new(index, b, &e)))?);
    }
    // What the check accepts, serde_json reads.
    let trees: Vec<_> =
        texts.iter().map(|text| text.and_then(|text| Tree::read(text).ok())).collect();
    let frames = program.documents.iter().zip(&trees);
    let frames = frames.map(|(document, tree)| Frame {
        at: Found { tree: tree.as_ref(), node: Some(document.node) },
        index: None,
    });
    let mut slow = Slow {
        program,
        frames: frames.collect(),
        events: vec![0; program.events.len()],
        hidden: 0,
        faults: Vec::new(),
    };
    slow.objects();
    let json = slow.make(&program.emit);
    if slow.faults.is_empty() {
        Ok(Ran { json, events: slow.events, hidden: slow.hidden })
    } else {
        Err(Faults::Invalid(slow.faults))
    }
}

/// A value that may be absent, and what the shape says of it.
#[derive(Clone, Copy)]
struct Found<'t> {
    tree: Option<&'t Tree<'t>>,
    node: Option<NodeId>,
}

#[derive(Clone, Copy)]
struct Frame<'t> {
    at: Found<'t>,
    index: Option<u32>,
}

struct Slow<'t> {
    program: &'t Program,
    frames: Vec<Frame<'t>>,
    events: Vec<u32>,
    hidden: u32,
    faults: Vec<Fault>,
}

fn is_null(json: &str) -> bool {
    json == "null"
}

fn is_empty(json: &str) -> bool {
    Tree::read(json).is_ok_and(|tree| match tree.is {
        Is::List(elements) => elements.is_empty(),
        Is::Object(members) => members.is_empty(),
        _ => false,
    })
}

fn owned(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl<'t> Slow<'t> {
    /// The value of a place: the shape is searched for its slot.
    fn find(&self, place: Ref) -> Found<'t> {
        let nothing = Found { tree: None, node: None };
        let Some(frame) = self.frames.get(usize::from(place.frame)) else { return nothing };
        if place.slot == 0 {
            return frame.at;
        }
        frame
            .at
            .node
            .and_then(|node| self.below(frame.at.tree, node, place.slot))
            .unwrap_or(nothing)
    }

    fn below(&self, tree: Option<&'t Tree<'t>>, node: NodeId, slot: u16) -> Option<Found<'t>> {
        let node = self.program.shape.node(node)?;
        let look = |tree: Option<&'t Tree<'t>>, member: &Member| {
            if member.slot == slot {
                return Some(Found { tree, node: member.node });
            }
            self.below(tree, member.node?, slot)
        };
        let members = node.members.iter();
        let mut members = members.map(|m| (tree.and_then(|t| t.member(&m.name)), m));
        let indexes = node.indexes.iter();
        let mut indexes =
            indexes.map(|(index, m)| (tree.and_then(|t| t.elements().get(*index as usize)), m));
        members.find_map(|(t, m)| look(t, m)).or_else(|| indexes.find_map(|(t, m)| look(t, m)))
    }

    fn value_at(&self, place: Ref) -> Option<&'t Tree<'t>> {
        self.find(place).tree
    }

    fn set(&self, place: Ref) -> bool {
        self.value_at(place).is_some_and(|tree| !tree.null())
    }

    fn count(&mut self, event: Option<u16>) {
        if let Some(count) = event.and_then(|event| self.events.get_mut(usize::from(event))) {
            *count += 1;
        }
    }

    fn fault(&mut self, site: SiteId, code: &'static str, detail: String) -> Option<String> {
        let site = self.program.sites.get(site.0 as usize)?;
        let index = |frame: u8| self.frames.get(usize::from(frame)).and_then(|frame| frame.index);
        Fault::new(site, index, code, detail).keep(&mut self.faults);
        None
    }

    fn gap(&mut self, gap: &Gap, site: SiteId) -> Option<String> {
        match gap {
            Gap::Null => Some("null".into()),
            Gap::Absent => None,
            Gap::Const(bytes, event) => {
                self.count(*event);
                Some(owned(bytes))
            }
            Gap::Refuse => self.fault(site, "required", fault::REQUIRED.into()),
            Gap::Broken => self.fault(site, "missing", fault::MISSING.into()),
        }
    }

    fn make(&mut self, emit: &Emit) -> Option<String> {
        match emit {
            Emit::Const(bytes) => Some(owned(bytes)),
            Emit::Absent => None,
            Emit::Value(op) => self.value(op),
            Emit::Object(op) => self.object(op),
            Emit::Each(op) => self.each(op),
            Emit::Bind(op) => self.bind(op),
            Emit::OneOf(op) => self.one_of(op),
            Emit::FirstOf(items) => self.first_of(items),
            Emit::Column { relation, column } => self.column(*relation, *column),
            Emit::Tuple(items) => {
                let items = items.iter().map(|item| self.make(item).unwrap_or("null".into()));
                Some(format!("[{}]", items.collect::<Vec<_>>().join(",")))
            }
            Emit::List(items, gap) => {
                let made: Vec<String> = items.iter().filter_map(|item| self.make(item)).collect();
                let kept: Vec<String> = made.into_iter().filter(|json| !is_null(json)).collect();
                if kept.is_empty() {
                    return self.gap(gap, SiteId(0));
                }
                Some(format!("[{}]", kept.join(",")))
            }
            Emit::All(tests) => Some(self.all(tests).to_string()),
            Emit::WhenSet(place, bytes) => {
                Some(if self.set(*place) { owned(bytes) } else { "null".into() })
            }
            Emit::IsSet(place) => Some(self.set(*place).to_string()),
            Emit::Count(list) => Some(self.size(*list)),
            Emit::When(tests, emit) => {
                if self.all(tests) {
                    self.make(emit)
                } else {
                    None
                }
            }
            Emit::Page(op) => self.page(op),
            Emit::Group { list, by, value } => Some(self.group(*list, *by, *value)),
            Emit::Join { list, value, separator } => Some(self.join(*list, *value, separator)),
            Emit::Narrow(op) => self.narrow(op),
            Emit::Conditions(op) => self.conditions(op),
        }
    }

    fn first_of(&mut self, items: &[Emit]) -> Option<String> {
        let mut null = None;
        for item in items {
            match self.make(item) {
                Some(json) if is_null(&json) => null = Some(json),
                Some(json) => return Some(json),
                None => {}
            }
        }
        null
    }

    fn all(&self, tests: &[(Ref, Test)]) -> bool {
        tests.iter().all(|(place, test)| holds(test, self.value_at(*place)))
    }

    fn open(&self, guards: &[Guard]) -> bool {
        guards.iter().all(|guard| match guard {
            Guard::Either(lists) => lists.iter().any(|list| self.open(list)),
            Guard::Is { at, allowed } => match (allowed, self.value_at(*at)) {
                (_, None) => false,
                (GuardValue::Words(words), Some(tree)) => tree.is_any(words),
                (GuardValue::Same(other), Some(tree)) => {
                    !tree.null() && self.value_at(*other).is_some_and(|other| tree.same(other))
                }
            },
        })
    }

    fn objects(&mut self) {
        for (place, site) in &self.program.objects {
            let Some(tree) = self.value_at(*place) else { continue };
            let empty = tree.raw.starts_with('[') && is_empty(tree.raw);
            if tree.null() || matches!(tree.is, Is::Object(_)) || empty {
                continue;
            }
            let detail = fault::wrong_type(Types::OBJECT, tree.raw);
            self.fault(*site, "wrong_type", detail);
        }
    }

    /// `Err` is what is made instead of the object.
    fn source(&mut self, from: Option<&Source>) -> Result<(), Option<String>> {
        let Some(from) = from else { return Ok(()) };
        match self.value_at(from.at) {
            None => Err(self.gap(&from.when_absent, from.site)),
            Some(tree) if tree.null() => Err(self.gap(&from.when_null, from.site)),
            Some(Tree { is: Is::Object(_), .. }) => Ok(()),
            Some(tree) => {
                let detail = fault::wrong_type(Types::OBJECT, tree.raw);
                Err(self.fault(from.site, "wrong_type", detail))
            }
        }
    }

    fn object(&mut self, op: &ObjectOp) -> Option<String> {
        if let Err(instead) = self.source(op.from.as_ref()) {
            return instead;
        }
        if !self.open(&op.guard) {
            self.hidden += 1;
            return Some("null".into());
        }
        if op.null_with.is_some_and(|place| !self.set(place)) {
            return Some("null".into());
        }
        let (mut members, mut lacking) = (Vec::new(), Vec::new());
        for (index, member) in op.members.iter().enumerate() {
            let faults = self.faults.len();
            let json = self.make(&member.emit);
            if json.as_deref().is_none_or(is_null) && faults == self.faults.len() {
                let needed = op.needed.iter().filter(|(n, _)| usize::from(*n) == index);
                lacking.extend(needed.map(|(_, site)| *site));
            }
            let Some(json) = json else { continue };
            let left_out = match member.omit {
                Omit::Never => false,
                Omit::Null => is_null(&json),
                Omit::Empty => is_null(&json) || is_empty(&json),
            };
            if !left_out {
                let read = !matches!(member.emit, Emit::Const(_));
                members.push((owned(&member.key), json, read));
            }
        }
        match op.hollow {
            Hollow::Null if members.iter().all(|(_, json, read)| !read || is_null(json)) => {
                Some("null".into())
            }
            Hollow::AbsentWhenEmpty if members.iter().all(|(.., read)| !read) => None,
            _ => {
                for site in lacking {
                    self.fault(site, "required", fault::REQUIRED.into());
                }
                let members = members.iter().map(|(key, json, _)| format!("{key}{json}"));
                Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
            }
        }
    }

    fn one_of(&mut self, op: &OneOf) -> Option<String> {
        if let Err(instead) = self.source(op.from.as_ref()) {
            return instead;
        }
        let by = self.value_at(op.by);
        for case in &op.cases {
            if holds(&case.test, by) {
                self.count(case.event);
                return self.make(&case.emit);
            }
        }
        match (&op.otherwise, by) {
            (Some(otherwise), _) => self.make(otherwise),
            (None, Some(tree)) if !tree.null() => {
                let detail = fault::unknown_word(super::emit::words(op));
                self.fault(op.site, "invalid", detail)
            }
            _ => self.fault(op.site, "required", fault::REQUIRED.into()),
        }
    }

    fn value(&mut self, op: &ValueOp) -> Option<String> {
        let present = op.from.iter().filter_map(|place| self.value_at(*place)).next();
        let tree = match present {
            Some(tree) if !tree.is_any(&op.ignore) => tree,
            _ => return self.gap(&op.when_absent, op.site),
        };
        if tree.null() || tree.is_any(&op.also_null) {
            return self.gap(&op.when_null, op.site);
        }
        let json = self.convert(&op.convert, op.accept, tree, op.site)?;
        self.checked(op.check, json, op.site)
    }

    fn checked(&mut self, schema: Option<SchemaId>, json: String, site: SiteId) -> Option<String> {
        let Some(schema) = schema else { return Some(json) };
        let mut violations = Vec::new();
        validate(&self.program.contract, schema, json.as_bytes(), &mut violations);
        if violations.is_empty() {
            return Some(json);
        }
        for violation in violations {
            let before = self.faults.len();
            self.fault(site, violation.code, violation.detail);
            if let Some(new) = self.faults.get_mut(before) {
                new.pointer.push_str(&violation.pointer);
            }
        }
        None
    }

    fn convert(
        &mut self,
        convert: &Convert,
        accept: Types,
        tree: &Tree<'_>,
        site: SiteId,
    ) -> Option<String> {
        let spelled = if self.program.lenient { spelled(accept, tree) } else { None };
        let tree = spelled.as_ref().unwrap_or(tree);
        let accept = match convert {
            Convert::RawObject if matches!(&tree.is, Is::List(all) if all.is_empty()) => {
                return Some("{}".into());
            }
            Convert::RawObject => Types::OBJECT,
            Convert::RawList => Types::LIST,
            _ => accept,
        };
        if !takes(accept, tree) {
            return self.fault(site, "wrong_type", fault::wrong_type(accept, tree.raw));
        }
        match convert {
            Convert::Copy | Convert::RawObject | Convert::RawList => Some(tree.raw.to_owned()),
            Convert::Within { otherwise, most } => {
                Some(codec::within(tree.raw, *otherwise, *most).to_string())
            }
            Convert::Enum(op) => self.word(op, tree, site, true),
            Convert::Codec { codec, decode, text } => {
                let mut out = Vec::new();
                match codec::convert(*codec, *decode, *text, tree.raw, &mut out) {
                    Ok(Coded::Value | Coded::Null) => Some(owned(&out)),
                    Err(refusal) => self.fault(site, "invalid", refusal.into()),
                }
            }
        }
    }

    fn word(
        &mut self,
        op: &EnumOp,
        tree: &Tree<'_>,
        site: SiteId,
        counted: bool,
    ) -> Option<String> {
        if let Some(raw) = &op.raw
            && self.value_at(raw.system).is_some_and(|system| system.is(&raw.ours))
            && let Some(value) = self.value_at(raw.value)
            && raw.back.iter().any(|(dialect, canonical)| value.is(dialect) && tree.is(canonical))
        {
            return Some(value.raw.to_owned());
        }
        let row = op.rows.iter().find(|(read, ..)| tree.is(read));
        let row = row.map(|(_, word, event)| (word, *event));
        let row = row.or_else(|| op.unknown.as_ref().map(|(word, event)| (word, Some(*event))));
        let Some((word, event)) = row else {
            let detail = fault::unknown_word(op.rows.iter().map(|(read, ..)| &**read));
            return self.fault(site, "invalid", detail);
        };
        self.count(event.filter(|_| counted));
        Some(owned(word))
    }
}

/// What a text spells where text is not accepted.
fn spelled<'a>(accept: Types, tree: &Tree<'a>) -> Option<Tree<'a>> {
    if accept.has(Types::STRING) {
        return None;
    }
    let inside = text::content(tree.raw)?;
    let spelled = Tree::read(inside).ok().filter(|tree| tree.raw == inside)?;
    let scalar = matches!(spelled.is, Is::Number | Is::Boolean);
    (scalar && takes(accept, &spelled)).then_some(spelled)
}

fn takes(accept: Types, tree: &Tree<'_>) -> bool {
    let types = match &tree.is {
        Is::Null => return accept == Types::ANY,
        Is::Boolean => Types::BOOLEAN,
        Is::Number if tree.raw.contains(['.', 'e', 'E']) || tree.raw.len() > 20 => Types(4),
        Is::Number => Types::INTEGER,
        Is::Text(_) => Types::STRING,
        Is::List(all) if all.iter().all(|one| matches!(one.is, Is::Text(_))) => Types::TEXTS,
        Is::List(_) => Types::LIST,
        Is::Object(_) => Types::OBJECT,
    };
    if accept == Types::TEXTS {
        return types == Types::TEXTS;
    }
    // A list of texts is a list, too.
    accept.has(types) || (types == Types::TEXTS && accept.has(Types::LIST))
}

fn holds(test: &Test, value: Option<&Tree<'_>>) -> bool {
    match test {
        Test::Any => true,
        Test::Null => value.is_some_and(Tree::null),
        Test::Absent => value.is_none(),
        Test::Unset => value.is_none_or(Tree::null),
        Test::Set => value.is_some_and(|tree| !tree.null()),
        Test::Empty => value.is_none_or(Tree::hollow),
        Test::Filled => value.is_some_and(|tree| !tree.hollow()),
        Test::Is(texts) => value.is_some_and(|tree| tree.is_any(texts)),
    }
}
