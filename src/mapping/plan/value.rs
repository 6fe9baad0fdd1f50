//! One value through an operator.

use crate::canonical::contract::SchemaId;

use super::{Ref, SiteId};

/// A value through an operator. Steps: choose the source, `ignore`, `also_null`, presence, convert,
/// check.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ValueOp {
    /// Places to read; the first that is there counts (`same_as` when decoding). One, mostly.
    pub from: Vec<Ref>,
    /// Where it comes from.
    pub site: SiteId,
    /// Which JSON types are accepted before converting.
    pub accept: Types,
    /// What is done with a value.
    pub convert: Convert,
    /// JSON texts read as null.
    pub also_null: Vec<Box<[u8]>>,
    /// JSON texts read as absent.
    pub ignore: Vec<Box<[u8]>>,
    /// What null gives.
    pub when_null: Gap,
    /// What absent gives.
    pub when_absent: Gap,
    /// What the written value must satisfy (decode).
    pub check: Option<SchemaId>,
}

/// What is written where no value is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Gap {
    /// `null`.
    Null,
    /// Nothing.
    Absent,
    /// This JSON value; counted when an event is given.
    Const(Box<[u8]>, Option<u16>),
    /// A problem: the value is required.
    Refuse,
    /// A problem: the contract promises the value.
    Broken,
}

/// JSON types, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Types(pub u8);

impl Types {
    /// `true`, `false`.
    pub const BOOLEAN: Self = Self(1);
    /// A number without fraction or exponent.
    pub const INTEGER: Self = Self(2);
    /// Any number.
    pub const NUMBER: Self = Self(2 | 4);
    /// Text.
    pub const STRING: Self = Self(8);
    /// A list.
    pub const LIST: Self = Self(16);
    /// A list whose elements are text: a copy of it holds nothing else.
    pub const TEXTS: Self = Self(16 | 64);
    /// An object.
    pub const OBJECT: Self = Self(32);
    /// Anything but null; null is a matter of presence.
    pub const ANY: Self = Self(63);

    /// Both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What is done with a value's text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Convert {
    /// Copied, byte for byte. In a lenient program a text that spells an accepted type is unquoted.
    Copy,
    /// A codec, in one direction.
    Codec {
        /// Which.
        codec: Codec,
        /// Towards canonical.
        decode: bool,
        /// The dialect's side is text (`write: string`); decode reads both.
        text: bool,
    },
    /// A table of values.
    Enum(Box<EnumOp>),
    /// `raw: object`: copied; `[]` is read as `{}`.
    RawObject,
    /// `raw: list`: copied; a single value is no list.
    RawList,
    /// A whole number from 1 (`within`), as number or text, no more than `most`; anything else is
    /// `otherwise`.
    Within {
        /// What is written for what is no such number.
        otherwise: u32,
        /// The bound; `None` is 2^53 - 1, and what is greater is no such number.
        most: Option<u32>,
    },
}

/// A codec; its two directions stand in one file under `mapping/run/codec/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 3339 ↔ whole unix seconds. Folds below a second.
    UnixSeconds,
    /// RFC 3339 ↔ unix seconds with a fraction.
    UnixFloat,
    /// RFC 3339 ↔ RFC 3339 without fraction. Folds below a second.
    Rfc3339Seconds,
    /// RFC 3339 with three digits, both sides.
    Rfc3339Millis,
    /// RFC 3339 ↔ RFC 3339 with six digits.
    Rfc3339Micros,
    /// `YYYY-MM-DD`; decode takes a date-time as well and keeps its date.
    Date,
    /// Canonical reference `n:NUMBER` ↔ integer. Decode: 5 → `"n:5"`. Encode: `"n:5"` → 5, anything
    /// else → null.
    Alias,
    /// Decode only: the reference just below a number, so that what comes after it begins with the
    /// number itself: 5 → `"n:4"`, 1 → null.
    AliasBelow,
    /// Lower-cased when decoded, copied when encoded.
    Lower,
    /// Canonical number ↔ the same digits as text.
    NumberText,
    /// Canonical text ↔ integer: encode `"17"` → 17 (no digits → null), decode 17 → `"17"`.
    IntegerText,
    /// Copied when encoded; decode turns an integer or text into text.
    Text,
    /// Decode only: a phone number, as E.164.
    Phone,
    /// Decode only: a phone number, its digits alone.
    PhoneDigits,
    /// Extension of a file name, lower-case, without the dot; null when there is none. Encode only.
    FileExtension,
    /// Hour of a time of day (`09:30` → 9). Encode only.
    ClockHour,
    /// Minute of a time of day (`09:30` → 30). Encode only.
    ClockMinute,
    /// How far from UTC: `+05:30` ↔ hours, 5.5. Encode: the name of a zone → null.
    HoursOffset,
    /// A whole number, or this one where it is more. Encode only.
    AtMost(u32),
    /// Canonical reference `x:MEMBER:TEXT` ↔ text. Encode: a reference of another kind → null.
    Named(Naming),
}

/// The name of a member that resources are named by: small letters and `_`, at most 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Naming {
    letters: [u8; 24],
    length: usize,
}

impl Naming {
    /// Reads it; nothing where it is none.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if !fits || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return None;
        }
        let mut letters = [0; 24];
        letters.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { letters, length: name.len() })
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.letters.get(..self.length).and_then(|n| str::from_utf8(n).ok()).unwrap_or_default()
    }
}

/// One JSON value as text.
pub type Json = Box<[u8]>;

/// A value table in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnumOp {
    /// (JSON text read, JSON text written, event when the row folds).
    pub rows: Vec<(Json, Json, Option<u16>)>,
    /// What any other value gives; `None` is a problem.
    pub unknown: Option<(Box<[u8]>, u16)>,
    /// Encode only: the raw sibling that may be given back.
    pub raw: Option<RawBack>,
}

/// A raw sibling (`{system, value}`): given back instead of a table's word while it still reads as
/// what is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RawBack {
    /// Its `system`.
    pub system: Ref,
    /// Its `value`.
    pub value: Ref,
    /// Ours, as JSON text.
    pub ours: Box<[u8]>,
    /// (dialect word, canonical word), every row that decodes.
    pub back: Vec<(Json, Json)>,
}
