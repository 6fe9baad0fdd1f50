use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::query::Order;
use crate::sandbox::query::field::Kind;

/// Single conditions and whom of [`people`] each finds.
fn single() -> Vec<(&'static str, &'static str, Value, Vec<i64>)> {
    vec![
        ("name", "eq", json!("ánna übel"), vec![1]),
        ("name", "ne", json!("ÁNNA ÜBEL"), vec![2, 3]),
        ("name", "eq", Value::Null, vec![3]),
        ("name", "ne", Value::Null, vec![1, 2]),
        ("name", "in", json!(["bob 50%_", null]), vec![2, 3]),
        ("name", "in", json!([]), vec![]),
        ("name", "not_in", json!(["bob 50%_", null]), vec![1]),
        ("name", "contains", json!("NNA Ü"), vec![1]),
        ("name", "contains", json!("0%_"), vec![2]),
        ("name", "contains", json!("%"), vec![2]),
        ("name", "contains", json!(["übel", "bob"]), vec![1, 2]),
        ("name", "not_contains", json!(["übel", "nobody"]), vec![2, 3]),
        ("name", "starts_with", json!("án"), vec![1]),
        ("name", "starts_with", json!("nna"), vec![]),
        ("name", "is_null", Value::Null, vec![3]),
        ("name", "is_not_null", json!([]), vec![1, 2]),
        ("identifier", "eq", json!("X'); drop table contact; --"), vec![3]),
        ("blocked", "eq", json!(true), vec![1]),
        ("blocked", "eq", json!(false), vec![2, 3]),
        ("contact_type", "eq", json!("lead"), vec![1]),
        ("contact_type", "not_in", json!(["lead"]), vec![2, 3]),
        ("labels", "contains", json!("vip"), vec![1]),
        ("labels", "contains", json!("vi"), vec![]),
        ("labels", "in", json!(["new", "old"]), vec![1]),
        ("labels", "not_contains", json!("vip"), vec![2, 3]),
        ("labels", "is_null", Value::Null, vec![2, 3]),
        ("labels", "is_not_null", Value::Null, vec![1]),
        ("number", "gt", json!(1), vec![2, 3]),
        ("number", "contains", json!(2), vec![2]),
        ("id", "eq", json!("n:2"), vec![2]),
        ("id", "in", json!(["n:3", "n:999"]), vec![3]),
        ("company_id", "eq", json!("n:77"), vec![]),
        ("company_id", "ne", json!("n:77"), vec![1, 2, 3]),
        ("created_at", "gt", json!("2026-05-30"), vec![2, 3]),
        ("created_at", "lte", json!("2026-05-01T00:00:00Z"), vec![1]),
        ("created_at", "gte", json!("2026-06-01T12:00:00+02:00"), vec![3]),
        ("created_at", "days_before", json!(1), vec![1, 2]),
        ("created_at", "days_before", json!(2), vec![1]),
        ("created_at", "days_before", json!(1_000_000), vec![]),
        ("date_of_birth", "lt", json!("2000-01-01"), vec![1]),
        ("address.city", "eq", json!("KÖLN"), vec![1]),
        ("context.browser.name", "eq", json!("firefox"), vec![2]),
        ("custom_attributes.plan", "eq", json!("gold"), vec![1]),
        ("custom_attributes.plan", "contains", json!("E"), vec![2]),
        ("custom_attributes.seats", "eq", json!(12), vec![1]),
        ("custom_attributes.seats", "eq", json!("3"), vec![2]),
        ("custom_attributes.seats", "eq", json!(3), vec![2]),
        ("custom_attributes.seats", "eq", json!("7.50"), vec![3]),
        ("custom_attributes.seats", "gt", json!(7), vec![1, 3]),
        ("custom_attributes.seats", "lt", json!("8"), vec![3]),
        ("custom_attributes.beta", "eq", json!(true), vec![1]),
        ("custom_attributes.beta", "eq", json!("false"), vec![3]),
        ("custom_attributes.beta", "is_not_null", Value::Null, vec![1, 3]),
        ("custom_attributes.since", "days_before", json!(11), vec![2]),
        ("custom_attributes.since", "days_before", json!(13), vec![]),
        ("custom_attributes.since", "gt", json!("2026-05-19"), vec![2]),
        ("custom_attributes.nobody", "is_null", Value::Null, vec![1, 2, 3]),
    ]
}

#[test]
fn each_operator_finds_what_it_says() {
    Book::of(&people()).ask(&[], |desk, _| {
        for (field, cmp, value, due) in &single() {
            let filter = json!({"field": field, "cmp": cmp, "value": value});
            let found = numbers(desk, &filter).unwrap();
            assert_eq!(&found, due, "{filter}");
            // What is not found by a condition is found by its opposite.
            let rest = numbers(desk, &json!({"op": "not", "filters": [filter]})).unwrap();
            assert_eq!(found.len() + rest.len(), 3, "{filter}");
        }
    });
}

#[test]
fn conditions_are_joined_as_written() {
    let lead = json!({"field": "contact_type", "cmp": "eq", "value": "lead"});
    let free = json!({"field": "custom_attributes.plan", "cmp": "eq", "value": "free"});
    let nameless = json!({"field": "name", "cmp": "is_null"});
    let cases: &[(Value, &[i64])] = &[
        (json!({"op": "and", "filters": [lead, free]}), &[]),
        (json!({"op": "or", "filters": [lead, free]}), &[1, 2]),
        (json!({"op": "not", "filters": [lead, free]}), &[3]),
        (
            json!({"op": "and", "filters": [{"op": "or", "filters": [lead, nameless]}, {"op": "not", "filters": [lead]}]}),
            &[3],
        ),
        (json!({"op": "and", "filters": []}), &[1, 2, 3]),
        (json!({"op": "or", "filters": []}), &[]),
    ];
    Book::of(&people()).ask(&[], |desk, _| {
        for (filter, due) in cases {
            assert_eq!(&numbers(desk, filter).unwrap(), due, "{filter}");
        }
    });
}

#[test]
fn what_cannot_be_asked_is_refused_where_it_stands() {
    let leaf =
        |field: &str, cmp: &str, value: Value| json!({"field": field, "cmp": cmp, "value": value});
    let mut deep = leaf("name", "eq", json!("x"));
    for _ in 0..8 {
        deep = json!({"op": "not", "filters": [deep]});
    }
    let many = json!({"op": "or", "filters": vec![leaf("name", "eq", json!("x")); 200]});
    let lists =
        json!({"op": "or", "filters": vec![leaf("name", "in", json!(vec!["x"; 200])); 199]});
    let cases = [
        (lists, "/filter", "too_many", "values"),
        (leaf("nmae", "eq", json!("x")), "/filter/field", "unknown", "did you mean `name`?"),
        (leaf("extensions", "is_null", Value::Null), "/filter/field", "unknown", ""),
        (leaf("address", "is_null", Value::Null), "/filter/field", "unknown", ""),
        (leaf("custom_attributes.a\"b", "is_null", Value::Null), "/filter/field", "unknown", ""),
        (leaf("custom_attributes.", "is_null", Value::Null), "/filter/field", "unknown", ""),
        (leaf("name", "equals", json!("x")), "/filter/cmp", "invalid", "must be one of eq, ne"),
        (leaf("name", "gt", json!("x")), "/filter/cmp", "invalid", "asks nothing of text"),
        (leaf("blocked", "contains", json!("x")), "/filter/cmp", "invalid", "true or false"),
        (leaf("name", "eq", json!(5)), "/filter/value", "wrong_type", "text"),
        (leaf("name", "eq", json!(["a"])), "/filter/value", "wrong_type", "`in` takes a list"),
        (leaf("name", "in", json!(["a", 5])), "/filter/value/1", "wrong_type", "text"),
        (leaf("name", "contains", json!("x".repeat(1_001))), "/filter/value", "too_long", ""),
        (leaf("name", "in", json!(vec!["x"; 201])), "/filter/value", "too_many", "200"),
        (
            leaf("contact_type", "eq", json!("laed")),
            "/filter/value",
            "invalid",
            "did you mean `lead`?",
        ),
        (leaf("blocked", "eq", json!("yes")), "/filter/value", "wrong_type", "true or false"),
        (leaf("number", "gt", Value::Null), "/filter/value", "wrong_type", "number"),
        (leaf("number", "eq", json!(0)), "/filter/value", "too_small", ""),
        (leaf("created_at", "gt", json!("yesterday")), "/filter/value", "wrong_type", "a time"),
        (leaf("created_at", "days_before", json!("two")), "/filter/value", "wrong_type", "days"),
        (leaf("created_at", "days_before", json!(-1)), "/filter/value", "wrong_type", "days"),
        (leaf("company_id", "eq", json!("n:x")), "/filter/value", "invalid", "id"),
        (leaf("name", "is_null", json!("x")), "/filter/value", "wrong_type", "no value"),
        (leaf("custom_attributes.plan", "eq", json!({})), "/filter/value", "wrong_type", ""),
        (json!({"field": "name"}), "/filter/cmp", "required", ""),
        (json!({"op": "and"}), "/filter/filters", "required", ""),
        (json!({"op": "nor", "filters": []}), "/filter/op", "invalid", "and, or, not"),
        (json!({"op": "or", "filters": {}}), "/filter/filters", "wrong_type", ""),
        (json!({"op": "or", "filters": [], "cmp": "eq"}), "/filter/cmp", "unknown", ""),
        (json!({"field": "name", "cmp": "is_null", "a/b": 1}), "/filter/a~1b", "unknown", ""),
        (
            json!({"op": "or", "filters": [leaf("name", "is_null", Value::Null), 5]}),
            "/filter/filters/1",
            "wrong_type",
            "an object",
        ),
        (
            deep,
            "/filter/filters/0/filters/0/filters/0/filters/0/filters/0/filters/0/filters/0/filters/0",
            "too_deep",
            "8",
        ),
        (many, "/filter/filters/199", "too_many", "200"),
    ];
    Book::of(&people()).ask(&[], |desk, _| {
        for (filter, pointer, code, detail) in cases {
            let problem = problem(numbers(desk, &filter).unwrap_err());
            let field = &problem.errors[0];
            assert_eq!((field.pointer.as_deref(), &*field.code), (Some(pointer), code), "{filter}");
            assert!(field.detail.contains(detail), "{filter}: {}", field.detail);
        }
    });
}

/// Whatever can be named can be asked, ordered by and answered by SQLite.
#[test]
fn every_field_of_every_resource_can_be_asked() {
    let tables = [
        Table::Contact,
        Table::Conversation,
        Table::Identity,
        Table::Inbox,
        Table::Agent,
        Table::Team,
    ];
    let mut asked = 0;
    Book::of(&people()).ask(&[], |desk, _| {
        for table in tables {
            let fields = Fields::of(desk, table);
            let names = fields.contract().properties(fields.schema).iter().map(|p| &*p.name);
            let deeper = [
                "address.city",
                "context.a.b",
                "custom_attributes.x",
                "channel.type",
                "snooze.until",
                "contact.name",
                "contact.labels",
                "contact.blocked",
                "inbox.name",
                "assignee.custom_attributes.desk",
                "sla.policy_name",
            ];
            for name in names.chain(deeper) {
                let Ok(field) = fields.find(name, "") else { continue };
                let mut wanted = Where::default();
                let absent = json!({"field": name, "cmp": "is_null"});
                wanted.filter(&fields, &json!({"op": "not", "filters": [absent]}), "").unwrap();
                if field.kind == Kind::Number {
                    let more = json!({"field": name, "cmp": "gte", "value": 1});
                    wanted.filter(&fields, &more, "").unwrap();
                }
                wanted.count(desk, table).unwrap_or_else(|e| panic!("{table:?} {name}: {e:?}"));
                if field.kind != Kind::Names {
                    let order = Order::parameter(&fields, Some(name), name).unwrap();
                    let list = page_of(desk, table, &order);
                    assert!(list.is_ok(), "{table:?} {name}: {list:?}");
                }
                asked += 1;
            }
        }
    });
    assert!(asked > 120, "{asked}");
}

fn page_of(desk: &Desk<'_>, table: Table, order: &[Order]) -> Result<usize, Fault> {
    let sql = Where::default().condition().text(" ORDER BY ").piece(&order[0].key);
    let found = store::all(desk.db, table, &sql.text, rusqlite::params_from_iter(&sql.values))?;
    Ok(found.len())
}

#[test]
fn fields_that_are_computed_are_found_as_they_are_shown() {
    let cases: &[(&str, &str, &str, Value, i64)] = &[
        ("UPDATE conversation SET document = json_set(document, '$.status', 'snoozed', '$.snooze',
          json('{\"until\": \"2026-05-01T00:00:00.000Z\", \"set_at\": \"2026-04-01T00:00:00.000Z\"}')) WHERE number = 1",
         "status", "eq", json!("open"), 1),
        ("SELECT 1", "status", "eq", json!("snoozed"), 0),
        // An end that had passed when it was set is none.
        ("UPDATE conversation SET document = json_set(document, '$.snooze.set_at', '2026-05-02T00:00:00.000Z') WHERE number = 1",
         "status", "eq", json!("snoozed"), 1),
        ("SELECT 1", "unread_count", "eq", json!(0), 1),
        ("UPDATE conversation SET document = json_remove(document, '$.agent_last_seen_at') WHERE number = 1",
         "unread_count", "gt", json!(3), 1),
        ("SELECT 1", "message_count", "eq", json!(17), 1),
        ("SELECT 1", "channel.type", "eq", json!("api"), 1),
        ("SELECT 1", "inbox.name", "starts_with", json!("DEMO"), 1),
        ("SELECT 1", "assignee_number", "eq", json!(2), 1),
        ("SELECT 1", "assignee.email", "contains", json!("noor"), 1),
        ("SELECT 1", "team_id", "in", json!(["n:1", "n:2"]), 1),
        ("SELECT 1", "priority", "in", json!(["high", null]), 1),
    ];
    let book = Book::of(&[]);
    for (change, field, cmp, value, due) in cases {
        book.databases.hub().execute_batch(change).unwrap();
        book.ask(&[], |desk, _| {
            let fields = Fields::of(desk, Table::Conversation);
            let mut wanted = Where::default();
            wanted.and(fields.is("number", "1").unwrap());
            let filter = json!({"field": field, "cmp": cmp, "value": value});
            wanted.filter(&fields, &filter, "").unwrap();
            assert_eq!(wanted.count(desk, Table::Conversation).unwrap(), *due, "{filter}");
        });
    }
}

/// A tree over the single conditions, by their place in the table.
#[derive(Clone, Debug)]
enum Tree {
    Single(usize),
    Joined(&'static str, Vec<Self>),
}

impl Tree {
    fn filter(&self, single: &[(&str, &str, Value, Vec<i64>)]) -> Value {
        match self {
            Self::Single(index) => {
                let (field, cmp, value, _) = &single[*index];
                json!({"field": field, "cmp": cmp, "value": value})
            }
            Self::Joined(op, below) => {
                let below: Vec<_> = below.iter().map(|tree| tree.filter(single)).collect();
                json!({"op": op, "filters": below})
            }
        }
    }

    /// Whether the contact with a number is found, by what is known of the single conditions.
    fn finds(&self, number: i64, single: &[(&str, &str, Value, Vec<i64>)]) -> bool {
        match self {
            Self::Single(index) => single[*index].3.contains(&number),
            Self::Joined("and", below) => below.iter().all(|tree| tree.finds(number, single)),
            Self::Joined("or", below) => below.iter().any(|tree| tree.finds(number, single)),
            Self::Joined(_, below) => !below.iter().any(|tree| tree.finds(number, single)),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let single = (0..single().len()).prop_map(Tree::Single);
    single.prop_recursive(6, 60, 5, |inner| {
        let below = prop::collection::vec(inner, 0..5);
        (prop::sample::select(vec!["and", "or", "not"]), below)
            .prop_map(|(op, below)| Tree::Joined(op, below))
    })
}

/// Any tree of conditions finds what its parts say.
#[test]
fn conditions_mean_the_same_wherever_they_stand() {
    let (book, single) = (Book::of(&people()), single());
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) }, |(tree in trees())| {
        let due: Vec<i64> = (1..=3).filter(|number| tree.finds(*number, &single)).collect();
        let filter = tree.filter(&single);
        let found = book.ask(&[], |desk, _| numbers(desk, &filter));
        prop_assert_eq!(found.unwrap(), due, "{}", filter);
    });
}
