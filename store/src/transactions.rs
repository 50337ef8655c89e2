//! Intents and what has become of them.

use std::fmt;
use std::str::FromStr;

use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, EventId, OrgId, TransactionId};
use oneclaw_core::transaction::Address;

use crate::Store;
use crate::audit::NewEvent;
use crate::db::{Row, Tx, number, params};
use crate::error::{Result, StoreError};

/// An enum whose variants are stored as words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$about])* $variant,)*
        }

        impl $name {
            /// The word, as stored and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl FromStr for $name {
            type Err = StoreError;

            fn from_str(word: &str) -> Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(StoreError::Corrupt(concat!("an unknown word for ", stringify!($name)).to_owned())),
                }
            }
        }
    };
}

words! {
    /// What is to become of an intent once it is signed.
    IntentMode {
        /// It is sent.
        Submit = "submit",
        /// The signed transaction is handed out and not sent.
        SignOnly = "sign_only",
        /// The signature is handed out.
        Sign = "sign",
    }
}

words! {
    /// How far an intent has come.
    TransactionStatus {
        /// Allowed and recorded, but not signed yet. Nothing has left the server.
        Pending = "pending",
        /// Signed and stored; to be sent if that is what was asked for.
        Signed = "signed",
        /// Signed and handed out, never sent from here.
        SignOnly = "sign_only",
        /// A node has taken it.
        Broadcast = "broadcast",
        /// Given up.
        Failed = "failed",
        /// Not signed, because a simulation did not go through.
        SimulationFailed = "simulation_failed",
    }
}

words! {
    /// What the chain has made of a transaction.
    FinalState {
        /// In a block that may still go; it went through.
        Included = "included",
        /// In a block that may still go; it failed there and its fees are paid.
        Reverted = "reverted",
        /// In a block that stays; it went through.
        Finalized = "finalized",
        /// In a block that stays; it failed there.
        FinalizedReverted = "finalized_reverted",
        /// Another one with its nonce is in a block that stays.
        Replaced = "replaced",
        /// No node knows it any more.
        Dropped = "dropped",
    }
}

impl FinalState {
    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Included | Self::Reverted)
    }
}

/// An intent: a transaction, or something else that was to be signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its id.
    pub id: TransactionId,
    /// The organisation of the agent.
    pub org_id: OrgId,
    /// On whose account it goes; the agent may be gone.
    pub agent_id: AgentId,
    /// `transaction`, `typed_data`, `personal_sign` or `eip712_digest`.
    pub kind: String,
    /// What is to become of it once it is signed.
    pub mode: IntentMode,
    /// Name in the registry.
    pub chain_name: String,
    /// EIP-155, below 2^63.
    pub chain_id: u64,
    /// The signer.
    pub from_address: Address,
    /// Absent for contract creation, and for what is no transaction.
    pub to_address: Option<Address>,
    /// Native coin in wei.
    pub value_wei: Amount,
    /// Calldata in hexadecimal; absent for what is no transaction.
    pub data: Option<String>,
    /// Its number among the sender's, below 2^63.
    pub nonce: Option<u64>,
    /// EIP-2718.
    pub tx_type: Option<u8>,
    /// Most gas.
    pub gas_limit: Option<u64>,
    /// Wei for each unit of gas.
    pub max_fee_per_gas: Option<Amount>,
    /// Wei for each unit of gas.
    pub max_priority_fee_per_gas: Option<Amount>,
    /// How far it has come.
    pub status: TransactionStatus,
    /// What was signed, or the signature, in hexadecimal.
    pub signed_tx: Option<String>,
    /// Hash of the signed transaction.
    pub tx_hash: Option<String>,
    /// What went wrong last.
    pub error_message: Option<String>,
    /// The simulation before it.
    pub simulation_id: Option<String>,
    /// What that showed, as a word.
    pub simulation_status: Option<String>,
    /// Hash of the request that was decided, in hexadecimal.
    pub request_digest: String,
    /// The audit event of the decision.
    pub decision_event: EventId,
    /// The agent's key that signed the intent, if one did.
    pub intent_key_id: Option<String>,
    /// The transaction that it takes the place of.
    pub replaces: Option<TransactionId>,
    /// The transaction that takes its place.
    pub replaced_by: Option<TransactionId>,
    /// When the server took it up; its budgets count from here.
    pub created_at: Timestamp,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
    /// When a node first took it.
    pub broadcast_at: Option<Timestamp>,
    /// The block that it is in.
    pub block_number: Option<u64>,
    /// Hash of that block.
    pub block_hash: Option<String>,
    /// Gas that it took.
    pub gas_used: Option<u64>,
    /// Wei paid for each unit of gas.
    pub effective_gas_price: Option<Amount>,
    /// What the chain has made of it; absent while that is not known.
    pub final_state: Option<FinalState>,
    /// When the chain was asked last.
    pub last_checked_at: Option<Timestamp>,
    /// How often the chain was asked, or it was sent again.
    pub attempts: i64,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("id", &self.id)
            .field("agent_id", &self.agent_id)
            .field("kind", &self.kind)
            .field("chain_id", &self.chain_id)
            .field("nonce", &self.nonce)
            .field("status", &self.status)
            .field("final_state", &self.final_state)
            .finish_non_exhaustive()
    }
}

/// The columns of a transaction.
macro_rules! transaction_columns {
    () => {
        "id, org_id, agent_id, kind, mode, chain_name, chain_id, from_address, to_address, value_wei, data, nonce, \
         tx_type, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, status, signed_tx, tx_hash, error_message, \
         simulation_id, simulation_status, request_digest, decision_event, intent_key_id, replaces, replaced_by, \
         created_at, signed_at, broadcast_at, block_number, block_hash, gas_used, effective_gas_price, final_state, \
         last_checked_at, attempts"
    };
}
pub(crate) use transaction_columns;

impl Transaction {
    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            org_id: row.parsed("org_id")?,
            agent_id: row.parsed("agent_id")?,
            kind: row.text("kind")?,
            mode: row.parsed("mode")?,
            chain_name: row.text("chain_name")?,
            chain_id: row.unsigned("chain_id")?,
            from_address: row.parsed("from_address")?,
            to_address: row.opt_parsed("to_address")?,
            value_wei: row.parsed("value_wei")?,
            data: row.opt_text("data")?,
            nonce: row.opt_unsigned("nonce")?,
            tx_type: row.opt_unsigned("tx_type")?,
            gas_limit: row.opt_unsigned("gas_limit")?,
            max_fee_per_gas: row.opt_parsed("max_fee_per_gas")?,
            max_priority_fee_per_gas: row.opt_parsed("max_priority_fee_per_gas")?,
            status: row.parsed("status")?,
            signed_tx: row.opt_text("signed_tx")?,
            tx_hash: row.opt_text("tx_hash")?,
            error_message: row.opt_text("error_message")?,
            simulation_id: row.opt_text("simulation_id")?,
            simulation_status: row.opt_text("simulation_status")?,
            request_digest: row.text("request_digest")?,
            decision_event: row.parsed("decision_event")?,
            intent_key_id: row.opt_text("intent_key_id")?,
            replaces: row.opt_parsed("replaces")?,
            replaced_by: row.opt_parsed("replaced_by")?,
            created_at: row.time("created_at")?,
            signed_at: row.opt_time("signed_at")?,
            broadcast_at: row.opt_time("broadcast_at")?,
            block_number: row.opt_unsigned("block_number")?,
            block_hash: row.opt_text("block_hash")?,
            gas_used: row.opt_unsigned("gas_used")?,
            effective_gas_price: row.opt_parsed("effective_gas_price")?,
            final_state: row.opt_parsed("final_state")?,
            last_checked_at: row.opt_time("last_checked_at")?,
            attempts: row.int("attempts")?,
        })
    }
}

impl Store {
    /// An agent's transactions, newest first, at most so many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn transactions(&self, agent: AgentId, limit: i64) -> Result<Vec<Transaction>> {
        const SQL: &str = concat!(
            "SELECT ",
            transaction_columns!(),
            " FROM transactions WHERE agent_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2"
        );
        let limit = limit.clamp(0, crate::MAX_ROWS);
        let rows = self.db.all(SQL, params![agent, limit]).await?;
        rows.iter().map(Transaction::from_row).collect()
    }

    /// One transaction of an agent.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn transaction(
        &self,
        agent: AgentId,
        id: TransactionId,
    ) -> Result<Option<Transaction>> {
        const SQL: &str = concat!(
            "SELECT ",
            transaction_columns!(),
            " FROM transactions WHERE id = $1 AND agent_id = $2"
        );
        let row = self.db.optional(SQL, params![id, agent]).await?;
        row.as_ref().map(Transaction::from_row).transpose()
    }

    /// EIP-155 ids of the chains with transactions that were to be sent and whose end is not known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn chains_to_track(&self) -> Result<Vec<u64>> {
        const SQL: &str = "SELECT DISTINCT chain_id FROM transactions WHERE mode = 'submit' \
             AND status IN ('signed', 'broadcast') \
             AND (final_state IS NULL OR final_state IN ('included', 'reverted')) ORDER BY chain_id";
        let rows = self.db.all(SQL, params![]).await?;
        rows.iter().map(|row| row.unsigned("chain_id")).collect()
    }

    /// Transactions of a chain that were to be sent and whose end is not known, of which the chain was not asked since
    /// `before`, those first that have waited longest. Replaced ones are among them: they may be included yet. The more
    /// often the chain was asked in vain, the longer it is left alone, up to a minute.
    ///
    /// Those that were signed after `signed_before` and never asked for are left to the request that is sending them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Conflict`] `chain id` for one of 2^63 and more.
    pub async fn transactions_to_track(
        &self,
        chain_id: u64,
        limit: i64,
        before: Timestamp,
        signed_before: Timestamp,
    ) -> Result<Vec<Transaction>> {
        const SQL: &str = concat!(
            "SELECT ",
            transaction_columns!(),
            " FROM transactions WHERE chain_id = $1 AND mode = 'submit' AND status IN ('signed', 'broadcast') \
             AND (final_state IS NULL OR final_state IN ('included', 'reverted')) \
             AND (last_checked_at IS NULL OR last_checked_at \
             + CASE WHEN attempts < 480 THEN attempts / 8 * 1000 ELSE 60000 END < $2) \
             AND (status = 'broadcast' OR last_checked_at IS NOT NULL OR signed_at < $3) \
             ORDER BY COALESCE(last_checked_at, 0), created_at, id LIMIT $4"
        );
        let limit = limit.clamp(0, crate::MAX_ROWS);
        let params = params![number(chain_id, "chain id")?, before, signed_before, limit];
        let rows = self.db.all(SQL, params).await?;
        rows.iter().map(Transaction::from_row).collect()
    }

    /// Transactions from before this instant that are still pending, oldest first, at most so many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn stale_pending(&self, before: Timestamp, limit: i64) -> Result<Vec<Transaction>> {
        const SQL: &str = concat!(
            "SELECT ",
            transaction_columns!(),
            " FROM transactions WHERE status = 'pending' AND created_at < $1 ORDER BY created_at, id LIMIT $2"
        );
        let limit = limit.clamp(0, crate::MAX_ROWS);
        let rows = self.db.all(SQL, params![before, limit]).await?;
        rows.iter().map(Transaction::from_row).collect()
    }

    /// Records a transaction that went no further, for example because its simulation failed: it gets no nonce and holds
    /// nothing in any budget.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: `status` unless it is `failed` or `simulation_failed`, `transaction` for an id that is
    /// known.
    pub async fn record_unsigned(&self, transaction: &Transaction, event: NewEvent) -> Result<()> {
        if !matches!(
            transaction.status,
            TransactionStatus::Failed | TransactionStatus::SimulationFailed
        ) {
            return Err(StoreError::Conflict("status"));
        }
        let mut tx = self.db.begin().await?;
        insert_transaction(&mut tx, transaction, &transaction.id.to_string()).await?;
        self.finish(tx, &[event]).await
    }
}

/// Stores a new transaction. `family` is the first of those that replace each other.
pub(crate) async fn insert_transaction(tx: &mut Tx, it: &Transaction, family: &str) -> Result<()> {
    const SQL: &str = concat!(
        "INSERT INTO transactions (",
        transaction_columns!(),
        ", family) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
         $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38)"
    );
    let wide = |value: Option<u64>, what| value.map(|value| number(value, what)).transpose();
    tx.execute_one(
        SQL,
        params![
            it.id,
            it.org_id,
            it.agent_id,
            &it.kind,
            it.mode.as_str(),
            &it.chain_name,
            number(it.chain_id, "chain id")?,
            it.from_address,
            it.to_address,
            it.value_wei,
            it.data.clone(),
            wide(it.nonce, "nonce")?,
            it.tx_type.map(i64::from),
            wide(it.gas_limit, "gas limit")?,
            it.max_fee_per_gas,
            it.max_priority_fee_per_gas,
            it.status.as_str(),
            it.signed_tx.clone(),
            it.tx_hash.clone(),
            it.error_message.clone(),
            it.simulation_id.clone(),
            it.simulation_status.clone(),
            &it.request_digest,
            it.decision_event,
            it.intent_key_id.clone(),
            it.replaces,
            it.replaced_by,
            it.created_at,
            it.signed_at,
            it.broadcast_at,
            wide(it.block_number, "block number")?,
            it.block_hash.clone(),
            wide(it.gas_used, "gas used")?,
            it.effective_gas_price,
            it.final_state.map(|state| state.as_str().to_owned()),
            it.last_checked_at,
            it.attempts,
            family,
        ],
    )
    .await
    .map_err(|e| e.duplicate_is("transaction"))
}
