//! What stands between the exported functions and an [`AccessPolicy`] or a [`TransactionGuardrail`].

use std::cell::RefCell;

use serde::de::DeserializeOwned;

use crate::{
    AccessPolicy, AccessRequest, Decision, Needs, Problem, TransactionGuardrail,
    TransactionRequest, reply, settings,
};

/// Code of the refusal that answers a request which comes before settings do.
pub const NOT_CONFIGURED: &str = "policy/not-configured";

/// Heap that is left free after `configure`. The host snapshots the memory as it is then and starts every decision from
/// that snapshot: a decision whose few strings fit never has to grow the memory, which would cost more than all the
/// rest of it.
const FREE_HEAP_BYTES: usize = 8 * 1024;

/// Where an exported plugin keeps itself between `configure` and `evaluate`.
pub type Slot<P> = RefCell<Option<P>>;

/// What `configure` of a plugin returns.
type Made<P> = Result<(P, Needs), Vec<Problem>>;

/// Reads settings and, if all is well, makes `slot` hold the plugin that they describe. Otherwise the slot is empty, so
/// that nothing is decided by settings that somebody wanted to replace.
///
/// # Errors
/// What is wrong with the settings.
pub fn configure<P: AccessPolicy>(slot: &Slot<P>, text: String) -> Result<Needs, Vec<Problem>> {
    take_in(slot, text, P::configure)
}

/// What [`configure`] is for an [`AccessPolicy`], for a [`TransactionGuardrail`].
///
/// # Errors
/// What is wrong with the settings.
pub fn configure_guardrail<P: TransactionGuardrail>(
    slot: &Slot<P>,
    text: String,
) -> Result<Needs, Vec<Problem>> {
    take_in(slot, text, P::configure)
}

fn take_in<P, S: DeserializeOwned>(
    slot: &Slot<P>,
    text: String,
    make: fn(S) -> Made<P>,
) -> Result<Needs, Vec<Problem>> {
    let parsed = settings::parse::<S>(&text);
    // What the plugin builds from the settings may then take the place of their text: memory never shrinks.
    drop(text);
    let outcome = parsed.and_then(make);
    let Ok(mut held) = slot.try_borrow_mut() else {
        return Err(vec![settings::problem("", "a decision is under way")]);
    };
    *held = None;
    let (policy, needs) = outcome?;
    *held = Some(policy);
    leave_free_heap();
    Ok(needs)
}

/// Answers a request from the configured plugin; refuses if there is none.
pub fn evaluate<P: AccessPolicy>(slot: &Slot<P>, request: &AccessRequest) -> Decision {
    answer(slot, |policy| policy.evaluate(request))
}

/// Answers a request from the configured plugin; refuses if there is none.
pub fn evaluate_guardrail<P: TransactionGuardrail>(
    slot: &Slot<P>,
    request: &TransactionRequest,
) -> Decision {
    answer(slot, |guardrail| guardrail.evaluate(request))
}

fn answer<P>(slot: &Slot<P>, ask: impl FnOnce(&P) -> Decision) -> Decision {
    let Ok(held) = slot.try_borrow() else {
        return reply::deny(NOT_CONFIGURED);
    };
    held.as_ref()
        .map_or_else(|| reply::deny(NOT_CONFIGURED), ask)
}

fn leave_free_heap() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(
        FREE_HEAP_BYTES,
    )));
}

/// Makes a type that implements [`AccessPolicy`] the component of this crate. Use it once, at the root of the crate.
///
/// On the host nothing is exported; the type is only checked. That is what lets the logic of a plugin be unit-tested by
/// a plain `cargo test`.
#[macro_export]
macro_rules! export_access_policy {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static SLOT: $crate::export::Slot<$policy> =
                    const { $crate::export::Slot::new(::core::option::Option::None) };
            }

            struct Component;

            impl $crate::bindings::Guest for Component {
                fn describe() -> $crate::Manifest {
                    <$policy as $crate::AccessPolicy>::manifest()
                }

                fn configure(
                    settings: ::std::string::String,
                ) -> ::core::result::Result<$crate::Needs, ::std::vec::Vec<$crate::Problem>>
                {
                    SLOT.with(|slot| $crate::export::configure::<$policy>(slot, settings))
                }

                fn evaluate_access(request: $crate::AccessRequest) -> $crate::Decision {
                    SLOT.with(|slot| $crate::export::evaluate::<$policy>(slot, &request))
                }
            }

    $crate::bindings::export_access_world!(Component with_types_in $crate::bindings);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn must_be_an_access_policy<P: $crate::AccessPolicy>() {}
            must_be_an_access_policy::<$policy>();
        };
    };
}

/// Makes a type that implements [`TransactionGuardrail`] the component of this crate. Use it once, at the root of the
/// crate. On the host nothing is exported, as with [`export_access_policy!`](crate::export_access_policy).
#[macro_export]
macro_rules! export_transaction_guardrail {
    ($guardrail:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static SLOT: $crate::export::Slot<$guardrail> =
                    const { $crate::export::Slot::new(::core::option::Option::None) };
            }

            struct Component;

            impl $crate::bindings::transaction::Guest for Component {
                fn describe() -> $crate::Manifest {
                    <$guardrail as $crate::TransactionGuardrail>::manifest()
                }

                fn configure(
                    settings: ::std::string::String,
                ) -> ::core::result::Result<$crate::Needs, ::std::vec::Vec<$crate::Problem>>
                {
                    SLOT.with(|slot| {
                        $crate::export::configure_guardrail::<$guardrail>(slot, settings)
                    })
                }

                fn evaluate_transaction(request: $crate::TransactionRequest) -> $crate::Decision {
                    SLOT.with(|slot| {
                        $crate::export::evaluate_guardrail::<$guardrail>(slot, &request)
                    })
                }
            }

    $crate::bindings::transaction::export_transaction_world!(Component with_types_in $crate::bindings::transaction);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn must_be_a_transaction_guardrail<P: $crate::TransactionGuardrail>() {}
            must_be_a_transaction_guardrail::<$guardrail>();
        };
    };
}

/// Makes a type of both worlds the component of this crate. Use it once, at the root of the crate. Implement
/// [`TransactionGuardrail`] and [`PolicyAndGuardrail`](crate::PolicyAndGuardrail); it is an [`AccessPolicy`] by that.
///
/// A component describes itself once and is configured by one text, whichever world the host asks it about. `manifest`
/// and `configure` are therefore those of the [`TransactionGuardrail`].
#[macro_export]
macro_rules! export_policy_and_guardrail {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static SLOT: $crate::export::Slot<$plugin> =
                    const { $crate::export::Slot::new(::core::option::Option::None) };
            }

            struct Component;

            impl $crate::bindings::both::Guest for Component {
                fn describe() -> $crate::Manifest {
                    <$plugin as $crate::TransactionGuardrail>::manifest()
                }

                fn configure(
                    settings: ::std::string::String,
                ) -> ::core::result::Result<$crate::Needs, ::std::vec::Vec<$crate::Problem>>
                {
                    SLOT.with(|slot| {
                        $crate::export::configure_guardrail::<$plugin>(slot, settings)
                    })
                }

                fn evaluate_access(request: $crate::AccessRequest) -> $crate::Decision {
                    SLOT.with(|slot| $crate::export::evaluate::<$plugin>(slot, &request))
                }

                fn evaluate_transaction(request: $crate::TransactionRequest) -> $crate::Decision {
                    SLOT.with(|slot| {
                        $crate::export::evaluate_guardrail::<$plugin>(slot, &request)
                    })
                }
            }

    $crate::bindings::both::export_both_worlds!(Component with_types_in $crate::bindings::both);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn must_be_both<P: $crate::AccessPolicy + $crate::TransactionGuardrail>() {}
            must_be_both::<$plugin>();
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Address, BudgetQuery, Id, Intent, IpAddress, Manifest, Permission, PolicyAndGuardrail,
        Principal, PrincipalKind, Verdict, Window,
    };
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Door {
        open: bool,
    }

    impl AccessPolicy for Door {
        type Settings = Self;

        fn manifest() -> Manifest {
            Manifest {
                name: "door".to_owned(),
                version: "1.0.0".to_owned(),
                summary: "Open or shut.".to_owned(),
                settings_schema: "{}".to_owned(),
            }
        }

        fn configure(settings: Self) -> Result<(Self, Needs), Vec<Problem>> {
            let needs = Needs {
                budgets: Vec::new(),
                facts: Vec::new(),
            };
            Ok((settings, needs))
        }

        fn evaluate(&self, _: &AccessRequest) -> Decision {
            if self.open {
                reply::allow("door/open")
            } else {
                reply::deny("door/shut")
            }
        }
    }

    crate::export_access_policy!(Door);

    /// Allows by a budget of its own, and opens doors by the same settings.
    #[derive(Debug, PartialEq)]
    struct Purse {
        is_open: bool,
    }

    impl TransactionGuardrail for Purse {
        type Settings = Door;

        fn manifest() -> Manifest {
            Door::manifest()
        }

        fn configure(settings: Door) -> Result<(Self, Needs), Vec<Problem>> {
            let budget = BudgetQuery {
                budget: "agent/daily".to_owned(),
                asset: "native".to_owned(),
                window: Window::Rolling(86_400),
            };
            let needs = Needs {
                budgets: vec![budget],
                facts: Vec::new(),
            };
            let is_open = settings.open;
            Ok((Self { is_open }, needs))
        }

        fn evaluate(&self, request: &TransactionRequest) -> Decision {
            match &request.intent {
                Intent::Message(_) if self.is_open => reply::allow("purse/open"),
                _ => reply::deny("purse/shut"),
            }
        }
    }

    impl PolicyAndGuardrail for Purse {
        fn evaluate_access(&self, _: &AccessRequest) -> Decision {
            reply::abstain()
        }
    }

    crate::export_transaction_guardrail!(Purse);
    crate::export_policy_and_guardrail!(Purse);

    fn message() -> TransactionRequest {
        let id = Id { high: 1, low: 2 };
        TransactionRequest {
            organisation: id,
            principal: Principal {
                kind: PrincipalKind::Agent,
                id,
            },
            signing_key: id,
            sender: Address::ZERO,
            chain: None,
            intent: Intent::Message(b"hello".to_vec()),
            effects: Vec::new(),
            signature: None,
            simulation: None,
            budgets: Vec::new(),
            client: IpAddress { high: 0, low: 1 },
            at_ms: 0,
            environment: None,
            labels: Vec::new(),
            facts: Vec::new(),
        }
    }

    #[test]
    fn a_guardrail_asks_for_its_budgets_and_decides_by_its_settings() {
        let slot = Slot::<Purse>::new(None);
        let refused = reply::deny(NOT_CONFIGURED);
        assert_eq!(evaluate_guardrail(&slot, &message()), refused);
        let needs = configure_guardrail(&slot, r#"{"open": true}"#.to_owned()).unwrap();
        assert_eq!(needs.budgets[0].budget, "agent/daily");
        let decision = evaluate_guardrail(&slot, &message());
        assert_eq!(decision, reply::allow("purse/open"));
        assert_eq!(evaluate(&slot, &request()), reply::abstain());
        configure_guardrail(&slot, "{}".to_owned()).unwrap_err();
        assert_eq!(evaluate_guardrail(&slot, &message()), refused);
    }

    fn request() -> AccessRequest {
        let id = Id { high: 1, low: 2 };
        AccessRequest {
            organisation: id,
            vault: id,
            principal: Principal {
                kind: PrincipalKind::Agent,
                id,
            },
            owner: true,
            permission: Permission::Read,
            path: "a".to_owned(),
            client: IpAddress { high: 0, low: 1 },
            at_ms: 0,
            environment: None,
            facts: Vec::new(),
        }
    }

    fn code(slot: &Slot<Door>) -> String {
        match evaluate(slot, &request()).verdict {
            Verdict::Allow(reason) | Verdict::Deny(reason) => reason.code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_before_settings_is_refused_even_for_an_owner() {
        let slot = Slot::<Door>::new(None);
        assert_eq!(
            evaluate(&slot, &request()),
            reply::deny("policy/not-configured")
        );
    }

    #[test]
    fn settings_decide_from_then_on() {
        let slot = Slot::<Door>::new(None);
        configure(&slot, r#"{"open": true}"#.to_owned()).unwrap();
        assert_eq!(code(&slot), "door/open");
        configure(&slot, r#"{"open": false}"#.to_owned()).unwrap();
        assert_eq!(code(&slot), "door/shut");
    }

    #[test]
    fn wrong_settings_leave_nothing_that_could_allow() {
        let slot = Slot::<Door>::new(None);
        configure(&slot, r#"{"open": true}"#.to_owned()).unwrap();
        let problems = configure(&slot, r#"{"opn": true}"#.to_owned()).unwrap_err();
        assert_eq!(problems[0].pointer, "/opn");
        assert_eq!(code(&slot), NOT_CONFIGURED);
    }
}
