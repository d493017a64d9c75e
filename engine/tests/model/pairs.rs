//! Pairs of rules that must have met: what a command did for one of them while another one held
//! for the same account, or in the same command.
//!
//! Invariant: as in `coverage`. Not here: making them meet, which is the generators' business.

use sanjiang_engine::command::{Body, Command, Encumbrance, KillScope, Party, Standing};
use sanjiang_engine::event::{
    Cause, CorrectionEvent, CreditEvent, Event, ExecType, MarginEvent, ReceiptStatus,
    TradeCorrection,
};
use sanjiang_engine::types::{AccountId, AssetId, ParticipantId};

use super::coverage::Cell;
use crate::reference::{Called, Reference};

/// Bust or correction, and what holds for a party of it.
const BUSTS: [&str; 6] = [
    "bust x kill switch",
    "bust x suspended",
    "bust x receipt",
    "bust x frozen receipt",
    "bust x drawn",
    "bust x margin",
];

/// What settles of an account, and what holds for it.
const SETTLES: [&str; 6] = [
    "settles x kill switch",
    "settles x suspended",
    "settles x repays a bust",
    "settles x repays credit",
    "settles x busted in part",
    "settles x margin",
];

/// Others.
const OTHERS: [&str; 12] = [
    "receipt x kill switch",
    "receipt x suspended",
    "frozen receipt x kill switch",
    "frozen receipt x suspended",
    "receipt x owes",
    "draws x owes another asset",
    "repays a bust x drawn",
    "repays credit x kill switch",
    "repays credit x suspended",
    "margin order swept",
    "margin moves x kill switch",
    "margin moves x suspended",
];

/// What there is when a day begins.
const ROLLS: [&str; 10] = [
    "day x kill switch",
    "day x suspended",
    "day x waits",
    "day x kept trade",
    "day x owes",
    "day x drawn",
    "day x frozen receipt",
    "day x margin",
    "day x margin call",
    "day x nominee",
];

struct Seen<'a> {
    world: &'a Reference,
    list: Vec<&'static str>,
}

impl Seen<'_> {
    fn add(&mut self, pair: &'static str, met: bool) {
        if met {
            self.list.push(pair);
        }
    }

    fn participant(&self, account: AccountId) -> ParticipantId {
        ParticipantId::new(self.world.accounts[account.place()].participant as u32)
    }

    fn is_killed(&self, account: AccountId) -> bool {
        let above = KillScope::Participant(self.participant(account));
        let scopes = [KillScope::Account(account), above];
        let mut engaged = self.world.engaged.iter();
        engaged.any(|scope| scopes.contains(scope))
    }

    fn is_suspended(&self, account: AccountId) -> bool {
        let above = Party::Participant(self.participant(account));
        let parties = [Party::Account(account), above];
        let mut parties = parties.into_iter();
        parties.any(|party| self.world.standing(party) == Standing::Suspended)
    }

    fn assets(&self) -> std::ops::Range<usize> {
        0..self.world.money.assets.len()
    }

    fn owes(&self, account: AccountId) -> bool {
        let mut assets = self.assets();
        assets.any(|asset| self.world.owes(account.place(), asset) > 0)
    }

    fn has_drawn(&self, account: AccountId) -> bool {
        let mut assets = self.assets();
        assets.any(|asset| self.world.drawn(account.place(), asset) > 0)
    }

    fn has_receipt(&self, account: AccountId, frozen: bool) -> bool {
        let is = |status| match status {
            ReceiptStatus::Encumbered(Encumbrance::Frozen) => true,
            ReceiptStatus::Active | ReceiptStatus::Encumbered(_) => !frozen,
            ReceiptStatus::Ended(_) => false,
        };
        let mut all = self.world.money.receipts.iter();
        all.any(|one| one.account == account.place() && is(one.status))
    }

    fn has_margin(&self, account: AccountId) -> bool {
        let all = self.world.instruments.iter();
        let mut rows = all.filter_map(|known| known.margin.as_ref());
        rows.any(|contract| {
            let mut rows = contract.rows.iter();
            rows.any(|row| row.account == account.place() && row.held > 0)
        })
    }

    fn bust(&mut self, one: &TradeCorrection) {
        for account in [one.buy.account, one.sell.account] {
            self.add(BUSTS[0], self.is_killed(account));
            self.add(BUSTS[1], self.is_suspended(account));
            self.add(BUSTS[2], self.has_receipt(account, false));
            self.add(BUSTS[3], self.has_receipt(account, true));
            self.add(BUSTS[4], self.has_drawn(account));
            self.add(BUSTS[5], self.has_margin(account));
        }
    }

    fn settles(&mut self, account: AccountId, events: &[Event]) {
        let repaid = |event: &Event| {
            let Event::Correction(CorrectionEvent::Repaid(one)) = event else {
                return false;
            };
            one.account == account
        };
        let moved = |event: &Event| {
            matches!(event, Event::Credit(CreditEvent::Moved(one))
                if one.account == account && one.change < 0)
        };
        let mut kept = self.world.trades.kept.iter();
        let busted = kept.any(|kept| kept.busted && kept.accounts.contains(&account));
        self.add(SETTLES[0], self.is_killed(account));
        self.add(SETTLES[1], self.is_suspended(account));
        self.add(SETTLES[2], events.iter().any(repaid));
        self.add(SETTLES[3], events.iter().any(moved));
        self.add(SETTLES[4], busted);
        self.add(SETTLES[5], self.has_margin(account));
    }

    fn credit(&mut self, account: AccountId, asset: AssetId, change: i64) {
        let mut assets = self.assets();
        let owes = |other: usize| self.world.owes(account.place(), other) > 0;
        let another = assets.any(|other| other != asset.place() && owes(other));
        self.add(OTHERS[5], change > 0 && another);
        self.add(OTHERS[7], change < 0 && self.is_killed(account));
        self.add(OTHERS[8], change < 0 && self.is_suspended(account));
    }

    fn day(&mut self) {
        let world = self.world;
        let accounts = 0..world.accounts.len() as u32;
        let accounts: Vec<AccountId> = accounts.map(AccountId::new).collect();
        let any = |is: &dyn Fn(AccountId) -> bool| accounts.iter().any(|at| is(*at));
        let kept = world.trades.kept.iter().any(|kept| !kept.busted);
        let margin = world.instruments.iter();
        let margin = margin.filter_map(|known| known.margin.as_ref());
        let called = margin.flat_map(|contract| &contract.rows);
        let called = called.clone().any(|row| !matches!(row.called, Called::No));
        let met = [
            !world.engaged.is_empty(),
            any(&|account| self.is_suspended(account)),
            !world.settling.waiting.is_empty(),
            kept,
            any(&|account| self.owes(account)),
            any(&|account| self.has_drawn(account)),
            any(&|account| self.has_receipt(account, true)),
            any(&|account| self.has_margin(account)),
            called,
            !world.settling.nominees.is_empty(),
        ];
        for (pair, met) in ROLLS.into_iter().zip(met) {
            self.add(pair, met);
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "most events are of no pair")]
    fn event(&mut self, event: &Event, events: &[Event]) {
        match event {
            Event::Correction(CorrectionEvent::Busted(one) | CorrectionEvent::Corrected(one)) => {
                self.bust(one);
            }
            Event::Correction(CorrectionEvent::Repaid(one)) => {
                self.add(OTHERS[6], self.has_drawn(one.account));
            }
            Event::Settlement(one) => self.settles(one.account, events),
            Event::Receipt(one) => {
                let account = one.account;
                let frozen = one.act.code().1 == 3;
                self.add(OTHERS[0], self.is_killed(account));
                self.add(OTHERS[1], self.is_suspended(account));
                self.add(OTHERS[2], frozen && self.is_killed(account));
                self.add(OTHERS[3], frozen && self.is_suspended(account));
                self.add(OTHERS[4], self.owes(account));
            }
            Event::Credit(CreditEvent::Moved(one)) => {
                self.credit(one.account, one.asset, one.change);
            }
            Event::Margin(MarginEvent::Variation(one)) => {
                self.add(OTHERS[10], self.is_killed(one.account));
                self.add(OTHERS[11], self.is_suspended(one.account));
            }
            Event::Report(report) => {
                let at = report.instrument;
                let known = at.and_then(|at| self.world.instruments.get(at.place()));
                let swept = report.exec_type == ExecType::Canceled
                    && report.cause == Cause::KillSwitch
                    && known.is_some_and(|known| known.margin.is_some());
                self.add(OTHERS[9], swept);
            }
            Event::DayRolled(_) => self.day(),
            _ => {}
        }
    }
}

/// The pairs that a command and its events show, by how the world is after it.
pub fn met(world: &Reference, command: &Command, events: &[Event]) -> Vec<&'static str> {
    let mut seen = Seen {
        world,
        list: Vec::new(),
    };
    // Orders alone are most of a world, and what they show of pairs is a draw.
    let plain = matches!(command.body, Body::NewOrder(_)) && world.money.scores.is_empty();
    if !plain {
        for event in events {
            seen.event(event, events);
        }
    }
    seen.list
}

/// The groups of cells about pairs.
pub fn required() -> Vec<(&'static str, Vec<Cell>)> {
    vec![
        ("busts and", BUSTS.map(Cell::Pair).to_vec()),
        ("what settles and", SETTLES.map(Cell::Pair).to_vec()),
        ("other pairs", OTHERS.map(Cell::Pair).to_vec()),
        ("a day begins and", ROLLS.map(Cell::Pair).to_vec()),
    ]
}
