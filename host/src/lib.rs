//! forensic-host
