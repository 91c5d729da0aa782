//! What went wrong on the wire, sorted into kinds.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::proxy::{LOGIN_ADVICE, wants_login};
use super::trust::is_of_an_authority;
use super::{ErrorKind, HttpError};
use crate::conf::OptionNames;

/// An error, and whether the connection ended without a byte of an answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: HttpError,
    pub(super) unanswered: bool,
    /// What to do about it, by the names of the options.
    advice: Option<Advice>,
}

/// Says what to do, by what the user calls the options.
type Advice = fn(OptionNames) -> String;

impl Failure {
    pub(super) fn new(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self { error: HttpError::new(kind, cause), unanswered: false, advice: None }
    }

    /// The error with what to do about it.
    pub(super) fn advised(self, names: OptionNames) -> HttpError {
        match self.advice {
            Some(advice) => HttpError::new(self.error.kind(), format!("{}; {}", self.error.cause(), advice(names))),
            None => self.error,
        }
    }

    pub(super) fn no_answer() -> Self {
        Self::new(ErrorKind::Timeout, "the server did not answer in time")
    }

    pub(super) fn stalled(stall: Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("the answer stalled for {} s", stall.as_secs_f32()))
    }

    /// Fewer than `least` bytes of a body came within `stall`.
    pub(super) fn drips(stall: Duration, least: usize) -> Self {
        let text = format!("fewer than {least} bytes of the answer came within {} s", stall.as_secs_f32());
        Self::new(ErrorKind::Timeout, text)
    }

    /// A body that broke off, whatever the reason: never a short object.
    pub(super) fn of_body(error: hyper::Error) -> Self {
        let kind = if error.is_parse() { ErrorKind::Protocol } else { ErrorKind::Connection };
        Self::new(kind, format!("the answer broke off: {}", chain(&error)))
    }

    /// There is no connection to be had.
    pub(super) fn of_connecting(error: &(dyn Error + 'static)) -> Self {
        Self { unanswered: false, ..Self::of(error, None) }
    }

    /// A request was not answered over a connection that there was.
    pub(super) fn of_exchange(error: &hyper::Error) -> Self {
        Self::of(error, Some(error))
    }

    fn of(error: &(dyn Error + 'static), hyper: Option<&hyper::Error>) -> Self {
        let cause = chain(error);
        if let Some(tls) = find::<rustls::Error>(error) {
            return Self::of_tls(tls, cause);
        }
        if wants_login(error) {
            return Self::new(ErrorKind::Setup, format!("{cause}; {LOGIN_ADVICE}"));
        }
        let io = find::<io::Error>(error).map(io::Error::kind);
        if io == Some(io::ErrorKind::TimedOut) {
            return Self::new(ErrorKind::Timeout, cause);
        }
        let hyper = hyper.or_else(|| find(error));
        if hyper.is_some_and(hyper::Error::is_parse) {
            let advice: Advice = |names| format!("check {}, port and {}", names.of("host"), names.of("use_https"));
            let failure = Self::new(ErrorKind::Protocol, format!("the answer is not HTTP: {cause}"));
            return Self { advice: Some(advice), ..failure };
        }
        let closed = matches!(io, Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
            || hyper.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed());
        Self { unanswered: closed, ..Self::new(ErrorKind::Connection, cause) }
    }

    /// Ends that cannot agree, however often they try, are a matter of the configuration.
    fn of_tls(tls: &rustls::Error, cause: String) -> Self {
        use rustls::CertificateError::UnknownIssuer;
        use rustls::Error::{InvalidCertificate, InvalidMessage, PeerIncompatible};
        let advice: Advice = match tls {
            InvalidCertificate(UnknownIssuer) => {
                |names| format!("name the file with the certificate of its authority in {}", names.of("ca_file"))
            }
            refused if is_of_an_authority(refused) => |names| {
                let ca_file = names.of("ca_file");
                format!(
                    "the server shows an authority's certificate (CA:TRUE) as its own: name that certificate in {ca_file}, or \
                     give the server one that is not (CA:FALSE)"
                )
            },
            InvalidCertificate(_) => |names| format!("check {}, and the server's certificate", names.of("host")),
            InvalidMessage(_) => |names| {
                let https = names.of("use_https");
                format!("the server does not speak TLS there: check the port, or set {https} = false")
            },
            PeerIncompatible(_) => |_| "the server's TLS is too old: it needs version 1.2 or 1.3".to_owned(),
            _ => return Self::new(ErrorKind::Connection, cause),
        };
        Self { advice: Some(advice), ..Self::new(ErrorKind::Setup, cause) }
    }
}

/// The first error of type `T` among `error` and its sources.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // Looked into, because an I/O error does not name what it wraps as its source, but the source of that.
        if let Some(found) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).and_then(|e| find(e)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The texts of `error` and its sources, what is said twice said once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text
}
