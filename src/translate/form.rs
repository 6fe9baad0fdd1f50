//! Forms as JSON: names with brackets (`a[b][]=c`) become objects and lists, and values are read as
//! the route's programs mean them. Below this a form is a body like any other.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode;

use crate::canonical::{Problem, ProblemCode};
use crate::dialect::form::Guide;
use crate::error::Error;
use crate::json::write;

/// Most values of one form.
pub const MOST_VALUES: usize = 1000;
/// Most brackets of one name.
pub const MOST_DEPTH: usize = 16;

/// `application/x-www-form-urlencoded` as JSON.
///
/// # Errors
/// 400 where it is none, or larger than is read.
pub fn urlencoded(body: &[u8], guide: &Guide) -> Result<Bytes, Error> {
    let mut form = Form::default();
    for pair in body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
        let end = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(end);
        let value = value.get(1..).unwrap_or_default();
        form.add(&unescaped(name)?, unescaped(value)?)?;
    }
    Ok(form.json(guide))
}

fn unescaped(text: &[u8]) -> Result<String, Error> {
    let spaced: Cow<'_, [u8]> = if text.contains(&b'+') {
        text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect()
    } else {
        text.into()
    };
    let decoded = percent_decode(&spaced).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| refuse("A form is UTF-8".to_owned()))
}

fn refuse(detail: String) -> Error {
    Problem::new(ProblemCode::BadRequest).detail(detail).into()
}

/// The values of a form, put together.
#[derive(Debug, Default)]
pub struct Form {
    values: usize,
    root: Vec<(String, Value)>,
}

#[derive(Debug)]
enum Value {
    Text(String),
    /// What stands for a file.
    Json(Bytes),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// One step of a name: `[key]`, or `[]`.
type Step<'n> = Option<&'n str>;

impl Form {
    /// Adds one value.
    ///
    /// # Errors
    /// 400 where the name is used in two ways, or there are too many.
    pub fn add(&mut self, name: &str, value: String) -> Result<(), Error> {
        self.put(name, Value::Text(value))
    }

    /// Adds what stands for a file.
    ///
    /// # Errors
    /// 400 where the name is used in two ways, or there are too many.
    pub fn add_json(&mut self, name: &str, json: Bytes) -> Result<(), Error> {
        self.put(name, Value::Json(json))
    }

    fn put(&mut self, name: &str, value: Value) -> Result<(), Error> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(refuse(format!("A form of more than {MOST_VALUES} values is not read")));
        }
        let (first, steps) = steps(name);
        if steps.len() > MOST_DEPTH {
            let detail = format!("A name of more than {MOST_DEPTH} brackets is not read");
            return Err(refuse(detail));
        }
        if first.is_empty() {
            return Ok(());
        }
        if put(&mut self.root, first, &steps, value) {
            return Ok(());
        }
        let name: String = name.chars().take(64).collect();
        Err(refuse(format!("`{name}` is used as a value and as something with members")))
    }

    /// A value that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.root.iter().find(|(known, _)| known == name)? {
            (_, Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The form as one JSON object.
    #[must_use]
    pub fn json(&self, guide: &Guide) -> Bytes {
        let mut out = Vec::new();
        write_object(&self.root, guide, &mut out);
        out.into()
    }
}

/// `a[b][]` is `a`, `b` and an element. What is no such name is a name as it stands.
fn steps(name: &str) -> (&str, Vec<Step<'_>>) {
    let Some((first, mut rest)) = name.find('[').map(|at| name.split_at(at)) else {
        return (name, Vec::new());
    };
    let mut steps = Vec::new();
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((step, after)) = inner.split_once(']') else { return (name, Vec::new()) };
        steps.push((!step.is_empty()).then_some(step));
        rest = after;
    }
    if first.is_empty() || !rest.is_empty() { (name, Vec::new()) } else { (first, steps) }
}

/// Puts a value into an object; `false` where something of another kind stands in the way.
fn put(members: &mut Vec<(String, Value)>, key: &str, steps: &[Step<'_>], value: Value) -> bool {
    match members.iter().position(|(known, _)| known == key) {
        Some(at) => members.get_mut(at).is_some_and(|(_, held)| put_in(held, steps, value)),
        None => {
            let mut made = empty(steps);
            let fits = put_in(&mut made, steps, value);
            members.push((key.to_owned(), made));
            fits
        }
    }
}

/// What the first of `steps` goes into.
fn empty(steps: &[Step<'_>]) -> Value {
    match steps.first() {
        None => Value::Text(String::new()),
        Some(None) => Value::List(Vec::new()),
        Some(Some(_)) => Value::Object(Vec::new()),
    }
}

fn put_in(held: &mut Value, steps: &[Step<'_>], value: Value) -> bool {
    match (held, steps.split_first()) {
        // The last one counts.
        (held @ (Value::Text(_) | Value::Json(_)), None) => {
            *held = value;
            true
        }
        (Value::Object(members), Some((Some(key), rest))) => put(members, key, rest, value),
        (Value::List(items), Some((None, rest))) => {
            // `a[][x]=1&a[][y]=2` is one element, until a name comes again.
            let last = items.last_mut().filter(|last| {
                matches!(last, Value::Object(_)) && !rest.is_empty() && !has(last, rest)
            });
            if let Some(last) = last {
                return put_in(last, rest, value);
            }
            let mut made = empty(rest);
            let fits = put_in(&mut made, rest, value);
            items.push(made);
            fits
        }
        _ => false,
    }
}

/// Whether something stands at the end of `steps`. A list has always room for more.
fn has(value: &Value, steps: &[Step<'_>]) -> bool {
    match (value, steps.split_first()) {
        (_, None) => true,
        (Value::Object(members), Some((Some(key), rest))) => {
            members.iter().find(|(known, _)| known == key).is_some_and(|(_, v)| has(v, rest))
        }
        (Value::List(_), Some((None, _))) => false,
        _ => true,
    }
}

fn write_value(value: &Value, guide: &Guide, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => out.extend_from_slice(&guide.reads.json(text)),
        Value::Json(json) => out.extend_from_slice(json),
        Value::List(items) => write_list(items.iter(), guide, out),
        // Some clients number the elements of a list: `a[0]=x&a[1]=y`.
        Value::Object(members) if guide.is_list() && members.iter().all(|(k, _)| is_index(k)) => {
            let mut items: Vec<(u32, &Value)> =
                members.iter().map(|(k, v)| (k.parse().unwrap_or(u32::MAX), v)).collect();
            items.sort_by_key(|(index, _)| *index);
            write_list(items.into_iter().map(|(_, item)| item), guide, out);
        }
        Value::Object(members) => write_object(members, guide, out),
    }
}

fn is_index(key: &str) -> bool {
    (1..=9).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_digit())
}

fn write_list<'v>(items: impl Iterator<Item = &'v Value>, guide: &Guide, out: &mut Vec<u8>) {
    let none = Guide::default();
    let inner = guide.elements.as_deref().unwrap_or(&none);
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_value(item, inner, out);
    }
    out.push(b']');
}

fn write_object(members: &[(String, Value)], guide: &Guide, out: &mut Vec<u8>) {
    let none = Guide::default();
    out.push(b'{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write::string(out, name);
        out.push(b':');
        write_value(value, guide.member(name).unwrap_or(&none), out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::form::Reads;
    use crate::mapping::plan::Types;

    fn guide() -> Guide {
        let of = |types| Guide { reads: Reads { types, words: Vec::new() }, ..Guide::default() };
        let mut list = of(Types::LIST);
        list.elements = Some(Box::new(of(Types::INTEGER)));
        Guide {
            members: vec![
                ("n".into(), of(Types::INTEGER)),
                ("raw".into(), of(Types::OBJECT.or(Types::LIST))),
                ("ids".into(), list),
            ],
            ..Guide::default()
        }
    }

    #[test]
    fn brackets_make_objects_and_lists() {
        for (body, json) in [
            ("", "{}"),
            ("a=1&b=x+y%20z%2B", r#"{"a":"1","b":"x y z+"}"#),
            ("a", r#"{"a":""}"#),
            ("a=1&a=2", r#"{"a":"2"}"#),
            ("a[b][c]=1&a[b][d]=2", r#"{"a":{"b":{"c":"1","d":"2"}}}"#),
            ("a%5Bb%5D=1", r#"{"a":{"b":"1"}}"#),
            ("a[]=1&a[]=2", r#"{"a":["1","2"]}"#),
            ("a[][x]=1&a[][y]=2&a[][x]=3", r#"{"a":[{"x":"1","y":"2"},{"x":"3"}]}"#),
            ("a[][x][]=1&a[][x][]=2", r#"{"a":[{"x":["1","2"]}]}"#),
            ("a[b=1&[c]=2&a]d=3&a[x]y=4", r#"{"a[b":"1","[c]":"2","a]d":"3","a[x]y":"4"}"#),
            ("=1&&b=", r#"{"b":""}"#),
            ("n=31&raw={\"a\":1}&ids[]=4&ids[]=x", r#"{"n":31,"raw":{"a":1},"ids":[4,"x"]}"#),
            ("ids[1]=8&ids[0]=7&raw[0]=x", r#"{"ids":[7,8],"raw":{"0":"x"}}"#),
            ("e=%F0%9F%91%8B%22%0A", "{\"e\":\"\u{1F44B}\\\"\\n\"}"),
        ] {
            let made = urlencoded(body.as_bytes(), &guide()).unwrap();
            assert_eq!(std::str::from_utf8(&made).unwrap(), json, "{body}");
        }
    }

    proptest::proptest! {
        /// Whatever is sent, what comes out is JSON: an object, and read alike by everybody.
        #[test]
        fn a_form_is_an_object_or_refused(body in r#"([ani][\[\]a0-9]{0,6}(=[a0-9{}"\\%+:\[\]]{0,6})?&){0,8}"#) {
            if let Ok(json) = urlencoded(body.as_bytes(), &guide()) {
                let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
                proptest::prop_assert!(value.is_object(), "{body}");
            }
        }
    }

    #[test]
    fn what_is_no_form_or_too_much_of_one_is_refused() {
        let deep = format!("a{}=1", "[b]".repeat(MOST_DEPTH + 1));
        let many = "a[]=1&".repeat(MOST_VALUES + 1);
        for body in ["a=1&a[b]=2", "a[b]=2&a=1", "a[]=1&a[b]=2", "a=%FF", &deep, &many] {
            let problem = urlencoded(body.as_bytes(), &guide()).unwrap_err().into_problem();
            assert_eq!(problem.code, ProblemCode::BadRequest, "{body:.40}");
            assert!(problem.detail.is_some(), "{body:.40}");
        }
        assert!(urlencoded("a[]=1&".repeat(MOST_VALUES).as_bytes(), &guide()).is_ok());
    }
}
