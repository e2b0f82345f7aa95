//! [`PartPlan`]: how large each part of an upload is.

use plugin_api::{Error, ErrorKind, Result};

/// Parts that one upload may have.
pub(crate) const MAX_PARTS: u32 = 10_000;

/// Bytes that one object may have: 5 TiB.
pub(crate) const MAX_OBJECT_SIZE: u64 = 5 << 40;

/// The largest part, and the largest object of one `PutObject`: 5 GiB.
const MAX_PART_SIZE: u64 = 5 << 30;

/// Bytes by which the square of the part number grows a part: 17 × (1² + … + 10,000²) is 5.15 TiB.
const GROWTH: u64 = 17;

/// How large each part of an upload is.
///
/// Part *n* holds `max(base, 17 × n²)` bytes. So the parts keep the configured size for the first
/// few gigabytes (5 MiB up to part 555), when memory and the time to the first byte count most, and
/// 10,000 of them reach 5 TiB: the last one holds 1.6 GiB. The size depends on the number alone, also
/// when a recovery skips numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartPlan {
    base: u64,
}

impl PartPlan {
    /// A plan whose first part has this size, or more if the file is expected to be so large that
    /// even parts are better.
    pub(crate) fn new(base: u64, expected_len: u64) -> Self {
        let even = expected_len.div_ceil(u64::from(MAX_PARTS));
        Self {
            base: base.max(even).clamp(1, MAX_PART_SIZE),
        }
    }

    /// The size of the first part.
    pub(crate) fn base(self) -> u64 {
        self.base
    }

    /// The size of the part with this number, which counts from 1.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] beyond the last part that an upload may have.
    pub(crate) fn size_of(self, number: u32) -> Result<usize> {
        if number > MAX_PARTS {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the file needs more than the 10,000 parts that an upload may have",
            )
            .with_remedy("raise 's3.upload.min.part.size' or write several files"));
        }
        Ok(self.base.max(GROWTH * u64::from(number).pow(2)) as usize)
    }
}

/// Refuses a file of more than 5 TiB before any of the excess is sent.
pub(crate) fn check_object_size(len: u64) -> Result<()> {
    if len <= MAX_OBJECT_SIZE {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("{len} bytes are more than the 5 TiB that an object may have"),
    )
    .with_remedy("write several files"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(plan: PartPlan) -> u64 {
        (1..=MAX_PARTS)
            .map(|number| plan.size_of(number).unwrap() as u64)
            .sum()
    }

    #[test]
    fn ten_thousand_parts_reach_5_tib_from_any_base_and_none_exceeds_5_gib() {
        for base in [1, 64 << 10, 5 << 20, 64 << 20, 5 << 30] {
            let plan = PartPlan::new(base, 0);
            assert_eq!(plan.base(), base);
            assert_eq!(plan.size_of(1).unwrap() as u64, base.max(17));
            assert!(total(plan) >= MAX_OBJECT_SIZE, "base {base}");
            assert!(plan.size_of(MAX_PARTS).unwrap() as u64 <= MAX_PART_SIZE);
        }
        assert_eq!(PartPlan::new(5 << 20, 0).size_of(555).unwrap(), 5 << 20);
    }

    #[test]
    fn an_expected_length_spreads_over_even_parts() {
        let plan = PartPlan::new(5 << 20, 1 << 40);
        assert_eq!(plan.base(), (1_u64 << 40).div_ceil(10_000));
        assert_eq!(PartPlan::new(5 << 20, u64::MAX).base(), MAX_PART_SIZE);
    }

    #[test]
    fn what_no_store_takes_is_refused() {
        let error = PartPlan::new(1, 0).size_of(MAX_PARTS + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(check_object_size(MAX_OBJECT_SIZE).is_ok());
        let error = check_object_size(MAX_OBJECT_SIZE + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
