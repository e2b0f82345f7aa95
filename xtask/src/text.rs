//! The text that is counted: files, or the repository's own documents over and over.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

/// One input file.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// The name it is uploaded under.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) len: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    File(PathBuf),
    Repeated(Arc<[u8]>),
}

impl Text {
    /// A file on this machine.
    pub(crate) fn from_file(index: usize, path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if !metadata.is_file() {
            bail!("{} is not a file; give text files", path.display());
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Ok(Self {
            name: format!("{index:04}-{name}"),
            len: metadata.len(),
            content: Content::File(path.to_path_buf()),
        })
    }

    /// `unit` again and again, cut at `len` bytes. Always the same for the same unit.
    pub(crate) fn repeated(name: &str, unit: Vec<u8>, len: u64) -> Self {
        Self {
            name: name.to_owned(),
            len: if unit.is_empty() { 0 } else { len },
            content: Content::Repeated(unit.into()),
        }
    }

    /// Its bytes from the beginning.
    pub(crate) fn open(&self) -> Result<Box<dyn Read>> {
        Ok(match &self.content {
            Content::File(path) => Box::new(
                File::open(path)
                    .with_context(|| format!("cannot open {}", path.display()))?
                    .take(self.len),
            ),
            Content::Repeated(unit) => Box::new(Repeat {
                unit: unit.clone(),
                at: 0,
                left: self.len,
            }),
        })
    }
}

struct Repeat {
    unit: Arc<[u8]>,
    at: usize,
    left: u64,
}

impl Read for Repeat {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.unit[self.at..];
        let count = rest.len().min(buffer.len()).min(self.left as usize);
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at = (self.at + count) % self.unit.len().max(1);
        self.left -= count as u64;
        Ok(count)
    }
}

/// The repository's documents: every Markdown file in the root, in `docs` and in `plugins`, in the
/// order of their paths.
pub(crate) fn documents(root: &Path) -> Result<Vec<u8>> {
    let mut files = Vec::new();
    find_markdown(root, false, &mut files)?;
    for directory in ["docs", "plugins"] {
        let directory = root.join(directory);
        if directory.is_dir() {
            find_markdown(&directory, true, &mut files)?;
        }
    }
    files.sort();
    let mut text = Vec::new();
    for file in &files {
        text.extend(fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
        text.push(b'\n');
    }
    if text.iter().all(u8::is_ascii_whitespace) {
        bail!("the repository has no documents to count; give a text file");
    }
    Ok(text)
}

fn find_markdown(directory: &Path, below: bool, files: &mut Vec<PathBuf>) -> Result<()> {
    let context = || format!("cannot list {}", directory.display());
    for entry in fs::read_dir(directory).with_context(context)? {
        let entry = entry.with_context(context)?;
        let path = entry.path();
        if entry.file_type().with_context(context)?.is_dir() {
            if below {
                find_markdown(&path, true, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_text_has_exactly_its_length() {
        let text = Text::repeated("x", b"abc ".to_vec(), 10);
        let mut content = Vec::new();
        text.open().unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, b"abc abc ab");
        assert_eq!(text.len, 10);
    }

    #[test]
    fn documents_are_found_in_order_and_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in [
            ("README.md", "root"),
            ("docs/b.md", "b"),
            ("docs/a/c.md", "c"),
            ("docs/picture.svg", "no"),
            ("src/no.md", "no"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        assert_eq!(documents(root.path()).unwrap(), b"root\nc\nb\n");
    }

    #[test]
    fn a_repository_without_documents_says_so() {
        let root = tempfile::tempdir().unwrap();
        assert!(
            documents(root.path())
                .unwrap_err()
                .to_string()
                .contains("give a text file")
        );
    }

    #[test]
    fn a_directory_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let error = Text::from_file(0, root.path()).unwrap_err();
        assert!(error.to_string().contains("is not a file"), "{error}");
    }
}
