//! A list made from a list.

use std::cmp::Ordering;

use super::{Frame, Run, Wrote, fault};
use crate::json::scan::Block;
use crate::json::text::{self, Kind};
use crate::mapping::plan::{Each, Take, Types};

impl<'a> Run<'a> {
    pub(super) fn each(&mut self, op: &'a Each) -> Wrote {
        let Some((token, (slot, document))) = self.token(op.list).zip(self.slot(op.list)) else {
            return self.gap(&op.when_absent, op.site);
        };
        if token == "null" {
            return self.gap(&op.when_null, op.site);
        }
        if !token.starts_with('[') {
            return self.fault(op.site, "wrong_type", fault::wrong_type(Types::LIST, token));
        }
        let depth = self.frames.len();
        self.frames.push(Frame { block: Block::ABSENT, document });
        let wrote = if op.sort_by.is_none() && op.take.is_none() && !op.reverse {
            self.in_order(op, slot.first())
        } else {
            let kept = self.blocks.len();
            let mut next = slot.first();
            while let Some(block) = next {
                next = self.arena.next(block);
                if self.admits(op, block) {
                    self.blocks.push(block);
                }
            }
            let wrote = self.rearranged(op, kept, document);
            self.blocks.truncate(kept);
            wrote
        };
        self.frames.truncate(depth);
        wrote
    }

    /// Makes an element the present frame and says whether it goes on.
    fn admits(&mut self, op: &Each, block: Block) -> bool {
        self.stand_for(block);
        if !op.guard.is_empty() && !self.open(&op.guard) {
            *self.hidden = self.hidden.saturating_add(1);
            return false;
        }
        self.all(&op.filter)
    }

    fn stand_for(&mut self, block: Block) {
        if let Some(frame) = self.frames.last_mut() {
            frame.block = block;
        }
    }

    /// Elements as they come.
    fn in_order(&mut self, op: &'a Each, first: Option<Block>) -> Wrote {
        self.out.push(b'[');
        let most = op.at_most.unwrap_or(u32::MAX);
        let (mut taken, mut some) = (0, false);
        let mut next = first;
        while let Some(block) = next {
            next = self.arena.next(block);
            // What the guards keep back is counted beyond `at_most`, too.
            if self.admits(op, block) && taken < most {
                taken += 1;
                some |= self.element(op, some);
            }
        }
        self.out.push(b']');
        if some { Wrote::Value } else { Wrote::Empty }
    }

    /// Elements from `kept` on, sorted, taken from, or turned round.
    fn rearranged(&mut self, op: &'a Each, kept: usize, document: usize) -> Wrote {
        let (arena, text) = (self.arena, self.texts.get(document).copied().unwrap_or_default());
        let found = self.blocks.get_mut(kept..).unwrap_or_default();
        if let Some(key) = op.sort_by {
            let key = |block: &Block| arena.slot(*block, key.slot).text(text);
            // Blocks of a list ascend, so equal keys keep their order.
            found.sort_unstable_by(|a, b| order(key(a), key(b)).then(a.cmp(b)));
        }
        if let Some(take) = &op.take {
            let (one, gap) = match take {
                Take::First(gap) => (found.first(), gap),
                Take::Last(gap) => (found.last(), gap),
            };
            let Some(block) = one.copied() else { return self.gap(gap, op.site) };
            self.stand_for(block);
            return self.emit(&op.element);
        }
        if op.reverse {
            found.reverse();
        }
        let most = op.at_most.map_or(usize::MAX, |most| most as usize);
        let end = kept.saturating_add(found.len().min(most));
        self.out.push(b'[');
        let mut some = false;
        for at in kept..end {
            if let Some(block) = self.blocks.get(at).copied() {
                self.stand_for(block);
                some |= self.element(op, some);
            }
        }
        self.out.push(b']');
        if some { Wrote::Value } else { Wrote::Empty }
    }

    /// One element; whether anything was written.
    fn element(&mut self, op: &'a Each, follows: bool) -> bool {
        let start = self.out.len();
        if follows {
            self.out.push(b',');
        }
        let wrote = self.emit(&op.element) != Wrote::Absent;
        if !wrote {
            self.out.truncate(start);
        }
        wrote
    }
}

/// The order of `sort_by`: numbers, then texts, then the rest, then null and absent. A total order,
/// whatever stands there.
pub(super) fn order(one: Option<&str>, other: Option<&str>) -> Ordering {
    let rank = |token: Option<&str>| match token.map(text::kind) {
        Some(Kind::Integer | Kind::Number) => 0,
        Some(Kind::String) => 1,
        Some(Kind::Boolean | Kind::List | Kind::Object) => 2,
        Some(Kind::Null) | None => 3,
    };
    match (rank(one), rank(other), one, other) {
        (0, 0, Some(a), Some(b)) => number_order(a, b),
        (1, 1, Some(a), Some(b)) => text::order(a, b),
        (a, b, ..) => a.cmp(&b),
    }
}

/// By size; where a double cannot tell them apart, integers first and by their exact value.
fn number_order(one: &str, other: &str) -> Ordering {
    let double = |token: &str| token.parse::<f64>().unwrap_or(0.0);
    double(one).total_cmp(&double(other)).then_with(|| {
        match (text::integer(one), text::integer(other)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::order;
    use std::cmp::Ordering;

    #[test]
    fn any_two_keys_have_an_order_and_it_is_total() {
        let ascending = [
            Some("-2"),
            Some("1"),
            Some("1.5"),
            Some("9007199254740992"),
            Some("9007199254740993"),
            Some("9007199254740993.0"),
            Some("1e300"),
            Some("\"\""),
            Some("\"a\""),
            Some(r#""\u0062""#),
            Some("\"c\""),
            Some("true"),
            None,
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                // 2^53 + 1 is 2^53 as a double, but as an integer it stands before the fraction.
                assert_eq!(order(*a, *b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        assert_eq!(order(Some("null"), None), Ordering::Equal);
        assert_eq!(order(Some("{}"), Some("[]")), Ordering::Equal);
    }
}
