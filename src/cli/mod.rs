//! The command line: one file per command, an exit code per kind of end.

pub mod args;
mod check;
mod completions;
mod console;
mod coverage;
mod health;
mod laws;
mod loaded;
mod mappings;
mod returned;
mod routes;
mod serve;
mod translate;
mod version;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

pub use args::{Cli, Command};
pub use console::Console;

/// How a command ended. The numbers are those of `sysexits.h`, where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Done = 0,
    /// It ran and found something wrong.
    Problems = 1,
    /// The command line or the configuration cannot be used.
    Usage = 64,
    /// An address is in use.
    Unavailable = 69,
    /// Our own fault.
    Internal = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The environment, as every command may see it. What is not text cannot be meant for us.
pub type Environment = BTreeMap<String, String>;

/// Reads the arguments and runs what they ask for.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
    console: &mut Console<'_>,
) -> Exit {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => run(cli, &environment, console),
        Err(error) => {
            let text = error.render();
            let text = if console.colour { text.ansi().to_string() } else { text.to_string() };
            if error.use_stderr() {
                console.complain(&text);
                return Exit::Usage;
            }
            console.say(&text);
            Exit::Done
        }
    }
}

fn run(cli: Cli, environment: &Environment, console: &mut Console<'_>) -> Exit {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Health(args) => health::run(&args, environment, console),
        Command::Mappings(args) => mappings::run(&args, console),
        Command::Version(args) => version::run(&args, console),
        Command::Completions(args) => completions::run(&args, console),
        Command::Serve(args) => serve::run(args, environment, console),
        Command::Check(args) => check::run(&args, console),
        Command::Routes(args) => routes::run(&args, console),
        Command::Coverage(args) => coverage::run(&args, console),
        Command::Translate(args) => translate::run(&args, console),
    }
}
