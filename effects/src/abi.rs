//! The one way in which bytes become values: the encoding must be the canonical one, to the last byte.

use alloy::sol_types::abi::AbiDecoderConfig;
use alloy::sol_types::{SolCall, SolValue};

/// Most that decoding one call may allocate, in bytes. Calldata of the largest permitted size stays well below it: strict
/// decoding refuses overlapping areas, so that the result is at most a few times as large as the input.
const MEMORY: usize = 8 << 20;

/// Types nested more deeply than any that is known here.
const NESTING: usize = 16;

const fn strict() -> AbiDecoderConfig {
    AbiDecoderConfig::new()
        .strict(true)
        .recursion_limit(NESTING)
        .memory_limit(MEMORY)
}

/// The arguments of a call, selector included. `None` unless `data` is exactly what an encoder makes of them: no dirty
/// padding, no gap, no overlap, nothing behind the end.
pub(crate) fn decode<C: SolCall>(data: &[u8]) -> Option<C> {
    C::abi_decode_with_config(data, strict()).ok()
}

/// The same for arguments without a selector, as in `abi.encode(..)`.
pub(crate) fn decode_arguments<T>(data: &[u8]) -> Option<T>
where
    T: SolValue + From<<T::SolType as alloy::sol_types::SolType>::RustType>,
    for<'a> <T::SolType as alloy::sol_types::SolType>::Token<'a>:
        alloy::sol_types::abi::TokenSeq<'a>,
{
    T::abi_decode_params_with_config(data, strict()).ok()
}
