//! Records that go both ways: what is read back says the same again.

#![expect(clippy::print_stdout, reason = "`--nocapture` shows how much was covered")]

use std::fmt::Write as _;
use std::process::Command;

use deskbridge::canonical::Contract;
use deskbridge::canonical::contract::{Kind, SchemaId};
use deskbridge::canonical::validate::validate;
use deskbridge::mapping::plan::Program;
use serde_json::Value;

use crate::support::generate::Generator;
use crate::support::records::{Types, both, catalog, text, types};

/// Objects for each record.
const SEEDS: u64 = 300;

/// Places of a dialect's object that its file marks `only: encode`, or that go one way by nature:
/// (dialect, record, places). What stands there comes from elsewhere and may change on the way back.
const ONE_WAY: &[(&str, &str, &[&str])] = &[
    (
        "public-inbox",
        "conversation",
        &[
            "messages.*.content_type",
            "messages.*.content_attributes.items",
            "messages.*.content_attributes.deleted",
            "messages.*.attachments",
            "messages.*.sender.available_name",
        ],
    ),
    (
        "public-inbox",
        "message",
        &[
            "content_type",
            "content_attributes.items",
            "content_attributes.deleted",
            "attachments",
            "sender.available_name",
        ],
    ),
    ("public-inbox", "sender_user", &["available_name"]),
    (
        "account",
        "conversation",
        &[
            "messages.*.content_type",
            "messages.*.content_attributes.items",
            "messages.*.content_attributes.deleted",
            "messages.*.attachment",
            "meta.assignee.accounts",
        ],
    ),
    (
        "account",
        "message",
        &["content_type", "content_attributes.items", "content_attributes.deleted", "attachment"],
    ),
    (
        "account",
        "message_with_id",
        &["content_type", "content_attributes.items", "content_attributes.deleted", "attachment"],
    ),
    ("account", "agent", &["accounts"]),
    (
        "third-party",
        "conversation",
        &[
            "customer",
            "latest_message",
            "latest_customer_message",
            "last_customer_reply_from",
            "latest_note",
        ],
    ),
];

/// A record that goes both ways.
struct Pair<'p> {
    dialect: &'p str,
    name: &'p str,
    types: &'p Types,
    encode: &'p Program,
    decode: &'p Program,
    /// Places that are copied as they are, as pointers.
    copied: Vec<String>,
}

/// The places that a record's own lines copy both ways: `key: $.place`.
fn copied(file: &str, record: &str) -> Vec<String> {
    let own = file.split(&format!("\n  {record}:\n")).nth(1).unwrap_or_default();
    let lines = own.lines().take_while(|line| line.starts_with("   "));
    let fields = lines.skip_while(|line| *line != "    fields:").skip(1);
    fields
        .take_while(|line| line.starts_with("      "))
        .filter_map(|line| line.strip_prefix("      ")?.split_once(": $."))
        .filter(|(key, place)| !key.contains([' ', '{']) && !place.contains(['[', ' ', '}']))
        .map(|(_, place)| format!("/{}", place.replace('.', "/")))
        .collect()
}

#[test]
fn what_claims_to_go_both_ways_does() {
    let catalog = catalog();
    for dialect in catalog.dialects.iter().filter(|d| !d.records.is_empty()) {
        let file = text(&dialect.name);
        for (name, encode, decode) in &dialect.records {
            let own = file.split(&format!("\n  {name}:\n")).nth(1).unwrap();
            let own: Vec<_> = own.lines().take_while(|l| l.starts_with("   ")).collect();
            let only = own.iter().find_map(|line| line.strip_prefix("    only: "));
            let goes = match (encode, decode) {
                (Some(_), Some(_)) => None,
                (Some(_), None) => Some("encode"),
                _ => Some("decode"),
            };
            assert_eq!(only, goes, "{} {name}", dialect.name);
        }
    }
}

#[test]
fn what_is_read_back_is_written_the_same() {
    let catalog = catalog();
    let contract = &*catalog.contract;
    let mut generator = Generator::new(contract);
    let (mut records, mut places, mut objects, mut exact) = (0, 0, 0, 0);
    let mut wrong = String::new();
    for dialect in catalog.dialects.iter().filter(|d| !d.records.is_empty()) {
        let (file, types) = (text(&dialect.name), types(&dialect.name, contract));
        for (name, encode, decode) in &dialect.records {
            let (Some(encode), Some(decode)) = (encode, decode) else { continue };
            let (_, types) = types.iter().find(|(n, _)| **n == **name).unwrap();
            let copied = copied(&file, name);
            let pair = Pair { dialect: &dialect.name, name, types, encode, decode, copied };
            places += pair.copied.len();
            records += 1;
            let mut failed = 0;
            for seed in 0..SEEDS {
                let canonical = generator.document(pair.types.own, seed);
                match there_and_back(contract, &pair, &canonical) {
                    Ok(None) => {}
                    Ok(Some(same)) => {
                        objects += 1;
                        exact += usize::from(same);
                    }
                    Err(why) if failed == 0 => {
                        failed += 1;
                        let _ = writeln!(
                            wrong,
                            "{} {}, seed {seed}: {why}\nof {}\n",
                            pair.dialect,
                            pair.name,
                            canonical.split_whitespace().collect::<String>()
                        );
                    }
                    Err(_) => failed += 1,
                }
            }
            if failed > 0 {
                let _ = writeln!(wrong, "({failed} of {SEEDS})\n");
            }
        }
    }
    println!(
        "{records} records, {places} places copied, {objects} objects, \
         {exact} of them the same byte for byte"
    );
    assert!(wrong.is_empty(), "{wrong}");
    assert!(records >= 25 && places >= 70 && objects > 200 * records && exact * 2 > objects);
}

/// `encode(decode(encode(c)))` is `encode(c)`, and what decode made is a sound object with every
/// carried place as it was. `None` where the dialect cannot say the object at all.
fn there_and_back(
    contract: &Contract,
    pair: &Pair<'_>,
    canonical: &str,
) -> Result<Option<bool>, String> {
    let Ok(Some(theirs)) = both(pair.encode, &[Some(canonical)])? else { return Ok(None) };
    let back = match both(pair.decode, &[Some(&theirs)])? {
        Ok(Some(back)) => back,
        Ok(None) => return Ok(None),
        Err(faults) => return Err(format!("is not read back: {faults}\ntheirs {theirs}")),
    };
    // What gateway and backend fill is not there; put the original's, so that the rest is judged.
    let mut tree: Value = serde_json::from_str(&back).unwrap();
    let original: Value = serde_json::from_str(canonical).unwrap();
    for place in &pair.copied {
        // Null and not there are one to these dialects.
        let at = |tree: &Value| tree.pointer(place).filter(|v| !v.is_null()).cloned();
        let (was, is) = (at(&original), at(&tree));
        if was != is {
            return Err(format!("{place} was {was:?} and is {is:?}\ntheirs {theirs}"));
        }
    }
    complete(contract, pair.types.own, &mut tree, &original);
    let mut faults = Vec::new();
    validate(contract, pair.types.own, tree.to_string().as_bytes(), &mut faults);
    if !faults.is_empty() {
        return Err(format!("made {back}\nwhich lacks {faults:#?}"));
    }
    let again = match both(pair.encode, &[Some(&back)])? {
        Ok(again) => again.unwrap_or_default(),
        Err(faults) => return Err(format!("is not written again: {faults}\nback {back}")),
    };
    if again == theirs {
        return Ok(Some(true));
    }
    let places = ONE_WAY.iter().filter(|(d, r, _)| *d == pair.dialect && *r == pair.name);
    let places: Vec<_> = places.flat_map(|(.., places)| places.iter()).collect();
    let without = |json: &str| {
        let mut tree: Value = serde_json::from_str(json).unwrap();
        for place in &places {
            remove(&mut tree, &place.split('.').collect::<Vec<_>>());
        }
        tree.to_string()
    };
    if without(&again) == without(&theirs) {
        return Ok(Some(false));
    }
    Err(format!("theirs {theirs}\nback   {back}\nagain  {again}"))
}

/// Adds to an object what only gateway and backend write, of the objects that it has.
fn complete(contract: &Contract, schema: SchemaId, made: &mut Value, original: &Value) {
    let Kind::Object { properties, .. } = &contract.schema(schema).kind else { return };
    let Some(made) = made.as_object_mut() else { return };
    for property in properties {
        let before = original.get(&*property.name).filter(|v| !v.is_null());
        match made.get_mut(&*property.name) {
            None if property.gateway && property.required => {
                let value = match before {
                    Some(before) => before.clone(),
                    None => {
                        serde_json::from_str(&Generator::new(contract).document(property.schema, 0))
                            .unwrap()
                    }
                };
                made.insert(property.name.to_string(), value);
            }
            Some(Value::Array(all)) => {
                let Kind::List { items, .. } = contract.schema(property.schema).kind else {
                    continue;
                };
                for element in all {
                    complete(contract, items, element, &Value::Null);
                }
            }
            Some(inside) => {
                complete(contract, property.schema, inside, before.unwrap_or(&Value::Null));
            }
            None => {}
        }
    }
}

/// Takes a place out; `*` is every element of a list.
fn remove(tree: &mut Value, place: &[&str]) {
    match (place, tree) {
        ([last], Value::Object(members)) => {
            members.shift_remove(*last);
        }
        (["*", rest @ ..], Value::Array(all)) => {
            all.iter_mut().for_each(|element| remove(element, rest));
        }
        ([first, rest @ ..], Value::Object(members)) => {
            if let Some(inside) = members.get_mut(*first) {
                remove(inside, rest);
            }
        }
        _ => {}
    }
}

#[test]
fn the_command_translates_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let full = format!(
        "{}/mappings/canonical/examples/conversation.full.json",
        env!("CARGO_MANIFEST_DIR")
    );
    for dialect in ["public-inbox", "account", "third-party"] {
        let translate = |direction: &str, file: &str| {
            let out = Command::new(env!("CARGO_BIN_EXE_deskbridge"))
                .args(["translate", "--dialect", dialect, "--record", "conversation"])
                .args(["--direction", direction, file])
                .output()
                .unwrap();
            assert!(out.status.success(), "{dialect} {}", String::from_utf8_lossy(&out.stderr));
            let to = folder.path().join(format!("{dialect}.json"));
            std::fs::write(&to, &out.stdout).unwrap();
            (String::from_utf8(out.stdout).unwrap(), to.display().to_string())
        };
        let (theirs, file) = translate("encode", &full);
        let (_, file) = translate("decode", &file);
        let (again, _) = translate("encode", &file);
        let cut = |json: &str| {
            let mut tree: Value = serde_json::from_str(json).unwrap();
            for (_, _, places) in
                ONE_WAY.iter().filter(|(d, r, _)| *d == dialect && *r == "conversation")
            {
                places.iter().for_each(|p| remove(&mut tree, &p.split('.').collect::<Vec<_>>()));
            }
            tree
        };
        assert_eq!(cut(&again), cut(&theirs), "{dialect}");
    }
}
