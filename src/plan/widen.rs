//! Tiles larger (or smaller) than storage chunks ask for, where that saves work: whole axes, several chunks side by side.
//!
//! What a tile computes besides its own elements (margins, whole axes) is computed again by its neighbours, and so is the
//! decoding of chunks that tiles share. Larger tiles share less, and are written in longer runs; memory is what decides.

use super::plan::Make;
use super::tiling::{FEW_ROWS, SMALL_TILE};
use super::work::Body;

/// A tile is widened to a whole axis when that leaves this part of the work.
const WORTH_A_WHOLE_AXIS: f64 = 0.75;
/// What a widened tile makes is cut to about this, where cutting costs nothing: it then stays in the last cache.
const CACHED_BYTES: usize = 2 << 20;
/// Domains of more elements keep wide tiles: their results may go to scratch files, where a wide tile makes long runs.
const MOST_TRIMMED: usize = 1 << 26;
/// A tile takes less of an axis when that leaves this part of the work.
const WORTH_LESS: f64 = 0.75;
/// A tile grows along an axis when that leaves this part of the work.
const WORTH_GROWING: f64 = 0.92;
/// It grows no further than to what leaves this much more than the least.
const NEARLY_LEAST: f64 = 1.04;

/// `tile`, widened along axes where the operations of the pass would otherwise compute (or decode) the same again for every
/// tile: a scan or a transform needs its axis whole, a window some of it. Other axes are cut in exchange. Where tiles are
/// written as rows of a file, also along inner axes until the rows are long. The pieces of a tile stay within `most` bytes for whole axes, within `grown` bytes for longer parts.
pub(super) fn widened(
    body: &Body<'_>,
    tile: Vec<usize>,
    folded: &[usize],
    most: usize,
    grown: usize,
) -> Vec<usize> {
    let plain = body
        .slots
        .iter()
        .all(|slot| matches!(slot.make, Make::Load(_) | Make::Generate(_)));
    if (plain && body.per_run == 0.0) || body.domain.contains(&0) {
        return tile;
    }
    let mut widening = Widening {
        body,
        folded,
        most,
        kept: vec![false; tile.len()],
        work: body.per_element(&tile),
        tile,
    };
    while widening.less_of_an_axis() {}
    while widening.fetch_less() {}
    widening.whole_grains();
    while widening.whole_axis() {}
    widening.trim();
    widening.most = grown;
    while widening.more_of_an_axis() {}
    widening.tile
}

/// A tile on its way.
struct Widening<'a> {
    body: &'a Body<'a>,
    folded: &'a [usize],
    most: usize,
    tile: Vec<usize>,
    /// Axes that keep the length that they were given.
    kept: Vec<bool>,
    /// Work per element.
    work: f64,
}

impl Widening<'_> {
    /// The tile with this length of an axis: the largest that is allowed. Decoding prefers large tiles, caches prefer small
    /// ones. With its work per element.
    fn candidate(&self, axis: usize, length: usize) -> Option<(f64, Vec<usize>)> {
        let mut kept = self.kept.clone();
        kept[axis] = true;
        let mut tile = self.tile.clone();
        tile[axis] = length;
        cut(self.body, &mut tile, &kept, self.folded, self.most);
        (self.body.bytes(&tile) <= self.most).then(|| (self.body.per_element(&tile), tile))
    }

    fn take(&mut self, axis: usize, (work, tile): (f64, Vec<usize>)) {
        (self.work, self.tile) = (work, tile);
        self.kept[axis] = true;
    }

    /// Takes half of an axis, or single indices of it, where that saves much: points that lie far apart are looked up in a
    /// box around them. Half of them may lie in a box as large.
    fn less_of_an_axis(&mut self) -> bool {
        let long = (0..self.tile.len()).filter(|axis| self.tile[*axis] > 1);
        let less = long.flat_map(|axis| [(axis, self.tile[axis].div_ceil(2)), (axis, 1)]);
        let less = less.map(|(axis, length)| {
            let mut tile = self.tile.clone();
            tile[axis] = length;
            (self.body.per_element(&tile), tile)
        });
        match less.min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((work, tile)) if work < WORTH_LESS * self.work => {
                (self.work, self.tile) = (work, tile);
                true
            }
            _ => false,
        }
    }

    /// Halves an axis where the chunks of a tile are too many to be fetched together and nothing is decoded again for it: a
    /// series at one point may touch all chunks along time.
    fn fetch_less(&mut self) -> bool {
        let fetched = self.body.fetched_bytes(&self.tile);
        if fetched <= self.most {
            return false;
        }
        let long = (0..self.tile.len()).filter(|axis| self.tile[*axis] > 1);
        let halved = long.map(|axis| {
            let mut tile = self.tile.clone();
            tile[axis] = tile[axis].div_ceil(2);
            (self.body.per_element(&tile), tile)
        });
        let fewer = halved.filter(|(_, tile)| self.body.fetched_bytes(tile) < fetched);
        match fewer.min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((work, tile)) if work <= 1.01 * self.work => {
                self.tile = tile;
                true
            }
            _ => false,
        }
    }

    /// Runs of a scan are made from their starts: tiles of whole runs make nothing twice.
    fn whole_grains(&mut self) {
        let domain = self.body.domain;
        for slot in self.body.slots {
            let Make::Call { op, .. } = &slot.make else {
                continue;
            };
            let Some((axis, grain)) = op.grain().filter(|_| slot.shape == domain) else {
                continue;
            };
            if grain >= domain[axis] || self.tile[axis].is_multiple_of(grain) {
                continue;
            }
            let length = self.tile[axis].next_multiple_of(grain).min(domain[axis]);
            if let Some(found) = self.candidate(axis, length)
                && found.0 < WORTH_A_WHOLE_AXIS * self.work
            {
                self.take(axis, found);
            }
        }
        // They are no whole axes: what comes may still cut them.
        self.kept.fill(false);
    }

    /// Takes the axis that saves most by being whole, if one saves enough.
    fn whole_axis(&mut self) -> bool {
        let domain = self.body.domain;
        let found = (0..domain.len())
            .filter(|axis| !self.kept[*axis] && self.tile[*axis] < domain[*axis])
            .filter_map(|axis| Some((axis, self.candidate(axis, domain[axis])?)))
            .filter(|(_, (work, _))| *work < WORTH_A_WHOLE_AXIS * self.work)
            .min_by(|a, b| a.1.0.total_cmp(&b.1.0));
        match found {
            Some((axis, found)) => {
                self.take(axis, found);
                true
            }
            None => false,
        }
    }

    /// Halves axes of a tile that was widened to whole ones, while what the tile makes does not fit the cache and nothing is made
    /// again for it. Bands do not cut such a tile: the first axis is often the one that it holds whole.
    fn trim(&mut self) {
        let elements = |tile: &[usize]| tile.iter().product::<usize>();
        if !self.kept.contains(&true) || elements(self.body.domain) > MOST_TRIMMED {
            return;
        }
        let last = self.tile.len() - 1;
        while self.body.made_bytes(&self.tile) > CACHED_BYTES
            && elements(&self.tile) >= 2 * SMALL_TILE
        {
            // Rows stay long enough for whole lines of the cache.
            let least = |axis: usize| if axis == last { FEW_ROWS } else { 1 };
            let free =
                (0..=last).filter(|axis| !self.kept[*axis] && self.tile[*axis] > least(*axis));
            let Some(axis) = free.max_by_key(|axis| self.tile[*axis]) else {
                return;
            };
            let mut tile = self.tile.clone();
            tile[axis] = tile[axis].div_ceil(2);
            if self.body.per_element(&tile) > 1.01 * self.work {
                return;
            }
            self.tile = tile;
        }
    }

    /// Takes several times its length along the axis that saves most by that, if one saves enough.
    fn more_of_an_axis(&mut self) -> bool {
        let domain = self.body.domain;
        let mut best: Option<(usize, f64, (f64, Vec<usize>))> = None;
        for axis in (0..domain.len()).filter(|axis| !self.kept[*axis]) {
            // Twice, four times ...: tiles go on being whole chunks.
            let lengths = (1..).map(|power| self.tile[axis] << power);
            let found: Vec<(f64, Vec<usize>)> = lengths
                .take_while(|length| *length < domain[axis])
                .map_while(|length| self.candidate(axis, length))
                .collect();
            let Some(least) = found.iter().map(|(work, _)| *work).reduce(f64::min) else {
                continue;
            };
            if least >= WORTH_GROWING * self.work || best.as_ref().is_some_and(|b| b.1 <= least) {
                continue;
            }
            let enough = (found.into_iter()).find(|(work, _)| *work <= NEARLY_LEAST * least);
            best = enough.map(|found| (axis, least, found)).or(best);
        }
        match best {
            Some((axis, _, found)) => {
                self.take(axis, found);
                true
            }
            None => false,
        }
    }
}

/// Halves axes that need not stay, folded ones first, until the pieces fit.
fn cut(body: &Body<'_>, tile: &mut [usize], kept: &[bool], folded: &[usize], most: usize) {
    while body.bytes(tile) > most {
        let axis = (0..tile.len())
            .filter(|axis| !kept[*axis] && tile[*axis] > 1)
            .max_by_key(|axis| (folded.contains(axis), tile[*axis]));
        let Some(axis) = axis else { return };
        tile[axis] = tile[axis].div_ceil(2);
    }
}
