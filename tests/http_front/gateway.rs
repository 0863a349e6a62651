//! A gateway that listens, and connections to it that send exactly what they are told to.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Ended, Home, Lockgate, Process, modern};

/// The token of the principal `local`.
pub(super) const LOCAL: &str = "local-0123456789-0123456789-0123456789";

/// The token of the principal `ann`.
pub(super) const ANN: &str = "ann-0123456789-0123456789-0123456789";

/// A gateway on a port of its own.
pub(super) struct Gateway {
    process: Process,
    address: SocketAddr,
    _home: Home,
}

/// A connection, which sends the token of `local` unless it is told otherwise.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    /// Sent with every request.
    pub(super) headers: Vec<(String, String)>,
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Gateway {
    /// In front of one server, for `local` and `ann`.
    pub(super) fn start(server: &str) -> Self {
        Self::start_with(server, &[])
    }

    /// As [`start`](Self::start), with further arguments.
    pub(super) fn start_with(server: &str, arguments: &[&str]) -> Self {
        let home = Home::warm();
        write_tokens(home.path(), &format!("local {LOCAL}\nann {ANN}\n"));
        let command = Lockgate::new("run").arg(server).args(["--listen", "127.0.0.1:0"]).args(arguments);
        let process = command.home(home.path()).start();
        let address = process.says("listening on http://").strip_suffix("/mcp").unwrap().parse().unwrap();
        Self { process, address, _home: home }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(super) fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    /// A connection of somebody else.
    pub(super) fn connect_as(&self, token: &str) -> Connection {
        let mut connection = self.connect();
        connection.set("Authorization", &format!("Bearer {token}"));
        connection
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until it has ended.
    pub(super) fn ended(self) -> Ended {
        self.process.finish()
    }

    /// Ends it, and checks that it ends well.
    pub(super) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        let ended = self.ended();
        assert_eq!(ended.code, Some(0), "{ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
        ended
    }
}

/// Writes the file with the tokens, for its owner alone.
pub(super) fn write_tokens(home: &Path, text: &str) {
    let folder = home.join("config");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("tokens");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

impl Connection {
    #[expect(clippy::disallowed_methods, reason = "it is a client of the gateway under test")]
    pub(super) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let headers = [
            ("Host", address.to_string()),
            ("Authorization", format!("Bearer {LOCAL}")),
            ("Content-Type", "application/json".to_owned()),
            ("Accept", "application/json, text/event-stream".to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { stream: BufReader::new(stream), address, headers }
    }

    /// Another connection that sends the same headers.
    pub(super) fn another(&self) -> Self {
        Self { headers: self.headers.clone(), ..Self::to(self.address) }
    }

    /// Sends a header with every request from now on, in place of others of its name.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Sends bytes as they are.
    pub(super) fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes, unless the gateway has had enough.
    pub(super) fn try_bytes(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// The head of a request.
    pub(super) fn head(&self, method: &str, path: &str, more: &[(&str, &str)]) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let own = self.headers.iter().map(|(name, value)| (&**name, &**value));
        for (name, value) in own.chain(more.iter().copied()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }

    pub(super) fn send(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &str) {
        let length = body.len().to_string();
        let mut more = more.to_vec();
        if !body.is_empty() {
            more.push(("Content-Length", &length));
        }
        let text = self.head(method, path, &more) + body;
        self.bytes(text);
    }

    pub(super) fn request(&mut self, method: &str, path: &str, body: &str) -> Response {
        self.send(method, path, &[], body);
        self.response()
    }

    /// Posts a message, without headers that say what is in it.
    pub(super) fn post(&mut self, message: &Value) -> Response {
        self.request("POST", "/mcp", &message.to_string())
    }

    /// Posts a request of MCP 2026-07-28 with all that belongs to it.
    pub(super) fn modern(&mut self, id: u64, method: &str, params: Value) -> Response {
        self.send_modern(id, method, params);
        self.response()
    }

    pub(super) fn send_modern(&mut self, id: u64, method: &str, params: Value) {
        let name = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str).unwrap_or("").to_owned();
        let message = modern_request(id, method, params);
        let mut headers = vec![("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
        if !name.is_empty() {
            headers.push(("Mcp-Name", &name));
        }
        self.send("POST", "/mcp", &headers, &message.to_string());
    }

    /// Begins a session of an older client, which later requests belong to.
    pub(super) fn initialize(&mut self, revision: &str, capabilities: Value) -> Value {
        let info = json!({ "name": "outside", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": info });
        let response = self.post(&request("initialize", "initialize", params));
        assert_eq!(response.status, 200, "{response:?}");
        let id = response.header("mcp-session-id").unwrap().to_owned();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        self.set("Mcp-Session-Id", &id);
        self.set("MCP-Protocol-Version", revision);
        let said = self.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        assert_eq!((said.status, &*said.body), (202, &b""[..]));
        response.json()
    }

    /// Calls a tool within a session.
    pub(super) fn call(&mut self, id: impl Into<Value>, tool: &str, arguments: Value) -> Response {
        self.post(&call(id, tool, arguments))
    }

    /// The next answer, whole.
    pub(super) fn response(&mut self) -> Response {
        let (status, headers) = self.response_head();
        let mut response = Response { status, headers, body: Vec::new() };
        if response.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                response.body.extend(chunk);
            }
        } else if let Some(length) = response.header("content-length") {
            response.body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut response.body).unwrap();
        }
        response
    }

    /// The status and the headers of the next answer, whose body follows.
    pub(super) fn response_head(&mut self) -> (u16, Vec<(String, String)>) {
        let first = self.line();
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{first:?} is no HTTP"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return (status, headers);
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The next event of a stream; nothing at its end.
    pub(super) fn event(&mut self) -> Option<Value> {
        loop {
            let chunk = String::from_utf8(self.chunk()?).unwrap();
            if chunk != ":\n\n" {
                let data = chunk.strip_prefix("event: message\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }

    /// The status of the next answer; nothing where the gateway closes the connection instead.
    pub(super) fn status_if_any(&mut self) -> Option<u16> {
        let there = self.stream.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        there.then(|| self.response().status)
    }

    /// Whether the gateway has closed the connection, without a further word.
    pub(super) fn is_closed(&mut self) -> bool {
        // A reset says the same.
        self.stream.read(&mut [0]).unwrap_or(0) == 0
    }

    fn chunk(&mut self) -> Option<Vec<u8>> {
        let length = self.line();
        let length = usize::from_str_radix(&length, 16).unwrap_or_else(|_| panic!("{length:?} is no length"));
        let mut chunk = vec![0; length];
        self.stream.read_exact(&mut chunk).unwrap();
        assert_eq!(self.line(), "");
        (length > 0).then_some(chunk)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.ends_with("\r\n"), "the connection ended after {line:?}");
        line.truncate(line.len() - 2);
        line
    }
}

impl Response {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Its body, which has to be JSON.
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The messages of its body, which has to be a stream.
    pub(super) fn events(&self) -> Vec<Value> {
        assert_eq!(self.header("content-type"), Some("text/event-stream"), "{self:?}");
        let text = str::from_utf8(&self.body).unwrap();
        text.lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    /// Its status, and the code of the error in its body.
    pub(super) fn error(&self) -> (u16, i64) {
        (self.status, self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("{self:?} is no error")))
    }

    /// The text that a tool answered.
    pub(super) fn text(&self) -> String {
        let json = self.json();
        json["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{json}")).to_owned()
    }
}

pub(super) fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

pub(super) fn modern_request(id: u64, method: &str, mut params: Value) -> Value {
    let own = params["_meta"].take();
    params["_meta"] = modern();
    for (key, value) in own.as_object().into_iter().flatten() {
        params["_meta"][key] = value.clone();
    }
    request(id, method, params)
}

pub(super) fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    request(id, "tools/call", json!({ "name": tool, "arguments": arguments }))
}
