//! Where the marks of accepted text stand: its commas, colons and brackets, but for those in strings.
//!
//! Of each block of sixty-four bytes it keeps words with a bit for each byte, and of each mark its
//! place. A [`Cursor`] goes from mark to mark by their places, and over a list or an object by the
//! words of its brackets. Nothing is checked: in text that [`super::scan`] has not accepted marks are
//! missed or seen in strings, and nothing panics.

use fearless_simd::{Level, Simd, dispatch};

use super::blocks::{self, Lanes, follow, from};
use super::brackets::{self, Strings};

/// The marks of one document after the other, in the same memory.
#[derive(Debug, Default)]
pub(super) struct Index {
    words: Vec<Words>,
    /// The places of marks, and then whatever stood there before.
    places: Vec<u32>,
    /// How many of them are marks.
    count: usize,
    /// How long the document is without the white space after it.
    length: usize,
    /// White space stands between marks, or a name has an escape sequence.
    loose: bool,
    /// A bit where a backslash stands behind the last mark.
    escaped: u64,
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
    /// How many marks stand in the blocks before.
    before: u32,
    /// There are backslashes.
    slashes: bool,
}

/// What is told of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) colons: u64,
    pub(super) commas: u64,
    pub(super) opens: u64,
    pub(super) closes: u64,
    pub(super) slashes: u64,
    /// White space that is not in strings.
    pub(super) blanks: u64,
}

impl Index {
    /// Forgets the document before, and finds the marks of this one.
    pub(super) fn read(&mut self, level: Level, bytes: &[u8]) {
        self.begin(bytes);
        dispatch!(level, simd => read(simd, bytes, self));
    }

    /// Forgets the document before; of this one, each block is told of.
    pub(super) fn begin(&mut self, bytes: &[u8]) {
        self.words.clear();
        self.words.reserve(bytes.len() / 64 + 1);
        (self.count, self.loose, self.escaped) = (0, false, 0);
        self.length = bytes.trim_ascii_end().len();
    }

    /// The next block, which begins at `base`.
    #[inline(always)]
    pub(super) fn tell(&mut self, told: Told, base: usize) {
        let Told { colons, commas, opens, closes, slashes, blanks } = told;
        let marks = colons | commas | opens | closes;
        if blanks != 0 {
            self.loose |= blanks & !from(self.length.saturating_sub(base)) != 0;
        }
        if slashes | self.escaped != 0 {
            // What comes after a name is a colon.
            self.loose |= follow(slashes, !marks, &mut self.escaped) & colons != 0;
        }
        // Lengths are checked: all of it fits.
        let (before, first) = (self.count as u32, base as u32);
        self.words.push(Words { marks, opens, closes, before, slashes: slashes != 0 });
        if self.places.len() < self.count + 64 {
            self.places.resize(self.count * 2 + 256, 0);
        }
        let next = self.places.get_mut(self.count..).and_then(|next| next.first_chunk_mut::<64>());
        let (count, mut left) = (marks.count_ones() as usize, marks);
        self.count += count;
        let Some(next) = next else { return };
        let (fours, _) = next.as_chunks_mut::<4>();
        for four in fours {
            for place in four {
                *place = first.wrapping_add(left.trailing_zeros());
                left &= left.wrapping_sub(1);
            }
            if left == 0 {
                break;
            }
        }
    }

    /// Whether white space stands between marks, or names may have escape sequences.
    pub(super) fn is_loose(&self) -> bool {
        self.loose
    }

    /// Gives memory back that only an unusual document needed.
    pub(super) fn trim(&mut self, most: usize) {
        if self.words.capacity() > most {
            self.words = Vec::new();
        }
        if self.places.capacity() > most * 8 {
            self.places = Vec::new();
            self.count = 0;
        }
    }

    /// Before the first mark.
    pub(super) fn start(&self) -> Cursor<'_> {
        let places = self.places.get(..self.count).unwrap_or_default();
        Cursor { words: &self.words, places, length: self.length, next: 0 }
    }
}

#[inline(always)]
fn read<S: Simd>(simd: S, bytes: &[u8], index: &mut Index) {
    let mut inside = Strings::default();
    blocks::each(
        bytes,
        #[inline(always)]
        |ahead, base| {
            let lanes: Lanes<S> = ahead.lanes(simd, 0);
            let (quotes, slashes) = (lanes.are(b'"'), lanes.are(b'\\'));
            let inside = inside.mask(quotes, slashes);
            let outside = !inside;
            let (opens, closes) = (lanes.opens() & outside, lanes.closes() & outside);
            let (colons, commas) = (lanes.are(b':') & outside, lanes.are(b',') & outside);
            let blanks = lanes.most(b' ') & outside;
            index.tell(Told { colons, commas, opens, closes, slashes, blanks }, base);
            true
        },
    );
}

/// A place between two marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'i> {
    words: &'i [Words],
    places: &'i [u32],
    length: usize,
    next: usize,
}

impl Cursor<'_> {
    /// The next mark, which is passed; the end of the document where there is none.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        match self.places.get(self.next) {
            Some(place) => {
                self.next += 1;
                *place as usize
            }
            None => self.length,
        }
    }

    /// The next mark, which is still to come.
    #[inline(always)]
    pub(super) fn peek(&self) -> usize {
        self.places.get(self.next).map_or(self.length, |place| *place as usize)
    }

    /// The marks that are still to come.
    #[inline(always)]
    pub(super) fn ahead(&self) -> &[u32] {
        self.places.get(self.next..).unwrap_or_default()
    }

    /// Passes so many of them.
    #[inline(always)]
    pub(super) fn skip(&mut self, marks: usize) {
        self.next += marks;
    }

    /// Passes the list or the object whose bracket opens at `at`. Gives what
    /// comes after it; the end of the document where it is not closed.
    #[inline(never)]
    pub(super) fn pass(&mut self, at: usize) -> usize {
        let mut open = 0_u32;
        let (mut block, mut ahead) = (at / 64, from(at % 64));
        while let Some(words) = self.words.get(block) {
            match brackets::close(open, words.opens & ahead, words.closes & ahead) {
                Ok(place) => {
                    let place = place as usize + 1;
                    let passed = (words.marks & !from(place)).count_ones();
                    self.next = words.before as usize + passed as usize;
                    return block * 64 + place;
                }
                Err(left) => open = left,
            }
            (block, ahead) = (block + 1, u64::MAX);
        }
        self.next = self.places.len();
        self.length
    }

    /// Whether there may be a backslash between two places: there is none where this says no.
    #[inline(always)]
    pub(super) fn slashes(&self, from: usize, to: usize) -> bool {
        let slashes = |at: usize| self.words.get(at / 64).is_some_and(|words| words.slashes);
        slashes(from) | slashes(to) || to.saturating_sub(from) > 64
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
                let mut cursor = index.start();
                for mark in slowly(bytes) {
                    prop_assert_eq!(cursor.next(), mark, "{}", &text);
                }
                let end = bytes.trim_ascii_end().len();
                prop_assert_eq!((cursor.next(), cursor.next()), (end, end));
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
                let after = close.map_or(bytes.trim_ascii_end().len(), |close| close + 1);
                let next = marks.iter().find(|mark| **mark >= after).copied();
                let mut cursor = index.start();
                prop_assert_eq!(cursor.pass(*at), after, "{} from {}", &text, at);
                prop_assert_eq!(cursor.next(), next.unwrap_or(bytes.trim_ascii_end().len()), "{}", &text);
            }
        }

        #[test]
        fn a_backslash_is_never_missed(text in text(), from in 0..200_usize, long in 0..80_usize) {
            let mut index = Index::default();
            index.read(Level::new(), text.as_bytes());
            let between = text.as_bytes().iter().skip(from).take(long + 1);
            if between.filter(|byte| **byte == b'\\').count() > 0 {
                prop_assert!(index.start().slashes(from, from + long), "{}", &text);
            }
        }

        #[test]
        fn no_place_makes_it_panic(text in text(), at in 0..300_usize) {
            let mut index = Index::default();
            index.read(Level::new(), text.as_bytes());
            let mut cursor = index.start();
            prop_assert!(cursor.pass(at) <= text.len() + 64);
            cursor.next();
        }
    }
}
