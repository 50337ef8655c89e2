//! What a token says of itself. Tokens are strangers' code: nothing here is to be believed further than it is shown.

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolValue;
use oneclaw_core::amount::{Amount, MAX_DECIMALS};

use crate::error::{RpcError, tame};
use crate::read::Call;
use crate::rpc::Rpc;

/// Longest symbol that is kept, in characters.
const MAX_SYMBOL_CHARS: usize = 32;

/// `balanceOf(address)`
const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
/// `decimals()`
const DECIMALS: [u8; 4] = [0x31, 0x3c, 0xe5, 0x67];
/// `symbol()`
const SYMBOL: [u8; 4] = [0x95, 0xd8, 0x9b, 0x41];

impl Rpc {
    /// What an account has of an ERC-20 token, in base units.
    ///
    /// # Errors
    /// [`RpcError`]; [`RpcError::BadAnswer`] if there is no such token at the address.
    pub async fn erc20_balance(&self, token: Address, owner: Address) -> Result<Amount, RpcError> {
        let mut data = BALANCE_OF.to_vec();
        data.extend_from_slice(owner.into_word().as_slice());
        word(&self.view(token, data).await?).map(Amount::from)
    }

    /// Decimals of an ERC-20 token, 0 to [`MAX_DECIMALS`].
    ///
    /// # Errors
    /// [`RpcError`]; [`RpcError::BadAnswer`] if the token does not tell, or tells more.
    pub async fn erc20_decimals(&self, token: Address) -> Result<u8, RpcError> {
        let word = word(&self.view(token, DECIMALS.to_vec()).await?)?;
        u8::try_from(word)
            .ok()
            .filter(|decimals| *decimals <= MAX_DECIMALS)
            .ok_or_else(|| bad("more decimals than a token can have"))
    }

    /// Symbol of an ERC-20 token, which may be a `string` or, with old tokens, a `bytes32`: at most 32 characters, fit to be
    /// shown. Anybody may call a token anything.
    ///
    /// # Errors
    /// [`RpcError`]; [`RpcError::BadAnswer`] if the token does not tell.
    pub async fn erc20_symbol(&self, token: Address) -> Result<String, RpcError> {
        read_symbol(&self.view(token, SYMBOL.to_vec()).await?)
            .ok_or_else(|| bad("something that is not the symbol of a token"))
    }

    async fn view(&self, token: Address, data: Vec<u8>) -> Result<Bytes, RpcError> {
        self.call(&Call {
            from: Address::ZERO,
            to: Some(token),
            value: Amount::ZERO,
            data: data.into(),
            gas: None,
        })
        .await
    }
}

fn bad(what: &str) -> RpcError {
    RpcError::BadAnswer {
        method: "eth_call",
        what: what.to_owned(),
    }
}

fn word(data: &Bytes) -> Result<U256, RpcError> {
    match B256::try_from(data.as_ref()) {
        Ok(word) => Ok(word.into()),
        Err(_) => Err(bad("something that is not one number, as no token would")),
    }
}

fn read_symbol(data: &Bytes) -> Option<String> {
    let text = match B256::try_from(data.as_ref()) {
        Ok(word) => {
            let text: Vec<u8> = word.iter().copied().take_while(|b| *b != 0).collect();
            String::from_utf8(text).ok()?
        }
        Err(_) => String::abi_decode(data).ok()?,
    };
    let text = tame(&text, MAX_SYMBOL_CHARS).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_read_as_strings_and_as_words_and_made_fit_to_be_shown() {
        let string = |text: &str| Bytes::from(text.to_owned().abi_encode());
        assert_eq!(read_symbol(&string("USDC")), Some("USDC".to_owned()));
        assert_eq!(
            read_symbol(&B256::right_padding_from(b"MKR").0.into()),
            Some("MKR".to_owned())
        );
        assert_eq!(
            read_symbol(&string("\u{202e}U\0S\nD")),
            Some("US D".to_owned())
        );
        assert_eq!(
            read_symbol(&string(&"x".repeat(5000))),
            Some("x".repeat(32))
        );
        for bad in [
            string(""),
            Bytes::new(),
            vec![0xff; 31].into(),
            vec![0xff; 64].into(),
        ] {
            assert_eq!(read_symbol(&bad), None, "{bad}");
        }
    }
}
