use std::sync::atomic::{AtomicUsize, Ordering};

use lockgate_runtime::message::{Answer, Json, Request};
use lockgate_runtime::{Card, Era, Link, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::servers::Slot;

type Answers = UnboundedSender<Answer>;

/// A gateway in front of a server that is a function.
struct Gateway {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ListenError>>,
}

fn start(serve_request: impl Fn(Request, Answers) + Send + Sync + 'static) -> Gateway {
    let card = Card {
        era: Era::Modern,
        server_info: Json::of(&json!({ "name": "fake", "version": "0" })),
        capabilities: Json::empty_object(),
        instructions: None,
    };
    let function = Arc::new(serve_request);
    let server = Server::of_links(move |caller| {
        let function = Arc::clone(&function);
        Link::to_function(card.clone(), caller.principal, move |request, answers| function(request, answers))
    });
    let servers = Servers::new(vec![Slot::ready("fake".parse().unwrap(), server)], |_| ()).unwrap();
    let listening = Listening::on("127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, (stop, stopped)) = (listening.address(), oneshot::channel());
    // A test that lets go of `stop` does not mean it.
    let shutdown = async {
        if stopped.await.is_err() {
            std::future::pending().await
        }
    };
    let serving = tokio::spawn(serve(listening, Arc::new(servers), Access::anybody(), shutdown));
    Gateway { address, stop, serving }
}

/// A server that answers when the test says so.
fn waiting() -> (impl Fn(Request, Answers) + Send + Sync, UnboundedReceiver<Answers>) {
    let (begun, calls) = unbounded_channel();
    (move |_, answers| drop(begun.send(answers)), calls)
}

impl Gateway {
    #[expect(clippy::disallowed_methods, reason = "it is a client of the gateway under test")]
    async fn post(&self, headers: &str, message: &Value) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let message = message.to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            message.len()
        );
        stream.write_all((head + &message).as_bytes()).await.unwrap();
        stream
    }

    async fn call(&self, id: u64) -> TcpStream {
        let headers = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: x\r\n";
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({ "name": "x", "_meta": meta });
        self.post(headers, &json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })).await
    }

    /// Begins a session, and gives the header that names it.
    async fn begin(&self) -> String {
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {} });
        let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let answer = read_some(&mut self.post("", &initialize).await).await;
        answer.lines().find(|line| line.starts_with("mcp-session-id")).map(|line| format!("{line}\r\n")).unwrap()
    }
}

/// Waits until nobody wants a call's answer any more.
async fn ended(call: &Answers) {
    tokio::time::timeout(Duration::from_secs(20), call.closed()).await.expect("the call is still under way");
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 64 << 10];
    let read = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_cancels_a_request_that_stands_for_itself() {
    let (server, mut calls) = waiting();
    let gateway = start(server);
    let client = gateway.call(1).await;
    let call = calls.recv().await.unwrap();
    assert!(!call.is_closed());
    drop(client);
    ended(&call).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_does_not_cancel_a_request_of_a_session_but_ending_the_session_does() {
    let (server, mut calls) = waiting();
    let gateway = start(server);
    let session = gateway.begin().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "x" } });
    let client = gateway.post(&session, &call).await;
    let call = calls.recv().await.unwrap();
    drop(client);
    // Another request, which is answered after the connection's end was seen.
    let ping = json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" });
    assert!(read_some(&mut gateway.post(&session, &ping).await).await.starts_with("HTTP/1.1 200"));
    assert!(!call.is_closed());
    gateway.stop.send(()).unwrap();
    ended(&call).await;
    gateway.serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_way_is_answered_after_shutting_down_began() {
    let (server, mut calls) = waiting();
    let gateway = start(server);
    let mut client = gateway.call(1).await;
    let call = calls.recv().await.unwrap();
    gateway.stop.send(()).unwrap();
    // Nobody else is let in.
    #[expect(clippy::disallowed_methods, reason = "it is a client of the gateway under test")]
    while TcpStream::connect(gateway.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    call.send(Answer::Done(Ok(Json::of(&json!({ "x": 1 }))))).unwrap();
    let answer = read_some(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"jsonrpc":"2.0","id":1,"result":{"x":1}}"#));
    gateway.serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_are_each_given_their_own_answers() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let gateway = Arc::new(start(move |_, answers| {
        count.fetch_add(1, Ordering::SeqCst);
        let _ = answers.send(Answer::Done(Ok(Json::empty_object())));
    }));
    let clients = (0..200_u64).map(|id| {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move {
            let answer = read_some(&mut gateway.call(id).await).await;
            assert!(answer.contains(&format!("\"id\":{id},\"result\"")), "{answer}");
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 200);
}
