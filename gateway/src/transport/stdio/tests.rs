use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lockgate_runtime::message::{Answer, Json, Request};
use lockgate_runtime::{Card, Era, Link, Principal, Server};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::*;

type Answers = UnboundedSender<Answer>;

/// The client's ends of the streams, and the serving.
struct Client {
    to: PipeWriter,
    from: BufReader<PipeReader>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServeError>>,
}

fn view(serve: impl Fn(Request, Answers) + Send + Sync + 'static) -> View {
    let card = Card {
        era: Era::Modern,
        server_info: Json::of(&json!({ "name": "fake", "version": "0" })),
        capabilities: Json::empty_object(),
        instructions: None,
    };
    let serve = Arc::new(serve);
    let server = Server::of_links(move |caller| {
        let serve = Arc::clone(&serve);
        Link::to_function(card.clone(), caller.principal, move |request, answers| serve(request, answers))
    });
    View::of("fake".parse().unwrap(), server)
}

fn connect(server: impl Fn(Request, Answers) + Send + Sync + 'static) -> Client {
    let (input, to) = io::pipe().unwrap();
    let (from, output) = io::pipe().unwrap();
    let (stop, stopped) = oneshot::channel();
    // A test that lets go of `stop` does not mean it.
    let shutdown = async {
        if stopped.await.is_err() {
            std::future::pending().await
        }
    };
    let serving = tokio::spawn(serve(view(server), Principal::local(), input, output, shutdown));
    Client { to, from: BufReader::new(from), stop, serving }
}

impl Client {
    fn say(&mut self, line: impl ToString) {
        writeln!(self.to, "{}", line.to_string()).unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

fn call(id: impl Into<Value>) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": { "name": "x", "_meta": meta } })
}

fn ping(id: impl Into<Value>) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": "ping" })
}

fn done(answers: &Answers, result: &Value) {
    let _ = answers.send(Answer::Done(Ok(Json::of(result))));
}

/// A server that answers when the test says so.
fn waiting() -> (impl Fn(Request, Answers) + Send + Sync, UnboundedReceiver<Answers>) {
    let (begun, calls) = unbounded_channel();
    (move |_, answers| drop(begun.send(answers)), calls)
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_answered_until_the_client_has_said_all() {
    let mut client = connect(|_, answers| done(&answers, &json!({ "x": 1 })));
    client.say("");
    client.say("garbage\r");
    assert_eq!(client.hear()["error"]["code"], -32700);
    client.say(call("a"));
    assert_eq!(client.hear(), json!({ "jsonrpc": "2.0", "id": "a", "result": { "x": 1 } }));
    write!(client.to, "{}", ping(2)).unwrap();
    drop(client.to);
    let mut rest = String::new();
    client.from.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n");
    client.serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_are_answered_after_the_client_has_said_all() {
    let (server, mut calls) = waiting();
    let mut client = connect(server);
    client.say(call(1));
    client.say(call(2));
    drop(client.to);
    let (one, two) = (calls.recv().await.unwrap(), calls.recv().await.unwrap());
    done(&two, &json!({}));
    done(&one, &json!({}));
    let mut ids: Vec<_> =
        client.from.lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["id"].clone()).collect();
    ids.sort_by_key(Value::as_i64);
    assert_eq!(ids, [1, 2]);
    client.serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_ends_its_calls() {
    let (server, mut calls) = waiting();
    let mut client = connect(server);
    client.say(call(1));
    client.say(call(2));
    let (one, two) = (calls.recv().await.unwrap(), calls.recv().await.unwrap());
    drop(client.from);
    done(&one, &json!({}));
    two.closed().await;
    client.serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_ends_calls_and_takes_leave_of_subscriptions() {
    let (server, mut calls) = waiting();
    let mut client = connect(server);
    client.say(call(1));
    let mut listen = call(2);
    listen["method"] = "subscriptions/listen".into();
    listen["params"]["notifications"] = json!({});
    client.say(listen);
    assert_eq!(client.hear()["method"], "notifications/subscriptions/acknowledged");
    let one = calls.recv().await.unwrap();
    client.stop.send(()).unwrap();
    one.closed().await;
    client.serving.await.unwrap().unwrap();
    let mut rest = String::new();
    client.from.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with(r#"{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete""#), "{rest}");
    assert_eq!(rest.lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_does_not_wait_for_a_client_that_does_not_read() {
    let mut client = connect(|_, answers| done(&answers, &json!({ "x": "x".repeat(1 << 20) })));
    client.say(call(1));
    // Something was written, and the rest does not fit into the pipe.
    client.from.fill_buf().unwrap();
    client.stop.send(()).unwrap();
    client.serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_gives_up_ends_the_calls() {
    let (server, mut calls) = waiting();
    let mut client = connect(server);
    client.say(call(1));
    let one = calls.recv().await.unwrap();
    client.serving.abort();
    one.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_100_mib_is_refused_and_the_next_is_answered() {
    let input = io::repeat(b'x').take(100 << 20).chain(&b"\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n"[..]);
    let (from, output) = io::pipe().unwrap();
    serve(view(|_, _| ()), Principal::local(), input, output, std::future::pending()).await.unwrap();
    let lines: Vec<Value> =
        BufReader::new(from).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(lines[0]["id"], Value::Null);
    assert_eq!(lines[0]["error"]["code"], -32600);
    assert_eq!(lines[0]["error"]["message"], "a message has at most 16 MiB; this one was skipped");
    assert_eq!(lines[1]["result"], json!({}));
    assert_eq!(lines.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_slowly_makes_the_server_wait() {
    const CALLS: usize = 2000;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let client = connect(move |_, answers| {
        count.fetch_add(1, Ordering::SeqCst);
        done(&answers, &json!({ "x": "x".repeat(16 << 10) }));
    });
    let mut to = client.to;
    let saying = thread::spawn(move || {
        for id in 0..CALLS {
            writeln!(to, "{}", call(id)).unwrap();
        }
    });
    let mut most = 0;
    for (read, line) in client.from.lines().enumerate() {
        assert!(line.unwrap().contains("\"result\""));
        most = most.max(asked.load(Ordering::SeqCst) - read);
    }
    saying.join().unwrap();
    client.serving.await.unwrap().unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), CALLS);
    assert!(most < 1200, "{most} answers waited for the client");
}

/// A stream that fails.
struct Failing(ErrorKind);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
}

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_fail_are_an_error_unless_the_client_hung_up() {
    let served =
        serve(view(|_, _| ()), Principal::local(), Failing(ErrorKind::Other), io::sink(), std::future::pending()).await;
    assert!(matches!(served, Err(ServeError::Read(_))), "{served:?}");
    for (kind, is_error) in
        [(ErrorKind::Other, true), (ErrorKind::BrokenPipe, false), (ErrorKind::ConnectionReset, false)]
    {
        let input = io::Cursor::new(ping(1).to_string());
        let served = serve(view(|_, _| ()), Principal::local(), input, Failing(kind), std::future::pending()).await;
        assert_eq!(served.is_err(), is_error, "{served:?}");
    }
}
