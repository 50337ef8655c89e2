//! The settings: what the host hands over as JSON.
//!
//! They are turned into rules while they are read. A list of parsed policies beside the text and the rules would be the
//! largest thing in the guest's memory, and every decision pays for the size of that memory.

use std::borrow::Cow;
use std::fmt;

use oneclaw_policy_sdk::Problem;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::draft::Draft;
use crate::rules::Policies;

/// The policies of one caller in one vault, read but not yet indexed.
#[derive(Debug, Default)]
pub struct Settings {
    draft: Draft,
}

impl Settings {
    /// Indexes the policies.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn into_policies(self) -> Result<Policies, Vec<Problem>> {
        self.draft.finish()
    }
}

/// One policy, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRule<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) pattern: Cow<'a, str>,
    pub(crate) allow: bool,
    pub(crate) priority: u32,
    pub(crate) permissions: Vec<Word<'a>>,
    pub(crate) expires_at_ms: Option<i64>,
    pub(crate) networks: Option<Vec<Word<'a>>>,
    #[serde(borrow)]
    pub(crate) time_window: Option<WindowRule<'a>>,
    pub(crate) environments: Option<Vec<Word<'a>>>,
}

/// A string that is borrowed from the text where it can be.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Word<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A time window, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowRule<'a> {
    pub(crate) after_minute: u16,
    pub(crate) before_minute: u16,
    #[serde(borrow)]
    pub(crate) zone: Cow<'a, str>,
    pub(crate) days: u8,
}

/// A zone, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneTable {
    pub(crate) transitions: Vec<(i64, i32)>,
    pub(crate) until: i64,
}

const FIELDS: &[&str] = &["policies", "zones"];

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut settings = Self::default();
        deserializer.deserialize_struct("settings", FIELDS, Into(&mut settings.draft))?;
        Ok(settings)
    }
}

/// Reads the settings into a draft.
struct Into<'a>(&'a mut Draft);

impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with policies and zones")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut policies_seen, mut zones_seen) = (false, false);
        while let Some(key) = map.next_key::<Word<'de>>()? {
            match &*key.0 {
                "policies" => {
                    once("policies", &mut policies_seen)?;
                    map.next_value_seed(PoliciesInto(&mut *self.0))?;
                }
                "zones" => {
                    once("zones", &mut zones_seen)?;
                    map.next_value_seed(ZonesInto(&mut *self.0))?;
                }
                other => return Err(de::Error::unknown_field(other, FIELDS)),
            }
        }
        if policies_seen {
            Ok(())
        } else {
            Err(de::Error::missing_field("policies"))
        }
    }
}

fn once<E: de::Error>(field: &'static str, seen: &mut bool) -> Result<(), E> {
    if std::mem::replace(seen, true) {
        return Err(E::duplicate_field(field));
    }
    Ok(())
}

struct PoliciesInto<'a>(&'a mut Draft);

impl<'de> DeserializeSeed<'de> for PoliciesInto<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PoliciesInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of policies")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(policy) = seq.next_element::<PolicyRule<'de>>()? {
            self.0.add_policy(&policy);
        }
        Ok(())
    }
}

struct ZonesInto<'a>(&'a mut Draft);

impl<'de> DeserializeSeed<'de> for ZonesInto<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ZonesInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of zones by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, table)) = map.next_entry::<Word<'de>, ZoneTable>()? {
            self.0.add_zone(&name.0, table);
        }
        Ok(())
    }
}
