//! A worker's span against the dispatch that it belongs to: the one question that whoever merges spans has to answer, the
//! host while a run goes on and [`merge`](mod@super::merge) for files.

/// Whether a worker's span, by the worker's clock, lies outside the attempt's, by the host's: it began earlier or ended later
/// by more than the clocks' bound (`forensic.clock_bound_ns`; 0 where it is not known). Each is `(start, end)` in Unix ns.
///
/// The times are compared as they were told. A worker that works as it should can't begin before it was asked to or end after
/// the host knew, so what is outside is a clock that differs.
#[must_use]
pub fn is_outside_dispatch(dispatch: (u64, u64), worker: (u64, u64), clock_bound_ns: u64) -> bool {
    worker.0.saturating_add(clock_bound_ns) < dispatch.0 || worker.1 > dispatch.1.saturating_add(clock_bound_ns)
}

#[cfg(test)]
mod tests {
    use super::is_outside_dispatch;

    #[test]
    fn the_bound_is_allowed_on_both_sides() {
        let dispatch = (1_000, 2_000);
        for (worker, bound, outside) in [
            ((1_000, 2_000), 0, false),
            ((999, 2_000), 0, true),
            ((999, 2_000), 1, false),
            ((1_500, 2_001), 0, true),
            ((1_500, 2_010), 10, false),
            ((0, u64::MAX), 100, true),
            ((0, u64::MAX), u64::MAX, false),
        ] {
            assert_eq!(is_outside_dispatch(dispatch, worker, bound), outside, "{worker:?} ± {bound}");
        }
    }
}
