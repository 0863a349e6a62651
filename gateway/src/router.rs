//! From a permitted request to the link of its server.

use lockgate_runtime::message::{Request, RpcError, code};
use lockgate_runtime::{Call, Card, Link, Principal};

use crate::policy::Permit;

/// The links of one principal, one for each configured server; so far there is one.
pub(crate) struct Router {
    link: Link,
}

impl Router {
    /// Routes everything to one server.
    pub(crate) fn to(link: Link) -> Self {
        Self { link }
    }

    /// Whom it routes for.
    pub(crate) fn principal(&self) -> &Principal {
        self.link.principal()
    }

    /// What the server says of itself.
    pub(crate) fn card(&self) -> &Card {
        self.link.card()
    }

    /// Sends a request on its way.
    ///
    /// # Errors
    /// Where the permit is for another request.
    pub(crate) fn call(&self, permit: &Permit, request: Request) -> Result<Call, RpcError> {
        if permit.method() != request.method {
            let message = format!("a permit for {} was shown for {}", permit.method(), request.method);
            return Err(RpcError::new(code::INTERNAL_ERROR, message));
        }
        Ok(self.link.call(request))
    }
}
