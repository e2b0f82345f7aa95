//! What can go wrong with a connection, told from the chain of errors of the connector.

use std::error::Error as StdError;
use std::io;

use aws_credential_types::provider::error::CredentialsError;

use crate::connector::NoProgress;
use crate::error::{PoolExhausted, chain};

/// Why there is no usable reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportFailure {
    /// There is no host of that name.
    UnknownHost,
    /// The name could not be looked up just now.
    NameResolution,
    /// Nobody listens.
    ConnectionRefused,
    /// No route to the host or its network.
    Unreachable,
    /// No connection within `s3.connection.timeout`.
    ConnectTimeout,
    /// The peer does not speak TLS, or its certificate is not trusted.
    Tls,
    /// All connections stayed in use.
    NoFreeConnection,
    /// The peer closed the connection before it answered.
    ConnectionClosed,
    /// The connection was reset before an answer came.
    ConnectionReset,
    /// Nothing moved within `s3.socket.timeout`.
    NoReply,
    /// The answer was no HTTP.
    NotHttp,
    /// The body of the answer ended early.
    ReplyCut,
    /// The body of the answer could not be understood.
    ReplyUnreadable,
    /// No credentials could be had.
    NoCredentials,
    /// Anything else.
    Other,
}

impl TransportFailure {
    /// As the documentation writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownHost => "unknown host",
            Self::NameResolution => "name could not be looked up",
            Self::ConnectionRefused => "connection refused",
            Self::Unreachable => "host unreachable",
            Self::ConnectTimeout => "no connection in time",
            Self::Tls => "TLS failed",
            Self::NoFreeConnection => "no free connection in time",
            Self::ConnectionClosed => "closed before an answer",
            Self::ConnectionReset => "reset before an answer",
            Self::NoReply => "nothing moved in time",
            Self::NotHttp => "answer is no HTTP",
            Self::ReplyCut => "answer was cut",
            Self::ReplyUnreadable => "answer could not be read",
            Self::NoCredentials => "no credentials",
            Self::Other => "any other",
        }
    }

    /// Why a request got no reply at all.
    pub(crate) fn of_request(error: &(dyn StdError + 'static)) -> Self {
        if let Some(failure) = Self::certain(error) {
            return failure;
        }
        let mut text = String::new();
        for link in chain(error) {
            text.push_str(&link.to_string());
            text.push('\n');
        }
        let says = |phrase: &str| text.contains(phrase);
        // The types of the HTTP library say less than its texts, and are not all public.
        if says("Temporary failure in name resolution") {
            Self::NameResolution
        } else if says("dns error") || says("failed to lookup address") {
            Self::UnknownHost
        } else if says("connect timeout") {
            Self::ConnectTimeout
        } else if says("certificate")
            || says("InvalidContentType")
            || says("HandshakeFailure")
            || says("received fatal alert")
        {
            Self::Tls
        } else if says("before message completed")
            || says("connection closed")
            || says("operation was canceled")
        {
            Self::ConnectionClosed
        } else if says("timeout occurred") || says("timed out") {
            Self::NoReply
        } else if says("invalid HTTP") || says("error parsing") || says("received unexpected message") {
            Self::NotHttp
        } else {
            Self::Other
        }
    }

    /// Why the body of a reply did not come whole.
    pub(crate) fn of_reply(error: &(dyn StdError + 'static)) -> Self {
        match Self::certain(error) {
            Some(failure @ Self::NoReply) => failure,
            _ => Self::ReplyCut,
        }
    }

    /// What types tell.
    fn certain(error: &(dyn StdError + 'static)) -> Option<Self> {
        chain(error).find_map(|link| {
            if link.is::<NoProgress>() {
                Some(Self::NoReply)
            } else if link.is::<PoolExhausted>() {
                Some(Self::NoFreeConnection)
            } else if link.is::<CredentialsError>() {
                Some(Self::NoCredentials)
            } else {
                link.downcast_ref::<io::Error>()
                    .and_then(|error| Self::of_io(error.kind()))
            }
        })
    }

    fn of_io(kind: io::ErrorKind) -> Option<Self> {
        match kind {
            io::ErrorKind::ConnectionRefused => Some(Self::ConnectionRefused),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                Some(Self::ConnectionReset)
            }
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => Some(Self::Unreachable),
            io::ErrorKind::NotConnected | io::ErrorKind::UnexpectedEof => Some(Self::ConnectionClosed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart_by_type_or_by_what_the_library_says() {
        let told = |error: io::Error| TransportFailure::of_request(&error);
        for (kind, failure) in [
            (
                io::ErrorKind::ConnectionRefused,
                TransportFailure::ConnectionRefused,
            ),
            (io::ErrorKind::BrokenPipe, TransportFailure::ConnectionReset),
            (io::ErrorKind::NetworkUnreachable, TransportFailure::Unreachable),
        ] {
            assert_eq!(told(io::Error::from(kind)), failure);
        }
        for (text, failure) in [
            (
                "dns error\nfailed to lookup address information: Temporary failure in name resolution",
                TransportFailure::NameResolution,
            ),
            (
                "failed to lookup address information: Name or service not known",
                TransportFailure::UnknownHost,
            ),
            (
                "HTTP connect timeout occurred after 1s",
                TransportFailure::ConnectTimeout,
            ),
            ("invalid peer certificate: UnknownIssuer", TransportFailure::Tls),
            (
                "connection closed before message completed",
                TransportFailure::ConnectionClosed,
            ),
            ("invalid HTTP version parsed", TransportFailure::NotHttp),
            ("what is this", TransportFailure::Other),
        ] {
            assert_eq!(told(io::Error::other(text)), failure, "{text}");
        }
    }
}
