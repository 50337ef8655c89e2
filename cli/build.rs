//! Collects the files of the SDK and of the contract that `1claw plugin new` puts beside a plugin.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).ok_or(name);
    let root = variable("CARGO_MANIFEST_DIR")?.join("..");
    let mut list = String::from("&[\n");
    for dir in ["policy-sdk/src", "wit/policy"] {
        add(&root, &root.join(dir), &mut list)?;
    }
    for (file, place) in [
        ("policy-sdk/README.md", "policy-sdk/README.md"),
        ("wit/README.md", "wit/README.md"),
        ("LICENSE", "LICENSE"),
        ("cli/vendored-sdk.toml", "policy-sdk/Cargo.toml"),
    ] {
        entry(&root.join(file), place, &mut list)?;
    }
    list.push_str("]\n");
    std::fs::write(variable("OUT_DIR")?.join("vendored.rs"), list)?;
    Ok(())
}

fn add(root: &Path, dir: &Path, list: &mut String) -> Result<(), Box<dyn Error>> {
    instruct(dir);
    let mut entries = std::fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for item in entries {
        let path = item.path();
        if path.is_dir() {
            add(root, &path, list)?;
        } else {
            let place = path
                .strip_prefix(root)?
                .to_str()
                .ok_or("a name is not UTF-8")?;
            entry(&path, place, list)?;
        }
    }
    Ok(())
}

fn entry(file: &Path, place: &str, list: &mut String) -> Result<(), Box<dyn Error>> {
    instruct(file);
    let file = file.canonicalize()?;
    writeln!(list, "    ({place:?}, include_str!({file:?})),")?;
    Ok(())
}

fn instruct(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}
