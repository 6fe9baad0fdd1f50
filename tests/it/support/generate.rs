//! Canonical documents made from the contract: JSON text for any schema, the awkward values first.
//! The same seed gives the same document.

use std::collections::HashMap;

use deskbridge::canonical::Contract;
use deskbridge::canonical::contract::{Additional, Kind, SchemaId};
use deskbridge::canonical::validate::validate;

/// About where a document stops to grow, in bytes.
const ENOUGH: usize = 6_000;
/// Below it, lists are empty and optional members absent.
const DEEPEST: usize = 7;

/// Every kind of text, spelled in every way; which of them a schema takes, the contract says.
const TEXTS: &[&str] = &[
    r##""#1F2e3D""##,
    r#""""#,
    r#"" ""#,
    r#""a""#,
    r#""Ada Lovelace""#,
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\u0041\u00e9\ud83d\ude00\u2028\u0000""#,
    "\"é ü ß 漢字 \u{1F44D}\u{1F3FD} \u{2028}\u{2029}\"",
    r#""{\"not\": [\"json\"]}""#,
    r#""null""#,
    r#""0""#,
    r#""17""#,
    r#""1.10""#,
    r#""0017""#,
    r#""9007199254740993""#,
    r#""cnv_7hQ2x9Lk""#,
    r#""cnt_1""#,
    r#""cnt_2""#,
    r#""\u0063nt_1""#,
    r#""n:5""#,
    r#""n:9007199254740991""#,
    r#""u:0f6d9c0e-1c5a-4c53-8d5e-5b8d1f1f7a10""#,
    r#""x:zendesk:35436""#,
    r#""chatwoot""#,
    r#""third-party""#,
    r#""1970-01-01T00:00:00.000Z""#,
    r#""1969-12-31T23:59:59.999Z""#,
    r#""2026-03-04T09:15:30.000Z""#,
    r#""2026-03-04T09:15:30.001Z""#,
    r#""2024-02-29T23:59:59.999Z""#,
    r#""9999-12-31T23:59:59.999Z""#,
    r#""2000-02-29""#,
    r#""1999-12-31""#,
    r#""0f6d9c0e-1c5a-4c53-8d5e-5b8d1f1f7a10""#,
    r#""00000000-0000-0000-0000-000000000000""#,
    r#""https://desk.example/a?b=c&d=%20#e""#,
    r#""https:\/\/desk.example\/picture.JPEG""#,
    r#""invoice.tar.GZ""#,
    r#"".hidden""#,
    r#""09:00""#,
    r#""24:00""#,
    r#""de""#,
    r#""agent:7""#,
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "5",
    "6",
    "-1",
    "418",
    "1.10",
    "1.0",
    "4.50",
    "1e3",
    "1E-2",
    "-12.5e+1",
    "52.520008",
    "2147483648",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "123456789012345678901234567890",
    "0.1000000000000000055511151231257827",
];

/// Values of places that take anything.
const ANYTHING: &[&str] = &[
    "[]",
    "{}",
    "[ ]",
    "{ }",
    "true",
    "-0",
    r#"{"b":1.10,"a":[1e3,null,{"deep":["\u00e9"]}]}"#,
    "[9007199254740993, [[]], \"x\"]",
];

/// Members that no schema lists.
const EXTRAS: &[&str] =
    &[r#""custom_1""#, r#""custom_2""#, r#""zz \"q\" \u00e9""#, r#""ключ""#, r#""""#, r#""x.y""#];

/// A small generator of numbers (splitmix64), enough to choose by.
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

/// Makes documents of a contract.
pub(crate) struct Generator<'c> {
    contract: &'c Contract,
    /// What each schema of text or number takes, found out once.
    known: HashMap<SchemaId, Vec<String>>,
}

impl<'c> Generator<'c> {
    pub(crate) fn new(contract: &'c Contract) -> Self {
        Self { contract, known: HashMap::new() }
    }

    /// A document of a schema.
    pub(crate) fn document(&mut self, schema: SchemaId, seed: u64) -> String {
        let mut rng = Rng::new(seed);
        let mut out = String::new();
        space(&mut rng, &mut out);
        // The first ones are bare: as little as the schema allows.
        let depth = if seed == 0 { DEEPEST } else { 0 };
        self.present(schema, depth, &mut rng, &mut out);
        space(&mut rng, &mut out);
        out
    }

    /// Any JSON value, of no schema.
    pub(crate) fn anything(&mut self, seed: u64) -> String {
        let mut rng = Rng::new(seed);
        let mut out = String::new();
        self.any(0, &mut rng, &mut out);
        out
    }

    fn value(&mut self, schema: SchemaId, depth: usize, rng: &mut Rng, out: &mut String) {
        let nulls = if out.len() > ENOUGH { 2 } else { 5 };
        if self.contract.schema(schema).nullable && rng.once_in(nulls) {
            return out.push_str("null");
        }
        self.present(schema, depth, rng, out);
    }

    fn present(&mut self, schema: SchemaId, depth: usize, rng: &mut Rng, out: &mut String) {
        let contract = self.contract;
        match &contract.schema(schema).kind {
            Kind::String(_) | Kind::Integer { .. } | Kind::Number { .. } => {
                let tokens = self.tokens(schema);
                out.push_str(&tokens[rng.below(tokens.len())]);
            }
            Kind::Boolean => out.push_str(rng.pick(&["true", "false"])),
            Kind::Value(only) => out.push_str(only),
            Kind::List { items, unique, max, .. } => {
                self.list(*items, *unique, *max, depth, rng, out);
            }
            Kind::Object { .. } => self.object(schema, depth, rng, out),
            Kind::Union(of) => self.present(rng.pick(of), depth, rng, out),
            Kind::Any(of) if of.is_empty() => self.any(depth, rng, out),
            Kind::Any(of) => self.value(rng.pick(of), depth, rng, out),
        }
    }

    /// What a scalar schema takes: its words, or those of the tables above that pass the check.
    fn tokens(&mut self, schema: SchemaId) -> &[String] {
        let contract = self.contract;
        self.known.entry(schema).or_insert_with(|| {
            let words = match &contract.schema(schema).kind {
                Kind::String(text) => text.words.iter().flatten().collect::<Vec<_>>(),
                _ => Vec::new(),
            };
            let words = words.iter().map(|word| format!("\"{word}\""));
            let long = [format!("\"{}\"", "long ".repeat(50)), format!("\"{}\"", "é".repeat(700))];
            let texts = TEXTS.iter().chain(NUMBERS).map(|&token| token.to_owned()).chain(long);
            let tokens: Vec<String> = words
                .chain(texts)
                .filter(|token| {
                    let mut faults = Vec::new();
                    validate(contract, schema, token.as_bytes(), &mut faults);
                    faults.is_empty()
                })
                .collect();
            assert!(!tokens.is_empty(), "no value for {:?}", contract.schema(schema));
            tokens
        })
    }

    fn list(
        &mut self,
        items: SchemaId,
        unique: bool,
        max: Option<u32>,
        depth: usize,
        rng: &mut Rng,
        out: &mut String,
    ) {
        let most = if depth >= DEEPEST || out.len() > ENOUGH { 1 } else { 4 };
        let most = most.min(max.map_or(usize::MAX, |max| max as usize + 1));
        let (mut seen, mut first) = (Vec::new(), true);
        out.push('[');
        for _ in 0..rng.below(most) {
            let before = out.len();
            if !first {
                out.push(',');
            }
            space(rng, out);
            let start = out.len();
            self.value(items, depth + 1, rng, out);
            if unique {
                let value: serde_json::Value = serde_json::from_str(&out[start..]).unwrap();
                if seen.contains(&value) {
                    out.truncate(before);
                    continue;
                }
                seen.push(value);
            }
            first = false;
        }
        space(rng, out);
        out.push(']');
    }

    fn object(&mut self, schema: SchemaId, depth: usize, rng: &mut Rng, out: &mut String) {
        let contract = self.contract;
        let Kind::Object { properties, additional, min_properties } = &contract.schema(schema).kind
        else {
            unreachable!("only called for objects");
        };
        let bare = depth >= DEEPEST || out.len() > ENOUGH;
        let sparse = rng.below(3);
        let mut members: Vec<(String, Option<SchemaId>)> = Vec::new();
        let mut order: Vec<_> = properties.iter().collect();
        rng.shuffle(&mut order);
        for property in order {
            let few = members.len() < *min_properties as usize;
            if property.required || few || !bare && rng.below(3) >= sparse {
                members.push((spelled(&property.name, rng), Some(property.schema)));
            }
        }
        let extra = match additional {
            Additional::Refused => None,
            Additional::Allowed => Some(None),
            Additional::Typed(of) => Some(Some(*of)),
        };
        if let Some(of) = extra.filter(|_| !bare) {
            for name in EXTRAS {
                if rng.once_in(4) {
                    let at = rng.below(members.len() + 1);
                    members.insert(at, ((*name).to_owned(), of));
                }
            }
        }
        out.push('{');
        for (index, (name, of)) in members.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            space(rng, out);
            out.push_str(name);
            space(rng, out);
            out.push(':');
            space(rng, out);
            match of {
                Some(of) => self.value(*of, depth + 1, rng, out),
                None => self.any(depth + 1, rng, out),
            }
        }
        space(rng, out);
        out.push('}');
    }

    fn any(&mut self, depth: usize, rng: &mut Rng, out: &mut String) {
        let bare = depth >= DEEPEST || out.len() > ENOUGH;
        match rng.below(if bare { 3 } else { 6 }) {
            0 => out.push_str(rng.pick(TEXTS)),
            1 => out.push_str(rng.pick(NUMBERS)),
            2 => out.push_str(rng.pick(ANYTHING)),
            3 => out.push_str(rng.pick(&["null", "true", "false"])),
            4 => {
                out.push('[');
                for index in 0..rng.below(3) {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.any(depth + 1, rng, out);
                }
                out.push(']');
            }
            _ => {
                out.push('{');
                for (index, name) in EXTRAS.iter().take(rng.below(4)).enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(name);
                    out.push(':');
                    self.any(depth + 1, rng, out);
                }
                out.push('}');
            }
        }
    }
}

/// The token of a name, now and then with an escape that need not be.
fn spelled(name: &str, rng: &mut Rng) -> String {
    match name.chars().next() {
        Some(first) if rng.once_in(40) => {
            format!("\"\\u{:04x}{}\"", first as u32, &name[first.len_utf8()..])
        }
        _ => format!("\"{name}\""),
    }
}

fn space(rng: &mut Rng, out: &mut String) {
    if rng.once_in(6) {
        out.push_str(rng.pick(&[" ", "\n", "\r\n\t", "  "]));
    }
}

/// A document with something wrong: cut off, a member of another type, missing, or twice.
pub(crate) fn broken(document: &str, seed: u64) -> String {
    let mut rng = Rng::new(seed);
    if rng.once_in(8) {
        let mut at = rng.below(document.len());
        while !document.is_char_boundary(at) {
            at -= 1;
        }
        return document[..at].to_owned();
    }
    if rng.once_in(12) {
        let at = rng.below(document.len());
        let mut bytes = document.as_bytes().to_vec();
        bytes[at] = b"{}[]\",:0a\\"[rng.below(10)];
        return String::from_utf8(bytes).unwrap_or_else(|_| document.replace(':', " "));
    }
    let Ok(mut tree) = serde_json::from_str::<serde_json::Value>(document) else {
        return document.replace(',', ",,");
    };
    for _ in 0..=rng.below(4) {
        let places = count(&tree);
        let mut at = rng.below(places);
        damage(&mut tree, &mut at, &mut rng);
    }
    tree.to_string()
}

fn count(tree: &serde_json::Value) -> usize {
    1 + match tree {
        serde_json::Value::Array(all) => all.iter().map(count).sum(),
        serde_json::Value::Object(all) => all.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Damages the `at`-th value, in the order of the text.
fn damage(tree: &mut serde_json::Value, at: &mut usize, rng: &mut Rng) -> bool {
    if *at == 0 {
        *tree = serde_json::from_str(match rng.below(6) {
            0 | 1 => "null",
            2 => rng.pick(TEXTS),
            3 => rng.pick(&["1.5", "-1", "0", "1e3", "9007199254740993", "18446744073709551615"]),
            4 => rng.pick(ANYTHING),
            _ => rng.pick(&["true", "[[null]]", r#""\u006fpen""#, r#"{"type":"text"}"#]),
        })
        .unwrap();
        return true;
    }
    *at -= 1;
    match tree {
        serde_json::Value::Array(all) => all.iter_mut().any(|element| damage(element, at, rng)),
        serde_json::Value::Object(all) => {
            let names: Vec<String> = all.keys().cloned().collect();
            for name in names {
                if *at == 0 && rng.once_in(3) {
                    all.shift_remove(&name);
                    return true;
                }
                if all.get_mut(&name).is_some_and(|value| damage(value, at, rng)) {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}
