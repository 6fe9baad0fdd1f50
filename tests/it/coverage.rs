//! Nothing that the documents list is missing, and what is dropped is counted: `deskbridge coverage`
//! and `deskbridge routes` over what is shipped.

use std::collections::BTreeMap;
use std::process::Output;

use deskbridge::coverage::{self, Coverage, Fate};
use deskbridge::syntax::{Sources, yaml};
use serde_json::Value;

use crate::support::gateway::deskbridge;
use crate::support::records::catalog;
use crate::support::text;

fn all() -> Vec<Coverage> {
    coverage::of(&catalog())
}

#[test]
fn every_documented_operation_and_field_is_spoken_or_dropped_with_a_reason() {
    let faults: Vec<String> = all()
        .iter()
        .flat_map(|c| c.faults.iter().map(|fault| format!("{}: {fault}", c.dialect)))
        .collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// The committed number of drops is what there are: it falls with them, and nothing lets it grow
/// without being seen.
#[test]
fn the_number_of_drops_only_falls() {
    for coverage in all() {
        let drops = coverage.count(Fate::Dropped);
        assert_eq!(
            drops, coverage.most_drops,
            "{}: {drops} fields are dropped; where that is less, lower `x-drops` in documented.yaml",
            coverage.dialect
        );
    }
}

/// `GET /a/{}/b`
fn address(method: &str, path: &str) -> String {
    let segments = path.split('/').map(|s| if s.starts_with('{') { "{}" } else { s });
    format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
}

/// The documents beside the mappings have everything that the vendors' tables of contents have.
#[test]
fn everything_that_is_published_is_documented() {
    let path = "tests/fixtures/published.yaml";
    let mut sources = Sources::default();
    let id = sources.add(path, text(path));
    let lists =
        yaml::parse(&sources, id, yaml::FILE_NODES).unwrap_or_else(|p| panic!("{}", p.message));
    let lists: BTreeMap<String, Vec<String>> = serde_json::from_value(lists.to_json()).unwrap();
    let mut counted = BTreeMap::new();
    let all = all();
    for coverage in &all {
        // What extends another dialect is another server of the same pages.
        let of = match &*coverage.dialect {
            "chatwoot-account" => "account",
            "chatwoot-public" => "public-inbox",
            own => own,
        };
        let listed = lists.get(of).unwrap_or_else(|| panic!("{path} has no {of}"));
        let known: Vec<String> =
            coverage.operations.iter().map(|o| address(&o.method, &o.path)).collect();
        for line in listed {
            let (method, paths) = line.split_once(' ').unwrap();
            // What servers really have stands behind the address of the page, where they differ.
            let (written, served) = paths.split_once(" | ").unwrap_or((paths, paths));
            let path = if of == &*coverage.dialect { written } else { served };
            let (as_written, bare) =
                (address(method, path), address(method, path.trim_end_matches('/')));
            assert!(
                known.contains(&as_written) || known.contains(&bare),
                "{} does not document {line}",
                coverage.dialect
            );
        }
        counted.insert(&*coverage.dialect, listed.len());
    }
    let due = [
        ("account", 122),
        ("chatwoot-account", 122),
        ("chatwoot-public", 16),
        ("public-inbox", 16),
        ("third-party", 36),
    ];
    assert_eq!(counted, BTreeMap::from(due));
}

fn ended(output: &Output, code: i32) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    format!("{out}{err}")
}

fn json_of(arguments: &[&str], code: i32) -> Value {
    let text = ended(&deskbridge(arguments), code);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn each_route_tells_its_operations_on_both_sides() {
    let routes = json_of(&["routes", "--format", "json"], 0);
    let mut documented: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for route in routes.as_array().unwrap() {
        let Some(id) = route["documented"]["id"].as_str() else { continue };
        assert!(route["documented"]["title"].as_str().is_some_and(|t| !t.is_empty()), "{route}");
        assert!(!route["operations"].as_array().unwrap().is_empty(), "{route}");
        documented.entry(route["dialect"].as_str().unwrap()).or_default().push(id);
    }
    for (dialect, mut ids) in documented.clone() {
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(all, ids.len(), "{dialect}: an operation is two routes");
    }
    let count = |dialect: &str| documented.get(dialect).map_or(0, Vec::len);
    for (dialect, least) in [("account", 108), ("public-inbox", 16), ("third-party", 36)] {
        assert!(count(dialect) >= least, "{dialect}: {} of {least}", count(dialect));
    }
    assert!(count("chatwoot-account") >= 108 && count("chatwoot-public") >= 16);
}

#[test]
fn the_command_says_what_is_there_and_what_is_not() {
    let whole = json_of(&["coverage", "--format", "json"], 0);
    assert_eq!(whole["complete"], true);
    let names: Vec<&str> = whole["dialects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["dialect"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["account", "chatwoot-account", "chatwoot-public", "public-inbox", "third-party"]
    );
    let account = &whole["dialects"][0];
    assert_eq!(account["operations"]["served_by_others"], 14);
    assert_eq!(account["operations"]["missing"], 0);
    let text = ended(&deskbridge(&["coverage", "--dialect", "account"]), 0);
    assert!(text.contains("14 served by another dialect, 0 missing"), "{text}");
    assert!(text.contains("conversation_update.sla_policy_id (request): "), "{text}");
    let text = ended(&deskbridge(&["coverage", "--dialect", "acount"]), 64);
    assert!(text.contains("did you mean `account`?"), "{text}");

    // A mapping that lacks something of its documents.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mappings");
    ended(&deskbridge(&["mappings", "export", &out.display().to_string()]), 0);
    let file = out.join("public-inbox/documented/more.yaml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let line = "paths:\n  /public/api/v1/more:\n    get: { operationId: more, summary: More }\n";
    std::fs::write(&file, line).unwrap();
    let shown = out.display().to_string();
    let arguments = ["coverage", "--mappings", &shown, "--dialect", "public-inbox"];
    let text = ended(&deskbridge(&arguments), 1);
    assert!(text.contains("missing: GET /public/api/v1/more \"More\" (more)"), "{text}");
}

/// A line less in a mapping is a field less: what only looks mapped does not count.
#[test]
fn a_line_that_is_gone_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mappings");
    ended(&deskbridge(&["mappings", "export", &out.display().to_string()]), 0);
    let file = out.join("account/records/requests.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    for (line, told) in [
        (
            "      priority: { at: $.priority, enum: priority, also_null: [ \"\" ] }\n",
            "conversation_update.priority (request) is neither mapped nor dropped, in conversations.update",
        ),
        (
            "      phone_number: $.phone_number\n",
            "contact_create.phone_number (request) is neither mapped nor dropped, in contacts.create",
        ),
    ] {
        assert!(text.contains(line), "{line}");
        // What would be an empty table reads something else.
        let other = "      nothing: { at: $.subject, only: decode, why: it is gone }\n";
        let other = if line.contains("priority") { other } else { "" };
        std::fs::write(&file, text.replacen(line, other, 1)).unwrap();
        let shown = out.display().to_string();
        let text =
            ended(&deskbridge(&["coverage", "--mappings", &shown, "--dialect", "account"]), 1);
        assert!(text.contains(told), "{text}");
    }
}
