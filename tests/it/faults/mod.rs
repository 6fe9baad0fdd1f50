//! A backend that fails, in every way of `tests/fixtures/faults.yaml`, under every kind of operation,
//! in every dialect: what the client sees, what the backend is sent, what operators see. The same
//! file makes the table of `docs/reliability.md`.

pub(crate) mod data;
mod rig;

use std::collections::BTreeSet;

use data::Table;
use rig::{IMPATIENT, PATIENT, Rig};

/// The tests of this file that take rows of the table.
const TESTS: [&str; 5] = [
    "what_is_only_slow",
    "what_takes_too_long",
    "connections_that_break",
    "answers_outside_the_contract",
    "refusals_of_a_backend_in_trouble",
];

#[test]
fn every_row_has_a_test_and_every_test_a_row() {
    let table = Table::read();
    let named: BTreeSet<&str> = table.faults.iter().map(|row| row.test.as_str()).collect();
    assert_eq!(named, TESTS.into_iter().collect());
}

#[tokio::test]
async fn what_is_only_slow() {
    let rig = Rig::new(PATIENT).await;
    println!("{} requests without a fault", rig.healthy().await);
    println!("{} requests", rig.run(TESTS[0]).await);
}

#[tokio::test]
async fn what_takes_too_long() {
    println!("{} requests", Rig::new(IMPATIENT).await.run(TESTS[1]).await);
}

#[tokio::test]
async fn connections_that_break() {
    println!("{} requests", Rig::new(PATIENT).await.run(TESTS[2]).await);
}

#[tokio::test]
async fn answers_outside_the_contract() {
    println!("{} requests", Rig::new(PATIENT).await.run(TESTS[3]).await);
}

#[tokio::test]
async fn refusals_of_a_backend_in_trouble() {
    println!("{} requests", Rig::new(PATIENT).await.run(TESTS[4]).await);
}
