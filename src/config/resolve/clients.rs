//! `mounts` and `credentials`: who may ask, and where.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::auth::keyring::Credential;
use crate::canonical::{Access, Actor, ReadsAs, Tenant};
use crate::config::load::Input;
use crate::config::raw::{Reading, Section};
use crate::config::{Mount, Mounts, secret};
use crate::syntax::{Code, Diagnostic, Span, closest};

fn tenant(
    reading: &Reading<'_>,
    block: &mut Section<'_, '_>,
    tenants: &[(Span, Tenant, usize)],
) -> Option<Tenant> {
    block.require("tenant");
    let name = block.text("tenant")?;
    let found = tenants.iter().find(|(_, tenant, _)| *tenant.0 == *name.value);
    if found.is_none() {
        let message = format!("there is no tenant `{}`", name.value);
        let nearest = closest(&name.value, tenants.iter().map(|(_, tenant, _)| &*tenant.0));
        reading.push(reading.invalid(name.span, message).suggest(nearest));
    }
    found.map(|(_, tenant, _)| tenant.clone())
}

pub(super) fn mounts(
    reading: &Reading<'_>,
    top: &mut Section<'_, '_>,
    tenants: &[(Span, Tenant, usize)],
) -> Mounts {
    let Some(blocks) = top.blocks("mounts") else {
        let nobody = Tenant(Arc::from(""));
        match tenants {
            [] => return Mounts::Every(nobody),
            [(_, only, _)] => return Mounts::Every(only.clone()),
            [_, (span, ..), ..] => {
                let message = "with more than one tenant, `mounts` must say whose is what";
                reading.push(Diagnostic::error(Code::ConfigMissing, *span, message));
                return Mounts::Every(nobody);
            }
        }
    };
    let mut mounts: Vec<Mount> = Vec::new();
    let mut places: HashMap<(String, String, String), Span> = HashMap::new();
    for mut block in blocks {
        block.require("dialect");
        let dialect = block.text("dialect");
        let tenant = tenant(reading, &mut block, tenants);
        let host = block.text("host").map_or_else(
            || String::from("*"),
            |host| {
                let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
                if host.value != "*" && (host.value.is_empty() || !host.value.bytes().all(plain)) {
                    let message = "`host` is a host name without port, or `*` for any";
                    reading.push(reading.invalid(host.span, message));
                }
                host.value.to_ascii_lowercase()
            },
        );
        let prefix = block.text("prefix").map_or_else(String::new, |prefix| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-');
            let rooted = prefix.value.is_empty() || prefix.value.starts_with('/');
            let ends = prefix.value.ends_with('/') || prefix.value.contains("//");
            if !rooted || ends || !prefix.value.bytes().all(plain) {
                let message = "`prefix` begins with `/` and ends without, or is empty";
                reading.push(reading.invalid(prefix.span, message));
            }
            prefix.value
        });
        block.finish();
        let (Some(dialect), Some(tenant)) = (dialect, tenant) else { continue };
        let mount = Mount { dialect: dialect.value, tenant, host, prefix, span: dialect.span };
        let place = (mount.dialect.clone(), mount.host.clone(), mount.prefix.clone());
        if let Some(first) = places.get(&place) {
            let message = format!("`{}` is mounted twice at one address", mount.dialect);
            reading.push(reading.invalid(mount.span, message).related(*first, "first here"));
        } else {
            places.insert(place, mount.span);
        }
        mounts.push(mount);
    }
    Mounts::Listed(mounts)
}

pub(super) fn credentials(
    reading: &Reading<'_>,
    input: &Input,
    top: &mut Section<'_, '_>,
    tenants: &[(Span, Tenant, usize)],
) -> (Vec<Credential>, Vec<Vec<Span>>) {
    let mut found: Vec<Credential> = Vec::new();
    let mut spans = Vec::new();
    let mut names: HashMap<String, Span> = HashMap::new();
    // Where in `found` those of a tenant are.
    let mut of_tenants: HashMap<Tenant, Vec<usize>> = HashMap::new();
    for mut block in top.blocks("credentials").unwrap_or_default() {
        block.require("name");
        let name = block.text("name");
        if let Some(name) = &name {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            if name.value.is_empty() || !name.value.bytes().all(plain) {
                let message = "`name` is written into logs: letters, digits, `.`, `_` and `-`";
                reading.push(reading.invalid(name.span, message));
            }
            if let Some(first) = names.insert(name.value.clone(), name.span) {
                let message = format!("two credentials are named `{}`", name.value);
                reading.push(reading.invalid(name.span, message).related(first, "first here"));
            }
        }
        block.require("secret");
        let text = block.text("secret");
        let layer = block.layer("secret");
        let secret = text.as_ref().and_then(|t| secret::read(reading, input, "secret", t, layer));
        let tenant = tenant(reading, &mut block, tenants);
        block.require("actor");
        let actor = block.parsed::<Actor>(
            "actor",
            "`agent:ID`, `bot:ID`, `platform:ID`, `contact-identity:ID` or `gateway`",
        );
        let account = block.text("account");
        let dialects = block.texts("dialects").unwrap_or_default();
        let access = block.word("access", &[("read", Access::Read), ("write", Access::Write)]);
        let act_as = block.boolean("act_as");
        let readers = [("gateway", ReadsAs::Gateway), ("actor", ReadsAs::Actor)];
        let reads_as = block.word("reads_as", &readers);
        block.finish();
        let (Some(name), Some(secret), Some(tenant), Some(actor)) = (name, secret, tenant, actor)
        else {
            continue;
        };
        let credential = Credential {
            name: name.value.into(),
            secret,
            tenant,
            account: account.map(|account| account.value.into()),
            actor: actor.value,
            dialects: dialects.iter().map(|dialect| dialect.value.as_str().into()).collect(),
            access: access.unwrap_or_default(),
            act_as: act_as.unwrap_or_default(),
            reads_as: reads_as.unwrap_or_default(),
        };
        let beside = of_tenants.entry(credential.tenant.clone()).or_default();
        let mut others = beside.iter().filter_map(|index| found.get(*index));
        if let Some(other) = others.find(|other| both_open(other, &credential)) {
            let at = text.map_or(name.span, |text| text.span);
            let message = format!(
                "`{}` and `{}` have one secret for one tenant and dialect",
                other.name, credential.name
            );
            reading.push(reading.invalid(at, message));
        }
        spans.push(dialects.iter().map(|dialect| dialect.span).collect());
        beside.push(found.len());
        found.push(credential);
    }
    (found, spans)
}

/// Whether a client of their tenant that sends the secret could be either.
fn both_open(a: &Credential, b: &Credential) -> bool {
    a.secret.expose_secret() == b.secret.expose_secret()
        && (a.dialects.is_empty()
            || b.dialects.is_empty()
            || a.dialects.iter().any(|dialect| b.opens(dialect)))
}
