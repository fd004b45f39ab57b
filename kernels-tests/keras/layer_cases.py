"""The layers that `layers.py` records: class, options under Keras's keys, shape of a sample; every option once."""


def case(class_name, input_shape, changes=None, **config):
    """`changes`: `integers` for inputs below that number, `masked` for time steps (sample, step) that do not count,
    `training` for a call while training, `amplitude` of the inputs, `states_given` for a call on as many first states."""
    return {"class_name": class_name, "input_shape": list(input_shape), "config": config} | (changes or {})


TRAINING = {"training": True}

NORMALIZATION = [
    case("BatchNormalization", [5]),
    case("BatchNormalization", [5], TRAINING),
    case("BatchNormalization", [4, 3, 2], TRAINING, momentum=0.8, epsilon=0.01),
    case("BatchNormalization", [4, 3, 2], TRAINING, axis=1, scale=False),
    case("BatchNormalization", [4, 3, 2], TRAINING, axis=2, center=False),
    case("BatchNormalization", [4, 3], TRAINING | {"masked": [[0, 1], [2, 0], [2, 3]]}),
    case("BatchNormalization", [4, 3], TRAINING, trainable=False),
    case("BatchNormalization", [4, 3], TRAINING, synchronized=True),
    case("BatchNormalization", [5], renorm=True),
    case("BatchNormalization", [5], TRAINING, renorm=True),
    case("BatchNormalization", [4, 3, 2], TRAINING, renorm=True, renorm_momentum=0.7, momentum=0.8, scale=False),
    case("BatchNormalization", [4, 3, 2], TRAINING, renorm=True, axis=1, center=False,
         renorm_clipping={"rmax": 1.2, "rmin": 0.9, "dmax": 0.3}),
    case("BatchNormalization", [4, 3], TRAINING | {"masked": [[0, 1], [2, 0], [2, 3]]}, renorm=True,
         renorm_clipping={"rmax": 1.5}),
    case("LayerNormalization", [5]),
    case("LayerNormalization", [4, 3, 2], axis=[1, 2], epsilon=1e-5),
    case("LayerNormalization", [4, 3], axis=1, scale=False),
    case("LayerNormalization", [4, 3], axis=[-1, -2], center=False),
    case("GroupNormalization", [4, 6], groups=3),
    case("GroupNormalization", [3, 2, 4], groups=2, epsilon=0.01),
    case("GroupNormalization", [3, 4], groups=-1, scale=False),
    case("GroupNormalization", [6, 3], groups=2, axis=1, center=False),
    case("RMSNormalization", [5]),
    case("RMSNormalization", [4, 3], axis=[1, 2], epsilon=0.01),
]

RECURRENT = [
    case("SimpleRNN", [4, 3], units=5),
    case("SimpleRNN", [4, 3], units=5, activation="relu", use_bias=False, return_sequences=True, go_backwards=True),
    case("LSTM", [4, 3], units=5),
    case("LSTM", [1, 3], units=2),
    case("LSTM", [5, 3], units=4, return_sequences=True, unit_forget_bias=False),
    case("LSTM", [4, 3], units=5, activation="relu", recurrent_activation="tanh", use_bias=False, go_backwards=True),
    case("GRU", [4, 3], units=5),
    case("GRU", [5, 3], units=4, return_sequences=True, use_bias=False),
    case("GRU", [4, 3], units=5, reset_after=False, go_backwards=True, return_sequences=True),
    case("GRU", [4, 3], units=5, reset_after=False, activation="sigmoid", recurrent_activation="tanh", use_bias=False),
]
MASKED = {"masked": [[0, 0], [0, 3], [1, 2], [2, 2], [2, 3]]}
for name in ["SimpleRNN", "LSTM", "GRU"]:
    RECURRENT += [
        case(name, [4, 3], MASKED, units=4),
        case(name, [4, 3], MASKED, units=4, return_sequences=True),
        case(name, [4, 3], MASKED, units=4, return_sequences=True, zero_output_for_mask=True, go_backwards=True),
    ]


def wrapped(class_name, **config):
    return {"module": "keras.layers", "class_name": class_name, "config": config}


RECURRENT += [
    case("Bidirectional", [4, 3], layer=wrapped("LSTM", units=4)),
    case("Bidirectional", [4, 3], layer=wrapped("GRU", units=4, return_sequences=True), merge_mode="sum"),
    case("Bidirectional", [4, 3], MASKED, layer=wrapped("LSTM", units=4, return_sequences=True), merge_mode="ave"),
    case("Bidirectional", [4, 3], layer=wrapped("SimpleRNN", units=4), merge_mode="mul",
         backward_layer=wrapped("GRU", units=4, go_backwards=True)),
    case("LSTM", [4, 3], units=5, return_state=True),
    case("LSTM", [4, 3], MASKED, units=4, return_state=True, return_sequences=True),
    case("LSTM", [4, 3], {"states_given": 2}, units=4, return_state=True, go_backwards=True),
    case("LSTM", [4, 3], MASKED | {"states_given": 2}, units=4, return_sequences=True),
    case("GRU", [4, 3], {"states_given": 1}, units=4, return_state=True, return_sequences=True),
    case("GRU", [4, 3], units=4, reset_after=False, return_state=True),
    case("SimpleRNN", [4, 3], {"states_given": 1}, units=4),
    case("SimpleRNN", [4, 3], MASKED, units=4, return_state=True),
    case("Bidirectional", [4, 3], layer=wrapped("LSTM", units=4), merge_mode=None),
    case("Bidirectional", [4, 3], MASKED, layer=wrapped("GRU", units=4, return_sequences=True), merge_mode=None),
    case("Bidirectional", [4, 3], layer=wrapped("GRU", units=4, return_sequences=True, return_state=True)),
    case("Bidirectional", [4, 3], {"states_given": 4}, merge_mode=None,
         layer=wrapped("LSTM", units=4, return_sequences=True, return_state=True)),
    case("Bidirectional", [4, 3], {"states_given": 2}, layer=wrapped("SimpleRNN", units=4), merge_mode="sum"),
    case("TimeDistributed", [3, 4], layer=wrapped("Dense", units=2, activation="tanh")),
    case("TimeDistributed", [3, 5, 4, 2], layer=wrapped("Conv2D", filters=2, kernel_size=[2, 2])),
    case("Dense", [3, 2, 4], units=3, activation="sigmoid"),
    case("RepeatVector", [4], n=3),
    case("Masking", [4, 3], {"masked": [[1, 2], [2, 0]]}),
    case("Embedding", [], {"integers": 7}, input_dim=7, output_dim=3),
    case("Embedding", [5], {"integers": 7}, input_dim=7, output_dim=4),
    case("Embedding", [2, 3], {"integers": 9}, input_dim=9, output_dim=2, mask_zero=True),
]

ACTIVATIONS = [
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign",
    "squareplus", "sparse_plus", "exponential", "tanh", "hard_tanh", "tanh_shrink", "soft_shrink", "hard_shrink",
    "sigmoid", "log_sigmoid", "hard_sigmoid", "sparse_sigmoid", "hard_silu", "softmax", "log_softmax", "swish", "hard_swish",
]
CORE = [case("Activation", [3, 4], {"amplitude": 4.0}, activation=name) for name in ACTIVATIONS]

SPATIAL = [
    case("ZeroPadding2D", [3, 4, 2]),
    case("ZeroPadding2D", [3, 4, 2], padding=[[1, 0], [2, 3]]),
    case("Cropping2D", [5, 6, 3], cropping=[[1, 0], [2, 1]]),
    case("Cropping2D", [5, 6, 3], cropping=[1, 2]),
    case("UpSampling2D", [3, 4, 2]),
    case("UpSampling2D", [3, 4, 4], size=[2, 3]),
    case("UpSampling2D", [3, 4, 2], interpolation="bilinear"),
    case("UpSampling2D", [1, 5, 4], size=[3, 4], interpolation="bilinear"),
    case("Reshape", [4, 6], target_shape=[3, -1, 2]),
    case("Permute", [4, 3, 2], dims=[3, 1, 2]),
    case("GlobalAveragePooling2D", [4, 3, 2]),
    case("GlobalAveragePooling2D", [4, 3, 2], keepdims=True),
    case("GlobalMaxPooling2D", [4, 3, 2]),
    case("GlobalMaxPooling2D", [4, 3, 4], keepdims=True),
]

WIDE = {"amplitude": 4.0}
RECTIFIERS = [
    case("ReLU", [3, 4], WIDE),
    case("ReLU", [3, 4], WIDE, max_value=2.0, negative_slope=0.25, threshold=0.5),
    case("LeakyReLU", [3, 4], WIDE),
    case("LeakyReLU", [3, 4], WIDE, negative_slope=0.1),
    case("ELU", [3, 4], WIDE),
    case("ELU", [3, 4], WIDE, alpha=0.5),
    case("PReLU", [4], WIDE),
    case("PReLU", [3, 2, 4], WIDE, shared_axes=[1, 2]),
    case("Softmax", [3, 4], WIDE),
    case("Softmax", [3, 4], WIDE, axis=1),
    case("Softmax", [3, 2, 4], WIDE, axis=[1, 2]),
    case("ActivityRegularization", [3], l1=0.1, l2=0.2),
    case("GaussianNoise", [3], stddev=0.5),
    case("SpatialDropout1D", [3, 2], rate=0.5),
    case("SpatialDropout2D", [3, 2, 2], TRAINING, rate=0.0),
]

CONVOLUTION = [
    case("Conv1D", [7, 3], filters=4, kernel_size=3),
    case("Conv1D", [8, 3], filters=4, kernel_size=3, strides=2, padding="same", activation="tanh"),
    case("Conv1D", [9, 2], filters=3, kernel_size=3, padding="causal", dilation_rate=2, use_bias=False),
    case("Conv1D", [9, 4], filters=6, kernel_size=2, padding="causal", strides=2, groups=2),
    case("Conv2D", [7, 6, 3], filters=4, kernel_size=3, padding="same"),
    case("Conv2D", [7, 6, 3], filters=4, kernel_size=[3, 2], strides=[2, 1]),
    case("Conv2D", [7, 8, 2], filters=4, kernel_size=3, dilation_rate=2, padding="same"),
    case("Conv2D", [9, 8, 2], filters=3, kernel_size=[2, 3], dilation_rate=[3, 2]),
    case("Conv2D", [5, 6, 4], filters=6, kernel_size=3, groups=2, padding="same", activation="sigmoid"),
    case("Conv2D", [5, 6, 4], filters=4, kernel_size=2, groups=4, strides=2, use_bias=False),
    case("Conv3D", [5, 4, 6, 2], filters=3, kernel_size=3, padding="same"),
    case("Conv3D", [5, 4, 6, 2], filters=3, kernel_size=[2, 3, 2], strides=[2, 1, 2]),
    case("Conv3D", [5, 5, 5, 2], filters=4, kernel_size=2, dilation_rate=2, groups=2, activation="relu"),
    case("Conv1DTranspose", [5, 3], filters=4, kernel_size=3),
    case("Conv1DTranspose", [5, 3], filters=4, kernel_size=4, strides=3, padding="same"),
    case("Conv2DTranspose", [4, 5, 3], filters=2, kernel_size=3, strides=2, padding="same", activation="tanh"),
    case("Conv2DTranspose", [4, 5, 3], filters=2, kernel_size=[2, 3], strides=[3, 2], use_bias=False),
    case("Conv2DTranspose", [4, 5, 3], filters=4, kernel_size=3, strides=2, padding="same", output_padding=1),
    case("Conv2DTranspose", [4, 5, 3], filters=2, kernel_size=3, strides=2, output_padding=[0, 1]),
    case("Conv2DTranspose", [4, 5, 3], filters=2, kernel_size=2, dilation_rate=2),
    case("DepthwiseConv1D", [7, 3], kernel_size=3, strides=2, depth_multiplier=2),
    case("DepthwiseConv2D", [6, 5, 3], kernel_size=3, padding="same"),
    case("DepthwiseConv2D", [6, 5, 4], kernel_size=[2, 3], depth_multiplier=2, strides=2, use_bias=False),
    case("DepthwiseConv2D", [7, 6, 2], kernel_size=2, dilation_rate=2, padding="same", activation="relu"),
    case("SeparableConv1D", [7, 3], filters=4, kernel_size=3, padding="same"),
    case("SeparableConv2D", [6, 5, 3], filters=4, kernel_size=3, padding="same", activation="tanh"),
    case("SeparableConv2D", [7, 6, 2], filters=3, kernel_size=3, strides=2, depth_multiplier=2, use_bias=False),
]

POOLING = [
    case("MaxPooling1D", [7, 3]),
    case("MaxPooling1D", [7, 3], pool_size=3, strides=2, padding="same"),
    case("MaxPooling2D", [7, 6, 3], pool_size=[3, 2], strides=2, padding="same"),
    case("MaxPooling3D", [5, 4, 6, 2]),
    case("MaxPooling3D", [5, 4, 6, 2], pool_size=[3, 2, 2], strides=[2, 1, 2], padding="same"),
    case("AveragePooling1D", [7, 3], pool_size=2),
    case("AveragePooling1D", [7, 3], pool_size=3, strides=2, padding="same"),
    case("AveragePooling2D", [7, 6, 3], pool_size=[3, 2], strides=2, padding="same"),
    case("AveragePooling3D", [5, 4, 6, 2], pool_size=2),
    case("AveragePooling3D", [5, 4, 6, 2], pool_size=[3, 2, 2], strides=[2, 1, 2], padding="same"),
    case("GlobalMaxPooling1D", [5, 3]),
    case("GlobalMaxPooling3D", [3, 4, 2, 2], keepdims=True),
    case("GlobalAveragePooling1D", [5, 3], keepdims=True),
    case("GlobalAveragePooling1D", [4, 3], MASKED),
    case("GlobalAveragePooling3D", [3, 4, 2, 2]),
]

# Every range is one number, so that nothing is left to chance: `layers_jax.py` records them, and all that follow.
AUGMENTATION = [
    case("RandomRotation", [5, 4, 2], TRAINING, factor=[0.1, 0.1]),
    case("RandomRotation", [4, 7, 1], TRAINING, factor=[-0.3, -0.3], fill_mode="constant", fill_value=0.5),
    case("RandomRotation", [5, 6, 2], TRAINING, factor=[0.8, 0.8], fill_mode="nearest"),
    case("RandomRotation", [5, 6, 2], TRAINING, factor=[0.45, 0.45], fill_mode="wrap"),
    case("RandomRotation", [5, 6, 2], TRAINING, factor=[0.07, 0.07], interpolation="nearest"),
    case("RandomRotation", [5, 4, 2], factor=0.1),
    case("RandomTranslation", [5, 4, 2], TRAINING, height_factor=[0.3, 0.3], width_factor=[-0.2, -0.2]),
    case("RandomTranslation", [3, 4, 2], TRAINING, height_factor=[-0.9, -0.9], width_factor=[0.8, 0.8], fill_mode="wrap"),
    case("RandomTranslation", [5, 4, 2], TRAINING, height_factor=[-0.3, -0.3], width_factor=0.0, fill_mode="constant", fill_value=-1.0),
    case("RandomTranslation", [5, 4, 2], TRAINING, height_factor=[0.47, 0.47], width_factor=[0.33, 0.33], fill_mode="nearest", interpolation="nearest"),
    case("RandomZoom", [5, 4, 2], TRAINING, height_factor=[0.7, 0.7]),
    case("RandomZoom", [5, 4, 2], TRAINING, height_factor=[-0.4, -0.4], width_factor=[0.6, 0.6], fill_mode="constant", fill_value=0.25),
    case("RandomZoom", [4, 6, 1], TRAINING, height_factor=[0.9, 0.9], width_factor=[0.35, 0.35], fill_mode="wrap"),
    case("RandomZoom", [4, 6, 1], height_factor=0.9),
    case("RandomBrightness", [3, 4, 2], TRAINING, factor=[0.3, 0.3], value_range=[-1, 1]),
    case("RandomBrightness", [3, 4, 2], TRAINING | {"amplitude": 300.0}, factor=[-0.1, -0.1]),
    case("RandomBrightness", [3, 4, 2], factor=0.3),
    case("RandomContrast", [3, 4, 2], TRAINING, factor=0.0, value_range=[-1, 1]),
    case("RandomContrast", [3, 4, 2], factor=0.3),
    case("RandomFlip", [3, 4, 2]),
    case("CenterCrop", [5, 6, 2], height=2, width=3),
    case("CenterCrop", [3, 6, 2], height=5, width=4),
    case("CenterCrop", [4, 4, 1], height=4, width=4),
    case("Rescaling", [3, 2], scale=0.5, offset=-1.0),
    case("Rescaling", [3], scale=3.0, offset=0.0),
    case("Rescaling", [3, 2], scale=[0.5, 2.0], offset=[0.25, -1.0]),
    case("Rescaling", [2, 3, 4], scale=2.0, offset=[0.25, -1.0, 0.5, 1.5]),
    case("Resizing", [5, 4, 2], height=3, width=7),
    case("Resizing", [5, 4, 2], height=8, width=3, interpolation="nearest"),
    case("Resizing", [5, 8, 1], height=6, width=4, crop_to_aspect_ratio=True),
]

WINDOWS = ["bicubic", "lanczos3", "lanczos5"]
RESIZING = [
    *[case("UpSampling2D", [3, 5, 2], size=[2, 3], interpolation=name) for name in WINDOWS],
    case("UpSampling2D", [1, 12, 1], size=2, interpolation="lanczos5"),
    *[case("Resizing", [5, 4, 2], height=7, width=3, interpolation=name) for name in WINDOWS],
    *[case("Resizing", [9, 8, 2], height=4, width=3, interpolation=name, antialias=True)
      for name in ["nearest", "bilinear", *WINDOWS]],
    case("Resizing", [4, 6, 1], height=8, width=9, interpolation="bilinear", antialias=True),
    case("Resizing", [5, 8, 1], height=6, width=4, interpolation="bicubic", crop_to_aspect_ratio=True),
    case("Resizing", [5, 8, 2], height=6, width=4, pad_to_aspect_ratio=True),
    case("Resizing", [9, 4, 2], height=6, width=5, pad_to_aspect_ratio=True, fill_value=0.5, interpolation="nearest"),
    case("Resizing", [4, 4, 1], height=6, width=6, pad_to_aspect_ratio=True, interpolation="lanczos3"),
]


def first(given):
    """The same case with the channels before the spatial axes."""
    *sizes, channels = given["input_shape"]
    return given | {"input_shape": [channels, *sizes], "config": given["config"] | {"data_format": "channels_first"}}


UNLIKE = {"Reshape", "Permute", "Rescaling"}
CHANNELS = [first(c) for c in CONVOLUTION + POOLING + SPATIAL + AUGMENTATION + RESIZING
            if c["class_name"] not in UNLIKE and "masked" not in c]
# Softmax is along the width then: it does not see a bias.
CHANNELS += [
    case("Flatten", [4, 3, 2], data_format="channels_first"),
    case("Flatten", [4], data_format="channels_first"),
    case("Conv2D", [3, 5, 4], filters=2, kernel_size=2, activation="softmax", use_bias=False, data_format="channels_first"),
    case("SeparableConv2D", [3, 5, 4], filters=2, kernel_size=2, activation="softmax", use_bias=False, data_format="channels_first"),
    case("SpatialDropout2D", [3, 5, 4], rate=0.4, data_format="channels_first"),
    case("GlobalAveragePooling1D", [4, 4], {"masked": [[0, 0], [0, 3], [1, 2]]}, data_format="channels_first"),
]
JAX_FAMILIES = {"augmentation": AUGMENTATION, "resizing": RESIZING, "channels": CHANNELS}

FAMILIES = {"core": CORE, "rectifiers": RECTIFIERS, "spatial": SPATIAL, "normalization": NORMALIZATION, "recurrent": RECURRENT,
            "convolution": CONVOLUTION, "pooling": POOLING}
