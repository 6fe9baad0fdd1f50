//! What mapping authors write, as a file of records and of enum tables at once: reading, checking and
//! compiling never panic, spans lie in their text, and whatever is wrong can be shown.
#![no_main]

use std::sync::{Arc, LazyLock};

use deskbridge::canonical::Contract;
use deskbridge::dialect::embedded::{CONTRACT, Files};
use deskbridge::mapping::{Library, Settings};
use deskbridge::syntax::yaml::{self, Value};
use deskbridge::syntax::{Diagnostics, Node, Sources};
use libfuzzer_sys::fuzz_target;

/// The shipped contract, that texts may name what is in it.
static SHIPPED: LazyLock<Arc<Contract>> = LazyLock::new(|| {
    let mut sources = Sources::default();
    let id = sources.add(CONTRACT, Files::embedded().read(CONTRACT).expect("the shipped contract"));
    let node = yaml::parse(&sources, id, yaml::CONTRACT_NODES).expect("the contract is YAML");
    let contract = Contract::load(&sources, &node, &mut Diagnostics::default());
    Arc::new(contract.expect("the contract is right"))
});

fuzz_target!(|text: &str| {
    let mut sources = Sources::default();
    let id = sources.add("fuzz/records.yaml", text);
    let mut diagnostics = Diagnostics::default();
    match yaml::parse(&sources, id, yaml::FILE_NODES) {
        Ok(node) => {
            let mut left = yaml::FILE_NODES;
            walk(&sources, &node, &mut left);
            let files = [&node];
            let settings = Settings { system: "fuzz".to_owned(), ..Settings::default() };
            let mut library =
                Library::read(Arc::clone(&SHIPPED), settings, &files, &files, &mut diagnostics);
            library.read_conditions(&files, &mut diagnostics);
            library.check(&mut diagnostics);
            library.report_unused(&mut diagnostics);
            // A text may be a contract just as well.
            if node.get("components").is_some() {
                let _ = Contract::load(&sources, &node, &mut diagnostics);
            }
        }
        Err(problem) => diagnostics.push(problem),
    }
    let _ = diagnostics.render(&sources, false);
    let _ = diagnostics.to_json(&sources);
});

/// Spans of the whole tree. Aliases may repeat nodes; the reader's budget holds for them, too.
fn walk(sources: &Sources, node: &Node, left: &mut usize) {
    *left = left.checked_sub(1).expect("more nodes than the budget allows");
    let end = sources.text(node.span.source).len();
    assert!(node.span.start <= node.span.end && node.span.end as usize <= end, "{:?}", node.span);
    let _ = sources.locate(node.span);
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| walk(sources, item, left)),
        Value::Map(entries) => {
            for entry in entries {
                assert!(entry.key_span.end as usize <= end);
                walk(sources, &entry.value, left);
            }
        }
        _ => {}
    }
}
