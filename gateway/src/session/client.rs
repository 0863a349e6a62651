//! What is known of the client that sent a request, in either era.

use std::sync::{Arc, Mutex, PoisonError};

use lockgate_runtime::message::{Json, Members, RpcError, code, meta};
use lockgate_runtime::{ClientSession, Era};

use super::level::Level;
use super::revision::Revision;

/// Who sent a request.
#[derive(Debug, Clone)]
pub(super) enum Client {
    /// One whose requests say everything themselves.
    Modern(Modern),
    /// One that said it once, when its session began.
    Legacy(Arc<Legacy>),
}

/// What a modern request says of its client.
#[derive(Debug, Clone)]
pub(super) struct Modern {
    /// The object `clientCapabilities`.
    pub(super) capabilities: Json,
    /// The least important log message it wants; without one it wants none.
    pub(super) log_level: Option<Level>,
}

/// What a client said when its session began.
#[derive(Debug)]
pub(super) struct Legacy {
    pub(super) revision: Revision,
    /// The object `clientInfo`.
    pub(super) info: Json,
    /// The object `capabilities`.
    pub(super) capabilities: Json,
    log_level: Mutex<Level>,
}

impl Legacy {
    /// A session begins. Until the client says otherwise, it is sent what a person would want to see.
    pub(super) fn new(revision: Revision, info: Json, capabilities: Json) -> Self {
        Self { revision, info, capabilities, log_level: Mutex::new(Level::Info) }
    }

    /// How much the client said of itself, in bytes.
    pub(super) fn introduction(&self) -> usize {
        self.info.as_str().len() + self.capabilities.as_str().len()
    }

    /// What servers of the older era are told of the client.
    pub(super) fn to_session(&self) -> ClientSession {
        ClientSession {
            revision: self.revision.as_str().to_owned(),
            info: self.info.clone(),
            capabilities: self.capabilities.clone(),
        }
    }

    pub(super) fn log_level(&self) -> Level {
        *self.log_level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_log_level(&self, level: Level) {
        *self.log_level.lock().unwrap_or_else(PoisonError::into_inner) = level;
    }
}

impl Client {
    pub(super) fn era(&self) -> Era {
        match self {
            Self::Modern(_) => Era::Modern,
            Self::Legacy(_) => Era::Legacy,
        }
    }

    /// Whether it wants to see log messages of this level, now.
    pub(super) fn wants_log(&self, level: Level) -> bool {
        match self {
            Self::Modern(modern) => modern.log_level.is_some_and(|least| level >= least),
            Self::Legacy(legacy) => level >= legacy.log_level(),
        }
    }
}

/// The token under which the client wants to hear of a request's progress, if it does.
pub(super) fn progress_token(params: &Json) -> Result<Option<Json>, RpcError> {
    let invalid = || RpcError::new(code::INVALID_PARAMS, "`progressToken` is a string or a number");
    let meta = meta_of(params)?;
    let Some(token) = meta.read::<Json>(meta::PROGRESS_TOKEN).map_err(|_| invalid())? else {
        return Ok(None);
    };
    match token.as_str().as_bytes().first() {
        Some(b'"' | b'-' | b'0'..=b'9') => Ok(Some(token)),
        _ => Err(invalid()),
    }
}

/// The members of `_meta`, none where there is no `_meta`.
pub(super) fn meta_of(params: &Json) -> Result<Members<'_>, RpcError> {
    #[derive(serde::Deserialize)]
    struct WithMeta<'a> {
        #[serde(borrow, rename = "_meta", default)]
        meta: Members<'a>,
    }
    let with_meta: WithMeta<'_> = params
        .read()
        .map_err(|error| RpcError::new(code::INVALID_PARAMS, format!("`_meta` must be an object: {error}")))?;
    Ok(with_meta.meta)
}
