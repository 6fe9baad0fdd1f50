//! Faults planted into the shipped mappings, the examples taken away: each is found by the checker
//! or by the laws.

use std::collections::BTreeSet;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::{CANONICAL, Files};
use deskbridge::mapping::law::{Budget, prove};
use deskbridge::syntax::{Diagnostics, Node, Severity, Sources, yaml};

/// What every dialect is tried with.
const KINDS: [&str; 7] = [
    "wrong enum word",
    "swapped places",
    "wrong codec",
    "lost null",
    "missing fold",
    "wrong order",
    "dropped element",
];

/// Every place at its awkward values once.
const ROUNDS: u64 = 45;

/// The shipped files of a dialect, of what it extends and of the contract, without examples.
fn files(dialect: &str) -> Vec<(String, String)> {
    let shipped = Files::embedded();
    let text = |path: &str| shipped.read(path).unwrap().into_owned();
    let mut names = vec![CANONICAL.to_owned()];
    let mut next = Some(dialect.to_owned());
    while let Some(name) = next.take() {
        let head = text(&format!("{name}/dialect.yaml"));
        let base = head.lines().find_map(|line| line.strip_prefix("extends: "));
        next = base.map(|base| base.split('#').next().unwrap().trim().to_owned());
        names.push(name);
    }
    shipped
        .paths()
        .filter(|path| names.iter().any(|name| path.starts_with(&format!("{name}/"))))
        .filter(|path| !path.contains("/examples/"))
        .map(|path| (path.to_owned(), text(path)))
        .collect()
}

/// What is said about a dialect with these files: the first counterexample, or what is wrong with
/// the files themselves.
fn found(dialect: &str, files: &[(String, String)]) -> (Diagnostics, Sources) {
    let files = Files::from_texts(files.iter().map(|(path, text)| (&**path, &**text)));
    let mut sources = Sources::default();
    let (catalog, mut problems) = Catalog::load_all(&files, &mut sources);
    if let Some(catalog) = catalog {
        let dialect = catalog.named(dialect).unwrap();
        let budget = Budget { most: 1, smaller: false, ..Budget::rounds(0, ROUNDS) };
        let report =
            prove(dialect.library.as_ref().unwrap(), dialect.promises(), budget, &mut || false);
        report.violations.iter().for_each(|violation| problems.push(violation.diagnostic()));
    }
    (problems, sources)
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_text)
}

/// A fault and what came of it.
struct Plant<'n> {
    dialect: &'n str,
    what: String,
    node: &'n Node,
}

impl Plant<'_> {
    /// The line of the table, or what was told instead.
    fn tried(&self, own: &[(String, String)]) -> Result<String, String> {
        let [file, replace, by] =
            ["file", "replace", "by"].map(|key| text(self.node, key).unwrap());
        let mut planted = own.to_vec();
        // A file of the dialect below says whose it is.
        let path = match own.iter().any(|(name, _)| name == file) {
            true => file.to_owned(),
            false => format!("{}/{file}", self.dialect),
        };
        let (_, at) = planted.iter_mut().find(|(name, _)| *name == path).expect(&path);
        assert!(at.contains(replace), "{path} has no {replace:?}");
        *at = at.replacen(replace, by, 1);
        let (problems, sources) = found(self.dialect, &planted);
        let codes = self.node.get("found").and_then(Node::as_list).unwrap();
        let codes: Vec<&str> = codes.iter().filter_map(Node::as_text).collect();
        let told = problems.iter().find(|d| codes.contains(&&*d.code.to_string()));
        if let Some(d) = told {
            let (what, place) = (&self.what, sources.name(d.span.source));
            return Ok(format!("{:<17} {what:<62} {} {place}", self.dialect, d.code));
        }
        let others = problems.iter().filter(|d| d.severity == Severity::Error);
        let others: Vec<String> = others.map(|d| format!("{} {}", d.code, d.message)).collect();
        Err(format!("{}: {}: {replace:?} → {by:?}\n  {others:#?}", self.dialect, self.what))
    }
}

#[test]
fn every_planted_fault_is_found_without_the_examples() {
    let shipped = Files::embedded();
    let dialects = shipped.dialects().into_iter().filter(|name| *name != CANONICAL);
    let pages: Vec<(&str, Node)> = dialects
        .map(|dialect| {
            let name = format!("tests/fixtures/plants/{dialect}.yaml");
            let mut sources = Sources::default();
            let id = sources.add(&name, crate::support::text(&name));
            (dialect, yaml::parse(&sources, id, yaml::FILE_NODES).unwrap())
        })
        .collect();
    let mut lines = Vec::new();
    for (dialect, page) in &pages {
        let own = files(dialect);
        let plants: Vec<Plant<'_>> = page
            .get("plants")
            .and_then(Node::as_list)
            .unwrap()
            .iter()
            .map(|node| {
                let about = text(node, "about").map(|about| format!(": {about}"));
                let what = format!("{}{}", text(node, "kind").unwrap(), about.unwrap_or_default());
                Plant { dialect, what, node }
            })
            .collect();
        let kinds: BTreeSet<&str> = plants.iter().filter_map(|p| text(p.node, "kind")).collect();
        let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !kinds.contains(kind)).collect();
        assert!(missing.is_empty(), "nothing plants {missing:?} in {dialect}");
        let half = plants.len().div_ceil(2);
        let own = own.as_slice();
        let try_all = |part: &[Plant<'_>]| -> Vec<Result<String, String>> {
            part.iter().map(|plant| plant.tried(own)).collect()
        };
        std::thread::scope(|scope| {
            let (first, second) = plants.split_at(half);
            let first = scope.spawn(move || try_all(first));
            let second = try_all(second);
            lines.extend(first.join().unwrap());
            lines.extend(second);
        });
    }
    let (table, wrong): (Vec<_>, Vec<_>) = lines.into_iter().partition(Result::is_ok);
    let table: Vec<String> = table.into_iter().flatten().collect();
    let table = table.join("\n");
    println!("{table}");
    let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "not found:\n{}", wrong.join("\n"));
    insta::assert_snapshot!("plants", table);
}
