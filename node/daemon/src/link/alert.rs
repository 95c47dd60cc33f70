//! What a failed handshake means, for people. TLS names what is wrong by an alert (RFC 8446, section
//! 6.2), which QUIC carries as an error from 0x100 on (RFC 9001, section 4.8).

use quinn::ConnectionError;

/// Which end objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// This place, to what the other one has shown.
    Here,
    /// The other one, to what this place has shown.
    There,
}

/// What is wrong, and what would help, if an alert says so.
pub(super) fn meaning(error: &ConnectionError) -> Option<&'static str> {
    let (code, end) = match error {
        ConnectionError::TransportError(error) => (error.code, End::Here),
        ConnectionError::ConnectionClosed(close) => (close.error_code, End::There),
        _ => return None,
    };
    let code = u64::from(code);
    let alert = code.checked_sub(0x100)?;
    told(u8::try_from(alert).ok()?, end)
}

/// Whether the other end knows no protocol of that name.
pub(super) fn is_unknown_protocol(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::ConnectionClosed(close) if u64::from(close.error_code) == 0x100 + 120)
}

fn told(alert: u8, end: End) -> Option<&'static str> {
    Some(match (alert, end) {
        (44, End::Here) => "the other place's certificate has been revoked",
        (44, End::There) => {
            "this place's certificate has been revoked; have a new one issued, if it is to come back"
        }
        (45, End::Here) => "the other place's certificate is over, or one of the clocks is wrong",
        (45, End::There) => {
            "this place's certificate is over, or one of the clocks is wrong; `waybook ca renew` makes a \
             new one"
        }
        (48, End::Here) => {
            "the other place's certificate is of an authority that is not in the `authority.crt` of this \
             one"
        }
        (48, End::There) => {
            "the other place does not know the authority of this one's certificate: its `authority.crt` \
             has to have it"
        }
        (116, End::There) => "the other place was shown no certificate",
        (120, _) => "what listens there is no place, or one of another protocol",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use quinn::{ConnectionClose, TransportErrorCode};

    use super::*;

    #[test]
    fn alerts_are_told_by_who_objects() {
        let closed = |alert| {
            ConnectionError::ConnectionClosed(ConnectionClose {
                error_code: TransportErrorCode::crypto(alert),
                frame_type: None,
                reason: bytes::Bytes::new(),
            })
        };
        let said = meaning(&closed(45)).unwrap();
        assert!(
            said.starts_with("this place's certificate is over"),
            "{said}"
        );
        assert!(
            told(45, End::Here)
                .unwrap()
                .starts_with("the other place's")
        );
        assert_eq!(meaning(&closed(80)), None);
        assert_eq!(meaning(&ConnectionError::TimedOut), None);
        assert!(is_unknown_protocol(&closed(120)));
        assert!(!is_unknown_protocol(&closed(45)));
        assert!(!is_unknown_protocol(&ConnectionError::TimedOut));
    }
}
