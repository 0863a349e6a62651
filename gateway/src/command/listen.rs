//! How `run` serves clients over HTTP.

use clap::Args;

use super::Common;
use crate::error::{CommandError, Kind};
use crate::report::write_line;
use crate::tokens::{Access, Found, Tokens, TokensError};
use crate::transport::http::{Address, ListenError, Listening};

/// The heading of these flags in the help.
const HTTP: &str = "Serving over HTTP (otherwise stdin and stdout are served)";

/// Where clients come in, and who may.
#[derive(Debug, Args)]
pub(super) struct Listen {
    /// Serve any number of clients at http://ADDRESS:PORT/mcp; port 0 is any that is free
    #[arg(long, help_heading = HTTP, value_name = "ADDRESS:PORT")]
    listen: Option<Address>,
    /// Serve everybody on this machine, without asking for a token
    #[arg(long, help_heading = HTTP, requires = "listen")]
    no_auth: bool,
}

/// A listener with those who may come in.
pub(super) struct Opened {
    pub(super) listening: Listening,
    pub(super) access: Access,
}

impl Listen {
    /// Takes the address, if one was given, and reads the tokens; makes them at the first start. Servers have to know
    /// the address before they start.
    pub(super) fn open(&self, common: &Common) -> Result<Option<Opened>, CommandError> {
        let Some(address) = self.listen else {
            return Ok(None);
        };
        let access = if self.no_auth { Access::anybody() } else { Access::Tokens(tokens(common)?) };
        let listening = Listening::on(address)?;
        Ok(Some(Opened { listening, access }))
    }
}

impl Opened {
    /// Says where it listens.
    pub(super) fn announce(&self) {
        write_line(&format!("listening on {}", self.listening.url()));
        if let Access::Anybody { .. } = self.access {
            write_line("NO TOKEN IS ASKED FOR: everybody on this machine may use these servers");
        }
    }
}

fn tokens(common: &Common) -> Result<Tokens, CommandError> {
    let path = common.folders()?.config.join("tokens");
    let (tokens, found) = Tokens::read_or_make(&path)?;
    if found == Found::Made {
        let path = path.display();
        write_line(&format!("made a token for `local` in {path}; clients send it as `Authorization: Bearer TOKEN`"));
        write_line(&format!("to read it: awk '$1 == \"local\" {{ print $2 }}' '{path}'"));
    }
    Ok(tokens)
}

impl From<TokensError> for CommandError {
    fn from(error: TokensError) -> Self {
        let kind = match &error {
            TokensError::NotPrivate(_) => Kind::Refused,
            TokensError::Line { .. } | TokensError::Empty(_) => Kind::Usage,
            TokensError::Read { .. } | TokensError::Make { .. } => Kind::Failed,
        };
        Self::from_error(kind, &error)
    }
}

impl From<ListenError> for CommandError {
    fn from(error: ListenError) -> Self {
        let failed = Self::from_error(Kind::Failed, &error);
        match error {
            ListenError::InUse(_) => failed.hint("stop that program, or choose another port; port 0 is any free one"),
            ListenError::Bind { .. } => failed,
        }
    }
}
