//! The priority of a thread.

/// How far a thread steps back: it gets about a quarter of a processor that one other wants, and all of one that is idle.
#[cfg(target_os = "linux")]
const NICENESS: libc::c_int = 5;

/// Has the scheduler prefer every other thread to this one, for as long as it lives. Where priorities are those of whole
/// processes, nothing changes.
///
/// # Errors
/// What the system says.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the standard library has no word for the priority of a thread"
)]
pub(crate) fn give_way() -> std::io::Result<()> {
    // SAFETY: takes three numbers and touches no memory. On Linux, 0 means the calling thread.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn give_way() -> std::io::Result<()> {
    Ok(())
}
