//! Decoders, compilers and instrumentation are large programs, run here on input that others wrote. Should one of them
//! panic, the component is refused and the server goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; a panic becomes its message.
pub(crate) fn panics<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // Nothing that `work` touched is used after a panic: the callers drop it.
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no reason given".to_owned())
    })
}
