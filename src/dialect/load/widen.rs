//! What calls ask to be included, and the one view in which objects are read for all dialects.

use crate::canonical::contract::{Kind, Operation, Parameter};
use crate::canonical::{Contract, OperationId, Params};

use super::Loaded;

/// The parameter that names embedded objects.
pub(super) const INCLUDE: &str = "include";

/// The names an operation can include, in the order of the contract.
pub(super) fn includable<'c>(contract: &'c Contract, operation: &Operation) -> &'c [Box<str>] {
    let Some(parameter) = operation.parameters.iter().find(|p| &*p.name == INCLUDE) else {
        return &[];
    };
    words(contract, parameter)
}

fn words<'c>(contract: &'c Contract, parameter: &Parameter) -> &'c [Box<str>] {
    match &contract.schema(parameter.schema).kind {
        Kind::List { items, .. } => contract.words(*items),
        _ => contract.words(parameter.schema),
    }
}

/// Sorts names as the contract lists them, each once.
pub(super) fn in_order(names: &mut Vec<Box<str>>, listed: &[Box<str>]) {
    names.sort_by_key(|n| (listed.iter().position(|l| l == n).unwrap_or(listed.len()), n.clone()));
    names.dedup();
}

/// The widened parameters of every operation that has them.
pub(super) fn widened(contract: &Contract, loaded: &[Loaded]) -> Vec<(OperationId, Params)> {
    let mut widened = Vec::new();
    for (index, operation) in (0u16..=u16::MAX).zip(contract.operations()) {
        if !operation.cache.widen {
            continue;
        }
        let id = OperationId(index);
        let asked = loaded.iter().flat_map(|l| &l.includes).filter(|(o, _)| *o == id);
        let mut names: Vec<Box<str>> = asked.flat_map(|(_, names)| names.clone()).collect();
        in_order(&mut names, includable(contract, operation));
        let mut params = Params::default();
        for (position, parameter) in (0u8..=u8::MAX).zip(&operation.parameters) {
            let names = names.iter().map(|n| &**n);
            let values: Vec<&str> = match &*parameter.name {
                INCLUDE => names.collect(),
                "messages_limit" => vec!["0"],
                "messages_visibility" => vec!["all"],
                _ => Vec::new(),
            };
            // A few words of the contract always fit.
            let _ = values.into_iter().all(|value| params.push(position, value));
        }
        widened.push((id, params));
    }
    widened
}
