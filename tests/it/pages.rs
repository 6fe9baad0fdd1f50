//! Pages that people write: do they say what is there?

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use deskbridge::syntax::{Code, Severity};

use crate::generated::diagnostics::check;
use crate::support::{text, tutorial};

#[test]
fn every_diagnostic_has_its_section_and_is_said_somewhere() {
    let page = text("docs/diagnostics.md");
    let sections: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("### ")).collect();
    let codes: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(sections, codes);

    let mut sources = String::new();
    read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    let said: BTreeSet<&str> = sources
        .split("Code::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap())
        .collect();
    for code in Code::ALL {
        assert!(said.contains(&*format!("{code:?}")), "nothing says {code}");
    }
}

/// Every Rust file but tests.
fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            read_all(&path, into);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            into.push_str(text.split("#[cfg(test)]\nmod tests {").next().unwrap());
        }
    }
}

/// Whoever follows `mappings/README.md` step by step ends without a problem.
#[test]
fn the_first_mapping_of_ten_minutes_passes_the_check() {
    let (problems, sources) = check(&tutorial::files());
    assert!(problems.is_empty(), "{}", problems.render(&sources, false));
}

/// What the page shows as said about a slip is said about that slip.
#[test]
fn the_slip_that_the_first_mapping_shows_is_told_like_that() {
    let page = text("mappings/README.md");
    let shown = page.split("```text\nerror").nth(1).unwrap().split("\n```").next().unwrap();
    let mut files = tutorial::files();
    let records = files.get_mut("ticketly/records.yaml").unwrap();
    *records = records.replace("$.created_at", "$.crated_at");
    let (problems, sources) = check(&files);
    let error = problems.iter().find(|p| p.severity == Severity::Error).unwrap();
    let said = error.render(&sources, false);
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    assert_eq!(said.join("\n"), format!("error{shown}"));
}

/// Links of every page lead to files, and their anchors to headings.
#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    find_pages(root, &mut pages);
    assert!(pages.len() > 10, "{pages:?}");
    let mut wrong = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            if !target.exists() {
                wrong.push(format!("{}: {link}", page.display()));
            } else if !anchor.is_empty() && target.is_file() {
                let text = fs::read_to_string(&target).unwrap();
                if !text.lines().filter(|l| l.starts_with('#')).any(|l| slug(l) == anchor) {
                    wrong.push(format!("{}: no heading for {link}", page.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "links to nowhere:\n{}", wrong.join("\n"));
}

fn find_pages(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // `target` and what npm puts beside the bench's gateway are nobody's pages.
        let made = ["target", "node_modules"].contains(&&*name);
        if path.is_dir() && !made && !name.starts_with('.') {
            find_pages(&path, into);
        } else if name.ends_with(".md") {
            into.push(path);
        }
    }
}

/// The anchor that a heading gets where pages are shown.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
