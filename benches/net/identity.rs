//! Who the hops are: all the same, certified by the same authority.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Endpoint, EndpointConfig, ServerConfig, TokioRuntime, TransportConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use crate::shared::Failure;

/// The name of every hop.
pub(crate) const NAME: &str = "hop";
const ALPN: &[u8] = b"hop";
/// Asked of the system for the socket's buffers, in bytes.
const SOCKET_BUFFER: usize = 4 << 20;

/// Writes an authority and a certificate for all hops, as files that nginx and HAProxy read too.
pub(crate) fn certify(folder: &Path) -> Result<(), Failure> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate that is called as its issuer for one that signs itself.
    let names = &mut authority.distinguished_name;
    names.push(DnType::CommonName, "authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let mut certificate = CertificateParams::new(vec![NAME.to_owned()])?;
    let names = &mut certificate.distinguished_name;
    names.push(DnType::CommonName, NAME);
    let certificate = certificate.signed_by(&key, &authority)?;
    let (certificate, key) = (certificate.pem(), key.serialize_pem());
    std::fs::write(folder.join("authority.crt"), authority.pem())?;
    std::fs::write(folder.join("hop.crt"), &certificate)?;
    std::fs::write(folder.join("hop.key"), &key)?;
    std::fs::write(folder.join("hop.pem"), certificate + &key)?;
    Ok(())
}

/// An endpoint that accepts and dials other hops, with such packets and windows.
pub(crate) fn endpoint(
    folder: &Path,
    transport: TransportConfig,
    mtu: u16,
) -> Result<Endpoint, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("authority.crt"))?)?;
    let roots = Arc::new(roots);
    let chain = vec![CertificateDer::from_pem_file(folder.join("hop.crt"))?];
    let key = PrivateKeyDer::from_pem_file(folder.join("hop.key"))?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build()?;
    let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key.clone_key())?;
    server.alpn_protocols = vec![ALPN.to_vec()];
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    client.alpn_protocols = vec![ALPN.to_vec()];

    let transport = Arc::new(transport);
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server)?));
    server.transport_config(transport.clone());
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client)?));
    client.transport_config(transport);
    let mut config = EndpointConfig::default();
    config.max_udp_payload_size(mtu.max(1472))?;
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = std::net::UdpSocket::bind(at)?;
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER);
    let mut endpoint = Endpoint::new(config, Some(server), socket, Arc::new(TokioRuntime))?;
    endpoint.set_default_client_config(client);
    Ok(endpoint)
}
