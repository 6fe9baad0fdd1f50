use std::fs;

use serde_json::json;

use super::{Desk, reload, unwatched};
use crate::support::desk::{self, ACCOUNT, AGENT, THIRD_PARTY};
use crate::support::gateway::Gateway;

#[tokio::test]
async fn a_removed_credential_is_refused_at_once_although_its_answers_are_cached() {
    let desk = Desk::new().await;
    let client = desk.client();
    client.get(ACCOUNT, AGENT).await.expect(200);
    client.get(ACCOUNT, AGENT).await.expect(200);
    let new: &[(&str, &str)] = &[("api_access_token", "new-agent")];
    client.get(ACCOUNT, new).await.expect(401);
    fs::write(desk.gateway.folder.path().join("agent.secret"), "new-agent").unwrap();
    let yaml = unwatched(&desk.backend).replace("${env:AGENT_TOKEN}", "${file:agent.secret}");
    desk.write(&yaml);
    desk.applied().await;
    client.get(ACCOUNT, AGENT).await.expect(401);
    let answer = client.get(ACCOUNT, new).await.expect(200);
    assert!(answer.header("cache-status").starts_with("deskbridge; hit"), "{}", answer.text());
    assert_eq!(desk::reads(&desk.backend), 1);

    // The secret alone changes, too.
    fs::write(desk.gateway.folder.path().join("agent.secret"), "newer-agent").unwrap();
    desk.applied().await;
    client.get(ACCOUNT, new).await.expect(401);
    client.get(ACCOUNT, &[("api_access_token", "newer-agent")]).await.expect(200);
    // And is missing: the last one that was known stays good.
    fs::remove_file(desk.gateway.folder.path().join("agent.secret")).unwrap();
    let told = desk.refused().await;
    assert_eq!(told["diagnostics"][0]["code"], "E0803", "{told:#}");
    assert!(!told.to_string().contains("newer-agent"));
    client.get(ACCOUNT, &[("api_access_token", "newer-agent")]).await.expect(200);
}

#[tokio::test]
async fn mounts_come_and_go() {
    let desk = Desk::new().await;
    let (client, new) = (desk.client(), format!("/new{ACCOUNT}"));
    client.get(&new, AGENT).await.expect(404);
    let mount = "  - { dialect: account, tenant: demo }\n";
    let yaml = unwatched(&desk.backend);
    assert!(yaml.contains(mount));
    let more = format!("{mount}  - {{ dialect: account, tenant: demo, prefix: /new }}\n");
    desk.write(&yaml.replace(mount, &more));
    desk.applied().await;
    client.get(&new, AGENT).await.expect(200);
    client.get(ACCOUNT, AGENT).await.expect(200);
    let config = desk.gateway.admin().get("/config", &[]).await.expect(200).value();
    assert!(config["mounts"].to_string().contains("/new"), "{config:#}");
    desk.write(&yaml);
    desk.applied().await;
    client.get(&new, AGENT).await.expect(404);
}

#[tokio::test]
async fn the_cache_can_be_switched_off_and_on() {
    let desk = Desk::new().await;
    let client = desk.client();
    client.get(ACCOUNT, AGENT).await.expect(200);
    desk.write(&(unwatched(&desk.backend) + "cache: { enabled: false }\n"));
    desk.applied().await;
    let off = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(off.header("cache-status").contains("fwd=bypass"), "{}", off.text());
    assert_eq!(desk::reads(&desk.backend), 2);
    // A write, while nobody looks into the store, still makes what is in it forgotten.
    let body = json!({ "content": "hello", "message_type": "outgoing" });
    let messages = format!("{ACCOUNT}/messages");
    client.json(http::Method::POST, &messages, AGENT, &body).await.expect(200);
    desk.write(&unwatched(&desk.backend));
    desk.applied().await;
    let on = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(on.header("cache-status").contains("fwd=uri-miss"), "{}", on.text());
    let on = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(on.header("cache-status").starts_with("deskbridge; hit"), "{}", on.text());
}

#[tokio::test]
async fn limits_hold_from_then_on() {
    let desk = Desk::new().await;
    let (client, messages) = (desk.client(), format!("{ACCOUNT}/messages"));
    let long = json!({ "content": "x".repeat(2000), "message_type": "outgoing" });
    let send = async || client.json(http::Method::POST, &messages, AGENT, &long).await;
    send().await.expect(200);
    desk.write(&(unwatched(&desk.backend) + "limits: { max_body: 1KiB }\n"));
    desk.applied().await;
    send().await.expect(413);
}

#[tokio::test]
async fn what_only_a_restart_can_change_is_refused_by_its_name() {
    let desk = Desk::new().await;
    let yaml = unwatched(&desk.backend);
    for (more, keys) in [
        ("cache: { max_bytes: 2MiB }\n", vec!["cache.max_bytes"]),
        ("telemetry: { log: text, server_timing: true }\n", vec!["telemetry.log"]),
        (
            "telemetry: { log: text }\ncache: { max_bytes: 2MiB, enabled: false }\n",
            vec!["cache.max_bytes", "telemetry.log"],
        ),
    ] {
        desk.write(&format!("{yaml}{more}"));
        let told = desk.refused().await;
        let all = told["diagnostics"].as_array().unwrap();
        assert_eq!(all.len(), keys.len(), "{told:#}");
        let text = told["text"].as_str().unwrap();
        for (problem, key) in all.iter().zip(keys) {
            assert_eq!(problem["code"], "E0804", "{told:#}");
            assert!(text.contains(&format!("`{key}` cannot change while")), "{text}");
            assert!(problem["help"].as_str().unwrap().contains("restart"), "{told:#}");
            let file = desk.gateway.folder.path().join("deskbridge.yaml").display().to_string();
            assert_eq!(problem["file"], file);
        }
    }
    let answer = desk.client().get(ACCOUNT, AGENT).await.expect(200);
    assert_eq!(answer.header("server-timing"), "");

    // The contract, and a mapping that is wrong: both are told.
    desk.write(&yaml);
    let contract = desk.mappings.path().join("canonical/openapi.yaml");
    fs::create_dir_all(contract.parent().unwrap()).unwrap();
    let shipped = deskbridge::dialect::embedded::Files::embedded();
    let text = shipped.read("canonical/openapi.yaml").unwrap().into_owned();
    fs::write(&contract, format!("{text}# changed\n")).unwrap();
    desk.mappings.broken();
    let told = desk.refused().await;
    let codes: Vec<_> =
        told["diagnostics"].as_array().unwrap().iter().map(|d| &d["code"]).collect();
    assert!(codes.contains(&&json!("E0804")) && codes.contains(&&json!("E0302")), "{told:#}");
}

#[tokio::test]
async fn wrong_and_unchanged_configurations_change_nothing() {
    let desk = Desk::new().await;
    let yaml = unwatched(&desk.backend);
    let told = desk.reload().await.expect(200).value();
    assert_eq!((&told["outcome"], &told["generation"]), (&json!("unchanged"), &json!(1)));
    desk.write(&(yaml.clone() + "limits: { max_bodi: 1KiB }\n"));
    let told = desk.refused().await;
    assert!(told["text"].as_str().unwrap().contains("did you mean `max_body`?"), "{told:#}");
    let renamed = yaml.replacen("{ dialect: account,", "{ dialect: acount,", 1);
    desk.write(&renamed);
    assert_eq!(desk.refused().await["diagnostics"][0]["code"], "E0312");
    desk.write(&yaml);
    let told = desk.reload().await.expect(200).value();
    assert_eq!(told["outcome"], "unchanged", "{told:#}");
    desk.client().get(THIRD_PARTY, desk::BEARER).await.expect(200);
    let unchanged = [("outcome", "unchanged")];
    assert_eq!(desk.gateway.metric("deskbridge_reloads_total", &unchanged).await, 2.0);
}

#[tokio::test]
async fn without_files_there_is_nothing_to_reload() {
    let gateway = Gateway::sandbox().await;
    let told = reload(&gateway.admin()).await.expect(200).value();
    assert_eq!(told["outcome"], "unchanged");
    assert!(told["detail"].as_str().unwrap().contains("without files"), "{told:#}");
    let config = gateway.admin().get("/config", &[]).await.expect(200).value();
    assert_eq!(config["reload"]["watch"], false);
}
