//! How `wasmtime` is set up. The compile child and the host must agree on every line of this.

use std::num::NonZeroUsize;

use wasmtime::{Config, OperatorCost, VariableOperatorCost, WasmBacktraceDetails};

use super::meter::cost;

/// Frames of a backtrace: enough to see where a recursion began to repeat.
const BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// The one configuration; only the guest's stack differs from engine to engine, and it is no part of the code.
///
/// Multi-memory stays on: without it, compiling a component with adapters between components panics in
/// wasmtime-environ 48 (`adapt.rs`, "multiple memories").
pub(super) fn config(stack: usize) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // The same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Compiled in, because builds without them had aborts of their own, and not offered.
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_memory64(false)
        // Fuel stops the same plugin at the same point; the epoch is the clock behind it.
        .consume_fuel(true)
        .operator_cost(operator_cost())
        .epoch_interruption(true)
        .max_wasm_stack(stack)
        // Nothing here is asynchronous, and still the engine wants this to be no smaller.
        .async_stack_size(stack.max(2 << 20))
        .parallel_compilation(true)
        // Said in so many words, because their defaults follow the environment.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES));
    config
}

/// The engine's own costs: one an instruction, one a byte that is copied or filled; and growing memory is not for nothing.
fn operator_cost() -> OperatorCost {
    let variable = VariableOperatorCost { memory_grow_per_page: cost::PAGE, ..VariableOperatorCost::new() };
    OperatorCost { variable, ..OperatorCost::default() }
}
