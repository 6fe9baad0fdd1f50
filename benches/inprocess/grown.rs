//! Mappings that grow: dialects with any number of routes, and any number of dialects.

use deskbridge::canonical::Tenant;
use deskbridge::dialect::catalog::{Catalog, MountSpec};
use deskbridge::dialect::embedded::{CONTRACT, Files};
use deskbridge::syntax::Sources;

/// A mapping file: its path and its text.
pub(crate) type Text = (String, String);

/// A dialect at `/NAME` with so many routes.
pub(crate) fn dialect(name: &str, routes: usize) -> [Text; 2] {
    let head = format!(
        "language: 1\ndialect: {name}\nsystem: x\nmount: /{name}
credentials: {{ c: {{ default: true, in: {{ header: k }}, yields: {{ kind: agent }} }} }}
errors: {{ default: {{ text: no }} }}\n"
    );
    let mut lines = String::from("routes:\n");
    for index in 0..routes {
        let (line, name) = (line(index), index);
        lines.push_str(&format!(
            "  r{name}: {{ request: '{line}', call: {{ operation: resolve.inbox, path: {{ identifier: x }} }}, reply: {{ empty: true }} }}\n"
        ));
    }
    [(format!("{name}/dialect.yaml"), head), (format!("{name}/routes.yaml"), lines)]
}

/// The request line of a route of [`dialect`].
fn line(index: usize) -> String {
    // As APIs are: a few methods on one address, a few addresses below one object.
    let (object, below) = (index / 5, ["", "/events", "/notes/{note}"]);
    match index % 5 {
        0 => format!("GET /objects{object}"),
        1 => format!("POST /objects{object}"),
        rest => format!("GET /objects{object}/{{id:int}}{}", below.get(rest - 2).unwrap_or(&"")),
    }
}

/// An address that a route of [`dialect`] takes with GET, below its root.
pub(crate) fn address(index: usize) -> String {
    let line = line(index - usize::from(index % 5 == 1));
    line.trim_start_matches("GET ").replace("{id:int}", "418").replace("{note}", "n-7")
}

/// The shipped dialect `of` under another name, without its examples and documents.
pub(crate) fn copied(of: &str, name: &str) -> Vec<Text> {
    let files = Files::embedded();
    let own = |path: &&str| {
        let inside = path.strip_prefix(of).and_then(|rest| rest.strip_prefix('/'));
        inside.is_some_and(|inside| {
            !inside.starts_with("examples/") && !inside.starts_with("documented")
        })
    };
    let copy = |path: &str| {
        let text = files.read(path).unwrap_or_default();
        let text = text.replace(&format!("dialect: {of}\n"), &format!("dialect: {name}\n"));
        (path.replacen(of, name, 1), text)
    };
    files.paths().filter(own).map(copy).collect()
}

/// These dialects, so mounted.
pub(crate) fn catalog(texts: &[Text], mounts: &[MountSpec]) -> Catalog {
    let contract = contract();
    let texts = texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let files = Files::from_texts(texts.chain([(CONTRACT, contract.as_str())]));
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load(&files, mounts, 1, &mut sources);
    catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)))
}

pub(crate) fn mount(dialect: &str, tenant: &str, host: &str, prefix: &str) -> MountSpec {
    MountSpec {
        dialect: dialect.to_owned(),
        tenant: Tenant(tenant.into()),
        host: host.to_owned(),
        prefix: Some(prefix.to_owned()),
    }
}

/// The shipped contract, but what is kept is kept for long.
pub(crate) fn contract() -> String {
    let files = Files::embedded();
    let text = files.read(CONTRACT).unwrap_or_default();
    let lines = text.lines().map(|line| match line.trim_start().starts_with("ttl: ") {
        true => line.split("ttl: ").next().unwrap_or_default().to_owned() + "ttl: 1h\n",
        false => format!("{line}\n"),
    });
    lines.collect()
}
