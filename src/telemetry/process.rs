//! The process under the names every dashboard knows (`process_cpu_seconds_total`, …), from `/proc`.
//!
//! The crate's own collector would bring a whole library for these few lines. Where there is no
//! `/proc`, there are no process metrics.

use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};

use super::observed::{family, sample};

/// The kernel counts in ticks of a hundredth of a second wherever it speaks to programs.
const TICKS: f64 = 100.0;

const METRICS: &[(&str, &str, MetricType)] = &[
    (
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        MetricType::COUNTER,
    ),
    ("process_open_fds", "Number of open file descriptors.", MetricType::GAUGE),
    ("process_max_fds", "Maximum number of open file descriptors.", MetricType::GAUGE),
    ("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::GAUGE),
    ("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::GAUGE),
    (
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        MetricType::GAUGE,
    ),
    ("process_threads", "Number of OS threads in the process.", MetricType::GAUGE),
];

#[derive(Debug)]
pub(super) struct Process(Vec<Desc>);

impl Process {
    pub(super) fn new() -> prometheus::Result<Self> {
        METRICS
            .iter()
            .map(|(name, help, _)| {
                Desc::new((*name).into(), (*help).into(), Vec::new(), Default::default())
            })
            .collect::<prometheus::Result<_>>()
            .map(Self)
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.0.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let values = read();
        self.0
            .iter()
            .zip(METRICS)
            .zip(values)
            .filter_map(|((desc, (_, _, kind)), value)| {
                Some(family(desc, *kind, vec![sample(*kind, Vec::new(), value?)]))
            })
            .collect()
    }
}

/// The values in the order of [`METRICS`].
fn read() -> [Option<f64>; METRICS.len()] {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses and may hold anything.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    // `man 5 proc` counts from 1; the first field here is the third there.
    let field = |n: usize| fields.get(n - 3)?.parse::<f64>().ok();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|kb| kb * 1024.0)
    };
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most_files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|line| line.split_whitespace().next()?.parse().ok());
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = boot
        .lines()
        .find_map(|line| line.strip_prefix("btime "))
        .and_then(|seconds| seconds.trim().parse::<f64>().ok());
    [
        field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS),
        // One of them is the folder being read.
        fs::read_dir("/proc/self/fd").ok().map(|dir| dir.count().saturating_sub(1) as f64),
        most_files,
        kilobytes("VmSize:"),
        kilobytes("VmRSS:"),
        boot.zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS),
        field(20),
    ]
}
