//! Ways of paging that cannot be followed, and what is said about each.

use crate::dialect::catalog::Catalog;
use crate::dialect::embedded::{CONTRACT, Files};
use crate::syntax::{Diagnostics, Sources};

const HEAD: &str = "\
language: 1
dialect: small
system: small
mount: /api
credentials: { token: { default: true, in: { header: [ x-token ] }, yields: { kind: agent } } }
errors: { default: { record: problem } }
pagination:
  bare: { kind: page, page: page, per_page: n, size: 25, most: 50 }
  framed: { kind: laravel, page: page, size: 100 }
  around: { kind: anchor, before: before, after: after, size: { none: 20, before: 20, after: 100, both: 1000 } }
";

const RECORDS: &str = "\
records:
  problem: { canonical: Problem, only: encode, why: never read, fields: { error: $.title } }
  message: { canonical: Message, only: encode, why: never read, fields: { id: $.number } }
";

const ROUTES: &str = "\
routes:
  bare:
    request: GET /bare/{id:int}
    query: { page: { page: bare }, n: { page: bare } }
    call: { operation: messages.list, path: { account_id: $principal.account, conversation_id: { at: $path.id, as: alias } } }
    reply: { page: bare, each: message }
  framed:
    request: GET /framed/{id:int}
    query: { page: { page: framed } }
    call: { operation: messages.list, path: { account_id: $principal.account, conversation_id: { at: $path.id, as: alias } } }
    reply: { page: framed, each: message }
  around:
    request: GET /around/{id:int}
    query: { before: { page: around, to: list }, after: { page: around } }
    calls:
      list: { operation: messages.list, path: { account_id: $principal.account, conversation_id: { at: $path.id, as: alias } } }
    reply: { fields: { all: { at: $list.data, each: message, sort_by: sequence } } }
  walked:
    request: GET /walked/{id:int}
    call: { operation: messages.list, path: { account_id: $principal.account, conversation_id: { at: $path.id, as: alias } }, walk: { pages: 5 } }
    reply: { at: $.data, each: message }
";

/// What is said after a change: `code underlined: message / help`.
fn said(from: &str, to: &str) -> Vec<String> {
    let change = |text: &str| text.replacen(from, to, 1);
    assert!(from.is_empty() || format!("{HEAD}{ROUTES}").contains(from), "{from}");
    let (head, routes) = match HEAD.contains(from) {
        true => (change(HEAD), ROUTES.to_owned()),
        false => (HEAD.to_owned(), change(ROUTES)),
    };
    let contract = Files::embedded().read(CONTRACT).unwrap().into_owned();
    let files = Files::from_texts([
        (CONTRACT, contract.as_str()),
        ("small/dialect.yaml", &*head),
        ("small/records.yaml", RECORDS),
        ("small/routes.yaml", &*routes),
    ]);
    let mut sources = Sources::default();
    let (_, problems): (_, Diagnostics) = Catalog::load_all(&files, &mut sources);
    let shown = problems.iter().map(|d| {
        let help = d.help.as_deref().unwrap_or_default();
        format!("{} {}: {} / {help}", d.code, sources.slice(d.span), d.message)
    });
    shown.collect()
}

#[test]
fn what_can_be_followed_loads() {
    assert_eq!(said("", ""), Vec::<String>::new());
}

#[test]
fn what_cannot_be_followed_is_told_with_its_place() {
    for (from, to, expected) in [
        (
            "page: { page: bare }, n",
            "page: { page: bar }, n",
            "E0314 bar: dialect.yaml has no pagination `bar` / did you mean `bare`?",
        ),
        (
            "n: { page: bare }",
            "m: { page: bare }",
            "E0107 m: `m` is no parameter of `bare` / did you mean `n`?",
        ),
        (
            "page: { page: bare }, n:",
            "n:",
            "E0507 bare: `bare` needs the parameter that says which page / add `page: { page: bare }`",
        ),
        (
            "around, to: list",
            "around, to: lst",
            "E0307 lst: no call here is named `lst` / did you mean `list`?",
        ),
        (
            "operation: messages.list",
            "operation: conversations.get",
            "E0507 bare: `conversations.get` cannot be paged by `bare`: it has no parameter `page`, `limit`",
        ),
        (
            "most: 50",
            "most: 2000",
            "E0507 bare: `messages.list` gives at most 1000 entries a page, and `bare` asks for 2000",
        ),
        (
            "both: 1000",
            "both: 1001",
            "E0507 around: `messages.list` gives at most 1000 entries a page, and `around` asks for 1001",
        ),
        ("most: 50", "most: 20", "E0105 20: `most` is no less than `size`"),
        ("size: 100 }", "size: none }", "E0105 none: `size` is a whole number from 1"),
        (
            "kind: laravel, page: page,",
            "kind: laravel,",
            "E0104 framed: a pagination says by which parameters a client asks / for example `page: page`",
        ),
        ("kind: laravel", "kind: larvel", "E0107 larvel: "),
        (
            "reply: { page: framed,",
            "reply: { page: frmed,",
            "E0507 frmed: no call of this route is paged by `frmed` / did you mean `framed`?",
        ),
        (
            "reply: { page: framed,",
            "reply: { page: around,",
            "E0507 around: no call of this route is paged by `around` / join it under `query`",
        ),
        (
            "pages: 5",
            "pages: 50",
            "E0105 { pages: 50: `pages` is how many pages are joined: 2 to 20",
        ),
        (
            "reply: { page: framed, each: message }",
            "reply: { page: framed, fields: { a: { const: 1 } } }",
            "E0507 { page: framed, fields: { a: { const: 1: a page's reply has `each`",
        ),
    ] {
        let said = said(from, to);
        let first = said.first().cloned().unwrap_or_default();
        assert!(first.starts_with(expected), "{to}: {said:#?}");
        assert_eq!(said.len(), 1, "{to}: {said:#?}");
    }
}

#[test]
fn a_call_says_a_parameter_once_and_a_walk_takes_all_pages() {
    let list = "call: { operation: messages.list, path: { account_id: $principal.account, conversation_id: { at: $path.id, as: alias } } }\n    reply: { page: bare";
    let own = list.replace("as: alias } } }", "as: alias } }, query: { limit: 20 } }");
    assert!(said(list, &own)[0].starts_with("E0402 limit: `bare` already says what `limit` is"));
    let walk = list.replace("as: alias } } }", "as: alias } }, walk: { pages: 5 } }");
    let told = said(list, &walk);
    assert!(
        told[0].starts_with("E0507 { pages: 5: a client's page and all pages exclude"),
        "{told:?}"
    );
    let get = "{ operation: messages.list, path: { account_id: $principal.account, conversation_id: { at: $path.id, as: alias } }, walk: { pages: 5 } }\n    reply: { at: $.data, each: message }";
    let other =
        get.replace("messages.list", "conversations.get").replace("at: $.data", "at: $.messages");
    let told = said(get, &other);
    assert!(
        told[0].starts_with("E0507 { pages: 5: `conversations.get` does not answer in pages"),
        "{told:?}"
    );
}

#[test]
fn one_of_several_calls_is_named() {
    let one = "calls:\n      list: { operation: messages.list,";
    let two = "calls:\n      other: { operation: messages.list, path: { account_id: $principal.account, conversation_id: { at: $path.id, as: alias } } }\n      list: { operation: messages.list,";
    assert_eq!(said(one, two), Vec::<String>::new());
    let contract_free = said("{ before: { page: around, to: list }", "{ before: { page: around }");
    assert_eq!(contract_free, Vec::<String>::new());
}
