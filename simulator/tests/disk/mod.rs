//! A disk that fails and loses power, for whole gateways: the preloaded shim (`shim.c`), the undo
//! log it keeps (`log`), the cut that is played from it (`cut`), and an exchange that runs on such
//! a disk and is audited from its clients' side (`exchange`, `moves`, `shops`, `audit`).
//!
//! Invariant: nothing here is in the product; the gateway is the program people run. Not here:
//! which faults are tried (`power_cut`, `failing_disk`).

#![allow(dead_code, missing_docs)]

pub mod audit;
pub mod cut;
pub mod exchange;
pub mod log;
pub mod moves;
pub mod shops;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The preloaded library, built where it is not; none, and a visible note, without gcc.
pub fn shim() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let target = test.parent()?.parent()?.parent()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/shim");
    let built = Command::new(script).arg(target).output().ok()?;
    if built.status.success() {
        let path = String::from_utf8(built.stdout).ok()?;
        return Some(PathBuf::from(path.trim()));
    }
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert_eq!(built.status.code(), Some(3), "the shim: {said}");
    println!("skipped: no gcc");
    None
}

/// Whether the long form was asked for.
pub fn soak() -> bool {
    std::env::var_os("SANJIANG_SOAK").is_some_and(|value| value == "1")
}
