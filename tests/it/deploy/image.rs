//! The image: what the Dockerfile says, and what the configuration in it does.

use std::path::Path;

use deskbridge::config::{Config, Input, load};

use crate::support::text;

/// The configuration that the image has of its own.
fn own() -> Config {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/container/deskbridge.yaml");
    load(&Input { file: Some(file), ..Input::default() }).unwrap_or_else(|p| panic!("{p}"))
}

/// The one line of the Dockerfile's last stage that begins with `word`.
pub(super) fn says(word: &str) -> String {
    let dockerfile = text("Dockerfile");
    let stage = dockerfile.rsplit("\nFROM ").next().unwrap();
    let lines: Vec<&str> = stage.lines().filter_map(|l| l.strip_prefix(word)).collect();
    assert_eq!(lines.len(), 1, "{word} in the last stage: {lines:?}");
    lines[0].trim().to_owned()
}

#[test]
fn alone_it_is_the_sandbox_on_all_addresses() {
    let config = own();
    for address in [config.server.listen, config.admin_listen] {
        assert!(address.ip().is_unspecified(), "{address}");
    }
    let ports = format!("{} {}", config.server.listen.port(), config.admin_listen.port());
    assert_eq!(says("EXPOSE"), ports);
    let alone = load(&Input::default()).unwrap().to_json();
    let config = config.to_json();
    for block in ["upstreams", "tenants", "mounts", "credentials", "cache", "limits"] {
        assert!(!alone[block].is_null() && config[block] == alone[block], "{block}");
    }
}

#[test]
fn alone_it_takes_the_secrets_of_the_documentation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/container/credentials");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // As without a configuration, a name is its own secret.
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), name);
        names.push(name);
    }
    names.sort();
    let mut known: Vec<String> = load(&Input::default())
        .unwrap()
        .credentials
        .iter()
        .map(|credential| credential.name.to_string())
        .collect();
    known.sort();
    assert_eq!(names, known);
}

#[test]
fn it_runs_as_nobody_in_particular_and_finds_its_configuration() {
    assert_eq!(says("USER"), "65532:65532");
    assert_eq!(says("WORKDIR"), "/etc/deskbridge");
    assert_eq!(says("COPY deploy/container"), "/etc/deskbridge");
    assert_eq!(says("ENTRYPOINT"), r#"["/usr/local/bin/deskbridge", "serve"]"#);
    assert_eq!(says("STOPSIGNAL"), "SIGTERM");
}
