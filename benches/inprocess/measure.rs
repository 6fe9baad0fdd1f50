//! Works measured in turn, so that what else the machine does falls on all of them alike; of each
//! the fastest round counts. What came out is a table, ready for docs/benchmarks.md.

use std::time::Duration;

use tokio::time::Instant;

/// How long one round of one work takes at least.
const ROUND: Duration = Duration::from_micros(500);

/// Something to be measured.
pub(crate) type Work<'w> = Box<dyn FnMut() + 'w>;

/// The seconds that each takes, of so many rounds.
pub(crate) fn in_turn(rounds: u32, works: &mut [Work<'_>]) -> Vec<f64> {
    let mut fastest = vec![Duration::MAX; works.len()];
    // The first round warms up.
    for round in 0..=rounds {
        for (best, work) in fastest.iter_mut().zip(&mut *works) {
            let took = time(work);
            if round > 0 {
                *best = took.min(*best);
            }
        }
    }
    fastest.iter().map(Duration::as_secs_f64).collect()
}

/// How long `work` takes, on the average of one round.
fn time(work: &mut Work<'_>) -> Duration {
    let begun = Instant::now();
    let mut times = 0;
    loop {
        // Twice as often each time, so that looking at the clock does not count.
        for _ in 0..times.max(1) {
            work();
        }
        times += times.max(1);
        let took = begun.elapsed();
        if took >= ROUND {
            return took / times;
        }
    }
}

/// Rows under a heading, printed when all are there.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    #[allow(clippy::print_stdout, reason = "a benchmark prints what it found")]
    pub(crate) fn print(&self, title: &str) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        println!("\n{title}\n");
        for (number, row) in self.rows.iter().enumerate() {
            let cells = widths.iter().enumerate().map(|(at, width)| {
                let cell = row.get(at).map_or("", |cell| &**cell);
                // The first says what it is, the others are figures.
                if at == 0 { format!(" {cell:width$} |") } else { format!(" {cell:>width$} |") }
            });
            println!("|{}", cells.collect::<String>());
            if number == 0 {
                let lines = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2)));
                println!("|{}", lines.collect::<String>());
            }
        }
    }
}

/// A time, in the unit that suits it.
pub(crate) fn shown(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}

/// How often one goes into another.
pub(crate) fn ratio(of: f64, to: f64) -> String {
    format!("{:.2}", of / to)
}
