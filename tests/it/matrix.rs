//! Every write against every read: whoever reads after a write sees what it has done.
//!
//! Two gateways: one is the backend and remembers nothing, the other remembers and is in front of
//! it. What both answer must be the same at all times. Which operations there are, and which answers
//! are remembered, the contract says; the resources and bodies are data.

use std::collections::{BTreeMap, BTreeSet};

use deskbridge::canonical::Contract;
use deskbridge::canonical::contract::{Kind, Location, Operation};
use deskbridge::sandbox::Sandbox;
use deskbridge::syntax::{Sources, yaml};
use http::Method;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::desk::BEARER;
use crate::support::gateway::Gateway;
use crate::support::records::catalog;

const SET_UP: &str = "
tenants: { demo: { upstream: main } }
mounts: [ { dialect: canonical, tenant: demo } ]
credentials:
  - { name: bearer, secret: \"${env:BEARER_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:2\", dialects: [ canonical ], act_as: true }
server: { public_url: http://desk.example }
";

/// A request to `/v1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ask {
    method: String,
    path: String,
    body: String,
}

impl Ask {
    async fn of(&self, client: &Client) -> Answer {
        self.by(client, None).await
    }

    /// Asked as somebody else.
    async fn by(&self, client: &Client, actor: Option<&str>) -> Answer {
        let method = Method::from_bytes(self.method.as_bytes()).unwrap();
        let mut headers = BEARER.to_vec();
        headers.extend(actor.map(|actor| ("deskbridge-actor", actor)));
        if !self.body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        client.send(method, &self.path, &headers, self.body.clone()).await
    }
}

/// The file of cases.
fn cases() -> Value {
    let path = format!("{}/tests/fixtures/matrix.yaml", env!("CARGO_MANIFEST_DIR"));
    let mut sources = Sources::default();
    let id = sources.add("matrix.yaml", std::fs::read_to_string(path).unwrap());
    let node = yaml::parse(&sources, id, yaml::FILE_NODES);
    node.unwrap_or_else(|problem| panic!("{}", problem.render(&sources, false))).to_json()
}

fn served(contract: &Contract) -> impl Iterator<Item = &Operation> {
    contract.operations().iter().filter(|o| Sandbox::handled(contract).any(|name| *o.name == *name))
}

/// An operation with the names that a case gives, and for those it does not give, the ones of the
/// table.
fn ask(operation: &Operation, names: &BTreeMap<&str, String>, case: &Value) -> Ask {
    let mut path = format!("/v1{}", operation.path);
    for (_, parameter) in operation.parameters_in(Location::Path) {
        let name = &*parameter.name;
        let value = case["path"][name].as_str().or(names.get(name).map(String::as_str));
        let value = value.unwrap_or_else(|| panic!("which {name} for {}?", operation.name));
        path = path.replace(&format!("{{{name}}}"), value);
    }
    if let Some(query) = case["query"].as_str() {
        path = format!("{path}?{query}");
    }
    let body = if case["body"].is_null() { String::new() } else { case["body"].to_string() };
    Ask { method: operation.method.to_string(), path, body }
}

/// The same question with everything embedded.
fn with_everything(contract: &Contract, operation: &Operation, ask: &Ask) -> Option<Ask> {
    let include = operation.parameters.iter().find(|p| &*p.name == "include")?;
    let Kind::List { items, .. } = contract.schema(include.schema).kind else { return None };
    let sign = if ask.path.contains('?') { '&' } else { '?' };
    let path = format!("{}{sign}include={}", ask.path, contract.words(items).join(","));
    Some(Ask { path, ..ask.clone() })
}

/// Every read that is remembered.
async fn reads(contract: &Contract, cases: &Value, backend: &Client) -> BTreeSet<Ask> {
    let mut reads = BTreeSet::new();
    let kept = |o: &&Operation| o.safe && o.cache.ttl.is_some();
    // What no tag takes back is as old as its time says; reports alone may be so.
    let untagged = served(contract).filter(kept).filter(|o| o.cache.tags.is_empty());
    let untagged: Vec<&str> = untagged.map(|o| &*o.name).collect();
    assert_eq!(untagged, ["reports.series", "reports.summary"]);
    for operation in served(contract).filter(kept).filter(|o| !o.cache.tags.is_empty()) {
        let own = operation.parameters_in(Location::Path).last().map(|(_, p)| &*p.name);
        let resources = own.and_then(|own| cases["resources"][own].as_array()).cloned();
        let given = cases["reads"][&*operation.name].as_array().cloned();
        for resource in resources.unwrap_or_else(|| vec![json!("")]) {
            let mut names = BTreeMap::from([("account_id", "1".to_owned())]);
            names.insert("conversation_id", "n:1".to_owned());
            names.insert(own.unwrap_or_default(), resource.as_str().unwrap().to_owned());
            for case in given.as_deref().unwrap_or(&[json!({})]) {
                let plain = ask(operation, &names, case);
                reads.extend(with_everything(contract, operation, &plain));
                // Its other names are asked for, too.
                if operation.name.ends_with(".get") {
                    let object = plain.of(backend).await.expect(200).value();
                    let id = object["id"].as_str().map(str::to_owned);
                    let uuid = object["uuid"].as_str().map(|uuid| format!("u:{uuid}"));
                    for name in [id, uuid].into_iter().flatten() {
                        names.insert(own.unwrap_or_default(), name);
                        reads.insert(ask(operation, &names, case));
                    }
                }
                reads.insert(plain);
            }
        }
    }
    reads
}

/// An answer without what the contract calls volatile where it is embedded: how much of an inbox is
/// unread changes with every message in it, and is exact where the inbox itself is asked for.
fn settled(read: &Ask, answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if read.path.contains("/inboxes") {
        return text;
    }
    let member = "\"unread_conversations_count\":";
    let mut parts = text.split(member);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + member + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

#[tokio::test]
async fn a_write_is_seen_by_every_read_at_once() {
    let (catalog, cases) = (catalog(), cases());
    let contract = &catalog.contract;
    let sandbox = "upstreams: { main: { kind: sandbox } }\ncache: { enabled: false }";
    let backend = Gateway::configured(&format!("{sandbox}{SET_UP}")).await;
    let address = backend.address;
    let upstream = format!(
        "upstreams: {{ main: {{ kind: canonical, url: \"http://{address}/v1\", credential: \"${{env:BEARER_TOKEN}}\" }} }}"
    );
    let gateway = Gateway::configured(&format!("{upstream}{SET_UP}")).await;
    let (backend, gateway) = (backend.client(), gateway.client());

    let reads = reads(contract, &cases, &backend).await;
    let writes = cases["writes"].as_array().unwrap();
    let written: BTreeSet<&str> =
        writes.iter().map(|case| case["operation"].as_str().unwrap()).collect();
    for operation in served(contract).filter(|o| !o.cache.invalidates.is_empty()) {
        assert!(written.contains(&*operation.name), "no case writes by {}", operation.name);
    }

    // What is there before anything is written, and from now on remembered.
    let mut before: BTreeMap<&Ask, Vec<u8>> = BTreeMap::new();
    for read in &reads {
        let answer = read.of(&gateway).await.expect(200);
        before.insert(read, answer.body.to_vec());
        let again = read.of(&gateway).await.expect(200);
        let status = again.header("cache-status").to_owned();
        let empty = again.value()["data"] == json!([]);
        assert!(empty || status.starts_with("deskbridge; hit"), "{read:?}: {status}");
    }
    let (mut old, mut wrong) = (BTreeSet::new(), Vec::new());
    for case in writes {
        let name = case["operation"].as_str().unwrap();
        let Some(operation) = served(contract).find(|o| &*o.name == name) else { continue };
        let names = BTreeMap::from([("account_id", "1".to_owned())]);
        let answer = ask(operation, &names, case).by(&gateway, case["actor"].as_str()).await;
        assert!(answer.status.is_success(), "{case}: {}", answer.text());
        let mut changed = 0;
        for read in &reads {
            let (seen, there) = (read.of(&gateway).await, read.of(&backend).await);
            if (seen.status, settled(read, &seen)) == (there.status, settled(read, &there)) {
                old.remove(read);
            } else if old.insert(read) {
                // Once is enough: what is old stays so for the cases that follow.
                wrong.push(format!("{} {} after {case}", read.method, read.path));
            }
            changed += usize::from(before.insert(read, there.body.to_vec()).unwrap() != there.body);
        }
        assert!(
            changed > 0 || case["shows"] == false,
            "no read shows that {case} has done anything"
        );
    }
    assert!(wrong.is_empty(), "{} answers were old:\n{}", wrong.len(), wrong.join("\n"));
}
