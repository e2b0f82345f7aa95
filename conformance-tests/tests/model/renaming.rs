//! What a rename may come to, by the [`Reference`].

use plugin_api::ErrorKind;

use crate::allowed::Allowed;
use crate::reference::{Reference, bare, parent};
use crate::rules::Directories;

/// What a rename moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Nothing,
    File {
        from: String,
        to: String,
    },
    /// Everything below `from/` to below `to/`.
    Directory {
        from: String,
        to: String,
    },
}

impl Reference {
    /// What a rename may come to, and what it then moves.
    pub(crate) fn rename(&self, from: &str, to: &str) -> (Allowed, Move) {
        let refused = |kinds: &[ErrorKind]| (Allowed::error(kinds), Move::Nothing);
        if self.refuses(from) || self.refuses(to) {
            return refused(&[ErrorKind::InvalidPath]);
        }
        if from == to {
            return (Allowed::success(), Move::Nothing);
        }
        let is_file = self.files.contains_key(from);
        if !is_file && !self.is_directory(from) {
            return refused(&[ErrorKind::NotFound]);
        }
        if !is_file && !self.rules.renames_directories {
            return refused(&[ErrorKind::Unsupported]);
        }
        let source = bare(from);
        let enters = self.is_directory(to) && !self.files.contains_key(to);
        if !is_file && enters && bare(to) == source {
            return (Allowed::success(), Move::Nothing);
        }
        // The slash asks for a directory. Where there is none, the file goes below that name, or the
        // missing directory is named.
        let asks = is_file && !enters && to.ends_with('/');
        let or_not_found: &[_] = if asks { &[ErrorKind::NotFound] } else { &[] };
        let target = if enters || asks {
            format!("{}/{}", bare(to), &source[parent(source).len()..])
        } else {
            bare(to).to_owned()
        };
        let allowed = self.may_move(is_file, source, &target).or(or_not_found);
        let from = source.to_owned();
        let moved = match is_file {
            _ if target == source => Move::Nothing,
            true => Move::File { from, to: target },
            false => Move::Directory { from, to: target },
        };
        (allowed, moved)
    }

    fn may_move(&self, is_file: bool, source: &str, target: &str) -> Allowed {
        let real = self.rules.has_real_directories();
        if target == source {
            Allowed::success()
        } else if !is_file && target.starts_with(&format!("{source}/")) {
            let meets_a_file = self.files.contains_key(target) || self.is_below_a_file(target);
            let file_there: &[_] = if meets_a_file {
                &[ErrorKind::NotADirectory]
            } else {
                &[]
            };
            Allowed::error(&[ErrorKind::InvalidInput]).or(file_there)
        } else if real && self.is_below_a_file(target) || !is_file && self.files.contains_key(target) {
            Allowed::error(&[ErrorKind::NotADirectory])
        } else if is_file && real && self.is_directory(target) {
            Allowed::error(&[ErrorKind::IsADirectory])
        } else if !is_file && !self.is_empty(target) {
            Allowed::error(&[ErrorKind::DirectoryNotEmpty])
        } else {
            Allowed::success()
        }
    }

    /// Something is moved.
    pub(crate) fn carry_out(&mut self, moved: &Move) {
        match moved {
            Move::Nothing => {}
            Move::File { from, to } => {
                self.mark_parent(from);
                if let Some(file) = self.files.remove(from) {
                    self.put(to, file.content);
                }
            }
            Move::Directory { from, to } => {
                self.mark_parent(from);
                let prefix = format!("{from}/");
                let new = |name: &str| format!("{to}/{}", &name[prefix.len()..]);
                let names: Vec<_> = self.below(&prefix).map(str::to_owned).collect();
                for name in names {
                    if let Some(file) = self.files.remove(&name) {
                        self.put(&new(&name), file.content);
                    }
                    if self.directories.remove(&name) {
                        self.directories.insert(new(&name));
                    }
                }
                for place in self.unfinished.values_mut() {
                    if place.starts_with(&prefix) {
                        *place = new(place);
                    }
                }
                if self.rules.directories == Directories::Real {
                    self.add_parents(to);
                }
            }
        }
    }
}
