//! The files of the log [C2SP tlog-tiles], from which anyone recomputes it.
//!
//! ```text
//! checkpoint                          the newest signed checkpoint
//! tile/<L>/<N>[.p/<W>]                W (256 where the suffix is absent) hashes of level 8·L from number 256·N on
//! tile/entries/<N>[.p/<W>]            the entries 256·N to 256·N + W, each as a 16-bit big-endian length and its bytes
//! ```
//! `N` is written in groups of three digits, all but the last with an `x` before it: 1234067 is `x001/x234/067`.

use casemate_cose::Digest;

use crate::{HashReader, TreeError};

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;
const TILE_HEIGHT: u8 = 8;

/// One tile: where it lies in the tree and how many hashes it holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// The tiles that a log of `new_size` entries has and one of `old_size` had not, lowest level first. With `old_size` 0, all.
#[must_use]
pub fn tiles(old_size: u64, new_size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let mut level = 0;
    let (mut old, mut new) = (old_size, new_size);
    while new > 0 {
        let (full, partial) = (new / u64::from(TILE_WIDTH), new % u64::from(TILE_WIDTH));
        if old != new {
            tiles.extend((old / u64::from(TILE_WIDTH)..full).map(|index| Tile { level, index, width: TILE_WIDTH }));
            if let Ok(width @ 1..) = u16::try_from(partial) {
                tiles.push(Tile { level, index: full, width });
            }
        }
        (old, new) = (old / u64::from(TILE_WIDTH), full);
        level += 1;
    }
    tiles
}

impl Tile {
    /// The level among tiles: 0 holds leaves, 1 the roots of full tiles of level 0, and so on.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// The number within its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The hashes it holds: 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// The path of the tile's file.
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, self.number())
    }

    /// The path of the file with this tile's entries; only tiles of level 0 have one.
    #[must_use]
    pub fn entries_path(&self) -> Option<String> {
        (self.level == 0).then(|| format!("tile/entries/{}", self.number()))
    }

    /// The folder in which narrower forms of this tile lie: a full tile supersedes them.
    #[must_use]
    pub fn superseded_path(&self) -> Option<String> {
        (self.width == TILE_WIDTH).then(|| format!("{}.p", self.path()))
    }

    /// The folder in which narrower forms of this tile's entries lie.
    #[must_use]
    pub fn superseded_entries_path(&self) -> Option<String> {
        self.entries_path().filter(|_| self.width == TILE_WIDTH).map(|path| format!("{path}.p"))
    }

    /// The numbers of the entries under a tile of level 0.
    #[must_use]
    pub fn entries(&self) -> std::ops::Range<u64> {
        let first = self.index.saturating_mul(u64::from(TILE_WIDTH));
        first..first.saturating_add(u64::from(self.width))
    }

    /// The indices of the stored hashes that the tile holds, in its order.
    #[must_use]
    pub fn hash_indices(&self) -> Vec<u64> {
        let level = self.level.saturating_mul(TILE_HEIGHT);
        self.entries().map(|number| tlog_tiles::stored_hash_index(level, number)).collect()
    }

    /// The tile's bytes: 32 for each hash.
    ///
    /// # Errors
    /// [`TreeError::Missing`].
    pub fn bytes(&self, hashes: &impl HashReader) -> Result<Vec<u8>, TreeError> {
        let mut bytes = Vec::with_capacity(usize::from(self.width) * 32);
        for index in self.hash_indices() {
            bytes.extend_from_slice(hashes.hash(index).ok_or(TreeError::Missing)?.as_bytes());
        }
        Ok(bytes)
    }

    fn number(&self) -> String {
        let mut text = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            text = format!("x{:03}/{text}", rest % 1000);
            rest /= 1000;
        }
        if self.width == TILE_WIDTH { text } else { format!("{text}.p/{}", self.width) }
    }
}

/// The bytes of an entry bundle.
#[must_use]
pub fn entry_bundle(entries: &[Digest]) -> Vec<u8> {
    entries.iter().flat_map(|entry| [&[0, 32], entry.as_bytes().as_slice()].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Log;

    fn log(size: u64) -> Vec<Digest> {
        let mut hashes = Vec::new();
        for number in 0..size {
            let new = Log::new(number, &hashes).unwrap().append(&Digest::of(&number.to_be_bytes())).unwrap();
            hashes.extend(new.into_iter().map(|(_, hash)| hash));
        }
        hashes
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |level, index, width| Tile { level, index, width }.path();
        assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(1, 0, 5), "tile/1/000.p/5");
        assert_eq!(path(0, 1000, 1), "tile/0/x001/000.p/1");
        let tile = Tile { level: 0, index: 3, width: 256 };
        assert_eq!(tile.entries_path().unwrap(), "tile/entries/003");
        assert_eq!(tile.superseded_path().unwrap(), "tile/0/003.p");
        assert_eq!(Tile { level: 1, index: 3, width: 256 }.entries_path(), None);
        assert_eq!(Tile { level: 0, index: 3, width: 255 }.superseded_path(), None);
    }

    #[test]
    fn the_same_tiles_as_tlog_tiles() {
        for (old, new) in [(0, 0), (0, 1), (0, 256), (0, 300), (255, 256), (256, 257), (300, 70_000), (65_535, 65_537)]
        {
            let ours: Vec<_> =
                tiles(old, new).iter().map(|tile| (tile.level, tile.index, u32::from(tile.width))).collect();
            let theirs: Vec<_> = tlog_tiles::Tile::new_tiles(TILE_HEIGHT, old, new)
                .iter()
                .map(|tile| (tile.level(), tile.level_index(), tile.width()))
                .collect();
            assert_eq!(ours, theirs, "{old} to {new}");
        }
    }

    #[test]
    fn the_same_bytes_as_tlog_tiles() {
        struct Theirs(Vec<Digest>);
        impl tlog_tiles::HashReader for Theirs {
            fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
                Ok(indexes.iter().map(|index| tlog_tiles::Hash(*self.0[*index as usize].as_bytes())).collect())
            }
        }
        let hashes = log(600);
        for (ours, theirs) in tiles(0, 600).iter().zip(tlog_tiles::Tile::new_tiles(TILE_HEIGHT, 0, 600)) {
            assert_eq!(ours.bytes(&hashes).unwrap(), theirs.read_data(&Theirs(hashes.clone())).unwrap());
        }
        assert_eq!(Tile { level: 0, index: 9, width: 1 }.bytes(&hashes), Err(TreeError::Missing));
    }

    #[test]
    fn entry_bundles_prefix_each_entry_with_its_length() {
        let bundle = entry_bundle(&[Digest::of(b"a"), Digest::of(b"b")]);
        assert_eq!(bundle.len(), 68);
        assert_eq!(bundle[..2], [0, 32]);
        assert_eq!(bundle[36..], *Digest::of(b"b").as_bytes());
    }
}
