#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod addresses;
mod answer;
mod error;
mod fees;
mod read;
mod revert;
mod rpc;
mod send;
mod simulate;
mod spec;
mod token;
mod transport;

pub use error::RpcError;
pub use fees::FeeQuote;
pub use read::{Call, GasEstimate, Receipt};
pub use rpc::Rpc;
pub use send::Sent;
pub use simulate::{Method, SimulatedCall, SimulationReport};
pub use spec::{ChainSpec, RpcUrl, SpecError, Timeouts};

/// Installs ring as the TLS provider of the process, if none is installed yet. Any number of calls do no harm.
pub fn install_tls() {
    // The only failure is that a provider is there already, which is what was wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
