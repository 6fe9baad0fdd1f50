//! What is told from words is what is told value after value, wherever in its block it stands, and
//! with whatever instructions the processor offers.

use fearless_simd::Level;
use proptest::prelude::*;

use super::judged::{AROUND, ODD};
use super::{checked, examples};
use crate::json::scan::*;

/// Every set of instructions that is at hand.
fn levels() -> Vec<Level> {
    let mut levels = vec![Level::new(), Level::baseline()];
    #[cfg(target_arch = "x86_64")]
    levels.extend(Level::new().as_avx2().map(Level::Avx2));
    levels
}

/// It is sure of all that is right, but for what it is never sure of: scalars, and what is deep.
fn alike(levels: &[Level], bytes: &[u8]) -> bool {
    let slowly = slowly(bytes, Limits::default()).is_ok();
    let shallow = slowly && within(bytes, check::DEEPEST as u8);
    let first = bytes.iter().find(|byte| !b" \n\r\t".contains(byte));
    let expected = shallow && matches!(first, Some(b'{' | b'['));
    for level in levels {
        let sure = check::sure(*level, bytes, u32::from(MOST_DEPTH));
        assert_eq!(sure, expected, "{level:?}: {}", String::from_utf8_lossy(bytes));
    }
    expected
}

fn within(bytes: &[u8], depth: u8) -> bool {
    slowly(bytes, Limits { depth, ..Limits::default() }).is_ok()
}

#[test]
fn odd_values_are_told_wherever_they_stand() {
    let levels = levels();
    let (mut sure, mut all) = (0, 0);
    for odd in ODD.iter().filter(|odd| std::str::from_utf8(odd).is_ok()) {
        for (before, after) in AROUND.iter().step_by(2) {
            for at in 0..66 {
                // Blanks before it in one, a string and what else the block has in the other.
                let text = format!("[\"{}\",", "x".repeat(at));
                for bytes in [
                    [&vec![b' '; at], *before, odd, after].concat(),
                    [text.as_bytes(), before, odd, after, b"]"].concat(),
                ] {
                    sure += usize::from(alike(&levels, &bytes));
                    all += 1;
                }
            }
        }
    }
    assert!(sure > 10_000 && sure < all, "sure of {sure} of {all}");
}

#[test]
fn ordinary_documents_are_told_from_words() {
    for text in examples() {
        for level in levels() {
            assert!(
                check::sure(level, text.as_bytes(), u32::from(MOST_DEPTH)),
                "{level:?}: {text}"
            );
        }
    }
}

#[test]
fn nesting_is_counted() {
    let levels = levels();
    for deep in [1, 2, 31, 63, 64, 65, 127, 128, 129] {
        for (open, value, close) in
            [("[", "", "]"), ("{\"a\":", "1", "}"), ("[[],{\"a\":", "{}", "}]")]
        {
            let text = [open.repeat(deep), value.to_owned(), close.repeat(deep)].concat();
            alike(&levels, text.as_bytes());
            for depth in [1, 2, 3, 63, 64] {
                for level in &levels {
                    let sure = check::sure(*level, text.as_bytes(), u32::from(depth));
                    assert_eq!(sure, within(text.as_bytes(), depth), "{deep} in {depth}: {text}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_document_is_told_alike(text in checked::document()) {
        alike(&levels(), text.as_bytes());
    }

    #[test]
    fn any_damage_is_told_alike(
        text in checked::document(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), 0..4_u8,
            proptest::sample::select(b"\"\\{}[],:: 10-.enullt\n\x01u".to_vec())), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (at, what, byte) in damage {
            let at = at.index(bytes.len().max(1));
            match (what, bytes.get_mut(at)) {
                (0, Some(old)) if old.is_ascii() => *old = byte,
                (1, Some(old)) if old.is_ascii() => drop(bytes.remove(at)),
                (2, Some(old)) if old.is_ascii() => bytes.insert(at, byte),
                (_, Some(old)) if old.is_ascii() => bytes.truncate(at),
                _ => {}
            }
        }
        alike(&levels(), &bytes);
    }

    /// No more than the bytes that mean something, and so almost JSON.
    #[test]
    fn any_bytes_are_told_alike(parts in proptest::collection::vec(proptest::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"\"", "{}", "[]", "1", "0", "null", "true", "false", " ",
        "\"a\":", ",\"b\":", "{\"a\":1}", "-1.5", "\"\\\\\"", "\"\\\"", "\"0123456789abcdef0123456789abcdef\"",
    ]), 0..60)) {
        alike(&levels(), parts.concat().as_bytes());
        alike(&levels(), format!("[{}]", parts.concat()).as_bytes());
    }
}
