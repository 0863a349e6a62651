//! The names that clients use, and whose they are.
//!
//! Names come from the configuration and never from who is alive, so that no server takes over another's names. Where
//! one server is configured they are as the server gave them, which is all there is so far.

/// One of the configured servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerId(usize);

impl ServerId {
    /// The server that is configured first.
    pub(crate) const FIRST: Self = Self(0);
}

/// What a request is about, as its server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The server that is asked.
    pub(crate) server: ServerId,
    /// Its own name for the tool or prompt, or its own URI for the resource; nothing where the request names none.
    pub(crate) item: Option<String>,
}

/// Who owns which names.
#[derive(Debug)]
pub(crate) struct Names {
    only: ServerId,
}

impl Names {
    /// The names of a single server.
    pub(crate) fn of_one() -> Self {
        Self { only: ServerId::FIRST }
    }

    /// Whose `shown` is; a request that names nothing is for everybody. Nothing where no configured server can have it.
    pub(crate) fn resolve(&self, shown: Option<&str>) -> Option<Target> {
        Some(Target { server: self.only, item: shown.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_single_server_are_as_they_are() {
        let names = Names::of_one();
        for shown in ["echo", "a__b", "file:///x y", ""] {
            assert_eq!(names.resolve(Some(shown)).unwrap().item.as_deref(), Some(shown));
        }
        assert_eq!(names.resolve(None).unwrap().item, None);
    }
}
