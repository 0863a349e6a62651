//! The revisions of MCP that clients may speak.

/// The revision without sessions, in which every request stands for itself.
pub(super) const MODERN: &str = "2026-07-28";

/// A revision with sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revision {
    V2024_11_05,
    V2025_03_26,
    V2025_06_18,
    V2025_11_25,
}

impl Revision {
    /// The newest first.
    const ALL: [Self; 4] = [Self::V2025_11_25, Self::V2025_06_18, Self::V2025_03_26, Self::V2024_11_05];

    /// What is spoken with a client that asks for `requested`: that, or the newest (MCP 2025-11-25, "Version
    /// Negotiation").
    pub(super) fn negotiate(requested: &str) -> Self {
        Self::ALL.into_iter().find(|revision| revision.as_str() == requested).unwrap_or(Self::V2025_11_25)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }

    /// Whether it knows batches: JSON-RPC has them, but MCP took them out again after one revision.
    pub(super) fn has_batches(self) -> bool {
        self == Self::V2025_03_26
    }
}

/// All that is spoken, the newest first.
pub(super) fn spoken() -> Vec<&'static str> {
    std::iter::once(MODERN).chain(Revision::ALL.map(Revision::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_revision_is_spoken_and_the_newest_with_sessions_otherwise() {
        for known in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
            assert_eq!(Revision::negotiate(known).as_str(), known);
        }
        for unknown in ["2026-07-28", "2099-01-01", "", "1"] {
            assert_eq!(Revision::negotiate(unknown), Revision::V2025_11_25);
        }
    }

    #[test]
    fn what_is_spoken_is_listed_newest_first() {
        assert_eq!(spoken(), ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]);
    }
}
