//! All WGSL, the files as they stand and specialised, validated and translated by naga, without a GPU.

use std::path::Path;

use naga::back::{glsl, hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

use super::kernels::{
    ConvPass, ConvSpec, Hooks, MatMulSpec, PoolKind, PoolSpec, Specialised, SumColumnsSpec, conv, matmul,
    matmul_naive, pool, sum_columns, sum_partials,
};
use crate::graph::{Axis, Window};
use crate::schedule::Tile;
use crate::tensor::Dim;

pub fn validate(name: &str, wgsl: &str) -> (naga::Module, ModuleInfo) {
    let module =
        naga::front::wgsl::parse_str(wgsl).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(wgsl)));
    let subgroups = if wgsl.contains("subgroup") { Capabilities::SUBGROUP } else { Capabilities::empty() };
    let info = Validator::new(ValidationFlags::all(), subgroups)
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(wgsl)));
    (module, info)
}

/// Writes the module in the languages of all drivers; the binary and the texts must not be empty.
pub fn translate(name: &str, module: &naga::Module, info: &ModuleInfo) {
    let fail =
        |language: &str, error: &dyn std::fmt::Display| -> ! { panic!("{name} as {language}: {error}") };
    let words = spv::write_vec(module, info, &spv::Options::default(), None);
    assert!(!words.unwrap_or_else(|e| fail("SPIR-V", &e)).is_empty());
    let options = msl::Options { fake_missing_bindings: true, ..Default::default() };
    let text = msl::write_string(module, info, &options, &msl::PipelineOptions::default());
    assert!(!text.unwrap_or_else(|e| fail("MSL", &e)).0.is_empty());
    let options = hlsl::Options { fake_missing_bindings: true, ..Default::default() };
    let mut text = String::new();
    let pipeline = hlsl::PipelineOptions::default();
    let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None);
    written.unwrap_or_else(|e| fail("HLSL", &e));
    if module.entry_points.is_empty() {
        return;
    }
    let options = glsl::Options { version: glsl::Version::new_gles(310), ..Default::default() };
    let pipeline = glsl::PipelineOptions {
        shader_stage: naga::ShaderStage::Compute,
        entry_point: "main".into(),
        multiview: None,
    };
    let mut text = String::new();
    let policies = naga::proc::BoundsCheckPolicies::default();
    let written = glsl::Writer::new(&mut text, module, info, &options, &pipeline, policies)
        .and_then(|mut writer| writer.write());
    written.map(|_| ()).unwrap_or_else(|e| fail("GLSL", &e));
}

#[test]
fn files_are_valid_as_they_stand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(text.starts_with("// "), "{name}: a header says what it computes");
        let (module, info) = validate(&name, &text);
        translate(&name, &module, &info);
        count += 1;
    }
    assert!(count >= 13, "only {count} shaders found");
}

#[test]
fn specialised_kernels_are_valid() {
    for kernel in every_kernel() {
        let (module, info) = validate(&kernel.name, &kernel.wgsl);
        translate(&kernel.name, &module, &info);
        let entry = &module.entry_points[0];
        assert_eq!(entry.workgroup_size, kernel.workgroup, "{}", kernel.name);
        assert!(kernel.workgroup.iter().product::<u32>() <= 256, "{}", kernel.name);
        let shared: u32 = module
            .global_variables
            .iter()
            .filter(|(_, v)| v.space == naga::AddressSpace::WorkGroup)
            .map(|(_, v)| module.types[v.ty].inner.size(module.to_ctx()))
            .sum();
        assert!(shared <= 16_384, "{}: {shared} bytes of workgroup memory", kernel.name);
    }
}

/// Writes what `GRADUS_WGSL` names a folder for: the kernels, for a driver's compiler to look at.
#[test]
fn kernels_can_be_written_out() {
    let Ok(folder) = std::env::var("GRADUS_WGSL") else { return };
    std::fs::create_dir_all(&folder).unwrap();
    for (i, kernel) in every_kernel().into_iter().enumerate() {
        std::fs::write(format!("{folder}/{i:02}_{}.wgsl", kernel.name), kernel.wgsl).unwrap();
    }
}

fn every_kernel() -> Vec<Specialised> {
    let mut kernels = Vec::new();
    let tiles = [
        Tile::Workgroup { rows: 128, columns: 128, depth: 8 },
        Tile::Workgroup { rows: 128, columns: 64, depth: 16 },
        Tile::Workgroup { rows: 64, columns: 64, depth: 16 },
        Tile::Workgroup { rows: 32, columns: 32, depth: 16 },
        Tile::Registers { rows: 16, columns: 8 },
    ];
    let subgroups = [[8, 16], [32, 32], [48, 32]].map(|[rows, columns]| Tile::Subgroup { rows, columns });
    kernels.extend(subgroups.map(|tile| matmul(&product(1023, false, false, tile))));
    for tile in tiles.into_iter().chain(subgroups) {
        // The rule takes the largest for sums of one block alone.
        let largest = tile == tiles[0];
        for (transpose_a, transpose_b, size) in
            [(false, false, 1024), (true, false, 1024), (false, true, 1023)]
        {
            let k = Dim::fixed(if largest { size / 2 } else { size });
            kernels.push(matmul(&MatMulSpec { k, ..product(size, transpose_a, transpose_b, tile) }));
        }
        for channels in [3, 32] {
            let passes = [
                (ConvPass::Forward, 1),
                (ConvPass::InputGradient, 1),
                (ConvPass::FilterGradient { bias: true }, 64),
            ];
            let taken = if largest { &passes[..2] } else { &passes };
            kernels.extend(taken.iter().map(|&(pass, n)| conv(&convolution(pass, channels, tile, n))));
        }
    }
    kernels.push(matmul_naive(&product(1024, false, false, tiles[0])));
    let kinds = [PoolKind::Max, PoolKind::MaxGradient, PoolKind::Average, PoolKind::AverageGradient];
    kernels.extend(kinds.map(|kind| pool(&pooling(kind))));
    kernels.push(pool(&PoolSpec { window: window(3, 2), ..pooling(PoolKind::MaxGradient) }));
    let hooks = Hooks::default();
    kernels.push(sum_partials(Dim::fixed(9216), 64, &hooks));
    kernels.push(sum_columns(&SumColumnsSpec {
        rows: Dim::batch(3600),
        columns: 32.into(),
        splits: 225,
        hooks,
    }));
    kernels
}

fn product(size: usize, transpose_a: bool, transpose_b: bool, tile: Tile) -> MatMulSpec {
    let stack = Dim::fixed(1);
    let [m, n, k] = [size.into(); 3];
    MatMulSpec { stack, m, n, k, transpose_a, transpose_b, tile, splits: 1, hooks: Hooks::default() }
}

fn window(size: usize, stride: usize) -> Window {
    let axis = Axis { size, stride, dilation: 1, before: 0, after: 0 };
    Window { height: axis, width: axis }
}

/// The second convolution of the SIGNS network, or with three channels nearly its first.
fn convolution(pass: ConvPass, channels: usize, tile: Tile, splits: usize) -> ConvSpec {
    ConvSpec {
        pass,
        images: Dim::batch(1),
        height: 62,
        width: 62,
        channels,
        filters: 32,
        window: window(3, 1),
        tile,
        splits,
        hooks: Hooks::default(),
    }
}

fn pooling(kind: PoolKind) -> PoolSpec {
    let (images, hooks) = (Dim::batch(1), Hooks::default());
    PoolSpec { kind, images, height: 60, width: 60, channels: 32, window: window(2, 2), hooks }
}
