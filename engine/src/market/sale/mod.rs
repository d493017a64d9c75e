//! Fixed and tiered prices: goods on offer, which a reserve turns into a contract (SEMANTICS
//! section 21).
//!
//! Invariant: what is left of an offer is held for it, so it cannot be sold twice; prices and terms
//! that a contract was formed under are the contract's own. Not here: what becomes of a contract
//! (`contract`), whose reserve is taken (`engine::contracts`).

pub(crate) mod buyers;
pub(crate) mod law;
pub(crate) mod offer;
pub(crate) mod price;
pub(crate) mod section;

pub use offer::Offer;

use crate::clearing::ledger::Place;
use crate::command::{Funding, PartyKind, SaleTerms};
use crate::limits::Limits;
use crate::slab::Slab;
use crate::types::{Nanoseconds, OfferId, OwnerId, TermsId};
use crate::venue::{Law, Regime};
use buyers::Buyers;

/// Terms of sale, where their venue's fees go, and which regime each kind of party buys under: a
/// venue's regimes never change, so that is asked once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Defined {
    /// As they were defined.
    pub terms: SaleTerms,
    pub(crate) fees: Place,
    regimes: [Option<Regime>; 2],
}

impl Defined {
    /// Lawful terms of a venue with these regimes.
    fn new(terms: SaleTerms, fees: Place, stands: (&Law, &[Regime])) -> Self {
        let of = |kind| law::regime_of(stands, terms.model, kind).ok();
        Self {
            terms,
            fees,
            regimes: [PartyKind::Consumer, PartyKind::Enterprise].map(of),
        }
    }

    /// The regime under which this kind of party buys, if one lets it.
    pub(crate) const fn regime(&self, kind: PartyKind) -> Option<Regime> {
        self.regimes[kind as usize]
    }
}

/// All terms and offers of a shard, and which kind of party owners are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sales {
    /// By owner; one beyond the end is a consumer.
    kinds: Vec<PartyKind>,
    terms: Vec<Defined>,
    terms_max: u32,
    offers: Slab<Offer>,
    pub(crate) buyers: Buyers,
}

impl Sales {
    /// Nothing, with room for as much as `limits` says, touched only when used.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            kinds: Vec::with_capacity(limits.owners_max as usize),
            terms: Vec::new(),
            terms_max: limits.terms_max,
            offers: Slab::new(limits.offers_max),
            buyers: Buyers::new(limits),
        }
    }

    /// Which kind of party an owner is.
    pub fn kind(&self, owner: OwnerId) -> PartyKind {
        self.kinds.get(owner.place()).copied().unwrap_or_default()
    }

    pub(crate) fn set_kind(&mut self, owner: OwnerId, kind: PartyKind) {
        let place = owner.place();
        if place >= self.kinds.len() {
            self.kinds.resize(place + 1, PartyKind::default());
        }
        self.kinds[place] = kind;
    }

    /// Terms by their handle.
    pub fn terms(&self, id: TermsId) -> Option<&Defined> {
        self.terms.get(id.place())
    }

    /// All terms in order of their handles.
    pub fn all_terms(&self) -> &[Defined] {
        &self.terms
    }

    /// The terms of what names them.
    pub(crate) fn known(&self, id: TermsId) -> &Defined {
        self.terms(id).expect("what names terms was checked")
    }

    /// The handle of the same terms, if they were defined before.
    pub(crate) fn find_terms(&self, terms: &SaleTerms) -> Option<TermsId> {
        let found = self.terms.iter().position(|known| known.terms == *terms);
        found.map(|place| TermsId::new(place as u32))
    }

    /// Whether no other terms can be defined.
    pub(crate) fn are_terms_full(&self) -> bool {
        self.terms.len() >= self.terms_max as usize
    }

    pub(crate) fn add_terms(
        &mut self,
        terms: SaleTerms,
        fees: Place,
        stands: (&Law, &[Regime]),
    ) -> TermsId {
        assert!(!self.are_terms_full(), "the bound is checked before");
        self.terms.push(Defined::new(terms, fees, stands));
        TermsId::new(self.terms.len() as u32 - 1)
    }

    /// A live offer.
    pub fn offer(&self, id: OfferId) -> Option<&Offer> {
        self.offers.find(id.sequence, id.slot)
    }

    pub(crate) fn row_mut(&mut self, slot: u32) -> &mut Offer {
        self.offers.row_mut(slot)
    }

    /// When who takes an offer pays, and how long after that it is to be handed over.
    pub(crate) fn known_funding(&self, slot: u32) -> (Funding, Nanoseconds) {
        let terms = &self.known(self.offers.row(slot).terms).terms;
        (terms.funding, terms.hand_over_within)
    }

    /// An owner takes pieces of an offer with a limit.
    pub(crate) fn count_buyer(&mut self, slot: u32, owner: OwnerId, pieces: u32) {
        let offer = self.offers.row_mut(slot);
        let chain = &mut offer.buyers;
        self.buyers.take(offer.sequence, owner, pieces, chain);
    }

    /// All live offers with their ids, in order of their rows.
    pub fn offers(&self) -> impl Iterator<Item = (OfferId, &Offer)> {
        let id = |slot, sequence| OfferId { sequence, slot };
        let rows = self.offers.iter();
        rows.map(move |(slot, row)| (id(slot, row.sequence), row))
    }

    /// Checks offers and what they remember; `taken` are the contracts that count: offer, owner and
    /// pieces.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(
        &self,
        taken: impl Iterator<Item = (u64, OwnerId, u32)>,
    ) -> Result<(), &'static str> {
        let mut rows = 0;
        for (_, offer) in self.offers() {
            if offer.stock.amount() != offer.units(offer.left) || offer.stock.is_frozen() {
                return Err("an offer does not hold what is left of it");
            }
            for buyer in self.buyers.chain(offer.buyers) {
                rows += 1;
                if buyer.offer != offer.sequence {
                    return Err("an offer remembers a buyer of another");
                }
            }
        }
        for (_, chain) in self.buyers.forgetting() {
            rows += self.buyers.chain(chain).count() as u32;
        }
        if rows != self.buyers.live() {
            return Err("buyers are remembered by no offer");
        }
        let mut sums = std::collections::BTreeMap::<_, u64>::new();
        for (offer, owner, pieces) in taken {
            *sums.entry((offer, owner)).or_default() += u64::from(pieces);
        }
        for ((offer, owner), pieces) in sums {
            let known = self.buyers.find(offer, owner);
            let counted = known.map(|at| u64::from(self.buyers.row(at).pieces));
            if counted.is_some_and(|counted| counted < pieces) {
                return Err("a buyer is counted for less than its contracts");
            }
        }
        Ok(())
    }

    /// How many offers live.
    pub fn live(&self) -> u32 {
        self.offers.live()
    }

    /// Whether no other offer can be made.
    pub(crate) const fn are_offers_full(&self) -> bool {
        self.offers.is_full()
    }

    pub(crate) fn add_offer(&mut self, offer: Offer) -> u32 {
        self.offers.insert(offer)
    }

    pub(crate) fn remove_offer(&mut self, slot: u32) -> Offer {
        self.offers.remove(slot)
    }
}
