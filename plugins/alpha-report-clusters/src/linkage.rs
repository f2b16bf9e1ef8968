//! Hierarchical clustering: average and Ward linkage by the nearest-neighbour chain, in time and memory of n².
//!
//! The same merges as `scipy.cluster.hierarchy.linkage` where no two distances are equal; where some are, as there, one
//! of several right trees.

#[cfg(test)]
mod tests;

/// How far two groups are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The mean distance of their members.
    Average,
    /// What merging them adds to the variance within; the distances must be Euclidean.
    Ward,
}

/// Two groups becoming one. Leaves are the groups 0 to n-1, the result of merge `i` is the group n+i.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The group with the lower number.
    pub left: usize,
    /// The other one.
    pub right: usize,
    /// Distance at which they merge.
    pub height: f64,
}

/// A tree of merges, by rising height.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    leaves: usize,
    merges: Vec<Merge>,
}

impl Tree {
    /// Clusters `leaves` things; `distance(i, j)` is asked for i < j and must be finite and not negative. `None` if one
    /// is not.
    pub fn build(leaves: usize, method: Method, distance: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let mut matrix = vec![0.0; leaves * leaves];
        for i in 0..leaves {
            for j in i + 1..leaves {
                let apart = distance(i, j);
                if !(apart.is_finite() && apart >= 0.0) {
                    return None;
                }
                (matrix[i * leaves + j], matrix[j * leaves + i]) = (apart, apart);
            }
        }
        Some(Self { leaves, merges: numbered(leaves, chain(leaves, method, &mut matrix)) })
    }

    /// The merges, by rising height.
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// For each leaf the number of its group if nothing above `height` merges; groups count from 0 in the order of
    /// their first leaves.
    pub fn cut(&self, height: f64) -> Vec<usize> {
        let mut groups: Vec<Vec<usize>> = (0..self.leaves).map(|leaf| vec![leaf]).collect();
        for merge in &self.merges {
            // Left empty where it is not merged, for it is above the cut and whatever holds it is too.
            let mut members = Vec::new();
            if merge.height <= height {
                members = std::mem::take(&mut groups[merge.left]);
                members.append(&mut groups[merge.right]);
            }
            groups.push(members);
        }
        let mut labels = vec![0; self.leaves];
        let mut present: Vec<Vec<usize>> = groups.into_iter().filter(|members| !members.is_empty()).collect();
        present.iter_mut().for_each(|members| members.sort_unstable());
        present.sort_unstable();
        for (label, members) in present.into_iter().enumerate() {
            members.into_iter().for_each(|leaf| labels[leaf] = label);
        }
        labels
    }

    /// The leaves in an order in which every group stands together.
    pub fn order(&self) -> Vec<usize> {
        let mut open: Vec<usize> = (0..self.leaves + self.merges.len()).rev().take(1).collect();
        let mut order = Vec::with_capacity(self.leaves);
        while let Some(group) = open.pop() {
            match group.checked_sub(self.leaves) {
                None => order.push(group),
                Some(merge) => open.extend([self.merges[merge].right, self.merges[merge].left]),
            }
        }
        order
    }
}

/// A merge of two groups, each known by one of its leaves.
struct Joined(usize, usize, f64);

/// The nearest-neighbour chain: from any group to its nearest one and on, until two are each other's nearest. Both
/// methods are reducible, so merging these at once never takes away an earlier merge.
fn chain(leaves: usize, method: Method, matrix: &mut [f64]) -> Vec<Joined> {
    let mut sizes = vec![1_usize; leaves];
    let (mut chain, mut joined): (Vec<usize>, Vec<Joined>) = (Vec::new(), Vec::new());
    while joined.len() + 1 < leaves {
        if chain.is_empty() {
            chain.extend(sizes.iter().position(|size| *size > 0));
        }
        let Some(&last) = chain.last() else { break };
        let before = chain.len().checked_sub(2).map(|at| chain[at]);
        // Of equally near ones the one before, or the chain would run in circles.
        let mut nearest = before.map(|other| (other, matrix[last * leaves + other]));
        for other in (0..leaves).filter(|other| *other != last && sizes[*other] > 0) {
            let apart = matrix[last * leaves + other];
            if nearest.is_none_or(|(_, least)| apart < least) {
                nearest = Some((other, apart));
            }
        }
        let Some((other, apart)) = nearest else { break };
        if before != Some(other) {
            chain.push(other);
            continue;
        }
        chain.truncate(chain.len() - 2);
        let (gone, kept) = (last.min(other), last.max(other));
        for third in (0..leaves).filter(|third| ![gone, kept].contains(third) && sizes[*third] > 0) {
            let (one, two) = (matrix[third * leaves + gone], matrix[third * leaves + kept]);
            let counts = [sizes[gone], sizes[kept], sizes[third]].map(|size| size as f64);
            let now = updated(method, one, two, apart, counts);
            (matrix[third * leaves + kept], matrix[kept * leaves + third]) = (now, now);
        }
        sizes[kept] += sizes[gone];
        sizes[gone] = 0;
        joined.push(Joined(gone, kept, apart));
    }
    joined
}

/// Distance of a third group to the merger of two, by Lance and Williams; `one` and `two` are its distances to these,
/// `apart` that between them, `counts` the sizes of the two and of the third.
fn updated(method: Method, one: f64, two: f64, apart: f64, [first, second, third]: [f64; 3]) -> f64 {
    match method {
        Method::Average => (first * one + second * two) / (first + second),
        Method::Ward => {
            let sum = (third + first) * one * one + (third + second) * two * two - third * apart * apart;
            (sum / (third + first + second)).max(0.0).sqrt()
        }
    }
}

/// Puts merges in the order of their height and gives groups their numbers.
fn numbered(leaves: usize, mut joined: Vec<Joined>) -> Vec<Merge> {
    joined.sort_by(|a, b| a.2.total_cmp(&b.2));
    let mut parents: Vec<usize> = (0..leaves + joined.len()).collect();
    let mut merges = Vec::with_capacity(joined.len());
    for (at, Joined(one, two, height)) in joined.into_iter().enumerate() {
        let (one, two) = (root(&mut parents, one), root(&mut parents, two));
        (parents[one], parents[two]) = (leaves + at, leaves + at);
        merges.push(Merge { left: one.min(two), right: one.max(two), height });
    }
    merges
}

fn root(parents: &mut [usize], mut group: usize) -> usize {
    while parents[group] != group {
        parents[group] = parents[parents[group]];
        group = parents[group];
    }
    group
}
