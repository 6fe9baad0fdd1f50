use serde_json::{Value, json};

use super::*;
const ILSE: &str = "agent:n:5";

impl Bench {
    async fn inbox(
        &self,
        verb: &str,
        id: &str,
        body: Value,
        actor: &str,
    ) -> Result<Value, Problem> {
        self.ask(&format!("inboxes.{verb}"), &[("inbox_id", id)], body, actor).await
    }

    async fn numbers(&self, operation: &str, actor: &str) -> Vec<i64> {
        self.all(operation, &[], &Value::Null, actor).await
    }
}

#[tokio::test]
async fn a_channel_is_written_and_its_secrets_are_told_nobody() {
    let bench = Bench::new();
    let channel = json!({
        "type": "email", "address": "a@shop.example", "provider": "imap",
        "config": {"imap_port": 993, "imap_login": "a"}, "secrets": {"imap_password": "hush-hush"},
    });
    let body = json!({"name": "Post", "channel": channel});
    let made = bench.ask("inboxes.create", &[], body.clone(), NOOR).await.unwrap();
    let next = bench.ask("inboxes.create", &[], body, NOOR).await.unwrap();
    let name = |inbox: &Value| inbox["identifier"].as_str().unwrap().to_owned();
    assert!(name(&made).len() == 32 && name(&made) != name(&next), "nobody guesses it");
    let main = &made["channels"][0];
    assert_eq!((&main["type"], &main["address"]), (&json!("email"), &json!("a@shop.example")));
    assert_eq!(main["config"], json!({"imap_port": 993, "imap_login": "a"}));
    assert_eq!(main["number"], made["number"]);
    assert_ne!(main["id"], next["channels"][0]["id"]);
    assert_eq!((&made["connected"], &made["timezone"]), (&json!(true), &json!("UTC")));
    assert_eq!(made["working_hours"].as_array().unwrap().len(), 7);

    // A merge patch of the main channel; its type stays what it is.
    let id = made["id"].as_str().unwrap();
    let patch = json!({"channel": {
        "address": "b@shop.example", "config": {"imap_port": null, "imap_enabled": true},
        "secrets": {"imap_password": "hush-again", "smtp_password": "hush-too"},
    }});
    let changed = bench.inbox("update", id, patch.clone(), NOOR).await.unwrap();
    let main = &changed["channels"][0];
    assert_eq!((&main["type"], &main["address"]), (&json!("email"), &json!("b@shop.example")));
    assert_eq!(main["config"], json!({"imap_login": "a", "imap_enabled": true}));
    assert_eq!(changed["revision"], "r2");
    // The same once more changes nothing, another password does.
    let again = bench.inbox("update", id, patch, NOOR).await.unwrap();
    assert_eq!(again["revision"], "r2");
    let secret = json!({"channel": {"secrets": {"smtp_password": null}}});
    assert_eq!(bench.inbox("update", id, secret, NOOR).await.unwrap()["revision"], "r3");
    let problem = bench.inbox("update", id, json!({"channel": {"type": "api"}}), NOOR).await;
    assert_eq!(problem.unwrap_err().code, ProblemCode::ValidationFailed);
    let now = bench.inbox("get", id, Value::Null, NOOR).await.unwrap();
    for shown in [&made, &changed, &now] {
        assert!(!shown.to_string().contains("hush"), "{shown}");
    }
}

#[tokio::test]
async fn only_a_limited_agent_is_held_to_the_inboxes_of_theirs() {
    let bench = Bench::new();
    let of =
        async |id: &str, actor: &str| bench.inbox("members.list", id, Value::Null, actor).await;
    let named = |shown: &Value| -> Vec<i64> {
        shown["data"].as_array().unwrap().iter().map(|a| a["number"].as_i64().unwrap()).collect()
    };
    assert_eq!(named(&of("n:1", NOOR).await.unwrap()), [2, 3]);
    assert_eq!(named(&of("n:2", ILSE).await.unwrap()), [2, 5]);
    assert_eq!(of("n:1", ILSE).await.unwrap_err().code, ProblemCode::NotFound);
    assert_eq!(of("n:1", MIRA).await.unwrap_err().code, ProblemCode::Forbidden);

    let every = bench.numbers("conversations.list", NOOR).await;
    let few = bench.numbers("conversations.list", ILSE).await;
    assert!(few.len() < every.len() && bench.numbers("inboxes.list", ILSE).await == [2]);
    let open = [("conversation_id", "n:1")];
    let look = async || bench.ask("conversations.get", &open, Value::Null, ILSE).await;
    assert_eq!(look().await.unwrap_err().code, ProblemCode::NotFound);
    let change = json!({"add": ["n:5"], "remove": ["n:2"]});
    let changed = bench.inbox("members.change", "n:1", change, NOOR).await.unwrap();
    assert_eq!(named(&changed), [3, 5]);
    look().await.unwrap();
    assert_eq!(bench.numbers("inboxes.list", ILSE).await, [1, 2]);
    // Who works in no inbox and is not limited sees every one of them.
    assert_eq!(bench.numbers("conversations.list", NOOR).await, every);

    bench.inbox("members.replace", "n:1", json!({"agent_ids": []}), NOOR).await.unwrap();
    assert_eq!(look().await.unwrap_err().code, ProblemCode::NotFound);
    let promoted = [("agent_id", "n:5")];
    bench.ask("agents.update", &promoted, json!({"role": "agent"}), NOOR).await.unwrap();
    look().await.unwrap();
    bench.ask("agents.update", &promoted, json!({"role": "limited"}), NOOR).await.unwrap();
    bench.inbox("members.replace", "n:2", json!({"agent_ids": []}), NOOR).await.unwrap();
    assert_eq!(bench.numbers("inboxes.list", ILSE).await, [0; 0], "none is not all");
}

#[tokio::test]
async fn a_contact_is_reached_where_it_is_known_or_has_an_address() {
    let bench = Bench::new();
    let make = async |name: &str, kind: &str| {
        let body = json!({"name": name, "channel": {"type": kind}});
        bench.ask("inboxes.create", &[], body, NOOR).await.unwrap()["number"].clone()
    };
    let (app, page) = (make("App", "api").await, make("Page", "web").await);
    let body = json!({"name": "Vera", "email": "vera@mail.example"});
    let vera = bench.ask("contacts.create", &[], body, NOOR).await.unwrap();
    let of = [("contact_id", vera["id"].as_str().unwrap())];
    let reach = async |more: &[(&str, &str)], actor: &str| {
        let given = [&of[..], more].concat();
        bench.ask("identities.list", &given, Value::Null, actor).await.unwrap()
    };
    assert_eq!(reach(&[], NOOR).await["reachable"], json!([]), "only if asked");
    let asked = [("reachable", "true"), ("include", "identity_inbox")];
    let shown = reach(&asked, NOOR).await;
    let all = shown["reachable"].as_array().unwrap();
    let found = |number: &Value| all.iter().find(|one| one["inbox_number"] == *number);
    // By mail, and in channels that clients bring themselves; she has no number, and on a page
    // somebody has to begin.
    assert!(
        all.iter().all(|one| ["api", "email"].contains(&one["channel_type"].as_str().unwrap()))
    );
    let mail = found(&json!(4)).unwrap();
    assert_eq!(
        (&mail["source_id"], &mail["identity_id"]),
        (&json!("vera@mail.example"), &Value::Null)
    );
    assert_eq!(mail["inbox"]["name"], "Support mail");
    assert!(found(&app).is_some() && found(&page).is_none());

    // Where she is known, it is by the name she has there, in a page, too.
    for (number, source) in [(&app, "vera-1"), (&page, "vera-2")] {
        let body =
            json!({"inbox_id": format!("n:{number}"), "source_id": source, "verified": true});
        let made = bench.ask("identities.create", &of, body, NOOR).await.unwrap();
        assert_eq!(made["verified"], true);
        let shown = reach(&asked, NOOR).await;
        let all = shown["reachable"].as_array().unwrap();
        let known = all.iter().find(|one| one["inbox_number"] == *number).unwrap();
        assert_eq!((&known["source_id"], &known["identity_id"]), (&json!(source), &made["id"]));
    }
    let shown = reach(&asked, ILSE).await;
    assert_eq!(shown["reachable"], json!([]), "nor does she hear of other inboxes");
}

#[tokio::test]
async fn what_is_in_an_inbox_goes_with_it() {
    let bench = Bench::new();
    let body = json!({"name": "Door", "channel": {"type": "api"}});
    let made = bench.ask("inboxes.create", &[], body, NOOR).await.unwrap();
    let id = made["id"].as_str().unwrap();
    let body = json!({"inbox_id": id, "contact_id": "n:1", "message": {"text": "Hello"}});
    let opened = bench.ask("conversations.create", &[], body, NOOR).await.unwrap();
    bench.inbox("members.replace", id, json!({"agent_ids": ["n:2"]}), NOOR).await.unwrap();
    let body = json!({"text": "x", "inbox_ids": [id, "n:1"]});
    let prepared = bench.ask("canned_responses.create", &[], body, NOOR).await.unwrap();
    let before = bench.numbers("conversations.list", NOOR).await.len();

    let gone = bench.inbox("delete", id, Value::Null, NOOR).await.unwrap();
    assert_eq!(gone["number"], made["number"]);
    let open = [("conversation_id", opened["id"].as_str().unwrap())];
    let problem = bench.ask("conversations.get", &open, Value::Null, NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::NotFound);
    assert_eq!(bench.numbers("conversations.list", NOOR).await.len(), before - 1);
    let identities =
        bench.ask("identities.list", &[("contact_id", "n:1")], Value::Null, NOOR).await;
    let identities = identities.unwrap();
    assert!(identities["data"].as_array().unwrap().iter().all(|one| one["inbox_id"] != id));
    let noor = bench.ask("agents.get", &[("agent_id", "n:2")], Value::Null, NOOR).await.unwrap();
    assert!(!noor["inbox_ids"].as_array().unwrap().contains(&json!(id)));
    let given = [("canned_response_id", prepared["id"].as_str().unwrap())];
    let prepared = bench.ask("canned_responses.get", &given, Value::Null, NOOR).await.unwrap();
    assert_eq!(prepared["inbox_ids"].as_array().unwrap().len(), 1);
}
