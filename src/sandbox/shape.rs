//! Arranges an answer as the contract says: its order of members, and a null for each that has no
//! value.
//!
//! The rest of the sandbox can therefore put together what it has, in any order. Members that the
//! contract does not know are left out, embedded ones are there only when they were put in.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::canonical::Contract;
use crate::canonical::contract::{Additional, Kind, Property, SchemaId};

/// Stored links to the sandbox itself begin so; the scheme and host come with the answer.
pub(super) const OWN_LINK: &str = "/v1/accounts/";

/// Arranges answers.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) contract: Arc<Contract>,
    /// `http://127.0.0.1:8080`, without a slash at its end.
    pub(super) public_url: Box<str>,
    /// Whether nothing may be left to chance.
    pub(super) repeatable: bool,
}

impl Shape {
    /// The value as the schema has it.
    pub(super) fn arrange(&self, schema: SchemaId, value: Value) -> Value {
        self.place(schema, value, true)
    }

    /// `complete`: members that cannot be null are filled in, too. Not inside blocks of a message,
    /// where a member that is not there says something.
    fn place(&self, schema: SchemaId, value: Value, complete: bool) -> Value {
        match (&self.contract.schema(schema).kind, value) {
            (Kind::Object { properties, additional, .. }, Value::Object(members)) => {
                self.object(properties, *additional, members, complete)
            }
            (Kind::List { items, .. }, Value::Array(list)) => {
                list.into_iter().map(|v| self.place(*items, v, complete)).collect()
            }
            (Kind::Union(_), Value::Object(members)) => {
                let word = members.get("type").and_then(Value::as_str).unwrap_or_default();
                match self.contract.alternative(schema, word) {
                    Some(alternative) => self.place(alternative, Value::Object(members), false),
                    None => Value::Object(members),
                }
            }
            (_, value) => value,
        }
    }

    fn object(
        &self,
        properties: &[Property],
        additional: Additional,
        mut members: Map<String, Value>,
        complete: bool,
    ) -> Value {
        let mut arranged = Map::new();
        for property in properties {
            let value = match members.remove(&*property.name) {
                // Not asked for is not there; asked for and without a value is null.
                None if property.include.is_some() => continue,
                Some(value) => self.place(property.schema, value, complete),
                None => match self.missing(property, complete) {
                    Some(value) => value,
                    None => continue,
                },
            };
            arranged.insert(property.name.to_string(), self.link(&property.name, value));
        }
        match additional {
            Additional::Refused => {}
            Additional::Allowed => arranged.extend(members),
            Additional::Typed(schema) => arranged
                .extend(members.into_iter().map(|(k, v)| (k, self.place(schema, v, complete)))),
        }
        Value::Object(arranged)
    }

    fn missing(&self, property: &Property, complete: bool) -> Option<Value> {
        let schema = self.contract.schema(property.schema);
        if schema.nullable {
            return Some(Value::Null);
        }
        match &schema.kind {
            Kind::List { .. } if complete || property.required => Some(Value::Array(Vec::new())),
            Kind::Boolean if complete || property.required => Some(Value::Bool(false)),
            Kind::Object { properties, .. }
                if properties.is_empty() && (complete || property.required) =>
            {
                Some(Value::Object(Map::new()))
            }
            _ => None,
        }
    }

    fn link(&self, name: &str, value: Value) -> Value {
        match value {
            Value::String(path)
                if (name == "url" || name.ends_with("_url")) && path.starts_with(OWN_LINK) =>
            {
                Value::String(format!("{}{path}", self.public_url))
            }
            value => value,
        }
    }
}
