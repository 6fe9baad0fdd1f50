//! `extends`: the folder of a dialect laid over that of another.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::mapping::{merge, reused};
use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{
    Code, Diagnostic, Diagnostics, Node, Severity, SourceId, Sources, Span, Value, closest, show,
};

use super::folder::Folder;
use crate::dialect::embedded::{CANONICAL, Files};

/// So many dialects a dialect may stand on.
const DEEPEST: usize = 3;
/// What a dialect says for itself.
const OWN: [&str; 1] = ["extends"];

/// The folders of one load, each parsed once, so that a part of a base is the same part wherever it
/// is used.
pub(super) struct Shelf<'f> {
    files: &'f Files,
    folders: HashMap<String, Arc<Folder>>,
}

/// A dialect with everything it extends.
pub(super) struct Whole {
    pub(super) folder: Folder,
    /// The files of its own folder.
    pub(super) own: BTreeSet<SourceId>,
    /// Where it says what it extends.
    pub(super) extends: Option<Span>,
    /// A file of something below could not be read.
    torn: bool,
    /// What is wrong with the merge.
    pub(super) merging: Diagnostics,
}

impl Whole {
    /// Whether a part of `node` stands in the dialect's own folder.
    pub(super) fn wrote(&self, node: &Node) -> bool {
        self.own.contains(&node.span.source)
            || match &node.value {
                Value::List(items) => items.iter().any(|i| self.wrote(i)),
                Value::Map(entries) => entries
                    .iter()
                    .any(|e| self.own.contains(&e.key_span.source) || self.wrote(&e.value)),
                _ => false,
            }
    }

    /// Adds what was found in the whole to what was found in others: of the parts below, what they
    /// are not told of already. Where something below is broken, that is told alone: what stands on
    /// it cannot be judged.
    pub(super) fn tell(&self, found: Diagnostics, all: &mut Diagnostics) {
        let told: BTreeSet<SourceId> =
            all.iter().filter(|d| d.severity == Severity::Error).map(|d| d.span.source).collect();
        if self.torn || self.folder.sources.difference(&self.own).any(|below| told.contains(below))
        {
            return;
        }
        for problem in found {
            if self.own.contains(&problem.span.source) {
                all.push(problem);
            } else if problem.severity == Severity::Error && !told.contains(&problem.span.source) {
                let span = self.extends.unwrap_or(problem.span);
                all.push(problem.related(span, "as a part of the dialect that extends it"));
            }
        }
    }
}

impl<'f> Shelf<'f> {
    pub(super) fn new(files: &'f Files) -> Self {
        Self { files, folders: HashMap::new() }
    }

    fn own(&mut self, name: &str, sources: &mut Sources, d: &mut Diagnostics) -> Arc<Folder> {
        if let Some(folder) = self.folders.get(name) {
            return Arc::clone(folder);
        }
        let folder = Arc::new(Folder::read(self.files, name, sources, d));
        self.folders.insert(name.to_owned(), Arc::clone(&folder));
        folder
    }

    /// The dialect `name`, merged. Without `dialect.yaml` where what it extends cannot be used.
    pub(super) fn whole(
        &mut self,
        name: &str,
        sources: &mut Sources,
        d: &mut Diagnostics,
    ) -> Whole {
        let top = self.own(name, sources, d);
        let own = top.sources.clone();
        let mut names = vec![name.to_owned()];
        let mut chain = vec![Arc::clone(&top)];
        let mut extends = None;
        let mut broken = false;
        while let Some(node) = chain.last().and_then(|f| f.dialect.as_ref()?.get("extends")) {
            extends.get_or_insert(node.span);
            match self.base(node, &names) {
                Ok(base) => {
                    chain.push(self.own(&base, sources, d));
                    names.push(base);
                }
                Err(problem) => {
                    d.push(problem);
                    broken = true;
                    break;
                }
            }
        }
        let unread = |f: &Arc<Folder>| f.torn || f.dialect.is_none();
        let below = chain.iter().skip(1).any(unread);
        let torn = below || unread(&top);
        let mut folder: Option<Folder> = None;
        let mut merging = Diagnostics::default();
        for layer in chain.into_iter().rev() {
            folder = Some(match folder {
                None => Folder::clone(&layer),
                Some(base) => laid(base, &layer, &mut merging),
            });
        }
        let mut folder = folder.unwrap_or_default();
        folder.torn |= torn;
        if broken {
            folder.dialect = None;
        }
        Whole { folder, own, extends, torn: below, merging }
    }

    /// The name of the base that a dialect names, where it can be one.
    fn base(&self, node: &Node, above: &[String]) -> Result<String, Diagnostic> {
        let Some(name) = node.as_text() else {
            return Err(wrong_type(node, "`extends` is the name of a dialect"));
        };
        let known = self.files.dialects();
        if name == CANONICAL {
            let message = "the routes of `canonical` are the contract's own; nothing extends it";
            return Err(Diagnostic::error(Code::UnknownDialect, node.span, message));
        }
        if !known.contains(&name) {
            let message = format!("there is no dialect `{name}`");
            return Err(Diagnostic::error(Code::UnknownDialect, node.span, message)
                .suggest(closest(name, known)));
        }
        if above.iter().any(|a| a == name) {
            let message = format!("`{name}` extends itself: {} → {name}", above.join(" → "));
            return Err(Diagnostic::error(Code::ExtendsCycle, node.span, message));
        }
        if above.len() > DEEPEST {
            let message =
                format!("a dialect stands on at most {DEEPEST} others: {}", above.join(" → "));
            return Err(Diagnostic::error(Code::ExtendsTooDeep, node.span, message)
                .help("extend one of those further down"));
        }
        Ok(name.to_owned())
    }
}

/// The merged documents of a dialect as YAML, each line with the file and line it comes from. Also
/// of a dialect that has other problems; what is wrong with the merge itself is told.
pub fn expanded(files: &Files, name: &str, sources: &mut Sources, d: &mut Diagnostics) -> String {
    let whole = Shelf::new(files).whole(name, sources, d);
    d.extend(whole.merging);
    let folder = whole.folder;
    let records: Vec<&Node> = folder.records.iter().collect();
    let records = reused(&records, d);
    let documents = folder.dialect.iter().chain(&records).chain(&folder.enums);
    let documents: Vec<String> = documents
        .chain(&folder.conditions)
        .chain(&folder.routes)
        .chain(&folder.documented)
        .map(|node| show(node, sources))
        .collect();
    documents.join("---\n")
}

/// What is published of a dialect, merged: `None` where it has no documents.
pub fn published(
    files: &Files,
    name: &str,
    sources: &mut Sources,
    d: &mut Diagnostics,
) -> Option<Node> {
    let whole = Shelf::new(files).whole(name, sources, d);
    d.extend(whole.merging);
    whole.folder.documented
}

/// One folder over another.
fn laid(base: Folder, over: &Folder, d: &mut Diagnostics) -> Folder {
    let mut kind = |kind: &str, below: &[Node], above: &[Node]| {
        let mut files = Vec::new();
        let below = gathered(kind, below, &mut files, d);
        let above = gathered(kind, above, &mut files, d);
        files.extend(match (below, above) {
            (Some(below), Some(above)) => Some(merge(&below, &above, &[], d)),
            (below, above) => above.or(below),
        });
        files
    };
    let records = kind("records", &base.records, &over.records);
    let enums = kind("enums", &base.enums, &over.enums);
    let conditions = kind("conditions", &base.conditions, &over.conditions);
    let routes = kind("routes", &base.routes, &over.routes);
    let dialect = match (base.dialect, &over.dialect) {
        (Some(below), Some(above)) => Some(head(&below, above, d)),
        _ => None,
    };
    let documented = match (base.documented, &over.documented) {
        (Some(below), Some(above)) => Some(merge(&below, above, &["documented"], d)),
        (below, above) => above.clone().or(below),
    };
    // A page takes the place of its namesake.
    let mut pages = base.pages;
    pages.extend(over.pages.iter().map(|(name, page)| (name.clone(), page.clone())));
    Folder {
        dialect,
        records,
        enums,
        conditions,
        routes,
        documented,
        pages,
        sources: base.sources.union(&over.sources).copied().collect(),
        torn: base.torn || over.torn,
    }
}

/// Roots that stand beside the first one go where it goes: before all of them stands the same.
fn under(prefix: &str, bases: &Entry) -> Entry {
    let mut bases = bases.clone();
    if let Value::Map(roots) = &mut bases.value.value {
        for root in roots {
            if let Value::Text(address) = &mut root.value.value {
                address.insert_str(0, prefix);
            }
        }
    }
    bases
}

/// `dialect.yaml` over another: its own name and, where it has one, its own root.
fn head(below: &Node, above: &Node, d: &mut Diagnostics) -> Node {
    let (own, others) = (above.get("mount"), above.get("bases"));
    let dropped = |e: &Entry| match e.key.as_str() {
        "mount" => own.is_some() || others.is_some(),
        "bases" => others.is_some(),
        key => OWN.contains(&key) || key == "dialect",
    };
    let kept = below.as_map().unwrap_or_default().iter().filter(|e| !dropped(e));
    let moved = own.and_then(Node::as_text).zip(below.get("mount").and_then(Node::as_text));
    let moved = moved.and_then(|(own, mount)| own.strip_suffix(mount));
    let base = kept.map(|e| match (e.key.as_str(), moved) {
        ("bases", Some(prefix)) => under(prefix, e),
        _ => e.clone(),
    });
    let base = base.collect();
    let base = Node { span: below.span, value: Value::Map(base) };
    let over = above.as_map().unwrap_or_default().iter();
    let over = over.filter(|e| !OWN.contains(&e.key.as_str())).cloned().collect();
    let mut merged = merge(&base, &Node { span: above.span, value: Value::Map(over) }, &[], d);
    // It reads as its own file: what it is first.
    if let Value::Map(entries) = &mut merged.value {
        entries.sort_by_key(|e| match e.key.as_str() {
            "language" => 0,
            "dialect" => 1,
            _ => 2,
        });
    }
    merged
}

/// Several files of one kind as one, so that they can be laid over others. What is no map goes to
/// `rest`, to be told of where it is read.
fn gathered(kind: &str, files: &[Node], rest: &mut Vec<Node>, d: &mut Diagnostics) -> Option<Node> {
    let mut all: Option<(Node, Entry)> = None;
    for file in files {
        let block = file.as_map().and_then(|e| e.iter().find(|e| e.key == kind));
        let Some((block, entries)) = block.and_then(|b| Some((b, b.value.as_map()?))) else {
            rest.push(file.clone());
            continue;
        };
        let others = file.as_map().unwrap_or_default().iter().filter(|e| e.key != kind);
        let others: Vec<Entry> = others.cloned().collect();
        if !others.is_empty() {
            rest.push(Node { span: file.span, value: Value::Map(others) });
        }
        let Some((_, one)) = &mut all else {
            all = Some((file.clone(), block.clone()));
            continue;
        };
        let Value::Map(gathered) = &mut one.value.value else { continue };
        for entry in entries {
            match gathered.iter_mut().find(|e| e.key == entry.key) {
                None => gathered.push(entry.clone()),
                // What is taken away is taken away by every file.
                Some(Entry { key, value: Node { value: Value::List(first), .. }, .. })
                    if key == "remove" && entry.value.as_list().is_some() =>
                {
                    first.extend_from_slice(entry.value.as_list().unwrap_or_default());
                }
                Some(first) => d.push(
                    Diagnostic::error(
                        Code::DuplicateKey,
                        entry.key_span,
                        format!("`{}` is written in two files", entry.key),
                    )
                    .related(first.key_span, "the first one"),
                ),
            }
        }
    }
    let (file, block) = all?;
    Some(Node { span: file.span, value: Value::Map(vec![block]) })
}
