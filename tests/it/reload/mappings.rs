use serde_json::Value;

use super::{Desk, unwatched};
use crate::support::desk::{self, ACCOUNT, AGENT, BEARER, CANONICAL, THIRD_PARTY};

#[tokio::test]
async fn a_bad_mapping_is_refused_whole_and_what_was_served_stays() {
    let desk = Desk::new().await;
    let before = desk.client().get(ACCOUNT, AGENT).await.expect(200).body;
    desk.mappings.broken();
    // A good change beside it does not come through either.
    desk.write(&(unwatched(&desk.backend) + "telemetry: { server_timing: true }\n"));
    let told = desk.refused().await;
    assert_eq!((&told["trigger"], &told["generation"]), (&"admin".into(), &1.into()), "{told:#}");
    let problem = &told["diagnostics"][0];
    assert_eq!((&problem["code"], &problem["severity"]), (&"E0302".into(), &"error".into()));
    let file = desk.mappings.records().display().to_string();
    assert_eq!(problem["file"], file, "{told:#}");
    assert!(problem["help"].as_str().unwrap().contains("`$.subject`"), "{told:#}");
    let (line, column) = (&problem["line"], &problem["column"]);
    let text = told["text"].as_str().unwrap();
    assert!(text.starts_with("error[E0302]: "), "{text}");
    assert!(text.contains(&format!("{file}:{line}:{column}")), "{text}");

    let after = desk.client().get(ACCOUNT, AGENT).await.expect(200);
    assert_eq!((&after.body, after.header("server-timing")), (&before, ""));
    // It is told to whoever looks later.
    let last = desk.gateway.admin().get("/reload", &[]).await.expect(200).value();
    assert_eq!((&last["last"], &last["generation"]), (&told, &1.into()));
    let version = desk.gateway.admin().get("/version", &[]).await.expect(200).value();
    assert_eq!(version["generation"], 1);
    // Ready all the same: what is served is good.
    desk.gateway.admin().get("/ready", &[]).await.expect(200);
    let count = async |outcome| {
        desk.gateway.metric("deskbridge_reloads_total", &[("outcome", outcome)]).await
    };
    assert_eq!((count("refused").await, count("applied").await), (1.0, 0.0));

    desk.mappings.with_subject();
    desk.applied().await;
    let after = desk.client().get(ACCOUNT, AGENT).await.expect(200);
    assert!(!after.header("server-timing").is_empty());
    assert!(after.value()["subject"].is_string());
    assert_eq!((count("refused").await, count("applied").await), (1.0, 1.0));
    assert_eq!(desk.gateway.metric("deskbridge_config_generation", &[]).await, 2.0);
}

#[tokio::test]
async fn a_new_mapping_changes_what_is_made_of_a_cached_answer() {
    let desk = Desk::new().await;
    let client = desk.client();
    let digest = async || {
        let version = desk.gateway.admin().get("/version", &[]).await.expect(200).value();
        version["mappings"].as_str().unwrap().to_owned()
    };
    let first = digest().await;
    client.get(ACCOUNT, AGENT).await.expect(200);
    let old = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(old.header("cache-status").starts_with("deskbridge; hit"));
    assert_eq!(old.value().get("subject"), None);

    desk.mappings.with_subject();
    desk.applied().await;
    let new = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(new.header("cache-status").starts_with("deskbridge; hit"), "the answer is still there");
    assert_eq!(new.value()["subject"], desk::conversation()["subject"]);
    assert_ne!(new.header("etag"), old.header("etag"));
    assert_ne!(digest().await, first);

    // And back, while both renderings may hang on the entry.
    desk.mappings.as_shipped();
    desk.applied().await;
    assert_eq!(client.get(ACCOUNT, AGENT).await.expect(200).body, old.body);
    assert_eq!(digest().await, first);
    assert_eq!(desk::reads(&desk.backend), 1);
}

#[tokio::test]
async fn what_is_under_way_ends_as_it_began() {
    let desk = Desk::new().await;
    desk.backend.hold();
    let client = desk.client();
    let held = tokio::spawn(async move { client.get(ACCOUNT, AGENT).await });
    desk.backend.wait_for(1).await;
    desk.mappings.with_subject();
    desk.applied().await;
    let client = desk.client();
    let later = tokio::spawn(async move { client.get(ACCOUNT, AGENT).await });
    desk.backend.release();
    let (held, later) = (held.await.unwrap().expect(200), later.await.unwrap().expect(200));
    assert_eq!(held.value().get("subject"), None);
    assert!(later.value()["subject"].is_string());
}

/// What is read in one view for all dialects is a wider one when there are more of them.
#[tokio::test]
async fn an_entry_of_fewer_dialects_is_not_given_to_more() {
    let desk = Desk::new().await;
    let mounts = |dialects: &[&str]| -> String {
        let yaml = unwatched(&desk.backend);
        let other = |line: &str| {
            let mount = line.trim_start().starts_with("- { dialect:");
            !mount || dialects.iter().any(|d| line.contains(&format!("dialect: {d},")))
        };
        yaml.lines().filter(|line| other(line)).map(|line| format!("{line}\n")).collect()
    };
    desk.write(&mounts(&["account"]).replace(", chatwoot-account]", "]"));
    let yaml = mounts(&["account"]);
    assert_eq!(yaml.matches("{ dialect:").count(), 1, "{yaml}");
    desk.applied().await;
    desk.client().get(ACCOUNT, AGENT).await.expect(200);
    desk.client().get(THIRD_PARTY, BEARER).await.expect(404);
    let include = |n: usize| {
        let got = desk.backend.got();
        let asked: Vec<_> = got.iter().filter(|g| g.target.starts_with(CANONICAL)).collect();
        asked.get(n).map(|got| got.target.clone())
    };
    let narrow = include(0).unwrap();

    desk.write(&unwatched(&desk.backend));
    desk.applied().await;
    let wide = desk.client().get(THIRD_PARTY, BEARER).await.expect(200);
    assert!(wide.header("cache-status").contains("fwd=uri-miss"), "{}", wide.text());
    let wider = include(1).unwrap();
    assert!(narrow != wider && narrow.len() < wider.len(), "{narrow} {wider}");
    // Of that one, all of them live.
    desk.client().get(ACCOUNT, AGENT).await.expect(200);
    assert_eq!(include(2), None);
}

#[tokio::test]
async fn operators_see_the_routes_that_are_served() {
    let desk = Desk::new().await;
    let routes = async || -> Vec<Value> {
        let routes = desk.gateway.admin().get("/routes", &[]).await.expect(200).value();
        routes.as_array().unwrap().clone()
    };
    let before = routes().await.len();
    let file = desk.mappings.path().join("account/routes.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let again = "  conversations.once_more:
    request: GET /accounts/{account}/once-more/{number:int}
    undocumented: no page of the vendor has it
    call:
      operation: conversations.get
      path: { account_id: $principal.account, conversation_id: { at: $path.number, as: alias } }
    reply: { record: conversation }

";
    assert_eq!(text.matches("  messages.create:\n").count(), 1);
    let text = text.replace("  messages.create:\n", &format!("{again}  messages.create:\n"));
    std::fs::write(file, text).unwrap();
    let path = "/api/v1/accounts/1/once-more/418";
    desk.client().get(path, AGENT).await.expect(404);
    desk.applied().await;
    desk.client().get(path, AGENT).await.expect(200);
    assert!(routes().await.len() > before);
    // It is counted by its name.
    let labels = [("dialect", "account"), ("operation", "conversations.once_more")];
    assert_eq!(desk.gateway.metric("deskbridge_requests_total", &labels).await, 1.0);
}
