//! What the server does, without a word about HTTP or SQL.
//!
//! Every access to a secret goes through [`gate`]. Nothing here reads the clock or the environment: both are handed in.

pub mod access_settings;
pub mod accounts;
pub mod agents;
pub mod api_keys;
pub mod audit;
pub mod authenticate;
pub mod billing;
pub mod browser;
pub mod caller;
pub mod chains;
pub mod check;
pub mod decisions;
pub mod device_login;
pub mod enrollments;
pub mod env_vars;
pub mod error;
pub mod events;
pub mod exchange;
pub mod facts;
pub mod fleet_guardrails;
pub mod gate;
pub mod guardrails;
pub mod intents;
pub mod ip_rules;
pub mod keys;
pub mod leases;
pub mod mail;
pub mod members;
pub mod plugins;
pub mod policies;
pub mod recovery;
pub mod replays;
pub mod second_factor;
pub mod secrets;
pub mod settings;
pub mod shares;
pub mod signing_keys;
pub mod step_up;
pub mod throttle;
pub mod time;
pub mod vaults;
pub mod webhooks;

use std::sync::Arc;

use oneclaw_core::clock::SharedClock;
use oneclaw_store::Store;

use crate::config::Config;
use crate::mail::Courier;

/// Everything that the services share.
#[derive(Debug)]
pub struct Services {
    /// Settings.
    pub config: Config,
    /// The time.
    pub clock: SharedClock,
    /// The database.
    pub store: Store,
    /// Keys of the server.
    pub keys: keys::Keys,
    /// The one way to a permit.
    pub gate: gate::Gate,
    /// Decisions made again, aside.
    pub replays: replays::Replays,
    /// Where plugins of organisations are made ready.
    pub plugins: Arc<plugins::PluginRuntime>,
    /// What is known of the world outside.
    pub facts: Arc<facts::Facts>,
    /// Who speaks to chains.
    pub chains: chains::Chains,
    /// The way that mails take.
    pub courier: Courier,
    /// This server among those that share the database; new with every start.
    pub node: uuid::Uuid,
    /// Rules on addresses, by organisation.
    pub ip_rules: ip_rules::IpRules,
    /// Limits on guessing.
    pub throttles: throttle::Throttles,
    /// Hashing a password takes 19 MiB and some tens of milliseconds: only so many at a time.
    pub password_slots: tokio::sync::Semaphore,
}

/// The handle that everybody holds.
pub type SharedServices = Arc<Services>;
