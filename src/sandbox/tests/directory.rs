use serde_json::{Value, json};

use super::*;

/// Mira's other identity, which has proved who it is.
const MIRA_PROVED: &str = "contact-identity:n:9";

#[tokio::test]
async fn a_contact_sees_and_changes_itself_only() {
    let bench = Bench::new();
    let ask = async |operation: &str, given: &[(&str, &str)], body: Value, actor: &str| {
        bench.ask(operation, given, body, actor).await
    };
    let own = [("contact_id", "n:1"), ("include", "identities")];
    let seen = ask("contacts.get", &own, Value::Null, MIRA).await.unwrap();
    assert_eq!(seen["identities"].as_array().unwrap().len(), 1);
    let seen = ask("contacts.get", &own, Value::Null, MIRA_PROVED).await.unwrap();
    assert_eq!(seen["identities"].as_array().unwrap().len(), 2);
    assert_eq!(bench.all("contacts.list", &[], &Value::Null, MIRA).await, [1]);
    assert_eq!(bench.all("identities.find", &[], &Value::Null, MIRA).await, [1]);
    assert_eq!(bench.all("identities.find", &[], &Value::Null, MIRA_PROVED).await, [1, 9]);
    assert_eq!(bench.all("inboxes.list", &[], &Value::Null, MIRA).await, [1]);
    let changed = ask("contacts.update", &own, json!({"name": "M."}), MIRA).await.unwrap();
    assert_eq!(changed["name"], "M.");
    let problem = ask("contacts.update", &own, json!({"labels": []}), MIRA).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/labels", "read_only"));
    for (operation, given) in [
        ("contacts.get", [("contact_id", "n:2")]),
        ("contacts.labels.list", [("contact_id", "n:2")]),
        ("identities.list", [("contact_id", "n:2")]),
        ("identities.get", [("identity_id", "n:9")]),
        ("inboxes.get", [("inbox_id", "n:2")]),
    ] {
        let problem = ask(operation, &given, Value::Null, MIRA).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::NotFound, "{operation}");
    }
    for (operation, given, body) in [
        ("contacts.create", [("include", "identity")], json!({"name": "x"})),
        ("contacts.delete", [("contact_id", "n:1")], Value::Null),
        ("contacts.labels.replace", [("contact_id", "n:1")], json!({"labels": []})),
        ("identities.create", [("contact_id", "n:1")], json!({"inbox_id": "n:2"})),
        ("agents.list", [("limit", "5")], Value::Null),
        ("teams.get", [("team_id", "n:1")], Value::Null),
        ("labels.list", [("limit", "5")], Value::Null),
    ] {
        let problem = ask(operation, &given, body, MIRA).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::Forbidden, "{operation}");
    }
}

#[tokio::test]
async fn identities_are_listed_read_and_made() {
    let bench = Bench::new();
    let given = [("contact_id", "n:1"), ("include", "identity_inbox"), ("include", "contact")];
    let list = bench.ask("identities.list", &given, Value::Null, NOOR).await.unwrap();
    assert_eq!(data(&list).len(), 2);
    assert_eq!(
        (&list["data"][1]["inbox"]["number"], &list["data"][1]["contact"]["number"]),
        (&json!(2), &json!(1))
    );
    let one =
        bench.ask("identities.get", &[("identity_id", "n:9")], Value::Null, NOOR).await.unwrap();
    assert_eq!((&one["id"], one.get("contact")), (&list["data"][1]["id"], None));
    let make = async |body: Value| bench.ask("identities.create", &given, body, NOOR).await;
    let made = make(json!({"inbox_id": "n:3", "display_name": "M"})).await.unwrap();
    assert_eq!((&made["source_id"], &made["display_name"]), (&json!("34611223344"), &json!("M")));
    let again = make(json!({"inbox_id": "n:3"})).await.unwrap();
    assert_eq!(again["id"], made["id"], "the one there is");
    let problem =
        make(json!({"inbox_id": "n:1", "source_id": "demo-contact-2"})).await.unwrap_err();
    assert_eq!(
        (problem.code, pointer_and_code(&problem)),
        (ProblemCode::Conflict, ("/source_id", "taken"))
    );
}

#[tokio::test]
async fn the_directory_is_listed_and_read_by_the_contract() {
    let bench = Bench::new();
    for (list, get, id, count) in [
        ("inboxes.list", "inboxes.get", "inbox_id", 7),
        ("agents.list", "agents.get", "agent_id", 6),
        ("teams.list", "teams.get", "team_id", 4),
        ("labels.list", "labels.get", "label_id", 7),
    ] {
        let all = bench.all(list, &[("limit", "2")], &Value::Null, NOOR).await;
        assert_eq!(all, (1..=count).collect::<Vec<_>>(), "{list}");
        let back =
            bench.all(list, &[("sort", "-number"), ("limit", "3")], &Value::Null, NOOR).await;
        assert_eq!(back, (1..=count).rev().collect::<Vec<_>>(), "{list}");
        let page = bench
            .ask(list, &[("sort", "name"), ("count", "exact")], Value::Null, NOOR)
            .await
            .unwrap();
        let mut sorted = names(&page);
        sorted.sort_by_key(|name| name.to_lowercase());
        assert_eq!((names(&page), &page["page"]["total"]), (sorted, &json!(count)), "{list}");
        for one in data(&page) {
            let read = bench
                .ask(get, &[(id, one["id"].as_str().unwrap())], Value::Null, NOOR)
                .await
                .unwrap();
            assert_eq!(&read, one, "{get}");
        }
        let problem = bench.ask(get, &[(id, "n:99")], Value::Null, NOOR).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::NotFound, "{get}");
    }
    let one = |list: &'static str, name: &'static str, value: &'static str| {
        let bench = bench.clone();
        async move { bench.all(list, &[(name, value)], &Value::Null, NOOR).await }
    };
    assert_eq!(one("inboxes.list", "identifier", "demo-mail").await, [4]);
    assert_eq!(one("agents.list", "email", "NOOR.haddad@demo.example").await, [2]);
    assert_eq!(one("labels.list", "name", "vip").await, [3]);
    assert_eq!(one("labels.list", "name", "nothing").await, [0_i64; 0]);
    let member = async |actor: &str| {
        bench.ask("teams.get", &[("team_id", "n:1")], Value::Null, actor).await.unwrap()["is_member"].clone()
    };
    assert_eq!(
        (member(NOOR).await, member("agent:n:3").await, member("gateway").await),
        (json!(true), json!(false), Value::Null)
    );
    let inbox = bench.ask("inboxes.get", &[("inbox_id", "n:1")], Value::Null, NOOR).await.unwrap();
    assert!(inbox["unread_conversations_count"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn an_agent_of_some_inboxes_sees_no_other() {
    let bench = Bench::new();
    const ILSE: &str = "agent:n:5";
    assert_eq!(bench.all("inboxes.list", &[], &Value::Null, ILSE).await, [2]);
    assert_eq!(bench.all("agents.list", &[], &Value::Null, ILSE).await.len(), 6);
    let inbox =
        async |id: &str| bench.ask("inboxes.get", &[("inbox_id", id)], Value::Null, ILSE).await;
    assert_eq!(inbox("n:2").await.unwrap()["name"], "Website");
    assert_eq!(inbox("n:1").await.unwrap_err().code, ProblemCode::NotFound);
}

/// Where nothing may be left to chance, the same requests make the same answers; else a name that
/// the sandbox makes up cannot be guessed.
#[tokio::test]
async fn names_are_made_up_at_random_or_follow_from_a_number() {
    let made = async |bench: &Bench| {
        let body = json!({ "inbox_id": "n:1" });
        let given = [("contact_id", "n:4")];
        let made = bench.ask("identities.create", &given, body, NOOR).await.unwrap();
        made["source_id"].as_str().unwrap().to_owned()
    };
    let repeatable = || Bench::with(Params { repeatable: true, ..params() });
    let (one, two) = (repeatable(), repeatable());
    let names = [made(&one).await, made(&one).await, made(&two).await, made(&two).await];
    assert_eq!(names[..2], names[2..]);
    assert_ne!(names[0], names[1]);
    assert_eq!(names[0].len(), 36);
    assert_ne!(made(&Bench::new()).await, made(&Bench::new()).await);
}
