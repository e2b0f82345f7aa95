//! The C entry as its users have it: the header in C and C++, the examples in C and Python on the embedded S3.

#[path = "support/artefacts.rs"]
mod artefacts;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

use tempfile::TempDir;
use testkit::Server;

/// What every compiler is asked to object to.
const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-pedantic-errors", "-Werror"];

static PLUGIN: LazyLock<PathBuf> = LazyLock::new(artefacts::plugin);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Runs a program to its end, which has to be a success: what it printed.
fn run(command: &mut Command, needed_for: &str) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{needed_for} needs {}: {error}", command.get_program().display()));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}\n{stderr}",
        output.status
    );
    stdout.into_owned()
}

fn compiler(variable: &str, otherwise: &str) -> Command {
    let mut command = Command::new(env::var_os(variable).unwrap_or_else(|| otherwise.into()));
    command.arg("-I").arg(root().join("plugin-api/include"));
    command
}

/// The example, built without optimisation: valgrind then names lines.
fn c_demo(directory: &Path) -> PathBuf {
    let program = directory.join("demo");
    let mut cc = compiler("CC", "cc");
    cc.args(["-std=c11", "-D_GNU_SOURCE", "-g"])
        .args(STRICT.iter().filter(|flag| !flag.contains("pedantic")))
        .arg(root().join("examples/c/demo.c"))
        .arg("-o")
        .arg(&program)
        .args(["-ldl", "-lpthread"]);
    run(&mut cc, "the example in C");
    program
}

/// A demo, its server, and the directory of its state.
struct Demo {
    server: Server,
    directory: TempDir,
}

impl Demo {
    fn new() -> Self {
        Self {
            server: Server::builder().bucket("bucket").start_blocking().unwrap(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Runs it once; what it printed.
    fn run(&self, mut program: Command, which: &str) -> String {
        program
            .arg(&*PLUGIN)
            .args(["s3://bucket", which])
            .arg(self.state());
        for (key, value) in self.server.config("s3.") {
            program.arg(format!("{key}={value}"));
        }
        run(&mut program, "the demo")
    }

    fn content(&self, key: &str) -> Option<Vec<u8>> {
        self.server.store().get("bucket", key).map(Vec::from)
    }
}

/// Both runs of the example in C, and what they leave in the store.
fn c_demo_runs(program: impl Fn(&Path) -> Command) {
    let demo = Demo::new();
    let binary = c_demo(demo.directory.path());
    let printed = demo.run(program(&binary), "first");
    assert!(printed.starts_with("hello from C\n"), "{printed}");
    for number in 0..4 {
        let path = format!("s3://bucket/together/{number}.txt");
        assert!(printed.contains(&path), "{printed}");
        assert_eq!(
            demo.content(&format!("together/{number}.txt")),
            Some(path.into_bytes())
        );
    }
    assert_eq!(demo.content("greeting.txt"), Some(b"hello from C\n".to_vec()));
    assert_eq!(
        demo.content("report.txt"),
        None,
        "it is published by the second run"
    );

    let printed = demo.run(program(&binary), "second");
    let mut report: Vec<u8> = (b'a'..=b'z').cycle().take(6 << 20).collect();
    report.extend_from_slice(b"END\n");
    assert!(
        printed.contains(&format!("{:10}  s3://bucket/report.txt", report.len())),
        "{printed}"
    );
    assert!(
        printed.contains(&format!("downloaded {} bytes", report.len())),
        "{printed}"
    );
    assert!(demo.content("report.txt").as_ref() == Some(&report));
    assert!(fs::read(demo.directory.path().join("state.downloaded")).unwrap() == report);
    assert_eq!(demo.server.store().open_uploads("bucket").len(), 0);
}

#[test]
fn the_example_in_c_lists_reads_writes_persists_recovers_and_commits() {
    c_demo_runs(|binary| Command::new(binary));
}

#[test]
fn the_example_in_c_has_no_memory_error_and_no_leak() {
    if env::var_os("FSPLUG_TEST_NO_VALGRIND").is_some() {
        return;
    }
    c_demo_runs(|binary| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args([
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite",
        ]);
        valgrind.arg(binary);
        valgrind
    });
}

#[test]
fn the_example_in_python_lists_reads_writes_persists_recovers_and_commits() {
    let python = || {
        let mut python = Command::new("python3");
        python.arg(root().join("examples/python/demo.py"));
        python
    };
    let demo = Demo::new();
    let printed = demo.run(python(), "first");
    assert!(
        printed.starts_with("hello from Python\nthe report is not there yet\n"),
        "{printed}"
    );
    assert_eq!(
        demo.content("greeting.txt"),
        Some(b"hello from Python\n".to_vec())
    );
    assert_eq!(demo.content("report.txt"), None);

    let printed = demo.run(python(), "second");
    let report = [b"0123456789".repeat(600_000).as_slice(), b"END\n"].concat();
    assert!(
        printed.contains("6000004 bytes in the report\nthe report is there\n"),
        "{printed}"
    );
    assert!(printed.contains("s3://bucket/greeting.txt"), "{printed}");
    assert!(demo.content("report.txt").as_ref() == Some(&report));
    assert_eq!(demo.server.store().open_uploads("bucket").len(), 0);
}

#[test]
fn an_error_reaches_a_c_program_with_its_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let program = c_demo(directory.path());
    let output = Command::new(program)
        .arg(&*PLUGIN)
        .args(["s3://bucket", "first", "state", "s3.retry.max-num-retries=many"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.starts_with("demo: ")
            && stderr.contains("'s3.retry.max-num-retries'")
            && stderr.contains("many"),
        "{stderr}"
    );
}

/// A program that compiles if every struct of the header is laid out as in the golden file.
fn layout_program(assertion: &str) -> String {
    let golden = fs::read_to_string(root().join("plugin-api/tests/c_v1.txt")).unwrap();
    let mut program = String::from("#include \"fsplug.h\"\n");
    for line in golden.lines() {
        let [name, field, number] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line:?}");
        };
        let measured = match field {
            "-" => format!("sizeof({name})"),
            _ => format!("offsetof({name}, {field})"),
        };
        writeln!(
            program,
            "{assertion}({measured} == {number}, \"{name} {field}\");"
        )
        .unwrap();
    }
    program.push_str("fsplug_api table;\nint main(void) { return table.release == 0 ? FSPLUG_OK : 1; }\n");
    program
}

#[test]
fn the_header_is_c11_and_has_the_layout_of_the_golden_file() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("layout.c");
    fs::write(&source, layout_program("_Static_assert")).unwrap();
    let mut cc = compiler("CC", "cc");
    cc.args(["-std=c11", "-c", "-o", "/dev/null"])
        .args(STRICT)
        .arg(&source);
    run(&mut cc, "the header in C");
}

#[test]
fn the_header_is_cpp17_and_has_the_layout_of_the_golden_file() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("layout.cpp");
    fs::write(&source, layout_program("static_assert")).unwrap();
    let mut cxx = compiler("CXX", "c++");
    cxx.args(["-std=c++17", "-c", "-o", "/dev/null"])
        .args(STRICT)
        .arg(&source);
    run(&mut cxx, "the header in C++");
}
