//! The small parts: places, paths, keys, words of cells, constants.

use crate::json::place::{Hop, Place};
use crate::mapping::plan::{Test, Types};
use crate::syntax::fields::wrong_type;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, Value, closest};

use super::{Json, NULL, Only, Path, Within};

/// A place and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct PlaceText {
    pub(crate) place: Place,
    pub(crate) span: Span,
}

/// Reads a place.
pub(crate) fn place(node: &Node, d: &mut Diagnostics) -> Option<PlaceText> {
    let Some(text) = node.as_text() else {
        d.push(wrong_type(node, "a place is text such as `$.status`"));
        return None;
    };
    place_text(text, node.span, d)
}

/// Reads a place from text.
pub(crate) fn place_text(text: &str, span: Span, d: &mut Diagnostics) -> Option<PlaceText> {
    match text.parse() {
        Ok(place) => Some(PlaceText { place, span }),
        Err(why) => {
            let mut problem =
                Diagnostic::error(Code::BadPlace, span, format!("`{text}` is no place: {why}"));
            if !text.starts_with('$') {
                problem = problem.help(format!("did you mean `$.{text}`?"));
            }
            d.push(problem);
            None
        }
    }
}

/// Reads a path below something known: `type`, `actor.type`, also `$.actor.type`.
pub(crate) fn path_text(text: &str, span: Span, d: &mut Diagnostics) -> Option<Path> {
    let whole = if text.starts_with('$') { text.to_owned() } else { format!("$.{text}") };
    let read = place_text(&whole, span, d)?;
    if !read.place.root.is_empty() || read.place.hops.contains(&Hop::Each) {
        let message = format!("`{text}` must be a place of the element itself");
        d.push(Diagnostic::error(Code::BadPlace, span, message));
        return None;
    }
    Some(Path { hops: read.place.hops, span })
}

/// Reads such a path.
pub(crate) fn path(node: &Node, d: &mut Diagnostics) -> Option<Path> {
    let Some(text) = node.as_text() else {
        d.push(wrong_type(node, "a place of an element is text such as `type`"));
        return None;
    };
    path_text(text, node.span, d)
}

/// The way to a key: `meta.sender` is two steps, `.` is none.
pub(crate) fn key(text: &str) -> Vec<Box<str>> {
    if text == "." { Vec::new() } else { text.split('.').map(Into::into).collect() }
}

/// The value as JSON text.
pub(crate) fn json(node: &Node) -> Json {
    node.to_json().to_string().into_bytes().into()
}

/// A word as JSON text.
pub(crate) fn quoted(word: &str) -> Json {
    serde_json::Value::from(word).to_string().into_bytes().into()
}

/// A scalar as JSON text.
pub(crate) fn scalar(node: &Node, what: &str, d: &mut Diagnostics) -> Option<Json> {
    if matches!(node.value, Value::List(_) | Value::Map(_)) {
        d.push(wrong_type(node, &format!("{what} is a single value")));
        return None;
    }
    Some(json(node))
}

/// Reads the word of a test: `set`, `unset`, `empty`, `filled`, `absent`, `null`, `_`, a value, a list of values, or
/// `{ value: set }` for a value spelled like one of those words.
pub(crate) fn test(node: &Node, d: &mut Diagnostics) -> Option<Test> {
    Some(match &node.value {
        Value::Null => Test::Null,
        Value::Text(word) => match word.as_str() {
            "set" => Test::Set,
            "unset" => Test::Unset,
            "empty" => Test::Empty,
            "filled" => Test::Filled,
            "absent" => Test::Absent,
            "null" => Test::Null,
            "_" => Test::Any,
            _ => Test::Is(vec![json(node)]),
        },
        Value::List(items) => Test::Is(
            items.iter().map(|i| scalar(i, "a value of a test", d)).collect::<Option<_>>()?,
        ),
        Value::Map(entries) => match entries.as_slice() {
            [only] if only.key == "value" => Test::Is(vec![json(&only.value)]),
            _ => {
                d.push(wrong_type(node, "a test is a word, a value, or a list of values"));
                return None;
            }
        },
        _ => Test::Is(vec![json(node)]),
    })
}

/// `when`: tests of places.
pub(crate) fn tests(node: &Node, d: &mut Diagnostics) -> Option<Vec<(PlaceText, Test, Span)>> {
    let Some(entries) = node.as_map() else {
        d.push(wrong_type(node, "`when` is a map from places to words"));
        return None;
    };
    let mut tests = Vec::new();
    for entry in entries {
        let place = place_text(&entry.key, entry.key_span, d);
        let test = test(&entry.value, d);
        tests.push(place.zip(test).map(|(place, test)| (place, test, entry.value.span)));
    }
    tests.into_iter().collect()
}

/// `within: { otherwise: 100, most: 200 }`.
pub(crate) fn within(node: &Node, d: &mut Diagnostics) -> Option<Within> {
    let mut fields = Fields::of(node, "`within`", d)?;
    fields.required("otherwise");
    let otherwise = fields.count("otherwise");
    let most = fields.count("most");
    fields.finish();
    let number = |n: usize| u32::try_from(n).ok().filter(|n| *n > 0);
    let (otherwise, bound) = (otherwise.and_then(number), most.and_then(number));
    if otherwise.is_none()
        || bound.is_some() != most.is_some()
        || bound < otherwise && bound.is_some()
    {
        d.push(wrong_type(
            node,
            "`within` has `otherwise`, a whole number from 1, and `most`, which is no less",
        ));
        return None;
    }
    Some(Within { otherwise: otherwise?, most: bound, span: node.span })
}

/// `only: encode | decode`.
pub(crate) fn only(node: &Node, d: &mut Diagnostics) -> Option<Only> {
    match node.as_text() {
        Some("encode") => Some(Only::Encode),
        Some("decode") => Some(Only::Decode),
        other => {
            d.push(
                Diagnostic::error(Code::UnknownWord, node.span, "`only` is `encode` or `decode`")
                    .suggest(closest(other.unwrap_or_default(), ["encode", "decode"])),
            );
            None
        }
    }
}

/// Reads a list of the names of JSON types.
pub(crate) fn types(node: &Node, d: &mut Diagnostics) -> Types {
    const NAMES: [(&str, Types); 6] = [
        ("string", Types::STRING),
        ("integer", Types::INTEGER),
        ("number", Types::NUMBER),
        ("boolean", Types::BOOLEAN),
        ("object", Types::OBJECT),
        ("array", Types::LIST),
    ];
    let mut all = Types::default();
    let Some(items) = node.as_list() else {
        d.push(wrong_type(node, "`accept` is a list of types such as `[ integer ]`"));
        return all;
    };
    for item in items {
        let word = item.as_text().unwrap_or_default();
        match NAMES.iter().find(|(name, _)| *name == word) {
            Some((_, types)) => all = all.or(*types),
            None => d.push(
                Diagnostic::error(Code::UnknownWord, item.span, format!("`{word}` is no type"))
                    .suggest(closest(word, NAMES.iter().map(|(name, _)| *name))),
            ),
        }
    }
    all
}

/// Whether JSON text is null.
pub(crate) fn is_null(json: &[u8]) -> bool {
    json == NULL
}

/// The JSON type of a value.
pub(crate) fn type_of(json: &[u8]) -> Types {
    match json.first() {
        Some(b'"') => Types::STRING,
        Some(b'{') => Types::OBJECT,
        Some(b'[') => Types::LIST,
        Some(b't' | b'f') => Types::BOOLEAN,
        Some(b'n') | None => Types::default(),
        Some(_) if json.iter().any(|b| matches!(b, b'.' | b'e' | b'E')) => Types(4),
        Some(_) => Types::INTEGER,
    }
}

/// JSON text for messages: words without their quotes.
pub(crate) fn show(json: &[u8]) -> String {
    let text = String::from_utf8_lossy(json);
    text.trim_matches('"').to_owned()
}
