//! From a permitted request to the link of its server.

mod asked;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockgate_runtime::message::{Request, RpcError, code};
use lockgate_runtime::{Caller, Card, ClientSession, Link, Principal};

pub(crate) use self::asked::Asked;
use crate::lock::Watch;
use crate::names::{Names, ServerId};
use crate::policy::Permit;
use crate::servers::View;

/// The links of one client to the servers it sees, each opened when it is first needed.
pub(crate) struct Router {
    view: View,
    principal: Principal,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    session: Option<ClientSession>,
    links: HashMap<ServerId, Link>,
    heard: HashSet<ServerId>,
}

impl Router {
    /// Routes for one client of `principal`.
    pub(crate) fn new(view: View, principal: Principal) -> Self {
        Self { view, principal, open: Mutex::default() }
    }

    /// Whom it routes for.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What the client sees.
    #[cfg(test)]
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// How the servers are called.
    pub(crate) fn names(&self) -> &Arc<Names> {
        self.view.names()
    }

    /// What a server is called in the configuration.
    pub(crate) fn name(&self, server: ServerId) -> &str {
        self.view.slot(server).map_or("", |slot| slot.name().as_str())
    }

    /// The client begins a session: from now on, servers of the older era are connected to for it alone.
    pub(crate) fn begin(&self, session: ClientSession) {
        let mut open = self.open();
        open.session = Some(session);
        open.links.clear();
        open.heard.clear();
    }

    /// The line to a server, once it runs.
    ///
    /// # Errors
    /// Where it did not start.
    pub(crate) async fn link(&self, server: ServerId) -> Result<Link, RpcError> {
        if let Some(link) = self.running(server) {
            return Ok(link);
        }
        let slot =
            self.view.slot(server).ok_or_else(|| RpcError::new(code::INTERNAL_ERROR, "there is no such server"))?;
        slot.started().await?;
        self.running(server).ok_or_else(|| RpcError::new(code::INTERNAL_ERROR, "the server is gone"))
    }

    /// The line to a server, if it runs.
    pub(crate) fn running(&self, server: ServerId) -> Option<Link> {
        // One that was taken away has no line any more.
        let Some(running) = self.view.slot(server)?.running() else {
            self.open().links.remove(&server);
            return None;
        };
        let mut open = self.open();
        if let Some(link) = open.links.get(&server) {
            return Some(link.clone());
        }
        let link = running.server.open(Caller { principal: self.principal.clone(), session: open.session.clone() });
        open.links.insert(server, link.clone());
        Some(link)
    }

    /// The line to a server, if it runs and one was opened.
    pub(crate) fn opened(&self, server: ServerId) -> Option<Link> {
        self.view.slot(server)?.running()?;
        self.open().links.get(&server).cloned()
    }

    /// Whether nobody hears yet what a server says by itself; whoever asks does from now on.
    pub(crate) fn is_first_hearing(&self, server: ServerId) -> bool {
        self.open().heard.insert(server)
    }

    /// What a server says of itself, if that is known without asking it.
    pub(crate) fn known_card(&self, server: ServerId) -> Option<Arc<Card>> {
        self.running(server)?.known_card()
    }

    /// What a server says of itself, if that is as it was locked.
    ///
    /// # Errors
    /// Where it cannot be reached, or says something else.
    pub(crate) async fn card(&self, server: ServerId, link: &Link) -> Result<Arc<Card>, RpcError> {
        let card = link.card().await?;
        self.check_card(server, &card)?;
        Ok(card)
    }

    /// Whether what a server says of itself is as it was locked.
    ///
    /// # Errors
    /// Where it is not.
    pub(crate) fn check_card(&self, server: ServerId, card: &Card) -> Result<(), RpcError> {
        self.watch(server).map_or(Ok(()), |watch| watch.check_card(card))
    }

    /// Whether a server may be asked for what it calls `item`.
    ///
    /// # Errors
    /// Where it is locked, and its lock has no such thing.
    pub(crate) fn check_item(&self, server: ServerId, method: &str, item: &str) -> Result<(), RpcError> {
        self.watch(server).map_or(Ok(()), |watch| watch.check_item(method, item))
    }

    fn watch(&self, server: ServerId) -> Option<Arc<Watch>> {
        self.view.slot(server)?.watch()
    }

    /// Tells the person that a server takes no part in what all servers answer together.
    pub(crate) fn left_out(&self, server: ServerId, error: &RpcError) {
        self.view.left_out(self.name(server), &error.message);
    }

    /// Sends a request on its way, over the line that was asked for it. A list is compared with the server's lock before
    /// it comes out.
    ///
    /// # Errors
    /// Where the permit is for another request or server, or the server was taken away.
    pub(crate) fn call(
        &self,
        permit: &Permit,
        server: ServerId,
        link: &Link,
        request: Request,
    ) -> Result<Asked, RpcError> {
        if !permit.is_for(server, &request.method) {
            let message = format!("a permit for something else was shown for {}", request.method);
            return Err(RpcError::new(code::INTERNAL_ERROR, message));
        }
        Asked::new(link, request, self.watch(server))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use lockgate_runtime::message::{Answer, Json};
    use lockgate_runtime::{Era, Server};

    use super::*;
    use crate::names::Shown;
    use crate::policy::{Listed, decide};

    #[tokio::test]
    async fn a_request_needs_a_permit_for_its_own_method() {
        let server = Server::of_links(|caller| {
            let card = Card {
                era: Era::Modern,
                server_info: Json::empty_object(),
                capabilities: Json::empty_object(),
                instructions: None,
            };
            Link::to_function(card, caller.principal, |request, answers| {
                let _ = answers.send(Answer::Done(Ok(request.params)));
            })
        });
        let router = Router::new(View::of("fake".parse().unwrap(), server), Principal::local());
        let target = Names::of_one().resolve(Shown::Name("x")).unwrap();
        let permit = decide(&Listed::only(Principal::local()), router.principal(), "tools/list", &target).unwrap();
        let link = router.link(target.server).await.unwrap();
        let call = |method: &str| {
            let request = Request { method: method.to_owned(), params: Json::empty_object() };
            router.call(&permit, target.server, &link, request)
        };
        assert_eq!(call("tools/list").unwrap().outcome().await.unwrap().as_str(), "{}");
        assert_eq!(call("tools/call").err().unwrap().code, code::INTERNAL_ERROR);
    }
}
