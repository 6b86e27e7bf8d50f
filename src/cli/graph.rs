//! `lockstep graph`.

use super::{Exit, ExploreArgs, input};
use crate::{explore::graph, report::Picture};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The arguments of `graph`.
#[derive(Args, Debug)]
pub struct Graph {
    /// A test (`-` for standard input)
    file: PathBuf,
    /// Write DOT to this file (`-` for standard output, which is the default without --svg)
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
    /// Write SVG to this file (`-` for standard output)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Draw every state, however many: also those without a choice
    #[arg(long)]
    full: bool,
    /// Without --full: draw no more boxes than this
    #[arg(long, value_name = "N", default_value_t = 200)]
    max_nodes: usize,
    #[command(flatten)]
    explore: ExploreArgs,
}

/// More states than this are not kept, whatever --max-states says.
const BOUND: usize = 1_000_000;

impl Graph {
    pub fn run(&self) -> Exit {
        self.try_run().unwrap_or_else(|exit| exit)
    }

    fn try_run(&self) -> Result<Exit, Exit> {
        let input = input::open(&self.file)?;
        let (machine, initial) = input.machine(&self.explore)?;
        let mut options = self.explore.options();
        options.max_states = options.max_states.min(BOUND);
        let states = graph(&machine, &options).map_err(|error| input.bad(error))?;
        let picture = Picture::of(&machine, &initial, &states, self.full);
        let (boxes, arrows) = (picture.graph.node_count(), picture.graph.edge_count());
        if !self.full && boxes > self.max_nodes {
            eprintln!(
                "error: {}: {} states make {boxes} boxes, and nobody reads more than {} of them.\n\
                 --max-nodes {boxes} draws all the same, --max-states {} only the part near the start, --full every state",
                input.file,
                states.graph.node_count(),
                self.max_nodes,
                self.max_nodes
            );
            return Err(Exit::Inconclusive);
        }
        let dot = self.dot.clone().or_else(|| self.svg.is_none().then(|| "-".into()));
        if let Some(path) = &dot {
            write(path, &picture.dot())?;
        }
        if let Some(path) = &self.svg {
            write(path, &picture.svg())?;
        }
        eprintln!(
            "{} states, {} moves, {} outcomes; drawn with {boxes} boxes and {arrows} arrows",
            states.graph.node_count(),
            states.graph.edge_count(),
            states.outcomes.len()
        );
        match &states.incomplete {
            None => Ok(Exit::Holds),
            Some(why) => {
                eprintln!("not the whole graph: {why}");
                Ok(Exit::Inconclusive)
            }
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), Exit> {
    if path.as_os_str() == "-" {
        print!("{text}");
        return Ok(());
    }
    fs::write(path, text).map_err(|error| input::bad_input(&format!("{}: {error}", path.display())))
}
