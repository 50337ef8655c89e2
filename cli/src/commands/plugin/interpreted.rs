//! Plugins in JavaScript and Python: their own tools make the component, and are brought first if they are not there.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build::{run, tool};
use super::local;
use crate::failure::Failure;

/// Largest file that describes a plugin.
const MOST_BYTES: u64 = 64 * 1024;

/// Brings the tools and builds. Fast where all is there.
const PYTHON: &str = "test -x .venv/bin/pip || python3 -m venv --clear .venv
. .venv/bin/activate
python -m pip install --quiet --disable-pip-version-check -r requirements.txt
sh build.sh";

/// Makes the component that `plugin` in package.json describes, and says where it is.
pub fn javascript(dir: &Path) -> Result<PathBuf, Failure> {
    let manifest = dir.join("package.json");
    let described: Value = serde_json::from_slice(&local::read(&manifest, MOST_BYTES)?)
        .map_err(|error| Failure::local(format!("{}: {error}", manifest.display())))?;
    let component = described
        .pointer("/plugin/component")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            Failure::hinted(
                format!("{}: plugin.component is missing", manifest.display()),
                "say there which file is made, such as `office-door.wasm`",
            )
        })?;
    let advice = "npm comes with Node.js 20 or later, see https://nodejs.org";
    // Fast where all is there, and brings what package-lock.json names where it is not.
    run(
        tool("npm", dir).args(["install", "--no-audit", "--no-fund"]),
        advice,
    )?;
    run(tool("npm", dir).args(["run", "build"]), advice)?;
    Ok(dir.join(component))
}

/// Makes the component that plugin.env describes, and says where it is.
pub fn python(dir: &Path) -> Result<PathBuf, Failure> {
    let manifest = dir.join("plugin.env");
    let described = local::read(&manifest, MOST_BYTES)?;
    let described = String::from_utf8_lossy(&described);
    let component = described
        .lines()
        .find_map(|line| line.strip_prefix("COMPONENT="))
        .ok_or_else(|| {
            Failure::hinted(
                format!("{}: COMPONENT is missing", manifest.display()),
                "say there which file is made, such as `COMPONENT=office-door.wasm`",
            )
        })?;
    let advice =
        "it takes Python 3.9 or later with venv and pip; on Debian: apt-get install python3-venv";
    run(tool("sh", dir).args(["-euc", PYTHON]), advice)?;
    Ok(dir.join(component))
}
