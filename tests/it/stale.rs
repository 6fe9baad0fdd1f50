//! Every write of the contract, and which reads it takes out of the cache.

use std::collections::BTreeSet;

use deskbridge::syntax::{Sources, yaml};
use http::Method;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::gateway::Gateway;

const CASES: &str = include_str!("../fixtures/stale.yaml");
/// The gateway itself: it may say who wrote.
const CREDENTIAL: &[(&str, &str)] = &[("authorization", "Bearer demo-bearer")];

/// The contract as it is, but what is kept is kept for an hour: only writes take it out.
fn patient() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let canonical = folder.path().join("canonical");
    std::fs::create_dir(&canonical).unwrap();
    let text = include_str!("../../mappings/canonical/openapi.yaml");
    let text = ["5s", "15s", "30s", "60s"]
        .iter()
        .fold(text.to_owned(), |text, ttl| text.replace(&format!("ttl: {ttl}\n"), "ttl: 1h\n"));
    std::fs::write(canonical.join("openapi.yaml"), text).unwrap();
    folder
}

fn is_hit(answer: &Answer) -> bool {
    answer.header("cache-status").starts_with("deskbridge; hit")
}

async fn ask(client: &Client, request: &str, body: &Value) -> Answer {
    let (method, path) = request.split_once(' ').unwrap();
    let path = format!("/v1/accounts/1/{path}");
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    if body.is_null() {
        return client.send(method, &path, CREDENTIAL, "").await;
    }
    client.json(method, &path, CREDENTIAL, body).await
}

#[tokio::test]
async fn a_write_takes_out_what_it_makes_stale_and_nothing_else() {
    let mut sources = Sources::default();
    let id = sources.add("stale.yaml", CASES);
    let file = yaml::parse(&sources, id, yaml::FILE_NODES).unwrap().to_json();
    let reads = file["reads"].as_object().unwrap();
    let search = json!({ "filter": file["filter"] });
    let body = |request: &Value| match request.as_str().unwrap().starts_with("POST") {
        true => search.clone(),
        false => Value::Null,
    };
    let mut wrong = String::new();
    let mappings = patient();
    let mut gateway = Gateway::start(None, Some(mappings.path())).await;
    for case in file["writes"].as_array().unwrap() {
        let client = gateway.client();
        for (name, request) in reads {
            let body = body(request);
            let read = || ask(&client, request.as_str().unwrap(), &body);
            let mut answer = read().await.expect(200);
            if !is_hit(&answer) {
                answer = read().await;
            }
            assert!(is_hit(&answer), "{name} is not kept: {}", answer.header("cache-status"));
        }
        let write = case["write"].as_str().unwrap();
        let answer = ask(&client, write, &case["body"]).await;
        assert!(answer.status.is_success(), "{write}: {}", answer.text());
        let mut stale = BTreeSet::new();
        for (name, request) in reads {
            let answer = ask(&client, request.as_str().unwrap(), &body(request)).await;
            if !is_hit(&answer) {
                stale.insert(name.as_str());
            }
        }
        if case["spoils"] == true {
            gateway = Gateway::start(None, Some(mappings.path())).await;
        }
        let due = case["stale"].as_array().unwrap().iter().map(|n| n.as_str().unwrap());
        let due: BTreeSet<&str> = due.collect();
        let unknown: Vec<_> = due.iter().filter(|name| !reads.contains_key(**name)).collect();
        assert!(unknown.is_empty(), "no read is named {unknown:?}");
        if due != stale {
            let missing: Vec<_> = due.difference(&stale).collect();
            let beyond: Vec<_> = stale.difference(&due).collect();
            wrong.push_str(&format!(
                "{write} {}\n  still given: {missing:?}\n  asked anew without need: {beyond:?}\n",
                case["body"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
