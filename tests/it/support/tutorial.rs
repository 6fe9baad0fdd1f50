//! The dialect that `mappings/README.md` writes step by step, as files.

use std::collections::BTreeMap;

use deskbridge::dialect::embedded::{CANONICAL, Files};

/// The tutorial's own files by their path: `ticketly/dialect.yaml`.
pub(crate) fn dialect() -> BTreeMap<String, String> {
    let page = super::text("mappings/README.md");
    let mut files = BTreeMap::new();
    let mut named = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let name = line
            .split('`')
            .skip(1)
            .step_by(2)
            .find(|word| word.ends_with(".yaml") && *word != "deskbridge.yaml");
        if let Some(name) = name.filter(|_| line.starts_with("**")) {
            let name = name.trim_start_matches("mappings/").trim_start_matches("ticketly/");
            named = Some(format!("ticketly/{name}"));
        }
        if line == "```yaml"
            && let Some(name) = named.take()
        {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            files.insert(name, block.join("\n") + "\n");
        }
    }
    assert_eq!(files.len(), 5, "dialect, records, enums, routes, example: {:?}", files.keys());
    files
}

/// The tutorial's files and the contract's beside them.
pub(crate) fn files() -> BTreeMap<String, String> {
    let shipped = Files::embedded();
    let mut all = dialect();
    for path in shipped.paths().filter(|path| path.starts_with(CANONICAL)) {
        all.insert(path.to_owned(), shipped.read(path).unwrap().into_owned());
    }
    all
}
