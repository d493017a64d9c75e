//! How much room the disk of the data folder has left, and what is still taken when it runs short.
//!
//! The journal thread looks before every append, so a disk that fills is seen before the next
//! record is written; a refused submission looks again, so taking goes on with the first one
//! after room was made. Neither waits for a clock.
//!
//! Invariant: with less than the reserve free, no new order and nothing else that begins
//! something is taken: no reserve, basket, offer or place in a queue; with less than a quarter of
//! it, nothing but operators' commands, so that a flood of cancels cannot use up what the last
//! flushes need. Not here: the reserve's size (`config`), making room (dropping segments).

use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::command::{Body, Command, ContractCommand, SalesCommand, SwitchCommand};

/// Below one in this many parts of the reserve only operators' commands are taken.
const LAST_PART: u64 = 4;
/// Orders are taken again with the reserve and one in this many parts of it free, so that one
/// deleted file does not turn into a flicker.
const MARGIN_PART: u64 = 8;

/// Says how much room there is.
pub trait FreeSpace: Send + Sync + Debug {
    /// Bytes that may still be written to the disk of `folder`.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
}

/// What the system says.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFreeSpace;

impl FreeSpace for SystemFreeSpace {
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        fs2::available_space(folder)
    }
}

/// As much as it was set to; for tests.
#[derive(Debug)]
pub struct ManualFreeSpace(AtomicU64);

impl ManualFreeSpace {
    /// With `bytes` free.
    pub const fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    /// From now on `bytes` are free.
    pub fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::SeqCst);
    }
}

impl FreeSpace for ManualFreeSpace {
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

/// What is taken, as far as the disk is concerned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Taking {
    /// Everything.
    All,
    /// Anything but new orders, replaces, reserves, and what is offered or queued for.
    NoOrders,
    /// Only what operators send.
    OperatorsOnly,
}

impl Taking {
    /// What is taken with `free` bytes, when it was `self` before.
    const fn next(self, free: u64, reserve: u64) -> Self {
        if free < reserve / LAST_PART {
            Self::OperatorsOnly
        } else if free < reserve {
            Self::NoOrders
        } else if matches!(self, Self::All) || free >= goes_on_at(reserve) {
            Self::All
        } else {
            Self::NoOrders
        }
    }

    /// Whether a command is taken.
    fn takes(self, body: &Body) -> bool {
        match self {
            Self::All => true,
            Self::NoOrders => !begins(body),
            Self::OperatorsOnly => !begins(body) && !is_of_parties(body),
        }
    }

    const fn from_level(level: u64) -> Self {
        match level {
            0 => Self::All,
            1 => Self::NoOrders,
            _ => Self::OperatorsOnly,
        }
    }
}

/// Whether something begins by a command that later commands go on with.
fn begins(body: &Body) -> bool {
    let sells = |command: &SalesCommand| {
        matches!(
            command,
            SalesCommand::Offer(_)
                | SalesCommand::PutStock(_)
                | SalesCommand::Join(_)
                | SalesCommand::DefineDiscount(_)
        )
    };
    matches!(
        body,
        Body::NewOrder(_)
            | Body::ReplaceOrder(_)
            | Body::Contract(ContractCommand::Reserve(_) | ContractCommand::Basket(_))
    ) || matches!(body, Body::Sales(command) if sells(command))
}

/// Whether the parties themselves send a command, not an operator.
fn is_of_parties(body: &Body) -> bool {
    body.account().is_some()
        || matches!(
            body,
            Body::OpenSession(_)
                | Body::Switch(
                    SwitchCommand::ArmDeadMan(_) | SwitchCommand::SetDisconnectPolicy(_)
                )
        )
}

/// From here on orders are taken again.
const fn goes_on_at(reserve: u64) -> u64 {
    reserve.saturating_add(reserve / MARGIN_PART)
}

/// The disk as it was last seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskStatus {
    /// Bytes free; 0 when the system would not say.
    pub free_bytes: u64,
    /// The reserve; 0 when the disk is not watched.
    pub reserve_bytes: u64,
    /// What is taken.
    pub taking: Taking,
}

impl fmt::Display for DiskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes >> 20;
        let refused = match self.taking {
            Taking::All => return write!(f, "disk {} MB free", mb(self.free_bytes)),
            Taking::NoOrders => "new orders, replaces, reserves and offers are refused",
            Taking::OperatorsOnly => "all but operators' commands are refused",
        };
        write!(
            f,
            "DISK LOW: {} MB free, {} MB are kept in reserve: {refused} until {} MB are free",
            mb(self.free_bytes),
            mb(self.reserve_bytes),
            mb(goes_on_at(self.reserve_bytes))
        )
    }
}

/// Whom an operator hears.
type Warn = Arc<dyn Fn(&str) + Send + Sync>;

/// Watches the disk of the data folder.
pub(crate) struct DiskWatch {
    source: Arc<dyn FreeSpace>,
    folder: PathBuf,
    reserve: u64,
    free: AtomicU64,
    level: AtomicU64,
    on_warning: Warn,
}

impl DiskWatch {
    /// Watches `folder` and looks once.
    pub(crate) fn new(
        source: Arc<dyn FreeSpace>,
        folder: PathBuf,
        reserve: u64,
        on_warning: Warn,
    ) -> Self {
        let watch = Self {
            source,
            folder,
            reserve,
            free: AtomicU64::new(u64::MAX),
            level: AtomicU64::new(Taking::All as u64),
            on_warning,
        };
        watch.look();
        watch
    }

    /// Looks now. A disk that cannot be asked counts as full.
    pub(crate) fn look(&self) -> DiskStatus {
        let asked = self.source.free_bytes(&self.folder);
        let free = *asked.as_ref().unwrap_or(&0);
        self.free.store(free, Ordering::Release);
        let next = |level| Taking::from_level(level).next(free, self.reserve) as u64;
        let before = self
            .level
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |level| {
                Some(next(level))
            })
            .unwrap_or_else(|level| level);
        let status = self.status();
        if before != next(before) {
            let why = asked.err().map(|error| format!(" ({error})"));
            let again = (status.taking == Taking::All).then_some(": orders are taken again");
            let (why, again) = (why.unwrap_or_default(), again.unwrap_or_default());
            (self.on_warning)(&format!("{status}{again}{why}"));
        }
        status
    }

    /// Whether these commands are taken; all or none. Looks again before it refuses.
    pub(crate) fn takes(&self, commands: &[Command]) -> bool {
        let takes = |taking: Taking| commands.iter().all(|command| taking.takes(&command.body));
        let taking = Taking::from_level(self.level.load(Ordering::Acquire));
        taking == Taking::All || takes(taking) || takes(self.look().taking)
    }

    /// As it was last seen.
    pub(crate) fn status(&self) -> DiskStatus {
        DiskStatus {
            free_bytes: self.free.load(Ordering::Acquire),
            reserve_bytes: self.reserve,
            taking: Taking::from_level(self.level.load(Ordering::Acquire)),
        }
    }
}

impl Debug for DiskWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskWatch")
            .field("folder", &self.folder)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Act, Confirmed, Join, Reserve, TakeStep, WithdrawOffer};
    use crate::types::{AccountId, ContractId, OfferId};

    #[test]
    fn what_begins_in_a_shop_is_refused_first_then_what_its_parties_do() {
        let account = AccountId::new(1);
        let offer = OfferId {
            sequence: 1,
            slot: 0,
        };
        let reserve = Body::Contract(ContractCommand::Reserve(Reserve {
            offer,
            version: 1,
            account,
            pieces: 1,
            delivery_reference: [0; 16],
            pickup: None,
            confirmed: Confirmed::No,
        }));
        let step = |account| {
            Body::Contract(ContractCommand::Step(TakeStep {
                contract: ContractId {
                    sequence: 2,
                    slot: 0,
                },
                version: 1,
                account,
                act: Act::Pay,
            }))
        };
        let sales = |command| Body::Sales(Box::new(command));
        let join = sales(SalesCommand::Join(Join { offer, account }));
        let withdraw = sales(SalesCommand::WithdrawOffer(WithdrawOffer {
            offer,
            account,
        }));
        for (body, at_first, last) in [
            (reserve, false, false),
            (join, false, false),
            (step(Some(account)), true, false),
            (withdraw, true, false),
            (step(None), true, true),
        ] {
            let taken = [Taking::All, Taking::NoOrders, Taking::OperatorsOnly];
            let taken = taken.map(|taking| taking.takes(&body));
            assert_eq!(taken, [true, at_first, last], "{body:?}");
        }
    }

    #[test]
    fn what_is_taken_falls_at_once_and_rises_with_a_margin() {
        let mut taking = Taking::All;
        for (free, expected) in [
            (800, Taking::All),
            (799, Taking::NoOrders),
            (800, Taking::NoOrders),
            (899, Taking::NoOrders),
            (900, Taking::All),
            (200, Taking::NoOrders),
            (199, Taking::OperatorsOnly),
            (0, Taking::OperatorsOnly),
            (200, Taking::NoOrders),
            (199, Taking::OperatorsOnly),
            (899, Taking::NoOrders),
            (199, Taking::OperatorsOnly),
            (900, Taking::All),
        ] {
            taking = taking.next(free, 800);
            assert_eq!(taking, expected, "{free} free");
        }
        assert_eq!(Taking::All.next(0, 0), Taking::All, "not watched");
    }

    #[test]
    fn a_level_is_its_taking() {
        for taking in [Taking::All, Taking::NoOrders, Taking::OperatorsOnly] {
            assert_eq!(Taking::from_level(taking as u64), taking);
        }
    }

    #[test]
    fn the_system_says_how_much_is_free() {
        let folder = tempfile::tempdir().expect("a folder");
        let free = SystemFreeSpace.free_bytes(folder.path()).expect("known");
        assert!(free > 0);
        let nowhere = folder.path().join("nowhere");
        assert!(SystemFreeSpace.free_bytes(&nowhere).is_err());
    }
}
