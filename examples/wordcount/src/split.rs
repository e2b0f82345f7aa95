//! The input as byte ranges that can be read in parallel: [`SplitPlan`].

pub(crate) mod scanner;

use plugin_api::{
    Error, ErrorKind, FileKind, FileStatus, FileSystem, FileSystemExt, ListOptions, Location, Result,
};
use serde::{Deserialize, Serialize};

/// One input file in the version that the job reads from beginning to end, restarts included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputFile {
    /// Its location as text.
    pub(crate) uri: String,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// Its entity tag, or "" if the store has none.
    pub(crate) etag: String,
}

impl InputFile {
    /// What is known about the file, so that opening it costs no further request.
    pub(crate) fn status(&self) -> Result<FileStatus> {
        Ok(FileStatus::file(Location::parse(&self.uri)?, self.len).with_etag(self.etag.clone()))
    }
}

impl From<FileStatus> for InputFile {
    fn from(status: FileStatus) -> Self {
        Self {
            uri: status.location.to_string(),
            len: status.len,
            etag: status.etag,
        }
    }
}

/// A byte range of one file. A word belongs to the split in which its first byte lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// Index of the file in the plan.
    pub(crate) file: usize,
    /// First byte.
    pub(crate) start: u64,
    /// First byte behind it.
    pub(crate) end: u64,
}

/// The division of files into splits. The same files and split size always give the same splits, so
/// that a checkpoint refers to one by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SplitPlan {
    files: Vec<InputFile>,
    split_size: u64,
    /// The number of the first split of each file, and behind the last file the number of all.
    firsts: Vec<u64>,
}

impl SplitPlan {
    /// Divides `files` into ranges of `split_size` bytes, which must not be 0.
    pub(crate) fn new(files: Vec<InputFile>, split_size: u64) -> Self {
        let mut firsts = Vec::with_capacity(files.len() + 1);
        let mut count = 0;
        firsts.push(count);
        for file in &files {
            count += file.len.div_ceil(split_size);
            firsts.push(count);
        }
        Self {
            files,
            split_size,
            firsts,
        }
    }

    /// Looks at the input: a file, or every file below a directory in the order of their keys.
    pub(crate) async fn discover(input: &dyn FileSystem, at: &Location, split_size: u64) -> Result<Self> {
        let mut files = match input.status(at).await? {
            status if status.kind == FileKind::File => vec![status],
            _ => input.list_all(at, &ListOptions::recursive()).await?,
        };
        files.retain(FileStatus::is_file);
        files.sort_by(|a, b| a.location.cmp(&b.location));
        if files.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "the directory holds no files")
                .with_operation("read input")
                .with_path(at)
                .with_remedy("put text files there or give another --input"));
        }
        Ok(Self::new(
            files.into_iter().map(InputFile::from).collect(),
            split_size,
        ))
    }

    /// The files.
    pub(crate) fn files(&self) -> &[InputFile] {
        &self.files
    }

    /// Bytes of a split, except for the last one of each file.
    pub(crate) fn split_size(&self) -> u64 {
        self.split_size
    }

    /// How many splits there are.
    pub(crate) fn count(&self) -> u64 {
        self.firsts.last().copied().unwrap_or(0)
    }

    /// The split with this number.
    pub(crate) fn get(&self, number: u64) -> Option<Split> {
        if number >= self.count() {
            return None;
        }
        // Empty files share the number of their successor: take the last file that begins there.
        let file = self.firsts.partition_point(|&first| first <= number) - 1;
        let start = (number - self.firsts[file]) * self.split_size;
        Some(Split {
            file,
            start,
            end: (start + self.split_size).min(self.files[file].len),
        })
    }

    /// The length of all files in bytes.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn splits_cover_every_byte_of_every_file_exactly_once(
            lens in prop::collection::vec(0_u64..50, 0..8),
            split_size in 1_u64..20,
        ) {
            let files = lens.iter().map(|&len| InputFile { uri: String::new(), len, etag: String::new() });
            let plan = SplitPlan::new(files.collect(), split_size);
            let mut covered = vec![0; lens.len()];
            for number in 0..plan.count() {
                let split = plan.get(number).unwrap();
                prop_assert_eq!(covered[split.file], split.start);
                prop_assert!(split.start < split.end && split.end - split.start <= split_size);
                covered[split.file] = split.end;
            }
            prop_assert_eq!(&covered, &lens);
            prop_assert_eq!(plan.get(plan.count()), None);
            prop_assert_eq!(plan.total_bytes(), lens.iter().sum::<u64>());
        }
    }
}
