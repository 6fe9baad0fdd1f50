//! The sandbox through its service. Every answer is checked against the contract on its way.

mod beginning;
mod changing;
mod csat;
mod directory;
mod inboxes;
mod listing;
mod opening;
mod parts;
mod people;
mod plain;
mod platform;
mod reading;
mod records;
mod reports;
mod revising;
mod third;
mod uniting;
mod writing;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tower::ServiceExt as _;

use crate::canonical::contract::tests::embedded;
use crate::canonical::validate::validate;
use crate::canonical::{
    Actor, Contract, OperationId, Params as Parameters, Payload, Problem, ProblemCode, Request,
    Seen, Tenant,
};
use crate::error::Error;
use crate::sandbox::{Clock, Params, Sandbox};
use crate::telemetry::record::Record;

use self::records::{data, faults, names};

/// A sandbox with a clock that a test moves.
#[derive(Clone)]
struct Bench {
    sandbox: Sandbox,
    contract: Arc<Contract>,
    time: Arc<Mutex<Timestamp>>,
}

/// The time at which every bench begins.
const BEGIN: &str = "2026-06-01T12:00:00.000Z";

fn params() -> Params {
    Params {
        path: None,
        public_url: "http://desk.test/".to_owned(),
        busy_timeout: Duration::ZERO,
        repeatable: false,
        queue: 64,
    }
}

fn fixed_clock() -> (Clock, Arc<Mutex<Timestamp>>) {
    let time = Arc::new(Mutex::new(BEGIN.parse().unwrap()));
    let read = Arc::clone(&time);
    (Arc::new(move || *read.lock().unwrap()), time)
}

impl Bench {
    fn new() -> Self {
        Self::with(params())
    }

    fn with(params: Params) -> Self {
        let contract = embedded();
        let (clock, time) = fixed_clock();
        let sandbox = Sandbox::open(params, Arc::clone(&contract), clock).unwrap();
        Self { sandbox, contract, time }
    }

    /// Lets a minute pass.
    fn minute(&self) {
        let mut time = self.time.lock().unwrap();
        *time = time.checked_add(SignedDuration::from_mins(1)).unwrap();
    }

    fn request(
        &self,
        operation: &str,
        given: &[(&str, &str)],
        body: &Value,
        actor: &str,
    ) -> Request {
        let id = self.contract.operation(operation).unwrap();
        let operation = self.contract.get(id);
        let mut values: Vec<(u8, &str)> = given
            .iter()
            .map(|(name, value)| (operation.parameter(name).expect(name), *value))
            .collect();
        if let Some(account) = operation.parameter("account_id")
            && !given.iter().any(|(name, _)| *name == "account_id")
        {
            values.push((account, "1"));
        }
        values.sort_by_key(|(position, _)| *position);
        let mut params = Parameters::default();
        for (position, value) in values {
            assert!(params.push(position, value));
        }
        Request {
            tenant: Tenant("demo".into()),
            operation: id,
            params,
            body: if body.is_null() { Bytes::new() } else { body.to_string().into() },
            actor: actor.parse::<Actor>().unwrap(),
            viewer: None,
            upload: None,
            seen: Seen::default(),
            fresh: false,
            record: Record::default(),
        }
    }

    async fn send(&self, request: Request) -> Result<Arc<Payload>, Error> {
        let operation: OperationId = request.operation;
        let answer = self.sandbox.clone().oneshot(request).await?;
        if let Some(schema) = self.contract.get(operation).answer {
            let mut faults = Vec::new();
            validate(&self.contract, schema, &answer.payload.body, &mut faults);
            let text = String::from_utf8_lossy(&answer.payload.body);
            assert_eq!(faults, [], "{text}");
        }
        Ok(answer.payload)
    }

    async fn ask(
        &self,
        operation: &str,
        given: &[(&str, &str)],
        body: Value,
        actor: &str,
    ) -> Result<Value, Problem> {
        let request = self.request(operation, given, &body, actor);
        let payload = self.send(request).await.map_err(Error::into_problem)?;
        Ok(serde_json::from_slice(&payload.body).unwrap())
    }

    /// A conversation as the gateway reads it.
    async fn get(&self, number: i64) -> Value {
        let id = format!("n:{number}");
        let mut given = vec![("conversation_id", id.as_str()), ("messages_limit", "0")];
        given.extend(EVERYTHING.map(|name| ("include", name)));
        self.ask("conversations.get", &given, Value::Null, "gateway").await.unwrap()
    }

    async fn update(&self, number: i64, patch: Value, actor: &str) -> Result<Value, Problem> {
        let id = format!("n:{number}");
        self.ask("conversations.update", &[("conversation_id", &id)], patch, actor).await
    }

    async fn say(&self, number: i64, message: Value, actor: &str) -> Result<Value, Problem> {
        let id = format!("n:{number}");
        self.ask("messages.create", &[("conversation_id", &id)], message, actor).await
    }

    /// The newest entries of a timeline: kind and text.
    async fn newest(&self, number: i64, count: usize) -> Vec<(String, String)> {
        let conversation = self.get(number).await;
        let messages = conversation["messages"].as_array().unwrap();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        messages[messages.len() - count..]
            .iter()
            .map(|m| (text(&m["kind"]), text(&m["body"]["text"])))
            .collect()
    }
}

/// Everything that can be embedded.
const EVERYTHING: [&str; 9] = [
    "contact",
    "contact_identity",
    "assignee",
    "team",
    "inbox",
    "messages",
    "last_message",
    "last_inbound_message",
    "last_note",
];

/// An agent, and contacts of conversations 1, 2 and 4.
const NOOR: &str = "agent:n:2";
const MIRA: &str = "contact-identity:n:1";
const JONAS: &str = "contact-identity:n:2";

fn pointer_and_code(problem: &Problem) -> (&str, &str) {
    let fault = &problem.errors[0];
    (fault.pointer.as_deref().unwrap_or_default(), &fault.code)
}

fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}
