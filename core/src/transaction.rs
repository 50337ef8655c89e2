//! What is asked when something is to be signed: the words of `transaction.wit`, and what only the host needs to know.

use std::net::IpAddr;

pub use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::ids::{OrgId, SecretId, VaultId};
use crate::path::SecretPath;
use crate::principal::Principal;
use crate::request::Fact;
use crate::verdict::Window;

/// A chain: its id (EIP-155) and its name in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chain {
    /// EIP-155.
    pub id: u64,
    /// For example `base`.
    pub name: String,
}

/// Type of a transaction (EIP-2718).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TxType {
    /// With replay protection (EIP-155).
    Legacy,
    /// EIP-2930.
    AccessList,
    /// EIP-1559.
    DynamicFee,
    /// EIP-7702.
    SetCode,
}

impl TxType {
    /// The number of the type.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Legacy => 0,
            Self::AccessList => 1,
            Self::DynamicFee => 2,
            Self::SetCode => 4,
        }
    }
}

/// Most that may be paid for execution, in wei for each unit of gas. Types 0 and 1 set both to the gas price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fees {
    /// Base fee and tip together.
    pub max_fee_per_gas: Amount,
    /// Tip.
    pub max_priority_fee_per_gas: Amount,
}

/// An entry of an access list (EIP-2930).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccessListItem {
    /// The contract.
    pub address: Address,
    /// The slots.
    pub storage_keys: Vec<B256>,
}

/// An authorisation to run a contract's code as an account's own (EIP-7702).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Authorization {
    /// Where it holds; 0 means on every chain.
    pub chain_id: u64,
    /// Whose code it is.
    pub address: Address,
    /// Nonce of the account that gives it.
    pub nonce: u64,
    /// By the account that gives it. Absent: the sender gives it, and it is signed together with the transaction.
    pub signature: Option<AuthorizationSignature>,
}

/// Made elsewhere, over an [`Authorization`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AuthorizationSignature {
    /// 0 or 1.
    pub y_parity: u8,
    /// First half.
    pub r: B256,
    /// Second half.
    pub s: B256,
}

/// A transaction, every field of it that is signed but the chain id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransactionIntent {
    /// EIP-2718.
    pub tx_type: TxType,
    /// Absent: contract creation.
    pub to: Option<Address>,
    /// Wei.
    pub value: Amount,
    /// Calldata, or the code of the new contract.
    pub data: Bytes,
    /// Most gas that it may use.
    pub gas_limit: u64,
    /// What a unit of gas may cost.
    pub fees: Fees,
    /// Number of the transaction among the sender's.
    pub nonce: u64,
    /// Empty for type 0.
    pub access_list: Vec<AccessListItem>,
    /// Empty but for type 4.
    pub authorizations: Vec<Authorization>,
}

impl TransactionIntent {
    /// The first four bytes of the calldata, big-endian, if it calls something and there are that many.
    #[must_use]
    pub fn selector(&self) -> Option<u32> {
        self.to?;
        self.data
            .first_chunk()
            .map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// The most that execution can cost, in wei: gas limit times maximum fee.
    #[must_use]
    pub fn max_total_fee(&self) -> Amount {
        self.fees
            .max_fee_per_gas
            .checked_mul(Amount::from(self.gas_limit))
            .unwrap_or(Amount::MAX)
    }
}

/// Typed data (EIP-712). The two hashes are what is signed; the rest says what it means.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TypedDataIntent {
    /// Name of the struct.
    pub primary_type: String,
    /// `name` of the domain.
    pub domain_name: Option<String>,
    /// `version` of the domain.
    pub domain_version: Option<String>,
    /// `chainId` of the domain.
    pub domain_chain_id: Option<Amount>,
    /// `verifyingContract` of the domain.
    pub verifying_contract: Option<Address>,
    /// `hashStruct(domain)`.
    pub domain_separator: B256,
    /// `hashStruct(message)`.
    pub struct_hash: B256,
    /// The message as JSON, from which the hash was made.
    pub message: String,
}

/// What is to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// A transaction.
    Transaction(TransactionIntent),
    /// EIP-712.
    TypedData(TypedDataIntent),
    /// EIP-191 personal message: the bytes before the prefix.
    Message(Bytes),
    /// 32 bytes that nobody can look into.
    Digest(B256),
}

impl Intent {
    /// The word for its kind, as on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Transaction(_) => "transaction",
            Self::TypedData(_) => "typed_data",
            Self::Message(_) => "personal_sign",
            Self::Digest(_) => "eip712_digest",
        }
    }
}

/// Proof that the agent's own key stands behind an intent (RFC 9421), verified by the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IntentSignature {
    /// Which of the agent's keys.
    pub key_id: String,
    /// When it was signed.
    pub created: Timestamp,
}

/// A change of a balance that a simulation showed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BalanceChange {
    /// Whose.
    pub account: Address,
    /// `native`, or the address of a token in lower case.
    pub asset: String,
    /// Whether it went down.
    pub negative: bool,
    /// By how much, in base units.
    pub amount: Amount,
}

/// What a simulation of the transaction showed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Simulation {
    /// Whether it went through.
    pub success: bool,
    /// Gas that it took.
    pub gas_used: u64,
    /// Why it did not go through.
    pub revert_reason: Option<String>,
    /// What it moved.
    pub balance_changes: Vec<BalanceChange>,
}

/// Kinds of [`Effect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Native coin moves: `target` receives `amount`.
    NativeTransfer,
    /// `contract` moves `amount` from `source` to `target`.
    Erc20Transfer,
    /// The same, by an allowance.
    Erc20TransferFrom,
    /// `target` may spend `amount` of `contract`.
    Erc20Approve,
    /// The same, by a signature (EIP-2612).
    Erc20Permit,
    /// A transfer by a signature (EIP-3009).
    Erc3009Authorization,
    /// `target` may spend `amount` of `contract` through Permit2.
    Permit2Approve,
    /// A transfer through Permit2.
    Permit2Transfer,
    /// An ERC-721 token moves.
    Erc721Transfer,
    /// `target` may move an ERC-721 token.
    Erc721Approve,
    /// ERC-1155 tokens move.
    Erc1155Transfer,
    /// `target` may move everything of `contract`.
    ApprovalForAll,
    /// New code.
    ContractCreation,
    /// EIP-7702: the account's code becomes that of `target`.
    Delegation,
    /// Foreign code runs as the account's own.
    Delegatecall,
    /// A call that moves nothing known; inner effects, if decoded, name this one as parent.
    Call,
    /// Could not be decoded.
    Opaque,
}

/// One thing that would happen. A tree of calls, flattened: parents come before children.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Effect {
    /// What happens.
    pub kind: EffectKind,
    /// Index of the effect that contains this one.
    pub parent: Option<u32>,
    /// The contract that does it.
    pub contract: Option<Address>,
    /// Who loses.
    pub source: Option<Address>,
    /// Who gains.
    pub target: Option<Address>,
    /// Value, token amount or allowance in base units.
    pub amount: Amount,
    /// ERC-721 and ERC-1155.
    pub token_id: Option<Amount>,
    /// The largest representable allowance, or one that never ends. Of an opaque effect: it is no unknown function, but a
    /// known one that is not encoded as it should be, is nested too deeply or has too many parts, so that being listed is
    /// no reason to trust it.
    pub unlimited: bool,
    /// Of the call.
    pub selector: Option<u32>,
    /// Until when an authorisation holds, in seconds since the epoch.
    pub deadline: Option<u64>,
}

/// What a budget holds now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BudgetView {
    /// The plugin's name for it.
    pub budget: String,
    /// What is counted.
    pub asset: String,
    /// The span that counts.
    pub window: Window,
    /// Gone for good.
    pub spent: Amount,
    /// Held for what is under way.
    pub reserved: Amount,
}

/// Where the key lies that is to sign. Plugins see the id of the secret alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyLocation {
    /// The secret.
    pub secret: SecretId,
    /// The vault that it is in.
    pub vault: VaultId,
    /// Its path there.
    pub path: SecretPath,
    /// Which version of it.
    pub version: i64,
}

/// May this be signed, for this agent, now, from here?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRequest {
    /// The organisation.
    pub org: OrgId,
    /// The agent on whose account it goes; a human who acts for it is named by the fact `actor`.
    pub principal: Principal,
    /// The key that would sign.
    pub key: KeyLocation,
    /// The address of that key.
    pub sender: Address,
    /// Where it is meant for.
    pub chain: Option<Chain>,
    /// What is to be signed.
    pub intent: Intent,
    /// What it would do.
    pub effects: Vec<Effect>,
    /// The agent's own signature on the request, if there was one.
    pub signature: Option<IntentSignature>,
    /// What a simulation showed, if there was one.
    pub simulation: Option<Simulation>,
    /// The budgets that the plugin asked for, in the order of its queries.
    pub budgets: Vec<BudgetView>,
    /// Where the caller speaks from; IPv4-mapped addresses are IPv4.
    pub client: IpAddr,
    /// When the server took the request up.
    pub at: Timestamp,
    /// The environment that the caller's token was issued for.
    pub environment: Option<String>,
    /// Labels of the agent.
    pub labels: Vec<Fact>,
    /// Anything else that plugins may want to know.
    pub facts: Vec<Fact>,
}

impl TransactionRequest {
    /// An injective encoding: two requests have the same bytes only if they are equal. Used for the request digest.
    ///
    /// It is JSON with the fields in the order of the types above; there is no map and no float in them, so that equal
    /// requests have equal text.
    ///
    /// # Errors
    /// None for requests that this type can hold; serde asks for the possibility.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut out = b"oneclaw/transaction-request/1\0".to_vec();
        serde_json::to_writer(&mut out, self)?;
        Ok(out)
    }
}
