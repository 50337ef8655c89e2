//! The component.

use std::cell::Cell;
use std::hint::black_box;

use crate::Behaviour;

#[expect(unsafe_code, reason = "generated: the canonical ABI is raw memory")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/policy",
        inline: "
            package oneclaw:guest;
            world both {
              use oneclaw:policy/types@0.1.0.{manifest, needs, problem, decision};
              use oneclaw:policy/access-types@0.1.0.{access-request};
              use oneclaw:policy/transaction-types@0.1.0.{transaction-request};
              export describe: func() -> manifest;
              export configure: func(settings: string) -> result<needs, list<problem>>;
              export evaluate-access: func(request: access-request) -> decision;
              export evaluate-transaction: func(request: transaction-request) -> decision;
            }
        ",
        generate_all,
    });
    use super::Hostile;
    export!(Hostile);
}

use bindings::oneclaw::policy::access_types::AccessRequest;
use bindings::oneclaw::policy::transaction_types::{Intent, TransactionRequest};
use bindings::oneclaw::policy::types::{
    Amount, Approval, BudgetQuery, CalendarUnit, CalendarWindow, Decision, Fact, Figures, Manifest,
    Needs, Problem, Reason, Reservation, Verdict, Window,
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
            budgets: queries(behaviour),
            facts: vec!["test.fact".into()],
        })
    }

    fn evaluate_access(request: AccessRequest) -> Decision {
        behave(|| describe(&request), || answer(Verdict::Abstain))
    }

    fn evaluate_transaction(request: TransactionRequest) -> Decision {
        behave(|| describe_transaction(&request), || see(&request))
    }
}

/// What to see, for each behaviour that wants to see budgets.
fn queries(behaviour: Behaviour) -> Vec<BudgetQuery> {
    let query = |budget: &str, window| BudgetQuery {
        budget: budget.into(),
        asset: "native".into(),
        window,
    };
    match behaviour {
        Behaviour::SeeBudgets => vec![
            query("agent/daily", Window::Rolling(86_400)),
            query("label.team/monthly", month("Europe/Berlin")),
        ],
        Behaviour::AskWithoutScope => vec![query("daily", Window::Rolling(86_400))],
        Behaviour::AskForTenThousand => {
            vec![query("agent/daily", Window::Rolling(86_400)); 10_000]
        }
        Behaviour::AskNowhere => vec![query("agent/daily", month("Mars/Olympus"))],
        _ => Vec::new(),
    }
}

fn behave(describe: impl FnOnce() -> Decision, see: impl FnOnce() -> Decision) -> Decision {
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
        Behaviour::Describe => describe(),

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
        Behaviour::Reserve => reserve(vec![room()]),
        Behaviour::ReserveEverything => reserve(vec![Reservation {
            amount: EVERYTHING,
            limit: EVERYTHING,
            ..room()
        }]),
        Behaviour::DenyAndReserve => Decision {
            reservations: vec![room(), room_in("")],
            ..answer(Verdict::Deny(reason("hostile/denied")))
        },
        Behaviour::ReserveOnceTooOften => reserve(vec![room(); 65]),
        Behaviour::FloodOfReservations => reserve(vec![room(); 10_000]),
        Behaviour::ReserveWithoutScope => reserve(vec![room(), room_in("daily")]),
        Behaviour::ReserveOfAnother => reserve(vec![room_in("organisation:0190a0b0/../treasury")]),
        Behaviour::ReserveWithoutAsset => reserve(vec![Reservation {
            asset: "0xNATIVE".into(),
            ..room()
        }]),
        Behaviour::ReserveWithoutTime => reserve(vec![room_over(Window::Rolling(0))]),
        Behaviour::ReserveForEver => reserve(vec![room_over(Window::Rolling(u64::MAX))]),
        Behaviour::ReserveNowhere => reserve(vec![room_over(month("Mars/Olympus"))]),
        Behaviour::DenyWithFigures => answer(Verdict::Deny(Reason {
            figures: Some(Figures {
                asset: "native".into(),
                limit: small(10),
                attempted: small(4),
                current: small(7),
            }),
            ..reason("hostile/denied")
        })),
        Behaviour::OneNoteTooMany => notes((0..65).map(|n| n.to_string())),
        Behaviour::NoteTooLong => notes(["x".repeat(1025)].into_iter()),
        Behaviour::SeeBudgets => see(),

        // These never come as far as a decision on what is signed, most of them to none at all.
        Behaviour::TrapInConfigure
        | Behaviour::SpinInConfigure
        | Behaviour::AllocateInConfigure
        | Behaviour::RecurseInConfigure
        | Behaviour::ProblemsInConfigure
        | Behaviour::NoProblemsInConfigure
        | Behaviour::AskWithoutScope
        | Behaviour::AskForTenThousand
        | Behaviour::AskNowhere
        | Behaviour::MegabytesOfProblems => answer(Verdict::Deny(reason("hostile/denied"))),
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

fn hex(id: bindings::oneclaw::policy::types::Id) -> String {
    format!("{:016x}{:016x}", id.high, id.low)
}

fn facts<'a>(kind: &'a str, facts: &'a [Fact]) -> impl Iterator<Item = String> + 'a {
    facts
        .iter()
        .map(move |fact| format!("{kind} {}={}", fact.key, fact.value))
}

fn describe(request: &AccessRequest) -> Decision {
    notes(
        [
            format!("organisation {}", hex(request.organisation)),
            format!("vault {}", hex(request.vault)),
            format!(
                "principal {:?} {}",
                request.principal.kind,
                hex(request.principal.id)
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
        .chain(facts("fact", &request.facts)),
    )
}

fn describe_transaction(request: &TransactionRequest) -> Decision {
    let intent = match &request.intent {
        Intent::Transaction(intent) => format!("{intent:?}"),
        Intent::TypedData(intent) => format!("{intent:?}"),
        Intent::Message(bytes) => format!("message {bytes:?}"),
        Intent::Digest(bytes) => format!("digest {bytes:?}"),
    };
    notes(
        [
            format!("organisation {}", hex(request.organisation)),
            format!(
                "principal {:?} {}",
                request.principal.kind,
                hex(request.principal.id)
            ),
            format!("key {}", hex(request.signing_key)),
            format!("sender {:?}", request.sender),
            format!("chain {:?}", request.chain),
            intent,
            format!("signature {:?}", request.signature),
            format!("simulation {:?}", request.simulation),
            format!("budgets {:?}", request.budgets),
            format!(
                "client {:016x}{:016x}",
                request.client.high, request.client.low
            ),
            format!("at {}", request.at_ms),
            format!("environment {:?}", request.environment),
        ]
        .into_iter()
        .chain(request.effects.iter().map(|effect| format!("{effect:?}")))
        .chain(facts("label", &request.labels))
        .chain(facts("fact", &request.facts)),
    )
}

fn see(request: &TransactionRequest) -> Decision {
    notes(request.budgets.iter().map(|view| {
        let [spent, reserved] = [&view.spent, &view.reserved].map(|amount| amount.limb0);
        format!("{} {} {spent} {reserved}", view.budget, view.asset)
    }))
}

const EVERYTHING: Amount = Amount {
    limb0: u64::MAX,
    limb1: u64::MAX,
    limb2: u64::MAX,
    limb3: u64::MAX,
};

fn small(n: u64) -> Amount {
    Amount {
        limb0: n,
        limb1: 0,
        limb2: 0,
        limb3: 0,
    }
}

fn month(zone: &str) -> Window {
    Window::Calendar(CalendarWindow {
        unit: CalendarUnit::Month,
        zone: zone.into(),
    })
}

fn room() -> Reservation {
    room_in("agent/daily")
}

fn room_in(budget: &str) -> Reservation {
    Reservation {
        budget: budget.into(),
        asset: "native".into(),
        amount: small(1),
        limit: small(1),
        window: Window::Rolling(86_400),
    }
}

fn room_over(window: Window) -> Reservation {
    Reservation { window, ..room() }
}

fn reserve(reservations: Vec<Reservation>) -> Decision {
    Decision {
        reservations,
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
