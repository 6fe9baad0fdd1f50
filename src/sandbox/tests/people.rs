use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn lists_have_pages_orders_and_a_count() {
    let bench = Bench::new();
    let ask =
        async |given: &[(&str, &str)]| bench.ask("contacts.list", given, Value::Null, NOOR).await;
    let third = ask(&[("page", "3"), ("limit", "15"), ("count", "exact"), ("sort", "name")]).await;
    let third = third.unwrap();
    let page = &third["page"];
    assert_eq!(
        (&page["number"], &page["total"], &page["limit"]),
        (&json!(3), &json!(45), &json!(15))
    );
    assert_eq!((data(&third).len(), &page["next"]), (15, &Value::Null));
    assert_eq!(names(&third).last(), Some(&"–"), "who has no name comes last");
    let second = [("cursor", page["prev"].as_str().unwrap()), ("limit", "15"), ("sort", "name")];
    let second = ask(&second).await.unwrap();
    let by_number = ask(&[("page", "2"), ("limit", "15"), ("sort", "name")]).await.unwrap();
    assert_eq!(second["data"], by_number["data"]);
    for sort in ["name", "-name", "email", "-last_activity_at", "company.name", "-address.city"] {
        let all =
            bench.all("contacts.list", &[("sort", sort), ("limit", "7")], &Value::Null, NOOR).await;
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=45).collect::<Vec<_>>(), "{sort}");
    }
    let plain = ask(&[]).await.unwrap();
    assert_eq!((&plain["page"]["total"], &plain["page"]["number"]), (&Value::Null, &Value::Null));
    let latest = ask(&[("sort", "-last_activity_at"), ("limit", "200")]).await.unwrap();
    assert_eq!(plain["data"].as_array().unwrap()[..], data(&latest)[..data(&plain).len()]);
    for (name, value) in
        [("page", "0"), ("limit", "201"), ("sort", "nmae"), ("cursor", "x"), ("page", "201")]
    {
        let problem = ask(&[(name, value)]).await.unwrap_err();
        let fault = problem.errors[0].parameter.as_deref();
        assert_eq!((problem.code, fault), (ProblemCode::BadRequest, Some(name)), "{value}");
    }
}

#[tokio::test]
async fn contacts_are_found_by_what_a_list_asks() {
    let bench = Bench::new();
    type Given = &'static [(&'static str, &'static str)];
    let cases: &[(Given, &[i64])] = &[
        (&[("q", "MIRA")], &[1]),
        (&[("q", "KJÆR")], &[27]),
        (&[("q", "crm-8820")], &[9, 10, 11, 14, 16]),
        (&[("q", "fjord.EXAMPLE")], &[11, 22, 41]),
        (&[("q", "brook & byte")], &[10, 16, 36]),
        (&[("q", "+353")], &[10]),
        (&[("q", "nobody at all")], &[]),
        (&[("email", "priya.menon@mail.example")], &[23]),
        (&[("phone_number", "+353861234567")], &[10]),
        (&[("identifier", "crm-88121")], &[1]),
        (&[("identifier", "CRM-88121")], &[]),
        (&[("external_id", "zendesk:902144")], &[1]),
        (&[("external_id", "zendesk:1")], &[]),
        (&[("label", "vip"), ("label", "newsletter")], &[23]),
        (
            &[("label", "outage"), ("label", "refund"), ("label_match", "any")],
            &[14, 25, 27, 33, 45],
        ),
        (&[("updated_since", "2026-05-11T14:20:05.000Z")], &[1, 2]),
        (&[("q", "weber"), ("label", "vip")], &[]),
    ];
    for (given, due) in cases {
        let mut found = bench.all("contacts.list", given, &Value::Null, NOOR).await;
        found.sort_unstable();
        assert_eq!(&found, due, "{given:?}");
    }
}

#[tokio::test]
async fn contacts_are_found_by_a_filter() {
    let bench = Bench::new();
    let body = json!({
        "filter": {"op": "and", "filters": [
            {"field": "custom_attributes.seats", "cmp": "gte", "value": 12},
            {"op": "not", "filters": [{"field": "company.name", "cmp": "contains", "value": "FJORD"}]},
        ]},
        "sort": ["company.name", "-name"],
    });
    let found = bench.all("contacts.search", &[("limit", "2")], &body, NOOR).await;
    assert_eq!(found, [16, 10, 36, 30, 1]);
    let given = [("count", "exact"), ("include", "identities"), ("include", "identity_inbox")];
    let page = bench.ask("contacts.search", &given, body, NOOR).await.unwrap();
    assert_eq!(page["page"]["total"], 5);
    assert_eq!(page["data"][4]["identities"][1]["inbox"]["name"], "Website");

    let wrong = json!({"filter": {"op": "or", "filters": [
        {"field": "blocked", "cmp": "eq", "value": true},
        {"field": "emial", "cmp": "eq", "value": "x"},
    ]}});
    let problem = bench.ask("contacts.search", &[], wrong, NOOR).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::ValidationFailed);
    assert_eq!(pointer_and_code(&problem), ("/filter/filters/1/field", "unknown"));
    let wrong = json!({"filter": {"op": "or", "filters": [{"field": "email", "cmp": "like"}]}});
    let problem = bench.ask("contacts.search", &[], wrong, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/filter/filters/0/cmp", "invalid"));
}

#[tokio::test]
async fn a_contact_is_made_as_written() {
    let bench = Bench::new();
    let body = json!({
        "name": "Ada", "email": "Ada@Example.org", "phone_number": "", "labels": ["vip"],
        "company_name": "brook & BYTE", "address": {"formatted": "Here", "city": "Here"},
        "custom_attributes": {"plan": "gold", "none": null},
        "identity": {"inbox_id": "n:1"},
    });
    let made = bench.make(body).await.unwrap();
    assert_eq!((&made["number"], &made["email"]), (&json!(46), &json!("Ada@Example.org")));
    assert_eq!((&made["phone_number"], &made["blocked"]), (&Value::Null, &json!(false)));
    assert_eq!(
        (&made["company_number"], &made["company"]["name"]),
        (&json!(2), &json!("Brook & Byte"))
    );
    assert_eq!(made["custom_attributes"], json!({"plan": "gold"}));
    assert_eq!((&made["created_at"], &made["updated_at"]), (&json!(BEGIN), &json!(BEGIN)));
    let identity = &made["identity"];
    assert_eq!(identity["source_id"].as_str().unwrap().len(), 36, "nobody guesses it");
    assert_eq!(
        (&identity["channel_type"], &identity["display_name"]),
        (&json!("api"), &json!("Ada"))
    );
    assert_eq!(identity["inbox"]["identifier"], "demo-inbox");
    assert_eq!(made["identities"].as_array().unwrap().len(), 1);
    let read = bench.contact("n:46").await.unwrap();
    assert_eq!((&read["id"], &read["revision"]), (&made["id"], &made["revision"]));

    let new = bench.make(json!({"company_name": "Newly Made"})).await.unwrap();
    assert_eq!((&new["company_number"], &new["identity"]), (&json!(4), &Value::Null));
}

#[tokio::test]
async fn addresses_name_an_identity_where_a_channel_has_them() {
    let bench = Bench::new();
    for (inbox, member, due) in [
        ("n:3", json!({"phone_number": "+49555"}), "49555"),
        ("n:4", json!({"email": "new@mail.example"}), "new@mail.example"),
    ] {
        let mut body = member.clone();
        body["identity"] = json!({"inbox_id": inbox});
        assert_eq!(bench.make(body).await.unwrap()["identity"]["source_id"], due);
    }
    let problem = bench.make(json!({"identity": {"inbox_id": "n:3"}})).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/identity/source_id", "required"));
    let problem = bench.make(json!({"identity": {"inbox_id": "n:99"}})).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/identity/inbox_id", "not_found"));
    // Nothing of what was refused is left.
    assert_eq!(bench.contact("n:48").await.unwrap_err().code, ProblemCode::NotFound);
}

#[tokio::test]
async fn a_known_contact_is_refused_returned_or_changed() {
    let bench = Bench::new();
    let cases = [
        (
            json!({"identity": {"inbox_id": "n:1", "source_id": "demo-contact-2"}, "identifier": "crm-88121"}),
            2,
            "/identity/source_id",
        ),
        (json!({"identifier": "crm-88121", "email": "jonas.weber@mail.example"}), 1, "/identifier"),
        (json!({"email": "JONAS.weber@mail.example", "phone_number": "+34611223344"}), 2, "/email"),
        (json!({"phone_number": "+34611223344"}), 1, "/phone_number"),
    ];
    for (body, number, pointer) in cases {
        let problem = bench.make(body.clone()).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::Conflict, "{body}");
        assert_eq!(pointer_and_code(&problem), (pointer, "taken"), "{body}");
        let mut body = body;
        body["when_known"] = json!("return");
        body["name"] = json!("Somebody Else");
        let found = bench.make(body).await.unwrap();
        assert_eq!(found["number"], number);
        assert_ne!(found["name"], "Somebody Else");
    }
    bench.minute();
    let body = json!({"when_known": "update", "email": "jonas.weber@mail.example", "name": "Jonas W.",
                      "custom_attributes": {"plan": null, "seats": 2}, "identity": {"inbox_id": "n:2"}});
    let changed = bench.make(body).await.unwrap();
    assert_eq!((&changed["number"], &changed["name"]), (&json!(2), &json!("Jonas W.")));
    assert_eq!(changed["custom_attributes"], json!({"seats": 2}));
    assert_eq!(changed["updated_at"], "2026-06-01T12:01:00.000Z");
    assert_eq!(changed["identities"].as_array().unwrap().len(), 2);
    let taken = json!({"when_known": "update", "identifier": "crm-88135", "email": "mira.solano@ceramics.example", "phone_number": "+34611223344"});
    let problem = bench.make(taken).await.unwrap_err();
    assert_eq!(faults(&problem), [("/email", "taken"), ("/phone_number", "taken")]);
}

#[tokio::test]
async fn a_merge_patch_changes_what_it_names() {
    let bench = Bench::new();
    bench.minute();
    let before = bench.contact("n:1").await.unwrap();
    let patch = json!({
        "email": "mira@new.example", "last_name": null, "company_id": null, "labels": [],
        "address": {"city": "Bilbao"}, "custom_attributes": {"plan": null, "seats": 13},
    });
    let after = bench.change(1, patch.clone(), &[]).await.unwrap();
    assert_eq!(
        (&after["email"], &after["last_name"], &after["company"]),
        (&json!("mira@new.example"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&after["address"]["city"], &after["address"]["street"]),
        (&json!("Bilbao"), &json!("Calle de la Paz 4"))
    );
    assert_eq!(
        (after["custom_attributes"].get("plan"), &after["custom_attributes"]["seats"]),
        (None, &json!(13))
    );
    assert_eq!(after["emails"], json!([{"value": "mira@new.example", "label": null}]));
    assert_eq!((&after["labels"], &after["first_name"]), (&json!([]), &json!("Mira")));
    assert_eq!(after["updated_at"], "2026-06-01T12:01:00.000Z");
    assert_ne!(after["revision"], before["revision"]);
    let again = bench.change(1, patch, &[]).await.unwrap();
    assert_eq!(again["revision"], after["revision"], "nothing changes, and no revision");
    let stale = [("If-Match", "\"r1\"")];
    let problem = bench.change(1, json!({"name": "x"}), &stale).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::PreconditionFailed);

    for (patch, pointer, code) in [
        (json!({"emial": "x"}), "/emial", "unknown"),
        (json!({"number": 5}), "/number", "read_only"),
        (json!({"blocked": "no"}), "/blocked", "wrong_type"),
        (json!({"company_id": "n:99"}), "/company_id", "not_found"),
        (json!({"contact_type": "friend"}), "/contact_type", "invalid"),
        (json!({"date_of_birth": "1990-02-30"}), "/date_of_birth", "invalid"),
    ] {
        let problem = bench.change(1, patch, &[]).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::ValidationFailed);
        assert_eq!(pointer_and_code(&problem), (pointer, code));
    }
    let problem = bench.change(3, json!({"identifier": "crm-88121"}), &[]).await.unwrap_err();
    assert_eq!(
        (problem.code, pointer_and_code(&problem)),
        (ProblemCode::Conflict, ("/identifier", "taken"))
    );
    let problem =
        bench.change(3, json!({"email": "jonas.WEBER@mail.example"}), &[]).await.unwrap_err();
    assert_eq!(
        (problem.code, pointer_and_code(&problem)),
        (ProblemCode::Conflict, ("/email", "taken"))
    );
}

#[tokio::test]
async fn labels_are_a_set() {
    let bench = Bench::new();
    let given = [("contact_id", "n:1")];
    let read = bench.ask("contacts.labels.list", &given, Value::Null, NOOR).await.unwrap();
    assert_eq!((&read["labels"], &read["contact_number"]), (&json!(["vip"]), &json!(1)));
    let put = json!({"labels": ["refund", "of their own"]});
    let now = bench.ask("contacts.labels.replace", &given, put, NOOR).await.unwrap();
    assert_eq!(now["labels"], json!(["refund", "of their own"]));
    assert_eq!(bench.contact("n:1").await.unwrap()["labels"], now["labels"]);
    let twice = json!({"labels": ["a", "a"]});
    let problem = bench.ask("contacts.labels.replace", &given, twice, NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/labels/1", "duplicate"));
    let none = [("contact_id", "n:3")];
    let read = bench.ask("contacts.labels.list", &none, Value::Null, NOOR).await.unwrap();
    assert_eq!(read["labels"], json!([]), "none, not nothing");
}

/// Of `crm-88121`, by the secrets of inboxes 1 and 7.
const PROOF: &str = "ad79ac49420385b8ddd6ec0601ede6334cae900ae67f2d5ae0304f62694dec8d";
const MEMBER_PROOF: &str = "fd1302cc66f6a5d3cdd9ba8e9a7662fb1959d54b7f7d352ff356300f6c023dfd";

#[tokio::test]
async fn who_proves_an_identifier_is_verified() {
    let bench = Bench::new();
    let own = [("contact_id", "n:1"), ("include", "identities")];
    let prove =
        async |body: Value, actor: &str| bench.ask("contacts.update", &own, body, actor).await;
    let wrong = json!({"identifier": "crm-88121", "identifier_hash": MEMBER_PROOF});
    let problem = prove(wrong, MIRA).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/identifier_hash", "invalid"));
    let seen = prove(json!({"name": "Mira", "identifier_hash": ""}), MIRA).await.unwrap();
    assert_eq!(seen["identities"].as_array().unwrap().len(), 1, "nothing was proved");
    let right = json!({"identifier": "crm-88121", "identifier_hash": PROOF});
    let problem = prove(right.clone(), NOOR).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/identifier_hash", "invalid"), "of somebody else");
    prove(right, MIRA).await.unwrap();
    // From now on the contact sees its other identity and what was said through it.
    let seen = bench.ask("contacts.get", &own, Value::Null, MIRA).await.unwrap();
    assert_eq!(seen["identities"].as_array().unwrap().len(), 2);
    assert_eq!(seen["identities"][0]["verified"], true);

    let member = |proof: Value| {
        json!({"identifier": "crm-88121", "identifier_hash": proof, "when_known": "return",
               "identity": {"inbox_id": "n:7", "source_id": "member-1"}})
    };
    for (proof, code) in [(Value::Null, "required"), (json!(PROOF), "invalid")] {
        let problem = bench.make(member(proof)).await.unwrap_err();
        assert_eq!(pointer_and_code(&problem), ("/identifier_hash", code));
    }
    let made = bench.make(member(json!(MEMBER_PROOF))).await.unwrap();
    assert_eq!((&made["number"], &made["identity"]["verified"]), (&json!(1), &json!(true)));
    assert!(!made.to_string().contains(MEMBER_PROOF), "it is never answered");
    // An agent knows whom they write down.
    let given = [("include", "identity")];
    let body = json!({"name": "By hand", "identity": {"inbox_id": "n:7"}});
    let made = bench.ask("contacts.create", &given, body, NOOR).await.unwrap();
    assert_eq!(made["identity"]["verified"], false);
}
