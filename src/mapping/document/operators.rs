//! Every operator that a rule may have: its word, what it means, and an example that runs. The
//! reader knows no other words; the table of docs/mapping.md is made of this one.

/// A key of a rule.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// The key.
    pub name: &'static str,
    /// Its part in a rule.
    pub(super) part: Part,
    /// What it means, for the page.
    pub means: &'static str,
    /// At least one, unless the page says it with the operator that it belongs to.
    pub examples: &'static [Example],
}

/// The part of an operator in its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Says where the value comes from; a rule has one.
    Source,
    /// Says what is made of it; a rule has one.
    Makes,
    /// Both at once.
    SourceAndMakes,
    /// Says more about the value.
    More,
}

impl Operator {
    pub(super) fn is_source(&self) -> bool {
        matches!(self.part, Part::Source | Part::SourceAndMakes)
    }

    pub(super) fn makes(&self) -> bool {
        matches!(self.part, Part::Makes | Part::SourceAndMakes)
    }
}

/// Lines of a record, and a body that goes through them.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// Under `fields`.
    pub fields: &'static str,
    /// Other keys of the record.
    pub beside: &'static str,
    /// What goes in.
    pub given: Given,
}

/// A body of an example, as JSON.
#[derive(Clone, Copy, Debug)]
pub enum Given {
    /// Encoded; and read back, if the record is not `only: encode`.
    Canonical(&'static str),
    /// Decoded.
    Theirs(&'static str),
}

/// The operator of this name.
pub(super) fn find(name: &str) -> Option<&'static Operator> {
    OPERATORS.iter().find(|operator| operator.name == name)
}

/// Encoded and read back.
const fn both(fields: &'static str, canonical: &'static str) -> Example {
    Example { fields, beside: "", given: Given::Canonical(canonical) }
}

/// Encoded: the record goes one way.
const fn encoded(fields: &'static str, canonical: &'static str) -> Example {
    let beside = "only: encode\nwhy: an answer\n";
    Example { fields, beside, given: Given::Canonical(canonical) }
}

/// Decoded: the record goes one way.
const fn decoded(fields: &'static str, theirs: &'static str) -> Example {
    let beside = "only: decode\nwhy: a request\n";
    Example { fields, beside, given: Given::Theirs(theirs) }
}

const fn source(name: &'static str, means: &'static str, examples: &'static [Example]) -> Operator {
    Operator { name, part: Part::Source, means, examples }
}

const fn makes(name: &'static str, means: &'static str, examples: &'static [Example]) -> Operator {
    Operator { name, part: Part::Makes, means, examples }
}

const fn more(name: &'static str, means: &'static str, examples: &'static [Example]) -> Operator {
    Operator { name, part: Part::More, means, examples }
}

/// Every operator, in the order of the page.
pub const OPERATORS: &[Operator] = &[
    source(
        "at",
        "From this place, byte for byte. `key: $.place` is short for it.",
        &[both("subject: $.title", r#"{"title":"Caf\u00e9"}"#)],
    ),
    makes(
        "as",
        "Through a [codec](#codecs).",
        &[both(
            "created: { at: $.created_at, as: unix_seconds }",
            r#"{"created_at":"2026-01-31T09:30:00.000Z"}"#,
        )],
    ),
    more(
        "write",
        "`string`: their side is text; decode reads text and the type itself. Alone or beside `as`.",
        &[both(
            "created: { at: $.created_at, as: unix_seconds, write: string }",
            r#"{"created_at":"2026-01-31T09:30:00.000Z"}"#,
        )],
    ),
    makes(
        "enum",
        "Through a [table of words](#enum-tables).",
        &[both("state: { at: $.status, enum: state }", r#"{"status":"done"}"#)],
    ),
    source(
        "relation",
        "A column of a [decision table](#relations), where the word depends on several facts.",
        &[Example {
            fields: "state: { relation: state }",
            beside: "relations:\n  state:\n    dialect: [ state ]\n    canonical: [ $.status, $.owner_id ]\n    guard: [ $.owner_id ]\n    rows:\n      - [ [ new ], [ open, null ] ]\n      - [ [ taken ], [ open, set ] ]\n      - [ [ gone ], [ _, _ ] ]\nonly: encode\nwhy: an answer\n",
            given: Given::Canonical(r#"{"status":"open","owner_id":"7"}"#),
        }],
    ),
    makes(
        "record",
        "An object by another [record](#records).",
        &[both(
            "agent: { at: $.owner, record: person }",
            r#"{"owner":{"name":"Ada","mail":null}}"#,
        )],
    ),
    more(
        "give",
        "Places that fill the arguments (`needs`) of `record`, of `each` or of a case.",
        &[encoded(
            "agent: { at: $.owner, record: person_of, give: { ticket: $ } }",
            r#"{"number":4,"owner":{"name":"Ada"}}"#,
        )],
    ),
    Operator {
        name: "fields",
        part: Part::SourceAndMakes,
        means: "An object of theirs in place; dotted keys are its short form. Beside `at`, of the object there.",
        examples: &[both(
            "meta: { fields: { subject: $.title } }\nby.name: $.owner.name",
            r#"{"title":"Help","owner":{"name":"Ada","mail":null}}"#,
        )],
    },
    more(
        "null_with",
        "Beside `fields`: null where this place is null.",
        &[both(
            "agent: { null_with: $.owner, fields: { name: $.owner.name } }",
            r#"{"owner":null}"#,
        )],
    ),
    makes(
        "each",
        "A list: each element by a record, a codec, a simple type, or a rule.",
        &[
            both(
                "lines: { at: $.messages, each: line }",
                r#"{"messages":[{"kind":"note","text":"Hi"}]}"#,
            ),
            both("days: { at: $.days, each: date }", r#"{"days":["2026-01-31"]}"#),
        ],
    ),
    more(
        "where",
        "Of a list only the elements whose places are equal to a word, one of a list of words, or another place. Encode.",
        &[encoded(
            "lines: { at: $.messages, where: { kind: [ note, file ] }, each: line }",
            r#"{"messages":[{"kind":"text","text":"a"},{"kind":"note","text":"b"}]}"#,
        )],
    ),
    more(
        "sort_by",
        "After `where`: in the order of this place, smallest first. Encode.",
        &[encoded(
            "lines: { at: $.messages, sort_by: text, each: line }",
            r#"{"messages":[{"kind":"note","text":"b"},{"kind":"note","text":"a"}]}"#,
        )],
    ),
    more(
        "take",
        "After `sort_by`: `first` or `last` element instead of the list. Beside `pick` and `find`: the member that is taken.",
        &[encoded(
            "line: { at: $.messages, each: line, take: last, null_as: {} }",
            r#"{"messages":[{"kind":"note","text":"a"},{"kind":"note","text":"b"}]}"#,
        )],
    ),
    more(
        "reverse",
        "After `take`: the other way round.",
        &[encoded("labels: { at: $.labels, reverse: true }", r#"{"labels":["a","b"]}"#)],
    ),
    more(
        "at_most",
        "At last: so many elements, the first ones. Encode.",
        &[encoded("labels: { at: $.labels, at_most: 2 }", r#"{"labels":["a","b","c"]}"#)],
    ),
    makes(
        "one_of",
        "One of several objects, by a discriminator ([unions](#unions)).",
        &[both(
            "line:\n  at: $.last\n  one_of:\n    by: { dialect: type, canonical: kind }\n    cases:\n      - { dialect: comment, canonical: note, fields: { type: { const: comment }, body: $.text } }\n      - { dialect: reply, canonical: [ text, file ], fields: { type: { const: reply }, answer: $.text } }",
            r#"{"last":{"kind":"note","text":"Hi"}}"#,
        )],
    ),
    source(
        "const",
        "Always this. Decode does not look at it.",
        &[encoded("type: { const: ticket }", "{}")],
    ),
    source(
        "first_of",
        "The first of several rules that gives a value. An alternative may say `when`: tests of places that must hold.",
        &[
            encoded("name: { first_of: [ $.title, $.note ] }", r#"{"title":null,"note":"Help"}"#),
            encoded(
                "name: { first_of: [ { at: $.title, when: { $.owner_id: set } }, { const: nobody's } ] }",
                r#"{"title":"Help","owner_id":null}"#,
            ),
        ],
    ),
    source(
        "same_as",
        "A second key for the place of another key; decode reads the first that is there.",
        &[both("subject: $.title\nheading: { same_as: subject }", r#"{"title":"Help"}"#)],
    ),
    more(
        "when_set",
        "A constant while the place of `at` has a value. Encode.",
        &[encoded(
            "deleted: { at: $.deleted_at, when_set: true, omit: when_null }",
            r#"{"deleted_at":"2026-01-31T09:30:00.000Z"}"#,
        )],
    ),
    source(
        "is_set",
        "True while the place has a value. Encode.",
        &[encoded("deleted: { is_set: $.deleted_at }", r#"{"deleted_at":null}"#)],
    ),
    source(
        "count",
        "How many elements a list has; a list from which `sees` keeps something back has none. Encode.",
        &[encoded("size: { count: $.messages }", r#"{"messages":[{"text":"a"},{"text":"b"}]}"#)],
    ),
    source(
        "pick",
        "The first element of a list for which `where` holds; what is made of it is `take`, a `record`, `fields` or `one_of`. Encode.",
        &[encoded(
            "note: { pick: $.messages, where: { kind: note }, take: text }",
            r#"{"messages":[{"kind":"text","text":"a"},{"kind":"note","text":"b"}]}"#,
        )],
    ),
    source(
        "find",
        "As `pick`, the element whose `by` is equal to the place `key`. Encode.",
        &[encoded(
            "agent: { find: $.people, by: mail, key: $.owner.mail, take: name }",
            r#"{"owner":{"mail":"a@x"},"people":[{"name":"Bo","mail":"b@x"},{"name":"Ada","mail":"a@x"}]}"#,
        )],
    ),
    more("by", "Beside `find`: the member that is compared.", &[]),
    more("key", "Beside `find`: the place it is compared with.", &[]),
    makes(
        "group",
        "An object of lists: `by` is the place of the key, `value` of what is collected. Encode.",
        &[encoded(
            "lines: { at: $.messages, group: { by: $.kind, value: $.text } }",
            r#"{"messages":[{"kind":"note","text":"a"},{"kind":"note","text":"b"}]}"#,
        )],
    ),
    makes(
        "join",
        "Texts of a list in one, with this between them; of objects the member `value`. Encode.",
        &[
            encoded("labels: { at: $.labels, join: \", \" }", r#"{"labels":["a","b"]}"#),
            encoded(
                "lines: { at: $.messages, value: text, join: \" / \" }",
                r#"{"messages":[{"text":"a"},{"text":"b"}]}"#,
            ),
        ],
    ),
    more("value", "Beside `join`: the member that is joined.", &[]),
    makes(
        "raw",
        "A subtree byte for byte: `object` (reads `[]` as `{}`), `list` or `any`.",
        &[both("custom: { at: $.custom, raw: object }", r#"{"custom":{"a": [1.10]}}"#)],
    ),
    makes(
        "within",
        "A whole number from 1, however a client sends it; more than `most` is `most`, anything else `otherwise`. Decode.",
        &[
            decoded(
                "size: { at: $.limit, within: { otherwise: 25, most: 100 } }",
                r#"{"size":"500"}"#,
            ),
            decoded(
                "size: { at: $.limit, within: { otherwise: 25, most: 100 } }",
                r#"{"size":"x"}"#,
            ),
        ],
    ),
    more(
        "accept",
        "Further JSON types that are read where text is due; they become text. Decode.",
        &[decoded("subject: { at: $.title, accept: [ integer ] }", r#"{"subject":31}"#)],
    ),
    makes(
        "conditions",
        "A flat list of conditions ↔ a `Filter`, by a table ([conditions](#conditions)).",
        &[both(
            "rules: { at: $.filter, conditions: ticket }",
            r#"{"filter":{"field":"status","cmp":"in","value":["done"]}}"#,
        )],
    ),
    more(
        "null_as",
        "How null is written; what is spelled so is read as null ([presence](#presence)).",
        &[both("owner: { at: $.owner_id, null_as: \"0\" }", r#"{"owner_id":null}"#)],
    ),
    more(
        "also_null",
        "Further spellings that are read as null. Decode.",
        &[decoded("subject: { at: $.title, also_null: [ \"-\" ] }", r#"{"subject":"-"}"#)],
    ),
    more(
        "omit",
        "`when_null`, `when_empty`: there is no key then.",
        &[
            both("owner: { at: $.owner_id, omit: when_null }", r#"{"owner_id":null}"#),
            both("labels: { at: $.labels, omit: when_empty }", r#"{"labels":[]}"#),
        ],
    ),
    more(
        "default",
        "Written for null and for what is absent, and read as itself. Encode.",
        &[encoded("weight: { at: $.priority, default: 0 }", r#"{"priority":null}"#)],
    ),
    more(
        "missing_as",
        "What an absent key is read as. Decode.",
        &[decoded("size: { at: $.limit, missing_as: 25 }", "{}")],
    ),
    more(
        "ignore",
        "Values that are read as if the key were absent. Decode.",
        &[decoded("size: { at: $.limit, ignore: [ 0 ], missing_as: 25 }", r#"{"size":0}"#)],
    ),
    more(
        "required",
        "`true`: without it there is no answer (`not_mappable`); a request without it is refused (422).",
        &[both("subject: { at: $.title, required: true }", r#"{"title":"Help"}"#)],
    ),
    source(
        "drop",
        "Their key is known and nothing is read from it. Decode.",
        &[decoded(
            "subject: $.title\ntracker: { drop: true }",
            r#"{"subject":"Help","tracker":"x"}"#,
        )],
    ),
    more(
        "only",
        "`encode` or `decode`: this line goes one way.",
        &[both(
            "subject: $.title\nheading: { at: $.title, only: encode, why: a second name }",
            r#"{"title":"Help"}"#,
        )],
    ),
    more("why", "Beside `only`: the reason.", &[]),
];
