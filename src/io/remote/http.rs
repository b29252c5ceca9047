//! GET of an object or of a part of it: with limits in bytes and time, and tried again where that can help.

use crate::io::format::fit;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

/// Seconds that nothing may come from a server before the connection is given up.
const TIMEOUT_VARIABLE: &str = "HYPERSLAB_HTTP_TIMEOUT";
const TIMEOUT_S: u64 = 30;

/// A server that sends less than this per second takes too long altogether.
const SLOWEST_BYTES_PER_S: u64 = 16 << 10;

/// Tries of one request, and the pause after the first; each later one is thrice as long.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);
/// A server may ask for more, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A server that knows no ranges sends all: so much is thrown away, more is refused.
const MOST_SKIPPED: u64 = 64 << 20;

/// More than this is not read for the sake of the connection.
const MOST_DRAINED: u64 = 64 << 10;

/// Which bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io) enum Part {
    Whole,
    /// From the first number on, so many.
    Bytes(u64, usize),
    /// The last ones.
    Last(usize),
}

/// What is known of an object of which bytes were got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io) struct Answer {
    /// Bytes of the whole object; `None` when the server did not say.
    pub(in crate::io) total: Option<u64>,
    /// Which version of it, where the server names versions: the same number for the same version.
    pub(in crate::io) version: Option<u64>,
}

/// Why an object was not got.
#[derive(Debug)]
pub(in crate::io) struct Failure {
    /// What happened, with the object.
    pub(in crate::io) why: String,
    /// True when the object is there but is not what it should be.
    pub(in crate::io) damaged: bool,
    /// The server's answer, where there was one.
    pub(in crate::io) status: Option<u16>,
}

impl Failure {
    pub(in crate::io) fn unreadable(why: String) -> Failure {
        Failure {
            why,
            damaged: false,
            status: None,
        }
    }

    fn damaged(why: String) -> Failure {
        Failure {
            damaged: true,
            ..Failure::unreadable(why)
        }
    }
}

/// What one try came to that brought nothing.
enum Missed {
    /// Another may succeed, not before this time has passed.
    Again(Failure, Option<Duration>),
    Never(Failure),
}

/// Gets bytes of an object into `into`; `None` when it does not exist. `url` is asked for at each try, since signatures age. `most`
/// bounds an object that is read whole.
pub(super) fn get(
    url: &dyn Fn() -> String,
    shown: &str,
    part: Part,
    most: u64,
    into: &mut Vec<u8>,
) -> Result<Option<Answer>, Failure> {
    let mut pause = PAUSE;
    let mut tried = 1;
    loop {
        let (mut failure, wait) = match attempt(&url(), shown, part, most, into) {
            Ok(found) => return Ok(found),
            Err(Missed::Never(failure)) => return Err(failure),
            Err(Missed::Again(failure, wait)) => (failure, wait),
        };
        if tried == TRIES {
            failure.why = format!("{}, after {TRIES} tries", failure.why);
            return Err(failure);
        }
        std::thread::sleep(
            wait.unwrap_or_default()
                .min(LONGEST_PAUSE)
                .max(spread(pause, shown)),
        );
        (tried, pause) = (tried + 1, pause * 3);
    }
}

/// Ranks that failed together do not come back together.
fn spread(pause: Duration, shown: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    (shown, std::process::id()).hash(&mut hasher);
    pause.mul_f64(0.75 + (hasher.finish() % 1000) as f64 / 2000.0)
}

fn timeout() -> Duration {
    let asked = std::env::var(TIMEOUT_VARIABLE).ok();
    let seconds = asked.and_then(|s| s.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(TIMEOUT_S).clamp(1, 3600))
}

/// One for the process: it keeps connections for the next request of any thread.
fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        let patience = timeout();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(5)
            .max_redirects_will_error(false)
            .redirect_auth_headers(ureq::config::RedirectAuthHeaders::Never)
            .user_agent(concat!("hyperslab/", env!("CARGO_PKG_VERSION")))
            // What is stored is what is wanted, not its compressed form.
            .accept_encoding("identity")
            .max_idle_connections(64)
            .max_idle_connections_per_host(64)
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience));
        if let Some(tls) = own_certificates() {
            config = config.tls_config(tls);
        }
        config.build().new_agent()
    })
}

/// The authorities of `SSL_CERT_FILE` or `AWS_CA_BUNDLE`, for sites with one of their own.
fn own_certificates() -> Option<ureq::tls::TlsConfig> {
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
    let file = std::env::var_os("AWS_CA_BUNDLE").or_else(|| std::env::var_os("SSL_CERT_FILE"))?;
    let pem = std::fs::read(file).ok()?;
    let roots: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(one)) => Some(one),
            _ => None,
        })
        .collect();
    if roots.is_empty() {
        return None;
    }
    let roots = RootCerts::new_with_certs(&roots);
    Some(TlsConfig::builder().root_certs(roots).build())
}

fn attempt(
    url: &str,
    shown: &str,
    part: Part,
    most: u64,
    into: &mut Vec<u8>,
) -> Result<Option<Answer>, Missed> {
    let expected = match part {
        Part::Whole => most,
        Part::Bytes(_, n) | Part::Last(n) => n as u64,
    };
    let mut request = agent().get(url);
    match part {
        Part::Whole => {}
        Part::Bytes(_, 0) | Part::Last(0) => {
            into.clear();
            return Err(never(shown, "no bytes are asked for"));
        }
        Part::Bytes(at, n) => {
            request = request.header("Range", format!("bytes={at}-{}", at + (n as u64 - 1)));
        }
        Part::Last(n) => request = request.header("Range", format!("bytes=-{n}")),
    }
    let whole = timeout() * 10 + Duration::from_secs(expected / SLOWEST_BYTES_PER_S);
    let request = request.config().timeout_per_call(Some(whole)).build();
    let mut response = request.call().map_err(|e| missed(shown, &e))?;
    let version = version(response.headers());
    let length = response.body().content_length();
    match response.status().as_u16() {
        404 | 410 => {
            drain(&mut response);
            Ok(None)
        }
        206 if part != Part::Whole => {
            let (at, n, total) = ranged(response.headers())
                .ok_or_else(|| never(shown, "the server answers a range without saying which"))?;
            let fits = match part {
                Part::Bytes(from, len) => at == from && n <= len as u64,
                Part::Last(len) => n <= len as u64 && total.is_none_or(|t| at + n == t),
                Part::Whole => false,
            };
            if !fits {
                let why = format!("the server sends bytes {at} to {} for {part:?}", at + n);
                return Err(never(shown, &why));
            }
            if n < expected {
                return Err(short(shown, part, total));
            }
            receive(&mut response, shown, n, into)?;
            drain(&mut response);
            Ok(Some(Answer { total, version }))
        }
        // Ranges are an offer that a server need not make.
        200 => {
            let (skipped, n) = match (part, length) {
                (Part::Whole, Some(n)) if n > most => return Err(long(shown, n, most)),
                (Part::Whole, Some(n)) => (0, n),
                (Part::Whole, None) => {
                    let n = read_all(&mut response, shown, most, into)?;
                    return Ok(Some(Answer {
                        total: Some(n),
                        version,
                    }));
                }
                (_, None) => {
                    return Err(never(shown, "the server knows neither ranges nor lengths"));
                }
                (Part::Bytes(at, n), Some(total)) => match at.checked_add(n as u64) {
                    Some(end) if end <= total => (at, n as u64),
                    _ => return Err(short(shown, part, length)),
                },
                (Part::Last(n), Some(total)) => match total.checked_sub(n as u64) {
                    Some(at) => (at, n as u64),
                    None => return Err(short(shown, part, length)),
                },
            };
            if skipped > MOST_SKIPPED {
                let why = "the server does not send ranges; shards and references need a server that does";
                return Err(never(shown, why));
            }
            if skipped > 0 {
                let mut front = response.body_mut().as_reader().take(skipped);
                let gone = std::io::copy(&mut front, &mut std::io::sink());
                if !matches!(gone, Ok(gone) if gone == skipped) {
                    return Err(cut(shown, 0, n));
                }
            }
            receive(&mut response, shown, n, into)?;
            drain(&mut response);
            Ok(Some(Answer {
                total: length,
                version,
            }))
        }
        416 => {
            let total = response.headers().get("content-range");
            let total = total.and_then(|v| v.to_str().ok()?.rsplit_once('/')?.1.parse().ok());
            Err(short(shown, part, total))
        }
        status => Err(refused(&mut response, shown, status)),
    }
}

/// First byte, bytes and size of the object as `Content-Range` says them.
fn ranged(headers: &HeaderMap) -> Option<(u64, u64, Option<u64>)> {
    let text = headers.get("content-range")?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let n = last.checked_sub(first)?.checked_add(1)?;
    Some((first, n, total.trim().parse().ok()))
}

/// A number for what the server calls this version.
fn version(headers: &HeaderMap) -> Option<u64> {
    let named = headers
        .get("etag")
        .or_else(|| headers.get("last-modified"))?;
    let mut hasher = DefaultHasher::new();
    named.as_bytes().hash(&mut hasher);
    Some(hasher.finish())
}

/// Reads exactly `n` bytes.
fn receive(
    response: &mut Response<Body>,
    shown: &str,
    n: u64,
    into: &mut Vec<u8>,
) -> Result<(), Missed> {
    let size = usize::try_from(n).map_err(|_| never(shown, "more bytes than memory has"))?;
    fit(into, size);
    let mut body = response.body_mut().as_reader();
    let mut got = 0;
    while got < size {
        match body.read(&mut into[got..]) {
            Ok(0) => return Err(cut(shown, got as u64, n)),
            Ok(more) => got += more,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => {
                let why = format!("{shown}: after {got} of {n} bytes: {e}");
                return Err(Missed::Again(Failure::unreadable(why), None));
            }
        }
    }
    Ok(())
}

/// Reads the little that is left, and its end: only then the connection is used again.
fn drain(response: &mut Response<Body>) {
    let rest = response.body_mut().as_reader();
    let _ = std::io::copy(&mut rest.take(MOST_DRAINED), &mut std::io::sink());
}

/// Reads an object whose length nobody said.
fn read_all(
    response: &mut Response<Body>,
    shown: &str,
    most: u64,
    into: &mut Vec<u8>,
) -> Result<u64, Missed> {
    into.clear();
    let body = response.body_mut().as_reader();
    match body.take(most.saturating_add(1)).read_to_end(into) {
        Ok(n) if n as u64 > most => Err(long(shown, n as u64, most)),
        Ok(n) => Ok(n as u64),
        Err(e) => {
            let why = format!("{shown}: after {} bytes: {e}", into.len());
            Err(Missed::Again(Failure::unreadable(why), None))
        }
    }
}

fn never(shown: &str, why: &str) -> Missed {
    Missed::Never(Failure::unreadable(format!("{shown}: {why}")))
}

fn cut(shown: &str, got: u64, n: u64) -> Missed {
    let why = format!("{shown}: the connection ended after {got} of {n} bytes");
    Missed::Again(Failure::unreadable(why), None)
}

fn long(shown: &str, n: u64, most: u64) -> Missed {
    let why = format!("{shown} has {n} bytes, more than the {most} that it ever has");
    Missed::Never(Failure::damaged(why))
}

fn short(shown: &str, part: Part, total: Option<u64>) -> Missed {
    let wanted = match part {
        Part::Bytes(at, n) => format!("bytes {at} to {}", at.saturating_add(n as u64)),
        Part::Last(n) => format!("the last {n} bytes"),
        Part::Whole => "it".to_owned(),
    };
    let has = total.map_or("fewer".to_owned(), |n| n.to_string());
    let why = format!("{shown}: {wanted} are asked for, it has {has}");
    Missed::Never(Failure::damaged(why))
}

/// A request without an answer. ureq's errors name no more than a host.
fn missed(shown: &str, e: &ureq::Error) -> Missed {
    let failure = Failure::unreadable(match e {
        ureq::Error::HostNotFound => format!("{shown}: no such host"),
        ureq::Error::Timeout(what) => format!("{shown}: no answer in time ({what})"),
        ureq::Error::Io(e) => format!("{shown}: {e}"),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => format!("{shown}: this is no URL"),
        other => format!("{shown}: {other}"),
    });
    match e {
        ureq::Error::Timeout(_)
        | ureq::Error::Io(_)
        | ureq::Error::Protocol(_)
        | ureq::Error::ConnectionFailed => Missed::Again(failure, None),
        _ => Missed::Never(failure),
    }
}

/// An answer that is none of what was asked for.
fn refused(response: &mut Response<Body>, shown: &str, status: u16) -> Missed {
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
    let wait = header("retry-after").and_then(|v| v.trim().parse().ok());
    let region = header("x-amz-bucket-region").map(str::to_owned);
    let is_s3 = shown.contains("s3://");
    let reason = response.status().canonical_reason().unwrap_or_default();
    let mut why = format!("{shown}: the server answers {status} {reason}");
    let mut body = String::new();
    let read = response
        .body_mut()
        .as_reader()
        .take(4096)
        .read_to_string(&mut body);
    // What S3 calls it: `<Code>SignatureDoesNotMatch</Code>`.
    if let (Ok(_), Some((_, rest))) = (read, body.split_once("<Code>"))
        && let Some((code, _)) = rest.split_once("</Code>")
    {
        let word: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        why += &format!(" ({word})");
    }
    match (status, region) {
        (301 | 307 | 400, Some(region)) => {
            why += &format!("; the bucket is in region {region}: set AWS_REGION");
        }
        (401 | 403, _) if is_s3 => {
            why += "; S3 says so too of what does not exist, to those who may not list the bucket (s3:ListBucket)";
        }
        _ => {}
    }
    let failure = Failure {
        status: Some(status),
        ..Failure::unreadable(why)
    };
    match status {
        408 | 425 | 429 | 500 | 502 | 503 | 504 => {
            Missed::Again(failure, wait.map(Duration::from_secs))
        }
        _ => Missed::Never(failure),
    }
}
