//! [`PartPlan`]: how large each part of an upload is, and where a recovered writer goes on to number them.

use plugin_api::{Error, ErrorKind, Result};

use crate::settings::Settings;

/// Parts that one upload may have on Amazon S3.
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
/// when a recovery skips numbers. On a store with fewer parts the numbers count for as much more.
///
/// With equal parts all of them hold `base` bytes, so that an object has at most 10,000 × `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartPlan {
    base: u64,
    equal: bool,
    max_parts: u32,
}

impl PartPlan {
    /// The plan of a new file: what is configured, or larger parts if the file is expected to be so
    /// large that even parts are better.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the file is expected to be larger than equal parts of the
    /// configured size, or as many parts as the store allows, can make it.
    pub(crate) fn new(settings: &Settings, equal: bool, expected_len: u64) -> Result<Self> {
        let max_parts = settings.upload_max_parts;
        let even = expected_len.div_ceil(u64::from(max_parts));
        let largest = if equal {
            settings.upload_part_size
        } else {
            MAX_PART_SIZE
        };
        if even > largest {
            return Err(too_long(expected_len, largest, max_parts));
        }
        Ok(Self {
            base: settings.upload_part_size.max(even),
            equal,
            max_parts,
        })
    }

    /// The plan of an upload that was begun with parts of this size.
    pub(crate) fn resumed(settings: &Settings, base: u64, equal: bool) -> Self {
        Self {
            base: base.clamp(1, MAX_PART_SIZE),
            equal,
            max_parts: settings.upload_max_parts,
        }
    }

    /// The size of the first part.
    pub(crate) fn base(self) -> u64 {
        self.base
    }

    /// Whether all parts but the last have the same size.
    pub(crate) fn is_equal(self) -> bool {
        self.equal
    }

    /// The size of the part with this number, which counts from 1.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] beyond the last part that an upload may have.
    pub(crate) fn size_of(self, number: u32) -> Result<usize> {
        if number > self.max_parts {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "the file needs more than the {} parts that an upload may have",
                    self.max_parts
                ),
            )
            .with_remedy(REMEDY));
        }
        if self.equal {
            return Ok(self.base as usize);
        }
        let weight = u64::from(number) * u64::from(MAX_PARTS) / u64::from(self.max_parts);
        Ok(self.base.max(GROWTH * weight.pow(2)).min(MAX_PART_SIZE) as usize)
    }
}

const REMEDY: &str = "raise 's3.upload.min.part.size' or write several files";

fn too_long(len: u64, part: u64, max_parts: u32) -> Error {
    let needed = len.div_ceil(u64::from(max_parts));
    let message = format!("{len} bytes are more than {max_parts} parts of {part} bytes can hold");
    let error = Error::new(ErrorKind::InvalidInput, message);
    if needed > MAX_PART_SIZE {
        return error.with_remedy("write several files");
    }
    error.with_remedy(format!(
        "set 's3.upload.min.part.size' to {needed} bytes or more, or write several files"
    ))
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

/// A number some way above `last`, which is the writer's own, and `highest`, which is anybody's.
///
/// What another writer had in flight may arrive after it was looked for, even from a process that is dead,
/// and a number that both use would destroy the part of one of them. So a gap is left, wider than what one
/// stream has in flight: 64 numbers at first, and less as they run short, so that they suffice for hundreds
/// of recoveries. It grows by up to as much again, as `dice` say: two recoveries that have not seen each
/// other's parts shall not choose the same numbers. Gaps between part numbers are legal.
pub(super) fn number_clear_of(last: u32, highest: u32, max_parts: u32, dice: u32) -> u32 {
    const NARROWEST_GAP: u32 = 64;
    let highest = highest.max(last);
    if highest >= max_parts {
        return last + 1;
    }
    let gap = ((max_parts - highest) / 128).min(NARROWEST_GAP);
    highest + 1 + gap + dice % (gap + 1)
}

#[cfg(test)]
mod tests {
    use plugin_api::Config;

    use super::*;

    fn settings(part_size: u64, max_parts: u32, equal: bool) -> Settings {
        Settings::read(&Config::from_pairs([
            ("s3.upload.allow-small-parts", "true".to_owned()),
            ("s3.upload.min.part.size", part_size.to_string()),
            ("s3.upload.max.parts", max_parts.to_string()),
            ("s3.upload.equal-parts", equal.to_string()),
        ]))
        .unwrap()
    }

    fn planned(settings: &Settings, expected_len: u64) -> Result<PartPlan> {
        PartPlan::new(settings, settings.upload_equal_parts, expected_len)
    }

    fn growing(part_size: u64, expected_len: u64) -> PartPlan {
        planned(&settings(part_size, MAX_PARTS, false), expected_len).unwrap()
    }

    fn total(plan: PartPlan) -> u64 {
        (1..=plan.max_parts)
            .map(|number| plan.size_of(number).unwrap() as u64)
            .sum()
    }

    #[test]
    fn ten_thousand_parts_reach_5_tib_from_any_base_and_none_exceeds_5_gib() {
        for base in [1, 64 << 10, 5 << 20, 64 << 20, 5 << 30] {
            let plan = growing(base, 0);
            assert_eq!(plan.base(), base);
            assert_eq!(plan.size_of(1).unwrap() as u64, base.max(17));
            assert!(total(plan) >= MAX_OBJECT_SIZE, "base {base}");
            assert!(plan.size_of(MAX_PARTS).unwrap() as u64 <= MAX_PART_SIZE);
        }
        assert_eq!(growing(5 << 20, 0).size_of(555).unwrap(), 5 << 20);
    }

    #[test]
    fn an_expected_length_spreads_over_even_parts() {
        let plan = growing(5 << 20, 1 << 40);
        assert_eq!(plan.base(), (1_u64 << 40).div_ceil(10_000));
    }

    #[test]
    fn fewer_parts_grow_faster_and_never_beyond_5_gib() {
        for (parts, reached) in [(10, 5 << 30), (1_000, 500 << 30)] {
            let plan = planned(&settings(5 << 20, parts, false), 0).unwrap();
            assert!(total(plan) > reached, "{parts} parts hold {} bytes", total(plan));
            assert!(plan.size_of(parts + 1).is_err());
        }
        let few = settings(5 << 20, 10, false);
        assert_eq!(planned(&few, 40 << 30).unwrap().base(), 4 << 30);
        let error = planned(&few, 51 << 30).unwrap_err();
        assert_eq!(
            (error.kind(), error.remedy()),
            (ErrorKind::InvalidInput, "write several files")
        );
    }

    #[test]
    fn equal_parts_never_grow_and_what_they_cannot_hold_is_refused_with_the_size_that_can() {
        let equal = settings(5 << 20, MAX_PARTS, true);
        let plan = planned(&equal, 0).unwrap();
        for number in [1, 555, 556, MAX_PARTS] {
            assert_eq!(plan.size_of(number).unwrap(), 5 << 20);
        }
        assert!(plan.size_of(MAX_PARTS + 1).is_err());
        let most = (5 << 20) * u64::from(MAX_PARTS);
        assert!(planned(&equal, most).is_ok());
        let error = planned(&equal, most + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(
            error
                .remedy()
                .contains("'s3.upload.min.part.size' to 5242881 bytes"),
            "{error}"
        );
        assert!(planned(&settings(5_242_881, MAX_PARTS, true), most + 1).is_ok());
    }

    #[test]
    fn what_no_store_takes_is_refused() {
        let error = growing(1, 0).size_of(MAX_PARTS + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(check_object_size(MAX_OBJECT_SIZE).is_ok());
        let error = check_object_size(MAX_OBJECT_SIZE + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn numbers_after_recovery_clear_what_may_be_in_flight_and_last_for_hundreds_of_recoveries() {
        for dice in [0, 1, 64, 1000, u32::MAX] {
            assert!(number_clear_of(0, 7, MAX_PARTS, dice) > 7 + 64);
            let (mut highest, mut recoveries) = (1, 0);
            while highest < MAX_PARTS {
                let next = number_clear_of(0, highest, MAX_PARTS, dice);
                assert!(next > highest && next <= MAX_PARTS);
                highest = next;
                recoveries += 1;
            }
            assert!(recoveries > 250, "{recoveries}");
            assert_eq!(number_clear_of(0, MAX_PARTS, MAX_PARTS, dice), 1);
            assert_eq!(number_clear_of(0, 4, 10, dice), 5);
        }
        assert_ne!(
            number_clear_of(0, 7, MAX_PARTS, 3),
            number_clear_of(0, 7, MAX_PARTS, 4)
        );
    }
}
