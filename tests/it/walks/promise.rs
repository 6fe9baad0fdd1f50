//! What the documents of a dialect promise of an answer, judged by a validator that is not ours.

use std::collections::HashMap;

use deskbridge::dialect::embedded::{CONTRACT, Files};
use deskbridge::dialect::load::published;
use deskbridge::syntax::{Diagnostics, Node, Sources, yaml};
use serde_json::{Value, json};

use crate::support::client::Answer;

/// The documents of a dialect.
pub(crate) struct Promises {
    document: Value,
    /// Validators by the pointer of their schema, made when they are needed.
    made: HashMap<String, jsonschema::Validator>,
}

impl Promises {
    /// The documents beside the mapping; of our own dialect the contract.
    pub(crate) fn of(dialect: &str) -> Self {
        let document = document(&Files::embedded(), &mut Sources::default(), dialect);
        let document = document.unwrap_or_else(|| panic!("{dialect} has no documents")).to_json();
        Self { document, made: HashMap::new() }
    }

    /// What is wrong with an answer to a route whose operation has this id in the documents; what
    /// they do not mention may be anything.
    pub(crate) fn check(&mut self, operation: Option<&str>, answer: &Answer) -> Vec<String> {
        let Some(operation) = operation else { return Vec::new() };
        let Some(at) = self.operation(operation) else {
            return vec!["is not in the documents".to_owned()];
        };
        let status = answer.status.as_u16();
        let class = format!("{}XX", status / 100);
        let responses = self.document.pointer(&format!("{at}/responses")).unwrap_or(&Value::Null);
        let keys = [status.to_string(), class, "default".to_owned()];
        let Some(key) = keys.iter().find(|key| responses.get(key.as_str()).is_some()) else {
            let silent = status >= 400;
            return if silent { Vec::new() } else { vec![format!("{status} is not documented")] };
        };
        let at = format!("{at}/responses/{key}");
        let (at, response) = self.resolved(at);
        if response.get("x-differs").is_some() {
            return Vec::new();
        }
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            let empty = answer.body.is_empty();
            return if empty { Vec::new() } else { vec!["should be empty".to_owned()] };
        };
        let media = answer.header("content-type");
        let essence = media.split(';').next().unwrap_or_default().trim();
        let Some((name, media)) = content.iter().find(|(name, _)| name.as_str() == essence) else {
            let wildcard = content.keys().any(|name| name.contains('*'));
            return if wildcard { Vec::new() } else { vec![format!("is {media}")] };
        };
        if media.get("schema").is_none() || !essence.contains("json") {
            return Vec::new();
        }
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let schema = format!("{at}/content/{escaped}/schema");
        let Ok(value) = serde_json::from_slice::<Value>(&answer.body) else {
            return vec![format!("is no JSON: {}", String::from_utf8_lossy(&answer.body))];
        };
        let document = &self.document;
        let validator = self.made.entry(schema).or_insert_with_key(|at| {
            let mut whole = document.clone();
            relax(&mut whole);
            whole["$ref"] = json!(format!("#{}", at.replace('{', "%7B").replace('}', "%7D")));
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            options.build(&whole).unwrap_or_else(|e| panic!("{at}: {e}"))
        });
        let faults = validator.iter_errors(&value);
        faults.map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
    }

    /// The pointer of the operation that has this id.
    fn operation(&self, id: &str) -> Option<String> {
        for (path, item) in self.document["paths"].as_object()? {
            for (method, operation) in item.as_object()? {
                if operation.get("operationId").and_then(Value::as_str) == Some(id) {
                    let path = path.replace('~', "~0").replace('/', "~1");
                    return Some(format!("/paths/{path}/{method}"));
                }
            }
        }
        None
    }

    /// Follows a `$ref`.
    fn resolved(&self, at: String) -> (String, &Value) {
        let found = self.document.pointer(&at).unwrap_or(&Value::Null);
        match found.get("$ref").and_then(Value::as_str).filter(|_| found.get("x-differs").is_none())
        {
            Some(other) => self.resolved(other.trim_start_matches('#').to_owned()),
            None => (at, found),
        }
    }
}

/// The documents of a dialect, with those that they are laid over; of our own the contract.
fn document(files: &Files, sources: &mut Sources, dialect: &str) -> Option<Node> {
    let mut diagnostics = Diagnostics::default();
    if dialect == "canonical" {
        let id = sources.add(CONTRACT, files.read(CONTRACT)?.as_ref());
        return Some(
            yaml::parse(sources, id, yaml::CONTRACT_NODES)
                .unwrap_or_else(|p| panic!("{}", p.message)),
        );
    }
    let found = published(files, dialect, sources, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(sources, false));
    found
}

/// A property marked `x-differs` or `x-dropped` is known to be something else than the documents say: it may be
/// anything, and may be missing.
fn relax(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let mut free = Vec::new();
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                for (name, property) in properties {
                    if ["x-differs", "x-dropped"].iter().any(|k| property.get(k).is_some()) {
                        free.push(name.clone());
                        *property = json!({});
                    }
                }
            }
            if let Some(Value::Array(required)) = members.get_mut("required") {
                required.retain(|name| !free.iter().any(|f| name == f));
            }
            members.values_mut().for_each(relax);
        }
        Value::Array(items) => items.iter_mut().for_each(relax),
        _ => {}
    }
}
