//! A sieve before the search for declared values: tells at a fraction of the cost that none of them is in a text.
//!
//! Every value is at least `stride + 3` bytes long, so wherever it stands, one of the places 0, `stride`, 2·`stride` … of the text is the
//! start of four bytes that lie wholly in it. Those four bytes are looked up; a text in which none is known goes no further.

use std::collections::HashSet;

/// How many bytes are looked up at a time.
const GRAM: usize = 4;
/// A longer stride would look at less of the text, and have to know more of each value.
const MAX_STRIDE: usize = 12;
/// The table has at most 2^20 bits (128 KiB), so that it stays in the processor's cache.
const MAX_BITS: u32 = 20;

pub(super) struct Sieve {
    stride: usize,
    /// A bit for each hash that a known gram has; says no for nearly everything.
    table: Vec<u64>,
    shift: u32,
    known: HashSet<u32>,
}

impl Sieve {
    /// A sieve for these values, of which none is shorter than four bytes.
    pub(super) fn new<'v>(values: impl Iterator<Item = &'v [u8]> + Clone) -> Self {
        let least = values.clone().map(<[u8]>::len).min().unwrap_or(GRAM);
        let stride = (least + 1).saturating_sub(GRAM).clamp(1, MAX_STRIDE);
        let known: HashSet<u32> = values.flat_map(|value| value.windows(GRAM).take(stride)).filter_map(gram).collect();
        let bits = (known.len() * 16).next_power_of_two().trailing_zeros().clamp(6, MAX_BITS);
        let mut table = vec![0_u64; 1 << (bits - 6)];
        let shift = u32::BITS - bits;
        for &gram in &known {
            let bit = hash(gram, shift);
            table[bit / 64] |= 1 << (bit % 64);
        }
        Self { stride, table, shift, known }
    }

    /// Whether one of the values may be in the text; `false` is certain.
    pub(super) fn may_hold(&self, text: &[u8]) -> bool {
        text.windows(GRAM).step_by(self.stride).filter_map(gram).any(|gram| {
            let bit = hash(gram, self.shift);
            self.table[bit / 64] >> (bit % 64) & 1 == 1 && self.known.contains(&gram)
        })
    }
}

fn gram(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The upper bits of a product with 2^32 over the golden ratio.
fn hash(gram: u32, shift: u32) -> usize {
    (gram.wrapping_mul(0x9E37_79B9) >> shift) as usize
}
