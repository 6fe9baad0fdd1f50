//! A warm translation takes no memory, however long the conversation.

use std::collections::BTreeMap;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::route::ReplyBody;
use deskbridge::mapping::plan::Program;
use deskbridge::mapping::run::{Scratch, run};

use crate::shipped::{INPUTS, catalog, conversation};
use crate::{alone, count};

#[test]
fn a_warm_translation_allocates_nothing_for_one_message_and_for_two_hundred() {
    let _alone = alone();
    let catalog = catalog();
    let mut counts = BTreeMap::new();
    for dialect in ["account", "public-inbox", "third-party", "canonical"] {
        let program = reply(&catalog, dialect);
        for messages in [1, 200] {
            let conversation = conversation(messages);
            let documents = [Some(INPUTS), None, None, Some(conversation.as_bytes())];
            let (mut scratch, mut out) = (Scratch::default(), Vec::new());
            let mut once = || {
                out.clear();
                run(program, &documents, &mut scratch, &mut out).unwrap();
                out.len()
            };
            let written = once();
            let allocations = count(|| _ = once());
            println!(
                "{dialect}: {messages} messages, {} bytes to {written}: {allocations} allocations",
                conversation.len(),
            );
            assert!(written > 100, "{dialect}");
            counts.insert((dialect, messages), allocations);
        }
    }
    assert!(counts.values().all(|allocations| *allocations == 0), "{counts:?}");
}

/// What a conversation is answered with.
fn reply<'c>(catalog: &'c Catalog, dialect: &str) -> &'c Program {
    let routes = &catalog.named(dialect).unwrap().routes;
    let route = routes.iter().find(|r| &*r.name == "conversations.get").unwrap();
    let mut programs = route.replies.iter().filter_map(|r| match &r.body {
        ReplyBody::Program(program) => Some(&**program),
        _ => None,
    });
    programs.next_back().unwrap()
}
