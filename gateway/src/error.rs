//! How a command fails: what failed, why, what to do next, and the exit code that says which kind it is.

use std::error::Error;
use std::process::ExitCode;

use crate::config::ConfigError;
use lockgate_runtime::{
    ContainerError, DepotError, DirectoryError, Refused, Remedy, ResolveError, RuntimeError, SecretError,
    SecretStoreError, ServerError, Untrusted,
};

/// Which kind of failure it is, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was tried, and went wrong.
    Failed,
    /// It was asked for in a way that cannot be understood.
    Usage,
    /// Trust, policy or grant do not allow it.
    Refused,
    /// The tool was called, and answered with an error.
    ToolError,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    message: String,
    /// Lines that are harmless to show as they are.
    details: String,
    hints: Vec<String>,
}

impl CommandError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: String::new(), hints: Vec::new() }
    }

    /// An error with all of its causes.
    pub(crate) fn from_error(kind: Kind, error: &(dyn Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::new(kind, message)
    }

    /// What failed, and why.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Says what was being read or done.
    pub(crate) fn during(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Adds lines for the person at this terminal, which are harmless there as they are. Nobody else is shown them.
    pub(crate) fn details(self, details: String) -> Self {
        Self { details, ..self }
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What is shown. The message may hold a stranger's words, so it is escaped as a whole.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("lockgate: {}\n", Untrusted::new(self.message.as_str()).to_lines(4000));
        self.details.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
        for hint in &self.hints {
            text.push_str(&format!("  help: {}\n", Untrusted::new(hint.as_str()).to_lines(2000)));
        }
        text
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Refused => 3,
            Kind::ToolError => 5,
        })
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        let kind = match &error {
            ConfigError::Unreadable { .. } => Kind::Failed,
            ConfigError::TooLarge(_)
            | ConfigError::Form { .. }
            | ConfigError::Server { .. }
            | ConfigError::Trust { .. }
            | ConfigError::TrustOfProject(_)
            | ConfigError::Twice { .. } => Kind::Usage,
        };
        Self::from_error(kind, &error)
    }
}

impl From<RuntimeError> for CommandError {
    fn from(error: RuntimeError) -> Self {
        Self::from_error(Kind::Failed, &error)
    }
}

/// With the exact lines that would let it run.
impl From<Refused> for CommandError {
    fn from(error: Refused) -> Self {
        let refused = Self::from_error(Kind::Refused, &error);
        let remedies = error.remedies().iter();
        remedies.fold(refused, |refused, Remedy { when, write }| {
            refused.hint(format!("{when}:\n    {}", write.replace('\n', "\n    ")))
        })
    }
}

impl From<DepotError> for CommandError {
    fn from(error: DepotError) -> Self {
        let kind = match &error {
            // Somebody offers what is not what its name says, or leads elsewhere.
            DepotError::OtherBytes { .. }
            | DepotError::OtherSize { .. }
            | DepotError::TooLarge { .. }
            | DepotError::AnswerTooLarge { .. }
            | DepotError::NotFollowed { .. }
            | DepotError::Manifest { .. }
            | DepotError::Component(_)
            | DepotError::Image(_) => Kind::Refused,
            DepotError::NotOne { .. } | DepotError::TwiceTagged { .. } => Kind::Usage,
            DepotError::None(_)
            | DepotError::Unreachable { .. }
            | DepotError::Denied { .. }
            | DepotError::Credentials { .. }
            | DepotError::Broken { .. }
            | DepotError::TagTaken(_)
            | DepotError::Busy(_)
            | DepotError::NoLayout(_)
            | DepotError::Store(_)
            | DepotError::Unreadable { .. }
            | DepotError::Unwritable { .. }
            | DepotError::Interrupted(_) => Kind::Failed,
        };
        Self::from_error(kind, &error)
    }
}

impl From<ResolveError> for CommandError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Depot(error) => error.into(),
            ResolveError::Refused(refused) => refused.into(),
            ResolveError::Container(error) => container(&error),
            ResolveError::ImageInFolder { .. } | ResolveError::Unenforceable(_) | ResolveError::NotEnforced(_) => {
                Self::from_error(Kind::Refused, &error)
            }
            ResolveError::Grant(_) | ResolveError::Own(_) => Self::from_error(Kind::Usage, &error),
            ResolveError::Artifact(_)
            | ResolveError::Unknowable { .. }
            | ResolveError::NotBuiltIn(_)
            | ResolveError::NotYet(_)
            | ResolveError::NotAServer { .. } => Self::from_error(Kind::Failed, &error),
        }
    }
}

impl From<ServerError> for CommandError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Resolve(error) => error.into(),
            ServerError::Container(error) => container(&error),
            ServerError::Refused(refused) => refused.into(),
            ServerError::Grant(_) => Self::from_error(Kind::Usage, &error),
            ServerError::Imports(_) => Self::from_error(Kind::Refused, &error),
            ServerError::Directory(
                DirectoryError::OwnHouse { .. } | DirectoryError::Link(_) | DirectoryError::Kernel(_),
            ) => Self::from_error(Kind::Refused, &error),
            ServerError::Secret(SecretError::Store(error)) => error.into(),
            ServerError::Secret(SecretError::InSight { .. }) => Self::from_error(Kind::Refused, &error),
            ServerError::Directory(_)
            | ServerError::Secret(_)
            | ServerError::Code(_)
            | ServerError::Start(_)
            | ServerError::Threads(_) => Self::from_error(Kind::Failed, &error),
        }
    }
}

impl From<SecretStoreError> for CommandError {
    fn from(error: SecretStoreError) -> Self {
        let kind = match &error {
            SecretStoreError::KeyNotPrivate(_) => Kind::Refused,
            SecretStoreError::Failed { .. }
            | SecretStoreError::Silent { .. }
            | SecretStoreError::KeyMissing { .. }
            | SecretStoreError::File { .. }
            | SecretStoreError::Damaged { .. } => Kind::Failed,
        };
        Self::from_error(kind, &error)
    }
}

/// A container that does not run, through no rule but the grant's.
fn container(error: &ContainerError) -> CommandError {
    let kind = match error {
        ContainerError::Grant(_) => Kind::Refused,
        ContainerError::Directory(
            DirectoryError::OwnHouse { .. } | DirectoryError::Link(_) | DirectoryError::Kernel(_),
        ) => Kind::Refused,
        _ => Kind::Failed,
    };
    CommandError::from_error(kind, error)
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::from_error(Kind::Failed, &error)
    }
}
