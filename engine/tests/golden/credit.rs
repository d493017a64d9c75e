//! One of every command about credit, collateral and transfers.

use super::*;

/// The commands about credit, collateral and transfers, which later joined version 1.
pub fn credit() -> Vec<(Time, Command)> {
    let mut commands = Vec::new();
    for (place, body) in lending().into_iter().enumerate() {
        let time = at(place as i64 * 7_654_321);
        let envelope = envelope(place as u32, time);
        let body = Body::Credit(body);
        commands.push((time, Command { envelope, body }));
    }
    commands
}

fn lending() -> Vec<CreditCommand> {
    let (account, money, goods) = (AccountId::new(4_000), AssetId::new(0), AssetId::new(300));
    let amount = |units| Amount::new(units).expect("in bounds");
    let collateral = |pledging, units| {
        CreditCommand::MoveCollateral(MoveCollateral {
            account,
            money,
            goods,
            pledging,
            amount: amount(units),
        })
    };
    let half = |half, bits, shard| {
        CreditCommand::Half(TransferHalf {
            half,
            transfer: TransferId::new(bits),
            account,
            asset: goods,
            amount: amount(1),
            shard: ShardId::new(shard),
        })
    };
    vec![
        CreditCommand::SetLine(SetCreditLine {
            asset: money,
            band: 7,
            line: amount(Amount::MAX_UNITS),
        }),
        CreditCommand::SetScore(SetScore {
            account,
            asset: money,
            band: 255,
        }),
        CreditCommand::SetHaircut(SetHaircut {
            goods,
            money,
            price: amount(1 << 40),
            basis_points: u16::MAX,
        }),
        collateral(Pledging::Pledge, 300),
        collateral(Pledging::Release, 0),
        half(Half::Out, u128::MAX - 7, 0),
        half(Half::In, 1 << 64, u32::MAX),
        CreditCommand::Transfer(Transfer {
            from: account,
            to: AccountId::new(1),
            asset: money,
            amount: amount(1 << 33),
        }),
    ]
}
