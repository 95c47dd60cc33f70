//! The engine: compiles components, keeps their code, starts them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};
use wasmtime::component::{Component as Compiled, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::{p2, p3};

use crate::cache::{Cache, Found, hex};
use crate::component::{Component, Start};
use crate::counters::{Counters, Snapshot, add, micros};
use crate::failure::LoadError;
use crate::guest::{self, Guest};
use crate::inspect::World;
use crate::settings::Settings;
use crate::ticker::Ticker;

/// Most instances of modules in one instance of a component. What is made of Python has
/// some dozens: one for each library.
const MOST_MODULES: u32 = 256;
/// Most linear memories of one instance of a component. Nearly all have one.
const MOST_MEMORIES: u32 = 8;
/// Most tables of one instance of a component.
const MOST_TABLES: u32 = 32;

/// Runs components. One per daemon; cheap to clone.
#[derive(Clone)]
pub struct Wasm(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    linker: Linker<Guest>,
    pub(crate) settings: Settings,
    pub(crate) counters: Arc<Counters>,
    cache: Cache,
    /// Held while what is kept changes.
    keeping: Mutex<()>,
    codes: Mutex<HashMap<[u8; 32], Slot>>,
    compilers: Semaphore,
    pub(crate) ticker: Ticker,
}

/// What is known of a component's code.
enum Slot {
    Loaded(Weak<Code>),
    Loading(Loading),
}

/// Tells when code has been loaded.
type Loading = watch::Receiver<Option<Loaded>>;

type Loaded = Result<Arc<Code>, LoadError>;

/// Where the bytes of a component are.
#[derive(Debug, Clone)]
pub enum Source {
    /// In a file.
    Path(PathBuf),
    /// Here.
    Bytes(Bytes),
}

/// A component's machine code.
pub struct Code {
    pub(crate) pre: ProxyPre<Guest>,
    digest: [u8; 32],
    world: World,
    world_version: String,
}

impl Code {
    /// The SHA-256 digest of the component.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The component's world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The version of `wasi:http` that the component was built against.
    #[must_use]
    pub fn world_version(&self) -> &str {
        &self.world_version
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("digest", &hex(&self.digest))
            .field("world", &self.world)
            .finish_non_exhaustive()
    }
}

impl Wasm {
    /// Makes the engine. Reserves address space for the instances there may be. An error
    /// says what is wrong with the settings or the machine.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let told = |what: &str, error: &dyn fmt::Display| format!("{what}: {error}");
        let engine = Engine::new(&config(&settings)).map_err(|error| {
            told(
                "the WebAssembly engine cannot be made",
                &format!("{error:#}"),
            )
        })?;
        let linker = guest::linker(&engine).map_err(|error| {
            told(
                "the WASI functions do not fit together",
                &format!("{error:#}"),
            )
        })?;
        let cache = Cache::new(&settings.cache, &engine).map_err(|error| {
            let path = settings.cache.display();
            told(
                &format!("cache: the directory {path} cannot be made"),
                &error,
            )
        })?;
        let ticker = Ticker::start(&engine, settings.tick)
            .map_err(|error| told("the thread that interrupts components cannot start", &error))?;
        Ok(Self(Arc::new(Inner {
            engine,
            linker,
            counters: Arc::default(),
            cache,
            keeping: Mutex::default(),
            codes: Mutex::default(),
            compilers: Semaphore::new(settings.compilations.max(1)),
            settings,
            ticker,
        })))
    }

    /// Loads a component: code that is loaded already, or kept on disk, or compiled now.
    /// Many who ask at once wait for one compilation; who stops waiting does not end it.
    /// `source` is read only for compiling, and must have the SHA-256 `digest`.
    pub async fn load(&self, digest: [u8; 32], source: Source) -> Result<Arc<Code>, LoadError> {
        let mut loading = {
            let mut codes = self.0.codes();
            match codes.get(&digest) {
                Some(Slot::Loaded(code)) => match code.upgrade() {
                    Some(code) => return Ok(code),
                    None => self.begin(&mut codes, digest, source),
                },
                Some(Slot::Loading(loading)) => loading.clone(),
                None => self.begin(&mut codes, digest, source),
            }
        };
        match loading.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(loaded)) => loaded.clone(),
            _ => Err(LoadError::Compiler("it was broken off".to_owned())),
        }
    }

    fn begin(
        &self,
        codes: &mut HashMap<[u8; 32], Slot>,
        digest: [u8; 32],
        source: Source,
    ) -> Loading {
        let (tell, loading) = watch::channel(None);
        codes.retain(|_, slot| !matches!(slot, Slot::Loaded(code) if code.strong_count() == 0));
        codes.insert(digest, Slot::Loading(loading.clone()));
        let (inner, ours) = (Arc::clone(&self.0), loading.clone());
        tokio::spawn(async move {
            let loaded = inner.load(digest, source, &ours).await;
            let mut codes = inner.codes();
            if is_awaited(&codes, &digest, &ours) {
                match &loaded {
                    Ok(code) => codes.insert(digest, Slot::Loaded(Arc::downgrade(code))),
                    Err(_) => codes.remove(&digest),
                };
            }
            drop(codes);
            tell.send_replace(Some(loaded));
        });
        loading
    }

    /// Forgets a component's code, in memory and on disk. What runs goes on.
    pub async fn evict(&self, digest: [u8; 32]) -> std::io::Result<()> {
        self.0.codes().remove(&digest);
        let inner = Arc::clone(&self.0);
        let removed = tokio::task::spawn_blocking(move || {
            let _alone = inner.keeping();
            inner.cache.remove(&digest, None)
        });
        removed.await.map_err(std::io::Error::other)?
    }

    /// Forgets what is kept on disk of all components but those with these digests. Blocks.
    pub fn retain(&self, digests: &BTreeSet<[u8; 32]>) -> std::io::Result<()> {
        let _alone = self.0.keeping();
        self.0.cache.retain(|digest| digests.contains(digest))
    }

    /// Starts a component and returns when one instance of it has come up. An error says
    /// why it did not. Dropping the future gives up.
    pub async fn start(&self, code: Arc<Code>, start: Start) -> Result<Arc<Component>, String> {
        Component::start(&self.0, code, start).await
    }

    /// Figures for a page of metrics.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        self.0.counters.snapshot()
    }
}

impl Inner {
    fn codes(&self) -> MutexGuard<'_, HashMap<[u8; 32], Slot>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what belongs to a component.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match &self.settings.runtime {
            Some(runtime) => runtime.spawn(work),
            None => tokio::spawn(work),
        };
    }

    /// Held by whoever changes what is kept, so that nothing stays of what is evicted.
    fn keeping(&self) -> MutexGuard<'_, ()> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(self: &Arc<Self>, digest: [u8; 32], source: Source, loading: &Loading) -> Loaded {
        let inner = Arc::clone(self);
        let kept = blocking(move || inner.kept(digest)).await?;
        if let Some(loaded) = kept {
            return loaded;
        }
        // What is kept waits for nobody's compilation.
        let _turn = self.compilers.acquire().await;
        let (inner, loading) = (Arc::clone(self), loading.clone());
        blocking(move || inner.compile(digest, source, &loading)).await?
    }

    /// The code that is kept of a component, if there is any.
    fn kept(&self, digest: [u8; 32]) -> Option<Loaded> {
        match self.cache.find(&self.engine, &digest) {
            Found::Code(code) => {
                add(&self.counters.cache_hits, 1);
                return Some(self.link(digest, &code));
            }
            Found::Nothing => {}
            Found::Damaged => add(&self.counters.cache_damaged, 1),
        }
        None
    }

    fn compile(&self, digest: [u8; 32], source: Source, loading: &Loading) -> Loaded {
        let bytes = self.read(source)?;
        let found: [u8; 32] = Sha256::digest(&bytes).into();
        if found != digest {
            return Err(LoadError::WrongDigest {
                found: hex(&found),
                wanted: hex(&digest),
            });
        }
        // Cheap, and says it better than the linker.
        crate::inspect::inspect(&bytes)?;
        let begun = Instant::now();
        let component = Compiled::from_binary(&self.engine, &bytes).map_err(unfit)?;
        add(&self.counters.compiled, 1);
        add(&self.counters.compile_micros, micros(begun.elapsed()));
        let code = self.link(digest, &component)?;
        if let Err(error) = self.keep(&digest, &component, loading) {
            let path = self.settings.cache.display();
            tracing::warn!(%path, %error, "machine code cannot be kept; it will be compiled again");
        }
        Ok(code)
    }

    /// Keeps code on disk, unless it was evicted while it was compiled.
    fn keep(
        &self,
        digest: &[u8; 32],
        component: &Compiled,
        loading: &Loading,
    ) -> std::io::Result<()> {
        let machine = component.serialize().map_err(std::io::Error::other)?;
        let _alone = self.keeping();
        if is_awaited(&self.codes(), digest, loading) {
            self.cache.keep(digest, &machine)?;
        }
        Ok(())
    }

    fn read(&self, source: Source) -> Result<Bytes, LoadError> {
        let most = self.settings.component_bytes;
        let fits = |size: u64| {
            if size > most {
                return Err(LoadError::TooLarge { size, most });
            }
            Ok(())
        };
        match source {
            Source::Bytes(bytes) => fits(bytes.len() as u64).map(|()| bytes),
            Source::Path(path) => {
                let unreadable = |why: std::io::Error| LoadError::Unreadable {
                    path: path.display().to_string(),
                    why: Arc::new(why),
                };
                fits(std::fs::metadata(&path).map_err(unreadable)?.len())?;
                std::fs::read(&path).map(Bytes::from).map_err(unreadable)
            }
        }
    }

    fn link(&self, digest: [u8; 32], component: &Compiled) -> Loaded {
        let kind = component.component_type();
        let imports: Vec<_> = kind.imports(&self.engine).map(|(name, _)| name).collect();
        let exports: Vec<_> = kind.exports(&self.engine).map(|(name, _)| name).collect();
        let (world, world_version) = World::of(imports, exports)?;
        let linked = self.linker.instantiate_pre(component).map_err(unfit)?;
        let pre = match world {
            World::Proxy => p2::bindings::ProxyPre::new(linked).map(ProxyPre::P2),
            World::Service | World::Middleware => {
                p3::bindings::ServicePre::new(linked).map(ProxyPre::P3)
            }
        };
        Ok(Arc::new(Code {
            pre: pre.map_err(unfit)?,
            digest,
            world,
            world_version,
        }))
    }
}

/// Whether that is what is being loaded of a component. It may have been evicted meanwhile.
fn is_awaited(codes: &HashMap<[u8; 32], Slot>, digest: &[u8; 32], loading: &Loading) -> bool {
    matches!(codes.get(digest), Some(Slot::Loading(now)) if now.same_channel(loading))
}

/// Does what takes its time where that keeps nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| LoadError::Compiler(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unfit(error: wasmtime::Error) -> LoadError {
    LoadError::Unfit(format!("{error:#}"))
}

fn config(settings: &Settings) -> Config {
    let instances = settings.instances.max(1);
    let requests = u32::try_from(settings.requests_per_instance).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    // A component may be composed of many modules; what is not used costs address space only.
    // What one may have is bounded as well, or one would leave nothing to the others.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(16))
        .total_memories(settings.memories.max(1))
        .total_tables(instances.saturating_mul(8))
        .max_core_instances_per_component(MOST_MODULES)
        .max_memories_per_component(MOST_MEMORIES)
        .max_tables_per_component(MOST_TABLES)
        .total_stacks(instances.saturating_mul(requests.clamp(1, 64)))
        .table_elements(settings.table_elements)
        .max_memory_size(usize::try_from(settings.memory.min(4 << 30)).unwrap_or(usize::MAX));
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code that lay on disk ready to run waited until others had been compiled.
    #[tokio::test]
    async fn what_is_kept_waits_for_no_compilation() {
        let built = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../components/built/watermark.wasm"
        );
        let bytes = Bytes::from(std::fs::read(built).unwrap());
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        let cache = tempfile::tempdir().unwrap();
        let settings = Settings {
            instances: 1,
            memories: 1,
            ..Settings::new(cache.path())
        };
        let first = Wasm::new(settings.clone()).unwrap();
        first.load(digest, Source::Bytes(bytes)).await.unwrap();
        let again = Wasm::new(settings).unwrap();
        // As if another component were being compiled, for as long as it takes.
        let _turn = again.0.compilers.acquire().await.unwrap();
        let nowhere = Source::Path("nowhere.wasm".into());
        let loading = again.load(digest, nowhere);
        let patience = std::time::Duration::from_secs(60);
        let loaded = tokio::time::timeout(patience, loading).await;
        loaded.expect("it is loaded at once").unwrap();
    }
}
