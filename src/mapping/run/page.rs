//! Where a page stands: the numbers and addresses of its envelope, and how long a list is.

use super::codec::within;
use super::{Run, Wrote};
use crate::json::text::{self, Kind};
use crate::json::write;
use crate::mapping::plan::{Page, PagePart, Ref, Standing};

/// What is wrong with an answer that does not say how long its list is.
pub(super) const NO_TOTAL: &str = "must say how many entries the whole list has";

impl<'a> Run<'a> {
    /// How many elements a list has.
    pub(super) fn size(&mut self, list: Ref) -> Wrote {
        match self.elements(list) {
            Some(count) => {
                write::integer(self.out, count);
                Wrote::Value
            }
            None => self.null(),
        }
    }

    fn elements(&self, list: Ref) -> Option<u64> {
        self.token(list).filter(|token| token.starts_with('['))?;
        let mut next = self.slot(list)?.0.first();
        let mut count = 0;
        while let Some(block) = next {
            next = self.arena.next(block);
            count += 1;
        }
        Some(count)
    }

    pub(super) fn page(&mut self, op: &'a Page) -> Wrote {
        let whole = |at: Ref| self.token(at).and_then(text::unsigned);
        let (Some(total), Some(limit)) = (whole(op.total), whole(op.limit)) else {
            return self.fault(op.site, "no_total", NO_TOTAL.into());
        };
        let number = self.token(op.number).map_or(1, |token| within(token, 1, None));
        let count = self.elements(op.list).unwrap_or_default();
        let page = Standing::new(number, limit, total, count);
        // What the gateway wrote itself has no escapes, so nothing is copied here.
        let word = |at: Ref| {
            let token = self.token(at).filter(|token| text::kind(token) == Kind::String);
            token.map(text::decode).unwrap_or_default()
        };
        let (base, address) = (word(op.base), word(op.address));
        let own = Addresses { base: base.trim_end_matches('/'), address: &address };
        match op.part {
            PagePart::Links => self.neighbours(&page, own),
            PagePart::Meta => self.numbers(&page, own),
        }
        Wrote::Value
    }

    fn neighbours(&mut self, page: &Standing, own: Addresses<'_>) {
        self.put(b"{\"first\":");
        self.address(Some(1), own);
        self.put(b",\"last\":");
        self.address(Some(page.last), own);
        self.put(b",\"prev\":");
        self.address(page.before(), own);
        self.put(b",\"next\":");
        self.address(page.after(), own);
        self.put(b"}");
    }

    fn numbers(&mut self, page: &Standing, own: Addresses<'_>) {
        let numbers: [(&[u8], Option<u64>); 6] = [
            (b"{\"current_page\":", Some(page.number)),
            (b",\"from\":", page.from()),
            (b",\"to\":", page.to()),
            (b",\"last_page\":", Some(page.last)),
            (b",\"per_page\":", Some(page.limit)),
            (b",\"total\":", Some(page.total)),
        ];
        for (key, number) in numbers {
            self.put(key);
            match number {
                Some(number) => write::integer(self.out, number),
                None => self.put(b"null"),
            }
        }
        self.put(b",\"path\":\"");
        write::escaped(self.out, own.base);
        write::escaped(self.out, own.address.split('?').next().unwrap_or_default());
        self.put(b"\",\"links\":[");
        self.button(page.before(), b"&laquo; Previous", false, own);
        for (index, run) in page.buttons().into_iter().enumerate() {
            let Some((first, last)) = run else { continue };
            if index > 0 {
                self.put(b",");
                self.button(None, b"...", false, own);
            }
            for number in first..=last {
                self.put(b",");
                let mut label = itoa::Buffer::new();
                let label = label.format(number).as_bytes();
                self.button(Some(number), label, number == page.number, own);
            }
        }
        self.put(b",");
        self.button(page.after(), b"Next &raquo;", false, own);
        self.put(b"]}");
    }

    fn button(&mut self, page: Option<u64>, label: &[u8], active: bool, own: Addresses<'_>) {
        self.put(b"{\"url\":");
        self.address(page, own);
        self.put(b",\"label\":\"");
        self.put(label);
        self.put(if active { b"\",\"active\":true}" } else { b"\",\"active\":false}" });
    }

    /// The address of a page, null where there is none.
    fn address(&mut self, page: Option<u64>, own: Addresses<'_>) {
        let Some(page) = page else { return self.put(b"null") };
        self.put(b"\"");
        write::escaped(self.out, own.base);
        write::escaped(self.out, own.address);
        write::integer(self.out, page);
        self.put(b"\"");
    }
}

/// What the addresses of a list's pages have in common.
#[derive(Clone, Copy)]
struct Addresses<'t> {
    base: &'t str,
    address: &'t str,
}
