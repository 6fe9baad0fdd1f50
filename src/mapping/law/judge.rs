//! One value sent through the programs of a record, and which laws hold of it.

use crate::canonical::contract::{Contract, Kind, SchemaId};
use crate::canonical::validate::{Violation as Invalid, validate};
use crate::mapping::document::{Body, Element, Line, Op, Record, Table};
use crate::mapping::library::Library;
use crate::mapping::plan::{Program, Types};
use crate::mapping::run::{Faults, Scratch, run, trace};
use crate::mapping::types::Ty;
use crate::syntax::Span;

use super::book::Book;
use super::carried::{Carried, Trip};
use super::generate::Generator;
use super::json::{Json, steps};
use super::settled::Settled;
use super::subject::Subject;
use super::{Finding, Law, Promises, value};

/// A value to try.
#[derive(Clone, Debug)]
pub(super) enum Case {
    /// A canonical object, with the record's arguments.
    Canonical {
        /// It.
        object: Json,
        /// In the order of `needs`; `None` is absent.
        arguments: Vec<Option<Json>>,
    },
    /// An object of the dialect, as its rules say.
    Theirs(Json),
    /// Any JSON.
    Damaged(Json),
}

/// What became of a value.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    /// It went through.
    pub(super) held: bool,
    /// The dialect's object.
    pub(super) theirs: Option<String>,
}

/// Runs programs and holds what comes out against the laws.
pub(super) struct Judge<'l> {
    pub(super) book: Book<'l>,
    pub(super) generator: Generator<'l>,
    promises: Option<&'l dyn Promises>,
    scratch: Scratch,
}

impl<'l> Judge<'l> {
    pub(super) fn new(lib: &'l Library, promises: Option<&'l dyn Promises>) -> Self {
        Self {
            book: Book { lib },
            generator: Generator::new(&lib.contract),
            promises,
            scratch: Scratch::default(),
        }
    }

    pub(super) fn judge(&mut self, subject: &Subject<'l>, case: &Case) -> Judged {
        match case {
            Case::Canonical { object, arguments } => self.canonical(subject, object, arguments),
            Case::Theirs(json) => self.theirs(subject, json, true),
            Case::Damaged(json) => self.theirs(subject, json, false),
        }
    }

    /// What a program writes; `None` is nothing.
    fn run(
        &mut self,
        program: &Program,
        object: &Json,
        arguments: &[Option<Json>],
    ) -> Result<Option<String>, Faults> {
        let mut texts = vec![Some(object.to_string())];
        texts.extend(arguments.iter().map(|json| json.as_ref().map(ToString::to_string)));
        let documents: Vec<_> = texts.iter().map(|t| t.as_ref().map(String::as_bytes)).collect();
        let mut out = Vec::new();
        run(program, &documents, &mut self.scratch, &mut out)?;
        Ok((!out.is_empty()).then(|| String::from_utf8_lossy(&out).into_owned()))
    }

    fn canonical(
        &mut self,
        subject: &Subject<'l>,
        object: &Json,
        arguments: &[Option<Json>],
    ) -> Judged {
        let mut judged = Judged::default();
        let Some(encode) = &subject.encode else { return judged };
        let theirs = match self.run(encode, object, arguments) {
            Ok(Some(theirs)) => theirs,
            Ok(None) => return judged,
            Err(faults) => {
                // What the dialect requires and the object has not: `required` says so.
                judged.findings = faulted(Law::Promised, faults, "cannot be encoded", "required");
                return judged;
            }
        };
        let first = Json::read(&theirs);
        self.promised(subject, &theirs, &mut judged.findings);
        self.linked(subject, object, &first, false, &mut judged.findings);
        judged.theirs = Some(theirs);
        judged.held = true;
        let Some(decode) = &subject.decode else { return judged };
        let back = match self.run(decode, &first, &[]) {
            Ok(Some(back)) => Json::read(&back),
            Ok(None) => return judged,
            Err(faults) => {
                judged.findings = faulted(Law::Canonical, faults, "is not read back", "");
                return judged;
            }
        };
        let before = judged.findings.len();
        self.sound(subject, &back, &mut judged.findings);
        if judged.findings.len() > before {
            return judged;
        }
        self.linked(subject, &back, &first, true, &mut judged.findings);
        let trip = Trip { was: object, is: &back, theirs: &first };
        let mut found = Vec::new();
        let mut carried = Carried { book: self.book, found: &mut found };
        carried.record(subject.record, &subject.ty, trip, "");
        keep(Law::Canonical, found, &mut judged.findings);
        match self.run(encode, &back, arguments) {
            Ok(Some(again)) => {
                self.same(subject, &first, &Json::read(&again), true, &mut judged.findings);
            }
            Ok(None) => {}
            Err(faults) => {
                judged.findings.extend(faulted(Law::Stable, faults, "is not written again", ""))
            }
        }
        judged
    }

    fn theirs(&mut self, subject: &Subject<'l>, json: &Json, spelled: bool) -> Judged {
        let mut judged = Judged { theirs: Some(json.to_string()), ..Judged::default() };
        let Some(decode) = &subject.decode else { return judged };
        let back = match self.run(decode, json, &[]) {
            Ok(Some(back)) => Json::read(&back),
            Ok(None) => return judged,
            Err(Faults::Invalid(faults)) if faults.is_empty() => {
                let says = "is refused without a reason".to_owned();
                judged.findings = vec![Finding::said(Law::Sound, subject.span(), "", says)];
                return judged;
            }
            Err(_) => return judged,
        };
        judged.held = spelled;
        self.sound(subject, &back, &mut judged.findings);
        let Some(encode) = subject.encode.as_ref().filter(|_| spelled) else { return judged };
        if judged.findings.is_empty()
            && let Ok(Some(again)) = self.run(encode, &back, &[])
        {
            self.same(subject, json, &Json::read(&again), false, &mut judged.findings);
        }
        judged
    }

    fn same(
        &self,
        subject: &Subject<'l>,
        was: &Json,
        is: &Json,
        strict: bool,
        findings: &mut Vec<Finding>,
    ) {
        let mut found = Vec::new();
        let mut settled = Settled { book: self.book, strict, found: &mut found };
        settled.record(subject.record, &subject.ty, was, is, "");
        keep(if strict { Law::Stable } else { Law::Dialect }, found, findings);
    }

    /// What the documents say of an encoded object.
    fn promised(&self, subject: &Subject<'l>, theirs: &str, findings: &mut Vec<Finding>) {
        let Some(promises) = self.promises else { return };
        let faults = promises.check(&subject.record.name.0, theirs.as_bytes());
        // A member more than was promised breaks no promise; where one shows, an example tells of it.
        for fault in faults.into_iter().filter(|fault| fault.code != "unknown") {
            let line = line_at(self.book, subject.record, &fault.pointer);
            let span = line.map_or_else(|| subject.span(), |line| line.span);
            findings.push(Finding::said(Law::Promised, span, &fault.pointer, fault.detail));
        }
    }

    /// Whether the members mean what the documents say they do.
    fn linked(
        &self,
        subject: &Subject<'l>,
        canonical: &Json,
        theirs: &Json,
        read: bool,
        findings: &mut Vec<Finding>,
    ) {
        let Some(promises) = self.promises else { return };
        for unlike in promises.compare(&subject.record.name.0, canonical, theirs, read) {
            let line = line_at(self.book, subject.record, &unlike.pointer);
            let span = line.map_or_else(|| subject.span(), |line| line.span);
            let (holds, says) = (value(unlike.holds.as_ref()), value(unlike.says.as_ref()));
            let place = &unlike.place;
            let says = match read {
                false => {
                    format!("is {says}, but the documents say it shows `{place}`, which is {holds}")
                }
                true => format!("is {says}, but is read into `{place}` as {holds}"),
            };
            findings.push(Finding::said(Law::Promised, span, &unlike.pointer, says));
        }
    }

    /// What a decoded value lacks to be one of the contract, but for what the backend adds.
    fn sound(&self, subject: &Subject<'l>, back: &Json, findings: &mut Vec<Finding>) {
        let Some(invalid) = self.invalid(&subject.ty, back) else { return };
        let request = subject.encode.is_none();
        let patch = subject.record.patch;
        for fault in invalid {
            let lacks = fault.code == "required";
            if lacks && (patch || filled(self.book.contract(), &subject.ty, &fault.pointer)) {
                continue;
            }
            // The rest of a body may come from elsewhere in the call, which checks the whole.
            if lacks && request && fault.pointer.matches('/').count() <= 1 {
                continue;
            }
            let rule = subject.decode.as_ref().and_then(|decode| trace(decode, &fault.pointer));
            let span = rule.map_or_else(|| subject.span(), |site| site.rule);
            let says = format!(
                "is made `{}`, which {}",
                back.pointer(&fault.pointer).unwrap_or(back),
                fault.detail
            );
            findings.push(Finding::said(Law::Sound, span, &fault.pointer, says));
        }
    }

    /// Whether a value is one of a type.
    pub(super) fn valid(&self, ty: &Ty, json: &Json) -> bool {
        self.invalid(ty, json).is_none()
    }

    fn invalid(&self, ty: &Ty, json: &Json) -> Option<Vec<Invalid>> {
        let ids: Vec<SchemaId> = match ty {
            Ty::Of(ids) => ids.clone(),
            Ty::Any => return None,
            Ty::List(of) => {
                return json.elements().iter().find_map(|json| self.invalid(of, json));
            }
            Ty::Simple(types, name) => {
                let fits = match json {
                    Json::Text(_) => types.has(Types::STRING),
                    Json::Number(_) => types.0 & Types::NUMBER.0 != 0,
                    Json::Boolean(_) => types.has(Types::BOOLEAN),
                    Json::Object(_) => types.has(Types::OBJECT),
                    _ => false,
                };
                let detail = format!("must be {name}");
                let fault = Invalid { pointer: String::new(), code: "wrong_type", detail };
                return (!fits).then(|| vec![fault]);
            }
        };
        let text = json.to_string();
        let mut least: Option<Vec<Invalid>> = None;
        for id in ids {
            let mut faults = Vec::new();
            validate(self.book.contract(), id, text.as_bytes(), &mut faults);
            if faults.is_empty() {
                return None;
            }
            if least.as_ref().is_none_or(|l| l.len() > faults.len()) {
                least = Some(faults);
            }
        }
        least
    }
}

impl Subject<'_> {
    /// Where the record stands.
    pub(super) fn span(&self) -> Span {
        self.record.name.1
    }
}

fn keep(law: Law, found: Vec<Finding>, findings: &mut Vec<Finding>) {
    findings.extend(found.into_iter().map(|finding| Finding { law, ..finding }));
}

/// Faults of a run as findings; those of one code may be.
fn faulted(law: Law, faults: Faults, what: &str, may: &str) -> Vec<Finding> {
    let Faults::Invalid(faults) = faults else { return Vec::new() };
    faults
        .into_iter()
        .filter(|fault| fault.code != may)
        .map(|fault| {
            let says = format!("{what}: {}", fault.detail);
            let place = if fault.field.is_empty() { &fault.pointer } else { &fault.field };
            Finding::said(law, fault.rule, place, says)
        })
        .collect()
}

/// Whether a place is one that gateway or backend fill.
fn filled(contract: &Contract, ty: &Ty, pointer: &str) -> bool {
    let mut at = ty.leaves(contract);
    let mut gateway = false;
    for step in steps(pointer) {
        let mut next = Vec::new();
        for id in Ty::Of(at).leaves(contract) {
            if let Kind::List { items, .. } = &contract.schema(id).kind {
                next.push(*items);
            } else if let Some(property) = contract.property(id, &step) {
                gateway = property.gateway;
                next.push(property.schema);
            }
        }
        at = next;
    }
    gateway
}

/// The line that writes what stands at a pointer into the dialect's object.
fn line_at<'l>(book: Book<'l>, record: &'l Record, pointer: &str) -> Option<&'l Line> {
    let way: Vec<String> = steps(pointer).collect();
    line_of(book, record, &way)
}

fn line_of<'l>(book: Book<'l>, record: &'l Record, way: &[String]) -> Option<&'l Line> {
    match &record.body {
        Body::Fields(table) => line_in(book, table, way),
        Body::OneOf(union) => {
            union.cases.iter().filter_map(|case| case.rule.as_ref()).find_map(|rule| {
                match &rule.op {
                    Op::Fields(table) => line_in(book, table, way),
                    Op::Record(name) => book.record(&name.0).and_then(|r| line_of(book, r, way)),
                    _ => None,
                }
            })
        }
    }
}

fn line_in<'l>(book: Book<'l>, table: &'l Table, way: &[String]) -> Option<&'l Line> {
    let fits = |line: &&Line| {
        !line.key.is_empty() && line.key.iter().zip(way).all(|(key, step)| **key == **step)
    };
    let line = table.lines.iter().find(fits)?;
    let rest = way.get(line.key.len()..).unwrap_or_default();
    let inside =
        match &line.rule.op {
            _ if rest.is_empty() => None,
            Op::Fields(inside) => line_in(book, inside, rest),
            Op::Record(name) => book.record(&name.0).and_then(|r| line_of(book, r, rest)),
            Op::Each(element) => match &**element {
                Element::Word(name) => {
                    let rest = rest.get(1..).unwrap_or_default();
                    let record = book.record(&name.0).filter(|_| !rest.is_empty());
                    record.and_then(|r| line_of(book, r, rest))
                }
                _ => None,
            },
            Op::OneOf(union) => union.cases.iter().filter_map(|case| case.rule.as_ref()).find_map(
                |rule| match &rule.op {
                    Op::Record(name) => book.record(&name.0).and_then(|r| line_of(book, r, rest)),
                    Op::Fields(table) => line_in(book, table, rest),
                    _ => None,
                },
            ),
            _ => None,
        };
    inside.or(Some(line))
}
