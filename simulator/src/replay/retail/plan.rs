//! The first pass over a shop's file: what each line means, what everybody begins and ends with.
//!
//! Invariant: pure and exact, without an exchange, so that what the exchange says at the end is
//! compared with a sum made outside of it. An offer's opening stock is the least with which no line
//! meets an empty shelf while its lines keep their order; opening money covers any order of lines.
//! Not here: which earlier sales a return meets (`matching`), how anything is sent (`lanes`).

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use super::matching::{Found, Part, Sales};
use crate::{
    formats::{
        FormatError, Next,
        retail::{self, Invoice, Item},
    },
    replay::ReplayError,
};

/// The account that sells.
pub const SELLER: u32 = 0;
/// The account against which A lines adjust the seller's.
pub const NAMED: u32 = 1;
/// Buyers come from here on.
const BUYERS: u32 = 2;
/// The most lines: each keeps a contract of the exchange, which has room for 2^20.
pub const LINES_MAX: usize = 1 << 20;
/// A code with so many leading digits is of goods; any other is a service.
const GOODS_DIGITS: usize = 5;

/// Whose account it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Who {
    /// The shop.
    Seller,
    /// What A lines adjust against.
    Named,
    /// A customer by its number.
    Customer(u32),
    /// All of a country that the file does not know.
    WalkIn(String),
}

/// An account, in thousandths of a pound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    /// Whose.
    pub who: Who,
    /// What it is given first: all that it ever pays, so that no order of lines matters to it.
    pub opening_mills: i64,
    /// What the lines add to that.
    pub change_mills: i64,
}

/// A code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// In upper case.
    pub code: String,
    /// Goods have stock, services have none.
    pub goods: bool,
    /// Pieces put in first, over all its offers.
    pub opening_pieces: i64,
    /// What the lines add to that.
    pub change_pieces: i64,
}

/// What is on offer: a code at a price. Each price is an offer of its own, for a changed one would
/// have a new version that every reserve must name, and no two lines of a code could be under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shelf {
    /// Which product.
    pub product: u32,
    /// Its price.
    pub price_mills: i64,
    /// Whether any line takes pieces of it or puts some: compensations need no offer.
    pub on_offer: bool,
    /// The least stock with which its lines run in order.
    pub opening_pieces: i64,
    /// What they add to that.
    pub change_pieces: i64,
    lowest_pieces: i64,
}

/// What a line does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// A contract.
    Sale,
    /// A contract at price 0.
    Gift,
    /// Stock is counted anew: so many pieces more, or fewer.
    Stock,
    /// Pieces of earlier sales come back: [`Plan::parts`].
    Return,
    /// Pieces come back that no sale is known of; the customer is compensated.
    Goodwill,
    /// The buyer compensates the seller; nothing comes back.
    Charge,
    /// The seller and the named account settle something.
    Account,
}

/// A line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planned {
    /// Its number in the file.
    pub line: u32,
    /// What it does.
    pub act: Act,
    /// Whether a later line gives pieces of it back.
    pub returned: bool,
    /// Which shelf it is about.
    pub shelf: u32,
    /// The other account than the seller's, or the seller's.
    pub party: u32,
    /// Pieces, with the file's sign.
    pub pieces: i32,
    /// When, in seconds since 1970.
    pub time_s: i64,
}

/// How many lines of each kind there are; C lines are of the last four.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Priced sales.
    pub sales: u64,
    /// Priced 0, for a customer.
    pub gifts: u64,
    /// Priced 0, for nobody, pieces added.
    pub stock_more: u64,
    /// Priced 0, for nobody, pieces taken.
    pub stock_fewer: u64,
    /// A lines.
    pub accounts: u64,
    /// C lines that meet one sale.
    pub met_one: u64,
    /// C lines that meet several.
    pub met_several: u64,
    /// C lines of a customer that meet none.
    pub met_none: u64,
    /// C lines of nobody, the charges with them.
    pub of_nobody: u64,
    /// C lines with a positive quantity.
    pub charges: u64,
}

/// Quantity times price, in thousandths of a pound, with the file's signs.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sums {
    /// Of priced sales.
    pub sales_mills: i64,
    /// Of C lines.
    pub credits_mills: i64,
    /// Of A lines.
    pub accounts_mills: i64,
}

impl Sums {
    /// Of the whole file.
    pub const fn whole_mills(&self) -> i64 {
        self.sales_mills + self.credits_mills + self.accounts_mills
    }
}

/// What a file means.
#[derive(Default, Debug)]
pub struct Plan {
    /// Its lines, in order.
    pub lines: Vec<Planned>,
    /// Accounts, the seller's and the named one first.
    pub parties: Vec<Party>,
    /// Codes in order of their first line.
    pub products: Vec<Product>,
    /// Codes at prices in order of their first line.
    pub shelves: Vec<Shelf>,
    /// What each return gives back, by its line.
    pub parts: BTreeMap<u32, Vec<Part>>,
    /// How many lines of each kind.
    pub counts: Counts,
    /// What they are worth.
    pub sums: Sums,
}

impl Plan {
    /// Reads a file, or its first `lines_max` lines.
    pub fn read(path: &Path, lines_max: usize) -> Result<Self, ReplayError> {
        let mut maker = Maker::new();
        let mut failed = None;
        let ended = retail::read(path, |item| {
            if maker.plan.lines.len() == lines_max {
                return Next::Stop;
            }
            match maker.take(&item) {
                Ok(()) => Next::More,
                Err(what) => {
                    let line = item.line;
                    failed = Some(ReplayError::Day(format!("line {line}: {what}")));
                    Next::Stop
                }
            }
        });
        match (failed, ended) {
            (Some(failed), _) => Err(failed),
            (None, Ok(()) | Err(FormatError::Stopped)) => Ok(maker.finish()),
            (None, Err(error)) => Err(error.into()),
        }
    }

    /// The shelves on offer.
    pub fn offers(&self) -> impl Iterator<Item = (usize, &Shelf)> {
        let shelves = self.shelves.iter().enumerate();
        shelves.filter(|(_, shelf)| shelf.on_offer)
    }

    /// The shelf of a line.
    pub fn shelf(&self, planned: &Planned) -> &Shelf {
        &self.shelves[planned.shelf as usize]
    }

    /// Whether a line is about goods, which have stock.
    pub fn is_goods(&self, planned: &Planned) -> bool {
        self.products[self.shelf(planned).product as usize].goods
    }

    /// What a line is worth, with the file's sign.
    pub fn value_mills(&self, planned: &Planned) -> i64 {
        i64::from(planned.pieces) * self.shelf(planned).price_mills
    }
}

/// Makes a plan, line by line.
struct Maker {
    plan: Plan,
    parties: HashMap<Who, u32>,
    products: HashMap<String, u32>,
    shelves: HashMap<(u32, i64), u32>,
    sales: Sales,
}

impl Maker {
    fn new() -> Self {
        let mut maker = Self {
            plan: Plan::default(),
            parties: HashMap::new(),
            products: HashMap::new(),
            shelves: HashMap::new(),
            sales: Sales::default(),
        };
        maker.party(Who::Seller);
        maker.party(Who::Named);
        debug_assert_eq!(maker.plan.parties.len(), BUYERS as usize);
        maker
    }

    fn party(&mut self, who: Who) -> u32 {
        let all = &mut self.plan.parties;
        *self.parties.entry(who.clone()).or_insert_with(|| {
            all.push(Party {
                who,
                opening_mills: 0,
                change_mills: 0,
            });
            all.len() as u32 - 1
        })
    }

    fn buyer(&mut self, item: &Item) -> u32 {
        let walk_in = || Who::WalkIn(item.country.clone());
        self.party(item.customer.map_or_else(walk_in, Who::Customer))
    }

    fn shelf(&mut self, item: &Item) -> u32 {
        let all = &mut self.plan.products;
        let product = *self.products.entry(item.code.clone()).or_insert_with(|| {
            all.push(Product {
                code: item.code.clone(),
                goods: is_goods(&item.code),
                opening_pieces: 0,
                change_pieces: 0,
            });
            all.len() as u32 - 1
        });
        let all = &mut self.plan.shelves;
        let key = (product, item.price_mills);
        *self.shelves.entry(key).or_insert_with(|| {
            all.push(Shelf {
                product,
                price_mills: item.price_mills,
                on_offer: false,
                opening_pieces: 0,
                change_pieces: 0,
                lowest_pieces: 0,
            });
            all.len() as u32 - 1
        })
    }

    fn take(&mut self, item: &Item) -> Result<(), String> {
        if self.plan.lines.len() == LINES_MAX {
            return Err(format!("more than {LINES_MAX} lines"));
        }
        let pieces = i32::try_from(item.pieces).map_err(|_| "too many pieces".to_owned())?;
        let (act, party) = self.classify(item)?;
        let shelf = self.shelf(item);
        let mut planned = Planned {
            line: item.line,
            act,
            returned: false,
            shelf,
            party,
            pieces,
            time_s: item.time_s,
        };
        match act {
            Act::Sale => self
                .sales
                .sold((party, shelf), item.line, pieces.unsigned_abs()),
            Act::Goodwill if item.customer.is_some() => {
                let found = self.sales.give_back((party, shelf), pieces.unsigned_abs());
                planned.act = self.meet(item.line, found);
            }
            Act::Goodwill | Act::Charge => self.plan.counts.of_nobody += 1,
            Act::Gift | Act::Stock | Act::Return | Act::Account => {}
        }
        self.count(&planned);
        self.move_money(&planned);
        self.move_pieces(&planned);
        self.plan.lines.push(planned);
        Ok(())
    }

    /// What a line alone says; which sales a return meets is found afterwards.
    fn classify(&mut self, item: &Item) -> Result<(Act, u32), String> {
        let (pieces, price) = (item.pieces, item.price_mills);
        if pieces == 0 {
            return Err("a line without a quantity".to_owned());
        }
        match item.invoice {
            Invoice::Account if pieces > 0 => Ok((Act::Account, NAMED)),
            Invoice::Credit if price > 0 => {
                let act = if pieces > 0 {
                    Act::Charge
                } else {
                    Act::Goodwill
                };
                Ok((act, self.buyer(item)))
            }
            Invoice::Ordinary if price == 0 && item.customer.is_none() => Ok((Act::Stock, SELLER)),
            Invoice::Ordinary if price == 0 && pieces > 0 => Ok((Act::Gift, self.buyer(item))),
            Invoice::Ordinary if price > 0 && pieces > 0 => Ok((Act::Sale, self.buyer(item))),
            Invoice::Account | Invoice::Credit | Invoice::Ordinary => Err(format!(
                "{pieces} pieces at {price} thousandths mean nothing on an invoice of its kind"
            )),
        }
    }

    fn meet(&mut self, line: u32, found: Found) -> Act {
        let counts = &mut self.plan.counts;
        let parts = match found {
            Found::One(part) => {
                counts.met_one += 1;
                vec![part]
            }
            Found::Several(parts) => {
                counts.met_several += 1;
                parts
            }
            Found::None => {
                counts.met_none += 1;
                return Act::Goodwill;
            }
        };
        self.plan.parts.insert(line, parts);
        Act::Return
    }

    fn count(&mut self, planned: &Planned) {
        let value = self.plan.value_mills(planned);
        let (counts, sums) = (&mut self.plan.counts, &mut self.plan.sums);
        match planned.act {
            Act::Sale => {
                counts.sales += 1;
                sums.sales_mills += value;
            }
            Act::Gift => counts.gifts += 1,
            Act::Stock if planned.pieces > 0 => counts.stock_more += 1,
            Act::Stock => counts.stock_fewer += 1,
            Act::Return | Act::Goodwill => sums.credits_mills += value,
            Act::Charge => {
                counts.charges += 1;
                sums.credits_mills += value;
            }
            Act::Account => {
                counts.accounts += 1;
                sums.accounts_mills += value;
            }
        }
    }

    /// What goes to the seller comes from the other; whoever pays is given as much first.
    fn move_money(&mut self, planned: &Planned) {
        let value = self.plan.value_mills(planned);
        let (to, from) = if value < 0 {
            (planned.party, SELLER)
        } else {
            (SELLER, planned.party)
        };
        let parties = &mut self.plan.parties;
        parties[from as usize].opening_mills += value.abs();
        parties[from as usize].change_mills -= value.abs();
        parties[to as usize].change_mills += value.abs();
    }

    fn move_pieces(&mut self, planned: &Planned) {
        let pieces = i64::from(planned.pieces);
        let change = match planned.act {
            Act::Sale | Act::Gift | Act::Return | Act::Goodwill => -pieces,
            Act::Stock => pieces,
            Act::Charge | Act::Account => 0,
        };
        let shelf = &mut self.plan.shelves[planned.shelf as usize];
        let product = &mut self.plan.products[shelf.product as usize];
        let sold = matches!(planned.act, Act::Sale | Act::Gift);
        shelf.on_offer |= sold || (product.goods && change != 0);
        if product.goods {
            product.change_pieces += change;
            shelf.change_pieces += change;
            shelf.lowest_pieces = shelf.lowest_pieces.min(shelf.change_pieces);
        }
    }

    fn finish(mut self) -> Plan {
        for shelf in &mut self.plan.shelves {
            shelf.opening_pieces = -shelf.lowest_pieces;
            let product = &mut self.plan.products[shelf.product as usize];
            product.opening_pieces += shelf.opening_pieces;
        }
        let lines = &mut self.plan.lines;
        for part in self.plan.parts.values().flatten() {
            let at = lines.binary_search_by_key(&part.line, |planned| planned.line);
            if let Some(sale) = at.ok().and_then(|at| lines.get_mut(at)) {
                sale.returned = true;
            }
        }
        self.plan
    }
}

/// Whether a code is of goods.
fn is_goods(code: &str) -> bool {
    let leading = code.bytes().take_while(u8::is_ascii_digit);
    leading.count() >= GOODS_DIGITS
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
