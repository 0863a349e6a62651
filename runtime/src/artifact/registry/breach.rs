//! How a registry's answer is none.

/// Why what answers is no registry, or not one that works: one code for each cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// Its status says that it fails, or nothing that a registry would say here.
    Status,
    /// The connection, or its answer, broke off.
    Connection,
    /// It comes too slowly.
    Slow,
    /// It sends another part of a blob than was asked for.
    Range,
    /// Its token is none.
    Token,
    /// It has another form, or lacks something.
    Form,
}

impl Breach {
    pub(in crate::artifact) fn code(self) -> &'static str {
        match self {
            Self::Status => "unexpected-status",
            Self::Connection => "connection-broken",
            Self::Slow => "too-slow",
            Self::Range => "range-mismatch",
            Self::Token => "token-unusable",
            Self::Form => "answer-invalid",
        }
    }
}
