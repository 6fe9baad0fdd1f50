//! Sizes and times as operators write them: `256MiB`, `10s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes: `512`, `64KiB`, `256MiB`, `2GiB`; also `kB`, `MB`, `GB` of thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const BYTE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (digits, unit) = split(text)?;
        let factor = match unit {
            "" => 1,
            unit => BYTE_UNITS.iter().find(|(u, _)| *u == unit).map(|(_, n)| *n).ok_or(())?,
        };
        digits.checked_mul(factor).map(Self).ok_or(())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |n: u64| self.0 >= n && self.0.is_multiple_of(n);
        let unit = BYTE_UNITS.iter().take(3).find(|(_, n)| whole(*n)).copied();
        let (unit, factor) = unit.unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// A time with its unit: `500ms`, `10s`, `5m`, `1h`. A bare number is refused: nobody knows what it
/// means a year later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

const TIME_UNITS: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl FromStr for Time {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (digits, unit) = split(text)?;
        let factor = TIME_UNITS.iter().find(|(u, _)| *u == unit).map(|(_, n)| *n).ok_or(())?;
        digits.checked_mul(factor).map(|ms| Self(Duration::from_millis(ms))).ok_or(())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let whole = |n: u64| millis >= n && millis.is_multiple_of(n);
        let unit = TIME_UNITS.iter().find(|(_, n)| whole(*n)).copied();
        let (unit, factor) = unit.unwrap_or(("ms", 1));
        write!(f, "{}{unit}", millis / factor)
    }
}

/// A share: `20%`. Of what is said by the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u32);

impl FromStr for Percent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match split(text)? {
            (number @ 0..=100, "%") => u32::try_from(number).map(Self).map_err(|_| ()),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

fn split(text: &str) -> Result<(u64, &str), ()> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Ok((digits.parse().map_err(|_| ())?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_print_as_they_are_written() {
        for (text, bytes) in
            [("512", 512), ("64KiB", 65_536), ("256 MiB", 268_435_456), ("1kB", 1_000)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for bad in ["", "MiB", "1mib", "-1", "1.5MiB", "99999999999GiB", "1 M"] {
            assert_eq!(bad.parse::<ByteSize>(), Err(()), "{bad}");
        }
        for text in ["256MiB", "1000B", "3GiB", "0B"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn shares_are_of_a_hundred() {
        for text in ["0%", "20%", "100%"] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
        }
        for bad in ["20", "101%", "0.2", "%", "-1%", "20%%"] {
            assert_eq!(bad.parse::<Percent>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn times_must_have_units() {
        for (text, ms) in [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000)] {
            assert_eq!(text.parse(), Ok(Time(Duration::from_millis(ms))), "{text}");
        }
        for bad in ["10", "", "s", "1 day", "-1s", "1.5s", "10S"] {
            assert_eq!(bad.parse::<Time>(), Err(()), "{bad}");
        }
        for text in ["500ms", "90s", "2m", "1h", "0ms"] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
    }
}
