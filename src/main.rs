//! The process's edge: arguments, environment, allocator, exit code. No logic.

use std::process::ExitCode;

use deskbridge::cli::{self, Console};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment: cli::Environment = std::env::vars_os().filter_map(text).collect();
    let mut console = Console::process(environment.contains_key("NO_COLOR"));
    cli::main(std::env::args_os(), environment, &mut console).into()
}
