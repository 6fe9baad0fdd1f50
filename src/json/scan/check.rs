//! Whether a document is JSON, told from words and not from byte after byte.
//!
//! Of each block of sixty-four bytes it is found which are quotes, colons, brackets and so on, and
//! which lie in strings. What may follow what is then asked of all of them at once: a value stands
//! where one is wanted and nowhere else; a colon comes after a string; and in an object a colon, and
//! nowhere else one, comes next of all marks after each comma and after the bracket that opens it.
//! Only brackets are passed one by one, and escape sequences, and numbers that are more than digits.
//! So a processor has little to guess, and hardly ever guesses wrong.
//!
//! The answer is yes or not sure. Where it is not sure, [`skip`] is asked, and tells why and where a
//! document is wrong. Not sure it is, too, of what is neither a list nor an object, of what is nested
//! more deeply than a word has bits, and of numbers so long that they begin two blocks before.

use fearless_simd::{Level, Simd, dispatch};

use super::skip;
use crate::json::blocks::{self, Ahead, follow, from, strings};
use crate::json::index::{Index, Told};

/// Deepest nesting of which it is sure.
pub(super) const DEEPEST: u32 = 64;

/// Whether UTF-8 text is surely JSON, a list or an object that is at most `depth` levels deep.
#[inline(never)]
pub(super) fn sure(level: Level, bytes: &[u8], depth: u32) -> bool {
    dispatch!(level, simd => whole(simd, bytes, depth, |_, _| {}))
}

/// As [`sure`], and finds the marks on the way. Where it is not sure, not all of them are found.
#[inline(never)]
pub(super) fn marked(level: Level, bytes: &[u8], depth: u32, index: &mut Index) -> bool {
    index.begin(bytes);
    dispatch!(level, simd => whole(
        simd,
        bytes,
        depth,
        #[inline(always)]
        |told, base| index.tell(told, base),
    ))
}

/// Every block is told of.
#[inline(always)]
fn whole<S: Simd>(simd: S, bytes: &[u8], depth: u32, mut tell: impl FnMut(Told, usize)) -> bool {
    if !matches!(bytes.iter().find(|byte| !blank(**byte)), Some(b'{' | b'[')) {
        return false;
    }
    let mut check = Check::new(bytes, depth.min(DEEPEST));
    blocks::each(
        bytes,
        #[inline(always)]
        |ahead, base| check.block(simd, ahead, base, &mut tell),
    );
    let rest = check.ended.and_then(|end| bytes.get(end..));
    rest.is_some_and(|rest| rest.iter().all(|byte| blank(*byte)))
}

fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// What goes on from one block into the next. A bit that does is the lowest, unless it says all bits.
struct Check<'s> {
    bytes: &'s [u8],
    depth: u32,
    /// All bits where a string goes on.
    inside: u64,
    /// Where the last escape sequence ends.
    escaped: usize,
    /// A value comes next,
    wanted: u64,
    /// or the bracket that closes what was just opened.
    opened: u64,
    /// A string came last.
    named: u64,
    /// Of commas, colons and brackets, a comma or a `{` came last.
    listed: u64,
    /// A scalar goes on,
    scalar: u64,
    /// after a zero,
    zero: u64,
    /// or as a word,
    word: bool,
    /// whose end is ahead: bits for the place after it.
    ends: u64,
    /// Where scalars began in the last block.
    began: u64,
    /// Where the last number ended that is more than digits.
    passed: usize,
    /// How many lists and objects are open.
    open: u32,
    /// A bit for each, the innermost the lowest: one for an object.
    objects: u64,
    /// Where the whole value ended.
    ended: Option<usize>,
}

impl<'s> Check<'s> {
    fn new(bytes: &'s [u8], depth: u32) -> Self {
        Self {
            bytes,
            depth,
            inside: 0,
            escaped: 0,
            wanted: 1,
            opened: 0,
            named: 0,
            listed: 0,
            scalar: 0,
            zero: 0,
            word: false,
            ends: 0,
            began: 0,
            passed: 0,
            open: 0,
            objects: 0,
            ended: None,
        }
    }

    /// Whether all is well so far, and more may come.
    #[inline(always)]
    fn block<S: Simd>(
        &mut self,
        simd: S,
        ahead: Ahead<'_>,
        base: usize,
        tell: &mut impl FnMut(Told, usize),
    ) -> bool {
        let lanes = ahead.lanes(simd, 0);
        let mut quotes = lanes.are(b'"');
        let slashes = lanes.are(b'\\');
        if slashes != 0 || self.escaped > base {
            let Some((all, end)) = escapes(self.bytes, slashes, base, self.escaped) else {
                return false;
            };
            quotes &= !all;
            self.escaped = end;
        }
        let inside = strings(quotes, &mut self.inside);
        let outside = !(inside | quotes);
        let mut wrong = lanes.most(b' ' - 1) & inside;

        let mut blanks = lanes.most(b' ') & outside;
        if blanks != 0 {
            let known = lanes.are(b' ') | lanes.are(b'\n') | lanes.are(b'\r') | lanes.are(b'\t');
            wrong |= blanks & !known;
            blanks &= known;
        }
        let colons = lanes.are(b':') & outside;
        let commas = lanes.are(b',') & outside;
        let opens = lanes.opens() & outside;
        let closes = lanes.closes() & outside;
        let marks = colons | commas | opens | closes;
        tell(Told { colons, commas, opens, closes, slashes, blanks }, base);

        let scalars = outside & !(marks | blanks);
        let starts = scalars & !(scalars << 1 | self.scalar);
        self.scalar = scalars >> 63;
        let digits = lanes.digits() & scalars;
        let zeros = lanes.are(b'0') & starts;
        wrong |= (zeros << 1 | self.zero) & digits;
        self.zero = zeros >> 63;
        let four = (ahead.spell(simd, b"null") | ahead.spell(simd, b"true")) & starts;
        let five = ahead.spell(simd, b"false") & starts;
        wrong |= (four << 4 | five << 5 | self.ends) & scalars;
        self.ends = four >> 60 | five >> 59;
        // All of a word goes, as one is carried on from its first letter to the place after it.
        let (rest, over) = scalars.carrying_add(four | five, self.word);
        self.word = over;
        let odd = scalars & !digits & rest;
        if odd != 0 {
            match numbers(self.bytes, odd, starts, base, (self.began, self.passed)) {
                Some(passed) => self.passed = passed,
                None => return false,
            }
        }
        self.began = starts;

        let empty = follow(opens, blanks, &mut self.opened) & closes;
        let wanted = follow(opens | commas | colons, blanks, &mut self.wanted);
        wrong |= (wanted & !empty) ^ (quotes & inside | starts | opens);
        wrong |= colons & !follow(quotes & !inside, blanks, &mut self.named);

        let (braces, ends) = (lanes.are(b'{') & opens, lanes.are(b'}') & closes);
        let listed = follow(commas | braces, !marks, &mut self.listed);
        let objects = self.brackets(opens, closes, braces | ends, &mut wrong);
        wrong |= (listed & objects & !empty) ^ colons;
        let ended = self.ended.take();
        wrong |= ended.map_or(0, |at| !blanks & from(at));
        if wrong == 0 {
            self.ended = ended.map(|at| base + at);
        }
        wrong == 0 && ended.is_none()
    }

    /// Passes brackets; `braces` are those of objects. Gives which bytes lie in objects and not in
    /// lists, a bracket where what it closes lies, or what it opens lies in.
    #[inline(always)]
    fn brackets(&mut self, opens: u64, closes: u64, braces: u64, wrong: &mut u64) -> u64 {
        let mut object = 0_u64.wrapping_sub(self.objects & 1);
        let mut all = object;
        let mut brackets = opens | closes;
        while brackets != 0 {
            let this = brackets & brackets.wrapping_neg();
            brackets ^= this;
            let (opens, closes) = (opens & this != 0, closes & this != 0);
            let brace = u64::from(braces & this != 0);
            *wrong |= u64::from(closes) & (brace ^ self.objects);
            self.objects = self.objects << u32::from(opens) >> u32::from(closes);
            self.objects |= u64::from(opens) & brace;
            self.open = self.open.wrapping_add(u32::from(opens)).wrapping_sub(u32::from(closes));
            *wrong |= u64::from(self.open > self.depth);
            let around = 0_u64.wrapping_sub(self.objects & 1);
            all ^= (around ^ object) & !(this ^ this.wrapping_sub(1));
            object = around;
            if self.open == 0 {
                self.ended = Some(this.trailing_zeros() as usize + 1);
                break;
            }
        }
        all
    }
}

/// The bytes that escape sequences are made of, and where the last one ends; none where one is none.
/// The one before ended at `end`.
#[inline(never)]
fn escapes(bytes: &[u8], slashes: u64, base: usize, mut end: usize) -> Option<(u64, usize)> {
    let ahead = from(end.saturating_sub(base));
    let (mut slashes, mut all) = (slashes & ahead, !ahead);
    while slashes != 0 {
        let at = slashes.trailing_zeros() as usize;
        end = skip::escape(bytes, base + at).ok()?;
        let ahead = from(end - base);
        all |= from(at) & !ahead;
        slashes &= ahead;
    }
    Some((all, end))
}

/// Passes numbers that are more than digits: `odd` are their bytes that are none, `starts` is where
/// scalars begin, and `began` where they did in the block before. Gives where the last one ends,
/// `passed` being that of the one before; none where one is none, or is longer than a block.
#[inline(never)]
fn numbers(
    bytes: &[u8],
    odd: u64,
    starts: u64,
    base: usize,
    (began, mut passed): (u64, usize),
) -> Option<usize> {
    let mut odd = odd & from(passed.saturating_sub(base));
    while odd != 0 {
        let start = match (starts & u64::MAX >> (63 - odd.trailing_zeros()), began) {
            (0, 0) => return None,
            (0, before) => base.checked_sub(1)?.checked_sub(before.leading_zeros() as usize)?,
            (here, _) => base + 63 - here.leading_zeros() as usize,
        };
        passed = skip::number(bytes, start).ok()?;
        let after = bytes.get(passed).copied().unwrap_or(b' ');
        if !blank(after) && !matches!(after, b',' | b']' | b'}') {
            return None;
        }
        odd &= from(passed.saturating_sub(base));
    }
    Some(passed)
}
