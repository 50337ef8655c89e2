//! What must be known of a chain before it can be spoken to.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use oneclaw_outbound::{NotPublic, Reach, refused_literal};
use url::Url;

/// A chain and where its nodes are.
#[derive(Debug, Clone)]
pub struct ChainSpec {
    /// Its name in the registry.
    pub name: String,
    /// EIP-155. Every node must say the same before anything else is asked of it.
    pub chain_id: u64,
    /// In the order in which they are tried.
    pub urls: Vec<RpcUrl>,
    /// Whether nodes may be at addresses that are not public.
    pub allow_private: bool,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For one request to one node, connection and body included.
    pub request: Duration,
    /// For one call with every node that is tried for it.
    pub call: Duration,
    /// For how long a node that failed is tried last.
    pub rest: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            request: Duration::from_secs(10),
            call: Duration::from_secs(20),
            rest: Duration::from_secs(10),
        }
    }
}

/// Where a node is. Path, query and user may hold keys: only the host is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RpcUrl(Url);

impl RpcUrl {
    /// Reads an `http` or `https` URL.
    ///
    /// # Errors
    /// [`SpecError::NotAUrl`], which does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let url = Url::parse(text).map_err(|_| SpecError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(SpecError::NotAUrl);
        }
        Ok(Self(url))
    }

    /// The host, which may be shown.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(crate) const fn reveal(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcUrl({}://{}/…)", self.0.scheme(), self.host())
    }
}

/// Settings with which no node can be spoken to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Not an `http` or `https` URL.
    #[error("an RPC URL must begin with `https://` or `http://` and name a host")]
    NotAUrl,
    /// An address that is not public.
    #[error(
        "the RPC URL of chain `{chain}` names {address}, which is not a public address; allow private addresses for this chain if that is meant"
    )]
    Forbidden {
        /// Name of the chain.
        chain: String,
        /// The address.
        address: IpAddr,
    },
    /// TLS cannot be set up.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

impl ChainSpec {
    /// Which addresses its nodes may have.
    pub(crate) const fn reach(&self) -> Reach {
        if self.allow_private {
            Reach::Anywhere
        } else {
            Reach::PublicOnly
        }
    }

    /// Refuses addresses, written as such, that may not be connected to. Names are looked up when they are connected to.
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        let refused = |url: &RpcUrl| refused_literal(url.reveal(), self.reach());
        match self.urls.iter().find_map(refused) {
            Some(NotPublic(address)) => Err(SpecError::Forbidden {
                chain: self.name.clone(),
                address,
            }),
            None => Ok(()),
        }
    }
}
