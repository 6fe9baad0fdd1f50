//! Settings, templates of channels, sending again, searching and counting.

use serde_json::json;

use super::*;

const ADA: &str = "agent:n:1";

#[tokio::test]
async fn settings_are_there_before_anybody_set_them() {
    let bench = Bench::new();
    let scope = [("scope", "integration")];
    let before = bench.ask("settings.get", &scope, Value::Null, NOOR).await.unwrap();
    assert_eq!(before["integration"]["webhooks_enabled"], false);
    assert_eq!((&before["general"], &before["revision"]), (&Value::Null, &json!("r0")));
    let patch = json!({"integration": {"webhook_url": "https://hooks.example/in"}});
    let after = bench.ask("settings.update", &scope, patch, NOOR).await.unwrap();
    assert_eq!(after["integration"]["webhook_url"], "https://hooks.example/in");
    assert_eq!(after["integration"]["webhooks_enabled"], false);
    let again = bench.ask("settings.get", &scope, Value::Null, NOOR).await.unwrap();
    assert_eq!(again, after);
    let foreign = json!({"general": {"force_close": true}});
    let problem = bench.ask("settings.update", &scope, foreign, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/general", "unknown"));
    let problem = bench.ask("settings.get", &scope, Value::Null, MIRA).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Forbidden);
}

/// Somebody is written to by a template, stays out of reach until they answer, and again a day later.
#[tokio::test]
async fn a_template_begins_and_the_answer_opens_for_a_day() {
    let bench = Bench::new();
    let template = |values: &[&str]| {
        let values: Vec<Value> =
            values.iter().map(|text| json!({"type": "text", "text": text})).collect();
        json!({"name": "pickup_ready", "parameters": [{"type": "body", "parameters": values}]})
    };
    let opening = |template: Value| {
        json!({
            "contact": {"phone_number": "+4917139200021", "name": "Marlene"},
            "message": {"blocks": [{"type": "template", "template": template}]},
        })
    };
    let problem =
        bench.ask("conversations.create", &[], opening(template(&["M."])), NOOR).await.unwrap_err();
    assert_eq!(problem.errors[0].pointer.as_deref(), Some("/message/blocks/0/template/parameters"));
    let made = bench
        .ask(
            "conversations.create",
            &[("include", "last_message")],
            opening(template(&["M.", "7"])),
            NOOR,
        )
        .await
        .unwrap();
    assert_eq!(made["last_message"]["body"]["text"], "Hello M., your order 7 is ready.\nDemo shop");
    assert_eq!(made["reply_window"]["template_required"], true);
    let talk = [("conversation_id", made["id"].as_str().unwrap())];
    let say = json!({"text": "Hello?"});
    let problem = bench.ask("messages.create", &talk, say.clone(), NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::ReplyWindowClosed);
    let usage = bench.ask("channel_usage.get", &[], Value::Null, NOOR).await.unwrap();
    assert_eq!(usage["data"][0]["business_initiated"]["used"], 1);

    // Once more to the same number is the same person and the same conversation.
    let again = bench
        .ask("conversations.create", &[], opening(template(&["M.", "8"])), NOOR)
        .await
        .unwrap();
    assert_eq!(again["id"], made["id"]);

    let answer = json!({"kind": "incoming", "text": "Yes"});
    bench.ask("messages.create", &talk, answer, NOOR).await.unwrap();
    bench.ask("messages.create", &talk, say.clone(), NOOR).await.unwrap();
    let problem = bench.ask("conversations.restart", &talk, Value::Null, NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Unprocessable);
    bench.later(SignedDuration::from_hours(25));
    let problem = bench.ask("messages.create", &talk, say, NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::ReplyWindowClosed);
    let sent = bench.ask("conversations.restart", &talk, Value::Null, NOOR).await.unwrap();
    assert_eq!(sent["body"]["text"], "Would you like to go on with our talk?");
    let usage = bench.ask("channel_usage.get", &[], Value::Null, NOOR).await.unwrap();
    assert_eq!(usage["data"][0]["business_initiated"]["used"], 1, "one person in a day");
}

#[tokio::test]
async fn what_was_said_is_said_again_with_copies_of_its_files() {
    let bench = Bench::new();
    let talk = [("conversation_id", "n:1")];
    let upload = json!({"url": "https://files.example/a.png", "kind": "image"});
    let file = bench.ask("attachments.upload", &[], upload, NOOR).await.unwrap();
    let body = json!({"text": "See", "attachment_ids": [file["id"]]});
    let said = bench.ask("messages.create", &talk, body, NOOR).await.unwrap();
    let named = [("conversation_id", "n:1"), ("message_id", said["id"].as_str().unwrap())];
    let again = bench.ask("messages.resend", &named, Value::Null, NOOR).await.unwrap();
    assert_eq!(again["body"], said["body"]);
    let (old, new) = (&said["attachments"][0], &again["attachments"][0]);
    assert_ne!(old["id"], new["id"]);
    assert_eq!((&old["url"], &old["kind"]), (&new["url"], &new["kind"]));
    assert_eq!(again["blocks"][1]["attachment_id"], new["id"]);
    let theirs = [("conversation_id", "n:1"), ("message_id", "n:1")];
    let problem = bench.ask("messages.resend", &theirs, Value::Null, NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Unprocessable);
}

#[tokio::test]
async fn messages_are_found_by_their_words() {
    let bench = Bench::new();
    let say = json!({"text": "The GREEN bicycle is at the workshop"});
    bench.ask("messages.create", &[("conversation_id", "n:1")], say, NOOR).await.unwrap();
    let find = async |body: Value| {
        let found = bench.ask("messages.search", &[], body, NOOR).await.unwrap();
        found["data"].as_array().unwrap().len()
    };
    assert_eq!(find(json!({"q": "bicycle green"})).await, 1);
    assert_eq!(find(json!({"q": "bicycle red"})).await, 0);
    assert_eq!(find(json!({"q": "bicycle", "conversation_id": "n:2"})).await, 0);
    assert_eq!(find(json!({"q": "bicycle", "author_types": ["bot"]})).await, 0);
    assert_eq!(find(json!({"q": "bicycle", "max_age_days": 1})).await, 1);
    bench.later(SignedDuration::from_hours(25));
    assert_eq!(find(json!({"q": "bicycle", "max_age_days": 1})).await, 0);
    let problem = bench.ask("messages.search", &[], json!({"q": "x"}), MIRA).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Forbidden);
}

/// Each figure moves by exactly what happened.
#[tokio::test]
async fn a_month_counts_what_happens_in_it() {
    let bench = Bench::new();
    let month = [("year", "2026"), ("month", "6")];
    let counts = async || bench.ask("metrics.get", &month, Value::Null, NOOR).await.unwrap();
    let before = counts().await;
    assert_eq!(before["customer_messages_count"], 0);
    assert_eq!(before["average_agent_response_time_minutes"], Value::Null);
    let talk = [("conversation_id", "n:1")];
    let asked = json!({"kind": "incoming", "text": "Still there?"});
    bench.ask("messages.create", &talk, asked, NOOR).await.unwrap();
    bench.later(SignedDuration::from_mins(6));
    bench.ask("messages.create", &talk, json!({"text": "Yes"}), NOOR).await.unwrap();
    let after = counts().await;
    let moved = |name: &str| after[name].as_i64().unwrap() - before[name].as_i64().unwrap();
    for (name, by) in [
        ("customer_messages_count", 1),
        ("agent_messages_count", 1),
        ("new_customers_count", 0),
        ("existing_customers_count", 1),
        ("fresh_conversations_count", 1),
    ] {
        assert_eq!(moved(name), by, "{name}");
    }
    assert_eq!(after["average_agent_response_time_minutes"], 6.0);
    for (year, month) in [("2025", "1"), ("2026", "7")] {
        let asked = [("year", year), ("month", month)];
        let problem = bench.ask("metrics.get", &asked, Value::Null, NOOR).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::NotFound, "{year}-{month}");
    }
}

#[tokio::test]
async fn who_may_see_somebody_follows_the_agents() {
    let bench = Bench::new();
    let named = [("identity_id", "n:2"), ("include", "agents")];
    let wanted = json!({"agent_ids": ["n:3", "n:2"]});
    let changed = bench.ask("identities.update", &named, wanted, ADA).await.unwrap();
    assert_eq!(
        (&changed["agents"][0]["number"], &changed["agents"][1]["number"]),
        (&json!(3), &json!(2))
    );
    let unknown = json!({"agent_ids": ["n:4711"]});
    let problem = bench.ask("identities.update", &named, unknown, ADA).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem).0, "/agent_ids/0");
    bench.ask("agents.delete", &[("agent_id", "n:3")], Value::Null, ADA).await.unwrap();
    let left = bench.ask("identities.get", &named, Value::Null, ADA).await.unwrap();
    assert_eq!(left["agents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn places_of_a_text_are_filled_in_the_time_of_the_inbox() {
    let bench = Bench::new();
    let body = |text: &str| {
        json!({"text": text, "nullable": ["none"], "placeholders": [
            {"word": "who", "field": "contact.name"},
            {"word": "day", "field": "now", "format": "dotted_date"},
            {"word": "time", "field": "now", "format": "time"},
            {"word": "none", "field": "contact.date_of_birth"},
        ]})
    };
    let named = [("conversation_id", "n:1")];
    let fill =
        async |text: &str| bench.ask("conversations.parse_text", &named, body(text), NOOR).await;
    // 12:00 UTC is 14:00 in Madrid.
    let filled = fill("$who$, $day$ $time$ $5 $who$$ $x$").await.unwrap();
    assert_eq!(filled["text"], "Mira Solano, 01.06.2026 14:00 $5 Mira Solano$ $x$");
    assert_eq!(fill("$").await.unwrap()["text"], "$");
    let mut wrong = body("x");
    wrong["placeholders"][0]["format"] = json!("time");
    let problem = bench.ask("conversations.parse_text", &named, wrong, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem).0, "/placeholders/0/format");
}

impl Bench {
    /// Time goes by.
    fn later(&self, by: SignedDuration) {
        let mut time = self.time.lock().unwrap();
        *time = time.checked_add(by).unwrap();
    }
}
