use serde_json::{Value, json};

use super::*;
use crate::sandbox::store::Table;

#[tokio::test]
async fn a_contact_reopens_a_resolved_conversation() {
    let bench = Bench::new();
    bench.minute();
    let message = bench.say(4, json!({"text": "Is it back?"}), MIRA).await.unwrap();
    assert_eq!((&message["kind"], &message["visibility"]), (&json!("incoming"), &json!("public")));
    assert_eq!(
        (&message["author"]["type"], &message["author"]["number"]),
        (&json!("contact"), &json!(1))
    );
    let now = "2026-06-01T12:01:00.000Z";
    let open = bench.get(4).await;
    assert_eq!(open["status"], "open");
    for member in ["waiting_since", "contact_last_seen_at", "last_activity_at", "updated_at"] {
        assert_eq!(open[member], now, "{member}");
    }
    assert_eq!((&open["waiting_on"], &open["unread_count"]), (&json!("agent"), &json!(1)));
    assert_eq!(open["contact"]["last_activity_at"], now);
    let newest = bench.newest(4, 2).await;
    assert_eq!(newest[0], ("incoming".to_owned(), "Is it back?".to_owned()));
    assert_eq!(
        newest[1],
        ("activity".to_owned(), "Mira Solano reopened the conversation".to_owned())
    );
}

#[tokio::test]
async fn waiting_unread_and_first_response_follow_the_talk() {
    let bench = Bench::new();
    // Conversation 5 is the bot's; nobody has answered yet.
    bench.update(5, json!({"status": "open", "bot_id": null}), NOOR).await.unwrap();
    let waiting = bench.get(5).await;
    assert_eq!(waiting["waiting_since"], "2026-05-13T07:00:00.000Z");
    assert_eq!(
        (&waiting["first_response_at"], &waiting["unread_count"]),
        (&Value::Null, &json!(1))
    );

    bench.minute();
    bench.say(5, json!({"text": "Anyone?", "kind": "incoming"}), NOOR).await.unwrap();
    let waiting = bench.get(5).await;
    assert_eq!(waiting["waiting_since"], "2026-05-13T07:00:00.000Z", "the oldest counts");
    assert_eq!(waiting["unread_count"], 2);

    bench.minute();
    bench.say(5, json!({"kind": "note", "text": "I take it."}), NOOR).await.unwrap();
    let noted = bench.get(5).await;
    assert_eq!(
        (&noted["first_response_at"], &noted["waiting_since"]),
        (&Value::Null, &waiting["waiting_since"])
    );
    assert_eq!(noted["unread_count"], 0);

    bench.minute();
    bench.say(5, json!({"text": "Here I am."}), NOOR).await.unwrap();
    let answered = bench.get(5).await;
    assert_eq!(answered["first_response_at"], "2026-06-01T12:03:00.000Z");
    assert_eq!(
        (&answered["waiting_since"], &answered["waiting_on"]),
        (&Value::Null, &json!("customer"))
    );
    assert_eq!(answered["agent_last_seen_at"], "2026-06-01T12:03:00.000Z");
    bench.minute();
    bench.say(5, json!({"text": "And?"}), "agent:n:3").await.unwrap();
    assert_eq!(
        bench.get(5).await["first_response_at"],
        "2026-06-01T12:03:00.000Z",
        "the first stays"
    );
}

#[tokio::test]
async fn a_snooze_wakes_as_it_was_set() {
    let bench = Bench::new();
    let text = json!({"kind": "incoming", "text": "It works again"});
    bench
        .update(
            1,
            json!({"status": "snoozed", "snooze": {"until": "2099-01-01T00:00:00.000Z"}}),
            NOOR,
        )
        .await
        .unwrap();
    bench.say(1, text.clone(), NOOR).await.unwrap();
    assert_eq!(bench.get(1).await["status"], "snoozed");
    bench.update(1, json!({"snooze": {"until": null}}), NOOR).await.unwrap();
    bench.say(1, text.clone(), NOOR).await.unwrap();
    assert_eq!(bench.get(1).await["status"], "open");
    // Conversation 3 wakes on a reply.
    bench.say(3, text, NOOR).await.unwrap();
    assert_eq!(bench.get(3).await["status"], "open");
    assert_eq!(bench.newest(3, 1).await[0].1, "Aiko Tanabe ended the snooze");
}

#[tokio::test]
async fn a_bot_gets_its_conversation_back() {
    let bench = Bench::new();
    bench.update(5, json!({"status": "resolved"}), NOOR).await.unwrap();
    bench.say(5, json!({"kind": "incoming", "text": "One more thing"}), "gateway").await.unwrap();
    assert_eq!(bench.get(5).await["status"], "pending");
}

#[tokio::test]
async fn who_is_blocked_or_muted_reopens_nothing() {
    let bench = Bench::new();
    // The contacts of the data take turns; number 6, who is blocked, has conversation 11.
    let blocked = bench.get(11).await;
    assert_eq!(
        (&blocked["contact"]["blocked"], &blocked["status"]),
        (&json!(true), &json!("pending"))
    );
    bench.update(11, json!({"status": "resolved"}), NOOR).await.unwrap();
    bench.say(11, json!({"kind": "incoming", "text": "Hey"}), "gateway").await.unwrap();
    assert_eq!(bench.get(11).await["status"], "resolved");
    bench.update(4, json!({"muted": true}), NOOR).await.unwrap();
    bench.say(4, json!({"text": "Hey"}), MIRA).await.unwrap();
    assert_eq!(bench.get(4).await["status"], "resolved");
}

#[tokio::test]
async fn channels_refuse_what_they_do_not_take() {
    let bench = Bench::new();
    let problem = bench.say(6, json!({"text": "Yes, we do."}), NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::ReplyWindowClosed);
    assert_eq!(
        bench.get(6).await["reply_window"],
        json!({"can_reply": false, "until": "2026-03-02T18:00:00.000Z", "template_required": true})
    );
    bench.say(6, json!({"kind": "note", "text": "Too late to answer"}), NOOR).await.unwrap();
    // The website's inbox takes nothing for a conversation that has ended.
    let web = bench.get(12).await;
    assert_eq!((&web["inbox_number"], &web["status"]), (&json!(2), &json!("resolved")));
    let problem =
        bench.say(12, json!({"kind": "incoming", "text": "Hi"}), "gateway").await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::ReplyWindowClosed);
}

/// The id of a file that comes with the program.
fn file(number: i64) -> String {
    Table::Attachment.id(number)
}

#[tokio::test]
async fn blocks_files_and_quotes_are_kept() {
    let bench = Bench::new();
    let choices =
        json!({"type": "choices", "prompt": null, "items": [{"value": "a", "title": "A"}]});
    let message = bench
        .say(
            1,
            json!({
                "text": "Which one?", "blocks": [choices], "attachment_ids": [file(3)],
                "in_reply_to_id": "n:4", "client_reference": "echo-1",
            }),
            NOOR,
        )
        .await
        .unwrap();
    let types: Vec<&str> =
        message["blocks"].as_array().unwrap().iter().map(|b| b["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["text", "choices", "file"]);
    assert_eq!(message["body"]["text"], "Which one?");
    assert_eq!(message["attachments"][0]["message_number"], message["number"]);
    assert_eq!(message["blocks"][2]["attachment_id"], message["attachments"][0]["id"]);
    assert_eq!(message["client_reference"], "echo-1");
    assert_eq!(
        (&message["in_reply_to"]["number"], &message["in_reply_to"]["text"]),
        (&json!(4), &json!("A double charge"))
    );
    assert_eq!(message["delivery"]["status"], "sent");

    let html = bench.say(1, json!({"html": "<p>Hello <b>you</b></p>"}), NOOR).await.unwrap();
    assert_eq!(
        (&html["body"]["text"], &html["body"]["format"]),
        (&json!("Hello you"), &json!("html"))
    );
    let spoken = bench
        .say(
            1,
            json!({"blocks": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
            NOOR,
        )
        .await
        .unwrap();
    assert_eq!(spoken["body"]["text"], "a\nb");
}

#[tokio::test]
async fn bad_messages_name_the_place_and_write_nothing() {
    let bench = Bench::new();
    let before = bench.get(1).await;
    let long = "x".repeat(150_001);
    for (message, pointer, code) in [
        (json!({"kind": "outgoing"}), "/text", "required"),
        (json!({"text": ""}), "/text", "required"),
        (json!({"text": long}), "/text", "too_long"),
        (json!({"blocks": [{"type": "text", "text": long}]}), "/blocks/0/text", "too_long"),
        (json!({"text": "a", "html": "b"}), "/text", "invalid"),
        (json!({"text": "a", "in_reply_to_id": "n:9999"}), "/in_reply_to_id", "not_found"),
        // A message of conversation 2.
        (json!({"text": "a", "in_reply_to_id": "n:18"}), "/in_reply_to_id", "not_found"),
        (json!({"text": "a", "attachment_ids": [file(1)]}), "/attachment_ids/0", "taken"),
        // Whoever counts up finds nothing.
        (json!({"text": "a", "attachment_ids": ["n:3"]}), "/attachment_ids/0", "invalid"),
        (
            json!({"text": "a", "attachment_ids": [file(3), file(99)]}),
            "/attachment_ids/1",
            "not_found",
        ),
        (
            json!({"blocks": [{"type": "image", "attachment_id": file(4)}]}),
            "/blocks/0/attachment_id",
            "taken",
        ),
        (json!({"kind": "note", "visibility": "public", "text": "a"}), "/visibility", "invalid"),
        (json!({"text": "a", "author": {"type": "contact"}}), "/author/type", "invalid"),
        (
            json!({"kind": "incoming", "text": "a", "author": {"type": "contact", "id": "n:2"}}),
            "/author/id",
            "invalid",
        ),
        (
            json!({"text": "a", "author": {"type": "agent", "id": "n:77"}}),
            "/author/id",
            "not_found",
        ),
        (json!({"text": 5}), "/text", "wrong_type"),
        (json!({"txet": "a"}), "/txet", "unknown"),
        (
            json!({"text": "a", "client_reference": "x".repeat(256)}),
            "/client_reference",
            "too_long",
        ),
    ] {
        let problem = bench.say(1, message, NOOR).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::ValidationFailed, "{pointer} {code}");
        assert_eq!(pointer_and_code(&problem), (pointer, code));
    }
    for message in
        [json!({"text": "a", "kind": "outgoing"}), json!({"text": "a", "visibility": "internal"})]
    {
        let problem = bench.say(1, message, MIRA).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::ValidationFailed);
    }
    let problem =
        bench.say(1, json!({"text": "a", "in_reply_to_id": "n:7"}), MIRA).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/in_reply_to_id", "not_found"), "a note");
    let spoof = json!({"text": "a", "author": {"type": "agent", "id": "n:1"}});
    assert_eq!(bench.say(1, spoof, NOOR).await.unwrap_err().code, ProblemCode::Forbidden);
    assert_eq!(bench.get(1).await, before);
    // The number that a failed write had taken is given to the next.
    let next = bench.say(1, json!({"text": "a"}), NOOR).await.unwrap();
    let after =
        bench.say(1, json!({"text": "b", "attachment_ids": [file(3)]}), NOOR).await.unwrap();
    assert_eq!(after["number"].as_i64(), next["number"].as_i64().map(|n| n + 1));
}

#[tokio::test]
async fn the_gateway_may_say_whose_a_message_is() {
    let bench = Bench::new();
    let by_agent = json!({"text": "a", "author": {"type": "agent", "id": "n:3"}});
    assert_eq!(bench.say(1, by_agent, "gateway").await.unwrap()["author"]["name"], "Tomas Berg");
    let by_contact =
        json!({"kind": "incoming", "text": "a", "author": {"type": "contact", "id": "n:1"}});
    assert_eq!(bench.say(1, by_contact, "gateway").await.unwrap()["author"]["number"], 1);
    let by_bot = bench.say(1, json!({"text": "a"}), "bot:n:1").await.unwrap();
    assert_eq!(
        (&by_bot["author"]["type"], &by_bot["author"]["name"]),
        (&json!("bot"), &json!("Porter"))
    );
    assert_eq!(
        bench.say(1, json!({"text": "a"}), "gateway").await.unwrap()["author"]["type"],
        "system"
    );
}

#[tokio::test]
async fn fifty_at_once_get_numbers_without_gaps_in_the_order_of_the_thread() {
    let bench = Bench::new();
    let last = bench.get(67).await["last_message_number"].as_i64().unwrap();
    let sent: Vec<_> = (0..50)
        .map(|n| {
            let bench = bench.clone();
            tokio::spawn(async move {
                bench.say(2, json!({"text": format!("{n}")}), NOOR).await.unwrap()
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for one in sent {
        numbers.push(one.await.unwrap()["number"].as_i64().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (last + 1..=last + 50).collect::<Vec<_>>());
    let thread = bench.get(2).await;
    let messages = thread["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 53);
    for (index, message) in messages.iter().enumerate() {
        assert_eq!(message["sequence"], index);
        assert!(index < 3 || message["number"].as_i64() == Some(last + index as i64 - 2));
    }
}

#[tokio::test]
async fn the_same_key_writes_once_and_another_request_may_not_use_it() {
    let bench = Bench::new();
    let send =
        |key: &'static str, conversation: &'static str, text: &'static str, actor: &'static str| {
            let bench = bench.clone();
            async move {
                let given = [("conversation_id", conversation), ("Idempotency-Key", key)];
                bench.ask("messages.create", &given, json!({"text": text}), actor).await
            }
        };
    let first = send("k1", "n:1", "Hello", NOOR).await.unwrap();
    bench.minute();
    assert_eq!(send("k1", "n:1", "Hello", NOOR).await.unwrap(), first);
    for (conversation, text) in [("n:1", "Bye"), ("n:2", "Hello")] {
        let problem = send("k1", conversation, text, NOOR).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::IdempotencyKeyReused);
    }
    let other = send("k1", "n:1", "Hello", "agent:n:3").await.unwrap();
    assert_ne!(other["id"], first["id"], "another's key is another key");
    // What was refused may be tried again with the key.
    send("k2", "n:1", "", NOOR).await.unwrap_err();
    send("k2", "n:1", "Now with text", NOOR).await.unwrap();
    // A day later the key is free.
    for _ in 0..24 * 60 + 1 {
        bench.minute();
    }
    assert_ne!(send("k1", "n:1", "Hello", NOOR).await.unwrap()["id"], first["id"]);
}
