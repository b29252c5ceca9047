//! A web server on loopback for tests: files below a folder, with ranges or without; an S3 bucket; and faults as told.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong with one request for a path.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Another status, with more header lines.
    Status(u16, &'static str),
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// Nothing is sent for so long.
    Slow(Duration),
    /// `Content-Length` says more than there is.
    Longer,
    /// No `Content-Length`: the end is that of the connection.
    NoLength,
    /// A body of so many bytes, sent in pieces without a length.
    Endless(usize),
}

/// How it serves.
#[derive(Clone, Default)]
pub struct Kind {
    /// Ranges are not understood: all is sent.
    pub no_ranges: bool,
    /// Ranges from the end are refused.
    pub no_last: bool,
    /// It is a bucket of this name and wants signatures of this key, if any.
    pub bucket: Option<(&'static str, Option<&'static str>)>,
}

/// A running server; it ends with the process.
pub struct Server {
    pub url: String,
    state: Arc<State>,
}

struct State {
    root: PathBuf,
    kind: Kind,
    faults: Mutex<HashMap<String, VecDeque<Fault>>>,
    log: Mutex<Vec<String>>,
    connections: AtomicUsize,
    busy: AtomicUsize,
    busiest: AtomicUsize,
    /// Each answer waits for so long.
    latency: Mutex<Duration>,
}

impl Server {
    pub fn start(root: &Path, kind: Kind) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            root: root.to_owned(),
            kind,
            faults: Mutex::default(),
            log: Mutex::default(),
            connections: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            busiest: AtomicUsize::new(0),
            latency: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), state) = (stream, shared.clone()) else {
                    return;
                };
                state.connections.fetch_add(1, Relaxed);
                std::thread::spawn(move || while state.answer(&stream).is_some() {});
            }
        });
        Server { url, state }
    }

    /// The next requests for a path (without the slash before it) end so.
    pub fn fault(&self, path: &str, faults: &[Fault]) {
        let mut all = self.state.faults.lock().unwrap();
        all.insert(path.to_owned(), faults.iter().copied().collect());
    }

    pub fn slow_down(&self, latency: Duration) {
        *self.state.latency.lock().unwrap() = latency;
    }

    /// `GET path range` of all requests since the last call.
    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.log.lock().unwrap())
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Relaxed)
    }

    /// The most requests that were answered at once.
    pub fn busiest(&self) -> usize {
        self.state.busiest.load(Relaxed)
    }
}

struct Request {
    method: String,
    path: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                out.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).unwrap()
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    Some(Request {
        method,
        path: decoded(path.trim_start_matches('/')),
        query: query.map(|(k, v)| (decoded(k), decoded(v))).collect(),
        headers,
    })
}

impl State {
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let request = read_request(stream)?;
        let now = self.busy.fetch_add(1, Relaxed) + 1;
        self.busiest.fetch_max(now, Relaxed);
        let latency = *self.latency.lock().unwrap();
        std::thread::sleep(latency);
        let range = request.headers.get("range").cloned().unwrap_or_default();
        let line = format!("{} {} {range}", request.method, request.path);
        self.log.lock().unwrap().push(line.trim_end().to_owned());
        let kept = self.serve(stream, &request, &range);
        self.busy.fetch_sub(1, Relaxed);
        kept
    }

    fn serve(&self, stream: &TcpStream, request: &Request, range: &str) -> Option<()> {
        let fault =
            (self.faults.lock().unwrap().get_mut(&request.path)).and_then(VecDeque::pop_front);
        if let Some(Fault::Slow(long)) = fault {
            std::thread::sleep(long);
        }
        if let Some(Fault::Status(status, more)) = fault {
            return send(
                stream,
                status,
                more,
                b"<Error><Code>Told</Code></Error>",
                None,
            );
        }
        if let Some(Fault::Endless(bytes)) = fault {
            let mut stream = stream;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            for _ in 0..bytes / 4096 {
                stream.write_all(&[b' '; 4096]).ok()?;
            }
            return None;
        }
        let mut key = request.path.clone();
        if let Some((bucket, signer)) = self.kind.bucket {
            if let Err(code) = signed(request, signer) {
                let text = format!("<Error><Code>{code}</Code></Error>");
                return send(stream, 403, "", text.as_bytes(), None);
            }
            let Some(rest) = key.strip_prefix(bucket) else {
                return send(
                    stream,
                    404,
                    "",
                    b"<Error><Code>NoSuchBucket</Code></Error>",
                    None,
                );
            };
            key = rest.trim_start_matches('/').to_owned();
            if request.query.contains_key("list-type") {
                return send(stream, 200, "", self.list(request).as_bytes(), None);
            }
        }
        let file = self.root.join(&key);
        let Some(body) = file.is_file().then(|| std::fs::read(&file).unwrap()) else {
            return send(
                stream,
                404,
                "",
                b"<Error><Code>NoSuchKey</Code></Error>",
                None,
            );
        };
        let meta = std::fs::metadata(&file).unwrap();
        let tag = format!(
            "ETag: \"{:?}-{}\"\r\n",
            meta.modified().unwrap(),
            body.len()
        );
        let last = range.starts_with("bytes=-");
        if last && self.kind.no_last {
            return send(stream, 501, "", b"", None);
        }
        let total = body.len();
        let parts = (range
            .strip_prefix("bytes=")
            .filter(|_| !self.kind.no_ranges))
        .map(|r| {
            let (from, to) = r.split_once('-').unwrap();
            match from.is_empty() {
                true => (total.saturating_sub(to.parse().unwrap()), total),
                false => (
                    from.parse().unwrap(),
                    (to.parse::<usize>().unwrap() + 1).min(total),
                ),
            }
        });
        match parts {
            None => send(stream, 200, &tag, &body, fault),
            Some((from, to)) if from >= to => send(
                stream,
                416,
                &format!("Content-Range: bytes */{total}\r\n"),
                b"",
                None,
            ),
            Some((from, to)) => {
                let more = format!("{tag}Content-Range: bytes {from}-{}/{total}\r\n", to - 1);
                send(stream, 206, &more, &body[from..to], fault)
            }
        }
    }

    /// The folders below a prefix, two a page.
    fn list(&self, request: &Request) -> String {
        let prefix = &request.query["prefix"];
        assert_eq!(request.query["delimiter"], "/");
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(self.root.join(prefix))
            .into_iter()
            .flatten()
        {
            let entry = entry.unwrap();
            if entry.path().is_dir() {
                names.insert(entry.file_name().to_string_lossy().into_owned());
            }
        }
        let from: usize =
            (request.query.get("continuation-token")).map_or(0, |t| t.parse().unwrap());
        let page: String = (names.iter().skip(from).take(2))
            .map(|n| format!("<CommonPrefixes><Prefix>{prefix}{n}/</Prefix></CommonPrefixes>"))
            .collect();
        let more = match from + 2 < names.len() {
            true => format!(
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>",
                from + 2
            ),
            false => "<IsTruncated>false</IsTruncated>".to_owned(),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><MaxKeys>2</MaxKeys>{more}{page}</ListBucketResult>"
        )
    }
}

/// Whether a request is signed as it must be. That the signature is right is tested beside the code, against botocore.
fn signed(request: &Request, signer: Option<&str>) -> Result<(), &'static str> {
    let value = |name: &str| {
        request
            .query
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let Some(signer) = signer else {
        let any = request.query.keys().any(|k| k.starts_with("X-Amz-"));
        return if any {
            Err("InvalidAccessKeyId")
        } else {
            Ok(())
        };
    };
    let scope: Vec<&str> = value("X-Amz-Credential").split('/').collect();
    let hex = value("X-Amz-Signature");
    let good = value("X-Amz-Algorithm") == "AWS4-HMAC-SHA256"
        && matches!(scope.as_slice(), [key, day, "eu-test-1", "s3", "aws4_request"] if *key == signer && day.len() == 8)
        && value("X-Amz-Date").len() == 16
        && hex.len() == 64
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
        && value("X-Amz-Security-Token") == "TOKEN"
        && request.headers.contains_key("host");
    if good {
        Ok(())
    } else {
        Err("SignatureDoesNotMatch")
    }
}

fn send(
    mut stream: &TcpStream,
    status: u16,
    more: &str,
    body: &[u8],
    fault: Option<Fault>,
) -> Option<()> {
    let mut length = format!("Content-Length: {}\r\n", body.len());
    let mut end = body.len();
    match fault {
        Some(Fault::Longer) => length = format!("Content-Length: {}\r\n", body.len() + 7),
        Some(Fault::NoLength) => length = "Connection: close\r\n".to_owned(),
        Some(Fault::Cut(at)) => end = at.min(body.len()),
        _ => {}
    }
    let head = format!("HTTP/1.1 {status} Status\r\n{length}{more}\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body[..end]).ok()?;
    let ends = matches!(fault, Some(Fault::Longer | Fault::NoLength | Fault::Cut(_)));
    if ends {
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
    (!ends).then_some(())
}
