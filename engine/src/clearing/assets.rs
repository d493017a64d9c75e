//! Assets and custodians by their handles.
//!
//! Invariant: a demonstration asset and a real one never meet: every place that joins two of them
//! compares the flag. Not here: amounts (`ledger`).

use crate::bytes::{self, BytesError, Reader};
use crate::command::{AssetClass, CreateAsset, CreateCustodian, CustodianKind, Demonstration};
use crate::limits::Limits;
use crate::parties::Directory;
use crate::reject::{Reject, RejectReason};
use crate::types::{AssetId, CustodianId, Name};
use crate::venue::instrument::DECIMALS_MAX;
use crate::venue::section::{demonstration, put_demonstration};

/// An asset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asset {
    /// Its public id.
    pub name: Name,
    /// What it is.
    pub class: AssetClass,
    /// Whether it is of demonstrations only.
    pub demonstration: Demonstration,
}

/// A custodian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Custodian {
    /// Its public id.
    pub name: Name,
    /// What it holds.
    pub kind: CustodianKind,
    /// Whether it is a demonstration.
    pub demonstration: Demonstration,
    /// Its business dates up to this one are closed.
    pub closed_through: Option<i32>,
}

/// All assets and custodians of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assets {
    names: Directory,
    list: Vec<Asset>,
    custodian_names: Directory,
    custodians: Vec<Custodian>,
}

impl Assets {
    /// None, at most as many as `limits` says.
    pub const fn new(limits: &Limits) -> Self {
        Self {
            names: Directory::new(limits.assets_max),
            list: Vec::new(),
            custodian_names: Directory::new(limits.custodians_max),
            custodians: Vec::new(),
        }
    }

    /// The asset, if there is one.
    pub fn asset(&self, id: AssetId) -> Option<&Asset> {
        self.list.get(id.place())
    }

    /// The custodian, if there is one.
    pub fn custodian(&self, id: CustodianId) -> Option<&Custodian> {
        self.custodians.get(id.place())
    }

    /// All assets in order of their handles.
    pub fn assets(&self) -> impl ExactSizeIterator<Item = (AssetId, &Asset)> {
        let list = self.list.iter().enumerate();
        list.map(|(index, asset)| (AssetId::new(index as u32), asset))
    }

    /// All custodians in order of their handles.
    pub fn custodians(&self) -> impl ExactSizeIterator<Item = (CustodianId, &Custodian)> {
        let list = self.custodians.iter().enumerate();
        list.map(|(index, one)| (CustodianId::new(index as u32), one))
    }

    /// Checks a new asset and changes nothing.
    ///
    /// # Errors
    /// ALREADY_EXISTS, INVALID_FIELD, TOO_MANY.
    pub fn check_asset(&self, command: &CreateAsset) -> Result<(), Reject> {
        self.names.check_name(&command.name)?;
        if !is_valid(&command.class) {
            return Err(RejectReason::InvalidField.into());
        }
        self.names.check_room()
    }

    /// Makes an asset and returns its handle.
    ///
    /// # Errors
    /// Those of [`Assets::check_asset`].
    pub fn create_asset(&mut self, command: &CreateAsset) -> Result<u32, Reject> {
        self.check_asset(command)?;
        // Nothing below can fail.
        self.list.push(Asset {
            name: command.name,
            class: command.class,
            demonstration: command.demonstration,
        });
        Ok(self.names.add(command.name))
    }

    /// Checks a new custodian and changes nothing.
    ///
    /// # Errors
    /// ALREADY_EXISTS, INVALID_FIELD (no name), TOO_MANY.
    pub fn check_custodian(&self, command: &CreateCustodian) -> Result<(), Reject> {
        self.custodian_names.check(&command.name)
    }

    /// Makes a custodian and returns its handle.
    ///
    /// # Errors
    /// Those of [`Assets::check_custodian`].
    pub fn create_custodian(&mut self, command: &CreateCustodian) -> Result<u32, Reject> {
        self.check_custodian(command)?;
        // Nothing below can fail.
        self.custodians.push(Custodian {
            name: command.name,
            kind: command.kind,
            demonstration: command.demonstration,
            closed_through: None,
        });
        Ok(self.custodian_names.add(command.name))
    }

    /// Closes a known custodian's dates up to `date`.
    pub(super) fn close(&mut self, custodian: CustodianId, date: i32) {
        self.custodians[custodian.place()].closed_through = Some(date);
    }

    /// Writes assets, then custodians, each in order of the handles.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.list.len() as u64);
        for asset in &self.list {
            bytes::put_text(out, &asset.name);
            put_class(out, &asset.class);
            put_demonstration(out, asset.demonstration);
        }
        bytes::put_varint(out, self.custodians.len() as u64);
        for custodian in &self.custodians {
            bytes::put_text(out, &custodian.name);
            bytes::put_u8(out, custodian.kind as u8);
            put_demonstration(out, custodian.demonstration);
            let closed = custodian.closed_through.map(i64::from);
            bytes::put_option(out, closed, bytes::put_zigzag);
        }
    }

    /// Reads what [`Assets::encode`] wrote.
    pub(super) fn decode(input: &mut Reader<'_>, limits: &Limits) -> Result<Self, BytesError> {
        let mut assets = Self::new(limits);
        for _ in 0..input.count(limits.assets_max, 3, "the count of assets")? {
            let command = CreateAsset {
                name: input.text()?,
                class: class(input)?,
                demonstration: demonstration(input)?,
            };
            let made = assets.create_asset(&command);
            made.map_err(|_| BytesError::range("an asset"))?;
        }
        for _ in 0..input.count(limits.custodians_max, 4, "the count of custodians")? {
            let command = CreateCustodian {
                name: input.text()?,
                kind: custodian_kind(input)?,
                demonstration: demonstration(input)?,
            };
            let made = assets.create_custodian(&command);
            let handle = made.map_err(|_| BytesError::range("a custodian"))?;
            let closed = input.option(|input| date(input, "a closed date"))?;
            assets.custodians[handle as usize].closed_through = closed;
        }
        Ok(assets)
    }
}

fn is_valid(class: &AssetClass) -> bool {
    let unit = match class {
        AssetClass::Currency { .. } => true,
        AssetClass::Goods { unit, .. } => !unit.is_empty(),
    };
    unit && class.decimals() <= DECIMALS_MAX
}

/// Writes what an asset is.
pub(crate) fn put_class(out: &mut Vec<u8>, class: &AssetClass) {
    match class {
        AssetClass::Currency { decimals } => {
            bytes::put_u8(out, 0);
            bytes::put_u8(out, *decimals);
        }
        AssetClass::Goods { unit, decimals } => {
            bytes::put_u8(out, 1);
            bytes::put_u8(out, *decimals);
            bytes::put_text(out, unit);
        }
    }
}

/// Reads what [`put_class`] wrote, whether or not the bounds hold.
pub(crate) fn class(input: &mut Reader<'_>) -> Result<AssetClass, BytesError> {
    match input.u8()? {
        0 => Ok(AssetClass::Currency {
            decimals: input.u8()?,
        }),
        1 => {
            let decimals = input.u8()?;
            let unit = input.text()?;
            Ok(AssetClass::Goods { unit, decimals })
        }
        _ => Err(BytesError::range("the class of an asset")),
    }
}

/// Reads what a custodian holds.
pub(crate) fn custodian_kind(input: &mut Reader<'_>) -> Result<CustodianKind, BytesError> {
    match input.u8()? {
        0 => Ok(CustodianKind::Bank),
        1 => Ok(CustodianKind::Warehouse),
        _ => Err(BytesError::range("the kind of a custodian")),
    }
}

/// Reads a date, in days from 1970-01-01, as a zigzag varint.
pub(crate) fn date(input: &mut Reader<'_>, field: &'static str) -> Result<i32, BytesError> {
    i32::try_from(input.zigzag()?).map_err(|_| BytesError::range(field))
}
