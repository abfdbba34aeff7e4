//! The rows of the catalogue, played on a stage.

use std::sync::mpsc::Sender;
use std::time::Duration;

use wit_parser::Type;

use crate::came::{Came, not_loaded};
use crate::catalogue::{ATTACKS, Attack, COUNTED, LARGE, On};
use crate::code::PAGE;
use crate::error::Error;
use crate::guest::{At, Body, Guest, Realloc, Times};
use crate::module::ZEROS;
use crate::report::{Row, Skipped};
use crate::resident::{forget_most, most, resident, settled};
use crate::stage::{Granted, Stage};
use crate::want::{Bad, Want};

/// A guest that is hostile in one place of the world, and the place that the host calls.
struct Case {
    target: String,
    guest: Guest,
    at: At,
}

/// Plays the catalogue. Each row is sent as soon as it is there.
pub(crate) struct Play {
    pub(crate) stage: Stage,
    pub(crate) grace: Duration,
    pub(crate) only: Vec<String>,
    pub(crate) to: Sender<Told>,
}

/// A message of the thread that plays the attacks.
pub(crate) enum Told {
    /// The attack that begins, and its target.
    Begins(&'static str, String),
    Row(Row),
    Skipped(Skipped),
    Ended(Result<Option<u64>, Error>),
}

impl Play {
    pub(crate) async fn run(mut self) {
        let ended = self.all().await;
        // Nobody listens any more if the caller has given up.
        let _ = self.to.send(Told::Ended(ended));
    }

    async fn all(&mut self) -> Result<Option<u64>, Error> {
        self.stage.prepare().await?;
        for function in &self.stage.world.imports {
            if let Some(why) = function.unsupported {
                self.skip(&function.name, why);
            }
        }
        for (number, function) in self.stage.world.exports.iter().enumerate() {
            if !self.stage.can_call(number) {
                self.skip(
                    &function.name,
                    "it takes a resource that the host would have to make",
                );
            }
        }
        let mut before = None;
        for attack in ATTACKS {
            if !self.only.is_empty() && !self.only.iter().any(|it| it == attack.name) {
                continue;
            }
            for case in self.cases(attack) {
                self.row(attack, case).await?;
            }
            // The first attacks acquire what the pool and the allocator keep.
            before = before.or_else(resident);
        }
        let places = self.stage.places().await;
        if !places.is_done() {
            let wrong = "places of guests are not free after the attacks".to_owned();
            let row = row("places", "-".to_owned(), &["returned", "failed"], &places);
            self.tell(Row {
                wrong: Some(wrong),
                ..row
            });
        }
        Ok(resident()
            .zip(before)
            .map(|(now, before)| now.saturating_sub(before)))
    }

    fn skip(&self, function: &str, why: &str) {
        let _ = self.to.send(Told::Skipped(Skipped {
            function: function.to_owned(),
            why: why.to_owned(),
        }));
    }

    fn tell(&self, row: Row) {
        let _ = self.to.send(Told::Row(row));
    }

    /// The places of the world in which an attack is made.
    fn cases(&self, attack: &Attack) -> Vec<Case> {
        let world = &self.stage.world;
        let exports = |guest: Guest, has: &dyn Fn(usize) -> bool| -> Vec<Case> {
            let all = 0..world.exports.len();
            all.filter(|number| self.stage.can_call(*number) && has(*number))
                .map(|number| Case {
                    target: self.stage.name(Some(number)).to_owned(),
                    guest: Guest {
                        at: At::Export(number),
                        ..guest
                    },
                    at: At::Export(number),
                })
                .collect()
        };
        let driver = self.stage.driver();
        let imports = |guest: &dyn Fn(usize) -> Guest, is: Granted, has: &dyn Fn(usize) -> bool| {
            let all = world.imports.iter().enumerate().zip(&self.stage.granted);
            all.filter(|((number, function), granted)| {
                **granted == is && function.unsupported.is_none() && has(*number)
            })
            .map(|((number, function), _)| {
                let guest = guest(number);
                Case {
                    target: function.name.clone(),
                    at: driver,
                    guest,
                }
            })
            .collect::<Vec<Case>>()
        };
        let calls = |number: usize, arguments: Want, times: Times, realloc: Realloc| Guest {
            at: driver,
            body: Body::Call {
                import: number,
                arguments,
                times,
            },
            realloc,
            ..Guest::GOOD
        };
        let params = |number: usize, has: &dyn Fn(&Type) -> bool| {
            let function = world.imports.get(number);
            function.is_some_and(|it| it.wit.params.iter().any(|param| has(&param.ty)))
        };
        let result = |number: usize, has: &dyn Fn(&Type) -> bool| {
            let function = world.imports.get(number);
            function.is_some_and(|it| it.wit.result.as_ref().is_some_and(has))
        };
        let good = Guest::GOOD;
        match attack.on {
            On::Export(body) => exports(Guest { body, ..good }, &|_| true),
            On::Arguments(realloc) => exports(Guest { realloc, ..good }, &|number| {
                let function = world.exports.get(number);
                let mut params = function.into_iter().flat_map(|it| &it.wit.params);
                params.any(|param| world.lists(&param.ty))
            }),
            On::PostReturn(post) => exports(Guest { post, ..good }, &|number| {
                let function = world.exports.get(number);
                function.is_some_and(|it| it.wit.result.is_some())
            }),
            On::Result(want) => exports(
                Guest {
                    result: want,
                    ..good
                },
                &|number| {
                    let function = world.exports.get(number);
                    function.is_some_and(|it| it.wit.result.is_some())
                },
            ),
            On::Memories(memories) => vec![Case {
                target: "-".to_owned(),
                guest: Guest { memories, ..good },
                at: driver,
            }],
            On::Start(body) => vec![Case {
                target: "-".to_owned(),
                guest: Guest { body, ..good },
                at: At::Start,
            }],
            On::Import(arguments, times) => {
                let arguments = match arguments == LARGE {
                    true => Want::Large(self.large()),
                    false => arguments,
                };
                imports(
                    &|number| calls(number, arguments, times, Realloc::Good),
                    Granted::Yes,
                    &|number| match arguments {
                        Want::Large(bytes) => bytes > 0 && params(number, &|ty| world.lists(ty)),
                        Want::Text | Want::Random => params(number, &|_| true),
                        // The place of the result may be hostile as well.
                        Want::Bad(Bad::Pointer) => true,
                        Want::Bad(bad) => params(number, &|ty| world.has(ty, bad)),
                        _ => true,
                    },
                )
            }
            On::Makers(times) => imports(
                &|number| calls(number, Want::Small, times, Realloc::Good),
                Granted::Yes,
                &|number| result(number, &|ty| world.makes(ty).is_some()),
            ),
            On::Dropped => imports(
                &|number| calls(number, Want::Small, Times::Dropped, Realloc::Good),
                Granted::Yes,
                &|number| world.makes_one(number),
            ),
            On::Given(realloc) => imports(
                &|number| calls(number, Want::Small, Times::Count(1), realloc),
                Granted::Yes,
                &|number| result(number, &|ty| world.lists(ty)),
            ),
            On::StartImport => {
                let mut all = imports(
                    &|number| Guest {
                        at: At::Start,
                        ..calls(number, Want::Small, Times::Endless, Realloc::Good)
                    },
                    Granted::Yes,
                    &|_| true,
                );
                for case in &mut all {
                    case.at = At::Start;
                }
                all
            }
            On::NotGranted => {
                let guest = |number| calls(number, Want::Zero, Times::Count(1), Realloc::Good);
                let mut all = imports(&guest, Granted::No, &|_| true);
                all.extend(imports(&guest, Granted::Stub, &|_| true));
                all
            }
        }
    }

    /// Bytes of the largest argument that gets as far as a function of the host, and that the memory has room for.
    fn large(&self) -> u32 {
        let limits = &self.stage.policy.limits;
        let room = limits.memory.saturating_sub(u64::from(ZEROS + 4 * PAGE)) / 2;
        let bytes = room.min(limits.host_data / 2).min(limits.host_memory / 4);
        u32::try_from(bytes).unwrap_or(u32::MAX) & !15
    }

    async fn row(&self, attack: &Attack, case: Case) -> Result<(), Error> {
        let Case { target, guest, at } = case;
        let Some(made) = self.stage.make(guest, attack.name, &target)? else {
            return Ok(());
        };
        let _ = self.to.send(Told::Begins(attack.name, target.clone()));
        let stubbed = self.is_stub(&guest);
        let expected = match stubbed {
            true => &["trap"],
            false => attack.expected,
        };
        let mut wrong = None;
        let mut came = Came::new("", "");
        // Memory that the engine keeps is acquired once, and is there for the next round. A leak shows every time.
        let first = settled();
        for _ in 0..3 {
            let before = settled();
            let is_forgotten = forget_most();
            came = match self.stage.load(attack.name, &made).await {
                Ok(provider) => self.stage.call(&provider, at).await,
                Err(error) => not_loaded(&error),
            };
            let most = most().filter(|_| is_forgotten).unwrap_or(0);
            let most = most.saturating_sub(first);
            let held = settled().saturating_sub(before);
            wrong = self.judge(expected, &came, &guest, made.calls);
            if wrong.is_some() {
                break;
            }
            wrong = self.memory(&came, most, held);
            if wrong.is_none() {
                break;
            }
        }
        if is_counted(&guest) && came.is_canonical_abi() {
            self.skip(
                &target,
                "no call reached it: nothing that is granted makes a handle that it takes",
            );
        }
        if wrong.is_none() {
            wrong = self.after().await;
        }
        self.tell(Row {
            wrong,
            ..row(attack.name, target, expected, &came)
        });
        Ok(())
    }

    fn is_stub(&self, guest: &Guest) -> bool {
        match guest.body {
            Body::Call { import, .. } => self.stage.granted.get(import) == Some(&Granted::Stub),
            _ => false,
        }
    }

    /// Whether a well-behaved component still works.
    async fn after(&self) -> Option<String> {
        let export = match self.stage.driver() {
            At::Export(export) => Some(export),
            At::Start => None,
        };
        let came = self.stage.good_call(export).await;
        (!came.is_done()).then(|| {
            format!(
                "the next call of a well-behaved component does not return: {} {}",
                came.label, came.detail
            )
        })
    }
}

/// Whether the calls of the guest's import are counted, and nothing about them is hostile.
fn is_counted(guest: &Guest) -> bool {
    let Body::Call {
        arguments, times, ..
    } = guest.body
    else {
        return false;
    };
    (arguments, times) == (Want::Small, Times::Count(COUNTED))
}

fn row(attack: &'static str, target: String, expected: &[&'static str], came: &Came) -> Row {
    Row {
        attack,
        target,
        expected: expected.to_vec(),
        came: came.label.clone(),
        wrong: None,
        elapsed: came.elapsed,
    }
}
