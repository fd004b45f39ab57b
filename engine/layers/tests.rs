//! The contract of every layer: shapes, weights, config, one training step.

mod regularized;

use serde_json::{Value, json};

use self::regularized::regularize;
use super::*;
use crate::cpu::plain::{Feed, Plain};
use crate::error::Result;
use crate::model::{Device, FitOptions, Purpose, Sequential};
use crate::tensor::Tensor;
use crate::train::initializers::Initializer;
use crate::train::optimizers::Sgd;

struct Case {
    layer: Box<dyn Layer>,
    input: &'static [usize],
    output: &'static [usize],
    parameters: usize,
}

fn case(
    layer: impl Into<Box<dyn Layer>>,
    input: &'static [usize],
    output: &'static [usize],
    parameters: usize,
) -> Case {
    Case { layer: layer.into(), input, output, parameters }
}

/// Batch renormalization whose bounds leave nothing to correct.
fn renormalized() -> BatchNormalization {
    let clipping = RenormClipping { rmax: Some(1.0), rmin: Some(1.0), dmax: Some(0.0) };
    BatchNormalization::new().renorm(true).renorm_clipping(clipping).synchronized(true)
}

/// Every layer, with options at their defaults and away from them. Shapes and counts are Keras's.
fn cases() -> Vec<Case> {
    let conv = || Conv2D::new(4, (3, 2));
    vec![
        case(Dense::new(3), &[5], &[3], 18),
        case(
            Dense::new(3).use_bias(false).activation("softmax").kernel_initializer("he_normal"),
            &[5],
            &[3],
            15,
        ),
        case(conv(), &[7, 9, 2], &[5, 8, 4], 52),
        case(conv().padding("same").strides((2, 3)).activation("leaky_relu"), &[7, 9, 2], &[4, 3, 4], 52),
        case(conv().use_bias(false).strides(2), &[7, 9, 2], &[3, 4, 4], 48),
        case(ReLU::new().max_value(6.0).negative_slope(0.1).threshold(0.5), &[2, 3], &[2, 3], 0),
        case(LeakyReLU::new(0.3), &[3], &[3], 0),
        case(ELU::new(0.5), &[3], &[3], 0),
        case(PReLU::new().shared_axes(&[1]).alpha_initializer("ones"), &[3, 4], &[3, 4], 4),
        case(Softmax::new().axis(&[1]), &[3, 4], &[3, 4], 0),
        case(SpatialDropout1D::new(0.4), &[3, 4], &[3, 4], 0),
        case(SpatialDropout2D::new(0.4), &[3, 4, 2], &[3, 4, 2], 0),
        case(SpatialDropout3D::new(0.4), &[3, 4, 2, 2], &[3, 4, 2, 2], 0),
        case(GaussianNoise::new(0.4), &[3], &[3], 0),
        case(GaussianDropout::new(0.4), &[3], &[3], 0),
        case(AlphaDropout::new(0.4), &[3], &[3], 0),
        case(ActivityRegularization::new(0.1, 0.2), &[3], &[3], 0),
        case(RBF::new(4), &[3], &[4], 16),
        case(Conv1D::new(4, 3).padding("causal").dilation_rate(2), &[7, 2], &[7, 4], 28),
        case(Conv2D::new(4, 3).groups(2), &[7, 9, 2], &[5, 7, 4], 40),
        case(Conv3D::new(4, 2).strides((1, 2, 2)), &[3, 7, 9, 2], &[2, 3, 4, 4], 68),
        case(Conv1DTranspose::new(4, 3).strides(2).padding("same"), &[7, 2], &[14, 4], 28),
        case(Conv2DTranspose::new(4, 3).strides(2).output_padding(1), &[7, 9, 2], &[16, 20, 4], 76),
        case(DepthwiseConv1D::new(3).strides(2), &[7, 2], &[3, 2], 8),
        case(DepthwiseConv2D::new((3, 2)).depth_multiplier(2), &[7, 9, 2], &[5, 8, 4], 28),
        case(SeparableConv1D::new(5, 3).padding("same"), &[7, 2], &[7, 5], 21),
        case(SeparableConv2D::new(5, 3).depth_multiplier(2).use_bias(false), &[7, 9, 2], &[5, 7, 5], 56),
        case(MaxPooling1D::new(2), &[7, 2], &[3, 2], 0),
        case(MaxPooling3D::new(2), &[4, 7, 9, 2], &[2, 3, 4, 2], 0),
        case(AveragePooling1D::new(3).strides(2).padding("same"), &[7, 2], &[4, 2], 0),
        case(AveragePooling3D::new((1, 2, 3)), &[4, 7, 9, 2], &[4, 3, 3, 2], 0),
        case(GlobalMaxPooling1D::new(), &[7, 2], &[2], 0),
        case(GlobalMaxPooling3D::new().keepdims(true), &[3, 7, 9, 2], &[1, 1, 1, 2], 0),
        case(GlobalAveragePooling1D::new().keepdims(true), &[7, 2], &[1, 2], 0),
        case(GlobalAveragePooling3D::new(), &[3, 7, 9, 2], &[2], 0),
        case(UpSampling2D::new(2).interpolation("bilinear"), &[4, 3, 2], &[8, 6, 2], 0),
        case(MaxPooling2D::new(2), &[7, 9, 2], &[3, 4, 2], 0),
        case(MaxPooling2D::new((3, 2)).strides((1, 2)).padding("same"), &[7, 9, 2], &[7, 5, 2], 0),
        case(AveragePooling2D::new((2, 3)), &[7, 9, 2], &[3, 3, 2], 0),
        case(AveragePooling2D::new(3).strides(2).padding("same"), &[7, 9, 2], &[4, 5, 2], 0),
        case(Flatten::new(), &[7, 9, 2], &[126], 0),
        case(Flatten::new(), &[], &[1], 0),
        case(Dropout::new(0.5), &[6], &[6], 0),
        case(Dropout::new(0.5).seed(7).noise_shape(&[None, Some(1), Some(4)]), &[3, 4], &[3, 4], 0),
        case(AlphaDropout::new(0.4).seed(7).noise_shape(&[Some(1), None]), &[3], &[3], 0),
        case(LSTM::new(4).dropout(0.2).seed(7), &[5, 3], &[4], 128),
        case(Activation::new("relu"), &[6], &[6], 0),
        case(Activation::new("leaky_relu"), &[2, 3], &[2, 3], 0),
        case(Activation::new("sigmoid"), &[6], &[6], 0),
        case(Activation::new("tanh"), &[6], &[6], 0),
        case(Activation::new("softmax"), &[2, 3], &[2, 3], 0),
        case(Activation::new("linear"), &[6], &[6], 0),
        case(Dense::new(3).kernel_regularizer("l1").kernel_constraint("max_norm"), &[2, 5], &[2, 3], 18),
        case(DropConnect::new(3, 0.5).activation("tanh"), &[5], &[3], 18),
        case(BatchNormalization::new(), &[4, 3], &[4, 3], 6),
        case(LayerNormalization::new().axis(&[1, 2]), &[4, 3], &[4, 3], 24),
        case(GroupNormalization::new(3), &[2, 6], &[2, 6], 12),
        case(RMSNormalization::new(), &[4, 3], &[4, 3], 3),
        case(SimpleRNN::new(4), &[5, 3], &[4], 32),
        case(LSTM::new(4).return_sequences(true).dropout(0.2).recurrent_dropout(0.2), &[5, 3], &[5, 4], 128),
        case(GRU::new(4), &[5, 3], &[4], 108),
        case(GRU::new(4).reset_after(false).go_backwards(true), &[5, 3], &[4], 96),
        case(Bidirectional::new(GRU::new(2)).merge_mode("sum"), &[5, 3], &[2], 84),
        case(Bidirectional::new(LSTM::new(2).return_sequences(true)), &[5, 3], &[5, 4], 96),
        case(TimeDistributed::new(Dense::new(2)), &[5, 3], &[5, 2], 8),
        case(
            GRU::new(4)
                .recurrent_regularizer("l2")
                .kernel_constraint("max_norm")
                .bias_regularizer("l1")
                .activity_regularizer("l2"),
            &[5, 3],
            &[4],
            108,
        ),
        case(
            BatchNormalization::new().gamma_regularizer("l2").beta_constraint("non_neg"),
            &[4, 3],
            &[4, 3],
            6,
        ),
        case(Embedding::new(7, 3).embeddings_regularizer("l2").mask_zero(true), &[5], &[5, 3], 21),
        case(Masking::new(), &[5, 3], &[5, 3], 0),
        case(RepeatVector::new(4), &[3], &[4, 3], 0),
        case(ZeroPadding2D::new([1, 0, 2, 1]), &[4, 3, 2], &[5, 6, 2], 0),
        case(Cropping2D::new([1, 0, 2, 1]), &[4, 5, 2], &[3, 2, 2], 0),
        case(UpSampling2D::new((2, 3)), &[4, 3, 2], &[8, 9, 2], 0),
        case(Reshape::new(&[3, -1]), &[4, 6], &[3, 8], 0),
        case(Permute::new(&[3, 1, 2]), &[4, 6, 5], &[5, 4, 6], 0),
        case(GlobalAveragePooling2D::new(), &[4, 6, 5], &[5], 0),
        case(RandomFlip::new("horizontal").seed(3), &[4, 6, 2], &[4, 6, 2], 0),
        case(RandomRotation::new(0.1).fill_mode("constant").fill_value(2.0), &[4, 6, 2], &[4, 6, 2], 0),
        case(RandomTranslation::new(0.2, (-0.1, 0.4)).interpolation("nearest"), &[4, 6, 2], &[4, 6, 2], 0),
        case(RandomZoom::new((-0.3, 0.1)).width_factor(0.2).fill_mode("wrap"), &[4, 6, 2], &[4, 6, 2], 0),
        case(RandomZoom::new(0.3).fill_mode("nearest").seed(4), &[4, 6, 2], &[4, 6, 2], 0),
        case(RandomBrightness::new((-0.1, 0.3)).value_range(-1.0, 1.0), &[4, 6, 2], &[4, 6, 2], 0),
        case(RandomContrast::new((0.1, 0.3)).value_range(-1.0, 1.0), &[4, 6, 2], &[4, 6, 2], 0),
        case(RandomCrop::new(2, 3), &[4, 6, 2], &[2, 3, 2], 0),
        case(CenterCrop::new(5, 3), &[4, 6, 2], &[5, 3, 2], 0),
        case(Rescaling::new(0.5).offset(-1.0), &[4], &[4], 0),
        case(Rescaling::new(vec![0.5, 2.0]).offset(vec![1.0, -1.0]), &[3, 2], &[3, 2], 0),
        case(Resizing::new(3, 8).interpolation("nearest"), &[4, 6, 2], &[3, 8, 2], 0),
        case(Resizing::new(7, 2).crop_to_aspect_ratio(true), &[4, 6, 2], &[7, 2, 2], 0),
        case(GlobalMaxPooling2D::new().keepdims(true), &[4, 6, 5], &[1, 1, 5], 0),
        case(conv().groups(2).data_format("channels_first"), &[2, 7, 9], &[4, 5, 8], 28),
        case(SpatialDropout2D::new(0.4).data_format("channels_first"), &[2, 3, 4], &[2, 3, 4], 0),
        case(MaxPooling1D::new(2).data_format("channels_first"), &[2, 7], &[2, 3], 0),
        case(Resizing::new(3, 8).antialias(true).interpolation("lanczos5"), &[4, 6, 2], &[3, 8, 2], 0),
        case(Resizing::new(3, 8).pad_to_aspect_ratio(true).fill_value(0.5), &[4, 6, 2], &[3, 8, 2], 0),
        case(renormalized(), &[4, 3], &[4, 3], 6),
    ]
}

#[test]
fn shapes_and_parameters() -> Result<()> {
    for Case { layer, input, output, parameters } in cases() {
        assert_eq!(layer.output_shape(input)?, output, "{layer:?}");
        let count: usize = layer.weights(input).iter().map(|w| w.shape.iter().product::<usize>()).sum();
        assert_eq!(count, parameters, "{layer:?}");
    }
    Ok(())
}

#[test]
fn configs_come_back() -> Result<()> {
    for Case { mut layer, input, .. } in cases() {
        layer.base_mut().set_name("one");
        layer.base_mut().set_trainable(false);
        regularize(layer.as_mut());
        let config = layer.config();
        let again = from_config(layer.class_name(), &config)?;
        assert_eq!(again.config(), config);
        assert_eq!(again.output_shape(input)?, layer.output_shape(input)?);
        assert_eq!(again.weights(input), layer.weights(input));
    }
    Ok(())
}

#[test]
fn unknown_options_are_refused() {
    for Case { layer, .. } in cases() {
        let mut config = layer.config();
        config["colour"] = json!("red");
        let message = from_config(layer.class_name(), &config).unwrap_err().to_string();
        assert!(message.contains("colour") && message.contains("trainable"), "{message}");
    }
    let message = from_config("Dens", &json!({})).unwrap_err().to_string();
    assert!(message.contains("\"Dens\"") && message.contains("Dense"), "{message}");
}

#[test]
fn options_of_the_wrong_kind_are_refused() {
    let refused = |class: &str, config: Value, part: &str| {
        let message = from_config(class, &config).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    refused("Dense", json!({}), "units is null, expected a whole number");
    refused("Dense", json!({ "units": -1 }), "units is -1");
    refused("Dense", json!({ "units": 2, "activation": "seul" }), "leaky_relu");
    refused("Dense", json!({ "units": 2, "dtype": "float16" }), "float32");
    refused(
        "Dense",
        json!({ "units": 2, "kernel_regularizer": { "class_name": "L3" } }),
        "orthogonal_regularizer",
    );
    refused("Dense", json!({ "units": 2, "bias_constraint": "max" }), "unit_norm");
    refused("LSTM", json!({ "units": 2, "stateful": true }), "batch_size is null");
    refused(
        "Bidirectional",
        json!({ "layer": { "class_name": "Dense", "config": {} } }),
        "SimpleRNN, LSTM or GRU",
    );
    refused("Conv2D", json!({ "filters": 2 }), "kernel_size is null");
    refused("Conv2D", json!({ "filters": 2, "kernel_size": "large" }), "a list of one for each axis");
    let format = json!({ "filters": 2, "kernel_size": 3, "data_format": "channels" });
    refused("Conv2D", format, "channels_last, channels_first");
    refused("Dense", json!({ "units": 2, "data_format": "channels_first" }), "data_format");
    refused("SpatialDropout1D", json!({ "rate": 0.5, "data_format": "channels_first" }), "data_format");
    refused("UpSampling2D", json!({ "interpolation": "cubic" }), "bicubic, lanczos3");
    refused("Conv2D", json!({ "filters": 2, "kernel_size": 3, "padding": "full" }), "valid, same");
    refused("Dropout", json!({ "rate": "half" }), "a number");
    refused("RandomFlip", json!({ "mode": "diagonal" }), "horizontal_and_vertical");
    refused("RandomZoom", json!({}), "height_factor is null, expected a number, or a list of two");
    refused("RandomRotation", json!({ "factor": [0.1] }), "a list of two");
    refused(
        "RandomRotation",
        json!({ "factor": 0.1, "fill_mode": "mirror" }),
        "constant, nearest, reflect, wrap",
    );
    refused("RandomContrast", json!({ "factor": 0.1, "value_range": 1 }), "a list of two numbers");
    refused("Resizing", json!({ "height": 2, "width": 2, "fill_mode": "reflect" }), "constant");
    let clipping = json!({ "renorm": true, "renorm_clipping": { "max": 2.0 } });
    refused("BatchNormalization", clipping, "rmax, rmin");
}

/// Keras writes nulls for what a layer does not use, and objects for initializers and dtypes.
#[test]
fn configs_of_keras_are_read() -> Result<()> {
    let config = json!({
        "name": "dense_4", "trainable": true, "units": 7, "activation": "relu", "use_bias": true,
        "dtype": { "module": "keras", "class_name": "DTypePolicy", "config": { "name": "float32" } },
        "kernel_initializer": { "module": "keras.initializers", "class_name": "HeNormal", "config": { "seed": null } },
        "bias_initializer": "zeros", "kernel_regularizer": null, "bias_constraint": null,
    });
    let layer = from_config("Dense", &config)?;
    assert_eq!((layer.name(), layer.title().as_str()), ("dense_4", "Dense 7"));
    assert_eq!(layer.weights(&[2])[0].initializer, Initializer::he_normal());
    let seeded = json!({ "class_name": "RandomNormal", "config": { "mean": 0.5, "stddev": 0.1, "seed": 4 } });
    let layer = from_config("Dense", &json!({ "units": 2, "kernel_initializer": seeded }))?;
    let given = Initializer::random_normal(0.5, 0.1).seed(4);
    assert_eq!(layer.weights(&[2])[0].initializer, given);
    Ok(())
}

/// One step of gradient descent on ½‖y‖² towards 0 moves the loss down, or leaves it without weights.
#[test]
fn one_training_step() -> Result<()> {
    for Case { layer, input, output, parameters } in cases() {
        let name = format!("{layer:?}");
        let mut model = Sequential::new().seed(3).add(layer);
        model.compile(Sgd::new(0.01), "mean_squared_error", &[])?;
        let row = |sizes: &[usize]| [&[4], sizes].concat();
        let count: usize = row(input).iter().product();
        let x = Tensor::f32(&row(input), (0..count).map(|i| (i % 7) as f32 * 0.3 - 0.8).collect())?;
        let y = Tensor::f32(&row(output), vec![0.0; row(output).iter().product()])?;
        let graph = model.graph(Purpose::Training, &x)?;
        let mut plain = Plain::new(&graph);
        for (parameter, weight) in graph.parameters.iter().zip(model.get_weights()?) {
            let values: Vec<f64> = weight.to_f32().iter().map(|&v| f64::from(v)).collect();
            plain.set_parameter(parameter, &values)?;
        }
        let feed = Feed {
            batch: 4,
            inputs: vec![x, y],
            scalars: vec![0.01; graph.scalars.len()],
            ..Feed::default()
        };
        let losses = [0, 1].map(|_| plain.step(&graph, &feed).map(|r| r.output("loss").unwrap().data[0]));
        let [before, after] = [losses[0].clone()?, losses[1].clone()?];
        assert!(
            before > 0.0 && if parameters > 0 { after < before } else { after == before },
            "{name}: {before} {after}"
        );
    }
    Ok(())
}

#[test]
fn wrong_inputs_say_what_to_do() {
    let message = |layer: &dyn Layer, input: &[usize]| layer.output_shape(input).unwrap_err().to_string();
    let dense = Dense::new(10).name("dense_2");
    assert_eq!(
        message(&dense, &[]),
        "layer \"dense_2\" (Dense 10): input has shape [None], expected [None, …, features]: \
         give samples of at least one feature"
    );
    assert!(message(&Conv2D::new(2, 3), &[28, 28]).contains("[None, height, width, channels]"));
    assert!(message(&Conv2D::new(2, 5), &[4, 9, 1]).contains("at least 5x5 pixels"));
    assert!(message(&MaxPooling2D::new(5), &[4, 9, 1]).contains("at least 5x5 pixels"));
    assert!(message(&Conv2D::new(0, 5), &[4, 9, 1]).contains("filters is 0"));
    assert!(message(&Conv2D::new(1, (0, 5)), &[4, 9, 1]).contains("kernel_size is [0, 5]"));
    assert!(message(&Conv2D::new(1, 2).strides(0), &[4, 9, 1]).contains("strides"));
    assert!(message(&Conv2D::new(1, (2, 2, 2)), &[4, 9, 1]).contains("one number of at least 1, or 2"));
    assert!(
        message(&Conv2D::new(1, 2).strides(2).dilation_rate(2), &[4, 9, 1]).contains("dilation_rate is 2x2")
    );
    assert!(message(&Conv2D::new(1, 2).padding("causal"), &[4, 9, 1]).contains("only Conv1D"));
    assert!(message(&MaxPooling1D::new(2).padding("causal"), &[9, 1]).contains("valid or same"));
    assert!(message(&Conv2D::new(3, 2).groups(2), &[4, 9, 4]).contains("groups is 2"));
    assert!(message(&Conv2DTranspose::new(3, 2).groups(2), &[4, 9, 4]).contains("groups"));
    assert!(
        message(&Conv2DTranspose::new(3, 2).output_padding(1), &[4, 9, 4]).contains("less than the strides")
    );
    assert!(message(&Conv3D::new(3, 2), &[4, 9, 4]).contains("[None, depth, height, width, channels]"));
    assert!(message(&LeakyReLU::new(0.1).max_value(1.0), &[4]).contains("max_value"));
    assert!(message(&PReLU::new().shared_axes(&[2]), &[4]).contains("axes from 1 to 1"));
    assert!(message(&Softmax::new().axis(&[0]), &[4]).contains("axis"));
    assert!(message(&GaussianDropout::new(1.0), &[4]).contains("rate is 1"));
    assert!(message(&AlphaDropout::new(-0.1), &[4]).contains("rate is -0.1"));
    assert!(message(&GaussianNoise::new(-0.1), &[4]).contains("stddev is -0.1"));
    assert!(message(&SpatialDropout2D::new(0.1), &[4]).contains("[None, height, width, channels]"));
    assert!(message(&ActivityRegularization::new(-1.0, 0.0), &[4]).contains("l1 is -1"));
    assert!(message(&RBF::new(3), &[4, 2]).contains("add Flatten"));
    assert!(message(&Dense::new(0), &[4]).contains("units is 0"));
    assert!(message(&Dropout::new(1.5), &[4]).contains("rate is 1.5"));
    assert!(message(&Dropout::new(f64::NAN), &[4]).contains("rate is NaN"));
    let unknown = message(&Dense::new(1).activation("rleu"), &[4]);
    assert!(
        unknown.contains("layer") && unknown.contains("\"rleu\"") && unknown.contains("softmax"),
        "{unknown}"
    );
}

/// A stateful layer goes on where the batch before has stopped, until its states are reset.
#[test]
fn states_are_kept_from_batch_to_batch() -> Result<()> {
    let values: Vec<f32> = (0..2 * 6 * 3).map(|i| (i * 5 % 11) as f32 * 0.2 - 1.0).collect();
    let part = |steps: std::ops::Range<usize>| {
        let rows = (0..2).flat_map(|sample| steps.clone().map(move |t| sample * 6 + t));
        let some: Vec<f32> = rows.flat_map(|row| values[row * 3..][..3].to_vec()).collect();
        Tensor::f32(&[2, steps.len(), 3], some)
    };
    for layer in [SimpleRNN::new(4), LSTM::new(4), GRU::new(4)] {
        let model = |layer| Sequential::new().seed(5).device(Device::cpu()).add(layer);
        let mut whole = model(layer.clone());
        let mut halves = model(layer.stateful(2));
        let expected = whole.predict(part(0..6)?, None)?;
        let first = halves.predict(part(0..3)?, None)?;
        assert_eq!(halves.predict(part(3..6)?, None)?, expected);
        halves.reset_states()?;
        assert_eq!(halves.predict(part(0..3)?, None)?, first);
        assert_ne!(first, expected);
    }
    Ok(())
}

/// While training, weights are dropped for each sample by itself, and kept ones make up for them on average.
#[test]
fn drop_connect_drops_weights_and_not_outputs() -> Result<()> {
    let mut model = Sequential::new().device(Device::cpu()).seed(1);
    model = model.add(DropConnect::new(1, 0.75).kernel_initializer("ones").use_bias(false));
    let x = Tensor::f32(&[500, 4], vec![1.0; 2000])?;
    let y = Tensor::f32(&[500, 1], vec![0.0; 500])?;
    model.compile(Sgd::new(1e-9), "mean_squared_error", &[])?;
    assert_eq!(model.predict(x.clone(), None)?.to_f32(), [4.0; 500]);
    let loss = model.fit(&x, &y, FitOptions::new().batch_size(500).verbose(0))?.get("loss").unwrap()[0];
    // Each of four weights is 4 with probability ¼: mean 4, variance 4 · 3 = 12, so that the mean square is 28. The
    // fourth moment of the sum is below 64 · 28, which bounds five standard errors over 500 samples.
    let error = 5.0 * (64.0 * 28.0 * 28.0_f64 / 500.0).sqrt();
    assert!((loss - 28.0).abs() <= error, "{loss}");
    assert!((loss - 16.0).abs() > 1.0, "nothing was dropped: {loss}");
    Ok(())
}

/// What `layer` makes of `samples` rows of `row`, all `value`, while it trains.
fn in_training(layer: impl Into<Box<dyn Layer>>, row: &[usize], samples: usize, value: f32) -> Vec<f64> {
    let layer = layer.into();
    let mut graph = crate::graph::Graph::new();
    let [learning, frozen, states] = ["weights", "frozen", "states"].map(|name| graph.variable(name));
    let x = graph.input("x", row, crate::graph::Element::F32);
    let mut context = Context::new(&mut graph, true, Variables { learning, frozen, states });
    let y = context.apply(layer.as_ref(), x).unwrap();
    graph.output("y", y).unwrap();
    let shape = [&[samples], row].concat();
    let x = Tensor::f32(&shape, vec![value; shape.iter().product()]).unwrap();
    let feed = Feed { batch: samples, inputs: vec![x], ..Feed::default() };
    let result = Plain::new(&graph).step(&graph, &feed).unwrap();
    result.output("y").unwrap().data.clone()
}

/// Mean and variance within five standard errors; `fourth` bounds the fourth moment about the mean.
fn check_moments(values: &[f64], mean: f64, variance: f64, fourth: f64) {
    let n = values.len() as f64;
    let found = values.iter().sum::<f64>() / n;
    assert!((found - mean).abs() <= 5.0 * (variance / n).sqrt(), "mean {found}, expected {mean}");
    let found = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let error = 5.0 * ((fourth - variance * variance) / n).sqrt();
    assert!((found - variance).abs() <= error, "variance {found}, expected {variance}");
}

#[test]
fn noise_has_the_moments_of_its_formula() {
    let normal = |variance: f64| 3.0 * variance * variance;
    check_moments(&in_training(GaussianNoise::new(0.5), &[8], 2000, 2.0), 2.0, 0.25, normal(0.25));
    // 2 · N(1, 0.2 / 0.8)
    check_moments(&in_training(GaussianDropout::new(0.2), &[8], 2000, 2.0), 2.0, 1.0, normal(1.0));
    // Of two values, for which the fourth moment is p·q·(p³ + q³)·d⁴.
    let values = in_training(AlphaDropout::new(0.3), &[8], 2000, 1.0);
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    let lowest = -1.758_099_340_847_376_6_f64;
    let scale = (0.7 * (1.0 + 0.3 * lowest * lowest)).sqrt().recip();
    for (found, kept) in [(low, lowest), (high, 1.0)] {
        let expected = scale * kept - scale * lowest * 0.3;
        assert!((found - expected).abs() <= 1e-6, "{found}, expected {expected}");
    }
    assert!(values.iter().all(|&v| v == low || v == high));
    let distance = high - low;
    let fourth = 0.3 * 0.7 * (0.3_f64.powi(3) + 0.7_f64.powi(3)) * distance.powi(4);
    check_moments(&values, 0.3 * low + 0.7 * high, 0.21 * distance * distance, fourth);
}

/// What has SELU's mean 0 and variance 1 keeps them.
#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    // ±1 as often.
    let up = in_training(AlphaDropout::new(0.3), &[8], 1000, 1.0);
    let down = in_training(AlphaDropout::new(0.3), &[8], 1000, -1.0);
    let largest = up.iter().chain(&down).fold(0.0f64, |most, v| most.max(v.abs()));
    check_moments(&[up, down].concat(), 0.0, 1.0, largest.powi(4));
}

#[test]
fn spatial_dropout_drops_whole_channels() {
    let values = in_training(SpatialDropout2D::new(0.5), &[3, 2, 4], 500, 3.0);
    for sample in values.chunks(24) {
        for channel in 0..4 {
            let own: Vec<f64> = sample.iter().skip(channel).step_by(4).copied().collect();
            assert!(own.iter().all(|&v| v == own[0]) && (own[0] == 0.0 || own[0] == 6.0), "{own:?}");
        }
    }
    let share = values.iter().filter(|&&v| v == 0.0).count() as f64 / values.len() as f64;
    // 2000 channels.
    assert!((share - 0.5).abs() <= 5.0 * (0.25 / 2000.0_f64).sqrt(), "{share}");
}

#[test]
fn layers_of_one_seed_draw_alike() {
    let drop = |layer: Dropout| in_training(layer, &[64], 4, 1.0);
    let first = drop(Dropout::new(0.5).seed(3));
    assert_eq!(first, drop(Dropout::new(0.5).seed(3)));
    assert_ne!(first, drop(Dropout::new(0.5).seed(4)));
    assert_ne!(first, drop(Dropout::new(0.5)));
    let twice = Sequential::new().add(Dropout::new(0.5).seed(3)).add(Dropout::new(0.5).seed(3));
    // What the first keeps, the second keeps too: 1 becomes 0 or 4.
    let mut model = twice.device(Device::cpu());
    model.compile(Sgd::new(0.1), "mean_squared_error", &[]).unwrap();
    let (x, y) =
        (Tensor::f32(&[512, 1], vec![1.0; 512]).unwrap(), Tensor::f32(&[512, 1], vec![2.0; 512]).unwrap());
    let options = FitOptions::new().batch_size(512).verbose(0);
    assert_eq!(model.fit(&x, &y, options).unwrap().get("loss").unwrap(), [4.0]);
    let noise = |layer: Noise| in_training(layer, &[64], 4, 1.0);
    assert_eq!(noise(GaussianNoise::new(0.5).seed(3)), noise(GaussianNoise::new(0.5).seed(3)));
    assert_ne!(noise(GaussianNoise::new(0.5).seed(3)), noise(GaussianNoise::new(0.5).seed(1 << 40)));
}

#[test]
fn noise_of_a_shape_is_shared() {
    let values = in_training(Dropout::new(0.5).noise_shape(&[None, Some(1), None]), &[5, 8], 20, 1.0);
    for sample in values.chunks(40) {
        assert!(sample.chunks(8).all(|step| step == &sample[..8]), "{sample:?}");
    }
    assert!(values.chunks(40).any(|sample| sample != &values[..40]));
    let values = in_training(AlphaDropout::new(0.5).noise_shape(&[Some(1), None]), &[64], 20, 1.0);
    assert!(values.chunks(64).all(|sample| sample == &values[..64]));
    let message = |layer: Dropout| layer.output_shape(&[5, 8]).unwrap_err().to_string();
    assert!(message(Dropout::new(0.5).noise_shape(&[None, Some(2), None])).contains("[None, 5, 8]"));
    assert!(message(SpatialDropout1D::new(0.5).noise_shape(&[None])).contains("whole channels"));
}

/// exp(−½ · (s · |x − c|)²), by hand.
#[test]
fn radial_basis_functions_fall_off() -> Result<()> {
    let mut model = Sequential::new().device(Device::cpu()).add(RBF::new(2));
    model.build(&[2])?;
    let centers = Tensor::f32(&[2, 2], vec![0.0, 0.0, 3.0, 4.0])?;
    model.set_weights(&[centers, Tensor::f32(&[2], vec![1.0, 0.2])?])?;
    let y = model.predict(Tensor::f32(&[2, 2], vec![0.0, 0.0, 3.0, 3.0])?, None)?.to_f32();
    let expected = [1.0, (-0.5_f64).exp(), (-9.0_f64).exp(), (-0.02_f64).exp()];
    for (found, expected) in y.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() <= 1e-6, "{y:?}");
    }
    Ok(())
}
