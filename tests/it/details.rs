//! The three details answers against the published documents, and the canonical one against the
//! contract.

use std::collections::BTreeSet;

use deskbridge::canonical::{Contract, validate};
use deskbridge::dialect::embedded::{CONTRACT, Files};
use deskbridge::dialect::load::published;
use deskbridge::syntax::{Diagnostics, Sources, yaml};
use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::dialects::{
    ACCOUNT, ALL, BEARER, CANONICAL, Dialect, PUBLIC, PUBLIC_2, PUBLIC_3, keys_of,
};
use crate::support::gateway::Gateway;

/// What a details answer is promised to be: the schema of documented.yaml, its references written out.
fn documented(dialect: Dialect) -> Value {
    let files = Files::embedded();
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let file = published(&files, dialect.name, &mut sources, &mut diagnostics);
    let file = file.expect("documented").to_json();
    let operations = file["paths"].as_object().unwrap().values();
    let operation = operations
        .filter_map(|path| path.get("get"))
        .find(|get| get["operationId"] == "conversations.get")
        .expect("an operation");
    let response = written_out(&operation["responses"]["200"], &file);
    response["content"]["application/json"]["schema"].clone()
}

/// Whether a property is known to be something else than the documents say.
fn differs(property: &Value) -> bool {
    ["x-differs", "x-dropped"].iter().any(|key| property.get(key).is_some())
}

/// The schema without references; what is known to differ may be anything.
fn written_out(schema: &Value, file: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref") {
                let pointer = name.as_str().unwrap().trim_start_matches('#');
                return written_out(file.pointer(pointer).expect("a schema"), file);
            }
            let mut members = members.clone();
            if let Some(properties) = members.get("properties").and_then(Value::as_object).cloned()
                && let Some(required) = members.get_mut("required").and_then(Value::as_array_mut)
            {
                required.retain(|name| !differs(&properties[name.as_str().unwrap()]));
            }
            members
                .into_iter()
                .map(|(key, value)| {
                    let value = if differs(&value) { json!({}) } else { written_out(&value, file) };
                    (key, value)
                })
                .collect()
        }
        Value::Array(items) => items.iter().map(|item| written_out(item, file)).collect(),
        other => other.clone(),
    }
}

async fn one(client: &Client, dialect: Dialect, number: u64) -> Value {
    dialect.get(client, number).await.expect(200).value()
}

/// Conversations 1 and 2 in a dialect.
async fn both(client: &Client, dialect: Dialect) -> [Value; 2] {
    let second = if dialect.name == PUBLIC.name { PUBLIC_2 } else { dialect };
    [one(client, dialect, 1).await, one(client, second, 2).await]
}

#[track_caller]
fn assert_fits(schema: &Value, value: &Value) {
    let checker =
        jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap();
    let faults: Vec<String> =
        checker.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn every_conversation_has_the_published_shape() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in [ACCOUNT, BEARER] {
        let schema = documented(dialect);
        for number in 1..=67 {
            assert_fits(&schema, &one(&client, dialect, number).await);
        }
    }
    let schema = documented(PUBLIC);
    for (dialect, number) in [(PUBLIC, 1), (PUBLIC_2, 2), (PUBLIC_3, 3), (PUBLIC, 4), (PUBLIC_3, 7)]
    {
        assert_fits(&schema, &one(&client, dialect, number).await);
    }
}

#[tokio::test]
async fn every_published_field_has_a_value_in_conversation_1_or_2() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in [PUBLIC, ACCOUNT, BEARER] {
        let answers = both(&client, dialect).await;
        let mut missing = Vec::new();
        uncovered(&documented(dialect), &answers.iter().collect::<Vec<_>>(), "", &mut missing);
        assert!(missing.is_empty(), "{}: {missing:?}", dialect.name);
    }
}

/// Fields of a schema without a value in any of these, and those excused that have one.
fn uncovered(schema: &Value, values: &[&Value], path: &str, missing: &mut Vec<String>) {
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let found: Vec<&Value> = values.iter().filter_map(|v| v.get(name)).collect();
        let empty = |v: &&Value| [json!(null), json!(""), json!([]), json!({})].contains(v);
        let excused = member.get("x-empty").is_some();
        if found.iter().all(empty) != excused {
            missing.push(path.clone());
        }
        uncovered(member, &found, &path, missing);
    }
    if let Some(items) = schema.get("items") {
        let all: Vec<&Value> = values.iter().filter_map(|v| v.as_array()).flatten().collect();
        uncovered(items, &all, &format!("{path}[]"), missing);
    }
}

#[tokio::test]
async fn members_stand_in_the_order_of_the_documents() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for dialect in [PUBLIC, ACCOUNT, BEARER] {
        for value in both(&client, dialect).await {
            in_order(&documented(dialect), &value, dialect.name);
        }
    }
}

#[track_caller]
fn in_order(schema: &Value, value: &Value, path: &str) {
    let documented = keys_of(&schema["properties"]);
    let position = |key: &&str| documented.iter().position(|k| k == key).unwrap_or(usize::MAX);
    let keys = keys_of(value);
    if !documented.is_empty() {
        assert!(keys.iter().map(position).is_sorted(), "{path}: {keys:?}");
    }
    for (key, member) in value.as_object().into_iter().flatten() {
        in_order(&schema["properties"][key], member, &format!("{path}.{key}"));
    }
    for element in value.as_array().into_iter().flatten() {
        in_order(&schema["items"], element, path);
    }
}

/// The numbers of the messages of conversation 1 in the data, by what they are.
const INTERNAL: [u64; 3] = [5, 7, 15];
const VISIBLE: [u64; 14] = [1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 16, 17];

#[tokio::test]
async fn the_public_thread_is_whole_and_shows_nothing_internal() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    // The others have read it first: what the public one gets comes out of the same entry.
    let account = one(&client, ACCOUNT, 1).await;
    assert_eq!(account["messages"].as_array().unwrap().len(), VISIBLE.len() + INTERNAL.len());
    let answer = PUBLIC.get(&client, 1).await.expect(200);
    assert!(answer.header("cache-status").contains("hit"), "{}", answer.header("cache-status"));
    let numbers: Vec<u64> = answer.value()["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, VISIBLE);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    for secret in ["payment log", "assigned the conversation", "added billing", "noor.haddad@"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let kinds: BTreeSet<u64> = answer.value()["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["message_type"].as_u64().unwrap())
        .collect();
    assert_eq!(kinds, BTreeSet::from([0, 1, 3]));
    // The list says the same.
    let listed = PUBLIC.get(&client, "1/messages").await.expect(200).value();
    assert_eq!(listed, answer.value()["messages"]);
}

#[tokio::test]
async fn every_message_of_the_account_thread_says_what_it_is() {
    let gateway = Gateway::sandbox().await;
    let account = one(&gateway.client(), ACCOUNT, 1).await;
    let said: Vec<(String, bool)> = account["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["message_type"].as_str().unwrap().to_owned(), m["private"].as_bool().unwrap()))
        .collect();
    let at = |number: usize| (said[number - 1].0.as_str(), said[number - 1].1);
    assert_eq!(at(1), ("incoming", false));
    assert_eq!(at(2), ("template", false));
    assert_eq!(at(3), ("outgoing", false));
    assert_eq!(at(5), ("activity", false));
    assert_eq!(at(7), ("outgoing", true));
    let types: Vec<&Value> =
        account["messages"].as_array().unwrap().iter().map(|m| &m["content_type"]).collect();
    assert_eq!(
        (types[2], types[9], types[10]),
        (&json!("input_select"), &json!("cards"), &json!("form"))
    );
    assert_eq!(account["messages"][7]["attachment"]["file_type"], "image");
    assert_eq!(account["messages"][0]["attachment"], json!({}));
}

#[tokio::test]
async fn times_are_exact() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let public = one(&client, PUBLIC, 1).await;
    assert_eq!(public["contact_last_seen_at"], 1_778_509_500);
    assert_eq!(public["agent_last_seen_at"], 1_778_509_470);
    assert_eq!(public["messages"][0]["created_at"], 1_778_507_920);
    assert_eq!(public["contact"]["created_at"], "2026-03-02T08:15:27.418Z");
    let account = one(&client, ACCOUNT, 1).await;
    assert_eq!(account["timestamp"], "1778507920");
    assert_eq!(account["contact_last_seen_at"], "1778509500");
    assert_eq!(account["messages"][16]["created_at"], 1_778_509_470);
    let bearer = &one(&client, BEARER, 1).await["data"];
    assert_eq!(bearer["created_at"], "2026-05-11T13:58:40Z");
    assert_eq!(bearer["customer"]["profile"]["created_at"], "2026-03-02T08:15:27Z");
    assert_eq!(bearer["customer"]["profile"]["date_of_birth"], "1988-07-21");
    assert_eq!(bearer["latest_message"]["sent_at"], "2026-05-11T14:24:30Z");
    assert_eq!(bearer["reply_until"], "2099-12-31T23:59:59Z");
    let snoozed = &one(&client, BEARER, 3).await["data"];
    assert_eq!(snoozed["snooze_until"], "2099-01-04T09:00:00Z");
    // Never seen: 0, and "0" where times are texts.
    assert_eq!(one(&client, PUBLIC_3, 8).await["agent_last_seen_at"], 0);
    assert_eq!(one(&client, ACCOUNT, 8).await["agent_last_seen_at"], "0");
}

#[tokio::test]
async fn statuses_are_told_in_each_dialects_words() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let mut told = Vec::new();
    for number in [1, 3, 4, 5, 6, 7] {
        let canonical = one(&client, CANONICAL, number).await["status"].clone();
        let account = one(&client, ACCOUNT, number).await["status"].clone();
        let bearer = one(&client, BEARER, number).await["data"]["status"].clone();
        told.push(format!("{canonical} {account} {bearer}").replace('"', ""));
    }
    assert_eq!(
        told,
        [
            "open open in-progress",
            "snoozed open in-progress",
            "resolved resolved done",
            "pending pending in-progress",
            "open open to-do",
            "closed resolved done",
        ]
    );
}

#[tokio::test]
async fn nobody_assigned_is_an_absent_member_or_null() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    assert_eq!(keys_of(&one(&client, ACCOUNT, 5).await["meta"]), ["sender"]);
    assert_eq!(one(&client, BEARER, 5).await["data"]["user"], Value::Null);
    assert_eq!(one(&client, CANONICAL, 5).await["assignee_id"], Value::Null);
}

#[tokio::test]
async fn canonical_answers_are_what_the_contract_says() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let contract = contract();
    let check = |schema: &str, body: &[u8]| {
        let id = contract.schema_named(schema).unwrap();
        let mut faults = Vec::new();
        validate::validate(&contract, id, body, &mut faults);
        assert!(faults.is_empty(), "{schema}: {faults:?}");
    };
    let everything = "contact,contact_identity,assignee,team,inbox,messages,last_message,last_inbound_message,last_note";
    for number in 1..=67 {
        check("Conversation", &CANONICAL.get(&client, number).await.expect(200).body);
        let rest = format!("{number}?include={everything}&messages_limit=0");
        check("Conversation", &CANONICAL.get(&client, rest).await.expect(200).body);
        let rest = format!("{number}/messages");
        check("MessagePage", &CANONICAL.get(&client, rest).await.expect(200).body);
    }
    let created = CANONICAL.post(&client, "1/messages", &json!({ "text": "x" })).await.expect(201);
    check("Message", &created.body);
    let refused = CANONICAL.get(&client, 999).await.expect(404);
    check("Problem", &refused.body);
}

fn contract() -> Contract {
    let text = Files::embedded().read(CONTRACT).unwrap().into_owned();
    let mut sources = Sources::default();
    let id = sources.add(CONTRACT, text);
    let mut diagnostics = Diagnostics::default();
    let document = yaml::parse(&sources, id, yaml::CONTRACT_NODES).unwrap();
    Contract::load(&sources, &document, &mut diagnostics).unwrap()
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_there() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    // Every dialect has read the widest view; `/v1` gives what is asked.
    for dialect in ALL {
        one(&client, dialect, 1).await;
    }
    let bare = one(&client, CANONICAL, 1).await;
    for member in ["contact", "messages", "inbox", "assignee", "last_note"] {
        assert!(bare.get(member).is_none(), "{member}");
    }
    let some =
        CANONICAL.get(&client, "1?include=messages,contact&messages_limit=2").await.expect(200);
    let some_messages = some.value()["messages"].clone();
    assert_eq!(some_messages[0]["number"], 16);
    assert_eq!(some_messages[1]["number"], 17);
    assert_eq!(some_messages.as_array().unwrap().len(), 2);
    assert_eq!(some.value()["contact"]["number"], 1);
    assert!(some.value().get("inbox").is_none());
    let public = CANONICAL
        .get(&client, "1?include=messages&messages_limit=0&messages_visibility=public")
        .await;
    assert_eq!(public.value()["messages"].as_array().unwrap().len(), VISIBLE.len());
}

#[tokio::test]
async fn what_is_copied_is_copied_to_the_byte() {
    let sandbox = Gateway::sandbox().await;
    let include = "include=contact,contact_identity,assignee,team,inbox,messages,last_message,last_inbound_message,last_note";
    let said = CANONICAL.get(&sandbox.client(), format!("1?{include}")).await.expect(200);
    let exact = r#""big":12345678901234567890123,"d":1.10,"e":-1E+3,"l":[],"m":{},"z":null,"a":[ {"b":1.0 } ],"u":"\u00e9\/é""#;
    let text = String::from_utf8(said.body.to_vec()).unwrap();
    let text = text.replacen(r#""order_no":"A-2207""#, exact, 1);
    assert!(text.contains(exact));
    let backend = Backend::start().await;
    backend.tell(http::Method::GET, "/v1/accounts/1/conversations/n:1", 200, text);
    let gateway = Gateway::before(&backend).await;
    for dialect in [ACCOUNT, CANONICAL] {
        let answer = dialect.get(&gateway.client(), 1).await.expect(200);
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(shown.contains(exact), "{}: {shown}", dialect.name);
    }
}
