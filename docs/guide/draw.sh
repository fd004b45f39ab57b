#!/usr/bin/env bash
# Draws the pictures of the guide anew: those that its own programs draw, then those of the examples that train longer.
# Takes some minutes. PROFILE= (empty) uses debug builds.
set -euo pipefail
cd "$(dirname "$0")/../.."
pictures=docs/guide/pictures
profile=${PROFILE---release}

example() { cargo run $profile --example "$@"; }

cargo test --doc guide
example xor -- 300
example signs_cnn
example regularisation
example batch_and_epochs
example series

for picture in perceptron activations learning_rates batches optimizers cross_entropy overfitting edges pooling forecast; do
    cp "target/guide/$picture.png" "$pictures"
done
cp target/guide/xor.gif "$pictures"
cp target/guide/first_network/accuracy.png "$pictures/first_network.png"
for picture in loss accuracy confusion misclassified; do
    cp "target/signs_cnn/$picture.png" "$pictures/signs_$picture.png"
done
cp target/signs_cnn/filters.png "$pictures"
cp target/regularisation/validation.png "$pictures/remedies.png"
cp target/batch_and_epochs/accuracy.png "$pictures/batch_and_epochs.png"
cp target/series/forecast.png "$pictures/sunspots.png"
du -ch "$pictures"/* | tail -1
