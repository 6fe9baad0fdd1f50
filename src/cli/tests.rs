use std::convert::Infallible;

use clap::CommandFactory as _;
use tokio::net::TcpListener;

use super::*;

/// Runs a command line; gives how it ended and what it wrote to both streams.
fn deskbridge(line: &str, environment: &[(&str, &str)]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = std::iter::once("deskbridge").chain(line.split_whitespace());
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let exit = main(
        arguments.map(OsString::from),
        environment.iter().map(own).collect(),
        &mut Console::plain(&mut out, &mut err),
    );
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn the_tree_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn serving_is_the_default_and_takes_its_options_with_or_without_its_name() {
    for line in ["deskbridge --listen 127.0.0.1:1", "deskbridge serve --listen 127.0.0.1:1"] {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Serve(serve) = cli.command.unwrap_or(Command::Serve(cli.serve)) else {
            panic!("{line}");
        };
        assert_eq!(serve.listen.as_deref(), Some("127.0.0.1:1"));
    }
    let both = "deskbridge --listen 127.0.0.1:1 check";
    assert!(Cli::try_parse_from(both.split(' ')).is_err());
}

#[test]
fn usage_is_64_and_help_is_not_an_error() {
    let (exit, out, err) = deskbridge("frobnicate", &[]);
    assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
    assert!(err.contains("frobnicate") && !err.contains('\x1b'), "{err}");
    let (exit, out, err) = deskbridge("--help", &[]);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    insta::assert_snapshot!("help", out);
    for command in ["serve", "check", "routes", "translate", "health", "mappings", "completions"] {
        let (exit, out, _) = deskbridge(&format!("{command} --help"), &[]);
        assert_eq!(exit, Exit::Done);
        assert!(out.contains("Example"), "{out}");
    }
}

#[test]
fn version_says_what_is_running() {
    let (exit, out, _) = deskbridge("version", &[]);
    assert_eq!(exit, Exit::Done);
    assert!(out.starts_with(&format!("deskbridge {}\n", crate::VERSION)), "{out}");
    assert!(out.contains("mappings   sha256:"), "{out}");
    let (_, out, _) = deskbridge("version --format json", &[]);
    let version: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(version["version"], crate::VERSION);
}

#[test]
fn completions_are_written_for_the_shell_asked_for() {
    let (exit, out, _) = deskbridge("completions bash", &[]);
    assert!(exit == Exit::Done && out.contains("complete -F"), "{out}");
    assert!(deskbridge("completions zsh", &[]).1.starts_with("#compdef deskbridge"));
    assert_eq!(deskbridge("completions tcsh", &[]).0, Exit::Usage);
}

#[test]
fn mappings_are_written_out_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("mappings export {}", folder.path().join("out").display());
    let (exit, out, _) = deskbridge(&line, &[]);
    assert!(exit == Exit::Done && out.contains("files written"), "{out}");
    assert!(folder.path().join("out/canonical/openapi.yaml").exists());
    let (exit, _, err) = deskbridge(&line, &[]);
    assert!(exit == Exit::Problems && err.contains("out"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_what_the_admin_listener_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let status = std::sync::Arc::new(std::sync::atomic::AtomicU16::new(200));
    let told = std::sync::Arc::clone(&status);
    let answer = move |request: http::Request<crate::server::RequestBody>| {
        assert_eq!(request.uri().path(), "/ready");
        let status = told.load(std::sync::atomic::Ordering::SeqCst);
        let body = http_body_util::Full::new(bytes::Bytes::from("{\"main\":\"down\"}"));
        let answer = http::Response::builder().status(status).body(body).unwrap();
        async { Ok::<_, Infallible>(answer) }
    };
    let serving = tokio::spawn(async move {
        let make = move |_| tower::service_fn(answer.clone());
        let params = tokio::sync::watch::channel(crate::server::Params::default()).1;
        crate::server::serve(listener, make, std::future::pending(), params, &Default::default())
            .await
    });
    let ask = move |line: String, variable: String| async move {
        tokio::task::spawn_blocking(move || {
            deskbridge(&line, &[("DESKBRIDGE__ADMIN__LISTEN", variable.as_str())])
        })
        .await
        .unwrap()
    };
    let flag = format!("health --admin {address}");
    let ready = (Exit::Done, "ready\n".to_owned(), String::new());
    assert_eq!(ask(flag.clone(), "127.0.0.1:1".into()).await, ready);
    let variable = format!("0.0.0.0:{}", address.port());
    assert_eq!(ask("health".into(), variable).await, ready);
    // Without flag and variable the file's address counts, and nothing else of the file does.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    let listen = format!("admin: {{ listen: \"0.0.0.0:{}\" }}\nnonsense: true\n", address.port());
    std::fs::write(&file, listen).unwrap();
    let named = format!("health --config {}", file.display());
    let alone = named.clone();
    let asked = tokio::task::spawn_blocking(move || deskbridge(&alone, &[])).await.unwrap();
    assert_eq!(asked, ready);
    let (exit, ..) = ask(named, "127.0.0.1:1".into()).await;
    assert_eq!(exit, Exit::Problems, "the variable lies over the file");
    status.store(503, std::sync::atomic::Ordering::SeqCst);
    let (exit, _, err) = ask(flag.clone(), "127.0.0.1:1".into()).await;
    assert!(exit == Exit::Problems && err.contains("503") && err.contains("down"), "{err}");
    serving.abort();
    let _ = serving.await;
    let (exit, _, err) = ask(flag, "127.0.0.1:1".into()).await;
    assert!(exit == Exit::Problems && err.contains("does not answer"), "{err}");
    assert_eq!(ask("health".into(), "nowhere".into()).await.0, Exit::Usage);
}
