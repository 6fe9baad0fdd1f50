//! Lists of conversations: what is in them, in which order, page by page.

use serde_json::{Value, json};

use super::{Bench, JONAS, MIRA, NOOR};
use crate::canonical::{Problem, ProblemCode};

const ADA: &str = "agent:n:1";
/// Sees the website's conversations only.
const ILSE: &str = "agent:n:5";

impl Bench {
    async fn list(&self, given: &[(&str, &str)], actor: &str) -> Result<Value, Problem> {
        self.ask("conversations.list", given, Value::Null, actor).await
    }

    async fn search(&self, filter: Value, given: &[(&str, &str)], actor: &str) -> Value {
        self.ask("conversations.search", given, json!({"filter": filter}), actor).await.unwrap()
    }
}

fn numbers(list: &Value) -> Vec<i64> {
    list["data"].as_array().unwrap().iter().map(|c| c["number"].as_i64().unwrap()).collect()
}

fn total(list: &Value) -> i64 {
    list["page"]["total"].as_i64().unwrap()
}

#[tokio::test]
async fn pages_follow_one_another_by_cursor_and_by_number() {
    let bench = Bench::new();
    let first = bench.list(&[("limit", "20"), ("count", "exact")], ADA).await.unwrap();
    assert_eq!((total(&first), &first["page"]["number"]), (67, &Value::Null));
    assert_eq!(first["page"]["prev"], Value::Null);
    // The newest first: conversations 5, 2 and 1 are of May.
    assert_eq!(numbers(&first)[..3], [5, 2, 1]);

    let mut all = numbers(&first);
    let mut page = first.clone();
    while let Some(next) = page["page"]["next"].as_str().map(str::to_owned) {
        page = bench.list(&[("limit", "20"), ("cursor", &next)], ADA).await.unwrap();
        all.extend(numbers(&page));
    }
    assert_eq!(all.len(), 67);
    let mut unique = all.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 67);

    let second = bench.list(&[("limit", "20"), ("page", "2")], ADA).await.unwrap();
    assert_eq!((&numbers(&second)[..], &second["page"]["number"]), (&all[20..40], &json!(2)));
    let back = second["page"]["prev"].as_str().unwrap();
    let back = bench.list(&[("limit", "20"), ("cursor", back)], ADA).await.unwrap();
    assert_eq!(numbers(&back), numbers(&first));
    let beyond = bench.list(&[("limit", "20"), ("page", "9")], ADA).await.unwrap();
    assert_eq!((numbers(&beyond), &beyond["page"]["next"]), (vec![], &Value::Null));
    for given in [[("page", "101"), ("limit", "100")], [("cursor", "zz"), ("limit", "1")]] {
        let problem = bench.list(&given, ADA).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::BadRequest, "{given:?}");
    }
}

#[tokio::test]
async fn filters_leave_what_fits_all_of_them() {
    let bench = Bench::new();
    type Given<'g> = &'g [(&'g str, &'g str)];
    let cases: [(Given<'_>, &[i64]); 14] = [
        (&[("status", "snoozed")], &[3]),
        (&[("status", "snoozed"), ("status", "closed")], &[3, 7]),
        (&[("number", "4")], &[4]),
        (&[("uuid", "ffffffff-ffff-4fff-8fff-ffffffffffff")], &[]),
        (&[("external_id", "zendesk:35436")], &[1]),
        (&[("external_id", "zendesk:x")], &[]),
        (&[("contact_id", "n:1")], &[1, 4]),
        (&[("contact_id", "n:1"), ("status", "open")], &[1]),
        (&[("contact_identity_id", "n:2")], &[2]),
        (&[("label", "vip"), ("label", "billing")], &[1]),
        (&[("q", "TWICE for order")], &[1]),
        (&[("q", "hold by the bank")], &[1]),
        (&[("updated_since", "2026-05-12T00:00:00.000Z")], &[5, 2]),
        (&[("contact_id", "n:999")], &[]),
    ];
    for (given, expected) in cases {
        let list = bench.list(given, ADA).await.unwrap();
        assert_eq!(numbers(&list), expected, "{given:?}");
    }
    for (given, fits) in [
        (("priority", "urgent"), "urgent"),
        (("priority", "none"), "null"),
        (("team_id", "n:2"), "2"),
        (("inbox_id", "n:2"), "2"),
    ] {
        let list = bench.list(&[given, ("limit", "200")], ADA).await.unwrap();
        let member = given.0.replace("_id", "_number");
        let data = list["data"].as_array().unwrap();
        assert!(!data.is_empty(), "{given:?}");
        for conversation in data {
            let value = conversation[&member].to_string();
            assert_eq!(value.trim_matches('"'), fits, "{given:?}");
        }
    }
    let any = [("label", "vip"), ("label", "outage"), ("label_match", "any"), ("limit", "200")];
    let any = bench.list(&any, ADA).await.unwrap();
    assert!(numbers(&any).contains(&1) && numbers(&any).contains(&3));
}

#[tokio::test]
async fn orders_are_by_a_field_and_what_has_none_comes_last() {
    let bench = Bench::new();
    let rank = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|c| c["priority"].to_string()).collect()
    };
    let urgent = bench.list(&[("sort", "-priority"), ("limit", "200")], ADA).await.unwrap();
    let mut seen = rank(&urgent);
    seen.dedup();
    assert_eq!(seen, ["\"urgent\"", "\"high\"", "\"medium\"", "\"low\"", "null"]);
    let low = bench.list(&[("sort", "priority"), ("limit", "200")], ADA).await.unwrap();
    let mut seen = rank(&low);
    seen.dedup();
    assert_eq!(seen, ["\"low\"", "\"medium\"", "\"high\"", "\"urgent\"", "null"]);
    let oldest = bench.list(&[("sort", "created_at"), ("limit", "200")], ADA).await.unwrap();
    let times: Vec<&str> = oldest["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["created_at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted());
}

#[tokio::test]
async fn assignee_and_counts_go_by_who_asks() {
    let bench = Bench::new();
    let mine = bench.list(&[("assignee", "me"), ("count", "exact")], NOOR).await.unwrap();
    assert!(numbers(&mine).starts_with(&[2, 1]));
    let by_name = bench.list(&[("assignee", "n:2"), ("count", "exact")], ADA).await.unwrap();
    assert_eq!(total(&mine), total(&by_name));
    let nobody = bench.list(&[("assignee", "me"), ("count", "exact")], "gateway").await.unwrap();
    assert_eq!(total(&nobody), 0);
    let of = |counts: &Value, name: &str| counts[name].as_i64().unwrap();
    let counts = |actor| bench.ask("conversations.counts", &[], Value::Null, actor);
    let noor = counts(NOOR).await.unwrap();
    assert_eq!(of(&noor, "mine"), total(&mine));
    assert_eq!(of(&noor, "all"), 67);
    assert_eq!(of(&noor, "assigned") + of(&noor, "unassigned"), 67);
    assert_eq!(of(&counts("gateway").await.unwrap(), "mine"), 0);

    // Beside the list, whatever it says of the assignee.
    let beside = [("assignee", "none"), ("include", "counts"), ("count", "exact")];
    let list = bench.list(&beside, NOOR).await.unwrap();
    assert_eq!((&list["counts"], total(&list)), (&noor, of(&noor, "unassigned")));
    assert!(bench.list(&[], NOOR).await.unwrap().get("counts").is_none());

    bench.update(5, json!({"assignee_id": "n:2"}), NOOR).await.unwrap();
    assert_eq!(of(&counts(NOOR).await.unwrap(), "mine"), total(&mine) + 1);
}

#[tokio::test]
async fn everybody_sees_what_is_theirs() {
    let bench = Bench::new();
    // An identity that is not proved sees its own conversations, and only what is public in them.
    let includes = [("include", "messages"), ("include", "last_note"), ("messages_limit", "0")];
    let mira = bench.list(&includes, MIRA).await.unwrap();
    assert_eq!(numbers(&mira), [1, 4]);
    assert_eq!(mira["data"][0]["last_note"], Value::Null);
    let messages = mira["data"][0]["messages"].as_array().unwrap();
    assert!(messages.iter().all(|m| m["visibility"] == "public"));
    assert_eq!(numbers(&bench.list(&[("q", "hold by the bank")], MIRA).await.unwrap()), [0; 0]);
    // A proved one sees all of its person.
    assert_eq!(numbers(&bench.list(&[], "contact-identity:n:9").await.unwrap()), [1, 4]);
    let all = json!({"op": "and", "filters": []});
    assert_eq!(numbers(&bench.search(all.clone(), &[], JONAS).await), [2]);

    let website = bench.list(&[("limit", "200"), ("count", "exact")], ILSE).await.unwrap();
    assert!(total(&website) > 5);
    let data = website["data"].as_array().unwrap();
    assert!(data.iter().all(|c| c["inbox_number"] == 2));
    let counts = bench.ask("conversations.counts", &[], Value::Null, ILSE).await.unwrap();
    assert_eq!(counts["all"], total(&website));
    let problem = bench.ask("conversations.get", &[("conversation_id", "n:1")], Value::Null, ILSE);
    assert_eq!(problem.await.unwrap_err().code, ProblemCode::NotFound);
}

#[tokio::test]
async fn a_search_is_a_tree_of_conditions() {
    let bench = Bench::new();
    let leaf =
        |field: &str, cmp: &str, value: Value| json!({"field": field, "cmp": cmp, "value": value});
    let cases = [
        (leaf("status", "eq", json!("snoozed")), vec![3]),
        (leaf("number", "in", json!([1, 7])), vec![1, 7]),
        (leaf("custom_attributes.order_no", "eq", json!("A-2207")), vec![1]),
        (leaf("context.browser.browser_name", "contains", json!("fire")), vec![1]),
        (leaf("contact.email", "starts_with", json!("jonas")), vec![2]),
        (leaf("state", "eq", json!("deleted")), vec![]),
        (
            json!({"op": "or", "filters": [
                leaf("status", "eq", json!("closed")),
                {"op": "and", "filters": [
                    leaf("assignee_id", "eq", json!("n:2")),
                    leaf("labels", "contains", json!("billing")),
                    leaf("contact_id", "ne", json!("n:1")),
                    leaf("created_at", "gt", json!("2026-05-01")),
                ]},
            ]}),
            vec![2, 7],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(numbers(&bench.search(filter.clone(), &[], ADA).await), expected, "{filter}");
    }
    // A snooze that is over is none, in lists as anywhere.
    bench.update(4, json!({"snooze": {"until": "2026-06-01T12:00:30.000Z"}}), NOOR).await.unwrap();
    let snoozed = || bench.search(leaf("status", "eq", json!("snoozed")), &[], ADA);
    assert_eq!(numbers(&snoozed().await), [4, 3]);
    bench.minute();
    assert_eq!(numbers(&snoozed().await), [3]);
    let open = bench.list(&[("status", "open"), ("limit", "1")], ADA).await.unwrap();
    assert_eq!((numbers(&open), &open["data"][0]["status"]), (vec![4], &json!("open")));

    let wrong = json!({"filter": leaf("stats", "eq", json!("open"))});
    let problem = bench.ask("conversations.search", &[], wrong, ADA).await.unwrap_err();
    assert_eq!(super::pointer_and_code(&problem), ("/filter/field", "unknown"));
}
