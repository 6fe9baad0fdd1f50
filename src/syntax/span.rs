//! Where a piece of text stands: file and byte range.

/// A file among the [`Sources`] of one load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A range of bytes in one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
}

/// The files of one load, kept so that diagnostics can quote them.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Keeps `text` under `name`, a path as its author would write it.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = SourceId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(Source { name: name.into(), text: text.into() });
        id
    }

    /// The name a source was added under; empty for a foreign id.
    #[must_use]
    pub fn name(&self, id: SourceId) -> &str {
        self.0.get(id.0 as usize).map_or("", |s| &s.name)
    }

    /// The text of a source; empty for a foreign id.
    #[must_use]
    pub fn text(&self, id: SourceId) -> &str {
        self.0.get(id.0 as usize).map_or("", |s| &s.text)
    }

    /// The quoted text of a span; empty where the span does not fit its source.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.source).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Line and column, both from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let text = self.text(span.source);
        let before = text.get(..span.start as usize).unwrap_or(text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// `file:line:col`, as editors and terminals make it clickable.
    #[must_use]
    pub fn locate(&self, span: Span) -> String {
        let (line, column) = self.line_column(span);
        format!("{}:{line}:{column}", self.name(span.source))
    }
}

impl Span {
    /// The whole of nothing: the first byte of a source, for problems of the file itself.
    #[must_use]
    pub fn start_of(source: SourceId) -> Self {
        Self { source, start: 0, end: 0 }
    }

    /// A part of this span, by byte offsets inside it, cut to fit.
    #[must_use]
    pub fn part(self, from: usize, to: usize) -> Self {
        let at = |n: usize| {
            self.start.saturating_add(u32::try_from(n).unwrap_or(u32::MAX)).min(self.end)
        };
        Self { source: self.source, start: at(from), end: at(to) }
    }
}
