//! What changes without a write bounds how long an answer is kept: every remembered read of the
//! contract against the table of such changes.

use std::collections::BTreeSet;
use std::time::Duration;

use deskbridge::canonical::Contract;
use deskbridge::canonical::contract::{Kind, Operation, SchemaId};
use deskbridge::syntax::{Sources, yaml};
use serde_json::Value;

use crate::support::records::catalog;

const CHANGES: &str = include_str!("../fixtures/time_only.yaml");

type Path = Vec<String>;

/// Every place of an answer where a value of the named schema stands.
fn places(contract: &Contract, root: SchemaId, name: &str) -> Vec<Path> {
    fn walk(
        contract: &Contract,
        at: SchemaId,
        name: &str,
        within: &mut Vec<SchemaId>,
        path: &mut Path,
        found: &mut Vec<Path>,
    ) {
        let schema = contract.schema(at);
        // A resource inside itself shows nothing new.
        if within.contains(&at) {
            return;
        }
        if schema.name.as_deref() == Some(name) {
            found.push(path.clone());
        }
        within.push(at);
        let mut down = |next, hop: &str, within: &mut Vec<SchemaId>| {
            path.push(hop.to_owned());
            walk(contract, next, name, within, path, found);
            path.pop();
        };
        match &schema.kind {
            Kind::List { items, .. } => down(*items, "*", within),
            Kind::Object { .. } => {
                for property in contract.properties(at) {
                    down(property.schema, &property.name, within);
                }
            }
            Kind::Union(all) => {
                for alternative in all {
                    walk(contract, *alternative, name, within, path, found);
                }
            }
            _ => {}
        }
        within.pop();
    }
    let mut found = Vec::new();
    walk(contract, root, name, &mut Vec::new(), &mut Vec::new(), &mut found);
    found
}

/// The answer itself, or an entry of its list.
fn is_own(path: &Path) -> bool {
    path.is_empty() || *path == ["data", "*"]
}

fn seconds(row: &Value) -> Option<Duration> {
    let text = row["ttl"].as_str()?.trim_end_matches('s');
    Some(Duration::from_secs(text.parse().unwrap()))
}

#[test]
fn no_answer_is_kept_past_what_changes_with_time_alone() {
    let catalog = catalog();
    let contract = &catalog.contract;
    let mut sources = Sources::default();
    let id = sources.add("time_only.yaml", CHANGES);
    let file = yaml::parse(&sources, id, yaml::FILE_NODES).unwrap().to_json();
    let kept = |o: &&Operation| o.safe && o.cache.ttl.is_some() && o.answer.is_some();
    let (mut wrong, mut looked) = (BTreeSet::new(), 0);
    for row in file["changes"].as_array().unwrap() {
        let change = row["change"].as_str().unwrap();
        let schema = row["schema"].as_str().unwrap();
        let mut shown = 0;
        for operation in contract.operations().iter().filter(kept) {
            let mut at = places(contract, operation.answer.unwrap(), schema);
            if row["own"] == true {
                at.retain(is_own);
            }
            if at.is_empty() {
                continue;
            }
            shown += 1;
            let ttl = operation.cache.ttl.unwrap();
            if seconds(row).is_some_and(|bound| ttl > bound) {
                wrong.insert(format!("{}: kept for {ttl:?}, though {change}", operation.name));
            }
            for until in row["until"].as_array().into_iter().flatten() {
                for place in &at {
                    looked += 1;
                    let mut place = place.clone();
                    place.push(until.as_str().unwrap().to_owned());
                    let named = operation.cache.until.iter();
                    if !named
                        .map(|u| u.iter().map(|m| m.to_string()).collect::<Path>())
                        .any(|u| u == place)
                    {
                        let place = place.join(".").replace(".*", "[*]");
                        wrong
                            .insert(format!("{}: until lacks $.{place}: {change}", operation.name));
                    }
                }
            }
        }
        assert_eq!(shown == 0, row["none"] == true, "{change}: shown by {shown} reads");
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    assert!(looked >= 15, "only {looked} times were looked for");
}

/// What credentials are looked up with.
const LOOK_UPS: [&str; 4] =
    ["csat.list", "identities.find", "resolve.conversation", "resolve.inbox"];

/// Who is asking must be known from what is not old.
#[test]
fn no_look_up_of_a_credential_may_be_old() {
    let catalog = catalog();
    let mut looked_up = BTreeSet::new();
    for dialect in &catalog.dialects {
        for credential in &dialect.credentials {
            for call in &credential.resolve {
                let operation = catalog.contract.get(call.operation);
                let windows =
                    [operation.cache.stale_while_revalidate, operation.cache.stale_if_error];
                assert_eq!(windows, [Duration::ZERO; 2], "{}: {}", dialect.name, operation.name);
                looked_up.insert(&*operation.name);
            }
        }
    }
    assert_eq!(looked_up.into_iter().collect::<Vec<_>>(), LOOK_UPS);
}

/// What may be old at all may be old for some minutes at most, and is not asked about behind for
/// longer than that.
#[test]
fn every_other_read_says_how_old_it_may_be() {
    let catalog = catalog();
    let kept = catalog.contract.operations().iter().filter(|o| o.cache.ttl.is_some());
    for operation in kept.filter(|o| !LOOK_UPS.contains(&&*o.name)) {
        let cache = &operation.cache;
        let windows = (cache.stale_while_revalidate, cache.stale_if_error);
        assert!(!windows.0.is_zero() && windows.0 <= windows.1, "{}: {windows:?}", operation.name);
        assert!(windows.1 <= Duration::from_secs(300), "{}: {windows:?}", operation.name);
    }
}
