//! How log lines look: text for people, one JSON object a line for programs.
//!
//! Our own writer rather than the subscriber's: fields come in the order they were given, the time
//! is injectable, and no field that [`redact`](crate::telemetry::redact) forbids is ever written.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io::IsTerminal as _;
use std::sync::OnceLock;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::telemetry::access_log;
use crate::telemetry::redact::{REDACTED, may_write};
use crate::telemetry::{LogForm, Params};

/// Makes the process log to standard output. Later calls change nothing.
pub fn install(params: &Params) {
    let terminal = std::io::stdout().is_terminal();
    let (subscriber, handle) = build(params, terminal, Timestamp::now, std::io::stdout);
    if subscriber.try_init().is_ok() {
        let _ = TARGETS.set(handle);
    }
}

/// Changes which lines the process writes from now on.
pub fn set_level(level: Level) {
    if let Some(handle) = TARGETS.get() {
        // Fails only where the subscriber is gone, and it never is.
        let _ = handle.reload(targets(level));
    }
}

/// What [`set_level`] moves.
static TARGETS: OnceLock<Handle> = OnceLock::new();

/// Changes the level of the subscriber that it was made with.
pub type Handle = reload::Handle<Targets, Registry>;

/// Of our dependencies only what is wrong: their chatter may quote what they carry.
pub(super) fn targets(level: Level) -> Targets {
    let level = LevelFilter::from_level(level);
    let others = level.min(LevelFilter::WARN);
    Targets::new().with_default(others).with_target("deskbridge", level)
}

/// The subscriber, writing to `writer`; `terminal` decides what `auto` means and whether there is
/// colour, `now` is the clock of the lines. With it comes what changes its level later.
pub fn build<W>(
    params: &Params,
    terminal: bool,
    now: fn() -> Timestamp,
    writer: W,
) -> (impl Subscriber + Send + Sync, Handle)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let json = match params.log {
        LogForm::Json => true,
        LogForm::Text => false,
        LogForm::Auto => !terminal,
    };
    let lines = Lines { json, colour: terminal && !json, now };
    let (targets, handle) = reload::Layer::new(targets(params.level));
    let subscriber = tracing_subscriber::registry()
        .with(targets)
        .with(tracing_subscriber::fmt::layer().event_format(lines).with_writer(writer));
    (subscriber, handle)
}

#[derive(Debug)]
struct Lines {
    json: bool,
    colour: bool,
    now: fn() -> Timestamp,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        BUFFERS.with(|buffers| {
            // A value that logs while it is being written gets buffers of its own.
            let mut fresh = Buffers::default();
            let mut kept = buffers.try_borrow_mut().ok();
            let buffers = kept.as_deref_mut().unwrap_or(&mut fresh);
            buffers.line.clear();
            self.write(event, buffers)?;
            let written = writer.write_str(&buffers.line);
            if buffers.line.capacity() > KEEP_BYTES {
                *buffers = Buffers::default();
            }
            written
        })
    }
}

/// Lines longer than this do not leave their buffer behind.
const KEEP_BYTES: usize = 16 * 1024;

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// A line, and a value that is put into it.
#[derive(Debug, Default)]
struct Buffers {
    line: String,
    value: String,
}

impl Lines {
    fn write(&self, event: &Event<'_>, buffers: &mut Buffers) -> fmt::Result {
        let level = event.metadata().level();
        let target = event.metadata().target();
        let time = (self.now)();
        let Buffers { line: out, value } = buffers;
        let mut line = Line { out, value, json: self.json };
        if self.json {
            write!(line.out, r#"{{"time":"{time:.3}","level":"{}""#, word(level))?;
            line.text("target", target);
        } else {
            let access = target == access_log::TARGET;
            let (on, off) = if self.colour { (colour(level), "\x1b[0m") } else { ("", "") };
            write!(line.out, "{time:.3} {on}{:5}{off} ", word(level))?;
            line.out.push_str(if access { "access" } else { target });
        }
        event.record(&mut line);
        if self.json {
            line.out.push('}');
        }
        line.out.push('\n');
        Ok(())
    }
}

struct Line<'b> {
    out: &'b mut String,
    value: &'b mut String,
    json: bool,
}

impl Line<'_> {
    fn name(&mut self, name: &str) {
        if self.json {
            self.out.push(',');
            quoted(self.out, name);
            self.out.push(':');
        } else {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push('=');
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        let text = if may_write(name) { text } else { REDACTED };
        if !self.json && name == "message" {
            // A line break of a foreign error must not begin a line of ours.
            self.out.push(' ');
            for c in text.chars() {
                if c.is_control() {
                    self.out.extend(c.escape_debug());
                } else {
                    self.out.push(c);
                }
            }
            return;
        }
        self.name(name);
        if !self.json && plain(text) {
            self.out.push_str(text);
        } else {
            quoted(self.out, text);
        }
    }

    /// What looks the same in both forms.
    fn number(&mut self, name: &str, number: impl fmt::Display) {
        if !may_write(name) {
            return self.text(name, REDACTED);
        }
        self.name(name);
        let _ = write!(self.out, "{number}");
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            // With a point also where it is whole, as JSON writers do.
            self.number(field.name(), format_args!("{value:?}"));
        } else {
            self.number(field.name(), "null");
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = std::mem::take(self.value);
        text.clear();
        let _ = write!(text, "{value:?}");
        self.text(field.name(), &text);
        *self.value = text;
    }
}

/// Writes a text as a JSON string.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'=')
}

fn word(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn colour(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}
