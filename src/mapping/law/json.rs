//! JSON as a tree that can be compared, changed and made smaller. For proving only: nothing that
//! serves a request builds one.

use std::fmt;

use crate::json::place::Hop;
use crate::json::text::{self, Kind};
use crate::json::{walk, write};

/// A value. Numbers keep their spelling, text is what it means, members keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true`, `false`.
    Boolean(bool),
    /// A number as it is spelled.
    Number(Box<str>),
    /// Text, without escapes.
    Text(Box<str>),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(Box<str>, Self)>),
}

impl Json {
    /// Reads text that is known to be JSON.
    #[must_use]
    pub fn read(json: &str) -> Self {
        let token = json.trim_matches([' ', '\t', '\r', '\n']);
        match text::kind(token) {
            Kind::Null => Self::Null,
            Kind::Boolean => Self::Boolean(token == "true"),
            Kind::Integer | Kind::Number => Self::Number(token.into()),
            Kind::String => Self::Text(text::decode(token).into()),
            Kind::List => Self::List(walk::elements(token).map(Self::read).collect()),
            Kind::Object => Self::Object(
                walk::members(token)
                    .map(|(name, value)| (text::decode(name).into(), Self::read(value)))
                    .collect(),
            ),
        }
    }

    /// The same of bytes, as constants of a mapping are kept.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Self::Null, Self::read)
    }

    /// Text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// A member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(n, _)| **n == *name).map(|(_, value)| value)
    }

    /// The value at the end of a way through objects.
    #[must_use]
    pub fn key(&self, way: &[Box<str>]) -> Option<&Self> {
        way.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The value at a place.
    #[must_use]
    pub fn at(&self, hops: &[Hop]) -> Option<&Self> {
        hops.iter().try_fold(self, |value, hop| match (hop, value) {
            (Hop::Member(name), _) => value.get(name),
            (Hop::Index(index), Self::List(elements)) => elements.get(*index as usize),
            _ => None,
        })
    }

    /// Puts a value at a place, or takes it away; objects on the way are made. Whether there was a
    /// way.
    pub fn put(&mut self, hops: &[Hop], value: Option<Self>) -> bool {
        let Some((hop, rest)) = hops.split_first() else {
            if let Some(value) = value {
                *self = value;
            }
            return true;
        };
        match (hop, &mut *self) {
            (Hop::Member(name), Self::Object(members)) => {
                let found = members.iter().position(|(n, _)| n == name);
                if rest.is_empty() && value.is_none() {
                    if let Some(index) = found {
                        members.remove(index);
                    }
                    return found.is_some();
                }
                let index = found.unwrap_or_else(|| {
                    members.push((name.clone(), Self::Object(Vec::new())));
                    members.len() - 1
                });
                members.get_mut(index).is_some_and(|(_, inside)| inside.put(rest, value))
            }
            (Hop::Index(index), Self::List(elements)) => {
                elements.get_mut(*index as usize).is_some_and(|inside| inside.put(rest, value))
            }
            _ => false,
        }
    }

    /// Puts a member of the dialect's object; objects on the way are made, in order.
    pub fn put_key(&mut self, way: &[Box<str>], value: Self) {
        let Some((name, rest)) = way.split_first() else {
            *self = value;
            return;
        };
        if !matches!(self, Self::Object(_)) {
            *self = Self::Object(Vec::new());
        }
        let Self::Object(members) = self else { return };
        let index = members.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            members.push((name.clone(), Self::Null));
            members.len() - 1
        });
        if let Some((_, inside)) = members.get_mut(index) {
            inside.put_key(rest, value);
        }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// Whether it is `[]` or `{}`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::List(elements) => elements.is_empty(),
            Self::Object(members) => members.is_empty(),
            _ => false,
        }
    }

    /// The text of a text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The elements of a list; none of anything else.
    #[must_use]
    pub fn elements(&self) -> &[Self] {
        if let Self::List(elements) = self { elements } else { &[] }
    }

    /// The value at an RFC 6901 pointer.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        steps(pointer).try_fold(self, |value, step| match value {
            Self::List(elements) => elements.get(step.parse::<usize>().ok()?),
            _ => value.get(&step),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Boolean(true) => out.extend_from_slice(b"true"),
            Self::Boolean(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => out.extend_from_slice(number.as_bytes()),
            Self::Text(text) => write::string(out, text),
            Self::List(elements) => {
                out.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    element.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write::string(out, name);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// The steps of an RFC 6901 pointer.
pub(super) fn steps(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"))
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        let json = r#"{"a":[1.10,1e3,"\"é\n",null],"b":{"c":true,"d":{},"e":[]}}"#;
        let tree = Json::read(&format!(" {json} "));
        assert_eq!(tree.to_string(), json);
        assert_eq!(tree.pointer("/a/2"), Some(&Json::text("\"é\n")));
        assert_eq!(tree.pointer("/a/9"), None);
    }

    #[test]
    fn places_are_put_and_taken_away() {
        let mut tree = Json::read(r#"{"a":1,"b":[{"c":2}]}"#);
        let place: crate::json::place::Place = "$.b[0].c".parse().unwrap();
        assert!(tree.put(&place.hops, Some(Json::Null)));
        let place: crate::json::place::Place = "$.a".parse().unwrap();
        assert!(tree.put(&place.hops, None) && !tree.put(&place.hops, None));
        tree.put_key(&["x".into(), "y".into()], Json::Boolean(true));
        assert_eq!(tree.to_string(), r#"{"b":[{"c":null}],"x":{"y":true}}"#);
    }
}
