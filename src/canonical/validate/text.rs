//! What a text must be: listed words, length, pattern, format.

use std::borrow::Cow;

use crate::canonical::contract::StringKind;
use crate::json::text::{content, decode, length};
use crate::syntax::closest;

/// What is wrong with the text that `token` means: code and detail.
pub(super) fn check(
    kind: &StringKind,
    name: Option<&str>,
    token: &str,
) -> Option<(&'static str, Cow<'static, str>)> {
    if let Some(words) = &kind.words {
        let text = decode(token);
        if words.iter().any(|w| **w == *text) {
            return None;
        }
        let words: Vec<&str> = words.iter().map(|w| &**w).collect();
        return Some(("invalid", one_of(&words, &text).into()));
    }
    if !fits(kind, token) {
        let length = u32::try_from(length(token)).unwrap_or(u32::MAX);
        if length < kind.min {
            let detail = if length == 0 {
                Cow::Borrowed("must not be empty")
            } else {
                format!("must have at least {} characters", kind.min).into()
            };
            return Some(("too_short", detail));
        }
        if let Some(max) = kind.max.filter(|max| length > *max) {
            return Some(("too_long", format!("must have at most {max} characters").into()));
        }
    }
    if kind.format.is_none() && kind.pattern.is_none() {
        return None;
    }
    let text = decode(token);
    let shaped = kind.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&text));
    let (formed, detail) = match kind.format.as_deref() {
        Some("date-time") => (date_time(&text), "must be a time such as 2026-03-04T09:15:30.000Z"),
        Some("date") => (date(&text), "must be a date such as 2026-03-04"),
        Some("uuid") => (uuid(&text), "must be a UUID"),
        Some("uri") => (uri(&text), "must be an address with its scheme"),
        Some("uri-reference") => (plain(&text), "must be an address"),
        _ => (true, ""),
    };
    if shaped && formed {
        return None;
    }
    let detail = match name {
        Some("IdRef" | "NullableIdRef") => {
            Cow::Borrowed("must be an id, or a name such as n:5, u:UUID or x:SYSTEM:ID")
        }
        Some("Id" | "NullableId") => {
            Cow::Borrowed("must be an id: 1 to 255 letters, digits, _ and -")
        }
        _ if !detail.is_empty() => Cow::Borrowed(detail),
        _ => kind
            .pattern
            .as_ref()
            .map_or(Cow::Borrowed(""), |pattern| format!("must match {}", pattern.as_str()).into()),
    };
    Some(("invalid", detail))
}

/// Whether a text is of a length that is allowed, as far as can be said without counting: it has no
/// more characters than bytes, and no fewer than a twelfth of them, which is two escapes for one.
fn fits(kind: &StringKind, token: &str) -> bool {
    let bytes = content(token).map_or(0, str::len);
    let fewest = u32::try_from(bytes.div_ceil(12)).unwrap_or(u32::MAX);
    kind.min <= fewest && kind.max.is_none_or(|max| bytes <= max as usize)
}

/// "must be one of a, b, c", and the one that was perhaps meant.
pub(super) fn one_of(words: &[&str], text: &str) -> String {
    let mut detail = match words {
        [only] => format!("must be {only}"),
        _ => format!("must be one of {}", words.join(", ")),
    };
    if let Some(near) = closest(text, words.iter().copied()) {
        detail.push_str(&format!("; did you mean `{near}`?"));
    }
    detail
}

/// RFC 3339; a leap second is none of ours, since no clock that stores it could give it back.
fn date_time(text: &str) -> bool {
    let Some((day, time)) = text.split_at_checked(10) else { return false };
    let Some(time) = time.strip_prefix(['T', 't']) else { return false };
    let Some((clock, rest)) = time.split_at_checked(8) else { return false };
    let mut parts = clock.split(':');
    let mut part = |below: u32| parts.next().and_then(two_digits).is_some_and(|n| n < below);
    if !(date(day) && part(24) && part(60) && part(60) && parts.next().is_none()) {
        return false;
    }
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    match zone.strip_prefix(['+', '-']) {
        None => matches!(zone, "Z" | "z"),
        Some(offset) => offset.split_once(':').is_some_and(|(hours, minutes)| {
            two_digits(hours).is_some_and(|n| n < 24) && two_digits(minutes).is_some_and(|n| n < 60)
        }),
    }
}

fn date(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) =
        (digits(year, 4), two_digits(month), two_digits(day))
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

fn two_digits(text: &str) -> Option<u32> {
    digits(text, 2)
}

fn digits(text: &str, count: usize) -> Option<u32> {
    let all = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

fn uuid(text: &str) -> bool {
    let mut lengths = [8, 4, 4, 4, 12].into_iter();
    let mut groups = text.split('-');
    lengths.all(|length| {
        groups.next().is_some_and(|g| g.len() == length && g.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && groups.next().is_none()
}

fn uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let follows = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(follows)
        && !rest.is_empty()
        && plain(rest)
}

fn plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}
