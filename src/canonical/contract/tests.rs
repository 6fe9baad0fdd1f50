use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use super::*;
use crate::canonical::ProblemCode;
use crate::syntax::{Diagnostics, Sources, yaml};

const DOCUMENT: &str = include_str!("../../../mappings/canonical/openapi.yaml");

/// The contract as it stands, for the tests of every room.
pub(crate) fn embedded() -> Arc<Contract> {
    static READ: LazyLock<Arc<Contract>> =
        LazyLock::new(|| read(DOCUMENT).unwrap_or_else(|problems| panic!("{problems}")).into());
    Arc::clone(&READ)
}

fn read(text: &str) -> Result<Contract, String> {
    let mut sources = Sources::default();
    let id = sources.add("openapi.yaml", text);
    let node =
        yaml::parse(&sources, id, yaml::CONTRACT_NODES).map_err(|d| d.render(&sources, false))?;
    let mut diagnostics = Diagnostics::default();
    let contract = Contract::load(&sources, &node, &mut diagnostics);
    match contract {
        Some(contract) if diagnostics.is_empty() => Ok(contract),
        _ => Err(diagnostics.render(&sources, false)),
    }
}

#[test]
fn the_contract_loads_and_lists_what_is_served() {
    let contract = embedded();
    let names: Vec<&str> = contract.operations().iter().map(|o| &*o.name).collect();
    let due = "
        accounts.create accounts.get accounts.update accounts.delete
        account_users.list account_users.create account_users.delete
        users.create users.get users.update users.delete users.sso_link
        logins.get logins.create
        platform_bots.list platform_bots.create platform_bots.get platform_bots.update
        platform_bots.delete
        resolve.inbox resolve.conversation
        contacts.list contacts.create contacts.search contacts.get contacts.update
        contacts.delete contacts.merge contacts.labels.list contacts.labels.replace
        identities.list identities.create
        contact_activities.list contact_activities.get
        identities.find identities.get identities.update
        conversations.list conversations.create conversations.search conversations.counts
        messages.search
        conversations.get conversations.update conversations.delete
        conversations.labels.list conversations.labels.replace conversations.labels.change
        conversations.typing conversations.seen conversations.reporting_events
        conversations.restart conversations.parse_text
        messages.list messages.create messages.get messages.update messages.delete
        messages.resend messages.errors.list messages.errors.get messages.reactions.set
        notes.list notes.create notes.get notes.update notes.delete
        inboxes.list inboxes.create inboxes.get inboxes.update inboxes.delete
        inboxes.members.list inboxes.members.replace inboxes.members.change
        channel_templates.list channel_templates.create channel_templates.get
        channel_usage.get
        agents.list agents.create agents.get agents.update agents.delete
        profile.get profile.update profile.login_link
        teams.list teams.create teams.get teams.update teams.delete teams.members.list
        teams.members.replace teams.members.change
        labels.list labels.create labels.get labels.update labels.delete
        bots.list bots.create bots.get bots.update bots.delete
        canned_responses.list canned_responses.create canned_responses.get
        canned_responses.update canned_responses.delete
        custom_attributes.list custom_attributes.create custom_attributes.get
        custom_attributes.update custom_attributes.delete
        filters.list filters.create filters.get filters.update filters.delete
        webhooks.list webhooks.create webhooks.get webhooks.update webhooks.delete
        automations.list automations.create automations.get automations.update
        automations.delete
        csat.list csat.request csat.get csat.submit
        reports.series reports.summary reports.conversations reports.agents
        portals.list portals.create portals.get portals.update
        categories.create
        articles.create
        integrations.apps.list integrations.hooks.create integrations.hooks.update
        integrations.hooks.delete
        settings.get settings.update
        metrics.get
        attachments.upload attachments.content
    ";
    assert_eq!(names, due.split_whitespace().collect::<Vec<_>>());
    assert_eq!(contract.digest().len(), 64);
}

#[test]
fn problem_codes_are_those_of_the_program() {
    let contract = embedded();
    let problem = contract.schema_named("Problem").unwrap();
    let code = contract.property(problem, "code").unwrap();
    let words: Vec<&str> = contract.words(code.schema).iter().map(|w| &**w).collect();
    let mut codes: Vec<&str> = ProblemCode::ALL.iter().map(|c| c.word()).collect();
    let mut sorted = words.clone();
    sorted.sort_unstable();
    codes.sort_unstable();
    assert_eq!(sorted, codes);
}

#[test]
fn an_operation_says_everything_about_itself() {
    let contract = embedded();
    let get = contract.get(contract.operation("conversations.get").unwrap());
    assert_eq!((&*get.method, get.status, get.safe, get.public), ("GET", 200, true, false));
    let names: Vec<&str> = get.parameters.iter().map(|p| &*p.name).collect();
    assert_eq!(
        names,
        ["account_id", "conversation_id", "include", "messages_limit", "messages_visibility"]
    );
    let include = &get.parameters[usize::from(get.parameter("include").unwrap())];
    assert!(include.list && !include.explode && !include.required);
    assert_eq!(get.parameters[3].default.as_deref(), Some("100"));
    assert_eq!(get.parameters_in(Location::Path).map(|(n, _)| n).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(get.cache.ttl, Some(Duration::from_secs(15)));
    let windows = (get.cache.stale_while_revalidate, get.cache.stale_if_error);
    assert_eq!(windows, (Duration::from_secs(15), Duration::from_secs(300)));
    assert!(get.cache.widen && !get.cache.per_actor);
    let text = |t: &str| TagPart::Text(t.into());
    let answer = |members: &[&str]| TagPart::Answer(members.iter().map(|m| (*m).into()).collect());
    assert_eq!(get.cache.tags[0].0, [text("conv:"), TagPart::Parameter(1)]);
    assert_eq!(get.cache.tags[2].0, [text("conv:n:"), answer(&["number"])]);
    assert!(
        get.cache
            .tags
            .iter()
            .any(|t| { t.0 == [text("actor:"), answer(&["messages", "*", "author", "id"])] })
    );

    let update = contract.get(contract.operation("conversations.update").unwrap());
    let body = update.body.as_ref().unwrap();
    assert!(body.patch && body.required && !update.safe && update.cache.ttl.is_none());
    assert_eq!(contract.schema(body.schema).name.as_deref(), Some("ConversationUpdate"));
    assert_eq!(contract.schema(update.answer.unwrap()).name.as_deref(), Some("Conversation"));

    let content = contract.get(contract.operation("attachments.content").unwrap());
    assert!(content.public && content.binary && content.answer.is_none());
    let find = contract.get(contract.operation("identities.find").unwrap());
    assert_eq!(find.cache.non_empty.as_deref(), Some("data"));
}

#[test]
fn schemas_are_flattened_and_nullable_ones_keep_their_name() {
    let contract = embedded();
    let conversation = contract.schema_named("Conversation").unwrap();
    let id = contract.property(conversation, "id").unwrap();
    assert!(id.gateway && id.required);
    let Kind::Object { additional, properties, .. } = &contract.schema(conversation).kind else {
        panic!("a conversation is an object")
    };
    assert_eq!(*additional, Additional::Refused);
    assert_eq!(&*properties[0].name, "id");
    let assignee = contract.property(conversation, "assignee").unwrap();
    assert_eq!(assignee.include.as_deref(), Some("assignee"));
    assert_eq!(assignee.reference.as_deref(), Some("assignee_id"));
    let agent = contract.schema(assignee.schema);
    assert!(agent.nullable && agent.name.as_deref() == Some("Agent"));
    assert!(contract.property(assignee.schema, "email").is_some());
    assert!(!contract.schema(contract.schema_named("Agent").unwrap()).nullable);

    let block = contract.schema_named("Block").unwrap();
    let media = contract.alternative(block, "sticker").unwrap();
    assert_eq!(contract.schema(media).name.as_deref(), Some("MediaBlock"));
    assert_eq!(contract.alternative(block, "stickers"), None);
    let text = contract.alternative(block, "text").unwrap();
    assert_eq!(contract.discriminators(text), [Box::from("text")]);
}

#[test]
fn foreign_ids_give_something_harmless() {
    let contract = embedded();
    assert!(contract.get(OperationId(999)).parameters.is_empty());
    assert!(matches!(contract.schema(SchemaId(99_999)).kind, Kind::Any(_)));
    assert_eq!(contract.property(SchemaId(99_999), "id").map(|p| p.required), None);
}

fn reach(contract: &Contract, id: SchemaId, seen: &mut BTreeSet<SchemaId>) {
    if !seen.insert(id) {
        return;
    }
    match &contract.schema(id).kind {
        Kind::List { items, .. } => reach(contract, *items, seen),
        Kind::Object { properties, additional, .. } => {
            properties.iter().for_each(|p| reach(contract, p.schema, seen));
            if let Additional::Typed(id) = additional {
                reach(contract, *id, seen);
            }
        }
        Kind::Union(of) | Kind::Any(of) => of.iter().for_each(|id| reach(contract, *id, seen)),
        _ => {}
    }
}

/// The resources an answer is made of: itself, and the elements of a page.
fn tops(contract: &Contract, answer: SchemaId) -> Vec<SchemaId> {
    let mut tops = vec![answer];
    if let Some(data) = contract.property(answer, "data")
        && let Kind::List { items, .. } = contract.schema(data.schema).kind
    {
        tops.push(items);
    }
    tops
}

/// What is embedded in the resources, and in what is embedded there.
fn embedded_names(contract: &Contract, of: Vec<SchemaId>) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = of;
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        for property in contract.properties(id) {
            let Some(name) = &property.include else { continue };
            names.insert(&**name);
            open.push(match contract.schema(property.schema).kind {
                Kind::List { items, .. } => items,
                _ => property.schema,
            });
        }
    }
    names
}

#[test]
fn every_embedded_property_can_be_asked_for() {
    let contract = embedded();
    let mut askable: BTreeMap<SchemaId, BTreeSet<&str>> = BTreeMap::new();
    for operation in contract.operations() {
        let Some(answer) = operation.answer else { continue };
        let include = operation.parameters.iter().find(|p| &*p.name == "include");
        let words = include.map_or(&[][..], |p| match contract.schema(p.schema).kind {
            Kind::List { items, .. } => contract.words(items),
            _ => &[],
        });
        let tops = tops(&contract, answer);
        for id in &tops {
            askable.entry(*id).or_default().extend(words.iter().map(|w| &**w));
        }
        let names = embedded_names(&contract, tops);
        for word in words {
            assert!(names.contains(&**word), "{}: nothing is embedded for {word}", operation.name);
        }
    }
    for (id, words) in askable {
        for property in contract.properties(id) {
            if let Some(name) = &property.include {
                let of = contract.schema(id).name.as_deref();
                assert!(words.contains(&**name), "{of:?}: no operation has include={name}");
            }
        }
    }
}

#[test]
fn every_schema_is_used() {
    let contract = embedded();
    let mut seen = BTreeSet::new();
    for operation in contract.operations() {
        let roots = operation.answer.into_iter().chain(operation.body.iter().map(|b| b.schema));
        for id in roots.chain(operation.parameters.iter().map(|p| p.schema)) {
            reach(&contract, id, &mut seen);
        }
    }
    reach(&contract, contract.schema_named("Problem").unwrap(), &mut seen);
    let named: BTreeSet<&str> =
        seen.iter().filter_map(|id| contract.schema(*id).name.as_deref()).collect();
    let unused: Vec<&str> = contract
        .schema_names()
        // A nullable copy is a use of what it copies; what stands only in `allOf` is no type.
        .filter(|name| !named.contains(name) && !named.contains(&*format!("Nullable{name}")))
        .filter(|name| *name != "Resource" && !name.ends_with("Fields"))
        .collect();
    assert_eq!(unused, Vec::<&str>::new());
}

#[test]
fn alternatives_without_a_type_are_told_apart_by_their_own_members() {
    let contract = embedded();
    let filter = contract.schema_named("Filter").unwrap();
    let of = |name: &'static str| {
        let found = contract.schemas().alternative_with(filter, std::iter::once(name.into()));
        found.and_then(|id| contract.schema(id).name.as_deref())
    };
    assert_eq!(of("op"), Some("FilterGroup"));
    assert_eq!(of("cmp"), Some("FilterField"));
    // Nothing is told by what is not required, or by what no alternative has.
    assert_eq!((of("value"), of("where")), (None, None));
    // A default that stands in the schema a parameter refers to is the parameter's.
    let list = contract.get(contract.operation("conversations.list").unwrap());
    let sort = &list.parameters[usize::from(list.parameter("sort").unwrap())];
    assert_eq!(sort.default.as_deref(), Some("-last_activity_at"));
}

/// Numbers beside references: whatever has `x_id` has `x_number`, unless nothing numbers it.
#[test]
fn references_have_their_number_beside_them() {
    let contract = embedded();
    let without = [
        "csat_id",
        "provider_id",
        "attachment_id",
        "recording_attachment_id",
        "request_id",
        "source_id",
        "content_id",
    ];
    // A request names by the id alone.
    let requests = ["Create", "Update", "Merge", "Mark", "Fields", "Request", "Query"];
    let answers = |name: &&str| !requests.iter().any(|end| name.ends_with(end));
    for name in contract.schema_names().filter(answers) {
        let properties = contract.properties(contract.schema_named(name).unwrap());
        for property in properties {
            if let Some(stem) = property.name.strip_suffix("_id")
                && !without.contains(&&*property.name)
                && name != "EmailHeaders"
            {
                let number = format!("{stem}_number");
                assert!(properties.iter().any(|p| *p.name == *number), "{name}.{number}");
            }
        }
    }
}

#[test]
fn a_broken_document_is_explained() {
    let cases = [
        (
            "$ref: '#/components/schemas/Snooze'",
            "$ref: '#/components/schemas/Snoze'",
            "E0202",
            "did you mean `Snooze`?",
        ),
        (
            "$ref: '#/components/parameters/cursor'",
            "$ref: '#/components/parameters/cursr'",
            "E0202",
            "did you mean `cursor`?",
        ),
        (
            "$ref: '#/components/schemas/Snooze'",
            "$ref: 'other.yaml#/Snooze'",
            "E0202",
            "references to other files",
        ),
        ("conv:{conversation_id}", "conv:{conversation}", "E0306", "no parameter `conversation`"),
        ("conv:n:{$.number}", "conv:n:{$.nubmer}", "E0302", "did you mean `number`?"),
        ("{$.messages[*].author.id}", "{$.messages.author.id}", "E0302", "no `author` there"),
        ("{$.messages[*].author.id}", "{$.messages[0].author.id}", "E0301", "never one"),
        ("non_empty: data", "non_empty: dat", "E0302", "did you mean `data`?"),
        ("ttl: 60s", "ttl: 60", "E0201", "time to live"),
        ("stale_if_error: 5m", "stale_if_error: 5d", "E0201", "how long an old answer"),
        ("scope: object\n        ttl: 60s", "ttl: 60s", "E0104", "`scope`"),
        ("widen: true", "wide: true", "E0103", "did you mean `widen`?"),
        ("{list: messages, when: 0", "{list: mesages, when: 0", "E0201", "no such list"),
        ("{list: messages, when: 0", "{list: messages, wen: 0", "E0103", "did you mean `when`?"),
        (
            "operation: messages.list, path",
            "operation: messages.lst, path",
            "E0201",
            "`messages.lst`",
        ),
        (
            "operation: messages.list, path",
            "operation: contacts.list, path",
            "E0201",
            "does not list what `messages` holds",
        ),
        ("{conversation_id: id}}", "{conversation_id: ident}}", "E0201", "no `ident`"),
        ("{conversation_id: id}}", "{conversation: id}}", "E0201", "nothing gives"),
        ("x-ref: assignee_id", "x-ref: asignee_id", "E0302", "did you mean `assignee_id`?"),
        ("x-include: team", "x-inclued: team", "E0103", "did you mean `x-include`?"),
        ("required: [system, id]", "required: [sytem, id]", "E0302", "did you mean `system`?"),
        ("operationId: messages.create", "operationId: messages.list", "E0201", "two operations"),
        ("type: {const: call}", "type: {const: link}", "E0201", "two alternatives"),
        ("type: {const: call}", "type: {type: string}", "E0201", "listed values"),
        (
            "enum: [online, busy, offline, null]",
            "enum: [online, busy, offline]",
            "E0201",
            "disagree about null",
        ),
        (
            "minLength: 1\n      maxLength: 64",
            "minLenght: 1\n      maxLength: 64",
            "E0103",
            "did you mean `minLength`?",
        ),
        (
            "type: [string, 'null'], maxLength: 1000",
            "type: [strng, 'null'], maxLength: 1000",
            "E0107",
            "did you mean `string`?",
        ),
        ("{identifier}:", "{identifer}:", "E0504", "{identifer}"),
        ("required: [field, cmp]", "minProperties: 1", "E0201", "no other alternative knows"),
        ("pattern: '^[A-Za-z0-9_-]{1,255}$'", "pattern: '^[A-Za-z'", "E0201", "regular expression"),
        ("openapi: 3.1.0", "openapi: 3.0.3", "E0201", "3.1"),
        ("kind: label,", "kind: Label,", "E0201", "small letters"),
        ("kind: label,", "kind: team,", "E0201", "two schemas are of the kind"),
        ("unique: [name]", "unique: [nmae]", "E0302", "did you mean `name`?"),
        ("owner: owner_id", "owner: owner_di", "E0302", "did you mean `owner_id`?"),
        ("members: agent.team_ids", "members: agnt.team_ids", "E0302", "did you mean `agent`?"),
        ("members: agent.team_ids", "members: agent", "E0201", "a kind and its list"),
        ("named: slug", "named: slgu", "E0302", "did you mean `slug`?"),
        ("parent: portal_id", "parent: portal_slug", "E0201", "has no `x-names` by id"),
        ("x-counts: category", "x-counts: categry", "E0302", "did you mean `category`?"),
        ("x-counts: category", "x-counts: portal", "E0302", "has no `parent`"),
        ("only: {status: draft}", "only: {state: draft}", "E0302", "no member `state`"),
        ("only: {locale: $.code}", "only: {locale: $.cod}", "E0302", "did you mean `code`?"),
        ("unless_only: [availability,", "unless_only: [presence,", "E0302", "no member `presence`"),
        ("x-names: label.name", "x-names: label.title", "E0302", "no member `title`"),
        ("x-names: team}", "x-names: temas}", "E0302", "no schema is of the kind `temas`"),
        (
            "    Members:\n      type: object\n",
            "    Members:\n      type: object\n      x-stored: {kind: x}\n",
            "E0104",
            "`operations`",
        ),
        (
            "        data: {type: array",
            "        data: {x-stored: {kind: x}, type: array",
            "E0103",
            "only on a named schema",
        ),
        (
            "      required: [type, url]\n      additionalProperties: false",
            "      required: [type, url]\n      x-ref: url\n      additionalProperties: false",
            "E0103",
            "only on a property",
        ),
    ];
    for (from, to, code, words) in cases {
        let text = DOCUMENT.replacen(from, to, 1);
        assert_ne!(text, DOCUMENT, "{from}");
        let problems = read(&text).err().unwrap_or_else(|| panic!("{from} → {to} loads"));
        assert!(problems.contains(code) && problems.contains(words), "{from} → {to}:\n{problems}");
    }
}
