//! Edge cases of conversations, messages and contacts, as data: every word of the contract, every null,
//! every empty list, the widest numbers and awkward texts stand in an example of every dialect, or
//! `tests/fixtures/edges.yaml` says why not.
//!
//! What there is comes from the contract, so a new word asks for an example in each dialect. That the
//! examples come out as written is another test (`examples`).

mod contract;
mod sent;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskbridge::dialect::embedded::Files;
use deskbridge::syntax::{Sources, yaml};
use serde_json::Value;

use contract::{Contract, Places, at, word};
use shown::{Example, Pair, numbers, objects, pairs, texts};

/// Texts that are easily spoiled.
const TEXTS: [(&str, fn(&str) -> bool); 7] = [
    ("of 10,000 characters", |text| text.chars().count() >= 10_000),
    ("with an emoji of several parts", |text| text.contains('\u{200d}')),
    ("beyond the first plane", |text| text.chars().any(|c| c > '\u{ffff}')),
    ("from right to left", |text| text.chars().any(|c| ('\u{590}'..'\u{700}').contains(&c))),
    ("that needs escapes", |text| {
        ['"', '\\', '\n', '\t', '\u{1}'].iter().all(|c| text.contains(*c))
    }),
    ("with a line separator", |text| text.contains('\u{2028}')),
    ("that looks like markup", |text| ['<', '>', '&'].iter().all(|c| text.contains(*c))),
];

/// What a `f64` no longer counts.
const EXACT: u64 = 1 << 53;

fn fixture() -> Value {
    let path = "tests/fixtures/edges.yaml";
    let text = std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut sources = Sources::default();
    let id = sources.add(path, text);
    match yaml::parse(&sources, id, yaml::FILE_NODES) {
        Ok(node) => node.to_json(),
        Err(problem) => panic!("{problem:?}"),
    }
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(word).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// How a dialect shows words of one place: its own place, and its words for them.
struct View {
    of: String,
    at: String,
    /// Several of theirs: one or the other, by what else is there.
    words: BTreeMap<String, Vec<Value>>,
}

impl View {
    fn read(said: &Value) -> Self {
        let words = said["as"].as_object().unwrap().iter();
        let several = |theirs: &Value| theirs.as_array().map_or(vec![theirs.clone()], Vec::clone);
        Self {
            of: text(&said["of"]).to_owned(),
            at: text(&said["at"]).to_owned(),
            words: words.map(|(word, theirs)| (word.clone(), several(theirs))).collect(),
        }
    }

    /// As the contract has it.
    fn same(place: &str, words: &BTreeSet<String>) -> Self {
        let value = |word: &String| match word.as_str() {
            "null" => Value::Null,
            word => Value::from(word),
        };
        let words = words.iter().map(|word| (word.clone(), vec![value(word)]));
        Self { of: place.to_owned(), at: place.to_owned(), words: words.collect() }
    }

    /// Which words are shown here, and how.
    fn shown(&self, pair: &Pair<'_>) -> Vec<(String, String)> {
        let known = at(pair.canonical, &self.of).into_iter().map(word);
        let known: Vec<String> = known.filter(|word| self.words.contains_key(word)).collect();
        let mut theirs = at(pair.theirs, &self.at);
        // A key that is not there says null.
        if theirs.is_empty() && !self.at.contains('*') {
            theirs.push(&Value::Null);
        }
        let same = known.len() == theirs.len()
            && known.iter().zip(&theirs).all(|(word, theirs)| self.words[word].contains(*theirs));
        let both = known.iter().cloned().zip(theirs.iter().map(ToString::to_string));
        if same { both.collect() } else { Vec::new() }
    }
}

/// One resource in one dialect.
struct Subject<'f> {
    name: String,
    said: &'f Value,
    required: Vec<String>,
    places: Places,
    examples: &'f [Example],
    gaps: Vec<String>,
}

impl<'f> Subject<'f> {
    fn gap(&mut self, what: String) {
        self.gaps.push(format!("{}: {what}", self.name));
    }

    fn views(&mut self) -> Vec<View> {
        if self.said["same"] == true {
            return self.places.words.iter().map(|(place, w)| View::same(place, w)).collect();
        }
        let said = self.said["shows"].as_array().into_iter().flatten();
        let views: Vec<View> = said.map(View::read).collect();
        for view in &views {
            let known = self.places.words.get(&view.of).cloned().unwrap_or_default();
            for word in view.words.keys().filter(|word| !known.contains(*word)) {
                self.gap(format!("{} has no word `{word}`", view.of));
            }
        }
        views
    }

    /// Words without a form here: place and word. Whole places, too.
    fn hidden(&mut self) -> (BTreeSet<(String, String)>, BTreeSet<String>) {
        let (mut words, mut places) = (BTreeSet::new(), BTreeSet::new());
        for hidden in self.said["hides"].as_array().into_iter().flatten() {
            assert!(text(&hidden["why"]).len() > 20, "{}: {hidden} gives no reason", self.name);
            for place in list(&hidden["at"]) {
                let Some(known) = self.places.words.get(&place).cloned() else {
                    self.gap(format!("the contract has no words at {place}"));
                    continue;
                };
                for word in list(&hidden["words"]) {
                    if !known.contains(&word) {
                        self.gap(format!("{place} has no word `{word}`"));
                    }
                    words.insert((place.clone(), word));
                }
                if hidden.get("words").is_none() {
                    places.insert(place);
                }
            }
        }
        (words, places)
    }

    fn check(&mut self) {
        let said = self.said;
        let (number, marks) = (text(&said["number"]), list(&said["marks"]));
        let succeeded = self.examples.iter().filter(|example| example.status < 400);
        let all: Vec<Pair<'_>> =
            succeeded.flat_map(|e| pairs(e, &self.required, number, &marks)).collect();
        self.words(&all);
        self.presence(&all);
        self.values(&all);
    }

    fn words(&mut self, all: &[Pair<'_>]) {
        let views = self.views();
        let (hidden, unseen) = self.hidden();
        let succeeded = self.examples.iter().filter(|example| example.status < 400);
        let answered: Vec<&Value> = succeeded
            .flat_map(|e| e.answers.iter().flat_map(|answer| objects(answer, &self.required)))
            .collect();
        let known = self.places.words.clone();
        let known = known.into_iter().filter(|(place, _)| !unseen.contains(place));
        for (place, words) in known {
            let here = views.iter().filter(|view| view.of == place);
            let here: Vec<(&View, BTreeSet<(String, String)>)> =
                here.map(|view| (view, all.iter().flat_map(|p| view.shown(p)).collect())).collect();
            for word in words {
                let has =
                    |value: &&Value| at(value, &place).iter().any(|v| contract::word(v) == word);
                let named: Vec<_> =
                    here.iter().filter(|(view, _)| view.words.contains_key(&word)).collect();
                for (view, shown) in &named {
                    for theirs in &view.words[&word] {
                        if !shown.contains(&(word.clone(), theirs.to_string())) {
                            self.gap(format!("no example shows `{word}` of {place} as {theirs}"));
                        }
                    }
                }
                let is_hidden = hidden.contains(&(place.clone(), word.clone()));
                if named.is_empty() && !is_hidden {
                    self.gap(format!("how is `{word}` of {place} shown?"));
                } else if is_hidden && !answered.iter().any(has) {
                    self.gap(format!("no example has `{word}` of {place}, which is left out"));
                }
            }
        }
    }

    /// Nulls, empty lists and objects, and words of other systems.
    fn presence(&mut self, all: &[Pair<'_>]) {
        let mut excused: BTreeSet<String> = BTreeSet::new();
        for never in self.said["never"].as_array().into_iter().flatten() {
            assert!(text(&never["why"]).len() > 20, "{}: {never} gives no reason", self.name);
            excused.extend(list(&never["at"]));
        }
        let mut gaps = Vec::new();
        let kinds: [(&str, &BTreeSet<String>, fn(&Value) -> bool); 3] = [
            ("null", &self.places.nullable, Value::is_null),
            ("empty", &self.places.emptied, sent::is_empty),
            ("another system's word", &self.places.raw, |v| !v.is_null()),
        ];
        for (what, places, holds) in kinds {
            for place in places.iter().filter(|place| !excused.contains(*place)) {
                // What is embedded is there only where it was asked for.
                let shown = all.iter().any(|pair| at(pair.canonical, place).into_iter().any(holds));
                if !shown {
                    gaps.push(format!("no example shows {place} as {what}"));
                }
            }
        }
        let known = |place: &&String| {
            self.places.nullable.contains(*place) || self.places.emptied.contains(*place)
        };
        let stale = excused.iter().filter(|place| !known(place));
        gaps.extend(stale.map(|place| format!("{place} is neither null nor empty at any time")));
        gaps.into_iter().for_each(|gap| self.gap(gap));
    }

    /// Values that are the same on both sides.
    fn values(&mut self, all: &[Pair<'_>]) {
        let both = |holds: &dyn Fn(&str) -> bool| {
            all.iter().any(|pair| {
                let theirs = texts(pair.theirs);
                texts(pair.canonical).into_iter().any(|t| holds(t) && theirs.contains(&t))
            })
        };
        let missing = TEXTS.iter().filter(|(_, holds)| !both(holds)).map(|(what, _)| *what);
        let missing: Vec<&str> = missing.collect();
        missing.into_iter().for_each(|what| self.gap(format!("no example shows a text {what}")));
        let number = text(&self.said["number"]);
        if !all.iter().any(|pair| pair.theirs[number] == self.said_widest()) {
            self.gap("no example has the widest number".to_owned());
        }
        let wide = all.iter().any(|pair| {
            let theirs = numbers(pair.theirs);
            let wide = |n: &&String| n.parse::<u64>().is_ok_and(|n| n > EXACT);
            numbers(pair.canonical).iter().filter(wide).any(|n| theirs.contains(n))
        });
        if !wide {
            self.gap(format!("no example shows a number beyond {EXACT}"));
        }
    }

    fn said_widest(&self) -> Value {
        Value::from(EXACT - 1)
    }
}

#[test]
fn every_edge_of_the_three_records_is_an_example_in_every_dialect() {
    let mappings = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let files = Files::default().overlay(&mappings).unwrap();
    let contract = Contract::read(&files);
    assert_eq!(contract.widest(), EXACT - 1);
    let fixture = fixture();
    let said = fixture["dialects"].as_object().unwrap();
    let names: BTreeSet<&str> = said.keys().map(String::as_str).collect();
    let due: BTreeSet<&str> = files.dialects().into_iter().collect();
    assert_eq!(names, due, "the dialects that edges.yaml speaks of");
    let mut gaps = Vec::new();
    for (dialect, records) in said {
        let examples = shown::examples(&files, dialect);
        for resource in ["Conversation", "Message", "Contact"] {
            let mut subject = Subject {
                name: format!("{dialect} {resource}"),
                said: &records[resource],
                required: contract.required(resource),
                places: contract.places(resource),
                examples: &examples,
                gaps: Vec::new(),
            };
            subject.check();
            for gap in sent::gaps(&records[resource]["sent"], &examples) {
                subject.gap(gap);
            }
            gaps.append(&mut subject.gaps);
        }
    }
    assert!(gaps.is_empty(), "{} gaps\n{}", gaps.len(), gaps.join("\n"));
}
