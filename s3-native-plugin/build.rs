//! Keeps the exports of the shared library to the plugin's own, and the shipped one small.

use std::env;
use std::fs;
use std::path::PathBuf;

/// C functions that crc-fast, a dependency of the SDK's checksums, exports from whatever library it
/// is linked into. The loader's audit objects to foreign exports, since two plugins would offer the
/// same names to one process; the same audit tells when this list has to grow.
const FOREIGN: &[&str] = &[
    "crc_fast_checksum",
    "crc_fast_checksum_combine",
    "crc_fast_checksum_combine_with_params",
    "crc_fast_checksum_file",
    "crc_fast_checksum_file_with_params",
    "crc_fast_checksum_with_params",
    "crc_fast_clear_error",
    "crc_fast_crc32_iscsi",
    "crc_fast_crc32_iso_hdlc",
    "crc_fast_crc64_nvme",
    "crc_fast_digest_combine",
    "crc_fast_digest_finalize",
    "crc_fast_digest_finalize_reset",
    "crc_fast_digest_free",
    "crc_fast_digest_get_amount",
    "crc_fast_digest_get_state",
    "crc_fast_digest_new",
    "crc_fast_digest_new_with_init_state",
    "crc_fast_digest_new_with_params",
    "crc_fast_digest_reset",
    "crc_fast_digest_update",
    "crc_fast_error_message",
    "crc_fast_get_calculator_target",
    "crc_fast_get_custom_params",
    "crc_fast_get_last_error",
    "crc_fast_get_version",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let script = directory.join("hidden.map");
    // The compiler passes a version script of its own; a second one may only name symbols one by one.
    let names = FOREIGN.join(";\n    ");
    fs::write(&script, format!("{{\n  local:\n    {names};\n}};\n")).expect("OUT_DIR is writable");
    println!(
        "cargo::rustc-cdylib-link-arg=-Wl,--version-script={}",
        script.display()
    );
    // Calls within the library stay within it, whatever the host has loaded.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic");
    // Generic code leaves many functions that are the same. The linker that comes with Rust for this target folds
    // them; others may not know how, and what is built to debug keeps the names of all.
    let has_lld = env::var("TARGET").as_deref() == Ok("x86_64-unknown-linux-gnu");
    if has_lld && env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--icf=all");
    }
}
