//! A moment in time: read from RFC 3339 and written as it, without a tree of types and without
//! memory of its own.

use crate::json::{text, write};

/// Seconds since 1970 and nanoseconds within the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) seconds: i64,
    pub(super) nanos: u32,
}

const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

impl Moment {
    /// A moment of the years 0 to 9999.
    pub(super) fn new(seconds: i64, nanos: u32) -> Option<Self> {
        (FIRST..=LAST).contains(&seconds).then_some(Self { seconds, nanos })
    }

    /// Reads a token that is RFC 3339. With escape sequences in it, it is decoded first.
    pub(super) fn of(token: &str) -> Option<Self> {
        let content = text::content(token).and_then(Self::parse);
        content.or_else(|| Self::parse(&text::decode(token)))
    }

    /// Reads RFC 3339. Beyond nanoseconds is cut; a leap second is the first of the next minute.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        let mark = |at: usize, byte: u8| (b.get(at) == Some(&byte)).then_some(());
        let days = parse_date(text)?;
        if !matches!(b.get(10), Some(b'T' | b't' | b' ')) {
            return None;
        }
        mark(13, b':').and(mark(16, b':'))?;
        let (hour, minute, second) = (two(b, 11)?, two(b, 14)?, two(b, 17)?);
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut at = 19;
        let mut nanos = 0;
        if b.get(at) == Some(&b'.') {
            at += 1;
            let start = at;
            let mut unit = 100_000_000;
            while let Some(digit) = b.get(at).filter(|b| b.is_ascii_digit()) {
                nanos += u32::from(digit - b'0') * unit;
                unit /= 10;
                at += 1;
            }
            if at == start {
                return None;
            }
        }
        let offset = match b.get(at)? {
            b'Z' | b'z' if b.len() == at + 1 => 0,
            sign @ (b'+' | b'-') if b.len() == at + 6 && b.get(at + 3) == Some(&b':') => {
                let (hours, minutes) = (two(b, at + 1)?, two(b, at + 4)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                (hours * 3600 + minutes * 60) * if *sign == b'+' { 1 } else { -1 }
            }
            _ => return None,
        };
        Self::new(days * 86_400 + hour * 3600 + minute * 60 + second - offset, nanos)
    }

    /// Writes RFC 3339 in UTC with so many digits of a second (9 at most); what is finer is cut.
    pub(super) fn print(self, digits: u32, out: &mut Vec<u8>) {
        let (days, rest) = (self.seconds.div_euclid(86_400), self.seconds.rem_euclid(86_400));
        print_date(days, out);
        for (mark, number) in [(b'T', rest / 3600), (b':', rest / 60 % 60), (b':', rest % 60)] {
            out.push(mark);
            padded(out, number, 2);
        }
        if digits > 0 {
            out.push(b'.');
            let unit = 10_u32.pow(9_u32.saturating_sub(digits));
            padded(out, i64::from(self.nanos / unit), digits as usize);
        }
        out.push(b'Z');
    }
}

/// Days since 1970 of a text that begins with `YYYY-MM-DD`.
pub(super) fn parse_date(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    if b.get(4) != Some(&b'-') || b.get(7) != Some(&b'-') {
        return None;
    }
    let (year, month, day) = (two(b, 0)? * 100 + two(b, 2)?, two(b, 5)?, two(b, 8)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > longest {
        return None;
    }
    // Years begin in March here, so that the day that comes and goes is the last one.
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Writes `YYYY-MM-DD`.
fn print_date(days: i64, out: &mut Vec<u8>) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    padded(out, era * 400 + year + i64::from(month <= 2), 4);
    out.push(b'-');
    padded(out, month, 2);
    out.push(b'-');
    padded(out, of_year - (153 * march + 2) / 5 + 1, 2);
}

fn padded(out: &mut Vec<u8>, number: i64, width: usize) {
    let mut bound = 1;
    for _ in 1..width {
        bound *= 10;
        if number < bound {
            // One zero for each place that the number does not reach.
            let missing = (number.max(1).ilog10() as usize + 1).min(width);
            out.extend(std::iter::repeat_n(b'0', width - missing));
            break;
        }
    }
    write::integer(out, number);
}

fn two(bytes: &[u8], at: usize) -> Option<i64> {
    let digit =
        |at: usize| bytes.get(at).filter(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0'));
    Some(digit(at)? * 10 + digit(at + 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read_strictly() {
        let at = |text| Moment::parse(text).map(|m| (m.seconds, m.nanos));
        assert_eq!(at("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(at("2024-02-29T23:59:60.5+01:30"), Some((1_709_245_800, 500_000_000)));
        assert_eq!(at("1969-12-31T23:59:59.999999999999z"), Some((-1, 999_999_999)));
        for wrong in [
            "",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:61Z",
            "2024-00-01T00:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00Zx",
            "2024-01-00T00:00:00Z",
            "2024-1-01T00:00:00Z",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "éééé-01-01T00:00:00Z",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_the_same_however_it_is_spelled() {
        let at = Moment::parse("2024-02-29T23:59:59.5Z");
        assert!(at.is_some());
        for token in [r#""2024-02-29T23:59:59.5Z""#, r#""2024-02-29T23:59:59.5\u005a""#] {
            assert_eq!(Moment::of(token), at, "{token}");
        }
        assert_eq!((Moment::of("2024"), Moment::of("\"\\u005a\"")), (None, None));
    }

    proptest! {
        #[test]
        fn moments_agree_with_jiff(seconds in FIRST..=LAST, nanos in 0_u32..1_000_000_000) {
            let moment = Moment::new(seconds, nanos).unwrap();
            let mut out = Vec::new();
            moment.print(9, &mut out);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(Moment::parse(&text), Some(moment));
            let theirs: Result<jiff::Timestamp, _> = text.parse();
            if let Ok(theirs) = theirs {
                prop_assert_eq!(theirs.as_nanosecond(), i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
            }
        }
    }
}
