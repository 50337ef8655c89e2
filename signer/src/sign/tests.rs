//! What is signed, by keys that are there already. The permit has tests of its own.

mod known;
mod permits;
mod random;
mod refused;

use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, OrgId, SecretId, VaultId};
use oneclaw_core::principal::Principal;
use oneclaw_core::transaction::{
    AccessListItem, Address, Authorization, Bytes, Chain, Fees, KeyLocation, TransactionIntent,
    TxType,
};
use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// keccak256("cow"), the key of the example of EIP-712.
const COW: &str = "c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4";

fn signer(key: &str) -> PrivateKeySigner {
    key.parse().unwrap()
}

fn org() -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(1))
}

fn vault() -> VaultId {
    VaultId::from_uuid(Uuid::from_u128(2))
}

fn request(sender: Address, intent: Intent) -> TransactionRequest {
    TransactionRequest {
        org: org(),
        principal: Principal::Agent(AgentId::from_uuid(Uuid::from_u128(3))),
        key: KeyLocation {
            secret: SecretId::from_uuid(Uuid::from_u128(4)),
            vault: vault(),
            path: "agents/a/chains/ethereum/private_key".parse().unwrap(),
            version: 1,
        },
        sender,
        chain: Some(Chain {
            id: 1,
            name: "ethereum".to_owned(),
        }),
        intent,
        effects: Vec::new(),
        signature: None,
        simulation: None,
        budgets: Vec::new(),
        client: "192.0.2.1".parse().unwrap(),
        at: NOW,
        environment: None,
        labels: Vec::new(),
        facts: Vec::new(),
    }
}

/// With something in every field that its type has.
fn intent(tx_type: TxType) -> TransactionIntent {
    let one_price = matches!(tx_type, TxType::Legacy | TxType::AccessList);
    TransactionIntent {
        tx_type,
        to: Some(Address::repeat_byte(0x35)),
        value: Amount::from(1_000_000_000_000_000_000_u64),
        data: Bytes::from_static(&[0xa9, 0x05, 0x9c, 0xbb, 0]),
        gas_limit: 65_000,
        fees: Fees {
            max_fee_per_gas: Amount::from(30_000_000_000_u64),
            max_priority_fee_per_gas: Amount::from(if one_price {
                30_000_000_000_u64
            } else {
                1_000_000_000
            }),
        },
        nonce: 7,
        access_list: match tx_type {
            TxType::Legacy => Vec::new(),
            _ => vec![AccessListItem {
                address: Address::repeat_byte(0x36),
                storage_keys: vec![B256::repeat_byte(1), B256::ZERO],
            }],
        },
        authorizations: match tx_type {
            TxType::SetCode => vec![Authorization {
                chain_id: 1,
                address: Address::repeat_byte(0x37),
                nonce: 8,
                signature: None,
            }],
            _ => Vec::new(),
        },
    }
}

const TYPES: [TxType; 4] = [
    TxType::Legacy,
    TxType::AccessList,
    TxType::DynamicFee,
    TxType::SetCode,
];

fn sign_with_cow(request: &TransactionRequest) -> Result<Signed, SignError> {
    signed(request, &signer(COW))
}

fn raw(signed: Signed) -> Vec<u8> {
    match signed {
        Signed::Transaction { raw, .. } => raw,
        Signed::Signature { .. } => panic!("not a transaction"),
    }
}
