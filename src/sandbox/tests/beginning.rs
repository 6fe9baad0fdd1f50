//! Opening conversations, moving and deleting them, and their labels.

use serde_json::{Value, json};

use super::{Bench, MIRA, NOOR, pointer_and_code};
use crate::canonical::{Problem, ProblemCode};

impl Bench {
    async fn open_one(&self, body: Value, actor: &str) -> Result<Value, Problem> {
        let includes = [("include", "messages"), ("include", "contact_identity")];
        self.ask("conversations.create", &includes, body, actor).await
    }

    async fn labels(&self, operation: &str, body: Value) -> Result<Value, Problem> {
        self.ask(operation, &[("conversation_id", "n:1")], body, NOOR).await
    }
}

#[tokio::test]
async fn a_contact_opens_a_conversation_with_its_first_message() {
    let bench = Bench::new();
    let body = json!({
        "custom_attributes": {"order": "B-1"},
        "message": {"text": "Hello", "client_reference": "w-1"},
    });
    let made = bench.open_one(body, MIRA).await.unwrap();
    assert_eq!((&made["number"], &made["contact_number"]), (&json!(68), &json!(1)));
    // The inbox has a bot: it is for the bot first.
    assert_eq!((&made["status"], &made["bot_number"]), (&json!("pending"), &json!(1)));
    assert_eq!(made["custom_attributes"], json!({"order": "B-1"}));
    let messages = made["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["kind"], "incoming");
    assert_eq!(messages[0]["author"]["number"], 1);
    assert_eq!(messages[0]["client_reference"], "w-1");
    assert_eq!(made["created_at"], "2026-06-01T12:00:00.000Z");
    let problem = bench.open_one(json!({"priority": "high"}), MIRA).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/priority", "read_only"));
    let other = bench.open_one(json!({"contact_identity_id": "n:2"}), MIRA).await.unwrap_err();
    assert_eq!(pointer_and_code(&other), ("/contact_identity_id", "invalid"));
}

#[tokio::test]
async fn the_business_says_with_whom_and_where() {
    let bench = Bench::new();
    let everything = json!({
        "inbox_id": "n:2", "contact_id": "n:2", "source_id": "web-new", "subject": "Kiln",
        "status": "snoozed", "snooze": {"until": "2099-01-01T00:00:00.000Z"}, "priority": "low",
        "assignee_id": "n:3", "team_id": "n:2", "labels": ["vip", "fresh"],
        "context": {"referer": "https://a.example"}, "message": {"text": "Written first"},
    });
    let made = bench.open_one(everything, NOOR).await.unwrap();
    assert_eq!(made["contact_identity"]["source_id"], "web-new");
    assert_eq!(made["contact_identity"]["channel_type"], "web");
    assert_eq!((&made["assignee_number"], &made["team_number"]), (&json!(3), &json!(2)));
    assert_eq!((&made["status"], &made["priority"]), (&json!("snoozed"), &json!("low")));
    assert_eq!(made["labels"], json!(["vip", "fresh"]));
    assert_eq!(made["context"], json!({"referer": "https://a.example"}));
    // What is set at the beginning is no news; the message is the only entry.
    assert_eq!(made["message_count"], 1);
    assert_eq!(made["messages"][0]["kind"], "outgoing");

    // Known by what an inbox calls the contact, in that inbox or where only one does,
    let alone = bench.open_one(json!({"source_id": "web-new"}), NOOR).await.unwrap();
    assert_eq!(alone["contact_identity_id"], made["contact_identity_id"]);
    bench
        .open_one(json!({"inbox_id": "n:1", "contact_id": "n:3", "source_id": "web-new"}), NOOR)
        .await
        .unwrap();
    let problem = bench.open_one(json!({"source_id": "web-new"}), NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/inbox_id", "required"));
    // or by the contact alone.
    let again = bench.open_one(json!({"inbox_id": "n:2", "source_id": "web-new"}), NOOR).await;
    assert_eq!(again.unwrap()["contact_identity_id"], made["contact_identity_id"]);
    let again = bench.open_one(json!({"inbox_id": "n:2", "contact_id": "n:2"}), NOOR).await;
    assert_eq!(again.unwrap()["contact_identity_id"], made["contact_identity_id"]);
    let fresh = bench.open_one(json!({"inbox_id": "n:2", "contact_id": "n:3"}), NOOR).await;
    let fresh = fresh.unwrap();
    assert_eq!((&fresh["contact_number"], &fresh["inbox_number"]), (&json!(3), &json!(2)));
    assert_eq!(fresh["status"], "open");
    // Who is blocked can write, and nobody is called.
    let blocked = bench.open_one(json!({"contact_identity_id": "n:6"}), NOOR).await.unwrap();
    assert_eq!(blocked["status"], "resolved");

    let cases = [
        (json!({"subject": "x"}), "/contact_identity_id", "required"),
        (json!({"contact_id": "n:1"}), "/inbox_id", "required"),
        (json!({"inbox_id": "n:1"}), "/contact_id", "required"),
        (json!({"inbox_id": "n:1", "source_id": "nobody"}), "/source_id", "not_found"),
        (json!({"source_id": "nobody"}), "/source_id", "not_found"),
        (json!({"inbox_id": "n:99", "contact_id": "n:1"}), "/inbox_id", "not_found"),
        (json!({"inbox_id": "n:2", "contact_identity_id": "n:1"}), "/inbox_id", "invalid"),
        (json!({"inbox_id": "n:3", "contact_id": "n:3"}), "/contact_id", "required"),
        (json!({"contact_identity_id": "n:1", "assignee_id": "n:99"}), "/assignee_id", "not_found"),
        (
            json!({"contact_identity_id": "n:1", "message": {"text": ""}}),
            "/message/text",
            "required",
        ),
        (
            json!({"contact_identity_id": "n:1", "snooze": {"until": "2099-01-01T00:00:00.000Z"}, "status": "open"}),
            "/snooze",
            "invalid",
        ),
    ];
    for (body, pointer, code) in cases {
        let problem = bench.open_one(body.clone(), NOOR).await.unwrap_err();
        assert_eq!(pointer_and_code(&problem), (pointer, code), "{body}");
    }
    // What was refused left nothing behind.
    let counts = bench.ask("conversations.counts", &[], Value::Null, NOOR).await.unwrap();
    assert_eq!(counts["all"], 67 + 7);
}

#[tokio::test]
async fn an_inbox_may_keep_one_conversation_with_everybody() {
    let bench = Bench::new();
    let body =
        json!({"inbox_id": "n:3", "contact_id": "n:8", "message": {"text": "Hi", "kind": "note"}});
    let made = bench.open_one(body.clone(), NOOR).await.unwrap();
    let again = bench.open_one(body, NOOR).await.unwrap();
    assert_eq!(made["number"], again["number"]);
    assert!(made["number"].as_i64().unwrap() < 68);
    assert_eq!(again["message_count"].as_i64(), made["message_count"].as_i64().map(|n| n + 1));
}

#[tokio::test]
async fn the_same_creation_again_is_the_first_one() {
    let bench = Bench::new();
    let create = |text: &str| {
        let body = json!({"contact_identity_id": "n:1", "message": {"text": text}});
        let bench = bench.clone();
        async move { bench.ask("conversations.create", &[("Idempotency-Key", "k1")], body, NOOR).await }
    };
    let first = create("a").await.unwrap();
    bench.minute();
    assert_eq!(create("a").await.unwrap(), first);
    let other = create("b").await.unwrap_err();
    assert_eq!(other.code, ProblemCode::IdempotencyKeyReused);
}

#[tokio::test]
async fn a_conversation_moves_to_another_inbox_and_contact() {
    let bench = Bench::new();
    let moved =
        bench.update(2, json!({"inbox_id": "n:2", "contact_id": "n:1"}), NOOR).await.unwrap();
    assert_eq!((&moved["inbox_number"], &moved["contact_number"]), (&json!(2), &json!(1)));
    // Mira's identity in that inbox.
    assert_eq!(moved["contact_identity_number"], 9);
    assert_eq!(
        bench.newest(2, 2).await,
        [
            ("activity".to_owned(), "Noor Haddad moved the conversation to Website".to_owned()),
            ("activity".to_owned(), "Noor Haddad moved the conversation to Mira Solano".to_owned()),
        ]
    );
    let nowhere = bench.update(4, json!({"inbox_id": "n:99"}), NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&nowhere), ("/inbox_id", "not_found"));
    let unreachable = bench.update(3, json!({"inbox_id": "n:3"}), NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&unreachable), ("/inbox_id", "required"));
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let bench = Bench::new();
    let delete = |actor, revision: &'static str| {
        let given = [("conversation_id", "n:1"), ("If-Match", revision)];
        let bench = bench.clone();
        async move { bench.ask("conversations.delete", &given, Value::Null, actor).await }
    };
    assert_eq!(delete(MIRA, "*").await.unwrap_err().code, ProblemCode::Forbidden);
    assert_eq!(delete(NOOR, "\"r9\"").await.unwrap_err().code, ProblemCode::PreconditionFailed);
    assert_eq!(delete(NOOR, "\"r1\"").await.unwrap()["number"], 1);
    assert_eq!(delete(NOOR, "*").await.unwrap_err().code, ProblemCode::NotFound);
    let list = bench.ask("conversations.list", &[("contact_id", "n:1")], Value::Null, NOOR).await;
    assert_eq!(list.unwrap()["data"].as_array().unwrap().len(), 1);
    // A number is not given out twice.
    let next = bench.open_one(json!({"contact_identity_id": "n:1"}), NOOR).await.unwrap();
    assert_eq!(next["number"], 68);
}

#[tokio::test]
async fn labels_are_a_set() {
    let bench = Bench::new();
    let list = bench.labels("conversations.labels.list", Value::Null).await.unwrap();
    assert_eq!(
        (&list["labels"], &list["conversation_number"]),
        (&json!(["billing", "vip"]), &json!(1))
    );
    let replaced = json!({"labels": ["vip", "refund"]});
    let list = bench.labels("conversations.labels.replace", replaced.clone()).await.unwrap();
    assert_eq!(list["labels"], json!(["vip", "refund"]));
    let text = "Noor Haddad added refund and removed billing".to_owned();
    assert_eq!(bench.newest(1, 1).await, [("activity".to_owned(), text.clone())]);
    // The same again is no change.
    bench.labels("conversations.labels.replace", replaced).await.unwrap();
    assert_eq!(bench.newest(1, 1).await[0].1, text);
    let change = json!({"add": ["vip", "new"], "remove": ["refund", "none"]});
    let list = bench.labels("conversations.labels.change", change).await.unwrap();
    assert_eq!(list["labels"], json!(["vip", "new"]));
    assert_eq!(bench.get(1).await["labels"], json!(["vip", "new"]));
    let twice = bench.labels("conversations.labels.replace", json!({"labels": ["a", "a"]})).await;
    assert_eq!(pointer_and_code(&twice.unwrap_err()), ("/labels/1", "duplicate"));
    let given = [("conversation_id", "n:1")];
    let body = json!({"labels": []});
    let contact = bench.ask("conversations.labels.replace", &given, body, MIRA).await;
    assert_eq!(contact.unwrap_err().code, ProblemCode::Forbidden);
}
