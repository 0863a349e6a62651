//! What a server may touch, and how much it may use. A sandbox starts with nothing.

mod broker;
mod credential;
mod credentials;
mod directory;
mod grant;
mod http_rule;
mod limits;
mod redact;

pub(crate) use crate::dial::Unreachable;
pub(crate) use broker::{Broker, BrokerError, Brokers, HttpRequest, HttpResponse, MAX_REQUEST_BODY};
pub use credential::{Credential, CredentialHeader, Destination, Format, InvalidCredential, WrittenCredential};
pub(crate) use credentials::Credentials;
pub use directory::DirectoryError;
pub(crate) use directory::{OpenDirectory, ProtectedFolders};
pub use grant::{Access, Directory, Grant, InvalidGrant, Variable};
pub use http_rule::HttpRule;
pub use limits::{InvalidLimit, Limits, parse_bytes, parse_duration};
