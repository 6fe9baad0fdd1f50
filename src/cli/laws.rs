//! How long the laws are tried, and what is said about it.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::cli::args::Check;
use crate::config::value::Time;
use crate::dialect::catalog::Catalog;
use crate::mapping::law::{Budget, Report, prove};
use crate::syntax::Diagnostics;

/// Rounds of a plain `check`: enough to see what is plainly wrong, too few to be waited for.
const ROUNDS: u64 = 12;
/// How long `--laws` takes where nothing is said.
const TIME: Time = Time(Duration::from_secs(10));

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    seed: u64,
    rounds: u64,
    /// Of each dialect.
    cases: u64,
    /// Of all dialects together.
    time: Option<Duration>,
}

/// What was tried of a dialect.
#[derive(Debug)]
pub(super) struct Tried {
    dialect: String,
    report: Report,
    time: Duration,
}

impl Effort {
    /// What the options say.
    pub(super) fn of(args: &Check) -> Result<Self, String> {
        let seed = args.seed;
        if !args.laws {
            return Ok(Self { seed, rounds: ROUNDS, cases: u64::MAX, time: None });
        }
        let time = match &args.time {
            Some(text) => {
                let time = text.parse::<Time>();
                Some(time.map_err(|()| format!("`{text}` is no time such as 10s"))?)
            }
            None if args.cases.is_some() => None,
            None => Some(TIME),
        };
        let cases = args.cases.unwrap_or(u64::MAX);
        Ok(Self { seed, rounds: u64::MAX, cases, time: time.map(|time| time.0) })
    }
}

/// Tries the laws of every dialect with records of its own. What does not hold is an error.
pub(super) fn run(catalog: &Catalog, effort: Effort, diagnostics: &mut Diagnostics) -> Vec<Tried> {
    let dialects: Vec<_> = catalog.dialects.iter().filter(|d| !d.records.is_empty()).collect();
    let shares = u32::try_from(dialects.len()).unwrap_or(1).max(1);
    let share = effort.time.map(|time| time / shares);
    let budget = Budget::rounds(effort.seed, effort.rounds);
    let mut all = Vec::new();
    for dialect in dialects {
        let Some(library) = &dialect.library else { continue };
        let start = Instant::now();
        let mut left = effort.cases;
        let mut enough = || {
            let over = left == 0 || share.is_some_and(|share| start.elapsed() >= share);
            left = left.saturating_sub(1);
            over
        };
        let report = prove(library, dialect.promises(), budget, &mut enough);
        report.violations.iter().for_each(|violation| diagnostics.push(violation.diagnostic()));
        all.push(Tried { dialect: dialect.name.to_string(), report, time: start.elapsed() });
    }
    all
}

/// A line for each dialect and one for all.
pub(super) fn table(tried: &[Tried], seed: u64) -> String {
    let mut lines = String::new();
    let line = |name: &str, records: usize, cases: u64, time: Duration| {
        format!(
            "  {name:<18} {records:>4} records {cases:>9} cases {:>8.2} s\n",
            time.as_secs_f64()
        )
    };
    for one in tried {
        lines.push_str(&line(&one.dialect, one.report.records, one.report.cases, one.time));
    }
    let records = tried.iter().map(|one| one.report.records).sum();
    lines.push_str(&line("all", records, cases(tried), tried.iter().map(|one| one.time).sum()));
    format!("laws, seed {seed}:\n{lines}")
}

/// The same for programs; how long it took only where that was asked for.
pub(super) fn to_json(tried: &[Tried], seed: u64, timed: bool) -> serde_json::Value {
    let one = |one: &Tried| {
        let mut row = json!({
            "dialect": one.dialect,
            "records": one.report.records,
            "cases": one.report.cases,
            "violations": one.report.violations.len(),
        });
        if let Some(row) = row.as_object_mut().filter(|_| timed) {
            row.insert("seconds".to_owned(), one.time.as_secs_f64().into());
        }
        row
    };
    json!({ "seed": seed, "cases": cases(tried), "dialects": tried.iter().map(one).collect::<Vec<_>>() })
}

/// How many values were tried.
pub(super) fn cases(tried: &[Tried]) -> u64 {
    tried.iter().map(|one| one.report.cases).sum()
}
