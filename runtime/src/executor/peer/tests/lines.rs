//! Who shares a connection with whom, and when there is one.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use super::*;
use crate::principal::Principal;
use crate::server::{Caller, Link};

const LONG: Duration = Duration::from_secs(3600);

/// Makes connections to servers of channels, each of which answers with its number.
#[derive(Default, Clone)]
struct Fakes {
    made: Arc<Mutex<Vec<String>>>,
    ends: Arc<Mutex<Vec<oneshot::Sender<String>>>>,
    servers: Arc<Mutex<Vec<JoinHandle<()>>>>,
    broken: Arc<Mutex<bool>>,
    /// Whether they answer no call, and when they have heard one that they do not answer.
    silent: Arc<Mutex<bool>>,
    heard: Arc<tokio::sync::Notify>,
}

impl Connect for Fakes {
    fn connect(
        self: Arc<Self>,
        principal: Principal,
        session: Option<ClientSession>,
        listeners: Arc<Listeners>,
    ) -> BoxFuture<'static, Result<Peer, RpcError>> {
        Box::pin(async move {
            if *self.broken.lock().unwrap() {
                return Err(RpcError::new(code::INTERNAL_ERROR, "there is no engine"));
            }
            let number = {
                let mut made = self.made.lock().unwrap();
                made.push(format!("{principal}{}", if session.is_some() { " session" } else { "" }));
                made.len()
            };
            let (connection, mut fake) = connection();
            self.ends.lock().unwrap().push(fake.end.take().unwrap());
            let (silent, heard) = (Arc::clone(&self.silent), Arc::clone(&self.heard));
            let server = tokio::spawn(async move {
                while let Some(message) = fake.heard.recv().await {
                    let Message::Request { id, request } = message else { continue };
                    if *silent.lock().unwrap() {
                        heard.notify_one();
                        continue;
                    }
                    let result = match request.method.as_str() {
                        "initialize" => {
                            json!({"protocolVersion": "2025-11-25", "serverInfo": {"number": number}})
                        }
                        _ => json!({"number": number}),
                    };
                    let outcome = Ok(Json::of(&result));
                    let _ = fake.says.send(Incoming::Message(Message::Response { id: Some(id), outcome })).await;
                }
            });
            self.servers.lock().unwrap().push(server);
            let peer = Peer::connect(connection, session.as_ref(), LIMITS, listeners).await;
            Ok(peer.unwrap())
        })
    }
}

fn lines(fakes: &Fakes, idle: Duration) -> Lines<Fakes> {
    Lines::new(fakes.clone(), Idle { shared: idle, session: idle }, Handle::current())
}

fn of(name: &str) -> Caller {
    Principal::named(name).unwrap().into()
}

async fn number(link: &Link) -> Result<i64, RpcError> {
    let request = Request { method: "tools/call".to_owned(), params: Json::empty_object() };
    let result = tokio::time::timeout(DEADLINE, link.call(request).outcome()).await.unwrap()?;
    Ok(result.read::<Value>().unwrap()["number"].as_i64().unwrap())
}

#[tokio::test]
async fn clients_of_one_principal_share_a_connection_and_sessions_do_not() {
    let fakes = Fakes::default();
    let lines = lines(&fakes, LONG);
    let session = || Caller { session: Some(session()), ..of("ann") };
    let links = [of("ann"), of("ann"), of("bob"), session(), session()].map(|caller| lines.open(caller));
    assert!(fakes.made.lock().unwrap().is_empty(), "nothing is connected to before it is used");
    assert!(links[0].known_card().is_none());
    let mut numbers = Vec::new();
    for link in &links {
        numbers.push(number(link).await.unwrap());
    }
    assert_eq!(numbers, [1, 1, 2, 3, 4]);
    assert_eq!(*fakes.made.lock().unwrap(), ["ann", "bob", "ann session", "ann session"]);
    assert_eq!(links[3].known_card().unwrap().server_info.as_str(), r#"{"number":3}"#);
}

#[tokio::test]
async fn many_first_calls_make_one_connection() {
    let fakes = Fakes::default();
    let link = lines(&fakes, LONG).open(of("ann"));
    let calls = (0..20).map(|_| number(&link));
    assert!(futures_util::future::join_all(calls).await.iter().all(|number| matches!(number, Ok(1))));
    assert_eq!(link.card().await.unwrap().server_info.as_str(), r#"{"number":1}"#);
}

#[tokio::test]
async fn a_connection_that_has_ended_is_made_anew() {
    let fakes = Fakes::default();
    let link = lines(&fakes, LONG).open(of("ann"));
    assert_eq!(number(&link).await.unwrap(), 1);
    fakes.servers.lock().unwrap().pop().unwrap().abort();
    fakes.ends.lock().unwrap().clear();
    // A call may still meet the old one.
    let again = async { while !matches!(number(&link).await, Ok(2)) {} };
    tokio::time::timeout(DEADLINE, again).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_connected_to_is_tried_again_with_the_next_call() {
    let fakes = Fakes::default();
    *fakes.broken.lock().unwrap() = true;
    let link = lines(&fakes, LONG).open(of("ann"));
    assert_eq!(number(&link).await.unwrap_err().message, "there is no engine");
    assert_eq!(link.card().await.unwrap_err().message, "there is no engine");
    *fakes.broken.lock().unwrap() = false;
    assert_eq!(number(&link).await.unwrap(), 1);
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_and_made_again_when_it_is_needed() {
    let fakes = Fakes::default();
    let link = lines(&fakes, Duration::from_millis(50)).open(of("ann"));
    assert_eq!(number(&link).await.unwrap(), 1);
    tokio::time::timeout(DEADLINE, async {
        // The server's end notices that it was let go.
        let mut end = fakes.ends.lock().unwrap().pop().unwrap();
        end.closed().await;
    })
    .await
    .unwrap();
    assert_eq!(number(&link).await.unwrap(), 2);
}

#[tokio::test]
async fn a_session_that_ends_takes_its_connection_with_it() {
    let fakes = Fakes::default();
    let lines = lines(&fakes, LONG);
    let link = lines.open(Caller { session: Some(session()), ..of("ann") });
    assert_eq!(number(&link).await.unwrap(), 1);
    drop(link);
    let mut end = fakes.ends.lock().unwrap().pop().unwrap();
    tokio::time::timeout(DEADLINE, end.closed()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_closed_ends_its_connections_and_makes_none_any_more() {
    let fakes = Fakes::default();
    let lines = lines(&fakes, LONG);
    let links = [of("ann"), Caller { session: Some(session()), ..of("ann") }].map(|caller| lines.open(caller));
    let unused = lines.open(of("bob"));
    for link in &links {
        number(link).await.unwrap();
    }
    lines.close("it is denied");
    let ends: Vec<_> = fakes.ends.lock().unwrap().drain(..).collect();
    for mut end in ends {
        tokio::time::timeout(DEADLINE, end.closed()).await.unwrap();
    }
    for link in links.iter().chain([&unused]) {
        assert!(number(link).await.unwrap_err().message.contains("it is denied"));
    }
    assert!(unused.card().await.unwrap_err().message.contains("it is denied"));
    assert_eq!(fakes.made.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_call_to_a_server_that_is_closed_ends_and_so_does_what_it_was_made_on() {
    let fakes = Fakes::default();
    let lines = lines(&fakes, LONG);
    let link = lines.open(of("ann"));
    number(&link).await.unwrap();
    *fakes.silent.lock().unwrap() = true;
    let mut call = link.call(Request { method: "tools/call".to_owned(), params: Json::empty_object() });
    // The server has it, and does not answer.
    tokio::time::timeout(DEADLINE, fakes.heard.notified()).await.unwrap();
    lines.close("it is denied");
    let answer = tokio::time::timeout(DEADLINE, call.next()).await.unwrap();
    let Some(Answer::Done(Err(error))) = answer else { panic!("{answer:?}") };
    assert!(error.message.contains("it is denied"), "{}", error.message);
    let mut end = fakes.ends.lock().unwrap().pop().unwrap();
    tokio::time::timeout(DEADLINE, end.closed()).await.unwrap();
}
