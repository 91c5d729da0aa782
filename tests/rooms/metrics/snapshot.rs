//! The one form in which the counters of all engines can be read.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use seaf_migrate::metrics::snapshot::{Label, Sample, SampleKind};
use seaf_migrate::metrics::{CompareCounters, Counters, Metrics, RemovalCounters, Snapshot, WalkCounters};
use seaf_migrate::object::{ObjectKind, PerKind};

fn value(snapshot: &Snapshot, name: &str, kind: Option<ObjectKind>) -> u64 {
    let labels: Vec<Label> = kind.into_iter().map(Label::from).collect();
    let is_it = |sample: &&Sample| sample.name == name && sample.labels == labels;
    let found: Vec<&Sample> = snapshot.samples.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}");
    found[0].value
}

#[test]
fn what_an_engine_counts_is_in_its_snapshot_by_kind() {
    let counters = Counters::default();
    counters.kind(ObjectKind::Blocks).copied.add(3);
    counters.kind(ObjectKind::Blocks).copied_bytes.add(4096);
    counters.kind(ObjectKind::Fs).copied.add(5);
    counters.kind(ObjectKind::Fs).source_listed.store(true, Ordering::Relaxed);
    counters.kind(ObjectKind::Commits).workers_missing.set(2);
    let snapshot = counters.snapshot();
    let of = |name, kind| value(&snapshot, name, Some(kind));
    assert_eq!(of("transfer_copied", ObjectKind::Blocks), 3);
    assert_eq!(of("transfer_copied_bytes", ObjectKind::Blocks), 4096);
    assert_eq!(of("transfer_copied", ObjectKind::Fs), 5);
    assert_eq!(of("transfer_copied", ObjectKind::Commits), 0);
    assert_eq!(of("transfer_source_listed", ObjectKind::Fs), 1);
    assert_eq!(of("transfer_source_listed", ObjectKind::Blocks), 0);
    assert_eq!(of("transfer_workers_missing", ObjectKind::Commits), 2);
    // A snapshot stays what it was; the next one has what came since.
    counters.kind(ObjectKind::Blocks).copied.add(1);
    assert_eq!(of("transfer_copied", ObjectKind::Blocks), 3);
    assert_eq!(value(&counters.snapshot(), "transfer_copied", Some(ObjectKind::Blocks)), 4);
}

#[test]
fn engines_without_kinds_have_one_number_each() {
    let (walk, compare) = (WalkCounters::default(), CompareCounters::default());
    walk.libraries.add(7);
    compare.objects.set(9);
    compare.objects.set(8);
    assert_eq!(value(&walk.snapshot(), "walk_libraries", None), 7);
    assert_eq!(value(&compare.snapshot(), "compare_objects", None), 8);
}

#[test]
fn all_engines_fit_into_one_snapshot_with_names_that_a_metrics_endpoint_takes() {
    let mut all = Snapshot::default();
    let removal = PerKind::<RemovalCounters>::default();
    removal[ObjectKind::Fs].kept.add(4);
    let engines: [&dyn Metrics; 4] =
        [&Counters::default(), &removal, &WalkCounters::default(), &CompareCounters::default()];
    engines.iter().for_each(|engine| engine.read_into(&mut all));
    assert_eq!(value(&all, "removal_kept", Some(ObjectKind::Fs)), 4);
    let mut seen = BTreeSet::new();
    for sample in &all.samples {
        let Sample { name, help, labels, .. } = sample;
        // https://prometheus.io/docs/instrumenting/exposition_formats: a metric is named [a-zA-Z_:][a-zA-Z0-9_:]*.
        assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert!(help.ends_with('.') && !help.starts_with(' ') && !help.contains('\n'), "{name}: {help:?}");
        let labels: Vec<_> = labels.iter().map(|label| (label.name, label.value.clone())).collect();
        assert!(seen.insert((*name, labels)), "{name} is there twice");
    }
    let kind_of = |name: &str| all.samples.iter().find(|sample| sample.name == name).unwrap().kind;
    assert_eq!(kind_of("transfer_copied"), SampleKind::Counter);
    assert_eq!(kind_of("transfer_workers_missing"), SampleKind::Gauge);
    assert_eq!(kind_of("compare_is_listed"), SampleKind::Gauge);
}
