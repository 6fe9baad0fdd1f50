//! The laws: what must hold of every record whatever the values are, proved by trying.
//!
//! Canonical values are made from the contract and theirs from the rules, awkward ones first, then
//! at random from a seed. Each goes there and back through the compiled programs, and what comes
//! out is held against what the files say ([`book`]) and what the dialect's documents promise. A
//! counterexample is made smaller before it is told. No I/O and no clock: who calls says when it is
//! enough.

mod book;
mod carried;
pub mod damage;
pub mod generate;
mod json;
mod judge;
pub mod links;
pub mod rng;
mod settled;
mod shrink;
mod subject;
mod theirs;
mod tokens;

use crate::canonical::validate::Violation as Invalid;
use crate::mapping::library::Library;
use crate::syntax::{Code, Diagnostic, Span};

pub use json::Json;
pub use links::{Links, Unlike};

use judge::{Case, Judge};
use subject::Subject;

/// Most counterexamples told of one record.
const MOST_TOLD: usize = 8;

/// A law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// What is encoded is decoded to what it was, where a rule claims to go both ways.
    Canonical,
    /// What is decoded is encoded to what it meant.
    Dialect,
    /// Encoding, decoding and encoding gives what the first encoding gave.
    Stable,
    /// Decode gives an object of the contract, or says what is wrong and where.
    Sound,
    /// Encode gives what the documents promise.
    Promised,
}

/// What the documents of a dialect promise of what its records encode.
pub trait Promises {
    /// What is wrong with an object that a record encodes.
    fn check(&self, record: &str, theirs: &[u8]) -> Vec<Invalid>;

    /// The members that do not say what their places hold. `read`: the canonical object was read
    /// from theirs.
    fn compare(&self, record: &str, canonical: &Json, theirs: &Json, read: bool) -> Vec<Unlike>;
}

/// How much to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Where the generators begin. The same seed tries the same cases in the same order.
    pub seed: u64,
    /// Rounds: in each, every record gets a canonical value, one of theirs and a damaged one; what
    /// is only read gets two of theirs.
    pub rounds: u64,
    /// Counterexamples after which nothing more is tried.
    pub most: usize,
    /// Whether a counterexample is made smaller before it is told.
    pub smaller: bool,
}

impl Budget {
    /// So many rounds from a seed, every counterexample, made small.
    #[must_use]
    pub fn rounds(seed: u64, rounds: u64) -> Self {
        Self { seed, rounds, most: usize::MAX, smaller: true }
    }
}

/// What was tried, and what does not hold.
#[derive(Debug, Default)]
pub struct Report {
    /// Records that were tried.
    pub records: usize,
    /// Values that were tried.
    pub cases: u64,
    /// Of those, how many went through: the dialect can say them, or reads them.
    pub held: u64,
    /// Counterexamples, each rule and law once.
    pub violations: Vec<Violation>,
}

/// A counterexample.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The law that does not hold.
    pub law: Law,
    /// The record that was tried.
    pub record: Box<str>,
    /// The rule.
    pub span: Span,
    /// The place, from the object that was tried.
    pub place: String,
    /// What should be there; `None` is nothing.
    pub was: Option<Json>,
    /// What is there.
    pub is: Option<Json>,
    /// What is wrong, where that is more than a difference.
    pub says: Option<String>,
    /// The smallest canonical object that shows it, where it begins with one.
    pub canonical: Option<Json>,
    /// The dialect's object: what it was encoded to, or what was decoded.
    pub theirs: Option<String>,
    /// The round that showed it.
    pub round: u64,
}

/// Something that does not hold of a case.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    law: Law,
    span: Span,
    place: String,
    was: Option<Json>,
    is: Option<Json>,
    says: Option<String>,
}

impl Finding {
    /// A value that changed; which law that breaks, the judge says.
    fn changed(span: Span, place: &str, was: Option<&Json>, is: Option<&Json>) -> Self {
        Self {
            law: Law::Stable,
            span,
            place: place.to_owned(),
            was: was.cloned(),
            is: is.cloned(),
            says: None,
        }
    }

    fn said(law: Law, span: Span, place: &str, says: String) -> Self {
        Self { law, span, place: place.to_owned(), was: None, is: None, says: Some(says) }
    }
}

/// Tries every record of a dialect until the rounds are over or `enough` says so. It is asked
/// before every case.
pub fn prove<'l>(
    library: &'l Library,
    promises: Option<&'l dyn Promises>,
    budget: Budget,
    enough: &mut dyn FnMut() -> bool,
) -> Report {
    let mut judge = Judge::new(library, promises);
    let mut subjects: Vec<Subject<'_>> =
        library.records.iter().filter_map(|record| Subject::of(&mut judge, record)).collect();
    let mut report = Report { records: subjects.len(), ..Report::default() };
    'rounds: for round in 0..budget.rounds {
        for subject in &mut subjects {
            for case in subject.cases(&mut judge, budget.seed, round) {
                if enough() || report.violations.len() >= budget.most {
                    break 'rounds;
                }
                report.cases += 1;
                let judged = judge.judge(subject, &case);
                report.held += u64::from(judged.held);
                subject.held += u64::from(judged.held);
                for finding in judged.findings {
                    tell(&mut judge, subject, &case, &finding, (round, budget), &mut report);
                }
            }
        }
    }
    report
}

fn tell<'l>(
    judge: &mut Judge<'l>,
    subject: &Subject<'l>,
    case: &Case,
    finding: &Finding,
    (round, budget): (u64, Budget),
    report: &mut Report,
) {
    let known = |v: &&Violation| v.law == finding.law && v.span == finding.span;
    let told = report.violations.iter().filter(|v| *v.record == *subject.record.name.0).count();
    if told >= MOST_TOLD || report.violations.iter().any(|v| known(&v)) {
        return;
    }
    let (case, finding) = match budget.smaller {
        true => shrink::shrink(judge, subject, case, finding),
        false => (case.clone(), finding.clone()),
    };
    let theirs = judge.judge(subject, &case).theirs;
    report.violations.push(Violation {
        law: finding.law,
        record: subject.record.name.0.clone(),
        span: finding.span,
        place: finding.place,
        was: finding.was,
        is: finding.is,
        says: finding.says,
        canonical: match case {
            Case::Canonical { object, .. } => Some(object),
            _ => None,
        },
        theirs,
        round,
    });
}

impl Law {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Canonical => "round-trip.canonical",
            Self::Dialect => "round-trip.dialect",
            Self::Stable => "stable",
            Self::Sound => "sound",
            Self::Promised => "promised",
        }
    }

    /// The code under which a counterexample is told.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Canonical => Code::NotReadBack,
            Self::Dialect => Code::NotWrittenAgain,
            Self::Stable => Code::NotStable,
            Self::Sound => Code::NotSound,
            Self::Promised => Code::NotPromised,
        }
    }
}

/// The most that is shown of a value.
const SHOWN: usize = 240;

fn shown(json: &str) -> String {
    if json.chars().count() <= SHOWN {
        return json.to_owned();
    }
    format!("{} …", json.chars().take(SHOWN).collect::<String>())
}

fn value(json: Option<&Json>) -> String {
    json.map_or_else(|| "nothing".to_owned(), |json| format!("`{}`", shown(&json.to_string())))
}

impl Violation {
    /// As it is told at the rule.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let place = match self.place.is_empty() {
            true => "this".to_owned(),
            false => format!("`{}`", self.place),
        };
        let (was, is) = (value(self.was.as_ref()), value(self.is.as_ref()));
        let message = match (&self.says, self.law) {
            (Some(says), _) => format!("{place} {says}"),
            (None, Law::Canonical) => format!("{place} was {was} and is read back as {is}"),
            (None, Law::Dialect) => format!("{place} was {was} and is written again as {is}"),
            (None, Law::Stable) => {
                format!("{place} is written as {was}, and once read back as {is}")
            }
            (None, Law::Sound) => format!("{place} is made {is}"),
            (None, Law::Promised) => format!("{place} is written as {is}, where {was} is promised"),
        };
        let remedy = match self.law {
            Law::Canonical | Law::Stable => {
                "mend the rule, or mark it `only: encode` and say why nothing can be read back"
            }
            Law::Dialect => "mend the rule, or mark it `only: encode` or `decode` and say why",
            Law::Sound => "give the place a rule, a `fill`, `missing_as` or `required: true`",
            Law::Promised => "mend the rule: the documents say otherwise",
        };
        let mut help = format!("{remedy}\nrecord `{}`, case {}", self.record, self.round);
        if let Some(canonical) = &self.canonical {
            help.push_str(&format!("\ncanonical: {}", shown(&canonical.to_string())));
        }
        if let Some(theirs) = &self.theirs {
            help.push_str(&format!("\ntheirs:    {}", shown(theirs)));
        }
        Diagnostic::error(self.law.code(), self.span, message)
            .label(format!("law {}", self.law.name()))
            .help(help)
    }
}
