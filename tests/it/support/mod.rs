//! What the tests share: the gateway in a process of its own or in this one, a client, a backend
//! that can be told what to answer.

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
