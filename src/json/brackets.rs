//! Lists and objects of accepted text, passed by their brackets alone.
//!
//! Sixty-four bytes at a time become four words: where quotes stand, and backslashes, and brackets
//! of each direction. What lies between quotes is masked out, the rest is counted. Nothing is
//! checked: text that [`super::scan`] has not accepted ends early or late, and nothing panics.

use wide::u8x16;

use super::blocks;

/// What comes after the list or the object whose bracket opens at `at`; the end of the bytes where
/// it is not closed.
#[inline(never)]
pub(super) fn after(bytes: &[u8], at: usize) -> usize {
    let mut base = at;
    let (mut open, mut strings) = (0_u32, Strings::default());
    while base < bytes.len() {
        let block = Block::of(bytes, base);
        let outside = !strings.mask(block.quotes, block.slashes);
        let (opens, closes) = (block.opens & outside, block.closes & outside);
        match close(open, opens, closes) {
            Ok(at) => return base + at as usize + 1,
            Err(left) => open = left,
        }
        base += 64;
    }
    bytes.len()
}

/// Which bracket of a block closes what is open and opens in it: its place, or how many are open still.
#[inline(always)]
pub(super) fn close(open: u32, opens: u64, mut closes: u64) -> Result<u32, u32> {
    if closes == 0 {
        // Text, mostly: nothing to count.
        return Err(if opens == 0 { open } else { open + opens.count_ones() });
    }
    if closes.count_ones() < open {
        return Err(open + opens.count_ones() - closes.count_ones());
    }
    // It may end here: each closing bracket against those that were opened before it.
    let mut closed = 0;
    while closes != 0 {
        let before = (closes & closes.wrapping_neg()) - 1;
        closed += 1;
        if open + (opens & before).count_ones() <= closed {
            return Ok(closes.trailing_zeros());
        }
        closes &= closes - 1;
    }
    Err((open + opens.count_ones()).saturating_sub(closed))
}

/// Whether strings and escapes go on from one block into the next.
#[derive(Default)]
pub(super) struct Strings {
    /// All bits where the last block ended inside a string.
    inside: u64,
    /// One where its last byte was a backslash that counts.
    escaped: u64,
}

impl Strings {
    /// A bit for each byte from an opening quote up to its closing one.
    #[inline(always)]
    pub(super) fn mask(&mut self, mut quotes: u64, slashes: u64) -> u64 {
        if slashes | self.escaped != 0 {
            quotes &= !self.escapes(slashes);
        }
        blocks::strings(quotes, &mut self.inside)
    }

    /// The bytes after backslashes that are not themselves escaped.
    fn escapes(&mut self, slashes: u64) -> u64 {
        let mut escaped = self.escaped;
        let mut slashes = slashes & !escaped;
        self.escaped = 0;
        while slashes != 0 {
            let slash = slashes & slashes.wrapping_neg();
            self.escaped = slash >> 63;
            escaped |= slash << 1;
            slashes &= !(slash | slash << 1);
        }
        escaped
    }
}

/// Sixty-four bytes as words, a bit for each byte.
#[derive(Default)]
struct Block {
    quotes: u64,
    slashes: u64,
    opens: u64,
    closes: u64,
}

impl Block {
    /// The bytes from `at` on; beyond the end there are none of any kind.
    #[inline(always)]
    fn of(bytes: &[u8], at: usize) -> Self {
        let rest = bytes.get(at..).unwrap_or_default();
        match rest.first_chunk::<64>() {
            Some(block) => Self::words(block),
            None => Self::last(rest),
        }
    }

    #[cold]
    fn last(rest: &[u8]) -> Self {
        let mut block = [0; 64];
        block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Self::words(&block)
    }

    #[inline(always)]
    fn words(block: &[u8; 64]) -> Self {
        let (lanes, _) = block.as_chunks::<16>();
        lanes.iter().rev().fold(Self::default(), |words, lanes| {
            let lanes = u8x16::new(*lanes);
            let is = |byte| lanes.simd_eq(u8x16::splat(byte));
            // `[` and `{`, and `]` and `}`, differ in this bit; no other bytes have the rest of it.
            let either = lanes | u8x16::splat(0x20);
            let bits = |marked: u8x16| u64::from(marked.to_bitmask());
            Self {
                quotes: words.quotes << 16 | bits(is(b'"')),
                slashes: words.slashes << 16 | bits(is(b'\\')),
                opens: words.opens << 16 | bits(either.simd_eq(u8x16::splat(b'{'))),
                closes: words.closes << 16 | bits(either.simd_eq(u8x16::splat(b'}'))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Byte by byte.
    fn slowly(bytes: &[u8], from: usize) -> usize {
        let (mut at, mut open, mut inside) = (from, 0_usize, false);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' if inside => at += 1,
                b'"' => inside = !inside,
                b'{' | b'[' if !inside => open += 1,
                b'}' | b']' if !inside => {
                    open -= 1;
                    if open == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        bytes.len()
    }

    /// JSON of any depth, whose texts are full of what must not count.
    fn value() -> impl Strategy<Value = String> {
        let text = proptest::collection::vec(
            proptest::sample::select(vec!["a", "{", "]", "}", "[", "\\\"", "\\\\", "é", "     "]),
            0..40,
        );
        let text = text.prop_map(|parts| format!("\"{}\"", parts.concat()));
        let leaf = prop_oneof![text, Just("1".to_owned()), Just("[]".to_owned())];
        leaf.prop_recursive(6, 60, 8, |inner| {
            (proptest::collection::vec(inner, 0..8), any::<bool>()).prop_map(|(parts, list)| {
                let members = || parts.iter().map(|part| format!("\"}}\\\"\" : {part}"));
                match list {
                    true => format!("[{}]", parts.join(" , ")),
                    false => format!("{{{}}}", members().collect::<Vec<_>>().join(",")),
                }
            })
        })
    }

    proptest! {
        #[test]
        fn a_container_ends_where_it_does_byte_by_byte(
            values in proptest::collection::vec(value(), 1..6),
            before in 0..70_usize,
        ) {
            let text = format!("{}[{}],\"x\":[{{", " ".repeat(before), values.join(","));
            let bytes = text.as_bytes();
            let opens = bytes.iter().enumerate().scan((false, false), |(inside, escaped), (at, b)| {
                let opens = !*inside && matches!(b, b'{' | b'[');
                let was = std::mem::replace(escaped, *inside && *b == b'\\' && !*escaped);
                *inside ^= *b == b'"' && !was;
                Some((at, opens))
            });
            for (at, _) in opens.filter(|(_, opens)| *opens) {
                prop_assert_eq!(after(bytes, at), slowly(bytes, at), "{} from {}", &text, at);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::sample::select(
            b"{}[]\",:\\ 1an\xff".to_vec()), 0..200), at in 0..220_usize) {
            prop_assert!(after(&bytes, at) <= bytes.len().max(at));
        }
    }
}
