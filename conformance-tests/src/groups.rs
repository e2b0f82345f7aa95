//! The cases, in groups.

mod bulk_copy;
mod cancellation;
mod committer;
mod concurrency;
mod create_no_overwrite;
mod create_overwrite;
mod delete;
mod entropy;
mod errors;
mod keys;
mod large;
mod lifecycle;
mod list;
mod mkdirs;
mod open_read;
mod output_stream;
mod paging;
mod read_ranges;
mod recoverable_writer;
mod rename;
mod seek;
mod status;

use crate::case::Case;

/// Cases of functions of a module, which they are named after: `function => "description";`, where
/// `, needs(capabilities)` or `, without(capabilities)` may stand before the semicolon.
macro_rules! table {
    ($($function:ident => $description:literal $(, $requirement:ident($($flags:tt)*))?;)*) => {
        vec![$(
            $crate::case::Case::new(stringify!($function), $description, $function)
                $(.$requirement($($flags)*))?
        ),*]
    };
}

use table;

/// Every case of the suite. Names are unique and stay as they are.
pub fn cases() -> Vec<Case> {
    let groups = [
        ("status", status::cases()),
        ("list", list::cases()),
        ("paging", paging::cases()),
        ("open_read", open_read::cases()),
        ("seek", seek::cases()),
        ("read_ranges", read_ranges::cases()),
        ("create_overwrite", create_overwrite::cases()),
        ("create_no_overwrite", create_no_overwrite::cases()),
        ("output_stream", output_stream::cases()),
        ("delete", delete::cases()),
        ("rename", rename::cases()),
        ("mkdirs", mkdirs::cases()),
        ("keys", keys::cases()),
        ("errors", errors::cases()),
        ("lifecycle", lifecycle::cases()),
        ("recoverable_writer", recoverable_writer::cases()),
        ("committer", committer::cases()),
        ("large", large::cases()),
        ("concurrency", concurrency::cases()),
        ("cancellation", cancellation::cases()),
        ("bulk_copy", bulk_copy::cases()),
        ("entropy", entropy::cases()),
    ];
    groups
        .into_iter()
        .flat_map(|(group, cases)| cases.into_iter().map(move |case| case.in_group(group)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_descriptions_are_one_line() {
        let cases = cases();
        let names: BTreeSet<&str> = cases.iter().map(Case::name).collect();
        assert_eq!(names.len(), cases.len());
        for case in &cases {
            assert!(
                case.name().contains("::") && !case.name().contains(' '),
                "{}",
                case.name()
            );
            assert!(
                !case.description().is_empty() && !case.description().contains('\n'),
                "{}",
                case.name()
            );
        }
    }
}
