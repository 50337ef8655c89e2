//! The file that holds the root key: read only if nobody else can, made so that it is either whole or absent.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::RootKeyError;
use crate::random;

/// A key takes 44 or 64 characters; what is longer than this is some other file.
const MAX_FILE_BYTES: u64 = 1024;

/// The text of the file, or nothing if there is none.
pub(super) fn read(path: &Path) -> Result<Option<SecretString>, RootKeyError> {
    let failed = |source| RootKeyError::File {
        path: path.to_owned(),
        action: "read",
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Asked of the open file, not of the path: what was checked is what is read.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(RootKeyError::FileText(path.to_owned()));
    }
    refuse_if_shared(path, &metadata)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(2048));
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|_| bytes.len() as u64 <= MAX_FILE_BYTES)
        .ok_or_else(|| RootKeyError::FileText(path.to_owned()))?;
    Ok(Some(SecretString::from(text)))
}

/// Makes the file, and says whether it did: if there is one already it stays as it is.
///
/// The text goes to a file beside it first, is forced to disk, and is then linked under the final name, which fails if that
/// name is taken. A crash leaves at worst the file beside it.
pub(super) fn create(path: &Path, text: &str) -> Result<bool, RootKeyError> {
    let failed = |source| RootKeyError::File {
        path: path.to_owned(),
        action: "created",
        source,
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    make_private_folder(&folder).map_err(failed)?;
    let draft = folder.join(format!(".root-key-{}", hex::encode(random::bytes::<8>()?)));
    let linked = write_private(&draft, text).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(failed(error)),
    }
    removed.map_err(failed)?;
    sync_folder(&folder).map_err(failed)?;
    Ok(true)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn refuse_if_shared(path: &Path, metadata: &fs::Metadata) -> Result<(), RootKeyError> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(RootKeyError::FileMode {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_if_shared(_path: &Path, _metadata: &fs::Metadata) -> Result<(), RootKeyError> {
    Ok(())
}
