//! `docs/config.md`, out of the table of keys and the defaults that a configuration gets.

use std::fmt::Write as _;

use deskbridge::config::keys::{KEYS, Otherwise};
use deskbridge::config::{self, Flags, Input};
use serde_json::Value;

use super::settle;

const HEAD: &str = "\
<!-- Written by `make generate` out of src/config/keys.rs. -->
# Configuration

One YAML file, `deskbridge.yaml`; over it lie environment variables, and over those the flags of
`deskbridge serve`. `DESKBRIDGE__LIMITS__MAX_BODY=2MiB` is `limits.max_body`; a list of plain values is
written with commas, other lists need the file. A secret in a file is `${file:PATH}` or `${env:NAME}`;
paths are relative to the file. Whatever is wrong is told at once, before a port is opened
([diagnostics](diagnostics.md#configuration)). A file with everything in it and a comment on each line:
[deploy/deskbridge.yaml](../deploy/deskbridge.yaml). What holds in a running process: `GET /config` of
the admin listener.

`NAME` is a name of yours, `[]` an element of a list. Without a file, and without upstreams in the
environment, there is the sandbox on loopback.
";

/// The least there can be of everything.
const LEAST: &str = "\
upstreams: { NAME: { kind: canonical, url: \"http://127.0.0.1/v1\", credential: \"${env:ONE}\" } }
tenants: { NAME: { upstream: NAME } }
mounts: [ { dialect: account, tenant: NAME } ]
credentials: [ { name: one, secret: \"${env:TWO}\", tenant: NAME, actor: gateway } ]
";

#[test]
fn the_page_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    // Names are lower-case.
    std::fs::write(&file, LEAST.replace("NAME", "name")).unwrap();
    let environment =
        [("ONE", "1"), ("TWO", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let input = Input { file: Some(file), environment, flags: Flags::default() };
    let defaults = config::load(&input).unwrap_or_else(|p| panic!("{p}")).to_json();

    let mut page = HEAD.to_owned();
    let mut block = "";
    for key in KEYS {
        let first = key.path.split(['.', '[']).next().unwrap();
        if first != block {
            block = first;
            write!(page, "\n## {block}\n\n| key | takes | default | |\n|---|---|---|---|\n")
                .unwrap();
        }
        let otherwise = match key.otherwise {
            Otherwise::Required => "must be given".to_owned(),
            Otherwise::Words(words) => words.to_owned(),
            Otherwise::Default => match find(&defaults, key.path) {
                Value::String(text) => format!("`{text}`"),
                other @ (Value::Bool(_) | Value::Number(_)) => format!("`{other}`"),
                other => panic!("{} has the default {other}: say it in words", key.path),
            },
        };
        let (path, takes) = (key.path, key.takes);
        writeln!(page, "| `{path}` | {takes} | {otherwise} | {} |", key.means).unwrap();
    }
    settle("docs/config.md", &page);
}

fn find<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(value, |value, step| match step.strip_suffix("[]") {
        Some(list) => &value[list][0],
        None if step == "NAME" => &value["name"],
        None => &value[step],
    })
}
