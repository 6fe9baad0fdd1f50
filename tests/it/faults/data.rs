//! `tests/fixtures/faults.yaml` as it is written.

use std::collections::BTreeMap;
use std::time::Duration;

use deskbridge::syntax::{Sources, yaml};
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::support::faulty::{At, Fault};
use crate::support::text;

const PATH: &str = "tests/fixtures/faults.yaml";

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) kinds: Vec<Kind>,
    /// What an error looks like, by dialect.
    pub(crate) shapes: BTreeMap<String, Shape>,
    /// What no client may read.
    pub(crate) secrets: Vec<String>,
    pub(crate) faults: Vec<Row>,
}

/// What an error of a dialect looks like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    /// The members of a JSON object, in their order.
    pub(crate) members: Vec<String>,
    /// Where the dialect has no JSON: the whole text, by status.
    #[serde(default)]
    pub(crate) texts: BTreeMap<String, String>,
}

impl Shape {
    /// Whether this is such an error.
    pub(crate) fn fits(&self, status: u16, body: &[u8]) -> bool {
        if let Some(text) = self.texts.get(&status.to_string()) {
            return body == text.as_bytes();
        }
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return false };
        value.as_object().is_some_and(|object| object.keys().eq(self.members.iter()))
    }
}

/// A kind of operation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) writes: bool,
    strikes: String,
    #[serde(default)]
    also: BTreeMap<String, String>,
    asks: BTreeMap<String, String>,
    #[serde(default)]
    send: BTreeMap<String, Value>,
}

/// What a client of a dialect sends.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) dialect: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// The request to the backend that is hit: method, and how its path ends.
    pub(crate) strikes: (Method, String),
}

/// A fault and what comes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) does: Does,
    /// The test that does it.
    pub(crate) test: String,
    pub(crate) read: Outcome,
    pub(crate) write: Outcome,
}

/// What happens to the request.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Does {
    latency: Option<String>,
    jitter: Option<String>,
    black_hole: bool,
    drip: Option<String>,
    /// Nobody listens: no request is hit, but the way to all of them.
    pub(crate) refused: bool,
    reset: Option<String>,
    half: bool,
    truncated: bool,
    body: Option<String>,
    html: Option<u16>,
    answer: Option<u16>,
    headers: BTreeMap<String, String>,
}

/// What the client, the backend and the operator see.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// `None`: as if nothing had happened.
    pub(crate) status: Option<u16>,
    /// Of `Proxy-Status`, behind the gateway's name.
    pub(crate) proxy: Option<String>,
    pub(crate) retry_after: Option<u32>,
    pub(crate) sent: usize,
    #[serde(default)]
    pub(crate) retries: BTreeMap<String, u32>,
    pub(crate) outcome: String,
}

impl Table {
    pub(crate) fn read() -> Self {
        let mut sources = Sources::default();
        let id = sources.add(PATH, text(PATH));
        let node = yaml::parse(&sources, id, yaml::FILE_NODES)
            .unwrap_or_else(|problem| panic!("{PATH}: {}", problem.message));
        serde_json::from_value(node.to_json()).unwrap_or_else(|e| panic!("{PATH}: {e}"))
    }
}

/// Where each dialect's addresses begin.
const BASES: [(&str, &str); 4] = [
    ("{public}", "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact"),
    ("{account}", "/api/v1/accounts/1"),
    ("{third}", "/third-party/v1"),
    ("{canonical}", "/v1/accounts/1"),
];

fn line(text: &str) -> (Method, String) {
    let (method, path) = text.split_once(' ').unwrap_or_else(|| panic!("{PATH}: {text}"));
    let path = BASES.iter().fold(path.to_owned(), |path, (name, base)| path.replace(name, base));
    (method.parse().unwrap(), path)
}

impl Kind {
    /// What is asked, dialect by dialect.
    pub(crate) fn asks(&self) -> Vec<Ask> {
        let ask = |(dialect, text): (&String, &String)| {
            let (method, path) = line(text);
            let strikes = line(self.also.get(dialect).unwrap_or(&self.strikes));
            let body = self.send.get(dialect).cloned();
            Ask { dialect: dialect.clone(), method, path, body, strikes }
        };
        self.asks.iter().map(ask).collect()
    }
}

impl Row {
    /// What comes of it for a kind of operation.
    pub(crate) fn outcome(&self, kind: &Kind) -> &Outcome {
        if kind.writes { &self.write } else { &self.read }
    }
}

impl Does {
    pub(crate) fn fault(&self) -> Fault {
        let time = |text: &String| -> Duration {
            text.parse::<deskbridge::config::value::Time>().unwrap().0
        };
        let fault = match (&self.drip, self.reset.as_deref(), &self.body, self.html, self.answer) {
            (Some(pause), ..) => Fault::drip(1, time(pause)),
            (_, Some("request"), ..) => Fault::reset(At::Request),
            (_, Some("headers"), ..) => Fault::reset(At::Headers),
            (_, Some("half"), ..) => Fault::reset(At::Half),
            (_, Some(other), ..) => panic!("{PATH}: no reset at {other}"),
            (.., Some(status)) => {
                let body = self.body.clone().unwrap_or_default();
                let headers = self.headers.iter();
                let mut headers: Vec<(&'static str, &str)> =
                    headers.map(|(k, v)| (&*k.clone().leak(), v.as_str())).collect();
                headers.push(("content-type", "text/plain"));
                Fault::answer(status, &headers, body)
            }
            (_, _, Some(body), ..) => Fault::body(body.clone()),
            (.., Some(status), _) => Fault::html(status),
            _ if self.black_hole => Fault::black_hole(),
            _ if self.half => Fault::half_body(),
            _ if self.truncated => Fault::truncated(),
            _ => Fault::latency(Duration::ZERO),
        };
        let fault = match &self.latency {
            Some(latency) => fault.delayed(time(latency)),
            None => fault,
        };
        match &self.jitter {
            Some(jitter) => fault.jitter(time(jitter)),
            None => fault,
        }
    }
}
