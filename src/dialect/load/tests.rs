use super::*;
use crate::canonical::contract::Location;
use crate::canonical::problem::{Problem, ProblemCode};
use crate::dialect::envelope::EnvelopeBody;
use crate::dialect::recognise::Recognition;
use crate::dialect::route::{Arity, ReplyBody, Route};
use crate::dialect::scheme::Place;

pub(super) const HEAD: &str = "\
language: 1
dialect: small
system: small
mount: /api
credentials:
  token:
    default: true
    in: { header: [ X-Token ] }
    yields: { kind: agent, account: $path.account }
  pair:
    in: { path: [ inbox, contact ] }
    resolve:
      inbox: { operation: resolve.inbox, path: { identifier: $path.inbox } }
      identity:
        operation: identities.find
        path: { account_id: $inbox.account_id }
        query: { inbox_id: $inbox.id, source_id: $path.contact, limit: 1 }
        take: '$.data[0]'
    yields: { kind: contact, account: $inbox.account_id, identity: $identity.id, contact: $identity.contact_id }
    refused: not_found
    guard: conversations.get
    sees:
      Conversation: { contact_identity_id: $principal.identity }
      Message: { visibility: public, kind: [ incoming, outgoing ] }
errors:
  default: { record: problem }
  unauthorized.missing: { status: 403, body: { error: who } }
";

const RECORDS: &str = "\
records:
  problem:
    canonical: Problem
    only: encode
    why: problems are never read
    fields: { error: $.title }
";

/// Where the calls of the tests below find a conversation.
const PATH: &str =
    "{ account_id: $principal.account, conversation_id: { at: $path.number, as: alias } }";

fn contract_text() -> String {
    Files::embedded().read(CONTRACT).unwrap().into_owned()
}

fn files(head: &str, records: &str, routes: &str) -> Files {
    let contract = contract_text();
    Files::from_texts([
        (CONTRACT, contract.as_str()),
        ("small/dialect.yaml", head),
        ("small/records.yaml", records),
        ("small/routes.yaml", routes),
    ])
}

pub(super) fn load_with(head: &str, routes: &str) -> (Sources, Option<Catalog>, Diagnostics) {
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&files(head, RECORDS, routes), &mut sources);
    (sources, catalog, diagnostics)
}

pub(super) fn load_routes(routes: &str) -> (Sources, Option<Catalog>, Diagnostics) {
    load_with(HEAD, routes)
}

#[track_caller]
pub(super) fn good(routes: &str) -> Catalog {
    let (sources, catalog, diagnostics) = load_routes(routes);
    assert!(!diagnostics.has_errors(), "{}", diagnostics.render(&sources, false));
    catalog.unwrap()
}

pub(super) fn route<'c>(catalog: &'c Catalog, name: &str) -> &'c Route {
    catalog.dialects[0].routes.iter().find(|r| &*r.name == name).unwrap()
}

/// One problem: its code, the text it underlines, and its help.
#[track_caller]
pub(super) fn problem(
    found: &(Sources, Option<Catalog>, Diagnostics),
) -> (Code, String, Option<String>) {
    let (sources, _, diagnostics) = found;
    assert_eq!(diagnostics.len(), 1, "{}", diagnostics.render(sources, false));
    let d = diagnostics.iter().next().unwrap();
    (d.code, sources.slice(d.span).to_owned(), d.help.clone())
}

pub(super) fn simple(rest: &str) -> String {
    format!(
        "routes:\n  one:\n    request: GET /a/{{account}}/{{number:int}}\n    call: {{ operation: conversations.get, path: {PATH} }}\n{rest}"
    )
}

#[test]
fn a_route_with_one_call_is_keepable_and_asks_for_what_its_reply_reads() {
    let catalog = good(&simple(
        "    reply: { status: 201, fields: { who: { at: $.contact.name }, n: $.number } }\n",
    ));
    let route = route(&catalog, "one");
    assert_eq!(&*route.template.text, "/api/a/{account}/{number:int}");
    assert_eq!((route.replies[0].status, route.replies[0].keepable), (201, true));
    assert_eq!(route.inputs.path, ["number".into()]);
    assert_eq!(route.inputs.principal, ["account".into()]);
    assert!(route.calls[0].widen && route.guard.is_none());
    let get = catalog.contract.operation("conversations.get").unwrap();
    let params = catalog.widened(get).unwrap();
    let operation = catalog.contract.get(get);
    let at = |name: &str| params.all(operation.parameter(name).unwrap()).collect::<Vec<_>>();
    assert_eq!(at("include"), ["contact"]);
    assert_eq!(at("messages_limit"), ["0"]);
    assert_eq!(at("messages_visibility"), ["all"]);
}

#[test]
fn calls_know_what_they_wait_for_and_what_to_run_again() {
    let catalog = good(&format!(
        "routes:
  flip:
    request: POST /a/{{account}}/{{number:int}}
    calls:
      now: {{ operation: conversations.get, path: {PATH}, fresh: true, when: {{ $header.flip: set }} }}
      set:
        operation: conversations.update
        path: {PATH}
        headers: {{ if-match: $now.revision }}
        body: {{ status: {{ const: open }} }}
        on_problem: {{ precondition_failed: {{ again: now, most: 2 }} }}
    reply: {{ fields: {{ id: $set.number }} }}
"
    ));
    let [now, set] = &route(&catalog, "flip").calls[..] else { panic!() };
    assert!(now.fresh && now.after.is_empty() && now.when.is_some());
    assert_eq!((set.after.as_slice(), set.again), ([0].as_slice(), Some((0, 2))));
    assert!(set.body.is_some() && !route(&catalog, "flip").replies[0].keepable);
}

#[test]
fn below_a_guarded_path_everything_but_the_guarded_thing_is_asked_after_it() {
    let contact = "credential: pair";
    let path = "/inboxes/{inbox}/contacts/{contact}/{number:int}";
    let catalog = good(&format!(
        "routes:
  get: {{ request: 'GET {path}', {contact}, call: {{ operation: conversations.get, path: {PATH} }}, reply: {{ fields: {{ id: $.number }} }} }}
  messages:
    request: GET {path}/messages
    {contact}
    query: {{ before: {{ at: $.before, as: alias }} }}
    call: {{ operation: messages.list, path: {PATH}, query: {{ kind: [ incoming ], visibility: public }} }}
    reply: {{ fields: {{ first: '$.data[0].number', name: $guard.contact.name }} }}
  resolve:
    request: POST {path}
    {contact}
    call: {{ operation: conversations.update, path: {PATH}, body: {{ status: {{ const: resolved }} }} }}
    reply: {{ empty: true, status: 204 }}
"
    ));
    assert_eq!(route(&catalog, "get").guard, None);
    let messages = route(&catalog, "messages");
    assert_eq!(messages.guard, Some(0));
    assert_eq!(&*messages.calls[0].name, "guard");
    assert!(!messages.replies[0].keepable, "two calls");
    assert_eq!(messages.query[0].arity, Arity::One);
    assert_eq!(route(&catalog, "resolve").guard, Some(0), "refused before anything is changed");
    let names: Vec<_> = catalog.routes().find(|r| r.name == "messages").unwrap().operations;
    assert_eq!(names, ["conversations.get", "messages.list"]);
}

#[test]
fn credentials_know_their_place_look_ups_and_facts() {
    let catalog = good(&simple("    reply: { empty: true }\n"));
    let [token, pair] = &catalog.dialects[0].credentials[..] else { panic!() };
    assert_eq!(token.place, Place::Header(vec!["x-token".into()]));
    assert_eq!(token.bound, ["account".into()]);
    assert_eq!((token.refused, pair.refused), (ProblemCode::Unauthorized, ProblemCode::NotFound));
    assert_eq!(pair.place, Place::Path(vec!["inbox".into(), "contact".into()]));
    assert_eq!(pair.resolve[1].after, [0]);
    assert!(pair.resolve[0].take.is_none() && pair.resolve[1].take.is_some());
    assert_eq!(pair.inputs.path, ["inbox".into(), "contact".into()]);
    assert_eq!(pair.sight.as_ref().unwrap().0.len(), 2);
    let envelopes = &catalog.dialects[0].envelopes;
    let row = envelopes.find(&Problem::new(ProblemCode::Unauthorized).cause("missing")).unwrap();
    assert_eq!(row.status, Some(403));
    assert!(
        matches!(&row.body, EnvelopeBody::Constant(b, "application/json") if &**b == br#"{"error":"who"}"#)
    );
    assert!(envelopes.find(&Problem::new(ProblemCode::NotFound)).unwrap().code.is_none());
}

#[test]
fn slips_in_names_are_told_with_what_was_meant() {
    let operation = load_routes(
        &simple("    reply: { empty: true }\n").replace("conversations.get", "conversation.get"),
    );
    assert_eq!(
        problem(&operation),
        (
            Code::UnknownOperation,
            "conversation.get".into(),
            Some("did you mean `conversations.get`?".into())
        )
    );
    let parameter = load_routes(
        &simple("    reply: { empty: true }\n")
            .replace(PATH, &format!("{PATH}, query: {{ messages_limt: 0 }}")),
    );
    assert_eq!(
        problem(&parameter),
        (
            Code::UnknownParameter,
            "messages_limt".into(),
            Some("did you mean `messages_limit`?".into())
        )
    );
    let credential = load_routes(&simple("    credential: tokn\n    reply: { empty: true }\n"));
    assert_eq!(
        problem(&credential),
        (Code::UnknownCredential, "tokn".into(), Some("did you mean `token`?".into()))
    );
    let key = load_routes(&simple("    replay: { empty: true }\n    reply: { empty: true }\n"));
    assert_eq!(
        problem(&key),
        (Code::UnknownKey, "replay".into(), Some("did you mean `reply`?".into()))
    );
    let query = load_routes(&simple("    query: { x: $.includ }\n    reply: { empty: true }\n"));
    assert_eq!(
        problem(&query),
        (Code::UnusedParameter, "$.includ".into(), Some("did you mean `include`?".into()))
    );
}

#[test]
fn parameters_that_nothing_gives_or_uses_are_told() {
    let missing = load_routes(
        &simple("    reply: { empty: true }\n")
            .replace(", conversation_id: { at: $path.number, as: alias }", ""),
    );
    let (sources, _, diagnostics) = &missing;
    let codes: Vec<_> = diagnostics.iter().map(|d| (d.code, sources.slice(d.span))).collect();
    assert_eq!(codes, [(Code::UnusedParameter, "{number:int}"), (Code::MissingParameter, "call")]);
    let unknown =
        load_routes(&simple("    reply: { empty: true }\n").replace("$path.number", "$path.numbr"));
    let (_, _, diagnostics) = &unknown;
    let found = diagnostics.iter().find(|d| d.code == Code::MissingParameter).unwrap();
    assert_eq!(found.help.as_deref(), Some("did you mean `number`?"));
    let later = load_routes(
        &simple("    reply: { empty: true }\n").replace("$principal.account", "$principal.inbox"),
    );
    assert_eq!(problem(&later).0, Code::UnknownRoot);
}

#[test]
fn colliding_routes_are_told_apart_only_by_method_or_address() {
    let other = |line: &str| {
        format!(
            "{}  two: {{ request: '{line}', call: {{ operation: conversations.get, path: {} }}, reply: {{ empty: true }} }}\n",
            simple("    reply: { empty: true }\n"),
            PATH.replace("number", "n")
        )
    };
    let found = load_routes(&other("GET /a/{account}/{n}"));
    assert_eq!(problem(&found).0, Code::RouteCollision);
    assert!(good(&other("POST /a/{account}/{n}")).route(1).is_some());
    assert!(good(&other("GET /a/{account}/x/{n}")).route(2).is_none());
}

#[test]
fn a_refusal_beside_an_answer_leaves_the_answer_keepable() {
    let refusal = "{ when: { $principal.kind: bot }, problem: forbidden, field: token }";
    let answer = "{ fields: { n: $.number } }";
    let catalog = good(&simple(&format!("    reply: [ {refusal}, {answer} ]\n")));
    let [refused, kept] = &route(&catalog, "one").replies[..] else { panic!() };
    assert!(!refused.keepable && kept.keepable);
    let ReplyBody::Problem(problem) = &refused.body else { panic!() };
    let told = &problem.errors[0];
    assert_eq!((told.field.as_deref(), &*told.code), (Some("token"), "required"));
}

#[test]
fn request_lines_that_cannot_be_are_underlined_where_they_fail() {
    for (line, piece) in [
        ("GET/a", "GET/a"),
        ("FETCH /a/{account}/{number}", "FETCH"),
        ("GET /a//{number}", "GET /a//{number}"),
        ("GET /a/{Number}", "{Number}"),
        ("GET /a/{number:uuid}", "{number:uuid}"),
        ("GET /a/x{number}", "x{number}"),
        ("GET @other/a/{number}", "other"),
        ("GET a/{number}", "a/{number}"),
    ] {
        let routes =
            simple("    reply: { empty: true }\n").replace("GET /a/{account}/{number:int}", line);
        assert_eq!(problem(&load_routes(&routes)).0, Code::BadRequestLine, "{line}");
        assert_eq!(problem(&load_routes(&routes)).1, piece, "{line}");
    }
}

#[test]
fn every_problem_of_every_file_is_told_at_once() {
    let head = HEAD
        .replace("language: 1", "language: 7")
        .replace("default: { record: problem }", "defaut: { record: problem }")
        .replace("refused: not_found", "refused: not_fond")
        .replace("kind: [ incoming, outgoing ]", "kind: [ incomin ]");
    let (sources, catalog, diagnostics) = load_with(
        &head,
        &simple("    reply: { status: 700, empty: true }\n").replace("conversations.get", "x"),
    );
    assert!(catalog.is_none());
    let codes: Vec<Code> = diagnostics.iter().map(|d| d.code).collect();
    for code in [
        Code::UnsupportedLanguage,
        Code::UnknownWord,
        Code::MissingErrorTable,
        Code::UnknownOperation,
    ] {
        assert!(codes.contains(&code), "{code} in {}", diagnostics.render(&sources, false));
    }
    assert_eq!(codes.iter().filter(|c| **c == Code::UnknownWord).count(), 3);
}

#[test]
fn a_misnamed_or_missing_file_is_told() {
    let contract = contract_text();
    let files = Files::from_texts([
        (CONTRACT, contract.as_str()),
        ("small/dialect.yaml", HEAD),
        ("small/record.yaml", RECORDS),
        ("other/routes.yaml", "routes: {}"),
    ]);
    let mut sources = Sources::default();
    let (_, diagnostics) = Catalog::load_all(&files, &mut sources);
    let stray = diagnostics.iter().find(|d| d.code == Code::Unused).unwrap();
    assert_eq!(stray.help.as_deref(), Some("did you mean `records.yaml`?"));
    let missing: Vec<_> = diagnostics.iter().filter(|d| d.code == Code::MissingFile).collect();
    assert_eq!(missing.len(), 2, "no routes of one, no dialect.yaml of the other");
}

#[test]
fn an_unknown_dialect_and_mounts_in_one_place_are_told() {
    let mount = |dialect: &str, prefix: &str| MountSpec {
        dialect: dialect.into(),
        tenant: Tenant("t".into()),
        host: "*".into(),
        prefix: Some(prefix.into()),
    };
    let files = files(HEAD, RECORDS, &simple("    reply: { empty: true }\n"));
    let mut sources = Sources::default();
    let specs = [mount("smal", ""), mount("small", "/x/"), mount("small", "x")];
    let (catalog, diagnostics) = Catalog::load(&files, &specs, 1, &mut sources);
    assert!(catalog.is_none());
    let told: Vec<_> = diagnostics
        .iter()
        .filter(|d| d.code != Code::Unused)
        .map(|d| (d.code, d.help.clone().unwrap()))
        .collect();
    assert_eq!(told[0], (Code::UnknownDialect, "did you mean `small`?".into()));
    assert_eq!(told[1].0, Code::RouteCollision);
    let (catalog, _) = Catalog::load(&files, &specs[1..2], 1, &mut sources);
    assert_eq!(&*catalog.unwrap().mounts[0].prefix, "/x");
}

#[test]
fn the_canonical_dialect_has_a_route_for_every_operation() {
    let mut sources = Sources::default();
    let shipped = Files::embedded();
    let texts: Vec<_> = shipped
        .paths()
        .filter(|p| p.starts_with("canonical/"))
        .map(|p| (p, shipped.read(p).unwrap().into_owned()))
        .collect();
    let files = Files::from_texts(texts.iter().map(|(p, t)| (*p, t.as_str())));
    let (catalog, diagnostics) = Catalog::load_all(&files, &mut sources);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(&sources, false));
    let catalog = catalog.unwrap();
    let ours = catalog.named("canonical").unwrap();
    assert_eq!(ours.routes.len(), catalog.contract.operations().len());
    let get = route(&catalog, "conversations.get");
    assert_eq!(&*get.template.text, "/v1/accounts/{account_id}/conversations/{conversation_id}");
    assert_eq!(get.query.iter().find(|q| &*q.name == "include").unwrap().arity, Arity::Commas);
    assert!(get.replies[0].keepable && matches!(get.replies[0].body, ReplyBody::Program(_)));
    let update = route(&catalog, "conversations.update");
    assert!(update.inputs.header.contains(&"if-match".into()) && update.body.is_some());
    assert!(matches!(update.replies[0].body, ReplyBody::Verbatim));
    let content = route(&catalog, "attachments.content");
    assert!(content.credential.is_none() && get.credential == Some(0));
    assert_eq!(route(&catalog, "messages.create").replies[0].status, 201);
    for operation in catalog.contract.operations() {
        let wanted = operation.parameters_in(Location::Path).count();
        assert_eq!(route(&catalog, &operation.name).template.parameters().count(), wanted);
    }
}

#[test]
fn what_is_recognised_is_a_route_of_the_catalog() {
    let catalog = good(&simple("    reply: { empty: true }\n"));
    let found = catalog.recognise("small", "GET", "/api/a/1/12");
    let Recognition::Route { mount, route, path } = found else { panic!("{found:?}") };
    assert_eq!(mount.index, 0);
    assert!(std::ptr::eq(route, catalog.route(route.number).unwrap()));
    assert_eq!(path.named("number", route, "/api/a/1/12").as_deref(), Some("12"));
}

#[test]
fn the_shipped_mappings_load() {
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&Files::embedded(), &mut sources);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(&sources, false));
    let catalog = catalog.unwrap();
    let routes_of = |dialect: &str| catalog.routes().filter(|r| r.dialect == dialect).count();
    assert_eq!(routes_of("canonical"), catalog.contract.operations().len());
    // Details, a change of status, messages and a new message, in each founding dialect.
    for dialect in ["account", "public-inbox", "third-party"] {
        assert!(routes_of(dialect) >= 4, "{dialect}");
    }
    let public = catalog.named("public-inbox").unwrap();
    // Whatever names a conversation asks first whether it is the caller's; but for the one that is
    // that question.
    for route in &public.routes {
        let below = route.template.text.contains("/{number:int}");
        let guarded = below && &*route.name != "conversations.get";
        assert_eq!(route.guard.is_some(), guarded, "{}", route.name);
    }
    let get = catalog.contract.operation("conversations.get").unwrap();
    let include = catalog.contract.get(get).parameter("include").unwrap();
    let wide: Vec<_> = catalog.widened(get).unwrap().all(include).collect();
    assert!(wide.contains(&"messages") && wide.contains(&"contact"), "{wide:?}");
}

/// What a program writes, or the pointers of what it refuses.
fn written(
    program: &crate::mapping::plan::Program,
    documents: &[Option<&str>],
) -> Result<String, Vec<String>> {
    use crate::mapping::run::{Faults, Scratch, run};
    let documents: Vec<Option<&[u8]>> = documents.iter().map(|d| d.map(str::as_bytes)).collect();
    let mut out = Vec::new();
    match run(program, &documents, &mut Scratch::default(), &mut out) {
        Ok(()) => Ok(String::from_utf8(out).unwrap()),
        Err(Faults::Invalid(list)) => {
            Err(list.into_iter().map(|f| format!("{} {}", f.pointer, f.code)).collect())
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn canonical_bodies_are_checked_and_answers_cut_to_what_was_asked() {
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&Files::embedded(), &mut sources);
    let catalog = catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)));
    let ours = catalog.named("canonical").unwrap();
    let route = |name: &str| ours.routes.iter().find(|r| &*r.name == name).unwrap();
    let update = route("conversations.update");
    let body = &update.body.as_ref().unwrap().program;
    let patch = r#"{ "priority": null,"status" : "open" }"#;
    assert_eq!(written(body, &[None, Some(patch)]).as_deref(), Ok(patch), "as it came");
    assert_eq!(update.body.as_ref().unwrap().whole, Some(update.calls[0].operation));
    assert!(written(body, &[None, None]).is_err() && written(body, &[None, Some("null")]).is_err());
    let sent = update.calls[0].body.as_ref().unwrap();
    assert_eq!(written(sent, &[None, None, Some(patch)]).as_deref(), Ok(patch));

    let ReplyBody::Program(reply) = &route("conversations.get").replies[0].body else { panic!() };
    let wide = r#"{"id":"cnv_1","contact":{"id":"con_1"},"messages":[{"visibility":"internal"},{"n":1,"visibility":"public"},{"n":2,"visibility":"public"}]}"#;
    let narrow = |inputs: &str| written(reply, &[Some(inputs), None, None, Some(wide)]).unwrap();
    assert_eq!(narrow("{}"), r#"{"id":"cnv_1"}"#);
    assert_eq!(
        narrow(r#"{"query":{"include":["contact"]}}"#),
        r#"{"id":"cnv_1","contact":{"id":"con_1"}}"#
    );
    assert_eq!(
        narrow(
            r#"{"query":{"include":["messages"],"messages_limit":"1","messages_visibility":"public"}}"#
        ),
        r#"{"id":"cnv_1","messages":[{"n":2,"visibility":"public"}]}"#
    );
    // Embedded in what is embedded.
    let ReplyBody::Program(reply) = &route("contacts.get").replies[0].body else { panic!() };
    let wide = r#"{"id":"cnt_1","identities":[{"id":"idn_1","inbox":{"id":"inb_1"}}]}"#;
    let narrow = |inputs: &str| written(reply, &[Some(inputs), None, None, Some(wide)]).unwrap();
    assert_eq!(
        narrow(r#"{"query":{"include":["identities"]}}"#),
        r#"{"id":"cnt_1","identities":[{"id":"idn_1"}]}"#
    );
    assert_eq!(narrow(r#"{"query":{"include":["identity_inbox","identities"]}}"#), wide);
}
