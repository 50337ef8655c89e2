//! Compiled components on disk, so that a restart compiles nothing.
//!
//! A compiled component is machine code, and loading one means to trust it as much as the server's own binary. What is
//! assumed: nobody but the server's user can write to the directory, which is made with mode 0700 and refused if others
//! may write to it. What is checked: each file begins with the SHA-256 of what follows, so that a file which was cut
//! short or has rotted is compiled anew instead of being run. A digest is no signature: it does not protect against
//! someone who can write to the directory.
//!
//! Only components are kept here, never snapshots: those hold an organisation's settings.

use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::error::EngineError;

const DIGEST_BYTES: usize = 32;

/// Compiles a component, or finds it compiled. `digest` is that of `wasm`.
pub(crate) fn compile(
    artefacts: Option<&Artefacts>,
    engine: &wasmtime::Engine,
    digest: &str,
    wasm: &[u8],
) -> wasmtime::Result<Component> {
    if let Some(component) = artefacts.and_then(|kept| kept.get(engine, digest)) {
        return Ok(component);
    }
    let component = Component::new(engine, wasm)?;
    if let Some(artefacts) = artefacts {
        artefacts.put(digest, &component);
    }
    Ok(component)
}

/// Like [`compile`], on one thread: in the workshop, for the serving engine. Both generate the same code.
pub(crate) fn compile_aside(
    artefacts: Option<&Artefacts>,
    workshop: &wasmtime::Engine,
    serving: &wasmtime::Engine,
    digest: &str,
    wasm: &[u8],
) -> wasmtime::Result<Component> {
    if let Some(component) = artefacts.and_then(|kept| kept.get(serving, digest)) {
        return Ok(component);
    }
    let component = revive(serving, &workshop.precompile_component(wasm)?)?;
    if let Some(artefacts) = artefacts {
        artefacts.put(digest, &component);
    }
    Ok(component)
}

pub(crate) struct Artefacts {
    dir: PathBuf,
    /// Changes with the version of wasmtime, its settings and the processor.
    compatibility: String,
}

impl Artefacts {
    pub(crate) fn open(dir: PathBuf, engine: &wasmtime::Engine) -> Result<Self, EngineError> {
        let cannot = |error| EngineError::CacheDirectory {
            path: dir.clone(),
            error,
        };
        private::create(&dir).map_err(cannot)?;
        if private::open_to_others(&dir).map_err(cannot)? {
            return Err(EngineError::CacheDirectoryOpenToOthers(dir));
        }
        let mut hasher = HashIntoSha256(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatibility = hex::encode(hasher.0.finalize());
        Ok(Self { dir, compatibility })
    }

    fn path(&self, digest: &str) -> PathBuf {
        let engine = self.compatibility.get(..16).unwrap_or_default();
        self.dir.join(format!("{digest}-{engine}.cwasm"))
    }

    /// The compiled form of the component with this digest, if it is here and whole.
    pub(crate) fn get(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let bytes = std::fs::read(&path).ok()?;
        let component = self
            .sealed(digest, &bytes)
            .and_then(|code| revive(engine, code).ok());
        if component.is_none() {
            tracing::warn!(path = %path.display(), "a compiled plugin on disk is damaged; compiling it anew");
        }
        component
    }

    /// Keeps a compiled component. Failing to is no reason to refuse the plugin.
    pub(crate) fn put(&self, digest: &str, component: &Component) {
        let path = self.path(digest);
        let written = component
            .serialize()
            .map_err(|error| std::io::Error::other(error.to_string()))
            .and_then(|code| self.write(&path, &[self.seal(digest, &code).as_slice(), &code]));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "a compiled plugin could not be kept on disk");
        }
    }

    /// Under another name first: a reader sees the whole file or none.
    fn write(&self, path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
        let mut file = private::temporary(&self.dir)?;
        for part in parts {
            file.file.write_all(part)?;
        }
        file.file.sync_all()?;
        file.keep_as(path)
    }

    /// Binds code to the component and the engine it was compiled from and for.
    fn seal(&self, digest: &str, code: &[u8]) -> [u8; DIGEST_BYTES] {
        let mut hasher = Sha256::new();
        for part in [
            b"oneclaw/compiled-component/1".as_slice(),
            digest.as_bytes(),
        ] {
            hasher.update(part);
            hasher.update([0]);
        }
        hasher.update(self.compatibility.as_bytes());
        hasher.update([0]);
        hasher.update(code);
        hasher.finalize().into()
    }

    fn sealed<'a>(&self, digest: &str, file: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, code) = file.split_at_checked(DIGEST_BYTES)?;
        (seal == self.seal(digest, code)).then_some(code)
    }
}

/// Loads code that this process compiled, or that [`Artefacts`] found whole.
#[expect(unsafe_code, reason = "machine code cannot be checked, only trusted")]
pub(crate) fn revive(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is the output of `Component::serialize` or `Engine::precompile_component`, unchanged: either it
    // never left this process, or its SHA-256 was compared, and the directory it lay in can be written by nobody else
    // (see the head of this module).
    unsafe { Component::deserialize(engine, code) }
}

struct HashIntoSha256(Sha256);

impl Hasher for HashIntoSha256 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Only the full digest is asked for, elsewhere.
        0
    }
}

mod private {
    //! Files and directories of the server's user alone.

    use std::fs::{DirBuilder, File, OpenOptions};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    static COUNTER: AtomicU64 = AtomicU64::new(0);

    pub(super) struct Temporary {
        pub(super) file: File,
        path: PathBuf,
        kept: bool,
    }

    impl Temporary {
        pub(super) fn keep_as(mut self, path: &Path) -> std::io::Result<()> {
            std::fs::rename(&self.path, path)?;
            self.kept = true;
            Ok(())
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            if !self.kept {
                // Nothing better can be done about a file that cannot be removed.
                let _ = std::fs::remove_file(&self.path);
            }
        }
    }

    pub(super) fn temporary(dir: &Path) -> std::io::Result<Temporary> {
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!(".new-{}-{n}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok(Temporary {
            file,
            path,
            kept: false,
        })
    }

    pub(super) fn create(dir: &Path) -> std::io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir)
    }

    #[cfg(unix)]
    pub(super) fn open_to_others(dir: &Path) -> std::io::Result<bool> {
        use std::os::unix::fs::PermissionsExt;
        Ok(std::fs::metadata(dir)?.permissions().mode() & 0o022 != 0)
    }

    #[cfg(not(unix))]
    pub(super) fn open_to_others(_: &Path) -> std::io::Result<bool> {
        Ok(false)
    }
}
