//! The forms that example files send: names and values, as a client would put them on the wire.

use crate::syntax::{Node, Value};

use super::file::scalar;

/// What separates the parts of a multipart example; no value of an example holds it.
const BOUNDARY: &str = "deskbridge-example";

/// Names and values; a list gives its name once for each.
fn pairs(node: &Node) -> Vec<(&str, String)> {
    let mut pairs = Vec::new();
    for entry in node.as_map().unwrap_or_default() {
        match &entry.value.value {
            Value::List(items) => {
                pairs.extend(items.iter().map(|item| (entry.key.as_str(), scalar(item))));
            }
            _ => pairs.push((entry.key.as_str(), scalar(&entry.value))),
        }
    }
    pairs
}

/// Body and media type of `form:`. A text is sent as it stands.
pub(super) fn urlencoded(node: &Node) -> (String, String) {
    let body = match node.as_text() {
        Some(text) => text.trim().to_owned(),
        None => {
            let mut made = form_urlencoded::Serializer::new(String::new());
            made.extend_pairs(pairs(node));
            made.finish()
        }
    };
    (body, "application/x-www-form-urlencoded".to_owned())
}

/// Body and media type of `multipart:`. A part that is `{ file: name, type: image/png, text: … }` is
/// a file.
pub(super) fn multipart(node: &Node) -> (String, String) {
    let mut body = String::new();
    for entry in node.as_map().unwrap_or_default() {
        match &entry.value.value {
            Value::List(items) => items.iter().for_each(|item| part(&mut body, &entry.key, item)),
            _ => part(&mut body, &entry.key, &entry.value),
        }
    }
    body.push_str(&format!("--{BOUNDARY}--\r\n"));
    (body, format!("multipart/form-data; boundary={BOUNDARY}"))
}

fn part(body: &mut String, name: &str, value: &Node) {
    let said = |key: &str| value.get(key).map(scalar);
    let file = said("file").map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
    let media = said("type").map(|media| format!("\r\nContent-Type: {media}")).unwrap_or_default();
    let text = said("text").unwrap_or_else(|| scalar(value));
    body.push_str(&format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}{media}\r\n\r\n{text}\r\n"
    ));
}
