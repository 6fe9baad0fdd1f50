//! How each dialect writes and reads: a client's requests, and its answers as calls of the history.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::record::{Call, Claim, Did, Micros, Outcome, Part, View};
use crate::support::client::{Answer, Client};
use crate::support::desk::{AGENT, BEARER, NONE};

/// Longer than the gateway lets anybody wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is told that nobody is there waits so long before the next question.
const PAUSE: Duration = Duration::from_millis(25);

/// A conversation as all of them find it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) number: u64,
    /// The public API's name of its contact.
    pub(super) source: String,
}

/// Times to live, in seconds: of lists of messages, of conversations, of labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lives {
    pub(super) list: u64,
    pub(super) conversation: u64,
    pub(super) labels: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Public,
    Account,
    Bearer,
    Canonical,
}

impl Dialect {
    pub(super) const ALL: [Self; 4] = [Self::Public, Self::Account, Self::Bearer, Self::Canonical];

    fn name(self) -> &'static str {
        match self {
            Self::Public => "public-inbox",
            Self::Account => "account",
            Self::Bearer => "third-party",
            Self::Canonical => "canonical",
        }
    }

    fn view(self) -> View {
        match self {
            Self::Public => View::Public,
            Self::Bearer => View::Bearer,
            Self::Account | Self::Canonical => View::Whole,
        }
    }

    fn credential(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Public => NONE,
            Self::Account => AGENT,
            Self::Bearer | Self::Canonical => BEARER,
        }
    }

    fn conversation(self, place: &Place) -> String {
        let Place { number, source } = place;
        match self {
            Self::Public => {
                format!(
                    "/public/api/v1/inboxes/demo-inbox/contacts/{source}/conversations/{number}"
                )
            }
            Self::Account => format!("/api/v1/accounts/1/conversations/{number}"),
            Self::Bearer => format!("/third-party/v1/conversations/{number}"),
            Self::Canonical => format!("/v1/accounts/1/conversations/n:{number}"),
        }
    }

    /// A message of a list, as it shows them.
    fn message(self, shown: &Value) -> (u64, String) {
        let (id, text) = match self {
            Self::Public | Self::Account => (&shown["id"], &shown["content"]),
            Self::Bearer => (&shown["id"], &shown["contents"][0]["content"]),
            Self::Canonical => (&shown["number"], &shown["body"]["text"]),
        };
        (id.as_u64().unwrap_or_default(), text.as_str().unwrap_or_default().to_owned())
    }

    fn messages(self, list: &Value) -> Vec<(u64, String)> {
        list.as_array().into_iter().flatten().map(|m| self.message(m)).collect()
    }
}

/// Messages of a page where the client asks for pages of a size.
const SIZE: usize = 20;

/// A client.
pub(super) struct Talker {
    pub(super) who: usize,
    pub(super) dialect: Dialect,
    pub(super) client: Client,
    pub(super) lives: Lives,
    /// When the run began.
    pub(super) began: Instant,
    /// What it was told, in order.
    pub(super) calls: Vec<Call>,
    /// The last answer with an entity tag for each address: asked again, it may be said to be the same.
    pub(super) remembered: Vec<(String, String, Value)>,
    /// Answers that said: the same as before.
    pub(super) same: usize,
}

impl Talker {
    fn now(&self) -> Micros {
        u64::try_from(self.began.elapsed().as_micros()).unwrap()
    }

    fn note(&mut self, place: &Place, (invoked, returned): (Micros, Micros), did: Did) {
        let (who, dialect, conversation) = (self.who, self.dialect.name(), place.number);
        self.calls.push(Call { who, dialect, conversation, invoked, returned, did });
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        more: &[(&str, &str)],
        body: Option<&Value>,
        patience: Duration,
    ) -> Option<Answer> {
        let mut headers = [self.dialect.credential(), more].concat();
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        let answer = self.client.try_send(method, path, &headers, body);
        let answer = tokio::time::timeout(patience, answer).await.ok().flatten();
        if answer.as_ref().is_some_and(|a| a.status == StatusCode::SERVICE_UNAVAILABLE) {
            // As clients should: else the run is one of asking a breaker that is open.
            tokio::time::sleep(PAUSE).await;
        }
        answer
    }

    /// Writes a message; leaves after `patience` without waiting for an answer.
    pub(super) async fn write(&mut self, place: &Place, text: &str, patience: Option<Duration>) {
        let path = format!("{}/messages", self.dialect.conversation(place));
        let body = match self.dialect {
            Dialect::Public => json!({ "content": text }),
            Dialect::Account => json!({ "content": text, "private": self.who.is_multiple_of(2) }),
            Dialect::Bearer => json!({ "type": "text", "text": { "content": text } }),
            Dialect::Canonical => {
                json!({ "kind": "outgoing", "visibility": "public", "text": text })
            }
        };
        let key = [("idempotency-key", text)];
        // Only who names the write may ask again.
        let (tries, more): (_, &[_]) =
            if self.dialect == Dialect::Canonical { (3, &key) } else { (1, &[]) };
        let invoked = self.now();
        let mut outcome = Outcome::Unknown(0);
        for turn in 0..tries {
            let wait = patience.unwrap_or(PATIENCE);
            let answer = self.ask(Method::POST, &path, more, Some(&body), wait).await;
            match told(answer.as_ref()) {
                // That the second try was refused says nothing of the first.
                Outcome::Refused(_) if turn > 0 => break,
                said => outcome = said,
            }
            if !matches!(outcome, Outcome::Unknown(_)) {
                break;
            }
        }
        let did = Did::Write { text: text.to_owned(), outcome };
        self.note(place, (invoked, self.now()), did);
    }

    /// Sets the conversation's labels to one.
    pub(super) async fn set(&mut self, place: &Place, value: &str) {
        let path = format!("{}/labels", self.dialect.conversation(place));
        let method = match self.dialect {
            Dialect::Account => Method::POST,
            Dialect::Canonical => Method::PUT,
            Dialect::Public | Dialect::Bearer => return,
        };
        let invoked = self.now();
        let body = json!({ "labels": [value] });
        let answer = self.ask(method, &path, &[], Some(&body), PATIENCE).await;
        let did = Did::Set { value: value.to_owned(), outcome: told(answer.as_ref()) };
        self.note(place, (invoked, self.now()), did);
    }

    /// A GET; with what is remembered of the address where `again`. A failure is noted.
    async fn fetch(&mut self, place: &Place, path: &str, of: u64, again: bool) -> Option<Fetched> {
        let known = self.remembered.iter().position(|(p, ..)| p == path);
        let tag = known.filter(|_| again).map(|n| self.remembered[n].1.clone());
        let more: Vec<(&str, &str)> = tag.iter().map(|t| ("if-none-match", t.as_str())).collect();
        let invoked = self.now();
        let answer = self.ask(Method::GET, path, &more, None, PATIENCE).await;
        let times = (invoked, self.now());
        let status = answer.as_ref().map(|a| a.status);
        let usable = |a: &Answer| {
            a.status == StatusCode::OK || (a.status == StatusCode::NOT_MODIFIED && tag.is_some())
        };
        let Some(answer) = answer.filter(usable) else {
            let status = status.map(|s| s.as_u16());
            self.note(place, times, Did::Failed { status });
            return None;
        };
        let claim = Claim::read(answer.header("cache-status"), of);
        // What a canonical client asks is passed on as it came; wrong types are for it to find.
        if self.dialect == Dialect::Canonical
            && answer.status == StatusCode::OK
            && !["messages", "data", "labels"].iter().any(|m| answer.value()[m].is_array())
        {
            self.note(place, times, Did::Failed { status: Some(200) });
            return None;
        }
        if answer.status == StatusCode::NOT_MODIFIED {
            self.same += 1;
            return Some(Fetched { times, claim, body: self.remembered[known?].2.clone() });
        }
        let body = answer.value();
        let tag = answer.header("etag").to_owned();
        if let Some(known) = known {
            self.remembered.swap_remove(known);
        }
        if !tag.is_empty() {
            self.remembered.push((path.to_owned(), tag, body.clone()));
        }
        Some(Fetched { times, claim, body })
    }

    /// The whole conversation, and its value where this dialect shows that.
    pub(super) async fn conversation(&mut self, place: &Place, again: bool) {
        let dialect = self.dialect;
        let mut path = dialect.conversation(place);
        if dialect == Dialect::Canonical {
            path.push_str("?include=messages&messages_limit=0&messages_visibility=all");
        }
        let Some(got) = self.fetch(place, &path, self.lives.conversation, again).await else {
            return;
        };
        if dialect == Dialect::Canonical {
            let value = value(&got.body["labels"]);
            self.note(place, got.times, Did::Get { value, claim: got.claim });
        }
        if dialect == Dialect::Bearer {
            return;
        }
        let messages = dialect.messages(&got.body["messages"]);
        let read = Did::Read { view: dialect.view(), part: Part::All, messages, claim: got.claim };
        self.note(place, got.times, read);
    }

    /// The value by itself.
    pub(super) async fn value(&mut self, place: &Place, again: bool) {
        let (path, member) = match self.dialect {
            Dialect::Account => ("labels", "payload"),
            Dialect::Canonical => ("labels", "labels"),
            Dialect::Public | Dialect::Bearer => return self.conversation(place, again).await,
        };
        let path = format!("{}/{path}", self.dialect.conversation(place));
        if let Some(got) = self.fetch(place, &path, self.lives.labels, again).await {
            let value = value(&got.body[member]);
            self.note(place, got.times, Did::Get { value, claim: got.claim });
        }
    }

    /// The messages from the newest on, so many pages; `again` asks for the newest conditionally.
    pub(super) async fn walk(&mut self, place: &Place, pages: usize, again: bool) {
        let list = format!("{}/messages", self.dialect.conversation(place));
        let mut path = match self.dialect {
            Dialect::Public | Dialect::Account => list.clone(),
            Dialect::Bearer => format!("{list}?per_page={SIZE}&page=1"),
            Dialect::Canonical => format!("{list}?limit={SIZE}&order=desc"),
        };
        let mut part = Part::Newest(SIZE);
        for page in 1..=pages {
            let again = again && page == 1;
            let Some(got) = self.fetch(place, &path, self.lives.list, again).await else { return };
            let mut messages = match self.dialect {
                Dialect::Public | Dialect::Account => self.dialect.messages(&got.body),
                Dialect::Bearer | Dialect::Canonical => self.dialect.messages(&got.body["data"]),
            };
            if matches!(self.dialect, Dialect::Bearer | Dialect::Canonical) {
                messages.reverse();
            }
            if self.dialect == Dialect::Bearer {
                let total = got.body["meta"]["total"].as_u64().unwrap_or_default();
                let total = usize::try_from(total).unwrap();
                part = Part::Numbered { page, size: SIZE, total };
            }
            let oldest = messages.first().map(|(id, _)| *id);
            let (view, claim) = (self.dialect.view(), got.claim);
            self.note(place, got.times, Did::Read { view, part, messages, claim });
            let Some(oldest) = oldest else { return };
            part = Part::Before(oldest, SIZE);
            path = match self.dialect {
                Dialect::Public | Dialect::Account => format!("{list}?before={oldest}"),
                Dialect::Bearer => format!("{list}?per_page={SIZE}&page={}", page + 1),
                Dialect::Canonical => format!("{list}?limit={SIZE}&order=desc&before=n:{oldest}"),
            };
        }
    }
}

struct Fetched {
    times: (Micros, Micros),
    claim: Claim,
    body: Value,
}

/// The one label; none is empty.
fn value(labels: &Value) -> String {
    let labels: Vec<&str> =
        labels.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    labels.join(" ")
}

/// What a writer may believe: a success is one, a refusal of this request too; anything else is not
/// known.
fn told(answer: Option<&Answer>) -> Outcome {
    match answer.map(|a| a.status) {
        Some(status) if status.is_success() => Outcome::Acknowledged,
        Some(status) if status.is_client_error() => Outcome::Refused(status.as_u16()),
        status => Outcome::Unknown(status.map_or(0, |s| s.as_u16())),
    }
}
