//! What a signature on typed data would permit.

use alloy::dyn_abi::DynSolValue;
use alloy::primitives::{Address, Bytes, U256};
use oneclaw_core::amount::Amount;
use oneclaw_core::transaction::{Effect, EffectKind};

use super::TypedData;
use crate::calls::{Safe, dai_amount, dai_expiry, permit2_of};
use crate::effect::{allows, blank, moves, seconds};
use crate::walk::{Limits, Walk};

const PERMIT: &str =
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";
const DAI_PERMIT: &str =
    "Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)";
const NFT_PERMIT: &str = "Permit(address spender,uint256 tokenId,uint256 nonce,uint256 deadline)";
const TRANSFER: &str = "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,\
                        uint256 validBefore,bytes32 nonce)";
const RECEIVE: &str = "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,\
                       uint256 validBefore,bytes32 nonce)";
const CANCEL: &str = "CancelAuthorization(address authorizer,bytes32 nonce)";
const SAFE: &str = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,\
                    uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)";
const PERMIT2_SINGLE: &str = "PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)\
                              PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
const PERMIT2_BATCH: &str = "PermitBatch(PermitDetails[] details,address spender,uint256 sigDeadline)\
                             PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
const PERMIT2_TRANSFER: &str = "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)\
     TokenPermissions(address token,uint256 amount)";
const PERMIT2_TRANSFERS: &str = "PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)\
     TokenPermissions(address token,uint256 amount)";
const PERMIT2_WITNESS: &str = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,";
const PERMIT2_WITNESSES: &str = "PermitBatchWitnessTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline,";
const TOKEN_PERMISSIONS: &str = ")TokenPermissions(address token,uint256 amount)";

/// What whoever gets the signature of `sender` on `typed` could make happen with it, at least one effect. Known is what
/// has exactly the `encodeType` of a known struct, which is what contracts check; for Permit2 it must also be meant for
/// Permit2 itself. Everything else is one opaque effect that names the verifying contract.
#[must_use]
pub fn of_typed_data(sender: Address, typed: &TypedData) -> Vec<Effect> {
    let contract = typed.intent.verifying_contract;
    let opaque = Effect {
        contract,
        source: Some(sender),
        ..blank(EffectKind::Opaque)
    };
    let limits = Limits::default();
    let chain_id = typed
        .intent
        .domain_chain_id
        .and_then(|id| u64::try_from(id).ok());
    let walk = Walk::new(chain_id.unwrap_or_default(), &limits);
    let known = contract.and_then(|contract| {
        let members = Members(&typed.members);
        read_token(contract, sender, &typed.encode_type, members)
            .or_else(|| {
                // Permit2 signs for one chain; without its id, this is not Permit2's domain.
                (contract == permit2_of(chain_id?))
                    .then(|| read_permit2(sender, &typed.encode_type, members))?
            })
            .map(Known::Effects)
            .or_else(|| read_safe(contract, &typed.encode_type, members).map(Known::Safe))
    });
    collect(walk, known, opaque)
}

enum Known {
    Effects(Vec<Effect>),
    Safe(Safe),
}

fn collect(mut walk: Walk<'_>, known: Option<Known>, opaque: Effect) -> Vec<Effect> {
    match known {
        None => {}
        Some(Known::Effects(effects)) => {
            for effect in effects {
                walk.push(effect);
            }
        }
        Some(Known::Safe(safe)) => {
            let node = Effect {
                kind: EffectKind::Call,
                ..opaque.clone()
            };
            if let Some(parts) = safe.parts()
                && let Some(index) = walk.push(node)
            {
                walk.parts(parts, index, 0);
            }
        }
    }
    walk.finish(opaque)
}

/// Values of a struct whose types are known.
#[derive(Clone, Copy)]
struct Members<'v>(&'v [DynSolValue]);

impl<'v> Members<'v> {
    fn address(self, index: usize) -> Option<Address> {
        self.0.get(index)?.as_address()
    }

    fn number(self, index: usize) -> Option<U256> {
        Some(self.0.get(index)?.as_uint()?.0)
    }

    fn inner(self, index: usize) -> Option<Members<'v>> {
        as_struct(self.0.get(index)?)
    }

    /// The structs of an array.
    fn each(self, index: usize) -> Option<Vec<Members<'v>>> {
        self.0
            .get(index)?
            .as_array()?
            .iter()
            .map(as_struct)
            .collect()
    }
}

fn as_struct(value: &DynSolValue) -> Option<Members<'_>> {
    match value {
        DynSolValue::CustomStruct { tuple, .. } => Some(Members(tuple)),
        _ => None,
    }
}

fn read_token(
    token: Address,
    sender: Address,
    encode_type: &str,
    of: Members<'_>,
) -> Option<Vec<Effect>> {
    let effect = match encode_type {
        PERMIT => Effect {
            deadline: seconds(of.number(4)?),
            ..allows(
                EffectKind::Erc20Permit,
                token,
                of.address(0)?,
                of.address(1)?,
                of.number(2)?,
            )
        },
        DAI_PERMIT => Effect {
            deadline: dai_expiry(of.number(3)?),
            ..allows(
                EffectKind::Erc20Permit,
                token,
                of.address(0)?,
                of.address(1)?,
                dai_amount(of.0.get(4)?.as_bool()?),
            )
        },
        NFT_PERMIT => Effect {
            contract: Some(token),
            source: Some(sender),
            target: of.address(0),
            amount: Amount::ONE,
            token_id: Some(of.number(1)?.into()),
            deadline: seconds(of.number(3)?),
            ..blank(EffectKind::Erc721Approve)
        },
        TRANSFER | RECEIVE => Effect {
            deadline: seconds(of.number(4)?),
            ..moves(
                EffectKind::Erc3009Authorization,
                token,
                of.address(0)?,
                of.address(1)?,
                of.number(2)?,
            )
        },
        CANCEL => Effect {
            contract: Some(token),
            source: of.address(0),
            ..blank(EffectKind::Call)
        },
        _ => return None,
    };
    Some(vec![effect])
}

fn read_permit2(owner: Address, encode_type: &str, of: Members<'_>) -> Option<Vec<Effect>> {
    let allowance = |details: Members<'_>, spender| {
        Some(Effect {
            deadline: seconds(details.number(2)?),
            ..allows(
                EffectKind::Permit2Approve,
                details.address(0)?,
                owner,
                spender,
                details.number(1)?,
            )
        })
    };
    let transfer = |permitted: Members<'_>, spender, deadline: U256| {
        Some(Effect {
            deadline: seconds(deadline),
            ..allows(
                EffectKind::Permit2Transfer,
                permitted.address(0)?,
                owner,
                spender,
                permitted.number(1)?,
            )
        })
    };
    match encode_type {
        PERMIT2_SINGLE => Some(vec![allowance(of.inner(0)?, of.address(1)?)?]),
        PERMIT2_BATCH => {
            let spender = of.address(1)?;
            let each = of.each(0)?;
            each.into_iter()
                .map(|details| allowance(details, spender))
                .collect()
        }
        _ if encode_type == PERMIT2_TRANSFER || is_witness(encode_type, PERMIT2_WITNESS, of) => {
            Some(vec![transfer(of.inner(0)?, of.address(1)?, of.number(3)?)?])
        }
        _ if encode_type == PERMIT2_TRANSFERS || is_witness(encode_type, PERMIT2_WITNESSES, of) => {
            let (spender, deadline) = (of.address(1)?, of.number(3)?);
            let each = of.each(0)?;
            each.into_iter()
                .map(|permitted| transfer(permitted, spender, deadline))
                .collect()
        }
        _ => None,
    }
}

/// Permit2 appends the type of one member of the application's choice to its own.
fn is_witness(encode_type: &str, start: &str, of: Members<'_>) -> bool {
    // Definitions behind the first one stand in alphabetical order, so that of TokenPermissions may be anywhere.
    encode_type.starts_with(start) && of.0.len() == 5 && encode_type.contains(TOKEN_PERMISSIONS)
}

fn read_safe(safe: Address, encode_type: &str, of: Members<'_>) -> Option<Safe> {
    if encode_type != SAFE {
        return None;
    }
    Some(Safe {
        safe,
        to: of.address(0)?,
        value: of.number(1)?,
        data: Bytes::copy_from_slice(of.0.get(2)?.as_bytes()?),
        operation: u8::try_from(of.number(3)?).ok()?,
        gas_price: of.number(6)?,
    })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{b256, keccak256};

    use super::*;

    #[test]
    fn known_structs_have_the_type_hashes_that_contracts_publish() {
        for (encode_type, hash) in [
            (
                PERMIT,
                b256!("6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9"),
            ),
            (
                DAI_PERMIT,
                b256!("ea2aa0a1be11a07ed86d755c93467f4f82362b452371d1ba94d1715123511acb"),
            ),
            (
                NFT_PERMIT,
                b256!("49ecf333e5b8c95c40fdafc95c1ad136e8914a8fb55e9dc8bb01eaa83a2df9ad"),
            ),
            (
                TRANSFER,
                b256!("7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267"),
            ),
            (
                RECEIVE,
                b256!("d099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8"),
            ),
            (
                CANCEL,
                b256!("158b0a9edf7a828aad02f63cd515c68ef2f50ba807396f6d12842833a1597429"),
            ),
            (
                SAFE,
                b256!("bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8"),
            ),
            (
                PERMIT2_SINGLE,
                b256!("f3841cd1ff0085026a6327b620b67997ce40f282c88a8e905a7a5626e310f3d0"),
            ),
            (
                PERMIT2_BATCH,
                b256!("af1b0d30d2cab0380e68f0689007e3254993c596f2fdd0aaa7f4d04f79440863"),
            ),
            (
                PERMIT2_TRANSFER,
                b256!("939c21a48a8dbe3a9a2404a1d46691e4d39f6583d6ec6b35714604c986d80106"),
            ),
            (
                PERMIT2_TRANSFERS,
                b256!("fcf35f5ac6a2c28868dc44c302166470266239195f02b0ee408334829333b766"),
            ),
        ] {
            assert_eq!(keccak256(encode_type), hash, "{encode_type}");
        }
    }
}
