//! Values that nobody asked for: checked and passed over, without recursion.

use super::{Reason, Scanner};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the high bit of each byte that is a quote, a backslash or a control character. The lowest
/// mark is exact; those above may be borrowed from it.
#[inline]
fn marks(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let slash = word ^ (ONES * 0x5C);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let slash = slash.wrapping_sub(ONES) & !slash;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | slash | control) & HIGHS
}

impl<'s> Scanner<'s> {
    /// The next byte that is no white space, without passing it.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, Reason> {
        loop {
            match self.bytes.get(self.at).copied() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(byte),
                None => return Err(Reason::End),
            }
        }
    }

    /// Nothing but white space until the end.
    pub(super) fn end(&mut self) -> Result<(), Reason> {
        match self.peek() {
            Err(_) => Ok(()),
            Ok(_) => Err(Reason::Trailing),
        }
    }

    /// Any value.
    pub(super) fn skip(&mut self) -> Result<(), Reason> {
        // One bit a level: whether it is an object. 128 levels at most.
        let (mut objects, mut levels) = (0_u128, 0_u32);
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                open @ (b'{' | b'[') => {
                    if levels >= self.depth {
                        return Err(Reason::Depth);
                    }
                    levels += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    self.at += 1;
                    match (open, self.peek()?) {
                        (b'{', b'}') | (b'[', b']') => {
                            self.at += 1;
                            levels -= 1;
                            objects >>= 1;
                        }
                        (b'{', _) => {
                            self.key()?;
                            continue;
                        }
                        _ => continue,
                    }
                }
                byte => self.scalar(byte)?,
            }
            loop {
                if levels == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                match (self.peek()?, object) {
                    (b',', _) => {
                        self.at += 1;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        self.at += 1;
                        levels -= 1;
                        objects >>= 1;
                    }
                    (_, true) => return Err(Reason::Brace),
                    (_, false) => return Err(Reason::Bracket),
                }
            }
        }
    }

    /// A name and its colon.
    #[inline]
    fn key(&mut self) -> Result<(), Reason> {
        if self.peek()? != b'"' {
            return Err(Reason::Key);
        }
        self.string()?;
        if self.peek()? != b':' {
            return Err(Reason::Colon);
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn scalar(&mut self, byte: u8) -> Result<(), Reason> {
        match byte {
            b'-' | b'0'..=b'9' => self.number(byte),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(Reason::Value),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Reason> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(if word.starts_with(rest) {
            self.at = self.bytes.len();
            Reason::End
        } else {
            Reason::Value
        })
    }

    fn number(&mut self, first: u8) -> Result<(), Reason> {
        if first == b'-' {
            self.at += 1;
        }
        match self.here() {
            Some(b'0') => {
                self.at += 1;
                if self.here().is_some_and(|b| b.is_ascii_digit()) {
                    return Err(Reason::Number);
                }
            }
            Some(b'1'..=b'9') => self.digits()?,
            other => return Err(other.map_or(Reason::End, |_| Reason::Number)),
        }
        if self.here() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.here(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.here(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), Reason> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let digits = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
        self.at += digits;
        if digits > 0 {
            return Ok(());
        }
        Err(self.here().map_or(Reason::End, |_| Reason::Number))
    }

    #[inline]
    fn here(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// A string from its opening quote on; gives what stands between the quotes, and whether an
    /// escape sequence is in it.
    #[inline]
    pub(super) fn string(&mut self) -> Result<(&'s [u8], bool), Reason> {
        let (bytes, start) = (self.bytes, self.at + 1);
        let (mut at, mut escaped) = (start, false);
        loop {
            // Over bytes that mean themselves, eight at a time, to the first that may not.
            while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
                let marks = marks(u64::from_le_bytes(*eight));
                if marks != 0 {
                    at += (marks.trailing_zeros() / 8) as usize;
                    break;
                }
                at += 8;
            }
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok((bytes.get(start..at).unwrap_or_default(), escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at = at;
                    self.escape()?;
                    at = self.at;
                }
                Some(byte) if *byte < 0x20 => {
                    self.at = at;
                    return Err(Reason::Control);
                }
                Some(_) => at += 1,
                None => {
                    self.at = at;
                    return Err(Reason::End);
                }
            }
        }
    }

    #[cold]
    fn escape(&mut self) -> Result<(), Reason> {
        let start = self.at;
        self.at += 1;
        match self.here() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                self.at += 1;
                match self.hex()? {
                    0xD800..=0xDBFF => {
                        let pair = self.bytes.get(self.at..).unwrap_or_default();
                        if pair.starts_with(b"\\u") {
                            self.at += 2;
                            if matches!(self.hex()?, 0xDC00..=0xDFFF) {
                                return Ok(());
                            }
                        } else if pair.len() < 2 && b"\\u".starts_with(pair) {
                            self.at = self.bytes.len();
                            return Err(Reason::End);
                        }
                        self.at = start;
                        Err(Reason::Surrogate)
                    }
                    0xDC00..=0xDFFF => {
                        self.at = start;
                        Err(Reason::Surrogate)
                    }
                    _ => Ok(()),
                }
            }
            Some(_) => {
                self.at = start;
                Err(Reason::Escape)
            }
            None => Err(Reason::End),
        }
    }

    /// Four hexadecimal digits.
    fn hex(&mut self) -> Result<u32, Reason> {
        let mut code = 0;
        for _ in 0..4 {
            let byte = self.here().ok_or(Reason::End)?;
            let digit = char::from(byte).to_digit(16).ok_or(Reason::Escape)?;
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }
}
