//! The compilers that make the libraries of these tests, and the sources.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use host_loader::plugin_api::NOTE_TYPE;

use crate::shared_object::manifest;

pub(crate) const C: &str = "cc";
pub(crate) const CXX: &str = "c++";

/// The Rust compiler that builds the tests.
pub(crate) fn rustc() -> String {
    env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

/// A source of `native/`.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/isolation/native")
        .join(name)
}

/// Runs a compiler and returns what it was told to make.
pub(crate) fn compile<S: AsRef<OsStr>>(compiler: &str, output: &Path, arguments: &[S]) -> PathBuf {
    fs::create_dir_all(output.parent().unwrap()).unwrap();
    let result = match Command::new(compiler)
        .args(arguments)
        .arg("-o")
        .arg(output)
        .output()
    {
        Ok(result) => result,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("these tests build C and C++ libraries: install gcc and g++ (there is no '{compiler}')")
        }
        Err(error) => panic!("{compiler}: {error}"),
    };
    let text = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{compiler}: {text}");
    output.to_owned()
}

/// Compiles one file for a shared library.
pub(crate) fn object(compiler: &str, source_name: &str, output: &Path, options: &[String]) -> PathBuf {
    let mut arguments = vec!["-c".to_owned(), "-fPIC".to_owned(), "-O1".to_owned()];
    arguments.extend_from_slice(options);
    arguments.push(source(source_name).to_str().unwrap().to_owned());
    compile(compiler, output, &arguments)
}

/// `plugin.c` as the plugin and scheme `name`, of the version that it expects of its library.
pub(crate) fn plugin_object(output: &Path, name: &str, version: u32) -> PathBuf {
    let text = manifest(1, name, name);
    let options = [
        format!("-DVERSION={version}"),
        format!("-DNAME={name:?}"),
        format!("-DMANIFEST={text:?}"),
        format!("-DNOTE_TYPE={NOTE_TYPE}"),
    ];
    object(C, "plugin.c", output, &options)
}

/// Links objects and libraries to a shared library.
pub(crate) fn link<S: AsRef<OsStr>>(output: &Path, inputs: &[S], options: &[String]) -> PathBuf {
    let mut arguments = vec![OsStr::new("-shared")];
    arguments.extend(options.iter().map(OsStr::new));
    arguments.extend(inputs.iter().map(AsRef::as_ref));
    compile(C, output, &arguments)
}
