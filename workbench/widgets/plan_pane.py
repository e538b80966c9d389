"""What will be trained, before it is: the preset in plain words, rows and steps, and what stands against it."""

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from engine.cost.estimate import computes_in_half, estimate, expected_load, memory_in_words, tokens_in_words
from engine.cost.plan import plan
from engine.inspector.check_messages import CheckReport
from engine.inspector.messages import Description, Failure
from engine.preset.schema import Preset
from workbench.screen_text import visible
from workbench.session import Session


class PlanPane(Vertical):
    """Facts about the training to come, and the button that starts it."""

    DEFAULT_CSS = """
    PlanPane {
        height: 1fr; padding: 1 2;
        VerticalScroll { height: auto; max-height: 1fr; }
        #launch {
            margin-top: 1; height: 1; border: none; min-width: 24; background: $primary; color: $background;
            text-style: bold;
        }
        #launch:focus { background: $primary; text-style: bold reverse; border: none; }
        #launch:disabled { background: $surface-lighten-1; color: $quiet; border: none; }
    }
    """

    def compose(self) -> ComposeResult:
        """The facts and the button."""
        with VerticalScroll(can_focus=False):
            yield Static(id="plan-facts")
        yield Button("Train (t)", id="launch")

    def show(
        self, session: Session, known: Description | CheckReport | Failure | None, gpus: tuple[str, ...] | None = None
    ) -> None:
        """Show the plan for the session's preset. `known` is what the data has told so far, `gpus` what is here."""
        button = self.query_one("#launch", Button)
        button.disabled, button.display = not session.valid, session.path is not None
        self.query_one("#plan-facts", Static).update(_plan(session, known, gpus))


def _plan(session: Session, known: Description | CheckReport | Failure | None, gpus: tuple[str, ...] | None) -> Content:
    if session.path is None:
        return Content.assemble(
            ("Nothing to train yet.\n\n", "bold"),
            ("Open a preset on Home (1), or watch a run from Runs (6).", "$quiet"),
        )
    lines = [Content.styled(f"Train {visible(session.name)}", "bold"), Content("")]
    if session.loaded is not None:
        lines += [_fact(name, value) for name, value in _facts(session.loaded.preset, known, gpus) if value]
    lines += _against(session, known)
    return Content("\n").join(lines)


def _facts(
    preset: Preset, known: Description | CheckReport | Failure | None, gpus: tuple[str, ...] | None
) -> list[tuple[str, str]]:
    pairs = preset.model_kind == "pair"
    batch = preset.micro_batch_size * preset.gradient_accumulation_steps * preset.num_processes
    parts = [f"{preset.micro_batch_size} at once"]
    if preset.gradient_accumulation_steps > 1:
        parts.append(f"{preset.gradient_accumulation_steps} batches summed")
    if preset.num_processes > 1:
        parts.append(f"{preset.num_processes} processes")
    factors = f" ({' × '.join(parts)})" if len(parts) > 1 else ""
    rate = f"{preset.optimizer}, learning rate {preset.learning_rate:g}, {preset.lr_scheduler}"
    adapter = f"LoRA, rank {preset.lora_r}" if preset.adapter else "all weights"
    tokens, memory = _cost(preset, known, gpus)
    return [
        ("objective", "pairs, Bradley-Terry" if pairs else "steps, cross entropy on each step's label"),
        ("model", f"{preset.base_model}, {adapter}"),
        ("data", ", ".join(config.path for config in preset.datasets)),
        ("rows", _rows(preset, known)),
        ("length", f"at most {preset.sequence_len:,} tokens"),
        ("batch", f"{batch:,} sample{'' if batch == 1 else 's'} a step{factors}"),
        ("steps", _steps(preset, known)),
        ("tokens", tokens),
        ("memory", memory),
        ("optimizer", rate),
        ("evaluation", _evaluation(preset)),
        ("device", _device(preset, gpus)),
        ("saved in", f"{preset.output_dir or 'runs'}/"),
    ]


def _known_rows(preset: Preset, known: Description | CheckReport | Failure | None) -> int | None:
    """The rows that training will have, as far as that can be told."""
    if isinstance(known, CheckReport):
        return known.kept
    if isinstance(known, Description) and known.train_rows is not None:
        return known.train_rows
    return None


def _rows(preset: Preset, known: Description | CheckReport | Failure | None) -> str:
    if isinstance(known, CheckReport):
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in known.dropped.items())
        return f"{known.kept:,} of {known.rows:,} reach training" + (f" ({dropped})" if dropped else "")
    if isinstance(known, Description):
        count = "not known yet" if known.train_rows is None else f"{known.train_rows:,}"
        held = f", {known.eval_rows:,} to evaluate on" if known.eval_rows else ""
        return f"{count}{held}; Check (4) says how many reach training"
    return "" if isinstance(known, Failure) else "looking…"


def _steps(preset: Preset, known: Description | CheckReport | Failure | None) -> str:
    epochs = f"{preset.num_epochs:g} epoch{'' if preset.num_epochs == 1 else 's'}"
    if preset.max_steps:
        return f"{preset.max_steps:,} (max_steps)"
    rows = _known_rows(preset, known)
    if rows is None:
        return epochs
    sure = "" if isinstance(known, CheckReport) else "at most "
    return f"{sure}{plan(preset, rows, preset.num_processes).steps:,} in {epochs}"


def _cost(preset: Preset, known: Description | CheckReport | Failure | None, gpus: tuple[str, ...] | None) -> list[str]:
    """Tokens and memory, once a check has told what they depend on."""
    if not isinstance(known, CheckReport) or known.tokens is None or not known.complete or not known.kept:
        return ["", ""]
    packed, processes = preset.sample_packing is not False, preset.num_processes
    told = estimate(
        preset,
        known.tokens.rows,
        expected_load(preset, known.tokens, packed=packed, processes=processes),
        known.model,
        half=computes_in_half(preset, gpu=bool(gpus)),
        packed=packed,
        processes=processes,
    )
    return [tokens_in_words(told), memory_in_words(told)]


def _evaluation(preset: Preset) -> str:
    if preset.test_datasets:
        on = ", ".join(config.path for config in preset.test_datasets)
    elif preset.val_set_size:
        size = preset.val_set_size
        on = f"{size:.0%} of the rows, held out" if size < 1 else f"{int(size):,} rows, held out"
    else:
        return "none: set val_set_size or test_datasets to see whether it learns"
    if preset.evals_per_epoch:
        return f"{on}, {preset.evals_per_epoch} times an epoch"
    if preset.eval_steps:
        every = preset.eval_steps
        return f"{on}, every {int(every):,} steps" if every >= 1 else f"{on}, every {every:.0%} of the run"
    return f"{on}, at the end"


def _device(preset: Preset, gpus: tuple[str, ...] | None) -> str:
    if preset.device != "auto":
        return str(preset.device)
    if gpus is None:
        return "the best that is here"
    return ", ".join(gpus) or "the CPU: no GPU is seen here"


def _against(session: Session, known: Description | CheckReport | Failure | None) -> list[Content]:
    lines = []
    for problem in session.problems:
        error = problem.severity == "error"
        sign, colour = ("✗", "$error") if error else ("·", "$quiet")
        lines.append(Content.assemble((f"{sign} ", f"bold {colour}"), (visible(str(problem)), "" if error else colour)))
    if isinstance(known, Failure) and not known.cancelled:
        where = f"{known.where}: " if known.where else ""
        text = f"{where}{known.what} {known.advice}"
        lines.append(Content.assemble(("✗ ", "bold $error"), visible(text)))
    if isinstance(known, CheckReport):
        for finding in known.findings:
            if finding.severity != "info":
                colour = "$error" if finding.severity == "error" else "$warning"
                text = f"{finding.count:,} × {finding.code}: {finding.message}"
                lines.append(Content.assemble(("▲ ", f"bold {colour}"), visible(text)))
    if session.unsaved:
        lines.append(Content.styled("· the edits that are not saved are part of what is trained", "$quiet"))
    if session.loaded is not None and not session.valid and session.checked:
        lines.append(Content.styled("✗ the preset as it stands cannot be trained: see Preset (2)", "$error"))
    return [Content(""), *lines] if lines else []


def _fact(name: str, value: str) -> Content:
    return Content.assemble((f"{name:<12}", "$quiet"), visible(value))
