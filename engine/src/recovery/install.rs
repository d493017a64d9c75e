//! Putting a new journal in the place of a damaged one.
//!
//! ```text
//! journal.new is whole | damaged/<epoch>-<n>/{ACT,head} | what tells of more than is kept, moved
//! there | journal moved there | journal.new becomes journal | the head mark
//! ```
//! Invariant: until `journal.new` has become `journal` a start refuses; from then on it finds what
//! was kept. Each step is synced before the next, does nothing where it was done before, and moves
//! files whole. Not here: what the new journal holds.

use std::path::{Path, PathBuf};

use super::act::{ActError, Order, Step, at, done, set_aside};
use crate::journal::folder::{self, Layout};
use crate::journal::head::Mark;

/// A new journal that stands whole in `journal.new`, and what goes before it takes its place.
pub(super) struct Installation<'a> {
    pub(super) order: &'a Order,
    /// The folder in `damaged/`, of this act alone.
    pub(super) aside: PathBuf,
    /// What was done and why, for people.
    pub(super) words: String,
    /// Files and folders that tell of what is not kept.
    pub(super) obsolete: Vec<PathBuf>,
    /// Folders whose new contents stand beside them; a folder without new contents is only set
    /// aside. None for an act that keeps what is there.
    pub(super) replaced: Vec<PathBuf>,
    /// The mark of the new journal.
    pub(super) mark: Mark,
}

/// The folder of an act in `damaged/`.
pub(super) fn aside(layout: &Layout, epoch: u32, number: u64) -> PathBuf {
    layout.damaged().join(format!("{epoch}-{number}"))
}

impl Installation<'_> {
    pub(super) fn carry_out(&self, on_step: &mut dyn FnMut(Step) -> bool) -> Result<(), ActError> {
        let layout = self.order.layout();
        done(Step::Built, on_step)?;
        self.record()?;
        done(Step::Recorded, on_step)?;
        for path in &self.obsolete {
            let inside = path.strip_prefix(&layout.root).unwrap_or(path);
            set_aside(path, &self.aside.join(inside))?;
        }
        done(Step::SetAside, on_step)?;
        let (journal, new) = (layout.journal(), layout.new_journal());
        if exists(&new)? {
            set_aside(&journal, &self.aside.join("journal"))?;
            done(Step::OldMoved, on_step)?;
            for path in &self.replaced {
                self.replace(path)?;
            }
            set_aside(&new, &journal)?;
        }
        done(Step::NewMoved, on_step)?;
        self.order.write_mark(&self.mark)?;
        done(Step::Marked, on_step)
    }

    /// Sets a folder aside and puts the new one in its place; both only once.
    fn replace(&self, path: &Path) -> Result<(), ActError> {
        let layout = self.order.layout();
        let inside = path.strip_prefix(&layout.root).unwrap_or(path);
        let kept = self.aside.join(inside);
        if !exists(&kept)? {
            set_aside(path, &kept)?;
        }
        set_aside(&layout.arriving(path), path)
    }

    /// Keeps the old mark and says what is done.
    fn record(&self) -> Result<(), ActError> {
        let failed = |error| at(&self.aside, &error);
        folder::make_folder(&self.aside).map_err(failed)?;
        let (head, kept) = (self.order.head(), self.aside.join("head"));
        if exists(&head)? && !exists(&kept)? {
            let bytes = std::fs::read(&head).map_err(|error| at(&head, &error))?;
            folder::write_whole(&kept, &bytes).map_err(failed)?;
        }
        folder::write_whole(&self.aside.join("ACT"), self.words.as_bytes()).map_err(failed)
    }
}

pub(super) fn exists(path: &Path) -> Result<bool, ActError> {
    std::fs::exists(path).map_err(|error| at(path, &error))
}
