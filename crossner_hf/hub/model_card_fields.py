"""What a card says of training and its cost, as rows of a name and a text, from records alone."""

from collections.abc import Sequence

from crossner_hf.display import in_words
from crossner_hf.hub.model_runs import ModelRuns
from crossner_hf.pretraining.dapt_card import MASKING_NAMES
from crossner_hf.results.records import SETTINGS, PreTraining, RunRecord
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import BUILT_IN

Facts = list[tuple[str, str]]

# Assumptions of the energy estimate, and no more: server processors are rated at 4 to 8 W a core, and memory and power
# supply come on top; accelerators at 70 W (T4) to 700 W (H100). Nothing was measured.
WATTS_PER_CORE = 10
WATTS_PER_GPU = 400

PACKAGES = ("crossner-hf", "torch", "transformers")  # whose versions are stated

TAGGER_DESCRIPTIONS = {
    "linear": "a linear layer over the encoder, one label for each word's first token",
    "crf": "a linear layer and a CRF over the first tokens of words",
    "bilstm-crf": "BiLSTM-CRF over word and character vectors (Lample et al., 2016)",
    "coach": "Coach: first boundaries, then types (Liu et al., 2020)",
    "multi-cell-lstm": "multi-cell LSTM: a cell for each type, and a CRF (Jia and Zhang, 2020)",
    "cross-domain-lm": "an LSTM generated from task and domain, with language models and a CRF (Jia et al., 2019)",
}


def training_facts(runs: ModelRuns) -> Facts:
    first = runs.first
    beyond = [f"{number:,} of {split}" for split, number in first.entities_beyond_max_length.items() if number]
    checksums = [f"{split} {value[:12]}…" for split, value in first.data_sha256.items()]
    versions = [f"{name} {r.versions[name]}" for r in runs.records for name in PACKAGES if name in r.versions]
    facts = [
        ("starts from", _start(runs)),
        ("tagger", TAGGER_DESCRIPTIONS.get(runs.tagger, runs.tagger)),
        *_pre_training(runs),
        *(_described(first) if first.setting == "no_training" else _trained(runs)),
        ("seed" if len(runs.seeds) == 1 else "seeds", ", ".join(map(str, runs.seeds))),
        ("epoch, chosen on dev" if runs.is_chosen_on_dev else "epoch", ", ".join(map(_epoch, runs.records))),
        ("entities beyond max_length", f"{', '.join(beyond)}, not seen in training" if beyond else ""),
        ("data (SHA-256)", ", ".join(checksums)),
    ]
    return [*(fact for fact in facts if fact[1]), ("versions", ", ".join(dict.fromkeys(versions)))]


def _described(record: RunRecord) -> Facts:
    descriptions = "; ".join(f"{entity_type}: {words}" for entity_type, words in (record.descriptions or {}).items())
    return [("setting", "no training: the head is made of descriptions"), ("descriptions", descriptions)]


def _trained(runs: ModelRuns) -> Facts:
    return [
        ("setting", _setting(runs.first)),
        ("training sentences", f"{training_sentences(runs)} of {runs.domain}"),
        ("recipe", _recipe(runs.first)),
    ]


def _start(runs: ModelRuns) -> str:
    name = runs.first.encoder.name
    if runs.first.random_weights:
        return f"the architecture of {name} with random weights"
    is_from_hub = runs.base_model and not runs.pre_training
    return f"{name} ({runs.base_model} on the Hub)" if is_from_hub and runs.base_model != name else name


def _pre_training(runs: ModelRuns) -> Facts:
    """One row for each pre-training on raw text, the last first."""
    name = "domain-adaptive pre-training"
    if not runs.pre_training:
        return [(name, "none on record" if runs.pre_training is None else "none")]
    return [(name if n == 0 else "before that", text) for n, text in enumerate(map(_dapt, runs.pre_training))]


def _dapt(dapt: PreTraining) -> str:
    """One pre-training: what was masked, on which text, at which level, how much of it, from which model."""
    about = f"text about {dapt.domain}" if dapt.domain else "general text"
    level = f"corpus level: {dapt.level}" if dapt.level else "corpus level not stated"
    corpus = ", ".join(dapt.corpus_sha256) or "corpus not stated"
    masking = MASKING_NAMES.get(dapt.masking or "", dapt.masking or "not stated")
    seen = f"{dapt.tokens_seen:,} tokens" if dapt.tokens_seen else "tokens not counted"
    share = "" if dapt.percent in (None, 100) else f", {dapt.percent:g} % of the corpus"
    return f"{about} ({corpus}; {level}); masking: {masking}; {seen}{share}; from {dapt.start}"


def _setting(record: RunRecord) -> str:
    setting, source = SETTINGS[record.setting], record.source
    if source is None:
        return f"{setting}: the labelled sentences of {record.domain} alone"
    if record.arguments.adaptation == "unsupervised":
        return f"{setting}: labelled sentences of {source.domain}, raw text of {record.domain}"
    if record.setting == "joint":
        repeats = f"a sentence of {record.domain} drawn {source.target_repeats} times for one of {source.domain}"
        return f"{setting}: together with {source.domain}, {repeats}"
    details = (
        "" if source.epochs is None else f"{source.epochs:g} epochs",
        f"head: {source.head}" if source.head else "",
        f"optimizer: {source.optimizer}" if source.optimizer else "",
    )
    return f"{setting}: first {source.domain} ({', '.join(filter(None, details))}), then {record.domain}"


def training_sentences(runs: ModelRuns) -> str:
    """'all 100 training sentences', or 'the first 25' or '25, drawn by the seed, of the 100 training sentences'."""
    if runs.first.arguments.adaptation == "unsupervised":
        return "raw text, without labels,"
    sizes = BUILT_IN[runs.domain].split_sizes if runs.is_official and runs.domain in BUILT_IN else {}
    every = f"{sizes['train']:,} training sentences" if sizes else "training sentences"
    few_shot = runs.first.few_shot
    if not few_shot:
        return f"all {every}"
    number = f"{few_shot.sentences:,}"
    drawn = f"{number}, drawn by the seed," if few_shot.draw == "seeded" else f"the first {number}"
    return f"{drawn} of the {every}"


def _recipe(record: RunRecord) -> str:
    arguments, parts = record.arguments, []
    if arguments.learning_rate is not None:
        schedule = f" ({arguments.lr_scheduler_type})" if arguments.lr_scheduler_type else ""
        parts.append(f"learning rate {arguments.learning_rate:g}{schedule}")
    if arguments.per_device_train_batch_size is not None:
        times = arguments.gradient_accumulation_steps * record.processes
        parts.append(f"batches of {arguments.per_device_train_batch_size * times}")
    if arguments.num_train_epochs is not None:
        parts.append(f"at most {arguments.num_train_epochs:g} epochs")
    if arguments.early_stopping_patience:
        parts.append(f"patience {arguments.early_stopping_patience}")
    return ", ".join(parts) or "not stated"


def _epoch(record: RunRecord) -> str:
    best, trained = record.best_epoch, record.epochs
    if best is None:
        return "the last one" if trained is None else f"{trained:g} (the last one)"
    return f"{best:g}" + ("" if trained is None else f" of {trained:g}")


def cost_facts(records: Sequence[RunRecord | DaptRecord], dapt_records: Sequence[DaptRecord] = ()) -> Facts:
    """Hardware, time and energy of runs, and of the pre-trainings that they build on."""
    facts = [("hardware", "; ".join(dict.fromkeys(map(_hardware, records))))]
    seconds = [record.wall_seconds for record in records]
    each = f" ({', '.join(f'{s:.0f} s' for s in seconds)})" if len(seconds) > 1 else ""
    facts.append(("wall time", f"{in_words(sum(seconds))}{each}, without scoring at the end"))
    energy = sum(_watt_hours(record, record.wall_seconds) for record in (*records, *dapt_records))
    stages = [
        (record, record.source.wall_seconds)
        for record in records
        if isinstance(record, RunRecord) and record.source and record.source.wall_seconds
    ]
    if stages:
        of_stages = in_words(sum(seconds for _, seconds in stages))
        facts.append(("source stage", f"{of_stages}, which other targets may share"))
        energy += sum(_watt_hours(*stage) for stage in stages)
    if dapt_records:
        facts.append(("pre-training", in_words(sum(record.wall_seconds for record in dapt_records))))
    has_gpu = any(record.hardware.gpu for record in (*records, *dapt_records))
    watts = f"{WATTS_PER_CORE} W a core" + (f" and {WATTS_PER_GPU} W an accelerator" if has_gpu else "")
    shown = f"{energy:,.0f}" if energy >= 100 else f"{energy:.1f}"
    text = f"about {shown} Wh in all: an estimate, not a measurement; it assumes {watts} over all of the time above"
    return [*facts, ("energy", text)]


def _hardware(record: RunRecord | DaptRecord) -> str:
    about = record.hardware
    parts = [about.gpu, about.cpu or about.machine, f"{about.cpu_cores} cores" if about.cpu_cores else None]
    return ", ".join(filter(None, parts)) + (f", {record.processes} processes" if record.processes > 1 else "")


def _watt_hours(record: RunRecord | DaptRecord, seconds: float) -> float:
    """Of all cores that the run could use, and of one accelerator for each process, at the assumed power."""
    watts = WATTS_PER_CORE * (record.hardware.cpu_cores or 1)
    watts += WATTS_PER_GPU * record.processes if record.hardware.gpu else 0
    return watts * seconds / 3_600
