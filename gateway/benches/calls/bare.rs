//! The floor: wasmtime alone, set up as well as it can be, doing the same instantiate-and-call.

use std::time::Instant;

use wasmtime::component::{Component, HasSelf, InstancePre, Linker, Resource, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::measure::Samples;

#[allow(unreachable_pub, missing_docs, reason = "generated")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "lockgate:mcp/tools-only",
        exports: { default: async },
        with: { "lockgate:mcp/client.call": super::Call },
    });
}

use bindings::exports::lockgate::mcp::tools::GuestIndices;

pub(crate) struct Bare {
    engine: Engine,
    instances: InstancePre<State>,
    tools: GuestIndices,
    threads: tokio::runtime::Runtime,
}

#[allow(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Call;

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Bare {
    pub(crate) fn new(module: &[u8]) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.linear_memory_keep_resident(256 << 10)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool)).concurrency_support(false);
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::new(&engine, adapted(module)).expect("a component");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI");
        bindings::lockgate::mcp::client::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)
            .expect("the client interface");
        bindings::lockgate::mcp::types::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)
            .expect("the types");
        let instances = linker.instantiate_pre(&component).expect("all imports");
        let tools = GuestIndices::new(&instances).expect("the tools");
        let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread");
        Self { engine, instances, tools, threads }
    }

    pub(crate) fn batch(&self, calls: usize, samples: &mut Samples) {
        self.threads.block_on(async {
            let start = Instant::now();
            for _ in 0..calls {
                self.call().await;
            }
            samples.add(start.elapsed() / calls as u32);
        });
    }

    async fn call(&self) {
        let state = State { wasi: WasiCtxBuilder::new().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        let instance = self.instances.instantiate_async(&mut store).await.expect("an instance");
        let tools = self.tools.load(&mut store, &instance).expect("the tools");
        let call: Resource<Call> = store.data_mut().table.push(Call).expect("a handle");
        let (name, arguments) = ("echo", r#"{"text":"hello"}"#.to_owned());
        tools.call_call_tool(&mut store, call, name, &arguments, None).await.expect("no trap").expect("a result");
    }
}

/// The component of a module that the fallback toolchain made; a component is taken as it is.
fn adapted(module: &[u8]) -> Vec<u8> {
    if module.get(6) == Some(&1) {
        return module.to_owned();
    }
    let adapter = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
    wit_component::ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.adapter("wasi_snapshot_preview1", adapter))
        .and_then(|mut encoder| encoder.encode())
        .expect("a module that can be adapted")
}

impl bindings::lockgate::mcp::types::Host for State {}
impl bindings::lockgate::mcp::client::Host for State {}

impl bindings::lockgate::mcp::client::HostCall for State {
    fn progress(&mut self, _: Resource<Call>, _: f64, _: Option<f64>, _: Option<String>) {}
    fn log(&mut self, _: Resource<Call>, _: bindings::lockgate::mcp::client::LogLevel, _: String, _: Option<String>) {}
    fn list_changed(&mut self, _: Resource<Call>, _: bindings::lockgate::mcp::client::ListKind) {}
    fn resource_updated(&mut self, _: Resource<Call>, _: String) {}
    fn is_cancelled(&mut self, _: Resource<Call>) -> bool {
        false
    }
    fn meta(&mut self, _: Resource<Call>) -> Option<String> {
        None
    }
    fn drop(&mut self, call: Resource<Call>) -> wasmtime::Result<()> {
        self.table.delete(call)?;
        Ok(())
    }
}
