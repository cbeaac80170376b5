"""What a card tells of training and its cost, as rows of a name and a text, from records alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crossner_hf.display import duration
from crossner_hf.hub.model_runs import ModelRuns
from crossner_hf.pretraining.dapt_card import MASKING_SAID
from crossner_hf.results.systems import SETTINGS
from crossner_hf.schema import BUILT_IN

Facts = list[tuple[str, str]]

# Assumptions of the energy estimate, and no more: server processors are rated at 4 to 8 W a core, and memory and power
# supply come on top; accelerators at 70 W (T4) to 700 W (H100). Nothing was measured.
WATTS_PER_CORE = 10
WATTS_PER_GPU = 400

TAGGERS_SAID = {
    "linear": "a linear layer over the encoder, a label for each word's first piece",
    "crf": "a linear layer and a CRF over the encoder's first pieces of words",
    "bilstm-crf": "BiLSTM-CRF over word and character vectors (Lample et al., 2016)",
    "coach": "Coach: first boundaries, then types (Liu et al., 2020)",
}


def training_facts(runs: ModelRuns) -> Facts:
    first = runs.first
    facts = [
        ("starts from", _start(runs)),
        ("tagger", TAGGERS_SAID.get(runs.tagger, runs.tagger)),
        *_pre_training(runs),
        ("setting", _setting(runs)),
        ("training sentences", f"{training_sentences(runs)} of {runs.domain}"),
        ("recipe", _recipe(first)),
        ("seed" if len(runs.seeds) == 1 else "seeds", ", ".join(map(str, runs.seeds))),
        ("epoch, chosen on dev" if runs.is_chosen_on_dev else "epoch", ", ".join(map(_epoch, runs.records))),
    ]
    cut = {split: n for split, n in (first.get("entities_beyond_max_length") or {}).items() if n}
    if cut:
        said = ", ".join(f"{n:,} of {split}" for split, n in cut.items())
        facts.append(("entities beyond max_length", f"{said}, not seen in training"))
    checksums = first.get("data_sha256") or {}
    if checksums:
        facts.append(("data (SHA-256)", ", ".join(f"{split} {value[:12]}…" for split, value in checksums.items())))
    names = ("crossner-hf", "torch", "transformers")
    versions = {f"{name} {r['versions'][name]}": None for r in runs.records for name in names if name in r["versions"]}
    return [*facts, ("versions", ", ".join(versions))]


def _start(runs: ModelRuns) -> str:
    name = runs.first["encoder"]["name"]
    if runs.first.get("random_weights"):
        return f"the architecture of {name} with random weights"
    own = runs.base_model and not runs.pre_training
    return f"{name} ({runs.base_model} on the Hub)" if own and runs.base_model != name else name


def _pre_training(runs: ModelRuns) -> Facts:
    """A row for each pre-training on raw text, the last first."""
    name = "domain-adaptive pre-training"
    if not runs.pre_training:
        return [(name, "none on record" if runs.pre_training is None else "none")]
    return [(name if n == 0 else "before that", said) for n, said in enumerate(map(_dapt, runs.pre_training))]


def _dapt(dapt: Mapping[str, Any]) -> str:
    """One pre-training: what was masked, on which text, at which level, how much of it, from which model."""
    about = f"text about {dapt['domain']}" if dapt.get("domain") else "general text"
    masking = MASKING_SAID.get(dapt.get("masking"), dapt.get("masking"))
    level = f"corpus level: {dapt['level']}" if dapt.get("level") else "corpus level not stated"
    corpus = ", ".join(dapt.get("corpus_sha256") or {}) or "corpus not stated"
    seen = f"{dapt['pieces_seen']:,} pieces" if dapt.get("pieces_seen") else "pieces not counted"
    percent = dapt.get("percent", (dapt.get("arguments") or {}).get("percent"))
    share = f", {percent:g} % of the corpus" if percent not in (None, 100) else ""
    return f"{about} ({corpus}; {level}); masking: {masking}; {seen}{share}; from {dapt['start']}"


def _setting(runs: ModelRuns) -> str:
    record = runs.first
    setting, source = record.get("setting") or "direct", record.get("source") or {}
    said = SETTINGS.get(setting, setting)
    if setting == "direct":
        return f"{said}: the labelled sentences of {runs.domain} alone"
    name = source.get("domain", "a source that is not named")
    if setting == "joint":
        repeats = source.get("target_repeats")
        return f"{said}: together with {name}, a sentence of {runs.domain} drawn {repeats} times for one of {name}"
    told = (
        f"{source['epochs']:g} epochs" if "epochs" in source else "",
        f"head: {source['head']}" if "head" in source else "",
        f"optimizer: {source['optimizer']}" if "optimizer" in source else "",
    )
    return f"{said}: first {name} ({', '.join(part for part in told if part)}), then {runs.domain}"


def training_sentences(runs: ModelRuns) -> str:
    """'all 100 training sentences', or 'the first 25' or '25, drawn by the seed, of the 100 training sentences'."""
    sizes = BUILT_IN[runs.domain].split_sizes if runs.is_official and runs.domain in BUILT_IN else {}
    every = f"{sizes['train']:,} training sentences" if sizes else "training sentences"
    few_shot = runs.first.get("few_shot")
    if not few_shot:
        return f"all {every}"
    number = f"{few_shot['sentences']:,}"
    drawn = f"{number}, drawn by the seed," if few_shot.get("draw") == "seeded" else f"the first {number}"
    return f"{drawn} of the {every}"


def _recipe(record: Mapping[str, Any]) -> str:
    arguments = record.get("arguments") or {}
    said = []
    if "learning_rate" in arguments:
        schedule = arguments.get("lr_scheduler_type")
        said.append(f"learning rate {arguments['learning_rate']:g}" + (f" ({schedule})" if schedule else ""))
    if "per_device_train_batch_size" in arguments:
        times = arguments.get("gradient_accumulation_steps", 1) * record.get("processes", 1)
        said.append(f"batches of {arguments['per_device_train_batch_size'] * times}")
    if "num_train_epochs" in arguments:
        said.append(f"at most {arguments['num_train_epochs']:g} epochs")
    if arguments.get("early_stopping_patience"):
        said.append(f"patience {arguments['early_stopping_patience']}")
    return ", ".join(said) or "not stated"


def _epoch(record: Mapping[str, Any]) -> str:
    best, trained = record.get("best_epoch"), record.get("epochs")
    if best is None:
        return "the last one" if trained is None else f"{trained:g} (the last one)"
    return f"{best:g}" + ("" if trained is None else f" of {trained:g}")


def cost_facts(records: Sequence[Mapping[str, Any]], before: Iterable[Mapping[str, Any]] = ()) -> Facts:
    """Hardware, time and energy of runs; `before`: records, or parts of them, of the pre-trainings they build on."""
    facts = [("hardware", "; ".join(dict.fromkeys(map(_hardware, records))))]
    seconds = [record.get("wall_seconds") or 0.0 for record in records]
    each = f" ({', '.join(f'{s:.0f} s' for s in seconds)})" if len(seconds) > 1 else ""
    facts.append(("wall time", f"{duration(sum(seconds))}{each}, scoring at the end left out"))
    energy = sum(map(_watt_hours, records))
    stages = [(record, (record.get("source") or {}).get("wall_seconds") or 0.0) for record in records]
    if any(seconds for _, seconds in stages):
        total = sum(seconds for _, seconds in stages)
        facts.append(("source stage", f"{duration(total)}, which other targets may share"))
        energy += sum(_watt_hours(*stage) for stage in stages)
    earlier = [record for record in before if record.get("wall_seconds") and record.get("hardware")]
    if earlier:
        facts.append(("pre-training", duration(sum(record["wall_seconds"] for record in earlier))))
        energy += sum(map(_watt_hours, earlier))
    gpu = any(record["hardware"].get("gpu") for record in (*records, *earlier))
    watts = f"{WATTS_PER_CORE} W a core" + (f" and {WATTS_PER_GPU} W an accelerator" if gpu else "")
    shown = f"{energy:,.0f}" if energy >= 100 else f"{energy:.1f}"
    said = f"about {shown} Wh in all: an estimate, not a measurement; it assumes {watts} over all of the time above"
    return [*facts, ("energy", said)]


def _hardware(record: Mapping[str, Any]) -> str:
    about = record["hardware"]
    cores = about.get("cpu_cores")
    parts = [about.get("gpu"), about.get("cpu") or about.get("machine"), f"{cores} cores" if cores else None]
    processes = record.get("processes", 1)
    return ", ".join(part for part in parts if part) + (f", {processes} processes" if processes > 1 else "")


def _watt_hours(record: Mapping[str, Any], seconds: float | None = None) -> float:
    """Of all cores that the run could use, and of an accelerator a process, at the assumed power."""
    about = record["hardware"]
    watts = WATTS_PER_CORE * (about.get("cpu_cores") or 1)
    watts += WATTS_PER_GPU * record.get("processes", 1) if about.get("gpu") else 0
    return watts * ((record.get("wall_seconds") or 0.0) if seconds is None else seconds) / 3_600
