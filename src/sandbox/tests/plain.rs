use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::canonical::contract::{Location, Stored};

/// A body that makes one of each kind: whoever adds a kind to the contract adds a line here.
fn bodies() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("agents", json!({"email": "pia@demo.example"})),
        ("teams", json!({"name": "second line"})),
        ("labels", json!({"name": "overdue"})),
        ("bots", json!({"name": "Second bot"})),
        ("inboxes", json!({"name": "Second door", "channel": {"type": "api"}})),
        ("canned_responses", json!({"text": "Hello", "shortcut": "hi", "inbox_ids": ["n:1"]})),
        ("custom_attributes", json!({"key": "size", "model": "contact", "type": "text"})),
        (
            "filters",
            json!({"name": "Mine", "resource": "contact", "query": {"a": [1, {"b": null}]}}),
        ),
        ("webhooks", json!({"url": "https://hooks.example/a", "events": ["message.created"]})),
        (
            "automations",
            json!({"name": "x", "event": "message.created", "conditions": [{"a": 1}], "actions": []}),
        ),
        ("portals", json!({"name": "Second", "slug": "second"})),
        ("categories", json!({"name": "Payment", "slug": "payment"})),
        ("articles", json!({"title": "How do I pay?", "meta": {"tags": ["pay"]}})),
        ("channel_templates", json!({"name": "go_on_now", "components": [{"type": "BODY"}]})),
        ("integrations.hooks", json!({"app_id": "x:key:webhook", "settings": {"url": "x"}})),
    ])
}

/// The kinds of which new ones are made in an account.
fn kinds(bench: &Bench) -> Vec<Stored> {
    let makes = |stored: &&Stored| {
        bench.contract.operation(&format!("{}.create", stored.operations)).is_some()
    };
    bench.contract.stored().iter().filter(|s| !s.platform).filter(makes).cloned().collect()
}

/// Whether the contract has an operation of a kind.
fn has(bench: &Bench, stored: &Stored, verb: &str) -> bool {
    bench.contract.operation(&format!("{}.{verb}", stored.operations)).is_some()
}

/// What else the path of a creation names.
fn around(stored: &Stored) -> &'static [(&'static str, &'static str)] {
    match stored.parent.as_deref() {
        Some("portal_id") => &[("portal_id", "x:slug:handbook")],
        _ => &[],
    }
}

/// What is told once, left out.
fn without_secrets(bench: &Bench, stored: &Stored, mut object: Value) -> Value {
    for property in bench.contract.properties(stored.schema).iter().filter(|p| p.secret) {
        assert!(object[&*property.name].is_string(), "{} is told", property.name);
        object[&*property.name] = Value::Null;
    }
    object
}

/// The parameter that names one of a kind.
fn id_of(bench: &Bench, stored: &Stored) -> String {
    let get = bench.contract.operation(&format!("{}.get", stored.operations)).unwrap();
    let last = bench.contract.get(get).parameters_in(Location::Path).last();
    last.unwrap().1.name.to_string()
}

#[tokio::test]
async fn every_kind_is_made_read_changed_and_deleted_by_the_contract() {
    let bench = Bench::new();
    let bodies = bodies();
    for stored in kinds(&bench) {
        if !["get", "update", "delete"].iter().all(|verb| has(&bench, &stored, verb)) {
            continue;
        }
        let resource = &*stored.operations;
        let id = id_of(&bench, &stored);
        let ask = async |verb: &str, given: &[(&str, &str)], body: Value| {
            bench.ask(&format!("{resource}.{verb}"), given, body, NOOR).await
        };
        let body = bodies.get(resource).unwrap_or_else(|| panic!("no body for {resource}")).clone();
        let many = bench.all(&format!("{resource}.list"), &[], &Value::Null, NOOR).await;
        let made = ask("create", &[], body.clone()).await.unwrap();
        let made = without_secrets(&bench, &stored, made);
        for (name, value) in members(&body) {
            if !["inbox_ids", "channel"].contains(&name.as_str()) {
                assert_eq!(&made[name], value, "{resource}.{name}");
            }
        }
        assert_eq!(made["created_at"], made["updated_at"], "{resource}");
        let named = [(&*id, made["id"].as_str().unwrap())];
        assert_eq!(ask("get", &named, Value::Null).await.unwrap(), made, "{resource}");
        let now = bench.all(&format!("{resource}.list"), &[], &Value::Null, NOOR).await;
        assert_eq!(now.len(), many.len() + 1, "{resource}");

        // Whatever the contract does not let anybody write, is not written.
        for (member, code) in [("revision", "read_only"), ("colour_of_paint", "unknown")] {
            let mut wrong = body.clone();
            wrong[member] = json!("x");
            let problem = ask("create", &[], wrong.clone()).await.unwrap_err();
            assert_eq!(pointer_and_code(&problem), (&*format!("/{member}"), code), "{resource}");
            let problem = ask("update", &named, json!({member: "x"})).await.unwrap_err();
            assert_eq!(pointer_and_code(&problem), (&*format!("/{member}"), code), "{resource}");
        }
        let first = members(&body).keys().next().unwrap().clone();
        let problem = ask("update", &named, json!({&first: {"a": 1}})).await.unwrap_err();
        assert_eq!(pointer_and_code(&problem).0, format!("/{first}"), "{resource}");

        // A change of nothing is none; of something, it is a new revision.
        bench.minute();
        let again = ask("update", &named, json!({&first: body[&first]})).await.unwrap();
        assert_eq!(again, made, "{resource}");
        let text = match &*first {
            "email" => json!("other@demo.example"),
            "url" => json!("https://hooks.example/b"),
            _ => json!("other"),
        };
        let changed = ask("update", &named, json!({&first: text})).await.unwrap();
        assert_eq!((&changed[&first], &changed["revision"]), (&text, &json!("r2")), "{resource}");
        assert_ne!(changed["updated_at"], made["updated_at"], "{resource}");
        let old = [named[0], ("If-Match", "\"r1\"")];
        for verb in ["update", "delete"] {
            let body = if verb == "update" { json!({&first: text}) } else { Value::Null };
            let problem = ask(verb, &old, body).await.unwrap_err();
            assert_eq!(problem.code, ProblemCode::PreconditionFailed, "{resource}.{verb}");
        }
        let gone = ask("delete", &named, Value::Null).await.unwrap();
        assert_eq!((&gone["id"], &gone["number"]), (&made["id"], &made["number"]), "{resource}");
        for verb in ["get", "delete"] {
            let problem = ask(verb, &named, Value::Null).await.unwrap_err();
            assert_eq!(problem.code, ProblemCode::NotFound, "{resource}.{verb}");
        }
        // Its number is nobody's again.
        let next = ask("create", &[], body).await.unwrap();
        assert_eq!(next["number"].as_i64(), made["number"].as_i64().map(|n| n + 1), "{resource}");
    }
}

#[tokio::test]
async fn a_creation_with_a_key_is_made_once() {
    let bench = Bench::new();
    for stored in kinds(&bench) {
        let create = format!("{}.create", stored.operations);
        let body = bodies()[&*stored.operations].clone();
        let key = [&[("Idempotency-Key", "k1")], around(&stored)].concat();
        let made = bench.ask(&create, &key, body.clone(), NOOR).await.unwrap();
        let again = bench.ask(&create, &key, body, NOOR).await.unwrap();
        assert_eq!(made, again, "{create}");
    }
}

#[tokio::test]
async fn what_is_unique_is_taken_once() {
    let bench = Bench::new();
    let make = async |op: &str, body: Value| bench.ask(op, &[], body, NOOR).await;
    for (op, body, pointer) in [
        ("labels.create", json!({"name": "VIP"}), "/name"),
        ("teams.create", json!({"name": "Technical"}), "/name"),
        ("agents.create", json!({"email": "NOOR.haddad@demo.example"}), "/email"),
        ("canned_responses.create", json!({"text": "x", "shortcut": "Refund"}), "/shortcut"),
        (
            "custom_attributes.create",
            json!({"key": "plan", "model": "contact", "type": "text"}),
            "/key",
        ),
    ] {
        let problem = make(op, body).await.unwrap_err();
        assert_eq!(
            (problem.code, pointer_and_code(&problem)),
            (ProblemCode::Conflict, (pointer, "taken")),
            "{op}"
        );
    }
    // Together they are unique, not each by itself; and what has no value is nobody's.
    make("custom_attributes.create", json!({"key": "plan", "model": "agent", "type": "text"}))
        .await
        .unwrap();
    make("canned_responses.create", json!({"text": "x", "shortcut": null})).await.unwrap();
    make("canned_responses.create", json!({"text": "y"})).await.unwrap();
    let given = [("label_id", "n:1")];
    let problem =
        bench.ask("labels.update", &given, json!({"name": "vip"}), NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Conflict);
    // One keeps its own name.
    bench.ask("labels.update", &given, json!({"name": "Billing"}), NOOR).await.unwrap();
}

#[tokio::test]
async fn references_dangle_nowhere() {
    let bench = Bench::new();
    let body = json!({"text": "x", "inbox_ids": ["n:1", "n:2", "n:77"]});
    let problem = bench.ask("canned_responses.create", &[], body, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/inbox_ids/2", "not_found"));
    let body = json!({"url": "https://hooks.example/x", "events": [], "inbox_id": "n:77"});
    let problem = bench.ask("webhooks.create", &[], body, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/inbox_id", "not_found"));
    let body = json!({"url": "https://hooks.example/x", "events": [], "inbox_id": "n:2"});
    let made = bench.ask("webhooks.create", &[], body, NOOR).await.unwrap();
    assert_eq!(made["inbox_number"], 2);

    // Whom nobody is any more, nothing names.
    let before = bench.get(1).await;
    assert_eq!(before["assignee_number"], 2);
    bench.ask("agents.delete", &[("agent_id", "n:2")], Value::Null, "gateway").await.unwrap();
    let after = bench.get(1).await;
    assert_eq!((&after["assignee_id"], &after["assignee"]), (&Value::Null, &Value::Null));
    assert_ne!(after["revision"], before["revision"]);
    let reply = |of: &Value| {
        let messages = of["messages"].as_array().unwrap().clone();
        messages.into_iter().find(|m| m["author"]["type"] == "agent").unwrap()["author"]["name"]
            .clone()
    };
    assert_eq!((&reply(&after), &reply(&before)), (&json!("Noor Haddad"), &json!("Noor Haddad")));
    let filters = bench.all("filters.list", &[], &Value::Null, "gateway").await;
    let filter = bench.ask("filters.get", &[("filter_id", "n:1")], Value::Null, "gateway").await;
    assert_eq!((filters.len(), filter.unwrap()["owner_id"].clone()), (3, Value::Null));
    bench.ask("teams.delete", &[("team_id", "n:2")], Value::Null, "gateway").await.unwrap();
    let tomas = bench.ask("agents.get", &[("agent_id", "n:3")], Value::Null, "gateway").await;
    assert_eq!(tomas.unwrap()["team_ids"], json!([]));
}

#[tokio::test]
async fn a_label_is_renamed_and_deleted_wherever_it_stands() {
    let bench = Bench::new();
    let labels = async |operation: &str, id: &str, number: &str| {
        let found = bench.ask(operation, &[(id, number)], Value::Null, NOOR).await.unwrap();
        found["labels"].clone()
    };
    let of_conversation =
        async || labels("conversations.labels.list", "conversation_id", "n:1").await;
    let of_contact = async || labels("contacts.labels.list", "contact_id", "n:1").await;
    let vip = [("label_id", "n:3")];
    let rename = async |name: &str| {
        bench.ask("labels.update", &vip, json!({"name": name}), NOOR).await.unwrap();
    };
    assert_eq!(
        (of_conversation().await, of_contact().await),
        (json!(["billing", "vip"]), json!(["vip"]))
    );
    rename("gold").await;
    assert_eq!(
        (of_conversation().await, of_contact().await),
        (json!(["billing", "gold"]), json!(["gold"]))
    );
    // Where the new name stands already, there are not two of it.
    let given = [("conversation_id", "n:1")];
    let body = json!({"labels": ["gold", "silver"]});
    bench.ask("conversations.labels.replace", &given, body, NOOR).await.unwrap();
    rename("silver").await;
    assert_eq!(of_conversation().await, json!(["silver"]));
    bench.ask("labels.delete", &vip, Value::Null, NOOR).await.unwrap();
    assert_eq!((of_conversation().await, of_contact().await), (json!([]), json!([])));
}

#[tokio::test]
async fn a_team_has_its_agents() {
    let bench = Bench::new();
    let team = [("team_id", "n:1")];
    let numbers = |value: &Value| -> Vec<i64> {
        value.as_array().unwrap().iter().map(|a| a["number"].as_i64().unwrap()).collect()
    };
    let ask = async |verb: &str, body: Value| {
        bench.ask(&format!("teams.members.{verb}"), &team, body, NOOR).await
    };
    assert_eq!(numbers(&ask("list", Value::Null).await.unwrap()["data"]), [1, 2]);
    let changed = ask("change", json!({"add": ["n:2", "n:3"], "remove": ["n:1", "n:4"]})).await;
    let changed = changed.unwrap();
    assert_eq!(
        (numbers(&changed["data"]), numbers(&changed["added"]), numbers(&changed["removed"])),
        (vec![2, 3], vec![3], vec![1])
    );
    let changed = ask("replace", json!({"agent_ids": ["n:5"]})).await.unwrap();
    assert_eq!(
        (numbers(&changed["data"]), numbers(&changed["added"]), numbers(&changed["removed"])),
        (vec![5], vec![5], vec![2, 3])
    );
    let problem = ask("change", json!({"add": ["n:2", "n:99"]})).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/add/1", "not_found"));
    assert_eq!(numbers(&ask("list", Value::Null).await.unwrap()["data"]), [5], "all or nothing");
    let seen = bench.ask("teams.get", &team, Value::Null, NOOR).await.unwrap();
    assert_eq!((&seen["is_member"], &seen["revision"]), (&json!(false), &json!("r3")));
}

#[tokio::test]
async fn a_saved_filter_is_its_owners() {
    let bench = Bench::new();
    const ADA: &str = "agent:n:1";
    assert_eq!(bench.all("filters.list", &[], &Value::Null, NOOR).await, [1, 2]);
    assert_eq!(
        bench.all("filters.list", &[("resource", "contact")], &Value::Null, NOOR).await,
        [2]
    );
    assert_eq!(bench.all("filters.list", &[], &Value::Null, ADA).await, [3]);
    let given = [("filter_id", "n:1")];
    for (verb, body) in
        [("get", Value::Null), ("update", json!({"name": "x"})), ("delete", Value::Null)]
    {
        let problem = bench.ask(&format!("filters.{verb}"), &given, body, ADA).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::NotFound, "{verb}");
    }
    let body = json!({"name": "Ada's", "resource": "report", "query": {}});
    let made = bench.ask("filters.create", &[], body, ADA).await.unwrap();
    assert_eq!(made["owner_number"], 1);
}

#[tokio::test]
async fn a_contact_has_nothing_to_do_with_any_of_it() {
    let bench = Bench::new();
    for stored in kinds(&bench) {
        let resource = &*stored.operations;
        let id = if has(&bench, &stored, "get") { id_of(&bench, &stored) } else { String::new() };
        let named = [(&*id, "n:1")];
        for (verb, given, body) in [
            ("list", &[][..], Value::Null),
            ("create", around(&stored), bodies()[resource].clone()),
            ("get", &named[..], Value::Null),
            ("delete", &named[..], Value::Null),
        ] {
            // The inbox that it writes to a contact may look at.
            let own = resource == "inboxes" && ["list", "get"].contains(&verb);
            if own || !has(&bench, &stored, verb) || (verb == "delete" && id.is_empty()) {
                continue;
            }
            let asked = bench.ask(&format!("{resource}.{verb}"), given, body, MIRA).await;
            assert_eq!(asked.unwrap_err().code, ProblemCode::Forbidden, "{resource}.{verb}");
        }
    }
    let found = bench.all("canned_responses.list", &[("q", "PARCEL")], &Value::Null, NOOR).await;
    assert_eq!(found, [3], "words are looked for in every text");
}
