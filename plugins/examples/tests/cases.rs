//! Every case of every example, by its code and in the cage, with the same answer.

use oneclaw_plugin_examples as components;
use oneclaw_policy_host::{LimitError, Limits};
use oneclaw_policy_testing::Sandbox;

const TEMPLATE: &[u8] = include_bytes!("../../template/cases.json");
const CHANGE_FREEZE: &[u8] = include_bytes!("../change-freeze/cases.json");
const OFFICE_HOURS: &[u8] = include_bytes!("../office-hours/cases.json");
const DOLLAR_BUDGET: &[u8] = include_bytes!("../dollar-budget/cases.json");
const VELOCITY: &[u8] = include_bytes!("../velocity/cases.json");
const FIRST_RECIPIENT: &[u8] = include_bytes!("../first-recipient/cases.json");
const ORIGIN_LISTS: &[u8] = include_bytes!("../origin-lists/cases.json");
const CEDAR: &[u8] = include_bytes!("../cedar-adapter/cases.json");
const REGO: &[u8] = include_bytes!("../rego-adapter/cases.json");

/// Tries the cases of an example: those of the worlds that it is of, and all of them.
macro_rules! cases {
    ($($name:ident: $component:ident, $cases:ident, [$($check:ident::<$plugin:ty>),+];)+) => {$(
        #[test]
        fn $name() {
            let sandbox = Sandbox::load_within(components::$component, usual().unwrap()).unwrap();
            let mut tried = 0;
            $(tried += sandbox.$check::<$plugin>($cases).unwrap_or_else(|e| panic!("{e}"));)+
            assert!(tried >= 2, "only {tried} cases");
            assert_eq!(tried, sandbox.plugin().cases().unwrap().len());
        }
    )+};
}

/// What a server gives to plugins by default, but for time: a busy machine must not be taken for a plugin that runs away, and
/// fuel bounds the work.
fn usual() -> Result<Limits, LimitError> {
    Limits::default()
        .with_deadline_ms(10_000)?
        .with_configure_deadline_ms(60_000)
}

cases! {
    the_template: TEMPLATE, TEMPLATE, [check_access::<oneclaw_plugin_template::Template>];
    change_freeze: CHANGE_FREEZE, CHANGE_FREEZE, [check_access::<oneclaw_change_freeze::ChangeFreeze>];
    office_hours: OFFICE_HOURS, OFFICE_HOURS, [
        check_access::<oneclaw_office_hours::OfficeHours>,
        check_guardrail::<oneclaw_office_hours::OfficeHours>
    ];
    dollar_budget: DOLLAR_BUDGET, DOLLAR_BUDGET, [check_guardrail::<oneclaw_dollar_budget::DollarBudget>];
    velocity: VELOCITY, VELOCITY, [check_guardrail::<oneclaw_velocity::Velocity>];
    first_recipient: FIRST_RECIPIENT, FIRST_RECIPIENT, [
        check_guardrail::<oneclaw_first_recipient::FirstRecipient>
    ];
    origin_lists: ORIGIN_LISTS, ORIGIN_LISTS, [
        check_access::<oneclaw_origin_lists::OriginLists>,
        check_guardrail::<oneclaw_origin_lists::OriginLists>
    ];
    cedar: CEDAR_ADAPTER, CEDAR, [
        check_access::<oneclaw_cedar_adapter::CedarAdapter>,
        check_guardrail::<oneclaw_cedar_adapter::CedarAdapter>
    ];
    rego: REGO_ADAPTER, REGO, [
        check_access::<oneclaw_rego_adapter::RegoAdapter>,
        check_guardrail::<oneclaw_rego_adapter::RegoAdapter>
    ];
}
