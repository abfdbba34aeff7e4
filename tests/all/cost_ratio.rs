//! A call of Tollgate's beside the same call of wasmtime's, in turns: how many times as long it takes. The bounds are
//! generous, for a debug build on a busy machine; what it really is, `just bench` says.

use std::time::{Duration, Instant};

use tollgate::Error;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};

use crate::harness::{alone, guest_file, load, wait};

/// A fresh call is 1.2 to 1.3 times as long when optimised.
const FRESH: f64 = 2.5;

const INPUT: &[u8] = b"sixteen letters!";

#[test]
#[ignore = "it measures time: `just bench-guard`"]
fn a_fresh_call_is_not_far_from_wasmtimes_own() {
    let _alone = alone();
    let provider = load("echo", "");
    let provider = provider.as_async();
    let raw = Raw::new();
    let mut ratios: Vec<f64> = (0..31)
        .map(|_| {
            let theirs = time(|| raw.call());
            let ours = time(|| drop(wait(provider.session().run(INPUT)).unwrap()));
            ours.as_secs_f64() / theirs.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("a fresh call takes {median:.2} times as long as wasmtime's");
    assert!(median < FRESH, "{median:.2}");
}

/// The time of some calls.
fn time(mut call: impl FnMut()) -> Duration {
    call();
    let start = Instant::now();
    for _ in 0..100 {
        call();
    }
    start.elapsed()
}

/// wasmtime with a pool, tuned as ours, on a fiber, and nothing limited.
struct Raw {
    engine: Engine,
    pre: InstancePre<()>,
    run: ComponentExportIndex,
}

impl Raw {
    fn new() -> Raw {
        let mut config = Config::new();
        config.concurrency_support(false);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(16)
            .total_core_instances(64)
            .total_memories(16)
            .total_tables(64)
            .total_stacks(16);
        if PoolingAllocationConfig::is_pagemap_scan_available() {
            pool.pagemap_scan(Enabled::Yes)
                .linear_memory_keep_resident(2 << 20)
                .table_keep_resident(64 << 10);
        }
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_file(&engine, guest_file("echo")).unwrap();
        let mut linker = Linker::new(&engine);
        linker.instance("tollgate:provider/types@0.1.0").unwrap();
        Raw {
            run: component.get_export_index(None, "run").unwrap(),
            pre: linker.instantiate_pre(&component).unwrap(),
            engine,
        }
    }

    fn call(&self) {
        wait(async {
            let mut store = Store::new(&self.engine, ());
            let instance = self.pre.instantiate_async(&mut store).await.unwrap();
            let run = instance
                .get_typed_func::<(&[u8],), (Result<Vec<u8>, Error>,)>(&mut store, self.run);
            let result = run.unwrap().call_async(&mut store, (INPUT,)).await;
            assert!(result.unwrap().0.is_ok_and(|output| output == INPUT));
        });
    }
}
