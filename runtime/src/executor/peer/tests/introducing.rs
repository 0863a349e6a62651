//! How a session begins, or does not.

use super::*;

async fn introduced_with(answer: impl AsyncFnOnce(&Fake, &Value)) -> Result<Peer, IntroductionError> {
    let (connection, mut fake) = connection();
    let limits = CallLimits { time: Duration::from_millis(500), ..LIMITS };
    let connecting = Peer::connect(connection, None, limits, Arc::default());
    let answering = async {
        let asked = fake.hear().await;
        answer(&fake, &asked["id"]).await;
        fake
    };
    tokio::join!(connecting, answering).0
}

async fn refused_with(result: Value) -> String {
    introduced_with(async |fake, id| fake.answer(id, result).await).await.err().unwrap().to_string()
}

#[tokio::test]
async fn the_shared_connection_speaks_for_lockgate_and_can_be_asked_nothing() {
    let (connection, mut fake) = connection();
    let connecting = Peer::connect(connection, None, LIMITS, Arc::default());
    let (peer, params) = tokio::join!(connecting, fake.introduce());
    assert_eq!(params["protocolVersion"], "2025-11-25");
    assert_eq!(params["capabilities"], json!({}));
    assert_eq!(params["clientInfo"]["name"], "lockgate");
    let peer = peer.unwrap();
    assert_eq!(peer.card().era, crate::server::Era::Legacy);
    assert_eq!(peer.card().instructions.as_deref(), Some("be kind"));
    assert_eq!(peer.card().capabilities.as_str(), r#"{"tools":{}}"#);
    assert_eq!(peer.card().server_info.as_str(), r#"{"name":"fake","version":"1"}"#);
}

#[tokio::test]
async fn the_connection_of_a_session_says_what_its_client_said() {
    let (connection, mut fake) = connection();
    let session = session();
    let connecting = Peer::connect(connection, Some(&session), LIMITS, Arc::default());
    let (peer, params) = tokio::join!(connecting, fake.introduce());
    assert!(peer.is_ok());
    let expected = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "old", "version": "9"},
    });
    assert_eq!(params, expected);
}

#[tokio::test]
async fn a_server_of_an_unknown_revision_is_not_spoken_with() {
    let error = refused_with(json!({"protocolVersion": "2026-07-28\u{1b}[2J"})).await;
    assert!(error.starts_with("the server speaks revision `2026-07-28\\u{1b}[2J` of MCP"), "{error}");
}

#[tokio::test]
async fn what_is_no_introduction_is_an_error() {
    for result in [
        json!({}),
        json!({"protocolVersion": 1}),
        json!({"protocolVersion": "2025-11-25", "capabilities": []}),
        json!({"protocolVersion": "2025-11-25", "serverInfo": 1}),
        json!({"protocolVersion": "2025-11-25", "instructions": {}}),
    ] {
        let error = refused_with(result).await;
        assert!(error.starts_with("what the server says of itself is not of MCP's form"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_says_too_much_of_itself_is_refused() {
    let long = "x".repeat(1 << 20);
    let limits = CallLimits { output: 4 << 20, ..LIMITS };
    let (connection, mut fake) = connection();
    let connecting = Peer::connect(connection, None, limits, Arc::default());
    let answering = async {
        let id = fake.hear().await["id"].clone();
        fake.answer(&id, json!({"protocolVersion": "2025-11-25", "instructions": long})).await;
    };
    assert!(matches!(tokio::join!(connecting, answering).0, Err(IntroductionError::TooLong)));
}

#[tokio::test]
async fn a_server_that_refuses_is_quoted() {
    let error = json!({"code": -32000, "message": "no license"});
    let refused = introduced_with(async |fake, id| {
        fake.say(json!({"jsonrpc": "2.0", "id": id, "error": error})).await;
    });
    let error = refused.await.err().unwrap().to_string();
    assert_eq!(error, "the server did not introduce itself: no license");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let error = introduced_with(async |_, _| ()).await.err().unwrap().to_string();
    assert!(error.contains("at its time limit of 500ms"), "{error}");
}

#[tokio::test]
async fn a_server_that_leaves_at_once_says_why() {
    let (connection, fake) = connection();
    fake.leave("it exited with code 3");
    let peer = Peer::connect(connection, None, LIMITS, Arc::default()).await;
    let error = peer.err().unwrap().to_string();
    let expected = "the server did not introduce itself: the connection to the server ended: it exited with code 3";
    assert_eq!(error, expected);
}

#[tokio::test]
async fn noise_and_questions_before_the_introduction_do_no_harm() {
    let introduced = introduced_with(async |fake, id| {
        fake.say_text("Server started on stdio!").await;
        fake.say(json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "hi"}})).await;
        fake.say(json!({"jsonrpc": "2.0", "id": 77, "method": "ping"})).await;
        fake.answer(id, json!({"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {}})).await;
    });
    assert!(introduced.await.is_ok());
}
