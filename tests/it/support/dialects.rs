//! The four ways to ask for the same conversation: where, and with what.

use super::client::{Answer, Client};
use http::Method;
use serde_json::Value;

/// A dialect as its clients see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    pub(crate) name: &'static str,
    /// What stands before a conversation's number.
    pub(crate) conversations: &'static str,
    /// What every request carries.
    pub(crate) credential: &'static [(&'static str, &'static str)],
}

/// As the contact of conversations 1 and 4.
pub(crate) const PUBLIC: Dialect = Dialect {
    name: "public-inbox",
    conversations: "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/",
    credential: &[],
};
/// As agent 2.
pub(crate) const ACCOUNT: Dialect = Dialect {
    name: "account",
    conversations: "/api/v1/accounts/1/conversations/",
    credential: &[("api_access_token", "demo-agent")],
};
pub(crate) const BEARER: Dialect = Dialect {
    name: "third-party",
    conversations: "/third-party/v1/conversations/",
    credential: &[("authorization", "Bearer demo-bearer")],
};
pub(crate) const CANONICAL: Dialect = Dialect {
    name: "canonical",
    conversations: "/v1/accounts/1/conversations/n:",
    credential: &[("authorization", "Bearer demo-bearer")],
};
pub(crate) const ALL: [Dialect; 4] = [PUBLIC, ACCOUNT, BEARER, CANONICAL];

/// `demo-contact-2` instead, whose conversation is 2.
pub(crate) const PUBLIC_2: Dialect = Dialect {
    conversations: "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact-2/conversations/",
    ..PUBLIC
};
/// `demo-contact-3`, whose are 3 and 7.
pub(crate) const PUBLIC_3: Dialect = Dialect {
    conversations: "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact-3/conversations/",
    ..PUBLIC
};

impl Dialect {
    /// Whether its errors have this status, this text and these (field, text, code); the whole body
    /// is compared.
    #[track_caller]
    pub(crate) fn assert_refusal(&self, answer: &Answer, status: u16) {
        assert_eq!(
            answer.status,
            status,
            "{} {}",
            self.name,
            String::from_utf8_lossy(&answer.body)
        );
        let body = answer.value();
        let media = answer.header("content-type");
        match self.name {
            "canonical" => {
                assert_eq!(media, "application/problem+json");
                let keys = ["type", "title", "status", "detail", "code", "errors", "retry_after_s"];
                assert_eq!(keys_of(&body), keys, "{body}");
                assert_eq!(body["status"], status);
            }
            "third-party" => {
                assert_eq!(media, "application/json");
                assert!(body["message"].as_str().is_some_and(|m| !m.is_empty()), "{body}");
                let keys = keys_of(&body);
                assert!(keys == ["message"] || keys == ["message", "errors"], "{body}");
                for (_, texts) in body["errors"].as_object().into_iter().flatten() {
                    assert!(texts[0].is_string(), "{body}");
                }
            }
            _ => {
                assert_eq!(media, "application/json");
                assert_eq!(keys_of(&body), ["description", "errors"], "{body}");
                assert!(body["description"].as_str().is_some_and(|m| !m.is_empty()), "{body}");
                for error in body["errors"].as_array().unwrap() {
                    assert_eq!(keys_of(error), ["field", "message", "code"], "{body}");
                }
            }
        }
    }

    /// The names of the fields that a refusal blames.
    pub(crate) fn blamed(&self, answer: &Answer) -> Vec<String> {
        let body = answer.value();
        match &body["errors"] {
            Value::Object(fields) => fields.keys().cloned().collect(),
            Value::Array(list) => {
                list.iter().map(|e| e["field"].as_str().unwrap_or_default().to_owned()).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) async fn get(&self, client: &Client, rest: impl std::fmt::Display) -> Answer {
        client.get(&format!("{}{rest}", self.conversations), self.credential).await
    }

    pub(crate) async fn send(
        &self,
        client: &Client,
        method: Method,
        rest: impl std::fmt::Display,
        body: &Value,
    ) -> Answer {
        client.json(method, &format!("{}{rest}", self.conversations), self.credential, body).await
    }

    pub(crate) async fn post(
        &self,
        client: &Client,
        rest: impl std::fmt::Display,
        body: &Value,
    ) -> Answer {
        self.send(client, Method::POST, rest, body).await
    }

    pub(crate) async fn patch(
        &self,
        client: &Client,
        rest: impl std::fmt::Display,
        body: &Value,
    ) -> Answer {
        self.send(client, Method::PATCH, rest, body).await
    }
}

/// The members of an object in their order.
pub(crate) fn keys_of(value: &Value) -> Vec<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}
