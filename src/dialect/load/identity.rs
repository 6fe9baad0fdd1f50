//! The canonical API as a dialect: its routes are the contract's operations. Parameters pass by
//! name, bodies are checked against their schemas and passed as they are, answers are passed as
//! they are, or cut to what was asked for where the backend was asked for more.

use std::sync::Arc;

use crate::canonical::contract::{Kind, Location, Operation, Parameter, Property, SchemaId};
use crate::canonical::{Contract, OperationId};
use crate::json::shape::{Member, NodeId, Shape};
use crate::mapping::plan::{
    Convert, Cut, Document, Emit, Gap, Narrow, Program, Ref, Site, SiteId, Types, ValueOp,
};
use crate::mapping::{Library, Root, RootKind, Scope};
use crate::syntax::{Diagnostics, Node, Span};

use super::credentials::Offer;
use super::head::Head;
use super::widen::{INCLUDE, includable};
use super::{line, yaml};
use crate::dialect::catalog::documents::{BODY, CALLS, INPUTS, REQUEST};
use crate::dialect::envelope::Envelopes;
use crate::dialect::form::Guide;
use crate::dialect::route::{
    Arity, Body, Call, Files, Inputs, Origin, QueryParameter, Reply, ReplyBody, Route,
};

/// How deep embedded objects are looked into for others: an object in one that is embedded.
const DEEPEST: u8 = 2;
const LIMIT: &str = "messages_limit";
const VISIBILITY: &str = "messages_visibility";

/// A route for every operation of the contract.
pub(super) fn routes(
    contract: &Arc<Contract>,
    library: &Library,
    head: &Head<'_>,
    credentials: &[Offer],
    diagnostics: &mut Diagnostics,
) -> Vec<Route> {
    let credential =
        credentials.iter().position(|c| c.default).or((!credentials.is_empty()).then_some(0));
    let ids = (0u16..=u16::MAX).map(OperationId);
    ids.zip(contract.operations())
        .filter_map(|(id, operation)| {
            let request = yaml::text(head.span, format!("{} {}", operation.method, operation.path));
            let line = line::read(&request, &head.bases, diagnostics)?;
            let params = params(operation, library, head.span, diagnostics)?;
            let make = Make { contract, operation, span: head.span };
            Some(Route {
                name: (&*operation.name).into(),
                number: 0,
                method: line.method,
                template: line.template,
                credential: credential.filter(|_| !operation.public),
                body: operation.body.as_ref().map(|b| Body {
                    program: make.body(b.required),
                    required: b.required,
                    form: None,
                    whole: Some(id),
                }),
                files: files(operation, id, library, head.span, diagnostics),
                query: query(operation),
                guard: None,
                calls: vec![Call {
                    name: "call".into(),
                    operation: id,
                    when: None,
                    params,
                    body: operation.body.as_ref().map(|_| make.copy(BODY, CALLS + 1, true)),
                    fresh: false,
                    widen: operation.cache.widen,
                    after: Vec::new(),
                    again: None,
                    take: None,
                    walk: None,
                    whole: false,
                }],
                safe: operation.safe,
                no_store: operation.cache.no_store,
                replies: vec![make.reply()],
                envelopes: Envelopes::default(),
                inputs: inputs(operation),
                documents: None,
                span: head.span,
                origin: Origin::Generated,
            })
        })
        .collect()
}

/// What takes a file takes it as it is, in a form.
fn files(
    operation: &Operation,
    id: OperationId,
    library: &Library,
    span: Span,
    diagnostics: &mut Diagnostics,
) -> Option<Files> {
    let part = operation.file.as_ref()?;
    Some(Files {
        parts: vec![part.clone()],
        operation: id,
        params: params(operation, library, span, diagnostics)?,
        alone: true,
        said: None,
        guide: Guide::default(),
    })
}

/// What stands in the place of a parameter: the input of the same name.
fn source(parameter: &Parameter, span: Span) -> Node {
    match parameter.location {
        Location::Path => yaml::input(span, "path", &parameter.name),
        Location::Query => yaml::input(span, "query", &parameter.name),
        Location::Header => yaml::input(span, "header", &parameter.name.to_ascii_lowercase()),
    }
}

fn params(
    operation: &Operation,
    library: &Library,
    span: Span,
    diagnostics: &mut Diagnostics,
) -> Option<Program> {
    let root = |name: &str, kind, optional| Root { name: name.into(), kind, optional };
    let roots = vec![
        root("inputs", RootKind::Inputs, false),
        root("request", RootKind::Request, true),
        root("body", RootKind::Any, true),
        root("call", RootKind::Any, true),
    ];
    let scope = Scope { roots, ..Scope::default() };
    let sources: Vec<Node> = operation.parameters.iter().map(|p| source(p, span)).collect();
    let items: Vec<_> =
        sources.iter().zip(&operation.parameters).map(|(n, p)| (Some(n), p.schema)).collect();
    library.tuple(&items, &scope, diagnostics).map(|c| c.program)
}

fn query(operation: &Operation) -> Vec<QueryParameter> {
    let arity = |p: &Parameter| match (p.list, p.explode) {
        (false, _) => Arity::One,
        (true, true) => Arity::Repeated,
        (true, false) => Arity::Commas,
    };
    operation
        .parameters_in(Location::Query)
        .map(|(_, p)| QueryParameter { name: p.name.clone(), arity: arity(p) })
        .collect()
}

fn inputs(operation: &Operation) -> Inputs {
    let mut inputs = Inputs::default();
    for parameter in &operation.parameters {
        let part = match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
        };
        inputs.add(part, &parameter.name);
    }
    inputs
}

/// Makes the programs of one operation that no mapping text could say shorter.
struct Make<'a> {
    contract: &'a Arc<Contract>,
    operation: &'a Operation,
    span: Span,
}

const ROOTS: [&str; CALLS + 1] = ["inputs", "request", "body", "call"];

impl Make<'_> {
    /// A program over the first `count` documents of a route, of which it reads none yet.
    fn program(&self, count: usize, emit: Emit, document: usize) -> Program {
        let mut shape = Shape::default();
        let documents = ROOTS
            .iter()
            .take(count)
            .map(|name| Document { name: (*name).into(), node: shape.add(), width: 1 })
            .collect();
        Program {
            objects: Vec::new(),
            documents,
            shape: Arc::new(shape),
            emit: Arc::new(emit),
            relations: Vec::new(),
            sites: vec![Site {
                document: frame(document),
                pointer: Vec::new(),
                field: Box::default(),
                rule: self.span,
            }],
            events: Vec::new(),
            contract: self.contract.clone(),
            lenient: false,
        }
    }

    /// A document as it is.
    fn copy(&self, document: usize, count: usize, optional: bool) -> Program {
        let missing = || if optional { Gap::Absent } else { Gap::Refuse };
        let value = ValueOp {
            from: vec![Ref { frame: frame(document), slot: 0 }],
            site: SiteId(0),
            accept: Types::ANY,
            convert: Convert::Copy,
            also_null: Vec::new(),
            ignore: Vec::new(),
            when_null: Gap::Refuse,
            when_absent: missing(),
            check: None,
        };
        self.program(count, Emit::Value(Box::new(value)), document)
    }

    /// The client's body. It is validated before.
    fn body(&self, required: bool) -> Program {
        self.copy(REQUEST, BODY, !required)
    }

    fn reply(&self) -> Reply {
        let narrow = if self.operation.cache.widen { self.narrow() } else { None };
        let keepable = narrow.is_some() && self.operation.safe;
        let body = match (self.operation.answer, narrow) {
            (None, _) if !self.operation.binary => ReplyBody::Empty,
            (_, Some(program)) => ReplyBody::Program(Box::new(program)),
            (_, None) => ReplyBody::Verbatim,
        };
        Reply { when: None, status: self.operation.status, headers: Vec::new(), body, keepable }
    }

    /// The members of a resource that are there only when they are asked for, as far as the
    /// operation takes their names.
    fn cuts(&self, schema: SchemaId, depth: u8) -> Vec<Cut> {
        let listed = includable(self.contract, self.operation);
        let cut = |property: &Property| {
            let include = property.include.clone().filter(|name| listed.contains(name))?;
            let of = match self.contract.schema(property.schema).kind {
                Kind::List { items, .. } => items,
                _ => property.schema,
            };
            let inner = match depth.checked_sub(1) {
                Some(depth) => self.cuts(of, depth),
                None => Vec::new(),
            };
            Some(Cut { member: property.name.clone(), include, inner })
        };
        self.contract.properties(schema).iter().filter_map(cut).collect()
    }

    /// What of a widened answer was asked for; `None` where nothing of it is left out.
    fn narrow(&self) -> Option<Program> {
        let members = self.cuts(self.operation.answer?, DEEPEST);
        if members.is_empty() {
            return None;
        }
        let mut program = self.program(CALLS + 1, Emit::Absent, CALLS);
        // The query's members lie in the block of the inputs, after the inputs themselves (0) and
        // the query (1).
        let mut shape = Shape::clone(&program.shape);
        let query = shape.add();
        let mut slot = 1;
        let mut read = |shape: &mut Shape, node: NodeId, name: &str, inner: Option<NodeId>| {
            let member = Member { name: name.into(), slot, node: inner };
            slot += 1;
            if let Some(node) = shape.node_mut(node) {
                node.members.push(member);
            }
            Ref { frame: frame(INPUTS), slot: slot - 1 }
        };
        let inputs = program.documents.get(INPUTS)?.node;
        read(&mut shape, inputs, "query", Some(query));
        let parameter = |name: &str| self.operation.parameters.iter().find(|p| &*p.name == name);
        let include = read(&mut shape, query, INCLUDE, None);
        let limit = parameter(LIMIT).map(|p| {
            let default = p.default.as_deref().and_then(|d| d.parse().ok()).unwrap_or_default();
            (read(&mut shape, query, LIMIT, None), default)
        });
        let visibility = parameter(VISIBILITY).map(|_| read(&mut shape, query, VISIBILITY, None));
        if let Some(document) = program.documents.get_mut(INPUTS) {
            document.width = slot;
        }
        let at = Ref { frame: frame(CALLS), slot: 0 };
        let narrow = Narrow { at, site: SiteId(0), members, include, limit, visibility };
        let answer = program.documents.get(CALLS)?.node;
        narrow.read(&mut shape, answer);
        program.shape = Arc::new(shape);
        program.emit = Arc::new(Emit::Narrow(Box::new(narrow)));
        Some(program)
    }
}

/// Documents are few: a program's frames are numbered in eight bits.
fn frame(document: usize) -> u8 {
    u8::try_from(document).unwrap_or(u8::MAX)
}
