//! What a translation costs, as a multiple of what nobody can do without, reading the JSON once; and
//! of making the same answer by hand over trees. Both for the main records and lists of every
//! dialect, and for what clients send.

use std::hint::black_box;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::route::{ReplyBody, Route};
use deskbridge::mapping::plan::Program;
use deskbridge::mapping::run::{Scratch, run as translate};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::measure::{Table, Work, in_turn, ratio, shown};
use crate::rebuild::Plan;
use crate::shipped::{INPUTS, catalog, conversation};

/// So often everything is measured.
const ROUNDS: u32 = 60;
/// Bytes that a source should have.
const SIZES: &[usize] = &[2_000, 10_000, 60_000, 600_000];

const CHECK: &str = "× a check";
const REBUILD: &str = "× a rebuild";

/// Reads, by dialect and route.
const READS: &[(&str, &[&str])] = &[
    (
        "account",
        &[
            "conversations.get",
            "conversations.list",
            "messages.list",
            "contacts.get",
            "contacts.list",
        ],
    ),
    ("public-inbox", &["conversations.get", "conversations.list", "messages.list"]),
    (
        "third-party",
        &[
            "conversations.get",
            "conversations.list",
            "messages.list",
            "profiles.get",
            "profiles.list",
        ],
    ),
    (
        "canonical",
        &[
            "conversations.get",
            "conversations.list",
            "messages.list",
            "contacts.get",
            "contacts.list",
        ],
    ),
];

/// Bodies that are sent: dialect, route, and where in the body a text stands that may be long.
const WRITES: &[(&str, &str, &str)] = &[
    (
        "account",
        "messages.create",
        r#"{"message_type":"outgoing","private":false,"content":"TEXT"}"#,
    ),
    ("public-inbox", "messages.create", r#"{"echo_id":"w-77","content":"TEXT"}"#),
    ("third-party", "messages.create", r#"{"type":"text","text":{"content":"TEXT"}}"#),
    (
        "canonical",
        "messages.create",
        r#"{"kind":"outgoing","private":false,"blocks":[{"type":"text","text":"TEXT"}]}"#,
    ),
];

pub(crate) fn run() {
    let catalog = catalog();
    READS.iter().for_each(|(dialect, routes)| reads(&catalog, dialect, routes));
    writes(&catalog);
}

fn reads(catalog: &Catalog, dialect: &str, routes: &[&str]) {
    let mut table = Table::new(&["read", "source", "answer", "it takes", "a KB", CHECK, REBUILD]);
    for name in routes {
        let route = route(catalog, dialect, name);
        let Some(program) = program(route) else { continue };
        let mut last = 0;
        for size in SIZES {
            let sources: Vec<Option<String>> =
                route.calls.iter().map(|call| source(catalog, call.operation, *size)).collect();
            let length = sources.iter().flatten().map(String::len).sum();
            // A record has the size it has.
            if length != last {
                let mut documents = vec![Some(INPUTS), None, None];
                documents.extend(sources.iter().map(|s| s.as_deref().map(str::as_bytes)));
                row(&mut table, &format!("{dialect}, {name}"), program, &documents);
            }
            last = length;
        }
    }
    table.print(&format!("Translator: answers, {dialect}"));
}

fn writes(catalog: &Catalog) {
    let mut table = Table::new(&["sent", "source", "made", "it takes", "a KB", CHECK, REBUILD]);
    for (dialect, name, body) in WRITES {
        let route = route(catalog, dialect, name);
        for size in [200, 2_000, 10_000, 60_000] {
            let text = "Danke! Where is \\\"it\\\"? 🙏\\n".repeat(size / 30 + 1);
            let sent = body.replace("TEXT", &text);
            // What the client sent becomes a canonical body, with the last call or before it.
            let mut bodies = route.calls.iter().filter_map(|call| call.body.as_ref());
            let decode = route.body.as_ref().map(|body| &body.program);
            let documents = [Some(INPUTS), Some(sent.as_bytes())];
            let program = decode.or_else(|| bodies.next_back()).unwrap();
            row(&mut table, &format!("{dialect}, {name}"), program, &documents);
        }
    }
    table.print("Translator: a message that a client sends");
}

fn route<'c>(catalog: &'c Catalog, dialect: &str, name: &str) -> &'c Route {
    let routes = &catalog.named(dialect).unwrap().routes;
    routes.iter().find(|r| &*r.name == name).unwrap_or_else(|| panic!("{dialect}: {name}"))
}

/// What writes the usual answer; `None` where it is given on as it is.
fn program(route: &Route) -> Option<&Program> {
    let mut programs = route.replies.iter().filter_map(|reply| match &reply.body {
        ReplyBody::Program(program) => Some(&**program),
        _ => None,
    });
    programs.next_back()
}

/// What a call is answered with, in about so many bytes.
fn source(
    catalog: &Catalog,
    operation: deskbridge::canonical::OperationId,
    size: usize,
) -> Option<String> {
    let example = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let small = size < 4_000;
    let page = |elements: Vec<Value>| {
        let one = Value::from(elements.clone()).to_string().len() / elements.len();
        let many = (size / one).max(1);
        let data: Vec<Value> = elements.into_iter().cycle().take(many).collect();
        let page = json!({"next": null, "prev": null, "limit": 25, "number": 1, "total": many});
        let counts = json!({"mine": 1, "assigned": 3, "unassigned": 2, "all": 5});
        json!({"data": data, "page": page, "counts": counts}).to_string()
    };
    let listed = |text: &str| example(text)["data"].as_array().unwrap().clone();
    Some(match &*catalog.contract.get(operation).name {
        "conversations.get" if small => {
            example(include_str!("../../mappings/canonical/examples/conversation.bare.json"))
                .to_string()
        }
        "conversations.get" => conversation((size.saturating_sub(9_100) / 1_440).max(1)),
        "messages.list" => page(example(&conversation(12))["messages"].as_array().unwrap().clone()),
        "conversations.list" => {
            page(listed(include_str!("../../mappings/canonical/examples/conversations.page.json")))
        }
        "contacts.list" => {
            page(listed(include_str!("../../mappings/canonical/examples/contacts.page.json")))
        }
        "contacts.get" => example(match small {
            true => include_str!("../../mappings/canonical/examples/contact.bare.json"),
            false => include_str!("../../mappings/canonical/examples/contact.rich.json"),
        })
        .to_string(),
        _ => return None,
    })
}

/// Measures a program beside its check and its rebuild.
fn row(table: &mut Table, name: &str, program: &Program, documents: &[Option<&[u8]>]) {
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let result = translate(program, documents, &mut scratch, &mut out);
    assert!(result.is_ok() && !out.is_empty(), "{name}: {result:?}");
    // The documents that it reads, beside the request's notes.
    let read = program.documents.len().min(documents.len());
    let texts: Vec<&[u8]> = documents[1..read].iter().flatten().copied().collect();
    let parse = |text: &&[u8]| serde_json::from_slice::<Value>(text).unwrap_or_default();
    let trees = |texts: &[&[u8]]| texts.iter().map(parse).collect::<Value>();
    let plan = Plan::new(&trees(&texts), &serde_json::from_slice(&out).unwrap());
    let (length, written) = (texts.iter().map(|t| t.len()).sum::<usize>(), out.len());
    let mut works: [Work<'_>; 3] = [
        Box::new(|| {
            out.clear();
            black_box(translate(program, black_box(documents), &mut scratch, &mut out)).ok();
        }),
        Box::new(|| {
            for text in &texts {
                black_box(serde_json::from_slice::<IgnoredAny>(black_box(text))).ok();
            }
        }),
        Box::new(|| {
            let source = trees(black_box(&texts));
            black_box(serde_json::to_vec(&plan.run(&source))).ok();
        }),
    ];
    let took = in_turn(ROUNDS, &mut works);
    let kilobytes = |bytes: usize| bytes as f64 / 1e3;
    table.row([
        name.to_owned(),
        format!("{:.1} KB", kilobytes(length)),
        format!("{:.1} KB", kilobytes(written)),
        shown(took[0]),
        shown(took[0] / kilobytes(length)),
        ratio(took[0], took[1]),
        ratio(took[0], took[2]),
    ]);
}
