//! The keys of `_meta` that MCP gives a meaning to (MCP 2026-07-28, "`_meta`").

/// The revision a request speaks.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// Who sends a request: for display, never for decisions.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// What the sender of a request can be asked for.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The least important log message the sender of a request wants to see.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// What ties progress notifications to a request.
pub const PROGRESS_TOKEN: &str = "progressToken";
/// What ties a notification to the `subscriptions/listen` request it is sent for.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// Who made a result: for display, never for decisions.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Those that a client sends.
pub(super) const OF_CLIENTS: &[&str] =
    &[PROTOCOL_VERSION, CLIENT_INFO, CLIENT_CAPABILITIES, LOG_LEVEL, PROGRESS_TOKEN, SUBSCRIPTION_ID];
