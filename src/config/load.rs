//! The layers of a configuration laid over each other: file, then environment, then flags. Merging
//! is the `config` crate's; the file is read by our one YAML reader; and for every value it stays
//! known who said it, so that a problem can be shown where it was written.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileStoredFormat, Format, Map, Value, ValueKind};

use crate::config::{Config, FilesRead, Problems, resolve};
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, SourceId, Sources, Span, yaml};

/// The file that is read where none is named.
pub const DEFAULT_FILE: &str = "deskbridge.yaml";
/// What environment variables of the configuration begin with.
pub const PREFIX: &str = "DESKBRIDGE__";

/// Without a file and without upstreams in the environment.
const SANDBOX: &str = include_str!("sandbox.yaml");

/// Where a configuration comes from.
#[derive(Clone, Default)]
pub struct Input {
    /// The file; `None` is the sandbox.
    pub file: Option<PathBuf>,
    /// The process's environment, read once by the caller.
    pub environment: BTreeMap<String, String>,
    /// The command line.
    pub flags: Flags,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment holds secrets.
        f.debug_struct("Input").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What the command line sets; each is a key of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`: `server.listen`.
    pub listen: Option<String>,
    /// `--admin`: `admin.listen`.
    pub admin: Option<String>,
    /// `--mappings`: `mappings.dir`.
    pub mappings: Option<String>,
}

/// [`DEFAULT_FILE`], if it is in the working folder.
#[must_use]
pub fn default_file() -> Option<PathBuf> {
    Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists())
}

/// Reads, merges and checks.
///
/// # Errors
/// Every problem there is, not only the first.
pub fn load(input: &Input) -> Result<Config, Problems> {
    let mut diagnostics = Diagnostics::default();
    let mut files = FilesRead::default();
    let merged = merge(input, &mut files, &mut diagnostics);
    match merged {
        Ok(merged) => resolve::resolve(merged, input, files, diagnostics),
        Err(sources) => Err(Problems { diagnostics, sources, files }),
    }
}

/// Everything that was written, and where.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) root: Value,
    pub(super) places: Places,
}

/// Who said what.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) sources: Sources,
    file: SourceId,
    node: Node,
    /// The set-up without a file, which we wrote ourselves.
    pub(super) built_in: bool,
    /// The folder that paths in the file are relative to.
    pub(super) folder: PathBuf,
    /// By key, `server.listen`: the variable or flag that sets it. Flags win.
    set: BTreeMap<String, (Layer, Span)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    File,
    Environment,
    Flag,
}

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Places {
    /// Who set the value at `path`, and where it stands. A value that nobody wrote stands where the
    /// nearest block around it does.
    pub(super) fn find(&self, path: &[Step]) -> (Layer, Span) {
        let mut node = &self.node;
        let mut all = true;
        for step in path {
            let Some(inner) = inside(node, step) else {
                all = false;
                break;
            };
            node = inner;
        }
        let key = dotted(path);
        if let Some((layer, span)) = self.set.get(&key) {
            return (*layer, *span);
        }
        let below = format!("{key}.");
        let under = |(k, _): &(&String, &(Layer, Span))| k.starts_with(&below) || key.is_empty();
        match self.set.iter().find(under) {
            Some((_, (layer, span))) if !all => (*layer, *span),
            // A list in one variable: its elements stand where it stands.
            _ if !all => path
                .split_last()
                .and_then(|(last, outer)| match last {
                    Step::Index(_) => self.set.get(&dotted(outer)).copied(),
                    Step::Key(_) => None,
                })
                .unwrap_or((Layer::File, node.span)),
            _ => (Layer::File, node.span),
        }
    }

    /// Where the key at the end of `path` stands; of an element of a list, its first key; of the
    /// whole, the first byte.
    pub(super) fn key(&self, path: &[Step]) -> Span {
        let Some((last, outer)) = path.split_last() else { return self.start() };
        let mut node = Some(&self.node);
        for step in outer {
            node = node.and_then(|node| inside(node, step));
        }
        let key = match last {
            Step::Key(key) => {
                let entries = node.and_then(Node::as_map);
                entries.and_then(|map| map.iter().find(|e| e.key == *key))
            }
            Step::Index(_) => {
                let element = node.and_then(|node| inside(node, last));
                element.and_then(Node::as_map).and_then(<[_]>::first)
            }
        };
        key.map_or_else(|| self.find(path).1, |entry| entry.key_span)
    }

    /// Where what stands under a key without lists (`server.listen`) is written.
    pub(super) fn of(&self, key: &str) -> Span {
        let path: Vec<Step> = key.split('.').map(|step| Step::Key(step.to_owned())).collect();
        self.find(&path).1
    }

    /// The first byte of the file.
    pub(super) fn start(&self) -> Span {
        Span::start_of(self.file)
    }
}

fn inside<'n>(node: &'n Node, step: &Step) -> Option<&'n Node> {
    match step {
        Step::Key(key) => node.get(key),
        Step::Index(n) => node.as_list()?.get(*n),
    }
}

fn dotted(path: &[Step]) -> String {
    let words: Vec<String> = path
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::Index(n) => n.to_string(),
        })
        .collect();
    words.join(".")
}

fn merge(
    input: &Input,
    files: &mut FilesRead,
    diagnostics: &mut Diagnostics,
) -> Result<Merged, Sources> {
    let mut sources = Sources::default();
    let variables: Map<String, String> = input
        .environment
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let (name, text) = match &input.file {
        Some(file) => {
            let name = file.display().to_string();
            match files.read_text(file) {
                Ok(text) => (name, text),
                Err(error) => {
                    let id = sources.add(name, "");
                    diagnostics.push(Diagnostic::error(
                        Code::MissingFile,
                        Span::start_of(id),
                        format!("the configuration cannot be read: {error}"),
                    ));
                    return Err(sources);
                }
            }
        }
        None if variables.keys().any(|name| name.starts_with("DESKBRIDGE__UPSTREAMS__")) => {
            (String::from("(no file)"), String::new())
        }
        None => (String::from("(sandbox)"), String::from(SANDBOX)),
    };
    // A first reading, only to know where secrets stand: no picture of a problem may show one.
    let built_in = input.file.is_none();
    let shown = if built_in { text.clone() } else { masked(&text) };
    let file = sources.add(name.clone(), shown);
    let node = read(&text, &sources, file).map_err(|problem| {
        diagnostics.push(problem);
        sources.clone()
    })?;
    let mut set = BTreeMap::new();
    let variables = environment(variables, &mut sources, &mut set, diagnostics);
    let flags = flags(&input.flags, &mut sources, &mut set);
    let mut builder = config::Config::builder().add_source(File::from_str(&text, Yaml)).add_source(
        Environment::with_prefix("DESKBRIDGE")
            .prefix_separator("__")
            .separator("__")
            // Else `007` of a secret becomes the number seven.
            .try_parsing(false)
            .source(Some(variables)),
    );
    for (key, value) in flags {
        builder = match builder.set_override(key, value) {
            Ok(builder) => builder,
            // The keys are ours and are keys.
            Err(_) => return Err(sources),
        };
    }
    let merged = builder.build().and_then(|merged| config::Source::collect(&merged));
    let root = match merged {
        Ok(table) => Value::new(None, ValueKind::Table(table)),
        Err(error) => {
            let at = Span::start_of(file);
            diagnostics.push(Diagnostic::error(Code::ConfigInvalid, at, error.to_string()));
            return Err(sources);
        }
    };
    let folder = input.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let places = Places { sources, file, node, built_in, folder: folder.to_owned(), set };
    Ok(Merged { root, places })
}

fn read(text: &str, sources: &Sources, id: SourceId) -> Result<Node, Diagnostic> {
    let mut own = Sources::default();
    let own_id = own.add(sources.name(id), text);
    let node = yaml::parse(&own, own_id, yaml::CONFIG_NODES)?;
    let plain =
        |key: &str| key.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    match &node.value {
        yaml::Value::Null => {}
        yaml::Value::Map(entries) => {
            // The merging reads dots and brackets of these as ways into blocks.
            if let Some(odd) = entries.iter().find(|e| !plain(&e.key)) {
                let message = format!("the configuration has no key `{}`", odd.key);
                return Err(Diagnostic::error(Code::UnknownKey, odd.key_span, message));
            }
        }
        _ => {
            let message = format!("a configuration is a map of keys, not {}", node.kind());
            return Err(Diagnostic::error(Code::WrongType, node.span, message));
        }
    }
    Ok(node)
}

/// The text with every written-out secret starred, byte for byte, so that places stay right.
fn masked(text: &str) -> String {
    let mut own = Sources::default();
    let id = own.add("", text);
    let mut bytes = text.as_bytes().to_vec();
    match yaml::parse(&own, id, yaml::CONFIG_NODES) {
        Ok(node) => star(&node, &mut bytes),
        // Not readable: whatever follows such a key, to the end of its line.
        Err(_) => {
            let mut start = 0;
            for line in text.split_inclusive('\n') {
                let found = SECRETS
                    .iter()
                    .filter_map(|key| line.find(&format!("{key}:")).map(|at| at + key.len() + 1));
                if let Some(at) = found.min() {
                    star_bytes(&mut bytes, start + at, start + line.trim_end().len());
                }
                start += line.len();
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Keys whose values are secrets.
const SECRETS: &[&str] = &["secret", "credential"];

fn star(node: &Node, bytes: &mut [u8]) {
    match &node.value {
        yaml::Value::List(items) => items.iter().for_each(|item| star(item, bytes)),
        yaml::Value::Map(entries) => {
            for entry in entries {
                let reference = entry.value.as_text().is_some_and(is_reference);
                // A key, written where the path of its file belongs.
                let pem = entry.value.as_text().is_some_and(|text| text.contains("PRIVATE KEY"));
                if pem || SECRETS.contains(&entry.key.as_str()) && !reference {
                    let span = entry.value.span;
                    star_bytes(bytes, span.start as usize, span.end as usize);
                } else {
                    star(&entry.value, bytes);
                }
            }
        }
        _ => {}
    }
}

fn star_bytes(bytes: &mut [u8], from: usize, to: usize) {
    let to = to.min(bytes.len());
    if let Some(part) = bytes.get_mut(from.min(to)..to) {
        part.iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b'*');
    }
}

/// `${env:NAME}` or `${file:PATH}`: says where a secret is, and is none.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with("${") && text.ends_with('}')
}

/// Notes where each variable stands, in a source of its own; drops and reports what is no key.
fn environment(
    variables: Map<String, String>,
    sources: &mut Sources,
    set: &mut BTreeMap<String, (Layer, Span)>,
    diagnostics: &mut Diagnostics,
) -> Map<String, String> {
    let sorted: BTreeMap<_, _> = variables.into_iter().collect();
    let mut text = String::new();
    let mut spans = Vec::new();
    for (name, value) in &sorted {
        let secret = SECRETS.iter().any(|key| name.to_ascii_lowercase().ends_with(key))
            || value.contains("PRIVATE KEY");
        let shown = if secret && !is_reference(value) { "********" } else { value };
        let start = text.len();
        text.push_str(&format!("{name}={}", shown.replace('\n', " ")));
        spans.push((start, text.len()));
        text.push('\n');
    }
    let id = sources.add("environment", text);
    let mut kept = Map::new();
    for ((name, value), (start, end)) in sorted.into_iter().zip(spans) {
        let whole = Span { source: id, start: 0, end: u32::MAX };
        let span = whole.part(start, end);
        let key = name.get(PREFIX.len()..).unwrap_or_default().to_ascii_lowercase();
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if !key.split("__").all(plain) {
            let message = format!("`{name}` names no key");
            diagnostics.push(Diagnostic::error(Code::UnknownKey, span, message));
            continue;
        }
        set.insert(key.replace("__", "."), (Layer::Environment, span));
        kept.insert(name, value);
    }
    kept
}

fn flags(
    flags: &Flags,
    sources: &mut Sources,
    set: &mut BTreeMap<String, (Layer, Span)>,
) -> Vec<(&'static str, String)> {
    let given = [
        ("server.listen", "--listen", &flags.listen),
        ("admin.listen", "--admin", &flags.admin),
        ("mappings.dir", "--mappings", &flags.mappings),
    ];
    let mut values = Vec::new();
    for (key, flag, value) in given {
        let Some(value) = value else { continue };
        let text = format!("{flag} {value}");
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let source = sources.add("command line", text);
        set.insert(key.to_owned(), (Layer::Flag, Span { source, start: 0, end }));
        values.push((key, value.clone()));
    }
    values
}

/// Our YAML reader as a format of the `config` crate.
#[derive(Clone, Debug)]
struct Yaml;

impl Format for Yaml {
    fn parse(
        &self,
        uri: Option<&String>,
        text: &str,
    ) -> Result<Map<String, Value>, Box<dyn StdError + Send + Sync>> {
        let mut sources = Sources::default();
        let id = sources.add("", text);
        let node = yaml::parse(&sources, id, yaml::CONFIG_NODES).map_err(|d| d.message)?;
        match value(uri, &node).kind {
            ValueKind::Table(table) => Ok(table),
            _ => Ok(Map::new()),
        }
    }
}

impl FileStoredFormat for Yaml {
    fn file_extensions(&self) -> &'static [&'static str] {
        &["yaml", "yml"]
    }
}

fn value(uri: Option<&String>, node: &Node) -> Value {
    let kind = match &node.value {
        yaml::Value::Null => ValueKind::Nil,
        yaml::Value::Bool(b) => ValueKind::Boolean(*b),
        yaml::Value::Integer(n) => ValueKind::I64(*n),
        yaml::Value::Float(n) => ValueKind::Float(*n),
        yaml::Value::Text(text) => ValueKind::String(text.clone()),
        yaml::Value::List(items) => {
            ValueKind::Array(items.iter().map(|item| value(uri, item)).collect())
        }
        yaml::Value::Map(entries) => ValueKind::Table(
            entries.iter().map(|e| (e.key.clone(), value(uri, &e.value))).collect(),
        ),
    };
    Value::new(uri, kind)
}
