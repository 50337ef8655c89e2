//! Why a contract reverted, in words.

use alloy::primitives::{Bytes, hex};
use alloy::sol_types::{Panic, Revert, SolError};

use crate::error::{RpcError, tame_message};

/// The reason, if the error is that a contract reverted: code 3, or words to that effect.
pub fn reason(error: &RpcError) -> Option<String> {
    match error {
        RpcError::Node {
            code,
            message,
            data,
        } => {
            let reverted = *code == 3 || message.to_lowercase().contains("revert");
            reverted.then(|| describe(data.as_ref(), message))
        }
        _ => None,
    }
}

/// The text of `Error(string)`, the meaning of `Panic(uint256)`, or the selector of a contract's own error; without data
/// the node's words.
pub fn describe(data: Option<&Bytes>, otherwise: &str) -> String {
    let Some(data) = data.filter(|data| !data.is_empty()) else {
        return tame_message(otherwise);
    };
    if let Ok(revert) = Revert::abi_decode(data) {
        return tame_message(&revert.reason);
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return panic.kind().map_or_else(
            || format!("panic {:#x}", panic.code),
            |kind| format!("panic {:#x}: {}", panic.code, kind.as_str()),
        );
    }
    match data.first_chunk::<4>() {
        Some(selector) => format!("custom error 0x{}", hex::encode(selector)),
        None => tame_message(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;

    use super::*;

    #[test]
    fn reverts_are_put_into_words() {
        let text = Revert::from("not enough\n\u{202e}tokens").abi_encode();
        assert_eq!(describe(Some(&text.into()), ""), "not enough tokens");
        let panic = Panic {
            code: U256::from(0x11),
        }
        .abi_encode();
        assert!(describe(Some(&panic.into()), "").starts_with("panic 0x11: "));
        let custom = Bytes::from_static(&[0xde, 0xad, 0xbe, 0xef, 1]);
        assert_eq!(describe(Some(&custom), ""), "custom error 0xdeadbeef");
        assert_eq!(describe(None, "execution reverted"), "execution reverted");
        assert_eq!(describe(Some(&Bytes::from_static(&[1])), "short"), "short");
    }
}
