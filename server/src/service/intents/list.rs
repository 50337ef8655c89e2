//! Looking at transactions.

use oneclaw_core::api::{Transaction, TransactionList};
use oneclaw_core::ids::{AgentId, TransactionId};

use super::super::Services;
use super::super::caller::Caller;
use super::super::error::{Result, ServiceError};
use super::wire;

/// Transactions of a list.
const LIST: i64 = 100;

impl Services {
    /// `GET …/transactions`: the last 100, newest first; with their bytes only if that was asked for.
    ///
    /// # Errors
    /// As for the agent itself.
    pub async fn list_transactions(
        &self,
        caller: &Caller,
        agent: AgentId,
        include_signed: bool,
    ) -> Result<TransactionList> {
        let agent = self.observed_agent(caller, agent).await?;
        let transactions = self.store.transactions(agent.id, LIST).await?;
        Ok(TransactionList {
            transactions: transactions
                .iter()
                .filter(|stored| stored.kind == "transaction")
                .map(|stored| wire::transaction(stored, include_signed))
                .collect(),
        })
    }

    /// `GET …/transactions/{tx_id}`
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn transaction(
        &self,
        caller: &Caller,
        agent: AgentId,
        id: TransactionId,
        include_signed: bool,
    ) -> Result<Transaction> {
        let agent = self.observed_agent(caller, agent).await?;
        let stored = self
            .store
            .transaction(agent.id, id)
            .await?
            .ok_or(ServiceError::NotFound("no such transaction"))?;
        Ok(wire::transaction(&stored, include_signed))
    }
}
