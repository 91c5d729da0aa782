//! Decompresses the zlib streams of fs objects piece by piece.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

use super::Damage;

/// The most bytes to which an fs object may decompress: 256 MiB.
///
/// A directory of a million entries takes about 200 MB, and Seafile becomes unusable with fewer. A walk holds the whole
/// object in memory. Without a limit, an upload of a few MB could take gigabytes, because zlib compresses zeros a
/// thousand to one.
pub const INFLATED_MAX: u64 = 256 << 20;

/// The size of a piece in bytes. Most fs objects decompress to fewer, so that one call suffices.
const PIECE: usize = 64 << 10;

struct Inflater {
    state: Decompress,
    piece: Box<[u8]>,
}

thread_local! {
    // One per thread, because creating a decompressor takes longer than decompressing a small directory.
    static INFLATER: RefCell<Inflater> =
        RefCell::new(Inflater { state: Decompress::new(true), piece: vec![0; PIECE].into_boxed_slice() });
}

/// Whether `data` begins with the two bytes of a zlib stream without a preset dictionary (RFC 1950, 2.2).
pub(super) fn is_zlib(data: &[u8]) -> bool {
    let &[method, flags, ..] = data else { return false };
    method & 15 == 8 && method >> 4 <= 7 && flags & 32 == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// Decompresses `data` and passes the content to `sink` in pieces. `sink` must not call [`inflate`].
pub(super) fn inflate(data: &[u8], sink: impl FnMut(&[u8])) -> Result<(), Damage> {
    INFLATER.with_borrow_mut(|inflater| inflater.run(data, INFLATED_MAX, sink))
}

impl Inflater {
    fn run(&mut self, data: &[u8], max: u64, mut sink: impl FnMut(&[u8])) -> Result<(), Damage> {
        self.state.reset(true);
        let (mut read, mut written) = (0, 0);
        loop {
            let status = self
                .state
                .decompress(&data[read..], &mut self.piece, FlushDecompress::Finish)
                .map_err(|_| Damage::NotInflatable("the compressed data is not valid"))?;
            let produced = usize_of(self.state.total_out() - written);
            let progress = produced > 0 || self.state.total_in() > read as u64;
            (read, written) = (usize_of(self.state.total_in()), self.state.total_out());
            if written > max {
                return Err(Damage::NotInflatable("it is larger than any directory or file description can be"));
            }
            sink(&self.piece[..produced]);
            match status {
                Status::StreamEnd if read < data.len() => {
                    return Err(Damage::NotInflatable("more bytes follow the compressed data"));
                }
                Status::StreamEnd => return Ok(()),
                Status::Ok | Status::BufError if !progress => return Err(Damage::Truncated),
                Status::Ok | Status::BufError => {}
            }
        }
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
        let mut inflater = Inflater { state: Decompress::new(true), piece: vec![0; PIECE].into_boxed_slice() };
        let mut seen = 0;
        assert_eq!(inflater.run(&bomb, 10 << 20, |piece| seen += piece.len()), Ok(()));
        assert_eq!(seen, 10 << 20);
        seen = 0;
        let refused = inflater.run(&bomb, 1 << 20, |piece| seen += piece.len());
        assert!(matches!(refused, Err(Damage::NotInflatable(_))), "{refused:?}");
        assert!(seen <= 1 << 20, "{seen} bytes were let through");
    }
}
