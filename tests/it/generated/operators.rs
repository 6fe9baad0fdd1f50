//! The tables of operators and codecs in `docs/mapping.md`, out of the tables that the language is
//! read with. Each example is compiled and run: what the page shows is what came out.

use std::fmt::Write as _;

use deskbridge::dialect::Dialect;
use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::{CANONICAL, Files};
use deskbridge::mapping::plan::Program;
use deskbridge::mapping::run::{Scratch, run as execute};
use deskbridge::mapping::{AT_MOST, CODECS, Example, Given, NAMED, OPERATORS};
use deskbridge::syntax::Sources;
use serde_json::Value;

use super::settle_part;
use crate::support::text;

const FOLDER: &str = "tests/fixtures/operators";
const CONTRACT: &str = "canonical/openapi.yaml";
const DIALECT: &str = "examples";

/// A record for the page.
struct Shown {
    record: String,
    fields: String,
    beside: String,
    given: Given,
}

impl Shown {
    fn operator(name: &str, number: usize, example: &Example) -> Self {
        Self {
            record: format!("{name}_{number}"),
            fields: example.fields.to_owned(),
            beside: example.beside.to_owned(),
            given: example.given,
        }
    }

    fn yaml(&self) -> String {
        let indented = |text: &str, by: usize| {
            let line = |l: &str| format!("{:by$}{l}\n", "");
            text.lines().map(line).collect::<String>()
        };
        let (fields, beside) = (indented(&self.fields, 6), indented(&self.beside, 4));
        format!("  {}:\n    canonical: Ticket\n{beside}    fields:\n{fields}", self.record)
    }
}

/// Compiles the records of all examples, in a dialect of their own over the schema of the fixture.
fn compiled(shown: &[Shown]) -> Catalog {
    let shipped = Files::embedded();
    let mut files: Vec<(String, String)> = shipped
        .paths()
        .filter(|path| path.starts_with(CANONICAL))
        .map(|path| (path.to_owned(), shipped.read(path).unwrap().into_owned()))
        .collect();
    let contract = files.iter_mut().find(|(path, _)| path == CONTRACT).unwrap();
    let schemas = text(&format!("{FOLDER}/schemas.yaml"));
    contract.1 = contract.1.replacen("\n  schemas:\n", &format!("\n  schemas:\n{schemas}"), 1);
    for file in ["dialect", "enums", "conditions", "records", "routes"] {
        let mut written = text(&format!("{FOLDER}/{file}.yaml"));
        if file == "records" {
            written.extend(shown.iter().map(Shown::yaml));
        }
        files.push((format!("{DIALECT}/{file}.yaml"), written));
    }
    let files = Files::from_texts(files.iter().map(|(p, t)| (p.as_str(), t.as_str())));
    let mut sources = Sources::default();
    let (catalog, problems) = Catalog::load_all(&files, &mut sources);
    assert!(!problems.has_errors(), "{}", problems.render(&sources, false));
    catalog.unwrap()
}

fn run(program: &Program, body: &str) -> String {
    let mut out = Vec::new();
    execute(program, &[Some(body.as_bytes())], &mut Scratch::default(), &mut out)
        .unwrap_or_else(|faults| panic!("{body}: {faults:?}"));
    String::from_utf8(out).unwrap()
}

/// What there is in a canonical object: members that hold nothing are not worth showing.
fn filled(json: &str) -> String {
    let object: serde_json::Map<String, Value> = serde_json::from_str(json).unwrap();
    let empty = |v: &Value| match v {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let kept: serde_json::Map<_, _> = object.into_iter().filter(|(_, v)| !empty(v)).collect();
    Value::Object(kept).to_string()
}

/// (canonical, the arrow between, theirs) of an example.
fn result(dialect: &Dialect, shown: &Shown) -> (String, &'static str, String) {
    let (_, encode, decode) =
        dialect.records.iter().find(|(name, ..)| **name == *shown.record).unwrap();
    match (shown.given, encode, decode) {
        (Given::Canonical(canonical), Some(encode), None) => {
            (canonical.to_owned(), "→", run(encode, canonical))
        }
        (Given::Canonical(canonical), Some(encode), Some(decode)) => {
            let theirs = run(encode, canonical);
            let back = run(decode, &theirs);
            let same = filled(&back) == filled(canonical);
            (canonical.to_owned(), if same { "↔" } else { "→" }, theirs)
        }
        (Given::Theirs(theirs), _, Some(decode)) => {
            (filled(&run(decode, theirs)), "←", theirs.to_owned())
        }
        (given, ..) => panic!("{}: {given:?} goes no way", shown.record),
    }
}

/// Text of a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Code of a cell; lines stay lines.
fn code(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let inner = line.trim_start();
            format!("{}`{}`", "&nbsp;&nbsp;".repeat((line.len() - inner.len()) / 2), cell(inner))
        })
        .collect();
    lines.join("<br>")
}

#[test]
fn the_tables_of_operators_and_codecs() {
    let mut operators = Vec::new();
    for operator in OPERATORS {
        for (number, example) in operator.examples.iter().enumerate() {
            let own = format!("{}:", operator.name);
            let shown = Shown::operator(operator.name, number, example);
            let there = operator.name == "at"
                || shown.yaml().split(['{', ' ', '\n']).any(|word| word == own);
            assert!(there, "the example of `{}` has no such key", operator.name);
            operators.push(shown);
        }
    }
    let codecs: Vec<_> = CODECS.iter().chain([&NAMED, &AT_MOST]).collect();
    let mut all = operators;
    for word in &codecs {
        let name = word.name.replace("_N", "_10").replace("_MEMBER", "_slug");
        let canonical = match name.as_str() {
            _ if word.means.starts_with("time") => "$.created_at",
            "date" => "$.due_on",
            "number_text" => "$.score",
            "at_most_10" => "$.limit",
            _ => "$.title",
        };
        let value = |json: &'static str, key: &str| format!("{{\"{key}\":{json}}}").leak();
        let place = canonical.trim_start_matches("$.");
        let given = match word.example {
            Given::Canonical(json) => Given::Canonical(value(json, place)),
            Given::Theirs(json) => Given::Theirs(value(json, "their")),
        };
        let beside = word.only.map(|only| format!("only: {only}\nwhy: one way\n"));
        all.push(Shown {
            record: format!("codec_{name}"),
            fields: format!("their: {{ at: {canonical}, as: {name} }}"),
            beside: beside.unwrap_or_default(),
            given,
        });
    }
    let catalog = compiled(&all);
    let dialect = catalog.named(DIALECT).unwrap();
    let mut results = all.iter().map(|shown| (shown, result(dialect, shown)));

    let mut page = String::from(
        "| operator | | example | canonical | | theirs |\n|---|---|---|---|---|---|\n",
    );
    for operator in OPERATORS {
        let mut says = (format!("**`{}`**", operator.name), cell(operator.means));
        if operator.examples.is_empty() {
            writeln!(page, "| {} | {} | | | | |", says.0, says.1).unwrap();
        }
        for _ in operator.examples {
            let (shown, (canonical, arrow, theirs)) = results.next().unwrap();
            let goes = if shown.beside.contains("only: ") { "one way" } else { "↔" };
            assert!(goes != "↔" || arrow == goes, "{}: {canonical} {theirs}", shown.record);
            let written = code(&shown.fields);
            let (canonical, theirs) = (code(&canonical), code(&theirs));
            let (name, means) = std::mem::take(&mut says);
            writeln!(page, "| {name} | {means} | {written} | {canonical} | {arrow} | {theirs} |")
                .unwrap();
        }
    }
    settle_part("docs/mapping.md", "operators", &page);

    let mut page =
        String::from("| codec | | loses | canonical | | theirs |\n|---|---|---|---|---|---|\n");
    for word in codecs {
        let (_, (canonical, arrow, theirs)) = results.next().unwrap();
        // The text of the one member, as it stands: numbers keep their spelling.
        let value = |json: &str| match json.split_once(':') {
            Some((_, value)) => value.trim_end_matches('}').to_owned(),
            None => "null".to_owned(),
        };
        let (canonical, theirs) = (code(&value(&canonical)), code(&value(&theirs)));
        writeln!(
            page,
            "| **`{}`** | {} | {} | {canonical} | {arrow} | {theirs} |",
            word.name,
            cell(word.means),
            word.loses
        )
        .unwrap();
    }
    settle_part("docs/mapping.md", "codecs", &page);
    assert!(results.next().is_none());
}
