//! What a canonical backend answers about one conversation, made from the bodies that the mappings'
//! own examples are shown with.

use http::Method;
use serde_json::{Value, json};

use super::backend::Backend;

/// The conversation as each dialect addresses it.
pub(crate) const PUBLIC: &str =
    "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/418";
pub(crate) const ACCOUNT: &str = "/api/v1/accounts/1/conversations/418";
pub(crate) const THIRD_PARTY: &str = "/third-party/v1/conversations/418";
pub(crate) const CANONICAL: &str = "/v1/accounts/1/conversations/n:418";
/// Its messages, as the backend is asked for them.
pub(crate) const MESSAGES: &str = "/v1/accounts/1/conversations/n:418/messages";

/// Credentials.
pub(crate) const AGENT: &[(&str, &str)] = &[("api_access_token", "demo-agent")];
pub(crate) const BEARER: &[(&str, &str)] = &[("authorization", "Bearer demo-bearer")];
/// The address is the credential.
pub(crate) const NONE: &[(&str, &str)] = &[];

/// The four ways to read it: dialect, address, credential.
pub(crate) const READS: [(&str, &str, &[(&str, &str)]); 4] = [
    ("public-inbox", PUBLIC, NONE),
    ("account", ACCOUNT, AGENT),
    ("third-party", THIRD_PARTY, BEARER),
    ("canonical", CANONICAL, BEARER),
];

/// A whole conversation: visible messages, a note, an internal message and an activity.
pub(crate) fn conversation() -> Value {
    let text = include_str!("../../../mappings/canonical/examples/conversation.rich.json");
    serde_json::from_str(text).unwrap()
}

/// The conversation's message of this number.
pub(crate) fn message(number: u64) -> Value {
    let conversation = conversation();
    let messages = conversation["messages"].as_array().unwrap();
    messages.iter().find(|m| m["number"] == number).unwrap().clone()
}

/// A page of messages.
pub(crate) fn page(messages: &[Value]) -> String {
    json!({ "data": messages, "page": { "next": null, "prev": null, "limit": 20, "number": null, "total": messages.len() } }).to_string()
}

/// Makes the backend answer every question for an identity with the one of this source id.
pub(crate) fn know(backend: &Backend, source: &str) {
    let conversation = conversation();
    let verified = &conversation["contact_identity"]["verified"];
    know_as(backend, source, &conversation["contact_id"], verified);
}

/// The same, of this contact, who has proved who it is or has not.
pub(crate) fn know_as(backend: &Backend, source: &str, contact: &Value, verified: &Value) {
    let conversation = conversation();
    let mut identity = conversation["contact_identity"].clone();
    identity["source_id"] = json!(source);
    identity["inbox_id"] = conversation["inbox_id"].clone();
    identity["contact_id"] = contact.clone();
    identity["verified"] = verified.clone();
    // Where nobody knows, it is left out.
    identity.as_object_mut().unwrap().retain(|name, value| name != "verified" || !value.is_null());
    let page = json!({ "next": null, "prev": null, "limit": 1, "number": null, "total": null });
    let identities = json!({ "data": [identity], "page": page });
    backend.tell(Method::GET, "/v1/accounts/1/identities", 200, identities.to_string());
}

/// Makes the backend know the inbox, the contact's identity, the conversation and a page of its
/// messages.
pub(crate) fn serve(backend: &Backend) {
    let conversation = conversation();
    let inbox = json!({ "account_id": "1", "account_number": 1, "id": conversation["inbox_id"], "number": 12 });
    backend.tell(Method::GET, "/v1/resolve/inboxes/demo-inbox", 200, inbox.to_string());
    know(backend, "demo-contact");
    backend.tell(Method::GET, MESSAGES, 200, page(&[message(5003), message(5001)]));
    backend.tell(Method::POST, MESSAGES, 201, message(5001).to_string());
    show(backend, &conversation);
}

/// Makes the backend answer reads of the conversation, and writes to it, with this.
pub(crate) fn show(backend: &Backend, conversation: &Value) {
    for method in [Method::GET, Method::PATCH] {
        backend.tell(method, CANONICAL, 200, conversation.to_string());
    }
}

/// How often the backend was asked for the conversation.
pub(crate) fn reads(backend: &Backend) -> usize {
    backend.count(&Method::GET, CANONICAL)
}
