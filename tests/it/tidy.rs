//! The architecture as tests: the picture in ARCHITECTURE.md, made executable.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may import whom, besides `error` and `telemetry::record`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("syntax", &[]),
    ("json", &[]),
    ("turn", &[]),
    ("alarm", &[]),
    ("canonical", &["syntax", "json"]),
    ("error", &["canonical"]),
    ("mapping", &["canonical", "syntax", "json"]),
    ("dialect", &["mapping", "canonical", "syntax", "json"]),
    ("coverage", &["dialect", "mapping", "canonical", "syntax"]),
    ("call", &["dialect", "canonical"]),
    ("forwarded", &["server"]), // networks
    ("telemetry", &["canonical", "forwarded"]),
    ("limit", &["canonical"]),
    ("auth", &["call", "dialect", "canonical", "json"]),
    (
        "translate",
        &["call", "dialect", "forwarded", "mapping", "canonical", "json", "syntax", "telemetry"],
    ), // `telemetry`: the traced request
    (
        "examples",
        &[
            "auth",
            "call",
            "translate",
            "dialect",
            "canonical",
            "forwarded",
            "json",
            "syntax",
            "telemetry",
        ],
    ), // runs the seam
    ("cache", &["canonical", "json"]), // never a dialect, never http
    ("sandbox", &["canonical", "syntax", "json"]),
    ("upstream", &["alarm", "canonical", "dialect", "json", "turn"]),
    ("server", &["alarm", "turn"]),
    (
        "stack",
        &[
            "auth",
            "cache",
            "call",
            "canonical",
            "dialect",
            "forwarded",
            "limit",
            "sandbox",
            "telemetry",
            "translate",
            "upstream",
        ],
    ),
    ("admin", &["dialect", "telemetry"]),
    ("events", &["admin", "cache", "canonical", "telemetry"]), // what the admin listener tells the cache
];

/// Rooms that may import anything.
const THE_TOP: &[&str] = &["app", "cli", "config", "main", "lib"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn room(file: &Path) -> String {
    let below = file.strip_prefix(root().join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Every `crate::<room>` that a line of code names. Links in doc comments are no imports.
fn imports(line: &str) -> Vec<(String, String)> {
    let code = line.trim_start();
    if code.starts_with("//") {
        return Vec::new();
    }
    code.match_indices("crate::")
        .map(|(at, _)| {
            let rest = &code[at + "crate::".len()..];
            let word = |text: &str| {
                text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
            };
            let first = word(rest);
            let second = rest[first.len()..].strip_prefix("::").map(word).unwrap_or_default();
            (first, second)
        })
        .collect()
}

#[test]
fn modules_import_only_what_the_architecture_allows() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let room = room(&file);
        if THE_TOP.contains(&room.as_str()) {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: `{room}` has no row in the import table", file.display()));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for (imported, inner) in imports(line) {
                let everywhere = imported == "error"
                    || (imported == "telemetry" && inner == "record")
                    || imported == room;
                if !everywhere && !allowed.contains(&imported.as_str()) {
                    wrong.push(format!(
                        "{}:{}: `{room}` imports `{imported}`",
                        file.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden imports:\n{}", wrong.join("\n"));
}

#[test]
fn configuration_is_read_only_at_the_top() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        if THE_TOP.contains(&room(&file).as_str()) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        if text.lines().flat_map(imports).any(|(first, _)| first == "config") {
            wrong.push(file.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "`config` is for app, cli and main:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let mut long = Vec::new();
    for folder in ["src", "tests", "benches"] {
        if !root().join(folder).is_dir() {
            continue;
        }
        for file in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            if lines > 500 {
                long.push(format!("{}: {lines}", file.display()));
            }
        }
    }
    assert!(long.is_empty(), "split by reason to exist:\n{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = rust_files(&root().join("src"))
        .into_iter()
        .filter(|file| {
            let tests =
                file.components().any(|c| c.as_os_str().to_string_lossy().starts_with("tests"));
            !tests && !fs::read_to_string(file).unwrap().starts_with("//!")
        })
        .collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn no_tree_is_built_on_the_hot_path() {
    let mut wrong = Vec::new();
    let hot = ["src/json", "src/mapping/run"];
    for file in hot.iter().flat_map(|folder| rust_files(&root().join(folder))) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name == "reference.rs"
            || name.contains("tests")
            || file.components().any(|c| c.as_os_str() == "reference" || c.as_os_str() == "tests")
        {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        if code.contains("serde_json") {
            wrong.push(file.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "serde_json in {wrong:?}");
}

#[test]
fn nothing_is_left_undone_or_skipped() {
    // Put together here, so that this file does not contain them itself.
    let words = ["todo", "unimplemented"].map(|w| format!("{w}!("));
    let marks =
        ["#[ig", "FIX", "XX"].iter().zip(["nore", "ME", "X"]).map(|(a, b)| format!("{a}{b}"));
    let forbidden: Vec<String> = words.into_iter().chain(marks).collect();
    let mut wrong = Vec::new();
    for file in ["src", "tests"].iter().flat_map(|folder| rust_files(&root().join(folder))) {
        let text = fs::read_to_string(&file).unwrap();
        for word in &forbidden {
            if text.contains(word.as_str()) {
                wrong.push(format!("{}: {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_fits_and_the_pages_it_names_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150, "README.md is longer than 150 lines");
    let mut missing = Vec::new();
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") && !root().join(target).exists() {
                missing.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(missing.is_empty(), "links to nowhere: {missing:?}");
}
