//! `completions SHELL`

use clap::CommandFactory as _;

use crate::cli::args::{Cli, Completions};
use crate::cli::{Console, Exit};

pub(super) fn run(args: &Completions, console: &mut Console<'_>) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "deskbridge", &mut script);
    console.say(&String::from_utf8_lossy(&script));
    Exit::Done
}
