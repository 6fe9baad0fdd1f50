//! One problem of a file, and many of them, as a person reads them.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Code, Sources, Span};

/// How bad it is: an error keeps a file from loading, a warning does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Loads, but somebody should look.
    Warning,
    /// Does not load.
    Error,
}

/// One problem: a stable code, where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of problem; documented in `docs/diagnostics.md`.
    pub code: Code,
    /// Whether it keeps the file from loading.
    pub severity: Severity,
    /// The text it is about.
    pub span: Span,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Written under the underlined text; empty for none.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that belong to the problem, each with its label.
    pub related: Vec<(Span, String)>,
}

impl Diagnostic {
    /// An error at `span`.
    #[must_use]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            label: String::new(),
            help: None,
            related: Vec::new(),
        }
    }

    /// A warning at `span`.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Says something under the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// "did you mean …?", where there is a candidate.
    #[must_use]
    pub fn suggest(self, candidate: Option<&str>) -> Self {
        match candidate {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// Shows a second place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// The problem with its source line underlined.
    #[must_use]
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let text = sources.text(self.span.source);
        let mut snippet = Snippet::source(text).path(sources.name(self.span.source)).annotation(
            AnnotationKind::Primary.span(underlined(text, self.span)).label(&self.label),
        );
        for (span, label) in self.related.iter().filter(|(s, _)| s.source == self.span.source) {
            let range = underlined(text, *span);
            snippet = snippet.annotation(AnnotationKind::Context.span(range).label(label));
        }
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let id = self.code.to_string();
        let title = level.primary_title(&self.message).id(&id);
        // Of a file that is empty, or not there, no line can be shown.
        let mut report: Vec<Group<'_>> = vec![if text.trim().is_empty() {
            title.element(Origin::path(sources.name(self.span.source)))
        } else {
            title.element(snippet)
        }];
        for (span, label) in self.related.iter().filter(|(s, _)| s.source != self.span.source) {
            let other = sources.text(span.source);
            report.push(
                Level::NOTE.secondary_title(label).element(
                    Snippet::source(other)
                        .path(sources.name(span.source))
                        .annotation(AnnotationKind::Context.span(underlined(other, *span))),
                ),
            );
        }
        if let Some(help) = &self.help {
            report.push(Group::with_title(Level::HELP.secondary_title(help)));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&report).to_string()
    }
}

/// The bytes to underline: of a value over several lines the first one, which says enough of where
/// it is; the frame around a whole block would hide what is in it.
fn underlined(text: &str, span: Span) -> Range<usize> {
    let start = (span.start as usize).min(text.len());
    let end = (span.end as usize).clamp(start, text.len());
    let first = text.get(start..end).and_then(|all| all.lines().next()).unwrap_or_default();
    // A block's text begins on the line below its mark.
    let first = if first.is_empty() { end - start } else { first.trim_end().len() };
    start..start + first
}

/// Every problem of a load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds all of another load.
    pub fn extend(&mut self, others: Self) {
        for other in others.0 {
            self.push(other);
        }
    }

    /// All but those of these codes.
    #[must_use]
    pub fn without(mut self, codes: &[Code]) -> Self {
        self.0.retain(|d| !codes.contains(&d.code));
        self
    }

    /// Whether something keeps the files from loading.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// No problem at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many, warnings included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, in the order of files and lines.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|d| (d.span, d.code));
        sorted.into_iter()
    }

    /// Every problem rendered, an empty line between two.
    #[must_use]
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        self.iter().map(|d| d.render(sources, colour)).collect::<Vec<_>>().join("\n\n")
    }

    /// A JSON array with code, severity, file, line, column, message and help of each.
    #[must_use]
    pub fn to_json(&self, sources: &Sources) -> serde_json::Value {
        self.iter()
            .map(|d| {
                let (line, column) = sources.line_column(d.span);
                serde_json::json!({
                    "code": d.code.to_string(),
                    "severity": match d.severity { Severity::Error => "error", Severity::Warning => "warning" },
                    "file": sources.name(d.span.source),
                    "line": line,
                    "column": column,
                    "message": d.message,
                    "help": d.help,
                })
            })
            .collect()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for d in self.iter() {
            writeln!(f, "{}: {}", d.code, d.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_block_only_the_first_line_is_underlined() {
        let mut sources = Sources::default();
        let text = "a:\n  first: 1   \n  second: 2\n";
        let source = sources.add("a.yaml", text);
        let (start, end) = (5, u32::try_from(text.len()).unwrap());
        let block = Span { source, start, end };
        let shown = Diagnostic::error(Code::Syntax, block, "no").render(&sources, false);
        assert_eq!(
            shown,
            "error[E0101]: no\n --> a.yaml:2:3\n  |\n2 |   first: 1   \n  |   ^^^^^^^^"
        );
    }
}
