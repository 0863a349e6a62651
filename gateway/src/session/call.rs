//! One request on its way to a server and back.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lockgate_runtime::message::{Answer, Json, Message, Notification, Request, RpcError, code};

use super::budget::Charge;
use super::client::{Client, progress_token};
use super::input::{Answered, InputRequired};
use super::level::Level;
use super::method::Served;
use super::outbox::{Outbox, Reply};
use super::progress::Progress;
use super::rename::Shower;
use super::{Session, legacy, upstream};
use crate::names::ServerId;
use crate::router::Asked;

/// How long an answer is waited for awake. A small server is done sooner than a sleeping thread wakes up; of a slow one,
/// this is lost once for each call.
const AWAKE: Duration = Duration::from_micros(50);

/// Waits for the first answer without falling asleep, for a moment. Whatever else the session has to do goes on.
async fn stay_awake_for(call: &mut Asked) {
    let start = Instant::now();
    while !call.has_answer() && start.elapsed() < AWAKE {
        tokio::task::yield_now().await;
    }
}

/// A request that a server has to answer, and what its client is to hear of it.
pub(super) struct Passage {
    pub(super) session: Arc<Session>,
    pub(super) served: Served,
    pub(super) method: String,
    /// As links take them.
    pub(super) params: Json,
    pub(super) charge: Arc<Charge>,
    /// The way to the client before the answer.
    pub(super) before: Outbox,
    client: Client,
    progress: Progress,
    /// Who was asked last.
    server: ServerId,
}

impl Passage {
    /// Makes the request one that links take.
    pub(super) fn new(
        session: Arc<Session>,
        client: Client,
        served: Served,
        request: Request,
        charge: Arc<Charge>,
        reply: &Reply,
    ) -> Result<Self, RpcError> {
        let progress = Progress::new(progress_token(&request.params)?);
        let params = match &client {
            Client::Modern(_) => request.params,
            Client::Legacy(legacy) => legacy::modernise(&request.params, legacy)?,
        };
        let (before, server) = (reply.before.clone(), ServerId::FIRST);
        Ok(Self { session, served, method: request.method, params, charge, before, client, progress, server })
    }

    /// Passes the request on until it is answered.
    pub(super) async fn travel(mut self) -> Result<Json, RpcError> {
        match self.client.clone() {
            // It may ask again, but that is another request.
            Client::Modern(modern) => {
                let params = mem::replace(&mut self.params, Json::empty_object());
                let result = self.round(params).await?;
                if self.served.may_ask()
                    && let Answered::InputRequired(input) = Answered::read(&result)?
                {
                    self.check(&input, &modern.capabilities)?;
                }
                Ok(result)
            }
            Client::Legacy(legacy) => self.travel_with_questions(&legacy).await,
        }
    }

    /// Sends the request to the server, and passes on what it says until it is done.
    pub(super) async fn round(&mut self, params: Json) -> Result<Json, RpcError> {
        let request = Request { method: self.method.clone(), params };
        let session = Arc::clone(&self.session);
        let addressed = session.address(self.served, request).await?;
        let (server, era) = (addressed.server, addressed.era);
        self.server = server;
        let shower = Shower { names: session.router.names(), server };
        let mut call = session.send(addressed)?;
        // Where there are many clients, others have more use for the time.
        if session.circle.is_of_one() {
            stay_awake_for(&mut call).await;
        }
        while let Some(answer) = call.next().await {
            match answer {
                Answer::Notification(notification) => self.pass_on(shower.notification(notification)).await,
                Answer::Done(outcome) => {
                    return match (upstream::outcome(era, self.served, outcome), &self.client) {
                        (Ok(result), _) => Ok(shower.result(self.served, result)),
                        (Err(error), Client::Modern(_)) => Err(error),
                        (Err(error), Client::Legacy(_)) => Err(legacy::error(self.served, error)),
                    };
                }
            }
        }
        Err(RpcError::new(code::INTERNAL_ERROR, "the server ended without an answer"))
    }

    /// Whether the client may be asked, and can be.
    pub(super) fn check(&self, input: &InputRequired, capabilities: &Json) -> Result<(), RpcError> {
        for (_, question) in &input.questions {
            self.session.permit_for(self.server, question.method())?;
        }
        input.check(capabilities)
    }

    /// Passes a notification on to whoever wants it; what MCP does not have goes nowhere.
    async fn pass_on(&mut self, notification: Notification) {
        let wanted = match &*notification.method {
            "notifications/progress" => self.progress.admit(&notification),
            "notifications/message" => self.wants(&notification).then_some(notification),
            _ => return self.session.announce(&notification).await,
        };
        if let Some(notification) = wanted {
            self.before.send(Message::Notification(notification)).await;
        }
    }

    /// Whether the client wants to see a log message.
    fn wants(&self, message: &Notification) -> bool {
        self.session.offers().logging && Level::of(message).is_some_and(|level| self.client.wants_log(level))
    }
}
