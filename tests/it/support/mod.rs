//! What the tests share: the gateway in a process of its own or in this one, a client, a backend
//! that can be told what to answer.

use deskbridge::dialect::embedded::{CONTRACT, Files};

pub(crate) mod backend;
pub(crate) mod client;
pub(crate) mod desk;
pub(crate) mod dialects;
pub(crate) mod fault;
pub(crate) mod faulty;
pub(crate) mod gateway;
pub(crate) mod records;
pub(crate) mod shipped;
pub(crate) mod tutorial;

/// The text of a file of the project.
pub(crate) fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Puts into a folder of mappings a contract by which answers hold for as long as any may. On a slow
/// machine a test may take longer than they do otherwise.
pub(crate) fn answers_last(folder: &std::path::Path) {
    let contract = Files::embedded().read(CONTRACT).unwrap().into_owned();
    let lines = contract.split('\n').map(|line| match line.split_once("  ttl: ") {
        Some((indent, _)) => format!("{indent}  ttl: 1h"),
        None => line.to_owned(),
    });
    let path = folder.join(CONTRACT);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

/// Lays a copy of a folder, with all that is in it, at another place.
pub(crate) fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
