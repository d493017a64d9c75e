//! Compiles `sanjiang/v1/*.proto` with no outside program: protox reads, tonic-prost-build writes.
//!
//! Leaves in `OUT_DIR` the generated code and `descriptor.bin`, the descriptor set without
//! comments that reflection serves and the compatibility test compares. Not here: any choice about
//! the contract itself.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

/// The files of the contract, in order of dependency.
const FILES: [&str; 18] = [
    "sanjiang/v1/types.proto",
    "sanjiang/v1/switch.proto",
    "sanjiang/v1/contracts.proto",
    "sanjiang/v1/session.proto",
    "sanjiang/v1/order_entry.proto",
    "sanjiang/v1/market_data.proto",
    "sanjiang/v1/clearing.proto",
    "sanjiang/v1/standing.proto",
    "sanjiang/v1/limits.proto",
    "sanjiang/v1/receipts.proto",
    "sanjiang/v1/credit.proto",
    "sanjiang/v1/settlement.proto",
    "sanjiang/v1/margin.proto",
    "sanjiang/v1/accounts.proto",
    "sanjiang/v1/correction.proto",
    "sanjiang/v1/regime.proto",
    "sanjiang/v1/operations.proto",
    "sanjiang/v1/sales.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=sanjiang");
    let commented = protox::compile(FILES, ["."])?;
    let mut bare = commented.clone();
    for file in &mut bare.file {
        file.source_code_info = None;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(folder.join("descriptor.bin"), bare.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(commented)?;
    Ok(())
}
