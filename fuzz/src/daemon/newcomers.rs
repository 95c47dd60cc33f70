//! What is said by machines that are no places yet, and to them.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use waybook_daemon::join::{Answer, Request, Token};

/// What is read when somebody joins, by the first byte: 0 a request as it arrives, 1 a request for
/// a certificate in an otherwise good one, 2 a token, 3 a token whose check is right, another one
/// the parent's answer.
pub(crate) fn newcomer(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    match kind {
        0 => request(bytes),
        1 => {
            let der = BASE64.encode(bytes);
            let text = format!(
                "{{\"secret\":\"00\",\"name\":\"r/a/x\",\"request\":\"-----BEGIN CERTIFICATE \
                 REQUEST-----\\n{der}\\n-----END CERTIFICATE REQUEST-----\\n\"}}"
            );
            request(text.as_bytes());
        }
        2 => token(&String::from_utf8_lossy(bytes)),
        3 => {
            let check = blake3::derive_key("waybook 1 token check", bytes);
            let all = [&check[..4], bytes].concat();
            token(&format!("wbj1-{}", BASE64URL_NOPAD.encode(&all)));
        }
        _ => match Answer::read(bytes) {
            Err(why) => assert!(!why.is_empty()),
            Ok(Answer::Refused { why }) => assert!(!why.contains(char::is_control)),
            Ok(Answer::Joined { .. }) => {}
        },
    }
}

fn request(bytes: &[u8]) {
    match Request::read(bytes) {
        Err(why) => assert!(!why.is_empty()),
        Ok(request) => assert!(!request.name.as_str().is_empty()),
    }
}

fn token(text: &str) {
    if let Ok(token) = text.parse::<Token>() {
        assert!(token.name.parent().is_some() && !token.addresses.is_empty());
        assert_eq!(token.to_string().parse(), Ok(token));
    }
}
