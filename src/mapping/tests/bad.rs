//! Broken mappings, one fault each, kept as files: the code, the place and the words of what is said
//! about each.
//!
//! The first line of a file is `# expect: CODE LINE:COLUMN text that the message or help holds`.
//! Beside `records`, `enums` and `conditions` a file may have `public`, and `reply` over an answer of the schema
//! `answer`.

use crate::mapping::{Library, Root, RootKind, Scope, Settings};
use crate::syntax::yaml::Entry;
use crate::syntax::{Diagnostics, Node, Sources, Value};

use super::{contract, folder, parse};

/// The file cut down to one of its keys.
fn only(node: &Node, key: &str) -> Option<Node> {
    let entries: Vec<Entry> = node.as_map()?.iter().filter(|e| e.key == key).cloned().collect();
    (!entries.is_empty()).then_some(Node { span: node.span, value: Value::Map(entries) })
}

fn problems(name: &str, text: &str) -> (Sources, Diagnostics) {
    let mut sources = Sources::default();
    let contract = contract(&mut sources);
    let node = parse(&mut sources, name, text);
    let (records, enums) = (only(&node, "records"), only(&node, "enums"));
    let settings = Settings {
        system: "test".into(),
        public: node.get("public").is_some(),
        ..Settings::default()
    };
    let mut d = Diagnostics::default();
    let records: Vec<&Node> = records.iter().collect();
    let enums: Vec<&Node> = enums.iter().collect();
    let answer = node.get("answer").and_then(Node::as_text);
    let answer = answer.map(|name| contract.schema_named(name).unwrap());
    let mut library = Library::read(contract, settings, &records, &enums, &mut d);
    let conditions = only(&node, "conditions");
    library.read_conditions(&conditions.iter().collect::<Vec<_>>(), &mut d);
    library.check(&mut d);
    if let (Some(answer), Some(reply)) = (answer, node.get("reply")) {
        let roots = vec![
            Root { name: "inputs".into(), kind: RootKind::Inputs, optional: false },
            Root { name: "".into(), kind: RootKind::Canonical(answer), optional: false },
        ];
        let made = library.encode(reply, &Scope { roots, alias: None }, None, &mut d);
        assert!(made.is_none() || !d.has_errors(), "{name}: a program beside a problem");
    }
    (sources, d)
}

#[test]
fn every_broken_mapping_is_told_what_is_wrong_with_it_and_where() {
    let mut files: Vec<_> = std::fs::read_dir(folder("tests/fixtures/mapping/bad"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 15);
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = text.lines().next().unwrap().strip_prefix("# expect: ").unwrap();
        let mut parts = expected.splitn(3, ' ');
        let (code, at, words) =
            (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        assert!(name.starts_with(code), "{name} is named after its code");
        let (sources, d) = problems(&name, &text);
        let found: Vec<String> = d
            .iter()
            .map(|d| {
                let (line, column) = sources.line_column(d.span);
                let help = d.help.as_deref().unwrap_or_default();
                format!("{} {line}:{column} {} / {help}", d.code, d.message)
            })
            .collect();
        let fits = found.len() == 1
            && found.iter().all(|f| f.starts_with(&format!("{code} {at} ")) && f.contains(words));
        if !fits {
            wrong.push(format!("{name}\n  expected {expected}\n  found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A second problem does not hide the first.
#[test]
fn all_problems_are_told_at_once() {
    let text = "
records:
  contact:
    canonical: Contact
    fields:
      a: $.nmae
      b: { at: $.email, as: lwoer }
      c: { at: $.blocked, enum: none }
      d: { at: $.avatar_url, record: picture }
";
    let (_, d) = problems("several.yaml", text);
    let codes: Vec<String> = d.iter().map(|d| d.code.to_string()).collect();
    assert_eq!(codes, ["E0302", "E0308", "E0304", "E0303"]);
}
