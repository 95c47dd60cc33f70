//! The token that an operator carries from a parent to a new machine.
//!
//! `wbj1-`, and in base64url a check, the hash of the parent's key, the secret, and a line each
//! for the place's name and the parent's addresses. Whoever has it can become the place.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use waybook_location_tree::PlaceName;

use crate::config::host_and_port;
use crate::files;

const PREFIX: &str = "wbj1-";
const CHECK: usize = 4;
const KEY: usize = 32;
/// Too many to be guessed, however often it is tried.
const SECRET: usize = 16;
/// The longest token, in bytes.
const LONGEST: usize = 4096;
/// The most addresses of the parent.
pub(super) const MOST_ADDRESSES: usize = 8;

/// Lets one machine become a place.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The place's name.
    pub name: PlaceName,
    /// Where its parent is, each `host:port`; at least one.
    pub addresses: Vec<String>,
    /// The SHA-256 of the parent's public key.
    pub(crate) key: [u8; KEY],
    pub(crate) secret: [u8; SECRET],
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is something else.
    #[error(
        "this is no token to join with: they begin with `{PREFIX}`; `waybook place invite` prints one"
    )]
    Other,
    /// It was made by a later version.
    #[error("this token is of a version of Waybook that joins in another way: use that one here")]
    Version,
    /// Something of it is missing or was changed.
    #[error("this token is not complete, or was changed on its way: copy all of it")]
    Broken,
}

impl Token {
    /// A new secret, for whoever finds the place with that key at those addresses.
    pub(super) fn new(name: PlaceName, addresses: Vec<String>, key: [u8; KEY]) -> Self {
        Self {
            name,
            addresses,
            key,
            secret: files::random_bytes(),
        }
    }
}

/// What is kept of a secret.
pub(super) fn hash(secret: &[u8]) -> [u8; 32] {
    blake3::derive_key("waybook 1 invitation", secret)
}

/// Tells what was copied in part, or changed, from what is forged on purpose.
fn check(rest: &[u8]) -> [u8; CHECK] {
    let hash = blake3::derive_key("waybook 1 token check", rest);
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash[..CHECK]);
    check
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = Vec::new();
        rest.extend_from_slice(&self.key);
        rest.extend_from_slice(&self.secret);
        rest.extend_from_slice(self.name.as_str().as_bytes());
        for address in &self.addresses {
            rest.push(b'\n');
            rest.extend_from_slice(address.as_bytes());
        }
        let mut all = check(&rest).to_vec();
        all.append(&mut rest);
        write!(f, "{PREFIX}{}", BASE64URL_NOPAD.encode(&all))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let Some(body) = text.strip_prefix(PREFIX) else {
            let later = text.starts_with("wbj") && text.contains('-');
            return Err(match later {
                true => TokenError::Version,
                false => TokenError::Other,
            });
        };
        if body.len() > LONGEST {
            return Err(TokenError::Broken);
        }
        let all = BASE64URL_NOPAD.decode(body.as_bytes());
        let all = all.map_err(|_| TokenError::Broken)?;
        let read = || {
            let (stated, rest) = all.split_first_chunk::<CHECK>()?;
            if check(rest) != *stated {
                return None;
            }
            let (key, rest) = rest.split_first_chunk::<KEY>()?;
            let (secret, rest) = rest.split_first_chunk::<SECRET>()?;
            let mut lines = std::str::from_utf8(rest).ok()?.split('\n');
            let name = PlaceName::new(lines.next()?).ok()?;
            let addresses: Vec<_> = lines.map(str::to_owned).collect();
            let good = (1..=MOST_ADDRESSES).contains(&addresses.len())
                && addresses.iter().all(|address| host_and_port(address));
            (good && name.parent().is_some()).then_some(Self {
                name,
                addresses,
                key: *key,
                secret: *secret,
            })
        };
        read().ok_or(TokenError::Broken)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("name", &self.name)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        let name = PlaceName::new("core/bologna/lab").unwrap();
        let addresses = vec!["bologna.example:4710".to_owned(), "[::1]:4710".to_owned()];
        Token::new(name, addresses, [7; KEY])
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = token();
        assert_eq!(format!(" {token}\n").parse(), Ok(token));
    }

    #[test]
    fn what_is_no_token_says_so() {
        let text = token().to_string();
        let cut = &text[..text.len() - 3];
        assert_eq!(cut.parse::<Token>(), Err(TokenError::Broken));
        let mut changed = text.clone();
        let at = text.len() / 2;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        changed.replace_range(at..=at, other);
        assert_eq!(changed.parse::<Token>(), Err(TokenError::Broken));
        let later = text.replace("wbj1-", "wbj2-");
        assert_eq!(later.parse::<Token>(), Err(TokenError::Version));
        assert_eq!("core/lab".parse::<Token>(), Err(TokenError::Other));
    }

    #[test]
    fn the_secret_is_not_shown() {
        let token = token();
        let shown = format!("{token:?}");
        assert!(shown.contains("core/bologna/lab"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
