use serde_json::json;

use super::*;

#[tokio::test]
async fn parts_are_found_below_their_whole_and_counted() {
    let bench = Bench::new();
    let portal = [("portal_id", "x:slug:handbook"), ("include", "articles")];
    let before = bench.ask("portals.get", &portal, Value::Null, NOOR).await.unwrap();
    assert_eq!((&before["article_count"], &before["draft_count"]), (&json!(2), &json!(1)));
    assert!(before.get("categories").is_none(), "nobody asked for them");
    let body = json!({"title": "Ofen", "locale": "es", "status": "archived", "author_id": "n:2"});
    let made = bench.ask("articles.create", &portal[..1], body, NOOR).await.unwrap();
    assert_eq!((&made["portal_id"], &made["portal_slug"]), (&before["id"], &json!("handbook")));
    assert_eq!(made["author_number"], 2);
    let after = bench.ask("portals.get", &portal, Value::Null, NOOR).await.unwrap();
    assert_eq!((&after["article_count"], &after["archived_count"]), (&json!(3), &json!(1)));
    assert_eq!(after["locales"][1]["article_count"], 2);
    assert_eq!(after["articles"][2], made);
    assert_eq!(after["revision"], before["revision"], "a part is not the whole");

    // What names an agent lets them go.
    bench.ask("agents.delete", &[("agent_id", "n:2")], Value::Null, NOOR).await.unwrap();
    let after = bench.ask("portals.get", &portal, Value::Null, "agent:n:1").await.unwrap();
    assert_eq!(after["articles"][2]["author_id"], Value::Null);
}

#[tokio::test]
async fn what_a_part_names_is_there() {
    let bench = Bench::new();
    let ask = async |op: &str, portal: &str, body: Value| {
        bench.ask(op, &[("portal_id", portal)], body, NOOR).await
    };
    for portal in ["n:4711", "x:slug:nobody", "x:name:Handbook", "x:slug:"] {
        let problem = ask("categories.create", portal, json!({"name": "x"})).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::NotFound, "{portal}");
    }
    let twice = json!({"name": "x", "slug": "ORDERS", "locale": "en"});
    let problem = ask("categories.create", "n:1", twice.clone()).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/slug", "taken"));
    let other = json!({"name": "Second", "slug": "second"});
    bench.ask("portals.create", &[], other, NOOR).await.unwrap();
    assert_eq!(ask("categories.create", "x:slug:second", twice).await.unwrap()["portal_number"], 2);
    let lost = json!({"name": "x", "parent_id": "n:4711"});
    let problem = ask("categories.create", "n:1", lost).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/parent_id", "not_found"));
    let hook = json!({"app_id": "x:key:fax"});
    let problem = bench.ask("integrations.hooks.create", &[], hook, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/app_id", "not_found"));
}

#[tokio::test]
async fn a_secret_is_told_once_and_kept_nowhere() {
    let bench = Bench::new();
    let body = json!({"name": "Second bot"});
    let bot = bench.ask("bots.create", &[], body.clone(), NOOR).await.unwrap();
    let other = bench.ask("bots.create", &[], body, NOOR).await.unwrap();
    let secret = bot["access_token"].as_str().unwrap();
    assert!(secret.len() == 24 && secret.bytes().all(|b| b.is_ascii_alphanumeric()), "{secret}");
    assert_ne!(bot["access_token"], other["access_token"]);
    let named = [("bot_id", bot["id"].as_str().unwrap())];
    let patch = json!({"description": "x"});
    for (op, body) in [("bots.get", Value::Null), ("bots.update", patch)] {
        let shown = bench.ask(op, &named, body, NOOR).await.unwrap();
        assert_eq!(shown["access_token"], Value::Null, "{op}");
    }
    let problem = bench.ask("bots.update", &named, json!({"access_token": "x"}), NOOR).await;
    assert_eq!(pointer_and_code(&problem.unwrap_err()).1, "read_only");
    let hook = json!({"url": "https://hooks.example/c", "events": []});
    let hook = bench.ask("webhooks.create", &[], hook, NOOR).await.unwrap();
    assert!(hook["secret"].is_string());
}

#[tokio::test]
async fn everybody_has_their_own_profile() {
    let bench = Bench::new();
    let own = bench.ask("profile.get", &[], Value::Null, NOOR).await.unwrap();
    assert_eq!((&own["number"], &own["accounts"][0]["role"]), (&json!(2), &json!("agent")));
    let patch = json!({"signature": "Noor", "availability": "busy"});
    let own = bench.ask("profile.update", &[], patch, NOOR).await.unwrap();
    assert_eq!(own["accounts"][0]["availability"], "busy");
    let agent = bench.ask("agents.get", &[("agent_id", "n:2")], Value::Null, NOOR).await.unwrap();
    assert_eq!((&agent["availability"], &agent["revision"]), (&json!("busy"), &own["revision"]));
    let taken = json!({"email": "ADA.quist@demo.example"});
    let problem = bench.ask("profile.update", &[], taken, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/email", "taken"));
    for nobody in ["gateway", "bot:n:1", MIRA] {
        let problem = bench.ask("profile.get", &[], Value::Null, nobody).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::Forbidden, "{nobody}");
    }
}
