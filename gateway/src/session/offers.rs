//! Which of its parts a server says it has.

use lockgate_runtime::message::Json;
use serde::Deserialize;

/// What of a server's capabilities is decided on here (MCP schema, `ServerCapabilities`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// The list of tools may change.
    pub(super) tools_change: bool,
    /// The list of prompts may change.
    pub(super) prompts_change: bool,
    /// The list of resources may change.
    pub(super) resources_change: bool,
    /// One can be told of changes of a resource.
    pub(super) subscriptions: bool,
    /// It writes log messages.
    pub(super) logging: bool,
}

impl Offers {
    /// What several servers together may offer, or one that is not known yet.
    pub(super) const ALL: Self =
        Self { tools_change: true, prompts_change: true, resources_change: true, subscriptions: true, logging: true };

    /// Reads the object `capabilities`; what is not of MCP's form is not offered.
    pub(super) fn read(capabilities: &Json) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Capabilities {
            tools: List,
            prompts: List,
            resources: List,
            logging: Option<Json>,
        }
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct List {
            list_changed: bool,
            subscribe: bool,
        }
        let capabilities: Capabilities = capabilities.read().unwrap_or_default();
        Self {
            tools_change: capabilities.tools.list_changed,
            prompts_change: capabilities.prompts.list_changed,
            resources_change: capabilities.resources.list_changed,
            subscriptions: capabilities.resources.subscribe,
            logging: capabilities.logging.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_server_says_is_offered() {
        let offers = |capabilities: &str| Offers::read(&Json::parse(capabilities).unwrap());
        assert_eq!(offers("{}"), Offers::default());
        assert_eq!(offers(r#"{"tools":{}}"#), Offers::default());
        assert_eq!(offers(r#"{"tools":[]}"#), Offers::default());
        let some =
            r#"{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":false},"logging":{},"x":1}"#;
        assert_eq!(
            offers(some),
            Offers { tools_change: true, subscriptions: true, logging: true, ..Offers::default() }
        );
    }
}
