//! The walk over two worlds.

use std::collections::HashSet;

use wit_parser::{
    Function, IndexMap, InterfaceId, Resolve, Type, TypeDefKind, TypeId, World, WorldItem, WorldKey,
};

use super::found::{Breaks, Difference, Direction, Level, Side};
use super::types::{Types, changes, reached, signature};
use crate::served::{split_version, track};

/// All differences.
pub(super) fn of(old: Side<'_>, new: Side<'_>) -> Vec<Difference> {
    let (Some(old_world), Some(new_world)) = (
        old.resolve.worlds.get(old.world),
        new.resolve.worlds.get(new.world),
    ) else {
        return Vec::new();
    };
    let mut walk = Walk {
        types: Types::new(old.resolve, new.resolve),
        used: [(old, old_world), (new, new_world)]
            .map(|(side, world)| reached(side.resolve, functions(side.resolve, world))),
        own: package(old.resolve, old_world),
        told: HashSet::new(),
        differences: Vec::new(),
    };
    walk.world(Direction::Import, &old_world.imports, &new_world.imports);
    walk.world(Direction::Export, &old_world.exports, &new_world.exports);
    walk.differences
}

struct Walk<'a> {
    types: Types<'a>,
    /// The types that the functions of each world reach: a change of another type breaks nothing that runs.
    used: [HashSet<TypeId>; 2],
    /// The package of the old world.
    own: String,
    /// The old types whose changes are told.
    told: HashSet<TypeId>,
    differences: Vec<Difference>,
}

type Items = IndexMap<WorldKey, WorldItem>;

/// The place of a difference.
#[derive(Clone, Copy)]
struct Place<'p> {
    direction: Direction,
    /// Empty for the world itself.
    interface: &'p str,
    package: &'p str,
}

/// One kind of change of a thing that exists in one of the worlds, or in both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Added,
    Removed,
    Changed,
    /// Only names are other ones.
    Renamed,
    /// A type that no function uses, which is new.
    Idle,
}

impl<'a> Walk<'a> {
    fn world(&mut self, direction: Direction, old: &'a Items, new: &'a Items) {
        let own = self.own.clone();
        let place = Place {
            direction,
            interface: "",
            package: &own,
        };
        let (old_items, new_items) = (items(self.types.old, old), items(self.types.new, new));
        let pairs = pairs(&old_items, &new_items);
        for (old, new) in pairs {
            let (shown, versions) = match (old, new) {
                (Some(old), Some(new)) => (old, (old.version.as_deref(), new.version.as_deref())),
                (Some(one), None) | (None, Some(one)) => (one, (None, None)),
                (None, None) => continue,
            };
            let here = Place {
                interface: &shown.base,
                ..place
            };
            match (old.map(|it| it.what), new.map(|it| it.what)) {
                (
                    Some(WorldItem::Interface { id: a, .. }),
                    Some(WorldItem::Interface { id: b, .. }),
                ) => {
                    if track(versions.0) != track(versions.1) {
                        let version = |it: Option<&str>| it.unwrap_or("no version").to_owned();
                        let change = format!(
                            "its version is {}, and was {}",
                            version(versions.1),
                            version(versions.0)
                        );
                        self.tell(here, Change::Changed, change);
                    }
                    let package = shown.base.split('/').next().unwrap_or_default();
                    let package = if shown.base.contains('/') {
                        package
                    } else {
                        &own
                    };
                    self.interface(Place { package, ..here }, *a, *b);
                }
                (Some(WorldItem::Function(a)), Some(WorldItem::Function(b))) => {
                    self.function(here, "", a, b);
                }
                (Some(WorldItem::Type { id: a, .. }), Some(WorldItem::Type { id: b, .. })) => {
                    self.definition(here, "", *a, *b);
                }
                (Some(a), Some(b)) => {
                    let change = format!("is {}, and was {}", sort(b), sort(a));
                    self.tell(here, Change::Changed, change);
                }
                (Some(a), None) => self.only(here, a, Change::Removed),
                (None, Some(b)) => self.only(here, b, Change::Added),
                (None, None) => {}
            }
        }
    }

    /// An item that one world has alone.
    fn only(&mut self, place: Place<'_>, item: &WorldItem, change: Change) {
        let word = if change == Change::Added {
            "added"
        } else {
            "removed"
        };
        // An interface or a type without functions is a name only.
        let change = match (item, change) {
            (WorldItem::Type { .. }, Change::Added) => Change::Idle,
            (WorldItem::Type { .. }, _) => Change::Renamed,
            (WorldItem::Interface { id, .. }, change) if !self.has_functions(*id, change) => {
                if change == Change::Added {
                    Change::Idle
                } else {
                    Change::Renamed
                }
            }
            (_, change) => change,
        };
        self.tell(place, change, format!("{} is {word}", sort(item)));
    }

    fn has_functions(&self, id: InterfaceId, change: Change) -> bool {
        let resolve = if change == Change::Added {
            self.types.new
        } else {
            self.types.old
        };
        let interface = resolve.interfaces.get(id);
        interface.is_none_or(|interface| {
            let resources = interface.types.values().any(|id| is_resource(resolve, *id));
            resources || !interface.functions.is_empty()
        })
    }

    fn interface(&mut self, place: Place<'_>, old: InterfaceId, new: InterfaceId) {
        let (Some(a), Some(b)) = (
            self.types.old.interfaces.get(old),
            self.types.new.interfaces.get(new),
        ) else {
            return;
        };
        for (name, old) in &a.types {
            let named = format!("`{name}`");
            match b.types.get(name) {
                Some(new) => self.definition(place, &named, *old, *new),
                None => {
                    let change = match is_resource(self.types.old, *old) {
                        true => Change::Removed,
                        // Functions that used it are told themselves.
                        false => Change::Renamed,
                    };
                    self.told.insert(*old);
                    self.tell(place, change, format!("type {named} is removed"));
                }
            }
        }
        for (name, new) in &b.types {
            if !a.types.contains_key(name) {
                let change = match is_resource(self.types.new, *new) {
                    true => Change::Added,
                    false => Change::Idle,
                };
                self.tell(place, change, format!("type `{name}` is added"));
            }
        }
        for (name, old) in &a.functions {
            match b.functions.get(name) {
                Some(new) => self.function(place, name, old, new),
                None => self.tell(
                    place,
                    Change::Removed,
                    format!("function `{name}` is removed"),
                ),
            }
        }
        for name in b.functions.keys() {
            if !a.functions.contains_key(name) {
                self.tell(place, Change::Added, format!("function `{name}` is added"));
            }
        }
    }

    fn definition(&mut self, place: Place<'_>, named: &str, old: TypeId, new: TypeId) {
        if self.types.same(&Type::Id(old), &Type::Id(new)) {
            return;
        }
        let found = changes((self.types.old, old), (self.types.new, new));
        if !found.is_empty() {
            self.told.insert(old);
        }
        let used = self.used[0].contains(&old) || self.used[1].contains(&new);
        let change = if used {
            Change::Changed
        } else {
            Change::Renamed
        };
        let word = self
            .types
            .old
            .types
            .get(old)
            .map_or("type", |it| match &it.kind {
                TypeDefKind::Type(_) => "type",
                kind => kind.as_str(),
            });
        for text in found {
            let what = if named.is_empty() {
                word.to_owned()
            } else {
                format!("{word} {named}")
            };
            self.tell(place, change, format!("{what}: {text}"));
        }
    }

    fn function(&mut self, place: Place<'_>, name: &str, old: &Function, new: &Function) {
        let texts = [
            signature(self.types.old, old),
            signature(self.types.new, new),
        ];
        let same = self.types.same_function(old, new);
        let [a, b] = &texts;
        let what = if name.is_empty() {
            "function".to_owned()
        } else {
            format!("function `{name}`")
        };
        if a != b {
            let change = if same {
                Change::Renamed
            } else {
                Change::Changed
            };
            return self.tell(place, change, format!("{what} is `{b}`, and was `{a}`"));
        }
        // The types that it names are told where they are defined. One that is not, such as a type that comes from another
        // interface now, is told here.
        let types = reached(self.types.old, std::iter::once(old));
        if !same && types.is_disjoint(&self.told) {
            self.tell(
                place,
                Change::Changed,
                format!("{what}: a type in `{b}` is another"),
            );
        }
    }

    fn tell(&mut self, place: Place<'_>, change: Change, text: String) {
        let is_import = place.direction == Direction::Import;
        // The user of a thing breaks when it is gone, and the provider is there first when it is new.
        let (old_components, old_hosts) = match change {
            Change::Changed => (true, true),
            Change::Removed => (is_import, !is_import),
            Change::Added => (!is_import, is_import),
            Change::Renamed | Change::Idle => (false, false),
        };
        let level = match change {
            Change::Added if is_import => Level::Minor,
            Change::Idle => Level::Patch,
            _ => Level::Major,
        };
        self.differences.push(Difference {
            direction: place.direction,
            item: place.interface.to_owned(),
            change: text,
            breaks: Breaks {
                old_components,
                old_hosts,
                names: change == Change::Renamed,
            },
            level,
            package: place.package.to_owned(),
        });
    }
}

/// An item of a world.
struct Item<'a> {
    /// Its name without the version.
    base: String,
    version: Option<String>,
    what: &'a WorldItem,
}

fn items<'a>(resolve: &Resolve, of: &'a Items) -> Vec<Item<'a>> {
    let items = of.iter().map(|(key, what)| {
        let name = resolve.name_world_key(key);
        let (base, version) = split_version(&name);
        Item {
            base: base.to_owned(),
            version: version.map(str::to_owned),
            what,
        }
    });
    items.collect()
}

/// Each item with its counterpart: the one of the same version, else of the same track, as the engine finds it, else the
/// only one of its name.
fn pairs<'i, 'a>(
    old: &'i [Item<'a>],
    new: &'i [Item<'a>],
) -> Vec<(Option<&'i Item<'a>>, Option<&'i Item<'a>>)> {
    let mut left: Vec<Option<&Item<'_>>> = new.iter().map(Some).collect();
    let mut found: Vec<Option<&Item<'_>>> = old.iter().map(|_| None).collect();
    let rounds: [fn(&Item<'_>, &Item<'_>) -> bool; 3] = [
        |old, new| old.version == new.version,
        |old, new| track(old.version.as_deref()) == track(new.version.as_deref()),
        |_, _| true,
    ];
    for fits in rounds {
        let waiting = old.iter().zip(&mut found);
        for (old, found) in waiting.filter(|(_, found)| found.is_none()) {
            let fitting = |new: &Item<'_>| new.base == old.base && fits(old, new);
            let at = left.iter_mut().find(|new| new.is_some_and(fitting));
            *found = at.and_then(Option::take);
        }
    }
    let pairs = old.iter().map(Some).zip(found);
    let added = left.into_iter().flatten();
    pairs.chain(added.map(|new| (None, Some(new)))).collect()
}

fn functions<'a>(resolve: &'a Resolve, world: &'a World) -> impl Iterator<Item = &'a Function> {
    let items = world.imports.values().chain(world.exports.values());
    items.flat_map(|item| -> Vec<&'a Function> {
        match item {
            WorldItem::Function(function) => Vec::from([function]),
            WorldItem::Interface { id, .. } => {
                let interface = resolve.interfaces.get(*id).into_iter();
                interface.flat_map(|it| it.functions.values()).collect()
            }
            WorldItem::Type { .. } => Vec::new(),
        }
    })
}

/// The package of a world, such as `acme:report`.
fn package(resolve: &Resolve, world: &World) -> String {
    let package = world.package.and_then(|id| resolve.packages.get(id));
    package.map_or_else(String::new, |package| {
        format!("{}:{}", package.name.namespace, package.name.name)
    })
}

fn sort(item: &WorldItem) -> &'static str {
    match item {
        WorldItem::Interface { .. } => "interface",
        WorldItem::Function(_) => "function",
        WorldItem::Type { .. } => "type",
    }
}

fn is_resource(resolve: &Resolve, id: TypeId) -> bool {
    let found = resolve.types.get(id);
    found.is_some_and(|it| matches!(it.kind, TypeDefKind::Resource))
}
