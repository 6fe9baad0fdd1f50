//! What compiled programs write, run over small documents.

use std::sync::Arc;

use serde_json::Value;

use crate::canonical::Sight;
use crate::canonical::contract::Contract;
use crate::canonical::principal::{Allowed, SightRule, SightTest, Subject};
use crate::mapping::run::{Faults, Scratch, run};
use crate::mapping::{Compiled, Library, Root, RootKind, Scope, Settings};
use crate::syntax::{Diagnostics, Node, Sources};

use super::{contract, file, parse};

/// A shipped dialect, and what is needed to compile more with it.
struct Shipped {
    sources: Sources,
    contract: Arc<Contract>,
    library: Library,
}

impl Shipped {
    fn new(dialect: &str) -> Self {
        let mut sources = Sources::default();
        let contract = contract(&mut sources);
        let records = file(&mut sources, &format!("mappings/{dialect}/records.yaml"));
        let enums = file(&mut sources, &format!("mappings/{dialect}/enums.yaml"));
        let settings = Settings {
            system: dialect.into(),
            numbers_as_text: dialect == "account",
            public: dialect == "public-inbox",
        };
        let mut d = Diagnostics::default();
        let library =
            Library::read(Arc::clone(&contract), settings, &[&records], &[&enums], &mut d);
        Self { sources, contract, library }
    }

    fn spec(&mut self, text: &str) -> Node {
        parse(&mut self.sources, "spec.yaml", text)
    }

    fn schema(&self, name: &str) -> RootKind {
        RootKind::Canonical(self.contract.schema_named(name).unwrap())
    }

    /// Compiles with a call of this crate, which must report nothing.
    fn good<T>(&self, made: impl FnOnce(&Library, &mut Diagnostics) -> Option<T>) -> T {
        let mut d = Diagnostics::default();
        let made = made(&self.library, &mut d);
        assert!(d.is_empty(), "{}", d.render(&self.sources, false));
        made.unwrap()
    }
}

fn scope(roots: &[(&str, RootKind)]) -> Scope {
    let mut all = vec![Root { name: "inputs".into(), kind: RootKind::Inputs, optional: false }];
    all.extend(roots.iter().map(|(name, kind)| Root {
        name: (*name).into(),
        kind: *kind,
        optional: true,
    }));
    Scope { roots: all, alias: None }
}

fn written(compiled: &Compiled, documents: &[&str]) -> Result<String, Vec<String>> {
    let documents: Vec<Option<&[u8]>> =
        documents.iter().map(|d| (!d.is_empty()).then_some(d.as_bytes())).collect();
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    match run(&compiled.program, &documents, &mut scratch, &mut out) {
        Ok(()) => Ok(String::from_utf8(out).unwrap()),
        Err(Faults::Invalid(faults)) => {
            Err(faults.iter().map(|f| format!("{} {} {}", f.field, f.pointer, f.detail)).collect())
        }
        Err(Faults::Malformed(m)) => panic!("{}", m.reason),
    }
}

/// What the contract promises, with `told` laid over it; elements of lists as well.
fn whole(template: &str, told: &str) -> String {
    fn over(template: &Value, told: Value) -> Value {
        match (template, told) {
            (Value::Object(template), Value::Object(told)) => {
                let mut all = template.clone();
                for (name, value) in told {
                    let below = template.get(&name).unwrap_or(&Value::Null);
                    all.insert(name, over(below, value));
                }
                all.into()
            }
            (Value::Array(template), Value::Array(told)) => {
                let first = template.first().unwrap_or(&Value::Null);
                told.into_iter().map(|value| over(first, value)).collect()
            }
            (_, told) => told,
        }
    }
    let path = format!("{}/{template}", env!("CARGO_MANIFEST_DIR"));
    let template = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    over(&template, serde_json::from_str(told).unwrap()).to_string()
}

/// Everything that can be null is.
const BARE: &str = "mappings/canonical/examples/conversation.bare.json";
/// Everything is there.
const FULL: &str = "mappings/canonical/examples/conversation.full.json";

fn sight() -> Sight {
    let words =
        |words: &[&str]| Allowed::Words(words.iter().map(|w| format!("\"{w}\"").into()).collect());
    let test = |member: &str, allowed| SightTest { of: Subject::Member(member.into()), allowed };
    let rule = |schema: &str, tests| SightRule { schema: schema.into(), any: vec![tests] };
    Sight(vec![
        rule(
            "Message",
            vec![
                test("visibility", words(&["public"])),
                test("kind", words(&["incoming", "outgoing", "template"])),
            ],
        ),
        rule("Contact", vec![test("id", Allowed::Principal("contact".into()))]),
    ])
}

/// Who has proved who it is sees what is its person's; anybody else what is its own.
#[test]
fn an_element_is_open_by_any_alternative_and_by_all_of_it() {
    let mut s = Shipped::new("public-inbox");
    let spec = s.spec("{ at: $.data, each: { fields: { n: $.number } } }");
    let scope = scope(&[("", s.schema("ConversationPage"))]);
    let is = |of, allowed| SightTest { of, allowed };
    let same = |member: &str, fact: &str| {
        is(Subject::Member(member.into()), Allowed::Principal(fact.into()))
    };
    let proved = is(Subject::Fact("verified".into()), Allowed::Words(vec!["true".into()]));
    let sight = Sight(vec![SightRule {
        schema: "Conversation".into(),
        any: vec![
            vec![same("contact_identity_id", "identity")],
            vec![proved, same("contact_id", "contact")],
        ],
    }]);
    let made = s.good(|l, d| l.encode(&spec, &scope, Some(&sight), d));
    let list = r#"{"data":[
        {"number":1,"contact_identity_id":"i1","contact_id":"c1"},
        {"number":2,"contact_identity_id":"i2","contact_id":"c1"},
        {"number":3,"contact_identity_id":"i3","contact_id":"c2"},
        {"number":4,"contact_identity_id":"i4","contact_id":null},
        {"number":5,"contact_id":"c1"}]}"#;
    for (verified, open) in [
        ("true", r#"[{"n":1},{"n":2},{"n":5}]"#),
        ("false", r#"[{"n":1}]"#),
        ("null", r#"[{"n":1}]"#),
        (r#""true""#, r#"[{"n":1}]"#),
    ] {
        let inputs =
            format!(r#"{{"principal":{{"identity":"i1","contact":"c1","verified":{verified}}}}}"#);
        assert_eq!(written(&made, &[&inputs, list]).unwrap(), open, "{verified}");
    }
    let nobody = r#"{"principal":{"identity":"i9","contact":null,"verified":true}}"#;
    assert_eq!(written(&made, &[nobody, list]).unwrap(), "[]");
    assert_eq!(written(&made, &[r#"{"principal":{}}"#, list]).unwrap(), "[]");
}

#[test]
fn a_public_thread_holds_what_may_be_seen_and_nothing_else() {
    let mut s = Shipped::new("public-inbox");
    let spec = s.spec("{ record: conversation }");
    let scope = scope(&[("", s.schema("Conversation"))]);
    let sight = sight();
    let made = s.good(|l, d| l.encode(&spec, &scope, Some(&sight), d));
    assert_eq!(
        made.includes.iter().map(|(d, n)| (*d, &**n)).collect::<Vec<_>>(),
        [(1, "contact"), (1, "messages")]
    );
    assert!(made.inputs.iter().any(|(part, name)| (&**part, &**name) == ("principal", "contact")));
    let conversation = r#"{"number":7,"uuid":"u","status":"closed","contact_last_seen_at":null,
        "contact":{"id":"con_1","number":3,"phone_number":"+49","context":{"a":1.10}},
        "messages":[
          {"number":1,"kind":"note","visibility":"internal","body":{"text":"secret"}},
          {"number":2,"kind":"activity","visibility":"public","body":{"text":"moved"}},
          {"number":4,"kind":"incoming","visibility":"public","conversation_number":7,"in_reply_to_number":null,"body":{"text":"hi"},
           "created_at":"2024-05-11T14:28:49Z","author":{"type":"contact","number":3,"name":"Ada"},
           "blocks":[{"type":"image","attachment_id":"att_9"}],
           "attachments":[{"id":"att_8"},{"id":"att_9","number":9,"file_name":"a.PNG","kind":"image"}]}]}"#;
    let inputs = r#"{"principal":{"contact":"con_1"}}"#;
    let conversation = &whole(FULL, conversation);
    let json = written(&made, &[inputs, conversation]).unwrap();
    assert!(!json.contains("secret") && !json.contains("moved"), "{json}");
    assert!(
        json.starts_with(
            r#"{"id":7,"uuid":"u","inbox_id":1,"contact_last_seen_at":0,"status":"resolved""#
        ),
        "{json}"
    );
    assert!(json.contains(r#""message_type":0,"content_type":"text","content_attributes":{},"created_at":1715437729"#), "{json}");
    assert!(
        json.contains(r#""extension":"png""#) && json.contains(r#""file_type":"image""#),
        "{json}"
    );
    assert!(json.contains(r#""phone_number":"+49""#) && json.contains(r#""a":1.1}"#), "{json}");
    // Somebody else's contact is not shown, wherever it is read.
    let json = written(&made, &[r#"{"principal":{"contact":"con_2"}}"#, conversation]).unwrap();
    assert!(json.contains(r#""sender":null"#) && json.contains(r#""contact":null"#), "{json}");
}

#[test]
fn what_the_contract_promises_and_a_backend_leaves_out_is_no_empty_value() {
    let mut s = Shipped::new("account");
    let spec = s.spec("{ record: conversation }");
    let scope = scope(&[("", s.schema("Conversation"))]);
    let made = s.good(|l, d| l.encode(&spec, &scope, None, d));
    let with = |pointer: &str, member: Option<Value>| {
        let mut body: Value = serde_json::from_str(&whole(FULL, "{}")).unwrap();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match member {
            Some(member) => parent.insert(name.into(), member),
            None => parent.remove(name),
        };
        written(&made, &["{}", &body.to_string()])
    };
    for pointer in ["/status", "/custom_attributes"] {
        for member in [None, Some(Value::Null)] {
            let faults = with(pointer, member).unwrap_err();
            let fault = format!("{pointer} is missing, and the contract promises it");
            assert!(faults.iter().any(|f| f.ends_with(&fault)), "{pointer}: {faults:?}");
        }
    }
    // What may be null may be left out, and so may what is embedded in it.
    for pointer in ["/number", "/contact/email", "/assignee", "/contact"] {
        assert_eq!(with(pointer, None), with(pointer, Some(Value::Null)), "{pointer}");
        with(pointer, None).unwrap();
    }
}

#[test]
fn a_body_of_a_message_is_decoded_and_its_faults_are_the_clients() {
    let mut s = Shipped::new("account");
    let spec = s.spec("{ record: message_create }");
    let scope = scope(&[("request", RootKind::Request)]);
    let target = s.contract.schema_named("MessageCreate").unwrap();
    let made = s.good(|l, d| l.decode(&spec, &scope, target, false, d));
    let body = |json: &str| written(&made, &[r#"{"principal":{"agent":"agt_1"}}"#, json]);
    let made = body(
        r#"{"content":"hi","private":true,"echo_id":"e1","content_attributes":{"in_reply_to":12}}"#,
    )
    .unwrap();
    assert!(
        made.contains(r#""kind":"note""#) && made.contains(r#""in_reply_to_id":"n:12""#),
        "{made}"
    );
    assert!(made.contains(r#""text":"hi""#) && !made.contains("blocks"), "{made}");
    let made = body(r#"{"content":"?","content_type":"input_select","content_attributes":{"items":[{"title":"A","value":"a"}]}}"#).unwrap();
    assert!(
        made.contains(r#""blocks":[{"type":"choices","items":[{"value":"a","title":"A"}]}]"#),
        "{made}"
    );
    let faults = body(r#"{"content":5,"content_type":"input_select","content_attributes":{"items":[{"title":"A"}]}}"#).unwrap_err();
    assert_eq!(
        faults,
        [
            "content /content must be text, not a whole number",
            "content_attributes.items.value /content_attributes/items/0/value is required"
        ]
    );
    let faults = body(r#"{"content_type":"dance"}"#).unwrap_err();
    assert!(faults[0].starts_with("content_type /content_type must be one of"), "{faults:?}");
}

#[test]
fn a_patch_writes_what_it_names_and_keeps_the_word_it_came_in() {
    let mut s = Shipped::new("third-party");
    let spec = s.spec("{ record: conversation_update }");
    let scope = scope(&[("request", RootKind::Request)]);
    let target = s.contract.schema_named("ConversationUpdate").unwrap();
    let made = s.good(|l, d| l.decode(&spec, &scope, target, true, d));
    let body = |json: &str| written(&made, &["{}", json]);
    assert_eq!(
        body(r#"{"status":"to-do"}"#).unwrap(),
        r#"{"status":"open","status_raw":{"system":"third-party","value":"to-do"}}"#
    );
    assert_eq!(body(r#"{"user_id":null}"#).unwrap(), r#"{"assignee_id":null}"#);
    assert_eq!(body(r#"{"user_id":31}"#).unwrap(), r#"{"assignee_id":"n:31"}"#);
    assert_eq!(body("{}").unwrap(), "{}");
    assert_eq!(
        body(r#"{"status":"on-fire"}"#).unwrap_err(),
        ["status /status must be one of \"done\", \"to-do\", \"in-progress\""]
    );
    assert_eq!(body(r#"{"status":null}"#).unwrap_err(), ["status /status must be text, not null"]);
}

#[test]
fn a_relation_gives_the_raw_word_back_while_it_still_reads_the_same() {
    let mut s = Shipped::new("third-party");
    let spec = s.spec("{ record: conversation }");
    let scope = scope(&[("", s.schema("Conversation"))]);
    let made = s.good(|l, d| l.encode(&spec, &scope, None, d));
    let status = |json: &str| {
        let all = written(&made, &["{}", &whole(BARE, json)]).unwrap();
        let from = all.find("\"status\":").unwrap();
        all[from..].split(",\"agent\"").next().unwrap().to_owned()
    };
    let raw = r#""status_raw":{"system":"third-party","value":"to-do"}"#;
    assert_eq!(
        status(&format!(r#"{{"status":"open","snooze":null,"assignee_id":"agt_1",{raw}}}"#)),
        r#""status":"to-do","snooze_until":null"#
    );
    assert_eq!(
        status(r#"{"status":"open","snooze":null,"assignee_id":"agt_1"}"#),
        r#""status":"in-progress","snooze_until":null"#
    );
    assert_eq!(
        status(&format!(r#"{{"status":"resolved","snooze":null,{raw}}}"#)),
        r#""status":"done","snooze_until":null"#
    );
    assert_eq!(
        status(r#"{"status":"snoozed","snooze":{"until":"2024-05-11T14:28:49.5Z"}}"#),
        r#""status":"to-do","snooze_until":"2024-05-11T14:28:49Z""#
    );
    // Somebody else's word means nothing here.
    let foreign = r#""status_raw":{"system":"other","value":"to-do"}"#;
    assert_eq!(
        status(&format!(r#"{{"status":"open","snooze":null,"assignee_id":"a",{foreign}}}"#)),
        r#""status":"in-progress","snooze_until":null"#
    );
}

#[test]
fn arguments_bodies_conditions_and_facts_are_programs_too() {
    let mut s = Shipped::new("account");
    let scope = scope(&[
        ("request", RootKind::Request),
        ("body", s.schema("ConversationUpdate")),
        ("now", s.schema("Conversation")),
    ]);
    let operation = s.contract.get(s.contract.operation("conversations.get").unwrap());
    let schema =
        |name: &str| operation.parameters.iter().find(|p| &*p.name == name).unwrap().schema;
    let (id, limit) = (schema("conversation_id"), schema("messages_limit"));
    let spec = s.spec("[ { at: $path.number, as: alias }, { at: $query.limit, missing_as: 20 }, $header.If_Match ]");
    let items: Vec<_> = spec.as_list().unwrap().iter().map(Some).zip([id, limit, id]).collect();
    let made = s.good(|l, d| l.tuple(&items, &scope, d));
    assert_eq!(
        written(&made, &[r#"{"path":{"number":5},"query":{"limit":"7"}}"#]).unwrap(),
        r#"["n:5",7,null]"#
    );
    assert_eq!(written(&made, &[r#"{"path":{"number":"5"}}"#]).unwrap(), r#"["n:5",20,null]"#);
    assert_eq!(
        written(&made, &[r#"{"path":{"number":5},"query":{"limit":"x"}}"#]).unwrap_err(),
        ["limit /query/limit must be a whole number, not text"]
    );
    let inputs: Vec<_> = made.inputs.iter().map(|(p, n)| format!("{p}.{n}")).collect();
    assert_eq!(inputs, ["header.if_match", "path.number", "query.limit"]);

    let target = s.contract.schema_named("ConversationUpdate").unwrap();
    let spec = s.spec("{ status: { first_of: [ $body.status, { at: $now.status, enum: flipped } ] }, snooze: { const: null } }");
    let made = s.good(|l, d| l.compose(&spec, &scope, target, true, d));
    assert_eq!(
        written(&made, &["{}", "", "{}", r#"{"status":"open"}"#]).unwrap(),
        r#"{"status":"resolved","snooze":null}"#
    );
    assert_eq!(
        written(&made, &["{}", "", r#"{"status":"pending"}"#, ""]).unwrap(),
        r#"{"status":"pending","snooze":null}"#
    );
    let spec = s.spec("$body");
    let made = s.good(|l, d| l.compose(&spec, &scope, target, true, d));
    assert_eq!(written(&made, &["{}", "", r#"{"muted":true}"#]).unwrap(), r#"{"muted":true}"#);

    let spec = s.spec("{ $body.status: absent, $now.status: [ open, pending ] }");
    let made = s.good(|l, d| l.condition(&spec, &scope, d));
    assert_eq!(written(&made, &["{}", "", "{}", r#"{"status":"open"}"#]).unwrap(), "true");
    assert_eq!(
        written(&made, &["{}", "", r#"{"status":"open"}"#, r#"{"status":"open"}"#]).unwrap(),
        "false"
    );

    let spec = s.spec("{ kind: agent, account: $path.account, verified: $now.muted }");
    let made = s.good(|l, d| l.facts(&spec, &scope, d));
    assert_eq!(
        written(&made, &[r#"{"path":{"account":"1"}}"#]).unwrap(),
        r#"{"kind":"agent","account":"1"}"#
    );

    let spec = s.spec("$now.contact.name");
    let made = s.good(|l, d| l.pick(&spec, &scope, d));
    assert_eq!(
        written(&made, &["{}", "", "", r#"{"contact":{"name":"Ada"}}"#]).unwrap(),
        r#""Ada""#
    );
    assert_eq!(made.includes, [(3, "contact".into())]);
}

#[test]
fn an_answer_is_read_back_to_a_valid_object_that_encodes_to_the_same() {
    let s = Shipped::new("third-party");
    let (encode, decode) = ("conversation", true);
    let back = s.library.program(encode, decode).expect("two-way");
    let forth = s.library.program(encode, false).unwrap();
    let theirs = r#"{"id":5,"created_at":"2024-05-11T14:28:49Z","channel":"whatsapp","status":"to-do","snooze_until":null,"agent":null,"customer":null,"user":{"id":3,"name":"Ada","email":"a@b.c","roles":[],"permissions":[],"created_at":null,"updated_at":null},"unread_customer_messages_count":2,"reply_until":null,"reply_possible":true,"customer_interaction_required":false}"#;
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    run(&back, &[Some(theirs.as_bytes())], &mut scratch, &mut out).unwrap();
    let canonical = String::from_utf8(out.clone()).unwrap();
    assert!(
        canonical
            .contains(r#""status":"open","status_raw":{"system":"third-party","value":"to-do"}"#),
        "{canonical}"
    );
    assert!(
        canonical.contains(r#""snooze":null"#) && canonical.contains(r#""state":"active""#),
        "{canonical}"
    );
    assert!(!canonical.contains("contact_identity\":"), "{canonical}");
    let mut again = Vec::new();
    run(&forth, &[Some(out.as_slice())], &mut scratch, &mut again).unwrap();
    let again = String::from_utf8(again).unwrap();
    assert!(
        again.contains(r#""status":"to-do""#) || again.contains(r#""status":"in-progress""#),
        "{again}"
    );
    assert!(
        again.contains(r#""channel":"whatsapp""#) && again.contains(r#""customer":null"#),
        "{again}"
    );
}

#[test]
fn an_element_that_is_null_is_refused_in_a_body_and_left_out_of_an_answer() {
    let mut s = Shipped::new("account");
    let spec = s.spec("{ record: message_create }");
    let scope = scope(&[("request", RootKind::Request)]);
    let target = s.contract.schema_named("MessageCreate").unwrap();
    let made = s.good(|l, d| l.decode(&spec, &scope, target, false, d));
    let body = r#"{"content_type":"input_select","content_attributes":{"items":[null]}}"#;
    assert_eq!(
        written(&made, &["{}", body]).unwrap_err(),
        ["content_attributes.items /content_attributes/items/0 is required"]
    );
    let back = s.library.program("form_field", true).unwrap();
    let theirs = r#"{"type":"text","name":"a","options":[null,{"label":"l","value":"v"}]}"#;
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    run(&back, &[Some(theirs.as_bytes())], &mut scratch, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(r#""options":[{"value":"v","label":"l"}]"#), "{out}");
}

#[test]
fn an_answer_without_what_the_contract_requires_is_refused() {
    let read = |dialect: &str, record: &str, theirs: &str| {
        let s = Shipped::new(dialect);
        let program = s.library.program(record, true).unwrap();
        let mut out = Vec::new();
        match run(&program, &[Some(theirs.as_bytes())], &mut Scratch::default(), &mut out) {
            Ok(()) => String::from_utf8(out).unwrap(),
            Err(faults) => faults.to_string(),
        }
    };
    // Nothing is made up in place of an author.
    let message = r#"{"message_type":0,"content":"hi"}"#;
    assert!(read("public-inbox", "message", message).contains(r#""author":{"type":"system""#));
    let message = r#"{"message_type":"incoming","private":false,"content":"hi"}"#;
    assert_eq!(read("account", "message", message), "sender (/sender) is required");
    // A channel with an address has a type; one with nothing is none.
    let line = |rest: &str| {
        read("third-party", "line", &format!(r#"{{"id":1,"name":"a",{rest},"in_sync":true}}"#))
    };
    assert_eq!(line(r#""channel":null,"display_id":"+49""#), "channel (/channel) is required");
    assert!(line(r#""channel":null,"display_id":null"#).contains(r#""channels":[]"#));
    // What was never asked for is not read back as empty.
    let conversation =
        r#"{"id":1,"uuid":"0f6d9c0e-1c5a-4c53-8d5e-5b8d1f1f7a10","status":"open","messages":null}"#;
    assert!(!read("public-inbox", "conversation", conversation).contains("messages"));
}

#[test]
fn what_nothing_uses_is_told_as_a_warning() {
    let mut s = Shipped::new("account");
    let mut d = Diagnostics::default();
    s.library.check(&mut d);
    let spec = s.spec("{ record: problem }");
    let scope = scope(&[("", s.schema("Problem"))]);
    s.good(|l, d| l.encode(&spec, &scope, None, d));
    s.library.report_unused(&mut d);
    assert!(!d.has_errors());
    let unused: Vec<&str> = d.iter().map(|d| d.message.as_str()).collect();
    assert!(unused.contains(&"nothing uses the record `conversation`"), "{unused:?}");
    assert!(!unused.iter().any(|m| m.contains("problem")), "{unused:?}");
}
