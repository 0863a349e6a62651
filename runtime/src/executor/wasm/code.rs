//! Native code: made here by a child, kept on disk under a key of this machine, loaded from the bytes that were checked.

use std::fs::{File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::component::Component;

use super::engine::{Engine, Profile};
use crate::artifact::Digest;
use crate::files::{is_private_file, open_at_once, private_folder};
use crate::settings::{CompileWorker, Event, Hooks};
use crate::trust::Verified;
use crate::untrusted::Untrusted;

/// The wall time of one compilation.
const TIME: Duration = Duration::from_secs(300);

/// The most native code that is taken for one component, in bytes.
const MAX_CODE: u64 = 1 << 30;

/// What a file of code starts with; the number is raised when its layout changes.
const MAGIC: &[u8; 16] = b"lockgate code 1\n";
const KEY_BYTES: usize = 32;
const HEADER: usize = MAGIC.len() + blake3::OUT_LEN;

/// Turns components into native code, once each.
pub(crate) struct Compiler {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    worker: CompileWorker,
}

/// A component that can be instantiated.
pub(crate) struct Loaded {
    pub(super) component: Component,
    /// Of the bytes it was made from.
    pub(super) digest: Digest,
}

/// Why there is no native code.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The key of this machine cannot be read or made.
    #[error("the key for compiled code at {} cannot be used; make its folder writable, or remove the file", path.display())]
    Key {
        /// The file with the key.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else could read the key or change it.
    #[error("the key for compiled code at {} is not for its owner alone; remove the file, a new one is made", .0.display())]
    KeyNotPrivate(PathBuf),
    /// The child could not be started.
    #[error("the compiler could not be started")]
    Worker(#[source] std::io::Error),
    /// The child ended without code.
    #[error("the component cannot be compiled: {0}")]
    Failed(String),
    /// The child took too long.
    #[error("the component was not compiled within {} s and was given up", TIME.as_secs())]
    TimedOut,
    /// The code is not for this engine.
    #[error("the compiled code cannot be loaded")]
    Load(#[source] wasmtime::Error),
}

impl Compiler {
    /// Uses the key at `key_path`, which is made if there is none, and keeps code in `folder`.
    pub(crate) fn new(folder: PathBuf, key_path: &Path, worker: CompileWorker) -> Result<Self, CodeError> {
        let key = machine_key(key_path)?;
        Ok(Self { folder, key, worker })
    }

    /// Loads the code of a component, and compiles it first where there is none.
    pub(crate) async fn load(&self, engine: &Engine, verified: &Verified, hooks: &Hooks) -> Result<Loaded, CodeError> {
        let name = code_name(engine, verified);
        let path = self.folder.join(format!("{name}.code"));
        if let Some(component) = self.read(engine, &path, &name, hooks) {
            return Ok(Loaded { component, digest: *verified.digest() });
        }
        let lock_path = self.folder.join(format!("{name}.lock"));
        // Whoever holds it compiles, which has the same bound; one that was stopped in the middle is not waited for.
        let _lock = tokio::time::timeout(TIME, lock(&lock_path)).await.ok().flatten();
        // Another process may have been faster.
        if let Some(component) = self.read(engine, &path, &name, hooks) {
            return Ok(Loaded { component, digest: *verified.digest() });
        }
        let bytes = verified.bytes();
        (hooks.event)(Event::Compiling { digest: *verified.digest(), bytes: bytes.len() });
        let start = Instant::now();
        let code = tokio::time::timeout(TIME, compile(&self.worker, engine.profile(), bytes))
            .await
            .map_err(|_elapsed| CodeError::TimedOut)??;
        (hooks.event)(Event::Compiled { digest: *verified.digest(), took: start.elapsed() });
        let component = deserialize(&engine.wasm, &code).map_err(CodeError::Load)?;
        if let Err(error) = self.write(&path, &name, &code) {
            // The code is there; only the next start is slower.
            (hooks.event)(Event::CodeNotKept { folder: self.folder.clone(), error: error.to_string() });
        }
        Ok(Loaded { component, digest: *verified.digest() })
    }

    /// The component of a file of ours; nothing where there is none, or it is not as we wrote it.
    fn read(&self, engine: &Engine, path: &Path, name: &str, hooks: &Hooks) -> Option<Component> {
        let mut file = Vec::new();
        open_at_once(path).and_then(|opened| opened.take(MAX_CODE + HEADER as u64).read_to_end(&mut file)).ok()?;
        let code = self.authenticated(name, &file);
        match code.map(|code| deserialize(&engine.wasm, code)) {
            Some(Ok(component)) => Some(component),
            Some(Err(_)) | None => {
                (hooks.event)(Event::CodeNotOurs { path: path.to_owned() });
                None
            }
        }
    }

    /// The code in a file that this machine wrote under this name.
    fn authenticated<'a>(&self, name: &str, file: &'a [u8]) -> Option<&'a [u8]> {
        let (header, code) = file.split_at_checked(HEADER)?;
        let mac = blake3::Hash::from_slice(header.strip_prefix(MAGIC)?).ok()?;
        // `blake3::Hash` is compared in constant time.
        (mac == self.mac(name, code)).then_some(code)
    }

    /// Writes beside the place and renames, so that nobody ever reads half a file.
    fn write(&self, path: &Path, name: &str, code: &[u8]) -> std::io::Result<()> {
        private_folder(&self.folder)?;
        let mut file = tempfile::Builder::new().prefix(".code").tempfile_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(self.mac(name, code).as_bytes())?;
        file.write_all(code)?;
        file.persist(path)?;
        Ok(())
    }

    /// The name is in it, so that a good file under another name is none.
    fn mac(&self, name: &str, code: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.key).update(name.as_bytes()).update(code).finalize()
    }
}

/// The only native code that is ever loaded: what a child of ours gave us, directly or through a file with our seal.
#[expect(unsafe_code, clippy::disallowed_methods, reason = "the bytes are code that this machine made, see above")]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: callers pass bytes from `compile`, or bytes that `authenticated` found to be exactly those.
    let component = unsafe { Component::deserialize(engine, code) }?;
    component.initialize_copy_on_write_image()?;
    Ok(component)
}

/// Names code by all that it depends on: the component, and how this engine generates code.
fn code_name(engine: &Engine, verified: &Verified) -> String {
    struct Blake3(blake3::Hasher);
    impl Hasher for Blake3 {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Blake3(blake3::Hasher::new());
    // A release brings the adapter and the encoder for core modules.
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    engine.wasm.precompile_compatibility_hash().hash(&mut hasher);
    format!("{}-{}", verified.digest().hex(), &hasher.0.finalize().to_hex()[..16])
}

async fn compile(worker: &CompileWorker, profile: Profile, component: &[u8]) -> Result<Vec<u8>, CodeError> {
    let profile = match profile {
        Profile::Pooled => "pooled",
        Profile::Small => "small",
    };
    let mut child = tokio::process::Command::new(&worker.program)
        .args(&worker.arguments)
        .arg(profile)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(CodeError::Worker)?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(CodeError::Failed("the compiler has no pipes".to_owned()));
    };
    let (mut code, mut words) = (Vec::new(), Vec::new());
    let feed = async move {
        // A child that ended early says why on its stderr.
        let _ = stdin.write_all(component).await;
        drop(stdin);
        Ok(())
    };
    let mut stdout = stdout.take(MAX_CODE);
    let mut stderr = stderr.take(64 * 1024);
    tokio::try_join!(feed, stdout.read_to_end(&mut code), stderr.read_to_end(&mut words)).map_err(CodeError::Worker)?;
    let status = child.wait().await.map_err(CodeError::Worker)?;
    if status.success() {
        return Ok(code);
    }
    let words = String::from_utf8_lossy(&words);
    let words = Untrusted::new(words.trim()).to_line(600);
    Err(CodeError::Failed(if words.is_empty() {
        format!("the compiler ended with {status}; try again")
    } else {
        words
    }))
}

/// Waits until no other process compiles the same component. Without a lock both would, and both be right.
async fn lock(path: &Path) -> Option<File> {
    private_folder(path.parent()?).ok()?;
    // For reading as well: opening a FIFO only to write waits for somebody who reads.
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path).ok()?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await.ok()?.ok()
}

/// Reads the key of this machine, or makes one. Two processes that make one at the same time end up with the same.
fn machine_key(path: &Path) -> Result<[u8; KEY_BYTES], CodeError> {
    let key_error = |source| CodeError::Key { path: path.to_owned(), source };
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    private_folder(folder).map_err(key_error)?;
    let mut key = [0; KEY_BYTES];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut key)).map_err(key_error)?;
    let mut file = tempfile::Builder::new().prefix(".key").tempfile_in(folder).map_err(key_error)?;
    file.write_all(&key).map_err(key_error)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => {
            read_key(path)?.ok_or_else(|| key_error(lost.error))
        }
        Err(lost) => Err(key_error(lost.error)),
    }
}

fn read_key(path: &Path) -> Result<Option<[u8; KEY_BYTES]>, CodeError> {
    let key_error = |source| CodeError::Key { path: path.to_owned(), source };
    let mut file = match open_at_once(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(key_error(error)),
    };
    let meta = file.metadata().map_err(key_error)?;
    if !is_private_file(&meta) {
        return Err(CodeError::KeyNotPrivate(path.to_owned()));
    }
    let mut key = [0; KEY_BYTES];
    file.read_exact(&mut key).map_err(key_error)?;
    Ok(Some(key))
}
