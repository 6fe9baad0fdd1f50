//! Pages: what both interpreters make of their numbers and addresses.

use serde_json::{Value, json};

use super::build::*;
use crate::mapping::plan::*;
use crate::mapping::run::{Faults, Scratch, reference, run};

/// Every variant that paging needs, over the members of the twin test.
pub(super) fn twins() -> Program {
    let (mut p, doc, inputs) = Build::new();
    let (list, _) = p.list(doc, "items", 2);
    let (id, status) = (p.at(doc, "id"), p.at(inputs, "status"));
    let below = Convert::Codec { codec: Codec::AliasBelow, decode: true, text: true };
    let within = |otherwise, most| Convert::Within { otherwise, most };
    let scalars = Types::STRING.or(Types::INTEGER);
    let page = page(&mut p, doc, inputs, ["t", "id", "id", "t", "note"], PagePart::Meta, list);
    p.program(made(vec![
        ("count", Emit::Count(list)),
        ("when", Emit::When(vec![(id, Test::Set), (status, Test::Unset)], Box::new(p_const()))),
        ("empty", Emit::All(vec![(list, Test::Empty)])),
        ("filled", Emit::All(vec![(id, Test::Filled), (status, Test::Empty)])),
        ("below", Emit::FirstOf(vec![p_value(id, below, scalars), p_const()])),
        ("page", p_value(id, within(1, None), Types::ANY)),
        ("size", p_value(status, within(100, Some(200)), Types::ANY)),
        ("meta", page),
    ]))
}

fn p_const() -> Emit {
    Emit::Const(b("7"))
}

fn p_value(at: Ref, convert: Convert, accept: Types) -> Emit {
    Emit::Value(Box::new(ValueOp {
        from: vec![at],
        site: SiteId(0),
        accept,
        convert,
        also_null: Vec::new(),
        ignore: Vec::new(),
        when_null: Gap::Absent,
        when_absent: Gap::Absent,
        check: None,
    }))
}

fn page(
    p: &mut Build,
    doc: Scope,
    inputs: Scope,
    [number, limit, total, base, address]: [&str; 5],
    part: PagePart,
    list: Ref,
) -> Emit {
    let site = p.site(doc, total);
    Emit::Page(Box::new(Page {
        part,
        number: p.at(inputs, number),
        limit: p.at(doc, limit),
        total: p.at(doc, total),
        site,
        list,
        base: p.at(inputs, base),
        address: p.at(inputs, address),
    }))
}

/// What both make of a page.
fn shown(number: Value, limit: u64, total: Value, count: usize) -> Result<Value, Faults> {
    let (mut p, doc, inputs) = Build::new();
    let (list, _) = p.list(doc, "data", 2);
    let places = ["number", "limit", "total", "base", "address"];
    let links = page(&mut p, doc, inputs, places, PagePart::Links, list);
    let meta = page(&mut p, doc, inputs, places, PagePart::Meta, list);
    let program = p.program(made(vec![("links", links), ("meta", meta)]));
    let answer = json!({ "limit": limit, "total": total, "data": vec![1; count] }).to_string();
    let base = "https://desk.example/";
    let inputs = json!({ "number": number, "base": base, "address": "/a%20b?q=%22&page=" });
    let inputs = inputs.to_string();
    let documents = [Some(answer.as_bytes()), Some(inputs.as_bytes())];
    let slow = reference::run(&program, &documents);
    let mut out = Vec::new();
    let fast = run(&program, &documents, &mut Scratch::default(), &mut out);
    let fast = fast.map(|()| String::from_utf8(out).unwrap());
    assert_eq!(fast, slow.map(|ran| ran.json.unwrap()));
    fast.map(|json| serde_json::from_str(&json).unwrap())
}

fn labels(page: &Value) -> String {
    let links = page["meta"]["links"].as_array().unwrap();
    let label = |link: &Value| match (link["label"].as_str().unwrap(), &link["active"]) {
        (label, Value::Bool(true)) => format!("[{label}]"),
        (label, _) => label.to_owned(),
    };
    let all: Vec<String> = links.iter().map(label).collect();
    all[1..all.len() - 1].join(" ")
}

#[test]
fn a_page_in_the_middle_knows_its_neighbours() {
    let page = shown(json!("2"), 2, json!(5), 2).unwrap();
    let at = |n: u64| format!("https://desk.example/a%20b?q=%22&page={n}");
    let button = |label: &str, to: u64, active: bool| json!({ "url": at(to), "label": label, "active": active });
    assert_eq!(
        page["links"],
        json!({ "first": at(1), "last": at(3), "prev": at(1), "next": at(3) })
    );
    let meta = json!({
        "current_page": 2,
        "from": 3,
        "to": 4,
        "last_page": 3,
        "per_page": 2,
        "total": 5,
        "path": "https://desk.example/a%20b",
        "links": [
            button("&laquo; Previous", 1, false),
            button("1", 1, false),
            button("2", 2, true),
            button("3", 3, false),
            button("Next &raquo;", 3, false),
        ],
    });
    assert_eq!(page["meta"], meta);
    let keys: Vec<&String> = page["meta"].as_object().unwrap().keys().collect();
    let order = ["current_page", "from", "to", "last_page", "per_page", "total", "path", "links"];
    assert_eq!(keys, order);
}

#[test]
fn an_empty_list_has_one_page_and_a_page_beyond_the_last_has_nothing() {
    let page = shown(Value::Null, 100, json!(0), 0).unwrap();
    assert_eq!((&page["meta"]["from"], &page["meta"]["to"]), (&Value::Null, &Value::Null));
    assert_eq!((&page["meta"]["last_page"], &page["meta"]["total"]), (&json!(1), &json!(0)));
    assert_eq!((&page["links"]["prev"], &page["links"]["next"]), (&Value::Null, &Value::Null));
    assert_eq!(labels(&page), "[1]");
    let beyond = shown(json!("9"), 100, json!(150), 0).unwrap();
    assert_eq!(beyond["meta"]["current_page"], 9);
    assert_eq!(beyond["links"]["next"], Value::Null);
    assert_eq!(beyond["links"]["prev"], "https://desk.example/a%20b?q=%22&page=8");
    assert_eq!(labels(&beyond), "1 2");
}

#[test]
fn long_lists_have_gaps_between_their_buttons() {
    for (number, pages, buttons) in [
        (1, 13, "[1] 2 3 4 5 6 7 8 9 10 11 12 13"),
        (7, 14, "1 2 3 4 5 6 [7] 8 9 10 ... 13 14"),
        (8, 14, "1 2 ... 5 6 7 [8] 9 10 11 12 13 14"),
        (8, 20, "1 2 ... 5 6 7 [8] 9 10 11 ... 19 20"),
        (14, 20, "1 2 ... 11 12 13 [14] 15 16 17 18 19 20"),
        (99, 20, "1 2 ... 11 12 13 14 15 16 17 18 19 20"),
    ] {
        let page = shown(json!(number.to_string()), 1, json!(pages), 1).unwrap();
        assert_eq!(labels(&page), buttons, "{number} of {pages}");
    }
}

#[test]
fn numbers_of_any_size_are_counted_without_an_overflow() {
    for number in ["0", "-1", "abc", "9007199254740991", "99999999999999999999999"] {
        let page = shown(json!(number), 1000, json!(u64::MAX), 1).unwrap();
        assert!(page["meta"]["current_page"].as_u64().unwrap() >= 1, "{number}");
    }
}

#[test]
fn an_answer_that_does_not_say_how_long_its_list_is_is_at_fault() {
    for total in [Value::Null, json!("5"), json!(-1), json!(1.5)] {
        let Err(Faults::Invalid(faults)) = shown(json!("1"), 10, total, 1) else { panic!("none") };
        assert!(faults.iter().all(|f| f.code == "no_total" && f.pointer == "/total"), "{faults:?}");
    }
}
