use super::*;
use crate::syntax::Sources;
use crate::syntax::yaml::{FILE_NODES, parse};

fn read(sources: &mut Sources, name: &str, text: &str) -> Node {
    let id = sources.add(name, text);
    parse(sources, id, FILE_NODES).unwrap()
}

/// The merge as compact JSON, and what was found: `CODE file:line:column`.
fn merged(base: &str, over: &str) -> (String, Vec<String>) {
    let mut sources = Sources::default();
    let base = read(&mut sources, "base.yaml", base);
    let over = read(&mut sources, "over.yaml", over);
    let mut d = Diagnostics::default();
    let node = merge(&base, &over, &[], &mut d);
    let found = d.iter().map(|d| format!("{} {}", d.code, sources.locate(d.span))).collect();
    (node.to_json().to_string(), found)
}

#[track_caller]
fn comes_to(base: &str, over: &str, expected: &str) {
    let (json, found) = merged(base, over);
    assert_eq!(found, Vec::<String>::new());
    let mut sources = Sources::default();
    let expected = read(&mut sources, "expected.yaml", expected).to_json().to_string();
    assert_eq!(json, expected);
}

#[test]
fn maps_merge_by_key_in_the_order_of_the_base_and_the_rest_is_replaced_whole() {
    comes_to(
        "{ a: 1, b: { c: [ 1, 2 ], d: x }, e: { f: 1 } }",
        "{ g: 0, b: { e: new, c: [ 3 ] }, e: gone }",
        "{ a: 1, b: { c: [ 3 ], d: x, e: new }, e: gone, g: 0 }",
    );
}

#[test]
fn replace_takes_nothing_of_the_base() {
    comes_to(
        "{ a: { b: 1, c: { d: 1 } }, z: 1 }",
        "{ a: { replace: true, c: { e: 2 } } }",
        "{ a: { c: { e: 2 } }, z: 1 }",
    );
}

#[test]
fn remove_drops_by_path_before_anything_is_added() {
    comes_to(
        "{ fields: { meta.sender.id: $.a, id: $.b, x: { fields: { y: $.c } } }, errors: { a: 1, a.b: 2 } }",
        "{ remove: [ fields.meta.sender.id, errors.a.b, fields.x.fields.y ], fields: { meta.sender.id: $.new } }",
        "{ fields: { id: $.b, x: { fields: {} }, meta.sender.id: $.new }, errors: { a: 1 } }",
    );
}

#[test]
fn order_says_what_comes_first() {
    comes_to(
        "{ payload: 1, other: 2 }",
        "{ order: [ meta, other ], meta: 3 }",
        "{ meta: 3, other: 2, payload: 1 }",
    );
}

/// A field of such a name holds a rule, never `true` or a list.
#[test]
fn fields_may_have_the_names_of_directives() {
    comes_to(
        "{ fields: { replace: $.a, order: $.b } }",
        "{ fields: { remove: $.c, order: { at: $.d } } }",
        "{ fields: { replace: $.a, order: { at: $.d }, remove: $.c } }",
    );
}

#[test]
fn values_relations_and_bodies_of_errors_are_replaced_whole() {
    comes_to(
        "{ errors: { default: { record: r }, a: { status: 1, body: { error: x } } }
         , records: { r: { fields: { default: { at: $.a, const: { b: 1 } } }, fill: { $.f: { g: 1 } }
         , relations: { k: { dialect: [ a ], rows: [ 1 ] } } } } }",
        "{ errors: { default: { status: 9 }, a: { body: { errors: y } } }
         , records: { r: { fields: { default: { const: { c: 2 } } }, fill: { $.f: { h: 1 } }
         , relations: { k: { canonical: [ b ] } } } } }",
        "{ errors: { default: { record: r, status: 9 }, a: { status: 1, body: { errors: y } } }
         , records: { r: { fields: { default: { at: $.a, const: { c: 2 } } }, fill: { $.f: { h: 1 } }
         , relations: { k: { canonical: [ b ] } } } } }",
    );
}

#[test]
fn call_is_calls_with_one_entry() {
    comes_to(
        "routes: { r: { request: GET /a, call: { operation: o, query: { x: 1, y: 2 } } } }",
        "routes: { r: { remove: [ call.query.x ], calls: { first: { operation: p } } } }",
        "routes: { r: { request: GET /a, calls: { call: { operation: o, query: { y: 2 } }, first: { operation: p } } } }",
    );
    comes_to(
        "routes: { r: { calls: { a: { operation: o }, call: { operation: p } } } }",
        "routes: { r: { call: { fresh: true } } }",
        "routes: { r: { calls: { a: { operation: o }, call: { operation: p, fresh: true } } } }",
    );
}

#[test]
fn enum_rows_merge_by_canonical_value() {
    comes_to(
        "enums: { s: { canonical: S, rows: [ [ open, open ], [ done, resolved ] ]
         , encode_only: [ [ open, snoozed ], [ done, closed ] ], decode_only: [ [ old, open ], [ sleep, open ] ] } }",
        "enums: { s: { rows: [ [ sleep, snoozed ], [ DONE, resolved ] ], decode_only: [ [ done, resolved ] ] } }",
        "enums: { s: { canonical: S, rows: [ [ open, open ], [ DONE, resolved ], [ sleep, snoozed ] ]
         , encode_only: [ [ done, closed ] ], decode_only: [ [ old, open ], [ done, resolved ] ] } }",
    );
    // A fold above takes the place of a row below.
    comes_to(
        "enums: { s: { rows: [ [ 0, a ], [ 1, b ] ] } }",
        "enums: { s: { encode_only: [ [ 0, b ] ] } }",
        "enums: { s: { rows: [ [ 0, a ] ], encode_only: [ [ 0, b ] ] } }",
    );
}

#[test]
fn what_meets_nothing_is_an_error_where_it_stands() {
    let (_, found) = merged(
        "{ a: { b: 1 } }",
        "a:\n  remove: [ c, b.x ]\n  order: [ d ]\nnew:\n  replace: true\n  x: 1\n",
    );
    assert_eq!(
        found,
        [
            "E0323 over.yaml:2:13",
            "E0323 over.yaml:2:16",
            "E0323 over.yaml:3:12",
            "E0323 over.yaml:5:3"
        ]
    );
}

#[test]
fn every_part_keeps_its_place() {
    let mut sources = Sources::default();
    let base = read(&mut sources, "base.yaml", "a:\n  b: 1\n  c: 2\n");
    let over = read(&mut sources, "over.yaml", "a: { c: 3 }");
    let node = merge(&base, &over, &[], &mut Diagnostics::default());
    let at = |key: &str| sources.locate(node.get("a").unwrap().get(key).unwrap().span);
    assert_eq!((at("b"), at("c")), ("base.yaml:2:6".into(), "over.yaml:1:9".into()));
}

fn records(text: &str) -> (String, Vec<String>) {
    let mut sources = Sources::default();
    let file = read(&mut sources, "records.yaml", text);
    let mut d = Diagnostics::default();
    let files = reused(&[&file], &mut d);
    let found = d.iter().map(|d| format!("{} {}", d.code, sources.locate(d.span))).collect();
    (files[0].get("records").unwrap().to_json().to_string(), found)
}

#[test]
fn same_as_takes_records_relations_and_lines_of_others() {
    let (json, found) = records(
        "records:
  a: { canonical: A, fields: { x: $.x, m: { fields: { n: { at: $.n, omit: when_null } } }, e: $.e }, relations: { k: { rows: 1 } } }
  b: { same_as: a, remove: [ fields.e ], fields: { order: [ id ], id: $.id } }
  c: { canonical: C, fields: { p: { same_as: a.m.n }, q: { same_as: b.id, omit: when_null }, o: { fields: { s: { same_as: c.q } } }, z: { same_as: p } }, relations: { r: { same_as: b.k } } }
",
    );
    assert_eq!(found, Vec::<String>::new());
    let b = r#""b":{"canonical":"A","fields":{"id":"$.id","x":"$.x","m":{"fields":{"n":{"at":"$.n","omit":"when_null"}}}},"relations":{"k":{"rows":1}}}"#;
    assert!(json.contains(b), "{json}");
    assert!(json.contains(r#""p":{"at":"$.n","omit":"when_null"}"#), "{json}");
    assert!(json.contains(r#""z":{"same_as":"p"}},"relations":{"r":{"rows":1}}"#), "{json}");
}

/// A line laid over one that is short for `{ at: … }`.
#[test]
fn keys_beside_same_as_are_laid_over_the_line() {
    let (json, found) = records(
        "records:\n  a: { fields: { x: $.x } }\n  b: { fields: { y: { same_as: a.x, omit: when_null } } }\n",
    );
    assert_eq!(found, Vec::<String>::new());
    assert!(json.contains(r#""y":{"at":"$.x","omit":"when_null"}"#), "{json}");
}

#[test]
fn same_as_that_leads_nowhere_is_told_once() {
    let (json, found) = records(
        "records:
  a: { same_as: b }
  b: { same_as: a }
  c: { same_as: missing }
  d: { fields: { x: { same_as: e.y } } }
  e: { fields: { x: { same_as: d.x } }, relations: { r: { same_as: d.none }, s: { same_as: plain } } }
  f: { fields: { x: { same_as: f.x } } }
",
    );
    assert_eq!(
        found,
        [
            "E0321 records.yaml:2:17",
            "E0321 records.yaml:3:17",
            "E0303 records.yaml:4:17",
            "E0324 records.yaml:5:32",
            "E0311 records.yaml:6:68",
            "E0311 records.yaml:6:92",
            "E0321 records.yaml:7:32"
        ]
    );
    assert_eq!(json, "{}");
}

/// What a record says about the one it is the same as is for later, also when it is merged.
#[test]
fn a_record_that_is_another_merges_before_it_is_made() {
    comes_to(
        "records: { b: { same_as: a, fields: { order: [ id ], id: $.id } } }",
        "records: { b: { remove: [ fields.x ], fields: { order: [ id, y ], y: $.y } } }",
        "records: { b: { same_as: a, fields: { order: [ id, y ], id: $.id, y: $.y }, remove: [ fields.x ] } }",
    );
}
