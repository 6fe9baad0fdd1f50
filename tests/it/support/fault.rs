//! Faults made in copies of the shipped mappings: `tests/fixtures/mapping/faults`.

use std::path::Path;

use super::copy;

/// A fault made in a copy of the shipped mappings, kept as a file: what is expected of `check`, and
/// lines of a file with what stands in their place.
pub(crate) struct Fault {
    /// `CODE file:line:column`, one for each problem. A line of `+2` is two below the one at which the
    /// file was changed, so that a file may grow above it.
    expect: Vec<String>,
    /// What `check` ends with: 0 where it is a warning.
    pub(crate) exit: i32,
    /// Words that the first problem's message or help holds.
    pub(crate) words: String,
    file: String,
    old: String,
    new: String,
}

impl Fault {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut fault = Self {
            expect: Vec::new(),
            exit: 1,
            words: String::new(),
            file: String::new(),
            old: String::new(),
            new: String::new(),
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split_at(1) {
                ("-", rest) => fault.old.push_str(&format!("{rest}\n")),
                ("+", rest) => fault.new.push_str(&format!("{rest}\n")),
                _ => match line.split_once(": ").unwrap() {
                    ("expect", rest) => fault.expect.push(rest.to_owned()),
                    ("exit", rest) => fault.exit = rest.parse().unwrap(),
                    ("words", rest) => rest.clone_into(&mut fault.words),
                    ("file", rest) => rest.clone_into(&mut fault.file),
                    _ => panic!("{}: {line}", path.display()),
                },
            }
        }
        fault
    }

    /// Lays the dialect with the fault into a folder of its own, and says at which line it was changed.
    pub(crate) fn make(&self, exported: &Path, folder: &Path) -> usize {
        let (dialect, _) = self.file.split_once('/').unwrap();
        copy(&exported.join(dialect), &folder.join(dialect));
        let path = folder.join(&self.file);
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        let place = old.find(&self.old);
        let place = place.unwrap_or_else(|| panic!("{} has not\n{}", self.file, self.old));
        std::fs::write(&path, old.replacen(&self.old, &self.new, 1)).unwrap();
        old[..place].lines().count() + 1
    }

    /// What is expected, with the line of the change filled in.
    pub(crate) fn expected(&self, changed: usize) -> Vec<String> {
        let filled = |expect: &String| match expect.split_once(":+") {
            Some((file, rest)) => {
                let (below, column) = rest.split_once(':').unwrap();
                format!("{file}:{}:{column}", changed + below.parse::<usize>().unwrap())
            }
            None => expect.clone(),
        };
        self.expect.iter().map(filled).collect()
    }
}
