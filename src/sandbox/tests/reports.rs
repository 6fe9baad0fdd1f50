//! Reports, from nothing but what has happened.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{BEGIN, Bench};
use crate::canonical::{Problem, ProblemCode};

const NOOR: &str = "agent:n:2";
/// Sees one inbox.
const ILSE: &str = "agent:n:5";
const COUNTS: [&str; 4] = [
    "conversations_count",
    "incoming_messages_count",
    "outgoing_messages_count",
    "resolutions_count",
];
const AVERAGES: [&str; 3] = ["avg_first_response_time", "avg_resolution_time", "reply_time"];

impl Bench {
    /// Lets so many seconds pass.
    fn pass(&self, seconds: i64) {
        let mut time = self.time.lock().unwrap();
        *time = time.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn set(&self, at: &str) {
        *self.time.lock().unwrap() = at.parse().unwrap();
    }

    async fn report(&self, name: &str, given: &[(&str, &str)]) -> Result<Value, Problem> {
        self.ask(&format!("reports.{name}"), given, Value::Null, NOOR).await
    }

    async fn summary(&self, given: &[(&str, &str)]) -> Value {
        self.report("summary", given).await.unwrap()["summary"].clone()
    }

    async fn series(&self, metric: &str, given: &[(&str, &str)]) -> Vec<Value> {
        let all = [&[("metric", metric)], given].concat();
        self.report("series", &all).await.unwrap()["points"].as_array().unwrap().clone()
    }

    /// A conversation of the website, where nobody answers by themself.
    async fn begin(&self, contact: &str) -> i64 {
        let body = json!({
            "inbox_id": "n:2", "contact_id": contact, "message": {"kind": "incoming", "text": "Hi"},
        });
        let made = self.ask("conversations.create", &[], body, "gateway").await.unwrap();
        made["number"].as_i64().unwrap()
    }

    async fn answer(&self, number: i64) {
        self.say(number, json!({"text": "Yes?"}), NOOR).await.unwrap();
    }
}

/// What each figure of a summary has moved by; averages as they are.
fn moved(before: &Value, after: &Value) -> Vec<i64> {
    COUNTS.iter().map(|n| after[n].as_i64().unwrap() - before[n].as_i64().unwrap()).collect()
}

/// The points that are not empty: (when, value).
fn filled(points: &[Value]) -> Vec<(&str, f64)> {
    let some = points.iter().filter(|point| point["count"] != 0);
    some.map(|p| (p["at"].as_str().unwrap(), p["value"].as_f64().unwrap())).collect()
}

#[tokio::test]
async fn one_conversation_and_one_reply_move_each_figure_by_exactly_that() {
    let bench = Bench::new();
    let since = [("since", BEGIN)];
    let (whole, none) = (bench.summary(&[]).await, bench.summary(&since).await);
    for name in COUNTS {
        assert_eq!(none[name], 0, "{name}");
    }
    for name in AVERAGES {
        assert_eq!(none[name], Value::Null, "{name}");
        assert!(whole[name].as_f64().is_some_and(|mean| mean > 0.0), "{name}: {whole}");
    }
    let waiting = bench.report("conversations", &[]).await.unwrap();

    let number = bench.begin("n:3").await;
    let begun = bench.summary(&since).await;
    assert_eq!(moved(&none, &begun), [1, 1, 0, 0]);
    let waits = bench.report("conversations", &[]).await.unwrap();
    for name in ["open", "unattended", "unassigned"] {
        assert_eq!(waits[name].as_i64(), waiting[name].as_i64().map(|n| n + 1), "{name}");
    }
    assert_eq!(waits["pending"], waiting["pending"]);

    bench.pass(90);
    bench.answer(number).await;
    let answered = bench.summary(&since).await;
    assert_eq!(moved(&begun, &answered), [0, 0, 1, 0]);
    assert_eq!(answered["avg_first_response_time"], 90.0);
    assert_eq!(answered["reply_time"], Value::Null, "the first answer is none of the later ones");
    let waits = bench.report("conversations", &[]).await.unwrap();
    assert_eq!(waits["unattended"], waiting["unattended"]);

    // A second answer in a row answers nobody.
    bench.pass(10);
    bench.answer(number).await;
    assert_eq!(bench.summary(&since).await["reply_time"], Value::Null);
    let own = json!({"kind": "incoming", "author": {"type": "contact"}, "text": "And?"});
    bench.say(number, own, "gateway").await.unwrap();
    bench.pass(45);
    bench.answer(number).await;
    let replied = bench.summary(&since).await;
    assert_eq!(moved(&answered, &replied), [0, 1, 2, 0]);
    assert_eq!(
        (&replied["reply_time"], &replied["avg_first_response_time"]),
        (&json!(45.0), &json!(90.0))
    );

    bench.pass(15);
    bench.update(number, json!({"status": "resolved"}), NOOR).await.unwrap();
    let resolved = bench.summary(&since).await;
    assert_eq!(moved(&replied, &resolved), [0, 0, 0, 1]);
    assert_eq!(resolved["avg_resolution_time"], 160.0);
    // What is resolved and closed then has ended once.
    bench.update(number, json!({"status": "closed"}), NOOR).await.unwrap();
    assert_eq!(bench.summary(&since).await, resolved);
    let waits = bench.report("conversations", &[]).await.unwrap();
    assert_eq!(waits, waiting);

    let given = [("conversation_id", &*format!("n:{number}"))];
    let events =
        bench.ask("conversations.reporting_events", &given, Value::Null, NOOR).await.unwrap();
    let events: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            (e["name"].as_str().unwrap(), e["value_s"].as_f64().unwrap(), e["agent_number"].clone())
        })
        .collect();
    let noor = json!(2);
    assert_eq!(
        events,
        [
            ("first_response", 90.0, noor.clone()),
            ("reply", 45.0, noor),
            ("resolution", 160.0, Value::Null),
        ]
    );
    // With the conversation goes what was counted of it.
    bench.ask("conversations.delete", &given, Value::Null, "gateway").await.unwrap();
    let without = bench.summary(&since).await;
    assert_eq!(without, none);
}

#[tokio::test]
async fn figures_are_of_whom_they_are_asked_for() {
    let bench = Bench::new();
    let noor = [("scope", "agent"), ("scope_id", "n:2"), ("since", BEGIN)];
    let tomas = [("scope", "agent"), ("scope_id", "n:3"), ("since", BEGIN)];
    let website = [("scope", "inbox"), ("scope_id", "n:2"), ("since", BEGIN)];
    let line = [("scope", "inbox"), ("scope_id", "n:1"), ("since", BEGIN)];
    let team = [("scope", "team"), ("scope_id", "n:1"), ("since", BEGIN)];
    let label = [("scope", "label"), ("scope_id", "n:1"), ("since", BEGIN)];
    let label_name = bench.ask("labels.get", &[("label_id", "n:1")], Value::Null, "gateway").await;
    let number = bench.begin("n:3").await;
    bench.pass(30);
    bench.answer(number).await;
    let patch =
        json!({"assignee_id": "n:2", "team_id": "n:1", "labels": [label_name.unwrap()["name"]]});
    bench.update(number, patch, NOOR).await.unwrap();
    bench.update(number, json!({"status": "resolved"}), "gateway").await.unwrap();
    for given in [noor, website, team, label] {
        let figures = bench.summary(&given).await;
        let counts: Vec<_> = COUNTS.iter().map(|n| figures[n].as_i64().unwrap()).collect();
        assert_eq!(counts, [1, 1, 1, 1], "{given:?}");
        assert_eq!(figures["avg_first_response_time"], 30.0, "{given:?}");
        assert_eq!(figures["avg_resolution_time"], 30.0, "{given:?}");
    }
    for given in [tomas, line] {
        let figures = bench.summary(&given).await;
        assert!(COUNTS.iter().all(|n| figures[n] == 0), "{given:?}: {figures}");
    }
    for (given, code) in [
        (vec![("scope", "agent")], ProblemCode::BadRequest),
        (vec![("scope", "agent"), ("scope_id", "n:4711")], ProblemCode::NotFound),
        (vec![("since", "yesterday")], ProblemCode::BadRequest),
        (vec![("business_hours", "maybe")], ProblemCode::BadRequest),
    ] {
        assert_eq!(bench.report("summary", &given).await.unwrap_err().code, code, "{given:?}");
    }
    for name in ["series", "summary", "conversations", "agents"] {
        let given: &[_] = if name == "series" { &[("metric", "reply_time")] } else { &[] };
        for who in [ILSE, super::MIRA] {
            let asked = bench.ask(&format!("reports.{name}"), given, Value::Null, who).await;
            assert_eq!(asked.unwrap_err().code, ProblemCode::Forbidden, "{name} {who}");
        }
    }
}

#[tokio::test]
async fn days_begin_where_the_zone_says() {
    let bench = Bench::new();
    bench.set("2026-06-30T22:30:00.000Z");
    bench.begin("n:3").await;
    bench.set("2026-07-01T03:45:00.000Z");
    bench.begin("n:4").await;
    let asked = |group: &'static str, zone: &'static str| {
        vec![
            ("group_by", group),
            ("timezone", zone),
            ("since", "2026-06-30T00:00:00.000Z"),
            ("until", "2026-07-02T00:00:00.000Z"),
        ]
    };
    for (group, zone, expected) in [
        ("day", "UTC", vec![("2026-06-30T00:00:00.000Z", 1.0), ("2026-07-01T00:00:00.000Z", 1.0)]),
        ("day", "Europe/Madrid", vec![("2026-06-30T22:00:00.000Z", 2.0)]),
        ("day", "+05:30", vec![("2026-06-30T18:30:00.000Z", 2.0)]),
        ("day", "-04:00", vec![("2026-06-30T04:00:00.000Z", 2.0)]),
        (
            "day",
            "-03:30",
            vec![("2026-06-30T03:30:00.000Z", 1.0), ("2026-07-01T03:30:00.000Z", 1.0)],
        ),
        (
            "hour",
            "+05:30",
            vec![("2026-06-30T22:30:00.000Z", 1.0), ("2026-07-01T03:30:00.000Z", 1.0)],
        ),
        // A Sunday.
        ("week", "UTC", vec![("2026-06-28T00:00:00.000Z", 2.0)]),
        (
            "month",
            "UTC",
            vec![("2026-06-01T00:00:00.000Z", 1.0), ("2026-07-01T00:00:00.000Z", 1.0)],
        ),
        ("month", "Europe/Madrid", vec![("2026-06-30T22:00:00.000Z", 2.0)]),
        ("year", "Europe/Madrid", vec![("2025-12-31T23:00:00.000Z", 2.0)]),
    ] {
        let points = bench.series("conversations_count", &asked(group, zone)).await;
        assert_eq!(filled(&points), expected, "{group} {zone}");
    }
    // Every period is there, the empty ones too, and the night on which clocks change is no other.
    let march = [
        ("group_by", "day"),
        ("timezone", "Europe/Madrid"),
        ("since", "2027-03-26T23:00:00.000Z"),
        ("until", "2027-03-29T22:00:00.000Z"),
    ];
    let points = bench.series("reply_time", &march).await;
    let begins: Vec<_> = points.iter().map(|p| p["at"].as_str().unwrap()).collect();
    assert_eq!(
        begins,
        ["2027-03-26T23:00:00.000Z", "2027-03-27T23:00:00.000Z", "2027-03-28T22:00:00.000Z"]
    );
    assert!(points.iter().all(|p| p["value"].is_null() && p["count"] == 0));
    // What happens at the very end belongs to the next time.
    let end = [("since", "2026-07-01T03:00:00.000Z"), ("until", "2026-07-01T03:45:00.000Z")];
    assert_eq!(filled(&bench.series("conversations_count", &end).await), []);
    let hours =
        [("group_by", "hour"), ("since", "2020-01-01T00:00:00.000Z"), ("metric", "reply_time")];
    assert_eq!(bench.report("series", &hours).await.unwrap_err().code, ProblemCode::BadRequest);
    for zone in ["Mars/Olympus", "+5", "+24:00", "+05:60"] {
        let given = [("metric", "reply_time"), ("timezone", zone)];
        let problem = bench.report("series", &given).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::BadRequest, "{zone}");
    }
}

#[tokio::test]
async fn only_working_hours_count_where_they_are_asked_for() {
    let bench = Bench::new();
    // The line works until 17:30 in Madrid, on Fridays until 15:00, and not at all on Sundays.
    bench.set("2026-06-05T12:50:00.000Z");
    let body = json!({
        "inbox_id": "n:1", "contact_id": "n:1", "status": "open",
        "message": {"kind": "incoming", "text": "Hi"},
    });
    let made = bench.ask("conversations.create", &[], body, "gateway").await.unwrap();
    bench.set("2026-06-08T07:20:00.000Z");
    bench.answer(made["number"].as_i64().unwrap()).await;
    let since = ("since", "2026-06-05T00:00:00.000Z");
    let whole = bench.summary(&[since]).await;
    assert_eq!(whole["avg_first_response_time"], 239_400.0);
    // Ten minutes of Friday and twenty of Monday.
    let worked = bench.summary(&[since, ("business_hours", "true")]).await;
    assert_eq!(worked["avg_first_response_time"], 1_800.0);
    // The website has no hours: all of it counts.
    bench.set("2026-06-13T00:00:00.000Z");
    let number = bench.begin("n:3").await;
    bench.pass(7_200);
    bench.answer(number).await;
    let asked = [("since", "2026-06-13T00:00:00.000Z"), ("business_hours", "true")];
    assert_eq!(bench.summary(&asked).await["avg_first_response_time"], 7_200.0);
}

#[tokio::test]
async fn the_time_before_is_as_long() {
    let bench = Bench::new();
    bench.begin("n:3").await;
    bench.pass(3_600);
    bench.begin("n:4").await;
    bench.begin("n:5").await;
    let given = [("since", "2026-06-01T13:00:00.000Z"), ("until", "2026-06-01T14:00:00.000Z")];
    let report = bench.report("summary", &given).await.unwrap();
    assert_eq!(report["summary"]["conversations_count"], 2);
    assert_eq!(report["previous"]["conversations_count"], 1);
    let all = bench.report("summary", &[]).await.unwrap();
    assert_eq!(all["previous"]["conversations_count"], 0, "nothing happened before the beginning");
}

#[tokio::test]
async fn who_has_the_most_stands_first() {
    let bench = Bench::new();
    let first = bench.report("agents", &[]).await.unwrap();
    let counts = |report: &Value| -> Vec<(i64, i64, i64)> {
        report["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                let metric = |name: &str| entry["metrics"][name].as_i64().unwrap();
                (entry["agent"]["number"].as_i64().unwrap(), metric("open"), metric("unattended"))
            })
            .collect()
    };
    let before = counts(&first);
    assert!(before.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{before:?}");
    let wren = |all: &[(i64, i64, i64)]| *all.iter().find(|(n, ..)| *n == 4).unwrap();
    let (_, open, unattended) = wren(&before);
    let number = bench.begin("n:3").await;
    bench.update(number, json!({"assignee_id": "n:4"}), NOOR).await.unwrap();
    let after = counts(&bench.report("agents", &[]).await.unwrap());
    assert_eq!(wren(&after), (4, open + 1, unattended + 1));
    let one = counts(&bench.report("agents", &[("agent_id", "n:4")]).await.unwrap());
    assert_eq!(one, [wren(&after)]);
    let second = bench.report("agents", &[("limit", "2"), ("page", "2")]).await.unwrap();
    assert_eq!(counts(&second), after[2..4]);
    let gone = bench.report("agents", &[("agent_id", "n:4711")]).await.unwrap_err();
    assert_eq!(gone.code, ProblemCode::NotFound);
    let far = bench.report("agents", &[("limit", "200"), ("page", "51")]).await.unwrap_err();
    assert_eq!(far.code, ProblemCode::BadRequest);
}

fn sum(points: &[Value], what: impl Fn(&Value) -> f64) -> f64 {
    points.iter().map(what).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// All periods together are the whole, whatever the periods are.
    #[test]
    fn a_series_adds_up_to_the_summary(
        from in 0_i64..200, days in 0_i64..120, minutes in 0_i64..1_440,
        group in prop::sample::select(vec!["hour", "day", "week", "month", "year"]),
        zone in prop::sample::select(vec!["UTC", "Europe/Madrid", "Asia/Kathmandu", "-03:30", "+14:00"]),
        scope in prop::sample::select(vec![("account", ""), ("agent", "n:2"), ("inbox", "n:1"), ("team", "n:1"), ("label", "n:1")]),
        business in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            let begin: Timestamp = "2025-12-20T00:00:00Z".parse().unwrap();
            let at = |days: i64| {
                let later = SignedDuration::from_mins(days * 1_440 + minutes);
                crate::sandbox::call::stamp(begin.checked_add(later).unwrap())
            };
            let (since, until) = (at(from), at(from + days));
            let mut given = vec![("since", since.as_str()), ("until", until.as_str())];
            if business { given.push(("business_hours", "true")); }
            if scope.0 != "account" { given.extend([("scope", scope.0), ("scope_id", scope.1)]); }
            let whole = bench.summary(&given).await;
            given.extend([("group_by", group), ("timezone", zone)]);
            for name in COUNTS {
                let points = bench.series(name, &given).await;
                let counted = sum(&points, |p| p["value"].as_f64().unwrap());
                assert_eq!(Some(counted), whole[name].as_f64(), "{name} {given:?}");
                assert!(points.windows(2).all(|p| p[0]["at"].as_str() < p[1]["at"].as_str()));
            }
            for name in AVERAGES {
                let points = bench.series(name, &given).await;
                let count = sum(&points, |p| p["count"].as_f64().unwrap());
                let all = sum(&points, |p| p["count"].as_f64().unwrap() * p["value"].as_f64().unwrap_or(0.0));
                match whole[name].as_f64() {
                    None => assert_eq!(count, 0.0, "{name}"),
                    // Each is exact to the millisecond.
                    Some(mean) => assert!((mean - all / count).abs() < 0.002, "{name}: {mean} {}", all / count),
                }
            }
        });
    }
}
