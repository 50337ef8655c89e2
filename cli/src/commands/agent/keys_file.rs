//! A file of keys, `name,id,api_key`. Keys are shown once, so they are on the disk before the next agents are made. Before keys
//! are asked for, a line for each says so, with the name and the request in the place of the id: whoever runs the command again
//! after a crash can tell whose key was lost on the way, and has that agent get a new one.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use zeroize::Zeroizing;

use crate::client::text;
use crate::failure::Failure;

const HEADER: [&str; 3] = ["name", "id", "api_key"];

/// See the module.
pub struct KeysFile {
    path: PathBuf,
    file: Option<std::fs::File>,
    known: HashSet<String>,
    /// The request in which each was asked for; empty if that is not known.
    begun: HashMap<String, String>,
}

impl KeysFile {
    /// Reads what is there; makes no file yet.
    ///
    /// # Errors
    /// It cannot be read, or is another file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let mut keys = Self {
            path: path.to_owned(),
            file: None,
            known: HashSet::new(),
            begun: HashMap::new(),
        };
        let contents = match std::fs::read_to_string(path) {
            Ok(contents) => Zeroizing::new(contents),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(keys),
            Err(error) => return Err(Failure::file(path, &error)),
        };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(contents.as_bytes());
        let is_ours = reader
            .headers()
            .is_ok_and(|header| header.is_empty() || header.iter().eq(HEADER));
        if !is_ours {
            return Err(Failure::local(format!(
                "{} is no file of keys; it does not start with {}",
                path.display(),
                HEADER.join(",")
            )));
        }
        for record in reader.records().flatten() {
            let Some(name) = record.get(0) else { continue };
            let is_whole = record.get(2).is_some_and(|key| !key.is_empty());
            if is_whole {
                keys.known.insert(name.to_owned());
            } else {
                let request = record.get(1).unwrap_or_default();
                keys.begun.insert(name.to_owned(), request.to_owned());
            }
        }
        Ok(keys)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the key of an agent of this name is in it.
    pub fn has(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    /// Whether a key of this name was asked for and never arrived.
    pub fn was_lost(&self, name: &str) -> bool {
        self.begun.contains_key(name) && !self.known.contains(name)
    }

    /// The request in which a key was asked for that never arrived.
    pub fn request_of(&self, name: &str) -> Option<&str> {
        let request = self.begun.get(name).filter(|_| !self.has(name))?;
        Some(request.as_str()).filter(|request| !request.is_empty())
    }

    /// Says whose keys are asked for now, and in which request.
    ///
    /// # Errors
    /// It cannot be written; then nothing may be asked for.
    pub fn begin<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        request: &str,
    ) -> Result<(), Failure> {
        let rows: Vec<[&str; 3]> = names.map(|name| [name, request, ""]).collect();
        self.begun.extend(
            rows.iter()
                .map(|[name, ..]| ((*name).to_owned(), request.to_owned())),
        );
        self.append(&rows)
    }

    /// Keeps the keys that have arrived: each with its agent.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn take(&mut self, arrived: &[(&Value, &str)]) -> Result<(), Failure> {
        let rows: Vec<[&str; 3]> = arrived
            .iter()
            .map(|(agent, key)| [text(agent, "name"), text(agent, "id"), *key])
            .collect();
        self.append(&rows)?;
        self.known
            .extend(rows.iter().map(|[name, ..]| (*name).to_owned()));
        Ok(())
    }

    fn append(&mut self, rows: &[[&str; 3]]) -> Result<(), Failure> {
        let broken = |error: &std::io::Error| Failure::file(&self.path, error);
        let mut is_empty = false;
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(&self.path)
                    .map_err(|error| broken(&error))?;
                is_empty = file.metadata().map_err(|error| broken(&error))?.len() == 0;
                // A line that a crash cut off must not swallow the next one.
                if !is_empty {
                    file.write_all(b"\n").map_err(|error| broken(&error))?;
                }
                none.insert(file)
            }
        };
        let lines = lines(rows, is_empty)?;
        file.write_all(&lines)
            .and_then(|()| file.sync_data())
            .map_err(|error| broken(&error))
    }

    /// Takes out what only a crash would have needed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(&mut self) -> Result<(), Failure> {
        if self.file.take().is_none() {
            return Ok(());
        }
        let contents = std::fs::read_to_string(&self.path)
            .map(Zeroizing::new)
            .map_err(|error| Failure::file(&self.path, &error))?;
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(contents.as_bytes());
        let mut rows = Vec::new();
        for record in reader.records().flatten() {
            if let (Some(name), Some(id), Some(key)) = (record.get(0), record.get(1), record.get(2))
            {
                let is_lost = key.is_empty() && !self.known.contains(name);
                if !key.is_empty() || is_lost {
                    rows.push([name.to_owned(), id.to_owned(), key.to_owned()]);
                }
            }
        }
        let rows: Vec<[&str; 3]> = rows
            .iter()
            .map(|[name, id, key]| [name.as_str(), id.as_str(), key.as_str()])
            .collect();
        crate::settings::write_private(&self.path, &lines(&rows, true)?)
    }
}

/// Rows as CSV, with the header if it is asked for.
///
/// # Errors
/// Never, in memory.
pub fn lines(rows: &[[&str; 3]], header: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = || -> Result<(), csv::Error> {
        if header {
            writer.write_record(HEADER)?;
        }
        rows.iter().try_for_each(|row| writer.write_record(row))
    };
    write().map_err(|error| Failure::local(error.to_string()))?;
    writer
        .into_inner()
        .map(Zeroizing::new)
        .map_err(|error| Failure::local(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_that_was_asked_for_and_never_arrived_is_known_after_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.csv");
        let mut keys = KeysFile::read(&path).unwrap();
        keys.begin(["a", "b"].into_iter(), "r-1").unwrap();
        keys.take(&[(&json!({"name": "a", "id": "1"}), "ocv_a")])
            .unwrap();
        drop(keys);
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"c,3")
            .unwrap();
        let mut keys = KeysFile::read(&path).unwrap();
        assert!(keys.has("a") && !keys.was_lost("a"));
        assert!(keys.was_lost("b") && keys.was_lost("c") && !keys.was_lost("d"));
        assert_eq!(keys.request_of("a"), None);
        assert_eq!(keys.request_of("b"), Some("r-1"));
        keys.take(&[(&json!({"name": "b", "id": "2"}), "ocv_b")])
            .unwrap();
        keys.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "name,id,api_key\na,1,ocv_a\nb,2,ocv_b\n");
    }

    #[test]
    fn another_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "something\n").unwrap();
        assert!(KeysFile::read(&path).is_err());
    }
}
