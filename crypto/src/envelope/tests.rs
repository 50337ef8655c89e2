//! Below the permit: what the encryption itself binds. The gate has tests of its own.

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::gate::{open_value, seal_value};
use super::*;
use crate::root_key::RootKey;

#[derive(Debug, Clone)]
struct Place {
    org: OrgId,
    vault: VaultId,
    path: SecretPath,
    version: i64,
}

impl Place {
    fn at(&self) -> SecretRef<'_> {
        SecretRef {
            org: self.org,
            vault: self.vault,
            path: &self.path,
            version: self.version,
        }
    }
}

fn org(n: u128) -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(n))
}

fn vault(n: u128) -> VaultId {
    VaultId::from_uuid(Uuid::from_u128(n))
}

prop_compose! {
    fn places()(o in any::<u128>(), v in any::<u128>(), path in "[a-z0-9]{1,9}(/[a-z0-9]{1,9}){0,3}", version in 1..i64::MAX)
        -> Place
    {
        Place { org: org(o), vault: vault(v), path: path.parse().unwrap(), version }
    }
}

fn place(path: &str) -> Place {
    Place {
        org: org(1),
        vault: vault(2),
        path: path.parse().unwrap(),
        version: 3,
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened_again(place in places(), value in "\\PC{0,200}") {
        let key = VaultKey::generate().unwrap();
        let sealed = seal_value(&key, place.at(), &secret(&value)).unwrap();
        let opened = open_value(&key, place.at(), &sealed).unwrap();
        prop_assert_eq!(opened.expose_secret(), &value);
        prop_assert!(value.len() < 4 || !sealed.ciphertext.windows(value.len()).any(|w| w == value.as_bytes()));
    }

    #[test]
    fn nothing_opens_at_another_place(place in places(), other in places(), part in 0..4) {
        let key = VaultKey::generate().unwrap();
        let sealed = seal_value(&key, place.at(), &secret("value")).unwrap();
        let mut moved = place.clone();
        match part {
            0 => moved.org = other.org,
            1 => moved.vault = other.vault,
            2 => moved.path = other.path,
            _ => moved.version = other.version,
        }
        prop_assume!(moved.at() != place.at());
        prop_assert!(matches!(open_value(&key, moved.at(), &sealed), Err(EnvelopeError::Damaged)));
        // The two layers are bound each for itself: neither helps the other over the border.
        let elsewhere = seal_value(&key, moved.at(), &secret("value")).unwrap();
        let mixed = Sealed { ciphertext: sealed.ciphertext.clone(), ..elsewhere.clone() };
        prop_assert!(open_value(&key, moved.at(), &mixed).is_err());
        let mixed = Sealed { wrapped_data_key: sealed.wrapped_data_key, ..elsewhere };
        prop_assert!(open_value(&key, moved.at(), &mixed).is_err());
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed(value in "\\PC{0,40}", at in any::<prop::sample::Index>(), bit in 0..8) {
        let key = VaultKey::generate().unwrap();
        let place = place("a/b");
        let sealed = seal_value(&key, place.at(), &secret(&value)).unwrap();
        let mut changed = sealed.clone();
        let i = at.index(changed.ciphertext.len());
        changed.ciphertext[i] ^= 1u8 << bit;
        prop_assert!(matches!(open_value(&key, place.at(), &changed), Err(EnvelopeError::Damaged)));
        let mut changed = sealed;
        let i = at.index(changed.wrapped_data_key.len());
        changed.wrapped_data_key[i] ^= 1u8 << bit;
        prop_assert!(matches!(open_value(&key, place.at(), &changed), Err(EnvelopeError::Damaged)));
    }

    #[test]
    fn different_places_have_different_associated_data(a in places(), b in places()) {
        prop_assert_eq!(a.at() == b.at(), a.at().associated_data("x") == b.at().associated_data("x"));
        prop_assert_ne!(a.at().associated_data("x"), a.at().associated_data("y"));
    }
}

#[test]
fn another_vault_key_opens_nothing() {
    let place = place("a");
    let sealed = seal_value(&VaultKey::generate().unwrap(), place.at(), &secret("v")).unwrap();
    let other = VaultKey::generate().unwrap();
    assert!(matches!(
        open_value(&other, place.at(), &sealed),
        Err(EnvelopeError::Damaged)
    ));
}

#[test]
fn every_version_has_its_own_data_key() {
    let key = VaultKey::generate().unwrap();
    let place = place("a");
    let seal = || seal_value(&key, place.at(), &secret("v")).unwrap();
    let (one, two) = (seal(), seal());
    assert_ne!(one, two);
    let mixed = Sealed {
        wrapped_data_key: one.wrapped_data_key,
        ciphertext: two.ciphertext,
    };
    assert!(open_value(&key, place.at(), &mixed).is_err());
}

#[test]
fn a_rotated_vault_key_opens_the_same_value_and_the_old_one_no_longer() {
    let (old, new) = (VaultKey::generate().unwrap(), VaultKey::generate().unwrap());
    let place = place("a");
    let sealed = seal_value(&old, place.at(), &secret("v")).unwrap();
    let wrapped_data_key =
        rewrap_data_key(&old, &new, place.at(), &sealed.wrapped_data_key).unwrap();
    let rotated = Sealed {
        wrapped_data_key,
        ..sealed
    };
    assert_eq!(
        open_value(&new, place.at(), &rotated)
            .unwrap()
            .expose_secret(),
        "v"
    );
    assert!(open_value(&old, place.at(), &rotated).is_err());
    let elsewhere = super::tests::place("b");
    assert!(rewrap_data_key(&new, &old, elsewhere.at(), &rotated.wrapped_data_key).is_err());
}

#[test]
fn a_vault_key_survives_the_rotation_of_the_root_key() {
    let (old, new) = (RootKey::generate().unwrap(), RootKey::generate().unwrap());
    let key = VaultKey::generate().unwrap();
    let wrapped = wrap_vault_key(&old, org(1), vault(2), &key).unwrap();
    let rewrapped = rewrap_vault_key(&old, &new, org(1), vault(2), &wrapped).unwrap();
    let unwrapped = unwrap_vault_key(&new, org(1), vault(2), &rewrapped).unwrap();
    assert_eq!(*unwrapped.key, *key.key);
    assert!(matches!(
        unwrap_vault_key(&new, org(1), vault(2), &wrapped),
        Err(EnvelopeError::KeyService(KeyServiceError::OtherKey))
    ));
}

#[test]
fn a_vault_key_opens_only_for_its_vault() {
    let root = RootKey::generate().unwrap();
    let key = VaultKey::generate().unwrap();
    let wrapped = wrap_vault_key(&root, org(1), vault(2), &key).unwrap();
    for (o, v) in [(2, 2), (1, 1), (2, 1)] {
        assert!(unwrap_vault_key(&root, org(o), vault(v), &wrapped).is_err());
    }
}

#[test]
fn a_value_that_is_no_text_is_refused() {
    let key = VaultKey::generate().unwrap();
    let place = place("a");
    let mut sealed = seal_value(&key, place.at(), &secret("v")).unwrap();
    let data_key = keys::unwrap_data_key(&key, place.at(), &sealed.wrapped_data_key).unwrap();
    let aad = place.at().associated_data("oneclaw/secret-value/1");
    sealed.ciphertext = crate::aead::seal(&data_key, &aad, &[0xff]).unwrap();
    assert!(matches!(
        open_value(&key, place.at(), &sealed),
        Err(EnvelopeError::NotText)
    ));
}

#[test]
fn only_keys_of_agents_are_sealed_without_a_permit() {
    let key = VaultKey::generate().unwrap();
    let seal = |path: &str| {
        let place = place(path);
        seal_without_permit_for_system_vault(&key, place.at(), &secret("v")).map(|_| ())
    };
    let id = "0190a0b0-0000-7000-8000-000000000001";
    for good in ["ssh", "ecdh", "chains/ethereum"] {
        seal(&format!("agents/{id}/{good}/private_key")).unwrap();
    }
    for bad in [
        "api-keys/openai",
        "agents/x",
        "private_key",
        "x/agents/y/private_key",
    ] {
        assert!(
            matches!(seal(bad), Err(EnvelopeError::NotASystemPath(_))),
            "{bad}"
        );
    }
}

#[test]
fn debug_output_shows_no_bytes() {
    let key = VaultKey::generate().unwrap();
    let place = place("a");
    let sealed = seal_value(&key, place.at(), &secret("v")).unwrap();
    assert_eq!(format!("{key:?}"), "VaultKey(redacted)");
    assert_eq!(format!("{sealed:?}"), "Sealed(30 bytes)");
}
