//! What a store that deviates leaves out of requests and answers.

use http::HeaderMap;
use s3s::dto::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput,
    CreateMultipartUploadInput, DeleteObjectInput, ETag, GetObjectInput, HeadObjectInput, ListPartsOutput,
    PutObjectInput, UploadPartCopyInput, UploadPartInput,
};

use crate::deviations::{Checksums, Conditions, Deviations, EntityTags};

/// The five checksums of an input or output.
macro_rules! forget_checksums {
    ($of:expr) => {
        $of.checksum_crc32 = None;
        $of.checksum_crc32c = None;
        $of.checksum_crc64nvme = None;
        $of.checksum_sha1 = None;
        $of.checksum_sha256 = None;
    };
}

/// The same with the algorithm that is announced.
macro_rules! forget_sent_checksums {
    ($of:expr) => {
        forget_checksums!($of);
        $of.checksum_algorithm = None;
    };
}

macro_rules! forget_encryption {
    ($of:expr) => {
        $of.server_side_encryption = None;
        $of.ssekms_key_id = None;
        $of.ssekms_encryption_context = None;
        $of.bucket_key_enabled = None;
    };
}

macro_rules! forget_copy_conditions {
    ($of:expr) => {
        $of.copy_source_if_match = None;
        $of.copy_source_if_none_match = None;
        $of.copy_source_if_modified_since = None;
        $of.copy_source_if_unmodified_since = None;
    };
}

impl Deviations {
    fn keeps_checksums(&self) -> bool {
        self.checksums == Checksums::Verified
    }

    pub(super) fn put(&self, input: &mut PutObjectInput) {
        if self.put_conditions == Conditions::Overlooked {
            (input.if_match, input.if_none_match) = (None, None);
        }
        if !self.keeps_checksums() {
            forget_sent_checksums!(input);
        }
        if self.no_encryption {
            forget_encryption!(input);
        }
    }

    pub(super) fn upload_part(&self, input: &mut UploadPartInput) {
        if !self.keeps_checksums() {
            forget_sent_checksums!(input);
        }
    }

    pub(super) fn create_upload(&self, input: &mut CreateMultipartUploadInput) {
        if !self.keeps_checksums() {
            (input.checksum_algorithm, input.checksum_type) = (None, None);
        }
        if self.no_encryption {
            forget_encryption!(input);
        }
    }

    pub(super) fn complete_upload(&self, input: &mut CompleteMultipartUploadInput) {
        if self.complete_conditions == Conditions::Overlooked {
            (input.if_match, input.if_none_match) = (None, None);
        }
        if !self.keeps_checksums() {
            forget_checksums!(input);
            input.checksum_type = None;
        }
    }

    pub(super) fn completed(&self, output: &mut CompleteMultipartUploadOutput) {
        if !self.keeps_checksums() {
            forget_checksums!(output);
            output.checksum_type = None;
        }
        if self.entity_tags == EntityTags::Weakened {
            output.e_tag = Some(ETag::Strong("null".to_owned()));
        }
    }

    /// The conditions on the target are only among the headers.
    pub(super) fn copy(&self, input: &mut CopyObjectInput, headers: &mut HeaderMap) {
        if self.put_conditions == Conditions::Overlooked {
            headers.remove(http::header::IF_MATCH);
            headers.remove(http::header::IF_NONE_MATCH);
        }
        if self.copy_conditions == Conditions::Overlooked {
            forget_copy_conditions!(input);
        }
        if !self.keeps_checksums() {
            input.checksum_algorithm = None;
        }
        if self.no_encryption {
            forget_encryption!(input);
        }
    }

    pub(super) fn copied(&self, output: &mut CopyObjectOutput) {
        let Some(result) = &mut output.copy_object_result else {
            return;
        };
        if !self.keeps_checksums() {
            forget_checksums!(result);
            result.checksum_type = None;
        }
        if self.entity_tags == EntityTags::Weakened {
            result.e_tag = Some(ETag::Strong(String::new()));
        }
    }

    pub(super) fn copy_part(&self, input: &mut UploadPartCopyInput) {
        if self.copy_conditions == Conditions::Overlooked {
            forget_copy_conditions!(input);
        }
    }

    pub(super) fn get(&self, input: &mut GetObjectInput) {
        if !self.keeps_checksums() {
            input.checksum_mode = None;
        }
    }

    pub(super) fn head(&self, input: &mut HeadObjectInput) {
        if !self.keeps_checksums() {
            input.checksum_mode = None;
        }
    }

    pub(super) fn delete(&self, input: &mut DeleteObjectInput) {
        if self.delete_conditions == Conditions::Overlooked {
            input.if_match = None;
        }
    }

    pub(super) fn listed_parts(&self, output: &mut ListPartsOutput) {
        if !self.keeps_checksums() {
            (output.checksum_algorithm, output.checksum_type) = (None, None);
            for part in output.parts.iter_mut().flatten() {
                forget_checksums!(part);
            }
        }
    }
}
