//! What may not be dropped: a field that the canonical model has.
//!
//! A field is looked for in everything that the operation's canonical calls take, or answer with, by
//! its name. Where that is found, dropping it is a fault, unless whoever drops it says `canonical:
//! none`: they looked, and what has the name there is something else. What shows a place of the
//! contract by its own word (`x-canonical`) cannot be dropped at all; the loader refuses it.

use crate::canonical::Contract;
use crate::canonical::contract::{Kind, Location, SchemaId};
use crate::dialect::Dialect;
use crate::dialect::catalog::Catalog;
use crate::dialect::route::Route;

use super::{Coverage, Fate, Way};

/// Adds what is wrong with the fields of a dialect.
pub(super) fn judge(catalog: &Catalog, dialect: &Dialect, coverage: &mut Coverage) {
    let mut faults = Vec::new();
    for field in &coverage.fields {
        let place = format!("{} ({})", field.place, field.way.word());
        let silent: Vec<String> = field.silent.iter().map(|o| coverage.named(*o)).collect();
        let silent = silent.join(", ");
        match (field.fate(), &field.dropped) {
            (Fate::Missing, _) if field.is_inside() => {}
            (Fate::Missing, _) => {
                faults.push(format!("{place} is neither mapped nor dropped, in {silent}"));
            }
            (Fate::Dropped, Some(dropped)) if !dropped.nowhere && !field.is_inside() => {
                let of = |operation: &usize| {
                    let mut routes = dialect.routes.iter();
                    let route = routes.find(|r| r.documents == Some(*operation))?;
                    has(catalog, route, field.way, field.name())
                };
                if let Some(found) = field.silent.iter().find_map(of) {
                    faults.push(format!(
                        "{place} is dropped, in {silent}, and the contract has it: {found}; map \
                         it, or say `canonical: none`"
                    ));
                }
            }
            (Fate::Mapped, Some(_)) => faults.push(format!("{place} is mapped, and dropped too")),
            _ => {}
        }
    }
    coverage.faults.extend(faults);
}

/// `Schema.member` of the contract that has a name, of all that a route's calls take or answer with.
fn has(catalog: &Catalog, route: &Route, way: Way, name: &str) -> Option<String> {
    let contract = &catalog.contract;
    route.calls.iter().find_map(|call| {
        let operation = contract.get(call.operation);
        let schema = match way {
            Way::Asked => operation.body.as_ref().map(|body| body.schema),
            Way::Answered => operation.answer,
        };
        let parameters = operation.parameters_in(Location::Query).map(|(_, p)| p);
        let parameter = parameters
            .filter(|_| way == Way::Asked)
            .find(|p| *p.name == *name)
            .map(|_| format!("the parameter `{name}` of {}", operation.name));
        parameter.or_else(|| member(contract, schema?, name))
    })
}

fn member(contract: &Contract, root: SchemaId, name: &str) -> Option<String> {
    let (mut seen, mut open) = (Vec::new(), vec![root]);
    while let Some(id) = open.pop() {
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let schema = contract.schema(id);
        match &schema.kind {
            Kind::Object { properties, .. } => {
                if properties.iter().any(|p| *p.name == *name) {
                    return Some(format!("{}.{name}", schema.name.as_deref().unwrap_or("…")));
                }
                open.extend(properties.iter().map(|p| p.schema));
            }
            Kind::List { items, .. } => open.push(*items),
            Kind::Union(of) | Kind::Any(of) => open.extend(of),
            _ => {}
        }
    }
    None
}
