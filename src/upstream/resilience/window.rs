//! Two counts over the last while: everything, and the part of it that matters.
//!
//! Time is cut into ten slots. What is older than the window falls out a slot at a time, so the
//! window is between nine and ten tenths of its length.

use std::time::Duration;

use tokio::time::Instant;

const SLOTS: usize = 10;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) all: u64,
    pub(super) marked: u64,
}

#[derive(Debug)]
pub(super) struct Window {
    born: Instant,
    slot: Duration,
    /// The number of the present slot since `born`; it stands at this number modulo [`SLOTS`].
    present: u64,
    /// When it ends, since `born`.
    over: Duration,
    slots: [Counts; SLOTS],
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        let slot = (length / SLOTS as u32).max(Duration::from_millis(1));
        let slots = [Counts::default(); SLOTS];
        Self { born: Instant::now(), slot, present: 0, over: slot, slots }
    }

    /// Counts one that was there `now`.
    pub(super) fn add(&mut self, marked: bool, now: Instant) {
        self.change(now, |counts| {
            counts.all += 1;
            counts.marked += u64::from(marked);
        });
    }

    /// Marks one that was counted before.
    pub(super) fn mark(&mut self) {
        self.change(Instant::now(), |counts| counts.marked += 1);
    }

    /// What is within the window now.
    pub(super) fn sum(&mut self) -> Counts {
        self.turn(Instant::now());
        self.slots.iter().fold(Counts::default(), |sum, slot| Counts {
            all: sum.all + slot.all,
            marked: sum.marked + slot.marked,
        })
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots = [Counts::default(); SLOTS];
    }

    fn change(&mut self, now: Instant, how: impl FnOnce(&mut Counts)) {
        self.turn(now);
        if let Some(counts) = self.slots.get_mut(Self::place(self.present)) {
            how(counts);
        }
    }

    /// Empties the slots whose time is over.
    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.born);
        // Mostly it is the slot of the last time: found without a division.
        if passed < self.over {
            return;
        }
        let number = passed.as_nanos() / self.slot.as_nanos().max(1);
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let over = number.saturating_sub(self.present).min(SLOTS as u64);
        for back in 0..over {
            if let Some(counts) = self.slots.get_mut(Self::place(number - back)) {
                *counts = Counts::default();
            }
        }
        self.present = number.max(self.present);
        let over = self.slot.as_nanos().saturating_mul(u128::from(self.present) + 1);
        self.over = Duration::from_nanos(u64::try_from(over).unwrap_or(u64::MAX));
    }

    fn place(number: u64) -> usize {
        usize::try_from(number % SLOTS as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_the_window_is_forgotten() {
        let mut window = Window::new(Duration::from_secs(10));
        window.add(true, Instant::now());
        window.add(false, Instant::now());
        tokio::time::advance(Duration::from_secs(9)).await;
        window.add(false, Instant::now());
        window.mark();
        assert_eq!(window.sum(), Counts { all: 3, marked: 2 });
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(window.sum(), Counts { all: 1, marked: 1 });
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(window.sum(), Counts::default());
        window.add(true, Instant::now());
        assert_eq!(window.sum(), Counts { all: 1, marked: 1 });
        window.clear();
        assert_eq!(window.sum(), Counts::default());
    }
}
