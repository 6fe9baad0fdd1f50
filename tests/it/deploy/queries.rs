//! Alerts and dashboard ask for metrics and labels that there are, and every alert has its paragraph.

use std::collections::BTreeMap;

use deskbridge::syntax::Node;
use serde_json::Value;

use super::read;
use crate::support::text;

/// Labels that the scrape gives to every series, and the one of histograms' buckets.
const ADDED: [&str; 3] = ["job", "instance", "le"];
/// What every process says of itself on Linux, none of it with labels.
const PROCESS: [&str; 3] =
    ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"];

/// Metrics and their labels, as the page says that was made out of a scrape.
fn known() -> BTreeMap<String, Vec<String>> {
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let page = text("docs/metrics.md");
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in page.lines().filter(|l| l.starts_with("| `deskbridge_")) {
        let cells: Vec<&str> = line.split('|').collect();
        let name: Vec<String> = words(cells[1]);
        known.insert(name[0].clone(), words(cells[3]));
        if cells[2].contains("histogram") {
            for end in ["bucket", "sum", "count"] {
                known.insert(format!("{}_{end}", name[0]), words(cells[3]));
            }
        }
    }
    for name in PROCESS.iter().chain(&["process_max_fds", "up"]) {
        known.insert((*name).to_owned(), Vec::new());
    }
    assert!(known.len() > 15, "{known:?}");
    known
}

/// What is wrong with the metrics and labels of a query.
fn wrong(query: &str, known: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut wrong = Vec::new();
    let mut labels: Vec<&String> = Vec::new();
    for name in query.split(|c| !word(c)) {
        let ours = ["deskbridge_", "process_"].iter().any(|start| name.starts_with(start));
        match known.get(name) {
            Some(of) => labels.extend(of),
            None if ours => wrong.push(format!("{name}: there is no such metric")),
            None => {}
        }
    }
    // In braces `label="…"` and its kind; after `by` a list of labels.
    let mut asked: Vec<&str> = Vec::new();
    for braces in query.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        asked.extend(braces.split('"').step_by(2).map(|l| l.trim_matches(|c| !word(c))));
    }
    for list in query.split(" by (").skip(1).filter_map(|rest| rest.split(')').next()) {
        asked.extend(list.split(',').map(str::trim));
    }
    for label in asked.into_iter().filter(|label| !label.is_empty()) {
        if !ADDED.contains(&label) && !labels.iter().any(|l| *l == label) {
            wrong.push(format!("{label}: no metric in this query has such a label"));
        }
    }
    wrong.into_iter().map(|problem| format!("{problem}: {query}")).collect()
}

fn text_of<'n>(node: &'n Node, key: &str) -> &'n str {
    node.get(key).and_then(Node::as_text).unwrap_or_else(|| panic!("no {key} in {node:?}"))
}

#[test]
fn every_alert_asks_for_what_there_is_and_has_its_paragraph() {
    let alerts = read("prometheus/alerts.yaml");
    let tests = text("deploy/prometheus/alerts.test.yaml");
    let runbook = text("docs/operations.md");
    let known = known();
    let mut names = Vec::new();
    let mut problems = Vec::new();
    for group in alerts.get("groups").and_then(Node::as_list).unwrap() {
        for rule in group.get("rules").and_then(Node::as_list).unwrap() {
            let name = text_of(rule, "alert");
            problems.extend(wrong(text_of(rule, "expr"), &known));
            let severity = rule.get("labels").map(|l| text_of(l, "severity")).unwrap();
            assert!(["page", "ticket"].contains(&severity), "{name}: {severity}");
            assert!(
                tests.contains(&format!("alertname: {name}\n        exp_alerts")),
                "{name}: never seen to fire"
            );
            names.push(name.to_owned());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let sections: Vec<&str> = runbook
        .lines()
        .filter_map(|l| l.strip_prefix("### "))
        .filter(|l| l.starts_with("Deskbridge"))
        .collect();
    assert_eq!(sections, names, "one paragraph for each alert, in their order");
}

#[test]
fn every_panel_asks_for_what_there_is() {
    let known = known();
    let board: Value =
        serde_json::from_str(&text("deploy/grafana/dashboards/deskbridge.json")).unwrap();
    let mut asked = String::new();
    let mut problems = Vec::new();
    for panel in board["panels"].as_array().unwrap().iter().filter(|p| p["type"] != "row") {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            problems.extend(wrong(query, &known));
            asked.push_str(query);
        }
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    // And the other way round: what is measured is shown.
    for name in
        known.keys().filter(|n| !["_bucket", "_sum", "_count"].iter().any(|e| n.ends_with(e)))
    {
        assert!(name == "up" || asked.contains(name.as_str()), "no panel shows {name}");
    }
}

#[test]
fn a_metric_or_a_label_that_is_not_there_is_found() {
    let known = known();
    let good = r#"sum by (dialect) (rate(deskbridge_requests_total{status=~"5..",job="a"}[5m]))"#;
    assert_eq!(wrong(good, &known), Vec::<String>::new());
    for (from, to) in
        [("requests_total", "request_total"), ("(dialect)", "(upstream)"), ("status", "code")]
    {
        assert!(!wrong(&good.replace(from, to), &known).is_empty(), "{from} → {to}");
    }
}

/// The runbook's own queries.
#[test]
fn every_query_of_the_runbook_asks_for_what_there_is() {
    let page = text("docs/operations.md");
    let known = known();
    let blocks = page.split("```promql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let problems: Vec<String> = blocks
        .flat_map(|block| block.split("\n\n"))
        .map(|query| query.lines().filter(|l| !l.starts_with('#')).collect::<Vec<_>>().join(" "))
        .flat_map(|query| wrong(&query, &known))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
