//! One conversation from its beginning to its end, through three dialects, each of which sees at
//! every step what it may see, and nothing old.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::desk::{AGENT, BEARER, NONE};
use crate::support::gateway::Gateway;

const INBOX: &str = "/public/api/v1/inboxes/demo-inbox";

/// Where each of the three finds the conversation.
struct Desk {
    client: Client,
    public: String,
    account: String,
    bearer: String,
}

/// What one of them sees: the status in its words, and who says what, oldest first.
type Seen = (String, Vec<(String, String)>);

fn seen(status: &str, said: &[(&str, &str)]) -> Seen {
    (status.to_owned(), said.iter().map(|(who, text)| ((*who).into(), (*text).into())).collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A list of messages as who says what.
fn said(list: &Value, one: impl Fn(&Value) -> (String, String)) -> Vec<(String, String)> {
    list.as_array().unwrap().iter().map(one).collect()
}

impl Desk {
    async fn read(&self, path: &str, credential: &[(&str, &str)]) -> Value {
        self.client.get(path, credential).await.expect(200).value()
    }

    async fn post(&self, path: &str, credential: &[(&str, &str)], body: Value) -> Value {
        self.client.json(Method::POST, path, credential, &body).await.expect(200).value()
    }

    /// The contact's view. The thread inside the conversation and the list of it are one.
    async fn as_contact(&self) -> Seen {
        let conversation = self.read(&self.public, NONE).await;
        let list = self.read(&format!("{}/messages", self.public), NONE).await;
        assert_eq!(conversation["messages"], list);
        let one = |m: &Value| (text(&m["sender"]["name"]), text(&m["content"]));
        (text(&conversation["status"]), said(&list, one))
    }

    /// The agent's view: notes and activities too.
    async fn as_agent(&self) -> Seen {
        let conversation = self.read(&self.account, AGENT).await;
        let list = self.read(&format!("{}/messages", self.account), AGENT).await;
        let one = |m: &Value| {
            let who = match (text(&m["message_type"]).as_str(), m["private"] == true) {
                ("activity", _) => "–".to_owned(),
                (_, true) => format!("({})", text(&m["sender"]["name"])),
                _ => text(&m["sender"]["name"]),
            };
            (who, text(&m["content"]))
        };
        (text(&conversation["status"]), said(&list, one))
    }

    /// The other system's view: newest first, notes apart.
    async fn as_bearer(&self) -> (Seen, String) {
        let conversation = &self.read(&self.bearer, BEARER).await["data"];
        let list = self.read(&format!("{}/messages", self.bearer), BEARER).await;
        let one = |m: &Value| (text(&m["from"]), text(&m["contents"][0]["content"]));
        let mut list = said(&list["data"], one);
        list.reverse();
        let note = text(&conversation["latest_note"]["text"]);
        ((text(&conversation["status"]), list), note)
    }
}

const QUESTION: &str = "Where is my parcel?";
const ANSWER: &str = "It is on its way.";
const NOTE: &str = "She has asked twice already.";
const MORE: &str = "It comes tomorrow before noon.";
const END: &str = "Nadia Petit marked the conversation resolved";
const ASKED: &str = "Please rate this conversation";

#[tokio::test]
async fn a_conversation_is_opened_answered_continued_and_resolved_through_three_dialects() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    // A client of the public API introduces itself and opens a conversation.
    let contact = json!({ "name": "Nadia Petit", "email": "nadia.petit@mail.example" });
    let contact = client.json(Method::POST, &format!("{INBOX}/contacts"), NONE, &contact).await;
    let source = text(&contact.expect(200).value()["source_id"]);
    let conversations = format!("{INBOX}/contacts/{source}/conversations");
    let opened = client.json(Method::POST, &conversations, NONE, &json!({})).await.expect(200);
    let number = opened.value()["id"].as_u64().unwrap();
    let desk = Desk {
        client,
        public: format!("{conversations}/{number}"),
        account: format!("/api/v1/accounts/1/conversations/{number}"),
        bearer: format!("/third-party/v1/conversations/{number}"),
    };
    assert_eq!(desk.as_contact().await, seen("pending", &[]));
    assert_eq!(desk.as_agent().await, seen("pending", &[]));
    assert_eq!(desk.as_bearer().await, (seen("in-progress", &[]), String::new()));

    desk.post(&format!("{}/messages", desk.public), NONE, json!({ "content": QUESTION })).await;
    let mut thread = vec![("Nadia Petit", QUESTION)];
    let mut other = vec![("customer", QUESTION)];
    assert_eq!(desk.as_contact().await, seen("pending", &thread));
    assert_eq!(desk.as_agent().await, seen("pending", &thread));
    assert_eq!(desk.as_bearer().await, (seen("in-progress", &other), String::new()));

    // An agent answers through the account API, with a private note besides.
    let messages = format!("{}/messages", desk.account);
    desk.post(&messages, AGENT, json!({ "content": ANSWER })).await;
    desk.post(&messages, AGENT, json!({ "content": NOTE, "private": true })).await;
    thread.push(("Noor Haddad", ANSWER));
    other.push(("agent", ANSWER));
    let mut inside = thread.clone();
    inside.push(("(Noor Haddad)", NOTE));
    assert_eq!(desk.as_contact().await, seen("pending", &thread));
    assert_eq!(desk.as_agent().await, seen("pending", &inside));
    assert_eq!(desk.as_bearer().await, (seen("in-progress", &other), NOTE.to_owned()));

    // Another system goes on, with its own token.
    let body = json!({ "type": "text", "text": { "content": MORE } });
    desk.post(&format!("{}/messages", desk.bearer), BEARER, body).await;
    let own = &desk.read(&messages, AGENT).await[3];
    let writer = text(&own["sender"]["name"]);
    thread.push((&writer, MORE));
    inside.push((&writer, MORE));
    other.push(("agent", MORE));
    assert_eq!(desk.as_contact().await, seen("pending", &thread));
    assert_eq!(desk.as_agent().await, seen("pending", &inside));
    assert_eq!(desk.as_bearer().await, (seen("in-progress", &other), NOTE.to_owned()));

    // Who opened it resolves it. Of how that came about, the contact sees nothing.
    // All of them see the question how it was.
    desk.post(&format!("{}/toggle_status", desk.public), NONE, json!({})).await;
    thread.push(("", ASKED));
    inside.extend([("–", END), ("System", ASKED)]);
    other.extend([("system", END), ("system", ASKED)]);
    assert_eq!(desk.as_contact().await, seen("resolved", &thread));
    assert_eq!(desk.as_agent().await, seen("resolved", &inside));
    assert_eq!(desk.as_bearer().await, (seen("done", &other), NOTE.to_owned()));

    // Nobody had to ask the backend for what another had just read.
    let again = desk.client.get(&desk.account, AGENT).await.expect(200);
    assert!(again.header("cache-status").starts_with("deskbridge; hit"), "{again:?}");
    // Another contact of the inbox knows nothing of it.
    let stranger = format!("{INBOX}/contacts/demo-contact/conversations/{number}");
    desk.client.get(&stranger, NONE).await.expect(404);
}
