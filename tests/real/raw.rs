//! Connections with the certificate of a place, and nothing of a place behind them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use waybook_agents::Incarnation;
use waybook_agents::wire::{self, Hello};
use waybook_daemon::identity::ALPN;
use waybook_location_tree::PlaceName;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A certificate with its key, and who is to be believed.
struct Papers {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

impl Papers {
    fn read(identity: &Path) -> Self {
        let certificates = |file: &str| {
            let read = CertificateDer::pem_file_iter(identity.join(file)).unwrap();
            read.map(Result::unwrap).collect::<Vec<_>>()
        };
        let mut roots = RootCertStore::empty();
        for root in certificates("authority.crt") {
            roots.add(root).unwrap();
        }
        Self {
            chain: certificates("place.crt"),
            key: PrivateKeyDer::from_pem_file(identity.join("place.key")).unwrap(),
            roots: Arc::new(roots),
        }
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// An endpoint that dials with the identity in that folder.
pub(crate) fn dialler(identity: &Path) -> Endpoint {
    let papers = Papers::read(identity);
    let mut tls = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(papers.roots)
        .with_client_auth_cert(papers.chain, papers.key)
        .unwrap();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let tls = QuicClientConfig::try_from(tls).unwrap();
    let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(tls)));
    endpoint
}

/// An endpoint that is dialled, with the identity in that folder.
pub(crate) fn listener(identity: &Path) -> Endpoint {
    let papers = Papers::read(identity);
    let verifier = WebPkiClientVerifier::builder_with_provider(papers.roots, provider());
    let mut tls = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(papers.chain, papers.key)
        .unwrap();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let tls = QuicServerConfig::try_from(tls).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// Dials a place.
pub(crate) async fn dial(endpoint: &Endpoint, place: &PlaceName, at: SocketAddr) -> Connection {
    let connecting = endpoint.connect(at, &place.dns_name()).unwrap();
    in_time(connecting).await.unwrap()
}

/// The hello of a place in its nth life that speaks up to that version.
pub(crate) fn hello(name: &PlaceName, life: u64, newest: u8) -> Vec<u8> {
    wire::encode_hello(&Hello {
        name: name.clone(),
        incarnation: Incarnation(life),
        oldest: wire::OLDEST_VERSION,
        newest,
    })
}

/// The next frame of a stream, without its prefix; none if the stream has ended.
pub(crate) async fn frame(stream: &mut RecvStream) -> Option<Vec<u8>> {
    let mut prefix = [0; wire::PREFIX];
    stream.read_exact(&mut prefix).await.ok()?;
    let length = wire::frame_length(prefix, wire::GREATEST_FRAME).ok()?;
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

/// A frame with its prefix.
pub(crate) fn prefixed(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap();
    [&length.to_le_bytes()[..], frame].concat()
}

/// Joins a place as its child; the control stream, and what the place says of itself.
pub(crate) async fn join(
    connection: &Connection,
    name: &PlaceName,
    life: u64,
) -> (SendStream, RecvStream, Hello) {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let hello = hello(name, life, wire::VERSION);
    send.write_all(&hello).await.unwrap();
    let answer = in_time(frame(&mut receive)).await;
    let answer = answer.expect("the place greets");
    (send, receive, wire::decode_hello(&answer).unwrap())
}

/// Waits for something, within reason.
pub(crate) async fn in_time<T>(what: impl std::future::IntoFuture<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, what.into_future()).await;
    waited.expect("nothing came in time")
}
