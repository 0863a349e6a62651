//! A directory that an entry wants, as `docker run --volume` writes it: `HOST:GUEST[:OPTIONS]`.

use std::path::Path;

use lockgate_runtime::{Access, Directory};

/// A directory that an entry wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Volume {
    /// A path of the host, or the name of a volume that Docker would make.
    pub(super) host: String,
    /// The path in the container.
    pub(super) guest: String,
    /// What is wanted in it: as in Docker's gateway, a path of the host is read unless `rw` is written.
    pub(super) access: Access,
}

impl Volume {
    /// Reads a volume. Nothing, where the host's part is empty: its setting was not given.
    ///
    /// # Errors
    /// Where it has another form.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        let (host, rest) = text.split_once(':').ok_or("it has no path of the host")?;
        let (guest, options) = rest.split_once(':').unwrap_or((rest, ""));
        if host.is_empty() {
            return Ok(None);
        }
        let is_path = Path::new(host).is_absolute();
        if !is_path && !is_name(host) {
            return Err("its part on the host is neither an absolute path nor a name");
        }
        // A person is shown the flag that would grant it: there, `=` ends the host's part, and `,rw` gives more.
        if host.contains('=') || guest.ends_with(",rw") {
            return Err("its paths have characters that no grant can have");
        }
        let access = match options.split(',').find(|option| matches!(*option, "ro" | "rw" | "readonly")) {
            Some("rw") => Access::ReadWrite,
            Some(_) => Access::Read,
            None if is_path => Access::Read,
            None => Access::ReadWrite,
        };
        let known = |option: &str| {
            matches!(option, "" | "ro" | "rw" | "readonly" | "z" | "Z" | "cached" | "delegated" | "consistent")
        };
        if !options.split(',').all(known) {
            return Err("its options are not known");
        }
        let directory = Directory::new(host.into(), Some(guest.to_owned()), access);
        let guest = directory.map_err(|_| "its path in the container is not absolute")?.guest;
        Ok(Some(Self { host: host.to_owned(), guest, access }))
    }

    /// Whether Docker would make it.
    pub(super) fn is_named(&self) -> bool {
        !self.host.starts_with('/')
    }
}

/// Docker's names of volumes.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_read_as_docker_writes_them() {
        for (text, host, guest, access) in [
            ("/srv/data:/data", "/srv/data", "/data", Access::Read),
            ("/srv/data:/data/:rw", "/srv/data", "/data", Access::ReadWrite),
            ("/srv/data:/data:ro", "/srv/data", "/data", Access::Read),
            ("/srv/data:/data:z,ro", "/srv/data", "/data", Access::Read),
            ("my_vol-1.x:/app/dist", "my_vol-1.x", "/app/dist", Access::ReadWrite),
            ("vol:/a:ro", "vol", "/a", Access::Read),
        ] {
            let expected = Volume { host: host.to_owned(), guest: guest.to_owned(), access };
            assert_eq!(Volume::parse(text), Ok(Some(expected)), "{text}");
        }
        assert_eq!(Volume::parse(":/workspace"), Ok(None));
        assert_eq!(Volume::parse(":"), Ok(None));
    }

    #[test]
    fn what_would_be_unclear_is_refused() {
        for text in [
            "",
            "/data",
            "./a:/a",
            "../a:/a",
            "~/a:/a",
            "/a:b",
            "/a:/b/../c",
            "/a:/b:exec",
            "C:\\a:/b",
            "/a=b:/c",
            "/a:/c,rw",
            "-v:/c",
            "/a:",
        ] {
            assert!(Volume::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,40}|[a-c:/.,=]{0,20}") {
            let _ = Volume::parse(&text);
        }
    }
}
