//! `coverage`

use std::fmt::Write as _;

use crate::cli::args::{Coverage as Asked, Report};
use crate::cli::loaded::{Refusal, catalog, refuse, unknown};
use crate::cli::{Console, Exit};
use crate::coverage::{self, Coverage, Fate};
use crate::dialect::documented::Evidence;

pub(super) fn run(args: &Asked, console: &mut Console<'_>) -> Exit {
    let all = match asked(args, console.colour) {
        Ok(all) => all,
        Err(refusal) => return refuse(refusal, console),
    };
    console.say(&match args.format {
        Report::Json => format!("{:#}\n", json(&all)),
        Report::Text => all.iter().map(text).collect(),
    });
    if all.iter().all(|c| c.faults.is_empty()) { Exit::Done } else { Exit::Problems }
}

/// Of one dialect, or of all that have documents.
fn asked(args: &Asked, colour: bool) -> Result<Vec<Coverage>, Refusal> {
    let (catalog, _sources) = catalog(args.mappings.as_deref(), colour)?;
    let mut all = coverage::of(&catalog);
    if let Some(wanted) = &args.dialect {
        let known: Vec<String> = all.iter().map(|c| c.dialect.to_string()).collect();
        all.retain(|c| *c.dialect == **wanted);
        if all.is_empty() {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            return Err(unknown("dialect with documents", wanted, &known));
        }
    }
    Ok(all)
}

fn text(coverage: &Coverage) -> String {
    let mut text = format!("{}\n", coverage.dialect);
    let (own, others, missing) = coverage.served();
    let mut parts = vec![format!("{own} served")];
    parts.extend((others > 0).then(|| format!("{others} served by another dialect")));
    parts.push(format!("{missing} missing"));
    let documented = coverage.operations.len();
    let _ = writeln!(text, "  operations  {documented:5} documented: {}", parts.join(", "));
    let mut parts = vec![format!("{} mapped", coverage.count(Fate::Mapped))];
    let (drops, most) = (coverage.count(Fate::Dropped), coverage.most_drops);
    parts.push(match drops < most {
        true => format!("{drops} dropped (`x-drops: {most}` may be lowered)"),
        false => format!("{drops} dropped"),
    });
    let missing = coverage.count(Fate::Missing);
    parts.extend((missing > 0).then(|| format!("{missing} neither")));
    let _ = writeln!(
        text,
        "  fields      {:5} documented: {}",
        coverage.fields.len(),
        parts.join(", ")
    );
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(text, "  {title}\n    {}", lines.join("\n    "));
        }
    };
    section("wrong", coverage.faults.clone());
    let dropped = coverage.told(Fate::Dropped).filter_map(|field| {
        let why = &field.dropped.as_ref()?.why;
        Some(format!("{} ({}): {why}", field.place, field.way.word()))
    });
    section("dropped", dropped.collect());
    let unseen = coverage.operations.iter().filter_map(|o| {
        let evidence = o.evidence.filter(|e| *e != Evidence::Seen)?;
        Some(format!("{} {} \"{}\" is {}", o.method, o.path, o.title, evidence.word()))
    });
    section("not seen on a page", unseen.collect());
    text
}

fn json(all: &[Coverage]) -> serde_json::Value {
    let dialects: Vec<serde_json::Value> = all.iter().map(one).collect();
    serde_json::json!({
        "complete": all.iter().all(|c| c.faults.is_empty()),
        "dialects": dialects,
    })
}

fn one(coverage: &Coverage) -> serde_json::Value {
    let (own, others, missing) = coverage.served();
    let operations = coverage.operations.iter().map(|o| {
        let mut listed = serde_json::json!({
            "id": o.id,
            "title": o.title,
            "method": o.method,
            "path": o.path,
            "route": o.route.as_ref().filter(|(other, _)| other.is_none()).map(|(_, name)| &**name),
            "served_by": o.route.as_ref().and_then(|(other, name)| {
                other.as_ref().map(|dialect| format!("{dialect}/{name}"))
            }),
            "operations": o.canonical,
        });
        if let (Some(evidence), Some(listed)) = (o.evidence, listed.as_object_mut()) {
            listed.insert("evidence".to_owned(), evidence.word().into());
        }
        listed
    });
    let dropped =
        coverage.fields.iter().filter(|f| f.fate() == Fate::Dropped).filter_map(|field| {
            let dropped = field.dropped.as_ref()?;
            let silent = field.silent.iter().map(|o| coverage.named(*o));
            Some(serde_json::json!({
                "field": field.place,
                "way": field.way.word(),
                "why": dropped.why,
                "operations": silent.collect::<Vec<_>>(),
            }))
        });
    serde_json::json!({
        "dialect": &*coverage.dialect,
        "operations": {
            "documented": coverage.operations.len(),
            "served": own,
            "served_by_others": others,
            "missing": missing,
            "list": operations.collect::<Vec<_>>(),
        },
        "fields": {
            "documented": coverage.fields.len(),
            "mapped": coverage.count(Fate::Mapped),
            "dropped": coverage.count(Fate::Dropped),
            "may_be_dropped": coverage.most_drops,
            "missing": coverage.count(Fate::Missing),
            "list_of_dropped": dropped.collect::<Vec<_>>(),
        },
        "undocumented_routes": coverage.undocumented,
        "faults": coverage.faults,
    })
}
