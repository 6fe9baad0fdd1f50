//! The laws of every record of every shipped dialect.

use std::collections::BTreeSet;
use std::process::Command;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::mapping::law::{Budget, prove};
use deskbridge::syntax::{Diagnostics, Sources};

use crate::support::tutorial;

/// Rounds for every record: most of the awkward values of each place.
const ROUNDS: u64 = 30;

#[test]
fn the_laws_hold_of_every_record() {
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&Files::embedded(), &mut sources);
    let catalog = catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)));
    let mut wrong = Diagnostics::default();
    let budget = Budget::rounds(0, ROUNDS);
    for dialect in catalog.dialects.iter().filter(|d| !d.records.is_empty()) {
        let report =
            prove(dialect.library.as_ref().unwrap(), dialect.promises(), budget, &mut || false);
        println!(
            "{}: {} records, {} values, {} went through",
            dialect.name, report.records, report.cases, report.held
        );
        assert_eq!(report.records, dialect.records.len(), "{}", dialect.name);
        assert!(report.held * 2 > report.cases, "{}: too little was tried", dialect.name);
        report.violations.iter().for_each(|violation| wrong.push(violation.diagnostic()));
    }
    assert!(wrong.is_empty(), "{}", wrong.render(&sources, false));
}

/// Small mappings that load and yet break a law, kept as files: the code, the place and the words of
/// what is said about each; and one that breaks none. They lie beside those of the tutorial.
///
/// The first line of a file is `# expect: CODE LINE:COLUMN text of the message`, or `# expect: none`.
/// A line `--- name` begins another file.
#[test]
fn a_broken_law_is_told_at_its_rule() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mapping/laws");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut wrong = Vec::new();
    let mut codes = BTreeSet::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = text.lines().next().unwrap().strip_prefix("# expect: ").unwrap();
        let mut files = tutorial::files();
        for part in format!("--- records/{name}\n{text}").split("--- ").skip(1) {
            let (file, text) = part.split_once('\n').unwrap();
            files.insert(format!("ticketly/{file}"), text.to_owned());
        }
        let files = Files::from_texts(files.iter().map(|(path, text)| (&**path, &**text)));
        let mut sources = Sources::default();
        let (catalog, diagnostics) = Catalog::load_all(&files, &mut sources);
        let catalog = catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)));
        let dialect = catalog.named("ticketly").unwrap();
        let budget = Budget::rounds(1, 80);
        let report =
            prove(dialect.library.as_ref().unwrap(), dialect.promises(), budget, &mut || false);
        let told: Vec<String> = report
            .violations
            .iter()
            .map(|violation| {
                let d = violation.diagnostic();
                let (line, column) = sources.line_column(d.span);
                format!("{} {line}:{column} {}", d.code, d.message)
            })
            .collect();
        let mut parts = expected.splitn(3, ' ');
        let fits = match (parts.next(), parts.next(), parts.next()) {
            (Some(code), Some(at), Some(words)) => {
                assert!(name.starts_with(code), "{name} is named after its code");
                codes.insert(code.to_owned());
                told.iter().any(|t| t.starts_with(&format!("{code} {at} ")) && t.contains(words))
            }
            _ => told.is_empty() && report.held * 2 > report.cases,
        };
        if !fits {
            wrong.push(format!("{name}\n  expected {expected}\n  told {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(codes.len(), 5, "a law without a mapping that breaks it: {codes:?}");
}

#[test]
fn what_claims_to_go_both_ways_does() {
    let (catalog, _) = Catalog::load_all(&Files::embedded(), &mut Sources::default());
    let mut both = 0;
    for dialect in &catalog.unwrap().dialects {
        for (name, encode, decode) in &dialect.records {
            let about = dialect.library.as_ref().unwrap().about(name).unwrap();
            assert_eq!(encode.is_some(), about.encodes, "{} {name}", dialect.name);
            assert_eq!(decode.is_some(), about.decodes, "{} {name}", dialect.name);
            both += usize::from(about.encodes && about.decodes);
        }
    }
    assert!(both >= 25, "{both}");
}

#[test]
fn the_same_seed_tries_the_same() {
    let (catalog, _) = Catalog::load_all(&Files::embedded(), &mut Sources::default());
    let catalog = catalog.unwrap();
    let dialect = catalog.named("third-party").unwrap();
    let tried = |seed| {
        let report =
            prove(dialect.library.as_ref().unwrap(), None, Budget::rounds(seed, 3), &mut || false);
        (report.cases, report.held)
    };
    assert_eq!(tried(7), tried(7));
    // Whoever says when it is enough is asked before every value.
    let mut left = 5;
    let mut enough = || {
        left -= 1;
        left < 0
    };
    let budget = Budget::rounds(7, 100);
    assert_eq!(prove(dialect.library.as_ref().unwrap(), None, budget, &mut enough).cases, 5);
}

#[test]
fn the_command_translates_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let full = format!(
        "{}/mappings/canonical/examples/conversation.full.json",
        env!("CARGO_MANIFEST_DIR")
    );
    for dialect in ["public-inbox", "account", "third-party"] {
        let translate = |direction: &str, file: &str| {
            let out = Command::new(env!("CARGO_BIN_EXE_deskbridge"))
                .args(["translate", "--dialect", dialect, "--record", "conversation"])
                .args(["--direction", direction, file])
                .output()
                .unwrap();
            assert!(out.status.success(), "{dialect} {}", String::from_utf8_lossy(&out.stderr));
            let to = folder.path().join(format!("{dialect}.json"));
            std::fs::write(&to, &out.stdout).unwrap();
            (String::from_utf8(out.stdout).unwrap(), to.display().to_string())
        };
        let mut written = Vec::new();
        let mut file = full.clone();
        for _ in 0..3 {
            let (theirs, encoded) = translate("encode", &file);
            (_, file) = translate("decode", &encoded);
            written.push(theirs);
        }
        // The first way back loses what goes one way; after that nothing changes.
        assert_eq!(written[1], written[2], "{dialect}");
        assert!(written[0].len() > 500, "{dialect}");
    }
}
