//! The parts of the wall on Linux, in the order in which they are applied.

use caps::Capability;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort,
    PathBeneath, PathFd, RestrictSelfAttr as _, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use tollgate_policy::Access;

use super::calls::{self, Sockets};
use super::{Part, Raised, Wall, process};

/// The capabilities that root keeps: granted files that belong to others stay within reach, as the operator granted
/// them.
const OVER_FILES: [Capability; 3] = [
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_FOWNER,
];

/// The files that the system's resolver reads again for each look-up.
const RESOLVER: [&str; 5] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
];

/// The port of name servers, which long answers come from by TCP.
const NAME_SERVER: u16 = 53;

/// The rules that [`Part::Files`] needs: before this version, files can be truncated without the right to write them.
const FILES: ABI = ABI::V3;
/// The rules that [`Part::Ports`] needs.
const PORTS: ABI = ABI::V4;
/// The newest rules in use. Rules that only newer kernels have, on devices, signals and abstract sockets, repeat
/// denials of [`Part::Calls`].
const NEWEST: ABI = ABI::V6;

/// Raises the wall of a program that calls guests.
pub(super) fn raise(wall: &Wall) -> Raised {
    let mut raised = Raised::default();
    if wall.close_inherited {
        raised.note(Part::Descriptors, process::close_inherited());
    }
    let alone = alone();
    let privileges = process::keep_capabilities(&OVER_FILES);
    raised.note(Part::Privileges, privileges.and(alone.clone()));
    let (files, ports) = restrict(wall, alone);
    let sockets = sockets(wall);
    let calls = calls::restrict_guests(sockets);
    // Without sockets there are no ports.
    let no_sockets = calls.is_ok() && sockets == Sockets::None;
    raised.note(Part::Files, files);
    raised.note(Part::Ports, if no_sockets { Ok(()) } else { ports });
    raised.note(Part::Calls, calls);
    raised
}

/// Raises the wall of a process that compiles: it has two pipes, its memory and its threads.
pub(super) fn raise_around_worker() -> Raised {
    let mut raised = Raised::default();
    // Standard error is closed, too, since it has no reader.
    raised.note(Part::Descriptors, process::close_from(2));
    raised.note(Part::Privileges, process::keep_capabilities(&[]));
    let (files, ports) = restrict(&Wall::default(), Ok(()));
    let calls = calls::restrict_worker();
    raised.note(Part::Files, files);
    raised.note(Part::Ports, if calls.is_ok() { Ok(()) } else { ports });
    raised.note(Part::Calls, calls);
    raised
}

/// Closes the descriptors of a process that has a socket as its standard input, and begins its wall.
pub(super) fn close_all() -> Raised {
    let mut raised = Raised::default();
    raised.note(Part::Descriptors, process::close_from(3));
    raised
}

/// Raises the wall of a process that calls the guests of one provider, except the part against new code.
pub(super) fn raise_around_sessions(raised: &mut Raised, wall: &Wall) {
    let kept: &[Capability] = match wall.folders.is_empty() {
        true => &[],
        false => &OVER_FILES,
    };
    let single = alone();
    let privileges = process::keep_capabilities(kept);
    raised.note(Part::Privileges, privileges.and(single.clone()));
    let (files, ports) = restrict(wall, single);
    raised.note(Part::Files, files);
    let sockets = sockets(wall);
    let calls = calls::restrict_sessions(sockets);
    let no_sockets = calls.is_ok() && sockets == Sockets::None;
    raised.note(Part::Ports, if no_sockets { Ok(()) } else { ports });
    raised.note(Part::Calls, calls);
}

/// Ends the time in which code may be added.
pub(super) fn seal(raised: &mut Raised) {
    if let Err(why) = calls::restrict_guests(Sockets::TcpAndUdp) {
        raised.parts.retain(|part| *part != Part::Calls);
        raised.note(Part::Calls, Err::<(), _>(why));
    }
}

/// The sockets that the grants need.
fn sockets(wall: &Wall) -> Sockets {
    match (wall.ports.is_empty(), wall.names) {
        (true, _) => Sockets::None,
        (false, false) => Sockets::Tcp,
        (false, true) => Sockets::TcpAndUdp,
    }
}

/// Whether the calling thread is the only one.
fn alone() -> Result<(), String> {
    match process::threads() {
        Ok(1) => Ok(()),
        Ok(threads) => Err(format!(
            "{} more threads than the calling one run, and this kernel applies it to one",
            threads.saturating_sub(1)
        )),
        Err(error) => Err(format!(
            "the threads cannot be counted: {error}; mount /proc"
        )),
    }
}

/// Restricts paths and ports, each if the kernel can. Without being `alone`, all threads are restricted where that is
/// possible, and else the calling one.
fn restrict(wall: &Wall, alone: Result<(), String>) -> (Result<(), String>, Result<(), String>) {
    let mut everywhere = false;
    let applied = rules(wall).and_then(|mut rules| {
        if alone.is_err() {
            let strict = rules.set_compatibility(CompatLevel::HardRequirement);
            let strict = strict.all_threads(true);
            everywhere = strict.is_ok();
            rules = match strict {
                Ok(rules) => rules.set_compatibility(CompatLevel::BestEffort),
                Err(_) => self::rules(wall)?,
            };
        }
        rules.restrict_self()
    });
    let applied = match applied {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => {
            Err("this kernel has no Landlock, or has not enabled it".to_owned())
        }
        Ok(_) if everywhere => Ok(()),
        Ok(_) => alone,
        Err(error) => Err(error.to_string()),
    };
    let has = |part: Result<Ruleset, RulesetError>, since: &str| match &applied {
        Err(why) => Err(why.clone()),
        Ok(()) => part.map(drop).map_err(|_| {
            format!("the Landlock of this kernel has no such rules, which came with Linux {since}")
        }),
    };
    let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    (
        has(strict().handle_access(AccessFs::from_all(FILES)), "6.2"),
        has(strict().handle_access(AccessNet::from_all(PORTS)), "6.7"),
    )
}

/// Everything is denied but the rules added here.
fn rules(wall: &Wall) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for (folder, access) in &wall.folders {
        rules = rules.add_rule(PathBeneath::new(folder, below(*access)))?;
    }
    if wall.names {
        let files = RESOLVER
            .into_iter()
            .filter_map(|path| PathFd::new(path).ok());
        for file in files {
            rules = rules.add_rule(PathBeneath::new(file, AccessFs::ReadFile))?;
        }
    }
    let name_server = wall.names.then_some(NAME_SERVER);
    for port in wall.ports.iter().copied().chain(name_server) {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    Ok(rules)
}

/// The rights that a grant of files needs. No guest makes devices, pipes or sockets.
fn below(access: Access) -> BitFlags<AccessFs> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    match access {
        Access::Read => read,
        Access::ReadWrite => {
            read | make_bitflags!(AccessFs::{
                WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
            })
        }
    }
}
