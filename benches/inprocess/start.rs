//! What it takes to start, and to be there: with one tenant and a thousand, with one dialect and a
//! hundred. Each start is a process of its own, so that its memory is its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use deskbridge::app::App;
use deskbridge::config::{self, Flags, Input};
use deskbridge::dialect::embedded::Files;
use tokio::time::Instant;

use crate::inside::copied;
use crate::measure::{Table, shown};

/// The argument by which this program starts a gateway and tells of it.
pub(crate) const ONE: &str = "--start=";
/// Starts, of which the quickest counts.
const TRIES: usize = 3;

pub(crate) fn run() {
    let heads = ["tenants", "dialects", "mounts", "until it listens", "resident"];
    let mut table = Table::new(&heads);
    for (tenants, dialects) in [(1, 1), (1, 10), (1, 100), (10, 4), (100, 4), (1_000, 4)] {
        let tried = (0..TRIES).map(|_| one_process(tenants, dialects));
        let best = tried.min_by(|a, b| a[0].total_cmp(&b[0])).unwrap();
        table.row([
            tenants.to_string(),
            dialects.to_string(),
            (tenants * dialects).to_string(),
            shown(best[0]),
            format!("{:.0} MB", best[1] / 1e6),
        ]);
    }
    table.print("Starting: configuration read, mappings compiled, addresses bound");
}

/// Seconds and bytes.
fn one_process(tenants: usize, dialects: usize) -> [f64; 2] {
    let own = std::env::current_exe().unwrap();
    let told = Command::new(own).arg(format!("{ONE}{tenants},{dialects}")).output().unwrap();
    let text = String::from_utf8_lossy(&told.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let failed = || panic!("{text}{}", String::from_utf8_lossy(&told.stderr));
    numbers.try_into().unwrap_or_else(|_| failed())
}

/// In such a process: starts a gateway and prints what [`one_process`] reads.
#[allow(clippy::print_stdout, reason = "what was measured goes to the process that asked")]
pub(crate) fn one(what: &str) {
    let (tenants, dialects) = what.split_once(',').unwrap();
    let (tenants, dialects): (usize, usize) = (tenants.parse().unwrap(), dialects.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (yaml, environment) = configuration(tenants, dialects);
    let (file, mappings) = (folder.path().join("deskbridge.yaml"), folder.path().join("mappings"));
    fs::write(&file, yaml).unwrap();
    fs::create_dir(&mappings).unwrap();
    for (path, text) in (0..dialects).flat_map(|n| copied("third-party", &format!("vendor-{n}"))) {
        let path = mappings.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    // Pages of the program and its embedded files are there anyway.
    let _ = Files::embedded();
    let before = resident();
    let any = || Some("127.0.0.1:0".to_owned());
    let flags =
        Flags { listen: any(), admin: any(), mappings: Some(mappings.display().to_string()) };
    let input = Input { file: Some(file), environment, flags };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let config = config::load(&input).unwrap_or_else(|p| panic!("{}", p.render(false)));
    let started = runtime.block_on(App::start(&config));
    let app = started.unwrap_or_else(|error| panic!("{error}"));
    let took = begun.elapsed().as_secs_f64();
    println!("{took} {}", resident() - before);
    drop(app);
}

/// Each tenant has a host of its own, where it mounts each dialect, and a credential.
fn configuration(tenants: usize, dialects: usize) -> (String, BTreeMap<String, String>) {
    let mut yaml = String::from(
        "upstreams: { main: { kind: canonical, url: \"http://127.0.0.1:9/v1\", credential: \"${env:BACKEND}\" } }\ntenants:\n",
    );
    let mut environment = BTreeMap::from([("BACKEND".to_owned(), "backend-secret".to_owned())]);
    for t in 0..tenants {
        let _ = writeln!(yaml, "  t{t}: {{ upstream: main }}");
        environment.insert(format!("SECRET_{t}"), format!("secret-{t}"));
    }
    yaml.push_str("mounts:\n");
    for t in 0..tenants {
        for d in 0..dialects {
            let at = format!("host: t{t}.desk.example, prefix: /vendor-{d}");
            let _ = writeln!(yaml, "  - {{ dialect: vendor-{d}, tenant: t{t}, {at} }}");
        }
    }
    yaml.push_str("credentials:\n");
    for t in 0..tenants {
        let _ = writeln!(
            yaml,
            "  - {{ name: c{t}, secret: \"${{env:SECRET_{t}}}\", tenant: t{t}, account: \"1\", actor: \"agent:n:2\" }}"
        );
    }
    yaml.push_str("reload: { watch: false }\n");
    (yaml, environment)
}

/// Bytes of this process that are in memory.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() * 1024.0
}
