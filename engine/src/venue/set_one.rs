//! Set 1: the twelve regimes that are built in, every rule of them, as version 1 of each.
//!
//! Invariant: it never changes: the first journals were run under it and replay under it. What one
//! inherits from another is written out. Not here: which of these rules a command is checked
//! against (`rules`); later versions, which are data (`law`).

use super::keys::{ALL_MODELS, RuleKey as K, RuleValue as V};
use super::{Model, Regime};

/// One rule of set 1: its key and value.
pub type BuiltIn = (K, V);

const YES: V = V::Flag(true);
const NO: V = V::Flag(false);
const CSRC: V = V::Word(0);
const PROVINCE: V = V::Word(1);

const fn number(value: u64) -> V {
    V::Number(value)
}

const fn models(list: &[Model]) -> V {
    let (mut bits, mut at) = (0, 0);
    while at < list.len() {
        bits |= list[at].bit();
        at += 1;
    }
    V::Set(bits)
}

const LICENSED_FUTURES: &[BuiltIn] = &[
    (
        K::AllowedModels,
        models(&[
            Model::Clob,
            Model::CallAuction,
            Model::Implied,
            Model::Block,
            Model::Efp,
        ]),
    ),
    (K::CentralizedBidding, YES),
    (K::StandardizedContracts, YES),
    (K::Anonymous, YES),
    (K::MarketMaker, YES),
    (K::RequiresLicence, CSRC),
    (K::RealNameAccount, YES),
    (K::DailyMarkToMarket, YES),
    (K::MarginSegregated, YES),
    (K::PositionLimitRequired, YES),
    (K::ProgramTradingReport, YES),
];

const LICENSED_SECURITIES: &[BuiltIn] = &[
    (
        K::AllowedModels,
        models(&[
            Model::Clob,
            Model::CallAuction,
            Model::Block,
            Model::ClosePrice,
        ]),
    ),
    (K::CentralizedBidding, YES),
    (K::StandardizedContracts, YES),
    (K::Anonymous, YES),
    (K::MarketMaker, YES),
    (K::RequiresLicence, CSRC),
    (K::MinDaysBetweenReverseTrades, number(1)),
    (K::ProgramTradingReport, YES),
];

const LOCAL_RIGHTS_VENUE: &[BuiltIn] = &[
    (
        K::AllowedModels,
        models(&[
            Model::Negotiated,
            Model::LawfulAuction,
            Model::SealedBid,
            Model::ListingInvite,
        ]),
    ),
    (K::CentralizedBidding, NO),
    (K::Anonymous, NO),
    (K::MarketMaker, NO),
    (K::RequiresLicence, PROVINCE),
    (K::MinDaysBetweenReverseTrades, number(5)),
    (K::MaxHolders, number(200)),
    (K::HolderCountLookThrough, YES),
    (K::SplitIntoEqualSharesPublicOffer, NO),
    (K::ContinuousListingInStandardUnits, NO),
];

const REGIONAL_EQUITY: &[BuiltIn] = &[
    (
        K::AllowedModels,
        models(&[Model::Negotiated, Model::BlockNegotiated]),
    ),
    (K::CentralizedBidding, NO),
    (K::Anonymous, NO),
    (K::MarketMaker, NO),
    (K::RequiresLicence, PROVINCE),
    (K::MinDaysBetweenReverseTrades, number(5)),
    (K::MaxHolders, number(200)),
    (K::HolderCountLookThrough, YES),
    (K::QualifiedInvestorOnly, YES),
    (K::SplitIntoEqualSharesPublicOffer, NO),
    (K::ContinuousListingInStandardUnits, NO),
    (K::PrivatePlacementOnly, YES),
    (K::MinInvestorFinancialAssetsFen, number(50_000_000)),
    (K::MinInvestorExperienceDays, number(730)),
    (K::CrossProvinceIssuers, NO),
    (K::OperatorsPerProvince, number(1)),
];

const LOCAL_COMMODITY_SPOT: &[BuiltIn] = &[
    (
        K::AllowedModels,
        models(&[
            Model::Negotiated,
            Model::ListingPick,
            Model::OneWayAuction,
            Model::Rfq,
            Model::FixedPrice,
            Model::Tender,
        ]),
    ),
    (K::CentralizedBidding, NO),
    (K::StandardizedContracts, NO),
    (K::Anonymous, NO),
    (K::MarketMaker, NO),
    (K::RequiresLicence, PROVINCE),
    (K::InstrumentKinds, V::Set(0b111)),
    (K::PhysicalDeliveryRequired, YES),
    (K::OperatorTradesOnOwnVenue, NO),
    (K::ThirdPartyCustody, YES),
    (K::MarginLeverageMax, number(10_000)),
];

const ECOM_B2B: &[BuiltIn] = &[
    (
        K::AllowedModels,
        models(&[
            Model::FixedPrice,
            Model::TieredPrice,
            Model::Rfq,
            Model::Negotiated,
            Model::ListingPick,
            Model::OneWayAuction,
            Model::Tender,
            Model::GroupBuy,
            Model::Presale,
            Model::FlashSale,
        ]),
    ),
    (K::CentralizedBidding, NO),
    (K::StandardizedContracts, NO),
    (K::Anonymous, NO),
    (K::MarketMaker, NO),
    (K::TradeRecordRetentionDays, number(1_095)),
    (K::MerchantKyc, YES),
    (K::SelfOperatedFlag, YES),
    (K::PaidRankingFlag, YES),
];

const CONSUMER_MODELS: V = models(&[
    Model::FixedPrice,
    Model::GroupBuy,
    Model::Presale,
    Model::FlashSale,
    Model::Coupon,
]);

const ECOM_B2C: &[BuiltIn] = &[
    (K::AllowedModels, CONSUMER_MODELS),
    (K::CentralizedBidding, NO),
    (K::StandardizedContracts, NO),
    (K::Anonymous, NO),
    (K::MarketMaker, NO),
    (K::CoolingOffDays, number(7)),
    (K::CoolingOffExempt, V::Set(0b1_1111)),
    (K::EarnestMoneyCapBp, number(2_000)),
    (K::TradeRecordRetentionDays, number(1_095)),
    (K::MerchantKyc, YES),
    (K::SelfOperatedFlag, YES),
    (K::PaidRankingFlag, YES),
    (K::ContractFormedOnSubmit, YES),
    (K::PriceDiscriminationByProfile, NO),
    (K::NonPersonalisedOption, YES),
];

const CROSS_BORDER_RETAIL: &[BuiltIn] = &[
    (K::AllowedModels, CONSUMER_MODELS),
    (K::CentralizedBidding, NO),
    (K::StandardizedContracts, NO),
    (K::Anonymous, NO),
    (K::MarketMaker, NO),
    (K::CoolingOffDays, number(7)),
    (K::CoolingOffExempt, V::Set(0b1_1111)),
    (K::EarnestMoneyCapBp, number(2_000)),
    (K::TradeRecordRetentionDays, number(1_095)),
    (K::SingleOrderLimitFen, number(500_000)),
    (K::AnnualLimitFen, number(2_600_000)),
    (K::MerchantKyc, YES),
    (K::SelfOperatedFlag, YES),
    (K::PaidRankingFlag, YES),
    (K::ContractFormedOnSubmit, YES),
    (K::PriceDiscriminationByProfile, NO),
    (K::NonPersonalisedOption, YES),
    (K::DataExportGate, YES),
];

const TENDER_LAW: &[BuiltIn] = &[
    (K::AllowedModels, models(&[Model::Tender])),
    (K::MinBidders, number(3)),
    (K::MinDaysIssueToDeadline, number(20)),
    (K::BidBondCapBp, number(200)),
    (K::PerformanceBondCapBp, number(1_000)),
    (K::AwardNoticeMinDays, number(3)),
    (K::ContractWithinDays, number(30)),
    (K::BidsSealedUntilOpen, YES),
];

const AUCTION_LAW: &[BuiltIn] = &[
    (
        K::AllowedModels,
        models(&[Model::LawfulAuction, Model::OneWayAuction]),
    ),
    (K::BidIrrevocableUntilOutbid, YES),
    (K::ConsignorMayBid, NO),
    (K::WinnerIsHighest, YES),
];

const CARBON_NATIONAL: &[BuiltIn] = &[
    (
        K::AllowedModels,
        models(&[
            Model::ListingPick,
            Model::BlockNegotiated,
            Model::OneWayAuction,
        ]),
    ),
    (K::ListingPickScope, V::Word(2)),
    (K::ListingMaxQtyExclusive, number(100_000)),
    (K::ListingPriceBandBp, number(1_000)),
    (K::BlockMinQty, number(100_000)),
    (K::BlockPriceBandBp, number(3_000)),
    (K::OpenPrice, V::Word(0)),
    (K::ClosePrice, V::Word(0)),
];

const SANDBOX: &[BuiltIn] = &[
    (K::AllowedModels, ALL_MODELS),
    (K::CentralizedBidding, YES),
    (K::StandardizedContracts, YES),
    (K::Anonymous, YES),
    (K::MarketMaker, YES),
    (K::RealMoney, NO),
];

/// The rules of a regime of set 1, in order of the keys; none of a regime that is defined by data.
pub const fn rules(regime: Regime) -> &'static [BuiltIn] {
    match regime {
        Regime::LicensedFutures => LICENSED_FUTURES,
        Regime::LicensedSecurities => LICENSED_SECURITIES,
        Regime::LocalRightsVenue => LOCAL_RIGHTS_VENUE,
        Regime::RegionalEquity => REGIONAL_EQUITY,
        Regime::LocalCommoditySpot => LOCAL_COMMODITY_SPOT,
        Regime::EcomB2b => ECOM_B2B,
        Regime::EcomB2c => ECOM_B2C,
        Regime::CrossBorderRetail => CROSS_BORDER_RETAIL,
        Regime::TenderLaw => TENDER_LAW,
        Regime::AuctionLaw => AUCTION_LAW,
        Regime::CarbonNational => CARBON_NATIONAL,
        Regime::Sandbox => SANDBOX,
        _ => &[],
    }
}

/// The text a regime of set 1 rests on, with the year that was read.
pub const fn text(regime: Regime) -> &'static str {
    match regime {
        Regime::LicensedFutures => "期货和衍生品法(2022) 11, 17, 18, 21, 22, 23, 39, 40",
        Regime::LicensedSecurities => "证券法(2019) 37, 45, 111",
        Regime::LocalRightsVenue => "国发〔2011〕38号; 国办发〔2012〕37号",
        Regime::RegionalEquity => "证券法(2019) 98; 国办发〔2017〕11号; 国发〔2011〕38号",
        Regime::LocalCommoditySpot => "商务部令2013年第3号; 国发〔2011〕38号",
        Regime::EcomB2b => "电子商务法(2018) 27, 31, 37, 40, 46",
        Regime::EcomB2c => "电子商务法(2018) 49; 消费者权益保护法(2013) 25; 民法典(2020) 586",
        Regime::CrossBorderRetail => "财关税〔2018〕49号; 电子商务法(2018) 49",
        Regime::TenderLaw => "招标投标法(2017) 24, 28, 34, 36, 46; 实施条例(2019) 26, 54, 58",
        Regime::AuctionLaw => "拍卖法(2015) 3, 30, 36, 51",
        Regime::CarbonNational => "碳排放权交易管理暂行条例(2024) 15",
        Regime::Sandbox => "demonstrations only, no real money",
        _ => "",
    }
}
