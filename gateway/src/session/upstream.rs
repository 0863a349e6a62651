//! What servers of the older era are sent, and how their answers become those of today.

use lockgate_runtime::Era;
use lockgate_runtime::message::{Json, Members, RpcError, code, meta};

use super::client::meta_of;
use super::method::Served;

/// Parameters as a server of `era` takes them: an older one was told of its client when it was connected to, and asks
/// during a call, not in its result.
pub(super) fn params(era: Era, params: Json) -> Result<Json, RpcError> {
    if era == Era::Modern {
        return Ok(params);
    }
    let mut of_request = meta_of(&params)?;
    for key in [meta::PROTOCOL_VERSION, meta::CLIENT_INFO, meta::CLIENT_CAPABILITIES, meta::LOG_LEVEL] {
        of_request.remove(key);
    }
    let mut members = params.members().unwrap_or_default();
    if of_request.iter().next().is_none() {
        members.remove("_meta");
    } else {
        members.set("_meta", of_request.to_json());
    }
    members.remove("inputResponses");
    members.remove("requestState");
    Ok(members.to_json())
}

/// A server's answer in the shape of today (MCP 2026-07-28, "Results"): an older server says neither that a result is
/// one, nor how long it may be kept.
pub(super) fn outcome(era: Era, served: Served, outcome: Result<Json, RpcError>) -> Result<Json, RpcError> {
    if era == Era::Modern {
        return outcome;
    }
    match outcome {
        Ok(result) => modern_result(served, &result),
        Err(error) if served == Served::ReadResource && error.code == code::LEGACY_RESOURCE_NOT_FOUND => {
            Err(RpcError { code: code::INVALID_PARAMS, ..error })
        }
        Err(error) => Err(error),
    }
}

fn modern_result(served: Served, result: &Json) -> Result<Json, RpcError> {
    let mut members: Members<'_> = result.members().map_err(|_| {
        RpcError::new(code::INTERNAL_ERROR, "the server answered with a result that is not of MCP's form")
    })?;
    members.set("resultType", Json::of(&"complete"));
    if matches!(served, Served::List | Served::ReadResource) {
        members.set("ttlMs", Json::of(&0));
        members.set("cacheScope", Json::of(&"private"));
    }
    Ok(members.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn an_older_server_is_not_told_of_its_client_again() {
        let of_today = r#"{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":7,"x":1},"requestState":"s"}"#;
        let sent = |era, text| params(era, json(text)).unwrap().as_str().to_owned();
        assert_eq!(sent(Era::Modern, of_today), of_today);
        assert_eq!(sent(Era::Legacy, of_today), r#"{"name":"a","_meta":{"progressToken":7,"x":1}}"#);
        let bare = r#"{"_meta":{"io.modelcontextprotocol/logLevel":"info"},"cursor":"c"}"#;
        assert_eq!(sent(Era::Legacy, bare), r#"{"cursor":"c"}"#);
    }

    #[test]
    fn an_older_servers_answer_is_completed_and_keeps_what_is_unknown() {
        let answer = |served, text| outcome(Era::Legacy, served, Ok(json(text))).unwrap().as_str().to_owned();
        assert_eq!(
            answer(Served::CallTool, r#"{"content":[],"vendor":1.0}"#),
            r#"{"content":[],"vendor":1.0,"resultType":"complete"}"#
        );
        assert_eq!(
            answer(Served::List, r#"{"tools":[]}"#),
            r#"{"tools":[],"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#
        );
        assert!(outcome(Era::Legacy, Served::CallTool, Ok(json("[]"))).is_err());
    }

    #[test]
    fn an_unknown_resource_has_todays_code() {
        let missing = || Err(RpcError::new(code::LEGACY_RESOURCE_NOT_FOUND, "none"));
        let code_of = |era, served| outcome(era, served, missing()).unwrap_err().code;
        assert_eq!(code_of(Era::Legacy, Served::ReadResource), code::INVALID_PARAMS);
        assert_eq!(code_of(Era::Legacy, Served::CallTool), code::LEGACY_RESOURCE_NOT_FOUND);
    }
}
