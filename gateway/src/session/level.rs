//! How important a log message is.

use lockgate_runtime::message::Notification;
use serde::Deserialize;

/// A severity of RFC 5424, §6.2.1 (MCP schema, `LoggingLevel`); the more important is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Level {
    /// Of a log message; nothing where it has none.
    pub(super) fn of(message: &Notification) -> Option<Self> {
        #[derive(Deserialize)]
        struct Log {
            level: Level,
        }
        message.params.read::<Log>().ok().map(|log| log.level)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }
}
