//! Where a page stands, as written in the description.

use serde_json::{Value, json};

use super::Slow;
use crate::json::text;
use crate::mapping::plan::{Page, PagePart, Ref, Standing};
use crate::mapping::run::codec;
use crate::mapping::run::page::NO_TOTAL;
use crate::mapping::run::reference::tree::{Is, Tree};

impl Slow<'_> {
    pub(super) fn size(&self, list: Ref) -> String {
        match self.value_at(list).map(|tree| &tree.is) {
            Some(Is::List(elements)) => elements.len().to_string(),
            _ => "null".into(),
        }
    }

    pub(super) fn page(&mut self, op: &Page) -> Option<String> {
        let whole = |at: Ref| self.value_at(at).and_then(|tree| text::unsigned(tree.raw));
        let (Some(total), Some(limit)) = (whole(op.total), whole(op.limit)) else {
            return self.fault(op.site, "no_total", NO_TOTAL.into());
        };
        let number = self.value_at(op.number).map_or(1, |tree| codec::within(tree.raw, 1, None));
        let count = self.value_at(op.list).map_or(0, |tree| tree.elements().len());
        let page = Standing::new(number, limit, total, count as u64);
        let word = |at: Ref| self.value_at(at).and_then(Tree::text).unwrap_or_default().to_owned();
        let (base, address) = (word(op.base), word(op.address));
        let base = base.trim_end_matches('/');
        let url = |page: Option<u64>| page.map(|page| format!("{base}{address}{page}"));
        let made = match op.part {
            PagePart::Links => json!({
                "first": url(Some(1)),
                "last": url(Some(page.last)),
                "prev": url(page.before()),
                "next": url(page.after()),
            }),
            PagePart::Meta => {
                let button = |to: Option<u64>, label: &str, active: bool| json!({"url": url(to), "label": label, "active": active});
                let mut links = vec![button(page.before(), "&laquo; Previous", false)];
                let runs = page.buttons().into_iter().flatten();
                for (index, (first, last)) in runs.enumerate() {
                    if index > 0 {
                        links.push(button(None, "...", false));
                    }
                    let number = |n: u64| button(Some(n), &n.to_string(), n == page.number);
                    links.extend((first..=last).map(number));
                }
                links.push(button(page.after(), "Next &raquo;", false));
                json!({
                    "current_page": page.number,
                    "from": page.from(),
                    "to": page.to(),
                    "last_page": page.last,
                    "per_page": page.limit,
                    "total": page.total,
                    "path": format!("{base}{}", address.split('?').next().unwrap_or_default()),
                    "links": Value::Array(links),
                })
            }
        };
        Some(made.to_string())
    }
}
