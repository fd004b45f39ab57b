//! Graph to Program: simplification, fusion, kernel choice by rule, memory plan.

mod program;

pub use program::{
    Destination, Kernel, Memory, Options, Place, Program, Region, Scratch, Step, Store, Target, Tile, Work,
};
