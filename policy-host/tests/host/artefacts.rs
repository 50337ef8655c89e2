//! Compiled plugins on disk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{code, options, org, patient, request};
use oneclaw_policy_host::{Engine, EngineError, EngineOptions, Mode};
use oneclaw_test_guests::HOSTILE;

fn engine(dir: &Path) -> Result<Engine, EngineError> {
    Engine::new(EngineOptions {
        cache_dir: Some(dir.to_owned()),
        ..options(patient())
    })
}

fn decides(dir: &Path) {
    let engine = engine(dir).unwrap();
    let plugin = engine.load(HOSTILE).unwrap();
    let configured = engine.configure(&plugin, org(), "allow").unwrap();
    assert_eq!(
        code(&configured.evaluate_access(&request(), Mode::Fresh)),
        "hostile/allowed"
    );
}

fn only_file(dir: &Path) -> PathBuf {
    let files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[cfg(unix)]
fn identity(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap())
}

#[cfg(unix)]
#[test]
fn a_second_start_uses_what_the_first_compiled() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("compiled");
    decides(&dir);
    let before = identity(&only_file(&dir));
    decides(&dir);
    assert_eq!(
        identity(&only_file(&dir)),
        before,
        "compiling anew would have replaced the file"
    );
}

#[test]
fn what_snapshots_are_made_with_is_kept_and_snapshots_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("compiled");
    for _ in 0..2 {
        let engine = engine(&dir).unwrap();
        let plugin = engine.load(HOSTILE).unwrap();
        for settings in ["allow", "deny"] {
            let configured = engine.configure(&plugin, org(), settings).unwrap();
            configured.build_snapshot().unwrap();
            assert!(
                configured
                    .evaluate_access(&request(), Mode::Fresh)
                    .outcome
                    .is_ok()
            );
        }
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
    }
}

#[cfg(unix)]
#[test]
fn what_is_kept_can_be_read_by_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("compiled");
    decides(&dir);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&only_file(&dir))), (0o700, 0o600));
}

#[test]
fn a_damaged_file_is_compiled_anew_and_never_run() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("compiled");
    decides(&dir);
    let file = only_file(&dir);
    let whole = fs::read(&file).unwrap();
    let middle = whole.len() / 2;
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damaged = [
        Vec::new(),
        whole[..10].to_vec(),
        whole[..middle].to_vec(),
        flipped(0),
        flipped(31),
        flipped(32),
        flipped(middle),
        flipped(whole.len() - 1),
        [whole.clone(), vec![0]].concat(),
        vec![0; whole.len()],
    ];
    for bytes in damaged {
        fs::write(&file, &bytes).unwrap();
        decides(&dir);
        assert_ne!(
            fs::read(&file).unwrap(),
            bytes,
            "the damaged file was replaced"
        );
    }
}

#[test]
fn the_file_of_another_component_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("compiled");
    decides(&dir);
    let file = only_file(&dir);
    let plain = crate::components::component(crate::components::Parts::default());
    let plain_digest = engine(&dir)
        .unwrap()
        .load(&plain)
        .unwrap()
        .digest()
        .to_owned();
    let of_plain = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(&plain_digest)
        })
        .unwrap();
    fs::copy(&of_plain, &file).unwrap();
    decides(&dir);
}

#[cfg(unix)]
#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o770)).unwrap();
    let error = engine(dir.path()).unwrap_err();
    assert!(
        matches!(error, EngineError::CacheDirectoryOpenToOthers(_)),
        "{error}"
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = engine(&file.join("compiled")).unwrap_err();
    assert!(error.to_string().contains("compiled"), "{error}");
}
