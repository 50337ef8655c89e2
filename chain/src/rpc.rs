//! Which node is asked, and when another one is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::answer;
use crate::error::RpcError;
use crate::spec::{ChainSpec, RpcUrl, SpecError, Timeouts};
use crate::transport::{self, Failure};

/// A chain that can be asked. Clones share connections and what is known of the nodes.
#[derive(Clone)]
pub struct Rpc(Arc<Inner>);

struct Inner {
    name: String,
    chain_id: u64,
    nodes: Vec<Node>,
    client: Client,
    timeouts: Timeouts,
}

pub(crate) struct Node {
    pub(crate) url: RpcUrl,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// It said the right chain id, and has not failed since.
    checked: bool,
    /// It failed; until then it is tried last.
    rests_until: Option<Instant>,
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpc")
            .field("chain", &self.0.name)
            .field("chain_id", &self.0.chain_id)
            .field("nodes", &self.0.nodes.len())
            .finish_non_exhaustive()
    }
}

impl Node {
    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Rpc {
    /// Connects to nothing yet. A chain without URLs is one whose every call says so.
    ///
    /// # Errors
    /// [`SpecError`], if a URL names an address that may not be connected to, or TLS cannot be set up.
    pub fn new(spec: ChainSpec) -> Result<Self, SpecError> {
        spec.check()?;
        let client = transport::client(&spec)?;
        let nodes = spec
            .urls
            .into_iter()
            .map(|url| Node {
                url,
                state: Mutex::default(),
            })
            .collect();
        Ok(Self(Arc::new(Inner {
            name: spec.name,
            chain_id: spec.chain_id,
            nodes,
            client,
            timeouts: spec.timeouts,
        })))
    }

    /// EIP-155, as in the settings.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.0.chain_id
    }

    /// Name of the chain.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Until when a call that begins now may take.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.0.timeouts.call
    }

    pub(crate) fn no_url(&self) -> RpcError {
        RpcError::NoUrl {
            chain: self.0.name.clone(),
        }
    }

    /// In the order of the settings, those that failed lately last.
    pub(crate) fn in_order(&self) -> Vec<&Node> {
        let now = Instant::now();
        let mut nodes: Vec<&Node> = self.0.nodes.iter().collect();
        nodes.sort_by_key(|node| node.state().rests_until.is_some_and(|until| now < until));
        nodes
    }

    /// Asks something that may be asked twice: of the next node if one fails. An answer that `read` does not take counts as
    /// a failure of the node, too.
    pub(crate) async fn ask<T>(
        &self,
        method: &'static str,
        params: Value,
        read: impl Fn(Value) -> Result<T, String>,
    ) -> Result<T, RpcError> {
        let deadline = self.deadline();
        let mut failed = self.no_url();
        for node in self.in_order() {
            let attempt = async {
                self.check_chain(node).await?;
                self.post(node, method, &params)
                    .await
                    .map_err(|failure| failure.error)
            };
            let answer = timeout_at(deadline, attempt).await.unwrap_or_else(|_| {
                Err(RpcError::Timeout {
                    host: node.url.host().to_owned(),
                })
            });
            let answer = answer
                .and_then(|value| read(value).map_err(|what| RpcError::BadAnswer { method, what }));
            match answer {
                Err(error) if error.worth_another_node() => {
                    self.set_aside(node, &error);
                    // A wrong id is a slip in the settings, and says more than that others are down.
                    if !matches!(failed, RpcError::WrongChain { .. }) {
                        failed = error;
                    }
                    if Instant::now() >= deadline {
                        break;
                    }
                }
                settled => return settled,
            }
        }
        Err(failed)
    }

    /// Asks one node, once.
    pub(crate) async fn post(
        &self,
        node: &Node,
        method: &'static str,
        params: &Value,
    ) -> Result<Value, Failure> {
        transport::post(&self.0.client, &node.url, method, params).await
    }

    /// Makes sure that the node serves this chain: before the first use, and again after each failure.
    pub(crate) async fn check_chain(&self, node: &Node) -> Result<(), RpcError> {
        if node.state().checked {
            return Ok(());
        }
        const METHOD: &str = "eth_chainId";
        let answer = self
            .post(node, METHOD, &json!([]))
            .await
            .map_err(|failure| failure.error)?;
        let got = answer::number(&answer).map_err(|what| RpcError::BadAnswer {
            method: METHOD,
            what,
        })?;
        if got != self.0.chain_id {
            return Err(RpcError::WrongChain {
                host: node.url.host().to_owned(),
                expected: self.0.chain_id,
                got,
            });
        }
        node.set(State {
            checked: true,
            rests_until: None,
        });
        Ok(())
    }

    /// Puts a node that failed last for some seconds.
    pub(crate) fn set_aside(&self, node: &Node, error: &RpcError) {
        tracing::warn!(chain = %self.0.name, host = node.url.host(), %error, "a node failed");
        node.set(State {
            checked: false,
            rests_until: Some(Instant::now() + self.0.timeouts.rest),
        });
    }
}
