//! What `wit/policy` looks like from inside a component.
//!
//! One module for each way to export it: `wit-component` drops what a component does not use.

wit_bindgen::generate!({
    path: "../wit/policy",
    world: "access-policy",
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    default_bindings_module: "oneclaw_policy_sdk::bindings",
    export_macro_name: "export_access_world",
});

/// World `transaction-guardrail`, with the types of the other one.
pub mod transaction {
    wit_bindgen::generate!({
        path: "../wit/policy",
        world: "transaction-guardrail",
        additional_derives: [PartialEq, Eq],
        with: { "oneclaw:policy/types@0.1.0": crate::bindings::oneclaw::policy::types },
        pub_export_macro: true,
        default_bindings_module: "oneclaw_policy_sdk::bindings::transaction",
        export_macro_name: "export_transaction_world",
    });
}

/// Both worlds in one, with the types of each.
pub mod both {
    wit_bindgen::generate!({
        path: "../wit/policy",
        inline: "
            package oneclaw:guest;
            world policy-and-guardrail {
              use oneclaw:policy/types@0.1.0.{manifest, needs, problem, decision};
              use oneclaw:policy/access-types@0.1.0.{access-request};
              use oneclaw:policy/transaction-types@0.1.0.{transaction-request};
              export describe: func() -> manifest;
              export configure: func(settings: string) -> result<needs, list<problem>>;
              export evaluate-access: func(request: access-request) -> decision;
              export evaluate-transaction: func(request: transaction-request) -> decision;
            }
        ",
        additional_derives: [PartialEq, Eq],
        with: {
            "oneclaw:policy/types@0.1.0": crate::bindings::oneclaw::policy::types,
            "oneclaw:policy/access-types@0.1.0": crate::bindings::oneclaw::policy::access_types,
            "oneclaw:policy/transaction-types@0.1.0":
                crate::bindings::transaction::oneclaw::policy::transaction_types,
        },
        pub_export_macro: true,
        default_bindings_module: "oneclaw_policy_sdk::bindings::both",
        export_macro_name: "export_both_worlds",
    });
}
