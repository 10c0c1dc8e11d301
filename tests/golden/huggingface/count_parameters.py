#!/usr/bin/env python3
"""Counts the parameters of each configuration in configs/ as the `transformers` package builds it, without weights.

Usage: count_parameters.py > parameters.tsv, where PyTorch and transformers 4.57 are installed.

total   all trained parameters, tied ones once (`PreTrainedModel.num_parameters`)
active  those that one token passes: of routed experts the share that a token is sent to, all others whole
"""

import json
import pathlib
import sys

import torch
import transformers

# A model type that the package knows by another name.
OTHER_NAMES = {"kimi_k2": "deepseek_v3"}  # its published code is DeepSeek-V3's
BUILDERS = {"bert": transformers.AutoModelForPreTraining}


def built(values):
    """The model on the meta device: shapes alone."""
    values = dict(values)
    model_type = OTHER_NAMES.get(values["model_type"], values["model_type"])
    values.pop("model_type")
    values.pop("auto_map", None)
    config = transformers.AutoConfig.for_model(model_type, **values)
    builder = BUILDERS.get(model_type, transformers.AutoModelForCausalLM)
    with torch.device("meta"):
        model = builder.from_config(config)
    model.tie_weights()
    return model


def routed_share(values):
    """Share of the routed experts that a token passes."""
    count = next((values[k] for k in ("num_local_experts", "num_experts", "n_routed_experts") if k in values), 0)
    return values["num_experts_per_tok"] / count if count else 1


def counts(values):
    model = built(values)
    named = list(model.named_parameters())  # tied ones once
    total = sum(p.numel() for _, p in named)
    routed = sum(p.numel() for name, p in named if ".experts." in name)
    assert total == model.num_parameters()
    return total, total - routed + routed * routed_share(values)


def main():
    folder = pathlib.Path(__file__).parent / "configs"
    print("config\ttotal\tactive")
    for file in sorted(folder.glob("*.json")):
        total, active = counts(json.loads(file.read_text()))
        assert active == int(active)
        print(f"{file.stem}\t{total}\t{int(active)}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
