//! What single programs write, spelled out.

use super::build::*;
use super::programs;
use super::twin::both;
use crate::mapping::plan::*;
use crate::mapping::run::{Fault, Faults, Scratch, run, trace};

fn named(name: &str) -> Program {
    programs::all().into_iter().find(|(n, _)| *n == name).unwrap().1
}

#[track_caller]
fn writes(program: &Program, document: &str, inputs: &str, expected: &str) {
    let written = both(program, &[Some(document), Some(inputs)]).unwrap();
    assert_eq!(written.as_ref().map(|json| json.as_deref().unwrap_or("")), Ok(expected));
}

#[track_caller]
fn faults(program: &Program, document: &str, inputs: &str) -> Vec<(String, &'static str, String)> {
    match both(program, &[Some(document), Some(inputs)]).unwrap() {
        Err(Faults::Invalid(faults)) => {
            faults.into_iter().map(|f: Fault| (f.pointer, f.code, f.detail)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn copies_are_exact() {
    writes(
        &named("copies"),
        r#"{"raw":[ ],"meta":{"sub":{"id":1.10 ,"z":[9007199254740993,"\u00e9\/"], "a":{}}},"items":[1 , 2]}"#,
        r#"{"t":"\ud83d\ude00"}"#,
        &[
            r#"{"whole":{"raw":[ ],"meta":{"sub":{"id":1.10 ,"z":[9007199254740993,"\u00e9\/"], "a":{}}},"items":[1 , 2]}"#,
            r#","a/\"b":1.10,"deep":{"id":1.10 ,"z":[9007199254740993,"\u00e9\/"], "a":{}},"input":"\ud83d\ude00""#,
            r#","object":{},"list":[1 , 2],"const":{"a":[1.10]}}"#,
        ]
        .concat(),
    );
    assert_eq!(
        faults(&named("copies"), r#"{"raw":[1],"items":"x"}"#, "{}"),
        [
            ("/raw".into(), "wrong_type", "must be an object, not a list".into()),
            ("/items".into(), "wrong_type", "must be a list, not text".into()),
        ]
    );
}

#[test]
fn absent_null_empty_and_a_value_stay_apart() {
    let (mut p, doc, _) = Build::new();
    let mut members = Vec::new();
    for (key, omit, when_null, when_absent) in [
        ("plain", Omit::Never, Gap::Null, Gap::Null),
        ("absent", Omit::Never, Gap::Null, Gap::Absent),
        ("when_null", Omit::Null, Gap::Null, Gap::Null),
        ("when_empty", Omit::Empty, Gap::Null, Gap::Null),
        ("default", Omit::Never, Gap::Const(b("0"), Some(0)), Gap::Const(b("0"), Some(0))),
    ] {
        let op = ValueOp { when_null, when_absent, ..p.copy(doc, "a") };
        let emit = Emit::Value(Box::new(op));
        members.push(Member { key: crate::json::write::key(key), emit, omit });
    }
    let program = p.program(Emit::Object(Box::new(ObjectOp { members, ..object(Vec::new()) })));
    writes(&program, "{}", "{}", r#"{"plain":null,"default":0}"#);
    writes(&program, r#"{"a":null}"#, "{}", r#"{"plain":null,"absent":null,"default":0}"#);
    writes(
        &program,
        r#"{"a":[ ]}"#,
        "{}",
        r#"{"plain":[ ],"absent":[ ],"when_null":[ ],"default":[ ]}"#,
    );
    writes(
        &program,
        r#"{"a":0}"#,
        "{}",
        r#"{"plain":0,"absent":0,"when_null":0,"when_empty":0,"default":0}"#,
    );
    let mut scratch = Scratch::default();
    run(&program, &[None::<&[u8]>], &mut scratch, &mut Vec::new()).unwrap();
    assert_eq!(scratch.events(), [1, 0, 0, 0]);
}

#[test]
fn all_faults_of_a_run_are_named_where_they_are() {
    let program = named("lists");
    let document = r#"{"items":[{"id":1},{"id":"x"},{"id":2},{"id":{}}]}"#;
    assert_eq!(
        faults(&program, document, "{}"),
        [
            ("/items/1/id".into(), "wrong_type", "must be a number, not text".into()),
            ("/items/3/id".into(), "wrong_type", "must be a number, not an object".into()),
        ]
    );
    let many = format!(r#"{{"items":[{}1]}}"#, r#"{"id":"x"},"#.repeat(1000));
    assert_eq!(faults(&program, &many, "{}").len(), 32);
    assert_eq!(
        faults(&named("tables"), r#"{"meta":{"status":"gone"}}"#, "{}"),
        [("/meta/status".into(), "invalid", "must be one of \"open\", \"closed\", 5".into())]
    );
    assert_eq!(faults(&named("unions"), r#"{"meta":{"status":null}}"#, "{}")[0].1, "required");
    let codec = faults(&named("codecs back"), r#"{"t":5,"id":"5","meta":{"t":"x"}}"#, "{}");
    assert!(codec.iter().any(|f| f.0 == "/meta/t" && f.2.contains("2026-01-31T09:30:00Z")));
}

#[test]
fn a_document_that_is_no_json_is_named_with_line_and_column() {
    let program = named("copies");
    let documents: [Option<&[u8]>; 2] = [Some(b"{}"), Some(b"{\n \"t\": 1,,\n}")];
    let mut out = b"x".to_vec();
    let error = run(&program, &documents, &mut Scratch::default(), &mut out).unwrap_err();
    let Faults::Malformed(malformed) = &error else { panic!("{error:?}") };
    assert_eq!((malformed.document, malformed.line, malformed.column), (1, 2, 9));
    assert_eq!(error.to_string(), "line 2, column 9: expected a member name in double quotes");
    assert_eq!(out, b"x");
    let documents: [Option<&[u8]>; 1] = [Some(br#"{"meta":1,"meta":2}"#)];
    let error = run(&program, &documents, &mut Scratch::default(), &mut out).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 1, column 11: the member \"meta\" stands twice in one object"
    );
}

#[test]
fn lists_are_filtered_sorted_taken_turned_and_cut() {
    let items = r#"{"items":[{"id":3},{"id":1,"status":"open","t":0},{"id":2,"status":5},{"id":"a"},{},{"id":1.5,"status":"open"}]}"#;
    writes(
        &named("sorted lists"),
        items,
        "{}",
        r#"{"k":[1,1.5,2,3,"a",null],"k":[1.5,null],"k":1,"k":{}}"#,
    );
    writes(
        &named("lists"),
        r#"{"items":[{"id":1,"status":"open"},{"status":5},{"id":3,"status":"\u006fpen"},{"id":4,"status":"open"}]}"#,
        "{}",
        r#"{"plain":[1,3,4],"some":[{"id":1,"all":{"id":1,"status":"open"}},{"id":3,"all":{"id":3,"status":"\u006fpen"}}],"strict":[1,null,3,4]}"#,
    );
    writes(
        &named("nested lists"),
        r#"{"id":"d","items":[{"id":"x","items":[{"id":1},{"id":2}]},{"id":"y"},{"id":"z","items":null}]}"#,
        "{}",
        r#"[null,[],[{"id":2,"outer":"x","doc":"d"},{"id":1,"outer":"x","doc":"d"}]]"#,
    );
    writes(
        &named("indexes"),
        r#"{"items":[{"id":1},{"items":[7]},{"id":{}}]}"#,
        "{}",
        r#"{"first":1,"third":{"id":{}},"deep":7,"each":[1,null,{}]}"#,
    );
}

#[test]
fn elements_are_found_by_key_in_long_lists_too() {
    let program = named("binds");
    for length in [3, 16, 17, 400] {
        let items: Vec<_> =
            (0..length).map(|n| format!(r#"{{"id":"k{}","t":{n}}}"#, n * 7 % length)).collect();
        let inputs = format!(r#"{{"items":[{}]}}"#, items.join(","));
        let document = r#"{"items":[{"id":"k1"},{"id":"k2"},{"id":"\u006b0","t":"own"},{"id":"none"},{"id":null}]}"#;
        let at = |key: usize| (0..length).find(|n| n * 7 % length == key).unwrap();
        let expected = format!(
            r#"{{"each":[{{"t":{},"own":null}},{{"t":{},"own":null}},{{"t":0,"own":"own"}},{{"t":null,"own":null}},{{"t":null,"own":null}}],"pick":"none"}}"#,
            at(1),
            at(2)
        );
        writes(&program, document, &inputs, &expected);
    }
}

#[test]
fn joins_and_groups_of_absurd_lists_end_soon() {
    let items: Vec<_> = (0..20_000).map(|n| format!(r#"{{"id":"{n}","status":"{n}"}}"#)).collect();
    let document = format!(r#"{{"items":[{}]}}"#, items.join(","));
    let mut scratch = Scratch::default();
    for name in ["binds", "grouped"] {
        let mut out = Vec::new();
        let documents = [Some(document.as_bytes()), Some(document.as_bytes())];
        // Slots for two such lists are more than a run may have.
        let refused = run(&named(name), &documents, &mut scratch, &mut out);
        assert!(refused.unwrap_err().to_string().contains("too many elements"));
    }
    let document = format!(r#"{{"items":[{}]}}"#, items[..7_000].join(","));
    let documents = [Some(document.as_bytes()), Some(document.as_bytes())];
    for name in ["binds", "grouped"] {
        let mut out = Vec::new();
        run(&named(name), &documents, &mut scratch, &mut out).unwrap();
        assert!(out.len() > 100_000);
    }
}

#[test]
fn guards_keep_back_and_count() {
    let program = named("guarded");
    let document = r#"{"id":"me","items":[{"id":1,"status":"open","t":"x"},{"id":2,"status":"open","t":"y"},{"id":3},{"id":4,"status":"closed","t":"x"}]}"#;
    let kept = r#"{"each":[1],"either":[1,2],"one":{"id":"me"}}"#;
    writes(&program, document, r#"{"t":"x","id":"me"}"#, kept);
    // By the other alternative, all of which must hold.
    let kept = r#"{"each":[1],"either":[1,2,4],"one":null}"#;
    writes(&program, document, r#"{"t":"x","id":"1"}"#, kept);
    // Null is nobody's: two nulls are not the same.
    writes(
        &program,
        r#"{"id":null,"items":[]}"#,
        r#"{"id":null}"#,
        r#"{"each":[],"either":[],"one":null}"#,
    );
    let mut scratch = Scratch::default();
    let documents = [Some(document.as_bytes()), Some(&br#"{"t":"x"}"#[..])];
    run(&program, &documents, &mut scratch, &mut Vec::new()).unwrap();
    assert_eq!(scratch.hidden(), 5);
}

#[test]
fn objects_of_nothing_are_hollow() {
    let null = named("hollow");
    writes(&null, "{}", "{}", "null");
    writes(&null, r#"{"id":null}"#, "{}", "null");
    writes(&null, r#"{"id":[]}"#, "{}", r#"{"inner":{"k":[]}}"#);
    let needed = named("hollow needed");
    writes(&needed, r#"{"t":null}"#, "{}", "[]");
    writes(&needed, r#"{"t":1,"id":2}"#, "{}", r#"[{"t":1,"id":2}]"#);
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let faults = run(&needed, &[Some(&br#"{"t":1,"id":null}"#[..])], &mut scratch, &mut out);
    assert!(matches!(faults, Err(Faults::Invalid(faults)) if faults.len() == 1));
    let filled = named("filled");
    writes(&filled, r#"{"id":1}"#, "{}", r#"[{"state":"active","id":1,"files":[]}]"#);
    writes(&filled, r#"{"id":null}"#, "{}", "[null]");
    writes(
        &named("filled patch"),
        r#"{"id":null}"#,
        "{}",
        r#"[{"state":"active","id":null,"files":[]}]"#,
    );
    writes(&named("filled patch"), "{}", "{}", "[null]");
    writes(&named("fixed lists"), r#"{"t":1,"status":null}"#, "{}", "[1]");
    writes(&named("fixed lists"), "{}", "{}", "[]");
    let patch = named("hollow patch");
    writes(&patch, "{}", "{}", "");
    writes(&patch, r#"{"meta":{"t":null}}"#, "{}", r#"{"inner":{"k":null}}"#);
}

#[test]
fn tables_give_the_raw_word_back_while_it_reads_as_what_is_there() {
    let program = named("tables");
    writes(
        &program,
        r#"{"status":"open","meta":{"status":"open"}}"#,
        "{}",
        r#"{"raw":0,"strict":0}"#,
    );
    let raw = |status: &str, word: &str, expected: &str| {
        let document = format!(r#"{{"status":{status},"raw":{{"id":"open","t":{word}}}}}"#);
        writes(&program, &document, "{}", &format!(r#"{{"raw":{expected},"strict":null}}"#));
    };
    raw("\"open\"", "\"closed\"", "\"closed\"");
    raw("\"closed\"", "\"closed\"", "1");
    raw("\"new\"", "\"closed\"", "2");
}

#[test]
fn relations_decide_by_the_first_row() {
    let program = named("relation");
    let t = "\"2024-05-06T07:08:09.500Z\"";
    let document = format!(r#"{{"status":"open","t":{t}}}"#);
    writes(&program, &document, "{}", r#"{"a":"later","c":"2024-05-06T07:08:09Z"}"#);
    writes(
        &program,
        r#"{"status":"open","id":{"x":1}}"#,
        "{}",
        r#"{"a":"now","b":{"x":1},"c":null}"#,
    );
    writes(&program, r#"{"status":"other","id":1}"#, "{}", r#"{"a":"u","b":1,"c":null}"#);
    // Raw: "5" beside a set id and a null date decodes to what is there.
    let ours = r#"{"status":"open","id":5}"#;
    writes(&program, r#"{"status":"open","id":1}"#, ours, r#"{"a":5,"b":1,"c":null}"#);
    let found = faults(&program, r#"{"status":null,"id":null}"#, "{}");
    assert_eq!(
        found,
        [("/status".into(), "invalid", "cannot be combined like this: status, id, t".into())]
    );
    let found = faults(&program, r#"{"status":5,"t":6}"#, "{}");
    assert_eq!(found.len(), 2);
}

#[test]
fn a_reply_is_narrowed_to_what_was_asked_for() {
    let program = named("narrow");
    let document = r#"{"x":1.10,"meta":{},"items":[1],"messages":[{"id":1,"visibility":"public"},{"id":2},{"id":3,"visibility":"public"},{"id":4, "visibility":"public"}]}"#;
    let messages = |all: &str| format!(r#"{{"x":1.10,"messages":[{all}]}}"#);
    let (one, three, four) = (
        r#"{"id":1,"visibility":"public"}"#,
        r#"{"id":3,"visibility":"public"}"#,
        r#"{"id":4, "visibility":"public"}"#,
    );
    writes(&program, document, "{}", &messages(&format!("{three},{four}")));
    let public = r#"{"status":"public","id":"0"}"#;
    writes(&program, document, public, &messages(&format!("{one},{three},{four}")));
    writes(&program, document, r#"{"status":"public","id":1}"#, &messages(four));
    let all = r#"{"items":["closed","open"],"id":0}"#;
    writes(&program, document, all, document);

    // What was not asked for is not in what was, either.
    let deep = r#"{"meta":{"a":1,"b":[]},"items":[{"id": 1,"meta":{"b":2,"items":[{}]}},[{"meta":0}],"x"]}"#;
    let given = |include: &str| format!(r#"{{"items":{include},"id":0}}"#);
    writes(&program, deep, &given("[]"), "{}");
    writes(&program, deep, &given(r#"["open"]"#), r#"{"meta":{"b":[]}}"#);
    writes(&program, deep, &given(r#"["closed"]"#), r#"{"items":[{"id":1},[{}],"x"]}"#);
    writes(
        &program,
        deep,
        &given(r#"["closed","open","low"]"#),
        r#"{"meta":{"a":1,"b":[]},"items":[{"id":1,"meta":{"b":2}},[{"meta":0}],"x"]}"#,
    );
}

#[test]
fn grouped_and_joined() {
    writes(
        &named("grouped"),
        r#"{"items":[{"status":"b","id":1},{"status":"a\"","id":[2]},{"status":"\u0062"},{"id":4},{"status":5,"id":5}]}"#,
        "{}",
        r#"{"group":{"b":[1,null],"a\"":[[2]]},"join":"b\",\na\"\",\n\u0062\",\n5","group self":{}}"#,
    );
    writes(&named("grouped"), "{}", "{}", r#"{"group":null,"join":null,"group self":null}"#);
}

#[test]
fn a_scratch_is_as_good_as_new() {
    let mut scratch = Scratch::default();
    let long = format!(r#"{{"items":[{}1],"id":1}}"#, r#"{"id":1,"items":[{"id":2}]},"#.repeat(50));
    for (name, program) in programs::all() {
        for document in [&*long, "{}", &*long] {
            let documents = [Some(document.as_bytes()), None];
            let (mut old, mut new) = (Vec::new(), Vec::new());
            let reused = run(&program, &documents, &mut scratch, &mut old);
            let mut fresh = Scratch::default();
            let fresh_result = run(&program, &documents, &mut fresh, &mut new);
            assert_eq!(
                (reused, old, scratch.events()),
                (fresh_result, new, fresh.events()),
                "{name}"
            );
        }
    }
}

#[test]
fn a_pointer_is_followed_back_to_the_field_that_fed_it() {
    let field = |program: &Program, pointer: &str| {
        trace(program, pointer).map(|site| (site.field.to_string(), site.document))
    };
    let copies = named("copies");
    assert_eq!(field(&copies, "/a~1\"b"), Some(("meta.sub.id".into(), 0)));
    assert_eq!(field(&copies, "/deep/z/0"), Some(("meta.sub".into(), 0)));
    assert_eq!(field(&copies, "/input"), Some(("t".into(), 1)));
    assert_eq!(field(&copies, "/const/a"), None);
    assert_eq!(field(&copies, "/unknown"), None);
    assert_eq!(field(&copies, ""), None);
    let objects = named("objects");
    assert_eq!(field(&objects, "/inner/sub/x"), Some(("meta.sub".into(), 0)));
    assert_eq!(field(&objects, "/inner/unknown"), Some(("meta".into(), 0)));
    assert_eq!(field(&named("lists"), "/some/3/id"), Some(("id".into(), 0)));
    assert_eq!(field(&named("lists"), "/some"), Some(("items".into(), 0)));
    assert_eq!(field(&named("unions"), "/union/id"), Some(("meta.id".into(), 0)));
    assert_eq!(field(&named("unions"), "/union/type"), Some(("meta".into(), 0)));
    assert_eq!(field(&named("relation"), "/c"), Some(("status".into(), 0)));
    assert_eq!(field(&named("choices"), "/0"), Some(("id".into(), 0)));
    assert_eq!(field(&named("choices"), "/3"), None);
    assert_eq!(field(&named("choices"), "/x"), None);
}
