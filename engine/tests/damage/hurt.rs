//! A copy of an image with damage in it, and whether anything in it changes after that.
//!
//! Files that are never written again (tables, the archive) are links to the image's own; all
//! others are copies, so nothing a start does reaches the image. Not here: which damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::image::Image;

/// A damaged copy.
pub struct Hurt {
    pub folder: tempfile::TempDir,
    /// Every file as it was when the damage was done.
    before: BTreeMap<PathBuf, (Vec<u8>, SystemTime)>,
}

/// What is done to a copy before the start.
#[derive(Default)]
pub struct Damage<'a> {
    /// Files with other bytes than the image's; or that the image has not.
    pub put: BTreeMap<PathBuf, Vec<u8>>,
    /// Files taken away.
    pub remove: Vec<PathBuf>,
    /// What is done to the folder last.
    pub at_last: Option<&'a (dyn Fn(&Path) + Sync)>,
}

impl<'a> Damage<'a> {
    /// One file has these bytes instead.
    pub fn put(name: &Path, bytes: Vec<u8>) -> Self {
        Self {
            put: BTreeMap::from([(name.to_owned(), bytes)]),
            ..Self::default()
        }
    }

    /// One file is gone.
    pub fn remove(name: &Path) -> Self {
        Self {
            remove: vec![name.to_owned()],
            ..Self::default()
        }
    }

    /// Whether a file of the archive is hurt, alone or beside others: a start does not read it.
    pub fn hurts_archive(&self) -> bool {
        let mut names = self.put.keys().chain(&self.remove);
        names.any(|name| name.starts_with("archive"))
    }

    /// Something is done to the folder.
    pub fn done(by: &'a (dyn Fn(&Path) + Sync)) -> Self {
        Self {
            at_last: Some(by),
            ..Self::default()
        }
    }

    /// And one more file has other bytes.
    pub fn and_put(mut self, name: &Path, bytes: Vec<u8>) -> Self {
        self.put.insert(name.to_owned(), bytes);
        self
    }

    /// Everything below `folder` is as in `files` instead.
    pub fn and_folder(
        mut self,
        image: &Image,
        folder: &str,
        files: &BTreeMap<PathBuf, Vec<u8>>,
    ) -> Self {
        let below = |name: &&PathBuf| name.starts_with(folder);
        self.remove
            .extend(image.files.keys().filter(below).cloned());
        let ours = files.iter().filter(|(name, _)| below(name));
        self.put
            .extend(ours.map(|(name, bytes)| (name.clone(), bytes.clone())));
        self
    }
}

fn is_never_written_again(name: &Path) -> bool {
    let table = name.extension().is_some_and(|extension| extension == "sst");
    table || name.starts_with("archive")
}

impl Hurt {
    /// A copy of `image` with `damage` in it.
    pub fn new(image: &Image, damage: &Damage<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &Path| {
            let target = folder.path().join(name);
            fs::create_dir_all(target.parent().expect("inside")).expect("made");
            target
        };
        for (name, bytes) in &image.files {
            let target = place(name);
            if damage.remove.contains(name) || damage.put.contains_key(name) {
                continue;
            }
            if is_never_written_again(name) {
                fs::hard_link(image.folder.path().join(name), target).expect("linked");
            } else {
                fs::write(target, bytes).expect("written");
            }
        }
        for (name, bytes) in &damage.put {
            fs::write(place(name), bytes).expect("written");
        }
        if let Some(act) = damage.at_last {
            act(folder.path());
        }
        let before = fingerprint(folder.path());
        Self { folder, before }
    }

    /// Whether every file is there with its bytes and its time, and no other; else which is not.
    pub fn untouched(&self) -> Result<(), String> {
        let now = fingerprint(self.folder.path());
        let differs = |(name, was): (&PathBuf, &(Vec<u8>, SystemTime))| {
            (now.get(name) != Some(was)).then(|| name.clone())
        };
        let mut odd: Vec<_> = self.before.iter().filter_map(differs).collect();
        odd.extend(
            now.keys()
                .filter(|name| !self.before.contains_key(*name))
                .cloned(),
        );
        if odd.is_empty() {
            Ok(())
        } else {
            Err(format!("refused, but changed: {odd:?}"))
        }
    }
}

/// Every file below `root` with its bytes and when it was last changed.
pub fn fingerprint(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let with_time = |(name, bytes): (PathBuf, Vec<u8>)| {
        let changed = fs::metadata(root.join(&name)).and_then(|meta| meta.modified());
        let changed = changed.expect("known");
        (name, (bytes, changed))
    };
    super::image::files(root)
        .into_iter()
        .map(with_time)
        .collect()
}
