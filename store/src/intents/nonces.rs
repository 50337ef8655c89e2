//! Nonces of senders: leased in order, given back when nothing came of them.

use oneclaw_core::transaction::Address;

use super::NonceWish;
use crate::db::{Tx, number, params};
use crate::error::{Result, StoreError};

/// Whose nonces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    chain_id: i64,
    address: Address,
}

impl Sender {
    pub(super) fn new(chain_id: u64, address: Address) -> Result<Self> {
        Ok(Self {
            chain_id: number(chain_id, "chain id")?,
            address,
        })
    }
}

/// Leases a nonce; whoever else wants one of this sender waits until the transaction ends.
pub(super) async fn lease(tx: &mut Tx, sender: Sender, wish: NonceWish) -> Result<Option<u64>> {
    match wish {
        NonceWish::None => Ok(None),
        NonceWish::Explicit(nonce) => {
            take(tx, sender, number(nonce, "nonce")?).await?;
            Ok(Some(nonce))
        }
        NonceWish::Next { at_least } => {
            let nonce = next(tx, sender, number(at_least, "nonce")?).await?;
            let nonce = u64::try_from(nonce)
                .map_err(|_| StoreError::Corrupt("a nonce is negative".to_owned()))?;
            Ok(Some(nonce))
        }
    }
}

async fn take(tx: &mut Tx, sender: Sender, nonce: i64) -> Result<()> {
    let next = lock(tx, sender).await?;
    tx.execute(
        "DELETE FROM free_nonces WHERE chain_id = $1 AND address = $2 AND nonce = $3",
        params![sender.chain_id, sender.address, nonce],
    )
    .await?;
    if nonce >= next {
        set_next(tx, sender, after(nonce)?).await?;
    }
    Ok(())
}

async fn next(tx: &mut Tx, sender: Sender, at_least: i64) -> Result<i64> {
    let next = lock(tx, sender).await?;
    // The chain has seen these already.
    tx.execute(
        "DELETE FROM free_nonces WHERE chain_id = $1 AND address = $2 AND nonce < $3",
        params![sender.chain_id, sender.address, at_least],
    )
    .await?;
    let free = tx
        .one(
            "SELECT MIN(nonce) AS nonce FROM free_nonces WHERE chain_id = $1 AND address = $2",
            params![sender.chain_id, sender.address],
        )
        .await?
        .opt_int("nonce")?;
    if let Some(nonce) = free {
        tx.execute_one(
            "DELETE FROM free_nonces WHERE chain_id = $1 AND address = $2 AND nonce = $3",
            params![sender.chain_id, sender.address, nonce],
        )
        .await?;
        return Ok(nonce);
    }
    let nonce = next.max(at_least);
    set_next(tx, sender, after(nonce)?).await?;
    Ok(nonce)
}

/// Gives a nonce back, unless another transaction that may still be included has the same.
pub(super) async fn give_back(tx: &mut Tx, sender: Sender, nonce: u64) -> Result<()> {
    let nonce = number(nonce, "nonce")?;
    let next = lock(tx, sender).await?;
    let taken = tx
        .optional(
            "SELECT id FROM transactions WHERE chain_id = $1 AND from_address = $2 AND nonce = $3 \
             AND status IN ('pending', 'signed', 'sign_only', 'broadcast') LIMIT 1",
            params![sender.chain_id, sender.address, nonce],
        )
        .await?;
    if taken.is_some() {
        return Ok(());
    }
    if after(nonce)? == next {
        return set_next(tx, sender, nonce).await;
    }
    if nonce < next {
        tx.execute(
            "INSERT INTO free_nonces (chain_id, address, nonce) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            params![sender.chain_id, sender.address, nonce],
        )
        .await?;
    }
    Ok(())
}

fn after(nonce: i64) -> Result<i64> {
    nonce.checked_add(1).ok_or(StoreError::Conflict("nonce"))
}

/// The first nonce that was never leased, its row locked until the transaction ends; made if there is none.
async fn lock(tx: &mut Tx, sender: Sender) -> Result<i64> {
    tx.one(
        "INSERT INTO nonces (chain_id, address, next_nonce) VALUES ($1, $2, 0) \
         ON CONFLICT (chain_id, address) DO UPDATE SET chain_id = excluded.chain_id RETURNING next_nonce",
        params![sender.chain_id, sender.address],
    )
    .await?
    .int("next_nonce")
}

async fn set_next(tx: &mut Tx, sender: Sender, next: i64) -> Result<()> {
    tx.execute_one(
        "UPDATE nonces SET next_nonce = $3 WHERE chain_id = $1 AND address = $2",
        params![sender.chain_id, sender.address, next],
    )
    .await
}
