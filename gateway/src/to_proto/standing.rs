//! What parties may do.
//!
//! Invariant: as in `to_proto`. Not here: where it was read.

use engine::command::{Access, Roles, Standing};
use engine::types::VenueId;
use proto::v1;

use crate::directory::Tables;

/// A standing.
pub const fn standing(standing: Standing) -> v1::Standing {
    match standing {
        Standing::Open => v1::Standing::Open,
        Standing::Suspended => v1::Standing::Suspended,
        Standing::Closed => v1::Standing::Closed,
    }
}

/// A participant's roles at a venue, and whom that admits.
pub fn venue_roles(
    tables: &Tables,
    (venue, roles, access): (VenueId, Roles, Access),
) -> v1::VenueRoles {
    let known = tables.venue(venue);
    let pairs = [
        (Roles::BUYER, v1::Role::Buyer),
        (Roles::SELLER, v1::Role::Seller),
        (Roles::MARKET_MAKER, v1::Role::MarketMaker),
        (Roles::QUALIFIED_INVESTOR, v1::Role::QualifiedInvestor),
    ];
    let given = pairs.iter().filter(|(role, _)| roles.has(*role));
    v1::VenueRoles {
        venue_id: known.map_or_else(String::new, |known| known.name.as_str().to_owned()),
        roles: given.map(|(_, wire)| (*wire).into()).collect(),
        members_only: access.members_only,
        qualified_only: access.qualified_only,
    }
}
