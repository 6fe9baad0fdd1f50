//! What was written, key by key: nothing but shape. Every question that is answered wrongly is
//! reported where the answer stands, and reading goes on; keys nobody asked for are reported too.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::str::FromStr;

use config::{Map, Value, ValueKind};

use crate::config::FilesRead;
use crate::config::load::{Layer, Places, Step};
use crate::config::value::{ByteSize, Percent, Time};
use crate::syntax::{Code, Diagnostic, Diagnostics, Span, closest};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spot<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

impl<T> Spot<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Spot<U> {
        Spot { value: f(self.value), span: self.span }
    }
}

/// Where problems go while a configuration is read.
#[derive(Debug)]
pub(super) struct Reading<'m> {
    pub(super) places: &'m Places,
    diagnostics: RefCell<Diagnostics>,
    files: RefCell<FilesRead>,
}

impl<'m> Reading<'m> {
    pub(super) fn new(places: &'m Places, files: FilesRead, diagnostics: Diagnostics) -> Self {
        Self { places, diagnostics: RefCell::new(diagnostics), files: RefCell::new(files) }
    }

    /// The text of a file that the configuration names, relative to its own. Every file that is
    /// named is read here, since a change of it is a change of the configuration.
    pub(super) fn file(&self, path: &Path) -> io::Result<String> {
        self.files.borrow_mut().read_text(&self.places.folder.join(path))
    }

    /// The bytes of a file, by a path that is already one from where we stand.
    pub(super) fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.borrow_mut().read(path)
    }

    pub(super) fn push(&self, problem: Diagnostic) {
        self.diagnostics.borrow_mut().push(problem);
    }

    /// A value that is well written and means nothing usable.
    pub(super) fn invalid(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Code::ConfigInvalid, span, message)
    }

    pub(super) fn finish(self) -> (FilesRead, Diagnostics) {
        (self.files.into_inner(), self.diagnostics.into_inner())
    }
}

/// A block of keys.
#[derive(Debug)]
pub(super) struct Section<'m, 'r> {
    reading: &'r Reading<'m>,
    path: Vec<Step>,
    table: Option<&'m Map<String, Value>>,
    asked: Vec<&'static str>,
}

impl<'m, 'r> Section<'m, 'r> {
    /// The block at `path`; a value that is no block is reported and reads as empty.
    pub(super) fn of(reading: &'r Reading<'m>, path: Vec<Step>, value: Option<&'m Value>) -> Self {
        let table = match value.map(|v| &v.kind) {
            Some(ValueKind::Table(table)) => Some(table),
            None | Some(ValueKind::Nil) => None,
            Some(other) => {
                let (_, span) = reading.places.find(&path);
                reading.push(wrong_type(span, &name(&path), "a block of keys", other));
                None
            }
        };
        Self { reading, path, table, asked: Vec::new() }
    }

    /// Where the value of `key` stands.
    pub(super) fn span_of(&self, key: &str) -> Span {
        self.reading.places.find(&self.at(key)).1
    }

    /// Whether somebody wrote it.
    pub(super) fn is_written(&self) -> bool {
        self.table.is_some()
    }

    fn at(&self, key: &str) -> Vec<Step> {
        let mut path = self.path.clone();
        path.push(Step::Key(key.to_owned()));
        path
    }

    fn value(&mut self, key: &'static str) -> Option<&'m Value> {
        self.asked.push(key);
        #[cfg(test)]
        crate::config::keys::tests::assert_known(&self.at(key));
        let value = self.table?.get(key)?;
        (!matches!(value.kind, ValueKind::Nil)).then_some(value)
    }

    /// Whether `key` is given; reported where it is not.
    pub(super) fn require(&mut self, key: &'static str) -> bool {
        let given = self.value(key).is_some();
        if !given {
            let of = if self.path.is_empty() {
                String::from("the configuration")
            } else {
                format!("`{}`", name(&self.path))
            };
            let span = self.reading.places.key(&self.path);
            let message = format!("{of} must have the key `{key}`");
            self.reading.push(Diagnostic::error(Code::ConfigMissing, span, message));
        }
        given
    }

    /// The block under `key`.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let value = self.value(key);
        Section::of(self.reading, self.at(key), value)
    }

    /// Text under `key`; a number counts as its digits.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Spot<String>> {
        let value = self.value(key)?;
        let path = self.at(key);
        self.as_text(&path, value, "text")
    }

    fn as_text(&self, path: &[Step], value: &Value, what: &str) -> Option<Spot<String>> {
        let (_, span) = self.reading.places.find(path);
        let value = match &value.kind {
            ValueKind::String(text) => text.clone(),
            ValueKind::I64(n) => n.to_string(),
            other => {
                self.reading.push(wrong_type(span, &name(path), what, other));
                return None;
            }
        };
        Some(Spot { value, span })
    }

    /// Text under `key` that reads as a `T`; `what` says what that is ("an address like …").
    pub(super) fn parsed<T: FromStr>(&mut self, key: &'static str, what: &str) -> Option<Spot<T>> {
        let value = self.value(key)?;
        let path = self.at(key);
        let text = self.as_text(&path, value, what)?;
        match text.value.parse() {
            Ok(value) => Some(Spot { value, span: text.span }),
            Err(_) => {
                let message = format!("`{}` is {what}, not `{}`", name(&path), text.value);
                self.reading.push(self.reading.invalid(text.span, message));
                None
            }
        }
    }

    /// One of `words` under `key`.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{}` is one of {}", name(&self.at(key)), all.join(", "));
            self.reading.push(
                Diagnostic::error(Code::UnknownWord, text.span, message)
                    .suggest(closest(&text.value, all)),
            );
        }
        found
    }

    /// A boolean under `key`.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let path = self.at(key);
        let (layer, span) = self.reading.places.find(&path);
        match (&value.kind, layer) {
            (ValueKind::Boolean(b), _) => return Some(*b),
            // All that an environment can hold is text.
            (ValueKind::String(text), Layer::Environment) if text == "true" => return Some(true),
            (ValueKind::String(text), Layer::Environment) if text == "false" => return Some(false),
            (other, _) => {
                self.reading.push(wrong_type(span, &name(&path), "true or false", other));
            }
        }
        None
    }

    /// A whole number from `least` under `key`.
    pub(super) fn count(&mut self, key: &'static str, least: u64) -> Option<Spot<u64>> {
        let number = self.parsed::<u64>(key, "a whole number")?;
        self.at_least(key, number, least, |n| n.to_string())
    }

    /// A size under `key`.
    pub(super) fn bytes(&mut self, key: &'static str, least: u64) -> Option<Spot<u64>> {
        let size = self.parsed::<ByteSize>(key, "a size like `64KiB` or `256MiB`")?;
        self.at_least(key, size.map(|s| s.0), least, |n| ByteSize(n).to_string())
    }

    /// A share of at least so many of a hundred under `key`.
    pub(super) fn percent(&mut self, key: &'static str, least: u64) -> Option<Spot<u32>> {
        let share = self.parsed::<Percent>(key, "a share from `0%` to `100%`")?;
        let span = share.span;
        let share = share.map(|p| u64::from(p.0));
        let share = self.at_least(key, share, least, |n| format!("{n}%"))?;
        u32::try_from(share.value).ok().map(|value| Spot { value, span })
    }

    /// A time under `key`; `0s` is one.
    pub(super) fn time_or_none(&mut self, key: &'static str) -> Option<std::time::Duration> {
        self.parsed::<Time>(key, "a time like `500ms`, `10s` or `5m`").map(|time| time.value.0)
    }

    /// A time of at least a millisecond under `key`.
    pub(super) fn time(&mut self, key: &'static str) -> Option<std::time::Duration> {
        self.timed(key).map(|time| time.value)
    }

    /// As [`Self::time`], with its place.
    pub(super) fn timed(&mut self, key: &'static str) -> Option<Spot<std::time::Duration>> {
        let time = self.parsed::<Time>(key, "a time like `500ms`, `10s` or `5m`")?;
        if time.value.0.is_zero() {
            let message = format!("`{}` must be more than nothing", name(&self.at(key)));
            self.reading.push(self.reading.invalid(time.span, message));
            return None;
        }
        Some(time.map(|time| time.0))
    }

    fn at_least(
        &self,
        key: &str,
        number: Spot<u64>,
        least: u64,
        show: impl Fn(u64) -> String,
    ) -> Option<Spot<u64>> {
        if number.value >= least {
            return Some(number);
        }
        let message = format!("`{}` is at least {}", name(&self.at(key)), show(least));
        self.reading.push(self.reading.invalid(number.span, message));
        None
    }

    /// Texts under `key`: a list, or in the environment one text with commas.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<Spot<String>>> {
        let value = self.value(key)?;
        let path = self.at(key);
        let (layer, span) = self.reading.places.find(&path);
        match (&value.kind, layer) {
            (ValueKind::Array(items), _) => {
                let item = |(n, item): (usize, &Value)| {
                    let mut path = path.clone();
                    path.push(Step::Index(n));
                    self.as_text(&path, item, "text")
                };
                Some(items.iter().enumerate().filter_map(item).collect())
            }
            (ValueKind::String(text), Layer::Environment) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(|part| Spot { value: part.to_owned(), span }).collect())
            }
            (other, _) => {
                self.reading.push(wrong_type(span, &name(&path), "a list", other));
                None
            }
        }
    }

    /// The blocks of a list under `key`.
    pub(super) fn blocks(&mut self, key: &'static str) -> Option<Vec<Self>> {
        let value = self.value(key)?;
        let path = self.at(key);
        let ValueKind::Array(items) = &value.kind else {
            let (_, span) = self.reading.places.find(&path);
            self.reading.push(wrong_type(span, &name(&path), "a list of blocks", &value.kind));
            return None;
        };
        let block = |(n, item)| {
            let mut path = path.clone();
            path.push(Step::Index(n));
            Section::of(self.reading, path, Some(item))
        };
        Some(items.iter().enumerate().map(block).collect())
    }

    /// The named blocks under `key`, by name.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(Spot<String>, Self)> {
        let block = self.section(key);
        let Some(table) = block.table else { return Vec::new() };
        let mut names: Vec<_> = table.iter().collect();
        names.sort_by_key(|(name, _)| *name);
        names
            .into_iter()
            .map(|(name, value)| {
                let path = block.at(name);
                let span = self.reading.places.key(&path);
                let name = Spot { value: name.clone(), span };
                (name, Section::of(self.reading, path, Some(value)))
            })
            .collect()
    }

    /// Who set the value of `key`.
    pub(super) fn layer(&self, key: &str) -> Layer {
        self.reading.places.find(&self.at(key)).0
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        let Some(table) = self.table else { return };
        for key in table.keys().filter(|key| !self.asked.contains(&key.as_str())) {
            let path = self.at(key);
            let of = if self.path.is_empty() {
                String::from("the configuration")
            } else {
                format!("`{}`", name(&self.path))
            };
            self.reading.push(
                Diagnostic::error(
                    Code::UnknownKey,
                    self.reading.places.key(&path),
                    format!("{of} has no key `{key}`"),
                )
                .label("not a key of this block")
                .suggest(closest(key, self.asked.iter().copied())),
            );
        }
    }
}

/// `credentials[0].secret`
fn name(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Index(n) => text.push_str(&format!("[{n}]")),
        }
    }
    text
}

fn wrong_type(span: Span, name: &str, what: &str, found: &ValueKind) -> Diagnostic {
    let found = match found {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::Float(_) => "a number",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a block of keys",
        ValueKind::Array(_) => "a list",
        _ => "an integer",
    };
    Diagnostic::error(Code::WrongType, span, format!("`{name}` is {what}, not {found}"))
}
