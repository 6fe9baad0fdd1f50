//! The tree of commands, as `--help` shows it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

/// Keeps the API of an old helpdesk alive in front of a new backend.
///
/// Without a command it serves; without a configuration it serves the embedded sandbox on loopback.
#[derive(Debug, Parser)]
#[command(
    name = "deskbridge",
    version = crate::VERSION,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Examples:
  deskbridge                               the sandbox on 127.0.0.1:8080
  deskbridge --config deskbridge.yaml      your set-up
  deskbridge check my-mappings             is everything in this folder right?
  deskbridge routes --dialect account      what is served, and what it stands for

Exit codes: 0 done, 1 problems found, 64 usage or configuration, 69 address in use, 70 internal."
)]
pub struct Cli {
    /// What to do; serving where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `serve`, for when no command is given.
    #[command(flatten)]
    pub serve: Serve,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop (the default)
    Serve(Serve),
    /// Load mappings, check them, prove their laws and run their examples
    Check(Check),
    /// List every route and what it stands for
    Routes(Routes),
    /// Count what the documents have against what is mapped
    Coverage(Coverage),
    /// Translate one body, offline
    Translate(Translate),
    /// Ask a running gateway whether it is ready
    Health(Health),
    /// Work with the mappings that are part of the program
    Mappings(Mappings),
    /// Show version, revision and the digest of the embedded mappings
    Version(Version),
    /// Write a completion script for a shell
    Completions(Completions),
}

/// Serve until told to stop.
#[derive(Args, Debug, Default)]
#[command(
    after_help = "SIGTERM and SIGINT drain: requests in flight are answered, then it ends with 0.
A bad configuration lists all of its problems before any port is opened.

Examples:
  deskbridge serve
  deskbridge serve --config /etc/deskbridge.yaml --listen 0.0.0.0:8080"
)]
pub struct Serve {
    /// The configuration [default: deskbridge.yaml if there is one, else the sandbox]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Dialect folders to lay over the embedded ones
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub mappings: Option<String>,
    /// Where clients are listened to [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Where operators are listened to [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
}

/// Load mappings, check them, prove their laws and run their examples.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  deskbridge check                   the embedded mappings
  deskbridge check my-mappings       a folder laid over them
  deskbridge check --laws --time 1m  try the laws with many more values
  deskbridge check --format json     for programs
  deskbridge check --expand account  what is checked, written out")]
pub struct Check {
    /// A folder to lay over the embedded mappings
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
    /// Print the dialects, or this one, merged with what they extend; each line with its file
    #[arg(long, value_name = "DIALECT", num_args = 0..=1)]
    pub expand: Option<Option<String>>,
    /// Try the laws for long, and say how many values were tried
    #[arg(long)]
    pub laws: bool,
    /// Where the values begin; the same seed tries the same ones
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// How long the laws are tried, all dialects together [default: 10s]
    #[arg(long, value_name = "TIME", requires = "laws")]
    pub time: Option<String>,
    /// How many values of each dialect are tried
    #[arg(long, value_name = "N", requires = "laws")]
    pub cases: Option<u64>,
    /// How problems are written
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub format: Report,
}

/// List every route and what it stands for.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  deskbridge routes --dialect account
  deskbridge routes --format json | jq '.[].path'")]
pub struct Routes {
    /// Only this dialect's
    #[arg(long, value_name = "D")]
    pub dialect: Option<String>,
    /// How they are written
    #[arg(long, value_enum, default_value_t = Listing::Table)]
    pub format: Listing,
    /// Dialect folders to lay over the embedded ones
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub mappings: Option<PathBuf>,
}

/// Count what the documents have against what is mapped.
#[derive(Args, Debug)]
#[command(
    after_help = "Ends with 1 when a documented operation has no route, when a documented field is neither
mapped nor dropped with a reason, when a field is dropped that the canonical model has, or when
more fields are dropped than `x-drops` in documented.yaml says.

Examples:
  deskbridge coverage
  deskbridge coverage --dialect account
  deskbridge coverage --format json | jq '.dialects[].faults'"
)]
pub struct Coverage {
    /// Only this dialect's
    #[arg(long, value_name = "D")]
    pub dialect: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub format: Report,
    /// Dialect folders to lay over the embedded ones
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub mappings: Option<PathBuf>,
}

/// Translate one body, offline.
#[derive(Args, Debug)]
#[command(
    after_help = "`encode` goes from canonical to the dialect, `decode` from the dialect to canonical.

Examples:
  deskbridge translate --dialect account --record message --direction encode message.json
  curl -s … | deskbridge translate --dialect account --record message --direction decode -"
)]
pub struct Translate {
    /// The dialect
    #[arg(long, value_name = "D")]
    pub dialect: String,
    /// The record of the dialect that the body is
    #[arg(long, value_name = "R")]
    pub record: String,
    /// Which way
    #[arg(long, value_enum)]
    pub direction: Direction,
    /// The body; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Dialect folders to lay over the embedded ones
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub mappings: Option<PathBuf>,
}

/// Ask a running gateway whether it is ready.
#[derive(Args, Debug)]
#[command(after_help = "Ends with 0 when it is ready and with 1 when it is not or does not answer.
Where it listens on every address, it is asked on loopback.

Examples:
  deskbridge health
  deskbridge health --config /etc/deskbridge/deskbridge.yaml
  deskbridge health --admin 127.0.0.1:9091")]
pub struct Health {
    /// Its admin listener [default: DESKBRIDGE__ADMIN__LISTEN, else what its configuration says,
    /// else 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<SocketAddr>,
    /// Its configuration [default: deskbridge.yaml if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// Work with the mappings that are part of the program.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  deskbridge mappings export my-mappings && deskbridge check my-mappings")]
pub struct Mappings {
    /// What to do with them.
    #[command(subcommand)]
    pub command: MappingsCommand,
}

/// What to do with the embedded mappings.
#[derive(Debug, Subcommand)]
pub enum MappingsCommand {
    /// Write them out, to change or extend; nothing is overwritten
    Export {
        /// The folder, made where it is missing
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
}

/// Show version, revision and the digest of the embedded mappings.
#[derive(Args, Debug)]
pub struct Version {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub format: Report,
}

/// Write a completion script for a shell.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  deskbridge completions bash > ~/.local/share/bash-completion/completions/deskbridge")]
pub struct Completions {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Which way a body is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Canonical → dialect.
    Encode,
    /// Dialect → canonical.
    Decode,
}
