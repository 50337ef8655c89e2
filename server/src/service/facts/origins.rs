//! Where addresses are, by a database in the format of MaxMind.

use std::net::IpAddr;

use maxminddb::{PathElement, Reader};

/// Where a country may stand in a record: as MaxMind and DB-IP write it, and as IPinfo does.
const COUNTRY: [&[&str]; 3] = [&["country", "iso_code"], &["country_code"], &["country"]];
/// Where the number of a network may stand: a number, or text such as `AS64496`.
const NUMBER: &[&str] = &["autonomous_system_number"];
const NUMBER_AS_TEXT: &[&str] = &["asn"];

/// A database, whole in memory.
pub(super) struct Origins(Reader<Vec<u8>>);

impl std::fmt::Debug for Origins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = &self.0.metadata().database_type;
        f.debug_tuple("Origins").field(kind).finish()
    }
}

impl Origins {
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        Reader::from_source(bytes)
            .map(Self)
            .map_err(|error| format!("it is no database of addresses: {error}"))
    }

    /// Two letters in capitals.
    pub fn country(&self, client: IpAddr) -> Option<String> {
        let code = COUNTRY.iter().find_map(|path| self.text(client, path))?;
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_code.then(|| code.to_ascii_uppercase())
    }

    /// The number of the autonomous system, in digits.
    pub fn network(&self, client: IpAddr) -> Option<String> {
        let number = self.find::<u32>(client, NUMBER).or_else(|| {
            let text = self.text(client, NUMBER_AS_TEXT)?;
            text.trim_start_matches("AS").parse().ok()
        });
        number.map(|number| number.to_string())
    }

    fn text(&self, client: IpAddr, path: &[&str]) -> Option<String> {
        self.find(client, path)
    }

    /// What cannot be read is not known.
    fn find<T: serde::de::DeserializeOwned>(&self, client: IpAddr, path: &[&str]) -> Option<T> {
        let path: Vec<PathElement<'_>> = path.iter().map(|key| PathElement::Key(key)).collect();
        let found = self.0.lookup(client).ok()?;
        found.decode_path(&path).ok().flatten()
    }
}
