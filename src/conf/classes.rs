//! Storage classes: several stores of each kind, one of which holds the objects of each library.
//!
//! `[storage]` of seafile.conf names a JSON file with the classes ([`file`]). Which class a library is in, the server's
//! database says and no conf; [`Placement`](super::Placement) is what it said. A store of classes cannot be opened before its libraries
//! are placed.

use std::collections::{BTreeMap, BTreeSet};

use super::backend::{BackendConf, ClassConf, ClassesConf, StoreConf};
use super::placement::Placement;

pub(crate) mod file;
mod json;

impl ClassesConf {
    /// The id of the default class.
    pub fn default_id(&self) -> &str {
        self.classes.iter().find(|class| class.is_default).map_or("", |class| &class.id)
    }

    /// The ids of all classes.
    pub fn ids(&self) -> BTreeSet<&str> {
        self.classes.iter().map(|class| class.id.as_str()).collect()
    }

    /// The classes that share each store: a store that several classes name is one store.
    fn shared(&self) -> Vec<Vec<&ClassConf>> {
        let mut shared: Vec<Vec<&ClassConf>> = Vec::new();
        for class in &self.classes {
            match shared.iter_mut().find(|sharing| sharing[0].backend == class.backend) {
                Some(sharing) => sharing.push(class),
                None => shared.push(vec![class]),
            }
        }
        shared
    }

    /// The position in [`StoreConf::leaves`] of the store of each class, by the class's id.
    pub fn leaf_of_class(&self) -> BTreeMap<&str, usize> {
        let shared = self.shared().into_iter().enumerate();
        shared.flat_map(|(leaf, classes)| classes.into_iter().map(move |class| (class.id.as_str(), leaf))).collect()
    }

    /// The place of all classes in one text, whatever their order in the file: each id with where its store is.
    pub(super) fn place(&self, place_of: impl Fn(&BackendConf) -> String) -> String {
        let place = |class: &ClassConf| {
            let default = if class.is_default { " (default)" } else { "" };
            format!("{}{default}={}", class.id, place_of(&class.backend))
        };
        let places: BTreeSet<String> = self.classes.iter().map(place).collect();
        places.into_iter().collect::<Vec<_>>().join(", ")
    }
}

impl StoreConf {
    /// The stores that this one is made of: those of its classes, each once; itself where it has none.
    pub fn leaves(&self) -> Vec<Self> {
        let BackendConf::Classes(conf) = &self.backend else { return vec![self.clone()] };
        let leaf = |sharing: Vec<&ClassConf>| {
            let ids: Vec<&str> = sharing.iter().map(|class| class.id.as_str()).collect();
            Self { backend: sharing[0].backend.clone(), class: Some(ids.join(", ").into()), ..self.clone() }
        };
        conf.shared().into_iter().map(leaf).collect()
    }

    /// The classes of the store; `None` where it has none.
    pub fn classes(&self) -> Option<&ClassesConf> {
        match &self.backend {
            BackendConf::Classes(conf) => Some(conf),
            _ => None,
        }
    }

    /// The digest of where its libraries are; empty where it has no classes, because there is one place only.
    pub fn placement_digest(&self) -> String {
        let placement = self.classes().and_then(|conf| conf.placement.as_deref());
        placement.map(Placement::digest).unwrap_or_default()
    }
}
