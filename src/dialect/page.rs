//! An answer for people: a page of HTML, filled in from the JSON object that a mapping writes.
//!
//! Whatever is filled in is escaped. The page's own styles and scripts are allowed by the hash of
//! their text, which therefore has no holes; nothing else runs, loads or frames it.

use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use sha2::{Digest as _, Sha256};

/// The one template of an environment.
const NAME: &str = "page";
/// The media type of every page.
pub const MEDIA: &str = "text/html; charset=utf-8";
/// Steps that filling in a page may take, loops included.
const MOST_STEPS: u64 = 100_000;
/// What a hole or a statement begins with.
const HOLES: [&str; 3] = ["{{", "{%", "{#"];

type Headers = Vec<(Box<str>, Box<str>)>;

/// A page, compiled.
#[derive(Debug)]
pub struct Page {
    environment: Environment<'static>,
    /// The members that it reads.
    reads: Vec<Box<str>>,
    /// What browsers may do with it.
    headers: Headers,
}

/// Why a text is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, in bytes.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
}

impl Page {
    /// Compiles a page.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn compile(source: &str) -> Result<Self, Fault> {
        let headers = headers(source)?;
        let mut environment = Environment::new();
        environment.set_debug(true);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_fuel(Some(MOST_STEPS));
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| Fault {
            at: error.range().unwrap_or_else(|| line(source, error.line())),
            message: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
        })?;
        let reads = match environment.get_template(NAME) {
            Ok(template) => template.undeclared_variables(false),
            Err(_) => Default::default(),
        };
        let mut reads: Vec<Box<str>> = reads.into_iter().map(Into::into).collect();
        reads.sort_unstable();
        Ok(Self { environment, reads, headers })
    }

    /// The same page, compiled once more: it shares nothing with the first.
    pub(super) fn again(&self) -> Option<Self> {
        let text = self.environment.get_template(NAME).ok()?;
        Self::compile(text.source()).ok()
    }

    /// The members that it reads, in order.
    #[must_use]
    pub fn reads(&self) -> &[Box<str>] {
        &self.reads
    }

    /// The headers that go with it.
    #[must_use]
    pub fn headers(&self) -> &[(Box<str>, Box<str>)] {
        &self.headers
    }

    /// The page, filled in from an object.
    ///
    /// # Errors
    /// What of it cannot be filled in. No value is told.
    pub fn render(&self, object: &[u8]) -> Result<String, String> {
        let values: Value =
            serde_json::from_slice(object).map_err(|error| format!("its values: {error}"))?;
        let page = self.environment.get_template(NAME).and_then(|page| page.render(values));
        page.map_err(|error| format!("line {}: {}", error.line().unwrap_or(0), error.kind()))
    }
}

/// The headers of a page: its styles and scripts by their hashes, forms and requests to where it came
/// from, pictures; its address goes nowhere.
fn headers(source: &str) -> Result<Headers, Fault> {
    let (styles, scripts) = (hashes(source, "style")?, hashes(source, "script")?);
    let mut policy = "default-src 'none'".to_owned();
    for (directive, hashes) in [("style-src", &styles), ("script-src", &scripts)] {
        if !hashes.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(policy, "; {directive}{hashes}");
        }
    }
    if !scripts.is_empty() {
        policy.push_str("; connect-src 'self'");
    }
    policy.push_str(
        "; img-src 'self' https:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    let headers = [
        ("content-security-policy", policy.as_str()),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    Ok(headers.map(|(name, value)| (name.into(), value.into())).into())
}

/// The hashes of every element `name`, as a policy lists them.
fn hashes(source: &str, name: &str) -> Result<String, Fault> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut hashes = String::new();
    let mut from = 0;
    while let Some(start) = source.get(from..).and_then(|rest| rest.find(&open)) {
        let start = from + start;
        let rest = source.get(start + open.len()..).unwrap_or_default();
        let tag = start..start + open.len();
        let Some(rest) = rest.strip_prefix('>') else {
            let message = format!("`<{name}>` stands in the page itself and has no attributes");
            return Err(Fault { at: tag, message });
        };
        let Some(length) = rest.find(&close) else {
            return Err(Fault { at: tag, message: format!("`<{name}>` is not closed") });
        };
        let text = rest.get(..length).unwrap_or_default();
        let begins = start + open.len() + 1;
        if let Some(at) = HOLES.iter().filter_map(|hole| text.find(hole)).min() {
            let message = format!("nothing is filled in inside `<{name}>`: its hash allows it");
            return Err(Fault { at: begins + at..begins + at + 2, message });
        }
        let hash = STANDARD.encode(Sha256::digest(text.as_bytes()));
        let _ = write!(hashes, " 'sha256-{hash}'");
        from = begins + length;
    }
    Ok(hashes)
}

/// The bytes of a line, counted from 1.
fn line(source: &str, number: Option<usize>) -> Range<usize> {
    let mut start = 0;
    for (index, text) in source.split('\n').enumerate() {
        if index + 1 == number.unwrap_or(1) {
            return start..start + text.len();
        }
        start += text.len() + 1;
    }
    0..0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(source: &str) -> (String, String) {
        let fault = Page::compile(source).expect_err(source);
        (source.get(fault.at).unwrap_or_default().to_owned(), fault.message)
    }

    #[test]
    fn what_is_filled_in_is_escaped_wherever_it_stands() {
        let page = Page::compile("<p title=\"{{ a }}\">{{ a }}{% if b %}{{ b.c }}{% endif %}</p>");
        let page = page.unwrap();
        assert_eq!(page.reads().iter().map(|r| &**r).collect::<Vec<_>>(), ["a", "b"]);
        let made = page.render(br#"{"a":"\"><script>x</script>'&","b":null}"#).unwrap();
        let safe = "&quot;&gt;&lt;script&gt;x&lt;&#x2f;script&gt;&#x27;&amp;";
        assert_eq!(made, format!("<p title=\"{safe}\">{safe}</p>"));
        assert_eq!(page.render(br#"{"a":"x","b":{"c":5}}"#).unwrap(), "<p title=\"x\">x5</p>");
        // A member that is not there is a fault of the mapping, not an empty text.
        assert!(page.render(b"{}").is_err());
        assert!(page.render(b"[").is_err());
    }

    #[test]
    fn its_own_styles_and_scripts_are_allowed_and_nothing_else() {
        let page = Page::compile("<style>a{}</style>{{ a }}<script>b()</script>").unwrap();
        let headers = page.headers();
        let policy = &headers.iter().find(|(n, _)| &**n == "content-security-policy").unwrap().1;
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        assert_eq!(
            &**policy,
            format!(
                "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; \
                 img-src 'self' https:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                hash("a{}"),
                hash("b()")
            )
        );
        assert!(headers.iter().any(|(n, v)| (&**n, &**v) == ("referrer-policy", "no-referrer")));
        let plain = Page::compile("<p>").unwrap();
        assert!(!plain.headers().iter().any(|(_, v)| v.contains("script") || v.contains("style")));
    }

    #[test]
    fn a_text_that_is_no_page_says_where() {
        assert_eq!(fault("a\n{% if b %}").0, "%}");
        assert_eq!(fault("<p>{{ a + }}").0, "}}");
        assert_eq!(fault("<style>a { color: {{ c }} }</style>").0, "{{");
        assert_eq!(fault("<script src=x></script>").0, "<script");
        assert_eq!(fault("<script>let it run").1, "`<script>` is not closed");
    }

    #[test]
    fn a_loop_without_an_end_ends() {
        let page = Page::compile("{% for a in l %}{% for b in l %}{% for c in l %}{{ c }}{% endfor %}{% endfor %}{% endfor %}").unwrap();
        let long = format!("{{\"l\":[{}1]}}", "1,".repeat(200));
        assert!(page.render(long.as_bytes()).is_err());
    }
}
