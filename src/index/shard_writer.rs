//! The way into the file of a list that is being made, for any number of threads: a few encoders
//! that turn chunks into shards, and what waits for neighbours to be joined with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::buffer_pool::BufferPool;
use super::entry::Entry;
use super::error::ListError;
use super::file::SetFile;
use super::shard::Chunk;
use super::small_chunks::SmallChunks;
use super::write::Output;
use crate::object::KeyRange;

/// More encoders than this would only cost memory: each has a few MB, and disks are not that fast.
const ENCODERS_MAX: usize = 8;

/// Where listings and older lists put what they have for the list.
#[derive(Debug)]
pub(super) struct ShardWriter {
    output: Arc<Output>,
    buffers: Arc<BufferPool>,
    pending: Pending,
}

impl ShardWriter {
    /// Starts the encoders that write to `output`.
    pub(super) fn start(output: Output) -> Result<Self, ListError> {
        let (output, buffers) = (Arc::new(output), Arc::default());
        let pending = Pending { encoders: Encoders::start(&output, &buffers)?, small: Mutex::default() };
        Ok(Self { output, buffers, pending })
    }

    /// Waits until everything handed in is written.
    pub(super) fn into_output(self) -> Result<Output, ListError> {
        let Self { output, pending, .. } = self;
        drop(pending);
        let output = Arc::into_inner(output).expect("the encoders that shared it have ended");
        output.check()?;
        Ok(output)
    }

    /// The destination, in the words of its [`Location`](crate::conf::backend::Location).
    pub(super) fn destination(&self) -> &str {
        &self.output.header().destination
    }

    /// The keys that the list will answer for.
    pub(super) fn range(&self) -> KeyRange {
        self.output.header().range()
    }

    /// The ranges of keys that no shard answers for, ascending.
    pub(super) fn uncovered(&self) -> Vec<KeyRange> {
        self.output.uncovered()
    }

    pub(super) fn check(&self) -> Result<(), ListError> {
        self.output.check()
    }

    /// Room for the entries of a chunk.
    pub(super) fn empty_buffer(&self) -> Vec<Entry> {
        self.buffers.acquire()
    }

    /// Takes what a stream has left at its end.
    pub(super) fn write_last(&self, chunk: Chunk) -> Result<(), ListError> {
        if !chunk.is_small() {
            return self.write(chunk);
        }
        // No more room than it needs, because it may wait for long.
        let waiting = Chunk::new(chunk.range, chunk.entries.as_slice().to_vec());
        self.buffers.release(chunk.entries);
        let ready = self.pending.lock_small().add(waiting);
        ready.into_iter().try_for_each(|chunk| self.write(chunk))
    }

    /// Gives a chunk to an encoder; waits while all of them are busy.
    pub(super) fn write(&self, chunk: Chunk) -> Result<(), ListError> {
        self.check()?;
        let gone = || ListError::Broken {
            path: self.output.path().to_owned(),
            cause: "the threads that write it have ended".to_owned(),
        };
        if self.pending.encoders.take(chunk) { Ok(()) } else { Err(gone()) }
    }

    /// Takes over a shard of another list as it is.
    pub(super) fn copy(&self, source: &SetFile, at: usize) -> Result<(), ListError> {
        self.output.append(source.shards[at].meta.clone(), source.record(at))
    }
}

/// What was listed and is not written yet. Dropping it writes it, so that a listing that is
/// interrupted keeps all that it had.
#[derive(Debug)]
struct Pending {
    encoders: Encoders,
    small: Mutex<SmallChunks>,
}

impl Pending {
    fn lock_small(&self) -> MutexGuard<'_, SmallChunks> {
        self.small.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        for chunk in self.lock_small().drain() {
            // The answer is not needed, because a chunk that is not taken is missing in the file, which `finish`
            // notices.
            self.encoders.take(chunk);
        }
    }
}

/// Threads that turn chunks into shards; they end when nobody can send any more.
#[derive(Debug)]
struct Encoders {
    chunks: Option<Sender<Chunk>>,
    threads: Vec<JoinHandle<()>>,
}

impl Encoders {
    fn start(output: &Arc<Output>, buffers: &Arc<BufferPool>) -> Result<Self, ListError> {
        // No room to wait in, so that a chunk is either with its stream or with an encoder.
        let (sender, chunks) = bounded(0);
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(ENCODERS_MAX);
        let mut encoders = Self { chunks: Some(sender), threads: Vec::new() };
        for _ in 0..count {
            let (chunks, out, buffers) = (chunks.clone(), Arc::clone(output), Arc::clone(buffers));
            let thread = std::thread::Builder::new().name("list encoder".to_owned());
            let thread = thread.spawn(move || encode_all(&chunks, &out, &buffers));
            encoders.threads.push(thread.map_err(ListError::io("start a thread to write", output.path()))?);
        }
        Ok(encoders)
    }

    /// Whether somebody took it.
    fn take(&self, chunk: Chunk) -> bool {
        self.chunks.as_ref().is_some_and(|chunks| chunks.send(chunk).is_ok())
    }
}

fn encode_all(chunks: &Receiver<Chunk>, output: &Output, buffers: &BufferPool) {
    for chunk in chunks {
        let (meta, record) = chunk.encode();
        buffers.release(chunk.entries);
        // Not told here, because the output remembers a failure and tells it to whoever writes or finishes next.
        if output.append(meta, &record).is_err() {
            return;
        }
    }
}

impl Drop for Encoders {
    fn drop(&mut self) {
        self.chunks = None;
        for thread in self.threads.drain(..) {
            // A panic is passed over, because the thread has then written less than it was given, which `finish`
            // notices.
            thread.join().unwrap_or_default();
        }
    }
}
