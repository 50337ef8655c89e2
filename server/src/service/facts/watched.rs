//! A file that somebody else writes, and what it said when it last made sense.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How a file looked: when it was changed, how long it is, and which one it is. An error is kept as it reads.
type Look = Result<(i64, i64, u64, u64), String>;

#[derive(Debug)]
pub(super) struct Watched<T> {
    path: PathBuf,
    most_bytes: u64,
    seen: Mutex<Option<Look>>,
    value: RwLock<Option<Arc<T>>>,
}

impl<T> Watched<T> {
    pub fn new(path: PathBuf, most_bytes: u64) -> Self {
        Self {
            path,
            most_bytes,
            seen: Mutex::default(),
            value: RwLock::default(),
        }
    }

    /// What the file said when it last made sense.
    pub fn get(&self) -> Option<Arc<T>> {
        let value = self.value.read().unwrap_or_else(PoisonError::into_inner);
        value.clone()
    }

    /// Reads the file if it looks otherwise than before. Waits for the disk.
    pub fn look(&self, read: impl FnOnce(Vec<u8>) -> Result<T, String>) {
        // What changes while it is read looks otherwise the next time.
        let look = self.glance();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.as_ref() == Some(&look) {
            return;
        }
        let file = self.path.display();
        match look.clone().and_then(|_| self.content()).and_then(read) {
            Ok(value) => {
                let mut kept = self.value.write().unwrap_or_else(PoisonError::into_inner);
                *kept = Some(Arc::new(value));
                tracing::info!(%file, "read a file that facts come from");
            }
            Err(problem) => {
                let stays = self.get().is_some();
                tracing::error!(%file, problem, stays, "a file that facts come from cannot be read; what was read before stays");
            }
        }
        *seen = Some(look);
    }

    fn glance(&self) -> Look {
        let metadata = std::fs::metadata(&self.path).map_err(|error| error.to_string())?;
        Ok((
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.len(),
            metadata.ino(),
        ))
    }

    fn content(&self) -> Result<Vec<u8>, String> {
        let file = File::open(&self.path).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        file.take(self.most_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        if bytes.len() as u64 > self.most_bytes {
            return Err(format!("it is larger than {} bytes", self.most_bytes));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> Result<String, String> {
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_read_last_stays_until_something_readable_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let watched = Watched::new(path.clone(), 8);
        let said = || {
            watched.look(text);
            watched.get().map(|text| text.to_string())
        };
        assert_eq!(said(), None);
        std::fs::write(&path, "one").unwrap();
        assert_eq!(said().as_deref(), Some("one"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(said().as_deref(), Some("one"));
        std::fs::write(&path, "too long by far").unwrap();
        assert_eq!(said().as_deref(), Some("one"));
        std::fs::write(&path, "four").unwrap();
        assert_eq!(said().as_deref(), Some("four"));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(said().as_deref(), Some("four"));
    }

    #[test]
    fn a_file_that_looks_the_same_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let watched = Watched::new(path, 8);
        watched.look(text);
        watched.look(|_| -> Result<String, String> { unreachable!() });
        assert_eq!(watched.get().unwrap().as_str(), "one");
    }
}
