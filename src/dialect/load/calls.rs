//! Canonical calls as they are written, for routes and for the look-ups of credentials.

use crate::canonical::contract::{Location, Operation};
use crate::canonical::{Contract, OperationId};
use crate::mapping::{Compiled, PAGED, Root, RootKind, Scope};
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, Value, closest};

use super::widen::{INCLUDE, in_order, includable};
use super::{Context, yaml};
use crate::dialect::route::Inputs;

/// A call before it is compiled.
#[derive(Debug)]
pub(super) struct Written<'n> {
    pub(super) name: &'n str,
    /// Its name, or what made it.
    pub(super) span: Span,
    pub(super) operation: OperationId,
    pub(super) path: &'n [Entry],
    pub(super) query: &'n [Entry],
    pub(super) headers: &'n [Entry],
    pub(super) body: Option<&'n Node>,
    pub(super) when: Option<&'n Node>,
    pub(super) fresh: bool,
    /// The call to run again after `precondition_failed`, and how often.
    pub(super) again: Option<(&'n Node, u8)>,
    pub(super) take: Option<&'n Node>,
    /// A file is sent in the place of its body.
    pub(super) sends_file: bool,
    /// All pages, joined.
    pub(super) walk: Option<&'n Node>,
    /// What the route's query table gives, by position.
    pub(super) given: Vec<(usize, Node)>,
    /// What is read of its answer only when it is asked for.
    pub(super) includes: Vec<Box<str>>,
}

impl Written<'_> {
    /// Whether it asks for all of a list that is embedded.
    pub(super) fn is_whole(&self, operation: &Operation) -> bool {
        let Some(continued) = &operation.continued else { return false };
        let asked = operation.parameters.get(usize::from(continued.asked));
        let line = asked.and_then(|p| self.query.iter().find(|entry| *entry.key == *p.name));
        line.is_some_and(|entry| match &entry.value.value {
            Value::Integer(number) => number.to_string() == *continued.all,
            Value::Text(text) => **text == *continued.all,
            _ => false,
        })
    }
}

/// A part of a call, with where its names may stand.
const PARTS: [(Location, &str); 3] =
    [(Location::Path, "path"), (Location::Query, "query"), (Location::Header, "headers")];

/// Reads one call of a route, or one look-up of a credential.
pub(super) fn read<'n>(
    name: &'n str,
    name_span: Span,
    node: &'n Node,
    look_up: bool,
    cx: &mut Context<'_>,
) -> Option<Written<'n>> {
    let contract = cx.contract;
    let what = if look_up { "a look-up" } else { "a call" };
    let mut fields = Fields::of(node, what, cx.diagnostics)?;
    fields.required("operation");
    let operation_node = fields.get("operation");
    let mut written = Written {
        name,
        span: name_span,
        operation: OperationId(0),
        path: fields.map("path").unwrap_or_default(),
        query: fields.map("query").unwrap_or_default(),
        headers: fields.map("headers").unwrap_or_default(),
        body: None,
        when: None,
        fresh: false,
        again: None,
        take: None,
        sends_file: false,
        walk: None,
        given: Vec::new(),
        includes: Vec::new(),
    };
    if look_up {
        written.take = fields.get("take");
    } else {
        written.body = fields.get("body");
        written.when = fields.get("when");
        written.walk = fields.get("walk");
        written.fresh = fields.boolean("fresh").unwrap_or_default();
        let on_problem = fields.get("on_problem");
        written.again = on_problem.and_then(|node| again(node, fields.diagnostics()));
    }
    fields.finish();
    let operation_node = operation_node?;
    written.operation = operation(operation_node, contract, cx.diagnostics)?;
    let operation = contract.get(written.operation);
    if !is_name(name) {
        cx.error(Code::BadPlace, name_span, "a call's name is lower-case letters, digits and `_`");
    }
    let entries = [written.path, written.query, written.headers];
    for ((location, key), entries) in PARTS.into_iter().zip(entries) {
        for entry in entries {
            if position(operation, location, &entry.key).is_none() {
                unknown_parameter(operation, location, key, entry, cx.diagnostics);
            }
        }
    }
    if let (Some(body), None) = (written.body, &operation.body) {
        let message = format!("`{}` takes no body", operation.name);
        cx.error(Code::UnknownParameter, body.span, message);
        written.body = None;
    }
    Some(written)
}

fn is_name(name: &str) -> bool {
    const TAKEN: [&str; 9] =
        ["path", "query", "header", "body", "principal", "config", "request", "inputs", "guard"];
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !TAKEN.contains(&name)
}

/// The operation that `node` names; reported where there is none.
pub(super) fn operation(
    node: &Node,
    contract: &Contract,
    diagnostics: &mut Diagnostics,
) -> Option<OperationId> {
    let name = node.as_text().unwrap_or_default();
    let found = contract.operation(name);
    if found.is_none() {
        let names = contract.operations().iter().map(|o| &*o.name);
        diagnostics.push(
            Diagnostic::error(
                Code::UnknownOperation,
                node.span,
                format!("the contract has no operation `{name}`"),
            )
            .suggest(closest(name, names)),
        );
    }
    found
}

fn again<'n>(node: &'n Node, diagnostics: &mut Diagnostics) -> Option<(&'n Node, u8)> {
    let mut fields = Fields::of(node, "`on_problem`", diagnostics)?;
    let inner = fields.get("precondition_failed");
    fields.finish();
    let mut fields = Fields::of(inner?, "`precondition_failed`", diagnostics)?;
    let again = fields.required("again");
    let most = fields.count("most").unwrap_or(1);
    if !(1..=5).contains(&most) {
        let span = fields.span();
        fields.diagnostics().push(Diagnostic::error(
            Code::WrongType,
            span,
            "`most` is how often a call is tried again: 1 to 5",
        ));
    }
    fields.finish();
    again.map(|again| (again, u8::try_from(most).unwrap_or(1)))
}

/// The position of a parameter; headers are compared without case.
pub(super) fn position(operation: &Operation, location: Location, name: &str) -> Option<usize> {
    operation.parameters.iter().position(|p| {
        p.location == location
            && match location {
                Location::Header => p.name.eq_ignore_ascii_case(name),
                _ => &*p.name == name,
            }
    })
}

fn unknown_parameter(
    operation: &Operation,
    location: Location,
    key: &str,
    entry: &Entry,
    diagnostics: &mut Diagnostics,
) {
    let known = operation.parameters_in(location).map(|(_, p)| &*p.name);
    let message = format!("`{}` has no parameter `{}` under `{key}`", operation.name, entry.key);
    let problem = Diagnostic::error(Code::UnknownParameter, entry.key_span, message);
    let elsewhere = operation.parameters.iter().find(|p| *p.name == *entry.key);
    diagnostics.push(match (closest(&entry.key, known), elsewhere) {
        (None, Some(p)) => {
            let key = PARTS.iter().find(|(l, _)| *l == p.location).map_or("", |(_, k)| *k);
            problem.help(format!("it stands under `{key}`"))
        }
        (near, _) => problem.suggest(near),
    });
}

impl Written<'_> {
    /// What the parameter at `index` is made from, where its call says so.
    fn source(&self, operation: &Operation, index: usize) -> Option<Node> {
        let parameter = operation.parameters.get(index)?;
        let entries = match parameter.location {
            Location::Path => self.path,
            Location::Query => self.query,
            Location::Header => self.headers,
        };
        let at = |e: &&Entry| position(operation, parameter.location, &e.key) == Some(index);
        let own = entries.iter().find(at).map(|e| e.value.clone());
        own.or_else(|| self.given.iter().find(|(i, _)| *i == index).map(|(_, n)| n.clone()))
    }

    /// Reports required parameters that nothing gives, and names that cannot be included.
    pub(super) fn check(&self, cx: &mut Context<'_>) {
        let operation = cx.contract.get(self.operation);
        for (index, parameter) in operation.parameters.iter().enumerate() {
            if parameter.required && self.source(operation, index).is_none() {
                let (_, key) =
                    PARTS.iter().find(|(l, _)| *l == parameter.location).unwrap_or(&PARTS[0]);
                cx.diagnostics.push(
                    Diagnostic::error(
                        Code::MissingParameter,
                        self.span,
                        format!("`{}` must be given `{}`", operation.name, parameter.name),
                    )
                    .help(format!("say under `{key}` where it comes from")),
                );
            }
        }
        if let (None, Some(body)) = (self.body, &operation.body)
            && body.required
            && !self.sends_file
        {
            cx.diagnostics.push(
                Diagnostic::error(
                    Code::MissingParameter,
                    self.span,
                    format!("`{}` must be given a body", operation.name),
                )
                .help("write `body: $body` to give the client's, decoded"),
            );
        }
        let listed = includable(cx.contract, operation);
        for name in self.includes.iter().filter(|n| !listed.contains(n)) {
            cx.diagnostics.push(
                Diagnostic::error(
                    Code::UnknownParameter,
                    self.span,
                    format!(
                        "`{}` cannot include `{name}`, which is read of its answer",
                        operation.name
                    ),
                )
                .help("read it from a call whose operation has it in its parameter `include`"),
            );
        }
    }

    /// Everything the call asks to be included, in the order of the contract: what it says itself
    /// and what is read of its answer.
    pub(super) fn included(&self, contract: &Contract) -> Vec<Box<str>> {
        let operation = contract.get(self.operation);
        let listed = includable(contract, operation);
        let mut names: Vec<Box<str>> =
            self.includes.iter().filter(|n| listed.contains(n)).cloned().collect();
        let own = self.query.iter().find(|e| e.key == INCLUDE).and_then(|e| e.value.as_list());
        names.extend(own.unwrap_or_default().iter().filter_map(Node::as_text).map(Box::from));
        in_order(&mut names, listed);
        names
    }

    /// The program that writes the parameters.
    pub(super) fn params(&self, scope: &Scope, cx: &mut Context<'_>) -> Option<Compiled> {
        let operation = cx.contract.get(self.operation);
        let include = position(operation, Location::Query, INCLUDE);
        let names = self.included(cx.contract);
        let sources: Vec<Option<Node>> = (0..operation.parameters.len())
            .map(|index| match Some(index) == include && !names.is_empty() {
                true => Some(yaml::list(self.span, &names)),
                false => self.source(operation, index),
            })
            .collect();
        let items: Vec<_> = sources
            .iter()
            .zip(&operation.parameters)
            .map(|(source, parameter)| (source.as_ref(), parameter.schema))
            .collect();
        cx.library.tuple(&items, scope, cx.diagnostics)
    }

    /// The root under which other parts read its answer.
    pub(super) fn root(&self, contract: &Contract) -> Root {
        let answer = contract.get(self.operation).answer;
        Root {
            name: self.name.into(),
            kind: answer.map_or(RootKind::Any, RootKind::Canonical),
            optional: self.when.is_some(),
        }
    }
}

/// Whether a program reads a document: something in it, or all of it.
pub(super) fn reads(compiled: &Compiled, document: usize) -> bool {
    let program = &compiled.program;
    let Some(read) = program.documents.get(document) else { return false };
    let listed = program.shape.node(read.node).is_some_and(|n| n.elements.is_some());
    let sites = program.sites.iter();
    // Slot 0 is the document itself, which every block has.
    read.width > 1 || listed || sites.map(|s| usize::from(s.document)).any(|d| d == document)
}

impl Inputs {
    /// Adds a value; one that no part of a request is called is left out.
    pub(super) fn add(&mut self, part: &str, name: &str) {
        let names = match part {
            "path" => &mut self.path,
            "query" => &mut self.query,
            "header" => &mut self.header,
            "principal" => &mut self.principal,
            "config" => &mut self.config,
            PAGED => &mut self.paged,
            _ => return,
        };
        let name = if part == "header" { name.to_ascii_lowercase() } else { name.to_owned() };
        if !names.iter().any(|n| **n == *name) {
            names.push(name.into());
        }
    }

    /// Adds what a program reads.
    pub(super) fn absorb(&mut self, compiled: &Compiled) {
        for (part, name) in &compiled.inputs {
            self.add(part, name);
        }
    }
}
