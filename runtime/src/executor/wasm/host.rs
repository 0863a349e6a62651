//! The host side of one instance: what is in its sandbox, and what that may cost.

mod http;
mod output;

use std::sync::Arc;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::cli::{StdinStream, StdoutStream};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings::lockgate::mcp as contract;
use super::client::Outlet;
use super::engine::{Engine, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use super::{open_at, read_directory, set_times_at};
use crate::principal::Principal;
use crate::sandbox::{Access, Brokers, Grant, OpenDirectory};
use crate::settings::Hooks;
use crate::spec::ServerName;

pub(super) use http::GuestHttp;
pub(super) use output::GuestOutput;

/// What the host copies from a guest in one call, in bytes; wasmtime's own bound is 128 MiB.
const MAX_HOST_CALL_BYTES: usize = 16 << 20;

/// What a guest holds of the host at the same time; wasmtime's own bounds are a million resources and 100,000 handles.
const MAX_RESOURCES: usize = 10_000;

/// The headers of one request or answer, in bytes; wasmtime's own bound is 128 KiB.
const MAX_HEADER_BYTES: usize = 32 << 10;

/// What a guest gets of random bytes in one call; wasmtime's own bound is 64 MiB.
const MAX_RANDOM_BYTES: u64 = 1 << 20;

/// The most elements of a guest's tables.
const MAX_TABLE_ELEMENTS: usize = 20_000;

/// What every instance of one server starts with.
pub(crate) struct Sandbox {
    pub(crate) server: ServerName,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) directories: Vec<OpenDirectory>,
    pub(crate) memory: u64,
    pub(crate) brokers: Arc<Brokers>,
    pub(crate) hooks: Hooks,
}

/// What the standard streams of an instance are. Its stderr is a log.
pub(super) enum Streams {
    /// Nothing to read; stdout is a log as well.
    Log,
    /// The client's, for servers that speak with it there.
    Client { stdin: Box<dyn StdinStream + Sync>, stdout: Box<dyn StdoutStream + Sync> },
}

/// The state behind one instance.
pub(crate) struct Host {
    pub(super) table: ResourceTable,
    pub(super) outlet: Outlet,
    /// How many listings of directories the guest has open.
    pub(super) listings: usize,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    guest_http: GuestHttp,
    memory: Memory,
}

/// The time of the call is over.
#[derive(Debug, thiserror::Error)]
#[error("the time limit is reached")]
pub(super) struct TimeLimit;

/// Everything a component can be given. HTTP is only there for a server whose grant has rules for it.
pub(super) fn linker(engine: &Engine, grant: &Grant) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(&engine.wasm);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    open_at::shadow(&mut linker)?;
    set_times_at::shadow(&mut linker)?;
    read_directory::shadow(&mut linker)?;
    linker.allow_shadowing(false);
    if !grant.http.is_empty() {
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    }
    contract::types::add_to_linker::<Host, wasmtime::component::HasSelf<Host>>(&mut linker, |host| host)?;
    contract::client::add_to_linker::<Host, wasmtime::component::HasSelf<Host>>(&mut linker, |host| host)?;
    Ok(linker)
}

impl Sandbox {
    /// A new store for an instance that works for `principal`; for nobody, while a server introduces itself. It is asked
    /// every tick in which it computes whether it may go on.
    pub(super) fn store(
        &self,
        engine: &Engine,
        principal: Option<&Principal>,
        outlet: Outlet,
        streams: Streams,
        may_go_on: impl Fn() -> bool + Send + Sync + 'static,
    ) -> wasmtime::Result<Store<Host>> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_HEADER_BYTES);
        let host = Host {
            table,
            outlet,
            listings: 0,
            wasi: self.wasi(streams)?,
            http,
            guest_http: GuestHttp::new(self, principal),
            memory: Memory { limit: self.memory, used: 0, refused: false },
        };
        let mut store = Store::new(&engine.wasm, host);
        store.limiter(|host| &mut host.memory);
        store.set_hostcall_fuel(MAX_HOST_CALL_BYTES);
        store.set_max_component_handles(MAX_RESOURCES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(
            move |_| {
                if may_go_on() { Ok(UpdateDeadline::Yield(1)) } else { Err(TimeLimit.into()) }
            },
        );
        Ok(store)
    }

    fn wasi(&self, streams: Streams) -> wasmtime::Result<WasiCtx> {
        let mut wasi = WasiCtxBuilder::new();
        let output = GuestOutput::new(self);
        wasi.max_random_size(MAX_RANDOM_BYTES).allow_ip_name_lookup(false).allow_tcp(false).allow_udp(false);
        match streams {
            Streams::Log => wasi.stdout(output.clone()),
            Streams::Client { stdin, stdout } => wasi.stdin(stdin).stdout(stdout),
        };
        wasi.stderr(output);
        for (name, value) in &self.env {
            wasi.env(name, value);
        }
        for directory in &self.directories {
            let access = match directory.access {
                Access::Read => FsPerms::ReadOnly,
                Access::ReadWrite => FsPerms::ReadWrite,
            };
            wasi.preopened_dir(directory.path(), &directory.guest, access)?;
        }
        Ok(wasi.build())
    }
}

impl Host {
    /// Whether the guest asked for more memory than it may have.
    pub(super) fn hit_memory_limit(&self) -> bool {
        self.memory.refused
    }
}

/// The memory of an instance, over all its linear memories.
struct Memory {
    limit: u64,
    used: u64,
    refused: bool,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current) as u64);
        if used > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    // The pool has these bounds as well; without it, nothing else has.
    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

impl contract::types::Host for Host {}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.guest_http }
    }
}

#[cfg(test)]
mod tests;
