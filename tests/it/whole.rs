//! A conversation with more messages than the contract embeds is shown whole all the same.

use http::Method;
use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::desk::{
    self, ACCOUNT, AGENT, BEARER, CANONICAL, MESSAGES, NONE, PUBLIC, THIRD_PARTY,
};
use crate::support::gateway::Gateway;

/// Most that are embedded.
const MOST: u64 = 1_000;

/// A message like one of the examples, with a number and an id of its own; every tenth is a note.
fn numbered((note, said): &(Value, Value), number: u64, text: &str) -> Value {
    let mut message = if number.is_multiple_of(10) { note.clone() } else { said.clone() };
    message["id"] = json!(format!("msg_{number}"));
    message["number"] = json!(number);
    message["body"]["text"] = json!(text);
    message
}

/// A backend whose conversation has messages 1 to `last`: the newest are embedded, the others listed.
async fn long(last: u64, text: &str) -> (Backend, Gateway, Client) {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let first = last.saturating_sub(MOST) + 1;
    let like = (desk::message(5004), desk::message(5001));
    let mut conversation = desk::conversation();
    conversation["messages"] = (first..=last).map(|n| numbered(&like, n, text)).collect();
    desk::show(&backend, &conversation);
    let older: Vec<Value> = (1..first).rev().map(|n| numbered(&like, n, text)).collect();
    backend.tell(Method::GET, MESSAGES, 200, desk::page(&older));
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    (backend, gateway, client)
}

fn listed(backend: &Backend) -> Vec<String> {
    let got = backend.got();
    let of = |target: &str| target.starts_with(MESSAGES);
    got.into_iter().map(|g| g.target).filter(|target| of(target)).collect()
}

#[tokio::test]
async fn what_is_cut_off_is_asked_for_and_put_in_front() {
    let (backend, _gateway, client) = long(1_007, "Hello").await;
    let numbers = |list: &Value| -> Vec<u64> {
        list.as_array().unwrap().iter().map(|m| m["id"].as_u64().unwrap()).collect()
    };
    let public = client.get(PUBLIC, NONE).await.expect(200);
    let spoken: Vec<u64> = (1..=1_007).filter(|n| n % 10 != 0).collect();
    assert_eq!(numbers(&public.value()["messages"]), spoken, "no note among them");
    let [asked] = &listed(&backend)[..] else { panic!("{:?}", listed(&backend)) };
    for part in ["before=msg_8", "order=desc", "limit=1000"] {
        assert!(asked.contains(part), "{asked}");
    }
    assert!(!asked.contains("visibility"), "what is listed is for every dialect: {asked}");
    // The account API shows no numbers here, and notes. Nothing is asked again.
    let account = client.get(ACCOUNT, AGENT).await.expect(200);
    assert_eq!(account.value()["messages"].as_array().unwrap().len(), 1_007);
    assert!(account.header("cache-status").starts_with("deskbridge; hit"), "{account:?}");
    assert_eq!((listed(&backend).len(), desk::reads(&backend)), (1, 1));
    let again = client.get(PUBLIC, NONE).await.expect(200);
    assert_eq!(again.body, public.body);
    assert_eq!(again.header("etag"), public.header("etag"));
}

#[tokio::test]
async fn an_answer_to_a_write_is_whole_too() {
    let (backend, _gateway, client) = long(1_003, "Hello").await;
    let path = format!("{PUBLIC}/toggle_status");
    let answer = client.json(Method::POST, &path, NONE, &json!({})).await.expect(200).value();
    assert_eq!(answer["messages"].as_array().unwrap().len(), 903);
    assert_eq!(listed(&backend).len(), 1);
}

#[tokio::test]
async fn who_did_not_ask_for_all_asks_nothing_more() {
    let (backend, _gateway, client) = long(1_007, "Hello").await;
    client.get(THIRD_PARTY, BEARER).await.expect(200);
    let all = format!("{CANONICAL}?include=messages&messages_limit=0");
    let canonical = client.get(&all, BEARER).await.expect(200).value();
    assert_eq!(canonical["messages"].as_array().unwrap().len(), 1_000, "as the contract says");
    assert_eq!(listed(&backend).len(), 0);
    // A list of messages looks at the conversation first, and no further.
    client.get(&format!("{PUBLIC}/messages"), NONE).await.expect(200);
    assert_eq!(listed(&backend).len(), 1);
}

#[tokio::test]
async fn a_list_that_ends_where_it_is_cut_off_is_whole() {
    for (last, asked) in [(999, 0), (1_000, 1)] {
        let (backend, _gateway, client) = long(last, "Hello").await;
        let account = client.get(ACCOUNT, AGENT).await.expect(200).value();
        assert_eq!(account["messages"].as_array().unwrap().len() as u64, last);
        assert_eq!(listed(&backend).len(), asked);
    }
}

#[tokio::test]
async fn what_is_longer_than_an_answer_may_be_is_the_backends_failure() {
    // Embedded 10 MB, and as much again before it.
    let (backend, _gateway, client) = long(2_000, &"x".repeat(9_000)).await;
    client.get(ACCOUNT, AGENT).await.expect(502);
    assert_eq!(listed(&backend).len(), 1);
    // So is a list that breaks.
    let (backend, _gateway, client) = long(1_001, "Hello").await;
    backend.tell(Method::GET, MESSAGES, 200, r#"{"data":[{"number":3}],"page":{}}"#);
    client.get(ACCOUNT, AGENT).await.expect(502);
}
