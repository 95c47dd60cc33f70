//! The connections that arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quinn::{Endpoint, Incoming};

use super::connection::{Side, explain, serve};
use super::{DataSink, Shared, data};
use crate::join;

/// Handshakes at one time beyond which a newcomer must first show that it receives what
/// is sent to its address.
const UNVALIDATED_HANDSHAKES: usize = 64;
/// Handshakes at one time beyond which newcomers are turned away.
pub(super) const MOST_HANDSHAKES: usize = 1024;

/// One of the handshakes that are under way at an endpoint, the greeting behind it included.
pub(super) struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    /// Begins one, and says how many others there are.
    fn begin(all: &Arc<AtomicUsize>) -> (Self, usize) {
        let others = all.fetch_add(1, Ordering::Relaxed);
        (Self(all.clone()), others)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections until the place stops.
pub(super) async fn accept(shared: Arc<Shared>, endpoint: Endpoint, sink: Arc<dyn DataSink>) {
    let handshakes = Arc::default();
    while let Some(incoming) = endpoint.accept().await {
        let (handshake, others) = Handshake::begin(&handshakes);
        if others > MOST_HANDSHAKES {
            shared.counting.failed_handshakes.add(1);
            incoming.refuse();
            continue;
        }
        if incoming.orig_dst_cid().starts_with(join::MARK) {
            receive(&shared, incoming, handshake);
            continue;
        }
        if others > UNVALIDATED_HANDSHAKES && !incoming.remote_address_validated() {
            // Fails only for an address that is validated.
            let _ = incoming.retry();
            continue;
        }
        let welcome = welcome(shared.clone(), incoming, handshake, sink.clone());
        shared.tasks.spawn(welcome);
    }
}

/// Lets a newcomer in, if any may come and it has the address that it says.
fn receive(shared: &Arc<Shared>, incoming: Incoming, handshake: Handshake) {
    let Some(joining) = shared.joining.get().cloned() else {
        incoming.refuse();
        return;
    };
    if joining.is_open() && !incoming.remote_address_validated() {
        // Fails only for an address that is validated.
        let _ = incoming.retry();
        return;
    }
    let from = incoming.remote_address().ip();
    let Some(slot) = joining.knock(from) else {
        incoming.refuse();
        return;
    };
    let within = shared.config.transport.handshake_timeout;
    let connecting = incoming.accept_with(shared.present().newcomers.clone());
    shared.tasks.spawn(async move {
        let _slot = slot;
        let why = match connecting {
            Ok(connecting) => match tokio::time::timeout(within, connecting).await {
                Ok(Ok(connection)) => {
                    drop(handshake);
                    return joining.serve(connection).await;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("not done within {within:?}"),
            },
            Err(error) => error.to_string(),
        };
        joining.failed(from, &why);
    });
}

async fn welcome(
    shared: Arc<Shared>,
    incoming: Incoming,
    handshake: Handshake,
    sink: Arc<dyn DataSink>,
) {
    let from = incoming.remote_address();
    let within = shared.config.transport.handshake_timeout;
    // The certificate is looked at only after the handshake has ended and verified it.
    let why = match tokio::time::timeout(within, incoming).await {
        Ok(Ok(connection)) => {
            let greeting = Some(handshake);
            if data::is_meant(&connection) {
                data::welcome(&shared, &connection, &sink, greeting).await;
            } else {
                serve(&shared, &connection, Side::Parent, &sink, greeting).await;
            }
            return;
        }
        Ok(Err(error)) => explain(&error),
        Err(_) => format!("not done within {within:?}"),
    };
    shared.counting.failed_handshakes.add(1);
    tracing::warn!(%from, why, "a handshake failed");
}
