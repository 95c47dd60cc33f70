//! Making an instance, with all that it finds in its world.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{ResourceTable, WasiCtx};
use wasmtime_wasi_config::WasiConfigVariables;
use wasmtime_wasi_http::WasiHttpCtx;
use wasmtime_wasi_http::handler::Proxy;

use super::Shared;
use crate::budget::Metered;
use crate::counters::add;
use crate::failure::CallFailure;
use crate::guest::{Guest, Hooks, Limiter};
use crate::instance::Instance;
use crate::log::{Lines, Stream};
use crate::outgoing::NEXT;
use crate::worker;

/// An instance that has just been made.
pub(crate) struct Fresh {
    pub(crate) store: Store<Guest>,
    pub(crate) proxy: Proxy,
    pub(crate) instance: Arc<Instance>,
}

impl Shared {
    /// Makes an instance.
    pub(super) async fn make(self: &Arc<Self>) -> Result<Fresh, CallFailure> {
        let settings = &self.wasm.settings;
        let instance = Arc::new(Instance::default());
        let mut store = Store::new(&self.wasm.engine, self.guest(&instance));
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(1 << 20);
        store.set_max_component_handles(settings.handles);
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(settings.handles);
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            let instance = &context.data().hooks.instance;
            instance.computing.store(true, Ordering::Relaxed);
            Ok(UpdateDeadline::Yield(1))
        });
        let making = self.code.pre.instantiate_async(&mut store);
        let making = Metered::new(&self.budget, self.wasm.ticker.runs()).run(making);
        let made = tokio::time::timeout(settings.start_timeout, making).await;
        let short = instance.short_of_memory.load(Ordering::Relaxed);
        match made {
            Ok(Ok(proxy)) => {
                add(&self.wasm.counters.instances_made, 1);
                Ok(Fresh {
                    store,
                    proxy,
                    instance,
                })
            }
            Ok(Err(error)) if error.is::<wasmtime::PoolConcurrencyLimitError>() => {
                Err(CallFailure::Busy(format!("{error:#}")))
            }
            Ok(Err(_)) if short => Err(CallFailure::OutOfMemory),
            Ok(Err(error)) => Err(CallFailure::NotStarted(worker::describe(&error))),
            Err(_) => Err(CallFailure::NotStarted(format!(
                "it took longer than {} ms (setting start_timeout)",
                settings.start_timeout.as_millis()
            ))),
        }
    }

    fn guest(self: &Arc<Self>, instance: &Arc<Instance>) -> Guest {
        let settings = &self.wasm.settings;
        let mut wasi = WasiCtx::builder();
        wasi.arg(&self.name)
            .env("NEXT", format!("http://{NEXT}"))
            .stdout(Lines::new(&self.logger, Stream::Output))
            .stderr(Lines::new(&self.logger, Stream::Error))
            .max_random_size(1 << 20)
            .allow_tcp(false)
            .allow_udp(false);
        let mut config = WasiConfigVariables::new();
        for (key, value) in &self.config {
            wasi.env(key, value);
            config.insert(key, value);
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(settings.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(settings.header_bytes);
        Guest {
            wasi: wasi.build(),
            http,
            table,
            hooks: Hooks {
                ways: Arc::clone(&self.ways),
                instance: Arc::clone(instance),
                chunk_bytes: settings.chunk_bytes,
            },
            config,
            limiter: Limiter {
                budget: Arc::clone(&self.budget),
                counters: Arc::clone(&self.wasm.counters),
                instance: Arc::clone(instance),
                memory: self.memory,
                table_elements: settings.table_elements,
                taken: 0,
            },
        }
    }
}
