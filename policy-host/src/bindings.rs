//! The contract of `wit/policy` as Rust types. Generated; nothing outside this crate sees them.

/// World `access-policy`.
pub(crate) mod access {
    wasmtime::component::bindgen!({
        path: "../wit/policy",
        world: "access-policy",
        ownership: Borrowing { duplicate_if_necessary: false },
    });
}

/// World `transaction-guardrail`.
pub(crate) mod transaction {
    wasmtime::component::bindgen!({
        path: "../wit/policy",
        world: "transaction-guardrail",
        ownership: Borrowing { duplicate_if_necessary: false },
        with: { "oneclaw:policy/types": super::access::oneclaw::policy::types },
    });
}
