//! What the URL of a session is made of.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use data_encoding::HEXLOWER;
use http::Uri;
use waybook_agents::SessionId;

use super::DataConfig;

/// Bytes of a token: 160 bits cannot be guessed, and 40 digits fit a host label.
const TOKEN_BYTES: usize = 20;

/// The two forms of a session's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// `http://gateway/s/<token>/`: works everywhere, for content with relative links.
    pub path_url: String,
    /// `http://<token>.<suffix>/`: an origin of its own, for content with absolute links.
    pub host_url: String,
}

/// The token of a session: a keyed hash, so that only who was told knows it, and the
/// same after a restart.
pub(super) fn token(secret: &[u8; 32], session: SessionId) -> String {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher.update(b"waybook session url");
    hasher.update(&session.0.to_be_bytes());
    let mut bytes = [0; TOKEN_BYTES];
    hasher.finalize_xof().fill(&mut bytes);
    HEXLOWER.encode(&bytes)
}

/// Whether a text looks like a token at all.
pub(super) fn is_token(text: &str) -> bool {
    text.len() == 2 * TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The URLs of the session with that token at a gateway that listens on `bound`.
pub(super) fn urls(config: &DataConfig, bound: SocketAddr, token: &str) -> Urls {
    let base = match &config.public_url {
        Some(base) => base.trim_end_matches('/').to_owned(),
        None => format!("http://{}", reachable(bound)),
    };
    let uri = base.parse::<Uri>().unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or("http");
    let port = uri.port_u16().map(|port| format!(":{port}"));
    Urls {
        path_url: format!("{base}/s/{token}/"),
        host_url: format!(
            "{scheme}://{token}.{}{}/",
            config.host_suffix,
            port.unwrap_or_default()
        ),
    }
}

/// An address to connect to: listening on all addresses includes the loopback one.
fn reachable(bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), bound.port())
    } else {
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_stable_labels_that_depend_on_key_and_session() {
        let token_a = token(&[1; 32], SessionId(1));
        assert_eq!(token_a, token(&[1; 32], SessionId(1)));
        assert_ne!(token_a, token(&[2; 32], SessionId(1)));
        assert_ne!(token_a, token(&[1; 32], SessionId(2)));
        assert!(is_token(&token_a) && token_a.len() <= 63);
    }

    #[test]
    fn urls_follow_the_public_address() {
        let place = waybook_location_tree::PlaceName::new("core/lab").unwrap();
        let mut config = DataConfig::new(place, [0; 32]);
        let bound: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        let made = urls(&config, bound, "abc");
        assert_eq!(made.path_url, "http://127.0.0.1:8080/s/abc/");
        assert_eq!(made.host_url, "http://abc.localhost:8080/");
        config.public_url = Some("https://media.example/".to_owned());
        config.host_suffix = "media.example".to_owned();
        let made = urls(&config, bound, "abc");
        assert_eq!(made.path_url, "https://media.example/s/abc/");
        assert_eq!(made.host_url, "https://abc.media.example/");
    }
}
