//! The law about a new venue: which regimes stand together and what they allow (section 10).

use super::*;
use RejectReason as R;

/// What a regime says: its own text, the models it allows, the text that forbids centralised
/// bidding, the text that asks for a licence.
type Says = (Basis, &'static [Model], Option<Basis>, Option<Basis>);

fn says(regime: Regime) -> Says {
    use Basis::*;
    use Model::*;
    let rights: &[Model] = &[Negotiated, LawfulAuction, SealedBid, ListingInvite];
    let spot: &[Model] = &[
        Negotiated,
        ListingPick,
        OneWayAuction,
        Rfq,
        FixedPrice,
        Tender,
    ];
    let shop: &[Model] = &[FixedPrice, GroupBuy, Presale, FlashSale, Coupon];
    let firms: &[Model] = &[
        FixedPrice,
        TieredPrice,
        Rfq,
        Negotiated,
        ListingPick,
        OneWayAuction,
        Tender,
        GroupBuy,
        Presale,
        FlashSale,
    ];
    let futures: &[Model] = &[Clob, CallAuction, Implied, Block, Efp];
    let shares: &[Model] = &[Clob, CallAuction, Block, ClosePrice];
    let carbon: &[Model] = &[ListingPick, BlockNegotiated, OneWayAuction];
    let (state, web) = (Some(StateCouncil38), Some(ECommerceLaw46));
    match regime {
        Regime::LicensedFutures => (FuturesLaw11, futures, None, Some(FuturesLaw11)),
        Regime::LicensedSecurities => (SecuritiesLaw37, shares, None, Some(SecuritiesLaw37)),
        Regime::LocalRightsVenue => (StateCouncilOffice37, rights, state, state),
        Regime::RegionalEquity => (
            SecuritiesLaw98,
            &[Negotiated, BlockNegotiated],
            state,
            state,
        ),
        Regime::LocalCommoditySpot => (SpotRules3, spot, state, Some(SpotRules3)),
        Regime::EcomB2b => (ECommerceLaw46, firms, web, None),
        Regime::EcomB2c => (ECommerceLaw49, shop, web, None),
        Regime::CrossBorderRetail => (CrossBorderRetail49, shop, web, None),
        Regime::TenderLaw => (Basis::TenderLaw, &[Tender], state, None),
        Regime::AuctionLaw => (AuctionLaw3, &[LawfulAuction, OneWayAuction], state, None),
        Regime::CarbonNational => (CarbonRegulation15, carbon, Some(CarbonRegulation15), None),
        Regime::Sandbox => unreachable!("it allows everything"),
    }
}

/// Whether a venue under it may have margin forwards (section 19).
pub fn margin(regime: Regime) -> bool {
    let allowed = ["LICENSED_FUTURES", "LICENSED_SECURITIES", "SANDBOX"];
    allowed.contains(&regime.as_str())
}

/// Whether a regime allows a model.
pub fn allows(regime: Regime, model: Model) -> bool {
    regime == Regime::Sandbox || says(regime).1.contains(&model)
}

/// What a regime's law of models is.
pub fn text(regime: Regime) -> Option<Basis> {
    (regime != Regime::Sandbox).then(|| says(regime).0)
}

/// The text by which a regime forbids centralised bidding, and with it market makers.
pub fn forbids(regime: Regime) -> Option<Basis> {
    if regime == Regime::Sandbox {
        return None;
    }
    says(regime).2
}

/// Whether the venue may be founded.
pub(super) fn lawful(create: &CreateVenue) -> Result<(), Reject> {
    let refuse = |reason, basis| Err(Reject { reason, basis });
    let regimes = &create.regimes;
    let alone = [
        Regime::Sandbox,
        Regime::LicensedFutures,
        Regime::LicensedSecurities,
    ];
    if regimes.len() > 1 && regimes.iter().any(|regime| alone.contains(regime)) {
        return refuse(R::RegimeConflict, None);
    }
    if regimes[0] == Regime::Sandbox {
        return Ok(());
    }
    let says: Vec<Says> = regimes.iter().map(|&regime| says(regime)).collect();
    for model in &create.models {
        let central = matches!(model, Model::Clob | Model::CallAuction | Model::Implied);
        let forbids = says.iter().find_map(|says| says.2);
        if central && forbids.is_some() {
            return refuse(R::ModelNotAllowed, forbids);
        }
        if !says.iter().any(|says| says.1.contains(model)) {
            return refuse(R::ModelNotAllowed, Some(says[0].0));
        }
    }
    let licence = says.iter().find_map(|says| says.3);
    if licence.is_some() && create.demonstration == Demonstration::Real && create.licence.is_none()
    {
        return refuse(R::LicenceRequired, licence);
    }
    Ok(())
}
