//! The search for the fastest division of each product and convolution on the present adapter.

use std::collections::HashSet;

use super::device::{Device, Engine};
use crate::error::{Error, Result};
use crate::graph::random::{Key, uniform};
use crate::graph::{Graph, SEGMENT, VariableId};
use crate::schedule::{
    Contraction, Division, Options, Program, REGISTER_TILES, SUBGROUP_TILES, Step, Target, Tile, Tuning,
    WORKGROUP_TILES, schedule, schedule_tuned,
};
use crate::{cpu, gpu};

/// What the search found for one contraction.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuned {
    /// The contraction's name in [`Tuning::choices`].
    pub name: String,
    /// Floating-point operations: two for each multiply and add.
    pub flops: u64,
    /// The rule's division, and the seconds it takes.
    pub rule: (Division, f64),
    /// The fastest division whose results agree with the CPU's, and the seconds it takes.
    pub best: (Division, f64),
    /// How many divisions were tried, of those that make the same kernels one.
    pub tried: usize,
}

impl Tuned {
    /// The rule's speed as a share of the best: 1 where the rule chose the best.
    pub fn share(&self) -> f64 {
        self.best.1 / self.rule.1
    }
}

/// Runs of each division, and how many if all together take less than [`LONG`]; the best counts.
const RUNS: usize = 3;
const MOST_RUNS: usize = 20;
/// Seconds after which a division has shown what it can.
const LONG: f64 = 0.05;
/// How often the rule's division and the best found are measured again, in turns.
const TURNS: usize = 3;
/// A division is given up when two runs take so many times the best. The first alone says little: software adapters
/// compile in it.
const HOPELESS: f64 = 3.0;
/// A choice is kept if it takes at most this share of the rule's time: less is noise.
const WORTH: f64 = 0.95;
/// Partial sums tried.
const SPLITS: [usize; 5] = [1, 4, 16, 64, 256];
/// Terms of a partial sum that are worth a pass of their own.
const LEAST_TERMS: usize = 256;

impl Device {
    /// Measures all divisions of `contractions` that the kernels know on this device, by the adapter's clock, and calls
    /// `report` with each outcome. The result has what is faster than the rule's choice; give it to [`Device::tuned`], or
    /// its text to a file that `GRADUS_TUNING` names. No division is taken whose results are not those of the CPU.
    ///
    /// # Errors
    /// If the device is the CPU, has no timestamp queries, or fails.
    pub fn tune(&self, contractions: &[Contraction], report: impl FnMut(&Tuned)) -> Result<Tuning> {
        pollster::block_on(self.tune_async(contractions, report))
    }

    /// [`Device::tune`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Device::tune`].
    pub async fn tune_async(
        &self,
        contractions: &[Contraction],
        mut report: impl FnMut(&Tuned),
    ) -> Result<Tuning> {
        let mut opened = self.open().await?;
        if opened.engine.target() == Target::Cpu {
            let expected = "a GPU: the CPU's kernels have no tiles to choose from";
            return Err(Error::argument("tune", "device", opened.describe(), expected));
        }
        let mut tuning = Tuning { adapter: opened.engine.adapter(), ..Tuning::default() };
        for contraction in contractions {
            let mut search = Search::new(&mut opened.engine, contraction)?;
            let tuned = search.run().await?;
            report(&tuned);
            if tuned.share() < WORTH {
                tuning.choices.insert(tuned.name, tuned.best.0);
            }
        }
        Ok(tuning)
    }
}

/// One contraction on its way through all divisions.
struct Search<'a> {
    engine: &'a mut Engine,
    contraction: &'a Contraction,
    graph: Graph,
    /// The result on the CPU, and how far each element may be from it.
    expected: Vec<(f32, f64)>,
}

impl<'a> Search<'a> {
    fn new(engine: &'a mut Engine, contraction: &'a Contraction) -> Result<Self> {
        let graph = contraction.graph()?;
        engine.set_variables(&graph.variables)?;
        for i in 0..2 {
            engine.write_variable(VariableId(i), &operand(&graph, i))?;
        }
        let expected = expected(&graph, contraction.terms())?;
        Ok(Self { engine, contraction, graph, expected })
    }

    async fn run(&mut self) -> Result<Tuned> {
        let program = schedule(&self.graph, self.engine.target(), Options::default(), 1)?;
        let flops = program.costs().iter().map(|cost| cost.flops).sum();
        let rule = program.contractions()[0].1;
        let mut texts = HashSet::from([text(&program)?]);
        let seconds = self.seconds(program, f64::INFINITY).await?;
        let Some(seconds) = seconds else {
            let problem = format!("{} gives other results than the CPU", self.contraction);
            return Err(Error::device(
                self.engine.adapter(),
                problem,
                "report it: the rule's kernel is wrong",
            ));
        };
        let name = self.contraction.to_string();
        let mut tuned = Tuned { name, flops, rule: (rule, seconds), best: (rule, seconds), tried: 1 };
        for division in self.divisions(rule).into_iter().filter(|division| *division != rule) {
            let program = self.program(&tuned.name, division)?;
            if !texts.insert(text(&program)?) {
                continue;
            }
            tuned.tried += 1;
            match self.seconds(program, tuned.best.1).await? {
                Some(seconds) if seconds < tuned.best.1 => tuned.best = (division, seconds),
                _ => {}
            }
        }
        if tuned.best.0 != rule {
            self.settle(&mut tuned).await?;
        }
        Ok(tuned)
    }

    /// Measures the rule's division and the best once more, in turns: a slow moment of the one or a lucky one of the other
    /// says nothing then.
    async fn settle(&mut self, tuned: &mut Tuned) -> Result<()> {
        for seconds in [&mut tuned.rule.1, &mut tuned.best.1] {
            *seconds = f64::INFINITY;
        }
        for _ in 0..TURNS {
            for (division, seconds) in [&mut tuned.rule, &mut tuned.best] {
                let program = self.program(&tuned.name, *division)?;
                let found = self.seconds(program, f64::INFINITY).await?;
                *seconds = seconds.min(found.unwrap_or(f64::INFINITY));
            }
        }
        if tuned.rule.1 <= tuned.best.1 {
            tuned.best = tuned.rule;
        }
        Ok(())
    }

    fn program(&self, name: &str, division: Division) -> Result<Program> {
        let tuning = Tuning { choices: [(name.into(), division)].into(), ..Tuning::default() };
        schedule_tuned(&self.graph, self.engine.target(), Options::default(), 1, &tuning)
    }

    fn divisions(&self, rule: Division) -> Vec<Division> {
        let mut tiles: Vec<Tile> = WORKGROUP_TILES.to_vec();
        if let Target::Software { subgroups } = self.engine.target() {
            // To a program on the CPU, workgroup memory is only slower memory: one such tile shows it.
            tiles = REGISTER_TILES.iter().chain(&WORKGROUP_TILES[1..2]).copied().collect();
            if subgroups {
                tiles.extend(SUBGROUP_TILES);
            }
        }
        let most = self.contraction.terms().div_ceil(LEAST_TERMS);
        let mut splits: Vec<usize> = SPLITS.into_iter().chain([rule.splits]).collect();
        splits.retain(|&n| n == 1 || (self.contraction.splits() && n <= most));
        splits.sort_unstable();
        splits.dedup();
        let with = |tile: Tile| splits.iter().map(move |&splits| Division { tile, splits });
        tiles.into_iter().flat_map(with).collect()
    }

    /// The seconds of `program`; `None` if it is far from `best`, or its results are wrong.
    async fn seconds(&mut self, program: Program, best: f64) -> Result<Option<f64>> {
        let program = self.engine.load(program)?;
        let seconds = self.measure(program, best).await;
        self.engine.unload(program);
        seconds
    }

    async fn measure(&mut self, program: crate::schedule::ProgramId, best: f64) -> Result<Option<f64>> {
        let binding = self.engine.bind(program, &[], 1)?;
        let step = step();
        let (mut least, mut all) = (f64::INFINITY, 0.0);
        for run in 0..MOST_RUNS {
            if run >= RUNS && all > LONG {
                break;
            }
            let seconds: f64 = self.engine.profile(binding, &step).await?.iter().sum();
            (least, all) = (least.min(seconds), all + seconds);
            if run == 1 && least > HOPELESS * best {
                return Ok(None);
            }
        }
        let found = self.engine.outputs(binding).await?.swap_remove(0);
        let agree = found.len() == self.expected.len()
            && found
                .iter()
                .zip(&self.expected)
                .all(|(found, (expected, bound))| (f64::from(*found) - f64::from(*expected)).abs() <= *bound);
        Ok(agree.then_some(least))
    }
}

/// What the program's kernels are: not every division makes another.
fn text(program: &Program) -> Result<Vec<String>> {
    Ok(gpu::lower(program)?.into_iter().map(|shader| shader.wgsl).collect())
}

fn step() -> Step {
    Step { batch: 1, offset: 0, row: 0, key: Key::default(), scalars: Vec::new() }
}

/// Numbers from −1 to 1 for variable number `i`.
fn operand(graph: &Graph, i: usize) -> Vec<f32> {
    let count = (graph.variables[i].segments * SEGMENT) as u32;
    (0..count).map(|at| 2.0 * uniform(Key::default(), i as u32, at) - 1.0).collect()
}

/// The result on the CPU, and how far another order of its sums may be from it: twice 8·√K·2⁻²⁴·Σ|a·b|.
fn expected(graph: &Graph, terms: usize) -> Result<Vec<(f32, f64)>> {
    let unit = 2f64.powi(-24);
    let of = |absolute: bool| -> Result<Vec<f32>> {
        let mut engine = cpu::Engine::new(None)?;
        engine.set_variables(&graph.variables)?;
        for i in 0..2 {
            let values: Vec<f32> =
                operand(graph, i).into_iter().map(|x| if absolute { x.abs() } else { x }).collect();
            engine.write_variable(VariableId(i), &values)?;
        }
        let program = engine.load(schedule(graph, Target::Cpu, Options::default(), 1)?)?;
        let binding = engine.bind(program, &[], 1)?;
        pollster::block_on(engine.run(binding, &[step()]))?;
        Ok(pollster::block_on(engine.outputs(binding))?.swap_remove(0))
    };
    let sizes = of(true)?;
    let bound = |size: f32| 16.0 * (terms as f64).sqrt() * unit * f64::from(size);
    Ok(of(false)?.into_iter().zip(sizes).map(|(value, size)| (value, bound(size))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_not_tuned() {
        let error = Device::cpu().tune(&[Contraction::matmul(4, 4, 4)], |_| {}).unwrap_err().to_string();
        assert!(error.contains("no tiles to choose from"), "{error}");
    }

    /// Where the machine has an adapter, a software one too.
    #[test]
    fn choices_agree_with_the_cpu_and_are_taken() -> Result<()> {
        let device = Device::gpu();
        let Ok(mut opened) = pollster::block_on(device.open()) else { return Ok(()) };
        let contraction = Contraction::matmul(33, 40, 17);
        let mut search = Search::new(&mut opened.engine, &contraction)?;
        let target = search.engine.target();
        let program = schedule(&search.graph, target, Options::default(), 1)?;
        assert!(pollster::block_on(search.seconds(program.clone(), f64::INFINITY))?.is_some());
        search.expected[7].0 += 1.0;
        assert_eq!(
            pollster::block_on(search.seconds(program, f64::INFINITY))?,
            None,
            "a wrong result is seen"
        );

        let division = Division { tile: REGISTER_TILES[0], splits: 1 };
        let tuning = Tuning { adapter: String::new(), choices: [(contraction.to_string(), division)].into() };
        let tuned = schedule_tuned(&contraction.graph()?, target, Options::default(), 1, &tuning)?;
        assert_eq!(tuned.contractions(), [(contraction, division)]);
        assert!(tuned.explain().contains("as measured on this adapter"), "{}", tuned.explain());
        Ok(())
    }

    #[test]
    fn a_tuning_of_another_adapter_is_refused() {
        let tuning = Tuning { adapter: "another".into(), ..Tuning::default() };
        match pollster::block_on(Device::gpu().tuned(tuning).open()) {
            // Without an adapter that is what is said.
            Err(error) => assert!(error.to_string().contains("tun") || error.to_string().contains("adapter")),
            Ok(_) => panic!("it was taken"),
        }
    }
}
