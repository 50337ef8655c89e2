//! Whom an agent has paid before.

use std::collections::BTreeSet;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, TransactionId};
use oneclaw_core::transaction::Address;

use crate::Store;
use crate::db::{Tx, Value, number, params};
use crate::error::Result;

/// Addresses that one query asks about.
const ASKED: usize = 16;

impl Store {
    /// Those of `addresses` that gained something on that chain by what was signed for the agent.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`] `chain id` for a number that is too large.
    pub async fn paid_before(
        &self,
        agent: AgentId,
        chain_id: u64,
        addresses: &[Address],
    ) -> Result<BTreeSet<Address>> {
        let chain_id = number(chain_id, "chain id")?;
        let mut paid = BTreeSet::new();
        for some in addresses.chunks(ASKED) {
            let mut values: Vec<Value> = params![agent, chain_id];
            // The last one is asked about as often as it takes.
            let last = some.last().into_iter().cycle();
            values.extend(
                some.iter()
                    .chain(last)
                    .take(ASKED)
                    .copied()
                    .map(Value::from),
            );
            let rows = self
                .db
                .all(
                    "SELECT address FROM payees WHERE agent_id = $1 AND chain_id = $2 AND address IN \
                     ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
                    values,
                )
                .await?;
            for row in rows {
                paid.insert(row.parsed("address")?);
            }
        }
        Ok(paid)
    }
}

/// Notes who gains something by what was signed.
pub(super) async fn note(
    tx: &mut Tx,
    transaction: TransactionId,
    payees: &[Address],
    at: Timestamp,
) -> Result<()> {
    for payee in payees {
        tx.execute(
            "INSERT INTO payees (agent_id, chain_id, address, first_paid_at) \
             SELECT agent_id, chain_id, $2, $3 FROM transactions WHERE id = $1 \
             ON CONFLICT (agent_id, chain_id, address) DO NOTHING",
            params![transaction, *payee, at],
        )
        .await?;
    }
    Ok(())
}
