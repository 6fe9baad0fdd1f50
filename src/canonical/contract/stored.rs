//! What the contract says of how resources are kept: `x-stored` on a schema, `x-names` and `default`
//! on its members. A simple backend needs no more to list, read, make, change and delete them.

use super::load::Reader;
use super::{Contract, Names, SchemaId, Stored, counts};
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, closest};

/// Most letters of the name of a kind.
const LONGEST: usize = 24;

/// `x-stored` as read, with the places of names that are checked when all schemas are known.
pub(super) struct Written {
    pub(super) stored: Stored,
    kind: Span,
    members: Vec<(Box<str>, Span)>,
    of: Option<Span>,
    part: Option<Span>,
}

impl<'n> Reader<'n, '_> {
    /// Every `x-stored`, in the order of the document.
    pub(super) fn stored(&mut self) -> Vec<Written> {
        let marked: Vec<(SchemaId, &'n Node)> =
            self.named.iter().filter_map(|n| Some((n.id, n.node.get("x-stored")?))).collect();
        marked.into_iter().filter_map(|(schema, node)| self.read_stored(schema, node)).collect()
    }

    fn read_stored(&mut self, schema: SchemaId, node: &'n Node) -> Option<Written> {
        let mut fields = Fields::of(node, "`x-stored`", self.diagnostics)?;
        fields.required("kind");
        fields.required("operations");
        let kind_at = fields.get("kind").map_or(node.span, |n| n.span);
        let kind = fields.text("kind");
        let operations = fields.text("operations");
        let written = fields.list("unique").unwrap_or_default();
        let looks = fields.list("looks").unwrap_or_default();
        let owner_at = fields.get("owner").map(|n| n.span);
        let owner = fields.text("owner");
        let named_at = fields.get("named").map(|n| n.span);
        let by_name = fields.text("named");
        let parent_at = fields.get("parent").map(|n| n.span);
        let parent = fields.text("parent");
        let scope_at = fields.get("scope").map(|n| n.span);
        let scope = fields.text("scope");
        let members_at = fields.get("members").map(|n| n.span);
        let members = fields.text("members");
        let platform = fields.boolean("platform").unwrap_or(false);
        fields.finish();
        let mut named: Vec<(Box<str>, Span)> = Vec::new();
        let mut unique = Vec::new();
        for set in written {
            let names = set.as_list().unwrap_or(std::slice::from_ref(set));
            let mut together: Vec<Box<str>> = Vec::new();
            for name in names {
                match name.as_text() {
                    Some(text) => {
                        named.push((text.into(), name.span));
                        together.push(text.into());
                    }
                    None => self.error(Code::WrongType, name, "`unique` names members"),
                }
            }
            unique.push(together);
        }
        let texts = looks.iter().filter_map(|name| Some((Box::from(name.as_text()?), name.span)));
        let texts: Vec<(Box<str>, Span)> = texts.collect();
        named.extend(texts.iter().cloned());
        for (member, at) in [(owner, owner_at), (by_name, named_at), (parent, parent_at)] {
            if let (Some(member), Some(at)) = (member, at) {
                named.push((member.into(), at));
            }
        }
        if let (Some(scope), Some(at)) = (scope, scope_at) {
            named.push((scope.into(), at));
        }
        let members = match members.map(|text| text.split_once('.')) {
            Some(Some((kind, member))) => {
                Some(Names { kind: kind.into(), by: Some(member.into()) })
            }
            Some(None) => {
                let at = node.get("members").unwrap_or(node);
                self.error(
                    Code::Contract,
                    at,
                    "`members` is a kind and its list: `agent.team_ids`",
                );
                None
            }
            None => None,
        };
        let stored = Stored {
            schema,
            kind: kind?.into(),
            operations: operations?.into(),
            unique,
            looks: texts.into_iter().map(|(name, _)| name).collect(),
            owner: owner.map(Into::into),
            platform,
            members,
            named: by_name.map(Into::into),
            parent: parent.map(Into::into),
            scope: scope.map(Into::into),
        };
        Some(Written { stored, kind: kind_at, members: named, of: members_at, part: parent_at })
    }
}

/// Checks every name, when all schemas are known.
pub(super) fn check(contract: &Contract, written: &[Written], diagnostics: &mut Diagnostics) {
    let kinds: Vec<&str> = written.iter().map(|w| &*w.stored.kind).collect();
    let known = |name: &str| kinds.contains(&name);
    for (at, one) in written.iter().enumerate() {
        let kind = &*one.stored.kind;
        let letter = |b: u8| b.is_ascii_lowercase() || b == b'_';
        if kind.is_empty() || kind.len() > LONGEST || !kind.bytes().all(letter) {
            let message = format!("a kind is 1 to {LONGEST} small letters and `_`");
            diagnostics.push(Diagnostic::error(Code::Contract, one.kind, message));
        }
        if kinds.iter().position(|other| *other == kind) != Some(at) {
            let message = format!("two schemas are of the kind `{kind}`");
            diagnostics.push(Diagnostic::error(Code::Contract, one.kind, message));
        }
        for (member, span) in &one.members {
            missing(contract, one.stored.schema, member, *span, diagnostics);
        }
        if let (Some(parent), Some(span)) = (&one.stored.parent, one.part)
            && let Some(property) = contract.property(one.stored.schema, parent)
            && !matches!(property.names, Some(Names { by: None, .. }))
        {
            let message = format!("`{parent}` is what it is part of, and has no `x-names` by id");
            diagnostics.push(Diagnostic::error(Code::Contract, span, message));
        }
        if let (Some(Names { kind, by: Some(list) }), Some(span)) = (&one.stored.members, one.of) {
            match written.iter().find(|other| other.stored.kind == *kind) {
                Some(other) => missing(contract, other.stored.schema, list, span, diagnostics),
                None => diagnostics.push(unknown(kind, span, &kinds)),
            }
        }
    }
    let parts: Vec<(&str, SchemaId, bool)> = written
        .iter()
        .map(|w| (&*w.stored.kind, w.stored.schema, w.stored.parent.is_some()))
        .collect();
    for name in contract.schema_names() {
        let Some(schema) = contract.schema_named(name) else { continue };
        for property in contract.properties(schema) {
            counts::check(contract, contract.properties(schema), property, &parts, diagnostics);
            let Some(Names { kind, by }) = &property.names else { continue };
            let other = written.iter().find(|other| other.stored.kind == *kind);
            let span = property.names_at;
            match (other, by) {
                _ if !known(kind) => diagnostics.push(unknown(kind, span, &kinds)),
                (Some(other), Some(by)) => {
                    missing(contract, other.stored.schema, by, span, diagnostics);
                }
                _ => {}
            }
        }
    }
}

fn unknown(kind: &str, span: Span, kinds: &[&str]) -> Diagnostic {
    Diagnostic::error(Code::UnknownPlace, span, format!("no schema is of the kind `{kind}`"))
        .suggest(closest(kind, kinds.iter().copied()))
}

fn missing(
    contract: &Contract,
    schema: SchemaId,
    member: &str,
    span: Span,
    diagnostics: &mut Diagnostics,
) {
    let known = || contract.properties(schema).iter().map(|p| &*p.name);
    if !known().any(|name| name == member) {
        let problem =
            Diagnostic::error(Code::UnknownPlace, span, format!("there is no member `{member}`"));
        diagnostics.push(problem.suggest(closest(member, known())));
    }
}
