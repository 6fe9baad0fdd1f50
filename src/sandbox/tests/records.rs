//! Ways to ask for contacts and lists.

use serde_json::Value;

use super::*;

impl Bench {
    /// A contact with its identities, as the gateway reads it.
    pub(super) async fn contact(&self, reference: &str) -> Result<Value, Problem> {
        let given = [("contact_id", reference), ("include", "identities")];
        self.ask("contacts.get", &given, Value::Null, "gateway").await
    }

    /// Changes a contact in the name of an agent.
    pub(super) async fn change(
        &self,
        number: i64,
        patch: Value,
        more: &[(&str, &str)],
    ) -> Result<Value, Problem> {
        let id = format!("n:{number}");
        let mut given = vec![("contact_id", id.as_str()), ("include", "identities")];
        given.extend(more);
        self.ask("contacts.update", &given, patch, NOOR).await
    }

    /// Makes a contact with an identity.
    pub(super) async fn make(&self, body: Value) -> Result<Value, Problem> {
        let given =
            [("include", "identity"), ("include", "identities"), ("include", "identity_inbox")];
        self.ask("contacts.create", &given, body, "gateway").await
    }

    /// The numbers on every page of a list.
    pub(super) async fn all(
        &self,
        operation: &str,
        given: &[(&str, &str)],
        body: &Value,
        actor: &str,
    ) -> Vec<i64> {
        let mut numbers = Vec::new();
        let mut cursor = None::<String>;
        loop {
            let mut given = given.to_vec();
            given.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.ask(operation, &given, body.clone(), actor).await.unwrap();
            numbers.extend(data(&page).iter().map(|one| one["number"].as_i64().unwrap()));
            cursor = page["page"]["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return numbers;
            }
        }
    }
}

pub(super) fn data(page: &Value) -> &Vec<Value> {
    page["data"].as_array().unwrap()
}

pub(super) fn names(page: &Value) -> Vec<&str> {
    data(page).iter().map(|one| one["name"].as_str().unwrap_or("–")).collect()
}

pub(super) fn faults(problem: &Problem) -> Vec<(&str, &str)> {
    problem
        .errors
        .iter()
        .map(|fault| (fault.pointer.as_deref().unwrap_or_default(), fault.code.as_str()))
        .collect()
}
