//! The component.

use std::cell::Cell;
use std::hint::black_box;

use crate::Behaviour;

#[expect(unsafe_code, reason = "generated: the canonical ABI is raw memory")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit/policy", world: "access-policy" });
    use super::Hostile;
    export!(Hostile);
}

use bindings::oneclaw::policy::access_types::AccessRequest;
use bindings::oneclaw::policy::types::{
    Amount, Approval, Decision, Manifest, Needs, Problem, Reason, Reservation, Verdict, Window,
};

struct Hostile;

thread_local! {
    static BEHAVIOUR: Cell<Option<Behaviour>> = const { Cell::new(None) };
    static DECISIONS: Cell<u64> = const { Cell::new(0) };
}

impl bindings::Guest for Hostile {
    fn describe() -> Manifest {
        Manifest {
            name: "hostile".into(),
            version: "0.1.0".into(),
            summary: "Misbehaves on demand.".into(),
            settings_schema: r#"{"type":"string"}"#.into(),
        }
    }

    fn configure(settings: String) -> Result<Needs, Vec<Problem>> {
        let problem = |pointer: &str, message: &str| Problem {
            pointer: pointer.into(),
            message: message.into(),
        };
        let Some(behaviour) = Behaviour::from_settings(&settings) else {
            return Err(vec![problem("", "must be the name of a behaviour")]);
        };
        BEHAVIOUR.set(Some(behaviour));
        match behaviour {
            Behaviour::TrapInConfigure => trap(),
            Behaviour::SpinInConfigure => spin(),
            Behaviour::AllocateInConfigure => allocate(),
            Behaviour::RecurseInConfigure => {
                black_box(recurse(0));
            }
            Behaviour::ProblemsInConfigure => {
                return Err(vec![
                    problem("/a", "must be a number"),
                    problem("/b/0", "is not needed"),
                ]);
            }
            Behaviour::NoProblemsInConfigure => return Err(Vec::new()),
            Behaviour::MegabytesOfProblems => {
                return Err((0..100_000).map(|_| problem("", "")).collect());
            }
            _ => {}
        }
        Ok(Needs {
            budgets: Vec::new(),
            facts: vec!["test.fact".into()],
        })
    }

    fn evaluate_access(request: AccessRequest) -> Decision {
        DECISIONS.set(DECISIONS.get() + 1);
        let Some(behaviour) = BEHAVIOUR.get() else {
            return answer(Verdict::Deny(reason("hostile/not-configured")));
        };
        match behaviour {
            Behaviour::Allow => answer(Verdict::Allow(reason("hostile/allowed"))),
            Behaviour::Deny => answer(Verdict::Deny(Reason {
                message: "The test says no.".into(),
                rule: "rule-1".into(),
                condition: "time_window".into(),
                ..reason("hostile/denied")
            })),
            Behaviour::DenySilently => answer(Verdict::Deny(reason("hostile/denied"))),
            Behaviour::Abstain => answer(Verdict::Abstain),
            Behaviour::RequireApproval => answer(approval("hostile/needs-approval", 1)),
            Behaviour::Count => answer(Verdict::Deny(Reason {
                message: DECISIONS.get().to_string(),
                ..reason("hostile/counted")
            })),
            Behaviour::Describe => describe(&request),

            Behaviour::Trap => trap(),
            Behaviour::Panic => refuse_to_go_on(),
            Behaviour::Spin => spin(),
            Behaviour::Copy => copy(),
            Behaviour::Allocate => allocate(),
            Behaviour::Recurse => {
                black_box(recurse(0));
                answer(Verdict::Abstain)
            }
            Behaviour::MegabytesOfNotes => notes((0..1000).map(|_| "x".repeat(1000))),
            Behaviour::ManyEmptyNotes => notes((0..100_000).map(|_| String::new())),
            Behaviour::MegabyteMessage => answer(Verdict::Allow(Reason {
                message: "x".repeat(1_000_000),
                ..reason("hostile/allowed")
            })),
            Behaviour::BadUtf8 => answer(Verdict::Allow(Reason {
                message: not_utf8(),
                ..reason("hostile/allowed")
            })),
            Behaviour::LengthBeyondMemory => answer(Verdict::Allow(Reason {
                message: longer_than_memory(),
                ..reason("hostile/allowed")
            })),
            Behaviour::ForgeInternalDeny => answer(Verdict::Deny(reason("internal/no-plugin"))),
            Behaviour::ForgeInternalAllow => answer(Verdict::Allow(reason("internal/owner"))),
            Behaviour::ForgeInternalApproval => answer(approval("internal/approve-me", 1)),
            Behaviour::EmptyCode => answer(Verdict::Allow(reason(""))),
            Behaviour::SentenceAsCode => answer(Verdict::Allow(reason("Let them in, please."))),
            Behaviour::ApprovalByNobody => answer(approval("hostile/needs-approval", 0)),
            Behaviour::ReserveOnAccess => reserve(),

            // These never come as far as a decision.
            Behaviour::TrapInConfigure
            | Behaviour::SpinInConfigure
            | Behaviour::AllocateInConfigure
            | Behaviour::RecurseInConfigure
            | Behaviour::ProblemsInConfigure
            | Behaviour::NoProblemsInConfigure
            | Behaviour::MegabytesOfProblems => answer(Verdict::Deny(reason("hostile/denied"))),
        }
    }
}

fn answer(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        reservations: Vec::new(),
        notes: Vec::new(),
    }
}

fn notes(notes: impl Iterator<Item = String>) -> Decision {
    Decision {
        notes: notes.collect(),
        ..answer(Verdict::Allow(reason("hostile/allowed")))
    }
}

fn reason(code: &str) -> Reason {
    Reason {
        code: code.into(),
        message: String::new(),
        rule: String::new(),
        condition: String::new(),
        figures: None,
    }
}

fn approval(code: &str, approvers: u32) -> Verdict {
    Verdict::RequireApproval(Approval {
        reason: reason(code),
        approvers,
        group: "owners".into(),
        expires_in_seconds: 3600,
    })
}

fn describe(request: &AccessRequest) -> Decision {
    let id = |id: bindings::oneclaw::policy::types::Id| format!("{:016x}{:016x}", id.high, id.low);
    let facts = request
        .facts
        .iter()
        .map(|fact| format!("fact {}={}", fact.key, fact.value));
    notes(
        [
            format!("organisation {}", id(request.organisation)),
            format!("vault {}", id(request.vault)),
            format!(
                "principal {:?} {}",
                request.principal.kind,
                id(request.principal.id)
            ),
            format!("owner {}", request.owner),
            format!("permission {:?}", request.permission),
            format!("path {}", request.path),
            format!(
                "client {:016x}{:016x}",
                request.client.high, request.client.low
            ),
            format!("at {}", request.at_ms),
            format!("environment {:?}", request.environment),
        ]
        .into_iter()
        .chain(facts),
    )
}

fn reserve() -> Decision {
    let one = Amount {
        limb0: 1,
        limb1: 0,
        limb2: 0,
        limb3: 0,
    };
    Decision {
        reservations: vec![Reservation {
            budget: "daily".into(),
            asset: "count".into(),
            amount: one,
            limit: one,
            window: Window::Rolling(86_400),
        }],
        ..answer(Verdict::Allow(reason("hostile/allowed")))
    }
}

fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[expect(clippy::panic, reason = "this is the behaviour")]
fn refuse_to_go_on() -> ! {
    panic!("the guest panics, as it was told to")
}

fn spin() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn copy() -> ! {
    let from = vec![1_u8; 256 * 1024];
    let mut to = vec![0_u8; 256 * 1024];
    loop {
        black_box(&mut to).copy_from_slice(black_box(&from));
    }
}

fn allocate() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 16 * 1024]));
    }
}

#[expect(unconditional_recursion, reason = "this is the behaviour")]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1)) + 1)
}

#[expect(unsafe_code, reason = "only a broken guest has such a string")]
fn not_utf8() -> String {
    // SAFETY: not sound, and meant so; nothing but the canonical ABI looks at the bytes.
    unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe, 0xfd]) }
}

#[expect(unsafe_code, reason = "only a broken guest has such a string")]
fn longer_than_memory() -> String {
    let mut text = String::with_capacity(16);
    // SAFETY: not sound, and meant so; nothing but the canonical ABI looks at the length.
    unsafe { text.as_mut_vec().set_len(0x7fff_0000) };
    text
}
