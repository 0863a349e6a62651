//! The paths of this listener.

/// Which servers are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// All of them.
    All,
    /// The one of this name, as it is.
    One(String),
}

impl Place {
    /// Reads a path; nothing where there is nothing. Names of servers need no percent-encoding, so that there is one
    /// way to write each path.
    pub(super) fn read(path: &str) -> Option<Self> {
        if path == "/mcp" {
            return Some(Self::All);
        }
        let name = path.strip_prefix("/servers/")?.strip_suffix("/mcp")?;
        (!name.is_empty() && !name.contains('/')).then(|| Self::One(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_kinds_of_paths_and_nothing_else() {
        assert_eq!(Place::read("/mcp"), Some(Place::All));
        assert_eq!(Place::read("/servers/time/mcp"), Some(Place::One("time".to_owned())));
        for path in [
            "",
            "/",
            "/mcp/",
            "//mcp",
            "/MCP",
            "/mcp/x",
            "/servers",
            "/servers/mcp",
            "/servers//mcp",
            "/servers/a/b/mcp",
            "/servers/a/mcp/",
            "/servers/a",
            "*",
        ] {
            assert_eq!(Place::read(path), None, "{path}");
        }
    }
}
