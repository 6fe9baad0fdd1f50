use serde_json::{Value, json};

use super::*;

fn entry(kind: &str, text: &str) -> (String, String) {
    (kind.to_owned(), text.to_owned())
}

#[tokio::test]
async fn resolving_and_reopening_are_told_and_dated() {
    let bench = Bench::new();
    let resolved = bench.update(2, json!({"status": "resolved"}), NOOR).await.unwrap();
    assert_eq!(resolved["resolved_at"], BEGIN);
    assert_eq!((&resolved["waiting_since"], &resolved["waiting_on"]), (&Value::Null, &Value::Null));
    assert_eq!(resolved["last_activity_at"], BEGIN);
    assert_eq!(
        bench.newest(2, 2).await,
        [
            entry("activity", "Noor Haddad marked the conversation resolved"),
            entry("template", "Please rate this conversation"),
        ]
    );
    let told = bench.get(2).await["messages"][3].clone();
    assert_eq!((&told["author"]["number"], &told["visibility"]), (&json!(2), &json!("internal")));
    assert_eq!(told["activity"]["type"], "status_changed");
    assert_eq!(
        (&told["activity"]["from"], &told["activity"]["to"]),
        (&json!("open"), &json!("resolved"))
    );

    let reopened = bench.update(2, json!({"status": "open"}), "agent:n:1").await.unwrap();
    assert_eq!((&reopened["status"], &reopened["resolved_at"]), (&json!("open"), &json!(BEGIN)));
    assert_eq!(
        bench.newest(2, 1).await,
        [entry("activity", "Ada Quist reopened the conversation")]
    );
}

#[tokio::test]
async fn what_changes_nothing_is_no_new_revision_and_no_entry() {
    let bench = Bench::new();
    let before = bench.get(1).await;
    let patch = json!({"status": "open", "priority": "high", "labels": ["billing", "vip"], "assignee_id": "n:2"});
    let after = bench.update(1, patch, NOOR).await.unwrap();
    assert_eq!(after["revision"], before["revision"]);
    assert_eq!(after["message_count"], before["message_count"]);
    let after = bench.update(1, json!({"subject": "Two charges"}), NOOR).await.unwrap();
    assert_ne!(after["revision"], before["revision"]);
    assert_eq!(after["message_count"], before["message_count"]);
}

#[tokio::test]
async fn assignee_team_priority_and_labels_are_told() {
    let bench = Bench::new();
    let patch = json!({"assignee_id": "n:3", "team_id": "n:2", "priority": "urgent", "labels": ["refund", "billing"]});
    let changed = bench.update(1, patch, NOOR).await.unwrap();
    assert_eq!((&changed["assignee_number"], &changed["team_number"]), (&json!(3), &json!(2)));
    assert_eq!(changed["assignee_last_seen_at"], Value::Null);
    let told = bench.newest(1, 4).await;
    assert_eq!(
        told,
        [
            entry("activity", "Noor Haddad assigned the conversation to Tomas Berg"),
            entry("activity", "Noor Haddad gave the conversation to technical"),
            entry("activity", "Noor Haddad set the priority to urgent"),
            entry("activity", "Noor Haddad added refund and removed vip"),
        ]
    );
    bench.update(1, json!({"assignee_id": null, "priority": null}), "gateway").await.unwrap();
    assert_eq!(
        bench.newest(1, 2).await,
        [
            entry("activity", "System removed the assignee"),
            entry("activity", "System removed the priority"),
        ]
    );
    bench.update(1, json!({"assignee_id": "n:2"}), NOOR).await.unwrap();
    assert_eq!(bench.newest(1, 1).await, [entry("activity", "Noor Haddad took the conversation")]);
}

#[tokio::test]
async fn a_snooze_comes_with_its_status_and_goes_with_it() {
    let bench = Bench::new();
    let snoozed = bench.update(1, json!({"status": "snoozed"}), NOOR).await.unwrap();
    let by = members(&snoozed["snooze"]);
    assert_eq!(
        (&by["until"], &by["wake_on_reply"], &by["set_at"]),
        (&Value::Null, &json!(false), &json!(BEGIN))
    );
    assert_eq!(by["set_by_number"], 2);
    assert_eq!(
        bench.newest(1, 1).await,
        [entry("activity", "Noor Haddad snoozed the conversation until the next reply")]
    );

    bench.minute();
    let until = json!({"snooze": {"until": "2099-05-01T00:00:00.000Z"}});
    let longer = bench.update(1, until, NOOR).await.unwrap();
    assert_eq!(
        (&longer["status"], &longer["snooze"]["until"]),
        (&json!("snoozed"), &json!("2099-05-01T00:00:00.000Z"))
    );
    assert_eq!(longer["snooze"]["set_at"], "2026-06-01T12:01:00.000Z");

    let open = bench.update(1, json!({"snooze": null}), NOOR).await.unwrap();
    assert_eq!((&open["status"], &open["snooze"]), (&json!("open"), &Value::Null));
    assert_eq!(bench.newest(1, 1).await, [entry("activity", "Noor Haddad ended the snooze")]);

    // Nulls below a snooze that is not there make none; a value makes one.
    let still = bench.update(1, json!({"snooze": {"until": null}}), NOOR).await.unwrap();
    assert_eq!((&still["status"], &still["snooze"]), (&json!("open"), &Value::Null));
    let made = bench.update(1, json!({"snooze": {"wake_on_reply": true}}), NOOR).await.unwrap();
    assert_eq!(
        (&made["status"], &made["snooze"]["wake_on_reply"]),
        (&json!("snoozed"), &json!(true))
    );

    let both = json!({"status": "resolved", "snooze": {"until": "2099-05-01T00:00:00.000Z"}});
    let problem = bench.update(1, both, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/snooze", "invalid"));
}

#[tokio::test]
async fn a_snooze_ends_with_its_time() {
    let bench = Bench::new();
    let patch = json!({"status": "snoozed", "snooze": {"until": "2026-06-01T12:00:30.000Z"}});
    bench.update(1, patch, NOOR).await.unwrap();
    assert_eq!(bench.get(1).await["status"], "snoozed");
    bench.minute();
    let open = bench.get(1).await;
    assert_eq!((&open["status"], &open["snooze"]), (&json!("open"), &Value::Null));
    // An end that had passed already is none.
    let patch = json!({"status": "snoozed", "snooze": {"until": "1970-01-01T00:00:00.000Z"}});
    bench.update(1, patch, NOOR).await.unwrap();
    assert_eq!(bench.get(1).await["status"], "snoozed");
}

#[tokio::test]
async fn attributes_are_merged_and_the_raw_word_goes_with_its_status() {
    let bench = Bench::new();
    let patch = json!({"custom_attributes": {"order_no": null, "seats": 3}, "status_raw": {"system": "other", "value": "to-do"}});
    let changed = bench.update(1, patch, NOOR).await.unwrap();
    assert_eq!(
        changed["custom_attributes"],
        json!({"attribute_key": "attribute_value", "priority_conversation_number": 3, "seats": 3})
    );
    assert_eq!(changed["status_raw"]["value"], "to-do");
    let changed = bench.update(1, json!({"status": "pending"}), NOOR).await.unwrap();
    assert_eq!(changed["status_raw"], Value::Null);
    let patch = json!({"status": "open", "status_raw": {"system": "other", "value": "doing"}});
    let changed = bench.update(1, patch, NOOR).await.unwrap();
    assert_eq!(changed["status_raw"]["value"], "doing");
}

#[tokio::test]
async fn bad_changes_name_the_place_and_change_nothing() {
    let bench = Bench::new();
    let before = bench.get(1).await;
    for (patch, pointer, code) in [
        (json!({"priority": "low", "assignee_id": "n:99"}), "/assignee_id", "not_found"),
        (json!({"priority": "low", "team_id": "tem_x"}), "/team_id", "not_found"),
        (json!({"bot_id": "n:5"}), "/bot_id", "not_found"),
        (json!({"status": "opne"}), "/status", "invalid"),
        (json!({"statsu": "open"}), "/statsu", "unknown"),
        (json!({"labels": "vip"}), "/labels", "wrong_type"),
        (json!({"unread_count": 0}), "/unread_count", "read_only"),
    ] {
        let problem = bench.update(1, patch, NOOR).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::ValidationFailed);
        assert_eq!(pointer_and_code(&problem), (pointer, code));
    }
    let mut request =
        bench.request("conversations.update", &[("conversation_id", "n:1")], &Value::Null, NOOR);
    request.body = "{\"status\":".into();
    let problem = bench.send(request).await.unwrap_err().into_problem();
    assert_eq!(problem.code, ProblemCode::MalformedJson);
    assert_eq!(bench.get(1).await, before);
}

#[tokio::test]
async fn a_contact_resolves_and_changes_nothing_else() {
    let bench = Bench::new();
    let resolved = bench.update(1, json!({"status": "resolved"}), MIRA).await.unwrap();
    assert_eq!(resolved["status"], "resolved");
    assert_eq!(
        bench.newest(1, 2).await,
        [
            entry("activity", "Mira Solano marked the conversation resolved"),
            entry("template", "Please rate this conversation"),
        ]
    );
    let problem = bench.update(1, json!({"assignee_id": null}), MIRA).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/assignee_id", "read_only"));
    let problem = bench.update(1, json!({"status": "open"}), JONAS).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::NotFound);
}

#[tokio::test]
async fn what_is_closed_stays_closed() {
    let bench = Bench::new();
    let problem = bench.update(7, json!({"status": "open"}), NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Unprocessable);
    let problem = bench.say(7, json!({"text": "Hello?"}), NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Unprocessable);
    bench.say(7, json!({"kind": "note", "text": "For the record"}), NOOR).await.unwrap();
}

#[tokio::test]
async fn a_revision_that_has_passed_is_refused() {
    let bench = Bench::new();
    let revision = bench.get(1).await["revision"].as_str().unwrap().to_owned();
    let patch = |tag: String| {
        let bench = bench.clone();
        async move {
            let given = [("conversation_id", "n:1"), ("If-Match", tag.as_str())];
            let patch = json!({"status": "pending"});
            bench.ask("conversations.update", &given, patch, NOOR).await
        }
    };
    let after = patch(format!("\"{revision}\"")).await.unwrap();
    assert_ne!(after["revision"], json!(revision));
    let problem = patch(format!("\"{revision}\"")).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::PreconditionFailed);
    let now = after["revision"].as_str().unwrap();
    patch(format!("\"other\", \"{now}\"")).await.unwrap();
    patch("*".to_owned()).await.unwrap();
    let request =
        bench.request("conversations.get", &[("conversation_id", "n:1")], &Value::Null, NOOR);
    assert_eq!(bench.send(request).await.unwrap().revision.as_deref(), Some(now));
}
