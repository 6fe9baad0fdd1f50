//! The members of a document's root object, one after the other, for who needs a few of them.
//!
//! Where the marks of the document are kept they are followed, else it is walked over.

use std::ops::Range;

use super::{Document, kept};
use crate::json::index::Cursor;
use crate::json::walk;

/// Calls `each` with where the name and the value of every member of the root object stand, until it
/// says no. Nothing is told of a root that is no object.
pub fn root(document: Document<'_>, each: impl FnMut(Range<usize>, Range<usize>) -> bool) {
    let bytes = document.bytes;
    let kept =
        document.accepted.and_then(|accepted| Some((accepted, kept::take(accepted, bytes)?)));
    match kept {
        Some((accepted, index)) => {
            if index.is_loose() {
                walked(bytes, each);
            } else {
                marked(bytes, index.start(), each);
            }
            kept::give_back(accepted, index);
        }
        None => walked(bytes, each),
    }
}

fn walked(bytes: &[u8], mut each: impl FnMut(Range<usize>, Range<usize>) -> bool) {
    for (name, value) in walk::root(bytes) {
        if !each(name, value) {
            return;
        }
    }
}

/// By the marks of a document without white space between them.
fn marked(
    bytes: &[u8],
    mut cursor: Cursor<'_>,
    mut each: impl FnMut(Range<usize>, Range<usize>) -> bool,
) {
    let mut mark = cursor.next();
    while matches!(bytes.get(mark), Some(b'{' | b',')) {
        let colon = cursor.next();
        if bytes.get(colon) != Some(&b':') {
            // It is empty, or no object.
            return;
        }
        let value = colon + 1;
        let mut after = cursor.next();
        let mut end = after;
        if after == value {
            end = cursor.pass(value);
            after = cursor.next();
        }
        if !each(mark + 1..colon, value..end) {
            return;
        }
        mark = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::scan::{Limits, accept};

    fn told(document: Document<'_>, most: usize) -> Vec<(Range<usize>, Range<usize>)> {
        let mut all = Vec::new();
        root(document, |name, value| {
            all.push((name, value));
            all.len() < most
        });
        all
    }

    #[test]
    fn marks_tell_what_a_walk_tells() {
        for text in [
            "{}",
            r#"{"a":1}"#,
            r#"{"a":[],"b":{"c":[1,2]},"c":"}\"","":{},"a":null}"#,
            r#"{"a" : 1, "b":[{}] }"#,
            r#"{"\u0061":1,"b":2}"#,
            "[1,{\"a\":2}]",
            "[]",
            "\n{\"a\":{}}\n",
            "{\"a\":{}}\n",
        ] {
            let bytes = text.as_bytes();
            let (_, accepted) = accept(bytes, Limits::default()).unwrap();
            for most in [1, 2, 9] {
                let known = told(Document::accepted(bytes, accepted), most);
                assert_eq!(known, told(Document::checked(bytes), most), "{text}");
                let walked: Vec<_> = walk::root(bytes).take(most).collect();
                assert_eq!(known, walked, "{text}");
            }
            assert!(kept::take(accepted, bytes).is_some(), "it was given back: {text}");
        }
    }
}
