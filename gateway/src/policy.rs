//! Who may ask for what. A pure function: it reads nothing but its arguments.

use std::collections::BTreeSet;

use lockgate_runtime::message::{Json, RpcError, code};
use lockgate_runtime::{Principal, Untrusted};
use serde::Serialize;

use crate::names::{ServerId, Target};

/// That a principal may send this request to this server. Only [`decide`] makes one, and the router takes no request
/// without.
#[derive(Debug)]
pub(crate) struct Permit {
    server: ServerId,
    method: String,
}

impl Permit {
    /// Whether it was given for this method of this server.
    pub(crate) fn is_for(&self, server: ServerId, method: &str) -> bool {
        self.server == server && self.method == method
    }
}

/// The principals that may use this gateway.
#[derive(Debug)]
pub(crate) struct Listed(BTreeSet<Principal>);

impl Listed {
    /// One alone.
    pub(crate) fn only(principal: Principal) -> Self {
        Self(BTreeSet::from([principal]))
    }

    /// These.
    pub(crate) fn of(principals: BTreeSet<Principal>) -> Self {
        Self(principals)
    }
}

/// That a principal may not.
#[derive(Debug, thiserror::Error)]
#[error("policy does not let `{principal}` use {asked}; ask the person who runs this gateway")]
pub(crate) struct Denied {
    principal: Principal,
    asked: String,
    reason: Reason,
}

/// Why not, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// This principal is not listed.
    UnknownPrincipal,
}

/// Decides on one request. Those who are listed may use everything, and nobody else anything.
pub(crate) fn decide(listed: &Listed, principal: &Principal, method: &str, target: &Target) -> Result<Permit, Denied> {
    if listed.0.contains(principal) {
        return Ok(Permit { server: target.server, method: method.to_owned() });
    }
    let item = target
        .item
        .as_ref()
        .map_or_else(String::new, |item| format!(" `{}`", Untrusted::new(item.as_str()).to_line(64)));
    let asked = format!("{method}{item}");
    Err(Denied { principal: principal.clone(), asked, reason: Reason::UnknownPrincipal })
}

impl From<Denied> for RpcError {
    fn from(denied: Denied) -> Self {
        #[derive(Serialize)]
        struct Data {
            reason: Reason,
        }
        let data = Some(Json::of(&Data { reason: denied.reason }));
        Self { data, ..Self::new(code::INVALID_REQUEST, denied.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Names, Shown};

    fn target() -> Target {
        Names::of_one().resolve(Shown::Name("echo")).unwrap()
    }

    fn listed() -> Listed {
        Listed::only(Principal::local())
    }

    #[test]
    fn those_who_are_listed_may_use_everything() {
        let permit = decide(&listed(), &Principal::local(), "tools/call", &target()).unwrap();
        assert!(permit.is_for(target().server, "tools/call"));
        assert!(!permit.is_for(target().server, "tools/list"));
    }

    #[test]
    fn nobody_else_may_use_anything_and_learns_why() {
        let denied = decide(&listed(), &Principal::named("bob").unwrap(), "tools/call", &target()).unwrap_err();
        let error = RpcError::from(denied);
        assert_eq!(
            error.message,
            "policy does not let `bob` use tools/call `echo`; ask the person who runs this gateway"
        );
        assert_eq!(error.data.unwrap().as_str(), r#"{"reason":"unknown-principal"}"#);
    }
}
