//! One request in a component: what its client and its component have done about it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::body::{Body, BoxError};
use crate::failure::CallFailure;
use crate::instance::Instance;

/// One request.
pub(crate) struct Job {
    /// To whom the client addressed it.
    pub(crate) authority: Authority,
    /// Room for requests that the component sends about this one.
    pub(crate) outgoing: Arc<Semaphore>,
    /// Counts whatever shows that something goes on.
    moved: AtomicU64,
    /// Requests sent on whose response has not begun.
    waited_for: AtomicUsize,
    /// The component's function has returned.
    returned: AtomicBool,
    client: Mutex<Client>,
    failure: OnceLock<CallFailure>,
    instance: OnceLock<Arc<Instance>>,
}

/// What the client does.
#[derive(Clone, Copy)]
enum Client {
    /// It waits for the response or reads it.
    There,
    /// It has all of the response.
    Served,
    /// It went away, and the component has until then to notice.
    Gone(Instant),
}

impl Job {
    pub(crate) fn new(authority: Authority, outgoing: usize) -> Arc<Self> {
        Arc::new(Self {
            authority,
            outgoing: Arc::new(Semaphore::new(outgoing)),
            moved: AtomicU64::new(0),
            waited_for: AtomicUsize::new(0),
            returned: AtomicBool::new(false),
            client: Mutex::new(Client::There),
            failure: OnceLock::new(),
            instance: OnceLock::new(),
        })
    }

    /// Something went on.
    pub(crate) fn touch(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// A request was sent on; until the value is dropped its response is waited for.
    pub(crate) fn wait(self: &Arc<Self>) -> Waiting {
        self.waited_for.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(self))
    }

    /// An instance took the request.
    pub(crate) fn taken_by(&self, instance: &Arc<Instance>) {
        let _ = self.instance.set(Arc::clone(instance));
        self.touch();
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.instance.get().is_some()
    }

    pub(crate) fn returned(&self) {
        self.returned.store(true, Ordering::Relaxed);
    }

    /// The component's function has returned; it may still be writing.
    pub(crate) fn has_returned(&self) -> bool {
        self.returned.load(Ordering::Relaxed)
    }

    /// The first failure is the one that is told.
    pub(crate) fn fail(&self, failure: CallFailure) {
        let _ = self.failure.set(failure);
    }

    pub(crate) fn failure(&self) -> Option<CallFailure> {
        self.failure.get().cloned()
    }

    fn client(&self) -> Client {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_client(&self, client: Client) {
        let mut now = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*now, Client::There) {
            *now = client;
        }
        drop(now);
        if let Some(instance) = self.instance.get() {
            instance.wake();
        }
    }

    /// The client has what it wanted or has gone.
    pub(crate) fn is_left(&self) -> bool {
        !matches!(self.client(), Client::There)
    }

    /// Until when the component may go on though the client has gone.
    pub(crate) fn gone(&self) -> Option<Instant> {
        match self.client() {
            Client::Gone(until) => Some(until),
            Client::There | Client::Served => None,
        }
    }

    /// Neither the client nor the component has anything left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.has_returned() && self.is_left()
    }

    /// Returns when nothing went on for that long.
    pub(crate) async fn stands_still_for(&self, patience: Duration) {
        loop {
            let before = self.moved();
            tokio::time::sleep(patience).await;
            let waits = self.waited_for.load(Ordering::Relaxed) > 0;
            if self.moved() == before && !waits {
                return;
            }
        }
    }
}

/// See [`Job::wait`].
pub(crate) struct Waiting(Arc<Job>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waited_for.fetch_sub(1, Ordering::Relaxed);
        self.0.touch();
    }
}

/// The client's hold on its request. When it is dropped the client has gone.
pub(crate) struct Hold {
    job: Arc<Job>,
    grace: Duration,
}

impl Hold {
    pub(crate) fn new(job: &Arc<Job>, grace: Duration) -> Self {
        let job = Arc::clone(job);
        Self { job, grace }
    }

    /// The component gets no grace.
    pub(crate) fn give_up(mut self) {
        self.grace = Duration::ZERO;
    }

    fn served(&self) {
        self.job.set_client(Client::Served);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.job
            .set_client(Client::Gone(Instant::now() + self.grace));
    }
}

/// The body of a request, on its way into the component.
pub(crate) struct RequestBody {
    inner: Body,
    job: Arc<Job>,
}

impl RequestBody {
    pub(crate) fn new(inner: Body, job: &Arc<Job>) -> Self {
        let job = Arc::clone(job);
        Self { inner, job }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        self.job.touch();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of a response, on its way to the client.
pub(crate) struct ResponseBody {
    inner: Body,
    job: Arc<Job>,
    hold: Hold,
    state: State,
    /// Keeps the request counted.
    _permit: OwnedSemaphorePermit,
}

enum State {
    Flows,
    /// The inner body ended; whether well is seen when its instance is not at work.
    Ended(Option<BoxError>),
    Over,
}

impl ResponseBody {
    pub(crate) fn new(inner: Body, hold: Hold, permit: OwnedSemaphorePermit) -> Self {
        let empty = inner.is_end_stream() && inner.size_hint().exact() == Some(0);
        if empty {
            hold.served();
        }
        Self {
            inner,
            job: Arc::clone(&hold.job),
            hold,
            state: if empty { State::Over } else { State::Flows },
            _permit: permit,
        }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if matches!(this.state, State::Flows) {
            this.state = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    this.job.touch();
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Err(error)) => State::Ended(Some(error)),
                None => State::Ended(None),
            };
        }
        if matches!(this.state, State::Over) {
            return Poll::Ready(None);
        }
        // A body whose component trapped looks as if it had ended.
        if let Some(instance) = this.job.instance.get() {
            ready!(instance.poll_at_rest(cx));
        }
        let State::Ended(error) = std::mem::replace(&mut this.state, State::Over) else {
            return Poll::Ready(None);
        };
        let error = match this.job.failure() {
            Some(failure) => Some(BoxError::from(failure)),
            None => error,
        };
        if error.is_none() {
            this.hold.served();
        }
        Poll::Ready(error.map(Err))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
