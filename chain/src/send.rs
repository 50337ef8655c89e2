//! Handing a signed transaction to a node, and what its answer means.

use alloy::primitives::{B256, hex};
use serde_json::json;
use tokio::time::timeout_at;

use crate::answer;
use crate::error::RpcError;
use crate::rpc::{Node, Rpc};

const METHOD: &str = "eth_sendRawTransaction";

/// What became of an attempt to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The node took it.
    Accepted,
    /// The node had it already.
    AlreadyKnown,
    /// The node says for certain that it will not take it as things stand, and does not know it.
    Refused {
        /// The node's words, fit to be shown.
        message: String,
    },
    /// Nobody can say whether the node took it. The same bytes can be sent again without harm.
    Unknown {
        /// What happened, fit to be shown.
        message: String,
    },
}

impl Sent {
    fn unknown(error: &RpcError) -> Self {
        Self::Unknown {
            message: error.to_string(),
        }
    }
}

/// Words by which nodes say that they have a transaction already.
const KNOWN: &[&str] = &[
    "already known",
    "alreadyknown",
    "known transaction",
    "already imported",
    "already exists",
    "already in mempool",
];

/// Words by which nodes refuse for certain.
const REFUSALS: &[&str] = &[
    "nonce too low",
    "nonce is too low",
    "oldnonce",
    "insufficient funds",
    "insufficient balance",
    "intrinsic gas too low",
    "intrinsic gas is too low",
    "floor data gas",
    "gas limit too low",
    "underpriced",
    "fee too low",
    "gas price too low",
    "feetoolow",
    "less than block base fee",
    "higher than max fee per gas",
    "exceeds block gas limit",
    "exceeds the configured cap",
    "max initcode size",
    "oversized data",
    "invalid sender",
    "invalid signature",
    "invalid chain id",
    "invalid transaction",
    "transaction type not supported",
];

impl Rpc {
    /// Hands a signed transaction, encoded with its type (EIP-2718), to one node. The next node is tried only as long as
    /// nothing was written to one: once a node may have got the transaction, its answer, or that there is none, is the
    /// outcome.
    ///
    /// # Errors
    /// [`RpcError`], if nothing was sent to any node: the transaction is where it was.
    pub async fn send_raw(&self, transaction: &[u8], expected: B256) -> Result<Sent, RpcError> {
        let params = json!([hex::encode_prefixed(transaction)]);
        let deadline = self.deadline();
        let mut failed = self.no_url();
        for node in self.in_order() {
            let check = timeout_at(deadline, self.check_chain(node)).await;
            let checked = check.unwrap_or_else(|_| {
                Err(RpcError::Timeout {
                    host: node.url.host().to_owned(),
                })
            });
            if let Err(error) = checked {
                self.set_aside(node, &error);
                failed = error;
                continue;
            }
            let Ok(answer) = timeout_at(deadline, self.post(node, METHOD, &params)).await else {
                return Ok(self.no_answer(
                    node,
                    &RpcError::Timeout {
                        host: node.url.host().to_owned(),
                    },
                ));
            };
            return match answer {
                Ok(answer) => Ok(match answer::hash(&answer) {
                    Ok(hash) if hash == expected => Sent::Accepted,
                    Ok(hash) => Sent::Unknown {
                        message: format!(
                            "the node answers with {hash}, but the hash of the transaction is {expected}"
                        ),
                    },
                    Err(what) => Sent::unknown(&RpcError::BadAnswer {
                        method: METHOD,
                        what,
                    }),
                }),
                Err(failure) if !failure.written => {
                    self.set_aside(node, &failure.error);
                    failed = failure.error;
                    continue;
                }
                Err(failure) => match failure.error {
                    RpcError::Node { message, .. } => Ok(self.judge(message, expected).await),
                    error => Ok(self.no_answer(node, &error)),
                },
            };
        }
        Err(failed)
    }

    fn no_answer(&self, node: &Node, error: &RpcError) -> Sent {
        self.set_aside(node, error);
        Sent::unknown(error)
    }

    /// A node that took the transaction earlier, even into a block, may refuse it now, most of all for its nonce: it is a
    /// refusal only if the node does not know the transaction.
    async fn judge(&self, message: String, hash: B256) -> Sent {
        let words = message.to_lowercase();
        let says = |list: &[&str]| list.iter().any(|phrase| words.contains(phrase));
        if says(KNOWN) {
            return Sent::AlreadyKnown;
        }
        if !says(REFUSALS) {
            return Sent::Unknown { message };
        }
        match self.knows(hash).await {
            Ok(true) => Sent::AlreadyKnown,
            Ok(false) => Sent::Refused { message },
            Err(error) => Sent::Unknown {
                message: format!(
                    "{message}; whether it was taken earlier cannot be found out: {error}"
                ),
            },
        }
    }
}
