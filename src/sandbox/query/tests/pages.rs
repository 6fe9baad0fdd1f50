use serde_json::json;

use super::*;
use crate::sandbox::query::{Order, page, search};

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
