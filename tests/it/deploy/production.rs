//! The production configuration says everything, and says of each line what it is.

use deskbridge::config::keys::KEYS;
use deskbridge::syntax::Node;

use super::read;
use crate::support::text;

/// Whether a key of the table is written: `NAME` is any name, `[]` any element.
fn is_written(file: &Node, path: &str) -> bool {
    let mut nodes = vec![file];
    for step in path.split('.') {
        let inner = |node: &'_ Node| -> Vec<Node> {
            match step.strip_suffix("[]") {
                Some(list) => node.get(list).and_then(Node::as_list).unwrap_or_default().to_vec(),
                None if step == "NAME" => {
                    node.as_map().unwrap_or_default().iter().map(|e| e.value.clone()).collect()
                }
                None => node.get(step).cloned().into_iter().collect(),
            }
        };
        let next: Vec<Node> = nodes.iter().flat_map(|node| inner(node)).collect();
        if next.is_empty() {
            return false;
        }
        nodes = next.leak().iter().collect();
    }
    true
}

#[test]
fn every_key_there_is_stands_in_it_or_is_named_at_its_end() {
    let file = read("deskbridge.yaml");
    let written = text("deploy/deskbridge.yaml");
    let end = written.rsplit("\n\n").next().unwrap();
    assert!(end.lines().all(|line| line.starts_with('#')), "{end}");
    // What only some want stands there as a comment.
    let commented = |path: &str| {
        let key = path.rsplit('.').next().unwrap();
        written.lines().any(|l| l.trim_start().starts_with(&format!("#   {key}: ")))
    };
    let missing: Vec<&str> = KEYS
        .iter()
        .map(|key| key.path)
        .filter(|path| !is_written(&file, path) && !commented(path))
        .filter(|path| !end.contains(&format!("`{path}`")))
        .collect();
    assert!(missing.is_empty(), "deploy/deskbridge.yaml says nothing of {missing:?}");
}

#[test]
fn every_line_has_a_comment() {
    let written = text("deploy/deskbridge.yaml");
    let mut bare = Vec::new();
    let mut above = "";
    for (number, line) in written.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        if !line.trim().is_empty() && !is_comment && !above.trim_start().starts_with('#') {
            bare.push(format!("{}: {line}", number + 1));
        }
        above = line;
    }
    assert!(bare.is_empty(), "no comment above\n{}", bare.join("\n"));
}
