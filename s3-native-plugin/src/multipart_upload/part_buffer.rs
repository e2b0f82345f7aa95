//! [`PartBuffer`]: collects the bytes of the next part within the memory budget.

use std::sync::Arc;

use bytes::Bytes;

use crate::memory::{MemoryBudget, Reservation};

/// The first room of a buffer; small files take no more.
const FIRST_CAPACITY: usize = 64 << 10;

/// From here on a chunk that begins a part is kept instead of copied.
const MIN_KEPT_CHUNK: usize = 64 << 10;

/// Collects the bytes of the next part. All of them are reserved.
#[derive(Debug)]
pub(super) struct PartBuffer {
    memory: Arc<MemoryBudget>,
    content: Content,
    reservation: Reservation,
}

#[derive(Debug)]
enum Content {
    /// Our own memory; its capacity is reserved.
    Owned(Vec<u8>),
    /// The caller's chunk, as long as it is the only one.
    Kept(Bytes),
}

impl PartBuffer {
    pub(super) fn new(memory: &Arc<MemoryBudget>) -> Self {
        Self {
            memory: Arc::clone(memory),
            content: Content::Owned(Vec::new()),
            reservation: Reservation::empty(memory),
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.content {
            Content::Owned(content) => content.len(),
            Content::Kept(content) => content.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Owned(content) => content,
            Content::Kept(content) => content,
        }
    }

    /// Copies from the front of `data` until the buffer holds `limit` bytes: how many. With `whole`
    /// the room for all of `limit` is made at once, for files that are known to be large.
    pub(super) async fn append(&mut self, data: &[u8], limit: usize, whole: bool) -> usize {
        let taken = data.len().min(limit.saturating_sub(self.len()));
        if taken > 0 {
            let wanted = if whole { limit } else { self.len() + taken };
            self.make_room(wanted, limit).await;
            if let Content::Owned(content) = &mut self.content {
                content.extend_from_slice(&data[..taken]);
            }
        }
        taken
    }

    /// Keeps a chunk without copying it, if the buffer is empty and the chunk worth it; otherwise
    /// gives it back.
    pub(super) async fn keep(&mut self, chunk: Bytes) -> Option<Bytes> {
        if !self.is_empty() || chunk.len() < MIN_KEPT_CHUNK {
            return Some(chunk);
        }
        let reservation = self.memory.reserve(chunk.len() as u64).await;
        self.content = Content::Kept(chunk);
        self.reservation = reservation;
        None
    }

    /// The content, which shares its memory with the buffer as long as nothing is appended.
    pub(super) fn freeze(&mut self) -> Bytes {
        let content = match &mut self.content {
            Content::Owned(content) => Bytes::from(std::mem::take(content)),
            Content::Kept(content) => return content.clone(),
        };
        self.content = Content::Kept(content.clone());
        content
    }

    /// Takes the content out, together with its reservation.
    pub(super) fn take(&mut self) -> (Bytes, Reservation) {
        let content = std::mem::replace(&mut self.content, Content::Owned(Vec::new()));
        let reservation = std::mem::replace(&mut self.reservation, Reservation::empty(&self.memory));
        let content = match content {
            Content::Owned(content) => Bytes::from(content),
            Content::Kept(content) => content,
        };
        (content, reservation)
    }

    /// Makes our own memory of at least `wanted` bytes, doubling up to `limit`. What was copied
    /// before stays until the room is granted, so a cancelled call loses nothing.
    async fn make_room(&mut self, wanted: usize, limit: usize) {
        let (len, capacity) = match &self.content {
            Content::Owned(content) => (content.len(), content.capacity()),
            // A kept chunk is replaced by a copy, whose room comes on top until then.
            Content::Kept(content) => (content.len(), 0),
        };
        if wanted <= capacity {
            return;
        }
        let larger = wanted
            .max(FIRST_CAPACITY)
            .max(2 * capacity.max(len))
            .min(limit.max(wanted));
        let additional = larger as u64 - (capacity as u64).min(self.reservation.bytes());
        let room = self.memory.reserve(additional).await;
        match &mut self.content {
            Content::Owned(content) => {
                content.reserve_exact(larger - len);
                self.reservation.merge(room);
            }
            Content::Kept(kept) => {
                let mut content = Vec::with_capacity(larger);
                content.extend_from_slice(kept);
                self.content = Content::Owned(content);
                self.reservation = room;
            }
        }
    }
}
