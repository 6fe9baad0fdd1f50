use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn equal_addresses_make_one_contact_of_two() {
    let bench = Bench::new();
    let conversations = async |number: i64| {
        let mut all = Vec::new();
        for conversation in 1..=67 {
            let read = bench.get(conversation).await;
            if read["contact_number"] == number {
                all.push(read);
            }
        }
        all
    };
    let (of_aiko, of_jonas) = (conversations(3).await, conversations(2).await);
    let aiko = bench.contact("n:3").await.unwrap();
    bench.minute();
    let merge = [("on_duplicate", "merge")];
    let patch = json!({"email": "jonas.weber@mail.example", "location": "Kyoto", "custom_attributes": {"plan": "gold"}});
    let one = bench.change(3, patch, &merge).await.unwrap();
    assert_eq!(
        (&one["number"], &one["merged_from_id"], &one["merged_from_number"]),
        (&json!(2), &aiko["id"], &json!(3))
    );
    assert_eq!((&one["name"], &one["identifier"]), (&json!("Jonas Weber"), &json!("crm-88135")));
    assert_eq!(
        (&one["location"], &one["custom_attributes"]["plan"]),
        (&json!("Kyoto"), &json!("gold"))
    );
    let sources: Vec<_> = one["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["source_id"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["demo-contact-2", "demo-contact-3"]);
    assert_eq!(bench.contact("n:3").await.unwrap_err().code, ProblemCode::NotFound);
    assert_eq!(bench.contact("n:2").await.unwrap()["merged_from_id"], Value::Null);

    let merged = conversations(2).await;
    assert_eq!(merged.len(), of_aiko.len() + of_jonas.len());
    let incoming = merged
        .iter()
        .flat_map(|c| c["messages"].as_array().unwrap())
        .filter(|m| m["kind"] == "incoming");
    assert!(
        incoming.clone().count() > 10 && incoming.into_iter().all(|m| m["author"]["number"] == 2)
    );
    // Who went in still speaks through the old identity.
    let number = of_aiko[0]["number"].as_i64().unwrap();
    bench.say(number, json!({"text": "Me again"}), "contact-identity:n:3").await.unwrap();
}

#[tokio::test]
async fn which_contact_is_meant_must_be_clear() {
    let bench = Bench::new();
    let merge = [("on_duplicate", "merge")];
    let two = json!({"email": "jonas.weber@mail.example", "phone_number": "+34611223344"});
    let problem = bench.change(3, two, &merge).await.unwrap_err();
    assert_eq!((problem.code, faults(&problem).len()), (ProblemCode::Conflict, 2));
    let another = json!({"email": "jonas.weber@mail.example", "identifier": "crm-7"});
    let problem = bench.change(3, another, &merge).await.unwrap_err();
    assert_eq!(
        (problem.code, pointer_and_code(&problem)),
        (ProblemCode::Conflict, ("/email", "taken"))
    );
    // One's own address is nobody else's.
    let own = json!({"email": "AIKO.tanabe@mail.example"});
    assert_eq!(bench.change(3, own, &merge).await.unwrap()["number"], 3);
}

#[tokio::test]
async fn two_contacts_are_made_one_on_demand() {
    let bench = Bench::new();
    let merge = async |from: &str, into: &str, actor: &str| {
        let given = [("contact_id", from), ("include", "identities")];
        bench.ask("contacts.merge", &given, json!({"into_id": into}), actor).await
    };
    let kept = merge("n:2", "n:1", NOOR).await.unwrap();
    assert_eq!((&kept["number"], &kept["merged_from_number"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&kept["name"], &kept["description"]),
        (&json!("Mira Solano"), &json!("Orders for the studio in spring and autumn."))
    );
    assert_eq!(kept["labels"], json!(["vip", "new"]));
    assert_eq!(kept["last_activity_at"], "2026-05-12T20:41:10.000Z");
    assert_eq!(kept["identities"].as_array().unwrap().len(), 3);
    for (from, into, pointer, code) in
        [("n:1", "n:1", "/into_id", "invalid"), ("n:1", "n:2", "/into_id", "not_found")]
    {
        let problem = merge(from, into, NOOR).await.unwrap_err();
        assert_eq!(pointer_and_code(&problem), (pointer, code));
    }
    assert_eq!(merge("n:2", "n:1", NOOR).await.unwrap_err().code, ProblemCode::NotFound);
    assert_eq!(merge("n:1", "n:4", MIRA).await.unwrap_err().code, ProblemCode::Forbidden);
}

#[tokio::test]
async fn a_deleted_contact_takes_its_conversations_along() {
    let bench = Bench::new();
    let given = [("contact_id", "n:1")];
    let gone = bench.ask("contacts.delete", &given, Value::Null, NOOR).await.unwrap();
    assert_eq!(gone["number"], 1);
    assert_eq!(bench.contact("n:1").await.unwrap_err().code, ProblemCode::NotFound);
    let conversation = [("conversation_id", "n:1")];
    let problem =
        bench.ask("conversations.get", &conversation, Value::Null, NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::NotFound);
    let found = bench
        .ask("identities.find", &[("source_id", "demo-contact")], Value::Null, "gateway")
        .await;
    assert_eq!(found.unwrap()["data"], json!([]));
    // Its number is never given again.
    assert_eq!(bench.make(json!({"name": "Next"})).await.unwrap()["number"], 46);
}
