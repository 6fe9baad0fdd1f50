//! The scanner against `serde_json`: any bytes are judged alike, but for what is refused on purpose,
//! and what the slots hold are documents themselves.
#![no_main]

use std::sync::LazyLock;

use deskbridge::json::scan::{
    Arena, Block, Document, Limits, MOST_BYTES, Reason, ScanError, accept, scan, validate,
};
use deskbridge::json::shape::{Elements, Member, NodeId, Shape};
use deskbridge::json::text;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Slots of a block of [`SHAPE`].
const WIDTH: u16 = 6;

/// A document, an object in it, a list, its second element, and elements all the way down.
static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
    let mut shape = Shape::default();
    let (root, inner, each) = (shape.add(), shape.add(), shape.add());
    let member = |name: &str, slot, node| Member { name: name.into(), slot, node };
    let elements = Some(Elements { node: each, width: WIDTH });
    let node = shape.node_mut(root).expect("just added");
    node.members = vec![member("a", 1, Some(inner)), member("b", 2, None), member("é", 3, Some(each))];
    node.elements = elements;
    let node = shape.node_mut(inner).expect("just added");
    node.members = vec![member("a", 4, None)];
    node.indexes = vec![(1, member("", 5, None))];
    node.elements = elements;
    let node = shape.node_mut(each).expect("just added");
    node.members = vec![member("a", 1, None), member("b", 2, None)];
    node.elements = elements;
    shape
});

fuzz_target!(|bytes: &[u8]| {
    let plain = validate(bytes, Limits::default());
    judged_as_by_serde(bytes, &plain);

    let mut arena = Arena::default();
    let filled = scan(&mut arena, &SHAPE, NodeId(0), WIDTH, bytes, Limits::default());
    match (&plain, &filled) {
        (_, Err(ScanError { reason: Reason::Repeated | Reason::Slots, .. })) => {}
        (Ok(_), Ok((block, document))) => blocks(&arena, *block, document, WIDTH),
        (Err(one), Err(other)) => assert_eq!(one, other),
        _ => panic!("one pass says {plain:?}, the other {filled:?}"),
    }
    if let (Ok(_), Ok((block, _))) = (&plain, &filled) {
        by_other_ways(bytes, &arena, *block);
    }
    if let Err(error) = &plain {
        assert!(error.offset <= bytes.len());
        let (line, column) = error.line_column(bytes);
        assert!(line >= 1 && column >= 1);
    }
});

/// Slots are the same by the marks that a check has kept, and where white space before the document
/// has its names looked up one by one.
fn by_other_ways(bytes: &[u8], arena: &Arena, block: Block) {
    let mut other = Arena::default();
    let mut read = |document: Document<'_>, shift| {
        other.clear();
        let filled = scan(&mut other, &SHAPE, NodeId(0), WIDTH, document, Limits::default());
        let (there, _) = filled.expect("read once already");
        alike((arena, block), (&other, there), shift);
    };
    let (_, accepted) = accept(bytes, Limits::default()).expect("accepted once already");
    read(Document::accepted(bytes, accepted), 0);
    let apart = [b" ", bytes].concat();
    if apart.len() <= MOST_BYTES {
        read(Document::from(&*apart), 1);
    }
}

/// Two blocks and those below them hold the same, the second so many bytes further on.
fn alike((arena, block): (&Arena, Block), (other, there): (&Arena, Block), shift: usize) {
    for slot in 0..WIDTH {
        let (one, two) = (arena.slot(block, slot), other.slot(there, slot));
        assert_eq!(one.span().map(|span| span.start + shift..span.end + shift), two.span());
        let (mut first, mut second) = (one.first(), two.first());
        while let (Some(element), Some(twin)) = (first, second) {
            assert_eq!(arena.index(element), other.index(twin));
            alike((arena, element), (other, twin), shift);
            (first, second) = (arena.next(element), other.next(twin));
        }
        assert_eq!((first, second), (None, None));
    }
}

/// `IgnoredAny` looks at the grammar alone: not at the depth, at halves of surrogate pairs, or at
/// how large a number is. `Value` refuses halves, too.
fn judged_as_by_serde(bytes: &[u8], ours: &Result<&str, ScanError>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(ours.is_err(), "not UTF-8, and accepted");
        return;
    };
    let grammar = serde_json::from_str::<IgnoredAny>(text).is_ok();
    match ours {
        Ok(_) => assert!(grammar, "accepted, and no JSON: {text:?}"),
        // Documented limits, which serde_json has not, or has elsewhere.
        Err(ScanError { reason: Reason::Depth | Reason::Length, .. }) => {}
        Err(ScanError { reason: Reason::Surrogate, .. }) => {
            assert!(serde_json::from_str::<Value>(text).is_err(), "no lone surrogate: {text:?}");
        }
        Err(error) => assert!(!grammar, "refused ({error}), and JSON: {text:?}"),
    }
}

/// What stands in the slots of a block and of the blocks below it.
fn blocks(arena: &Arena, block: Block, document: &str, width: u16) {
    for slot in 0..width {
        let slot = arena.slot(block, slot);
        if let Some(token) = slot.text(document) {
            assert!(validate(token.as_bytes(), Limits::default()).is_ok(), "no value: {token:?}");
            if token.starts_with('"') {
                let decoded: String = serde_json::from_str(token).expect("a string");
                assert_eq!(text::decode(token), decoded);
                assert!(text::eq(token, &decoded));
            }
        }
        let mut element = slot.first();
        let mut index = 0;
        while let Some(block) = element {
            assert_eq!(arena.index(block), Some(index));
            blocks(arena, block, document, WIDTH);
            element = arena.next(block);
            index += 1;
        }
    }
}
