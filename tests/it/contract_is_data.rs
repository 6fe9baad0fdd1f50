//! The contract is a file: a field and an operation that no Rust knows are added to a copy of the
//! mappings and read through the shipped binary, from a backend that has them.

use std::path::Path;

use http::Method;
use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::desk::{self, ACCOUNT, AGENT, BEARER, CANONICAL};
use crate::support::gateway::{deskbridge, in_front_of};
use crate::support::shipped::{Shipped, configuration};

/// Puts text into a file of the copy, before the only line that is like this one.
fn insert(folder: &Path, file: &str, before: &str, text: &str) {
    let path = folder.join(file);
    let old = std::fs::read_to_string(&path).unwrap();
    assert_eq!(old.matches(before).count(), 1, "{file} has one `{before}`");
    std::fs::write(&path, old.replace(before, &format!("{text}{before}"))).unwrap();
}

/// A field of conversations in the contract.
const FIELD: &str =
    "            mood: {type: [string, 'null'], description: How the contact sounds.}\n";
/// The one line that shows it in the answers of a dialect.
const LINE: &str = "      mood: $.mood\n";
/// A new operation.
const OPERATION: &str = "  /accounts/{account_id}/conversations/{conversation_id}/summary:
    parameters:
      - $ref: '#/components/parameters/account_id'
      - $ref: '#/components/parameters/conversation_id'
    get:
      operationId: conversations.summary
      tags: [conversations]
      summary: A conversation in a sentence
      parameters:
        - {name: words, in: query, description: Most words., schema: {type: integer, minimum: 1, default: 20}}
      x-cache:
        scope: object
        ttl: 30s
        tags: ['conv:{conversation_id}']
      responses:
        '200':
          description: The sentence.
          content:
            application/json:
              schema: {$ref: '#/components/schemas/ConversationSummary'}
        default: {$ref: '#/components/responses/Problem'}

";
/// What it answers.
const SCHEMA: &str = "    ConversationSummary:
      type: object
      required: [text, mood, made_at]
      properties:
        text: {type: string}
        mood: {type: [string, 'null']}
        made_at: {$ref: '#/components/schemas/NullableTimestamp'}
";
/// The route of a dialect that asks for it.
const ROUTE: &str = "  conversations.summary:
    request: GET /accounts/{account}/conversations/{number:int}/summary
    undocumented: no page of the vendor has it
    query:
      words: $.words
    call:
      operation: conversations.summary
      path: { account_id: $principal.account, conversation_id: { at: $path.number, as: alias } }
    reply:
      fields:
        summary.text: $.text
        summary.tone: $.mood
        summary.made_at: { at: $.made_at, as: unix_seconds }

";

#[tokio::test]
async fn a_field_and_an_operation_are_added_without_rust() {
    let folder = tempfile::tempdir().unwrap();
    let mappings = folder.path().join("mappings");
    let copy = mappings.display().to_string();
    assert!(deskbridge(&["mappings", "export", &copy]).status.success());
    insert(&mappings, "canonical/openapi.yaml", "            muted: {type: boolean}\n", FIELD);
    let attachments = "  /accounts/{account_id}/attachments/{attachment_id}/content:\n";
    insert(&mappings, "canonical/openapi.yaml", attachments, OPERATION);
    insert(&mappings, "canonical/openapi.yaml", "    ConversationUpdate:\n", SCHEMA);
    insert(&mappings, "account/records.yaml", "      unread_count: { at: $.unread_count", LINE);
    insert(&mappings, "account/routes.yaml", "  messages.create:\n", ROUTE);
    // Everything fits. What is left to say: the examples do not show the field yet, the dialect's
    // document does not promise it, and the route has no example.
    let checked = deskbridge(&["check", &copy, "--format", "json"]);
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let problems = checked["problems"].as_array().unwrap();
    for problem in problems {
        let (code, file) = (problem["code"].as_str().unwrap(), problem["file"].as_str().unwrap());
        let shown = ["E0601", "E0604"].contains(&code);
        let examples = shown && file.contains("/account/examples/");
        assert!(examples || code == "E0602" && file.ends_with("routes.yaml"), "{problem:#}");
    }
    assert!(problems.len() >= 2, "{checked:#}");

    let backend = Backend::start().await;
    desk::serve(&backend);
    let mut conversation = desk::conversation();
    conversation["mood"] = json!("cross");
    desk::show(&backend, &conversation);
    let summary =
        json!({ "text": "Charged twice.", "mood": "cross", "made_at": "2026-05-11T14:00:12.000Z" });
    let address = format!("{CANONICAL}/summary");
    backend.tell(Method::GET, &address, 200, summary.to_string());
    let (_kept, file) = configuration(&in_front_of(&backend.address.to_string(), ""));
    let gateway = Shipped::start(&["--config", &file, "--mappings", &copy]).await;
    let client = gateway.client();

    // The field, in the dialect that shows it and on the canonical address, from one question.
    let shown = client.get(ACCOUNT, AGENT).await.expect(200).value();
    assert_eq!(shown["mood"], "cross");
    let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
    let at = keys.iter().position(|k| *k == "mood").unwrap();
    assert_eq!(keys[at + 1], "unread_count", "keys come in the order of the file");
    let canonical = client.get(CANONICAL, BEARER).await.expect(200).value();
    assert_eq!(canonical["mood"], "cross");
    assert_eq!(desk::reads(&backend), 1);

    // The operation, the same way: asked once, kept, and described to operators.
    let path = format!("{ACCOUNT}/summary?words=5");
    let answer = client.get(&path, AGENT).await.expect(200);
    let expected =
        json!({ "summary": { "text": "Charged twice.", "tone": "cross", "made_at": 1778508012 } });
    assert_eq!(answer.value(), expected);
    let answer = client.get(&format!("{address}?words=5"), BEARER).await.expect(200);
    assert_eq!(answer.value(), summary);
    assert!(answer.header("cache-status").starts_with("deskbridge; hit"), "{answer:?}");
    let asked = backend.got().into_iter().filter(|got| got.target.contains("/summary"));
    let asked: Vec<String> = asked.map(|got| got.target).collect();
    assert_eq!(asked, [format!("{address}?words=5")]);
    client.get(&format!("{address}?words=none"), BEARER).await.expect(422);
    let routes = gateway.admin().get("/routes", &[]).await.expect(200).value();
    let listed = |dialect: &str| {
        let is =
            |r: &&Value| r["dialect"] == dialect && r["operations"][0] == "conversations.summary";
        routes.as_array().unwrap().iter().filter(is).count()
    };
    assert_eq!((listed("account"), listed("canonical")), (1, 1));
    // A write to the conversation makes the summary old, because the contract says so.
    client
        .json(Method::POST, &format!("{ACCOUNT}/messages"), AGENT, &json!({ "content": "x" }))
        .await
        .expect(200);
    let again = client.get(&path, AGENT).await.expect(200);
    assert_eq!(again.header("cache-status"), "deskbridge; fwd=uri-miss; stored");
    let text = gateway.admin().get("/metrics", &[]).await.expect(200);
    let counted = "deskbridge_upstream_requests_total{operation=\"conversations.summary\",outcome=\"success\",upstream=\"main\"} 2";
    assert!(String::from_utf8_lossy(&text.body).contains(counted));
}
