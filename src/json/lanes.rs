//! Sixteen bytes at a time: how far a run of bytes of one kind goes.

use wide::u8x16;

/// Sixteen bytes of a document from `at` on; `None` where fewer are left.
#[inline(always)]
fn lanes(bytes: &[u8], at: usize) -> Option<u8x16> {
    Some(u8x16::new(*bytes.get(at..)?.first_chunk()?))
}

/// How many lanes from the first on are marked.
#[inline(always)]
fn run(marked: u8x16) -> usize {
    (!marked.to_bitmask()).trailing_zeros() as usize
}

/// The bits of those of sixteen bytes that do not mean themselves in a string.
#[inline(always)]
fn marked(lanes: u8x16) -> u64 {
    let quote = lanes.simd_eq(u8x16::splat(b'"'));
    let slash = lanes.simd_eq(u8x16::splat(b'\\'));
    let control = lanes.min(u8x16::splat(0x1F)).simd_eq(lanes);
    u64::from((quote | slash | control).to_bitmask())
}

/// The bytes of a document that do not mean themselves in a string, one after the other.
///
/// They are found sixty-four bytes at a time and not from where the last value ended, so the
/// processor looks for the next one while it still works at this one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks<'s> {
    bytes: &'s [u8],
    /// Where the sixty-four bytes begin.
    base: usize,
    /// A bit for each of them that is still to come.
    word: u64,
}

impl<'s> Marks<'s> {
    pub(super) fn new(bytes: &'s [u8]) -> Self {
        Self { bytes, base: 0, word: block(bytes, 0) }
    }

    #[inline(always)]
    pub(super) fn bytes(&self) -> &'s [u8] {
        self.bytes
    }

    /// The next one, which is passed; the end of the document where there is none.
    #[inline(always)]
    fn next(&mut self) -> usize {
        while self.word == 0 {
            if self.bytes.len() - self.base <= 64 {
                return self.bytes.len();
            }
            self.base += 64;
            self.word = block(self.bytes, self.base);
        }
        let at = self.base + self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        at
    }

    /// The one after the quote at `at`: where its string ends, or its first byte that may not.
    #[inline(always)]
    pub(super) fn after(&mut self, at: usize) -> usize {
        let next = self.next();
        if next != at {
            self.reach(next, at);
        }
        self.next()
    }

    /// The next one that is not before `at`.
    #[inline(always)]
    pub(super) fn from(&mut self, at: usize) -> usize {
        loop {
            match self.next() {
                before if before < at => {}
                next => return next,
            }
        }
    }

    /// Passes what lies before a quote, the quote too. White space was marked, or what an escape
    /// sequence stands for; or a value is read a second time.
    #[cold]
    fn reach(&mut self, mut next: usize, at: usize) {
        while next < at {
            next = self.next();
        }
        if next > at {
            self.base = at & !63;
            self.word = block(self.bytes, self.base) & (u64::MAX << (at & 63));
            self.next();
        }
    }
}

/// The marks of the sixty-four bytes from `at` on; beyond the end there are none.
#[inline(never)]
fn block(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut last = [b' '; 64];
    let block = rest.first_chunk::<64>().unwrap_or_else(|| {
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        &last
    });
    let (lanes, _) = block.as_chunks::<16>();
    let marked = lanes.iter().map(|lanes| marked(u8x16::new(*lanes)));
    marked.rev().fold(0, |word, marks| word << 16 | marks)
}

/// The first byte from `at` on that does not mean itself in a string: a quote, a backslash or a
/// control character. The end of the document where there is none.
#[inline(always)]
pub(super) fn plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(lanes) = lanes(bytes, at) {
        let marks = marked(lanes);
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += 16;
    }
    last(bytes, at, |byte| byte >= b' ' && byte != b'"' && byte != b'\\')
}

/// The first byte from `at` on that is no digit.
#[inline(always)]
pub(super) fn digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(lanes) = lanes(bytes, at) {
        let digit = lanes - u8x16::splat(b'0');
        let run = run(digit.min(u8x16::splat(9)).simd_eq(digit));
        at += run;
        if run < 16 {
            return at;
        }
    }
    last(bytes, at, |byte| byte.is_ascii_digit())
}

/// The first byte from `at` on that is no white space.
pub(super) fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(lanes) = lanes(bytes, at) {
        let blank = |byte| lanes.simd_eq(u8x16::splat(byte));
        let run = run(blank(b' ') | blank(b'\n') | blank(b'\r') | blank(b'\t'));
        at += run;
        if run < 16 {
            return at;
        }
    }
    last(bytes, at, |byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
}

/// The same among the last bytes of a document, one by one.
#[cold]
fn last(bytes: &[u8], at: usize, goes_on: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !goes_on(*byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever stands where, and however near the end: as byte by byte.
    #[test]
    fn a_run_ends_where_it_does_byte_by_byte() {
        for length in [0, 1, 7, 15, 16, 17, 31, 32, 33, 50] {
            for at in 0..=length {
                for byte in 0..=255_u8 {
                    for (run, of, ends) in [
                        (
                            plain as fn(&[u8], usize) -> usize,
                            b'a',
                            byte < b' ' || b"\"\\".contains(&byte),
                        ),
                        (digits, b'7', !byte.is_ascii_digit()),
                        (blanks, b' ', !b" \n\r\t".contains(&byte)),
                    ] {
                        let mut bytes = vec![of; length];
                        if let Some(put) = bytes.get_mut(at) {
                            *put = byte;
                        }
                        let end = if ends && at < length { at } else { length };
                        assert_eq!(run(&bytes, 0), end, "{byte} at {at} of {length}");
                        assert_eq!(run(&bytes, at), end, "{byte} at {at} of {length}, from it on");
                        assert_eq!(run(&bytes, length), length);
                    }
                }
            }
        }
    }
}
