//! What a client hears while a session is set up, or while code is fetched.

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::Error;
use crate::client::unreachable;
use crate::model::{CodeInfo, EstablishedInfo, Problem, ProgressInfo, TransferInfo};

/// Greatest event that is read.
const MOST_EVENT: usize = 16 << 20;

/// One thing that a client hears of its open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// News on the way.
    Progress(Box<ProgressInfo>),
    /// The session stands. The last event.
    Established(Box<EstablishedInfo>),
    /// There will be no session. The last event.
    Refused(Box<Problem>),
}

/// One thing that a client hears of code that it has fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchEvent {
    /// So much is there.
    Progress(Box<TransferInfo>),
    /// All of it is there. The last event.
    Fetched(Vec<CodeInfo>),
    /// It will not come. The last event.
    Refused(Box<Problem>),
}

/// The events of an open, as they come. Dropped before the last one, the set-up is given
/// up.
#[derive(Debug)]
pub struct Events(Stream);

/// The events of a prefetch, as they come. Dropped before the last one, the transfer goes
/// on.
#[derive(Debug)]
pub struct Fetching(Stream);

impl Events {
    pub(crate) fn new(body: Incoming, address: String) -> Self {
        Self(Stream::new(body, address))
    }

    /// The next event; none after the last one. Cancel safe.
    ///
    /// # Errors
    /// If the connection breaks, or an event cannot be read.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        let event = self.0.next(read_event).await?;
        if !matches!(event, Some(Event::Progress(_))) {
            self.0.end();
        }
        Ok(event)
    }
}

impl Fetching {
    pub(crate) fn new(body: Incoming, address: String) -> Self {
        Self(Stream::new(body, address))
    }

    /// The next event; none after the last one. Cancel safe.
    ///
    /// # Errors
    /// If the connection breaks, or an event cannot be read.
    pub async fn next(&mut self) -> Result<Option<FetchEvent>, Error> {
        let event = self.0.next(read_fetch_event).await?;
        if !matches!(event, Some(FetchEvent::Progress(_))) {
            self.0.end();
        }
        Ok(event)
    }
}

/// An event's kind and its data; none if the kind is not known.
type Read<T> = fn(&str, &str) -> Option<serde_json::Result<T>>;

fn read_event(kind: &str, data: &str) -> Option<serde_json::Result<Event>> {
    Some(match kind {
        "progress" => serde_json::from_str(data).map(Event::Progress),
        "established" => serde_json::from_str(data).map(Event::Established),
        "refused" => serde_json::from_str(data).map(Event::Refused),
        _ => return None,
    })
}

fn read_fetch_event(kind: &str, data: &str) -> Option<serde_json::Result<FetchEvent>> {
    Some(match kind {
        "progress" => serde_json::from_str(data).map(FetchEvent::Progress),
        "fetched" => serde_json::from_str(data).map(FetchEvent::Fetched),
        "refused" => serde_json::from_str(data).map(FetchEvent::Refused),
        _ => return None,
    })
}

/// A stream of events (the `text/event-stream` of HTML, section 9.2).
#[derive(Debug)]
struct Stream {
    /// None after the last event.
    body: Option<Incoming>,
    address: String,
    buffer: BytesMut,
}

impl Stream {
    fn new(body: Incoming, address: String) -> Self {
        Self {
            body: Some(body),
            address,
            buffer: BytesMut::new(),
        }
    }

    /// After the last event the answer ends. What is left of it is read, so that the connection can be
    /// used again.
    fn end(&mut self) {
        if let Some(mut body) = self.body.take() {
            tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
        }
    }

    async fn next<T>(&mut self, read: Read<T>) -> Result<Option<T>, Error> {
        loop {
            let Some(body) = &mut self.body else {
                return Ok(None);
            };
            if let Some(block) = take_block(&mut self.buffer) {
                if let Some(event) = read_block(&block, read)? {
                    return Ok(Some(event));
                }
                continue;
            }
            if self.buffer.len() > MOST_EVENT {
                return Err(Error::Answer("an endless event".to_owned()));
            }
            let frame = body.frame().await.transpose();
            let frame = frame.map_err(|error| unreachable(&self.address, &error))?;
            match frame {
                None => {
                    let why = "the connection ended before the last of its news";
                    return Err(unreachable(&self.address, &why));
                }
                Some(frame) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }
}

/// Takes an event's lines, without the empty one that ends it.
fn take_block(buffer: &mut BytesMut) -> Option<BytesMut> {
    let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
    let block = buffer.split_to(end);
    let _ = buffer.split_to(2);
    Some(block)
}

/// Reads an event; none for comments and events of kinds unknown.
fn read_block<T>(block: &[u8], read: Read<T>) -> Result<Option<T>, Error> {
    let odd = |error: &dyn std::fmt::Display| Error::Answer(error.to_string());
    let text = std::str::from_utf8(block).map_err(|error| odd(&error))?;
    let mut kind = "";
    let mut data = String::new();
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("event:") {
            kind = value.trim_start();
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    let event = read(kind, &data).transpose();
    event.map_err(|error| odd(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_come_in_pieces() {
        let whole = b": hello\n\nevent: progress\ndata: {\"session\":\"1\",\"place\":\"core\",\
            \"solution\":1,\ndata: \"step\":{\"kind\":\"traced-back\"}}\n\nevent: new\ndata: 1\n\n";
        let mut buffer = BytesMut::new();
        let mut events = Vec::new();
        for byte in whole {
            buffer.extend_from_slice(&[*byte]);
            if let Some(block) = take_block(&mut buffer) {
                events.extend(read_block(&block, read_event).unwrap());
            }
        }
        assert!(matches!(&events[..], [Event::Progress(p)] if p.place == "core"));
        assert!(read_block(b"event: established\ndata: {}", read_event).is_err());
    }
}
