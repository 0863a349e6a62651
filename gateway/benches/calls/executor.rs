//! The same call through the executor: link, guest threads, limits, JSON and all.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lockgate_runtime::message::{Json, Request};
use lockgate_runtime::{CompileWorker, Grant, Hooks, Limits, Link, Principal, Runtime, Server, Settings, Source, Spec};

use crate::measure::Samples;

pub struct Executor {
    link: Link,
    threads: tokio::runtime::Runtime,
    _server: Server,
    _runtime: Runtime,
}

impl Executor {
    pub fn start(home: &Path, component: &Path) -> Self {
        let settings = Settings {
            code_folder: home.join("cache/code"),
            key_file: home.join("data/code.key"),
            own_folders: vec![home.to_owned()],
            compile_worker: CompileWorker {
                program: env!("CARGO_BIN_EXE_lockgate").into(),
                arguments: vec!["compile-worker".into()],
            },
            guest_threads: std::thread::available_parallelism().map_or(1, usize::from),
        };
        let runtime = Runtime::new(settings, Hooks { event: Arc::new(|_| ()) }, &[]).expect("a runtime");
        let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread");
        let spec = Spec {
            name: "bench".parse().expect("a name"),
            source: Source::File(component.to_owned()),
            grant: Grant::default(),
            limits: Limits::default(),
        };
        let server = threads.block_on(async {
            let plan = runtime.resolve(spec).await.expect("a plan");
            runtime.start(&plan).await.expect("a server")
        });
        let link = server.open(Principal::local());
        Self { link, threads, _server: server, _runtime: runtime }
    }

    pub fn batch(&self, calls: usize, samples: &mut Samples) {
        let params = Json::parse(r#"{"name":"echo","arguments":{"text":"hello"}}"#).expect("JSON");
        self.threads.block_on(async {
            for _ in 0..calls {
                let request = Request { method: "tools/call".to_owned(), params: params.clone() };
                let start = Instant::now();
                self.link.call(request).outcome().await.expect("a result");
                samples.add(start.elapsed());
            }
        });
    }
}
