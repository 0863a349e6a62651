//! From a permitted request to the link of its server.

use lockgate_runtime::message::{Request, RpcError, code};
use lockgate_runtime::{Call, Card, Link, Principal};

use crate::names::ServerId;
use crate::policy::Permit;

/// The links of one principal, one for each configured server; so far there is one.
pub(crate) struct Router {
    server: ServerId,
    link: Link,
}

impl Router {
    /// Routes everything to one server.
    pub(crate) fn to(link: Link) -> Self {
        Self { server: ServerId::FIRST, link }
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
    /// Where the permit is for another request or server.
    pub(crate) fn call(&self, permit: &Permit, request: Request) -> Result<Call, RpcError> {
        if !permit.is_for(self.server, &request.method) {
            let message = format!("a permit for something else was shown for {}", request.method);
            return Err(RpcError::new(code::INTERNAL_ERROR, message));
        }
        Ok(self.link.call(request))
    }
}

#[cfg(test)]
mod tests {
    use lockgate_runtime::Era;
    use lockgate_runtime::message::{Answer, Json};

    use super::*;
    use crate::names::Names;
    use crate::policy::decide;

    #[tokio::test]
    async fn a_request_needs_a_permit_for_its_own_method() {
        let card = Card {
            era: Era::Modern,
            server_info: Json::empty_object(),
            capabilities: Json::empty_object(),
            instructions: None,
        };
        let router = Router::to(Link::to_function(card, Principal::local(), |request, answers| {
            let _ = answers.send(Answer::Done(Ok(request.params)));
        }));
        let permit = decide(router.principal(), "tools/list", Names::of_one().resolve(None).unwrap()).unwrap();
        let call =
            |method: &str| router.call(&permit, Request { method: method.to_owned(), params: Json::empty_object() });
        assert_eq!(call("tools/list").unwrap().outcome().await.unwrap().as_str(), "{}");
        assert_eq!(call("tools/call").err().unwrap().code, code::INTERNAL_ERROR);
    }
}
