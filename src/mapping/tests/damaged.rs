//! Damaged mappings are reported, never a panic.

use proptest::prelude::*;

use crate::mapping::{Library, Settings};
use crate::syntax::{Diagnostics, Sources, yaml};

use super::{contract, folder};

/// What a damaged value is replaced with.
const JUNK: [&str; 14] = [
    "~",
    "1",
    "[]",
    "{}",
    "$",
    "$.",
    "$.x",
    "$.messages[*].kind",
    "\"$.messages[7]\"",
    "{ at: $ }",
    "{ relation: status }",
    "{ record: conversation }",
    "{ fields: { a: $.number } }",
    "[ $, $ ]",
];

fn damaged(text: &str, at: usize, how: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = at % lines.len();
    let mut out = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match (index == at, how % (JUNK.len() + 1)) {
            (false, _) => out.push((*line).to_owned()),
            (true, 0) => {}
            (true, how) => out.push(match line.split_once(": ") {
                Some((key, _)) => format!("{key}: {}", JUNK[how - 1]),
                None => (*line).to_owned(),
            }),
        }
    }
    out.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_damaged_mapping_never_panics(
        hits in proptest::collection::vec((0usize..1000, 0usize..100), 1..4),
        enums in any::<bool>(),
    ) {
        let mut sources = Sources::default();
        let contract = contract(&mut sources);
        let mut read = |name: &str, damage: bool| {
            let path = folder(&format!("mappings/third-party/{name}.yaml"));
            let mut text = std::fs::read_to_string(path).unwrap();
            for (at, how) in hits.iter().filter(|_| damage) {
                text = damaged(&text, *at, *how);
            }
            let id = sources.add(name, text);
            yaml::parse(&sources, id, yaml::FILE_NODES).ok()
        };
        let (records, tables) = (read("records", !enums), read("enums", enums));
        let (Some(records), Some(tables)) = (records, tables) else { return Ok(()) };
        let mut d = Diagnostics::default();
        let library =
            Library::read(contract, Settings::default(), &[&records], &[&tables], &mut d);
        library.check(&mut d);
        library.report_unused(&mut d);
        let _ = d.render(&sources, false);
    }
}
