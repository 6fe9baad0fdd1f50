//! Every program of every shipped mapping, run by both interpreters over documents made from the
//! contract, sound ones and broken ones: the same bytes, counts and faults, and never a panic.

#![expect(clippy::print_stdout, reason = "`--nocapture` shows how much was covered")]

use deskbridge::canonical::Contract;
use deskbridge::canonical::contract::SchemaId;
use deskbridge::canonical::validate::{validate, validate_body};
use deskbridge::dialect::catalog::{Catalog, documents};
use deskbridge::dialect::route::{ReplyBody, Route};
use deskbridge::mapping::law::damage::broken;
use deskbridge::mapping::law::generate::Generator;
use deskbridge::mapping::law::rng::Rng;
use deskbridge::mapping::plan::{Emit, Program};
use deskbridge::mapping::run::Faults;

use crate::support::records::{Types, both, catalog, is_object, types};

/// Documents for each program.
const SEEDS: u64 = 200;

#[test]
fn generated_documents_are_what_the_contract_says() {
    let catalog = catalog();
    let contract = &*catalog.contract;
    let (mut generator, mut again) = (Generator::new(contract), Generator::new(contract));
    let mut sizes = (usize::MAX, 0);
    for name in contract.schema_names() {
        let schema = contract.schema_named(name).unwrap();
        for seed in 0..SEEDS {
            let document = generator.document(schema, seed);
            if seed < 20 {
                assert_eq!(document, again.document(schema, seed), "{name} {seed}");
            }
            serde_json::from_str::<serde::de::IgnoredAny>(&document)
                .unwrap_or_else(|e| panic!("{name} {seed}: {e}\n{document}"));
            let mut faults = Vec::new();
            validate(contract, schema, document.as_bytes(), &mut faults);
            assert!(faults.is_empty(), "{name} {seed}: {faults:#?}\n{document}");
            sizes = (sizes.0.min(document.len()), sizes.1.max(document.len()));
        }
    }
    assert!(sizes.0 <= 4 && sizes.1 > 6_000 && sizes.1 < 200_000, "{sizes:?}");
}

/// An argument: a value of its type, a list of them, or nothing.
fn argument(
    generator: &mut Generator<'_>,
    (schema, list): (SchemaId, bool),
    seed: u64,
) -> Option<String> {
    match (seed % 4, list) {
        (0, _) => None,
        (_, false) => Some(generator.document(schema, seed)),
        (_, true) => {
            let all: Vec<_> =
                (0..seed % 3).map(|n| generator.document(schema, seed * 3 + n)).collect();
            Some(format!("[{}]", all.join(",")))
        }
    }
}

/// Runs both; the outcome. Panics, with all that is needed to do it again, where they differ.
fn same(what: &str, seed: u64, program: &Program, given: &[Option<String>]) -> Outcome {
    let documents: Vec<Option<&str>> = given.iter().map(Option::as_deref).collect();
    match both(program, &documents) {
        Ok(outcome) => outcome,
        Err(why) => panic!("{what}, seed {seed}: {why}\nof {given:#?}"),
    }
}

type Outcome = Result<Option<String>, Faults>;

/// What became of the runs.
#[derive(Debug, Default)]
struct Tally {
    programs: usize,
    written: usize,
    refused: usize,
}

impl Tally {
    /// Translations that were done twice and compared.
    fn runs(&self) -> usize {
        self.written + self.refused
    }

    fn note(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(_) => self.written += 1,
            Err(_) => self.refused += 1,
        }
    }
}

#[test]
fn records_are_encoded_alike() {
    let catalog = catalog();
    let mut generator = Generator::new(&catalog.contract);
    let (mut sound, mut damaged) = (Tally::default(), Tally::default());
    each_record(&catalog, |what, types, encode, _| {
        let Some(program) = encode else { return };
        sound.programs += 1;
        for seed in 0..SEEDS {
            let mut given = vec![Some(generator.document(types.own, seed))];
            given.extend(types.needs.iter().map(|need| argument(&mut generator, *need, seed)));
            let outcome = same(what, seed, program, &given);
            // The one thing a sound object may lack is what the dialect requires and it has not.
            if let Err(Faults::Invalid(faults)) = &outcome {
                let lacking = faults.iter().all(|f| f.code == "required");
                assert!(lacking, "{what}, seed {seed}: {faults:#?}\nof {given:#?}");
            } else if let Err(faults) = &outcome {
                panic!("{what}, seed {seed}: {faults}\nof {given:#?}");
            }
            sound.note(&outcome);
            let part = seed as usize % given.len();
            if let Some(document) = &given[part] {
                given[part] = Some(broken(document, seed));
                damaged.note(&same(what, seed, program, &given));
            }
        }
    });
    println!("encode: {sound:?}; broken ones: {damaged:?}");
    assert!(sound.runs() + damaged.runs() >= 60_000, "docs/benchmarks.md tells of more");
    assert!(sound.programs >= 40 && sound.refused * 20 < sound.written, "{sound:?}");
    assert!(damaged.refused * 10 > damaged.written, "{damaged:?}");
}

#[test]
fn records_are_decoded_alike() {
    let catalog = catalog();
    let contract = &*catalog.contract;
    let mut generator = Generator::new(contract);
    let (mut read, mut damaged) = (Tally::default(), Tally::default());
    each_record(&catalog, |what, types, encode, decode| {
        let Some(program) = decode else { return };
        read.programs += 1;
        for seed in 0..SEEDS {
            // What the dialect writes itself; of bodies, which it never writes, their canonical form.
            let canonical = generator.document(types.own, seed);
            let theirs = match encode.map(|encode| both(encode, &[Some(&canonical)])) {
                Some(Ok(Ok(Some(theirs)))) => theirs,
                _ => canonical,
            };
            let outcome = same(what, seed, program, &[Some(theirs.clone())]);
            if encode.is_some()
                && is_object(types.own, contract)
                && let Ok(Some(back)) = &outcome
            {
                assert!(
                    invalid(contract, types.own, back).is_empty(),
                    "{what}, seed {seed}: {:#?}\nof {theirs}\nmade {back}",
                    invalid(contract, types.own, back)
                );
            }
            read.note(&outcome);
            for (n, other) in
                [broken(&theirs, seed), broken(&theirs, seed + SEEDS), generator.anything(seed)]
                    .into_iter()
                    .enumerate()
            {
                let outcome = same(what, seed, program, &[Some(other.clone())]);
                if encode.is_some()
                    && let Ok(Some(back)) = &outcome
                {
                    let faults = invalid(contract, types.own, back);
                    assert!(
                        faults.is_empty(),
                        "{what}, seed {seed}/{n}: {faults:#?}\nof {other}\nmade {back}"
                    );
                }
                damaged.note(&outcome);
            }
        }
    });
    println!("decode: {read:?}; broken ones: {damaged:?}");
    assert!(read.runs() + damaged.runs() >= 160_000, "docs/benchmarks.md tells of more");
    assert!(read.programs >= 20 && read.written > read.refused, "{read:?}");
    assert!(damaged.refused * 5 > damaged.written, "{damaged:?}");
}

/// What a decoded object lacks to be one of the contract, but for what the backend adds.
fn invalid(contract: &Contract, schema: SchemaId, json: &str) -> Vec<String> {
    let mut faults = Vec::new();
    validate(contract, schema, json.as_bytes(), &mut faults);
    faults
        .into_iter()
        .filter(|f| !(f.code == "required" && filled(contract, schema, &f.pointer)))
        .map(|f| format!("{} {} {}", f.pointer, f.code, f.detail))
        .collect()
}

/// Whether a place is one that gateway or backend fill.
fn filled(contract: &Contract, schema: SchemaId, pointer: &str) -> bool {
    use deskbridge::canonical::contract::Kind;
    let mut at = vec![schema];
    let mut gateway = false;
    for step in pointer.split('/').skip(1) {
        let mut next = Vec::new();
        for id in at {
            let inside = match &contract.schema(id).kind {
                Kind::List { items, .. } => {
                    next.push(*items);
                    continue;
                }
                Kind::Union(of) | Kind::Any(of) => of.clone(),
                _ => vec![id],
            };
            for property in inside.iter().filter_map(|id| contract.property(*id, step)) {
                gateway = property.gateway;
                next.push(property.schema);
            }
        }
        at = next;
    }
    gateway
}

fn each_record(
    catalog: &Catalog,
    mut visit: impl FnMut(&str, &Types, Option<&Program>, Option<&Program>),
) {
    for dialect in catalog.dialects.iter().filter(|d| !d.records.is_empty()) {
        let types = types(dialect, &catalog.contract);
        assert_eq!(types.len(), dialect.records.len(), "{}", dialect.name);
        for (name, encode, decode) in &dialect.records {
            let (_, types) = types.iter().find(|(n, _)| **n == **name).unwrap();
            visit(&format!("{} {name}", dialect.name), types, encode.as_ref(), decode.as_ref());
        }
    }
}

#[test]
fn replies_bodies_and_arguments_of_every_route_are_written_alike() {
    let catalog = catalog();
    let contract = &*catalog.contract;
    let mut generator = Generator::new(contract);
    let (mut sound, mut damaged) = (Tally::default(), Tally::default());
    for dialect in &catalog.dialects {
        for route in &dialect.routes {
            let programs = programs(route);
            sound.programs += programs.len();
            for seed in 0..SEEDS {
                let mut given = documents(&mut generator, contract, route, seed);
                for (part, program) in &programs {
                    let what = format!("{} {} {part}", dialect.name, route.name);
                    sound.note(&same(&what, seed, program, &given));
                }
                let part = seed as usize % given.len();
                if let Some(document) = &given[part] {
                    given[part] = Some(broken(document, seed));
                }
                for (part, program) in &programs {
                    let what = format!("{} {} {part}", dialect.name, route.name);
                    let outcome = same(&what, seed, program, &given);
                    damaged.note(&outcome);
                    let whole = if passed_on(route) { "message body" } else { "body" };
                    if part == whole {
                        sent(contract, route, &what, seed, &outcome, &given);
                    }
                }
            }
        }
    }
    println!("routes: {sound:?}; broken ones: {damaged:?}");
    assert!(sound.runs() + damaged.runs() >= 540_000, "docs/benchmarks.md tells of more");
    assert!(sound.programs >= 30 && sound.written > sound.refused, "{sound:?}");
}

/// A body that was read without a fault may be sent on, whatever the client wrote.
fn sent(
    contract: &Contract,
    route: &Route,
    what: &str,
    seed: u64,
    outcome: &Outcome,
    given: &[Option<String>],
) {
    // `/v1` hands bodies on as they are, and checks them itself.
    if route.body.as_ref().is_none_or(|body| body.whole.is_some()) {
        return;
    }
    // A body that only calls decode is read by the last of them.
    let mut calls = route.calls.iter().filter(|call| call.body.is_some());
    let call = if passed_on(route) { calls.next_back() } else { calls.next() };
    let Some(call) = call else { return };
    let Ok(Some(body)) = outcome else { return };
    let mut faults = Vec::new();
    validate_body(contract, call.operation, body.as_bytes(), &mut faults);
    // That nothing is said at all is found when the whole body of the call is there.
    faults.retain(|fault| !fault.pointer.is_empty());
    assert!(faults.is_empty(), "{what}, seed {seed}: {faults:#?}\nmade {body}\nof {given:#?}");
}

/// Whether the route hands the body on as it is, for a call to decode.
fn passed_on(route: &Route) -> bool {
    let program = route.body.as_ref().filter(|body| body.whole.is_none()).map(|b| &b.program);
    program.is_some_and(|p| matches!(&*p.emit, Emit::Value(op) if op.check.is_none()))
}

fn programs(route: &Route) -> Vec<(String, &Program)> {
    let mut all = Vec::new();
    for (n, reply) in route.replies.iter().enumerate() {
        if let ReplyBody::Program(program) | ReplyBody::Page(program, _) = &reply.body {
            all.push((format!("reply {n}"), &**program));
        }
        all.extend(reply.when.as_ref().map(|when| (format!("reply {n} when"), when)));
    }
    all.extend(route.body.as_ref().map(|body| ("body".to_owned(), &body.program)));
    for call in &route.calls {
        all.push((format!("{} parameters", call.name), &call.params));
        all.extend(call.when.as_ref().map(|when| (format!("{} when", call.name), when)));
        all.extend(call.body.as_ref().map(|body| (format!("{} body", call.name), body)));
    }
    all
}

/// The documents of a route, in the order that its programs read them.
fn documents(
    generator: &mut Generator<'_>,
    contract: &Contract,
    route: &Route,
    seed: u64,
) -> Vec<Option<String>> {
    let mut rng = Rng::new(seed);
    let mut given = vec![None; documents::CALLS];
    let mut body = route.body.as_ref().and_then(|b| b.whole);
    let (mut contact, mut identity) = (None, None);
    for (n, call) in route.calls.iter().enumerate() {
        let operation = contract.get(call.operation);
        body = body.or_else(|| operation.body.as_ref().map(|_| call.operation));
        let answer = operation.answer.filter(|_| route.calls.len() == 1 || !rng.once_in(5));
        let answer = answer.map(|schema| generator.document(schema, seed * 7 + n as u64));
        if let Some(answer) = &answer {
            let tree: serde_json::Value = serde_json::from_str(answer).unwrap();
            contact = contact.or_else(|| tree.get("contact_id").cloned());
            identity = identity.or_else(|| tree.get("contact_identity_id").cloned());
        }
        given.push(answer);
    }
    // Mostly somebody who may see what there is.
    let fact = |value: Option<serde_json::Value>, rng: &mut Rng| match value {
        Some(value) if !rng.once_in(4) => value.to_string(),
        _ => "\"cnt_1\"".to_owned(),
    };
    let (contact, identity) = (fact(contact, &mut rng), fact(identity, &mut rng));
    let texts =
        ["\"1\"", "\"418\"", "\"a,b\"", "\"\"", "null", "\"contact\"", "[\"contact\",\"x\"]"];
    let mut part = |names: &[Box<str>]| {
        let members = names.iter().filter_map(|name| match &**name {
            "contact" => Some(format!("\"contact\":{contact}")),
            "identity" => Some(format!("\"identity\":{identity}")),
            "number" => Some("\"number\":418".to_owned()),
            _ if rng.once_in(4) => None,
            name => Some(format!("\"{name}\":{}", rng.pick(&texts))),
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let inputs = &route.inputs;
    given[documents::INPUTS] = Some(format!(
        r#"{{"path":{},"query":{},"header":{},"principal":{},"config":{}}}"#,
        part(&inputs.path),
        part(&inputs.query),
        part(&inputs.header),
        part(&inputs.principal),
        part(&inputs.config),
    ));
    if let Some(body) = body.and_then(|operation| contract.get(operation).body.as_ref()) {
        given[documents::REQUEST] = Some(generator.document(body.schema, seed));
        given[documents::BODY] = Some(generator.document(body.schema, seed + 1));
    }
    given
}
