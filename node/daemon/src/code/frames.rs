//! What is said on a transfer's stream before the bytes.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use waybook_agents::wire;

/// The longest frame that is read: far more than names and a sentence take.
pub(super) const MOST: usize = 16 * 1024;

/// Writes one frame.
pub(super) async fn write<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    value: &T,
) -> io::Result<()> {
    stream.write_all(&wire::encode_transfer(value)).await?;
    stream.flush().await
}

/// Reads one frame.
///
/// # Errors
/// `InvalidData` if it is none, `UnexpectedEof` if the stream ends within it, and what
/// the stream says.
pub(super) async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    let wrong = |error: wire::WireError| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut prefix = [0; wire::PREFIX];
    stream.read_exact(&mut prefix).await?;
    let length = wire::frame_length(prefix, MOST).map_err(wrong)?;
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await?;
    wire::decode_transfer(&frame).map_err(wrong)
}
