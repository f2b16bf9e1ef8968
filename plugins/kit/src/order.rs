//! Sorting that costs a component little: one sorting routine for all types, for each type of its own brings some
//! seven kilobytes.

use std::cmp::Ordering;

/// The items in the order of `compare`; equal items stay in theirs.
pub fn sorted<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let order = sorted_places(items.len(), &|a, b| compare(&items[a], &items[b]));
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| items[at].take()).collect()
}

#[inline(never)]
fn sorted_places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|a, b| compare(*a, *b));
    places
}

/// Larger numbers first, unknown ones last.
pub fn falling(a: Option<f64>, b: Option<f64>) -> Ordering {
    let key = |number: Option<f64>| number.unwrap_or(f64::NEG_INFINITY);
    key(b).total_cmp(&key(a))
}

/// The place of `key` in a short list of pairs, which is put at its end if it is not there.
pub fn entry<K: PartialEq, V: Default>(list: &mut Vec<(K, V)>, key: K) -> &mut V {
    let at = list.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        list.push((key, V::default()));
        list.len() - 1
    });
    &mut list[at].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_is_stable() {
        let items = vec![("b", Some(1.0)), ("a", None), ("c", Some(2.0)), ("d", Some(1.0))];
        let names: Vec<&str> = sorted(items, |a, b| falling(a.1, b.1)).into_iter().map(|item| item.0).collect();
        assert_eq!(names, ["c", "b", "d", "a"]);
    }

    #[test]
    fn entries_are_made_once() {
        let mut list: Vec<(&str, i32)> = Vec::new();
        *entry(&mut list, "a") += 1;
        *entry(&mut list, "b") += 2;
        *entry(&mut list, "a") += 3;
        assert_eq!(list, [("a", 4), ("b", 2)]);
    }
}
