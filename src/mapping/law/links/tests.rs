use super::*;
use crate::syntax::{Sources, yaml};

const DOCUMENT: &str = "
components:
  schemas:
    Ticket:
      properties:
        id: { type: integer, x-canonical: $.number }
        status: { enum: [ open, done ], x-canonical: $.status, x-words: { resolved: done } }
        seen_at: { type: integer, format: unix-seconds, x-canonical: $.seen_at, x-null: 0 }
        made_at: { type: string, format: date-time, x-canonical: $.created_at }
        unread: { type: integer, default: 0, x-canonical: $.unread }
        meta: { properties: { who: { $ref: '#/components/schemas/Person', x-canonical: $.contact } } }
        notes: { items: { properties: { id: { x-canonical: $.number } } }, x-canonical: $.notes }
    Person: { properties: { name: { type: string, x-canonical: $.name } } }
";

fn links() -> Links {
    let mut sources = Sources::default();
    let id = sources.add("documented.yaml", DOCUMENT);
    let node = yaml::parse(&sources, id, yaml::FILE_NODES).unwrap();
    let mut problems = Diagnostics::default();
    let links = Links::read(&node, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    links
}

/// The members that do not say what their places do.
fn unlike(canonical: &str, theirs: &str, read: bool) -> Vec<String> {
    let found = links().compare("Ticket", &Json::read(canonical), &Json::read(theirs), read);
    found.into_iter().map(|unlike| unlike.pointer).collect()
}

const CANONICAL: &str = r#"{"number":5,"status":"resolved","seen_at":"2026-03-04T09:15:30.250Z",
    "created_at":"2026-03-04T09:15:30.250Z","unread":null,"contact":{"name":"Ada"},
    "notes":[{"number":1},{"number":2}]}"#;
const THEIRS: &str = r#"{"id":5,"status":"done","seen_at":1772615730,"made_at":"2026-03-04T09:15:30Z",
    "unread":0,"meta":{"who":{"name":"Ada"}},"notes":[{"id":1},{"id":2}]}"#;

#[test]
fn what_says_the_same_is_alike() {
    assert!(links().has("Ticket") && !links().has("Nobody"));
    assert_eq!(unlike(CANONICAL, THEIRS, false), [""; 0]);
    assert_eq!(unlike(CANONICAL, THEIRS, true), [""; 0]);
}

#[test]
fn what_says_something_else_is_told() {
    for (from, to, at) in [
        ("\"id\":5", "\"id\":6", "/id"),
        ("\"done\"", "\"open\"", "/status"),
        ("1772615730", "1772615731", "/seen_at"),
        ("1772615730", "null", "/seen_at"),
        ("09:15:30Z", "09:15:31Z", "/made_at"),
        ("09:15:30Z", "09:15:30.200Z", "/made_at"),
        ("\"unread\":0", "\"unread\":1", "/unread"),
        ("\"Ada\"", "\"Eve\"", "/meta/who/name"),
        ("[{\"id\":1},{\"id\":2}]", "[{\"id\":2},{\"id\":1}]", "/notes/0/id"),
        ("[{\"id\":1},{\"id\":2}]", "[{\"id\":1}]", "/notes"),
    ] {
        let changed = THEIRS.replace(from, to);
        assert_ne!(changed, THEIRS, "{from}");
        let found = unlike(CANONICAL, &changed, false);
        assert_eq!(found.first().map(String::as_str), Some(at), "{from} → {to}");
    }
}

#[test]
fn what_says_nothing_must_have_been_read_as_nothing() {
    let theirs = r#"{"seen_at":0}"#;
    assert_eq!(unlike(r#"{"seen_at":null}"#, theirs, true), [""; 0]);
    // Written, a time of 0 cannot be told from it.
    assert_eq!(unlike(r#"{"seen_at":"1970-01-01T00:00:00.000Z"}"#, theirs, false), [""; 0]);
    assert_eq!(unlike(r#"{"seen_at":"1970-01-01T00:00:00.000Z"}"#, theirs, true), ["/seen_at"]);
}
