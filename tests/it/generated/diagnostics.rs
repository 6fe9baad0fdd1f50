//! `docs/diagnostics.md`, out of `tests/fixtures/diagnostics.yaml`: every example is run, and what is
//! said about it is what `deskbridge check` says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use deskbridge::config::{self, Fixed, Flags, Input};
use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::examples;
use deskbridge::mapping::law::{Budget, prove};
use deskbridge::syntax::{Code, Diagnostics, Node, Severity, Sources, yaml};

use super::settle;
use crate::support::{text, tutorial};

const CASES: &str = "tests/fixtures/diagnostics.yaml";

/// The chapter of the laws.
const LAWS: u16 = 9;
/// As many rounds of the laws as show what the examples are of.
const ROUNDS: u64 = 80;

const HEAD: &str = "\
<!-- Written by `make generate` out of tests/fixtures/diagnostics.yaml. -->
# Diagnostics

What `deskbridge check`, and `deskbridge serve` before it opens a port, can say about mapping files and
configurations. All problems are told at once. An error keeps the files from loading; a warning does not.
A code keeps its meaning from release to release and is never used again for something else.

The examples are slips in the dialect of [your first mapping](../mappings/README.md).
";

#[test]
fn the_page_of_diagnostics() {
    let mut sources = Sources::default();
    let id = sources.add(CASES, text(CASES));
    let cases = yaml::parse(&sources, id, yaml::FILE_NODES).unwrap();
    let mut page = HEAD.to_owned();
    let mut chapter = 0;
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let case = cases.get(&code.to_string()).unwrap_or_else(|| panic!("no example of {code}"));
        if *code as u16 / 100 != chapter {
            chapter = *code as u16 / 100;
            write!(page, "\n## {}\n", title(chapter)).unwrap();
        }
        let cause = format!("{}. {}", capital(code.summary()), prose(case, "cause"));
        write!(page, "\n### {code}\n\n{}\n", wrapped(&cause)).unwrap();
        for entry in case.get("add").and_then(Node::as_map).unwrap_or_default() {
            let yaml = entry.value.as_text().unwrap();
            write!(page, "\n```yaml\n{yaml}```\n").unwrap();
        }
        let (problems, sources) = match case.get("configuration") {
            Some(yaml) => {
                write!(page, "\n```yaml\n{}```\n", yaml.as_text().unwrap()).unwrap();
                configuration(yaml.as_text().unwrap(), case)
            }
            None => mappings(case, *code as u16 / 100 == LAWS),
        };
        let said = said(*code, &problems, &sources).unwrap_or_else(|problem| {
            wrong.push(problem);
            String::new()
        });
        let remedy = wrapped(&format!("**Remedy.** {}", prose(case, "remedy")));
        write!(page, "\n```text\n{said}\n```\n\n{remedy}\n").unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(cases.as_map().unwrap().len(), Code::ALL.len(), "an example of no code");
    settle("docs/diagnostics.md", &page);
}

fn title(chapter: u16) -> &'static str {
    match chapter {
        1 => "The text",
        2 => "The contract",
        3 => "Names and places",
        4 => "Types and directions",
        5 => "Routes",
        6 => "Examples",
        7 => "Leftovers",
        8 => "Configuration",
        9 => "The laws",
        other => panic!("a chapter without a title: {other}"),
    }
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

/// Lines of at most a hundred characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + word.chars().count() < 100 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

fn prose<'c>(case: &'c Node, key: &str) -> &'c str {
    case.get(key).and_then(Node::as_text).unwrap_or_else(|| panic!("no `{key}` in {case:?}"))
}

/// What is said of the code, and of nothing else but warnings.
fn said(code: Code, problems: &Diagnostics, sources: &Sources) -> Result<String, String> {
    let mut all = Vec::new();
    for problem in problems.iter() {
        let shown = problem.render(sources, false);
        if problem.code == code {
            all.push(shown);
        } else if problem.severity == Severity::Error && !both_laws(code, problem.code) {
            return Err(format!("in the example of {code}:\n{shown}"));
        }
    }
    if all.is_empty() {
        return Err(format!("the example of {code} does not show it: {problems}"));
    }
    let lines = all.join("\n\n");
    Ok(lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

/// What breaks one law may well break another.
fn both_laws(one: Code, other: Code) -> bool {
    one as u16 / 100 == LAWS && other as u16 / 100 == LAWS
}

fn mappings(case: &Node, laws: bool) -> (Diagnostics, Sources) {
    let mut files = tutorial::files();
    let map = |key: &str| case.get(key).and_then(Node::as_map).unwrap_or_default();
    for entry in map("change") {
        let text = files.get_mut(&entry.key).unwrap_or_else(|| panic!("no {}", entry.key));
        for change in entry.value.as_map().unwrap() {
            assert_eq!(text.matches(&change.key).count(), 1, "{} in {}", change.key, entry.key);
            *text = text.replacen(&change.key, change.value.as_text().unwrap(), 1);
        }
    }
    for entry in map("add") {
        let text = entry.value.as_text().unwrap().to_owned();
        assert!(files.insert(entry.key.clone(), text).is_none(), "{} is there", entry.key);
    }
    for name in case.get("remove").and_then(Node::as_list).unwrap_or_default() {
        files.remove(name.as_text().unwrap()).unwrap();
    }
    let (problems, sources) = check(&files);
    match laws {
        true => proved(&files, problems, sources),
        false => (problems, sources),
    }
}

/// What it says of the laws, after the rest.
fn proved(
    files: &BTreeMap<String, String>,
    mut problems: Diagnostics,
    mut sources: Sources,
) -> (Diagnostics, Sources) {
    let files = Files::from_texts(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let (catalog, _) = Catalog::load_all(&files, &mut sources);
    for dialect in &catalog.unwrap().dialects {
        let (library, promises) = (dialect.library.as_ref().unwrap(), dialect.promises());
        let report = prove(library, promises, Budget::rounds(0, ROUNDS), &mut || false);
        report.violations.iter().for_each(|violation| problems.push(violation.diagnostic()));
    }
    (problems, sources)
}

/// What `deskbridge check` says of files, laws aside.
pub(crate) fn check(files: &BTreeMap<String, String>) -> (Diagnostics, Sources) {
    let files = Files::from_texts(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let mut sources = Sources::default();
    let (catalog, mut problems) = Catalog::load_all(&files, &mut sources);
    if let Some(catalog) = catalog {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(examples::run(catalog, &files, &mut sources, &mut problems));
    }
    (problems, sources)
}

fn configuration(yaml: &str, case: &Node) -> (Diagnostics, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    std::fs::write(&file, yaml).unwrap();
    let environment = case.get("environment").and_then(Node::as_map).unwrap_or_default();
    let environment = environment
        .iter()
        .map(|e| (e.key.clone(), e.value.as_text().unwrap().to_owned()))
        .collect();
    let input = Input { file: Some(file.clone()), environment, flags: Flags::default() };
    let fixed = case.get("before").and_then(Node::as_text).map(|before| {
        std::fs::write(&file, before).unwrap();
        let running = config::load(&input).unwrap();
        std::fs::write(&file, yaml).unwrap();
        Fixed::of(&running)
    });
    let problems = match (config::load(&input), fixed) {
        (Ok(config), Some(fixed)) => config.check_fixed(&fixed).unwrap_err(),
        (Ok(config), None) => config.check_dialects(&Files::embedded().dialects()).unwrap_err(),
        (Err(problems), _) => problems,
    };
    // The file under the name it has for its author.
    let mut sources = Sources::default();
    let id = sources.add("deskbridge.yaml", yaml);
    for problem in problems.diagnostics.iter() {
        assert_eq!(problem.span.source, id, "{problem:?}");
    }
    (problems.diagnostics, sources)
}
