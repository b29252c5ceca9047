//! The start of a run's outputs and of its journal; where the same run was interrupted, what it has finished.

use super::done::Done;
use super::found::{Work, work, writes_on};
use super::output::OpenOutput;
use super::run::Job;
use crate::comm::{Comm, share};
use crate::error::{Error, Fault, Result};
use crate::geom::Region;
use crate::io::journal::{
    Attempt, Blob, ChunkIn, Interrupted, JournalFolder, RunKey, Sha, StoredState, check_region,
    good_file, read_blob, read_chunk, remove_part, tidy,
};
use crate::io::{Created, Piece, Place, Placement, Unfinished, Writer, check_output};
use crate::plan::{Plan, Stage};
use crate::spec::VariableSpec;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After a failure the work of less time is not kept: hidden files of it would only fill the disk.
const WORTH_KEEPING: Duration = Duration::from_secs(60);

/// That a run keeps a journal.
#[derive(Clone, Debug)]
pub struct Journaling {
    /// What the run is.
    pub key: RunKey,
    /// It goes on from where an interrupted run of the same key stopped.
    pub resume: bool,
}

/// What rank 0 tells about the outputs.
#[derive(Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) created: Vec<Created>,
    /// Folder of the journal, and number of this start.
    pub(super) journal: Option<(PathBuf, u32)>,
    work: Option<Work>,
}

/// What rank 0 has for the end of a run.
pub(super) struct Lead {
    folder: JournalFolder,
    began: Instant,
    /// It goes on from an earlier start.
    resumed: bool,
    /// Parts of earlier starts whose pieces were copied.
    spent: Vec<PathBuf>,
    /// Pieces of earlier starts, per output.
    pub(super) adopted: Vec<Vec<Piece>>,
    outputs: Vec<PathBuf>,
}

impl Lead {
    /// The run is over, and its outputs are complete.
    pub(super) fn finished(self) {
        let path = self.folder.path().to_owned();
        if let Err(e) = self.folder.remove() {
            tracing::warn!("the journal {} cannot be removed: {e}", path.display());
        }
        self.outputs.iter().for_each(|output| tidy(output));
    }

    /// Whether what is finished is kept when the run ends so: a stop, always, and what an earlier start has done; work of some length,
    /// where running again may help.
    pub(super) fn keeps(&self, error: &Error) -> bool {
        match error.fault() {
            Fault::Stopped => true,
            _ if self.resumed => true,
            Fault::Io | Fault::NoInput | Fault::Resource => self.began.elapsed() >= WORTH_KEEPING,
            _ => false,
        }
    }

    /// The run has failed, and nothing of it is kept.
    pub(super) fn failed(self) {
        let _ = self.folder.remove();
    }

    /// The run was stopped: what it has finished is brought to disk.
    pub(super) fn stopped(&self) {
        if let Err(e) = self.folder.sync() {
            tracing::warn!("syncing the journal {}: {e}", self.folder.path().display());
        }
    }
}

/// A number for the tiles and stages of a plan: partial results are only those of the same ones. Ranks are not in it.
fn tiles(plan: &Plan) -> String {
    let mut sha = Sha::default();
    for stage in &plan.stages {
        match stage {
            Stage::Pass(pass) => {
                let cut = (&pass.tiles, pass.stream_axis, pass.segment_tiles);
                sha.debug(&(cut, &pass.program, &pass.sinks));
            }
            Stage::Write(write) => sha.debug(&(write.array, write.file, write.variable)),
        }
    }
    sha.hex()
}

/// Creates the outputs of a run and its journal; on rank 0.
pub(super) fn start(
    plan: &Plan,
    job: &Job,
    host: &str,
    writers: &mut Vec<Writer>,
) -> Result<(Started, Option<Lead>)> {
    let first = plan.files.first().map(|spec| absolute(&spec.path));
    let (Some(first), Some(journaling)) = (first, &job.journal) else {
        let created = create(plan, job, writers, |_, path| {
            Ok(Unfinished::new(path, None))
        })?;
        let started = Started {
            created,
            journal: None,
            work: None,
        };
        return Ok((started, None));
    };
    let io = |doing: &str, e: &std::io::Error| {
        Error::new(
            Fault::Output,
            format!("save: {}: {doing} its journal: {e}", first.display()),
        )
    };
    let found = JournalFolder::find(&first, &journaling.key).map_err(|e| io("looking for", &e))?;
    let (mut folder, found) = match (found, journaling.resume) {
        (Interrupted::Running(path), true) => {
            return Err(Error::new(
                Fault::Output,
                format!(
                    "save: {}: another process is writing it (journal {}); wait for its end",
                    first.display(),
                    path.display()
                ),
            ));
        }
        (Interrupted::Other(path, why), true) => {
            return Err(Error::invalid(format!(
                "resume: the interrupted run of {} was another one: {why}; begin anew without --resume, or remove {}",
                first.display(),
                path.display()
            )));
        }
        (Interrupted::Same(folder, found), true) => (folder, Some(found)),
        (found, _) => {
            // What is wrong with an output is said before anything lies beside it.
            plan.files.iter().try_for_each(check_output)?;
            if let Interrupted::Same(folder, found) = found
                && found.logs.iter().any(|(_, records)| !records.is_empty())
            {
                tracing::warn!(
                    "an interrupted run has finished parts of {} (journal {}): --resume would go on from there; this one begins anew",
                    first.display(),
                    folder.path().display()
                );
            }
            let new = JournalFolder::create(&first, &journaling.key);
            (new.map_err(|e| io("creating", &e))?, None)
        }
    };
    let token = folder.token();
    let last = found.as_ref().and_then(|found| found.attempts.last());
    let adopted = |number: usize| {
        let (part, spec) = (last?.parts.get(number)?, &plan.files[number]);
        let good = match spec.format.is_zarr() {
            true => part.is_dir(),
            false => writes_on(found.as_ref()?, number, part, spec),
        };
        good.then(|| part.clone())
    };
    let unfinished = |number: usize, path: &Path| match adopted(number) {
        Some(part) => Unfinished {
            part,
            adopted: true,
        },
        None => Unfinished::new(path, Some(&token)),
    };
    let places: Vec<Unfinished> = (plan.files.iter().enumerate())
        .map(|(number, spec)| unfinished(number, &absolute(&spec.path)))
        .collect();
    let attempt = Attempt {
        number: folder.next(),
        host: host.to_owned(),
        pid: std::process::id(),
        ranks: plan.ranks,
        tiles: tiles(plan),
        parts: places.iter().map(|place| place.part.clone()).collect(),
    };
    super::stop::forget(folder.path());
    let begun = folder.begin(&attempt);
    begun.map_err(|e| io("writing to", &e))?;
    let created = create(plan, job, writers, |number, _| Ok(places[number].clone()));
    let created = match created {
        Ok(created) => created,
        Err(error) => {
            // Of a new run nothing is left behind; of an earlier one everything.
            match found {
                None => {
                    let _ = folder.remove();
                }
                Some(_) => writers.iter_mut().for_each(Writer::keep),
            }
            return Err(error);
        }
    };
    let work = found.map(|found| work(plan, &created, &attempt, found));
    let spent = match &work {
        Some(work) => (work.parts.iter())
            .filter(|part| !attempt.parts.contains(part))
            .cloned()
            .collect(),
        None => Vec::new(),
    };
    let started = Started {
        created,
        journal: Some((folder.path().to_owned(), attempt.number)),
        work,
    };
    let lead = Lead {
        folder,
        began: Instant::now(),
        resumed: started.work.is_some(),
        spent,
        adopted: vec![Vec::new(); plan.files.len()],
        outputs: (plan.files.iter())
            .map(|spec| absolute(&spec.path))
            .collect(),
    };
    Ok((started, Some(lead)))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn create(
    plan: &Plan,
    job: &Job,
    writers: &mut Vec<Writer>,
    place: impl Fn(usize, &Path) -> Result<Unfinished>,
) -> Result<Vec<Created>> {
    let files = plan.files.iter().enumerate();
    files
        .map(|(number, spec)| {
            let place = place(number, &absolute(&spec.path))?;
            let (inline, texts) = (&job.inline[number], &job.texts[number]);
            let (writer, created) = Writer::create(spec, inline, texts, &place)?;
            writers.push(writer);
            Ok(created)
        })
        .collect()
}

/// Compares what is said to be finished with its checksums, each rank a share, and brings pieces of earlier NetCDF-4 files into the new
/// ones. Collective; `None` when nothing was resumed.
pub(super) fn adopt(
    comm: &dyn Comm,
    plan: &Plan,
    started: &Started,
    outputs: &[OpenOutput],
    writers: &mut [Writer],
    lead: Option<&mut Lead>,
    pool: &rayon::ThreadPool,
) -> Result<Option<Done>> {
    let (Some(work), Some((folder, _))) = (&started.work, &started.journal) else {
        return Ok(None);
    };
    let blobs: Vec<&Blob> = (work.results.iter().map(|result| &result.blob))
        .chain(work.states.iter().flat_map(|(_, state)| match state {
            StoredState::Node { blob, .. } => vec![blob],
            StoredState::Running { sinks, .. } => sinks.iter().map(|(_, blob)| blob).collect(),
        }))
        .collect();
    let appended = |file: u32, variable: u32| {
        let created = &started.created[file as usize].variables;
        matches!(created[variable as usize], Placement::Chunked { .. })
    };
    let items = work.pieces.len() + blobs.len();
    let (rank, size) = (comm.rank(), comm.size());
    let own: Result<Vec<bool>> = pool.install(|| {
        let own: Vec<usize> = (rank..items).step_by(size).collect();
        own.into_par_iter()
            .map(|item| match work.pieces.get(item) {
                Some((file, _, _, piece)) if appended(*file, piece.variable) => Ok(true),
                Some((file, part, address, piece)) => {
                    let from = (&work.parts[*part as usize], *address);
                    let (output, spec) = (&outputs[*file as usize], &plan.files[*file as usize]);
                    let spec = &spec.variables[piece.variable as usize];
                    bring_piece(output, spec, from, piece)
                }
                None => {
                    let blob = blobs[item - work.pieces.len()];
                    let read = read_blob(folder, blob);
                    Ok(read.map_err(|e| failed(folder, &e))?.is_some())
                }
            })
            .collect()
    });
    // Chunks that lie in one file of the library are appended by the one rank that has it.
    let chunks = share(comm, || {
        let mut good = Vec::with_capacity(work.pieces.len());
        for (file, part, address, piece) in &work.pieces {
            good.push(match &piece.place {
                Place::Chunk(chunk) if appended(*file, piece.variable) => {
                    let path = &work.parts[*part as usize];
                    append(&mut writers[*file as usize], path, *address, piece, chunk)?
                }
                _ => true,
            });
        }
        Ok(good)
    })?;
    let own = crate::comm::verdict(comm, own)?;
    let own: Vec<u8> = own.into_iter().map(u8::from).collect();
    let all = comm.all_gather(&own)?;
    let good = |item: usize| {
        all[item % size]
            .get(item / size)
            .is_some_and(|good| *good == 1)
    };
    let mut done = Done::new(folder.clone(), plan, &started.created);
    let mut adopted = vec![Vec::new(); plan.files.len()];
    for (item, (file, _, _, piece)) in work.pieces.iter().enumerate() {
        if good(item) && chunks[item] && done.add_piece(*file, piece) && rank == 0 {
            adopted[*file as usize].push(piece.clone());
        }
    }
    let mut item = work.pieces.len();
    for result in &work.results {
        if good(item) {
            done.add_result(result.clone());
        }
        item += 1;
    }
    for (stage, state) in &work.states {
        let count = match state {
            StoredState::Node { .. } => 1,
            StoredState::Running { sinks, .. } => sinks.len(),
        };
        if (item..item + count).all(good) {
            done.add_state(*stage, state.clone());
        }
        item += count;
    }
    done.settle(plan);
    if let Some(lead) = lead {
        let pieces = adopted.iter().map(Vec::len).sum::<usize>();
        tracing::info!(
            "resume: {pieces} of {} pieces of an interrupted run are as they were written, with {} results and {} partial results",
            work.pieces.len(),
            work.results.len(),
            work.states.len()
        );
        // Everything of them that is good is in the new ones, and noted.
        lead.spent.drain(..).for_each(|part| remove_part(&part));
        lead.adopted = adopted;
    }
    Ok(Some(done))
}

fn failed(path: &Path, e: &std::io::Error) -> Error {
    Error::new(
        Fault::Io,
        format!("resume: reading {} failed: {e}", path.display()),
    )
}

/// A piece that any rank can look at: a chunk's own file, or a box of a contiguous variable, which is copied.
fn bring_piece(
    output: &OpenOutput,
    spec: &VariableSpec,
    (part, address): (&PathBuf, u64),
    piece: &Piece,
) -> Result<bool> {
    let placement = &output.created.variables[piece.variable as usize];
    match (placement, &piece.place) {
        (Placement::Files { .. }, Place::Chunk(chunk)) => {
            let Some(path) = output.writer.chunk_file(piece.variable as usize, chunk) else {
                return Ok(false);
            };
            good_file(&path, piece.bytes, piece.crc32c).map_err(|e| failed(&path, &e))
        }
        (Placement::Contiguous { address: to }, Place::Region(start, shape)) => {
            let Ok(from) = File::open(part) else {
                return Ok(false);
            };
            let temporary = &output.created.temporary;
            let into = (part != temporary).then(|| File::options().write(true).open(temporary));
            let into = into.transpose().map_err(|e| failed(temporary, &e))?;
            let region = Region::new(start.clone(), shape.clone());
            let copy = into.as_ref().map(|into| (into, *to));
            let good = check_region((&from, address), copy, spec, &region, piece.crc32c);
            let good = good.map_err(|e| failed(part, &e))?;
            if good && copy.is_some() {
                output.writer.note_copied(piece, *to);
            }
            Ok(good)
        }
        _ => Ok(false),
    }
}

fn append(
    writer: &mut Writer,
    part: &Path,
    address: u64,
    piece: &Piece,
    chunk: &[usize],
) -> Result<bool> {
    let Ok(from) = File::open(part) else {
        return Ok(false);
    };
    let at = ChunkIn {
        at: address,
        bytes: piece.bytes,
        crc32c: piece.crc32c,
    };
    let Some(bytes) = read_chunk(&from, at).map_err(|e| failed(part, &e))? else {
        return Ok(false);
    };
    writer.append_chunk(piece.variable as usize, chunk, &bytes, piece.crc32c)?;
    Ok(true)
}
