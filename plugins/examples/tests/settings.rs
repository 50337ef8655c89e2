//! The settings that the README shows are such as each plugin takes.

use oneclaw_core::ids::OrgId;
use oneclaw_plugin_examples as components;
use oneclaw_policy_host::{Engine, EngineOptions, Limits, validate_settings};

const README: &str = include_str!("../README.md");

/// The example that stands below the heading of a plugin.
fn documented(plugin: &str) -> Option<&'static str> {
    let (_, below) = README.split_once(&format!("\n### {plugin}\n"))?;
    let section = below.split("\n### ").next()?;
    let (_, settings) = section.split_once("```json\n")?;
    settings.split("```").next()
}

#[test]
fn every_plugin_takes_in_the_settings_that_are_documented_for_it() {
    // A busy machine must not be taken for a plugin that runs away, and fuel bounds the work.
    let limits = Limits::default()
        .with_configure_deadline_ms(60_000)
        .unwrap();
    let engine = Engine::new(EngineOptions {
        limits,
        ..EngineOptions::default()
    })
    .unwrap();
    let org = OrgId::from_uuid(uuid::Uuid::nil());
    for component in [
        components::CHANGE_FREEZE,
        components::OFFICE_HOURS,
        components::DOLLAR_BUDGET,
        components::VELOCITY,
        components::FIRST_RECIPIENT,
        components::ORIGIN_LISTS,
        components::CEDAR_ADAPTER,
        components::REGO_ADAPTER,
    ] {
        let plugin = engine.load(component).unwrap();
        let manifest = plugin.manifest();
        let settings = documented(&manifest.name).unwrap();
        let parsed = |text: &str| serde_json::from_str(text).unwrap();
        let problems =
            validate_settings(&parsed(&manifest.settings_schema), &parsed(settings)).unwrap();
        assert!(problems.is_empty(), "{}: {problems:?}", manifest.name);
        let worlds = plugin.worlds();
        assert!(worlds.access_policy || worlds.transaction_guardrail);
        if worlds.access_policy {
            let made = engine.configure(&plugin, org, settings);
            made.unwrap_or_else(|problem| panic!("{}: {problem}", manifest.name));
        }
        if worlds.transaction_guardrail {
            let made = engine.configure_guardrail(&plugin, org, settings);
            made.unwrap_or_else(|problem| panic!("{}: {problem}", manifest.name));
        }
    }
}
