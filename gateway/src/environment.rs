//! The one place that reads the environment of the process.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

/// Where Lockgate keeps things (XDG Base Directory Specification; all below `--home` where that is given).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folders {
    /// What a person writes.
    pub(crate) config: PathBuf,
    /// What must not get lost: keys.
    pub(crate) data: PathBuf,
    /// What can be made again: compiled code.
    pub(crate) cache: PathBuf,
}

/// Nobody says where things could be kept.
#[derive(Debug, thiserror::Error)]
#[error("HOME is not set, so there is no place to keep keys and compiled code")]
pub(crate) struct NoHome;

impl Folders {
    /// Where trust roots are kept that come by TUF.
    pub(crate) fn roots(&self) -> PathBuf {
        self.data.join("roots")
    }

    /// The folders below `home`, or where the environment says.
    pub(crate) fn find(home: Option<&Path>) -> Result<Self, NoHome> {
        if let Some(home) = home {
            let home = absolute(home);
            return Ok(Self { config: home.join("config"), data: home.join("data"), cache: home.join("cache") });
        }
        let user_home = folder("HOME");
        let base = |name: &str, below_home: &str| -> Result<PathBuf, NoHome> {
            let folder = folder(name).or_else(|| user_home.as_ref().map(|home| home.join(below_home)));
            Ok(folder.ok_or(NoHome)?.join("lockgate"))
        };
        Ok(Self {
            config: base("XDG_CONFIG_HOME", ".config")?,
            data: base("XDG_DATA_HOME", ".local/share")?,
            cache: base("XDG_CACHE_HOME", ".cache")?,
        })
    }
}

/// Docker's configuration file, with passwords for registries (Docker CLI, "Configuration files"); nothing where
/// nobody's home is known.
pub(crate) fn docker_config() -> Option<PathBuf> {
    let folder = folder("DOCKER_CONFIG").or_else(|| Some(folder("HOME")?.join(".docker")));
    Some(folder?.join("config.json"))
}

/// The socket of the engine that runs containers: where `DOCKER_HOST` says, or else where Docker or Podman listen by
/// default. Nothing where there is none; an engine that is reached over a network is none.
pub(crate) fn engine_socket() -> Option<PathBuf> {
    if let Some(host) = variable("DOCKER_HOST").filter(|host| !host.is_empty()) {
        return host.to_str()?.strip_prefix("unix://").map(PathBuf::from);
    }
    let user = folder("XDG_RUNTIME_DIR");
    let of_user = user.iter().flat_map(|folder| [folder.join("podman/podman.sock"), folder.join("docker.sock")]);
    std::iter::once(PathBuf::from("/var/run/docker.sock")).chain(of_user).find(|socket| socket.exists())
}

/// What this process lacks of the address space that its threads and its guests' code need, as a message; with less, a
/// thread that cannot be made would end it at some later time.
pub(crate) fn lacks_address_space() -> Option<String> {
    const MIB: u64 = 1 << 20;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let needed = (256 + 32 * cores) * MIB;
    let limit = getrlimit(Resource::As).current.filter(|limit| *limit < needed)?;
    Some(format!(
        "this process may have {} MiB of address space, and needs {} MiB on {cores} cores",
        limit / MIB,
        needed / MIB
    ))
}

/// Whether this runs where nobody is asked, as services say that build and test: `CI`, with anything but what means no.
pub(crate) fn is_ci() -> bool {
    variable("CI").is_some_and(|said| means_yes(&said))
}

fn means_yes(said: &OsStr) -> bool {
    !said.is_empty() && said != "false" && said != "0"
}

/// A variable with an absolute path. The specification says to ignore relative ones.
fn folder(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Any variable.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_for_ci_can_say_no() {
        let no = ["", "false", "0"].map(|said| means_yes(said.as_ref()));
        let yes = ["true", "1", "yes", "github", "00"].map(|said| means_yes(said.as_ref()));
        assert_eq!((no, yes), ([false; 3], [true; 5]));
    }

    #[test]
    fn a_given_home_holds_everything() {
        let folders = Folders::find(Some(Path::new("/srv/lockgate"))).unwrap();
        for folder in [folders.config, folders.data, folders.cache] {
            assert!(folder.starts_with("/srv/lockgate"));
        }
    }
}
