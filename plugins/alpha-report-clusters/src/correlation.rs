//! Pearson's correlation of all pairs of some columns.

use forensic_plugin_kit::stats;

/// Below this standard deviation a column does not vary.
const STILL: f64 = 1e-12;

/// Whether a column has two known values that differ.
pub fn varies(values: &[f64]) -> bool {
    let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    stats::sample_sd(&known).is_some_and(|sd| sd > STILL)
}

/// A symmetric matrix of correlations; each over the rows where both are known.
#[derive(Debug, Clone)]
pub struct Correlations {
    size: usize,
    /// NaN where it is not known.
    values: Vec<f64>,
}

impl Correlations {
    /// Of all pairs of `columns`, which are of one length.
    pub fn of(columns: &[&[f64]]) -> Self {
        let size = columns.len();
        let mut values = vec![f64::NAN; size * size];
        // Without gaps a correlation is a product of columns of length 1, many times cheaper.
        let directions: Vec<Option<Vec<f64>>> = columns.iter().map(|column| direction(column)).collect();
        for i in 0..size {
            for j in i..size {
                let value = match (&directions[i], &directions[j]) {
                    _ if i == j => {
                        if varies(columns[i]) {
                            1.0
                        } else {
                            f64::NAN
                        }
                    }
                    (Some(one), Some(other)) => {
                        let product: f64 = one.iter().zip(other).map(|(a, b)| a * b).sum();
                        product.clamp(-1.0, 1.0)
                    }
                    _ => stats::pearson(columns[i], columns[j]).unwrap_or(f64::NAN),
                };
                (values[i * size + j], values[j * size + i]) = (value, value);
            }
        }
        Self { size, values }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.size
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Of one pair; `None` if it is not known.
    pub fn get(&self, one: usize, other: usize) -> Option<f64> {
        Some(self.values[one * self.size + other]).filter(|value| value.is_finite())
    }

    /// All of a row; NaN where it is not known.
    pub fn row(&self, at: usize) -> &[f64] {
        &self.values[at * self.size..(at + 1) * self.size]
    }

    /// Mean over all pairs that are known, and how many are not; `None` if none is.
    pub fn mean(&self) -> (Option<f64>, usize) {
        let pairs = (0..self.size).flat_map(|one| (one + 1..self.size).map(move |other| (one, other)));
        let all: Vec<Option<f64>> = pairs.map(|(one, other)| self.get(one, other)).collect();
        let known: Vec<f64> = all.iter().copied().flatten().collect();
        (stats::mean(&known), all.len() - known.len())
    }

    /// Columns of which every pair is known: what is left after taking away, one by one, the column with the most
    /// unknown ones, the last of several.
    pub fn complete(&self) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..self.size).collect();
        loop {
            let unknown = |one: usize| kept.iter().filter(|other| self.get(one, **other).is_none()).count();
            let worst = kept.iter().copied().max_by_key(|one| unknown(*one)).filter(|one| unknown(*one) > 0);
            let Some(worst) = worst else { return kept };
            kept.retain(|one| *one != worst);
        }
    }
}

/// A column less its mean, of length 1; `None` if it has gaps or does not vary.
fn direction(values: &[f64]) -> Option<Vec<f64>> {
    if !values.iter().all(|value| value.is_finite()) || !varies(values) {
        return None;
    }
    let mean = stats::mean(values)?;
    let off: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let length = off.iter().map(|value| value * value).sum::<f64>().sqrt();
    length.is_finite().then(|| off.iter().map(|value| value / length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn still_columns_have_no_correlation_and_leave_first() {
        let (up, down, still) = ([0.1, 0.2, 0.4], [0.3, 0.1, -0.3], [0.1, 0.1, 0.1]);
        assert!(varies(&up) && !varies(&still) && !varies(&[f64::NAN, 0.1]));
        let all = Correlations::of(&[&up, &still, &down]);
        assert_eq!((all.get(0, 1), all.get(1, 1)), (None, None));
        assert!(all.get(0, 2).is_some_and(|value| (value + 1.0).abs() < 1e-12));
        assert_eq!(all.complete(), [0, 2]);
        let (mean, unknown) = all.mean();
        assert!((mean.unwrap() + 1.0).abs() < 1e-12 && unknown == 2);
    }

    proptest! {
        #[test]
        fn the_short_way_gives_what_pearson_gives(
            rows in proptest::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64), 3..60), gap in 0..60_usize
        ) {
            let column = |of: fn(&(f64, f64, f64)) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
            let (a, b, mut c) = (column(|row| row.0), column(|row| row.1), column(|row| row.2));
            if let Some(value) = c.get_mut(gap) {
                *value = f64::NAN;
            }
            let columns = [a.as_slice(), &b, &c];
            let all = Correlations::of(&columns);
            for (i, one) in columns.iter().enumerate() {
                for (j, other) in columns.iter().enumerate() {
                    let expected = stats::pearson(one, other).unwrap_or(f64::NAN);
                    prop_assert!((all.get(i, j).unwrap_or(f64::NAN) - expected).abs() < 1e-9);
                    prop_assert_eq!(all.get(i, j), all.get(j, i));
                }
            }
        }
    }
}
