//! Every codec: its word, its types, what it means and loses, and an example that runs. The table of
//! docs/mapping.md is made of this one.

use crate::mapping::plan::{Codec, Naming, Types};
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Span, closest};

use super::operators::Given;

/// A codec.
#[derive(Clone, Copy, Debug)]
pub struct CodecWord {
    /// Its word after `as`.
    pub name: &'static str,
    pub(crate) codec: Codec,
    /// JSON types of the canonical side.
    pub(crate) canonical: Types,
    /// JSON types of their side.
    pub(crate) theirs: Types,
    /// Canonical and theirs, for the page.
    pub means: &'static str,
    /// What does not come back.
    pub loses: &'static str,
    /// The direction it goes in; `None` is both.
    pub only: Option<&'static str>,
    /// A value, as JSON.
    pub example: Given,
}

const fn word(
    name: &'static str,
    (codec, canonical, theirs): (Codec, Types, Types),
    means: &'static str,
    loses: &'static str,
    example: Given,
) -> CodecWord {
    CodecWord { name, codec, canonical, theirs, means, loses, only: None, example }
}

const fn one_way(only: &'static str, word: CodecWord) -> CodecWord {
    CodecWord { only: Some(only), ..word }
}

const TIME: Given = Given::Canonical(r#""2026-01-31T09:30:00.125Z""#);

/// Codecs by name, but for [`AT_MOST`] and [`NAMED`].
pub const CODECS: &[CodecWord] = &[
    word(
        "unix_seconds",
        (Codec::UnixSeconds, Types::STRING, Types::INTEGER),
        "time ↔ whole seconds since 1970",
        "what is below a second",
        TIME,
    ),
    word(
        "unix_float",
        (Codec::UnixFloat, Types::STRING, Types::NUMBER),
        "time ↔ seconds with a fraction",
        "what is below a millisecond",
        TIME,
    ),
    word(
        "rfc3339_s",
        (Codec::Rfc3339Seconds, Types::STRING, Types::STRING),
        "time ↔ RFC 3339 without a fraction",
        "what is below a second",
        TIME,
    ),
    word(
        "rfc3339_ms",
        (Codec::Rfc3339Millis, Types::STRING, Types::STRING),
        "time ↔ RFC 3339 with three digits",
        "what is below a millisecond",
        TIME,
    ),
    word(
        "rfc3339_us",
        (Codec::Rfc3339Micros, Types::STRING, Types::STRING),
        "time ↔ RFC 3339 with six digits",
        "what is below a microsecond",
        TIME,
    ),
    word(
        "date",
        (Codec::Date, Types::STRING, Types::STRING),
        "date ↔ `YYYY-MM-DD`; reads a time, too",
        "the time of day it was given",
        Given::Theirs(r#""2026-01-31T09:30:00Z""#),
    ),
    word(
        "alias",
        (Codec::Alias, Types::STRING, Types::INTEGER),
        "`n:NUMBER` ↔ integer",
        "other names of a resource are written null",
        Given::Theirs("5"),
    ),
    one_way(
        "decode",
        word(
            "alias_below",
            (Codec::AliasBelow, Types::STRING, Types::INTEGER),
            "the alias of the number before ← integer; null ← 1",
            "what was there",
            Given::Theirs("5"),
        ),
    ),
    word(
        "lower",
        (Codec::Lower, Types::STRING, Types::STRING),
        "text ↔ text, lower-cased when read",
        "case",
        Given::Theirs(r#""Ada@Example.COM""#),
    ),
    word(
        "number_text",
        (Codec::NumberText, Types::NUMBER, Types::STRING),
        "number ↔ the same digits as text; `write: string` alone is this",
        "nothing",
        Given::Canonical("1.10"),
    ),
    word(
        "integer_text",
        (Codec::IntegerText, Types::STRING, Types::INTEGER),
        "decimal text ↔ integer",
        "text that is no number",
        Given::Canonical(r#""42""#),
    ),
    word(
        "text",
        (Codec::Text, Types::STRING, Types::STRING),
        "text ↔ text; reads integers",
        "the type it was given",
        Given::Theirs("31"),
    ),
    one_way(
        "decode",
        word(
            "phone",
            (Codec::Phone, Types::STRING, Types::STRING.or(Types::INTEGER)),
            "E.164 ← a phone number with its country, as text or a whole number",
            "the type it was given",
            Given::Theirs("4917139200021"),
        ),
    ),
    one_way(
        "decode",
        word(
            "phone_digits",
            (Codec::PhoneDigits, Types::STRING, Types::STRING.or(Types::INTEGER)),
            "the digits ← a phone number with its country, as text or a whole number",
            "the plus",
            Given::Theirs(r#""+4917139200021""#),
        ),
    ),
    one_way(
        "encode",
        word(
            "file_extension",
            (Codec::FileExtension, Types::STRING, Types::STRING),
            "name of a file → its extension, lower-case",
            "the rest",
            Given::Canonical(r#""Invoice.PDF""#),
        ),
    ),
    one_way(
        "encode",
        word(
            "clock_hour",
            (Codec::ClockHour, Types::STRING, Types::INTEGER),
            "`HH:MM` → the hour",
            "the minute",
            Given::Canonical(r#""09:30""#),
        ),
    ),
    one_way(
        "encode",
        word(
            "clock_minute",
            (Codec::ClockMinute, Types::STRING, Types::INTEGER),
            "`HH:MM` → the minute",
            "the hour",
            Given::Canonical(r#""09:30""#),
        ),
    ),
    word(
        "hours_offset",
        (Codec::HoursOffset, Types::STRING, Types::NUMBER),
        "how far from UTC, `+05:30` ↔ hours",
        "names of zones are written null",
        Given::Theirs("5.5"),
    ),
];

/// The codec with a number in its word: `at_most_10`.
pub const AT_MOST: CodecWord = one_way(
    "encode",
    word(
        "at_most_N",
        (Codec::AtMost(10), Types::INTEGER, Types::INTEGER),
        "a whole number → the same, or N where it is more (`at_most_10`)",
        "what is above",
        Given::Canonical("12"),
    ),
);

/// The codec with the name of a member in its word: `named_slug`.
pub const NAMED: CodecWord = word(
    "named_MEMBER",
    (Codec::Text, Types::STRING, Types::STRING),
    "`x:MEMBER:TEXT` ↔ text (`named_slug`)",
    "other names of a resource are written null",
    Given::Theirs(r#""handbook""#),
);

/// The codec of this name, without a number in it.
pub(crate) fn named(name: &str) -> Option<Codec> {
    CODECS.iter().find(|word| word.name == name).map(|word| word.codec)
}

/// The word of a codec.
fn word_of(codec: Codec) -> &'static CodecWord {
    match codec {
        Codec::AtMost(_) => &AT_MOST,
        Codec::Named(_) => &NAMED,
        _ => CODECS.iter().find(|word| word.codec == codec).unwrap_or(&NAMED),
    }
}

/// (canonical, dialect) types of a codec.
pub(crate) fn codec_types(codec: Codec) -> (Types, Types) {
    let word = word_of(codec);
    (word.canonical, word.theirs)
}

/// Its name in the language.
pub(crate) fn codec_name(codec: Codec) -> &'static str {
    word_of(codec).name
}

/// Whether a codec goes from their side to the canonical one only.
pub(crate) fn only_reads(codec: Codec) -> bool {
    word_of(codec).only == Some("decode")
}

/// Whether a codec reads and writes times.
pub(crate) fn is_time(codec: Codec) -> bool {
    matches!(
        codec,
        Codec::UnixSeconds
            | Codec::UnixFloat
            | Codec::Rfc3339Seconds
            | Codec::Rfc3339Millis
            | Codec::Rfc3339Micros
            | Codec::Date
    )
}

/// Reads the name of a codec.
pub(crate) fn codec(node: &Node, d: &mut Diagnostics) -> Option<(Codec, Span)> {
    let word = node.as_text().unwrap_or_default();
    if let Some(most) = word.strip_prefix("at_most_").and_then(|n| n.parse().ok()) {
        return Some((Codec::AtMost(most), node.span));
    }
    let member = word.strip_prefix("named_").and_then(Naming::new);
    let found = named(word).or(member.map(Codec::Named));
    if found.is_none() {
        d.push(
            Diagnostic::error(Code::UnknownCodec, node.span, format!("there is no codec `{word}`"))
                .suggest(closest(word, CODECS.iter().map(|word| word.name))),
        );
    }
    found.map(|codec| (codec, node.span))
}
