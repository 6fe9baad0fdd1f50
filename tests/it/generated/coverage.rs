//! `docs/coverage.md`, out of the documents beside the mappings and what the mappings speak of them.

use std::fmt::Write as _;

use deskbridge::coverage::{self, Fate};
use deskbridge::dialect::documented::Evidence;

use super::settle;
use crate::support::records::catalog;

const HEAD: &str = "\
<!-- Written by `make generate` out of `deskbridge coverage`. -->
# Coverage

What the published documents of each dialect have, and what its mapping speaks of them. What counts
as spoken, and what may be dropped, is in [mapping.md](mapping.md#coverage). `deskbridge coverage` says the
same of your own mappings, and ends with 1 where something is missing.

| dialect | operations | served | by another dialect | fields | mapped | dropped |
|---|--:|--:|--:|--:|--:|--:|
";

#[test]
fn the_page_of_coverage() {
    let all = coverage::of(&catalog());
    let mut page = HEAD.to_owned();
    for c in &all {
        let (own, others, _) = c.served();
        let _ = writeln!(
            page,
            "| `{}` | {} | {own} | {others} | {} | {} | {} |",
            c.dialect,
            c.operations.len(),
            c.fields.len(),
            c.count(Fate::Mapped),
            c.count(Fate::Dropped),
        );
    }
    page.push_str("\n## Dropped\n\n");
    for c in &all {
        for field in c.told(Fate::Dropped) {
            let why = field.dropped.as_ref().map_or("", |dropped| &dropped.why);
            let _ = writeln!(
                page,
                "- `{}`, `{}` ({}): {why}",
                c.dialect,
                field.place,
                field.way.word()
            );
        }
    }
    page.push_str(
        "\n## Not seen on a page\n\nServed as they follow from the pages that there are; marked `x-evidence` in the documents.\n\n",
    );
    for c in &all {
        for o in &c.operations {
            let Some(evidence) = o.evidence.filter(|e| *e != Evidence::Seen) else { continue };
            let _ =
                writeln!(page, "- `{}`, `{} {}`: {}", c.dialect, o.method, o.path, evidence.word());
        }
    }
    page.push_str(
        "\n## Operations\n\n| dialect | operation | request | canonical |\n|---|---|---|---|\n",
    );
    for c in &all {
        for o in &c.operations {
            let by = match &o.route {
                Some((Some(other), route)) => format!("by `{other}/{route}`"),
                _ => o
                    .canonical
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            let _ = writeln!(
                page,
                "| `{}` | {} | `{} {}` | {by} |",
                c.dialect, o.title, o.method, o.path
            );
        }
    }
    settle("docs/coverage.md", &page);
}
