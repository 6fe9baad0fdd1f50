//! Following a few places through an answer's bytes, all in one pass and without a tree.
//!
//! Only what leads to a place is looked into; the rest is skipped by its brackets. What cannot be
//! followed is an error, and such an answer is not stored. Whether the rest is JSON is judged by
//! those who read it.

use std::borrow::Cow;

use memchr::memchr2;

/// The bytes could not be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotFollowed;

/// The places wanted, as a tree of members. Each place has a number.
#[derive(Debug)]
pub(super) struct Places {
    nodes: Vec<Node>,
    count: u16,
}

#[derive(Debug, Default)]
struct Node {
    members: Vec<(Box<str>, usize)>,
    elements: Option<usize>,
    place: Option<u16>,
}

/// What was found: values by the number of their place. Texts, numbers and booleans as they would be
/// printed; null, lists and objects are no values.
#[derive(Debug, Default)]
pub(super) struct Found<'a>(Vec<(u16, Cow<'a, str>)>);

impl<'a> Found<'a> {
    /// The values of a place, in the order of the answer.
    pub(super) fn of(&self, place: u16) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(p, _)| *p == place).map(|(_, value)| &**value)
    }
}

impl Places {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()], count: 0 }
    }

    /// Adds a place: members to follow, `*` for every element of a list. Gives its number.
    pub(super) fn add(&mut self, path: &[Box<str>]) -> u16 {
        let mut at = 0;
        for hop in path {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { break };
            let known = match &**hop {
                "*" => node.elements,
                name => node.members.iter().find(|(n, _)| &**n == name).map(|(_, id)| *id),
            };
            at = known.unwrap_or(fresh);
            if known.is_none() {
                match &**hop {
                    "*" => node.elements = Some(fresh),
                    _ => node.members.push((hop.clone(), fresh)),
                }
                self.nodes.push(Node::default());
            }
        }
        let count = &mut self.count;
        let node = self.nodes.get_mut(at);
        node.map_or(u16::MAX, |node| {
            *node.place.get_or_insert_with(|| {
                *count += 1;
                *count - 1
            })
        })
    }

    /// Whether no place is wanted.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Finds the values of every place.
    pub(super) fn find<'a>(&self, bytes: &'a [u8]) -> Result<Found<'a>, NotFollowed> {
        let mut found = Found::default();
        if self.is_empty() || bytes.is_empty() {
            return Ok(found);
        }
        let mut walk = Walk { bytes, at: 0 };
        self.value(&mut walk, 0, &mut found)?;
        walk.space();
        if walk.at == bytes.len() { Ok(found) } else { Err(NotFollowed) }
    }

    /// Recurses no deeper than the longest place.
    fn value<'a>(
        &self,
        walk: &mut Walk<'a>,
        id: usize,
        found: &mut Found<'a>,
    ) -> Result<(), NotFollowed> {
        let node = self.nodes.get(id).ok_or(NotFollowed)?;
        walk.space();
        match walk.peek()? {
            b'{' if !node.members.is_empty() => {
                walk.members(|walk, name| match node.members.iter().find(|(n, _)| **n == *name) {
                    Some((_, id)) => self.value(walk, *id, found),
                    None => walk.skip(),
                })
            }
            b'[' if node.elements.is_some() => {
                let Some(id) = node.elements else { return Err(NotFollowed) };
                walk.elements(|walk| self.value(walk, id, found))
            }
            _ => match node.place {
                Some(place) => {
                    if let Some(value) = walk.scalar()? {
                        found.0.push((place, value));
                    }
                    Ok(())
                }
                None => walk.skip(),
            },
        }
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Result<u8, NotFollowed> {
        self.rest().first().copied().ok_or(NotFollowed)
    }

    fn space(&mut self) {
        self.at += self.rest().iter().take_while(|b| b" \t\r\n".contains(b)).count();
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotFollowed> {
        self.space();
        if self.peek()? != byte {
            return Err(NotFollowed);
        }
        self.at += 1;
        Ok(())
    }

    /// After an opening bracket: whether the closing one follows, which is then taken.
    fn empty(&mut self, close: u8) -> Result<bool, NotFollowed> {
        self.space();
        let empty = self.peek()? == close;
        self.at += usize::from(empty);
        Ok(empty)
    }

    /// After a value: whether another follows.
    fn more(&mut self, close: u8) -> Result<bool, NotFollowed> {
        self.space();
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Ok(true),
            b if b == close => Ok(false),
            _ => Err(NotFollowed),
        }
    }

    fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), NotFollowed>,
    ) -> Result<(), NotFollowed> {
        self.expect(b'{')?;
        if self.empty(b'}')? {
            return Ok(());
        }
        loop {
            self.space();
            let name = self.text()?;
            self.expect(b':')?;
            each(self, name)?;
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    fn elements(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), NotFollowed>,
    ) -> Result<(), NotFollowed> {
        self.expect(b'[')?;
        if self.empty(b']')? {
            return Ok(());
        }
        loop {
            each(self)?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// A string, its escapes undone.
    fn text(&mut self) -> Result<Cow<'a, str>, NotFollowed> {
        let start = self.at;
        let escaped = self.skip_text()?;
        let quoted = self.bytes.get(start..self.at).ok_or(NotFollowed)?;
        if escaped {
            return serde_json::from_slice(quoted).map(Cow::Owned).map_err(|_| NotFollowed);
        }
        let inner = quoted.get(1..quoted.len() - 1).ok_or(NotFollowed)?;
        std::str::from_utf8(inner).map(Cow::Borrowed).map_err(|_| NotFollowed)
    }

    /// Passes a string; whether it has escapes.
    fn skip_text(&mut self) -> Result<bool, NotFollowed> {
        if self.peek()? != b'"' {
            return Err(NotFollowed);
        }
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += memchr2(b'"', b'\\', self.rest()).ok_or(NotFollowed)?;
            if self.peek()? == b'"' {
                self.at += 1;
                return Ok(escaped);
            }
            escaped = true;
            self.at += 2;
        }
    }

    /// Takes a word without quotes: a number, `true`, `false`, `null`.
    fn word(&mut self) -> Result<&'a str, NotFollowed> {
        let rest = self.rest();
        let end = rest
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || b"+-.".contains(b)))
            .unwrap_or(rest.len());
        let word = rest.get(..end).filter(|word| !word.is_empty()).ok_or(NotFollowed)?;
        self.at += end;
        std::str::from_utf8(word).map_err(|_| NotFollowed)
    }

    /// Takes a value; gives it when it is a text, a number or a boolean.
    fn scalar(&mut self) -> Result<Option<Cow<'a, str>>, NotFollowed> {
        match self.peek()? {
            b'"' => self.text().map(Some),
            b'{' | b'[' => self.skip().map(|()| None),
            _ => Ok(Some(self.word()?).filter(|word| *word != "null").map(Cow::Borrowed)),
        }
    }

    /// Passes a value of any kind, by its brackets.
    fn skip(&mut self) -> Result<(), NotFollowed> {
        let mut depth = 0_usize;
        loop {
            self.space();
            match self.peek()? {
                b'"' => {
                    self.skip_text()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or(NotFollowed)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                _ => {
                    self.word()?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> Vec<Box<str>> {
        text.split('.').map(Into::into).collect()
    }

    #[test]
    fn one_pass_finds_every_place() {
        let mut places = Places::new();
        let id = places.add(&path("id"));
        let number = places.add(&path("number"));
        let authors = places.add(&path("messages.*.author.id"));
        assert_eq!(places.add(&path("id")), id, "a place has one number");
        let json = br#" {"id" : "c\u0031", "x":[{"id":"no","}":"]"}],
            "messages":[{"author":{"id":"a"}},{"author":null},{"author":{"id":"b","id":"d"}},7],
            "number":7, "none":{} } "#;
        let found = places.find(json).unwrap();
        assert_eq!(found.of(id).collect::<Vec<_>>(), ["c1"]);
        assert_eq!(found.of(number).collect::<Vec<_>>(), ["7"]);
        assert_eq!(found.of(authors).collect::<Vec<_>>(), ["a", "b", "d"]);
        let found = places.find(br#"{"id":null,"number":[1],"messages":{"*":1}}"#).unwrap();
        assert_eq!(
            (found.of(id).count(), found.of(number).count(), found.of(authors).count()),
            (0, 0, 0)
        );
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let mut places = Places::new();
        places.add(&path("id"));
        for broken in [
            "{",
            r#"{"id""#,
            r#"{"id":"x"#,
            r#"{"id":"x\"#,
            r#"{"id":1} x"#,
            "{1:2}",
            r#"{"a":]}"#,
            "}",
        ] {
            assert!(places.find(broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(places.find(b"").is_ok(), "an empty answer has no values");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::sample::select(
            b"{}[]\",:\\ 1anull\xff".to_vec()), 0..60)) {
            let mut places = Places::new();
            places.add(&path("a.*.a"));
            places.add(&path("a.n"));
            let _ = places.find(&bytes);
        }
    }
}
