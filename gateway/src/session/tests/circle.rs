use std::collections::BTreeSet;

use super::*;
use crate::session::Circle;

/// A client of a server each of whose calls changes the list of tools.
fn client(circle: &Circle, principal: Principal) -> Client {
    let card = Card {
        era: Era::Modern,
        server_info: Json::of(&json!({ "name": "fake", "version": "1.2.3" })),
        capabilities: Json::of(&json!({ "tools": { "listChanged": true } })),
        instructions: None,
    };
    let server = Server::of_links(move |caller| {
        Link::to_function(card.clone(), caller.principal, |_, answers| {
            notify(&answers, "notifications/tools/list_changed", json!({}));
            done(&answers, json!({ "resultType": "complete" }));
        })
    });
    let view = View::of("fake".parse().unwrap(), server);
    let (outbox, outgoing) = outbox();
    let session = Session::among(circle.clone(), view, principal, outbox);
    Client { session, outgoing, asked: Arc::default() }
}

fn principals() -> BTreeSet<Principal> {
    BTreeSet::from([Principal::local(), Principal::named("ann").unwrap()])
}

async fn listen(client: &mut Client, id: &str) {
    let params = modern(json!({ "notifications": { "toolsListChanged": true } }));
    client.say(request(id, "subscriptions/listen", params)).await;
    assert_eq!(client.hear().await["method"], "notifications/subscriptions/acknowledged");
    // The acknowledgement is sent before the subscription begins.
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn a_change_that_one_client_brings_about_is_told_to_the_others_of_its_circle() {
    let circle = Circle::of_many(&principals());
    let elsewhere = circle.elsewhere();
    let [mut caller, mut listener, mut older] = [(); 3].map(|()| client(&circle, Principal::local()));
    let mut stranger = client(&elsewhere, Principal::local());
    listen(&mut listener, "listen").await;
    listen(&mut stranger, "listen").await;
    older.initialize("2025-11-25", json!({})).await;
    let answer = caller.ask(request(1, "tools/call", modern(json!({ "name": "x" })))).await;
    assert_eq!(answer["id"], 1, "the caller did not ask to be told");
    let told = listener.hear().await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "listen");
    assert_eq!(older.hear().await["method"], "notifications/tools/list_changed");
    assert!(stranger.outgoing.try_recv().is_err());
}

#[tokio::test]
async fn those_who_are_listed_may_use_everything_and_others_nothing() {
    let circle = Circle::of_many(&principals());
    for (name, may) in [("local", true), ("ann", true), ("bob", false)] {
        let mut client = client(&circle, Principal::named(name).unwrap());
        let answer = client.ask(request(1, "tools/call", modern(json!({ "name": "x" })))).await;
        assert_eq!(answer.get("result").is_some(), may, "{answer}");
    }
}

#[tokio::test]
async fn what_clients_of_a_circle_hold_counts_together() {
    let circle = Circle::of_many(&principals());
    let (server, mut calls) = never();
    let server = Arc::new(server);
    let clients: Vec<Client> = [circle.clone(), circle.elsewhere()]
        .map(|circle| {
            let server = Arc::clone(&server);
            let mut client = connect(move |request, answers| server(request, answers));
            let view = client.session.router.view().clone();
            let (outbox, outgoing) = outbox();
            client.session = Session::among(circle, view, Principal::local(), outbox);
            client.outgoing = outgoing;
            client
        })
        .into();
    let call = |id: usize| request(id, "tools/call", modern(json!({ "name": "x" })));
    for id in 0..1024 {
        clients[id % 2].say(call(id)).await;
    }
    let further = clients[0].say(call(1024));
    assert!(tokio::time::timeout(Duration::from_millis(50), further).await.is_err());
    // One that ends makes room for one of another client.
    drop(calls.recv().await);
    tokio::time::timeout(Duration::from_secs(20), clients[1].say(call(1025))).await.unwrap();
}
