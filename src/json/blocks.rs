//! Sixty-four bytes of a document at a time, as words: a bit for each byte of a kind.
//!
//! What the processor offers is found out when the program runs: the same code is compiled for each
//! set of instructions, and for the least of them.

use fearless_simd::{Simd, SimdBase, SimdMask, u8x64};

/// Sixty-four bytes.
pub(super) type Block = [u8; 64];

/// Longest word of JSON, but for its first letter.
const MORE: usize = 4;

/// Sixty-four bytes and those that come next.
pub(super) struct Ahead<'b>(&'b [u8; 64 + MORE]);

impl Ahead<'_> {
    /// The block that begins `at` bytes later.
    #[inline(always)]
    pub(super) fn lanes<S: Simd>(&self, simd: S, at: usize) -> Lanes<S> {
        let later = self.0.get(at..).and_then(|later| later.first_chunk());
        Lanes::new(simd, later.unwrap_or(&[b' '; 64]))
    }

    /// Where this word stands, which has at most five letters.
    #[inline(always)]
    pub(super) fn spell<S: Simd>(&self, simd: S, word: &[u8]) -> u64 {
        word.iter()
            .enumerate()
            .fold(u64::MAX, |found, (at, letter)| found & self.lanes(simd, at).are(*letter))
    }
}

/// Calls `each` with the blocks of a document and where they begin, until it says no. What is beyond
/// the end are blanks.
#[inline(always)]
pub(super) fn each(bytes: &[u8], mut each: impl FnMut(Ahead<'_>, usize) -> bool) {
    let mut base = 0;
    while let Some(block) = bytes.get(base..).and_then(|rest| rest.first_chunk()) {
        if !each(Ahead(block), base) {
            return;
        }
        base += 64;
    }
    let rest = bytes.get(base..).unwrap_or_default();
    let mut last = [b' '; 128 + MORE];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    for at in [0, 64] {
        if at < rest.len() {
            let block = last.get(at..).and_then(|rest| rest.first_chunk());
            if !block.is_some_and(|block| each(Ahead(block), base + at)) {
                return;
            }
        }
    }
}

/// The questions that can be asked of a block.
#[derive(Clone, Copy)]
pub(super) struct Lanes<S: Simd>(u8x64<S>);

impl<S: Simd> Lanes<S> {
    #[inline(always)]
    pub(super) fn new(simd: S, block: &Block) -> Self {
        Self(u8x64::from_slice(simd, block))
    }

    /// Which are this byte.
    #[inline(always)]
    pub(super) fn are(self, byte: u8) -> u64 {
        self.0.simd_eq(byte).to_bitmask()
    }

    /// Which are at most this byte.
    #[inline(always)]
    pub(super) fn most(self, byte: u8) -> u64 {
        self.0.simd_le(byte).to_bitmask()
    }

    /// Which are `[` or `{`. The two differ in a bit in which no other bytes differ from them.
    #[inline(always)]
    pub(super) fn opens(self) -> u64 {
        Self(self.0 | 0x20).are(b'{')
    }

    /// Which are `]` or `}`.
    #[inline(always)]
    pub(super) fn closes(self) -> u64 {
        Self(self.0 | 0x20).are(b'}')
    }

    /// Which are digits.
    #[inline(always)]
    pub(super) fn digits(self) -> u64 {
        Self(self.0 - b'0').most(9)
    }
}

/// A bit for each from the `at`th on; none where it is beyond the word.
#[inline(always)]
pub(super) fn from(at: usize) -> u64 {
    if at < 64 { u64::MAX << at } else { 0 }
}

/// A bit for each byte from an opening quote up to its closing one; `inside` has all bits where the
/// last block ended in a string, and does so again.
#[inline(always)]
pub(super) fn strings(quotes: u64, inside: &mut u64) -> u64 {
    let mut mask = quotes;
    for shift in [1, 2, 4, 8, 16, 32] {
        mask ^= mask << shift;
    }
    mask ^= *inside;
    *inside = 0_u64.wrapping_sub(mask >> 63);
    mask
}

/// What comes after each of `these`, however much of `between` lies between; `carry` is a bit that
/// goes on into the next block.
#[inline(always)]
pub(super) fn follow(these: u64, between: u64, carry: &mut u64) -> u64 {
    // Within a run of what lies between, a bit at its first place ripples to the place after it.
    let (sum, over) = (these << 1 | *carry).overflowing_add(between);
    *carry = these >> 63 | u64::from(over);
    sum & !between
}
