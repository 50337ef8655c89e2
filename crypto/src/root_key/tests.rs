use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

fn key(byte: u8) -> RootKey {
    RootKey {
        key: Zeroizing::new([byte; 32]),
    }
}

#[test]
fn the_first_start_makes_a_private_file_and_the_next_reads_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("root.key");
    let (made, created) = RootKey::load_or_create(&path).unwrap();
    assert!(created);
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(
        path.parent().unwrap().metadata().unwrap().mode() & 0o777,
        0o700
    );
    let (read, created) = RootKey::load_or_create(&path).unwrap();
    assert!(!created);
    assert_eq!(*made.key, *read.key);
    let names: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "no draft is left behind");
}

#[test]
fn processes_that_start_at_once_end_up_with_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    let start = std::sync::Barrier::new(8);
    let keys: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    RootKey::load_or_create(&path).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(keys.iter().filter(|(_, created)| *created).count(), 1);
    assert!(keys.iter().all(|(k, _)| *k.key == *keys[0].0.key));
}

#[test]
fn a_file_that_others_can_read_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    RootKey::load_or_create(&path).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = RootKey::load_or_create(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("mode {mode:o}")) && error.contains("chmod 600"),
            "{error}"
        );
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    RootKey::load_or_create(&path).unwrap();
}

#[test]
fn a_file_without_a_key_is_refused_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    for content in ["", "too short", "\u{ff}", &"ab".repeat(2000)] {
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(
            RootKey::load_or_create(&path),
            Err(RootKeyError::FileText(_))
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    assert!(RootKey::load_or_create(folder.path()).is_err());
}

#[test]
fn text_may_be_hexadecimal_or_base64() {
    let read = |text: &str| RootKey::from_text(&SecretString::from(text));
    assert_eq!(*read(&"07".repeat(32)).unwrap().key, [7; 32]);
    let base64 = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    assert_eq!(*read(base64).unwrap().key, [7; 32]);
    assert_eq!(*read(&format!(" {base64}\n")).unwrap().key, [7; 32]);
    for bad in [
        "",
        "07",
        "password",
        &"07".repeat(31),
        &"07".repeat(33),
        &"0g".repeat(32),
    ] {
        let error = read(bad).unwrap_err().to_string();
        assert!(bad.is_empty() || !error.contains(bad), "{error}");
    }
}

/// The expected value was computed with another implementation of HMAC, following RFC 5869 §2. It must never change: data
/// that is encrypted with derived keys would be lost.
#[test]
fn keys_for_different_purposes_differ_and_are_stable() {
    let one = key(1);
    assert_eq!(
        hex::encode(*one.derive("a")),
        "c61f48dd14941832e8f6c368e48db6d6e28dcac0dc8dcbd7bfa8b873097fb607"
    );
    assert_ne!(*one.derive("a"), *one.derive("b"));
    assert_ne!(*one.derive("a"), *key(2).derive("a"));
    assert_ne!(*one.derive("a"), *one.key);
}

#[test]
fn a_wrapped_key_opens_only_with_its_root_key_and_place() {
    let root = key(1);
    let wrapped = root.wrap(b"here", b"inner key").unwrap();
    assert_eq!(*root.unwrap(b"here", &wrapped).unwrap(), b"inner key");
    assert!(matches!(
        root.unwrap(b"there", &wrapped),
        Err(KeyServiceError::Authentication)
    ));
    assert!(matches!(
        key(2).unwrap(b"here", &wrapped),
        Err(KeyServiceError::OtherKey)
    ));
    for i in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[i] ^= 1;
        assert!(root.unwrap(b"here", &changed).is_err(), "byte {i}");
        assert!(root.unwrap(b"here", &wrapped[..i]).is_err(), "length {i}");
    }
}

#[test]
fn debug_output_shows_the_fingerprint_alone() {
    let root = key(0xab);
    assert_eq!(
        format!("{root:?}"),
        format!("RootKey({})", root.fingerprint())
    );
    assert_eq!(root.fingerprint().len(), 16);
}
