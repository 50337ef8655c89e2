//! Puts the server together. Only `main` and tests come here; nothing else knows concrete parts.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use oneclaw_core::clock::SharedClock;
use oneclaw_crypto::root_key::RootKey;
use oneclaw_policy_host::{Engine, EngineOptions, Failure, LimitError, Limits, Mode, Slots};
use oneclaw_store::{Store, StoreOptions};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::config::{AccessMode, AccessPlugin as AccessPluginSetting, Config, RootKeySource};
use crate::http::{listen, router};
use crate::mail::Courier;
use crate::service::chains::Chains;
use crate::service::facts::Facts;
use crate::service::gate::{Gate, PluginState};
use crate::service::ip_rules::IpRules;
use crate::service::keys::Keys;
use crate::service::plugins::PluginRuntime;
use crate::service::replays::Replays;
use crate::service::throttle::Throttles;
use crate::service::{Services, SharedServices};

/// The same for a decision that is made again: at a low priority it waits longer for a processor, and fuel still bounds it.
const REPLAY_DEADLINE_MS: u64 = 10_000;

/// Room for the two threads of a replay, apart from that of the decisions that somebody waits for.
const REPLAY_SLOTS: Slots = Slots {
    instances: 64,
    warm: 0,
};

/// Passwords hashed at a time.
const PASSWORD_SLOTS: usize = 4;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be made.
    #[error("the data directory `{path}` cannot be made: {source}")]
    DataDirectory {
        /// The directory.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The root key cannot be had.
    #[error(transparent)]
    RootKey(#[from] oneclaw_crypto::root_key::RootKeyError),
    /// The database cannot be opened.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] oneclaw_store::StoreError),
    /// A limit of the policy engine is out of its range.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// The policy engine cannot be made.
    #[error(transparent)]
    Engine(#[from] oneclaw_policy_host::EngineError),
    /// There is no thread to make plugins ready on.
    #[error("no thread for plugins: {0}")]
    Threads(std::io::Error),
    /// The keys in the database cannot be used.
    #[error(transparent)]
    Keys(#[from] crate::service::error::ServiceError),
    /// There is no way for mails.
    #[error(transparent)]
    Mail(#[from] crate::mail::CourierError),
    /// The address is taken, or not ours.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens; the port is the real one even if 0 was asked for.
    pub address: SocketAddr,
    /// Its inside, for tests that look behind the API.
    pub services: SharedServices,
    /// Whether the root key was made just now.
    pub made_root_key: bool,
    /// Whether there was an account when the server started.
    pub is_claimed: bool,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops taking requests, lets those in flight finish, writes out what is queued.
    pub async fn stop(self) {
        // An error means that the server has stopped by itself.
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the server did not stop cleanly");
        }
    }
}

/// Starts a server.
///
/// # Errors
/// Says what is in the way.
pub async fn start(mut config: Config, clock: SharedClock) -> Result<Running, StartError> {
    oneclaw_chain::install_tls();
    make_private_directory(&config.data_dir)?;
    let courier = Courier::new(&config.mail, &config.data_dir)?;
    let (root, made_root_key) = match &config.root_key {
        RootKeySource::File(path) => RootKey::load_or_create(path)?,
        RootKeySource::Text(text) => (RootKey::from_text(text)?, false),
    };
    let audit_key = root.derive("oneclaw/audit-chain");
    let store = Store::open(
        config.database_url.expose_secret(),
        *audit_key,
        StoreOptions::default(),
    )
    .await?;
    let replay_options = EngineOptions {
        cache_dir: Some(config.data_dir.join("plugins")),
        limits: limits(&config)?.with_deadline_ms(REPLAY_DEADLINE_MS)?,
        slots: REPLAY_SLOTS,
    };
    let engine = Engine::new(EngineOptions {
        cache_dir: Some(config.data_dir.join("plugins")),
        limits: limits(&config)?,
        ..EngineOptions::default()
    })?;
    let plugin = load_plugin(
        &engine,
        &config.access_plugin,
        ("access-policy", oneclaw_builtin::ACCESS_POLICY),
    );
    let guardrails = load_plugin(
        &engine,
        &config.guardrail_plugin,
        (
            "transaction-guardrails",
            oneclaw_builtin::TRANSACTION_GUARDRAILS,
        ),
    );
    let guardrail_mode = match config.guardrail_plugin {
        AccessPluginSetting::BuiltIn => Mode::Warm,
        AccessPluginSetting::File(_) | AccessPluginSetting::None => Mode::Fresh,
    };
    let mode = match config.access_mode {
        AccessMode::Fresh => Mode::Fresh,
        AccessMode::Warm => Mode::Warm,
    };
    let keys = match Keys::load(root, &store, clock.now()).await {
        Ok(keys) => keys,
        Err(error) => {
            if made_root_key && let RootKeySource::File(path) = &config.root_key {
                // It would only stand in the way of the one that belongs here. A failure to remove it changes nothing.
                let _ = std::fs::remove_file(path);
            }
            return Err(error.into());
        }
    };
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| StartError::Listen {
            address: config.listen,
            source,
        })?;
    let address = listener.local_addr().map_err(|source| StartError::Listen {
        address: config.listen,
        source,
    })?;
    if config.listen.port() == 0 {
        config.public_url = config
            .public_url
            .replace(":0", &format!(":{}", address.port()));
    }
    let plugins = Arc::new(PluginRuntime::new(engine, store.clone()).map_err(StartError::Threads)?);
    let facts = Arc::new(Facts::new(&config.facts));
    facts.refresh().await;
    let services = Arc::new(Services {
        gate: Gate::new(
            store.clone(),
            (Arc::clone(&plugins), Arc::clone(&facts)),
            (plugin, mode),
            (guardrails, guardrail_mode),
        )
        .recording(config.decisions.allowed_percent),
        plugins,
        facts,
        replays: Replays::new(replay_options),
        chains: Chains::default(),
        courier,
        node: oneclaw_crypto::random::new_id(),
        ip_rules: IpRules::default(),
        throttles: Throttles::new(config.rate_limits),
        password_slots: Semaphore::new(PASSWORD_SLOTS),
        clock,
        keys,
        store: store.clone(),
        config,
    });
    services.seed_chains().await?;
    services.keep_components().await?;
    let router = router::build(Arc::clone(&services));
    let is_claimed = store.first_org().await?.is_some();
    let (stop, stopped) = oneshot::channel::<()>();
    let jobs = crate::jobs::spawn(Arc::clone(&services));
    let stopping = Arc::clone(&services);
    let task = tokio::spawn(async move {
        listen::serve(listener, router, async {
            // An error means that the handle was dropped: nobody is left to serve for.
            let _ = stopped.await;
        })
        .await;
        jobs.abort();
        // An error says that they were aborted.
        let _ = jobs.await;
        if let Err(error) = stopping.release_jobs().await {
            tracing::warn!(%error, "scheduled jobs could not be given back; other servers take them over soon");
        }
        store.close().await;
    });
    Ok(Running {
        address,
        services,
        made_root_key,
        is_claimed,
        stop,
        task,
    })
}

/// What plugins may take, as it was set.
fn limits(config: &Config) -> Result<Limits, LimitError> {
    let plugins = &config.plugins;
    Limits::default()
        .with_component_bytes(u64::from(plugins.component_bytes))?
        .with_memory_bytes(u64::from(plugins.memory_bytes))?
        .with_fuel_per_decision(u64::from(plugins.fuel_per_decision))?
        .with_fuel_per_configure(u64::from(plugins.fuel_per_configure))?
        .with_deadline_ms(u64::from(plugins.deadline_ms))?
        .with_configure_deadline_ms(u64::from(plugins.configure_deadline_ms))
}

/// The plugin that decides. One that cannot be loaded leaves the server up, refusing everything and saying why.
fn load_plugin(
    engine: &Engine,
    setting: &AccessPluginSetting,
    (built_in_name, built_in): (&str, &[u8]),
) -> PluginState {
    let broken = |name: &str, detail: String| {
        tracing::error!(
            plugin = name,
            detail,
            "a plugin could not be loaded: everything it decides on is refused"
        );
        PluginState::Broken {
            name: name.to_owned(),
            failure: Failure {
                code: "internal/plugin-not-loaded",
                detail,
            },
        }
    };
    let load = |name: &str, bytes: &[u8]| match engine.load(bytes) {
        Ok(plugin) => PluginState::Ready(plugin),
        Err(error) => broken(name, error.to_string()),
    };
    match setting {
        AccessPluginSetting::BuiltIn => load(built_in_name, built_in),
        AccessPluginSetting::None => PluginState::Absent,
        AccessPluginSetting::File(path) => {
            let name = path.display().to_string();
            match std::fs::read(path) {
                Ok(bytes) => load(&name, &bytes),
                Err(error) => broken(&name, error.to_string()),
            }
        }
    }
}

fn make_private_directory(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StartError::DataDirectory {
            path: path.display().to_string(),
            source,
        })
}
