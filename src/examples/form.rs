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

/// Body and media type of `multipart:`. A part that is `{ file: name, text: … }` is a file.
pub(super) fn multipart(node: &Node) -> (String, String) {
    let mut body = String::new();
    let mut part = |name: &str, file: Option<&str>, text: &str| {
        let file = file.map_or_else(String::new, |file| format!("; filename=\"{file}\""));
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n"
        ));
    };
    for entry in node.as_map().unwrap_or_default() {
        match entry.value.get("file").and_then(Node::as_text) {
            Some(file) => {
                part(
                    &entry.key,
                    Some(file),
                    &entry.value.get("text").map_or_else(String::new, scalar),
                );
            }
            None => match &entry.value.value {
                Value::List(items) => {
                    items.iter().for_each(|item| part(&entry.key, None, &scalar(item)));
                }
                _ => part(&entry.key, None, &scalar(&entry.value)),
            },
        }
    }
    body.push_str(&format!("--{BOUNDARY}--\r\n"));
    (body, format!("multipart/form-data; boundary={BOUNDARY}"))
}
