//! Which paths may be used, and where they lead.
//!
//! The sandbox holds whatever this says: nothing outside of the granted directories can be reached. What is done here is
//! to say so in the reference's words, and to follow links as it does, so that a path is shown as what it stands for.

use std::{collections::VecDeque, env, fs, io};

use unicode_normalization::UnicodeNormalization;

use crate::{disk, fault::Fault, path};

/// The granted directories, resolved, in the order of the grant.
#[derive(Debug)]
pub(crate) struct Allowed(pub(crate) Vec<String>);

/// How many links one path may go through, as on Linux.
const MAX_LINKS: usize = 40;

/// Why a path leads nowhere.
#[derive(Debug)]
enum Stop {
    /// Out of the granted directories, to what is known of this path.
    Outside(String),
    System(Fault),
}

impl Allowed {
    /// Those that this component was given.
    pub(crate) fn granted() -> Self {
        Self(disk::granted())
    }

    /// The real path of what a caller names. What is not there yet has the path it would get.
    ///
    /// # Errors
    /// As a text, where the path is not allowed or cannot be followed.
    pub(crate) fn find(&self, requested: &str) -> Result<String, String> {
        let expanded = at_home(requested);
        if path::has_drive(&expanded) {
            return Err(format!("Access denied - Windows-style path received on a POSIX host: {requested}"));
        }
        let absolute = self.absolute(&expanded);
        let Some(root) = self.root_of(&absolute) else {
            return Err(self.denied("path", &absolute));
        };
        match self.real(root, &absolute) {
            Ok(real) => Ok(real),
            Err(Stop::Outside(real)) => Err(self.denied("symlink target", &real)),
            Err(Stop::System(Fault::ENOENT)) => self.otherwise_written(root, &absolute),
            Err(Stop::System(fault)) => Err(fault.at(&format!("realpath '{absolute}'"))),
        }
    }

    /// Whether a link leads to something within.
    pub(crate) fn leads_within(&self, link: &str) -> bool {
        self.root_of(link).is_some_and(|root| self.real(root, link).is_ok())
    }

    fn denied(&self, what: &str, path: &str) -> String {
        format!("Access denied - {what} outside allowed directories: {path} not in {}", self.0.join(", "))
    }

    /// A relative path counts from the first directory within which it stays.
    fn absolute(&self, requested: &str) -> String {
        if requested.starts_with('/') {
            return path::resolve("/", requested);
        }
        let mut candidates = self.0.iter().map(|base| path::resolve(base, requested));
        let within = candidates.find(|candidate| self.root_of(candidate).is_some());
        within.unwrap_or_else(|| path::resolve(self.0.first().map_or("/", String::as_str), requested))
    }

    /// The directory a path is in, the innermost of several.
    fn root_of(&self, absolute: &str) -> Option<&str> {
        let around = self.0.iter().filter(|root| !absolute.contains('\0') && path::is_within(absolute, root));
        around.max_by_key(|root| root.len()).map(String::as_str)
    }

    /// Follows all links of a path within `root`.
    fn real(&self, root: &str, absolute: &str) -> Result<String, Stop> {
        let names = |path: &str| path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let mut ahead = VecDeque::from(names(path::below(absolute, root).unwrap_or_default()));
        let mut here = root.to_owned();
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            match name.as_str() {
                "." => continue,
                ".." => {
                    here = path::parent(&here).to_owned();
                    continue;
                }
                _ => {}
            }
            let next = path::join(&here, &name);
            if self.root_of(&next).is_none() {
                // Nothing can be asked out there; the way may come back.
                here = next;
                continue;
            }
            let about = fs::symlink_metadata(&next).map_err(system)?;
            if !about.file_type().is_symlink() {
                if !about.is_dir() && !ahead.is_empty() {
                    return Err(Stop::System(Fault::ENOTDIR));
                }
                here = next;
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Stop::System(Fault::ELOOP));
            }
            // The sandbox does not read a link to an absolute path: it leads out.
            let target = fs::read_link(&next).map_err(|error| match Fault::from(error) {
                Fault::EPERM => Stop::Outside(next.clone()),
                fault => Stop::System(fault),
            })?;
            let target = target.to_str().ok_or(Stop::System(Fault::EILSEQ))?;
            if target.starts_with('/') {
                here = "/".to_owned();
            }
            for name in names(target).into_iter().rev() {
                ahead.push_front(name);
            }
        }
        if self.root_of(&here).is_some() { Ok(here) } else { Err(Stop::Outside(here)) }
    }

    /// Finds a path whose names are on the disk in another form of the same Unicode text, as macOS writes them. Where
    /// nothing is found, that is where something new may be made.
    fn otherwise_written(&self, root: &str, absolute: &str) -> Result<String, String> {
        let mut here = root.to_owned();
        let below = path::below(absolute, root).unwrap_or_default();
        let names: Vec<&str> = below.split('/').filter(|name| !name.is_empty()).collect();
        for (place, name) in names.iter().enumerate() {
            let entries = disk::list(&here)?;
            let exact = entries.iter().find(|entry| entry.name == *name);
            let found = match exact {
                Some(entry) => entry,
                None => {
                    let equal: Vec<_> = entries.iter().filter(|entry| entry.name.nfc().eq(name.nfc())).collect();
                    match equal.as_slice() {
                        [] => return Ok(names[place..].iter().fold(here, |here, name| path::join(&here, name))),
                        [one] => *one,
                        _ => return Err(format!("Ambiguous Unicode path component: {name}")),
                    }
                }
            };
            let next = path::join(&here, &found.name);
            let inner = self.root_of(&next).unwrap_or(root);
            here = self.real(inner, &next).map_err(|stop| match stop {
                Stop::Outside(real) => self.denied("symlink target", &real),
                Stop::System(Fault::ENOENT) => {
                    format!("Parent directory does not exist: {}", path::parent(absolute))
                }
                Stop::System(fault) => fault.at(&format!("realpath '{next}'")),
            })?;
        }
        Ok(here)
    }
}

fn system(error: io::Error) -> Stop {
    Stop::System(error.into())
}

/// Puts the home folder in the place of `~`; without one it is the root.
fn at_home(requested: &str) -> String {
    match requested.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = env::var("HOME").unwrap_or_default();
            path::resolve("/", &format!("{home}/{rest}"))
        }
        _ => requested.to_owned(),
    }
}

#[cfg(test)]
mod tests;
