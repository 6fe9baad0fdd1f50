use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn every_conversation_is_what_the_contract_says() {
    let bench = Bench::new();
    for number in 1..=67 {
        let conversation = bench.get(number).await;
        assert_eq!(conversation["number"], number);
        assert!(conversation["id"].as_str().unwrap().starts_with("cnv_"));
    }
}

#[tokio::test]
async fn the_five_are_as_described() {
    let bench = Bench::new();
    let one = bench.get(1).await;
    assert_eq!(one["status"], "open");
    assert_eq!(one["contact"]["number"], 1);
    assert_eq!(one["contact_identity"]["source_id"], "demo-contact");
    let types: Vec<&str> = one["messages"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|m| m["blocks"].as_array().unwrap())
        .map(|b| b["type"].as_str().unwrap())
        .collect();
    for due in ["text", "image", "audio", "choices", "cards", "form", "location", "contact_card"] {
        assert!(types.contains(&due), "{due}");
    }
    let two = bench.get(2).await;
    assert_eq!(two["contact_identity"]["source_id"], "demo-contact-2");
    let blocks =
        two["messages"].as_array().unwrap().iter().flat_map(|m| m["blocks"].as_array().unwrap());
    assert!(blocks.clone().count() > 1 && blocks.into_iter().all(|b| b["type"] == "text"));
    let three = bench.get(3).await;
    assert_eq!(
        (&three["status"], &three["snooze"]["until"]),
        (&json!("snoozed"), &json!("2099-01-04T09:00:00.000Z"))
    );
    assert_eq!(bench.get(4).await["status"], "resolved");
    let five = bench.get(5).await;
    assert_eq!((&five["status"], &five["assignee_id"]), (&json!("pending"), &Value::Null));
}

/// What dialects show of conversations 1 and 2 has a value in one of them. Not: what an open
/// conversation cannot have, what other systems' merges and deletions leave behind, and the raw
/// words of systems that these conversations never were in.
#[tokio::test]
async fn conversations_1_and_2_leave_no_member_empty() {
    const WITHOUT: [&str; 19] = [
        "snooze",
        "resolved_at",
        "closed_at",
        "csat_id",
        "bot_id",
        "bot_number",
        "merged_into_id",
        "merged_into_number",
        "merged_from_id",
        "merged_from_number",
        "email",
        "edited_at",
        "scheduled_for",
        "deleted_at",
        "html",
        "markdown",
        "stripped_text",
        "content_id",
        "is_member",
    ];
    fn gather(value: &Value, path: &str, seen: &mut std::collections::BTreeMap<String, bool>) {
        let filled = match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => {
                items.iter().for_each(|item| gather(item, &format!("{path}[]"), seen));
                !items.is_empty()
            }
            Value::Object(object) => {
                object.iter().for_each(|(k, v)| gather(v, &format!("{path}.{k}"), seen));
                !object.is_empty()
            }
            _ => true,
        };
        *seen.entry(path.to_owned()).or_default() |= filled;
    }
    let bench = Bench::new();
    let mut seen = std::collections::BTreeMap::new();
    gather(&bench.get(1).await, "$", &mut seen);
    gather(&bench.get(2).await, "$", &mut seen);
    let shown = |path: &&String| {
        let name = path.rsplit(['.', ']']).next().unwrap_or_default();
        let aside = name.ends_with("_raw") || name == "raw" || WITHOUT.contains(&name);
        // Shown by no dialect from these places, or filled in a place beside it.
        let elsewhere = [
            "_message.attachments",
            "participants[]",
            "$.last_note.",
            "external_ids",
            "extensions",
            ".sla",
            ".activity",
            ".blocks[]",
            ".author",
            ".inbox.",
        ];
        !aside && !elsewhere.iter().any(|part| path.contains(part))
    };
    let empty: Vec<&String> =
        seen.iter().filter(|(_, filled)| !**filled).map(|(p, _)| p).filter(shown).collect();
    assert_eq!(empty, Vec::<&String>::new());
}

#[tokio::test]
async fn a_conversation_has_several_names_and_a_stranger_has_none() {
    let bench = Bench::new();
    let id = bench.get(1).await["id"].as_str().unwrap().to_owned();
    let uuid = format!("u:{}", bench.get(1).await["uuid"].as_str().unwrap().to_uppercase());
    for name in [id.as_str(), "n:1", &uuid, "x:zendesk:35436"] {
        let found =
            bench.ask("conversations.get", &[("conversation_id", name)], Value::Null, NOOR).await;
        assert_eq!(found.unwrap()["number"], 1, "{name}");
    }
    for name in
        ["n:999", "n:9999999999999999", "1", "cnv_x", "x:zendesk:1", "u:nonsense", "n:1 OR 1=1"]
    {
        let found =
            bench.ask("conversations.get", &[("conversation_id", name)], Value::Null, NOOR).await;
        assert_eq!(found.unwrap_err().code, ProblemCode::NotFound, "{name}");
    }
    let other = [("account_id", "2"), ("conversation_id", "n:1")];
    let found = bench.ask("conversations.get", &other, Value::Null, NOOR).await;
    assert_eq!(found.unwrap_err().code, ProblemCode::NotFound);
}

#[tokio::test]
async fn includes_and_limits_are_what_was_asked_for() {
    let bench = Bench::new();
    let bare = bench
        .ask("conversations.get", &[("conversation_id", "n:1")], Value::Null, NOOR)
        .await
        .unwrap();
    assert!(EVERYTHING.iter().all(|name| !members(&bare).contains_key(*name)));
    let given = [
        ("conversation_id", "n:1"),
        ("include", "messages"),
        ("include", "team"),
        ("messages_limit", "2"),
        ("messages_visibility", "public"),
    ];
    let some = bench.ask("conversations.get", &given, Value::Null, NOOR).await.unwrap();
    assert_eq!(some["messages"].as_array().unwrap().len(), 2);
    assert_eq!(some["messages"][1]["id"], some["last_message_id"]);
    assert_eq!(some["team"]["name"], "billing desk");
    let given = [("conversation_id", "n:2"), ("include", "team")];
    let none = bench.ask("conversations.get", &given, Value::Null, NOOR).await.unwrap();
    assert_eq!(members(&none).get("team"), Some(&Value::Null));
    let wrong = [("conversation_id", "n:1"), ("messages_limit", "many")];
    let problem = bench.ask("conversations.get", &wrong, Value::Null, NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::BadRequest);
    assert_eq!(problem.errors[0].parameter.as_deref(), Some("messages_limit"));
}

#[tokio::test]
async fn a_contact_sees_their_own_conversations_and_nothing_internal() {
    let bench = Bench::new();
    let given = [("conversation_id", "n:1"), ("include", "messages"), ("include", "last_note")];
    let own = bench.ask("conversations.get", &given, Value::Null, MIRA).await.unwrap();
    let messages = own["messages"].as_array().unwrap();
    assert!(messages.len() > 10 && messages.iter().all(|m| m["visibility"] == "public"));
    assert_eq!(own["last_note"], Value::Null);
    for operation in ["conversations.get", "messages.list"] {
        let foreign = bench.ask(operation, &[("conversation_id", "n:1")], Value::Null, JONAS).await;
        assert_eq!(foreign.unwrap_err().code, ProblemCode::NotFound);
    }
    let list =
        bench.ask("messages.list", &[("conversation_id", "n:1")], Value::Null, MIRA).await.unwrap();
    assert!(list["data"].as_array().unwrap().iter().all(|m| m["visibility"] == "public"));
    let nobody = bench.ask("conversations.get", &given, Value::Null, "agent:n:99").await;
    assert_eq!(nobody.unwrap_err().code, ProblemCode::Forbidden);
}

#[tokio::test]
async fn inboxes_and_identities_are_found() {
    let bench = Bench::new();
    let inbox = bench
        .ask("resolve.inbox", &[("identifier", "demo-inbox")], Value::Null, "gateway")
        .await
        .unwrap();
    assert_eq!((&inbox["account_id"], &inbox["number"]), (&json!("1"), &json!(1)));
    let none =
        bench.ask("resolve.inbox", &[("identifier", "nowhere")], Value::Null, "gateway").await;
    assert_eq!(none.unwrap_err().code, ProblemCode::NotFound);

    let id = inbox["id"].as_str().unwrap();
    let given =
        [("inbox_id", id), ("source_id", "demo-contact"), ("include", "contact"), ("limit", "1")];
    let found = bench.ask("identities.find", &given, Value::Null, "gateway").await.unwrap();
    assert_eq!(found["data"][0]["contact"]["name"], "Mira Solano");
    let given = [("inbox_id", "n:2"), ("source_id", "demo-contact")];
    let found = bench.ask("identities.find", &given, Value::Null, "gateway").await.unwrap();
    assert_eq!(found["data"], json!([]));

    let mut cursor = None::<String>;
    let mut numbers = Vec::new();
    loop {
        let mut given = vec![("limit", "4")];
        given.extend(cursor.as_deref().map(|c| ("cursor", c)));
        let page = bench.ask("identities.find", &given, Value::Null, "gateway").await.unwrap();
        numbers
            .extend(page["data"].as_array().unwrap().iter().map(|i| i["number"].as_i64().unwrap()));
        cursor = page["page"]["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(numbers, (1..=46).collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_of_messages_meet_without_gap_or_overlap_in_both_orders() {
    let bench = Bench::new();
    let all = bench.get(1).await;
    let all: Vec<&Value> = all["messages"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
    for order in ["asc", "desc"] {
        let mut seen = Vec::new();
        let mut pages = vec![None::<String>];
        while let Some(Some(_)) | Some(None) = pages.last() {
            let mut given = vec![("conversation_id", "n:1"), ("limit", "5"), ("order", order)];
            let cursor = pages.last().cloned().flatten();
            given.extend(cursor.as_deref().map(|c| ("cursor", c)));
            let page = bench.ask("messages.list", &given, Value::Null, NOOR).await.unwrap();
            assert_eq!(page["page"]["prev"].is_null(), cursor.is_none());
            if let Some(prev) = page["page"]["prev"].as_str() {
                let mut back = given.clone();
                back.retain(|(name, _)| *name != "cursor");
                back.push(("cursor", prev));
                let before = bench.ask("messages.list", &back, Value::Null, NOOR).await.unwrap();
                let ids: Vec<&Value> =
                    before["data"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
                let from = seen.len() - 5;
                assert_eq!(ids, seen[from..].iter().collect::<Vec<_>>());
            }
            seen.extend(page["data"].as_array().unwrap().iter().map(|m| m["id"].clone()));
            match page["page"]["next"].as_str() {
                Some(next) => pages.push(Some(next.to_owned())),
                None => break,
            }
        }
        if order == "desc" {
            seen.reverse();
        }
        assert_eq!(seen.iter().collect::<Vec<_>>(), all);
    }
}

#[tokio::test]
async fn messages_are_chosen_by_place_kind_and_visibility() {
    let bench = Bench::new();
    let list = |given: Vec<(&'static str, &'static str)>| {
        let bench = bench.clone();
        async move {
            let given = [vec![("conversation_id", "n:1")], given].concat();
            let page = bench.ask("messages.list", &given, Value::Null, NOOR).await.unwrap();
            let number = |m: &Value| m["number"].as_i64().unwrap();
            page["data"].as_array().unwrap().iter().map(number).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(vec![("before", "n:4")]).await, [1, 2, 3]);
    assert_eq!(list(vec![("after", "n:2"), ("before", "n:6")]).await, [3, 4, 5]);
    assert_eq!(list(vec![("order", "desc"), ("before", "n:4"), ("limit", "2")]).await, [3, 2]);
    assert_eq!(list(vec![("kind", "note"), ("kind", "activity")]).await, [5, 7, 15]);
    assert_eq!(list(vec![("visibility", "internal")]).await, [5, 7, 15]);
    // Counted over the account: no message of this conversation, and still a divide.
    assert_eq!(list(vec![("before", "n:9999")]).await.len(), 17);
    for (name, value) in
        [("before", "msg_unknown"), ("kind", "letter"), ("cursor", "x"), ("limit", "0")]
    {
        let given = [("conversation_id", "n:1"), (name, value)];
        let problem = bench.ask("messages.list", &given, Value::Null, NOOR).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::BadRequest, "{name}");
    }
    let page = bench
        .ask("messages.list", &[("conversation_id", "n:1"), ("limit", "2")], Value::Null, NOOR)
        .await
        .unwrap();
    let next = page["page"]["next"].as_str().unwrap();
    let given =
        [("conversation_id", "n:1"), ("limit", "2"), ("cursor", next), ("visibility", "public")];
    let problem = bench.ask("messages.list", &given, Value::Null, NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::BadRequest, "a cursor of another question");
}

#[tokio::test]
async fn the_link_of_an_attachment_works_and_an_alias_opens_nothing() {
    let bench = Bench::new();
    let one = bench.get(1).await;
    let attachment =
        one["messages"].as_array().unwrap().iter().find_map(|m| m["attachments"].get(0)).unwrap();
    let url = attachment["url"].as_str().unwrap();
    let id = attachment["id"].as_str().unwrap();
    assert_eq!(url, format!("http://desk.test/v1/accounts/1/attachments/{id}/content"));
    let request =
        bench.request("attachments.content", &[("attachment_id", id)], &Value::Null, "gateway");
    let payload = bench.send(request).await.unwrap();
    assert_eq!(payload.content.as_ref().map(|c| &*c.media), Some("image/png"));
    assert!(payload.body.starts_with(b"\x89PNG"));
    assert_eq!(attachment["size"], payload.body.len());
    for other in ["n:4", "att_nothing"] {
        let request = bench.request(
            "attachments.content",
            &[("attachment_id", other)],
            &Value::Null,
            "gateway",
        );
        let problem = bench.send(request).await.unwrap_err().into_problem();
        assert_eq!(problem.code, ProblemCode::NotFound);
    }
}
