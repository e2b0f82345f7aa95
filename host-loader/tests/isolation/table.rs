//! Every failure by every way to have a library: measured, compared with what must hold, and written into the book.

use std::fmt::Write as _;
use std::thread;

use tempfile::TempDir;

use crate::book;
use crate::failures::{Opening, Scene, Surroundings, expected, instances_of_one_file};
use crate::fsplug::Fate;
use crate::ways::{Library, Way};

/// One row: what is provoked, and what must be so or better.
struct Failure {
    id: &'static str,
    text: &'static str,
    library: Library,
    surroundings: Surroundings,
    one_soname: bool,
    /// Whether plugins get their own code, for each way that there is; `None`: there is no such way.
    own: [Option<bool>; 6],
    /// Ways that get their own code if they are opened with `RTLD_DEEPBIND`.
    deepbind: &'static [Way],
    /// Whether the first way, opened with `dlmopen`, does.
    dlmopen: Option<bool>,
}

const NO: Option<bool> = Some(false);
const YES: Option<bool> = Some(true);

const FAILURES: [Failure; 11] = [
    Failure {
        id: "F1",
        text: "two plugins, one SONAME, two versions",
        own: [NO, NO, YES, YES, YES, YES],
        dlmopen: YES,
        ..NOTHING
    },
    Failure {
        id: "F1b",
        text: "the host is linked with that SONAME",
        surroundings: Surroundings::LinkedHost,
        deepbind: &[Way::UniqueSoname, Way::Visible],
        ..BOUND_ELSEWHERE
    },
    Failure {
        id: "F2",
        text: "the host exports the symbol",
        surroundings: Surroundings::ExportingHost,
        deepbind: &[Way::Runpath],
        ..BOUND_ELSEWHERE
    },
    Failure {
        id: "F3",
        text: "LD_PRELOAD defines it",
        surroundings: Surroundings::Preload,
        deepbind: &[Way::Runpath],
        ..BOUND_ELSEWHERE
    },
    Failure {
        id: "F4",
        text: "another plugin was opened RTLD_GLOBAL",
        surroundings: Surroundings::GlobalPlugin,
        deepbind: &[Way::UniqueSoname, Way::Visible],
        ..BOUND_ELSEWHERE
    },
    Failure {
        id: "F5",
        text: "LD_LIBRARY_PATH has another version",
        surroundings: Surroundings::LibraryPath,
        own: [NO, YES, YES, YES, YES, YES],
        dlmopen: NO,
        ..NOTHING
    },
    Failure {
        id: "F6",
        text: "statics of C++ inline functions (STB_GNU_UNIQUE)",
        library: Library::Cxx,
        own: [NO, NO, NO, NO, NO, YES],
        dlmopen: YES,
        ..NOTHING
    },
    Failure {
        id: "F6b",
        text: "the same, compiled with -fno-gnu-unique",
        library: Library::CxxNotUnique,
        own: [NO, NO, YES, YES, YES, YES],
        dlmopen: YES,
        ..NOTHING
    },
    Failure {
        id: "F7",
        text: "two plugins with one SONAME of their own",
        one_soname: true,
        own: [YES, YES, YES, YES, YES, YES],
        dlmopen: YES,
        ..NOTHING
    },
    Failure {
        id: "R1",
        text: "two versions of one Rust crate",
        library: Library::Rust,
        own: [None, None, None, YES, YES, YES],
        dlmopen: None,
        ..NOTHING
    },
    Failure {
        id: "R2",
        text: "the host exports a `no_mangle` function of that crate",
        library: Library::Rust,
        surroundings: Surroundings::ExportingHost,
        own: [None, None, None, NO, YES, YES],
        deepbind: &[Way::Visible],
        dlmopen: None,
        ..NOTHING
    },
];

/// The process has a definition that the linker finds first: spared are plugins that bind within themselves, and those in
/// a namespace of their own.
const BOUND_ELSEWHERE: Failure = Failure {
    own: [NO, NO, NO, NO, YES, YES],
    dlmopen: YES,
    ..NOTHING
};

const NOTHING: Failure = Failure {
    id: "",
    text: "",
    library: Library::C,
    surroundings: Surroundings::Nothing,
    one_soname: false,
    own: [None; 6],
    deepbind: &[],
    dlmopen: None,
};

/// What one way came to in one failure.
struct Measured {
    plain: Result<bool, String>,
    deepbind: Result<bool, String>,
    dlmopen: Result<bool, String>,
    fates: Vec<(&'static str, Fate)>,
}

impl Measured {
    fn new(failure: &Failure, way: Way) -> Self {
        let dir = TempDir::new().unwrap();
        let scene = Scene::build(
            dir.path(),
            failure.library,
            way,
            failure.surroundings,
            failure.one_soname,
        );
        Self {
            plain: scene.is_isolated(Opening::Plain),
            deepbind: scene.is_isolated(Opening::Deepbind),
            dlmopen: scene.is_isolated(Opening::Dlmopen),
            fates: scene.in_fsplug(),
        }
    }

    /// What `fsplug` did, after checking that no plugin that it loads runs other code than its own.
    fn in_fsplug(&self, what: &str) -> String {
        let mut refusals = Vec::new();
        for (name, fate) in &self.fates {
            match fate {
                Fate::Loaded { built, used } => {
                    let version = expected(name);
                    assert_eq!(
                        (*built, *used),
                        (version, version),
                        "{what}: {name} is not isolated"
                    );
                }
                Fate::Refused(text) => refusals.push(text),
            }
        }
        let Some(text) = refusals.first() else {
            return "loads, own code".to_owned();
        };
        assert_eq!(refusals.len(), self.fates.len(), "{what}: {:?}", self.fates);
        for part in [
            "process-wide unique symbols",
            "symbols that this process defines",
            "the shared library",
        ] {
            if text.contains(part) {
                return match part {
                    "the shared library" => "refuses the library",
                    "process-wide unique symbols" => "refuses the unique symbol",
                    _ => "refuses the symbol",
                }
                .to_owned();
            }
        }
        panic!("{what}: {text}")
    }
}

fn word(outcome: &Result<bool, String>) -> &'static str {
    match outcome {
        Ok(true) => "yes",
        Ok(false) => "no",
        Err(_) => "cannot be opened",
    }
}

/// The row of a failure in both tables, after checking it.
fn rows(failure: &Failure) -> (String, String) {
    let mut ways = format!("| {} {} |", failure.id, failure.text);
    let mut host = format!("| {} |", failure.id);
    let mut measured = Vec::new();
    let mut refused = false;
    for (way, own) in Way::ALL.into_iter().zip(failure.own) {
        let Some(own) = own else {
            ways.push_str(" – |");
            host.push_str(" – |");
            continue;
        };
        let what = format!("{} {way:?}", failure.id);
        let cell = Measured::new(failure, way);
        let (plain, deepbind) = (cell.plain == Ok(true), cell.deepbind == Ok(true));
        assert!(plain || !own, "{what}: {:?}", cell.plain);
        assert!(
            deepbind || !failure.deepbind.contains(&way),
            "{what}, DEEPBIND: {:?}",
            cell.deepbind
        );
        write!(ways, " {}", word(&cell.plain)).unwrap();
        if deepbind && !plain {
            ways.push_str(" (yes + DEEPBIND)");
        }
        ways.push_str(" |");
        let fate = cell.in_fsplug(&what);
        let is_refused = fate.starts_with("refuses");
        assert!(plain || is_refused, "{what}: {:?}, and {fate}", cell.plain);
        refused |= is_refused;
        write!(host, " {fate} |").unwrap();
        measured.push(cell);
    }
    let [deepbind, dlmopen] = match failure.dlmopen {
        Some(own) => {
            let dlmopen = &measured[0].dlmopen;
            assert!(
                *dlmopen == Ok(true) || !own,
                "{}, dlmopen: {dlmopen:?}",
                failure.id
            );
            [word(&measured[0].deepbind), word(dlmopen)]
        }
        None => ["–", "–"],
    };
    // Nothing that goes wrong was loaded: that has been asserted for each way.
    let refused = if refused { "yes" } else { "nothing to refuse" };
    writeln!(ways, " {deepbind} | {dlmopen} | {refused} |").unwrap();
    host.push('\n');
    (ways, host)
}

/// The rows of one file that has three names.
fn rows_of_links() -> (String, String) {
    let mut ways = "| F8 one file by a symbolic and a hard link |".to_owned();
    let mut host = "| F8 |".to_owned();
    for way in Way::ALL {
        let dir = TempDir::new().unwrap();
        let (by_the_linker, by_fsplug) = instances_of_one_file(dir.path(), way);
        assert_eq!((by_the_linker, by_fsplug), (1, 1), "{way:?}");
        ways.push_str(" one instance |");
        host.push_str(" one plugin |");
    }
    ways.push_str(" – | – | counted once, by device and inode |\n");
    host.push('\n');
    (ways, host)
}

#[test]
fn no_plugin_that_the_host_loads_runs_code_that_is_not_its_own() {
    let titles = Way::ALL.map(Way::title).join(" | ");
    let mut ways = format!(
        "| failure | {titles} | DEEPBIND | dlmopen | refused by the audit |\n|{}\n",
        "---|".repeat(10)
    );
    let mut host = format!("| failure | {titles} |\n|{}\n", "---|".repeat(7));
    let rows: Vec<(String, String)> = thread::scope(|scope| {
        let rows = FAILURES.each_ref().map(|failure| scope.spawn(|| rows(failure)));
        let links = scope.spawn(rows_of_links);
        rows.into_iter()
            .chain([links])
            .map(|row| row.join().expect("the row is as it must be"))
            .collect()
    });
    for (in_ways, in_host) in rows {
        ways.push_str(&in_ways);
        host.push_str(&in_host);
    }
    book::assert_current(
        "isolation table",
        &format!("{ways}\nWhat `fsplug` does with the same plugins in the same surroundings:\n\n{host}"),
    );
}
