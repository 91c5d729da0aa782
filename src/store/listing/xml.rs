//! `<ListBucketResult>`: what S3 and OSS answer when a bucket is listed.
//!
//! Formats: Amazon S3 API, `ListObjects` and `ListObjectsV2`; Alibaba OSS API, `ListObjectsV2`. Read in one go over the
//! bytes, because a listing of a hundred million names spends its processor time here: the general readers of both
//! worlds cost five times as much.

use percent_encoding::percent_decode;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::{Answer, Name};

/// What an answer says, not yet judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct BucketListing {
    /// The names and their sizes, decoded, in the order given.
    pub(in crate::store) names: Vec<Name>,
    /// Whether there is more; `None` where the answer does not say.
    pub(in crate::store) more: Option<bool>,
    /// `NextContinuationToken`, of the second version.
    pub(in crate::store) token: Option<String>,
    /// `NextMarker`, of the first version.
    pub(in crate::store) marker: Option<String>,
}

/// How names are written where the answer says `<EncodingType>url`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum UrlEncoding {
    /// As in a form: a space is `+`. So does S3.
    Form,
    /// As in a path: a plus sign is itself. So does OSS.
    Path,
}

impl BucketListing {
    /// The answer in the second version of the listing, which goes on with a token.
    ///
    /// # Errors
    /// When it does not say whether there is more: then nothing in it says that the listing is over.
    pub(in crate::store) fn with_token(mut self) -> Result<Answer, String> {
        let token = self.token.take();
        self.answer(token)
    }

    /// The answer in the first version, which goes on after a name.
    ///
    /// # Errors
    /// As [`Self::with_token`].
    pub(in crate::store) fn with_marker(mut self) -> Result<Answer, String> {
        let marker = self.marker.take();
        self.answer(marker)
    }

    fn answer(self, token: Option<String>) -> Result<Answer, String> {
        let more = self.more.ok_or("the answer does not say whether the listing is over")?;
        Ok(Answer { names: self.names, more, token })
    }
}

/// Reads the body of an answer.
///
/// # Errors
/// What is wrong with it: it is no such document, not whole, or a name or size is missing or no name or size.
pub(in crate::store) fn parse(body: &[u8], encoding: UrlEncoding) -> Result<BucketListing, String> {
    let mut parsing = Parsing { reader: Reader::from_reader(body), listing: BucketListing::default(), encoded: false };
    parsing.document()?;
    let Parsing { mut listing, encoded, .. } = parsing;
    if encoded {
        // At the end, because nothing says that the encoding is told before the names.
        listing.names.iter_mut().for_each(|name| decode(&mut name.bytes, encoding));
        for text in [&mut listing.token, &mut listing.marker].into_iter().flatten() {
            let mut bytes = std::mem::take(text).into_bytes();
            decode(&mut bytes, encoding);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
    Ok(listing)
}

/// Most names are objects of ours, which have nothing to decode.
fn decode(name: &mut Vec<u8>, encoding: UrlEncoding) {
    if encoding == UrlEncoding::Form {
        name.iter_mut().filter(|byte| **byte == b'+').for_each(|byte| *byte = b' ');
    }
    if name.contains(&b'%') {
        *name = percent_decode(name).collect();
    }
}

struct Parsing<'b> {
    reader: Reader<&'b [u8]>,
    listing: BucketListing,
    encoded: bool,
}

impl<'b> Parsing<'b> {
    fn next(&mut self) -> Result<Event<'b>, String> {
        let event =
            self.reader.read_event().map_err(|error| format!("the listing is not the XML expected: {error}"))?;
        match event {
            Event::Eof => Err("the listing is not whole".to_owned()),
            event => Ok(event),
        }
    }

    fn document(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                Event::Start(start) if start.local_name().as_ref() == b"ListBucketResult" => return self.result(),
                Event::Start(start) | Event::Empty(start) => {
                    let name = String::from_utf8_lossy(start.local_name().as_ref()).escape_debug().to_string();
                    return Err(format!("the answer is no listing but <{name}>"));
                }
                _ => {}
            }
        }
    }

    /// The inside of `<ListBucketResult>`.
    fn result(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                Event::End(_) => return Ok(()),
                Event::Start(start) => match start.local_name().as_ref() {
                    b"Contents" => self.contents()?,
                    b"IsTruncated" => self.listing.more = Some(self.truth()?),
                    b"EncodingType" => self.encoded = self.text()? == b"url",
                    b"NextContinuationToken" => self.listing.token = Some(self.string()?),
                    b"NextMarker" => self.listing.marker = Some(self.string()?),
                    _ => self.pass_over()?,
                },
                _ => {}
            }
        }
    }

    /// The inside of `<Contents>`: one name.
    fn contents(&mut self) -> Result<(), String> {
        let (mut bytes, mut size) = (None, None);
        loop {
            match self.next()? {
                Event::End(_) => break,
                Event::Start(start) => match start.local_name().as_ref() {
                    b"Key" => bytes = Some(self.text()?),
                    b"Size" => size = Some(self.number()?),
                    _ => self.pass_over()?,
                },
                _ => {}
            }
        }
        let bytes = bytes.ok_or("a listed object has no name")?;
        self.listing.names.push(Name { bytes, size });
        Ok(())
    }

    /// The text up to the end of the element that was begun.
    fn text(&mut self) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        loop {
            match self.next()? {
                Event::End(_) => return Ok(text),
                Event::Text(part) => text.extend_from_slice(&part),
                Event::CData(part) => text.extend_from_slice(&part),
                Event::GeneralRef(reference) => text.extend_from_slice(character(&reference)?.as_bytes()),
                Event::Start(_) | Event::Empty(_) => return Err("an element stands where text should".to_owned()),
                _ => {}
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        String::from_utf8(self.text()?).map_err(|error| format!("the listing is not UTF-8: {error}"))
    }

    fn truth(&mut self) -> Result<bool, String> {
        match self.text()?.trim_ascii() {
            b"true" => Ok(true),
            b"false" => Ok(false),
            other => Err(format!("\"{}\" is neither true nor false", other.escape_ascii())),
        }
    }

    fn number(&mut self) -> Result<u64, String> {
        let text = self.text()?;
        let number = std::str::from_utf8(text.trim_ascii()).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| format!("\"{}\" is no size", text.escape_ascii()))
    }

    /// Skips the rest of the element that was begun, whatever is in it.
    fn pass_over(&mut self) -> Result<(), String> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.next()? {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The text of `&name;`: a character by its number, or one of the five that XML names.
fn character(reference: &BytesRef<'_>) -> Result<String, String> {
    let unknown = || format!("&{}; is not known", reference.escape_ascii());
    if let Some(character) = reference.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(character.to_string());
    }
    let name = std::str::from_utf8(reference).map_err(|_| unknown())?;
    quick_xml::escape::resolve_predefined_entity(name).map(str::to_owned).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(xml: &str, encoding: UrlEncoding) -> Vec<String> {
        let listing = parse(xml.as_bytes(), encoding).unwrap();
        listing.names.into_iter().map(|name| String::from_utf8(name.bytes).unwrap()).collect()
    }

    fn with_key(key: &str, after: &str) -> String {
        format!("<ListBucketResult><Contents><Key>{key}</Key></Contents>{after}</ListBucketResult>")
    }

    #[test]
    fn a_whole_answer() {
        let listing = parse(
            b"<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n\
              <Name>b</Name><Prefix/><IsTruncated>true</IsTruncated><NextContinuationToken>1/x==</NextContinuationToken>\
              <Contents><ETag>&quot;9&quot;</ETag><Key>a</Key><Owner><ID>Key</ID></Owner><Size> 12 </Size></Contents>\
              <Contents><Key>b</Key></Contents>\n<CommonPrefixes><Prefix>c</Prefix></CommonPrefixes></ListBucketResult>",
            UrlEncoding::Form,
        );
        let name = |bytes: &[u8], size| Name { bytes: bytes.to_vec(), size };
        let expected = BucketListing {
            names: vec![name(b"a", Some(12)), name(b"b", None)],
            more: Some(true),
            token: Some("1/x==".to_owned()),
            marker: None,
        };
        assert_eq!(listing.unwrap(), expected);
    }

    #[test]
    fn names_are_what_the_server_meant() {
        let form = |xml: &str| names(xml, UrlEncoding::Form);
        assert_eq!(form(&with_key("a&amp;b&#x3c;&#33;<![CDATA[<&>]]>", "")), ["a&b<!<&>"]);
        // Told after the names, and still heeded.
        let url = "<EncodingType>url</EncodingType>";
        assert_eq!(form(&with_key("a+b%2Bc%C3%A9", url)), ["a b+cé"]);
        assert_eq!(names(&with_key("a+b%2Bc", url), UrlEncoding::Path), ["a+b+c"]);
        assert_eq!(form(&with_key("a+b%2B", "")), ["a+b%2B"]);
        assert_eq!(form(&with_key(" a ", "")), [" a "]);
    }

    #[test]
    fn nothing_that_is_cut_short_is_a_listing() {
        let whole = with_key("a&amp;b", "<IsTruncated>false</IsTruncated>");
        for end in 0..whole.len() {
            assert!(parse(&whole.as_bytes()[..end], UrlEncoding::Form).is_err(), "{}", &whole[..end]);
        }
        assert!(parse(whole.as_bytes(), UrlEncoding::Form).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let inside = |xml: &str| format!("<ListBucketResult>{xml}</ListBucketResult>");
        for (xml, said) in [
            ("<html><body/></html>".to_owned(), "no listing but <html>"),
            ("<Error><Code>InternalError</Code></Error>".to_owned(), "no listing but <Error>"),
            (inside("<Contents><Size>1</Size></Contents>"), "has no name"),
            (inside("<Contents><Key>a</Key><Size>-1</Size></Contents>"), "\"-1\" is no size"),
            (inside("<Contents><Key>a&nbsp;</Key></Contents>"), "&nbsp; is not known"),
            (inside("<Contents><Key><b>a</b></Key></Contents>"), "where text should"),
            (inside("<IsTruncated>perhaps</IsTruncated>"), "\"perhaps\" is neither"),
            (inside("<Contents><Key>a</Size></Contents>"), "not the XML expected"),
        ] {
            let error = parse(xml.as_bytes(), UrlEncoding::Form).unwrap_err();
            assert!(error.contains(said), "{error} for {xml}");
        }
        let silent = parse(inside("").as_bytes(), UrlEncoding::Form).unwrap();
        assert!(silent.with_token().unwrap_err().contains("whether the listing is over"));
    }
}
