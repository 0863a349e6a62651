//! What a transport may know of a request before any session takes it: HTTP says some of it in headers as well.

use lockgate_runtime::Era;
use lockgate_runtime::message::{Request, RpcError};

use super::method::{Item, Method, Served};
use super::revision::{MODERN, spoken};
use super::{modern, request};

/// A request that says everything itself.
pub(crate) struct Alone<'a> {
    request: &'a Request,
    version: String,
}

impl<'a> Alone<'a> {
    /// Reads what is needed of it; nothing where it belongs to a session.
    ///
    /// # Errors
    /// Where it says only a part of what it has to.
    pub(crate) fn read(request: &'a Request) -> Result<Option<Self>, RpcError> {
        Ok(modern::version(request)?.map(|version| Self { request, version }))
    }

    /// The revision of MCP that it says it speaks.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Its method.
    pub(crate) fn method(&self) -> &str {
        &self.request.method
    }

    /// The tool, prompt or resource that its header `Mcp-Name` has to name (MCP, "Standard Request Headers").
    ///
    /// # Errors
    /// Where the request has to name one, and does not.
    pub(crate) fn name(&self) -> Result<Option<String>, RpcError> {
        match Method::of(self.method(), Era::Modern) {
            Some(Method::Serve(served @ (Served::CallTool | Served::GetPrompt | Served::ReadResource))) => {
                Ok(served.item(&self.request.params)?.map(|item| match item {
                    Item::Name(text) | Item::Uri(text) => text,
                }))
            }
            _ => Ok(None),
        }
    }

    /// Whether its revision is spoken here, and has such a method.
    ///
    /// # Errors
    /// Where not.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        if self.version != MODERN {
            return Err(modern::unsupported(&self.version));
        }
        match Method::of(self.method(), Era::Modern) {
            Some(_) => Ok(()),
            None => Err(request::unknown_method(self.method())),
        }
    }
}

/// The answer to a request that belongs to a session, and to none.
pub(crate) fn neither_era() -> RpcError {
    modern::neither_era()
}

/// Whether a revision of MCP is spoken here, and if so, whether it has sessions.
///
/// # Errors
/// Where it is not.
pub(crate) fn check_spoken(version: &str) -> Result<bool, RpcError> {
    if spoken().contains(&version) { Ok(version != MODERN) } else { Err(modern::unsupported(version)) }
}
