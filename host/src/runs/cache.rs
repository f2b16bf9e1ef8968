//! What was read of a file, kept until the file changes: bounded in bytes, the one that was not asked for longest goes first.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use cap_std::fs::File;

/// What tells that a file is another one than before: time of its last change and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    changed: Option<SystemTime>,
    size: u64,
}

impl Stamp {
    /// Of an open file.
    ///
    /// # Errors
    /// Where its metadata can't be read.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { changed: metadata.modified().ok().map(|time| time.into_std()), size: metadata.len() })
    }

    pub(super) fn of_std(metadata: &std::fs::Metadata) -> Self {
        Self { changed: metadata.modified().ok(), size: metadata.len() }
    }

    /// When the file was last changed, where the file system tells.
    pub fn changed(&self) -> Option<SystemTime> {
        self.changed
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// Values by name, each for one state (`S`: one [`Stamp`] or several) of what it was made of.
#[derive(Debug)]
pub struct Cache<S, T> {
    room: usize,
    inner: Mutex<Inner<S, T>>,
}

#[derive(Debug)]
struct Inner<S, T> {
    values: HashMap<String, Value<S, T>>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Value<S, T> {
    state: S,
    value: Arc<T>,
    bytes: usize,
    used: u64,
}

impl<S: PartialEq, T> Cache<S, T> {
    /// Keeps at most so many bytes.
    pub fn new(room: usize) -> Self {
        Self { room, inner: Mutex::new(Inner { values: HashMap::new(), bytes: 0, clock: 0 }) }
    }

    /// The value of that name and state, if it is there.
    pub fn get(&self, name: &str, state: &S) -> Option<Arc<T>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock += 1;
        let now = inner.clock;
        let value = inner.values.get_mut(name).filter(|value| value.state == *state)?;
        value.used = now;
        Some(Arc::clone(&value.value))
    }

    /// Keeps a value of about so many bytes, instead of the one of that name. One that is larger than the room is not kept.
    pub fn put(&self, name: String, state: S, value: Arc<T>, bytes: usize) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock += 1;
        let used = inner.clock;
        if let Some(old) = inner.values.remove(&name) {
            inner.bytes -= old.bytes;
        }
        if bytes > self.room {
            return;
        }
        inner.bytes += bytes;
        inner.values.insert(name, Value { state, value, bytes, used });
        if inner.bytes > self.room {
            inner.shrink(self.room / 4 * 3);
        }
    }
}

impl<S, T> Inner<S, T> {
    /// Forgets the values that were not asked for longest: a quarter at once, so that it is seldom done.
    fn shrink(&mut self, room: usize) {
        let mut by_use: Vec<(u64, String)> =
            self.values.iter().map(|(name, value)| (value.used, name.clone())).collect();
        by_use.sort_unstable();
        for (_, name) in by_use {
            if self.bytes <= room {
                break;
            }
            if let Some(old) = self.values.remove(&name) {
                self.bytes -= old.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_go_first() {
        let cache: Cache<u8, u32> = Cache::new(8);
        for (name, value) in [("a", 1), ("b", 2), ("c", 3)] {
            cache.put(name.into(), 0, Arc::new(value), 2);
        }
        assert_eq!(cache.get("a", &0).as_deref(), Some(&1));
        assert_eq!(cache.get("a", &1), None, "another state of the file");
        cache.put("d".into(), 0, Arc::new(4), 3);
        assert_eq!(cache.get("b", &0), None);
        assert_eq!(cache.get("a", &0).as_deref(), Some(&1));
        assert_eq!(cache.get("d", &0).as_deref(), Some(&4));
        cache.put("a".into(), 1, Arc::new(5), 9);
        assert_eq!(
            (cache.get("a", &0), cache.get("a", &1)),
            (None, None),
            "too large to be kept, and the old one is gone"
        );
    }
}
