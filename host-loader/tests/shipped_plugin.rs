//! The S3 plugin as it is shipped, read as an ELF file.

#[path = "support/artefacts.rs"]
mod artefacts;

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use host_loader::FileSystems;
use object::read::elf::ElfFile64;
use object::{Object, ObjectSymbol};

static LIBRARY: LazyLock<Vec<u8>> = LazyLock::new(|| fs::read(artefacts::shipped_plugin()).unwrap());

fn elf() -> ElfFile64<'static> {
    ElfFile64::parse(LIBRARY.as_slice()).unwrap()
}

#[test]
fn the_shipped_plugin_is_stripped_and_smaller_than_12_5_mb() {
    // What it measures and the C entry took the last 400,000 bytes.
    assert!(LIBRARY.len() < 12_500_000, "{} bytes", LIBRARY.len());
    assert_eq!(elf().symbols().count(), 0, "no symbol table but the dynamic one");
}

#[test]
fn the_shipped_plugin_exports_its_entries_and_nothing_else() {
    let exported: BTreeSet<_> = elf()
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition() && symbol.is_global())
        .map(|symbol| symbol.name().unwrap().to_owned())
        .collect();
    assert_eq!(
        exported,
        BTreeSet::from(["fs_plugin_c_api", "fs_plugin_root_module"].map(String::from))
    );
}

#[test]
fn the_shipped_plugin_needs_only_the_c_library() {
    use object::elf::{DT_NEEDED, FileHeader64};
    use object::read::elf::{Dyn as _, FileHeader as _, SectionHeader as _};

    let data = LIBRARY.as_slice();
    let header = FileHeader64::<object::Endianness>::parse(data).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, data).unwrap();
    let (dynamic, link) = sections.dynamic(endian, data).unwrap().unwrap();
    let strings = sections.strings(endian, data, link).unwrap();
    let needed: BTreeSet<String> = dynamic
        .iter()
        .filter(|entry| entry.tag(endian) == DT_NEEDED)
        .map(|entry| String::from_utf8_lossy(entry.string(endian, strings).unwrap()).into_owned())
        .collect();
    for library in &needed {
        let allowed = ["libc.so.", "libm.so.", "libgcc_s.so.", "ld-linux"];
        assert!(
            allowed.iter().any(|prefix| library.starts_with(prefix)),
            "it needs {library}"
        );
    }
    assert!(
        sections
            .iter()
            .any(|section| section.sh_type(endian) == object::elf::SHT_NOTE)
    );
}

#[test]
fn the_shipped_plugin_describes_itself_and_loads() {
    let directory = artefacts::plugin_directory(&artefacts::shipped_plugin());
    let systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(directory.path())
        .build()
        .unwrap();
    let reports = systems.plugins();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let manifest = reports[0].manifest.clone().expect("a manifest");
    assert_eq!(
        (manifest.name.as_str(), manifest.schemes.as_slice()),
        ("s3-native", &["s3", "s3a"].map(String::from)[..])
    );
    assert!(
        manifest
            .options
            .iter()
            .any(|option| option.key == "s3.secret-key" && option.secret)
    );
    assert!(!reports[0].loaded, "looking at a plugin runs none of its code");
    let path = systems.resolve("s3a://bucket/key").unwrap();
    // Whether there are credentials here or not: the factory is made before they count.
    drop(futures_executor::block_on(systems.get(&path)));
    assert!(systems.plugins()[0].loaded);
}
