use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::canonical::contract::tests::embedded;
use crate::json::scan;

const EXAMPLE: &str = include_str!("../../../mappings/canonical/examples/conversation.full.json");

fn faults_of(schema: &str, value: &Value) -> Vec<Violation> {
    let contract = embedded();
    let mut faults = Vec::new();
    let id = contract.schema_named(schema).unwrap();
    validate(&contract, id, value.to_string().as_bytes(), &mut faults);
    faults
}

fn body_faults(operation: &str, text: &str) -> Vec<(String, &'static str, String)> {
    let contract = embedded();
    let mut faults = Vec::new();
    let operation = contract.operation(operation).unwrap();
    validate_body(&contract, operation, text.as_bytes(), &mut faults);
    faults.into_iter().map(|f| (f.pointer, f.code, f.detail)).collect()
}

#[test]
fn a_conversation_with_everything_in_it_is_valid() {
    let contract = embedded();
    let mut faults = Vec::new();
    let id = contract.schema_named("Conversation").unwrap();
    validate(&contract, id, EXAMPLE.as_bytes(), &mut faults);
    assert_eq!(faults, []);
}

/// Every member that any schema of the conversation has stands in the example, so that the test
/// above speaks about all of them.
#[test]
fn the_example_leaves_no_member_out() {
    fn missing(contract: &Contract, id: SchemaId, value: &Value, at: &str, out: &mut Vec<String>) {
        match (&contract.schema(id).kind, value) {
            (Kind::Object { properties, .. }, Value::Object(members)) => {
                for property in properties {
                    let at = format!("{at}/{}", property.name);
                    match members.get(&*property.name) {
                        Some(value) => missing(contract, property.schema, value, &at, out),
                        // What is embedded in something embedded is asked of that itself.
                        None if property.include.is_some() && at.matches('/').count() > 1 => {}
                        None => out.push(at),
                    }
                }
            }
            (Kind::List { items, .. }, Value::Array(elements)) => {
                for element in elements {
                    missing(contract, *items, element, &format!("{at}/*"), out);
                }
            }
            (Kind::Union(_), _) => {
                let word = value["type"].as_str().unwrap();
                let alternative = contract.alternative(id, word).unwrap();
                missing(contract, alternative, value, &format!("{at}<{word}>"), out);
            }
            _ => {}
        }
    }
    let contract = embedded();
    let value: Value = serde_json::from_str(EXAMPLE).unwrap();
    let mut out = Vec::new();
    missing(&contract, contract.schema_named("Conversation").unwrap(), &value, "", &mut out);
    // Optional members that stand in another object of the same schema.
    out.retain(|at| !at.ends_with("/type_raw") && !at.ends_with("<text>/format"));
    assert_eq!(out, Vec::<String>::new());
}

#[test]
fn a_filter_is_told_by_its_members() {
    let faults = |filter: Value| {
        let body = json!({"filter": filter}).to_string();
        body_faults("conversations.search", &body)
            .into_iter()
            .map(|(pointer, code, _)| (pointer, code))
            .collect::<Vec<_>>()
    };
    let leaf = json!({"field": "status", "cmp": "in", "value": ["open"]});
    assert_eq!(
        faults(json!({"op": "or", "filters": [leaf, {"op": "not", "filters": [leaf]}]})),
        []
    );
    let at = |pointer: &str, code| vec![(pointer.to_owned(), code)];
    assert_eq!(faults(json!({})), at("/filter", "required"));
    assert_eq!(faults(json!({"value": 1})), at("/filter", "required"));
    assert_eq!(faults(json!({"field": "status"})), at("/filter/cmp", "required"));
    assert_eq!(
        faults(json!({"op": "and", "filters": [leaf, {"field": "a", "cmp": "like"}]})),
        at("/filter/filters/1/cmp", "invalid")
    );
    assert_eq!(
        faults(json!({"op": "and", "filters": [], "cmp": "eq"})),
        at("/filter/cmp", "unknown")
    );
}

#[test]
fn what_is_broken_is_named_with_its_place() {
    let good: Value = serde_json::from_str(EXAMPLE).unwrap();
    type Break = fn(&mut Value);
    let cases: &[(&str, &str, Break)] = &[
        ("/id", "invalid", |c| c["id"] = json!("has space")),
        ("/number", "too_small", |c| c["number"] = json!(0)),
        ("/number", "too_large", |c| c["number"] = json!(9_007_199_254_740_992_u64)),
        ("/number", "too_large", |c| {
            c["number"] = serde_json::from_str("18446744073709551615").unwrap()
        }),
        ("/number", "wrong_type", |c| c["number"] = json!("418")),
        ("/number", "wrong_type", |c| c["number"] = json!(418.5)),
        ("/uuid", "invalid", |c| c["uuid"] = json!("0f6d9c0e-1c5a-4c53-8d5e-5b8d1f1f7a1")),
        ("/uuid", "required", |c| drop(c.as_object_mut().unwrap().remove("uuid"))),
        ("/status", "invalid", |c| c["status"] = json!("opne")),
        ("/status", "wrong_type", |c| c["status"] = json!(null)),
        ("/colour", "unknown", |c| c["colour"] = json!(1)),
        ("/created_at", "invalid", |c| c["created_at"] = json!("2026-03-02T08:15:27Z")),
        ("/created_at", "invalid", |c| c["created_at"] = json!("2026-02-29T08:15:27.000Z")),
        ("/created_at", "invalid", |c| c["created_at"] = json!("2026-02-28T24:15:27.000Z")),
        ("/contact/date_of_birth", "invalid", |c| {
            c["contact"]["date_of_birth"] = json!("1983-02-29")
        }),
        ("/labels/1", "duplicate", |c| c["labels"] = json!(["a", "a"])),
        ("/labels/0", "too_short", |c| c["labels"] = json!([""])),
        ("/labels/0", "too_long", |c| c["labels"] = json!(["é".repeat(256)])),
        ("/labels", "wrong_type", |c| c["labels"] = json!({})),
        ("/url", "invalid", |c| c["url"] = json!("no address")),
        ("/muted", "wrong_type", |c| c["muted"] = json!("true")),
        ("/unread_count", "too_small", |c| c["unread_count"] = json!(-1)),
        ("/snooze/until", "invalid", |c| c["snooze"]["until"] = json!("soon")),
        ("/snooze/wake_on_reply", "required", |c| {
            drop(c["snooze"].as_object_mut().unwrap().remove("wake_on_reply"))
        }),
        ("/status_raw/value", "wrong_type", |c| c["status_raw"]["value"] = json!([])),
        ("/extensions/zendesk", "wrong_type", |c| c["extensions"]["zendesk"] = json!("x")),
        ("/messages/0/blocks/1/type", "invalid", |c| {
            c["messages"][0]["blocks"][1]["type"] = json!("imgae")
        }),
        ("/messages/0/blocks/1/type", "required", |c| {
            drop(c["messages"][0]["blocks"][1].as_object_mut().unwrap().remove("type"))
        }),
        ("/messages/0/blocks/1/text", "unknown", |c| {
            c["messages"][0]["blocks"][1]["text"] = json!("x")
        }),
        ("/messages/0/blocks/1", "wrong_type", |c| c["messages"][0]["blocks"][1] = json!(null)),
        ("/messages/0/blocks/2/latitude", "too_large", |c| {
            c["messages"][0]["blocks"][2]["latitude"] = json!(90.5)
        }),
        ("/messages/0/blocks/9/rating/value", "too_small", |c| {
            c["messages"][0]["blocks"][9]["rating"]["value"] = json!(0)
        }),
        ("/messages", "too_many", |c| {
            let message = c["messages"][1].clone();
            c["messages"] = vec![message; 1001].into();
        }),
        ("/assignee/role", "invalid", |c| c["assignee"]["role"] = json!("boss")),
        ("/inbox/working_hours/0/intervals/0/start", "invalid", |c| {
            c["inbox"]["working_hours"][0]["intervals"][0]["start"] = json!("24:00");
        }),
        ("", "wrong_type", |c| *c = json!([])),
    ];
    for (pointer, code, spoil) in cases {
        let mut broken = good.clone();
        spoil(&mut broken);
        let faults = faults_of("Conversation", &broken);
        let found: Vec<_> = faults.iter().map(|f| (f.pointer.as_str(), f.code)).collect();
        assert_eq!(found, [(*pointer, *code)], "{faults:?}");
        assert!(!faults[0].detail.is_empty());
    }
}

#[test]
fn details_say_what_to_do() {
    assert_eq!(
        body_faults("conversations.update", r#"{"status":"opne","asignee_id":"n:2"}"#),
        [
            (
                "/status".to_owned(),
                "invalid",
                "must be one of open, pending, snoozed, resolved, closed; did you mean `open`?"
                    .to_owned()
            ),
            (
                "/asignee_id".to_owned(),
                "unknown",
                "is not known here; did you mean `assignee_id`?".to_owned()
            ),
        ]
    );
}

#[test]
fn a_body_takes_what_may_be_written_and_a_patch_requires_nothing() {
    let patch = |text| body_faults("conversations.update", text);
    let codes = |found: Vec<(String, &'static str, String)>| -> Vec<(String, &'static str)> {
        found.into_iter().map(|(pointer, code, _)| (pointer, code)).collect()
    };
    assert_eq!(patch(r#"{"snooze":{"until":"2099-01-04T09:00:00.000Z"}}"#), []);
    assert_eq!(
        patch(r#"{"snooze":null,"assignee_id":null,"team_id":"n:4","contact_id":"x:zendesk:1"}"#),
        []
    );
    assert_eq!(
        codes(patch(r#"{"id":"cnv_1","unread_count":0}"#)),
        [("/id".into(), "read_only"), ("/unread_count".into(), "read_only")]
    );
    assert_eq!(
        codes(patch(r#"{"snooze":{"set_at":null}}"#)),
        [("/snooze/set_at".into(), "read_only")]
    );
    assert_eq!(codes(patch(r#"{"snooze":{"id":"x"}}"#)), [("/snooze/id".into(), "unknown")]);
    assert_eq!(codes(patch(r#"{"assignee_id":"n:0"}"#)), [("/assignee_id".into(), "invalid")]);
    assert_eq!(
        codes(patch(r#"{"status":"open","status":"open"}"#)),
        [("/status".into(), "duplicate")]
    );
    assert_eq!(
        codes(patch(r#"{"st\u0061tus":"\u006fpen","a/b~":1}"#)),
        [("/a~1b~0".into(), "unknown")]
    );
    assert_eq!(codes(patch("{}")), [(String::new(), "required")]);
    assert_eq!(codes(patch("[]")), [(String::new(), "wrong_type")]);
    assert_eq!(codes(patch("")), [(String::new(), "required")]);
    let create = |text| codes(body_faults("messages.create", text));
    assert_eq!(create(r#"{"text":"hello","author":{"type":"agent","id":"n:2"}}"#), []);
    assert_eq!(create(r#"{"author":{"id":"n:2"}}"#), [("/author/type".into(), "required")]);
    assert_eq!(
        create(r#"{"blocks":[{"type":"text"}],"kind":"activity"}"#),
        [("/blocks/0/text".into(), "required"), ("/kind".into(), "invalid")]
    );
}

#[test]
fn the_schemas_examples_are_valid() {
    let document = include_str!("../../../mappings/canonical/openapi.yaml");
    let mut sources = crate::syntax::Sources::default();
    let id = sources.add("openapi.yaml", document);
    let node =
        crate::syntax::yaml::parse(&sources, id, crate::syntax::yaml::CONTRACT_NODES).unwrap();
    let schemas = node.get("components").and_then(|c| c.get("schemas")).unwrap();
    let mut count = 0;
    for entry in schemas.as_map().unwrap() {
        for example in entry.value.get("examples").and_then(|e| e.as_list()).unwrap_or_default() {
            let faults = faults_of(&entry.key, &example.to_json());
            // Examples of a patch leave out what a patch may leave out.
            let real: Vec<_> = faults
                .iter()
                .filter(|f| !(entry.key.ends_with("Update") && f.code == "required"))
                .collect();
            assert!(real.is_empty(), "{}: {real:?}", entry.key);
            count += 1;
        }
    }
    assert!(count > 5);
}

#[test]
fn parameters_are_checked_as_texts() {
    let contract = embedded();
    let get = contract.get(contract.operation("conversations.get").unwrap());
    let check = |name: &str, value: &str| {
        let position = usize::from(get.parameter(name).unwrap());
        parameter(&contract, &get.parameters[position], value).map_err(|v| v.code)
    };
    assert_eq!(check("messages_limit", "1000"), Ok(()));
    assert_eq!(check("messages_limit", "1001"), Err("too_large"));
    assert_eq!(check("messages_limit", "many"), Err("wrong_type"));
    assert_eq!(check("messages_limit", "\"1\""), Err("wrong_type"));
    assert_eq!(check("include", "contact"), Ok(()));
    assert_eq!(check("include", "contacts"), Err("invalid"));
    assert_eq!(check("conversation_id", "n:1"), Ok(()));
    assert_eq!(check("conversation_id", "a b\""), Err("invalid"));
}

#[test]
fn there_are_never_more_than_32_faults() {
    let many: Value =
        (0..100).map(|n| (format!("x{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(faults_of("Conversation", &many).len(), MOST_FAULTS);
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("type".to_owned()),
        Just("id".to_owned()),
        Just("status".to_owned()),
        Just("blocks".to_owned()),
        Just("snooze".to_owned()),
        Just("text".to_owned()),
        ".{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|m| m.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    /// Nothing panics, faults are bounded, and every pointer names something or a missing member.
    #[test]
    fn any_json_is_judged(value in any_json()) {
        let contract = embedded();
        let text = value.to_string();
        for name in contract.schema_names() {
            let mut faults = Vec::new();
            validate(&contract, contract.schema_named(name).unwrap(), text.as_bytes(), &mut faults);
            prop_assert!(faults.len() <= MOST_FAULTS);
            for fault in faults {
                let place = if fault.code == "required" && value.pointer(&fault.pointer).is_none() {
                    fault.pointer.rsplit_once('/').unwrap_or_default().0
                } else {
                    &fault.pointer
                };
                prop_assert!(value.pointer(place).is_some(), "{fault:?}");
            }
        }
    }

    /// Text that is no JSON at all is judged without a panic too.
    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[\\[\\]{}\",:a1\\\\ue.-]{0,40}") {
        let contract = embedded();
        for input in [bytes.as_slice(), text.as_bytes()] {
            for name in ["Conversation", "Block", "MessageCreate", "Timestamp", "Number"] {
                let mut faults = Vec::new();
                validate(&contract, contract.schema_named(name).unwrap(), input, &mut faults);
                prop_assert!(faults.len() <= MOST_FAULTS);
            }
        }
        let _ = scan::validate(text.as_bytes(), scan::Limits::default());
    }
}
