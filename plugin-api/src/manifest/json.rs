//! The manifest as JSON, written while the plugin is compiled, since the note is a static.

use super::ABI_VERSION;
use crate::ConfigOption;

/// What [`export_plugin!`](crate::export_plugin) puts into the manifest.
#[derive(Clone, Copy, Debug)]
pub struct PluginSpec {
    /// Name of the plugin.
    pub name: &'static str,
    /// Version of the plugin.
    pub version: &'static str,
    /// Schemes that it serves, in lower case.
    pub schemes: &'static [&'static str],
    /// Configuration that it understands.
    pub options: &'static [ConfigOption],
    /// What the keys begin with that nobody else reads.
    pub owned_prefixes: &'static [&'static str],
    /// What the keys begin with that count for one authority alone, or "".
    pub scope_prefix: &'static str,
}

impl PluginSpec {
    /// Length of the manifest in bytes.
    pub const fn json_len(&self) -> usize {
        let mut writer = Writer::<0> { bytes: [], len: 0 };
        writer.manifest(self);
        writer.len
    }

    /// The manifest; `N` must be [`json_len`](Self::json_len).
    pub const fn json<const N: usize>(&self) -> [u8; N] {
        let mut writer = Writer::<N> {
            bytes: [0; N],
            len: 0,
        };
        writer.manifest(self);
        assert!(writer.len == N, "N must be json_len()");
        writer.bytes
    }
}

/// Writes up to `N` bytes and counts all of them, so that `Writer<0>` measures.
struct Writer<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Writer<N> {
    const fn byte(&mut self, byte: u8) {
        if self.len < N {
            self.bytes[self.len] = byte;
        }
        self.len += 1;
    }

    const fn raw(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            self.byte(bytes[i]);
            i += 1;
        }
    }

    /// A JSON string (RFC 8259 §7); UTF-8 beyond ASCII stays as it is.
    const fn string(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let bytes = text.as_bytes();
        self.byte(b'"');
        let mut i = 0;
        while i < bytes.len() {
            match bytes[i] {
                b @ (b'"' | b'\\') => {
                    self.byte(b'\\');
                    self.byte(b);
                }
                b @ 0..0x20 => {
                    self.raw("\\u00");
                    self.byte(HEX[(b >> 4) as usize]);
                    self.byte(HEX[(b & 15) as usize]);
                }
                b => self.byte(b),
            }
            i += 1;
        }
        self.byte(b'"');
    }

    const fn strings(&mut self, texts: &[&str]) {
        self.byte(b'[');
        let mut i = 0;
        while i < texts.len() {
            if i > 0 {
                self.byte(b',');
            }
            self.string(texts[i]);
            i += 1;
        }
        self.byte(b']');
    }

    const fn number(&mut self, number: u32) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8);
    }

    const fn manifest(&mut self, spec: &PluginSpec) {
        self.raw("{\"format\":1,\"abi\":{\"major\":");
        self.number(ABI_VERSION.major);
        self.raw(",\"minor\":");
        self.number(ABI_VERSION.minor);
        self.raw("},\"name\":");
        self.string(spec.name);
        self.raw(",\"version\":");
        self.string(spec.version);
        self.raw(",\"schemes\":");
        self.strings(spec.schemes);
        self.raw(",\"options\":[");
        let mut i = 0;
        while i < spec.options.len() {
            if i > 0 {
                self.byte(b',');
            }
            self.option(&spec.options[i]);
            i += 1;
        }
        self.raw("],\"owned_prefixes\":");
        self.strings(spec.owned_prefixes);
        self.raw(",\"scope_prefix\":");
        self.string(spec.scope_prefix);
        self.raw("}");
    }

    /// A further member of an object, unless it is empty.
    const fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.raw(",\"");
            self.raw(name);
            self.raw("\":");
            self.string(text);
        }
    }

    const fn option(&mut self, option: &ConfigOption) {
        self.raw("{\"key\":");
        self.string(option.key);
        self.raw(",\"type\":");
        self.string(option.value_type.as_str());
        if !option.aliases.is_empty() {
            self.raw(",\"aliases\":");
            self.strings(option.aliases);
        }
        if let Some(default) = option.default {
            self.raw(",\"default\":");
            self.string(default);
        }
        self.text("range", option.range);
        if option.secret {
            self.raw(",\"secret\":true");
        }
        if !option.scoped.is_empty() {
            self.raw(",\"scoped\":");
            self.strings(option.scoped);
        }
        self.text("group", option.group);
        self.text("no_effect", option.no_effect);
        self.text("since", option.since);
        self.raw(",\"description\":");
        self.string(option.description);
        self.byte(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Manifest, OptionInfo, ValueType};

    const SPEC: PluginSpec = PluginSpec {
        name: "quote\" back\\slash\n tab\t é",
        version: "1.2.3",
        schemes: &["s3", "s3a"],
        options: &[
            ConfigOption::new("a.b", ValueType::Bytes)
                .default("5")
                .range("1 to 9")
                .scoped(&["b", "c"])
                .group("g")
                .describe("Says \"hi\"."),
            ConfigOption::new("a.secret", ValueType::Text)
                .secret()
                .aliases(&["x", "y"])
                .no_effect("There is nothing to set.")
                .since("0.1.0"),
        ],
        owned_prefixes: &["a.", "b."],
        scope_prefix: "a.bucket.",
    };
    const JSON: [u8; SPEC.json_len()] = SPEC.json();

    #[test]
    fn what_is_written_at_compile_time_is_read_back_by_serde() {
        let manifest: Manifest = serde_json::from_slice(&JSON).unwrap();
        assert_eq!(manifest.name, SPEC.name);
        assert_eq!(manifest.abi, ABI_VERSION);
        assert_eq!(manifest.schemes, SPEC.schemes);
        let expected: Vec<OptionInfo> = SPEC.options.iter().map(OptionInfo::from).collect();
        assert_eq!(manifest.options, expected);
        assert_eq!(manifest.owned_prefixes, SPEC.owned_prefixes);
        assert_eq!(manifest.scope_prefix, SPEC.scope_prefix);
    }
}
