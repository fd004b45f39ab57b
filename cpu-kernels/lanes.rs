//! One vector register, as the micro-kernel sees it: three implementations of five operations.

/// A vector of `WIDTH` numbers.
pub(super) trait Lanes: Copy {
    /// Numbers in a vector.
    const WIDTH: usize;
    /// The same number in every lane.
    fn splat(value: f32) -> Self;
    /// `self · by + plus`, rounded once where the processor can.
    fn mul_add(self, by: Self, plus: Self) -> Self;
    /// `self + other`.
    fn plus(self, other: Self) -> Self;
    /// Reads `WIDTH` numbers.
    ///
    /// # Safety
    /// `from` points to `WIDTH` readable numbers.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes `WIDTH` numbers.
    ///
    /// # Safety
    /// `to` points to `WIDTH` writable numbers.
    unsafe fn store(self, to: *mut f32);
}

/// Eight numbers in whatever registers every processor of the target has.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 8]);

impl Lanes for Plain {
    const WIDTH: usize = 8;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Plain([value; 8])
    }

    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        // Without a fused instruction f32::mul_add is a slow library call.
        const FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
        Plain(std::array::from_fn(|i| match FUSED {
            true => self.0[i].mul_add(by.0[i], plus.0[i]),
            false => self.0[i] * by.0[i] + plus.0[i],
        }))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise; an array of f32 needs no more alignment than f32.
        Plain(unsafe { from.cast::<[f32; 8]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[f32; 8]>().write(self.0) }
    }
}

/// The x86-64 registers. The intrinsics are unsafe to call from code compiled for less than they need: these types are
/// used by the instances of the micro-kernel in `tile.rs` alone, which are compiled for their level and run by it only.
#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    impl Lanes for __m512 {
        const WIDTH: usize = 16;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: runs at Level::Avx512 only, as do the others below.
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        fn mul_add(self, by: Self, plus: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(self, by, plus) }
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_add_ps(self, other) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above, and the caller's promise.
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above, and the caller's promise.
            unsafe { _mm512_storeu_ps(to, self) }
        }
    }

    impl Lanes for __m256 {
        const WIDTH: usize = 8;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: runs at Level::Avx2 only, as do the others below.
            unsafe { _mm256_set1_ps(value) }
        }

        #[inline(always)]
        fn mul_add(self, by: Self, plus: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_fmadd_ps(self, by, plus) }
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_add_ps(self, other) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above, and the caller's promise.
            unsafe { _mm256_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above, and the caller's promise.
            unsafe { _mm256_storeu_ps(to, self) }
        }
    }
}
