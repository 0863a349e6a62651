//! The one engine: how code is generated, how memory is laid out, and who runs it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// How often a running guest gives way, and its deadline is looked at.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// The most instances alive at the same time; further calls wait.
pub(super) const MAX_INSTANCES: u32 = 256;

/// The core modules that one component may be made of. A Rust guest with the preview-1 adapter has five.
pub(super) const MAX_CORE_INSTANCES: usize = 16;

/// The tables of one component.
pub(super) const MAX_TABLES: usize = 8;

/// The linear memories of one component.
pub(super) const MAX_MEMORIES: usize = 2;

/// The native stack of a guest, in bytes. Beyond it the guest traps.
const WASM_STACK: usize = 1024 * 1024;

/// How memory is laid out. Code is compiled for one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Slots of 4 GiB of address space each, reserved at the start: no bounds checks, instances in microseconds.
    Pooled,
    /// Nothing reserved, and bounds checked by instructions: for boards and `ulimit -v`.
    Small,
}

/// Why no engine can be had.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start on this machine")]
pub struct EngineError(#[source] wasmtime::Error);

/// The engine with the threads that guests run on.
pub(crate) struct Engine {
    pub(super) wasm: wasmtime::Engine,
    pub(super) profile: Profile,
    pub(super) guests: tokio::runtime::Handle,
    pub(super) instances: Arc<Semaphore>,
    pub(super) clock: Arc<GuestClock>,
    /// Kept so that the threads live as long as the engine. `None` once it is on its way out.
    threads: Option<tokio::runtime::Runtime>,
}

impl Engine {
    /// Starts with the pool where the address space holds it, and small where it does not.
    pub(crate) fn start(guest_threads: usize) -> Result<Self, EngineError> {
        let (wasm, profile) = match wasmtime::Engine::new(&running(Profile::Pooled)) {
            Ok(engine) => (engine, Profile::Pooled),
            Err(_too_little_address_space) => {
                (wasmtime::Engine::new(&running(Profile::Small)).map_err(EngineError)?, Profile::Small)
            }
        };
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(guest_threads)
            .thread_name("guest")
            // A guest in a loop gives way every tick: timers and new calls are looked at each time it does.
            .event_interval(1)
            .enable_all()
            .build()
            .map_err(|error| EngineError(error.into()))?;
        let clock = GuestClock::start(&wasm).map_err(|error| EngineError(error.into()))?;
        Ok(Self {
            wasm,
            profile,
            guests: threads.handle().clone(),
            instances: Arc::new(Semaphore::new(MAX_INSTANCES as usize)),
            clock,
            threads: Some(threads),
        })
    }

    /// How memory is laid out here.
    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.clock.stop();
        if let Some(threads) = self.threads.take() {
            // A guest may be in the middle of something; nobody waits for it.
            threads.shutdown_background();
        }
    }
}

/// How guests run here.
fn running(profile: Profile) -> Config {
    let mut config = generating(profile);
    match profile {
        Profile::Pooled => config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool())),
        Profile::Small => config.allocation_strategy(InstanceAllocationStrategy::OnDemand),
    };
    config
}

/// How code is generated: all that the compiling child and the running process must agree on.
pub(super) fn generating(profile: Profile) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(2 * WASM_STACK)
        // Guests of WASI 0.2 are synchronous. Without this a store is cheaper to make.
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        // A stranger's trap needs no backtrace here; without the maps, code is smaller and loads faster.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false);
    match profile {
        Profile::Pooled => config.memory_reservation(1 << 32).memory_guard_size(32 << 20).memory_may_move(false),
        Profile::Small => {
            config.memory_reservation(0).memory_guard_size(1 << 16).memory_reservation_for_growth(1 << 20)
        }
    };
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(MAX_INSTANCES * MAX_CORE_INSTANCES as u32)
        .max_core_instances_per_component(MAX_CORE_INSTANCES as u32)
        .total_memories(MAX_INSTANCES * MAX_MEMORIES as u32)
        .max_memories_per_component(MAX_MEMORIES as u32)
        .total_tables(MAX_INSTANCES * 4)
        .max_tables_per_component(MAX_TABLES as u32)
        .table_elements(20_000)
        .total_stacks(MAX_INSTANCES)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        // Kept and zeroed instead of given back to the system: what a small guest touches in a call.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .max_unused_warm_slots(64)
        // Where the kernel tells which pages a call wrote, only those are put back.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// How many ticks the clock goes on when no guest runs any more: waking it costs more than ticking.
const IDLE_TICKS: u32 = 200;

/// Ticks while guests run, and sleeps while none does.
pub(super) struct GuestClock {
    running: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
    thread: OnceLock<Thread>,
}

/// A guest is running: the clock ticks.
pub(super) struct Ticking(Arc<GuestClock>);

impl GuestClock {
    fn start(engine: &wasmtime::Engine) -> std::io::Result<Arc<Self>> {
        let clock = Arc::new(Self {
            running: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let (ticker, engine) = (Arc::clone(&clock), engine.clone());
        let handle = std::thread::Builder::new()
            .name("guest-clock".to_owned())
            .spawn(move || ticker.tick_until_stopped(&engine))?;
        // Set once, here.
        let _ = clock.thread.set(handle.thread().clone());
        Ok(clock)
    }

    fn tick_until_stopped(&self, engine: &wasmtime::Engine) {
        let mut idle = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            if idle < IDLE_TICKS {
                std::thread::sleep(TICK);
                engine.increment_epoch();
                idle = if self.running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
                continue;
            }
            // Announced before it is looked at again: a guest that starts now either is seen here, or sees this.
            self.asleep.store(true, Ordering::SeqCst);
            if self.running.load(Ordering::SeqCst) == 0 && !self.stopped.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }

    pub(super) fn tick(self: &Arc<Self>) -> Ticking {
        self.running.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        Ticking(Arc::clone(self))
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
