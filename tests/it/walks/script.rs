//! A walk as it is written: requests in order, what is kept of their answers, and what the next ones
//! make of it.

use std::collections::BTreeMap;

use deskbridge::syntax::{Sources, yaml};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::support::client::{Answer, Sends};

/// A walk over one dialect.
pub(crate) struct Walk {
    /// Headers of every request that does not say otherwise.
    pub(crate) credential: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
    /// What is known from the beginning: of the file, and `year` and `month` of today in UTC.
    pub(crate) known: BTreeMap<String, Value>,
}

/// One request.
pub(crate) struct Step {
    /// `routes[3] conversations.get`, for whoever reads that it failed.
    pub(crate) name: String,
    pub(crate) route: String,
    request: String,
    json: Option<Value>,
    form: Option<Value>,
    /// Name → a text, or `{ file: path, type: media type }`.
    multipart: Option<Value>,
    headers: Vec<(String, String)>,
    /// Headers of somebody else in the place of the walk's credential.
    pub(crate) credential: Option<Vec<(String, String)>>,
    /// Without the walk's credential.
    pub(crate) stranger: bool,
    /// Somebody else's request, by which they set the scene; nothing of the answer is checked but
    /// its status.
    pub(crate) setup: bool,
    pub(crate) status: u16,
    /// Name → JSON pointer into the answer.
    take: BTreeMap<String, String>,
    /// JSON pointer into the answer, `*` for any element of a list → what must stand there.
    has: BTreeMap<String, Value>,
    /// The file whose bytes the answer must be.
    is: Option<String>,
}

/// Reads any YAML of this repository.
pub(crate) fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut sources = Sources::default();
    let id = sources.add(path, text);
    match yaml::parse(&sources, id, yaml::FILE_NODES) {
        Ok(node) => node.to_json(),
        Err(problem) => panic!("{path}: {}", problem.message),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn pairs(value: &Value) -> Vec<(String, String)> {
    value.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), text(v))).collect()
}

impl Walk {
    /// `now`: by the clock of who is asked, for what is kept for a while only.
    pub(crate) fn read(dialect: &str, now: Timestamp) -> Self {
        let path = format!("tests/fixtures/walks/{dialect}.yaml");
        let file = read(&path);
        const KEYS: [&str; 3] = ["credential", "known", "steps"];
        only(&path, &file, &KEYS);
        let steps = file["steps"].as_array().unwrap_or_else(|| panic!("{path} has no steps"));
        let mut known = object(&file["known"]);
        let today = now.to_zoned(TimeZone::UTC);
        known.insert("year".to_owned(), today.year().into());
        known.insert("month".to_owned(), today.month().into());
        Self {
            credential: pairs(&file["credential"]),
            known,
            steps: steps.iter().enumerate().map(|(n, step)| Step::of(&path, n, step)).collect(),
        }
    }
}

fn in_query(address: &str, member: &str) -> Option<Value> {
    let (_, query) = address.split_once('?')?;
    let mut members = form_urlencoded::parse(query.as_bytes());
    members.find(|(name, _)| name == member).map(|(_, value)| value.into_owned().into())
}

pub(crate) fn object(value: &Value) -> BTreeMap<String, Value> {
    value.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[track_caller]
pub(crate) fn only(what: &str, value: &Value, keys: &[&str]) {
    for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
        assert!(keys.contains(&key.as_str()), "{what}: there is no key `{key}`");
    }
}

impl Step {
    pub(crate) fn of(path: &str, number: usize, step: &Value) -> Self {
        const KEYS: [&str; 13] = [
            "route",
            "request",
            "json",
            "form",
            "multipart",
            "is",
            "headers",
            "as",
            "stranger",
            "setup",
            "status",
            "take",
            "has",
        ];
        let route = step["route"].as_str().unwrap_or_default().to_owned();
        let name = format!("{path}, step {} ({route})", number + 1);
        only(&name, step, &KEYS);
        let request = step["request"].as_str().unwrap_or_else(|| panic!("{name}: no request"));
        let take = object(&step["take"]);
        Self {
            route,
            request: request.to_owned(),
            json: step.get("json").cloned(),
            form: step.get("form").cloned(),
            multipart: step.get("multipart").cloned(),
            is: step.get("is").map(text),
            headers: pairs(&step["headers"]),
            credential: step.get("as").map(pairs),
            stranger: step["stranger"] == true,
            setup: step["setup"] == true,
            status: step.get("status").map_or(200, |s| s.as_u64().unwrap() as u16),
            take: take.into_iter().map(|(name, at)| (name, text(&at))).collect(),
            has: object(&step["has"]),
            name,
        }
    }

    /// A name that it needs and that no earlier step could learn.
    pub(crate) fn lacks(&self, known: &BTreeMap<String, Value>) -> Option<String> {
        let due = serde_json::json!([self.request, self.json, self.form, self.multipart, self.has])
            .to_string();
        let names = due.split("\"{").chain(due.split('{')).filter_map(|rest| rest.split_once('}'));
        let mut names = names.map(|(name, _)| name).filter(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        });
        names.find(|name| !known.contains_key(*name)).map(str::to_owned)
    }

    /// Method and path with what is known filled in.
    pub(crate) fn line(&self, known: &BTreeMap<String, Value>) -> (http::Method, String) {
        let line = fill(&self.name, &self.request, known);
        let (method, path) =
            line.split_once(' ').unwrap_or_else(|| panic!("{}: {line}", self.name));
        // A link of an answer: whose address it has is a matter of the configuration.
        let path = match path.strip_prefix("http://").or(path.strip_prefix("https://")) {
            Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => path,
        };
        (method.parse().unwrap(), path.to_owned())
    }

    /// Sends it, with the walk's credential unless a stranger does.
    pub(crate) async fn send(
        &self,
        client: &impl Sends,
        credential: &[(String, String)],
        known: &BTreeMap<String, Value>,
    ) -> Answer {
        let (method, path) = self.line(known);
        let mut headers: Vec<(&str, &str)> = Vec::new();
        let body = match (&self.json, &self.form, &self.multipart) {
            (Some(json), None, None) => {
                headers.push(("content-type", "application/json"));
                filled(&self.name, json, known).to_string().into_bytes()
            }
            (None, None, Some(parts)) => {
                headers.push(("content-type", "multipart/form-data; boundary=PART"));
                multipart(&self.name, &filled(&self.name, parts, known))
            }
            (None, Some(form), None) => {
                headers.push(("content-type", "application/x-www-form-urlencoded"));
                let mut body = form_urlencoded::Serializer::new(String::new());
                for (key, value) in pairs(&filled(&self.name, form, known)) {
                    body.append_pair(&key, &value);
                }
                body.finish().into_bytes()
            }
            _ => Vec::new(),
        };
        headers.extend(credential.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        headers.extend(self.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        client.send(method, &path, &headers, body.into()).await
    }

    /// Whether it sends JSON.
    pub(crate) fn sends_json(&self) -> bool {
        self.json.is_some()
    }

    /// Sends another body in place of its own.
    pub(crate) async fn send_instead(
        &self,
        client: &impl Sends,
        credential: &[(String, String)],
        known: &BTreeMap<String, Value>,
        (kind, body): (&str, &'static str),
    ) -> Answer {
        let (method, path) = self.line(known);
        let mut headers = vec![("content-type", kind)];
        headers.extend(credential.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        client.send(method, &path, &headers, body.into()).await
    }

    /// Looks at the answer and keeps of it what later steps need; what is wrong is told.
    pub(crate) fn learn(
        &self,
        answer: &Answer,
        known: &mut BTreeMap<String, Value>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status != self.status {
            wrong.push(format!("answers {} and not {}: {shown}", answer.status, self.status));
            return wrong;
        }
        if let Some(path) = &self.is
            && answer.body != file(path)
        {
            wrong.push(format!("answers {} bytes that are not {path}", answer.body.len()));
        }
        if self.take.is_empty() && self.has.is_empty() {
            return wrong;
        }
        let Ok(value) = serde_json::from_slice::<Value>(&answer.body) else {
            return vec![format!("answers no JSON: {shown}")];
        };
        for (name, at) in &self.take {
            // `/url?token` is the member `token` of the query of the address there.
            let (place, member) = at.split_once('?').unwrap_or((at, ""));
            let found = value.pointer(place).cloned();
            let found = match member {
                "" => found,
                member => found.and_then(|address| in_query(address.as_str()?, member)),
            };
            match found {
                Some(found) => {
                    known.insert(name.clone(), found);
                }
                None => wrong.push(format!("has nothing at {at} for `{name}`: {shown}")),
            }
        }
        for (at, due) in &self.has {
            let due = filled(&self.name, due, known);
            let found = standing(&value, at);
            if !found.contains(&&due) {
                wrong.push(format!("has {found:?} at {at} and not {due}"));
            }
        }
        wrong
    }
}

/// What stands at a pointer. `*` is any element of a list: of things that were made at one time none
/// is the newest.
fn standing<'v>(value: &'v Value, at: &str) -> Vec<&'v Value> {
    let Some((list, rest)) = at.split_once("/*") else {
        return value.pointer(at).into_iter().collect();
    };
    let list = value.pointer(list).and_then(Value::as_array);
    list.into_iter().flatten().flat_map(|element| standing(element, rest)).collect()
}

/// The bytes of a file of this repository.
fn file(path: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A body of parts, `PART` between them.
fn multipart(what: &str, parts: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, part) in parts.as_object().unwrap_or_else(|| panic!("{what}: no parts")) {
        let head = format!("--PART\r\nContent-Disposition: form-data; name=\"{name}\"");
        body.extend_from_slice(head.as_bytes());
        match part["file"].as_str() {
            Some(path) => {
                let (last, kind) = (path.rsplit('/').next().unwrap(), text(&part["type"]));
                let head = format!("; filename=\"{last}\"\r\nContent-Type: {kind}\r\n\r\n");
                body.extend_from_slice(head.as_bytes());
                body.extend_from_slice(&file(path));
            }
            None => body.extend_from_slice(format!("\r\n\r\n{}", text(part)).as_bytes()),
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--PART--\r\n");
    body
}

/// `{name}` of a text replaced by what is known.
fn fill(what: &str, text_: &str, known: &BTreeMap<String, Value>) -> String {
    let mut filled = String::new();
    let mut rest = text_;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or_else(|| panic!("{what}: {text_}"));
        let value =
            known.get(name).unwrap_or_else(|| panic!("{what}: nothing is known of `{name}`"));
        filled.push_str(before);
        filled.push_str(&text(value));
        rest = after;
    }
    filled + rest
}

/// The same in every text of a value. A text that is one name is the value itself.
fn filled(what: &str, value: &Value, known: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(whole) => {
            let name = whole.strip_prefix('{').and_then(|w| w.strip_suffix('}'));
            match name.and_then(|name| known.get(name)) {
                Some(value) => value.clone(),
                None => Value::String(fill(what, whole, known)),
            }
        }
        Value::Array(items) => items.iter().map(|item| filled(what, item, known)).collect(),
        Value::Object(members) => {
            members.iter().map(|(k, v)| (k.clone(), filled(what, v, known))).collect()
        }
        other => other.clone(),
    }
}
