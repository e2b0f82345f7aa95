//! Every promise of the book names tests, and these exist.

use std::fs;
use std::path::{Path, PathBuf};

/// A promise: its number, and the tests that hold it.
struct Promise {
    number: u32,
    tests: Vec<String>,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// A promise begins with `**S-1**` and ends with its paragraph; its tests follow `Held by`.
fn promises(book: &str) -> Vec<Promise> {
    let mut promises = Vec::new();
    for paragraph in book.split("\n\n") {
        let Some(rest) = paragraph.trim_start().strip_prefix("**S-") else {
            assert!(
                !paragraph.contains("**S-"),
                "a promise begins a paragraph: {paragraph}"
            );
            continue;
        };
        let (number, text) = rest.split_once("**").unwrap();
        let number = number.parse().unwrap();
        let (_, tests) = text
            .split_once("\nHeld by ")
            .unwrap_or_else(|| panic!("S-{number} names no test"));
        // Every second piece is inside of backquotes.
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        promises.push(Promise {
            number,
            tests: tests.collect(),
        });
    }
    promises
}

/// The sources that a test may be in, and its name.
fn source_of(test: &str) -> (String, &str) {
    let (path, name) = test.rsplit_once("::").expect(test);
    let (package, modules) = path.split_once("::").expect(test);
    let read = |file: PathBuf| fs::read_to_string(file).unwrap_or_default();
    if package == "conformance" {
        // A group is a module, and what it has below it.
        let group = workspace().join("conformance-tests/src/groups").join(modules);
        let below = fs::read_dir(&group).into_iter().flatten();
        let below: String = below.map(|file| read(file.unwrap().path())).collect();
        return (read(group.with_extension("rs")) + &below, name);
    }
    let file = match modules.strip_prefix("src::") {
        Some(module) => format!("{package}/src/{}.rs", module.replace("::", "/")),
        None => format!("{package}/tests/{}.rs", modules.replace("::", "/")),
    };
    (read(workspace().join(file)), name)
}

/// Whether the source has a test of this name: a function behind `#[test]` and the like, or in the
/// conformance suite a function that is also listed as a case.
fn has_test(source: &str, name: &str, is_case: bool) -> bool {
    let function = format!("fn {name}(");
    if is_case {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let named = source.split(|c| !is_part(c)).filter(|word| *word == name).count();
        return named > 1 && source.contains(&function);
    }
    let lines: Vec<&str> = source.lines().collect();
    lines.iter().enumerate().any(|(number, line)| {
        line.contains(&function)
            && lines[..number]
                .iter()
                .rev()
                .take_while(|line| line.trim_start().starts_with("#["))
                .any(|line| line.contains("test"))
    })
}

#[test]
fn every_promise_names_tests_that_exist() {
    let book = fs::read_to_string(workspace().join("docs/src/semantics.md")).unwrap();
    let promises = promises(&book);
    assert!(promises.len() > 40, "{} promises are found", promises.len());
    let mut missing = Vec::new();
    // New promises stand where they belong, and their numbers follow the highest.
    let mut numbers: Vec<u32> = promises.iter().map(|promise| promise.number).collect();
    numbers.sort_unstable();
    let all: Vec<u32> = (1..).take(promises.len()).collect();
    assert_eq!(numbers, all, "each number is there once");
    for promise in &promises {
        let number = promise.number;
        if promise.tests.is_empty() {
            missing.push(format!("S-{number} names no test"));
        }
        for test in &promise.tests {
            let (source, name) = source_of(test);
            if !has_test(&source, name, test.starts_with("conformance::")) {
                missing.push(format!("S-{number} names '{test}', which does not exist"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_name_without_a_test_is_noticed() {
    let source = "#[tokio::test]\nasync fn a_test() {}\n\nfn no_test() {}\n";
    assert!(has_test(source, "a_test", false));
    assert!(!has_test(source, "no_test", false) && !has_test(source, "test", false));
    let source = "case!(a_case, \"\")\nasync fn a_case() {}\nasync fn no_case() {}\n";
    assert!(has_test(source, "a_case", true));
    assert!(!has_test(source, "no_case", true) && !has_test(source, "case", true));
    let book = "# Title\n\n**S-1** One.\nHeld by `a::b::c`,\n`d::src::e::f`.\n\nText with `code`.\n";
    let promises = promises(book);
    assert_eq!(promises.len(), 1);
    assert_eq!(promises[0].tests, ["a::b::c", "d::src::e::f"]);
}
