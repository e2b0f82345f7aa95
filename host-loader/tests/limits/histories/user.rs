//! [`User`]: whoever opens a stream and does with it what they are told.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::AbortHandle;
use host_loader::plugin_api::{
    Bytes, CopyOptions, CopyRequest, CreateOptions, Error, ErrorKind, FileSystem, InputStream, NoProgress,
    OpenOptions, OutputStream, Recoverable, RecoverableStream, Result,
};

use super::step::{Command, Kind};
use crate::fake_store::{FakeStore, MOVED, Way, path};

enum Stream {
    Input(Box<dyn InputStream>),
    Output(Box<dyn OutputStream>),
    Recoverable(Box<dyn RecoverableStream>),
}

impl Stream {
    async fn open(fs: &dyn FileSystem, kind: Kind, file: u64) -> Result<Option<Self>> {
        let (path, options) = (path(file), CreateOptions::default());
        Ok(Some(match kind {
            Kind::Input => Self::Input(fs.open(&path, &OpenOptions::default()).await?),
            Kind::Output => Self::Output(fs.create(&path, &options).await?),
            Kind::Recoverable => Self::Recoverable(fs.recoverable_writer()?.open(&path, &options).await?),
            Kind::Recovered => {
                let state = Recoverable::new(u32::try_from(file).unwrap(), Bytes::new());
                Self::Recoverable(fs.recoverable_writer()?.recover(&state).await?)
            }
            Kind::Download(files) | Kind::Upload(files) => {
                let local = "file:///copy".parse()?;
                let (source, target) = match kind.way() {
                    Way::In => (path, local),
                    Way::Out => (local, path),
                };
                let request = CopyRequest {
                    source,
                    target,
                    size_hint: 0,
                };
                let options = CopyOptions {
                    max_concurrent: files,
                    ..CopyOptions::default()
                };
                fs.bulk_copy()?
                    .copy_files(&vec![request; 3], &options, Box::new(NoProgress))
                    .await?;
                return Ok(None);
            }
        }))
    }

    /// True if the stream has ended.
    async fn obey(&mut self, command: Command) -> Result<bool> {
        match (self, command) {
            (Self::Input(stream), Command::Move) => {
                assert_eq!(stream.read(100).await?.len() as u64, MOVED);
            }
            (Self::Input(stream), Command::Seek) => stream.seek(3)?,
            (Self::Input(stream), Command::Close | Command::Abort) => {
                return stream.close().await.map(|()| true);
            }
            (Self::Output(stream), Command::Move) => stream.write(&[0; MOVED as usize]).await?,
            (Self::Output(stream), Command::Flush) => stream.flush().await?,
            (Self::Output(stream), Command::Persist) => stream.sync().await?,
            (Self::Output(stream), Command::Close) => return stream.close().await.map(|_| true),
            (Self::Output(stream), Command::Abort) => return stream.abort().await.map(|()| true),
            (Self::Recoverable(stream), Command::Move) => {
                stream
                    .write_bytes(Bytes::from_static(&[0; MOVED as usize]))
                    .await?;
            }
            (Self::Recoverable(stream), Command::Flush) => stream.flush().await?,
            (Self::Recoverable(stream), Command::Persist) => drop(stream.persist().await?),
            (Self::Recoverable(stream), Command::Close) => {
                return stream.close_for_commit().await.map(|_| true);
            }
            (Self::Recoverable(stream), Command::Abort) => return stream.close().await.map(|()| true),
            _ => {}
        }
        Ok(false)
    }
}

/// A task that opens a stream and does with it what it is told.
pub(super) struct User {
    pub(super) way: Way,
    pub(super) since: Instant,
    pub(super) commands: mpsc::UnboundedSender<Command>,
    pub(super) cancel: AbortHandle,
    /// Whether its opening has got as far as to the store.
    pub(super) has_begun: bool,
}

#[derive(Default)]
pub(super) struct Seen {
    /// Users that are done, with what their opening came to.
    pub(super) done: Vec<(u64, Result<()>)>,
    /// Files whose stream was found to be taken away.
    pub(super) told: HashMap<u64, Error>,
}

pub(super) async fn live(
    fs: Arc<dyn FileSystem>,
    store: FakeStore,
    (file, kind): (u64, Kind),
    mut commands: mpsc::UnboundedReceiver<Command>,
    seen: Rc<RefCell<Seen>>,
) {
    let opened = Stream::open(&*fs, kind, file).await;
    let result = opened.as_ref().map(|_| ()).map_err(Error::clone);
    if let Ok(Some(mut stream)) = opened {
        while let Some(command) = commands.next().await {
            let obeyed = stream.obey(command).await;
            // Whatever a close came to, it was the last that is heard of the stream.
            let is_last = matches!(command, Command::Close | Command::Abort | Command::Drop);
            if let Err(error) = obeyed
                && error.kind() == ErrorKind::Timeout
            {
                seen.borrow_mut().told.insert(file, error);
            }
            if is_last {
                break;
            }
        }
        store.state().let_go.insert(file);
    }
    seen.borrow_mut().done.push((file, result));
}
