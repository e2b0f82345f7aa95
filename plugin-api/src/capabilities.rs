//! [`Capabilities`]: what a file system promises beyond the basics.

bitflags::bitflags! {
    /// What a file system promises beyond the basics.
    ///
    /// A caller may rely on a flag that is set; the conformance suite runs the cases of a flag only
    /// where it is set and fails a file system that claims what it does not do. Bits that this
    /// build does not know are kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Capabilities: u64 {
        /// `create` without overwriting is atomic: of two racing writers exactly one wins.
        const ATOMIC_CREATE = 1 << 0;
        /// `rename` of a file is atomic.
        const ATOMIC_RENAME = 1 << 1;
        /// `rename` accepts a directory.
        const RENAME_DIRECTORY = 1 << 2;
        /// Directories exist by themselves: `mkdirs` makes one that `status` sees.
        const REAL_DIRECTORIES = 1 << 3;
        /// Open streams are pinned to the version they were opened on.
        const PINNED_READS = 1 << 4;
        /// `recoverable_writer` works.
        const RECOVERABLE_WRITER = 1 << 5;
        /// `recoverable_writer().recover` continues a stream (not only commits it).
        const RECOVERABLE_RESUME = 1 << 6;
        /// `bulk_copy` works.
        const BULK_COPY = 1 << 7;
        /// Listings may be recursive at the cost of a flat one.
        const RECURSIVE_LIST = 1 << 8;
        /// Open uploads can be listed and aborted.
        const PENDING_UPLOADS = 1 << 9;
        /// Nothing below a path can be seen before it is published.
        const ATOMIC_PUBLISH = 1 << 10;
        /// `recoverable_writer().verify` works.
        const RECOVERABLE_VERIFY = 1 << 11;
        const _ = !0;
    }
}
