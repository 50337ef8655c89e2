//! What `plugin new` puts beside a plugin is what this repository builds its own plugins with.

/// The line of a manifest that names a dependency, without spaces.
fn requirement(manifest: &str, name: &str) -> String {
    let line = manifest
        .lines()
        .find(|line| line.starts_with(&format!("{name} =")))
        .unwrap_or_else(|| panic!("no `{name}`"));
    line.replace([' ', '='], "")
}

#[test]
fn the_vendored_sdk_asks_for_the_versions_of_this_repository() {
    let workspace = include_str!("../../../Cargo.toml");
    let vendored = include_str!("../../vendored-sdk.toml");
    for name in ["serde", "wit-bindgen"] {
        assert_eq!(requirement(vendored, name), requirement(workspace, name));
    }
    let sdk = include_str!("../../../policy-sdk/Cargo.toml");
    assert_eq!(
        requirement(vendored, "serde_json"),
        requirement(sdk, "serde_json")
    );
}

#[test]
fn a_plugin_in_javascript_starts_with_the_tool_that_the_example_is_built_with() {
    let tools = |manifest: &str| {
        let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap();
        manifest["devDependencies"].clone()
    };
    let template = include_str!("../../../plugins/template/javascript/package.json");
    let example = include_str!("../../../plugins/other-languages/javascript/package.json");
    assert_eq!(tools(template), tools(example));
}
