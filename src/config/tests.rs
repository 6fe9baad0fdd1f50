use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::*;
use crate::canonical::{Access, Actor, ReadsAs};
use crate::telemetry::LogForm;

fn folder(kind: &str) -> PathBuf {
    // Relative, so that what is printed is the same everywhere.
    Path::new("tests/fixtures/config").join(kind)
}

/// Two secrets, and what stands in the file of the same name that ends in `.env`.
fn environment(file: &Path) -> BTreeMap<String, String> {
    let own = fs::read_to_string(file.with_extension("env")).unwrap_or_default();
    let own = own.lines().filter_map(|line| line.split_once('='));
    [("BACKEND_TOKEN", "t0ken-of-the-backend"), ("DASH_TOKEN", "t0ken-of-the-dashboards")]
        .into_iter()
        .chain(own)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn load_file(file: &Path) -> Result<Config, Problems> {
    let environment = environment(file);
    load(&Input { file: Some(file.to_owned()), environment, ..Input::default() })
}

fn good(name: &str) -> Config {
    load_file(&folder("good").join(name)).unwrap_or_else(|problems| panic!("{problems}"))
}

fn with(environment: &[(&str, &str)], flags: Flags) -> Result<Config, Problems> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load(&Input { file: None, environment: environment.iter().map(own).collect(), flags })
}

#[test]
fn every_bad_file_prints_what_stands_beside_it() {
    let mut differ = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(folder("bad")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        seen += 1;
        let problems = load_file(&file).expect_err("a bad configuration");
        let printed = problems.render(false) + "\n";
        assert!(!printed.contains("t0ken") && !printed.contains("hunter2"), "{printed}");
        assert!(!printed.contains("correct horse"), "{printed}");
        let expected = file.with_extension("txt");
        if !expected.exists() {
            // A new file: look at what it prints, and commit it.
            fs::write(&expected, &printed).unwrap();
            differ.push(format!("{} is new", expected.display()));
        } else if fs::read_to_string(&expected).unwrap() != printed {
            differ.push(format!("{}:\n{printed}", file.display()));
        }
    }
    assert!(seen > 5 && differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn every_key_is_read() {
    let config = good("full.yaml");
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.server.public_url.as_deref(), Some("https://desk.example.com"));
    assert!(config.server.trusted_proxies[0].contains("10.1.2.3".parse().unwrap()));
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.server.params.max_connections, 500);
    assert_eq!(config.server.params.header_timeout, Duration::from_secs(5));
    assert_eq!(config.server.params.idle_timeout, Duration::from_secs(65));
    assert_eq!(config.server.params.grace, Duration::from_secs(30));
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:9091");
    let UpstreamKind::Canonical(main) = &config.upstreams[0].kind else { panic!() };
    assert_eq!(main.url, "https://helpdesk.internal/v1");
    let (tls, _) = main.tls.as_ref().unwrap();
    let beside = |name: &str| folder("good").join("../tls").join(name);
    assert_eq!(tls.ca, upstream::tls::Ca::File(beside("ca.crt")));
    assert_eq!(tls.server_name.as_deref(), Some("db.helpdesk.internal"));
    let client = tls.client.as_ref().unwrap();
    assert_eq!((&client.certificate, &client.key), (&beside("tls.crt"), &beside("tls.key")));
    assert_eq!(main.credential.expose_secret(), "t0ken-of-the-backend");
    assert_eq!(main.timeout, Duration::from_secs(5));
    assert_eq!(main.connect_timeout, Duration::from_millis(750));
    assert_eq!(main.pool_idle, Duration::from_secs(3));
    assert_eq!(main.max_answer, 8 << 20);
    assert!(matches!(config.upstreams[1].kind, UpstreamKind::Sandbox));
    let resilience = &config.resilience;
    assert_eq!(resilience.attempts, 2);
    assert_eq!(resilience.attempt_timeout, Duration::from_millis(1_500));
    assert_eq!(resilience.backoff.min, Duration::from_millis(10));
    assert_eq!(resilience.backoff.max, Duration::from_millis(200));
    assert_eq!((resilience.budget.percent, resilience.budget.min_per_second), (10, 0));
    let breaker = resilience.breaker;
    assert!(breaker.enabled);
    assert_eq!((breaker.window, breaker.min_requests), (Duration::from_secs(10), 7));
    assert_eq!((breaker.failure_percent, breaker.probes), (60, 1));
    assert_eq!(breaker.open_for, Duration::from_secs(2));
    assert_eq!(config.tenants, [(Tenant("acme".into()), 0), (Tenant("trial".into()), 1)]);
    let Mounts::Listed(mounts) = &config.mounts else { panic!() };
    assert_eq!((mounts[0].host.as_str(), mounts[0].prefix.as_str()), ("desk.example.com", ""));
    assert_eq!((mounts[1].host.as_str(), mounts[1].dialect.as_str()), ("*", "third-party"));
    assert_eq!((mounts[2].prefix.as_str(), &*mounts[2].tenant.0), ("/trial", "trial"));
    let [dashboards, sync] = &config.credentials[..] else { panic!() };
    assert_eq!(dashboards.secret.expose_secret(), "t0ken-of-the-dashboards");
    assert_eq!(dashboards.account.as_deref(), Some("1"));
    assert_eq!(dashboards.actor, Actor::Agent("n:2".into()));
    assert_eq!((dashboards.access, dashboards.act_as), (Access::Read, false));
    assert!(dashboards.opens("account") && !dashboards.opens("third-party"));
    assert_eq!(sync.secret.expose_secret(), "from-a-file");
    assert_eq!((sync.access, sync.act_as, &sync.actor), (Access::Write, true, &Actor::Gateway));
    assert_eq!((dashboards.reads_as, sync.reads_as), (ReadsAs::Gateway, ReadsAs::Actor));
    assert!(sync.opens("anything"));
    let cache = Cache {
        enabled: false,
        max_bytes: 64 << 20,
        stale_if_error: Duration::ZERO,
        stale_while_revalidate: Duration::from_secs(90),
    };
    assert_eq!(config.cache, cache);
    assert_eq!(config.mappings, Some(folder("good").join("mappings")));
    assert_eq!((config.limits.max_body, config.limits.max_in_flight), (2 << 20, 100));
    assert_eq!(config.limits.request_timeout, Duration::from_secs(20));
    let uploads = &config.limits.uploads;
    assert_eq!((uploads.max_file, uploads.max_files, uploads.max_body), (1 << 20, 2, 3 << 20));
    assert_eq!(uploads.request_timeout, Duration::from_secs(60));
    assert_eq!(uploads.media_types, ["image/*".into(), "text/plain".into()]);
    let rate = config.limits.rate.unwrap();
    assert_eq!((rate.per_second.get(), rate.burst.get()), (50, 200));
    assert_eq!(config.telemetry.log, LogForm::Json);
    assert_eq!(config.telemetry.level, tracing::Level::DEBUG);
    assert!(config.telemetry.server_timing);
    assert_eq!(config.sandbox_path, Some(folder("good").join("trial.db")));
    assert_eq!(config.sandbox_time.unwrap().to_string(), "2026-06-01T09:00:00Z");
    assert!(!config.sandbox_only);
}

#[test]
fn what_is_not_said_has_its_default() {
    let config = good("smallest.yaml");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url, None);
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:8081");
    assert!(matches!(&config.mounts, Mounts::Every(tenant) if &*tenant.0 == "acme"));
    assert!(config.credentials.is_empty());
    assert_eq!(config.limits, limit::Params::default());
    assert_eq!(config.server.params, server::Params::default());
    assert_eq!(config.telemetry, telemetry::Params::default());
    let cache = Cache {
        enabled: true,
        max_bytes: 256 << 20,
        stale_if_error: Duration::from_secs(300),
        stale_while_revalidate: Duration::from_secs(60),
    };
    assert_eq!(config.cache, cache);
    assert_eq!(config.resilience, upstream::resilience::Params::default());
}

#[test]
fn the_environment_is_over_the_file_and_flags_are_over_both() {
    let file = folder("good").join("environment.yaml");
    let flags = Flags { listen: Some("127.0.0.1:9000".into()), ..Flags::default() };
    let environment = environment(&file);
    let mut input = Input { file: Some(file), environment, flags: Flags::default() };
    let config = load(&input).unwrap();
    assert_eq!(config.server.listen.port(), 7000);
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!((config.cache.enabled, config.cache.max_bytes), (false, 64 << 20));
    assert_eq!(config.limits.rate.unwrap().burst.get(), 7);
    assert_eq!(config.server.params.grace, Duration::from_secs(3));
    let UpstreamKind::Canonical(main) = &config.upstreams[0].kind else { panic!() };
    // Not the number seven.
    assert_eq!(main.credential.expose_secret(), "007");
    input.flags = flags;
    assert_eq!(load(&input).unwrap().server.listen.port(), 9000);
}

#[test]
fn without_a_file_there_is_the_sandbox_on_loopback() {
    let config = with(&[], Flags::default()).unwrap();
    assert!(config.sandbox_only && config.server.listen.ip().is_loopback());
    let names: Vec<&str> = config.credentials.iter().map(|c| &*c.name).collect();
    assert_eq!(names, ["demo-admin", "demo-agent", "demo-platform", "demo-bearer", "demo-gateway"]);
    let flags = Flags { listen: Some("127.0.0.1:0".into()), ..Flags::default() };
    let config = with(&[("DESKBRIDGE__TELEMETRY__LOG", "json")], flags).unwrap();
    assert_eq!((config.server.listen.port(), config.telemetry.log), (0, LogForm::Json));
}

#[test]
fn the_sandbox_goes_on_the_network_only_when_told_twice() {
    let flags = || Flags { listen: Some("192.0.2.1:80".into()), ..Flags::default() };
    let refused = with(&[], flags()).unwrap_err().to_string();
    assert!(refused.contains("command line:1:1") && refused.contains("allow_network"), "{refused}");
    assert!(with(&[("DESKBRIDGE__SANDBOX__ALLOW_NETWORK", "true")], flags()).is_ok());
}

#[test]
fn upstreams_of_the_environment_need_no_file() {
    let config = with(
        &[
            ("DESKBRIDGE__UPSTREAMS__MAIN__KIND", "canonical"),
            ("DESKBRIDGE__UPSTREAMS__MAIN__URL", "http://10.0.0.7"),
            ("DESKBRIDGE__UPSTREAMS__MAIN__CREDENTIAL", "t0ken"),
            ("DESKBRIDGE__TENANTS__ACME__UPSTREAM", "main"),
        ],
        Flags::default(),
    )
    .unwrap();
    assert!(!config.sandbox_only && config.credentials.is_empty());
    assert_eq!(config.upstreams.len(), 1);
    let missing = with(&[("DESKBRIDGE__UPSTREAMS__MAIN__KIND", "canonical")], Flags::default());
    assert_eq!(missing.unwrap_err().diagnostics.len(), 3);
}

#[test]
fn a_missing_file_is_no_sandbox() {
    let problems = load_file(Path::new("no/such/file.yaml")).unwrap_err();
    assert_eq!(problems.diagnostics.iter().next().unwrap().code, Code::MissingFile);
}

#[test]
fn dialects_that_nobody_knows_are_named_with_their_place() {
    let config = good("full.yaml");
    assert!(config.check_dialects(&["account", "third-party"]).is_ok());
    let problems = config.check_dialects(&["accounts", "third-party"]).unwrap_err();
    assert_eq!(problems.diagnostics.len(), 3);
    let printed = problems.to_string();
    assert!(printed.contains("full.yaml:19:16") && printed.contains("`accounts`?"), "{printed}");
}

#[test]
fn the_printed_configuration_has_no_secret_and_every_default() {
    let text = serde_json::to_string_pretty(&good("full.yaml").to_json()).unwrap();
    for secret in ["t0ken", "from-a-file", "${"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains("\"idle_timeout\": \"65s\"") && text.contains("\"max_body\": \"2MiB\""));
    let sandbox = with(&[], Flags::default()).unwrap().to_json();
    assert_eq!(sandbox["credentials"][0]["secret"], "[redacted]");
    assert_eq!(sandbox["limits"]["grace"], "20s");
    let debugged = format!("{:?}", good("full.yaml").credentials);
    assert!(!debugged.contains("t0ken"));
}

#[test]
fn a_thousand_tenants_have_room_in_one_file() {
    let mut yaml = String::from(
        "upstreams: { main: { kind: canonical, url: \"http://127.0.0.1:9/v1\", credential: \"${env:DASH_TOKEN}\" } }\ntenants:\n",
    );
    let (mut mounts, mut credentials) = (String::from("mounts:\n"), String::from("credentials:\n"));
    let mut environment = BTreeMap::from([("DASH_TOKEN".to_owned(), "t0ken".to_owned())]);
    for n in 0..1_000 {
        environment.insert(format!("TOKEN_{n}"), format!("t0ken-{n}"));
        yaml.push_str(&format!("  t{n}: {{ upstream: main }}\n"));
        mounts.push_str(&format!("  - {{ dialect: account, tenant: t{n}, host: t{n}.example }}\n"));
        credentials.push_str(&format!(
            "  - {{ name: c{n}, secret: \"${{env:TOKEN_{n}}}\", tenant: t{n}, account: \"1\", actor: \"agent:n:2\", dialects: [ account ] }}\n"
        ));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    fs::write(&file, yaml + &mounts + &credentials).unwrap();
    let config = load(&Input { file: Some(file), environment, ..Input::default() });
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((config.tenants.len(), config.credentials.len()), (1_000, 1_000));
}
