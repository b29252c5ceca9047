//! Where objects are: the URL of a folder on a web server, or a prefix in an S3 bucket.

use super::http::{self, Answer, Failure, Part};
use super::s3::S3;
use crate::error::{Error, Fault, Result};
use std::path::{Path, PathBuf};

/// A folder of objects on a server, or one object.
pub(in crate::io) struct Place {
    /// As people know it: without a slash at its end.
    shown: String,
    kind: Kind,
}

enum Kind {
    /// The percent-encoded URL.
    Http(String),
    S3(S3),
}

/// Whether a path is a URL rather than a file; its scheme.
pub(crate) fn is_url(path: &Path) -> Option<&str> {
    let (scheme, _) = path.to_str()?.split_once("://")?;
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    (!scheme.is_empty() && scheme.chars().all(word)).then_some(scheme)
}

/// A path or URL as messages show it: what follows `?` or `#` in a URL may be a secret, so may a name before the host.
pub(crate) fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    if is_url(path).is_none() {
        return text;
    }
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}/{path}")
        }
        None => text.to_owned(),
    }
}

/// The file of a `file://` URL.
pub(in crate::io) fn local_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    rest.starts_with('/')
        .then(|| PathBuf::from(percent_decoded(rest)))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes what a path of a URL cannot hold; of a text that is no URL yet, `%` too.
fn percent_encoded(text: &str, is_url: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || b"-._~/!$&'()*+,;=:@".contains(&byte)
            || (is_url && b"%[]".contains(&byte));
        match plain {
            true => out.push(byte.into()),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Place {
    /// The place of a URL of the schemes http, https and s3.
    ///
    /// # Errors
    /// No input when the URL is none of those or holds what must not be in it.
    pub(in crate::io) fn new(url: &str) -> Result<Place> {
        let bad = |shown: &str, why: &str| {
            Err(Error::new(Fault::NoInput, format!("open: {shown}: {why}")))
        };
        let plain = url.trim_end_matches('/');
        let Some((scheme, rest)) = plain.split_once("://") else {
            return bad(plain, "this is no URL");
        };
        // What follows may be a secret: not even the message holds it.
        if let Some(end) = plain.find(['?', '#']) {
            return bad(
                &plain[..end],
                "a URL with a query or a fragment is not read: give the one of the folder alone",
            );
        }
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some((_, host)) = host.rsplit_once('@') {
            return bad(
                &format!("{scheme}://{host}/{path}"),
                "names and passwords in a URL are not used: they would be seen in logs",
            );
        }
        if host.is_empty() || path.split('/').any(|part| matches!(part, "." | "..")) {
            return bad(plain, "this is no URL of a folder");
        }
        let kind = match scheme {
            "http" | "https" => Kind::Http(percent_encoded(plain, true)),
            "s3" => Kind::S3(S3::new(host, path, &|name| std::env::var(name).ok())?),
            other => {
                let why = format!("nothing is read over {other}; http, https and s3 are");
                return bad(plain, &why);
            }
        };
        Ok(Place {
            shown: plain.to_owned(),
            kind,
        })
    }

    /// What people call an object.
    pub(in crate::io) fn shown(&self, key: &str) -> String {
        match key {
            "" => self.shown.clone(),
            key => format!("{}/{key}", self.shown),
        }
    }

    fn url(&self, key: &str) -> String {
        match &self.kind {
            Kind::Http(base) if key.is_empty() => base.clone(),
            Kind::Http(base) => format!("{base}/{}", percent_encoded(key, false)),
            Kind::S3(s3) => s3.url(key),
        }
    }

    /// Gets an object below this place (or the place itself, by an empty key), or a part of it, into `into`: at most `most`
    /// bytes. `None` when there is no such object.
    pub(in crate::io) fn get(
        &self,
        key: &str,
        part: Part,
        most: u64,
        into: &mut Vec<u8>,
    ) -> Result<Option<Answer>, Failure> {
        http::get(&|| self.url(key), &self.shown(key), part, most, into)
    }

    /// The names of the folders below `prefix`, in order; `None` where nothing can be listed.
    pub(in crate::io) fn folders(&self, prefix: &str) -> Option<Result<Vec<String>, Failure>> {
        match &self.kind {
            Kind::Http(_) => None,
            Kind::S3(s3) => Some(s3.folders(prefix, &self.shown(prefix))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_folders_without_secrets() {
        let place = Place::new("https://host.org/a%20b/x.zarr/").unwrap();
        assert_eq!(place.shown("v/c/0"), "https://host.org/a%20b/x.zarr/v/c/0");
        assert_eq!(
            place.url("größe 5%/c/0"),
            "https://host.org/a%20b/x.zarr/gr%C3%B6%C3%9Fe%205%25/c/0"
        );
        for (url, says) in [
            ("https://host/x.zarr?sig=SECRET", "query"),
            ("https://host/x.zarr#SECRET", "fragment"),
            ("https://user:SECRET@host/x.zarr", "passwords"),
            ("https://host/../x.zarr", "no URL of a folder"),
            ("https:///x.zarr", "no URL of a folder"),
            ("ftp://host/x.zarr", "nothing is read over ftp"),
            ("x.zarr", "this is no URL"),
        ] {
            let Err(e) = Place::new(url) else {
                panic!("{url}")
            };
            let said = e.message();
            assert!(said.contains(says) && !said.contains("SECRET"), "{said}");
        }
        assert_eq!(is_url(Path::new("s3://b/x")), Some("s3"));
        assert_eq!(is_url(Path::new("/a/b://c")), None);
        assert_eq!(local_path("file:///a%20b/c"), Some("/a b/c".into()));
        assert_eq!(local_path("file://host/c"), None);
    }
}
