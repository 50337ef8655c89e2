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
