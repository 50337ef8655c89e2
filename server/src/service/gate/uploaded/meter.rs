//! How much of the processor the plugins of one organisation may take.
//!
//! A plugin that computes up to its limits is stopped within milliseconds, but a thousand requests a second could ask it. So
//! each organisation has an account of processor time that fills at a fixed rate and holds a short burst. A decision pays in
//! advance what the last ones took and settles when it is done; whoever finds the account empty waits, and so holds up the
//! requests of its own organisation alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The part of one processor that an organisation's plugins may take for any length of time: a quarter. A guest takes some
/// tens of microseconds, so that this is thousands of decisions a second.
const RATE: u32 = 4;
/// What may be taken at once, in microseconds.
const BURST_US: i64 = 250_000;
/// What a decision is taken to cost before one was made, in microseconds: as much as one is stopped at.
const FIRST_US: i64 = 50_000;
/// How long a decision waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at an account that was empty.
const PAUSE: Duration = Duration::from_millis(2);

/// The account of one organisation.
#[derive(Debug)]
pub(super) struct Meter {
    account: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    /// Below zero after something took longer than was paid for.
    balance_us: i64,
    filled_at: Option<Instant>,
    /// What a decision is expected to take.
    expected_us: i64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            account: Mutex::new(Account {
                balance_us: BURST_US,
                filled_at: None,
                expected_us: FIRST_US,
            }),
        }
    }
}

impl Meter {
    /// Pays in advance, waiting for as long as the account does not suffice; `None` when that takes too long.
    pub(super) async fn wait(&self) -> Option<Duration> {
        let until = Instant::now() + PATIENCE;
        loop {
            let now = Instant::now();
            match self.try_enter(now) {
                Ok(charge) => return Some(charge),
                Err(_) if now >= until => return None,
                Err(enough_in) => tokio::time::sleep(enough_in.clamp(PAUSE, PAUSE * 10)).await,
            }
        }
    }

    /// Pays in advance, or says how long it takes until the account suffices if nobody else pays.
    pub(super) fn try_enter(&self, now: Instant) -> Result<Duration, Duration> {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.fill(now);
        let missing = account.expected_us - account.balance_us;
        if missing > 0 {
            let missing = u64::try_from(missing).unwrap_or(u64::MAX);
            return Err(Duration::from_micros(missing) * RATE);
        }
        account.balance_us -= account.expected_us;
        Ok(micros(account.expected_us))
    }

    /// Settles what was paid with what was taken. Nothing taken tells nothing about the next.
    pub(super) fn leave(&self, paid: Duration, taken: Duration, now: Instant) {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.fill(now);
        let (paid, taken) = (as_micros(paid), as_micros(taken));
        account.balance_us = account
            .balance_us
            .saturating_add(paid)
            .saturating_sub(taken)
            .min(BURST_US);
        if taken > 0 {
            // Up at once and down slowly, and never more than the account can hold.
            let slowly = account.expected_us - (account.expected_us - taken) / 4;
            account.expected_us = taken.max(slowly).min(BURST_US / 2);
        }
    }
}

impl Account {
    fn fill(&mut self, now: Instant) {
        let since = self.filled_at.map_or(Duration::ZERO, |at| now - at);
        self.filled_at = Some(now);
        let more = as_micros(since / RATE);
        self.balance_us = self.balance_us.saturating_add(more).min(BURST_US);
    }
}

fn as_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// How many decisions of this length begin within a second, with as many as wanted at once.
    fn begun_in_a_second(length: Duration) -> u32 {
        let meter = Meter::default();
        let start = Instant::now();
        let mut running: Vec<(Instant, Duration)> = Vec::new();
        let mut begun = 0;
        for step in 0..1_000 {
            let now = start + MS * step;
            running.retain(|(end, paid)| {
                let is_done = *end <= now;
                if is_done {
                    meter.leave(*paid, length, now);
                }
                !is_done
            });
            for _ in 0..100 {
                if let Ok(paid) = meter.try_enter(now) {
                    begun += 1;
                    running.push((now + length, paid));
                }
            }
        }
        begun
    }

    #[test]
    fn long_decisions_get_a_quarter_of_a_processor_and_a_burst() {
        let begun = begun_in_a_second(MS * 75);
        // A quarter of a second, a quarter more as the burst, and what began before the first was measured.
        assert!((3..=9).contains(&begun), "{begun}");
    }

    #[test]
    fn short_decisions_do_not_notice() {
        let begun = begun_in_a_second(Duration::from_micros(30));
        assert!(begun > 8_000, "{begun}");
    }

    #[test]
    fn what_was_paid_and_not_taken_comes_back() {
        let meter = Meter::default();
        let now = Instant::now();
        let paid: Vec<Duration> = std::iter::from_fn(|| meter.try_enter(now).ok()).collect();
        assert_eq!(paid.len(), 5);
        for paid in paid {
            meter.leave(paid, Duration::ZERO, now);
        }
        assert!(meter.try_enter(now).is_ok());
    }
}
