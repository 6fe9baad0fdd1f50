//! The envelope of a numbered page: the entries as a rule writes them, and where the page stands.

use crate::json::place::{Hop, Place};
use crate::json::write;
use crate::mapping::document::{PlaceText, read_rule};
use crate::mapping::library::{Compiled, Library, Scope};
use crate::mapping::plan::{Emit, Hollow, Member, ObjectOp, Omit, Page, PagePart};
use crate::syntax::{Diagnostics, Node, Span};

use super::Lower;
use crate::canonical::Sight;

/// The inputs that addresses of pages are made of, beside those that mappings name.
pub const PAGED: &str = "paged";
/// The value of the configuration that addresses begin with.
const PUBLIC_URL: &str = "public_url";

/// A numbered page that a call asked for.
#[derive(Clone, Copy, Debug)]
pub struct Numbered<'a> {
    /// The root of the call's answer.
    pub call: &'a str,
    /// The client's parameter that holds the number.
    pub parameter: &'a str,
    /// Where it is said.
    pub span: Span,
}

impl Library {
    /// `{ data, links, meta }`; `entries` is the rule of `data`.
    pub fn encode_page(
        &self,
        entries: &Node,
        page: Numbered<'_>,
        scope: &Scope,
        sight: Option<&Sight>,
        d: &mut Diagnostics,
    ) -> Option<Compiled> {
        let rule = read_rule(entries, &[], d)?;
        let mut lower = Lower::new(self, scope, d);
        lower.sight = sight;
        lower.shown = sight.is_some() || self.settings.public;
        let data = lower.specified(&rule);
        let parts = lower.page(page);
        let emit = data.zip(parts).map(|(data, (links, meta))| {
            let member =
                |name: &str, emit| Member { key: write::key(name), emit, omit: Omit::Never };
            Emit::Object(Box::new(ObjectOp {
                from: None,
                guard: Vec::new(),
                members: vec![member("data", data), member("links", links), member("meta", meta)],
                null_with: None,
                hollow: Hollow::Keep,
                needed: Vec::new(),
            }))
        });
        lower.finish(emit, false)
    }
}

impl Lower<'_, '_> {
    /// Links and numbers of a page.
    fn page(&mut self, page: Numbered<'_>) -> Option<(Emit, Emit)> {
        let env = self.open();
        let of = |way: &[&str]| PlaceText {
            place: Place {
                root: page.call.into(),
                hops: way.iter().map(|name| Hop::Member((*name).into())).collect(),
            },
            span: page.span,
        };
        let list = self.place(&of(&["data"]), &env)?;
        self.enter_open(&list, page.span)?;
        self.leave();
        let limit = self.place(&of(&["page", "limit"]), &env)?;
        let total = self.place(&of(&["page", "total"]), &env)?;
        let number = self.inputs_member("query", page.parameter)?;
        let base = self.inputs_member("config", PUBLIC_URL)?;
        let address = self.inputs_member(PAGED, page.parameter)?;
        let links = Page {
            part: PagePart::Links,
            number: number.at,
            limit: limit.at,
            total: total.at,
            site: self.site(&total, "page.total", page.span),
            list: list.at,
            base: base.at,
            address: address.at,
        };
        let meta = Page { part: PagePart::Meta, ..links.clone() };
        Some((Emit::Page(Box::new(links)), Emit::Page(Box::new(meta))))
    }
}
