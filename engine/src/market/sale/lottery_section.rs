//! Lotteries as bytes: a part of the section of sales.
//!
//! Invariant: as there. Which buyer is counted next is written as how many were. Not here: draws.

use std::collections::BTreeSet;

use super::buyers::{Buyers, NIL};
use super::offer::Offer;
use crate::bytes::{self, BytesError, Reader};
use crate::journal::codec::sales::array;
use crate::market::lottery::{self, Counting, Hash, Lottery, Progress};

fn wrong() -> BytesError {
    BytesError::range("a lottery")
}

fn put_hash(out: &mut Vec<u8>, hash: Hash) {
    out.extend_from_slice(&hash);
}

pub(super) fn put(out: &mut Vec<u8>, lottery: &Lottery) {
    put_hash(out, lottery.commitment);
    bytes::put_time(out, lottery.draw_by);
    bytes::put_option(out, lottery.value, put_hash);
    bytes::put_option(out, lottery.seed, put_hash);
    put_hash(out, lottery.entered);
    bytes::put_varint(out, u64::from(lottery.entries));
    match &lottery.progress {
        Progress::Open => bytes::put_u8(out, 0),
        Progress::Counting(counting) => {
            bytes::put_u8(out, 1);
            bytes::put_varint(out, u64::from(counting.winners));
            bytes::put_varint(out, u64::from(counting.counted));
            bytes::put_varint(out, counting.best.len() as u64);
            for number in &counting.best {
                put_hash(out, *number);
            }
        }
        Progress::Drawn(last) => {
            bytes::put_u8(out, 2);
            bytes::put_option(out, *last, put_hash);
        }
        Progress::Void => bytes::put_u8(out, 3),
    }
}

pub(super) fn get(
    input: &mut Reader<'_>,
    offer: &Offer,
    (buyers, chain): (&Buyers, u32),
) -> Result<Lottery, BytesError> {
    let commitment = array(input)?;
    let mut lottery = Lottery::new(commitment, input.time("the time of a draw")?);
    lottery.value = input.option(array)?;
    lottery.seed = input.option(array)?;
    lottery.entered = array(input)?;
    lottery.entries = input.varint32("the entries of a lottery")?;
    let opened = lottery
        .seed
        .is_none_or(|seed| lottery::opens(&seed, &commitment));
    let after = offer.closes.is_some_and(|closes| closes < lottery.draw_by);
    if !opened || !after || lottery.seed.is_some() && lottery.value.is_none() {
        return Err(wrong());
    }
    lottery.progress = match input.u8()? {
        0 => Progress::Open,
        1 => Progress::Counting(counting(input, buyers, chain)?),
        2 => Progress::Drawn(input.option(array)?),
        3 => Progress::Void,
        _ => return Err(wrong()),
    };
    let drawn = matches!(lottery.progress, Progress::Counting(_) | Progress::Drawn(_));
    if drawn {
        lottery.drawn = lottery.draw().ok_or_else(wrong)?;
    }
    Ok(lottery)
}

fn counting(input: &mut Reader<'_>, buyers: &Buyers, chain: u32) -> Result<Counting, BytesError> {
    let winners = input.varint32("the winners of a lottery")?;
    let counted = input.varint32("the owners counted")?;
    let mut next = chain;
    for _ in 0..counted {
        if next == NIL {
            return Err(wrong());
        }
        next = buyers.step(next).1;
    }
    let mut best = BTreeSet::new();
    let mut last = None;
    for _ in 0..input.count(winners.min(counted), 32, "the count of numbers")? {
        let number: Hash = array(input)?;
        if last >= Some(number) {
            return Err(wrong());
        }
        last = Some(number);
        best.insert(number);
    }
    if next == NIL || best.len() != winners.min(counted) as usize {
        return Err(wrong());
    }
    Ok(Counting {
        winners,
        counted,
        next,
        best,
    })
}
