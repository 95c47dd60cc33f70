//! Keeps the connection to the parent.

use std::sync::Arc;
use std::time::Instant;

use super::connection::{Side, explain, serve};
use super::{DataSink, Shared};
use crate::config::ParentConfig;

/// Dials the parent, and again whenever the connection has ended, until the place stops.
pub(super) async fn keep(shared: Arc<Shared>, parent: ParentConfig, sink: Arc<dyn DataSink>) {
    let transport = shared.config.transport;
    let mut pause = transport.redial_first;
    let mut said = String::new();
    loop {
        let since = Instant::now();
        let why = tokio::select! {
            why = dial(&shared, &parent, &sink) => why,
            () = shared.stopping.cancelled() => return,
        };
        // A connection that ended with the place is no news.
        if shared.stopping.is_cancelled() {
            return;
        }
        let stood = since.elapsed() > transport.redial_longest;
        if stood {
            said.clear();
        }
        shared.trouble.send_replace(Some(why.clone()));
        // The same news again and again helps nobody.
        if why == said {
            tracing::debug!(parent = parent.address, why, "no connection to the parent");
        } else {
            tracing::warn!(parent = parent.address, why, "no connection to the parent");
            said = why;
        }
        // Only a connection that stood for long shows that all is well: two daemons of
        // one name would otherwise replace each other as fast as they can dial.
        if stood {
            pause = transport.redial_first;
        }
        let jittered = pause.mul_f64(crate::files::jitter());
        tokio::select! {
            () = tokio::time::sleep(jittered) => {}
            () = shared.stopping.cancelled() => return,
        }
        pause = (pause * 2).min(transport.redial_longest);
    }
}

/// Dials once and serves the connection until it ends. Says why there is none any more.
async fn dial(shared: &Arc<Shared>, parent: &ParentConfig, sink: &Arc<dyn DataSink>) -> String {
    // A place with a parent has a name with one.
    let Some(name) = shared.name.parent() else {
        return "a root has no parent".to_owned();
    };
    let addresses = match tokio::net::lookup_host(&parent.address).await {
        Ok(addresses) => addresses,
        Err(error) => return format!("the address cannot be resolved: {error}"),
    };
    let own = shared.config.listen;
    let mut why =
        "the address resolves to nothing that the socket of this place reaches".to_owned();
    for address in addresses {
        if address.is_ipv4() != own.is_ipv4() {
            continue;
        }
        if own.ip().is_loopback() && !address.ip().is_loopback() {
            why = format!(
                "{address} is not reached from loopback; set `listen`, to \"0.0.0.0:0\" for instance"
            );
            continue;
        }
        let client = shared.present().client.clone();
        let connecting = shared
            .endpoints
            .messages
            .connect_with(client, address, &name.dns_name());
        let connecting = match connecting {
            Ok(connecting) => connecting,
            Err(error) => {
                why = error.to_string();
                continue;
            }
        };
        let within = shared.config.transport.handshake_timeout;
        match tokio::time::timeout(within, connecting).await {
            Ok(Ok(connection)) => {
                return serve(shared, &connection, Side::Child, sink, None).await;
            }
            Ok(Err(error)) => why = explain(&error),
            Err(_) => why = format!("no answer from {address} within {within:?}"),
        }
        shared.counting.failed_handshakes.add(1);
    }
    why
}
