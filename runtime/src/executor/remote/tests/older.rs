//! Servers of MCP 2025-11-25 and before: sessions, streams, questions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::fake::{Gate, Heard, RemoteServer, Step, document, event, events, notification, plain};
use super::*;
use crate::server::{ClientSession, Era, ServerMessage};

/// Plays a server of this era, with sessions named `session-1` and so on, and all but their beginning as `play` says.
fn older(play: impl Fn(&Heard) -> Vec<Step> + Send + Sync + 'static) -> RemoteServer {
    let sessions = AtomicUsize::new(0);
    RemoteServer::playing(move |heard| match (&*heard.verb, heard.method()) {
        ("POST", "server/discover") => heard.error(400, -32600, Value::Null),
        ("POST", "initialize") => {
            let session = format!("mcp-session-id: session-{}\r\n", sessions.fetch_add(1, Ordering::Relaxed) + 1);
            let body = heard.response(introduction()).to_string();
            plain(200, &format!("content-type: application/json\r\n{session}"), &body)
        }
        ("DELETE", _) => plain(200, "", ""),
        _ => play(heard),
    })
}

fn introduction() -> Value {
    json!({
        "protocolVersion": "2025-06-18",
        "capabilities": { "tools": { "listChanged": true } },
        "serverInfo": { "name": "old", "version": "1" },
        "instructions": "Slowly.",
    })
}

/// What such a server answers to what needs no answer, and to a stream that it does not offer.
fn usual(heard: &Heard) -> Vec<Step> {
    match (&*heard.verb, heard.method()) {
        ("GET", _) => plain(405, "", ""),
        ("POST", method) if method.starts_with("notifications/") || method.is_empty() => plain(202, "", ""),
        _ => heard.result(json!({ "content": [] })),
    }
}

fn session_of(capabilities: Value) -> Caller {
    let info = Json::of(&json!({ "name": "person", "version": "1" }));
    let session = ClientSession { revision: "2025-11-25".to_owned(), info, capabilities: Json::of(&capabilities) };
    Caller { principal: Principal::local(), session: Some(session) }
}

/// Waits on a thread of its own: the server is no async one.
async fn heard(server: &Arc<RemoteServer>, wanted: impl Fn(&Heard) -> bool + Send + 'static) -> Heard {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || server.wait_for(wanted)).await.unwrap()
}

#[tokio::test]
async fn a_session_is_begun_named_in_every_message_and_ended() {
    let server = Arc::new(older(usual));
    let remote = remote(&server.url(), LONG, 1 << 20);
    let line = remote.open(session_of(json!({})));
    let card = line.card().await.unwrap();
    assert_eq!((card.era, card.instructions.as_deref()), (Era::Legacy, Some("Slowly.")));
    assert_eq!(value(&card.server_info)["name"], "old");
    line.call(tool("x")).outcome().await.unwrap();
    let get = heard(&server, |heard| heard.verb == "GET").await;
    drop(line);
    let delete = heard(&server, |heard| heard.verb == "DELETE").await;
    let all = server.heard();
    let begin = all.iter().find(|heard| heard.method() == "initialize").unwrap();
    assert_eq!((begin.header("mcp-session-id"), begin.header("mcp-protocol-version")), ("", ""));
    assert_eq!(begin.body["params"]["clientInfo"]["name"], "person");
    for method in ["notifications/initialized", "tools/call"] {
        let message = all.iter().find(|heard| heard.method() == method).unwrap();
        assert_eq!(message.header("mcp-session-id"), "session-1", "{method}");
        assert_eq!(message.header("mcp-protocol-version"), "2025-06-18", "{method}");
        assert_eq!(message.header("mcp-method"), "", "{method}");
    }
    assert_eq!((get.header("mcp-session-id"), get.header("accept")), ("session-1", "text/event-stream"));
    assert_eq!(delete.header("mcp-session-id"), "session-1");
}

#[tokio::test]
async fn every_older_client_has_a_session_of_its_own_and_all_others_share_one() {
    let server = Arc::new(older(usual));
    let remote = remote(&server.url(), LONG, 1 << 20);
    let shared = || Caller::from(Principal::local());
    for caller in [session_of(json!({})), session_of(json!({})), shared(), shared()] {
        remote.open(caller).call(tool("x")).outcome().await.unwrap();
    }
    remote.open(Principal::named("other").unwrap().into()).call(tool("x")).outcome().await.unwrap();
    let heard = server.heard();
    let sessions: Vec<&str> = heard
        .iter()
        .filter(|heard| heard.method() == "tools/call")
        .map(|heard| heard.header("mcp-session-id"))
        .collect();
    assert_eq!(sessions, ["session-1", "session-2", "session-3", "session-3", "session-4"]);
    let introduced = |heard: &Heard| heard.body["params"]["clientInfo"]["name"].clone();
    let names: Vec<Value> = heard.iter().filter(|heard| heard.method() == "initialize").map(introduced).collect();
    assert_eq!(names, ["person", "person", "lockgate", "lockgate"]);
}

#[tokio::test]
async fn a_lost_session_is_begun_again_and_the_call_made_once() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let server = older(move |heard| match heard.method() {
        "tools/call" if heard.header("mcp-session-id") == "session-1" => heard.error(404, -32001, Value::Null),
        "tools/call" => {
            counted.fetch_add(1, Ordering::Relaxed);
            usual(heard)
        }
        _ => usual(heard),
    });
    let line = line(&server.url());
    let (one, two) = (line.call(tool("x")), line.call(tool("y")));
    one.outcome().await.unwrap();
    two.outcome().await.unwrap();
    let begun = server.methods().iter().filter(|method| *method == "initialize").count();
    assert_eq!((runs.load(Ordering::Relaxed), begun), (2, 2), "{:?}", server.methods());
}

#[tokio::test]
async fn a_server_that_loses_every_session_is_not_asked_for_ever() {
    let server = older(|heard| match heard.method() {
        "tools/call" => plain(404, "", ""),
        _ => usual(heard),
    });
    let told = told(&server.url(), tool("x")).await;
    assert!(told.contains("ends every session at once"), "{told}");
    assert_eq!(server.methods().iter().filter(|method| *method == "tools/call").count(), 2);
}

#[tokio::test]
async fn what_is_said_on_the_way_comes_before_the_answer() {
    let server = older(|heard| match heard.method() {
        "tools/call" => {
            let log = notification("notifications/message", json!({ "level": "info", "data": "x" }));
            events(&[heard.progress(1), log, heard.response(json!({ "content": [] }))])
        }
        _ => usual(heard),
    });
    let asked = request("tools/call", json!({ "name": "slow", "_meta": { "progressToken": "mine" } }));
    let (notifications, outcome) = all(line(&server.url()).call(asked)).await;
    let methods: Vec<&str> = notifications.iter().map(|said| &*said.method).collect();
    assert_eq!(methods, ["notifications/progress", "notifications/message"]);
    assert_eq!(value(&notifications[0].params), json!({ "progress": 1 }));
    outcome.unwrap();
}

#[tokio::test]
async fn a_question_is_passed_on_and_its_answer_posted() {
    let answered = Gate::default();
    let gate = answered.clone();
    let server = Arc::new(older(move |heard| match heard.method() {
        "tools/call" => {
            let question =
                json!({ "jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": { "message": "?" } });
            let mut steps = events(&[question]);
            steps.push(Step::Wait(gate.clone()));
            steps.push(Step::Send(event(&heard.response(json!({ "content": [] }))).into()));
            steps
        }
        _ if heard.body["id"] == "q" => {
            answered.open();
            plain(202, "", "")
        }
        _ => usual(heard),
    }));
    let remote = remote(&server.url(), LONG, 1 << 20);
    let line = remote.open(session_of(json!({ "elicitation": {} })));
    let mut messages = line.messages().unwrap();
    let call = line.call(tool("ask"));
    let Some(ServerMessage::Question(question)) = messages.recv().await else { panic!("no question") };
    assert_eq!(question.request.method, "elicitation/create");
    question.answer(Ok(Json::of(&json!({ "action": "decline" }))));
    call.outcome().await.unwrap();
    let answer = heard(&server, |heard| heard.body["id"] == "q").await;
    assert_eq!(answer.body["result"], json!({ "action": "decline" }));
    assert_eq!(answer.header("mcp-session-id"), "session-1");
}

#[tokio::test]
async fn what_a_server_says_by_itself_is_heard() {
    let open = Gate::default();
    let gate = open.clone();
    let server = older(move |heard| match &*heard.verb {
        "GET" => {
            let mut steps = events(&[]);
            steps.push(Step::Wait(gate.clone()));
            steps.push(Step::Send(event(&notification("notifications/tools/list_changed", json!({}))).into()));
            steps.push(Step::Hang);
            steps
        }
        _ => usual(heard),
    });
    let line = line(&server.url());
    let mut messages = line.messages().unwrap();
    line.card().await.unwrap();
    open.open();
    let Some(ServerMessage::Notification(said)) = messages.recv().await else { panic!("nothing said") };
    assert_eq!(said.method, "notifications/tools/list_changed");
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_by_name() {
    let server = Arc::new(older(|heard| match heard.method() {
        "tools/call" => {
            let mut steps = events(&[]);
            steps.push(Step::Hang);
            steps
        }
        _ => usual(heard),
    }));
    let line = line(&server.url());
    let call = line.call(tool("slow"));
    let sent = heard(&server, |heard| heard.method() == "tools/call").await;
    drop(call);
    let cancelled = heard(&server, |heard| heard.method() == "notifications/cancelled").await;
    assert_eq!(cancelled.body["params"]["requestId"], sent.body["id"]);
    tokio::task::spawn_blocking(move || server.wait_for_hang_up()).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_broke_off_is_resumed_where_its_server_says_how() {
    let server = Arc::new(older(|heard| match (&*heard.verb, heard.method()) {
        ("POST", "tools/call") => {
            let mut steps = events(&[]);
            let id = heard.body["id"].as_u64().unwrap();
            steps.push(Step::Send(format!("id: {id}\nretry: 1\ndata:\n\n").into()));
            steps.push(Step::Send("id: 77\ndata: {\"half".into()));
            steps
        }
        ("GET", _) if heard.headers.contains_key("last-event-id") => {
            let id: u64 = heard.header("last-event-id").parse().unwrap();
            events(&[json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [] } })])
        }
        _ => usual(heard),
    }));
    line(&server.url()).call(tool("x")).outcome().await.unwrap();
    assert_eq!(server.methods().iter().filter(|method| *method == "tools/call").count(), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_resumed_is_broken() {
    for id in ["", "id: 5\n"] {
        let server = older(move |heard| match heard.method() {
            "tools/call" => {
                let mut steps = events(&[]);
                steps.push(Step::Send(format!("{id}data:\n\n").into()));
                steps
            }
            _ => usual(heard),
        });
        let told = told(&server.url(), tool("x")).await;
        assert!(told.contains("closed the connection in the middle"), "{told}");
    }
}

#[tokio::test]
async fn an_answer_to_something_else_is_none() {
    let server = older(|heard| match heard.method() {
        "tools/call" => document(200, &json!({ "jsonrpc": "2.0", "id": 99, "result": {} })),
        _ => usual(heard),
    });
    let told = told(&server.url(), tool("x")).await;
    assert!(told.contains("answered another request"), "{told}");
}

#[tokio::test]
async fn many_words_mean_that_a_server_is_older() {
    let answers: [(u16, &str, &str); 8] = [
        (
            400,
            "content-type: application/json\r\n",
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}"#,
        ),
        (400, "", "Bad Request"),
        (404, "", ""),
        (405, "", ""),
        (406, "", ""),
        (500, "content-type: text/html\r\n", "<html>"),
        (202, "", ""),
        (
            400,
            "content-type: application/json\r\n",
            r#"{"jsonrpc":"2.0","id":"lockgate-0","error":{"code":-32022,"message":"no","data":{"supported":["2025-11-25"]}}}"#,
        ),
    ];
    for (status, headers, body) in answers {
        let server = RemoteServer::playing(move |heard| match heard.method() {
            "server/discover" => plain(status, headers, body),
            "initialize" => heard.result(introduction()),
            _ => usual(heard),
        });
        let card = line(&server.url()).card().await;
        assert_eq!(card.map(|card| card.era).unwrap(), Era::Legacy, "{status} {body}");
    }
    for result in [json!({ "supportedVersions": ["2025-11-25"], "capabilities": {} })] {
        let server = RemoteServer::playing(move |heard| match heard.method() {
            "server/discover" => heard.result(result.clone()),
            "initialize" => heard.result(introduction()),
            _ => usual(heard),
        });
        assert_eq!(line(&server.url()).card().await.unwrap().era, Era::Legacy);
    }
}

#[tokio::test]
async fn others_are_errors_of_today() {
    for (code, data, expected) in [
        (
            -32022,
            json!({ "supported": ["2030-01-01\u{1b}"] }),
            "speaks only revisions of MCP that are not spoken here: 2030-01-01\\u{1b}",
        ),
        (-32020, Value::Null, "no"),
        (-32021, Value::Null, "no"),
    ] {
        let server = RemoteServer::playing(move |heard| heard.error(400, code, data.clone()));
        let told = told(&server.url(), tool("x")).await;
        assert!(told.contains(expected), "{code}: {told}");
        assert_eq!(server.methods(), ["server/discover"], "{code}");
    }
}

#[tokio::test]
async fn a_url_without_an_endpoint_says_so() {
    for status in [404, 405] {
        let server = RemoteServer::playing(move |_| plain(status, "", ""));
        let told = told(&server.url(), tool("x")).await;
        assert!(told.contains("has no MCP endpoint of today at this URL"), "{told}");
        assert_eq!(server.methods(), ["server/discover", "initialize"]);
    }
}
