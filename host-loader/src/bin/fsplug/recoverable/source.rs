//! [`Source`]: a file with states, and who can read them.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use host_loader::plugin_api::{
    Error, ErrorKind, FileSystem, Location, OpenOptions, Recoverable, RecoverableInfo, RecoverableWriter,
    Result,
};
use indicatif::BinaryBytes;

use super::embedded::{self, Found};
use crate::cli::RecoverableArguments;
use crate::failure::At as _;
use crate::session::Session;

/// The versions of formats that there are, as they are tried.
const VERSIONS: [u32; 2] = [2, 1];

/// What a file may have at most: it is read as a whole.
const LARGEST_FILE: u64 = 512 << 20;

const CHUNK: usize = 1 << 20;

/// Where plugins are asked about states whose store is not known yet. Most states name their own store,
/// and reading them takes no request, so that any name will do. One that does not, such as a state of
/// Flink's own file systems, shows this name as its store's.
pub(super) const ANY_AUTHORITY: &str = "not-in-the-state";

/// A file with states.
pub(super) struct Source {
    location: Location,
    states: Vec<Found>,
}

impl Source {
    /// Reads the file and finds its states; there is at least one.
    pub(super) async fn open(session: &Session, arguments: &RecoverableArguments) -> Result<Self> {
        let (file_system, location) = session.open(&arguments.file).await?;
        let content = read(&*file_system, &location).await.at("read", &location)?;
        let writers = match &arguments.uri {
            Some(uri) => {
                let (file_system, location) = session.open(uri).await?;
                vec![file_system.recoverable_writer().at("open writer", &location)?]
            }
            None => writers(session, &location, &*file_system).await,
        };
        let versions = match arguments.version {
            Some(version) => vec![version],
            None => VERSIONS.to_vec(),
        };
        let states = embedded::find(&content, &|bytes| inspect(bytes, &versions, &writers));
        if states.is_empty() {
            let error = unreadable(&content, &versions, &writers);
            return Err(error.with_operation("find states").with_path(&location));
        }
        Ok(Self { location, states })
    }

    pub(super) fn states(&self) -> &[Found] {
        &self.states
    }

    /// The state of this number, counted from 1; without one, the only state.
    pub(super) fn chosen(&self, index: Option<u32>) -> Result<&Found> {
        let number = self.states.len();
        let chosen = match (index, self.states.as_slice()) {
            (Some(index), states) => states.get(index as usize - 1),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        chosen.ok_or_else(|| {
            let message = match (index, number) {
                (Some(index), 1) => format!("there is no state {index}: the file holds one"),
                (Some(index), _) => format!("there is no state {index}: the file holds {number}"),
                (None, _) => format!("the file holds {number} states"),
            };
            Error::new(ErrorKind::InvalidInput, message)
                .with_operation("choose state")
                .with_path(&self.location)
                .with_remedy("choose one with --index; `fsplug recoverable show` numbers them")
        })
    }
}

async fn read(file_system: &dyn FileSystem, location: &Location) -> Result<Bytes> {
    let mut input = file_system.open(location, &OpenOptions::default()).await?;
    if input.len() > LARGEST_FILE {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "the file has {}, which is too much for one with states",
                BinaryBytes(input.len())
            ),
        )
        .with_remedy(format!(
            "cut the part with the state out, to at most {}",
            BinaryBytes(LARGEST_FILE)
        )));
    }
    let mut content = BytesMut::with_capacity(input.len() as usize);
    while input.position() < input.len() {
        let chunk = input.read(CHUNK).await?;
        if chunk.is_empty() {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!("the content ends at byte {} of {}", input.position(), input.len()),
            ));
        }
        content.extend_from_slice(&chunk);
    }
    input.close().await?;
    Ok(content.freeze())
}

/// The writers that may know a state: that of the store which the file is in, that of local files,
/// and one of each plugin. Plugins that are broken or want more of an authority are left out.
async fn writers(
    session: &Session,
    file: &Location,
    file_system: &dyn FileSystem,
) -> Vec<Arc<dyn RecoverableWriter>> {
    let mut writers: Vec<_> = file_system.recoverable_writer().into_iter().collect();
    let plugins = session.file_systems.plugins();
    let plugins = plugins
        .iter()
        .filter_map(|plugin| plugin.manifest.as_ref())
        .filter(|manifest| !manifest.schemes.iter().any(|scheme| scheme == file.scheme()))
        .filter_map(|manifest| Some((manifest.schemes.first()?.as_str(), ANY_AUTHORITY)));
    let local = Some(("file", "")).filter(|(scheme, _)| *scheme != file.scheme());
    for (scheme, authority) in local.into_iter().chain(plugins) {
        let writer = async {
            let root = Location::new(scheme, authority, "")?;
            session.file_systems.get(&root).await?.recoverable_writer()
        };
        match writer.await {
            Ok(writer) => writers.push(writer),
            Err(error) => tracing::info!("the plugin for {scheme}:// is not asked about states: {error}"),
        }
    }
    writers
}

/// What the first writer that can read the state says of it.
fn inspect(
    bytes: &Bytes,
    versions: &[u32],
    writers: &[Arc<dyn RecoverableWriter>],
) -> Option<(Recoverable, RecoverableInfo)> {
    versions.iter().find_map(|&version| {
        let state = Recoverable::new(version, bytes.clone());
        let info = writers.iter().find_map(|writer| writer.inspect(&state).ok())?;
        Some((state, info))
    })
}

/// Why there is no state in a file; what the writers say of it are the causes.
fn unreadable(content: &Bytes, versions: &[u32], writers: &[Arc<dyn RecoverableWriter>]) -> Error {
    let error = if embedded::begins_like_a_state(content) {
        Error::new(
            ErrorKind::Corrupt,
            "the file begins like a state, but no plugin here can read it: it is damaged, cut off or of another version",
        )
        .with_remedy(
            "take it from another copy, or name the directory of its plugin with --plugins; -v shows what the \
             plugins say",
        )
    } else {
        Error::new(ErrorKind::Corrupt, "there is no state in this file that a plugin here can read").with_remedy(
            "name the file that holds it, uncompressed; if its plugin is not found, name it with --plugins, and \
             its store with --uri",
        )
    };
    let answers = versions.iter().flat_map(|&version| {
        let state = Recoverable::new(version, content.clone());
        writers
            .iter()
            .filter_map(move |writer| writer.inspect(&state).err())
    });
    answers.fold(error, |error, answer| error.with_cause("", answer.to_string()))
}
