//! What came out against what was written.

use http::HeaderMap;

use crate::syntax::{Code, Diagnostic, Diagnostics, Span};

use super::file::{Body, Example, Written};

/// Compares an answer.
pub(super) fn reply(
    example: &Example,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    found: &mut Diagnostics,
) {
    if status != example.status {
        let got = String::from_utf8_lossy(body);
        found.push(
            mismatch(
                example.status_span,
                format!("the answer is {status}, not {}", example.status),
            )
            .help(format!("the body that came: {}", short(&got))),
        );
    }
    for (name, value, span) in &example.reply_headers {
        let got = headers.get(name).map_or("", |v| v.to_str().unwrap_or_default());
        if got != value {
            found.push(mismatch(*span, format!("the header `{name}` is `{got}`")));
        }
    }
    let got = String::from_utf8_lossy(body);
    match &example.reply {
        Body::Json(expected) => json("the answer", expected, &got, found),
        Body::Bytes(expected, span) if *expected != got => {
            found.push(mismatch(*span, "the answer has other bytes".to_owned()).help(short(&got)));
        }
        Body::Empty(span) if !body.is_empty() => {
            found.push(mismatch(*span, "the answer has a body".to_owned()).help(short(&got)));
        }
        Body::Shows(texts, _) => {
            let mut rest = &*got;
            for (text, span) in texts {
                match rest.find(text.as_str()) {
                    Some(at) => rest = rest.get(at + text.len()..).unwrap_or_default(),
                    None => found.push(mismatch(*span, "the page does not show this here".into())),
                }
            }
        }
        Body::Bytes(..) | Body::Empty(_) => {}
    }
}

/// Compares JSON texts, white space between tokens aside; shows the first difference.
pub(super) fn json(what: &str, written: &Written, got: &str, found: &mut Diagnostics) {
    let (expected, got) = (compact(&written.text), compact(got));
    if expected == got {
        return;
    }
    let same = expected.bytes().zip(got.bytes()).take_while(|(a, b)| a == b).count();
    // From the beginning of the line of the object that differs, more or less.
    let around = |text: &str| {
        let from = (0..=same.min(text.len())).rev().find(|i| text.is_char_boundary(*i));
        let from = from.unwrap_or(0).saturating_sub(40);
        let from = (from..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let mark = if from > 0 { "…" } else { "" };
        format!("{mark}{}", short(text.get(from..).unwrap_or_default()))
    };
    let (span, label) = match place(&written.source, &expected, same) {
        Some((from, to)) => (written.span.part(from, to), "differs here"),
        None => (written.span, ""),
    };
    found.push(
        mismatch(span, format!("{what} differs from what is written here"))
            .label(label)
            .help(format!("written: {}\ncame:    {}", around(&expected), around(&got))),
    );
}

/// Where in `source`, which reads as `expected` but for its white space, the token stands that has
/// the byte `at`.
fn place(source: &str, expected: &str, at: usize) -> Option<(usize, usize)> {
    if compact(source) != expected {
        return None;
    }
    let (mut seen, mut inside, mut escaped, mut start) = (0, false, false, None);
    for (offset, c) in source.char_indices() {
        let structure = !inside && matches!(c, ',' | ':' | '{' | '}' | '[' | ']');
        if structure || (!inside && c.is_ascii_whitespace()) {
            match start.take() {
                Some(from) if seen > at => return Some((from, offset)),
                _ => {}
            }
            if structure {
                if seen == at {
                    return Some((offset, offset + 1));
                }
                seen += 1;
            }
            continue;
        }
        start = start.or(Some(offset));
        if inside {
            inside = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else {
            inside = c == '"';
        }
        seen += c.len_utf8();
    }
    start.filter(|_| seen > at).map(|from| (from, source.len()))
}

fn mismatch(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(Code::ExampleMismatch, span, message)
}

fn short(text: &str) -> String {
    let mut cut: String = text.chars().take(160).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// Without the white space between tokens. Numbers, escapes and the order of keys stay as they are.
fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        if inside {
            inside = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            inside = c == '"';
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{compact, place};

    #[test]
    fn only_white_space_between_tokens_goes() {
        assert_eq!(compact("{ \"a b\\\" \" : [ 1.10 ,\n 2 ] }"), "{\"a b\\\" \":[1.10,2]}");
    }

    #[test]
    fn the_token_that_differs_is_found_in_the_file() {
        let source = "{ \"a\": [ 1.10,\n      2 ],\n      \"b\": \"x, y\" }";
        let expected = compact(source);
        let at = |part: &str| {
            let (from, to) = place(source, &expected, expected.find(part).unwrap()).unwrap();
            &source[from..to]
        };
        assert_eq!(at("10"), "1.10");
        assert_eq!(at("2"), "2");
        assert_eq!(at("b"), "\"b\"");
        assert_eq!(at("y"), "\"x, y\"");
        assert_eq!(at("}"), "}");
        assert_eq!(place("{ file: x.json }", &expected, 3), None);
    }
}
