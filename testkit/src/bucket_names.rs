//! Which names a bucket may have.

use s3s::validation::{AwsNameValidation, NameValidation};

/// The names that S3 takes today, and those with `_` and capitals that it took long ago and that other stores
/// still take. Such a bucket is addressed in the path alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BucketNames;

impl NameValidation for BucketNames {
    fn validate_bucket_name(&self, name: &str) -> bool {
        let today = name.replace('_', "-").to_ascii_lowercase();
        AwsNameValidation::new().validate_bucket_name(&today)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_are_taken_and_nonsense_is_not() {
        for name in ["bucket", "my_bucket", "a.b-1", "UPPER.x_y"] {
            assert!(BucketNames.validate_bucket_name(name), "{name}");
        }
        for name in ["", "a", "a/b", "a..b", "192.168.0.1", "bücket"] {
            assert!(!BucketNames.validate_bucket_name(name), "{name}");
        }
    }
}
