//! A network that learns to add: it reads `27+68` digit by digit and writes `95 `, from examples alone.
//!
//! An LSTM reads the question, its last output is repeated for each digit of the answer, and a second LSTM writes them
//! (Sutskever et al. 2014; Keras's example `addition_rnn`). Questions are read backwards, which makes them easier.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gradus::graph::random::philox;
use gradus::layers::{LSTM, RepeatVector};
use gradus::{Adam, CancellationToken, Dense, Device, FitOptions, Sequential, Tensor};

/// What questions and answers are written with.
const CHARACTERS: &str = "0123456789+ ";
/// Characters of a question: `99+99`.
const QUESTION: usize = 5;
/// Characters of an answer: `198`.
const ANSWER: usize = 3;

/// Teaches a recurrent network to add two numbers of two digits.
#[derive(Parser)]
struct Options {
    /// Different questions, a tenth of them for validation
    #[arg(long, default_value_t = 5_000)]
    questions: usize,
    /// How often all questions are seen at most
    #[arg(long, default_value_t = 80)]
    epochs: usize,
    /// Questions in a step
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// Units of each LSTM
    #[arg(long, default_value_t = 128)]
    units: usize,
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long)]
    device: Option<String>,
    /// What questions, first weights and their order depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    anyhow::ensure!((10..=9_000).contains(&options.questions), "--questions: give 10 to 9000");
    let sums = sums(options.questions, options.seed);
    let split = sums.len() - sums.len() / 10;
    let (train_x, train_y) = encoded(&sums[..split])?;
    let (test_x, test_y) = encoded(&sums[split..])?;

    let mut model = Sequential::new()
        .add(LSTM::new(options.units))
        .add(RepeatVector::new(ANSWER))
        .add(LSTM::new(options.units).return_sequences(true))
        .add(Dense::new(CHARACTERS.len()).activation("softmax"))
        .seed(options.seed);
    if let Some(name) = &options.device {
        model = model.device(Device::parse(name)?);
    }
    println!("Device: {}", model.describe_device()?);
    model.build(&train_x.shape()[1..])?;
    println!("{}", model.summary()?);

    model.compile(Adam::new(0.001), "categorical_crossentropy", &["accuracy"])?;
    let fit = FitOptions::new().epochs(options.epochs).batch_size(options.batch_size);
    let fit = fit.cancel_on(CancellationToken::on_interrupt()?);
    let history = model.fit(train_x, train_y, fit.validation_data(test_x.clone(), test_y))?;
    let accuracies = history.get("val_accuracy").unwrap_or_default();
    match accuracies.iter().position(|&accuracy| accuracy >= 0.99) {
        Some(epoch) => println!("99 % of the characters right after {} epochs", epoch + 1),
        None => println!("99 % of the characters were not reached"),
    }
    show(&mut model, &sums[split..], &test_x)
}

/// Different questions, and what they add up to. The numbers have one digit or two, as often as in Keras's example.
fn sums(count: usize, seed: u64) -> Vec<(u32, u32)> {
    let (mut seen, mut sums) = (BTreeSet::new(), Vec::new());
    let mut drawn = 0;
    while sums.len() < count {
        let [a, b, c, d] = philox([drawn, 0, 0, 99], [seed as u32, (seed >> 32) as u32]);
        drawn += 1;
        let number = |digits: u32, word: u32| if digits.is_multiple_of(2) { word % 10 } else { word % 100 };
        let pair = (number(a, b), number(c, d));
        // There are few small numbers: later on all questions are drawn alike.
        let pair = if drawn as usize > 4 * count { (b % 100, d % 100) } else { pair };
        if seen.insert((pair.0.min(pair.1), pair.0.max(pair.1))) || drawn as usize > 40 * count {
            sums.push(pair);
        }
    }
    sums
}

/// The characters of questions, backwards, and of answers: `[count, characters, 12]`.
fn encoded(sums: &[(u32, u32)]) -> Result<(Tensor, Tensor)> {
    let (mut questions, mut answers) = (Vec::new(), Vec::new());
    for &(a, b) in sums {
        let question: String = format!("{:<QUESTION$}", format!("{a}+{b}")).chars().rev().collect();
        one_hot(&question, &mut questions);
        one_hot(&format!("{:<ANSWER$}", a + b), &mut answers);
    }
    let tensor = |length: usize, values| Tensor::f32(&[sums.len(), length, CHARACTERS.len()], values);
    Ok((tensor(QUESTION, questions)?, tensor(ANSWER, answers)?))
}

fn one_hot(text: &str, out: &mut Vec<f32>) {
    out.extend(text.chars().flat_map(|c| CHARACTERS.chars().map(move |k| if k == c { 1.0 } else { 0.0 })));
}

/// Ten questions with the network's answers.
fn show(model: &mut Sequential, sums: &[(u32, u32)], questions: &Tensor) -> Result<()> {
    let count = sums.len().min(10);
    let answers = model.predict(questions.slice_rows(0..count)?, None)?.to_f32();
    let largest = |scores: &[f32]| (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    for (&(a, b), scores) in sums.iter().zip(answers.chunks(ANSWER * CHARACTERS.len())) {
        let best = scores.chunks(CHARACTERS.len()).filter_map(largest);
        let answer: String = best.filter_map(|i| CHARACTERS.chars().nth(i)).collect();
        let verdict = if answer.trim() == (a + b).to_string() { "right" } else { "wrong" };
        println!("{a:>2} + {b:>2} = {answer} {verdict}");
    }
    Ok(())
}
