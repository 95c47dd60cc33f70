//! The sockets. Messages and data arrive at one port, and wait for this place in queues of their own.

use std::io;
use std::net::{SocketAddr, UdpSocket};

/// What the identifiers of data connections begin with, those included that a child makes up for its first
/// packet: by it the system tells which of the two sockets a packet is for.
pub(super) const DATA_MARK: [u8; 4] = *b"wbd1";

/// Asked of the system for each socket's buffers, in bytes; it may give less.
const BUFFER: usize = 4 << 20;

/// The sockets that share one port.
pub(super) struct Port {
    /// For messages, and for all else where the system cannot tell them apart.
    pub(super) messages: UdpSocket,
    /// For connections whose identifiers are marked.
    pub(super) data: Option<UdpSocket>,
}

impl Port {
    /// Binds that address, with two sockets if that is wanted and the system can.
    pub(super) fn bind(listen: SocketAddr, two: bool) -> io::Result<Self> {
        let messages = bind(listen)?;
        let data = match two {
            true => second(&messages).inspect_err(|error| {
                tracing::warn!(%error, "data and messages share a socket here, so that much data delays messages");
            }),
            false => return Ok(Self { messages, data: None }),
        };
        Ok(Self {
            messages,
            data: data.ok(),
        })
    }
}

/// Binds a socket with large buffers.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    enlarge(&socket);
    Ok(socket)
}

fn enlarge(socket: &UdpSocket) {
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(socket, BUFFER);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(socket, BUFFER);
}

/// Another socket at the same port, to which the system hands what is marked.
#[cfg(target_os = "linux")]
fn second(first: &UdpSocket) -> io::Result<UdpSocket> {
    use rustix::net::sockopt::set_socket_reuseport;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

    let address = first.local_addr()?;
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let data = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // Only now, so that another program at this port has been found out by the first socket: it could have
    // shared the port as well.
    set_socket_reuseport(first, true)?;
    set_socket_reuseport(&data, true)?;
    bind(&data, &address)?;
    let data = UdpSocket::from(data);
    enlarge(&data);
    steer::by_mark(&data)?;
    Ok(data)
}

#[cfg(not(target_os = "linux"))]
fn second(_: &UdpSocket) -> io::Result<UdpSocket> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The filter by which the kernel chooses a socket (`SO_ATTACH_REUSEPORT_CBPF`, socket(7)).
#[cfg(target_os = "linux")]
mod steer {
    use std::io;
    use std::net::UdpSocket;

    use nix::libc::{sock_filter, sock_fprog};
    use nix::sys::socket::{setsockopt, sockopt};

    use super::DATA_MARK;

    // Instructions of the classic BPF: linux/filter.h.
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_WORD: u16 = 0x20;
    const JUMP: u16 = 0x05;
    const JUMP_IF_SET: u16 = 0x45;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;

    /// The first bit of a packet with a long header (RFC 8999, section 5.1).
    const LONG: u32 = 0x80;
    /// Where the identifier of the receiver begins: behind flags, version and its length, or behind flags alone
    /// (RFC 8999, sections 5.1 and 5.2).
    const IN_LONG: u32 = 6;
    const IN_SHORT: u32 = 1;

    const fn step(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
        sock_filter { code, jt, jf, k }
    }

    /// Sends packets whose identifier is marked to the second socket of the port, and all others to the first,
    /// those included that are too short to have one.
    pub(super) fn by_mark(socket: &UdpSocket) -> io::Result<()> {
        let mut steps = [
            step(LOAD_BYTE, 0, 0, 0),
            step(JUMP_IF_SET, 0, 2, LONG),
            step(LOAD_WORD, 0, 0, IN_LONG),
            step(JUMP, 0, 0, 1),
            step(LOAD_WORD, 0, 0, IN_SHORT),
            step(JUMP_IF_EQUAL, 0, 1, u32::from_be_bytes(DATA_MARK)),
            step(RETURN, 0, 0, 1),
            step(RETURN, 0, 0, 0),
        ];
        let program = sock_fprog {
            len: steps.len() as u16,
            filter: steps.as_mut_ptr(),
        };
        Ok(setsockopt(socket, sockopt::AttachReusePortCbpf, &program)?)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// What arrives at a socket, in order.
    fn received(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
        let mut buffer = [0; 64];
        let mut one = || {
            socket
                .recv(&mut buffer)
                .map(|length| buffer[..length].to_vec())
        };
        (0..count).map(|_| one().unwrap()).collect()
    }

    #[test]
    fn what_is_marked_arrives_at_the_second_socket() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let port = Port::bind(address.parse().unwrap(), true).unwrap();
            let (messages, data) = (port.messages, port.data.unwrap());
            let address = messages.local_addr().unwrap();
            assert_eq!(data.local_addr().unwrap(), address);
            let short = [&[0x40][..], b"wbd1", b"and more"].concat();
            let long = [&[0xc0, 0, 0, 0, 1, 12][..], b"wbd1", b"and more"].concat();
            let other = [&[0x40][..], b"wbd2", b"and more"].concat();
            let others = [&[0xc0, 0, 0, 0, 1, 12][..], b"xwbd1", b"and more"].concat();
            let stub = b"\x40wbd".to_vec();
            let sender = UdpSocket::bind((address.ip(), 0)).unwrap();
            for packet in [&short, &other, &long, &stub, &others, &short] {
                sender.send_to(packet, address).unwrap();
            }
            assert_eq!(received(&data, 3), [short.clone(), long, short]);
            assert_eq!(received(&messages, 3), [other, stub, others]);
        }
    }

    #[test]
    fn a_port_that_is_taken_is_not_shared() {
        let port = Port::bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
        let address = port.messages.local_addr().unwrap();
        let error = Port::bind(address, true).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(
            error.to_string().starts_with(&address.to_string()),
            "{error}"
        );
    }
}
