//! Why an entry does not become a server.

use super::fields::InvalidForm;
use super::settings::Missing;
use super::template::TooLong;
use super::variables::VariableError;

/// Why an entry does not become a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It is none.
    #[error("its {0}")]
    Form(#[from] InvalidForm),
    /// It starts a container for every call, with mounts that arguments choose.
    #[error(
        "it is of type poci: containers that are started for each call, with a command and mounts which the call's arguments choose; Lockgate does not run these"
    )]
    Poci,
    /// It speaks the transport of MCP's first revision.
    #[error("it speaks the old transport of MCP over server-sent events, and Lockgate speaks Streamable HTTP alone")]
    Sse,
    /// Settings are missing.
    #[error("it needs settings that are not given: {}", keys(.0))]
    Missing(Vec<Vec<Missing>>),
    /// A value has variables that it cannot have.
    #[error("its {place} cannot be made: {error}")]
    Variable {
        /// Which value.
        place: String,
        /// What is wrong with it.
        error: VariableError,
    },
    /// A value gets too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A volume that is none.
    #[error("its volume `{volume}` cannot be granted: {problem}")]
    Volume {
        /// What it is after its templates.
        volume: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A header that is more than a secret with words around it.
    #[error("its header `{header}` {problem}")]
    Header {
        /// Which header.
        header: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

fn keys(missing: &[Vec<Missing>]) -> String {
    let one = |needed: &Vec<Missing>| Vec::from_iter(needed.iter().map(Missing::key)).join(" or ");
    Vec::from_iter(missing.iter().map(one)).join(", ")
}

impl Refusal {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(missing) => {
                let flags = Vec::from_iter(missing.iter().filter_map(|needed| needed.first()).map(Missing::flag));
                Some(format!("give them, with values of yours: {}", flags.join(" ")))
            }
            _ => None,
        }
    }
}
