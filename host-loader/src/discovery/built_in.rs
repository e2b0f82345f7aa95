//! What is put by in an `opt` directory, and activated by name.

use std::path::{Path, PathBuf};

use super::places::BUILT_IN;
use super::{
    Candidate, Discovery, file_name, inspect, inspect_in, is_library, is_plugin_dir, sorted_entries,
};
use crate::configuration::nearest;
use crate::elf_image::refuse;
use crate::trust::Tree;

/// A library that could be activated.
struct PutBy {
    candidate: Candidate,
    /// The names by which it can be asked for: those of the plugin, of its file, and of its own directory.
    names: Vec<String>,
}

/// Adds the plugins with these names, and says in a few words what was there. A name that none has is a candidate
/// that cannot be used, so that it is reported like one.
pub(super) fn activate(names: &[String], trees: &[Tree], discovery: &mut Discovery) -> String {
    let put_by: Vec<Vec<PutBy>> = trees.iter().map(look_into).collect();
    let mut missing = 0;
    let mut chosen: Vec<&Path> = Vec::new();
    for name in names {
        let is_asked = |plugin: &&PutBy| plugin.names.iter().any(|other| other == name);
        let first = put_by
            .iter()
            .find(|plugins| plugins.iter().any(|plugin| is_asked(&plugin)));
        let Some(first) = first else {
            missing += 1;
            discovery.candidates.push(unknown(name, trees, &put_by));
            continue;
        };
        let asked = first.iter().filter(is_asked);
        chosen.extend(asked.map(|plugin| plugin.candidate.path.as_path()));
    }
    chosen.sort_unstable();
    chosen.dedup();
    let chosen: Vec<PathBuf> = chosen.into_iter().map(Path::to_owned).collect();
    let activated = put_by.into_iter().flatten().map(|plugin| plugin.candidate);
    for candidate in activated.filter(|candidate| chosen.contains(&candidate.path)) {
        discovery.add(candidate);
    }
    match missing {
        0 => format!("{} activated", chosen.len()),
        missing => format!("{} activated, {missing} not there", chosen.len()),
    }
}

/// Everything in a directory: libraries, and directories with one each. A missing one holds nothing.
fn look_into(tree: &Tree) -> Vec<PutBy> {
    let mut plugins = Vec::new();
    for entry in sorted_entries(tree.directory()).unwrap_or_default() {
        if is_plugin_dir(&entry) {
            let candidates = inspect_in(&entry, tree);
            plugins.extend(
                candidates
                    .into_iter()
                    .map(|candidate| put_by(candidate, Some(&entry))),
            );
        } else if is_library(&entry) {
            plugins.push(put_by(inspect(&entry, tree), None));
        }
    }
    plugins
}

fn put_by(candidate: Candidate, directory: Option<&Path>) -> PutBy {
    let manifest = candidate.manifest.as_ref().map(|manifest| manifest.name.clone());
    let names = [
        Some(file_name(&candidate.path)),
        manifest,
        directory.map(file_name),
    ];
    PutBy {
        names: names.into_iter().flatten().collect(),
        candidate,
    }
}

/// The report of a name that no plugin has.
fn unknown(name: &str, trees: &[Tree], put_by: &[Vec<PutBy>]) -> Candidate {
    let searched: Vec<String> = trees
        .iter()
        .map(|tree| tree.directory().display().to_string())
        .collect();
    let all = || put_by.iter().flatten();
    let held: Vec<String> = all()
        .map(|plugin| {
            format!(
                "{} ({})",
                plugin.candidate.name,
                file_name(&plugin.candidate.path)
            )
        })
        .collect();
    let held = if held.is_empty() {
        "which holds no plugin".to_owned()
    } else {
        format!("which holds {}", held.join(", "))
    };
    let meant = nearest(
        name,
        all().flat_map(|plugin| plugin.names.iter().map(String::as_str)),
    );
    let remedy = match meant {
        Some(meant) => format!("write '{meant}' in {BUILT_IN}"),
        None => format!("put the plugin there, or remove the name from {BUILT_IN}"),
    };
    let message = format!(
        "{BUILT_IN} names '{name}', and that is not in {}, {held}",
        searched.join(" or ")
    );
    let nowhere = Tree::searched(Path::new("opt"), true);
    let tree = trees.first().unwrap_or(&nowhere);
    Candidate {
        name: name.to_owned(),
        ..Candidate::broken(tree.directory(), tree, refuse(message, remedy))
    }
}
