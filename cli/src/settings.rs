//! What is kept between two commands: settings, and a sign-in. A directory of our own with mode 0700, in it one file with
//! mode 0600, replaced as a whole whenever it changes.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The contents of the file.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<SignIn>,
    /// The server, where neither the command line nor the environment names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// The vault, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_vault_id: Option<String>,
    /// `table`, `json` or `plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<String>,
    /// Vaults of directories, and of everything below them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub project_links: BTreeMap<String, String>,
}

/// Who is signed in, where, and with which token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    /// The access token.
    pub token: Zeroizing<String>,
    /// Buys the next one, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Zeroizing<String>>,
    /// The server that gave the token, and the only one that gets it.
    pub api_url: String,
    /// Address of the account.
    #[serde(default)]
    pub email: String,
    /// Account id.
    #[serde(default)]
    pub user_id: String,
    /// Organisation id.
    #[serde(default)]
    pub org_id: String,
    /// RFC 3339.
    pub expires_at: String,
}

/// Where the file is.
pub struct Place(PathBuf);

/// Held while the file is read, changed and written.
pub struct Held(#[expect(dead_code, reason = "the lock ends when the file is closed")] File);

impl Place {
    /// In this directory, which need not be there yet.
    pub fn in_directory(directory: &Path) -> Self {
        Self(directory.join("config.json"))
    }

    /// What is kept; nothing if there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is not ours.
    pub fn read(&self) -> Result<Settings, Failure> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Settings::default()),
            Err(error) => return Err(Failure::file(&self.0, &error)),
        };
        let mode = fs::metadata(&self.0)
            .map_err(|error| Failure::file(&self.0, &error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(&self.0, fs::Permissions::from_mode(0o600))
                .map_err(|error| Failure::file(&self.0, &error))?;
        }
        serde_json::from_str(&text).map_err(|error| {
            Failure::hinted(
                format!("{} is damaged: {error}", self.0.display()),
                "mend it, or remove it and sign in again",
            )
        })
    }

    /// Waits for other commands that change the file.
    ///
    /// # Errors
    /// The directory or the file of the lock cannot be made.
    pub fn hold(&self) -> Result<Held, Failure> {
        let directory = self.0.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| Failure::file(directory, &error))?;
        let path = directory.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| Failure::file(&path, &error))?;
        Ok(Held(lock))
    }

    /// Puts new contents in the place of the old ones: wholly or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, settings: &Settings, _held: &Held) -> Result<(), Failure> {
        let text = Zeroizing::new(
            serde_json::to_string_pretty(settings)
                .map_err(|error| Failure::local(error.to_string()))?,
        );
        write_private(&self.0, text.as_bytes())
    }

    /// Reads, changes and writes, with nobody in between.
    ///
    /// # Errors
    /// As for reading and writing.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) -> Result<(), Failure> {
        let held = self.hold()?;
        let mut settings = self.read()?;
        change(&mut settings);
        self.write(&settings, &held)
    }
}

/// Writes a file that nobody else may read, by way of a second one beside it.
///
/// # Errors
/// It cannot be written.
pub fn write_private(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = match fs::remove_file(&beside) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
    .and_then(|()| {
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| Failure::file(path, &error))
}
