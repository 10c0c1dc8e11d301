"""Reads exported launches back with the frameworks' own parsers, or, where those need more than Python and PyTorch,
against the dataclasses in their sources.

Each `read_*` takes the folder of an export and returns what the framework understood, as `Understood`. A package that
is not there raises `Missing`.
"""
import ast
import json
import os
import pathlib
import subprocess
import sys
import typing
from dataclasses import dataclass


class Missing(Exception):
    """A framework that is not installed."""


@dataclass
class Understood:
    data: int
    tensor: int
    pipeline: int
    context: int
    virtual_stages: int
    micro_batch: int
    global_batch: int
    seq_length: int
    recompute: str
    zero_stage: int


def started(folder, launch="launch.sh"):
    """Arguments with which the launch file starts its program, and the environment that it sets."""
    stubs = folder / "stubs"
    stubs.mkdir(exist_ok=True)
    for name in ("torchrun", "accelerate", "megatron"):
        stub = stubs / name
        stub.write_text(
            f"#!{sys.executable}\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
        )
        stub.chmod(0o755)
    environment = dict(os.environ, PATH=f"{stubs}:{os.environ['PATH']}", DATASET="data", TOKENIZER="tokenizer")
    environment.pop("CUDA_DEVICE_MAX_CONNECTIONS", None)
    out = subprocess.run(["bash", launch], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(out.stdout)


def after(arguments, program):
    return arguments[arguments.index(program) + 1:]


def flags(arguments):
    """{"--name": "value"} of `--name value` pairs; a flag alone is "true"."""
    values = {}
    for i, argument in enumerate(arguments):
        if argument.startswith("--"):
            alone = i + 1 == len(arguments) or arguments[i + 1].startswith("--")
            values[argument] = "true" if alone else arguments[i + 1]
    return values


def source(package):
    """Folder of a package's sources, unpacked or installed."""
    root = os.environ.get("PARAPLAN_FRAMEWORKS")
    if root and (pathlib.Path(root) / package).is_dir():
        return pathlib.Path(root) / package
    raise Missing(f"{package}: no folder {package} in $PARAPLAN_FRAMEWORKS")


def imported(name):
    try:
        return __import__(name, fromlist=["_"])
    except ImportError as error:
        raise Missing(f"{name}: {error}") from error


def fields(files):
    """Names of all annotated fields of all classes in Python files."""
    names = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                names |= {s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)}
    return names


def megatron_recompute(granularity, method, layers):
    if granularity in (None, "none"):
        return "none"
    if granularity == "selective":
        return "selective"
    return "full" if method == "uniform" else f"layers {layers}"


def megatron_zero(distributed, fsdp, strategy):
    if fsdp:
        return {"optim_grads": 2, "optim_grads_params": 3}[strategy]
    return 1 if distributed else 0


def read_megatron(folder):
    sys.path.insert(0, str(source("megatron_core")))
    torch = imported("torch")
    extensions = imported("typing_extensions")
    if not hasattr(typing, "override"):  # Python 3.11
        typing.override = extensions.override
    torch.cuda.get_device_capability = lambda *_: (9, 0)
    torch.cuda.get_device_properties = lambda *_: type("Device", (), {"major": 9, "minor": 0})
    arguments, environment = started(folder)
    nodes, devices = arguments[arguments.index("--nnodes") + 1], arguments[arguments.index("--nproc-per-node") + 1]
    os.environ.update(WORLD_SIZE=str(int(nodes) * int(devices)), RANK="0")
    os.environ.pop("CUDA_DEVICE_MAX_CONNECTIONS", None)
    if "CUDA_DEVICE_MAX_CONNECTIONS" in environment:
        os.environ["CUDA_DEVICE_MAX_CONNECTIONS"] = environment["CUDA_DEVICE_MAX_CONNECTIONS"]
    from megatron.training.arguments import parse_args, validate_args
    sys.argv = ["pretrain_gpt.py", *after(arguments, "pretrain_gpt.py")]
    a = parse_args()
    validate_args(a)
    return Understood(
        a.data_parallel_size, a.tensor_model_parallel_size, a.pipeline_model_parallel_size, a.context_parallel_size,
        a.virtual_pipeline_model_parallel_size or 1, a.micro_batch_size, a.global_batch_size, a.seq_length,
        megatron_recompute(a.recompute_granularity, a.recompute_method, a.recompute_num_layers),
        megatron_zero(a.use_distributed_optimizer, a.use_megatron_fsdp, a.data_parallel_sharding_strategy))


def layout_chunks(text):
    return text.count("|") + 1 if text else 0


def read_megatron_names(value, ranks, seq_length):
    """What settings by the names of Megatron's dataclasses say; `value(name, default)` gives one."""
    tensor, pipeline = int(value("tensor_model_parallel_size", 1)), int(value("pipeline_model_parallel_size", 1))
    context = int(value("context_parallel_size", 1))
    virtual = int(value("virtual_pipeline_model_parallel_size", 1))
    chunks = layout_chunks(value("pipeline_model_parallel_layout", ""))
    return Understood(
        ranks // (tensor * pipeline * context), tensor, pipeline, context, chunks // pipeline or virtual,
        int(value("micro_batch_size", 0)), int(value("global_batch_size", 0)), seq_length,
        megatron_recompute(value("recompute_granularity", None), value("recompute_method", None),
                           value("recompute_num_layers", None)),
        megatron_zero(value("use_distributed_optimizer", "true") == "true", value("use_megatron_fsdp", "false") == "true",
                      value("data_parallel_sharding_strategy", None)))


def read_megatron_bridge(folder):
    root, hydra = source("megatron_bridge"), imported("hydra.core.override_parser.overrides_parser")
    core = source("megatron_core") / "megatron"
    known = {
        "model": [root / "megatron/bridge/models/gpt_provider.py", core / "core/transformer/transformer_config.py",
                  core / "core/model_parallel_config.py"],
        "train": [root / "megatron/bridge/training/config.py", core / "training/config/training_config.py"],
        "ddp": [core / "core/distributed/distributed_data_parallel_config.py"],
        "optimizer": [core / "core/optimizer/optimizer_config.py"],
        "checkpoint": [core / "training/config/training_config.py"],
    }
    arguments, _ = started(folder)
    values = {}
    for override in hydra.OverridesParser.create().parse_overrides(after(arguments, "train.py")):
        part, _, name = override.key_or_group.partition(".")
        if name and name not in fields(known[part]):
            raise AssertionError(f"megatron-bridge: ConfigContainer.{part} has no field {name}")
        value = override.value()
        values[name or part] = {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else str(value)
    train = ast.parse((folder / "train.py").read_text())
    provider = next(c for c in ast.walk(train) if isinstance(c, ast.Call) and getattr(c.func, "id", "") == "GPTModelProvider")
    unknown = {k.arg for k in provider.keywords} - fields(known["model"])
    if unknown:
        raise AssertionError(f"megatron-bridge: GPTModelProvider has no {unknown}")
    seq_length = next(k.value.value for k in provider.keywords if k.arg == "seq_length")
    ranks = int(arguments[1]) * int(arguments[3])
    return read_megatron_names(lambda name, default: values.get(name, default), ranks, seq_length)


def read_ms_swift(folder):
    root = source("ms_swift") / "swift"
    known = fields([*(root / "megatron/arguments").glob("*.py"), *(root / "arguments/base_args").glob("*.py")])
    arguments, environment = started(folder)
    values = {name[2:]: value for name, value in flags(arguments).items()}
    unknown = set(values) - known
    if unknown:
        raise AssertionError(f"ms-swift has no {unknown}")
    json.loads((folder / "model/config.json").read_text())
    ranks = int(environment["NNODES"]) * int(environment["NPROC_PER_NODE"])
    return read_megatron_names(lambda name, default: values.get(name, default), ranks, int(values["max_length"]))


def read_torchtitan(folder):
    manager = imported("torchtitan.config.manager")
    arguments, _ = started(folder)
    ranks = int(arguments[1]) * int(arguments[3])
    sys.modules.pop("paraplan_job", None)
    sys.path.insert(0, str(folder))
    try:
        config = manager.ConfigManager().parse_args(after(arguments, "torchtitan.train"))
    finally:
        sys.path.remove(str(folder))
    p, t = config.parallelism, config.training
    parts = len(p.module_fqns_per_model_part or [1])
    data = p.data_parallel_replicate_degree * p.data_parallel_shard_degree
    assert data * p.tensor_parallel_degree * p.pipeline_parallel_degree * p.context_parallel_degree == ranks
    recompute = "none" if config.activation_checkpoint is None else "full"
    zero = 0 if p.data_parallel_shard_degree == 1 else {"always": 3, "never": 2}[p.fsdp_reshard_after_forward]
    pipelined = p.pipeline_parallel_degree > 1
    return Understood(data, p.tensor_parallel_degree, p.pipeline_parallel_degree, p.context_parallel_degree,
                      parts // p.pipeline_parallel_degree,
                      p.pipeline_parallel_microbatch_size if pipelined else t.local_batch_size, t.global_batch_size,
                      t.seq_len, recompute, zero)


def trainer_flags(arguments):
    known = fields([pathlib.Path(imported("transformers").__file__).parent / "training_args.py"])
    script = next(a for a in arguments if a.endswith(".py"))
    values = flags(after(arguments, script))
    own = {"config_name", "block_size", "tokenizer_name", "dataset_name", "deepspeed"}  # of run_clm.py
    unknown = {name[2:] for name in values} - known - own
    if unknown:
        raise AssertionError(f"transformers: TrainingArguments has no {unknown}")
    return values


def check_model(path):
    imported("transformers").AutoConfig.from_pretrained(str(path))


def read_deepspeed(folder):
    os.environ["DS_ACCELERATOR"] = "cpu"
    config = imported("deepspeed.runtime.config")
    arguments, _ = started(folder)
    values, ranks = trainer_flags(arguments), int(arguments[1]) * int(arguments[3])
    check_model(folder / "model.json")
    said = json.loads((folder / "ds_config.json").read_text())
    config.dist.get_rank, config.dist.get_world_size = lambda *_: 0, lambda *_: ranks
    read = config.DeepSpeedConfig(str(folder / values["--deepspeed"]))
    tensor = max(1, read.tensor_parallel_config.autotp_size)
    assert said.get("tensor_parallel", {"autotp_size": 1})["autotp_size"] == tensor, "autotp_size"
    assert int(values["--gradient_accumulation_steps"]) == read.gradient_accumulation_steps
    recompute = "full" if values.get("--gradient_checkpointing") == "True" else "none"
    return Understood(ranks // tensor, tensor, 1, 1, 1, read.train_micro_batch_size_per_gpu,
                      read.train_batch_size // tensor,  # all ranks count there, those of tensor groups, too
                      int(values["--block_size"]), recompute, read.zero_optimization_stage)


def read_accelerate(folder):
    args, launch = imported("accelerate.commands.config.config_args"), imported("accelerate.commands.launch")
    arguments, _ = started(folder)
    values = trainer_flags(arguments)
    check_model(folder / "model.json")
    config = args.load_config_from_file(str(folder / "accelerate.yaml"))
    options = {o for action in launch.launch_command_parser()._actions for o in action.option_strings}
    for name in [*config.fsdp_config, *config.parallelism_config]:
        assert f"--{name}" in options, f"accelerate launch has no --{name}"
    fsdp, sizes = config.fsdp_config, config.parallelism_config
    size = lambda name, default: int(sizes.get(f"parallelism_config_{name}_size", default))
    tensor, context = size("tp", 1), size("cp", 1)
    data = size("dp_shard", config.num_processes) * size("dp_replicate", 1)
    checkpointing = fsdp.get("fsdp_activation_checkpointing", False) or values.get("--gradient_checkpointing") == "True"
    zero = 0 if not fsdp else 3 if fsdp["fsdp_reshard_after_forward"] else 2
    micro = int(values["--per_device_train_batch_size"])
    assert data * tensor * context == config.num_processes
    return Understood(data, tensor, 1, context, 1, micro, micro * data * int(values["--gradient_accumulation_steps"]),
                      int(values["--block_size"]), "full" if checkpointing else "none", zero)


def read_automodel(folder):
    sys.path.insert(0, str(source("nemo_automodel")))
    imported("torch")
    utils, yaml = imported("nemo_automodel.recipes._dist_utils"), imported("yaml")
    arguments, _ = started(folder)
    config = yaml.safe_load((folder / after(arguments, "--config")[0]).read_text())
    check_model(folder / "model")
    read = utils.parse_distributed_section(dict(config["distributed"]))
    sizes, strategy, pipeline = read["parallelism_sizes"], read["strategy_config"], read["pipeline_config"]
    steps = config["step_scheduler"]
    parts = len(pipeline.module_fqns_per_model_part) if pipeline else 1
    zero = 0 if type(strategy).__name__ == "DDPConfig" else 3 if strategy.reshard_after_forward else 2
    return Understood(sizes.dp_size, sizes.tp_size, sizes.pp_size, sizes.cp_size, parts // sizes.pp_size,
                      pipeline.pp_microbatch_size if pipeline else steps["local_batch_size"],
                      steps["global_batch_size"], config["dataset"]["max_sentence_len"],
                      "full" if read["activation_checkpointing"] else "none", zero)


READERS = {
    "megatron": read_megatron,
    "megatron-bridge": read_megatron_bridge,
    "torchtitan": read_torchtitan,
    "deepspeed": read_deepspeed,
    "accelerate": read_accelerate,
    "automodel": read_automodel,
    "ms-swift": read_ms_swift,
}
