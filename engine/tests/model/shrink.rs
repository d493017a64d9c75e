//! A failing script made short: sessions and requests are taken away if it fails without them,
//! then chunks of steps are left out while it still fails.
//!
//! Invariant: what comes back fails by itself, from an empty engine. Not here: shrinking of the
//! values inside a step.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use sanjiang_engine::command::Identity;

use super::drive::{Driver, words};
use super::script::{Script, Step};
use crate::reference::Fault;

/// How much a shrink may cost, and what is short enough.
#[derive(Clone, Copy)]
pub struct Effort {
    /// How many steps all its runs may have together: a world of thousands that stays long would
    /// take minutes.
    pub steps_max: usize,
    /// It ends with a script of so many steps.
    pub enough: usize,
}

impl Effort {
    /// For a person who is to understand it: as short as it gets.
    pub const WHOLE: Self = Self {
        steps_max: 4_000_000,
        enough: 1,
    };
    /// Whether it can be shown shortly; another world may show it better.
    pub const SHOWN: Self = Self {
        steps_max: 150_000,
        enough: 99,
    };
}

/// What goes wrong when the script runs: a difference or a panic.
pub fn failure(script: &Script, fault: Option<Fault>) -> Option<String> {
    let run = AssertUnwindSafe(|| {
        let mut driver = Driver::new(script, fault);
        let all = script.steps.iter().try_for_each(|step| driver.step(step));
        all.and_then(|()| driver.look()).err()
    });
    catch_unwind(run).unwrap_or_else(|panic| Some(words(panic.as_ref())))
}

/// The step without a session, a request's id or a time limit: others may go without it.
fn unnamed(mut step: Step) -> Step {
    step.command.envelope.identity = Identity::Internal;
    step.command.envelope.valid_until = None;
    step
}

/// The steps without those that were sent again: without their ids they would do it again.
fn once(steps: &[Step]) -> Vec<Step> {
    let mut seen = Vec::new();
    let mut kept = steps.to_vec();
    kept.retain(|step| {
        let identity = step.command.envelope.identity;
        let again = identity != Identity::Internal && seen.contains(&identity);
        seen.push(identity);
        !again
    });
    kept
}

/// The shortest failing script found, and how it fails.
pub fn shrink(mut script: Script, fault: Option<Fault>, effort: Effort) -> (Script, String) {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let left = Cell::new(effort.steps_max);
    let fails = |steps: Vec<Step>, limits| {
        let spent = steps.len().min(left.get());
        left.set(left.get() - spent);
        failure(&Script { limits, steps }, fault)
    };
    let mut text = failure(&script, fault).unwrap_or_default();
    for plain in [once(&script.steps), script.steps.clone()] {
        let plain: Vec<_> = plain.into_iter().map(unnamed).collect();
        if let Some(found) = fails(plain.clone(), script.limits) {
            (script.steps, text) = (plain, found);
            break;
        }
    }
    let mut chunk = script.steps.len().next_power_of_two() / 2;
    let goes_on = |script: &Script| script.steps.len() > effort.enough && left.get() > 0;
    while chunk > 0 && goes_on(&script) {
        let mut at = 0;
        let mut dropped = false;
        while at < script.steps.len() && goes_on(&script) {
            let mut steps = script.steps.clone();
            steps.drain(at..(at + chunk).min(script.steps.len()));
            if let Some(found) = fails(steps.clone(), script.limits) {
                (script.steps, text, dropped) = (steps, found, true);
            } else {
                at += chunk;
            }
        }
        if chunk > 1 || !dropped {
            chunk /= 2;
        }
    }
    set_hook(hook);
    (script, text)
}
