//! Buckets: URLs that are signed, and lists of keys. How a bucket is reached is said by the variables that AWS's own tools read.

use super::http::{self, Failure, Part};
use crate::error::{Error, Fault, Result};
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::time::Duration;

/// A signed URL is good for so long: for the tries of one request.
const SIGNED_FOR: Duration = Duration::from_secs(900);

/// No page of a list is longer: it has at most a thousand keys.
const MOST_LISTED: u64 = 16 << 20;

/// More folders than this are no hierarchy.
const MOST_FOLDERS: usize = 1 << 20;

/// A prefix in a bucket.
pub(super) struct S3 {
    bucket: Bucket,
    credentials: Option<Credentials>,
    prefix: String,
}

impl S3 {
    /// The prefix of a bucket as the environment says how it is reached.
    pub(super) fn new(
        bucket: &str,
        prefix: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<S3> {
        let first = |names: &[&str]| {
            (names.iter())
                .filter_map(|name| env(name))
                .find(|value| !value.is_empty())
        };
        let is_set = |name| matches!(first(&[name]).as_deref(), Some(v) if !["0", "false", "no", "False"].contains(&v));
        let region = first(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let own = first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
        // Servers of one's own have no host per bucket, and certificates none for names with dots.
        let style = match own.is_some() || bucket.contains('.') {
            true => UrlStyle::Path,
            false => UrlStyle::VirtualHost,
        };
        let endpoint = own.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let bad = |why: &dyn std::fmt::Display| {
            Error::new(
                Fault::NoInput,
                format!("open: s3://{bucket}/{prefix}: {why}"),
            )
        };
        let endpoint = endpoint
            .parse()
            .map_err(|_| bad(&"AWS_ENDPOINT_URL is no URL"))?;
        let made = Bucket::new(endpoint, style, bucket.to_owned(), region)
            .map_err(|e| bad(&format!("the bucket or AWS_ENDPOINT_URL: {e}")))?;
        let anonymous = is_set("AWS_NO_SIGN_REQUEST") || is_set("AWS_SKIP_SIGNATURE");
        let (key, secret) = (
            first(&["AWS_ACCESS_KEY_ID"]),
            first(&["AWS_SECRET_ACCESS_KEY"]),
        );
        let credentials = match (key, secret) {
            _ if anonymous => None,
            (Some(key), Some(secret)) => Some(match first(&["AWS_SESSION_TOKEN"]) {
                Some(token) => Credentials::new_with_token(key, secret, token),
                None => Credentials::new(key, secret),
            }),
            _ => None,
        };
        Ok(S3 {
            bucket: made,
            credentials,
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }

    fn key(&self, key: &str) -> String {
        match (self.prefix.as_str(), key) {
            (prefix, "") => prefix.to_owned(),
            ("", key) => key.to_owned(),
            (prefix, key) => format!("{prefix}/{key}"),
        }
    }

    /// The URL of an object, signed for now.
    pub(super) fn url(&self, key: &str) -> String {
        let key = self.key(key);
        let get = self.bucket.get_object(self.credentials.as_ref(), &key);
        get.sign(SIGNED_FOR).into()
    }

    /// The names of the folders below a prefix, in order.
    pub(super) fn folders(&self, below: &str, shown: &str) -> Result<Vec<String>, Failure> {
        let prefix = match self.key(below) {
            key if key.is_empty() => key,
            key => format!("{key}/"),
        };
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            let url = || -> String {
                let mut list = self.bucket.list_objects_v2(self.credentials.as_ref());
                list.with_prefix(prefix.as_str());
                list.with_delimiter("/");
                if let Some(token) = &token {
                    list.with_continuation_token(token.as_str());
                }
                list.sign(SIGNED_FOR).into()
            };
            let mut page = Vec::new();
            let shown = format!("the list of {shown}/");
            if http::get(&url, &shown, Part::Whole, MOST_LISTED, &mut page)?.is_none() {
                return Err(Failure::unreadable(format!(
                    "{shown}: there is no such bucket"
                )));
            }
            let list = ListObjectsV2::parse_response(&String::from_utf8_lossy(&page))
                .map_err(|e| Failure::unreadable(format!("{shown}: {e}")))?;
            for common in list.common_prefixes {
                let name = common.prefix.strip_prefix(&prefix);
                names.extend(name.map(|name| name.trim_end_matches('/').to_owned()));
            }
            // The same page over and over is a server that is broken.
            if list.next_continuation_token.is_none() || list.next_continuation_token == token {
                break;
            }
            if names.len() > MOST_FOLDERS {
                let why = format!("{shown}: more than {MOST_FOLDERS} folders");
                return Err(Failure::unreadable(why));
            }
            token = list.next_continuation_token;
        }
        names.retain(|name| !name.is_empty() && !name.starts_with('.'));
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Signatures are those of botocore for the same moment (tests/golden/make_s3.py).
    #[test]
    fn signatures_are_those_of_botocore() {
        let golden = include_str!("../../../tests/golden/s3.json");
        let cases: Vec<Value> = serde_json::from_str(golden).unwrap();
        assert!(cases.len() >= 6);
        for case in cases {
            let text = |name: &str| case[name].as_str().unwrap().to_owned();
            let env = |name: &str| case["env"][name].as_str().map(str::to_owned);
            let s3 = S3::new(&text("bucket"), &text("prefix"), &env).unwrap();
            let key = s3.key(&text("key"));
            let get = s3.bucket.get_object(s3.credentials.as_ref(), &key);
            let url = get.sign_with_time(SIGNED_FOR, &text("time").parse().unwrap());
            let sorted = |url: &str| {
                let (path, query) = url.split_once('?').unwrap_or((url, ""));
                let mut query: Vec<String> = query.split('&').map(str::to_owned).collect();
                query.sort();
                (path.to_owned(), query)
            };
            assert_eq!(sorted(url.as_str()), sorted(&text("url")), "{case}");
        }
    }

    #[test]
    fn the_environment_says_how() {
        let none = |_: &str| None;
        let s3 = S3::new("b", "/p/q/", &none).unwrap();
        assert_eq!(
            s3.url("v/0.0"),
            "https://b.s3.us-east-1.amazonaws.com/p/q/v/0.0"
        );
        let s3 = S3::new("b.c", "", &none).unwrap();
        assert_eq!(s3.url("v"), "https://s3.us-east-1.amazonaws.com/b.c/v");
        let with = |more: &'static str| {
            move |name: &str| match name {
                "AWS_ACCESS_KEY_ID" => Some("ID".to_owned()),
                "AWS_SECRET_ACCESS_KEY" => Some("SECRET".to_owned()),
                "AWS_REGION" => Some("eu-central-1".to_owned()),
                name => (name == more).then(|| "true".to_owned()),
            }
        };
        let signed = S3::new("b", "p", &with("")).unwrap().url("v");
        assert!(signed.contains("X-Amz-Signature=") && !signed.contains("SECRET"));
        assert!(signed.contains("eu-central-1"));
        for no in ["AWS_NO_SIGN_REQUEST", "AWS_SKIP_SIGNATURE"] {
            let plain = S3::new("b", "p", &with(no)).unwrap().url("v");
            assert_eq!(plain, "https://b.s3.eu-central-1.amazonaws.com/p/v");
        }
        let e = S3::new("b", "p", &|name: &str| {
            (name == "AWS_ENDPOINT_URL").then(|| "ftp://x".to_owned())
        });
        assert!(e.is_err());
    }
}
