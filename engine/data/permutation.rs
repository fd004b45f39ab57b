//! The order of samples.

use crate::graph::random::philox;

/// The last word of the counter keeps these draws apart from those of weights and random nodes.
const DOMAIN: u32 = 2;

/// The numbers 0 to `count` − 1 in an order that depends on `seed` and `epoch` alone (Fisher and Yates).
pub(crate) fn permutation(count: usize, seed: u64, epoch: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    for i in (1..count).rev() {
        let [word, ..] = philox([i as u32, epoch, 0, DOMAIN], [seed as u32, (seed >> 32) as u32]);
        let j = (u64::from(word) * (i as u64 + 1)) >> 32;
        order.swap(i, j as usize);
    }
    order
}

/// Blocks whose rows are mixed with each other: so many may have to be in memory at once.
pub(crate) const BLOCKS_TOGETHER: usize = 16;

/// [`permutation`] of rows of which `block` neighbours are read as one: the blocks are permuted, and then the rows of each
/// [`BLOCKS_TOGETHER`] of them.
pub(crate) fn shuffled(count: usize, block: usize, seed: u64, epoch: u32) -> Vec<u32> {
    if block <= 1 || block >= count {
        return permutation(count, seed, epoch);
    }
    let blocks = permutation(count.div_ceil(block), seed, epoch);
    let rows_of =
        |&number: &u32| (number as usize * block) as u32..((number as usize + 1) * block).min(count) as u32;
    let mut order = Vec::with_capacity(count);
    for (window, blocks) in blocks.chunks(BLOCKS_TOGETHER).enumerate() {
        let rows: Vec<u32> = blocks.iter().flat_map(rows_of).collect();
        // Windows of one epoch draw differently: the first word of the seed tells them apart.
        let within = permutation(rows.len(), seed ^ (window as u64 + 1), epoch);
        order.extend(within.into_iter().map(|i| rows[i as usize]));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{BLOCKS_TOGETHER, permutation, shuffled};

    #[test]
    fn shuffled_blocks_hold_each_row_once_and_stay_together() {
        let (count, block) = (1003, 5);
        let order = shuffled(count, block, 7, 3);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..count as u32));
        assert_ne!(order, shuffled(count, block, 7, 4));
        for window in order.chunks(block * BLOCKS_TOGETHER) {
            let blocks: std::collections::BTreeSet<u32> =
                window.iter().map(|row| row / block as u32).collect();
            // The last, smaller block shifts the windows behind it by some rows.
            assert!(blocks.len() <= 2 * BLOCKS_TOGETHER, "{}", blocks.len());
        }
        assert_eq!(shuffled(count, 1, 7, 3), permutation(count, 7, 3));
    }

    #[test]
    fn an_order_holds_each_sample_once() {
        let order = permutation(1000, 7, 3);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..1000));
        assert_eq!(order, permutation(1000, 7, 3));
        assert_ne!(order, permutation(1000, 7, 4));
        assert_ne!(order, permutation(1000, 8, 3));
        assert_eq!(permutation(1, 0, 0), [0]);
    }

    /// Each of the 24 orders of four within five standard errors of its share.
    #[test]
    fn all_orders_are_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for epoch in 0..24_000 {
            *counts.entry(permutation(4, 1, epoch)).or_insert(0.0) += 1.0;
        }
        assert_eq!(counts.len(), 24);
        let deviation = (24_000.0_f64 * (1.0 / 24.0) * (23.0 / 24.0)).sqrt();
        assert!(counts.values().all(|&n: &f64| (n - 1000.0).abs() <= 5.0 * deviation), "{counts:?}");
    }
}
