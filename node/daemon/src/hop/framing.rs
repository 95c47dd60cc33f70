//! Where a body ends (RFC 9112, section 6).

/// The longest line that says how long a chunk is, in bytes.
const CHUNK_LINE: usize = 1024;

/// What is left of a body.
#[derive(Debug)]
pub(crate) enum Framing {
    /// So many bytes.
    Exact(u64),
    /// Chunks.
    Chunked(Chunks),
    /// What comes until the stream ends.
    UntilEnd,
}

/// Where in a chunked body one is.
#[derive(Debug)]
pub(crate) enum Chunks {
    /// Before the line that says how long a chunk is.
    Length,
    /// Inside a chunk of which so much is left.
    Inside(u64),
    /// Behind a chunk, before the end of its line.
    Behind,
    /// Behind the last chunk.
    Trailers,
    /// Behind all.
    Over,
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// So many bytes of the body.
    Data(usize),
    /// So many bytes that frame it.
    Around(usize),
    /// So many bytes of trailers, with the empty line behind them.
    Trailers(usize),
    /// It cannot be said without more bytes.
    Unknown,
    /// The body is over.
    Over,
}

/// The bytes are no chunked body.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunks of a body are malformed")]
pub(crate) struct Malformed;

impl Framing {
    /// Says what the first of these bytes are, of which no more than `most` may be trailers. They count as seen then.
    pub(crate) fn next(&mut self, bytes: &[u8], most: usize) -> Result<Part, Malformed> {
        match self {
            Self::Exact(0) => Ok(Part::Over),
            Self::Exact(left) => Ok(data(left, bytes)),
            Self::UntilEnd if bytes.is_empty() => Ok(Part::Unknown),
            Self::UntilEnd => Ok(Part::Data(bytes.len())),
            Self::Chunked(chunks) => chunks.next(bytes, most),
        }
    }

    /// How many more bytes of the body are known to come, or could.
    pub(crate) fn expected(&self) -> u64 {
        match self {
            Self::Exact(left) | Self::Chunked(Chunks::Inside(left)) => *left,
            Self::Chunked(_) => 0,
            Self::UntilEnd => u64::MAX,
        }
    }

    /// Whether nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Exact(0) | Self::Chunked(Chunks::Over))
    }
}

fn data(left: &mut u64, bytes: &[u8]) -> Part {
    if bytes.is_empty() {
        return Part::Unknown;
    }
    let length = usize::try_from(*left).unwrap_or(usize::MAX);
    let length = length.min(bytes.len());
    *left -= length as u64;
    Part::Data(length)
}

impl Chunks {
    fn next(&mut self, bytes: &[u8], most: usize) -> Result<Part, Malformed> {
        match self {
            Self::Length => match httparse::parse_chunk_size(bytes) {
                Ok(httparse::Status::Complete((length, size))) => {
                    *self = match size {
                        0 => Self::Trailers,
                        size => Self::Inside(size),
                    };
                    Ok(Part::Around(length))
                }
                Ok(httparse::Status::Partial) if bytes.len() < CHUNK_LINE => Ok(Part::Unknown),
                Ok(httparse::Status::Partial) | Err(_) => Err(Malformed),
            },
            Self::Inside(left) => {
                let part = data(left, bytes);
                if *left == 0 {
                    *self = Self::Behind;
                }
                Ok(part)
            }
            Self::Behind => match bytes {
                [b'\r', b'\n', ..] => {
                    *self = Self::Length;
                    Ok(Part::Around(2))
                }
                [] | [b'\r'] => Ok(Part::Unknown),
                _ => Err(Malformed),
            },
            Self::Trailers => {
                let length = match bytes {
                    [b'\r', b'\n', ..] => Some(2),
                    _ => bytes
                        .windows(4)
                        .position(|four| four == b"\r\n\r\n")
                        .map(|at| at + 4),
                };
                match length {
                    Some(length) if length <= most => {
                        *self = Self::Over;
                        Ok(Part::Trailers(length))
                    }
                    None if bytes.len() < most => Ok(Part::Unknown),
                    _ => Err(Malformed),
                }
            }
            Self::Over => Ok(Part::Over),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body and the number of bytes of trailers, if the bytes come in pieces of that length.
    fn read(wire: &[u8], piece: usize) -> Result<(Vec<u8>, usize), Malformed> {
        let mut framing = Framing::Chunked(Chunks::Length);
        let (mut come, mut body, mut trailers) = (Vec::new(), Vec::new(), 0);
        for bytes in wire.chunks(piece) {
            come.extend_from_slice(bytes);
            loop {
                match framing.next(&come, 64)? {
                    Part::Data(length) => body.extend(come.drain(..length)),
                    Part::Around(length) => drop(come.drain(..length)),
                    Part::Trailers(length) => {
                        trailers = length;
                        come.drain(..length);
                    }
                    Part::Unknown | Part::Over => break,
                }
            }
        }
        match framing.is_over() && come.is_empty() {
            true => Ok((body, trailers)),
            false => Err(Malformed),
        }
    }

    #[test]
    fn chunks_are_read_in_whatever_pieces_they_come() {
        let wire = b"4;a=b\r\nwayb\r\nA\r\nook is it.\r\n0\r\nx: 1\r\n\r\n";
        for piece in 1..=wire.len() {
            assert_eq!(
                read(wire, piece),
                Ok((b"waybook is it.".to_vec(), 8)),
                "{piece}"
            );
        }
        assert_eq!(read(b"0\r\n\r\n", 1), Ok((Vec::new(), 2)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long = [b"1;".as_slice(), &[b'x'; CHUNK_LINE]].concat();
        let trailers = [b"0\r\n".as_slice(), &[b'x'; 80]].concat();
        for wire in [
            b"x\r\n".as_slice(),
            b"-1\r\n",
            b"1\r\nab",
            b"11111111111111111\r\n",
            b"4\r\nab",
            &long,
            &trailers,
        ] {
            assert_eq!(
                read(wire, 7),
                Err(Malformed),
                "{}",
                String::from_utf8_lossy(wire)
            );
        }
    }

    #[test]
    fn a_body_of_known_length_takes_no_more_than_that() {
        let mut framing = Framing::Exact(3);
        assert_eq!(framing.next(b"", 0), Ok(Part::Unknown));
        assert_eq!(framing.next(b"ab", 0), Ok(Part::Data(2)));
        assert_eq!(framing.next(b"cde", 0), Ok(Part::Data(1)));
        assert!(framing.is_over());
        assert_eq!(framing.next(b"de", 0), Ok(Part::Over));
    }
}
