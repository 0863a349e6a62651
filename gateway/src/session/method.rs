//! The methods of MCP, and which era has them.

use std::borrow::Cow;

use lockgate_runtime::Era;
use lockgate_runtime::message::{Json, RpcError, code};
use serde::Deserialize;

use crate::names::Shown;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Whether anybody is there.
    Ping,
    /// To be sent log messages from some level on.
    SetLevel,
    /// To be told when a resource changes.
    Subscribe,
    /// To be told no longer.
    Unsubscribe,
    /// What the server is.
    Discover,
    /// To be told of changes until further notice.
    Listen,
    /// Something that only the server knows.
    Serve(Served),
}

/// What is passed on to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// A list, of which no item is named.
    List,
    CallTool,
    GetPrompt,
    ReadResource,
    Complete,
}

/// What a request is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A tool or prompt, by its name.
    Name(String),
    /// A resource or a template of resources, by its URI.
    Uri(String),
}

impl Item {
    /// As the client wrote it.
    pub(super) fn shown(&self) -> Shown<'_> {
        match self {
            Self::Name(name) => Shown::Name(name),
            Self::Uri(uri) => Shown::Uri(uri),
        }
    }
}

impl Method {
    /// The method of this name; nothing where clients of the era do not have it.
    pub(super) fn of(name: &str, era: Era) -> Option<Self> {
        Some(match (name, era) {
            ("tools/list" | "prompts/list" | "resources/list" | "resources/templates/list", _) => {
                Self::Serve(Served::List)
            }
            ("tools/call", _) => Self::Serve(Served::CallTool),
            ("prompts/get", _) => Self::Serve(Served::GetPrompt),
            ("resources/read", _) => Self::Serve(Served::ReadResource),
            ("completion/complete", _) => Self::Serve(Served::Complete),
            ("server/discover", Era::Modern) => Self::Discover,
            ("subscriptions/listen", Era::Modern) => Self::Listen,
            ("ping", Era::Legacy) => Self::Ping,
            ("logging/setLevel", Era::Legacy) => Self::SetLevel,
            ("resources/subscribe", Era::Legacy) => Self::Subscribe,
            ("resources/unsubscribe", Era::Legacy) => Self::Unsubscribe,
            _ => return None,
        })
    }
}

impl Served {
    /// Whether the server may answer with questions to the client (MCP, "Multi Round-Trip Requests").
    pub(super) fn may_ask(self) -> bool {
        matches!(self, Self::CallTool | Self::GetPrompt | Self::ReadResource)
    }

    /// The name of the tool or prompt, or the URI of the resource, that the request is about.
    pub(super) fn item(self, params: &Json) -> Result<Option<Item>, RpcError> {
        match self {
            Self::List => Ok(None),
            Self::CallTool | Self::GetPrompt => string(params, "name").map(|name| Some(Item::Name(name))),
            Self::ReadResource => uri(params).map(|uri| Some(Item::Uri(uri))),
            Self::Complete => reference(params).map(Some),
        }
    }
}

/// The URI of the resource that a request is about.
pub(super) fn uri(params: &Json) -> Result<String, RpcError> {
    string(params, "uri")
}

fn string(params: &Json, key: &str) -> Result<String, RpcError> {
    match params.members().and_then(|members| members.read(key)) {
        Ok(Some(value)) => Ok(value),
        _ => Err(RpcError::new(code::INVALID_PARAMS, format!("`{key}` must be there, and a string"))),
    }
}

/// What a completion is for (MCP schema, `PromptReference` and `ResourceTemplateReference`).
fn reference(params: &Json) -> Result<Item, RpcError> {
    #[derive(Deserialize)]
    struct CompleteParams<'a> {
        #[serde(borrow, rename = "ref")]
        reference: Reference<'a>,
    }
    #[derive(Deserialize)]
    struct Reference<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
        name: Option<String>,
        uri: Option<String>,
    }
    let invalid = || RpcError::new(code::INVALID_PARAMS, "`ref` must name a prompt, or give a resource's URI");
    let params: CompleteParams<'_> = params.read().map_err(|_| invalid())?;
    let item = match &*params.reference.kind {
        "ref/prompt" => params.reference.name.map(Item::Name),
        "ref/resource" => params.reference.uri.map(Item::Uri),
        _ => None,
    };
    item.ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_one_era_are_unknown_to_the_other() {
        for (name, of_legacy, of_modern) in [
            ("tools/call", true, true),
            ("completion/complete", true, true),
            ("ping", true, false),
            ("logging/setLevel", true, false),
            ("resources/subscribe", true, false),
            ("resources/unsubscribe", true, false),
            ("server/discover", false, true),
            ("subscriptions/listen", false, true),
            ("tasks/get", false, false),
            ("", false, false),
            ("Tools/call", false, false),
        ] {
            assert_eq!(Method::of(name, Era::Legacy).is_some(), of_legacy, "{name}");
            assert_eq!(Method::of(name, Era::Modern).is_some(), of_modern, "{name}");
        }
    }

    #[test]
    fn what_a_request_is_about_must_be_named() {
        let item = |served: Served, params: &str| served.item(&Json::parse(params).unwrap());
        assert_eq!(item(Served::CallTool, r#"{"name":"a"}"#).unwrap(), Some(Item::Name("a".to_owned())));
        assert_eq!(item(Served::ReadResource, r#"{"uri":"a:b"}"#).unwrap(), Some(Item::Uri("a:b".to_owned())));
        let prompt = r#"{"ref":{"type":"ref/prompt","name":"p"}}"#;
        assert_eq!(item(Served::Complete, prompt).unwrap(), Some(Item::Name("p".to_owned())));
        for (served, params) in [
            (Served::CallTool, "{}"),
            (Served::GetPrompt, r#"{"name":1}"#),
            (Served::ReadResource, r#"{"uri":null}"#),
            (Served::Complete, r#"{"ref":{"type":"ref/prompt","uri":"p"}}"#),
            (Served::Complete, r#"{"ref":{"type":"other","name":"p"}}"#),
            (Served::Complete, "{}"),
        ] {
            assert_eq!(item(served, params).unwrap_err().code, code::INVALID_PARAMS, "{params}");
        }
    }
}
