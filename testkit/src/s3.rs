//! The operations of S3 on the store. What is not here answers 501.

mod buckets;
mod copies;
mod deletes;
mod fields;
mod lists;
mod multipart;
mod overlooked;
mod reads;
mod upload_lists;
mod writes;

use async_trait::async_trait;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, GetBucketLocationInput,
    GetBucketLocationOutput, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput,
    HeadObjectInput, HeadObjectOutput, ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    ListPartsInput, ListPartsOutput, PutObjectInput, PutObjectOutput, UploadPartCopyInput,
    UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result};

use crate::deviations::Deviations;
use crate::faults::Overlook;
use crate::store::Store;

/// The backend of the protocol layer.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) store: Store,
}

impl Backend {
    fn deviations(&self) -> &Deviations {
        &self.store.settings().deviations
    }
}

/// Forwards an operation to the function that does it.
macro_rules! forward {
    ($self:ident, $function:path, $input:expr) => {
        $function(&$self.store, $input).map(S3Response::new)
    };
}

#[async_trait]
impl S3 for Backend {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        Ok(S3Response::new(buckets::list(&self.store)))
    }

    async fn create_bucket(
        &self,
        r: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        forward!(self, buckets::create, &r.input)
    }

    async fn delete_bucket(
        &self,
        r: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        forward!(self, buckets::delete, &r.input)
    }

    async fn head_bucket(&self, r: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        forward!(self, buckets::head, &r.input)
    }

    async fn get_bucket_location(
        &self,
        r: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        forward!(self, buckets::location, &r.input)
    }

    async fn get_object(&self, mut r: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        if let Some(overlook) = r.extensions.get::<Overlook>().copied() {
            reads::overlook(&mut r.input, overlook);
        }
        self.deviations().get(&mut r.input);
        forward!(self, reads::get, r.input)
    }

    async fn head_object(&self, mut r: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.deviations().head(&mut r.input);
        reads::head(&self.store, r.input)
    }

    async fn put_object(&self, mut r: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.deviations().put(&mut r.input);
        writes::put(&self.store, r).await.map(S3Response::new)
    }

    async fn copy_object(&self, mut r: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        self.deviations().copy(&mut r.input, &mut r.headers);
        let mut copied = copies::object(&self.store, r)?;
        self.deviations().copied(&mut copied.output);
        Ok(copied)
    }

    async fn delete_object(
        &self,
        mut r: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.deviations().delete(&mut r.input);
        forward!(self, deletes::one, r.input)
    }

    async fn delete_objects(
        &self,
        r: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        forward!(self, deletes::many, r.input)
    }

    async fn list_objects(&self, r: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        forward!(self, lists::v1, r.input)
    }

    async fn list_objects_v2(
        &self,
        r: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        forward!(self, lists::v2, r.input)
    }

    async fn create_multipart_upload(
        &self,
        mut r: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.deviations().create_upload(&mut r.input);
        forward!(self, multipart::create, r.input)
    }

    async fn upload_part(&self, mut r: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        self.deviations().upload_part(&mut r.input);
        multipart::part(&self.store, r).await.map(S3Response::new)
    }

    async fn upload_part_copy(
        &self,
        mut r: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.deviations().copy_part(&mut r.input);
        forward!(self, copies::part, r.input)
    }

    async fn complete_multipart_upload(
        &self,
        mut r: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.deviations().complete_upload(&mut r.input);
        let mut completed = multipart::complete(&self.store, r.input)?;
        self.deviations().completed(&mut completed);
        Ok(S3Response::new(completed))
    }

    async fn abort_multipart_upload(
        &self,
        r: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        forward!(self, multipart::abort, &r.input)
    }

    async fn list_parts(&self, r: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let mut listed = upload_lists::parts(&self.store, &r.input)?;
        self.deviations().listed_parts(&mut listed);
        Ok(S3Response::new(listed))
    }

    async fn list_multipart_uploads(
        &self,
        r: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        forward!(self, upload_lists::uploads, r.input)
    }
}
