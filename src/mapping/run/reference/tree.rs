//! A document as a tree whose every value keeps its text, so that copies stay byte for byte.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value and the text it was read from.
#[derive(Clone, Debug)]
pub(super) struct Tree<'d> {
    pub(super) raw: &'d str,
    pub(super) is: Is<'d>,
}

#[derive(Clone, Debug)]
pub(super) enum Is<'d> {
    Null,
    Boolean,
    Number,
    Text(String),
    List(Vec<Tree<'d>>),
    Object(Vec<(Tree<'d>, Tree<'d>)>),
}

/// The members of an object, names as they are written.
struct Members<'d>(Vec<(&'d RawValue, &'d RawValue)>);

impl<'d> Tree<'d> {
    pub(super) fn read(text: &'d str) -> Result<Self, serde_json::Error> {
        Self::of(serde_json::from_str(text)?)
    }

    fn of(raw: &'d RawValue) -> Result<Self, serde_json::Error> {
        let raw = raw.get();
        let is = match raw.as_bytes().first() {
            Some(b'n') => Is::Null,
            Some(b't' | b'f') => Is::Boolean,
            Some(b'"') => Is::Text(serde_json::from_str(raw)?),
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_str(raw)?;
                Is::List(elements.into_iter().map(Self::of).collect::<Result<_, _>>()?)
            }
            Some(b'{') => {
                let members: Members<'d> = serde_json::from_str(raw)?;
                let pair = |(key, value)| Ok((Self::of(key)?, Self::of(value)?));
                Is::Object(
                    members.0.into_iter().map(pair).collect::<Result<_, serde_json::Error>>()?,
                )
            }
            _ => Is::Number,
        };
        Ok(Self { raw, is })
    }

    pub(super) fn null(&self) -> bool {
        matches!(self.is, Is::Null)
    }

    pub(super) fn hollow(&self) -> bool {
        match &self.is {
            Is::Null => true,
            Is::Text(text) => text.is_empty(),
            Is::List(elements) => elements.is_empty(),
            Is::Object(members) => members.is_empty(),
            Is::Boolean | Is::Number => false,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Is::Text(text) = &self.is { Some(text) } else { None }
    }

    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let Is::Object(members) = &self.is else { return None };
        members.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
    }

    pub(super) fn elements(&self) -> &[Self] {
        if let Is::List(elements) = &self.is { elements } else { &[] }
    }

    /// Whether two values are the same: texts by meaning, `[]` and `{}` by being empty, the rest by
    /// how they are written.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (&self.is, &other.is) {
            (Is::Text(a), Is::Text(b)) => a == b,
            (Is::List(a), Is::List(b)) if a.is_empty() && b.is_empty() => true,
            (Is::Object(a), Is::Object(b)) if a.is_empty() && b.is_empty() => true,
            (Is::Text(_), _) | (_, Is::Text(_)) => false,
            _ => self.raw == other.raw,
        }
    }

    /// Whether this is the value of a JSON text of the program.
    pub(super) fn is(&self, json: &[u8]) -> bool {
        let json = std::str::from_utf8(json).ok();
        json.and_then(|json| Tree::read(json).ok()).is_some_and(|other| self.same(&other))
    }

    pub(super) fn is_any(&self, texts: &[Box<[u8]>]) -> bool {
        texts.iter().any(|json| self.is(json))
    }
}

impl<'de: 'd, 'd> serde::Deserialize<'de> for Members<'d> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'d> Visitor<'d> for Pairs {
            type Value = Members<'d>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    members.push(pair);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
