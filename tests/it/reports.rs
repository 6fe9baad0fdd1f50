//! Reports through the gateway: what is done in one dialect moves each figure of another by exactly
//! that, and what the cache says of figures is true.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::desk::{AGENT, BEARER};
use crate::support::gateway::Gateway;

const REPORTS: &str = "/api/v2/accounts/1/reports";
/// The figures that the account API has names for.
const COUNTS: [&str; 4] = [
    "conversations_count",
    "incoming_messages_count",
    "outgoing_messages_count",
    "resolutions_count",
];

/// On a sandbox whose clock stands still, an hour after midnight in Madrid.
const CONFIGURATION: &str = "
upstreams: { sandbox: { kind: sandbox } }
tenants: { demo: { upstream: sandbox } }
sandbox: { fixed_time: \"2026-06-30T23:00:00Z\" }
credentials:
  - { name: agent, secret: \"${env:AGENT_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:2\" }
  - { name: admin, secret: \"${env:OTHER_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:1\" }
  - { name: bearer, secret: \"${env:BEARER_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:1\", act_as: true }
";

/// Figures of so many seconds around that time: a question of its own for each number, so that no
/// answer is an old one.
async fn figures(client: &Client, prefix: &str, seconds: i64) -> Value {
    let now = 1_782_860_400;
    let range = format!("since={}&until={}", now - seconds, now + seconds);
    let summary = format!("{prefix}{REPORTS}/summary?type=account&{range}");
    let summary = client.get(&summary, AGENT).await.expect(200).value();
    // What the days of two zones add up to is the whole.
    for zone in ["2", "-7"] {
        for name in COUNTS {
            let series = format!("{prefix}{REPORTS}?metric={name}&type=account&{range}");
            let series = format!("{series}&timezone_offset={zone}&group_by=day");
            let days = client.get(&series, AGENT).await.expect(200).value();
            let days = days.as_array().unwrap();
            let value = |day: &Value| match &day["value"] {
                Value::String(text) => text.parse().unwrap(),
                number => number.as_i64().unwrap(),
            };
            let sum: i64 = days.iter().map(value).sum();
            assert_eq!(Some(sum), summary[name].as_i64(), "{name} {zone}");
            // The day began at ten in the evening here, and goes on until seven there.
            let filled = days.iter().find(|day| value(day) > 0);
            let begun = if zone == "2" { 1_782_856_800 } else { 1_782_802_800 };
            assert!(filled.is_none_or(|day| day["timestamp"] == begun), "{name} {zone}: {days:?}");
        }
    }
    summary
}

fn counts(summary: &Value) -> Vec<i64> {
    COUNTS.iter().map(|name| summary[name].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn each_figure_moves_by_exactly_what_was_done() {
    let gateway = Gateway::configured(CONFIGURATION).await;
    let client = gateway.client();
    for (round, prefix) in [(0, ""), (1, "/chatwoot")] {
        let begin = 1_000 * (round + 1);
        let before = figures(&client, prefix, begin).await;
        let all = counts(&before);
        let conversations = format!("{prefix}/api/v1/accounts/1/conversations");
        let body = json!({
            "inbox_id": 2, "contact_id": 3, "status": "open", "message": {"content": "Hello"},
        });
        let made =
            client.json(Method::POST, &conversations, AGENT, &body).await.expect(200).value();
        let number = made["id"].as_i64().unwrap();
        // What the agent said with it is a reply.
        let opened = figures(&client, prefix, begin + 1).await;
        assert_eq!(counts(&opened), [all[0] + 1, all[1], all[2] + 1, all[3]]);

        let messages = format!("/v1/accounts/1/conversations/n:{number}/messages");
        let said = json!({"kind": "incoming", "author": {"type": "contact"}, "text": "And?"});
        client.json(Method::POST, &messages, BEARER, &said).await.expect(201);
        let asked = figures(&client, prefix, begin + 2).await;
        assert_eq!(counts(&asked), [all[0] + 1, all[1] + 1, all[2] + 1, all[3]]);

        let messages = format!("{conversations}/{number}/messages");
        let said = json!({"content": "Yes"});
        client.json(Method::POST, &messages, AGENT, &said).await.expect(200);
        // A note is no message that goes out.
        let said = json!({"content": "To be paid", "private": true});
        client.json(Method::POST, &messages, AGENT, &said).await.expect(200);
        let replied = figures(&client, prefix, begin + 3).await;
        assert_eq!(counts(&replied), [all[0] + 1, all[1] + 1, all[2] + 2, all[3]]);

        let toggle = format!("{conversations}/{number}/toggle_status");
        client.json(Method::POST, &toggle, AGENT, &json!({"status": "resolved"})).await.expect(200);
        let resolved = figures(&client, prefix, begin + 4).await;
        assert_eq!(counts(&resolved), [all[0] + 1, all[1] + 1, all[2] + 2, all[3] + 1]);
        // No time passes here: whatever was waited for took none.
        let none = if prefix.is_empty() { json!("0.0") } else { json!(0.0) };
        for name in ["avg_first_response_time", "avg_resolution_time"] {
            assert_eq!(resolved[name], none, "{name}");
        }
        assert_eq!(resolved["previous"], before["previous"]);
    }
}

/// How long an answer is still good for, if it was a stored one.
fn kept(answer: &Answer) -> Option<u32> {
    let status = answer.header("cache-status");
    let ttl = status.strip_prefix("deskbridge; hit; ttl=")?;
    Some(ttl.parse().unwrap())
}

#[tokio::test]
async fn figures_are_as_old_as_the_cache_says() {
    let gateway = Gateway::configured(CONFIGURATION).await;
    let client = gateway.client();
    let summary = format!("{REPORTS}/summary?type=account");
    let now = format!("{REPORTS}/conversations?type=account");
    for path in [&summary, &now] {
        let first = client.get(path, AGENT).await.expect(200);
        assert_eq!(first.header("cache-status"), "deskbridge; fwd=uri-miss; stored", "{path}");
    }
    let (figures, waiting) = (client.get(&summary, AGENT).await, client.get(&now, AGENT).await);
    assert!(kept(&figures).is_some_and(|ttl| (50..=60).contains(&ttl)), "{:?}", figures.headers);
    assert!(kept(&waiting).is_some_and(|ttl| ttl <= 15), "{:?}", waiting.headers);
    let body = json!({"inbox_id": 2, "contact_id": 3, "status": "open"});
    let conversations = "/api/v1/accounts/1/conversations";
    client.json(Method::POST, conversations, AGENT, &body).await.expect(200);
    // No write takes figures back: the answer is the old one, and says so.
    let old = client.get(&summary, AGENT).await;
    assert!(kept(&old).is_some(), "{:?}", old.headers);
    assert_eq!(old.body, figures.body);
    // How many wait now is a list of conversations.
    let now = client.get(&now, AGENT).await;
    assert_eq!(kept(&now), None, "{:?}", now.headers);
    let open = |answer: &Answer| answer.value()["open"].as_i64().unwrap();
    assert_eq!(open(&now), open(&waiting) + 1);
    // Who is somebody else has answers of their own.
    let admin = [("api_access_token", "other-bearer")];
    let other = client.get(&summary, &admin).await;
    assert_eq!(kept(&other), None, "{:?}", other.headers);
    let count = |answer: &Answer| answer.value()["conversations_count"].as_i64().unwrap();
    assert_eq!(count(&other), count(&old) + 1);
}
