//! What a component finds in its world: the data of its store, and the functions it imports.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response};
use tokio::task::JoinHandle;
use wasmtime::component::{Accessor, GuestTaskId, Linker, Resource, ResourceTable};
use wasmtime::{AsContextMut, ResourceLimiter};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{
    Error as WasiError, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView,
    WasiHttpHooks, WasiHttpView, p2, p3,
};

use crate::budget::Budget;
use crate::counters::{Counters, add, sub};
use crate::instance::Instance;
use crate::outgoing::{NEXT, Ways};

/// The data of a store.
pub(crate) struct Guest {
    pub(crate) wasi: WasiCtx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) table: ResourceTable,
    pub(crate) hooks: Hooks,
    pub(crate) config: WasiConfigVariables,
    pub(crate) limiter: Limiter,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

/// The way out of a store.
pub(crate) struct Hooks {
    pub(crate) ways: Arc<Ways>,
    pub(crate) instance: Arc<Instance>,
    pub(crate) chunk_bytes: usize,
}

type Sent = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<(), WasiError>> + Send>,
);

impl WasiHttpHooks for Hooks {
    /// Set when it is known where the request goes.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTP)
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        self.chunk_bytes
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        self.chunk_bytes
    }

    /// For components of 0.2, of which an instance answers one request at a time.
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), WasiError>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, WasiError>> + Send> {
        let job = self.instance.job_of(&[]);
        let options = options.unwrap_or_default();
        let sent = Arc::clone(&self.ways).send(job, request, options, false);
        Box::new(async move {
            let response = sent.await?;
            let done: Sent = (response, Box::new(std::future::ready(Ok(()))));
            Ok(done)
        })
    }
}

/// A linker with all that a component of one of the worlds may import.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    p3::bindings::http::types::add_to_linker::<_, WasiHttp>(&mut linker, Guest::http)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, |guest: &mut Guest| {
        WasiConfig::new(&guest.config)
    })?;
    linker
        .instance("wasi:http/client@0.3.0")?
        .func_wrap_concurrent("send", |accessor, (request,)| {
            Box::pin(forward(accessor, request, false))
        })?;
    linker
        .instance("wasi:http/handler@0.3.0")?
        .func_wrap_concurrent("handle", |accessor, (request,)| {
            Box::pin(forward(accessor, request, true))
        })?;
    Ok(linker)
}

type Answer = Result<Resource<p3::Response>, ErrorCode>;

/// `wasi:http/client.send` and the imported `wasi:http/handler.handle` of 0.3.
async fn forward(
    accessor: &Accessor<Guest>,
    request: Resource<p3::Request>,
    handler: bool,
) -> wasmtime::Result<(Answer,)> {
    let sending = accessor.with(|mut access| {
        let mut store = access.as_context_mut();
        let tasks: Vec<GuestTaskId> = store.async_call_stack()?.collect();
        let guest = store.data_mut();
        let mut request = guest.table.delete(request)?;
        if handler {
            // A middleware may leave out where the request goes.
            let next = || Authority::from_static(NEXT);
            request.authority.get_or_insert_with(next);
            request.scheme.get_or_insert(Scheme::HTTP);
        }
        let root = || PathAndQuery::from_static("/");
        request.path_with_query.get_or_insert_with(root);
        let ways = Arc::clone(&guest.hooks.ways);
        let job = guest.hooks.instance.job_of(&tasks);
        let done = std::future::ready(Ok(()));
        wasmtime::error::Ok(match request.into_http(&mut store, done) {
            Ok((request, options)) => {
                let options = options.map(|options| *options).unwrap_or_default();
                let sent = ways.send(job, request, options, handler);
                // Outside the store, which may be at work for long.
                Ok(Task(tokio::spawn(sent)))
            }
            Err(error) => Err(error.downcast()?),
        })
    })?;
    let answer = match sending {
        Ok(mut task) => match (&mut task.0).await {
            Ok(answer) => answer,
            Err(error) => Err(ErrorCode::InternalError(Some(error.to_string()))),
        },
        Err(error) => Err(error),
    };
    let response = match answer {
        Ok(response) => response,
        Err(error) => return Ok((Err(error),)),
    };
    accessor.with(|mut access| {
        let guest = access.data_mut();
        let (response, _) = p3::Response::from_http(&mut guest.hooks, response);
        Ok((Ok(guest.table.push(response)?),))
    })
}

/// A task that ends when it is not waited for.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Holds an instance to its limits. What it took from the budget goes back when it is
/// dropped, with the store.
pub(crate) struct Limiter {
    pub(crate) budget: Arc<Budget>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) instance: Arc<Instance>,
    /// Greatest sum of all memories, in bytes.
    pub(crate) memory: u64,
    pub(crate) table_elements: usize,
    /// Taken from the budget, in bytes.
    pub(crate) taken: u64,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        most: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if most.is_some_and(|most| desired > most) {
            // The component's own limit, not that of its booking.
            return Ok(false);
        }
        let more = desired.saturating_sub(current) as u64;
        let fits = self.taken.saturating_add(more) <= self.memory;
        if !fits || !self.budget.take(more) {
            self.instance.short_of_memory.store(true, Ordering::Relaxed);
            add(&self.counters.memory_refused, 1);
            return Ok(false);
        }
        self.taken += more;
        add(&self.counters.memory_bytes, more);
        Ok(true)
    }

    /// What fails after it was allowed stays counted: the machine has no memory left then.
    /// Nothing is given back here, for failures are told, too, of growth that was never
    /// asked for, and a component could cause one after each growth that succeeds.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        Ok(())
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements)
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.budget.give(self.taken);
        sub(&self.counters.memory_bytes, self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last growth was given back for any failure that was told. wasmtime tells of some
    /// without having asked, so that a component could have had memory without end.
    #[test]
    fn a_failure_gives_back_nothing_that_is_in_use() {
        let budget = Budget::new(1 << 20, 1000);
        let mut limiter = Limiter {
            budget: Arc::clone(&budget),
            counters: Arc::default(),
            instance: Arc::default(),
            memory: 1 << 20,
            table_elements: 0,
            taken: 0,
        };
        assert!(limiter.memory_growing(0, 1 << 16, None).unwrap());
        let failure = wasmtime::Error::msg("it is too much for its type");
        limiter.memory_grow_failed(failure).unwrap();
        assert_eq!(budget.memory_used(), 1 << 16);
        // Beyond its own limit it takes nothing.
        let (now, most) = (1 << 16, 1 << 17);
        assert!(!limiter.memory_growing(now, most + 1, Some(most)).unwrap());
        assert_eq!(budget.memory_used(), 1 << 16);
        drop(limiter);
        assert_eq!(budget.memory_used(), 0);
    }
}
