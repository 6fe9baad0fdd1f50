//! The configuration as it holds, for the admin listener: the shape of the file, with every default
//! said and every secret left out.

use serde_json::{Value, json};

use crate::config::value::{ByteSize, Percent, Time};
use crate::config::{Config, Mounts, Upstream, UpstreamKind};
use crate::limit::RateParams;
use crate::telemetry::redact::REDACTED;
use crate::telemetry::{ClientAddress, LogForm};
use crate::upstream::tls::Ca;

pub(super) fn json(config: &Config) -> Value {
    let time = |time| Time(time).to_string();
    let rate = |rate: RateParams| json!({ "per_second": rate.per_second, "burst": rate.burst });
    let size = |bytes| ByteSize(bytes).to_string();
    let server = &config.server;
    let resilience = &config.resilience;
    let breaker = &resilience.breaker;
    json!({
        "file": config.input.file,
        "server": {
            "listen": server.listen,
            "public_url": server.public_url,
            "trusted_proxies":
                server.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "compression": server.compression,
        },
        "admin": {
            "listen": config.admin_listen,
            "events_secret": config.events_key.as_ref().map(|_| REDACTED),
        },
        "upstreams": config.upstreams.iter().map(upstream).collect::<serde_json::Map<_, _>>(),
        "resilience": {
            "attempts": resilience.attempts,
            "attempt_timeout": time(resilience.attempt_timeout),
            "backoff": {
                "min": time(resilience.backoff.min),
                "max": time(resilience.backoff.max),
            },
            "budget": {
                "ratio": Percent(resilience.budget.percent).to_string(),
                "min_per_second": resilience.budget.min_per_second,
            },
            "breaker": {
                "enabled": breaker.enabled,
                "window": time(breaker.window),
                "min_requests": breaker.min_requests,
                "failure_ratio": Percent(breaker.failure_percent).to_string(),
                "open_for": time(breaker.open_for),
                "probes": breaker.probes,
            },
        },
        "tenants": config
            .tenants
            .iter()
            .map(|(tenant, upstream)| {
                let upstream = config.upstreams.get(*upstream).map(|u| u.name.to_string());
                (tenant.0.to_string(), json!({ "upstream": upstream }))
            })
            .collect::<serde_json::Map<_, _>>(),
        "mounts": match &config.mounts {
            Mounts::Every(tenant) => json!([{ "dialect": "*", "tenant": &*tenant.0 }]),
            Mounts::Listed(mounts) => mounts
                .iter()
                .map(|m| json!({
                    "dialect": m.dialect,
                    "tenant": &*m.tenant.0,
                    "host": m.host,
                    "prefix": m.prefix,
                }))
                .collect(),
        },
        "credentials": config
            .credentials
            .iter()
            .map(|c| json!({
                "name": &*c.name,
                "secret": REDACTED,
                "tenant": &*c.tenant.0,
                "account": c.account,
                "actor": c.actor.to_string(),
                "dialects": c.dialects,
                "access": match c.access {
                    crate::canonical::Access::Read => "read",
                    crate::canonical::Access::Write => "write",
                },
                "act_as": c.act_as,
                "reads_as": match c.reads_as {
                    crate::canonical::ReadsAs::Gateway => "gateway",
                    crate::canonical::ReadsAs::Actor => "actor",
                },
            }))
            .collect::<Vec<_>>(),
        "cache": {
            "enabled": config.cache.enabled,
            "max_bytes": size(config.cache.max_bytes),
            "stale_if_error": time(config.cache.stale_if_error),
            "stale_while_revalidate": time(config.cache.stale_while_revalidate),
        },
        "mappings": { "dir": config.mappings },
        "reload": { "watch": config.watch },
        "limits": {
            "max_body": size(config.limits.max_body),
            "max_in_flight": config.limits.max_in_flight,
            "max_connections": server.params.max_connections,
            "max_connections_per_address": server.params.max_connections_per_address,
            "header_timeout": time(server.params.header_timeout),
            "body_timeout": time(server.body_timeout),
            "request_timeout": time(config.limits.request_timeout),
            "idle_timeout": time(server.params.idle_timeout),
            "grace": time(server.params.grace),
            "uploads": {
                "max_file": size(config.limits.uploads.max_file),
                "max_files": config.limits.uploads.max_files,
                "max_body": size(config.limits.uploads.max_body),
                "request_timeout": time(config.limits.uploads.request_timeout),
                "media_types": config.limits.uploads.media_types,
            },
            "rate": config.limits.rate.map(rate),
            "rate_per_address": config.limits.rate_per_address.map(rate),
        },
        "telemetry": {
            "log": match config.telemetry.log {
                LogForm::Auto => "auto",
                LogForm::Text => "text",
                LogForm::Json => "json",
            },
            "level": config.telemetry.level.as_str().to_ascii_lowercase(),
            "client_address": match config.telemetry.client_address {
                ClientAddress::None => "none",
                ClientAddress::Network => "network",
                ClientAddress::Full => "full",
            },
            "server_timing": config.telemetry.server_timing,
        },
        "sandbox": {
            "path": config.sandbox_path,
            "fixed_time": config.sandbox_time.map(|time| time.to_string()),
        },
    })
}

fn upstream(upstream: &Upstream) -> (String, Value) {
    let value = match &upstream.kind {
        UpstreamKind::Sandbox => json!({ "kind": "sandbox" }),
        UpstreamKind::Canonical(c) => json!({
            "kind": "canonical",
            "url": c.url,
            "tls": c.tls.as_ref().map(|(tls, _)| json!({
                "ca": match &tls.ca {
                    Ca::System => "system".to_owned(),
                    Ca::File(path) => path.display().to_string(),
                },
                "server_name": tls.server_name,
                "client_certificate": tls.client.as_ref().map(|c| &c.certificate),
                "client_key": tls.client.as_ref().map(|c| &c.key),
            })),
            "credential": REDACTED,
            "timeout": Time(c.timeout).to_string(),
            "connect_timeout": Time(c.connect_timeout).to_string(),
            "pool_idle": Time(c.pool_idle).to_string(),
            "max_answer": ByteSize(c.max_answer).to_string(),
        }),
    };
    (upstream.name.to_string(), value)
}
