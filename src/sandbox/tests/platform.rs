//! Accounts beside the first one, their people, and what a platform application may touch.

use serde_json::{Value, json};

use super::{Bench, NOOR, pointer_and_code};
use crate::canonical::{Problem, ProblemCode};

const APP: &str = "platform:n:1";
const OTHER: &str = "platform:n:2";

impl Bench {
    async fn platform(
        &self,
        operation: &str,
        given: &[(&str, &str)],
        body: Value,
    ) -> Result<Value, Problem> {
        self.ask(operation, given, body, APP).await
    }

    /// An account with one agent: their names.
    async fn company(&self, name: &str) -> (String, String) {
        let account = self.platform("accounts.create", &[], json!({"name": name})).await.unwrap();
        let email = format!("{}@people.example", name.to_lowercase());
        let user =
            json!({"name": "Ada", "display_name": "A", "email": email, "password": "Passw0rd!"});
        let user = self.platform("users.create", &[], user).await.unwrap();
        let account = account["id"].as_str().unwrap().to_owned();
        let user = user["id"].as_str().unwrap().to_owned();
        let member = json!({"user_id": user, "role": "administrator"});
        self.platform("account_users.create", &[("account_id", &account)], member).await.unwrap();
        (account, user)
    }
}

#[tokio::test]
async fn an_account_is_usable_at_once_and_shares_nothing() {
    let bench = Bench::new();
    let (account, user) = bench.company("Acme").await;
    assert_eq!(account, "2");
    let here = ("account_id", &*account);
    let agent = format!("agent:{user}");
    // It is empty, and its own numbers begin with 1.
    let empty = bench.ask("contacts.list", &[here], Value::Null, &agent).await.unwrap();
    assert_eq!(empty["data"], json!([]));
    let made = json!({"name": "Zoe", "email": "mira@shop.example"});
    let contact = bench.ask("contacts.create", &[here], made, &agent).await.unwrap();
    assert_eq!((&contact["number"], &contact["account_number"]), (&json!(1), &json!(2)));
    let first =
        bench.ask("contacts.get", &[("contact_id", "n:1")], Value::Null, NOOR).await.unwrap();
    assert_ne!(first["id"], contact["id"], "an id names one thing in all accounts");
    assert_ne!(first["name"], contact["name"]);
    // Who works here works nowhere else.
    let foreign = bench.ask("contacts.list", &[], Value::Null, &agent).await.unwrap_err();
    assert_eq!(foreign.code, ProblemCode::Forbidden);
    let foreign = bench.ask("contacts.list", &[here], Value::Null, "agent:n:1").await.unwrap_err();
    assert_eq!(foreign.code, ProblemCode::Forbidden);
    // A new agent of the account has a number that nobody has anywhere.
    let new = json!({"email": "bo@people.example", "name": "Bo"});
    let new = bench.ask("agents.create", &[here], new, &agent).await.unwrap();
    let other = bench.company("Globex").await.1;
    let other = bench.platform("users.get", &[("user_id", &other)], Value::Null).await.unwrap();
    assert!(other["number"].as_i64() > new["number"].as_i64(), "{other} {new}");
}

#[tokio::test]
async fn what_a_deleted_account_had_is_gone() {
    let bench = Bench::new();
    let (account, user) = bench.company("Acme").await;
    let here = ("account_id", &*account);
    let gone = bench.platform("accounts.delete", &[here], Value::Null).await.unwrap();
    assert_eq!(gone, json!({"id": "2", "number": 2}));
    for operation in ["contacts.list", "accounts.get"] {
        let problem = bench.ask(operation, &[here], Value::Null, "gateway").await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::NotFound, "{operation}");
    }
    let user = bench.platform("users.get", &[("user_id", &user)], Value::Null).await.unwrap();
    assert_eq!((&user["accounts"], &user["account_id"]), (&json!([]), &Value::Null));
    // Its number is nobody else's.
    assert_eq!(bench.company("Globex").await.0, "3");
    let first = bench.ask("accounts.delete", &[], Value::Null, "gateway").await.unwrap_err();
    assert_eq!(first.code, ProblemCode::Forbidden);
}

#[tokio::test]
async fn an_application_touches_only_what_it_has_made() {
    let bench = Bench::new();
    let (account, user) = bench.company("Acme").await;
    let here = ("account_id", &*account);
    let bot = json!({"name": "Porter", "account_id": "n:2"});
    let bot = bench.platform("platform_bots.create", &[], bot).await.unwrap();
    assert_eq!((&bot["account_number"], &bot["scope"]), (&json!(2), &json!("platform")));
    assert!(bot["access_token"].as_str().unwrap().len() > 20);
    let bot = bot["id"].as_str().unwrap().to_owned();
    type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], Value);
    let asked: [Asked<'_>; 9] = [
        ("accounts.get", &[here], Value::Null),
        ("accounts.update", &[here], json!({"name": "Mine"})),
        ("accounts.delete", &[here], Value::Null),
        ("account_users.list", &[here], Value::Null),
        ("account_users.create", &[here], json!({"user_id": user})),
        ("users.get", &[("user_id", &user)], Value::Null),
        ("users.delete", &[("user_id", &user)], Value::Null),
        ("users.sso_link", &[("user_id", &user)], Value::Null),
        ("platform_bots.get", &[("bot_id", &bot)], Value::Null),
    ];
    for (operation, given, body) in asked {
        let problem = bench.ask(operation, given, body, OTHER).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::Forbidden, "{operation}");
    }
    let none = bench.ask("platform_bots.list", &[], Value::Null, OTHER).await.unwrap();
    assert_eq!(none["data"], json!([]));
    let own = bench.platform("platform_bots.list", &[], Value::Null).await.unwrap();
    assert_eq!(own["data"][0]["id"], json!(bot));
    // Neither may it add somebody else's user to an account of its own.
    let mine = bench.ask("accounts.create", &[], json!({"name": "Mine"}), OTHER).await.unwrap();
    let mine = [("account_id", mine["id"].as_str().unwrap())];
    let problem = bench.ask("account_users.create", &mine, json!({"user_id": user}), OTHER).await;
    assert_eq!(pointer_and_code(&problem.unwrap_err()), ("/user_id", "not_found"));
}

#[tokio::test]
async fn the_platform_and_the_accounts_keep_apart() {
    let bench = Bench::new();
    // An application does not look into accounts, nor do agents and contacts into the platform.
    for operation in ["contacts.list", "conversations.list", "agents.list"] {
        let problem = bench.platform(operation, &[], Value::Null).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::Forbidden, "{operation}");
    }
    for actor in ["agent:n:1", "contact-identity:n:1", "bot:n:1"] {
        let email = json!({"email": "x@people.example"});
        let problem = bench.ask("users.create", &[], email, actor).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::Forbidden, "{actor}");
        let problem = bench.ask("platform_bots.list", &[], Value::Null, actor).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::Forbidden, "{actor}");
    }
    // But an account's own people see it, and its administrators change it.
    let own = bench.ask("accounts.get", &[], Value::Null, NOOR).await.unwrap();
    assert_eq!((&own["id"], &own["account_id"]), (&json!("1"), &json!("1")));
    let name = json!({"name": "Demo house"});
    let agent = bench.ask("accounts.update", &[], name.clone(), NOOR).await.unwrap_err();
    assert_eq!(agent.code, ProblemCode::Forbidden);
    let changed = bench.ask("accounts.update", &[], name, "agent:n:1").await.unwrap();
    assert_eq!(changed["name"], "Demo house");
    let more = json!({"limits": {"agents": 1000}});
    let problem = bench.ask("accounts.update", &[], more, "agent:n:1").await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/limits", "read_only"));
}

#[tokio::test]
async fn a_user_is_one_person_in_every_account() {
    let bench = Bench::new();
    let (account, user) = bench.company("Acme").await;
    let (second, _) = bench.company("Globex").await;
    let who = ("user_id", &*user);
    let member = json!({"user_id": user, "role": "agent"});
    let there = [("account_id", &*second)];
    let member = bench.platform("account_users.create", &there, member).await.unwrap();
    assert_eq!((&member["role"], &member["account_number"]), (&json!("agent"), &json!(3)));
    let both = bench.platform("users.get", &[who], Value::Null).await.unwrap();
    let accounts: Vec<_> =
        both["accounts"].as_array().unwrap().iter().map(|a| &a["role"]).collect();
    assert_eq!(accounts, [&json!("administrator"), &json!("agent")]);
    assert_eq!((&both["account_number"], &both["role"]), (&json!(2), &json!("administrator")));
    let name = json!({"name": "Ada Lovelace", "custom_attributes": {"desk": 4}});
    bench.platform("users.update", &[who], name).await.unwrap();
    for account in [&*account, &*second] {
        let given = [("account_id", account), ("agent_id", &*user)];
        let agent = bench.ask("agents.get", &given, Value::Null, "gateway").await.unwrap();
        assert_eq!(
            (&agent["name"], &agent["custom_attributes"]["desk"]),
            (&json!("Ada Lovelace"), &json!(4))
        );
    }
    // A second time only the role is another.
    let again = json!({"user_id": user, "role": "administrator"});
    bench.platform("account_users.create", &there, again).await.unwrap();
    let people = bench.platform("account_users.list", &there, Value::Null).await.unwrap();
    let people: Vec<_> = people["data"].as_array().unwrap().iter().map(|p| &p["role"]).collect();
    assert_eq!(people, [&json!("administrator"), &json!("administrator")]);
    let given = [there[0], who];
    for _ in 0..2 {
        // Of one who has left already nothing changes.
        let gone = bench.platform("account_users.delete", &given, Value::Null).await.unwrap();
        assert_eq!(gone["id"], json!(user));
    }
    bench.platform("users.delete", &[who], Value::Null).await.unwrap();
    let given = [("account_id", &*account), ("agent_id", &*user)];
    let gone = bench.ask("agents.get", &given, Value::Null, "gateway").await.unwrap_err();
    assert_eq!(gone.code, ProblemCode::NotFound);
}

#[tokio::test]
async fn users_are_told_apart_by_their_mail_address() {
    let bench = Bench::new();
    let ada = json!({"name": "Ada", "email": "Ada@people.example"});
    let made = bench.platform("users.create", &[], ada).await.unwrap();
    let again = json!({"name": "Eve", "email": "ada@PEOPLE.example"});
    let known = bench.platform("users.create", &[], again.clone()).await.unwrap();
    assert_eq!((&known["id"], &known["name"]), (&made["id"], &json!("Ada")), "as it was");
    let problem = bench.ask("users.create", &[], again, OTHER).await.unwrap_err();
    assert_eq!(pointer_and_code(&problem), ("/email", "taken"));
    for (password, code) in
        [("short", "too_weak"), ("alllower1!", "too_weak"), ("NoDigits!", "too_weak")]
    {
        let weak = json!({"email": "b@people.example", "password": password});
        let problem = bench.platform("users.create", &[], weak).await.unwrap_err();
        assert_eq!(pointer_and_code(&problem), ("/password", code), "{password}");
    }
}

#[tokio::test]
async fn a_login_link_logs_in_once_and_not_for_long() {
    let bench = Bench::new();
    let ada = json!({"name": "Ada", "email": "ada+x@people.example"});
    let user = bench.platform("users.create", &[], ada).await.unwrap();
    let who = [("user_id", user["id"].as_str().unwrap())];
    let link = bench.platform("users.sso_link", &who, Value::Null).await.unwrap();
    let url = link["url"].as_str().unwrap();
    let begin = "http://desk.test/v1/login?email=ada%2Bx%40people.example&sso_auth_token=";
    let token = url.strip_prefix(begin).unwrap().to_owned();
    assert_eq!(token.len(), 64);
    let given = [("email", "ada+x@people.example"), ("sso_auth_token", &*token)];
    for _ in 0..2 {
        let login = bench.ask("logins.get", &given, Value::Null, "gateway").await.unwrap();
        assert_eq!(login["expires_at"], "2026-06-01T12:05:00.000Z");
    }
    let body = json!({"email": "ada+x@people.example", "sso_auth_token": token});
    let login = bench.ask("logins.create", &[], body.clone(), "gateway").await.unwrap();
    assert_eq!(login["access_token"], user["access_token"]);
    assert_eq!(login["revision"], user["revision"], "nothing that a client sees has changed");
    let twice = bench.ask("logins.create", &[], body, "gateway").await.unwrap_err();
    assert_eq!(twice.code, ProblemCode::NotFound);
    let link = bench.platform("users.sso_link", &who, Value::Null).await.unwrap();
    let token = link["url"].as_str().unwrap().strip_prefix(begin).unwrap().to_owned();
    for _ in 0..5 {
        bench.minute();
    }
    let given = [("email", "ada+x@people.example"), ("sso_auth_token", &*token)];
    let late = bench.ask("logins.get", &given, Value::Null, "gateway").await.unwrap_err();
    assert_eq!(late.code, ProblemCode::NotFound);
}

#[tokio::test]
async fn nobody_works_in_a_suspended_account() {
    let bench = Bench::new();
    let (account, user) = bench.company("Acme").await;
    let here = [("account_id", &*account)];
    let agent = format!("agent:{user}");
    bench.platform("accounts.update", &here, json!({"status": "suspended"})).await.unwrap();
    let problem = bench.ask("contacts.list", &here, Value::Null, &agent).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Forbidden);
    bench.platform("accounts.update", &here, json!({"status": "active"})).await.unwrap();
    bench.ask("contacts.list", &here, Value::Null, &agent).await.unwrap();
}

#[tokio::test]
async fn accounts_are_kept_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let params = || super::Params { path: Some(folder.path().join("desk.db")), ..super::params() };
    let (account, user) = {
        let bench = Bench::with(params());
        bench.company("Acme").await
    };
    let bench = Bench::with(params());
    let given = [("account_id", &*account), ("agent_id", &*user)];
    bench.ask("agents.get", &given, Value::Null, "gateway").await.unwrap();
    bench.platform("accounts.delete", &[given[0]], Value::Null).await.unwrap();
    let left = std::fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.contains("account-2")), "{left:?}");
}
