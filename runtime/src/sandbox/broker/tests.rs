use std::ffi::OsString;

use http::header;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::sandbox::{Credential, Grant};
use crate::secret::{SecretReader, SecretSettings};
use crate::settings::Hooks;
use crate::spec::Sourced;

const TOKEN: &str = "t0ken-of-the-person";

/// The environment of the gateway.
fn variable(name: &str) -> Option<OsString> {
    match name {
        "TOKEN" => Some(TOKEN.into()),
        "OTHER" => Some("another-t0ken".into()),
        "LINES" => Some("a\nb".into()),
        _ => None,
    }
}

async fn credentials(grant: Grant) -> Result<Credentials, crate::SecretError> {
    grant.check().unwrap();
    let hooks = Hooks { event: Arc::new(|_| ()) };
    Credentials::read(&grant, &SecretReader::new(SecretSettings::for_tests(variable), hooks)).await
}

async fn broker(rule: &str, flags: &[&str]) -> Broker {
    let parsed = flags.iter().map(|flag| Sourced::flag(Credential::parse_flag(flag).unwrap()));
    with(rule, Grant { credentials: parsed.collect(), ..Grant::default() }).await
}

async fn with(rule: &str, grant: Grant) -> Broker {
    let credentials = credentials(grant).await.unwrap();
    Broker::new(Dialler::new(&[]).unwrap(), [rule.parse().unwrap()], Arc::new(credentials))
}

fn request(method: Method, url: &str) -> HttpRequest {
    HttpRequest { method, url: Url::parse(url).unwrap(), headers: HeaderMap::new(), body: Bytes::new() }
}

fn get(url: &str, headers: &[(&'static str, &str)]) -> HttpRequest {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    HttpRequest { headers, ..request(Method::GET, url) }
}

/// A server that answers with the head that it was sent, as headers and as body.
struct Echo {
    origin: String,
    heard: mpsc::UnboundedReceiver<String>,
    peers: mpsc::UnboundedReceiver<std::net::SocketAddr>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (hears, heard) = mpsc::unbounded_channel();
        let (meets, peers) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let _ = meets.send(peer);
                tokio::spawn(serve(stream, hears.clone()));
            }
        });
        Self { origin, heard, peers }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The value of a header of the next request.
    async fn header(&mut self, name: &str) -> Option<String> {
        let head = self.heard.recv().await.unwrap();
        let found = head.lines().filter_map(|line| line.split_once(": ")).filter(|(found, _)| *found == name);
        let values: Vec<&str> = found.map(|(_, value)| value).collect();
        assert!(values.len() < 2, "{head}");
        values.first().map(ToString::to_string)
    }
}

async fn serve(mut stream: tokio::net::TcpStream, hears: mpsc::UnboundedSender<String>) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
            let echo = text.lines().find(|line| line.starts_with("authorization")).unwrap_or_default();
            let start = format!("HTTP/1.1 200 OK\r\nx-echo: {echo}\r\ncontent-length: {}\r\n\r\n", text.len());
            let (front, back) = text.split_at(text.len() / 2);
            for part in [&start, front, back] {
                stream.write_all(part.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            hears.send(text).unwrap();
        }
    }
}

#[tokio::test]
async fn a_request_without_a_rule_names_the_rule_that_would_allow_it() {
    let broker = broker("GET https://example.com/", &[]).await;
    let error = broker.http(request(Method::POST, "https://example.com/x?secret")).await.err().unwrap().to_string();
    assert_eq!(error, "no rule allows this request; to allow it: --allow-http \"POST https://example.com/\"");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_dialled() {
    let broker = broker("http://localhost:9/", &[]).await;
    let request = request(Method::GET, "http://localhost:9/");
    assert!(matches!(broker.http(request).await, Err(BrokerError::Dial(DialError::Failed(_)))));
}

#[tokio::test]
async fn a_credential_is_put_in_where_it_goes_and_nowhere_else() {
    let mut echo = Echo::start().await;
    let flag = format!("GET {} Authorization: Bearer {{env:TOKEN}}", echo.url("/api"));
    let broker = broker(&echo.origin, &[&flag]).await;
    for (path, sent) in [
        ("/api", true),
        ("/api/x?y=z", true),
        ("/", false),
        ("/apis", false),
        ("/api/../x", false),
        ("/api/%2e%2e/x", false),
    ] {
        broker.http(get(&echo.url(path), &[])).await.unwrap();
        let expected = sent.then(|| format!("Bearer {TOKEN}"));
        assert_eq!(echo.header("authorization").await, expected, "{path}");
    }
    let mut request = get(&echo.url("/api"), &[]);
    request.method = Method::POST;
    broker.http(request).await.unwrap();
    assert_eq!(echo.header("authorization").await, None, "of another method");
}

#[tokio::test]
async fn what_a_guest_writes_in_the_header_is_replaced_there_and_passed_elsewhere() {
    let mut echo = Echo::start().await;
    let flag = format!("{} Authorization: Bearer {{env:TOKEN}}", echo.url("/api"));
    let broker = broker(&echo.origin, &[&flag]).await;
    let own = [("authorization", "of the guest"), ("authorization", "and another")];
    broker.http(get(&echo.url("/api"), &own)).await.unwrap();
    assert_eq!(echo.header("authorization").await, Some(format!("Bearer {TOKEN}")));
    broker.http(get(&echo.url("/"), &own[..1])).await.unwrap();
    assert_eq!(echo.header("authorization").await.as_deref(), Some("of the guest"));
}

#[tokio::test]
async fn a_credential_grants_no_reach() {
    let echo = Echo::start().await;
    let flag = format!("{} Authorization: {{env:TOKEN}}", echo.origin);
    let broker = broker("https://example.com", &[&flag]).await;
    assert!(matches!(broker.http(get(&echo.url("/"), &[])).await, Err(BrokerError::NotGranted(_))));
}

#[tokio::test]
async fn an_answer_that_repeats_the_credential_does_not_give_it() {
    let echo = Echo::start().await;
    let flag = format!("{} Authorization: Bearer {{env:TOKEN}}", echo.origin);
    let broker = broker(&echo.origin, &[&flag]).await;
    let answer = broker.http(get(&echo.url("/"), &[])).await.unwrap();
    let stars = "*".repeat(TOKEN.len());
    assert_eq!(answer.headers["x-echo"], format!("authorization: Bearer {stars}"));
    let length: usize = answer.headers[header::CONTENT_LENGTH].to_str().unwrap().parse().unwrap();
    let body = answer.body.collect().await.unwrap().to_bytes();
    let body = std::str::from_utf8(&body).unwrap();
    assert!(body.contains(&stars) && !body.contains(TOKEN) && body.len() == length, "{body}");
}

#[tokio::test]
async fn an_answer_is_not_packed_where_a_credential_was_sent() {
    let mut echo = Echo::start().await;
    let flag = format!("{} Authorization: {{env:TOKEN}}", echo.url("/api"));
    let broker = broker(&echo.origin, &[&flag]).await;
    for (path, encoding) in [("/api", "identity"), ("/", "gzip")] {
        broker.http(get(&echo.url(path), &[("accept-encoding", "gzip")])).await.unwrap();
        assert_eq!(echo.header("accept-encoding").await.as_deref(), Some(encoding));
    }
}

fn with_stand_in(to: &str) -> Grant {
    let written = serde_json::json!({
        "name": "token",
        "secret": "env:TOKEN",
        "header": "Authorization",
        "to": [to],
        "placeholder": "API_TOKEN",
    });
    let credential = serde_json::from_value(written).unwrap();
    Grant { credentials: vec![Sourced::config(credential)], ..Grant::default() }
}

#[tokio::test]
async fn a_stand_in_is_replaced_where_the_credential_goes_and_leaves_nowhere() {
    let mut echo = Echo::start().await;
    let broker = with(&echo.origin, with_stand_in(&echo.url("/api"))).await;
    let stand_in = match Vec::from_iter(broker.variables())[..] {
        [("API_TOKEN", value)] => value.to_owned(),
        ref other => panic!("{} variables", other.len()),
    };
    assert!(!stand_in.contains(TOKEN));
    broker.http(get(&echo.url("/api"), &[("authorization", &format!("Bearer {stand_in}"))])).await.unwrap();
    assert_eq!(echo.header("authorization").await.as_deref(), Some(TOKEN));
    let body = HttpRequest { body: format!("<{stand_in}>").into(), ..get(&echo.url("/api"), &[]) };
    for request in [
        get(&echo.url("/"), &[("authorization", &stand_in)]),
        get(&echo.url("/api"), &[("x-other", &stand_in)]),
        get(&echo.url(&format!("/api?key={stand_in}")), &[]),
        body,
    ] {
        let refused = broker.http(request).await.err().unwrap();
        assert!(matches!(refused, BrokerError::StandIn(_)), "{refused}");
        assert!(!refused.to_string().contains(&stand_in));
    }
    assert!(echo.heard.try_recv().is_err());
}

#[tokio::test]
async fn a_value_that_is_no_headers_is_refused_at_the_start() {
    let flag = Credential::parse_flag("https://example.com Authorization: {env:LINES}").unwrap();
    let grant = Grant { credentials: vec![Sourced::flag(flag)], ..Grant::default() };
    let error = credentials(grant).await.err().unwrap().to_string();
    assert!(error.contains("env:LINES cannot be sent in a header"), "{error}");
    let revealed = Credential::parse_reveal_flag("A=env:LINES").unwrap();
    let grant = Grant { credentials: vec![Sourced::flag(revealed)], ..Grant::default() };
    assert_eq!(Vec::from_iter(credentials(grant).await.unwrap().variables()), [("A", "a\nb")]);
}

#[tokio::test]
async fn connections_are_kept_for_one_principal_alone() {
    let mut echo = Echo::start().await;
    let brokers = Brokers::new(broker(&echo.origin, &[]).await);
    let (one, two) = (Principal::named("one").unwrap(), Principal::named("two").unwrap());
    for principal in [None, Some(&one), Some(&one), Some(&two), Some(&one)] {
        let broker = brokers.of(principal);
        let answer = broker.http(get(&echo.url("/"), &[])).await.unwrap();
        answer.body.collect().await.unwrap();
    }
    let mut connections = 0;
    while echo.peers.try_recv().is_ok() {
        connections += 1;
    }
    assert_eq!(connections, 3);
}

#[tokio::test]
async fn principals_do_not_add_up_without_end() {
    let brokers = Brokers::new(broker("https://example.com", &[]).await);
    for number in 0..MAX_PRINCIPALS + 3 {
        brokers.of(Some(&Principal::named(&format!("p{number}")).unwrap()));
    }
    let principals = brokers.principals.lock().unwrap();
    assert_eq!(principals.len(), MAX_PRINCIPALS);
    assert_eq!(principals[0].0.as_ref().unwrap().to_string(), "p3");
}
