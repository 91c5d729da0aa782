//! Decompresses the zlib streams of fs objects piece by piece.
//!
//! As many streams are decompressed at once as there are processors, whatever the number of workers: more would not be
//! faster, and each holds a decompressor and a piece. Whoever has a [`Inflating`] must not ask for a second one, because
//! all of them may be lent.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};

use super::Damage;
use crate::sys::machine::processors;

/// The most bytes to which an fs object may decompress: 256 MiB.
///
/// A directory of a million entries takes about 200 MB, and Seafile becomes unusable with fewer. Without a limit, an
/// upload of a few MB could take hours, because zlib compresses zeros a thousand to one.
pub const INFLATED_MAX: u64 = 256 << 20;

/// The size of a piece in bytes. Most fs objects decompress to fewer, so that one call suffices.
const PIECE: usize = 64 << 10;

/// A decompressor and the piece that it writes to. They are kept, because creating one takes longer than decompressing a
/// small directory.
struct Inflater {
    state: Decompress,
    piece: Box<[u8]>,
}

impl Inflater {
    fn new() -> Self {
        Self { state: Decompress::new(true), piece: vec![0; PIECE].into_boxed_slice() }
    }
}

/// The decompressors that nobody uses, and how many more may be made.
struct Inflaters {
    free: Mutex<Free>,
    returned: Condvar,
}

struct Free {
    made: Vec<Inflater>,
    unmade: usize,
}

impl Inflaters {
    fn of_all_processors() -> &'static Self {
        static ALL: OnceLock<Inflaters> = OnceLock::new();
        ALL.get_or_init(|| {
            let free = Free { made: Vec::new(), unmade: processors() };
            Self { free: Mutex::new(free), returned: Condvar::new() }
        })
    }

    /// Waits for one that is free.
    fn lend(&'static self) -> Lent {
        let mut free = self.lock();
        loop {
            if let Some(inflater) = free.made.pop() {
                return Lent { inflaters: self, inflater: Some(inflater) };
            }
            if free.unmade > 0 {
                free.unmade -= 1;
                return Lent { inflaters: self, inflater: Some(Inflater::new()) };
            }
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        // Poison is ignored, because each change is one step.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A decompressor that is lent; dropping it gives it back.
struct Lent {
    inflaters: &'static Inflaters,
    inflater: Option<Inflater>,
}

impl Lent {
    fn get(&mut self) -> &mut Inflater {
        self.inflater.as_mut().expect("it is given back when it is dropped and not before")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.inflaters.lock().made.extend(self.inflater.take());
        self.inflaters.returned.notify_one();
    }
}

/// Whether `data` begins with the two bytes of a zlib stream without a preset dictionary (RFC 1950, 2.2).
pub(super) fn is_zlib(data: &[u8]) -> bool {
    let &[method, flags, ..] = data else { return false };
    method & 15 == 8 && method >> 4 <= 7 && flags & 32 == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// Decompresses `data` and passes the content to `sink` in pieces. `sink` must not decompress anything.
pub(super) fn inflate(data: &[u8], mut sink: impl FnMut(&[u8])) -> Result<(), Damage> {
    let mut stream = Inflating::new(data);
    while let Some(piece) = stream.next()? {
        sink(piece);
    }
    Ok(())
}

/// A stream that is decompressed one piece after the other.
pub(super) struct Inflating<'d> {
    lent: Lent,
    data: &'d [u8],
    max: u64,
    read: usize,
    written: u64,
    is_over: bool,
}

impl<'d> Inflating<'d> {
    /// The content of `data`, of which at most [`INFLATED_MAX`] bytes are decompressed.
    pub(super) fn new(data: &'d [u8]) -> Self {
        Self::up_to(INFLATED_MAX, data)
    }

    fn up_to(max: u64, data: &'d [u8]) -> Self {
        let mut lent = Inflaters::of_all_processors().lend();
        lent.get().state.reset(true);
        Self { lent, data, max, read: 0, written: 0, is_over: false }
    }

    /// The next piece, which may be empty; `None` when the stream has ended as it must.
    pub(super) fn next(&mut self) -> Result<Option<&mut [u8]>, Damage> {
        if self.is_over {
            return Ok(None);
        }
        let Inflater { state, piece } = self.lent.get();
        let status = state
            .decompress(&self.data[self.read..], piece, FlushDecompress::Finish)
            .map_err(|_| Damage::NotInflatable("the compressed data is not valid"))?;
        let produced = usize_of(state.total_out() - self.written);
        let progress = produced > 0 || state.total_in() > self.read as u64;
        (self.read, self.written) = (usize_of(state.total_in()), state.total_out());
        if self.written > self.max {
            return Err(Damage::NotInflatable("it is larger than any directory or file description can be"));
        }
        match status {
            Status::StreamEnd if self.read < self.data.len() => {
                return Err(Damage::NotInflatable("more bytes follow the compressed data"));
            }
            Status::StreamEnd => self.is_over = true,
            Status::Ok | Status::BufError if !progress => return Err(Damage::Truncated),
            Status::Ok | Status::BufError => {}
        }
        Ok(Some(&mut self.lent.get().piece[..produced]))
    }

    /// The bytes `from..to` of the piece that came last.
    pub(super) fn last_piece(&mut self, from: usize, to: usize) -> &[u8] {
        &self.lent.get().piece[from..to]
    }
}

fn usize_of(count: u64) -> usize {
    usize::try_from(count).expect("bytes counted here are in memory")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_grows_without_end_is_refused_at_the_limit() {
        let mut zip = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zip.write_all(&vec![0; 10 << 20]).unwrap();
        let bomb = zip.finish().unwrap();
        let seen = |max| {
            let (mut stream, mut seen) = (Inflating::up_to(max, &bomb), 0);
            loop {
                match stream.next() {
                    Ok(Some(piece)) => seen += piece.len(),
                    ended => return (seen, ended.map(|_| ())),
                }
            }
        };
        assert_eq!(seen(10 << 20), (10 << 20, Ok(())));
        let (length, refused) = seen(1 << 20);
        assert!(matches!(refused, Err(Damage::NotInflatable(_))), "{refused:?}");
        assert!(length <= 1 << 20, "{length} bytes were let through");
    }

    #[test]
    fn many_threads_share_as_many_decompressors_as_there_are_processors() {
        let content = vec![7; 3 * PIECE];
        let mut zip = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(&content).unwrap();
        let data = zip.finish().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut found = Vec::new();
                    inflate(&data, |piece| found.extend_from_slice(piece)).unwrap();
                    assert_eq!(found, content);
                });
            }
        });
        let made = Inflaters::of_all_processors().lock().made.len();
        assert!(made <= processors(), "{made}");
    }
}
