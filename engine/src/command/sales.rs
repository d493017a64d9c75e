//! Commands about sales: kinds of parties, terms, offers and their stock.
//!
//! Invariant: as in `command`. Not here: what takes an offer (`command::contracts`), the rules
//! (`market::sale`, SEMANTICS section 21).

use super::discounts::DefineDiscount;
use crate::types::{
    AccountId, Amount, AssetId, CustodianId, Name, Nanoseconds, OfferId, OwnerId, TermsId, Time,
    VenueId,
};
use crate::venue::Model;

/// What a seller or an operator asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SalesCommand {
    /// Say which kind of party a beneficial owner is.
    SetPartyKind(SetPartyKind),
    /// Terms that offers share.
    DefineTerms(SaleTerms),
    /// Offer goods.
    Offer(MakeOffer),
    /// Change prices, window or limits of an offer.
    ChangeOffer(ChangeOffer),
    /// Put more pieces on offer.
    PutStock(ChangeStock),
    /// Take pieces that nobody reserved off an offer.
    TakeStock(ChangeStock),
    /// End an offer.
    WithdrawOffer(WithdrawOffer),
    /// Queue for a flash sale.
    Join(Join),
    /// Bring in the public value of a lottery.
    BringValue(BringValue),
    /// Reveal the seed of a lottery.
    RevealSeed(RevealSeed),
    /// Say how much of a deadline is left after a gap in service.
    SetGrace(SetGrace),
    /// Define a discount.
    DefineDiscount(DefineDiscount),
    /// Set money aside as a guarantee.
    SetGuarantee(SetGuarantee),
}

impl SalesCommand {
    /// Whether a seller makes or changes an offer by it.
    pub const fn is_of_offers(&self) -> bool {
        match self {
            Self::Offer(_)
            | Self::ChangeOffer(_)
            | Self::PutStock(_)
            | Self::TakeStock(_)
            | Self::WithdrawOffer(_) => true,
            Self::SetPartyKind(_)
            | Self::DefineTerms(_)
            | Self::Join(_)
            | Self::BringValue(_)
            | Self::RevealSeed(_)
            | Self::DefineDiscount(_)
            | Self::SetGrace(_)
            | Self::SetGuarantee(_) => false,
        }
    }

    /// The account that acts, if one does.
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::SetPartyKind(_)
            | Self::DefineTerms(_)
            | Self::BringValue(_)
            | Self::RevealSeed(_)
            | Self::SetGrace(_) => None,
            Self::Offer(make) => Some(make.account),
            Self::ChangeOffer(change) => Some(change.account),
            Self::PutStock(change) | Self::TakeStock(change) => Some(change.account),
            Self::WithdrawOffer(withdraw) => Some(withdraw.account),
            Self::Join(join) => Some(join.account),
            Self::DefineDiscount(define) => Some(define.account),
            Self::SetGuarantee(set) => Some(set.account),
        }
    }
}

/// Which kind of party somebody is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
#[repr(u8)]
pub enum PartyKind {
    /// A person who buys for living: protected by the law of consumers.
    #[default]
    Consumer = 0,
    /// A business.
    Enterprise = 1,
}

/// Say which kind of party a beneficial owner is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetPartyKind {
    /// The owner.
    pub owner: OwnerId,
    /// Its kind.
    pub kind: PartyKind,
}

/// When a buyer pays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Funding {
    /// Its money is held when the contract is formed.
    Prefunded,
    /// Later: only the goods are held until then.
    PayLater {
        /// So long after the contract was formed it ends unpaid.
        within: Nanoseconds,
    },
}

/// Whether a price contains the tax.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum TaxBasis {
    /// It does.
    VatIn = 1,
    /// The tax is added.
    VatOut = 2,
}

/// Why goods may come with fewer days of return than the law gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Exemption {
    /// Made as the buyer said.
    CustomMade = 1,
    /// Fresh, or soon spoilt.
    Fresh = 2,
    /// Digital goods, downloaded or unsealed.
    OpenedDigital = 3,
    /// Newspapers and periodicals.
    Periodical = 4,
    /// By their nature, where the buyer confirms it for each contract.
    ConfirmedUnsuitable = 5,
}

/// How goods come to the buyer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Delivery {
    /// A carrier brings them.
    Ship = 1,
    /// The buyer comes for them, with a code.
    PickUp = 2,
}

/// Whether a seller is paid at the acceptance, and its guarantee answers for what may come back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
#[repr(u8)]
pub enum Covered {
    /// It is paid when the right of return has ended.
    #[default]
    No = 0,
    /// It is paid at once, as far as its guarantee is free to cover it.
    Yes = 1,
}

/// What a model's terms have that no other's have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Plan {
    /// FIXED_PRICE and TIERED_PRICE: nothing.
    Plain,
    /// FLASH_SALE.
    Flash(FlashMode),
    /// GROUP_BUY: nothing more; an offer has its quorum.
    Group,
    /// PRESALE.
    Presale {
        /// What is paid at once, in basis points of all that is to be paid, rounded up; from 1 to
        /// 9,999. Up to a fifth of it all is earnest money, what is above a prepayment.
        deposit_bp: u16,
    },
}

impl Plan {
    /// Whether these are terms of that model, in their bounds.
    pub const fn is_of(self, model: Model) -> bool {
        match self {
            Self::Plain => matches!(model, Model::FixedPrice | Model::TieredPrice),
            Self::Flash(mode) => matches!(model, Model::FlashSale) && mode.is_bounded(),
            Self::Group => matches!(model, Model::GroupBuy),
            Self::Presale { deposit_bp } => {
                matches!(model, Model::Presale) && deposit_bp > 0 && deposit_bp < 10_000
            }
        }
    }
}

/// Who gets the pieces of a flash sale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum FlashMode {
    /// RACE: who comes first.
    Race,
    /// QUEUE: who comes first draws the first ticket, and so many are admitted a second.
    Queue {
        /// How many, from 1 to [`FlashMode::PER_SECOND_MAX`].
        per_second: u32,
        /// How long who was admitted may take; from a second to [`FlashMode::VALID_MAX`].
        valid_for: Nanoseconds,
    },
    /// LOTTERY: who is drawn.
    Lottery,
}

impl FlashMode {
    /// The most that are admitted a second: more than a shard takes.
    pub const PER_SECOND_MAX: u32 = 1_000_000;
    /// The longest a token is good for: an hour.
    pub const VALID_MAX: Nanoseconds = Nanoseconds(3_600 * 1_000_000_000);
    /// The longest an offer with a queue is open: 31 days, so that its seconds can be counted.
    pub const QUEUE_SPAN_MAX: Nanoseconds = Nanoseconds(31 * 24 * 3_600 * 1_000_000_000);

    const fn is_bounded(self) -> bool {
        match self {
            Self::Race | Self::Lottery => true,
            Self::Queue {
                per_second,
                valid_for,
            } => {
                per_second > 0
                    && per_second <= Self::PER_SECOND_MAX
                    && valid_for.0 >= 1_000_000_000
                    && valid_for.0 <= Self::VALID_MAX.0
            }
        }
    }
}

/// What one offer has that others by the same terms have not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Course {
    /// Nothing: FIXED_PRICE, TIERED_PRICE, a race.
    Plain,
    /// GROUP_BUY.
    Group {
        /// The fewest pieces of all together, else nobody gets any; at least 1.
        quorum: u32,
    },
    /// PRESALE: the window in which balances are paid, after the offer closed.
    Presale {
        /// From when on.
        pay_from: Time,
        /// From when on not any more; who has not paid then is in default.
        pay_until: Time,
    },
    /// FLASH_SALE by lottery.
    Lottery {
        /// SHA-256 of the operator's seed.
        commitment: [u8; 32],
        /// When all have their turn; without a seed or a public value by then nobody wins.
        draw_by: Time,
    },
}

/// Terms of sale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaleTerms {
    /// The venue.
    pub venue: VenueId,
    /// The trading model.
    pub model: Model,
    /// Its own terms.
    pub plan: Plan,
    /// When the buyer pays.
    pub funding: Funding,
    /// The currency.
    pub money: AssetId,
    /// Whether prices contain the tax.
    pub tax_basis: TaxBasis,
    /// The tax, in basis points, at most 10,000.
    pub tax_bp: u16,
    /// What the seller pays the venue, in millionths of what is paid; at most
    /// [`SaleTerms::FEE_PPM_MAX`].
    pub fee_ppm: u32,
    /// How long after the payment the goods are to be handed over.
    pub hand_over_within: Nanoseconds,
    /// How long after the delivery silence accepts.
    pub inspect_within: Nanoseconds,
    /// Civil days after that of receipt in which pieces may be given back; at most
    /// [`SaleTerms::RETURN_DAYS_MAX`].
    pub return_days: u8,
    /// Civil days after that of receipt in which buyer and seller may still agree that pieces come
    /// back, once the seller is paid; at most [`SaleTerms::AGREED_DAYS_MAX`], none for zero.
    pub agreed_days: u16,
    /// Why they may be fewer than the law gives.
    pub exemption: Option<Exemption>,
    /// How goods come to the buyer.
    pub delivery: Delivery,
    /// When the seller is paid, where a right of return runs.
    pub covered: Covered,
    /// The hash of the document with all terms.
    pub document: [u8; 32],
}

impl SaleTerms {
    /// The model with its own terms.
    pub const fn kind(&self) -> (Model, Plan) {
        (self.model, self.plan)
    }

    /// The highest fee: a tenth.
    pub const FEE_PPM_MAX: u32 = 100_000;
    /// The most days of return.
    pub const RETURN_DAYS_MAX: u8 = 30;
    /// The most days of returns by agreement: three years, after which claims are barred
    /// (民法典 188).
    pub const AGREED_DAYS_MAX: u16 = 1_096;
    /// The days of return the law gives a consumer (消费者权益保护法 25).
    pub const RETURN_DAYS_BY_LAW: u8 = 7;
    /// The longest time to pay: 31 days. The shortest is a second.
    pub const PAY_WITHIN_MAX: Nanoseconds = Nanoseconds(31 * 24 * 3_600 * 1_000_000_000);
    /// The shortest time to hand over or to inspect: a minute.
    pub const WITHIN_MIN: Nanoseconds = Nanoseconds(60 * 1_000_000_000);
    /// The longest: 366 days.
    pub const WITHIN_MAX: Nanoseconds = Nanoseconds(366 * 24 * 3_600 * 1_000_000_000);
}

/// From so many pieces on, a price a piece.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Tier {
    /// From so many pieces on.
    pub from: u32,
    /// The price of one, in minor units of the money.
    pub price: i64,
}

/// What may be changed of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prices {
    /// One to [`Prices::TIERS_MAX`] tiers, the first from one piece.
    pub tiers: Vec<Tier>,
    /// Pieces are taken in multiples of this.
    pub step: u32,
    /// The fewest pieces of one contract.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// The most pieces a beneficial owner may take while the offer lives.
    pub limit: Option<u32>,
    /// From when on it can be taken.
    pub opens: Time,
    /// From when on it cannot any more; none for never.
    pub closes: Option<Time>,
}

impl Prices {
    /// The most tiers of one offer.
    pub const TIERS_MAX: usize = 8;
    /// The highest price of a piece, in minor units.
    pub const PRICE_MAX: i64 = 1 << 40;
    /// The most pieces of an offer.
    pub const PIECES_MAX: u32 = 1 << 30;
    /// The most units of goods in a piece.
    pub const UNITS_MAX: i64 = 1 << 40;
}

/// Offer goods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MakeOffer {
    /// The terms.
    pub terms: TermsId,
    /// The seller.
    pub account: AccountId,
    /// The goods.
    pub goods: AssetId,
    /// Where they lie.
    pub warehouse: CustodianId,
    /// Units of the goods in a piece; of a service none.
    pub piece_units: i64,
    /// What they cost, and who may take how many when.
    pub prices: Prices,
    /// How many pieces.
    pub stock: u32,
    /// What its model asks of each offer.
    pub course: Course,
}

/// Change prices, window or limits of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeOffer {
    /// The offer.
    pub offer: OfferId,
    /// The version the seller saw.
    pub version: u32,
    /// The seller.
    pub account: AccountId,
    /// What it is from now on.
    pub prices: Prices,
}

/// Put pieces on an offer, or take some off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChangeStock {
    /// The offer.
    pub offer: OfferId,
    /// The seller.
    pub account: AccountId,
    /// How many pieces.
    pub pieces: u32,
}

/// End an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WithdrawOffer {
    /// The offer.
    pub offer: OfferId,
    /// The seller.
    pub account: AccountId,
}

/// Queue for a flash sale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Join {
    /// The offer.
    pub offer: OfferId,
    /// Who wants to buy.
    pub account: AccountId,
}

/// Bring in the public value of a lottery, which came into being only after its window closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BringValue {
    /// The offer.
    pub offer: OfferId,
    /// The value.
    pub value: [u8; 32],
    /// Where everybody can look it up.
    pub source: Name,
}

/// Reveal the seed of a lottery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RevealSeed {
    /// The offer.
    pub offer: OfferId,
    /// What the offer was committed to.
    pub seed: [u8; 32],
}

/// Say how much of a deadline of a contract is left at least after a gap in service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetGrace {
    /// The venue.
    pub venue: VenueId,
    /// How much, from [`crate::contract::graces::GRACE_MIN`] to
    /// [`crate::contract::graces::GRACE_MAX`]; a day where a venue has said nothing. It holds for
    /// gaps that end after this command.
    pub grace: Nanoseconds,
}

/// Set so much of a seller's money aside at a venue, in place of what was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetGuarantee {
    /// The venue.
    pub venue: VenueId,
    /// The seller.
    pub account: AccountId,
    /// The currency.
    pub money: AssetId,
    /// How much is set aside from now on; nothing ends it.
    pub amount: Amount,
}
