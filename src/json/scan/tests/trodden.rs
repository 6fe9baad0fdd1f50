//! Objects that are as those before them are passed by what is remembered of these, and give the slots
//! that they give when each is looked at by itself.

use proptest::prelude::*;

use crate::json::scan::*;
use crate::json::shape::{Elements, Member};

/// Some differ but in the middle, in the first letter or in length, and some are too long.
const NAMES: &[&str] = &[
    "id",
    "ix",
    "i",
    "",
    "status",
    "fourteen_bytes",
    "fifteen_bytes_x",
    "a_name_longer_than_sixteen",
    "b_name_longer_than_sixteen",
    "a_name_lOnger_than_sixteen",
    "a_name_of_thirty_bytes_and_not",
    "a_name_that_is_longer_than_can_be_remembered",
    "list",
    "one",
    "nobodys",
];
const VALUES: &[&str] =
    &["1", "null", "\"some text, {not} short\"", "[]", "{}", "[1]", "[[1],{}]", "{\"id\":[2,{}]}"];

/// Asks for most of the names, and for lists and objects in them.
fn shape() -> Shape {
    let mut shape = Shape::default();
    let (list, one) = (shape.add(), shape.add());
    let wanted = NAMES.iter().filter(|name| !name.starts_with("nobodys") && **name != "ix");
    let members = (1..).zip(wanted).map(|(slot, name)| Member {
        name: (*name).into(),
        slot,
        node: match *name {
            "list" => Some(list),
            "one" => Some(one),
            _ => None,
        },
    });
    let node = shape.node_mut(list).unwrap();
    node.members = members.collect();
    node.elements = Some(Elements { node: list, width: 20 });
    let node = shape.node_mut(one).unwrap();
    node.members = vec![Member { name: "id".into(), slot: 17, node: None }];
    shape
}

fn object() -> impl Strategy<Value = String> {
    let value = proptest::sample::select(VALUES).prop_map(str::to_owned);
    let object = |value: BoxedStrategy<String>| {
        let name = (0..NAMES.len(), value);
        proptest::collection::vec(name, 0..9).prop_map(|mut members| {
            // Hardly ever one twice, and then it is told of.
            members.sort_unstable_by_key(|(name, _)| *name);
            if members.len() < 8 {
                members.dedup_by_key(|(name, _)| *name);
            }
            let members = members.iter().map(|(name, value)| {
                format!("\"{}\":{value}", NAMES.get(*name).copied().unwrap_or_default())
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        })
    };
    let inner = object(value.clone().boxed());
    let lists =
        proptest::collection::vec(inner, 0..6).prop_map(|all| format!("[{}]", all.join(",")));
    object(prop_oneof![4 => value, 1 => lists].boxed())
}

fn filled(text: &str) -> (Result<(), ScanError>, Vec<Slot>, usize) {
    let (shape, mut arena) = (shape(), Arena::default());
    let document = text.as_bytes();
    let done = scan(&mut arena, &shape, NodeId(0), 20, document, Limits::default());
    (done.map(|_| ()), arena.slots, arena.trail.passed.get())
}

/// Whether a document gives the same where nothing is remembered: white space before it moves
/// everything by one byte.
fn by_itself(text: &str) {
    let (done, slots, _) = filled(text);
    let (apart, apart_slots, passed) = filled(&format!(" {text}"));
    assert_eq!(passed, 0);
    let moved = apart.map_err(|error| ScanError { offset: error.offset - 1, ..error });
    assert_eq!(done, moved, "{text}");
    assert_eq!(slots.len(), apart_slots.len());
    for (slot, apart) in slots.iter().zip(apart_slots) {
        // The head of a block is no value, and the same in both.
        let back =
            Slot { start: apart.start.wrapping_sub(1), end: apart.end.wrapping_sub(1), ..apart };
        assert!(*slot == apart || *slot == back, "{slot:?} {apart:?}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn what_came_before_changes_no_slot(
        kinds in proptest::collection::vec(object(), 1..4),
        turns in proptest::collection::vec((0..3_usize, any::<bool>()), 1..14),
    ) {
        // Mostly as the one before, as lists are.
        let mut which = 0;
        let all: Vec<&str> = turns.iter().map(|(turn, stays)| {
            which = if *stays { which } else { *turn };
            kinds.get(which).map_or("{}", String::as_str)
        }).collect();
        by_itself(&format!("[{}]", all.join(",")));
    }
}

#[test]
fn a_list_of_like_objects_is_passed_by_what_is_remembered() {
    let one = r#"{"id":1,"nobodys":[{}],"status":"s","a_name_longer_than_sixteen":null,"i":[]}"#;
    let text = format!("[{}]", [one; 9].join(","));
    let (done, slots, passed) = filled(&text);
    assert_eq!(done, Ok(()));
    // The first three are looked up, the fourth is remembered.
    assert_eq!(passed, 5 * 5);
    let seen = slots.iter().filter(|slot| slot.text(&text) == Some("\"s\"")).count();
    assert_eq!(seen, 9);
    by_itself(&text);
}

#[test]
fn a_name_that_stands_twice_is_told_of_however_well_it_is_known() {
    let twice = r#"{"id":1,"status":2,"id":3}"#;
    for before in [1, 3, 4, 8] {
        let text = format!("[{},{twice}]", [r#"{"id":1,"status":2}"#].repeat(before).join(","));
        by_itself(&text);
        let error = filled(&text).0.unwrap_err();
        assert_eq!((error.reason, error.member.as_deref()), (Reason::Repeated, Some("id")));
    }
    // One after the other, so that the second stands where the name after it is expected.
    let like = [r#"{"id":1,"status":2}"#; 5].join(",");
    by_itself(&format!(r#"[{like},{{"id":1,"id":2}}]"#));
    by_itself(&format!(r#"[{like},{{"id":1,"id":[]}}]"#));
}

#[test]
fn a_name_with_escapes_is_never_taken_for_another() {
    let like = [r#"{"id":1,"status":2}"#; 5].join(",");
    for odd in [r#"{"\u0069d":1}"#, r#"{"x\"id":1}"#, r#"{"x\\\"id":1}"#] {
        by_itself(&format!("[{like},{odd}]"));
    }
    let text = format!(r#"[{like},{{"x\"id":7,"status":8}}]"#);
    assert!(!filled(&text).1.iter().any(|slot| slot.text(&text) == Some("7")));
    let text = format!(r#"[{like},{{"\u0069d":7}}]"#);
    assert!(filled(&text).1.iter().any(|slot| slot.text(&text) == Some("7")));
}
