//! The public contract of Sanjiang as Rust types: package `sanjiang.v1`, clients and servers.
//!
//! Invariant: what is here is exactly what `sanjiang/v1/*.proto` says, and a change of those files
//! that would break a client fails `tests/compatibility.rs`. Deliberately not here: conversions to
//! engine types (the gateway does them), validation, and any behaviour.

/// Messages, enums, clients and servers of package `sanjiang.v1`.
///
/// A client of service `X` is `x_client::XClient`, its server `x_server::XServer`.
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    rustdoc::all
)]
pub mod v1 {
    tonic::include_proto!("sanjiang.v1");
}

/// The compiled descriptor set of the contract and of what it imports (a serialised
/// `google.protobuf.FileDescriptorSet`, without comments), for the reflection service.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
