//! What can stand in a resource of the contract: its words, what may be null, what may be empty.

use std::collections::{BTreeMap, BTreeSet};

use deskbridge::dialect::embedded::{CANONICAL, Files};
use deskbridge::syntax::{Sources, yaml};
use serde_json::Value;

/// The contract as it is written.
pub(super) struct Contract(Value);

/// Places of one resource, those of what it embeds left out: they are that resource's own.
#[derive(Default)]
pub(super) struct Places {
    /// Closed lists of words; null is one of them where it is listed.
    pub(super) words: BTreeMap<String, BTreeSet<String>>,
    pub(super) nullable: BTreeSet<String>,
    /// Lists, and objects that may hold anything.
    pub(super) emptied: BTreeSet<String>,
    /// What a source system said for a word that is none of the contract's.
    pub(super) raw: BTreeSet<String>,
}

impl Contract {
    pub(super) fn read(files: &Files) -> Self {
        let mut sources = Sources::default();
        let path = format!("{CANONICAL}/openapi.yaml");
        let id = sources.add(&path, files.read(&path).unwrap().into_owned());
        Self(yaml::parse(&sources, id, yaml::CONTRACT_NODES).unwrap().to_json())
    }

    fn schema(&self, name: &str) -> &Value {
        let found = &self.0["components"]["schemas"][name];
        assert!(found.is_object(), "the contract has no schema `{name}`");
        found
    }

    /// The widest number of a resource.
    pub(super) fn widest(&self) -> u64 {
        self.schema("Number")["maximum"].as_u64().unwrap()
    }

    /// Members by which an object is known to be this resource.
    pub(super) fn required(&self, name: &str) -> Vec<String> {
        let parts = self.schema(name)["allOf"].as_array().unwrap();
        let own = parts.iter().filter_map(|part| part["required"].as_array());
        own.flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn places(&self, name: &str) -> Places {
        let mut found = Places::default();
        self.walk(self.schema(name), "$", &mut found);
        found
    }

    fn walk(&self, schema: &Value, place: &str, found: &mut Places) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            if name == "RawValue" {
                found.raw.insert(place.to_owned());
                found.nullable.insert(place.to_owned());
            } else if place == "$" || !self.stands_alone(name) {
                self.walk(self.schema(name), place, found);
            }
            return;
        }
        for kind in ["allOf", "anyOf", "oneOf"] {
            for part in schema[kind].as_array().into_iter().flatten() {
                self.walk(part, place, found);
            }
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if types.contains(&"null") {
            found.nullable.insert(place.to_owned());
        }
        let listed = schema["enum"].as_array().into_iter().flatten();
        let words = listed.chain(schema.get("const"));
        for word in words.map(word) {
            found.words.entry(place.to_owned()).or_default().insert(word);
        }
        if types.contains(&"array") && schema["items"].is_object() {
            found.emptied.insert(place.to_owned());
            self.walk(&schema["items"], &format!("{place}[*]"), found);
        }
        match schema["properties"].as_object() {
            Some(members) => {
                for (name, member) in members {
                    self.walk(member, &format!("{place}.{name}"), found);
                }
            }
            None if types.contains(&"object") => {
                found.emptied.insert(place.to_owned());
            }
            None => {}
        }
    }

    /// A resource has an id of its own.
    fn stands_alone(&self, name: &str) -> bool {
        let parts = self.schema(name)["allOf"].as_array();
        parts.is_some_and(|parts| {
            parts.iter().any(|part| part["$ref"] == "#/components/schemas/Resource")
        })
    }
}

/// A word as the fixture writes it.
pub(super) fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The values at a place; what is missing has none.
pub(super) fn at<'v>(value: &'v Value, place: &str) -> Vec<&'v Value> {
    let mut found = vec![value];
    for hop in place.strip_prefix('$').unwrap().replace("[*]", ".*").split('.').skip(1) {
        found = match hop {
            "*" => found.into_iter().filter_map(Value::as_array).flatten().collect(),
            name => found.into_iter().filter_map(|value| value.get(name)).collect(),
        };
    }
    found
}
