//! A document value after value, without recursion: what is wrong with it, and where.
//!
//! Positions go from one function to the next by value, so that they can stay in a register.

use super::Reason;
use crate::json::lanes::{Marks, blanks, digits};

/// Where and why a document is not accepted.
pub(super) type Stop = (usize, Reason);

/// What stands at the next place that is no white space, and where that is.
#[inline(always)]
fn peek(bytes: &[u8], at: usize) -> Result<(u8, usize), Stop> {
    match bytes.get(at) {
        Some(byte) if *byte > b' ' => Ok((*byte, at)),
        _ => {
            let at = blanks(bytes, at);
            bytes.get(at).map(|byte| (*byte, at)).ok_or((at, Reason::End))
        }
    }
}

/// A document, at most `depth` levels deep.
pub(super) fn document(bytes: &[u8], depth: u32) -> Result<(), Stop> {
    let after = value(bytes, 0, depth)?;
    match peek(bytes, after) {
        Ok((_, at)) => Err((at, Reason::Trailing)),
        Err(_) => Ok(()),
    }
}

/// Any value, at most `depth` levels deep; gives what comes after it.
fn value(bytes: &[u8], mut at: usize, depth: u32) -> Result<usize, Stop> {
    let mut marks = Marks::new(bytes);
    // One bit a level: whether it is an object. 128 levels at most.
    let (mut objects, mut levels) = (0_u128, 0_u32);
    loop {
        let (byte, here) = peek(bytes, at)?;
        at = match byte {
            b'"' => string(&mut marks, here)?,
            b'{' | b'[' => {
                if levels >= depth {
                    return Err((here, Reason::Depth));
                }
                let object = byte == b'{';
                let (next, inside) = peek(bytes, here + 1)?;
                // `}` and `]` stand two after `{` and `[`.
                if next != byte + 2 {
                    levels += 1;
                    objects = objects << 1 | u128::from(object);
                    at = if object { key(&mut marks, inside)? } else { inside };
                    continue;
                }
                inside + 1
            }
            _ => scalar(bytes, here, byte)?,
        };
        loop {
            if levels == 0 {
                return Ok(at);
            }
            let object = objects & 1 == 1;
            let (next, here) = peek(bytes, at)?;
            at = here + 1;
            if next == b',' {
                if object {
                    at = key(&mut marks, at)?;
                }
                break;
            }
            if next != if object { b'}' } else { b']' } {
                return Err((here, if object { Reason::Brace } else { Reason::Bracket }));
            }
            levels -= 1;
            objects >>= 1;
        }
    }
}

/// A name and its colon.
#[inline(always)]
fn key(marks: &mut Marks<'_>, at: usize) -> Result<usize, Stop> {
    let (byte, at) = peek(marks.bytes(), at)?;
    if byte != b'"' {
        return Err((at, Reason::Key));
    }
    let after = string(marks, at)?;
    colon(marks.bytes(), after)
}

/// The colon after a name.
#[inline(always)]
fn colon(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let (byte, at) = peek(bytes, at)?;
    if byte == b':' { Ok(at + 1) } else { Err((at, Reason::Colon)) }
}

/// A string from its opening quote on.
#[inline(always)]
fn string(marks: &mut Marks<'_>, at: usize) -> Result<usize, Stop> {
    let (bytes, end) = (marks.bytes(), marks.after(at));
    if bytes.get(end) == Some(&b'"') { Ok(end + 1) } else { rest_of_string(marks, end) }
}

/// A string from a byte on that does not mean itself, and is the last mark that was passed.
fn rest_of_string(marks: &mut Marks<'_>, mut at: usize) -> Result<usize, Stop> {
    let bytes = marks.bytes();
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(bytes, at)?,
            Some(_) => return Err((at, Reason::Control)),
            None => return Err((at, Reason::End)),
        }
        at = marks.from(at);
    }
}

/// An escape sequence.
pub(super) fn escape(bytes: &[u8], start: usize) -> Result<usize, Stop> {
    let at = start + 2;
    match bytes.get(start + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at),
        Some(b'u') => match hex(bytes, at)? {
            0xD800..=0xDBFF => {
                let pair = bytes.get(at + 4..).unwrap_or_default();
                if pair.starts_with(b"\\u") {
                    if matches!(hex(bytes, at + 6)?, 0xDC00..=0xDFFF) {
                        return Ok(at + 10);
                    }
                } else if pair.len() < 2 && b"\\u".starts_with(pair) {
                    return Err((bytes.len(), Reason::End));
                }
                Err((start, Reason::Surrogate))
            }
            0xDC00..=0xDFFF => Err((start, Reason::Surrogate)),
            _ => Ok(at + 4),
        },
        Some(_) => Err((start, Reason::Escape)),
        None => Err((start + 1, Reason::End)),
    }
}

/// Four hexadecimal digits.
fn hex(bytes: &[u8], at: usize) -> Result<u32, Stop> {
    let mut code = 0;
    for at in at..at + 4 {
        let byte = *bytes.get(at).ok_or((at, Reason::End))?;
        let digit = char::from(byte).to_digit(16).ok_or((at, Reason::Escape))?;
        code = code << 4 | digit;
    }
    Ok(code)
}

/// A value that is neither text nor list nor object.
#[inline(always)]
fn scalar(bytes: &[u8], at: usize, byte: u8) -> Result<usize, Stop> {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    match (byte, four) {
        (b'n', Some(b"null")) | (b't', Some(b"true")) => Ok(at + 4),
        (b'f', Some(b"fals")) if bytes.get(at + 4) == Some(&b'e') => Ok(at + 5),
        (b'0'..=b'9', _) => whole(bytes, at),
        (b'-', _) => number(bytes, at),
        _ => Err(no_word(bytes, at)),
    }
}

/// A number that begins with a digit: a whole one, mostly.
#[inline(always)]
fn whole(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let end = digits(bytes, at);
    let plain = !matches!(bytes.get(end), Some(b'.' | b'e' | b'E'));
    if plain && (end == at + 1 || bytes.get(at) != Some(&b'0')) {
        Ok(end)
    } else {
        number(bytes, at)
    }
}

/// Any number.
pub(super) fn number(bytes: &[u8], mut at: usize) -> Result<usize, Stop> {
    let here = |at: usize| bytes.get(at).copied();
    // One digit or more.
    let some = |at: usize| match digits(bytes, at) {
        end if end > at => Ok(end),
        _ => Err((at, here(at).map_or(Reason::End, |_| Reason::Number))),
    };
    if here(at) == Some(b'-') {
        at += 1;
    }
    if here(at) == Some(b'0') {
        at += 1;
        if here(at).is_some_and(|b| b.is_ascii_digit()) {
            return Err((at, Reason::Number));
        }
    } else {
        at = some(at)?;
    }
    if here(at) == Some(b'.') {
        at = some(at + 1)?;
    }
    if matches!(here(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(here(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = some(at)?;
    }
    Ok(at)
}

/// Why there is no value: the document may end within a word.
#[cold]
fn no_word(bytes: &[u8], at: usize) -> Stop {
    let rest = bytes.get(at..).unwrap_or_default();
    let cut = ["true", "false", "null"].iter().any(|word| word.as_bytes().starts_with(rest));
    if cut { (bytes.len(), Reason::End) } else { (at, Reason::Value) }
}
