//! A folder in place of a mail server: a file for each mail, readable by the owner of the server alone, for mails may hold
//! keys.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use lettre::Message;

use super::{DeliveryError, Parcel};

#[derive(Debug)]
pub(super) struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes the mail to a file named after it, so that a second attempt replaces the first.
    pub(super) async fn write(
        &self,
        parcel: &Parcel,
        message: Message,
    ) -> Result<(), DeliveryError> {
        let (folder, id) = (self.folder.clone(), parcel.id);
        let name = format!("{}-{id}.eml", parcel.at.as_seconds());
        tokio::task::spawn_blocking(move || write(&folder, &name, &message.formatted()))
            .await
            .map_err(|e| DeliveryError::NoRelay(e.to_string()))?
            .map_err(|e| DeliveryError::NoRelay(format!("the outbox cannot be written to: {e}")))
    }
}

fn write(folder: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    // Whoever looks into the folder sees whole mails.
    let draft = folder.join(format!(".{name}.draft"));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&draft, folder.join(name))?;
    std::fs::File::open(folder)?.sync_all()
}
