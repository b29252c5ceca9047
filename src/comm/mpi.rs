//! MPI: the only file that names the `mpi` crate, and the only one of `comm` with unsafe code.
//!
//! rsmpi counts in C ints and drops return codes, so messages go through its raw calls: each is checked, each message is
//! split into pieces of `message_bytes` here. All calls come from the main thread (FUNNELED) except `MPI_Abort`, which
//! may come from a thread that panicked: `_exit` follows it within [`ABORT_SECONDS`] in any case. `MPI_Finalize` runs on
//! the clean path only, since it would wait for ranks that do not come.
//!
//! A message is a header (its length and that of its pieces, and the bytes when they are few) and then its pieces. The receiver probes
//! for the header alone; it posts the receives of all pieces at once, so a probe never meets a piece.
//!
//! Over 500 lines: what is left here calls MPI or keeps what MPI reads and writes (the format of messages is in `wire.rs`,
//! collectives in `endpoint.rs`); a second file would have to name the crate, and to share its unsafe code.

#![allow(unsafe_code)]

use super::endpoint::Endpoint;
use super::panics::{make_fatal, panic_text};
use super::wire::{Aborter, Backoff, Header, USER, Wire, host_name, pieces};
use super::{Comm, Message};
use crate::error::{Error, Fault, Result};
use mpi::environment::{Threading, Universe};
use mpi::ffi;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long `MPI_Abort` may take before the process ends by itself.
const ABORT_SECONDS: u64 = 5;
/// How long a clean end waits for deliveries.
const FINISH_SECONDS: u64 = 60;

/// Turns a return code into an error.
fn check(code: c_int, call: &str) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    let mut text = [0u8; 4096];
    let mut length: c_int = 0;
    // SAFETY: MPI_MAX_ERROR_STRING is at most 1024 in the known libraries; the buffer is longer.
    unsafe { ffi::MPI_Error_string(code, text.as_mut_ptr().cast::<c_char>(), &raw mut length) };
    let length = usize::try_from(length).unwrap_or(0).min(text.len());
    Err(Error::internal(format!(
        "{call}: {}",
        String::from_utf8_lossy(&text[..length])
    )))
}

/// Ends this process at once, without destructors or `MPI_Finalize`.
fn exit_now(exit_code: i32) -> ! {
    // SAFETY: _exit may be called in any state of the process.
    unsafe { libc::_exit(exit_code) }
}

/// Ends the job: `MPI_Abort`, and `_exit` when that does not return in time. The second caller only waits.
fn end_job(exit_code: i32) -> ! {
    static ENDING: AtomicBool = AtomicBool::new(false);
    if ENDING.swap(true, Ordering::SeqCst) {
        loop {
            std::thread::sleep(Duration::from_secs(ABORT_SECONDS));
        }
    }
    let guard = std::thread::Builder::new()
        .name("abort".into())
        .spawn(move || {
            std::thread::sleep(Duration::from_secs(ABORT_SECONDS));
            exit_now(exit_code)
        });
    if guard.is_ok() && mpi::environment::is_initialized() && !mpi::environment::is_finalized() {
        // SAFETY: MPI is started. The call is not made to return.
        unsafe { ffi::MPI_Abort(ffi::RSMPI_COMM_WORLD, exit_code) };
    }
    exit_now(exit_code)
}

/// Prints the first report of this process only.
fn report_once(text: &str) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if !REPORTED.swap(true, Ordering::SeqCst) {
        eprintln!("hyperslab: {text}");
    }
}

/// Name and version of the MPI library, its first line.
pub(crate) fn library() -> String {
    let text = mpi::environment::library_version().unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    line.split(',')
        .next()
        .unwrap_or_default()
        .trim_end_matches('\0')
        .to_owned()
}

struct Outgoing {
    /// Read by MPI until all requests are done, like the bytes.
    _header: Vec<u8>,
    bytes: Arc<Vec<u8>>,
    requests: Vec<ffi::MPI_Request>,
    collective: bool,
}

struct Incoming {
    source: usize,
    channel: u32,
    /// Written by MPI until all requests are done.
    bytes: Vec<u8>,
    requests: Vec<ffi::MPI_Request>,
}

struct MpiWire {
    /// For collectives, and for `send`: apart, so that a probe for any message of `send` meets no collective.
    comms: [ffi::MPI_Comm; 2],
    rank: usize,
    size: usize,
    host: String,
    limit: usize,
    outgoing: RefCell<VecDeque<Outgoing>>,
    /// In the order of their headers.
    incoming: RefCell<VecDeque<Incoming>>,
}

/// Drops the requests that are done; true when none is left.
fn all_done(requests: &mut Vec<ffi::MPI_Request>) -> Result<bool> {
    while let Some(request) = requests.last_mut() {
        let mut flag: c_int = 0;
        // SAFETY: a request that was started and not yet completed; its buffer lives as long as it is in the list.
        let code = unsafe { ffi::MPI_Test(request, &raw mut flag, ffi::RSMPI_STATUS_IGNORE) };
        check(code, "MPI_Test")?;
        if flag == 0 {
            return Ok(false);
        }
        requests.pop();
    }
    Ok(true)
}

/// A length as a C int; lengths are cut to the limit before.
fn count(length: usize) -> Result<c_int> {
    c_int::try_from(length)
        .map_err(|_| Error::internal(format!("a piece of {length} bytes exceeds MPI's count")))
}

impl MpiWire {
    fn comm(&self, channel: u32) -> ffi::MPI_Comm {
        self.comms[usize::from(channel >= USER)]
    }

    /// A wire on two duplicates of the world, which return their errors.
    fn start(message_bytes: usize) -> Result<Self> {
        // SAFETY: MPI is started; all out arguments are valid for a write.
        unsafe {
            let duplicate = || {
                let mut comm = MaybeUninit::<ffi::MPI_Comm>::uninit();
                check(
                    ffi::MPI_Comm_dup(ffi::RSMPI_COMM_WORLD, comm.as_mut_ptr()),
                    "MPI_Comm_dup",
                )?;
                let comm = comm.assume_init();
                let code = ffi::MPI_Comm_set_errhandler(comm, ffi::RSMPI_ERRORS_RETURN);
                check(code, "MPI_Comm_set_errhandler")?;
                Ok::<_, Error>(comm)
            };
            let comms = [duplicate()?, duplicate()?];
            let comm = comms[0];
            let (mut rank, mut size): (c_int, c_int) = (0, 0);
            check(ffi::MPI_Comm_rank(comm, &raw mut rank), "MPI_Comm_rank")?;
            check(ffi::MPI_Comm_size(comm, &raw mut size), "MPI_Comm_size")?;
            let number = |n: c_int| {
                usize::try_from(n)
                    .map_err(|_| Error::internal(format!("MPI says rank or size {n}")))
            };
            Ok(MpiWire {
                comms,
                rank: number(rank)?,
                size: number(size)?,
                host: host_name(),
                limit: message_bytes.clamp(1, 1 << 30),
                outgoing: RefCell::default(),
                incoming: RefCell::default(),
            })
        }
    }

    fn isend(&self, bytes: &[u8], destination: usize, channel: u32) -> Result<ffi::MPI_Request> {
        let mut request = MaybeUninit::uninit();
        // SAFETY: the caller keeps `bytes` alive and unchanged until the request is done.
        unsafe {
            let code = ffi::MPI_Isend(
                bytes.as_ptr().cast::<c_void>(),
                count(bytes.len())?,
                ffi::RSMPI_UINT8_T,
                count(destination)?,
                channel.cast_signed(),
                self.comm(channel),
                request.as_mut_ptr(),
            );
            check(code, "MPI_Isend")?;
            Ok(request.assume_init())
        }
    }

    /// Takes in one header, if one has arrived, and posts the receives of its pieces.
    fn probe(&self, source: Option<usize>, channel: u32) -> Result<bool> {
        // SAFETY: all out arguments are valid for a write, and read only after a call that fills them.
        let (source, header) = unsafe {
            let from = match source {
                Some(source) => count(source)?,
                None => ffi::RSMPI_ANY_SOURCE,
            };
            let mut flag: c_int = 0;
            let mut message = MaybeUninit::<ffi::MPI_Message>::uninit();
            let mut status = MaybeUninit::<ffi::MPI_Status>::uninit();
            let code = ffi::MPI_Improbe(
                from,
                channel.cast_signed(),
                self.comm(channel),
                &raw mut flag,
                message.as_mut_ptr(),
                status.as_mut_ptr(),
            );
            check(code, "MPI_Improbe")?;
            if flag == 0 {
                return Ok(false);
            }
            let (mut message, status) = (message.assume_init(), status.assume_init());
            let mut length: c_int = 0;
            let code = ffi::MPI_Get_count(&raw const status, ffi::RSMPI_UINT8_T, &raw mut length);
            check(code, "MPI_Get_count")?;
            let mut header = vec![0u8; usize::try_from(length).unwrap_or(0)];
            let code = ffi::MPI_Mrecv(
                header.as_mut_ptr().cast::<c_void>(),
                length.max(0),
                ffi::RSMPI_UINT8_T,
                &raw mut message,
                ffi::RSMPI_STATUS_IGNORE,
            );
            check(code, "MPI_Mrecv")?;
            let source = usize::try_from(status.MPI_SOURCE)
                .map_err(|_| Error::internal("MPI_Improbe names no source"))?;
            (source, header)
        };
        let incoming = self.accept(source, channel, header)?;
        self.incoming.borrow_mut().push_back(incoming);
        Ok(true)
    }

    fn accept(&self, source: usize, channel: u32, header: Vec<u8>) -> Result<Incoming> {
        let mut requests = Vec::new();
        let (length, limit) = match Header::decode(header) {
            Some(Header::Inline(bytes)) => {
                return Ok(Incoming {
                    source,
                    channel,
                    bytes,
                    requests,
                });
            }
            Some(Header::Pieces { length, limit }) => (length, limit),
            None => {
                return Err(Error::internal(format!(
                    "a message from rank {source} begins with a damaged header"
                )));
            }
        };
        Vec::<u8>::new().try_reserve_exact(length).map_err(|_| {
            Error::resource(format!(
                "no memory for a message of {length} bytes from rank {source}"
            ))
        })?;
        // Zeroed by the system, page by page: no pass over the memory.
        let mut bytes = vec![0u8; length];
        for piece in pieces(length, limit) {
            let mut request = MaybeUninit::uninit();
            let piece = &mut bytes[piece];
            // SAFETY: the buffer is owned by the entry of `incoming` and not touched until all requests are done;
            // moving the vector does not move its bytes.
            unsafe {
                let code = ffi::MPI_Irecv(
                    piece.as_mut_ptr().cast::<c_void>(),
                    count(piece.len())?,
                    ffi::RSMPI_UINT8_T,
                    count(source)?,
                    channel.cast_signed(),
                    self.comm(channel),
                    request.as_mut_ptr(),
                );
                check(code, "MPI_Irecv")?;
                requests.push(request.assume_init());
            }
        }
        Ok(Incoming {
            source,
            channel,
            bytes,
            requests,
        })
    }

    /// The clean end: waits for deliveries, then frees the communicator. The universe is finalised by the caller.
    fn finish(self) -> Result<()> {
        let begin = Instant::now();
        let mut backoff = Backoff::new();
        while self.in_flight(false)?.1 + self.in_flight(true)?.1 > 0 {
            if begin.elapsed() > Duration::from_secs(FINISH_SECONDS) {
                return Err(Error::internal(
                    "the job ends, and messages of this rank were never received",
                ));
            }
            self.absorb()?;
            backoff.wait(0);
        }
        let unread = std::mem::take(&mut *self.incoming.borrow_mut());
        for mut message in unread {
            if !all_done(&mut message.requests)? {
                // MPI may still write into it.
                std::mem::forget(message);
            }
        }
        for mut comm in self.comms {
            // SAFETY: our own duplicate; nobody uses it after this.
            let code = unsafe { ffi::MPI_Comm_free(&raw mut comm) };
            check(code, "MPI_Comm_free")?;
        }
        Ok(())
    }
}

impl Wire for MpiWire {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn post(&self, destination: usize, channel: u32, bytes: Arc<Vec<u8>>) -> Result<()> {
        let (header, inline) = Header::encode(&bytes, self.limit);
        let mut requests = vec![self.isend(&header, destination, channel)?];
        if !inline {
            for piece in pieces(bytes.len(), self.limit) {
                requests.push(self.isend(&bytes[piece], destination, channel)?);
            }
        }
        let collective = channel < USER;
        let mut out = Outgoing {
            _header: header,
            bytes,
            requests,
            collective,
        };
        if !all_done(&mut out.requests)? {
            self.outgoing.borrow_mut().push_back(out);
        }
        Ok(())
    }

    fn poll(&self, source: Option<usize>, channel: u32) -> Result<Option<Message>> {
        self.probe(source, channel)?;
        let mut incoming = self.incoming.borrow_mut();
        // The first message of a source on a channel blocks its later ones: they arrive in order.
        let mut blocked: Vec<usize> = Vec::new();
        let mut found = None;
        for (at, message) in incoming.iter_mut().enumerate() {
            if message.channel != channel
                || source.is_some_and(|source| source != message.source)
                || blocked.contains(&message.source)
            {
                continue;
            }
            if all_done(&mut message.requests)? {
                found = Some(at);
                break;
            }
            blocked.push(message.source);
        }
        Ok(found
            .and_then(|at| incoming.remove(at))
            .map(|message| Message {
                source: message.source,
                bytes: message.bytes,
            }))
    }

    fn in_flight(&self, collective: bool) -> Result<(usize, usize)> {
        let mut outgoing = self.outgoing.borrow_mut();
        let mut at = 0;
        while at < outgoing.len() {
            if all_done(&mut outgoing[at].requests)? {
                outgoing.remove(at);
            } else {
                at += 1;
            }
        }
        Ok(outgoing
            .iter()
            .filter(|out| out.collective == collective)
            .fold((0, 0), |(bytes, messages), out| {
                (bytes + out.bytes.len(), messages + 1)
            }))
    }

    fn absorb(&self) -> Result<()> {
        // Pieces have their receives posted, so what a probe meets is a header.
        while let Some(channel) = self.waiting_channel()? {
            self.probe(None, channel)?;
        }
        for message in self.incoming.borrow_mut().iter_mut() {
            all_done(&mut message.requests)?;
        }
        Ok(())
    }

    fn pause(&self, backoff: &mut Backoff, _: Option<usize>) -> Result<()> {
        let out: usize = self
            .outgoing
            .borrow()
            .iter()
            .map(|out| out.bytes.len())
            .sum();
        let unread = self.incoming.borrow();
        let moving = unread.iter().filter(|message| !message.requests.is_empty());
        let moving: usize = moving.map(|message| message.bytes.len()).sum();
        backoff.wait(out + moving);
        Ok(())
    }

    fn is_apart(&self) -> bool {
        true
    }

    fn aborter(&self) -> Aborter {
        Arc::new(|exit_code, report| {
            report_once(report);
            end_job(exit_code)
        })
    }

    fn abort(&self, exit_code: i32) -> ! {
        end_job(exit_code)
    }
}

impl MpiWire {
    /// The channel of a message of `send` that waits here.
    fn waiting_channel(&self) -> Result<Option<u32>> {
        let mut flag: c_int = 0;
        let mut status = MaybeUninit::<ffi::MPI_Status>::uninit();
        // SAFETY: the out arguments are valid for a write; the status is read only when the call filled it.
        unsafe {
            let code = ffi::MPI_Iprobe(
                ffi::RSMPI_ANY_SOURCE,
                ffi::RSMPI_ANY_TAG,
                self.comm(USER),
                &raw mut flag,
                status.as_mut_ptr(),
            );
            check(code, "MPI_Iprobe")?;
            if flag == 0 {
                return Ok(None);
            }
            Ok(u32::try_from(status.assume_init().MPI_TAG).ok())
        }
    }
}

/// Starts MPI, runs `body`, and ends MPI on the clean path.
pub(super) fn run<T: Send>(
    message_bytes: usize,
    check_size: impl Fn(usize) -> Result<()>,
    body: &(impl Fn(&dyn Comm) -> Result<T> + Sync),
) -> Result<T> {
    let Some((universe, provided)) = mpi::initialize_with_threading(Threading::Funneled) else {
        return Err(Error::internal("MPI was already started in this process"));
    };
    if provided < Threading::Funneled {
        return end_clean(
            universe,
            Err(Error::unsupported(format!(
                "{} offers thread level {provided:?}; hyperslab needs at least Funneled",
                library()
            ))),
        );
    }
    let wire = MpiWire::start(message_bytes)?;
    if let Err(error) = check_size(wire.size) {
        return end_clean(universe, wire.finish().and(Err(error)));
    }
    let place = format!("rank {} of {}, host {}", wire.rank, wire.size, wire.host);
    let exit_code = i32::from(Fault::Internal.exit_code());
    let endpoint = Endpoint::new(wire);
    let (report_place, pulse) = (place.clone(), endpoint.pulse());
    make_fatal(Box::new(move |text| {
        let stage = pulse.doing().map(|stage| format!("\n  while {stage}"));
        report_once(&format!(
            "{report_place}: {text}{}",
            stage.unwrap_or_default()
        ));
        end_job(exit_code)
    }));
    let result = match catch_unwind(AssertUnwindSafe(|| body(&endpoint))) {
        Ok(result) => result,
        Err(payload) => {
            report_once(&format!(
                "{place}: panicked: {}",
                panic_text(payload.as_ref())
            ));
            end_job(exit_code)
        }
    };
    if let (true, Err(error)) = (endpoint.is_broken(), &result) {
        report_once(&format!("{place}: {error}"));
        end_job(i32::from(error.fault().exit_code()))
    }
    if let Err(error) = endpoint.into_wire().finish() {
        report_once(&format!("{place}: {error}"));
        end_job(exit_code)
    }
    end_clean(universe, result)
}

/// Ends MPI: every rank comes here, or none does.
fn end_clean<T>(universe: Universe, result: Result<T>) -> Result<T> {
    drop(universe);
    result
}
