//! One key out of a file, without judging the rest: for those who ask a running gateway and must
//! not need its secrets.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::syntax::{Node, Sources, yaml};

/// `admin.listen` of a configuration file, if it can be read and says so.
#[must_use]
pub fn admin_listen(file: &Path) -> Option<SocketAddr> {
    let text = fs::read_to_string(file).ok()?;
    let mut sources = Sources::default();
    let id = sources.add("", text.as_str());
    let root = yaml::parse(&sources, id, yaml::CONFIG_NODES).ok()?;
    root.get("admin")?.get("listen").and_then(Node::as_text)?.parse().ok()
}
