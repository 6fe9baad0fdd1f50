mod filters;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::TransactionBehavior;
use serde_json::{Value, json};

use super::{Fields, Where};
use crate::canonical::contract::tests::embedded;
use crate::canonical::{Actor, Contract, Params, Problem, Request, Seen, Tenant};
use crate::sandbox::accounts::Databases;
use crate::sandbox::call::Call;
use crate::sandbox::desk::{Desk, Place};
use crate::sandbox::fault::Fault;
use crate::sandbox::files::Files;
use crate::sandbox::shape::Shape;
use crate::sandbox::store::{self, Table};
use crate::telemetry::record::Record;

/// A file whose contacts are a test's own.
struct Book {
    contract: Arc<Contract>,
    databases: Databases,
}

impl Book {
    fn of(contacts: &[Value]) -> Self {
        let contract = embedded();
        let files = Files::claim(None, Duration::ZERO, &contract).unwrap();
        let db = files.writer(&contract).unwrap();
        db.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM contact; DELETE FROM numbers")
            .unwrap();
        for contact in contacts {
            store::insert(&db, Table::Contact, contact.as_object().unwrap().clone()).unwrap();
        }
        let databases = Databases::new(db, Arc::new(files), TransactionBehavior::Immediate);
        Self { contract, databases }
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
            upload: None,
            seen: Seen::default(),
            fresh: false,
            record: Record::default(),
        };
        let now = "2026-06-01T12:00:00.000Z".parse().unwrap();
        let call = Call { contract: &self.contract, operation, request: &request, now };
        let shape = Shape {
            contract: Arc::clone(&self.contract),
            public_url: "http://desk.test".into(),
            repeatable: false,
        };
        let hub = self.databases.hub();
        let databases = &self.databases;
        let place = Place { db: hub, home: hub, hub, account: 1, databases };
        test(&Desk::new(place, &shape, &call).unwrap(), &call)
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
