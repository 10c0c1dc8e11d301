#!/usr/bin/env python3
"""read_back.py PARAPLAN TARGET: exports layouts to one framework, and reads them back with its own parser.

Degrees, batch, recompute and sharding must be those of the layout. A layout that the framework cannot express must be
refused. Ends with 77, which ctest takes for skipped, where the framework is not installed.
"""
import pathlib
import subprocess
import sys
import tempfile

from frameworks import READERS, Missing

GLOBAL_BATCH, SEQ_LENGTH, DEVICES = 128, 4096, 16
SCENARIO = f"""
model = "llama2_7b"
hardware = "h100_sxm"
network = "ndr_8x400g"
software = "megatron_core"
[cluster]
nodes = 2
devices_per_node = 8
[training]
seq_length = {SEQ_LENGTH}
global_batch = {GLOBAL_BATCH}
precision = "bf16"
"""

MEGATRON = {"megatron", "megatron-bridge", "ms-swift"}
TORCH = {"torchtitan", "automodel"}
FSDP = TORCH | {"accelerate"}
ALL = MEGATRON | FSDP | {"deepspeed"}
# Layouts, and which frameworks can express them.
LAYOUTS = [
    ("data=16,micro_batch=1,recompute=full", ALL),
    ("data=16,micro_batch=2,zero_stage=3", ALL),
    ("data=16,micro_batch=4,zero_stage=2,recompute=full", ALL),
    ("data=8,tensor=2,micro_batch=1,zero_stage=3", ALL),
    ("data=8,tensor=2,micro_batch=2,zero_stage=2,recompute=full", ALL),
    ("data=4,tensor=4,micro_batch=8,zero_stage=3", ALL),
    ("data=16,micro_batch=2,zero_stage=1", MEGATRON | {"deepspeed"}),
    ("data=8,tensor=2,micro_batch=2,sequence_parallel=on,zero_stage=3", MEGATRON | TORCH),
    ("data=8,context=2,micro_batch=1,zero_stage=3", MEGATRON | FSDP),
    ("data=2,tensor=2,pipeline=4,micro_batch=2,sequence_parallel=on,recompute=selective,zero_stage=1", MEGATRON),
    ("data=4,pipeline=4,virtual_stages=2,micro_batch=2,recompute=layers,recompute_layers=4,zero_stage=1", MEGATRON),
    ("data=4,pipeline=4,micro_batch=1,stage_layers=7-9-9-7", MEGATRON | {"torchtitan"}),
    ("data=1,tensor=4,pipeline=4,micro_batch=2,recompute=full", MEGATRON | TORCH),
    ("data=1,tensor=4,pipeline=4,virtual_stages=2,micro_batch=1", MEGATRON | TORCH),
    ("data=1,tensor=4,pipeline=4,micro_batch=2,schedule=gpipe", TORCH),
    ("data=16,micro_batch=1,zero_stage=3,offload=optimizer+parameters", FSDP | {"deepspeed"}),
    ("data=16,micro_batch=1,zero_stage=2,offload=optimizer", MEGATRON | {"deepspeed"}),
]
LEAST_LAYOUTS = 6


def expected(layout):
    settings = dict(part.split("=") for part in layout.split(","))
    number = lambda name, default: int(settings.get(name, default))
    recompute = settings.get("recompute", "none")
    if recompute == "layers":
        recompute = f"layers {number('recompute_layers', 0) // number('virtual_stages', 1)}"  # of one chunk
    sizes = {name: number(name, 1) for name in ("data", "tensor", "pipeline", "context", "virtual_stages", "micro_batch")}
    return dict(sizes, global_batch=GLOBAL_BATCH, seq_length=SEQ_LENGTH, recompute=recompute,
                zero_stage=number("zero_stage", 0))


def differences(layout, understood):
    wanted = expected(layout)
    if wanted["data"] == 1:  # nothing to shard over
        wanted["zero_stage"] = understood["zero_stage"]
    return [f"{name}: {wanted[name]} was planned, {understood[name]} is read" for name in wanted
            if understood[name] != wanted[name]]


def check(paraplan, scenario, target, layout, is_expressible, folder):
    """What is wrong with the export of one layout, as a list of texts."""
    command = [paraplan, "export", scenario, "--layout", layout, "--to", target, "-o", f"{folder}/"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if not is_expressible:
        refused = done.returncode == 2 and "cannot express" in done.stderr
        return [] if refused else [f"should be refused: exit code {done.returncode}, {done.stderr}"]
    if done.returncode != 0:
        return [f"exit code {done.returncode}: {done.stderr}"]
    return differences(layout, vars(READERS[target](folder)))


def main(paraplan, target):
    failures, read = 0, 0
    with tempfile.TemporaryDirectory() as root:
        scenario = pathlib.Path(root) / "job.toml"
        scenario.write_text(SCENARIO)
        for i, (layout, targets) in enumerate(LAYOUTS):
            folder = pathlib.Path(root) / f"{i}"
            folder.mkdir()
            try:
                wrong = check(paraplan, str(scenario), target, layout, target in targets, folder)
            except Missing as missing:
                print(f"skipped: {missing}; see tests/export/README.md")
                return 77
            read += target in targets and not wrong
            failures += bool(wrong)
            for text in wrong:
                print(f"{target}: {layout}: {text}")
    print(f"{target}: {read} layouts read back, {failures} failures")
    return 0 if failures == 0 and read >= LEAST_LAYOUTS else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
