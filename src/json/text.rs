//! JSON values as spans of text: what kind they are, what a string means, which number it is.
//!
//! A *token* here is the whole text of one value of a document that [`super::scan`] has accepted,
//! without white space around it. On other text nothing panics, but answers mean nothing.

use std::borrow::Cow;
use std::cmp::Ordering;

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Boolean,
    /// A number without fraction and exponent.
    Integer,
    /// Any other number.
    Number,
    /// Text.
    String,
    /// A list.
    List,
    /// An object.
    Object,
}

/// Longest whole number: 20 digits hold whatever has 64 bits.
const LONGEST_INTEGER: usize = 20;

/// The kind of a token. A number of more digits than anybody can hold is no whole number.
#[must_use]
#[inline]
pub fn kind(token: &str) -> Kind {
    match token.as_bytes().first() {
        Some(b'"') => Kind::String,
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::List,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'-' | b'0'..=b'9') if token.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) => {
            Kind::Number
        }
        Some(b'-' | b'0'..=b'9') if token.len() > LONGEST_INTEGER => Kind::Number,
        Some(b'-' | b'0'..=b'9') => Kind::Integer,
        _ => Kind::Null,
    }
}

/// Whether a token is `[]` or `{}`, with white space or without.
#[must_use]
#[inline]
pub fn is_empty(token: &str) -> bool {
    let mut bytes = token.bytes();
    let end = match bytes.next() {
        Some(b'[') => b']',
        Some(b'{') => b'}',
        _ => return false,
    };
    bytes.find(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t')) == Some(end)
}

/// What stands between the quotes of a string token, still escaped; `None` for other kinds.
#[must_use]
#[inline]
pub fn content(token: &str) -> Option<&str> {
    token.strip_prefix('"')?.strip_suffix('"')
}

/// The meaning of a string token; of another kind, its text.
#[must_use]
pub fn decode(token: &str) -> Cow<'_, str> {
    match content(token) {
        None => Cow::Borrowed(token),
        Some(content) if plain(content) => Cow::Borrowed(content),
        Some(content) => Cow::Owned(Chars(content).collect()),
    }
}

/// The characters of a string token; none for other kinds.
pub fn chars(token: &str) -> impl Iterator<Item = char> + '_ {
    Chars(content(token).unwrap_or_default())
}

/// Whether a string token means `text`.
#[must_use]
#[inline]
pub fn eq(token: &str, text: &str) -> bool {
    let Some(content) = content(token) else { return false };
    // What is escaped is longer than what it means.
    match content.len().cmp(&text.len()) {
        Ordering::Less => false,
        Ordering::Equal => content == text && plain(content),
        Ordering::Greater => may_mean(content, text) && Chars(content).eq(text.chars()),
    }
}

/// As [`eq`], of a token that is still bytes.
#[must_use]
#[inline]
pub fn eq_bytes(token: &[u8], text: &str) -> bool {
    let text_bytes = text.as_bytes();
    match token {
        // As long as the text itself, it has no room for an escape sequence.
        [b'"', content @ .., b'"'] if content.len() == text_bytes.len() => {
            content == text_bytes && !content.contains(&b'\\')
        }
        [b'"', first, ..]
            if token.len() > text_bytes.len() + 2
                && (*first == b'\\' || Some(first) == text_bytes.first()) =>
        {
            token.contains(&b'\\') && std::str::from_utf8(token).is_ok_and(|t| eq(t, text))
        }
        _ => false,
    }
}

/// Whether a text that is longer than another could mean it: not if it begins with another letter,
/// or has no escapes, or more than the longest of them for each byte.
#[inline]
fn may_mean(content: &str, text: &str) -> bool {
    let first = content.as_bytes().first();
    (first == Some(&b'\\') || first == text.as_bytes().first())
        && content.len() / 6 <= text.len()
        && !plain(content)
}

/// How many characters a string token means; of another kind, none.
#[must_use]
pub fn length(token: &str) -> usize {
    let mut rest = content(token).unwrap_or_default();
    let mut length = 0;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, escaped) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let mut one = Chars(escaped);
        length += before.chars().count() + usize::from(one.next().is_some());
        rest = one.0;
    }
    length + rest.chars().count()
}

/// Whether two tokens are the same value: strings by what they mean, empty lists and objects by
/// being empty, everything else by its text (`1` is not `1.0`).
#[must_use]
#[inline]
pub fn same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (content(one), content(other)) {
        // Without escapes, equal meaning is equal text.
        (Some(a), Some(b)) => !(plain(a) && plain(b)) && Chars(a).eq(Chars(b)),
        (None, None) => {
            one.as_bytes().first() == other.as_bytes().first() && is_empty(one) && is_empty(other)
        }
        _ => false,
    }
}

/// Order of two string tokens by what they mean, character by character.
#[must_use]
pub fn order(one: &str, other: &str) -> Ordering {
    match (content(one), content(other)) {
        (Some(a), Some(b)) if plain(a) && plain(b) => a.cmp(b),
        (Some(a), Some(b)) => Chars(a).cmp(Chars(b)),
        _ => one.cmp(other),
    }
}

/// The integer that a token is, exactly; `None` for other kinds, fractions and what does not fit.
#[must_use]
pub fn integer(token: &str) -> Option<i64> {
    if kind(token) == Kind::Integer { token.parse().ok() } else { None }
}

/// As [`integer`], from 0 on.
#[must_use]
pub fn unsigned(token: &str) -> Option<u64> {
    if kind(token) == Kind::Integer { token.parse().ok() } else { None }
}

/// Whether a text is a number as JSON writes it.
#[must_use]
pub fn is_number(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, None),
        Some((m, e)) => (m, Some(e.strip_prefix(['+', '-']).unwrap_or(e))),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        None => (mantissa, None),
        Some((w, f)) => (w, Some(f)),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

fn plain(content: &str) -> bool {
    memchr::memchr(b'\\', content.as_bytes()).is_none()
}

/// The characters of the inside of a string token.
struct Chars<'a>(&'a str);

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let mut rest = self.0.chars();
        let first = rest.next()?;
        if first != '\\' {
            self.0 = rest.as_str();
            return Some(first);
        }
        let letter = rest.next();
        self.0 = rest.as_str();
        Some(match letter? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.hex();
                let code = if (0xD800..0xDC00).contains(&high) {
                    self.0 = self.0.strip_prefix("\\u").unwrap_or(self.0);
                    let low = self.hex();
                    0x10000 + ((high - 0xD800) << 10) + (low & 0x3FF)
                } else {
                    high
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => other,
        })
    }
}

impl Chars<'_> {
    fn hex(&mut self) -> u32 {
        let (digits, rest) = self.0.split_at_checked(4).unwrap_or((self.0, ""));
        self.0 = rest;
        u32::from_str_radix(digits, 16).unwrap_or(0xFFFD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_mean_what_their_escapes_say() {
        let token = r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z""#;
        let meant = "a\"\\/\u{8}\u{c}\n\r\té😀z";
        assert_eq!(decode(token), meant);
        assert!(eq(token, meant) && !eq(token, "a") && !eq("1", "1"));
        assert!(same(token, &serde_json::to_string(meant).unwrap()));
        assert!(matches!(decode("\"plain\""), Cow::Borrowed("plain")));
        assert!(
            same(r#""\u0061""#, "\"a\"") && !same(r#""\u0061""#, "\"b\"") && !same("\"1\"", "1")
        );
        assert_eq!(order("\"a\"", r#""\u0062""#), Ordering::Less);
    }

    #[test]
    fn a_text_is_as_long_as_what_it_means() {
        for meant in ["", "a", "é😀", "a\"\\/\n\u{1}z", "\\\\\\", "\u{1f600}\n\u{1f600}"] {
            let (token, escaped) = (serde_json::to_string(meant).unwrap(), {
                let units = meant.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                format!("\"{}\"", units.collect::<String>())
            });
            for token in [&token, &escaped] {
                assert_eq!(length(token), meant.chars().count(), "{token}");
                assert!(eq_bytes(token.as_bytes(), meant));
                assert!(!eq_bytes(token.as_bytes(), "xyz") && !eq_bytes(b"\"\xff\"", meant));
                assert!(eq(token, meant) && !eq(token, &format!("{meant}x")), "{token}");
                assert!(!eq(token, &format!("x{meant}")) && !eq(token, "xyz"), "{token}");
                assert_eq!(eq(token, &escaped[1..escaped.len() - 1]), meant.is_empty(), "{token}");
            }
        }
        assert_eq!((length("12"), length("[\"a\"]"), length("\"\\")), (0, 0, 0));
    }

    #[test]
    fn empty_containers_are_the_same_however_they_are_spaced() {
        assert!(
            same("[]", "[ \n]") && same("{ }", "{}") && !same("[]", "{}") && !same("[]", "[1]")
        );
        assert!(is_empty("[\t]") && !is_empty("\"\"") && !is_empty("[{}]"));
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(integer("9007199254740993"), Some(9_007_199_254_740_993));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(unsigned("18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned("-1"), None);
        assert_eq!(integer("1.0"), None);
        assert_eq!(
            (kind("1e3"), kind("-0"), kind("1.5")),
            (Kind::Number, Kind::Integer, Kind::Number)
        );
        for yes in ["0", "-0", "10", "1.50", "1e9", "1.2E-3"] {
            assert!(is_number(yes), "{yes}");
        }
        for no in ["", "-", "01", "1.", ".5", "1e", "+1", "0x1", "1 ", "NaN"] {
            assert!(!is_number(no), "{no}");
        }
    }
}
