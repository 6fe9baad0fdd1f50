//! `x-counts` of a member: how many parts of a kind the resource has, of all or of some.

use super::load::Reader;
use super::{Contract, Counts, Property, Wanted};
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, closest};

impl<'n> Reader<'n, '_> {
    /// Reads `x-counts`: a kind, or `{kind, only: {member: word or $.member}}`.
    pub(super) fn counts(&mut self, node: &'n Node) -> Option<Counts> {
        if let Some(kind) = node.as_text() {
            return Some(Counts { kind: kind.into(), only: Vec::new() });
        }
        let mut fields = Fields::of(node, "`x-counts`", self.diagnostics)?;
        fields.required("kind");
        let kind = fields.text("kind");
        let only = fields.map("only").unwrap_or_default();
        fields.finish();
        let mut wanted = Vec::new();
        for entry in only {
            let word = entry.value.as_text().unwrap_or_default();
            wanted.push((
                entry.key.as_str().into(),
                match word.strip_prefix("$.") {
                    Some(member) => Wanted::Member(member.into()),
                    None => Wanted::Word(word.into()),
                },
            ));
        }
        Some(Counts { kind: kind?.into(), only: wanted })
    }
}

/// Checks the names in the `x-counts` of one member, when all schemas are known.
pub(super) fn check(
    contract: &Contract,
    around: &[Property],
    property: &Property,
    parts: &[(&str, super::SchemaId, bool)],
    diagnostics: &mut Diagnostics,
) {
    let Some(counts) = &property.counts else { return };
    let mut problem = |message: String, wrong: &str, known: Vec<&str>| {
        diagnostics.push(
            Diagnostic::error(Code::UnknownPlace, property.names_at, message)
                .suggest(closest(wrong, known)),
        );
    };
    let Some((_, schema, is_part)) = parts.iter().find(|(kind, ..)| *kind == &*counts.kind) else {
        let kinds = parts.iter().map(|(kind, ..)| *kind).collect();
        return problem(format!("no schema is of the kind `{}`", counts.kind), &counts.kind, kinds);
    };
    if !is_part {
        let message = format!("`{}` has no `parent`, so nothing has parts of it", counts.kind);
        return problem(message, "", Vec::new());
    }
    for (member, wanted) in &counts.only {
        let names = |of: &[Property]| of.iter().map(|p| p.name.to_string()).collect::<Vec<_>>();
        let mut there = |of: Vec<String>, name: &str| {
            if !of.iter().any(|known| known == name) {
                let known = of.iter().map(String::as_str).collect();
                problem(format!("there is no member `{name}`"), name, known);
            }
        };
        there(names(contract.properties(*schema)), member);
        if let Wanted::Member(name) = wanted {
            there(names(around), name);
        }
    }
}
