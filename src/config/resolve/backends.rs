//! `upstreams` and `tenants`: who is asked, and for whom.

use std::time::Duration;

use http::Uri;

use crate::canonical::Tenant;
use crate::config::load::Input;
use crate::config::raw::{Reading, Section, Spot};
use crate::config::resolve::{check_name, tls::tls};
use crate::config::{Canonical, Upstream, UpstreamKind, secret};
use crate::syntax::{Span, closest};

/// The upstreams that can be used, and the names of all that are written.
pub(super) fn upstreams(
    reading: &Reading<'_>,
    input: &Input,
    top: &mut Section<'_, '_>,
) -> (Vec<Upstream>, Vec<String>) {
    let mut usable = Vec::new();
    let mut names = Vec::new();
    for (name, mut block) in top.named("upstreams") {
        check_name(reading, "an upstream", &name);
        names.push(name.value.clone());
        block.require("kind");
        let kind = match block.word("kind", &[("sandbox", false), ("canonical", true)]) {
            Some(false) => Some(UpstreamKind::Sandbox),
            Some(true) => {
                canonical(reading, input, &mut block).map(|c| UpstreamKind::Canonical(Box::new(c)))
            }
            // What else is in it cannot be judged.
            None => continue,
        };
        block.finish();
        usable.extend(kind.map(|kind| Upstream { name: name.value.into(), kind }));
    }
    (usable, names)
}

fn canonical(
    reading: &Reading<'_>,
    input: &Input,
    block: &mut Section<'_, '_>,
) -> Option<Canonical> {
    let timeout = block.time("timeout").unwrap_or(Duration::from_secs(10));
    let connect_timeout = block.time("connect_timeout").unwrap_or(Duration::from_secs(2));
    let pool_idle = block.time("pool_idle").unwrap_or(Duration::from_secs(4));
    let max_answer = block.bytes("max_answer", 1024).map_or(16 << 20, |size| size.value);
    let url = block.require("url").then(|| block.text("url")).flatten();
    let url = url.and_then(|url| http_url(reading, "url", &url));
    let wanted = url.as_ref().is_some_and(|url| is_https(url));
    let tls = tls(reading, block, wanted);
    let credential = block.require("credential").then(|| block.text("credential")).flatten();
    let layer = block.layer("credential");
    let credential =
        credential.and_then(|text| secret::read(reading, input, "credential", &text, layer));
    Some(Canonical {
        // What TLS lacks has been reported.
        url: url.filter(|_| wanted == tls.is_some())?,
        tls,
        credential: credential?,
        timeout,
        connect_timeout,
        pool_idle,
        max_answer,
    })
}

fn is_https(url: &str) -> bool {
    url.parse().is_ok_and(|uri: Uri| uri.scheme_str() == Some("https"))
}

/// An absolute URL without query, its trailing slash cut off.
pub(super) fn http_url(reading: &Reading<'_>, key: &str, url: &Spot<String>) -> Option<String> {
    let refuse = |message: String| {
        reading.push(reading.invalid(url.span, message));
        None
    };
    let read = url.value.parse::<Uri>().ok().filter(|uri| uri.authority().is_some());
    let Some(uri) = read else {
        return refuse(format!("`{key}` is an absolute URL, like `http://helpdesk.internal/v1`"));
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return refuse(format!("`{key}` holds a user name; credentials have a key of their own"));
    }
    if uri.query().is_some() {
        return refuse(format!("`{key}` has a query, and paths are put after it"));
    }
    if !url.value.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
        return refuse(format!(
            "`{key}` holds what cannot stand in a URL; write it as `%` and its two digits, byte by byte"
        ));
    }
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return refuse(format!("`{key}` must begin with `https://` or `http://`")),
    }
    Some(url.value.trim_end_matches('/').to_owned())
}

pub(super) fn tenants(
    reading: &Reading<'_>,
    top: &mut Section<'_, '_>,
    upstreams: &[Upstream],
    names: &[String],
) -> Vec<(Span, Tenant, usize)> {
    top.require("tenants");
    let named = top.named("tenants");
    named
        .into_iter()
        .filter_map(|(name, mut block)| {
            check_name(reading, "a tenant", &name);
            block.require("upstream");
            let upstream = block.text("upstream");
            block.finish();
            let upstream = upstream?;
            if !names.contains(&upstream.value) {
                let message = format!("there is no upstream `{}`", upstream.value);
                let nearest = closest(&upstream.value, names.iter().map(String::as_str));
                reading.push(reading.invalid(upstream.span, message).suggest(nearest));
            }
            let index = upstreams.iter().position(|u| *u.name == *upstream.value);
            // A tenant whose upstream is wrong is still known, so that nothing else is reported.
            Some((name.span, Tenant(name.value.into()), index.unwrap_or_default()))
        })
        .collect()
}
