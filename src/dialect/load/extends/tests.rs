use super::*;
use crate::dialect::catalog::Catalog;
use crate::dialect::embedded::CONTRACT;
use crate::dialect::route::Origin;

const BASE: &str = "\
language: 1
dialect: base
system: vendor
mount: /api
credentials:
  key: { default: true, in: { header: x-key }, yields: { kind: agent } }
errors:
  default: { record: problem }
";
const RECORDS: &str = "\
records:
  problem:
    canonical: Problem
    only: encode
    why: never read
    fields: { error: $.title }
  team:
    canonical: Team
    only: encode
    why: never read
    fields: { id: $.number, name: $.name }
";
const ROUTES: &str = "\
routes:
  things.get:
    request: GET /things/{id}
    call: { operation: conversations.get, path: { account_id: $principal.account, conversation_id: $path.id } }
    reply: { at: $.team, record: team }
  things.name:
    request: GET /things/{id}/name
    call: { operation: conversations.get, path: { account_id: $principal.account, conversation_id: $path.id } }
    reply: { at: $.team, record: team }
";

/// Loads `base`, and other files beside it.
fn load(others: &[(&str, &str)]) -> (Sources, Option<Catalog>, Vec<String>) {
    let embedded = Files::embedded();
    let contract = embedded.read(CONTRACT).unwrap();
    let mut files = vec![
        (CONTRACT, &*contract),
        ("base/dialect.yaml", BASE),
        ("base/records.yaml", RECORDS),
        ("base/routes.yaml", ROUTES),
    ];
    files.extend(others);
    let mut sources = Sources::default();
    let (catalog, d) = Catalog::load_all(&Files::from_texts(files), &mut sources);
    let found = d.iter().map(|d| format!("{} {}", d.code, sources.locate(d.span))).collect();
    (sources, catalog, found)
}

const CHILD: &str = "language: 1\ndialect: child\nextends: base\n";

#[test]
fn a_dialect_that_says_nothing_is_the_one_it_extends() {
    let (_, catalog, found) = load(&[("child/dialect.yaml", CHILD)]);
    assert_eq!(found, Vec::<String>::new());
    let catalog = catalog.unwrap();
    let (base, child) = (catalog.named("base").unwrap(), catalog.named("child").unwrap());
    assert_eq!((&child.system, &child.bases), (&base.system, &base.bases));
    let routes = |d: &crate::dialect::Dialect| {
        d.routes.iter().map(|r| format!("{} {}", r.method, r.template.text)).collect::<Vec<_>>()
    };
    assert_eq!(routes(child), routes(base));
    assert!(child.routes.iter().all(|r| r.origin == Origin::Inherited));
    assert!(base.routes.iter().all(|r| r.origin == Origin::Own));
    assert!(format!("{:?}", child.records) == format!("{:?}", base.records), "same programs");
}

#[test]
fn own_roots_take_the_place_of_the_bases_and_changed_routes_are_own() {
    let (_, catalog, found) = load(&[
        ("child/dialect.yaml", "language: 1\ndialect: child\nextends: base\nbases: { api: /x }\n"),
        (
            "child/records.yaml",
            "records: { team: { fields: { order: [ name ], about: $.description } } }",
        ),
        ("child/routes.yaml", "routes: { things.name: { reply: { status: 203 } } }"),
    ]);
    assert_eq!(found, Vec::<String>::new());
    let catalog = catalog.unwrap();
    let child = catalog.named("child").unwrap();
    let bases: Vec<_> = child.bases.iter().map(|b| (&*b.name, &*b.address)).collect();
    assert_eq!(bases, [("api", "/x")]);
    let origins: Vec<_> = child.routes.iter().map(|r| (&*r.name, r.origin)).collect();
    assert_eq!(origins, [("things.get", Origin::Inherited), ("things.name", Origin::Own)]);
    assert_eq!(child.routes[1].replies[0].status, 203);
    assert_eq!(&*child.routes[0].template.text, "/x/things/{id}");
}

#[test]
fn what_is_wrong_is_told_in_the_file_of_the_part() {
    // A mistake of the base is told once, though both have it.
    let (_, _, found) = load(&[
        ("child/dialect.yaml", CHILD),
        ("child/records.yaml", "records:\n  team:\n    fields:\n      x: $.nmae\n"),
        ("other/dialect.yaml", "language: 1\ndialect: other\nextends: child\n"),
    ]);
    assert_eq!(found, ["E0302 mappings/child/records.yaml:4:10"]);
    let (sources, catalog, d) = {
        let embedded = Files::embedded();
        let contract = embedded.read(CONTRACT).unwrap();
        let files = Files::from_texts([
            (CONTRACT, &*contract),
            ("base/dialect.yaml", BASE),
            ("base/records.yaml", RECORDS),
            ("base/routes.yaml", ROUTES),
            ("child/dialect.yaml", CHILD),
            // The line of the base that needs the record is what is told.
            ("child/records.yaml", "records: { remove: [ team ] }"),
        ]);
        let mut sources = Sources::default();
        let (catalog, d) = Catalog::load_all(&files, &mut sources);
        (sources, catalog, d)
    };
    assert!(catalog.is_none());
    let text = d.render(&sources, false);
    assert!(
        text.contains("error[E0303]") && text.contains("mappings/base/routes.yaml:5:"),
        "{text}"
    );
    assert!(text.contains("as a part of the dialect that extends it"), "{text}");
    assert!(text.contains("mappings/child/dialect.yaml:3:10"), "{text}");
}

#[test]
fn what_cannot_be_extended_says_why() {
    let child = |name: &str, base: &str| format!("language: 1\ndialect: {name}\nextends: {base}\n");
    let (a, b) = (child("a", "b"), child("b", "a"));
    let (_, _, found) = load(&[("a/dialect.yaml", &a), ("b/dialect.yaml", &b)]);
    assert_eq!(found, ["E0321 mappings/a/dialect.yaml:3:10", "E0321 mappings/b/dialect.yaml:3:10"]);
    let lost = child("child", "bsae");
    let (_, _, found) = load(&[("child/dialect.yaml", &lost)]);
    assert_eq!(found, ["E0312 mappings/child/dialect.yaml:3:10"]);
    let ours = child("child", "canonical");
    let (_, _, found) = load(&[("child/dialect.yaml", &ours)]);
    assert_eq!(found, ["E0312 mappings/child/dialect.yaml:3:10"]);
    let list = child("child", "[ base ]");
    let (_, _, found) = load(&[("child/dialect.yaml", &list)]);
    assert_eq!(found, ["E0105 mappings/child/dialect.yaml:3:10"]);
    let names = ["base", "d1", "d2", "d3", "d4"];
    let texts: Vec<(String, String)> =
        names.windows(2).map(|w| (format!("{}/dialect.yaml", w[1]), child(w[1], w[0]))).collect();
    let deep: Vec<(&str, &str)> = texts.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let (_, catalog, found) = load(&deep[..3]);
    assert_eq!((found, catalog.is_some()), (Vec::new(), true));
    let (_, _, found) = load(&deep);
    assert_eq!(found, ["E0322 mappings/d1/dialect.yaml:3:10"]);
}

#[test]
fn files_of_one_kind_are_one_before_they_are_laid_over_others() {
    let split =
        "records: { extra: { canonical: Team, only: encode, why: x, fields: { id: $.number } } }";
    let (_, catalog, found) = load(&[
        ("child/dialect.yaml", CHILD),
        ("child/records/a.yaml", "records: { team: { fields: { x: { at: $, record: extra } } } }"),
        ("child/records/b.yaml", split),
    ]);
    assert_eq!((found, catalog.is_some()), (Vec::new(), true));
    let (_, _, found) = load(&[
        ("child/dialect.yaml", CHILD),
        ("child/records/a.yaml", "records: { team: { fields: { x: $.name } } }"),
        ("child/records/b.yaml", "records: { team: { fields: { y: $.name } } }"),
    ]);
    assert_eq!(found, ["E0106 mappings/child/records/b.yaml:1:12"]);
}

#[test]
fn what_several_files_remove_is_removed() {
    let routes = format!(
        "{}  things.team:\n{}",
        ROUTES,
        ROUTES.split_once("things.name:\n").unwrap().1.replace("/name", "/team")
    );
    let (_, catalog, found) = load(&[
        ("base/routes.yaml", &routes),
        ("child/dialect.yaml", CHILD),
        ("child/routes/a.yaml", "routes: { remove: [ things.get ] }"),
        ("child/routes/b.yaml", "routes: { remove: [ things.name ] }"),
    ]);
    assert_eq!(found, [] as [&str; 0]);
    let catalog = catalog.unwrap();
    let routes = &catalog.named("child").unwrap().routes;
    assert_eq!(routes.iter().map(|route| &*route.name).collect::<Vec<_>>(), ["things.team"]);
}

#[test]
fn the_merged_documents_are_shown_with_the_file_of_each_line() {
    let embedded = Files::embedded();
    let contract = embedded.read(CONTRACT).unwrap();
    let files = Files::from_texts([
        (CONTRACT, &*contract),
        ("base/dialect.yaml", BASE),
        ("base/records.yaml", RECORDS),
        ("base/routes.yaml", ROUTES),
        ("child/dialect.yaml", CHILD),
        ("child/records.yaml", "records:\n  team:\n    fields:\n      about: $.description\n"),
    ]);
    let (mut sources, mut d) = (Sources::default(), Diagnostics::default());
    let text = expanded(&files, "child", &mut sources, &mut d);
    assert!(d.is_empty());
    let expected = "    fields:  # mappings/child/records.yaml:3
      id: $.number  # mappings/base/records.yaml:11
      name: $.name  # mappings/base/records.yaml:11
      about: $.description  # mappings/child/records.yaml:4
";
    assert!(text.contains(expected), "{text}");
    assert!(
        text.starts_with("language: 1  # mappings/child/dialect.yaml:1\ndialect: child"),
        "{text}"
    );
    assert!(!text.contains("extends"), "{text}");
}

/// Of every shipped dialect: one that extends it and says nothing is the same, part by part.
#[test]
fn an_empty_folder_over_a_shipped_dialect_changes_nothing() {
    let files = Files::embedded();
    let names = files.dialects();
    for name in names.into_iter().filter(|n| *n != CANONICAL) {
        let (mut sources, mut d) = (Sources::default(), Diagnostics::default());
        let mut shelf = Shelf::new(&files);
        let base = shelf.whole(name, &mut sources, &mut d).folder;
        let empty = |kind: &str| {
            let block =
                Node { span: base.dialect.as_ref().unwrap().span, value: Value::Map(vec![]) };
            let entry = Entry { key: kind.into(), key_span: block.span, value: block.clone() };
            Node { span: block.span, value: Value::Map(vec![entry]) }
        };
        let over = Folder {
            dialect: Some(Node { value: Value::Map(vec![]), ..empty("x") }),
            records: vec![empty("records")],
            enums: vec![empty("enums")],
            routes: vec![empty("routes")],
            ..Folder::default()
        };
        let merged = laid(base.clone(), &over, &mut d);
        assert!(!d.has_errors(), "{}", d.render(&sources, false));
        let json = |nodes: &[Node], kind: &str| -> String {
            let blocks = nodes.iter().filter_map(|n| n.get(kind)?.as_map());
            blocks.flatten().map(|e| format!("{}: {}\n", e.key, e.value.to_json())).collect()
        };
        for (kind, one, other) in [
            ("records", &base.records, &merged.records),
            ("enums", &base.enums, &merged.enums),
            ("routes", &base.routes, &merged.routes),
        ] {
            assert_eq!(json(one, kind), json(other, kind), "{kind} of {name}");
        }
    }
}
