use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::field::Kind;
use super::{Fields, Order, Where, page, search};
use crate::canonical::contract::tests::embedded;
use crate::canonical::{Actor, Contract, Params, Problem, Request, Tenant};
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::files::Files;
use crate::sandbox::shape::Shape;
use crate::sandbox::store::{self, Table};
use crate::telemetry::record::Record;

/// A file whose contacts are a test's own.
struct Book {
    contract: Arc<Contract>,
    db: Connection,
    _files: Files,
}

impl Book {
    fn of(contacts: &[Value]) -> Self {
        let contract = embedded();
        let files = Files::claim(None).unwrap();
        let db = files.writer(Duration::ZERO).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM contact; DELETE FROM numbers")
            .unwrap();
        for contact in contacts {
            store::insert(&db, Table::Contact, contact.as_object().unwrap().clone()).unwrap();
        }
        Self { contract, db, _files: files }
    }

    /// Asks something that has the parameters of a list.
    fn ask<T>(&self, given: &[(&str, &str)], test: impl FnOnce(&Desk<'_>, &Call<'_>) -> T) -> T {
        let id = self.contract.operation("identities.find").unwrap();
        let operation = self.contract.get(id);
        let mut given: Vec<_> = given
            .iter()
            .map(|(name, value)| (operation.parameter(name).expect(name), *value))
            .collect();
        given.sort_by_key(|(position, _)| *position);
        let mut params = Params::default();
        for (position, value) in given {
            assert!(params.push(position, value));
        }
        let request = Request {
            tenant: Tenant("demo".into()),
            operation: id,
            params,
            body: Bytes::new(),
            actor: Actor::Gateway,
            viewer: None,
            fresh: false,
            record: Record::default(),
        };
        let now = "2026-06-01T12:00:00.000Z".parse().unwrap();
        let call = Call { contract: &self.contract, operation, request: &request, now };
        let shape =
            Shape { contract: Arc::clone(&self.contract), public_url: "http://desk.test".into() };
        test(&Desk::new(&self.db, &shape, &call).unwrap(), &call)
    }
}

fn people() -> Vec<Value> {
    vec![
        json!({"name": "Ánna Übel", "email": "anna@one.example", "blocked": true, "labels": ["vip", "new"],
               "contact_type": "lead", "custom_attributes": {"plan": "Gold", "seats": 12, "beta": true},
               "address": {"city": "Köln"}, "created_at": "2026-05-01T00:00:00.000Z", "date_of_birth": "1990-02-03"}),
        json!({"name": "Bob 50%_", "email": null, "phone_number": "+49123", "labels": [],
               "contact_type": "customer", "custom_attributes": {"plan": "free", "seats": "3", "since": "2026-05-20"},
               "context": {"browser": {"name": "Firefox"}}, "created_at": "2026-05-30T23:59:59.999Z"}),
        json!({"name": null, "identifier": "x'); DROP TABLE contact; --", "custom_attributes": {"seats": 7.5, "beta": false},
               "created_at": "2026-06-01T10:00:00.000Z"}),
    ]
}

fn numbers(desk: &Desk<'_>, filter: &Value) -> Result<Vec<i64>, Fault> {
    let fields = Fields::of(desk, Table::Contact);
    let mut wanted = Where::default();
    wanted.filter(&fields, filter, "/filter")?;
    let sql = wanted.condition().text(" ORDER BY number");
    let rows =
        store::all(desk.db, Table::Contact, &sql.text, rusqlite::params_from_iter(&sql.values))?;
    Ok(rows.iter().map(|row| row.number).collect())
}

fn problem(fault: Fault) -> Problem {
    match fault {
        Fault::Refused(problem) => *problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_operator_finds_what_it_says() {
    let cases: &[(&str, &str, Value, &[i64])] = &[
        ("name", "eq", json!("ánna übel"), &[1]),
        ("name", "ne", json!("ÁNNA ÜBEL"), &[2, 3]),
        ("name", "eq", Value::Null, &[3]),
        ("name", "ne", Value::Null, &[1, 2]),
        ("name", "in", json!(["bob 50%_", null]), &[2, 3]),
        ("name", "in", json!([]), &[]),
        ("name", "not_in", json!(["bob 50%_", null]), &[1]),
        ("name", "contains", json!("NNA Ü"), &[1]),
        ("name", "contains", json!("0%_"), &[2]),
        ("name", "contains", json!("%"), &[2]),
        ("name", "contains", json!(["übel", "bob"]), &[1, 2]),
        ("name", "not_contains", json!(["übel", "nobody"]), &[2, 3]),
        ("name", "starts_with", json!("án"), &[1]),
        ("name", "starts_with", json!("nna"), &[]),
        ("name", "is_null", Value::Null, &[3]),
        ("name", "is_not_null", json!([]), &[1, 2]),
        ("identifier", "eq", json!("X'); drop table contact; --"), &[3]),
        ("blocked", "eq", json!(true), &[1]),
        ("blocked", "eq", json!(false), &[2, 3]),
        ("contact_type", "eq", json!("lead"), &[1]),
        ("contact_type", "not_in", json!(["lead"]), &[2, 3]),
        ("labels", "contains", json!("vip"), &[1]),
        ("labels", "contains", json!("vi"), &[]),
        ("labels", "in", json!(["new", "old"]), &[1]),
        ("labels", "not_contains", json!("vip"), &[2, 3]),
        ("labels", "is_null", Value::Null, &[2, 3]),
        ("labels", "is_not_null", Value::Null, &[1]),
        ("number", "gt", json!(1), &[2, 3]),
        ("number", "contains", json!(2), &[2]),
        ("id", "eq", json!("n:2"), &[2]),
        ("id", "in", json!(["n:3", "n:999"]), &[3]),
        ("company_id", "eq", json!("n:77"), &[]),
        ("company_id", "ne", json!("n:77"), &[1, 2, 3]),
        ("created_at", "gt", json!("2026-05-30"), &[2, 3]),
        ("created_at", "lte", json!("2026-05-01T00:00:00Z"), &[1]),
        ("created_at", "gte", json!("2026-06-01T12:00:00+02:00"), &[3]),
        ("created_at", "days_before", json!(1), &[1, 2]),
        ("created_at", "days_before", json!(2), &[1]),
        ("created_at", "days_before", json!(1_000_000), &[]),
        ("date_of_birth", "lt", json!("2000-01-01"), &[1]),
        ("address.city", "eq", json!("KÖLN"), &[1]),
        ("context.browser.name", "eq", json!("firefox"), &[2]),
        ("custom_attributes.plan", "eq", json!("gold"), &[1]),
        ("custom_attributes.plan", "contains", json!("E"), &[2]),
        ("custom_attributes.seats", "eq", json!(12), &[1]),
        ("custom_attributes.seats", "eq", json!("3"), &[2]),
        ("custom_attributes.seats", "eq", json!(3), &[2]),
        ("custom_attributes.seats", "eq", json!("7.50"), &[3]),
        ("custom_attributes.seats", "gt", json!(7), &[1, 3]),
        ("custom_attributes.seats", "lt", json!("8"), &[3]),
        ("custom_attributes.beta", "eq", json!(true), &[1]),
        ("custom_attributes.beta", "eq", json!("false"), &[3]),
        ("custom_attributes.beta", "is_not_null", Value::Null, &[1, 3]),
        ("custom_attributes.since", "days_before", json!(11), &[2]),
        ("custom_attributes.since", "days_before", json!(13), &[]),
        ("custom_attributes.since", "gt", json!("2026-05-19"), &[2]),
        ("custom_attributes.nobody", "is_null", Value::Null, &[1, 2, 3]),
    ];
    Book::of(&people()).ask(&[], |desk, _| {
        for (field, cmp, value, due) in cases {
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

/// Every page of an order, forwards and then back again.
fn walk(book: &Book, sort: &[&str], limit: &str) -> (Vec<i64>, Vec<i64>) {
    let mut ways = Vec::new();
    let mut cursor: Option<String> = None;
    for way in ["next", "prev"] {
        let mut seen = Vec::new();
        loop {
            let at = cursor.clone();
            let mut given = vec![("limit", limit)];
            given.extend(at.as_deref().map(|at| ("cursor", at)));
            let found = book.ask(&given, |desk, call| {
                let fields = Fields::of(desk, Table::Contact);
                let body = json!({"sort": sort});
                let (wanted, order) = search(&fields, body.as_object().unwrap(), "name").unwrap();
                page(desk, call, Table::Contact, &wanted, &order).unwrap()
            });
            let numbers = found.rows.iter().map(|row| row.number);
            if way == "next" {
                seen.extend(numbers);
            } else {
                seen.splice(0..0, numbers);
            }
            let after = found.page[way].as_str().map(str::to_owned);
            if way == "next" && after.is_none() {
                // The way back begins at the last page's own beginning.
                cursor = found.page["prev"].as_str().map(str::to_owned);
            }
            match after {
                Some(next) => {
                    assert!(next.len() <= 1_024, "{next}");
                    cursor = Some(next);
                }
                None => break,
            }
        }
        ways.push(seen);
    }
    let back = ways.pop().unwrap();
    (ways.pop().unwrap(), back)
}

#[test]
fn pages_show_everything_once_in_order_and_lead_back() {
    let long = "ß".repeat(600);
    let contacts = vec![
        json!({"name": "b", "contact_type": "customer", "created_at": "2026-01-03T00:00:00.000Z"}),
        json!({"name": "A", "contact_type": "lead"}),
        json!({"name": null, "contact_type": "visitor", "created_at": "2026-01-02T00:00:00.000Z"}),
        json!({"name": "a", "created_at": "2026-01-03T00:00:00.000Z"}),
        json!({"name": null, "contact_type": "lead", "created_at": "2026-01-01T00:00:00.000Z"}),
        json!({"name": long, "custom_attributes": {"n": 2}}),
        json!({"name": long, "custom_attributes": {"n": 1.5}}),
    ];
    let cases: &[(&[&str], &[i64])] = &[
        (&["name"], &[2, 4, 1, 6, 7, 3, 5]),
        (&["-name"], &[6, 7, 1, 2, 4, 3, 5]),
        (&["contact_type", "-number"], &[3, 5, 2, 1, 7, 6, 4]),
        (&["-created_at", "name"], &[4, 1, 3, 5, 2, 6, 7]),
        (&["custom_attributes.n"], &[7, 6, 1, 2, 3, 4, 5]),
        (&[], &[2, 4, 1, 6, 7, 3, 5]),
    ];
    let book = Book::of(&contacts);
    for (sort, due) in cases {
        for size in 1..=3_usize {
            let (forwards, back) = walk(&book, sort, &size.to_string());
            assert_eq!(&forwards, due, "{sort:?} by {size}");
            let last = (due.len() - 1) / size * size;
            assert_eq!(back, due[..last], "{sort:?} by {size}, back");
        }
    }
}

#[test]
fn an_order_by_nothing_is_refused() {
    Book::of(&people()).ask(&[], |desk, _| {
        let fields = Fields::of(desk, Table::Contact);
        let cases = [
            (json!({"sort": ["name", "nmae"]}), "/sort/1"),
            (json!({"sort": ["labels"]}), "/sort/0"),
            (json!({"sort": ["name", "email", "number", "id"]}), "/sort"),
        ];
        for (body, pointer) in cases {
            let fault = search(&fields, body.as_object().unwrap(), "name").unwrap_err();
            assert_eq!(problem(fault).errors[0].pointer.as_deref(), Some(pointer), "{body}");
        }
        let fault = Order::parameter(&fields, Some("nmae"), "name").unwrap_err();
        assert_eq!(problem(fault).errors[0].parameter.as_deref(), Some("sort"));
    });
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let order = |desk: &Desk<'_>| {
        let fields = Fields::of(desk, Table::Contact);
        Order::parameter(&fields, None, "name").unwrap()
    };
    let book = Book::of(&people());
    let cursor = book.ask(&[("limit", "1"), ("source_id", "a")], |desk, call| {
        let found = page(desk, call, Table::Contact, &Where::default(), &order(desk)).unwrap();
        found.page["next"].as_str().unwrap().to_owned()
    });
    let broken = [
        cursor.replace('.', ".zz"),
        cursor.replace('.', ""),
        cursor.replace('n', "x"),
        format!("{cursor}00"),
        "é".to_owned(),
    ];
    for (source, cursor) in
        std::iter::once(("b", &cursor)).chain(broken.iter().map(|cursor| ("a", cursor)))
    {
        book.ask(&[("source_id", source), ("cursor", cursor)], |desk, call| {
            let order = order(desk);
            let fault = page(desk, call, Table::Contact, &Where::default(), &order).unwrap_err();
            assert_eq!(problem(fault).errors[0].parameter.as_deref(), Some("cursor"), "{cursor}");
        });
    }
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
        book.db.execute_batch(change).unwrap();
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
