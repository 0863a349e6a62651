use std::sync::Arc;

use tokio::sync::mpsc;
use wasmtime::component::Component;

use super::super::client::Outlet;
use super::super::engine::Engine;
use super::{Sandbox, Streams, linker};
use crate::dial::Dialler;
use crate::sandbox::{Broker, Brokers, Grant};
use crate::settings::Hooks;

/// Asks for random bytes, and asks again whenever the host wants memory to put them into.
const ASKS_WHILE_IT_IS_ANSWERED: &str = r#"(component
    (import "wasi:random/random@0.2.0" (instance $random
        (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
    (core module $memory
        (memory (export "memory") 1)
        (table (export "table") 1 funcref)
        (type $ask (func (param i64 i32)))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (call_indirect (type $ask) (i64.const 8) (i32.const 0) (i32.const 0))
            (i32.const 1024)))
    (core instance $memory (instantiate $memory))
    (core func $ask (canon lower (func $random "get-random-bytes")
        (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
    (core module $wiring
        (import "" "table" (table 1 funcref))
        (import "" "ask" (func $ask (param i64 i32)))
        (elem (i32.const 0) func $ask))
    (core instance (instantiate $wiring
        (with "" (instance (export "table" (table $memory "table")) (export "ask" (func $ask))))))
    (core module $main
        (import "" "ask" (func $ask (param i64 i32)))
        (func (export "run") (call $ask (i64.const 8) (i32.const 0))))
    (core instance $main (instantiate $main (with "" (instance (export "ask" (func $ask))))))
    (func (export "run") (canon lift (core func $main "run"))))"#;

#[tokio::test]
async fn a_guest_cannot_recurse_through_the_host() {
    let engine = Engine::start(1).unwrap();
    let component = Component::new(&engine.wasm, wat::parse_str(ASKS_WHILE_IT_IS_ANSWERED).unwrap()).unwrap();
    let sandbox = Sandbox {
        server: "test".parse().unwrap(),
        env: Vec::new(),
        directories: Vec::new(),
        memory: 1 << 20,
        brokers: Arc::new(Brokers::new(Broker::new(Dialler::new(&[]).unwrap(), [], Arc::default()))),
        hooks: Hooks { event: Arc::new(|_| ()) },
    };
    let (answers, _nobody) = mpsc::unbounded_channel();
    let outlet = Outlet::new(answers, 1 << 20, Arc::default(), None);
    let mut store = sandbox.store(&engine, None, outlet, Streams::Log, || true).unwrap();
    let instance = linker(&engine, &Grant::default()).unwrap().instantiate_async(&mut store, &component).await.unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    let trap = run.call_async(&mut store, ()).await.unwrap_err();
    assert_eq!(trap.downcast_ref(), Some(&wasmtime::Trap::CannotLeaveComponent), "{trap:?}");
}
