//! `docs/reliability.md`, out of `tests/fixtures/faults.yaml`, which `tests/it/faults` holds to what
//! the gateway does.

use std::fmt::Write as _;

use super::settle;
use crate::faults::data::{Outcome, Shape, Table};

const HEAD: &str = "\
<!-- Written by `make generate` out of tests/fixtures/faults.yaml. -->
# Reliability

What a client, the backend and the operator see when the backend, or the way to it, fails. Each row
below is done by the test that it names, to each kind of operation, in each dialect: the table is the
test's own data.

## What holds

- **A write is never sent twice once a byte of it was written.** What could not be sent at all, as there
  was no connection, is sent again. A client whose write ends in 502 or 504 does not know what became
  of it, and neither does the gateway: it asks for the conversation, or in the canonical API sends the
  write again with the same `Idempotency-Key`.
- **A read is asked again** where another attempt may be better: no connection, a broken one, an attempt
  that takes too long, 502, 503, 504, 429. Not after 500 or an answer outside the contract: those would
  come again. What is a read, the contract says and not the method: a search is a POST and is asked again.
- **Never without end.** A call has `attempts` (three), a time (`timeout`, ten seconds, attempts and
  pauses together) and a share of a budget (`budget.ratio`, a fifth of the calls).
- **Nobody is told about the backend.** Errors are the gateway's own words in the dialect of whoever asks:
  no text, header or host of the backend is in them.
- **One bad call fails the request, nothing else.** A route that makes several calls ends with the first
  that fails; what was written before stays written. What is in the cache is answered whatever the
  backend does.
- **Who is at fault is said.** `Proxy-Status` (RFC 9209) tells whether the backend answered so
  (`received-status`) or did not answer (`error`).

## How to tune it

The keys are `resilience.*` and `upstreams.*` of the [configuration](config.md); what each does, and
the breaker, is under [a backend in trouble](operations.md#a-backend-in-trouble).

- `upstreams.*.timeout` is the longest that anybody waits. Less than what clients wait, or they leave
  first.
- `resilience.attempt_timeout` is for reads: above what nearly all of the backend's answers take, and so
  that two fit into `timeout`.
- `resilience.attempts: 1` switches retries off, `resilience.breaker.enabled: false` the breaker. Both
  make a short trouble of the backend everybody's.
- `resilience.budget.ratio` is what a backend in trouble can get on top of its load. Above a third,
  retries keep it down.

## What operators see

`deskbridge_upstream_requests_total` counts a call once, by what became of it, however often it was asked;
`deskbridge_upstream_retries_total` the attempts after the first, by why. `GET /upstreams` on the admin
listener says how each backend is. The access line has `upstream_retries`; why an answer was not taken,
with the place in it, is a line of its own, `the backend failed`.
";

#[test]
fn the_page_of_reliability() {
    let table = Table::read();
    let mut page = HEAD.to_owned();
    page += "\n## What is tried\n\n| kind | | dialects |\n|---|---|---|\n";
    for kind in &table.kinds {
        let dialects: Vec<String> = kind.asks().into_iter().map(|ask| ask.dialect).collect();
        writeln!(page, "| {} | {} | {} |", kind.name, kind.about, dialects.join(", ")).unwrap();
    }
    page += "\n## Faults\n\n";
    page += "Reads first, then writes. The counts of requests and retries are those of a fault that stays, \
             with the default\nof three attempts (two where time is the fault); one that strikes once is \
             not noticed by the client where there\nare retries.\n\n";
    page += "| fault | | client | `Proxy-Status` | the backend is asked | `retries_total` | `requests_total` | test |\n";
    page += "|---|---|---|---|---|---|---|---|\n";
    for row in &table.faults {
        let both = [("reads", &row.read), ("writes", &row.write)];
        for (number, (kind, outcome)) in both.into_iter().enumerate() {
            let name = if number == 0 { row.name.as_str() } else { "" };
            writeln!(page, "| {name} | {kind} | {} | `faults::{}` |", told(outcome), row.test)
                .unwrap();
        }
    }
    page += "\n## In each dialect\n\nThe statuses are the same in every dialect; the bodies are its own.\n\n";
    page += "| dialect | an error's members |\n|---|---|\n";
    for (dialect, shape) in &table.shapes {
        writeln!(page, "| {dialect} | {} |", members(shape)).unwrap();
    }
    settle("docs/reliability.md", &page);
}

fn told(outcome: &Outcome) -> String {
    let mut client = outcome.status.map_or("the answer".to_owned(), |status| status.to_string());
    if let Some(seconds) = outcome.retry_after {
        write!(client, ", `Retry-After: {seconds}`").unwrap();
    }
    let proxy = outcome.proxy.as_ref().map_or(String::new(), |proxy| format!("`{proxy}`"));
    let sent = match outcome.sent {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    };
    let retries: Vec<String> =
        outcome.retries.iter().map(|(reason, n)| format!("{n} `{reason}`")).collect();
    let retries = retries.join(", ");
    format!("{client} | {proxy} | {sent} | {retries} | `{}`", outcome.outcome)
}

fn members(shape: &Shape) -> String {
    let members: Vec<String> = shape.members.iter().map(|name| format!("`{name}`")).collect();
    let texts = shape
        .texts
        .iter()
        .map(|(status, text)| format!("; of {status} the text `{}`", text.trim_end()));
    members.join(", ") + &texts.collect::<String>()
}
