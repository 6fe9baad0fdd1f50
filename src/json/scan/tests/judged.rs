//! Damaged and odd documents: judged as `serde_json` judges them, but for what is refused on
//! purpose, and alike by both ways through a document, the one that fills slots and the one that
//! only looks.

#![expect(clippy::print_stdout, reason = "`--nocapture` shows how many were judged")]

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::json::scan::*;
use crate::json::shape::{Elements, Member};

/// Values and parts of values that some reader accepts, and none should, but for those that all do.
pub(super) const ODD: &[&[u8]] = &[
    b"01",
    b"-01",
    b"00",
    b"-",
    b"--1",
    b"1.",
    b".5",
    b"-.5",
    b"1.e1",
    b"1e",
    b"1e+",
    b"1E-",
    b"1e1.5",
    b"+1",
    b"0x1",
    b"1_0",
    b"1a",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"-0",
    b"0e0",
    b"0.0E-00",
    b"9007199254740993",
    b"123456789012345678901234567890.5e-300",
    b"1111111111111111",
    b"11111111111111111",
    b"0111111111111111",
    b"-1111111111111111.25",
    b"tru",
    b"true1",
    b"truefalse",
    b"nul",
    b"nulL",
    b"fals",
    b"falsee",
    b"True",
    b"undefined",
    b"'a'",
    b"a",
    b"",
    b" ",
    b"\x0b1",
    b"\xa01",
    b"\"",
    b"\"a",
    b"\"a\\",
    b"\"a\\\"",
    b"\"\\x\"",
    b"\"\\U0041\"",
    b"\"\\u12\"",
    b"\"\\u12g4\"",
    b"\"\\u\"",
    b"\"\\ud800\"",
    b"\"\\udc00\"",
    b"\"\\ud800\\u0041\"",
    b"\"\\ud800x\"",
    b"\"\\ud800\\n\"",
    b"\"\\ud83d\\ude00\"",
    b"\"\\uD83D\\uDE00\"",
    b"\"\\ude00\\ud83d\"",
    b"\"\\u0000\"",
    b"\"\\/\\b\\f\\n\\r\\t\"",
    b"\"\x00\"",
    b"\"\x1f\"",
    b"\"a\nb\"",
    b"\"a\tb\"",
    b"\"\x7f\"",
    b"\"0123456789abcde\"",
    b"\"0123456789abcdef\"",
    b"\"0123456789abcdef\\\"\"",
    b"\"0123456789abcd\\u00e9\"",
    b"\"0123456789abcdef0123456789abcdef\x01\"",
    b"\"\xc3\xa9\"",
    b"\"\xf0\x9f\x98\x80\"",
    // No UTF-8: overlong, a surrogate, beyond the last, cut off, a byte that never stands anywhere.
    b"\"\xc0\xaf\"",
    b"\"\xc1\xbf\"",
    b"\"\xe0\x80\x80\"",
    b"\"\xf0\x80\x80\x80\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"\xc3\"",
    b"\"\xe2\x82\"",
    b"\"\x80\"",
    b"\"\xff\"",
    b"\xef\xbb\xbf1",
    b"\xff",
    b"[",
    b"]",
    b"[]",
    b"[ ]",
    b"[,]",
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b"[1,,2]",
    b"[1}",
    b"[[]",
    b"[]]",
    b"[\"a\":1]",
    b"{",
    b"}",
    b"{}",
    b"{\n}",
    b"{,}",
    b"{\"a\"}",
    b"{\"a\":}",
    b"{\"a\":1,}",
    b"{,\"a\":1}",
    b"{\"a\" 1}",
    b"{\"a\"::1}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\":1]",
    b"{a:1}",
    b"{1:1}",
    b"{'a':1}",
    b"{\"a\":1,\"a\":2}",
    b"{null:1}",
    b"{\"a\\u00zz\":1}",
    b"{\"\\ud800\":1}",
    b"{\"a\n\":1}",
    b":",
    b",",
    b"1,",
    b"1:",
    b"/**/1",
];

/// What stands around an odd value: it, or more of a document.
pub(super) const AROUND: &[(&[u8], &[u8])] = &[
    (b"", b""),
    (b"[1,", b",2]"),
    (b"[[0],", b"]"),
    (b"{\"a\":", b",\"b\":[1.5,true]}"),
    (b"{\"skipped\":{\"deep\":[", b"]},\"a\":{\"a\":null}}"),
    (b"{\"b\":\"text\",\"every\":{\"x\":1,\"y\":", b"}}"),
    (b"{\"every\":{", b":1}}"),
    (b"{\"list\":[{\"a\":1},", b"]}"),
];

/// Members of every kind: read, skipped, each with a block, elements, and one element among them.
fn shape() -> (Shape, NodeId, u16) {
    let mut shape = Shape::default();
    let [root, inner, each, list] = [(); 4].map(|()| shape.add());
    let member = |name: &str, slot, node| Member { name: name.into(), slot, node };
    let node = shape.node_mut(root).unwrap();
    node.members = vec![
        member("a", 1, Some(inner)),
        member("b", 2, None),
        member("every", 3, Some(each)),
        member("list", 4, Some(list)),
    ];
    node.elements = Some(Elements { node: inner, width: 6 });
    shape.node_mut(inner).unwrap().members = vec![member("a", 5, None)];
    let node = shape.node_mut(each).unwrap();
    node.every = true;
    node.members = vec![member("x", 0, Some(inner)), member("y", 0, Some(each))];
    let node = shape.node_mut(list).unwrap();
    node.elements = Some(Elements { node: inner, width: 6 });
    node.indexes = vec![(1, member("", 5, None))];
    (shape, root, 6)
}

/// What became of the documents.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    on_purpose: usize,
}

impl Tally {
    fn judge(&mut self, (shape, root, width): &(Shape, NodeId, u16), bytes: &[u8]) {
        let shown = String::from_utf8_lossy(bytes);
        let ours = validate(bytes, Limits::default()).map(|_| ());
        let mut arena = Arena::default();
        match (&ours, scan(&mut arena, shape, *root, *width, bytes, Limits::default())) {
            (_, Err(ScanError { reason: Reason::Repeated, .. })) | (Ok(()), Ok(_)) => {}
            (Err(one), Err(other)) => assert_eq!(*one, other, "{shown}"),
            (one, other) => panic!("{one:?} but {other:?}: {shown}"),
        }
        let text = std::str::from_utf8(bytes).ok();
        let theirs = text.is_some_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        match ours {
            Ok(()) => {
                assert!(theirs, "accepted: {shown}");
                self.accepted += 1;
            }
            Err(ScanError { reason: Reason::Surrogate, .. }) if theirs => {
                // A tree has to hold what the text means, so serde_json refuses it there, too.
                assert!(
                    text.is_none_or(|text| serde_json::from_str::<Value>(text).is_err()),
                    "{shown}"
                );
                self.on_purpose += 1;
            }
            Err(error) => {
                assert!(!theirs, "refused, {error}: {shown}");
                assert!(error.offset <= bytes.len());
                self.refused += 1;
            }
        }
    }
}

#[test]
fn odd_values_are_judged_as_by_serde() {
    let (shape, mut tally) = (shape(), Tally::default());
    for odd in ODD {
        for (before, after) in AROUND {
            // However it lies to the sixteen bytes that are looked at together.
            for space in 0..18 {
                let (before, space) = (*before, &b"                  "[..space]);
                for bytes in [
                    [before, space, odd, after].concat(),
                    [space, before, odd, after, space].concat(),
                    [before, odd, space, after].concat(),
                ] {
                    tally.judge(&shape, &bytes);
                }
            }
        }
    }
    println!("odd values: {tally:?}");
    assert!(
        tally.accepted > 5_000 && tally.refused > 40_000 && tally.on_purpose > 500,
        "{tally:?}"
    );
}

#[test]
fn damaged_documents_are_judged_as_by_serde() {
    let (shape, mut tally) = (shape(), Tally::default());
    let example =
        concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/canonical/examples/conversation.rich.json");
    let tree: Value = serde_json::from_str(&std::fs::read_to_string(example).unwrap()).unwrap();
    // Parts of it, laid out both ways, under names that are read.
    let parts = [
        ("a", &tree["channel"]),
        ("every", &tree["contact"]["custom_attributes"]),
        ("list", &tree["assignee"]["accounts"]),
        ("skipped", &tree["contact"]["address"]),
    ];
    let mut sources = Vec::new();
    for (name, part) in parts {
        let part = serde_json::json!({ name: part, "b": [tree["labels"], 1.25e-3, "é😀\n"] });
        sources.push(part.to_string().into_bytes());
        sources.push(serde_json::to_string_pretty(&part).unwrap().into_bytes());
    }
    for source in &sources {
        tally.judge(&shape, source);
        for at in 0..source.len() {
            let (before, after) = source.split_at(at);
            tally.judge(&shape, before);
            tally.judge(&shape, after);
            // A byte less, a byte twice, and another instead.
            tally.judge(&shape, &[before, &after[1..]].concat());
            tally.judge(&shape, &[before, &after[..1], after].concat());
            for other in b"\"\\{}[],:0e-. a\n\x01\xc3\x80" {
                tally.judge(&shape, &[before, &[*other][..], &after[1..]].concat());
            }
        }
    }
    println!("damaged documents: {tally:?}");
    assert!(tally.accepted > 10_000 && tally.refused > 25_000, "{tally:?}");
}
