//! Lists, as written in the description.

use super::{Found, Frame, Slow, owned};
use crate::json::text;
use crate::mapping::plan::{Bind, Cut, Each, Narrow, Ref, Take, Types};
use crate::mapping::run::reference::tree::{Is, Tree};
use crate::mapping::run::{each, fault};

impl<'t> Slow<'t> {
    /// The elements of a list as frames.
    fn frames_of(&self, list: Ref) -> Vec<Frame<'t>> {
        let found = self.find(list);
        let node = found.node.and_then(|node| self.program.shape.node(node));
        let node = node.and_then(|node| node.elements).map(|elements| elements.node);
        let elements = found.tree.map_or(&[][..], |tree| tree.elements());
        let frame = |(index, tree)| Frame {
            at: Found { tree: Some(tree), node },
            index: u32::try_from(index).ok(),
        };
        elements.iter().enumerate().map(frame).collect()
    }

    fn within<T>(&mut self, frame: Frame<'t>, work: impl FnOnce(&mut Self) -> T) -> T {
        self.frames.push(frame);
        let done = work(self);
        self.frames.pop();
        done
    }

    pub(super) fn each(&mut self, op: &Each) -> Option<String> {
        match self.value_at(op.list) {
            None => return self.gap(&op.when_absent, op.site),
            Some(tree) if tree.null() => return self.gap(&op.when_null, op.site),
            Some(Tree { is: Is::List(_), .. }) => {}
            Some(tree) => {
                let detail = fault::wrong_type(Types::LIST, tree.raw);
                return self.fault(op.site, "wrong_type", detail);
            }
        }
        let mut frames = self.frames_of(op.list);
        let all = frames.len();
        frames.retain(|frame| self.within(*frame, |slow| slow.open(&op.guard)));
        self.hidden += u32::try_from(all - frames.len()).unwrap_or(u32::MAX);
        frames.retain(|frame| self.within(*frame, |slow| slow.all(&op.filter)));
        if let Some(key) = op.sort_by {
            let key = |slow: &mut Self, frame: &Frame<'t>| {
                slow.within(*frame, |slow| slow.value_at(key)).map(|tree| tree.raw)
            };
            frames.sort_by(|a, b| each::order(key(self, a), key(self, b)));
        }
        match &op.take {
            Some(Take::First(gap)) => return self.taken(op, frames.first().copied(), gap),
            Some(Take::Last(gap)) => return self.taken(op, frames.last().copied(), gap),
            None => {}
        }
        if op.reverse {
            frames.reverse();
        }
        if let Some(most) = op.at_most {
            frames.truncate(most as usize);
        }
        let mut elements = Vec::new();
        for frame in frames {
            elements.extend(self.within(frame, |slow| slow.make(&op.element)));
        }
        Some(format!("[{}]", elements.join(",")))
    }

    fn taken(
        &mut self,
        op: &Each,
        frame: Option<Frame<'t>>,
        gap: &crate::mapping::plan::Gap,
    ) -> Option<String> {
        match frame {
            Some(frame) => self.within(frame, |slow| slow.make(&op.element)),
            None => self.gap(gap, op.site),
        }
    }

    pub(super) fn bind(&mut self, op: &Bind) -> Option<String> {
        let mut found = None;
        for frame in self.frames_of(op.list) {
            let fits = self.within(frame, |slow| {
                let by = op.by.is_none_or(|(inside, outside)| {
                    match (slow.value_at(inside), slow.value_at(outside)) {
                        (Some(Tree { is: Is::Null | Is::List(_) | Is::Object(_), .. }), _) => false,
                        (Some(a), Some(b)) => a.same(b),
                        _ => false,
                    }
                });
                by && slow.all(&op.filter)
            });
            if fits {
                found = Some(frame);
                break;
            }
        }
        let found = found.filter(|frame| self.within(*frame, |slow| slow.open(&op.guard)));
        match (found, &op.otherwise) {
            (Some(frame), _) => self.within(frame, |slow| slow.make(&op.then)),
            (None, Some(otherwise)) => self.make(otherwise),
            (None, None) => {
                let nothing = Frame { at: Found { tree: None, node: None }, index: None };
                self.within(nothing, |slow| slow.make(&op.then))
            }
        }
    }

    pub(super) fn group(&mut self, list: Ref, by: Ref, value: Ref) -> String {
        if !matches!(self.value_at(list), Some(Tree { is: Is::List(_), .. })) {
            return "null".into();
        }
        let mut groups: Vec<(&Tree<'t>, Vec<&str>)> = Vec::new();
        for frame in self.frames_of(list) {
            let (by, value) = self.within(frame, |slow| (slow.value_at(by), slow.value_at(value)));
            let Some(by) = by.filter(|by| by.text().is_some()) else { continue };
            let value = value.map_or("null", |value| value.raw);
            match groups.iter_mut().find(|(key, _)| key.same(by)) {
                Some((_, values)) => values.push(value),
                None => groups.push((by, vec![value])),
            }
        }
        let groups =
            groups.iter().map(|(key, values)| format!("{}:[{}]", key.raw, values.join(",")));
        format!("{{{}}}", groups.collect::<Vec<_>>().join(","))
    }

    pub(super) fn join(&mut self, list: Ref, value: Ref, separator: &str) -> String {
        if !matches!(self.value_at(list), Some(Tree { is: Is::List(_), .. })) {
            return "null".into();
        }
        let mut parts = Vec::new();
        for frame in self.frames_of(list) {
            let Some(tree) = self.within(frame, |slow| slow.value_at(value)) else { continue };
            match &tree.is {
                Is::Text(_) => parts.push(text::content(tree.raw).unwrap_or_default()),
                Is::Number | Is::Boolean => parts.push(tree.raw),
                Is::Null | Is::List(_) | Is::Object(_) => {}
            }
        }
        let separator = serde_json::to_string(separator).unwrap_or_default();
        format!("\"{}\"", parts.join(text::content(&separator).unwrap_or_default()))
    }

    pub(super) fn narrow(&mut self, op: &Narrow) -> Option<String> {
        let tree = self.value_at(op.at)?;
        let members = match &tree.is {
            Is::Null => return Some("null".into()),
            Is::Object(members) => members,
            _ => {
                let detail = fault::wrong_type(Types::OBJECT, tree.raw);
                return self.fault(op.site, "wrong_type", detail);
            }
        };
        let include = self.value_at(op.include).map_or(&[][..], |tree| tree.elements());
        let asked = |name: &str| include.iter().any(|asked| asked.text() == Some(name));
        let limit = op.limit.map_or(0, |(place, default)| {
            let token = self.value_at(place).map(|tree| tree.raw);
            token.and_then(super::super::narrow::count).unwrap_or(u64::from(default))
        });
        let public = op.visibility.and_then(|place| self.value_at(place));
        let public = public.is_some_and(|tree| tree.text() == Some("public"));
        let mut kept = Vec::new();
        for (key, value) in members {
            let name = key.text().unwrap_or_default();
            let bound = op.members.iter().find(|cut| *cut.member == *name);
            if bound.is_some_and(|cut| !asked(&cut.include)) {
                continue;
            }
            let value = match &value.is {
                Is::List(messages) if name == "messages" && (public || limit > 0) => {
                    let shown = |message: &&Tree<'_>| {
                        let word = message.member("visibility").and_then(Tree::text);
                        !public || word == Some("public")
                    };
                    let mut messages: Vec<_> =
                        messages.iter().filter(shown).map(|m| m.raw).collect();
                    if limit > 0 {
                        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                        messages.drain(..messages.len().saturating_sub(limit));
                    }
                    format!("[{}]", messages.join(","))
                }
                _ => cut(value, bound.map_or(&[], |cut| &cut.inner), &asked),
            };
            kept.push(format!("{}:{value}", key.raw));
        }
        Some(format!("{{{}}}", kept.join(",")))
    }
}

/// A value without those of the members that nobody asked for.
fn cut(value: &Tree<'_>, cuts: &[Cut], asked: &dyn Fn(&str) -> bool) -> String {
    match &value.is {
        Is::List(elements) if !cuts.is_empty() => {
            let all: Vec<_> = elements.iter().map(|element| cut(element, cuts, asked)).collect();
            format!("[{}]", all.join(","))
        }
        Is::Object(members) if !cuts.is_empty() => {
            let mut kept = Vec::new();
            for (key, value) in members {
                let bound = cuts.iter().find(|c| key.text() == Some(&*c.member));
                if bound.is_none_or(|c| asked(&c.include)) {
                    let inner = bound.map_or(&[][..], |c| &c.inner);
                    kept.push(format!("{}:{}", key.raw, cut(value, inner, asked)));
                }
            }
            format!("{{{}}}", kept.join(","))
        }
        _ => owned(value.raw.as_bytes()),
    }
}
