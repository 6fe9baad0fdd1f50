//! Where the marks of accepted text stand: its commas, colons and brackets, but for those in strings.
//!
//! Of each block of sixty-four bytes it keeps words with a bit for each byte. A [`Cursor`] goes from
//! mark to mark, and over a list or an object by its brackets alone. Nothing is checked: in text that
//! [`super::scan`] has not accepted marks are missed or seen in strings, and nothing panics.

use fearless_simd::{Level, Simd, dispatch};

use super::blocks::{self, Lanes, from};
use super::brackets::{self, Strings};

/// The marks of one document after the other, in the same memory.
#[derive(Debug, Default)]
pub(super) struct Index {
    words: Vec<Words>,
}

/// Which bytes of a block are of a kind.
#[derive(Clone, Copy, Debug, Default)]
struct Words {
    /// Commas, colons and brackets.
    marks: u64,
    /// Brackets that open.
    opens: u64,
    /// Brackets that close.
    closes: u64,
    /// Backslashes.
    slashes: u64,
}

impl Index {
    /// Forgets the document before, and finds the marks of this one.
    pub(super) fn read(&mut self, level: Level, bytes: &[u8]) {
        self.words.clear();
        self.words.reserve(bytes.len() / 64 + 1);
        dispatch!(level, simd => read(simd, bytes, &mut self.words));
    }

    /// Gives memory back that only an unusual document needed.
    pub(super) fn trim(&mut self, most: usize) {
        if self.words.capacity() > most {
            self.words = Vec::new();
        }
    }

    /// Before the first mark of a document that is so long.
    pub(super) fn start(&self, length: usize) -> Cursor<'_> {
        let left = self.words.first().map_or(0, |words| words.marks);
        Cursor { words: &self.words, length, block: 0, left }
    }
}

#[inline(always)]
fn read<S: Simd>(simd: S, bytes: &[u8], words: &mut Vec<Words>) {
    let mut inside = Strings::default();
    blocks::each(
        bytes,
        #[inline(always)]
        |ahead, _| {
            let lanes: Lanes<S> = ahead.lanes(simd, 0);
            let slashes = lanes.are(b'\\');
            let outside = !inside.mask(lanes.are(b'"'), slashes);
            let (opens, closes) = (lanes.opens() & outside, lanes.closes() & outside);
            let marks = (lanes.are(b',') | lanes.are(b':')) & outside | opens | closes;
            words.push(Words { marks, opens, closes, slashes });
            true
        },
    );
}

/// A place between two marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'i> {
    words: &'i [Words],
    length: usize,
    block: usize,
    /// The marks of the block that are still to come.
    left: u64,
}

impl Cursor<'_> {
    /// The next mark, which is passed; the end of the document where there is none.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        while self.left == 0 {
            match self.words.get(self.block + 1) {
                Some(words) => self.left = words.marks,
                None => return self.length,
            }
            self.block += 1;
        }
        let at = self.block * 64 + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        at
    }

    /// Passes the list or the object whose bracket opens at `at` and is still to come. Gives what
    /// comes after it; the end of the document where it is not closed.
    #[inline(never)]
    pub(super) fn pass(&mut self, at: usize) -> usize {
        let mut open = 0_u32;
        let (mut block, mut ahead) = (at / 64, from(at % 64));
        while let Some(words) = self.words.get(block) {
            match brackets::close(open, words.opens & ahead, words.closes & ahead) {
                Ok(place) => {
                    let place = place as usize + 1;
                    (self.block, self.left) = (block, words.marks & from(place));
                    return block * 64 + place;
                }
                Err(left) => open = left,
            }
            (block, ahead) = (block + 1, u64::MAX);
        }
        (self.block, self.left) = (self.words.len(), 0);
        self.length
    }

    /// Whether there may be a backslash between two places: there is none where this says no.
    #[inline(always)]
    pub(super) fn slashes(&self, from: usize, to: usize) -> bool {
        let slashes = |at: usize| self.words.get(at / 64).map_or(0, |words| words.slashes);
        slashes(from) | slashes(to) != 0 || to.saturating_sub(from) > 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Marks, byte by byte.
    fn slowly(bytes: &[u8]) -> Vec<usize> {
        let (mut marks, mut inside, mut escaped) = (Vec::new(), false, false);
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if std::mem::take(&mut escaped) => {}
                b'\\' if inside => escaped = true,
                b'"' => inside = !inside,
                b',' | b':' | b'[' | b']' | b'{' | b'}' if !inside => marks.push(at),
                _ => {}
            }
        }
        marks
    }

    fn text() -> impl Strategy<Value = String> {
        let part = proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "{}",
            "[1,2]",
            " ",
            "null",
            "\"a\"",
            "\"{[,:\"",
            "\"\\\\\"",
            "\"\\\"}\"",
            "\"\\\\\\\",\"",
            "\"eighteen characters\"",
            "{\"a\":[{\"b\":1},{}]}",
        ]);
        proptest::collection::vec(part, 0..80).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn marks_are_found_one_after_the_other(text in text()) {
            let (bytes, mut index) = (text.as_bytes(), Index::default());
            for level in [Level::new(), Level::baseline()] {
                index.read(level, bytes);
                let mut cursor = index.start(bytes.len());
                for mark in slowly(bytes) {
                    prop_assert_eq!(cursor.next(), mark, "{}", &text);
                }
                prop_assert_eq!(cursor.next(), bytes.len());
                prop_assert_eq!(cursor.next(), bytes.len());
            }
        }

        #[test]
        fn a_container_is_passed_as_byte_by_byte(text in text()) {
            let (bytes, mut index) = (text.as_bytes(), Index::default());
            index.read(Level::new(), bytes);
            let marks = slowly(bytes);
            let opens = marks.iter().filter(|at| b"{[".contains(&bytes[**at]));
            for at in opens {
                let mut open = 0;
                let close = marks.iter().filter(|mark| *mark >= at).find(|mark| {
                    open += if b"{[".contains(&bytes[**mark]) { 1 } else { 0 };
                    open -= if b"}]".contains(&bytes[**mark]) { 1 } else { 0 };
                    open == 0
                });
                let after = close.map_or(bytes.len(), |close| close + 1);
                let next = marks.iter().find(|mark| **mark >= after).copied();
                let mut cursor = index.start(bytes.len());
                prop_assert_eq!(cursor.pass(*at), after, "{} from {}", &text, at);
                prop_assert_eq!(cursor.next(), next.unwrap_or(bytes.len()), "{}", &text);
            }
        }

        #[test]
        fn a_backslash_is_never_missed(text in text(), from in 0..200_usize, long in 0..80_usize) {
            let mut index = Index::default();
            index.read(Level::new(), text.as_bytes());
            let between = text.as_bytes().iter().skip(from).take(long + 1);
            if between.filter(|byte| **byte == b'\\').count() > 0 {
                prop_assert!(index.start(text.len()).slashes(from, from + long), "{}", &text);
            }
        }

        #[test]
        fn no_place_makes_it_panic(text in text(), at in 0..300_usize) {
            let mut index = Index::default();
            index.read(Level::new(), text.as_bytes());
            let mut cursor = index.start(text.len());
            prop_assert!(cursor.pass(at) <= text.len() + 64);
            cursor.next();
        }
    }
}
