//! Answers with the status of a success that the service did not give: the maintenance page of a proxy, the login page
//! of a network, an error document sent as a success.

use super::{Etag, Md5Sum, is_hex32};
use crate::object::ObjectKey;
use crate::store::{ErrorKind, StoreError};

/// How much of an answer's text is shown, in characters.
const EXCERPT: usize = 300;

/// What is wrong with an answer that is a page.
const NO_ANSWER: &str = "is a page or an error, not the service's answer";

/// An answer with the status of a success, as far as it shows who gave it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Success<'a> {
    /// The HTTP status.
    pub(in crate::store) status: u16,
    /// The header Content-Type.
    pub(in crate::store) content_type: Option<&'a str>,
    /// The header `ETag`.
    pub(in crate::store) etag: Option<&'a str>,
    /// Whether the service says that the ETag is no MD5, because it encrypted the object.
    pub(in crate::store) encrypted: bool,
    /// The body; nothing for the answer to a HEAD.
    pub(in crate::store) body: &'a [u8],
}

impl Success<'_> {
    /// Why this is no answer of the service, where it is one that says nothing but success (a removal): a page or an
    /// error document. `None` when nothing speaks against it. An answer without a body is no page, whatever its header
    /// says: Swift calls the empty answer to a PUT `text/html`.
    pub(in crate::store) fn page(&self) -> Option<String> {
        let is_page = self.is_html() && !self.body.is_empty();
        (is_page || is_error_document(self.body)).then(|| self.told(NO_ANSWER))
    }

    /// The same of the answer to a PUT, which carries the ETag of what was stored.
    pub(in crate::store) fn not_stored(&self) -> Option<String> {
        match self.etag {
            None => Some(self.told("has no ETag, which the service gives for every object it stored")),
            Some(_) => self.page(),
        }
    }

    /// The same of the answer to a GET. An object can itself be such a page or document; then its ETag is that of its
    /// bytes, which that of another server's page is not.
    pub(in crate::store) fn not_the_object(&self) -> Option<String> {
        let page = self.page()?;
        let is_own = self.encrypted && self.etag.is_some()
            || self
                .etag
                .is_some_and(|etag| is_of_parts(etag) || Md5Sum::of(self.body).compare(etag, false) == Etag::Same);
        (!is_own).then_some(page)
    }

    /// The same of the answer to a HEAD: a page whose ETag has not the form that the service gives.
    pub(in crate::store) fn not_about_the_object(&self) -> Option<String> {
        let is_own = self.etag.is_some_and(|etag| is_of_parts(etag) || is_hex32(etag.trim().trim_matches('"')));
        (self.is_html() && !is_own).then(|| self.told(NO_ANSWER))
    }

    fn is_html(&self) -> bool {
        let kind = self.content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
    }

    /// Status, what is wrong, and the words of the body.
    pub(in crate::store) fn told(&self, what: &str) -> String {
        let words = first_words(self.body);
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        format!("the answer HTTP {} {what}{said}", self.status)
    }
}

/// An error of a call about one object where there is a sign that its answer is not the service's.
pub(in crate::store) fn own(action: &'static str, key: &ObjectKey, sign: Option<String>) -> Result<(), StoreError> {
    sign.map_or(Ok(()), |why| Err(StoreError::object(ErrorKind::ForeignAnswer, action, key, why)))
}

/// Whether the ETag is that of an object uploaded in parts: 32 digits, a dash and the number of parts.
fn is_of_parts(etag: &str) -> bool {
    let parts = etag.trim().trim_matches('"').split_once('-');
    parts.is_some_and(|(hex, parts)| {
        is_hex32(hex) && !parts.is_empty() && parts.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a body is an XML document whose root is `<Error>`.
fn is_error_document(body: &[u8]) -> bool {
    let mut rest = body.trim_ascii_start();
    if rest.starts_with(b"<?xml") {
        let Some(end) = rest.iter().position(|byte| *byte == b'>') else { return false };
        rest = rest[end + 1..].trim_ascii_start();
    }
    rest.strip_prefix(b"<Error").is_some_and(|rest| rest.starts_with(b">") || rest.starts_with(b" "))
}

/// What is wrong with an answer that should be a listing and is none, `why` being what its parser says.
pub(in crate::store) fn no_listing(status: u16, why: &str, body: &[u8]) -> String {
    let words = first_words(body);
    if words.is_empty() { format!("HTTP {status}: {why}") } else { format!("HTTP {status}: {why}: {words}") }
}

/// The first words of an answer's body on one line, tags left out.
pub(in crate::store) fn first_words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 * EXCERPT)]);
    let mut inside_tag = false;
    let plain: String = text
        .chars()
        .map(|letter| {
            let hidden = inside_tag || letter == '<';
            inside_tag = hidden && letter != '>';
            if hidden || letter.is_control() { ' ' } else { letter }
        })
        .collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &[u8] = b"<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>";
    const PAGE: &[u8] = b"<html><title>Back soon</title></html>";

    fn answer<'a>(content_type: &'a str, etag: Option<&'a str>, body: &'a [u8]) -> Success<'a> {
        Success { status: 200, content_type: Some(content_type), etag, encrypted: false, body }
    }

    #[test]
    fn a_page_and_an_error_are_told_from_the_answer_of_the_service() {
        for (kind, body) in
            [("text/html; charset=utf-8", PAGE), ("application/xml", ERROR), ("x/y", b"<Error>no</Error>")]
        {
            let told = answer(kind, Some("\"5f3e-17\""), body);
            assert!(told.page().is_some() && told.not_stored().is_some() && told.not_the_object().is_some(), "{kind}");
        }
        assert!(
            answer("text/html", None, PAGE)
                .page()
                .unwrap()
                .ends_with("HTTP 200 is a page or an error, not the service's answer: Back soon")
        );
        let swift = answer("text/html; charset=UTF-8", Some("8d777f385d3dfec8815d20f7496026dc"), b"");
        assert_eq!((swift.page(), swift.not_stored()), (None, None), "the empty answer of Swift to a PUT");
        let own = answer("application/octet-stream", Some("\"x\""), b"");
        assert_eq!((own.page(), own.not_stored(), own.not_the_object()), (None, None, None));
        assert!(answer("application/xml", None, b"").not_stored().is_some(), "a PUT without an ETag");
    }

    #[test]
    fn an_object_may_itself_be_a_page_or_an_error() {
        for body in [PAGE, ERROR] {
            let md5 = Md5Sum::of(body).hex();
            let parts = format!("\"{md5}-3\"");
            assert_eq!(answer("text/html", Some(&md5), body).not_the_object(), None);
            assert_eq!(answer("text/html", Some(&parts), body).not_the_object(), None);
            assert!(answer("text/html", Some(&Md5Sum::of(b"x").hex()), body).not_the_object().is_some());
            let encrypted = Success { encrypted: true, ..answer("text/html", Some("x"), body) };
            assert_eq!(encrypted.not_the_object(), None);
            assert!(answer("text/html", None, body).not_the_object().is_some());
        }
        assert_eq!(answer("text/plain", None, PAGE).not_the_object(), None, "what is no page needs no second look");
        assert_eq!(answer("text/html", Some(&Md5Sum::of(b"x").hex()), b"").not_about_the_object(), None);
        assert!(answer("text/html", Some("\"5f3e-17\""), b"").not_about_the_object().is_some());
    }
}
