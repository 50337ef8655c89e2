//! What `wit/policy` looks like from inside a component.

wit_bindgen::generate!({
    path: "../wit/policy",
    world: "access-policy",
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    default_bindings_module: "oneclaw_policy_sdk::bindings",
    export_macro_name: "export_access_world",
});
