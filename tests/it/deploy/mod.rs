//! What `deploy/` ships is what the program reads, and its parts agree with each other.

mod compose;
mod image;
mod kubernetes;
mod production;
mod queries;
mod systemd;

use std::fs;

use deskbridge::config::{Config, Flags, Input, load};
use deskbridge::dialect::embedded::Files;
use deskbridge::syntax::{Node, Sources, yaml};

use crate::support::text;

/// Where the production configuration looks for secrets.
const SECRETS: &str = "/run/secrets/deskbridge";

/// A YAML file of `deploy/`.
fn read(path: &str) -> Node {
    let path = format!("deploy/{path}");
    let mut sources = Sources::default();
    let id = sources.add(&*path, text(&path));
    let parsed = yaml::parse(&sources, id, yaml::FILE_NODES);
    parsed.unwrap_or_else(|problem| panic!("{}", problem.render(&sources, false)))
}

/// What stands at `way`, `spec.template.0.name`.
fn at<'n>(node: &'n Node, way: &str) -> &'n Node {
    way.split('.').fold(node, |node, step| {
        let inner = match step.parse::<usize>() {
            Ok(index) => node.as_list().and_then(|list| list.get(index)),
            Err(_) => node.get(step),
        };
        inner.unwrap_or_else(|| panic!("no {step} of {way} in {node:?}"))
    })
}

/// The text or number at `way`.
fn word(node: &Node, way: &str) -> String {
    let node = at(node, way);
    node.as_text().map_or_else(|| node.to_json().to_string(), str::to_owned)
}

/// Elements of the list at `way`.
fn list<'n>(node: &'n Node, way: &str) -> &'n [Node] {
    at(node, way).as_list().unwrap_or_else(|| panic!("{way} is no list"))
}

/// A configuration of `deploy/` as it loads where its secrets lie in `secrets`: the files of that
/// folder that it names are made up, and nothing else it may want is there.
fn load_with(path: &str, secrets: &str) -> (Config, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let written = text(&format!("deploy/{path}"));
    let inside = format!("{secrets}/");
    let named = written.split(&*inside).skip(1);
    let mut names: Vec<String> = named.map(|rest| rest.split('}').next().unwrap().into()).collect();
    names.sort();
    assert!(!names.is_empty(), "{path} has no secret in {secrets}");
    for name in &names {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let file = folder.path().join("deskbridge.yaml");
    fs::write(&file, written.replace(secrets, &folder.path().display().to_string())).unwrap();
    let input =
        Input { file: Some(file), environment: Default::default(), flags: Flags::default() };
    (load(&input).unwrap_or_else(|problems| panic!("{path}: {problems}")), names)
}

/// A time as these files write it, in seconds: `30s`, `30`.
fn seconds(text: &str) -> u64 {
    text.trim_end_matches('s').parse().unwrap_or_else(|_| panic!("{text} is no time"))
}

#[test]
fn the_production_configuration_loads() {
    let (config, secrets) = load_with("deskbridge.yaml", SECRETS);
    let named = ["backend-token", "dashboards-token", "events-signing-secret", "order-sync-token"];
    assert_eq!(secrets, named);
    config.check_dialects(&Files::embedded().dialects()).unwrap();

    // What stands in the file as a default is one, and no key of these blocks is missing there.
    let text = text("deploy/deskbridge.yaml");
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.yaml");
    let least = "upstreams: { main: { kind: sandbox } }\ntenants: { acme: { upstream: main } }\n";
    fs::write(&empty, least).unwrap();
    let defaults = load(&Input { file: Some(empty), ..Input::default() }).unwrap().to_json();
    let mut written = config.to_json();
    written["limits"]["rate"] = serde_json::Value::Null;
    written["limits"]["rate_per_address"] = serde_json::Value::Null;
    written["telemetry"]["log"] = "auto".into();
    for block in ["resilience", "cache", "limits", "telemetry"] {
        assert_eq!(written[block], defaults[block], "{block}");
        for key in defaults[block].as_object().unwrap().keys() {
            assert!(
                text.contains(&format!("  {key}:")),
                "deploy/deskbridge.yaml has no {block}.{key}"
            );
        }
    }
}
