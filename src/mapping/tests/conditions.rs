//! Lists of conditions and filters: what they mean, what is refused, and that both interpreters
//! agree on every list made of a pool of rows.

use crate::mapping::plan::Program;
use crate::mapping::run::{Faults, Scratch, reference, run};
use crate::mapping::{Library, Settings};
use crate::syntax::{Diagnostics, Sources};

use super::{contract, parse};

const MAPPING: &str = r##"
records:
  query:
    canonical: ConversationQuery
    fields: { payload: { at: $.filter, conditions: conversation } }
  lenient:
    canonical: ConversationQuery
    only: decode
    why: a request
    fields: { payload: { at: $.filter, conditions: conversation, missing_as: [] } }
enums:
  status:
    canonical: ConversationStatus
    rows: [ [ open, open ], [ pending, pending ], [ resolved, resolved ] ]
    encode_only: [ [ open, snoozed ], [ resolved, closed ] ]
    decode_only: [ [ 0, open ] ]
conditions:
  conversation:
    canonical: Conversation
    members: { key: attribute_key, operator: filter_operator, values: values, join: query_operator }
    join: { and: AND, or: OR }
    operators:
      equal_to: in
      not_equal_to: not_in
      first: eq
      contains: contains
      is_present: is_not_null
      is_greater_than: gt
      days_before: days_before
    keys:
      status: { at: $.status, enum: status, all: all, operators: [ equal_to, not_equal_to ] }
      assignee_id: { at: $.assignee_id, as: alias, operators: [ equal_to, is_present ] }
      labels: $.labels
      display_id: $.number
      subject: $.subject
      created_at: { at: $.created_at, as: date, operators: [ is_greater_than, days_before ] }
    other: { at: $.custom_attributes, marked: { attribute_model: custom_attributes, type: "" } }
    says:
      key: "Invalid attribute key - [{key}]. The key should be one of [{keys}]."
      operator: "Invalid operator. The allowed operators for {key} are [{operators}]."
"##;

fn programs() -> (Program, Program) {
    let library = library();
    (library.program("query", true).unwrap(), library.program("query", false).unwrap())
}

fn library() -> Library {
    let mut sources = Sources::default();
    let contract = contract(&mut sources);
    let node = parse(&mut sources, "conditions.yaml", MAPPING);
    let part = |key: &str| {
        let entries = node.as_map().unwrap().iter().filter(|e| e.key == key).cloned().collect();
        crate::syntax::Node { span: node.span, value: crate::syntax::Value::Map(entries) }
    };
    let (records, enums, conditions) = (part("records"), part("enums"), part("conditions"));
    let mut d = Diagnostics::default();
    let settings = Settings { system: "test".into(), ..Settings::default() };
    let mut library = Library::read(contract, settings, &[&records], &[&enums], &mut d);
    library.read_conditions(&[&conditions], &mut d);
    library.check(&mut d);
    assert!(!d.has_errors(), "{}", d.render(&sources, false));
    library
}

/// What both interpreters make of a document.
fn made(program: &Program, document: &str) -> Result<String, Faults> {
    let mut out = Vec::new();
    let documents = [Some(document.as_bytes())];
    let fast = run(program, &documents, &mut Scratch::default(), &mut out);
    let fast = fast.map(|()| String::from_utf8(out).unwrap());
    let slow = reference::run(program, &documents).map(|ran| ran.json.unwrap_or_default());
    assert_eq!(fast, slow, "{document}");
    fast
}

fn list(rows: &str) -> String {
    format!(r#"{{"payload":[{rows}]}}"#)
}

fn filter(program: &Program, rows: &str) -> String {
    let made = made(program, &list(rows)).unwrap_or_else(|f| panic!("{rows}: {f}"));
    let made = made.strip_prefix(r#"{"filter":"#).unwrap().strip_suffix('}').unwrap();
    made.to_owned()
}

const STATUS: &str = r#"{"attribute_key":"status","filter_operator":"equal_to","values":["open"],"query_operator":"AND"}"#;

#[test]
fn a_list_is_an_or_of_ands() {
    let (decode, _) = programs();
    let row = |key: &str, operator: &str, values: &str, join: &str| {
        format!(
            r#"{{"attribute_key":"{key}","filter_operator":"{operator}","values":{values},"query_operator":{join}}}"#
        )
    };
    let a = row("labels", "equal_to", r#"["billing"]"#, r#""and""#);
    let b = row("assignee_id", "is_present", "[]", r#""OR""#);
    let c = row("created_at", "is_greater_than", r#"["2026-05-01"]"#, "null");
    let (la, lb, lc) = (
        r#"{"field":"labels","cmp":"in","value":["billing"]}"#,
        r#"{"field":"assignee_id","cmp":"is_not_null"}"#,
        r#"{"field":"created_at","cmp":"gt","value":"2026-05-01"}"#,
    );
    let and = format!(r#"{{"op":"and","filters":[{la},{lb}]}}"#);
    for (rows, expected) in [
        (String::new(), r#"{"op":"and","filters":[]}"#.to_owned()),
        (c.clone(), lc.to_owned()),
        // What the last is joined with counts for nothing.
        (a.clone(), la.to_owned()),
        (b.clone(), lb.to_owned()),
        (format!("{a},{b}"), and.clone()),
        (format!("{a},{b},{c}"), format!(r#"{{"op":"or","filters":[{and},{lc}]}}"#)),
        (
            format!("{b},{a},{c}"),
            format!(r#"{{"op":"or","filters":[{lb},{{"op":"and","filters":[{la},{lc}]}}]}}"#),
        ),
    ] {
        assert_eq!(filter(&decode, &rows), expected, "{rows}");
    }
}

#[test]
fn no_list_may_stand_for_an_empty_one() {
    let lenient = library().program("lenient", true).unwrap();
    assert_eq!(made(&lenient, "{}").unwrap(), r#"{"filter":{"op":"and","filters":[]}}"#);
}

#[test]
fn values_are_read_as_their_keys_mean_them() {
    let (decode, _) = programs();
    for (key, operator, values, more, expected) in [
        (
            "status",
            "equal_to",
            r#"["open"]"#,
            "",
            r#""status","cmp":"in","value":["open","snoozed"]"#,
        ),
        (
            "status",
            "equal_to",
            r#"["open",0,"pending"]"#,
            "",
            r#""status","cmp":"in","value":["open","snoozed","pending"]"#,
        ),
        (
            "status",
            "not_equal_to",
            r#"["all"]"#,
            "",
            r#""status","cmp":"not_in","value":["open","pending","resolved","snoozed","closed"]"#,
        ),
        (
            "assignee_id",
            "equal_to",
            r#"[31,"32"]"#,
            "",
            r#""assignee_id","cmp":"in","value":["n:31","n:32"]"#,
        ),
        ("display_id", "first", r#"["418",2]"#, "", r#""number","cmp":"eq","value":418"#),
        ("display_id", "equal_to", "418", "", r#""number","cmp":"in","value":[418]"#),
        (
            "subject",
            "contains",
            r#"["a\u0062"]"#,
            "",
            r#""subject","cmp":"contains","value":"a\u0062""#,
        ),
        (
            "subject",
            "contains",
            r#"["a",5]"#,
            "",
            r#""subject","cmp":"contains","value":["a","5"]"#,
        ),
        (
            "created_at",
            "days_before",
            r#"["3"]"#,
            "",
            r#""created_at","cmp":"days_before","value":3"#,
        ),
        (
            "plan",
            "equal_to",
            r#"["gold",12,true]"#,
            r#","attribute_model":"custom_attributes""#,
            r#""custom_attributes.plan","cmp":"in","value":["gold",12,true]"#,
        ),
        (
            "a\\\"b",
            "is_present",
            "null",
            r#","type":"text""#,
            r#""custom_attributes.a\"b","cmp":"is_not_null""#,
        ),
    ] {
        let row = format!(
            r#"{{"values":{values},"attribute_key":"{key}","filter_operator":"{operator}"{more}}}"#
        );
        assert_eq!(filter(&decode, &row), format!(r#"{{"field":{expected}}}"#), "{row}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_key() {
    let (decode, _) = programs();
    for (row, pointer, detail) in [
        (
            r#"{"attribute_key":"foo","filter_operator":"equal_to","values":["a"]}"#,
            "/payload/1/attribute_key",
            "Invalid attribute key - [foo]. The key should be one of [status,assignee_id,labels,display_id,subject,created_at].",
        ),
        (
            r#"{"attribute_key":"foo","filter_operator":"equal_to","values":["a"],"type":""}"#,
            "/payload/1/attribute_key",
            "[foo]",
        ),
        (r#"{"filter_operator":"equal_to","values":["a"]}"#, "/payload/1/attribute_key", "[]"),
        ("5", "/payload/1/attribute_key", "[]"),
        (
            r#"{"attribute_key":"status","filter_operator":"contains","values":["a"]}"#,
            "/payload/1/filter_operator",
            "Invalid operator. The allowed operators for status are [equal_to,not_equal_to].",
        ),
        (
            r#"{"attribute_key":"status","values":["open"]}"#,
            "/payload/1/filter_operator",
            "for status",
        ),
        (
            r#"{"attribute_key":"status","filter_operator":"equal_to","values":["done"]}"#,
            "/payload/1/values",
            "`status`",
        ),
        (
            r#"{"attribute_key":"status","filter_operator":"equal_to","values":[]}"#,
            "/payload/1/values",
            "`status`",
        ),
        (
            r#"{"attribute_key":"assignee_id","filter_operator":"equal_to","values":["me"]}"#,
            "/payload/1/values",
            "`assignee_id`",
        ),
        (
            r#"{"attribute_key":"assignee_id","filter_operator":"equal_to","values":[null]}"#,
            "/payload/1/values",
            "`assignee_id`",
        ),
        (
            r#"{"attribute_key":"created_at","filter_operator":"is_greater_than","values":["May"]}"#,
            "/payload/1/values",
            "`created_at`",
        ),
        (
            r#"{"attribute_key":"created_at","filter_operator":"days_before","values":["-1"]}"#,
            "/payload/1/values",
            "`created_at`",
        ),
        (
            r#"{"attribute_key":"plan","filter_operator":"equal_to","values":[{}],"type":"text"}"#,
            "/payload/1/values",
            "`plan`",
        ),
        (
            r#"{"attribute_key":"labels","filter_operator":"is_present","query_operator":"XOR"}"#,
            "/payload/1/query_operator",
            "`XOR`",
        ),
    ] {
        let Err(Faults::Invalid(faults)) = made(&decode, &list(&format!("{STATUS},{row}"))) else {
            panic!("{row} is read");
        };
        let [fault] = faults.as_slice() else { panic!("{row}: {faults:?}") };
        assert_eq!((fault.code, &*fault.pointer), ("condition", pointer), "{row}");
        assert!(fault.detail.contains(detail), "{row}: {}", fault.detail);
    }
    // Between two conditions a word must stand.
    let row = STATUS.replace(r#""AND""#, "null");
    let Err(Faults::Invalid(faults)) = made(&decode, &list(&format!("{row},{row}"))) else {
        panic!("no word joins, but they are read");
    };
    assert_eq!(faults[0].pointer, "/payload/0/query_operator");
    let many = vec![STATUS; 101].join(",");
    assert!(
        matches!(made(&decode, &list(&many)), Err(Faults::Invalid(f)) if f[0].code == "too_many")
    );
    assert!(
        matches!(made(&decode, r#"{"payload":{}}"#), Err(Faults::Invalid(f)) if f[0].code == "wrong_type")
    );
    assert!(matches!(made(&decode, "{}"), Err(Faults::Invalid(f)) if f[0].code == "required"));
}

#[test]
fn a_filter_is_written_as_the_list_that_it_was_read_from() {
    let (decode, encode) = programs();
    let pool = [
        (r#""status""#, r#""equal_to""#, r#"["open"]"#, ""),
        (r#""status""#, r#""not_equal_to""#, r#"["pending","resolved"]"#, ""),
        (r#""assignee_id""#, r#""equal_to""#, "[31]", ""),
        (r#""assignee_id""#, r#""is_present""#, "[]", ""),
        (r#""labels""#, r#""contains""#, r#"["a","b"]"#, ""),
        (r#""display_id""#, r#""first""#, "[418]", ""),
        (r#""created_at""#, r#""days_before""#, "[3]", ""),
        (
            r#""pl\"an""#,
            r#""equal_to""#,
            r#"["gold"]"#,
            r#","attribute_model":"custom_attributes","type":"""#,
        ),
    ];
    for (n, a) in pool.iter().enumerate() {
        for b in &pool {
            for c in pool.iter().skip(n) {
                for joins in [["AND", "OR"], ["OR", "AND"], ["AND", "AND"], ["OR", "OR"]] {
                    let rows: Vec<String> = [a, b, c].iter().enumerate().map(|(i, (key, operator, values, more))| {
                        let join = joins.get(i).map_or("null".to_owned(), |j| format!("\"{j}\""));
                        format!(r#"{{"attribute_key":{key},"filter_operator":{operator},"values":{values},"query_operator":{join}{more}}}"#)
                    }).collect();
                    let document = list(&rows.join(","));
                    let canonical = made(&decode, &document).unwrap();
                    assert_eq!(made(&encode, &canonical).unwrap(), document, "{canonical}");
                }
            }
        }
    }
}

#[test]
fn a_filter_that_no_list_says_is_not_mappable() {
    let (decode, encode) = programs();
    let leaf = r#"{"field":"subject","cmp":"contains","value":"a"}"#;
    let or = format!(r#"{{"op":"or","filters":[{leaf},{leaf}]}}"#);
    for filter in [
        format!(r#"{{"op":"and","filters":[{or},{leaf}]}}"#),
        format!(r#"{{"op":"not","filters":[{leaf}]}}"#),
        r#"{"op":"or","filters":[]}"#.to_owned(),
        r#"{"field":"urgency","cmp":"eq","value":1}"#.to_owned(),
        r#"{"field":"custom_attributes.","cmp":"eq","value":1}"#.to_owned(),
        r#"{"field":"created_at","cmp":"lt","value":"2026-05-01"}"#.to_owned(),
        r#"{"field":"number","cmp":"gt","value":[1,2]}"#.to_owned(),
        r#"{"field":"status","cmp":"in","value":["strange"]}"#.to_owned(),
        r#"{"field":"status","cmp":"in","value":[]}"#.to_owned(),
        r#"{"field":"created_at","cmp":"days_before","value":"x"}"#.to_owned(),
    ] {
        let Err(Faults::Invalid(faults)) = made(&encode, &format!(r#"{{"filter":{filter}}}"#))
        else {
            panic!("{filter} is written");
        };
        assert_eq!(faults[0].code, "not_mappable", "{filter}");
    }
    // Groups within groups of the same kind are the same; so are one value and a list of one.
    let nested = format!(
        r#"{{"op":"or","filters":[{{"op":"or","filters":[{leaf}]}},{{"op":"and","filters":[{{"op":"and","filters":[{{"field":"status","cmp":"eq","value":"closed"}}]}}]}}]}}"#
    );
    let written = made(&encode, &format!(r#"{{"filter":{nested}}}"#)).unwrap();
    let again = made(&decode, &written).unwrap();
    assert_eq!(
        again,
        format!(
            r#"{{"filter":{{"op":"or","filters":[{leaf},{{"field":"status","cmp":"in","value":["resolved","closed"]}}]}}}}"#
        )
    );
}
