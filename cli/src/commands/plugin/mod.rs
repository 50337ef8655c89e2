//! Plugins: writing them on this machine, and taking them to a server.
//!
//! What runs here runs in the cage of the server (`oneclaw_policy_host`), so that what passes here decides the same there.

mod bench;
mod build;
mod interpreted;
mod language;
pub mod local;
mod registry;
mod replay;
mod rust;
mod scaffold;
mod sign;

use std::path::PathBuf;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// Plugins that decide: write, test, upload, attach
#[derive(Subcommand)]
pub enum PluginCommand {
    /// Start a plugin: a directory with everything that it needs
    #[command(
        after_help = "Examples:\n  1claw plugin new office-door\n  cd office-door && 1claw plugin build && 1claw plugin test office-door.wasm\n  1claw plugin new office-door --lang python"
    )]
    New {
        /// Lower-case words joined by hyphens; the directory is called so too
        name: String,
        /// What it is written in; `js` and `py` are short for the others
        #[arg(long, value_name = "LANGUAGE", value_enum, default_value = "rust")]
        lang: language::Language,
        /// Where to put the directory
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
    /// Compile the plugin of a directory to a component, with its cases in it
    #[command(
        after_help = "Examples:\n  1claw plugin build\n  1claw plugin build office-door --stack-kib 256"
    )]
    Build {
        /// The directory of the plugin
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Stack of a component in Rust, 24 KiB if not given; parsers need more
        #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u32).range(4..=1024))]
        stack_kib: Option<u32>,
    },
    /// Say whether a server would take a component, and what it is
    #[command(
        visible_alias = "inspect",
        after_help = "Examples:\n  1claw plugin check office-door.wasm\n  1claw plugin inspect office-door.wasm --json"
    )]
    Check {
        /// The component
        component: PathBuf,
        #[command(flatten)]
        room: local::Room,
    },
    /// Try the cases of a component in the cage
    #[command(
        after_help = "Examples:\n  1claw plugin test office-door.wasm\n  1claw plugin test office-door.wasm --cases more.json --junit report.xml"
    )]
    Test {
        /// The component
        component: PathBuf,
        /// Cases in a file, instead of those that the component carries
        #[arg(long)]
        cases: Option<PathBuf>,
        /// Write a report that build servers read
        #[arg(long)]
        junit: Option<PathBuf>,
        #[command(flatten)]
        room: local::Room,
    },
    /// Measure what decisions of a component cost
    #[command(
        after_help = "Examples:\n  1claw plugin bench office-door.wasm\n  1claw plugin bench office-door.wasm --decisions 100000"
    )]
    Bench {
        /// The component
        component: PathBuf,
        /// Cases in a file, instead of those that the component carries
        #[arg(long)]
        cases: Option<PathBuf>,
        /// Decisions for each case
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
        decisions: u32,
        #[command(flatten)]
        room: local::Room,
    },
    /// Print the offsets of a time zone, for settings
    #[command(after_help = "Examples:\n  1claw plugin zone Europe/Paris")]
    Zone {
        /// IANA name
        zone: String,
    },
    /// Make a key to sign plugins with
    #[command(after_help = "Examples:\n  1claw plugin keygen publisher.key")]
    Keygen {
        /// File for the private key; must not exist
        file: PathBuf,
    },
    /// Sign a component
    #[command(after_help = "Examples:\n  1claw plugin sign office-door.wasm --key publisher.key")]
    Sign {
        /// The component
        component: PathBuf,
        /// File with the private key
        #[arg(long)]
        key: PathBuf,
    },
    /// List the plugins of the organisation
    #[command(visible_alias = "ls", after_help = "Examples:\n  1claw plugin list")]
    List,
    /// Upload a component
    #[command(
        after_help = "Examples:\n  1claw plugin push office-door.wasm\n  1claw plugin push office-door.wasm --publisher 0190… --key publisher.key"
    )]
    Push {
        /// The component
        component: PathBuf,
        /// Consent to what the version asks for beyond the one before
        #[arg(long)]
        consent: bool,
        /// Id of the publisher whose key signs
        #[arg(long, requires = "key")]
        publisher: Option<String>,
        /// File with the private key
        #[arg(long, requires = "publisher")]
        key: Option<PathBuf>,
    },
    /// Attach a version; it is watched until it is promoted
    #[command(
        after_help = "Examples:\n  1claw plugin attach office-door 0.1.0 --settings '{\"below\": \"prod\"}'\n  1claw plugin attach office-door 0.1.0 --settings @settings.json --scope '{\"paths\": [\"prod/**\"]}'"
    )]
    Attach {
        /// Name of the plugin
        plugin: String,
        /// Version
        version: String,
        /// Settings as JSON, or `@file`
        #[arg(long)]
        settings: Option<String>,
        /// Scope as JSON, or `@file`: `vaults`, `paths`, `agents`, `labels`, `chains`
        #[arg(long)]
        scope: Option<String>,
        /// What the attachment is called, if not as the plugin
        #[arg(long)]
        name: Option<String>,
        /// Lower ones are asked first
        #[arg(long)]
        order: Option<i32>,
        /// Have it count from the start
        #[arg(long)]
        enforce: bool,
        /// Consent to what the plugin is given here and nowhere else
        #[arg(long)]
        consent: bool,
    },
    /// List what is attached
    #[command(after_help = "Examples:\n  1claw plugin attachments")]
    Attachments,
    /// Show an attachment
    #[command(after_help = "Examples:\n  1claw plugin status office-door")]
    Status {
        /// The attachment: its id, its name, or the name of a plugin that is attached once
        attachment: String,
    },
    /// Watch without letting it count, or watch another version
    #[command(after_help = "Examples:\n  1claw plugin shadow office-door --version 0.2.0")]
    Shadow {
        /// The attachment: its id, its name, or the name of a plugin that is attached once
        attachment: String,
        /// Another version
        #[arg(long)]
        version: Option<String>,
        /// Other settings as JSON, or `@file`
        #[arg(long)]
        settings: Option<String>,
        /// Consent to what the plugin is given from now on and was not given before
        #[arg(long)]
        consent: bool,
    },
    Replay(replay::ReplayArgs),
    /// Have it count: for a share of the callers, or for all
    ///
    /// With a demand, the decisions that it was asked about are made again first, as if it counted, and nothing happens if they
    /// do not come out as demanded.
    #[command(
        after_help = "Examples:\n  1claw plugin promote office-door --percent 10\n  1claw plugin promote office-door --no-new-allow --max-changes 3 --days 30"
    )]
    Promote {
        /// The attachment: its id, its name, or the name of a plugin that is attached once
        attachment: String,
        /// Share of the callers; absent: all
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=99))]
        percent: Option<u8>,
        #[command(flatten)]
        demand: replay::Demand,
        /// For a demand, reach back so many days
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// Make the state before the last change, or an earlier one, the new state
    #[command(after_help = "Examples:\n  1claw plugin rollback office-door")]
    Rollback {
        /// The attachment: its id, its name, or the name of a plugin that is attached once
        attachment: String,
        /// The revision to go back to
        #[arg(long)]
        revision: Option<i64>,
    },
    /// Attach no more
    #[command(after_help = "Examples:\n  1claw plugin detach office-door")]
    Detach {
        /// The attachment: its id, its name, or the name of a plugin that is attached once
        attachment: String,
    },
    /// Show the decisions that a version took part in, newest first
    #[command(after_help = "Examples:\n  1claw plugin logs office-door 0.1.0 --limit 20")]
    Logs {
        /// Name of the plugin
        plugin: String,
        /// Version
        version: String,
        /// How many
        #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}

impl PluginCommand {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::New { name, lang, dir } => scaffold::new(context, &name, lang, &dir),
            Self::Build { dir, stack_kib } => build::build(context, &dir, stack_kib),
            Self::Check { component, room } => local::check(context, &component, room),
            Self::Test {
                component,
                cases,
                junit,
                room,
            } => local::test(
                context,
                &component,
                cases.as_deref(),
                junit.as_deref(),
                room,
            ),
            Self::Bench {
                component,
                cases,
                decisions,
                room,
            } => bench::bench(context, &component, cases.as_deref(), decisions, room),
            Self::Zone { zone } => local::zone(context, &zone),
            Self::Keygen { file } => sign::keygen(context, &file),
            Self::Sign { component, key } => sign::sign(context, &component, &key),
            Self::List => registry::list(context),
            Self::Push {
                component,
                consent,
                publisher,
                key,
            } => {
                let signer = publisher.as_deref().zip(key.as_deref());
                registry::push(context, &component, consent, signer)
            }
            Self::Attach {
                plugin,
                version,
                settings,
                scope,
                name,
                order,
                enforce,
                consent,
            } => {
                let wanted = registry::Wanted {
                    plugin: &plugin,
                    version: &version,
                    settings: settings.as_deref(),
                    scope: scope.as_deref(),
                    name: name.as_deref(),
                    order,
                    enforce,
                    consent,
                };
                registry::attach(context, &wanted)
            }
            Self::Attachments => registry::attachments(context),
            Self::Status { attachment } => registry::status(context, &attachment),
            Self::Shadow {
                attachment,
                version,
                settings,
                consent,
            } => registry::shadow(
                context,
                &attachment,
                version.as_deref(),
                settings.as_deref(),
                consent,
            ),
            Self::Replay(arguments) => arguments.run(context),
            Self::Promote {
                attachment,
                percent,
                demand,
                days,
            } => {
                let gate = demand.is_any().then_some((demand, days));
                registry::promote(context, &attachment, percent, gate)
            }
            Self::Rollback {
                attachment,
                revision,
            } => registry::rollback(context, &attachment, revision),
            Self::Detach { attachment } => registry::detach(context, &attachment),
            Self::Logs {
                plugin,
                version,
                limit,
            } => registry::logs(context, &plugin, &version, limit),
        }
    }
}
