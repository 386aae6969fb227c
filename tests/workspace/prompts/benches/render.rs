//! How fast prompts are rendered: whole, and cut to a budget.
#![allow(missing_docs)] // criterion_group! makes a public function

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use prompts::{render, Document};

/// `count` documents of `lines` lines each; the same on every run.
fn documents(count: usize, lines: usize) -> Vec<Document> {
    (0..count)
        .map(|number| Document {
            name: format!("src/module_{number}.rs"),
            text: (0..lines)
                .map(|line| format!("    let value_{line} = {number} + `{line}`;\n"))
                .collect(),
        })
        .collect()
}

fn bench(criterion: &mut Criterion) {
    let documents = documents(50, 200);
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("whole", |bencher| {
        bencher.iter(|| render("What is wrong here?", &documents, 2 * bytes))
    });
    group.bench_function("cut", |bencher| {
        bencher.iter(|| render("What is wrong here?", &documents, bytes / 10))
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
