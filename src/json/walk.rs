//! Walking over the members of an object or the elements of a list, one level at a time.
//!
//! For text that [`super::scan`] has accepted: nothing is checked again, values are passed over by
//! their brackets and quotes. On other text a walk ends early; it never panics.

use std::ops::Range;

use super::brackets;
use super::lanes::{blanks, plain};

/// The members of an object token: the name's token (quotes included) and the value's. Nothing for
/// other kinds.
#[must_use]
pub fn members(token: &str) -> Members<'_> {
    Members { text: token, walk: Walk::into(token.as_bytes(), b'{') }
}

/// The elements of a list token. Nothing for other kinds.
#[must_use]
pub fn elements(token: &str) -> Elements<'_> {
    Elements { text: token, walk: Walk::into(token.as_bytes(), b'[') }
}

/// Where the names and the values of a document's root object stand. Nothing where the root is no
/// object.
#[must_use]
pub fn root(document: &[u8]) -> Root<'_> {
    Root(Walk::into(document, b'{'))
}

/// See [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    text: &'a str,
    walk: Walk<'a>,
}

/// See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    text: &'a str,
    walk: Walk<'a>,
}

/// See [`root`].
#[derive(Clone, Debug)]
pub struct Root<'a>(Walk<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.text.get(self.walk.value()?)?;
        Some((key, self.text.get(self.walk.value()?)?))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.text.get(self.walk.value()?)
    }
}

impl Iterator for Root<'_> {
    type Item = (Range<usize>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.value()?, self.0.value()?))
    }
}

#[derive(Clone, Debug)]
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn into(bytes: &'a [u8], open: u8) -> Self {
        let at = blanks(bytes, 0);
        Self { bytes, at: if bytes.get(at) == Some(&open) { at + 1 } else { bytes.len() } }
    }

    /// The next value, over separators. Of accepted text nothing else can stand between two.
    fn value(&mut self) -> Option<Range<usize>> {
        let bytes = self.bytes;
        while matches!(bytes.get(self.at)?, b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') {
            self.at += 1;
        }
        let start = self.at;
        match bytes.get(start)? {
            b'"' => self.string(),
            b'{' | b'[' => self.at = brackets::after(bytes, start),
            b'}' | b']' => return None,
            _ => {
                let rest = bytes.get(start..)?;
                let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
            }
        }
        Some(start..self.at)
    }

    fn string(&mut self) {
        let bytes = self.bytes;
        self.at += 1;
        loop {
            self.at = plain(bytes, self.at);
            match bytes.get(self.at) {
                None => return,
                Some(b'"') => {
                    self.at += 1;
                    return;
                }
                Some(b'\\') => self.at = (self.at + 2).min(bytes.len()),
                Some(_) => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_give_each_value_as_it_stands() {
        let object = r#"{ "a" : 1.10 , "b\"":[ 1,"]",{"x":"}"}],"c":{},"d":"\\" }"#;
        let found: Vec<_> = members(object).collect();
        assert_eq!(
            found,
            [
                ("\"a\"", "1.10"),
                (r#""b\"""#, r#"[ 1,"]",{"x":"}"}]"#),
                ("\"c\"", "{}"),
                ("\"d\"", r#""\\""#)
            ]
        );
        let text = |span: Range<usize>| object.get(span).unwrap();
        assert_eq!(
            root(object.as_bytes()).map(|(n, v)| (text(n), text(v))).collect::<Vec<_>>(),
            found
        );
        assert_eq!(members(&format!(" \n{object}")).collect::<Vec<_>>(), found);
        assert_eq!(elements("[ 1 ,[2, 3],null]").collect::<Vec<_>>(), ["1", "[2, 3]", "null"]);
        assert_eq!(
            elements("{\"a\":1}").count() + members("[1]").count() + elements("[ ]").count(),
            0
        );
        for broken in ["[", "[\"", "[\"\\", "{\"a\"", "", "[[[", "[}"] {
            assert!(elements(broken).count() + members(broken).count() < 3);
        }
    }
}
