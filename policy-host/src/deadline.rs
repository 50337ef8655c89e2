//! The wall-clock deadline, and how a plugin that is busy is told from a thread that was not given a processor.
//!
//! A decision takes microseconds and its deadline is milliseconds, so on a busy machine a deadline that passes mostly
//! means that the operating system ran something else. To deny then would make denials depend on the load. So the first
//! expiry is no end: it starts the clock of the processor time that the thread itself uses, and the instance is stopped
//! once it has used half its deadline again.

use std::time::Duration;

/// Milliseconds by which a deadline may be put off in all, whatever the clocks say. Arbitrary.
const MOST_EXTENSIONS: u32 = 1000;

/// The state of one stretch of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    overtime: Duration,
    /// Processor time of the thread when the deadline first passed.
    passed_at: Option<Duration>,
    extensions: u32,
}

/// What to do with an instance whose deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Look again after one tick.
    PutOff,
    /// Stop it.
    Final,
}

impl Deadline {
    pub(crate) fn new(deadline_ms: u64) -> Self {
        let overtime = Duration::from_millis(deadline_ms.div_ceil(2));
        Self {
            overtime,
            passed_at: None,
            extensions: 0,
        }
    }

    /// The deadline has passed, by the wall clock. `used` is the processor time of this thread, if the system tells.
    pub(crate) fn passed(&mut self, used: Option<Duration>) -> Expiry {
        let worked = match (self.passed_at, used) {
            (None, used) => {
                self.passed_at = Some(used.unwrap_or_default());
                return Expiry::PutOff;
            }
            (Some(then), Some(now)) => now.saturating_sub(then),
            (Some(_), None) => Duration::MAX,
        };
        self.extensions = self.extensions.saturating_add(1);
        if worked >= self.overtime || self.extensions >= MOST_EXTENSIONS {
            Expiry::Final
        } else {
            Expiry::PutOff
        }
    }
}

/// The processor time that this thread has used since it began.
#[cfg(unix)]
#[expect(unsafe_code, reason = "the standard library has no such clock")]
pub(crate) fn processor_time() -> Option<Duration> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer, and nothing else is touched.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    (answer == 0).then(|| Duration::new(seconds, nanos))
}

/// The processor time that this thread has used since it began.
#[cfg(not(unix))]
pub(crate) fn processor_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_plugin_that_works_on_is_stopped_after_half_its_deadline_again() {
        let mut deadline = Deadline::new(4);
        assert_eq!(deadline.passed(Some(7 * MS)), Expiry::PutOff);
        assert_eq!(deadline.passed(Some(8 * MS)), Expiry::PutOff);
        assert_eq!(deadline.passed(Some(9 * MS)), Expiry::Final);
    }

    #[test]
    fn a_thread_that_was_not_run_is_waited_for_but_not_for_ever() {
        let mut deadline = Deadline::new(2);
        let ends = (0..5000).find(|_| deadline.passed(Some(7 * MS)) == Expiry::Final);
        assert_eq!(ends, Some(MOST_EXTENSIONS as usize));
    }

    #[test]
    fn without_a_clock_one_tick_is_granted() {
        let mut deadline = Deadline::new(60_000);
        assert_eq!(deadline.passed(None), Expiry::PutOff);
        assert_eq!(deadline.passed(None), Expiry::Final);
    }

    #[cfg(unix)]
    #[test]
    fn the_clock_counts_the_work_of_this_thread() {
        let before = processor_time().unwrap();
        let mut n = 0_u64;
        while processor_time().unwrap() < before + MS {
            n = std::hint::black_box(n + 1);
        }
        assert!(n > 0);
    }
}
