//! The environment of an attempt's program, and other texts, as C has them.

use std::ffi::{CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt as _;
use std::rc::Rc;
use std::{io, iter, ptr};

use super::super::environment::Changes;

/// A list as C has it: the last of its pointers is null, the others are to texts that stay where they are.
#[derive(Debug)]
pub(super) struct List<T> {
    pointers: Vec<*const c_char>,
    _texts: T,
}

impl<T> List<T> {
    pub(super) fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}

impl List<Vec<CString>> {
    pub(super) fn new(texts: Vec<CString>) -> Self {
        let pointers = texts.iter().map(|text| text.as_ptr()).chain(iter::once(ptr::null())).collect();
        Self { pointers, _texts: texts }
    }
}

/// The texts of an environment.
#[derive(Debug)]
pub(super) struct Environment {
    /// `NAME=value` and a zero, one after the other: what an attempt has of its own.
    _own: Vec<u8>,
    _inherited: Rc<Variables>,
}

impl List<Environment> {
    /// What is inherited, with these changes.
    ///
    /// # Errors
    /// A name or a value has a zero in it.
    pub(super) fn environment(inherited: &Rc<Variables>, changes: &Changes<'_>) -> io::Result<Self> {
        let own = Own::of(changes)?;
        let pointers = own.over(inherited);
        // The texts themselves stay where they are.
        Ok(Self { pointers, _texts: Environment { _own: own.text, _inherited: Rc::clone(inherited) } })
    }
}

/// An environment that most attempts take over nearly as it is.
#[derive(Debug)]
pub(super) struct Variables {
    /// `NAME=value`, in their order.
    entries: Vec<CString>,
    /// Their names, ascending, each with the entry's place.
    names: Vec<(Vec<u8>, usize)>,
}

impl Variables {
    pub(super) fn new(variables: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for (name, value) in variables {
            if let Ok(entry) = CString::new([&*name, &*value].join(&b'=')) {
                names.push((name, entries.len()));
                entries.push(entry);
            }
        }
        names.sort_unstable();
        Self { entries, names }
    }
}

/// What an attempt has of its own.
struct Own<'a> {
    /// Names that do not keep their inherited value, ascending, each once.
    names: Vec<&'a [u8]>,
    /// `NAME=value` and a zero, one after the other.
    text: Vec<u8>,
    /// Where they begin.
    starts: Vec<usize>,
}

impl<'a> Own<'a> {
    fn of(changes: &'a Changes<'a>) -> io::Result<Self> {
        // The last of a name holds: it is the first of its group.
        let mut last: Vec<usize> = (0..changes.len()).collect();
        last.sort_unstable_by(|&one, &other| changes[one].0.cmp(&changes[other].0).then(other.cmp(&one)));
        last.dedup_by(|next, first| changes[*next].0 == changes[*first].0);
        let mut own =
            Self { names: Vec::with_capacity(last.len()), text: Vec::with_capacity(1 << 10), starts: Vec::new() };
        for (name, value) in last.into_iter().map(|index| &changes[index]) {
            own.names.push(name.as_bytes());
            if let Some(value) = value {
                own.add(name.as_bytes(), value)?;
            }
        }
        Ok(own)
    }

    fn add(&mut self, name: &[u8], value: &OsStr) -> io::Result<()> {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        self.text.push(b'=');
        self.text.extend_from_slice(value.as_bytes());
        if memchr::memchr(0, &self.text[start..]).is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "data provided contains a nul byte"));
        }
        self.text.push(0);
        self.starts.push(start);
        Ok(())
    }

    /// As C has it; the pointers are into `self` and `inherited`.
    fn over(&self, inherited: &Variables) -> Vec<*const c_char> {
        let mut all: Vec<*const c_char> = inherited.entries.iter().map(|entry| entry.as_ptr()).collect();
        let mut rest = &*inherited.names;
        for name in &self.names {
            rest = &rest[rest.partition_point(|(other, _)| **other < **name)..];
            let same = rest.iter().take_while(|(other, _)| other == name);
            same.for_each(|&(_, place)| all[place] = ptr::null());
        }
        all.retain(|entry| !entry.is_null());
        all.extend(self.starts.iter().map(|&start| self.text[start..].as_ptr().cast()));
        all.push(ptr::null());
        all
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn the_last_change_of_a_name_holds_and_the_rest_is_inherited() {
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').unwrap();
            (name.into(), value.into())
        };
        let inherited = Variables::new(["C=3", "A=1", "BB=4", "B=2", "C=5"].map(pair).into_iter());
        let changes: Changes<'_> = vec![
            ("B".into(), Some("y".into())),
            ("A".into(), Some("x".into())),
            ("A".into(), None),
            ("D".into(), None),
            ("B".into(), Some("z=".into())),
            ("AA".into(), Some("".into())),
        ];
        let inherited = Rc::new(inherited);
        let list = List::environment(&inherited, &changes).unwrap();
        assert_eq!(texts(&list.pointers), ["C=3", "BB=4", "C=5", "AA=", "B=z="]);
        let changes: Changes<'_> = vec![("C".into(), None)];
        let list = List::environment(&inherited, &changes).unwrap();
        assert_eq!(texts(&list.pointers), ["A=1", "BB=4", "B=2"]);
        for bad in [("A", "x\0"), ("A\0", "x")] {
            let bad: Changes<'_> = vec![(bad.0.into(), Some(bad.1.into()))];
            assert_eq!(List::environment(&inherited, &bad).err().unwrap().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[expect(unsafe_code, reason = "reads the list as the kernel does")]
    fn texts(list: &[*const c_char]) -> Vec<&str> {
        let (end, list) = list.split_last().unwrap();
        assert!(end.is_null());
        // SAFETY: the pointers are to texts that end with a zero and outlive the test's use of them.
        list.iter().map(|text| unsafe { CStr::from_ptr(*text) }.to_str().unwrap()).collect()
    }
}
