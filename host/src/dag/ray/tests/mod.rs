//! The executor with bridges that are not Ray's.
