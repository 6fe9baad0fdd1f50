//! Single messages: notes, edits, answers to questions, reactions, deletions, files; and who has
//! seen what.

use serde_json::{Value, json};

use super::{Bench, JONAS, MIRA, NOOR, pointer_and_code};
use crate::canonical::{Problem, ProblemCode};
use crate::error::Error;

const TOMAS: &str = "agent:n:3";

impl Bench {
    pub(super) async fn on(
        &self,
        operation: &str,
        message: &str,
        body: Value,
        actor: &str,
    ) -> Result<Value, Problem> {
        let given = [("conversation_id", "n:1"), ("message_id", message)];
        self.ask(operation, &given, body, actor).await
    }

    async fn seen(&self, body: Value, actor: &str) -> Result<Value, Problem> {
        self.ask("conversations.seen", &[("conversation_id", "n:2")], body, actor).await
    }

    async fn upload(&self, body: Value) -> Result<Value, Problem> {
        self.ask("attachments.upload", &[], body, NOOR).await
    }
}

pub(super) fn block<'v>(message: &'v Value, kind: &str) -> &'v Value {
    message["blocks"].as_array().unwrap().iter().find(|b| b["type"] == kind).unwrap()
}

#[tokio::test]
async fn notes_are_messages_that_contacts_never_see() {
    let bench = Bench::new();
    let given = [("conversation_id", "n:1")];
    let made = bench.ask("notes.create", &given, json!({"text": "Call back"}), NOOR).await.unwrap();
    assert_eq!((&made["kind"], &made["visibility"]), (&json!("note"), &json!("internal")));
    let id = made["id"].as_str().unwrap();
    let list = bench.ask("notes.list", &[given[0], ("count", "exact")], Value::Null, NOOR).await;
    let list = list.unwrap();
    assert_eq!(list["page"]["total"], 2);
    assert_eq!(list["data"][0]["id"], made["id"]);
    assert_eq!(list["data"][1]["kind"], "note");
    let page = [given[0], ("limit", "1"), ("page", "2")];
    let second = bench.ask("notes.list", &page, Value::Null, NOOR).await.unwrap();
    assert_eq!(second["data"][0], list["data"][1]);
    assert_eq!((&second["page"]["number"], &second["page"]["next"]), (&json!(2), &Value::Null));

    assert_eq!(bench.on("notes.get", id, Value::Null, NOOR).await.unwrap(), made);
    let no_note = bench.on("notes.get", "n:1", Value::Null, NOOR).await.unwrap_err();
    assert_eq!(no_note.code, ProblemCode::NotFound);
    bench.minute();
    let edited = bench.on("notes.update", id, json!({"text": "Called"}), NOOR).await.unwrap();
    assert_eq!(edited["body"]["text"], "Called");
    assert_eq!(edited["blocks"], json!([{"type": "text", "text": "Called", "format": "plain"}]));
    assert_eq!(edited["edited_at"], "2026-06-01T12:01:00.000Z");
    // A colleague may do that, too; nobody edits what a contact said.
    bench.on("notes.update", id, json!({"text": "Called twice"}), TOMAS).await.unwrap();
    let edit = json!({"text": "x"});
    let contacts = bench.on("messages.update", "n:1", edit, NOOR).await.unwrap_err();
    assert_eq!(contacts.code, ProblemCode::Forbidden);
    let gone = bench.on("notes.delete", id, Value::Null, NOOR).await.unwrap();
    assert_eq!((&gone["body"]["text"], &gone["blocks"]), (&Value::Null, &json!([])));
    let again = bench.on("notes.update", id, json!({"text": "x"}), NOOR).await.unwrap_err();
    assert_eq!(again.code, ProblemCode::Unprocessable);

    for operation in ["notes.list", "notes.create"] {
        let body = if operation == "notes.create" { json!({"text": "x"}) } else { Value::Null };
        let contact = bench.ask(operation, &given, body, MIRA).await.unwrap_err();
        assert_eq!(contact.code, ProblemCode::Forbidden, "{operation}");
    }
    let contact = bench.on("messages.get", id, Value::Null, MIRA).await.unwrap_err();
    assert_eq!(contact.code, ProblemCode::NotFound);
}

#[tokio::test]
async fn questions_are_answered_in_their_block() {
    let bench = Bench::new();
    let ask = json!({"text": "Which?", "blocks": [
        {"type": "choices", "items": [{"value": "a", "title": "A"}, {"value": "b", "title": "B"}]},
        {"type": "form", "fields": [{"name": "mail", "kind": "email"}, {"name": "n", "kind": "number"}]},
        {"type": "csat", "display": "star"},
    ]});
    let made = bench.say(1, ask, NOOR).await.unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    let answer = |submitted: Value| {
        let (bench, id) = (bench.clone(), id.clone());
        async move { bench.on("messages.update", &id, json!({"submitted": submitted}), MIRA).await }
    };
    let chosen = answer(json!({"selected": ["b"]})).await.unwrap();
    assert_eq!(block(&chosen, "choices")["selected"], json!(["b"]));
    let values =
        json!({"values": [{"name": "mail", "value": "m@a.example"}, {"name": "n", "value": 7}]});
    let filled = answer(values).await.unwrap();
    assert_eq!(block(&filled, "form")["submitted"], true);
    assert_eq!(block(&filled, "form")["fields"][1]["value"], 7);
    assert_eq!(block(&filled, "choices")["selected"], json!(["b"]));
    let rated = answer(json!({"rating": {"value": 4}, "comment": "Fine"})).await.unwrap();
    assert_eq!(block(&rated, "csat")["rating"]["value"], 4);
    assert_eq!(block(&rated, "csat")["comment"], "Fine");
    // An answer is no edit.
    assert_eq!(rated["edited_at"], Value::Null);

    let cases = [
        (json!({"selected": ["b", "c"]}), "/submitted/selected/1", "invalid"),
        (json!({"values": [{"name": "x", "value": 1}]}), "/submitted/values/0/name", "not_found"),
        (json!({"rating": {"value": 9}}), "/submitted/rating/value", "too_large"),
    ];
    for (submitted, pointer, code) in cases {
        let problem = answer(submitted.clone()).await.unwrap_err();
        assert_eq!(pointer_and_code(&problem), (pointer, code), "{submitted}");
    }
    let nothing_asked =
        bench.on("messages.update", "n:1", json!({"submitted": {"selected": []}}), MIRA);
    assert_eq!(
        pointer_and_code(&nothing_asked.await.unwrap_err()),
        ("/submitted/selected", "invalid")
    );
    let edit = bench.on("messages.update", &id, json!({"text": "mine"}), MIRA).await.unwrap_err();
    assert_eq!(edit.code, ProblemCode::Forbidden);
}

#[tokio::test]
async fn a_deleted_message_leaves_its_place() {
    let bench = Bench::new();
    let before = bench.get(1).await["message_count"].clone();
    // The picture of the statement, with its file.
    let picture = bench.on("messages.get", "n:8", Value::Null, NOOR).await.unwrap();
    let file = picture["attachments"][0]["id"].as_str().unwrap().to_owned();
    bench.minute();
    let gone = bench.on("messages.delete", "n:8", Value::Null, NOOR).await.unwrap();
    assert_eq!(gone["deleted_at"], "2026-06-01T12:01:00.000Z");
    assert_eq!((&gone["attachments"], &gone["sequence"]), (&json!([]), &picture["sequence"]));
    assert_eq!(bench.on("messages.delete", "n:8", Value::Null, NOOR).await.unwrap(), gone);
    assert_eq!(bench.get(1).await["message_count"], before);
    let bytes =
        bench.request("attachments.content", &[("attachment_id", &file)], &Value::Null, NOOR);
    assert_eq!(bench.send(bytes).await.unwrap_err().into_problem().code, ProblemCode::NotFound);
    let contact = bench.on("messages.delete", "n:1", Value::Null, MIRA).await.unwrap_err();
    assert_eq!(contact.code, ProblemCode::Forbidden);
    let activity = bench.on("messages.delete", "n:5", Value::Null, NOOR).await.unwrap_err();
    assert_eq!(activity.code, ProblemCode::Unprocessable);
    let elsewhere = [("conversation_id", "n:2"), ("message_id", "n:1")];
    let elsewhere = bench.ask("messages.delete", &elsewhere, Value::Null, NOOR).await.unwrap_err();
    assert_eq!(elsewhere.code, ProblemCode::NotFound);
}

#[tokio::test]
async fn everybody_has_one_reaction() {
    let bench = Bench::new();
    let react = |emoji: Value, actor| {
        let bench = bench.clone();
        async move { bench.on("messages.reactions.set", "n:6", json!({"emoji": emoji}), actor).await }
    };
    react(json!("👍"), MIRA).await.unwrap();
    let both = react(json!("🎉"), NOOR).await.unwrap();
    let emojis = |message: &Value| -> Vec<String> {
        let all = message["reactions"].as_array().unwrap();
        all.iter()
            .map(|r| format!("{}{}", r["emoji"].as_str().unwrap(), r["actor"]["number"]))
            .collect()
    };
    assert_eq!(emojis(&both), ["👍1", "🎉2"]);
    assert_eq!(emojis(&react(json!("❤️"), MIRA).await.unwrap()), ["🎉2", "❤️1"]);
    assert_eq!(emojis(&react(Value::Null, MIRA).await.unwrap()), ["🎉2"]);
    let body = json!({"emoji": "x", "actor": {"type": "agent", "id": "n:3"}});
    let problem = bench.on("messages.reactions.set", "n:6", body.clone(), NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Forbidden);
    let gateway = bench.on("messages.reactions.set", "n:6", body, "gateway").await.unwrap();
    assert_eq!(emojis(&gateway), ["🎉2", "x3"]);
}

#[tokio::test]
async fn seen_goes_forward_and_back_only_on_purpose() {
    let bench = Bench::new();
    assert_eq!(bench.get(2).await["unread_count"], 1);
    let seen = bench.seen(json!({}), NOOR).await.unwrap();
    assert_eq!(
        (&seen["unread_count"], &seen["agent_last_seen_at"]),
        (&json!(0), &json!("2026-06-01T12:00:00.000Z"))
    );
    // Noor is the assignee.
    assert_eq!(seen["assignee_last_seen_at"], seen["agent_last_seen_at"]);
    let first = bench.get(2).await["messages"][0]["id"].clone();
    let earlier = bench.seen(json!({"up_to_message_id": first}), NOOR).await.unwrap();
    assert_eq!(earlier["agent_last_seen_at"], seen["agent_last_seen_at"]);
    let unread = bench.seen(json!({"unread": true}), NOOR).await.unwrap();
    assert_eq!(unread["unread_count"], 1);
    let all = json!({"unread": true, "up_to_message_id": first});
    assert_eq!(bench.seen(all, NOOR).await.unwrap()["unread_count"], 2);
    let other = bench.seen(Value::Null, TOMAS).await.unwrap();
    assert_ne!(other["assignee_last_seen_at"], other["agent_last_seen_at"]);

    // What the contact has seen was read.
    let sent = bench.say(2, json!({"text": "Sent by mail"}), NOOR).await.unwrap();
    assert_eq!(sent["delivery"]["status"], "sent");
    bench.minute();
    let contact = bench.seen(Value::Null, JONAS).await.unwrap();
    assert_eq!(contact["contact_last_seen_at"], "2026-06-01T12:01:00.000Z");
    let given = [("conversation_id", "n:2"), ("message_id", sent["id"].as_str().unwrap())];
    let sent = bench.ask("messages.get", &given, Value::Null, NOOR).await.unwrap();
    assert_eq!(sent["delivery"]["status"], "read");

    let nobody = bench.seen(Value::Null, "gateway").await.unwrap_err();
    assert_eq!(pointer_and_code(&nobody), ("/actor", "required"));
    let named = json!({"actor": {"type": "contact"}});
    bench.seen(named.clone(), "gateway").await.unwrap();
    assert_eq!(bench.seen(named, NOOR).await.unwrap_err().code, ProblemCode::Forbidden);
    let foreign = bench.seen(json!({"up_to_message_id": "n:1"}), NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&foreign), ("/up_to_message_id", "not_found"));
}

#[tokio::test]
async fn typing_leaves_no_trace() {
    let bench = Bench::new();
    let before = bench.get(1).await;
    let typing = |body: Value, actor| {
        let request =
            bench.request("conversations.typing", &[("conversation_id", "n:1")], &body, actor);
        let bench = bench.clone();
        async move { bench.send(request).await.map_err(Error::into_problem) }
    };
    let answer = typing(json!({"typing": true}), MIRA).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    typing(json!({"typing": false, "visibility": "internal"}), NOOR).await.unwrap();
    assert_eq!(bench.get(1).await, before);
    let problem =
        typing(json!({"typing": true, "visibility": "internal"}), MIRA).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/visibility", "invalid"));
    let problem = typing(json!({}), NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/typing", "required"));
}

#[tokio::test]
async fn a_file_elsewhere_becomes_an_attachment() {
    let bench = Bench::new();
    let file = bench.upload(json!({"url": "https://files.example/a/plan.PDF?x=1"})).await.unwrap();
    assert_eq!((&file["kind"], &file["file_name"]), (&json!("file"), &json!("plan.PDF")));
    assert_eq!(
        (&file["url"], &file["message_id"]),
        (&json!("https://files.example/a/plan.PDF?x=1"), &Value::Null)
    );
    let said =
        json!({"url": "https://files.example/1", "content_type": "audio/ogg", "duration_s": 3.5});
    let voice = bench.upload(said).await.unwrap();
    assert_eq!((&voice["kind"], &voice["duration_s"]), (&json!("audio"), &json!(3.5)));
    let message = json!({"attachment_ids": [file["id"], voice["id"]]});
    let message = bench.say(1, message, NOOR).await.unwrap();
    let kinds: Vec<_> =
        message["attachments"].as_array().unwrap().iter().map(|a| &a["kind"]).collect();
    assert_eq!(kinds, ["file", "audio"]);
    assert_eq!(message["attachments"][0]["message_id"], message["id"]);
    let again = bench.say(1, json!({"attachment_ids": [file["id"]]}), NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&again), ("/attachment_ids/0", "taken"));
    let id = file["id"].as_str().unwrap();
    let bytes = bench.request("attachments.content", &[("attachment_id", id)], &Value::Null, NOOR);
    let there = bench.send(bytes).await.unwrap();
    let place = there.content.as_ref().and_then(|content| content.place.as_deref());
    assert_eq!((there.status, place), (302, file["url"].as_str()), "nothing was fetched");
    for (url, code) in [("ftp://files.example/a", "invalid"), ("nonsense", "invalid")] {
        let problem = bench.upload(json!({ "url": url })).await.unwrap_err();
        assert_eq!(pointer_and_code(&problem), ("/url", code), "{url}");
    }
}
