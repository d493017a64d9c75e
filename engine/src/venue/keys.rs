//! The closed list of rule keys a regime may use, and what a value of each may be.
//!
//! Invariant: a key's number and name never change once released; a value that `is_valid` is within
//! a named bound. An absent rule means forbidden. Not here: what a rule does where it has an effect
//! (`law`), what the first journals were run under (`set_one`).

use super::Model;
use crate::command::SetSettlement;

/// What a value of a rule may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleKind {
    /// Yes or no.
    Flag,
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// A ratio in ten-thousandths, at most this.
    Ratio(u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words.
    Words(&'static [&'static str]),
    /// Some models, or all.
    Models,
}

/// A value of a rule, of its key's kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum RuleValue {
    /// Of a flag.
    Flag(bool),
    /// Of a number, or of a ratio in ten-thousandths.
    Number(u64),
    /// Of a word: its place among those the key allows.
    Word(u8),
    /// Of words or models: a bit for the place of each, the lowest for the first.
    Set(u32),
}

/// The largest number of a rule: 10^15 fen are ten times what all households save.
pub const RULE_NUMBER_MAX: u64 = 1_000_000_000_000_000;
/// The most civil days of return: what terms of sale may give.
pub const COOLING_OFF_DAYS_MAX: u64 = 30;
/// Earnest money is at most a fifth of the contract, whatever the data says (民法典(2020) 586).
pub const EARNEST_MONEY_CAP_BP: u64 = 2_000;
/// The longest period a rule names, in days: a hundred years.
pub const RULE_DAYS_MAX: u64 = 36_600;
/// The whole, in basis points.
const WHOLE_BP: u64 = 10_000;

const NUMBER: RuleKind = RuleKind::Number(0, RULE_NUMBER_MAX);
const DAYS: RuleKind = RuleKind::Number(0, RULE_DAYS_MAX);
const SHARE: RuleKind = RuleKind::Number(0, WHOLE_BP);

/// What a commodity venue may have for instruments.
pub const INSTRUMENT_KINDS: &[&str] = &["PHYSICAL", "WAREHOUSE_RECEIPT", "BILL_OF_LADING"];
/// What consumers may not give back, in the order of `command::Exemption`.
pub const COOLING_OFF_EXEMPT: &[&str] = &[
    "CUSTOM_MADE",
    "FRESH",
    "DIGITAL_OPENED",
    "PERIODICAL",
    "CONFIRMED_UNSUITABLE",
];
/// Who licenses a venue.
pub const LICENSORS: &[&str] = &["CSRC", "PROVINCE"];

macro_rules! keys {
    ($(#[$doc:meta] $name:ident = $code:literal, $text:literal, $kind:expr;)*) => {
        /// A rule key.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u8)]
        pub enum RuleKey { $(#[$doc] $name = $code,)* }

        impl RuleKey {
            /// All keys, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What its values may be.
            pub const fn kind(self) -> RuleKind {
                match self { $(Self::$name => $kind,)* }
            }

            /// The key with this number.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// The key with this stable name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

keys! {
    /// Which models a venue may offer.
    AllowedModels = 1, "allowed_models", RuleKind::Models;
    /// Automatic matching, call auctions.
    CentralizedBidding = 2, "centralized_bidding", RuleKind::Flag;
    /// Standardised contracts.
    StandardizedContracts = 3, "standardized_contracts", RuleKind::Flag;
    /// Parties that are not named to each other.
    Anonymous = 4, "anonymous", RuleKind::Flag;
    /// Market makers.
    MarketMaker = 5, "market_maker", RuleKind::Flag;
    /// Who licenses the venue.
    RequiresLicence = 6, "requires_licence", RuleKind::Word(LICENSORS);
    /// Trading days between a buy and a sell of one owner.
    MinDaysBetweenReverseTrades = 7, "min_days_between_reverse_trades",
        RuleKind::Number(0, SetSettlement::REVERSE_DAYS_MAX as u64);
    /// The most holders of a security.
    MaxHolders = 8, "max_holders", RuleKind::Number(1, u32::MAX as u64);
    /// Nominees are looked through where holders are counted.
    HolderCountLookThrough = 9, "holder_count_look_through", RuleKind::Flag;
    /// Civil days within which a consumer may give goods back.
    CoolingOffDays = 10, "cooling_off_days", RuleKind::Number(0, COOLING_OFF_DAYS_MAX);
    /// What may not be given back.
    CoolingOffExempt = 11, "cooling_off_exempt", RuleKind::Words(COOLING_OFF_EXEMPT);
    /// The most earnest money, in basis points of the contract.
    EarnestMoneyCapBp = 12, "earnest_money_cap_bp", RuleKind::Number(0, EARNEST_MONEY_CAP_BP);
    /// Only qualified investors.
    QualifiedInvestorOnly = 13, "qualified_investor_only", RuleKind::Flag;
    /// What the instruments may be.
    InstrumentKinds = 14, "instrument_kinds", RuleKind::Words(INSTRUMENT_KINDS);
    /// How long records of trades are kept, in days.
    TradeRecordRetentionDays = 15, "trade_record_retention_days", DAYS;
    /// The most one order may be worth, in fen.
    SingleOrderLimitFen = 16, "single_order_limit_fen", NUMBER;
    /// The most one person may buy in a calendar year, in fen.
    AnnualLimitFen = 17, "annual_limit_fen", NUMBER;
    /// Accounts under the real name.
    RealNameAccount = 18, "real_name_account", RuleKind::Flag;
    /// Positions are marked every day.
    DailyMarkToMarket = 19, "daily_mark_to_market", RuleKind::Flag;
    /// Margin is kept apart.
    MarginSegregated = 20, "margin_segregated", RuleKind::Flag;
    /// Positions are limited.
    PositionLimitRequired = 21, "position_limit_required", RuleKind::Flag;
    /// Programme trading is reported.
    ProgramTradingReport = 22, "program_trading_report", RuleKind::Flag;
    /// Rights split into equal shares are offered to the public.
    SplitIntoEqualSharesPublicOffer = 23, "split_into_equal_shares_public_offer", RuleKind::Flag;
    /// Rights are listed continuously in standard units.
    ContinuousListingInStandardUnits = 24, "continuous_listing_in_standard_units", RuleKind::Flag;
    /// Placed privately only.
    PrivatePlacementOnly = 25, "private_placement_only", RuleKind::Flag;
    /// What an investor must own, in fen.
    MinInvestorFinancialAssetsFen = 26, "min_investor_financial_assets_fen", NUMBER;
    /// How long an investor must have invested, in days.
    MinInvestorExperienceDays = 27, "min_investor_experience_days", DAYS;
    /// Issuers of other provinces.
    CrossProvinceIssuers = 28, "cross_province_issuers", RuleKind::Flag;
    /// Operators in one province.
    OperatorsPerProvince = 29, "operators_per_province", NUMBER;
    /// Goods are delivered.
    PhysicalDeliveryRequired = 30, "physical_delivery_required", RuleKind::Flag;
    /// The operator trades on its own venue.
    OperatorTradesOnOwnVenue = 31, "operator_trades_on_own_venue", RuleKind::Flag;
    /// A third party keeps money and goods.
    ThirdPartyCustody = 32, "third_party_custody", RuleKind::Flag;
    /// The most a position may be worth for its margin.
    MarginLeverageMax = 33, "margin_leverage_max", RuleKind::Ratio(100 * WHOLE_BP);
    /// Merchants are known.
    MerchantKyc = 34, "merchant_kyc", RuleKind::Flag;
    /// The operator's own sales are marked.
    SelfOperatedFlag = 35, "self_operated_flag", RuleKind::Flag;
    /// Paid places in a list are marked.
    PaidRankingFlag = 36, "paid_ranking_flag", RuleKind::Flag;
    /// The submitted order is the contract.
    ContractFormedOnSubmit = 37, "contract_formed_on_submit", RuleKind::Flag;
    /// Prices differ by what is known of the buyer.
    PriceDiscriminationByProfile = 38, "price_discrimination_by_profile", RuleKind::Flag;
    /// There is a way without personal traits.
    NonPersonalisedOption = 39, "non_personalised_option", RuleKind::Flag;
    /// Data leave the country through a gate.
    DataExportGate = 40, "data_export_gate", RuleKind::Flag;
    /// The fewest bidders.
    MinBidders = 41, "min_bidders", NUMBER;
    /// Days from issue to deadline.
    MinDaysIssueToDeadline = 42, "min_days_issue_to_deadline", DAYS;
    /// The most a bid bond may be, in basis points.
    BidBondCapBp = 43, "bid_bond_cap_bp", SHARE;
    /// The most a performance bond may be, in basis points.
    PerformanceBondCapBp = 44, "performance_bond_cap_bp", SHARE;
    /// Days of notice of an award.
    AwardNoticeMinDays = 45, "award_notice_min_days", DAYS;
    /// Days within which the contract is made.
    ContractWithinDays = 46, "contract_within_days", DAYS;
    /// Bids stay sealed until they are opened.
    BidsSealedUntilOpen = 47, "bids_sealed_until_open", RuleKind::Flag;
    /// A bid binds until a better one.
    BidIrrevocableUntilOutbid = 48, "bid_irrevocable_until_outbid", RuleKind::Flag;
    /// The consignor bids.
    ConsignorMayBid = 49, "consignor_may_bid", RuleKind::Flag;
    /// The highest bid wins.
    WinnerIsHighest = 50, "winner_is_highest", RuleKind::Flag;
    /// Which listings a taker may pick.
    ListingPickScope = 51, "listing_pick_scope",
        RuleKind::Word(&["FREE", "BEST_ONLY", "BEST_5_LEVELS"]);
    /// A listing is smaller than this.
    ListingMaxQtyExclusive = 52, "listing_max_qty_exclusive", NUMBER;
    /// The band of listings, in basis points.
    ListingPriceBandBp = 53, "listing_price_band_bp", SHARE;
    /// The smallest block.
    BlockMinQty = 54, "block_min_qty", NUMBER;
    /// The band of blocks, in basis points.
    BlockPriceBandBp = 55, "block_price_band_bp", SHARE;
    /// How the day's first price is found.
    OpenPrice = 56, "open_price", RuleKind::Word(&["FIRST_TRADE", "CALL_AUCTION"]);
    /// How the day's last price is found.
    ClosePrice = 57, "close_price",
        RuleKind::Word(&["VWAP_DAY", "LAST_TRADE", "CALL_AUCTION"]);
    /// Money outside stands behind it.
    RealMoney = 58, "real_money", RuleKind::Flag;
}

/// All models, those to come included.
pub const ALL_MODELS: RuleValue = RuleValue::Set(u32::MAX);

impl RuleKey {
    /// Whether yes is lawful only on a venue the securities commission licenses, or in the sandbox:
    /// built in, whatever a regime says (国发〔2011〕38号, 国办发〔2012〕37号).
    pub const fn needs_commission(self) -> bool {
        matches!(
            self,
            Self::CentralizedBidding
                | Self::MarketMaker
                | Self::StandardizedContracts
                | Self::Anonymous
        )
    }

    /// Whether a value is of the key's kind and within its bounds.
    pub fn is_valid(self, value: RuleValue) -> bool {
        let among = |set: u32, count: usize| count >= 32 || set >> count == 0;
        match (self.kind(), value) {
            (RuleKind::Flag, RuleValue::Flag(_)) => true,
            (RuleKind::Number(least, most), RuleValue::Number(number)) => {
                (least..=most).contains(&number)
            }
            (RuleKind::Ratio(most), RuleValue::Number(number)) => number <= most,
            (RuleKind::Word(words), RuleValue::Word(at)) => usize::from(at) < words.len(),
            (RuleKind::Words(words), RuleValue::Set(set)) => among(set, words.len()),
            (RuleKind::Models, RuleValue::Set(set)) => {
                value == ALL_MODELS || set != 0 && among(set, Model::ALL.len())
            }
            (
                RuleKind::Flag
                | RuleKind::Number(..)
                | RuleKind::Ratio(_)
                | RuleKind::Word(_)
                | RuleKind::Words(_)
                | RuleKind::Models,
                RuleValue::Flag(_) | RuleValue::Number(_) | RuleValue::Word(_) | RuleValue::Set(_),
            ) => false,
        }
    }
}

impl Model {
    /// The bit of this model in a set of them.
    pub const fn bit(self) -> u32 {
        1 << (self as u8 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_read_back() {
        for (at, key) in RuleKey::ALL.iter().enumerate() {
            assert_eq!(*key as usize, at + 1);
            assert_eq!(RuleKey::from_code(*key as u8), Some(*key));
            assert_eq!(RuleKey::from_name(key.as_str()), Some(*key));
        }
        assert_eq!(
            (RuleKey::from_code(0), RuleKey::from_code(59)),
            (None, None)
        );
        assert_eq!(RuleKey::from_name("allowed_modles"), None);
        for (at, model) in Model::ALL.iter().enumerate() {
            assert_eq!(model.bit(), 1 << at, "{model:?}");
        }
    }

    #[test]
    fn values_have_their_kind_and_bounds() {
        use RuleKey as K;
        use RuleValue::{Flag, Number, Set, Word};
        let good = [
            (K::Anonymous, Flag(true)),
            (K::AllowedModels, Set(1)),
            (K::AllowedModels, ALL_MODELS),
            (K::MaxHolders, Number(1)),
            (K::EarnestMoneyCapBp, Number(EARNEST_MONEY_CAP_BP)),
            (K::CoolingOffDays, Number(COOLING_OFF_DAYS_MAX)),
            (K::MinDaysBetweenReverseTrades, Number(20)),
            (K::RequiresLicence, Word(1)),
            (K::CoolingOffExempt, Set(0b1_1111)),
            (K::MarginLeverageMax, Number(10_000)),
            (K::AnnualLimitFen, Number(RULE_NUMBER_MAX)),
            (K::ContractWithinDays, Number(RULE_DAYS_MAX)),
        ];
        let bad = [
            (K::Anonymous, Number(1)),
            (K::AllowedModels, Set(0)),
            (K::AllowedModels, Set(1 << 21)),
            (K::MaxHolders, Number(0)),
            (K::EarnestMoneyCapBp, Number(EARNEST_MONEY_CAP_BP + 1)),
            (K::CoolingOffDays, Number(COOLING_OFF_DAYS_MAX + 1)),
            (K::MinDaysBetweenReverseTrades, Number(21)),
            (K::RequiresLicence, Word(2)),
            (K::CoolingOffExempt, Set(0b10_0000)),
            (K::MarginLeverageMax, Number(1_000_001)),
            (K::AnnualLimitFen, Number(RULE_NUMBER_MAX + 1)),
            (K::ContractWithinDays, Number(RULE_DAYS_MAX + 1)),
        ];
        for (key, value) in good {
            assert!(key.is_valid(value), "{key:?} {value:?}");
        }
        for (key, value) in bad {
            assert!(!key.is_valid(value), "{key:?} {value:?}");
        }
    }
}
