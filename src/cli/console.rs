//! Where commands write: answers to standard output, complaints to standard error.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

/// Two streams, and whether people look at them.
pub struct Console<'w> {
    out: Box<dyn Write + 'w>,
    err: Box<dyn Write + 'w>,
    /// Whether both are terminals, so that colours are seen and not read.
    pub colour: bool,
}

impl Console<'static> {
    /// The process's own. `NO_COLOR` in the environment is the caller's to look at.
    #[must_use]
    pub fn process(no_colour: bool) -> Self {
        let colour = !no_colour && io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { out: Box::new(io::stdout()), err: Box::new(io::stderr()), colour }
    }
}

impl<'w> Console<'w> {
    /// Two streams without colours.
    pub fn plain(out: impl Write + 'w, err: impl Write + 'w) -> Self {
        Self { out: Box::new(out), err: Box::new(err), colour: false }
    }

    /// Writes an answer. A reader who has gone (`| head`) is no reason to fail.
    pub fn say(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }

    /// Writes what is wrong.
    pub fn complain(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("colour", &self.colour).finish_non_exhaustive()
    }
}
