//! What programs have in common, kept once.
//!
//! A dialect that extends another one, or is a copy of it with little changed, compiles to programs that
//! read and write the same; they differ in where they come from, which only problems tell. So what a
//! request runs through is the same memory for all of them: it is near after a request to any, and a
//! hundred dialects take no hundred times as much.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::dialect::envelope::Envelopes;
use crate::dialect::route::{Call, Reply, ReplyBody, Route};
use crate::dialect::scheme::Credential;
use crate::json::shape::Shape;
use crate::mapping::plan::{Emit, Program};

/// What was met so far.
#[derive(Debug, Default)]
pub(super) struct Alike {
    shapes: HashSet<Arc<Shape>>,
    emits: HashSet<Arc<Emit>>,
}

impl Alike {
    /// Lets the programs of a route share what they have in common with those before. To be asked for one
    /// after the other, as they are made: what is not kept leaves room for the next, and what is kept lies
    /// close together.
    pub(super) fn route(&mut self, route: &mut Route) {
        self.envelopes(&mut route.envelopes);
        let body = route.body.iter_mut().map(|body| &mut body.program);
        body.chain(route.files.iter_mut().map(|files| &mut files.params))
            .for_each(|program| self.program(program));
        route.calls.iter_mut().for_each(|call| self.call(call));
        route.replies.iter_mut().for_each(|reply| self.reply(reply));
    }

    fn call(&mut self, call: &mut Call) {
        let some = [&mut call.when, &mut call.body, &mut call.take].into_iter().flatten();
        some.chain([&mut call.params]).for_each(|program| self.program(program));
    }

    fn reply(&mut self, reply: &mut Reply) {
        let body = match &mut reply.body {
            ReplyBody::Program(program) | ReplyBody::Page(program, _) => Some(&mut **program),
            _ => None,
        };
        reply.when.iter_mut().chain(body).for_each(|program| self.program(program));
    }

    /// As [`Alike::route`].
    pub(super) fn credential(&mut self, credential: &mut Credential) {
        credential.resolve.iter_mut().for_each(|call| self.call(call));
        let agree = credential.agree.iter_mut();
        agree.chain([&mut credential.yields]).for_each(|program| self.program(program));
        credential.errors.iter_mut().for_each(|errors| self.envelopes(errors));
    }

    /// As [`Alike::route`].
    pub(super) fn envelopes(&mut self, envelopes: &mut Envelopes) {
        envelopes.programs_mut().for_each(|program| self.program(program));
    }

    fn program(&mut self, program: &mut Program) {
        once(&mut self.shapes, &mut program.shape);
        once(&mut self.emits, &mut program.emit);
    }
}

/// Puts the first of those that are equal in the place of `one`.
fn once<T: Eq + Hash>(known: &mut HashSet<Arc<T>>, one: &mut Arc<T>) {
    if let Some(first) = known.get(one) {
        *one = Arc::clone(first);
    } else {
        known.insert(Arc::clone(one));
    }
}
