//! Searches over a model whose score is known, and what their tables say.

use super::*;
use crate::data::KFold;
use crate::error::Result;
use crate::layers::Dense;
use crate::model::{Device, FitOptions, Sequential};
use crate::tensor::Tensor;
use crate::train::optimizers::Sgd;

/// y = 2x, which one weight can learn exactly.
fn line() -> Result<(Tensor, Tensor)> {
    let x: Vec<f32> = (0..12).map(|i| (i as f32 - 6.0) / 4.0).collect();
    let y = x.iter().map(|v| 2.0 * v).collect();
    Ok((Tensor::f32(&[12, 1], x)?, Tensor::f32(&[12, 1], y)?))
}

fn build(parameters: &Parameters) -> Result<Sequential> {
    let mut model = Sequential::new().add(Dense::new(1).use_bias(false)).seed(1).device(Device::cpu());
    model.compile(Sgd::new(parameters.number("rate")?), "mse", &[])?;
    Ok(model)
}

fn options() -> SearchOptions {
    SearchOptions::new().folds(KFold::new(3).shuffle(5))
}

fn grid() -> GridSearch {
    GridSearch::new().parameter("rate", [1e-6, 0.1, 0.01]).parameter("epochs", [3, 9])
}

#[test]
fn the_grid_is_walked_and_the_best_refitted() -> Result<()> {
    let (x, y) = line()?;
    let mut results = grid().fit(&x, &y, options(), build)?;
    let tested: Vec<String> = results.trials().iter().map(|trial| trial.parameters.to_string()).collect();
    assert_eq!(tested[..3], ["epochs=3, rate=1e-6", "epochs=9, rate=1e-6", "epochs=3, rate=0.1"]);
    // The larger the rate below the limit and the more the epochs, the nearer is the weight.
    assert_eq!(results.trials().iter().map(|t| t.rank_test_score).collect::<Vec<_>>(), [6, 5, 2, 1, 4, 3]);
    assert_eq!(results.best().parameters, Parameters::new().with("rate", 0.1).with("epochs", 9));
    for trial in results.trials() {
        let mean = trial.scores.iter().sum::<f64>() / 3.0;
        let square = trial.scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / 3.0;
        assert_eq!((trial.scores.len(), trial.mean_test_score), (3, mean));
        assert!((trial.std_test_score - square.sqrt()).abs() <= 1e-12 * square.sqrt());
    }
    assert_eq!(results.history().map(|history| history.epochs().len()), Some(9));
    let refitted = results.best_model().expect("a refit by default").get_weights()?;
    // The refit is a training on all samples.
    let mut alone = build(&results.best().parameters)?;
    alone.fit(&x, &y, FitOptions::new().epochs(9).verbose(0))?;
    assert_eq!(refitted, alone.get_weights()?);
    Ok(())
}

/// A fold's score is that of a model trained on the other rows and tested on its own.
#[test]
fn scores_are_those_of_each_fold() -> Result<()> {
    let (x, y) = line()?;
    let folds = KFold::new(4);
    let search = GridSearch::new().parameter("rate", [0.1]);
    let results = search.fit(&x, &y, options().folds(folds).refit(false), build)?;
    assert!(results.history().is_none());
    let by_hand = folds.split(&y)?.into_iter().map(|fold| {
        let mut model = build(&results.best().parameters)?;
        let (train, test) = (&fold.train[..], &fold.test[..]);
        model.fit(x.select_rows(train)?, y.select_rows(train)?, FitOptions::new().verbose(0))?;
        let logs = model.evaluate(x.select_rows(test)?, y.select_rows(test)?, None)?;
        Ok(logs.get("loss").expect("every model has a loss"))
    });
    assert_eq!(results.best().scores, by_hand.collect::<Result<Vec<f64>>>()?);
    Ok(())
}

#[test]
fn the_same_seed_searches_alike() -> Result<()> {
    let (x, y) = line()?;
    let search = RandomSearch::new(3).log_uniform("rate", 1e-3, 0.1).whole("epochs", 1, 4);
    let scores = |seed| {
        let results = search.clone().seed(seed).fit(&x, &y, options(), build)?;
        Ok(results.trials().iter().map(|t| (t.parameters.clone(), t.scores.clone())).collect::<Vec<_>>())
    };
    let first: Result<_> = scores(1);
    assert_eq!(first.as_ref().ok(), scores(1).as_ref().ok());
    assert_ne!(first?, scores(2)?);
    Ok(())
}

#[test]
fn draws_fill_their_ranges() -> Result<()> {
    let search = RandomSearch::new(4000).whole("n", 3, 6).uniform("u", -1.0, 1.0).log_uniform("l", 1e-4, 1.0);
    let drawn = search.parameter("c", ["a", "b"]).candidates()?;
    for n in 3..=6 {
        // Five standard errors of a share of a quarter.
        let count = drawn.iter().filter(|p| p.count("n").ok() == Some(n)).count() as f64;
        assert!((count - 1000.0).abs() <= 5.0 * (4000.0_f64 * 0.25 * 0.75).sqrt(), "{n}: {count}");
    }
    let share = |name: &str, below: f64| {
        let count = drawn.iter().filter(|p| p.number(name).is_ok_and(|v| v < below)).count();
        (count as f64 - 2000.0).abs() <= 5.0 * (4000.0_f64 * 0.25).sqrt()
    };
    assert!(share("u", 0.0) && share("l", 1e-2));
    assert!(drawn.iter().all(|p| p.number("l").is_ok_and(|v| (1e-4..=1.0).contains(&v))));
    Ok(())
}

#[test]
fn lists_are_drawn_without_repetition() -> Result<()> {
    let search = |count| RandomSearch::new(count).parameter("a", [1, 2, 3]).parameter("b", [true, false]);
    let mut drawn: Vec<String> = search(9).candidates()?.iter().map(Parameters::to_string).collect();
    assert_ne!(search(6).seed(1).candidates()?, search(6).seed(2).candidates()?);
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 6);
    assert_eq!(search(4).candidates()?.len(), 4);
    Ok(())
}

#[test]
fn tables_hold_every_candidate() -> anyhow::Result<()> {
    let (x, y) = line()?;
    let search =
        GridSearch::new().parameter("rate", [0.01, 0.1]).parameter("units", [serde_json::json!([4, 2])]);
    let results = search.fit(&x, &y, options().refit(false), build)?;
    let text = results.to_string();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["rank", "rate", "units", "mean", "loss", "std", "fit", "time"]);
    assert_eq!((lines.len(), lines[1][1], lines[2][1]), (3, "0.1", "0.01"));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("search.csv");
    results.write_csv(&path)?;
    let csv = std::fs::read_to_string(path)?;
    let head = csv.lines().next().expect("a line of names");
    assert!(
        head.starts_with("mean_fit_time,std_fit_time,mean_score_time,std_score_time,param_rate,param_units,")
    );
    assert!(head.ends_with("split2_test_score,mean_test_score,std_test_score,rank_test_score"), "{head}");
    let first = csv.lines().nth(1).expect("a candidate");
    assert!(first.contains(",0.01,\"[4,2]\",") && first.ends_with(",2"), "{first}");
    Ok(())
}

#[test]
fn nan_ranks_last_and_equals_share_a_rank() {
    let trial = |score: f64| {
        let mut trial = Trial::new(Parameters::new());
        trial.scores = vec![score];
        trial.finish();
        trial
    };
    let scores = [f64::NAN, 0.5, 0.9, 0.5, f64::INFINITY];
    let ranks = |mode| {
        let results = SearchResults::new(scores.map(trial).to_vec(), "score", mode);
        results.trials().iter().map(|trial| trial.rank_test_score).collect::<Vec<_>>()
    };
    assert_eq!(ranks(crate::model::callbacks::Mode::Min), [5, 1, 3, 1, 4]);
    assert_eq!(ranks(crate::model::callbacks::Mode::Max), [5, 3, 2, 3, 1]);
}

#[test]
fn bad_searches_say_what_to_do() -> Result<()> {
    let (x, y) = line()?;
    let message = |search: GridSearch, options| search.fit(&x, &y, options, build).unwrap_err().to_string();
    assert!(message(GridSearch::new(), options()).contains("\"rate\""));
    assert!(message(grid().parameter("rate", [1.0]), options()).contains("given twice"));
    assert!(message(grid().parameter("units", [0; 0]), options()).contains("without values"));
    assert!(message(grid(), options().scoring("accuracy")).contains("one of loss"));
    assert!(message(grid(), options().scoring("beauty")).contains("Min or Max"));
    assert!(message(grid(), options().folds(KFold::new(13))).contains("splits is 13"));
    assert!(message(GridSearch::new().parameter("rate", ["a"]), options()).contains("a number"));
    let random = |search: RandomSearch| search.candidates().unwrap_err().to_string();
    assert!(random(RandomSearch::new(0)).contains("count is 0"));
    assert!(random(RandomSearch::new(1).uniform("a", 1.0, 0.0)).contains("smaller bound"));
    assert!(random(RandomSearch::new(1).log_uniform("a", 0.0, 1.0)).contains("smaller bound"));
    assert!(random(RandomSearch::new(1).whole("a", 0, 1).whole("a", 0, 1)).contains("given once"));
    Ok(())
}
