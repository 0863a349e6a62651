//! What a container is given: nothing that its grant does not say.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount,
    MountBindOptions, MountType, ResourcesUlimits,
};

use super::ContainerError;
use super::engine::EngineImage;
use crate::plan::Plan;
use crate::sandbox::{Access, Credentials, Directory, Grant, OpenDirectory};

/// How many processes and threads a container may have.
const PIDS: i64 = 256;

/// How much of the machine's processors, in billionths of one.
const NANO_CPUS: i64 = 1_000_000_000;

/// How large `/tmp`, and each volume of the image, can grow, in bytes. It counts as memory of the container, too.
const TMPFS: u64 = 64 << 20;

/// How many volumes an image may declare.
pub(super) const MAX_VOLUMES: usize = 16;

/// Where the kernel, devices and the sockets of other programs are: those are no files, and an open socket leads around
/// every other rule.
const NO_FILES: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/var/run"];

/// The label of every container that Lockgate starts.
pub(super) const LABEL: &str = "io.lockgate";

/// The label that says which process it belongs to.
pub(super) const OWNER: &str = "io.lockgate.owner";

/// The label that says which server it runs.
const SERVER: &str = "io.lockgate.server";

/// Why a grant is not given to a container.
#[derive(Debug, thiserror::Error)]
pub enum UnenforceableGrant {
    /// Its requests cannot be watched.
    #[error(
        "a container has no network, because what it sends could not be checked: take the grant for HTTP away, or run a server that is a component"
    )]
    Http,
    /// It is put into requests, of which there are none.
    #[error(
        "the credential {0} would be put into requests, and a container sends none: with `reveal-env` the server gets the value itself"
    )]
    Header(String),
    /// The directory would hide what the container needs.
    #[error("a directory cannot be given to a container as {0}; choose another place, as /data")]
    Place(String),
    /// There are no files in the directory.
    #[error("{0} is not given to a container: {1} holds devices and sockets of other programs, which it could use")]
    NoFiles(String, &'static str),
}

/// Checks that a container can be held to this grant.
///
/// # Errors
/// See [`UnenforceableGrant`].
pub(crate) fn check_grant(grant: &Grant) -> Result<(), UnenforceableGrant> {
    if !grant.http.is_empty() {
        return Err(UnenforceableGrant::Http);
    }
    if let Some(sent) = grant.credentials.iter().find(|credential| credential.value.header.is_some()) {
        return Err(UnenforceableGrant::Header(sent.value.name.to_string()));
    }
    for dir in &grant.dirs {
        let place = Path::new(&dir.value.guest);
        if place == Path::new("/") || NO_FILES.iter().any(|taken| place.starts_with(taken)) {
            return Err(UnenforceableGrant::Place(dir.value.guest.clone()));
        }
    }
    Ok(())
}

/// Checks that there are files alone in a directory, as far as that can be known.
pub(super) fn check_directory(open: &OpenDirectory, written: &Directory) -> Result<(), UnenforceableGrant> {
    // Where it cannot be told, it is refused.
    match NO_FILES.iter().find(|folder| open.overlaps(Path::new(folder)).unwrap_or(true)) {
        Some(folder) => Err(UnenforceableGrant::NoFiles(written.host.display().to_string(), folder)),
        None => Ok(()),
    }
}

/// The container for a plan: the same for every caller. Of its variables, some may hold secrets that the grant reveals.
pub(super) fn body(
    image: &EngineImage,
    plan: &Plan,
    credentials: &Credentials,
    user: Option<String>,
    owner: &str,
) -> Result<ContainerCreateBody, ContainerError> {
    let labels = [(LABEL, "1"), (OWNER, owner), (SERVER, plan.name.as_str())];
    let command: Vec<String> = plan.arguments.iter().map(|argument| argument.value.clone()).collect();
    let written = plan.grant.env.iter().map(|item| (item.value.name.as_str(), item.value.value.as_str()));
    let env = written.chain(credentials.variables()).map(|(name, value)| format!("{name}={value}"));
    Ok(ContainerCreateBody {
        image: Some(image.id.to_string()),
        cmd: (!command.is_empty()).then_some(command),
        env: Some(env.collect()),
        labels: Some(labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
        user,
        tty: Some(false),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        // Its stdin ends with the connection that it was started for, and so with this process.
        stdin_once: Some(true),
        network_disabled: Some(true),
        // The image's own would run a stranger's program every few seconds.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        host_config: Some(host_config(plan, volumes(image)?)),
        ..ContainerCreateBody::default()
    })
}

/// The container with the granted directories, wherever they are now.
pub(super) fn with_mounts(
    mut body: ContainerCreateBody,
    directories: &[OpenDirectory],
) -> Result<ContainerCreateBody, ContainerError> {
    let mounts = directories.iter().map(mount).collect::<Result<_, _>>()?;
    body.host_config.get_or_insert_default().mounts = Some(mounts);
    Ok(body)
}

fn host_config(plan: &Plan, volumes: Vec<String>) -> HostConfig {
    let memory = i64::try_from(plan.limits.memory.value).unwrap_or(i64::MAX);
    let tmpfs = |place: String| (place, format!("rw,nosuid,nodev,noexec,size={TMPFS},mode=1777"));
    HostConfig {
        network_mode: Some("none".to_owned()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        privileged: Some(false),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        pids_limit: Some(PIDS),
        memory: Some(memory),
        // Together with swap: there is none.
        memory_swap: Some(memory),
        nano_cpus: Some(NANO_CPUS),
        // A core dump is handled by a program of the host.
        ulimits: Some(vec![ResourcesUlimits { name: Some("core".to_owned()), soft: Some(0), hard: Some(0) }]),
        // What it wrote to the image's files would be on the host's disk without a bound, and lost in the end anyway.
        readonly_rootfs: Some(true),
        tmpfs: Some(std::iter::once("/tmp".to_owned()).chain(volumes).map(tmpfs).collect::<HashMap<_, _>>()),
        // The engine would keep all of its output on the host's disk.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        init: Some(true),
        auto_remove: Some(true),
        ..HostConfig::default()
    }
}

/// A granted directory by its path, as the kernel binds nothing by a descriptor of another process: that it is still the
/// one that was checked is for [`Launch`](super::launch::Launch) to see. Other file systems below it are left out, as
/// their own rules would hold there instead of read-only.
fn mount(directory: &OpenDirectory) -> Result<Mount, ContainerError> {
    let place = directory.place()?;
    let source = place.to_str().ok_or_else(|| ContainerError::Place(place.clone()))?;
    Ok(Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_owned()),
        target: Some(directory.guest.clone()),
        read_only: Some(directory.access == Access::Read),
        bind_options: Some(MountBindOptions { non_recursive: Some(true), ..MountBindOptions::default() }),
        ..Mount::default()
    })
}

/// Where a directory is given, the container runs as whoever runs this program: without any capability, root inside
/// would read less than that, and what it wrote would be root's. Of an engine without root, that is root inside.
pub(super) fn user(directories: &[OpenDirectory], rootless: bool) -> Option<String> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    match directories {
        [] => None,
        _ if rootless => Some("0:0".to_owned()),
        _ if user.is_root() => None,
        _ => Some(format!("{}:{}", user.as_raw(), group.as_raw())),
    }
}

/// The volumes that the image declares. Each is memory that ends with the container, instead of a place on the host's
/// disk without a bound.
fn volumes(image: &EngineImage) -> Result<Vec<String>, ContainerError> {
    match image.volumes.len() {
        ..=MAX_VOLUMES => Ok(image.volumes.clone()),
        many => Err(ContainerError::Volumes(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Digest;
    use crate::plan::{ContainerRun, Runs};
    use crate::sandbox::Limits;
    use crate::spec::{Image, Source, Sourced};
    use crate::trust::Basis;

    fn plan(grant: Grant) -> Plan {
        let image = Digest::of(b"image");
        Plan {
            name: "test".parse().unwrap(),
            source: Source::Image(Image::Local(image)),
            runs: Runs::Container(ContainerRun { image, manifest: None, index: None }),
            basis: Basis::OwnImage,
            signers: Vec::new(),
            arguments: vec![Sourced::config("--flag".to_owned())],
            grant,
            limits: Limits::default(),
        }
    }

    fn image_with(volumes: usize) -> EngineImage {
        let volumes = (0..volumes).map(|number| format!("/volume{number}")).collect();
        EngineImage { id: Digest::of(b"image"), volumes }
    }

    #[test]
    fn a_container_is_of_an_image_by_its_digest_and_has_what_is_granted() {
        let grant = Grant { env: vec![Sourced::flag("A=1".parse().unwrap())], ..Grant::default() };
        let body = body(&image_with(1), &plan(grant), &Credentials::default(), None, "home.process").unwrap();
        assert_eq!(body.image.unwrap(), Digest::of(b"image").to_string());
        assert_eq!(body.cmd.unwrap(), ["--flag"]);
        assert_eq!(body.env.unwrap(), ["A=1"]);
        assert_eq!(body.labels.unwrap()[OWNER], "home.process");
        let host = body.host_config.unwrap();
        assert_eq!(host.network_mode.unwrap(), "none");
        assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
        assert_eq!((host.binds, host.devices, host.cap_add, host.privileged), (None, None, None, Some(false)));
        assert_eq!(host.memory, host.memory_swap);
        let mut writable: Vec<String> = host.tmpfs.unwrap().into_keys().collect();
        writable.sort();
        assert_eq!(writable, ["/tmp", "/volume0"]);
    }

    #[test]
    fn an_image_cannot_declare_volumes_without_end() {
        let too_many = body(&image_with(MAX_VOLUMES + 1), &plan(Grant::default()), &Credentials::default(), None, "");
        assert!(matches!(too_many, Err(ContainerError::Volumes(17))));
    }

    #[test]
    fn what_cannot_be_enforced_is_refused() {
        let http = Grant { http: vec![Sourced::flag("https://example.com/".parse().unwrap())], ..Grant::default() };
        assert!(matches!(check_grant(&http), Err(UnenforceableGrant::Http)));
        for (guest, allowed) in [("/data", true), ("/running", true), ("/", false), ("/proc/x", false), ("/run", false)]
        {
            let dir = Sourced::flag(format!("/srv={guest}").parse().unwrap());
            let grant = Grant { dirs: vec![dir], ..Grant::default() };
            assert_eq!(check_grant(&grant).is_ok(), allowed, "{guest}");
        }
    }
}
