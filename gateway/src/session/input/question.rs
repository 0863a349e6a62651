//! One thing that a server wants from a client.

use lockgate_runtime::message::{Json, Members, Request, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::revision::Revision;
use super::malformed;

/// Something a client is asked for.
#[derive(Debug)]
pub(in super::super) struct Question {
    kind: Kind,
    params: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The person fills in a form.
    Form,
    /// The person opens a page.
    Url,
    /// The client's model writes.
    Sampling,
    /// The client's model writes, and may use tools.
    SamplingWithTools,
    /// Which folders the client works on.
    Roots,
}

impl Question {
    /// The question that an older server asks with a request of its own.
    pub(in super::super) fn of(request: &Request) -> Result<Self, RpcError> {
        #[derive(Serialize)]
        struct InputRequest<'a> {
            method: &'a str,
            params: &'a Json,
        }
        Self::read(Json::of(&InputRequest { method: &request.method, params: &request.params }).as_str())
    }

    pub(super) fn read(request: &str) -> Result<Self, RpcError> {
        #[derive(Deserialize)]
        struct InputRequest {
            method: String,
            #[serde(default = "Json::empty_object")]
            params: Json,
        }
        let request: InputRequest = serde_json::from_str(request).map_err(|_| malformed("`inputRequests`"))?;
        let params = request.params.members().map_err(|_| malformed("`inputRequests`"))?;
        if params.lookalike(&["mode", "tools", "toolChoice"]).is_some() {
            return Err(malformed("a key in another case than MCP's"));
        }
        let mode = params.read::<String>("mode").map_err(|_| malformed("`mode`"))?;
        let kind = match (&*request.method, mode.as_deref()) {
            ("elicitation/create", None | Some("form")) => Kind::Form,
            ("elicitation/create", Some("url")) => Kind::Url,
            ("sampling/createMessage", _) if params.get("tools").is_some() || params.get("toolChoice").is_some() => {
                Kind::SamplingWithTools
            }
            ("sampling/createMessage", _) => Kind::Sampling,
            ("roots/list", _) => Kind::Roots,
            (_, _) => return Err(malformed("the method of one of the `inputRequests`")),
        };
        drop(params);
        Ok(Self { kind, params: request.params })
    }

    /// What is asked, in a word.
    pub(in super::super) fn method(&self) -> &'static str {
        match self.kind {
            Kind::Form | Kind::Url => "elicitation/create",
            Kind::Sampling | Kind::SamplingWithTools => "sampling/createMessage",
            Kind::Roots => "roots/list",
        }
    }

    /// The question as a request to a client with a session; no other question has this `name`.
    pub(in super::super) fn to_request(&self, revision: Revision, name: &str) -> Request {
        let mut params = self.params.members().unwrap_or_default();
        // Later revisions have no such id.
        if self.kind == Kind::Url && revision == Revision::V2025_11_25 && params.get("elicitationId").is_none() {
            params.set("elicitationId", Json::of(&name));
        }
        Request { method: self.method().to_owned(), params: params.to_json() }
    }

    /// Whether a client with these capabilities can be asked.
    pub(in super::super) fn is_covered_by(&self, declared: &Members<'_>) -> bool {
        let capability = |name: &str| declared.read::<Members<'_>>(name).ok().flatten();
        match self.kind {
            // A client that says nothing of modes has forms (MCP, "Elicitation").
            Kind::Form => {
                capability("elicitation").is_some_and(|modes| modes.get("form").is_some() || modes.get("url").is_none())
            }
            Kind::Url => capability("elicitation").is_some_and(|modes| modes.get("url").is_some()),
            Kind::Sampling => capability("sampling").is_some(),
            Kind::SamplingWithTools => capability("sampling").is_some_and(|sampling| sampling.get("tools").is_some()),
            Kind::Roots => capability("roots").is_some(),
        }
    }

    /// The capability that it needs.
    pub(super) fn capability(&self) -> Value {
        match self.kind {
            Kind::Form => json!({ "elicitation": { "form": {} } }),
            Kind::Url => json!({ "elicitation": { "url": {} } }),
            Kind::Sampling => json!({ "sampling": {} }),
            Kind::SamplingWithTools => json!({ "sampling": { "tools": {} } }),
            Kind::Roots => json!({ "roots": {} }),
        }
    }
}
