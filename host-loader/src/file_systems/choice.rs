//! Which of several plugins is used: two pure decisions.

/// A plugin that was found, as far as it matters for its place among others of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) name: &'a str,
    /// The place where it was found; lower ones come first.
    pub(super) rank: usize,
    pub(super) is_usable: bool,
}

/// For each plugin the one that is used in its place: one of its name from an earlier place.
///
/// What cannot be used shadows nothing, and is not shadowed. Two of one name in one place are both kept: which was
/// meant is for the schemes to decide.
pub(super) fn shadows(found: &[Found<'_>]) -> Vec<Option<usize>> {
    let first = |name: &str| {
        let usable = found.iter().enumerate().filter(|(_, other)| other.is_usable);
        usable
            .filter(|(_, other)| other.name == name)
            .min_by_key(|(_, other)| other.rank)
    };
    found
        .iter()
        .map(|plugin| {
            let (index, first) = first(plugin.name)?;
            (plugin.is_usable && first.rank < plugin.rank).then_some(index)
        })
        .collect()
}

/// A plugin that serves a scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bid<'a> {
    pub(super) name: &'a str,
    pub(super) priority: i64,
}

/// Which one of the bids counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// There is no other.
    Only(usize),
    /// It is the one that was named.
    Named(usize),
    /// Its priority is higher than that of all others.
    Highest(usize),
    /// None has the name that was given.
    NoneNamed,
    /// Nothing says which one of these.
    Tied(Vec<usize>),
}

/// Chooses among the plugins that serve a scheme, of which there is at least one. A name that is given decides
/// alone; among several of that name, and where none is given, the highest priority does.
pub(super) fn choose(bids: &[Bid<'_>], named: Option<&str>) -> Choice {
    let asked: Vec<usize> = (0..bids.len())
        .filter(|&index| named.is_none_or(|name| bids[index].name == name))
        .collect();
    let Some(highest) = asked.iter().map(|&index| bids[index].priority).max() else {
        return Choice::NoneNamed;
    };
    let best: Vec<usize> = asked
        .into_iter()
        .filter(|&index| bids[index].priority == highest)
        .collect();
    match best.as_slice() {
        [index] if named.is_some() => Choice::Named(*index),
        [index] if bids.len() == 1 => Choice::Only(*index),
        [index] => Choice::Highest(*index),
        _ => Choice::Tied(best),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    /// A plugin of the model; the number tells it from others that are alike.
    type Plugin = (usize, Found<'static>, i64);

    fn plugins() -> impl Strategy<Value = Vec<Plugin>> {
        let plugin = (
            0..NAMES.len(),
            0..3_usize,
            proptest::bool::weighted(0.8),
            -1..2_i64,
        );
        proptest::collection::vec(plugin, 1..7).prop_map(|all| {
            let found = all.into_iter().enumerate();
            found
                .map(|(number, (name, rank, is_usable, priority))| {
                    let name = NAMES[name];
                    let found = Found {
                        name,
                        rank,
                        is_usable,
                    };
                    (number, found, priority)
                })
                .collect()
        })
    }

    /// What the code under test comes to: the numbers of those that are left, and of the one that serves the scheme;
    /// `Err` with those that are tied.
    fn decided(plugins: &[Plugin], named: Option<&str>) -> (Vec<usize>, Option<Result<usize, Vec<usize>>>) {
        let found: Vec<Found> = plugins.iter().map(|plugin| plugin.1).collect();
        let shadows = shadows(&found);
        let left: Vec<&Plugin> = plugins
            .iter()
            .zip(&shadows)
            .filter(|(plugin, shadow)| plugin.1.is_usable && shadow.is_none())
            .map(|(plugin, _)| plugin)
            .collect();
        let bids: Vec<Bid> = left
            .iter()
            .map(|plugin| Bid {
                name: plugin.1.name,
                priority: plugin.2,
            })
            .collect();
        let mut numbers: Vec<usize> = left.iter().map(|plugin| plugin.0).collect();
        let winner = (!bids.is_empty()).then(|| match choose(&bids, named) {
            Choice::Only(index) | Choice::Named(index) | Choice::Highest(index) => Ok(numbers[index]),
            Choice::NoneNamed => Err(Vec::new()),
            Choice::Tied(tied) => {
                let mut tied: Vec<usize> = tied.into_iter().map(|index| numbers[index]).collect();
                tied.sort_unstable();
                Err(tied)
            }
        });
        numbers.sort_unstable();
        (numbers, winner)
    }

    /// The same by the words of the documentation, each plugin asked against each other.
    fn expected(plugins: &[Plugin], named: Option<&str>) -> (Vec<usize>, Option<Result<usize, Vec<usize>>>) {
        let hides = |a: &Plugin, b: &Plugin| a.1.is_usable && a.1.name == b.1.name && a.1.rank < b.1.rank;
        let left: Vec<&Plugin> = plugins
            .iter()
            .filter(|b| b.1.is_usable && !plugins.iter().any(|a| hides(a, b)))
            .collect();
        let may = |b: &&&Plugin| named.is_none_or(|name| b.1.name == name);
        let beaten = |b: &Plugin| left.iter().filter(may).any(|a| a.2 > b.2);
        let mut best: Vec<usize> = left
            .iter()
            .filter(may)
            .filter(|b| !beaten(b))
            .map(|b| b.0)
            .collect();
        best.sort_unstable();
        let mut numbers: Vec<usize> = left.iter().map(|plugin| plugin.0).collect();
        numbers.sort_unstable();
        let winner = match best.as_slice() {
            _ if left.is_empty() => None,
            &[number] => Some(Ok(number)),
            _ => Some(Err(best)),
        };
        (numbers, winner)
    }

    proptest! {
        #[test]
        fn the_choice_is_the_documented_one_in_whatever_order_plugins_are_listed(
            (plugins, shuffled) in plugins().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            named in proptest::option::of(0..NAMES.len() + 1),
        ) {
            let named = named.map(|name| NAMES.get(name).copied().unwrap_or("nobody"));
            let expected = expected(&plugins, named);
            prop_assert_eq!(&decided(&plugins, named), &expected);
            prop_assert_eq!(&decided(&shuffled, named), &expected);
        }

        #[test]
        fn a_name_wins_over_every_priority(priorities in proptest::collection::vec(any::<i64>(), 1..5), at in 0..5_usize) {
            let names: Vec<String> = (0..priorities.len()).map(|index| format!("p{index}")).collect();
            let bids: Vec<Bid> = names
                .iter()
                .zip(&priorities)
                .map(|(name, &priority)| Bid { name, priority })
                .collect();
            let at = at % bids.len();
            prop_assert_eq!(choose(&bids, Some(&names[at])), Choice::Named(at));
        }
    }

    #[test]
    fn the_reason_of_a_choice_is_told() {
        let bid = |name, priority| Bid { name, priority };
        let bids = [bid("a", 0), bid("b", 1), bid("c", 1)];
        assert_eq!(choose(&bids[..1], None), Choice::Only(0));
        assert_eq!(choose(&bids[..2], None), Choice::Highest(1));
        assert_eq!(choose(&bids, None), Choice::Tied(vec![1, 2]));
        assert_eq!(choose(&bids, Some("a")), Choice::Named(0));
        assert_eq!(choose(&bids, Some("x")), Choice::NoneNamed);
        assert_eq!(
            choose(&[bid("a", 0), bid("a", 0)], Some("a")),
            Choice::Tied(vec![0, 1])
        );
        assert_eq!(choose(&[bid("a", 0), bid("a", 2)], Some("a")), Choice::Named(1));
    }
}
