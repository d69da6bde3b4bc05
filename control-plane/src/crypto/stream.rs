//! Files sealed in one pass and opened without ever showing a byte that was not checked: AES-256-GCM in chunks (the
//! STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
//!
//! `header | chunk | chunk | … | last chunk`. Each chunk is 64 KiB and a tag of 16 bytes, the last one may be shorter.
//! The nonce is `0 (7 bytes) | number of the chunk (4, big-endian) | 1 for the last one, else 0`; the header is the
//! associated data of every chunk. The key belongs to this one file: it is derived from the file's own salt.

use std::io::{self, Read, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::CryptoError;
use super::sealed::KEY_LEN;

const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
pub const SALT_LEN: usize = 32;

/// What both directions share: the file's key, its header, and where they are in it.
struct Chunks {
    key: LessSafeKey,
    header: Vec<u8>,
    next: u32,
}

impl Chunks {
    fn new(key: &[u8; KEY_LEN], salt: &[u8; SALT_LEN], header: &[u8]) -> Result<Self, CryptoError> {
        let mut derived = Zeroizing::new([0; KEY_LEN]);
        Salt::new(HKDF_SHA256, salt)
            .extract(key)
            .expand(&[b"auscult sealed file"], HKDF_SHA256)
            .and_then(|output| output.fill(&mut *derived))
            .map_err(|_| CryptoError::Seal)?;
        let key = UnboundKey::new(&AES_256_GCM, &*derived).map_err(|_| CryptoError::Seal)?;
        Ok(Self { key: LessSafeKey::new(key), header: header.to_vec(), next: 0 })
    }

    /// The nonce of the next chunk. A file ends before the numbers do (256 TiB).
    fn nonce(&mut self, is_last: bool) -> Result<Nonce, CryptoError> {
        let mut nonce = [0; NONCE_LEN];
        let (_, rest) = nonce.split_at_mut(7);
        let (number, last) = rest.split_at_mut(4);
        number.copy_from_slice(&self.next.to_be_bytes());
        last.fill(u8::from(is_last));
        self.next = self.next.checked_add(1).ok_or(CryptoError::Seal)?;
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}

/// Seals what is written to it. Without [`finish`](Self::finish) the file is one that was cut off.
pub struct SealedWriter<W: Write> {
    chunks: Chunks,
    buffer: Zeroizing<Vec<u8>>,
    output: W,
}

impl<W: Write> SealedWriter<W> {
    /// Writes the header as it is. `salt`: random, part of the header.
    pub fn new(mut output: W, key: &[u8; KEY_LEN], salt: &[u8; SALT_LEN], header: &[u8]) -> io::Result<Self> {
        output.write_all(header)?;
        let chunks = Chunks::new(key, salt, header).map_err(io::Error::other)?;
        Ok(Self { chunks, buffer: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)), output })
    }

    /// Writes the last chunk.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.chunks.nonce(is_last).map_err(io::Error::other)?;
        let tag = self
            .chunks
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&self.chunks.header), &mut self.buffer)
            .map_err(|_| io::Error::other(CryptoError::Seal))?;
        self.output.write_all(&self.buffer)?;
        self.output.write_all(tag.as_ref())?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits for the next byte: it may be the last one.
        if self.buffer.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let count = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend(bytes.iter().take(count));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Opens what a [`SealedWriter`] has sealed. Gives a chunk after its tag was checked, and the end only after the last
/// chunk: anything changed, moved, left out or cut off is an error of kind `InvalidData`.
pub struct SealedReader<R: Read> {
    chunks: Chunks,
    input: R,
    /// Sealed bytes that were read ahead, to know which chunk is the last.
    ahead: Vec<u8>,
    opened: Zeroizing<Vec<u8>>,
    given: usize,
    is_over: bool,
}

impl<R: Read> SealedReader<R> {
    /// `input`: after the header.
    pub fn new(
        input: R,
        key: &[u8; KEY_LEN],
        salt: &[u8; SALT_LEN],
        header: &[u8],
    ) -> Result<Self, CryptoError> {
        let chunks = Chunks::new(key, salt, header)?;
        let (ahead, opened) = (Vec::new(), Zeroizing::default());
        Ok(Self { chunks, input, ahead, opened, given: 0, is_over: false })
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        // One byte more than a chunk says whether another one follows.
        let missing = (CHUNK + TAG + 1).saturating_sub(self.ahead.len());
        self.input.by_ref().take(missing as u64).read_to_end(&mut self.ahead)?;
        self.is_over = self.ahead.len() <= CHUNK + TAG;
        let rest = self.ahead.split_off(self.ahead.len().min(CHUNK + TAG));
        self.opened = Zeroizing::new(std::mem::replace(&mut self.ahead, rest));
        let nonce = self.chunks.nonce(self.is_over).map_err(io::Error::other)?;
        let aad = Aad::from(&self.chunks.header);
        let length = self.chunks.key.open_in_place(nonce, aad, &mut self.opened).map(|plain| plain.len());
        let Ok(length) = length else {
            self.is_over = true;
            self.opened.clear();
            return Err(io::Error::new(io::ErrorKind::InvalidData, CryptoError::DoesNotOpen));
        };
        self.opened.truncate(length);
        self.given = 0;
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.opened.len() && !self.is_over {
            self.next_chunk()?;
        }
        let rest = self.opened.get(self.given..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &[u8] = b"header";
    const KEY: [u8; 32] = [7; 32];
    const SALT: [u8; 32] = [9; 32];

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut writer = SealedWriter::new(Vec::new(), &KEY, &SALT, HEADER).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn opened_with(file: &[u8], key: &[u8; 32], salt: &[u8; 32], header: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        SealedReader::new(file, key, salt, header).unwrap().read_to_end(&mut plain).map(|_| plain)
    }

    fn opened(file: &[u8]) -> io::Result<Vec<u8>> {
        opened_with(&file[HEADER.len()..], &KEY, &SALT, HEADER)
    }

    fn plain(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index / 251) as u8 ^ index as u8).collect()
    }

    #[test]
    fn every_length_comes_back() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17] {
            let file = sealed(&plain(length));
            let chunks = length.div_ceil(CHUNK).max(1);
            assert_eq!(file.len(), HEADER.len() + length + chunks * TAG, "{length}");
            assert!(opened(&file).unwrap() == plain(length), "{length}");
        }
    }

    #[test]
    fn another_key_salt_or_header_opens_nothing() {
        let file = sealed(b"text");
        let body = &file[HEADER.len()..];
        assert!(opened_with(body, &[8; 32], &SALT, HEADER).is_err());
        assert!(opened_with(body, &KEY, &[8; 32], HEADER).is_err());
        assert!(opened_with(body, &KEY, &SALT, b"Header").is_err());
    }

    #[test]
    fn chunks_cannot_be_moved_left_out_repeated_or_cut_off() {
        let file = sealed(&plain(4 * CHUNK));
        let (header, body) = file.split_at(HEADER.len());
        let chunks: Vec<&[u8]> = body.chunks(CHUNK + TAG).collect();
        assert_eq!(chunks.len(), 4);
        let orders: [&[usize]; 9] = [
            &[1, 0, 2, 3],
            &[0, 2, 1, 3],
            &[0, 1, 3, 2],
            &[1, 2, 3],
            &[0, 2, 3],
            &[0, 1, 2],
            &[0, 0, 1, 2, 3],
            &[0, 1, 2, 3, 3],
            &[],
        ];
        for order in orders {
            let body: Vec<u8> = order.iter().flat_map(|index| chunks[*index]).copied().collect();
            assert!(opened(&[header, &body].concat()).is_err(), "{order:?}");
        }
        let mut other = SealedWriter::new(Vec::new(), &KEY, &[8; 32], HEADER).unwrap();
        other.write_all(&plain(4 * CHUNK)).unwrap();
        let other = other.finish().unwrap();
        let mixed = [&file[..HEADER.len() + CHUNK + TAG], &other[HEADER.len() + CHUNK + TAG..]].concat();
        assert!(opened(&mixed).is_err(), "of another file");
    }

    #[test]
    fn an_end_that_nobody_sealed_is_no_end() {
        for length in [0, CHUNK, 2 * CHUNK, 2 * CHUNK + 5] {
            let file = sealed(&plain(length));
            for whole in 0..=length / CHUNK {
                let cut = &file[..HEADER.len() + whole * (CHUNK + TAG)];
                for forged in [&[0; TAG][..], &[7; TAG - 1], &[7; TAG + 1]] {
                    assert!(
                        opened(&[cut, forged].concat()).is_err(),
                        "{length}: {whole} and {}",
                        forged.len()
                    );
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_changed_bit_or_a_cut_anywhere_is_noticed(at in 0.0..1.0, bit in 0..8_u8, length in 0..200_000_usize) {
            let mut file = sealed(&plain(length));
            let index = HEADER.len() + ((file.len() - HEADER.len()) as f64 * at) as usize;
            prop_assert!(opened(&file[..index]).is_err());
            file[index] ^= 1 << bit;
            prop_assert!(opened(&file).is_err());
        }
    }
}
