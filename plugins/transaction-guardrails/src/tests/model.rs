//! Against a plain model, and against another order of the same rules.

use oneclaw_core::amount::Amount as CoreAmount;
use oneclaw_core::guardrails::{BudgetAsset, Ruleset};
use proptest::prelude::*;

use super::base::*;

/// A ruleset and a request in small numbers, so that limits are met and missed about as often.
#[derive(Debug, Clone)]
struct Rules {
    on_base: Option<bool>,
    recipients: Vec<u32>,
    denied: Vec<u32>,
    max_value: Option<u64>,
    daily: Option<u64>,
}

fn any_rules() -> impl Strategy<Value = Rules> {
    (
        prop::option::weighted(0.5, any::<bool>()),
        prop::collection::vec(0_u32..6, 0..5),
        prop::collection::vec(0_u32..6, 0..2),
        prop::option::of(0_u64..12),
        prop::option::of(0_u64..12),
    )
        .prop_map(|(on_base, recipients, denied, max_value, daily)| Rules {
            on_base,
            recipients,
            denied,
            max_value,
            daily,
        })
}

fn ruleset((index, rules): (usize, &Rules)) -> Ruleset {
    let daily = rules
        .daily
        .map(|limit| budget(BudgetAsset::Native, "daily_limit", limit.into()));
    Ruleset {
        name: format!("rules {index}"),
        on_chains: match rules.on_base {
            None => Vec::new(),
            Some(true) => vec![8453],
            Some(false) => vec![1],
        },
        recipients: core_list(&rules.recipients),
        denied_recipients: core_list(&rules.denied),
        max_value: rules.max_value.map(CoreAmount::from),
        budgets: daily.into_iter().collect(),
        ..Ruleset::default()
    }
}

fn passes(rules: &Rules, to: u32, value: u64, spent: u64) -> bool {
    rules.on_base == Some(false)
        || (rules.recipients.is_empty()
            || rules.recipients.contains(&to)
            // Nothing for the sender itself.
            || (to == 1 && value == 0))
            && !rules.denied.contains(&to)
            && rules.max_value.is_none_or(|most| value <= most)
            && (value == 0 || rules.daily.is_none_or(|most| spent + value <= most))
}

fn decide(all: &[Rules], to: u32, value: u64, spent: u64) -> Decision {
    let guardrails = with(all.iter().enumerate().map(ruleset).collect());
    let mut request = pays(to, value.into());
    request.budgets = holding(&guardrails, spent.into());
    guardrails.evaluate(&request)
}

proptest! {
    #[test]
    fn decisions_are_those_of_the_plain_model(
        all in prop::collection::vec(any_rules(), 0..4),
        to in 0_u32..6,
        value in 0_u64..12,
        spent in 0_u64..6,
    ) {
        let decision = decide(&all, to, value, spent);
        let expected = all.iter().all(|rules| passes(rules, to, value, spent));
        prop_assert_eq!(matches!(decision.verdict, Verdict::Allow(_)), expected);
        let applying = all.iter().filter(|rules| rules.on_base != Some(false));
        let strictest = applying.filter_map(|rules| rules.daily).min();
        let room: Vec<Amount> = decision.reservations.iter().map(|room| room.limit).collect();
        let expected = strictest.filter(|_| expected && value != 0).map(Amount::from);
        prop_assert_eq!(room, Vec::from_iter(expected));
    }

    #[test]
    fn the_order_of_rulesets_changes_neither_the_answer_nor_its_code(
        all in prop::collection::vec(any_rules(), 0..4).prop_flat_map(|all| {
            (Just(all.clone()), Just(all).prop_shuffle())
        }),
        to in 0_u32..6,
        value in 0_u64..12,
        spent in 0_u64..6,
    ) {
        let [one, other] = [&all.0, &all.1].map(|rules| decide(rules, to, value, spent));
        let code = |decision: Decision| refusal(decision).map(|reason| reason.code);
        prop_assert_eq!(&one.reservations, &other.reservations);
        prop_assert_eq!(code(one), code(other));
    }

    #[test]
    fn another_ruleset_never_opens_what_was_closed(
        all in prop::collection::vec(any_rules(), 1..4),
        one_more in any_rules(),
        to in 0_u32..6,
        value in 0_u64..12,
        spent in 0_u64..6,
    ) {
        let before = refusal(decide(&all, to, value, spent));
        let more = [all, vec![one_more]].concat();
        let after = refusal(decide(&more, to, value, spent));
        prop_assert!(before.is_none() || after.is_some());
    }

    #[test]
    fn spend_is_the_recursive_maximum(
        nodes in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..20), 1..12),
    ) {
        let mut effects: Vec<Effect> = Vec::new();
        for (at, (parent, amount)) in nodes.iter().enumerate() {
            let parent = parent.index(at + 1);
            let parent = (parent < at).then(|| u32::try_from(parent).unwrap());
            effects.push(effect(EffectKind::Call, parent, Some(5), Some(5), (*amount).into()));
        }
        let spend = |parent: Option<u32>| spend_below(&effects, parent);
        let expected = spend(None);
        let cap = |cap: u64| with(vec![Ruleset {
            max_value: Some(CoreAmount::from(cap)),
            ..rules()
        }]);
        let request = calls(5, effects.clone());
        prop_assert_eq!(code(&cap(expected), &request), "passed");
        if let Some(less) = expected.checked_sub(1) {
            prop_assert_eq!(code(&cap(less), &request), "value_limit");
        }
    }
}

fn spend_below(effects: &[Effect], parent: Option<u32>) -> u64 {
    let children = (0..)
        .zip(effects)
        .filter(|(_, effect)| effect.parent == parent);
    children
        .map(|(index, effect)| effect.amount.limb0.max(spend_below(effects, Some(index))))
        .sum()
}
