//! What a route reads of a form: values of a form are text, and how a text is meant is for the
//! field to say that reads it.

use std::borrow::Cow;

use crate::json::text;
use crate::json::{shape::NodeId, write};
use crate::mapping::plan::Types;

/// How the values of a form are read, name by name; what nothing reads is text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guide {
    /// Of the value itself.
    pub reads: Reads,
    /// Of its members.
    pub members: Vec<(Box<str>, Self)>,
    /// Of its elements.
    pub elements: Option<Box<Self>>,
}

/// What is read at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// The JSON types that are read.
    pub types: Types,
    /// Single values that are read, as JSON texts.
    pub words: Vec<Box<[u8]>>,
}

/// Where a program reads something: the node its block was opened for, and the slot.
pub type Spot = (NodeId, u16);

impl Guide {
    /// What is known of a member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.members.iter().find(|(known, _)| **known == *name).map(|(_, guide)| guide)
    }

    /// Whether a list is due, and nothing else with members.
    #[must_use]
    pub fn is_list(&self) -> bool {
        let types = self.reads.types;
        (self.elements.is_some() || types.has(Types::LIST)) && !types.has(Types::OBJECT)
    }

    /// Adds what another program reads.
    pub fn merge(&mut self, other: Self) {
        self.reads.merge(other.reads);
        for (name, guide) in other.members {
            match self.members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, own)) => own.merge(guide),
                None => self.members.push((name, guide)),
            }
        }
        match (&mut self.elements, other.elements) {
            (Some(own), Some(theirs)) => own.merge(*theirs),
            (own @ None, theirs) => *own = theirs,
            (Some(_), None) => {}
        }
    }
}

impl Reads {
    /// Adds what is read at the same place besides.
    pub fn merge(&mut self, other: Self) {
        self.types = self.types.or(other.types);
        for word in other.words {
            if !self.words.contains(&word) {
                self.words.push(word);
            }
        }
    }

    /// The JSON that a value of a form stands for.
    #[must_use]
    pub fn json<'v>(&self, value: &'v str) -> Cow<'v, [u8]> {
        let mut quoted = Vec::with_capacity(value.len() + 2);
        write::string(&mut quoted, value);
        let known = |json: &[u8]| self.words.iter().any(|word| **word == *json);
        if known(&quoted) || self.types.has(Types::STRING) {
            return Cow::Owned(quoted);
        }
        if known(value.as_bytes()) {
            return Cow::Borrowed(value.as_bytes());
        }
        if self.types == Types::default() {
            return Cow::Owned(quoted);
        }
        let read = match value {
            "" => Some(&b"null"[..]),
            "1" if !self.types.has(Types::INTEGER) && self.types.has(Types::BOOLEAN) => {
                Some(&b"true"[..])
            }
            "0" if !self.types.has(Types::INTEGER) && self.types.has(Types::BOOLEAN) => {
                Some(&b"false"[..])
            }
            _ if self.spells(value) => Some(value.as_bytes()),
            _ => None,
        };
        read.map_or(Cow::Owned(quoted), Cow::Borrowed)
    }

    /// Whether a text is itself JSON of a type that is read.
    fn spells(&self, value: &str) -> bool {
        match value.as_bytes().first() {
            Some(b'{' | b'[') => {
                let types = if value.starts_with('{') { Types::OBJECT } else { Types::LIST };
                self.types.has(types)
                    && serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok()
            }
            _ if matches!(value, "true" | "false") => self.types.has(Types::BOOLEAN),
            _ if text::is_number(value) => {
                let whole = text::kind(value) == text::Kind::Integer;
                self.types.has(if whole { Types::INTEGER } else { Types::NUMBER })
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_by_the_type_that_is_due() {
        let of = |types| Reads { types, words: Vec::new() };
        for (reads, value, json) in [
            (of(Types::default()), "31", r#""31""#),
            (of(Types::STRING), "31", r#""31""#),
            (of(Types::STRING.or(Types::INTEGER)), "31", r#""31""#),
            (of(Types::INTEGER), "31", "31"),
            (of(Types::INTEGER), "031", r#""031""#),
            (of(Types::INTEGER), "3.1", r#""3.1""#),
            (of(Types::NUMBER), "3.10", "3.10"),
            (of(Types::INTEGER), "", "null"),
            (of(Types::STRING), "", r#""""#),
            (of(Types::BOOLEAN), "false", "false"),
            (of(Types::BOOLEAN), "1", "true"),
            (of(Types::BOOLEAN), "yes", r#""yes""#),
            (of(Types::OBJECT), r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (of(Types::OBJECT), r#"{"a":"#, r#""{\"a\":""#),
            (of(Types::OBJECT), "[1]", r#""[1]""#),
            (of(Types::LIST), "[1]", "[1]"),
        ] {
            assert_eq!(&*reads.json(value), json.as_bytes(), "{reads:?} {value}");
        }
    }

    #[test]
    fn a_word_of_a_table_is_read_as_the_table_spells_it() {
        let words = [r#""incoming""#, "0", r#""""#].map(|w| w.as_bytes().into()).to_vec();
        let reads = Reads { types: Types::INTEGER, words };
        for (value, json) in [("incoming", r#""incoming""#), ("0", "0"), ("", r#""""#)] {
            assert_eq!(&*reads.json(value), json.as_bytes(), "{value}");
        }
    }
}
