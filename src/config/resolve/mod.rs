//! Merged layers → [`Config`], collecting every problem on the way.

mod backends;
mod clients;
mod resilience;
mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::canonical::upload;
use crate::config::load::{Input, Layer, Merged};
use crate::config::raw::{Reading, Section, Spot};
use crate::config::{Cache, Config, FilesRead, Problems, Server, UpstreamKind, secret};
use crate::events;
use crate::limit::{self, RateParams};
use crate::server;
use crate::syntax::{Code, Diagnostic, Diagnostics};
use crate::telemetry::{self, ClientAddress, LogForm};

use backends::{http_url, tenants, upstreams};
use clients::{credentials, mounts};

const ADDRESS: &str = "an address and a port, like `127.0.0.1:8080`";
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer of a conversation may be hundreds of kilobytes; the cache must hold some.
const LEAST_CACHE: u64 = 1 << 20;

pub(super) fn resolve(
    merged: Merged,
    input: &Input,
    files: FilesRead,
    diagnostics: Diagnostics,
) -> Result<Config, Problems> {
    let Merged { root, places } = merged;
    let reading = Reading::new(&places, files, diagnostics);
    let mut top = Section::of(&reading, Vec::new(), Some(&root));
    top.require("upstreams");
    let (upstreams, names) = upstreams(&reading, input, &mut top);
    let resilience = resilience::resilience(&reading, &mut top, &upstreams);
    let tenants = tenants(&reading, &mut top, &upstreams, &names);
    let mounts = mounts(&reading, &mut top, &tenants);
    let (credentials, credential_spans) = credentials(&reading, input, &mut top, &tenants);
    let mut server = server(&reading, &mut top);
    let (admin_listen, events_key) = admin(&reading, input, &mut top, &server);
    let cache = cache(&mut top);
    let limits = limits(&mut top, &mut server);
    let telemetry = telemetry(&mut top);
    let mut block = top.section("mappings");
    let mappings = path(&reading, &mut block, "dir");
    block.finish();
    let mut block = top.section("reload");
    let watch = block.boolean("watch").unwrap_or(input.file.is_some() || mappings.is_some());
    block.finish();
    let sandboxed = upstreams.iter().any(|u| matches!(u.kind, UpstreamKind::Sandbox));
    let (sandbox_path, sandbox_time) = sandbox(&reading, &mut top, sandboxed, server.listen);
    top.finish();
    let (files, diagnostics) = reading.finish();
    let sandbox_only =
        places.built_in && upstreams.iter().all(|u| matches!(u.kind, UpstreamKind::Sandbox));
    if diagnostics.has_errors() {
        return Err(Problems { diagnostics, sources: places.sources, files });
    }
    Ok(Config {
        input: Arc::new(input.clone()),
        files,
        sandbox_only,
        server,
        admin_listen,
        events_key,
        upstreams,
        resilience,
        tenants: tenants.into_iter().map(|(_, tenant, upstream)| (tenant, upstream)).collect(),
        mounts,
        credentials,
        cache,
        mappings,
        watch,
        limits,
        telemetry,
        sandbox_path,
        sandbox_time,
        credential_spans,
        places,
    })
}

/// A path under `key`: out of the file it is meant beside the file; from elsewhere, where one
/// stands.
fn path(reading: &Reading<'_>, block: &mut Section<'_, '_>, key: &'static str) -> Option<PathBuf> {
    let path = block.text(key)?;
    Some(match block.layer(key) {
        Layer::File => reading.places.folder.join(path.value),
        _ => PathBuf::from(path.value),
    })
}

/// A name that also an environment variable can say.
fn check_name(reading: &Reading<'_>, what: &str, name: &Spot<String>) {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.value.is_empty() || !name.value.bytes().all(plain) || name.value.contains("__") {
        let message =
            format!("{what} is named with `a-z`, `0-9` and single `_`, unlike `{}`", name.value);
        reading.push(reading.invalid(name.span, message));
    }
}

fn server(reading: &Reading<'_>, top: &mut Section<'_, '_>) -> Server {
    let mut block = top.section("server");
    let listen = block.parsed::<SocketAddr>("listen", ADDRESS);
    let public_url = block.text("public_url");
    let proxies = block.texts("trusted_proxies").unwrap_or_default();
    let compression = block.boolean("compression").unwrap_or(true);
    block.finish();
    if let Some(listen) = listen.as_ref().filter(|listen| listen.value.ip().is_unspecified())
        && public_url.is_none()
    {
        let message = "`server.public_url` must be given where every address is listened on";
        reading.push(Diagnostic::error(Code::ConfigMissing, listen.span, message));
    }
    let trusted_proxies: Vec<server::Network> = proxies
        .iter()
        .filter_map(|text| {
            let network = text.value.parse().ok();
            if network.is_none() {
                let message = "a trusted proxy is an address or a network, like `10.0.0.0/8`";
                reading.push(reading.invalid(text.span, message));
            }
            network
        })
        .collect();
    Server {
        listen: listen.map_or(LISTEN, |listen| listen.value),
        public_url: public_url.and_then(|url| http_url(reading, "public_url", &url)),
        compression,
        body_timeout: BODY_TIMEOUT,
        params: server::Params { proxies: trusted_proxies.clone(), ..server::Params::default() },
        trusted_proxies,
    }
}

fn admin(
    reading: &Reading<'_>,
    input: &Input,
    top: &mut Section<'_, '_>,
    server: &Server,
) -> (SocketAddr, Option<events::Key>) {
    let mut block = top.section("admin");
    let listen = block.parsed::<SocketAddr>("listen", ADDRESS);
    let (written, layer) = (block.text("events_secret"), block.layer("events_secret"));
    block.finish();
    let key = written.and_then(|text| {
        let secret = secret::read(reading, input, "events_secret", &text, layer)?;
        let wrong =
            |why| reading.push(reading.invalid(text.span, format!("`events_secret` {why}")));
        events::Key::new(&secret).map_err(wrong).ok()
    });
    if let Some(listen) = &listen
        && listen.value == server.listen
        && listen.value.port() != 0
    {
        let message = "`admin.listen` is the address that clients use (`server.listen`)";
        reading.push(reading.invalid(listen.span, message));
    }
    (listen.map_or(ADMIN_LISTEN, |listen| listen.value), key)
}

fn cache(top: &mut Section<'_, '_>) -> Cache {
    let mut block = top.section("cache");
    let default = crate::cache::Params::default();
    let cache = Cache {
        enabled: block.boolean("enabled").unwrap_or(true),
        max_bytes: block.bytes("max_bytes", LEAST_CACHE).map_or(256 << 20, |size| size.value),
        stale_if_error: block.time_or_none("stale_if_error").unwrap_or(default.stale_if_error),
        stale_while_revalidate: block
            .time_or_none("stale_while_revalidate")
            .unwrap_or(default.stale_while_revalidate),
    };
    block.finish();
    cache
}

fn limits(top: &mut Section<'_, '_>, server: &mut Server) -> limit::Params {
    let Server { params: server, body_timeout, .. } = server;
    let mut block = top.section("limits");
    let mut limits = limit::Params::default();
    let small = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    if let Some(size) = block.bytes("max_body", 1024) {
        limits.max_body = size.value;
    }
    if let Some(count) = block.count("max_in_flight", 1) {
        limits.max_in_flight = small(count.value);
    }
    if let Some(count) = block.count("max_connections", 1) {
        // More than a semaphore can count is as good as no limit.
        server.max_connections = small(count.value).min(tokio::sync::Semaphore::MAX_PERMITS);
    }
    if let Some(count) = block.count("max_connections_per_address", 1) {
        server.max_connections_per_address = small(count.value);
    }
    for (key, limit) in [
        ("header_timeout", &mut server.header_timeout),
        ("body_timeout", body_timeout),
        ("idle_timeout", &mut server.idle_timeout),
        ("grace", &mut server.grace),
        ("request_timeout", &mut limits.request_timeout),
    ] {
        if let Some(time) = block.time(key) {
            *limit = time;
        }
    }
    limits.uploads = uploads(&mut block);
    limits.rate = rate(&mut block, "rate");
    limits.rate_per_address = rate(&mut block, "rate_per_address");
    block.finish();
    limits
}

fn uploads(limits: &mut Section<'_, '_>) -> upload::Limits {
    let mut block = limits.section("uploads");
    let mut uploads = upload::Limits::default();
    if let Some(size) = block.bytes("max_file", 1024) {
        uploads.max_file = size.value;
    }
    if let Some(count) = block.count("max_files", 1) {
        uploads.max_files = usize::try_from(count.value).unwrap_or(usize::MAX);
    }
    if let Some(size) = block.bytes("max_body", 1024) {
        uploads.max_body = size.value;
    }
    if let Some(time) = block.time("request_timeout") {
        uploads.request_timeout = time;
    }
    if let Some(types) = block.texts("media_types") {
        let types = types.into_iter().map(|text| text.value.trim().to_ascii_lowercase().into());
        uploads.media_types = types.collect();
    }
    block.finish();
    uploads
}

fn rate(limits: &mut Section<'_, '_>, key: &'static str) -> Option<RateParams> {
    let mut rate = limits.section(key);
    let mut found = None;
    if rate.is_written() {
        rate.require("per_second");
        let number = |count: Option<Spot<u64>>| {
            NonZeroU32::new(u32::try_from(count?.value).unwrap_or(u32::MAX))
        };
        let per_second = number(rate.count("per_second", 1));
        let burst = number(rate.count("burst", 1));
        found = per_second
            .map(|per_second| RateParams { per_second, burst: burst.unwrap_or(per_second) });
    }
    rate.finish();
    found
}

fn telemetry(top: &mut Section<'_, '_>) -> telemetry::Params {
    use tracing::Level;
    let mut block = top.section("telemetry");
    let default = telemetry::Params::default();
    let forms = [("text", LogForm::Text), ("json", LogForm::Json), ("auto", LogForm::Auto)];
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    let addresses = [
        ("none", ClientAddress::None),
        ("network", ClientAddress::Network),
        ("full", ClientAddress::Full),
    ];
    let params = telemetry::Params {
        log: block.word("log", &forms).unwrap_or(default.log),
        level: block.word("level", &levels).unwrap_or(default.level),
        server_timing: block.boolean("server_timing").unwrap_or(default.server_timing),
        client_address: block.word("client_address", &addresses).unwrap_or(default.client_address),
    };
    block.finish();
    params
}

/// The sandbox's credentials are in the documentation, so nobody else may reach it.
fn sandbox(
    reading: &Reading<'_>,
    top: &mut Section<'_, '_>,
    sandboxed: bool,
    listen: SocketAddr,
) -> (Option<PathBuf>, Option<Timestamp>) {
    let mut block = top.section("sandbox");
    let path = path(reading, &mut block, "path");
    let time = block.parsed::<Timestamp>("fixed_time", "a time like `2026-06-01T09:00:00Z`");
    let allowed = block.boolean("allow_network").unwrap_or_default();
    block.finish();
    if sandboxed && !allowed && !listen.ip().is_loopback() {
        let span = top.section("server").span_of("listen");
        let message = format!("the sandbox does not listen on {listen}, which others can reach");
        reading.push(
            reading
                .invalid(span, message)
                .help("listen on 127.0.0.1, or set `sandbox.allow_network: true`"),
        );
    }
    (path, time.map(|time| time.value))
}
