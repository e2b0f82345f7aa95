//! The traits of this crate as stable vtables.
//!
//! Rules of growth: a method is only ever appended, behind the last `last_prefix_field`, with a
//! default body that answers "unsupported"; a signature never changes. `tests/abi_layout.rs`
//! compares the outcome with a golden file.

use abi_stable::sabi_trait;
use abi_stable::std_types::{RArc, RBox, ROption, RSlice, RSliceMut, RStr, RString, RVec};
use abi_stable::{StableAbi, std_types::Tuple2};

use super::chunk::Chunk;
use super::error::{WireError, WireResult};
use super::future::{WireFuture, unsupported};
use super::wire::{
    ByteRange, Create, Diagnose, Extension, List, LocationBuf, LocationRef, Open, Pair, PairRef, Status,
};

/// [`FileSystemFactory`](crate::FileSystemFactory) on the wire.
#[sabi_trait]
pub trait FactoryAbi: Send + Sync + 'static {
    fn create<'a>(
        &'a self,
        root: LocationRef<'a>,
        config: RSlice<'a, PairRef<'a>>,
    ) -> WireFuture<'a, FileSystemAbi_TO<RBox<()>>>;
    fn delegation_token_provider(
        &self,
        config: RSlice<'_, PairRef<'_>>,
    ) -> WireResult<ROption<TokenProviderAbi_TO<RBox<()>>>>;
    fn delegation_token_receiver(&self) -> WireResult<ROption<TokenReceiverAbi_TO<RBox<()>>>>;
    fn telemetry_changed(&self);
    #[sabi(last_prefix_field)]
    fn shutdown(&self, deadline_ms: u64) -> WireFuture<'_, ()>;
    fn diagnose<'a>(
        &'a self,
        root: LocationRef<'a>,
        config: RSlice<'a, PairRef<'a>>,
        options: Diagnose<'a>,
    ) -> WireFuture<'a, RVec<ProbeBuf>> {
        let _ = (root, config, options);
        unsupported("diagnoses of its own")
    }
}

/// A [`Probe`](crate::Probe) on the wire: `outcome` says which, and `error` is there if it failed.
#[repr(C)]
#[derive(StableAbi)]
pub struct ProbeBuf {
    pub(super) stage: RString,
    pub(super) outcome: u32,
    pub(super) found: RString,
    pub(super) remedy: RString,
    pub(super) took_us: u64,
    pub(super) error: ROption<WireError>,
}

/// [`FileSystem`](crate::FileSystem) on the wire.
#[sabi_trait]
pub trait FileSystemAbi: Send + Sync + 'static {
    fn capabilities(&self) -> u64;
    fn status<'a>(&'a self, path: LocationRef<'a>) -> WireFuture<'a, Status>;
    fn list<'a>(&'a self, path: LocationRef<'a>, options: List<'a>)
    -> WireFuture<'a, ListerAbi_TO<RBox<()>>>;
    fn open<'a>(
        &'a self,
        path: LocationRef<'a>,
        options: Open<'a>,
    ) -> WireFuture<'a, InputStreamAbi_TO<RBox<()>>>;
    fn create<'a>(
        &'a self,
        path: LocationRef<'a>,
        options: Create<'a>,
    ) -> WireFuture<'a, OutputStreamAbi_TO<RBox<()>>>;
    fn delete<'a>(&'a self, path: LocationRef<'a>, recursive: bool) -> WireFuture<'a, bool>;
    fn rename<'a>(&'a self, from: LocationRef<'a>, to: LocationRef<'a>) -> WireFuture<'a, ()>;
    fn mkdirs<'a>(&'a self, path: LocationRef<'a>) -> WireFuture<'a, ()>;
    fn recoverable_writer(&self) -> WireResult<RecoverableWriterAbi_TO<RBox<()>>>;
    fn bulk_copy(&self) -> WireResult<BulkCopyAbi_TO<RBox<()>>>;
    fn entropy_key(&self) -> ROption<RString>;
    #[sabi(last_prefix_field)]
    fn close(&self, deadline_ms: u64) -> WireFuture<'_, ()>;
}

/// [`Lister`](crate::Lister) on the wire.
#[sabi_trait]
pub trait ListerAbi: Send + 'static {
    #[sabi(last_prefix_field)]
    fn next_page(&mut self) -> WireFuture<'_, ROption<RVec<Status>>>;
}

/// [`InputStream`](crate::InputStream) on the wire.
#[sabi_trait]
pub trait InputStreamAbi: Send + 'static {
    fn read(&mut self, max: usize) -> WireFuture<'_, Chunk>;
    fn read_into<'a>(&'a mut self, buffer: RSliceMut<'a, u8>) -> WireFuture<'a, usize>;
    fn read_ranges<'a>(&'a mut self, ranges: RSlice<'a, ByteRange>) -> WireFuture<'a, RVec<Chunk>>;
    fn seek(&mut self, position: u64) -> WireResult<()>;
    fn position(&self) -> u64;
    fn len(&self) -> u64;
    #[sabi(last_prefix_field)]
    fn close(&mut self) -> WireFuture<'_, ()>;
}

/// [`OutputStream`](crate::OutputStream) on the wire.
#[sabi_trait]
pub trait OutputStreamAbi: Send + 'static {
    fn write<'a>(&'a mut self, data: RSlice<'a, u8>) -> WireFuture<'a, ()>;
    fn write_chunk(&mut self, data: Chunk) -> WireFuture<'_, ()>;
    fn position(&self) -> u64;
    fn location(&self) -> WireResult<LocationBuf>;
    fn flush(&mut self) -> WireFuture<'_, ()>;
    fn sync(&mut self) -> WireFuture<'_, ()>;
    fn close(&mut self) -> WireFuture<'_, Status>;
    #[sabi(last_prefix_field)]
    fn abort(&mut self) -> WireFuture<'_, ()>;
}

/// A [`Recoverable`](crate::Recoverable) on the wire.
#[repr(C)]
#[derive(StableAbi)]
pub struct RecoverableBuf {
    pub(super) version: u32,
    pub(super) bytes: Chunk,
}

/// A borrowed [`Recoverable`](crate::Recoverable) on the wire.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RecoverableRef<'a> {
    pub(super) version: u32,
    pub(super) bytes: RSlice<'a, u8>,
}

/// [`RecoverableInfo`](crate::RecoverableInfo) on the wire.
#[repr(C)]
#[derive(StableAbi)]
pub struct RecoverableInfoBuf {
    pub(super) location: LocationBuf,
    pub(super) len: u64,
    pub(super) upload_id: RString,
    pub(super) attributes: RVec<Pair>,
}

/// [`PendingUpload`](crate::PendingUpload) on the wire.
#[repr(C)]
#[derive(StableAbi)]
pub struct PendingUploadBuf {
    pub(super) location: LocationBuf,
    pub(super) upload_id: RString,
    pub(super) initiated_ms: ROption<i64>,
}

/// A [`RecoverableCondition`](crate::RecoverableCondition) on the wire: `tag` says which, and `why`
/// is "" where there is nothing to say.
#[repr(C)]
#[derive(StableAbi)]
pub struct ConditionBuf {
    pub(super) tag: u32,
    pub(super) why: RString,
}

/// One page of open uploads and the token of the next.
pub type PendingUploadPage = Tuple2<RVec<PendingUploadBuf>, ROption<RString>>;

/// [`RecoverableWriter`](crate::RecoverableWriter) on the wire.
#[sabi_trait]
pub trait RecoverableWriterAbi: Send + Sync + 'static {
    fn requires_cleanup(&self) -> bool;
    fn open<'a>(
        &'a self,
        path: LocationRef<'a>,
        options: Create<'a>,
    ) -> WireFuture<'a, RecoverableStreamAbi_TO<RBox<()>>>;
    fn recover<'a>(&'a self, state: RecoverableRef<'a>) -> WireFuture<'a, RecoverableStreamAbi_TO<RBox<()>>>;
    fn recover_for_commit<'a>(
        &'a self,
        state: RecoverableRef<'a>,
    ) -> WireFuture<'a, CommitterAbi_TO<RBox<()>>>;
    fn cleanup<'a>(&'a self, state: RecoverableRef<'a>) -> WireFuture<'a, bool>;
    fn abort<'a>(&'a self, state: RecoverableRef<'a>) -> WireFuture<'a, ()>;
    fn inspect(&self, state: RecoverableRef<'_>) -> WireResult<RecoverableInfoBuf>;
    fn pending_uploads<'a>(
        &'a self,
        under: LocationRef<'a>,
        token: RStr<'a>,
    ) -> WireFuture<'a, PendingUploadPage>;
    #[sabi(last_prefix_field)]
    fn abort_upload(&self, upload: PendingUploadBuf) -> WireFuture<'_, ()>;
    fn verify<'a>(&'a self, state: RecoverableRef<'a>) -> WireFuture<'a, ConditionBuf> {
        let _ = state;
        unsupported("verifying recoverables")
    }
}

/// [`RecoverableStream`](crate::RecoverableStream) on the wire.
#[sabi_trait]
pub trait RecoverableStreamAbi: Send + 'static {
    fn write<'a>(&'a mut self, data: RSlice<'a, u8>) -> WireFuture<'a, ()>;
    fn write_chunk(&mut self, data: Chunk) -> WireFuture<'_, ()>;
    fn position(&self) -> u64;
    fn location(&self) -> WireResult<LocationBuf>;
    fn flush(&mut self) -> WireFuture<'_, ()>;
    fn persist(&mut self) -> WireFuture<'_, RecoverableBuf>;
    fn close_for_commit(&mut self) -> WireFuture<'_, CommitterAbi_TO<RBox<()>>>;
    #[sabi(last_prefix_field)]
    fn close(&mut self) -> WireFuture<'_, ()>;
}

/// [`Committer`](crate::Committer) on the wire.
#[sabi_trait]
pub trait CommitterAbi: Send + Sync + 'static {
    fn commit(&self) -> WireFuture<'_, ()>;
    fn commit_after_recovery(&self) -> WireFuture<'_, ()>;
    #[sabi(last_prefix_field)]
    fn recoverable(&self) -> WireResult<RecoverableBuf>;
}

/// A [`CopyRequest`](crate::CopyRequest) on the wire.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct CopyRequestRef<'a> {
    pub(super) source: LocationRef<'a>,
    pub(super) target: LocationRef<'a>,
    pub(super) size_hint: u64,
}

/// [`BulkCopy`](crate::BulkCopy) on the wire.
#[sabi_trait]
pub trait BulkCopyAbi: Send + Sync + 'static {
    fn can_copy(&self, source: LocationRef<'_>, target: LocationRef<'_>) -> bool;
    #[sabi(last_prefix_field)]
    fn copy_files<'a>(
        &'a self,
        requests: RSlice<'a, CopyRequestRef<'a>>,
        max_concurrent: u32,
        extensions: RSlice<'a, Extension<'a>>,
        progress: CopyProgressAbi_TO<RBox<()>>,
    ) -> WireFuture<'a, ()>;
}

/// [`CopyProgress`](crate::CopyProgress) on the wire: the host's object, called by the plugin.
#[sabi_trait]
pub trait CopyProgressAbi: Send + Sync + 'static {
    fn advanced(&self, request: usize, bytes: u64);
    #[sabi(last_prefix_field)]
    fn finished(&self, request: usize);
}

/// A [`DelegationToken`](crate::DelegationToken) on the wire.
#[repr(C)]
#[derive(StableAbi)]
pub struct TokenBuf {
    pub(super) bytes: Chunk,
    pub(super) valid_until_ms: ROption<i64>,
}

/// [`DelegationTokenProvider`](crate::DelegationTokenProvider) on the wire.
#[sabi_trait]
pub trait TokenProviderAbi: Send + Sync + 'static {
    fn service_name(&self) -> WireResult<RString>;
    fn is_required(&self) -> bool;
    #[sabi(last_prefix_field)]
    fn obtain(&self) -> WireFuture<'_, TokenBuf>;
}

/// [`DelegationTokenReceiver`](crate::DelegationTokenReceiver) on the wire.
#[sabi_trait]
pub trait TokenReceiverAbi: Send + Sync + 'static {
    fn service_name(&self) -> WireResult<RString>;
    #[sabi(last_prefix_field)]
    fn receive(&self, token: TokenBuf) -> WireFuture<'_, ()>;
}

/// A [`Callsite`](crate::Callsite) on the wire.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct CallsiteRef<'a> {
    pub(super) is_span: bool,
    pub(super) level: u8,
    pub(super) line: u32,
    pub(super) name: RStr<'a>,
    pub(super) target: RStr<'a>,
    pub(super) file: RStr<'a>,
    pub(super) fields: RSlice<'a, RStr<'a>>,
}

/// A field of an event or span: `tag` says which of the others counts.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct FieldRef<'a> {
    pub(super) index: u32,
    pub(super) tag: u32,
    pub(super) bits: u64,
    pub(super) text: RStr<'a>,
}

/// [`Host`](crate::Host) on the wire: the host's object, called by the plugin.
#[sabi_trait]
pub trait HostAbi: Send + Sync + 'static {
    fn max_level(&self) -> u8;
    fn register_callsite(&self, callsite: CallsiteRef<'_>) -> u64;
    fn is_enabled(&self, callsite: u64) -> bool;
    fn event(&self, callsite: u64, parent: u64, fields: RSlice<'_, FieldRef<'_>>);
    fn new_span(&self, callsite: u64, parent: u64, fields: RSlice<'_, FieldRef<'_>>) -> u64;
    fn record(&self, span: u64, fields: RSlice<'_, FieldRef<'_>>);
    fn enter_span(&self, span: u64);
    fn exit_span(&self, span: u64);
    fn close_span(&self, span: u64);
    fn measure(&self, name: RStr<'_>, kind: u32, value: f64, labels: RSlice<'_, PairRef<'_>>);
    fn memory_budget(&self) -> u64;
    #[sabi(last_prefix_field)]
    fn memory_pressure(&self) -> u32;
}

/// What a plugin exports: one factory for one host.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef)))]
#[sabi(missing_field(option))]
pub struct PluginModule {
    /// Makes the factory; called once for each host.
    #[sabi(last_prefix_field)]
    pub new_factory: extern "C" fn(HostAbi_TO<RArc<()>>) -> WireResult<FactoryAbi_TO<RBox<()>>>,
}
