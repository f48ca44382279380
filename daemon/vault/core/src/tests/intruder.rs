//! Whatever is asked, typed, cancelled or lost, in whatever order: no password changes and nobody comes or goes
//! without the old password or that of whoever stands above.

use posd_vault_protocol::{OperatorChange, Reply, Request, VERSION};
use proptest::prelude::*;

use super::{
    STORAGE, core,
    operators::{SUPERVISOR, add, change, delete, reset, secret},
};
use crate::{Core, Input, Key, Operator, Output, StoreFault, table::Word};

const NUMBERS: [&str; 4] = ["00", "01", "07", "99"];
const MANAGER: &str = "86421357";
/// What anyone may guess; none of it is right. Each length is there, and the initial ones.
const GUESSES: [&str; 7] = ["0000", "123456", "12345678", "4321", "654321", "87654321", "2468"];

/// What the intruder does next.
#[derive(Debug, Clone)]
enum Step {
    /// A request about this operator, with passwords given or typed.
    Ask {
        kind: u8,
        number: usize,
        given: bool,
        first: usize,
        second: usize,
    },
    /// These digits and Enter.
    Type(usize),
    Press(u8),
    CancelPrompt,
    Reconnect,
    Restart,
    Pass(u64),
    StoreWorks(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..6, 0..NUMBERS.len(), any::<bool>(), 0usize..9, 0usize..9)
            .prop_map(|(kind, number, given, first, second)| Step::Ask { kind, number, given, first, second }),
        8 => (0usize..9).prop_map(Step::Type),
        1 => (0u8..13).prop_map(Step::Press),
        1 => Just(Step::CancelPrompt),
        1 => Just(Step::Reconnect),
        1 => Just(Step::Restart),
        2 => (0u64..400_000).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::StoreWorks),
    ]
}

struct Scene {
    core: Core,
    blob: Option<Vec<u8>>,
    now: u64,
    store_works: bool,
    changes: usize,
    words: Vec<&'static str>,
}

impl Scene {
    /// `known` is the one right password that the intruder has.
    fn new(known: Option<&'static str>) -> Scene {
        let mut words = GUESSES.to_vec();
        words.extend(known);
        let mut scene = Scene {
            core: core(Some(STORAGE), None),
            blob: None,
            now: 0,
            store_works: true,
            changes: 0,
            words,
        };
        scene.connect();
        // Nobody has an initial password any more.
        scene.input(Input::Request(1, change("99", "12345678", MANAGER)));
        scene.input(Input::Request(1, add("07", Some(SUPERVISOR))));
        scene.input(Input::Request(1, change("07", "0000", "7531")));
        assert_eq!(scene.changes, 3);
        scene.changes = 0;
        scene
    }

    fn connect(&mut self) {
        self.input(Input::PinPad(posd_vault_protocol::DeviceState::Ready));
        self.input(Input::Connected);
        self.input(Input::Request(1, Request::Hello { version: VERSION }));
    }

    fn input(&mut self, input: Input) {
        for output in self.core.handle(input, self.now) {
            match output {
                Output::Store(blob) => {
                    let works = self.store_works;
                    if works {
                        self.blob = Some(blob);
                    }
                    self.input(Input::Stored(works.then_some(()).ok_or(StoreFault)));
                }
                Output::Reply(_, Reply::Changed(OperatorChange::Done)) => self.changes += 1,
                _ => {}
            }
        }
    }

    /// What the table holds of each operator.
    fn table(&self) -> Vec<Option<Word>> {
        let word = |number: &&str| self.core.table().unwrap().word(Operator::new(number).unwrap()).cloned();
        NUMBERS.iter().map(word).collect()
    }

    fn word(&self, index: usize) -> &'static str {
        self.words[index % self.words.len()]
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Ask { kind, number, given, first, second } => {
                let (number, first, second) = (NUMBERS[number], self.word(first), self.word(second));
                let authority = given.then_some(first);
                let request = match kind {
                    0 => add(number, authority),
                    1 => delete(number, authority),
                    2 => reset(number, authority),
                    3 => Request::CheckPassword {
                        operator: number.into(),
                        password: authority.map(secret),
                        timeout_ms: 30_000,
                    },
                    _ if given => change(number, first, second),
                    _ => Request::ChangePassword {
                        operator: number.into(),
                        passwords: None,
                        timeout_ms: 30_000,
                    },
                };
                self.input(Input::Request(2, request));
            }
            Step::Type(index) => {
                for digit in self.word(index).bytes() {
                    self.input(Input::Key(Key::Digit(digit - b'0')));
                }
                self.input(Input::Key(Key::Enter));
            }
            Step::Press(key) => self.input(Input::Key(match key {
                0..=9 => Key::Digit(key),
                10 => Key::Cancel,
                11 => Key::Backspace,
                _ => Key::Clear,
            })),
            Step::CancelPrompt => self.input(Input::Request(3, Request::CancelPrompt)),
            Step::Reconnect => {
                self.input(Input::Disconnected);
                self.connect();
            }
            Step::Restart => {
                self.core = core(Some(STORAGE), self.blob.clone());
                self.connect();
            }
            Step::Pass(milliseconds) => {
                self.now += milliseconds;
                self.input(Input::Wake);
            }
            Step::StoreWorks(works) => self.store_works = works,
        }
    }
}

/// Which operators change, of [`NUMBERS`], if the intruder knows that password.
fn changed(known: Option<&'static str>, steps: &[Step]) -> (Vec<&'static str>, usize) {
    let mut scene = Scene::new(known);
    let before = scene.table();
    for step in steps {
        scene.play(step);
    }
    let after = scene.table();
    let all = NUMBERS.iter().zip(before.iter().zip(&after));
    (all.filter(|(_, (before, after))| before != after).map(|(number, _)| *number).collect(), scene.changes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn who_knows_no_password_changes_nothing(steps in proptest::collection::vec(step(), 0..80)) {
        prop_assert_eq!(changed(None, &steps), (vec![], 0));
    }

    #[test]
    fn operator_changes_only_its_own(steps in proptest::collection::vec(step(), 0..80)) {
        let (changed, _) = changed(Some("1357"), &steps);
        prop_assert!(changed.iter().all(|number| *number == "01"), "{changed:?}");
    }

    #[test]
    fn supervisor_does_not_touch_the_manager(steps in proptest::collection::vec(step(), 0..80)) {
        prop_assert!(!changed(Some(SUPERVISOR), &steps).0.contains(&"99"));
    }
}

#[test]
fn the_search_would_find_a_change() {
    // The positive control: with the right password, the same steps do change something.
    let steps = [
        Step::Ask { kind: 5, number: 1, given: false, first: 0, second: 0 },
        Step::Type(7),
        Step::Type(3),
        Step::Type(3),
    ];
    assert_eq!(changed(Some("1357"), &steps), (vec!["01"], 1));
    let steps = [Step::Ask { kind: 1, number: 2, given: true, first: 7, second: 0 }];
    assert_eq!(changed(Some(SUPERVISOR), &steps), (vec!["07"], 1));
}
