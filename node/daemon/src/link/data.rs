//! The second connection to a neighbour: data goes over it, so that messages wait behind no data, neither on their
//! way nor here.
//!
//! It belongs to a connection for messages and ends with it. While there is none, because it does not stand yet,
//! something between the places lets only the first one pass, or the neighbour is of an older version, data goes over the
//! connection for messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use quinn::Connection;
use waybook_location_tree::PlaceName;

use super::accept::Handshake;
use super::connection::explain;
use super::{CloseCode, DataSink, Shared, alert, streams};
use crate::identity;

/// Why there is no connection.
enum Trouble {
    /// The neighbour knows of none.
    Unknown,
    /// It may be another time.
    Passing(String),
}

/// Dials the parent at that address, and again whenever the connection has ended. For as long as a connection for
/// messages to it stands.
pub(super) async fn keep(
    shared: Arc<Shared>,
    parent: PlaceName,
    address: SocketAddr,
    sink: Arc<dyn DataSink>,
) {
    let transport = shared.config.transport;
    let mut pause = transport.redial_first;
    // Once is enough for every connection for messages.
    let mut said = false;
    loop {
        match dial(&shared, &parent, address).await {
            Ok(connection) => {
                let since = Instant::now();
                serve(&shared, &connection, &parent, &sink, None).await;
                if since.elapsed() > transport.redial_longest {
                    pause = transport.redial_first;
                }
            }
            Err(_) if shared.stopping.is_cancelled() => return,
            Err(Trouble::Unknown) => return,
            Err(Trouble::Passing(why)) => {
                shared.counting.failed_handshakes.add(1);
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(%parent, why, "data has no connection of its own and delays messages");
                }
            }
        }
        tokio::time::sleep(pause.mul_f64(crate::files::jitter())).await;
        pause = (pause * 2).min(transport.redial_longest);
    }
}

async fn dial(
    shared: &Shared,
    parent: &PlaceName,
    address: SocketAddr,
) -> Result<Connection, Trouble> {
    let passing = |why: &dyn std::fmt::Display| Trouble::Passing(why.to_string());
    let endpoint = shared.endpoints.parent.as_ref().ok_or(Trouble::Unknown)?;
    let client = shared.present().data.clone();
    let connecting = endpoint.connect_with(client, address, &parent.dns_name());
    let connecting = connecting.map_err(|error| passing(&error))?;
    let within = shared.config.transport.handshake_timeout;
    match tokio::time::timeout(within, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if alert::is_unknown_protocol(&error) => Err(Trouble::Unknown),
        Ok(Err(error)) => Err(passing(&explain(&error))),
        Err(_) => Err(Trouble::Passing(format!(
            "no answer from {address} within {within:?}"
        ))),
    }
}

/// Serves a connection that a child has dialled for data, until it ends.
pub(super) async fn welcome(
    shared: &Arc<Shared>,
    connection: &Connection,
    sink: &Arc<dyn DataSink>,
    greeting: Option<Handshake>,
) {
    let name = match identity::peer_name(connection.peer_identity()) {
        Ok(name) if name.parent().as_ref() == Some(&shared.name) => name,
        Ok(name) => {
            let why = format!("`{name}` is not a child of `{}`", shared.name);
            return refuse(shared, connection, CloseCode::WrongName, &why);
        }
        Err(why) => return refuse(shared, connection, CloseCode::WrongName, &why),
    };
    // The child has been greeted, but this end may not have come to know that yet.
    let within = shared.config.transport.handshake_timeout;
    let mut connected = shared.registry.connected();
    let known = connected.wait_for(|all| all.contains_key(&name));
    tokio::select! {
        // If nothing came, it is found out below.
        _ = tokio::time::timeout(within, known) => {}
        _ = connection.closed() => return,
    }
    serve(shared, connection, &name, sink, greeting).await;
}

/// Why a connection for data ends with the one for messages.
pub(super) const ALONE: &str = "there is no connection for messages";

/// Has data go over a connection, and takes what comes by it, until it ends. `greeting` is dropped when that begins.
async fn serve(
    shared: &Arc<Shared>,
    connection: &Connection,
    name: &PlaceName,
    sink: &Arc<dyn DataSink>,
    greeting: Option<Handshake>,
) {
    // Before anything: whoever has a certificate that was revoked must not take the place of the one that has a new one. The
    // handshake has not looked at that.
    if let Err(why) = shared.accepts(connection, SystemTime::now()) {
        return refuse(shared, connection, CloseCode::Certificate, &why);
    }
    if !shared.registry.attach(name, connection) {
        return refuse(shared, connection, CloseCode::Alone, ALONE);
    }
    // It may have been revoked after it was looked at and before it was known to be connected.
    if let Err(why) = shared.accepts(connection, SystemTime::now()) {
        shared.registry.detach(name, connection);
        return refuse(shared, connection, CloseCode::Certificate, &why);
    }
    drop(greeting);
    let counted = shared.counted(name);
    tracing::debug!(neighbour = %name, "data has a connection of its own");
    streams::accept(shared, connection, name, &counted, sink).await;
    shared.registry.detach(name, connection);
    let why = connection.close_reason().as_ref().map(explain);
    tracing::debug!(neighbour = %name, why, "the connection for data has ended");
}

fn refuse(shared: &Shared, connection: &Connection, code: CloseCode, why: &str) {
    // One that the other end has closed is not refused here.
    if connection.close_reason().is_none() {
        shared.counting.refused.add(1);
        tracing::warn!(from = %connection.remote_address(), why, "a connection for data was refused");
        connection.close(code.into(), why.as_bytes());
    }
}

/// Whether a handshake was for data.
pub(super) fn is_meant(connection: &Connection) -> bool {
    let data = connection.handshake_data();
    let data = data.and_then(|data| data.downcast::<quinn::crypto::rustls::HandshakeData>().ok());
    data.is_some_and(|data| data.protocol.as_deref() == Some(identity::DATA_ALPN))
}
