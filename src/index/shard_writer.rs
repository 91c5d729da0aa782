//! Writes chunks to the file of a list that is being built, for any number of threads. A few encoder threads turn
//! chunks into shards; chunks that are too small wait for neighbours to be joined with.

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

/// The most encoder threads. Each needs a few MB, and a disk does not keep up with more.
const ENCODERS_MAX: usize = 8;

/// Takes chunks from listings and shards from older lists.
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

    /// Waits until every chunk is written, then returns the file.
    pub(super) fn into_output(self) -> Result<Output, ListError> {
        let Self { output, pending, .. } = self;
        drop(pending);
        let output = Arc::into_inner(output).expect("the encoders that shared it have ended");
        output.check()?;
        Ok(output)
    }

    /// The destination, as its [`Location`](crate::conf::backend::Location) is displayed.
    pub(super) fn destination(&self) -> &str {
        &self.output.header().destination
    }

    /// The range of keys that the list covers.
    pub(super) fn range(&self) -> KeyRange {
        self.output.header().range()
    }

    /// The ranges of keys that no shard covers, ascending.
    pub(super) fn uncovered(&self) -> Vec<KeyRange> {
        self.output.uncovered()
    }

    pub(super) fn check(&self) -> Result<(), ListError> {
        self.output.check()
    }

    /// Returns an empty buffer for the entries of a chunk.
    pub(super) fn empty_buffer(&self) -> Vec<Entry> {
        self.buffers.acquire()
    }

    /// Writes the last chunk of a stream, or keeps it to be joined with its neighbours when it is small.
    pub(super) fn write_last(&self, chunk: Chunk) -> Result<(), ListError> {
        if !chunk.is_small() {
            return self.write(chunk);
        }
        // Copied to a vector of its own size, because it may wait for long.
        let waiting = Chunk::new(chunk.range, chunk.entries.as_slice().to_vec());
        self.buffers.release(chunk.entries);
        let ready = self.pending.lock_small().add(waiting);
        ready.into_iter().try_for_each(|chunk| self.write(chunk))
    }

    /// Passes a chunk to an encoder; waits while all encoders are busy.
    pub(super) fn write(&self, chunk: Chunk) -> Result<(), ListError> {
        self.check()?;
        let gone = || ListError::Broken {
            path: self.output.path().to_owned(),
            cause: "the threads that write it have ended".to_owned(),
        };
        if self.pending.encoders.take(chunk) { Ok(()) } else { Err(gone()) }
    }

    /// Copies a shard of another list without decoding it.
    pub(super) fn copy(&self, source: &SetFile, at: usize) -> Result<(), ListError> {
        self.output.append(source.shards[at].meta.clone(), source.record(at))
    }
}

/// The chunks that are not written yet. Dropping it writes them, so that an interrupted listing keeps
/// everything that it listed.
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
            // The result is ignored, because `finish` reports the range of a chunk that was not written as missing.
            self.encoders.take(chunk);
        }
    }
}

/// Threads that turn chunks into shards; they end when the sender is dropped.
#[derive(Debug)]
struct Encoders {
    chunks: Option<Sender<Chunk>>,
    threads: Vec<JoinHandle<()>>,
}

impl Encoders {
    fn start(output: &Arc<Output>, buffers: &Arc<BufferPool>) -> Result<Self, ListError> {
        // Without a queue, so that no more chunks are in memory than there are streams and encoders.
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

    /// Sends a chunk to an encoder. Returns false when all encoders have ended.
    fn take(&self, chunk: Chunk) -> bool {
        self.chunks.as_ref().is_some_and(|chunks| chunks.send(chunk).is_ok())
    }
}

fn encode_all(chunks: &Receiver<Chunk>, output: &Output, buffers: &BufferPool) {
    for chunk in chunks {
        let (meta, record) = chunk.encode();
        buffers.release(chunk.entries);
        // The error is not returned here, because the output keeps it and returns it to the next caller.
        if output.append(meta, &record).is_err() {
            return;
        }
    }
}

impl Drop for Encoders {
    fn drop(&mut self) {
        self.chunks = None;
        for thread in self.threads.drain(..) {
            // A panic is ignored, because `finish` reports the ranges that the thread did not write as missing.
            thread.join().unwrap_or_default();
        }
    }
}
