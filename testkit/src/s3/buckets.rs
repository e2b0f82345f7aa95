//! Operations on buckets.

use s3s::S3Result;
use s3s::dto::{
    Bucket, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput,
    ListBucketsOutput, Owner,
};

use crate::store::Store;

/// The region whose buckets have no location constraint.
const DEFAULT_REGION: &str = "us-east-1";

pub(super) fn owner() -> Owner {
    Owner {
        display_name: Some("testkit".into()),
        id: Some("testkit".into()),
    }
}

pub(super) fn list(store: &Store) -> ListBucketsOutput {
    let bucket = |(name, created): (String, crate::object::Millis)| Bucket {
        bucket_region: Some(store.settings().region_of(&name).to_owned()),
        creation_date: Some(created.timestamp()),
        name: Some(name),
    };
    ListBucketsOutput {
        buckets: Some(store.bucket_names().into_iter().map(bucket).collect()),
        owner: Some(owner()),
        ..ListBucketsOutput::default()
    }
}

pub(super) fn create(store: &Store, input: &CreateBucketInput) -> S3Result<CreateBucketOutput> {
    store.make_bucket(&input.bucket)?;
    Ok(CreateBucketOutput {
        location: Some(format!("/{}", input.bucket)),
    })
}

pub(super) fn delete(store: &Store, input: &DeleteBucketInput) -> S3Result<DeleteBucketOutput> {
    store.remove_bucket(&input.bucket)?;
    Ok(DeleteBucketOutput::default())
}

pub(super) fn head(store: &Store, input: &HeadBucketInput) -> S3Result<HeadBucketOutput> {
    drop(store.bucket(&input.bucket)?);
    Ok(HeadBucketOutput {
        bucket_region: Some(store.settings().region_of(&input.bucket).to_owned()),
        ..HeadBucketOutput::default()
    })
}

pub(super) fn location(store: &Store, input: &GetBucketLocationInput) -> S3Result<GetBucketLocationOutput> {
    drop(store.bucket(&input.bucket)?);
    let region = store.settings().region_of(&input.bucket).to_owned();
    let location_constraint = (region != DEFAULT_REGION).then(|| BucketLocationConstraint::from(region));
    Ok(GetBucketLocationOutput { location_constraint })
}
