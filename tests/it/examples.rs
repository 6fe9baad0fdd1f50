//! The examples beside the embedded mappings, all of them.

use std::collections::{BTreeMap, BTreeSet};

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::documented::Status;
use deskbridge::dialect::embedded::Files;
use deskbridge::dialect::route::Origin;
use deskbridge::examples;
use deskbridge::syntax::{Sources, yaml};
use serde_json::Value;

#[tokio::test]
async fn every_example_of_the_embedded_mappings_comes_out_as_written() {
    let files = Files::embedded();
    let mut sources = Sources::default();
    let (catalog, mut diagnostics) = Catalog::load_all(&files, &mut sources);
    let catalog = catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)));
    let written =
        files.paths().filter(|p| p.contains("/examples/") && p.ends_with(".yaml")).count();
    let count = examples::run(catalog, &files, &mut sources, &mut diagnostics).await;
    // Warnings, too: a route without an example is one.
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(&sources, false));
    assert_eq!((count.passed, count.failed), (written, 0));
    assert!(written >= 60, "only {written}");
}

/// The status that the example in a file says the client gets.
fn status(example: &Value) -> u16 {
    let said = example["reply"]["status"].as_u64().unwrap_or(200);
    u16::try_from(said).unwrap()
}

/// Every route shows a success, a failure, each failure that its page lists, and each that it has its
/// own words for. What stands on another dialect has its failures from there: only the last holds of
/// it.
#[test]
fn every_route_shows_what_it_answers_and_how_it_fails() {
    let files = Files::embedded();
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&files, &mut sources);
    let catalog = catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)));
    let mut read = |path: &str| {
        let id = sources.add(path, files.read(path).unwrap().into_owned());
        yaml::parse(&sources, id, yaml::FILE_NODES).unwrap().to_json()
    };
    let (mut gaps, mut looked) = (Vec::new(), 0);
    for dialect in &catalog.dialects {
        let name = &*dialect.name;
        let stands_on_another = read(&format!("{name}/dialect.yaml")).get("extends").is_some();
        let folder = format!("{name}/examples/");
        let examples = files.paths().filter(|p| p.starts_with(&folder) && p.ends_with(".yaml"));
        let mut shown: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
        for path in examples {
            let example = read(path);
            let route = example["route"].as_str().unwrap().to_owned();
            shown.entry(route).or_default().insert(status(&example));
        }
        let none = BTreeSet::new();
        for route in dialect.routes.iter().filter(|route| route.origin == Origin::Own) {
            let shown = shown.get(&*route.name).unwrap_or(&none);
            let mut due: Vec<u16> = route.envelopes.statuses().collect();
            let documented = dialect.documented.as_ref();
            let listed = documented.zip(route.documents).filter(|_| !stands_on_another);
            for (status, _) in listed.iter().flat_map(|(d, o)| &d.operations[*o].responses) {
                match status {
                    Status::Exact(status) if *status >= 400 => due.push(*status),
                    _ => {}
                }
            }
            looked += 1;
            let missing = due.iter().filter(|status| !shown.contains(status));
            gaps.extend(missing.map(|status| format!("{name}: {} never {status}", route.name)));
            if !shown.iter().any(|status| *status < 400) {
                gaps.push(format!("{name}: {} never succeeds", route.name));
            }
            if !stands_on_another && !shown.iter().any(|status| *status >= 400) {
                gaps.push(format!("{name}: {} never fails", route.name));
            }
        }
    }
    assert!(gaps.is_empty(), "{} gaps\n{}", gaps.len(), gaps.join("\n"));
    assert!(looked >= 150, "only {looked} routes were looked at");
}
