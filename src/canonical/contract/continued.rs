//! `x-continued` of a parameter: a list that an answer embeds is cut off at some length, even where
//! all of it was asked for; which operation lists what comes before.
//!
//! ```yaml
//! x-continued: { list: messages, when: 0, operation: messages.list, path: { conversation_id: id } }
//! ```
//!
//! The operation is asked for what lies `before` the first entry, newest first, in pages as long as
//! it gives. Its path is that of the request; what that has not is a member of the object that embeds
//! the list.

use super::operations::Read;
use super::{Contract, Kind, Location, Operation, SchemaId};
use crate::canonical::OperationId;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, Value};

/// How an embedded list goes on where it is cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continued {
    /// Position of the parameter that says how much is embedded.
    pub asked: u8,
    /// Its value for: all.
    pub all: Box<str>,
    /// The member that is the list, oldest first.
    pub list: Box<str>,
    /// So many entries are embedded at most.
    pub most: usize,
    /// An answer that holds so many is no shorter.
    pub least_bytes: usize,
    /// Whether the objects that embed it are those of a page.
    pub paged: bool,
    /// The operation that lists.
    pub by: OperationId,
    /// Position of its parameter for: before this entry.
    pub before: u8,
    /// Of the one for the length of a page, and the longest.
    pub limit: (u8, usize),
    /// Of the one for the order.
    pub order: u8,
    /// What its path is made of.
    pub path: Vec<(u8, Source)>,
}

/// Where a value of a path comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The same parameter of the request.
    Parameter(u8),
    /// A member of the object that embeds the list.
    Member(Box<str>),
}

/// `x-continued` as it is written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    list: Box<str>,
    when: Box<str>,
    operation: Box<str>,
    path: Vec<(Box<str>, Box<str>)>,
    span: Span,
}

pub(super) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Written> {
    let mut fields = Fields::of(node, "`x-continued`", diagnostics)?;
    for key in ["list", "when", "operation", "path"] {
        fields.required(key);
    }
    let list = fields.text("list").map(Into::into);
    let operation = fields.text("operation").map(Into::into);
    let when = fields.get("when").and_then(|node| match &node.value {
        Value::Integer(number) => Some(number.to_string().into()),
        Value::Text(text) => Some(text.as_str().into()),
        _ => None,
    });
    let path = fields.map("path").unwrap_or_default();
    let path = path
        .iter()
        .filter_map(|entry| Some((entry.key.as_str().into(), entry.value.as_text()?.into())));
    let path = path.collect();
    fields.finish();
    Some(Written { list: list?, when: when?, operation: operation?, path, span: node.span })
}

/// What the operations' parameters say, when all schemas and operations are known.
pub(super) fn settle(
    contract: &Contract,
    operations: &[Read],
    diagnostics: &mut Diagnostics,
) -> Vec<Option<Continued>> {
    let one = |read: &Read| {
        let (asked, written) = read.continued.as_ref()?;
        match resolve(contract, operations, &read.operation, *asked, written) {
            Ok(continued) => Some(continued),
            Err(message) => {
                diagnostics.push(Diagnostic::error(Code::Contract, written.span, message));
                None
            }
        }
    };
    operations.iter().map(one).collect()
}

fn resolve(
    contract: &Contract,
    operations: &[Read],
    operation: &Operation,
    asked: u8,
    written: &Written,
) -> Result<Continued, String> {
    let Written { list, when, operation: by, path, .. } = written;
    let answer = operation.answer.ok_or("an answer without JSON embeds no list")?;
    let entries = |id: SchemaId, member: &str| {
        let found = contract.properties(id).iter().find(|p| &*p.name == member)?;
        match contract.schema(found.schema).kind {
            Kind::List { items, max, .. } => Some((items, max)),
            _ => None,
        }
    };
    let (paged, object) = match entries(answer, list) {
        Some(_) => (false, answer),
        None => (true, entries(answer, "data").ok_or("the answer has no such list")?.0),
    };
    let (item, most) = entries(object, list).ok_or("the answer has no such list")?;
    let most = most.ok_or("the list has no `maxItems`: it is never cut off")?;
    let at = operations.iter().position(|read| *read.operation.name == **by);
    let id = at.and_then(|at| u16::try_from(at).ok()).map(OperationId);
    let by = at.and_then(|at| operations.get(at)).map(|read| &read.operation);
    let (Some(by), Some(id)) = (by, id) else {
        return Err(format!("the contract has no operation `{}`", written.operation));
    };
    let listed = by.answer.and_then(|answer| entries(answer, "data"));
    if !by.safe || listed.is_none_or(|(listed, _)| listed != item) {
        return Err(format!("`{}` does not list what `{list}` holds", by.name));
    }
    let query = |name: &str| {
        by.parameters_in(Location::Query)
            .find(|(_, parameter)| &*parameter.name == name)
            .ok_or_else(|| format!("`{}` has no parameter `{name}`", by.name))
    };
    let (limit, parameter) = query("limit")?;
    let Kind::Integer { max, .. } = contract.schema(parameter.schema).kind else {
        return Err("`limit` is no whole number".to_owned());
    };
    let longest = usize::try_from(max).map_err(|_| "`limit` has no maximum".to_owned())?;
    let source = |(position, parameter): (u8, &super::Parameter)| {
        let same = operation.parameter(&parameter.name);
        let member = path.iter().find(|(name, _)| *name == parameter.name).map(|(_, m)| m);
        match (same, member) {
            (Some(same), _) => Ok((position, Source::Parameter(same))),
            (None, Some(m)) if contract.properties(object).iter().any(|p| p.name == *m) => {
                Ok((position, Source::Member(m.clone())))
            }
            (None, Some(m)) => Err(format!("what embeds `{list}` has no `{m}`")),
            (None, None) => Err(format!("nothing gives `{}`", parameter.name)),
        }
    };
    let path = by.parameters_in(Location::Path).map(source).collect::<Result<_, _>>()?;
    // Every member that must be there with its quotes, a colon, a value and what parts it.
    let required = contract.properties(item).iter().filter(|p| p.required);
    let least: usize = required.map(|p| p.name.len() + 5).sum();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    Ok(Continued {
        asked,
        all: when.clone(),
        list: list.clone(),
        most,
        least_bytes: most.saturating_mul(least),
        paged,
        by: id,
        before: query("before")?.0,
        limit: (limit, longest.max(1)),
        order: query("order")?.0,
        path,
    })
}
