//! What servers were when a person accepted them, and what happens when they no longer are.

mod accepting;
mod file;
mod items;
mod origin;
mod saying;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::remote_server::{Heard, RemoteServer, Step, discovery};
use crate::support::{Client, Ended, Home, Lockgate, modern};

/// A remote server whose words a test changes while it runs.
struct Far {
    server: RemoteServer,
    said: Arc<Mutex<Said>>,
}

struct Said {
    instructions: &'static str,
    tools: Vec<Value>,
    /// How many tools are on a page.
    page: usize,
    /// What it has besides: a list by the method that asks for it, and its member in the answer.
    others: Option<(&'static str, &'static str, Vec<Value>)>,
}

fn tool(name: &str, description: &str) -> Value {
    json!({ "name": name, "description": description, "inputSchema": { "type": "object" } })
}

fn answer(heard: &Heard, said: &Said) -> Vec<Step> {
    match heard.method() {
        "server/discover" => {
            let mut discovery = discovery();
            discovery["instructions"] = said.instructions.into();
            if said.others.is_some() {
                discovery["capabilities"] = json!({ "tools": {}, "prompts": {}, "resources": {} });
            }
            heard.result(discovery)
        }
        "tools/list" => {
            let start: usize = heard.body["params"]["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
            let end = said.tools.len().min(start + said.page);
            let mut list = json!({ "resultType": "complete", "tools": said.tools[start..end], "ttlMs": 0, "cacheScope": "private" });
            if end < said.tools.len() {
                list["nextCursor"] = end.to_string().into();
            }
            heard.result(list)
        }
        "tools/call" => {
            let name = heard.body["params"]["name"].as_str().unwrap();
            heard.result(
                json!({ "resultType": "complete", "content": [{ "type": "text", "text": format!("did {name}") }] }),
            )
        }
        method => match &said.others {
            Some((list, member, items)) if *list == method => heard.result(complete(member, items)),
            // Whoever has one of these lists has the others, and nothing on them.
            Some(_) if method.ends_with("/list") => {
                let member = [("prompts/list", "prompts"), ("resources/list", "resources")];
                let member = member.iter().find(|(known, _)| *known == method).map_or("resourceTemplates", |(_, m)| m);
                heard.result(complete(member, &[]))
            }
            _ => heard.error(404, -32601, Value::Null),
        },
    }
}

fn complete(member: &str, items: &[Value]) -> Value {
    json!({ "resultType": "complete", member: items, "ttlMs": 0, "cacheScope": "private" })
}

impl Far {
    fn with(tools: Vec<Value>) -> Self {
        let said = Arc::new(Mutex::new(Said { instructions: "Ask nicely.", tools, page: 100, others: None }));
        let stage = Arc::clone(&said);
        Self { server: RemoteServer::playing(move |heard| answer(heard, &stage.lock().unwrap())), said }
    }

    fn adder() -> Self {
        Self::with(vec![tool("add", "Adds two numbers.\nBoth are integers."), tool("sub", "Subtracts.")])
    }

    fn says(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said.lock().unwrap());
    }
}

/// A person's home with a configuration.
struct Place {
    home: Home,
}

impl Place {
    fn new(config: &str) -> Self {
        let home = Home::warm();
        fs::create_dir_all(home.path().join("config")).unwrap();
        let place = Self { home };
        place.configure(config);
        place
    }

    /// One with this remote server, as `far`.
    fn of(far: &Far) -> Self {
        Self::new(&format!("[servers.far]\nsource = \"{}\"\n", far.server.url()))
    }

    fn configure(&self, text: &str) {
        fs::write(self.home.path().join("config/config.toml"), text).unwrap();
    }

    fn lock(&self) -> PathBuf {
        self.home.path().join("config/lockgate.lock")
    }

    fn lock_text(&self) -> String {
        fs::read_to_string(self.lock()).unwrap()
    }

    fn lockgate(&self, arguments: &[&str]) -> Lockgate {
        Lockgate::new(arguments[0]).args(&arguments[1..]).home(self.home.path())
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.lockgate(arguments).run()
    }

    fn update(&self) -> String {
        self.run(&["update", "--yes"]).good().to_owned()
    }
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["result"]["tools"].as_array().unwrap_or_else(|| panic!("{list}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

fn listed(client: &mut Client, id: &str) -> Value {
    client.request(id, "tools/list", json!({ "_meta": modern() }));
    client.answer(id)
}
