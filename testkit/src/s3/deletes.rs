//! `DeleteObject` and `DeleteObjects`.

use s3s::S3Result;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETagCondition, Error,
};

use crate::conditions::WriteConditions;
use crate::errors;
use crate::store::Store;

/// Most keys of one request.
const MAX_KEYS: usize = 1000;

/// Most bytes of a key.
const MAX_KEY: usize = 1024;

pub(super) fn one(store: &Store, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
    let conditions = WriteConditions {
        if_match: input.if_match,
        if_none_match: None,
    };
    store.delete_object(&input.bucket, &input.key, |existing| conditions.check(existing))?;
    Ok(DeleteObjectOutput::default())
}

pub(super) fn many(store: &Store, input: DeleteObjectsInput) -> S3Result<DeleteObjectsOutput> {
    if input.delete.objects.is_empty() || input.delete.objects.len() > MAX_KEYS {
        return Err(errors::malformed_xml());
    }
    drop(store.bucket(&input.bucket)?);
    let quiet = input.delete.quiet.unwrap_or(false);
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for object in input.delete.objects {
        let if_match = object.e_tag.map(ETagCondition::ETag);
        let conditions = WriteConditions {
            if_match,
            if_none_match: None,
        };
        let result = if object.key.len() > MAX_KEY {
            Err(errors::key_too_long())
        } else {
            store.delete_object(&input.bucket, &object.key, |existing| conditions.check(existing))
        };
        match result {
            Ok(_) if quiet => {}
            Ok(_) => deleted.push(DeletedObject {
                key: Some(object.key),
                ..DeletedObject::default()
            }),
            Err(error) => failed.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key),
                message: error.message().map(str::to_owned),
                version_id: None,
            }),
        }
    }
    Ok(DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(failed),
        request_charged: None,
    })
}
