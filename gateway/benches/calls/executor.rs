//! The same call through the executor: link, guest threads, limits, JSON and all.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lockgate_runtime::message::{Json, Request};
use lockgate_runtime::{
    Call, CompileWorker, Grant, Hooks, Limits, Link, Principal, RegistrySettings, Runtime, SecretSettings, Server,
    Settings, Source, Spec, TrustPolicy,
};

use crate::measure::Samples;

pub(crate) struct Executor {
    link: Link,
    params: Json,
    threads: tokio::runtime::Runtime,
    _server: Server,
    _runtime: Runtime,
}

impl Executor {
    pub(crate) fn start(home: &Path, component: &Path) -> Self {
        let runtime = Runtime::new(settings(home), Hooks { event: Arc::new(|_| ()) }, &[]).expect("a runtime");
        let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread");
        let spec = Spec {
            name: "bench".parse().expect("a name"),
            source: Source::File(component.to_owned()),
            arguments: Vec::new(),
            grant: Grant::default(),
            limits: Limits::default(),
        };
        let server = threads.block_on(async {
            let plan = runtime.resolve(spec).await.expect("a plan");
            runtime.start(&plan).await.expect("a server")
        });
        let link = server.open(Principal::local());
        let params = Json::parse(r#"{"name":"echo","arguments":{"text":"hello"}}"#).expect("JSON");
        Self { link, params, threads, _server: server, _runtime: runtime }
    }

    /// Sends calls one after the other, as a client does that waits for each: with the way to a guest thread and back.
    pub(crate) fn one_by_one(&self, calls: usize, samples: &mut Samples) {
        self.threads.block_on(async {
            for _ in 0..calls {
                let start = Instant::now();
                self.call().outcome().await.expect("a result");
                samples.add(start.elapsed());
            }
        });
    }

    /// Sends all calls at once, so that the one guest thread never waits, and waits for the last one first, so that it
    /// wakes nobody in between: what a call costs there.
    pub(crate) fn all_at_once(&self, calls: usize, samples: &mut Samples) {
        self.threads.block_on(async {
            let start = Instant::now();
            let waiting: Vec<_> = (0..calls).map(|_| self.call()).collect();
            for call in waiting.into_iter().rev() {
                call.outcome().await.expect("a result");
            }
            samples.add(start.elapsed() / calls as u32);
        });
    }

    fn call(&self) -> Call {
        self.link.call(Request { method: "tools/call".to_owned(), params: self.params.clone() })
    }
}

/// A runtime's settings, with everything below one folder.
pub(crate) fn settings(home: &Path) -> Settings {
    Settings {
        code_folder: home.join("cache/code"),
        store_folder: home.join("data/store"),
        roots_folder: home.join("data/roots"),
        registry: RegistrySettings::default(),
        policies_folder: home.join("policies"),
        advisories_folder: home.join("cache/advisories"),
        run_folder: home.join("run"),
        engine_socket: None,
        key_file: home.join("data/code.key"),
        own_folders: vec![home.to_owned()],
        compile_worker: CompileWorker {
            program: env!("CARGO_BIN_EXE_lockgate").into(),
            arguments: vec!["compile-worker".into()],
        },
        roots: Vec::new(),
        listeners: Vec::new(),
        secrets: SecretSettings {
            variable: |_| None,
            store: None,
            encrypted_file: home.join("data/secrets.age"),
            key_file: home.join("config/secrets.key"),
        },
        guest_threads: 1,
        ceiling: None,
        trust: TrustPolicy::default(),
        waived: BTreeSet::new(),
    }
}
