//! Transfers between shards, matched over several folders by their ids.
//!
//! Invariant: a transfer is judged by what was done before the end of the span, so that the same
//! day gives the same verdict whenever it is looked at. Not here: who has which half (`reconcile`),
//! words (`reconcile_cli`).

use std::collections::BTreeMap;

use engine::command::Half;
use engine::types::{Time, TransferId};
use rust_decimal::Decimal;

use super::Span;

/// A half that was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Which of the folders has it.
    pub folder: usize,
    /// The account there.
    pub account: String,
    /// The asset; handles differ between shards, names do not.
    pub asset: String,
    /// How much.
    pub amount: Decimal,
    /// When.
    pub time: Time,
}

/// What a transfer is at the end of the span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Both halves agree.
    Agrees,
    /// It went out in the span and has not come in.
    InTransit,
    /// It went out before the span and has not come in.
    Overdue,
    /// It came in and never went out.
    NeverOut,
    /// The halves are of other amounts or assets.
    Differs,
    /// More than one folder has the same half.
    Twice,
}

impl Verdict {
    /// Whether it is a difference.
    pub const fn is_wrong(self) -> bool {
        match self {
            Self::Agrees | Self::InTransit => false,
            Self::Overdue | Self::NeverOut | Self::Differs | Self::Twice => true,
        }
    }
}

/// A transfer, as far as any folder knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// Halves that took the amount out of a shard: one, of a sound transfer.
    pub out: Vec<Seen>,
    /// Halves that brought it to one.
    pub into: Vec<Seen>,
    /// What it is.
    pub verdict: Verdict,
}

/// Matches the halves of all folders; what was done after the span is left out.
pub fn matched(
    halves: impl Iterator<Item = (Half, TransferId, Seen)>,
    span: Span,
) -> Vec<Transfer> {
    let mut all = BTreeMap::<TransferId, [Vec<Seen>; 2]>::new();
    for (half, id, seen) in halves {
        let [out, into] = all.entry(id).or_default();
        match half {
            Half::Out => out.push(seen),
            Half::In => into.push(seen),
        }
    }
    let judged = all.into_iter().filter_map(|(id, [out, into])| {
        let verdict = judge(&out, &into, span)?;
        Some(Transfer {
            id,
            out,
            into,
            verdict,
        })
    });
    judged.collect()
}

fn judge(out: &[Seen], into: &[Seen], span: Span) -> Option<Verdict> {
    let before_end = |seen: &&Seen| span.until.is_none_or(|until| seen.time < until);
    let came = into.iter().find(before_end);
    let went = out.iter().find(before_end);
    if came.is_none() && went.is_none() {
        return None;
    }
    if out.len() > 1 || into.len() > 1 {
        return Some(Verdict::Twice);
    }
    // Clocks of two shards differ a little, so whenever it went out is soon enough.
    Some(match (out.first(), came) {
        (Some(out), Some(into)) if out.asset == into.asset && out.amount == into.amount => {
            Verdict::Agrees
        }
        (Some(_), Some(_)) => Verdict::Differs,
        (None, _) => Verdict::NeverOut,
        (Some(out), None) if out.time < span.from => Verdict::Overdue,
        (Some(_), None) => Verdict::InTransit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 1_000;

    fn at(day: i64) -> Time {
        Time::new(day * DAY).expect("in bounds")
    }

    /// The span of a day.
    fn of(day: i64) -> Span {
        Span {
            from: at(day),
            until: Some(at(day + 1)),
        }
    }

    fn half(half: Half, folder: usize, amount: i64, day: i64) -> (Half, TransferId, Seen) {
        let seen = Seen {
            folder,
            account: "A".to_owned(),
            asset: "CNY".to_owned(),
            amount: Decimal::new(amount, 2),
            time: at(day),
        };
        (half, TransferId::new(7), seen)
    }

    fn verdict(halves: &[(Half, TransferId, Seen)], span: Span) -> Option<Verdict> {
        let all = matched(halves.iter().cloned(), span);
        all.first().map(|transfer| transfer.verdict)
    }

    #[test]
    fn a_transfer_is_in_transit_on_its_day_and_overdue_on_the_next() {
        let out = [half(Half::Out, 0, 500, 4)];
        assert_eq!(verdict(&out, of(3)), None);
        assert_eq!(verdict(&out, of(4)), Some(Verdict::InTransit));
        assert_eq!(verdict(&out, of(5)), Some(Verdict::Overdue));
        let both = [out[0].clone(), half(Half::In, 1, 500, 5)];
        assert_eq!(verdict(&both, of(4)), Some(Verdict::InTransit));
        assert_eq!(verdict(&both, of(5)), Some(Verdict::Agrees));
    }

    #[test]
    fn what_never_went_out_and_what_differs_is_wrong() {
        let came = half(Half::In, 1, 500, 4);
        let alone = [came.clone()];
        assert_eq!(verdict(&alone, of(4)), Some(Verdict::NeverOut));
        let less = [half(Half::Out, 0, 499, 4), came.clone()];
        assert_eq!(verdict(&less, of(4)), Some(Verdict::Differs));
        let mut other = less.clone();
        other[0].2.amount = other[1].2.amount;
        other[0].2.asset = "USD".to_owned();
        assert_eq!(verdict(&other, of(4)), Some(Verdict::Differs));
        let thrice = [half(Half::Out, 0, 500, 4), came.clone(), came];
        assert_eq!(verdict(&thrice, of(4)), Some(Verdict::Twice));
    }

    #[test]
    fn a_clock_that_is_a_little_late_makes_no_difference() {
        let skewed = [half(Half::Out, 0, 500, 5), half(Half::In, 1, 500, 4)];
        assert_eq!(verdict(&skewed, of(4)), Some(Verdict::Agrees));
    }
}
