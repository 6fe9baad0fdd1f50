use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use tower::Service as _;

use super::*;
use crate::sandbox::{OpenError, files};

fn at(path: &Path) -> Params {
    Params { path: Some(path.to_owned()), ..params() }
}

fn open(params: Params) -> Result<Sandbox, OpenError> {
    Sandbox::open(params, embedded(), fixed_clock().0)
}

#[tokio::test]
async fn a_named_file_is_kept_and_a_temporary_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let bench = Bench::with(at(&path));
    bench.update(1, json!({"subject": "Kept"}), NOOR).await.unwrap();
    drop(bench);
    assert_eq!(Bench::with(at(&path)).get(1).await["subject"], "Kept");

    let bench = Bench::new();
    let path = bench.sandbox.0.files.path.clone();
    assert!(path.exists());
    drop(bench);
    assert!(!path.exists() && !path.parent().unwrap().exists());
}

#[tokio::test]
async fn two_new_sandboxes_are_alike() {
    let (one, two) = (Bench::new(), Bench::new());
    for number in [1, 2, 40] {
        assert_eq!(one.get(number).await, two.get(number).await);
    }
}

#[test]
fn a_file_in_use_says_who_and_which_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let first = open(at(&path)).unwrap();
    let message = open(at(&path)).unwrap_err().to_string();
    let (path, lock) = (path.display(), format!("{}.lock", path.display()));
    assert_eq!(
        message,
        format!("the sandbox's file {path} is in use by another deskbridge (lock {lock})")
    );
    drop(first);
    open(at(&folder.path().join("desk.db"))).unwrap();
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    drop(open(at(&path)).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = open(at(&path)).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 7, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("schema version 7; this program knows versions up to 1"));
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "Dear diary, this is certainly no database. ".repeat(40)).unwrap();
    assert!(matches!(open(at(&text)).unwrap_err(), OpenError::NotADatabase { .. }));
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("Dear diary"));

    let foreign = folder.path().join("other.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE cats (name TEXT)").unwrap();
    let error = open(at(&foreign)).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");

    let nowhere = folder.path().join("no/such/folder/desk.db");
    assert!(matches!(open(at(&nowhere)).unwrap_err(), OpenError::Io { .. }));
}

#[tokio::test]
async fn a_locked_file_is_unavailable_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let bench = Bench::with(at(&path));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let problem = bench.update(1, json!({"priority": "low"}), NOOR).await.unwrap_err();
    assert_eq!((problem.code, problem.retry_after_s), (ProblemCode::Unavailable, Some(1)));
    assert_eq!(bench.get(1).await["priority"], "high");
    other.execute_batch("ROLLBACK").unwrap();
    bench.update(1, json!({"priority": "low"}), NOOR).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_is_unavailable_and_what_waits_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let patience = Duration::from_secs(60);
    let bench = Bench::with(Params { queue: 1, busy_timeout: patience, ..at(&path) });
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // One is with the thread at most, one waits: the third finds no room.
    let mut sandbox = bench.sandbox.clone();
    let answers: Vec<_> = (0..3)
        .map(|n| {
            let text = json!({"text": format!("{n}")});
            sandbox.call(bench.request(
                "messages.create",
                &[("conversation_id", "n:1")],
                &text,
                NOOR,
            ))
        })
        .collect();
    other.execute_batch("ROLLBACK").unwrap();
    drop(sandbox);
    let mut given = 0;
    for answer in answers {
        match answer.await {
            Ok(_) => given += 1,
            Err(error) => assert_eq!(error.problem().retry_after_s, Some(1)),
        }
    }
    assert!((1..=2).contains(&given), "{given}");
}

#[tokio::test]
async fn the_end_waits_for_what_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let bench = Bench::with(at(&path));
    let text = json!({"text": "The last word"});
    let request = bench.request("messages.create", &[("conversation_id", "n:1")], &text, NOOR);
    let answer = bench.sandbox.clone().call(request);
    drop(bench);
    answer.await.unwrap();
    assert_eq!(Bench::with(at(&path)).newest(1, 1).await[0].1, "The last word");
}

#[tokio::test]
async fn the_table_is_the_contracts() {
    let bench = Bench::new();
    let mut served: Vec<_> = Sandbox::handled(&bench.contract).collect();
    let mut named: Vec<_> = bench.contract.operations().iter().map(|o| &*o.name).collect();
    served.sort_unstable();
    named.sort_unstable();
    assert_eq!(served, named);
    let mut request = bench.request("resolve.inbox", &[("identifier", "x")], &Value::Null, NOOR);
    request.operation = OperationId(500);
    let problem = bench.sandbox.clone().oneshot(request).await.unwrap_err().into_problem();
    assert_eq!(problem.code, ProblemCode::NotSupportedByUpstream);
}

#[test]
fn the_files_are_strict_and_their_references_hold() {
    let files = files::Files::claim(None, Duration::ZERO, &embedded()).unwrap();
    let db = files.writer(&embedded()).unwrap();
    let loose: i64 = db
        .query_row("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' AND NOT strict", [], |r| r.get(0))
        .unwrap();
    let dangling: i64 =
        db.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| r.get(0)).unwrap();
    let mode: String = db.pragma_query_value(None, "journal_mode", |r| r.get(0)).unwrap();
    assert_eq!((loose, dangling, &*mode), (0, 0, "wal"));
    let wrong = "UPDATE conversation SET document = json_set(document, '$.assignee_id', 'agt_nobody') WHERE number = 1";
    assert!(db.execute(wrong, []).is_err());
}

#[tokio::test]
async fn a_write_that_fails_late_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    let bench = Bench::with(at(&path));
    let before = bench.get(4).await;
    let other = Connection::open(&path).unwrap();
    // The conversation is the last that a message writes.
    other
        .execute_batch(
            "CREATE TRIGGER late BEFORE UPDATE ON conversation
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    let problem = bench.say(4, json!({"text": "Is it back?"}), MIRA).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::UpstreamError);
    assert_eq!(problem.detail, None, "nothing of the inside is told");
    other.execute_batch("DROP TRIGGER late").unwrap();
    assert_eq!(bench.get(4).await, before);
    let last = bench.get(67).await["last_message_number"].as_i64().unwrap();
    let next = bench.say(4, json!({"text": "Is it back?"}), MIRA).await.unwrap();
    assert_eq!(next["number"], last + 1);
}
