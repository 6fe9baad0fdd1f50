//! Writing JSON into a buffer.

use std::fmt;
use std::ops::Deref;

/// Writes a text as a string.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Writes a text as it stands between the quotes of a string.
pub fn escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().copied().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            other => {
                let hex = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(other >> 4), hex(other & 15)]);
            }
        }
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}

/// Writes one character as it stands between the quotes of a string.
pub fn character(out: &mut Vec<u8>, character: char) {
    escaped(out, character.encode_utf8(&mut [0; 4]));
}

/// Writes an integer.
pub fn integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes the first `length` bytes of what stands at `from`. Most values are short: thirty-two bytes
/// are copied whatever they are, which takes no call, and what is too much is cut off again.
#[inline(always)]
pub fn piece(out: &mut Vec<u8>, from: &[u8], length: usize) {
    match from.first_chunk::<32>() {
        Some(chunk) if length <= chunk.len() => {
            let end = out.len() + length;
            out.extend_from_slice(chunk);
            out.truncate(end);
        }
        _ => out.extend_from_slice(from.get(..length).unwrap_or_default()),
    }
}

/// Bytes of a [`Key`] that need no memory of their own.
const SHORT: usize = 30;

/// A member's name as it stands in an object, colon included: `"id":`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Text);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    /// So many of these bytes.
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

/// The key of a member of this name.
#[must_use]
pub fn key(name: &str) -> Key {
    let mut out = Vec::with_capacity(name.len() + 3);
    string(&mut out, name);
    out.push(b':');
    let mut bytes = [0; SHORT];
    match (bytes.get_mut(..out.len()), u8::try_from(out.len())) {
        (Some(own), Ok(length)) => {
            own.copy_from_slice(&out);
            Key(Text::Short(length, bytes))
        }
        _ => Key(Text::Long(out.into_boxed_slice())),
    }
}

impl Key {
    /// Writes it.
    #[inline(always)]
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Text::Short(length, bytes) => {
                let end = out.len() + usize::from(*length);
                out.extend_from_slice(bytes);
                out.truncate(end);
            }
            Text::Long(bytes) => out.extend_from_slice(bytes),
        }
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Text::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Text::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_what_it_is_wherever_it_ends() {
        let text: Vec<u8> = (0..80).collect();
        for from in 0..text.len() {
            for length in 0..=text.len() - from {
                let mut out = b"before".to_vec();
                piece(&mut out, &text[from..], length);
                assert_eq!(out, [b"before", &text[from..from + length]].concat());
            }
        }
    }

    #[test]
    fn strings_are_escaped_as_serde_does() {
        for text in ["", "plain", "é😀", "\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}", "a\"", "\u{1}b"]
        {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(text).unwrap());
        }
        assert_eq!(&*key("a\"b"), br#""a\"b":"#);
        for length in [0, 1, 26, 27, 28, 40] {
            let name = "n".repeat(length);
            let mut out = b"x".to_vec();
            key(&name).write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x\"{name}\":"));
            assert_eq!(&*key(&name), format!("\"{name}\":").as_bytes());
        }
        let mut out = Vec::new();
        integer(&mut out, i64::MIN);
        character(&mut out, '"');
        assert_eq!(out, b"-9223372036854775808\\\"");
    }
}
