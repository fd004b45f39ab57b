//! The chapters of `docs/guide`, whose code is run as tests.

#[doc = include_str!("../docs/guide/activations.md")]
struct Activations;

#[doc = include_str!("../docs/guide/applications.md")]
struct Applications;

#[doc = include_str!("../docs/guide/batches_and_epochs.md")]
struct BatchesAndEpochs;

#[doc = include_str!("../docs/guide/convolution.md")]
struct Convolution;

#[doc = include_str!("../docs/guide/devices.md")]
struct Devices;

#[doc = include_str!("../docs/guide/files.md")]
struct Files;

#[doc = include_str!("../docs/guide/first_network.md")]
struct FirstNetwork;

#[doc = include_str!("../docs/guide/functional.md")]
struct Functional;

#[doc = include_str!("../docs/guide/gradient_descent.md")]
struct GradientDescent;

#[doc = include_str!("../docs/guide/losses.md")]
struct Losses;

#[doc = include_str!("../docs/guide/optimizers.md")]
struct Optimizers;

#[doc = include_str!("../docs/guide/overfitting.md")]
struct Overfitting;

#[doc = include_str!("../docs/guide/own_data.md")]
struct OwnData;

#[doc = include_str!("../docs/guide/own_layers.md")]
struct OwnLayers;

#[doc = include_str!("../docs/guide/perceptron.md")]
struct Perceptron;

#[doc = include_str!("../docs/guide/pooling.md")]
struct Pooling;

#[doc = include_str!("../docs/guide/recurrent.md")]
struct Recurrent;

#[doc = include_str!("../docs/guide/signs.md")]
struct Signs;

#[doc = include_str!("../docs/guide/xor.md")]
struct Xor;
