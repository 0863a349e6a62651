//! A request that was sent to a server, and its answers, of which lists come out only as they were locked.

use std::sync::Arc;

use lockgate_runtime::message::{Answer, Json, Request, RpcError, code};
use lockgate_runtime::{Call, Link};

use crate::lock::{Kind, Watch};

/// A request on its way. Dropping it cancels the work.
pub(crate) struct Asked {
    call: Call,
    list: Option<List>,
}

/// A list that was asked for, and what it is compared with.
struct List {
    watch: Arc<Watch>,
    method: String,
}

impl Asked {
    /// Sends a request.
    ///
    /// # Errors
    /// Where the server was taken away.
    pub(crate) fn new(link: &Link, request: Request, watch: Option<Arc<Watch>>) -> Result<Self, RpcError> {
        if let Some(watch) = &watch {
            watch.check_there()?;
        }
        let list = watch.filter(|_| Kind::of_method(&request.method).is_some());
        let list = list.map(|watch| List { watch, method: request.method.clone() });
        Ok(Self { call: link.call(request), list })
    }

    /// Whether an answer is there already.
    pub(crate) fn has_answer(&self) -> bool {
        self.call.has_answer()
    }

    /// The next answer; nothing after [`Answer::Done`].
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        let answer = self.call.next().await?;
        Some(match (answer, &self.list) {
            (Answer::Done(Ok(result)), Some(List { watch, method })) => {
                Answer::Done(watch.check_list(method, &result).map(|()| result))
            }
            (answer, _) => answer,
        })
    }

    /// Waits for the end, and drops what is said on the way.
    ///
    /// # Errors
    /// What the server, or the way to it, answered instead of a result.
    pub(crate) async fn outcome(mut self) -> Result<Json, RpcError> {
        loop {
            match self.next().await {
                Some(Answer::Done(outcome)) => return outcome,
                Some(Answer::Notification(_)) => {}
                None => return Err(RpcError::new(code::INTERNAL_ERROR, "the call was already answered")),
            }
        }
    }
}
