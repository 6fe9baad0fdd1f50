//! Surveys: who is asked when, where the answer stands, and when it is too late.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::revising::block;
use super::{Bench, JONAS, MIRA, NOOR, pointer_and_code};
use crate::canonical::{Problem, ProblemCode};

impl Bench {
    async fn survey(
        &self,
        operation: &str,
        id: &str,
        body: Value,
        who: &str,
    ) -> Result<Value, Problem> {
        self.ask(operation, &[("csat_id", id)], body, who).await
    }

    async fn surveys(&self, given: &[(&str, &str)], who: &str) -> Vec<Value> {
        let page = self.ask("csat.list", given, Value::Null, who).await.unwrap();
        page["data"].as_array().unwrap().clone()
    }

    /// Conversation 1, resolved by somebody: its survey.
    async fn resolved(&self, who: &str) -> Value {
        let patch = json!({"status": "resolved"});
        let conversation = self.update(1, patch, who).await.unwrap();
        let id = conversation["csat_id"].as_str().expect("a survey");
        self.survey("csat.get", id, Value::Null, NOOR).await.unwrap()
    }

    /// The message of conversation 1 that asks.
    async fn question(&self, survey: &Value) -> Value {
        let id = survey["message_id"].as_str().expect("a message");
        self.on("messages.get", id, Value::Null, MIRA).await.unwrap()
    }
}

#[tokio::test]
async fn who_resolves_asks_once_where_the_inbox_asks() {
    let bench = Bench::new();
    // The contact itself ends it: it is asked all the same.
    let survey = bench.resolved(MIRA).await;
    let told = ["conversation_number", "contact_number", "agent_number", "status", "expires_at"];
    let told: Vec<&Value> = told.iter().map(|name| &survey[name]).collect();
    assert_eq!(json!(told), json!([1, 1, 2, "offered", "2026-06-15T12:00:00.000Z"]));
    let uuid = bench.get(1).await["uuid"].clone();
    let link = format!("http://desk.test/survey/responses/{}", uuid.as_str().unwrap());
    assert_eq!((&survey["survey_url"], &survey["code"]), (&json!(link), &uuid));
    let question = bench.question(&survey).await;
    assert_eq!(
        (&question["kind"], &question["author"]["type"]),
        (&json!("template"), &json!("system"))
    );
    assert_eq!(block(&question, "csat")["csat_id"], survey["id"]);

    // Opened and resolved again, nobody is asked again.
    bench.update(1, json!({"status": "open"}), NOOR).await.unwrap();
    let before = bench.get(1).await["message_count"].as_i64().unwrap();
    assert_eq!(bench.resolved(NOOR).await["id"], survey["id"]);
    assert_eq!(bench.get(1).await["message_count"], before + 1, "the activity alone");

    // The inbox of conversation 2 asks; that of 6 does not.
    let quiet = bench.update(6, json!({"status": "resolved"}), NOOR).await.unwrap();
    assert_eq!(quiet["csat_id"], Value::Null);
}

#[tokio::test]
async fn an_answer_stands_in_the_survey_and_in_the_message() {
    let bench = Bench::new();
    let survey = bench.resolved(NOOR).await;
    let id = survey["id"].as_str().unwrap().to_owned();
    bench.minute();
    let answer = json!({"rating": {"value": 2, "scale": "emoji_5"}, "comment": "Slow"});
    let given = bench.survey("csat.submit", &id, answer, MIRA).await.unwrap();
    assert_eq!((&given["status"], &given["rating"]["value"]), (&json!("received"), &json!(2)));
    assert_eq!(given["responded_at"], "2026-06-01T12:01:00.000Z");
    let question = bench.question(&survey).await;
    assert_eq!(block(&question, "csat")["rating"]["value"], 2);
    assert_eq!(block(&question, "csat")["comment"], "Slow");

    // By the message, and who has the conversation then is rated.
    bench.update(1, json!({"assignee_id": "n:1"}), NOOR).await.unwrap();
    let submitted = json!({"submitted": {"rating": {"value": 5}}});
    let message = survey["message_id"].as_str().unwrap();
    bench.on("messages.update", message, submitted, MIRA).await.unwrap();
    let after = bench.survey("csat.get", &id, Value::Null, MIRA).await.unwrap();
    let told = (&after["rating"]["value"], &after["comment"], &after["agent_number"]);
    assert_eq!(told, (&json!(5), &json!("Slow"), &json!(1)));

    let nothing = json!({"rating": {"value": null}});
    let problem = bench.survey("csat.submit", &id, nothing, MIRA).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/rating/value", "required"));
}

#[tokio::test]
async fn after_two_weeks_it_is_too_late() {
    let bench = Bench::new();
    let survey = bench.resolved(NOOR).await;
    let id = survey["id"].as_str().unwrap();
    let days = |days: i64| {
        let mut time = bench.time.lock().unwrap();
        *time = time.checked_add(SignedDuration::from_hours(24 * days)).unwrap();
    };
    days(13);
    let answer = json!({"rating": {"value": 3}});
    bench.survey("csat.submit", id, answer.clone(), MIRA).await.unwrap();
    days(1);
    let late = bench.survey("csat.submit", id, answer, MIRA).await.unwrap_err();
    assert_eq!(late.code, ProblemCode::Gone);
    let submitted = json!({"submitted": {"rating": {"value": 1}}});
    let message = survey["message_id"].as_str().unwrap();
    let late = bench.on("messages.update", message, submitted, MIRA).await.unwrap_err();
    assert_eq!(late.code, ProblemCode::Gone);
    // Nothing of it was written.
    assert_eq!(block(&bench.question(&survey).await, "csat")["rating"]["value"], 3);
    let after = bench.survey("csat.get", id, Value::Null, NOOR).await.unwrap();
    assert_eq!((&after["status"], &after["rating"]["value"]), (&json!("received"), &json!(3)));
}

#[tokio::test]
async fn a_survey_without_an_answer_expires() {
    let bench = Bench::new();
    let body = json!({"conversation_id": "n:2", "send": false});
    let made = bench.ask("csat.request", &[], body.clone(), NOOR).await.unwrap();
    assert_eq!((&made["status"], &made["message_id"]), (&json!("offered"), &Value::Null));
    // There is one of each conversation; sent later, it is the same.
    let sent =
        bench.ask("csat.request", &[], json!({"conversation_id": "n:2"}), NOOR).await.unwrap();
    assert_eq!(sent["id"], made["id"]);
    assert_ne!(sent["message_id"], Value::Null);
    let again =
        bench.ask("csat.request", &[], json!({"conversation_id": "n:2"}), NOOR).await.unwrap();
    assert_eq!(again["message_id"], sent["message_id"]);
    let time = "2026-06-15T12:00:00.000Z".parse().unwrap();
    *bench.time.lock().unwrap() = time;
    let over = bench.survey("csat.get", made["id"].as_str().unwrap(), Value::Null, NOOR).await;
    assert_eq!(over.unwrap()["status"], "expired");

    for (body, pointer) in [
        (json!({"conversation_id": "n:4711"}), "/conversation_id"),
        (json!({"send": true}), "/conversation_id"),
    ] {
        let problem = bench.ask("csat.request", &[], body, NOOR).await.unwrap_err();
        assert_eq!(pointer_and_code(&problem).0, pointer);
    }
    let contact = bench.ask("csat.request", &[], body, JONAS).await.unwrap_err();
    assert_eq!(contact.code, ProblemCode::Forbidden);
}

#[tokio::test]
async fn a_question_of_an_agent_is_the_survey() {
    let bench = Bench::new();
    let ask = json!({"text": "Happy?", "blocks": [{"type": "csat", "display": "star"}]});
    let message = bench.say(2, ask, NOOR).await.unwrap();
    let found = bench.surveys(&[("conversation_id", "n:2")], NOOR).await;
    assert_eq!(found[0]["message_id"], message["id"]);
    assert_eq!(block(&message, "csat")["csat_id"], found[0]["id"]);
}

#[tokio::test]
async fn lists_show_what_is_open_to_the_one_who_asks() {
    let bench = Bench::new();
    bench.resolved(NOOR).await;
    let numbers = async |given: &[(&str, &str)], who: &str| -> Vec<i64> {
        let found = bench.surveys(given, who).await;
        found.iter().map(|survey| survey["number"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers(&[], NOOR).await, [2, 1]);
    assert_eq!(numbers(&[("sort", "created_at")], "gateway").await, [1, 2]);
    assert_eq!(numbers(&[("answered", "true")], NOOR).await, [1]);
    assert_eq!(numbers(&[("answered", "false")], NOOR).await, [2]);
    assert_eq!(numbers(&[("agent_id", "n:3")], NOOR).await, [0_i64; 0]);
    assert_eq!(numbers(&[("since", "2026-06-01T12:00:00.000Z")], NOOR).await, [2]);
    assert_eq!(numbers(&[("until", "2026-06-01T12:00:00.000Z")], NOOR).await, [1]);
    // Contacts see their own.
    assert_eq!(numbers(&[], MIRA).await, [2, 1]);
    assert_eq!(numbers(&[], JONAS).await, [0_i64; 0]);
    let foreign = bench.survey("csat.get", "n:1", Value::Null, JONAS).await.unwrap_err();
    assert_eq!(foreign.code, ProblemCode::NotFound);

    // It goes with its conversation, and its agent lets go of it.
    bench.ask("agents.delete", &[("agent_id", "n:2")], Value::Null, "gateway").await.unwrap();
    let kept = bench.survey("csat.get", "n:1", Value::Null, "gateway").await.unwrap();
    assert_eq!((&kept["agent_id"], &kept["agent_number"]), (&Value::Null, &Value::Null));
    let gone = [("conversation_id", "n:1")];
    bench.ask("conversations.delete", &gone, Value::Null, "gateway").await.unwrap();
    assert_eq!(numbers(&[], "gateway").await, [1]);
    bench.ask("contacts.delete", &[("contact_id", "n:1")], Value::Null, "gateway").await.unwrap();
    assert_eq!(numbers(&[], "gateway").await, [0_i64; 0]);
}

#[tokio::test]
async fn only_the_uuid_names_a_conversation_to_a_stranger() {
    let bench = Bench::new();
    let conversation = bench.get(1).await;
    let uuid = conversation["uuid"].as_str().unwrap().to_uppercase();
    let resolve = async |uuid: &str| {
        bench.ask("resolve.conversation", &[("uuid", uuid)], Value::Null, "gateway").await
    };
    assert_eq!(resolve(&uuid).await.unwrap()["id"], conversation["id"]);
    let id = conversation["id"].as_str().unwrap();
    for other in ["n:1", id, &format!("u:{uuid}"), "%"] {
        assert_eq!(resolve(other).await.unwrap_err().code, ProblemCode::NotFound, "{other}");
    }
}
