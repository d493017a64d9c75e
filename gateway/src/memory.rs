//! Memory taken whole at the start, so that no command waits for the system to give a page.
//!
//! A table of the engine has its room from the start, but the system gives a page of it when it is
//! first written: some microseconds, ten times what a reserve costs. Locked pages are given at once
//! and never taken to disk.
//!
//! Invariant: all that is mapped is locked, or nothing is and the start says why. Not here: what
//! is mapped later (buffers, caches of the stores: a bound on it would stop them), how much the
//! tables take (`engine::limits`).

use std::fs;

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};

/// Why memory was not locked.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} MB of memory are mapped and the system refuses to lock them: {error}. The process may lock \
     {allowed}. Raise that (ulimit -l, LimitMEMLOCK of a unit, CAP_IPC_LOCK), see that as much is \
     free, or start without --lock-memory",
    mapped_kib >> 10
)]
pub struct LockError {
    error: Errno,
    mapped_kib: u64,
    allowed: String,
}

/// Touches and locks all memory of the process; tells how much it takes now, in bytes.
///
/// # Errors
/// The system refuses: the limit of locked memory, or none that is free.
pub fn lock() -> Result<u64, LockError> {
    mlockall(MlockAllFlags::CURRENT).map_err(|error| LockError {
        error,
        mapped_kib: kib_of("VmSize:"),
        allowed: allowed(),
    })?;
    // What is mapped and may not be touched (guards of stacks) is locked and takes nothing.
    Ok(kib_of("VmRSS:") << 10)
}

/// How much may be locked, in words.
fn allowed() -> String {
    match rlimit::getrlimit(rlimit::Resource::MEMLOCK) {
        Ok((rlimit::INFINITY, _)) => "all it has".to_owned(),
        Ok((bytes, _)) => format!("{} MB", bytes >> 20),
        Err(error) => format!("an unknown amount ({error})"),
    }
}

/// A line of the process's own figures, in KiB; 0 where the system does not tell.
fn kib_of(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}
