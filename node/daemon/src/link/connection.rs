//! One connection, from the end of its handshake to its close.

use std::sync::Arc;
use std::time::SystemTime;

use quinn::{Connection, ConnectionError, SendStream, VarInt};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use waybook_agents::wire::{self, Hello, WireError};
use waybook_agents::{Envelope, Incarnation};
use waybook_location_tree::PlaceName;

use super::accept::Handshake;
use super::frames::{FrameError, Frames};
use super::registry::Registration;
use super::{CloseCode, DataSink, Shared, alert, data, streams};
use crate::identity;

/// Messages that are encoded before a write.
const BATCH: usize = 256;
/// A write begins when that many bytes have gathered.
const WRITE: usize = 128 * 1024;

/// Which end of a connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The child, which dialled.
    Child,
    /// The parent.
    Parent,
}

/// Why a connection is closed from here: the code and a sentence for the other end.
#[derive(Debug)]
pub(super) struct Reason(pub(super) CloseCode, pub(super) String);

/// Greets, and then serves the connection until it ends. Says how it ended. `greeting` is dropped when it has greeted.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    connection: &Connection,
    side: Side,
    sink: &Arc<dyn DataSink>,
    greeting: Option<Handshake>,
) -> String {
    let within = shared.config.transport.handshake_timeout;
    let greeted = tokio::time::timeout(within, greet(shared, connection, side)).await;
    let greeted = greeted.unwrap_or_else(|_| {
        let what = format!("no hello within {within:?}");
        Err(Reason(CloseCode::Silent, what))
    });
    drop(greeting);
    let reason = match greeted {
        Ok(greeted) => attend(shared, connection, side, greeted, sink).await,
        Err(reason) => {
            // A connection that the other end has closed is not one refused here.
            if connection.close_reason().is_none() {
                shared.counting.refused.add(1);
                if let Some(neighbour) = neighbour_of(shared, connection) {
                    shared.counted(&neighbour).refused.add(1);
                }
                tracing::warn!(
                    from = %connection.remote_address(),
                    why = reason.1,
                    "a connection was refused"
                );
            }
            Some(reason)
        }
    };
    // Closing again would hide how the other end has closed it.
    if let Some(error) = connection.close_reason() {
        return explain(&error);
    }
    if let Some(Reason(code, what)) = reason {
        connection.close(VarInt::from(code), what.as_bytes());
        return what;
    }
    explain(&connection.closed().await)
}

/// Why a connection has ended, for people.
pub(super) fn explain(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let reason = String::from_utf8_lossy(&close.reason);
            let reason: String = reason.chars().filter(|c| !c.is_control()).collect();
            match close.error_code == CloseCode::Stopping.into() {
                true => reason,
                false => format!("the other end refuses: {reason}"),
            }
        }
        error => match alert::meaning(error) {
            Some(meaning) => format!("{meaning} ({error})"),
            None => error.to_string(),
        },
    }
}

/// Whose connection it is, if it is that of a neighbour at all.
fn neighbour_of(shared: &Shared, connection: &Connection) -> Option<PlaceName> {
    let name = identity::peer_name(connection.peer_identity()).ok()?;
    shared.name.is_neighbour_of(&name).then_some(name)
}

/// Without its control stream a connection is of no use.
fn ended() -> Reason {
    let what = "the control stream has ended".to_owned();
    Reason(CloseCode::Protocol, what)
}

struct Greeted {
    name: PlaceName,
    incarnation: Incarnation,
    version: u8,
    send: SendStream,
    frames: Frames,
}

/// Checks who the other end is, and exchanges hellos on the control stream.
async fn greet(shared: &Shared, connection: &Connection, side: Side) -> Result<Greeted, Reason> {
    let own = &shared.name;
    let wrong_name = |what| Reason(CloseCode::WrongName, what);
    let name = identity::peer_name(connection.peer_identity()).map_err(wrong_name)?;
    match side {
        Side::Child if own.parent().as_ref() != Some(&name) => {
            return Err(wrong_name(format!("`{name}` is not the parent of `{own}`")));
        }
        Side::Parent if name.parent().as_ref() != Some(own) => {
            return Err(wrong_name(format!(
                "`{name}` is not a child of `{own}`: only places right below it may join here"
            )));
        }
        Side::Parent if shared.registry.children_but(&name, own) >= shared.config.children => {
            return Err(Reason(
                CloseCode::Full,
                format!("`{own}` has as many children as its limit `children` allows"),
            ));
        }
        Side::Child | Side::Parent => {}
    }
    let counts = shared.accepts(connection, SystemTime::now());
    counts.map_err(|why| Reason(CloseCode::Certificate, why))?;
    // What is said here matters only if the connection still stands.
    let (mut send, receive) = match side {
        Side::Child => connection.open_bi().await.map_err(|_| ended())?,
        Side::Parent => connection.accept_bi().await.map_err(|_| ended())?,
    };
    // Messages go before the data of sessions.
    let _ = send.set_priority(1);
    let hello = wire::encode_hello(&Hello {
        name: own.clone(),
        incarnation: shared.config.incarnation,
        oldest: wire::OLDEST_VERSION,
        newest: wire::VERSION,
    });
    if side == Side::Child {
        send.write_all(&hello).await.map_err(|_| ended())?;
    }
    let mut frames = Frames::new(receive, shared.config.transport.max_frame);
    let theirs = match frames.next().await {
        Ok(frame) => wire::decode_hello(&frame),
        Err(FrameError::Wire(error)) => Err(error),
        Err(FrameError::Ended) => Err(WireError::CutOff),
    };
    let theirs = theirs.map_err(|error| {
        if connection.close_reason().is_none() {
            shared.counting.garbage.add(1);
            shared.counted(&name).garbage.add(1);
        }
        Reason(CloseCode::Protocol, format!("bad hello: {error}"))
    })?;
    if theirs.name != name {
        return Err(wrong_name(format!(
            "the hello says `{}`, the certificate `{name}`",
            theirs.name
        )));
    }
    let Some(version) = wire::negotiate(&theirs) else {
        return Err(Reason(
            CloseCode::Version,
            format!(
                "protocol versions {} to {} are spoken at `{own}`, {} to {} at `{name}`",
                wire::OLDEST_VERSION,
                wire::VERSION,
                theirs.oldest,
                theirs.newest
            ),
        ));
    };
    if side == Side::Parent {
        send.write_all(&hello).await.map_err(|_| ended())?;
    }
    Ok(Greeted {
        name,
        incarnation: theirs.incarnation,
        version,
        send,
        frames,
    })
}

/// Keeps a greeted connection until it ends, or until there is a reason to close it.
async fn attend(
    shared: &Arc<Shared>,
    connection: &Connection,
    side: Side,
    greeted: Greeted,
    sink: &Arc<dyn DataSink>,
) -> Option<Reason> {
    let Greeted {
        name,
        incarnation,
        version,
        send,
        frames,
    } = greeted;
    let counted = shared.counted(&name);
    let registered = shared
        .registry
        .register(&name, incarnation, version, connection, &counted);
    let Some((registration, outbound)) = registered else {
        shared.counting.refused.add(1);
        counted.refused.add(1);
        let what = format!("a later life of `{name}` is connected");
        return Some(Reason(CloseCode::Outdated, what));
    };
    // It may have been revoked after it was looked at and before it was known to be connected.
    if let Err(why) = shared.accepts(connection, SystemTime::now()) {
        shared.registry.deregister(&registration);
        shared.counting.refused.add(1);
        counted.refused.add(1);
        return Some(Reason(CloseCode::Certificate, why));
    }
    shared.counting.connections.add(1);
    counted.connections.add(1);
    if side == Side::Child {
        shared.trouble.send_replace(None);
    }
    tracing::info!(neighbour = %name, %incarnation, address = %connection.remote_address(), "connected");
    let _data = (side == Side::Child && shared.endpoints.parent.is_some()).then(|| {
        let keeping = data::keep(
            shared.clone(),
            name.clone(),
            connection.remote_address(),
            sink.clone(),
        );
        AbortOnDropHandle::new(shared.worker.spawn(keeping))
    });
    let reason = tokio::select! {
        reason = read(shared, &registration, frames) => reason,
        reason = write(shared, send, outbound) => reason,
        () = streams::accept(shared, connection, &name, &counted, sink) => None,
        _ = connection.closed() => None,
    };
    shared.registry.deregister(&registration);
    let why = match &reason {
        Some(Reason(_, what)) => what.clone(),
        None => match connection.close_reason() {
            Some(error) => explain(&error),
            None => ended().1,
        },
    };
    tracing::info!(neighbour = %name, why, "disconnected");
    reason.or_else(|| Some(ended()))
}

/// Passes on what the neighbour says.
async fn read(shared: &Shared, registration: &Registration, mut frames: Frames) -> Option<Reason> {
    loop {
        let mut batch = Vec::new();
        let fault = loop {
            match frames.ready() {
                Ok(Some(frame)) => match wire::decode(&frame) {
                    Ok(envelope) => batch.push((envelope, frame.len())),
                    // The neighbour may only pass on what another place has made, and
                    // its other sessions should not suffer for it.
                    Err(WireError::Agent(error)) => {
                        shared.counting.garbage.add(1);
                        registration.counted.garbage.add(1);
                        tracing::warn!(neighbour = %registration.name, %error, "a visit was refused");
                    }
                    Err(error) => break Some(error),
                },
                Ok(None) | Err(FrameError::Ended) => break None,
                Err(FrameError::Wire(error)) => break Some(error),
            }
        };
        shared.counting.received.add(batch.len() as u64);
        registration.counted.received.add(batch.len() as u64);
        for (envelope, length) in batch {
            let permit = registration.room_for(length).await?;
            if !shared.registry.deliver(registration, envelope, permit) {
                return None;
            }
        }
        if let Some(error) = fault {
            shared.counting.garbage.add(1);
            registration.counted.garbage.add(1);
            return Some(Reason(CloseCode::Protocol, format!("bad frame: {error}")));
        }
        if frames.fill().await.is_err() {
            return None;
        }
    }
}

/// Writes what is to be said, several messages at once.
async fn write(
    shared: &Shared,
    mut stream: SendStream,
    mut outbound: mpsc::Receiver<Envelope>,
) -> Option<Reason> {
    let limit = wire::PREFIX + shared.config.transport.max_frame;
    let mut batch = Vec::with_capacity(BATCH);
    let mut buffer = Vec::new();
    while outbound.recv_many(&mut batch, BATCH).await > 0 {
        for envelope in batch.drain(..) {
            let frame = wire::encode(&envelope);
            if frame.len() > limit {
                shared.counting.too_long.add(1);
                tracing::error!(bytes = frame.len(), "a message is longer than `max-frame`");
                continue;
            }
            buffer.extend_from_slice(&frame);
            if buffer.len() >= WRITE {
                stream.write_all(&buffer).await.ok()?;
                buffer.clear();
            }
        }
        stream.write_all(&buffer).await.ok()?;
        buffer.clear();
    }
    None
}
