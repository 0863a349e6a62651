//! A command's own requests to a server, without a client in between: those of a client of today that can be asked
//! nothing.

use lockgate_runtime::message::{Json, Members, Request, RpcError, meta};
use lockgate_runtime::{Call, Era, Link};

use super::method::Served;
use super::revision::MODERN;
use super::upstream;

/// A line to a server of either era.
pub(crate) struct Direct {
    link: Link,
    era: Era,
}

impl Direct {
    /// Connects to the server, where that is what it takes.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub(crate) async fn to(link: Link) -> Result<Self, RpcError> {
        let era = link.card().await?.era;
        Ok(Self { link, era })
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// Where `params` is no object.
    pub(crate) fn call_tool(&self, params: Json) -> Result<Call, RpcError> {
        self.send("tools/call", params)
    }

    /// What a call of a tool came to.
    ///
    /// # Errors
    /// Where that is an error.
    pub(crate) fn called(&self, outcome: Result<Json, RpcError>) -> Result<Json, RpcError> {
        upstream::outcome(self.era, Served::CallTool, outcome)
    }

    /// One page of the list of tools.
    ///
    /// # Errors
    /// What the server answered instead.
    pub(crate) async fn list_tools(&self, params: Json) -> Result<Json, RpcError> {
        let outcome = self.send("tools/list", params)?.outcome().await;
        upstream::outcome(self.era, Served::List, outcome)
    }

    fn send(&self, method: &str, params: Json) -> Result<Call, RpcError> {
        let mut of_request = Members::default();
        of_request.set(meta::PROTOCOL_VERSION, Json::of(&MODERN));
        of_request.set(meta::CLIENT_CAPABILITIES, Json::empty_object());
        let info = serde_json::json!({ "name": "lockgate", "version": env!("CARGO_PKG_VERSION") });
        of_request.set(meta::CLIENT_INFO, Json::of(&info));
        let mut members = params.members().unwrap_or_default();
        members.set("_meta", of_request.to_json());
        let params = upstream::params(self.era, members.to_json())?;
        Ok(self.link.call(Request { method: method.to_owned(), params }))
    }
}
