//! Every command of the shipped binary: what it says, where it says it, and how it ends.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::fault::Fault;
use crate::support::gateway::deskbridge;
use crate::support::shipped::Shipped;

#[track_caller]
fn ended(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    assert!(!out.contains('\x1b') && !err.contains('\x1b'), "colours where nobody looks");
    (out, err)
}

/// Runs with something on standard input.
fn fed(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_deskbridge"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn help_is_there_for_every_command() {
    let mut all = String::new();
    let commands = [
        "",
        "serve",
        "check",
        "routes",
        "coverage",
        "translate",
        "health",
        "mappings",
        "mappings export",
        "version",
        "completions",
    ];
    for command in commands {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let (out, err) = ended(&deskbridge(&arguments), 0);
        assert_eq!(err, "", "{command}");
        all.push_str(&format!("$ deskbridge {}\n{out}\n", arguments.join(" ")));
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn a_wrong_command_line_is_64() {
    for arguments in [
        &["frobnicate"][..],
        &["--nothing"],
        &["routes", "--format", "xml"],
        &["translate", "--dialect", "account"],
        &["health", "--admin", "nowhere"],
        &["mappings"],
        &["completions", "tcsh"],
    ] {
        let (out, err) = ended(&deskbridge(arguments), 64);
        assert_eq!(out, "", "{arguments:?}");
        assert!(err.starts_with("error: ") || err.contains("Usage: "), "{arguments:?}: {err}");
    }
    let (_, err) = ended(&deskbridge(&["rotues"]), 64);
    assert!(err.contains("'routes'"), "{err}");
}

#[test]
fn version_tells_release_revision_and_digest() {
    let (out, _) = ended(&deskbridge(&["version"]), 0);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], format!("deskbridge {}", deskbridge::VERSION));
    assert!(lines[1].starts_with("revision   "), "{out}");
    let digest = lines[2].strip_prefix("mappings   sha256:").unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{out}");
    let (out, _) = ended(&deskbridge(&["version", "--format", "json"]), 0);
    assert_eq!(json_of(&out)["mappings"], format!("sha256:{digest}"));
}

#[test]
fn routes_are_listed_for_people_and_for_programs() {
    let (table, _) = ended(&deskbridge(&["routes"]), 0);
    let (out, _) = ended(&deskbridge(&["routes", "--format", "json"]), 0);
    let all = json_of(&out);
    let all = all.as_array().unwrap();
    assert_eq!(table.lines().count(), all.len());
    let toggle = "/api/v1/accounts/{account}/conversations/{number:int}/toggle_status";
    let found = all.iter().find(|r| r["path"] == toggle).unwrap();
    assert_eq!(found["operations"], json!(["conversations.get", "conversations.update"]));
    assert_eq!((&found["dialect"], &found["method"]), (&json!("account"), &json!("POST")));
    let row = table.lines().find(|line| line.contains(toggle)).unwrap();
    assert!(
        row.starts_with("account ") && row.ends_with("→ conversations.get, conversations.update"),
        "{row}"
    );
    let (own, _) =
        ended(&deskbridge(&["routes", "--dialect", "third-party", "--format", "json"]), 0);
    let own = json_of(&own);
    let own = own.as_array().unwrap();
    assert!(own.len() >= 4 && own.iter().all(|r| r["dialect"] == "third-party"), "{own:?}");
    let (_, err) = ended(&deskbridge(&["routes", "--dialect", "acount"]), 64);
    assert!(err.contains("did you mean `account`?"), "{err}");
}

#[test]
fn check_passes_on_what_is_shipped_and_on_what_is_exported() {
    let (out, err) = ended(&deskbridge(&["check"]), 0);
    assert!(
        out.starts_with("ok: 6 dialects, ") && out.ends_with("0 errors, 0 warnings\n"),
        "{out}"
    );
    assert_eq!(err, "");
    let (embedded, _) = ended(&deskbridge(&["check", "--format", "json"]), 0);
    let embedded = json_of(&embedded);
    assert_eq!(embedded["examples"]["failed"], 0);
    assert!(embedded["examples"]["passed"].as_u64().unwrap() >= 60);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("mappings").display().to_string();
    let (out, _) = ended(&deskbridge(&["mappings", "export", &copy]), 0);
    assert!(out.contains(" files written to "), "{out}");
    let (exported, _) = ended(&deskbridge(&["check", &copy, "--format", "json"]), 0);
    assert_eq!(json_of(&exported), embedded);
    // What is there is not overwritten.
    let (out, err) = ended(&deskbridge(&["mappings", "export", &copy]), 1);
    assert!(out.is_empty() && err.starts_with("error: "), "{err}");
    let (_, err) = ended(&deskbridge(&["check", "no/such/folder"]), 64);
    assert!(err.contains("no/such/folder"), "{err}");
}

#[test]
fn check_tells_of_every_fault_what_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let exported = folder.path().join("exported");
    ended(&deskbridge(&["mappings", "export", exported.to_str().unwrap()]), 0);
    let faults = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mapping/faults");
    let mut wrong = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(faults).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in &files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let fault = Fault::read(path);
        let broken = folder.path().join(name);
        let expect = fault.expected(fault.make(&exported, &broken));
        let shown = broken.display().to_string();
        let (out, _) = ended(&deskbridge(&["check", &shown, "--format", "json"]), fault.exit);
        let problems = json_of(&out)["problems"].clone();
        let problems = problems.as_array().unwrap();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let found: Vec<String> = problems
            .iter()
            .map(|p| {
                let file = text(&p["file"]);
                let file = file.strip_prefix(&format!("{shown}/")).unwrap_or(&file).to_owned();
                format!("{} {file}:{}:{}", text(&p["code"]), p["line"], p["column"])
            })
            .collect();
        let said = problems
            .first()
            .map(|p| text(&p["message"]) + " / " + &text(&p["help"]))
            .unwrap_or_default();
        if found != expect || !said.contains(&fault.words) {
            wrong.push(format!(
                "{name}\n  expected {:?} {}\n  found {found:?} {said}",
                expect, fault.words
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() >= 15, "only {} faults", files.len());
}

#[test]
fn a_fault_is_shown_with_its_line_underlined() {
    let folder = tempfile::tempdir().unwrap();
    let exported = folder.path().join("exported");
    ended(&deskbridge(&["mappings", "export", exported.to_str().unwrap()]), 0);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mapping/faults");
    let broken = folder.path().join("broken");
    Fault::read(&fixtures.join("typo-in-a-canonical-path.txt")).make(&exported, &broken);
    let (out, err) = ended(&deskbridge(&["check", broken.to_str().unwrap()]), 1);
    assert!(out.starts_with("not ok: ") && out.contains(" 1 errors, 0 warnings"), "{out}");
    insta::assert_snapshot!("check", err.replace(broken.to_str().unwrap(), "broken"));
    // A gateway does not start on it, and says the same.
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--mappings",
        broken.to_str().unwrap(),
    ];
    let (out, refused) = ended(&deskbridge(&serve), 64);
    assert!(out.is_empty() && refused.trim() == err.trim(), "{refused}");
}

const MESSAGE: &str = r#"{"type":"text","text":{"content":"hello"}}"#;

#[test]
fn one_body_is_translated_either_way() {
    let decode = [
        "translate",
        "--dialect",
        "third-party",
        "--record",
        "message_create",
        "--direction",
        "decode",
    ];
    let (out, err) = ended(&fed(&decode, MESSAGE), 0);
    assert_eq!(err, "");
    let canonical = json_of(&out);
    assert_eq!(canonical["blocks"][0]["text"], "hello");
    let full = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("mappings/canonical/examples/conversation.full.json");
    let encode = [
        "translate",
        "--dialect",
        "account",
        "--record",
        "conversation",
        "--direction",
        "encode",
        full.to_str().unwrap(),
    ];
    let (out, _) = ended(&deskbridge(&encode), 0);
    assert_eq!(json_of(&out)["id"], 418);
    assert!(out.starts_with("{\"id\":418,\"messages\":["), "keys in the order of the file: {out}");
}

#[test]
fn what_cannot_be_translated_is_told_precisely() {
    let run = |record: &str, direction: &str, body: &str, code: i32| {
        let arguments =
            ["translate", "--dialect", "third-party", "--record", record, "--direction", direction];
        let (out, err) = ended(&fed(&arguments, body), code);
        assert_eq!(out, "", "nothing of a body that failed");
        err
    };
    let err = run("message_create", "decode", "{\"type\":\n  \"text\",}", 1);
    assert!(err.starts_with("error: the body is not JSON: line 2, column "), "{err}");
    let err = run("message_create", "decode", r#"{"type":"text","text":{"content":7}}"#, 1);
    assert!(
        err.contains("/text/content") && err.contains("rule: mappings/third-party/records.yaml:"),
        "{err}"
    );
    let err = run("message_create", "decode", r#"{"type":"fax"}"#, 1);
    assert!(err.contains("/type"), "{err}");
    let err = run("mesage_create", "decode", MESSAGE, 64);
    assert!(err.contains("did you mean `message_create`?"), "{err}");
    let err = run("message_create", "encode", MESSAGE, 64);
    assert!(err.contains("has no encode"), "{err}");
    let arguments =
        ["translate", "--dialect", "thirdparty", "--record", "x", "--direction", "decode", "-"];
    let (_, err) = ended(&fed(&arguments, "{}"), 64);
    assert!(err.contains("did you mean `third-party`?"), "{err}");
    let arguments = [
        "translate",
        "--dialect",
        "third-party",
        "--record",
        "message_create",
        "--direction",
        "decode",
        "no-such.json",
    ];
    let (_, err) = ended(&deskbridge(&arguments), 64);
    assert!(err.contains("no-such.json"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_asks_a_running_gateway() {
    let gateway = Shipped::start(&[]).await;
    let admin = gateway.admin_address.to_string();
    let ask = |admin: String| {
        tokio::task::spawn_blocking(move || deskbridge(&["health", "--admin", &admin]))
    };
    assert_eq!(ended(&ask(admin.clone()).await.unwrap(), 0).0, "ready\n");
    gateway.terminate();
    gateway.ended().await;
    let (_, err) = ended(&ask(admin).await.unwrap(), 1);
    assert!(err.contains("does not answer"), "{err}");
}

#[test]
fn a_bad_configuration_is_told_whole_before_any_port_opens() {
    // The address is taken: a listener opened too early would be 69.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    let yaml = format!(
        "server: {{ listen: \"{}\" }}\nadmin: {{ lisen: 127.0.0.1:0 }}\nupstreams: {{ main: {{ kind: sandbx }} }}\n\
         tenants: {{ acme: {{ upstream: mian }} }}\ncache: {{ max_bytes: 1 }}\n",
        taken.local_addr().unwrap()
    );
    std::fs::write(&file, yaml).unwrap();
    let (out, err) = ended(&deskbridge(&["serve", "--config", file.to_str().unwrap()]), 64);
    assert_eq!(out, "");
    for problem in [
        "`admin` has no key `lisen`",
        "did you mean `sandbox`?",
        "did you mean `main`?",
        "at least 1MiB",
    ] {
        assert!(err.contains(problem), "{problem}\n{err}");
    }
    assert_eq!(err.matches("error[").count(), 4, "{err}");
    // A named file that is not there, and one without backends, are no sandbox.
    let (_, err) = ended(&deskbridge(&["serve", "--config", "no-such.yaml"]), 64);
    assert!(err.contains("no-such.yaml"), "{err}");
    std::fs::write(&file, "cache: { enabled: false }\n").unwrap();
    let (_, err) = ended(&deskbridge(&["serve", "--config", file.to_str().unwrap()]), 64);
    assert!(err.contains("upstreams"), "{err}");
}

#[test]
fn an_unknown_dialect_of_a_mount_is_a_bad_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    let yaml = "upstreams: { main: { kind: sandbox } }\ntenants: { acme: { upstream: main } }\n\
                mounts:\n  - { dialect: acount, tenant: acme }\n";
    std::fs::write(&file, yaml).unwrap();
    let arguments = [
        "serve",
        "--config",
        file.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ];
    let (_, err) = ended(&deskbridge(&arguments), 64);
    assert!(err.contains("did you mean `account`?") && err.contains("deskbridge.yaml:4:"), "{err}");
}

#[test]
fn an_address_in_use_is_69() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for arguments in [
        ["--listen", &taken, "--admin", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:0", "--admin", &taken],
    ] {
        let (out, err) = ended(&deskbridge(&arguments), 69);
        assert!(out.is_empty() && err.contains(&taken) && err.contains("in use"), "{out}{err}");
    }
}

#[tokio::test]
async fn a_sandbox_file_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let (database, file) = (folder.path().join("desk.db"), folder.path().join("deskbridge.yaml"));
    let yaml = "upstreams: { main: { kind: sandbox } }\ntenants: { demo: { upstream: main } }\nsandbox: { path: desk.db }\n";
    std::fs::write(&file, yaml).unwrap();
    let path = file.to_str().unwrap();
    let first = Shipped::start(&["--config", path]).await;
    let arguments =
        ["serve", "--config", path, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let (out, err) = ended(&deskbridge(&arguments), 64);
    assert!(out.is_empty() && err.contains("in use by another deskbridge"), "{out}{err}");
    assert!(err.contains(database.to_str().unwrap()), "{err}");
    first.terminate();
    assert_eq!(first.ended().await.0, Some(0));
    // Free again.
    let second = Shipped::start(&["--config", path]).await;
    second.terminate();
    assert_eq!(second.ended().await.0, Some(0));
    // What is no database is left alone.
    std::fs::remove_file(&database).unwrap();
    std::fs::write(&database, "a letter, and no database at all").unwrap();
    let (_, err) = ended(&deskbridge(&arguments), 64);
    assert!(err.contains("is not an SQLite database"), "{err}");
    assert_eq!(std::fs::read_to_string(&database).unwrap(), "a letter, and no database at all");
}

/// Flags win over the environment, the environment over the file.
#[tokio::test]
async fn the_last_word_on_an_address_is_the_flags() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    let yaml = "server: { listen: 192.0.2.1:1 }\nadmin: { listen: 192.0.2.1:2 }\nsandbox: { allow_network: true }\n\
                upstreams: { main: { kind: sandbox } }\ntenants: { demo: { upstream: main } }\n";
    std::fs::write(&file, yaml).unwrap();
    let gateway = Shipped::start(&["--config", file.to_str().unwrap()]).await;
    assert!(gateway.address.ip().is_loopback() && gateway.admin_address.ip().is_loopback());
    gateway
        .client()
        .get("/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/1", &[])
        .await
        .expect(200);
}

#[test]
fn completions_are_written_for_each_shell() {
    let starts: BTreeMap<&str, &str> = [
        ("bash", "_deskbridge()"),
        ("zsh", "#compdef deskbridge"),
        ("fish", "# Print an optspec"),
        ("elvish", ""),
        ("powershell", ""),
    ]
    .into();
    for (shell, start) in starts {
        let (out, err) = ended(&deskbridge(&["completions", shell]), 0);
        assert!(out.starts_with(start) && out.contains("translate") && err.is_empty(), "{shell}");
    }
}
