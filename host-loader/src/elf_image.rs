//! A shared library as a file: its headers, checked before anything in them is used.

use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionTable};
use object::{Endianness, ReadRef};
use plugin_api::{Error, ErrorKind};

pub(crate) type Header = FileHeader64<Endianness>;

/// The machine that this host runs on, as an ELF header names it.
pub(crate) const HOST_MACHINE: elf::Machine = if cfg!(target_arch = "x86_64") {
    elf::EM_X86_64
} else if cfg!(target_arch = "aarch64") {
    elf::EM_AARCH64
} else if cfg!(target_arch = "riscv64") {
    elf::EM_RISCV
} else if cfg!(target_arch = "powerpc64") {
    elf::EM_PPC64
} else if cfg!(target_arch = "s390x") {
    elf::EM_S390
} else if cfg!(target_arch = "loongarch64") {
    elf::EM_LOONGARCH
} else {
    elf::EM_NONE
};

const CLASS_OFFSET: usize = 4;
const BYTE_ORDER_OFFSET: usize = 5;
const CLASS_64: u8 = 2;
const HOST_BYTE_ORDER: u8 = if cfg!(target_endian = "little") { 1 } else { 2 };

/// The headers of a complete shared library for this machine.
pub(crate) struct ElfImage<'data, R: ReadRef<'data>> {
    pub(crate) data: R,
    pub(crate) endian: Endianness,
    pub(crate) segments: &'data [ProgramHeader64<Endianness>],
    pub(crate) sections: SectionTable<'data, Header, R>,
}

/// [`ErrorKind::PluginLoad`] with its remedy; the path is added by whoever knows it.
pub(crate) fn refuse(message: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::new(ErrorKind::PluginLoad, message).with_remedy(remedy)
}

/// The file contradicts itself, which a complete one never does.
pub(crate) fn damaged(what: &str) -> Error {
    refuse(
        format!("damaged shared library: {what}"),
        "build or copy the plugin again",
    )
}

fn truncated(len: u64, expected: u64) -> Error {
    refuse(
        format!("truncated shared library: {len} bytes, its headers describe {expected}"),
        "copy the plugin again",
    )
}

impl<'data, R: ReadRef<'data>> ElfImage<'data, R> {
    /// Checks that `data` is a whole shared library for this machine.
    pub(crate) fn parse(data: R) -> Result<Self, Error> {
        let len = data.len().map_err(|()| damaged("its length cannot be read"))?;
        check_ident(data, len)?;
        let header = Header::parse(data).map_err(|_| damaged("invalid file header"))?;
        let endian = header.endian().map_err(|_| damaged("invalid byte order"))?;
        let machine = header.e_machine(endian);
        if machine != HOST_MACHINE {
            return Err(refuse(
                format!(
                    "built for {}, this host is {}",
                    machine_name(machine),
                    machine_name(HOST_MACHINE)
                ),
                "use a build of the plugin for this machine",
            ));
        }
        if header.e_type(endian) != elf::ET_DYN {
            return Err(not_a_library());
        }
        let segments_end = header
            .e_phoff(endian)
            .saturating_add(u64::from(header.e_phnum(endian)) * u64::from(header.e_phentsize(endian)));
        let sections_end = header
            .e_shoff(endian)
            .saturating_add(u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian)));
        let headers_end = segments_end.max(sections_end);
        if headers_end > len {
            return Err(truncated(len, headers_end));
        }
        let segments = header
            .program_headers(endian, data)
            .map_err(|_| damaged("invalid program headers"))?;
        let content_end = segments
            .iter()
            .map(|segment| segment.p_offset(endian).saturating_add(segment.p_filesz(endian)))
            .max()
            .unwrap_or(0);
        if content_end > len {
            return Err(truncated(len, content_end));
        }
        let sections = header
            .sections(endian, data)
            .map_err(|_| damaged("invalid section headers"))?;
        Ok(Self {
            data,
            endian,
            segments,
            sections,
        })
    }
}

/// The error for an ELF file of another type.
pub(crate) fn not_a_library() -> Error {
    refuse(
        "an ELF file, but not a shared library",
        "build the plugin with crate-type = [\"cdylib\"]",
    )
}

fn check_ident<'data, R: ReadRef<'data>>(data: R, len: u64) -> Result<(), Error> {
    if len == 0 {
        return Err(refuse("the file is empty", "copy the plugin again"));
    }
    let magic_len = len.min(elf::ELFMAG.len() as u64);
    let magic = data
        .read_bytes_at(0, magic_len)
        .map_err(|()| damaged("its first bytes cannot be read"))?;
    if !elf::ELFMAG.starts_with(magic) {
        return Err(refuse(
            "not an ELF shared library",
            "put the plugin's .so here, or remove the file",
        ));
    }
    let header_len = size_of::<Header>() as u64;
    if len < header_len {
        return Err(truncated(len, header_len));
    }
    let ident = data
        .read_bytes_at(0, header_len)
        .map_err(|()| damaged("its header cannot be read"))?;
    if ident[CLASS_OFFSET] != CLASS_64 {
        return Err(refuse(
            "a 32-bit library, this host is 64-bit",
            "use a 64-bit build of the plugin",
        ));
    }
    if ident[BYTE_ORDER_OFFSET] != HOST_BYTE_ORDER {
        return Err(refuse(
            "built for the other byte order than this host's",
            "use a build of the plugin for this machine",
        ));
    }
    Ok(())
}

fn machine_name(machine: elf::Machine) -> String {
    let name = match machine {
        elf::EM_X86_64 => "x86-64",
        elf::EM_AARCH64 => "AArch64",
        elf::EM_RISCV => "RISC-V",
        elf::EM_PPC64 => "PowerPC64",
        elf::EM_S390 => "S/390",
        elf::EM_LOONGARCH => "LoongArch",
        elf::EM_386 => "x86",
        elf::EM_ARM => "ARM",
        other => return format!("machine number {}", other.0),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(data: &[u8]) -> String {
        ElfImage::parse(data)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    /// The header of a shared library for this machine that has nothing else.
    fn bare_header() -> Vec<u8> {
        let mut header = vec![0u8; size_of::<Header>()];
        header[..4].copy_from_slice(&elf::ELFMAG);
        header[CLASS_OFFSET] = CLASS_64;
        header[BYTE_ORDER_OFFSET] = HOST_BYTE_ORDER;
        header[6] = 1;
        header[16..18].copy_from_slice(&elf::ET_DYN.0.to_ne_bytes());
        header[18..20].copy_from_slice(&HOST_MACHINE.0.to_ne_bytes());
        header
    }

    #[test]
    fn each_way_not_to_be_a_library_has_its_own_text() {
        assert!(ElfImage::parse(&*bare_header()).is_ok());
        let patched = |at: usize, bytes: &[u8]| {
            let mut header = bare_header();
            header[at..at + bytes.len()].copy_from_slice(bytes);
            message(&header)
        };
        assert!(message(b"").contains("empty"));
        assert!(message(b"hello, world").contains("not an ELF shared library"));
        assert!(message(&bare_header()[..20]).contains("truncated"));
        assert!(patched(CLASS_OFFSET, &[1]).contains("32-bit"));
        assert!(patched(BYTE_ORDER_OFFSET, &[3 - HOST_BYTE_ORDER]).contains("byte order"));
        assert!(patched(18, &40u16.to_ne_bytes()).contains("built for ARM"));
        assert!(patched(16, &2u16.to_ne_bytes()).contains("not a shared library"));
        // Section headers far beyond the end.
        assert!(patched(40, &1_000_000u64.to_ne_bytes()).contains("truncated"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(
            mut data in proptest::collection::vec(any::<u8>(), 0..512),
            valid_start in any::<bool>(),
        ) {
            if valid_start && data.len() >= 20 {
                data[..20].copy_from_slice(&bare_header()[..20]);
            }
            let _ = ElfImage::parse(&*data);
        }
    }
}
