//! The examples beside a mapping, run: what a client sends, which canonical calls that is, what the
//! backend answers and what the client gets. They are the tests of a mapping, and need no Rust.
//!
//! A request goes through the real seam (`translate`) with a scripted backend below it; the
//! credential is taken as told, or (`credential: run`) looked up as it is in earnest. Widening is switched off: which dialects share a read is a matter of
//! the configuration, not of one dialect.

mod compare;
mod file;
mod form;
mod promised;
mod requests;
mod script;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};

use crate::auth;
use crate::auth::keyring::{self, Keyring};
use crate::call::{Authorised, Call};
use crate::canonical::{Access, Actor, Principal, ReadsAs, Tenant};
use crate::dialect::Dialect;
use crate::dialect::catalog::Catalog;
use crate::dialect::embedded::Files;
use crate::dialect::route::Origin;
use crate::forwarded::Proxies;
use crate::syntax::{Code, Diagnostic, Diagnostics, Sources, Span};
use crate::telemetry::Traced;
use crate::telemetry::record::Record;
use crate::telemetry::request_id::RequestId;
use crate::translate::{self, twin};

pub use requests::{Asked, requests};

use file::Example;
use script::Script;

/// Where addresses in the answers of examples begin.
const PUBLIC_URL: &str = "https://desk.example";

/// How many examples were run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Run and come out as written.
    pub passed: usize,
    /// Run or unreadable, and not as written.
    pub failed: usize,
    /// Translations done twice, by the fast and by the reference interpreter.
    pub compared: usize,
}

/// Runs every example of every dialect of `catalog`. What does not come out as written is an error
/// at the line that says otherwise; a route without an example is a warning.
pub async fn run(
    mut catalog: Catalog,
    files: &Files,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Count {
    catalog.widened.clear();
    let catalog = Arc::new(catalog);
    let mut count = Count::default();
    for dialect in &catalog.dialects {
        let mut shown = BTreeSet::new();
        let folder = format!("{}/examples/", dialect.name);
        let paths: Vec<String> = files
            .paths()
            .filter(|p| p.starts_with(&folder) && p.ends_with(".yaml"))
            .map(str::to_owned)
            .collect();
        for path in &paths {
            let mut found = Diagnostics::default();
            if let Some(example) = file::read(files, path, sources, &mut found) {
                shown.insert(example.route.clone());
                twin::begin();
                one(&catalog, dialect, &example, &mut found).await;
                let compared = twin::end();
                count.compared += compared.runs;
                for difference in compared.differences {
                    found.push(Diagnostic::error(
                        Code::ExampleMismatch,
                        example.request_span,
                        format!("the two interpreters disagree, which is a fault of deskbridge: {difference}"),
                    ));
                }
            }
            if found.has_errors() {
                count.failed += 1
            } else {
                count.passed += 1
            }
            diagnostics.extend(found);
        }
        let own = dialect.routes.iter().filter(|r| r.origin == Origin::Own);
        if let (true, Some(route)) = (paths.is_empty(), own.clone().next()) {
            let message = format!("the dialect `{}` has no example at all", dialect.name);
            diagnostics.push(
                Diagnostic::error(Code::NoExample, route.span, message)
                    .help("write examples/<route>.<case>.yaml, from a published answer"),
            );
            continue;
        }
        for route in &dialect.routes {
            // Generated routes are shown by the contract itself, inherited ones where they are from.
            if route.origin == Origin::Own && !shown.contains(&*route.name) {
                diagnostics.push(Diagnostic::warning(
                    Code::NoExample,
                    route.span,
                    format!("the route `{}` has no example", route.name),
                ));
            }
        }
    }
    count
}

/// As if this were the configuration.
fn params() -> translate::Params {
    let values = vec![("public_url".into(), format!("{PUBLIC_URL:?}").into())];
    translate::Params { values, ..translate::Params::default() }
}

async fn one(
    catalog: &Arc<Catalog>,
    dialect: &Arc<Dialect>,
    example: &Example,
    found: &mut Diagnostics,
) {
    let bad = |span: Span, message: String| Diagnostic::error(Code::BadExample, span, message);
    let Some(address) = dialect.address(&example.target) else {
        let message = "this request is below no root of the dialect";
        found.push(
            bad(example.request_span, message.into()).help("write it as in `GET @name/path`"),
        );
        return;
    };
    let mut request = Request::builder().method(&*example.method).uri(&address);
    for (name, value) in &example.headers {
        request = request.header(name, value);
    }
    if let Some((_, media)) = &example.sent
        && !example.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type"))
    {
        request = request.header("content-type", media);
    }
    let body = example.sent.as_ref().map(|(body, _)| body.clone()).unwrap_or_default();
    let request = match request.body(Full::new(Bytes::from(body))) {
        Ok(request) => request,
        Err(error) => {
            found.push(bad(example.request_span, format!("this is no request: {error}")));
            return;
        }
    };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let recognised = catalog.recognise(&dialect.name, &example.method, target);
    let (sight, documents) = match recognised {
        crate::dialect::recognise::Recognition::Route { route, .. }
            if *route.name != *example.route =>
        {
            found.push(bad(
                example.request_span,
                format!("this request is for the route `{}`, not `{}`", route.name, example.route),
            ));
            return;
        }
        crate::dialect::recognise::Recognition::Route { route, .. } => {
            let credential = route.credential.and_then(|c| dialect.credentials.get(c));
            (credential.and_then(|c| c.sight.clone()), route.documents)
        }
        _ => (None, None),
    };
    let mount = catalog.mounts.iter().find(|m| *m.host == *dialect.name);
    let tenant = mount.map_or_else(|| Tenant(Arc::from("example")), |m| m.tenant.clone());
    let principal = Arc::new(principal(example, tenant));
    let keyring = Arc::new(Keyring::new(&[key(example, &principal)]));
    let script = Script::new(Arc::clone(&catalog.contract), example.calls.clone());
    let canonical = ServiceBuilder::new()
        .layer(auth::visible(Arc::clone(&catalog.contract)))
        .service(script.clone());
    let bare = Arc::new(translate::Params::default());
    let resolve = translate::credentials::LookUps::new(bare, canonical.clone());
    let seam = ServiceBuilder::new()
        .layer(translate::inbound::layer(Arc::new(params())))
        .service(canonical);
    let checked = ServiceBuilder::new().layer(auth::layer(keyring, resolve)).service(seam.clone());
    let told = !example.credential;
    let service = ServiceBuilder::new()
        .layer(translate::recognise::layer(Arc::clone(catalog), Proxies::default()))
        .layer(translate::rescue::layer())
        .service_fn(move |call: Call<Full<Bytes>>| {
            let (principal, sight) = (Arc::clone(&principal), sight.clone());
            let (seam, checked) = (seam.clone(), checked.clone());
            async move {
                match told {
                    true => seam.oneshot(Authorised { call, principal, sight }).await,
                    false => checked.oneshot(call).await,
                }
            }
        });
    let mut request = request;
    request.headers_mut().insert(
        http::header::HOST,
        HeaderValue::from_str(&dialect.name).unwrap_or(HeaderValue::from_static("localhost")),
    );
    let (head, body) = request.into_parts();
    let (record, head) = Record::new(RequestId::default(), None, Instant::now(), head);
    let traced = Traced {
        head,
        body,
        record,
        peer: Ipv4Addr::LOCALHOST.into(),
        client: Ipv4Addr::LOCALHOST.into(),
    };
    let Ok(answer) = service.oneshot(traced).await;
    let (head, body) = answer.into_parts();
    // What an example's backend says is here: it cannot break off.
    let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    script.finish(found);
    compare::reply(example, head.status.as_u16(), &head.headers, &body, found);
    if let Some((documented, operation)) = dialect.documented.as_ref().zip(documents) {
        promised::check(documented, operation, example, head.status.as_u16(), &body, found);
    }
}

/// What a client sends to be the example's principal.
const SECRET: &str = "example";

/// The one credential there is, where credentials are looked up.
fn key(example: &Example, principal: &Principal) -> keyring::Credential {
    keyring::Credential {
        name: Arc::clone(&principal.name),
        secret: SECRET.into(),
        tenant: principal.tenant.clone(),
        account: fact(example, "account").map(Box::from),
        actor: principal.actor.clone(),
        dialects: Vec::new(),
        access: Access::Write,
        act_as: false,
        reads_as: ReadsAs::default(),
    }
}

fn fact<'e>(example: &'e Example, name: &str) -> Option<&'e str> {
    let json = example.principal.iter().find(|(n, _)| &**n == name).map(|(_, json)| &**json)?;
    json.strip_prefix('"')?.strip_suffix('"')
}

fn principal(example: &Example, tenant: Tenant) -> Principal {
    let fact = |name: &str| fact(example, name).map(Arc::<str>::from);
    let kind = fact("kind").unwrap_or_else(|| Arc::from("public"));
    let actor = match (&*kind, fact("identity"), fact("agent")) {
        ("contact", Some(identity), _) => Actor::ContactIdentity(identity),
        ("agent", _, Some(agent)) => Actor::Agent(agent),
        ("platform", ..) => Actor::Platform("n:1".into()),
        _ => Actor::Gateway,
    };
    Principal {
        tenant,
        name: Arc::from("example"),
        actor,
        access: Access::Write,
        act_as: false,
        reads_as: ReadsAs::default(),
        facts: example.principal.iter().map(|(n, json)| (n, json)).collect(),
    }
}
