//! What changes, and what of it a client asked to be told.

use std::collections::HashSet;

use lockgate_runtime::message::{Json, Notification, RpcError, code};
use serde::{Deserialize, Serialize};

use super::super::offers::Offers;

/// What to be told of (MCP schema, `SubscriptionFilter`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Filter {
    #[serde(skip_serializing_if = "is_false")]
    tools_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    prompts_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    resources_list_changed: bool,
    #[serde(skip_serializing_if = "HashSet::is_empty")]
    resource_subscriptions: HashSet<String>,
}

/// Something that changed.
pub(super) enum Change {
    Tools,
    Prompts,
    Resources,
    Resource(String),
}

impl Filter {
    /// Reads the parameters of `subscriptions/listen`.
    pub(in super::super) fn read(params: &Json) -> Result<Self, RpcError> {
        #[derive(Deserialize)]
        struct ListenParams {
            notifications: Filter,
        }
        let params: ListenParams = params.read().map_err(|error| {
            RpcError::new(code::INVALID_PARAMS, format!("`notifications` is not of MCP's form: {error}"))
        })?;
        Ok(params.notifications)
    }

    /// What of it the server offers, and `may_know` allows.
    pub(in super::super) fn honoured(self, offers: Offers, may_know: impl Fn(&str) -> bool) -> Self {
        let uris = self.resource_subscriptions.into_iter();
        Self {
            tools_list_changed: self.tools_list_changed && offers.tools_change,
            prompts_list_changed: self.prompts_list_changed && offers.prompts_change,
            resources_list_changed: self.resources_list_changed && offers.resources_change,
            resource_subscriptions: uris.filter(|uri| offers.subscriptions && may_know(uri)).collect(),
        }
    }

    pub(super) fn lets_through(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.tools_list_changed,
            Change::Prompts => self.prompts_list_changed,
            Change::Resources => self.resources_list_changed,
            Change::Resource(uri) => self.resource_subscriptions.contains(uri),
        }
    }

    /// The resources to be told of.
    pub(super) fn uris(&self) -> impl Iterator<Item = &str> {
        self.resource_subscriptions.iter().map(String::as_str)
    }
}

impl Change {
    pub(super) fn read(notification: &Notification) -> Option<Self> {
        match &*notification.method {
            "notifications/tools/list_changed" => Some(Self::Tools),
            "notifications/prompts/list_changed" => Some(Self::Prompts),
            "notifications/resources/list_changed" => Some(Self::Resources),
            "notifications/resources/updated" => {
                notification.params.members().ok()?.read("uri").ok()?.map(Self::Resource)
            }
            _ => None,
        }
    }

    pub(super) fn is_offered(&self, offers: Offers) -> bool {
        match self {
            Self::Tools => offers.tools_change,
            Self::Prompts => offers.prompts_change,
            Self::Resources => offers.resources_change,
            Self::Resource(_) => offers.subscriptions,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
