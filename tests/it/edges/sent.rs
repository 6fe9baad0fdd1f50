//! Edge cases of what clients send: each awkward value stands in a request of an example, and in the call
//! that is made of it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::shown::{Example, numbers, texts};
use super::{EXACT, TEXTS, list, text};

/// What `edges.yaml` calls them.
const NULL: &str = "null";
const EMPTY: &str = "empty";
const WIDE: &str = "wide";
const TEXT: &str = "text";

/// What is not shown of a record that a dialect's clients write: `by` names the routes that take it.
pub(super) fn gaps(said: &Value, examples: &[Example]) -> Vec<String> {
    let routes = list(&said["by"]);
    let mut excused = BTreeSet::new();
    for never in said["never"].as_array().into_iter().flatten() {
        assert!(text(&never["why"]).len() > 20, "{never} gives no reason");
        for what in list(&never["what"]) {
            assert!([NULL, EMPTY, WIDE, TEXT].contains(&what.as_str()), "nothing is called {what}");
            excused.insert(what);
        }
    }
    let asked = |example: &&Example| example.status < 400 && routes.contains(&example.route);
    let asked: Vec<&Example> = examples.iter().filter(asked).collect();
    let unknown = routes.iter().filter(|route| !examples.iter().any(|e| e.route == **route));
    let mut gaps: Vec<String> = unknown.map(|route| format!("no example is of {route}")).collect();
    let mut due = |what: &str, name: &str, is_there: bool| match excused.contains(what) {
        true if is_there && what != TEXT => gaps.push(format!("{name} is sent, and excused")),
        false if !is_there => gaps.push(format!("no example sends {name}")),
        _ => {}
    };
    for (name, holds) in TEXTS {
        let same = |example: &&Example| {
            let called: Vec<&str> = example.called.iter().flat_map(texts).collect();
            texts(&example.sent).into_iter().any(|text| holds(text) && called.contains(&text))
        };
        due(TEXT, &format!("a text {name}"), asked.iter().any(same));
    }
    let wide = |example: &&Example| {
        let called: Vec<String> = example.called.iter().flat_map(numbers).collect();
        let wide = |number: &String| number.parse::<u64>().is_ok_and(|number| number > EXACT);
        numbers(&example.sent).iter().any(|number| wide(number) && called.contains(number))
    };
    due(WIDE, "a number of 64 bits", asked.iter().any(wide));
    let sends = |holds: fn(&Value) -> bool| {
        let body = |value: &Value| !value.is_null() && any(value, holds);
        asked.iter().any(|example| body(&example.sent) && example.called.iter().any(body))
    };
    due(NULL, "a null", sends(Value::is_null));
    due(EMPTY, "an empty list or object", sends(is_empty));
    gaps
}

/// Whether one of the values below holds.
fn any(value: &Value, holds: fn(&Value) -> bool) -> bool {
    let below = match value {
        Value::Array(items) => items.iter().any(|item| any(item, holds)),
        Value::Object(members) => members.values().any(|member| any(member, holds)),
        _ => false,
    };
    below || holds(value)
}

pub(super) fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}
