#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

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
pub use oneclaw_outbound::install_tls;
pub use read::{Call, GasEstimate, Receipt};
pub use rpc::Rpc;
pub use send::Sent;
pub use simulate::{Method, SimulatedCall, SimulationReport};
pub use spec::{ChainSpec, RpcUrl, SpecError, Timeouts};
