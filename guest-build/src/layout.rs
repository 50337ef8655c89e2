//! Where things are, as far as a build script can tell.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::BuildError;

pub(crate) struct Layout {
    /// The cargo that runs the build script.
    pub(crate) cargo: OsString,
    pub(crate) cargo_home: Option<PathBuf>,
    /// The directory of the workspace's `Cargo.lock`.
    pub(crate) workspace: PathBuf,
    /// The nested cargo's target directory. One for every outer profile, so that a plugin is compiled once for debug,
    /// release and clippy together.
    pub(crate) guest_target: PathBuf,
}

impl Layout {
    pub(crate) fn from_build_script() -> Result<Self, BuildError> {
        let variable = |name, why| std::env::var_os(name).ok_or(BuildError::NotABuildScript(why));
        let cargo = variable("CARGO", "`CARGO` is not set")?;
        let manifest_dir = variable("CARGO_MANIFEST_DIR", "`CARGO_MANIFEST_DIR` is not set")?;
        let out_dir = variable("OUT_DIR", "`OUT_DIR` is not set")?;

        let workspace = Path::new(&manifest_dir)
            .ancestors()
            .find(|dir| dir.join("Cargo.lock").is_file())
            .ok_or(BuildError::NotABuildScript(
                "no directory above holds a `Cargo.lock`",
            ))?;
        let guest_target = guest_target(Path::new(&out_dir)).ok_or(BuildError::NotABuildScript(
            "`OUT_DIR` is not below a target directory",
        ))?;
        let cargo_home = std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));

        Ok(Self {
            cargo,
            cargo_home,
            workspace: workspace.to_owned(),
            guest_target,
        })
    }
}

/// `<target>/<profile>/build/<package>-<hash>/out` becomes `<target>/guest-target`.
fn guest_target(out_dir: &Path) -> Option<PathBuf> {
    let build = out_dir
        .ancestors()
        .find(|dir| dir.file_name().is_some_and(|name| name == "build"))?;
    Some(build.parent()?.parent()?.join("guest-target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outer_profile_shares_one_target_directory_for_guests() {
        let of = |path: &str| guest_target(Path::new(path));
        let shared = Some(PathBuf::from("/src/target/guest-target"));
        assert_eq!(of("/src/target/debug/build/oneclaw-builtin-1a/out"), shared);
        assert_eq!(
            of("/src/target/release/build/oneclaw-builtin-2b/out"),
            shared
        );
        assert_eq!(of("/elsewhere/out"), None);
    }
}
