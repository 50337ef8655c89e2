//! What stands between the exported functions and an [`AccessPolicy`].

use std::cell::RefCell;

use crate::{AccessPolicy, AccessRequest, Decision, Needs, Problem, reply, settings};

/// Code of the refusal that answers a request which comes before settings do.
pub const NOT_CONFIGURED: &str = "policy/not-configured";

/// Heap that is left free after `configure`. The host snapshots the memory as it is then and starts every decision from
/// that snapshot: a decision whose few strings fit never has to grow the memory, which would cost more than all the
/// rest of it.
const FREE_HEAP_BYTES: usize = 8 * 1024;

/// Where an exported plugin keeps itself between `configure` and `evaluate`.
pub type Slot<P> = RefCell<Option<P>>;

/// Reads settings and, if all is well, makes `slot` hold the plugin that they describe. Otherwise the slot is empty, so
/// that nothing is decided by settings that somebody wanted to replace.
///
/// # Errors
/// What is wrong with the settings.
pub fn configure<P: AccessPolicy>(slot: &Slot<P>, text: String) -> Result<Needs, Vec<Problem>> {
    let parsed = settings::parse::<P::Settings>(&text);
    // What the plugin builds from the settings may then take the place of their text: memory never shrinks.
    drop(text);
    let outcome = parsed.and_then(P::configure);
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
    match slot.try_borrow() {
        Ok(held) => match held.as_ref() {
            Some(policy) => policy.evaluate(request),
            None => reply::deny(NOT_CONFIGURED),
        },
        Err(_) => reply::deny(NOT_CONFIGURED),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Id, IpAddress, Manifest, Permission, Principal, PrincipalKind, Verdict};
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
