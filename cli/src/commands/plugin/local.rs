//! What can be said of a component without a server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use oneclaw_core::api::RESERVED_PLUGIN_NAMES;
use oneclaw_core::clock::Timestamp;
use oneclaw_policy_host::{
    Case, CaseOutcome, Engine, EngineOptions, Limits, Plugin, Slots, Worlds, parse_cases,
    zone_table,
};
use serde_json::{Value, json};

use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

/// Longest that the cases of a component may take, as on a server.
const MOST_TIME: Duration = Duration::from_secs(30);
/// Commands ask one question at a time.
const SLOTS: Slots = Slots {
    instances: 16,
    warm: 4,
};
/// Largest component that there can be.
const MOST_COMPONENT_BYTES: u64 = 64 * 1024 * 1024;
/// Largest file of cases.
const MOST_CASE_BYTES: u64 = 512 * 1024;

/// How much a component may take, as in the settings `plugins` of a server.
#[derive(Args, Clone, Copy)]
pub struct Room {
    /// MiB of the component, where the server takes more (or less) than by default
    #[arg(long, value_name = "MIB", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=64), help_heading = "Limits")]
    component_mib: u64,
    /// MiB of memory
    #[arg(long, value_name = "MIB", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=256), help_heading = "Limits")]
    memory_mib: u64,
    /// Units of fuel for a decision
    #[arg(long, value_name = "UNITS", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(10_000..=4_000_000_000), help_heading = "Limits")]
    fuel: u64,
    /// Units of fuel for taking in settings
    #[arg(long, value_name = "UNITS", default_value_t = 200_000_000, value_parser = clap::value_parser!(u64).range(10_000..=4_000_000_000), help_heading = "Limits")]
    configure_fuel: u64,
}

impl Room {
    /// As much as any server may give: for what a server decides on, or has decided on.
    pub const WIDEST: Self = Self {
        component_mib: 64,
        memory_mib: 256,
        fuel: 4_000_000_000,
        configure_fuel: 4_000_000_000,
    };

    fn limits(self) -> Result<Limits, Failure> {
        // Fuel bounds the work. A machine that does something else besides must not be taken for a plugin that hangs.
        Limits::default()
            .with_deadline_ms(10_000)
            .and_then(|limits| limits.with_configure_deadline_ms(60_000))
            .and_then(|limits| limits.with_component_bytes(self.component_mib << 20))
            .and_then(|limits| limits.with_memory_bytes(self.memory_mib << 20))
            .and_then(|limits| limits.with_fuel_per_decision(self.fuel))
            .and_then(|limits| limits.with_fuel_per_configure(self.configure_fuel))
            .map_err(|error| Failure::local(error.to_string()))
    }
}

/// A component in the cage.
pub struct Caged {
    pub engine: Engine,
    pub plugin: Arc<Plugin>,
    pub size: usize,
}

impl Caged {
    /// Takes a component in as a server does.
    ///
    /// # Errors
    /// What the server would say.
    pub fn load(component: &Path, room: Room) -> Result<Self, Failure> {
        let bytes = read(component, MOST_COMPONENT_BYTES)?;
        let local = |error: &dyn std::fmt::Display| Failure::local(error.to_string());
        let options = EngineOptions {
            limits: room.limits()?,
            slots: SLOTS,
            ..EngineOptions::default()
        };
        let engine = Engine::new(options).map_err(|error| local(&error))?;
        let plugin = engine
            .load(&bytes)
            .map_err(|error| Failure::local(format!("{}: {error}", component.display())))?;
        Ok(Self {
            engine,
            plugin,
            size: bytes.len(),
        })
    }

    /// Cases from a file, or those that the component carries.
    ///
    /// # Errors
    /// They cannot be read, or there are none.
    pub fn cases(&self, file: Option<&Path>) -> Result<Vec<Case>, Failure> {
        let cases = match file {
            Some(file) => parse_cases(&read(file, MOST_CASE_BYTES)?),
            None => self.plugin.cases(),
        };
        let cases = cases.map_err(|error| Failure::local(error.to_string()))?;
        if cases.is_empty() {
            return Err(Failure::hinted(
                "there are no cases",
                "write cases.json and build again, or name a file with --cases",
            ));
        }
        Ok(cases)
    }
}

const FIELDS: &[Column] = &[
    Column::id("Name", "name"),
    Column::id("Version", "version"),
    Column::new("Summary", "summary"),
    Column::new("Worlds", "worlds"),
    Column::id("Digest", "digest"),
    Column::new("Size", "size"),
    Column::new("Imports", "imports"),
    Column::new("Cases", "cases"),
    Column::made("Limits", |shown| {
        let limit = |name: &str| {
            let limits = shown.get("limits").unwrap_or(&Value::Null);
            limits.get(name).and_then(Value::as_u64).unwrap_or(0)
        };
        format!(
            "{} MiB of component, {} MiB of memory, {} units of fuel a decision, {} to take settings in",
            limit("component_bytes") >> 20,
            limit("memory_bytes") >> 20,
            limit("fuel_per_decision"),
            limit("fuel_per_configure"),
        )
    }),
];

pub fn check(context: &Context, component: &Path, room: Room) -> Result<(), Failure> {
    let caged = Caged::load(component, room)?;
    let manifest = caged.plugin.manifest();
    let wrong =
        |what: &dyn std::fmt::Display| Failure::local(format!("{}: {what}", component.display()));
    if RESERVED_PLUGIN_NAMES.contains(&manifest.name.as_str()) {
        return Err(wrong(&format!(
            "the name `{}` is the server's; give the plugin another one",
            manifest.name
        )));
    }
    let cases = caged
        .engine
        .examine(&caged.plugin, MOST_TIME)
        .map_err(|error| wrong(&error))?;
    let limits = caged.engine.limits();
    let schema: Value = serde_json::from_str(&manifest.settings_schema).map_err(|error| {
        Failure::local(format!("the schema of the settings is no JSON: {error}"))
    })?;
    let shown = json!({
        "name": manifest.name,
        "version": manifest.version,
        "summary": manifest.summary,
        "worlds": worlds(caged.plugin.worlds()),
        "digest": caged.plugin.identity().digest,
        "size": caged.size,
        "imports": "none",
        "cases": cases,
        "limits": {
            "component_bytes": limits.component_bytes(),
            "memory_bytes": limits.memory_bytes(),
            "fuel_per_decision": limits.fuel_per_decision(),
            "fuel_per_configure": limits.fuel_per_configure(),
        },
        "settings_schema": schema,
    });
    context.output.item(&shown, FIELDS)
}

fn worlds(worlds: Worlds) -> Vec<&'static str> {
    let mut names = Vec::new();
    if worlds.access_policy {
        names.push("access-policy");
    }
    if worlds.transaction_guardrail {
        names.push("transaction-guardrail");
    }
    names
}

const OUTCOMES: &[Column] = &[
    Column::made("", |outcome| {
        let passed = outcome.get("failure").is_none_or(Value::is_null);
        (if passed { "✓" } else { "✗" }).to_owned()
    }),
    Column::new("Case", "name"),
    Column::new("Fuel", "fuel"),
    Column::new("Failure", "failure"),
];

pub fn test(
    context: &Context,
    component: &Path,
    cases: Option<&Path>,
    junit: Option<&Path>,
    room: Room,
) -> Result<(), Failure> {
    let caged = Caged::load(component, room)?;
    let cases = caged.cases(cases)?;
    let outcomes = caged
        .engine
        .try_cases(&caged.plugin, &cases, MOST_TIME)
        .map_err(|error| Failure::local(error.to_string()))?;
    if let Some(file) = junit {
        let name = &caged.plugin.manifest().name;
        std::fs::write(file, report(name, &outcomes))
            .map_err(|error| Failure::file(file, &error))?;
    }
    let failed = outcomes.iter().filter(|o| o.failure.is_some()).count();
    let rows = outcomes.iter().map(
        |outcome| json!({"name": outcome.name, "failure": outcome.failure, "fuel": outcome.fuel}),
    );
    context.output.list(&rows.collect::<Vec<_>>(), OUTCOMES)?;
    if failed > 0 {
        return Err(Failure::local(format!(
            "{failed} of {} cases failed",
            outcomes.len()
        )));
    }
    context
        .output
        .note(&format!("{} cases passed", outcomes.len()));
    Ok(())
}

/// A report in the form that JUnit made common.
fn report(plugin: &str, outcomes: &[CaseOutcome]) -> String {
    let failed = outcomes.iter().filter(|o| o.failure.is_some()).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">\n",
        escaped(plugin),
        outcomes.len(),
    );
    for outcome in outcomes {
        let name = escaped(&outcome.name);
        let line = match &outcome.failure {
            None => format!("  <testcase name=\"{name}\"/>\n"),
            Some(failure) => format!(
                "  <testcase name=\"{name}\"><failure message=\"{}\"/></testcase>\n",
                escaped(failure)
            ),
        };
        xml.push_str(&line);
    }
    xml.push_str("</testsuite>\n");
    xml
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

pub fn zone(context: &Context, zone: &str) -> Result<(), Failure> {
    let now = Timestamp::from_millis(clock::now().as_millisecond());
    let table = zone_table(zone, now).map_err(|error| Failure::Usage(error.to_string()))?;
    let table = serde_json::to_value(table).map_err(|error| Failure::local(error.to_string()))?;
    context.output.json(&table)
}

/// A file, up to so many bytes.
///
/// # Errors
/// It cannot be read, or is larger.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(|error| Failure::file(path, &error))?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::file(path, &error))?;
    if bytes.len() as u64 > most {
        return Err(Failure::local(format!(
            "{} is larger than {most} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_holds_what_cases_may_be_called() {
        let outcomes = [
            CaseOutcome {
                name: "a < b & \"c\"".to_owned(),
                failure: None,
                fuel: 1,
            },
            CaseOutcome {
                name: "d".to_owned(),
                failure: Some("answered deny\nexpected allow".to_owned()),
                fuel: 0,
            },
        ];
        let xml = report("door", &outcomes);
        assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
        assert!(
            xml.contains("<testcase name=\"a &lt; b &amp; &quot;c&quot;\"/>"),
            "{xml}"
        );
        assert!(
            xml.contains("<failure message=\"answered deny expected allow\"/>"),
            "{xml}"
        );
    }
}
