//! `serve`

use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::thread::scope;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, StartError, Trigger};
use crate::cli::args::Serve;
use crate::cli::{Console, Environment, Exit, returned};
use crate::config::{self, Config, Flags, Input};
use crate::server::Drained;
use crate::telemetry;
use crate::turn;

pub(super) fn run(args: Serve, environment: &Environment, console: &mut Console<'_>) -> Exit {
    let input = Input {
        file: args.config.or_else(config::default_file),
        environment: environment.clone(),
        flags: Flags { listen: args.listen, admin: args.admin, mappings: args.mappings },
    };
    // On a thread of its own: what the allocator has kept of what is thrown away goes with it.
    let loaded = scope(|scope| scope.spawn(|| config::load(&input)).join());
    let config = match loaded.unwrap_or_else(|panic| resume_unwind(panic)) {
        Ok(config) => config,
        Err(problems) => {
            console.complain(&format!("{}\n", problems.render(console.colour)));
            return Exit::Usage;
        }
    };
    telemetry::subscriber::install(&config.telemetry);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.enable_all().on_thread_park(turn::over).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.complain(&format!("error: the runtime does not start: {error}\n"));
            return Exit::Internal;
        }
    };
    runtime.block_on(serve(&config, console))
}

async fn serve(config: &Config, console: &mut Console<'_>) -> Exit {
    // Before anything listens, so that no signal finds the default action.
    let Signals { mut terminate, mut interrupt, mut hang_up } = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            console.complain(&format!("error: signals cannot be waited for: {error}\n"));
            return Exit::Internal;
        }
    };
    let app = match App::start(config).await {
        Ok(app) => app,
        Err(error) => return refuse(&error, console),
    };
    match (app.address(), app.admin_address()) {
        (Ok(address), Ok(admin)) => {
            console.say(&banner(config, &address.to_string(), &admin.to_string()))
        }
        (Err(error), _) | (_, Err(error)) => {
            console.complain(&format!("error: {error}\n"));
            return Exit::Internal;
        }
    }
    let reloader = app.reloader();
    let told = async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                // Its default action would cut every client off.
                Some(()) = hang_up.recv() => reloader.hint(Trigger::Signal),
            }
        }
    };
    // The allocator is the process's, so this is too.
    tokio::spawn(returned::keep());
    match app.run(told).await {
        Drained::Clean => tracing::info!("drained"),
        Drained::CutOff(count) => {
            tracing::warn!(count, "the grace period ran out: connections were cut off");
        }
    }
    Exit::Done
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

fn refuse(error: &StartError, console: &mut Console<'_>) -> Exit {
    let (text, exit) = match error {
        StartError::Refused(refused) => (refused.render(console.colour), Exit::Usage),
        StartError::Address { .. } => (format!("error: {error}"), Exit::Unavailable),
        StartError::Metrics(_) => (format!("error: {error}"), Exit::Internal),
    };
    console.complain(&format!("{text}\n"));
    exit
}

/// What a person at the terminal needs next.
fn banner(config: &Config, address: &str, admin: &str) -> String {
    let mut text = format!(
        "deskbridge {} ({}) listens on http://{address}, for operators on http://{admin}\n",
        crate::VERSION,
        crate::REVISION
    );
    if config.sandbox_only {
        let _ = write!(
            text,
            "No configuration: this is the embedded sandbox, with made-up data and public credentials.\n\n\
             One conversation, three dialects:\n\
             \x20 curl -s http://{address}/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/1\n\
             \x20 curl -s -H 'api_access_token: demo-agent' http://{address}/api/v1/accounts/1/conversations/1\n\
             \x20 curl -s -H 'Authorization: Bearer demo-bearer' http://{address}/third-party/v1/conversations/1\n"
        );
    }
    text
}
