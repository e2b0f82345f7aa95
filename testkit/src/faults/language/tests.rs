use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,12}", "\\PC{1,8}", "[%,;:> \\t\\n=*~-]{1,6}"]
}

fn code() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z][A-Za-z]{0,12}", text()]
}

fn action() -> impl Strategy<Value = Action> {
    let status = || 300_u16..=599;
    let header = ("[A-Za-z][A-Za-z0-9-]{0,8}", "[!-~]{0,8}");
    prop_oneof![
        (status(), code(), prop_oneof![text(), Just(String::new())])
            .prop_map(|(status, code, message)| Action::status(status, code, message)),
        (status(), code(), prop::collection::vec(header, 1..3))
            .prop_map(|(status, code, headers)| Action::StatusWithHeaders(status, code.into(), headers)),
        (status(), code()).prop_map(|(status, code)| Action::apply_then_status(status, code)),
        any::<u64>().prop_map(|nanos| Action::Delay(Duration::from_nanos(nanos))),
        (0_u64..100_000).prop_map(|millis| Action::Delay(Duration::from_millis(millis))),
        any::<u64>().prop_map(Action::CutBodyAfter),
        any::<u64>().prop_map(Action::ResetBodyAfter),
        any::<u64>().prop_map(Action::HalfCloseBodyAfter),
        any::<u64>().prop_map(Action::Truncate),
        any::<u64>().prop_map(Action::FlipBit),
        (1..=u64::MAX).prop_map(Action::Trickle),
        any::<i64>().prop_map(Action::WrongContentRange),
        code().prop_map(Action::error_in_200),
        prop_oneof![text(), Just(String::new())].prop_map(Action::swap_object),
        prop::sample::select(vec![
            Action::Reset,
            Action::ApplyThenReset,
            Action::HalfClose,
            Action::CloseAfterAnswer,
            Action::BlackHole,
            Action::IgnoreRange,
            Action::IgnoreConditions,
            Action::RemoveObject,
            Action::ExpireUpload,
            Action::KillClient,
            Action::ApplyThenKillClient,
        ]),
    ]
}

prop_compose! {
    fn any_fault()(
        operation in option::of(prop::sample::select(OPERATIONS.map(|(name, _)| name).to_vec())),
        key in option::of(text()),
        key_contains in option::of(text()),
        part_number in option::of(1_u16..=10_000),
        skip in prop_oneof![Just(0), any::<u64>(), 0_u64..10],
        times in option::of(prop_oneof![Just(1), 1..=u64::MAX]),
        every in option::of(1..=u64::MAX),
        chance in option::of(prop_oneof![1..=MILLION, (1_u32..=100).prop_map(|percent| percent * 10_000)]),
        action in action(),
    ) -> Fault {
        let operation = operation.map(Into::into);
        Fault { operation, key, key_contains, part_number, skip, times, every, chance, action }
    }
}

proptest! {
    #[test]
    fn what_was_printed_is_read_back_and_printed_the_same(
        faults in prop::collection::vec(any_fault().prop_filter("impossible", |f| f.impossible().is_none()), 0..4),
    ) {
        let rules = Rules::from(faults);
        let text = rules.to_string();
        prop_assert_eq!(text.lines().count(), usize::from(!text.is_empty()));
        let read: Rules = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(&read, &rules);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn no_text_makes_the_parser_panic_and_every_error_is_one_line_with_a_place_in_the_text(
        text in prop_oneof![
            "\\PC{0,30}",
            "op=(\\*|GetObject)[,=~ ]{0,2}(key|part|nth|chance|every)?[=~]{0,2}[0-9%.]{0,4} ?-> ?[a-z-]{0,9}[:0-9ms%]{0,5};?",
        ],
    ) {
        if let Err(error) = text.parse::<Rules>() {
            let shown = error.to_string();
            prop_assert_eq!(shown.lines().count(), 1);
            let rest: String = text.chars().skip(error.position() - 1).collect();
            prop_assert!(rest.starts_with(error.word()), "{}: {:?}", shown, text);
        }
    }
}

#[test]
fn rules_are_read_in_their_usual_spellings() {
    let text = "op=UploadPart, key~=part-,nth=3->lose-reply ;op=*,chance=2%,times=5 -> status:503:SlowDown;\
                op=GetObject,key=a%2Cb,skip=1,every=5 -> delay:1500ms";
    let rules: Rules = text.parse().unwrap();
    let expected = [
        Fault::on("UploadPart")
            .key_contains("part-")
            .skip(2)
            .times(1)
            .action(Action::ApplyThenReset),
        Fault::on_any().chance(20_000).times(5).action(Action::status(
            503,
            "SlowDown",
            "Refused by a fault.",
        )),
        Fault::on("GetObject")
            .key("a,b")
            .skip(1)
            .every(5)
            .action(Action::Delay(Duration::from_millis(1500))),
    ];
    assert_eq!(rules.faults(), expected);
    assert_eq!(
        rules.to_string(),
        "op=UploadPart,key~=part-,nth=3 -> lose-reply; op=*,times=5,chance=2% -> status:503:SlowDown; \
         op=GetObject,key=a%2Cb,skip=1,every=5 -> delay:1500ms"
    );
    assert_eq!(" ".parse(), Ok(Rules::default()));
}

#[test]
fn an_error_names_the_place_the_word_and_what_is_allowed() {
    for (text, position, word, hint) in [
        (
            "op=* -> rest",
            9,
            "rest",
            "allowed are status, status-with, reset,",
        ),
        (
            "op=* -> reset; op=Upload -> reset",
            19,
            "Upload",
            "UploadPart, UploadPartCopy",
        ),
        (
            "op=*,keys=a -> reset",
            6,
            "keys=a",
            "allowed are op=, key=, key~=,",
        ),
        ("op=* -> cut", 9, "cut", "cut:BYTES"),
        ("op=* -> cut:x", 13, "x", "from 0 to"),
        ("op=* -> delay:5", 15, "5", "50ms"),
        ("op=* -> status:200:OK", 16, "200", "from 300 to 599"),
        (
            "op=* -> status-with:503:X:Retry After=1",
            27,
            "Retry After=1",
            "HEADER=VALUE",
        ),
        ("op=*,chance=101% -> reset", 13, "101%", "up to 100%"),
        ("op=*,chance=0.00001% -> reset", 13, "0.00001%", "above 0%"),
        ("op=*,nth=0 -> reset", 10, "0", "from 1 to"),
        (
            "op=*,nth=1,times=2 -> reset",
            6,
            "nth=1",
            "cannot be given with times",
        ),
        ("op=*,part=1,part=2 -> reset", 13, "part=2", "given twice"),
        ("key=ä,op=*,key=b -> reset", 12, "key=b", "given twice"),
        ("key=a -> reset", 1, "key=a", "op=* is any operation"),
        ("op=*,key= -> reset", 10, "", "a key is needed"),
        ("op=*,key=%zz -> reset", 10, "%zz", "%25"),
        ("op=* reset", 1, "op=* reset", "SELECTORS -> ACTION"),
        ("op=* -> reset;", 15, "", "SELECTORS -> ACTION"),
        (
            "op=GetObject -> expire",
            1,
            "op=GetObject -> expire",
            "UploadPart",
        ),
        (
            "op=ListObjectsV2 -> swap:x",
            1,
            "op=ListObjectsV2 -> swap:x",
            "PutObject",
        ),
        (
            "op=DeleteObjects,key=x -> reset",
            1,
            "op=DeleteObjects,key=x -> reset",
            "DeleteObject,",
        ),
        (
            "op=PutObject,part=1 -> reset",
            1,
            "op=PutObject,part=1 -> reset",
            "UploadPart",
        ),
        (
            "op=HeadObject -> ignore-range",
            1,
            "op=HeadObject -> ignore-range",
            "GetObject can",
        ),
    ] {
        let error = text.parse::<Rules>().unwrap_err();
        assert_eq!(
            (error.position(), error.word()),
            (position, word),
            "{text}: {error}"
        );
        let shown = error.to_string();
        assert!(shown.contains(hint), "{shown}");
        assert!(shown.starts_with(&format!("character {position}, ")), "{shown}");
    }
}

#[test]
fn every_action_has_a_form_under_which_it_is_found() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut words = std::collections::BTreeSet::new();
    for _ in 0..2000 {
        let shown = action().new_tree(&mut runner).unwrap().current().to_string();
        words.insert(shown.split(':').next().unwrap().to_owned());
    }
    let forms = actions::FORMS.map(|form| form.split(':').next().unwrap().to_owned());
    assert_eq!(words, forms.into());
}
