//! A document that was accepted before gives the slots that it gives without that being known.

use proptest::prelude::*;

use crate::json::scan::*;
use crate::json::shape::{Elements, Member};

const NAMES: &[&str] = &["a", "b", "c", "a_name_longer_than_sixteen", "z", "\\u0061", "b\\n", ""];
const SPACES: &[&str] = &[
    "",
    "",
    "",
    " ",
    "\r\n\t",
    "                                                                      ",
];
const LEAVES: &[&str] = &[
    "1",
    "-0.5e+3",
    "true",
    "false",
    "null",
    "[]",
    "{ }",
    "\"\"",
    "\"plain\"",
    "\"}]{[,:\"",
    r#""\"]}""#,
    r#""\\""#,
    r#""ends with\\\"""#,
    r#""\ud83d\ude00\n""#,
    "\"é😀 and so on, for longer than the sixty-four bytes that are looked at at a time {\"",
];

/// Some members of some objects, every member of others, elements with and without an index.
fn shape() -> Shape {
    let mut shape = Shape::default();
    let (root, list, every) = (shape.add(), shape.add(), shape.add());
    let member = |name: &str, slot, node| Member { name: name.into(), slot, node };
    shape.node_mut(root).unwrap().members = vec![
        member("a", 1, None),
        member("b", 2, Some(list)),
        member("c", 3, Some(every)),
        member("a_name_longer_than_sixteen", 4, Some(root)),
    ];
    let node = shape.node_mut(list).unwrap();
    node.elements = Some(Elements { node: root, width: 8 });
    node.indexes = vec![(1, member("", 6, None)), (2, member("", 7, Some(every)))];
    let node = shape.node_mut(every).unwrap();
    (node.every, node.members) = (true, vec![member("a", 1, Some(list))]);
    shape
}

pub(super) fn document() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(LEAVES).prop_map(str::to_owned);
    let space = || proptest::sample::select(SPACES);
    let value = leaf.prop_recursive(7, 80, 8, move |inner| {
        let part = (proptest::sample::select(NAMES), inner, space(), space());
        (proptest::collection::vec(part, 0..8), any::<bool>()).prop_map(|(parts, list)| {
            let all: Vec<_> = (parts.iter())
                .map(|(name, value, s, t)| match list {
                    true => format!("{s}{value}{t}"),
                    false => format!("{t}\"{name}\"{s}:{t}{value}{s}"),
                })
                .collect();
            let all = all.join(",");
            if list { format!("[{all}]") } else { format!("{{{all}}}") }
        })
    });
    (space(), value, space()).prop_map(|(s, value, t)| format!("{s}{value}{t}"))
}

/// The same without what is blank between its values.
fn bare(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let stays = |byte: &char| {
        let quote = *byte == '"' && !escaped;
        escaped = inside && *byte == '\\' && !escaped;
        inside ^= quote;
        inside || !byte.is_ascii_whitespace()
    };
    text.chars().filter(stays).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn checked_documents_give_the_same_slots(text in document()) {
        let shape = shape();
        let bytes = text.as_bytes();
        prop_assert!(validate(bytes, Limits::default()).is_ok(), "{}", &text);
        let filled = |document: Document<'_>| {
            let mut arena = Arena::default();
            let done = scan(&mut arena, &shape, NodeId(0), 8, document, Limits::default());
            done.map(|(block, text)| (block, text.len(), std::mem::take(&mut arena.slots)))
        };
        let (whole, known) = (filled(bytes.into()), filled(Document::checked(bytes)));
        prop_assert_eq!(known, whole, "{}", &text);
    }

    /// A slot holds the same value, and no more than it, however the document is laid out.
    #[test]
    fn blanks_change_no_slot(text in document()) {
        let (shape, bare) = (shape(), bare(&text));
        let filled = |text: &str| {
            let mut arena = Arena::default();
            let document = Document::checked(text.as_bytes());
            let done = scan(&mut arena, &shape, NodeId(0), 8, document, Limits::default());
            (done.map(|_| ()).map_err(|error| error.reason), arena.slots)
        };
        let ((one, slots), (other, bare_slots)) = (filled(&text), filled(&bare));
        prop_assert_eq!(one, other);
        prop_assert_eq!(slots.len(), bare_slots.len());
        for (slot, bare_slot) in slots.into_iter().zip(bare_slots) {
            prop_assert_eq!(slot.first, bare_slot.first);
            // The head of a block is no value, and the same in both.
            if slot != bare_slot {
                let (value, bare_value) = (slot.text(&text).unwrap(), bare_slot.text(&bare).unwrap());
                prop_assert_eq!(value.trim(), value, "{}", &text);
                prop_assert_eq!(self::bare(value), bare_value, "{}", &text);
                prop_assert!(slowly(value.as_bytes(), Limits::default()).is_ok(), "{}", value);
            }
        }
    }

    /// Should it not have been accepted after all, nothing panics.
    #[test]
    fn what_is_called_checked_and_is_not_does_no_harm(
        text in document(),
        cut in any::<proptest::sample::Index>(),
        put in proptest::sample::select(b"\"\\{}[],: 1".to_vec()),
    ) {
        let mut bytes = text.into_bytes();
        let at = cut.index(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = put;
        }
        let mut arena = Arena::default();
        let document = Document::checked(&bytes);
        let _ = scan(&mut arena, &shape(), NodeId(0), 8, document, Limits::default());
        prop_assert!(arena.slots.len() < 1 << 20);
    }
}
