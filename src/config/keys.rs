//! Every key there is, in words: what `docs/config.md` is made of. A test compares the table with the
//! keys that are really read.

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `limits.max_body`; `NAME` stands for a name of the operator's, `[]` for an element of a list.
    pub path: &'static str,
    /// What its value is, with its unit.
    pub takes: &'static str,
    /// What holds where it is not given.
    pub otherwise: Otherwise,
    /// What it means.
    pub means: &'static str,
}

/// What holds where a key is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It must be given.
    Required,
    /// What `GET /config` of the admin listener shows then.
    Default,
    /// These words say it.
    Words(&'static str),
}

use Otherwise::{Default, Required, Words};

const fn key(
    path: &'static str,
    takes: &'static str,
    otherwise: Otherwise,
    means: &'static str,
) -> Key {
    Key { path, takes, otherwise, means }
}

const ADDRESS: &str = "address and port";
const TIME: &str = "time: `500ms`, `10s`, `5m`, `1h`";
const TIME_OR_NONE: &str = "time: `10s`, `5m`; `0s` is never";
const SIZE: &str = "size: `64KiB`, `256MiB`";
const SHARE: &str = "share: `0%` to `100%`";
const COUNT: &str = "whole number from 1";
const BOOLEAN: &str = "`true`, `false`";
const SECRET: &str = "`${file:PATH}` or `${env:NAME}`";

/// Every key, in the order of `deploy/deskbridge.yaml`.
pub const KEYS: &[Key] = &[
    key(
        "server.listen",
        ADDRESS,
        Default,
        "Where clients are listened to: plain HTTP/1.1 and HTTP/2.",
    ),
    key(
        "server.public_url",
        "absolute URL",
        Words("`http://` and `server.listen`"),
        "What URLs in answers begin with. Must be given where every address is listened on.",
    ),
    key(
        "server.trusted_proxies",
        "list of addresses or networks",
        Words("nobody"),
        "Peers whose `Forwarded` and `X-Forwarded-*` are believed.",
    ),
    key(
        "server.compression",
        BOOLEAN,
        Default,
        "Whether answers over 1 KiB are compressed (gzip, br) for clients that take it.",
    ),
    key(
        "admin.listen",
        ADDRESS,
        Default,
        "Where operators are listened to: health, metrics, routes, this configuration.",
    ),
    key(
        "admin.events_secret",
        SECRET,
        Words("no event is heard"),
        "What signs `POST /_deskbridge/events`, at least 16 bytes, or `whsec_` and base64.",
    ),
    key(
        "upstreams.NAME.kind",
        "`canonical`, `sandbox`",
        Required,
        "An HTTP server of the contract, or the embedded backend. `NAME` is a label of metrics: `a-z`, `0-9`, `_`.",
    ),
    key(
        "upstreams.NAME.url",
        "`https://…`, `http://…`",
        Words("must be given (`canonical`)"),
        "Where the contract's paths begin. TLS 1.2 or newer, unless `http` is written.",
    ),
    key(
        "upstreams.NAME.tls.ca",
        "`system`, or a file (PEM)",
        Words("`system`"),
        "Whose certificates are believed. Files of `tls` are read when the configuration is.",
    ),
    key(
        "upstreams.NAME.tls.server_name",
        "host name",
        Words("the host of `url`"),
        "The name that the backend's certificate must have, and that it is asked for (SNI).",
    ),
    key(
        "upstreams.NAME.tls.client_certificate",
        "file (PEM)",
        Words("none"),
        "The gateway's own certificate, where the backend wants one; then what leads to an authority.",
    ),
    key(
        "upstreams.NAME.tls.client_key",
        "file (PEM)",
        Words("none; goes with `client_certificate`"),
        "Its key.",
    ),
    key(
        "upstreams.NAME.credential",
        SECRET,
        Words("must be given (`canonical`)"),
        "The gateway's own bearer token there.",
    ),
    key(
        "upstreams.NAME.timeout",
        TIME,
        Default,
        "One call, its retries included, from the attempt to connect to the last byte of the answer.",
    ),
    key("upstreams.NAME.connect_timeout", TIME, Default, "The attempt to connect alone."),
    key(
        "upstreams.NAME.pool_idle",
        TIME,
        Default,
        "How long an unused connection is kept: less than the backend keeps it.",
    ),
    key("upstreams.NAME.max_answer", SIZE, Default, "The longest answer that is taken."),
    key(
        "resilience.attempts",
        COUNT,
        Default,
        "Most attempts of one call, at most 10. Asked again is what changes nothing, and what was not sent.",
    ),
    key(
        "resilience.attempt_timeout",
        TIME,
        Words("`4s`, or a shorter `timeout`"),
        "One attempt of a read that has attempts left; whatever else is under way has all of `timeout`.",
    ),
    key(
        "resilience.backoff.min",
        TIME,
        Default,
        "The first pause between attempts. Each is twice as long, the later half of it by chance.",
    ),
    key(
        "resilience.backoff.max",
        TIME,
        Default,
        "The longest pause. A backend that wants a longer one (`Retry-After`) is not asked again.",
    ),
    key(
        "resilience.budget.ratio",
        SHARE,
        Default,
        "Of the calls of the last ten seconds so many may be repeated.",
    ),
    key(
        "resilience.budget.min_per_second",
        "whole number",
        Default,
        "So many may be repeated in any case.",
    ),
    key(
        "resilience.breaker.enabled",
        BOOLEAN,
        Default,
        "Whether a backend that fails is left alone for a while (503).",
    ),
    key("resilience.breaker.window", TIME, Default, "How far back attempts are looked at."),
    key(
        "resilience.breaker.min_requests",
        COUNT,
        Default,
        "Fewer attempts in the window say nothing.",
    ),
    key(
        "resilience.breaker.failure_ratio",
        "share from `1%`",
        Default,
        "It opens when so many of them failed: no connection, no answer in time, 5xx, an answer outside the contract.",
    ),
    key("resilience.breaker.open_for", TIME, Default, "So long nothing is asked."),
    key(
        "resilience.breaker.probes",
        COUNT,
        Default,
        "Then so many attempts are let through; all must succeed.",
    ),
    key(
        "tenants.NAME.upstream",
        "name of an upstream",
        Required,
        "Whose backend is which. Tenants share nothing, the cache included.",
    ),
    key(
        "mounts[].dialect",
        "name of a dialect",
        Required,
        "Which API answers. Without `mounts` every dialect does, at its own address, for the only tenant.",
    ),
    key("mounts[].tenant", "name of a tenant", Required, "For whom."),
    key("mounts[].host", "host name, or `*`", Default, "The `Host` it answers to, without port."),
    key(
        "mounts[].prefix",
        "path: begins with `/`, ends without",
        Words("none"),
        "Put before the dialect's own addresses.",
    ),
    key(
        "credentials[].name",
        "letters, digits, `.` `_` `-`",
        Required,
        "Its name in the access log.",
    ),
    key("credentials[].secret", SECRET, Required, "What the client sends. Kept as a hash."),
    key("credentials[].tenant", "name of a tenant", Required, "Whose it is."),
    key(
        "credentials[].account",
        "id of an account",
        Words("no account"),
        "The account it belongs to; addresses that name another one are refused.",
    ),
    key(
        "credentials[].actor",
        "`agent:ID`, `bot:ID`, `platform:ID`, `contact-identity:ID`, `gateway`",
        Required,
        "As whom it asks. `n:7` as an id is the number 7.",
    ),
    key(
        "credentials[].dialects",
        "list of dialects",
        Words("every dialect of its tenant"),
        "Where it is taken.",
    ),
    key("credentials[].access", "`read`, `write`", Default, "Whether it may change anything."),
    key(
        "credentials[].act_as",
        BOOLEAN,
        Default,
        "Whether it may name the actor of each request itself (`Deskbridge-Actor`), as another gateway should.",
    ),
    key(
        "credentials[].reads_as",
        "`gateway`, `actor`",
        Default,
        "As whom it reads one conversation, message or contact. `gateway`: every dialect and caller shares one answer. `actor`: the backend judges each read, for whoever may not see everything of the account.",
    ),
    key("cache.enabled", BOOLEAN, Default, "Whether canonical reads are remembered."),
    key("cache.max_bytes", SIZE, Default, "Most memory of answers and their renderings."),
    key(
        "cache.stale_if_error",
        TIME_OR_NONE,
        Default,
        "Longest time past its own that an answer is given where the backend fails; the contract says how long for each operation, this is the most. Never after a write.",
    ),
    key(
        "cache.stale_while_revalidate",
        TIME_OR_NONE,
        Default,
        "Longest time past its own that an answer is given at once while the backend is asked for the next; the contract says how long for each operation, this is the most. Never after a write.",
    ),
    key("limits.max_body", SIZE, Default, "The longest body of a request (413)."),
    key("limits.max_in_flight", COUNT, Default, "Most requests under way; one more is 503."),
    key("limits.max_connections", COUNT, Default, "Most connections; the next ones wait."),
    key(
        "limits.max_connections_per_address",
        COUNT,
        Default,
        "Most connections of one address (IPv6: one /64); the next is closed. Trusted proxies may have as many as they like.",
    ),
    key("limits.header_timeout", TIME, Default, "To the end of a request's head."),
    key("limits.body_timeout", TIME, Default, "Between two pieces of a request's body (408)."),
    key(
        "limits.request_timeout",
        TIME,
        Default,
        "From a request's head to its answer's: 408 while the client sends, 504 later.",
    ),
    key(
        "limits.idle_timeout",
        TIME,
        Default,
        "A connection without a request, or whose peer takes nothing. Longer than the proxy in front keeps its own.",
    ),
    key("limits.grace", TIME, Default, "For requests under way after SIGTERM."),
    key("limits.uploads.max_file", SIZE, Default, "The longest file of a form (413)."),
    key("limits.uploads.max_files", COUNT, Default, "Most files of one form (422)."),
    key(
        "limits.uploads.max_body",
        SIZE,
        Default,
        "The longest body of a request that may have files (413). Its texts have `limits.max_body`.",
    ),
    key(
        "limits.uploads.request_timeout",
        TIME,
        Default,
        "As `limits.request_timeout`, for a request that may have files.",
    ),
    key(
        "limits.uploads.media_types",
        "list of media types, whole or up to a `*`",
        Words("pictures, sounds, films, documents, archives"),
        "Files of other types are refused (415). Whatever a browser could run is never shown in place.",
    ),
    key(
        "limits.rate.per_second",
        COUNT,
        Words("no limit; must be given in a `rate`"),
        "Requests a second of one credential or contact, in the long run (429).",
    ),
    key("limits.rate.burst", COUNT, Words("`per_second`"), "Requests at once, after a pause."),
    key(
        "limits.rate_per_address.per_second",
        COUNT,
        Words("no limit; must be given in a `rate_per_address`"),
        "Requests a second of one client's address (IPv6: one /64), in the long run (429). Behind a proxy that is not in `server.trusted_proxies` all clients have one.",
    ),
    key(
        "limits.rate_per_address.burst",
        COUNT,
        Words("`per_second`"),
        "Requests at once, after a pause.",
    ),
    key(
        "telemetry.log",
        "`auto`, `json`, `text`",
        Default,
        "`auto`: text on a terminal, else JSON.",
    ),
    key(
        "telemetry.level",
        "`error`, `warn`, `info`, `debug`, `trace`",
        Default,
        "The least important lines written. Access lines are `info`.",
    ),
    key("telemetry.server_timing", BOOLEAN, Default, "`Server-Timing` on answers."),
    key(
        "telemetry.client_address",
        "`none`, `network`, `full`",
        Default,
        "What access lines say of a client's address, which is personal data: `network` is its /24, or /48 of IPv6.",
    ),
    key(
        "mappings.dir",
        "folder",
        Words("the embedded mappings alone"),
        "Folders of dialects laid over the embedded ones.",
    ),
    key(
        "reload.watch",
        BOOLEAN,
        Default,
        "Whether a change of the configuration's file, a secret's or a mapping is noticed and takes effect; else SIGHUP and `POST /reload` alone make it.",
    ),
    key(
        "sandbox.path",
        "file",
        Words("made anew with each start"),
        "The database of an upstream of kind `sandbox`.",
    ),
    key(
        "sandbox.fixed_time",
        "a time: `2026-06-01T09:00:00Z`",
        Words("the system's clock"),
        "Where the sandbox's clock stands still. The same requests then make the same answers, to the byte: names that nobody could guess follow from a number, too.",
    ),
    key(
        "sandbox.allow_network",
        BOOLEAN,
        Words("`false`"),
        "Whether the sandbox, whose credentials are public, may listen beyond loopback.",
    ),
];

#[cfg(test)]
pub(super) mod tests {
    use super::KEYS;
    use crate::config::load::Step;
    use crate::syntax::{Node, Sources, yaml};

    /// Called for every key that is read, in every test that reads a configuration.
    pub(in crate::config) fn assert_known(path: &[Step]) {
        let mut written = String::new();
        for (n, step) in path.iter().enumerate() {
            let named = n == 1 && (written == "upstreams" || written == "tenants");
            match step {
                Step::Index(_) => written.push_str("[]"),
                Step::Key(key) => {
                    written.push_str(if n == 0 { "" } else { "." });
                    written.push_str(if named { "NAME" } else { key });
                }
            }
        }
        let below = |path: &str| {
            path.strip_prefix(&*written)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        assert!(KEYS.iter().any(|k| below(k.path)), "`{written}` is not in the table of keys");
    }

    #[test]
    fn every_key_of_the_table_is_read() {
        let text = include_str!("../../tests/fixtures/config/good/full.yaml");
        let mut sources = Sources::default();
        let id = sources.add("full.yaml", text);
        let full = yaml::parse(&sources, id, yaml::FILE_NODES).unwrap();
        // That file is read without a complaint elsewhere, and so is every key in it.
        for key in KEYS {
            let mut nodes = vec![full.clone()];
            for step in key.path.split('.') {
                let inner = |node: &Node| match step.strip_suffix("[]") {
                    Some(list) => node.get(list).and_then(Node::as_list).map(<[_]>::to_vec),
                    None if step == "NAME" => {
                        node.as_map().map(|m| m.iter().map(|e| e.value.clone()).collect())
                    }
                    None => node.get(step).map(|n| vec![n.clone()]),
                };
                nodes = nodes.iter().filter_map(inner).flatten().collect();
            }
            assert!(!nodes.is_empty(), "full.yaml has no `{}`", key.path);
        }
    }
}
