//! Where the boxes and arrows of a picture lie: in layers, as Sugiyama, Tagawa and Toda draw hierarchies.
//!
//! Boxes are in every second layer, the texts of arrows in those between, so that neither lies on the other. The order within layers
//! is that of medians, which is looked for in a bounded number of sweeps; then every layer is put as near to what it is linked with as
//! its order allows. All of that is linear in the number of links, but for a logarithm where crossings are counted.

/// Width and height, in pixels.
pub type Size = (f64, f64);
/// From the left and from above, in pixels.
pub type Point = (f64, f64);

/// An arrow to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Arrow {
    /// The number of the box that it leaves.
    pub from: usize,
    /// The number of the box that it leads to.
    pub to: usize,
    /// The size of its text.
    pub text: Size,
}

/// Where everything lies.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Placed {
    /// The centres of the boxes.
    pub boxes: Vec<Point>,
    /// For each arrow the points that it goes through, the first at its beginning.
    pub arrows: Vec<Vec<Point>>,
    /// For each arrow the centre of its text.
    pub texts: Vec<Point>,
    /// The size of the whole picture.
    pub size: Size,
}

/// Between neighbours of a layer.
const APART: f64 = 18.;
/// Between layers.
const BELOW: f64 = 28.;
/// Around the picture.
const MARGIN: f64 = 16.;
/// Sweeps for the order, and those without gain after which it stays.
const SWEEPS: (usize, usize) = (24, 4);
/// Sweeps for the places.
const SHIFTS: usize = 16;

/// What lies in a layer: a box, the text of an arrow, or a point that a long arrow goes through.
#[derive(Clone, Copy, Debug)]
struct Item {
    layer: usize,
    size: Size,
    /// Its place in the layer.
    order: usize,
    /// Its centre.
    x: f64,
}

struct Layout {
    items: Vec<Item>,
    layers: Vec<Vec<usize>>,
    /// Neighbours in the layer above, and in the one below.
    up: Vec<Vec<usize>>,
    down: Vec<Vec<usize>>,
}

/// Places boxes of these sizes, of which the first is where everything begins, and arrows between them.
pub fn place(boxes: &[Size], arrows: &[Arrow]) -> Placed {
    let backward = backward(boxes.len(), arrows);
    let ranks = ranks(boxes.len(), arrows, &backward);
    let mut layout = Layout { items: Vec::new(), layers: Vec::new(), up: Vec::new(), down: Vec::new() };
    for (&size, rank) in boxes.iter().zip(&ranks) {
        layout.add(2 * rank, size);
    }
    let chains: Vec<Vec<usize>> = arrows.iter().zip(&backward).map(|(a, &back)| layout.chain(a, back)).collect();
    layout.sort();
    layout.shift();
    layout.read_off(boxes.len(), arrows, &backward, &chains)
}

/// The arrows that close a cycle: they are laid out as if they led the other way.
fn backward(boxes: usize, arrows: &[Arrow]) -> Vec<bool> {
    let mut out = vec![Vec::new(); boxes];
    arrows.iter().enumerate().for_each(|(i, a)| out[a.from].push(i));
    let mut backward = vec![false; arrows.len()];
    let (mut on_path, mut seen) = (vec![false; boxes], vec![false; boxes]);
    for root in 0..boxes {
        let mut path = if seen[root] { vec![] } else { vec![(root, 0)] };
        while let Some((node, next)) = path.last_mut() {
            (seen[*node], on_path[*node]) = (true, true);
            let Some(&arrow) = out[*node].get(*next) else {
                on_path[*node] = false;
                path.pop();
                continue;
            };
            *next += 1;
            let to = arrows[arrow].to;
            if on_path[to] {
                backward[arrow] = true;
            } else if !seen[to] {
                path.push((to, 0));
            }
        }
    }
    backward
}

/// For each box the length of the longest way to it.
fn ranks(boxes: usize, arrows: &[Arrow], backward: &[bool]) -> Vec<usize> {
    let forward = arrows.iter().zip(backward).filter(|(a, _)| a.from != a.to);
    let forward: Vec<(usize, usize)> =
        forward.map(|(a, &back)| if back { (a.to, a.from) } else { (a.from, a.to) }).collect();
    let (mut out, mut waits_for) = (vec![Vec::new(); boxes], vec![0; boxes]);
    for &(from, to) in &forward {
        out[from].push(to);
        waits_for[to] += 1;
    }
    let mut ranks = vec![0; boxes];
    let mut ready: Vec<usize> = (0..boxes).filter(|&node| waits_for[node] == 0).collect();
    while let Some(node) = ready.pop() {
        for &to in &out[node] {
            ranks[to] = ranks[to].max(ranks[node] + 1);
            waits_for[to] -= 1;
            if waits_for[to] == 0 {
                ready.push(to);
            }
        }
    }
    ranks
}

impl Layout {
    fn add(&mut self, layer: usize, size: Size) -> usize {
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, Vec::new());
        }
        let order = self.layers[layer].len();
        self.layers[layer].push(self.items.len());
        self.items.push(Item { layer, size, order, x: 0. });
        self.up.push(Vec::new());
        self.down.push(Vec::new());
        self.items.len() - 1
    }

    /// The items between the ends of an arrow, from above: its text, then points. One that leads to where it began has its text
    /// below.
    fn chain(&mut self, arrow: &Arrow, backward: bool) -> Vec<usize> {
        let (from, to) = if backward { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
        let (first, last) = (self.items[from].layer + 1, self.items[to].layer.max(self.items[from].layer + 2));
        let mut above = from;
        let mut chain = Vec::new();
        for layer in first..last {
            let item = self.add(layer, if layer == first { arrow.text } else { (1., 0.) });
            self.link(above, item);
            chain.push(item);
            above = item;
        }
        if from != to {
            self.link(above, to);
        }
        chain
    }

    fn link(&mut self, above: usize, below: usize) {
        self.down[above].push(below);
        self.up[below].push(above);
    }

    /// Finds an order with few crossings.
    fn sort(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        let mut without_gain = 0;
        for sweep in 0..SWEEPS.0 {
            let downwards = sweep % 2 == 0;
            let count = self.layers.len();
            for i in 1..count {
                self.sort_layer(if downwards { i } else { count - 1 - i }, downwards);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
                without_gain = 0;
            } else {
                without_gain += 1;
            }
            if best.0 == 0 || without_gain == SWEEPS.1 {
                break;
            }
        }
        self.layers = best.1;
        for layer in &self.layers {
            layer.iter().enumerate().for_each(|(order, &item)| self.items[item].order = order);
        }
    }

    /// By the medians of the neighbours above, or below.
    fn sort_layer(&mut self, layer: usize, downwards: bool) {
        let items = &mut self.items;
        let links = if downwards { &self.up } else { &self.down };
        let median = |item: usize| {
            let mut orders: Vec<usize> = links[item].iter().map(|&other| items[other].order).collect();
            orders.sort_unstable();
            match orders.len() {
                0 => items[item].order as f64,
                n => (orders[(n - 1) / 2] + orders[n / 2]) as f64 / 2.,
            }
        };
        let mut keyed: Vec<(f64, usize)> = self.layers[layer].iter().map(|&item| (median(item), item)).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.layers[layer] = keyed.into_iter().map(|(_, item)| item).collect();
        self.layers[layer].iter().enumerate().for_each(|(order, &item)| items[item].order = order);
    }

    /// How many links cross: inversions, counted with a Fenwick tree.
    fn crossings(&self) -> usize {
        let mut all = 0;
        for (upper, lower) in self.layers.iter().zip(self.layers.iter().skip(1)) {
            let mut tree = vec![0usize; lower.len() + 1];
            let mut so_far = 0;
            for &item in upper {
                let mut ends: Vec<usize> = self.down[item].iter().map(|&other| self.items[other].order).collect();
                ends.sort_unstable();
                for &end in &ends {
                    let (mut i, mut before) = (end + 1, 0);
                    while i > 0 {
                        before += tree[i];
                        i &= i - 1;
                    }
                    all += so_far - before;
                }
                for &end in &ends {
                    let mut i = end + 1;
                    while i < tree.len() {
                        tree[i] += 1;
                        i += i & i.wrapping_neg();
                    }
                }
                so_far += ends.len();
            }
        }
        all
    }

    /// Puts everything as near to its neighbours as the order allows.
    fn shift(&mut self) {
        let count = self.layers.len();
        for layer in 0..count {
            self.settle(layer, |_, _| 0.);
        }
        for sweep in 0..SHIFTS {
            for i in 0..count {
                let downwards = sweep % 2 == 0;
                let layer = if downwards { i } else { count - 1 - i };
                self.settle(layer, |layout, item| {
                    let near = if downwards { &layout.up[item] } else { &layout.down[item] };
                    if near.is_empty() {
                        return layout.items[item].x;
                    }
                    near.iter().map(|&other| layout.items[other].x).sum::<f64>() / near.len() as f64
                });
            }
        }
        let left = self.items.iter().map(|item| item.x - item.size.0 / 2.).fold(f64::INFINITY, f64::min);
        self.items.iter_mut().for_each(|item| item.x += MARGIN - left);
    }

    /// The places in a layer that are nearest to the wanted ones, by least squares: neighbours that would overlap are moved together
    /// (pool adjacent violators). Points of long arrows pull harder, so that these become straight.
    fn settle(&mut self, layer: usize, wanted: impl Fn(&Layout, usize) -> f64) {
        let mut offset = 0.;
        let mut offsets = Vec::with_capacity(self.layers[layer].len());
        let mut last = None;
        // Sums of places times weights, of weights, and how many items.
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        for &item in &self.layers[layer] {
            let width = self.items[item].size.0;
            offset += last.map_or(0., |last: f64| (last + width) / 2. + APART);
            last = Some(width);
            offsets.push(offset);
            let weight = if width > 1. { 1. } else { 4. };
            let mut block = (weight * (wanted(self, item) - offset), weight, 1);
            while let Some(&(sum, weights, n)) = blocks.last() {
                if sum / weights <= block.0 / block.1 {
                    break;
                }
                blocks.pop();
                block = (block.0 + sum, block.1 + weights, block.2 + n);
            }
            blocks.push(block);
        }
        let places = blocks.into_iter().flat_map(|(sum, weights, n)| std::iter::repeat_n(sum / weights, n));
        for ((&item, place), offset) in self.layers[layer].iter().zip(places).zip(offsets) {
            self.items[item].x = place + offset;
        }
    }

    /// The layers get their heights, and arrows their points.
    fn read_off(&self, boxes: usize, arrows: &[Arrow], backward: &[bool], chains: &[Vec<usize>]) -> Placed {
        let mut bands = Vec::new();
        let mut y = MARGIN;
        for layer in &self.layers {
            let high = layer.iter().map(|&item| self.items[item].size.1).fold(0., f64::max);
            bands.push((y, y + high));
            y += high + BELOW;
        }
        let centre = |item: usize| {
            let (top, bottom) = bands[self.items[item].layer];
            (self.items[item].x, (top + bottom) / 2.)
        };
        let right = self.items.iter().map(|item| item.x + item.size.0 / 2.).fold(0., f64::max);
        let route = |(i, arrow): (usize, &Arrow)| {
            let (from, to) = if backward[i] { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
            let (first, last) = (chains[i][0], chains[i][chains[i].len() - 1]);
            let half = |item: usize| self.items[item].size.1 / 2.;
            let mut points = vec![(self.port(from, first, &self.down), centre(from).1 + half(from))];
            for &item in &chains[i] {
                let (top, bottom) = bands[self.items[item].layer];
                points.extend([(self.items[item].x, top), (self.items[item].x, bottom)]);
            }
            if from == to {
                // Round its text and back.
                let side = self.items[from].x + self.items[from].size.0 / 2.;
                points.extend([(side + APART / 2., bands[self.items[first].layer].0), (side - 4., points[0].1)]);
            } else {
                points.push((self.port(to, last, &self.up), centre(to).1 - half(to)));
            }
            if backward[i] && from != to {
                points.reverse();
            }
            points
        };
        Placed {
            boxes: (0..boxes).map(centre).collect(),
            arrows: arrows.iter().enumerate().map(route).collect(),
            texts: chains.iter().map(|chain| centre(chain[0])).collect(),
            size: (right + MARGIN, y - BELOW + MARGIN),
        }
    }

    /// Where at the edge of a box the arrow to or from a neighbour is: they share its width in their order.
    fn port(&self, item: usize, neighbour: usize, links: &[Vec<usize>]) -> f64 {
        let order = self.items[neighbour].order;
        let before = links[item].iter().filter(|&&other| self.items[other].order < order).count();
        let share = (before as f64 + 0.5) / links[item].len().max(1) as f64;
        self.items[item].x + (share - 0.5) * self.items[item].size.0 * 0.8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(boxes: usize, arrows: &[(usize, usize)]) -> Placed {
        let arrows: Vec<Arrow> = arrows.iter().map(|&(from, to)| Arrow { from, to, text: (60., 16.) }).collect();
        place(&vec![(80., 40.); boxes], &arrows)
    }

    #[test]
    fn boxes_and_texts_do_not_overlap() {
        let arrows = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4), (0, 4), (4, 1), (3, 3)];
        let found = placed(5, &arrows);
        let boxes = found.boxes.iter().map(|&at| (at, (80., 40.)));
        let all: Vec<(Point, Size)> = boxes.chain(found.texts.iter().map(|&at| (at, (60., 16.)))).collect();
        for (i, (a, small)) in all.iter().enumerate() {
            assert!(a.0 - small.0 / 2. >= 0. && a.0 + small.0 / 2. <= found.size.0 && a.1 < found.size.1);
            for (b, large) in &all[..i] {
                let apart =
                    (a.0 - b.0).abs() >= (small.0 + large.0) / 2. || (a.1 - b.1).abs() >= (small.1 + large.1) / 2.;
                assert!(apart, "{a:?} lies on {b:?}");
            }
        }
    }

    #[test]
    fn arrows_lead_down_but_for_those_that_close_a_cycle() {
        let found = placed(3, &[(0, 1), (1, 2), (2, 0)]);
        let rises = |i: usize| found.arrows[i].first().unwrap().1 > found.arrows[i].last().unwrap().1;
        assert!(!rises(0) && !rises(1) && rises(2));
    }

    #[test]
    fn crossings_that_need_not_be_are_undone() {
        // Two arrows that cross in the order in which they come.
        let found = placed(5, &[(0, 1), (0, 2), (1, 4), (2, 3)]);
        assert_eq!(found.boxes[1].0 < found.boxes[2].0, found.boxes[4].0 < found.boxes[3].0);
    }

    #[test]
    fn a_thousand_boxes_take_no_time() {
        let arrows: Vec<(usize, usize)> = (1..1000).flat_map(|i| [((i - 1) / 2, i), (i * 7 / 9, i)]).collect();
        let begun = std::time::Instant::now();
        assert_eq!(placed(1000, &arrows).boxes.len(), 1000);
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }
}
