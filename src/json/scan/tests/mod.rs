//! The scan on small documents, on those of `serde_json`, and on [`judged`] ones.

mod checked;
mod judged;
mod sure;
mod trodden;

use super::*;
use crate::json::shape::{Elements, Member};
use proptest::prelude::*;

fn verdict(text: &str) -> Result<(), (usize, Reason)> {
    let plain = validate(text.as_bytes(), Limits::default());
    // The same text through a shape that descends everywhere must be judged alike.
    let mut arena = Arena::default();
    let shape = everywhere();
    let filled = scan(&mut arena, &shape, NodeId(0), 4, text.as_bytes(), Limits::default());
    let filled = filled.map(|_| ());
    let plain = plain.map(|_| ());
    assert_eq!(plain, filled, "{text}");
    plain.map_err(|e| (e.offset, e.reason))
}

/// The examples of the contract, laid out both ways.
fn examples() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/canonical/examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let texts = json.flat_map(|path| {
        let tree: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        [tree.to_string(), serde_json::to_string_pretty(&tree).unwrap()]
    });
    let texts: Vec<_> = texts.collect();
    assert!(texts.len() > 20);
    texts
}

/// Members `a` and `b`, and all elements, at every depth.
fn everywhere() -> Shape {
    let mut shape = Shape::default();
    let list = shape.add();
    let node = shape.node_mut(list).unwrap();
    node.elements = Some(Elements { node: list, width: 4 });
    node.members = vec![
        Member { name: "a".into(), slot: 1, node: None },
        Member { name: "b".into(), slot: 2, node: None },
    ];
    shape
}

#[test]
fn valid_documents_are_accepted() {
    for text in [
        "null",
        " true ",
        "\tfalse\r\n",
        "0",
        "-0",
        "-1",
        "10",
        "1.5",
        "1.10",
        "0.0",
        "1e1",
        "1E+2",
        "1.5e-10",
        "9007199254740993",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\"",
        "\"é😀\"",
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0000""#,
        r#""\uD83D\uDE00""#,
        r#""\ud83d\ude00\u00E9""#,
        "\"\u{7f}\u{80}\u{2028}\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1]",
        "[1,2]",
        "[ 1 , 2 ]",
        "[[],[[]],{}]",
        r#"{"a":1}"#,
        r#"{"a":{"b":[1,{"c":null}]}}"#,
        r#"{"":1}"#,
        r#"{"x":1,"x":2}"#,
        r#" { "a" : [ true , false , null ] } "#,
        r#"[{"a":"]"},"}"]"#,
        r#""12345678""#,
        r#""1234567\"""#,
        r#""abcdefg\\""#,
    ] {
        assert_eq!(verdict(text), Ok(()), "{text}");
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(), "{text}");
    }
}

#[test]
fn invalid_documents_are_refused_where_they_are_wrong() {
    use Reason as R;
    for (text, at, reason) in [
        ("", 0, R::End),
        ("  ", 2, R::End),
        ("nul", 3, R::End),
        ("nulL", 0, R::Value),
        ("True", 0, R::Value),
        ("NaN", 0, R::Value),
        ("'a'", 0, R::Value),
        ("// a\n1", 0, R::Value),
        ("+1", 0, R::Value),
        (".5", 0, R::Value),
        ("01", 1, R::Number),
        ("-", 1, R::End),
        ("-a", 1, R::Number),
        ("1.", 2, R::End),
        ("[1.]", 3, R::Number),
        ("1e", 2, R::End),
        ("[1e+]", 4, R::Number),
        ("1 2", 2, R::Trailing),
        ("1,", 1, R::Trailing),
        ("{}}", 2, R::Trailing),
        ("0x1", 1, R::Trailing),
        ("\u{feff}1", 0, R::Value),
        ("\u{a0}1", 0, R::Value),
        ("\u{c}1", 0, R::Value),
        ("\"a", 2, R::End),
        ("\"a\nb\"", 2, R::Control),
        ("\"\u{1f}\"", 1, R::Control),
        ("\"12345678\u{0}\"", 9, R::Control),
        (r#""\x""#, 1, R::Escape),
        (r#""\"#, 2, R::End),
        (r#""\u12"#, 5, R::End),
        (r#""\u12G4""#, 5, R::Escape),
        (r#""\uD800""#, 1, R::Surrogate),
        (r#""\uD800\n""#, 1, R::Surrogate),
        (r#""\uD800\uD800""#, 1, R::Surrogate),
        (r#""\uDC00""#, 1, R::Surrogate),
        ("[", 1, R::End),
        ("[1", 2, R::End),
        ("[1,]", 3, R::Value),
        ("[,1]", 1, R::Value),
        ("[1 2]", 3, R::Bracket),
        ("[1}", 2, R::Bracket),
        ("[1:2]", 2, R::Bracket),
        ("]", 0, R::Value),
        ("{", 1, R::End),
        (r#"{"a"}"#, 4, R::Colon),
        (r#"{"a" 1}"#, 5, R::Colon),
        (r#"{"a":}"#, 5, R::Value),
        (r#"{"a":1,}"#, 7, R::Key),
        (r#"{"a":1 "b":2}"#, 7, R::Brace),
        (r#"{"a":1]"#, 6, R::Brace),
        (r#"{"z":[1}"#, 7, R::Bracket),
        ("{a:1}", 1, R::Key),
        ("{1:1}", 1, R::Key),
        (r#"{,"a":1}"#, 1, R::Key),
        (r#"{"a":1"#, 6, R::End),
    ] {
        assert_eq!(verdict(text), Err((at, reason)), "{text}");
    }
    let broken = validate(b"\"\xff\"", Limits::default()).unwrap_err();
    assert_eq!((broken.offset, broken.reason), (1, Reason::Utf8));
    for cut in [&b"\"\xed\xa0\x80\""[..], b"\"\xc0\x80\"", b"\xe2\x82"] {
        assert!(validate(cut, Limits::default()).is_err());
    }
}

#[test]
fn depth_is_bounded_exactly_and_without_a_deep_stack() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(verdict(&nested(128)), Ok(()));
    assert_eq!(verdict(&nested(129)), Err((128, Reason::Depth)));
    assert_eq!(verdict(&"[".repeat(100_000)), Err((128, Reason::Depth)));
    let objects = "{\"a\":".repeat(100_000);
    assert_eq!(verdict(&objects), Err((128 * 5, Reason::Depth)));
    let mixed = format!("{}1{}", "{\"z\":[".repeat(64), "]}".repeat(64));
    assert_eq!(verdict(&mixed), Ok(()));
    let limits = Limits { depth: 2, ..Limits::default() };
    assert!(validate(b"[[1],{}]", limits).is_ok());
    assert_eq!(validate(b"[[{}]]", limits).unwrap_err().reason, Reason::Depth);
}

#[test]
fn an_error_names_line_and_column() {
    let text = "{\n  \"é\": 1,\n  \"ü\" 2\n}";
    let error = validate(text.as_bytes(), Limits::default()).unwrap_err();
    assert_eq!(error.line_column(text.as_bytes()), (3, 7));
    assert_eq!(error.reason.to_string(), "expected `:`");
    let start = ScanError { offset: 0, reason: Reason::End, member: None };
    assert_eq!(start.line_column(b""), (1, 1));
}

fn member(name: &str, slot: u16, node: Option<NodeId>) -> Member {
    Member { name: name.into(), slot, node }
}

#[test]
fn slots_are_filled_at_all_depths_and_blocks_are_linked() {
    let mut shape = Shape::default();
    let (root, meta, list, item) = (shape.add(), shape.add(), shape.add(), shape.add());
    let deeper = shape.add();
    shape.node_mut(deeper).unwrap().elements = Some(Elements { node: item, width: 3 });
    shape.node_mut(root).unwrap().members =
        vec![member("id", 1, None), member("meta", 2, Some(meta)), member("list", 4, Some(list))];
    shape.node_mut(meta).unwrap().members = vec![member("x", 3, None)];
    let node = shape.node_mut(list).unwrap();
    node.elements = Some(Elements { node: item, width: 3 });
    node.indexes = vec![(1, member("", 5, None))];
    shape.node_mut(item).unwrap().members =
        vec![member("n", 1, None), member("in", 2, Some(deeper))];

    let text = r#" {"list":[{"n":1,"in":[{"n":7},8]}, {"x":[ ],"n" : 1.10}, null],"skip":[{"id":2}],
        "m\u0065ta":{"x":"é\"", "id":3}} "#;
    let mut arena = Arena::default();
    // A document that stands before it in the arena changes nothing.
    let other = arena.absent(2);
    assert_eq!(arena.slot(other, 0).text("1"), None);
    let (block, all) =
        scan(&mut arena, &shape, root, 6, text.as_bytes(), Limits::default()).unwrap();
    let at = |b: Block, n: u16| arena.slot(b, n).text(all);
    assert_eq!(at(block, 0), Some(text.trim()));
    assert_eq!(at(block, 1), None);
    assert_eq!(at(block, 3), Some(r#""é\"""#));
    assert_eq!(at(block, 5), Some(r#"{"x":[ ],"n" : 1.10}"#));
    let first = arena.slot(block, 4).first().unwrap();
    assert_eq!((arena.index(first), at(first, 1)), (Some(0), Some("1")));
    let inner = arena.slot(first, 2).first().unwrap();
    assert_eq!(at(inner, 1), Some("7"));
    let inner = arena.next(inner).unwrap();
    assert_eq!((at(inner, 0), at(inner, 1), arena.next(inner)), (Some("8"), None, None));
    let second = arena.next(first).unwrap();
    assert_eq!((arena.index(second), at(second, 1)), (Some(1), Some("1.10")));
    let third = arena.next(second).unwrap();
    assert_eq!((at(third, 0), at(third, 1), arena.next(third)), (Some("null"), None, None));
    assert_eq!(at(Block::ABSENT, 0), None);
    assert_eq!(arena.index(Block::ABSENT), None);
}

#[test]
fn a_needed_member_may_not_stand_twice() {
    let mut shape = Shape::default();
    let (root, inner) = (shape.add(), shape.add());
    shape.node_mut(root).unwrap().members = vec![member("a", 1, Some(inner)), member("b", 2, None)];
    shape.node_mut(inner).unwrap().members = vec![member("c", 3, None)];
    let try_it = |text: &str| {
        let mut arena = Arena::default();
        scan(&mut arena, &shape, root, 4, text.as_bytes(), Limits::default()).map(|_| ())
    };
    assert_eq!(try_it(r#"{"z":1,"z":2,"a":{"z":0,"z":0}}"#), Ok(()));
    let error = try_it(r#"{"b":1,"\u0062":2}"#).unwrap_err();
    assert_eq!(
        (error.offset, error.reason, error.member.as_deref()),
        (7, Reason::Repeated, Some("b"))
    );
    // What is no JSON is told first.
    assert_eq!(try_it(r#"{"b":1,"b":"#).unwrap_err().reason, Reason::End);
    assert!(try_it(r#"{"a":{"c":1,"c":1}}"#).is_err() && try_it(r#"{"a":null,"a":{}}"#).is_err());
}

#[test]
fn slots_are_bounded() {
    let mut shape = Shape::default();
    let list = shape.add();
    shape.node_mut(list).unwrap().elements = Some(Elements { node: list, width: 40 });
    let text = format!("[{}1]", "1,".repeat(10_000));
    let mut arena = Arena::default();
    let limits = Limits { slots: 10_000, ..Limits::default() };
    let error = scan(&mut arena, &shape, list, 1, text.as_bytes(), limits).unwrap_err();
    assert_eq!(error.reason, Reason::Slots);
    let long = vec![b' '; MOST_BYTES + 1];
    assert_eq!(validate(&long, Limits::default()).unwrap_err().reason, Reason::Length);
}

proptest! {
    /// Any text is judged as serde_json judges it, but for what we refuse on purpose.
    #[test]
    fn judged_as_by_serde(text in r#"([\[\]{},:" \\]|"a"|"b":|1|-|\.|e|0|null|true|\\u[dD][89c]00){0,14}"#) {
        let ours = verdict(&text);
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        let ours_only = matches!(ours, Err((_, Reason::Surrogate | Reason::Repeated | Reason::Depth)));
        prop_assert!(ours_only || ours.is_ok() == theirs.is_ok(), "{text:?}: {ours:?} {theirs:?}");
    }

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = validate(&bytes, Limits::default());
    }
}
