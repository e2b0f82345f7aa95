//! `cargo xtask test`: builds what the tests load, and runs all of them.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{demo, dist, plugin_build, step};

/// Build what the tests load and run all of them: unit, integration and documentation tests, and the
/// demo from end to end, with and without a kill.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leave out what needs the plugin as it is shipped, which takes minutes to build.
    #[arg(long, conflicts_with = "long")]
    quick: bool,

    /// Search further: more cases of the property tests and more text in the demo.
    #[arg(long)]
    long: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    step("building the workspace");
    let built = workspace.build(&["--workspace"])?;
    let library = plugin_build::library(&built)?;
    let testkit = built.executable("testkit")?;
    let wordcount = built.executable("wordcount")?;
    let mut environment: Vec<(&str, OsString)> = vec![
        ("FSPLUG_TEST_PLUGIN", library.clone().into()),
        ("FSPLUG_TEST_MOCK_PLUGIN", built.library("mock_plugin")?.into()),
        ("FSPLUG_TEST_TESTKIT", testkit.into()),
        ("FSPLUG_TEST_WORDCOUNT", wordcount.into()),
        ("FSPLUG_TEST_FSPLUG", built.executable("fsplug")?.into()),
    ];
    if !options.quick {
        step("building the S3 plugin as it is shipped (takes minutes)");
        let shipped = plugin_build::build(&workspace, dist::PROFILE)?;
        environment.push(("FSPLUG_TEST_DIST_PLUGIN", shipped.into()));
    }
    if options.long {
        environment.push(("FSPLUG_TEST_LONG", "1".into()));
        environment.push(("PROPTEST_CASES", "4096".into()));
    }

    step("running the unit, integration and documentation tests");
    let mut arguments = vec!["test", "--workspace"];
    if options.quick {
        arguments.extend(["--", "--skip", "the_shipped_plugin"]);
    }
    let mut tests = workspace.cargo(&arguments);
    tests.envs(environment);
    Workspace::run(tests)?;

    let programs = demo::Programs {
        plugins: workspace.plugins(),
        testkit: testkit.to_path_buf(),
        wordcount: wordcount.to_path_buf(),
        fsplug: Some(built.executable("fsplug")?.to_path_buf()),
    };
    plugin_build::install(&programs.plugins, &library)?;
    for (text, options) in demos(options.long) {
        step(format_args!("running the demo {text}"));
        demo::count(&options, &demo::texts(&options, &workspace)?, &programs)?;
    }
    step("all tests passed");
    Ok(())
}

/// The runs of the demo that are part of the tests.
fn demos(long: bool) -> [(&'static str, demo::Options); 4] {
    let factor = if long { 10 } else { 1 };
    let small = || demo::Options {
        files: Vec::new(),
        kill_at: None,
        chaos: None,
        seed: None,
        readers: 4,
        size: 4_000_000 * factor,
        rate: Some(0),
        part_size: Some(64 << 10),
        batch_words: None,
        checkpoint_interval: Some("500 ms".to_owned()),
    };
    let killed = || demo::Options {
        kill_at: Some(50),
        rate: None,
        ..small()
    };
    // Hardly anything is added up, so that part files become larger than a part of an upload: what
    // is restored is an upload with parts, not only its tail.
    let large = demo::Options {
        size: 30_000_000 * factor,
        readers: 2,
        part_size: Some(12 << 20),
        batch_words: Some(10),
        ..killed()
    };
    let chaos = demo::Options {
        kill_at: None,
        chaos: Some(if long { 50 } else { 5 }),
        size: 8_000_000 * factor,
        part_size: None,
        checkpoint_interval: None,
        ..killed()
    };
    [
        ("without interruption", small()),
        ("with a kill among small part files", killed()),
        ("with a kill among multipart uploads", large),
        ("with kills at random and faults", chaos),
    ]
}
