//! Tokens: ERC-20, ERC-721, ERC-1155, their permits, EIP-3009, and wrapped native coin.

use alloy::primitives::U256;
use alloy::sol_types::SolCall;
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Effect, EffectKind};

use super::{Asked, Part, Reading};
use crate::abi::decode;
use crate::effect::{allows, allows_everything, blank, moves, seconds};

mod erc20 {
    alloy::sol! {
        function transfer(address to, uint256 amount);
        function transferFrom(address from, address to, uint256 amount);
        function approve(address spender, uint256 amount);
        function increaseAllowance(address spender, uint256 added);
        function increaseApproval(address spender, uint256 added);
        function decreaseAllowance(address spender, uint256 subtracted);
        function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
    }
    pub(super) mod dai {
        alloy::sol! {
            function permit(address holder, address spender, uint256 nonce, uint256 expiry, bool allowed, uint8 v, bytes32 r, bytes32 s);
        }
    }
    pub(super) mod signature {
        alloy::sol! {
            function permit(address owner, address spender, uint256 value, uint256 deadline, bytes signature);
        }
    }
    pub(super) mod wrapped {
        alloy::sol! {
            function deposit();
            function withdraw(uint256 amount);
        }
    }
}

mod erc3009 {
    alloy::sol! {
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s);
        function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s);
        function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s);
    }
    pub(super) mod signature {
        alloy::sol! {
            function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature);
            function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature);
            function cancelAuthorization(address authorizer, bytes32 nonce, bytes signature);
        }
    }
}

mod nft {
    alloy::sol! {
        function safeTransferFrom(address from, address to, uint256 tokenId);
        function setApprovalForAll(address operator, bool approved);
        function permit(address spender, uint256 tokenId, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
    }
    pub(super) mod with_data {
        alloy::sol! {
            function safeTransferFrom(address from, address to, uint256 tokenId, bytes data);
            function permit(address spender, uint256 tokenId, uint256 deadline, bytes signature);
        }
    }
    pub(super) mod multi {
        alloy::sol! {
            function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data);
            function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] amounts, bytes data);
        }
    }
}

/// The functions that are read here.
pub(super) const SELECTORS: &[[u8; 4]] = &[
    erc20::transferCall::SELECTOR,
    erc20::transferFromCall::SELECTOR,
    erc20::approveCall::SELECTOR,
    erc20::increaseAllowanceCall::SELECTOR,
    erc20::increaseApprovalCall::SELECTOR,
    erc20::decreaseAllowanceCall::SELECTOR,
    erc20::wrapped::depositCall::SELECTOR,
    erc20::wrapped::withdrawCall::SELECTOR,
    erc20::permitCall::SELECTOR,
    erc20::signature::permitCall::SELECTOR,
    erc20::dai::permitCall::SELECTOR,
    erc3009::transferWithAuthorizationCall::SELECTOR,
    erc3009::receiveWithAuthorizationCall::SELECTOR,
    erc3009::signature::transferWithAuthorizationCall::SELECTOR,
    erc3009::signature::receiveWithAuthorizationCall::SELECTOR,
    erc3009::cancelAuthorizationCall::SELECTOR,
    erc3009::signature::cancelAuthorizationCall::SELECTOR,
    nft::safeTransferFromCall::SELECTOR,
    nft::with_data::safeTransferFromCall::SELECTOR,
    nft::setApprovalForAllCall::SELECTOR,
    nft::permitCall::SELECTOR,
    nft::with_data::permitCall::SELECTOR,
    nft::multi::safeTransferFromCall::SELECTOR,
    nft::multi::safeBatchTransferFromCall::SELECTOR,
];

/// Reads a call to a token.
pub(super) fn read(asked: &Asked<'_>) -> Option<Reading> {
    read_erc20(asked)
        .or_else(|| read_permit(asked))
        .or_else(|| read_erc3009(asked))
        .or_else(|| read_nft(asked))
}

/// `transferFrom` and `approve` have the same selectors in ERC-20 and ERC-721 and are read as ERC-20; of an ERC-721
/// token, the amount is the token's id.
fn read_erc20(asked: &Asked<'_>) -> Option<Reading> {
    let (token, caller, data) = (asked.to, asked.caller, asked.data);
    let approve = |spender, amount| {
        Reading::Leaf(allows(
            EffectKind::Erc20Approve,
            token,
            caller,
            spender,
            amount,
        ))
    };
    Some(match asked.selector {
        erc20::transferCall::SELECTOR => {
            let call: erc20::transferCall = decode(data)?;
            let kind = EffectKind::Erc20Transfer;
            Reading::Leaf(moves(kind, token, caller, call.to, call.amount))
        }
        erc20::transferFromCall::SELECTOR => {
            let call: erc20::transferFromCall = decode(data)?;
            let kind = EffectKind::Erc20TransferFrom;
            Reading::Leaf(moves(kind, token, call.from, call.to, call.amount))
        }
        erc20::approveCall::SELECTOR => {
            let call: erc20::approveCall = decode(data)?;
            approve(call.spender, call.amount)
        }
        erc20::increaseAllowanceCall::SELECTOR => {
            let call: erc20::increaseAllowanceCall = decode(data)?;
            approve(call.spender, call.added)
        }
        erc20::increaseApprovalCall::SELECTOR => {
            let call: erc20::increaseApprovalCall = decode(data)?;
            approve(call.spender, call.added)
        }
        erc20::decreaseAllowanceCall::SELECTOR => {
            decode::<erc20::decreaseAllowanceCall>(data)?;
            Reading::Node(Vec::new())
        }
        erc20::wrapped::depositCall::SELECTOR => {
            decode::<erc20::wrapped::depositCall>(data)?;
            Reading::Node(Vec::new())
        }
        erc20::wrapped::withdrawCall::SELECTOR => {
            decode::<erc20::wrapped::withdrawCall>(data)?;
            Reading::Node(Vec::new())
        }
        _ => return None,
    })
}

fn read_permit(asked: &Asked<'_>) -> Option<Reading> {
    let (token, data) = (asked.to, asked.data);
    let kind = EffectKind::Erc20Permit;
    Some(Reading::Leaf(match asked.selector {
        erc20::permitCall::SELECTOR => {
            let call: erc20::permitCall = decode(data)?;
            Effect {
                deadline: seconds(call.deadline),
                ..allows(kind, token, call.owner, call.spender, call.value)
            }
        }
        erc20::signature::permitCall::SELECTOR => {
            let call: erc20::signature::permitCall = decode(data)?;
            Effect {
                deadline: seconds(call.deadline),
                ..allows(kind, token, call.owner, call.spender, call.value)
            }
        }
        erc20::dai::permitCall::SELECTOR => {
            let call: erc20::dai::permitCall = decode(data)?;
            Effect {
                deadline: dai_expiry(call.expiry),
                ..allows(
                    kind,
                    token,
                    call.holder,
                    call.spender,
                    dai_amount(call.allowed),
                )
            }
        }
        _ => return None,
    }))
}

/// DAI allows everything or nothing.
pub(crate) const fn dai_amount(allowed: bool) -> U256 {
    if allowed { U256::MAX } else { U256::ZERO }
}

/// DAI takes 0 for "never".
pub(crate) fn dai_expiry(expiry: U256) -> Option<u64> {
    (!expiry.is_zero()).then(|| seconds(expiry)).flatten()
}

fn read_erc3009(asked: &Asked<'_>) -> Option<Reading> {
    let data = asked.data;
    let authorized = |from, to, value, before: U256| {
        Reading::Leaf(Effect {
            deadline: seconds(before),
            ..moves(EffectKind::Erc3009Authorization, asked.to, from, to, value)
        })
    };
    Some(match asked.selector {
        erc3009::transferWithAuthorizationCall::SELECTOR => {
            let call: erc3009::transferWithAuthorizationCall = decode(data)?;
            authorized(call.from, call.to, call.value, call.validBefore)
        }
        erc3009::receiveWithAuthorizationCall::SELECTOR => {
            let call: erc3009::receiveWithAuthorizationCall = decode(data)?;
            authorized(call.from, call.to, call.value, call.validBefore)
        }
        erc3009::signature::transferWithAuthorizationCall::SELECTOR => {
            let call: erc3009::signature::transferWithAuthorizationCall = decode(data)?;
            authorized(call.from, call.to, call.value, call.validBefore)
        }
        erc3009::signature::receiveWithAuthorizationCall::SELECTOR => {
            let call: erc3009::signature::receiveWithAuthorizationCall = decode(data)?;
            authorized(call.from, call.to, call.value, call.validBefore)
        }
        erc3009::cancelAuthorizationCall::SELECTOR => {
            decode::<erc3009::cancelAuthorizationCall>(data)?;
            Reading::Node(Vec::new())
        }
        erc3009::signature::cancelAuthorizationCall::SELECTOR => {
            decode::<erc3009::signature::cancelAuthorizationCall>(data)?;
            Reading::Node(Vec::new())
        }
        _ => return None,
    })
}

fn read_nft(asked: &Asked<'_>) -> Option<Reading> {
    let (token, data) = (asked.to, asked.data);
    let single = |from, to, id: U256| {
        Reading::Leaf(Effect {
            token_id: Some(id.into()),
            ..moves(EffectKind::Erc721Transfer, token, from, to, U256::ONE)
        })
    };
    let multi = |from, to, id: U256, amount| Effect {
        token_id: Some(id.into()),
        ..moves(EffectKind::Erc1155Transfer, token, from, to, amount)
    };
    let permit = |spender, id: U256, deadline: U256| {
        Reading::Leaf(Effect {
            contract: Some(token),
            target: Some(spender),
            amount: Amount::ONE,
            token_id: Some(id.into()),
            deadline: seconds(deadline),
            ..blank(EffectKind::Erc721Approve)
        })
    };
    Some(match asked.selector {
        nft::safeTransferFromCall::SELECTOR => {
            let call: nft::safeTransferFromCall = decode(data)?;
            single(call.from, call.to, call.tokenId)
        }
        nft::with_data::safeTransferFromCall::SELECTOR => {
            let call: nft::with_data::safeTransferFromCall = decode(data)?;
            single(call.from, call.to, call.tokenId)
        }
        nft::setApprovalForAllCall::SELECTOR => {
            let call: nft::setApprovalForAllCall = decode(data)?;
            Reading::Leaf(allows_everything(
                token,
                asked.caller,
                call.operator,
                call.approved,
            ))
        }
        nft::permitCall::SELECTOR => {
            let call: nft::permitCall = decode(data)?;
            permit(call.spender, call.tokenId, call.deadline)
        }
        nft::with_data::permitCall::SELECTOR => {
            let call: nft::with_data::permitCall = decode(data)?;
            permit(call.spender, call.tokenId, call.deadline)
        }
        nft::multi::safeTransferFromCall::SELECTOR => {
            let call: nft::multi::safeTransferFromCall = decode(data)?;
            Reading::Leaf(multi(call.from, call.to, call.id, call.amount))
        }
        nft::multi::safeBatchTransferFromCall::SELECTOR => {
            let call: nft::multi::safeBatchTransferFromCall = decode(data)?;
            if call.ids.len() != call.amounts.len() {
                return None;
            }
            let moved = call.ids.into_iter().zip(call.amounts);
            Reading::Node(
                moved
                    .map(|(id, amount)| Part::Effect(multi(call.from, call.to, id, amount)))
                    .collect(),
            )
        }
        _ => return None,
    })
}
