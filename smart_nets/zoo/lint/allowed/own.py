"""What a configuration may name of smart_nets, each reviewed for files, processes and network: the rest may not be named.

Not named, though other code uses them: the importer of optional packages, the writers of pages, JSON and bytes, the zoo with
its downloads, and whatever takes a function and calls it with arguments of its own.
"""

from __future__ import annotations

from smart_nets.zoo.lint.allowed.libraries import Writer

# part of smart_nets -> what may be named of it; these write nothing
FREE = {
    "classify.inferer": "ClassifierInferer reason_name",
    "classify.lesions.lists": "lesions_to_predict",
    "classify.lesions.place": "places_told",
    "classify.lesions.split_modes": "choose_split held_out judged_on split_card take_fraction",
    "classify.lesions.transforms": "CropLesiond LoadLesiond ToScanGridd",
    "classify.update": "ClassifierUpdate choose_weights classifier_groups",
    "errors": "show_one_sentence",
    "files": "check_exists check_output",
    "lists.manifest": "datalist large_enough",
    "lists.name_table": "check_names",
    "lists.scan_names": "with_names",
    "lists.usable": "DoneScans UsableScans check_all_done",
    "localize.embedding": "AttentionInferer",
    "localize.marking": "MarkAttentiond Marking",
    "localize.report.again": "localise_facts",
    "localize.scan_attention": "ScanAttention WindowInferer",
    "localize.scans": "LocalizeScans",
    "networks.attention_net": "AttentionNet",
    "networks.classifier": "Classifier",
    "networks.encoder": "SmartEncoder",
    "networks.inputs": "check_size",
    "networks.segmenter": "Segmenter check_patch",
    "networks.comparators.vit": "ViTEncoder",
    "organs.feature_writer": "FeatureNet crop_items",
    "organs.fields": "find_fields",
    "organs.probe": "find_organ_crops phantom_organ_crops",
    "organs.samples": "find_samples",
    "overrides": "check_overrides",
    "pretrain.budget": "epochs_within",
    "pretrain.co_distillation": "CoDistillation",
    "pretrain.instruments": "Instruments",
    "pretrain.masking": "StudentMask",
    "pretrain.report.board": "RunBoard",
    "pretrain.report.snapshots": "probe_crops",
    "pretrain.replay": "replay",
    "pretrain.schedules": "Schedules",
    "pretrain.step_checks": "check_mask_grid",
    "pretrain.taps": "Taps",
    "pretrain.update": "CoDistillationUpdate two_views",
    "pretrain.view_changes": "ViewChanges",
    "pretrain.views": "LoadCachedd TwoViewsd",
    "pretrain.health.watch": "Watch",
    "scans.files.monai_writer": "result_name",
    "scans.monai_reader": "LoadScand",
    "scans.transforms": "BackToScand ToNetworkGridd",
    "scans.window": "check_window",
    "segment.balance": "label_weights",
    "segment.budget": "segment_epochs",
    "segment.cases.edges": "hidden_edges",
    "segment.cases.names": "card_values channels label_values may_flip",
    "segment.cases.patches": "LoadCased",
    "segment.facts": "case_facts cases_told source_told",
    "segment.place": "PlaceFloor",
    "segment.cases.volumes": "check_cases check_shown",
    "segment.predict": "OutlineScand ScanSegmenter SegmentInferer",
    "segment.split": "case_split few_patients held_out_cases split_cases",
    "segment.update": "SegmentUpdate segmenter_groups",
    "settings": "check_setting check_settings",
    "weights.beside": "outside_card",
    "training.checkpoint": "begun_epochs",
    "training.distributed": "check_alone main_first own_device start stop",
    "training.optimisation": "parameter_groups",
    "training.presets": "choose_preset",
    "training.progress": "Measures Progress",
    "training.seeds": "SeededDataset SeededSampler SeededSteps",
    "training.signals": "deaf_worker",
    "training.weights_saver": "encoder_of",
    "training.run_record": "data_facts encoder_facts lesion_facts",
    "training.workers": "check_shared_memory",
    "weights.build": (
        "attention_net build_classifier build_encoder build_segmenter card_or find_encoder load_attention start_encoder "
        "warm_start"
    ),
    "weights.default_model": "own_or_shipped",
    "weights.foreign.door": "open_told_encoder",
    "weights.io": "load_weights read_card",
}
# what writes -> its paths, with the position of each in a call
WRITERS = {
    "classify.lesions.crops.LesionCrops": {"folder": 0},
    "classify.lesions.phantoms.find_lesions": {"folder": 1},
    "classify.lesions.phantoms.phantom_rows": {"folder": 0},
    "classify.report.page.write_classify_report": {"run_dir": 0},
    "classify.report.prediction.SavePredictiond": {"output_dir": 1},
    "classify.results.LesionResults": {"folder": 6},
    "lists.cache.VolumeCache": {"folder": 0},
    "lists.name_table.NameTable": {"folder": 0},
    "lists.name_table.claim_names": {"folder": 0},
    "localize.embedding.SaveEmbeddingd": {"output_dir": 1},
    "localize.phantom_tumours.find_tumours": {"folder": 1},
    "localize.report.outputs.AttentionWriter": {"folder": 0},
    "localize.report.outputs.OverlayWriter": {"folder": 0},
    "localize.report.page.write_localize_report": {"folder": 0},
    "organs.clustering.cluster_features": {"path": 1},
    "organs.clustering.cluster_organs": {"path": 3},
    "organs.feature_writer.FeatureWriter": {"path": 0},
    "organs.judge.evaluate_fields": {"path": 3},
    "organs.probe.KnnProbe": {"record": 2},
    "organs.page.write_cluster_report": {"path": 0},
    "organs.probe.evaluate_organs": {"path": 2},
    "phantom.make_dataset": {"folder": 0},
    "pretrain.report.page.write_report": {"run_dir": 0},
    "pretrain.report.snapshots.Snapshots": {"path": 2},
    "segment.cases.find.find_cases": {"phantom_dir": 2},
    "segment.cases.volumes.CaseVolumes": {"folder": 0},
    "segment.facts.evaluation_facts": {"path": 0},
    "segment.outlines.OutlineWriter": {"folder": 0},
    "segment.report.page.write_segment_report": {"run_dir": 0},
    "segment.results.SegmentResults": {"folder": 3},
    "training.bad_batches.BadBatches": {"folder": 0},
    "training.checkpoint.TrainingState": {"path": 0},
    "training.weights_saver.WeightsSaver": {"path": 1, "record": 3},
    "training.logs.JsonLines": {"path": 0},
    "training.logs.TensorBoard": {"log_dir": 0},
    "training.report.Report": {"run_dir": 0},
    "training.run_record.RunRecord": {"path": 0},
    "training.run_record.evaluation_record": {"path": 0},
}
NAMES = {"training.bad_batches.BadBatches": ("rank",)}  # what of it becomes part of a file's name
OWN = frozenset(f"smart_nets.{part}.{name}" for part, names in FREE.items() for name in names.split()) | {
    f"smart_nets.{name}" for name in WRITERS
}
LOSSES = "smart_nets.pretrain.losses."  # all of them may be named: each is arithmetic on tensors
REPORTS = frozenset(f"smart_nets.{name}" for name in WRITERS if name.rpartition(".")[2].startswith("write_"))
OWN_WRITERS = {
    # a report may be told its folder and nothing else: one of them takes a second path
    f"smart_nets.{name}": Writer(paths, NAMES.get(name, ()), () if f"smart_nets.{name}" in REPORTS else None)
    for name, paths in WRITERS.items()
}
CALLBACK = ("smart_nets.training.report.Report", "write")  # the one place where a writer may stand without being called
# functions whose texts are known, or that give numbers
ANSWERS = {"smart_nets.classify.inferer.reason_name": ("attention", "occlusion"), "dist.get_rank": ("0",)}


def is_own(name: str) -> bool:
    """Whether a configuration may name this of smart_nets."""
    return name in OWN or name.startswith(LOSSES)
