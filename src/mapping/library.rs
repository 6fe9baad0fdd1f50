//! The records and enum tables of one dialect, and what is compiled from them.
//!
//! Everything that stands in a dialect's files and translates bodies is compiled here: records, the
//! tables of routes, arguments of calls, conditions. Problems go to [`Diagnostics`], all of them; a
//! program is given only where there was none.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::canonical::Sight;
use crate::canonical::contract::{Contract, SchemaId};
use crate::mapping::check;
use crate::mapping::document::{
    self, Conditions, EnumTable, Need, Only, Record, Word, read_record_like, read_rule, text,
};
use crate::mapping::lower::{Lower, Mode};
use crate::mapping::merge;
use crate::mapping::plan::Program;
use crate::mapping::types::{Lost, Ty};
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Value, closest};

/// The parts of the `inputs` document, each a root of its own in a mapping.
pub const INPUTS: [&str; 5] = ["path", "query", "header", "principal", "config"];

/// What a dialect says about itself that changes how it is compiled.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The vendor's system: the `system` of raw values.
    pub system: String,
    /// Texts that spell numbers and booleans are read as those in bodies.
    pub numbers_as_text: bool,
    /// Some credential of the dialect `sees` only a part of an answer.
    pub public: bool,
}

/// The documents that a program reads.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// In order; document *i* is root *i*.
    pub roots: Vec<Root>,
    /// The document that is also `$`.
    pub alias: Option<usize>,
}

/// One document and its name.
#[derive(Clone, Debug)]
pub struct Root {
    /// Without the `$`; empty is `$` itself.
    pub name: Box<str>,
    /// What it is.
    pub kind: RootKind,
    /// It may be absent: the result of a call that did not run.
    pub optional: bool,
}

/// What a document is.
#[derive(Clone, Copy, Debug)]
pub enum RootKind {
    /// A canonical value.
    Canonical(SchemaId),
    /// The bound inputs: `$path`, `$query`, `$header`, `$principal`, `$config`.
    Inputs,
    /// The client's body: `$request.body`.
    Request,
    /// Anything.
    Any,
}

/// A program and what it turned out to need.
#[derive(Debug)]
pub struct Compiled {
    /// The program.
    pub program: Program,
    /// (document, name): what a call must `include` for the places read of its answer.
    pub includes: Vec<(usize, Box<str>)>,
    /// (part, name): bound inputs that are read, such as `("path", "number")`.
    pub inputs: Vec<(Box<str>, Box<str>)>,
}

/// The records and enum tables of one dialect.
#[derive(Debug)]
pub struct Library {
    pub(crate) contract: Arc<Contract>,
    pub(crate) settings: Settings,
    pub(crate) records: Vec<Record>,
    pub(crate) enums: Vec<EnumTable>,
    pub(crate) conditions: Vec<Conditions>,
    /// Names of records and tables that could not be read at all.
    lost: Vec<Box<str>>,
}

impl Scope {
    /// The document that a root names.
    #[must_use]
    pub fn document(&self, name: &str) -> Option<usize> {
        let own = self.roots.iter().position(|r| *r.name == *name);
        own.or(self.alias.filter(|_| name.is_empty()))
    }

    /// The names of its roots.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named = self.roots.iter().filter(|r| !matches!(r.kind, RootKind::Inputs));
        named.map(|r| &*r.name)
    }
}

impl Library {
    /// Reads the files of records and of enum tables, reporting every problem of theirs.
    #[must_use]
    pub fn read(
        contract: Arc<Contract>,
        settings: Settings,
        records: &[&Node],
        enums: &[&Node],
        d: &mut Diagnostics,
    ) -> Self {
        let whole = merge::reused(records, d);
        let mut library = Self {
            contract,
            settings,
            records: Vec::new(),
            enums: Vec::new(),
            conditions: Vec::new(),
            lost: Vec::new(),
        };
        for file in &whole {
            for record in document::read_records(file, d) {
                if let Some(other) = library.record(&record.name.0) {
                    d.push(twice("record", &record.name, &other.name));
                } else {
                    library.records.push(record);
                }
            }
        }
        for file in enums {
            for table in document::read_enums(file, d) {
                match library.enums.iter().find(|e| e.name.0 == table.name.0) {
                    Some(other) => d.push(twice("enum table", &table.name, &other.name)),
                    None => library.enums.push(table),
                }
            }
        }
        let blocks = records.iter().map(|n| n.get("records"));
        for block in blocks.chain(enums.iter().map(|n| n.get("enums"))).flatten() {
            for entry in block.as_map().unwrap_or_default() {
                let name = entry.key.as_str();
                let known = library.record(name).is_some()
                    || library.enums.iter().any(|e| *e.name.0 == *name);
                if !known {
                    library.lost.push(name.into());
                }
            }
        }
        library
    }

    /// Reads the files of tables of conditions, reporting every problem of theirs.
    pub fn read_conditions(&mut self, files: &[&Node], d: &mut Diagnostics) {
        for file in files {
            for table in document::read_conditions(file, d) {
                match self.conditions.iter().find(|t| t.name.0 == table.name.0) {
                    Some(other) => d.push(twice("table of conditions", &table.name, &other.name)),
                    None => self.conditions.push(table),
                }
            }
            let entries = file.get("conditions").and_then(Node::as_map).unwrap_or_default();
            for entry in entries {
                if !self.conditions.iter().any(|t| *t.name.0 == *entry.key) {
                    self.lost.push(entry.key.as_str().into());
                }
            }
        }
    }

    /// Checks every table and compiles every record in each direction it claims, so that every
    /// problem is reported.
    pub fn check(&self, d: &mut Diagnostics) {
        for table in &self.enums {
            check::enums::check(self, table, d);
        }
        for table in &self.conditions {
            let scope = Scope::default();
            let mut lower = Lower::new(self, &scope, d);
            lower.mark = false;
            lower.meaning_of(table, true);
        }
        for record in &self.records {
            check::records::check(self, record, d);
            for direction in [Only::Encode, Only::Decode] {
                if record.goes(direction) {
                    self.offline(record, direction, d);
                }
            }
        }
    }

    /// Warns of records and tables that nothing used since they were read.
    pub fn report_unused(&self, d: &mut Diagnostics) {
        let records = self.records.iter().map(|r| ("record", &r.name, &r.used));
        let enums = self.enums.iter().map(|e| ("enum table", &e.name, &e.used));
        let conditions = self.conditions.iter().map(|t| ("table of conditions", &t.name, &t.used));
        for (what, name, used) in records.chain(enums).chain(conditions) {
            if !used.load(Ordering::Relaxed) {
                let message = format!("nothing uses the {what} `{}`", name.0);
                d.push(Diagnostic::warning(Code::Unused, name.1, message));
            }
        }
    }

    /// The names of its records, in the order written.
    pub fn record_names(&self) -> impl Iterator<Item = &str> {
        self.records.iter().map(|r| &*r.name.0)
    }

    /// One record for itself. Document 0 is the object, the record's arguments follow by name, and
    /// `inputs` last. `None` where the record does not exist or does not go in that direction.
    #[must_use]
    pub fn program(&self, record: &str, decode: bool) -> Option<Program> {
        let record = self.record(record)?;
        let direction = if decode { Only::Decode } else { Only::Encode };
        if !record.goes(direction) {
            return None;
        }
        let mut problems = Diagnostics::default();
        self.offline(record, direction, &mut problems).map(|c| c.program)
    }

    fn offline(&self, record: &Record, direction: Only, d: &mut Diagnostics) -> Option<Compiled> {
        let ty = self.record_type(record, d)?;
        let own = ty.schema().map_or(RootKind::Any, RootKind::Canonical);
        let decode = direction == Only::Decode;
        let mut roots = vec![Root {
            name: Box::default(),
            kind: if decode { RootKind::Request } else { own },
            optional: false,
        }];
        for need in &record.needs {
            roots.push(Root { name: need.name.0.clone(), kind: RootKind::Any, optional: true });
        }
        roots.push(Root { name: "inputs".into(), kind: RootKind::Inputs, optional: true });
        let scope = Scope { roots, alias: None };
        let mut lower = Lower::new(self, &scope, d);
        lower.mark = false;
        lower.mode = match (record.only, record.patch) {
            (_, true) => Mode::Patch,
            (Some(Only::Decode), false) => Mode::Request,
            _ => Mode::Answer,
        };
        let emit = if decode {
            for (index, need) in record.needs.iter().enumerate() {
                let ty = self.need_type(need, lower.d)?;
                let cursor = lower.retype(index + 1, ty)?;
                lower.given.push((need.name.0.clone(), cursor));
            }
            let object = lower.document(0)?;
            let emit = lower.decode_root(record, &object, &ty, &record.name);
            if lower.incomplete {
                return None;
            }
            emit
        } else {
            let object = lower.retype(0, ty)?;
            let mut names = Vec::new();
            for (index, need) in record.needs.iter().enumerate() {
                let ty = self.need_type(need, lower.d)?;
                names.push((need.name.0.clone(), lower.retype(index + 1, ty)?));
            }
            lower.encode_root(record, &object, names)
        };
        lower.finish(emit, decode && self.settings.numbers_as_text)
    }

    /// A value specification that writes the dialect's JSON: a reply, the body of a problem.
    /// `sight` guards what is written.
    pub fn encode(
        &self,
        spec: &Node,
        scope: &Scope,
        sight: Option<&Sight>,
        d: &mut Diagnostics,
    ) -> Option<Compiled> {
        // A reply and an error row say more than how their body is written.
        const BESIDE: [&str; 6] = ["status", "headers", "when", "empty", "json", "text"];
        let rule = read_rule(spec, &BESIDE, d)?;
        let mut lower = Lower::new(self, scope, d);
        lower.sight = sight;
        lower.shown = sight.is_some() || self.settings.public;
        let emit = lower.specified(&rule);
        lower.finish(emit, false)
    }

    /// A body specification (`{ record: r }`, or a table in place): the document of the client's
    /// body becomes a value of `target`.
    pub fn decode(
        &self,
        spec: &Node,
        scope: &Scope,
        target: SchemaId,
        patch: bool,
        d: &mut Diagnostics,
    ) -> Option<Compiled> {
        let index = scope.roots.iter().position(|r| matches!(r.kind, RootKind::Request))?;
        let ty = Ty::of(target);
        let inline;
        let (record, at) = if let Some(name) = spec.get("record") {
            for entry in spec.as_map().unwrap_or_default() {
                if !["record", "why", "required", "give"].contains(&entry.key.as_str()) {
                    let message = format!("`{}` cannot stand beside `record` of a body", entry.key);
                    d.push(Diagnostic::error(Code::UnknownOperator, entry.key_span, message));
                }
            }
            (None, (name.as_text().unwrap_or_default().into(), name.span))
        } else {
            let name: Word = ("body".into(), spec.span);
            inline = read_record_like(name.clone(), spec, &["required"], d)?;
            (Some(&inline), name)
        };
        let mut lower = Lower::new(self, scope, d);
        lower.mode = if patch { Mode::Patch } else { Mode::Request };
        let record = match record {
            Some(inline) => inline,
            None => lower.body_record(&at)?,
        };
        let own = match &record.canonical {
            Some(_) => lower.body_fits(record, &ty, at.1),
            None => Some(()),
        };
        if record.patch && !patch {
            let message = format!("`{}` is a patch, but the operation takes no merge patch", at.0);
            lower.error(
                Diagnostic::error(Code::TypeMismatch, at.1, message)
                    .related(record.name.1, "defined here"),
            );
        }
        own?;
        lower.arguments_of(record, spec, at.1)?;
        let object = lower.document(index)?;
        let emit = lower.decode_root(record, &object, &ty, &at);
        lower.finish(emit, self.settings.numbers_as_text)
    }

    /// The arguments of a call, one for each parameter: a list, in which `None` is null.
    pub fn tuple(
        &self,
        items: &[(Option<&Node>, SchemaId)],
        scope: &Scope,
        d: &mut Diagnostics,
    ) -> Option<Compiled> {
        let mut lower = Lower::new(self, scope, d);
        let emit = lower.tuple(items);
        // Query values are text whatever the parameter is.
        lower.finish(emit, true)
    }

    /// A canonical value put together from other documents: a map from canonical places to
    /// expressions, or one place (`$body`).
    pub fn compose(
        &self,
        spec: &Node,
        scope: &Scope,
        target: SchemaId,
        patch: bool,
        d: &mut Diagnostics,
    ) -> Option<Compiled> {
        let mut lower = Lower::new(self, scope, d);
        lower.mode = if patch { Mode::Patch } else { Mode::Request };
        let ty = Ty::of(target);
        let emit = match &spec.value {
            Value::Map(_) => {
                let env = lower.open();
                lower.expression_object(spec, &ty, &env)
            }
            _ => {
                let place = text::place(spec, lower.d)?;
                lower.whole(&place, &ty)
            }
        };
        lower.finish(emit, self.settings.numbers_as_text)
    }

    /// `when`: tests of places; gives `true` or `false`.
    pub fn condition(&self, when: &Node, scope: &Scope, d: &mut Diagnostics) -> Option<Compiled> {
        let mut lower = Lower::new(self, scope, d);
        let emit = lower.condition(when);
        lower.finish(emit, false)
    }

    /// One place of one document, copied.
    pub fn pick(&self, place: &Node, scope: &Scope, d: &mut Diagnostics) -> Option<Compiled> {
        let mut lower = Lower::new(self, scope, d);
        let emit = lower.pick(place);
        lower.finish(emit, false)
    }

    /// An object of expressions without a schema.
    pub fn facts(&self, table: &Node, scope: &Scope, d: &mut Diagnostics) -> Option<Compiled> {
        let mut lower = Lower::new(self, scope, d);
        let emit = lower.facts(table);
        lower.finish(emit, false)
    }

    pub(crate) fn record(&self, name: &str) -> Option<&Record> {
        self.records.iter().find(|r| *r.name.0 == *name)
    }

    /// Whether a record or table of this name is there but could not be read.
    pub(crate) fn is_lost(&self, name: &str) -> bool {
        self.lost.iter().any(|l| **l == *name)
    }

    pub(crate) fn record_type(&self, record: &Record, d: &mut Diagnostics) -> Option<Ty> {
        match &record.canonical {
            Some(name) => self.named(name, d),
            None => Some(Ty::Any),
        }
    }

    pub(crate) fn enum_type(&self, table: &EnumTable, d: &mut Diagnostics) -> Option<Ty> {
        match &table.canonical {
            Some(name) => self.named(name, d),
            None => Some(Ty::Any),
        }
    }

    pub(crate) fn need_type(&self, need: &Need, d: &mut Diagnostics) -> Option<Ty> {
        let ty = self.named(&need.canonical, d)?;
        Some(if need.list { Ty::List(Box::new(ty)) } else { ty })
    }

    /// A type by its name: `Conversation`, `Attachment.kind`, `Problem.errors` (of a list, its
    /// element), `string`.
    pub(crate) fn named(&self, name: &Word, d: &mut Diagnostics) -> Option<Ty> {
        let mut parts = name.0.split('.');
        let first = parts.next().unwrap_or_default();
        let mut ty = match self.contract.schema_named(first) {
            Some(id) => Ty::of(id),
            None => match Ty::simple(first) {
                Some(simple) => simple,
                None => {
                    let near = closest(first, self.contract.schema_names());
                    let message = format!("the contract has no schema `{first}`");
                    d.push(
                        Diagnostic::error(Code::UnknownReference, name.1, message).suggest(near),
                    );
                    return None;
                }
            },
        };
        for part in parts {
            let hop = crate::json::place::Hop::Member(part.into());
            ty = match ty.step(&self.contract, &hop) {
                Ok((ty, _)) => ty,
                Err(lost) => {
                    let known = match lost {
                        Lost::Member(known) => known,
                        Lost::NoList => Vec::new(),
                    };
                    let is = ty.describe(&self.contract);
                    let near = closest(part, known.iter().map(|n| &**n));
                    d.push(
                        Diagnostic::error(
                            Code::UnknownReference,
                            name.1,
                            format!("{is} has no member `{part}`"),
                        )
                        .suggest(near),
                    );
                    return None;
                }
            };
            if let Some(items) = ty.items(&self.contract).filter(|_| ty != Ty::Any) {
                ty = items;
            }
        }
        Some(ty)
    }
}

fn twice(what: &str, name: &Word, other: &Word) -> Diagnostic {
    Diagnostic::error(Code::DuplicateKey, name.1, format!("a second {what} `{}`", name.0))
        .related(other.1, "the first one")
}
