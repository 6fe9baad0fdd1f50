//! docs/gotchas.md says where each oddity of the old APIs is kept: what it names is there.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

/// Oddities that are known.
const KNOWN: usize = 40;

#[test]
fn every_oddity_is_kept_where_the_page_says() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = std::fs::read_to_string(docs.join("gotchas.md")).unwrap();
    let link = Regex::new(r"\[([^\]]+)\]\(([^)#]+)\)").unwrap();
    let (mut numbers, mut wrong) = (BTreeSet::new(), Vec::new());
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').splitn(4, " | ").map(str::trim).collect();
        let Ok(number) = cells[0].parse::<usize>() else { continue };
        assert!(numbers.insert(number), "{number} stands there twice");
        assert!(matches!(cells[2], "kept" | "not"), "{number} is kept or not: {}", cells[2]);
        let links: Vec<_> = link.captures_iter(cells[3]).collect();
        if links.is_empty() {
            wrong.push(format!("{number} names nothing"));
        }
        for found in links {
            let (words, target) = (&found[1], &found[2]);
            let Ok(text) = std::fs::read_to_string(docs.join(target)) else {
                wrong.push(format!("{number}: there is no {target}"));
                continue;
            };
            // A test is named by its function.
            let test = words.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
            if test.is_some_and(|name| !text.contains(&format!("fn {name}("))) {
                wrong.push(format!("{number}: {target} has no test {words}"));
            }
        }
    }
    assert_eq!(numbers, (1..=KNOWN).collect());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
