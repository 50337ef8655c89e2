use std::time::Duration;

use oneclaw_core::verdict::Decision;
use proptest::prelude::*;

use super::*;
use crate::attachment::Stage;

fn reason() -> impl Strategy<Value = Reason> {
    ("[a-c]/[a-c]", "[ a-c]{0,2}", "[a-c]{0,1}", "[a-c]{0,1}").prop_map(
        |(code, message, rule, condition)| Reason {
            code,
            message,
            rule,
            condition,
            figures: None,
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        reason().prop_map(Verdict::Allow),
        reason().prop_map(Verdict::Deny),
        (reason(), 1..4_u32).prop_map(|(reason, approvers)| Verdict::RequireApproval(Approval {
            reason,
            approvers,
            group: String::new(),
            expires_in_seconds: 60,
        })),
        Just(Verdict::Abstain),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    prop::sample::select(vec![
        crate::failure::TRAP,
        crate::failure::FUEL,
        crate::failure::MEMORY,
    ])
    .prop_map(|code| Failure::new(code, "it broke"))
}

fn evaluated(name: &str, outcome: Result<Verdict, Failure>) -> Evaluation {
    Evaluation {
        attachment: None,
        stage: Stage::Enforce,
        plugin: Arc::new(PluginIdentity {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            digest: "00".to_owned(),
        }),
        settings_digest: "".into(),
        outcome: outcome.map(|verdict| Decision {
            verdict,
            reservations: Vec::new(),
            notes: Vec::new(),
        }),
        fuel: 0,
        elapsed: Duration::ZERO,
    }
}

fn evaluation() -> impl Strategy<Value = Evaluation> {
    let outcome = prop_oneof![4 => verdict().prop_map(Ok), 1 => failure().prop_map(Err)];
    ("[a-c]", outcome).prop_map(|(name, outcome)| evaluated(&name, outcome))
}

fn evaluations() -> impl Strategy<Value = Vec<Evaluation>> {
    prop::collection::vec(evaluation(), 0..6)
}

fn opens(ruling: &Ruling) -> bool {
    matches!(ruling, Ruling::Allow(_))
}

fn has(evaluations: &[Evaluation], wanted: fn(&Verdict) -> bool) -> bool {
    evaluations.iter().any(|e| {
        e.outcome
            .as_ref()
            .is_ok_and(|decision| wanted(&decision.verdict))
    })
}

proptest! {
    #[test]
    fn the_order_of_plugins_does_not_matter(
        (ordered, shuffled) in evaluations().prop_flat_map(|e| (Just(e.clone()), Just(e).prop_shuffle()))
    ) {
        prop_assert_eq!(combine(&ordered), combine(&shuffled));
    }

    #[test]
    fn adding_a_denial_or_a_failure_always_closes(
        mut evaluations in evaluations(),
        outcome in prop_oneof![reason().prop_map(|r| Ok(Verdict::Deny(r))), failure().prop_map(Err)],
    ) {
        evaluations.push(evaluated("late", outcome));
        prop_assert!(matches!(combine(&evaluations), Ruling::Deny(_)));
    }

    #[test]
    fn only_an_allow_opens_and_only_alone(evaluations in evaluations()) {
        let allowed = has(&evaluations, |v| matches!(v, Verdict::Allow(_)));
        let denied = has(&evaluations, |v| matches!(v, Verdict::Deny(_)));
        let held = has(&evaluations, |v| matches!(v, Verdict::RequireApproval(_)));
        let failed = evaluations.iter().any(|e| e.outcome.is_err());
        let ruling = combine(&evaluations);
        prop_assert_eq!(opens(&ruling), allowed && !denied && !held && !failed);
        prop_assert_eq!(
            matches!(ruling, Ruling::RequireApproval(_)),
            held && !denied && !failed
        );
    }

    #[test]
    fn a_failure_closes_exactly_as_a_denial_does(
        evaluations in evaluations(),
        position in any::<prop::sample::Index>(),
        failure in failure(),
        reason in reason(),
    ) {
        let with = |outcome| {
            let mut evaluations = evaluations.clone();
            let at = position.index(evaluations.len() + 1);
            evaluations.insert(at, evaluated("x", outcome));
            combine(&evaluations)
        };
        let (failed, denied) = (with(Err(failure)), with(Ok(Verdict::Deny(reason))));
        prop_assert!(matches!((failed, denied), (Ruling::Deny(_), Ruling::Deny(_))));
    }

    #[test]
    fn abstaining_changes_nothing(mut evaluations in evaluations()) {
        let before = combine(&evaluations);
        let empty = evaluations.is_empty();
        evaluations.push(evaluated("silent", Ok(Verdict::Abstain)));
        let after = combine(&evaluations);
        if !empty {
            prop_assert_eq!(&before, &after);
        }
        prop_assert_eq!(opens(&before), opens(&after));
    }

    #[test]
    fn what_is_merely_watched_changes_nothing(
        evaluations in evaluations(),
        watched in prop::collection::vec((evaluation(), any::<prop::sample::Index>()), 0..6),
    ) {
        let mut all = evaluations.clone();
        for (mut evaluation, position) in watched {
            evaluation.stage = Stage::Shadow;
            all.insert(position.index(all.len() + 1), evaluation);
        }
        prop_assert_eq!(combine(&all), combine(&evaluations));
    }

    #[test]
    fn a_denial_always_has_a_code_and_a_sentence(evaluations in evaluations()) {
        if let Ruling::Deny(denial) = combine(&evaluations) {
            prop_assert!(!denial.code.is_empty());
            prop_assert!(!denial.message.trim().is_empty());
        }
    }
}

fn code(evaluations: &[Evaluation]) -> String {
    match combine(evaluations) {
        Ruling::Deny(denial) => denial.code,
        other => format!("{other:?}"),
    }
}

#[test]
fn nobody_asked_is_denied() {
    assert_eq!(code(&[]), "internal/no-plugin");
}

#[test]
fn nobody_answering_is_denied() {
    assert_eq!(
        code(&[evaluated("a", Ok(Verdict::Abstain))]),
        "policy/no-decision"
    );
}

#[test]
fn a_failure_is_reported_with_its_own_code_and_without_its_detail() {
    let failure = Failure::new(crate::failure::FUEL, "secret detail");
    let deny = Verdict::Deny(Reason {
        code: "a/a".into(),
        ..Reason::default()
    });
    let ruling = combine(&[evaluated("a", Ok(deny)), evaluated("b", Err(failure))]);
    let Ruling::Deny(denial) = ruling else {
        panic!("{ruling:?}")
    };
    assert_eq!(
        (denial.code.as_str(), denial.plugin.as_str()),
        ("internal/fuel", "b")
    );
    assert!(!denial.message.contains("secret detail"));
}
