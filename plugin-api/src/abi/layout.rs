//! The layout of the ABI as text, for the golden file that guards it.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt::Write;

use abi_stable::StableAbi;
use abi_stable::type_layout::{TLData, TLField, TypeLayout};

use super::interface::PluginModuleRef;

/// Describes every type that crosses the boundary: size, alignment, fields and signatures.
///
/// The text depends on nothing but the ABI: two builds with the same text understand each other,
/// and a change of it is a change of the ABI.
pub fn layout_description() -> String {
    // Names leave out type parameters, so that one name may stand for several types.
    let mut seen = HashSet::new();
    let mut found = BTreeSet::new();
    let mut queue = VecDeque::from([<PluginModuleRef as StableAbi>::LAYOUT]);
    while let Some(layout) = queue.pop_front() {
        if seen.insert(layout.get_utypeid()) {
            found.insert(describe(layout, &mut queue));
        }
    }
    found.into_iter().collect::<Vec<_>>().join("\n")
}

fn type_name(layout: &TypeLayout) -> String {
    format!("{} in {}", layout.full_type(), layout.mod_path())
}

fn describe(layout: &'static TypeLayout, queue: &mut VecDeque<&'static TypeLayout>) -> String {
    let kind = match layout.data() {
        TLData::Primitive(_) => "primitive",
        TLData::Opaque => "opaque",
        TLData::Struct { .. } => "struct",
        TLData::Union { .. } => "union",
        TLData::Enum(_) => "enum",
        TLData::PrefixType(_) => "prefix type",
    };
    let mut text = format!(
        "{} : {kind}, size {}, align {}\n",
        type_name(layout),
        layout.size(),
        layout.alignment()
    );
    for field in layout.get_fields().into_iter().flat_map(|fields| fields.iter()) {
        describe_field(&field, "field", &mut text, queue);
    }
    for field in layout.phantom_fields().iter() {
        describe_field(&field, "checked", &mut text, queue);
    }
    text
}

fn describe_field(field: &TLField, role: &str, text: &mut String, queue: &mut VecDeque<&'static TypeLayout>) {
    let signatures: Vec<_> = field.function_range().iter().collect();
    if signatures.is_empty() {
        let _ = writeln!(text, "  {role} {}: {}", field.name(), type_name(field.layout()));
    }
    for signature in signatures {
        let signature_text = signature.to_string().replace('\n', " ");
        let _ = writeln!(text, "  {role} {}: {signature_text}", field.name());
        queue.extend(signature.param_type_layouts.iter().map(|layout| layout()));
        queue.extend(signature.return_type_layout().map(|layout| layout()));
    }
    queue.push_back(field.layout());
}
