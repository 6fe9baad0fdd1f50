//! `docs/metrics.md`, out of what a running gateway says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use http::Method;
use serde_json::json;

use super::settle;
use crate::support::gateway::{Gateway, in_front_of};
use crate::support::text;

const HEAD: &str = "\
<!-- Written by `make generate` out of a scrape. -->
# Metrics

`GET /metrics` of the admin listener, in Prometheus' text format. Label values come from the
configuration, the mappings and the contract, never from a request, so the number of series does not grow
with traffic. What the label values mean, queries and alerts: [operations.md](operations.md#metrics).
On Linux the usual `process_*` (processor, memory, files, threads, start) are there as well.

| metric | type | labels | |
|---|---|---|---|
";

#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
    samples: usize,
}

#[tokio::test]
async fn the_page_of_metrics() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let token = [("api_access_token", "demo-agent")];
    client.get("/api/v1/accounts/1/conversations/1", &token).await.expect(200);
    client.get("/api/v1/accounts/1/conversations/1", &[]).await.expect(401);
    let toggle = "/api/v1/accounts/1/conversations/1/toggle_status";
    client.json(Method::POST, toggle, &token, &json!({})).await.expect(200);
    let scrape = gateway.admin().get("/metrics", &[]).await.expect(200);
    let mut families = families(std::str::from_utf8(&scrape.body).unwrap());
    // What is counted of backends elsewhere is there from the start, asked or not.
    let remote = Gateway::configured(&in_front_of("127.0.0.1:9", "")).await;
    let scrape = remote.admin().get("/metrics", &[]).await.expect(200);
    for (name, family) in self::families(std::str::from_utf8(&scrape.body).unwrap()) {
        families.entry(name).or_insert(family);
    }

    let mut page = HEAD.to_owned();
    let operations = text("docs/operations.md");
    for (name, family) in &families {
        assert!(family.samples > 0, "{name} has no sample here: its labels cannot be seen");
        assert!(operations.contains(&format!("`{name}`")), "docs/operations.md has no {name}");
        let labels: Vec<String> = family.labels.iter().map(|l| format!("`{l}`")).collect();
        let (kind, help) = (&family.kind, &family.help);
        writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(" ")).unwrap();
    }
    settle("docs/metrics.md", &page);
}

/// Our own families, by name.
fn families(scrape: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in scrape.lines().filter(|l| l.contains("deskbridge_")) {
        let mut words = line.splitn(4, ' ');
        if let (Some("#"), Some(what), Some(name), Some(rest)) =
            (words.next(), words.next(), words.next(), words.next())
        {
            let family = families.entry(name.to_owned()).or_default();
            *(if what == "HELP" { &mut family.help } else { &mut family.kind }) = rest.to_owned();
            continue;
        }
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = plain.filter(|n| families.contains_key(*n)).unwrap_or(name);
        let family = families.get_mut(name).unwrap_or_else(|| panic!("no HELP before {line}"));
        family.samples += 1;
        // No value of ours holds `=`.
        let named = rest.split("=\"").map(|part| part.rsplit(['{', ',']).next().unwrap());
        let count = rest.matches("=\"").count();
        family.labels.extend(named.take(count).filter(|l| *l != "le").map(str::to_owned));
    }
    families
}
