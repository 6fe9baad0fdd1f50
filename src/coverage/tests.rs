use super::*;
use crate::dialect::embedded::{CONTRACT, Files};
use crate::syntax::Sources;

const HEAD: &str = "\
language: 1
dialect: small
system: small
mount: /api
credentials:
  token: { default: true, in: { header: [ X-Token ] }, yields: { kind: agent, account: $path.account } }
errors:
  default: { record: problem }
";

const RECORDS: &str = "\
records:
  problem: { canonical: Problem, only: encode, why: never read, fields: { error: $.title } }
  card:
    canonical: Contact
    only: encode
    why: never read
    fields: { name: $.name, more: { raw: object, at: $.custom_attributes } }
  edit:
    canonical: ContactUpdate
    only: decode
    why: never written
    patch: true
    fields: { name: $.name, place.town: $.location }
";

const ROUTES: &str = "\
routes:
  cards.list:
    request: GET /{account}/cards
    query: { q: $.q }
    call: { operation: contacts.list, path: { account_id: $principal.account } }
    reply: { fields: { cards: { at: $.data, each: card } } }
  cards.edit:
    request: PATCH /{account}/cards/{id}
    body: { record: edit }
    call: { operation: contacts.update, path: { account_id: $principal.account, contact_id: $path.id }, body: $body }
    reply: { json: { done: true } }
";

const DOCUMENTED: &str = r##"
openapi: 3.1.0
x-drops: 1
paths:
  /api/{account}/cards:
    get:
      operationId: list
      summary: List cards
      parameters:
        - { name: q, in: query }
        - { name: sort, in: query, x-dropped: sorted by name alone }
      responses:
        "200":
          content: { application/json: { schema: { type: object, properties: { cards: { type: array, items: { $ref: "#/components/schemas/Card" } } } } } }
        default: { content: { application/json: { schema: { type: object, properties: { error: { type: string } } } } } }
  /api/{account}/cards/{card}:
    patch:
      operationId: edit
      summary: Edit a card
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Edit" } } } }
      responses:
        "200": { content: { application/json: { schema: { type: object, properties: { done: { type: boolean } } } } } }
components:
  schemas:
    Card:
      type: object
      properties:
        name: { type: string }
        more: { type: object, properties: { size: { type: string } } }
    Edit:
      type: object
      properties:
        name: { type: string }
        place: { type: object, properties: { town: { type: string } } }
"##;

fn coverage_with(change: impl Fn(&str) -> String, more: &[(&str, &str)]) -> Vec<Coverage> {
    let contract = Files::embedded().read(CONTRACT).unwrap().into_owned();
    let documented = change(DOCUMENTED);
    let mut texts = vec![
        (CONTRACT, contract.as_str()),
        ("small/dialect.yaml", HEAD),
        ("small/records.yaml", RECORDS),
        ("small/routes.yaml", ROUTES),
        ("small/documented.yaml", documented.as_str()),
    ];
    texts.extend(more);
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&Files::from_texts(texts), &mut sources);
    assert!(!diagnostics.has_errors(), "{}", diagnostics.render(&sources, false));
    of(&catalog.unwrap())
}

/// What is wrong after a line of the documents is another.
#[track_caller]
fn faults(from: &str, to: &str) -> Vec<String> {
    assert!(DOCUMENTED.contains(from), "{from}");
    coverage_with(|text| text.replacen(from, to, 1), &[]).remove(0).faults
}

#[test]
fn what_is_documented_and_spoken_is_counted() {
    let coverage = coverage_with(str::to_owned, &[]).remove(0);
    // `sort` is a parameter of the operation, too.
    let own = "list?sort (request) is dropped, in list, and the contract has it: the parameter \
               `sort` of contacts.list; map it, or say `canonical: none`";
    assert_eq!(coverage.faults, [own]);
    assert_eq!(coverage.served(), (2, 0, 0));
    let of = |fate| {
        let fields = coverage.fields.iter().filter(|f| f.fate() == fate);
        fields.map(|f| f.place.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of(Fate::Dropped), ["list?sort"]);
    assert_eq!(
        of(Fate::Mapped),
        [
            "Card.more",
            "Card.more.size",
            "Card.name",
            "Edit.name",
            "Edit.place",
            "Edit.place.town",
            "edit.done",
            "list.cards",
            "list.error",
            "list?q",
        ]
    );
    assert_eq!(coverage.operations[1].canonical, ["contacts.update".into()]);
}

#[test]
fn what_is_forgotten_dropped_or_both_is_told() {
    let sorted = "x-dropped: sorted by name alone";
    let looked = "x-dropped: { why: sorted by name alone, canonical: none }";
    assert_eq!(faults(sorted, looked), [""; 0]);
    let none = |rest: &str| DOCUMENTED.replace(sorted, looked) + rest;
    let told = |rest: &str| coverage_with(|_| none(rest), &[]).remove(0).faults;
    let field = "        colour: { type: string }\n";
    assert_eq!(told(field), ["Edit.colour (request) is neither mapped nor dropped, in edit"]);
    let field = "        colour: { type: object, x-dropped: a card has none, properties: { tone: { type: string } } }\n";
    assert_eq!(told(field), ["3 fields are dropped, and documented.yaml has `x-drops: 1`"]);
    let known = "        email: { type: string, x-dropped: who needs it }\n";
    let wrong = told(known);
    let of = "Edit.email (request) is dropped, in edit, and the contract has it: ContactUpdate.email; \
              map it, or say `canonical: none`";
    assert_eq!(wrong[0], of, "{wrong:?}");
    let spoken = "name: { type: string, x-dropped: no }";
    let wrong = faults("name: { type: string }", spoken);
    assert!(
        wrong.contains(&"Card.name (answer) is mapped, and dropped too".to_owned()),
        "{wrong:?}"
    );
}

#[test]
fn every_operation_is_one_route() {
    let path = "  /api/{account}/cards/{card}:\n";
    let line = "    delete: { operationId: gone, summary: Delete a card }\n";
    let wrong = faults(path, &format!("{path}{line}"));
    assert!(
        wrong.contains(
            &"missing: DELETE /api/{account}/cards/{card} \"Delete a card\" (gone)".into()
        ),
        "{wrong:?}"
    );
    // Another file writes it out.
    let whole = "paths:\n  /api/{account}/cards/{id}:\n    delete: { operationId: delete, summary: Gone, responses: { \"200\": { description: gone } } }\n";
    let all = coverage_with(
        |text| text.replacen(path, &format!("{path}{line}"), 1),
        &[("small/documented/rest.yaml", whole)],
    );
    let names: Vec<&str> = all[0].operations.iter().map(|o| &*o.id).collect();
    assert_eq!(names, ["list", "edit", "delete"]);
}

#[test]
fn another_dialect_may_serve_an_operation_at_its_address() {
    let other = HEAD.replace("dialect: small", "dialect: other").replace("/api", "/other");
    let routes = "routes:\n  one: { request: \"GET /{account}\", undocumented: x, call: { operation: contacts.list, path: { account_id: $principal.account } }, reply: { empty: true } }\n";
    let records = "records:\n  problem: { canonical: Problem, only: encode, why: never read, fields: { error: $.title } }\n";
    let told = |path: &str, by: &str| {
        let line = format!(
            "paths:\n  {path}:\n    get: {{ operationId: there, summary: There, x-served-by: {by} }}\n"
        );
        let files = [
            ("other/dialect.yaml", other.as_str()),
            ("other/records.yaml", records),
            ("other/routes.yaml", routes),
            ("small/documented/served.yaml", line.as_str()),
        ];
        let all = coverage_with(str::to_owned, &files);
        let small = all.iter().find(|c| &*c.dialect == "small").unwrap();
        (small.served(), small.faults[0].clone())
    };
    assert_eq!(told("/other/{a}", "other/one").0, (2, 1, 0));
    for (path, by, why) in [
        ("/other/{a}", "other", "that is no `dialect/route`"),
        ("/other/{a}", "otter/one", "there is no dialect `otter`"),
        ("/other/{a}", "other/two", "`other` has no route `two`"),
        ("/elsewhere/{a}", "other/one", "that is GET /other/{account}"),
        ("/api/{a}/cards/{b}/{c}", "other/one", "that is GET /other/{account}"),
    ] {
        let (served, fault) = told(path, by);
        assert_eq!(served, (2, 0, 1));
        assert_eq!(fault, format!("GET {path} \"There\" is served by {by}: {why}"));
    }
}
