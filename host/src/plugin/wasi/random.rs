//! Random numbers that are the same for the same component and run: so that a report is, too. They are nothing to make
//! secrets of, although an interface here is called secure: interpreters don't start without it.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use wasmtime::Result;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::plugin::store::State;
use crate::plugin::trap::Misuse;

/// The most that one call gives.
const BYTES_MAX: u64 = 64 << 10;

pub(super) struct Random {
    random: ChaCha8Rng,
    insecure: ChaCha8Rng,
    seed: (u64, u64),
}

impl Random {
    pub(super) fn new(run: &str, digest: &str) -> Self {
        // A digest has a fixed length, so no two pairs make one text.
        let seed = |purpose: &str| <[u8; 32]>::from(Sha256::digest(format!("forensic {purpose} 1\n{digest}\n{run}")));
        let mut hash = ChaCha8Rng::from_seed(seed("hash"));
        Self {
            random: ChaCha8Rng::from_seed(seed("random")),
            insecure: ChaCha8Rng::from_seed(seed("insecure")),
            seed: (hash.next_u64(), hash.next_u64()),
        }
    }
}

impl State {
    fn random_bytes(&mut self, len: u64, source: fn(&mut Random) -> &mut ChaCha8Rng) -> Result<Vec<u8>> {
        if len > BYTES_MAX {
            return Err(Misuse::RandomBytes.into());
        }
        self.meter.hand_out(len)?;
        let mut bytes = vec![0; usize::try_from(len)?];
        source(&mut self.wasi.random).fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

impl random::Host for State {
    fn get_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.random_bytes(len, |random| &mut random.random)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        Ok(self.wasi.random.random.next_u64())
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.random_bytes(len, |random| &mut random.insecure)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        Ok(self.wasi.random.insecure.next_u64())
    }
}

impl insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok(self.wasi.random.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_part_of_what_a_report_is_made_of() {
        // Other numbers would be other reports of the same run.
        let mut random = Random::new("r1", "digest");
        let numbers = [random.random.next_u64(), random.insecure.next_u64(), random.seed.0, random.seed.1];
        assert_eq!(numbers.map(|number| format!("{number:016x}")), GOLDEN);
        let mut other = Random::new("r2", "digest");
        assert_ne!(random.random.next_u64(), other.random.next_u64());
    }

    const GOLDEN: [&str; 4] = ["6db3e4993cd3931f", "248557132a6126dd", "467fa30fb4d57466", "3b39e0a238ebcb7d"];
}
