//! The compiler over the shipped mappings and over small ones.

mod bad;
mod conditions;
mod damaged;
mod made;
mod shipped;

use std::sync::Arc;

use crate::canonical::contract::Contract;
use crate::syntax::{Diagnostics, Node, Sources, yaml};

/// A folder of this repository.
pub(super) fn folder(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Reads a file of this repository as YAML.
pub(super) fn file(sources: &mut Sources, name: &str) -> Node {
    let text = std::fs::read_to_string(folder(name)).unwrap();
    parse(sources, name, &text)
}

/// Reads text as YAML.
pub(super) fn parse(sources: &mut Sources, name: &str, text: &str) -> Node {
    let id = sources.add(name, text);
    yaml::parse(sources, id, yaml::CONTRACT_NODES)
        .unwrap_or_else(|d| panic!("{}", d.render(sources, false)))
}

/// The shipped contract.
pub(super) fn contract(sources: &mut Sources) -> Arc<Contract> {
    let node = file(sources, "mappings/canonical/openapi.yaml");
    let mut d = Diagnostics::default();
    let contract = Contract::load(sources, &node, &mut d);
    assert!(!d.has_errors(), "{}", d.render(sources, false));
    Arc::new(contract.unwrap())
}
