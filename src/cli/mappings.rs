//! `mappings export DIR`

use crate::cli::args::{Mappings, MappingsCommand};
use crate::cli::{Console, Exit};
use crate::dialect::embedded::Files;

pub(super) fn run(args: &Mappings, console: &mut Console<'_>) -> Exit {
    let MappingsCommand::Export { dir } = &args.command;
    match Files::embedded().export(dir) {
        Ok(count) => {
            console.say(&format!("{count} files written to {}\n", dir.display()));
            Exit::Done
        }
        Err(error) => {
            console.complain(&format!("error: {error}\n"));
            Exit::Problems
        }
    }
}
