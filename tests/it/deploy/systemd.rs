//! The systemd unit: the same program, signals and secrets as everywhere.

use super::{SECRETS, load_with};
use crate::support::text;

/// The values of a key of the unit, in order.
fn says(key: &str) -> Vec<String> {
    let unit = text("deploy/systemd/deskbridge.service");
    unit.lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_unit_agrees_with_the_configuration() {
    let (config, secrets) = load_with("deskbridge.yaml", SECRETS);
    let one = |key: &str| {
        let said = says(key);
        assert_eq!(said.len(), 1, "{key}: {said:?}");
        said[0].clone()
    };
    let number = |key: &str| one(key).parse::<u64>().unwrap();
    assert!(number("TimeoutStopSec") > config.server.params.grace.as_secs());
    // Each client may cost a connection to a backend.
    assert!(number("LimitNOFILE") >= 2 * config.server.params.max_connections as u64);
    let memory = one("MemoryMax");
    let memory: u64 = memory.strip_suffix('G').unwrap().parse().unwrap();
    assert!(memory << 30 >= 2 * config.cache.max_bytes);
    assert_eq!(one("RestartPreventExitStatus"), "64");
    assert!(one("ExecReload").contains("-HUP"));
    assert_eq!(one("DynamicUser"), "yes");

    let mut listens = Vec::new();
    for address in [config.server.listen, config.admin_listen] {
        listens.extend(["ipv4", "ipv6"].map(|v| format!("{v}:tcp:{}", address.port())));
    }
    let mut allowed = says("SocketBindAllow");
    listens.sort();
    allowed.sort();
    assert_eq!(allowed, listens);

    // What the configuration wants, from a folder that only root reads.
    let loaded: Vec<String> =
        secrets.iter().map(|name| format!("{name}:/etc/deskbridge/secrets/{name}")).collect();
    assert_eq!(says("LoadCredential"), loaded);
}

/// As the page says: the folder of the secrets is another one, and nothing else.
#[test]
fn the_page_says_where_the_secrets_are() {
    let page = text("deploy/README.md");
    assert!(page.contains("/run/credentials/deskbridge.service"));
    assert!(page.contains(&format!("s#{SECRETS}#/run/credentials/deskbridge.service#")));
}
