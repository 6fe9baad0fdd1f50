//! What the examples of a dialect show: resources as the backend answers them, and beside each the
//! object that the client gets in its place.

use deskbridge::dialect::embedded::Files;
use deskbridge::syntax::{Sources, yaml};
use serde_json::Value;

/// What was answered below, and what above.
pub(super) struct Example {
    pub(super) route: String,
    pub(super) status: u64,
    /// What the client sends, where that is JSON, and what is asked for because of it.
    pub(super) sent: Value,
    pub(super) called: Vec<Value>,
    pub(super) answers: Vec<Value>,
    pub(super) reply: Value,
}

/// One resource, twice.
pub(super) struct Pair<'e> {
    pub(super) canonical: &'e Value,
    pub(super) theirs: &'e Value,
}

/// The examples of a dialect.
pub(super) fn examples(files: &Files, dialect: &str) -> Vec<Example> {
    let folder = format!("{dialect}/examples/");
    let named = |path: &&str| path.starts_with(&folder) && path.ends_with(".yaml");
    files.paths().filter(named).map(|path| read(files, path)).collect()
}

fn read(files: &Files, path: &str) -> Example {
    let mut sources = Sources::default();
    let id = sources.add(path, files.read(path).unwrap().into_owned());
    let said = yaml::parse(&sources, id, yaml::FILE_NODES).unwrap().to_json();
    let body = |said: &Value| body(files, path, said);
    let calls = || said["calls"].as_array().into_iter().flatten();
    Example {
        route: said["route"].as_str().unwrap().to_owned(),
        status: said["reply"]["status"].as_u64().unwrap(),
        sent: body(&said["request"]["json"]),
        called: calls().map(|call| body(&call["body"])).collect(),
        answers: calls().map(|call| body(&call["answer"]["body"])).collect(),
        reply: body(&said["reply"]["body"]),
    }
}

/// JSON text, or a shared file with places of it set; null for none and for what is no JSON.
fn body(files: &Files, path: &str, said: &Value) -> Value {
    let Some(file) = said["file"].as_str() else {
        return said.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    };
    let folder = path.split('/').next().unwrap();
    let shared = match file.strip_prefix("../../") {
        Some(shared) => shared.to_owned(),
        None => format!("{folder}/examples/{file}"),
    };
    let mut whole: Value = serde_json::from_str(&files.read(&shared).unwrap()).unwrap();
    for (place, value) in said["set"].as_object().into_iter().flatten() {
        let pointer = place.replace(['.', '['], "/").replace(']', "");
        *whole.pointer_mut(pointer.strip_prefix('$').unwrap()).unwrap() = value.clone();
    }
    whole
}

/// Every object below `value` that has these members.
pub(super) fn objects<'v>(value: &'v Value, members: &[String]) -> Vec<&'v Value> {
    let mut found = Vec::new();
    if value.is_object() && members.iter().all(|name| value.get(name).is_some()) {
        found.push(value);
    }
    let below: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    found.extend(below.into_iter().flat_map(|value| objects(value, members)));
    found
}

/// Every resource of the answers of `example` with what the client gets in its place: the object with
/// the same number.
pub(super) fn pairs<'e>(
    example: &'e Example,
    required: &[String],
    number: &str,
    marks: &[String],
) -> Vec<Pair<'e>> {
    let theirs = objects(&example.reply, marks);
    let known = example.answers.iter().flat_map(|answer| objects(answer, required));
    known
        .flat_map(|canonical| {
            let same = theirs.iter().filter(|theirs| theirs[number] == canonical["number"]);
            same.map(|theirs| Pair { canonical, theirs }).collect::<Vec<_>>()
        })
        .collect()
}

/// Every text below a value.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Every number below a value, as it is written; digits of a text are one.
pub(super) fn numbers(value: &Value) -> Vec<String> {
    match value {
        Value::Number(number) => vec![number.to_string()],
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Object(members) => members.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}
