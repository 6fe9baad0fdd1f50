//! The shipped programs, and conversations of any length for them. Also what `benches/` measures.

use deskbridge::canonical::Tenant;
use deskbridge::dialect::catalog::{Catalog, MountSpec};
use deskbridge::dialect::embedded::Files;
use deskbridge::syntax::Sources;
use serde_json::Value;

/// What a request for a conversation brings with it, in any dialect.
pub(crate) const INPUTS: &[u8] = br#"{"path":{"inbox":"in","contact":"co","number":418,"id":418,"account":"1"},"principal":{"kind":"contact","account":"1","inbox":"inb_2Rt","identity":"idn_5Qw","contact":"cnt_9Zk","verified":false},"config":{"public_url":"http://desk.example"}}"#;

/// Every shipped dialect, mounted.
pub(crate) fn catalog() -> Catalog {
    let files = Files::embedded();
    let mounts: Vec<MountSpec> = files
        .dialects()
        .into_iter()
        .map(|dialect| MountSpec {
            dialect: dialect.to_owned(),
            tenant: Tenant("demo".into()),
            host: "*".to_owned(),
            prefix: None,
        })
        .collect();
    let (catalog, diagnostics) = Catalog::load(&files, &mounts, 1, &mut Sources::default());
    catalog.unwrap_or_else(|| panic!("{} problems in the shipped mappings", diagnostics.len()))
}

const RICH: &str = include_str!("../../mappings/canonical/examples/conversation.rich.json");

/// The conversation of the examples with so many messages, in turn those it has.
pub(crate) fn conversation(messages: usize) -> String {
    let mut conversation: Value = serde_json::from_str(RICH).unwrap();
    let list = conversation["messages"].as_array_mut().unwrap();
    let own = list.clone();
    *list = own.iter().cycle().take(messages).cloned().collect();
    conversation.to_string()
}
