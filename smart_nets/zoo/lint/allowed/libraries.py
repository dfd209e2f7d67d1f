"""The components of other libraries that a configuration may build, each reviewed: what is not named here may not.

A component passes freely when nothing that its arguments can say makes it write or delete a file, load a pickle, start a
process, use the network or take a class or function by its name. Those that write are in `WRITERS`, with the arguments that
say where.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Writer:
    """A component or function that writes.

    Args:
        paths: arguments that are paths, with the position of each in a call; all must be given.
        names: arguments that become part of a file's name.
        others: its other arguments that may be given; None for any.
        fixed: arguments that must be given, each one function by its full name.
        tables: arguments that are tables whose keys become part of a file's name.
    """

    paths: dict[str, int]
    names: tuple[str, ...] = ()
    others: tuple[str, ...] | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[str, ...] = ()


# no Lambda, TorchVision, TorchIO, CuCIM (they call what they are given), WriteFileMapping, SaveClassification (they write)
ARRAY_AND_DICTIONARY = """
    Activations AddCoordinateChannels AddExtremePointsChannel AdjustContrast Affine ApplyPending ApplyTransformToPoints
    AsChannelLast AsDiscrete BorderPad BoundingRect CastToType CenterScaleCrop CenterSpatialCrop ClassesToIndices
    ClipIntensityPercentiles ComputeHoVerMaps ConvertBoxToPoints ConvertPointsToBoxes
    ConvertToMultiChannelBasedOnBratsClasses Crop CropForeground CutMix CutOut DataStats DistanceTransformEDT DivisiblePad
    EnsureChannelFirst EnsureType FgBgToIndices FillHoles FlattenSequence Flip ForegroundMask GaussianSharpen
    GaussianSmooth GenerateHeatmap GibbsNoise GridDistortion GridPatch GridSplit HistogramNormalize Identity
    IntensityStats Invert KSpaceSpikeNoise KeepLargestConnectedComponent LabelFilter LabelToContour LabelToMask
    MapLabelValue MaskIntensity MeanEnsemble MedianSmooth MixUp NormalizeIntensity Orientation Pad ProbNMS Rand2DElastic
    Rand3DElastic RandAdjustContrast RandAffine RandAxisFlip RandBiasField RandCoarseDropout RandCoarseShuffle
    RandCropByLabelClasses RandCropByPosNegLabel RandFlip RandGaussianNoise RandGaussianSharpen RandGaussianSmooth
    RandGibbsNoise RandGridDistortion RandGridPatch RandHistogramShift RandKSpaceSpikeNoise RandRicianNoise RandRotate
    RandRotate90 RandScaleCrop RandScaleIntensity RandScaleIntensityFixedMean RandShiftIntensity
    RandSimulateLowResolution RandSmoothDeform RandSmoothFieldAdjustContrast RandSmoothFieldAdjustIntensity
    RandSpatialCrop RandSpatialCropSamples RandStdShiftIntensity RandWeightedCrop RandZoom RemoveRepeatedChannel
    RemoveSmallObjects RepeatChannel ResampleToMatch Resize ResizeWithPadOrCrop Rotate Rotate90 SavitzkyGolaySmooth
    ScaleIntensity ScaleIntensityRange ScaleIntensityRangePercentiles ShiftIntensity SobelGradients Spacing
    SpatialCrop SpatialPad SpatialResample SplitDim SqueezeDim StdShiftIntensity ThresholdIntensity ToCupy ToDevice
    ToNumpy ToPIL ToTensor Transpose VoteEnsemble Zoom
"""
FAMILIES = {
    "transforms": f"""
        {ARRAY_AND_DICTIONARY} {" ".join(f"{name}d" for name in ARRAY_AND_DICTIONARY.split())}
        Compose ConcatItemsd CopyItemsd Decollated DeleteItemsd Ensembled FlattenSubKeysd Fourier FromMetaTensord
        IntensityRemap OneOf RandIntensityRemap RandomOrder Resample ScaleIntensityFixedMean SelectItemsd SmoothField
        SomeOf ToMetaTensord TransformPointsImageToWorldd TransformPointsWorldToImaged
    """,
    # no PerceptualLoss: it downloads a network
    "losses": """
        AUCMLoss AsymmetricUnifiedFocalLoss BarlowTwinsLoss BendingEnergyLoss BoundaryLoss BoxGIoULoss ContrastiveLoss
        DeepSupervisionLoss DiceCELoss DiceFocalLoss DiceLoss DiffusionLoss FocalLoss GeneralizedDiceFocalLoss
        GeneralizedDiceLoss GeneralizedWassersteinDiceLoss GlobalMutualInformationLoss HausdorffDTLoss JukeboxLoss
        LocalNormalizedCrossCorrelationLoss LogHausdorffDTLoss MCCLoss MaskedDiceLoss MaskedLoss MultiScaleLoss NACLLoss
        PatchAdversarialLoss SSIMLoss SURELoss SoftDiceclDiceLoss SoftclDiceLoss TverskyLoss
    """,
    "metrics": """
        AbsoluteVolumeDifferenceMetric AveragePrecisionMetric CalibrationErrorMetric ConfusionMatrixMetric
        CumulativeAverage DiceMetric FBetaScore GeneralizedDiceScore HausdorffDistanceMetric LossMetric MAEMetric
        MAPEMetric MMDMetric MSEMetric MeanIoU MultiScaleSSIMMetric PSNRMetric PanopticQualityMetric RMSEMetric
        ROCAUCMetric SSIMMetric SurfaceDiceMetric SurfaceDistanceMetric VarianceMetric
    """,
    # no CheckpointLoader (a pickle), ClearML, MLFlow (network), TrtHandler, ProbMapProducer, LogfileHandler (they write)
    "handlers": """
        AveragePrecision CalibrationError ConfusionMatrix DecollateBatch EarlyStopHandler GarbageCollector
        HausdorffDistance IgniteMetricHandler LrScheduleHandler MeanAbsoluteError MeanDice MeanIoUHandler
        MeanSquaredError MetricLogger PanopticQuality ParamSchedulerHandler PeakSignalToNoiseRatio PostProcessing ROCAUC
        RootMeanSquaredError SmartCacheHandler StatsHandler SurfaceDistance ValidationHandler
    """,
    # no PatchInferer (a class by its name), ZarrAvgMerger (it writes)
    "inferers": "SaliencyInferer SimpleInferer SliceInferer SlidingWindowInferer SlidingWindowInfererAdapt",
    "optimizers": "ExponentialLR LinearLR Novograd WarmupCosineSchedule",
    # no PersistentDataset and its kin (pickles on disk), no reader of tables or of numpy files
    "data": """
        ArrayDataset CacheDataset DataLoader Dataset DistributedSampler DistributedWeightedRandomSampler GridPatchDataset
        IterableDataset PatchDataset PatchIter PatchIterd ShuffleBuffer SmartCacheDataset ThreadDataLoader ZipDataset
    """,
    "engines": """
        EnsembleEvaluator PrepareBatchDefault PrepareBatchExtraInput SupervisedEvaluator SupervisedTrainer
    """,
    # none that downloads weights when it is asked to
    "networks.nets": """
        AttentionUnet AutoEncoder AutoencoderKL BasicUNet BasicUNetPlusPlus ControlNet Critic DiffusionModelUNet DynUNet
        FullyConnectedNet GlobalNet HighResNet LocalNet MaskedAutoEncoderViT MedNeXt RegUNet SegResNet SegResNetDS
        SegResNetDS2 SegResNetVAE SwinUNETR UNETR UNet VNet VQVAE VarAutoEncoder ViT ViTAutoEnc VoxelMorph VoxelMorphUNet
    """,
}

SAVE_IMAGE = Writer(
    {"output_dir": 0},
    names=("output_postfix", "output_ext"),
    others=(
        *(
            "keys",
            "meta_keys",
            "meta_key_postfix",
            "output_dtype",
            "resample",
            "mode",
            "padding_mode",
            "scale",
            "dtype",
        ),
        *("squeeze_end_dims", "separate_folder", "print_log", "writer", "channel_dim", "allow_missing_keys"),
        *("savepath_in_metadict", "output_format"),
    ),
    fixed={"output_name_formatter": "smart_nets.scans.files.monai_writer.result_name"},
)  # no folder_layout and data_root_dir: they make other paths, as the metadata of a scan would by themselves
ANY = re.compile(
    r"torch\.optim\.(lr_scheduler\.)?[A-Z]\w*|torch\.nn\.(parallel\.)?[A-Z]\w*"
    r"|torch\.utils\.data\.(DataLoader|TensorDataset|ConcatDataset|(Weighted)?RandomSampler|SequentialSampler)",
    re.ASCII,  # a name with a capital is a class; a longer path would lead through a module: torch.nn.functional.torch.os
)
IGNITE = {
    "engine": "DeterministicEngine Engine",
    # no Checkpoint, ModelCheckpoint and DiskSaver (paths in many shapes), no loggers that send, no FastaiLRFinder (it writes)
    "handlers": """
        BasicTimeProfiler BatchSizeScheduler ConcatScheduler CosineAnnealingScheduler CyclicalScheduler EMAHandler
        EarlyStopping EpochOutputStore ExpStateScheduler HandlersTimeProfiler LRScheduler LambdaStateScheduler
        LinearCyclicalScheduler MultiStepStateScheduler ParamGroupScheduler PiecewiseLinear
        PiecewiseLinearStateScheduler ReduceLROnPlateauScheduler StepStateScheduler TerminateOnNan TimeLimit
        Timer
    """,
    # no FID and InceptionScore: they download a network
    "metrics": """
        Accuracy Average AveragePrecision Bleu CohenKappa ConfusionMatrix CosineSimilarity Entropy EpochMetric Frequency
        GeometricAverage HitRate JSDivergence KLDivergence Loss MatthewsCorrCoef MaximumMeanDiscrepancy MeanAbsoluteError
        MeanPairwiseDistance MeanSquaredError MetricGroup MetricsLambda MultiLabelConfusionMatrix MutualInformation NDCG
        PSNR Perplexity Precision PrecisionRecallCurve ROC_AUC Recall RocCurve RootMeanSquaredError Rouge RougeL RougeN
        RunningAverage SSIM TopKCategoricalAccuracy VariableAccumulation
    """,
}
LOADS_IMAGE = (
    *("keys", "reader", "dtype", "meta_keys", "meta_key_postfix", "overwriting", "image_only", "ensure_channel_first"),
    *("simple_keys", "prune_meta_pattern", "prune_meta_sep", "allow_missing_keys"),
)  # no further arguments: they reach the reader, and one of numpy's loads pickles
SUMMARY = {"log_dir": 0}
WRITERS = {
    "SaveImage": SAVE_IMAGE,
    "SaveImaged": SAVE_IMAGE,
    "LoadImage": Writer({}, others=LOADS_IMAGE),
    "LoadImaged": Writer({}, others=LOADS_IMAGE),
    "CheckpointSaver": Writer(
        {"save_dir": 0},
        names=("file_prefix", "final_filename", "key_metric_filename", "key_metric_name"),
        others=(
            *("name", "save_final", "save_key_metric", "key_metric_n_saved", "n_saved"),
            *("key_metric_save_state", "key_metric_greater_or_equal", "key_metric_negative_sign", "epoch_level"),
            *("save_interval",),
        ),
        tables=("save_dict",),
    ),
    "MetricsSaver": Writer(
        {"save_dir": 0},
        names=("delimiter", "metric_details"),  # a file for each metric that is named here, and "*" names any
        others=("metrics", "batch_transform", "summary_ops", "save_rank", "output_type"),
    ),
    "ClassificationSaver": Writer({"output_dir": 0}, names=("filename", "delimiter")),
    "TensorBoardStatsHandler": Writer({"log_dir": 1}),
    "TensorBoardImageHandler": Writer({"log_dir": 1}),
    "torch.utils.tensorboard.SummaryWriter": Writer(SUMMARY, names=("filename_suffix",)),
    "ignite.handlers.TensorboardLogger": Writer(SUMMARY, names=("filename_suffix",)),
    # its `file` would be any object with a `write`
    "ignite.handlers.ProgressBar": Writer({}, others=("persist", "bar_format", "desc", "ncols", "leave")),
}
HOMES: dict[str, tuple[str, ...]] = {"transforms": ("SaveImage", "SaveImaged", "LoadImage", "LoadImaged")}
HOMES["handlers"] = tuple(name for name in WRITERS if "." not in name and name not in HOMES["transforms"])
HOME = {name: family for family, text in FAMILIES.items() for name in (*text.split(), *HOMES.get(family, ()))}
MONAI = frozenset(HOME)
FREE = frozenset(f"ignite.{family}.{name}" for family, text in IGNITE.items() for name in text.split())


def plain_name(target: str) -> str | None:
    """The name under which a component of MONAI, ignite or torch is listed here; None when it is not.

    MONAI's are written alone ("Compose") or with the part of MONAI that they are of ("monai.transforms.Compose").
    """
    module, _, name = target.rpartition(".")
    if name in MONAI and module in ("", f"monai.{HOME[name]}"):
        return name
    return target if target in FREE or (target in WRITERS and "." in target) or ANY.fullmatch(target) else None
