"""The mistakes that people really make, each as a change of medkit's own source that its tests refuse.

Every one was seen elsewhere: in questions, course forums, issue threads, or accepted by a checker. `old`
occurs exactly once in the module, so that the list can't come apart from the code unseen.
"""

from __future__ import annotations

from typing import NamedTuple

BULLETS = (
    "Eq. 1", "Eq. 2", "Augmentation", "Eq. 3-4", "Models", "Eq. 5", "Training", "Eq. 6", "Eq. 7", "Eq. 8",
    "Eq. 9", "Evaluation",
)  # fmt: skip


class WrongVersion(NamedTuple):
    """One mistake, and what it looks like in medkit."""

    bullet: str
    mistake: str
    module: str
    old: str
    new: str

    @property
    def id(self) -> str:
        return f"{self.bullet}: {self.mistake}"


def applied(version: WrongVersion, source: str) -> str:
    """Return the module's source with the mistake in it."""
    count = source.count(version.old)
    if count != 1:
        fix = f"bring {version.id!r} up to date"
        raise ValueError(f"old must occur once in {version.module}, got {count} times; {fix}")
    return source.replace(version.old, version.new)


def _of(bullet: str, module: str, *changes: tuple[str, str, str]) -> tuple[WrongVersion, ...]:
    return tuple(WrongVersion(bullet, mistake, module, old, new) for mistake, old, new in changes)


WRONG = (
    *_of(
        "Eq. 1",
        "denoise",
        (
            "divided by n although the kernel sums to one",
            "    return clean\n",
            "    return clean / kernel.numel()\n",
        ),
        (
            "kernel of ones not divided",
            "return filter_image(image, kernel, border) / n",
            "return filter_image(image, kernel, border)",
        ),
        ("mean weights not divided", "(size,), 1 / size, dtype", "(size,), 1.0, dtype"),
        ("kernel flipped", "kernel[i, j].to(image)", "kernel[-1 - i, -1 - j].to(image)"),
        ("exp without its minus", "torch.exp(-(i**2)", "torch.exp((i**2)"),
        ("2 sigma for 2 sigma squared", "(2 * sigma**2)", "(2 * sigma)"),
        ("Gaussian that does not sum to one", "return weights / weights.sum()", "return weights"),
        ("radius one too small", "radius = size // 2", "radius = size // 2 - 1"),
        ("size rounded down", "radius = int(4 * sigma + 0.5)", "radius = int(4 * sigma)"),
        ("even size let through", "size < 1 or size % 2 == 0", "size < 1"),
        (
            "zeros beyond the border",
            'kernel: Tensor, border: str = "reflect") -> Tensor:\n    """Filter an',
            'kernel: Tensor, border: str = "constant") -> Tensor:\n    """Filter an',
        ),
        (
            "mean where the median was asked",
            "    waiting = [padded[",
            "    return torch.stack([padded[..., i : i + height, j : j + width] for i, j in "
            "shifts]).mean(0)\n"
            "    waiting = [padded[",
        ),
        (
            "filtered along the batch",
            "stack = image.reshape(-1, height, width)",
            "stack = image.transpose(0, -2).reshape(-1, height, width)",
        ),
    ),
    *_of(
        "Eq. 1",
        "_border",
        (
            "torch's reflect for scipy's",
            "        position = position % (2 * length)\n"
            "        source = torch.minimum(position, 2 * length - 1 - position)\n",
            "        position = position % max(2 * length - 2, 1)\n"
            "        source = torch.minimum(position, max(2 * length - 2, 1) - position)\n",
        ),
        (
            "padded along the batch",
            "for axis, margin in ((-2, rows), (-1, columns)):",
            "for axis, margin in ((0, rows), (-1, columns)):",
        ),
    ),
    *_of(
        "Eq. 2",
        "normalise",
        (
            "extremes of the whole batch",
            "if image.ndim < 4 else (1, 2, 3)",
            "if image.ndim < 4 else (0, 1, 2, 3)",
        ),
        ("channels scaled apart", "if image.ndim < 4 else (1, 2, 3)", "if image.ndim < 4 else (2, 3)"),
        (
            "own extremes in place of the training set's",
            "torch.as_tensor(minimum).to(image), torch.as_tensor(maximum).to(image)",
            "image.min(), image.max()",
        ),
        ("NaN for a constant image", "constant = span == 0", "constant = span < 0"),
        ("divided by the maximum alone", "scaled = (image - minimum) /", "scaled = image /"),
        ("maximum in place of the range", "span = maximum - minimum", "span = maximum"),
        (
            "clipped in place of scaled",
            "    return torch.where(constant, torch.zeros_like(scaled), scaled)\n\n\ndef _read",
            "    return torch.where(constant, torch.zeros_like(scaled), image.clamp(0, 1))\n\n\ndef _read",
        ),
        ("window twice as wide", "level - width / 2, level + width / 2", "level - width, level + width"),
        (
            "first image's extremes remembered",
            "return _scale(image, image.amin(axes, keepdim=True), image.amax(axes, keepdim=True))",
            "return _scale(image, *globals().setdefault('_first', (image.amin(), image.amax())))",
        ),
        (
            "standard deviation of a sample",
            "variance = centred.square().mean(axes, keepdim=True)",
            "variance = image.var(axes, keepdim=True)",
        ),
    ),
    *_of(
        "Eq. 2",
        "_check",
        ("integers let through", "if not image.is_floating_point():", "if False:"),
    ),
    *_of(
        "Eq. 2",
        "preparation",
        (
            "normalised before the CT window",
            "normalise.ct_window(image, *SOFT_TISSUE)",
            "normalise.ct_window(normalise.min_max(image), *SOFT_TISSUE)",
        ),
    ),
    *_of(
        "Augmentation",
        "augment",
        (
            "mask left where it was",
            'masks.append(F.grid_sample(bits, grid, "nearest"',
            'masks.append(F.grid_sample(bits, _grid(fixed(len(bits)), exact), "nearest"',
        ),
        (
            "mask turned the other way",
            'masks.append(F.grid_sample(bits, grid, "nearest"',
            'masks.append(F.grid_sample(bits, grid.flip(-1), "nearest"',
        ),
        ("mask not flipped", "None if mask is None else _reorder(mask, moves)", "mask"),
        ("mask read between pixels", '(bits, grid, "nearest"', '(bits, grid, "bilinear"'),
        (
            "one draw for the whole batch",
            "key = (int(seed), int(epoch), int(i))",
            "key = (int(seed), int(epoch), 0)",
        ),
        (
            "the same draw in each epoch",
            "key = (int(seed), int(epoch), int(i))",
            "key = (int(seed), 0, int(i))",
        ),
        (
            "copies made new patients, then split",
            "group[source.to(group.device)], made",
            "torch.arange(len(source)), made",
        ),
        ("flipped where side is the label", "uniform[:, 0] < ranges.horizontal", "uniform[:, 0] < 0.5"),
        (
            "left-right called top-bottom",
            "((-1, moves.flip_horizontal), (-2, moves.flip_vertical))",
            "((-2, moves.flip_horizontal), (-1, moves.flip_vertical))",
        ),
        (
            "bright border",
            "floor = exact.amin((1, 2, 3), keepdim=True)",
            "floor = exact.amax((1, 2, 3), keepdim=True)",
        ),
        (
            "zeros beyond the border whatever the range",
            "floor = exact.amin((1, 2, 3), keepdim=True)",
            "floor = 0.0",
        ),
        ("degrees taken for radians", "math.radians(angle + 90 * turns)", "angle + 90 * turns"),
        ("turned the other way", "math.radians(angle + 90 * turns)", "-math.radians(angle + 90 * turns)"),
        (
            "reduced where it should magnify",
            "math.cos(turn) / zoom, math.sin(turn) / zoom",
            "math.cos(turn) * zoom, math.sin(turn) * zoom",
        ),
    ),
    *_of(
        "Eq. 3-4",
        "attention",
        ("divided by d", "/ math.sqrt(d_k)  # Eq. 3", "/ d_k  # Eq. 3"),
        ("divided by the root of the number of tokens", "    d_k = q.shape[-1]\n", "    d_k = k.shape[-2]\n"),
        ("not divided", " / math.sqrt(d_k)  # Eq. 3", "  # Eq. 3"),
        (
            "softmax over the queries",
            "return torch.softmax(scores, dim=-1)\n",
            "return torch.softmax(scores, dim=-2)\n",
        ),
        (
            "one maximum for all rows",
            "return torch.softmax(scores, dim=-1)\n",
            "return (scores - scores.max()).exp() / (scores - scores.max()).exp().sum(-1, keepdim=True)\n",
        ),
        (
            "exp that overflows",
            "return torch.softmax(scores, dim=-1)\n",
            "return scores.exp() / scores.exp().sum(-1, keepdim=True)\n",
        ),
        ("no softmax", "return torch.softmax(scores, dim=-1)\n", "return scores\n"),
        (
            "keys with keys",
            "return q @ k.transpose(-2, -1) / math.sqrt(d_k)",
            "return k @ k.transpose(-2, -1) / math.sqrt(d_k)",
        ),
        (
            "queries ignored",
            "return q @ k.transpose(-2, -1) / math.sqrt(d_k)",
            "return torch.ones_like(q) @ k.transpose(-2, -1) / math.sqrt(d_k)",
        ),
        ("values handed through", "return weights @ v  # Eq. 4", "return v"),
        ("weights detached", "return weights @ v  # Eq. 4", "return weights.detach() @ v"),
        (
            "minus infinity in a row of nothing else",
            "lowest = torch.finfo(scores.dtype).min",
            "lowest = -math.inf",
        ),
        ("mask upside down", "scores.masked_fill(~mask, lowest)", "scores.masked_fill(mask, lowest)"),
        (
            "heads cut by a reshape",
            "x.unflatten(-1, (heads, -1)).transpose(-3, -2)",
            "x.reshape(*x.shape[:-2], heads, x.shape[-2], -1)",
        ),
        (
            "heads joined by a reshape",
            "return x.transpose(-3, -2).flatten(-2)",
            "return x.reshape(*x.shape[:-3], x.shape[-2], -1)",
        ),
    ),
    *_of(
        "Eq. 3-4",
        "models.transformer",
        ("positions lost", "return (rows, columns), tokens + positions", "return (rows, columns), tokens"),
        (
            "rows and columns exchanged",
            "torch.cat([of_row, of_column], dim=2)",
            "torch.cat([of_column, of_row], dim=2)",
        ),
    ),
    *_of(
        "Eq. 3-4",
        "blocks",
        ("what was seen not added to what was there", "return x + self.out(seen)", "return self.out(seen)"),
    ),
    *_of(
        "Models",
        "models.unet",
        (
            "skip added",
            "torch.cat([self.up_half(quarter), half], dim=1)",
            "torch.cat([self.up_half(quarter) + half] * 2, dim=1)",
        ),
        (
            "skip left out",
            "torch.cat([self.up_half(quarter), half], dim=1)",
            "torch.cat([self.up_half(quarter)] * 2, dim=1)",
        ),
    ),
    *_of(
        "Models",
        "models.hybrid",
        (
            "skip added in the hybrid",
            "torch.cat([self.up_half(quarter), half], dim=1)",
            "torch.cat([self.up_half(quarter) + half] * 2, dim=1)",
        ),
        (
            "attention skipped",
            "return self._answer(half, quarter, self.attention(eighth))",
            "return self._answer(half, quarter, eighth)",
        ),
    ),
    *_of(
        "Models",
        "blocks",
        (
            "mask at half the size",
            "super().__init__(width, 1, kernel_size=2, stride=2)",
            "super().__init__(width, 1, kernel_size=1, stride=1)",
        ),
        (
            "the head ends in a sigmoid",
            "class MaskHead(nn.ConvTranspose2d):\n",
            "class MaskHead(nn.ConvTranspose2d):\n"
            "    def forward(self, x):\n"
            "        return super().forward(x).sigmoid()\n"
            "\n",
        ),
    ),
    *_of(
        "Models",
        "losses",
        (
            "sigmoid twice in the overlap",
            "probability, truth = pred.sigmoid().flatten(1)",
            "probability, truth = pred.sigmoid().sigmoid().flatten(1)",
        ),
        (
            "sigmoid before a loss of logits",
            "F.binary_cross_entropy_with_logits(pred,",
            "F.binary_cross_entropy_with_logits(pred.sigmoid(),",
        ),
        (
            "softmax before cross-entropy",
            "F.cross_entropy(pred, target.where",
            "F.cross_entropy(pred.softmax(1), target.where",
        ),
        (
            "probabilities for logits in the overlap",
            "probability, truth = pred.sigmoid().flatten(1)",
            "probability, truth = pred.flatten(1)",
        ),
    ),
    *_of(
        "Models",
        "training",
        (
            "batch-norm in training mode while testing",
            "    check_image(image)\n    model.eval()\n    parts",
            "    check_image(image)\n    model.train()\n    parts",
        ),
    ),
    *_of(
        "Eq. 5",
        "transfer",
        ("gradients off, statistics moving", "        module.training = False\n", "        pass\n"),
        (
            "zeroed gradients left to an older optimiser",
            "parameter.grad = None  #",
            "parameter.grad.zero_()  #",
        ),
        ("gradients left on", "            parameter.requires_grad_(False)\n", "            pass\n"),
        (
            "only this once: undone by .train()",
            "module.medkit_frozen = module.register_forward_pre_hook(_hold)",
            "module.medkit_frozen = module.register_forward_pre_hook(lambda *_: None)",
        ),
        (
            "the new head frozen too",
            'for stage in stages or ("",) for module in known[stage].modules())',
            "for module in model.modules())",
        ),
        (
            "only the outermost layer of a stage",
            "for module in known[stage].modules())",
            "for module in [known[stage]])",
        ),
        (
            "after in place of after minus before",
            "new.detach().cpu().double() - old.detach().cpu().double()",
            "new.detach().cpu().double()",
        ),
        (
            "before minus after",
            "new.detach().cpu().double() - old.detach().cpu().double()",
            "old.detach().cpu().double() - new.detach().cpu().double()",
        ),
        ("compared with itself", "if new.numel() and old.data_ptr() == new.data_ptr():", "if False:"),
    ),
    *_of(
        "Eq. 5",
        "models.pretrained",
        (
            "backbone not loaded",
            "network.load_state_dict(state, assign=True)",
            "network.to_empty(device='cpu')",
        ),
        (
            "image tripled and stem summed",
            "pair = torch.cat([image, torch.ones_like(image)], dim=1)",
            "pair = torch.cat([3 * image, torch.ones_like(image)], dim=1)",
        ),
        (
            "ImageNet's standard deviation forgotten",
            'to("cpu", torch.float64) / std',
            'to("cpu", torch.float64)',
        ),
        (
            "ImageNet's mean forgotten",
            "-(scaled * mean).sum(1, keepdim=True)",
            "0 * scaled.sum(1, keepdim=True)",
        ),
        (
            "mean of the stem's channels",
            "torch.cat([scaled.sum(1, keepdim=True),",
            "torch.cat([scaled.mean(1, keepdim=True),",
        ),
    ),
    *_of(
        "Training",
        "step",
        ("old gradients added", "            optimiser.zero_grad()\n", "            pass\n"),
        ("each piece divided by its own count", "**weights, whole=whole)", "**weights)"),
        ("contradicting labels used", "data.scored[at], **weights", "None, **weights"),
    ),
    *_of(
        "Training",
        "training",
        ("never back in training mode", "            model.train()\n", "            pass\n"),
        ("evaluated in training mode", "    model.eval()\n    try:\n        interrupt.at_once", "    try:\n        interrupt.at_once"),
        (
            "rate lowered with each batch",
            '["lr"] = settings.rate_at(state.steps, steps)',
            '["lr"] = settings.rate_at(state.steps, steps) * 0.9**state.step',
        ),
        (
            "one order for all seeds",
            'key(f"order of seed {seed}, epoch {epoch}")',
            'key(f"order of epoch {epoch}")',
        ),
        (
            "one order for all epochs",
            'key(f"order of seed {seed}, epoch {epoch}")',
            'key(f"order of seed {seed}")',
        ),
        ("losses of unequal batches averaged alike", "state.add(losses, len(batch),", "state.add(losses, 1,"),
    ),
    *_of(
        "Training",
        "resume",
        ("the last epoch called the best", "value <= before[self.best])", "False)"),
    ),
    *_of(
        "Training",
        "experiment",
        (
            "one set of first weights for all seeds",
            "with drawn_by(seed):",
            "with drawn_by(0):",
        ),
    ),
    *_of(
        "Eq. 6",
        "metrics",
        (
            "background pixels counted",
            "    tp, fp, fn, _ = counts\n    return ratio(2 * tp, (tp + fp) + (tp + fn))",
            "    tp, fp, fn, tn = counts\n    return ratio(tp + tn, tp + fp + fn + tn)",
        ),
        (
            "accuracy in an unbalanced set",
            "mean, empty = mean_of_answered(recall_per_class(counts))",
            "mean, empty = accuracy(counts).value / 100, 0",
        ),
        ("a share, not per cent", "int(counts.tp.sum()) / n * 100", "int(counts.tp.sum()) / n"),
        (
            "divided by images times classes",
            "Metric(int(counts.tp.sum()) / n * 100",
            "Metric(int((counts.tp + counts.tn).sum()) / (n * len(counts.tp)) * 100",
        ),
    ),
    *_of(
        "Eq. 6",
        "experiment",
        (
            "logits cut where probabilities are",
            "measure(label.softmax(1), mask > 0, data, cut)",
            "measure(label.softmax(1), mask > 0.5, data, cut)",
        ),
    ),
    *_of(
        "Eq. 7",
        "metrics",
        (
            "both empty is 1, by a small number",
            "return ratio(2 * tp, (tp + fp) + (tp + fn))",
            "return ratio(2 * tp + 1e-8, (tp + fp) + (tp + fn) + 1e-8)",
        ),
        (
            "union in place of the two areas",
            "return ratio(2 * tp, (tp + fp) + (tp + fn))",
            "return ratio(tp, tp + fp + fn)",
        ),
        (
            "pooled called a mean over images",
            "return _skipping(dice_per_image(counts))",
            "return _skipping(dice_per_image(_summed(counts)))",
        ),
        (
            "misses dropped",
            "return ratio(2 * tp, (tp + fp) + (tp + fn))",
            "return ratio(2 * tp, ((tp + fp) + (tp + fn)) * (tp > 0))",
        ),
        (
            "false alarms on healthy images dropped",
            "return _skipping(dice_per_image(counts))",
            "return dice_truth_shown(counts)",
        ),
    ),
    *_of(
        "Eq. 7",
        "_counts",
        (
            "both empty is 0",
            "return part.double() / whole.double()",
            "return part.double() / whole.double().clamp(min=1e-9)",
        ),
        (
            "sums in eight bits",
            "(pred & target).sum(1), (pred &",
            "(pred & target).sum(1, dtype=torch.uint8), (pred &",
        ),
        ("255 and scores let through", "if mask.dtype != torch.bool:", "if False:"),
        (
            "pixels of the whole batch",
            "pred, target = pred.flatten(1), target.flatten(1)\n",
            "pred, target = pred.reshape(1, -1), target.reshape(1, -1)\n",
        ),
    ),
    *_of(
        "Eq. 8",
        "timing",
        (
            "clock stopped before the device is done",
            "        run()\n        synchronise()\n",
            "        run()\n",
        ),
        (
            "clock started while the device is at work",
            "        synchronise()\n        start = time.perf_counter()\n",
            "        start = time.perf_counter()\n",
        ),
        ("first calls counted", "    for _ in range(warm_up):\n        run()\n", ""),
        (
            "a batch's time called an image's",
            "each = [seconds / len(batch) for seconds in times]",
            "each = list(times)",
        ),
        ("in training mode", "        model.eval()\n", "        pass\n"),
        ("gradients kept", "        with torch.no_grad():\n", "        with contextlib.nullcontext():\n"),
        ("mean, which one outlier moves", "return Timing(middle,", "return Timing(statistics.mean(each),"),
    ),
    *_of(
        "Eq. 9",
        "metrics",
        (
            "micro average, which is the accuracy",
            "return macro(f1_per_class, counts)",
            "return micro(f1_per_class, counts)",
        ),
        ("F1 of averages", "return macro(f1_per_class, counts)", "return f1_of_means(counts)"),
        ("F1 of a single class", "return macro(f1_per_class, counts)", "return binary(f1_per_class, counts)"),
        (
            "arithmetic mean of precision and recall",
            "return ratio(2 * tp, 2 * tp + fp + fn)  # Eq. 9",
            "return (precision_per_class(counts) + recall_per_class(counts)) / 2",
        ),
        (
            "absent class counted as 0",
            "    mean, empty = mean_of_answered(measure(counts))\n",
            "    mean, empty = float(measure(counts).nan_to_num().mean()), 0\n",
        ),
        ("the wrong class positive", "positive: int = 1)", "positive: int = 0)"),
    ),
    *_of(
        "Eq. 9",
        "scores",
        ("AUROC of decided labels", "score.unique(return_inverse", "(score > 0.5).unique(return_inverse"),
        (
            "AUROC averaged over batches",
            "    positive = int(target.sum())\n",
            "    if len(target) > 4:\n"
            "        halves = [auroc(s, t).value for s, t in zip(score.chunk(2), target.chunk(2))]\n"
            "        return Metric(sum(halves) / 2, len(target), 0, '')\n"
            "    positive = int(target.sum())\n",
        ),
        ("ties count as won", "rank = (ties.cumsum(0) - (ties - 1) / 2.0)", "rank = (ties.cumsum(0) * 1.0)"),
    ),
    *_of(
        "Eq. 9",
        "_counts",
        (
            "truth and answer exchanged",
            "table.sum(0) - tp, table.sum(1) - tp",
            "table.sum(1) - tp, table.sum(0) - tp",
        ),
    ),
    *_of(
        "Evaluation",
        "data.container",
        ("a patient on both sides", "            if both:\n", "            if False:\n"),
        (
            "split by slice",
            "torch.unique(data.group.cpu(), return_inverse=True)",
            "torch.unique(torch.arange(len(data.group)), return_inverse=True)",
        ),
    ),
    *_of(
        "Evaluation",
        "data.public",
        (
            "near-twins parted",
            'torch.as_tensor(arrays["group"]).long()',
            "torch.arange(len(image))",
        ),
        (
            "slices of one patient parted",
            "side = torch.tensor([fold_of[p] for p in patients])",
            "side = torch.arange(len(patients)) % FOLDS",
        ),
    ),
    *_of(
        "Evaluation",
        "intervals",
        (
            "bootstrap over slices",
            "_, place = group.unique(return_inverse=True)",
            "place = torch.arange(len(values))",
        ),
        (
            "two intervals for one difference",
            "bootstrap_mean(first - second, group,",
            "bootstrap_mean(torch.cat([first, -second]), torch.cat([group, group + 1 + group.max()]),",
        ),
    ),
    *_of(
        "Evaluation",
        "experiment",
        (
            "test images join the training",
            "return Task(split.train, see(split.train),",
            "return Task(split.train, see(split.train) + see(split.test).mean(0),",
        ),
        (
            "a cut chosen on the test images",
            "best_cut(label.softmax(1), task.val)",
            "best_cut(predict(model, task.test._image).label.softmax(1), task.test._images)",
        ),
        (
            "a lower rate for one's own model",
            "        task.train.mask,\n        settings,\n",
            "        task.train.mask,\n"
            "        dataclasses.replace(settings, learning_rate=0.001 / (1 + (name == 'hybrid'))),\n",
        ),
        (
            "a look at the test images that nobody counts",
            'images, image = task.test.open(f"{name}, seed {seed}, epoch {epoch}")',
            "images, image = task.test._images, task.test._image",
        ),
    ),
    *_of(
        "Evaluation",
        "measure",
        ("contradicting labels scored", "    known = data.scored\n", "    known = data.scored | True\n"),
    ),
    *_of(
        "Evaluation",
        "preparation",
        (
            "extremes of each set, the test's too",
            "torch.aminmax(self._windowed(train)))\n            return lambda data: normalise.min_max_data_set(self._windowed(data), low, high)",
            "torch.aminmax(self._windowed(train)))\n            return lambda data: normalise.min_max_volume(self._windowed(data))",
        ),
    ),
    *_of(
        "Evaluation",
        "baseline",
        ("a strength chosen on the test images", "probability(model, task.val_image), task.val) for", "probability(model, task.test._image), task.test._images) for"),
    ),
    *_of(
        "Evaluation",
        "table",
        ("the best of the seeds", "statistics.fmean(values) * block.factor", "max(values) * block.factor"),
    ),
)
