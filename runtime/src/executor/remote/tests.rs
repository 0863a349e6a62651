//! A remote server, good or not, on loopback.

mod answers;
#[path = "../../../../tests/support/remote_server.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod fake;
mod modern;
mod older;
mod ways;

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::dial::Dialler;
use crate::message::{Answer, Json, Notification, Request, RpcError};
use crate::server::Call;
use crate::spec::Source;

/// A time limit that no test reaches.
const LONG: Duration = Duration::from_secs(60);

/// The executor of a server at `url`.
fn remote(url: &str, time: Duration, output: u64) -> RemoteServer {
    remote_with_roots(url, time, output, &[])
}

fn remote_with_roots(url: &str, time: Duration, output: u64, roots: &[Vec<u8>]) -> RemoteServer {
    let remote: Remote = url.parse().unwrap();
    let broker = Broker::new(Dialler::new(roots).unwrap(), [rule(&remote).unwrap()], Arc::default());
    let mut limits = Limits::default();
    (limits.time.value, limits.output.value) = (time, output);
    let plan = Plan {
        name: "far".parse().unwrap(),
        source: Source::Remote(remote.clone()),
        runs: crate::plan::Runs::Remote,
        basis: crate::trust::Basis::Host,
        signers: Vec::new(),
        arguments: Vec::new(),
        grant: Grant::default(),
        limits,
    };
    static REMOTES: LazyLock<Remotes> = LazyLock::new(Remotes::default);
    RemoteServer::new(&plan, &remote, broker, &REMOTES).unwrap()
}

/// A line to the server at `url`, with limits that are not reached.
fn line(url: &str) -> Link {
    remote(url, LONG, 16 << 20).open(Principal::local().into())
}

fn request(method: &str, params: Value) -> Request {
    Request { method: method.to_owned(), params: Json::of(&params) }
}

fn tool(name: &str) -> Request {
    request("tools/call", json!({ "name": name, "arguments": {} }))
}

fn value(json: &Json) -> Value {
    serde_json::from_str(json.as_str()).unwrap()
}

/// The result of one request over a line of its own.
async fn result(url: &str, request: Request) -> Result<Value, RpcError> {
    line(url).call(request).outcome().await.map(|result| value(&result))
}

/// What a call says until it is done.
async fn all(mut call: Call) -> (Vec<Notification>, Result<Value, RpcError>) {
    let mut notifications = Vec::new();
    loop {
        match call.next().await.unwrap() {
            Answer::Notification(notification) => notifications.push(notification),
            Answer::Done(outcome) => return (notifications, outcome.map(|result| value(&result))),
        }
    }
}

/// What the client is told instead of a result.
async fn told(url: &str, request: Request) -> String {
    result(url, request).await.unwrap_err().message
}
