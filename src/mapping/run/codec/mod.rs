//! Codecs: how one value is spelled on either side. One file for each family, both directions side
//! by side; each says what it loses.
//!
//! `encode` reads canonical and writes the dialect's spelling, `decode` the other way round. A codec
//! reads a token and writes a token; null and absence are dealt with before it is asked.

mod alias;
mod clock;
mod date;
mod file;
mod lower;
mod moment;
mod named;
mod number;
mod offset;
mod phone;
mod timestamp;
mod unix;
mod within;

use crate::json::text;
use crate::mapping::plan::Codec;

pub(crate) use within::within;

/// What a codec wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coded {
    /// A value.
    Value,
    /// `null`: there is no value on the other side for this one.
    Null,
}

/// Why a codec wrote nothing: the rest of a sentence that begins with the field.
pub(crate) type Refusal = &'static str;

/// Writes `token` in its other spelling.
pub(crate) fn convert(
    codec: Codec,
    decode: bool,
    as_text: bool,
    token: &str,
    out: &mut Vec<u8>,
) -> Result<Coded, Refusal> {
    match (codec, decode) {
        (Codec::UnixSeconds, false) => unix::encode_seconds(token, as_text, out),
        (Codec::UnixSeconds, true) => unix::decode_seconds(token, out),
        (Codec::UnixFloat, false) => unix::encode_float(token, as_text, out),
        (Codec::UnixFloat, true) => unix::decode_float(token, out),
        (Codec::Rfc3339Seconds, false) => timestamp::encode(token, 0, out),
        (Codec::Rfc3339Millis, false) => timestamp::encode(token, 3, out),
        (Codec::Rfc3339Micros, false) => timestamp::encode(token, 6, out),
        (Codec::Rfc3339Seconds | Codec::Rfc3339Millis | Codec::Rfc3339Micros, true) => {
            timestamp::decode(token, out)
        }
        (Codec::Date, false) => date::encode(token, out),
        (Codec::Date, true) => date::decode(token, out),
        (Codec::Alias, false) => alias::encode(token, as_text, out),
        (Codec::Alias, true) => alias::decode(token, out),
        (Codec::AliasBelow, false) => Err("cannot be read"),
        (Codec::AliasBelow, true) => alias::decode_below(token, out),
        (Codec::Named(member), false) => named::encode(token, member.as_str(), out),
        (Codec::Named(member), true) => named::decode(token, member.as_str(), out),
        (Codec::Lower, false) => lower::encode(token, out),
        (Codec::Lower, true) => lower::decode(token, out),
        (Codec::NumberText, false) => number::encode_number_text(token, out),
        (Codec::NumberText, true) => number::decode_number_text(token, out),
        (Codec::IntegerText, false) => number::encode_integer_text(token, as_text, out),
        (Codec::IntegerText, true) => number::decode_integer_text(token, out),
        (Codec::Text, false) => number::encode_text(token, out),
        (Codec::Text, true) => number::decode_text(token, out),
        (Codec::HoursOffset, false) => offset::encode(token, as_text, out),
        (Codec::HoursOffset, true) => offset::decode(token, out),
        (Codec::Phone, true) => phone::decode(token, out),
        (Codec::PhoneDigits, true) => phone::decode_digits(token, out),
        (Codec::Phone | Codec::PhoneDigits, false) => Err("cannot be read"),
        (Codec::FileExtension, false) => file::encode(token, out),
        (Codec::ClockHour, false) => clock::hour(token, out),
        (Codec::ClockMinute, false) => clock::minute(token, out),
        (Codec::AtMost(most), false) => number::at_most(token, most, as_text, out),
        (Codec::FileExtension | Codec::ClockHour | Codec::ClockMinute | Codec::AtMost(_), true) => {
            Err("cannot be written")
        }
    }
}

/// The spelling of a number that may stand in quotes.
fn unquoted(token: &str) -> &str {
    text::content(token).unwrap_or(token)
}

/// Writes bytes, in quotes or bare. They need no escapes.
fn quoted(out: &mut Vec<u8>, in_quotes: bool, write: impl FnOnce(&mut Vec<u8>)) {
    if in_quotes {
        out.push(b'"');
    }
    write(out);
    if in_quotes {
        out.push(b'"');
    }
}

fn null(out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    out.extend_from_slice(b"null");
    Ok(Coded::Null)
}

/// Whether a text is a whole number as JSON writes it, of any size.
fn whole(text: &str) -> bool {
    match text.strip_prefix('-').unwrap_or(text).as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
