//! What a guest may tell the client: the host side of `wit/client.wit`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use tokio::sync::mpsc;
use wasmtime::component::Resource;

use super::bindings::lockgate::mcp::client::{Host as ClientHost, HostCall, ListKind, LogLevel};
use super::host::Host;
use crate::message::{Answer, Json, Notification};

/// The request that an instance serves, as the guest holds it. All it says is on the [`Outlet`] of its host.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct CallContext;

/// What a call may still send, and where it goes.
pub(super) struct Outlet {
    answers: mpsc::UnboundedSender<Answer>,
    bytes_left: u64,
    cancelled: Arc<AtomicBool>,
    meta: Option<Json>,
}

/// The call has sent as much as it may.
#[derive(Debug, thiserror::Error)]
#[error("the output limit is reached")]
pub(super) struct OutputLimit;

/// What a notification costs beyond its text: it is held in memory until the client takes it.
const COST_EACH: u64 = 256;

impl Outlet {
    pub(super) fn new(
        answers: mpsc::UnboundedSender<Answer>,
        bytes: u64,
        cancelled: Arc<AtomicBool>,
        meta: Option<Json>,
    ) -> Self {
        Self { answers, bytes_left: bytes, cancelled, meta }
    }

    /// Takes what a message costs from the budget.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), OutputLimit> {
        let cost = COST_EACH.saturating_add(bytes as u64);
        self.bytes_left = self.bytes_left.checked_sub(cost).ok_or(OutputLimit)?;
        Ok(())
    }

    fn notify(&mut self, method: &str, params: &impl Serialize) -> wasmtime::Result<()> {
        let params = Json::of(params);
        self.charge(params.as_str().len())?;
        // Nobody listens any more: the call is about to be ended.
        let _ = self.answers.send(Answer::Notification(Notification { method: method.to_owned(), params }));
        Ok(())
    }
}

impl ClientHost for Host {}

impl HostCall for Host {
    fn progress(
        &mut self,
        _call: Resource<CallContext>,
        done: f64,
        total: Option<f64>,
        message: Option<String>,
    ) -> wasmtime::Result<()> {
        /// MCP schema, `ProgressNotificationParams`, without the token: the session knows it.
        #[derive(Serialize)]
        struct Progress {
            progress: f64,
            #[serde(skip_serializing_if = "Option::is_none")]
            total: Option<f64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<String>,
        }
        // JSON has no NaN and no infinities.
        if !done.is_finite() {
            return Ok(());
        }
        let total = total.filter(|total| total.is_finite());
        self.outlet.notify("notifications/progress", &Progress { progress: done, total, message })
    }

    fn log(
        &mut self,
        _call: Resource<CallContext>,
        level: LogLevel,
        data: String,
        logger: Option<String>,
    ) -> wasmtime::Result<()> {
        /// MCP schema, `LoggingMessageNotificationParams`.
        #[derive(Serialize)]
        struct Log {
            level: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            logger: Option<String>,
            data: Json,
        }
        // A guest that writes plain text where JSON belongs still wants to be heard.
        let data = Json::parse(data.as_str()).unwrap_or_else(|_| Json::of(&data));
        self.outlet.notify("notifications/message", &Log { level: level_name(level), logger, data })
    }

    fn list_changed(&mut self, _call: Resource<CallContext>, kind: ListKind) -> wasmtime::Result<()> {
        #[derive(Serialize)]
        struct Nothing {}
        let method = match kind {
            ListKind::Tools => "notifications/tools/list_changed",
            ListKind::Prompts => "notifications/prompts/list_changed",
            ListKind::Resources => "notifications/resources/list_changed",
        };
        self.outlet.notify(method, &Nothing {})
    }

    fn resource_updated(&mut self, _call: Resource<CallContext>, uri: String) -> wasmtime::Result<()> {
        #[derive(Serialize)]
        struct Updated {
            uri: String,
        }
        self.outlet.notify("notifications/resources/updated", &Updated { uri })
    }

    fn is_cancelled(&mut self, _call: Resource<CallContext>) -> wasmtime::Result<bool> {
        Ok(self.outlet.cancelled.load(Ordering::Acquire))
    }

    fn meta(&mut self, _call: Resource<CallContext>) -> wasmtime::Result<Option<String>> {
        Ok(self.outlet.meta.as_ref().map(|meta| meta.as_str().to_owned()))
    }

    fn drop(&mut self, call: Resource<CallContext>) -> wasmtime::Result<()> {
        self.table.delete(call)?;
        Ok(())
    }
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Notice => "notice",
        LogLevel::Warning => "warning",
        LogLevel::Error => "error",
        LogLevel::Critical => "critical",
        LogLevel::Alert => "alert",
        LogLevel::Emergency => "emergency",
    }
}
