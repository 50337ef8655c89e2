//! Intents: transactions to be signed and sent, and other things to be signed.

use super::body;

/// A chain, by its name in the registry or by its id (EIP-155), as text or as a number.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChainRef {
    /// EIP-155.
    Id(u64),
    /// A name, or an id as text.
    Name(String),
}

body! {
    /// An entry of an access list (EIP-2930).
    pub struct AccessListEntry {
        /// The contract.
        pub address: String,
        /// Slots, 32 bytes each in hexadecimal.
        #[serde(default, alias = "storageKeys")]
        pub storage_keys: Vec<String>,
    }
}

body! {
    /// An authorisation (EIP-7702). Without a signature, the sender gives it and signs it along.
    pub struct AuthorizationEntry {
        /// EIP-155; 0 for every chain. Absent: the chain of the transaction.
        #[serde(default, alias = "chainId")]
        pub chain_id: Option<u64>,
        /// Whose code the account is to run.
        pub address: String,
        /// Nonce of the account. Absent, and needed only without a signature: the one that the sender has then.
        #[serde(default)]
        pub nonce: Option<u64>,
        /// 0 or 1.
        #[serde(default, alias = "yParity")]
        pub y_parity: Option<u8>,
        /// 32 bytes in hexadecimal.
        #[serde(default)]
        pub r: Option<String>,
        /// 32 bytes in hexadecimal.
        #[serde(default)]
        pub s: Option<String>,
    }
}

body! {
    /// `POST /v1/agents/{agent_id}/transactions` and its relatives.
    #[derive(Default)]
    pub struct TransactionRequestBody {
        /// The recipient, or the contract that is called. Absent: contract creation, which needs `data`.
        #[serde(default)]
        pub to: Option<String>,
        /// Native coin in major units, a decimal string such as `"0.05"`.
        #[serde(default)]
        pub value: Option<String>,
        /// Name or id.
        #[serde(default)]
        pub chain: Option<ChainRef>,
        /// The same as `chain`.
        #[serde(default)]
        pub chain_id: Option<ChainRef>,
        /// Calldata in hexadecimal.
        #[serde(default)]
        pub data: Option<String>,
        /// Path of a private key in a vault that the agent may read. Absent: the agent's signing key.
        #[serde(default)]
        pub signing_key_path: Option<String>,
        /// The vault of `signing_key_path`, where more than one has it.
        #[serde(default)]
        pub vault_id: Option<String>,
        /// Absent: the next one.
        #[serde(default)]
        pub nonce: Option<u64>,
        /// Wei for each unit of gas, as an integer string: a legacy transaction.
        #[serde(default)]
        pub gas_price: Option<String>,
        /// Absent: 21000, or estimated where there is calldata.
        #[serde(default)]
        pub gas_limit: Option<u64>,
        /// Wei for each unit of gas, as an integer string (EIP-1559).
        #[serde(default)]
        pub max_fee_per_gas: Option<String>,
        /// Wei for each unit of gas, as an integer string (EIP-1559).
        #[serde(default)]
        pub max_priority_fee_per_gas: Option<String>,
        /// EIP-2718: 0, 1, 2 or 4. Absent: by the fees given, else what the chain takes.
        #[serde(default)]
        pub tx_type: Option<u8>,
        /// For types 1, 2 and 4.
        #[serde(default)]
        pub access_list: Option<Vec<AccessListEntry>>,
        /// For type 4.
        #[serde(default)]
        pub authorization_list: Option<Vec<AuthorizationEntry>>,
        /// Whether to simulate first; a transaction that would revert is then not signed.
        #[serde(default)]
        pub simulate_first: Option<bool>,
        /// `eoa`.
        #[serde(default)]
        pub mode: Option<String>,
    }
}

body! {
    /// A transaction.
    pub struct Transaction {
        /// Identifies it here.
        pub id: String,
        /// Whose it is.
        pub agent_id: String,
        /// Name in the registry.
        pub chain: String,
        /// EIP-155.
        pub chain_id: u64,
        /// Absent for contract creation.
        pub to: Option<String>,
        /// The signer's address.
        pub from: String,
        /// Wei.
        pub value_wei: String,
        /// Its number among the sender's.
        pub nonce: Option<u64>,
        /// `pending`, `signed`, `sign_only`, `broadcast`, `failed` or `simulation_failed`.
        pub status: String,
        /// EIP-2718.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tx_type: Option<u8>,
        /// The signed transaction, hexadecimal.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub signed_tx: Option<String>,
        /// Its hash.
        pub tx_hash: Option<String>,
        /// What went wrong.
        pub error_message: Option<String>,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub signed_at: Option<String>,
        /// The simulation before it, if there was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub simulation_id: Option<String>,
        /// `success`, `reverted`, `error` or `skipped`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub simulation_status: Option<String>,
        /// Wei for each unit of gas.
        pub max_fee_per_gas: Option<String>,
        /// Wei for each unit of gas.
        pub max_priority_fee_per_gas: Option<String>,
        /// Most gas.
        pub gas_limit: Option<u64>,
        /// The block that it is in.
        pub block_number: Option<u64>,
        /// Gas that it took.
        pub gas_used: Option<u64>,
        /// Wei paid for each unit of gas.
        pub effective_gas_price: Option<String>,
        /// `included`, `reverted`, `finalized`, `finalized_reverted`, `replaced` or `dropped`; absent while nothing is
        /// known.
        pub final_state: Option<String>,
        /// The transaction that it takes the place of.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub replaces: Option<String>,
        /// The transaction that takes its place.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub replaced_by: Option<String>,
        /// The agent's key that signed the intent, if one did.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub intent_key_id: Option<String>,
        /// `Unprocessable Entity`, when the simulation failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub title: Option<String>,
        /// In words, when the simulation failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub detail: Option<String>,
    }
}

body! {
    /// `GET /v1/agents/{agent_id}/transactions`
    pub struct TransactionList {
        /// Newest first.
        pub transactions: Vec<Transaction>,
    }
}

body! {
    /// `POST /v1/agents/{agent_id}/transactions/sign`
    pub struct SignedTransaction {
        /// Identifies it here.
        pub id: String,
        /// The signed transaction, hexadecimal.
        pub signed_tx: String,
        /// Its hash.
        pub tx_hash: String,
        /// The signer's address.
        pub from: String,
        /// Absent for contract creation.
        pub to: Option<String>,
        /// Name in the registry.
        pub chain: String,
        /// EIP-155.
        pub chain_id: u64,
        /// Its number among the sender's.
        pub nonce: u64,
        /// Wei.
        pub value_wei: String,
        /// `sign_only`
        pub status: String,
        /// The simulation before it, if there was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub simulation_id: Option<String>,
        /// `success` or `skipped`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub simulation_status: Option<String>,
        /// Wei for each unit of gas.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub max_fee_per_gas: Option<String>,
        /// Wei for each unit of gas.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub max_priority_fee_per_gas: Option<String>,
    }
}

body! {
    /// `POST …/transactions/{tx_id}/replace` and `…/cancel`. What is absent is raised by an eighth at least, and to what the
    /// chain asks for now.
    #[derive(Default)]
    pub struct ReplaceTransactionRequest {
        /// Wei for each unit of gas, as an integer string.
        #[serde(default)]
        pub max_fee_per_gas: Option<String>,
        /// Wei for each unit of gas, as an integer string.
        #[serde(default)]
        pub max_priority_fee_per_gas: Option<String>,
        /// Wei for each unit of gas, for a legacy transaction.
        #[serde(default)]
        pub gas_price: Option<String>,
        /// As given for the transaction itself: it can be replaced with the key that signed it alone.
        #[serde(default)]
        pub signing_key_path: Option<String>,
        /// As given for the transaction itself.
        #[serde(default)]
        pub vault_id: Option<String>,
    }
}

body! {
    /// A change of a balance that a simulation showed.
    pub struct BalanceChangeBody {
        /// Whose.
        pub address: String,
        /// The token's contract; absent for native coin.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub token: Option<String>,
        /// Base units, with a sign.
        pub change: String,
    }
}

body! {
    /// `POST /v1/agents/{agent_id}/transactions/simulate`
    pub struct SimulationResult {
        /// Identifies it.
        pub simulation_id: String,
        /// `success`, `reverted` or `error`.
        pub status: String,
        /// Gas that it took; 0 if it did not run.
        pub gas_used: u64,
        /// Always there, empty if nothing is known.
        pub balance_changes: Vec<BalanceChangeBody>,
        /// Why there is no result.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub error: Option<String>,
        /// Why it reverted.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub revert_reason: Option<String>,
        /// The same in a sentence.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub error_human_readable: Option<String>,
        /// How it was made, for example `eth_simulateV1`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub method: Option<String>,
        /// RFC 3339.
        pub simulated_at: String,
    }
}

body! {
    /// `POST /v1/agents/{agent_id}/transactions/simulate-bundle`
    pub struct SimulateBundleRequest {
        /// 1 to 10, one after the other, on one chain.
        pub transactions: Vec<TransactionRequestBody>,
    }
}

body! {
    /// What became of the transactions of a bundle.
    pub struct SimulationList {
        /// In the order of the request.
        pub simulations: Vec<SimulationResult>,
    }
}

body! {
    /// `POST /v1/agents/{agent_id}/sign`
    pub struct SignRequest {
        /// `transaction`, `typed_data`, `personal_sign` (or `message`), `eip712_digest` (or `digest`).
        #[serde(default)]
        pub intent_type: String,
        /// For `personal_sign`: text, or bytes as `0x` with an even number of hexadecimal digits.
        #[serde(default)]
        pub message: Option<String>,
        /// For `typed_data`: `{types, primaryType, domain, message}` (EIP-712).
        #[serde(default)]
        pub typed_data: Option<serde_json::Value>,
        /// For `eip712_digest`: `0x` and 64 hexadecimal digits.
        #[serde(default)]
        pub hash: Option<String>,
        /// For `transaction`, and where to sign for all.
        #[serde(flatten)]
        pub transaction: TransactionRequestBody,
    }
}

body! {
    /// The answer of `POST /v1/agents/{agent_id}/sign`.
    #[derive(Default)]
    pub struct SignResponse {
        /// As asked for.
        pub intent_type: String,
        /// Name in the registry.
        pub chain: String,
        /// The signer's address.
        pub from: String,
        /// 65 bytes r‖s‖v in hexadecimal, v being 27 or 28.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub signature: Option<String>,
        /// The signed transaction.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub signed_tx: Option<String>,
        /// Its hash.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tx_hash: Option<String>,
        /// EIP-191 hash.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub message_hash: Option<String>,
        /// EIP-712 hash.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub typed_data_hash: Option<String>,
        /// EIP-2718.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tx_type: Option<u8>,
        /// Identifies it here.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub id: Option<String>,
    }
}

body! {
    /// What `POST /v1/agents/{agent_id}/transactions/preview` answers: what would be decided now. Nothing is used up.
    pub struct TransactionPreview {
        /// `allow`, `deny` or `require_approval`.
        pub decision: String,
        /// The word for programs, of a refusal.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub reason_code: Option<String>,
        /// A sentence.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub detail: Option<String>,
        /// The plugin that decided.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub plugin: Option<String>,
        /// The rule that decided, for example `agent` or `per_chain/base`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub rule: Option<String>,
        /// Figures of a refusal, in base units.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub limit: Option<String>,
        /// See `limit`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub attempted: Option<String>,
        /// See `limit`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub current: Option<String>,
        /// What would be signed.
        pub intent: serde_json::Value,
        /// The signer's address.
        pub from: String,
        /// What it would do.
        pub effects: serde_json::Value,
        /// Budgets that the plugins looked at.
        pub budgets: Vec<BudgetState>,
        /// The plugins that were asked, with their answers.
        pub evaluations: Vec<serde_json::Value>,
    }
}

body! {
    /// A budget as it stands.
    pub struct BudgetState {
        /// The plugin that keeps it.
        pub plugin: String,
        /// Its name, with whom it is shared in front.
        pub budget: String,
        /// `native`, `transactions`, `fees`, or the address of a token.
        pub asset: String,
        /// The span that counts.
        pub window: serde_json::Value,
        /// Base units.
        pub spent: String,
        /// Base units.
        pub reserved: String,
        /// Base units, if this would go ahead and reserve something.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub limit: Option<String>,
        /// Base units, if this would go ahead and reserve something.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub would_reserve: Option<String>,
    }
}

body! {
    /// `POST /v1/agents/{agent_id}/intent-keys`
    pub struct CreateIntentKeyRequest {
        /// Ed25519: 32 bytes in base64, or PEM.
        pub public_key: String,
        /// 1 to 64 letters, digits, `.`, `_` or `-`. Absent: the thumbprint of the key (RFC 7638).
        #[serde(default)]
        pub key_id: Option<String>,
    }
}

body! {
    /// A key with which an agent signs its requests. The private half never comes here.
    pub struct IntentKey {
        /// `keyid` in signatures.
        pub key_id: String,
        /// Whose it is.
        pub agent_id: String,
        /// 32 bytes in base64.
        pub public_key: String,
        /// RFC 3339.
        pub created_at: String,
        /// `user:<uuid>` or `agent:<uuid>`.
        pub created_by: String,
    }
}

body! {
    /// `GET /v1/agents/{agent_id}/intent-keys`
    pub struct IntentKeyList {
        /// Those that count.
        pub keys: Vec<IntentKey>,
    }
}
